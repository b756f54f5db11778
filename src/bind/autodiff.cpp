// backward, grad, hooks: see autodiff.hpp.
#include "autodiff/autodiff.hpp"

#include "bind/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/small_type.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// --- grad_fn -----------------------------------------------------------------------------------
struct ProducerObject {
  PyObject_HEAD PyObject* name;
};
PyTypeObject* g_producer_type;

void producer_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  Py_XDECREF(reinterpret_cast<ProducerObject*>(o)->name);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* producer_repr(PyObject* o) {
  return PyUnicode_FromFormat("<%U>", reinterpret_cast<ProducerObject*>(o)->name);
}
PyObject* producer_name(PyObject* o, PyObject*) {
  return Py_NewRef(reinterpret_cast<ProducerObject*>(o)->name);
}
PyMethodDef g_producer_methods[] = {
    {"name", producer_name, METH_NOARGS, "name() -> str\n\nThe operation."},
    {nullptr, nullptr, 0, nullptr},
};

// --- hooks -------------------------------------------------------------------------------------
struct HandleObject {
  PyObject_HEAD PyObject* tensor;  // null once removed
  std::uint64_t id;
};
PyTypeObject* g_handle_type;

int handle_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(reinterpret_cast<HandleObject*>(o)->tensor);
  return 0;
}
int handle_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<HandleObject*>(o)->tensor);
  return 0;
}
void handle_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  handle_clear(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* handle_remove(PyObject* o, PyObject*) {
  return guard([&] {
    auto* h = reinterpret_cast<HandleObject*>(o);
    Object tensor(std::exchange(h->tensor, nullptr));
    if (tensor) autodiff::remove_hook(unwrap(tensor.get()), h->id);
    return none();
  });
}
PyObject* handle_enter(PyObject* o, PyObject*) { return Py_NewRef(o); }
PyObject* handle_exit(PyObject* o, PyObject*) { return handle_remove(o, nullptr); }
PyMethodDef g_handle_methods[] = {
    {"remove", handle_remove, METH_NOARGS, "remove() -> None\n\nThe hook is not called any more."},
    {"__enter__", handle_enter, METH_NOARGS, nullptr},
    {"__exit__", handle_exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* register_hook(Args& a) {
  PyObject* f = a.object("hook");
  if (!PyCallable_Check(f))
    fail<DTypeError>(a.op(), "hook must be a function of the gradient", short_repr(f));
  const Tensor& t = a.self_tensor();
  auto payload = std::make_shared<Keeper>(f);
  // The entry keeps the payload, so the closure needs no reference of its own.
  auto hook = [keeper = payload.get()](const Tensor& g) -> Tensor {
    const HoldGil gil;
    if (!keeper->get()) return {};
    Object function = Object::borrow(keeper->get()), argument = own(wrap(g));
    Object answer = own(PyObject_CallOneArg(function.get(), argument.get()));
    if (answer.get() == Py_None) return {};
    if (!is_tensor(answer.get()))
      fail<GradientError>("register_hook", "a hook returns a tensor or None",
                          short_repr(answer.get()) + " (" + type_name(answer.get()) + ")");
    return unwrap(answer.get());
  };
  const std::uint64_t id = autodiff::add_hook(t, std::move(hook), payload);
  payload.reset();
  track(a.self());
  auto* h = PyObject_GC_New(HandleObject, g_handle_type);
  if (!h) throw PythonError();
  h->tensor = Py_NewRef(a.self());
  h->id = id;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(h));
  return reinterpret_cast<PyObject*>(h);
}

// --- the walk ------------------------------------------------------------------------------------

// One tensor or a sequence of them; None entries where `holes` allows.
std::vector<Tensor> tensor_list(PyObject* o, const char* op, const char* name, bool holes) {
  std::vector<Tensor> list;
  const auto add = [&](PyObject* entry) {
    if (holes && entry == Py_None) {
      list.emplace_back();
    } else if (is_tensor(entry)) {
      list.push_back(unwrap(entry));
    } else if (holes) {
      list.push_back(tensor_argument(entry, op, name));
    } else {
      fail<DTypeError>(op, std::string(name) + " must be tensors",
                       short_repr(entry) + " (" + type_name(entry) + ")");
    }
  };
  if (is_tensor(o) || PyUnicode_Check(o) || !(PySequence_Check(o) || PyIter_Check(o))) {
    add(o);
    return list;
  }
  Object items = own(PySequence_Fast(o, "a sequence is needed"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    Object entry = Object::borrow(PySequence_Fast_GET_ITEM(items.get(), i));
    add(entry.get());
  }
  return list;
}

// Gradients of the roots; missing ones stay none.
std::vector<Tensor> root_gradients(Args& a, const char* name, std::size_t n) {
  std::vector<Tensor> grads;
  if (a.given(name)) grads = tensor_list(a.object(name), a.op(), name, true);
  if (!grads.empty() && grads.size() != n)
    fail<ArgumentError>(a.op(), std::string(name) + " must have one entry per output",
                        std::to_string(grads.size()) + " for " + std::to_string(n));
  grads.resize(n);
  return grads;
}

PyObject* fast_backward(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 1 || !is_tensor(args[0])) return nullptr;
  autodiff::backward({unwrap(args[0])}, {Tensor()}, false, false);
  return none();
}
PyObject* backward(Args& a) {
  const bool create = a.flag("create_graph", false);
  const bool retain = a.flag("retain_graph", create);
  const Tensor& t = a.self_tensor();
  const auto grads = root_gradients(a, "gradient", 1);
  if (!a.given("inputs")) {
    autodiff::backward({t}, grads, retain, create);
    return none();
  }
  const auto inputs = tensor_list(a.object("inputs"), a.op(), "inputs", false);
  const auto found = autodiff::grad({t}, grads, inputs, retain, create, true);
  ops::GradMode mode(create);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!found[i]) continue;
    const Tensor before = autodiff::grad_of(inputs[i]);
    autodiff::set_grad(inputs[i], before ? nnx::pointwise::add(before, found[i]) : found[i]);
  }
  return none();
}

