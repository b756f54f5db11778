// Joining: see ops.hpp.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// i[0] = axis, shape = of the result, flag = stacked: the axis is new, parts do not have it.

// Parts that lie as they will in the result are joined by one call, unless they are worth threads.
bool join_packed(const Call& c, const Tensor& out, int axis) {
  constexpr std::int64_t kMost = 1 << 20;
  const auto size = static_cast<std::int64_t>(size_of(out.dtype()));
  const Split s = split_at(out.shape(), axis);
  if (out.numel() * size > kMost) return false;
  std::vector<const void*> parts;
  std::vector<std::int64_t> rows;
  for (const auto& o : c.in) {
    if (o.tensor.dtype() != out.dtype() || !o.tensor.contiguous()) return false;
    parts.push_back(o.tensor.bytes());
    rows.push_back((c.attrs.flag ? 1 : o.tensor.shape(axis)) * s.inner * size);
    if (o.tensor.numel() * size != s.outer * rows.back()) return false;  // the same in all lanes
  }
  if (out.numel())
    kernels_of(out).join(
        {s.outer, static_cast<std::int64_t>(parts.size()), parts.data(), rows.data()}, out.bytes());
  return true;
}

void concatenate_forward(Call& c) {
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor out = c.out[0] =
      runtime::empty(c.attrs.shape, c.attrs.dtype, c.in[0].tensor.device());
  if (join_packed(c, out, axis)) return;
  std::int64_t at = 0;
  for (auto& o : c.in) {
    const Tensor& part = o.tensor;
    Dims strides = out.strides();
    if (c.attrs.flag) strides.erase(axis);
    copy_into(part, out.window(part.shape(), strides, out->offset + at * out.stride(axis)));
    at += c.attrs.flag ? 1 : part.shape(axis);
  }
}
void concatenate_backward(Backward& b) {
  const int axis = static_cast<int>(b.attrs.i[0]);
  std::int64_t at = 0;
  for (auto& input : b.in) {
    const std::int64_t n = b.attrs.flag ? 1 : input.shape[axis];
    if (input.needed) {
      const Tensor part =
          b.attrs.flag ? select(b.grad[0], axis, at) : slice(b.grad[0], axis, at, n, 1);
      input.grad = astype(part, input.dtype);
    }
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
  in.reserve(parts.size());
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
  const Tensor& first = parts[0];
  Attrs a;
  const int at = normal_axis(axis, first.rank() + 1, "stack");
  a.i[0] = at;
  a.flag = true;
  for (int i = 0; i < at; ++i) a.shape.push_back(first.shape(i));
  a.shape.push_back(static_cast<std::int64_t>(parts.size()));
  for (int i = at; i < first.rank(); ++i) a.shape.push_back(first.shape(i));
  a.dtype = first.dtype();
  std::vector<Operand> in;
  in.reserve(parts.size());
  for (const auto& t : parts) {
    if (!(t.shape() == first.shape()))
      fail_shape("stack", "all tensors must have the same shape", first, t);
    if (!(t.device() == first.device()))
      fail<DeviceError>("stack", "all tensors must be on one device");
    a.dtype = promote(a.dtype, t.dtype());
    in.emplace_back(t);
  }
  return call(kConcatenate, std::span<Operand>(in), a);
}

}  // namespace nnx::ops
