// Random draws: Philox4x32-10 and the maps from its words to distributions.
// Invariants: element i depends on (key, offset, i) alone (the mapping stands in the runtime's
// random.hpp); only additions, multiplications, divisions and square roots of IEEE arithmetic are
// used, in a written order, so every machine and instruction-set level gives the same values.
#include <bit>
#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/draws.hpp"
#include "cpu/host.hpp"
#include "cpu/kernels_decl.hpp"

namespace nnx::cpu {
namespace {

using namespace core::draws;
using std::int32_t;
using std::int64_t;
using std::uint32_t;
using std::uint64_t;

// ---- Philox -------------------------------------------------------------------------------------

#if defined(__AVX512F__)
constexpr int kLanes = 8;
#elif defined(__AVX2__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif
using Vec = uint64_t __attribute__((vector_size(8 * kLanes)));
constexpr int kVecs = kLanes == 8 ? 4 : 2;  // independent chains, to hide latency
constexpr int kGroup = kLanes * kVecs;      // blocks computed together
constexpr int kBatchBlocks = 128;           // blocks between maps: 2 KiB of words
constexpr int kBatchWords = 4 * kBatchBlocks;
static_assert(kBatchBlocks % kGroup == 0);

// Product of the low halves of each lane.
inline Vec multiply_low_halves(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);  // as gcc 12 warns otherwise
#elif defined(__AVX2__)
  return (Vec)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Vec)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// a0 b0 a1 b1 ... to out.
inline void store_interleaved(Vec a, Vec b, uint64_t* out) {
#if defined(__AVX512F__)
  const Vec lo = __builtin_shuffle(a, b, Vec{0, 8, 1, 9, 2, 10, 3, 11});
  const Vec hi = __builtin_shuffle(a, b, Vec{4, 12, 5, 13, 6, 14, 7, 15});
#elif defined(__AVX2__)
  const Vec lo = __builtin_shuffle(a, b, Vec{0, 4, 1, 5});
  const Vec hi = __builtin_shuffle(a, b, Vec{2, 6, 3, 7});
#else
  const Vec lo = __builtin_shuffle(a, b, Vec{0, 2});
  const Vec hi = __builtin_shuffle(a, b, Vec{1, 3});
#endif
  std::memcpy(out, &lo, sizeof lo);
  std::memcpy(out + kLanes, &hi, sizeof hi);
}

// kGroup blocks from `counter` on, two 64-bit draws each (first word low). Words live in the low
// halves of the lanes; what stands in the high halves is never used.
inline void philox_group(uint64_t key, uint64_t counter, uint64_t* out) {
  Vec w0[kVecs], w1[kVecs], w2[kVecs], w3[kVecs];
  Vec lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = static_cast<uint64_t>(i);
  for (int v = 0; v < kVecs; ++v) {
    w0[v] = lane + (counter + static_cast<uint64_t>(v * kLanes));
    w1[v] = w0[v] >> 32;
    w2[v] = w3[v] = Vec{};
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  const Vec m0 = Vec{} + kMultiplier0, m1 = Vec{} + kMultiplier1;
#pragma GCC unroll 10
  for (int round = 0; round < kRounds; ++round) {
    const Vec x0 = Vec{} + uint64_t{k0}, x1 = Vec{} + uint64_t{k1};
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const Vec p0 = multiply_low_halves(w0[v], m0), p1 = multiply_low_halves(w2[v], m1);
      w0[v] = (p1 >> 32) ^ w1[v] ^ x0;
      w1[v] = p1;
      w2[v] = (p0 >> 32) ^ w3[v] ^ x1;
      w3[v] = p0;
    }
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  for (int v = 0; v < kVecs; ++v)
    store_interleaved((w0[v] & 0xffffffffu) | (w1[v] << 32), (w2[v] & 0xffffffffu) | (w3[v] << 32),
                      out + 2 * kLanes * v);
}

using Word = uint32_t __attribute__((may_alias));
static_assert(std::endian::native == std::endian::little, "the low word of a draw is its first");

struct alignas(64) Words {
  uint64_t draw[kBatchWords / 2];
  const Word* words() const { return reinterpret_cast<const Word*>(draw); }
};

// ---- Filling
// -------------------------------------------------------------------------------------

constexpr int64_t kChunkBatches = 64;

// map(words, out) turns a batch of words into kBatchWords / words_each elements.
template <class T, int words_each, class Map>
void fill(const core::RandomJob& job, Map map) {
  constexpr int64_t batch = kBatchWords / words_each;
  constexpr int64_t chunk = kChunkBatches * batch;
  parallel_for((job.count + chunk - 1) / chunk, [&](int64_t c) {
    Words words;
    const int64_t end = job.count < (c + 1) * chunk ? job.count : (c + 1) * chunk;
    for (int64_t i = c * chunk; i < end; i += batch) {
      const int64_t n = end - i < batch ? end - i : batch;
      const int64_t blocks = (n * words_each + 3) / 4;
      const uint64_t first = job.stream.offset + static_cast<uint64_t>(i / (4 / words_each));
      for (int64_t b = 0; b < blocks; b += kGroup)
        philox_group(job.stream.key, first + static_cast<uint64_t>(b), words.draw + 2 * b);
      T* out = static_cast<T*>(job.out) + i;
      if (n == batch) {
        map(words, out);
      } else {
        for (int64_t b = (blocks + kGroup - 1) / kGroup * kGroup; b < kBatchBlocks; ++b)
          words.draw[2 * b] = words.draw[2 * b + 1] = 0;
        alignas(64) T rest[batch];
        map(words, rest);
        std::memcpy(out, rest, static_cast<std::size_t>(n) * sizeof(T));
      }
    }
  });
}

template <class T>
void uniform(const core::RandomJob& job) {
  const Interval<T> to(job.a, job.b);
  if constexpr (sizeof(T) == 4)
    fill<float, 1>(job, [to](const Words& w, float* out) {
      const Word* word = w.words();
      for (int i = 0; i < kBatchWords; ++i)
        out[i] = to(static_cast<float>(static_cast<int32_t>(word[i] >> 8)) * 0x1p-24f);
    });
  else
    fill<double, 2>(job, [to](const Words& w, double* out) {
      for (int i = 0; i < kBatchWords / 2; ++i) out[i] = to(to_double(w.draw[i] >> 11) * 0x1p-53);
    });
}

template <class T>
void normal(const core::RandomJob& job) {
  const T mean = static_cast<T>(job.a), deviation = static_cast<T>(job.b);
  if constexpr (sizeof(T) == 4)
    fill<float, 1>(job, [=](const Words& w, float* out) {
      for (int i = 0; i < kBatchWords / 2; ++i) {
        const Pair32 z =
            normal_pair(static_cast<uint32_t>(w.draw[i]), static_cast<uint32_t>(w.draw[i] >> 32));
        out[2 * i] = mean + deviation * z.x;
        out[2 * i + 1] = mean + deviation * z.y;
      }
    });
  else
    fill<double, 2>(job, [=](const Words& w, double* out) {
      for (int i = 0; i < kBatchWords / 4; ++i) {
        const Pair64 z = normal_pair(w.draw[2 * i], w.draw[2 * i + 1]);
        out[2 * i] = mean + deviation * z.x;
        out[2 * i + 1] = mean + deviation * z.y;
      }
    });
}

void integers(const core::RandomJob& job) {
  const uint64_t lo = static_cast<uint64_t>(job.lo);
  const uint64_t range = static_cast<uint64_t>(job.hi) - lo;
  fill<int64_t, 2>(job, [=](const Words& w, int64_t* out) {
    for (int i = 0; i < kBatchWords / 2; ++i)
      out[i] = static_cast<int64_t>(
          lo + static_cast<uint64_t>((static_cast<unsigned __int128>(w.draw[i]) * range) >> 64));
  });
}

void bernoulli(const core::RandomJob& job) {
  const double scaled = std::nearbyint(job.a * 0x1p32);
  if (!(scaled > 0) || scaled >= 0x1p32) {
    std::memset(job.out, scaled > 0, static_cast<std::size_t>(job.count));
    return;
  }
  const uint32_t below = static_cast<uint32_t>(scaled);
  fill<uint8_t, 1>(job, [=](const Words& w, uint8_t* out) {
    const Word* word = w.words();
    for (int i = 0; i < kBatchWords; ++i) out[i] = word[i] < below;
  });
}

void bits(const core::RandomJob& job) {
  fill<uint64_t, 2>(job,
                    [](const Words& w, uint64_t* out) { std::memcpy(out, w.draw, sizeof w.draw); });
}

}  // namespace

void random(const core::RandomJob& job) {
  using core::Distribution;
  const bool single = job.lane == core::Lane::f32;
  switch (job.kind) {
    case Distribution::bits: return bits(job);
    case Distribution::uniform: return single ? uniform<float>(job) : uniform<double>(job);
    case Distribution::normal: return single ? normal<float>(job) : normal<double>(job);
    case Distribution::integers: return integers(job);
    case Distribution::bernoulli: return bernoulli(job);
  }
}

}  // namespace nnx::cpu
