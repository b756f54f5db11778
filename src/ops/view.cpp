// Views: windows on the same storage. See ops.hpp.
//
// reshape, permute and expand have views as their transposes. Everything else that picks elements
// (slices, diagonals, flips) is one op, `window`, described twice: by the strides in x's memory and
// by the strides it would have if x were row-major. Its transpose, `embed`, adds the gradient into
// zeros at the latter.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// Strides of x seen with another shape of equally many elements, if it can be without copying.
std::optional<Dims> view_strides(const Tensor& x, const Shape& shape) {
  if (x.contiguous()) return contiguous_strides(shape);
  if (x.numel() == 0) return contiguous_strides(shape);
  Shape from;  // axes of x longer than 1
  Dims steps;
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape(i) != 1) {
      from.push_back(x.shape(i));
      steps.push_back(x.stride(i));
    }
  Dims out = Dims::filled(shape.size(), 1);
  int j = shape.size() - 1;
  for (int i = from.size() - 1; i >= 0;) {
    // A maximal run of axes that lie evenly in memory must be a product of new lengths.
    const std::int64_t base = steps[i];
    std::int64_t run = from[i--];
    for (; i >= 0 && steps[i] == base * run; --i) run *= from[i];
    std::int64_t filled = 1;
    for (; j >= 0 && (filled < run || shape[j] == 1); --j) {
      out[j] = base * filled;
      filled *= shape[j];
    }
    if (filled != run) return std::nullopt;
  }
  return out;
}

Shape resolved(Shape shape, const Tensor& x, const char* op) {
  int unknown = -1;
  std::int64_t known = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      if (unknown >= 0) fail<ShapeError>(op, "only one length can be -1", to_string(shape));
      unknown = i;
    } else if (shape[i] < 0) {
      fail<ShapeError>(op, "lengths must not be negative, but for one -1", to_string(shape));
    } else {
      // Saturates: a product this large equals no tensor's number of elements.
      if (__builtin_mul_overflow(known, shape[i], &known))
        known = std::numeric_limits<std::int64_t>::max() / 2;
    }
  }
  if (unknown >= 0) {
    if (known == 0 || x.numel() % known != 0)
      fail<ShapeError>(op, "the -1 has no whole length", describe(x) + " to " + to_string(shape));
    shape[unknown] = x.numel() / known;
  } else {
    bool zero = false;
    for (auto n : shape) zero |= n == 0;
    if ((zero ? 0 : known) != x.numel())
      fail<ShapeError>(op, "the new shape must have as many elements as the tensor",
                       describe(x) + " has " + std::to_string(x.numel()) + ", " + to_string(shape) +
                           " has " + (zero ? "0" : std::to_string(known)),
                       "use -1 for a length to be worked out");
  }
  return shape;
}

void reshape_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  c.out[0] = x.window(c.attrs.shape, c.attrs.axes, x->offset);
}
void reshape_backward(Backward& b) { b.in[0].grad = reshape(b.grad[0], b.in[0].shape); }
const Op kReshape{.name = "reshape",
                  .kind = Op::Kind::linear,
                  .forward = reshape_forward,
                  .backward = reshape_backward,
                  .view = true,
                  .lanes = lanes::view};

// x with another shape of equally many elements: with strides that fit its memory, and with any.
Tensor reshaped(const Tensor& x, const Shape& shape, const Dims& strides) {
  if (Tensor y = unobserved_view(x, shape, strides, x->offset)) return y;
  Attrs a;
  a.shape = shape;
  a.axes = strides;
  return call(kReshape, x, a);
}

Tensor in_shape(const Tensor& x, const Shape& shape) {
  if (const auto strides = view_strides(x, shape)) return reshaped(x, shape, *strides);
  return reshaped(clone(x), shape, contiguous_strides(shape));
}

Dims picked(const Dims& from, const Dims& axes) {
  Dims list;
  for (auto a : axes) list.push_back(from[static_cast<int>(a)]);
  return list;
}
void permute_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  c.out[0] =
      x.window(picked(x.shape(), c.attrs.axes), picked(x.strides(), c.attrs.axes), x->offset);
}
void permute_backward(Backward& b) {
  Dims inverse = b.attrs.axes;
  for (int i = 0; i < inverse.size(); ++i) inverse[static_cast<int>(b.attrs.axes[i])] = i;
  b.in[0].grad = permute(b.grad[0], inverse);
}
const Op kPermute{.name = "permute",
                  .kind = Op::Kind::linear,
                  .forward = permute_forward,
                  .backward = permute_backward,
                  .view = true,
                  .lanes = lanes::view};

