// The properties of Tensor, and what a tensor's Python attributes change in it.
#pragma once

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

// Entries for the stub generator's list.
void list_properties(PyObject* declarations);
// The memory of t under a version counter of its own: writes through it are not noticed.
core::Tensor data_of(const core::Tensor& t);
// t becomes a window on the memory of `value`; its identity and flags stay.
void set_data(const core::Tensor& t, const core::Tensor& value);

}  // namespace nnx::bind
