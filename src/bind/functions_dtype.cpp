// Dtypes: conversion, promotion, limits.
#include <cfloat>
#include <limits>

#include "autodiff/autodiff.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "runtime/device.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// A tensor in another dtype, as PyTorch's methods give it: complex to real says what it drops.
Tensor cast(const Tensor& x, DType t) {
  if (is_complex(x.dtype()) && !is_complex(t) && t != DType::boolean &&
      PyErr_WarnEx(PyExc_UserWarning,
                   "[to] casting complex numbers to real ones drops the imaginary part. Hint: "
                   "x.real takes the real part, nnx.abs(x) the size.",
                   1) < 0)
    throw PythonError();
  return ops::astype(x, t);
}

PyObject* astype(Args& a) {
  const Tensor x = a.tensor("x");
  if (!a.given("dtype")) fail<DTypeError>(a.op(), "dtype must be a dtype", "None");
  const DType t = *a.dtype();
  if (!a.self() && is_complex(x.dtype()) && !is_complex(t) && t != DType::boolean)
    fail<DTypeError>(a.op(), "complex numbers do not become real ones by a cast",
                     describe(x) + " to " + std::string(name_of(t)),
                     "take a part, x.real or x.imag, or the size, nnx.abs(x)");
  Tensor y = cast(x, t);
  return give(y.is_same(x) && a.flag("copy", true) ? ops::clone(x) : y);
}

PyObject* set_default_dtype(Args& a) {
  if (!a.given("dtype")) fail<DTypeError>(a.op(), "dtype must be a dtype", "None");
  core::set_default_dtype(*a.dtype());
  return none();
}
PyObject* get_default_dtype(Args&) { return Py_NewRef(dtype_object(default_dtype())); }

// What tensors, arrays, dtypes and numbers meet in.
DType meet(Args& a) {
  std::optional<DType> typed;
  Scalar::Kind number = Scalar::Kind::none;
  if (a.rest())
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a.rest()); ++i) {
      PyObject* o = PyTuple_GET_ITEM(a.rest(), i);
      DType t;
      if (is_tensor(o)) {
        t = unwrap(o).dtype();
      } else if (const Scalar s = scalar_of(o); s.kind != Scalar::Kind::none) {
        number = std::max(number, s.kind);
        continue;
      } else if (const auto d = dtype_of(o)) {
        t = *d;
      } else {
        t = tensor_argument(o, a.op(), "arrays_and_dtypes").dtype();
      }
      typed = typed ? promote(*typed, t) : t;
    }
  Scalar weak;
  weak.kind = number;
  if (!typed) {
    if (number == Scalar::Kind::none)
      throw CallError(error_text(a.op(), "at least one array or dtype is needed"));
    return weak.dtype();
  }
  if (number == Scalar::Kind::complex)
    return complex_of(is_differentiable(*typed) ? *typed : default_dtype());
  if (number == Scalar::Kind::floating && !is_differentiable(*typed)) return default_dtype();
  if (number > Scalar::Kind::boolean && *typed == DType::boolean) return weak.dtype();
  return *typed;
}
PyObject* result_type(Args& a) { return Py_NewRef(dtype_object(meet(a))); }

PyObject* promote_types(Args& a) {
  return Py_NewRef(dtype_object(promote(*a.dtype("type1"), *a.dtype("type2"))));
}

PyObject* can_cast(Args& a) {
  PyObject* from = a.object("from_");
  const DType f = is_tensor(from) ? unwrap(from).dtype() : *a.dtype("from_");
  return boolean(promote(f, *a.dtype("to")) == *a.dtype("to"));
}