void expand_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const Shape& shape = c.attrs.shape;
  Dims strides = Dims::filled(shape.size(), 0);
  const int shift = shape.size() - x.rank();
  for (int i = 0; i < x.rank(); ++i)
    if (x.shape(i) == shape[i + shift]) strides[i + shift] = x.stride(i);
  c.out[0] = x.window(shape, strides, x->offset);
}
void expand_backward(Backward& b) { b.in[0].grad = sum_to(b.grad[0], b.in[0].shape); }
const Op kExpand{.name = "expand",
                 .kind = Op::Kind::linear,
                 .forward = expand_forward,
                 .backward = expand_backward,
                 .view = true,
                 .lanes = lanes::view};

// window: shape; axes = strides in memory, i[0] = offset in storage;
//         extra = strides in a row-major x, i[1] = offset there
Tensor embed(const Tensor& g, const Shape& base, const Dims& strides, std::int64_t offset);

void window_forward(Call& c) {
  c.out[0] = c.in[0].tensor.window(c.attrs.shape, c.attrs.axes, c.attrs.i[0]);
}
void window_backward(Backward& b) {
  b.in[0].grad = embed(b.grad[0], b.in[0].shape, b.attrs.extra, b.attrs.i[1]);
}
const Op kWindow{.name = "slice",
                 .kind = Op::Kind::linear,
                 .forward = window_forward,
                 .backward = window_backward,
                 .view = true,
                 .lanes = lanes::view};

// embed: shape = base; extra, i[1] as above
void embed_forward(Call& c) {
  const Tensor& g = c.in[0].tensor;
  c.out[0] = full(c.attrs.shape, 0, g.dtype(), g.device());
  copy_into(g, c.out[0].window(g.shape(), c.attrs.extra, c.attrs.i[1]));
}
void embed_backward(Backward& b) {
  Tensor g = contiguous(b.grad[0]);
  Attrs a;
  a.shape = b.in[0].shape;
  a.axes = a.extra = b.attrs.extra;
  a.i[1] = b.attrs.i[1];
  a.i[0] = g->offset + a.i[1];
  b.in[0].grad = call(kWindow, g, a);
}
void embed_lanes(Call& c, const Lanes& all) {
  Attrs a = c.attrs;
  a.shape = lanes::in_front(all, c.attrs.shape);
  a.extra = contiguous_strides(a.shape);
  while (a.extra.size() > all.levels.size()) a.extra.pop_back();
  for (const auto s : c.attrs.extra) a.extra.push_back(s);
  lanes::run(c, all, a);
}
const Op kEmbed{.name = "slice_backward",
                .kind = Op::Kind::linear,
                .forward = embed_forward,
                .backward = embed_backward,
                .lanes = embed_lanes};

Tensor embed(const Tensor& g, const Shape& base, const Dims& strides, std::int64_t offset) {
  Attrs a;
  a.shape = base;
  a.extra = strides;
  a.i[1] = offset;
  return call(kEmbed, g, a);
}

// The same step along an axis, in memory and in a row-major x.
struct Window {
  explicit Window(const Tensor& x) : x(x), plain(contiguous_strides(x.shape())) {
    a.shape = x.shape();
    a.axes = x.strides();
    a.extra = plain;
    a.i[0] = x->offset;
  }
  void skip(int axis, std::int64_t index) {
    if (x.numel() == 0) return;
    a.i[0] += index * x.stride(axis);
    a.i[1] += index * plain[axis];
  }
  Tensor make() {
    Tensor y = unobserved_view(x, a.shape, a.axes, a.i[0]);
    return y ? y : call(kWindow, x, a);
  }
  const Tensor& x;
  Dims plain;
  Attrs a;
};

