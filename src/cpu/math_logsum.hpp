// softplus and logaddexp: log(1 + exp x) and log(exp a + exp b). Where the two terms of logaddexp
// nearly cancel, max(a, b) and log(1 + exp(-|a - b|)), the result is computed again with more
// digits.
#pragma once

#include "cpu/math_exp.hpp"
#include "cpu/math_log.hpp"
#include "cpu/math_pow.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// log(1 + z) for z in [0, 1]: 1 + z is (1 + f) or 2 (1 + f).
template <class T>
inline Vec<T> log1p_unit(Vec<T> z) {
  const auto upper = z > 0.5;
  return log_join(
      LogParts<T>{select(upper, Vec<T>(1), Vec<T>(0)), select(upper, 0.5 * z - 0.5, z)});
}

template <class T>
inline Vec<T> logaddexp_equal(Vec<T> a, Vec<T> b, Vec<T> y) {  // infinities too
  return select(a == b, a + 0.6931471805599453, y);
}

inline Vec<double> plain_logaddexp(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  const V large = max(a, b);
  const auto difference = two_sum(large, -min(a, b));  // >= 0
  const auto counts = difference.value < -Format<double>::exp_lowest;
  const V low = select(counts, difference.error, V(0));
  const auto [shifted, n, r] = exp_reduce(max(V(Format<double>::exp_lowest), -difference.value));
  const V tail = exp_tail(r - low), sum = 1 + tail, lost = tail - (sum - 1);
  const V z = scale<Range::full>(sum, n, shifted);
  // The slope of log(1 + z), about 1 - z/2, times what z lost: it shows when `large` is tiny.
  const V y = log1p_unit(z) + fma(z * lost, fma(z, V(-0.5), 1), large);
  return logaddexp_equal(a, b, select((a == a) & (b == b), y, a + b));
}
// Of float32 values in double, to about 2^-34 of log(1 + exp).
inline Vec<double> short_logaddexp(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  const V large = max(a, b);
  const V x = max(V(-1000), (a - b).abs() * -1.4426950408889634);
  const V shifted = x + Format<double>::shifter, r = x - (shifted - Format<double>::shifter);
  const V z = power_of_two(shifted) * fma(r, polynomial(r, kExp2Short), 1);
  const auto upper = z > 0.5;
  const V f = select(upper, 0.5 * z - 0.5, z);
  const V log2 = fma(f, polynomial(f, kLog2Short), select(upper, V(1), V(0)));
  return logaddexp_equal(a, b, fma(log2, V(0.6931471805599453), large));
}

// --- where the terms cancel: half as many digits again --------------------------------------
// exp(x + x_low) for x in [-700, 0] to 2^-63
inline constexpr double kExpLong[] = {
    0x1.555555555553p-5,   0x1.111111111034ep-7,  0x1.6c16c16c28fccp-10,
    0x1.a01a01ac089afp-13, 0x1.a01a01420a265p-16, 0x1.71de0042c9105p-19,
    0x1.27e5b9e4a7ec8p-22, 0x1.af530b281d1dfp-26, 0x1.1e16f86d274dp-29};
inline Exact<double> exp_long(Vec<double> x, Vec<double> x_low) {
  using V = Vec<double>;
  using C = Format<double>;
  const V shifted = fma(x, V(C::log2e), V(C::shifter)), n = shifted - C::shifter;
  const V a = fma(n, V(-C::ln2_high), x);  // exact
  const auto product = two_product(n, V(-C::ln2_low));
  const auto r = two_sum(a, product.value);
  const V r_low = r.error + (product.error + x_low);
  // 1 + r (1 + r (1/2 + r (1/6 + r P))), each level in two parts
  auto y = fast_two_sum(V(0x1.5555555555555p-3), r.value * polynomial(r.value, kExpLong));
  V y_low = y.error + 0x1.5555555555555p-57;
  for (double c : {0.5, 1.0, 1.0}) {
    const auto p = two_product(r.value, y.value);
    const V p_low = p.error + (r.value * y_low + r_low * y.value);
    y = fast_two_sum(V(c), p.value);
    y_low = y.error + p_low;
  }
  const V power = power_of_two(shifted);
  return {y.value * power, y_low * power};
}
[[gnu::noinline]] inline Vec<double> longer_logaddexp(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  const V large = max(a, b);
  const auto difference = two_sum(min(a, b), -large);
  const auto z = exp_long(max(V(-700), difference.value), difference.error);
  const auto u = two_sum(V(1), z.value);
  const auto log = log_long(log_split(u.value));
  const V inverse = 1 / u.value;
  const V e = u.error * inverse;
  const auto x = two_sum(large, log.value), y = two_sum(x.value, e);
  return y.value + (y.error + (x.error + (log.error + fma(z.error, inverse, -0.5 * e * e))));
}

