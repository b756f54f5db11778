// Reading Python data into tensors: see from_python.hpp.
// Invariants: nesting is followed to the depth of the largest rank, so cyclic lists end in an
// error; shared memory keeps its exporter alive.
#include "bind/from_python.hpp"

#include <bit>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/cuda_array.hpp"
#include "bind/dlpack.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/ops.hpp"
#include "runtime/allocator.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// --- buffers -----------------------------------------------------------------------------------

// The dtype of a struct format of one number in native byte order; nothing for others.
std::optional<DType> dtype_of_format(const char* format, Py_ssize_t size) {
  std::string_view f = format ? format : "B";
  constexpr bool little = std::endian::native == std::endian::little;
  bool big_only = false;
  if (!f.empty() && std::string_view("@=<>!").find(f[0]) != std::string_view::npos) {
    big_only = (f[0] == '>' || f[0] == '!') ? little : f[0] == '<' && !little;
    f.remove_prefix(1);
  }
  if (big_only && size > 1) return std::nullopt;
  if (f == "Zf" && size == 8) return DType::complex64;
  if (f == "Zd" && size == 16) return DType::complex128;
  if (f.size() != 1) return std::nullopt;
  const bool is_signed = std::string_view("bhilqn").find(f[0]) != std::string_view::npos;
  const bool is_unsigned = std::string_view("BHILQN").find(f[0]) != std::string_view::npos;
  if (is_signed || is_unsigned) {
    switch (size) {
      case 1: return is_signed ? DType::int8 : DType::uint8;
      case 2: return is_signed ? DType::int16 : DType::uint16;
      case 4: return is_signed ? DType::int32 : DType::uint32;
      case 8: return is_signed ? DType::int64 : DType::uint64;
      default: return std::nullopt;
    }
  }
  if (f == "?" && size == 1) return DType::boolean;
  if (f == "e" && size == 2) return DType::float16;
  if (f == "f" && size == 4) return DType::float32;
  if (f == "d" && size == 8) return DType::float64;
  return std::nullopt;
}

struct Buffer {
  Py_buffer view{};
  ~Buffer() {
    if (view.obj) PyBuffer_Release(&view);
  }
};

void release_buffer(void* owner) {
  auto* buffer = static_cast<Buffer*>(owner);
  if (!Py_IsInitialized()) return;  // nothing left to give it back to
  const HoldGil gil;
  delete buffer;
}

[[noreturn]] void no_dtype(const char* op, PyObject* data, std::string_view format) {
  std::string kind = "an array of format '" + std::string(format) + "'";
  if (Object d = attribute_or_none(data, "dtype"))
    kind = "an array of dtype " + short_repr(d.get());
  fail<DTypeError>(op, "a tensor holds numbers or booleans", kind,
                   "convert it first, for example a.astype(numpy.float32)");
}

// A window on the exporter's memory, if its layout allows one.
Tensor share(std::unique_ptr<Buffer> buffer, DType dtype) {
  const Py_buffer& v = buffer->view;
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  Shape shape;
  Dims strides;
  std::int64_t low = 0, high = 0;
  bool any = true;
  for (int i = 0; i < v.ndim; ++i) {
    const std::int64_t n = v.shape[i], s = v.strides[i];
    if (n == 0) any = false;
    if (n > 1 && s % size != 0) return {};
    shape.push_back(n);
    strides.push_back(n > 1 ? s / size : 0);
    if (n > 1) (s < 0 ? low : high) += (n - 1) * s;
  }
  for (int i = v.ndim - 1; i >= 0; --i)
    if (shape[i] <= 1) strides[i] = i + 1 < v.ndim ? strides[i + 1] * shape[i + 1] : 1;
  if (reinterpret_cast<std::uintptr_t>(v.buf) % size_of(real_of(dtype)) != 0) return {};
  if (!any) return runtime::empty(shape, dtype);
  auto* start = static_cast<std::byte*>(v.buf) + low;
  const auto bytes = static_cast<std::size_t>(high - low + size);
  Buffer* owner = buffer.release();
  Ref<Storage> storage;
  try {
    storage = runtime::adopt(start, bytes, Device{}, owner, release_buffer, !owner->view.readonly);
  } catch (...) {
    delete owner;
    throw;
  }
  return Tensor(std::move(storage), -low / size, shape, strides, dtype);
}

