// Storages on devices: see device.hpp.
#include "runtime/device.hpp"

#include <string>

#include "core/error.hpp"
#include "runtime/backend.hpp"

namespace nnx::runtime {
namespace {

using core::Device;
using core::DeviceKind;
using core::Storage;

// Calls after this are for that device.
const core::DeviceApi& api(Device device) { return *kernels(device).device; }

struct OnDevice : Storage {
  OnDevice(void* data, std::size_t bytes, Device device, const core::DeviceApi& api)
      : Storage(data, bytes, device, &give_back), api(api) {}
  static void give_back(Storage* s) noexcept {
    auto* d = static_cast<OnDevice*>(s);
    d->api.release(d->device.index, d->data);
    delete d;
  }
  const core::DeviceApi& api;
};

// On the host, for devices to read.
struct Pinned : Storage {
  Pinned(void* data, std::size_t bytes, const core::DeviceApi& api)
      : Storage(data, bytes, Device{}, &give_back), api(api) {}
  static void give_back(Storage* s) noexcept {
    auto* p = static_cast<Pinned*>(s);
    p->api.unpin(p->data);
    delete p;
  }
  const core::DeviceApi& api;
};

}  // namespace

core::Ref<Storage> allocate_on_device(std::size_t bytes, Device device) {
  const auto& table = api(device);
  return core::Ref<Storage>(new OnDevice(table.allocate(bytes), bytes, device, table));
}

void copy_bytes(Place to, Place from, std::size_t bytes, bool early) {
  using core::Transfer;
  const bool to_host = to.device.kind == DeviceKind::cpu;
  const bool from_host = from.device.kind == DeviceKind::cpu;
  api(to_host ? from.device : to.device)
      .copy(to_host     ? Transfer::to_host
            : from_host ? Transfer::to_device
                        : Transfer::between_devices,
            to.data, from.data, bytes, early);
}

bool can_pin() {
  if (cuda_in_use()) return true;
  for (const auto& d : devices())
    if (d.device.kind == DeviceKind::cuda && d.available) return true;
  return false;
}
core::Ref<Storage> allocate_pinned(std::size_t bytes) {
  const auto* used = cuda_in_use();
  const auto& table = used ? *used->device : api(Device{DeviceKind::cuda, 0});
  void* data = table.pin(bytes);
  if (!data)
    core::fail<core::OutOfMemoryError>("pin_memory", "the system has no more memory to pin",
                                       std::to_string(bytes) + " bytes",
                                       "pin fewer tensors at a time, or leave them as they are");
  return core::Ref<Storage>(new Pinned(data, bytes, table));
}
bool is_pinned(const Storage& storage) {
  const auto* used = cuda_in_use();
  return used && storage.device.kind == DeviceKind::cpu && used->device->is_pinned(storage.data);
}

void check_indices(Device device, const core::IndexCheck& check) {
  api(device).check_indices(check);
}

void synchronize(Device device) {
  if (device.kind != DeviceKind::cpu) api(device).synchronize();
}
void wait_for_stream(Device device, void* stream) { api(device).wait_for(stream); }
void make_stream_wait(Device device, void* stream) { api(device).make_wait(stream); }

core::DeviceFacts device_facts(Device device) {
  core::DeviceFacts facts{};
  api(device).facts(device.index, &facts);
  return facts;
}
core::DeviceMemory device_memory(Device device) {
  core::DeviceMemory memory{};
  api(device).memory(device.index, &memory);
  return memory;
}
void reset_device_peak(Device device) { api(device).reset_peak(device.index); }
void empty_device_cache(Device device) { api(device).empty_cache(device.index); }

}  // namespace nnx::runtime
