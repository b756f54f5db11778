// The innermost loops of the float32 product, written once over vectors of the level's width.
//   outer_tile: a tile of R rows x V vectors of C stays in registers; every step of k multiplies V
//               vectors of B by R numbers of A.
//   dot_tile:   a tile of R x S numbers of C, each the dot product of two rows that are adjacent
//               in memory, for A and B^T that are used too seldom to be rearranged.
// Invariants: nothing outside the described operands is read or written; a number of C is summed
// in an order that depends on k and the kernel's template arguments alone.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/vec_native.hpp"

namespace nnx::cpu::inline NNX_LEVEL::gemm {

#define NNX_INLINE [[gnu::always_inline]] inline
#define NNX_LAMBDA_INLINE __attribute__((always_inline))
#define NNX_UNROLL _Pragma("GCC unroll 16")  // so that arrays of vectors become registers

// --- vectors --------------------------------------------------------------------------------
// kRows x kVectors is the full tile of outer_tile; tiles of fewer rows may take more vectors.
inline constexpr int kWidth = kVectorBytes / 4;
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kRegisters = 32;
inline constexpr int kRows = kVectorBytes == 64 ? 14 : 8;
#else
inline constexpr int kRegisters = 16;
inline constexpr int kRows = kVectorBytes == 32 ? 6 : 4;
#endif
inline constexpr int kVectors = 2;

template <int N>
using Floats [[gnu::vector_size(N * 4)]] = float;
using Vec = Floats<kWidth>;

template <int N = kWidth>
NNX_INLINE Floats<N> load(const float* p) {
  Floats<N> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
NNX_INLINE void store(float* p, V v) {
  std::memcpy(p, &v, sizeof v);
}

// The first `count` of a vector's lanes, 0 < count <= kWidth, to load (zeros elsewhere) and store.
#if defined(__AVX512F__)
struct Lanes {
  __mmask16 mask;
  explicit Lanes(std::int64_t count) : mask(static_cast<__mmask16>((1u << count) - 1)) {}
  NNX_INLINE Vec load(const float* p) const { return (Vec)_mm512_maskz_loadu_ps(mask, p); }
  NNX_INLINE void store(float* p, Vec v) const { _mm512_mask_storeu_ps(p, mask, (__m512)v); }
};
NNX_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
NNX_INLINE Vec splat(float x) { return (Vec)_mm512_set1_ps(x); }
#elif defined(__AVX2__)
struct Lanes {
  __m256i mask;
  explicit Lanes(std::int64_t count)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
  NNX_INLINE Vec load(const float* p) const { return (Vec)_mm256_maskload_ps(p, mask); }
  NNX_INLINE void store(float* p, Vec v) const { _mm256_maskstore_ps(p, mask, (__m256)v); }
};
NNX_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
NNX_INLINE Vec splat(float x) { return (Vec)_mm256_set1_ps(x); }
#else
struct Lanes {
  int count;
  explicit Lanes(std::int64_t n) : count(static_cast<int>(n)) {}
  NNX_INLINE Vec load(const float* p) const {
    Vec v{};
    for (int i = 0; i < kWidth; ++i) {
      if (i < count) v[i] = p[i];
    }
    return v;
  }
  NNX_INLINE void store(float* p, Vec v) const {
    for (int i = 0; i < kWidth; ++i) {
      if (i < count) p[i] = v[i];
    }
  }
};
NNX_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(__ARM_FEATURE_FMA)
  for (int i = 0; i < kWidth; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#else
  return a * b + c;  // the level has no fused instruction
#endif
}
NNX_INLINE Vec splat(float x) { return Vec{x, x, x, x}; }
#endif

// Rearranges every block of 4 lanes: 0..3 are x's numbers in the block, 4..7 are y's.
template <int... From>
NNX_INLINE Vec shuffle_blocks(Vec x, Vec y) {
  constexpr int from[] = {From...};
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(
        x, y, (I / 4 * 4 + (from[I % 4] < 4 ? from[I % 4] : kWidth + from[I % 4] - 4))...);
  }(std::make_integer_sequence<int, kWidth>{});
}
NNX_INLINE Vec low_pairs(Vec x, Vec y) { return shuffle_blocks<0, 4, 1, 5>(x, y); }
NNX_INLINE Vec high_pairs(Vec x, Vec y) { return shuffle_blocks<2, 6, 3, 7>(x, y); }
NNX_INLINE Vec low_halves(Vec x, Vec y) { return shuffle_blocks<0, 1, 4, 5>(x, y); }
NNX_INLINE Vec high_halves(Vec x, Vec y) { return shuffle_blocks<2, 3, 6, 7>(x, y); }

// Sums of four vectors as four adjacent floats.
NNX_INLINE Floats<4> sums(Vec a, Vec b, Vec c, Vec d) {
  const Vec ab = low_pairs(a, b) + high_pairs(a, b), cd = low_pairs(c, d) + high_pairs(c, d);
  const Vec s = low_halves(ab, cd) + high_halves(ab, cd);
#if defined(__AVX512F__)
  const Floats<8> h = __builtin_shufflevector(s, s, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(s, s, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  const auto h = s;
#endif
#if defined(__AVX2__)
  return __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#else
  return h;
#endif
}

// --- a tile as outer products ---------------------------------------------------------------
struct OuterTile {
  std::int64_t k;
  const float* a;  // rows: (i, p) at a[i * a_step + p]; columns: at a[p * a_step + i]
  std::int64_t a_step;
  const float* b;  // (p, j) at b[p * b_step + j]
  std::int64_t b_step;
  float* c;
  std::int64_t c_row;
  std::int64_t columns;  // of C and B; more than V - 1 vectors, at most V
  const float* bias;     // `columns` values, or null
  bool accumulate;
  bool far;  // B is not in a near cache
};
enum class ALayout { rows, columns };
enum class BLayout { direct, packed };  // packed: b_step is the tile's width, whole vectors

// The number of independent sums kept for each number of C where one would wait for itself.
constexpr int chains(int tile) { return tile >= 8 ? 1 : tile >= 4 ? 2 : tile >= 2 ? 4 : 8; }

// From this k on, C is asked for before it is needed.
inline constexpr std::int64_t kPrefetchDepth = 64;
// Rows of B that lie apart are asked for so many steps ahead: the processor does not guess them.
inline constexpr std::int64_t kRowsAhead = 8;
inline constexpr int kLine = 16;  // floats of a cache line

template <ALayout L, BLayout B, int R, int V, bool Partial>
void outer_tile(const OuterTile& t) {
  constexpr int U = chains(R * V);
  constexpr int kGroups = (R + 2) / 3;  // rows in groups of 3: base, base + step, base + 2 step
  constexpr int kUnroll = L == ALayout::rows && U < 2 ? 2 : U;
  const std::int64_t a_step = t.a_step, b_step = B == BLayout::packed ? V * kWidth : t.b_step;
  const Lanes lanes(Partial ? t.columns - (V - 1) * kWidth : kWidth);
  const auto load_row = [&](const float* p, int v) NNX_LAMBDA_INLINE {
    return Partial && v == V - 1 ? lanes.load(p + v * kWidth) : load(p + v * kWidth);
  };
  Vec acc[U][R][V] = {};
  const float* a[kGroups];
  NNX_UNROLL for (int g = 0; g < kGroups; ++g) {
    a[g] = L == ALayout::rows ? t.a + 3 * g * a_step : t.a;
  }
  const float* b = t.b;
  const float* ahead = b + kRowsAhead * b_step;
  if (t.k >= kPrefetchDepth) {
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      NNX_UNROLL for (int v = 0; v < V * kWidth; v += kLine)
          __builtin_prefetch(t.c + i * t.c_row + v, 1);
    }
  }

  const auto step = [&](int u, int offset, bool fetch) NNX_LAMBDA_INLINE {
    Vec vb[V];
    NNX_UNROLL for (int v = 0; v < V; ++v) {
      vb[v] = B == BLayout::packed ? load(b + v * kWidth) : load_row(b, v);
    }
    if (B == BLayout::direct && fetch) {
      NNX_UNROLL for (int v = 0; v < V * kWidth; v += kLine) __builtin_prefetch(ahead + v);
      ahead += b_step;
    }
    if (L == ALayout::columns) {
      __builtin_prefetch(a[0] + kRowsAhead * a_step);
      if (R > kLine / 2) __builtin_prefetch(a[0] + kRowsAhead * a_step + R - 1);
    }
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      const Vec x = splat(L == ALayout::rows ? a[i / 3][i % 3 * a_step + offset] : a[0][i]);
      NNX_UNROLL for (int v = 0; v < V; ++v) acc[u][i][v] = fma(x, vb[v], acc[u][i][v]);
    }
    b += b_step;
    if (L == ALayout::columns) a[0] += a_step;
  };
  const auto advance = [&](int count) NNX_LAMBDA_INLINE {
    if (L == ALayout::columns) return;
    NNX_UNROLL for (int g = 0; g < kGroups; ++g) a[g] += count;
  };
  const auto sum = [&](bool fetch) NNX_LAMBDA_INLINE {
    std::int64_t p = t.k;
    for (; p >= kUnroll; p -= kUnroll) {
      NNX_UNROLL for (int o = 0; o < kUnroll; ++o) step(o % U, o, fetch);
      advance(kUnroll);
    }
    for (; p > 0; --p) {
      step(0, 0, fetch);
      advance(1);
    }
  };
  if (R <= 2 && !t.far) {  // so few rows leave no room for loads that are not needed
    sum(false);
  } else {
    sum(true);
  }
  NNX_UNROLL for (int half = U / 2; half > 0; half /= 2) {
    NNX_UNROLL for (int u = 0; u < half; ++u) {
      NNX_UNROLL for (int i = 0; i < R; ++i) {
        NNX_UNROLL for (int v = 0; v < V; ++v) acc[u][i][v] += acc[u + half][i][v];
      }
    }
  }

  if (t.accumulate) {
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      NNX_UNROLL for (int v = 0; v < V; ++v) {
        acc[0][i][v] = load_row(t.c + i * t.c_row, v) + acc[0][i][v];
      }
    }
  }
  if (t.bias) {
    NNX_UNROLL for (int v = 0; v < V; ++v) {
      const Vec bias = load_row(t.bias, v);
      NNX_UNROLL for (int i = 0; i < R; ++i) acc[0][i][v] += bias;
    }
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) {
      float* c = t.c + i * t.c_row + v * kWidth;
      if (Partial && v == V - 1) {
        lanes.store(c, acc[0][i][v]);
      } else {
        store(c, acc[0][i][v]);
      }
    }
  }
}

