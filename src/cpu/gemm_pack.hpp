// Where the numbers of a product come from, and how they are rearranged into what the innermost
// loops read.
// A source of A has pack_rows and pack_columns, which fill tiles of either layout of
// gemm_kernel.hpp; a source of B has pack_panels. A source that the plan lets be read where it lies
// also has at(), row and col.
// Another source (an image to be convolved, half floats, weights packed before) is another type of
// the same form.
// Invariant: what lies beyond the last column of a panel is written but never reaches C.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/gemm_kernel.hpp"

namespace nnx::cpu::inline NNX_LEVEL::gemm {

// row(0), row(1), ... point to 4 floats each; out[q] lane l = row l, number q.
template <class Row>
NNX_INLINE void transpose_4(Row&& row, Vec (&out)[4]) {
  const auto quad =
      [&](int r) NNX_LAMBDA_INLINE {  // rows r, r + 4, r + 8, ... in blocks of 4 lanes
        const auto four = [&](int block) NNX_LAMBDA_INLINE { return load<4>(row(r + 4 * block)); };
#if defined(__AVX512F__)
        __m512 v = _mm512_castps128_ps512((__m128)four(0));
        v = _mm512_insertf32x4(v, (__m128)four(1), 1);
        v = _mm512_insertf32x4(v, (__m128)four(2), 2);
        return (Vec)_mm512_insertf32x4(v, (__m128)four(3), 3);
#elif defined(__AVX2__)
        return (Vec)_mm256_insertf128_ps(_mm256_castps128_ps256((__m128)four(0)), (__m128)four(1),
                                         1);
#else
        return four(0);
#endif
      };
  const Vec r0 = quad(0), r1 = quad(1), r2 = quad(2), r3 = quad(3);
  const Vec t0 = low_pairs(r0, r1), t1 = high_pairs(r0, r1);
  const Vec t2 = low_pairs(r2, r3), t3 = high_pairs(r2, r3);
  out[0] = low_halves(t0, t2);
  out[1] = high_halves(t0, t2);
  out[2] = low_halves(t1, t3);
  out[3] = high_halves(t1, t3);
}

// Room for n floats in a row of equal blocks: an odd number of cache lines, so that places of equal
// index in neighbouring blocks never compete for the same cache set.
constexpr std::int64_t block_size(std::int64_t n) { return ((n + 15) / 16 | 1) * 16; }

// Floats of a packed row of a panel: whole vectors.
constexpr std::int64_t panel_width(std::int64_t columns) {
  return (columns + kWidth - 1) / kWidth * kWidth;
}

// Distance between the columns of a packed tile of A: whole vectors.
inline constexpr std::int64_t kColumnsStep = panel_width(kRows);

// A matrix in memory: element (r, c) at data[r * row + c * col].
struct Strided {
  const float* data;
  std::int64_t row, col;

  const float* at(std::int64_t r, std::int64_t c) const { return data + r * row + c * col; }

  // --- as A
  // `rows` layout, rows block_size(k) apart.
  void pack_rows(std::int64_t i0, std::int64_t rows, std::int64_t p0, std::int64_t k,
                 float* out) const {
    const std::int64_t step = block_size(k);
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* src = at(i0 + i, p0);
      float* dst = out + i * step;
      if (col == 1) {
        copy(src, k, dst);
      } else {
        for (std::int64_t p = 0; p < k; ++p) dst[p] = src[p * col];
      }
    }
  }
  // `columns` layout of `count` tiles from `t0` on, block_size(k * kColumnsStep) apart.
  template <class Tiles>
  void pack_columns(const Tiles& tiles, std::int64_t t0, std::int64_t count, std::int64_t i0,
                    std::int64_t p0, std::int64_t k, float* out) const {
    const std::int64_t end = std::min(t0 + count, tiles.count);
    const std::int64_t size = block_size(k * kColumnsStep);
    for (std::int64_t p = 0; p < k; ++p) {
      const float* src = at(i0 + tiles.first(t0), p0 + p);
      float* dst = out + p * kColumnsStep;
      std::int64_t t = t0;
      const auto copy_tiles = [&](std::int64_t until, std::int64_t rows) {
        constexpr std::int64_t kWhole = kColumnsStep - kWidth;  // in vectors before the last
        const Lanes rest(rows > kWhole ? rows - kWhole : 1);
        for (; t < until; ++t, src += rows, dst += size) {
          __builtin_prefetch(src + kRowsAhead * col);
          if (rows <= kWhole) {  // a narrow tile of a product with few rows
            for (std::int64_t i = 0; i < rows; ++i) dst[i] = src[i];
            continue;
          }
          NNX_UNROLL for (int i = 0; i < kWhole; i += kWidth) store(dst + i, load(src + i));
          store(dst + kWhole, rest.load(src + kWhole));
        }
      };
      copy_tiles(std::min(end, tiles.longer), tiles.base + 1);
      copy_tiles(end, tiles.base);
    }
  }

