// Conversions between the dtypes in memory and the lanes in registers, over adjacent elements.
// Invariants: 16-bit floats are bit-identical to core/half.hpp on every level; a value is rounded
// once (float64 to a 16-bit float does not round to float32 on the way). The loops are plain; the
// compiler vectorises them, but for the half conversions the processor has instructions.
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "cpu/tile.hpp"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace nnx::cpu {
namespace {

struct Bool {  // one byte, 0 or 1
  std::uint8_t v;
};
struct Half {
  std::uint16_t v;
};
struct Bfloat {
  std::uint16_t v;
};
template <class T>
inline constexpr bool kSixteen = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat>;

template <int I>
struct Stored;
// clang-format off
template <> struct Stored<0> { using type = Bool; };
template <> struct Stored<1> { using type = std::int8_t; };
template <> struct Stored<2> { using type = std::int16_t; };
template <> struct Stored<3> { using type = std::int32_t; };
template <> struct Stored<4> { using type = std::int64_t; };
template <> struct Stored<5> { using type = std::uint8_t; };
template <> struct Stored<6> { using type = std::uint16_t; };
template <> struct Stored<7> { using type = std::uint32_t; };
template <> struct Stored<8> { using type = std::uint64_t; };
template <> struct Stored<9> { using type = Half; };
template <> struct Stored<10> { using type = Bfloat; };
template <> struct Stored<11> { using type = float; };
template <> struct Stored<12> { using type = double; };
// clang-format on
template <int L>
using LaneType = typename Stored<static_cast<int>(core::storage_of(static_cast<Lane>(L)))>::type;

template <class I, class F>
inline I saturate(F x) {
  using Limits = std::numeric_limits<I>;
  // The type the processor converts to; narrow integers go through 32 bits.
  using Wide = std::conditional_t<sizeof(I) < 4, std::int32_t, I>;
  constexpr int bits = Limits::digits, mantissa = std::numeric_limits<F>::digits;
  constexpr F lo = static_cast<F>(Limits::min());
  // The largest value of F that I holds: no conversion below is out of range.
  constexpr int spare = bits > mantissa ? bits - mantissa : 0;
  constexpr F hi = static_cast<F>(Limits::max() - static_cast<I>((I{1} << spare) - 1));
  F s = x == x ? x : F(0);
  s = s > lo ? s : lo;
  s = s < hi ? s : hi;
  const I v = static_cast<I>(static_cast<Wide>(s));
  if constexpr (bits > mantissa) return x > hi ? Limits::max() : v;
  return v;
}

// To float32 so that a later rounding to 16 bits (T) is the only one: what does not fit is cut off
// and, unless it was nothing, leaves the last bit odd.
template <class T>
inline float to_odd(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  constexpr std::uint64_t cut = 0x1fffffff;  // bits of a float64 beyond a float32
  std::uint64_t odd = (bits & ~cut) | (((bits & cut) + cut) & (cut + 1));
  if constexpr (std::is_same_v<T, Bfloat>) {
    // Subnormals of bfloat16 are subnormal float32 too: round them to multiples of 2^-133 here.
    constexpr std::uint64_t sign = std::uint64_t{1} << 63;
    const double mag = std::bit_cast<double>(bits & ~sign);
    const double rounded = (mag + 0x1p-81) - 0x1p-81;
    odd = mag < 0x1p-126 ? std::bit_cast<std::uint64_t>(rounded) | (bits & sign) : odd;
  }
  return static_cast<float>(std::bit_cast<double>(odd));
}

template <class To, class From>
inline To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, Bool>) {
    return static_cast<To>(x.v);
  } else if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<std::uint8_t>(x != From(0) ? 1 : 0)};
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return saturate<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// The scalar functions of core/half.hpp without branches, so that they vectorise.
inline float widen(Half h) {
  const std::uint32_t sign = std::uint32_t(h.v & 0x8000u) << 16;
  const std::uint32_t mag = h.v & 0x7fffu;
  const std::uint32_t normal = (mag << 13) + 0x38000000u;
  const std::uint32_t special = (mag << 13) | 0x7f800000u | (mag > 0x7c00u ? 0x00400000u : 0u);
  const std::uint32_t tiny =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(mag)) * 0x1p-24f);
  return std::bit_cast<float>(sign | (mag >= 0x7c00u ? special : mag < 0x0400u ? tiny : normal));
}
inline float widen(Bfloat h) { return std::bit_cast<float>(std::uint32_t(h.v) << 16); }

