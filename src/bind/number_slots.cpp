// Operators of Tensor: arithmetic, comparison, conversion to Python numbers.
// Foreign operands get NotImplemented, so that their own operators have a turn; numbers never widen
// a tensor; NumPy arrays on either side become tensors.
#include "bind/convert.hpp"
#include "bind/pointwise.hpp"
#include "bind/tensor_type.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

template <const auto& Op>
PyObject* unary(PyObject* o) {
  return guard([&] {
    Operand in[] = {unwrap(o)};
    return wrap(apply_pointwise(Op.id, in));
  });
}

template <const auto& Op>
PyObject* binary(PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    Operand in[2];
    if (!operand_of(a, in[0]) || !operand_of(b, in[1])) Py_RETURN_NOTIMPLEMENTED;
    return wrap(apply_pointwise(Op.id, in));
  });
}

template <const auto& Op>
PyObject* in_place(PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    Operand in[2];
    in[0].tensor = unwrap(a);
    if (!operand_of(b, in[1])) Py_RETURN_NOTIMPLEMENTED;
    apply_pointwise_into(unwrap(a), Op.id, in);
    return Py_NewRef(a);
  });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  return guard([&]() -> PyObject* {
    if (modulus != Py_None)
      throw CallError(error_text("power", "pow(x, y, modulus) is not there for tensors", {},
                                 "write x ** y % modulus"));
    Operand in[2];
    if (!operand_of(a, in[0]) || !operand_of(b, in[1])) Py_RETURN_NOTIMPLEMENTED;
    return wrap(power_of(in[0], in[1]));
  });
}
PyObject* in_place_power(PyObject* a, PyObject* b, PyObject*) { return in_place<pw::power>(a, b); }

PyObject* divmod(PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    Operand x[2];
    if (!operand_of(a, x[0]) || !operand_of(b, x[1])) Py_RETURN_NOTIMPLEMENTED;
    Operand again[] = {x[0], x[1]};
    Object quotient = own(wrap(apply_pointwise(pw::floor_divide.id, x)));
    Object rest = own(wrap(apply_pointwise(pw::remainder.id, again)));
    return own(PyTuple_Pack(2, quotient.get(), rest.get())).release();
  });
}

PyObject* matmul(PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    Operand in[2];
    if (!operand_of(a, in[0]) || !operand_of(b, in[1])) Py_RETURN_NOTIMPLEMENTED;
    for (int i : {0, 1})
      if (!in[i].is_tensor())
        fail<ShapeError>("matmul", "both sides of @ must have at least one axis",
                         describe(in[0]) + " @ " + describe(in[1]), "multiply by a number with *");
    return wrap(ops::matmul(in[0].tensor, in[1].tensor));
  });
}
PyObject* in_place_matmul(PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    Operand in;
    if (!operand_of(b, in)) Py_RETURN_NOTIMPLEMENTED;
    if (!in.is_tensor())
      fail<ShapeError>("matmul", "both sides of @ must have at least one axis", describe(in));
    ops::assign(unwrap(a), ops::matmul(unwrap(a), in.tensor));
    return Py_NewRef(a);
  });
}

PyObject* positive(PyObject* o) { return Py_NewRef(o); }

PyObject* compare(PyObject* a, PyObject* b, int op) {
  static PyObject* (*const table[])(PyObject*, PyObject*) = {
      binary<pw::less>,      binary<pw::less_equal>, binary<pw::equal>,
      binary<pw::not_equal>, binary<pw::greater>,    binary<pw::greater_equal>};
  return table[op](a, b);
}

int truth(PyObject* o) {
  int result = -1;
  guard_status([&] {
    const Tensor& t = unwrap(o);
    if (t.numel() != 1)
      fail<ShapeError>(
          "bool", "only a tensor of one element is True or False", describe(t),
          t.numel() == 0 ? "test its size: x.numel() > 0"
                         : "say what you mean: x.any() or x.all(); for and/or element by element: "
                           "& and |, with brackets around comparisons");
    const Scalar s = scalar_value(t);
    result = s.kind >= Scalar::Kind::floating ? s.is_true() : s.i != 0;
  });
  return result;
}

