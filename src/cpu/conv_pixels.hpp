// Convolution with vectors over pixels, for few channels (first and last layers, depthwise).
//
// A chunk lays the planes it needs out with zeros around them, and splits rows and columns by their
// remainder by the stride, so that the pixels a tap reads for neighbouring results are neighbours
// too. Results are then numbered along whole rows of the frame: a vector may run over the end of a
// row, and what it computes there is left behind.
// Invariant: a number is summed over channels and taps in an order that depends on the shape alone.
#pragma once

#include <vector>

#include "cpu/conv_geometry.hpp"
#include "cpu/conv_layout.hpp"
#include "cpu/host.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

// c[i, q] = start[i] + sum over k of w[k, i] a[offset[k] + q]
template <class T>
struct PixelTile {
  const T* a;
  const std::int64_t* offset;
  std::int64_t k;
  const T* w;
  const T* start;
  T* c;
  std::int64_t c_step;
};
template <class T>
using PixelFn = void (*)(const PixelTile<T>&);

template <class T, int R, int V>
void pixel_tile(const PixelTile<T>& t) {
  using S = Vec<T>;
  S acc[R][V];
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = S(t.start[i]);
  }
  const T* w = t.w;
  for (std::int64_t k = 0; k < t.k; ++k, w += R) {
    const T* a = t.a + t.offset[k];
    S va[V];
    NNX_UNROLL for (int v = 0; v < V; ++v) va[v] = S::load(a + v * S::width);
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      const S x(w[i]);
      NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, va[v], acc[i][v]);
    }
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v].store(t.c + i * t.c_step + v * S::width);
  }
}

// c[i, j] += sum over images and q of g[i, q] a[offset[j] + q], q in whole vectors
template <class T>
struct DotPixels {
  const T *g, *a;
  std::int64_t g_step, g_image, a_image, images, vectors;
  const std::int64_t* offset;
  std::int64_t columns;  // at most S
  T* c;
  std::int64_t c_step;
};
template <class T>
using DotFn = void (*)(const DotPixels<T>&);

template <class T, int R>
void dot_pixels(const DotPixels<T>& t) {
  using S = Vec<T>;
  constexpr int kS = gemm::dot_columns(R);
  S acc[R][kS];
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int j = 0; j < kS; ++j) acc[i][j] = S(0);
  }
  for (std::int64_t n = 0; n < t.images; ++n) {
    const T* g = t.g + n * t.g_image;
    const T* a[kS];
    NNX_UNROLL for (int j = 0; j < kS; ++j) {  // columns that are not there repeat the last one
      a[j] = t.a + n * t.a_image + t.offset[j < t.columns ? j : t.columns - 1];
    }
    for (std::int64_t q = 0; q < t.vectors * S::width; q += S::width) {
      S vg[R];
      NNX_UNROLL for (int i = 0; i < R; ++i) vg[i] = S::load(g + i * t.g_step + q);
      NNX_UNROLL for (int j = 0; j < kS; ++j) {
        const S va = S::load(a[j] + q);
        NNX_UNROLL for (int i = 0; i < R; ++i) acc[i][j] = fma(vg[i], va, acc[i][j]);
      }
    }
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int j = 0; j < kS; ++j) {
      if (j < t.columns)
        t.c[i * t.c_step + j] += fold(acc[i][j], [](auto x, auto y) { return x + y; });
    }
  }
}

template <class T>
struct PixelTiles {
  template <int R, int V>
  struct Kernel {
    static constexpr PixelFn<T> f = pixel_tile<T, R, V>;
  };
};
template <class T>
inline constexpr TileTable<PixelFn<T>, PixelTiles<T>::template Kernel> kPixelTiles;

template <class T>
struct DotTable {
  DotFn<T> of[gemm::kDotRows + 1];
  constexpr DotTable() : of{} {
    [&]<int... I>(std::integer_sequence<int, I...>) {
      ((of[I + 1] = dot_pixels<T, I + 1>), ...);
    }(std::make_integer_sequence<int, gemm::kDotRows>{});
  }
};
template <class T>
inline constexpr DotTable<T> kDotTiles;

