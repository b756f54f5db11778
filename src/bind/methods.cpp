// Methods of Tensor that belong to no family: values, memory, in-place filling and copying,
// comparison of whole tensors.
#include <cmath>
#include <limits>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/properties.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

PyObject* fast_item(const Definition&, PyObject* const* args, Py_ssize_t n) {
  return n == 1 && is_tensor(args[0]) ? item(unwrap(args[0])) : nullptr;
}
PyObject* item_method(Args& a) {
  if (!a.rest()) return item(a.self_tensor());
  Tensor t = a.self_tensor();
  const Dims at = a.rest_dims("indices");
  const ops::GradMode off(false);
  if (at.size() == 1) return item(ops::select(ops::reshape(t, Shape{-1}), 0, at[0]));
  if (at.size() != t.rank())
    fail<IndexError>(a.op(), "item takes one index per axis",
                     to_string(at) + " for " + describe(t));
  for (const std::int64_t i : at) t = ops::select(t, 0, i);
  return item(t);
}
PyObject* tolist_method(Args& a) { return tolist(a.self_tensor()); }
PyObject* numel(Args& a) { return PyLong_FromLongLong(a.self_tensor().numel()); }
PyObject* dim(Args& a) { return PyLong_FromLong(a.self_tensor().rank()); }
PyObject* stride(Args& a) {
  const Tensor& t = a.self_tensor();
  if (a.given("axis"))
    return PyLong_FromLongLong(t.stride(normal_axis(a.integer("axis"), t.rank(), a.op())));
  return plain_tuple(t.strides()).release();
}
PyObject* storage_offset(Args& a) { return PyLong_FromLongLong(a.self_tensor()->offset); }
PyObject* data_ptr(Args& a) { return PyLong_FromVoidPtr(a.self_tensor().bytes()); }
PyObject* is_contiguous(Args& a) { return boolean(a.self_tensor().contiguous()); }
PyObject* get_device(Args& a) {
  const Device d = a.self_tensor().device();
  return PyLong_FromLong(d.kind == DeviceKind::cpu ? -1 : d.index);
}
PyObject* is_tensor_shared(Args& a) {
  return boolean(a.self_tensor()->storage == a.tensor("y")->storage);
}

// --- in place ----------------------------------------------------------------------------------
PyObject* fill_(Args& a) {
  Operand v = a.operand("fill_value");
  if (v.is_tensor()) {
    if (v.tensor.numel() != 1)
      fail<ShapeError>(a.op(), "the value must be one number", describe(v.tensor));
    ops::assign(a.self_tensor(), ops::reshape(v.tensor, Shape{}), a.op());
  } else {
    ops::assign(a.self_tensor(), v, a.op());
  }
  return Py_NewRef(a.self());
}
PyObject* zero_(Args& a) {
  ops::assign(a.self_tensor(), Operand(0));
  return Py_NewRef(a.self());
}
PyObject* copy_(Args& a) {
  ops::assign(a.self_tensor(), a.operand("values"));
  return Py_NewRef(a.self());
}
PyObject* fill_diagonal_(Args& a) {
  ops::assign(ops::diagonal(a.self_tensor(), 0, 0, 1), Operand(a.scalar("fill_value")), a.op());
  return Py_NewRef(a.self());
}
// Keeps the object and gives it the memory, shape and history of a view of itself.
PyObject* become(Args& a, const Tensor& view) {
  const Tensor& t = a.self_tensor();
  if (autodiff::requires_grad(t))
    fail<GradientError>(a.op(),
                        "the shape of a tensor that requires a gradient is not changed in place",
                        describe(t), "use the method without the underscore");
  TensorImpl* impl = t.impl();
  impl->offset = view->offset;
  impl->shape = view.shape();
  impl->strides = view.strides();
  impl->numel = view.numel();
  impl->contiguous = view.contiguous();
  return Py_NewRef(a.self());
}
PyObject* unsqueeze_(Args& a) {
  return become(a, ops::unsqueeze(ops::detach(a.self_tensor()), a.integer("axis")));
}
PyObject* squeeze_(Args& a) {
  return become(a, ops::squeeze(ops::detach(a.self_tensor()), a.axes(), false));
}
PyObject* transpose_(Args& a) {
  return become(
      a, ops::transpose(ops::detach(a.self_tensor()), a.integer("dim0"), a.integer("axis1")));
}
PyObject* t_(Args& a) {
  if (a.self_tensor().rank() != 2)
    fail<ShapeError>(a.op(), "t_ is for matrices", describe(a.self_tensor()));
  return become(a, ops::transpose(ops::detach(a.self_tensor()), 0, 1));
}
PyObject* resized(Args& a, const Shape& s) {
  if (count(s) > a.self_tensor().numel())
    fail<ShapeError>(a.op(), "a tensor cannot be enlarged in place",
                     to_string(s) + " from " + describe(a.self_tensor()), "use nnx.zeros(...)");
  const Tensor flat = ops::reshape(ops::detach(a.self_tensor()), Shape{-1});
  return become(a, ops::reshape(ops::slice(flat, 0, 0, count(s), 1), s));
}
PyObject* resize_(Args& a) { return resized(a, a.rest_dims("shape")); }
PyObject* resize_as_(Args& a) { return resized(a, a.tensor("y").shape()); }
PyObject* detach_(Args& a) {
  const Tensor& t = a.self_tensor();
  if (autodiff::is_leaf(t)) {
    autodiff::set_requires_grad(t, false);
  } else {
    t->grad_record.reset();
    t->requires_grad = false;
  }
  return Py_NewRef(a.self());
}

