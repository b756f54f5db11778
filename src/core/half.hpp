// float16 and bfloat16 as 16 bits, converted with round to nearest even. Scalar and portable; the
// kernels have vector forms of the same rounding.
#pragma once

#include <bit>
#include <cstdint>

namespace nnx::core {

inline constexpr float half_to_float(std::uint16_t h) noexcept {
  const std::uint32_t sign = std::uint32_t(h & 0x8000u) << 16;
  std::uint32_t bits = h & 0x7fffu;
  if (bits >= 0x7c00u) {  // a NaN becomes quiet, as in the processor's own conversion
    const std::uint32_t quiet = bits > 0x7c00u ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | ((bits & 0x3ffu) << 13));
  }
  if (bits >= 0x0400u) return std::bit_cast<float>(sign | ((bits << 13) + 0x38000000u));
  const float tiny = float(bits) * 0x1p-24f;  // subnormal: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(tiny));
}

inline constexpr std::uint16_t float_to_half(float f) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  const std::uint16_t sign = std::uint16_t((bits >> 16) & 0x8000u);
  const std::uint32_t mag = bits & 0x7fffffffu;
  if (mag > 0x7f800000u) return std::uint16_t(sign | 0x7e00u | ((mag >> 13) & 0x3ffu));
  if (mag >= 0x477ff000u) return std::uint16_t(sign | 0x7c00u);  // rounds to infinity
  if (mag < 0x38800000u) {                                       // subnormal half
    const float shifted = std::bit_cast<float>(mag) + 0.5f;      // rounds to a multiple of 2^-24
    return std::uint16_t(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = mag + 0xfffu + ((mag >> 13) & 1u);
  return std::uint16_t(sign | ((rounded - 0x38000000u) >> 13));
}

inline constexpr float bfloat_to_float(std::uint16_t h) noexcept {
  return std::bit_cast<float>(std::uint32_t(h) << 16);
}

inline constexpr std::uint16_t float_to_bfloat(float f) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return std::uint16_t((bits >> 16) | 0x40u);
  return std::uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace nnx::core
