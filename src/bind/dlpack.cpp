// DLPack, both ways: see dlpack.hpp. The structures are those of the DLPack specification, v1.0.
// Invariants: an exported capsule keeps the tensor's memory alive until its deleter runs; memory
// imported is given back through the exporter's deleter exactly once.
#include "bind/dlpack.hpp"

#include <memory>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "runtime/allocator.hpp"
#include "runtime/device.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// Names of the specification.
struct DLDevice {
  std::int32_t device_type;
  std::int32_t device_id;
};
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};
struct DLManagedTensorVersioned {
  std::uint32_t major, minor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  std::uint64_t flags;
  DLTensor dl_tensor;
};
constexpr std::int32_t kCpu = 1, kCuda = 2;
constexpr std::uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6;
constexpr std::uint64_t kReadOnly = 1, kCopied = 2;
constexpr const char* kPlain = "dltensor";
constexpr const char* kVersioned = "dltensor_versioned";
// The stream that every exporter knows, by the name the specification has for it.
const std::intptr_t kLegacyStreamName = 1;
void* const kLegacyStream = reinterpret_cast<void*>(kLegacyStreamName);

DLDevice dl_device(Device d) {
  return {d.kind == DeviceKind::cpu ? kCpu : kCuda, d.kind == DeviceKind::cpu ? 0 : d.index};
}

DLDataType data_type(DType t) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(t));
  if (t == DType::boolean) return {kBool, 8, 1};
  if (t == DType::bfloat16) return {kBfloat, 16, 1};
  if (is_floating(t)) return {kFloat, bits, 1};
  if (is_complex(t)) return {kComplex, bits, 1};
  return {kind_of(t) == Kind::signed_integer ? kInt : kUInt, bits, 1};
}
std::optional<DType> dtype_from(DLDataType d) {
  if (d.lanes != 1) return std::nullopt;
  for (int i = 0; i < kDTypes; ++i) {
    const auto t = static_cast<DType>(i);
    const DLDataType own_type = data_type(t);
    if (own_type.code == d.code && own_type.bits == d.bits) return t;
  }
  return std::nullopt;
}

template <class Managed>
struct Export {
  Managed managed;
  Tensor tensor;
  std::int64_t shape[kMaxRank];
  std::int64_t strides[kMaxRank];
};

template <class Managed>
void destroy(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;  // consumed: renamed by its consumer
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (m && m->deleter) m->deleter(m);
}

template <class Managed>
PyObject* export_tensor(const Tensor& t, const char* name, void (*destructor)(PyObject*),
                        bool copied) {
  auto e = std::make_unique<Export<Managed>>();
  e->tensor = t;
  for (int i = 0; i < t.rank(); ++i) {
    e->shape[i] = t.shape(i);
    e->strides[i] = t.stride(i);
  }
  e->managed = {};
  e->managed.dl_tensor = {
      t.bytes(), dl_device(t.device()), t.rank(), data_type(t.dtype()), e->shape, e->strides, 0};
  e->managed.manager_ctx = e.get();
  e->managed.deleter = [](Managed* m) {
    // May run anywhere; dropping the last reference may give memory back to Python.
    delete static_cast<Export<Managed>*>(m->manager_ctx);
  };
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    e->managed.major = 1;
    e->managed.flags = (t->storage->writable ? 0 : kReadOnly) | (copied ? kCopied : 0);
  }
  PyObject* capsule = PyCapsule_New(&e->managed, name, destructor);
  if (!capsule) throw PythonError();
  static_cast<void>(e.release());
  return capsule;
}

[[noreturn]] void buffer_error(const std::string& message) {
  PyErr_SetString(PyExc_BufferError, message.c_str());
  throw PythonError();
}

PyObject* dlpack_method(Args& a) {
  Tensor t = a.self_tensor();
  if (autodiff::requires_grad(t))
    buffer_error(error_text("__dlpack__",
                            "this tensor requires a gradient, which DLPack cannot carry",
                            describe(t), "use t.detach()"));
  if (a.given("dl_device")) {
    const Dims d = a.dims("dl_device");
    const DLDevice own = dl_device(t.device());
    if (d.size() == 2 && d[0] == kCpu) t = ops::to_device(t, Device{});
    else if (d.size() != 2 || d[0] != own.device_type || d[1] != own.device_id)
      buffer_error(error_text("__dlpack__", "this tensor can be given where it is, or on the CPU",
                              describe(t), "use t.to(device)"));
  }
  // The consumer's stream goes on when what is queued for t is done; without one we wait.
  if (t.device().kind != DeviceKind::cpu) {
    PyObject* stream = a.object("stream");
    if (stream && stream != Py_None && a.integer("stream") != -1)
      runtime::make_stream_wait(t.device(), reinterpret_cast<void*>(a.integer("stream")));
    else if (!stream || stream == Py_None) runtime::synchronize(t.device());
  }
  bool copied = false;
  if (a.given("copy") && a.flag("copy", false)) {
    t = ops::clone(t);
    copied = true;
  }
  std::int64_t major = 0;
  if (a.given("max_version")) {
    const Dims version = a.dims("max_version");
    if (!version.empty()) major = version[0];
  }
  if (major >= 1)
    return export_tensor<DLManagedTensorVersioned>(
        t, kVersioned, [](PyObject* c) { destroy<DLManagedTensorVersioned>(c, kVersioned); },
        copied);
  if (!t->storage->writable)
    buffer_error(error_text("__dlpack__", "this tensor's memory is read-only", describe(t),
                            "use t.clone()"));
  return export_tensor<DLManagedTensor>(
      t, kPlain, [](PyObject* c) { destroy<DLManagedTensor>(c, kPlain); }, copied);
}

