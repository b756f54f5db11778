// Logarithms: log, log2, log10, log1p, xlogy. A number is 2^e (1 + f) with 1 + f in [0.75, 1.5), so
// that e is 0 around 1 and nothing cancels there.
#pragma once

#include "cpu/math_base.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

template <class T>
struct LogParts {
  Vec<T> e, f;
};

// Of a positive normal number. On AVX-512 of any: 0 gives e = -inf, infinity e = inf, a negative
// number NaN, and f stays finite.
template <class T>
inline LogParts<T> log_split(Vec<T> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 8) x = x + 0;  // -0 would give f = -2, where the quotient is infinite
  const Vec<T> m = native::mantissa(x.v);
  return {native::exponent(x.v) - native::exponent(m.v), m - 1};
#else
  constexpr int bits = Format<T>::mantissa;
  using I = SignedOf<T>;
  // The distance of the bits from those of 0.75, whose upper part is the exponent.
  const auto offset = x.as_int() - Vec<T>(0.75).as_int();
  const auto m = x.as_int() - (offset & ~((I(1) << bits) - 1));
  Vec<T> e;
  if constexpr (sizeof(T) == 4) {
    e = to_float(offset >> bits);
  } else {  // no instruction converts 64 bits: an offset makes it positive, shifter's bits convert
    const auto positive =
        Vec<std::uint64_t>(Native<std::uint64_t>((offset + (Vec<std::int64_t>(2047) << bits)).v)) >>
        bits;
    e = Vec<T>::from_bits(Vec<std::int64_t>(Native<std::int64_t>(positive.v)) +
                          Vec<T>(Format<T>::shifter).as_int()) -
        (Format<T>::shifter + 2047);
  }
  return {e, Vec<T>::from_bits(m) - 1};
#endif
}

// The same of any number on any processor.
template <class T>
inline LogParts<T> careful_split(Vec<T> x) {
  const auto subnormal = x < Vec<T>(std::numeric_limits<T>::min());
  const auto parts = log_split(select(subnormal, x * 0x1p53, x));
  const auto plain = (x > 0) & (x < infinity<T>());
  const Vec<T> edge =
      select(x == 0, -infinity<T>(), select(x < 0, Vec<T>(std::numeric_limits<T>::quiet_NaN()), x));
  return {select(plain, parts.e - select(subnormal, Vec<T>(53), Vec<T>(0)), edge),
          select(plain, parts.f, Vec<T>(0))};
}

// join(parts of x). Vectors with an unusual number among them are done out of line.
template <class T, class Join>
[[gnu::noinline, gnu::cold]] Vec<T> careful_logarithm(Vec<T> x, Join join) {
  return join(careful_split(x));
}
template <class T, class Join>
inline Vec<T> logarithm(Vec<T> x, Join join) {
  if constexpr (!kBitMasks) {
    const auto plain = (x >= Vec<T>(std::numeric_limits<T>::min())) & (x < infinity<T>());
    if (!all(plain)) return careful_logarithm(x, join);
  }
  return join(log_split(x));
}

inline constexpr float kLogF[] = {-0x1p-1f,       0x1.5555a4p-2f,  -0x1.000044p-2f,
                                  0x1.99697p-3f,  -0x1.54eed6p-3f, 0x1.2885e2p-3f,
                                  -0x1.0d93ep-3f, 0x1.aca34ep-4f,  -0x1.7140aep-5f};
inline constexpr double kLogD[] = {0x1.5555555555552p-1, 0x1.999999999b5f2p-2, 0x1.2492492265d7p-2,
                                   0x1.c71c7435a6007p-3, 0x1.745c5c13b97fdp-3, 0x1.3b33e9589103dp-3,
                                   0x1.0de60cef2a0c9p-3, 0x1.1ae61a97b57f1p-3};

// e ln 2 + log(1 + f)
inline Vec<float> log_join(LogParts<float> x) {
  using C = Format<float>;
  const auto [e, f] = x;
  const Vec<float> low = fma(f * f, polynomial(f, kLogF), e * C::ln2_low);
  return fma(e, Vec<float>(C::ln2_high), f + low);
}
// log(1 + f) = f - (h - s (h + R)) with h = f^2 / 2, s = f / (2 + f), R = s^2 P(s^2).
struct LogTerms {
  Vec<double> h, rest;
};
inline LogTerms log_terms(Vec<double> f) {
  const Vec<double> s = f / (2 + f), z = s * s, h = 0.5 * f * f;
  return {h, s * fma(z, polynomial(z, kLogD), h)};
}
inline Vec<double> log_join(LogParts<double> x) {
  using C = Format<double>;
  const auto [e, f] = x;
  const auto [h, rest] = log_terms(f);
  return fma(e, Vec<double>(C::ln2_high), f - (h - fma(e, Vec<double>(C::ln2_low), rest)));
}