// Where a chunk keeps its part of the source: [channel][d][h % sh][w % sw][h / sh][w / sw].
struct PlaneFrame {
  std::int64_t extent[3], origin[3], split[3];
  std::int64_t row;      // numbers of a row of one remainder
  std::int64_t plane;    // of one remainder of h and w
  std::int64_t depth;    // of one d
  std::int64_t channel;  // of one channel

  PlaneFrame(const Gather& g, int outer, std::int64_t first, std::int64_t count) {
    for (int a = 0; a < 3; ++a) {
      const Axis& axis = g.axis[a];
      extent[a] = axis.reach(a == outer ? count : axis.count);
      origin[a] = (a == outer ? first : 0) * axis.source_step + axis.low;
      split[a] = a == 0 ? 1 : axis.source_step;
    }
    row = ceil_div(extent[2], split[2]);
    plane = row * ceil_div(extent[1], split[1]);
    depth = plane * split[1] * split[2];
    channel = depth * extent[0];
  }
  std::int64_t at(std::int64_t c, std::int64_t d, std::int64_t h, std::int64_t w) const {
    return c * channel + d * depth + (h % split[1] * split[2] + w % split[2]) * plane +
           h / split[1] * row + w / split[2];
  }
};

// Lays `channels` planes out in their frame.
template <class T>
void fill_planes(const Gather& g, const PlaneFrame& f, std::int64_t channels, const T* source,
                 T* out) {
  const Axis* axis = g.axis;
  const std::int64_t plane = g.source_plane(), split = f.split[2];
  // Also the rows that fill up the last remainders: vectors of zeros meet them.
  const std::int64_t rows = ceil_div(f.extent[1], f.split[1]);
  for (std::int64_t m = 0; m < split; ++m) {
    // Number j of a row is the source's column begin + j split; it has those from j0 to j1.
    const std::int64_t begin = f.origin[2] + m, beyond = axis[2].source - begin;
    const std::int64_t j0 =
        std::clamp<std::int64_t>(begin >= 0 ? 0 : ceil_div(-begin, split), 0, f.row);
    const std::int64_t j1 =
        std::clamp<std::int64_t>(beyond <= 0 ? 0 : ceil_div(beyond, split), j0, f.row);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t d = 0; d < f.extent[0]; ++d) {
        const std::int64_t sd = f.origin[0] + d;
        const bool inside = sd >= 0 && sd < axis[0].source;
        for (std::int64_t n = 0; n < f.split[1]; ++n) {
          T* to = out + c * f.channel + d * f.depth + (n * split + m) * f.plane;
          for (std::int64_t r = 0; r < rows; ++r, to += f.row) {
            const std::int64_t sh = f.origin[1] + n + r * f.split[1];
            if (!inside || sh < 0 || sh >= axis[1].source) {
              clear_row(f.row, to);
              continue;
            }
            const T* from =
                source + c * plane + (sd * axis[1].source + sh) * axis[2].source + begin;
            clear_row(j0, to);
            if (split == 1) {
              copy_row(from + j0, j1 - j0, to + j0);
            } else {
              for (std::int64_t k = j0; k < j1; ++k) to[k] = from[k * split];
            }
            clear_row(f.row - j1, to + j1);
          }
        }
      }
    }
  }
}

// Offsets of (channel, tap) in a frame; channels outside, taps inside.
inline std::vector<std::int64_t> offsets_of(const Gather& g, const PlaneFrame& f,
                                            const Phase& phase) {
  std::vector<std::int64_t> all;
  for (std::int64_t c = 0; c < g.source_channels; ++c)
    phase.for_taps(g.kernel, [&](std::int64_t, std::int64_t d, std::int64_t h, std::int64_t w) {
      all.push_back(f.at(c, d - g.axis[0].low, h - g.axis[1].low, w - g.axis[2].low));
    });
  return all;
}

inline constexpr double kNearPlanes = 1 << 17;  // bytes of a chunk

template <class T>
class PixelsGather {
 public:
  using S = Vec<T>;

