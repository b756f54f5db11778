// Joining: see ops.hpp.
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

}  // namespace nnx::ops
