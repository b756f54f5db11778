// The value types beside Tensor: see types.hpp.
#include "bind/types.hpp"

#include <algorithm>
#include <limits>

#include "bind/convert.hpp"
#include "bind/small_type.hpp"
#include "bind/tensor_type.hpp"
#include "runtime/backend.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// --- dtype -------------------------------------------------------------------------------------
struct DTypeObject {
  PyObject_HEAD DType dtype;
};
PyTypeObject* g_dtype_type;
PyObject* g_dtypes[kDTypes];

DType dtype_in(PyObject* o) noexcept { return reinterpret_cast<DTypeObject*>(o)->dtype; }

PyObject* dtype_repr(PyObject* o) {
  return PyUnicode_FromFormat("nnx.%s", std::string(name_of(dtype_in(o))).c_str());
}
PyObject* dtype_str(PyObject* o) {
  const auto n = name_of(dtype_in(o));
  return PyUnicode_FromStringAndSize(n.data(), static_cast<Py_ssize_t>(n.size()));
}
PyObject* dtype_compare(PyObject* a, PyObject* b, int op) {
  if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
  return guard([&]() -> PyObject* {
    std::optional<DType> other;
    try {
      other = dtype_of(b);
    } catch (const DTypeError&) {  // a dtype of NumPy's that we do not have
    }
    if (!other) Py_RETURN_NOTIMPLEMENTED;
    return boolean((*other == dtype_in(a)) == (op == Py_EQ));
  });
}
Py_hash_t dtype_hash(PyObject* o) { return static_cast<Py_hash_t>(dtype_in(o)) + 0x6e6e78; }

PyObject* dtype_new(PyTypeObject*, PyObject* args, PyObject*) {
  return guard([&] {
    PyObject* o = nullptr;
    if (!PyArg_ParseTuple(args, "O", &o)) throw PythonError();
    const auto t = dtype_of(o);
    if (!t)
      fail<DTypeError>("dtype", "this names no dtype", short_repr(o),
                       "use nnx.float32, numpy.float32 or \"float32\"");
    return Py_NewRef(dtype_object(*t));
  });
}
PyObject* dtype_reduce(PyObject* o, PyObject*) {
  return PyUnicode_FromString(name_of(dtype_in(o)).data());
}

