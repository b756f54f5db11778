// Reductions: see ops.hpp. i[0] holds the mask of reduced axes, `flag` keepdims.
#include <cmath>
#include <limits>

#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

std::uint32_t mask_of(const Attrs& a) { return static_cast<std::uint32_t>(a.i[0]); }

// Folds x, or what a program makes of it, into a new tensor of dtype `result`, computing in `lane`.
// Sums of complex numbers are those of their parts.
Tensor fold(const Tensor& x, std::uint32_t reduced, bool keepdims, Reduction op, Lane lane,
            DType result, double scale = 1.0, const Program* program = nullptr) {
  Tensor out = runtime::empty(reduced_shape(x.shape(), reduced, keepdims), result, x.device());
  if (out.numel() == 0) return out;
  const bool by_parts = op == Reduction::sum && is_complex(lane);
  Tensor from = x, to = out;
  if (by_parts) {
    if (x.dtype() != result) {
      from = runtime::empty(x.shape(), result, x.device());
      copy_into(x, from);
    }
    from = pairs(from);
    to = pairs(to);
  }
  ReduceJob job;
  job.program = program ? program : &identity_program(by_parts ? real_lane(lane) : lane);
  job.shape = from.shape();
  job.reduced = reduced;
  job.reduction = op;
  job.scale = scale;
  job.in[0] = {from.bytes(), from.dtype(), from.strides()};
  job.out = {to.bytes(), to.dtype(), Dims()};
  int kept = 0;
  for (int i = 0; i < from.rank(); ++i) {
    const bool gone = (reduced >> i) & 1;
    job.out.strides.push_back(gone ? 0 : to.stride(keepdims ? i : kept));
    kept += !gone;
  }
  runtime::LongCall release(static_cast<double>(x.numel()) * 0.3);
  kernels_of(x).reduce(job);
  return out;
}

void sum_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  c.out[0] = fold(x, mask_of(c.attrs), c.attrs.flag, Reduction::sum, lane_of(c.attrs.dtype),
                  c.attrs.dtype);
}
void sum_backward(Backward& b) {
  const Shape& shape = b.in[0].shape;
  b.in[0].grad =
      expand(astype(with_reduced_axes(b.grad[0], shape, mask_of(b.attrs)), b.in[0].dtype), shape);
}
const Op kSum{.name = "sum",
              .kind = Op::Kind::linear,
              .forward = sum_forward,
              .backward = sum_backward,
              .lanes = lanes::mask};

void mean_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const double n = static_cast<double>(reduced_count(x.shape(), mask_of(c.attrs)));
  // Integers are summed exactly, as far as float64 holds them.
  const Lane lane = is_differentiable(x.dtype()) || is_complex(c.attrs.dtype)
                        ? lane_of(c.attrs.dtype)
                        : Lane::f64;
  c.out[0] = fold(x, mask_of(c.attrs), c.attrs.flag, Reduction::sum, lane, c.attrs.dtype, 1.0 / n);
}
void mean_backward(Backward& b) {
  const Shape& shape = b.in[0].shape;
  const double n = static_cast<double>(reduced_count(shape, mask_of(b.attrs)));
  const Tensor g = multiply(with_reduced_axes(b.grad[0], shape, mask_of(b.attrs)), 1.0 / n);
  b.in[0].grad = expand(astype(g, b.in[0].dtype), shape);
}
const Op kMean{.name = "mean",
               .kind = Op::Kind::linear,
               .forward = mean_forward,
               .backward = mean_backward,
               .lanes = lanes::mask};