  explicit PixelsGather(const Gather& gather)
      : g_(gather), phases_(phases_of(gather)), tiles_(g_.dest_channels, gemm::kRows) {
    for (const Phase& p : phases_) depth_ += p.taps() * g_.source_channels;
  }

  std::int64_t workspace() const { return g_.groups * g_.dest_channels * depth_; }

  void run(const T* source, const T* weights, const T* bias, core::TileFn activation, T* dest,
           T* packed) const {
    pack(weights, packed);
    const int a = g_.outer_axis();
    const Axis& outer = g_.axis[a];
    const std::int64_t slab = g_.dest_plane() / outer.dest;
    const std::int64_t source_slab = g_.source_plane() / outer.source;
    const double work = static_cast<double>(g_.batch * g_.groups * g_.dest_plane()) *
                        static_cast<double>(g_.dest_channels * g_.source_channels * g_.taps());
    const double per_index =
        sizeof(T) * static_cast<double>(slab * outer.step * g_.dest_channels +
                                        source_slab * outer.source_step * g_.source_channels);
    const Cut cut =
        cut_of(g_.batch * g_.groups, outer, a, per_index, kNearPlanes, wanted_chunks(work));
    parallel_for(cut.chunks(), [&](std::int64_t chunk) {
      const std::int64_t set = chunk / cut.bands, band = chunk % cut.bands;
      const std::int64_t j0 = band * cut.band, j1 = std::min(outer.count, j0 + cut.band);
      const std::int64_t end = std::min(g_.batch * g_.groups, (set + 1) * cut.images);
      const PlaneFrame frame(g_, a, j0, j1 - j0);
      std::vector<std::vector<std::int64_t>> offsets;
      for (const Phase& p : phases_) offsets.push_back(offsets_of(g_, frame, p));
      for (std::int64_t i = set * cut.images; i < end; ++i)
        image(frame, offsets, a, j0, j1, i, source, bias, activation, dest, packed);
    });
  }

 private:
  // By group, tile of result channels, phase: [k][channel of the tile].
  void pack(const T* weights, T* packed) const {
    T* out = packed;
    for (std::int64_t group = 0; group < g_.groups; ++group)
      for (std::int64_t t = 0; t < tiles_.count; ++t)
        for (const Phase& p : phases_)
          for (std::int64_t s = 0; s < g_.source_channels; ++s)
            p.for_taps(g_.kernel, [&](std::int64_t tap, std::int64_t, std::int64_t, std::int64_t) {
              for (std::int64_t i = 0; i < tiles_.size(t); ++i)
                *out++ = weights[group * g_.w_group + (tiles_.first(t) + i) * g_.w_dest +
                                 s * g_.w_source + tap];
            });
  }

  void image(const PlaneFrame& frame, const std::vector<std::vector<std::int64_t>>& offsets,
             int outer, std::int64_t j0, std::int64_t j1, std::int64_t index, const T* source,
             const T* bias, core::TileFn activation, T* dest, const T* packed) const {
    const std::int64_t channels = g_.source_channels, plane = g_.dest_plane();
    T* in = static_cast<T*>(
        scratch(static_cast<std::size_t>(channels * frame.channel + gemm::kMostVectors * S::width) *
                    sizeof(T),
                Slot::pack_a));
    fill_planes(g_, frame, channels, source + index * channels * g_.source_plane(), in);
    const std::int64_t group = index % g_.groups;
    const T* w = packed + group * g_.dest_channels * depth_;
    for (std::int64_t t = 0; t < tiles_.count; ++t) {
      const std::int64_t height = tiles_.size(t), d0 = tiles_.first(t);
      T start[gemm::kRows];
      for (std::int64_t i = 0; i < height; ++i)
        start[i] = bias ? bias[group * g_.dest_channels + d0 + i] : T(0);
      for (std::size_t p = 0; p < phases_.size(); ++p) {
        phase(frame, phases_[p], offsets[p], outer, j0, j1, in, w, start, height, activation,
              dest + (index * g_.dest_channels + d0) * plane);
        w += static_cast<std::int64_t>(offsets[p].size()) * height;
      }
    }
  }