// x + value * a * b, x + value * a / b, x + w (y - x)
Tensor addc(Args& a, int id) {
  Operand in[] = {a.operand("tensor1"), a.operand("y")};
  Tensor p = ops::apply(id, in);
  if (a.given("fill_value")) p = pw::multiply(p, a.scalar("fill_value"));
  return p;
}
PyObject* addcmul(Args& a) { return give(pw::add(a.tensor("x"), addc(a, pw::multiply.id))); }
PyObject* addcdiv(Args& a) { return give(pw::add(a.tensor("x"), addc(a, pw::divide.id))); }
PyObject* add_into(Args& a, const Tensor& what) {
  Operand in[] = {a.self_tensor(), what};
  ops::apply_into(a.self_tensor(), pw::add.id, in);
  return Py_NewRef(a.self());
}
PyObject* addcmul_(Args& a) { return add_into(a, addc(a, pw::multiply.id)); }
PyObject* addcdiv_(Args& a) { return add_into(a, addc(a, pw::divide.id)); }
Tensor lerp_step(Args& a) {
  Operand d[] = {a.operand("stop"), a.operand("x")};
  Operand w[] = {ops::apply(pw::subtract.id, d), a.operand("weight")};
  return ops::apply(pw::multiply.id, w);
}
PyObject* lerp(Args& a) { return give(pw::add(a.tensor("x"), lerp_step(a))); }
PyObject* lerp_(Args& a) { return add_into(a, lerp_step(a)); }

