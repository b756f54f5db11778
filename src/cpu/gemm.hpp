// The blocked float32 product C = A B (+ C) (+ bias) (activation): how it is cut into blocks,
// packed and shared between threads. gemm_kernel.hpp has the loops inside, gemm_pack.hpp the
// sources of A and B, gemm.cpp the kernel-table entry.
//
// A chunk is a block of C: what one thread does without asking another.
// Invariants: a Plan follows from shape and strides alone, so results are bit-identical for any
// number of threads; every buffer is a scratch slot of its thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/gemm_pack.hpp"
#include "cpu/host.hpp"

namespace nnx::cpu::inline NNX_LEVEL::gemm {

inline constexpr DotTable kDot;
inline constexpr std::int64_t kTilesPacked = 12;  // of A in `columns` layout, at a time

// Of numbers that are not negative; short division where it will do, for products that take less
// time than a few long ones.
constexpr std::int64_t divide(std::int64_t a, std::int64_t b) {
  if (((a | b) >> 32) == 0) return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  return a / b;
}
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return divide(a + b - 1, b); }

// `total` things in the fewest parts of at most `limit`, as even as can be, longer ones first.
struct Parts {
  std::int64_t count, base, longer;
  Parts(std::int64_t total, std::int64_t limit) : count(1), base(total), longer(0) {
    if (total > limit) {
      count = ceil_div(total, limit);
      base = divide(total, count);
      longer = total - base * count;
    }
  }
  std::int64_t first(std::int64_t i) const { return i * base + std::min(i, longer); }
  std::int64_t size(std::int64_t i) const { return base + (i < longer); }
};

inline float* room(std::int64_t floats, Slot slot) {
  return static_cast<float*>(scratch(static_cast<std::size_t>(floats) * sizeof(float), slot));
}

// C and what is done to it.
struct Target {
  float* c;
  std::int64_t row;
  bool accumulate;
  const float* bias;
  core::TileFn activation;       // or null
  const float* shift = nullptr;  // one number added to all of C, before the activation

  // What comes after the sums, for a block that is still in a near cache.
  void finish(std::int64_t i0, std::int64_t rows, std::int64_t j0, std::int64_t columns) const {
    if (!activation && !shift) return;
    std::int64_t n = columns;
    if (columns == row) {  // whole rows, one after the other
      n *= rows;
      rows = 1;
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      float* p = c + (i0 + i) * row + j0;
      if (shift) {
        const float x = *shift;
        for (std::int64_t j = 0; j < n; ++j) p[j] += x;
      }
      if (activation) {
        void* result = p;
        const core::TileArg arg{p, 1};
        activation(n, &result, &arg);
      }
    }
  }
};

struct Plan {
  std::int64_t m, n, k;
  bool dot;                   // tiles of dot products, nothing packed; else of outer products
  ALayout layout;             // how outer tiles read A
  bool pack_a, pack_b;        // else they are read where they lie
  bool by_columns;            // chunks are blocks of columns of all rows
  bool single;                // one chunk, and all of k at once
  std::int64_t vectors;       // of a panel
  std::int64_t depth;         // of k taken at a time, at most
  std::int64_t strip;         // columns taken at a time: whole panels
  std::int64_t block_rows;    // of a chunk, at most
  std::int64_t block_panels;  // of a chunk, at most; columns for dot products
};
// Numbers of B that a near cache holds.
inline constexpr std::int64_t kNear = 1 << 17;
// Numbers of a matrix that a chunk of packing takes at least.
inline constexpr std::int64_t kPackGrain = 1 << 14;

// --- outer products -------------------------------------------------------------------------
// A few rows (one row block) are cut by columns: every chunk takes some panels of B one after the
// other, packs each on the way where needed, and runs down the tiles of A, which all chunks share.
// Many rows are cut by rows: every chunk takes some tiles of A one after the other, packs each on
// the way where needed, and runs along the panels of B, which all chunks share.
// What is shared and packed is packed by all threads beforehand; what is packed on the way stays in
// the nearest cache.
template <class A, class B>
struct Outer {
  const Plan& plan;
  const A& a;
  const B& b;
  const Target& target;
  const std::int64_t panel = plan.vectors * kWidth;  // columns of a full panel
  const bool by_rows = plan.layout == ALayout::rows;

  // Floats kept for a packed tile of A, and for a packed panel of B.
  std::int64_t tile_size(std::int64_t k) const {
    return by_rows ? kRows * block_size(k) : block_size(k * kColumnsStep);
  }
  std::int64_t panel_size(std::int64_t k) const { return block_size(k * panel); }

  void pack_tiles(const Parts& tiles, std::int64_t t0, std::int64_t count, std::int64_t i0,
                  std::int64_t p0, std::int64_t k, float* out) const {
    if (!by_rows) return a.pack_columns(tiles, t0, count, i0, p0, k, out);
    for (std::int64_t t = t0; t < std::min(t0 + count, tiles.count); ++t) {
      a.pack_rows(i0 + tiles.first(t), tiles.size(t), p0, k, out + (t - t0) * tile_size(k));
    }
  }

