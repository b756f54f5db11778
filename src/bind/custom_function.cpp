// nnx.Function: an operation whose gradient the user writes, after PyTorch's autograd.Function.
// Invariants: forward runs unfollowed; the context lives as long as the graph and is visible to the
// garbage collector; a tensor saved and then overwritten is noticed when it is asked for.
#include "autodiff/autodiff.hpp"

#include "bind/autodiff.hpp"

#include <structmember.h>

#include <set>

#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/small_type.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// --- ctx -----------------------------------------------------------------------------------------
struct ContextObject {
  PyObject_HEAD PyObject* dict;
  PyObject* cls;
  PyObject* saved;     // tuple
  PyObject* versions;  // tuple of ints, one per saved tensor
  PyObject* needs;     // tuple of bools
  PyObject* constant;  // tuple: outputs without a gradient
  PyObject* weakrefs;
  bool materialize;
  bool freed;
};
PyTypeObject* g_context_type;
PyTypeObject* g_function_class;

ContextObject* context(PyObject* o) { return reinterpret_cast<ContextObject*>(o); }

int context_traverse(PyObject* o, visitproc visit, void* arg) {
  ContextObject* c = context(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(c->dict);
  Py_VISIT(c->cls);
  Py_VISIT(c->saved);
  Py_VISIT(c->constant);
  return 0;
}
int context_clear(PyObject* o) {
  ContextObject* c = context(o);
  Py_CLEAR(c->dict);
  Py_CLEAR(c->cls);
  Py_CLEAR(c->saved);
  Py_CLEAR(c->constant);
  return 0;
}
void context_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (context(o)->weakrefs) PyObject_ClearWeakRefs(o);
  context_clear(o);
  Py_CLEAR(context(o)->versions);
  Py_CLEAR(context(o)->needs);
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* save_for_backward(PyObject* o, PyObject* args) {
  return guard([&] {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    Object versions = own(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* t = PyTuple_GET_ITEM(args, i);
      if (t != Py_None && !is_tensor(t))
        fail<DTypeError>("save_for_backward", "only tensors are saved here",
                         short_repr(t) + " (" + type_name(t) + ")",
                         "keep other things as ctx.name = value");
      PyTuple_SET_ITEM(
          versions.get(), i,
          own(PyLong_FromLong(t == Py_None ? 0 : static_cast<long>(unwrap(t).version())))
              .release());
    }
    Py_XSETREF(context(o)->saved, Py_NewRef(args));
    Py_XSETREF(context(o)->versions, versions.release());
    return none();
  });
}
PyObject* saved_tensors(PyObject* o, void*) {
  return guard([&] {
    ContextObject* c = context(o);
    if (c->freed)
      fail<GradientError>("saved_tensors", "the graph was freed by an earlier backward", {},
                          "call backward(retain_graph=True) the first time");
    if (!c->saved) return own(PyTuple_New(0)).release();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(c->saved); ++i) {
      PyObject* t = PyTuple_GET_ITEM(c->saved, i);
      if (t == Py_None) continue;
      if (PyLong_AsLong(PyTuple_GET_ITEM(c->versions, i)) != static_cast<long>(unwrap(t).version()))
        fail<GradientError>("saved_tensors",
                            "a saved tensor was overwritten in place before backward",
                            "saved tensor " + std::to_string(i) + ", " + describe(unwrap(t)),
                            "save a copy: ctx.save_for_backward(x.clone())");
    }
    return Py_NewRef(c->saved);
  });
}
PyObject* mark_non_differentiable(PyObject* o, PyObject* args) {
  Py_XSETREF(context(o)->constant, Py_NewRef(args));
  return none();
}
PyObject* set_materialize_grads(PyObject* o, PyObject* value) {
  const int on = PyObject_IsTrue(value);
  if (on < 0) return nullptr;
  context(o)->materialize = on == 1;
  return none();
}
PyObject* needs_input_grad(PyObject* o, void*) {
  return context(o)->needs ? Py_NewRef(context(o)->needs) : PyTuple_New(0);
}
PyMethodDef g_context_methods[] = {
    {"save_for_backward", save_for_backward, METH_VARARGS,
     "save_for_backward(*tensors: Tensor | None) -> None\n\nKeeps tensors for backward, as "
     "ctx.saved_tensors."},
    {"mark_non_differentiable", mark_non_differentiable, METH_VARARGS,
     "mark_non_differentiable(*outputs: Tensor) -> None\n\nThese outputs carry no gradient."},
    {"set_materialize_grads", set_materialize_grads, METH_O,
     "set_materialize_grads(value: bool) -> None\n\nFalse: backward gets None, not zeros, for "
     "outputs without a gradient."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef g_context_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {"saved_tensors", saved_tensors, nullptr,
     "saved_tensors() -> tuple[Tensor | None, ...]\n\nWhat was saved.", nullptr},
    {"needs_input_grad", needs_input_grad, nullptr,
     "needs_input_grad() -> tuple[bool, ...]\n\nFor every argument of forward, whether it needs a "
     "gradient.",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMemberDef g_context_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(ContextObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ContextObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// --- apply ---------------------------------------------------------------------------------------

bool among(PyObject* tuple, PyObject* o) {
  if (!tuple) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i)
    if (PyTuple_GET_ITEM(tuple, i) == o) return true;
  return false;
}

struct OutputInfo {
  Shape shape;
  DType dtype;
  Device device;
};

// Gradients of the tensor arguments, from what the user's backward answers.
std::vector<Tensor> run_backward(PyObject* payload, std::span<const Tensor> grads,
                                 const std::vector<OutputInfo>& outputs,
                                 const std::vector<std::int64_t>& tensor_arguments,
                                 Py_ssize_t arguments) {
  const HoldGil gil;
  if (!payload) fail<GradientError>("Function", "the graph was collected");
  Object ctx = Object::borrow(payload);
  ContextObject* c = context(payload);
  if (!c->cls) fail<GradientError>("Function", "the graph was collected");
  Object args = own(PyTuple_New(static_cast<Py_ssize_t>(outputs.size()) + 1));
  PyTuple_SET_ITEM(args.get(), 0, Py_NewRef(payload));
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const OutputInfo& info = outputs[j];
    Tensor g = j < grads.size() ? grads[j] : Tensor();
    if (!g && c->materialize) g = ops::full(info.shape, Scalar(0), info.dtype, info.device);
    PyTuple_SET_ITEM(args.get(), static_cast<Py_ssize_t>(j) + 1, wrap(g));
  }
  Object f = attribute(c->cls, "backward");
  Object answer = own(PyObject_Call(f.get(), args.get(), nullptr));
  Object list = PyTuple_Check(answer.get()) || PyList_Check(answer.get())
                    ? own(PySequence_Tuple(answer.get()))
                    : own(PyTuple_Pack(1, answer.get()));
  const Py_ssize_t n = PyTuple_GET_SIZE(list.get());
  const Object name = attribute(c->cls, "__name__");
  const std::string op(view_text(name.get()));
  bool surplus_none = n > arguments;
  for (Py_ssize_t i = arguments; i < n; ++i)
    surplus_none &= PyTuple_GET_ITEM(list.get(), i) == Py_None;
  if (n != arguments && !surplus_none)
    fail<GradientError>(
        op, "backward must return one gradient per argument of forward, None for those without",
        std::to_string(n) + " for " + std::to_string(arguments));
  std::vector<Tensor> out;
  for (const std::int64_t i : tensor_arguments) {
    PyObject* g = PyTuple_GET_ITEM(list.get(), i);
    if (g != Py_None && !is_tensor(g))
      fail<GradientError>(op, "backward must return tensors or None",
                          short_repr(g) + " (" + type_name(g) + ")");
    out.push_back(g == Py_None ? Tensor() : unwrap(g));
  }
  return out;
}

PyObject* apply(PyObject* cls, PyObject* args) {
  return guard([&] {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    auto* c = reinterpret_cast<ContextObject*>(g_context_type->tp_alloc(g_context_type, 0));
    if (!c) throw PythonError();
    Object ctx(reinterpret_cast<PyObject*>(c));
    c->cls = Py_NewRef(cls);
    c->materialize = true;
    std::vector<Tensor> inputs;
    std::vector<std::int64_t> tensor_arguments;
    Object needs = own(PyTuple_New(n));
    bool followed = false;
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* a = PyTuple_GET_ITEM(args, i);
      const bool need = is_tensor(a) && autodiff::requires_grad(unwrap(a));
      followed |= need;
      PyTuple_SET_ITEM(needs.get(), i, boolean(need));
      if (!is_tensor(a)) continue;
      inputs.push_back(unwrap(a));
      tensor_arguments.push_back(i);
    }
    c->needs = needs.release();
    followed = followed && ops::grad_enabled();

    Object forward = attribute(cls, "forward");
    Object setup = attribute_or_none(cls, "setup_context");
    Object answer;
    {
      const ops::GradMode off(false);
      if (setup && setup.get() != Py_None) {
        answer = own(PyObject_Call(forward.get(), args, nullptr));
        own(PyObject_CallFunctionObjArgs(setup.get(), ctx.get(), args, answer.get(), nullptr));
      } else {
        Object all = own(PyTuple_New(n + 1));
        PyTuple_SET_ITEM(all.get(), 0, Py_NewRef(ctx.get()));
        for (Py_ssize_t i = 0; i < n; ++i)
          PyTuple_SET_ITEM(all.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
        answer = own(PyObject_Call(forward.get(), all.get(), nullptr));
      }
    }
    const bool several = PyTuple_Check(answer.get());
    Object list = several ? answer : own(PyTuple_Pack(1, answer.get()));
    const Py_ssize_t m = PyTuple_GET_SIZE(list.get());
    const Object class_name = attribute(cls, "__name__");
    const std::string op(view_text(class_name.get()));
    std::vector<Tensor> recorded;
    std::vector<OutputInfo> infos;
    Object results = own(PyTuple_New(m));
    for (Py_ssize_t j = 0; j < m; ++j) {
      PyObject* o = PyTuple_GET_ITEM(list.get(), j);
      if (!is_tensor(o)) {
        if (!several)
          fail<DTypeError>(op, "forward must return a tensor or a tuple",
                           short_repr(o) + " (" + type_name(o) + ")");
        PyTuple_SET_ITEM(results.get(), j, Py_NewRef(o));
        recorded.emplace_back();
        infos.push_back({Shape{}, default_dtype(), Device{}});
        continue;
      }
      Tensor t = unwrap(o);
      // An argument handed through becomes a result of its own.
      bool own_result = !autodiff::requires_grad(t);
      for (const Tensor& in : inputs) own_result &= !in.is_same(t);
      if (followed && !own_result) {
        const ops::GradMode off(false);
        t = ops::detach(t);
      }
      infos.push_back({t.shape(), t.dtype(), t.device()});
      recorded.push_back(among(c->constant, o) ? Tensor() : t);
      PyTuple_SET_ITEM(results.get(), j, wrap(std::move(t)));
    }
    if (followed) {
      auto payload = std::make_shared<Keeper>(ctx.get());
      Keeper* keeper = payload.get();  // kept alive by the graph beside the closures
      autodiff::CustomGradient g;
      g.backward = [keeper, infos, tensor_arguments, n](std::span<const Tensor> grads) {
        return run_backward(keeper->get(), grads, infos, tensor_arguments, n);
      };
      g.release = [keeper] {
        const HoldGil gil;
        if (keeper->get()) {
          ContextObject* held = context(keeper->get());
          held->freed = held->saved != nullptr;
          Py_CLEAR(held->saved);
        }
      };
      g.payload = std::move(payload);
      static std::set<std::string> names;  // graphs point to them
      autodiff::record_custom(names.insert(op).first->c_str(), inputs, recorded, std::move(g));
      for (Py_ssize_t j = 0; j < m; ++j)
        if (PyObject* o = PyTuple_GET_ITEM(results.get(), j); is_tensor(o)) track(o);
    }
    return several ? results.release() : Py_NewRef(PyTuple_GET_ITEM(results.get(), 0));
  });
}

PyObject* not_written(PyObject*, PyObject*, PyObject*) {
  PyErr_SetString(
      PyExc_NotImplementedError,
      "[Function] a subclass must define static methods forward(ctx, ...) and backward(ctx, ...).");
  return nullptr;
}
PyObject* no_instances(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(
      PyExc_TypeError,
      "[Function] a Function is not made into an object.\nHint: call MyFunction.apply(x).");
  return nullptr;
}
PyMethodDef g_function_methods[] = {
    {"apply", apply, METH_VARARGS | METH_CLASS,
     "apply(*args: Any) -> Any\n\nRuns forward and puts backward into the graph."},
    {"forward", method(not_written), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "forward(ctx: Any, *args: Any) -> Any\n\nComputes the result; to be defined."},
    {"backward", method(not_written), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "backward(ctx: Any, *grads: Any) -> Any\n\nOne gradient per argument of forward; to be "
     "defined."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_function_class(PyObject* module) {
  g_context_type = make_type("nnx.FunctionContext", sizeof(ContextObject),
                             Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, nullptr,
                             {{Py_tp_dealloc, slot(context_dealloc)},
                              {Py_tp_traverse, slot(context_traverse)},
                              {Py_tp_clear, slot(context_clear)},
                              {Py_tp_methods, g_context_methods},
                              {Py_tp_getset, g_context_properties},
                              {Py_tp_members, g_context_members}});
  g_function_class = make_type("nnx.Function", 0, Py_TPFLAGS_BASETYPE, nullptr,
                               {{Py_tp_new, slot(no_instances)},
                                {Py_tp_methods, g_function_methods},
                                {Py_tp_doc, const_cast<char*>(
                                                R"(An operation with a gradient of its own.

A subclass defines static methods forward(ctx, *args) and backward(ctx, *grads), and is used as
MyFunction.apply(*args). A backward made of nnx operations can be differentiated again.

Raises: GradientError if backward returns the wrong number of gradients or a saved tensor was
overwritten.

Example:
    >>> class Cube(nnx.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x * x * g
    >>> x = nnx.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
)")}});
  checked(PyModule_AddObjectRef(module, "Function", reinterpret_cast<PyObject*>(g_function_class)));
}

}  // namespace nnx::bind
