// Settings of devices: see device.hpp.
#include "core/device.hpp"

#include <atomic>

namespace nnx::core {
namespace {
std::atomic<Device> g_default{Device{}};
std::atomic<bool> g_low_precision{false};
}  // namespace

Device default_device() noexcept { return g_default.load(std::memory_order_relaxed); }
void set_default_device(Device d) noexcept { g_default.store(d, std::memory_order_relaxed); }

bool low_precision_products() noexcept { return g_low_precision.load(std::memory_order_relaxed); }
void set_low_precision_products(bool on) noexcept {
  g_low_precision.store(on, std::memory_order_relaxed);
}

}  // namespace nnx::core
