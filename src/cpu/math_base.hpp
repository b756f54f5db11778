// What the math_*.hpp files share: polynomials, exact sums and products, powers of two.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "core/special.hpp"
#include "cpu/vec.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int mantissa = 23;
  static constexpr float shifter = 0x1.8p23f;  // x + shifter rounds x to a whole number
  static constexpr float log2e = 0x1.715476p+0f;
  // ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float exp_lowest = -105;  // exp rounds to 0 here
  static constexpr float exp_highest = 89;   // and to infinity here
};
template <>
struct Format<double> {
  static constexpr int mantissa = 52;
  static constexpr double shifter = 0x1.8p52;
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double exp_lowest = -747;
  static constexpr double exp_highest = 710;
};

template <class T>
inline Vec<T> infinity() {
  return std::numeric_limits<T>::infinity();
}

using core::special::polynomial;

// a + b = sum + error exactly.
template <class T>
struct Exact {
  Vec<T> value, error;
};
template <class T>
inline Exact<T> two_sum(Vec<T> a, Vec<T> b) {
  const Vec<T> s = a + b, bb = s - a;
  return {s, (a - (s - bb)) + (b - bb)};
}
template <class T>  // |a| >= |b| or a == 0
inline Exact<T> fast_two_sum(Vec<T> a, Vec<T> b) {
  const Vec<T> s = a + b;
  return {s, b - (s - a)};
}
// x with the lower half of its mantissa cleared.
inline Vec<float> upper_half(Vec<float> x) { return Vec<float>::from_bits(x.as_int() & ~0xfff); }
inline Vec<double> upper_half(Vec<double> x) {
  return Vec<double>::from_bits(x.as_int() & ~std::int64_t(0x7ffffff));
}
template <class T>
inline Exact<T> two_product(Vec<T> a, Vec<T> b) {
  const Vec<T> p = a * b;
  if constexpr (kHardwareFma) {
    return {p, fma(a, b, -p)};
  } else {
    const Vec<T> ah = upper_half(a), al = a - ah, bh = upper_half(b), bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
  }
}

// c - a b where the two nearly cancel: exact, or nearly so.
template <class T>
inline Vec<T> product_residual(Vec<T> a, Vec<T> b, Vec<T> c) {
  if constexpr (kHardwareFma) {
    return fma(-a, b, c);
  } else {
    const auto p = two_product(a, b);
    return (c - p.value) - p.error;
  }
}

// 2^n for the whole number in shifted = n + Format::shifter, times 2^offset; the result is normal.
template <class T>
inline Vec<T> power_of_two(Vec<T> shifted, int offset = 0) {
  constexpr int m = Format<T>::mantissa;
  const auto one = Vec<T>(1).as_int() + (Vec<SignedOf<T>>(offset) << m);
  return Vec<T>::from_bits((shifted.as_int() << m) + one);
}

// p * 2^n, rounded once, for n = shifted - Format::shifter and p in [0.5, 2). `Range::full`:
// |n| < 2 * the largest exponent; `Range::normal`: the result is known to be normal.
enum class Range { normal, full };
template <Range range, class T>
inline Vec<T> scale(Vec<T> p, Vec<T> n, Vec<T> shifted) {
#if defined(__AVX512F__)
  (void)shifted;
  return native::scale(p.v, n.v);
#else
  (void)n;
  using U = UnsignedOf<T>;
  constexpr int m = Format<T>::mantissa;
  if constexpr (range == Range::normal) {
    return Vec<T>::from_bits(p.as_int() + (shifted.as_int() << m));
  } else {  // in two steps, each normal
    constexpr U bias = std::numeric_limits<T>::max_exponent - 1;
    constexpr U from = std::bit_cast<U>(Format<T>::shifter) - 2 * bias;
    const Vec<U> i = Vec<U>(Native<U>(shifted.v)) - from, half = i >> 1;
    return p * Vec<T>(Native<T>((half << m).v)) * Vec<T>(Native<T>(((i - half) << m).v));
  }
#endif
}

// f.template operator()<range>(): the range is full only if some |x| exceeds the limit below which
// exp(x) is normal (or is NaN), or where it costs nothing. The rare half is compiled out of line.
template <class T, class F>
[[gnu::noinline, gnu::cold]] Vec<T> full_range(Vec<T> x, F f) {
  return f.template operator()<Range::full>(x);
}
template <class T, class F>
inline Vec<T> with_range(Vec<T> x, F f) {
  constexpr T limit = sizeof(T) == 4 ? 87 : 708;
  if constexpr (!kBitMasks) {
    if (all(x.abs() < limit)) return f.template operator()<Range::normal>(x);
    return full_range(x, f);
  }
  return f.template operator()<Range::full>(x);
}

// f of every lane where the mask is set, by way of memory: for arguments too rare to vectorise.
template <class T, class F>
[[gnu::noinline]] Vec<T> patch(Mask<T> where, Vec<T> otherwise, Vec<T> x, F f) {
  for (int i = 0; i < x.width; ++i)
    if (where[i]) otherwise.set(i, f(x[i]));
  return otherwise;
}
template <class T, class F>
[[gnu::noinline]] Vec<T> patch(Mask<T> where, Vec<T> otherwise, Vec<T> x, Vec<T> y, F f) {
  for (int i = 0; i < x.width; ++i)
    if (where[i]) otherwise.set(i, f(x[i], y[i]));
  return otherwise;
}

}  // namespace math
}  // namespace nnx::cpu::inline NNX_LEVEL