inline std::uint16_t narrow_half(float f) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t mag = bits & 0x7fffffffu;
  const std::uint32_t nan = 0x7e00u | ((mag >> 13) & 0x3ffu);
  const std::uint32_t tiny =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(mag) + 0.5f) - 0x3f000000u;
  const std::uint32_t normal = (mag + 0xfffu + ((mag >> 13) & 1u) - 0x38000000u) >> 13;
  std::uint32_t r = mag < 0x38800000u ? tiny : normal;
  r = mag >= 0x477ff000u ? 0x7c00u : r;
  r = mag > 0x7f800000u ? nan : r;
  return static_cast<std::uint16_t>(sign | r);
}
inline std::uint16_t narrow_bfloat(float f) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t nan = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

template <class To, class From>
void convert_plain(std::int64_t n, const From* __restrict src, To* __restrict dst) {
  for (std::int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i]);
}

template <class H>
void widen_all(std::int64_t n, const H* __restrict src, float* __restrict dst) {
  std::int64_t i = 0;
#if defined(__F16C__)
  if constexpr (std::is_same_v<H, Half>)
    for (; i + 8 <= n; i += 8)
      _mm256_storeu_ps(dst + i,
                       _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i))));
#endif
  for (; i < n; ++i) dst[i] = widen(src[i]);
}

template <class H>
void narrow_all(std::int64_t n, const float* __restrict src, H* __restrict dst) {
  std::int64_t i = 0;
  if constexpr (std::is_same_v<H, Half>) {
#if defined(__F16C__)
    for (; i + 8 <= n; i += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i),
                       _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; ++i) dst[i].v = narrow_half(src[i]);
  } else {
    for (; i < n; ++i) dst[i].v = narrow_bfloat(src[i]);
  }
}

// Between a 16-bit float and another type than float32: by way of float32, in short pieces.
constexpr std::int64_t kPiece = 256;

template <class To, class From>
void convert_all(std::int64_t n, const void* source, void* target) {
  const From* src = static_cast<const From*>(source);
  To* dst = static_cast<To*>(target);
  if constexpr (std::is_same_v<To, From>) {
    std::memcpy(dst, src, static_cast<std::size_t>(n) * sizeof(To));
  } else if constexpr (kSixteen<From> && std::is_same_v<To, float>) {
    widen_all(n, src, dst);
  } else if constexpr (kSixteen<To> && std::is_same_v<From, float>) {
    narrow_all(n, src, dst);
  } else if constexpr (kSixteen<From> || kSixteen<To>) {
    alignas(64) float piece[kPiece];
    for (std::int64_t i = 0; i < n; i += kPiece) {
      const std::int64_t m = n - i < kPiece ? n - i : kPiece;
      if constexpr (kSixteen<From>) {
        widen_all(m, src + i, piece);
        convert_plain<To, float>(m, piece, dst + i);
      } else {
        for (std::int64_t j = 0; j < m; ++j) {
          if constexpr (std::is_same_v<From, double>) piece[j] = to_odd<To>(src[i + j]);
          else piece[j] = convert<float>(src[i + j]);
        }
        narrow_all(m, piece, dst + i);
      }
    }
  } else {
    convert_plain<To, From>(n, src, dst);
  }
}

template <int D, std::size_t... L>
constexpr std::array<ConvertFn, core::kRealLanes> loads_of(std::index_sequence<L...>) {
  return {&convert_all<LaneType<L>, typename Stored<D>::type>...};
}
template <std::size_t... D>
constexpr auto all_loads(std::index_sequence<D...>) {
  return std::array{loads_of<D>(std::make_index_sequence<core::kRealLanes>())...};
}
template <int L, std::size_t... D>
constexpr std::array<ConvertFn, core::kRealDTypes> stores_of(std::index_sequence<D...>) {
  return {&convert_all<typename Stored<D>::type, LaneType<L>>...};
}
template <std::size_t... L>
constexpr auto all_stores(std::index_sequence<L...>) {
  return std::array{stores_of<L>(std::make_index_sequence<core::kRealDTypes>())...};
}
constexpr auto kLoads = all_loads(std::make_index_sequence<core::kRealDTypes>());
constexpr auto kStores = all_stores(std::make_index_sequence<core::kRealLanes>());

// --- complex: by way of their parts, in short pieces ---------------------------------------------

template <class T>
inline constexpr Lane kPart = std::is_same_v<T, float> ? Lane::f32 : Lane::f64;

