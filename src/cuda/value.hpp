// One lane element as the pointwise declarations see it: the operators and members of cpu/vec.hpp's
// Vec, for a single number. It stands alone (no header of the host), because programs that are
// compiled while nnx runs include it too (with small stand-ins for the standard headers).
// Special functions are the text of core/special_*.hpp, in double: cuda/special.hpp defines them.
// Invariants: every operation rounds to its type; integers wrap; the special values are C's, as on
// the CPU.
#pragma once

#include <cmath>
#include <cstdint>

namespace nnx::cuda {

template <class T, class U>
inline constexpr bool kSame = false;
template <class T>
inline constexpr bool kSame<T, T> = true;
template <class T>
inline constexpr bool kFloat = kSame<T, float> || kSame<T, double>;
template <class T>
inline constexpr bool kSigned = T(-1) < T(0);

template <bool kYes, class A, class B>
struct Choose {
  using type = A;
};
template <class A, class B>
struct Choose<false, A, B> {
  using type = B;
};

template <class T>
struct Value;
using Truth = Value<bool>;

template <>
struct Value<bool> {
  using type = bool;
  bool v;
  Value() = default;
  template <class S>
  __host__ __device__ constexpr Value(S x) : v(x != S(0)) {}
  friend __host__ __device__ constexpr Value operator&(Value a, Value b) { return a.v && b.v; }
  friend __host__ __device__ constexpr Value operator|(Value a, Value b) { return a.v || b.v; }
  friend __host__ __device__ constexpr Value operator^(Value a, Value b) { return a.v != b.v; }
  friend __host__ __device__ constexpr Value operator~(Value a) { return !a.v; }
  friend __host__ __device__ constexpr Value operator==(Value a, Value b) { return a.v == b.v; }
  friend __host__ __device__ constexpr Value operator!=(Value a, Value b) { return a.v != b.v; }
  friend __host__ __device__ constexpr Value operator<(Value a, Value b) { return !a.v && b.v; }
  friend __host__ __device__ constexpr Value operator<=(Value a, Value b) { return !a.v || b.v; }
  friend __host__ __device__ constexpr Value operator>(Value a, Value b) { return a.v && !b.v; }
  friend __host__ __device__ constexpr Value operator>=(Value a, Value b) { return a.v || !b.v; }
  friend __host__ __device__ constexpr Value select(Value c, Value a, Value b) {
    return c.v ? a.v : b.v;
  }
  friend __host__ __device__ constexpr bool any(Value a) { return a.v; }
  __host__ __device__ constexpr Value isinf() const { return false; }
  __host__ __device__ constexpr Value isfinite() const { return true; }
  __host__ __device__ constexpr Value signbit() const { return false; }
};

// Integers of two's complement wrap through their unsigned form.
template <class T>
struct Wrapping {
  using type = T;
};
template <>
struct Wrapping<std::int64_t> {
  using type = std::uint64_t;
};

template <class T>
struct Value {
  using type = T;
  using U = typename Wrapping<T>::type;
  static constexpr bool is_float = kFloat<T>;
  static constexpr bool single = kSame<T, float>;
  static constexpr int width = 1;
  T v;

  Value() = default;
  template <class S>
    requires(!kSame<S, Truth>)
  __host__ __device__ constexpr Value(S x) : v(static_cast<T>(x)) {}

