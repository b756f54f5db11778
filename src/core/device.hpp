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

inline std::string to_string(Device d) {
  return d.kind == DeviceKind::cpu ? "cpu" : "cuda:" + std::to_string(d.index);
}

}  // namespace nnx::core
