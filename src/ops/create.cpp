// New tensors: see ops.hpp. Values are written through the copy kernel; no autodiff.
#include <cmath>

#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {

Tensor empty(const Shape& shape, DType dtype, Device device) {
  runtime::kernels(device);  // the device must be there
  return runtime::empty(shape, dtype, device);
}

void fill(const Tensor& target, Scalar value) { assign(target, value, "fill_"); }

void fill_into(const Tensor& target, Scalar value, bool overwrites) {
  if (target.numel() == 0) return;
  const Lane lane = lane_of(target.dtype());
  const LaneValue v = lane_value(value, lane);
  const bool packed = target.contiguous();
  const Shape shape = packed ? Shape{target.numel()} : target.shape();
  TileJob job;
  job.program = &identity_program(lane);
  job.shape = shape;
  job.in[0] = {const_cast<unsigned char*>(v.bytes), storage_of(lane), Dims::filled(shape.size(), 0),
               true};
  job.out[0] = {target.bytes(), target.dtype(), packed ? Dims{1} : target.strides()};
  job.overwrites = overwrites;
  runtime::LongCall release(static_cast<double>(target.numel()) * 0.3);
  kernels_of(target).run(&job, 1);
}

Tensor full(const Shape& shape, Scalar value, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  if (t.numel() == 0) return t;
  fill_into(t, value);
  return t;
}

Tensor scalar_tensor(Scalar value, DType dtype, Device device) {
  return full(Shape{}, value, dtype, device);
}

namespace {
// What a ramp is made in: float64 is rounded once, to what is wanted.
Tensor ramp(RampJob job, DType dtype, Device device) {
  const bool real = job.lane != Lane::i64;
  const DType made = dtype == DType::float32 && real ? DType::float32
                     : real                          ? DType::float64
                                                     : DType::int64;
  const Tensor t = empty(Shape{job.count}, made, device);
  job.lane = lane_of(made);
  job.out = t.bytes();
  if (job.count) {
    runtime::LongCall release(static_cast<double>(job.count) * 0.5);
    kernels_of(t).ramp(job);
  }
  GradMode off(false);
  return astype(t, dtype);
}
}  // namespace

Tensor arange(Scalar start, Scalar stop, Scalar step, std::optional<DType> dtype, Device device) {
  const bool real = start.kind == Scalar::Kind::floating || stop.kind == Scalar::Kind::floating ||
                    step.kind == Scalar::Kind::floating;
  for (const Scalar& x : {start, stop, step})
    if (x.kind == Scalar::Kind::complex)
      fail<DTypeError>("arange", "start, stop and step must be real", describe(Operand(x)));
  const DType t = dtype.value_or(real ? default_dtype() : DType::int64);
  const double a = start.as_double(), b = stop.as_double(), s = step.as_double();
  if (s == 0) fail<ArgumentError>("arange", "step must not be zero");
  if (!std::isfinite(a) || !std::isfinite(b) || !std::isfinite(s))
    fail<ArgumentError>("arange", "start, stop and step must be finite");
  const double length = std::ceil((b - a) / s);
  if (length > 0x1p56) fail<ShapeError>("arange", "the range has too many elements");
  const std::int64_t n = length > 0 ? static_cast<std::int64_t>(length) : 0;
  RampJob job{.lane = real ? Lane::f64 : Lane::i64, .count = n, .start = a, .step = s};
  if (!real) {
    job.whole_start = start.i;
    job.whole_step = step.i;
  }
  return ramp(job, t, device);
}

Tensor linspace(double start, double stop, std::int64_t count, bool endpoint, DType dtype,
                Device device) {
  if (count < 0) fail<ArgumentError>("linspace", "num must not be negative", std::to_string(count));
  const std::int64_t gaps = endpoint ? count - 1 : count;
  const double step = gaps > 0 ? (stop - start) / double(gaps) : 0;
  return ramp({.lane = Lane::f64,
               .count = count,
               .start = start,
               .step = step,
               .stop = stop,
               .closed = endpoint},
              dtype, device);
}

Tensor eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype, Device device) {
  Tensor t = full(Shape{rows, columns}, 0, dtype, device);
  GradMode off(false);
  if (k < columns && -k < rows) fill(diagonal(t, k, 0, 1), 1);
  return t;
}

namespace {
// i[0] = k, flag = upper
void triangle_forward(Call& c) {
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor);
  c.out[0] = runtime::empty(x.shape(), x.dtype(), x.device());
  if (x.numel() == 0) return;
  const std::int64_t rows = x.shape(-2), columns = x.shape(-1);
  runtime::LongCall release(static_cast<double>(x.numel()) * 0.3);
  kernels_of(x).triangle(c.attrs.flag, static_cast<std::int64_t>(size_of(x.dtype())),
                         x.numel() / (rows * columns), rows, columns, c.attrs.i[0], x.bytes(),
                         c.out[0].bytes());
}
void triangle_backward(Backward& b) {
  b.in[0].grad = tri_mask(b.grad[0], b.attrs.i[0], b.attrs.flag);
}
const Op kTriangle{.name = "triangle",
                   .kind = Op::Kind::linear,
                   .forward = triangle_forward,
                   .backward = triangle_backward,
                   .lanes = lanes::leading};
}  // namespace

Tensor tri_mask(const Tensor& x, std::int64_t k, bool upper) {
  if (x.rank() < 2)
    fail<ShapeError>(upper ? "triu" : "tril", "takes a matrix or a batch of them", describe(x));
  Attrs a;
  a.i[0] = k;
  a.flag = upper;
  return call(kTriangle, x, a);
}

}  // namespace nnx::ops
