// no_grad, enable_grad, inference_mode, set_grad_enabled: context managers that are also
// decorators. Invariant: leaving a context, or returning from a decorated function, restores the
// mode that was there before, whatever happened inside.
#include "bind/autodiff.hpp"

#include <structmember.h>

#include "bind/convert.hpp"
#include "bind/function.hpp"
#include "bind/small_type.hpp"
#include "ops/op.hpp"

namespace nnx::bind {

using namespace core;

namespace {

struct ModeObject {
  PyObject_HEAD bool mode;
  bool before;
};
PyTypeObject* g_no_grad;
PyTypeObject* g_enable_grad;
PyTypeObject* g_set_grad_enabled;
PyTypeObject* g_inference_mode;

// A function that runs with a mode.
struct DecoratedObject {
  PyObject_HEAD vectorcallfunc call;
  PyObject* function;
  PyObject* dict;
  PyObject* weakrefs;
  bool mode;
};
PyTypeObject* g_decorated;

DecoratedObject* decorated(PyObject* o) { return reinterpret_cast<DecoratedObject*>(o); }

PyObject* decorated_call(PyObject* o, PyObject* const* args, size_t flags, PyObject* names) {
  const ops::GradMode mode(decorated(o)->mode);
  Object kept = Object::borrow(decorated(o)->function);
  return PyObject_Vectorcall(kept.get(), args, flags & ~PY_VECTORCALL_ARGUMENTS_OFFSET, names);
}
PyObject* decorated_get(PyObject* o, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(o);
  return PyMethod_New(o, instance);
}
int decorated_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(decorated(o)->function);
  Py_VISIT(decorated(o)->dict);
  return 0;
}
int decorated_clear(PyObject* o) {
  Py_CLEAR(decorated(o)->function);
  Py_CLEAR(decorated(o)->dict);
  return 0;
}
void decorated_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (decorated(o)->weakrefs) PyObject_ClearWeakRefs(o);
  decorated_clear(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyMemberDef g_decorated_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(DecoratedObject, call), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(DecoratedObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(DecoratedObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
PyGetSetDef g_decorated_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

// The body of a generator runs later, so its steps are what must run with the mode.
bool is_generator_function(PyObject* f) {
  if (!PyFunction_Check(f)) return false;
  const int flags = reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(f))->co_flags;
  return (flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0;
}

PyObject* decorate(PyObject* f, bool mode) {
  if (is_generator_function(f)) {
    Object helper = attribute(import_module("nnx.function").get(), "generator_with_grad_mode");
    return own(PyObject_CallFunctionObjArgs(helper.get(), f, mode ? Py_True : Py_False, nullptr))
        .release();
  }
  if (PyType_Check(f))
    throw CallError(error_text("no_grad", "only functions can be decorated", short_repr(f),
                               "decorate its methods"));
  auto* d = PyObject_GC_New(DecoratedObject, g_decorated);
  if (!d) throw PythonError();
  d->call = decorated_call;
  d->function = Py_NewRef(f);
  d->dict = nullptr;
  d->weakrefs = nullptr;
  d->mode = mode;
  Object made(reinterpret_cast<PyObject*>(d));
  PyObject_GC_Track(made.get());
  checked(PyObject_SetAttrString(made.get(), "__wrapped__", f));
  for (const char* name : {"__name__", "__qualname__", "__doc__", "__module__", "__annotations__"})
    if (Object value = attribute_or_none(f, name))
      checked(PyObject_SetAttrString(made.get(), name, value.get()));
  return made.release();
}

PyObject* make_mode(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  return guard([&]() -> PyObject* {
    const bool takes_mode = type == g_set_grad_enabled || type == g_inference_mode;
    PyObject* first = nullptr;
    static const char* names[] = {"mode", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", const_cast<char**>(names), &first))
      throw PythonError();
    bool mode = type == g_enable_grad;
    if (first && PyCallable_Check(first)) {
      if (type == g_set_grad_enabled)
        throw CallError(
            error_text("set_grad_enabled", "mode must be True or False", short_repr(first)));
      return decorate(first, mode);
    }
    if (first && !takes_mode)
      throw CallError(error_text("no_grad", "this takes no argument but the function it decorates",
                                 short_repr(first)));
    if (type == g_set_grad_enabled && !first)
      throw CallError(error_text("set_grad_enabled", "the argument mode is missing", {},
                                 "set_grad_enabled(False)"));
    if (first) {
      const bool on = to_flag(first, "grad mode", "mode");
      mode = type == g_inference_mode ? !on : on;
    }
    auto* o = reinterpret_cast<ModeObject*>(type->tp_alloc(type, 0));
    if (!o) throw PythonError();
    o->mode = mode;
    o->before = ops::grad_enabled();
    if (type == g_set_grad_enabled) ops::set_grad_enabled(mode);  // works as a plain call, too
    return reinterpret_cast<PyObject*>(o);
  });
}
PyObject* enter(PyObject* o, PyObject*) {
  auto* m = reinterpret_cast<ModeObject*>(o);
  if (Py_TYPE(o) != g_set_grad_enabled) m->before = ops::grad_enabled();
  ops::set_grad_enabled(m->mode);
  return Py_NewRef(o);
}
PyObject* leave(PyObject* o, PyObject* const*, Py_ssize_t) {
  ops::set_grad_enabled(reinterpret_cast<ModeObject*>(o)->before);
  return none();
}
PyObject* call_mode(PyObject* o, PyObject* args, PyObject*) {
  return guard([&] {
    PyObject* f = nullptr;
    if (!PyArg_ParseTuple(args, "O", &f)) throw PythonError();
    if (!PyCallable_Check(f))
      throw CallError(error_text("no_grad", "only functions can be decorated", short_repr(f)));
    auto* m = reinterpret_cast<ModeObject*>(o);
    if (Py_TYPE(o) == g_set_grad_enabled) ops::set_grad_enabled(m->before);
    return decorate(f, m->mode);
  });
}
PyMethodDef g_methods[] = {
    {"__enter__", enter, METH_NOARGS, nullptr},
    {"__exit__", method(leave), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject* mode_type(const char* name, const char* doc) {
  return make_type(name, sizeof(ModeObject), 0, nullptr,
                   {{Py_tp_new, slot(make_mode)},
                    {Py_tp_call, slot(call_mode)},
                    {Py_tp_methods, g_methods},
                    {Py_tp_doc, const_cast<char*>(doc)}});
}

PyObject* is_grad_enabled(Args&) { return boolean(ops::grad_enabled()); }
const Definition kIsEnabled = {"is_grad_enabled", "() -> bool",
                               R"(Whether operations are followed for gradients in this thread.

Example:
    >>> with nnx.no_grad():
    ...     nnx.is_grad_enabled()
    False
)",
                               is_grad_enabled};

}  // namespace

void add_grad_modes(PyObject* module) {
  g_decorated = make_type("nnx.decorated_function", sizeof(DecoratedObject),
                          Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                              Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                          nullptr,
                          {{Py_tp_call, slot(PyVectorcall_Call)},
                           {Py_tp_descr_get, slot(decorated_get)},
                           {Py_tp_traverse, slot(decorated_traverse)},
                           {Py_tp_clear, slot(decorated_clear)},
                           {Py_tp_dealloc, slot(decorated_dealloc)},
                           {Py_tp_members, g_decorated_members},
                           {Py_tp_getset, g_decorated_properties}});
  g_no_grad = mode_type("nnx.no_grad",
                        "Operations inside are not followed for gradients; also a decorator.\n\n"
                        "Example:\n    >>> x = nnx.ones(2, requires_grad=True)\n"
                        "    >>> with nnx.no_grad():\n    ...     y = x * 2\n"
                        "    >>> y.requires_grad\n    False\n");
  g_enable_grad =
      mode_type("nnx.enable_grad",
                "Operations inside are followed, also within no_grad; also a decorator.\n\n"
                "Example:\n    >>> with nnx.no_grad(), nnx.enable_grad():\n"
                "    ...     nnx.is_grad_enabled()\n    True\n");
  g_inference_mode =
      mode_type("nnx.inference_mode",
                "As no_grad; inference_mode(False) follows operations.\n\nExample:\n"
                "    >>> with nnx.inference_mode():\n    ...     nnx.is_grad_enabled()\n"
                "    False\n");
  g_set_grad_enabled =
      mode_type("nnx.set_grad_enabled",
                "Follows operations or not, from the call on or for a with block.\n\n"
                "Example:\n    >>> with nnx.set_grad_enabled(False):\n"
                "    ...     nnx.is_grad_enabled()\n    False\n");
  const std::pair<const char*, PyTypeObject*> types[] = {{"no_grad", g_no_grad},
                                                         {"enable_grad", g_enable_grad},
                                                         {"inference_mode", g_inference_mode},
                                                         {"set_grad_enabled", g_set_grad_enabled}};
  for (const auto& [name, type] : types)
    checked(PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)));
  declare(module, kIsEnabled);
}

}  // namespace nnx::bind
