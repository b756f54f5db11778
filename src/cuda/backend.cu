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
      .run = run,
      .reduce = reduce,
      .gemm_f32 = gemm_f32,
      .gemm_f64 = gemm_f64,
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
