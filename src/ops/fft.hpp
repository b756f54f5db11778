// Discrete Fourier transforms along one axis, unscaled or divided by their length or its root.
// The sums are computed by a library that the binding names (set_fourier); here stand shapes,
// dtypes and gradients: the transpose of each transform is one of the others.
#pragma once

#include "ops/ops.hpp"

namespace nnx::ops {

enum class Fourier : std::uint8_t {
  forward,  // y_k = sum_j x_j exp(-2 pi i j k / n), complex to complex
  inverse,  // with +2 pi i
  half,     // forward of real numbers: k up to n / 2
  whole,    // inverse of a spectrum of n / 2 + 1 numbers and the conjugates it leaves out: real
};
enum class FourierScale : std::uint8_t { none, length, root };  // 1, 1 / n, 1 / sqrt(n)

// x has length n along the axis (n / 2 + 1 for `whole`), and the lane's own dtype.
using FourierFn = Tensor (*)(const Tensor& x, int axis, std::int64_t n, Fourier kind,
                             FourierScale scale);
void set_fourier(FourierFn f) noexcept;

// x is cut or filled with zeros to fit n.
Tensor fourier(const Tensor& x, std::int64_t n, std::int64_t axis, Fourier kind, FourierScale scale,
               const char* name);

}  // namespace nnx::ops
