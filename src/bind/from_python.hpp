// Tensors from Python data: numbers, nested lists, NumPy arrays and whatever exports a buffer.
#pragma once

#include <optional>

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

enum class Copy : std::uint8_t { if_needed, always, never };

// Shares memory where it can (Copy::if_needed). A tensor is returned as it is.
core::Tensor as_tensor(PyObject* data, std::optional<core::DType> dtype = {},
                       Copy copy = Copy::if_needed, const char* op = "asarray");
// For arguments: a tensor or something array-like. Never a copy of a tensor.
core::Tensor tensor_argument(PyObject* o, const char* op, std::string_view name);
// The first tensor among nested lists, tuples and dictionaries whose gradient is being recorded:
// borrowed, or null.
PyObject* recorded(PyObject* o, int depth = 0);
// Refuses lists of such tensors: what is made of them starts without a gradient. After the data was
// read, so that its nesting is known to end.
void without_gradient(PyObject* data, const char* op);
// What calling the class Tensor(...) makes: float32 from data, zeros from sizes.
core::Tensor tensor_from_call(PyObject* args, PyObject* keywords);

}  // namespace nnx::bind