// One bound of clip, whose gradient passes at the bound; with the other one infinite, which
// integers cannot say (and need not, having no gradient).
template <bool Low, bool InPlace>
PyObject* clamp_one(Args& a) {
  const Tensor& x = a.self_tensor();
  const Operand bound = a.operand(Low ? "min" : "max");
  constexpr double inf = std::numeric_limits<double>::infinity();
  const bool floating = is_floating(x.dtype());
  Operand in[] = {x, bound, bound};
  if (floating) in[Low ? 2 : 1] = Operand(Low ? inf : -inf);
  const int id = floating ? pw::clip.id : Low ? pw::maximum.id : pw::minimum.id;
  const std::span<Operand> operands(in, floating ? 3 : 2);
  if (!InPlace) return give(ops::apply(id, operands));
  ops::apply_into(x, id, operands);
  return Py_NewRef(a.self());
}
PyObject* logit(Args& a) {
  Tensor x = a.tensor("x");
  if (!is_differentiable(x.dtype())) x = ops::astype(x, default_dtype());
  if (a.given(
          "eps")) {  // no clip: above 1/2 the bounds cross, and PyTorch asks for the lower first
    const double low = a.real("eps"), high = 1 - low;
    const Tensor from_above = pw::where(pw::greater(x, high), high, x);
    x = pw::where(pw::less(x, low), low, from_above);
  }
  return give(pw::subtract(pw::log(x), pw::log1p(pw::negative(x))));
}
PyObject* polygamma(Args& a) {
  return give(pw::polygamma(static_cast<double>(a.integer("n")), a.tensor("x")));
}
PyObject* mvlgamma(Args& a) {
  Tensor x = a.tensor("x");
  const std::int64_t p = a.integer("p");
  if (p < 1) fail<ArgumentError>(a.op(), "p must be at least 1", std::to_string(p));
  if (!is_floating(x.dtype())) x = ops::astype(x, default_dtype());
  Tensor sum = pw::lgamma(x);
  for (std::int64_t i = 1; i < p; ++i)
    sum = pw::add(sum, pw::lgamma(pw::subtract(x, 0.5 * static_cast<double>(i))));
  constexpr double log_pi = 1.1447298858494002;
  return give(pw::add(sum, 0.25 * static_cast<double>(p * (p - 1)) * log_pi));
}
Tensor cleaned(Args& a, const Tensor& x);
PyObject* nan_to_num(Args& a) {
  const Tensor x = a.tensor("x");
  if (is_complex(x.dtype())) return give(ops::view_as_complex(cleaned(a, ops::view_as_real(x))));
  return give(cleaned(a, x));
}
Tensor cleaned(Args& a, const Tensor& x) {
  if (!is_floating(x.dtype())) return ops::clone(x);
  const double largest = x.dtype() == DType::float16    ? 65504
                         : x.dtype() == DType::bfloat16 ? 0x1.fep127
                         : x.dtype() == DType::float32  ? 0x1.fffffep127
                                                        : 0x1.fffffffffffffp1023;
  const double high = a.given("posinf") ? a.real("posinf") : largest,
               low = a.given("neginf") ? a.real("neginf") : -largest;
  const double hole = a.given("nan") ? a.real("nan") : 0;
  Tensor y = pw::where(pw::isnan(x), hole, x);
  y = pw::where(pw::equal(x, INFINITY), high, y);
  return pw::where(pw::equal(x, -INFINITY), low, y);
}
PyObject* frac(Args& a) {
  const Tensor x = a.tensor("x");
  return give(pw::subtract(x, pw::trunc(x)));
}
PyObject* positive(Args& a) { return give(a.tensor("x")); }

// --- comparison of whole tensors ---------------------------------------------------------------
Tensor close(Args& a) {
  const double rtol = a.real("rtol", 1e-5), atol = a.real("atol", 1e-8);
  if (!(rtol >= 0) || !(atol >= 0))
    fail<ArgumentError>(a.op(), "tolerances must not be negative",
                        std::to_string(rtol) + ", " + std::to_string(atol));
  const ops::GradMode off(false);
  Operand operands[] = {a.operand("x"), a.operand("y")};
  DType wide = DType::float64;
  for (Operand& o : operands) {
    if (!o.is_tensor()) o = ops::scalar_tensor(o.scalar, o.scalar.dtype());
    if (is_complex(o.tensor.dtype())) wide = DType::complex128;
  }
  for (Operand& o : operands) o = ops::astype(o.tensor, wide);
  const Tensor &x = operands[0].tensor, &y = operands[1].tensor;
  const Tensor bound = pw::add(atol, pw::multiply(pw::abs(y), rtol));
  Tensor same = pw::logical_or(
      pw::equal(x, y),
      pw::logical_and(pw::isfinite(y), pw::less_equal(pw::abs(pw::subtract(x, y)), bound)));
  if (a.flag("equal_nan", false))
    same = pw::logical_or(same, pw::logical_and(pw::isnan(x), pw::isnan(y)));
  return same;
}
PyObject* isclose(Args& a) { return give(close(a)); }
PyObject* allclose(Args& a) { return boolean(scalar_value(ops::all(close(a))).i != 0); }
PyObject* array_equal(Args& a) {
  const ops::GradMode off(false);
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  if (!(x.shape() == y.shape())) return boolean(false);
  Tensor same = pw::equal(x, y);
  if (a.flag("equal_nan", false))
    same = pw::logical_or(same, pw::logical_and(pw::not_equal(x, x), pw::not_equal(y, y)));
  return boolean(scalar_value(ops::all(same)).i != 0);
}

PyObject* numel_function(Args& a) { return PyLong_FromLongLong(a.tensor("x").numel()); }

