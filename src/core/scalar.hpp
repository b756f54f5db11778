// A Python number on its way into an op: it has a kind but no width, so it never widens a tensor.
#pragma once

#include <cstdint>

#include "core/dtype.hpp"

namespace nnx::core {

struct Scalar {
  enum class Kind : std::uint8_t { none, boolean, integer, unsigned_integer, floating };
  Kind kind = Kind::none;
  union {
    std::int64_t i = 0;
    std::uint64_t u;
    double f;
  };

  Scalar() = default;
  Scalar(bool x) : kind(Kind::boolean), i(x) {}
  Scalar(int x) : kind(Kind::integer), i(x) {}
  Scalar(std::int64_t x) : kind(Kind::integer), i(x) {}
  Scalar(std::uint64_t x) : kind(Kind::unsigned_integer), u(x) {}  // only beyond int64
  Scalar(double x) : kind(Kind::floating), f(x) {}

  double as_double() const {
    if (kind == Kind::floating) return f;
    return kind == Kind::unsigned_integer ? static_cast<double>(u) : static_cast<double>(i);
  }
  // The dtype a tensor made of it alone has: bool, int64, uint64, the default floating type.
  DType dtype() const {
    switch (kind) {
      case Kind::boolean: return DType::boolean;
      case Kind::integer: return DType::int64;
      case Kind::unsigned_integer: return DType::uint64;
      default: return default_dtype();
    }
  }
  bool operator==(const Scalar& o) const {
    return kind == o.kind &&
           (kind == Kind::floating ? f == o.f || (f != f && o.f != o.f) : i == o.i);
  }
};

}  // namespace nnx::core
