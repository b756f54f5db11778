// Life of Tensor objects: making, sharing, collecting, freeing. See tensor_type.hpp.
#include "bind/tensor_type.hpp"

#include <structmember.h>

#include "autodiff/autodiff.hpp"
#include "bind/from_python.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

PyTypeObject* tensor_type = nullptr;

namespace {

bool g_payloads = false;  // hooks or custom gradients have been made
// Freed base objects kept for the next results; a step of a small network makes and drops dozens.
constexpr int kSpare = 64;
PyObject* g_spare[kSpare];
int g_spares = 0;

TensorObject* as_object(PyObject* o) noexcept { return reinterpret_cast<TensorObject*>(o); }

void finish(PyObject* o, core::Tensor t) noexcept {
  TensorObject* object = as_object(o);
  new (&object->tensor) core::Tensor(std::move(t));
  object->weakrefs = nullptr;
  object->tensor->wrapper = o;
}

void dealloc(PyObject* o) {
  TensorObject* object = as_object(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (object->weakrefs) PyObject_ClearWeakRefs(o);
  if (object->tensor->wrapper == o) object->tensor->wrapper = nullptr;
  object->tensor.~Tensor();
  if (type == tensor_type && g_spares < kSpare) {
    g_spare[g_spares++] = o;  // keeps its reference to the type
    return;
  }
  type->tp_free(o);
  Py_DECREF(type);
}

// Hooks and custom gradients that nothing but this object keeps alive.
template <class F>
void each_payload(PyObject* o, F&& f) {
  if (!g_payloads) return;
  const core::Tensor& t = as_object(o)->tensor;
  if (t->grad_record && t->wrapper == o)
    autodiff::visit_payloads(t, [&](void* payload) { f(static_cast<Keeper*>(payload)); });
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  int result = 0;
  each_payload(o, [&](Keeper* k) {
    if (result == 0 && k->get()) result = visit(k->get(), arg);
  });
  return result;
}

int clear(PyObject* o) {
  std::vector<Keeper*> found;
  each_payload(o, [&](Keeper* k) { found.push_back(k); });
  std::vector<Object> dropped;  // after the walk: dropping them may free the graph
  for (Keeper* k : found) dropped.push_back(k->take());
  return 0;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  return guard([&] { return wrap_as(type, tensor_from_call(args, keywords)); });
}

PyMemberDef g_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyObject* wrap(core::Tensor t) {
  if (!t) return none();
  if (auto* known = static_cast<PyObject*>(t->wrapper))
    if (Py_REFCNT(known) > 0) return Py_NewRef(known);
  PyObject* o;
  if (g_spares > 0) {
    o = g_spare[--g_spares];
    Py_SET_REFCNT(o, 1);
  } else {
    o = reinterpret_cast<PyObject*>(PyObject_GC_New(TensorObject, tensor_type));
    if (!o) throw PythonError();
  }
  const bool in_graph = static_cast<bool>(t->grad_record);
  finish(o, std::move(t));
  if (in_graph) PyObject_GC_Track(o);
  return o;
}

PyObject* wrap_as(PyTypeObject* cls, const core::Tensor& t) {
  core::Tensor own_impl = ops::detach(t);
  if (cls == tensor_type) return wrap(std::move(own_impl));
  PyObject* o = cls->tp_alloc(cls, 0);
  if (!o) throw PythonError();
  finish(o, std::move(own_impl));
  return o;
}

void track(PyObject* tensor) noexcept {
  g_payloads = true;
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

void add_tensor_type(PyObject* module) {
  std::vector<PyType_Slot> slots = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_hash, reinterpret_cast<void*>(PyBaseObject_Type.tp_hash)},
      {Py_tp_members, g_members},
      {Py_tp_getset, tensor_properties()},
      {Py_tp_doc, const_cast<char*>(
                      "An array of numbers of one dtype that knows how it was computed.\n\n"
                      "Make one with `nnx.tensor`, `nnx.asarray`, `nnx.zeros`, ...; methods answer "
                      "as PyTorch's do.\n\nExample:\n    >>> nnx.tensor([[1, 2], [3, 4]]).shape\n"
                      "    (2, 2)\n")},
  };
  for (auto part : {number_slots, index_slots, text_slots, buffer_slots})
    for (const PyType_Slot& s : part()) slots.push_back(s);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"nnx.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_type = reinterpret_cast<PyTypeObject*>(own(PyType_FromSpec(&spec)).release());
  checked(PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)));
}

}  // namespace nnx::bind
