// Single pointwise ops on float32.
#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_f32(int declaration, Batch& batch) {
  return run_direct<Lane::f32>(declaration, batch);
}

}  // namespace nnx::cuda
