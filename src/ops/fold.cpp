// Windows as columns, and back: see ops.hpp. unfold copies one strided view; fold, its transpose,
// adds the columns of one element of the kernel at a time, in row-major order.
#include <algorithm>
#include <limits>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// Of both ops: shape = result; axes = kernel, stride; extra = padding, dilation (two each);
// i[0], i[1] = windows down and across.

// (N, C, kernel, kernel, windows, windows) of a contiguous padded image.
struct Layout {
  Shape padded, shape;
  Dims strides;
};
Layout layout_of(const Attrs& a, const Shape& image) {
  Layout l;
  l.padded = image;
  for (int i = 0; i < 2; ++i) l.padded[2 + i] += 2 * a.extra[i];
  const Dims s = contiguous_strides(l.padded);
  l.shape = {image[0], image[1], a.axes[0], a.axes[1], a.i[0], a.i[1]};
  l.strides = {
      s[0], s[1], a.extra[2] * s[2], a.extra[3] * s[3], a.axes[2] * s[2], a.axes[3] * s[3]};
  return l;
}
Dims around(const Attrs& a) { return {0, 0, a.extra[0], a.extra[1]}; }

void unfold_forward(Call& c) {
  GradMode off(false);
  Tensor x = c.in[0].tensor;
  const Layout l = layout_of(c.attrs, x.shape());
  x = l.padded == x.shape() ? contiguous(x) : pad(x, around(c.attrs), around(c.attrs), Scalar(0));
  c.out[0] = runtime::empty(c.attrs.shape, x.dtype(), x.device());
  copy_into(x.window(l.shape, l.strides, x->offset),
            c.out[0].window(l.shape, contiguous_strides(l.shape), c.out[0]->offset));
}

void fold_forward(Call& c) {
  GradMode off(false);
  static const int plus = find_declaration("add");
  const Tensor& x = c.in[0].tensor;
  const Layout l = layout_of(c.attrs, c.attrs.shape);
  const DType t = storage_of(lane_of(x.dtype()));  // sums of small types are kept wide
  const Tensor columns = contiguous(astype(x, t)), sum = full(l.padded, 0, t, x.device());
  const Dims from = contiguous_strides(l.shape);
  const auto pick = [](const Dims& d) { return Dims{d[0], d[1], d[4], d[5]}; };
  for (std::int64_t i = 0; i < l.shape[2] && columns.numel(); ++i)
    for (std::int64_t j = 0; j < l.shape[3]; ++j) {
      const auto part = [&](const Tensor& of, const Dims& strides) {
        return of.window(pick(l.shape), pick(strides),
                         of->offset + i * strides[2] + j * strides[3]);
      };
      const Tensor to = part(sum, l.strides);
      Operand in[] = {to, part(columns, from)};
      apply_into(to, plus, in);
    }
  Tensor y = sum;
  for (int i = 2; i < 4; ++i) y = slice(y, i, c.attrs.extra[i - 2], c.attrs.shape[i], 1);
  c.out[0] = astype(contiguous(y), x.dtype());
}

extern const Op kFold;
const Op kUnfold{.name = "unfold",
                 .kind = Op::Kind::linear,
                 .forward = unfold_forward,
                 .backward = [](Backward& b) {
                   b.in[0].grad = call(kFold, b.grad[0], with_shape(b.attrs, b.in[0].shape));
                 }};
const Op kFold{
    .name = "fold", .kind = Op::Kind::linear, .forward = fold_forward, .backward = [](Backward& b) {
      b.in[0].grad = call(kUnfold, b.grad[0], with_shape(b.attrs, b.in[0].shape));
    }};

// Attrs of the windows on an image of these lengths, without the shape.
Attrs windows_on(const char* op, const Shape& size, const PoolWindows& w) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  Attrs a;
  const std::string received = "lengths " + to_string(size) + ", kernel " + to_string(w.kernel) +
                               ", stride " + to_string(w.stride) + ", padding " +
                               to_string(w.padding) + ", dilation " + to_string(w.dilation);
  for (int i = 0; i < 2; ++i) {
    const std::int64_t k = w.kernel[i], s = w.stride[i], p = w.padding[i], d = w.dilation[i];
    if (k < 1 || s < 1 || d < 1 || p < 0)
      fail<ArgumentError>(op, "kernel, stride and dilation must be at least 1, padding at least 0",
                          received);
    if (std::max({k, s, d, p, size[i]}) > kMost)
      fail<ArgumentError>(op, "lengths of windows and images must be below 2^31", received);
    const std::int64_t room = size[i] + 2 * p - d * (k - 1) - 1;
    if (size[i] < 1 || room < 0)
      fail<ShapeError>(op, "the window must fit into the padded image", received);
    a.i[i] = room / s + 1;
  }
  static_cast<void>(count(Shape{w.kernel[0], w.kernel[1], a.i[0], a.i[1]}));
  a.axes = {w.kernel[0], w.kernel[1], w.stride[0], w.stride[1]};
  a.extra = {w.padding[0], w.padding[1], w.dilation[0], w.dilation[1]};
  return a;
}

}  // namespace

Tensor unfold(const Tensor& x, const PoolWindows& windows) {
  if (x.rank() == 3) return squeeze(unfold(unsqueeze(x, 0), windows), Dims{0}, true);
  if (x.rank() != 4) fail<ShapeError>("unfold", "x must be (N, C, H, W) or (C, H, W)", describe(x));
  Attrs a = windows_on("unfold", Shape{x.shape(2), x.shape(3)}, windows);
  const std::int64_t channels = count(Shape{x.shape(1), a.axes[0], a.axes[1]});
  a.shape = {x.shape(0), channels, a.i[0] * a.i[1]};
  return call(kUnfold, x, a);
}

Tensor fold(const Tensor& x, const Shape& size, const PoolWindows& windows) {
  if (x.rank() == 2) return squeeze(fold(unsqueeze(x, 0), size, windows), Dims{0}, true);
  if (x.rank() != 3)
    fail<ShapeError>("fold", "x must be (N, C * kernel, windows) or (C * kernel, windows)",
                     describe(x));
  Attrs a = windows_on("fold", size, windows);
  const std::int64_t kernel = a.axes[0] * a.axes[1], expected = a.i[0] * a.i[1];
  if (x.shape(1) % kernel != 0)
    fail<ShapeError>(
        "fold",
        "axis 1 must be a multiple of the " + std::to_string(kernel) + " elements of the kernel",
        describe(x));
  if (x.shape(2) != expected)
    fail<ShapeError>("fold",
                     "an image of " + to_string(size) + " has " + std::to_string(a.i[0]) + " x " +
                         std::to_string(a.i[1]) + " = " + std::to_string(expected) +
                         " such windows, the length of the last axis",
                     describe(x));
  a.shape = {x.shape(0), x.shape(1) / kernel, size[0], size[1]};
  static_cast<void>(count(a.shape));
  return call(kFold, x, a);
}

}  // namespace nnx::ops
