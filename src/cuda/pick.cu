// Weighted sums of elements picked in planes, the same in every channel: images sampled at any
// place, and the gradients of that in the image and in the weights.
// Invariants: indices are checked by the caller. Terms are added in the order of places and terms,
// or of channels. What is added to the image is sorted by element first, so that one thread adds
// all that one element receives.
#include "cuda/device.hpp"
#include "cuda/faults.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/sort.hpp"

namespace nnx::cuda {
namespace {

using core::PickJob;

__device__ int64_t first_element() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ int64_t all_threads() { return int64_t{gridDim.x} * blockDim.x; }

template <class T>
__global__ void __launch_bounds__(kThreads)
    pick_kernel(PickJob job, const T* x, const T* weight, T* y) {
  const int64_t count = job.samples * job.channels * job.places, step = job.samples * job.places;
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const int64_t plane = e / job.places, p = e - plane * job.places;
    const int64_t at = plane / job.channels * job.places + p;
    const T* from = x + plane * job.elements;
    T sum = 0;
    for (int64_t t = 0; t < job.terms; ++t)
      sum += weight[t * step + at] * from[job.index[t * step + at]];
    y[e] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    products_kernel(PickJob job, const T* y, const T* x, T* dweight) {
  const int64_t step = job.samples * job.places, count = job.terms * step;
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const int64_t at = e % step, s = at / job.places, p = at - s * job.places;
    const T* from = x + s * job.channels * job.elements + job.index[e];
    const T* g = y + s * job.channels * job.places + p;
    T sum = 0;
    for (int64_t c = 0; c < job.channels; ++c) sum += g[c * job.places] * from[c * job.elements];
    dweight[e] = sum;
  }
}

// numbers[s, p, t] = index[t, s, p]
__global__ void __launch_bounds__(kThreads) list_kernel(PickJob job, int64_t* numbers) {
  const int64_t each = job.places * job.terms, count = job.samples * each;
  const int64_t step = job.samples * job.places;
  for (int64_t e = first_element(); e < count; e += all_threads())
    numbers[e] = job.index[e % job.terms * step + e / job.terms];
}

// A thread for each channel and each first one of the entries, in order, that are equal.
template <class T>
__global__ void __launch_bounds__(kThreads)
    add_kernel(Stop stop, PickJob job, const int64_t* numbers, const int64_t* order, const T* y,
               const T* weight, T* dx) {
  if (stop()) return;
  const int64_t each = job.places * job.terms, count = job.samples * job.channels * each;
  const int64_t step = job.samples * job.places;
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const int64_t plane = e / each, s = plane / job.channels;
    const int64_t *number = numbers + s * each, *entry = order + s * each;
    int64_t k = e - plane * each;
    const int64_t element = number[entry[k]];
    if (k > 0 && number[entry[k - 1]] == element) continue;
    T sum = dx[plane * job.elements + element];
    for (; k < each && number[entry[k]] == element; ++k) {
      const int64_t p = entry[k] / job.terms, t = entry[k] % job.terms;
      sum += weight[t * step + s * job.places + p] * y[plane * job.places + p];
    }
    dx[plane * job.elements + element] = sum;
  }
}

}  // namespace

void pick(const core::PickJob& job, core::Lane lane, const void* x, const void* weight, void* y) {
  const int64_t count = job.samples * job.channels * job.places;
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("pick", pick_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(x), static_cast<const T*>(weight), static_cast<T*>(y));
  });
}

void pick_add(const core::PickJob& job, core::Lane lane, const void* y, const void* weight,
              void* dx) {
  const int64_t each = job.places * job.terms, entries = job.samples * each;
  if (entries <= 0 || job.channels <= 0) return;
  const auto bytes = static_cast<std::size_t>(entries) * sizeof(int64_t);
  const Scratch numbers(bytes), order(bytes);
  launch("pick", list_kernel, blocks_for(entries), dim3(kThreads), 0, job, numbers.as<int64_t>());
  order_of(job.samples, each, job.elements, numbers.as<int64_t>(), order.as<int64_t>());
  with_float(lane, [&]<class T>() {
    launch("pick", add_kernel<T>, blocks_for(entries * job.channels), dim3(kThreads), 0, Stop{},
           job, static_cast<const int64_t*>(numbers.as<int64_t>()),
           static_cast<const int64_t*>(order.as<int64_t>()), static_cast<const T*>(y),
           static_cast<const T*>(weight), static_cast<T*>(dx));
  });
}

void pick_products(const core::PickJob& job, core::Lane lane, const void* y, const void* x,
                   void* dweight) {
  const int64_t count = job.terms * job.samples * job.places;
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("pick", products_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(y), static_cast<const T*>(x), static_cast<T*>(dweight));
  });
}

}  // namespace nnx::cuda
