// Conversions between Python objects and what ops take: see convert.hpp.
#include "bind/convert.hpp"

#include <cmath>

#include "bind/from_python.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "core/half.hpp"

namespace nnx::bind {

using namespace core;

namespace {

struct NumpyTypes {
  PyTypeObject* ndarray = nullptr;
  PyTypeObject* generic = nullptr;
};
// NumPy's types once somebody has imported NumPy; before that no object can be one of them.
const NumpyTypes& numpy_types() noexcept {
  static NumpyTypes types;
  if (!types.ndarray) {
    PyObject *kept_type, *kept_value, *kept_trace;
    PyErr_Fetch(&kept_type, &kept_value, &kept_trace);
    try {
      if (Object np = imported_module("numpy")) {
        Object array = attribute_or_none(np.get(), "ndarray");
        Object generic = attribute_or_none(np.get(), "generic");
        if (array && generic && PyType_Check(array.get()) && PyType_Check(generic.get())) {
          types.generic = reinterpret_cast<PyTypeObject*>(generic.release());
          types.ndarray = reinterpret_cast<PyTypeObject*>(array.release());
        }
      }
    } catch (const PythonError&) {
      PyErr_Clear();
    }
    PyErr_Restore(kept_type, kept_value, kept_trace);
  }
  return types;
}

std::string where(std::string_view name, PyObject* o) {
  return std::string(name) + " = " + short_repr(o) + " (" + type_name(o) + ")";
}

Scalar integer_scalar(PyObject* o) {
  int overflow = 0;
  const long long i = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow == 0) {
    if (i == -1 && PyErr_Occurred()) throw PythonError();
    return Scalar(static_cast<std::int64_t>(i));
  }
  if (overflow > 0) {
    const unsigned long long u = PyLong_AsUnsignedLongLong(o);
    if (!(u == static_cast<unsigned long long>(-1) && PyErr_Occurred()))
      return Scalar(static_cast<std::uint64_t>(u));
    PyErr_Clear();
  }
  fail<ArgumentError>("", "this integer does not fit into 64 bits", short_repr(o),
                      "use a float, for example 1e30");
}

}  // namespace

bool is_ndarray(PyObject* o) noexcept {
  const NumpyTypes& t = numpy_types();
  return t.ndarray && PyObject_TypeCheck(o, t.ndarray);
}
bool is_numpy_scalar(PyObject* o) noexcept {
  const NumpyTypes& t = numpy_types();
  return t.generic && PyObject_TypeCheck(o, t.generic);
}

namespace {
Scalar complex_scalar(PyObject* o) {
  const Py_complex z = PyComplex_AsCComplex(o);
  if (z.real == -1 && PyErr_Occurred()) throw PythonError();
  return Scalar(std::complex<double>(z.real, z.imag));
}
}  // namespace

Scalar scalar_of(PyObject* o) {
  if (PyFloat_Check(o)) return Scalar(PyFloat_AS_DOUBLE(o));
  if (PyBool_Check(o)) return Scalar(o == Py_True);
  if (PyLong_Check(o)) return integer_scalar(o);
  if (PyComplex_Check(o)) return complex_scalar(o);
  if (!is_numpy_scalar(o)) return {};
  const auto dtype = [&]() -> std::optional<DType> {
    try {
      return dtype_of(reinterpret_cast<PyObject*>(Py_TYPE(o)));
    } catch (const DTypeError&) {
      return std::nullopt;  // numpy.longdouble, str_, datetime64, ...
    }
  }();
  if (!dtype) return {};
  switch (kind_of(*dtype)) {
    case Kind::boolean: return Scalar(checked(PyObject_IsTrue(o)) == 1);
    case Kind::signed_integer:
    case Kind::unsigned_integer: return integer_scalar(own(PyNumber_Index(o)).get());
    case Kind::complex: return complex_scalar(o);
    default: {
      const double f = PyFloat_AsDouble(o);
      if (f == -1 && PyErr_Occurred()) throw PythonError();
      return Scalar(f);
    }
  }
}

