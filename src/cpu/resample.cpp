// A sparse matrix along one axis: how images are made larger and smaller, and the gradients of
// that. Row j of the matrix says which rows of x, and how much of each, make row j of y. Both
// directions are the same kernel with the matrix transposed. Invariants: the terms of a sum are
// added in the order of the row; rows without terms give zeros.
#include <cstdint>

#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

// One row of y: adjacent columns of the rows of x.
template <class T>
void combine(const core::ResampleJob& job, std::int64_t begin, std::int64_t end, const T* x, T* y) {
  using V = Vec<T>;
  const std::int64_t* index = job.index;
  const T* weight = static_cast<const T*>(job.weight);
  if (begin == end) {
    std::fill(y, y + job.inner, T(0));
    return;
  }
  for_vectors<T>(job.inner, [&](std::int64_t i, auto lanes) {
    V sum = lanes.load(x + index[begin] * job.inner + i) * V(weight[begin]);
    for (std::int64_t k = begin + 1; k < end; ++k)
      sum = fma(lanes.load(x + index[k] * job.inner + i), V(weight[k]), sum);
    lanes.store(sum, y + i);
  });
}

// Elements first..last of y where rows are single elements; kTerms of each sum, or any number (0).
template <int kTerms, class T>
void combine_elements(const core::ResampleJob& job, std::int64_t first, std::int64_t last,
                      const T* x, T* y) {
  const std::int64_t* index = job.index;
  const T* weight = static_cast<const T*>(job.weight);
  for (std::int64_t j = first; j < last; ++j) {
    T sum = 0;
    if constexpr (kTerms > 0) {
      const std::int64_t k = j * kTerms;
      sum = x[index[k]] * weight[k];
      for (int t = 1; t < kTerms; ++t) sum += x[index[k + t]] * weight[k + t];
    } else {
      for (std::int64_t k = job.start[j]; k < job.start[j + 1]; ++k) sum += x[index[k]] * weight[k];
    }
    y[j] = sum;
  }
}

}  // namespace

void resample(const core::ResampleJob& job, core::Lane lane, const void* x, void* y) {
  const std::int64_t rows = job.outer * job.n_out;
  if (rows <= 0 || job.inner <= 0) return;
  const std::int64_t terms = job.start[1];
  bool even = true;  // whether all sums have as many terms
  for (std::int64_t j = 0; j < job.n_out && even; ++j) even = job.start[j + 1] == (j + 1) * terms;
  const std::int64_t cost = (2 * job.inner + 8) * (job.start[job.n_out] / job.n_out + 1);
  with_float(lane, [&]<class T>(T) {
    const auto elements = even && terms == 1   ? combine_elements<1, T>
                          : even && terms == 2 ? combine_elements<2, T>
                          : even && terms == 4 ? combine_elements<4, T>
                                               : combine_elements<0, T>;
    for_ranges(rows, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end;) {
        const std::int64_t o = i / job.n_out, first = i - o * job.n_out;
        const std::int64_t last = std::min(job.n_out, first + end - i);
        const T* from = static_cast<const T*>(x) + o * job.n_in * job.inner;
        T* to = static_cast<T*>(y) + o * job.n_out * job.inner;
        if (job.inner == 1) {
          elements(job, first, last, from, to);
        } else {
          for (std::int64_t j = first; j < last; ++j)
            combine(job, job.start[j], job.start[j + 1], from, to + j * job.inner);
        }
        i += last - first;
      }
    });
  });
}

}  // namespace nnx::cpu
