// Mean and second moment of numbers, and how those of parts meet. As on the CPU data are read
// twice: a mean, then the deviations from it, whose sum corrects the mean and takes its rounding
// out of the squares.
#pragma once

#include "cuda/block.hpp"

namespace nnx::cuda {

struct Moments {
  double count, mean, m2;
};
// Chan, Golub, LeVeque 1979.
__device__ inline Moments joined(const Moments& a, const Moments& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const double total = a.count + b.count, delta = b.mean - a.mean;
  return {total, a.mean + delta * (b.count / total),
          a.m2 + b.m2 + delta * delta * (a.count * b.count / total)};
}

// Of count > 0 elements, at(i) for the i this thread takes; the same in every thread of the row.
template <bool kWarp, class T, class At>
__device__ Moments moments_of(const Row<kWarp>& r, int64_t count, T* room, const At& at) {
  Compensated<T> total;
  for (int64_t i = r.at; i < count; i += r.width) total.add(at(i));
  const T mean = r.fold(total.value(), T(0), room, Sum{}) / static_cast<T>(count);
  T sum = 0, squares = 0;
  for (int64_t i = r.at; i < count; i += r.width) {
    const T d = at(i) - mean;
    sum += d;
    squares += d * d;
  }
  const double rest = static_cast<double>(r.fold(sum, T(0), room, Sum{}));
  const double all = static_cast<double>(r.fold(squares, T(0), room, Sum{}));
  const double share = 1.0 / static_cast<double>(count);
  const bool infinite = mean - mean != T(0) && mean == mean;  // not the NaN of deviations from it
  const double m2 = all - rest * (rest * share);
  return {static_cast<double>(count), static_cast<double>(mean) + (infinite ? 0.0 : rest * share),
          m2 < 0 ? 0.0 : m2};
}

}  // namespace nnx::cuda
