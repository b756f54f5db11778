// The types elements have, and their sizes. It stands alone: kernels compiled while nnx runs
// include it, too. Invariant: the order of DType is the order of the table in dtype.cpp, of the
// kernels' load and store tables, and never changes; new types are appended.
#pragma once

#include <cstdint>

namespace nnx::core {

enum class DType : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,
  bfloat16,
  float32,
  float64,
  complex64,   // real and imaginary part, two float32
  complex128,  // two float64
};
inline constexpr int kDTypes = 15;
inline constexpr int kRealDTypes = 13;

// The types a tile register can have: what kernels compute in.
enum class Lane : std::uint8_t { f32, f64, i64, u64, b8, c64, c128 };
inline constexpr int kLanes = 7;
inline constexpr int kRealLanes = 5;  // those before the complex ones

// Bytes of an element.
inline constexpr unsigned long size_of(DType t) noexcept {
  constexpr unsigned char table[kDTypes] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
  return table[static_cast<int>(t)];
}
inline constexpr unsigned long size_of(Lane l) noexcept {
  return l == Lane::f32 ? 4 : l == Lane::b8 ? 1 : l == Lane::c128 ? 16 : 8;
}

}  // namespace nnx::core
