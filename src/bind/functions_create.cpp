// Making tensors: from data, filled, ranges, grids.
#include <cmath>

#include "autodiff/autodiff.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/lanes.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

PyObject* finished(Args& a, Tensor t) {
  const Device made = t.device();
  t = ops::to_device(t, a.device(made.kind == DeviceKind::cpu ? default_device() : made));
  if (a.flag("requires_grad", false)) autodiff::set_requires_grad(t, true);
  return give(std::move(t));
}

Copy copy_mode(Args& a) {
  PyObject* o = a.object("copy");
  if (!o && std::string_view(a.op()) == "array") return Copy::always;
  if (!o || o == Py_None) return Copy::if_needed;
  return a.flag("copy", false) ? Copy::always : Copy::never;
}

// asarray and array keep the graph; asking for requires_grad makes a leaf.
PyObject* asarray(Args& a) {
  Tensor t = as_tensor(a.object("x"), a.dtype(), copy_mode(a), a.op());
  if (a.given("device")) t = ops::to_device(t, a.device());
  if (a.flag("requires_grad", false)) {
    if (is_tensor(a.object("x")) && unwrap(a.object("x")).is_same(t)) t = ops::detach(t);
    autodiff::set_requires_grad(t, true);
  }
  return give(std::move(t));
}
PyObject* fast_asarray(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 1) return nullptr;
  if (is_tensor(args[0])) return Py_NewRef(args[0]);
  return give(as_tensor(args[0]));
}

PyObject* tensor(Args& a) {
  Tensor t;
  {
    const ops::GradMode off(false);
    t = as_tensor(a.object("x"), a.dtype(), Copy::always, a.op());
    if (autodiff::requires_grad(t)) t = ops::clone(ops::detach(t));
  }
  without_gradient(a.object("x"), a.op());
  return finished(a, std::move(t));
}

Shape shape_of(Args& a) { return a.rest_dims("shape"); }

Tensor filled(Args& a, const Shape& shape, Scalar value, DType otherwise,
              std::optional<Device> device = {}) {
  const DType t = a.dtype().value_or(otherwise);
  if (value.kind == Scalar::Kind::complex && !is_complex(t))
    fail<DTypeError>(a.op(), "a complex value needs a complex dtype",
                     describe(Operand(value)) + ", " + std::string(name_of(t)),
                     "dtype=nnx.complex64");
  check_fits(value, t, a.op());
  return ops::full(shape, value, t, a.device(device));
}
PyObject* made(Args& a, Tensor t) {
  if (a.flag("requires_grad", false)) autodiff::set_requires_grad(t, true);
  return give(std::move(t));
}
PyObject* zeros(Args& a) { return made(a, filled(a, shape_of(a), Scalar(0), default_dtype())); }
PyObject* ones(Args& a) { return made(a, filled(a, shape_of(a), Scalar(1), default_dtype())); }
PyObject* empty(Args& a) {
  return made(a, ops::empty(shape_of(a), a.dtype().value_or(default_dtype()), a.device()));
}
Scalar fill_value(Args& a) { return a.scalar("fill_value"); }
PyObject* full(Args& a) {
  const Scalar value = fill_value(a);
  return made(a, filled(a, a.dims("shape"), value, value.dtype()));
}

struct Like {
  Tensor model;
  Shape shape;
  DType dtype;
};
Like like(Args& a) {
  const Tensor x = a.tensor("x");
  return {x, a.given("shape") ? a.dims("shape") : x.shape(), x.dtype()};
}
PyObject* made(Args& a, Tensor t, const Tensor& model) {
  return made(a, ops::own_in_lanes(t, model));
}
PyObject* zeros_like(Args& a) {
  const Like l = like(a);
  return made(a, filled(a, l.shape, Scalar(0), l.dtype, l.model.device()), l.model);
}
PyObject* ones_like(Args& a) {
  const Like l = like(a);
  return made(a, filled(a, l.shape, Scalar(1), l.dtype, l.model.device()), l.model);
}
PyObject* empty_like(Args& a) {
  const Like l = like(a);
  return made(a, ops::empty(l.shape, a.dtype().value_or(l.dtype), a.device(l.model.device())),
              l.model);
}
PyObject* full_like(Args& a) {
  const Like l = like(a);
  return made(a, filled(a, l.shape, fill_value(a), l.dtype, l.model.device()), l.model);
}

