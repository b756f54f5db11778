// core::Tensor as an argument and result of functions bound with pybind11.
#pragma once

#include <pybind11/pybind11.h>

#include "bind/tensor_type.hpp"

namespace pybind11::detail {

template <>
struct type_caster<nnx::core::Tensor> {
  PYBIND11_TYPE_CASTER(nnx::core::Tensor, const_name("nnx.Tensor"));
  bool load(handle src, bool) {
    if (!nnx::bind::is_tensor(src.ptr())) return false;
    value = nnx::bind::unwrap(src.ptr());
    return true;
  }
  static handle cast(const nnx::core::Tensor& t, return_value_policy, handle) {
    PyObject* o = nnx::bind::guard([&] { return nnx::bind::wrap(t); });
    if (!o) throw error_already_set();
    return o;
  }
};

}  // namespace pybind11::detail
