// Cross-entropy of rows of logits against class labels, and its gradient: the formulas of
// cpu/cross_entropy.cpp. The gradient at the label is -(sum of the other probabilities), which does
// not cancel where p - 1 would.
// Invariant: rows with a negative label have loss 0 and gradient 0.
#include <limits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/value.hpp"

namespace nnx::cuda {
namespace {

template <bool kWarp, class T>
__global__ void loss_kernel(int64_t rows, int64_t n, const T* x, const std::int64_t* labels,
                            T* loss, T* lse) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    T top = -std::numeric_limits<T>::infinity();
    for (int64_t i = r.at; i < n; i += r.width) top = Max{}(top, from[i]);
    top = r.fold(top, -std::numeric_limits<T>::infinity(), room, Max{});
    T sum = 0;
    for (int64_t i = r.at; i < n; i += r.width) sum += Value<T>(from[i] - top).exp().v;
    sum = r.fold(sum, T(0), room, Sum{});
    if (r.at == 0) {
      const T rest = Value<T>(sum).log().v;
      const std::int64_t label = labels[row];
      loss[row] = label < 0 ? T(0) : rest - (from[label] - top);
      lse[row] = top + rest;
    }
  }
}

template <bool kWarp, class T>
__global__ void gradient_kernel(int64_t rows, int64_t n, const T* x, const std::int64_t* labels,
                                const T* lse, const T* scale, T* dx) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    T* to = dx + row * n;
    const std::int64_t label = labels[row];
    const T shift = lse[row];
    T own = 0, others = 0;
    for (int64_t i = r.at; i < n; i += r.width) {
      const T p = Value<T>(from[i] - shift).exp().v;
      if (i == label) own += p;
      else others += p;
    }
    own = r.fold(own, T(0), room, Sum{});
    others = r.fold(others, T(0), room, Sum{});
    const T factor = scale[row] / (own + others);  // lse is rounded: normalised again
    for (int64_t i = r.at; i < n; i += r.width) {
      const T p = Value<T>(from[i] - shift).exp().v;
      to[i] = label < 0 ? T(0) : i == label ? -others * factor : p * factor;
    }
  }
}

}  // namespace

void cross_entropy(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                   const std::int64_t* labels, void* loss, void* lse) {
  if (rows == 0) return;
  with_float(lane, [&]<class T>() {
    launch_rows("cross_entropy", loss_kernel<true, T>, loss_kernel<false, T>, rows, n, rows, n,
                static_cast<const T*>(x), labels, static_cast<T*>(loss), static_cast<T*>(lse));
  });
}

void cross_entropy_backward(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                            const std::int64_t* labels, const void* lse, const void* scale,
                            void* dx) {
  if (rows == 0) return;
  with_float(lane, [&]<class T>() {
    launch_rows("cross_entropy", gradient_kernel<true, T>, gradient_kernel<false, T>, rows, n, rows,
                n, static_cast<const T*>(x), labels, static_cast<const T*>(lse),
                static_cast<const T*>(scale), static_cast<T*>(dx));
  });
}

}  // namespace nnx::cuda
