// Images sampled at the places of a grid: see ops.hpp.
// in = x (N, C, lengths...), grid (N, places..., rank); i[0] = Mode, i[1] = Padding, flag =
// align_corners. One kernel where the device has it; what it computes is a sum over elements picked
// in planes, with weights that core/sampling.hpp gives.
#include <limits>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

using sampling::Mode;
using sampling::Padding;

// A tensor or a number, as core/sampling.hpp takes it.
struct Value {
  Operand of;
  Value() = default;
  Value(double number) : of(number) {}
  Value(Tensor t) : of(std::move(t)) {}
};
struct Truth {
  Tensor of;
};
Value operator+(const Value& a, const Value& b) { return pointwise::add(a.of, b.of); }
Value operator-(const Value& a, const Value& b) { return pointwise::subtract(a.of, b.of); }
Value operator*(const Value& a, const Value& b) { return pointwise::multiply(a.of, b.of); }
Value operator/(const Value& a, const Value& b) { return pointwise::divide(a.of, b.of); }
Truth operator<(const Value& a, const Value& b) { return {pointwise::less(a.of, b.of)}; }
Truth operator>(const Value& a, const Value& b) { return {pointwise::greater(a.of, b.of)}; }
Truth operator<=(const Value& a, const Value& b) { return {pointwise::less_equal(a.of, b.of)}; }
Truth operator>=(const Value& a, const Value& b) { return {pointwise::greater_equal(a.of, b.of)}; }
Truth operator|(const Truth& a, const Truth& b) { return {pointwise::logical_or(a.of, b.of)}; }
Value abs(const Value& a) { return pointwise::abs(a.of); }
Value floor(const Value& a) { return pointwise::floor(a.of); }
Value round(const Value& a) { return pointwise::round(a.of); }
Value where(const Truth& c, const Value& a, const Value& b) {
  return pointwise::where(c.of, a.of, b.of);
}

GridJob job_of(const Tensor& x, const Tensor& grid, const Attrs& a) {
  GridJob job{};
  job.rank = x.rank() - 2;
  job.samples = x.shape(0);
  job.channels = x.shape(1);
  job.elements = job.places = 1;
  for (int i = 0; i < job.rank; ++i) {
    job.length[i] = x.shape(i + 2);
    job.elements *= job.length[i];
    job.places *= grid.shape(i + 1);
  }
  job.mode = static_cast<Mode>(a.i[0]);
  job.padding = static_cast<Padding>(a.i[1]);
  job.align_corners = a.flag;
  return job;
}

Shape result_shape(const Tensor& x, const Tensor& grid) {
  Shape shape = x.shape();
  for (int i = 2; i < x.rank(); ++i) shape[i] = grid.shape(i - 1);
  return shape;
}

double nanoseconds(const GridJob& job) {
  return static_cast<double>(job.samples * (job.channels + 1) * job.places) * 4;
}

void forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const DType t = row_dtype(x.dtype(), "grid_sample");
  const Tensor image = contiguous(astype(x, t)), grid = contiguous(astype(c.in[1].tensor, t));
  const Tensor y = runtime::empty(result_shape(x, grid), t, x.device());
  if (y.numel()) {
    const GridJob job = job_of(image, grid, c.attrs);
    runtime::LongCall release(nanoseconds(job));
    kernels_of(x).grid_sample(job, lane_of(t), image.bytes(), grid.bytes(), y.bytes());
  }
  c.out[0] = astype(y, x.dtype());
}

void backward(Backward& b) {
  GradMode off(false);
  const Tensor &x = b.in[0].value.tensor, &g = b.grad[0];
  const DType t = row_dtype(x.dtype(), "grid_sample");
  const Tensor image = contiguous(astype(x, t)), grid = contiguous(astype(b.in[1].value.tensor, t));
  const auto room = [&](int i) {
    return b.in[i].needed ? full(b.in[i].shape, 0, t, x.device()) : Tensor();
  };
  const Tensor dx = room(0), dgrid = room(1);
  if (g.numel()) {
    const Tensor rows = contiguous(astype(g, t));
    const GridJob job = job_of(image, grid, b.attrs);
    runtime::LongCall release(2 * nanoseconds(job));
    kernels_of(x).grid_sample_backward(job, lane_of(t), rows.bytes(), image.bytes(), grid.bytes(),
                                       dx ? dx.bytes() : nullptr, dgrid ? dgrid.bytes() : nullptr);
  }
  if (dx) b.in[0].grad = astype(dx, x.dtype());
  if (dgrid) b.in[1].grad = astype(dgrid, x.dtype());
}

