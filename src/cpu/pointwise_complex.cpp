// The pointwise declarations compiled for complex64 and complex128.
#include "core/dtype.hpp"

namespace nnx::pointwise {
namespace {
constexpr core::Lane kCompiled[] = {core::Lane::c64, core::Lane::c128};
}
}  // namespace nnx::pointwise

#include "cpu/vec_complex.hpp"

#include "cpu/pointwise.hpp"
#include "cpu/pointwise_lanes.hpp"

namespace nnx::cpu {
core::TileFn pointwise_complex(int declaration, core::Lane lane) {
  return pointwise::compiled(declaration, lane);
}
}  // namespace nnx::cpu
