// Single pointwise ops on float64.
#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_f64(int declaration, const Direct& d) {
  return run_direct<Lane::f64>(declaration, d);
}

}  // namespace nnx::cuda