// Nothing when `data` exports no buffer that we can read directly.
std::optional<Tensor> from_buffer(PyObject* data, Copy copy, const char* op) {
  auto buffer = std::make_unique<Buffer>();
  if (PyObject_GetBuffer(data, &buffer->view, PyBUF_FULL_RO) < 0) {
    if (PyErr_ExceptionMatches(PyExc_MemoryError)) throw PythonError();
    PyErr_Clear();
    return std::nullopt;
  }
  const Py_buffer& v = buffer->view;
  if (v.ndim > kMaxRank)
    fail<ShapeError>(op, "a tensor has at most " + std::to_string(kMaxRank) + " axes",
                     "an array with " + std::to_string(v.ndim));
  const auto dtype = dtype_of_format(v.format, v.itemsize);
  if (!dtype || v.suboffsets) return std::nullopt;
  const bool readonly = v.readonly;
  Tensor shared = share(std::move(buffer), *dtype);
  if (!shared) return std::nullopt;
  if (copy == Copy::never && readonly)
    fail<ArgumentError>(op, "this memory is read-only, and copy=False allows no copy",
                        describe(shared), "leave copy out");
  if (copy == Copy::always || readonly) return ops::clone(shared);
  return shared;
}

// --- numbers and nested sequences ----------------------------------------------------------------

bool is_sequence(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) || PyRange_Check(o) ||
         (PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o) && !PyDict_Check(o) &&
          PyObject_HasAttrString(o, "__len__"));
}
// A list or tuple of the items of `o`.
Object items_of(PyObject* o, const char* op) {
  const Py_ssize_t size = PyObject_Size(o);
  if (size < 0) throw PythonError();
  if (size > (Py_ssize_t{1} << 31))
    fail<ShapeError>(op, "this sequence is too long to be read item by item", short_repr(o),
                     PyRange_Check(o) ? "use nnx.arange" : "use a NumPy array");
  return own(PySequence_Fast(o, "a sequence is needed"));
}
bool is_array(PyObject* o) { return is_tensor(o) || is_ndarray(o); }

struct Survey {
  Shape shape;
  bool arrays = false;                     // some leaf is an array
  std::optional<DType> typed;              // what leaves with a dtype meet in
  Scalar::Kind kind = Scalar::Kind::none;  // largest of the Python numbers
  const char* op;

  void dtype(DType t) { typed = typed ? promote(*typed, t) : t; }

  void look(PyObject* o, int depth) {
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || (!is_array(o) && is_sequence(o))) {
      if (depth >= kMaxRank)
        fail<ShapeError>(op, "the data is nested deeper than " + std::to_string(kMaxRank) +
                                 " levels, or contains itself");
      Object list = items_of(o, op);
      const Py_ssize_t n = PySequence_Fast_GET_SIZE(list.get());
      length(depth, n);
      for (Py_ssize_t i = 0; i < n && i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
        Object entry = Object::borrow(PySequence_Fast_GET_ITEM(list.get(), i));
        look(entry.get(), depth + 1);
      }
      return;
    }
    if (is_tensor(o) || is_ndarray(o) || is_numpy_scalar(o)) {
      leaf_array(o, depth);
      return;
    }
    const Scalar s = scalar_of(o);
    if (s.kind == Scalar::Kind::none) {
      if (depth > 0 && PyObject_HasAttrString(o, "__array__")) {
        arrays = true;
        return;
      }
      not_numeric(o);
    }
    end(depth);
    if (s.kind > kind) kind = s.kind;
  }

  void leaf_array(PyObject* o, int depth) {
    const Tensor t = as_tensor(o, {}, Copy::if_needed, op);
    dtype(t.dtype());
    if (t.rank() == 0 && !is_tensor(o)) {
      end(depth);
      return;
    }
    arrays = true;
  }

  [[noreturn]] void not_numeric(PyObject* o) const {
    std::string hint;
    if (PyAnySet_Check(o) || PyDict_Check(o)) hint = "write list(...) of it";
    if (PyUnicode_Check(o)) hint = "convert text to numbers first, for example float(x)";
    if (PyIter_Check(o)) hint = "write list(...) of it";
    fail<DTypeError>(op, "a tensor holds numbers or booleans",
                     short_repr(o) + " (" + type_name(o) + ")", hint);
  }

  void length(int depth, std::int64_t n) {
    if (!closed && depth == shape.size()) {
      shape.push_back(n);
      return;
    }
    if (depth >= shape.size() || shape[depth] != n) ragged(depth, n);
  }
  void end(int depth) {
    if (depth != shape.size()) ragged(depth, -1);
    closed = true;
  }
  [[noreturn]] void ragged(int depth, std::int64_t n) const {
    fail<ShapeError>(op, "nested lists must have the same length on every level",
                     n < 0 ? "a number beside a list at depth " + std::to_string(depth)
                     : depth < shape.size()
                         ? "lengths " + std::to_string(shape[depth]) + " and " + std::to_string(n) +
                               " at depth " + std::to_string(depth)
                         : "a list beside a number at depth " + std::to_string(depth),
                     "pad the shorter ones");
  }
  bool closed = false;
};