// as_strided: shape, axes = strides, i[0] = offset in storage; the base's geometry is kept for the
// gradient: extra = its strides, i[1] = its offset.
void strided_forward(Call& c) {
  c.out[0] = c.in[0].tensor.window(c.attrs.shape, c.attrs.axes, c.attrs.i[0]);
}
void strided_backward(Backward& b) {
  // Through a flat buffer over the memory both reach.
  auto reach = [](const Shape& shape, const Dims& strides, std::int64_t offset, std::int64_t& lo,
                  std::int64_t& hi) {
    std::int64_t l = offset, h = offset;
    for (int i = 0; i < shape.size(); ++i) (strides[i] < 0 ? l : h) += (shape[i] - 1) * strides[i];
    lo = std::min(lo, l);
    hi = std::max(hi, h);
  };
  const auto& a = b.attrs;
  std::int64_t lo = a.i[0], hi = a.i[0];
  if (count(b.in[0].shape) == 0 || b.grad[0].numel() == 0) return;
  reach(b.in[0].shape, a.extra, a.i[1], lo, hi);
  reach(a.shape, a.axes, a.i[0], lo, hi);
  // Places read several times: sums over axes that do not move; other overlaps through indices.
  Tensor g = b.grad[0];
  Dims strides = a.axes;
  bool overlap = false;
  for (int i = g.rank() - 1; i >= 0; --i)
    if (strides[i] == 0 && g.shape(i) > 1) {
      g = sum(g, Dims{std::int64_t{i}});
      strides.erase(i);
    }
  // Sorted by stride, each axis must step over the whole extent of the smaller ones.
  std::vector<std::pair<std::int64_t, std::int64_t>> axes;
  for (int i = 0; i < g.rank(); ++i)
    if (g.shape(i) > 1) axes.push_back({std::abs(strides[i]), g.shape(i)});
  std::sort(axes.begin(), axes.end());
  std::int64_t extent = 0;
  for (auto [s, n] : axes) {
    overlap |= s <= extent;
    extent += s * (n - 1);
  }
  Tensor flat;
  if (!overlap) {
    flat = embed(g, Shape{hi - lo + 1}, strides, a.i[0] - lo);
  } else {
    Tensor index = scalar_tensor(a.i[0] - lo, DType::int64, g.device());
    for (int i = 0; i < g.rank(); ++i) {
      const Tensor steps =
          pointwise::multiply(arange(0, g.shape(i), 1, DType::int64, g.device()), strides[i]);
      index = pointwise::add(unsqueeze(index, -1), steps);
    }
    flat = index_add(full(Shape{hi - lo + 1}, 0, g.dtype(), g.device()), 0,
                     reshape(index, Shape{-1}), reshape(g, Shape{-1}));
  }
  b.in[0].grad = as_strided(flat, b.in[0].shape, a.extra, a.i[1] - lo);
}
const Op kStrided{.name = "as_strided",
                  .kind = Op::Kind::linear,
                  .forward = strided_forward,
                  .backward = strided_backward,
                  .view = true,
                  .lanes = lanes::view};

void dtype_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  Shape shape = x.shape();
  Dims strides = x.strides();
  const auto from = static_cast<std::int64_t>(size_of(x.dtype())),
             to = static_cast<std::int64_t>(size_of(c.attrs.dtype));
  const std::int64_t bytes = x->offset * from;
  if (from != to) {
    shape.back() = shape.back() * from / to;
    for (int i = 0; i < strides.size(); ++i) strides[i] = strides[i] * from / to;
    strides.back() = 1;
  }
  c.out[0] = Tensor(x->storage, bytes / to, shape, strides, c.attrs.dtype);
}
const Op kViewDtype{.name = "view", .forward = dtype_forward};

}  // namespace

Tensor view(const Tensor& x, Shape shape) {
  shape = resolved(shape, x, "view");
  const auto strides = view_strides(x, shape);
  if (!strides)
    fail<ShapeError>(
        "view", "this tensor's memory order has no view of that shape",
        describe(x) + " with strides " + to_string(x.strides()) + " to " + to_string(shape),
        "use reshape, which copies when it must");
  return reshaped(x, shape, *strides);
}

Tensor reshape(const Tensor& x, Shape shape) { return in_shape(x, resolved(shape, x, "reshape")); }