bool operand_of(PyObject* o, Operand& out) {
  if (is_tensor(o)) {
    out.tensor = unwrap(o);
    return true;
  }
  out.scalar = scalar_of(o);
  if (out.scalar.kind != Scalar::Kind::none) return true;
  if (!is_ndarray(o)) return false;
  out.tensor = as_tensor(o);
  return true;
}

bool is_integer_like(PyObject* o) noexcept {
  if (PyLong_Check(o)) return true;
  if (is_tensor(o)) {
    const Tensor& t = unwrap(o);
    return t.rank() == 0 && is_integer(t.dtype());
  }
  return is_numpy_scalar(o) && PyIndex_Check(o);
}

std::int64_t to_integer(PyObject* o, const char* op, std::string_view name) {
  if (PyLong_CheckExact(o)) [[likely]] {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (!overflow) return value;
  }
  if (!PyBool_Check(o) && PyIndex_Check(o)) {
    if (PyObject* i = PyNumber_Index(o)) {
      Object kept(i);
      int overflow = 0;
      const long long value = PyLong_AsLongLongAndOverflow(i, &overflow);
      if (overflow)
        fail<ArgumentError>(op, std::string(name) + " does not fit into 64 bits", where(name, o));
      return value;
    }
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError();
    PyErr_Clear();
  }
  std::string hint;
  if (PyFloat_Check(o) && std::floor(PyFloat_AS_DOUBLE(o)) == PyFloat_AS_DOUBLE(o))
    hint = "write it as an int, for example int(" + short_repr(o) + ")";
  fail<DTypeError>(op, std::string(name) + " must be an int", where(name, o), hint);
}

double to_real(PyObject* o, const char* op, std::string_view name) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (!PyUnicode_Check(o)) {
    const double f = PyFloat_AsDouble(o);
    if (f != -1 || !PyErr_Occurred()) return f;
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
      PyErr_Clear();
      fail<ArgumentError>(op, std::string(name) + " is too large for a float", where(name, o));
    }
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError))
      throw PythonError();
    PyErr_Clear();
  }
  fail<DTypeError>(op, std::string(name) + " must be a number", where(name, o));
}

bool to_flag(PyObject* o, const char* op, std::string_view name) {
  if (PyBool_Check(o)) return o == Py_True;
  if (PyLong_Check(o) || is_numpy_scalar(o)) return checked(PyObject_IsTrue(o)) == 1;
  fail<DTypeError>(op, std::string(name) + " must be True or False", where(name, o));
}

Scalar to_scalar(PyObject* o, const char* op, std::string_view name) {
  Scalar s = scalar_of(o);
  if (s.kind != Scalar::Kind::none) return s;
  if (is_tensor(o) && unwrap(o).numel() == 1) return scalar_value(unwrap(o));
  if (is_ndarray(o)) {
    const Tensor t = as_tensor(o);
    if (t.numel() == 1) return scalar_value(t);
  }
  fail<DTypeError>(op, std::string(name) + " must be a number", where(name, o));
}

Object sequence_of(PyObject* o, const char* op, std::string_view name) {
  if (PyObject* list = PySequence_Fast(o, "")) return Object(list);
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError();
  PyErr_Clear();
  fail<DTypeError>(op, std::string(name) + " must be an int or a sequence of ints", where(name, o));
}

Dims to_dims(PyObject* o, const char* op, std::string_view name) {
  Dims d;
  if (is_integer_like(o)) {
    d.push_back(to_integer(o, op, name));
    return d;
  }
  if (PyUnicode_Check(o) || PyBytes_Check(o) || !PySequence_Check(o))
    fail<DTypeError>(op, std::string(name) + " must be an int or a tuple of ints", where(name, o));
  Object list = sequence_of(o, op, name);
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(list.get());
  if (n > kMaxRank)
    fail<ShapeError>(op, "a tensor has at most " + std::to_string(kMaxRank) + " axes",
                     std::string(name) + " of length " + std::to_string(n));
  for (Py_ssize_t i = 0; i < n && i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    Object entry = Object::borrow(PySequence_Fast_GET_ITEM(list.get(), i));
    d.push_back(to_integer(entry.get(), op, name));
  }
  return d;
}

