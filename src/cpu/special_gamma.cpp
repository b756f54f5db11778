// The family of the gamma function: core/special_gamma.hpp for vectors.
#include "core/special_gamma.hpp"

#include "cpu/math.hpp"
#include "cpu/special.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

V lgamma(V x) { return core::special::lgamma(x); }
V digamma(V x) { return core::special::digamma(x); }
V polygamma(V n, V x) { return core::special::polygamma(n, x); }
V zeta(V s, V q) { return core::special::zeta(s, q); }
V betaln(V a, V b) { return core::special::betaln(a, b); }

}  // namespace special
}  // namespace nnx::cpu::inline NNX_LEVEL
