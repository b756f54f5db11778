// The CPU backend's table, and the one symbol of its shared object.
#include "core/kernels.hpp"
#include "cpu/host.hpp"
#include "cpu/kernels_decl.hpp"

namespace nnx::cpu {
namespace {

constexpr const char* kLevel =
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
    "v4";
#elif defined(__AVX2__) && defined(__FMA__)
    "v3";
#elif defined(__SSE4_2__)
    "v2";
#else
    "generic";
#endif

constexpr core::Kernels kTable{
    .abi = core::kKernelAbi,
    .level = kLevel,
    .pointwise_function = pointwise_function,
    .grid_sample = grid_sample,
    .grid_sample_backward = grid_sample_backward,
#include "core/kernel_entries.inc"
};

}  // namespace
}  // namespace nnx::cpu

extern "C" __attribute__((visibility("default"))) const nnx::core::Kernels* nnx_open_backend(
    const nnx::core::Host* host, std::uint32_t abi) {
  if (abi != nnx::core::kKernelAbi) return nullptr;
  nnx::cpu::set_host(*host);
  return &nnx::cpu::kTable;
}
