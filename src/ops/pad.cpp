// Borders: see ops.hpp.
//
// A border that repeats the tensor is copied from the result itself, axis by axis: once the inside
// stands, each strip along an axis is a few runs of neighbouring lines, in their order, reversed or
// one line over and over. The transpose adds the strips back in the opposite order of axes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// Of every op here: shape = result, axes = widths before.

Tensor inside(const Tensor& padded, const Shape& shape, const Dims& before) {
  std::int64_t offset = padded->offset;
  for (int i = 0; i < padded.rank(); ++i) offset += before[i] * padded.stride(i);
  return padded.window(shape, padded.strides(), offset);
}

// --- constant: the value stands in f and, for integers, i[0] ----------------------------------

void constant_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const Scalar value = is_complex(x.dtype())
                           ? Scalar(std::complex<double>(c.attrs.f[0], c.attrs.f[1]))
                       : is_floating(x.dtype()) ? Scalar(c.attrs.f[0])
                                                : Scalar(c.attrs.i[0]);
  c.out[0] = full(c.attrs.shape, value, x.dtype(), x.device());
  copy_into(x, inside(c.out[0], x.shape(), c.attrs.axes));
}
void constant_backward(Backward& b) {
  Tensor g = b.grad[0];
  for (int i = 0; i < g.rank(); ++i) g = slice(g, i, b.attrs.axes[i], b.in[0].shape[i], 1);
  b.in[0].grad = g;
}
const Op kConstant{.name = "pad",
                   .kind = Op::Kind::linear,
                   .forward = constant_forward,
                   .backward = constant_backward};

// --- repeated: i[0] = the border ---------------------------------------------------------------

// The element of n that stands at place i of the endless row.
std::int64_t repeated(Border border, std::int64_t i, std::int64_t n) {
  const auto within = [&](std::int64_t period) { return ((i % period) + period) % period; };
  if (border == Border::edge || n == 1) return std::clamp<std::int64_t>(i, 0, n - 1);
  if (border == Border::wrap) return within(n);
  const std::int64_t period = border == Border::reflect ? 2 * n - 2 : 2 * n;
  const std::int64_t at = within(period);
  return at < n ? at : (border == Border::reflect ? period : period - 1) - at;
}

// Lines to, to + 1, ... of the border are lines from, from + step, ... of the inside.
struct Run {
  std::int64_t to, from, length, step;
};
std::vector<Run> runs_of(Border border, std::int64_t n, std::int64_t before, std::int64_t total) {
  std::vector<Run> runs;
  for (std::int64_t to = 0; to < total; ++to) {
    if (to == before) to += n;  // the inside
    if (to >= total) break;
    const std::int64_t from = before + repeated(border, to - before, n);
    if (!runs.empty()) {
      Run& last = runs.back();
      const std::int64_t step = from - (last.from + (last.length - 1) * last.step);
      if (last.to + last.length == to && std::abs(step) <= 1 &&
          (last.length == 1 || step == last.step)) {
        last.step = step;
        ++last.length;
        continue;
      }
    }
    runs.push_back({to, from, 1, 0});
  }
  return runs;
}

// f(lines of the border, lines of the inside) for every run along an axis. The axes before it reach
// over the borders, those behind it over the inside.
template <class F>
void for_runs(const Tensor& padded, const Shape& shape, const Attrs& a, int axis, F&& f) {
  const std::int64_t before = a.axes[axis], stride = padded.stride(axis);
  Shape lines = padded.shape();
  std::int64_t offset = padded->offset;
  for (int i = axis + 1; i < padded.rank(); ++i) {
    lines[i] = shape[i];
    offset += a.axes[i] * padded.stride(i);
  }
  for (const Run& run : runs_of(static_cast<Border>(a.i[0]), shape[axis], before, lines[axis])) {
    lines[axis] = run.length;
    Dims steps = padded.strides();
    const Tensor border = padded.window(lines, steps, offset + run.to * stride);
    steps[axis] *= run.step;
    f(border, padded.window(lines, steps, offset + run.from * stride), run);
  }
}

