// Convolution of 3 x 3 taps at stride 1 by Winograd's F(2 x 2, 3 x 3), for many channels.
//
// Results are cut into tiles of 2 x 2. Each needs 4 x 4 numbers of every source channel, and
//   tile = A^T ( sum over channels of (G w G^T) * (B^T d B) ) A        (* number by number)
// takes 16 products where 36 stand in the definition. For each of the 16 places the sum over
// channels is a matrix product, tiles x channels times channels x results, done by
// gemm_kernel.hpp; the matrices A, B, G cost additions and halves alone. The larger tiles of this
// family save more, but lose digits: F(4 x 4) measured 3 to 4 times the rounding error of the plain
// sum, this one less than twice.
// The gradient of the weights is the same relation read backwards:
//   dw = G^T ( sum over tiles of (A dy A^T) * (B^T d B) ) G.
// A number that is none, or too large, would reach the neighbours of its window: where a result is
// not finite, all of them are computed again as the plain sum.
// Source: Lavin, Gray, CVPR 2016, 4013.
// Invariants: float32, one group; a number is summed in an order that depends on the shape alone;
// rows of transformed numbers end with garbage up to whole vectors, which never reaches a result.
#pragma once

#include <atomic>

#include "cpu/conv_weight.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

namespace winograd {

using gemm::kWidth;
using gemm::OuterTile;
using gemm::Vec;

inline constexpr int kPlaces = 16;
inline constexpr std::int64_t kDepth = 64;  // summed in one go: longer sums lose digits
inline constexpr std::int64_t kPanel = gemm::kVectors * kWidth;

// B^T, A^T, G and the transposes that the gradient takes, along one axis of places.
struct ToSource {  // 4 -> 4
  static constexpr int kFrom = 4, kTo = 4;
  NNX_INLINE static void apply(const Vec (&d)[4], Vec (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  }
};
struct ToWeight {  // 3 -> 4
  static constexpr int kFrom = 3, kTo = 4;
  NNX_INLINE static void apply(const Vec (&g)[3], Vec (&t)[4]) {
    const Vec half = gemm::splat(0.5f), ends = (g[0] + g[2]) * half, middle = g[1] * half;
    t[0] = g[0];
    t[1] = ends + middle;
    t[2] = ends - middle;
    t[3] = g[2];
  }
};
struct FromWeight {  // 4 -> 3
  static constexpr int kFrom = 4, kTo = 3;
  NNX_INLINE static void apply(const Vec (&t)[4], Vec (&g)[3]) {
    const Vec half = gemm::splat(0.5f), both = (t[1] + t[2]) * half;
    g[0] = t[0] + both;
    g[1] = (t[1] - t[2]) * half;
    g[2] = both + t[3];
  }
};
struct FromPlaces {  // 4 -> 2
  static constexpr int kFrom = 4, kTo = 2;
  NNX_INLINE static void apply(const Vec (&t)[4], Vec (&y)[2]) {
    y[0] = t[0] + (t[1] + t[2]);
    y[1] = (t[1] - t[2]) - t[3];
  }
};
struct ToPlaces {  // 2 -> 4
  static constexpr int kFrom = 2, kTo = 4;
  NNX_INLINE static void apply(const Vec (&y)[2], Vec (&t)[4]) {
    t[0] = y[0];
    t[1] = y[0] + y[1];
    t[2] = y[0] - y[1];
    t[3] = -y[1];
  }
};

// One map along both axes: in[row][column] -> out[row][column].
template <class Map>
NNX_INLINE void both_axes(const Vec (&in)[Map::kFrom][Map::kFrom], Vec (&out)[Map::kTo][Map::kTo]) {
  Vec half[Map::kFrom][Map::kTo];
  NNX_UNROLL for (int i = 0; i < Map::kFrom; ++i) Map::apply(in[i], half[i]);
  NNX_UNROLL for (int j = 0; j < Map::kTo; ++j) {
    Vec from[Map::kFrom], to[Map::kTo];
    NNX_UNROLL for (int i = 0; i < Map::kFrom; ++i) from[i] = half[i][j];
    Map::apply(from, to);
    NNX_UNROLL for (int i = 0; i < Map::kTo; ++i) out[i][j] = to[i];
  }
}

// Square of kSide x kSide vectors: (i, j) at p[i * row + j * column].
template <int kSide>
NNX_INLINE void load_square(const float* p, std::int64_t row, std::int64_t column,
                            Vec (&v)[kSide][kSide]) {
  NNX_UNROLL for (int i = 0; i < kSide; ++i) {
    NNX_UNROLL for (int j = 0; j < kSide; ++j) v[i][j] = gemm::load(p + i * row + j * column);
  }
}
template <int kSide>
NNX_INLINE void store_places(const Vec (&v)[kSide][kSide], float* p, std::int64_t place) {
  NNX_UNROLL for (int i = 0; i < kSide; ++i) {
    NNX_UNROLL for (int j = 0; j < kSide; ++j) gemm::store(p + (i * kSide + j) * place, v[i][j]);
  }
}

// Whether all that was added is finite, lane by lane.
struct Finite {
  Vec zeros = {};
  NNX_INLINE void add(Vec v) { zeros += v * gemm::splat(0); }
  bool operator()(std::int64_t lanes) const {
    for (std::int64_t l = 0; l < lanes; ++l)
      if (zeros[l] != 0) return false;
    return true;
  }
};

// Neighbouring rows of tiles in one image.
struct Tiles {
  std::int64_t first, rows, columns;
  std::int64_t count() const { return rows * columns; }
};
// The rows of tiles of all images, one after the other.
struct TileRows {
  std::int64_t of_image, columns, count;
  explicit TileRows(const Gather& g)
      : of_image(ceil_div(g.axis[1].dest, 2)),
        columns(ceil_div(g.axis[2].dest, 2)),
        count(g.batch * of_image) {}
  // f(image, its rows) for the rows from `first` to `last`.
  template <class F>
  void each(std::int64_t first, std::int64_t last, F&& f) const {
    while (first < last) {
      const std::int64_t image = first / of_image, row = first % of_image;
      const std::int64_t some = std::min(of_image - row, last - first);
      f(image, Tiles{row, some, columns});
      first += some;
    }
  }
};

// Where the pixels of a band of tiles lie, with `around` more than the tiles cover, from `low` on.
inline Frame frame_of(const Gather& g, const Tiles& t, std::int64_t around, std::int64_t low_row,
                      std::int64_t low_column) {
  Frame f(g, 1, 0, 1);
  f.extent[1] = 2 * t.rows + around;
  f.extent[2] = 2 * t.columns + around;
  f.origin[1] = 2 * t.first + low_row;
  f.origin[2] = low_column;
  f.step[1] = f.step[2] * f.extent[2];
  f.size = f.step[0] = f.step[1] * f.extent[1];
  return f;
}
inline Frame source_frame(const Gather& g, const Tiles& t) {
  return frame_of(g, t, 2, g.axis[1].low, g.axis[2].low);
}

// Rows of `channels` numbers for every tile, place by place: out[place][tile][channel].
struct Places {
  std::int64_t row, size;  // numbers between tiles, and between places
  Places(std::int64_t channels, std::int64_t tiles)
      : row(gemm::block_size(channels)), size(gemm::block_size(tiles * row)) {}
};

// B^T d B of the tiles of one image, from its frame.
inline void to_places(const Frame& f, const Tiles& t, std::int64_t channels, const float* in,
                      const Places& places, float* out) {
  for (std::int64_t y = 0; y < t.rows; ++y) {
    for (std::int64_t x = 0; x < t.columns; ++x, out += places.row) {
      const float* from = in + 2 * y * f.step[1] + 2 * x * f.step[2];
      for (std::int64_t c = 0; c < channels; c += kWidth) {
        Vec d[4][4], v[4][4];
        load_square<4>(from + c, f.step[1], f.step[2], d);
        both_axes<ToSource>(d, v);
        store_places<4>(v, out + c, places.size);
      }
    }
  }
}

}  // namespace winograd

// Whether a shape is one of these, and large enough: with less, transforms take what products save.
// Transformed weights are nearly twice as many numbers, which only many tiles pay for; the gradient
// of the weights has no such part.
inline bool by_winograd(const Gather& g, bool weight) {
  const auto three = [](const Axis& a) {
    return a.step == 1 && a.source_step == 1 && a.phases.front().taps.size() == 3 &&
           a.high - a.low == 2;
  };
  const std::int64_t tiles = winograd::TileRows(g).count * winograd::TileRows(g).columns;
  const std::int64_t filters = g.source_channels * g.dest_channels;
  return g.groups == 1 && g.axis[0].dest == 1 && g.kernel[0] == 1 && g.axis[0].source == 1 &&
         three(g.axis[1]) && three(g.axis[2]) && g.axis[1].dest > 1 && g.axis[2].dest > 1 &&
         std::min(g.source_channels, g.dest_channels) >= 32 && tiles >= 32 &&
         (weight || tiles * 1024 >= filters);
}

class WinogradGather {
 public:
  explicit WinogradGather(const Gather& gather)
      : g_(gather),
        rows_(gather),
        panels_(ceil_div(g_.dest_channels, winograd::kPanel)),
        place_(gemm::block_size(g_.source_channels * winograd::kPanel)) {}