// --- where even that is lost: twice the digits, one element at a time -------------------------
struct Long {
  double high, low;
};
inline Long long_sum(double a, double b) {
  const double s = a + b, bb = s - a;
  return {s, (a - (s - bb)) + (b - bb)};
}
inline Long operator+(Long a, Long b) {
  const Long s = long_sum(a.high, b.high);
  return long_sum(s.high, s.low + (a.low + b.low));
}
inline Long operator*(Long a, Long b) {
  const double p = a.high * b.high;
  return long_sum(p, std::fma(a.high, b.high, -p) + (a.high * b.low + a.low * b.high));
}
inline Long operator/(Long a, Long b) {
  const double q = a.high / b.high;
  const Long rest = a + b * Long{-q, 0};
  return long_sum(q, rest.high / b.high);
}
inline Long long_exp(Long x) {  // for x in [-745, 1]
  const double n = std::nearbyint(x.high * 1.4426950408889634);
  constexpr double ln2[] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111};
  Long r = x;
  for (double part : ln2) r = r + long_sum(-n * part, std::fma(-n, part, n * part));
  constexpr double shrink = 0x1p-8;
  r = {r.high * shrink, r.low * shrink};
  Long y = {1, 0};
  for (int i = 10; i > 0; --i) {  // 1 + r / i (1 + ...)
    const Long term = y * r;
    const double q = term.high / i;
    y = Long{1, 0} + Long{q, (std::fma(-q, i, term.high) + term.low) / i};
  }
  for (int i = 0; i < 8; ++i) y = y * y;
  const double power = std::ldexp(1.0, int(n));
  return {y.high * power, y.low * power};
}
inline double long_logaddexp(double a, double b) {
  const double large = a > b ? a : b, small = a > b ? b : a;
  const Long z = long_exp(long_sum(small, -large));
  if (z.high < 1e-280) return (large + z.high) + z.low;  // products would leave the range
  if (z.high < 0x1p-40) {  // the series, of which two terms are enough
    const Long square = z * z;
    const Long y = Long{large, 0} + z + Long{-0.5 * square.high, -0.5 * square.low};
    return y.high + y.low;
  }
  const double guess = std::log1p(z.high);  // and one step of Newton's method from there
  const Long back = long_exp({guess, 0});
  const Long rest = z + (Long{1, 0} + Long{-back.high, -back.low});
  const Long y = long_sum(large, guess) + rest / back;
  return y.high + y.low;
}

[[gnu::noinline]] inline Vec<double> accurate_logaddexp(Mask<double> where, Vec<double> y,
                                                        Vec<double> a, Vec<double> b) {
  const Vec<double> better = select(where, longer_logaddexp(a, b), y);
  const auto lost = where & ((better.abs() < max(a, b).abs() * 0x1p-8) | (max(a, b) > -0x1p-900));
  return any(lost) ? patch(lost, better, a, b, long_logaddexp) : better;
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::softplus() const {
  return math::with_range(*this, []<math::Range range>(Vec x) {
    return x.relu() + math::log1p_unit(math::exp_of<range>(-x.abs()));
  });
}

template <>
inline Vec<float> Vec<float>::logaddexp(Vec b) const {
  const auto half = [](Vec<double> u, Vec<double> v) {
    const Vec<double> y = math::short_logaddexp(u, v);
    const auto cancelled = y.abs() < max(u, v) * -0x1p-9;
    return any(cancelled) ? math::accurate_logaddexp(cancelled, y, u, v) : y;
  };
  return narrow(half(widen_low(*this), widen_low(b)), half(widen_high(*this), widen_high(b)));
}
template <>
inline Vec<double> Vec<double>::logaddexp(Vec b) const {
  const Vec y = math::plain_logaddexp(*this, b);
  const Vec large = max(*this, b);
  const auto cancelled = y - large > fma(Vec(0.1), y, y.abs());  // log(1 + exp) is the greater
  return any(cancelled) ? math::accurate_logaddexp(cancelled, y, *this, b) : y;
}

}  // namespace nnx::cpu::inline NNX_LEVEL
