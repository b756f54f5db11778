// A Python number on its way into an op: it has a kind but no width, so it never widens a tensor.
#pragma once

#include <complex>
#include <cstdint>
#include <string_view>

#include "core/dtype.hpp"

namespace nnx::core {

struct Scalar {
  enum class Kind : std::uint8_t { none, boolean, integer, unsigned_integer, floating, complex };
  Kind kind = Kind::none;
  union {
    std::int64_t i = 0;
    std::uint64_t u;
    double f;  // of a complex number its real part
  };
  double imag = 0;

  Scalar() = default;
  Scalar(bool x) : kind(Kind::boolean), i(x) {}
  Scalar(int x) : kind(Kind::integer), i(x) {}
  Scalar(std::int64_t x) : kind(Kind::integer), i(x) {}
  Scalar(std::uint64_t x) : kind(Kind::unsigned_integer), u(x) {}  // only beyond int64
  Scalar(double x) : kind(Kind::floating), f(x) {}
  Scalar(std::complex<double> x) : kind(Kind::complex), f(x.real()), imag(x.imag()) {}

  double as_double() const {
    if (kind >= Kind::floating) return f;
    return kind == Kind::unsigned_integer ? static_cast<double>(u) : static_cast<double>(i);
  }
  std::complex<double> as_complex() const { return {as_double(), imag}; }
  bool is_true() const { return as_double() != 0 || imag != 0; }
  // The dtype a tensor made of it alone has: bool, int64, uint64, the default floating type, the
  // complex type of that.
  DType dtype() const {
    switch (kind) {
      case Kind::boolean: return DType::boolean;
      case Kind::integer: return DType::int64;
      case Kind::unsigned_integer: return DType::uint64;
      case Kind::complex: return complex_of(default_dtype());
      default: return default_dtype();
    }
  }
  bool operator==(const Scalar& o) const {
    const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
    return kind == o.kind &&
           (kind >= Kind::floating ? same(f, o.f) && same(imag, o.imag) : i == o.i);
  }
};

// Whether a number, without its fraction, is one of an integer dtype's values; complex numbers and
// bools always fit, and everything in other dtypes.
bool fits(const Scalar& s, DType t) noexcept;
void check_fits(const Scalar& s, DType t, std::string_view op);  // ArgumentError where not

}  // namespace nnx::core