PyObject* dtype_get(PyObject* o, void* what) {
  const DType t = dtype_in(o);
  switch (*static_cast<const char*>(what)) {
    case 'n': return dtype_str(o);
    case 'i': return PyLong_FromSize_t(size_of(t));
    case 'b': return PyLong_FromSize_t(8 * size_of(t));
    case 'f': return boolean(is_floating(t));
    case 'c': return boolean(is_complex(t));
    case 'k': {
      constexpr const char* kinds[] = {"b", "i", "u", "f", "c"};
      return PyUnicode_FromString(kinds[static_cast<int>(kind_of(t))]);
    }
    case 's': return boolean(kind_of(t) == Kind::signed_integer || is_differentiable(t));
    default:  // numpy's own dtype: numpy.dtype(nnx.float32) reads it
      return guard([&] {
        Object np = import_module("numpy");
        if (t == DType::bfloat16)
          fail<DTypeError>("dtype", "NumPy has no bfloat16", "nnx.bfloat16", "use nnx.float32");
        return own(PyObject_CallMethod(np.get(), "dtype", "s", name_of(t).data())).release();
      });
  }
}
PyGetSetDef g_dtype_properties[] = {
    {"name", dtype_get, nullptr, "-> str\n\nIts name, as in NumPy.", const_cast<char*>("n")},
    {"itemsize", dtype_get, nullptr, "-> int\n\nBytes per element.", const_cast<char*>("i")},
    {"kind", dtype_get, nullptr,
     "-> str\n\nNumPy's letter: 'b' bool, 'i' signed, 'u' unsigned, 'f' floating, 'c' complex.",
     const_cast<char*>("k")},
    {"bits", dtype_get, nullptr, "-> int\n\nBits per element.", const_cast<char*>("b")},
    {"is_floating_point", dtype_get, nullptr, "-> bool\n\nTrue for float dtypes.",
     const_cast<char*>("f")},
    {"is_complex", dtype_get, nullptr, "-> bool\n\nTrue for complex dtypes.",
     const_cast<char*>("c")},
    {"is_signed", dtype_get, nullptr, "-> bool\n\nTrue if it has negative values.",
     const_cast<char*>("s")},
    {"dtype", dtype_get, nullptr, "-> Any\n\nNumPy's dtype of this name.", const_cast<char*>("d")},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef g_dtype_methods[] = {
    {"__reduce__", dtype_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// --- device ------------------------------------------------------------------------------------
struct DeviceObject {
  PyObject_HEAD Device device;
};
PyTypeObject* g_device_type;

Device device_in(PyObject* o) noexcept { return reinterpret_cast<DeviceObject*>(o)->device; }

PyObject* device_str(PyObject* o) {
  return guard([&] { return text(to_string(device_in(o))).release(); });
}
PyObject* device_repr(PyObject* o) {
  return guard([&] {
    return text("device(type='" +
                std::string(device_in(o).kind == DeviceKind::cpu
                                ? "cpu')"
                                : "cuda', index=" + std::to_string(device_in(o).index) + ")"))
        .release();
  });
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
  return guard([&]() -> PyObject* {
    if (PyUnicode_Check(b)) {
      const bool same = view_text(b) == to_string(device_in(a));
      return boolean(same == (op == Py_EQ));
    }
    if (!is_device(b)) Py_RETURN_NOTIMPLEMENTED;
    return boolean((device_in(a) == device_in(b)) == (op == Py_EQ));
  });
}
Py_hash_t device_hash(PyObject* o) {
  const Device d = device_in(o);
  return static_cast<Py_hash_t>(d.kind) * 1000 + d.index + 1;
}
PyObject* device_new(PyTypeObject*, PyObject* args, PyObject* keywords) {
  return guard([&] {
    PyObject *type = nullptr, *index = Py_None;
    static const char* names[] = {"type", "index", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O", const_cast<char**>(names), &type,
                                     &index))
      throw PythonError();
    std::string name = PyUnicode_Check(type) ? std::string(view_text(type)) : std::string();
    Object full;
    if (!name.empty() && index != Py_None)
      full = text(name + ":" + std::to_string(to_integer(index, "device", "index")));
    const auto d = device_of(full ? full.get() : type);
    if (!d) fail<DeviceError>("device", "this names no device", short_repr(type), "use \"cpu\"");
    return device_object(*d).release();
  });
}
PyObject* device_get(PyObject* o, void* what) {
  const Device d = device_in(o);
  if (*static_cast<const char*>(what) == 't')
    return PyUnicode_FromString(d.kind == DeviceKind::cpu ? "cpu" : "cuda");
  if (d.kind == DeviceKind::cpu) return none();
  return PyLong_FromLong(d.index);
}
PyObject* device_reduce(PyObject* o, PyObject*) {
  return guard([&] {
    Object name = text(to_string(device_in(o)));
    return own(Py_BuildValue("O(O)", Py_TYPE(o), name.get())).release();
  });
}
PyGetSetDef g_device_properties[] = {
    {"type", device_get, nullptr, "-> str\n\n\"cpu\" or \"cuda\".", const_cast<char*>("t")},
    {"index", device_get, nullptr, "-> int | None\n\nWhich of several; None for the CPU.",
     const_cast<char*>("i")},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef g_device_methods[] = {
    {"__reduce__", device_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// --- Size: the tuple a shape is ------------------------------------------------------------------
PyTypeObject* g_size_type;

PyObject* size_numel(PyObject* o, PyObject*) {
  std::int64_t n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    const long long x = PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
    if (x == -1 && PyErr_Occurred()) return nullptr;
    if (__builtin_mul_overflow(n, x, &n)) {
      PyErr_SetString(PyExc_OverflowError, "[numel] the number of elements is too large.");
      return nullptr;
    }
  }
  return PyLong_FromLongLong(n);
}
PyObject* as_size(PyObject* tuple) {  // steals
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  PyObject* args = PyTuple_Pack(1, tuple);
  Py_DECREF(tuple);
  if (!args) return nullptr;
  PyObject* out = PyTuple_Type.tp_new(g_size_type, args, nullptr);
  Py_DECREF(args);
  return out;
}
PyObject* size_subscript(PyObject* o, PyObject* key) {
  PyObject* found = PyTuple_Type.tp_as_mapping->mp_subscript(o, key);
  return PySlice_Check(key) ? as_size(found) : found;
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_reduce(PyObject* o, PyObject*) {
  PyObject* plain = PyTuple_GetSlice(o, 0, PyTuple_GET_SIZE(o));
  if (!plain) return nullptr;
  return Py_BuildValue("O(N)", Py_TYPE(o), plain);
}
PyMethodDef g_size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "numel() -> int\n\nThe number of elements: the product."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// --- the int that t.size is ----------------------------------------------------------------------
PyTypeObject* g_count_type;
PyObject* g_shape_name;

PyObject* count_call(PyObject* o, PyObject* args, PyObject* keywords) {
  return guard([&] {
    PyObject* axis = Py_None;
    static const char* names[] = {"dim", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:size", const_cast<char**>(names), &axis))
      throw PythonError();
    Object shape = own(PyObject_GetAttr(o, g_shape_name));
    if (axis == Py_None) return shape.release();
    const int rank = static_cast<int>(PyTuple_GET_SIZE(shape.get()));
    const int at = normal_axis(to_integer(axis, "size", "dim"), rank, "size");
    return Py_NewRef(PyTuple_GET_ITEM(shape.get(), at));
  });
}
PyObject* count_reduce(PyObject* o, PyObject*) {
  PyObject* plain = PyNumber_Long(o);
  if (!plain) return nullptr;
  return Py_BuildValue("O(N)", &PyLong_Type, PyNumber_Add(plain, PyLong_FromLong(0)));
}
PyMethodDef g_count_methods[] = {
    {"__call__", method(count_call), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"__reduce__", count_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject* g_pair_type;
PyStructSequence_Field g_pair_fields[] = {
    {"values", "the values"}, {"indices", "where they were found"}, {nullptr, nullptr}};
PyStructSequence_Desc g_pair = {
    "nnx.ValuesAndIndices",
    "What max, min, median, sort and topk answer: values and indices.\n\n"
    "Example:\n    >>> values, indices = nnx.tensor([3, 1]).sort()\n"
    "    >>> indices\n    tensor([1, 0])\n",
    g_pair_fields, 2};

}  // namespace

void add_value_types(PyObject* module) {
  g_dtype_type = make_type(
      "nnx.dtype", sizeof(DTypeObject), 0, nullptr,
      {{Py_tp_repr, slot(dtype_repr)},
       {Py_tp_str, slot(dtype_str)},
       {Py_tp_richcompare, slot(dtype_compare)},
       {Py_tp_hash, slot(dtype_hash)},
       {Py_tp_new, slot(dtype_new)},
       {Py_tp_getset, g_dtype_properties},
       {Py_tp_methods, g_dtype_methods},
       {Py_tp_doc, const_cast<char*>("The type of a tensor's elements; `nnx.float32` is one.\n\n"
                                     "Example:\n    >>> nnx.dtype('float32') == nnx.float32\n"
                                     "    True\n")}});
  for (int i = 0; i < kDTypes; ++i) {
    auto* o = PyObject_New(DTypeObject, g_dtype_type);
    if (!o) throw PythonError();
    o->dtype = static_cast<DType>(i);
    g_dtypes[i] = reinterpret_cast<PyObject*>(o);
  }
  for (int i = 0; i < kDTypes; ++i)
    checked(PyModule_AddObjectRef(module, kDTypeInfo[i].name.data(), g_dtypes[i]));
  constexpr std::pair<const char*, DType> aliases[] = {
      {"float", DType::float32},    {"double", DType::float64},    {"half", DType::float16},
      {"long", DType::int64},       {"int", DType::int32},         {"short", DType::int16},
      {"cfloat", DType::complex64}, {"cdouble", DType::complex128}};
  for (const auto& [name, t] : aliases)
    checked(PyModule_AddObjectRef(module, name, dtype_object(t)));

  g_device_type =
      make_type("nnx.device", sizeof(DeviceObject), 0, nullptr,
                {{Py_tp_repr, slot(device_repr)},
                 {Py_tp_str, slot(device_str)},
                 {Py_tp_richcompare, slot(device_compare)},
                 {Py_tp_hash, slot(device_hash)},
                 {Py_tp_new, slot(device_new)},
                 {Py_tp_getset, g_device_properties},
                 {Py_tp_methods, g_device_methods},
                 {Py_tp_doc, const_cast<char*>("Where a tensor's memory is.\n\nExample:\n"
                                               "    >>> str(nnx.device('cpu'))\n    'cpu'\n")}});
  g_size_type = make_type(
      "nnx.Size", 0, 0, &PyTuple_Type,
      {{Py_mp_subscript, slot(size_subscript)},
       {Py_sq_concat, slot(size_concat)},
       {Py_tp_methods, g_size_methods},
       {Py_tp_doc, const_cast<char*>("A shape: a tuple that also has numel().\n\nExample:\n"
                                     "    >>> nnx.zeros((2, 3)).shape.numel()\n    6\n")}});
  // Made by calling `type`, since an int that carries a shape needs an instance dictionary.
  Object made = own(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(O){ss}",
                                          "Count", &PyLong_Type, "__module__", "nnx"));
  g_count_type = reinterpret_cast<PyTypeObject*>(made.release());
  for (PyMethodDef* m = g_count_methods; m->ml_name; ++m) {
    Object made_method = own(PyDescr_NewMethod(g_count_type, m));
    checked(PyObject_SetAttrString(reinterpret_cast<PyObject*>(g_count_type), m->ml_name,
                                   made_method.get()));
  }
  g_shape_name = own(PyUnicode_InternFromString("_shape")).release();
  g_pair_type = reinterpret_cast<PyTypeObject*>(
      own(reinterpret_cast<PyObject*>(PyStructSequence_NewType(&g_pair))).release());
  const std::pair<const char*, PyTypeObject*> types[] = {{"dtype", g_dtype_type},
                                                         {"device", g_device_type},
                                                         {"Size", g_size_type},
                                                         {"ValuesAndIndices", g_pair_type}};
  for (const auto& [name, type] : types)
    checked(PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)));
}

PyObject* dtype_object(DType t) noexcept { return g_dtypes[static_cast<int>(t)]; }

namespace {
constexpr std::pair<DType, std::string_view> kTensorTypes[] = {
    {DType::boolean, "Bool"},
    {DType::int8, "Char"},
    {DType::int16, "Short"},
    {DType::int32, "Int"},
    {DType::int64, "Long"},
    {DType::uint8, "Byte"},
    {DType::uint16, "UInt16"},
    {DType::uint32, "UInt32"},
    {DType::uint64, "UInt64"},
    {DType::float16, "Half"},
    {DType::bfloat16, "BFloat16"},
    {DType::float32, "Float"},
    {DType::float64, "Double"},
    {DType::complex64, "ComplexFloat"},
    {DType::complex128, "ComplexDouble"}};
}  // namespace

std::string_view tensor_type_name(DType t) {
  for (const auto& [dtype, name] : kTensorTypes)
    if (dtype == t) return name;
  return name_of(t);
}

std::optional<DType> dtype_of(PyObject* o) {
  if (Py_TYPE(o) == g_dtype_type) return dtype_in(o);
  std::string name;
  if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return complex_of(default_dtype());
  if (PyUnicode_Check(o)) {
    name = view_text(o);
    if (name.starts_with("nnx.")) name.erase(0, 4);
    // PyTorch's names of tensor types: "torch.FloatTensor", "torch.cuda.FloatTensor".
    if (name.starts_with("torch.") && name.ends_with("Tensor")) {
      name = name.substr(6, name.size() - 12);
      if (name.starts_with("cuda.")) name.erase(0, 5);
      for (const auto& [dtype, type] : kTensorTypes)
        if (name == type) return dtype;
      name = view_text(o);
    }
    constexpr std::pair<std::string_view, std::string_view> more[] = {
        {"float", "float32"},    {"double", "float64"},    {"half", "float16"},
        {"long", "int64"},       {"int", "int32"},         {"short", "int16"},
        {"f4", "float32"},       {"f8", "float64"},        {"i8", "int64"},
        {"i4", "int32"},         {"u1", "uint8"},          {"byte", "uint8"},
        {"char", "int8"},        {"c8", "complex64"},      {"c16", "complex128"},
        {"cfloat", "complex64"}, {"cdouble", "complex128"}};
    for (const auto& [alias, full] : more)
      if (name == alias) name = full;
  } else if (PyType_Check(o)) {
    if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return default_dtype();
    if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::int64;
    if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::boolean;
    const auto* type = reinterpret_cast<PyTypeObject*>(o);
    if (std::string_view(type->tp_name).starts_with("numpy.")) {
      name = std::string_view(type->tp_name).substr(6);
      if (name == "bool_") name = "bool";
      if (name == "longlong") name = "int64";
      if (name == "ulonglong") name = "uint64";
      if (name == "intc") name = "int32";
      if (name == "uintc") name = "uint32";
    }
  } else if (std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.") ||
             std::string_view(Py_TYPE(o)->tp_name).find("DType") != std::string_view::npos) {
    if (Object n = attribute_or_none(o, "name"); n && PyUnicode_Check(n.get()))
      name = view_text(n.get());
  }
  if (name.empty()) return std::nullopt;
  const auto t = dtype_from_name(name);
  if (!t)
    fail<DTypeError>("dtype", "there is no such dtype", name,
                     "choose from bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, "
                     "float16, bfloat16, float32, float64, complex64, complex128");
  return t;
}

Object device_object(Device d) {
  auto* o = PyObject_New(DeviceObject, g_device_type);
  if (!o) throw PythonError();
  o->device = d;
  return Object(reinterpret_cast<PyObject*>(o));
}
bool is_device(PyObject* o) noexcept { return Py_TYPE(o) == g_device_type; }

std::optional<Device> device_of(PyObject* o) {
  if (is_device(o)) return device_in(o);
  if (!PyUnicode_Check(o)) return std::nullopt;
  const std::string_view name = view_text(o);
  if (name == "cpu" || name == "cpu:0") return Device{};
  for (const auto& status : runtime::devices()) {
    const std::string full = to_string(status.device);
    if (name != full && !(name == "cuda" && full == "cuda:0")) continue;
    if (status.available) return status.device;
    fail<DeviceError>("device", "this device is not there", full + ": " + status.why_not,
                      status.cure);
  }
  fail<DeviceError>("device", "there is no such device", std::string(name), "use \"cpu\"");
}

Object plain_tuple(const Dims& d) {
  Object out = own(PyTuple_New(d.size()));
  for (int i = 0; i < d.size(); ++i)
    PyTuple_SET_ITEM(out.get(), i, own(PyLong_FromLongLong(d[i])).release());
  return out;
}

Object shape_tuple(const Dims& d) {
  Object out = own(g_size_type->tp_alloc(g_size_type, d.size()));
  for (int i = 0; i < d.size(); ++i)
    PyTuple_SET_ITEM(out.get(), i, own(PyLong_FromLongLong(d[i])).release());
  return out;
}

Object callable_size(const Tensor& t) {
  Object n = own(PyLong_FromLongLong(t.numel()));
  PyObject* args[] = {n.get()};
  Object out =
      own(PyObject_Vectorcall(reinterpret_cast<PyObject*>(g_count_type), args, 1, nullptr));
  Object shape = shape_tuple(t.shape());
  checked(PyObject_SetAttr(out.get(), g_shape_name, shape.get()));
  return out;
}

PyObject* values_and_indices(Tensor values, Tensor indices) {
  Object v = own(wrap(std::move(values))), i = own(wrap(std::move(indices)));
  PyObject* out = PyStructSequence_New(g_pair_type);
  if (!out) throw PythonError();
  PyStructSequence_SetItem(out, 0, v.release());
  PyStructSequence_SetItem(out, 1, i.release());
  return out;
}

}  // namespace nnx::bind
