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
    .run = run,
    .reduce = reduce,
    .gemm_f32 = gemm_f32,
    .matmul_i64 = matmul_i64,
    .conv = conv,
    .conv_workspace = conv_workspace,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .logsumexp = logsumexp,
    .cross_entropy = cross_entropy,
    .cross_entropy_backward = cross_entropy_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .batch_norm = batch_norm,
    .batch_norm_backward = batch_norm_backward,
    .moments = moments,
    .arg_extreme = arg_extreme,
    .sort = sort,
    .ranked = ranked,
    .search = search,
    .changes = changes,
    .scan = scan,
    .gather_rows = gather_rows,
    .scatter_rows = scatter_rows,
    .scatter_add_rows = scatter_add_rows,
    .gather_elements = gather_elements,
    .scatter_elements = scatter_elements,
    .scatter_add_elements = scatter_add_elements,
    .nonzero = nonzero,
    .join = join,
    .triangle = triangle,
    .one_hot = one_hot,
    .ramp = ramp,
    .resample = resample,
    .pick = pick,
    .pick_add = pick_add,
    .pick_products = pick_products,
    .index_range = index_range,
    .max_pool = max_pool,
    .max_pool_scatter = max_pool_scatter,
    .max_pool_gather = max_pool_gather,
    .avg_pool = avg_pool,
    .avg_pool_scatter = avg_pool_scatter,
    .random = random,
};

}  // namespace
}  // namespace nnx::cpu

extern "C" __attribute__((visibility("default"))) const nnx::core::Kernels* nnx_open_backend(
    const nnx::core::Host* host, std::uint32_t abi) {
  if (abi != nnx::core::kKernelAbi) return nullptr;
  nnx::cpu::set_host(*host);
  return &nnx::cpu::kTable;
}
