// The exception classes, and which C++ exception becomes which of them. Small helpers of
// python.hpp live here too.
#include <cxxabi.h>
#include <unistd.h>

#include <new>

#include "bind/python.hpp"
#include "runtime/interrupt.hpp"

namespace nnx::bind {
namespace {

struct Class {
  const char* name;
  const char* base;         // of ours, or null
  PyObject** builtin_base;  // of Python's
  const char* doc;
  PyObject* type = nullptr;
};

Class g_classes[] = {
    {"Error", nullptr, &PyExc_RuntimeError,
     "What every error of nnx is.\n\nThe text has one form: the function and the rule, what was "
     "received, what to do about it.\n\nExample:\n    >>> issubclass(nnx.ShapeError, nnx.Error)\n"
     "    True\n"},
    {"ShapeError", "Error", &PyExc_ValueError,
     "Shapes that do not fit.\n\nExample:\n    >>> try:\n    ...     nnx.ones(2) + nnx.ones(3)\n"
     "    ... except nnx.ShapeError as e:\n    ...     print('does not fit')\n    does not fit\n"},
    {"AxisError", "ShapeError", &PyExc_IndexError,
     "An axis that is not there.\n\nExample:\n    >>> issubclass(nnx.AxisError, IndexError)\n"
     "    True\n"},
    {"DTypeError", "Error", &PyExc_TypeError,
     "A dtype, or the type of an argument, that does not fit.\n\nExample:\n"
     "    >>> issubclass(nnx.DTypeError, TypeError)\n    True\n"},
    {"DeviceError", "Error", nullptr,
     "A device that is not there, or tensors on different devices.\n\nExample:\n"
     "    >>> issubclass(nnx.DeviceError, RuntimeError)\n    True\n"},
    {"GradientError", "Error", nullptr,
     "A gradient that cannot be computed: a graph already freed, a value overwritten, nothing to "
     "differentiate.\n\nExample:\n    >>> issubclass(nnx.GradientError, RuntimeError)\n    True\n"},
    {"IndexError", "Error", &PyExc_IndexError,
     "An index or a label out of range.\n\nExample:\n"
     "    >>> issubclass(nnx.IndexError, LookupError)\n    True\n"},
    {"ArgumentError", "Error", &PyExc_ValueError,
     "An option outside its allowed values.\n\nExample:\n"
     "    >>> issubclass(nnx.ArgumentError, ValueError)\n    True\n"},
    {"LinAlgError", "Error", &PyExc_ValueError,
     "A matrix that has no answer: singular, not positive definite, not convergent.\n\nExample:\n"
     "    >>> issubclass(nnx.LinAlgError, ValueError)\n    True\n"},
    {"VmapError", "Error", nullptr,
     "What a function under vmap does and cannot be done for all lanes at once: a decision by a "
     "value, a shape that depends on values.\n\nExample:\n    >>> try:\n"
     "    ...     nnx.vmap(lambda x: x if x > 0 else -x)(nnx.ones(3))\n"
     "    ... except nnx.VmapError:\n    ...     print('use where')\n    use where\n"},
    {"NanError", "Error", &PyExc_FloatingPointError,
     "The first NaN or infinity, found by detect_anomaly.\n\nExample:\n"
     "    >>> issubclass(nnx.NanError, FloatingPointError)\n    True\n"},
    {"OutOfMemoryError", "Error", &PyExc_MemoryError,
     "More memory than this process may use; raised before anything is taken.\n\nExample:\n"
     "    >>> issubclass(nnx.OutOfMemoryError, MemoryError)\n    True\n"},
};

void raise(const char* name, const char* message) noexcept {
  PyObject* type = error_class(name);
  PyObject* s = PyUnicode_DecodeUTF8(
      message, static_cast<Py_ssize_t>(std::char_traits<char>::length(message)), "replace");
  if (!s) return;
  PyErr_SetObject(type ? type : PyExc_RuntimeError, s);
  Py_DECREF(s);
}

}  // namespace

PyObject* error_class(const char* name) {
  for (const Class& c : g_classes)
    if (std::string_view(c.name) == name) return c.type;
  return nullptr;
}

void add_exceptions(PyObject* module) {
  for (Class& c : g_classes) {
    PyObject* ours = c.base ? error_class(c.base) : nullptr;
    Object bases = !ours            ? own(PyTuple_Pack(1, *c.builtin_base))
                   : c.builtin_base ? own(PyTuple_Pack(2, ours, *c.builtin_base))
                                    : own(PyTuple_Pack(1, ours));
    const std::string full = std::string("nnx.") + c.name;
    c.type = own(PyErr_NewExceptionWithDoc(full.c_str(), c.doc, bases.get(), nullptr)).release();
    checked(PyModule_AddObjectRef(module, c.name, c.type));
  }
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "nnx: an error without a message");
  } catch (const runtime::Interrupted&) {
    if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
  } catch (const CallError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const core::AxisError& e) {
    raise("AxisError", e.what());
  } catch (const core::ShapeError& e) {
    raise("ShapeError", e.what());
  } catch (const core::DTypeError& e) {
    raise("DTypeError", e.what());
  } catch (const core::DeviceError& e) {
    raise("DeviceError", e.what());
  } catch (const core::GradientError& e) {
    raise("GradientError", e.what());
  } catch (const core::IndexError& e) {
    raise("IndexError", e.what());
  } catch (const core::ArgumentError& e) {
    raise("ArgumentError", e.what());
  } catch (const core::LinAlgError& e) {
    raise("LinAlgError", e.what());
  } catch (const core::VmapError& e) {
    raise("VmapError", e.what());
  } catch (const core::NanError& e) {
    raise("NanError", e.what());
  } catch (const core::OutOfMemoryError& e) {
    raise("OutOfMemoryError", e.what());
  } catch (const std::bad_alloc&) {
    raise("OutOfMemoryError", "the system has no more memory.");
  } catch (const std::exception& e) {
    raise("Error", e.what());
  } catch (...) {
    raise("Error", "an unknown C++ exception.");
  }
}

