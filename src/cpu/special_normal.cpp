// The error function's complement and inverse, the normal distribution's logarithm and inverse, and
// the cube root. Inverses are those of core/special_normal.hpp; what follows from W of
// cpu/math_erf.hpp, which never underflows, and the cube root are of this backend alone.
#include "core/special_normal.hpp"

#include "cpu/math.hpp"
#include "cpu/special.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

namespace {

using core::special::kInf;
constexpr double kRoot2 = 1.4142135623730951;

// erfc(a) for a >= 0
V tail(V a) {
  using math::Range;
  a = min(V(27.5), a);  // 0 from there on
  const auto [p, p_low] = math::mills(a * kRoot2);
  const auto square = math::two_product(a, a);
  const auto [shifted, n, r] = math::exp_reduce(-square.value);
  const V e = math::exp_tail(r - square.error);
  return math::scale<Range::full>(2 * (p + fma(p, e, fma(p_low, e, p_low))), n, shifted);
}

// W(u) = ndtr(-u) exp(u^2 / 2) for any u >= 0: the asymptotic series where W's polynomial ends.
V ratio(V u) {
  const auto [p, p_low] = math::mills(min(V(36), u));
  const auto far = u > 36;
  if (!any(far)) return p + p_low;
  const V t = 1 / u, z = t * t;
  V sum = 1;
  for (int k = 13; k > 0; k -= 2) sum = 1 - double(k) * z * sum;
  return select(far, 0.3989422804014327 * t * sum, p + p_low);
}

}  // namespace

V erfc(V x) {
  const V y = tail(x.abs());
  return select(x < 0, 2 - y, y);
}

V erfcx(V x) {
  const V y = 2 * ratio(x.abs() * kRoot2);
  const auto negative = x < 0;
  if (!any(negative)) return y;
  const V a = max(V(-30), x);
  const auto square = math::two_product(a, a);
  const V e = square.value.exp();
  return select(negative, select(x < -27, V(kInf), fma(2 * e, square.error, 2 * e - y)), y);
}

V erfinv(V x) { return core::special::erfinv(x); }
V ndtri(V p) { return core::special::ndtri(p); }
V log_ndtr(V x) { return core::special::log_ndtr(x, ratio(x.abs())); }

V cbrt(V x) {
  const V a = x.abs();
  const V y = (a.log() * (1.0 / 3)).exp();
  const V square = y * y;
  const V better = y + math::product_residual(square, y, a) / (3 * square);  // Newton's step
  return select((a == 0) | ~(a < kInf), x, better.copysign(x));
}

}  // namespace special
}  // namespace nnx::cpu::inline NNX_LEVEL
