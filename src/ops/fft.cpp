// See fft.hpp.
#include "ops/fft.hpp"

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

FourierFn g_fourier = nullptr;

// i[0] = axis, i[1] = n, i[2] = kind, f[0] = scale
FourierScale scale_of(const Attrs& a) { return static_cast<FourierScale>(a.f[0]); }
void fourier_forward(Call& c) {
  GradMode off(false);
  c.out[0] = g_fourier(c.in[0].tensor, static_cast<int>(c.attrs.i[0]), c.attrs.i[1],
                       static_cast<Fourier>(c.attrs.i[2]), scale_of(c.attrs));
}
Tensor transform(const Tensor& x, Attrs a, Fourier kind);

// `inner` for the numbers of half a spectrum that stand for their conjugates, too; 1 for the
// others.
Tensor weights(const Tensor& spectrum, int axis, std::int64_t n, double inner) {
  const std::int64_t m = n / 2 + 1;
  Tensor w = full(Shape{m}, inner, real_of(spectrum.dtype()), spectrum.device());
  GradMode off(false);
  fill(select(w, 0, 0), 1);
  if (n % 2 == 0) fill(select(w, 0, m - 1), 1);
  Shape shape = Dims::filled(spectrum.rank(), 1);
  shape[axis] = m;
  return reshape(w, shape);
}
void fourier_backward(Backward& b) {
  const Tensor& g = b.grad[0];
  const int axis = static_cast<int>(b.attrs.i[0]);
  const std::int64_t n = b.attrs.i[1];
  Tensor d;
  switch (static_cast<Fourier>(b.attrs.i[2])) {
    case Fourier::forward: d = transform(g, b.attrs, Fourier::inverse); break;
    case Fourier::inverse: d = transform(g, b.attrs, Fourier::forward); break;
    case Fourier::half:
      d = transform(pointwise::multiply(g, weights(g, axis, n, 0.5)), b.attrs, Fourier::whole);
      break;
    case Fourier::whole:
      d = transform(g, b.attrs, Fourier::half);
      d = pointwise::multiply(d, weights(d, axis, n, 2));
  }
  b.in[0].grad = d;
}
const Op kFourier{.name = "fft",
                  .kind = Op::Kind::linear,
                  .forward = fourier_forward,
                  .backward = fourier_backward,
                  .lanes = lanes::axis};
Tensor transform(const Tensor& x, Attrs a, Fourier kind) {
  a.i[2] = static_cast<std::int64_t>(kind);
  return call(kFourier, x, a);
}

}  // namespace

void set_fourier(FourierFn f) noexcept { g_fourier = f; }

Tensor fourier(const Tensor& x, std::int64_t n, std::int64_t axis, Fourier kind, FourierScale scale,
               const char* name) {
  if (x.rank() == 0) fail<ShapeError>(name, "takes a tensor with at least one axis", describe(x));
  const int at = normal_axis(axis, x.rank(), name);
  if (n < 1)
    fail<ShapeError>(
        name, "a transform takes at least one number",
        std::to_string(n) + " along axis " + std::to_string(at) + " of " + describe(x));
  if (kind == Fourier::half && is_complex(x.dtype()))
    fail<DTypeError>(name, "takes real numbers", describe(x), "nnx.fft.fft takes complex ones");
  const bool real_input = kind == Fourier::half;
  const DType real = !is_differentiable(x.dtype())          ? real_of(default_dtype())
                     : real_of(x.dtype()) == DType::float64 ? DType::float64
                                                            : DType::float32;
  Tensor t = astype(x, real_input ? real : complex_of(real));
  const std::int64_t length = kind == Fourier::whole ? n / 2 + 1 : n, have = t.shape(at);
  if (have > length) t = slice(t, at, 0, length, 1);
  if (have < length) {
    Dims before = Dims::filled(t.rank(), 0), after = before;
    after[at] = length - have;
    t = pad(t, before, after, Scalar(0));
  }
  Attrs a;
  a.i[0] = at;
  a.i[1] = n;
  a.f[0] = static_cast<double>(scale);
  return transform(t, a, kind);
}

}  // namespace nnx::ops