// Writes the leaves in order. The shape is checked again, since reading an element may run code
// that changes the lists.
struct Writer {
  const Survey& survey;
  DType dtype, target;  // what is written here, and what becomes of it
  std::byte* at;

  void put(PyObject* o) {
    switch (dtype) {
      case DType::float32: *reinterpret_cast<float*>(at) = static_cast<float>(number(o)); break;
      case DType::float64: *reinterpret_cast<double*>(at) = number(o); break;
      case DType::complex64:
        *reinterpret_cast<std::complex<float>*>(at) =
            std::complex<float>(scalar_of(o).as_complex());
        break;
      case DType::complex128:
        *reinterpret_cast<std::complex<double>*>(at) = scalar_of(o).as_complex();
        break;
      case DType::boolean: *reinterpret_cast<bool*>(at) = scalar_of(o).is_true(); break;
      case DType::uint64: {
        const Scalar s = scalar_of(o);
        if (s.kind != Scalar::Kind::unsigned_integer && s.i < 0)
          fail<ArgumentError>(survey.op,
                              "an integer beyond int64 and a negative one have no common "
                              "dtype",
                              short_repr(o), "use floats");
        check_fits(s, target, survey.op);
        *reinterpret_cast<std::uint64_t*>(at) = s.u;
        break;
      }
      default: {
        const Scalar s = scalar_of(o);
        check_fits(s, target, survey.op);
        *reinterpret_cast<std::int64_t*>(at) =
            s.kind >= Scalar::Kind::floating ? static_cast<std::int64_t>(s.f) : s.i;
      }
    }
    at += size_of(dtype);
  }
  double number(PyObject* o) {
    if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
    return scalar_of(o).as_double();
  }
  void write(PyObject* o, int depth) {
    if (depth == survey.shape.size()) return put(o);
    Object list = items_of(o, survey.op);
    if (PySequence_Fast_GET_SIZE(list.get()) != survey.shape[depth])
      fail<ShapeError>(survey.op, "the data changed while it was read");
    for (Py_ssize_t i = 0; i < survey.shape[depth]; ++i) {
      if (i >= PySequence_Fast_GET_SIZE(list.get()))
        fail<ShapeError>(survey.op, "the data changed while it was read");
      Object entry = Object::borrow(PySequence_Fast_GET_ITEM(list.get(), i));
      write(entry.get(), depth + 1);
    }
  }
};

Tensor stacked(PyObject* o, std::optional<DType> dtype, int depth, const char* op) {
  if (is_array(o) || !is_sequence(o)) {
    Tensor t = as_tensor(o, {}, Copy::if_needed, op);
    return dtype ? ops::astype(t, *dtype) : t;
  }
  if (depth >= kMaxRank)
    fail<ShapeError>(op, "the data is nested deeper than " + std::to_string(kMaxRank) + " levels");
  Object list = items_of(o, op);
  std::vector<Tensor> parts;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    Object entry = Object::borrow(PySequence_Fast_GET_ITEM(list.get(), i));
    parts.push_back(stacked(entry.get(), dtype, depth + 1, op));
  }
  if (parts.empty()) return ops::empty({0}, dtype.value_or(default_dtype()));
  return ops::stack(parts, 0);
}

