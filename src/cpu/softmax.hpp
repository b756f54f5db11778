// What softmax, logsumexp and cross-entropy share: the logarithm of the sum of exponentials of a
// row, taken from its maximum m, in the form
//   log sum exp(x) = m + rest,   rest = log1p(sum over all but one maximal element of exp(x - m)),
// so that rest keeps its digits when one element dominates.
// Invariants: NaN anywhere in a row makes rest NaN. Sums are taken in pieces that depend on n alone
// and meet in double, in order.
#pragma once

#include <cstdint>
#include <limits>

#include "cpu/lanes.hpp"
#include "cpu/math.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

inline constexpr std::int64_t kMaxPieces = 64;
// Elements of a piece of a row: those of one row are spread over threads when there are several.
inline std::int64_t row_piece(std::int64_t n) {
  return std::max<std::int64_t>(32768, (n + kMaxPieces - 1) / kMaxPieces);
}

// f(begin, end) over chunks of rows whose elements cost `cost` units. Short rows come in multiples
// of every vector's width, so that no block of them is partial but the last; of few long rows each
// is left to be cut into pieces.
template <class F>
inline void for_rows(std::int64_t rows, std::int64_t n, std::int64_t cost, F&& f) {
  if (n >= 4 * row_piece(n) && rows < 16) {
    for (std::int64_t r = 0; r < rows; ++r) f(r, r + 1);
    return;
  }
  const std::int64_t grain = grain_for(n * cost + 64);
  for_ranges(rows, n <= kShortRow ? (grain + 15) / 16 * 16 : grain, f);
}

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();

template <class T>
inline T piece_max(const T* x, std::int64_t n) {
  using V = Vec<T>;
  const V none(-kInfinity<T>);
  V best[4] = {none, none, none, none};
  for_vectors_by_four<T>(n, [&](std::int64_t i, int k, auto lanes) {
    best[k] = max(lanes.keep(lanes.load(x + i), none), best[k]);
  });
  return fold_max(max(max(best[0], best[1]), max(best[2], best[3])));
}

// f(piece, begin, end) over the pieces of a row; a row of one piece at once.
template <class F>
inline void for_pieces(std::int64_t n, F&& f) {
  const std::int64_t piece = row_piece(n);
  for_ranges(n, piece, [&](std::int64_t begin, std::int64_t end) { f(begin / piece, begin, end); });
}
template <class F>
inline double sum_of_pieces(std::int64_t n, F&& sum) {
  double sums[kMaxPieces];
  for_pieces(
      n, [&](std::int64_t p, std::int64_t begin, std::int64_t end) { sums[p] = sum(begin, end); });
  double total = 0;
  for (std::int64_t p = 0; p * row_piece(n) < n; ++p) total += sums[p];
  return total;
}

template <class T>
inline T row_max(const T* x, std::int64_t n) {
  T best[kMaxPieces] = {-kInfinity<T>};
  for_pieces(n, [&](std::int64_t p, std::int64_t begin, std::int64_t end) {
    best[p] = piece_max(x + begin, end - begin);
  });
  T most = best[0];
  for (std::int64_t p = 1; p * row_piece(n) < n; ++p)
    if (best[p] > most) most = best[p];
  return most;
}

// The sum of term(i, lanes) over elements begin to end; a few thousand elements at a time meet in
// double. `term` gives 0 in lanes that are not there.
template <class T, class Term>
inline double sum_terms(std::int64_t begin, std::int64_t end, Term&& term) {
  using V = Vec<T>;
  constexpr std::int64_t kStep = 256 * V::width;
  double total = 0;
  for (; begin < end; begin += kStep) {
    V sum[4] = {V(0), V(0), V(0), V(0)};
    for_vectors_by_four<T>(std::min(kStep, end - begin), [&](std::int64_t i, int k, auto lanes) {
      sum[k] += term(begin + i, lanes);
    });
    total += static_cast<double>(fold_sum((sum[0] + sum[1]) + (sum[2] + sum[3])));
  }
  return total;
}

// What a row adds to its maximum m: log sum exp(x - m).
template <class T>
inline T log_sum(const T* x, std::int64_t n, T m) {
  using V = Vec<T>;
  const double sum = sum_of_pieces(n, [&](std::int64_t begin, std::int64_t end) {
    return sum_terms<T>(begin, end, [&](std::int64_t i, auto lanes) {
      return lanes.keep((lanes.load(x + i) - V(m)).exp(), V(0));
    });
  });
  if (!(sum < 1.25)) return V(static_cast<T>(sum)).log()[0];
  // One element is the maximum and the others hardly count: their sum alone. (Where the caller
  // took m = 0 for a row of -inf, no element is the maximum.)
  const double others = sum_of_pieces(n, [&](std::int64_t begin, std::int64_t end) {
    return sum_terms<T>(begin, end, [&](std::int64_t i, auto lanes) {
      const V v = lanes.load(x + i);
      return lanes.keep(select(v == V(m), V(0), (v - V(m)).exp()), V(0));
    });
  });
  return V(static_cast<T>(sum >= 1 ? others : sum - 1)).log1p()[0];
}

// The same for a block of short rows: element j of every row is the vector at block + j * width.
template <class T>
struct ShortRows {
  using V = Vec<T>;
  static constexpr int w = V::width;

  static V most(const T* block, std::int64_t n) {
    V best(-kInfinity<T>);
    for (std::int64_t j = 0; j < n; ++j) best = max(V::load(block + j * w), best);
    return best;
  }
  static V log_sum(const T* block, std::int64_t n, V m) {
    V others(0), ties(-1);
    for (std::int64_t j = 0; j < n; ++j) {
      const V v = V::load(block + j * w);
      const auto tie = v == m;
      others += select(tie, V(0), (v - m).exp());
      ties += select(tie, V(1), V(0));
    }
    // m - m: rows of infinities have no logarithm to add.
    return (others + ties).log1p() + (m - m);
  }
};

// f(first row, rows) over blocks of a vector's width of short rows.
template <class T, class F>
inline void for_short_rows(std::int64_t begin, std::int64_t end, F&& f) {
  constexpr int w = Vec<T>::width;
  for (std::int64_t r = begin; r < end; r += w)
    f(r, static_cast<int>(std::min<std::int64_t>(w, end - r)));
}

}  // namespace nnx::cpu::inline NNX_LEVEL
