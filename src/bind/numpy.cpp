// NumPy's protocols: see numpy.hpp.
// Invariants: an array made from a tensor shares its memory and keeps it alive; it is read-only
// while the tensor requires or carries a gradient, since a write through it could not be followed.
// While a gradient is recorded, NumPy's functions carry it or raise GradientError: what nnx does
// not have goes to nnx._numpy, which sees to that.
#include "bind/numpy.hpp"

#include <cstring>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;

namespace {

const char* format_of(DType t) {
  switch (t) {
    case DType::boolean: return "?";
    case DType::int8: return "b";
    case DType::int16: return "h";
    case DType::int32: return "i";
    case DType::int64: return sizeof(long) == 8 ? "l" : "q";
    case DType::uint8: return "B";
    case DType::uint16: return "H";
    case DType::uint32: return "I";
    case DType::uint64: return sizeof(long) == 8 ? "L" : "Q";
    case DType::float16: return "e";
    case DType::float32: return "f";
    case DType::float64: return "d";
    case DType::complex64: return "Zf";
    case DType::complex128: return "Zd";
    default: return nullptr;
  }
}

bool read_only(const Tensor& t) { return !t->storage->writable || autodiff::requires_grad(t); }

struct Exported {
  Py_ssize_t shape[kMaxRank];
  Py_ssize_t strides[kMaxRank];
};

int get_buffer(PyObject* o, Py_buffer* view, int flags) {
  view->obj = nullptr;
  const Tensor& t = unwrap(o);
  const char* format = format_of(t.dtype());
  const char* problem = nullptr;
  if (t.lanes()) return guard_status([&] { static_cast<void>(t.bytes()); });
  if (t.device().kind != DeviceKind::cpu) problem = "this tensor is not on the CPU; use t.cpu()";
  else if (!format) problem = "NumPy has no bfloat16; use t.float()";
  else if ((flags & PyBUF_WRITABLE) && read_only(t))
    problem = "this tensor requires a gradient, so its memory is read-only; use t.detach()";
  else if (!t.contiguous() && (flags & PyBUF_STRIDES) != PyBUF_STRIDES)
    problem = "this tensor is not contiguous; use t.contiguous()";
  else if (!t.contiguous() && (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS)
    problem = "this tensor is not contiguous; use t.contiguous()";
  if (problem) {
    PyErr_SetString(PyExc_BufferError, problem);
    return -1;
  }
  auto* e = new (std::nothrow) Exported;
  if (!e) {
    PyErr_NoMemory();
    return -1;
  }
  const auto size = static_cast<Py_ssize_t>(size_of(t.dtype()));
  for (int i = 0; i < t.rank(); ++i) {
    e->shape[i] = static_cast<Py_ssize_t>(t.shape(i));
    e->strides[i] = static_cast<Py_ssize_t>(t.stride(i)) * size;
  }
  view->buf = t.bytes();
  view->len = static_cast<Py_ssize_t>(t.numel()) * size;
  view->itemsize = size;
  view->readonly = read_only(t);
  view->ndim = t.rank();
  view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
  view->shape = (flags & PyBUF_ND) ? e->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? e->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = e;
  view->obj = Py_NewRef(o);
  return 0;
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Exported*>(view->internal); }

Object numpy() { return import_module("numpy"); }

// --- numpy's functions on tensors ----------------------------------------------------------------

// Our function of NumPy's name, or null. (nnx.select is PyTorch's.)
Object our_function(PyObject* theirs) {
  Object name = attribute(theirs, "__name__");
  std::string_view n = view_text(name.get());
  const char* place = "nnx";
  if (Object where = attribute_or_none(theirs, "__module__");
      where && PyUnicode_Check(where.get()) && view_text(where.get()) != "numpy") {
    const std::string_view module = view_text(where.get());
    if (module == "numpy.linalg") place = "nnx.linalg";
    else if (module == "numpy.fft") place = "nnx.fft";
    else return {};
  }
  if (n.starts_with('_') || n == "save" || n == "load" || n == "select") return {};
  Object ours = import_module(place);
  Object f = attribute_or_none(ours.get(), std::string(n).c_str());
  if (!f || !PyCallable_Check(f.get()) || PyType_Check(f.get())) return {};
  return f;
}

bool named(PyObject* theirs, std::string_view name) {
  return view_text(attribute(theirs, "__name__").get()) == name;
}

// A copy of a keyword dictionary without arguments that say nothing.
Object spoken(PyObject* keywords) {
  Object dict = keywords ? own(PyDict_Copy(keywords)) : own(PyDict_New());
  const auto drop = [&](const char* name, auto&& says_nothing) {
    PyObject* value = PyDict_GetItemString(dict.get(), name);
    if (value && says_nothing(value)) checked(PyDict_DelItemString(dict.get(), name));
  };
  const auto is_none = [](PyObject* v) { return v == Py_None; };
  drop("out", is_none);
  drop("dtype", is_none);
  drop("where", [](PyObject* v) { return v == Py_True; });
  drop("subok", [](PyObject*) { return true; });
  drop("order", [](PyObject* v) { return PyUnicode_Check(v) || v == Py_None; });
  drop("casting", [](PyObject* v) { return PyUnicode_Check(v) && view_text(v) == "same_kind"; });
  return dict;
}

// Writes a result into what out= named: an array or a tensor.
PyObject* store(PyObject* out, PyObject* result) {
  if (is_tensor(out)) {
    ops::assign(unwrap(out), as_tensor(result));
  } else {
    Object np = numpy();
    Object plain = is_tensor(result) ? to_numpy(result) : Object::borrow(result);
    Object same_kind = text("same_kind"), copy = attribute(np.get(), "copyto");
    PyObject* args[] = {out, plain.get(), same_kind.get()};
    Object names = own(Py_BuildValue("(s)", "casting"));
    own(PyObject_Vectorcall(copy.get(), args, 2, names.get()));
  }
  return Py_NewRef(out);
}

// Whether a result would go into an array, which cannot carry the gradient that is recorded.
bool loses_gradient(const Object& out, PyObject* args, const Object& keywords) {
  if (!out) return false;
  const bool one = PyTuple_Check(out.get()) && PyTuple_GET_SIZE(out.get()) == 1;
  PyObject* target = one ? PyTuple_GET_ITEM(out.get(), 0) : out.get();
  return !is_tensor(target) && (recorded(args) || recorded(keywords.get()));
}

PyObject* array_ufunc(Args& a) {
  PyObject* ufunc = a.object("ufunc");
  if (!a.rest() || !PyCallable_Check(ufunc))
    throw CallError(
        error_text(a.op(), "this is for NumPy to call, with a ufunc, its method and inputs"));
  const std::string method = a.string("method", "__call__");
  if (!a.rest()) throw CallError(error_text("__array_ufunc__", "needs the ufunc's inputs"));
  Object keywords = spoken(a.object("kwargs"));
  Object out = Object::borrow(PyDict_GetItemString(keywords.get(), "out"));
  Object ours = method == "__call__" ? our_function(ufunc) : Object();
  if (!ours || loses_gradient(out, a.rest(), keywords)) {
    Object rest = import_module("nnx._numpy"), name = text(method);
    return own(PyObject_CallMethod(rest.get(), "ufunc", "OOOO", ufunc, name.get(), a.rest(),
                                   keywords.get()))
        .release();
  }
  if (out) checked(PyDict_DelItemString(keywords.get(), "out"));
  Object cast = Object::borrow(PyDict_GetItemString(keywords.get(), "dtype"));
  if (cast) checked(PyDict_DelItemString(keywords.get(), "dtype"));
  Object result = own(PyObject_Call(ours.get(), a.rest(), keywords.get()));
  if (cast && is_tensor(result.get()))
    if (const auto t = dtype_of(cast.get()))
      result = own(wrap(ops::astype(unwrap(result.get()), *t)));
  if (!out) return result.release();
  PyObject* target = PyTuple_Check(out.get()) ? PyTuple_GetItem(out.get(), 0) : out.get();
  if (!target) throw PythonError();
  return store(target, result.get());
}

PyObject* array_function(Args& a) {
  PyObject* theirs = a.object("func");
  if (!PyDict_Check(a.object("kwargs")))
    throw CallError(error_text("__array_function__", "kwargs must be a dict"));
  Object keywords = spoken(a.object("kwargs"));
  Object args = own(PySequence_Tuple(a.object("args")));
  Object out = Object::borrow(PyDict_GetItemString(keywords.get(), "out"));
  Object ours = our_function(theirs);
  if (ours && !loses_gradient(out, args.get(), keywords)) {
    if (out) checked(PyDict_DelItemString(keywords.get(), "out"));
    PyObject* result = PyObject_Call(ours.get(), args.get(), keywords.get());
    if (result) {
      Object kept(result);
      return out ? store(out.get(), result) : kept.release();
    }
    // An option that only NumPy's function has, or objects that only it takes.
    const bool objects = PyErr_ExceptionMatches(error_class("DTypeError")) &&
                         (!recorded(args.get()) || named(theirs, "broadcast_arrays"));
    if (!objects &&
        (!PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(error_class("Error"))))
      throw PythonError();
    PyErr_Clear();
    if (out) checked(PyDict_SetItemString(keywords.get(), "out", out.get()));
  }
  Object rest = import_module("nnx._numpy");
  return own(PyObject_CallMethod(rest.get(), "function", "OOO", theirs, args.get(), keywords.get()))
      .release();
}

PyObject* array_method(Args& a) {
  Object array = to_numpy(a.self());
  if (!a.given("dtype") && !a.given("copy")) return array.release();
  Object np = numpy();
  Object dtype = Object::borrow(a.given("dtype") ? a.object("dtype") : Py_None);
  const bool copy = a.given("copy") && a.flag("copy", false);
  if (copy)
    return own(PyObject_CallMethod(np.get(), "array", "OO", array.get(), dtype.get())).release();
  Object out = own(PyObject_CallMethod(np.get(), "asarray", "OO", array.get(), dtype.get()));
  if (a.given("copy") && out.get() != array.get())
    fail<ArgumentError>("__array__", "another dtype needs a copy, and copy=False allows none",
                        describe(a.self_tensor()));
  return out.release();
}

PyObject* numpy_method(Args& a) {
  const Tensor& t = a.self_tensor();
  if (!a.flag("force", false)) {
    if (autodiff::requires_grad(t))
      fail<GradientError>("numpy", "this tensor requires a gradient, which an array cannot carry",
                          describe(t), "use t.detach().numpy()");
    return to_numpy(a.self()).release();
  }
  Object plain = own(wrap(ops::detach(t)));
  return to_numpy(plain.get()).release();
}

PyObject* from_numpy(Args& a) {
  PyObject* o = a.object("x");
  if (!is_ndarray(o))
    fail<DTypeError>(a.op(), "from_numpy takes a NumPy array",
                     short_repr(o) + " (" + type_name(o) + ")",
                     "use nnx.tensor(...) for lists and numbers");
  return give(as_tensor(o, {}, Copy::if_needed, a.op()));
}

PyObject* namespace_method(Args&) { return import_module("nnx").release(); }

const Definition kDefinitions[] = {
    {"from_numpy", "(x: ArrayLike) -> Tensor",
     R"(A tensor that shares the memory of a NumPy array.

Read-only, byte-swapped or unaligned arrays are copied.

Raises: DTypeError for anything but an array of numbers.

Example:
    >>> a = np.zeros(2, dtype=np.float32)
    >>> t = nnx.from_numpy(a)
    >>> a[0] = 5
    >>> t.tolist()
    [5.0, 0.0]
)",
     from_numpy},
    {"numpy", "(*, force: bool = False) -> numpy.typing.NDArray[Any]",
     R"(The tensor as a NumPy array that shares its memory.

Raises: GradientError if the tensor requires a gradient (use .detach()), unless force=True.

Example:
    >>> nnx.ones(3).numpy().sum().item()
    3.0
)",
     numpy_method, Role::method},
    {"__array__",
     "(dtype: numpy.typing.DTypeLike = None, copy: bool | None = None) -> "
     "numpy.typing.NDArray[Any]",
     "What numpy.asarray(t) calls: an array over the same memory, read-only while t requires a "
     "gradient.",
     array_method, Role::method},
    {"__array_ufunc__", "(ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any",
     "numpy.sin(t) is nnx.sin(t); ufuncs that nnx does not have compute on arrays, and raise "
     "GradientError where a gradient would be lost.",
     array_ufunc, Role::method},
    {"__array_function__", "(func: Any, types: Any, args: Any, kwargs: Any) -> Any",
     "numpy.mean(t) is nnx.mean(t), numpy.linalg.inv(t) is nnx.linalg.inv(t); functions that nnx "
     "does not have compute on arrays, and raise GradientError where a gradient would be lost.",
     array_function, Role::method},
    {"__array_namespace__", "(*, api_version: str | None = None) -> Any",
     "The module of array functions: nnx.", namespace_method, Role::method},
};

}  // namespace

Object to_numpy(PyObject* o) {
  const Tensor& t = unwrap(o);
  if (t.device().kind != DeviceKind::cpu)
    fail<DeviceError>("numpy", "NumPy needs the tensor on the CPU", describe(t), "use t.cpu()");
  Object source = Object::borrow(o);
  if (t.dtype() == DType::bfloat16) {
    ops::GradMode off(false);
    source = own(wrap(ops::astype(ops::detach(t), DType::float32)));
  }
  static_cast<void>(t.bytes());  // there is one value to read
  Object view = own(PyMemoryView_FromObject(source.get()));
  Object np = numpy();
  return own(PyObject_CallMethod(np.get(), "asarray", "O", view.get()));
}

std::vector<PyType_Slot> buffer_slots() {
  return {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
          {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)}};
}

void declare_numpy(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
