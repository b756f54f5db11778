// Convolution with vectors over channels, for results with many channels.
//
// A chunk lays the images it needs out as pixels with zeros around them; then every result pixel is
// a product of a row of numbers that lie side by side (a kernel row's pixels, all channels) with
// packed weights, and a tile of pixels x channels stays in registers, as in gemm_kernel.hpp.
// Nothing else is rearranged: no matrix of patches is ever written.
// Invariant: a number is summed over taps and channels in an order that depends on the shape alone.
#pragma once

#include <vector>

#include "cpu/conv_geometry.hpp"
#include "cpu/conv_layout.hpp"
#include "cpu/host.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

// Numbers that lie side by side, `offset` from where a pixel's begin.
struct Segment {
  std::int64_t offset, length;
};
template <class T>
struct GatherTile {
  const T* a;  // the first pixel's numbers
  std::int64_t a_step;
  const Segment* segments;
  std::int64_t count;
  const T* b;  // packed weights: whole vectors for every number of a
  T* c;
  std::int64_t c_step;
  const T* start;  // what sums start from for every pixel, or null: from c
};
template <class T>
using GatherFn = void (*)(const GatherTile<T>&);

template <class T, int R, int V>
void gather_tile(const GatherTile<T>& t) {
  using S = Vec<T>;
  constexpr int kGroups = (R + 2) / 3;  // rows in groups of 3: base, base + step, base + 2 step
  const std::int64_t step = t.a_step;
  S acc[R][V];
  NNX_UNROLL for (int v = 0; v < V; ++v) {
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      acc[i][v] = S::load((t.start ? t.start : t.c + i * t.c_step) + v * S::width);
    }
  }
  const T* b = t.b;
  for (std::int64_t s = 0; s < t.count; ++s) {
    const T* a[kGroups];
    NNX_UNROLL for (int g = 0; g < kGroups; ++g) a[g] = t.a + t.segments[s].offset + 3 * g * step;
    const auto one = [&](int offset) NNX_LAMBDA_INLINE {
      S vb[V];
      NNX_UNROLL for (int v = 0; v < V; ++v) vb[v] = S::load(b + v * S::width);
      NNX_UNROLL for (int i = 0; i < R; ++i) {
        const S x(a[i / 3][i % 3 * step + offset]);
        NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, vb[v], acc[i][v]);
      }
      b += V * S::width;
    };
    std::int64_t p = t.segments[s].length;
    for (; p >= 2; p -= 2) {
      one(0);
      one(1);
      NNX_UNROLL for (int g = 0; g < kGroups; ++g) a[g] += 2;
    }
    if (p) one(0);
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v].store(t.c + i * t.c_step + v * S::width);
  }
}

template <class T>
struct GatherTiles {
  template <int R, int V>
  struct Kernel {
    static constexpr GatherFn<T> f = gather_tile<T, R, V>;
  };
};
template <class T>
inline constexpr TileTable<GatherFn<T>, GatherTiles<T>::template Kernel> kGatherTiles;

inline constexpr double kNearBytes = 1 << 18;         // of a chunk
inline constexpr std::int64_t kPanelBytes = 1 << 16;  // of packed weights taken at a time, about

// Where a chunk keeps its part of the source: pixels, with zeros around.
struct Frame {
  std::int64_t extent[3];  // along each axis
  std::int64_t origin[3];  // source index of its first
  std::int64_t channels;
  std::int64_t step[3];  // numbers between neighbours
  std::int64_t size;     // of one image

  Frame(const Gather& g, int outer, std::int64_t first, std::int64_t count)
      : channels(g.source_channels) {
    for (int a = 0; a < 3; ++a) {
      const Axis& axis = g.axis[a];
      const std::int64_t j = a == outer ? first : 0, n = a == outer ? count : axis.count;
      extent[a] = axis.reach(n);
      origin[a] = j * axis.source_step + axis.low;
    }
    step[2] = channels;
    step[1] = step[2] * extent[2];
    step[0] = step[1] * extent[1];
    size = step[0] * extent[0];
  }
};