const Definition kDefinitions[] = {
    {"item", "(*indices: int) -> Any", R"(The element of a tensor of one element as a Python number.

Raises: ShapeError for more elements.

Example:
    >>> nnx.tensor([2.5]).item()
    2.5
)",
     item_method, Role::method, fast_item},
    {"tolist", "() -> Any", "The elements as nested Python lists.", tolist_method, Role::method},
    {"numel", "() -> int", "The number of elements.", numel, Role::method},
    {"nelement", "() -> int", "The number of elements.", numel, Role::method},
    {"dim", "() -> int", "The number of axes.", dim, Role::method},
    {"ndimension", "() -> int", "The number of axes.", dim, Role::method},
    {"stride", "(dim: int | None = None) -> Any",
     "Steps in memory between neighbours along the axes, in elements.", stride, Role::method},
    {"storage_offset", "() -> int", "Where the first element is in the memory, in elements.",
     storage_offset, Role::method},
    {"data_ptr", "() -> int", "The address of the first element.", data_ptr, Role::method},
    {"is_contiguous", "(memory_format: Any = None) -> bool", "Whether the memory is row-major.",
     is_contiguous, Role::method},
    {"get_device", "() -> int", "The number of the CUDA device, -1 on the CPU.", get_device,
     Role::method},
    {"shares_memory_with", "(other: Tensor) -> bool", "Whether both are windows on one memory.",
     is_tensor_shared, Role::method},
    {"fill_", "(value: TensorLike) -> Tensor", "Writes one value everywhere.", fill_, Role::method},
    {"zero_", "() -> Tensor", "Writes 0 everywhere.", zero_, Role::method},
    {"copy_", "(source: TensorLike, non_blocking: bool = False) -> Tensor",
     "Overwrites the elements with others, broadcast and converted.", copy_, Role::method},
    {"fill_diagonal_", "(value: Scalar) -> Tensor", "Writes a value on the diagonal.",
     fill_diagonal_, Role::method},
    {"unsqueeze_", "(dim: int) -> Tensor", "unsqueeze, in place.", unsqueeze_, Role::method},
    {"squeeze_", "(dim: Axis = None) -> Tensor", "squeeze, in place.", squeeze_, Role::method},
    {"transpose_", "(dim0: int, dim1: int) -> Tensor", "transpose, in place.", transpose_,
     Role::method},
    {"t_", "() -> Tensor", "t, in place.", t_, Role::method},
    {"resize_", "(*size: ShapeLike) -> Tensor",
     "Another shape with at most as many elements, in place.", resize_, Role::method},
    {"resize_as_", "(other: Tensor, *, memory_format: Any = None) -> Tensor",
     "The shape of another tensor with at most as many elements, in place.", resize_as_,
     Role::method},
    {"detach_", "() -> Tensor", "Takes the tensor out of the graph, in place.", detach_,
     Role::method},
    {"addcmul", "(tensor1: TensorLike, tensor2: TensorLike, *, value: Scalar = 1) -> Tensor",
     "x + value * tensor1 * tensor2.", addcmul, Role::method},
    {"addcdiv", "(tensor1: TensorLike, tensor2: TensorLike, *, value: Scalar = 1) -> Tensor",
     "x + value * tensor1 / tensor2.", addcdiv, Role::method},
    {"addcmul_", "(tensor1: TensorLike, tensor2: TensorLike, *, value: Scalar = 1) -> Tensor",
     "x += value * tensor1 * tensor2.", addcmul_, Role::method},
    {"addcdiv_", "(tensor1: TensorLike, tensor2: TensorLike, *, value: Scalar = 1) -> Tensor",
     "x += value * tensor1 / tensor2.", addcdiv_, Role::method},
    {"lerp", "(x: TensorLike, end: TensorLike, weight: TensorLike) -> Tensor",
     R"(x + weight (end - x).

Example:
    >>> nnx.lerp(nnx.tensor([0.0]), nnx.tensor([10.0]), 0.5)
    tensor([5.])
)",
     lerp},
    {"lerp", "(end: TensorLike, weight: TensorLike) -> Tensor", "x + weight (end - x).", lerp,
     Role::method},
    {"lerp_", "(end: TensorLike, weight: TensorLike) -> Tensor", "x += weight (end - x).", lerp_,
     Role::method},
    {"clamp_min", "(min: TensorLike) -> Tensor", "Not below min.", clamp_one<true, false>,
     Role::method},
    {"clamp_max", "(max: TensorLike) -> Tensor", "Not above max.", clamp_one<false, false>,
     Role::method},
    {"clamp_min_", "(min: TensorLike) -> Tensor", "Not below min, in place.", clamp_one<true, true>,
     Role::method},
    {"clamp_max_", "(max: TensorLike) -> Tensor", "Not above max, in place.",
     clamp_one<false, true>, Role::method},
    {"logit", "(x: TensorLike, eps: float | None = None) -> Tensor",
     R"(log(x / (1 - x)), the inverse of sigmoid; eps clips x to [eps, 1 - eps] first.

Example:
    >>> nnx.logit(nnx.tensor([0.5]))
    tensor([0.])
)",
     logit},
    {"logit", "(eps: float | None = None) -> Tensor", "log(x / (1 - x)), the inverse of sigmoid.",
     logit, Role::method},
    {"polygamma", "(n: int) -> Tensor", "The n-th derivative of digamma.", polygamma, Role::method},
    {"mvlgamma", "(x: TensorLike, p: int) -> Tensor",
     R"(The logarithm of the multivariate gamma function of dimension p.

p (p - 1) / 4 ln(pi) + sum over j < p of lgamma(x - j / 2)

Raises: ArgumentError for p below 1.

Example:
    >>> nnx.mvlgamma(nnx.tensor([1.0, 2.0]), 1)
    tensor([0., 0.])
)",
     mvlgamma},
    {"mvlgamma", "(p: int) -> Tensor", "The logarithm of the multivariate gamma function.",
     mvlgamma, Role::method},
    {"nan_to_num",
     "(x: TensorLike, nan: float | None = None, posinf: float | None = None, neginf: float | None "
     "= None) -> Tensor",
     R"(NaN replaced by 0, infinities by the largest numbers of the dtype, or by the values given.

Example:
    >>> nnx.nan_to_num(nnx.tensor([1.0, float('nan')]))
    tensor([1., 0.])
)",
     nan_to_num},
    {"nan_to_num",
     "(nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> "
     "Tensor",
     "NaN and infinities replaced by numbers.", nan_to_num, Role::method},
    {"frac", "(x: TensorLike) -> Tensor", R"(x - trunc(x).

Example:
    >>> nnx.frac(nnx.tensor([2.5]))
    tensor([0.5])
)",
     frac},
    {"frac", "() -> Tensor", "x - trunc(x).", frac, Role::method},
    {"positive", "(x: TensorLike) -> Tensor", R"(x itself.

Example:
    >>> nnx.positive(nnx.tensor([-1]))
    tensor([-1])
)",
     positive},
    {"isclose",
     "(x: TensorLike, y: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = "
     "False) -> Tensor",
     R"(|x - y| <= atol + rtol |y|, element by element.

Raises: ArgumentError for negative tolerances.

Example:
    >>> nnx.isclose(nnx.tensor([1.0]), nnx.tensor([1.0 + 1e-7]))
    tensor([ True])
)",
     isclose},
    {"isclose",
     "(other: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> "
     "Tensor",
     "|x - other| <= atol + rtol |other|, element by element.", isclose, Role::method},
    {"allclose",
     "(x: TensorLike, y: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = "
     "False) -> bool",
     R"(Whether |x - y| <= atol + rtol |y| for all elements.

Raises: ArgumentError for negative tolerances.

Example:
    >>> nnx.allclose(nnx.tensor([1.0]), nnx.tensor([1.1]))
    False
)",
     allclose},
    {"allclose",
     "(other: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> "
     "bool",
     "Whether |x - other| <= atol + rtol |other| for all elements.", allclose, Role::method},
    {"array_equal", "(x: TensorLike, y: TensorLike, equal_nan: bool = False) -> bool",
     R"(Whether two tensors have the same shape and elements.

Example:
    >>> nnx.array_equal(nnx.tensor([1, 2]), nnx.tensor([1, 2]))
    True
)",
     array_equal},
    {"equal", "(other: TensorLike) -> bool",
     "Whether the other tensor has the same shape and elements, as one bool.", array_equal,
     Role::method},
    {"numel", "(x: TensorLike) -> int", R"(The number of elements.

Example:
    >>> nnx.numel(nnx.zeros(2, 3))
    6
)",
     numel_function},
};

}  // namespace

void declare_tensor_methods(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