  void phase(const PlaneFrame& frame, const Phase& phase, const std::vector<std::int64_t>& offsets,
             int outer, std::int64_t j0, std::int64_t j1, const T* in, const T* w, const T* start,
             std::int64_t height, core::TileFn activation, T* dest) const {
    std::int64_t first[3], count[3];
    for (int a = 0; a < 3; ++a) {
      first[a] = a == outer ? j0 : 0;
      count[a] = std::min(phase.axis[a]->count, a == outer ? j1 : phase.axis[a]->count) - first[a];
      if (count[a] <= 0) return;
    }
    const std::int64_t numbers = (count[1] - 1) * frame.row + count[2];
    const std::int64_t vectors = ceil_div(numbers, S::width);
    const Parts runs(vectors, gemm::kMaxVectors.of[height]);
    const std::int64_t step = vectors * S::width;
    T* out =
        static_cast<T*>(scratch(static_cast<std::size_t>(height * step) * sizeof(T), Slot::work));
    const Axis* axis = g_.axis;
    const std::int64_t plane = g_.dest_plane();
    for (std::int64_t d = 0; d < count[0]; ++d) {
      const T* base = in + d * axis[0].source_step * frame.depth;
      for (std::int64_t r = 0; r < runs.count; ++r) {
        const std::int64_t q = runs.first(r) * S::width;
        kPixelTiles<T>.of[height][runs.size(r)]({base + q, offsets.data(),
                                                 static_cast<std::int64_t>(offsets.size()), w,
                                                 start, out + q, step});
      }
      if (activation) {
        void* result = out;
        const core::TileArg arg{out, 1};
        activation(height * step, &result, &arg);
      }
      const auto index = [&](int a, std::int64_t j) {
        return phase.axis[a]->first + (first[a] + j) * axis[a].step;
      };
      for (std::int64_t i = 0; i < height; ++i) {
        for (std::int64_t h = 0; h < count[1]; ++h) {
          const T* from = out + i * step + h * frame.row;
          T* to = dest + i * plane + (index(0, d) * axis[1].dest + index(1, h)) * axis[2].dest +
                  index(2, 0);
          if (axis[2].step == 1) {
            copy_row(from, count[2], to);
          } else {
            for (std::int64_t j = 0; j < count[2]; ++j) to[j * axis[2].step] = from[j];
          }
        }
      }
    }
  }

  const Gather& g_;
  std::vector<Phase> phases_;
  Parts tiles_;
  std::int64_t depth_ = 0;
};

// The gradient of a correlation's weights as dot products of planes: both lie in frames of one row
// length, the gradient with zeros in the gaps.
template <class T>
class PixelsWeight {
 public:
  using S = Vec<T>;

  explicit PixelsWeight(const Gather& gather) : g_(gather), phase_(phases_of(gather).front()) {
    const double work = static_cast<double>(g_.batch * g_.groups * g_.dest_plane()) *
                        static_cast<double>(g_.dest_channels * g_.source_channels * g_.taps());
    const std::int64_t all = sums();
    sets_ = std::clamp<std::int64_t>(
        ceil_div(std::min<std::int64_t>(wanted_chunks(work), 16), g_.groups), 1,
        std::min(g_.batch, std::max<std::int64_t>(1, (1 << 21) / all)));
  }

  std::int64_t workspace() const { return sets_ * sums(); }

  void run(const T* x, const T* dy, T* dw, T* partial) const {
    const Parts sets(g_.batch, ceil_div(g_.batch, sets_));
    const std::int64_t all = sums(), group_sums = all / g_.groups;
    parallel_for(sets.count * g_.groups, [&](std::int64_t chunk) {
      const std::int64_t group = chunk % g_.groups, set = chunk / g_.groups;
      T* out = partial + set * all + group * group_sums;
      std::fill_n(out, group_sums, T(0));
      add_images(sets.first(set), sets.size(set), group, x, dy, out);
    });
    for (std::int64_t k = 0; k < all; ++k) {
      T sum = partial[k];
      for (std::int64_t set = 1; set < sets.count; ++set) sum += partial[set * all + k];
      dw[k] = sum;
    }
  }

