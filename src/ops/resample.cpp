// Making an axis longer or shorter: every new position is a weighted sum of old ones. See ops.hpp.
// The weights are a sparse matrix, a row for each new position, made from the lengths alone; the
// gradient is the same kernel with the matrix transposed, so it is an op with a gradient, too.
// in = x; extra = length before and after, i[0] = axis, i[1] = Resampling, i[2] = whether positions
// are rounded as float32, f[0] = factor or 0, flag = align_corners.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// --- weights -------------------------------------------------------------------------------------

struct Geometry {
  std::int64_t before, after;
  Resampling mode;
  bool single, align;
  double factor;

  explicit Geometry(const Attrs& a)
      : before(a.extra[0]),
        after(a.extra[1]),
        mode(static_cast<Resampling>(a.i[1])),
        single(a.i[2] != 0),
        align(a.flag),
        factor(a.f[0]) {}

  // Old positions between two new ones.
  double step() const {
    if (align)
      return after > 1 ? static_cast<double>(before - 1) / static_cast<double>(after - 1) : 0;
    return factor > 0 ? 1 / factor : static_cast<double>(before) / static_cast<double>(after);
  }
  std::int64_t inside(double position) const {
    return static_cast<std::int64_t>(std::clamp(position, 0.0, static_cast<double>(before - 1)));
  }
};

// The old position nearest to a new one. Rounding decides at the borders between elements, so it is
// PyTorch's: a product in the precision of the data, rounded to float (where that holds positions).
template <class R>
std::int64_t nearest(const Geometry& g, std::int64_t j) {
  const R step = g.factor > 0 ? static_cast<R>(1 / g.factor)
                              : static_cast<R>(g.before) / static_cast<R>(g.after);
  const R shift = g.mode == Resampling::nearest_exact ? R(0.5) : R(0);
  const R position = (static_cast<R>(j) + shift) * step;
  const bool small = std::max(g.before, g.after) < 1 << 24;
  return g.inside(std::floor(small ? static_cast<double>(static_cast<float>(position)) : position));
}

// Keys' kernel at distance x: a = -0.75, or -0.5 where it is widened.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

double lanczos(double x) {  // of three lobes
  const auto sinc = [](double t) {
    return t == 0 ? 1 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t);
  };
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

// Widened with the step, so that all old positions count where there are fewer new ones.
template <class F>
void antialiased(const Geometry& g, std::int64_t j, F&& term) {
  const int reach = g.mode == Resampling::linear_antialias  ? 1
                    : g.mode == Resampling::cubic_antialias ? 2
                                                            : 3;
  const double wide = std::max(g.step(), 1.0), support = reach * wide;
  const double centre = g.step() * (static_cast<double>(j) + 0.5);
  const auto edge = [&](double p) {
    return static_cast<std::int64_t>(std::clamp(p + 0.5, 0.0, static_cast<double>(g.before)));
  };
  const std::int64_t first = edge(centre - support), last = edge(centre + support);
  const auto weight = [&](std::int64_t i) {
    const double d = (static_cast<double>(i) - centre + 0.5) / wide;
    return reach == 1 ? std::max(1 - std::abs(d), 0.0) : reach == 2 ? cubic(d, -0.5) : lanczos(d);
  };
  double total = 0;
  for (std::int64_t i = first; i < last; ++i) total += weight(i);
  for (std::int64_t i = first; i < last; ++i) term(i, total != 0 ? weight(i) / total : weight(i));
}

// term(old position, weight) for each term of new position j.
template <class F>
void for_terms(const Geometry& g, std::int64_t j, F&& term) {
  const double at = static_cast<double>(j);
  switch (g.mode) {
    case Resampling::nearest:
    case Resampling::nearest_exact:
      return term(g.single ? nearest<float>(g, j) : nearest<double>(g, j), 1.0);
    case Resampling::area: {
      const std::int64_t first = j * g.before / g.after;
      const std::int64_t last = ((j + 1) * g.before + g.after - 1) / g.after;
      for (std::int64_t i = first; i < last; ++i) term(i, 1 / static_cast<double>(last - first));
      return;
    }
    case Resampling::linear_antialias:
    case Resampling::cubic_antialias:
    case Resampling::lanczos_antialias: return antialiased(g, j, term);
    default: break;
  }
  double position = g.align ? g.step() * at : g.step() * (at + 0.5) - 0.5;
  if (g.mode == Resampling::linear) position = std::max(position, 0.0);
  const double below = std::min(std::floor(position), static_cast<double>(g.before - 1));
  const double rest = std::clamp(position - below, 0.0, 1.0);
  if (g.mode == Resampling::linear) {
    term(g.inside(below), 1 - rest);
    term(g.inside(below + 1), rest);
    return;
  }
  for (int k = -1; k <= 2; ++k) term(g.inside(below + k), cubic(rest - k, -0.75));
}

