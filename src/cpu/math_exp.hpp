// The exponential and what is written with it: exp, exp2, expm1, tanh, sigmoid. Coefficients are
// minimax fits of our own (relative to the result), rounded one by one with the others fitted
// again.
#pragma once

#include "cpu/math_base.hpp"
#include "cpu/math_pieces.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// x = n ln 2 + r with n whole and |r| <= ln 2 / 2.
template <class T>
struct ExpReduced {
  Vec<T> shifted, n, r;
};
template <class T>
inline ExpReduced<T> exp_reduce(Vec<T> x) {
  using C = Format<T>;
  const Vec<T> shifted = fma(x, Vec<T>(C::log2e), Vec<T>(C::shifter));
  const Vec<T> n = shifted - C::shifter;
  return {shifted, n, fma(n, Vec<T>(-C::ln2_low), fma(n, Vec<T>(-C::ln2_high), x))};
}

// (expm1(r) - r) / r^2 for |r| <= ln 2 / 2: to the precision of 1 + expm1, or of expm1 itself.
inline constexpr float kExpF[] = {0x1.fffffcp-2f, 0x1.55548cp-3f, 0x1.555858p-5f, 0x1.123dfap-7f,
                                  0x1.6ac8e6p-10f};
inline constexpr float kExpm1F[] = {0x1p-1f,        0x1.555554p-3f,  0x1.5554f8p-5f,
                                    0x1.1112dap-7f, 0x1.6d3a46p-10f, 0x1.9e6e96p-13f};
inline constexpr double kExpD[] = {
    0x1.000000000000ap-1,  0x1.5555555555504p-3,  0x1.555555555064fp-5,  0x1.1111111124c6fp-7,
    0x1.6c16c1849195fp-10, 0x1.a01a013b24c75p-13, 0x1.a019991e85defp-16, 0x1.71deffdf69f4ap-19,
    0x1.28ae2ee4d8698p-22, 0x1.adb93ef5d842p-26};
inline constexpr double kExpm1D[] = {0x1p-1,
                                     0x1.5555555555559p-3,
                                     0x1.5555555555559p-5,
                                     0x1.111111110f732p-7,
                                     0x1.6c16c16c16e3ep-10,
                                     0x1.a01a01af8c661p-13,
                                     0x1.a01a019bfe9c1p-16,
                                     0x1.71ddf9594e148p-19,
                                     0x1.27e4fd27fb078p-22,
                                     0x1.af5cdd040cee7p-26,
                                     0x1.1f33b2379461dp-29};
inline Vec<float> exp_polynomial(Vec<float> r) { return polynomial(r, kExpF); }
inline Vec<double> exp_polynomial(Vec<double> r) { return polynomial(r, kExpD); }
template <class T>
inline Vec<T> exp_tail(Vec<T> r) {  // expm1(r)
  return fma(r * r, exp_polynomial(r), r);
}
inline Vec<float> expm1_polynomial(Vec<float> r) { return polynomial(r, kExpm1F); }
inline Vec<double> expm1_polynomial(Vec<double> r) { return polynomial(r, kExpm1D); }

// (tanh x - x) / x^3 in x^2, for |x| <= 0.625
inline constexpr float kTanhF[] = {-0x1.55553ap-2f, 0x1.110844p-3f, -0x1.b85a3ap-5f, 0x1.52cb58p-6f,
                                   -0x1.78645ep-8f};
inline constexpr double kTanhD[] = {
    -0x1.555555555552dp-2,  0x1.111111110ce5ep-3,  -0x1.ba1ba1b6302e5p-5,  0x1.664f47a5de8b7p-6,
    -0x1.226e19db2db9bp-7,  0x1.d6cf8e30c9df1p-9,  -0x1.7d6c3a4b1d9d9p-10, 0x1.337b0291136abp-11,
    -0x1.dfee27721822ap-13, 0x1.44cd856620b4bp-14, -0x1.0fe00ce084b65p-16};
inline Vec<float> tanh_polynomial(Vec<float> z) { return polynomial(z, kTanhF); }
inline Vec<double> tanh_polynomial(Vec<double> z) { return polynomial(z, kTanhD); }

// x within the limits of Format (NaN stays), which only the full range needs.
template <Range range, class T>
inline Vec<T> limit_exponent(Vec<T> x) {
  if constexpr (range == Range::normal) return x;
  return min(Vec<T>(Format<T>::exp_highest), max(Vec<T>(Format<T>::exp_lowest), x));
}
template <Range range, class T>
inline Vec<T> exp_of(Vec<T> x) {
  const auto [shifted, n, r] = exp_reduce(limit_exponent<range>(x));
  return scale<range>(fma(fma(exp_polynomial(r), r, 1), r, 1), n, shifted);
}