// Data does not lose its imaginary part on the way in.
void need_real(DType from, DType to, const char* op) {
  if (is_complex(from) && !is_complex(to) && to != DType::boolean)
    fail<DTypeError>(op, "complex numbers do not become real ones by a cast",
                     std::string(name_of(from)) + " to " + std::string(name_of(to)),
                     "take the real part first, or a complex dtype");
}

Tensor from_numbers(PyObject* data, std::optional<DType> dtype, const char* op) {
  Survey survey;
  survey.op = op;
  survey.look(data, 0);
  std::optional<DType> natural = survey.typed;
  if (survey.kind != Scalar::Kind::none) {
    Scalar weak;
    weak.kind = survey.kind;
    const Kind have = natural ? kind_of(*natural) : Kind::boolean;
    const bool floating = survey.kind == Scalar::Kind::floating;
    if (survey.kind == Scalar::Kind::complex)
      natural = complex_of(natural && is_differentiable(*natural) ? *natural : default_dtype());
    else if (!natural || (floating && have < Kind::floating) ||
             (have == Kind::boolean && survey.kind != Scalar::Kind::boolean))
      natural = weak.dtype();
  }
  const DType target = dtype.value_or(natural.value_or(default_dtype()));
  if (natural) need_real(*natural, target, op);
  if (survey.arrays) return stacked(data, target, 0, op);
  const DType n = natural.value_or(target);
  const DType written = n == DType::uint64         ? DType::uint64
                        : is_complex(n)            ? target
                        : target == DType::float32 ? DType::float32
                        : is_floating(n)           ? DType::float64
                        : n == DType::boolean      ? DType::boolean
                        : is_floating(target)      ? DType::float64
                                                   : DType::int64;
  Tensor t = ops::empty(survey.shape, written);
  Writer{survey, written, target, t.bytes()}.write(data, 0);
  return written == target ? t : ops::astype(t, target);
}

Tensor from_foreign(PyObject* data, Copy copy, const char* op) {
  Object np = import_module("numpy");
  Object array = own(PyObject_CallMethod(np.get(), "asarray", "O", data));
  if (auto t = from_buffer(array.get(), copy, op)) return *t;
  // Byte order, alignment or strides that we cannot share: NumPy makes a plain copy.
  if (copy == Copy::never)
    fail<ArgumentError>(op, "this array cannot be shared, and copy=False allows no copy",
                        short_repr(array.get()), "leave copy out");
  Object dtype = attribute(array.get(), "dtype");
  Object native = own(PyObject_CallMethod(dtype.get(), "newbyteorder", "s", "="));
  Object plain = own(PyObject_CallMethod(np.get(), "array", "OO", array.get(), native.get()));
  plain = own(PyObject_CallMethod(np.get(), "ascontiguousarray", "O", plain.get()));
  if (auto t = from_buffer(plain.get(), Copy::if_needed, op)) {
    Object shape = attribute(array.get(), "shape");  // ascontiguousarray makes 0-d arrays 1-d
    return ops::reshape(*t, to_dims(shape.get(), op, "shape"));
  }
  Object name = own(PyObject_Str(dtype.get()));
  no_dtype(op, array.get(), view_text(name.get()));
}

bool has_array_protocol(PyObject* o) {
  return !PyType_Check(o) && (PyObject_HasAttrString(o, "__array__") ||
                              PyObject_HasAttrString(o, "__array_interface__"));
}

}  // namespace

