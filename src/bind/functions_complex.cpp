// Complex tensors and their parts. (conj is a pointwise declaration.)
#include "bind/families.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

PyObject* real(Args& a) { return give(ops::real(a.tensor("x"))); }
PyObject* imag(Args& a) { return give(ops::imag(a.tensor("x"))); }
PyObject* view_as_real(Args& a) { return give(ops::view_as_real(a.tensor("x"))); }
PyObject* view_as_complex(Args& a) { return give(ops::view_as_complex(a.tensor("x"))); }
PyObject* complex(Args& a) { return give(ops::complex(a.tensor("real"), a.tensor("imag"))); }
PyObject* polar(Args& a) {
  const Tensor size = a.tensor("abs"), angle = a.tensor("angle");
  return give(ops::complex(pw::multiply(size, pw::cos(angle)), pw::multiply(size, pw::sin(angle))));
}
PyObject* angle(Args& a) {
  const Tensor t = ops::angle(a.tensor("x"));
  return give(a.flag("deg", false) ? pw::multiply(t, 57.29577951308232) : t);
}
PyObject* isreal(Args& a) {
  const Tensor x = a.tensor("x");
  if (!is_complex(x.dtype())) return give(ops::full(x.shape(), true, DType::boolean, x.device()));
  return give(pw::equal(ops::imag(x), 0));
}
PyObject* iscomplex(Args& a) {
  const Tensor x = a.tensor("x");
  if (!is_complex(x.dtype())) return give(ops::full(x.shape(), false, DType::boolean, x.device()));
  return give(pw::not_equal(ops::imag(x), 0));
}
PyObject* isrealobj(Args& a) { return boolean(!is_complex(a.tensor("x").dtype())); }
PyObject* iscomplexobj(Args& a) { return boolean(is_complex(a.tensor("x").dtype())); }
PyObject* to_complex(Args& a) {
  Object x = own(item(a.self_tensor()));
  if (PyComplex_Check(x.get())) return x.release();
  return own(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyComplex_Type), x.get())).release();
}
PyObject* resolved(Args& a) { return Py_NewRef(a.self()); }
PyObject* never(Args&) { return boolean(false); }

const Definition kDefinitions[] = {
    {"real", "(x: TensorLike) -> Tensor",
     R"(The real part: a view that shares memory, or x itself when it is real.

Example:
    >>> nnx.real(nnx.tensor([1 + 2j]))
    tensor([1.])
)",
     real},
    {"imag", "(x: TensorLike) -> Tensor",
     R"(The imaginary part: a view that shares memory; zeros when x is real.

Example:
    >>> nnx.imag(nnx.tensor([1 + 2j]))
    tensor([2.])
)",
     imag},
    {"view_as_real", "(x: TensorLike) -> Tensor",
     R"(A complex tensor as pairs of real numbers, in the same memory.

Shapes: (...) complex -> (..., 2). Raises: DTypeError unless complex.

Example:
    >>> nnx.view_as_real(nnx.tensor([1 + 2j]))
    tensor([[1., 2.]])
)",
     view_as_real},
    {"view_as_complex", "(x: TensorLike) -> Tensor",
     R"(Pairs of float32 or float64 numbers as a complex tensor, in the same memory.

Shapes: (..., 2) -> (...). Raises: ShapeError unless the last axis holds adjacent pairs.

Example:
    >>> nnx.view_as_complex(nnx.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
)",
     view_as_complex},
    {"complex", "(real: TensorLike, imag: TensorLike) -> Tensor",
     R"(real + i imag, of two float32 or two float64 tensors that broadcast.

Raises: DTypeError for other dtypes or two different ones.

Example:
    >>> nnx.complex(nnx.tensor([1.0]), nnx.tensor([2.0]))
    tensor([1.+2.j])
)",
     complex},
    {"polar", "(abs: TensorLike, angle: TensorLike) -> Tensor",
     R"(abs * (cos(angle) + i sin(angle)), the angle in radians.

Example:
    >>> nnx.polar(nnx.tensor([2.0]), nnx.tensor([0.0]))
    tensor([2.+0.j])
)",
     polar},
    {"angle", "(x: TensorLike, deg: bool = False) -> Tensor",
     R"(The angle atan2(imag, real) in radians, or in degrees; of real numbers 0 or pi.

Example:
    >>> nnx.angle(nnx.tensor([1j]), deg=True)
    tensor([90.])
)",
     angle},
    {"isreal", "(x: TensorLike) -> Tensor",
     R"(Where the imaginary part is 0.

Example:
    >>> nnx.isreal(nnx.tensor([1j, 1]))
    tensor([False,  True])
)",
     isreal},
    {"iscomplex", "(x: TensorLike) -> Tensor",
     R"(Where the imaginary part is not 0; is_complex asks for the dtype.

Example:
    >>> nnx.iscomplex(nnx.tensor([1j, 1]))
    tensor([ True, False])
)",
     iscomplex},
    {"isrealobj", "(x: TensorLike) -> bool",
     R"(Whether x has a real dtype.

Example:
    >>> nnx.isrealobj(nnx.ones(1))
    True
)",
     isrealobj},
    {"iscomplexobj", "(x: TensorLike) -> bool",
     R"(Whether x has a complex dtype.

Example:
    >>> nnx.iscomplexobj(nnx.ones(1))
    False
)",
     iscomplexobj},
    {"angle", "() -> Tensor", "The angle atan2(imag, real) in radians; of real numbers 0 or pi.",
     angle, Role::method},
    {"isreal", "() -> Tensor", "Where the imaginary part is 0.", isreal, Role::method},
    {"__complex__", "() -> complex", "The only element as a Python complex.", to_complex,
     Role::method},
    {"resolve_conj", "() -> Tensor", "The tensor itself: conjugates are never left for later.",
     resolved, Role::method},
    {"resolve_neg", "() -> Tensor", "The tensor itself: signs are never left for later.", resolved,
     Role::method},
    {"is_conj", "() -> bool", "False: conjugates are never left for later.", never, Role::method},
};

}  // namespace

void declare_complex(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
