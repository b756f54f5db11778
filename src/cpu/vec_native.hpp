// The machine's vector instructions behind one set of names, for the level this file is compiled
// for. Everything GCC's vector extensions already express (arithmetic, bits, shifts) is not here.
// Invariants: every function is exact in its documented sense on every level; only mul_add rounds
// once where kHardwareFma and twice elsewhere.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// One name per level, so that an object of another level can never supply a function.
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define NNX_LEVEL v4
#elif defined(__AVX2__) && defined(__FMA__)
#define NNX_LEVEL v3
#elif defined(__SSE4_1__)
#define NNX_LEVEL v2
#else
#define NNX_LEVEL generic
#endif

namespace nnx::cpu::inline NNX_LEVEL {

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
inline constexpr int kVectorBytes = 64;
inline constexpr bool kBitMasks = true;  // masks are one bit a lane instead of a vector of 0 and -1
inline constexpr bool kHardwareFma = true;
inline constexpr int kLookupSize = 32;  // entries of a table that one instruction looks up in
#elif defined(__AVX2__) && defined(__FMA__)
inline constexpr int kVectorBytes = 32;
inline constexpr bool kBitMasks = false;
inline constexpr bool kHardwareFma = true;
inline constexpr int kLookupSize = 8;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr bool kBitMasks = false;
#if defined(__ARM_FEATURE_FMA) && !defined(__SSE4_1__)
inline constexpr bool kHardwareFma = true;
#else
inline constexpr bool kHardwareFma = false;
#endif
inline constexpr int kLookupSize = 0;
#endif

template <int kBytes, bool kSigned>
struct IntegerOf;
template <>
struct IntegerOf<1, true> {
  using type = std::int8_t;
};
template <>
struct IntegerOf<1, false> {
  using type = std::uint8_t;
};
template <>
struct IntegerOf<4, true> {
  using type = std::int32_t;
};
template <>
struct IntegerOf<4, false> {
  using type = std::uint32_t;
};
template <>
struct IntegerOf<8, true> {
  using type = std::int64_t;
};
template <>
struct IntegerOf<8, false> {
  using type = std::uint64_t;
};
template <class T>
using SignedOf = typename IntegerOf<sizeof(T), true>::type;
template <class T>
using UnsignedOf = typename IntegerOf<sizeof(T), false>::type;

template <class T, int kBytes = kVectorBytes>
struct NativeOf {
  typedef T type __attribute__((vector_size(kBytes)));
};
template <class T, int kBytes = kVectorBytes>
using Native = typename NativeOf<T, kBytes>::type;

namespace native {

enum class Rounding { nearest_even, down, up, zero };
enum class Compare { equal, less, less_equal, not_equal };

#if defined(__x86_64__) && defined(__SSE4_1__)

template <Rounding kMode>
inline constexpr int kRoundCode = (kMode == Rounding::nearest_even ? _MM_FROUND_TO_NEAREST_INT
                                   : kMode == Rounding::down       ? _MM_FROUND_TO_NEG_INF
                                   : kMode == Rounding::up         ? _MM_FROUND_TO_POS_INF
                                                                   : _MM_FROUND_TO_ZERO) |
                                  _MM_FROUND_NO_EXC;
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)

// GCC 12 warns of uninitialized values inside its own unmasked intrinsics; the masked ones with
// every bit set are the same instructions.
inline constexpr auto kAll = static_cast<unsigned char>(-1);
inline constexpr auto kAll16 = static_cast<unsigned short>(-1);

template <Rounding kMode>
inline Native<float> round(Native<float> a) {
  return _mm512_mask_roundscale_ps(a, kAll16, a, kRoundCode<kMode>);
}
template <Rounding kMode>
inline Native<double> round(Native<double> a) {
  return _mm512_mask_roundscale_pd(a, kAll, a, kRoundCode<kMode>);
}
inline Native<float> sqrt(Native<float> a) { return _mm512_mask_sqrt_ps(a, kAll16, a); }
inline Native<double> sqrt(Native<double> a) { return _mm512_mask_sqrt_pd(a, kAll, a); }
inline Native<float> min(Native<float> a, Native<float> b) {
  return _mm512_mask_min_ps(a, kAll16, a, b);
}
inline Native<double> min(Native<double> a, Native<double> b) {
  return _mm512_mask_min_pd(a, kAll, a, b);
}
inline Native<float> max(Native<float> a, Native<float> b) {
  return _mm512_mask_max_ps(a, kAll16, a, b);
}
inline Native<double> max(Native<double> a, Native<double> b) {
  return _mm512_mask_max_pd(a, kAll, a, b);
}
inline Native<float> mul_add(Native<float> a, Native<float> b, Native<float> c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Native<double> mul_add(Native<double> a, Native<double> b, Native<double> c) {
  return _mm512_fmadd_pd(a, b, c);
}

template <class T>
using MaskBits = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;

template <class T>
inline bool any(MaskBits<T> m) {
  return m != 0;
}
template <class T>
inline bool all(MaskBits<T> m) {
  return m == MaskBits<T>(-1);
}
template <class T>
inline MaskBits<T> mask_from_bytes(const void* p) {
  __m128i b;
  if constexpr (sizeof(T) == 4) b = _mm_loadu_si128(static_cast<const __m128i*>(p));
  else b = _mm_loadl_epi64(static_cast<const __m128i*>(p));
  return MaskBits<T>(_mm_test_epi8_mask(b, b));
}
template <class T>
inline void mask_to_bytes(MaskBits<T> m, void* p) {
  const __m128i b = _mm_maskz_set1_epi8(m, 1);
  if constexpr (sizeof(T) == 4) _mm_storeu_si128(static_cast<__m128i*>(p), b);
  else _mm_storel_epi64(static_cast<__m128i*>(p), b);
}
inline Native<double> widen_low(Native<float> a) {
  return _mm512_maskz_cvtps_pd(kAll, _mm512_maskz_extractf32x8_ps(kAll, a, 0));
}
inline Native<double> widen_high(Native<float> a) {
  return _mm512_maskz_cvtps_pd(kAll, _mm512_maskz_extractf32x8_ps(kAll, a, 1));
}
inline Native<float> narrow(Native<double> low, Native<double> high) {
  return _mm512_maskz_insertf32x8(kAll16, _mm512_castps256_ps512(_mm512_maskz_cvtpd_ps(kAll, low)),
                                  _mm512_maskz_cvtpd_ps(kAll, high), 1);
}
inline Native<std::int32_t> to_int(Native<float> a) {
  return (Native<std::int32_t>)_mm512_maskz_cvttps_epi32(kAll16, a);
}
// p * 2^n; the parts of x = mantissa * 2^exponent: the mantissa in [0.75, 1.5) (NaN for negative
// numbers), floor(log2 |x|) as the exponent (-inf for 0).
inline Native<float> scale(Native<float> p, Native<float> n) {
  return _mm512_maskz_scalef_ps(kAll16, p, n);
}
inline Native<double> scale(Native<double> p, Native<double> n) {
  return _mm512_maskz_scalef_pd(kAll, p, n);
}
inline Native<float> mantissa(Native<float> x) {
  return _mm512_maskz_getmant_ps(kAll16, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
}
inline Native<double> mantissa(Native<double> x) {
  return _mm512_maskz_getmant_pd(kAll, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
}
// table[index mod 32]
inline Native<float> lookup(const float (&table)[32], Native<std::int32_t> index) {
  return _mm512_permutex2var_ps(_mm512_load_ps(table), (__m512i)index, _mm512_load_ps(table + 16));
}
// Elements of p by their positions.
inline Native<float> gather(const float* p, Native<std::int32_t> at) {
  return _mm512_mask_i32gather_ps(Native<float>{}, kAll16, (__m512i)at, p, sizeof *p);
}
inline Native<double> gather(const double* p, Native<std::int64_t> at) {
  return _mm512_mask_i64gather_pd(Native<double>{}, kAll, (__m512i)at, p, sizeof *p);
}
inline Native<float> exponent(Native<float> x) { return _mm512_maskz_getexp_ps(kAll16, x); }
inline Native<double> exponent(Native<double> x) { return _mm512_maskz_getexp_pd(kAll, x); }

template <Compare kOp, class T>
inline MaskBits<T> compare(Native<T> a, Native<T> b) {
  constexpr int integer_code = kOp == Compare::equal        ? _MM_CMPINT_EQ
                               : kOp == Compare::less       ? _MM_CMPINT_LT
                               : kOp == Compare::less_equal ? _MM_CMPINT_LE
                                                            : _MM_CMPINT_NE;
  constexpr int float_code = kOp == Compare::equal        ? _CMP_EQ_OQ
                             : kOp == Compare::less       ? _CMP_LT_OQ
                             : kOp == Compare::less_equal ? _CMP_LE_OQ
                                                          : _CMP_NEQ_UQ;
  if constexpr (std::is_same_v<T, float>) return _mm512_cmp_ps_mask(a, b, float_code);
  else if constexpr (std::is_same_v<T, double>) return _mm512_cmp_pd_mask(a, b, float_code);
  else if constexpr (sizeof(T) == 4 && std::is_signed_v<T>)
    return _mm512_cmp_epi32_mask((__m512i)a, (__m512i)b, integer_code);
  else if constexpr (sizeof(T) == 4)
    return _mm512_cmp_epu32_mask((__m512i)a, (__m512i)b, integer_code);
  else if constexpr (std::is_signed_v<T>)
    return _mm512_cmp_epi64_mask((__m512i)a, (__m512i)b, integer_code);
  else return _mm512_cmp_epu64_mask((__m512i)a, (__m512i)b, integer_code);
}
template <class T>
inline Native<T> select(MaskBits<T> m, Native<T> a, Native<T> b) {
  if constexpr (std::is_same_v<T, float>) return _mm512_mask_blend_ps(m, b, a);
  else if constexpr (std::is_same_v<T, double>) return _mm512_mask_blend_pd(m, b, a);
  else if constexpr (sizeof(T) == 4)
    return (Native<T>)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
  else return (Native<T>)_mm512_mask_blend_epi64(m, (__m512i)b, (__m512i)a);
}
template <class T>
inline Native<T> load_part(const T* p, int n) {
  const MaskBits<T> m = MaskBits<T>((1u << n) - 1);
  if constexpr (sizeof(T) == 4) return (Native<T>)_mm512_maskz_loadu_epi32(m, p);
  else return (Native<T>)_mm512_maskz_loadu_epi64(m, p);
}
template <class T>
inline void store_part(Native<T> a, T* p, int n) {
  const MaskBits<T> m = MaskBits<T>((1u << n) - 1);
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_epi32(p, m, (__m512i)a);
  else _mm512_mask_storeu_epi64(p, m, (__m512i)a);
}

#else  // masks are vectors of 0 and -1

#if defined(__AVX2__) && defined(__FMA__)

template <Rounding kMode>
inline Native<float> round(Native<float> a) {
  return _mm256_round_ps(a, kRoundCode<kMode>);
}
template <Rounding kMode>
inline Native<double> round(Native<double> a) {
  return _mm256_round_pd(a, kRoundCode<kMode>);
}
inline Native<float> sqrt(Native<float> a) { return _mm256_sqrt_ps(a); }
inline Native<double> sqrt(Native<double> a) { return _mm256_sqrt_pd(a); }
inline Native<float> min(Native<float> a, Native<float> b) { return _mm256_min_ps(a, b); }
inline Native<double> min(Native<double> a, Native<double> b) { return _mm256_min_pd(a, b); }
inline Native<float> max(Native<float> a, Native<float> b) { return _mm256_max_ps(a, b); }
inline Native<double> max(Native<double> a, Native<double> b) { return _mm256_max_pd(a, b); }
inline Native<float> mul_add(Native<float> a, Native<float> b, Native<float> c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Native<double> mul_add(Native<double> a, Native<double> b, Native<double> c) {
  return _mm256_fmadd_pd(a, b, c);
}
template <class T>
inline Native<T> select(Native<SignedOf<T>> m, Native<T> a, Native<T> b) {
  return (Native<T>)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
}
template <class T>
inline bool any(Native<SignedOf<T>> m) {
  return _mm256_movemask_epi8((__m256i)m) != 0;
}
template <class T>
inline bool all(Native<SignedOf<T>> m) {
  return _mm256_movemask_epi8((__m256i)m) == -1;
}
template <class T>
inline Native<SignedOf<T>> mask_from_bytes(const void* p) {
  __m256i wide;
  if constexpr (sizeof(T) == 4) {
    wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
  } else {
    std::int32_t four;
    std::memcpy(&four, p, sizeof four);
    wide = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
  }
  return (Native<SignedOf<T>>)wide > 0;
}
template <class T>
inline void mask_to_bytes(Native<SignedOf<T>> m, void* p) {
  if constexpr (sizeof(T) == 4) {
    const __m256i i = (__m256i)m;
    const __m128i pairs =
        _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    const __m128i b = _mm_and_si128(_mm_packs_epi16(pairs, pairs), _mm_set1_epi8(1));
    _mm_storel_epi64(static_cast<__m128i*>(p), b);
  } else {  // bit i of the sign bits becomes byte i
    const int b = _mm256_movemask_pd((__m256d)m) * 0x204081 & 0x01010101;
    std::memcpy(p, &b, sizeof b);
  }
}
inline Native<double> widen_low(Native<float> a) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(a));
}
inline Native<double> widen_high(Native<float> a) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
}
inline Native<float> narrow(Native<double> low, Native<double> high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high),
                              1);
}
inline Native<std::int32_t> to_int(Native<float> a) {
  return (Native<std::int32_t>)_mm256_cvttps_epi32(a);
}

