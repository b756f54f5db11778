// Storages on devices: see device.hpp.
#include "runtime/device.hpp"

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

}  // namespace

core::Ref<Storage> allocate_on_device(std::size_t bytes, Device device) {
  const auto& table = api(device);
  return core::Ref<Storage>(new OnDevice(table.allocate(bytes), bytes, device, table));
}

void copy_bytes(Device device, void* to, const void* from, std::size_t bytes) {
  api(device).copy(to, from, bytes);
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
