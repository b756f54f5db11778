// Extremes with indices, sorting, running sums: see ops.hpp.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

void check_ordered(const Tensor& x, const char* op) {
  if (is_complex(x.dtype()))
    fail<DTypeError>(op, "complex numbers have no order", describe(x),
                     "order their sizes, nnx.abs(x), or their parts, x.real and x.imag");
}

// i[0] = axis
template <bool largest>
void arg_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor dense = contiguous(astype(x, storage_of(lane_of(x.dtype()))));
  const Split s = split_at(x.shape(), axis);
  if (s.n == 0)
    fail<ShapeError>(c.op.name, "there is no largest or smallest of no elements", describe(x));
  Shape shape = x.shape();
  shape[axis] = 1;
  c.out[0] = runtime::empty(shape, DType::int64, x.device());
  if (c.out[0].numel() == 0) return;
  runtime::LongCall release(static_cast<double>(x.numel()) * 0.3);
  kernels_of(x).arg_extreme(largest, lane_of(dense.dtype()), s.outer, s.n, s.inner, dense.bytes(),
                            c.out[0].data<std::int64_t>());
}
const Op kArgmax{.name = "argmax", .forward = arg_forward<true>, .lanes = lanes::axis};
const Op kArgmin{.name = "argmin", .forward = arg_forward<false>, .lanes = lanes::axis};

// Keeps the axis with length 1.
Tensor arg(const Op& op, const Tensor& x, int axis) {
  check_ordered(x, op.name);
  Attrs a;
  a.i[0] = axis;
  return call(op, x, a);
}

Tensor arg_public(const Op& op, const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  if (!axis) {
    const Tensor r = arg(op, reshape(x, Shape{-1}), 0);
    return reshape(r, keepdims ? Shape(Dims::filled(x.rank(), 1)) : Shape{});
  }
  if (x.rank() == 0) {
    normal_axis(*axis, 1, op.name);
    return scalar_tensor(0, DType::int64);
  }
  const int d = normal_axis(*axis, x.rank(), op.name);
  const Tensor r = arg(op, x, d);
  return keepdims ? r : squeeze(r, Dims{d}, true);
}

std::pair<Tensor, Tensor> extreme_pair(const Op& op, const Tensor& x, std::int64_t axis,
                                       bool keepdims) {
  if (x.rank() == 0) {
    normal_axis(axis, 1, op.name);
    return {x, scalar_tensor(0, DType::int64)};
  }
  const int d = normal_axis(axis, x.rank(), op.name);
  const Tensor index = arg(op, x, d);
  const Tensor values = take_along_axis(x, index, d);
  if (keepdims) return {values, index};
  return {squeeze(values, Dims{d}, true), squeeze(index, Dims{d}, true)};
}

// i[0] = axis, flag = descending: indices only
void argsort_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor rows = as_rows(x, axis, storage_of(lane_of(x.dtype())));
  Tensor out = runtime::empty(rows.shape(), DType::int64, x.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()) * 10);
    kernels_of(x).sort(c.attrs.flag, lane_of(rows.dtype()), rows.numel() / rows.shape(-1),
                       rows.shape(-1), rows.bytes(), nullptr, out.data<std::int64_t>());
  }
  c.out[0] = from_rows(out, axis, DType::int64);
}
const Op kArgsort{.name = "argsort", .forward = argsort_forward, .lanes = lanes::axis};

// i[0] = axis, dtype = result
template <Reduction op>
void scan_forward(Call& c) {
  GradMode off(false);
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Lane lane = lane_of(c.attrs.dtype);
  const Tensor x = contiguous(astype(c.in[0].tensor, storage_of(lane)));
  Tensor out = runtime::empty(x.shape(), x.dtype(), x.device());
  const Split s = split_at(x.shape(), axis);
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()));
    const bool by_parts = op == Reduction::sum && is_complex(lane);
    kernels_of(x).scan(op, by_parts ? real_lane(lane) : lane, s.outer, s.n,
                       by_parts ? 2 * s.inner : s.inner, x.bytes(), out.bytes());
  }
  c.out[0] = astype(out, c.attrs.dtype);
}

Tensor backwards_sum(const Tensor& g, int axis) {
  return flip(cumsum(flip(g, Dims{axis}), axis, g.dtype()), Dims{axis});
}

