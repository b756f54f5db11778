// Mean and variance of rows (cpu/moments.hpp), and layer normalisation with its gradient.
// Invariants: the mean of a row in work is a pair (rounded mean, what it lacks); sums over rows are
// taken over fixed chunks of rows, combined in order.
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/moments.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

template <class T>
Moments row_moments(const T* x, std::int64_t n) {
  Moments moments;
  for (std::int64_t i = 0; i < n; i += kBlock<T>)
    moments.add(block_moments(Block<T>{x + i, std::min(kBlock<T>, n - i)}));
  return moments;
}

// Long rows are cut too; pieces of whole blocks are combined in order.
template <class T>
Moments long_row_moments(const T* x, std::int64_t n) {
  constexpr std::int64_t kMaxPieces = 64;
  constexpr std::int64_t kLeast = 65536;  // elements
  const std::int64_t least = std::max<std::int64_t>(kLeast, (n + kMaxPieces - 1) / kMaxPieces);
  const std::int64_t piece = (least + kBlock<T> - 1) / kBlock<T> * kBlock<T>;
  Moments pieces[kMaxPieces];
  for_ranges(n, piece, [&](std::int64_t begin, std::int64_t end) {
    pieces[begin / piece] = row_moments(x + begin, end - begin);
  });
  Moments moments;
  for (std::int64_t p = 0; p * piece < n; ++p) moments.add(pieces[p]);
  return moments;
}

// --- layer normalisation ----------------------------------------------------------------------

template <bool kWeight, bool kBias, class T>
void layer_norm_row(std::int64_t n, double eps, const T* x, const T* weight, const T* bias, T* y,
                    T* mean_out, T* rstd_out) {
  using V = Vec<T>;
  const Moments moments = row_moments(x, n);
  const auto [mean, lack] = SplitMean<T>(moments.mean);
  const T rstd = static_cast<T>(1.0 / std::sqrt(moments.m2 / static_cast<double>(n) + eps));
  for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
    V v = ((lanes.load(x + i) - V(mean)) - V(lack)) * V(rstd);
    if constexpr (kWeight && kBias) v = fma(v, lanes.load(weight + i), lanes.load(bias + i));
    else if constexpr (kWeight) v = v * lanes.load(weight + i);
    else if constexpr (kBias) v = v + lanes.load(bias + i);
    lanes.store(v, y + i);
  });
  *mean_out = mean;
  *rstd_out = rstd;
}

template <class T>
void layer_norm_rows(std::int64_t rows, std::int64_t n, double eps, const T* x, const T* weight,
                     const T* bias, T* y, T* mean, T* rstd) {
  const auto row = weight
                       ? (bias ? layer_norm_row<true, true, T> : layer_norm_row<true, false, T>)
                       : (bias ? layer_norm_row<false, true, T> : layer_norm_row<false, false, T>);
  for_ranges(rows, grain_for(3 * n + 128), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      row(n, eps, x + r * n, weight, bias, y + r * n, mean + r, rstd + r);
  });
}

// --- its gradient -----------------------------------------------------------------------------
// With h = (x - mean) rstd and u = g weight:
//   dx = rstd (u - mean(u) - h mean(u h)),  dweight = sum over rows of g h,  dbias = sum of g.

// Rows taken together, so that a sum over rows is loaded and stored once for all of them.
constexpr int kTogether = kVectorBytes == 64 ? 4 : 2;

template <class T>
struct LayerNormGradient {
  std::int64_t n;
  const T *x, *weight, *mean, *rstd, *g;
  T* dx;

  using V = Vec<T>;
  static constexpr std::int64_t kStep = 128 * V::width;  // elements between flushes into double

  V weight_at(std::int64_t i, auto lanes) const { return weight ? lanes.load(weight + i) : V(1); }

