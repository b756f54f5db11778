// A sparse matrix along one axis: how images are made larger and smaller, and the gradients of
// that. Invariants: a thread makes an element, with the terms in the order of the row; rows without
// terms give zeros.
#include "cuda/device.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    resample_kernel(core::ResampleJob job, const T* x, T* y) {
  const int64_t count = job.outer * job.n_out * job.inner;
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  const T* weight = static_cast<const T*>(job.weight);
  for (int64_t e = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; e < count; e += step) {
    const int64_t row = e / job.inner, i = e - row * job.inner;
    const int64_t o = row / job.n_out, j = row - o * job.n_out;
    const T* from = x + o * job.n_in * job.inner + i;
    T sum = 0;
    for (int64_t k = job.start[j]; k < job.start[j + 1]; ++k)
      sum += from[job.index[k] * job.inner] * weight[k];
    y[e] = sum;
  }
}

}  // namespace

void resample(const core::ResampleJob& job, core::Lane lane, const void* x, void* y) {
  const int64_t count = job.outer * job.n_out * job.inner;
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("resample", resample_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(x), static_cast<T*>(y));
  });
}

}  // namespace nnx::cuda