Tensor permute(const Tensor& x, const Dims& axes) {
  if (axes.size() != x.rank())
    fail<ShapeError>("permute", "every axis must be named once",
                     "axes " + to_string(axes) + " for " + describe(x));
  Dims order;
  std::uint32_t named = 0;
  for (auto i : axes) {
    order.push_back(normal_axis(i, x.rank(), "permute"));
    named |= 1u << order.back();
  }
  if (named != (1u << x.rank()) - 1) axis_mask(order, x.rank(), "permute");  // says what is wrong
  if (Tensor y =
          unobserved_view(x, picked(x.shape(), order), picked(x.strides(), order), x->offset))
    return y;
  Attrs a;
  a.axes = order;
  return call(kPermute, x, a);
}

Tensor transpose(const Tensor& x, std::int64_t i, std::int64_t j) {
  Dims axes;
  for (int k = 0; k < x.rank(); ++k) axes.push_back(k);
  if (x.rank() > 0)
    std::swap(axes[normal_axis(i, x.rank(), "transpose")],
              axes[normal_axis(j, x.rank(), "transpose")]);
  return permute(x, axes);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  Attrs a;
  a.shape = shape;
  const int shift = shape.size() - x.rank();
  if (shift < 0)
    fail<ShapeError>("expand", "the new shape has fewer axes than the tensor",
                     describe(x) + " to " + to_string(shape));
  for (int i = 0; i < shape.size(); ++i) {
    const std::int64_t n = i < shift ? 1 : x.shape(i - shift);
    if (a.shape[i] == -1 && i >= shift) a.shape[i] = n;
    if (n != a.shape[i] && n != 1)
      fail<ShapeError>("expand", "only axes of length 1 can be expanded",
                       describe(x) + " to " + to_string(shape));
  }
  count(a.shape);
  if (a.shape == x.shape()) return x;
  return call(kExpand, x, a);
}

Tensor squeeze(const Tensor& x, const Axes& axes, bool strict) {
  const std::uint32_t mask = axis_mask(axes, x.rank(), "squeeze");
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    const bool named = (mask >> i) & 1;
    if (named && axes && strict && x.shape(i) != 1)
      fail<ShapeError>("squeeze", "only axes of length 1 can be removed",
                       "axis " + std::to_string(i) + " of " + describe(x));
    if (!named || x.shape(i) != 1) shape.push_back(x.shape(i));
  }
  return in_shape(x, shape);
}

Tensor unsqueeze(const Tensor& x, std::int64_t axis) {
  const int at = normal_axis(axis, x.rank() + 1, "unsqueeze");
  Shape shape = x.shape();
  shape.insert(at, 1);
  Dims strides = x.strides();
  strides.insert(at, at < x.rank() ? x.stride(at) * x.shape(at) : 1);
  return reshaped(x, shape, strides);
}

Tensor flatten(const Tensor& x, std::int64_t start, std::int64_t end) {
  if (x.rank() == 0) return reshape(x, Shape{1});
  const int i = normal_axis(start, x.rank(), "flatten"), j = normal_axis(end, x.rank(), "flatten");
  if (i > j) fail<AxisError>("flatten", "start must not come after end");
  Shape shape;
  for (int k = 0; k < x.rank(); ++k) {
    if (k > i && k <= j) shape.back() *= x.shape(k);
    else shape.push_back(x.shape(k));
  }
  return in_shape(x, shape);
}

Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t length,
             std::int64_t step) {
  const int i = normal_axis(axis, x.rank(), "slice");
  if (length < 0 ||
      (length > 0 && (start < 0 || start >= x.shape(i) || start + (length - 1) * step < 0 ||
                      start + (length - 1) * step >= x.shape(i))))
    fail<IndexError>("slice", "the slice leaves the axis",
                     "start " + std::to_string(start) + ", length " + std::to_string(length) +
                         " on axis " + std::to_string(i) + " of " + describe(x));
  Window w(x);
  if (length > 0) w.skip(i, start);
  w.a.shape[i] = length;
  w.a.axes[i] *= step;
  w.a.extra[i] *= step;
  return w.make();
}

Tensor select(const Tensor& x, std::int64_t axis, std::int64_t index) {
  const int i = normal_axis(axis, x.rank(), "select");
  const std::int64_t n = x.shape(i);
  if (index < -n || index >= n)
    fail<IndexError>(
        "index", "index must lie in [-" + std::to_string(n) + ", " + std::to_string(n) + ")",
        "index " + std::to_string(index) + " on axis " + std::to_string(i) + " of " + describe(x));
  Window w(x);
  w.skip(i, index < 0 ? index + n : index);
  w.a.shape.erase(i);
  w.a.axes.erase(i);
  w.a.extra.erase(i);
  return w.make();
}