// Lays one image (channels of one group) out in its frame.
template <class T>
void fill_frame(const Gather& g, const Frame& f, const T* source, T* out) {
  const Axis* axis = g.axis;
  const std::int64_t plane = g.source_plane(), channels = f.channels;
  // Columns of the frame that the source has.
  const std::int64_t x0 = std::clamp<std::int64_t>(-f.origin[2], 0, f.extent[2]);
  const std::int64_t x1 = std::clamp<std::int64_t>(axis[2].source - f.origin[2], x0, f.extent[2]);
  for (std::int64_t d = 0; d < f.extent[0]; ++d) {
    for (std::int64_t h = 0; h < f.extent[1]; ++h) {
      T* row = out + d * f.step[0] + h * f.step[1];
      const std::int64_t sd = f.origin[0] + d, sh = f.origin[1] + h;
      const bool there = sd >= 0 && sd < axis[0].source && sh >= 0 && sh < axis[1].source;
      if (!there) {
        std::fill_n(row, f.step[1], T(0));
        continue;
      }
      clear_row(x0 * channels, row);
      planes_to_pixels(source + (sd * axis[1].source + sh) * axis[2].source + f.origin[2] + x0,
                       plane, channels, x1 - x0, row + x0 * channels);
      clear_row((f.extent[2] - x1) * channels, row + x1 * channels);
    }
  }
}

// The segments of a phase in a frame: neighbouring taps of the last axis lie side by side. How many
// there are, and how long they are, does not depend on the frame.
inline std::vector<Segment> segments_of(const Gather& g, const Frame& f, const Phase& phase) {
  std::vector<Segment> all;
  const std::vector<Tap>& last = phase.axis[2]->taps;
  for (const Tap& d : phase.axis[0]->taps)
    for (const Tap& h : phase.axis[1]->taps)
      for (std::size_t w = 0; w < last.size(); ++w) {
        if (w > 0 && last[w].delta == last[w - 1].delta + 1) {
          all.back().length += f.channels;
        } else {
          all.push_back({(d.delta - g.axis[0].low) * f.step[0] +
                             (h.delta - g.axis[1].low) * f.step[1] +
                             (last[w].delta - g.axis[2].low) * f.step[2],
                         f.channels});
        }
      }
  return all;
}
// The same, in parts of about `most` numbers: what is multiplied while the weights are near.
inline std::vector<std::vector<Segment>> depths_of(const std::vector<Segment>& segments,
                                                   std::int64_t most) {
  std::vector<std::vector<Segment>> parts(1);
  std::int64_t depth = 0;
  for (Segment s : segments) {
    while (s.length > 0) {
      const std::int64_t some = s.length <= most * 3 / 2 ? s.length : most;
      if (depth > 0 && depth + some > most) {
        parts.emplace_back();
        depth = 0;
      }
      parts.back().push_back({s.offset, some});
      depth += some;
      s = {s.offset + some, s.length - some};
    }
  }
  return parts;
}

template <class T>
class ChannelsGather {
 public:
  using S = Vec<T>;

  explicit ChannelsGather(const Gather& gather)
      : g_(gather),
        phases_(phases_of(gather)),
        vectors_(ceil_div(g_.dest_channels, S::width)),
        panels_(vectors_, kMaxVectors.of[tallest(gather)]) {
    for (const Phase& p : phases_) depth_ += p.taps() * g_.source_channels;
  }

  // Numbers of packed weights.
  std::int64_t workspace() const { return g_.groups * vectors_ * S::width * depth_; }

  void run(const T* source, const T* weights, const T* bias, core::TileFn activation, T* dest,
           T* packed) const {
    pack(weights, packed);
    const int a = g_.outer_axis();
    const Axis& outer = g_.axis[a];
    const double inner = static_cast<double>(g_.dest_plane()) / static_cast<double>(outer.dest);
    const double source_inner =
        static_cast<double>(g_.source_plane()) / static_cast<double>(outer.source);
    const double work = static_cast<double>(g_.batch * g_.groups) * inner *
                        static_cast<double>(outer.dest) *
                        static_cast<double>(g_.dest_channels * g_.source_channels * g_.taps()) /
                        static_cast<double>(outer.step * g_.axis[1].step * g_.axis[2].step);
    const std::int64_t wanted = wanted_chunks(work);
    const double per_index =
        sizeof(T) * (inner * static_cast<double>(outer.step * panels_.size(0) * S::width) +
                     source_inner * static_cast<double>(outer.source_step * g_.source_channels));
    const Cut cut = cut_of(g_.batch * g_.groups, outer, a, per_index, kNearBytes, wanted);
    // Where images are few and small, chunks take some of the panels each.
    const std::int64_t panel_sets =
        std::clamp<std::int64_t>(ceil_div(wanted, cut.chunks()) / 2, 1, panels_.count);
    const Parts sets(panels_.count, ceil_div(panels_.count, panel_sets));
    parallel_for(cut.chunks() * sets.count, [&](std::int64_t index) {
      const std::int64_t set = index % sets.count, chunk = index / sets.count;
      block(cut, chunk / cut.bands, chunk % cut.bands, sets.first(set), sets.size(set), source,
            bias, activation, dest, packed);
    });
  }

