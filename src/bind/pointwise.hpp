// Applying declared pointwise ops to what came from Python, and making their functions and methods.
#pragma once

#include <span>

#include "bind/function.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

// ops::apply, where & | ^ ~ of booleans mean the logical ops, and where numbers alone become a
// tensor of no axes.
core::Tensor apply_pointwise(int declaration, std::span<core::Operand> in);
void apply_pointwise_into(const core::Tensor& target, int declaration, std::span<core::Operand> in);
core::Tensor power_of(const core::Operand& x, const core::Operand& y);

void declare_pointwise(PyObject* module);
// A list of dicts {name, rule, arity}: the declarations, for tests that iterate them.
PyObject* pointwise_list();
std::string pointwise_doc(const Definition& d);  // docs.cpp

}  // namespace nnx::bind
