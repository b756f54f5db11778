// Devices: which there are, their memory, where new tensors are made, how exact their products are.
#include "bind/families.hpp"
#include "bind/function.hpp"
#include "bind/types.hpp"
#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/device.hpp"

namespace nnx::bind {

using namespace core;

Object device_list() {
  Object list = own(PyList_New(0));
  for (const auto& d : runtime::devices()) {
    Object name = text(to_string(d.device)), why = text(d.why_not);
    Object entry = own(Py_BuildValue("{sOsOsO}", "name", name.get(), "available",
                                     d.available ? Py_True : Py_False, "why_not", why.get()));
    checked(PyList_Append(list.get(), entry.get()));
  }
  return list;
}

namespace {

using Bytes = unsigned long long;

PyObject* devices(Args&) { return device_list().release(); }

PyObject* device_facts(Args& a) {
  const Device d = a.device();
  if (d.kind == DeviceKind::cpu)
    fail<DeviceError>(a.op(), "only a CUDA device has these", to_string(d),
                      "python -m nnx.info tells about the processor");
  const DeviceFacts f = runtime::device_facts(d);
  Object capability = text(std::to_string(f.major) + "." + std::to_string(f.minor));
  return own(Py_BuildValue("{sssOsisKss}", "name", f.name, "capability", capability.get(),
                           "multiprocessors", f.multiprocessors, "memory",
                           static_cast<Bytes>(f.memory), "libraries", f.libraries))
      .release();
}

PyObject* memory_stats(Args& a) {
  const Device d = a.device();
  Bytes allocated, reserved, peak, allocations, limit;
  if (d.kind == DeviceKind::cpu) {
    const runtime::MemoryStats s = runtime::memory_stats();
    allocated = s.allocated, reserved = s.reserved, peak = s.peak;
    allocations = s.allocations, limit = s.limit;
  } else {
    const DeviceMemory s = runtime::device_memory(d);
    allocated = s.allocated, reserved = s.reserved, peak = s.peak;
    allocations = s.allocations, limit = s.total;
  }
  return own(Py_BuildValue("{sKsKsKsKsK}", "allocated", allocated, "reserved", reserved, "peak",
                           peak, "allocations", allocations, "limit", limit))
      .release();
}
PyObject* reset_peak(Args& a) {
  const Device d = a.device();
  if (d.kind == DeviceKind::cpu) runtime::reset_peak();
  else runtime::reset_device_peak(d);
  return none();
}
PyObject* empty_cache(Args& a) {
  const Device d = a.device();
  if (d.kind == DeviceKind::cpu) runtime::empty_cache();
  else runtime::empty_device_cache(d);
  return none();
}
PyObject* synchronize(Args& a) {
  runtime::synchronize(a.device());
  return none();
}

PyObject* get_default(Args&) { return device_object(default_device()).release(); }
PyObject* set_default(Args& a) {
  const Device d = a.device();
  if (d.kind != DeviceKind::cpu) runtime::kernels(d);  // it is there
  set_default_device(d);
  return none();
}

PyObject* get_precision(Args&) {
  return text(low_precision_products() ? "high" : "highest").release();
}
PyObject* set_precision(Args& a) {
  const std::string choice = a.string("precision", "highest");
  if (choice != "highest" && choice != "high" && choice != "medium")
    fail<ArgumentError>(a.op(), "choose 'highest', 'high' or 'medium'", choice);
  set_low_precision_products(choice != "highest");
  return none();
}

const Definition kDefinitions[] = {
    {"devices", "() -> list[dict[str, Any]]",
     R"(The devices there could be: 'name', whether 'available', and if not 'why_not'.

Example:
    >>> nnx.devices()[0]['name']
    'cpu'
)",
     devices},
    {"device_properties", "(device: DeviceLike | None = None) -> dict[str, Any]",
     R"(What a CUDA device is: 'name', compute 'capability', 'multiprocessors', 'memory' in bytes, and
the 'libraries' found for it (cuBLASLt, cuDNN, NVRTC; python -m nnx.info says how to get them).

Raises: DeviceError for the CPU, and for a device that is not there.

Example:
    >>> if nnx.torch.cuda.is_available():
    ...     assert nnx.device_properties('cuda')['memory'] > 0
)",
     device_facts},
    {"memory_stats", "(device: DeviceLike | None = None) -> dict[str, int]",
     R"(Bytes in tensors now ('allocated') and at most ('peak'), taken from the system ('reserved'), and
what 'reserved' could grow to ('limit'); the number of 'allocations'. Of the default device, which
is the CPU unless set_default_device.

Example:
    >>> sorted(nnx.memory_stats())
    ['allocated', 'allocations', 'limit', 'peak', 'reserved']
)",
     memory_stats},
    {"reset_peak_memory_stats", "(device: DeviceLike | None = None) -> None",
     R"(Lets memory_stats()['peak'] start again from now.

Example:
    >>> nnx.reset_peak_memory_stats()
)",
     reset_peak},
    {"empty_cache", "(device: DeviceLike | None = None) -> None",
     R"(Gives memory that no tensor uses back to the system.

Example:
    >>> nnx.empty_cache()
)",
     empty_cache},
    {"synchronize", "(device: DeviceLike | None = None) -> None",
     R"(Waits until a device has done everything asked of it, and reports what failed there. Needed to
take times; reading a value waits by itself. The CPU is done when a call returns.

Raises: DeviceError when something asked for before has failed.

Example:
    >>> nnx.synchronize()
)",
     synchronize},
    {"get_default_device", "() -> device",
     R"(Where tensors are made when nothing says where.

Example:
    >>> nnx.get_default_device()
    device(type='cpu')
)",
     get_default},
    {"set_default_device", "(device: DeviceLike | None) -> None",
     R"(Where tensors are made when nothing says where: nnx.zeros(3), nnx.tensor(data), layers.

Raises: DeviceError for a device that is not there.

Example:
    >>> nnx.set_default_device("cpu")
)",
     set_default},
    {"get_matmul_precision", "() -> str",
     R"('highest', or 'high' when factors of products may be rounded: see set_matmul_precision.

Example:
    >>> nnx.get_matmul_precision()
    'highest'
)",
     get_precision},
    {"set_matmul_precision", "(precision: str) -> None",
     R"(Whether float32 products on a CUDA device may round their factors to TF32 (10 bits of mantissa),
which is several times faster: 'highest' (no, the default), 'high' or 'medium' (yes). PyTorch's
set_float32_matmul_precision. The CPU always computes in float32.

Raises: ArgumentError for another word.

Example:
    >>> nnx.set_matmul_precision("highest")
)",
     set_precision},
};

}  // namespace

void declare_devices(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
