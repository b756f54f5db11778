// The properties of Tensor: see properties.hpp.
#include "bind/properties.hpp"

#include <vector>

#include "autodiff/autodiff.hpp"
#include "bind/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/cuda_array.hpp"
#include "bind/from_python.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/ops.hpp"
#include "runtime/allocator.hpp"

namespace nnx::bind {

using namespace core;

namespace {

Tensor reversed(const Tensor& t) {
  Dims axes;
  for (int i = t.rank() - 1; i >= 0; --i) axes.push_back(i);
  return t.rank() < 2 ? t : ops::permute(t, axes);
}
Tensor matrix_transposed(const Tensor& t) {
  if (t.rank() < 2)
    fail<ShapeError>("mT", "a matrix has at least two axes", describe(t),
                     t.rank() == 1 ? "make it a row, x[None, :], or a column, x[:, None]" : "");
  return ops::transpose(t, -2, -1);
}

struct Property {
  const char* name;
  const char* type;
  const char* doc;
  PyObject* (*get)(PyObject* o);
  void (*set)(PyObject* o, PyObject* value) = nullptr;
};

PyObject* integer(std::int64_t n) { return PyLong_FromLongLong(n); }

Tensor tensor_value(const char* name, PyObject* value) {
  if (!value)
    throw CallError(error_text(name, "this attribute cannot be deleted", {},
                               std::string("set it to None: t.") + name + " = None"));
  return tensor_argument(value, name, "the value");
}

const Property kProperties[] = {
    {"shape", "Size", "The length of every axis: a tuple, which also has numel().",
     [](PyObject* o) { return shape_tuple(unwrap(o).shape()).release(); }},
    {"size", "Any", "The number of elements; called, the shape: x.size(), x.size(0).",
     [](PyObject* o) { return callable_size(unwrap(o)).release(); }},
    {"ndim", "int", "The number of axes.", [](PyObject* o) { return integer(unwrap(o).rank()); }},
    {"dtype", "dtype", "The type of the elements.",
     [](PyObject* o) { return Py_NewRef(dtype_object(unwrap(o).dtype())); }},
    {"device", "device", "Where the memory is.",
     [](PyObject* o) { return device_object(unwrap(o).device()).release(); }},
    {"itemsize", "int", "Bytes per element.",
     [](PyObject* o) { return integer(static_cast<std::int64_t>(size_of(unwrap(o).dtype()))); }},
    {"nbytes", "int", "Bytes of all elements.",
     [](PyObject* o) {
       return integer(unwrap(o).numel() * static_cast<std::int64_t>(size_of(unwrap(o).dtype())));
     }},
    {"strides", "tuple[int, ...]",
     "Bytes from one element to the next, along every axis; "
     "stride() counts elements.",
     [](PyObject* o) {
       const Tensor& t = unwrap(o);
       Object all = own(PyTuple_New(t.rank()));
       for (int i = 0; i < t.rank(); ++i)
         PyTuple_SET_ITEM(all.get(), i,
                          integer(t.stride(i) * static_cast<std::int64_t>(size_of(t.dtype()))));
       return all.release();
     }},
    {"T", "Tensor", "A view with the axes in reverse order, as NumPy's; mT swaps the last two.",
     [](PyObject* o) { return wrap(reversed(unwrap(o))); }},
    {"mT", "Tensor", "A view with the last two axes swapped.",
     [](PyObject* o) { return wrap(matrix_transposed(unwrap(o))); }},
    {"H", "Tensor", "The conjugate transpose of a matrix, a view where the numbers are real.",
     [](PyObject* o) { return wrap(ops::conj(matrix_transposed(unwrap(o)))); }},
    {"mH", "Tensor", "The conjugate transpose of the last two axes.",
     [](PyObject* o) { return wrap(ops::conj(matrix_transposed(unwrap(o)))); }},
    {"real", "Tensor", "The real part, a view; of real numbers the tensor itself. (writable)",
     [](PyObject* o) {
       return is_complex(unwrap(o).dtype()) ? wrap(ops::real(unwrap(o))) : Py_NewRef(o);
     },
     [](PyObject* o, PyObject* value) {
       ops::assign(ops::real(unwrap(o)), tensor_value("real", value));
     }},
    {"imag", "Tensor", "The imaginary part, a view; of real numbers zeros. (writable)",
     [](PyObject* o) { return wrap(ops::imag(unwrap(o))); },
     [](PyObject* o, PyObject* value) {
       if (!is_complex(unwrap(o).dtype()))
         fail<DTypeError>("imag", "real numbers have no imaginary part to write",
                          describe(unwrap(o)), "make it complex first: x.to(nnx.complex64)");
       ops::assign(ops::imag(unwrap(o)), tensor_value("imag", value));
     }},
    {"is_cuda", "bool", "True if the memory is on a CUDA device.",
     [](PyObject* o) { return boolean(unwrap(o).device().kind == DeviceKind::cuda); }},
    {"requires_grad", "bool", "Whether operations on it are followed for gradients. (writable)",
     [](PyObject* o) { return boolean(autodiff::requires_grad(unwrap(o))); },
     [](PyObject* o, PyObject* value) {
       if (!value) throw CallError(error_text("requires_grad", "this attribute cannot be deleted"));
       autodiff::set_requires_grad(unwrap(o), to_flag(value, "requires_grad", "requires_grad"));
     }},
    {"is_leaf", "bool", "True if no followed operation made it.",
     [](PyObject* o) { return boolean(autodiff::is_leaf(unwrap(o))); }},
    {"grad", "Tensor | None", "The gradient that backward() has added up so far. (writable)",
     [](PyObject* o) { return wrap(autodiff::grad_of(unwrap(o))); },
     [](PyObject* o, PyObject* value) {
       autodiff::set_grad(unwrap(o),
                          !value || value == Py_None ? Tensor() : tensor_value("grad", value));
     }},
    {"grad_fn", "Any", "What made it: an object with name(); None for a leaf.",
     [](PyObject* o) { return producer_object(unwrap(o)); }},
    {"data", "Tensor",
     "The same memory outside the graph; writes through it are not noticed. (writable)",
     [](PyObject* o) { return wrap(data_of(unwrap(o))); },
     [](PyObject* o, PyObject* value) { set_data(unwrap(o), tensor_value("data", value)); }},
    {"_version", "int", "How often the memory was written in place.",
     [](PyObject* o) { return integer(unwrap(o).version()); }},
    {"__cuda_array_interface__", "dict[str, Any]",
     "The memory of a tensor on a CUDA device, as Numba and others take it.",
     [](PyObject* o) { return cuda_array_interface(unwrap(o)); }},
    {"__array_priority__", "float", "Binary operators of NumPy leave the result to us.",
     [](PyObject*) { return PyFloat_FromDouble(1000); }},
};

PyObject* get(PyObject* o, void* property) {
  return guard([&] { return static_cast<const Property*>(property)->get(o); });
}
int set(PyObject* o, PyObject* value, void* property) {
  return guard_status([&] { static_cast<const Property*>(property)->set(o, value); });
}

// The owner that a second Storage over the same memory keeps alive.
Ref<Storage> second_storage(const Ref<Storage>& s) {
  auto owner = std::make_unique<Ref<Storage>>(s);
  const auto drop = [](void* p) { delete static_cast<Ref<Storage>*>(p); };
  Ref<Storage> made = runtime::adopt(s->data, s->bytes, s->device, owner.get(), drop, s->writable);
  static_cast<void>(owner.release());
  return made;
}

}  // namespace

Tensor data_of(const Tensor& t) {
  Tensor d(second_storage(t->storage), t->offset, t.shape(), t.strides(), t.dtype());
  if (t.lanes()) d->lanes = std::make_unique<const Lanes>(*t.lanes());
  return d;
}

void set_data(const Tensor& t, const Tensor& value) {
  if (autodiff::requires_grad(t) && !is_differentiable(value.dtype()))
    fail<DTypeError>("data", "a tensor that requires a gradient needs floating data",
                     describe(value));
  if (t.lanes() || value.lanes())
    fail<VmapError>("data", "inside vmap a tensor's data cannot be replaced", describe(t),
                    "make a new tensor");
  if (!autodiff::is_leaf(t))
    fail<GradientError>("data", "only a leaf can be given other data", describe(t),
                        "use t.copy_(value)");
  const bool same = t->storage->data == value->storage->data && t->offset == value->offset &&
                    t.strides() == value.strides() && t.shape() == value.shape() &&
                    t.dtype() == value.dtype();
  if (same) return;  // t.data -= step ends here
  Ref<Storage> storage = second_storage(value->storage);
  storage->version = t.version() + 1;  // whoever kept t for a gradient must notice
  TensorImpl* impl = t.impl();
  if (Tensor g = autodiff::grad_of(t);
      g && (!(g.shape() == value.shape()) || g.dtype() != value.dtype()))
    autodiff::set_grad(t, Tensor());
  impl->storage = std::move(storage);
  impl->offset = value->offset;
  impl->shape = value.shape();
  impl->strides = value.strides();
  impl->numel = value.numel();
  impl->dtype = value.dtype();
  impl->contiguous = value.contiguous();
}

PyGetSetDef* tensor_properties() noexcept {
  static std::vector<PyGetSetDef> list;
  if (list.empty()) {
    for (const Property& p : kProperties)
      list.push_back({p.name, get, p.set ? set : nullptr, p.doc, const_cast<Property*>(&p)});
    list.push_back({nullptr, nullptr, nullptr, nullptr, nullptr});
  }
  return list.data();
}

void list_properties(PyObject* declarations) {
  for (const Property& p : kProperties) {
    const std::string signature = std::string("() -> ") + p.type;
    Object entry = own(Py_BuildValue("{ssssssssss}", "name", p.name, "kind", "property", "owner",
                                     "Tensor", "signature", signature.c_str(), "doc", p.doc));
    checked(PyList_Append(declarations, entry.get()));
  }
}

}  // namespace nnx::bind
