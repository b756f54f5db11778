// Weighted sums of elements picked in planes: see ops.hpp. Three ops, linear in each of their two
// tensors, that are each other's gradients:
//   pick     in = x, weight, index   y[s, c, p] = sum_t weight[t, s, p] x[s, c, index[t, s, p]]
//   spread   in = y, weight, index   its transpose in x; i[0] = elements of a plane
//   products in = y, x, index        its transpose in weight
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// x (samples, channels, elements) by shape alone, index (terms, samples, places).
PickJob job_of(std::int64_t channels, std::int64_t elements, const Tensor& index) {
  return {index.shape(1), channels,       elements,
          index.shape(2), index.shape(0), index.data<std::int64_t>()};
}

using Kernel = void (*)(const PickJob&, Lane, const void*, const void*, void*);

// out = kernel(in[0], in[1]), of the given shape, in the precision of rows.
void run(Call& c, const Shape& shape, std::int64_t elements, bool zeros,
         Kernel core::Kernels::* kernel) {
  GradMode off(false);
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor, &index = c.in[2].tensor;
  const DType t = row_dtype(a.dtype(), c.op.name);
  const Tensor first = contiguous(astype(a, t)), second = contiguous(astype(b, t));
  const Tensor out = zeros ? full(shape, 0, t, a.device()) : runtime::empty(shape, t, a.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(index.numel() * a.shape(1)) * 2);
    (kernels_of(a).*kernel)(job_of(a.shape(1), elements, index), lane_of(t), first.bytes(),
                            second.bytes(), out.bytes());
  }
  c.out[0] = astype(out, a.dtype());
}

void pick_forward(Call& c) {
  const Tensor &x = c.in[0].tensor, &index = c.in[2].tensor;
  run(c, Shape{x.shape(0), x.shape(1), index.shape(2)}, x.shape(2), false, &core::Kernels::pick);
}
void spread_forward(Call& c) {
  const Tensor& y = c.in[0].tensor;
  run(c, Shape{y.shape(0), y.shape(1), c.attrs.i[0]}, c.attrs.i[0], true, &core::Kernels::pick_add);
}
void products_forward(Call& c) {
  const Tensor &x = c.in[1].tensor, &index = c.in[2].tensor;
  run(c, index.shape(), x.shape(2), false, &core::Kernels::pick_products);
}

extern const Op kPick, kSpread, kProducts;
Tensor call(const Op& op, const Tensor& a, const Tensor& b, const Operand& index,
            std::int64_t elements = 0) {
  Operand in[] = {a, b, index};
  Attrs attrs;
  attrs.i[0] = elements;
  return ops::call(op, in, attrs);
}

void pick_backward(Backward& b) {
  const Operand &x = b.in[0].value, &weight = b.in[1].value, &index = b.in[2].value;
  if (b.in[0].needed)
    b.in[0].grad = call(kSpread, b.grad[0], weight.tensor, index, b.in[0].shape[2]);
  if (b.in[1].needed) b.in[1].grad = call(kProducts, b.grad[0], x.tensor, index);
}
void spread_backward(Backward& b) {
  const Operand &y = b.in[0].value, &weight = b.in[1].value, &index = b.in[2].value;
  if (b.in[0].needed) b.in[0].grad = call(kPick, b.grad[0], weight.tensor, index);
  if (b.in[1].needed) b.in[1].grad = call(kProducts, y.tensor, b.grad[0], index);
}
void products_backward(Backward& b) {
  const Operand &y = b.in[0].value, &x = b.in[1].value, &index = b.in[2].value;
  if (b.in[0].needed) b.in[0].grad = call(kPick, x.tensor, b.grad[0], index);
  if (b.in[1].needed) b.in[1].grad = call(kSpread, y.tensor, b.grad[0], index, b.in[1].shape[2]);
}

const Op kPick{.name = "pick",
               .kind = Op::Kind::linear,
               .forward = pick_forward,
               .backward = pick_backward,
               .saves = kSaveInputs};
const Op kSpread{.name = "pick_spread",
                 .kind = Op::Kind::linear,
                 .forward = spread_forward,
                 .backward = spread_backward,
                 .saves = kSaveInputs};
const Op kProducts{.name = "pick_products",
                   .kind = Op::Kind::linear,
                   .forward = products_forward,
                   .backward = products_backward,
                   .saves = kSaveInputs};

}  // namespace

Tensor pick(const Tensor& x, const Tensor& index, const Tensor& weight) {
  require_floating(x, "pick");
  const std::string received =
      "x " + describe(x) + ", index " + describe(index) + ", weight " + describe(weight);
  if (x.rank() != 3 || index.rank() != 3 || !(index.shape() == weight.shape()) ||
      index.shape(1) != x.shape(0))
    fail<ShapeError>("pick",
                     "x (samples, channels, elements) needs index and weight (terms, samples, "
                     "places)",
                     received);
  if (weight.dtype() != x.dtype())
    fail<DTypeError>("pick", "x and weight must have the same dtype", received);
  if (!is_integer(index.dtype())) fail<DTypeError>("pick", "indices must be integers", received);
  const Tensor checked = checked_indices(index, {"pick", 0, x.shape(2)});
  return call(kPick, x, weight, checked);
}

}  // namespace nnx::ops
