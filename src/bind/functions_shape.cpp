// Shapes: reshaping, permuting, broadcasting, repeating, flipping. Functions answer as NumPy,
// methods as PyTorch.
#include <algorithm>

#include "bind/families.hpp"
#include "bind/fast_views.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;

namespace {

PyObject* reshape(Args& a) {
  const Tensor x = a.tensor("x");
  const bool is_method = a.definition().role == Role::method;
  Tensor y = ops::reshape(x, is_method ? a.rest_dims("shape") : a.dims("shape"));
  if (a.given("copy") && a.flag("copy", false) && y->storage == x->storage) y = ops::clone(y);
  return give(y);
}
PyObject* view(Args& a) {
  PyObject* first = a.rest() && PyTuple_GET_SIZE(a.rest()) == 1 ? PyTuple_GET_ITEM(a.rest(), 0)
                                                                : a.object("dtype");
  if (first && !PyLong_Check(first) && !PyTuple_Check(first) && !PyList_Check(first))
    if (const auto t = dtype_of(first)) return give(ops::view_dtype(a.self_tensor(), *t));
  return give(ops::view(a.self_tensor(), a.rest_dims("shape")));
}
PyObject* view_as(Args& a) { return give(ops::view(a.self_tensor(), a.tensor("y").shape())); }
PyObject* reshape_as(Args& a) { return give(ops::reshape(a.self_tensor(), a.tensor("y").shape())); }
PyObject* flatten(Args& a) {
  return give(ops::flatten(a.tensor("x"), a.integer("start_dim", 0), a.integer("end_dim", -1)));
}
PyObject* ravel(Args& a) { return give(ops::reshape(a.tensor("x"), Shape{-1})); }
PyObject* unflatten(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis"), x.rank(), a.op());
  const Dims sizes = a.dims("shape");
  Shape s;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) {
      s.push_back(x.shape(i));
      continue;
    }
    std::int64_t known = 1;
    for (const std::int64_t n : sizes) known *= n == -1 ? 1 : n;
    for (const std::int64_t n : sizes)
      s.push_back(n == -1 && known != 0 ? x.shape(axis) / known : n);
  }
  return give(ops::reshape(x, s));
}

PyObject* permute(Args& a) {
  const bool is_method = a.definition().role == Role::method;
  return give(ops::permute(a.tensor("x"), is_method ? a.rest_dims("axis") : a.dims("axis")));
}
Dims reversed_axes(int rank) {
  Dims axes;
  for (int i = rank - 1; i >= 0; --i) axes.push_back(i);
  return axes;
}
PyObject* transpose(Args& a) {  // NumPy's
  const Tensor x = a.tensor("x");
  if (a.given("second"))
    return give(
        ops::transpose(x, to_integer(a.object("axis"), a.op(), "dim0"), a.integer("second")));
  if (!a.given("axis")) return give(x.rank() < 2 ? x : ops::permute(x, reversed_axes(x.rank())));
  return give(ops::permute(x, a.dims("axis")));
}
PyObject* swap_axes(Args& a) {
  return give(ops::transpose(a.tensor("x"), a.integer("dim0"), a.integer("axis1")));
}
PyObject* t(Args& a) {
  const Tensor x = a.tensor("x");
  if (x.rank() > 2)
    fail<ShapeError>(a.op(), "t is for matrices", describe(x), "use x.mT, or x.permute(...)");
  return give(x.rank() < 2 ? x : ops::transpose(x, 0, 1));
}
PyObject* matrix_transpose(Args& a) {
  const Tensor x = a.tensor("x");
  if (x.rank() < 2) fail<ShapeError>(a.op(), "a matrix has at least two axes", describe(x));
  return give(ops::transpose(x, -2, -1));
}
PyObject* moveaxis(Args& a) {
  const Tensor x = a.tensor("x");
  const Dims from = a.dims("values"), to = a.dims("destination");
  if (from.size() != to.size())
    fail<ShapeError>(a.op(), "source and destination must name equally many axes",
                     to_string(from) + " and " + to_string(to));
  Dims order = Dims::filled(x.rank(), -1);
  std::uint32_t used = 0;
  for (int i = 0; i < from.size(); ++i) {
    const int f = normal_axis(from[i], x.rank(), a.op()), d = normal_axis(to[i], x.rank(), a.op());
    if (order[d] != -1 || (used >> f & 1))
      fail<AxisError>(a.op(), "an axis was named twice", to_string(from) + " and " + to_string(to));
    order[d] = f;
    used |= 1u << f;
  }
  int next = 0;
  for (std::int64_t& o : order) {
    if (o != -1) continue;
    while (used >> next & 1) ++next;
    o = next++;
  }
  return give(ops::permute(x, order));
}

