// SIMD vectors of the level this file is compiled for: Vec<T> (float, double and the 32 and 64 bit
// integers), Vec<bool> (bytes 0 or 1), Mask<T> (one truth value for each lane of Vec<T>).
// Written over GCC's vector extensions, with the machine's own instructions (cpu/vec_native.hpp)
// where the extensions have none. Numbers convert to vectors of copies, so `1 / x` reads as it does
// for scalars. Integer arithmetic wraps. Transcendental members are defined in cpu/math.hpp.
// Invariant: every operation acts on lanes alone; folds are fixed trees.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "cpu/vec_native.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

template <class T>
struct Vec;
template <class T>
concept Number = std::is_arithmetic_v<T>;

// One truth value for each lane of a Vec whose elements have kBytes.
template <int kBytes>
struct MaskOf {
  using T = typename IntegerOf<kBytes, true>::type;
  using Bits = native::MaskBits<T>;
  static constexpr int width = kVectorBytes / kBytes;
  Bits m;

  MaskOf() = default;
  explicit MaskOf(Bits bits) : m(bits) {}
  // One bit, or lane, is all ones where `on`.
  static MaskOf all_lanes(bool on) { return on ? ~MaskOf(Bits{}) : MaskOf(Bits{}); }

  // From and to bool storage: one byte a lane, 0 or 1 (anything but 0 loads as true).
  static MaskOf load(const void* bytes) { return MaskOf(native::mask_from_bytes<T>(bytes)); }
  static MaskOf load(const void* bytes, int n) {
    unsigned char b[width] = {};
    std::memcpy(b, bytes, std::size_t(n));
    return load(b);
  }
  void store(void* bytes) const { native::mask_to_bytes<T>(m, bytes); }
  void store(void* bytes, int n) const {
    unsigned char b[width];
    store(b);
    std::memcpy(bytes, b, std::size_t(n));
  }

  friend MaskOf operator&(MaskOf a, MaskOf b) { return MaskOf(Bits(a.m & b.m)); }
  friend MaskOf operator|(MaskOf a, MaskOf b) { return MaskOf(Bits(a.m | b.m)); }
  friend MaskOf operator^(MaskOf a, MaskOf b) { return MaskOf(Bits(a.m ^ b.m)); }
  friend MaskOf operator~(MaskOf a) { return MaskOf(Bits(~a.m)); }

  friend bool any(MaskOf a) { return native::any<T>(a.m); }
  friend bool all(MaskOf a) { return native::all<T>(a.m); }
  bool operator[](int i) const {
    if constexpr (kBitMasks) return ((m >> i) & 1) != 0;
    else return m[i] != 0;
  }
};
template <class T>
using Mask = MaskOf<int(sizeof(T))>;

template <class T>
struct Vec {
  using value_type = T;
  static constexpr int width = kVectorBytes / int(sizeof(T));
  static constexpr bool is_float = std::is_floating_point_v<T>;
  using N = Native<T>;
  using Int = Vec<SignedOf<T>>;
  using M = Mask<T>;
  N v;

  Vec() = default;
  Vec(N native) : v(native) {}
  template <Number S>
  Vec(S number) : v(static_cast<T>(number) - N{}) {}

  static Vec load(const void* p) {
    Vec r;
    std::memcpy(&r.v, p, sizeof(N));
    return r;
  }
  // n in [0, width]: the first n elements; nothing beyond them is touched, further lanes are 0.
  static Vec load(const void* p, int n) { return native::load_part(static_cast<const T*>(p), n); }
  void store(void* p) const { std::memcpy(p, &v, sizeof(N)); }
  void store(void* p, int n) const { native::store_part(v, static_cast<T*>(p), n); }
  T operator[](int i) const { return v[i]; }
  void set(int i, T x) { v[i] = x; }

