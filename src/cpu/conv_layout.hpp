// What the convolution kernels share: tables of tiles, and the two layouts of an image
// that they read, with the way between them.
//   planes: one channel after the other, as tensors lie.
//   pixels: all channels of a pixel side by side.
// Invariant: rows written here may be followed by up to kSlack numbers of garbage, for which the
// caller keeps room.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/gemm_pack.hpp"
#include "cpu/vec.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

inline constexpr std::int64_t kSlack = 64;  // numbers

// Rows are short, so that a call to copy or to clear one would take longer than the work.
template <class T>
NNX_INLINE void copy_row(const T* src, std::int64_t n, T* dst) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::width <= n; i += V::width) V::load(src + i).store(dst + i);
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    V::load(src + i, rest).store(dst + i, rest);
  }
}
template <class T>
NNX_INLINE void clear_row(std::int64_t n, T* dst) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::width <= n; i += V::width) V(0).store(dst + i);
  if (i < n) V(0).store(dst + i, static_cast<int>(n - i));
}

// Rows of `columns` numbers, adjacent in src, at a pitch of `row` in dst, with zeros behind each,
// up to `size` numbers in all. The last row may lack its zeros.
template <class T>
void lay_rows(const T* src, std::int64_t rows, std::int64_t columns, std::int64_t row,
              std::int64_t size, T* dst) {
  const T* const end = dst + size;
  for (std::int64_t h = 0; h + 1 < rows; ++h, src += columns, dst += row) {
    copy_row(src, columns, dst);
    clear_row(row - columns, dst + columns);
  }
  copy_row(src, columns, dst);
  clear_row(end - (dst + columns), dst + columns);
}

// dst[x * channels + c] = src[c * plane + x] for x in [0, n).
template <class T>
void planes_to_pixels(const T* src, std::int64_t plane, std::int64_t channels, std::int64_t n,
                      T* dst) {
  if (channels == 1) {
    copy_row(src, n, dst);
    return;
  }
  std::int64_t x = 0;
  if constexpr (sizeof(T) == sizeof(float)) {
    using gemm::kWidth;
    for (; x + 4 <= n; x += 4) {
      for (std::int64_t c = 0; c < channels; c += kWidth) {
        const std::int64_t some = std::min<std::int64_t>(kWidth, channels - c);
        const T* from = src + c * plane + x;
        gemm::Vec v[4];
        if (some == kWidth) {
          gemm::transpose_4([&](int r) NNX_LAMBDA_INLINE { return from + r * plane; }, v);
          NNX_UNROLL for (int q = 0; q < 4; ++q) gemm::store(dst + (x + q) * channels + c, v[q]);
        } else {  // channels that are not there repeat the last one
          gemm::transpose_4(
              [&](int r)
                  NNX_LAMBDA_INLINE { return from + std::min<std::int64_t>(r, some - 1) * plane; },
              v);
          const gemm::Lanes lanes(some);
          NNX_UNROLL for (int q = 0; q < 4; ++q) lanes.store(dst + (x + q) * channels + c, v[q]);
        }
      }
    }
  }
  for (; x < n; ++x)
    for (std::int64_t c = 0; c < channels; ++c) dst[x * channels + c] = src[c * plane + x];
}

// dst[c * plane + x] = src[x * row + c] for x in [0, n); rows of src behind the last are readable
// up to a whole vector of rows.
template <class T>
void pixels_to_planes(const T* src, std::int64_t row, std::int64_t channels, std::int64_t n, T* dst,
                      std::int64_t plane) {
  std::int64_t c = 0;
  if constexpr (sizeof(T) == sizeof(float)) {
    using gemm::kWidth;
    for (; c + 4 <= channels; c += 4) {
      for (std::int64_t x = 0; x < n; x += kWidth) {
        const T* from = src + x * row + c;
        gemm::Vec v[4];
        gemm::transpose_4([&](int r) NNX_LAMBDA_INLINE { return from + r * row; }, v);
        T* to = dst + c * plane + x;
        if (n - x >= kWidth) {
          NNX_UNROLL for (int q = 0; q < 4; ++q) gemm::store(to + q * plane, v[q]);
        } else {
          const gemm::Lanes lanes(n - x);
          NNX_UNROLL for (int q = 0; q < 4; ++q) lanes.store(to + q * plane, v[q]);
        }
      }
    }
  }
  for (; c < channels; ++c)
    for (std::int64_t x = 0; x < n; ++x) dst[c * plane + x] = src[x * row + c];
}

using gemm::kMaxVectors;
using gemm::kMostVectors;
using gemm::kRows;

// Tiles of `R` rows and `V` vectors, as many of both as the registers hold: Kernel<R, V>::f.
template <class Fn, template <int, int> class Kernel>
struct TileTable {
  Fn of[kRows + 1][kMostVectors + 1];
  constexpr TileTable() : of{} {
    [&]<int... I>(std::integer_sequence<int, I...>) {
      (fill<I / kMostVectors + 1, I % kMostVectors + 1>(), ...);
    }(std::make_integer_sequence<int, kMostVectors * kRows>{});
  }

 private:
  template <int R, int V>
  constexpr void fill() {
    if constexpr (V <= gemm::max_vectors(R)) of[R][V] = Kernel<R, V>::f;
  }
};
}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