PyObject* arange(Args& a) {
  Scalar start = 0, stop, step = a.given("step") ? a.scalar("step") : Scalar(1);
  if (a.given("stop")) {
    if (a.given("start")) start = a.scalar("start");
    stop = a.scalar("stop");
  } else {
    stop = a.scalar("start");
  }
  return made(a, ops::arange(start, stop, step, a.dtype(), a.device()));
}

struct Range {
  double start, stop;
  std::int64_t num;
  DType dtype;
};
Range range_of(Args& a) {
  const std::int64_t num = a.integer("num", 50);
  if (num < 0) fail<ArgumentError>(a.op(), "num must not be negative", std::to_string(num));
  const Scalar start = a.scalar("start"), stop = a.scalar("stop");
  if (start.kind == Scalar::Kind::complex || stop.kind == Scalar::Kind::complex)
    fail<DTypeError>(a.op(), "start and stop must be real",
                     describe(Operand(start)) + ", " + describe(Operand(stop)));
  return {start.as_double(), stop.as_double(), num, a.dtype().value_or(default_dtype())};
}
// Of complex bounds: each part by itself.
Tensor complex_linspace(Args& a, std::complex<double> start, std::complex<double> stop) {
  const std::int64_t num = a.integer("num", 50);
  const DType t = a.dtype().value_or(complex_of(default_dtype()));
  if (!is_complex(t))
    fail<DTypeError>(a.op(), "complex bounds need a complex dtype", std::string(name_of(t)));
  const bool endpoint = a.flag("endpoint", true);
  const auto part = [&](double from, double to) {
    return ops::linspace(from, to, num, endpoint, real_of(t), a.device());
  };
  return ops::complex(part(start.real(), stop.real()), part(start.imag(), stop.imag()));
}
PyObject* linspace(Args& a) {
  const Scalar start = a.scalar("start"), stop = a.scalar("stop");
  if (start.kind == Scalar::Kind::complex || stop.kind == Scalar::Kind::complex)
    return made(a, complex_linspace(a, start.as_complex(), stop.as_complex()));
  const Range r = range_of(a);
  const bool endpoint = a.flag("endpoint", true);
  Tensor t = ops::linspace(r.start, r.stop, r.num, endpoint, r.dtype, a.device());
  if (a.flag("retstep", false)) {
    Object made_tensor = own(made(a, std::move(t)));
    const double parts = static_cast<double>(endpoint ? r.num - 1 : r.num);
    return own(Py_BuildValue("Od", made_tensor.get(), (r.stop - r.start) / parts)).release();
  }
  return made(a, std::move(t));
}
PyObject* logspace(Args& a) {
  const Range r = range_of(a);
  const double base = a.real("base", 10.0);
  if (!(base > 0)) fail<ArgumentError>(a.op(), "base must be above 0", std::to_string(base));
  const Tensor e =
      ops::linspace(r.start, r.stop, r.num, a.flag("endpoint", true), DType::float64, a.device());
  return made(a, ops::astype(pw::power(base, e), r.dtype));
}
PyObject* geomspace(Args& a) {
  const Range r = range_of(a);
  if (!(r.start * r.stop > 0))
    fail<ArgumentError>(a.op(), "start and stop must have the same sign and not be 0",
                        std::to_string(r.start) + ", " + std::to_string(r.stop));
  const double sign = r.start < 0 ? -1 : 1;
  const Tensor e = ops::linspace(std::log(std::abs(r.start)), std::log(std::abs(r.stop)), r.num,
                                 a.flag("endpoint", true), DType::float64, a.device());
  Tensor t = pw::multiply(pw::exp(e), sign);
  if (r.num > 0) {  // ends exactly
    const ops::GradMode off(false);
    ops::fill(ops::select(t, 0, 0), r.start);
    if (r.num > 1 && a.flag("endpoint", true)) ops::fill(ops::select(t, 0, r.num - 1), r.stop);
  }
  return made(a, ops::astype(t, r.dtype));
}