  // --- arithmetic ---
  friend Vec operator+(Vec a, Vec b) { return wrap(raw(a) + raw(b)); }
  friend Vec operator-(Vec a, Vec b) { return wrap(raw(a) - raw(b)); }
  friend Vec operator*(Vec a, Vec b) { return wrap(raw(a) * raw(b)); }
  friend Vec operator/(Vec a, Vec b)
    requires is_float
  {
    return a.v / b.v;
  }
  friend Vec operator-(Vec a) { return wrap(-raw(a)); }
  Vec& operator+=(Vec b) { return *this = *this + b; }
  Vec& operator-=(Vec b) { return *this = *this - b; }
  Vec& operator*=(Vec b) { return *this = *this * b; }
  // a * b + c: one rounding where kHardwareFma, two elsewhere.
  friend Vec fma(Vec a, Vec b, Vec c) {
    if constexpr (is_float) return native::mul_add(a.v, b.v, c.v);
    else return a * b + c;
  }

  // --- bits; of floating vectors too ---
  friend Vec operator&(Vec a, Vec b) { return wrap_bits(bits(a) & bits(b)); }
  friend Vec operator|(Vec a, Vec b) { return wrap_bits(bits(a) | bits(b)); }
  friend Vec operator^(Vec a, Vec b) { return wrap_bits(bits(a) ^ bits(b)); }
  friend Vec operator~(Vec a)
    requires(!is_float)
  {
    return ~a.v;
  }
  friend Vec operator<<(Vec a, int n)
    requires(!is_float)
  {
    return wrap(raw(a) << n);
  }
  friend Vec operator>>(Vec a, int n)
    requires(!is_float)
  {
    return a.v >> n;
  }

  // --- comparison ---
  friend M operator==(Vec a, Vec b) { return compare<native::Compare::equal>(a, b); }
  friend M operator!=(Vec a, Vec b) { return compare<native::Compare::not_equal>(a, b); }
  friend M operator<(Vec a, Vec b) { return compare<native::Compare::less>(a, b); }
  friend M operator<=(Vec a, Vec b) { return compare<native::Compare::less_equal>(a, b); }
  friend M operator>(Vec a, Vec b) { return compare<native::Compare::less>(b, a); }
  friend M operator>=(Vec a, Vec b) { return compare<native::Compare::less_equal>(b, a); }
  friend Vec select(M mask, Vec yes, Vec no) { return native::select<T>(mask.m, yes.v, no.v); }

  // a < b ? a : b and a > b ? a : b, so b where either is NaN.
  friend Vec min(Vec a, Vec b) {
    if constexpr (is_float) return native::min(a.v, b.v);
    else return select(a < b, a, b);
  }
  friend Vec max(Vec a, Vec b) {
    if constexpr (is_float) return native::max(a.v, b.v);
    else return select(a > b, a, b);
  }

  // --- members the pointwise declarations use; exact for every T ---
  Vec maximum(Vec b) const {  // NaN propagates
    if constexpr (is_float) return select(*this != *this, *this, max(*this, b));
    else return max(*this, b);
  }
  Vec minimum(Vec b) const {
    if constexpr (is_float) return select(*this != *this, *this, min(*this, b));
    else return min(*this, b);
  }
  Vec relu() const {  // NaN and -0 stay
    if constexpr (is_float) return max(Vec(0), *this);
    else return max(*this, Vec(0));
  }
  Vec abs() const {
    if constexpr (is_float) return *this & Vec::from_bits(~sign_mask());
    else if constexpr (std::is_signed_v<T>) return select(*this < 0, -*this, *this);
    else return *this;
  }
  Vec sign() const {
    // -0 + 0 is 0.
    if constexpr (is_float)
      return select(*this > 0, Vec(1), select(*this < 0, Vec(-1), *this + Vec(0)));
    else if constexpr (std::is_signed_v<T>)
      return select(*this > 0, Vec(1), *this >> (8 * int(sizeof(T)) - 1));
    else return min(*this, Vec(1));
  }
  M isinf() const {
    if constexpr (is_float) return abs() == Vec(__builtin_inf());
    else return M::all_lanes(false);
  }
  M isfinite() const {
    if constexpr (is_float) return abs() < Vec(__builtin_inf());
    else return M::all_lanes(true);
  }
  M signbit() const {
    if constexpr (is_float) return as_int() < 0;
    else if constexpr (std::is_signed_v<T>) return *this < 0;
    else return M::all_lanes(false);
  }
  Vec floor() const
    requires is_float
  {
    return native::round<native::Rounding::down>(v);
  }
  Vec ceil() const
    requires is_float
  {
    return native::round<native::Rounding::up>(v);
  }
  Vec trunc() const
    requires is_float
  {
    return native::round<native::Rounding::zero>(v);
  }
  Vec round() const
    requires is_float
  {  // half to even
    return native::round<native::Rounding::nearest_even>(v);
  }
  Vec sqrt() const
    requires is_float
  {
    return native::sqrt(v);
  }
  Vec copysign(Vec s) const
    requires is_float
  {
    return abs() | (s & Vec::from_bits(sign_mask()));
  }

