// Single pointwise ops on float32.
#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_f32(int declaration, const Direct& d) {
  return run_direct<Lane::f32>(declaration, d);
}

}  // namespace nnx::cuda