PyObject* unsqueeze(Args& a) {
  Tensor x = a.tensor("x");
  const Dims axes = a.dims("axis");
  const int rank = x.rank() + axes.size();
  if (rank > kMaxRank)
    fail<ShapeError>(a.op(), "a tensor has at most " + std::to_string(kMaxRank) + " axes",
                     std::to_string(rank));
  Dims at;
  for (const std::int64_t axis : axes) at.push_back(normal_axis(axis, rank, a.op()));
  std::sort(at.begin(), at.end());
  for (int i = 1; i < at.size(); ++i)
    if (at[i] == at[i - 1]) fail<AxisError>(a.op(), "an axis was named twice", to_string(axes));
  for (const std::int64_t axis : at) x = ops::unsqueeze(x, axis);
  return give(x);
}
// nnx.squeeze(x, axis) refuses an axis longer than 1, x.squeeze(dim) leaves it.
PyObject* squeeze(Args& a) {
  return give(ops::squeeze(a.tensor("x"), a.axes(), a.definition().role == Role::function));
}

PyObject* expand(Args& a) {
  const bool is_method = a.definition().role == Role::method;
  return give(ops::expand(a.tensor("x"), is_method ? a.rest_dims("shape") : a.dims("shape")));
}
PyObject* expand_as(Args& a) { return give(ops::expand(a.self_tensor(), a.tensor("y").shape())); }
std::vector<Tensor> rest_tensors(Args& a) {
  std::vector<Tensor> in;
  Object list = a.rest() ? Object::borrow(a.rest()) : own(PyTuple_New(0));
  if (PyTuple_GET_SIZE(list.get()) == 1 && (PyList_Check(PyTuple_GET_ITEM(list.get(), 0)) ||
                                            PyTuple_Check(PyTuple_GET_ITEM(list.get(), 0))))
    list = own(PySequence_Tuple(PyTuple_GET_ITEM(list.get(), 0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(list.get()); ++i)
    in.push_back(tensor_argument(PyTuple_GET_ITEM(list.get(), i), a.op(), "arrays"));
  return in;
}
PyObject* broadcast_arrays(Args& a) {
  std::vector<Tensor> in = rest_tensors(a);
  Shape s;
  for (const Tensor& x : in) s = broadcast(s, x.shape(), a.op());
  for (Tensor& x : in) x = ops::expand(x, s);
  return give(in);
}
PyObject* broadcast_shapes(Args& a) {
  Shape s;
  if (a.rest())
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a.rest()); ++i) {
      const Dims d = to_dims(PyTuple_GET_ITEM(a.rest(), i), a.op(), "shapes");
      static_cast<void>(count(d));
      s = broadcast(s, d, a.op());
    }
  return shape_tuple(s).release();
}

