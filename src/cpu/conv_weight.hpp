// The gradient of a correlation's weights with vectors over channels: see conv_channels.hpp, whose
// frames it reads.
// Invariant: images are cut into sets by the shape alone, and the sums of sets are added in order.
#pragma once

#include <vector>

#include "cpu/conv_channels.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

// Sums of weight gradients: c[i, v] += sum over rows and pixels of a[i, pixel] b_v[pixel].
struct RowAt {
  std::int64_t a, b;
};
template <class T>
struct WeightTile {
  const T* a;
  std::int64_t a_step;  // between channels
  const T* b;
  std::int64_t b_step;     // between pixels
  const std::int64_t* at;  // of every vector, from b
  const RowAt* rows;
  std::int64_t count, pixels;
  T* c;
  std::int64_t c_step;
};
template <class T>
using WeightFn = void (*)(const WeightTile<T>&);

template <class T, int R, int V>
void weight_tile(const WeightTile<T>& t) {
  using S = Vec<T>;
  constexpr int kGroups = (R + 2) / 3;
  const std::int64_t step = t.a_step, b_step = t.b_step;
  S acc[R][V];
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = S::load(t.c + i * t.c_step + v * S::width);
  }
  for (std::int64_t r = 0; r < t.count; ++r) {
    const T* a[kGroups];
    NNX_UNROLL for (int g = 0; g < kGroups; ++g) a[g] = t.a + t.rows[r].a + 3 * g * step;
    const T* b[V];
    NNX_UNROLL for (int v = 0; v < V; ++v) b[v] = t.b + t.rows[r].b + t.at[v];
    for (std::int64_t p = 0; p < t.pixels; ++p) {
      S vb[V];
      NNX_UNROLL for (int v = 0; v < V; ++v) {
        vb[v] = S::load(b[v]);
        b[v] += b_step;
      }
      NNX_UNROLL for (int i = 0; i < R; ++i) {
        const S x(a[i / 3][i % 3 * step]);
        NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, vb[v], acc[i][v]);
      }
      NNX_UNROLL for (int g = 0; g < kGroups; ++g)++ a[g];
    }
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v].store(t.c + i * t.c_step + v * S::width);
  }
}

template <class T>
struct WeightTiles {
  template <int R, int V>
  struct Kernel {
    static constexpr WeightFn<T> f = weight_tile<T, R, V>;
  };
};
template <class T>
inline constexpr TileTable<WeightFn<T>, WeightTiles<T>::template Kernel> kWeightTiles;

// The gradient of a correlation's weights: dw[o, c, tap] = sum over pixels of dy[o] x[c, tap].
// Vectors run over the numbers that lie side by side in a frame, so x is read as it stands there.
template <class T>
class ChannelsWeight {
 public:
  using S = Vec<T>;

  explicit ChannelsWeight(const Gather& gather) : g_(gather), phase_(phases_of(gather).front()) {
    const std::int64_t outs = g_.dest_channels;
    const Frame frame(g_, g_.outer_axis(), 0, 1);
    for (const Segment& s : segments_of(g_, frame, phase_)) row_ += ceil_div(s.length, S::width);
    row_ *= S::width;
    const double work = static_cast<double>(g_.batch * g_.groups * g_.dest_plane()) *
                        static_cast<double>(outs * g_.source_channels * g_.taps());
    wanted_ = std::min<std::int64_t>(wanted_chunks(work), 16);
    // A block of sums stays in a near cache; the images are cut as long as all sums together do
    // not take much more room than the images.
    const std::int64_t most = std::max<std::int64_t>(kRows, (1 << 17) / row_);
    blocks_ = Parts(ceil_div(outs, kRows), ceil_div(most, kRows)).count;
    const std::int64_t all = g_.groups * outs * row_;
    sets_ =
        std::clamp<std::int64_t>(ceil_div(wanted_, g_.groups * blocks_), 1,
                                 std::min(g_.batch, std::max<std::int64_t>(1, (1 << 21) / all)));
    if (g_.groups * sets_ * blocks_ < wanted_)
      blocks_ = std::min(ceil_div(outs, kRows), ceil_div(wanted_, g_.groups * sets_));
  }

  std::int64_t workspace() const { return sets_ * g_.groups * g_.dest_channels * row_; }