  // Numbers of transformed weights.
  std::int64_t workspace() const {
    return std::max(panels_ * winograd::kPlaces * place_, ChannelsGather<float>(g_).workspace());
  }

  void run(const float* source, const float* weights, const float* bias, core::TileFn activation,
           float* dest, float* packed) const {
    using namespace winograd;
    pack(weights, packed);
    const std::int64_t chunk_rows = rows_of_chunk(), chunks = ceil_div(rows_.count, chunk_rows);
    const double work = static_cast<double>(rows_.count * rows_.columns * kPlaces) *
                        static_cast<double>(g_.source_channels * g_.dest_channels);
    // Where tiles are few, chunks take some of the panels each.
    const std::int64_t panel_sets =
        std::clamp<std::int64_t>(ceil_div(wanted_chunks(work), chunks) / 2, 1, panels_);
    const Parts sets(panels_, ceil_div(panels_, panel_sets));
    std::atomic<bool> finite = true;
    parallel_for(chunks * sets.count, [&](std::int64_t index) {
      if (!finite.load(std::memory_order_relaxed)) return;
      const std::int64_t set = index % sets.count, first = index / sets.count * chunk_rows;
      if (!block(first, std::min(first + chunk_rows, rows_.count), sets.first(set), sets.size(set),
                 source, bias, activation, dest, packed))
        finite.store(false, std::memory_order_relaxed);
    });
    if (!finite) ChannelsGather<float>(g_).run(source, weights, bias, activation, dest, packed);
  }

