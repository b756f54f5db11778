// Subscripts, length, iteration and `in`: what Python writes in brackets becomes ops::Index.
#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/tensor_type.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;
using ops::Index;

namespace {

std::optional<std::int64_t> bound(PyObject* o) {
  if (o == Py_None) return std::nullopt;
  if (!is_integer_like(o)) {
    if (PyFloat_Check(o) || !PyIndex_Check(o))
      fail<DTypeError>("index", "the bounds of a slice must be ints",
                       short_repr(o) + " (" + type_name(o) + ")");
  }
  Object i = own(PyNumber_Index(o));
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(i.get(), &overflow);
  if (overflow) return overflow > 0 ? INT64_MAX : INT64_MIN;  // beyond every axis
  return value;
}

Index index_of_kind(Index::Kind kind) {
  Index e{};
  e.kind = kind;
  return e;
}
Index integer_index(std::int64_t i) {
  Index e = index_of_kind(Index::Kind::integer);
  e.integer = i;
  return e;
}

Index entry_of(PyObject* o) {
  if (PySlice_Check(o)) {
    const auto* s = reinterpret_cast<PySliceObject*>(o);
    Index e = index_of_kind(Index::Kind::slice);
    e.start = bound(s->start);
    e.stop = bound(s->stop);
    e.step = bound(s->step);
    if (e.step == 0) fail<ArgumentError>("index", "the step of a slice must not be 0");
    return e;
  }
  if (o == Py_None) return index_of_kind(Index::Kind::newaxis);
  if (PyBool_Check(o)) {
    Index e = index_of_kind(Index::Kind::tensor);
    e.tensor = ops::scalar_tensor(Scalar(o == Py_True), DType::boolean);
    return e;
  }
  const bool differs = is_tensor(o) && unwrap(o).lanes();  // from lane to lane
  if (!differs && is_integer_like(o)) return integer_index(to_integer(o, "index", "index"));
  if (o == Py_Ellipsis) return index_of_kind(Index::Kind::ellipsis);
  if (PyUnicode_Check(o) || PyFloat_Check(o) || PyDict_Check(o) || PyBytes_Check(o))
    fail<DTypeError>(
        "index", "an index is an int, a slice, None, ..., or an array of ints or booleans",
        short_repr(o) + " (" + type_name(o) + ")", PyFloat_Check(o) ? "convert it: int(x)" : "");
  Index e = index_of_kind(Index::Kind::tensor);
  e.tensor = as_tensor(o, {}, Copy::if_needed, "index");
  if (!is_tensor(o) && e.tensor.numel() == 0 && is_floating(e.tensor.dtype()))
    e.tensor = ops::astype(e.tensor, DType::int64);  // x[[]]
  return e;
}

std::vector<Index> index_of(PyObject* key) {
  std::vector<Index> list;
  if (PyTuple_Check(key)) {
    const Py_ssize_t n = PyTuple_GET_SIZE(key);
    if (n > 4 * kMaxRank) fail<IndexError>("index", "too many indices", std::to_string(n));
    list.reserve(static_cast<std::size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) list.push_back(entry_of(PyTuple_GET_ITEM(key, i)));
  } else {
    list.push_back(entry_of(key));
  }
  return list;
}

Tensor picked(const Tensor& t, std::int64_t i) {
  if (t.rank() == 0)
    fail<IndexError>("index", "a tensor without axes cannot be indexed", describe(t),
                     "its number is t.item()");
  return ops::select(t, 0, i);
}

PyObject* subscript(PyObject* o, PyObject* key) {
  return guard([&] {
    const Tensor& t = unwrap(o);
    if (PyLong_CheckExact(key)) return wrap(picked(t, to_integer(key, "index", "index")));
    if (key == Py_None) return wrap(ops::unsqueeze(t, 0));
    return wrap(ops::get_item(t, index_of(key)));
  });
}

bool same_window(const Tensor& a, const Tensor& b) {
  return a->storage == b->storage && a->offset == b->offset && a.dtype() == b.dtype() &&
         a.shape() == b.shape() && a.strides() == b.strides();
}
// Whether x[key] is a view.
bool is_basic(const std::vector<Index>& list) {
  for (const Index& i : list)
    if (i.kind == Index::Kind::tensor) return false;
  return true;
}

int assign_subscript(PyObject* o, PyObject* key, PyObject* value) {
  return guard_status([&] {
    const Tensor& t = unwrap(o);
    if (!value)
      throw CallError(error_text("index", "elements of a tensor cannot be deleted", {},
                                 "keep the others: x = x[mask]"));
    Operand v;
    if (!operand_of(value, v)) v = tensor_argument(value, "index", "value");
    const std::vector<Index> list = index_of(key);
    // x[i] += y has written into the view already; storing the view into itself is nothing.
    if (v.is_tensor() && v.tensor->storage == t->storage && is_basic(list)) {
      ops::GradMode off(false);
      if (same_window(ops::get_item(t, list), v.tensor)) return;
    }
    ops::set_item(t, list, v);
  });
}

Py_ssize_t length(PyObject* o) {
  Py_ssize_t n = -1;
  guard_status([&] {
    const Tensor& t = unwrap(o);
    if (t.rank() == 0)
      throw CallError(error_text("len", "a tensor without axes has no length", describe(t)));
    n = static_cast<Py_ssize_t>(t.shape(0));
  });
  return n;
}

PyObject* at(PyObject* o, Py_ssize_t i) {
  return guard([&] {
    const Tensor& t = unwrap(o);
    if (t.rank() > 0 && (i < 0 || i >= t.shape(0))) {  // ends a loop; its text is never seen
      PyErr_SetNone(PyExc_IndexError);
      throw PythonError();
    }
    return wrap(picked(t, i));
  });
}

PyObject* iterate(PyObject* o) {
  return guard([&] {
    if (unwrap(o).rank() == 0)
      throw CallError(error_text("iter", "a tensor without axes has nothing to iterate over",
                                 describe(unwrap(o)), "its number is t.item()"));
    return own(PySeqIter_New(o)).release();
  });
}

int contains(PyObject* o, PyObject* value) {
  int found = -1;
  guard_status([&] {
    Operand in[2];
    in[0] = unwrap(o);
    if (!operand_of(value, in[1])) in[1] = tensor_argument(value, "in", "the value");
    ops::GradMode off(false);
    const Tensor hits = ops::any(ops::apply(nnx::pointwise::equal.id, in));
    found = scalar_value(hits).i != 0;
  });
  return found;
}

template <class F>
PyType_Slot entry(int id, F* f) {
  return {id, reinterpret_cast<void*>(f)};
}

}  // namespace

std::vector<PyType_Slot> index_slots() {
  return {
      entry(Py_mp_length, length),
      entry(Py_mp_subscript, subscript),
      entry(Py_mp_ass_subscript, assign_subscript),
      entry(Py_sq_length, length),
      entry(Py_sq_item, at),
      entry(Py_sq_contains, contains),
      entry(Py_tp_iter, iterate),
  };
}

}  // namespace nnx::bind