  friend __host__ __device__ constexpr Value operator+(Value a, Value b) {
    return T(U(a.v) + U(b.v));
  }
  friend __host__ __device__ constexpr Value operator-(Value a, Value b) {
    return T(U(a.v) - U(b.v));
  }
  friend __host__ __device__ constexpr Value operator*(Value a, Value b) {
    return T(U(a.v) * U(b.v));
  }
  friend __host__ __device__ constexpr Value operator/(Value a, Value b)
    requires is_float
  {
    return a.v / b.v;
  }
  friend __host__ __device__ constexpr Value operator-(Value a) {
    if constexpr (is_float) return -a.v;
    else return T(U(0) - U(a.v));
  }
  friend __host__ __device__ constexpr Value operator&(Value a, Value b)
    requires(!is_float)
  {
    return a.v & b.v;
  }
  friend __host__ __device__ constexpr Value operator|(Value a, Value b)
    requires(!is_float)
  {
    return a.v | b.v;
  }
  friend __host__ __device__ constexpr Value operator^(Value a, Value b)
    requires(!is_float)
  {
    return a.v ^ b.v;
  }
  friend __host__ __device__ constexpr Value operator~(Value a)
    requires(!is_float)
  {
    return T(~a.v);
  }
  friend __host__ __device__ constexpr Truth operator==(Value a, Value b) { return a.v == b.v; }
  friend __host__ __device__ constexpr Truth operator!=(Value a, Value b) { return a.v != b.v; }
  friend __host__ __device__ constexpr Truth operator<(Value a, Value b) { return a.v < b.v; }
  friend __host__ __device__ constexpr Truth operator<=(Value a, Value b) { return a.v <= b.v; }
  friend __host__ __device__ constexpr Truth operator>(Value a, Value b) { return a.v > b.v; }
  friend __host__ __device__ constexpr Truth operator>=(Value a, Value b) { return a.v >= b.v; }
  friend __host__ __device__ constexpr Value select(Truth c, Value a, Value b) {
    return c.v ? a : b;
  }
  // What a vector has, too: core/special_*.hpp is written for both.
  __host__ __device__ constexpr T operator[](int) const { return v; }
  __host__ __device__ constexpr void set(int, T x) { v = x; }
  friend __host__ __device__ Value fma(Value a, Value b, Value c) {
    static_assert(is_float);
    if constexpr (single) return ::fmaf(a.v, b.v, c.v);
    else return ::fma(a.v, b.v, c.v);
  }
  friend __host__ __device__ constexpr Value min(Value a, Value b) {  // b where either is NaN
    return a.v < b.v ? a : b;
  }

  // --- exact for every T ---
  __host__ __device__ constexpr Value maximum(Value b) const {  // NaN propagates
    return v != v ? *this : b.v != b.v ? b : v > b.v ? *this : b;
  }
  __host__ __device__ constexpr Value minimum(Value b) const {
    return v != v ? *this : b.v != b.v ? b : v < b.v ? *this : b;
  }
  __host__ __device__ constexpr Value relu() const { return T(0) > v ? Value(0) : *this; }
  __host__ __device__ Value abs() const {
    if constexpr (is_float) return single ? T(::fabsf(float(v))) : T(::fabs(double(v)));
    else if constexpr (kSigned<T>) return v < 0 ? -*this : *this;
    else return *this;
  }
  __host__ __device__ constexpr Value conj() const { return *this; }
  __host__ __device__ constexpr Value sign() const {
    if constexpr (kSigned<T>) return v > T(0) ? Value(1) : v < T(0) ? Value(-1) : *this;
    else return v > T(0) ? Value(1) : *this;
  }
  __host__ __device__ Truth isinf() const {
    if constexpr (is_float) return abs().v == T(__builtin_huge_val());
    else return false;
  }
  __host__ __device__ Truth isfinite() const {
    if constexpr (is_float) return abs().v < T(__builtin_huge_val());
    else return true;
  }
  __host__ __device__ Truth signbit() const {
    if constexpr (single) return ::copysignf(1.0f, v) < 0;
    else if constexpr (is_float) return ::copysign(1.0, v) < 0;
    else if constexpr (kSigned<T>) return v < 0;
    else return false;
  }

