// Pooling: largest elements and means of windows, the ways back, and numbers from where the largest
// stood. A thread makes an element of the result, or a warp where windows are large. The ways back
// gather: an input looks at the outputs whose windows hold it, so nothing is added twice at a time.
// Invariants: sums run over a window, or over the outputs that hold an input, in row-major order (a
// warp's in a fixed tree); of the elements of a window the last NaN wins, else the first largest.
#include <limits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::PoolAxis;
using core::PoolJob;

__device__ int64_t divided(int64_t n, int64_t by) { return by == 1 ? n : n / by; }

// The part of an output's window that lies inside the axis.
struct Window {
  int64_t first, count;  // inputs
  int64_t size;          // with its padding, as averages count it
};
__device__ Window window_at(const PoolAxis& a, int64_t o) {
  if (a.kernel == 0) {
    const int64_t first = o * a.in / a.out, last = ceil_div((o + 1) * a.in, a.out);
    return {first, last - first, last - first};
  }
  const int64_t start = o * a.stride - a.pad;
  const int64_t tap = start < 0 ? divided(a.dilation - 1 - start, a.dilation) : 0;
  const int64_t fit = a.in > start ? divided(a.in - start + a.dilation - 1, a.dilation) : 0;
  const int64_t count = (a.kernel < fit ? a.kernel : fit) - tap;
  const int64_t end = start + a.kernel < a.in + a.pad ? start + a.kernel : a.in + a.pad;
  return {start + tap * a.dilation, count < 0 ? 0 : count, end - start};
}

// The outputs first..last along an axis whose windows may hold input i; with dilation not all do.
struct Holders {
  int64_t first, last;
};
__device__ Holders holders_of(const PoolAxis& a, int64_t i) {
  int64_t first, last;
  if (a.kernel == 0) {
    first = i * a.out / a.in;
    last = ((i + 1) * a.out - 1) / a.in;
  } else {
    const int64_t behind = i + a.pad - (a.kernel - 1) * a.dilation - 1;  // starts too early
    first = behind < 0 ? 0 : divided(behind, a.stride) + 1;
    last = divided(i + a.pad, a.stride);
  }
  return {first, last < a.out ? last : a.out - 1};
}
// Which element of the window of output o input i is, or -1. Of parts of an axis: any.
__device__ int64_t tap_at(const PoolAxis& a, int64_t o, int64_t i) {
  if (a.kernel == 0) return 0;
  const int64_t distance = i + a.pad - o * a.stride;
  const int64_t tap = divided(distance, a.dilation);
  return tap * a.dilation == distance ? tap : -1;
}

// Element e of (planes, axis 0, axis 1, axis 2) by its coordinates.
struct Place {
  int64_t plane, at[3];
};
__device__ Place place_of(int64_t e, int64_t n0, int64_t n1, int64_t n2) {
  Place p;
  int64_t rest = e / n2;
  p.at[2] = e - rest * n2;
  e = rest / n1;
  p.at[1] = rest - e * n1;
  p.plane = e / n0;
  p.at[0] = e - p.plane * n0;
  return p;
}
__device__ Place output_at(const PoolJob& j, int64_t e) {
  return place_of(e, j.axis[0].out, j.axis[1].out, j.axis[2].out);
}
__device__ Place input_at(const PoolJob& j, int64_t e) {
  return place_of(e, j.axis[0].in, j.axis[1].in, j.axis[2].in);
}
__host__ __device__ int64_t inputs(const PoolJob& j) {
  return j.axis[0].in * j.axis[1].in * j.axis[2].in;
}
__host__ __device__ int64_t outputs(const PoolJob& j) {
  return j.axis[0].out * j.axis[1].out * j.axis[2].out;
}

struct Windows {
  Window axis[3];
};
__device__ Windows windows_at(const PoolJob& j, const Place& o) {
  return {window_at(j.axis[0], o.at[0]), window_at(j.axis[1], o.at[1]),
          window_at(j.axis[2], o.at[2])};
}

// f(position in the plane) for every kShare-th element of a window, from the share's own on.
template <int kShare, class F>
__device__ void for_window(const PoolJob& j, const Windows& w, F&& f) {
  const PoolAxis &depth = j.axis[0], &height = j.axis[1], &width = j.axis[2];
  const int64_t total = w.axis[0].count * w.axis[1].count * w.axis[2].count;
  int64_t d = 0, h = 0, i = kShare == 1 ? 0 : int64_t{threadIdx.x} % kShare;
  for (int64_t e = i; e < total; e += kShare) {
    while (i >= w.axis[2].count) {
      i -= w.axis[2].count;
      if (++h == w.axis[1].count) {
        h = 0;
        ++d;
      }
    }
    f(((w.axis[0].first + d * depth.dilation) * height.in + w.axis[1].first + h * height.dilation) *
          width.in +
      w.axis[2].first + i * width.dilation);
    i += kShare;
  }
}

