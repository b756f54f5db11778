// Applying declared pointwise ops to what came from Python, and making their functions and methods.
#pragma once

#include <span>
#include <string>

#include "bind/function.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

// ops::apply, where & | ^ ~ of booleans mean the logical ops, and where numbers alone become a
// tensor of no axes.
core::Tensor apply_pointwise(int declaration, std::span<core::Operand> in);
void apply_pointwise_into(const core::Tensor& target, int declaration, std::span<core::Operand> in);
core::Tensor power_of(const core::Operand& x, const core::Operand& y);

// A number that a declaration takes behind its tensors, by the name that Python gives it.
struct Number {
  const char* name;
  const char* otherwise;     // the default as Python text; null: must be given
  std::string text() const;  // "alpha: float = 1.0"
  double real(Args& a) const;
};
std::span<const Number> numbers_of(std::string_view declaration);
// 'mean', 'sum' or 'none' (functions_training.cpp).
ops::LossReduction reduction_of(Args& a);
// The argument `activation`: the id of a declaration of one argument, or -1
// (functions_network.cpp).
int activation_of(Args& a);
const char* stored(std::string s);  // for the life of the process

void declare_pointwise(PyObject* module);
// A list of dicts {name, rule, arity, loss, numbers}: the declarations, for tests that iterate
// them.
PyObject* pointwise_list();
std::string pointwise_doc(const Definition& d);  // docs.cpp
// The same for a function of that name whose shapes, dtypes and errors are told in `rules`.
std::string pointwise_text(const Definition& d, std::string_view name, std::string_view rules);

}  // namespace nnx::bind
