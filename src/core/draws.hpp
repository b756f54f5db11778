// From random words to values: the arithmetic that every backend shares, so that the same stream
// gives the same numbers on every device. Only additions, multiplications, divisions and square
// roots of IEEE arithmetic, in a written order, none contracted.
//
// Normal values come in pairs (Box-Muller): from draws u, v the elements 2j and 2j + 1 are
// r cos(2 pi v) and r sin(2 pi v), r = sqrt(-2 ln u'), with u' in (0, 1]:
//   float32: u' = ((u >> 1) + 1/2) 2^-31 rounded to float32, v as a fraction of 2^32
//   float64: u' = ((u >> 11) + 1) 2^-53,                    v >> 11 as a fraction of 2^53
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace nnx::core::draws {

// ---- Philox4x32-10
// -------------------------------------------------------------------------------

inline constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
inline constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
inline constexpr int kRounds = 10;

// ---- elementary functions: Taylor series after exact reductions, within 2 ulp of the result -----

// ln x for normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)).
constexpr float ln(float x) {
  const std::uint32_t shifted = std::bit_cast<std::uint32_t>(x) - 0x3f3504f3u;  // bits of sqrt(1/2)
  const float e = static_cast<float>(static_cast<std::int32_t>(shifted) >> 23);
  const float m = std::bit_cast<float>((shifted & 0x7fffffu) + 0x3f3504f3u);
  const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  float p = 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  return e * 0x1.62e43p-1f + (e * -0x1.05c61p-29f + (2 * s + 2 * s * (p * q)));
}

constexpr double ln(double x) {
  const std::uint64_t shifted = std::bit_cast<std::uint64_t>(x) - 0x3fe6a09e667f3bcdu;
  // The exponent as a double without a conversion that needs AVX-512: it is a small integer.
  const double e =
      std::bit_cast<double>(0x4338000000000000u + ((shifted >> 52) ^ 0x800u)) - 0x1.8p52 - 2048.0;
  const double m = std::bit_cast<double>((shifted & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
  const double s = (m - 1.0) / (m + 1.0), q = s * s;
  double p = 1.0 / 23;
  p = p * q + 1.0 / 21;
  p = p * q + 1.0 / 19;
  p = p * q + 1.0 / 17;
  p = p * q + 1.0 / 15;
  p = p * q + 1.0 / 13;
  p = p * q + 1.0 / 11;
  p = p * q + 1.0 / 9;
  p = p * q + 1.0 / 7;
  p = p * q + 1.0 / 5;
  p = p * q + 1.0 / 3;
  return e * 0x1.62e42fefa38p-1 + (e * 0x1.ef35793c7673p-45 + (2 * s + 2 * s * (p * q)));
}

// sin and cos on [-pi/4, pi/4].
constexpr float sin_poly(float x) {
  const float q = x * x;
  float p = 1.0f / 362880;
  p = p * q - 1.0f / 5040;
  p = p * q + 1.0f / 120;
  p = p * q - 1.0f / 6;
  return x + x * (q * p);
}
constexpr float cos_poly(float x) {
  const float q = x * x;
  float p = -1.0f / 3628800;
  p = p * q + 1.0f / 40320;
  p = p * q - 1.0f / 720;
  p = p * q + 1.0f / 24;
  return (1.0f - 0.5f * q) + q * (q * p);
}
constexpr double sin_poly(double x) {
  const double q = x * x;
  double p = 1.0 / 355687428096000;
  p = p * q - 1.0 / 1307674368000;
  p = p * q + 1.0 / 6227020800;
  p = p * q - 1.0 / 39916800;
  p = p * q + 1.0 / 362880;
  p = p * q - 1.0 / 5040;
  p = p * q + 1.0 / 120;
  p = p * q - 1.0 / 6;
  return x + x * (q * p);
}
constexpr double cos_poly(double x) {
  const double q = x * x;
  double p = -1.0 / 6402373705728000;
  p = p * q + 1.0 / 20922789888000;
  p = p * q - 1.0 / 87178291200;
  p = p * q + 1.0 / 479001600;
  p = p * q - 1.0 / 3628800;
  p = p * q + 1.0 / 40320;
  p = p * q - 1.0 / 720;
  p = p * q + 1.0 / 24;
  return (1.0 - 0.5 * q) + q * (q * p);
}

// v < 2^53 as a double, exactly and without AVX-512.
constexpr double to_double(std::uint64_t v) {
  const double high = std::bit_cast<double>(0x4530000000000000u | (v >> 32));
  const double low = std::bit_cast<double>(0x4330000000000000u | (v & 0xffffffffu));
  return (high - (0x1p84 + 0x1p52)) + low;
}

// The sign bit of -x where `quarter` (0..3) and the turn ask for it, by integer arithmetic.
constexpr float with_sign(float x, std::uint32_t negative) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) ^ (negative << 31));
}
constexpr double with_sign(double x, std::uint64_t negative) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) ^ (negative << 63));
}

struct Pair32 {
  float x, y;
};
constexpr Pair32 normal_pair(std::uint32_t u, std::uint32_t v) {
  const float uniform = (static_cast<float>(static_cast<std::int32_t>(u >> 1)) + 0.5f) * 0x1p-31f;
  const float r = __builtin_sqrtf(-2.0f * ln(uniform));
  const std::uint32_t quarter = (v + (1u << 29)) >> 30;  // nearest quarter turn; the rest is exact
  const float angle =
      static_cast<float>(static_cast<std::int32_t>(v - (quarter << 30))) * 0x1.921fb6p-30f;
  const float s = r * sin_poly(angle), c = r * cos_poly(angle);
  const bool swap = quarter & 1;
  return {with_sign(swap ? s : c, ((quarter + 1) >> 1) & 1), with_sign(swap ? c : s, quarter >> 1)};
}

struct Pair64 {
  double x, y;
};
constexpr Pair64 normal_pair(std::uint64_t u, std::uint64_t v) {
  const double uniform = to_double((u >> 11) + 1) * 0x1p-53;
  const double r = __builtin_sqrt(-2.0 * ln(uniform));
  const std::uint64_t turn = v >> 11;
  const std::uint64_t quarter = (turn + (std::uint64_t{1} << 50)) >> 51;  // 0..4
  const std::uint64_t rest = turn - (quarter << 51);                      // signed, within 2^50
  const double angle =
      (std::bit_cast<double>(0x4338000000000000u + rest) - 0x1.8p52) * 0x1.921fb54442d18p-51;
  const double s = r * sin_poly(angle), c = r * cos_poly(angle);
  const bool swap = quarter & 1;
  return {with_sign(swap ? s : c, ((quarter + 1) >> 1) & 1),
          with_sign(swap ? c : s, (quarter >> 1) & 1)};
}

// Half the width of [a, b), so that it does not overflow, and the largest value below b.
template <class T>
struct Interval {
  T a, half, top;
  bool wide;  // b - a overflows
  T width;
  Interval(double from, double to) : a(static_cast<T>(from)) {
    const T b = static_cast<T>(to);
    half = b / 2 - a / 2;
    width = b - a;
    wide = !std::isfinite(width);
    top = b > a ? std::nextafter(b, a) : a;
  }
  template <class U>
  constexpr T operator()(U u) const {
    const T x = wide ? (a + u * half) + u * half : a + u * width;
    return x < top ? x : top;
  }
};

}  // namespace nnx::core::draws