PyObject* grad(Args& a) {
  PyObject* outputs = a.object("outputs");
  if (!is_tensor(outputs) && PyCallable_Check(outputs)) {
    Object module = import_module("nnx.function");
    Object make = attribute(module.get(), "grad");
    Object argnums = Object::borrow(a.given("argnums")  ? a.object("argnums")
                                    : a.given("inputs") ? a.object("inputs")
                                                        : nullptr);
    Object aux = Object::borrow(a.flag("has_aux", false) ? Py_True : Py_False);
    if (!argnums) argnums = own(PyLong_FromLong(0));
    return own(PyObject_CallFunctionObjArgs(make.get(), outputs, argnums.get(), aux.get(), nullptr))
        .release();
  }
  if (!a.given("inputs"))
    throw CallError(
        error_text(a.op(), "the argument inputs is missing", {},
                   "the call is nnx.grad(loss, [w, b]), or nnx.grad(f) for a function"));
  const auto roots = tensor_list(outputs, a.op(), "outputs", false);
  const auto inputs = tensor_list(a.object("inputs"), a.op(), "inputs", false);
  const bool create = a.flag("create_graph", false);
  const bool materialize = a.flag("materialize_grads", false);
  auto found = autodiff::grad(roots, root_gradients(a, "grad_outputs", roots.size()), inputs,
                              a.flag("retain_graph", create), create,
                              a.flag("allow_unused", false) || materialize);
  if (materialize)
    for (std::size_t i = 0; i < found.size(); ++i)
      if (!found[i])
        found[i] = ops::full(inputs[i].shape(), Scalar(0), inputs[i].dtype(), inputs[i].device());
  return give(found);
}

PyObject* value_and_grad(Args& a) {
  Object module = import_module("nnx.function");
  Object make = attribute(module.get(), "value_and_grad");
  Object argnums =
      a.given("argnums") ? Object::borrow(a.object("argnums")) : own(PyLong_FromLong(0));
  Object aux = Object::borrow(a.flag("has_aux", false) ? Py_True : Py_False);
  return own(PyObject_CallFunctionObjArgs(make.get(), a.object("f"), argnums.get(), aux.get(),
                                          nullptr))
      .release();
}

PyObject* check_grad(Args& a) {
  Object module = import_module("nnx.check");
  Object check = attribute(module.get(), "check_grad");
  Object args = a.rest() ? Object::borrow(a.rest()) : own(PyTuple_New(0));
  Object list = own(PySequence_List(args.get()));
  checked(PyList_Insert(list.get(), 0, a.object("f")));
  Object all = own(PyList_AsTuple(list.get())), keywords = own(PyDict_New());
  for (const char* name : {"eps", "rtol", "atol"})
    if (a.given(name)) checked(PyDict_SetItemString(keywords.get(), name, a.object(name)));
  return own(PyObject_Call(check.get(), all.get(), keywords.get())).release();
}

PyObject* requires_grad_(Args& a) {
  autodiff::set_requires_grad(a.self_tensor(), a.flag("requires_grad", true));
  return Py_NewRef(a.self());
}
PyObject* retain_grad(Args& a) {
  autodiff::retain_grad(a.self_tensor());
  return none();
}
PyObject* detach(Args& a) { return give(ops::detach(a.self_tensor())); }

