// __cuda_array_interface__, both ways: how Numba and other array libraries hand over memory of a
// CUDA device when they have no DLPack.
#pragma once

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

// The dict of a tensor on a CUDA device; AttributeError for others, as the protocol asks.
PyObject* cuda_array_interface(const core::Tensor& t);

bool has_cuda_array(PyObject* o);
// A tensor over the same memory, which keeps o alive.
core::Tensor from_cuda_array(PyObject* o);

}  // namespace nnx::bind
