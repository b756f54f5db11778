// DLPack: arrays exchanged with other libraries without a copy.
#pragma once

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

bool has_dlpack(PyObject* o);
core::Tensor from_dlpack(PyObject* o);
void declare_dlpack(PyObject* module);

}  // namespace nnx::bind
