// Element types: names, sizes, kinds, promotion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/element.hpp"

namespace nnx::core {

enum class Kind : std::uint8_t { boolean, signed_integer, unsigned_integer, floating, complex };

struct DTypeInfo {
  std::string_view name;
  Kind kind;
  Lane lane;  // the lane values of this type are computed in
};
extern const DTypeInfo kDTypeInfo[kDTypes];

inline const DTypeInfo& info(DType t) noexcept { return kDTypeInfo[static_cast<int>(t)]; }
inline std::string_view name_of(DType t) noexcept { return info(t).name; }
inline Kind kind_of(DType t) noexcept { return info(t).kind; }
inline Lane lane_of(DType t) noexcept { return info(t).lane; }
inline bool is_floating(DType t) noexcept { return kind_of(t) == Kind::floating; }
inline bool is_complex(DType t) noexcept { return kind_of(t) == Kind::complex; }
inline bool is_integer(DType t) noexcept {
  return kind_of(t) == Kind::signed_integer || kind_of(t) == Kind::unsigned_integer;
}
inline bool is_differentiable(DType t) noexcept { return is_floating(t) || is_complex(t); }
inline constexpr bool is_complex(Lane l) noexcept { return l == Lane::c64 || l == Lane::c128; }
// The lane of the two parts of a complex one; other lanes are their own.
inline constexpr Lane real_lane(Lane l) noexcept {
  return l == Lane::c64 ? Lane::f32 : l == Lane::c128 ? Lane::f64 : l;
}
// The dtype of the two parts of a complex one; other dtypes are their own.
inline DType real_of(DType t) noexcept {
  return t == DType::complex64 ? DType::float32 : t == DType::complex128 ? DType::float64 : t;
}
// The complex dtype that holds values of a real one: complex128 for float64, else complex64.
inline DType complex_of(DType t) noexcept {
  return t == DType::float64 || t == DType::complex128 ? DType::complex128 : DType::complex64;
}
// The dtype whose memory layout is the lane's own.
inline constexpr DType storage_of(Lane l) noexcept {
  constexpr DType table[] = {DType::float32, DType::float64,   DType::int64,     DType::uint64,
                             DType::boolean, DType::complex64, DType::complex128};
  return table[static_cast<int>(l)];
}

std::optional<DType> dtype_from_name(std::string_view name) noexcept;

// The type two tensors meet in: a floating type wins over an integer of any size; signed and
// unsigned meet in the next wider signed type, int64 with uint64 in the default floating type;
// float16 with bfloat16 in float32; a complex type wins over all, float64 and complex64 meet in
// complex128.
DType promote(DType a, DType b) noexcept;

// float32 unless set_default_dtype: what Python floats become.
DType default_dtype() noexcept;
void set_default_dtype(DType t);  // DTypeError unless floating

}  // namespace nnx::core