  // Rows r .. r + kRows; adds their part of the sums over rows to dweight and dbias, if not null.
  template <int kRows>
  void rows(std::int64_t r, T* dweight, T* dbias) const {
    T shift[kRows], lack[kRows], scale[kRows];
    const double share = 1 / static_cast<double>(n);
    double sum_u[kRows] = {}, sum_uh[kRows] = {};
    for (int k = 0; k < kRows; ++k) {
      // `mean` is rounded; what it lacks is found again.
      shift[k] = mean[r + k];
      scale[k] = rstd[r + k];
      double rest = 0;
      for (std::int64_t i = 0; i < n; i += kBlock<T>)
        rest += sum_from(Block<T>{x + (r + k) * n + i, std::min(kBlock<T>, n - i)}, shift[k]);
      lack[k] = static_cast<T>(rest * share);
    }
    const auto h_at = [&](int k, std::int64_t i, auto lanes) {
      return ((lanes.load(x + (r + k) * n + i) - V(shift[k])) - V(lack[k])) * V(scale[k]);
    };
    for (std::int64_t begin = 0; begin < n; begin += kStep) {
      V u_sum[kRows], uh_sum[kRows];
      for (int k = 0; k < kRows; ++k) u_sum[k] = uh_sum[k] = V(0);
      for_vectors<T>(std::min(kStep, n - begin), [&](std::int64_t step, auto lanes) {
        const std::int64_t i = begin + step;
        const V w = weight_at(i, lanes);
        V to_weight(0), to_bias(0);
#pragma GCC unroll 4
        for (int k = 0; k < kRows; ++k) {
          const V grad = lanes.load(g + (r + k) * n + i);
          const V h = h_at(k, i, lanes);
          const V gh = lanes.keep(grad * h, V(0));
          to_weight += gh;
          to_bias += grad;
          u_sum[k] = fma(grad, w, u_sum[k]);
          uh_sum[k] = fma(gh, w, uh_sum[k]);
        }
        if (dweight) lanes.store(lanes.load(dweight + i) + to_weight, dweight + i);
        if (dbias) lanes.store(lanes.load(dbias + i) + to_bias, dbias + i);
      });
      for (int k = 0; k < kRows; ++k) {
        sum_u[k] += static_cast<double>(fold_sum(u_sum[k]));
        sum_uh[k] += static_cast<double>(fold_sum(uh_sum[k]));
      }
    }
    if (!dx) return;
    for (int k = 0; k < kRows; ++k) {
      const V mean_u(static_cast<T>(sum_u[k] * share));
      const V mean_uh(static_cast<T>(sum_uh[k] * share));
      const T* grad = g + (r + k) * n;
      T* to = dx + (r + k) * n;
      for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
        const V u = lanes.load(grad + i) * weight_at(i, lanes);
        lanes.store((u - mean_u - h_at(k, i, lanes) * mean_uh) * V(scale[k]), to + i);
      });
    }
  }

  void range(std::int64_t begin, std::int64_t end, T* dweight, T* dbias) const {
    std::int64_t r = begin;
    for (; r + kTogether <= end; r += kTogether) rows<kTogether>(r, dweight, dbias);
    for (; r < end; ++r) rows<1>(r, dweight, dbias);
  }
};

// total[i] += part[i]
template <class T>
void add_to(T* total, const T* part, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) total[i] += part[i];
}

template <class T>
void layer_norm_gradient(std::int64_t rows, const LayerNormGradient<T>& job, T* dweight, T* dbias) {
  const std::int64_t n = job.n;
  if (dweight) std::fill(dweight, dweight + n, T(0));
  if (dbias) std::fill(dbias, dbias + n, T(0));
  // At most 32 chunks, of whole groups of rows.
  std::int64_t grain = std::max(grain_for(6 * n + 128), (rows + 31) / 32);
  if (dweight || dbias) grain = std::max<std::int64_t>(grain, 16);
  grain = (grain + 3) / 4 * 4;
  const std::int64_t chunks = (rows + grain - 1) / grain;
  if (chunks <= 1 || (!dweight && !dbias)) {
    for_ranges(rows, grain, [&](std::int64_t begin, std::int64_t end) {
      job.range(begin, end, dweight, dbias);
    });
    return;
  }
  const std::unique_ptr<T[]> parts(new T[static_cast<std::size_t>(2 * chunks * n)]());
  for_ranges(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    T* part = parts.get() + begin / grain * 2 * n;
    job.range(begin, end, dweight ? part : nullptr, dbias ? part + n : nullptr);
  });
  for (std::int64_t c = 0; c < chunks; ++c) {
    const T* part = parts.get() + c * 2 * n;
    if (dweight) add_to(dweight, part, n);
    if (dbias) add_to(dbias, part + n, n);
  }
}

}  // namespace

void moments(core::Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* mean,
             void* m2) {
  with_float(lane, [&]<class T>(T) {
    const auto row = [&](std::int64_t r, const Moments& result) {
      static_cast<T*>(mean)[r] =
          n > 0 ? static_cast<T>(result.mean) : std::numeric_limits<T>::quiet_NaN();
      static_cast<T*>(m2)[r] = static_cast<T>(result.m2);
    };
    const T* from = static_cast<const T*>(x);
    if (n >= 1 << 17) {
      for (std::int64_t r = 0; r < rows; ++r) row(r, long_row_moments(from + r * n, n));
      return;
    }
    for_ranges(rows, grain_for(2 * n + 96), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) row(r, row_moments(from + r * n, n));
    });
  });
}

void layer_norm(core::Lane lane, std::int64_t rows, std::int64_t n, double eps, const void* x,
                const void* weight, const void* bias, void* y, void* mean, void* rstd) {
  if (rows <= 0 || n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    layer_norm_rows(rows, n, eps, static_cast<const T*>(x), static_cast<const T*>(weight),
                    static_cast<const T*>(bias), static_cast<T*>(y), static_cast<T*>(mean),
                    static_cast<T*>(rstd));
  });
}

void layer_norm_backward(core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                         const void* weight, const void* mean, const void* rstd, const void* g,
                         void* dx, void* dweight, void* dbias) {
  if (n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    const LayerNormGradient<T> job{n,
                                   static_cast<const T*>(x),
                                   static_cast<const T*>(weight),
                                   static_cast<const T*>(mean),
                                   static_cast<const T*>(rstd),
                                   static_cast<const T*>(g),
                                   static_cast<T*>(dx)};
    layer_norm_gradient(rows, job, static_cast<T*>(dweight), static_cast<T*>(dbias));
  });
}

}  // namespace nnx::cpu