PyObject* isdtype(Args& a) {
  const DType t = *a.dtype();
  const auto matches = [&](PyObject* kind) {
    if (!PyUnicode_Check(kind)) {
      const auto d = dtype_of(kind);
      return d && *d == t;
    }
    const std::string_view k = view_text(kind);
    if (k == "bool") return t == DType::boolean;
    if (k == "signed integer") return kind_of(t) == Kind::signed_integer;
    if (k == "unsigned integer") return kind_of(t) == Kind::unsigned_integer;
    if (k == "integral") return is_integer(t);
    if (k == "real floating") return is_floating(t);
    if (k == "complex floating") return is_complex(t);
    if (k == "numeric") return t != DType::boolean;
    fail<ArgumentError>(a.op(),
                        "kind must be 'bool', 'signed integer', 'unsigned integer', 'integral', "
                        "'real floating', 'complex floating' or 'numeric'",
                        std::string(k));
  };
  PyObject* kind = a.object("kind");
  if (!PyTuple_Check(kind)) return boolean(matches(kind));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kind); ++i)
    if (matches(PyTuple_GET_ITEM(kind, i))) return boolean(true);
  return boolean(false);
}

DType dtype_argument(Args& a, DType otherwise) {
  PyObject* o = a.object("type");
  if (!o || o == Py_None) return otherwise;
  if (is_tensor(o)) return unwrap(o).dtype();
  return *a.dtype("type");
}

// A named tuple with the limits of a dtype.
PyTypeObject* limits_type(bool floating) {
  static PyStructSequence_Field float_fields[] = {{"bits", nullptr},
                                                  {"eps", nullptr},
                                                  {"max", nullptr},
                                                  {"min", nullptr},
                                                  {"smallest_normal", nullptr},
                                                  {"tiny", nullptr},
                                                  {"resolution", nullptr},
                                                  {"dtype", nullptr},
                                                  {nullptr, nullptr}};
  static PyStructSequence_Field int_fields[] = {{"bits", nullptr},
                                                {"max", nullptr},
                                                {"min", nullptr},
                                                {"dtype", nullptr},
                                                {nullptr, nullptr}};
  static PyStructSequence_Desc float_desc = {"nnx.finfo_result", "Limits of a floating dtype.",
                                             float_fields, 8};
  static PyStructSequence_Desc int_desc = {"nnx.iinfo_result", "Limits of an integer dtype.",
                                           int_fields, 4};
  static PyTypeObject* types[2] = {};
  PyTypeObject*& t = types[floating];
  if (!t) t = PyStructSequence_NewType(floating ? &float_desc : &int_desc);
  if (!t) throw PythonError();
  return t;
}

PyObject* finfo(Args& a) {
  const DType t = dtype_argument(a, default_dtype());
  double eps, largest, normal, resolution;
  switch (real_of(t)) {
    case DType::float16: eps = 0x1p-10, largest = 65504, normal = 0x1p-14, resolution = 1e-3; break;
    case DType::bfloat16:
      eps = 0x1p-7, largest = 0x1.fep127, normal = 0x1p-126, resolution = 1e-2;
      break;
    case DType::float32:
      eps = FLT_EPSILON, largest = FLT_MAX, normal = FLT_MIN, resolution = 1e-6;
      break;
    case DType::float64:
      eps = DBL_EPSILON, largest = DBL_MAX, normal = DBL_MIN, resolution = 1e-15;
      break;
    default:
      fail<DTypeError>(a.op(), "finfo is for floating and complex dtypes", std::string(name_of(t)),
                       "use nnx.iinfo");
  }
  Object out = own(PyStructSequence_New(limits_type(true)));
  PyObject* values[] = {PyLong_FromSize_t(8 * size_of(real_of(t))),
                        PyFloat_FromDouble(eps),
                        PyFloat_FromDouble(largest),
                        PyFloat_FromDouble(-largest),
                        PyFloat_FromDouble(normal),
                        PyFloat_FromDouble(normal),
                        PyFloat_FromDouble(resolution),
                        Py_NewRef(dtype_object(real_of(t)))};
  for (int i = 0; i < 8; ++i) PyStructSequence_SetItem(out.get(), i, own(values[i]).release());
  return out.release();
}
PyObject* iinfo(Args& a) {
  const DType t = dtype_argument(a, DType::int64);
  if (!is_integer(t))
    fail<DTypeError>(a.op(), "iinfo is for integer dtypes", std::string(name_of(t)),
                     "use nnx.finfo");
  const int bits = static_cast<int>(8 * size_of(t));
  const bool is_signed = kind_of(t) == Kind::signed_integer;
  const std::uint64_t top = is_signed    ? (std::uint64_t{1} << (bits - 1)) - 1
                            : bits == 64 ? ~std::uint64_t{0}
                                         : (std::uint64_t{1} << bits) - 1;
  const std::int64_t low = is_signed ? -static_cast<std::int64_t>(top) - 1 : 0;
  Object out = own(PyStructSequence_New(limits_type(false)));
  PyObject* values[] = {PyLong_FromLong(bits), PyLong_FromUnsignedLongLong(top),
                        PyLong_FromLongLong(low), Py_NewRef(dtype_object(t))};
  for (int i = 0; i < 4; ++i) PyStructSequence_SetItem(out.get(), i, own(values[i]).release());
  return out.release();
}

