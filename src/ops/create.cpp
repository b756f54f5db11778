// New tensors: see ops.hpp. Values are written through the copy kernel; no autodiff.
#include <cmath>

#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {

Tensor empty(const Shape& shape, DType dtype, Device device) {
  runtime::kernels(device);  // the device must be there
  return runtime::empty(shape, dtype, device);
}

void fill(const Tensor& target, Scalar value) { assign(target, value); }

Tensor full(const Shape& shape, Scalar value, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  if (t.numel() == 0) return t;
  const Lane lane = lane_of(dtype);
  const LaneValue v = lane_value(value, lane);
  TileJob job;
  job.program = &identity_program(lane);
  job.shape = Shape{t.numel()};
  job.in[0] = {const_cast<unsigned char*>(v.bytes), storage_of(lane), Dims{0}};
  job.out[0] = {t.bytes(), dtype, Dims{1}};
  runtime::LongCall release(static_cast<double>(t.numel()) * 0.3);
  kernels_of(t).run(&job, 1);
  return t;
}

Tensor scalar_tensor(Scalar value, DType dtype, Device device) {
  return full(Shape{}, value, dtype, device);
}

namespace {
// start + i * step for i in [0, n): computed in float64 or int64 on the host, then converted.
template <class T, class F>
Tensor sequence(std::int64_t n, DType dtype, DType made, F&& value) {
  Tensor t = empty(Shape{n}, made);
  for (std::int64_t i = 0; i < n; ++i) t.data<T>()[i] = value(i);
  GradMode off(false);
  return astype(t, dtype);
}
}  // namespace

Tensor arange(Scalar start, Scalar stop, Scalar step, std::optional<DType> dtype) {
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
  if (real)
    return sequence<double>(n, t, DType::float64, [&](auto i) { return a + double(i) * s; });
  return sequence<std::int64_t>(n, t, DType::int64, [&](auto i) { return start.i + i * step.i; });
}

Tensor linspace(double start, double stop, std::int64_t count, bool endpoint, DType dtype) {
  if (count < 0) fail<ArgumentError>("linspace", "num must not be negative", std::to_string(count));
  const std::int64_t gaps = endpoint ? count - 1 : count;
  const double step = gaps > 0 ? (stop - start) / double(gaps) : 0;
  return sequence<double>(count, dtype, DType::float64, [&](auto i) {
    return endpoint && i == count - 1 && count > 1 ? stop : start + double(i) * step;
  });
}

Tensor eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype) {
  Tensor t = full(Shape{rows, columns}, 0, dtype);
  GradMode off(false);
  if (k < columns && -k < rows) fill(diagonal(t, k, 0, 1), 1);
  return t;
}

Tensor tri_mask(const Tensor& x, std::int64_t k, bool upper) {
  if (x.rank() < 2)
    fail<ShapeError>(upper ? "triu" : "tril", "takes a matrix or a batch of them", describe(x));
  const Tensor row = reshape(arange(0, x.shape(-2), 1, DType::int64), Shape{-1, 1});
  const Tensor column = arange(0, x.shape(-1), 1, DType::int64);
  const Tensor keep = upper ? pointwise::greater_equal(pointwise::subtract(column, row), k)
                            : pointwise::less_equal(pointwise::subtract(column, row), k);
  return pointwise::where(keep, x, x.dtype() == DType::boolean ? Scalar(false) : Scalar(0));
}

}  // namespace nnx::ops