// The most vectors a tile of R rows can have and keep its sums, B and one of A in registers; more
// than kVectors only where B is read as it lies.
inline constexpr int kMostVectors = 8;
constexpr int max_vectors(int rows) {
  for (int v = rows <= 2 ? kMostVectors : 4; v > kVectors; --v) {
    if (rows * v + v + 1 + (kWidth == 4) <= kRegisters) return v;
  }
  return kVectors;
}
struct MaxVectors {
  int of[kRows + 1] = {};
  constexpr MaxVectors() {
    for (int r = 1; r <= kRows; ++r) of[r] = max_vectors(r);
  }
};
inline constexpr MaxVectors kMaxVectors;
using OuterFn = void (*)(const OuterTile&);

template <ALayout L, BLayout B, bool Partial, int R, int V>
constexpr OuterFn outer_entry() {
  if constexpr (V <= (B == BLayout::packed ? kVectors : max_vectors(R))) {
    return outer_tile<L, B, R, V, Partial>;
  } else {
    return nullptr;
  }
}
template <ALayout L, BLayout B, bool Partial>
struct OuterTable {
  OuterFn f[kMostVectors][kRows + 1];
  constexpr OuterTable() : f{} {
    [&]<int... I>(std::integer_sequence<int, I...>) {
      ((f[I % kMostVectors][I / kMostVectors + 1] =
            outer_entry<L, B, Partial, I / kMostVectors + 1, I % kMostVectors + 1>()),
       ...);
    }(std::make_integer_sequence<int, kMostVectors * kRows>{});
  }
};
template <ALayout L, BLayout B, bool Partial>
inline constexpr OuterTable<L, B, Partial> kOuterTable;