void border_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const Tensor out = runtime::empty(c.attrs.shape, x.dtype(), x.device());
  if (out.numel()) {
    copy_into(x, inside(out, x.shape(), c.attrs.axes));
    for (int i = 0; i < x.rank(); ++i)
      for_runs(
          out, x.shape(), c.attrs, i,
          [](const Tensor& border, const Tensor& lines, const Run&) { copy_into(lines, border); });
  }
  c.out[0] = out;
}
void unborder_forward(Call& c) {
  GradMode off(false);
  static const int plus = find_declaration("add");
  const Tensor& g = c.in[0].tensor;
  const DType t = row_dtype(g.dtype(), c.op.name);
  const Tensor sum = clone(astype(g, t));
  for (int i = sum.rank() - 1; i >= 0 && sum.numel(); --i)
    for_runs(sum, c.attrs.shape, c.attrs, i,
             [&](const Tensor& border, const Tensor& lines, const Run& run) {
               Tensor part = border, to = lines;
               if (run.step == 0) {
                 part = ops::sum(border, Dims{i}, true);
                 to = lines.window(part.shape(), lines.strides(), lines->offset);
               }
               Operand in[] = {to, part};
               apply_into(to, plus, in);
             });
  c.out[0] = astype(contiguous(inside(sum, c.attrs.shape, c.attrs.axes)), g.dtype());
}
extern const Op kUnborder;
const Op kBorder{.name = "pad",
                 .kind = Op::Kind::linear,
                 .forward = border_forward,
                 .backward = [](Backward& b) {
                   b.in[0].grad = call(kUnborder, b.grad[0], with_shape(b.attrs, b.in[0].shape));
                 }};
const Op kUnborder{.name = "pad_backward",
                   .kind = Op::Kind::linear,
                   .forward = unborder_forward,
                   .backward = [](Backward& b) {
                     b.in[0].grad = call(kBorder, b.grad[0], with_shape(b.attrs, b.in[0].shape));
                   }};

Attrs padded(const Tensor& x, const Dims& before, const Dims& after) {
  if (before.size() != x.rank() || after.size() != x.rank())
    fail<ShapeError>("pad", "needs a pair of widths for every axis", describe(x));
  Attrs a;
  a.shape = x.shape();
  a.axes = before;
  for (int i = 0; i < x.rank(); ++i) {
    if (before[i] < 0 || after[i] < 0)
      fail<ArgumentError>("pad", "widths must not be negative",
                          to_string(before) + ", " + to_string(after));
    if (__builtin_add_overflow(a.shape[i], before[i], &a.shape[i]) ||
        __builtin_add_overflow(a.shape[i], after[i], &a.shape[i]))
      fail<ShapeError>("pad", "the padded axis is too long");
  }
  static_cast<void>(count(a.shape));
  return a;
}

}  // namespace

Tensor pad(const Tensor& x, const Dims& before, const Dims& after, Scalar value) {
  check_written(x, value, "pad");
  Attrs a = padded(x, before, after);
  a.f[0] = value.as_double();
  a.f[1] = value.imag;
  a.i[0] = value.kind >= Scalar::Kind::floating ? static_cast<std::int64_t>(value.f) : value.i;
  return call(kConstant, x, a);
}

Tensor pad(const Tensor& x, const Dims& before, const Dims& after, Border border) {
  if (is_complex(x.dtype()))
    return complex(pad(real(x), before, after, border), pad(imag(x), before, after, border));
  Attrs a = padded(x, before, after);
  a.i[0] = static_cast<std::int64_t>(border);
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape(i) == 0 && a.shape[i] > 0)
      fail<ShapeError>("pad", "an empty axis has nothing to repeat", describe(x),
                       "mode 'constant' fills with a number");
  return call(kBorder, x, a);
}

}  // namespace nnx::ops