  void run(const T* x, const T* dy, T* dw, T* partial) const {
    const Parts sets(g_.batch, ceil_div(g_.batch, sets_));
    const Parts blocks(g_.dest_channels, ceil_div(g_.dest_channels, blocks_));
    const std::int64_t all = g_.groups * g_.dest_channels * row_;
    parallel_for(sets.count * blocks.count * g_.groups, [&](std::int64_t chunk) {
      const std::int64_t group = chunk % g_.groups, rest = chunk / g_.groups;
      const std::int64_t block = rest % blocks.count, set = rest / blocks.count;
      T* out = partial + set * all + (group * g_.dest_channels + blocks.first(block)) * row_;
      std::fill_n(out, blocks.size(block) * row_, T(0));
      add_images(sets.first(set), sets.size(set), group, blocks.first(block), blocks.size(block), x,
                 dy, out);
    });
    // Sets are added in order, and taken to the layout of the weights.
    const std::int64_t rows = g_.groups * g_.dest_channels, taps = g_.taps();
    std::vector<std::int64_t> at;
    const Frame frame(g_, g_.outer_axis(), 0, 1);
    std::int64_t begin = 0;
    for (const Segment& s : segments_of(g_, frame, phase_)) {
      for (std::int64_t k = 0; k < s.length; k += g_.source_channels) at.push_back(begin + k);
      begin += ceil_div(s.length, S::width) * S::width;
    }
    parallel_for(ceil_div(rows, 16), [&](std::int64_t part) {
      for (std::int64_t r = part * 16; r < std::min(rows, part * 16 + 16); ++r) {
        T* sum = partial + r * row_;
        for (std::int64_t set = 1; set < sets.count; ++set)
          for (std::int64_t k = 0; k < row_; ++k) sum[k] += partial[set * all + r * row_ + k];
        T* to = dw + r * g_.source_channels * taps;
        for (std::int64_t c = 0; c < g_.source_channels; ++c)
          for (std::int64_t t = 0; t < taps; ++t)
            to[c * taps + t] = sum[at[static_cast<std::size_t>(t)] + c];
      }
    });
  }

 private:
  void add_images(std::int64_t i0, std::int64_t count, std::int64_t group, std::int64_t o0,
                  std::int64_t outs, const T* x, const T* dy, T* out) const {
    const int a = g_.outer_axis();
    const Axis& outer = g_.axis[a];
    const std::int64_t plane = g_.dest_plane(), slab = plane / outer.dest;
    const std::int64_t source_size = g_.source_channels * g_.source_plane();
    const double per_index =
        sizeof(T) * static_cast<double>(slab * outs + outer.source_step * g_.source_channels *
                                                          (g_.source_plane() / outer.source));
    const Cut cut = cut_of(count, outer, a, per_index, kNearBytes, 1);
    std::vector<RowAt> rows;
    for (std::int64_t set = 0; set < cut.image_sets; ++set) {
      for (std::int64_t band = 0; band < cut.bands; ++band) {
        const std::int64_t j0 = band * cut.band, j1 = std::min(outer.count, j0 + cut.band);
        const std::int64_t first = i0 + set * cut.images;
        const std::int64_t images = std::min(cut.images, i0 + count - first);
        const Frame frame(g_, a, j0, j1 - j0);
        T* in = static_cast<T*>(scratch(
            static_cast<std::size_t>(images * frame.size + kSlack * 16) * sizeof(T), Slot::pack_a));
        const std::int64_t pixels = (j1 - j0) * slab;
        const std::int64_t step = gemm::block_size(images * pixels);
        T* g = static_cast<T*>(
            scratch(static_cast<std::size_t>(outs * step) * sizeof(T), Slot::pack_b));
        for (std::int64_t i = 0; i < images; ++i) {
          const std::int64_t image = (first + i) * g_.groups + group;
          fill_frame(g_, frame, x + image * source_size, in + i * frame.size);
          for (std::int64_t o = 0; o < outs; ++o)
            std::copy_n(dy + (image * g_.dest_channels + o0 + o) * plane + j0 * slab, pixels,
                        g + o * step + i * pixels);
        }
        std::int64_t extent[3], pitch[3];
        for (int b = 0; b < 3; ++b) {
          extent[b] = b == a ? j1 - j0 : g_.axis[b].dest;
          pitch[b] = frame.step[b] * g_.axis[b].source_step;
        }
        rows.clear();
        for (std::int64_t i = 0; i < images; ++i)
          for (std::int64_t d = 0; d < extent[0]; ++d)
            for (std::int64_t h = 0; h < extent[1]; ++h)
              rows.push_back({i * pixels + (d * extent[1] + h) * extent[2],
                              i * frame.size + d * pitch[0] + h * pitch[1]});
        multiply(frame, rows, extent[2], pitch[2], g, step, outs, in, out);
      }
    }
  }
  void multiply(const Frame& frame, const std::vector<RowAt>& rows, std::int64_t pixels,
                std::int64_t pitch, const T* g, std::int64_t step, std::int64_t outs, const T* in,
                T* out) const {
    std::vector<std::int64_t> at;
    for (const Segment& s : segments_of(g_, frame, phase_))
      for (std::int64_t k = 0; k < s.length; k += S::width) at.push_back(s.offset + k);
    const Parts tiles(outs, kRows);
    WeightTile<T> t{
        nullptr, step,    in,  pitch, nullptr, rows.data(), static_cast<std::int64_t>(rows.size()),
        pixels,  nullptr, row_};
    // A tile of dy stays in the nearest cache while panels of x pass by; the other order measured
    // the same.
    for (std::int64_t i = 0; i < tiles.count; ++i) {
      const std::int64_t height = tiles.size(i);
      const Parts panels(static_cast<std::int64_t>(at.size()), kMaxVectors.of[height]);
      t.a = g + tiles.first(i) * step;
      for (std::int64_t p = 0; p < panels.count; ++p) {
        t.at = at.data() + panels.first(p);
        t.c = out + tiles.first(i) * row_ + panels.first(p) * S::width;
        kWeightTiles<T>.of[height][panels.size(p)](t);
      }
    }
  }

  const Gather& g_;
  Phase phase_;
  std::int64_t row_ =
      0;  // numbers of sums for each result channel: whole vectors for every segment
  std::int64_t wanted_, blocks_, sets_;
};

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
