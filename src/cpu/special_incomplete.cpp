// The incomplete gamma and beta functions: core/special_incomplete.hpp for vectors.
#include "core/special_incomplete.hpp"

#include "cpu/math.hpp"
#include "cpu/special.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

V gammainc(V a, V x) { return core::special::gammainc(a, x); }
V gammaincc(V a, V x) { return core::special::gammaincc(a, x); }
V gammainc_slope(V a, V x) { return core::special::gammainc_slope(a, x); }
V betainc(V a, V b, V x) { return core::special::betainc(a, b, x); }
V betainc_slope(V a, V b, V x) { return core::special::betainc_slope(a, b, x); }

}  // namespace special
}  // namespace nnx::cpu::inline NNX_LEVEL
