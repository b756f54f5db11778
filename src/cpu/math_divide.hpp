// Division with a whole quotient, as NumPy defines it: floor_divide, remainder (sign of the
// divisor), fmod (sign of the dividend); and integer shifts. fmod is exact. An integer divided by
// 0 gives 0, a shift by all bits or more 0 or the sign.
#pragma once

#include "cpu/math_base.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// |a| mod |b| where the quotient is below `limit`, so that its product with |b| is exact in parts.
inline constexpr double kQuotientLimit = kHardwareFma ? 0x1p53 : 0x1p26;
inline Vec<double> small_fmod(Vec<double> a, Vec<double> b, Vec<double> quotient) {
  Vec<double> r;
  if constexpr (kHardwareFma) {
    r = fma(-quotient, b, a);
  } else {
    const Vec<double> high = upper_half(b);
    r = (a - quotient * high) - quotient * (b - high);
  }
  return select(r < 0, r + b, r);  // the quotient was rounded up to the next whole number
}

inline Vec<double> float_fmod(Vec<double> a, Vec<double> b) {
  const Vec<double> x = a.abs(), y = b.abs();
  const Vec<double> quotient = (x / y).trunc();
  const Vec<double> r = small_fmod(x, y, quotient).copysign(a);
  const auto hard = ~((quotient < kQuotientLimit) & (y < infinity<double>()));
  if (!any(hard)) return r;
  return patch(hard, r, a, b, [](double u, double v) { return std::fmod(u, v); });
}
inline Vec<float> float_fmod(Vec<float> a, Vec<float> b) {
  // The quotient of 24-bit numbers, rounded to 53 bits; with 29 bits its product is exact.
  const auto half = [](Vec<double> x, Vec<double> y) {
    const Vec<double> quotient = (x / y).trunc(), r = x - quotient * y;
    return select(r < 0, r + y, r);
  };
  const Vec<float> x = a.abs(), y = b.abs();
  const Vec<float> r =
      narrow(half(widen_low(x), widen_low(y)), half(widen_high(x), widen_high(y))).copysign(a);
  const auto hard = ~((x / y < 0x1p28) & (y < infinity<float>()));
  if (!any(hard)) return r;
  return patch(hard, r, a, b, [](float u, float v) { return std::fmod(u, v); });
}

// Two's complement division that never traps.
template <class T>
inline T safe_quotient(T a, T b) {  // towards zero
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return T(0 - UnsignedOf<T>(a));
  return a / b;
}
template <class T>
inline T safe_fmod(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return 0;
  return a % b;
}
template <class T, class F>
inline Vec<T> each_lane(Vec<T> a, Vec<T> b, F f) {
  T x[Vec<T>::width], y[Vec<T>::width];
  a.store(x);
  b.store(y);
  for (int i = 0; i < Vec<T>::width; ++i) x[i] = f(x[i], y[i]);
  return Vec<T>::load(x);
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::fmod(Vec b) const {
  if constexpr (is_float) return math::float_fmod(*this, b);
  else return math::each_lane(*this, b, math::safe_fmod<T>);
}

template <class T>
inline Vec<T> Vec<T>::remainder(Vec b) const {
  if constexpr (is_float) {
    const Vec mod = math::float_fmod(*this, b);
    const Vec wrapped = select((b < 0) ^ (mod < 0), mod + b, mod);
    return select(mod == 0, Vec(0).copysign(b), wrapped);
  } else {
    return math::each_lane(*this, b, [](T x, T y) {
      const T mod = math::safe_fmod(x, y);
      return mod != 0 && (mod < 0) != (y < 0) ? T(mod + y) : mod;
    });
  }
}

template <class T>
inline Vec<T> Vec<T>::floor_divide(Vec b) const {
  if constexpr (is_float) {
    const Vec mod = math::float_fmod(*this, b);
    const Vec exact = (*this - mod) / b;
    const Vec quotient = select((mod != 0) & ((b < 0) ^ (mod < 0)), exact - 1, exact);
    const Vec down = quotient.floor();  // of what is whole up to rounding
    const Vec nearest = select(quotient - down > 0.5, down + 1, down);
    const Vec ratio = *this / b;
    const Vec y = select(quotient == 0, Vec(0).copysign(ratio), nearest);
    return select(b == 0, ratio, y);
  } else {
    return math::each_lane(*this, b, [](T x, T y) {
      const T quotient = math::safe_quotient(x, y);
      const T mod = math::safe_fmod(x, y);
      return mod != 0 && (mod < 0) != (y < 0) ? T(quotient - 1) : quotient;
    });
  }
}

template <class T>
inline Vec<T> Vec<T>::shift_left(Vec n) const {
  constexpr int bits = 8 * int(sizeof(T));
  using U = UnsignedOf<T>;
  const Native<U> count = (Native<U>)n.v;
  const Vec shifted = N((Native<U>)v << (count & U(bits - 1)));
  return select(Vec<U>(count) < Vec<U>(U(bits)), shifted, Vec(0));
}

template <class T>
inline Vec<T> Vec<T>::shift_right(Vec n) const {
  constexpr int bits = 8 * int(sizeof(T));
  using U = UnsignedOf<T>;
  const Native<U> count = (Native<U>)n.v;
  const Vec shifted = N(v >> (N)(count & U(bits - 1)));
  Vec all = 0;
  if constexpr (std::is_signed_v<T>) all = *this >> (bits - 1);
  return select(Vec<U>(count) < Vec<U>(U(bits)), shifted, all);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
