// Walking along rows in vectors, and short rows side by side.
// A row is a run of whole vectors and at most one part; loops are written once for both, with the
// lanes (Whole or Part) as an argument. Rows that are too short to fill vectors are turned: as many
// rows as a vector has lanes form a block in which element j of every row is one vector, so a row
// of ten classes costs no folds.
// Invariant: what lies beyond a part, or in lanes without a row, is neither read nor written.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cpu/vec.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

template <class T>
struct Whole {
  using V = Vec<T>;
  V load(const T* p) const { return V::load(p); }
  void store(V v, T* p) const { v.store(p); }
  V keep(V v, V) const { return v; }
};
template <class T>
struct Part {
  using V = Vec<T>;
  int n;
  V load(const T* p) const { return V::load(p, n); }
  void store(V v, T* p) const { v.store(p, n); }
  // v in the lanes that are there, `otherwise` in the rest.
  V keep(V v, V otherwise) const {
    using I = typename V::Int;
    const auto lane = [&]<int... i>(std::integer_sequence<int, i...>) {
      return I(typename I::N{i...});
    }(std::make_integer_sequence<int, V::width>{});
    return select(lane < I(n), v, otherwise);
  }
};

// f(i, lanes) for every vector from element 0 to n.
template <class T, class F>
inline void for_vectors(std::int64_t n, F&& f) {
  constexpr int w = Vec<T>::width;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) f(i, Whole<T>{});
  if (i < n) f(i, Part<T>{static_cast<int>(n - i)});
}

// f(i, slot, lanes): four slots in turn, so that a fold of each has four chains.
template <class T, class F>
inline void for_vectors_by_four(std::int64_t n, F&& f) {
  constexpr int w = Vec<T>::width;
  std::int64_t i = 0;
  for (; i + 4 * w <= n; i += 4 * w) {
    f(i, 0, Whole<T>{});
    f(i + w, 1, Whole<T>{});
    f(i + 2 * w, 2, Whole<T>{});
    f(i + 3 * w, 3, Whole<T>{});
  }
  for (; i + w <= n; i += w) f(i, 0, Whole<T>{});
  if (i < n) f(i, 1, Part<T>{static_cast<int>(n - i)});
}

template <class T>
inline T fold_sum(Vec<T> a) {
  return fold(a, [](Vec<T> x, Vec<T> y) { return x + y; });
}
template <class T>
inline T fold_max(Vec<T> a) {
  return fold(a, [](Vec<T> x, Vec<T> y) { return max(x, y); });
}

inline constexpr std::int64_t kShortRow = 32;  // elements; longer rows fill vectors by themselves

// block[j * width + r] = x[r * n + j]; zeros in lanes without a row.
template <class T>
inline void rows_to_lanes(const T* x, std::int64_t n, int rows, T* block) {
  constexpr int w = Vec<T>::width;
  for (int r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) block[j * w + r] = x[r * n + j];
  for (int r = rows; r < w; ++r)
    for (std::int64_t j = 0; j < n; ++j) block[j * w + r] = T(0);
}
template <class T>
inline void lanes_to_rows(const T* block, std::int64_t n, int rows, T* x) {
  constexpr int w = Vec<T>::width;
  for (int r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) x[r * n + j] = block[j * w + r];
}

}  // namespace nnx::cpu::inline NNX_LEVEL