void cumsum_backward(Backward& b) {
  b.in[0].grad = astype(backwards_sum(b.grad[0], static_cast<int>(b.attrs.i[0])), b.in[0].dtype);
}
const Op kCumsum{.name = "cumsum",
                 .kind = Op::Kind::linear,
                 .forward = scan_forward<Reduction::sum>,
                 .backward = cumsum_backward,
                 .lanes = lanes::axis};

void cumprod_backward(Backward& b) {
  // dx_k = sum over j >= k of g_j y_j / x_k; at the first zero of a row the products are taken with
  // a 1 in its place, behind it nothing arrives.
  const int axis = static_cast<int>(b.attrs.i[0]);
  const Tensor &x = b.in[0].value.tensor, &g = b.grad[0], &y = b.out[0];
  const Tensor zero = equal(x, 0);
  const Tensor first = logical_and(zero, equal(cumsum(zero, axis, DType::int64), 1));
  const Tensor without = conj(cumprod(where(first, 1, x), axis, y.dtype()));
  const Tensor at_zero = where(first, backwards_sum(multiply(g, without), axis), 0);
  const Tensor elsewhere =
      divide(backwards_sum(multiply(g, conj(y)), axis), conj(where(zero, 1, x)));
  b.in[0].grad = astype(where(zero, at_zero, elsewhere), b.in[0].dtype);
}
const Op kCumprod{.name = "cumprod",
                  .forward = scan_forward<Reduction::prod>,
                  .backward = cumprod_backward,
                  .saves = save_in(0) | save_out(0),
                  .lanes = lanes::axis};

Tensor scan(const Op& op, const Tensor& x, std::optional<std::int64_t> axis,
            std::optional<DType> dtype) {
  if (!axis || x.rank() == 0) {
    if (axis) normal_axis(*axis, 1, op.name);
    const Tensor flat = scan(op, reshape(x, Shape{-1}), 0, dtype);
    return axis ? reshape(flat, x.shape()) : flat;
  }
  Attrs a;
  a.i[0] = normal_axis(*axis, x.rank(), op.name);
  const Kind k = kind_of(x.dtype());
  a.dtype = dtype.value_or(k == Kind::floating || k == Kind::complex ? x.dtype()
                           : k == Kind::unsigned_integer             ? DType::uint64
                                                                     : DType::int64);
  if (a.dtype == DType::boolean)
    fail<DTypeError>(op.name, "a running sum or product needs numbers", "dtype bool");
  return call(op, x, a);
}

}  // namespace

Tensor argmax(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_public(kArgmax, x, axis, keepdims);
}
Tensor argmin(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_public(kArgmin, x, axis, keepdims);
}
std::pair<Tensor, Tensor> max_with_indices(const Tensor& x, std::int64_t axis, bool keepdims) {
  return extreme_pair(kArgmax, x, axis, keepdims);
}
std::pair<Tensor, Tensor> min_with_indices(const Tensor& x, std::int64_t axis, bool keepdims) {
  return extreme_pair(kArgmin, x, axis, keepdims);
}

Tensor argsort(const Tensor& x, std::int64_t axis, bool descending) {
  check_ordered(x, "sort");
  if (x.rank() == 0) {
    normal_axis(axis, 1, "argsort");
    return scalar_tensor(0, DType::int64);
  }
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "argsort");
  a.flag = descending;
  return call(kArgsort, x, a);
}

std::pair<Tensor, Tensor> sort_with_indices(const Tensor& x, std::int64_t axis, bool descending) {
  const Tensor index = argsort(x, axis, descending);
  return {x.rank() ? take_along_axis(x, index, axis) : clone(x), index};
}

Tensor sort(const Tensor& x, std::int64_t axis, bool descending) {
  return sort_with_indices(x, axis, descending).first;
}

std::pair<Tensor, Tensor> topk(const Tensor& x, std::int64_t k, std::int64_t axis, bool largest) {
  if (x.rank() == 0) return {x, scalar_tensor(0, DType::int64)};
  const int d = normal_axis(axis, x.rank(), "topk");
  if (k < 0 || k > x.shape(d))
    fail<ArgumentError>(
        "topk", "k must lie in [0, " + std::to_string(x.shape(d)) + "], the length of the axis",
        std::to_string(k));
  const Tensor index = contiguous(slice(argsort(x, d, largest), d, 0, k, 1));
  return {take_along_axis(x, index, d), index};
}

Tensor cumsum(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype) {
  return scan(kCumsum, x, axis, dtype);
}
Tensor cumprod(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype) {
  return scan(kCumprod, x, axis, dtype);
}

}  // namespace nnx::ops
