// Layer normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes.
// in = x[, weight, bias] (i[1], i[2] say which are there); i[0] = axes normalised, f[0] = eps;
// out = y, mean, rstd.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

struct Parts {
  const Tensor* weight = nullptr;
  const Tensor* bias = nullptr;
  int weight_at = -1, bias_at = -1;
};

template <class In, class Get>
Parts parts_of(const In& in, const Attrs& a, Get get) {
  Parts p;
  int i = 1;
  if (a.i[1]) {
    p.weight_at = i;
    p.weight = get(in[i++]);
  }
  if (a.i[2]) {
    p.bias_at = i;
    p.bias = get(in[i++]);
  }
  return p;
}

std::int64_t row_length(const Shape& shape, std::int64_t axes) {
  std::int64_t n = 1;
  for (int i = shape.size() - static_cast<int>(axes); i < shape.size(); ++i) n *= shape[i];
  return n;
}

void forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const Parts p = parts_of(c.in, c.attrs, [](const Operand& o) { return &o.tensor; });
  const DType t = row_dtype(x.dtype(), "layer_norm");
  const Tensor rows = contiguous(astype(x, t));
  const std::int64_t n = row_length(x.shape(), c.attrs.i[0]);
  const std::int64_t m = n ? x.numel() / n : 0;
  const Tensor w = p.weight ? contiguous(astype(*p.weight, t)) : Tensor();
  const Tensor b = p.bias ? contiguous(astype(*p.bias, t)) : Tensor();
  Tensor y = runtime::empty(x.shape(), t, x.device());
  c.out[1] = runtime::empty(Shape{m}, t, x.device());
  c.out[2] = runtime::empty(Shape{m}, t, x.device());
  if (y.numel()) {
    runtime::LongCall release(static_cast<double>(y.numel()));
    kernels_of(x).layer_norm(lane_of(t), m, n, c.attrs.f[0], rows.bytes(), w ? w.bytes() : nullptr,
                             b ? b.bytes() : nullptr, y.bytes(), c.out[1].bytes(),
                             c.out[2].bytes());
  }
  c.out[0] = astype(y, x.dtype());
}

void backward(Backward& b) {
  GradMode off(false);
  const Tensor& x = b.in[0].value.tensor;
  const Parts p = parts_of(b.in, b.attrs, [](const Backward::Input& i) { return &i.value.tensor; });
  const DType t = row_dtype(x.dtype(), "layer_norm");
  const Tensor rows = contiguous(astype(x, t)), g = contiguous(astype(b.grad[0], t));
  const std::int64_t n = row_length(x.shape(), b.attrs.i[0]);
  const std::int64_t m = n ? x.numel() / n : 0;
  const Tensor w = p.weight ? contiguous(astype(*p.weight, t)) : Tensor();
  auto room = [&](int at, const Shape& shape) {
    return at >= 0 && b.in[at].needed ? full(shape, 0, t, x.device()) : Tensor();
  };
  Tensor dx = room(0, x.shape()), dw = room(p.weight_at, Shape{n}), db = room(p.bias_at, Shape{n});
  if (x.numel()) {
    runtime::LongCall release(2 * static_cast<double>(x.numel()));
    kernels_of(x).layer_norm_backward(
        lane_of(t), m, n, rows.bytes(), w ? w.bytes() : nullptr, b.out[1].bytes(), b.out[2].bytes(),
        g.bytes(), dx ? dx.bytes() : nullptr, dw ? dw.bytes() : nullptr, db ? db.bytes() : nullptr);
  }
  auto give = [&](int at, const Tensor& d) {
    if (d) b.in[at].grad = astype(reshape(d, b.in[at].shape), b.in[at].dtype);
  };
  give(0, dx);
  give(p.weight_at, dw);
  give(p.bias_at, db);
}

Tensor definition(std::span<const Operand> in, const Attrs& a) {
  const Tensor& x = in[0].tensor;
  const Parts p = parts_of(in, a, [](const Operand& o) { return &o.tensor; });
  Dims axes;
  for (int i = x.rank() - static_cast<int>(a.i[0]); i < x.rank(); ++i) axes.push_back(i);
  const Tensor d = subtract(x, mean(x, axes, true));
  Tensor y = multiply(d, rsqrt(add(mean(square(d), axes, true), a.f[0])));
  if (p.weight) y = multiply(y, *p.weight);
  if (p.bias) y = add(y, *p.bias);
  return astype(y, x.dtype());
}

const Op kLayerNorm{.name = "layer_norm",
                    .kind = Op::Kind::fused,
                    .forward = forward,
                    .backward = backward,
                    .saves = kSaveInputs | save_out(1) | save_out(2),
                    .results = 3,
                    .definition = definition};

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized, const Tensor& weight,
                  const Tensor& bias, double eps) {
  require_floating(x, "layer_norm");
  const int k = normalized.size();
  bool fits = k > 0 && k <= x.rank();
  for (int i = 0; fits && i < k; ++i) fits = x.shape(x.rank() - k + i) == normalized[i];
  if (!fits)
    fail<ShapeError>("layer_norm", "the last axes of x must be the normalised shape",
                     "x " + describe(x) + ", normalized_shape " + to_string(normalized));
  for (const Tensor* t : {&weight, &bias}) {
    if (!*t) continue;
    if (!(t->shape() == normalized))
      fail<ShapeError>("layer_norm",
                       "weight and bias must have the normalised shape " + to_string(normalized),
                       describe(*t));
    if (t->dtype() != x.dtype())
      fail<DTypeError>("layer_norm", "the input must have the dtype of the weights",
                       "x " + describe(x) + ", weight " + describe(*t),
                       "convert the input: x = x.to(nnx." + std::string(name_of(t->dtype())) + ")");
  }
  Attrs a;
  a.i[0] = k;
  a.i[1] = static_cast<bool>(weight);
  a.i[2] = static_cast<bool>(bias);
  a.f[0] = eps;
  std::vector<Operand> in{x};
  if (weight) in.emplace_back(weight);
  if (bias) in.emplace_back(bias);
  return call(kLayerNorm, std::span<Operand>(in), a);
}

}  // namespace nnx::ops
