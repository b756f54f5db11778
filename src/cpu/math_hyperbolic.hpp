// Hyperbolic functions and their inverses: sinh, cosh, asinh, acosh, atanh (tanh stands with exp).
// Float32 works in double. The inverses are logarithms of a number in two parts, so that nothing is
// lost where the logarithm is small.
#pragma once

#include "cpu/math_exp.hpp"
#include "cpu/math_log.hpp"
#include "cpu/math_trig.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// (sinh t - t) / t^3 in t^2, for |t| <= 1
inline constexpr double kSinh[] = {
    0x1.5555555555555p-3,  0x1.1111111111111p-7,  0x1.a01a01a01a001p-13, 0x1.71de3a556f96cp-19,
    0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33, 0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49};

// exp(a) / 2 for a >= 0, which overflows later than exp.
inline Vec<double> half_exp(Vec<double> a) {
  const auto [shifted, n, r] = exp_reduce(min(Vec<double>(720), a));
  return scale<Range::full>(1 + exp_tail(r), n - 1, shifted - 1);
}

// a, or 1 where its square could overflow: there the logarithm of 2a stands for that of
// a + sqrt(a^2 +- 1).
struct Squared {
  Mask<double> big;
  Vec<double> a;
  Exact<double> square;
};
inline Squared squared(Vec<double> x) {
  const auto big = x > 0x1p500;
  const Vec<double> a = select(big, Vec<double>(1), x);
  return {big, a, two_product(a, a)};
}
// log(a + sqrt(a^2 + one))
inline Vec<double> log_of_root(Vec<double> x, double one) {
  using V = Vec<double>;
  const auto [big, a, square] = squared(x);
  const auto q = two_sum(square.value, V(one));
  const V s = q.value.sqrt();
  const V s_low = (product_residual(s, s, q.value) + (q.error + square.error)) / (s + s);
  const auto u = two_sum(s, a);
  const V low = select(s > 0, u.error + s_low, V(0));
  return log_in_parts(select(big, x, u.value), select(big, V(0), low), select(big, V(1), V(0)));
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::sinh() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.sinh(); });
  } else {
    const Vec a = abs(), z = a * a, half = math::half_exp(a);
    const Vec near = fma(a * z, math::polynomial(z, math::kSinh), a);
    return select(a < 1, near, half - 0.25 / half).copysign(*this);
  }
}

template <class T>
inline Vec<T> Vec<T>::cosh() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.cosh(); });
  } else {
    const Vec half = math::half_exp(abs());
    return half + 0.25 / half;
  }
}

template <class T>
inline Vec<T> Vec<T>::asinh() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.asinh(); });
  } else {
    return math::log_of_root(abs(), 1).copysign(*this);
  }
}

template <class T>
inline Vec<T> Vec<T>::acosh() const {
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.acosh(); });
  } else {
    const Vec y = math::log_of_root(*this, -1);
    return select(*this >= 1, y, Vec(std::numeric_limits<T>::quiet_NaN()));
  }
}

template <class T>
inline Vec<T> Vec<T>::atanh() const {  // log((1 + a) / (1 - a)) / 2
  if constexpr (sizeof(T) == 4) {
    return math::by_halves(*this, [](Vec<double> x) { return x.atanh(); });
  } else {
    const Vec a = abs();
    const auto above = math::two_sum(Vec(1), a), below = math::two_sum(Vec(1), -a);
    const Vec u = above.value / below.value;
    const Vec low =
        (math::product_residual(u, below.value, above.value) + (above.error - u * below.error)) /
        below.value;
    return (0.5 * math::log_in_parts(u, low, Vec(0))).copysign(*this);
  }
}

}  // namespace nnx::cpu::inline NNX_LEVEL
