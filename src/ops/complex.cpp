// Complex tensors seen as pairs of real numbers, and back; conjugates; functions of a complex
// number that are not holomorphic. See ops.hpp. The gradient of a real result in z = x + iy is
// dL/dx + i dL/dy, PyTorch's convention: a step against it goes down. It is what the transposes of
// these views give, so everything composed of real functions of the parts has the right gradient by
// itself.
#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// --- views ---------------------------------------------------------------------------------------

// The same memory in another dtype; lanes go along, their strides times `up`, over `down`.
Tensor retyped(const Tensor& x, const Shape& shape, Dims strides, DType dtype, std::int64_t up,
               std::int64_t down) {
  runtime::check_place(dtype, x.device(), "view_as_complex");
  Tensor t(x->storage, x->offset * up / down, shape, strides, dtype);
  if (x.lanes()) {
    Lanes lanes = *x.lanes();
    for (auto& s : lanes.strides) s = s * up / down;
    t->lanes = std::make_unique<const Lanes>(lanes);
  }
  return t;
}

// Whether the last axis holds adjacent pairs that start at even places.
bool is_paired(const Tensor& x) {
  bool even = x.stride(-1) == 1 && x->offset % 2 == 0;
  for (int i = 0; i + 1 < x.rank(); ++i) even = even && (x.stride(i) % 2 == 0 || x.shape(i) == 1);
  for (int i = 0; x.lanes() && i < x.lanes()->strides.size(); ++i)
    even = even && x.lanes()->strides[i] % 2 == 0;
  return even || x.numel() == 0;
}

void real_forward(Call& c) { c.out[0] = pairs(c.in[0].tensor); }
void real_backward(Backward& b) {
  const Tensor& g = b.grad[0];
  b.in[0].grad = view_as_complex(is_paired(g) ? g : clone(g));
}
const Op kViewAsReal{.name = "view_as_real",
                     .kind = Op::Kind::linear,
                     .forward = real_forward,
                     .backward = real_backward,
                     .view = true,
                     .lanes = lanes::view};

void complex_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  Shape shape = x.shape();
  Dims strides = x.strides();
  shape.pop_back();
  strides.pop_back();
  for (auto& s : strides) s /= 2;
  c.out[0] = retyped(x, shape, strides, complex_of(x.dtype()), 1, 2);
}
void complex_backward(Backward& b) { b.in[0].grad = view_as_real(b.grad[0]); }
const Op kViewAsComplex{.name = "view_as_complex",
                        .kind = Op::Kind::linear,
                        .forward = complex_forward,
                        .backward = complex_backward,
                        .view = true,
                        .lanes = lanes::view};

// --- functions that are not holomorphic ----------------------------------------------------------

void conj_backward(Backward& b) {
  const Tensor g = conj(b.grad[0]);
  b.in[0].grad = g.dtype() == b.in[0].dtype ? g : astype(g, b.in[0].dtype);
}

Tensor operand_tensor(const Operand& o) {
  return o.is_tensor() ? o.tensor : scalar_tensor(o.scalar, o.scalar.dtype());
}
Tensor abs_form(std::span<Operand> in) {
  const Tensor x = operand_tensor(in[0]);
  return pointwise::hypot(real(x), imag(x));
}
// z / |z|, and 0 at 0
Tensor sign_form(std::span<Operand> in) {
  const Tensor x = operand_tensor(in[0]);
  const Tensor size = pointwise::abs(x);
  return pointwise::where(pointwise::equal(size, 0), 0, pointwise::divide(x, size));
}
Tensor round_form(std::span<Operand> in) {
  return view_as_complex(pointwise::round(view_as_real(operand_tensor(in[0]))));
}

}  // namespace

void complete_complex(PointwiseOp& op) {
  if (op.label == "conj") op.backward = conj_backward;
  if (op.label == "abs") op.complex_form = abs_form;
  if (op.label == "sign") op.complex_form = sign_form;
  if (op.label == "round") op.complex_form = round_form;
}

Tensor pairs(const Tensor& x) {
  Shape shape = x.shape();
  Dims strides = x.strides();
  for (auto& s : strides) s *= 2;
  shape.push_back(2);
  strides.push_back(1);
  return retyped(x, shape, strides, real_of(x.dtype()), 2, 1);
}

Tensor view_as_real(const Tensor& x) {
  if (!is_complex(x.dtype()))
    fail<DTypeError>("view_as_real", "takes a complex tensor", describe(x));
  if (x.rank() == kMaxRank)
    fail<ShapeError>("view_as_real", "the tensor has no room for another axis", describe(x));
  return call(kViewAsReal, x);
}

const Op& view_as_real_op() { return kViewAsReal; }

Tensor view_as_complex(const Tensor& x) {
  if (x.dtype() != DType::float32 && x.dtype() != DType::float64)
    fail<DTypeError>("view_as_complex", "takes a float32 or float64 tensor", describe(x),
                     "convert with x.float()");
  if (x.rank() == 0 || x.shape(-1) != 2)
    fail<ShapeError>("view_as_complex",
                     "the last axis must have length 2, the real and the imaginary part",
                     describe(x), "nnx.complex(real, imag) joins two tensors");
  if (!is_paired(x))
    fail<ShapeError>("view_as_complex", "the pairs of the last axis must lie adjacent in memory",
                     describe(x) + " with strides " + to_string(x.strides()),
                     "use x.contiguous() first");
  return call(kViewAsComplex, x);
}

Tensor real(const Tensor& x) { return is_complex(x.dtype()) ? select(view_as_real(x), -1, 0) : x; }

Tensor imag(const Tensor& x) {
  if (is_complex(x.dtype())) return select(view_as_real(x), -1, 1);
  return full(x.shape(), 0, x.dtype(), x.device());
}

Tensor conj(const Tensor& x) { return is_complex(x.dtype()) ? pointwise::conj(x) : x; }

Tensor complex(const Tensor& re, const Tensor& im) {
  if (re.dtype() != im.dtype() || (re.dtype() != DType::float32 && re.dtype() != DType::float64))
    fail<DTypeError>("complex", "both parts must be float32, or both float64",
                     describe(re) + ", " + describe(im));
  const Shape shape = broadcast(re.shape(), im.shape(), "complex");
  return view_as_complex(stack({expand(re, shape), expand(im, shape)}, -1));
}

Tensor angle(const Tensor& x) {
  if (is_complex(x.dtype())) return pointwise::atan2(imag(x), real(x));
  // pi for negative numbers; NaN stays.
  const Tensor f = is_floating(x.dtype()) ? x : astype(x, default_dtype());
  return pointwise::where(pointwise::less(f, 0), 3.141592653589793,
                          pointwise::where(pointwise::isnan(f), f, 0));
}

}  // namespace nnx::ops