const Definition kDefinitions[] = {
    {"backward",
     "(gradient: TensorLike | None = None, retain_graph: bool | None = None, create_graph: bool = "
     "False, "
     "inputs: Tensor | Sequence[Tensor] | None = None) -> None",
     R"(Adds d(this) / d(leaf) to .grad of every leaf it depends on.

A tensor of one element needs no `gradient`; others need the gradient of what comes after, of the
same shape. The graph is freed unless retain_graph; create_graph makes the gradients
differentiable. `inputs` restricts what gets a gradient.

Raises: GradientError if nothing requires a gradient, the graph was freed, or a value it needs was
overwritten; ShapeError if `gradient` is missing or does not fit.

Example:
    >>> x = nnx.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
)",
     backward, Role::method, fast_backward},
    {"grad",
     "(outputs: Any, inputs: Any = None, grad_outputs: Any = None, retain_graph: bool | None = "
     "None, "
     "create_graph: bool = False, allow_unused: bool = False, *, materialize_grads: bool = False, "
     "argnums: Any = 0, has_aux: bool = False) -> Any",
     R"(Gradients of outputs in inputs, as a tuple; nothing is added to .grad.

Called with a function it returns the function that computes its gradient: `nnx.grad(f)(x)`; argnums
says in which arguments (an int or a tuple of ints).

Raises: GradientError if an input is not part of the graph (unless allow_unused, then None).

Example:
    >>> x = nnx.tensor(3.0, requires_grad=True)
    >>> nnx.grad(x**2, x)
    (tensor(6.),)
    >>> nnx.grad(lambda x: x**3)(2.0)
    tensor(12.)
)",
     grad},
    {"value_and_grad", "(f: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False) -> Any",
     R"(The function that computes f and its gradient: value_and_grad(f)(x) is (f(x), f'(x)).

Example:
    >>> nnx.value_and_grad(lambda x: x**3)(2.0)
    (tensor(8.), tensor(12.))
)",
     value_and_grad},
    {"check_grad",
     "(f: Callable[..., Any], *inputs: Any, eps: float | None = None, rtol: float | None = None, "
     "atol: float | None = None) -> bool",
     R"(Compares the gradient of f with central differences, in float64.

(f(x + eps) - f(x - eps)) / (2 eps) for every element of every floating input, against backward of
f with random weights on its outputs.

Raises: GradientError that names the input and element that disagree.

Example:
    >>> nnx.check_grad(nnx.sin, nnx.linspace(0, 1, 5))
    True
)",
     check_grad},
    {"register_hook", "(hook: Callable[[Tensor], Tensor | None]) -> Any",
     R"(Calls hook(gradient) when the gradient of this tensor is known; a tensor it returns takes its place.

Returns a handle with remove().

Example:
    >>> x = nnx.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda g: g * 10)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
)",
     register_hook, Role::method},
    {"requires_grad_", "(requires_grad: bool = True) -> Tensor",
     R"(Sets requires_grad and returns the tensor.

Raises: GradientError for integers and for results of followed operations.

Example:
    >>> nnx.ones(2).requires_grad_().requires_grad
    True
)",
     requires_grad_, Role::method},
    {"retain_grad", "() -> None", "Keeps .grad of a tensor that is no leaf during backward.",
     retain_grad, Role::method},
    {"detach", "() -> Tensor",
     R"(The same memory outside the graph.

Example:
    >>> (nnx.ones(2, requires_grad=True) * 2).detach().requires_grad
    False
)",
     detach, Role::method},
};

}  // namespace

PyObject* producer_object(const Tensor& t) {
  const std::string name = autodiff::producer(t);
  if (name.empty()) return none();
  auto* o = PyObject_New(ProducerObject, g_producer_type);
  if (!o) throw PythonError();
  o->name = PyUnicode_FromString(name.c_str());
  Object made(reinterpret_cast<PyObject*>(o));
  if (!o->name) throw PythonError();
  return made.release();
}

void add_autodiff_types(PyObject*) {
  g_producer_type =
      make_type("nnx.Producer", sizeof(ProducerObject), Py_TPFLAGS_DISALLOW_INSTANTIATION, nullptr,
                {{Py_tp_dealloc, slot(producer_dealloc)},
                 {Py_tp_repr, slot(producer_repr)},
                 {Py_tp_methods, g_producer_methods}});
  g_handle_type = make_type("nnx.HookHandle", sizeof(HandleObject),
                            Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, nullptr,
                            {{Py_tp_dealloc, slot(handle_dealloc)},
                             {Py_tp_traverse, slot(handle_traverse)},
                             {Py_tp_clear, slot(handle_clear)},
                             {Py_tp_methods, g_handle_methods}});
}

void declare_autodiff(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
