// Copies, casts and assignment: see ops.hpp.
#include "ops/support.hpp"
#include "runtime/device.hpp"

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

// i[0] and i[1]: kind and index of the device; flag: early
void to_device_forward(Call& c) {
  const Device to{static_cast<DeviceKind>(c.attrs.i[0]), static_cast<std::int16_t>(c.attrs.i[1])};
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor);
  const Device from = x.device();
  c.out[0] = runtime::empty(x.shape(), x.dtype(), to);
  c.attrs.i[0] = static_cast<std::int64_t>(from.kind);  // where the gradient goes
  c.attrs.i[1] = from.index;
  const auto bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  runtime::LongCall release(static_cast<double>(bytes) * 0.1);
  runtime::copy_bytes({c.out[0].bytes(), to}, {x.bytes(), from}, bytes, c.attrs.flag);
}
void to_device_backward(Backward& b) {
  b.in[0].grad = to_device(
      b.grad[0], {static_cast<DeviceKind>(b.attrs.i[0]), static_cast<std::int16_t>(b.attrs.i[1])});
}
const Op kToDevice{.name = "to",
                   .kind = Op::Kind::linear,
                   .forward = to_device_forward,
                   .backward = to_device_backward,
                   .lanes = lanes::leading};

void pinned_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const auto bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  c.out[0] = Tensor(runtime::allocate_pinned(bytes), 0, x.shape(), contiguous_strides(x.shape()),
                    x.dtype());
  copy_into(x, c.out[0]);
}
const Op kPinned{.name = "pin_memory",
                 .kind = Op::Kind::linear,
                 .forward = pinned_forward,
                 .backward = cast_backward,
                 .lanes = lanes::leading};

// target[...] = value: the old value of the target plays no part.
void assign_forward(Call& c) {
  const Tensor& source = c.in[0].tensor;
  copy_into(source, c.target, true);
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
  fill_into(c.target, c.in[0].scalar, true);
  c.out[0] = c.target;
}
void fill_backward(Backward&) {}
const Op kFill{.name = "fill_",
               .kind = Op::Kind::linear,
               .forward = fill_forward,
               .backward = fill_backward,
               .lanes = lanes::aligned};

void check_places(const Tensor& target) {
  for (int i = 0; i < target.rank(); ++i)
    if (target.stride(i) == 0 && target.shape(i) > 1)
      fail<ArgumentError>("copy_",
                          "several elements of an expanded tensor share one place in memory, "
                          "so it cannot be written in place",
                          describe(target), "use t.clone() first");
}

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

Tensor to_device(const Tensor& x, Device device, bool early) {
  if (x.device() == device) return x;
  Attrs a;
  a.flag = early;
  a.i[0] = static_cast<std::int64_t>(device.kind);
  a.i[1] = device.index;
  return call(kToDevice, x, a);
}

Tensor pinned(const Tensor& x) {
  if (x.device().kind != DeviceKind::cpu)
    fail<DeviceError>("pin_memory", "memory of the CPU is pinned, to be copied from it",
                      describe(x), "a tensor on a device needs none of it");
  return call(kPinned, x);
}

Tensor on_cpu(const Tensor& x) {
  GradMode off(false);
  return to_device(x, Device{});
}

void check_written(const Tensor& target, const Operand& value, std::string_view op) {
  const DType t = value.is_tensor() ? value.tensor.dtype() : value.scalar.dtype();
  if (is_complex(t) && !is_complex(target.dtype()))
    fail<DTypeError>(op, "a complex value cannot be written to a tensor of real numbers",
                     describe(value) + " to " + describe(target),
                     "write its real part, x.real, or make the tensor complex first");
  if (!value.is_tensor()) check_fits(value.scalar, target.dtype(), op);
}

void fail_unordered(std::string_view op, std::string_view received) {
  fail<DTypeError>(op, "complex numbers have no order", received,
                   "order their sizes, nnx.abs(x), or their parts, x.real and x.imag");
}

void check_ordered(const Tensor& x, std::string_view op) {
  if (is_complex(x.dtype())) fail_unordered(op, describe(x));
}

void assign(const Tensor& target, const Operand& value, const char* op) {
  check_written(target, value, op);
  if (!value.is_tensor()) {
    check_places(target);
    Operand in[] = {value};
    Call c{kFill, in, {}, {}, target};
    return dispatch(c);
  }
  Tensor source = value.tensor;
  if (!(broadcast(target.shape(), source.shape(), "copy_") == target.shape()))
    fail_shape("copy_", "the value must broadcast to the shape it is written to", target, source);
  check_places(target);
  source = to_device(source, target.device());
  // Reading what is being written: from a copy.
  if (source->storage.get() == target->storage.get() && !source.is_same(target))
    source = clone(source);
  Operand in[] = {source};
  Call c{kAssign, in, {}, {}, target};
  dispatch(c);
}

Tensor detach(const Tensor& x) {
  GradMode off(false);
  return call(kDetach, x);
}

}  // namespace nnx::ops
