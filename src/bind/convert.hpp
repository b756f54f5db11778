// From Python objects to what ops take: numbers, operands, axes, shapes.
// Each throws a typed error that names the op and the argument.
#pragma once

#include <optional>
#include <vector>

#include "bind/python.hpp"
#include "core/tensor.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

// numpy.ndarray or numpy.generic; false while nobody has imported NumPy.
bool is_ndarray(PyObject* o) noexcept;
bool is_numpy_scalar(PyObject* o) noexcept;

// A Python or NumPy number; kind none when `o` is neither.
core::Scalar scalar_of(PyObject* o);
// An operand of a binary operator: tensor, number or ndarray. False for anything else.
bool operand_of(PyObject* o, core::Operand& out);

std::int64_t to_integer(PyObject* o, const char* op, std::string_view name);
double to_real(PyObject* o, const char* op, std::string_view name);
// The entries of a sequence where an int would do, too; DTypeError for what is none.
Object sequence_of(PyObject* o, const char* op, std::string_view name);
bool to_flag(PyObject* o, const char* op, std::string_view name);
core::Scalar to_scalar(PyObject* o, const char* op, std::string_view name);
// An int, or a sequence of ints; a 0-dimensional integer tensor counts as an int.
core::Dims to_dims(PyObject* o, const char* op, std::string_view name);
ops::Axes to_axes(PyObject* o, const char* op, std::string_view name);  // None: all
bool is_integer_like(PyObject* o) noexcept;

// The one element of t as a Python number.
PyObject* item(const core::Tensor& t);
PyObject* tolist(const core::Tensor& t);
// The one element of t, for C++.
core::Scalar scalar_value(const core::Tensor& t);

}  // namespace nnx::bind
