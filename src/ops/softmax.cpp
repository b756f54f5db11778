// softmax, log_softmax, logsumexp: see ops.hpp. i[0] = axis, flag = logarithmic.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

std::int64_t rows_of(const Tensor& rows) {
  return rows.shape(-1) ? rows.numel() / rows.shape(-1) : 0;
}

void softmax_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const DType t = row_dtype(x.dtype(), c.op.name);
  const Tensor rows = as_rows(x, axis, t);
  Tensor y = runtime::empty(rows.shape(), t, x.device());
  if (y.numel()) {
    runtime::LongCall release(static_cast<double>(y.numel()));
    kernels_of(x).softmax(c.attrs.flag, lane_of(t), rows_of(rows), rows.shape(-1), rows.bytes(),
                          y.bytes());
  }
  c.out[0] = from_rows(y, axis, is_floating(x.dtype()) ? x.dtype() : t);
}

void softmax_backward(Backward& b) {
  const Tensor &y = b.out[0], &g = b.grad[0];
  const int axis = static_cast<int>(b.attrs.i[0]);
  const bool log = b.attrs.flag;
  const Dims axes{axis};
  if (grad_enabled() || lanes::any(y, g)) {  // differentiated again, or in lanes: in ops
    const Tensor dx = log ? subtract(g, multiply(exp(y), sum(g, axes, true)))
                          : multiply(y, subtract(g, sum(multiply(g, y), axes, true)));
    b.in[0].grad = astype(dx, b.in[0].dtype);
    return;
  }
  const DType t = row_dtype(y.dtype(), b.op.name);
  const Tensor rows = as_rows(y, axis, t), grows = as_rows(g, axis, t);
  Tensor dx = runtime::empty(rows.shape(), t, y.device());
  if (dx.numel()) {
    runtime::LongCall release(static_cast<double>(dx.numel()));
    kernels_of(y).softmax_backward(log, lane_of(t), rows_of(rows), rows.shape(-1), rows.bytes(),
                                   grows.bytes(), dx.bytes());
  }
  b.in[0].grad = from_rows(dx, axis, b.in[0].dtype);
}
const Op kSoftmax{.name = "softmax",
                  .forward = softmax_forward,
                  .backward = softmax_backward,
                  .saves = save_out(0),
                  .lanes = lanes::axis};
const Op kLogSoftmax{.name = "log_softmax",
                     .forward = softmax_forward,
                     .backward = softmax_backward,
                     .saves = save_out(0),
                     .lanes = lanes::axis};

Tensor softmax_of(const Op& op, const Tensor& x, std::int64_t axis, bool log) {
  if (x.rank() == 0) {
    normal_axis(axis, 1, op.name);
    return squeeze(softmax_of(op, unsqueeze(x, 0), 0, log), Dims{0}, true);
  }
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), op.name);
  a.flag = log;
  return call(op, x, a);
}

// x (..., n) -> (...): over the last axis
void logsumexp_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const DType t = row_dtype(x.dtype(), c.op.name);
  const Tensor rows = as_rows(x, x.rank() - 1, t);
  Shape shape = x.shape();
  shape.pop_back();
  Tensor out = runtime::empty(shape, t, x.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()));
    kernels_of(x).logsumexp(lane_of(t), out.numel(), x.shape(-1), rows.bytes(), out.bytes());
  }
  c.out[0] = astype(out, is_floating(x.dtype()) ? x.dtype() : t);
}
void logsumexp_backward(Backward& b) {
  // exp(x - y) is the softmax; where the row is all -inf it is 0, as PyTorch answers.
  const Tensor& x = b.in[0].value.tensor;
  const Tensor y = unsqueeze(b.out[0], -1), g = unsqueeze(b.grad[0], -1);
  const Tensor safe = where(isinf(y), 0, y);
  b.in[0].grad = astype(multiply(g, exp(subtract(x, safe))), b.in[0].dtype);
}
const Op kLogsumexp{.name = "logsumexp",
                    .forward = logsumexp_forward,
                    .backward = logsumexp_backward,
                    .saves = save_in(0) | save_out(0),
                    .lanes = lanes::leading};

}  // namespace

Tensor softmax(const Tensor& x, std::int64_t axis) { return softmax_of(kSoftmax, x, axis, false); }
Tensor log_softmax(const Tensor& x, std::int64_t axis) {
  return softmax_of(kLogSoftmax, x, axis, true);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  const std::uint32_t mask = axis_mask(axes, x.rank(), "logsumexp");
  // The reduced axes go last and become one.
  Dims order;
  for (int pass : {0, 1})
    for (int i = 0; i < x.rank(); ++i)
      if (static_cast<int>((mask >> i) & 1) == pass) order.push_back(i);
  Shape kept = reduced_shape(x.shape(), mask, false);
  Shape flat = kept;
  flat.push_back(reduced_count(x.shape(), mask));
  const Tensor r = call(kLogsumexp, reshape(permute(x, order), flat));
  return keepdims ? reshape(r, reduced_shape(x.shape(), mask, true)) : r;
}

}  // namespace nnx::ops
