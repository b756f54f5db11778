// Mean and second moment of numbers, exact to a rounding: the pieces that normalisations share.
// A block is small enough to stay in L1 and is read twice: a mean, then the sum and the sum of
// squares of the deviations from it; the sum corrects the mean and takes its rounding out of the
// squares, so data with a large offset lose nothing. Blocks meet in double.
// Invariant: the order of sums depends on sizes alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpu/lanes.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

// Elements of a block: 64 additions a lane.
template <class T>
constexpr std::int64_t kBlock = 256 * Vec<T>::width;

// `runs` runs of n adjacent elements each, `stride` apart.
template <class T>
struct Block {
  const T* x;
  std::int64_t n, runs = 1, stride = 0;

  std::int64_t count() const { return n * runs; }
  // f(address, slot, lanes), the four slots in turn.
  template <class F>
  void for_each(F&& f) const {
    for (std::int64_t r = 0; r < runs; ++r) {
      const T* run = x + r * stride;
      for_vectors_by_four<T>(n, [&](std::int64_t i, int k, auto lanes) { f(run + i, k, lanes); });
    }
  }
};

struct Moments {
  double count = 0, mean = 0, m2 = 0;

  void add(const Moments& o) {  // Chan, Golub, LeVeque 1979
    if (count == 0) {
      *this = o;
      return;
    }
    const double total = count + o.count, delta = o.mean - mean;
    mean += delta * (o.count / total);
    m2 += o.m2 + delta * delta * (count * o.count / total);
    count = total;
  }
};

// The sum of x - shift in four chains.
template <class T>
double sum_from(const Block<T>& block, T shift) {
  using V = Vec<T>;
  V sum[4] = {V(0), V(0), V(0), V(0)};
  block.for_each(
      [&](const T* x, int k, auto lanes) { sum[k] += lanes.keep(lanes.load(x) - V(shift), V(0)); });
  return static_cast<double>(fold_sum((sum[0] + sum[1]) + (sum[2] + sum[3])));
}

template <class T>
Moments block_moments(const Block<T>& block) {
  using V = Vec<T>;
  const double count = static_cast<double>(block.count()), share = 1 / count;
  const T mean = static_cast<T>(sum_from(block, T(0)) * share);
  V sum[4] = {V(0), V(0), V(0), V(0)}, squares[4] = {V(0), V(0), V(0), V(0)};
  block.for_each([&](const T* x, int k, auto lanes) {
    const V d = lanes.keep(lanes.load(x) - V(mean), V(0));
    sum[k] += d;
    squares[k] = fma(d, d, squares[k]);
  });
  const double rest = static_cast<double>(fold_sum((sum[0] + sum[1]) + (sum[2] + sum[3])));
  const double all =
      static_cast<double>(fold_sum((squares[0] + squares[1]) + (squares[2] + squares[3])));
  // Infinite data have an infinite mean, not the NaN of their deviations from it.
  const double correction = std::isinf(mean) ? 0.0 : rest * share;
  return {count, static_cast<double>(mean) + correction,
          std::max(all - rest * (rest * share), 0.0)};
}

// A mean as the kernels subtract it: rounded, and what that lacks.
template <class T>
struct SplitMean {
  T mean, lack;

  explicit SplitMean(double exact)
      : mean(static_cast<T>(exact)), lack(static_cast<T>(exact - static_cast<double>(mean))) {}
};

}  // namespace nnx::cpu::inline NNX_LEVEL
