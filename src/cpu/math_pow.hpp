// Powers, roots and lengths: pow with C's special values, rsqrt, hypot. Integer powers wrap.
#pragma once

#include "cpu/math_exp.hpp"
#include "cpu/math_log.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// log2(1 + f) / f and exp2, in double but only to the precision float32 needs.
inline constexpr double kLog2Short[] = {
    0x1.71547652b7c1dp+0, -0x1.7154765404e62p-1, 0x1.ec709dcb91d05p-2, -0x1.715473c25205fp-2,
    0x1.2776bce6b2c6p-2,  -0x1.ec721036bfd1dp-3, 0x1.a61d4b375c1fap-3, -0x1.712f7688a0c67p-3,
    0x1.477a6d02bb254p-3, -0x1.284b75c8b1577p-3, 0x1.17f4836aac09dp-3, -0x1.055391ee9e65dp-3,
    0x1.7896bb8cbe693p-4, -0x1.0eda49d5b8b0bp-5};
inline constexpr double kExp2Short[] = {
    0x1.62e42ff0e1ad3p-1,  0x1.ebfbe0779cacap-3,  0x1.c6b08ac0a0503p-5, 0x1.3b29f37f6c429p-7,
    0x1.5d8a84d21342ap-10, 0x1.445ca069e3278p-13, 0x1.fde845a087babp-17};

// a^b for a >= 0, b limited to +-2^64.
inline Vec<double> power_short(Vec<double> a, Vec<double> b) {
  const Vec<double> log =
      logarithm(a, [](LogParts<double> x) { return fma(x.f, polynomial(x.f, kLog2Short), x.e); });
  const Vec<double> x = min(Vec<double>(200), max(Vec<double>(-200), b * log));
  const Vec<double> shifted = x + Format<double>::shifter, n = shifted - Format<double>::shifter;
  const Vec<double> r = x - n;
  return power_of_two(shifted) * fma(r, polynomial(r, kExp2Short), 1);
}
inline Vec<float> power_of_magnitude(Vec<float> a, Vec<float> b) {
  return narrow(power_short(widen_low(a), widen_low(b)), power_short(widen_high(a), widen_high(b)));
}

// (log(1 + f) - 2 s - 2/3 s^3) / s^5 as a polynomial in s^2, s = f / (2 + f)
inline constexpr double kLogLong[] = {
    0x1.9999999999993p-2, 0x1.2492492494ca6p-2, 0x1.c71c71c13688p-3,  0x1.745d1a51cd9b7p-3,
    0x1.3b12d890f8d3fp-3, 0x1.1133c5da9831ap-3, 0x1.db7a910dd0a81p-4, 0x1.ff470ff44fe23p-4};

// e ln 2 + log(1 + f) to about 2^-66 of itself, in two parts.
inline Exact<double> log_long(LogParts<double> x) {
  using V = Vec<double>;
  const auto [e, f] = x;
  const auto d = fast_two_sum(V(2), f);
  const V t = 1 / d.value, s = f * t;
  const auto sd = two_product(s, d.value);
  const V s_low = (((f - sd.value) - sd.error) - s * d.error) * t;
  const auto z = two_product(s, s);
  const V z_low = z.error + 2 * s * s_low;
  // c = 2/3 + z P(z), u = z c, v = s u: log(1 + f) = 2 s + v
  const auto c = fast_two_sum(V(0x1.5555555555555p-1), z.value * polynomial(z.value, kLogLong));
  const V c_low = c.error + 0x1.5555555555555p-55;
  const auto u = two_product(z.value, c.value);
  const V u_low = u.error + (z.value * c_low + z_low * c.value);
  const auto v = two_product(s, u.value);
  const V v_low = v.error + (s * u_low + s_low * u.value);
  const auto m = fast_two_sum(2 * s, v.value);
  const auto sum = fast_two_sum(e * Format<double>::ln2_high, m.value);
  return {sum.value, sum.error + (m.error + (2 * s_low + v_low) + e * Format<double>::ln2_low)};
}
inline Vec<double> power_of_magnitude(Vec<double> a, Vec<double> b) {
  return logarithm(a, [b](LogParts<double> parts) {
    using V = Vec<double>;
    const auto log = log_long(parts);
    const auto p = two_product(b, log.value);
    const V x = min(V(800), max(V(-800), p.value));
    const V low = select(p.value.abs() < 800, p.error + b * log.error, V(0));
    const auto [shifted, n, r] = exp_reduce(x);
    return scale<Range::full>(1 + exp_tail(r + low), n, shifted);
  });
}

// x^n by squaring; negative exponents give what is left of 1 / x^|n|.
template <class T>
inline Vec<T> integer_power(Vec<T> x, Vec<T> n) {
  Vec<T> y = 1, square = x, left = n;
  if constexpr (std::is_signed_v<T>) left = max(n, Vec<T>(0));
  while (any(left != 0)) {
    y = select((left & 1) != 0, y * square, y);
    square *= square;
    left = left >> 1;
  }
  if constexpr (std::is_signed_v<T>) {
    const Vec<T> sign = select((n & 1) != 0, x, Vec<T>(1));  // of +-1
    y = select(n < 0, select((x == 1) | (x == -1), sign, Vec<T>(0)), y);
  }
  return y;
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::pow(Vec b) const {
  if constexpr (!is_float) {
    return math::integer_power(*this, b);
  } else {
    const Vec y = math::power_of_magnitude(abs(), min(Vec(0x1p64), max(Vec(-0x1p64), b)));
    const Vec half = 0.5 * b;
    const auto whole = b == b.trunc(), odd = whole & (half != half.trunc());
    const Vec signed_y = select(odd & signbit(), -y, y);
    const auto undefined = (*this < 0) & isfinite() & ~whole;
    const Vec z = select(undefined, Vec(std::numeric_limits<T>::quiet_NaN()), signed_y);
    return select((b == 0) | (*this == 1), Vec(1), z);
  }
}

template <class T>
inline Vec<T> Vec<T>::rsqrt() const {
  return 1 / sqrt();
}

template <>
inline Vec<float> Vec<float>::hypot(Vec b) const {
  const auto half = [](Vec<double> x, Vec<double> y) { return (x * x + y * y).sqrt(); };
  const Vec y =
      narrow(half(widen_low(*this), widen_low(b)), half(widen_high(*this), widen_high(b)));
  return select(isinf() | b.isinf(), math::infinity<float>(), y);
}
template <>
inline Vec<double> Vec<double>::hypot(Vec b) const {
  // A power of two brings the squares into range.
  const Vec large = max(abs(), b.abs());
  const Vec up = select(large < 0x1p-400, Vec(0x1p600), Vec(1));
  const Vec factor = select(large > 0x1p500, Vec(0x1p-600), up);
  const Vec inverse =
      select(large > 0x1p500, Vec(0x1p600), select(large < 0x1p-400, Vec(0x1p-600), Vec(1)));
  const Vec x = *this * factor, z = b * factor;
  const Vec y = fma(x, x, z * z).sqrt() * inverse;
  return select(isinf() | b.isinf(), math::infinity<double>(), y);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
