// Running sums, products and extremes over the middle axis of (outer, n, inner).
// Invariants: float32 is accumulated in double and rounded at each output; integers wrap; NaN
// stays. Everything is added in order, except that a long float32 sum starts each piece from the
// double sum of the pieces before it: pieces depend on n alone.
#include <cstdint>
#include <memory>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

using core::Reduction;

constexpr std::int64_t kTogether = 4;   // chains that hide each other's latency
constexpr std::int64_t kPiece = 4096;   // elements of a piece of a long sum
constexpr std::int64_t kColumns = 256;  // accumulators of a block of columns

template <class T>
struct AccumulatorOf {
  using type = T;
};
template <>
struct AccumulatorOf<float> {
  using type = double;
};
template <>
struct AccumulatorOf<std::int64_t> {
  using type = std::uint64_t;
};  // wraps by definition
template <class T, Reduction kOp>
using Accumulator = std::conditional_t<kOp == Reduction::sum || kOp == Reduction::prod,
                                       typename AccumulatorOf<T>::type, T>;

template <Reduction kOp, class A>
inline A combine(A a, A x) {
  if constexpr (std::is_same_v<A, bool>) {
    return kOp == Reduction::sum || kOp == Reduction::max ? a | x : a & x;
  } else if constexpr (kOp == Reduction::sum) {
    return a + x;
  } else if constexpr (kOp == Reduction::prod) {
    return a * x;
  } else {
    const bool wins = kOp == Reduction::max ? x > a : x < a;
    if constexpr (std::is_floating_point_v<A>) return (wins || x != x) && a == a ? x : a;
    else return wins ? x : a;
  }
}

// kChains chains of n elements each, `stride` apart, continuing from acc.
template <Reduction kOp, int kChains, class T, class A>
inline void chains(const T* x, T* out, std::int64_t n, std::int64_t stride, A* acc) {
  A a[kChains];
  for (int c = 0; c < kChains; ++c) a[c] = acc[c];
  for (std::int64_t j = 0; j < n; ++j) {
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) {
      a[c] = combine<kOp>(a[c], static_cast<A>(x[c * stride + j]));
      out[c * stride + j] = static_cast<T>(a[c]);
    }
  }
}

// What a chain holds after its first element.
template <Reduction kOp, int kChains, class T>
inline void rows_together(const T* x, T* out, std::int64_t n) {
  using A = Accumulator<T, kOp>;
  A acc[kChains];
  for (int c = 0; c < kChains; ++c) {
    acc[c] = static_cast<A>(x[c * n]);
    out[c * n] = x[c * n];
  }
  chains<kOp, kChains>(x + 1, out + 1, n - 1, n, acc);
}

// A long row of float32 sums: the sum of each piece, then all pieces from where they start.
void long_sum(const float* x, float* out, std::int64_t n) {
  const std::int64_t pieces = n / kPiece;  // whole ones; the rest follows at the end
  const std::unique_ptr<double[]> start(new double[static_cast<std::size_t>(pieces + 1)]);
  for_ranges(pieces, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      double sums[16] = {};
      for (std::int64_t j = p * kPiece; j < (p + 1) * kPiece; j += 16)
        for (int k = 0; k < 16; ++k) sums[k] += static_cast<double>(x[j + k]);
      for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
      start[p + 1] = sums[0];
    }
  });
  start[0] = 0;
  for (std::int64_t p = 0; p < pieces; ++p) start[p + 1] += start[p];
  for_ranges((pieces + kTogether - 1) / kTogether, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t p = g * kTogether, at = p * kPiece;
      if (p + kTogether <= pieces) {
        chains<Reduction::sum, kTogether>(x + at, out + at, kPiece, kPiece, &start[p]);
      } else {
        for (std::int64_t q = p; q < pieces; ++q)
          chains<Reduction::sum, 1>(x + q * kPiece, out + q * kPiece, kPiece, 0, &start[q]);
      }
    }
  });
  const std::int64_t at = pieces * kPiece;
  chains<Reduction::sum, 1>(x + at, out + at, n - at, 0, &start[pieces]);
}

