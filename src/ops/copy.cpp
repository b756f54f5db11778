// Copies, casts and assignment: see ops.hpp.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

void cast_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  c.out[0] = runtime::empty(x.shape(), c.attrs.dtype, x.device());
  copy_into(x, c.out[0]);
}
void cast_backward(Backward& b) {
  b.in[0].grad = b.grad[0].dtype() == b.in[0].dtype ? b.grad[0] : astype(b.grad[0], b.in[0].dtype);
}
const Op kClone{.name = "clone",
                .kind = Op::Kind::linear,
                .forward = cast_forward,
                .backward = cast_backward,
                .lanes = lanes::leading};
const Op kCast{.name = "astype",
               .kind = Op::Kind::linear,
               .forward = cast_forward,
               .backward = cast_backward,
               .lanes = lanes::leading};

// target[...] = value: the old value of the target plays no part.
void assign_forward(Call& c) {
  const Tensor& source = c.in[0].tensor;
  copy_into(source, c.target);
  c.out[0] = c.target;
}
void assign_backward(Backward& b) {
  b.in[0].grad = astype(sum_to(b.grad[0], b.in[0].shape), b.in[0].dtype);
}
const Op kAssign{.name = "copy_",
                 .kind = Op::Kind::linear,
                 .forward = assign_forward,
                 .backward = assign_backward,
                 .lanes = lanes::aligned};

void fill_forward(Call& c) {
  copy_into(c.in[0].tensor, c.target);
  c.out[0] = c.target;
}
void fill_backward(Backward&) {}
const Op kFill{.name = "fill_",
               .kind = Op::Kind::linear,
               .forward = fill_forward,
               .backward = fill_backward,
               .lanes = lanes::aligned};

void detach_forward(Call& c) { c.out[0] = c.in[0].tensor.alias(); }
const Op kDetach{.name = "detach", .forward = detach_forward, .lanes = lanes::view};

}  // namespace

Tensor clone(const Tensor& x) {
  Attrs a;
  a.dtype = x.dtype();
  return call(kClone, x, a);
}

Tensor contiguous(const Tensor& x) { return x.contiguous() ? x : clone(x); }

Tensor astype(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Attrs a;
  a.dtype = dtype;
  return call(kCast, x, a);
}

Tensor to_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  runtime::kernels(device);
  fail<DeviceError>("to", "no copy between these devices",
                    to_string(x.device()) + " to " + to_string(device));
}

void check_written(const Tensor& target, const Operand& value) {
  const DType t = value.is_tensor() ? value.tensor.dtype() : value.scalar.dtype();
  if (is_complex(t) && !is_complex(target.dtype()))
    fail<DTypeError>("copy_", "a complex value cannot be written to a tensor of real numbers",
                     describe(value) + " to " + describe(target),
                     "write its real part, x.real, or make the tensor complex first");
}

void assign(const Tensor& target, const Operand& value) {
  check_written(target, value);
  Tensor source = value.is_tensor() ? value.tensor : scalar_tensor(value.scalar, [&] {
    const DType t = value.scalar.dtype();
    if (is_complex(t)) return complex_of(target.dtype());
    return kind_of(t) == Kind::floating && real_of(target.dtype()) == DType::float64
               ? DType::float64
               : t;
  }());

  if (!(broadcast(target.shape(), source.shape(), "copy_") == target.shape()))
    fail_shape("copy_", "the value must broadcast to the shape it is written to", target, source);
  for (int i = 0; i < target.rank(); ++i)
    if (target.stride(i) == 0 && target.shape(i) > 1)
      fail<ArgumentError>("copy_",
                          "several elements of an expanded tensor share one place in memory, "
                          "so it cannot be written in place",
                          describe(target), "use t.clone() first");
  // Reading what is being written: from a copy.
  if (source->storage.get() == target->storage.get() && !source.is_same(target))
    source = clone(source);
  Operand in[] = {source};
  Call c{value.is_tensor() ? kAssign : kFill, in, {}, {}, target};
  dispatch(c);
}

Tensor detach(const Tensor& x) {
  GradMode off(false);
  return call(kDetach, x);
}

}  // namespace nnx::ops