// f(output of the plane, tap of each axis) for the outputs whose windows hold input i, in order.
template <class F>
__device__ void for_holders(const PoolJob& j, const Place& i, F&& f) {
  Holders held[3];
  for (int a = 0; a < 3; ++a) held[a] = holders_of(j.axis[a], i.at[a]);
  for (int64_t d = held[0].first; d <= held[0].last; ++d) {
    const int64_t tap_d = tap_at(j.axis[0], d, i.at[0]);
    if (tap_d < 0) continue;
    for (int64_t h = held[1].first; h <= held[1].last; ++h) {
      const int64_t tap_h = tap_at(j.axis[1], h, i.at[1]);
      if (tap_h < 0) continue;
      for (int64_t w = held[2].first; w <= held[2].last; ++w) {
        const int64_t tap_w = tap_at(j.axis[2], w, i.at[2]);
        if (tap_w < 0) continue;
        f(d, h, w, (tap_d * j.axis[1].kernel + tap_h) * j.axis[2].kernel + tap_w);
      }
    }
  }
}

__device__ int64_t first_element() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ int64_t all_threads() { return int64_t{gridDim.x} * blockDim.x; }

// --- max ----------------------------------------------------------------------------------------
template <class T>
struct Largest {
  T value;
  int64_t position;  // in the plane
};
template <class T>
__device__ Largest<T> larger(Largest<T> a, Largest<T> b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value,
             a_first = a.position < b.position;
  if (a_nan || b_nan) return a_nan && !(b_nan && a_first) ? a : b;
  if (a.value == b.value) return a_first ? a : b;
  return a.value > b.value ? a : b;
}

