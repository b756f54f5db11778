// Values between dtypes and lanes. It stands alone, as value.hpp does.
// Floating to integer saturates and takes NaN to 0, integer to narrower integer wraps, anything to
// bool is x != 0, to 16-bit floats rounds once to nearest even.
#pragma once

#include "core/element.hpp"
#include "core/half.hpp"
#include "cuda/value.hpp"

namespace nnx::cuda {

using core::DType;

template <class To, class From>
__host__ __device__ To convert(From x) {
  if constexpr (kSame<To, From>) {
    return x;
  } else if constexpr (kSame<To, bool>) {
    return x != From(0);
  } else if constexpr (kFloat<From> && !kFloat<To>) {
    // Saturating; NaN becomes 0.
    if (x != x) return 0;
    if constexpr (kSigned<To>) {
      if (x >= From(0x1p63)) return To(0x7fffffffffffffff);
      if (x <= From(-0x1p63)) return To(-0x7fffffffffffffff - 1);
    } else {
      if (x <= From(0)) return 0;
      if (x >= From(0x1p64)) return To(0xffffffffffffffff);
    }
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// Small integers saturate as the CPU's conversion does when they come from a floating lane, and
// wrap when they come from an integer one.
template <class To, class From>
__host__ __device__ To narrow(From x) {
  if constexpr (kFloat<From>) {
    constexpr int bits = 8 * int(sizeof(To)) - (kSigned<To> ? 1 : 0);
    constexpr std::int64_t top = (std::int64_t{1} << bits) - 1, bottom = kSigned<To> ? -top - 1 : 0;
    if (x != x) return 0;
    if (x <= From(bottom)) return To(bottom);
    if (x >= From(top)) return To(top);
  }
  return static_cast<To>(x);
}

// float16 is rounded once, whatever lane it comes from.
__host__ __device__ inline float odd_float(double x) {
  // Rounded to odd, so that a second rounding to fewer bits is right.
  const float f = static_cast<float>(x);
  if (static_cast<double>(f) == x || x != x) return f;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  const bool above = static_cast<double>(f < 0 ? -f : f) > (x < 0 ? -x : x);
  if (above) --bits;  // towards zero
  return std::bit_cast<float>(bits | 1u);
}
template <class T>
__host__ __device__ float half_source(T x) {
  if constexpr (kSame<T, float>) return x;
  else return odd_float(static_cast<double>(x));
}

template <class T>
__host__ __device__ T load_as(const char* p, DType dtype) {
  switch (dtype) {
    case DType::boolean: return convert<T>(*reinterpret_cast<const std::uint8_t*>(p) != 0);
    case DType::int8: return convert<T>(std::int64_t{*reinterpret_cast<const std::int8_t*>(p)});
    case DType::int16: return convert<T>(std::int64_t{*reinterpret_cast<const std::int16_t*>(p)});
    case DType::int32: return convert<T>(std::int64_t{*reinterpret_cast<const std::int32_t*>(p)});
    case DType::int64: return convert<T>(*reinterpret_cast<const std::int64_t*>(p));
    case DType::uint8: return convert<T>(std::uint64_t{*reinterpret_cast<const std::uint8_t*>(p)});
    case DType::uint16:
      return convert<T>(std::uint64_t{*reinterpret_cast<const std::uint16_t*>(p)});
    case DType::uint32:
      return convert<T>(std::uint64_t{*reinterpret_cast<const std::uint32_t*>(p)});
    case DType::uint64: return convert<T>(*reinterpret_cast<const std::uint64_t*>(p));
    case DType::float16:
      return convert<T>(core::half_to_float(*reinterpret_cast<const std::uint16_t*>(p)));
    case DType::bfloat16:
      return convert<T>(core::bfloat_to_float(*reinterpret_cast<const std::uint16_t*>(p)));
    case DType::float32: return convert<T>(*reinterpret_cast<const float*>(p));
    default: return convert<T>(*reinterpret_cast<const double*>(p));
  }
}

template <class T>
__host__ __device__ void store_as(char* p, DType dtype, T x) {
  switch (dtype) {
    case DType::boolean: *reinterpret_cast<std::uint8_t*>(p) = x != T(0); break;
    case DType::int8: *reinterpret_cast<std::int8_t*>(p) = narrow<std::int8_t>(x); break;
    case DType::int16: *reinterpret_cast<std::int16_t*>(p) = narrow<std::int16_t>(x); break;
    case DType::int32: *reinterpret_cast<std::int32_t*>(p) = narrow<std::int32_t>(x); break;
    case DType::int64: *reinterpret_cast<std::int64_t*>(p) = convert<std::int64_t>(x); break;
    case DType::uint8: *reinterpret_cast<std::uint8_t*>(p) = narrow<std::uint8_t>(x); break;
    case DType::uint16: *reinterpret_cast<std::uint16_t*>(p) = narrow<std::uint16_t>(x); break;
    case DType::uint32: *reinterpret_cast<std::uint32_t*>(p) = narrow<std::uint32_t>(x); break;
    case DType::uint64: *reinterpret_cast<std::uint64_t*>(p) = convert<std::uint64_t>(x); break;
    case DType::float16:
      *reinterpret_cast<std::uint16_t*>(p) = core::float_to_half(half_source(x));
      break;
    case DType::bfloat16:
      *reinterpret_cast<std::uint16_t*>(p) = core::float_to_bfloat(half_source(x));
      break;
    case DType::float32: *reinterpret_cast<float*>(p) = convert<float>(x); break;
    default: *reinterpret_cast<double*>(p) = convert<double>(x);
  }
}

// x through the dtype and back.
template <class T>
__host__ __device__ T round_to(DType dtype, T x) {
  alignas(8) char stored[8];
  store_as<T>(stored, dtype, x);
  return load_as<T>(stored, dtype);
}

}  // namespace nnx::cuda
