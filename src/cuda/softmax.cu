// Softmax, its logarithm, logsumexp and their gradients, over rows of adjacent elements.
// Invariant: exponentials are of differences from the row's largest, so nothing overflows; a row of
// infinities gives what the CPU gives.
#include <limits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/value.hpp"

namespace nnx::cuda {
namespace {

template <class T>
__device__ T exp_of(T x) {
  return Value<T>(x).exp().v;
}
template <class T>
__device__ T log_of(T x) {
  return Value<T>(x).log().v;
}
template <class T>
__device__ T lowest() {
  return -std::numeric_limits<T>::infinity();
}

template <bool kWarp, bool kLog, class T>
__global__ void softmax_kernel(int64_t rows, int64_t n, const T* x, T* y) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    T* to = y + row * n;
    T top = lowest<T>();
    for (int64_t i = r.at; i < n; i += r.width) top = Max{}(top, from[i]);
    top = r.fold(top, lowest<T>(), room, Max{});
    T sum = 0;
    for (int64_t i = r.at; i < n; i += r.width) sum += exp_of(from[i] - top);
    sum = r.fold(sum, T(0), room, Sum{});
    if constexpr (kLog) {
      const T shift = log_of(sum);
      for (int64_t i = r.at; i < n; i += r.width) to[i] = (from[i] - top) - shift;
    } else {
      for (int64_t i = r.at; i < n; i += r.width) to[i] = exp_of(from[i] - top) / sum;
    }
  }
}

// softmax: dx = y (g - sum g y); log_softmax: dx = g - exp(y) sum g.
template <bool kWarp, bool kLog, class T>
__global__ void softmax_backward_kernel(int64_t rows, int64_t n, const T* y, const T* g, T* dx) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const int64_t first = row * n;
    T sum = 0;
    for (int64_t i = r.at; i < n; i += r.width)
      sum += kLog ? g[first + i] : g[first + i] * y[first + i];
    sum = r.fold(sum, T(0), room, Sum{});
    for (int64_t i = r.at; i < n; i += r.width) {
      const T value = y[first + i], in = g[first + i];
      dx[first + i] = kLog ? in - exp_of(value) * sum : value * (in - sum);
    }
  }
}

template <bool kWarp, class T>
__global__ void logsumexp_kernel(int64_t rows, int64_t n, const T* x, T* out) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    T top = lowest<T>();
    for (int64_t i = r.at; i < n; i += r.width) top = Max{}(top, from[i]);
    top = r.fold(top, lowest<T>(), room, Max{});
    const bool infinite = top - top != T(0);  // infinite or NaN: the answer already
    T sum = 0;
    for (int64_t i = r.at; i < n; i += r.width) sum += infinite ? T(0) : exp_of(from[i] - top);
    sum = r.fold(sum, T(0), room, Sum{});
    if (r.at == 0) out[row] = infinite ? top : top + log_of(sum);
  }
}

}  // namespace

void softmax(bool log, Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* y) {
  if (rows == 0 || n == 0) return;
  with_float(lane, [&]<class T>() {
    const auto* from = static_cast<const T*>(x);
    auto* to = static_cast<T*>(y);
    if (log)
      launch_rows("log_softmax", softmax_kernel<true, true, T>, softmax_kernel<false, true, T>,
                  rows, n, rows, n, from, to);
    else
      launch_rows("softmax", softmax_kernel<true, false, T>, softmax_kernel<false, false, T>, rows,
                  n, rows, n, from, to);
  });
}

void softmax_backward(bool log, Lane lane, std::int64_t rows, std::int64_t n, const void* y,
                      const void* g, void* dx) {
  if (rows == 0 || n == 0) return;
  with_float(lane, [&]<class T>() {
    const auto *value = static_cast<const T*>(y), *in = static_cast<const T*>(g);
    auto* out = static_cast<T*>(dx);
    if (log)
      launch_rows("log_softmax", softmax_backward_kernel<true, true, T>,
                  softmax_backward_kernel<false, true, T>, rows, n, rows, n, value, in, out);
    else
      launch_rows("softmax", softmax_backward_kernel<true, false, T>,
                  softmax_backward_kernel<false, false, T>, rows, n, rows, n, value, in, out);
  });
}

void logsumexp(Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* out) {
  if (rows == 0) return;
  with_float(lane, [&]<class T>() {
    launch_rows("logsumexp", logsumexp_kernel<true, T>, logsumexp_kernel<false, T>, rows, n, rows,
                n, static_cast<const T*>(x), static_cast<T*>(out));
  });
}

}  // namespace nnx::cuda