  // --- of the mathematics library ---
  __host__ __device__ Value floor() const { return one<&::floorf, &::floor>(); }
  __host__ __device__ Value ceil() const { return one<&::ceilf, &::ceil>(); }
  __host__ __device__ Value trunc() const { return one<&::truncf, &::trunc>(); }
  __host__ __device__ Value round() const { return one<&::rintf, &::rint>(); }
  __host__ __device__ Value sqrt() const { return one<&::sqrtf, &::sqrt>(); }
  __host__ __device__ Value exp() const { return one<&::expf, &::exp>(); }
  __host__ __device__ Value exp2() const { return one<&::exp2f, &::exp2>(); }
  __host__ __device__ Value expm1() const { return one<&::expm1f, &::expm1>(); }
  __host__ __device__ Value log() const { return one<&::logf, &::log>(); }
  __host__ __device__ Value log2() const { return one<&::log2f, &::log2>(); }
  __host__ __device__ Value log10() const { return one<&::log10f, &::log10>(); }
  __host__ __device__ Value log1p() const { return one<&::log1pf, &::log1p>(); }
  __host__ __device__ Value sin() const { return one<&::sinf, &::sin>(); }
  __host__ __device__ Value cos() const { return one<&::cosf, &::cos>(); }
  __host__ __device__ Value tan() const { return one<&::tanf, &::tan>(); }
  __host__ __device__ Value asin() const { return one<&::asinf, &::asin>(); }
  __host__ __device__ Value acos() const { return one<&::acosf, &::acos>(); }
  __host__ __device__ Value atan() const { return one<&::atanf, &::atan>(); }
  __host__ __device__ Value sinh() const { return one<&::sinhf, &::sinh>(); }
  __host__ __device__ Value cosh() const { return one<&::coshf, &::cosh>(); }
  __host__ __device__ Value tanh() const { return one<&::tanhf, &::tanh>(); }
  __host__ __device__ Value asinh() const { return one<&::asinhf, &::asinh>(); }
  __host__ __device__ Value acosh() const { return one<&::acoshf, &::acosh>(); }
  __host__ __device__ Value atanh() const { return one<&::atanhf, &::atanh>(); }
  __host__ __device__ Value erf() const { return one<&::erff, &::erf>(); }
  __host__ __device__ Value erfc() const { return one<&::erfcf, &::erfc>(); }
  __host__ __device__ Value erfcx() const { return one<&::erfcxf, &::erfcx>(); }
  __host__ __device__ Value cbrt() const { return one<&::cbrtf, &::cbrt>(); }
  __host__ __device__ Value atan2(Value x) const { return two<&::atan2f, &::atan2>(x); }
  __host__ __device__ Value hypot(Value b) const { return two<&::hypotf, &::hypot>(b); }
  __host__ __device__ Value copysign(Value s) const { return two<&::copysignf, &::copysign>(s); }
  __host__ __device__ Value nextafter(Value to) const {
    return two<&::nextafterf, &::nextafter>(to);
  }
  __host__ __device__ Value rsqrt() const { return Value(1) / sqrt(); }
  __host__ __device__ Value ndtr() const {
    const Value x = *this * Value(-0.7071067811865476);
    return Value(0.5) * x.template one<&::erfcf, &::erfc>();
  }
  __host__ __device__ Value sigmoid() const {
    const Value z = (-abs()).exp();  // cannot overflow
    return select(*this < Value(0), z, Value(1)) / (Value(1) + z);
  }
  __host__ __device__ Value softplus() const { return maximum(Value(0)) + (-abs()).exp().log1p(); }
  __host__ __device__ Value logaddexp(Value b) const {
    const Value top = maximum(b), difference = (*this - b).abs();
    return select(*this == b, top + Value(0.6931471805599453),
                  select(top.isinf(), top, top + (-difference).exp().log1p()));
  }
  __host__ __device__ Value xlogy(Value b) const {
    return select((*this == Value(0)) & (b == b), Value(0), *this * b.log());
  }