// Logarithm in another base: log2(1 + f) = f + f Q(f), log10(1 + f) = f / 2 + f Q(f).
inline constexpr float kLog2F[] = {0x1.c551d8p-2f, -0x1.715476p-1f, 0x1.ec71c8p-2f, -0x1.7155e6p-2f,
                                   0x1.273e98p-2f, -0x1.eb7578p-3f, 0x1.ad055cp-3f, -0x1.898476p-3f,
                                   0x1.3850f2p-3f, -0x1.083fdep-4f};
inline constexpr float kLog10F[] = {
    -0x1.0d213cp-4f, -0x1.bcb7bp-3f, 0x1.287b38p-3f,  -0x1.bcbadap-4f, 0x1.637c96p-4f,
    -0x1.27ad48p-4f, 0x1.024d9ep-4f, -0x1.de0044p-5f, 0x1.8041a6p-5f,  -0x1.473fbap-6f};
inline Vec<float> log2_join(LogParts<float> x) {
  return x.e + fma(x.f, polynomial(x.f, kLog2F), x.f);
}
inline Vec<float> log10_join(LogParts<float> x) {
  constexpr float two_high = 0x1.344p-2f, two_low = 0x1.3509f8p-18f;  // log10(2)
  const Vec<float> y = fma(x.f, polynomial(x.f, kLog10F), 0.5 * x.f);
  return fma(x.e, Vec<float>(two_high), fma(x.e, Vec<float>(two_low), y));
}
// e (two_high + two_low) + log(1 + f) / ln(base), the factor in two parts; log(1 + f) too, so that
// the product is good to the last bit.
inline Vec<double> log_base(LogParts<double> x, double two_high, double two_low, double inverse,
                            double inverse_low) {
  const auto [h, rest] = log_terms(x.f);
  const Vec<double> minus = h - rest;
  const auto log = fast_two_sum(x.f, -minus);
  const Vec<double> log_low = log.error - ((h - minus) - rest);
  const Vec<double> product = log.value * inverse;
  Vec<double> low = fma(log.value, Vec<double>(inverse_low), log_low * inverse) -
                    product_residual(log.value, Vec<double>(inverse), product);
  if (two_low != 0) low = fma(x.e, Vec<double>(two_low), low);
  return fma(x.e, Vec<double>(two_high), product + low);
}
inline Vec<double> log2_join(LogParts<double> x) {
  return log_base(x, 1, 0, 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56);
}
inline Vec<double> log10_join(LogParts<double> x) {
  return log_base(x, 0x1.34413509fp-2, 0x1.e7fbcc47c4acdp-40, 0x1.bcb7b1526e50ep-2,
                  0x1.95355baaafad3p-57);
}

// log(u + low) + exponent ln 2 for u >= 1/2 and a low part of less than its last digit.
// u + low = 2^e (1 + f), and f takes the low part along: around 1 it is all there is.
template <class T>
inline Vec<T> log_in_parts(Vec<T> u, Vec<T> low, Vec<T> exponent) {
  const Vec<T> carry = select(u < infinity<T>(), low, Vec<T>(0));
  return logarithm(u, [=](auto parts) {
    parts.f += carry * power_of_two(Format<T>::shifter - min(parts.e, Vec<T>(64)));
    parts.e += exponent;
    return log_join(parts);
  });
}

}  // namespace math

template <class T>
inline Vec<T> Vec<T>::log() const {
  return math::logarithm(*this, [](auto parts) { return math::log_join(parts); });
}
template <class T>
inline Vec<T> Vec<T>::log2() const {
  return math::logarithm(*this, [](auto parts) { return math::log2_join(parts); });
}
template <class T>
inline Vec<T> Vec<T>::log10() const {
  return math::logarithm(*this, [](auto parts) { return math::log10_join(parts); });
}

template <class T>
inline Vec<T> Vec<T>::log1p() const {
  const auto [u, low] = math::two_sum(Vec(1), *this);
  return math::log_in_parts(u, low, Vec(0)) | (*this & Vec::from_bits(Vec::sign_mask()));  // of -0
}

template <class T>
inline Vec<T> Vec<T>::xlogy(Vec b) const {
  return select((*this == 0) & (b == b), Vec(0), *this * b.log());
}

}  // namespace nnx::cpu::inline NNX_LEVEL