// Real to complex with parts T.
template <int D, class T>
void to_complex(std::int64_t n, const void* source, void* target) {
  constexpr ConvertFn load = kLoads[D][static_cast<std::size_t>(kPart<T>)];
  const char* src = static_cast<const char*>(source);
  T* dst = static_cast<T*>(target);
  alignas(64) T piece[kPiece];
  for (std::int64_t i = 0; i < n; i += kPiece) {
    const std::int64_t m = n - i < kPiece ? n - i : kPiece;
    load(m, src + i * bytes_of(static_cast<DType>(D)), piece);
    for (std::int64_t j = 0; j < m; ++j) {
      dst[2 * (i + j)] = piece[j];
      dst[2 * (i + j) + 1] = T(0);
    }
  }
}
// Complex with parts T to real.
template <int D, class T>
void from_complex(std::int64_t n, const void* source, void* target) {
  constexpr ConvertFn store = kStores[static_cast<std::size_t>(kPart<T>)][D];
  const T* src = static_cast<const T*>(source);
  char* dst = static_cast<char*>(target);
  if constexpr (D == 0) {
    for (std::int64_t i = 0; i < n; ++i) dst[i] = src[2 * i] != T(0) || src[2 * i + 1] != T(0);
  } else {
    alignas(64) T piece[kPiece];
    for (std::int64_t i = 0; i < n; i += kPiece) {
      const std::int64_t m = n - i < kPiece ? n - i : kPiece;
      for (std::int64_t j = 0; j < m; ++j) piece[j] = src[2 * (i + j)];
      store(m, piece, dst + i * bytes_of(static_cast<DType>(D)));
    }
  }
}
template <class To, class From>
void parts(std::int64_t n, const void* source, void* target) {
  convert_all<To, From>(2 * n, source, target);
}

template <class T, std::size_t... D>
constexpr std::array<ConvertFn, core::kDTypes> to_complex_of(std::index_sequence<D...>) {
  return {&to_complex<D, T>..., &parts<T, float>, &parts<T, double>};
}
template <class T, std::size_t... D>
constexpr std::array<ConvertFn, core::kDTypes> from_complex_of(std::index_sequence<D...>) {
  return {&from_complex<D, T>..., &parts<float, T>, &parts<double, T>};
}
constexpr auto kReals = std::make_index_sequence<core::kRealDTypes>();
// Of complex64 and complex128, by the other dtype.
constexpr std::array kToComplex{to_complex_of<float>(kReals), to_complex_of<double>(kReals)};
constexpr std::array kFromComplex{from_complex_of<float>(kReals), from_complex_of<double>(kReals)};

struct Sixteen {
  std::uint64_t half[2];
};
template <class T>
inline void splat_as(void* dst, const void* value) noexcept {
  T x;
  std::memcpy(&x, value, sizeof(T));
  T copies[core::kCopiesBytes / sizeof(T)];
  for (T& c : copies) c = x;
  std::memcpy(dst, copies, sizeof copies);
}
template <class T>
void fill_as(void* dst, const void* value, std::int64_t n) noexcept {
  T x;
  std::memcpy(&x, value, sizeof(T));
  char* p = static_cast<char*>(dst);
  for (std::int64_t i = 0; i < n; ++i) std::memcpy(p + i * std::int64_t{sizeof(T)}, &x, sizeof(T));
}

}  // namespace

ConvertFn load_function(DType from, Lane to) noexcept {
  if (core::is_complex(to)) return kToComplex[to == Lane::c128][static_cast<std::size_t>(from)];
  if (core::is_complex(home_lane(from)))
    return kFromComplex[from == DType::complex128][static_cast<std::size_t>(core::storage_of(to))];
  return kLoads[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}
ConvertFn store_function(Lane from, DType to) noexcept {
  if (core::is_complex(from)) return kFromComplex[from == Lane::c128][static_cast<std::size_t>(to)];
  if (core::is_complex(home_lane(to)))
    return kToComplex[to == DType::complex128][static_cast<std::size_t>(core::storage_of(from))];
  return kStores[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

void splat(void* dst, const void* value, std::int64_t size) noexcept {
  switch (size) {
    case 1: return splat_as<std::uint8_t>(dst, value);
    case 2: return splat_as<std::uint16_t>(dst, value);
    case 4: return splat_as<std::uint32_t>(dst, value);
    case 8: return splat_as<std::uint64_t>(dst, value);
    default: return splat_as<Sixteen>(dst, value);
  }
}

void fill(void* dst, const void* value, std::int64_t size, std::int64_t n) noexcept {
  switch (size) {
    case 1: return fill_as<std::uint8_t>(dst, value, n);
    case 2: return fill_as<std::uint16_t>(dst, value, n);
    case 4: return fill_as<std::uint32_t>(dst, value, n);
    case 8: return fill_as<std::uint64_t>(dst, value, n);
    default: return fill_as<Sixteen>(dst, value, n);
  }
}

}  // namespace nnx::cpu
