// Searching: places of values in sorted rows, where neighbours differ, where a mask is true.
// Invariants: a sorted row ends with its NaN, if it has any. What is written depends on the data
// alone, in any cut.
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kTogether = 16;    // searches that hide each other's misses
constexpr std::int64_t kMasks = 1 << 15;  // elements of a mask that a thread counts at a time

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return x != x;
  else return false;
}

// Whether an element stands in front of a value; NaN never does.
template <bool kRight, class T>
bool before(T element, T value) {
  return kRight ? element <= value : element < value;
}

// out[j] = how many of the n > 0 elements stand in front of v[j], kTogether of them.
template <bool kRight, class I, class T>
void search_together(const T* x, std::int64_t n, const T* v, std::int64_t* out) {
  I base[kTogether] = {};
  std::int64_t left = n;
  while (left > 1) {
    const auto half = static_cast<I>(left / 2);
    const T* middle = x + half - 1;
    for (std::int64_t j = 0; j < kTogether; ++j)
      base[j] += before<kRight>(middle[base[j]], v[j]) ? half : I(0);
    left -= half;
  }
  for (std::int64_t j = 0; j < kTogether; ++j)
    out[j] = static_cast<std::int64_t>(base[j]) + before<kRight>(x[base[j]], v[j]);
}

template <bool kRight, class T>
void search_row(const T* x, std::int64_t n, const T* v, std::int64_t m, std::int64_t* out) {
  const auto together = n < (std::int64_t{1} << 31) ? search_together<kRight, std::int32_t, T>
                                                    : search_together<kRight, std::int64_t, T>;
  std::int64_t j = 0;
  for (; j + kTogether <= m; j += kTogether) together(x, n, v + j, out + j);
  if (j < m) {
    T rest[kTogether] = {};
    std::int64_t found[kTogether];
    std::copy(v + j, v + m, rest);
    together(x, n, rest, found);
    std::copy(found, found + (m - j), out + j);
  }
  if constexpr (std::is_floating_point_v<T>) {
    std::int64_t numbers = -1;  // elements that are not NaN, once they are asked for
    for (j = 0; j < m; ++j) {
      if (!is_nan(v[j])) continue;
      if (numbers < 0) numbers = std::partition_point(x, x + n, [](T e) { return !is_nan(e); }) - x;
      out[j] = kRight ? n : numbers;
    }
  }
}

// f(shape's last axis as runs of one row): row, first column, count.
template <class F>
void for_row_runs(std::int64_t begin, std::int64_t end, std::int64_t row, F&& f) {
  while (begin < end) {
    const std::int64_t r = begin / row, column = begin % row;
    const std::int64_t count = std::min(row - column, end - begin);
    f(r, column, count);
    begin += count;
  }
}

std::int64_t count_true(const bool* mask, std::int64_t n) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t end = std::min(n, i + 128);  // a byte holds the count of as many
    unsigned char few = 0;
    for (; i < end; ++i) few = static_cast<unsigned char>(few + mask[i]);
    total += few;
  }
  return total;
}

}  // namespace

void search(bool right, core::Lane lane, std::int64_t rows, std::int64_t n, std::int64_t m,
            const void* x, const void* values, std::int64_t* out) {
  if (rows <= 0 || m <= 0) return;
  if (n <= 0) return std::fill(out, out + rows * m, std::int64_t{0});
  with_lane(lane, [&]<class T>(T) {
    const auto run = right ? search_row<true, T> : search_row<false, T>;
    const auto* sorted = static_cast<const T*>(x);
    const auto* v = static_cast<const T*>(values);
    constexpr std::int64_t kPiece = 4096;
    const std::int64_t pieces = (m + kPiece - 1) / kPiece;
    for_ranges(rows * pieces, grain_for(std::min(m, kPiece) * 64),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t r = i / pieces, at = i % pieces * kPiece;
                   run(sorted + r * n, n, v + r * m + at, std::min(kPiece, m - at),
                       out + r * m + at);
                 }
               });
  });
}

std::int64_t changes(core::Lane lane, std::int64_t n, const void* x, std::int64_t* out) {
  if (n <= 0) return 0;
  std::int64_t found = 1;
  out[0] = 0;
  with_lane(lane, [&]<class T>(T) {
    const auto* v = static_cast<const T*>(x);
    for (std::int64_t i = 1; i < n; ++i) {
      out[found] = i;
      found += v[i] != v[i - 1];
    }
  });
  return found;
}

std::int64_t nonzero(const core::Shape& shape, const bool* mask, std::int64_t* const* out,
                     std::int64_t step) {
  const int rank = shape.size();
  std::int64_t n = 1;
  for (const std::int64_t extent : shape) n *= extent;
  if (rank == 0) return mask[0];
  if (n == 0) return 0;
  const std::int64_t blocks = (n + kMasks - 1) / kMasks;
  const std::unique_ptr<std::int64_t[]> start(
      new std::int64_t[static_cast<std::size_t>(blocks) + 1]);
  for_ranges(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      start[b + 1] = count_true(mask + b * kMasks, std::min(kMasks, n - b * kMasks));
  });
  start[0] = 0;
  for (std::int64_t b = 0; b < blocks; ++b) start[b + 1] += start[b];
  if (!out) return start[blocks];
  for_ranges(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t at = start[begin];
    const std::int64_t last = start[end];  // what lies behind belongs to another thread
    for_row_runs(begin * kMasks, std::min(n, end * kMasks), shape[rank - 1],
                 [&](std::int64_t row, std::int64_t column, std::int64_t count) {
                   const bool* m = mask + row * shape[rank - 1] + column;
                   std::int64_t* to = out[rank - 1];
                   const std::int64_t first = at;
                   std::int64_t i = 0;
                   for (; i < count && at < last; ++i) {
                     to[at * step] = column + i;
                     at += m[i];
                   }
                   for (int a = rank - 2; a >= 0; --a) {
                     const std::int64_t coordinate = row % shape[a];
                     row /= shape[a];
                     for (std::int64_t k = first; k < at; ++k) out[a][k * step] = coordinate;
                   }
                 });
  });
  return start[blocks];
}

}  // namespace nnx::cpu