PyObject* device_method(Args& a) {
  const DLDevice d = dl_device(a.self_tensor().device());
  return Py_BuildValue("ii", d.device_type, d.device_id);
}

template <class Managed>
Tensor import_tensor(PyObject* capsule, const char* name, const char* used) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (!m) throw PythonError();
  const DLTensor& d = m->dl_tensor;
  bool writable = true;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    if (m->major != 1)
      buffer_error(error_text("from_dlpack", "this version of DLPack is not known",
                              std::to_string(m->major)));
    writable = (m->flags & kReadOnly) == 0;
  }
  Device device;
  if (d.device.device_type == kCuda) {
    device = {DeviceKind::cuda, static_cast<std::int16_t>(d.device.device_id)};
    runtime::wait_for_stream(device, kLegacyStream);
  } else if (d.device.device_type != kCpu) {
    fail<DeviceError>("from_dlpack", "the array must be on the CPU or a CUDA device",
                      "DLPack device type " + std::to_string(d.device.device_type));
  }
  const auto dtype = dtype_from(d.dtype);
  if (!dtype)
    fail<DTypeError>(
        "from_dlpack", "there is no such dtype",
        "code " + std::to_string(d.dtype.code) + ", " + std::to_string(d.dtype.bits) + " bits");
  if (d.ndim < 0 || d.ndim > kMaxRank)
    fail<ShapeError>("from_dlpack", "a tensor has at most " + std::to_string(kMaxRank) + " axes",
                     std::to_string(d.ndim));
  Shape shape;
  for (int i = 0; i < d.ndim; ++i) shape.push_back(d.shape[i]);
  Dims strides = contiguous_strides(shape);
  std::int64_t low = 0, high = 0;
  for (int i = 0; i < d.ndim; ++i) {
    if (d.strides) strides[i] = d.strides[i];
    (strides[i] < 0 ? low : high) += (shape[i] - 1) * strides[i];
  }
  const std::int64_t n = count(shape);
  const auto size = static_cast<std::int64_t>(size_of(*dtype));
  auto* first = static_cast<std::byte*>(d.data) + d.byte_offset;
  if (n > 0 && reinterpret_cast<std::uintptr_t>(first) % size_of(real_of(*dtype)) != 0)
    buffer_error(error_text("from_dlpack", "the array is not aligned to its element size"));
  if (n == 0) return runtime::empty(shape, *dtype, device);
  const auto give_back = [](void* owner) {
    auto* managed = static_cast<Managed*>(owner);
    if (!managed->deleter || !Py_IsInitialized()) return;
    const HoldGil gil;
    managed->deleter(managed);
  };
  runtime::check_place(*dtype, device, "from_dlpack");
  auto storage =
      runtime::adopt(first + low * size, static_cast<std::size_t>((high - low + 1) * size), device,
                     m, give_back, writable);
  checked(PyCapsule_SetName(capsule, used));
  return Tensor(std::move(storage), -low, shape, strides, *dtype);
}

PyObject* from_dlpack_function(Args& a) {
  PyObject* o = a.object("x");
  if (!PyCapsule_CheckExact(o) && !has_dlpack(o))
    fail<DTypeError>(a.op(), "x must offer __dlpack__", short_repr(o) + " (" + type_name(o) + ")");
  if (a.given("device")) static_cast<void>(a.device());
  Tensor t = from_dlpack(o);
  return give(a.given("copy") && a.flag("copy", false) ? ops::clone(t) : t);
}

const Definition kDefinitions[] = {
    {"from_dlpack",
     "(x: Any, *, device: DeviceLike | None = None, copy: bool | None = None) -> Tensor",
     R"(A tensor over the memory of any array that speaks DLPack (PyTorch, JAX, CuPy, NumPy, ...).

Raises: DTypeError for other objects; DeviceError for memory that is not on the CPU.

Source: DLPack specification, version 1.0.

Example:
    >>> a = np.arange(3.0)
    >>> nnx.from_dlpack(a).tolist()
    [0.0, 1.0, 2.0]
)",
     from_dlpack_function},
    {"__dlpack__",
     "(*, stream: Any = None, max_version: tuple[int, int] | None = None, "
     "dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any",
     "A DLPack capsule over the tensor's memory. BufferError if it requires a gradient.",
     dlpack_method, Role::method},
    {"__dlpack_device__", "() -> tuple[int, int]", "Type and number of the device, as in DLPack.",
     device_method, Role::method},
};

}  // namespace

bool has_dlpack(PyObject* o) { return !PyType_Check(o) && PyObject_HasAttrString(o, "__dlpack__"); }

Tensor from_dlpack(PyObject* o) {
  Object capsule = Object::borrow(PyCapsule_CheckExact(o) ? o : nullptr);
  if (!capsule) {
    Object f = attribute(o, "__dlpack__");
    Object none_given = own(PyTuple_New(0));
    Object version = own(Py_BuildValue("{s(ii)}", "max_version", 1, 0));
    PyObject* made = PyObject_Call(f.get(), none_given.get(), version.get());
    if (!made && PyErr_ExceptionMatches(PyExc_TypeError)) {  // from before version 1
      PyErr_Clear();
      made = PyObject_CallNoArgs(f.get());
    }
    capsule = own(made);
  }
  if (PyCapsule_IsValid(capsule.get(), kVersioned))
    return import_tensor<DLManagedTensorVersioned>(capsule.get(), kVersioned,
                                                   "used_dltensor_versioned");
  if (PyCapsule_IsValid(capsule.get(), kPlain))
    return import_tensor<DLManagedTensor>(capsule.get(), kPlain, "used_dltensor");
  fail<ArgumentError>("from_dlpack", "this capsule holds no DLPack tensor, or was used before",
                      short_repr(capsule.get()));
}

void declare_dlpack(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