 private:
  // The most pixels of a tile.
  static std::int64_t tallest(const Gather& g) {
    std::int64_t most = 1;
    for (const AxisPhase& p : g.axis[2].phases)
      most = std::max(most, Parts(p.count, kRows).size(0));
    return most;
  }

  // Panel by panel; in a panel phase by phase; for every number of a pixel's row whole vectors.
  T* panel_at(T* packed, std::int64_t group, std::int64_t panel) const {
    return packed + (group * vectors_ + panels_.first(panel)) * S::width * depth_;
  }
  void pack(const T* weights, T* packed) const {
    // Where each tap of the weights begins, in numbers of the row; -1: in no phase.
    std::vector<std::int64_t> at(static_cast<std::size_t>(g_.taps()), -1);
    std::int64_t k = 0;
    for (const Phase& p : phases_)
      p.for_taps(g_.kernel, [&](std::int64_t tap, std::int64_t, std::int64_t, std::int64_t) {
        at[static_cast<std::size_t>(tap)] = k;
        k += g_.source_channels;
      });
    const std::int64_t sources = g_.source_channels;
    const std::int64_t grain = std::max<std::int64_t>(1, 4096 / (depth_ + 1));
    const std::int64_t all = g_.groups * vectors_;
    parallel_for(ceil_div(all, grain), [&](std::int64_t part) {
      for (std::int64_t i = part * grain; i < std::min(all, (part + 1) * grain); ++i) {
        const std::int64_t group = i / vectors_, vector = i % vectors_;
        std::int64_t panel = 0;
        while (panels_.first(panel) + panels_.size(panel) <= vector) ++panel;
        const std::int64_t width = panels_.size(panel) * S::width;
        T* out = panel_at(packed, group, panel) + (vector - panels_.first(panel)) * S::width;
        const std::int64_t d0 = vector * S::width;
        const std::int64_t some = std::min<std::int64_t>(S::width, g_.dest_channels - d0);
        const T* from = weights + group * g_.w_group + d0 * g_.w_dest;
        for (std::int64_t s = 0; s < sources; ++s)
          pack_vector(from + s * g_.w_source, some, at.data(), out + s * width, width);
      }
    });
  }
  // The weights of `some` result channels with one source channel, for all taps.
  void pack_vector(const T* from, std::int64_t some, const std::int64_t* at, T* out,
                   std::int64_t width) const {
    const std::int64_t taps = g_.taps();
    std::int64_t t = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
      if (some == S::width) {
        for (; t + 4 <= taps; t += 4) {
          gemm::Vec v[4];
          gemm::transpose_4([&](int r) NNX_LAMBDA_INLINE { return from + r * g_.w_dest + t; }, v);
          for (int q = 0; q < 4; ++q)
            if (at[t + q] >= 0) gemm::store(out + at[t + q] * width, v[q]);
        }
      }
    }
    for (; t < taps; ++t) {
      if (at[t] < 0) continue;
      T* to = out + at[t] * width;
      for (std::int64_t l = 0; l < S::width; ++l) to[l] = l < some ? from[l * g_.w_dest + t] : T(0);
    }
  }

  void block(const Cut& cut, std::int64_t set, std::int64_t band, std::int64_t first_panel,
             std::int64_t panel_count, const T* source, const T* bias, core::TileFn activation,
             T* dest, T* packed) const {
    const Axis& outer = g_.axis[cut.axis];
    const std::int64_t j0 = band * cut.band, j1 = std::min(outer.count, j0 + cut.band);
    const std::int64_t i0 = set * cut.images;
    const std::int64_t images = std::min(cut.images, g_.batch * g_.groups - i0);
    const Frame frame(g_, cut.axis, j0, j1 - j0);
    const std::int64_t channels = g_.source_channels, source_size = channels * g_.source_plane();
    const std::size_t frames = static_cast<std::size_t>(images * frame.size + kSlack) * sizeof(T);
    T* in = static_cast<T*>(scratch(frames, Slot::pack_a));
    for (std::int64_t i = 0; i < images; ++i)
      fill_frame(g_, frame, source + (i0 + i) * source_size, in + i * frame.size);

    struct Part {
      std::vector<Segment> segments;
      std::int64_t depth;
      bool first;
      const Phase* phase;
    };
    std::vector<Part> parts;
    const std::int64_t most = std::max<std::int64_t>(
        64, kPanelBytes / (panels_.size(0) * S::width * static_cast<std::int64_t>(sizeof(T))));
    for (const Phase& p : phases_) {
      bool first = true;
      for (auto& segments : depths_of(segments_of(g_, frame, p), most)) {
        std::int64_t depth = 0;
        for (const Segment& s : segments) depth += s.length;
        parts.push_back({std::move(segments), depth, first, &p});
        first = false;
      }
    }

    // Result indices of the band: one run of the plane.
    const std::int64_t y0 = j0 * outer.step, y1 = std::min(outer.dest, j1 * outer.step);
    const std::int64_t slab = g_.dest_plane() / outer.dest;  // a plane's pixels for one outer index
    const std::int64_t pixels = (y1 - y0) * slab;
    std::int64_t extent[3], origin[3], step[3];
    for (int a = 0; a < 3; ++a) {
      origin[a] = a == cut.axis ? y0 : 0;
      extent[a] = a == cut.axis ? y1 - y0 : g_.axis[a].dest;
    }
    for (std::int64_t q = first_panel; q < first_panel + panel_count; ++q) {
      const std::int64_t vectors = panels_.size(q), width = vectors * S::width;
      const std::int64_t d0 = panels_.first(q) * S::width;
      const std::int64_t some = std::min(width, g_.dest_channels - d0);
      step[2] = width;
      step[1] = step[2] * extent[2];
      step[0] = step[1] * extent[1];
      const std::size_t size = static_cast<std::size_t>(images * pixels * width + width * S::width);
      T* out = static_cast<T*>(
          scratch((size + static_cast<std::size_t>(width)) * sizeof(T), Slot::work));
      T* start = out + size;
      // Images of one chunk may belong to several groups.
      for (std::int64_t i = 0; i < images; ++i) {
        const std::int64_t group = (i0 + i) % g_.groups;
        if (i == 0 || g_.groups > 1) {
          for (std::int64_t l = 0; l < width; ++l)
            start[l] = bias && l < some ? bias[group * g_.dest_channels + d0 + l] : T(0);
        }
        if (g_.groups > 1 || i == 0) {
          // All images of a single group run through a part of the weights together.
          const T* b = panel_at(packed, group, q);
          const std::int64_t together = g_.groups > 1 ? 1 : images;
          for (const Part& part : parts) {
            for (std::int64_t n = i; n < i + together; ++n)
              multiply(part.segments, *part.phase, part.first ? start : nullptr, frame, cut.axis,
                       j0, j1, in + n * frame.size, b, vectors, out + n * pixels * width, origin,
                       step);
            b += part.depth * width;
          }
        }
      }
      if (activation) {
        void* result = out;
        const core::TileArg arg{out, 1};
        activation(images * pixels * width, &result, &arg);
      }
      for (std::int64_t i = 0; i < images; ++i) {
        const std::int64_t plane = g_.dest_plane();
        pixels_to_planes(out + i * pixels * width, width, some, pixels,
                         dest + ((i0 + i) * g_.dest_channels + d0) * plane + y0 * slab, plane);
      }
    }
  }

  // One part of the weights with all pixels of a phase in one image's band.
  void multiply(const std::vector<Segment>& segments, const Phase& phase, const T* start,
                const Frame& frame, int outer, std::int64_t j0, std::int64_t j1, const T* in,
                const T* b, std::int64_t vectors, T* out, const std::int64_t (&origin)[3],
                const std::int64_t (&step)[3]) const {
    std::int64_t first[3], last[3], pitch[3];  // of j in the phase, and numbers per j in the frame
    for (int a = 0; a < 3; ++a) {
      first[a] = a == outer ? j0 : 0;
      last[a] = std::min(phase.axis[a]->count, a == outer ? j1 : phase.axis[a]->count);
      pitch[a] = frame.step[a] * g_.axis[a].source_step;
    }
    if (last[2] <= first[2]) return;
    const Parts tiles(last[2] - first[2], kRows);
    GatherTile<T> t{
        nullptr, pitch[2], segments.data(),           static_cast<std::int64_t>(segments.size()),
        b,       nullptr,  g_.axis[2].step * step[2], start};
    const auto index = [&](int a, std::int64_t j) {  // of the result, in the band
      return phase.axis[a]->first + j * g_.axis[a].step - origin[a];
    };
    for (std::int64_t d = first[0]; d < last[0]; ++d) {
      for (std::int64_t h = first[1]; h < last[1]; ++h) {
        const T* row = in + (d - first[0]) * pitch[0] + (h - first[1]) * pitch[1];
        T* to = out + index(0, d) * step[0] + index(1, h) * step[1];
        for (std::int64_t i = 0; i < tiles.count; ++i) {
          const std::int64_t w = first[2] + tiles.first(i);
          t.a = row + (w - first[2]) * pitch[2];
          t.c = to + index(2, w) * step[2];
          kGatherTiles<T>.of[tiles.size(i)][vectors](t);
        }
      }
    }
  }

  const Gather& g_;
  std::vector<Phase> phases_;
  std::int64_t vectors_;
  Parts panels_;
  std::int64_t depth_ = 0;
};

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
