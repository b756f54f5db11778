// A convolution as the kernels see it: every number of the result gathers numbers of a source.
//   dest[n, d, i] = sum over s and taps of w[d, s, tap] source[n, s, j * source_step + delta(tap)]
// for the index i = first + j * step of each axis. A correlation (the layer's forward) has step 1
// and one phase. Its transpose has one phase for every remainder of i by the stride, each with the
// taps that reach it, so no product with a zero between strided inputs is ever taken.
// Invariants: geometry alone; what lies outside the source counts as zero. I is wide enough for
// every index of an axis, of the pixels and of the taps (see is_narrow).
#pragma once

#include <limits>
#include <type_traits>

#include "cuda/device.hpp"

namespace nnx::cuda::convolution {

using core::ConvShape;

// What lies where, of either direction.
template <class I>
struct Geometry {
  bool transposed;
  I batch, groups, dest_channels, source_channels;  // channels of a group
  I dest[3], source[3], kernel[3], stride[3], dilation[3], before[3];
  int64_t w_group, w_dest, w_source;  // strides of the weights; taps are adjacent
  int64_t dest_plane, source_plane;

  __host__ __device__ int64_t dest_image() const { return dest_plane * groups * dest_channels; }
  __host__ __device__ int64_t source_image() const {
    return source_plane * groups * source_channels;
  }
  __host__ __device__ I phases(int a) const {
    return !transposed ? 1 : stride[a] < dest[a] ? stride[a] : dest[a];
  }
  I taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

template <class I>
Geometry<I> geometry_of(const ConvShape& s, bool transposed) {
  Geometry<I> g{};
  g.transposed = transposed;
  g.batch = static_cast<I>(s.batch);
  g.groups = static_cast<I>(s.groups);
  g.dest_channels = static_cast<I>(transposed ? s.in_channels : s.out_channels);
  g.source_channels = static_cast<I>(transposed ? s.out_channels : s.in_channels);
  int64_t taps = 1;
  g.dest_plane = g.source_plane = 1;
  for (int a = 0; a < 3; ++a) {
    g.dest[a] = static_cast<I>(transposed ? s.in[a] : s.out[a]);
    g.source[a] = static_cast<I>(transposed ? s.out[a] : s.in[a]);
    g.kernel[a] = static_cast<I>(s.kernel[a]);
    g.stride[a] = static_cast<I>(s.stride[a]);
    g.dilation[a] = static_cast<I>(s.dilation[a]);
    g.before[a] = static_cast<I>(s.before[a]);
    taps *= s.kernel[a];
    g.dest_plane *= g.dest[a];
    g.source_plane *= g.source[a];
  }
  g.w_group = s.out_channels * s.in_channels * taps;
  g.w_dest = transposed ? taps : s.in_channels * taps;
  g.w_source = transposed ? s.in_channels * taps : taps;
  return g;
}

// Whether 32 bits hold every index there is, with room to add two of them.
inline bool is_narrow(const ConvShape& s) {
  double in = static_cast<double>(s.batch), out = in;
  double taps =
      static_cast<double>(s.in_channels > s.out_channels ? s.in_channels : s.out_channels);
  double most = static_cast<double>(s.groups) * taps;
  for (int a = 0; a < 3; ++a) {
    in *= static_cast<double>(s.in[a]);
    out *= static_cast<double>(s.out[a]);
    taps *= static_cast<double>(s.kernel[a]);
    const double reach = static_cast<double>(s.out[a]) * static_cast<double>(s.stride[a]) +
                         static_cast<double>(s.kernel[a]) * static_cast<double>(s.dilation[a]) +
                         static_cast<double>(s.before[a] < 0 ? -s.before[a] : s.before[a]);
    if (reach > most) most = reach;
  }
  for (const double n : {in, out, taps})
    if (n > most) most = n;
  return most < 0x1p30;
}

// One axis of a phase. Tap q is the kernel's element tap + q * tap_step and lies delta + q *
// delta_step from where index j stands in the source.
template <class I>
struct PhaseAxis {
  I first, count, step;
  I taps, tap, tap_step;
  I delta, delta_step, source_step;
};

template <class I>
__device__ PhaseAxis<I> phase_axis(const Geometry<I>& g, int a, I phase) {
  if (!g.transposed)
    return {0, g.dest[a], 1, g.kernel[a], 0, 1, -g.before[a], g.dilation[a], g.stride[a]};
  const I stride = g.stride[a], at = phase + g.before[a];
  const auto reaches = [&](I k) { return stride == 1 || (at - k * g.dilation[a]) % stride == 0; };
  I tap = 0, tap_step = 1;
  while (tap < g.kernel[a] && !reaches(tap)) ++tap;
  while (tap + tap_step < g.kernel[a] && !reaches(tap + tap_step)) ++tap_step;
  const I left = g.kernel[a] - tap;  // the taps that reach are tap_step apart
  return {phase,
          (g.dest[a] - phase + stride - 1) / stride,
          stride,
          left > 0 ? (left - 1) / tap_step + 1 : 0,
          tap,
          tap_step,
          (at - tap * g.dilation[a]) / stride,
          -(tap_step * g.dilation[a]) / stride,
          1};
}

// A pixel of the result or a tap: its share of an index into the source, and where it stands
// itself, a pixel in the result (first channel of the group), a tap in the weights.
template <class I>
struct Spot {
  int64_t in_source, itself;
  I at[3];
};

// Lies outside whatever it is added to.
template <class I>
__device__ Spot<I> spot_outside() {
  return {0, -1, {std::numeric_limits<I>::min() / 2, 0, 0}};
}

template <class I>
__device__ Spot<I> pixel_spot(const Geometry<I>& g, const PhaseAxis<I>* axis, I pixel) {
  Spot<I> s;
  I j[3];
  for (int a = 2; a >= 0; --a) {
    const I rest = pixel / axis[a].count;
    j[a] = pixel - rest * axis[a].count;
    pixel = rest;
  }
  s.in_source = s.itself = 0;
  for (int a = 0; a < 3; ++a) {
    s.at[a] = j[a] * axis[a].source_step;
    s.in_source = s.in_source * g.source[a] + s.at[a];
    s.itself = s.itself * g.dest[a] + axis[a].first + j[a] * axis[a].step;
  }
  s.in_source += pixel * g.source_image();
  s.itself += pixel * g.dest_image();
  return s;
}

// Taps count the source's channels too.
template <class I>
__device__ Spot<I> tap_spot(const Geometry<I>& g, const PhaseAxis<I>* axis, I tap) {
  Spot<I> s;
  I q[3];
  for (int a = 2; a >= 0; --a) {
    const I rest = tap / axis[a].taps;
    q[a] = tap - rest * axis[a].taps;
    tap = rest;
  }
  s.in_source = s.itself = 0;
  for (int a = 0; a < 3; ++a) {
    s.at[a] = axis[a].delta + q[a] * axis[a].delta_step;
    s.in_source = s.in_source * g.source[a] + s.at[a];
    s.itself = s.itself * g.kernel[a] + axis[a].tap + q[a] * axis[a].tap_step;
  }
  s.in_source += tap * g.source_plane;
  s.itself += tap * g.w_source;
  return s;
}

template <class I>
__device__ bool inside(const Geometry<I>& g, const Spot<I>& pixel, const Spot<I>& tap) {
  using U = std::make_unsigned_t<I>;
  bool yes = true;
  for (int a = 0; a < 3; ++a)
    yes &= static_cast<U>(pixel.at[a] + tap.at[a]) < static_cast<U>(g.source[a]);
  return yes;
}

__device__ inline float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
__device__ inline double fused(double a, double b, double c) { return ::fma(a, b, c); }

}  // namespace nnx::cuda::convolution