ops::Axes to_axes(PyObject* o, const char* op, std::string_view name) {
  if (!o || o == Py_None) return std::nullopt;
  if (is_tensor(o) && unwrap(o).rank() > 0)
    fail<DTypeError>(op, std::string(name) + " must be an int or a tuple of ints",
                     std::string(name) + " " + describe(unwrap(o)),
                     std::string_view(op) == "max" ? "the elementwise maximum is nnx.maximum(a, b)"
                     : std::string_view(op) == "min"
                         ? "the elementwise minimum is nnx.minimum(a, b)"
                         : "");
  return to_dims(o, op, name);
}

namespace {

template <class F>
auto with_element(const std::byte* p, DType t, F&& f) {
  switch (t) {
    case DType::boolean: return f(*reinterpret_cast<const std::uint8_t*>(p) != 0);
    case DType::int8: return f(std::int64_t{*reinterpret_cast<const std::int8_t*>(p)});
    case DType::int16: return f(std::int64_t{*reinterpret_cast<const std::int16_t*>(p)});
    case DType::int32: return f(std::int64_t{*reinterpret_cast<const std::int32_t*>(p)});
    case DType::int64: return f(*reinterpret_cast<const std::int64_t*>(p));
    case DType::uint8: return f(std::int64_t{*reinterpret_cast<const std::uint8_t*>(p)});
    case DType::uint16: return f(std::int64_t{*reinterpret_cast<const std::uint16_t*>(p)});
    case DType::uint32: return f(std::int64_t{*reinterpret_cast<const std::uint32_t*>(p)});
    case DType::uint64: return f(*reinterpret_cast<const std::uint64_t*>(p));
    case DType::float16:
      return f(double{half_to_float(*reinterpret_cast<const std::uint16_t*>(p))});
    case DType::bfloat16:
      return f(double{bfloat_to_float(*reinterpret_cast<const std::uint16_t*>(p))});
    case DType::float32: return f(double{*reinterpret_cast<const float*>(p)});
    case DType::float64: return f(*reinterpret_cast<const double*>(p));
    case DType::complex64:
      return f(std::complex<double>(*reinterpret_cast<const std::complex<float>*>(p)));
    default: return f(*reinterpret_cast<const std::complex<double>*>(p));
  }
}

struct ToPython {
  PyObject* operator()(bool x) const { return boolean(x); }
  PyObject* operator()(std::int64_t x) const { return PyLong_FromLongLong(x); }
  PyObject* operator()(std::uint64_t x) const { return PyLong_FromUnsignedLongLong(x); }
  PyObject* operator()(double x) const { return PyFloat_FromDouble(x); }
  PyObject* operator()(std::complex<double> x) const {
    return PyComplex_FromDoubles(x.real(), x.imag());
  }
};

Object nested(const Tensor& t, const std::byte* at, int axis) {
  if (axis == t.rank()) return own(with_element(at, t.dtype(), ToPython{}));
  const std::int64_t n = t.shape(axis);
  const std::int64_t step = t.stride(axis) * static_cast<std::int64_t>(size_of(t.dtype()));
  Object out = own(PyList_New(static_cast<Py_ssize_t>(n)));
  for (std::int64_t i = 0; i < n; ++i)
    PyList_SET_ITEM(out.get(), i, nested(t, at + i * step, axis + 1).release());
  return out;
}

void need_one(const Tensor& t, const char* op) {
  if (t.numel() != 1)
    fail<ShapeError>(op, "only a tensor of one element is a number", describe(t),
                     "use .tolist() for all elements, or reduce it first: .sum(), .mean(), .all()");
}

}  // namespace

PyObject* item(const Tensor& t) {
  need_one(t, "item");
  return with_element(ops::on_cpu(t).bytes(), t.dtype(), ToPython{});
}

Scalar scalar_value(const Tensor& t) {
  need_one(t, "item");
  return with_element(ops::on_cpu(t).bytes(), t.dtype(), [](auto x) { return Scalar(x); });
}

PyObject* tolist(const Tensor& t) {
  const Tensor here = ops::on_cpu(t);
  return nested(here, here.bytes(), 0).release();
}

}  // namespace nnx::bind