 private:
  // Rows of tiles of a chunk: what fits into a near cache, in whole tiles of the product.
  std::int64_t rows_of_chunk() const {
    const std::int64_t per_row = rows_.columns * (g_.source_channels + winograd::kPanel);
    const std::int64_t tall = ceil_div(3 * gemm::kRows, rows_.columns);
    const std::int64_t most = std::clamp<std::int64_t>(kNear / per_row, 1, rows_.count);
    const std::int64_t wanted = std::min(most, std::max(tall, rows_.count / 32));
    std::int64_t best = wanted;
    const auto filled = [&](std::int64_t rows) {
      const std::int64_t n = rows * rows_.columns;
      return static_cast<double>(n) / static_cast<double>(ceil_div(n, gemm::kRows));
    };
    for (std::int64_t rows = wanted; rows <= std::min(most, wanted + wanted / 2 + 1); ++rows)
      if (filled(rows) > filled(best)) best = rows;
    return best;
  }
  static constexpr std::int64_t kNear = 1 << 15;  // tiles times channels

  std::int64_t width_of(std::int64_t panel) const {
    return std::min(winograd::kPanel,
                    gemm::panel_width(g_.dest_channels - panel * winograd::kPanel));
  }

  // Panel by panel; in a panel place by place; for every source channel whole vectors.
  void pack(const float* weights, float* packed) const {
    using namespace winograd;
    const std::int64_t vectors = ceil_div(g_.dest_channels, kWidth), grain = 64;
    const std::int64_t parts = ceil_div(g_.source_channels, grain);
    parallel_for(vectors * parts, [&](std::int64_t index) {
      const std::int64_t d0 = index / parts * kWidth, panel = d0 / kPanel;
      const std::int64_t first = index % parts * grain, width = width_of(panel);
      const std::int64_t last = std::min(first + grain, g_.source_channels);
      const std::int64_t end = g_.dest_channels - 1 - d0;  // results that are not there repeat it
      float* out = packed + panel * kPlaces * place_ + d0 % kPanel;
      for (std::int64_t s = first; s < last; ++s) {
        const float* from = weights + d0 * g_.w_dest + s * g_.w_source;
        Vec all[12], w[3][3], u[4][4];
        NNX_UNROLL for (int t = 0; t < 3; ++t) {
          Vec four[4];
          gemm::transpose_4(
              [&](int r) NNX_LAMBDA_INLINE {
                return from + std::min<std::int64_t>(r, end) * g_.w_dest + (t < 2 ? 4 * t : 5);
              },
              four);
          NNX_UNROLL for (int q = 0; q < 4; ++q) all[(t < 2 ? 4 * t : 5) + q] = four[q];
        }
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) w[i][j] = all[tap(1, i) * 3 + tap(2, j)];
        both_axes<ToWeight>(w, u);
        store_places<4>(u, out + s * width, place_);
      }
    });
  }
  std::int64_t tap(int axis, int i) const {
    return g_.axis[axis].phases.front().taps[static_cast<std::size_t>(i)].k;
  }

