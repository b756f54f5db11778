// Tensors as text.
#pragma once

#include <string>

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

std::string to_text(const core::Tensor& t, int indent = 0);  // "[1., 2.]"
void declare_repr(PyObject* module);  // set_printoptions, __format__, __round__

}  // namespace nnx::bind
