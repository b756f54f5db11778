// Inverse trigonometric functions: asin, acos, atan, atan2. Float32 works in double, where formulas
// for double are exact enough many times over. Coefficients are fits of our own, on Chebyshev
// nodes.
#pragma once

#include "cpu/math_base.hpp"
#include "cpu/math_trig.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// (atan t - t) / t^3 and (asin t - t) / t^3 in t^2, for |t| <= 1/2
inline constexpr double kAtan[] = {
    -0x1.5555555555555p-2, 0x1.99999999998e1p-3, -0x1.2492492488296p-3, 0x1.c71c71c01b24cp-4,
    -0x1.745d16026efd7p-4, 0x1.3b138e6372dcap-4, -0x1.110ea50256abfp-4, 0x1.e1a7b2562efc5p-5,
    -0x1.ad44da04adea3p-5, 0x1.7b20b751c966ap-5, -0x1.37d750492dd9bp-5, 0x1.99b4e0c058248p-6,
    -0x1.2dfbaab9786efp-7};
inline constexpr double kAsin[] = {
    0x1.5555555555556p-3, 0x1.3333333332ecap-4, 0x1.6db6db6e31f13p-5, 0x1.f1c71c1db0623p-6,
    0x1.6e8bb1c8209a2p-6, 0x1.1c4d35cf95421p-6, 0x1.c9cf07674736ap-7, 0x1.782651caa6547p-7,
    0x1.52420b04b37bep-7, 0x1.65a9c4dfcf8b2p-8, 0x1.1d189408314eep-6, -0x1.e6aaa8a0a04ccp-7,
    0x1.d72b2bc8155f8p-6};
inline constexpr double kPi = 0x1.921fb54442d18p+1, kPiLow = 0x1.1a62633145c07p-53;

// turn - y for a part of pi given by its fraction, rounded once.
inline Vec<double> turn_minus(double fraction, Vec<double> y) {
  return kPi * fraction - (y - kPiLow * fraction);
}

// atan(num / den) for 0 <= num <= den, 0 < den: of the quotient, or around its being 1.
inline Vec<double> atan_quotient(Vec<double> num, Vec<double> den) {
  const auto near = num <= 0.5 * den;
  const Vec<double> t = select(near, num, num - den) / select(near, den, num + den);
  const Vec<double> z = t * t, y = fma(t * z, polynomial(z, kAtan), t);
  return select(near, y, turn_minus(0.25, -y));
}

// (asin t - t) / t
inline Vec<double> asin_rest(Vec<double> z) { return z * polynomial(z, kAsin); }

// For |x| >= 1/2, asin x = pi/2 - 2 asin s with s = sqrt((1 - |x|) / 2): s, and what it lost.
struct Root {
  Vec<double> z, s, low;
};
inline Root half_angle(Vec<double> a) {
  const Vec<double> z = 0.5 * (1 - a), s = z.sqrt();
  return {z, s, select(s > 0, product_residual(s, s, z) / (s + s), Vec<double>(0))};
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::atan() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.atan(); });
  } else {
    const Vec a = abs();
    const auto over = a > 1;
    const Vec y = math::atan_quotient(select(over, Vec(1), a), select(over, a, Vec(1)));
    return select(over, math::turn_minus(0.5, y), y).copysign(*this);
  }
}

template <class T>
inline Vec<T> Vec<T>::atan2(Vec x) const {
  if constexpr (sizeof(T) == 4) {
    return narrow(widen_low(*this).atan2(widen_low(x)), widen_high(*this).atan2(widen_high(x)));
  } else {
    const Vec a = abs(), b = x.abs();
    Vec num = min(a, b), den = max(a, b);
    const Vec shrink = select(den > 0x1p1000, Vec(0x1p-100), Vec(1));  // num + den may overflow
    num *= shrink;
    den *= shrink;
    // Both infinite: as far apart as both 1. Both 0: an angle of 0.
    const auto infinite = num == math::infinity<T>();
    num = select(infinite, Vec(1), num);
    den = select(infinite | (den == 0), Vec(1), den);
    Vec y = math::atan_quotient(num, den);
    y = select(a > b, math::turn_minus(0.5, y), y);
    y = select(x.signbit(), math::turn_minus(1, y), y).copysign(*this);
    return select((*this == *this) & (x == x), y, *this + x);
  }
}

template <class T>
inline Vec<T> Vec<T>::asin() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.asin(); });
  } else {
    const Vec a = abs();
    const auto near = a <= 0.5;
    const auto root = math::half_angle(a);
    const Vec rest = math::asin_rest(select(near, a * a, root.z));
    const Vec far = math::turn_minus(0.5, 2 * (root.s + fma(root.s, rest, root.low)));
    return select(near, fma(a, rest, a), far).copysign(*this);
  }
}

template <class T>
inline Vec<T> Vec<T>::acos() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.acos(); });
  } else {
    const Vec a = abs();
    const auto near = a <= 0.5;
    const auto root = math::half_angle(a);
    const Vec rest = math::asin_rest(select(near, a * a, root.z));
    const Vec far = 2 * (root.s + fma(root.s, rest, root.low));
    return select(near, math::turn_minus(0.5, fma(*this, rest, *this)),
                  select(*this < 0, math::turn_minus(1, far), far));
  }
}

}  // namespace nnx::cpu::inline NNX_LEVEL
