// The CUDA array interface, version 3: see cuda_array.hpp.
#include "bind/cuda_array.hpp"

#include <memory>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/function.hpp"
#include "bind/types.hpp"
#include "runtime/allocator.hpp"
#include "runtime/device.hpp"

namespace nnx::bind {

using namespace core;

namespace {

constexpr const char* kName = "__cuda_array_interface__";

// NumPy's name of a type, little endian: "<f4".
std::string type_text(DType t) {
  const std::size_t size = size_of(t);
  return std::string(size == 1 ? "|" : "<") + "biufc"[static_cast<int>(kind_of(t))] +
         std::to_string(size);
}
std::optional<DType> type_from(std::string_view text) {
  for (int i = 0; i < kDTypes; ++i)
    if (const auto t = static_cast<DType>(i); t != DType::bfloat16 && text == type_text(t))
      return t;
  return std::nullopt;
}

Object item_of(PyObject* dict, const char* name) {
  PyObject* found = PyDict_GetItemString(dict, name);
  if (!found)
    fail<ArgumentError>(kName, std::string("the dict has no entry ") + name, short_repr(dict));
  return Object::borrow(found);
}

}  // namespace

PyObject* cuda_array_interface(const Tensor& t) {
  const char* problem = nullptr;
  if (t.device().kind != DeviceKind::cuda) problem = "only tensors on a CUDA device have it";
  else if (autodiff::requires_grad(t))
    problem = "this tensor requires a gradient, which other libraries do not follow: t.detach()";
  else if (t.dtype() == DType::bfloat16) problem = "there is no name for bfloat16: t.float()";
  if (problem) {
    PyErr_Format(PyExc_AttributeError, "%s: %s", kName, problem);
    throw PythonError();
  }
  const std::string type = type_text(t.dtype());
  runtime::synchronize(t.device());  // so that no stream has to be named
  Dims bytes = t.strides();
  for (auto& s : bytes) s *= static_cast<std::int64_t>(size_of(t.dtype()));
  Object shape = plain_tuple(t.shape());
  Object strides = t.contiguous() ? Object::borrow(Py_None) : plain_tuple(bytes);
  const void* address = t.numel() ? t.bytes() : nullptr;
  return own(Py_BuildValue("{sOsss(NO)sOsOsi}", "shape", shape.get(), "typestr", type.c_str(),
                           "data", PyLong_FromVoidPtr(const_cast<void*>(address)),
                           t->storage->writable ? Py_False : Py_True, "strides", strides.get(),
                           "stream", Py_None, "version", 3))
      .release();
}

bool has_cuda_array(PyObject* o) { return !PyType_Check(o) && PyObject_HasAttrString(o, kName); }

Tensor from_cuda_array(PyObject* o) {
  Object dict = attribute(o, kName);
  if (!PyDict_Check(dict.get()))
    fail<ArgumentError>(kName, "it must be a dict", short_repr(dict.get()));
  const Shape shape = to_dims(item_of(dict.get(), "shape").get(), kName, "shape");
  Object type = item_of(dict.get(), "typestr");
  const std::optional<DType> dtype = type_from(view_text(type.get()));
  if (!dtype) fail<DTypeError>(kName, "there is no such dtype", std::string(view_text(type.get())));
  Object data = item_of(dict.get(), "data");
  if (!PyTuple_Check(data.get()) || PyTuple_GET_SIZE(data.get()) != 2)
    fail<ArgumentError>(kName, "data must be (address, read-only)", short_repr(data.get()));
  void* address = PyLong_AsVoidPtr(PyTuple_GET_ITEM(data.get(), 0));
  if (PyErr_Occurred()) throw PythonError();
  const bool writable = PyObject_IsTrue(PyTuple_GET_ITEM(data.get(), 1)) == 0;
  const auto size = static_cast<std::int64_t>(size_of(*dtype));
  Dims strides = contiguous_strides(shape);
  if (PyObject* given = PyDict_GetItemString(dict.get(), "strides"); given && given != Py_None) {
    strides = to_dims(given, kName, "strides");
    if (strides.size() != shape.size())
      fail<ShapeError>(kName, "every axis needs a stride", to_string(strides));
    for (auto& s : strides) {
      if (s % size != 0)
        fail<ShapeError>(kName, "strides must be multiples of the element", to_string(strides));
      s /= size;
    }
  }
  const Device device{DeviceKind::cuda, 0};
  runtime::check_place(*dtype, device, kName);
  if (count(shape) == 0) return runtime::empty(shape, *dtype, device);
  PyObject* stream = PyDict_GetItemString(dict.get(), "stream");
  if (stream && stream != Py_None) {
    void* handle = PyLong_AsVoidPtr(stream);
    if (PyErr_Occurred()) throw PythonError();
    runtime::wait_for_stream(device, handle);
  }
  std::int64_t low = 0, high = 0;
  for (int i = 0; i < shape.size(); ++i)
    (strides[i] < 0 ? low : high) += (shape[i] - 1) * strides[i];
  Py_INCREF(o);
  const auto give_back = [](void* owner) {
    if (!Py_IsInitialized()) return;
    const HoldGil gil;
    Py_DECREF(static_cast<PyObject*>(owner));
  };
  auto storage = runtime::adopt(static_cast<std::byte*>(address) + low * size,
                                static_cast<std::size_t>((high - low + 1) * size), device, o,
                                give_back, writable);
  return Tensor(std::move(storage), -low, shape, strides, *dtype);
}

}  // namespace nnx::bind
