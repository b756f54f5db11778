// See scalar.hpp.
#include "core/scalar.hpp"

#include <cmath>

#include "core/error.hpp"

namespace nnx::core {
namespace {

std::string text_of(const Scalar& s) {
  if (s.kind == Scalar::Kind::floating) return std::to_string(s.f);
  return s.kind == Scalar::Kind::unsigned_integer ? std::to_string(s.u) : std::to_string(s.i);
}

}  // namespace

bool fits(const Scalar& s, DType t) noexcept {
  if (s.kind == Scalar::Kind::complex || s.kind == Scalar::Kind::boolean) return true;
  if (!is_integer(t)) return true;
  const int bits = 8 * static_cast<int>(size_of(t));
  if (s.kind == Scalar::Kind::floating) {  // without its fraction; NaN is in no range
    const bool is_signed = kind_of(t) == Kind::signed_integer;
    const double end = std::ldexp(1.0, is_signed ? bits - 1 : bits);
    const double whole = std::trunc(s.f);
    return whole < end && whole >= (is_signed ? -end : 0);
  }
  if (s.kind == Scalar::Kind::unsigned_integer) return t == DType::uint64;
  if (kind_of(t) == Kind::unsigned_integer)
    return s.i >= 0 && (bits == 64 || s.i < (std::int64_t{1} << bits));
  return bits == 64 ||
         (s.i >= -(std::int64_t{1} << (bits - 1)) && s.i < (std::int64_t{1} << (bits - 1)));
}

void check_fits(const Scalar& s, DType t, std::string_view op) {
  if (fits(s, t)) return;
  const int bits = 8 * static_cast<int>(size_of(t));
  const bool is_signed = kind_of(t) == Kind::signed_integer;
  const std::uint64_t most = ~std::uint64_t{0} >> (64 - bits + (is_signed ? 1 : 0));
  const std::string least = is_signed ? "-" + std::to_string(most + 1) : "0";
  fail<ArgumentError>(
      op, std::string(name_of(t)) + " holds integers from " + least + " to " + std::to_string(most),
      text_of(s),
      s.kind == Scalar::Kind::floating
          ? "a floating dtype holds it"
          : "a wider dtype holds it; nnx.tensor(x).to(dtype) wraps around");
}

}  // namespace nnx::core
