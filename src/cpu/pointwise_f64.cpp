// The pointwise declarations compiled for float64.
#include "core/dtype.hpp"

namespace nnx::pointwise {
namespace {
constexpr core::Lane kCompiled[] = {core::Lane::f64};
}
}  // namespace nnx::pointwise

#include "cpu/pointwise.hpp"
#include "cpu/pointwise_lanes.hpp"

namespace nnx::cpu {
core::TileFn pointwise_f64(int declaration) {
  return pointwise::compiled(declaration, core::Lane::f64);
}
}  // namespace nnx::cpu