Object text(std::string_view s) {
  return own(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
}

std::string_view view_text(PyObject* s) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(s, &size);
  if (!data) throw PythonError();
  return {data, static_cast<std::size_t>(size)};
}

Object attribute(PyObject* o, const char* name) { return own(PyObject_GetAttrString(o, name)); }

Object attribute_or_none(PyObject* o, const char* name) {
  PyObject* found = PyObject_GetAttrString(o, name);
  if (!found) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
    PyErr_Clear();
  }
  return Object(found);
}

Object import_module(const char* name) { return own(PyImport_ImportModule(name)); }

Object imported_module(const char* name) {
  PyObject* modules = PyImport_GetModuleDict();
  return Object::borrow(modules ? PyDict_GetItemString(modules, name) : nullptr);
}

std::string type_name(PyObject* o) {
  std::string_view name = Py_TYPE(o)->tp_name;
  if (auto dot = name.rfind('.'); dot != name.npos) name.remove_prefix(dot + 1);
  return std::string(name);
}

std::string short_repr(PyObject* o) {
  PyObject* r = PyObject_Repr(o);
  Py_ssize_t size = 0;
  const char* data = r ? PyUnicode_AsUTF8AndSize(r, &size) : nullptr;
  std::string out;
  if (data) {
    out.assign(data, static_cast<std::size_t>(size));
    if (out.size() > 120) {
      std::size_t cut = 100;
      while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0u) == 0x80u) --cut;
      out.resize(cut);
      out += "...";
    }
  } else {
    PyErr_Clear();
    out = "an object of type " + type_name(o);
  }
  Py_XDECREF(r);
  return out;
}

namespace {
// Runs f, which may be how Python ends this thread.
template <class F>
void or_sleep(F&& f) noexcept {
#if defined(__GLIBC__)
  try {
    f();
  } catch (abi::__forced_unwind&) {
    for (;;) pause();  // until the process is gone
  }
#else
  f();
#endif
}
}  // namespace

HoldGil::HoldGil() noexcept {
  or_sleep([&] { state_ = PyGILState_Ensure(); });
}
void restore_thread(PyThreadState* thread) noexcept {
  or_sleep([&] { PyEval_RestoreThread(thread); });
}

Keeper::~Keeper() {
  if (!p_) return;
  if (!Py_IsInitialized()) return;  // the interpreter is gone, and with it what p_ pointed to
  const HoldGil gil;
  Py_DECREF(p_);
}

}  // namespace nnx::bind