Dims axes_or_all(Args& a, int rank, bool rest) {
  Dims axes;
  if (rest) {
    if (!a.rest() && !a.given("axis"))
      throw CallError(
          error_text(a.op(), "the argument dims is missing", {}, "x.flip(0), x.flip(0, 1)"));
    axes = a.rest_dims("axis");
  } else if (a.given("axis")) {
    axes = a.dims("axis");
  } else {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  return axes;
}
PyObject* flip(Args& a) {
  const Tensor x = a.tensor("x");
  return give(ops::flip(x, axes_or_all(a, x.rank(), a.definition().role == Role::method)));
}
PyObject* flip_axis(Args& a) {  // fliplr, flipud
  const Tensor x = a.tensor("x");
  const int axis = a.definition().id;
  if (x.rank() <= axis)
    fail<ShapeError>(a.op(), "this needs at least " + std::to_string(axis + 1) + " axes",
                     describe(x));
  return give(ops::flip(x, Dims{axis}));
}

Tensor rolled(const Tensor& x, std::int64_t shift, int axis) {
  const std::int64_t n = x.shape(axis);
  if (n == 0) return x;
  const std::int64_t s = ((shift % n) + n) % n;
  if (s == 0) return x;
  return ops::concatenate({ops::slice(x, axis, n - s, s, 1), ops::slice(x, axis, 0, n - s, 1)},
                          axis);
}
PyObject* roll(Args& a) {
  const Tensor x = a.tensor("x");
  const Dims shifts = a.dims("shift");
  if (!a.given("axis")) {
    if (shifts.size() != 1)
      fail<ArgumentError>(a.op(), "several shifts need as many axes", to_string(shifts));
    return give(ops::reshape(rolled(ops::reshape(x, Shape{-1}), shifts[0], 0), x.shape()));
  }
  const Dims axes = a.dims("axis");
  if (shifts.size() != axes.size() && shifts.size() != 1)
    fail<ArgumentError>(a.op(), "there must be one shift per axis",
                        to_string(shifts) + " and " + to_string(axes));
  Tensor y = x;
  for (int i = 0; i < axes.size(); ++i)
    y = rolled(y, shifts[shifts.size() == 1 ? 0 : i], normal_axis(axes[i], x.rank(), a.op()));
  return give(y.is_same(x) ? ops::clone(x) : y);
}
PyObject* rot90(Args& a) {
  const Tensor x = a.tensor("x");
  const Dims axes = a.given("axis") ? a.dims("axis") : Dims{0, 1};
  if (axes.size() != 2)
    fail<AxisError>(a.op(), "rot90 turns in a plane of two axes", to_string(axes));
  const int p = normal_axis(axes[0], x.rank(), a.op()), q = normal_axis(axes[1], x.rank(), a.op());
  if (p == q) fail<AxisError>(a.op(), "the two axes must differ", to_string(axes));
  switch (((a.integer("k", 1) % 4) + 4) % 4) {
    case 1: return give(ops::transpose(ops::flip(x, Dims{q}), p, q));
    case 2: return give(ops::flip(x, Dims{p, q}));
    case 3: return give(ops::flip(ops::transpose(x, p, q), Dims{q}));
    default: return give(ops::clone(x));
  }
}

// The tensor laid side by side `reps` times along every axis.
Tensor tiled(Tensor x, Dims reps, const char* op) {
  for (const std::int64_t r : reps)
    if (r < 0) fail<ArgumentError>(op, "repetitions must not be negative", to_string(reps));
  while (reps.size() < x.rank()) reps.insert(0, 1);
  Shape full = x.shape();
  while (full.size() < reps.size()) full.insert(0, 1);
  Shape result;
  for (int i = 0; i < full.size(); ++i) {
    std::int64_t n;
    if (__builtin_mul_overflow(full[i], reps[i], &n))
      fail<ShapeError>(op, "the result is too large", to_string(reps));
    result.push_back(n);
  }
  static_cast<void>(count(result));
  x = ops::reshape(x, full);
  for (int i = 0; i < full.size(); ++i) {
    if (reps[i] == 1) continue;
    Shape wide = x.shape();
    if (wide.size() == kMaxRank) {
      x = ops::concatenate(std::vector<Tensor>(static_cast<std::size_t>(reps[i]), x), i);
      continue;
    }
    wide.insert(i, reps[i]);
    Shape joined = x.shape();
    joined[i] *= reps[i];
    x = ops::reshape(ops::expand(ops::unsqueeze(x, i), wide), joined);
  }
  return x;
}
PyObject* tile(Args& a) {
  const bool is_method = a.definition().role == Role::method;
  const Tensor x = a.tensor("x");
  const Tensor y = tiled(x, is_method ? a.rest_dims("repeats") : a.dims("repeats"), a.op());
  return give(y->storage == x->storage ? ops::clone(y) : y);
}
PyObject* repeat_method(Args& a) {
  const Dims reps = a.rest_dims("repeats");
  if (reps.size() < a.self_tensor().rank())
    fail<ShapeError>(a.op(), "there must be at least one repetition per axis",
                     to_string(reps) + " for " + describe(a.self_tensor()),
                     "to repeat elements, use x.repeat_interleave");
  const Tensor y = tiled(a.self_tensor(), reps, a.op());
  return give(y->storage == a.self_tensor()->storage ? ops::clone(y) : y);
}

PyObject* repeat_elements(Args& a) {
  Tensor x = a.tensor("x");
  int axis = 0;
  if (a.given("axis")) axis = normal_axis(a.integer("axis"), x.rank(), a.op());
  else x = ops::reshape(x, Shape{-1});
  const Tensor counts = a.tensor("repeats");
  if (!is_integer(counts.dtype()))
    fail<DTypeError>(a.op(), "repeats must be integers", describe(counts));
  if (counts.rank() > 1 || (counts.numel() != 1 && counts.numel() != x.shape(axis)))
    fail<ShapeError>(a.op(), "repeats must be one number or one per element of the axis",
                     describe(counts) + " for " + describe(x));
  const ops::GradMode mode(ops::grad_enabled());
  Tensor index;
  {
    const ops::GradMode off(false);
    const Tensor list =
        ops::contiguous(ops::astype(ops::reshape(ops::on_cpu(counts), Shape{-1}), DType::int64));
    const std::int64_t n = x.shape(axis);
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t r = list.data<std::int64_t>()[list.numel() == 1 ? 0 : i];
      if (r < 0 || __builtin_add_overflow(total, r, &total))
        fail<ArgumentError>(a.op(), "repeats must not be negative, nor their sum too large",
                            std::to_string(r));
    }
    index = ops::empty({total}, DType::int64);
    std::int64_t* at = index.data<std::int64_t>();
    for (std::int64_t i = 0; i < n; ++i)
      at = std::fill_n(at, list.data<std::int64_t>()[list.numel() == 1 ? 0 : i], i);
  }
  return give(ops::take(x, ops::to_device(index, x.device()), axis));
}