  // A part of k, what of it is packed for all chunks (or null), and whether it ends the sums.
  struct Depth {
    std::int64_t p0, k;
    const float *a, *b;
    bool first, last;
  };

  // One chunk: rows [i0, i0 + rows), columns [j0, j0 + columns), the first of them panel `panel0`
  // of the packed ones.
  void block(const Depth& d, std::int64_t i0, std::int64_t rows, std::int64_t j0,
             std::int64_t columns, std::int64_t panel0) const {
    const std::int64_t k = d.k;
    const Parts tiles(rows, kRows);
    const std::int64_t panels = ceil_div(columns, panel);
    OuterTile t;
    t.k = k;
    t.c_row = target.row;
    t.far = plan.n * plan.k > kNear;
    t.accumulate = !d.first || target.accumulate;

    const auto at_panel = [&](std::int64_t q, const float* packed) {
      const std::int64_t j = j0 + q * panel;
      t.columns = std::min(panel, columns - q * panel);
      t.b = packed ? packed : b.at(d.p0, j);
      t.b_step = b.row;
      t.bias = d.last && target.bias ? target.bias + j : nullptr;
      t.c = target.c + j;
    };
    const auto at_tile = [&](std::int64_t i, const float* packed) {
      t.a = packed ? packed : a.at(i0 + tiles.first(i), d.p0);
      t.a_step = packed ? (by_rows ? block_size(k) : kColumnsStep) : (by_rows ? a.row : a.col);
    };
    const auto multiply = [&](std::int64_t i) {
      OuterTile now = t;
      now.c += (i0 + tiles.first(i)) * target.row;
      outer_fn(plan.layout, plan.pack_b ? BLayout::packed : BLayout::direct,
               t.columns % kWidth != 0, tiles.size(i), ceil_div(t.columns, kWidth))(now);
    };

    // What a chunk packs on the way: all of one operand's parts it meets, each once.
    if (plan.by_columns) {
      float* own = plan.pack_b ? room(panel_size(k), Slot::pack_b) : nullptr;
      for (std::int64_t q = 0; q < panels; ++q) {
        if (own)
          b.pack_panels(d.p0, k, j0 + q * panel, std::min(panel, columns - q * panel), panel, own);
        at_panel(q, own);
        for (std::int64_t i = 0; i < tiles.count; ++i) {
          at_tile(i, d.a ? d.a + i * tile_size(k) : nullptr);
          multiply(i);
        }
      }
    } else {
      const std::int64_t group = by_rows ? 1 : kTilesPacked;
      float* own = plan.pack_a ? room(group * tile_size(k), Slot::pack_a) : nullptr;
      for (std::int64_t i = 0; i < tiles.count; ++i) {
        if (own && i % group == 0) pack_tiles(tiles, i, group, i0, d.p0, k, own);
        at_tile(i, own ? own + i % group * tile_size(k) : nullptr);
        for (std::int64_t q = 0; q < panels; ++q) {
          at_panel(q, d.b ? d.b + (panel0 + q) * panel_size(k) : nullptr);
          multiply(i);
        }
      }
    }
    if (d.last) target.finish(i0, rows, j0, columns);
  }

  const float* pack_all_of_a(std::int64_t p0, std::int64_t k) const {
    const Parts tiles(plan.m, kRows);
    float* out = room(tiles.count * tile_size(k), Slot::pack_a);
    parallel_for(ceil_div(tiles.count, kTilesPacked), [&](std::int64_t g) {
      const std::int64_t t = g * kTilesPacked;
      pack_tiles(tiles, t, kTilesPacked, 0, p0, k, out + t * tile_size(k));
    });
    return out;
  }
  // Columns [j0, j0 + columns).
  const float* pack_all_of_b(std::int64_t p0, std::int64_t k, std::int64_t j0,
                             std::int64_t columns) const {
    const std::int64_t panels = ceil_div(columns, panel);
    const std::int64_t group = std::max<std::int64_t>(1, kPackGrain / (k * panel + 1));
    float* out = room(panels * panel_size(k), Slot::pack_b);
    parallel_for(ceil_div(panels, group), [&](std::int64_t g) {
      const std::int64_t q = g * group, j = q * panel;
      b.pack_panels(p0, k, j0 + j, std::min(group * panel, columns - j), panel,
                    out + q * panel_size(k));
    });
    return out;
  }

