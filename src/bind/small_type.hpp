// A heap type from a list of slots, for the small classes of the binding.
#pragma once

#include <initializer_list>
#include <vector>

#include "bind/python.hpp"

namespace nnx::bind {

inline PyTypeObject* make_type(const char* name, int size, unsigned long flags, PyTypeObject* base,
                               std::initializer_list<PyType_Slot> list) {
  std::vector<PyType_Slot> slots(list);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {name, size, 0, static_cast<unsigned>(Py_TPFLAGS_DEFAULT | flags),
                      slots.data()};
  Object bases = base ? own(PyTuple_Pack(1, base)) : Object();
  return reinterpret_cast<PyTypeObject*>(
      own(PyType_FromSpecWithBases(&spec, bases.get())).release());
}

template <class F>
void* slot(F* f) {
  return reinterpret_cast<void*>(f);
}
// A C function of any of Python's calling conventions.
template <class F>
PyCFunction method(F* f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

}  // namespace nnx::bind
