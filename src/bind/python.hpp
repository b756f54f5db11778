// Python objects in C++: ownership, and the border between C++ exceptions and Python's.
// Invariants: the GIL is held wherever an Object is touched; a PythonError in flight means that
// Python's error indicator is set; no C++ exception crosses into the interpreter (guard).
#pragma once

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/error.hpp"

namespace nnx::bind {

// Python's own error indicator is set.
struct PythonError {};
// A call that does not fit the signature: TypeError in Python.
struct CallError : core::Error {
  using Error::Error;
};

// One owned reference, or none.
class Object {
 public:
  Object() noexcept = default;
  explicit Object(PyObject* owned) noexcept : p_(owned) {}
  static Object borrow(PyObject* p) noexcept { return Object(Py_XNewRef(p)); }
  Object(const Object& o) noexcept : p_(Py_XNewRef(o.p_)) {}
  Object(Object&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Object& operator=(Object o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Object() { Py_XDECREF(p_); }

  PyObject* get() const noexcept { return p_; }
  PyObject* release() noexcept { return std::exchange(p_, nullptr); }
  explicit operator bool() const noexcept { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

// Takes a new reference from the C API; null means that Python has an error.
inline Object own(PyObject* p) {
  if (!p) throw PythonError();
  return Object(p);
}
inline int checked(int status) {
  if (status < 0) throw PythonError();
  return status;
}

inline PyObject* none() noexcept { return Py_NewRef(Py_None); }
inline PyObject* boolean(bool b) noexcept { return Py_NewRef(b ? Py_True : Py_False); }

Object text(std::string_view s);          // str
std::string_view view_text(PyObject* s);  // of a str, alive as long as it
Object attribute(PyObject* o, const char* name);
Object attribute_or_none(PyObject* o, const char* name);  // null when there is none
Object import_module(const char* name);
// A module if something has imported it already, else null.
Object imported_module(const char* name);
std::string type_name(PyObject* o);
// repr, shortened; never fails.
std::string short_repr(PyObject* o);

// Turns the exception in flight into Python's. Only inside a catch block.
void set_python_error() noexcept;

template <class F>
PyObject* guard(F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}
template <class F>
int guard_status(F&& f) noexcept {
  try {
    f();
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// The GIL, whatever thread this is. While the interpreter ends, Python stops threads that ask for
// the GIL by unwinding them; a thread in the middle of C++ must not be, so it sleeps instead.
class HoldGil {
 public:
  HoldGil() noexcept;
  ~HoldGil() { PyGILState_Release(state_); }
  HoldGil(const HoldGil&) = delete;
  HoldGil& operator=(const HoldGil&) = delete;

 private:
  PyGILState_STATE state_;
};
// PyEval_RestoreThread under the same rule.
void restore_thread(PyThreadState* thread) noexcept;

// Owned by C++ closures that may die on any thread, with or without the GIL.
class Keeper {
 public:
  explicit Keeper(PyObject* borrowed) noexcept : p_(Py_XNewRef(borrowed)) {}
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();
  PyObject* get() const noexcept { return p_; }
  Object take() noexcept { return Object(std::exchange(p_, nullptr)); }

 private:
  PyObject* p_;
};

// --- exceptions.cpp ------------------------------------------------------------------------------
// Makes the exception classes and puts them into the module.
void add_exceptions(PyObject* module);
PyObject* error_class(const char* name);  // borrowed; "ShapeError", ...

}  // namespace nnx::bind