  void run() const {
    if (plan.single) {
      const Depth d{0, plan.k, nullptr, nullptr, true, true};
      return block(d, 0, plan.m, 0, plan.n, 0);
    }
    const Parts depths(std::max<std::int64_t>(plan.k, 1), plan.depth);
    const Parts row_blocks(plan.m, plan.block_rows);
    for (std::int64_t j0 = 0; j0 < plan.n; j0 += plan.strip) {
      const std::int64_t columns = std::min(plan.strip, plan.n - j0);
      const Parts column_blocks(ceil_div(columns, panel), plan.block_panels);
      const auto depth = [&](std::int64_t part) {
        return Depth{depths.first(part), plan.k ? depths.size(part) : 0, nullptr, nullptr,
                     part == 0,          part + 1 == depths.count};
      };
      const auto chunk = [&](const Depth& d, std::int64_t index) {
        const std::int64_t c = divide(index, row_blocks.count), r = index - c * row_blocks.count;
        const std::int64_t q = column_blocks.first(c), j = q * panel;
        block(d, row_blocks.first(r), row_blocks.size(r), j0 + j,
              std::min(column_blocks.size(c) * panel, columns - j), q);
      };
      const std::int64_t chunks = row_blocks.count * column_blocks.count;
      if (plan.by_columns && !plan.pack_a) {  // nothing to be packed beforehand
        parallel_for(chunks, [&](std::int64_t index) {
          for (std::int64_t part = 0; part < depths.count; ++part) chunk(depth(part), index);
        });
        continue;
      }
      for (std::int64_t part = 0; part < depths.count; ++part) {
        Depth d = depth(part);
        if (plan.by_columns) d.a = pack_all_of_a(d.p0, d.k);
        if (!plan.by_columns && plan.pack_b) d.b = pack_all_of_b(d.p0, d.k, j0, columns);
        parallel_for(chunks, [&](std::int64_t index) { chunk(d, index); });
      }
    }
  }
};

// --- dot products ---------------------------------------------------------------------------
inline constexpr std::int64_t kDotCache = 1 << 13;       // floats of A
inline constexpr std::int64_t kDotDepth = kWidth * 256;  // so that no lane sums very many numbers

inline void dot(const Plan& plan, const Strided& a, const Strided& b, const Target& target) {
  const Parts row_blocks(plan.m, plan.block_rows), column_blocks(plan.n, plan.block_panels);
  const Parts depths(plan.k, kDotDepth);
  parallel_for(row_blocks.count * column_blocks.count, [&](std::int64_t chunk) {
    const std::int64_t r = chunk % row_blocks.count, c = chunk / row_blocks.count;
    const std::int64_t i0 = row_blocks.first(r), rows = row_blocks.size(r);
    const std::int64_t j0 = column_blocks.first(c), columns = column_blocks.size(c);
    const Parts tiles(rows, kDotRows);
    DotTile t;
    t.a_step = a.row;
    t.b_step = b.col;
    t.c_row = target.row;
    // The outer loop runs over what does not stay in the nearest cache.
    const std::int64_t width = dot_columns(static_cast<int>(tiles.size(0)));
    const std::int64_t strips = ceil_div(columns, width);
    const bool a_stays = rows * plan.k <= kDotCache;
    for (std::int64_t d = 0; d < depths.count; ++d) {
      const std::int64_t p0 = depths.first(d);
      t.k = depths.size(d);
      t.accumulate = target.accumulate || d > 0;
      for (std::int64_t x = 0; x < (a_stays ? strips : tiles.count); ++x) {
        for (std::int64_t y = 0; y < (a_stays ? tiles.count : strips); ++y) {
          const std::int64_t i = a_stays ? y : x, j = (a_stays ? x : y) * width;
          const std::int64_t at = i0 + tiles.first(i);
          t.columns = std::min(width, columns - j);
          t.a = a.at(at, p0);
          t.b = b.at(p0, j0 + j);
          t.bias = target.bias && d + 1 == depths.count ? target.bias + j0 + j : nullptr;
          t.c = target.c + at * target.row + j0 + j;
          kDot.f[tiles.size(i)](t);
        }
      }
    }
    target.finish(i0, rows, j0, columns);
  });
}

// A single number: segments of fixed length, added up in order.
inline void inner(std::int64_t k, const float* a, const float* b, const Target& target) {
  constexpr std::int64_t kSegment = 1 << 17, kMost = 256;
  const Parts segments(k, std::max(kSegment, ceil_div(k, kMost)));
  float part[kMost] = {};
  parallel_for(segments.count, [&](std::int64_t s) {
    const std::int64_t p = segments.first(s);
    part[s] = dot_one(segments.size(s), a + p, b + p);
  });
  double sum = part[0];
  for (std::int64_t s = 1; s < segments.count; ++s) sum += part[s];
  float x = static_cast<float>(sum);
  if (target.accumulate) x = *target.c + x;
  if (target.bias) x += *target.bias;
  *target.c = x;
  target.finish(0, 1, 0, 1);
}

}  // namespace nnx::cpu::inline NNX_LEVEL::gemm