[[noreturn]] void no_real(const Tensor& t) {
  fail<DTypeError>("float", "a complex number is no real one", describe(t),
                   "take x.real, or its size, abs(x); complex(x) is a Python complex");
}

PyObject* to_float(PyObject* o) {
  return guard([&] {
    const Scalar s = scalar_value(unwrap(o));
    if (s.kind == Scalar::Kind::complex) no_real(unwrap(o));
    return PyFloat_FromDouble(s.as_double());
  });
}
PyObject* to_int(PyObject* o) {
  return guard([&] {
    if (is_complex(unwrap(o).dtype())) no_real(unwrap(o));
    Object x = own(item(unwrap(o)));
    return own(PyNumber_Long(x.get())).release();
  });
}
PyObject* to_index(PyObject* o) {
  return guard([&] {
    const Tensor& t = unwrap(o);
    if (t.numel() != 1 || !is_integer(t.dtype()))
      throw CallError(error_text("index", "only an integer tensor of one element can be an index",
                                 describe(t), is_integer(t.dtype()) ? "" : "convert it: int(x)"));
    return item(t);
  });
}

template <class F>
PyType_Slot entry(int id, F* f) {
  return {id, reinterpret_cast<void*>(f)};
}

}  // namespace

std::vector<PyType_Slot> number_slots() {
  return {
      entry(Py_nb_add, binary<pw::add>),
      entry(Py_nb_subtract, binary<pw::subtract>),
      entry(Py_nb_multiply, binary<pw::multiply>),
      entry(Py_nb_true_divide, binary<pw::divide>),
      entry(Py_nb_floor_divide, binary<pw::floor_divide>),
      entry(Py_nb_remainder, binary<pw::remainder>),
      entry(Py_nb_divmod, divmod),
      entry(Py_nb_power, power),
      entry(Py_nb_matrix_multiply, matmul),
      entry(Py_nb_and, binary<pw::bitwise_and>),
      entry(Py_nb_or, binary<pw::bitwise_or>),
      entry(Py_nb_xor, binary<pw::bitwise_xor>),
      entry(Py_nb_lshift, binary<pw::bitwise_left_shift>),
      entry(Py_nb_rshift, binary<pw::bitwise_right_shift>),
      entry(Py_nb_inplace_add, in_place<pw::add>),
      entry(Py_nb_inplace_subtract, in_place<pw::subtract>),
      entry(Py_nb_inplace_multiply, in_place<pw::multiply>),
      entry(Py_nb_inplace_true_divide, in_place<pw::divide>),
      entry(Py_nb_inplace_floor_divide, in_place<pw::floor_divide>),
      entry(Py_nb_inplace_remainder, in_place<pw::remainder>),
      entry(Py_nb_inplace_power, in_place_power),
      entry(Py_nb_inplace_matrix_multiply, in_place_matmul),
      entry(Py_nb_inplace_and, in_place<pw::bitwise_and>),
      entry(Py_nb_inplace_or, in_place<pw::bitwise_or>),
      entry(Py_nb_inplace_xor, in_place<pw::bitwise_xor>),
      entry(Py_nb_inplace_lshift, in_place<pw::bitwise_left_shift>),
      entry(Py_nb_inplace_rshift, in_place<pw::bitwise_right_shift>),
      entry(Py_nb_negative, unary<pw::negative>),
      entry(Py_nb_absolute, unary<pw::abs>),
      entry(Py_nb_invert, unary<pw::bitwise_invert>),
      entry(Py_nb_positive, positive),
      entry(Py_nb_bool, truth),
      entry(Py_nb_float, to_float),
      entry(Py_nb_int, to_int),
      entry(Py_nb_index, to_index),
      entry(Py_tp_richcompare, compare),
  };
}

}  // namespace nnx::bind