void prod_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  c.out[0] = fold(x, mask_of(c.attrs), c.attrs.flag, Reduction::prod, lane_of(c.attrs.dtype),
                  c.attrs.dtype);
}
void prod_backward(Backward& b) {
  // y / x where no factor is zero; where one is, the product of the others.
  const Tensor& x = b.in[0].value.tensor;
  const std::uint32_t mask = mask_of(b.attrs);
  Axes axes = Dims();
  for (int i = 0; i < x.rank(); ++i)
    if ((mask >> i) & 1) axes->push_back(i);
  const Tensor y = with_reduced_axes(b.out[0], x.shape(), mask);
  const Tensor g = with_reduced_axes(b.grad[0], x.shape(), mask);
  const Tensor zero = equal(x, 0);
  const Tensor others = where(zero, 1, x);
  const Tensor zeros = sum(zero, axes, true);
  const Tensor at_zero = where(equal(zeros, 1), prod(others, axes, true), 0);
  b.in[0].grad = astype(multiply(g, conj(where(zero, at_zero, divide(y, others)))), b.in[0].dtype);
}
const Op kProd{.name = "prod",
               .forward = prod_forward,
               .backward = prod_backward,
               .saves = save_in(0) | save_out(0),
               .lanes = lanes::mask};

template <Reduction op>
void extreme_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  if (reduced_count(x.shape(), mask_of(c.attrs)) == 0)
    fail<ShapeError>(c.op.name, "there is no largest or smallest of no elements", describe(x));
  c.out[0] = fold(x, mask_of(c.attrs), c.attrs.flag, op, lane_of(x.dtype()), x.dtype());
}
void extreme_backward(Backward& b) {
  // Ties share the gradient evenly, as PyTorch's amax does.
  const Tensor& x = b.in[0].value.tensor;
  const std::uint32_t mask = mask_of(b.attrs);
  Axes axes = Dims();
  for (int i = 0; i < x.rank(); ++i)
    if ((mask >> i) & 1) axes->push_back(i);
  const Tensor y = with_reduced_axes(b.out[0], x.shape(), mask);
  const Tensor g = with_reduced_axes(b.grad[0], x.shape(), mask);
  const Tensor chosen = logical_or(equal(x, y), logical_and(isnan(x), isnan(y)));
  const Tensor share = divide(g, astype(sum(chosen, axes, true), g.dtype()));
  b.in[0].grad = where(chosen, share, 0);
}
const Op kMax{.name = "max",
              .forward = extreme_forward<Reduction::max>,
              .backward = extreme_backward,
              .saves = save_in(0) | save_out(0),
              .lanes = lanes::mask};
const Op kMin{.name = "min",
              .forward = extreme_forward<Reduction::min>,
              .backward = extreme_backward,
              .saves = save_in(0) | save_out(0),
              .lanes = lanes::mask};

// The square root of the sum of squares.
void length_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const Lane lane = lane_of(x.dtype());
  const Program& squares = pointwise_program(pointwise_op(square.id), lane);
  const Tensor sum = fold(x, mask_of(c.attrs), c.attrs.flag, Reduction::sum, lane, storage_of(lane),
                          1.0, &squares);
  c.out[0] = astype(pointwise::sqrt(sum), x.dtype());
}
void length_backward(Backward& b) {
  // x g / y, and 0 where y is.
  const Tensor& x = b.in[0].value.tensor;
  const std::uint32_t mask = mask_of(b.attrs);
  const Tensor y = with_reduced_axes(b.out[0], x.shape(), mask);
  const Tensor g = with_reduced_axes(b.grad[0], x.shape(), mask);
  const Tensor zero = equal(y, 0);
  b.in[0].grad = multiply(x, divide(where(zero, 0, g), where(zero, 1, y)));
}
const Op kLength{.name = "norm",
                 .forward = length_forward,
                 .backward = length_backward,
                 .saves = save_in(0) | save_out(0),
                 .lanes = lanes::mask};

template <Reduction op>
void truth_forward(Call& c) {
  c.out[0] = fold(c.in[0].tensor, mask_of(c.attrs), c.attrs.flag, op, Lane::b8, DType::boolean);
}
const Op kAny{.name = "any", .forward = truth_forward<Reduction::max>, .lanes = lanes::mask};
const Op kAll{.name = "all", .forward = truth_forward<Reduction::min>, .lanes = lanes::mask};

