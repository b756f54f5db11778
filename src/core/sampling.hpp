// Where an image is sampled: from a coordinate on one axis to the elements that count, and how much
// each does. One text for the CPU's kernel, on vectors and on vectors with a slope, and for what
// that kernel computes in ops, on tensors.
// A value type V has the operators of numbers with V and with doubles, comparisons that give masks,
// and found by its type: floor(v) and round(v) (half to even), through which no gradient passes,
// abs(v) and where(mask, yes, no).
// Invariants: NaN gives weights that are NaN; an element outside the axis has the weight 0.
#pragma once

#include <cstdint>

namespace nnx::core::sampling {

enum class Mode : std::uint8_t { nearest, linear, cubic };
enum class Padding : std::uint8_t { zeros, border, reflection };

constexpr int taps_of(Mode mode) {
  return mode == Mode::nearest ? 1 : mode == Mode::linear ? 2 : 4;
}

struct Axis {
  double length;
  Padding padding;
  bool align_corners;
};

// The place in elements, where -1 and 1 are the outer edges of the first and last elements or, with
// align_corners, their middles.
template <class V>
V place_of(const V& c, const Axis& axis) {
  if (axis.align_corners) return (c + 1.0) * 0.5 * (axis.length - 1);
  return ((c + 1.0) * axis.length - 1.0) * 0.5;
}

// Places moved inside, but for padding with zeros.
template <class V>
V inside(V at, const Axis& axis) {
  if (axis.padding == Padding::zeros) return at;
  if (axis.length == 1) return at * 0.0;
  if (axis.padding == Padding::reflection) {
    const double low = axis.align_corners ? 0 : -0.5;
    const double span = axis.align_corners ? axis.length - 1 : axis.length;
    const V far = abs(at - low);
    const V rest = far - floor(far / (2 * span)) * (2 * span);
    at = where(rest > span, 2 * span - rest, rest) + low;
  }
  const double last = axis.length - 1;
  return where(at <= 0.0, V(0.0), where(at >= last, V(last), at));
}

// The elements about the place of coordinate c, taps_of(kMode) of them, and their weights.
template <Mode kMode, class V>
void taps(const V& c, const Axis& axis, V* element, V* weight) {
  const V place = place_of(c, axis);
  if constexpr (kMode == Mode::nearest) {
    const V at = inside(place, axis);
    element[0] = round(at);
    weight[0] = at * 0.0 + 1.0;
  } else if constexpr (kMode == Mode::linear) {
    const V at = inside(place, axis);
    element[0] = floor(at);
    element[1] = element[0] + 1.0;
    weight[1] = at - element[0];
    weight[0] = 1.0 - weight[1];
  } else {  // Keys' kernel with a = -0.75; each element is moved inside by itself
    constexpr double a = -0.75;
    const auto near = [](const V& d) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; };
    const auto far = [](const V& d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    const V below = floor(place), rest = place - below;
    for (int k = 0; k < 4; ++k) element[k] = inside(below + (k - 1.0), axis);
    weight[0] = far(rest + 1.0);
    weight[1] = near(rest);
    weight[2] = near(1.0 - rest);
    weight[3] = far(2.0 - rest);
  }
  for (int k = 0; k < taps_of(kMode); ++k)
    weight[k] = where((element[k] < 0.0) | (element[k] > axis.length - 1), V(0.0), weight[k]);
}

}  // namespace nnx::core::sampling