Tensor diagonal(const Tensor& x, std::int64_t k, std::int64_t axis1, std::int64_t axis2) {
  if (x.rank() < 2)
    fail<ShapeError>("diagonal", "takes a tensor with at least two axes", describe(x));
  const int i = normal_axis(axis1, x.rank(), "diagonal"),
            j = normal_axis(axis2, x.rank(), "diagonal");
  if (i == j) fail<AxisError>("diagonal", "the two axes must differ", std::to_string(axis1));
  Window w(x);
  const std::int64_t rows = x.shape(i), columns = x.shape(j);
  const std::int64_t n =
      std::max<std::int64_t>(0, k >= 0 ? std::min(rows, k > columns ? 0 : columns - k)
                                       : std::min(-k > rows ? 0 : rows + k, columns));
  if (n > 0) {
    if (k >= 0) w.skip(j, k);
    else w.skip(i, -k);
  }
  for (auto [d, value] : {std::pair{&w.a.shape, n},
                          {&w.a.axes, x.stride(i) + x.stride(j)},
                          {&w.a.extra, w.plain[i] + w.plain[j]}}) {
    d->erase(std::max(i, j));
    d->erase(std::min(i, j));
    d->push_back(value);
  }
  return w.make();
}

Tensor flip(const Tensor& x, const Dims& axes) {
  const std::uint32_t mask = axis_mask(axes, x.rank(), "flip");
  Window w(x);
  for (int i = 0; i < x.rank(); ++i)
    if ((mask >> i) & 1) {
      if (x.shape(i) > 0) w.skip(i, x.shape(i) - 1);
      w.a.axes[i] = -w.a.axes[i];
      w.a.extra[i] = -w.a.extra[i];
    }
  return w.make();
}

const Op& as_strided_op() { return kStrided; }

Tensor as_strided(const Tensor& x, const Shape& shape, const Dims& strides, std::int64_t offset) {
  if (shape.size() != strides.size())
    fail<ShapeError>("as_strided", "shape and strides must be equally long",
                     to_string(shape) + ", " + to_string(strides));
  std::int64_t lo = offset, hi = offset;
  bool bad = false;
  if (count(shape) > 0)
    for (int i = 0; i < shape.size(); ++i) {
      std::int64_t reach = 0;
      bad |= __builtin_mul_overflow(shape[i] - 1, strides[i], &reach);
      bad |= __builtin_add_overflow(strides[i] < 0 ? lo : hi, reach, strides[i] < 0 ? &lo : &hi);
    }
  const auto room = static_cast<std::int64_t>(x->storage->bytes / size_of(x.dtype()));
  if (bad || lo < 0 || (count(shape) > 0 && hi >= room))
    fail<ShapeError>("as_strided", "the view leaves the tensor's memory",
                     to_string(shape) + " with strides " + to_string(strides) + " in " +
                         std::to_string(room) + " elements");
  Attrs a;
  a.shape = shape;
  a.axes = strides;
  a.extra = x.strides();
  a.i[0] = offset;
  a.i[1] = x->offset;
  return call(kStrided, x, a);
}

Tensor view_dtype(const Tensor& x, DType dtype) {
  runtime::check_place(dtype, x.device(), "view");
  const std::size_t from = size_of(x.dtype()), to = size_of(dtype);
  if (from != to) {
    const auto n = x.rank() ? x.shape(-1) * static_cast<std::int64_t>(from) : 0;
    bool fits = x.rank() > 0 && x.stride(-1) == 1 && n % static_cast<std::int64_t>(to) == 0 &&
                (x->offset * static_cast<std::int64_t>(from)) % static_cast<std::int64_t>(to) == 0;
    for (int i = 0; fits && i + 1 < x.rank(); ++i)
      fits = (x.stride(i) * static_cast<std::int64_t>(from)) % static_cast<std::int64_t>(to) == 0;
    if (!fits)
      fail<ShapeError>("view",
                       "bytes of the last axis do not divide into elements of the new dtype",
                       describe(x) + " as " + std::string(name_of(dtype)));
  }
  Attrs a;
  a.dtype = dtype;
  return call(kViewDtype, x, a);
}

}  // namespace nnx::ops
