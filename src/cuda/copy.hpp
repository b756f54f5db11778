// Copies between the host and a device: core::DeviceApi's.
#pragma once

#include <cstddef>

#include "core/kernels.hpp"

namespace nnx::cuda {

void copy(core::Transfer kind, void* to, const void* from, std::size_t bytes, bool early);

}  // namespace nnx::cuda
