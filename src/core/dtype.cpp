// The table of element types and their promotion: see dtype.hpp.
#include "core/dtype.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "core/error.hpp"

namespace nnx::core {

const DTypeInfo kDTypeInfo[kDTypes] = {
    {"bool", Kind::boolean, Lane::b8},
    {"int8", Kind::signed_integer, Lane::i64},
    {"int16", Kind::signed_integer, Lane::i64},
    {"int32", Kind::signed_integer, Lane::i64},
    {"int64", Kind::signed_integer, Lane::i64},
    {"uint8", Kind::unsigned_integer, Lane::u64},
    {"uint16", Kind::unsigned_integer, Lane::u64},
    {"uint32", Kind::unsigned_integer, Lane::u64},
    {"uint64", Kind::unsigned_integer, Lane::u64},
    {"float16", Kind::floating, Lane::f32},
    {"bfloat16", Kind::floating, Lane::f32},
    {"float32", Kind::floating, Lane::f32},
    {"float64", Kind::floating, Lane::f64},
    {"complex64", Kind::complex, Lane::c64},
    {"complex128", Kind::complex, Lane::c128},
};

namespace {
std::atomic<DType> g_default{DType::float32};

DType signed_of_size(int bytes) {
  switch (bytes) {
    case 1: return DType::int8;
    case 2: return DType::int16;
    case 4: return DType::int32;
    default: return DType::int64;
  }
}
}  // namespace

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (int i = 0; i < kDTypes; ++i)
    if (kDTypeInfo[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

DType promote(DType a, DType b) noexcept {
  if (a == b) return a;
  if (kind_of(a) > kind_of(b)) std::swap(a, b);  // b has the stronger kind
  const Kind ka = kind_of(a), kb = kind_of(b);
  if (ka == Kind::boolean) return b;
  if (kb == Kind::complex)
    return a == DType::float64 || a == DType::complex128 ? DType::complex128 : b;
  if (kb == Kind::floating) {
    if (ka != Kind::floating) return b;
    if (size_of(a) == size_of(b)) return DType::float32;  // float16 with bfloat16
    return size_of(a) > size_of(b) ? a : b;
  }
  if (ka == kb) return size_of(a) > size_of(b) ? a : b;
  // a signed, b unsigned
  if (size_of(a) > size_of(b)) return a;
  if (b == DType::uint64) return default_dtype();
  return signed_of_size(2 * static_cast<int>(size_of(b)));
}

DType default_dtype() noexcept { return g_default.load(std::memory_order_relaxed); }

void set_default_dtype(DType t) {
  if (!is_floating(t))
    fail<DTypeError>("set_default_dtype", "the default dtype must be a floating type",
                     std::string(name_of(t)), "use float32 or float64");
  g_default.store(t, std::memory_order_relaxed);
}

}  // namespace nnx::core
