// Where a storage lives: a value, compared by kind and index.
#pragma once

#include <cstdint>
#include <string>

namespace nnx::core {

enum class DeviceKind : std::uint8_t { cpu, cuda };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  std::int16_t index = 0;
  bool operator==(const Device&) const = default;
};

// The CPU unless set_default_device: where tensors are made when nothing says where.
Device default_device() noexcept;
void set_default_device(Device d) noexcept;

// Whether products of float32 on a device may round their factors (TF32); off unless set.
bool low_precision_products() noexcept;
void set_low_precision_products(bool on) noexcept;

inline std::string to_string(Device d) {
  return d.kind == DeviceKind::cpu ? "cpu" : "cuda:" + std::to_string(d.index);
}

}  // namespace nnx::core