template <int Rank>
PyObject* at_least(Args& a) {
  std::vector<Tensor> out;
  for (Tensor x : rest_tensors(a)) {
    while (x.rank() < Rank) x = ops::unsqueeze(x, Rank == 3 && x.rank() == 2 ? 2 : 0);
    out.push_back(x);
  }
  return out.size() == 1 ? give(out[0]) : give(out);
}

PyObject* diagonal(Args& a) {
  return give(ops::diagonal(a.tensor("x"), a.integer("k", 0), a.integer("axis1", 0),
                            a.integer("axis2", 1)));
}
PyObject* trace(Args& a) {
  return give(ops::sum(
      ops::diagonal(a.tensor("x"), a.integer("k", 0), a.integer("axis1", 0), a.integer("axis2", 1)),
      Dims{-1}));
}
PyObject* narrow(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis"), x.rank(), a.op());
  const std::int64_t n = x.shape(axis);
  std::int64_t start = a.integer("start"), length = a.integer("length");
  if (start < 0) start += n;
  if (start < 0 || length < 0 || start > n || length > n - start)
    fail<IndexError>(a.op(), "start and length must stay inside the axis",
                     "start " + std::to_string(start) + ", length " + std::to_string(length) +
                         " of " + std::to_string(n));
  return give(ops::slice(x, axis, start, length, 1));
}
PyObject* select(Args& a) {
  return give(ops::select(a.tensor("x"), a.integer("axis"), a.integer("indices")));
}
PyObject* unfold(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis"), x.rank(), a.op());
  const std::int64_t n = x.shape(axis), size = a.integer("shape"), step = a.integer("step");
  if (size < 1 || size > n || step < 1)
    fail<ArgumentError>(a.op(), "size must be in [1, length] and step at least 1",
                        "size " + std::to_string(size) + ", step " + std::to_string(step) + " of " +
                            std::to_string(n));
  Shape shape = x.shape();
  Dims strides = x.strides();
  const std::int64_t stride = strides[axis];
  shape[axis] = (n - size) / step + 1;
  strides[axis] = stride * step;
  shape.push_back(size);
  strides.push_back(stride);
  return give(ops::as_strided(x, shape, strides, x->offset));
}