PyObject* is_floating_point(Args& a) { return boolean(is_floating(a.tensor("x").dtype())); }
PyObject* is_complex_function(Args& a) { return boolean(is_complex(a.tensor("x").dtype())); }

// --- methods -------------------------------------------------------------------------------------

template <DType T>
PyObject* convert(Args& a) {
  return give(cast(a.self_tensor(), T));
}

// `early`: non_blocking, of the methods that have it.
Tensor converted(Args& a, const Tensor& x, PyObject* to, bool early = false) {
  if (is_tensor(to)) return ops::to_device(cast(x, unwrap(to).dtype()), unwrap(to).device(), early);
  if (is_device(to)) return ops::to_device(x, *device_of(to), early);
  if (PyUnicode_Check(to)) {
    const std::string_view name = view_text(to);
    if (name.starts_with("torch.cuda.")) {  // "torch.cuda.FloatTensor": a dtype and a device
      const Tensor there = ops::to_device(x, *device_of(text("cuda").get()), early);
      return cast(there, *dtype_of(to));
    }
    if (name == "cpu" || name.starts_with("cpu:") || name.starts_with("cuda") || name == "mps")
      return ops::to_device(x, *device_of(to), early);
  }
  if (PyLong_CheckExact(to)) {  // the number of a CUDA device
    const std::string number(view_text(own(PyObject_Str(to)).get()));
    return ops::to_device(x, *device_of(text("cuda:" + number).get()), early);
  }
  if (const auto t = dtype_of(to)) return cast(x, *t);
  fail<DTypeError>(a.op(), "to takes a dtype, a device or a tensor",
                   short_repr(to) + " (" + type_name(to) + ")");
}
// x.to(dtype), x.to(device), x.to(device, dtype), x.to(other)
PyObject* to(Args& a) {
  const Tensor& x = a.self_tensor();
  Tensor y = x;
  const bool early = a.flag("non_blocking", false);
  for (const char* name : {"target", "second"})
    if (a.given(name)) y = converted(a, y, a.object(name), early);
  if (a.given("device")) y = converted(a, y, a.object("device"), early);
  if (a.given("dtype")) y = cast(y, *a.dtype());
  if (y.is_same(x) && a.flag("copy", false)) return give(ops::clone(x));
  return y.is_same(x) ? Py_NewRef(a.self()) : give(y);
}
PyObject* type(Args& a) {
  if (a.given("dtype")) {
    static_cast<void>(a.dtype());  // nothing but a dtype
    return give(converted(a, a.self_tensor(), a.object("dtype")));
  }
  const Tensor& x = a.self_tensor();
  const std::string place = x.device().kind == DeviceKind::cpu ? "" : "cuda.";
  return text("torch." + place + std::string(tensor_type_name(x.dtype())) + "Tensor").release();
}
PyObject* type_as(Args& a) { return give(cast(a.self_tensor(), a.tensor("y").dtype())); }
PyObject* cpu(Args& a) {
  const Tensor& x = a.self_tensor();
  return x.device().kind == DeviceKind::cpu ? Py_NewRef(a.self())
                                            : give(ops::to_device(x, Device{}));
}
PyObject* cuda(Args& a) {
  Object name = text("cuda:" + std::to_string(a.integer("device_number", 0)));
  return give(
      ops::to_device(a.self_tensor(), *device_of(name.get()), a.flag("non_blocking", false)));
}
PyObject* pin_memory(Args& a) {
  const Tensor& x = a.self_tensor();
  if (x.device().kind == DeviceKind::cpu &&
      (runtime::is_pinned(*x->storage) || !runtime::can_pin()))
    return Py_NewRef(a.self());
  return give(ops::pinned(x));
}
PyObject* is_pinned(Args& a) { return boolean(runtime::is_pinned(*a.self_tensor()->storage)); }
PyObject* to_device(Args& a) {
  const Tensor y = ops::to_device(a.self_tensor(), a.device());
  return y.is_same(a.self_tensor()) ? Py_NewRef(a.self()) : give(y);
}
PyObject* element_size(Args& a) { return PyLong_FromSize_t(size_of(a.self_tensor().dtype())); }