template <Reduction kOp, class T>
void scan_rows(const T* x, T* out, std::int64_t rows, std::int64_t n) {
  if constexpr (std::is_same_v<T, float> && kOp == Reduction::sum) {
    if (n >= 16 * kPiece) {
      for (std::int64_t r = 0; r < rows; ++r) long_sum(x + r * n, out + r * n, n);
      return;
    }
  }
  const std::int64_t groups = (rows + kTogether - 1) / kTogether;
  for_ranges(groups, grain_for(n * kTogether * 4), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const std::int64_t r = g * kTogether;
      if (r + kTogether <= rows) {
        rows_together<kOp, kTogether>(x + r * n, out + r * n, n);
      } else {
        for (std::int64_t q = r; q < rows; ++q) rows_together<kOp, 1>(x + q * n, out + q * n, n);
      }
    }
  });
}

// A block of columns, every step a loop over them that the compiler vectorises.
template <Reduction kOp, class T>
void scan_columns(const T* x, T* out, std::int64_t n, std::int64_t inner, std::int64_t columns) {
  using A = Accumulator<T, kOp>;
  A acc[kColumns];
  for (std::int64_t first = 0; first < columns; first += kColumns) {
    const std::int64_t width = std::min(kColumns, columns - first);
    const T* from = x + first;
    T* to = out + first;
    for (std::int64_t i = 0; i < width; ++i) {
      acc[i] = static_cast<A>(from[i]);
      to[i] = from[i];
    }
    for (std::int64_t j = 1; j < n; ++j) {
      from += inner;
      to += inner;
      if (width == kColumns) {
        for (std::int64_t i = 0; i < kColumns; ++i) {
          acc[i] = combine<kOp>(acc[i], static_cast<A>(from[i]));
          to[i] = static_cast<T>(acc[i]);
        }
      } else {
        for (std::int64_t i = 0; i < width; ++i) {
          acc[i] = combine<kOp>(acc[i], static_cast<A>(from[i]));
          to[i] = static_cast<T>(acc[i]);
        }
      }
    }
  }
}

template <Reduction kOp, class T>
void scan_all(const T* x, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if (inner == 1) return scan_rows<kOp>(x, out, outer, n);
  for_columns(outer, inner, n, 2 * sizeof(T), kColumns,
              [&](std::int64_t o, std::int64_t first, std::int64_t last) {
                const std::int64_t at = o * n * inner + first;
                scan_columns<kOp>(x + at, out + at, n, inner, last - first);
              });
}

// Running products of complex numbers, with parts T.
template <class T>
void complex_products(const T* x, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  for_columns(outer, inner, n, 4 * sizeof(T), kColumns,
              [&](std::int64_t o, std::int64_t first, std::int64_t last) {
                for (std::int64_t i = first; i < last; ++i) {
                  double re = 1, im = 0;
                  for (std::int64_t j = 0; j < n; ++j) {
                    const std::int64_t at = 2 * ((o * n + j) * inner + i);
                    const double a = x[at], b = x[at + 1], before = re;
                    re = re * a - im * b;
                    im = before * b + im * a;
                    out[at] = static_cast<T>(re);
                    out[at + 1] = static_cast<T>(im);
                  }
                }
              });
}

}  // namespace

void scan(Reduction op, core::Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
          const void* x, void* out) {
  if (outer <= 0 || n <= 0 || inner <= 0) return;
  if (lane == core::Lane::c64)
    return complex_products(static_cast<const float*>(x), static_cast<float*>(out), outer, n,
                            inner);
  if (lane == core::Lane::c128)
    return complex_products(static_cast<const double*>(x), static_cast<double*>(out), outer, n,
                            inner);
  with_lane(lane, [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    switch (op) {
      case Reduction::sum: return scan_all<Reduction::sum>(from, to, outer, n, inner);
      case Reduction::prod: return scan_all<Reduction::prod>(from, to, outer, n, inner);
      case Reduction::max: return scan_all<Reduction::max>(from, to, outer, n, inner);
      case Reduction::min: return scan_all<Reduction::min>(from, to, outer, n, inner);
    }
  });
}

}  // namespace nnx::cpu