PyObject* clone(Args& a) { return give(ops::clone(a.tensor("x"))); }
PyObject* contiguous(Args& a) { return give(ops::contiguous(a.tensor("x"))); }

// Of methods, whose arguments after x are these numbers.
Tensor flat(const Tensor& x, const Dims&) { return ops::flatten(x, 0, -1); }
Tensor squeezed(const Tensor& x, const Dims& axes) {
  return ops::squeeze(x, axes.empty() ? ops::Axes() : ops::Axes(axes), false);
}
Tensor unsqueezed(const Tensor& x, const Dims& axis) { return ops::unsqueeze(x, axis[0]); }
Tensor swapped(const Tensor& x, const Dims& axes) { return ops::transpose(x, axes[0], axes[1]); }

constexpr const char* kXOnly = "(x: TensorLike) -> Tensor";

const Definition kDefinitions[] = {
    {"reshape", "(x: TensorLike, shape: ShapeLike, *, copy: bool | None = None) -> Tensor",
     R"(The elements in another shape; one length can be -1. A view where memory allows it.

Raises: ShapeError if the number of elements differs.

Example:
    >>> nnx.reshape(nnx.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
)",
     reshape},
    {"reshape", "(*shape: ShapeLike) -> Tensor",
     "The elements in another shape: x.reshape(2, -1). A view where memory allows it.", reshape,
     Role::method, fast_view<ops::reshape, 1, kMaxRank>},
    {"view", "(*shape: Any, dtype: DTypeLike | None = None) -> Tensor",
     "A view in another shape: x.view(2, -1). ShapeError where that needs a copy. x.view(dtype) "
     "reinterprets the bytes.",
     view, Role::method, fast_view<ops::view, 1, kMaxRank>},
    {"view_as", "(other: Tensor) -> Tensor", "A view in the shape of another tensor.", view_as,
     Role::method},
    {"reshape_as", "(other: Tensor) -> Tensor", "The elements in the shape of another tensor.",
     reshape_as, Role::method},
    {"flatten", "(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor",
     R"(The axes from start_dim to end_dim joined into one.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.flatten(nnx.zeros(2, 3, 4), 1).shape
    (2, 12)
)",
     flatten},
    {"flatten", "(start_dim: int = 0, end_dim: int = -1) -> Tensor",
     "The axes from start_dim to end_dim joined into one.", flatten, Role::method,
     fast_view<flat, 0>},
    {"ravel", kXOnly, R"(All elements along one axis.

Example:
    >>> nnx.ravel(nnx.ones(2, 2)).shape
    (4,)
)",
     ravel},
    {"ravel", "() -> Tensor", "All elements along one axis.", ravel, Role::method},
    {"unflatten", "(x: TensorLike, dim: int, sizes: ShapeLike) -> Tensor",
     R"(One axis cut into several.

Example:
    >>> nnx.unflatten(nnx.zeros(2, 6), 1, (2, 3)).shape
    (2, 2, 3)
)",
     unflatten},
    {"unflatten", "(dim: int, sizes: ShapeLike) -> Tensor", "One axis cut into several.", unflatten,
     Role::method},
    {"permute_dims", "(x: TensorLike, axes: Axes) -> Tensor",
     R"(A view with the axes in another order.

Raises: AxisError unless every axis is named once.

Example:
    >>> nnx.permute_dims(nnx.zeros(2, 3, 4), (2, 0, 1)).shape
    (4, 2, 3)
)",
     permute},
    {"permute", "(*dims: Axes) -> Tensor",
     "A view with the axes in another order: x.permute(2, 0, 1).", permute, Role::method,
     fast_view<ops::permute, 1, kMaxRank>},
    {"transpose", "(x: TensorLike, axes: Axes | None = None, second: int | None = None) -> Tensor",
     R"(A view with the axes reversed, or in the order of `axes`, as NumPy's; x.transpose(0, 1) swaps two.

Raises: AxisError unless every axis is named once.

Example:
    >>> nnx.transpose(nnx.zeros(2, 3)).shape
    (3, 2)
)",
     transpose},
    {"transpose", "(dim0: int, dim1: int) -> Tensor", "A view with two axes swapped.", swap_axes,
     Role::method, fast_view<swapped, 2>},
    {"swapaxes", "(x: TensorLike, dim0: int, dim1: int) -> Tensor", R"(A view with two axes swapped.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.swapaxes(nnx.zeros(2, 3), 0, 1).shape
    (3, 2)
)",
     swap_axes},
    {"swapaxes", "(dim0: int, dim1: int) -> Tensor", "A view with two axes swapped.", swap_axes,
     Role::method},
    {"t", kXOnly, R"(The transpose of a matrix.

Example:
    >>> nnx.t(nnx.zeros(2, 3)).shape
    (3, 2)
)",
     t},
    {"t", "() -> Tensor", "The transpose of a matrix.", t, Role::method},
    {"matrix_transpose", kXOnly, R"(A view with the last two axes swapped.

Raises: ShapeError for fewer than two axes.

Example:
    >>> nnx.matrix_transpose(nnx.zeros(5, 2, 3)).shape
    (5, 3, 2)
)",
     matrix_transpose},
    {"moveaxis", "(x: TensorLike, source: Axes, destination: Axes) -> Tensor",
     R"(A view with axes moved to other places.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.moveaxis(nnx.zeros(2, 3, 4), 0, -1).shape
    (3, 4, 2)
)",
     moveaxis},
    {"moveaxis", "(source: Axes, destination: Axes) -> Tensor",
     "A view with axes moved to other places.", moveaxis, Role::method},
    {"expand_dims", "(x: TensorLike, axis: Axes = 0) -> Tensor",
     R"(A view with a new axis of length 1.

Raises: AxisError for an axis out of range.

Example:
    >>> nnx.expand_dims(nnx.zeros(3), -1).shape
    (3, 1)
)",
     unsqueeze},
    {"unsqueeze", "(dim: int) -> Tensor", "A view with a new axis of length 1.", unsqueeze,
     Role::method, fast_view<unsqueezed, 1>},
    {"squeeze", "(x: TensorLike, axis: Axis = None) -> Tensor",
     R"(A view without axes of length 1: all of them, or those named.

Raises: ShapeError if a named axis is longer (x.squeeze(dim) leaves it).

Example:
    >>> nnx.squeeze(nnx.zeros(1, 3, 1)).shape
    (3,)
)",
     squeeze},
    {"squeeze", "(dim: Axis = None) -> Tensor",
     "A view without axes of length 1: all of them, or those named.", squeeze, Role::method,
     fast_view<squeezed, 0, 1>},
    {"broadcast_to", "(x: TensorLike, shape: ShapeLike) -> Tensor",
     R"(A view repeated along axes of length 1 and new first axes.

Raises: ShapeError where the shapes do not fit.

Example:
    >>> nnx.broadcast_to(nnx.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
)",
     expand},
    {"expand", "(*sizes: ShapeLike) -> Tensor",
     "A view repeated along axes of length 1; -1 keeps a length.", expand, Role::method},
    {"broadcast_to", "(*shape: ShapeLike) -> Tensor", "A view repeated along axes of length 1.",
     expand, Role::method},
    {"expand_as", "(other: Tensor) -> Tensor", "A view repeated to the shape of another tensor.",
     expand_as, Role::method},
    {"broadcast_arrays", "(*arrays: TensorLike) -> tuple[Tensor, ...]",
     R"(Views of one common shape.

Raises: ShapeError where the shapes do not fit.

Example:
    >>> x, y = nnx.broadcast_arrays(nnx.zeros(2, 1), nnx.zeros(3)); y.shape
    (2, 3)
)",
     broadcast_arrays},
    {"broadcast_shapes", "(*shapes: ShapeLike) -> Size", R"(The shape that shapes broadcast to.

Raises: ShapeError where they do not fit.

Example:
    >>> nnx.broadcast_shapes((2, 1), (3,))
    (2, 3)
)",
     broadcast_shapes},
    {"flip", "(x: TensorLike, axis: Axis = None) -> Tensor",
     R"(The elements in reverse order along axes, or all of them.

Example:
    >>> nnx.flip(nnx.tensor([1, 2, 3]))
    tensor([3, 2, 1])
)",
     flip},
    {"flip", "(*dims: Axes) -> Tensor", "The elements in reverse order along axes.", flip,
     Role::method},
    {"fliplr", kXOnly, R"(The columns in reverse order.

Example:
    >>> nnx.fliplr(nnx.tensor([[1, 2]]))
    tensor([[2, 1]])
)",
     flip_axis, Role::function, nullptr, 1},
    {"flipud", kXOnly, R"(The rows in reverse order.

Example:
    >>> nnx.flipud(nnx.tensor([1, 2]))
    tensor([2, 1])
)",
     flip_axis, Role::function, nullptr, 0},
    {"roll", "(x: TensorLike, shift: Axes, axis: Axis = None) -> Tensor",
     R"(The elements moved along axes, around the end.

Example:
    >>> nnx.roll(nnx.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
)",
     roll},
    {"roll", "(shifts: Axes, dims: Axis = None) -> Tensor",
     "The elements moved along axes, around the end.", roll, Role::method},
    {"rot90", "(x: TensorLike, k: int = 1, axes: Axes = (0, 1)) -> Tensor",
     R"(Turned by 90 degrees k times, from the first axis towards the second.

Example:
    >>> nnx.rot90(nnx.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
)",
     rot90},
    {"tile", "(x: TensorLike, repeats: ShapeLike) -> Tensor",
     R"(The tensor side by side, several times along each axis.

Example:
    >>> nnx.tile(nnx.tensor([1, 2]), 2)
    tensor([1, 2, 1, 2])
)",
     tile},
    {"tile", "(*repeats: ShapeLike) -> Tensor",
     "The tensor side by side, several times along each axis.", tile, Role::method},
    {"repeat", "(x: TensorLike, repeats: TensorLike, axis: int | None = None) -> Tensor",
     R"(Every element several times, as NumPy's; x.repeat(2) tiles, as PyTorch's.

Raises: ArgumentError for negative repeats.

Example:
    >>> nnx.repeat(nnx.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
)",
     repeat_elements},
    {"repeat_interleave", "(x: TensorLike, repeats: TensorLike, axis: int | None = None) -> Tensor",
     R"(Every element several times.

Example:
    >>> nnx.repeat_interleave(nnx.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
)",
     repeat_elements},
    {"repeat_interleave", "(repeats: TensorLike, dim: int | None = None) -> Tensor",
     "Every element several times.", repeat_elements, Role::method},
    {"repeat", "(*repeats: ShapeLike) -> Tensor",
     "The tensor side by side, as often as said for each axis.", repeat_method, Role::method},
    {"atleast_1d", "(*arrays: TensorLike) -> Any", R"(With at least one axis.

Example:
    >>> nnx.atleast_1d(3.0).shape
    (1,)
)",
     at_least<1>},
    {"atleast_2d", "(*arrays: TensorLike) -> Any", R"(With at least two axes.

Example:
    >>> nnx.atleast_2d(nnx.zeros(3)).shape
    (1, 3)
)",
     at_least<2>},
    {"atleast_3d", "(*arrays: TensorLike) -> Any", R"(With at least three axes.

Example:
    >>> nnx.atleast_3d(nnx.zeros(2, 3)).shape
    (2, 3, 1)
)",
     at_least<3>},
    {"diagonal", "(x: TensorLike, k: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor",
     R"(A view of a diagonal of two axes, as the last axis.

Raises: AxisError for axes that are not there.

Example:
    >>> nnx.diagonal(nnx.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
)",
     diagonal},
    {"diagonal", "(offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor",
     "A view of a diagonal of two axes, as the last axis.", diagonal, Role::method},
    {"trace", "(x: TensorLike, k: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor",
     R"(The sum of the diagonal.

Example:
    >>> nnx.trace(nnx.tensor([[1, 2], [3, 4]]))
    tensor(5)
)",
     trace},
    {"trace", "() -> Tensor", "The sum of the diagonal.", trace, Role::method},
    {"narrow", "(x: TensorLike, dim: int, start: int, length: int) -> Tensor",
     R"(A view of a part of an axis.

Raises: IndexError if it reaches outside.

Example:
    >>> nnx.narrow(nnx.arange(5), 0, 1, 2)
    tensor([1, 2])
)",
     narrow},
    {"narrow", "(dim: int, start: int, length: int) -> Tensor", "A view of a part of an axis.",
     narrow, Role::method},
    {"select", "(x: TensorLike, dim: int, index: int) -> Tensor", R"(A view at one index of an axis.

Raises: IndexError for an index out of range.

Example:
    >>> nnx.select(nnx.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
)",
     select},
    {"select", "(dim: int, index: int) -> Tensor", "A view at one index of an axis.", select,
     Role::method},
    {"unfold", "(dimension: int, size: int, step: int) -> Tensor",
     "A view of windows of an axis; the new last axis runs inside them.", unfold, Role::method},
    {"clone", kXOnly, R"(A contiguous copy; gradients pass through.

Example:
    >>> nnx.clone(nnx.ones(2))
    tensor([1., 1.])
)",
     clone},
    {"clone", "() -> Tensor", "A contiguous copy; gradients pass through.", clone, Role::method},
    {"contiguous", "() -> Tensor",
     "The tensor itself if its memory is row-major, else a copy that is.", contiguous,
     Role::method},
    {"ascontiguousarray", kXOnly,
     R"(The tensor itself if its memory is row-major, else a copy that is.

Example:
    >>> nnx.ascontiguousarray(nnx.ones(2, 3).T).is_contiguous()
    True
)",
     contiguous},
};

struct Alias {
  const char *name, *of;
};
constexpr Alias kFunctionAliases[] = {{"permute", "permute_dims"},
                                      {"unsqueeze", "expand_dims"},
                                      {"swapdims", "swapaxes"},
                                      {"movedim", "moveaxis"},
                                      {"broadcast_tensors", "broadcast_arrays"},
                                      {"copy", "clone"}};
constexpr Alias kMethodAliases[] = {{"permute_dims", "permute"},
                                    {"swapdims", "swapaxes"},
                                    {"movedim", "moveaxis"},
                                    {"expand_dims", "unsqueeze"}};

}  // namespace

void declare_shapes(PyObject* module) {
  for (const Definition& d : kDefinitions) {
    declare(module, d);
    for (const Alias& other : kFunctionAliases)
      if (d.role == Role::function && std::string_view(other.of) == d.name)
        declare(module, d, other.name);
    for (const Alias& other : kMethodAliases)
      if (d.role == Role::method && std::string_view(other.of) == d.name)
        declare(module, d, other.name);
  }
}

}  // namespace nnx::bind