  Vec conj() const { return *this; }
  Vec nextafter(Vec to) const
    requires is_float
  {
    const M up = *this < to;
    const Int step = select((*this > 0) ^ up, Int(-1), Int(1));  // away from 0 is one more
    const Vec moved =
        select(*this == 0, from_bits(Int(1)).copysign(to), from_bits(as_int() + step));
    return select(*this == to, to, select((*this == *this) & (to == to), moved, *this + to));
  }

  // --- the same bits as integers, and back ---
  auto as_int() const { return Int(typename Int::N(v)); }
  static Vec from_bits(Int bits) { return N(bits.v); }
  static Int sign_mask() {
    return Int(typename Int::N(UnsignedOf<T>(1) << (8 * sizeof(T) - 1) | Native<UnsignedOf<T>>{}));
  }

  // --- defined in cpu/math.hpp: within 2 ulp everywhere, C's special values ---
  Vec exp() const;
  Vec exp2() const;
  Vec expm1() const;
  Vec log() const;
  Vec log2() const;
  Vec log10() const;
  Vec log1p() const;
  Vec sin() const;
  Vec cos() const;
  Vec tan() const;
  Vec asin() const;
  Vec acos() const;
  Vec atan() const;
  Vec atan2(Vec x) const;  // *this is y
  Vec sinh() const;
  Vec cosh() const;
  Vec tanh() const;
  Vec asinh() const;
  Vec acosh() const;
  Vec atanh() const;
  Vec sigmoid() const;
  Vec softplus() const;
  Vec erf() const;
  Vec ndtr() const;
  Vec rsqrt() const;
  Vec hypot(Vec b) const;
  Vec xlogy(Vec b) const;
  Vec logaddexp(Vec b) const;
  // --- defined in cpu/special.hpp ---
  Vec lgamma() const;
  Vec digamma() const;
  Vec polygamma(Vec x) const;  // *this is the order
  Vec zeta(Vec q) const;
  Vec betaln(Vec b) const;
  Vec erfc() const;
  Vec erfcx() const;
  Vec erfinv() const;
  Vec ndtri() const;
  Vec log_ndtr() const;
  Vec cbrt() const;
  Vec i0() const;
  Vec i0e() const;
  Vec i1() const;
  Vec i1e() const;
  Vec gammainc(Vec x) const;  // *this is a
  Vec gammaincc(Vec x) const;
  Vec gammainc_slope(Vec x) const;
  Vec betainc(Vec b, Vec x) const;
  Vec betainc_slope(Vec b, Vec x) const;
  // --- defined in cpu/math.hpp ---
  // Integers too.
  Vec pow(Vec b) const;
  Vec floor_divide(Vec b) const;
  Vec remainder(Vec b) const;
  Vec fmod(Vec b) const;
  // Integers only.
  Vec shift_left(Vec n) const;
  Vec shift_right(Vec n) const;

