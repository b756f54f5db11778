// sin, cos, tan. x = n pi/2 + r with |r| <= pi/4, and polynomials in r. With a hardware fma float32
// reduces in float32; without one it works in double after the load, where products with n are
// exact. Arguments too large for the reduction, infinities and NaN go to the C library, lane by
// lane.
#pragma once

#include "cpu/math_base.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// pi/2 in parts (of full precision for a fma, else of 33 bits and a rest), and
// cos r = 1 - z/2 + z^2 C(z), sin r = r + r z S(z) with z = r^2.
template <class T>
struct Angle;
template <>
struct Angle<float> {
  static constexpr float two_over_pi = 0x1.45f306p-1f;
  static constexpr float limit = 0x1p17f;
  static constexpr float p[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
  static constexpr float sin[] = {-0x1.555546p-3f, 0x1.110776p-7f, -0x1.9952dap-13f};
  static constexpr float cos[] = {0x1.55554ep-5f, -0x1.6c0e2cp-10f, 0x1.9a6678p-16f};
};
template <>
struct Angle<double> {
  static constexpr double two_over_pi = 0x1.45f306dc9c883p-1;
  static constexpr double limit = 0x1p20;
  static constexpr double p[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                 -0x1.f1976b7ed8fbcp-110};
  static constexpr double sin[] = {-0x1.555555555554dp-3,  0x1.111111110fcedp-7,
                                   -0x1.a01a019c7dde6p-13, 0x1.71de35c332c47p-19,
                                   -0x1.ae5e977bb2c02p-26, 0x1.5d9f3459a81d9p-33};
  static constexpr double cos[] = {0x1.5555555555553p-5,  -0x1.6c16c16c15e9ep-10,
                                   0x1.a01a019dc9d37p-16, -0x1.27e4f8baf61a4p-22,
                                   0x1.1eea571760a4ep-29, -0x1.8fe0ba3ab95e7p-37};
};

template <class T>
struct Circle {
  Vec<T> sin, cos;          // of r
  Vec<SignedOf<T>> n;       // the low bits count
  Vec<T> sin_low, cos_low;  // what sin and cos lost in rounding
};

// r in two parts, so that the result is good to the last bit where it crosses zero.
template <class T>
inline Circle<T> circle(Vec<T> x) {
  using V = Vec<T>;
  using A = Angle<T>;
  const V shifted = fma(x, V(A::two_over_pi), V(Format<T>::shifter));
  const V n = shifted - Format<T>::shifter;
  V r, low;
  if constexpr (kHardwareFma) {
    const V a = fma(n, V(-A::p[0]), x);  // exact
    const auto product = two_product(n, V(-A::p[1]));
    const auto sum = two_sum(a, product.value);  // either may be the larger
    r = sum.value;
    low = sum.error + fma(n, V(-A::p[2]), product.error);
  } else {
    static_assert(kHardwareFma || sizeof(T) == 8);
    constexpr double p1 = 0x1.921fb544p+0, p2 = 0x1.0b4611a6p-34, p3 = 0x1.3198a2ep-69,
                     p4 = 0x1.b839a252049c1p-104;
    const V a = x - n * p1;
    const auto b = two_sum(a, n * -p2);
    const auto c = two_sum(b.value, n * -p3);
    const auto d = fast_two_sum(c.value, b.error + c.error - n * p4);
    r = d.value;
    low = d.error;
  }
  const V z = r * r, half = 0.5 * z, one = 1 - half;
  const auto sin = fast_two_sum(r, fma(r * z, polynomial(z, A::sin), fma(-half, low, low)));
  const auto cos =
      fast_two_sum(one, ((1 - one) - half) + fma(z * z, polynomial(z, A::cos), -r * low));
  return {sin.value, cos.value, shifted.as_int(), sin.error, cos.error};
}

// Without the low parts: about one ulp.
inline Circle<float> circle_quick(Vec<float> x) {
  using V = Vec<float>;
  using A = Angle<float>;
  const V shifted = fma(x, V(A::two_over_pi), V(Format<float>::shifter));
  const V n = shifted - Format<float>::shifter;
  const V r = fma(n, V(-A::p[2]), fma(n, V(-A::p[1]), fma(n, V(-A::p[0]), x)));
  const V z = r * r;
  return {fma(r * z, polynomial(z, A::sin), r), fma(z, fma(z, polynomial(z, A::cos), -0.5), 1),
          shifted.as_int(), 0, 0};
}
// In double to the precision of float32 (fits to 2^-37 and 2^-32).
inline Circle<double> circle_short(Vec<double> x) {
  using V = Vec<double>;
  constexpr double sin[] = {-0x1.5555554c610adp-3, 0x1.1111085e188fp-7, -0x1.a00f752c2149ap-13,
                            0x1.6ccf89f4b4c27p-19};
  constexpr double cos[] = {0x1.55554ed81f0a6p-5, -0x1.6c0e9b0b2b5a3p-10, 0x1.9a82108e600bcp-16};
  const V shifted = fma(x, V(Angle<double>::two_over_pi), V(Format<double>::shifter));
  const V n = shifted - Format<double>::shifter;
  const V r = fma(n, V(-0x1.0b4611a626331p-34), fma(n, V(-0x1.921fb544p+0), x));
  const V z = r * r;
  return {r * fma(z, polynomial(z, sin), 1), fma(z, fma(z, polynomial(z, cos), -0.5), 1),
          shifted.as_int(), 0, 0};
}

// +-even or +-odd by the low bits of n: odd n swap the two, n & 2 flips the sign.
template <class T>
inline Vec<T> turn(Vec<SignedOf<T>> n, Vec<T> even, Vec<T> odd) {
  const Vec<T> y = select((n & 1) != 0, odd, even);
  return y ^ Vec<T>::from_bits((n & 2) << (8 * int(sizeof(T)) - 2));
}
template <class T>
inline Vec<T> sine(Circle<T> c) {
  return turn(c.n, c.sin, c.cos);
}
template <class T>
inline Vec<T> cosine(Circle<T> c) {
  return turn(c.n + 1, c.sin, c.cos);
}
template <class T>
inline Vec<T> tangent(Circle<T> c) {  // sin / cos, or -cos / sin when n is odd
  using V = Vec<T>;
  const auto odd = (c.n & 1) != 0;
  const V a = select(odd, -c.cos, c.sin), a_low = select(odd, -c.cos_low, c.sin_low);
  const V b = select(odd, c.sin, c.cos), b_low = select(odd, c.sin_low, c.cos_low);
  const V inverse = 1 / b, q = a * inverse;
  return fma(inverse, product_residual(q, b, a) + (a_low - q * b_low), q);
}
inline Vec<double> tangent_short(Circle<double> c) {
  const auto odd = (c.n & 1) != 0;
  return select(odd, -c.cos, c.sin) / select(odd, c.sin, c.cos);
}

inline constexpr auto kSinLibrary = [](auto x) { return decltype(x)(std::sin(double(x))); };
inline constexpr auto kCosLibrary = [](auto x) { return decltype(x)(std::cos(double(x))); };
inline constexpr auto kTanLibrary = [](auto x) { return decltype(x)(std::tan(double(x))); };

// y, and what the library says where x is out of reach.
template <class T, class F>
inline Vec<T> within_limit(Vec<T> x, Vec<T> y, F library) {
  const auto near = x.abs() < Vec<T>(Angle<T>::limit);
  return all(near) ? y : patch(~near, y, x, library);
}
template <class F>
inline Vec<float> by_halves(Vec<float> x, F f) {
  return narrow(f(widen_low(x)), f(widen_high(x)));
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::sin() const {
  Vec y;
  if constexpr (sizeof(T) == 8) {
    y = math::sine(math::circle(*this));
  } else if constexpr (kHardwareFma) {
    y = math::sine(math::circle_quick(*this));
  } else {
    y = math::by_halves(*this, [](Vec<double> x) { return math::sine(math::circle_short(x)); });
  }
  return math::within_limit(*this, select(*this == 0, *this, y), math::kSinLibrary);  // keeps -0
}

template <class T>
inline Vec<T> Vec<T>::cos() const {
  Vec y;
  if constexpr (sizeof(T) == 8) {
    y = math::cosine(math::circle(*this));
  } else if constexpr (kHardwareFma) {
    y = math::cosine(math::circle_quick(*this));
  } else {
    y = math::by_halves(*this, [](Vec<double> x) { return math::cosine(math::circle_short(x)); });
  }
  return math::within_limit(*this, y, math::kCosLibrary);
}

template <class T>
inline Vec<T> Vec<T>::tan() const {
  Vec y;
  if constexpr (sizeof(T) == 8 || kHardwareFma) {
    y = math::tangent(math::circle(*this));
  } else {
    y = math::by_halves(*this,
                        [](Vec<double> x) { return math::tangent_short(math::circle_short(x)); });
  }
  return math::within_limit(*this, select(*this == 0, *this, y), math::kTanLibrary);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
