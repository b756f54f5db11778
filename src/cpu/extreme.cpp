// argmax and argmin over the middle axis of (outer, n, inner).
// Invariants: the first of equal values is the answer, the first NaN beats every number. A row is
// searched in blocks that stay in L1: the extreme of each block first, then its position in the
// best block, so memory is read once.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/rows.hpp"
#include "cpu/vec.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kBlock = 4096;  // elements

template <class T>
constexpr bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  else return false;
}
template <bool kMax, class T>
constexpr bool beats(T x, T best) {
  if (is_nan(best)) return false;
  return is_nan(x) || (kMax ? x > best : x < best);
}
template <bool kMax, class T>
inline Mask<T> beats(Vec<T> x, Vec<T> best) {
  if constexpr (std::is_floating_point_v<T>) {
    const Mask<T> no_worse = kMax ? x <= best : x >= best;  // false for NaN
    return ~no_worse & (best == best);
  } else {
    return kMax ? x > best : x < best;
  }
}

template <bool kMax, class T>
inline Vec<T> better(Vec<T> a, Vec<T> b) {
  return kMax ? max(a, b) : min(a, b);
}

// The extreme of n > 0 elements, or NaN if there is one.
template <bool kMax, class T>
T block_extreme(const T* x, std::int64_t n) {
  using V = Vec<T>;
  constexpr int w = V::width;
  if (n < w) {
    T best = x[0];
    for (std::int64_t i = 1; i < n; ++i)
      if (beats<kMax>(x[i], best)) best = x[i];
    return best;
  }
  const V last = V::load(x + n - w);  // overlaps what is there already
  V acc[4] = {last, last, last, last};
  Mask<T> nan = last != last;
  const auto take = [&](std::int64_t i, int k) {
    const V v = V::load(x + i);
    nan = nan | (v != v);
    acc[k] = better<kMax>(v, acc[k]);
  };
  std::int64_t i = 0;
  for (; i + 4 * w <= n; i += 4 * w)
    for (int k = 0; k < 4; ++k) take(i + k * w, k);
  for (; i + w <= n; i += w) take(i, 0);
  if (any(nan)) return std::numeric_limits<T>::quiet_NaN();
  const V all = better<kMax>(better<kMax>(acc[0], acc[1]), better<kMax>(acc[2], acc[3]));
  return fold(all, [](V a, V b) { return better<kMax>(a, b); });
}

// Position of the first element equal to `value` (the first NaN for NaN), which is there.
template <class T>
std::int64_t find_first(const T* x, std::int64_t n, T value) {
  using V = Vec<T>;
  constexpr int w = V::width;
  const V wanted(value);
  const bool nan = is_nan(value);
  std::int64_t i = 0;
  for (; i + w <= n; i += w) {
    const V v = V::load(x + i);
    const Mask<T> hit = nan ? v != v : v == wanted;
    if (!any(hit)) continue;
    unsigned char lanes[w];
    hit.store(lanes);
    return i + (std::find(lanes, lanes + w, 1) - lanes);
  }
  while (nan ? !is_nan(x[i]) : x[i] != value) ++i;
  return i;
}

template <class T>
struct Best {
  T value;
  std::int64_t index;
};

template <bool kMax, class T>
Best<T> row_extreme(const T* x, std::int64_t n) {
  T best = x[0];
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < n && !is_nan(best); i += kBlock) {
    const T value = block_extreme<kMax>(x + i, std::min(kBlock, n - i));
    if (i == 0 || beats<kMax>(value, best)) {
      best = value;
      at = i;
    }
  }
  return {best, at + find_first(x + at, std::min(kBlock, n - at), best)};
}

// The first `lanes` columns of a plane of n rows, held in kVectors vectors; one vector may be
// partial: only `readable` of its columns are there. Positions are counted in integers of T's
// size, so n < 2^31 when T has 4 bytes.
template <bool kMax, int kVectors, class T>
void columns_of_vectors(const T* x, std::int64_t n, std::int64_t inner, int readable, int lanes,
                        std::int64_t* out) {
  using V = Vec<T>;
  using I = typename V::Int;
  constexpr int w = V::width;
  const auto load = [&](std::int64_t j, int k) {
    return kVectors == 1 && readable < w ? V::load(x + j * inner, readable)
                                         : V::load(x + j * inner + k * w);
  };
  V best[kVectors];
  I at[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    best[k] = load(0, k);
    at[k] = I(0);
  }
  for (std::int64_t j = 1; j < n; ++j) {
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) {
      const V v = load(j, k);
      const Mask<T> wins = beats<kMax>(v, best[k]);
      best[k] = select(wins, v, best[k]);
      at[k] = select(wins, I(j), at[k]);
    }
  }
  for (int k = 0; k < kVectors; ++k) {
    SignedOf<T> positions[w];
    at[k].store(positions);
    for (int i = 0; i < std::min(w, lanes - k * w); ++i) out[k * w + i] = positions[i];
  }
}