  // Rows of tiles from `first` to `last`; whether all results are finite.
  bool block(std::int64_t first, std::int64_t last, std::int64_t first_panel,
             std::int64_t panel_count, const float* source, const float* bias,
             core::TileFn activation, float* dest, const float* packed) const {
    using namespace winograd;
    const std::int64_t channels = g_.source_channels, count = (last - first) * rows_.columns;
    const Places from(channels, count);
    float* places = gemm::room(kPlaces * from.size, Slot::pack_b);
    float* to = places;
    rows_.each(first, last, [&](std::int64_t image, const Tiles& t) {
      const Frame frame = source_frame(g_, t);
      float* in = gemm::room(frame.size + kSlack, Slot::pack_a);
      fill_frame(g_, frame, source + image * channels * g_.source_plane(), in);
      to_places(frame, t, channels, in, from, to);
      to += t.count() * from.row;
    });
    const std::int64_t sum_size = gemm::block_size(count * kPanel);
    float* sums = gemm::room(kPlaces * sum_size, Slot::extra);
    Finite finite;
    for (std::int64_t q = first_panel; q < first_panel + panel_count; ++q) {
      const std::int64_t width = width_of(q), d0 = q * kPanel;
      const std::int64_t some = std::min(width, g_.dest_channels - d0);
      for (int place = 0; place < kPlaces; ++place)
        multiply(places + place * from.size, from.row, count,
                 packed + (q * kPlaces + place) * place_, width, sums + place * sum_size);
      float start[kPanel];
      for (std::int64_t l = 0; l < width; ++l) start[l] = bias && l < some ? bias[d0 + l] : 0.0f;
      const float* of = sums;
      rows_.each(first, last, [&](std::int64_t image, const Tiles& t) {
        // Results of a band: one run of the plane.
        const std::int64_t y0 = 2 * t.first, y1 = std::min(g_.axis[1].dest, y0 + 2 * t.rows);
        const std::int64_t across = g_.axis[2].dest, pixels = (y1 - y0) * across;
        float* out = gemm::room(pixels * kPanel + kPanel * kWidth, Slot::work);
        from_places(t, of, sum_size, width, start, y1 - y0, across, out, finite);
        of += t.count() * width;
        if (activation) {
          void* result = out;
          const core::TileArg arg{out, 1};
          activation(pixels * width, &result, &arg);
        }
        const std::int64_t plane = g_.dest_plane();
        pixels_to_planes(out, width, some, pixels,
                         dest + (image * g_.dest_channels + d0) * plane + y0 * across, plane);
      });
    }
    return finite(kWidth);
  }

  // sums[tile][result] of one place.
  void multiply(const float* a, std::int64_t a_row, std::int64_t count, const float* b,
                std::int64_t width, float* sums) const {
    using namespace winograd;
    const Parts tiles(count, gemm::kRows), depths(g_.source_channels, kDepth);
    OuterTile t{};
    t.a_step = a_row;
    t.c_row = t.columns = width;
    for (std::int64_t part = 0; part < depths.count; ++part) {
      const std::int64_t p0 = depths.first(part);
      t.k = depths.size(part);
      t.b = b + p0 * width;
      t.accumulate = part > 0;
      for (std::int64_t i = 0; i < tiles.count; ++i) {
        t.a = a + tiles.first(i) * a_row + p0;
        t.c = sums + tiles.first(i) * width;
        gemm::outer_fn(gemm::ALayout::rows, gemm::BLayout::packed, false, tiles.size(i),
                       width / kWidth)(t);
      }
    }
  }