const Definition kDefinitions[] = {
    {"astype", "(x: TensorLike, dtype: DTypeLike, *, copy: bool = True) -> Tensor",
     R"(x in another dtype; a copy also where it has that dtype, unless copy=False.

Floats are truncated towards 0 into integers; values out of range saturate, NaN becomes 0.

Raises: DTypeError from complex to real numbers (the method x.to(...) warns and takes the real part).

Example:
    >>> nnx.astype(nnx.tensor([1.7]), nnx.int64)
    tensor([1])
)",
     astype},
    {"set_default_dtype", "(dtype: DTypeLike) -> None",
     R"(The dtype that Python floats become; float32 at first.

Raises: DTypeError unless floating.

Example:
    >>> nnx.set_default_dtype(nnx.float32)
)",
     set_default_dtype},
    {"get_default_dtype", "() -> dtype",
     R"(The dtype that Python floats become.

Example:
    >>> nnx.get_default_dtype()
    nnx.float32
)",
     get_default_dtype},
    {"result_type", "(*arrays_and_dtypes: Any) -> dtype",
     R"(The dtype in which tensors, dtypes and numbers meet.

A floating dtype wins over an integer of any size; Python numbers never widen.

Example:
    >>> nnx.result_type(nnx.int64, nnx.float32)
    nnx.float32
)",
     result_type},
    {"promote_types", "(type1: DTypeLike, type2: DTypeLike) -> dtype",
     R"(The dtype in which two dtypes meet.

Example:
    >>> nnx.promote_types(nnx.int8, nnx.uint8)
    nnx.int16
)",
     promote_types},
    {"can_cast", "(from_: Any, to: DTypeLike) -> bool",
     R"(Whether every value of one dtype can be kept by another, by promotion.

Example:
    >>> nnx.can_cast(nnx.int8, nnx.int16)
    True
)",
     can_cast},
    {"isdtype", "(dtype: DTypeLike, kind: Any) -> bool",
     R"(Whether a dtype is of a kind: 'bool', 'integral', 'real floating', ..., or a dtype; or any of a tuple.

Example:
    >>> nnx.isdtype(nnx.float32, 'real floating')
    True
)",
     isdtype},
    {"finfo", "(type: Any = None) -> Any",
     R"(Limits of a floating dtype: bits, eps, max, min, smallest_normal, tiny, resolution, dtype.

Of a complex dtype those of its parts.

Example:
    >>> nnx.finfo(nnx.float64).eps
    2.220446049250313e-16
)",
     finfo},
    {"iinfo", "(type: Any = None) -> Any",
     R"(Limits of an integer dtype: bits, max, min, dtype.

Example:
    >>> nnx.iinfo(nnx.int8).max
    127
)",
     iinfo},
    {"is_floating_point", "(x: TensorLike) -> bool",
     R"(Whether x has a floating dtype.

Example:
    >>> nnx.is_floating_point(nnx.ones(1))
    True
)",
     is_floating_point},
    {"is_complex", "(x: TensorLike) -> bool",
     R"(Whether x has a complex dtype.

Example:
    >>> nnx.is_complex(nnx.ones(1))
    False
)",
     is_complex_function},
    {"is_floating_point", "() -> bool", "Whether the dtype is floating.", is_floating_point,
     Role::method},
    {"is_complex", "() -> bool", "Whether the dtype is complex.", is_complex_function,
     Role::method},
    {"astype", "(dtype: DTypeLike, *, copy: bool = True) -> Tensor", "As nnx.astype.", astype,
     Role::method},
    {"to",
     "(target: Any = None, second: Any = None, *, dtype: DTypeLike | None = None, device: "
     "DeviceLike | None = None, "
     "non_blocking: bool = False, copy: bool = False, memory_format: Any = None) -> Tensor",
     R"(Another dtype or device: x.to(nnx.float64), x.to("cpu"), x.to(other); the tensor itself if it fits.

A copy to a device returns when x has been read, not when the device is done. With non_blocking, one
from pinned memory (pin_memory) returns at once, and x must not be written to until the device has
come to it (nnx.synchronize). A copy to the CPU always waits for its values.

Raises: DeviceError for a device that is not there.

Example:
    >>> nnx.tensor([1, 2]).to(nnx.float32)
    tensor([1., 2.])
)",
     to, Role::method},
    {"to_device", "(device: DeviceLike, /, *, stream: Any = None) -> Tensor",
     R"(The tensor on a device; the tensor itself if it is there. stream is not used.

Raises: DeviceError for a device that is not there.

Source: Python array API standard, 2023.12.

Example:
    >>> nnx.ones(2).to_device("cpu")
    tensor([1., 1.])
)",
     to_device, Role::method},
    {"type", "(dtype: DTypeLike | None = None) -> Any",
     "The tensor in a dtype; without one, PyTorch's name of its type: 'torch.FloatTensor'.", type,
     Role::method},
    {"type_as", "(other: Tensor) -> Tensor", "The tensor in the dtype of another.", type_as,
     Role::method},
    {"cpu", "() -> Tensor", "The tensor on the CPU.", cpu, Role::method},
    {"cuda", "(device_number: int = 0, *, non_blocking: bool = False) -> Tensor",
     "The tensor on a CUDA device. DeviceError where there is none.", cuda, Role::method},
    {"pin_memory", "(device: DeviceLike | None = None) -> Tensor",
     R"(A copy in memory that CUDA devices read by themselves, for to(device, non_blocking=True); the
tensor itself where it is there already, and where there is no such device. device is not used.

Raises: DeviceError for a tensor on a device, OutOfMemoryError where the system pins no more.

Source: PyTorch's Tensor.pin_memory.

Example:
    >>> nnx.ones(2, device="cpu").pin_memory().tolist()
    [1.0, 1.0]
)",
     pin_memory, Role::method},
    {"is_pinned", "(device: DeviceLike | None = None) -> bool",
     R"(Whether the tensor is in memory that CUDA devices read by themselves. device is not used.

Source: PyTorch's Tensor.is_pinned.

Example:
    >>> nnx.ones(2).is_pinned()
    False
)",
     is_pinned, Role::method},
    {"element_size", "() -> int", "Bytes per element.", element_size, Role::method},
    {"float", "() -> Tensor", "The tensor in float32.", convert<DType::float32>, Role::method},
    {"double", "() -> Tensor", "The tensor in float64.", convert<DType::float64>, Role::method},
    {"half", "() -> Tensor", "The tensor in float16.", convert<DType::float16>, Role::method},
    {"bfloat16", "() -> Tensor", "The tensor in bfloat16.", convert<DType::bfloat16>, Role::method},
    {"cfloat", "() -> Tensor", "The tensor in complex64.", convert<DType::complex64>, Role::method},
    {"cdouble", "() -> Tensor", "The tensor in complex128.", convert<DType::complex128>,
     Role::method},
    {"long", "() -> Tensor", "The tensor in int64.", convert<DType::int64>, Role::method},
    {"int", "() -> Tensor", "The tensor in int32.", convert<DType::int32>, Role::method},
    {"short", "() -> Tensor", "The tensor in int16.", convert<DType::int16>, Role::method},
    {"char", "() -> Tensor", "The tensor in int8.", convert<DType::int8>, Role::method},
    {"byte", "() -> Tensor", "The tensor in uint8.", convert<DType::uint8>, Role::method},
    {"bool", "() -> Tensor", "The tensor in bool: what is not 0.", convert<DType::boolean>,
     Role::method},
};

}  // namespace

void declare_dtypes(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
