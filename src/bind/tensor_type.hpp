// The Python type `Tensor`: a core::Tensor in a Python object.
// Invariants: a TensorObject always holds a tensor; a TensorImpl has at most one Python object at a
// time (impl->wrapper), so `t.grad is t.grad`; base instances are tracked by the garbage collector
// only when they are part of a graph, which may hold hooks and custom gradients.
#pragma once

#include <vector>

#include "bind/python.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

struct TensorObject {
  PyObject_HEAD core::Tensor tensor;
  PyObject* weakrefs;
};

extern PyTypeObject* tensor_type;

inline bool is_tensor(PyObject* o) noexcept {
  return Py_TYPE(o) == tensor_type || PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
// `o` is a tensor.
inline const core::Tensor& unwrap(PyObject* o) noexcept {
  return reinterpret_cast<TensorObject*>(o)->tensor;
}
// A new reference; None for a none tensor.
PyObject* wrap(core::Tensor t);
// An instance of a subclass over the memory of t, outside its graph.
PyObject* wrap_as(PyTypeObject* cls, const core::Tensor& t);
// The tensor now keeps Python objects alive through its graph: the collector is to look at it, and
// from now on at what every other tensor's graph keeps alive.
void track(PyObject* tensor) noexcept;

// Makes the type (its methods come from the declarations) and puts it into the module.
void add_tensor_type(PyObject* module);

// --- parts of the type, one file each ------------------------------------------------------------
std::vector<PyType_Slot> number_slots();    // number_slots.cpp
std::vector<PyType_Slot> index_slots();     // index.cpp: length, subscripts, iteration, `in`
std::vector<PyType_Slot> text_slots();      // repr.cpp: repr, str
std::vector<PyType_Slot> buffer_slots();    // numpy.cpp
PyGetSetDef* tensor_properties() noexcept;  // properties.cpp

}  // namespace nnx::bind