// The matrix, or its transpose, as ResampleJob has it.
struct Matrix {
  Tensor start, index, weight;
};

Matrix matrix_of(const Geometry& g, bool transposed, DType t, Device device) {
  const std::int64_t rows = transposed ? g.before : g.after;
  Matrix m;
  m.start = full(Shape{rows + 1}, 0, DType::int64);
  auto* start = m.start.data<std::int64_t>();
  // How many terms each row has, where it ends, and from there back where it starts.
  for (std::int64_t j = 0; j < g.after; ++j)
    for_terms(g, j, [&](std::int64_t i, double) { ++start[transposed ? i : j]; });
  for (std::int64_t r = 1; r <= rows; ++r) start[r] += start[r - 1];
  m.index = empty(Shape{start[rows]}, DType::int64);
  m.weight = empty(Shape{start[rows]}, DType::float64);
  auto* index = m.index.data<std::int64_t>();
  auto* weight = m.weight.data<double>();
  for (std::int64_t j = g.after - 1; j >= 0; --j) {
    const std::int64_t row_end = start[j];
    std::int64_t placed = 0;
    if (!transposed) {
      for_terms(g, j, [&](std::int64_t, double) { ++placed; });
      start[j] = row_end - placed;
      placed = 0;
    }
    for_terms(g, j, [&](std::int64_t i, double w) {
      const std::int64_t k = transposed ? --start[i] : start[j] + placed++;
      index[k] = transposed ? j : i;
      weight[k] = w;
    });
  }
  return {to_device(m.start, device), to_device(m.index, device),
          to_device(astype(m.weight, t), device)};
}

// --- the op and its transpose --------------------------------------------------------------------

void apply(Call& c, bool transposed) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const DType t = row_dtype(x.dtype(), "resample");
  Shape shape = x.shape();
  shape[axis] = c.attrs.extra[transposed ? 0 : 1];
  Tensor y = runtime::empty(shape, t, x.device());
  if (y.numel()) {
    const Tensor from = contiguous(astype(x, t));
    const Matrix m = matrix_of(Geometry(c.attrs), transposed, t, x.device());
    const Split s = split_at(x.shape(), axis);
    runtime::LongCall release(static_cast<double>(y.numel()));
    kernels_of(x).resample({s.outer, s.n, shape[axis], s.inner, m.start.data<std::int64_t>(),
                            m.index.data<std::int64_t>(), m.weight.bytes()},
                           lane_of(t), from.bytes(), y.bytes());
  }
  c.out[0] = astype(y, x.dtype());
}
void forward(Call& c) { apply(c, false); }
void forward_transposed(Call& c) { apply(c, true); }

extern const Op kTransposed;
void backward(Backward& b) { b.in[0].grad = call(kTransposed, b.grad[0], b.attrs); }
const Op kResample{
    .name = "resample", .kind = Op::Kind::linear, .forward = forward, .backward = backward};
void backward_transposed(Backward& b) { b.in[0].grad = call(kResample, b.grad[0], b.attrs); }
const Op kTransposed{.name = "resample_transposed",
                     .kind = Op::Kind::linear,
                     .forward = forward_transposed,
                     .backward = backward_transposed};

}  // namespace

Tensor resample(const Tensor& x, std::int64_t axis, std::int64_t length, Resampling mode,
                bool align_corners, double factor) {
  require_floating(x, "interpolate");
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "interpolate");
  const std::int64_t before = x.shape(static_cast<int>(a.i[0]));
  if (before < 1 || length < 1)
    fail<ShapeError>(
        "interpolate", "lengths before and after must be at least 1",
        "input " + describe(x) + ", " + std::to_string(before) + " to " + std::to_string(length));
  a.i[1] = static_cast<std::int64_t>(mode);
  a.i[2] = x.dtype() != DType::float64 && std::max(before, length) < 1 << 24;
  a.extra = Dims{before, length};
  a.flag = align_corners;
  a.f[0] = factor;
  return call(kResample, x, a);
}

}  // namespace nnx::ops