template <int kShare, class T>
__global__ void __launch_bounds__(kThreads)
    max_kernel(PoolJob job, const T* x, T* y, std::uint8_t* taps, int64_t* index) {
  const int64_t count = job.planes * outputs(job);
  for (int64_t e = first_element() / kShare; e < count; e += all_threads() / kShare) {
    const Place o = output_at(job, e);
    const T* plane = x + o.plane * inputs(job);
    Largest<T> best{-std::numeric_limits<T>::infinity(), std::numeric_limits<int64_t>::max()};
    for_window<kShare>(job, windows_at(job, o), [&](int64_t position) {
      best = larger(best, Largest<T>{plane[position], position});
    });
    for (unsigned by = kShare / 2; by > 0; by /= 2)
      best = larger(best, Largest<T>{__shfl_xor_sync(kAllLanes, best.value, by),
                                     __shfl_xor_sync(kAllLanes, best.position, by)});
    if (kShare > 1 && threadIdx.x % kShare != 0) continue;
    y[e] = best.value;
    if (index) index[e] = best.position;
    if (taps) {
      const Place i = place_of(best.position, 1, job.axis[1].in, job.axis[2].in);
      const int64_t at[3] = {i.plane, i.at[1], i.at[2]};
      int64_t tap = 0;
      for (int a = 0; a < 3; ++a)
        tap = tap * job.axis[a].kernel + tap_at(job.axis[a], o.at[a], at[a]);
      taps[e] = static_cast<std::uint8_t>(tap);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    max_scatter_kernel(PoolJob job, const T* g, const std::uint8_t* taps, T* dx) {
  const int64_t count = job.planes * inputs(job);
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const Place i = input_at(job, e);
    const int64_t plane = i.plane * outputs(job);
    T sum = 0;
    for_holders(job, i, [&](int64_t d, int64_t h, int64_t w, int64_t tap) {
      const int64_t o = plane + (d * job.axis[1].out + h) * job.axis[2].out + w;
      if (taps[o] == tap) sum += g[o];
    });
    dx[e] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    max_gather_kernel(PoolJob job, const T* x, const std::uint8_t* taps, T* y) {
  const int64_t count = job.planes * outputs(job);
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const Place o = output_at(job, e);
    int64_t tap[3], rest = taps[e], position = 0;
    for (int a = 2; a >= 0; --a) {
      tap[a] = rest % job.axis[a].kernel;
      rest /= job.axis[a].kernel;
    }
    for (int a = 0; a < 3; ++a) {
      const PoolAxis& axis = job.axis[a];
      position = position * axis.in + o.at[a] * axis.stride - axis.pad + tap[a] * axis.dilation;
    }
    y[e] = x[o.plane * inputs(job) + position];
  }
}

// --- averages -----------------------------------------------------------------------------------
__device__ int64_t counted(const PoolJob& job, const Window& w) {
  return job.count_padding ? w.size : w.count;
}
template <class T>
__device__ T divisor_of(const PoolJob& job, const Window& d, const Window& h, const Window& w) {
  if (job.divisor != 0) return static_cast<T>(job.divisor);
  return static_cast<T>(counted(job, d) * counted(job, h)) * static_cast<T>(counted(job, w));
}

template <int kShare, class T>
__global__ void __launch_bounds__(kThreads) avg_kernel(PoolJob job, const T* x, T* y) {
  const int64_t count = job.planes * outputs(job);
  for (int64_t e = first_element() / kShare; e < count; e += all_threads() / kShare) {
    const Place o = output_at(job, e);
    const Windows w = windows_at(job, o);
    const T* plane = x + o.plane * inputs(job);
    T sum = 0;
    for_window<kShare>(job, w, [&](int64_t position) { sum += plane[position]; });
    for (unsigned by = kShare / 2; by > 0; by /= 2) sum += __shfl_xor_sync(kAllLanes, sum, by);
    if (kShare == 1 || threadIdx.x % kShare == 0)
      y[e] = sum / divisor_of<T>(job, w.axis[0], w.axis[1], w.axis[2]);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) avg_scatter_kernel(PoolJob job, const T* g, T* dx) {
  const int64_t count = job.planes * inputs(job);
  for (int64_t e = first_element(); e < count; e += all_threads()) {
    const Place i = input_at(job, e);
    const T* plane = g + i.plane * outputs(job);
    T sum = 0;
    for_holders(job, i, [&](int64_t d, int64_t h, int64_t w, int64_t) {
      const T share = divisor_of<T>(job, window_at(job.axis[0], d), window_at(job.axis[1], h),
                                    window_at(job.axis[2], w));
      sum += plane[(d * job.axis[1].out + h) * job.axis[2].out + w] / share;
    });
    dx[e] = sum;
  }
}

// Whether windows are so large that a warp should share each.
bool share_windows(const PoolJob& j) {
  int64_t held = 1;
  for (const PoolAxis& a : j.axis) {
    const int64_t n = a.kernel ? a.kernel : a.in / a.out + 2;
    held *= n < a.in ? n : a.in;
  }
  return held >= 128;
}

// f of one share or of 32, as an integral constant.
template <class F>
void with_share(const PoolJob& j, F&& f) {
  if (share_windows(j)) f.template operator()<32>();
  else f.template operator()<1>();
}

}  // namespace

void max_pool(const core::PoolJob& job, core::Lane lane, const void* x, void* y, std::uint8_t* taps,
              std::int64_t* index) {
  const int64_t count = job.planes * outputs(job);
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    with_share(job, [&]<int kShare>() {
      launch("max_pool", max_kernel<kShare, T>, blocks_for(count * kShare), dim3(kThreads), 0, job,
             static_cast<const T*>(x), static_cast<T*>(y), taps, index);
    });
  });
}

void max_pool_scatter(const core::PoolJob& job, core::Lane lane, const void* g,
                      const std::uint8_t* taps, void* dx) {
  const int64_t count = job.planes * inputs(job);
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("max_pool", max_scatter_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(g), taps, static_cast<T*>(dx));
  });
}

void max_pool_gather(const core::PoolJob& job, core::Lane lane, const void* x,
                     const std::uint8_t* taps, void* y) {
  const int64_t count = job.planes * outputs(job);
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("max_pool", max_gather_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(x), taps, static_cast<T*>(y));
  });
}

void avg_pool(const core::PoolJob& job, core::Lane lane, const void* x, void* y) {
  const int64_t count = job.planes * outputs(job);
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    with_share(job, [&]<int kShare>() {
      launch("avg_pool", avg_kernel<kShare, T>, blocks_for(count * kShare), dim3(kThreads), 0, job,
             static_cast<const T*>(x), static_cast<T*>(y));
    });
  });
}

void avg_pool_scatter(const core::PoolJob& job, core::Lane lane, const void* g, void* dx) {
  const int64_t count = job.planes * inputs(job);
  if (count <= 0) return;
  with_float(lane, [&]<class T>() {
    launch("avg_pool", avg_scatter_kernel<T>, blocks_for(count), dim3(kThreads), 0, job,
           static_cast<const T*>(g), static_cast<T*>(dx));
  });
}

}  // namespace nnx::cuda
