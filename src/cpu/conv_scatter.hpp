// Convolution with vectors over pixels, for few result channels and a source smaller than the
// result: the gradient in x of a correlation without padding.
//
// For each tap the products of all source channels are summed in registers and added to the results
// where the tap carries them. The source lies in rows as long as all taps reach, with zeros behind,
// so that every shift is one number: no row of zeros around the source is ever multiplied.
// Invariant: a number is summed over channels, then taps, in an order that depends on the shape
// alone.
#pragma once

#include <vector>

#include "cpu/conv_pixels.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

// c[i, q] += sum over s of w[s, i] a[s, q]
template <class T>
struct ScatterTile {
  const T* a;
  std::int64_t a_step, k;
  const T* w;
  T* c;
  std::int64_t c_step;
};
template <class T>
using ScatterFn = void (*)(const ScatterTile<T>&);

template <class T, int R, int V>
void scatter_tile(const ScatterTile<T>& t) {
  using S = Vec<T>;
  S acc[R][V];
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = S(0);
  }
  const T *w = t.w, *a = t.a;
  for (std::int64_t s = 0; s < t.k; ++s, w += R, a += t.a_step) {
    S va[V];
    NNX_UNROLL for (int v = 0; v < V; ++v) va[v] = S::load(a + v * S::width);
    NNX_UNROLL for (int i = 0; i < R; ++i) {
      const S x(w[i]);
      NNX_UNROLL for (int v = 0; v < V; ++v) acc[i][v] = fma(x, va[v], acc[i][v]);
    }
  }
  NNX_UNROLL for (int i = 0; i < R; ++i) {
    NNX_UNROLL for (int v = 0; v < V; ++v) {
      T* c = t.c + i * t.c_step + v * S::width;
      (S::load(c) + acc[i][v]).store(c);
    }
  }
}

template <class T>
struct ScatterTiles {
  template <int R, int V>
  struct Kernel {
    static constexpr ScatterFn<T> f = scatter_tile<T, R, V>;
  };
};
template <class T>
inline constexpr TileTable<ScatterFn<T>, ScatterTiles<T>::template Kernel> kScatterTiles;

template <class T>
class PixelsScatter {
 public:
  using S = Vec<T>;

  explicit PixelsScatter(const Gather& gather)
      : g_(gather), phase_(phases_of(gather).front()), tiles_(g_.dest_channels, gemm::kRows) {
    const Axis &h = g_.axis[1], &w = g_.axis[2];
    row_ = w.source + w.high - w.low;
    vectors_ = ceil_div((h.source - 1) * row_ + w.source, S::width);
    source_ = gemm::block_size(vectors_ * S::width);
    // The last shift of the last vector ends here.
    sums_ = gemm::block_size((h.high - h.low) * row_ + w.high - w.low + vectors_ * S::width);
  }

  // Whether a shape can be done so, and is done with clearly fewer products.
  static bool fits(const Gather& g) {
    const Axis &h = g.axis[1], &w = g.axis[2];
    for (const Axis* a : {&h, &w})
      if (a->step != 1 || a->source_step != 1 || a->high < 0 || a->dest > a->source - a->low)
        return false;
    if (g.axis[0].dest != 1 || g.axis[0].source != 1 || g.kernel[0] != 1) return false;
    const double row = static_cast<double>(w.source + w.high - w.low);
    const double here = static_cast<double>(h.source) * row;
    const double there = static_cast<double>(h.dest * w.reach(w.dest));
    return g.source_channels >= 8 && here < 0.8 * there &&
           here * static_cast<double>(g.source_channels) < kNearPlanes;
  }

  std::int64_t workspace() const {
    return g_.groups * g_.dest_channels * g_.source_channels * g_.taps();
  }

  void run(const T* source, const T* weights, const T* bias, core::TileFn activation, T* dest,
           T* packed) const {
    pack(weights, packed);
    const std::int64_t images = g_.batch * g_.groups;
    const double work = static_cast<double>(images * vectors_ * S::width) *
                        static_cast<double>(g_.dest_channels * g_.source_channels * g_.taps());
    const Parts chunks(images, std::max<std::int64_t>(1, images / wanted_chunks(work)));
    parallel_for(chunks.count, [&](std::int64_t chunk) {
      for (std::int64_t i = 0; i < chunks.size(chunk); ++i)
        image(chunks.first(chunk) + i, source, bias, activation, dest, packed);
    });
  }

 private:
  // By group, tile of result channels, tap: [source channel][channel of the tile].
  void pack(const T* weights, T* out) const {
    for (std::int64_t group = 0; group < g_.groups; ++group)
      for (std::int64_t t = 0; t < tiles_.count; ++t)
        phase_.for_taps(g_.kernel, [&](std::int64_t tap, auto...) {
          for (std::int64_t s = 0; s < g_.source_channels; ++s)
            for (std::int64_t i = 0; i < tiles_.size(t); ++i)
              *out++ = weights[group * g_.w_group + (tiles_.first(t) + i) * g_.w_dest +
                               s * g_.w_source + tap];
        });
  }

  void image(std::int64_t index, const T* source, const T* bias, core::TileFn activation, T* dest,
             const T* packed) const {
    const Axis &h = g_.axis[1], &w = g_.axis[2];
    const std::int64_t channels = g_.source_channels, results = g_.dest_channels;
    T* in = static_cast<T*>(
        scratch(static_cast<std::size_t>(channels * source_) * sizeof(T), Slot::pack_a));
    for (std::int64_t s = 0; s < channels; ++s)
      lay_rows(source + (index * channels + s) * g_.source_plane(), h.source, w.source, row_,
               vectors_ * S::width, in + s * source_);
    T* sums =
        static_cast<T*>(scratch(static_cast<std::size_t>(results * sums_) * sizeof(T), Slot::work));
    const std::int64_t group = index % g_.groups;
    for (std::int64_t d = 0; d < results; ++d)
      std::fill_n(sums + d * sums_, sums_, bias ? bias[group * results + d] : T(0));

    const T* b = packed + group * results * channels * g_.taps();
    for (std::int64_t t = 0; t < tiles_.count; ++t) {
      const std::int64_t height = tiles_.size(t);
      const Parts runs(vectors_, gemm::kMaxVectors.of[height]);
      T* to = sums + tiles_.first(t) * sums_;
      phase_.for_taps(g_.kernel, [&](std::int64_t, std::int64_t, std::int64_t dh, std::int64_t dw) {
        const std::int64_t shift = (h.high - dh) * row_ + w.high - dw;
        for (std::int64_t r = 0; r < runs.count; ++r) {
          const std::int64_t q = runs.first(r) * S::width;
          kScatterTiles<T>.of[height][runs.size(r)](
              {in + q, source_, channels, b, to + shift + q, sums_});
        }
        b += channels * height;
      });
    }
    if (activation) {
      void* result = sums;
      const core::TileArg arg{sums, 1};
      activation(results * sums_, &result, &arg);
    }
    for (std::int64_t d = 0; d < results; ++d)
      for (std::int64_t y = 0; y < h.dest; ++y)
        copy_row(sums + d * sums_ + (y + h.high) * row_ + w.high, w.dest,
                 dest + ((index * results + d) * h.dest + y) * w.dest);
  }

  const Gather& g_;
  Phase phase_;
  Parts tiles_;
  // Numbers of a row, of a channel of the source, and of one of the results; vectors of a channel.
  std::int64_t row_, source_, sums_, vectors_;
};

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
