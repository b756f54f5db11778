// The kernels of a device: shared objects opened at run time, the best the processor can run.
// Invariant: a table, once given out, stays valid and the same for the life of the process.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "core/device.hpp"
#include "core/kernels.hpp"

namespace nnx::runtime {

// Where _cpu_v2.so, _cpu_v3.so, _cpu_v4.so or _cpu_generic.so lie. Before the first kernels().
void set_library_directory(std::string directory);

namespace detail {
extern std::atomic<const core::Kernels*> cpu_kernels;
const core::Kernels& open_kernels(core::Device device);
}  // namespace detail

// Throws DeviceError when the device is not there or its library cannot be opened. What this thread
// asks of a CUDA table goes to the device named last.
inline const core::Kernels& kernels(core::Device device = {}) {
  if (device.kind == core::DeviceKind::cpu) [[likely]]
    if (auto* table = detail::cpu_kernels.load(std::memory_order_acquire)) [[likely]]
      return *table;
  return detail::open_kernels(device);
}

// The table of CUDA, if this process has used it.
const core::Kernels* cuda_in_use() noexcept;

std::string cpu_level();  // "v2", "v3", "v4", "generic"
bool level_forced();      // by NNX_CPU_LEVEL

struct DeviceStatus {
  core::Device device;
  bool available;
  std::string why_not, cure;  // empty when available
};
std::vector<DeviceStatus> devices();

}  // namespace nnx::runtime