  // A^T m A for the tiles of one image, as pixels; tiles may reach over the last row and column.
  static void from_places(const winograd::Tiles& t, const float* sums, std::int64_t place,
                          std::int64_t width, const float* start, std::int64_t down,
                          std::int64_t across, float* out, winograd::Finite& finite) {
    using namespace winograd;
    for (std::int64_t y = 0; y < t.rows; ++y) {
      for (std::int64_t x = 0; x < t.columns; ++x, sums += width) {
        float* to = out + (2 * y * across + 2 * x) * width;
        const bool wide = 2 * x + 1 < across, high = 2 * y + 1 < down;
        for (std::int64_t l = 0; l < width; l += kWidth) {
          const Vec b = gemm::load(start + l);
          Vec m[4][4], v[2][2];
          load_square<4>(sums + l, 4 * place, place, m);
          both_axes<FromPlaces>(m, v);
          const auto put = [&](Vec r, float* at) NNX_LAMBDA_INLINE {
            r += b;
            finite.add(r);
            gemm::store(at + l, r);
          };
          put(v[0][0], to);
          if (wide) put(v[0][1], to + width);
          if (high) put(v[1][0], to + across * width);
          if (wide && high) put(v[1][1], to + (across + 1) * width);
        }
      }
    }
  }

  const Gather& g_;
  winograd::TileRows rows_;
  std::int64_t panels_, place_;
};

// The gradient of the weights. Tiles are taken in blocks; of a block all threads first transform
// both sides, then add the products of each place to its sums.
class WinogradWeight {
 public:
  explicit WinogradWeight(const Gather& gather)
      : g_(gather),
        dy_(gather),
        rows_(gather),
        panels_(ceil_div(g_.dest_channels, winograd::kPanel)),
        sums_row_(gemm::panel_width(g_.dest_channels)) {
    using namespace winograd;
    dy_.source_channels = g_.dest_channels;
    for (Axis& axis : dy_.axis) axis.source = axis.dest;
    const std::int64_t tiles = std::clamp<std::int64_t>(
        kBlock / (g_.source_channels + g_.dest_channels), kBlockTiles / 2, kBlockTiles * 2);
    block_ = std::clamp<std::int64_t>(tiles / rows_.columns, 1, rows_.count);
    most_tiles_ = block_ * rows_.columns;
    sums_size_ = gemm::block_size(g_.source_channels * sums_row_);
  }

  std::int64_t workspace() const {
    return std::max(winograd::kPlaces * (sums_size_ + x_places().size + dy_place()),
                    ChannelsWeight<float>(g_).workspace());
  }

  void run(const float* x, const float* dy, float* dw, float* room) const {
    using namespace winograd;
    float* const of_x = room + kPlaces * sums_size_;
    float* const of_dy = of_x + kPlaces * x_places().size;
    const std::int64_t column_sets = std::min<std::int64_t>(2, panels_);
    const Parts sets(panels_, ceil_div(panels_, column_sets));
    for (std::int64_t first = 0; first < rows_.count; first += block_) {
      const std::int64_t last = std::min(rows_.count, first + block_);
      parallel_for(ceil_div(last - first, kBandRows), [&](std::int64_t band) {
        const std::int64_t row = first + band * kBandRows;
        std::int64_t at = (row - first) * rows_.columns;
        rows_.each(row, std::min(row + kBandRows, last), [&](std::int64_t image, const Tiles& t) {
          transform(t, image, at, x, dy, of_x, of_dy);
          at += t.count();
        });
      });
      const std::int64_t count = (last - first) * rows_.columns;
      parallel_for(kPlaces * sets.count, [&](std::int64_t chunk) {
        const std::int64_t place = chunk / sets.count, set = chunk % sets.count;
        for (std::int64_t q = sets.first(set); q < sets.first(set) + sets.size(set); ++q)
          multiply(of_x + place * x_places().size,
                   of_dy + place * dy_place() + q * most_tiles_ * kPanel, count, width_of(q),
                   first > 0, room + place * sums_size_ + q * kPanel);
      });
    }
    if (!finish(room, dw)) ChannelsWeight<float>(g_).run(x, dy, dw, room);
  }

 private:
  static constexpr std::int64_t kBandRows = 8;      // rows of tiles transformed at a time
  static constexpr std::int64_t kBlockTiles = 256;  // of a block, about
  static constexpr std::int64_t kBlock = 3 << 15;   // tiles of a block times channels, about

  std::int64_t width_of(std::int64_t panel) const {
    return std::min(winograd::kPanel, sums_row_ - panel * winograd::kPanel);
  }
  winograd::Places x_places() const { return {g_.source_channels, most_tiles_}; }
  std::int64_t dy_place() const {
    return gemm::block_size(panels_ * most_tiles_ * winograd::kPanel);
  }

