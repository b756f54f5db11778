// A convolution as the kernels see it: every number of the result gathers numbers of a source.
//   dest[n, d, i] = sum over s and taps of w[d, s, tap] source[n, s, j * source_step + delta(tap)]
// for the index i = first + j * step of each axis. A correlation (the layer's forward) has step 1
// and one phase. Its transpose has one phase for every remainder of i by the stride, each with the
// taps that reach it, so no product with a zero between strided inputs is ever taken.
// Invariant: geometry alone; what lies outside the source counts as zero.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/kernels.hpp"
#include "cpu/gemm.hpp"

namespace nnx::cpu::inline NNX_LEVEL::convolution {

using gemm::ceil_div;
using gemm::Parts;

struct Tap {
  std::int64_t k, delta;
};
// Indices first, first + step, ...
struct AxisPhase {
  std::int64_t first, count;
  std::vector<Tap> taps;  // by ascending delta
};
struct Axis {
  std::int64_t dest, source, step, source_step;
  std::int64_t low = 0, high = 0;  // of delta, over all phases
  std::int64_t count = 0;          // of j, over all phases
  std::vector<AxisPhase> phases;

  // Source indices that `n` neighbouring j reach.
  std::int64_t reach(std::int64_t n) const { return (n - 1) * source_step + high - low + 1; }
};

inline Axis correlation_axis(const core::ConvShape& s, int a) {
  Axis axis{s.out[a], s.in[a], 1, s.stride[a]};
  AxisPhase all{0, s.out[a], {}};
  for (std::int64_t k = 0; k < s.kernel[a]; ++k)
    all.taps.push_back({k, k * s.dilation[a] - s.before[a]});
  axis.phases.push_back(std::move(all));
  return axis;
}
inline Axis transposed_axis(const core::ConvShape& s, int a) {
  Axis axis{s.in[a], s.out[a], s.stride[a], 1};
  for (std::int64_t r = 0; r < std::min(s.stride[a], s.in[a]); ++r) {
    AxisPhase phase{r, ceil_div(s.in[a] - r, s.stride[a]), {}};
    for (std::int64_t k = s.kernel[a] - 1; k >= 0; --k) {
      const std::int64_t at = r + s.before[a] - k * s.dilation[a];
      if (at % s.stride[a] == 0) phase.taps.push_back({k, at / s.stride[a]});
    }
    axis.phases.push_back(std::move(phase));
  }
  return axis;
}

struct Gather {
  std::int64_t batch, groups, dest_channels, source_channels;  // channels of a group
  Axis axis[3];
  std::int64_t kernel[3];
  std::int64_t w_group, w_dest, w_source;  // strides of the weights; taps are adjacent

  std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t dest_plane() const { return axis[0].dest * axis[1].dest * axis[2].dest; }
  std::int64_t source_plane() const { return axis[0].source * axis[1].source * axis[2].source; }
  // The first axis along which there is more than one result: what work is cut along, so that the
  // results of a piece are one run of a plane.
  int outer_axis() const {
    int a = 0;
    while (a < 2 && axis[a].dest == 1) ++a;
    return a;
  }
};

inline Gather gather_of(const core::ConvShape& s, bool transposed) {
  Gather g{};
  g.batch = s.batch;
  g.groups = s.groups;
  g.dest_channels = transposed ? s.in_channels : s.out_channels;
  g.source_channels = transposed ? s.out_channels : s.in_channels;
  for (int a = 0; a < 3; ++a) {
    Axis& axis = g.axis[a] = transposed ? transposed_axis(s, a) : correlation_axis(s, a);
    g.kernel[a] = s.kernel[a];
    bool any = false;
    for (const AxisPhase& p : axis.phases) {
      axis.count = std::max(axis.count, p.count);
      for (const Tap& t : p.taps) {
        axis.low = any ? std::min(axis.low, t.delta) : t.delta;
        axis.high = any ? std::max(axis.high, t.delta) : t.delta;
        any = true;
      }
    }
  }
  const std::int64_t taps = g.taps(), of_out = s.in_channels * taps;
  g.w_group = s.out_channels * of_out;
  g.w_dest = transposed ? taps : of_out;
  g.w_source = transposed ? of_out : taps;
  return g;
}

// One choice of a phase for each axis.
struct Phase {
  const AxisPhase* axis[3];
  std::int64_t taps() const {
    return static_cast<std::int64_t>(axis[0]->taps.size() * axis[1]->taps.size() *
                                     axis[2]->taps.size());
  }
  // f(index of the tap in the weights, delta of each axis): in the order products are summed in.
  template <class F>
  void for_taps(const std::int64_t (&kernel)[3], F&& f) const {
    for (const Tap& a : axis[0]->taps)
      for (const Tap& b : axis[1]->taps)
        for (const Tap& c : axis[2]->taps)
          f((a.k * kernel[1] + b.k) * kernel[2] + c.k, a.delta, b.delta, c.delta);
  }
};
inline std::vector<Phase> phases_of(const Gather& g) {
  std::vector<Phase> all;
  for (const AxisPhase& a : g.axis[0].phases)
    for (const AxisPhase& b : g.axis[1].phases)
      for (const AxisPhase& c : g.axis[2].phases) all.push_back({{&a, &b, &c}});
  return all;
}

// How work is cut: a chunk is some images, or a band of one image along its outer axis.
// Follows from shapes alone.
struct Cut {
  int axis;                 // the outer axis
  std::int64_t images;      // of a chunk
  std::int64_t band;        // indices j of a chunk along the outer axis, at most
  std::int64_t image_sets;  // chunks along the batch
  std::int64_t bands;       // chunks along the outer axis

  std::int64_t chunks() const { return image_sets * bands; }
};
// `per_index`: numbers a chunk keeps near for each j of the outer axis; `near`: at most in all.
inline Cut cut_of(std::int64_t batch, const Axis& outer, int axis, double per_index, double near,
                  std::int64_t wanted) {
  Cut c{axis, 1, outer.count, batch, 1};
  const double whole = per_index * static_cast<double>(outer.count);
  if (whole > near || batch < wanted) {
    const std::int64_t fits =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(near / per_index));
    const std::int64_t parts =
        std::max(ceil_div(outer.count, fits), std::min(outer.count, ceil_div(wanted, batch)));
    c.band = ceil_div(outer.count, parts);
    c.bands = ceil_div(outer.count, c.band);
  }
  if (c.bands == 1) {
    const std::int64_t fits = std::max<std::int64_t>(1, static_cast<std::int64_t>(near / whole));
    c.images = std::clamp<std::int64_t>(batch / wanted, 1, fits);
    c.image_sets = ceil_div(batch, c.images);
  }
  return c;
}
// Chunks that are worth their start, for so many multiplications.
inline std::int64_t wanted_chunks(double work) {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(work / (gemm::kWidth * 32768.0)), 1,
                                  32);
}

}  // namespace nnx::cpu::inline NNX_LEVEL::convolution
