// The pointwise declarations compiled for float32.
#include "core/dtype.hpp"

namespace nnx::pointwise {
namespace {
constexpr core::Lane kCompiled[] = {core::Lane::f32};
}
}  // namespace nnx::pointwise

#include "cpu/pointwise.hpp"
#include "cpu/pointwise_lanes.hpp"

namespace nnx::cpu {
core::TileFn pointwise_f32(int declaration) {
  return pointwise::compiled(declaration, core::Lane::f32);
}
}  // namespace nnx::cpu
