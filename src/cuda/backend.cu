// The CUDA backend's table, and the one symbol of its shared object.
#include <cstdlib>

#include "core/kernels.hpp"
#include "cuda/device.hpp"
#include "cuda/kernels_decl.hpp"

// core's own throws the host's error; no kernel makes so long a list.
void nnx::core::Dims::throw_too_long() { std::abort(); }

namespace nnx::cuda {
namespace {

const core::Kernels& table() {
  static const core::Kernels all{
      .abi = core::kKernelAbi,
      .level = "cuda",
      .device = &api(),
      .pointwise_function = [](int, core::Lane) -> core::TileFn { return nullptr; },
      .gemm_f64 = gemm_f64,
#include "core/kernel_entries.inc"
  };
  return all;
}

}  // namespace
}  // namespace nnx::cuda

extern "C" __attribute__((visibility("default"))) const nnx::core::Kernels* nnx_open_backend(
    const nnx::core::Host* host, std::uint32_t abi) {
  if (abi != nnx::core::kKernelAbi) return nullptr;
  nnx::cuda::set_host(*host);
  return &nnx::cuda::table();
}