Tensor as_tensor(PyObject* data, std::optional<DType> dtype, Copy copy, const char* op) {
  Tensor t;
  if (is_tensor(data)) {
    t = unwrap(data);
    need_real(t.dtype(), dtype.value_or(t.dtype()), op);
    if (copy == Copy::always)
      return dtype && *dtype != t.dtype() ? ops::astype(t, *dtype) : ops::clone(t);
  } else if (PyFloat_CheckExact(data) || PyLong_Check(data) || PyComplex_CheckExact(data)) {
    const Scalar s = scalar_of(data);
    need_real(s.dtype(), dtype.value_or(s.dtype()), op);
    check_fits(s, dtype.value_or(s.dtype()), op);
    return ops::scalar_tensor(s, dtype.value_or(s.dtype()));
  } else if (PyList_Check(data) || PyTuple_Check(data)) {
    if (copy == Copy::never)
      fail<ArgumentError>(op, "a list has no memory to share, and copy=False allows no copy");
    return from_numbers(data, dtype, op);
  } else if (is_numpy_scalar(data)) {
    const Scalar s = scalar_of(data);
    if (s.kind == Scalar::Kind::none) no_dtype(op, data, type_name(data));
    const DType own_dtype = *dtype_of(reinterpret_cast<PyObject*>(Py_TYPE(data)));
    need_real(own_dtype, dtype.value_or(own_dtype), op);
    return ops::scalar_tensor(s, dtype.value_or(own_dtype));
  } else if (!PyBytes_Check(data) && PyObject_CheckBuffer(data)) {
    const bool converts = copy == Copy::always && dtype;  // the cast below copies anyway
    auto found = from_buffer(data, converts ? Copy::if_needed : copy, op);
    t = found ? *found : from_foreign(data, copy, op);
    if (converts && *dtype == t.dtype()) return ops::clone(t);
  } else if (has_cuda_array(data)) {  // before __array__, which such memory refuses
    t = has_dlpack(data) ? from_dlpack(data) : from_cuda_array(data);
    if (copy == Copy::always) t = ops::clone(t);
  } else if (has_array_protocol(data)) {
    t = from_foreign(data, copy, op);
  } else if (has_dlpack(data)) {
    t = from_dlpack(data);
    if (copy == Copy::always) t = ops::clone(t);
  } else {
    return from_numbers(data, dtype, op);
  }
  if (dtype && *dtype != t.dtype()) {
    need_real(t.dtype(), *dtype, op);
    if (copy == Copy::never)
      fail<ArgumentError>(op, "another dtype needs a copy, and copy=False allows none",
                          describe(t));
    return ops::astype(t, *dtype);
  }
  return t;
}

Tensor tensor_argument(PyObject* o, const char* op, std::string_view name) {
  if (is_tensor(o)) return unwrap(o);
  if (o == Py_None || PyUnicode_Check(o) || PyDict_Check(o) || PyAnySet_Check(o) ||
      PyBytes_Check(o) || PyCallable_Check(o))
    fail<DTypeError>(
        op, std::string(name) + " must be a tensor, an array or numbers",
        std::string(name) + " = " + short_repr(o) + " (" + type_name(o) + ")",
        o == Py_None ? "does the function that made it, or a forward, lack its return?" : "");
  return as_tensor(o, {}, Copy::if_needed, op);
}

PyObject* recorded(PyObject* o, int depth) {
  if (is_tensor(o)) return ops::grad_enabled() && autodiff::requires_grad(unwrap(o)) ? o : nullptr;
  if (depth > kMaxRank) return nullptr;
  if (PyDict_Check(o)) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(o, &at, &key, &value))
      if (PyObject* found = recorded(value, depth + 1)) return found;
  } else if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      if (PyObject* found = recorded(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return found;
  }
  return nullptr;
}

void without_gradient(PyObject* data, const char* op) {
  if (is_tensor(data) || !ops::grad_enabled()) return;
  if (PyObject* found = recorded(data))
    fail<GradientError>(op,
                        "a new tensor starts without a gradient, and this list holds tensors whose "
                        "gradient is recorded",
                        describe(unwrap(found)),
                        "nnx.stack([...]) keeps the gradient; write v.detach() or v.item() where "
                        "it is not wanted");
}

Tensor tensor_from_call(PyObject* args, PyObject* keywords) {
  if (keywords && PyDict_GET_SIZE(keywords) > 0)
    throw CallError(error_text("Tensor", "Tensor(...) takes no keywords", short_repr(keywords),
                               "use nnx.tensor(data, dtype=..., requires_grad=...)"));
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n == 0) return ops::empty({0}, default_dtype());
  PyObject* first = PyTuple_GET_ITEM(args, 0);
  if (n > 1 || PyLong_Check(first))
    return ops::full(to_dims(args, "Tensor", "sizes"), Scalar(0), default_dtype());
  Tensor t = as_tensor(first, default_dtype(), is_tensor(first) ? Copy::if_needed : Copy::always,
                       "Tensor");
  without_gradient(first, "Tensor");
  return t;
}

}  // namespace nnx::bind