 private:
  // Unsigned for integers, so that arithmetic wraps by definition.
  using Raw = std::conditional_t<is_float, T, UnsignedOf<T>>;
  static Native<Raw> raw(Vec a) { return (Native<Raw>)a.v; }
  static Vec wrap(Native<Raw> a) { return (N)a; }
  static Native<UnsignedOf<T>> bits(Vec a) { return (Native<UnsignedOf<T>>)a.v; }
  static Vec wrap_bits(Native<UnsignedOf<T>> a) { return (N)a; }
  template <native::Compare kOp>
  static M compare(Vec a, Vec b) {
    return M(native::compare<kOp, T>(a.v, b.v));
  }
};

// Truth values as data: bytes 0 or 1.
template <>
struct Vec<bool> {
  using value_type = bool;
  static constexpr int width = kVectorBytes;
  using N = Native<std::uint8_t>;
  N v;

  Vec() = default;
  explicit Vec(N native) : v(native) {}
  template <Number S>
  Vec(S number) : v(copies(number != 0)) {}

  static Vec load(const void* p) {
    Vec r;
    std::memcpy(&r.v, p, sizeof(N));
    return r;
  }
  static Vec load(const void* p, int n) {
    Vec r(N{});
    std::memcpy(&r.v, p, std::size_t(n));
    return r;
  }
  void store(void* p) const { std::memcpy(p, &v, sizeof(N)); }
  void store(void* p, int n) const { std::memcpy(p, &v, std::size_t(n)); }
  bool operator[](int i) const { return v[i] != 0; }

  friend Vec operator&(Vec a, Vec b) { return Vec(a.v & b.v); }
  friend Vec operator|(Vec a, Vec b) { return Vec(a.v | b.v); }
  friend Vec operator^(Vec a, Vec b) { return Vec(a.v ^ b.v); }
  friend Vec operator~(Vec a) { return Vec(a.v ^ 1); }
  friend Vec operator==(Vec a, Vec b) { return ~(a ^ b); }
  friend Vec operator!=(Vec a, Vec b) { return a ^ b; }
  friend Vec operator<(Vec a, Vec b) { return ~a & b; }
  friend Vec operator<=(Vec a, Vec b) { return ~a | b; }
  friend Vec operator>(Vec a, Vec b) { return a & ~b; }
  friend Vec operator>=(Vec a, Vec b) { return a | ~b; }
  friend Vec select(Vec mask, Vec yes, Vec no) { return no ^ (mask & (yes ^ no)); }
  Vec isinf() const { return Vec(false); }
  Vec isfinite() const { return Vec(true); }
  Vec signbit() const { return Vec(false); }

 private:
  static N copies(std::uint8_t x) { return x - N{}; }
};

// Truncates towards zero; what is out of range is unspecified (but no trap and no other lane).
inline Vec<std::int32_t> to_int(Vec<float> a) { return native::to_int(a.v); }
inline Vec<float> to_float(Vec<std::int32_t> a) {
  return __builtin_convertvector(a.v, Native<float>);
}
// The two halves of a float vector as doubles, and back (rounding once).
inline Vec<double> widen_low(Vec<float> a) { return native::widen_low(a.v); }
inline Vec<double> widen_high(Vec<float> a) { return native::widen_high(a.v); }
inline Vec<float> narrow(Vec<double> low, Vec<double> high) {
  return native::narrow(low.v, high.v);
}

// p[at] in each lane.
template <class T>
inline Vec<T> gather(const T* p, Vec<SignedOf<T>> at) {
  return native::gather(p, at.v);
}

// Folds the lanes in a fixed tree: lane i with lane i + width/2, and so on. op takes vectors whose
// upper lanes do not count.
template <class T, class Op>
inline T fold(Vec<T> a, Op op) {
  using Index = typename Vec<T>::Int;
  const auto lanes_from = [&]<int... i>(int half, std::integer_sequence<int, i...>) {
    return Vec<T>(__builtin_shuffle(a.v, typename Index::N{((i + half) % Vec<T>::width)...}));
  };
#pragma GCC unroll 4
  for (int half = Vec<T>::width / 2; half > 0; half /= 2)
    a = op(a, lanes_from(half, std::make_integer_sequence<int, Vec<T>::width>{}));
  return a[0];
}

}  // namespace nnx::cpu::inline NNX_LEVEL