 private:
  std::int64_t sums() const {
    return g_.groups * g_.dest_channels * g_.source_channels * g_.taps();
  }

  void add_images(std::int64_t i0, std::int64_t count, std::int64_t group, const T* x, const T* dy,
                  T* out) const {
    const int a = g_.outer_axis();
    const Axis& outer = g_.axis[a];
    const std::int64_t slab = g_.dest_plane() / outer.dest;
    const std::int64_t source_slab = g_.source_plane() / outer.source;
    const double per_index =
        sizeof(T) * static_cast<double>(slab * g_.dest_channels +
                                        source_slab * outer.source_step * g_.source_channels);
    const Cut cut = cut_of(count, outer, a, per_index, kNearPlanes, 1);
    for (std::int64_t set = 0; set < cut.image_sets; ++set)
      for (std::int64_t band = 0; band < cut.bands; ++band)
        add(a, band * cut.band, std::min(outer.count, (band + 1) * cut.band), i0 + set * cut.images,
            std::min(i0 + count, i0 + (set + 1) * cut.images), group, x, dy, out);
  }

  void add(int outer, std::int64_t j0, std::int64_t j1, std::int64_t first, std::int64_t last,
           std::int64_t group, const T* x, const T* dy, T* out) const {
    const PlaneFrame frame(g_, outer, j0, j1 - j0);
    const std::int64_t channels = g_.source_channels, outs = g_.dest_channels;
    const std::int64_t images = last - first, plane = g_.dest_plane();
    std::int64_t extent[3];
    for (int a = 0; a < 3; ++a) extent[a] = a == outer ? j1 - j0 : g_.axis[a].dest;
    const std::int64_t image = channels * frame.channel;
    // What a shifted row reads behind the last image meets zeros, and must be numbers itself.
    const std::int64_t behind = frame.row + S::width;
    T* in = static_cast<T*>(
        scratch(static_cast<std::size_t>(images * image + behind) * sizeof(T), Slot::pack_a));
    const std::int64_t vectors = ceil_div(extent[1] * frame.row, S::width);
    const std::int64_t step = gemm::block_size(vectors * S::width);  // of one channel of one d
    T* g = static_cast<T*>(scratch(
        static_cast<std::size_t>(images * outs * extent[0] * step) * sizeof(T), Slot::pack_b));
    std::fill_n(in + images * image, behind, T(0));
    const std::int64_t rows = j0 * (plane / g_.axis[outer].dest);
    for (std::int64_t i = 0; i < images; ++i) {
      const std::int64_t at = (first + i) * g_.groups + group;
      fill_planes(g_, frame, channels, x + at * channels * g_.source_plane(), in + i * image);
      for (std::int64_t o = 0; o < outs; ++o) {
        for (std::int64_t d = 0; d < extent[0]; ++d) {
          T* to = g + ((d * images + i) * outs + o) * step;
          const T* from = dy + (at * outs + o) * plane + rows + d * extent[1] * extent[2];
          lay_rows(from, extent[1], extent[2], frame.row, step, to);
        }
      }
    }
    const std::vector<std::int64_t> offsets = offsets_of(g_, frame, phase_);
    const std::int64_t k = static_cast<std::int64_t>(offsets.size());
    const Parts tiles(outs, gemm::kDotRows);
    for (std::int64_t d = 0; d < extent[0]; ++d) {
      for (std::int64_t t = 0; t < tiles.count; ++t) {
        const std::int64_t height = tiles.size(t);
        const std::int64_t most = gemm::dot_columns(static_cast<int>(height));
        for (std::int64_t j = 0; j < k; j += most) {
          kDotTiles<T>.of[height]({g + d * images * outs * step + tiles.first(t) * step,
                                   in + d * g_.axis[0].source_step * frame.depth, step, outs * step,
                                   image, images, vectors, offsets.data() + j,
                                   std::min(most, k - j), out + tiles.first(t) * k + j, k});
        }
      }
    }
  }

  const Gather& g_;
  Phase phase_;
  std::int64_t sets_;
};

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
