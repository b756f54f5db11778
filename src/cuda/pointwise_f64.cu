// Single pointwise ops on float64.
#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_f64(int declaration, Batch& batch) {
  return run_direct<Lane::f64>(declaration, batch);
}

}  // namespace nnx::cuda
