// What the CUDA files define: one function for each entry of core::Kernels, of the same signature,
// and the table of devices.
#pragma once

#include <type_traits>

#include "core/kernels.hpp"

namespace nnx::cuda {

const core::DeviceApi& api() noexcept;

using Table = core::Kernels;
template <class T>
using Fn = std::remove_pointer_t<T>;

Fn<decltype(Table::gemm_f64)> gemm_f64;
#include "core/kernel_functions.inc"

}  // namespace nnx::cuda