// The tile function for `rows` rows of A and `vectors` vectors of B.
inline OuterFn outer_fn(ALayout a, BLayout b, bool partial, std::int64_t rows,
                        std::int64_t vectors) {
  const auto pick = [&]<ALayout L, BLayout B>() {
    return partial ? kOuterTable<L, B, true>.f[vectors - 1][rows]
                   : kOuterTable<L, B, false>.f[vectors - 1][rows];
  };
  if (a == ALayout::rows) {
    return b == BLayout::direct ? pick.template operator()<ALayout::rows, BLayout::direct>()
                                : pick.template operator()<ALayout::rows, BLayout::packed>();
  }
  return b == BLayout::direct ? pick.template operator()<ALayout::columns, BLayout::direct>()
                              : pick.template operator()<ALayout::columns, BLayout::packed>();
}

// --- a tile as dot products -----------------------------------------------------------------
struct DotTile {
  std::int64_t k;
  const float* a;  // (i, p) at a[i * a_step + p]
  std::int64_t a_step;
  const float* b;  // (p, j) at b[j * b_step + p]
  std::int64_t b_step;
  float* c;
  std::int64_t c_row;
  std::int64_t columns;  // at most S
  const float* bias;
  bool accumulate;
};
// The most rows of a dot tile, and its columns: as many sums as the registers hold.
inline constexpr int kDotRows = kRegisters == 32 ? 6 : kWidth == 8 ? 3 : 2;
constexpr int dot_columns(int rows) { return rows == 1 || (kRegisters == 32 && rows <= 3) ? 8 : 4; }

