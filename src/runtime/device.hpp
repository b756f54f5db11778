// Memory that the host cannot read itself: storages on a device, copies to and from it.
// Invariant: work on a device happens in the order asked for; a copy to the host waits for all of
// it, and reports what failed there and which indices were wrong.
#pragma once

#include <cstddef>
#include <vector>

#include "core/device.hpp"
#include "core/kernels.hpp"
#include "core/ref.hpp"
#include "core/storage.hpp"

namespace nnx::runtime {

// OutOfMemoryError when the device has no room.
core::Ref<core::Storage> allocate_on_device(std::size_t bytes, core::Device device);

// Where bytes are.
struct Place {
  void* data;
  core::Device device;
};
// One of the two is not the host. `early`: DeviceApi::copy.
void copy_bytes(Place to, Place from, std::size_t bytes, bool early = false);

// Memory of the host that devices read by themselves. OutOfMemoryError where the system gives none;
// without a device there is nothing to give, which can_pin() says.
bool can_pin();
core::Ref<core::Storage> allocate_pinned(std::size_t bytes);
bool is_pinned(const core::Storage& storage);

void check_indices(core::Device device, const core::IndexCheck& check);

void synchronize(core::Device device);  // nothing to do on the CPU

// Work of another library, by its stream: ours waits for it, or it for ours.
void wait_for_stream(core::Device device, void* stream);
void make_stream_wait(core::Device device, void* stream);

core::DeviceFacts device_facts(core::Device device);
core::DeviceMemory device_memory(core::Device device);
void reset_device_peak(core::Device device);
void empty_device_cache(core::Device device);

}  // namespace nnx::runtime
