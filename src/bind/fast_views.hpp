// Plain calls of the methods that give views, x.view(2, -1): a tensor and whole numbers, which need
// no parser. Making a view costs less than reading its arguments would.
// Invariant: what is not plain is declined (null), so that errors stay the parser's.
#pragma once

#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

// Whether all n objects are ints that fit; they are added to `numbers`.
inline bool plain_numbers(PyObject* const* objects, Py_ssize_t n, core::Dims& numbers) {
  if (n > core::kMaxRank) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!PyLong_CheckExact(objects[i])) return false;
    int overflow = 0;
    numbers.push_back(PyLong_AsLongLongAndOverflow(objects[i], &overflow));
    if (overflow) return false;
  }
  return true;
}

// view(x, numbers) of a call with from kLeast to kMost numbers.
template <auto view, int kLeast, int kMost = kLeast>
PyObject* fast_view(const Definition&, PyObject* const* args, Py_ssize_t n) {
  core::Dims numbers;
  if (n < 1 + kLeast || n > 1 + kMost || !is_tensor(args[0]) ||
      !plain_numbers(args + 1, n - 1, numbers))
    return nullptr;
  return wrap(view(unwrap(args[0]), numbers));
}

}  // namespace nnx::bind