template <int R>
void dot_tile(const DotTile& t) {
  constexpr int S = dot_columns(R);
  const std::int64_t a_step = t.a_step;
  const float* a = t.a;
  const float* b[S];
  NNX_UNROLL for (int j = 0; j < S; ++j) {  // columns that are not there repeat the last one
    b[j] = t.b + (j < t.columns ? j : t.columns - 1) * t.b_step;
  }
  Vec acc[R][S] = {};
  const auto step = [&](auto&& read, std::int64_t p) NNX_LAMBDA_INLINE {
    Vec va[R];
    NNX_UNROLL for (int i = 0; i < R; ++i) va[i] = read(a + i * a_step + p);
    NNX_UNROLL for (int j = 0; j < S; ++j) {
      const Vec vb = read(b[j] + p);
      NNX_UNROLL for (int i = 0; i < R; ++i) acc[i][j] = fma(va[i], vb, acc[i][j]);
    }
  };
  std::int64_t p = 0;
  for (; p + kWidth <= t.k; p += kWidth) {
    step([](const float* x) NNX_LAMBDA_INLINE { return load(x); }, p);
  }
  if (p < t.k) {
    const Lanes lanes(t.k - p);
    step([&](const float* x) NNX_LAMBDA_INLINE { return lanes.load(x); }, p);
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int q = 0; q < S; q += 4) {
      const std::int64_t columns = t.columns - q;
      if (columns <= 0) continue;
      float* c = t.c + i * t.c_row + q;
      Floats<4> s = sums(acc[i][q], acc[i][q + 1], acc[i][q + 2], acc[i][q + 3]);
      if (columns >= 4) {
        if (t.accumulate) s = load<4>(c) + s;
        if (t.bias) s += load<4>(t.bias + q);
        store(c, s);
      } else {
        for (int j = 0; j < columns; ++j) {
          float x = s[j];
          if (t.accumulate) x = c[j] + x;
          if (t.bias) x += t.bias[q + j];
          c[j] = x;
        }
      }
    }
  }
}
// One dot product of adjacent numbers.
inline float dot_one(std::int64_t k, const float* a, const float* b) {
  constexpr int S = 8;
  Vec acc[S] = {};
  std::int64_t p = 0;
  for (; p + S * kWidth <= k; p += S * kWidth) {
    NNX_UNROLL for (int s = 0; s < S; ++s) {
      acc[s] = fma(load(a + p + s * kWidth), load(b + p + s * kWidth), acc[s]);
    }
  }
  for (; p + kWidth <= k; p += kWidth) acc[0] = fma(load(a + p), load(b + p), acc[0]);
  if (p < k) {
    const Lanes lanes(k - p);
    acc[1] = fma(lanes.load(a + p), lanes.load(b + p), acc[1]);
  }
  const Floats<4> s = sums(acc[0] + acc[4], acc[1] + acc[5], acc[2] + acc[6], acc[3] + acc[7]);
  return (s[0] + s[2]) + (s[1] + s[3]);
}
using DotFn = void (*)(const DotTile&);

struct DotTable {
  DotFn f[kDotRows + 1];
  constexpr DotTable() : f{} {
    [&]<int... I>(std::integer_sequence<int, I...>) {
      ((f[I + 1] = dot_tile<I + 1>), ...);
    }(std::make_integer_sequence<int, kDotRows>{});
  }
};

}  // namespace nnx::cpu::inline NNX_LEVEL::gemm
