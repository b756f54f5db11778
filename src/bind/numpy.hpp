// NumPy's protocols: arrays out of tensors, ufuncs and functions of NumPy on tensors.
#pragma once

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

void declare_numpy(PyObject* module);
// A NumPy array over the memory of t (bfloat16: a float32 copy).
Object to_numpy(PyObject* tensor);

}  // namespace nnx::bind
