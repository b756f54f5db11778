// Bessel functions: core/special_bessel.hpp for vectors.
#include "core/special_bessel.hpp"

#include "cpu/math.hpp"
#include "cpu/special.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

V i0(V x) { return core::special::i0(x); }
V i0e(V x) { return core::special::i0e(x); }
V i1(V x) { return core::special::i1(x); }
V i1e(V x) { return core::special::i1e(x); }

}  // namespace special
}  // namespace nnx::cpu::inline NNX_LEVEL