  // One band of tiles, the first of them tile `at` of the block.
  void transform(const winograd::Tiles& t, std::int64_t image, std::int64_t at, const float* x,
                 const float* dy, float* of_x, float* of_dy) const {
    using namespace winograd;
    const Places places = x_places();
    const std::int64_t channels = g_.source_channels, results = g_.dest_channels;
    const Frame frame = source_frame(g_, t);
    float* in = gemm::room(frame.size + kSlack, Slot::pack_a);
    fill_frame(g_, frame, x + image * channels * g_.source_plane(), in);
    to_places(frame, t, channels, in, places, of_x + at * places.row);

    const Frame pixels = frame_of(dy_, t, 0, 0, 0);
    in = gemm::room(pixels.size + kSlack, Slot::pack_a);
    fill_frame(dy_, pixels, dy + image * results * g_.dest_plane(), in);
    for (std::int64_t y = 0; y < t.rows; ++y) {
      for (std::int64_t column = 0; column < t.columns; ++column, ++at) {
        const float* from = in + 2 * y * pixels.step[1] + 2 * column * pixels.step[2];
        for (std::int64_t l = 0; l < results; l += kWidth) {
          Vec d[2][2], v[4][4];
          load_square<2>(from + l, pixels.step[1], pixels.step[2], d);
          both_axes<ToPlaces>(d, v);
          const std::int64_t panel = l / kPanel;
          store_places<4>(v,
                          of_dy + panel * most_tiles_ * kPanel + at * width_of(panel) + l % kPanel,
                          dy_place());
        }
      }
    }
  }

  // sums[channel][result] of one place and one panel of results.
  void multiply(const float* a, const float* b, std::int64_t count, std::int64_t width,
                bool accumulate, float* sums) const {
    using namespace winograd;
    const Parts tiles(g_.source_channels, gemm::kRows), depths(count, 2 * kDepth);
    OuterTile t{};
    t.a_step = x_places().row;
    t.c_row = sums_row_;
    t.columns = width;
    for (std::int64_t part = 0; part < depths.count; ++part) {
      const std::int64_t p0 = depths.first(part);
      t.k = depths.size(part);
      t.b = b + p0 * width;
      t.accumulate = accumulate || part > 0;
      for (std::int64_t i = 0; i < tiles.count; ++i) {
        t.a = a + p0 * t.a_step + tiles.first(i);
        t.c = sums + tiles.first(i) * sums_row_;
        gemm::outer_fn(gemm::ALayout::columns, gemm::BLayout::packed, false, tiles.size(i),
                       width / kWidth)(t);
      }
    }
  }

  // G^T sums G, in the layout of the weights; whether all are finite.
  bool finish(const float* sums, float* dw) const {
    using namespace winograd;
    const std::int64_t channels = g_.source_channels, grain = 64;
    const std::int64_t parts = ceil_div(channels, grain);
    std::atomic<bool> finite = true;
    parallel_for(sums_row_ / kWidth * parts, [&](std::int64_t index) {
      Finite here;
      const std::int64_t d0 = index / parts * kWidth, first = index % parts * grain;
      const std::int64_t some = std::min<std::int64_t>(kWidth, g_.dest_channels - d0);
      for (std::int64_t c = first; c < std::min(first + grain, channels); ++c) {
        Vec m[4][4], w[3][3];
        load_square<4>(sums + c * sums_row_ + d0, 4 * sums_size_, sums_size_, m);
        both_axes<FromWeight>(m, w);
        float taps[9][kWidth];
        for (int t = 0; t < 9; ++t) {
          here.add(w[t / 3][t % 3]);
          gemm::store(taps[t], w[t / 3][t % 3]);
        }
        for (std::int64_t l = 0; l < some; ++l) {
          float* to = dw + (d0 + l) * g_.w_dest + c * g_.w_source;
          for (int t = 0; t < 9; ++t) to[t] = taps[t][l];
        }
      }
      if (!here(some)) finite.store(false, std::memory_order_relaxed);
    });
    return finite;
  }

  const Gather& g_;
  Gather dy_;  // whose source is the gradient of the result
  winograd::TileRows rows_;
  std::int64_t panels_, sums_row_, sums_size_;
  std::int64_t block_, most_tiles_;  // of a block: rows of tiles, tiles
};

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