inline constexpr float kExp2F[] = {0x1.62e43p-1f,  0x1.ebfbdcp-3f,  0x1.c6af7ap-5f,
                                   0x1.3b2dd4p-7f, 0x1.5f094ap-10f, 0x1.417856p-13f};
inline constexpr double kExp2D[] = {
    0x1.62e42fefa39efp-1,  0x1.ebfbdff82c59cp-3,  0x1.c6b08d704a0d3p-5,  0x1.3b2ab6fba11f3p-7,
    0x1.5d87fe78b3f66p-10, 0x1.4309130c01a59p-13, 0x1.ffcbfbf7921d9p-17, 0x1.62bfcddd2ff08p-20,
    0x1.b526102c30a19p-24, 0x1.e611a2484117ap-28, 0x1.e80b13f3002a1p-32};
inline Vec<float> exp2_polynomial(Vec<float> r) { return polynomial(r, kExp2F); }
inline Vec<double> exp2_polynomial(Vec<double> r) { return polynomial(r, kExp2D); }

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::exp() const {
  return math::with_range(*this, []<math::Range range>(Vec x) { return math::exp_of<range>(x); });
}

template <class T>
inline Vec<T> Vec<T>::exp2() const {
  return math::with_range(*this, []<math::Range range>(Vec x) {
    using C = math::Format<T>;
    if constexpr (range == math::Range::full)
      x = min(Vec(sizeof(T) == 4 ? 129 : 1025), max(Vec(sizeof(T) == 4 ? -151 : -1077), x));
    const Vec shifted = x + C::shifter, n = shifted - C::shifter, r = x - n;
    return math::scale<range>(fma(r, math::exp2_polynomial(r), 1), n, shifted);
  });
}

template <class T>
inline Vec<T> Vec<T>::expm1() const {
  using C = math::Format<T>;
  // Below -40 the result rounds to -1.
  const Vec x = min(Vec(C::exp_highest), max(Vec(-40), *this));
  const auto [shifted, n, r] = math::exp_reduce(x);
  // What r lost in rounding: it would show where 2^n expm1(r) and 2^n - 1 nearly cancel.
  const Vec before = fma(n, Vec(-C::ln2_high), x);
  const Vec lost = fma(n, Vec(-C::ln2_low), before - r);
  const Vec tail = r + fma(r * r, math::expm1_polynomial(r), lost);
  const Vec half = math::power_of_two(shifted, -1);  // 2^n itself may overflow
  const Vec y = 2 * fma(half, tail, half - 0.5);
  return select(abs() < Vec(std::numeric_limits<T>::min() * 0x1p20f), *this, y);
}

template <class T>
inline Vec<T> Vec<T>::tanh() const {
  if constexpr (kLookupSize != 0 && sizeof(T) == 4) {
    const Vec a = abs();
    const Vec key = kLookupSize == 8 ? min(Vec(7.49), a) : a;  // the last of 8 pieces goes on
    const auto piece = math::piece_of(math::kTanhPieces, a, key);
    const Vec y = a * fma(piece.d, piece.rest, piece.first);
    return select(a > 9, Vec(1), y).copysign(*this);
  }
  const Vec a = min(Vec(20), abs());  // 1 from there on
  const Vec z = a * a;
  const Vec near = fma(a * z, math::tanh_polynomial(z), a);
  // 1 - 2 / (1 + exp 2a)
  const auto [shifted, n, r] = math::exp_reduce(a + a);
  const Vec power = math::power_of_two(shifted);
  const Vec far = 1 - 2 / fma(power, math::exp_tail(r), power + 1);
  return select(a < 0.625, near, far).copysign(*this);
}

template <class T>
inline Vec<T> Vec<T>::sigmoid() const {
  return math::with_range(*this, []<math::Range range>(Vec x) {
    // Only exp(-|x|) = 2^n (1 + tail), which cannot overflow.
    const auto [shifted, n, r] = math::exp_reduce(math::limit_exponent<range>(-x.abs()));
    const Vec tail = math::exp_tail(r), sum = 1 + tail, lost = tail - (sum - 1);
    const Vec z = math::scale<range>(sum, n, shifted);
    const Vec below = 1 + z, lost_below = z - (below - 1);
    const auto negative = x < 0;
    const Vec y = select(negative, z, Vec(1)) / below;
    return fma(y, select(negative, lost, Vec(0)) - lost_below, y);
  });
}

}  // namespace nnx::cpu::inline NNX_LEVEL
