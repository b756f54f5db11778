// What the CPU kernels define: one function for each entry of core::Kernels, of the same signature.
#pragma once

#include <type_traits>

#include "core/kernels.hpp"

namespace nnx::cpu {

using Table = core::Kernels;
template <class T>
using Fn = std::remove_pointer_t<T>;

Fn<decltype(Table::pointwise_function)> pointwise_function;
Fn<decltype(Table::grid_sample)> grid_sample;
Fn<decltype(Table::grid_sample_backward)> grid_sample_backward;
#include "core/kernel_functions.inc"

}  // namespace nnx::cpu