  // --- defined in cuda/special.hpp ---
  __host__ __device__ Value lgamma() const;
  __host__ __device__ Value digamma() const;
  __host__ __device__ Value polygamma(Value x) const;  // *this is the order
  __host__ __device__ Value zeta(Value q) const;
  __host__ __device__ Value betaln(Value b) const;
  __host__ __device__ Value erfinv() const;
  __host__ __device__ Value ndtri() const;
  __host__ __device__ Value log_ndtr() const;
  __host__ __device__ Value i0() const;
  __host__ __device__ Value i0e() const;
  __host__ __device__ Value i1() const;
  __host__ __device__ Value i1e() const;
  __host__ __device__ Value gammainc(Value x) const;  // *this is a
  __host__ __device__ Value gammaincc(Value x) const;
  __host__ __device__ Value gammainc_slope(Value x) const;
  __host__ __device__ Value betainc(Value b, Value x) const;
  __host__ __device__ Value betainc_slope(Value b, Value x) const;

  // --- of integers too ---
  __host__ __device__ Value pow(Value b) const {
    if constexpr (is_float) {
      return two<&::powf, &::pow>(b);
    } else {
      if constexpr (kSigned<T>)
        if (b.v < 0) return v == 1 ? 1 : v == -1 ? (b.v & 1 ? -1 : 1) : 0;
      U y = 1, square = U(v);
      for (U left = U(b.v); left != 0; left >>= 1) {
        if (left & 1) y *= square;
        square *= square;
      }
      return T(y);
    }
  }
  __host__ __device__ Value fmod(Value b) const {
    if constexpr (is_float) {
      return two<&::fmodf, &::fmod>(b);
    } else {
      if (b.v == 0) return 0;
      if constexpr (kSigned<T>)
        if (b.v == -1) return 0;
      return v % b.v;
    }
  }
  __host__ __device__ Value remainder(Value b) const {  // has the sign of b
    const Value mod = fmod(b);
    if constexpr (is_float) {
      if (mod.v == 0) return Value(0).copysign(b);
      return (b.v < 0) != (mod.v < 0) ? mod + b : mod;
    } else {
      return mod.v != 0 && (mod.v < 0) != (b.v < 0) ? mod + b : mod;
    }
  }
  __host__ __device__ Value floor_divide(Value b) const {
    if constexpr (is_float) {
      const Value ratio = *this / b;
      if (b.v == 0) return ratio;
      const Value mod = fmod(b), exact = (*this - mod) / b;
      const Value quotient = mod.v != 0 && (b.v < 0) != (mod.v < 0) ? exact - Value(1) : exact;
      if (quotient.v == 0) return Value(0).copysign(ratio);
      const Value down = quotient.floor();  // of what is whole up to rounding
      return (quotient - down).v > T(0.5) ? down + Value(1) : down;
    } else {
      if (b.v == 0) return 0;
      if constexpr (kSigned<T>)
        if (b.v == -1) return -*this;
      const T quotient = v / b.v, mod = v % b.v;
      return mod != 0 && (mod < 0) != (b.v < 0) ? T(quotient - 1) : quotient;
    }
  }
  __host__ __device__ Value shift_left(Value n) const {
    return std::uint64_t(n.v) < 64 ? T(U(v) << std::uint64_t(n.v)) : T(0);
  }
  __host__ __device__ Value shift_right(Value n) const {
    if (std::uint64_t(n.v) < 64) return T(v >> std::uint64_t(n.v));
    return v < 0 ? T(-1) : T(0);
  }

 private:
  template <float (*kSingle)(float), double (*kDouble)(double)>
  __host__ __device__ Value one() const {
    static_assert(is_float);
    if constexpr (single) return kSingle(v);
    else return kDouble(v);
  }
  template <float (*kSingle)(float, float), double (*kDouble)(double, double)>
  __host__ __device__ Value two(Value b) const {
    static_assert(is_float);
    if constexpr (single) return kSingle(v, b.v);
    else return kDouble(v, b.v);
  }
  template <class>
  friend struct Value;
};

}  // namespace nnx::cuda