PyObject* eye(Args& a) {
  const std::int64_t rows = a.integer("n_rows"),
                     columns = a.given("n_cols") ? a.integer("n_cols") : rows;
  return made(a, ops::eye(rows, columns, a.integer("k", 0), a.dtype().value_or(default_dtype()),
                          a.device()));
}
PyObject* tril(Args& a) { return give(ops::tri_mask(a.tensor("x"), a.integer("k", 0), false)); }
PyObject* triu(Args& a) { return give(ops::tri_mask(a.tensor("x"), a.integer("k", 0), true)); }

PyObject* meshgrid(Args& a) {
  std::vector<Tensor> in;
  Object list = a.rest() ? Object::borrow(a.rest()) : own(PyTuple_New(0));
  if (PyTuple_GET_SIZE(list.get()) == 1 && (PyList_Check(PyTuple_GET_ITEM(list.get(), 0)) ||
                                            PyTuple_Check(PyTuple_GET_ITEM(list.get(), 0))))
    list = own(PySequence_Tuple(PyTuple_GET_ITEM(list.get(), 0)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(list.get()); ++i)
    in.push_back(tensor_argument(PyTuple_GET_ITEM(list.get(), i), a.op(), "arrays"));
  const std::string indexing = a.string("indexing", "xy");
  if (indexing != "xy" && indexing != "ij")
    fail<ArgumentError>(a.op(), "indexing must be 'xy' or 'ij'", indexing);
  const int n = static_cast<int>(in.size());
  Shape shape;
  for (const Tensor& t : in) {
    if (t.rank() > 1) fail<ShapeError>(a.op(), "every array must have one axis", describe(t));
    shape.push_back(t.numel());
  }
  const bool swap = indexing == "xy" && n > 1;
  if (swap) std::swap(shape[0], shape[1]);
  std::vector<Tensor> out;
  for (int i = 0; i < n; ++i) {
    const int axis = swap && i < 2 ? 1 - i : i;
    Shape own_shape = Dims::filled(n, 1);
    own_shape[axis] = in[static_cast<std::size_t>(i)].numel();
    out.push_back(ops::expand(ops::reshape(in[static_cast<std::size_t>(i)], own_shape), shape));
  }
  return give(out, false);
}

// diag(vector): a matrix; diag(matrix): its diagonal.
PyObject* diag(Args& a) {
  const Tensor x = a.tensor("x");
  const std::int64_t k = a.integer("k", 0);
  if (x.rank() == 2) return give(ops::diagonal(x, k, 0, 1));
  if (x.rank() != 1) fail<ShapeError>(a.op(), "x must have one or two axes", describe(x));
  if (std::abs(k) > (std::int64_t{1} << 31))
    fail<ArgumentError>(a.op(), "the offset is too large", std::to_string(k));
  const std::int64_t n = x.numel() + std::abs(k);
  const Tensor column =
      ops::unsqueeze(ops::pad(x, Dims{k < 0 ? -k : 0}, Dims{k > 0 ? k : 0}, Scalar(0)), 1);
  const Tensor mask = ops::eye(n, n, k, DType::boolean, x.device());
  Operand in[] = {mask, ops::expand(column, Shape{n, n}), Scalar(0)};
  return give(ops::apply(pw::where.id, in));
}

PyObject* new_full(Args& a) {
  return made(
      a,
      filled(a, a.dims("shape"), fill_value(a), a.self_tensor().dtype(), a.self_tensor().device()),
      a.self_tensor());
}
PyObject* new_zeros(Args& a) {
  return made(a,
              filled(a, shape_of(a), Scalar(0), a.self_tensor().dtype(), a.self_tensor().device()),
              a.self_tensor());
}
PyObject* new_ones(Args& a) {
  return made(a,
              filled(a, shape_of(a), Scalar(1), a.self_tensor().dtype(), a.self_tensor().device()),
              a.self_tensor());
}
PyObject* new_empty(Args& a) {
  return made(a,
              ops::empty(shape_of(a), a.dtype().value_or(a.self_tensor().dtype()),
                         a.device(a.self_tensor().device())),
              a.self_tensor());
}
PyObject* new_tensor(Args& a) {
  const DType t = a.dtype().value_or(a.self_tensor().dtype());
  Tensor made_tensor = ops::detach(as_tensor(a.object("x"), t, Copy::always, a.op()));
  without_gradient(a.object("x"), a.op());
  made_tensor = ops::to_device(made_tensor, a.device(a.self_tensor().device()));
  return made(a, std::move(made_tensor));
}
// x.new(2, 3) and x.new([1, 2]).
PyObject* new_method(Args& a) {
  PyObject* first = a.rest() ? PyTuple_GET_ITEM(a.rest(), 0) : nullptr;
  if (first && !is_integer_like(first) &&
      !PyObject_TypeCheck(first, Py_TYPE(shape_tuple({}).get()))) {
    Tensor t = as_tensor(first, a.self_tensor().dtype(), Copy::always, a.op());
    without_gradient(first, a.op());
    return give(ops::to_device(t, a.self_tensor().device()));
  }
  return give(ops::full(first ? a.rest_dims("shape") : Shape{0}, Scalar(0), a.self_tensor().dtype(),
                        a.self_tensor().device()));
}

const Definition kDefinitions[] = {
    {"asarray",
     "(x: Any, dtype: DTypeLike | None = None, device: DeviceLike | None = None, copy: bool | None "
     "= None, *, "
     "requires_grad: bool = False) -> Tensor",
     R"(A tensor of the data, sharing its memory where that is possible.

Aligned, native, writable NumPy arrays are shared, as is whatever offers a buffer, __array__ or
DLPack; lists and numbers are read. Python floats become float32, ints int64; arrays keep their
dtype. copy=True copies always, copy=False raises where a copy is needed.

Raises: DTypeError for data that is not numeric; ShapeError for ragged lists; ArgumentError where
copy=False cannot be kept, and for a Python number that an integer dtype does not hold.

Source: Python array API standard, 2023.12.

Example:
    >>> a = np.zeros(2)
    >>> t = nnx.asarray(a)
    >>> t[0] = 7
    >>> float(a[0])
    7.0
)",
     asarray, Role::function, fast_asarray},
    {"array",
     "(x: Any, dtype: DTypeLike | None = None, *, copy: bool | None = True, device: DeviceLike | "
     "None = None, requires_grad: bool = False) -> Tensor",
     R"(asarray that copies: a tensor of its own memory, which carries the gradient of the data.

A list of tensors is stacked, and its gradient followed; nnx.tensor starts without a gradient.

Raises: as asarray.

Example:
    >>> x = nnx.tensor([1.0, 2.0], requires_grad=True)
    >>> nnx.array([x[0] * 3, 5.0]).sum().backward()
    >>> x.grad
    tensor([3., 0.])
)",
     asarray},
    {"tensor",
     "(x: Any, dtype: DTypeLike | None = None, device: DeviceLike | None = None, requires_grad: "
     "bool = False) -> Tensor",
     R"(A new tensor with a copy of the data: numbers, nested lists, arrays, tensors.

Python floats become float32, ints int64, bools bool; arrays keep their dtype.

Raises: DTypeError for data that is not numeric; ShapeError for ragged lists; ArgumentError for a
Python number that an integer dtype does not hold; GradientError for lists of tensors whose gradient
is recorded (nnx.stack keeps it).

Example:
    >>> nnx.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
)",
     tensor},
    {"zeros",
     "(*shape: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     R"(Zeros; the shape is one tuple or several ints.

Raises: ShapeError for negative lengths; OutOfMemoryError beyond the memory there is.

Example:
    >>> nnx.zeros(2, 3).shape
    (2, 3)
)",
     zeros},
    {"ones",
     "(*shape: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     R"(Ones; the shape is one tuple or several ints.

Raises: ShapeError for negative lengths; OutOfMemoryError beyond the memory there is.

Example:
    >>> nnx.ones((2,))
    tensor([1., 1.])
)",
     ones},
    {"empty",
     "(*shape: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     R"(A tensor whose elements are not set to anything; the shape is one tuple or several ints.

Raises: ShapeError for negative lengths; OutOfMemoryError beyond the memory there is.

Example:
    >>> nnx.empty(2, 3).shape
    (2, 3)
)",
     empty},
    {"full",
     "(shape: ShapeLike, fill_value: Scalar, dtype: DTypeLike | None = None, device: DeviceLike | "
     "None = None, requires_grad: bool = False) -> Tensor",
     R"(One value everywhere; the dtype is the value's unless given.

Raises: ShapeError for negative lengths; OutOfMemoryError beyond the memory there is; ArgumentError
for a number that an integer dtype does not hold.

Example:
    >>> nnx.full((2,), 3.5)
    tensor([3.5, 3.5])
)",
     full},
    {"zeros_like",
     "(x: TensorLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, *, shape: ShapeLike | None = None) -> Tensor",
     R"(Zeros of the shape and dtype of x.

Example:
    >>> nnx.zeros_like(nnx.tensor([1, 2]))
    tensor([0, 0])
)",
     zeros_like},
    {"ones_like",
     "(x: TensorLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, *, shape: ShapeLike | None = None) -> Tensor",
     R"(Ones of the shape and dtype of x.

Example:
    >>> nnx.ones_like(nnx.tensor([1, 2]))
    tensor([1, 1])
)",
     ones_like},
    {"empty_like",
     "(x: TensorLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, *, shape: ShapeLike | None = None) -> Tensor",
     R"(A tensor of the shape and dtype of x whose elements are not set to anything.

Example:
    >>> nnx.empty_like(nnx.ones(3)).shape
    (3,)
)",
     empty_like},
    {"full_like",
     "(x: TensorLike, fill_value: Scalar, dtype: DTypeLike | None = None, device: DeviceLike | "
     "None = None, requires_grad: bool = False, *, shape: ShapeLike | None = None) -> Tensor",
     R"(One value everywhere, in the shape and dtype of x.

Example:
    >>> nnx.full_like(nnx.ones(2), 7)
    tensor([7., 7.])
)",
     full_like},
    {"arange",
     "(start: Scalar, stop: Scalar | None = None, step: Scalar = 1, *, dtype: DTypeLike | None = "
     "None, device: DeviceLike | None = None, requires_grad: bool = False) -> Tensor",
     R"(start, start + step, ... below stop; with one number 0, 1, ... below it.

dtypes: int64 of ints, else the default floating dtype.

Raises: ArgumentError for a step of 0 or bounds that are not finite.

Example:
    >>> nnx.arange(2, 8, 2)
    tensor([2, 4, 6])
)",
     arange},
    {"linspace",
     "(start: Scalar, stop: Scalar, num: int = 50, *, endpoint: bool = True, retstep: bool = "
     "False, dtype: DTypeLike | None = None, device: DeviceLike | None = None, requires_grad: bool "
     "= False) -> Tensor",
     R"(num equally spaced numbers from start to stop, with stop unless endpoint=False.

x_i = start + i (stop - start) / (num - 1)

Raises: ArgumentError for a negative num.

Example:
    >>> nnx.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
)",
     linspace},
    {"logspace",
     "(start: Scalar, stop: Scalar, num: int = 50, base: float = 10.0, *, endpoint: bool = True, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, requires_grad: bool = "
     "False) -> Tensor",
     R"(num numbers from base**start to base**stop, equally spaced in the exponent.

Raises: ArgumentError for a base that is not positive.

Example:
    >>> nnx.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
)",
     logspace},
    {"geomspace",
     "(start: Scalar, stop: Scalar, num: int = 50, *, endpoint: bool = True, dtype: DTypeLike | "
     "None = None, device: DeviceLike | None = None, requires_grad: bool = False) -> Tensor",
     R"(num numbers from start to stop, each a constant multiple of the one before.

Raises: ArgumentError if start and stop differ in sign or are 0.

Example:
    >>> nnx.geomspace(1, 16, 5)
    tensor([ 1.,  2.,  4.,  8., 16.])
)",
     geomspace},
    {"eye",
     "(n_rows: int, n_cols: int | None = None, k: int = 0, *, dtype: DTypeLike | None = None, "
     "device: DeviceLike | None = None, requires_grad: bool = False) -> Tensor",
     R"(Ones on diagonal k, zeros elsewhere.

Raises: ShapeError for negative lengths.

Example:
    >>> nnx.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
)",
     eye},
    {"tril", "(x: TensorLike, k: int = 0) -> Tensor",
     R"(The lower triangle of the last two axes, up to diagonal k; zeros above.

Example:
    >>> nnx.tril(nnx.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
)",
     tril},
    {"triu", "(x: TensorLike, k: int = 0) -> Tensor",
     R"(The upper triangle of the last two axes, from diagonal k; zeros below.

Example:
    >>> nnx.triu(nnx.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
)",
     triu},
    {"meshgrid", "(*arrays: TensorLike, indexing: str = 'xy') -> list[Tensor]",
     R"(Coordinate grids of one-dimensional arrays: 'xy' as for plots, 'ij' in order of the axes.

Shapes: (n,), (m,) -> two of (m, n) for 'xy', of (n, m) for 'ij'.

Raises: ArgumentError for another indexing; ShapeError for arrays with more than one axis.

Example:
    >>> X, Y = nnx.meshgrid(nnx.arange(3), nnx.arange(2))
    >>> X
    tensor([[0, 1, 2],
            [0, 1, 2]])
)",
     meshgrid},
    {"diag", "(x: TensorLike, k: int = 0) -> Tensor",
     R"(A matrix with x on diagonal k, or diagonal k of the matrix x.

Raises: ShapeError for more than two axes.

Example:
    >>> nnx.diag(nnx.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
)",
     diag},
    {"tril", "(k: int = 0) -> Tensor", "The lower triangle: nnx.tril.", tril, Role::method},
    {"triu", "(k: int = 0) -> Tensor", "The upper triangle: nnx.triu.", triu, Role::method},
    {"diag", "(diagonal: int = 0) -> Tensor", "A diagonal matrix, or a diagonal: nnx.diag.", diag,
     Role::method},
    {"new_full",
     "(size: ShapeLike, fill_value: Scalar, *, dtype: DTypeLike | None = None, device: DeviceLike "
     "| None = None, requires_grad: bool = False) -> Tensor",
     "One value everywhere, in this tensor's dtype.", new_full, Role::method},
    {"new_zeros",
     "(*size: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     "Zeros of this tensor's dtype.", new_zeros, Role::method},
    {"new_ones",
     "(*size: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     "Ones of this tensor's dtype.", new_ones, Role::method},
    {"new_empty",
     "(*size: ShapeLike, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     "A tensor of this one's dtype, not set to anything.", new_empty, Role::method},
    {"new_tensor",
     "(data: Any, *, dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False) -> Tensor",
     "A copy of the data in this tensor's dtype.", new_tensor, Role::method},
    {"new", "(*size: Any) -> Tensor", "Zeros of a size, or a copy of data, in this tensor's dtype.",
     new_method, Role::method},
};

}  // namespace

void declare_creation(PyObject* module) {
  for (const Definition& d : kDefinitions) {
    declare(module, d);
    const std::string_view name = d.name;
    if (d.role != Role::function) continue;
    if (name == "asarray") declare(module, d, "as_tensor");
  }
}

}  // namespace nnx::bind
