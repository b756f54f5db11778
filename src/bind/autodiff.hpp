// Gradients from Python: backward, grad, hooks, gradient modes, functions of the user's own.
#pragma once

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

PyObject* producer_object(const core::Tensor& t);  // t.grad_fn
void add_autodiff_types(PyObject* module);         // hooks' handles, grad_fn
void add_grad_modes(PyObject* module);             // no_grad, enable_grad, ...: grad_mode.cpp
void add_function_class(PyObject* module);         // Function: custom_function.cpp
void declare_autodiff(PyObject* module);

}  // namespace nnx::bind
