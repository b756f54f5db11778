// Joining and padding: see ops.hpp.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// i[0] = axis
void concatenate_forward(Call& c) {
  const int axis = static_cast<int>(c.attrs.i[0]);
  c.out[0] = runtime::empty(c.attrs.shape, c.attrs.dtype, c.in[0].tensor.device());
  std::int64_t at = 0;
  for (auto& o : c.in) {
    const Tensor& part = o.tensor;
    const Tensor& out = c.out[0];
    copy_into(part, out.window(part.shape(), out.strides(), out->offset + at * out.stride(axis)));
    at += part.shape(axis);
  }
}
void concatenate_backward(Backward& b) {
  const int axis = static_cast<int>(b.attrs.i[0]);
  std::int64_t at = 0;
  for (auto& input : b.in) {
    const std::int64_t n = input.shape[axis];
    if (input.needed) input.grad = astype(slice(b.grad[0], axis, at, n, 1), input.dtype);
    at += n;
  }
}
void concatenate_lanes(Call& c, const Lanes& all) {
  Attrs a = c.attrs;
  a.i[0] += all.levels.size();
  a.shape = lanes::in_front(all, a.shape);
  lanes::run(c, all, a);
}
const Op kConcatenate{.name = "concatenate",
                      .kind = Op::Kind::linear,
                      .forward = concatenate_forward,
                      .backward = concatenate_backward,
                      .lanes = concatenate_lanes};

// shape = result, axes = before; the value stands in f[0] and, for integers, i[0]
void pad_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const Scalar value = is_floating(x.dtype()) ? Scalar(c.attrs.f[0]) : Scalar(c.attrs.i[0]);
  c.out[0] = full(c.attrs.shape, value, x.dtype(), x.device());
  const Tensor& out = c.out[0];
  std::int64_t offset = out->offset;
  for (int i = 0; i < x.rank(); ++i) offset += c.attrs.axes[i] * out.stride(i);
  copy_into(x, out.window(x.shape(), out.strides(), offset));
}
void pad_backward(Backward& b) {
  Tensor g = b.grad[0];
  for (int i = 0; i < g.rank(); ++i) g = slice(g, i, b.attrs.axes[i], b.in[0].shape[i], 1);
  b.in[0].grad = g;
}
void pad_lanes(Call& c, const Lanes& all) {
  Attrs a = c.attrs;
  a.shape = lanes::in_front(all, a.shape);
  a.axes = Dims::filled(all.levels.size(), 0);
  for (const auto n : c.attrs.axes) a.axes.push_back(n);
  lanes::run(c, all, a);
}
const Op kPad{.name = "pad",
              .kind = Op::Kind::linear,
              .forward = pad_forward,
              .backward = pad_backward,
              .lanes = pad_lanes};

}  // namespace

Tensor concatenate(const std::vector<Tensor>& parts, std::int64_t axis) {
  if (parts.empty()) fail<ShapeError>("concatenate", "needs at least one tensor");
  const Tensor& first = parts[0];
  if (first.rank() == 0)
    fail<ShapeError>("concatenate", "tensors without axes cannot be joined", describe(first),
                     "use stack");
  Attrs a;
  const int at = normal_axis(axis, first.rank(), "concatenate");
  a.i[0] = at;
  a.shape = first.shape();
  a.shape[at] = 0;
  a.dtype = first.dtype();
  std::vector<Operand> in;
  for (const auto& t : parts) {
    bool fits = t.rank() == first.rank();
    for (int i = 0; fits && i < t.rank(); ++i) fits = i == at || t.shape(i) == first.shape(i);
    if (!fits) fail_shape("concatenate", "all axes but the joined one must agree", first, t);
    if (!(t.device() == first.device()))
      fail<DeviceError>("concatenate", "all tensors must be on one device");
    a.shape[at] += t.shape(at);
    a.dtype = promote(a.dtype, t.dtype());
    in.emplace_back(t);
  }
  return call(kConcatenate, std::span<Operand>(in), a);
}

Tensor stack(const std::vector<Tensor>& parts, std::int64_t axis) {
  if (parts.empty()) fail<ShapeError>("stack", "needs at least one tensor");
  std::vector<Tensor> rows;
  for (const auto& t : parts) {
    if (!(t.shape() == parts[0].shape()))
      fail_shape("stack", "all tensors must have the same shape", parts[0], t);
    rows.push_back(unsqueeze(t, axis));
  }
  return concatenate(rows, normal_axis(axis, parts[0].rank() + 1, "stack"));
}

Tensor pad(const Tensor& x, const Dims& before, const Dims& after, Scalar value) {
  if (before.size() != x.rank() || after.size() != x.rank())
    fail<ShapeError>("pad", "needs a pair of widths for every axis", describe(x));
  Attrs a;
  a.shape = x.shape();
  a.axes = before;
  a.f[0] = value.as_double();
  a.i[0] = value.kind == Scalar::Kind::floating ? static_cast<std::int64_t>(value.f) : value.i;
  for (int i = 0; i < x.rank(); ++i) {
    if (before[i] < 0 || after[i] < 0)
      fail<ArgumentError>("pad", "widths must not be negative",
                          to_string(before) + ", " + to_string(after));
    if (__builtin_add_overflow(a.shape[i], before[i], &a.shape[i]) ||
        __builtin_add_overflow(a.shape[i], after[i], &a.shape[i]))
      fail<ShapeError>("pad", "the padded axis is too long");
  }
  return call(kPad, x, a);
}

}  // namespace nnx::ops
