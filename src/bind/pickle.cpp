// Pickling, copying, and subclasses of Tensor.
// Invariant: what is unpickled is checked before it is used: no bytes, wrong or right, can make a
// tensor that reaches beyond its memory.
#include <cstring>

#include "autodiff/autodiff.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;

namespace {

bool is_tensor_class(PyObject* o) {
  return PyType_Check(o) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(o), tensor_type);
}
PyTypeObject* class_argument(Args& a) {
  PyObject* cls = a.object("cls");
  if (!is_tensor_class(cls))
    fail<DTypeError>(a.op(), "cls must be Tensor or a subclass", short_repr(cls));
  return reinterpret_cast<PyTypeObject*>(cls);
}

PyObject* make(Args& a) {
  Object o = own(wrap_as(class_argument(a), a.tensor("values")));
  if (a.given("requires_grad"))
    autodiff::set_requires_grad(unwrap(o.get()), a.flag("requires_grad", false));
  return o.release();
}

Object instance_dict(PyObject* o) {
  if (Py_TYPE(o) == tensor_type) return {};
  Object d = attribute_or_none(o, "__dict__");
  if (d && PyDict_Check(d.get()) && PyDict_GET_SIZE(d.get()) > 0) return d;
  return {};
}

void need_leaf(const Tensor& t, const char* op) {
  if (!autodiff::is_leaf(t))
    fail<GradientError>(op, "the result of a followed operation cannot be copied with its graph",
                        describe(t), "use t.detach() first");
}

PyObject* reduce(Args& a) {
  const Tensor& t = a.self_tensor();
  need_leaf(t, "pickle");
  Tensor plain;
  {
    const ops::GradMode off(false);
    plain = ops::contiguous(ops::on_cpu(ops::detach(t)));
  }
  Object bytes = own(PyBytes_FromStringAndSize(
      reinterpret_cast<const char*>(plain.bytes()),
      static_cast<Py_ssize_t>(plain.numel() * static_cast<std::int64_t>(size_of(t.dtype())))));
  Object shape = plain_tuple(t.shape()), name = text(name_of(t.dtype()));
  Object build = attribute(import_module("nnx._nnx").get(), "_rebuild_tensor");
  Object dict = instance_dict(a.self());
  return own(Py_BuildValue("O(OOOOO)O", build.get(), Py_TYPE(a.self()), bytes.get(), name.get(),
                           shape.get(), autodiff::requires_grad(t) ? Py_True : Py_False,
                           dict ? dict.get() : Py_None))
      .release();
}

PyObject* rebuild(Args& a) {
  PyObject* bytes = a.object("contents");
  if (!PyBytes_Check(bytes))
    fail<DTypeError>("pickle", "the contents must be bytes", short_repr(bytes));
  const DType t = *a.dtype();
  const Shape shape = a.dims("shape");
  const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(bytes));
  if (static_cast<std::size_t>(count(shape)) * size_of(t) != size)
    fail<ArgumentError>(
        "pickle", "the contents do not fit shape and dtype",
        std::to_string(size) + " bytes for " + to_string(shape) + " " + std::string(name_of(t)));
  Tensor made = ops::empty(shape, t);
  if (size) std::memcpy(made.bytes(), PyBytes_AS_STRING(bytes), size);
  if (t == DType::boolean)  // a bool holds 0 or 1, whatever the bytes say
    for (std::size_t i = 0; i < size; ++i)
      made.bytes()[i] = std::byte{made.bytes()[i] != std::byte{0}};
  Object o = own(wrap_as(class_argument(a), made));
  if (a.flag("requires_grad", false)) autodiff::set_requires_grad(unwrap(o.get()), true);
  return o.release();
}

// State of a subclass's attributes; the base class has none.
PyObject* setstate(Args& a) {
  if (!a.given("state")) return none();
  Object d = attribute(a.self(), "__dict__");
  checked(PyDict_Update(d.get(), a.object("state")));
  return none();
}

PyObject* deepcopy(Args& a) {
  const Tensor& t = a.self_tensor();
  PyObject* memo = a.object("memo");
  Object key = own(PyLong_FromVoidPtr(a.self()));
  if (memo && PyDict_Check(memo))
    if (PyObject* known = PyDict_GetItem(memo, key.get())) return Py_NewRef(known);
  need_leaf(t, "deepcopy");
  Tensor copied;
  {
    const ops::GradMode off(false);
    copied = ops::clone(ops::detach(t));
  }
  Object made = own(wrap_as(Py_TYPE(a.self()), copied));
  const Tensor& m = unwrap(made.get());
  if (autodiff::requires_grad(t)) autodiff::set_requires_grad(m, true);
  if (const Tensor g = autodiff::grad_of(t)) {
    const ops::GradMode off(false);
    autodiff::set_grad(m, ops::clone(ops::detach(g)));
  }
  if (memo && PyDict_Check(memo)) checked(PyDict_SetItem(memo, key.get(), made.get()));
  if (Object dict = instance_dict(a.self())) {
    Object deep = attribute(import_module("copy").get(), "deepcopy");
    Object state =
        own(PyObject_CallFunctionObjArgs(deep.get(), dict.get(), memo ? memo : Py_None, nullptr));
    Object own_dict = attribute(made.get(), "__dict__");
    checked(PyDict_Update(own_dict.get(), state.get()));
  }
  return made.release();
}

PyObject* copy(Args& a) {
  Object made = own(wrap_as(Py_TYPE(a.self()), a.self_tensor()));
  if (autodiff::requires_grad(a.self_tensor()) && autodiff::is_leaf(a.self_tensor()))
    autodiff::set_requires_grad(unwrap(made.get()), true);
  if (Object dict = instance_dict(a.self())) {
    Object own_dict = attribute(made.get(), "__dict__");
    checked(PyDict_Update(own_dict.get(), dict.get()));
  }
  return made.release();
}

const Definition kDefinitions[] = {
    {"_rebuild_tensor",
     "(cls: Any, contents: Any, dtype: DTypeLike, shape: ShapeLike, requires_grad: bool) -> Any",
     "What pickle calls.", rebuild},
    {"_make", "(cls: Any, values: TensorLike, requires_grad: bool | None = None) -> Any",
     "An instance of a subclass over the memory of a tensor.", make, Role::static_method},
    {"__reduce_ex__", "(protocol: Any = None) -> Any",
     "For pickle: class, elements, dtype, shape, requires_grad.", reduce, Role::method},
    {"__setstate__", "(state: Any) -> None", "Attributes of a subclass, from pickle.", setstate,
     Role::method},
    {"__deepcopy__", "(memo: Any = None) -> Any",
     "A copy with memory of its own; keeps requires_grad and grad.", deepcopy, Role::method},
    {"__copy__", "() -> Any", "Another object over the same memory.", copy, Role::method},
};

}  // namespace

void declare_pickling(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