template <bool kMax, class T>
void columns_one_by_one(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns,
                        std::int64_t* out) {
  for (std::int64_t i = 0; i < columns; ++i) {
    std::int64_t at = 0;
    for (std::int64_t j = 1; j < n; ++j)
      if (beats<kMax>(x[j * inner + i], x[at * inner + i])) at = j;
    out[i] = at;
  }
}

template <bool kMax, class T>
void columns_extreme(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns,
                     std::int64_t* out) {
  if (std::is_same_v<T, bool> || n > std::numeric_limits<std::int32_t>::max())
    return columns_one_by_one<kMax>(x, n, inner, columns, out);
  if constexpr (!std::is_same_v<T, bool>) {
    constexpr int w = Vec<T>::width;
    std::int64_t i = 0;
    for (; i + 4 * w <= columns; i += 4 * w)
      columns_of_vectors<kMax, 4>(x + i, n, inner, 4 * w, 4 * w, out + i);
    for (; i < columns; i += w) {
      const int lanes = static_cast<int>(std::min<std::int64_t>(w, columns - i));
      columns_of_vectors<kMax, 1>(x + i, n, inner, lanes, lanes, out + i);
    }
  }
}

// Short rows are turned into columns, so that a vector works on as many rows as it has lanes.
template <bool kMax, class T>
void short_rows(const T* x, std::int64_t rows, std::int64_t n, std::int64_t* out) {
  constexpr int w = Vec<T>::width;
  alignas(64) T block[kShortRow * w];
  for (std::int64_t r = 0; r < rows; r += w) {
    const int lanes = static_cast<int>(std::min<std::int64_t>(w, rows - r));
    rows_to_lanes(x + r * n, n, lanes, block);
    columns_of_vectors<kMax, 1>(block, n, w, w, lanes, out + r);
  }
}

template <bool kMax>
std::int64_t row_extreme_bool(const bool* x, std::int64_t n) {
  const void* hit = std::memchr(x, kMax ? 1 : 0, static_cast<std::size_t>(n));
  return hit ? static_cast<const bool*>(hit) - x : 0;
}

// Long rows are cut too; pieces are compared in order.
template <bool kMax, class T>
std::int64_t long_row(const T* x, std::int64_t n) {
  constexpr std::int64_t kMaxPieces = 64;
  const std::int64_t blocks = (n + kBlock - 1) / kBlock;
  const std::int64_t piece =
      kBlock * std::max<std::int64_t>(16, (blocks + kMaxPieces - 1) / kMaxPieces);
  const std::int64_t pieces = (n + piece - 1) / piece;
  Best<T> best[kMaxPieces] = {};
  parallel_for(pieces, [&](std::int64_t p) {
    best[p] = row_extreme<kMax>(x + p * piece, std::min(piece, n - p * piece));
    best[p].index += p * piece;
  });
  Best<T> winner = best[0];
  for (std::int64_t p = 1; p < pieces; ++p)
    if (beats<kMax>(best[p].value, winner.value)) winner = best[p];
  return winner.index;
}

template <bool kMax, class T>
void rows_extreme(const T* x, std::int64_t rows, std::int64_t n, std::int64_t* out) {
  if constexpr (std::is_same_v<T, bool>) {
    for_ranges(rows, grain_for(n + 16), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) out[r] = row_extreme_bool<kMax>(x + r * n, n);
    });
  } else if (n >= 32 * kBlock) {
    for (std::int64_t r = 0; r < rows; ++r) out[r] = long_row<kMax>(x + r * n, n);
  } else {
    for_ranges(rows, grain_for(n + 16), [&](std::int64_t begin, std::int64_t end) {
      if (n <= kShortRow) return short_rows<kMax>(x + begin * n, end - begin, n, out + begin);
      for (std::int64_t r = begin; r < end; ++r) out[r] = row_extreme<kMax>(x + r * n, n).index;
    });
  }
}

template <bool kMax, class T>
void extreme(const T* x, std::int64_t outer, std::int64_t n, std::int64_t inner,
             std::int64_t* out) {
  if (inner == 1) return rows_extreme<kMax>(x, outer, n, out);
  for_columns(outer, inner, n, 2, 16, [&](std::int64_t o, std::int64_t first, std::int64_t last) {
    columns_extreme<kMax>(x + o * n * inner + first, n, inner, last - first,
                          out + o * inner + first);
  });
}

}  // namespace

void arg_extreme(bool max, core::Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
                 const void* x, std::int64_t* out) {
  if (outer <= 0 || n <= 0 || inner <= 0) return;
  with_lane(lane, [&]<class T>(T) {
    if (max) extreme<true>(static_cast<const T*>(x), outer, n, inner, out);
    else extreme<false>(static_cast<const T*>(x), outer, n, inner, out);
  });
}

}  // namespace nnx::cpu