template <Mode kMode>
Tensor sampled(const Tensor& x, const Tensor& grid, const GridJob& job) {
  constexpr int kTaps = sampling::taps_of(kMode);
  Tensor index, weight;  // a first axis for the terms of a sum
  for (int i = 0; i < job.rank; ++i) {
    const sampling::Axis axis{static_cast<double>(job.length[i]), job.padding, job.align_corners};
    Value element[kTaps], share[kTaps];
    // x, which comes first, runs along the last axis.
    sampling::taps<kMode>(Value(select(grid, -1, job.rank - 1 - i)), axis, element, share);
    std::vector<Tensor> elements, shares;
    for (int k = 0; k < kTaps; ++k) {
      elements.push_back(detach(element[k].of.tensor));
      shares.push_back(share[k].of.tensor);
    }
    // NaN becomes 0.
    const Tensor whole =
        astype(pointwise::clip(stack(elements, 0), 0.0, axis.length - 1), DType::int64);
    const Tensor part = stack(shares, 0);
    if (i == 0) {
      index = whole;
      weight = part;
      continue;
    }
    // Every tap of this axis with every one of those before.
    Shape all{index.shape(0) * kTaps};
    for (int d = 1; d < whole.rank(); ++d) all.push_back(whole.shape(d));
    index = reshape(pointwise::add(pointwise::multiply(unsqueeze(index, 1), job.length[i]), whole),
                    all);
    weight = reshape(pointwise::multiply(unsqueeze(weight, 1), part), all);
  }
  const Shape shape{index.shape(0), job.samples, job.places};
  const Tensor planes = reshape(x, Shape{job.samples, job.channels, job.elements});
  return reshape(pick(planes, reshape(index, shape), reshape(weight, shape)),
                 result_shape(x, grid));
}

Tensor definition(std::span<const Operand> in, const Attrs& a) {
  const DType t = row_dtype(in[0].tensor.dtype(), "grid_sample");
  const Tensor x = astype(in[0].tensor, t), grid = astype(in[1].tensor, t);
  const GridJob job = job_of(x, grid, a);
  const Tensor y = job.mode == Mode::nearest  ? sampled<Mode::nearest>(x, grid, job)
                   : job.mode == Mode::linear ? sampled<Mode::linear>(x, grid, job)
                                              : sampled<Mode::cubic>(x, grid, job);
  return astype(y, in[0].tensor.dtype());
}

const Op kGridSample{.name = "grid_sample",
                     .kind = Op::Kind::fused,
                     .forward = forward,
                     .backward = backward,
                     .saves = kSaveInputs,
                     .definition = definition};

}  // namespace

Tensor grid_sample(const Tensor& x, const Tensor& grid, Mode mode, Padding padding,
                   bool align_corners) {
  require_floating(x, "grid_sample");
  const std::string received = "input " + describe(x) + ", grid " + describe(grid);
  const int rank = x.rank() - 2;
  if ((rank != 2 && rank != 3) || grid.rank() != x.rank() || grid.shape(rank + 1) != rank)
    fail<ShapeError>("grid_sample",
                     "input (N, C, H, W) needs a grid (N, h, w, 2), and input (N, C, D, H, W) a "
                     "grid (N, d, h, w, 3)",
                     received);
  if (grid.shape(0) != x.shape(0))
    fail<ShapeError>("grid_sample", "input and grid must have as many samples", received);
  if (grid.dtype() != x.dtype())
    fail<DTypeError>("grid_sample", "input and grid must have the same dtype", received,
                     "convert the grid: grid.to(nnx." + std::string(name_of(x.dtype())) + ")");
  for (int i = 2; i < x.rank(); ++i)
    if (x.shape(i) < 1)
      fail<ShapeError>("grid_sample", "the input must have spatial axes of length 1 or more",
                       received);
  if (mode == Mode::cubic && rank == 3)
    fail<ArgumentError>("grid_sample", "mode 'bicubic' is there for images alone", received);
  Attrs a;
  a.i[0] = static_cast<std::int64_t>(mode);
  a.i[1] = static_cast<std::int64_t>(padding);
  a.flag = align_corners;
  Operand in[] = {x, grid};
  // Places of an axis that its dtype does not count.
  constexpr std::int64_t most = std::int64_t{1} << 24;
  for (int i = 2; i < x.rank(); ++i)
    if (x.shape(i) > most && x.dtype() != DType::float64)
      return astype(grid_sample(astype(x, DType::float64), astype(grid, DType::float64), mode,
                                padding, align_corners),
                    x.dtype());
  // The kernel counts the elements of a plane in integers as wide as the numbers.
  const bool fits = job_of(x, grid, a).elements <= std::numeric_limits<std::int32_t>::max();
  if (!kernels_of(x).grid_sample || !fits) return definition(in, a);
  return call(kGridSample, std::span<Operand>(in), a);
}

}  // namespace nnx::ops