#elif defined(__SSE4_1__)

template <Rounding kMode>
inline Native<float> round(Native<float> a) {
  return _mm_round_ps(a, kRoundCode<kMode>);
}
template <Rounding kMode>
inline Native<double> round(Native<double> a) {
  return _mm_round_pd(a, kRoundCode<kMode>);
}
inline Native<float> sqrt(Native<float> a) { return _mm_sqrt_ps(a); }
inline Native<double> sqrt(Native<double> a) { return _mm_sqrt_pd(a); }
inline Native<float> min(Native<float> a, Native<float> b) { return _mm_min_ps(a, b); }
inline Native<double> min(Native<double> a, Native<double> b) { return _mm_min_pd(a, b); }
inline Native<float> max(Native<float> a, Native<float> b) { return _mm_max_ps(a, b); }
inline Native<double> max(Native<double> a, Native<double> b) { return _mm_max_pd(a, b); }
inline Native<float> mul_add(Native<float> a, Native<float> b, Native<float> c) {
  return a * b + c;
}
inline Native<double> mul_add(Native<double> a, Native<double> b, Native<double> c) {
  return a * b + c;
}
template <class T>
inline Native<T> select(Native<SignedOf<T>> m, Native<T> a, Native<T> b) {
  return (Native<T>)_mm_blendv_epi8((__m128i)b, (__m128i)a, (__m128i)m);
}
template <class T>
inline bool any(Native<SignedOf<T>> m) {
  return _mm_movemask_epi8((__m128i)m) != 0;
}
template <class T>
inline bool all(Native<SignedOf<T>> m) {
  return _mm_movemask_epi8((__m128i)m) == 0xffff;
}
template <class T>
inline Native<SignedOf<T>> mask_from_bytes(const void* p) {
  std::int32_t bytes = 0;
  std::memcpy(&bytes, p, 16 / sizeof(T));
  const __m128i b = _mm_cvtsi32_si128(bytes);
  return (Native<SignedOf<T>>)(sizeof(T) == 4 ? _mm_cvtepu8_epi32(b) : _mm_cvtepu8_epi64(b)) > 0;
}
template <class T>
inline void mask_to_bytes(Native<SignedOf<T>> m, void* p) {  // bit i of the signs becomes byte i
  const int signs = sizeof(T) == 4 ? _mm_movemask_ps((__m128)m) : _mm_movemask_pd((__m128d)m);
  const int b = signs * 0x204081 & 0x01010101;
  std::memcpy(p, &b, 16 / sizeof(T));
}
inline Native<double> widen_low(Native<float> a) { return _mm_cvtps_pd(a); }
inline Native<double> widen_high(Native<float> a) { return _mm_cvtps_pd(_mm_movehl_ps(a, a)); }
inline Native<float> narrow(Native<double> low, Native<double> high) {
  return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
inline Native<std::int32_t> to_int(Native<float> a) {
  return (Native<std::int32_t>)_mm_cvttps_epi32(a);
}

#else  // any processor: a loop the compiler turns into what there is

template <class V, class F>
inline V each(V a, F f) {
  V r;
  for (unsigned i = 0; i < sizeof(V) / sizeof(a[0]); ++i) r[i] = f(a[i]);
  return r;
}
template <class T>
inline Native<T> select(Native<SignedOf<T>> m, Native<T> a, Native<T> b) {
  using I = Native<SignedOf<T>>;
  return (Native<T>)((m & (I)a) | (~m & (I)b));
}
template <Rounding kMode, class V>
inline V round(V a) {
  return each(a, [](auto x) -> decltype(x) {
    if constexpr (kMode == Rounding::nearest_even) return __builtin_rint(x);
    else if constexpr (kMode == Rounding::down) return __builtin_floor(x);
    else if constexpr (kMode == Rounding::up) return __builtin_ceil(x);
    else return __builtin_trunc(x);
  });
}
inline Native<float> sqrt(Native<float> a) {
  return each(a, [](float x) { return __builtin_sqrtf(x); });
}
inline Native<double> sqrt(Native<double> a) {
  return each(a, [](double x) { return __builtin_sqrt(x); });
}
inline Native<float> min(Native<float> a, Native<float> b) { return select<float>(a < b, a, b); }
inline Native<double> min(Native<double> a, Native<double> b) {
  return select<double>(a < b, a, b);
}
inline Native<float> max(Native<float> a, Native<float> b) { return select<float>(a > b, a, b); }
inline Native<double> max(Native<double> a, Native<double> b) {
  return select<double>(a > b, a, b);
}
template <class V>
inline V mul_add(V a, V b, V c) {
  if constexpr (kHardwareFma) {
    V r;
    for (unsigned i = 0; i < sizeof(V) / sizeof(a[0]); ++i) {
      if constexpr (sizeof(a[0]) == 4) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
      else r[i] = __builtin_fma(a[i], b[i], c[i]);
    }
    return r;
  } else {
    return a * b + c;
  }
}
template <class T>
inline bool any(Native<SignedOf<T>> m) {
  SignedOf<T> r = 0;
  for (unsigned i = 0; i < kVectorBytes / sizeof(T); ++i) r |= m[i];
  return r != 0;
}
template <class T>
inline bool all(Native<SignedOf<T>> m) {
  return !any<T>(~m);
}
template <class T>
inline Native<SignedOf<T>> mask_from_bytes(const void* p) {
  Native<std::int8_t, kVectorBytes / int(sizeof(T))> b;
  std::memcpy(&b, p, sizeof b);
  return __builtin_convertvector(b, Native<SignedOf<T>>) != 0;
}
template <class T>
inline void mask_to_bytes(Native<SignedOf<T>> m, void* p) {
  const auto b = __builtin_convertvector(m & 1, Native<std::int8_t, kVectorBytes / int(sizeof(T))>);
  std::memcpy(p, &b, sizeof b);
}
inline Native<double> widen(const void* p) {
  Native<float, kVectorBytes / 2> half;
  std::memcpy(&half, p, sizeof half);
  return __builtin_convertvector(half, Native<double>);
}
inline Native<double> widen_low(Native<float> a) { return widen(&a); }
inline Native<double> widen_high(Native<float> a) {
  return widen(reinterpret_cast<const char*>(&a) + kVectorBytes / 2);
}
inline Native<float> narrow(Native<double> low, Native<double> high) {
  using Half = Native<float, kVectorBytes / 2>;
  const Half halves[2] = {__builtin_convertvector(low, Half), __builtin_convertvector(high, Half)};
  Native<float> r;
  std::memcpy(&r, halves, sizeof r);
  return r;
}
inline Native<std::int32_t> to_int(Native<float> a) {
  Native<std::int32_t> r;
  for (int i = 0; i < kVectorBytes / 4; ++i)
    r[i] = a[i] >= -0x1p31f && a[i] < 0x1p31f ? std::int32_t(a[i]) : 0;
  return r;
}

#endif

template <class T>
using MaskBits = Native<SignedOf<T>>;

// table[index mod size]
template <int size>
inline Native<float> lookup(const float (&table)[size], Native<std::int32_t> index) {
#if defined(__AVX2__)
  if constexpr (size == 8) return _mm256_permutevar8x32_ps(_mm256_load_ps(table), (__m256i)index);
#endif
  Native<float> r;
  for (int i = 0; i < kVectorBytes / 4; ++i) r[i] = table[index[i] & (size - 1)];
  return r;
}
template <Compare kOp, class T>
inline MaskBits<T> compare(Native<T> a, Native<T> b) {
  if constexpr (kOp == Compare::equal) return (MaskBits<T>)(a == b);
  else if constexpr (kOp == Compare::less) return (MaskBits<T>)(a < b);
  else if constexpr (kOp == Compare::less_equal) return (MaskBits<T>)(a <= b);
  else return (MaskBits<T>)(a != b);
}
// Elements of p by their positions.
template <class T>
inline Native<T> gather(const T* p, Native<SignedOf<T>> at) {
  Native<T> r;
  for (unsigned i = 0; i < kVectorBytes / sizeof(T); ++i) r[i] = p[at[i]];
  return r;
}
#if defined(__AVX2__) && defined(__FMA__)
template <class T>
inline __m256i first_lanes(int n) {
  if constexpr (sizeof(T) == 4) return (__m256i)(Native<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7} < n);
  else return (__m256i)(Native<std::int64_t>{0, 1, 2, 3} < std::int64_t(n));
}
template <class T>
inline Native<T> load_part(const T* p, int n) {
  if constexpr (sizeof(T) == 4)
    return (Native<T>)_mm256_maskload_epi32((const int*)p, first_lanes<T>(n));
  else return (Native<T>)_mm256_maskload_epi64((const long long*)p, first_lanes<T>(n));
}
template <class T>
inline void store_part(Native<T> a, T* p, int n) {
  if constexpr (sizeof(T) == 4) _mm256_maskstore_epi32((int*)p, first_lanes<T>(n), (__m256i)a);
  else _mm256_maskstore_epi64((long long*)p, first_lanes<T>(n), (__m256i)a);
}
#else
// In pieces of fixed size, which stay in registers: 16, 8 and 4 bytes.
template <class T>
inline Native<T> load_part(const T* p, int n) {
  static_assert(kVectorBytes == 16 && sizeof(T) >= 4);
  const char* from = reinterpret_cast<const char*>(p);
  const int bytes = n * int(sizeof(T));
  std::uint64_t low = 0, high = 0;
  std::uint32_t last = 0;
  if (bytes & 4) std::memcpy(&last, from + (bytes & 8), 4);
  if (bytes >= 8) std::memcpy(&low, from, 8);
  else low = last;
  if (bytes >= 16) std::memcpy(&high, from + 8, 8);
  else if (bytes >= 8) high = last;
  return (Native<T>)Native<std::uint64_t>{low, high};
}
template <class T>
inline void store_part(Native<T> a, T* p, int n) {
  char* to = reinterpret_cast<char*>(p);
  const int bytes = n * int(sizeof(T));
  const Native<std::uint64_t> half = (Native<std::uint64_t>)a;
  const std::uint64_t low = half[0], high = half[1];
  if (bytes >= 8) std::memcpy(to, &low, 8);
  if (bytes >= 16) std::memcpy(to + 8, &high, 8);
  const std::uint32_t last = std::uint32_t(bytes >= 8 ? high : low);
  if (bytes & 4) std::memcpy(to + (bytes & 8), &last, 4);
}
#endif

#endif

}  // namespace native
}  // namespace nnx::cpu::inline NNX_LEVEL