Tensor reduce(const Op& op, const Tensor& x, const Axes& axes, bool keepdims, DType dtype) {
  Attrs a;
  a.i[0] = axis_mask(axes, x.rank(), op.name);
  a.flag = keepdims;
  a.dtype = dtype;
  return call(op, x, a);
}

// sum and prod of small integers widen, of bools count.
DType accumulated(DType t) {
  switch (kind_of(t)) {
    case Kind::boolean:
    case Kind::signed_integer: return DType::int64;
    case Kind::unsigned_integer: return DType::uint64;
    default: return t;
  }
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims, std::optional<DType> dtype) {
  return reduce(kSum, x, axes, keepdims, dtype.value_or(accumulated(x.dtype())));
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdims, std::optional<DType> dtype) {
  const DType t = dtype.value_or(is_differentiable(x.dtype()) ? x.dtype() : default_dtype());
  if (!is_differentiable(t))
    fail<DTypeError>("mean", "the mean has a floating or complex dtype", std::string(name_of(t)));
  return reduce(kMean, x, axes, keepdims, t);
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdims, std::optional<DType> dtype) {
  return reduce(kProd, x, axes, keepdims, dtype.value_or(accumulated(x.dtype())));
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdims) {
  check_ordered(x, "max");
  return reduce(kMax, x, axes, keepdims, x.dtype());
}
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) {
  check_ordered(x, "min");
  return reduce(kMin, x, axes, keepdims, x.dtype());
}
Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(kAny, x, axes, keepdims, DType::boolean);
}
Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(kAll, x, axes, keepdims, DType::boolean);
}

Tensor var(const Tensor& x, const Axes& axes, double correction, bool keepdims) {
  const Tensor f = is_differentiable(x.dtype()) ? x : astype(x, default_dtype());
  const double n = static_cast<double>(reduced_count(x.shape(), axis_mask(axes, x.rank(), "var")));
  const Tensor d = subtract(f, mean(f, axes, true));
  // n - correction <= 0 leaves 0 / 0 or x / 0, as NumPy and PyTorch answer.
  const double rest = std::max(0.0, n - correction);
  if (is_complex(d.dtype())) {  // of both parts
    const Tensor squares = add(square(real(d)), square(imag(d)));
    return divide(sum(squares, axes, keepdims), rest);
  }
  return divide(sum(square(d), axes, keepdims), rest);
}

Tensor std(const Tensor& x, const Axes& axes, double correction, bool keepdims) {
  return pointwise::sqrt(var(x, axes, correction, keepdims));
}

Tensor norm(const Tensor& x, double order, const Axes& axes, bool keepdims) {
  if (is_complex(x.dtype())) return norm(abs(x), order, axes, keepdims);
  const Tensor f = is_floating(x.dtype()) ? x : astype(x, default_dtype());
  if (std::isinf(order)) {
    const Tensor a = abs(f);
    return order > 0 ? max(a, axes, keepdims) : min(a, axes, keepdims);
  }
  if (order == 0) return sum(astype(not_equal(f, 0), f.dtype()), axes, keepdims);
  if (order == 1) return sum(abs(f), axes, keepdims);
  if (order == 2) return reduce(kLength, f, axes, keepdims, f.dtype());
  return power(sum(power(abs(f), order), axes, keepdims), 1.0 / order);
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Dims axes;
  const int shift = x.rank() - shape.size();
  for (int i = 0; i < x.rank(); ++i)
    if (i < shift || (shape[i - shift] == 1 && x.shape(i) != 1)) axes.push_back(i);
  const Tensor s = axes.empty() ? x : sum(x, axes, true, x.dtype());
  return s.shape() == shape ? s : reshape(s, shape);
}

}  // namespace nnx::ops
