// The pointwise declarations compiled for integers and truth values, and the lookup over all lanes.
#include "core/dtype.hpp"

namespace nnx::pointwise {
namespace {
constexpr core::Lane kCompiled[] = {core::Lane::i64, core::Lane::u64, core::Lane::b8};
}
}  // namespace nnx::pointwise

#include "cpu/kernels_decl.hpp"
#include "cpu/pointwise.hpp"
#include "cpu/pointwise_lanes.hpp"

namespace nnx::cpu {

core::TileFn pointwise_function(int declaration, core::Lane lane) {
  switch (lane) {
    case core::Lane::f32: return pointwise_f32(declaration);
    case core::Lane::f64: return pointwise_f64(declaration);
    case core::Lane::c64:
    case core::Lane::c128: return pointwise_complex(declaration, lane);
    default: return pointwise::compiled(declaration, lane);
  }
}

}  // namespace nnx::cpu
