// The error function and the normal distribution function (from which gelu follows).
#pragma once

#include "cpu/math_exp.hpp"
#include "cpu/math_pieces.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// W(u) = ndtr(-u) exp(u^2 / 2) for u >= 0: W (u + k) is a polynomial in q = (u - k) / (u + k).
// slope is about dlog W / dlog t for t = 1 / (u + k), also in q: how an error of t acts.
template <class T>
struct Mills;
template <>
struct Mills<float> {
  static constexpr float k = 4, last = 14.4f;  // exp(-last^2 / 2) is 0
  static constexpr float first = 0x1.82b4bcp-1f, first_low = -0x1.2246e8p-27f;
  static constexpr float second = -0x1.373e38p-1f;
  static constexpr float c[] = {0x1.8c6dap-2f,  -0x1.7e004p-3f, 0x1.eed262p-5f,  -0x1.ed05d2p-8f,
                                -0x1.cbccap-9f, 0x1.9af5ep-10f, 0x1.677b22p-13f, -0x1.1cb04cp-13f};
  static constexpr float slope[] = {1.8f, -1.4f};
};
template <>
struct Mills<double> {
  static constexpr double k = 4, last = 38.7;
  static constexpr double first = 0x1.82b4bb8c94dcep-1, first_low = -0x1.aa7433730dc1cp-56;
  static constexpr double second = -0x1.373e3a893c28ap-1;
  static constexpr double c[] = {
      0x1.8c6dbf2cfc2b3p-2,   -0x1.7dff2bff683bcp-3, 0x1.eec4cc3e4d582p-5,  -0x1.ee27610479d2dp-8,
      -0x1.c81719d589946p-9,  0x1.ab825fc031fb8p-10, 0x1.17a4ae5aef28dp-13, -0x1.e4a4254b15042p-13,
      -0x1.001e929be9dc7p-19, 0x1.26d0974bb8b43p-15, 0x1.80b5d5e3fb17ap-21, -0x1.8d4ae9d73e3f7p-18,
      -0x1.51ef22cca450fp-21, 0x1.1234b421a50c9p-20, 0x1.235fd420cc175p-22, -0x1.4ccf6bc03b27bp-23,
      -0x1.6cb5b9df016d7p-24, 0x1.cc290d023625cp-27, 0x1.4bb679879ae01p-26, 0x1.ee8b3ec792966p-30,
      -0x1.4ef2658b75efp-29,  -0x1.778da89d09c56p-31};
  static constexpr double slope[] = {1.817, -1.138, 0.284};
};

// W(u) in two parts: roundings that would add up (of t, the polynomial's last step and its product
// with t) are carried along.
template <class T>
inline Exact<T> mills(Vec<T> u) {
  using V = Vec<T>;
  using M = Mills<T>;
  if constexpr (kLookupSize != 0 && sizeof(T) == 4) {
    const auto piece = piece_of(kMillsPieces, u, u);
    const V w = fma(piece.d, piece.rest, piece.first);
    return {w, fma(piece.d, piece.rest, piece.first - w)};
  }
  const V d = u + M::k, d_low = u - (d - M::k);
  const V t = 1 / d;
  const V t_error = product_residual(t, d, V(1)) - t * d_low;  // relative
  const V q = fma(V(-2 * M::k), t, 1);
  const V upper = polynomial(q, M::c);
  const V rest = fma(q, upper, M::second);
  const V w = fma(q, rest, M::first);
  V w_low = M::first_low - product_residual(q, rest, w - M::first);
  if constexpr (sizeof(T) == 8)  // so many terms that two steps matter
    w_low = w_low - q * product_residual(q, upper, rest - M::second);
  const V p = t * w;
  return {p, fma(p, t_error * polynomial(q, M::slope), fma(t, w_low, -product_residual(t, w, p)))};
}

// ndtr(-u) for 0 <= u (or NaN).
template <Range range, class T>
inline Vec<T> normal_tail(Vec<T> u) {
  using V = Vec<T>;
  if constexpr (range == Range::full) u = min(V(Mills<T>::last), u);
  const auto [p, p_low] = mills(u);
  const auto square = two_product(u, u);
  const auto [shifted, n, r] = exp_reduce(-0.5 * square.value);
  const V e = exp_tail(r - 0.5 * square.error);
  return scale<range>(p + fma(p, e, fma(p_low, e, p_low)), n, shifted);
}

// erf x = x + x P(x^2) near 0.
inline constexpr float kErfF[] = {0x1.06eba6p-3f,  -0x1.8126f4p-2f, 0x1.ce1de2p-4f,
                                  -0x1.b6c952p-6f, 0x1.48e21p-8f,   -0x1.41acc4p-11f};
inline constexpr double kErfD[] = {
    0x1.06eba8214db68p-3,  -0x1.812746b0379a3p-2,  0x1.ce2f21a03ffb8p-4,  -0x1.b82ce311cd244p-6,
    0x1.565bccf40e60cp-8,  -0x1.c02daf8e4b7a6p-11, 0x1.f9a2abc2438d6p-14, -0x1.f4c97b28b487cp-17,
    0x1.b978518f6815fp-20, -0x1.5bdc3e95fdc4fp-23, 0x1.d60478d7c6cbap-27, -0x1.a89dd00206cc5p-31};
// -log(erfc x) / x on [0.875, 4]
inline constexpr float kLogErfc[] = {0x1.20ed6ep+0f, 0x1.454066p-1f, 0x1.b26b8p-4f,
                                     -0x1.82c7ap-6f, 0x1.d3b2cep-9f, -0x1.3f1d24p-12f,
                                     0x1.3a3a8p-17f};

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::ndtr() const {
  const auto f = []<math::Range range>(Vec x) {
    const Vec tail = math::normal_tail<range>(x.abs());
    return select(x < 0, tail, 1 - tail);
  };
  if constexpr (!kBitMasks) {
    constexpr T limit = sizeof(T) == 4 ? 12.9 : 37.5;  // still normal there
    if (all(abs() < limit)) return f.template operator()<math::Range::normal>(*this);
    return math::full_range(*this, f);
  }
  return f.template operator()<math::Range::full>(*this);
}

template <>
inline Vec<float> Vec<float>::erf() const {
  if constexpr (kLookupSize != 0) {
    const Vec a = abs();
    const auto piece = math::piece_of(math::kErfPieces, a, a);
    const Vec y = a * fma(piece.d, piece.rest, piece.first);
    return select(a > 3.92, Vec(1), y).copysign(*this);
  }
  const Vec a = min(Vec(4), abs());
  const Vec z = a * a;
  const Vec near = fma(*this, math::polynomial(z, math::kErfF), *this);
  using math::Range;
  const Vec far = 1 - math::exp_of<Range::normal>(-a * math::polynomial(a, math::kLogErfc));
  return select(a >= 0.875, far.copysign(*this), near);  // near keeps NaN
}
template <>
inline Vec<double> Vec<double>::erf() const {
  const Vec a = min(Vec(6), abs());
  const Vec z = a * a;
  const Vec near = fma(*this, math::polynomial(z, math::kErfD), *this);
  // erfc a = 2 ndtr(-u), u = a sqrt 2: small beside 1 where it is used, so errors of it fade
  using M = math::Mills<double>;
  const Vec t = 1 / fma(a, Vec(1.4142135623730951), M::k), q = fma(Vec(-2 * M::k), t, 1);
  const Vec w = fma(q, fma(q, math::polynomial(q, M::c), M::second), M::first);
  const Vec far = 1 - 2 * t * w * math::exp_of<math::Range::normal>(-z);
  return select(a >= 1, far.copysign(*this), near);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
