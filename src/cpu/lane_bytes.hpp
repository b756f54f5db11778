// Small whole numbers of vector lanes as bytes: one byte for each lane of Vec<T>, and back. GCC
// converts such narrow vectors element by element, so the machine's own instructions stand here.
// Invariant: lanes hold 0 to 255; what lies beyond the bytes of a part is neither read nor written.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/lanes.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

namespace native {

template <class T>
using LaneBytes = Native<std::uint8_t, kVectorBytes / int(sizeof(T))>;

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)

template <class T>
inline LaneBytes<T> to_bytes(Native<SignedOf<T>> a) {
  if constexpr (sizeof(T) == 4) return (LaneBytes<T>)_mm512_maskz_cvtepi32_epi8(kAll16, (__m512i)a);
  else {
    const __m128i b = _mm512_maskz_cvtepi64_epi8(kAll, (__m512i)a);
    return (LaneBytes<T>)_mm_cvtsi128_si64(b);
  }
}
template <class T>
inline Native<SignedOf<T>> from_bytes(LaneBytes<T> a) {
  if constexpr (sizeof(T) == 4)
    return (Native<SignedOf<T>>)_mm512_maskz_cvtepu8_epi32(kAll16, (__m128i)a);
  else
    return (Native<SignedOf<T>>)_mm512_maskz_cvtepu8_epi64(kAll, _mm_cvtsi64_si128((long long)a));
}

#elif defined(__SSE4_1__)

// The lowest byte of every lane of 16 bytes, at the bottom.
template <int kLane>
inline __m128i lowest_bytes(__m128i a) {
  const __m128i four = _mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 12, 8, 4, 0);
  const __m128i two = _mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 8, 0);
  return _mm_shuffle_epi8(a, kLane == 4 ? four : two);
}
template <class T>
inline LaneBytes<T> to_bytes(Native<SignedOf<T>> a) {
  constexpr int kLane = int(sizeof(T));
#if defined(__AVX2__) && defined(__FMA__)
  const __m128i low = lowest_bytes<kLane>(_mm256_castsi256_si128((__m256i)a));
  const __m128i high = lowest_bytes<kLane>(_mm256_extracti128_si256((__m256i)a, 1));
  const __m128i b = kLane == 4 ? _mm_unpacklo_epi32(low, high) : _mm_unpacklo_epi16(low, high);
#else
  const __m128i b = lowest_bytes<kLane>((__m128i)a);
#endif
  LaneBytes<T> out;
  std::memcpy(&out, &b, sizeof out);
  return out;
}
template <class T>
inline Native<SignedOf<T>> from_bytes(LaneBytes<T> a) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &a, sizeof a);
  const __m128i b = _mm_cvtsi64_si128(bits);
#if defined(__AVX2__) && defined(__FMA__)
  return (Native<SignedOf<T>>)(sizeof(T) == 4 ? _mm256_cvtepu8_epi32(b) : _mm256_cvtepu8_epi64(b));
#else
  return (Native<SignedOf<T>>)(sizeof(T) == 4 ? _mm_cvtepu8_epi32(b) : _mm_cvtepu8_epi64(b));
#endif
}

#else

template <class T>
inline LaneBytes<T> to_bytes(Native<SignedOf<T>> a) {
  return __builtin_convertvector(a, LaneBytes<T>);
}
template <class T>
inline Native<SignedOf<T>> from_bytes(LaneBytes<T> a) {
  return __builtin_convertvector(a, Native<SignedOf<T>>);
}

#endif

}  // namespace native

// Bytes of as many lanes as there are.
template <class T>
inline void store_bytes(typename Vec<T>::Int lanes, std::uint8_t* p, Whole<T>) {
  const auto bytes = native::to_bytes<T>(lanes.v);
  std::memcpy(p, &bytes, sizeof bytes);
}
template <class T>
inline void store_bytes(typename Vec<T>::Int lanes, std::uint8_t* p, Part<T> part) {
  const auto bytes = native::to_bytes<T>(lanes.v);
  std::memcpy(p, &bytes, static_cast<std::size_t>(part.n));
}
template <class T>
inline typename Vec<T>::Int load_bytes(const std::uint8_t* p, Whole<T>) {
  native::LaneBytes<T> bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return native::from_bytes<T>(bytes);
}
template <class T>
inline typename Vec<T>::Int load_bytes(const std::uint8_t* p, Part<T> part) {
  native::LaneBytes<T> bytes{};
  std::memcpy(&bytes, p, static_cast<std::size_t>(part.n));
  return native::from_bytes<T>(bytes);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