  // --- as B
  // Rows p0 .. p0 + k of `columns` columns from j0 on as panels of at most `most` columns, each
  // block_size(k * most) apart. The rows of a panel are panel_width(its columns) apart.
  void pack_panels(std::int64_t p0, std::int64_t k, std::int64_t j0, std::int64_t columns,
                   std::int64_t most, float* out) const {
    const std::int64_t size = block_size(k * most);
    if (col == 1) {
      const std::int64_t whole = columns / most;
      const auto copy_whole = [&]<int V>(std::integral_constant<int, V>) {
        for (std::int64_t p = 0; p < k; ++p) {
          const float* src = at(p0 + p, j0);
          float* dst = out + p * most;
          for (std::int64_t q = 0; q < whole; ++q, src += most, dst += size) {
            NNX_UNROLL for (int v = 0; v < V * kWidth; v += kLine) {
              __builtin_prefetch(src + kRowsAhead * row + v);
            }
            NNX_UNROLL for (int v = 0; v < V; ++v) store(dst + v * kWidth, load(src + v * kWidth));
          }
        }
      };
      switch (most / kWidth) {
        case 1: copy_whole(std::integral_constant<int, 1>{}); break;
        case 2: copy_whole(std::integral_constant<int, 2>{}); break;
        case 3: copy_whole(std::integral_constant<int, 3>{}); break;
        default: copy_whole(std::integral_constant<int, 4>{});
      }
      j0 += whole * most;
      columns -= whole * most;
      out += whole * size;
    }
    for (; columns > 0; j0 += most, columns -= most, out += size) {
      pack_panel(p0, k, j0, std::min(most, columns), out);
    }
  }

 private:
  void pack_panel(std::int64_t p0, std::int64_t k, std::int64_t j0, std::int64_t columns,
                  float* out) const {
    const std::int64_t width = panel_width(columns);
    if (col != 1 && row != 1) {
      for (std::int64_t p = 0; p < k; ++p) {
        float* dst = out + p * width;
        const float* src = at(p0 + p, j0);
        for (std::int64_t j = 0; j < columns; ++j) dst[j] = src[j * col];
        for (std::int64_t j = columns; j < width; ++j) dst[j] = 0;
      }
      return;
    }
    for (std::int64_t j = 0; j < width; j += kWidth) {
      const std::int64_t some = std::min<std::int64_t>(kWidth, columns - j);
      if (col == 1) {
        pack_adjacent(at(p0, j0 + j), k, some, width, out + j);
      } else {
        pack_transposed(at(p0, j0 + j), k, some, width, out + j);
      }
    }
  }

  static void copy(const float* src, std::int64_t count, float* dst) {
    std::int64_t i = 0;
    for (; i + kWidth <= count; i += kWidth) store(dst + i, load(src + i));
    if (i < count) {
      const Lanes rest(count - i);
      rest.store(dst + i, rest.load(src + i));
    }
  }
  // One vector of columns that are adjacent in every row.
  void pack_adjacent(const float* src, std::int64_t k, std::int64_t columns, std::int64_t width,
                     float* out) const {
    if (columns == kWidth) {
      for (std::int64_t p = 0; p < k; ++p) store(out + p * width, load(src + p * row));
    } else {
      const Lanes lanes(columns);
      for (std::int64_t p = 0; p < k; ++p) store(out + p * width, lanes.load(src + p * row));
    }
  }
  // One vector of columns; column j is adjacent at src + j * col. Columns that are not there repeat
  // the last one.
  void pack_transposed(const float* src, std::int64_t k, std::int64_t columns, std::int64_t width,
                       float* out) const {
    const auto write = [&](std::int64_t p, auto&& row) NNX_LAMBDA_INLINE {
      Vec v[4];
      transpose_4(row, v);
      NNX_UNROLL for (int q = 0; q < 4; ++q) store(out + (p + q) * width, v[q]);
    };
    std::int64_t p = 0;
    const float* rows[kWidth];
    for (int j = 0; j < kWidth; ++j) rows[j] = src + std::min<std::int64_t>(j, columns - 1) * col;
    if (columns == kWidth) {
      for (; p + 4 <= k; p += 4)
        write(p, [&](int j) NNX_LAMBDA_INLINE { return src + j * col + p; });
    } else {
      for (; p + 4 <= k; p += 4) write(p, [&](int j) NNX_LAMBDA_INLINE { return rows[j] + p; });
    }
    for (; p < k; ++p) {
      for (int j = 0; j < kWidth; ++j) out[p * width + j] = rows[j][p];
    }
  }
};

}  // namespace nnx::cpu::inline NNX_LEVEL::gemm
