// Products of matrices and tensors.
#include <algorithm>

#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

PyObject* fast_matmul(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 2 || !is_tensor(args[0]) || !is_tensor(args[1])) return nullptr;
  return wrap(ops::matmul(unwrap(args[0]), unwrap(args[1])));
}
PyObject* matmul(Args& a) { return give(ops::matmul(a.tensor("x"), a.tensor("y"))); }

// mm, bmm, mv, dot of PyTorch: matmul of one rank only.
void need_ranks(Args& a, const Tensor& x, const Tensor& y, int p, int q) {
  if (x.rank() != p || y.rank() != q)
    fail<ShapeError>(
        a.op(), "this product takes " + std::to_string(p) + " and " + std::to_string(q) + " axes",
        "x " + describe(x) + ", y " + describe(y), "use matmul, or @, for any");
}
template <int P, int Q>
PyObject* ranked(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  need_ranks(a, x, y, P, Q);
  return give(ops::matmul(x, y));
}

// The axes of x but those named, then those named.
Dims order_of(int rank, const Dims& last, bool contracted_first) {
  Dims rest, out;
  for (int i = 0; i < rank; ++i)
    if (!last.contains(i)) rest.push_back(i);
  const Dims &first = contracted_first ? last : rest, &second = contracted_first ? rest : last;
  for (const std::int64_t i : first) out.push_back(i);
  for (const std::int64_t i : second) out.push_back(i);
  return out;
}
Tensor contracted(const Tensor& x, const Tensor& y, Dims xs, Dims ys, const char* op) {
  if (xs.size() != ys.size())
    fail<ShapeError>(op, "equally many axes of both must be named",
                     to_string(xs) + " and " + to_string(ys));
  Shape result;
  std::int64_t inner = 1;
  for (int i = 0; i < xs.size(); ++i) {
    xs[i] = normal_axis(xs[i], x.rank(), op);
    ys[i] = normal_axis(ys[i], y.rank(), op);
    if (x.shape(static_cast<int>(xs[i])) != y.shape(static_cast<int>(ys[i])))
      fail<ShapeError>(op, "axes summed over must have the same length",
                       "x " + describe(x) + ", y " + describe(y));
    inner *= x.shape(static_cast<int>(xs[i]));
  }
  const Tensor p = ops::permute(x, order_of(x.rank(), xs, false)),
               q = ops::permute(y, order_of(y.rank(), ys, true));
  std::int64_t rows = 1, columns = 1;
  for (int i = 0; i < x.rank() - xs.size(); ++i) {
    result.push_back(p.shape(i));
    rows *= p.shape(i);
  }
  for (int i = ys.size(); i < y.rank(); ++i) {
    result.push_back(q.shape(i));
    columns *= q.shape(i);
  }
  return ops::reshape(
      ops::matmul(ops::reshape(p, Shape{rows, inner}), ops::reshape(q, Shape{inner, columns})),
      result);
}

PyObject* tensordot(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  PyObject* o = a.object("axis");
  if (!o || is_integer_like(o)) {
    const std::int64_t n = o ? to_integer(o, a.op(), "axes") : 2;
    if (n < 0 || n > x.rank() || n > y.rank())
      fail<ArgumentError>(
          a.op(), "axes must be in [0, " + std::to_string(std::min(x.rank(), y.rank())) + "]",
          std::to_string(n));
    Dims xs, ys;
    for (std::int64_t i = 0; i < n; ++i) {
      xs.push_back(x.rank() - n + i);
      ys.push_back(i);
    }
    return give(contracted(x, y, xs, ys, a.op()));
  }
  Object pair = own(PySequence_Fast(o, "axes must be an int or two sequences of ints"));
  if (PySequence_Fast_GET_SIZE(pair.get()) != 2)
    fail<ArgumentError>(a.op(), "axes must be an int or two sequences of ints", short_repr(o));
  return give(contracted(x, y, to_dims(PySequence_Fast_GET_ITEM(pair.get(), 0), a.op(), "axes"),
                         to_dims(PySequence_Fast_GET_ITEM(pair.get(), 1), a.op(), "axes"), a.op()));
}

// NumPy's dot: numbers multiply, vectors contract, matrices multiply, the rest contracts the last
// axis of x with the second-to-last of y.
PyObject* dot(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  if (x.rank() == 0 || y.rank() == 0) return give(pw::multiply(x, y));
  if (x.rank() <= 2 && y.rank() <= 2) return give(ops::matmul(x, y));
  return give(contracted(x, y, Dims{-1}, Dims{y.rank() > 1 ? -2 : -1}, a.op()));
}
PyObject* inner(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  if (x.rank() == 0 || y.rank() == 0) return give(pw::multiply(x, y));
  return give(contracted(x, y, Dims{-1}, Dims{-1}, a.op()));
}
PyObject* outer(Args& a) {
  return give(pw::multiply(ops::reshape(a.tensor("x"), Shape{-1, 1}),
                           ops::reshape(a.tensor("y"), Shape{1, -1})));
}
PyObject* vecdot(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  const Tensor products = pw::multiply(ops::conj(x), y);
  const int axis = normal_axis(a.integer("axis", -1), products.rank(), a.op());
  const int from_end = axis - products.rank();
  const bool there = x.rank() >= -from_end && y.rank() >= -from_end;
  if (!there || x.shape(from_end) != y.shape(from_end))
    fail<ShapeError>(a.op(), "both must have the axis that is summed over, with the same length",
                     "x " + describe(x) + ", y " + describe(y));
  return give(ops::sum(products, Dims{axis}, false, products.dtype()));
}
PyObject* kron(Args& a) {
  Tensor x = a.tensor("x"), y = a.tensor("y");
  const int rank = std::max(x.rank(), y.rank());
  if (2 * rank > kMaxRank)
    fail<ShapeError>(a.op(), "too many axes", describe(x) + ", " + describe(y));
  while (x.rank() < rank) x = ops::unsqueeze(x, 0);
  while (y.rank() < rank) y = ops::unsqueeze(y, 0);
  Shape result;
  for (int i = rank - 1; i >= 0; --i) x = ops::unsqueeze(x, i + 1);
  for (int i = rank - 1; i >= 0; --i) y = ops::unsqueeze(y, i);
  for (int i = 0; i < rank; ++i) result.push_back(x.shape(2 * i) * y.shape(2 * i + 1));
  return give(ops::reshape(pw::multiply(x, y), result));
}
PyObject* cross(Args& a) {
  const Tensor x = a.tensor("x"), y = a.tensor("y");
  const Shape s = broadcast(x.shape(), y.shape(), a.op());
  const int axis = normal_axis(a.integer("axis", -1), s.size(), a.op());
  if (s[axis] != 3)
    fail<ShapeError>(a.op(), "vectors must have three components",
                     describe(x) + ", " + describe(y));
  const Tensor u = ops::expand(x, s), v = ops::expand(y, s);
  const auto part = [&](const Tensor& t, int i) { return ops::select(t, axis, i); };
  std::vector<Tensor> out;
  for (int i = 0; i < 3; ++i) {
    const int j = (i + 1) % 3, k = (i + 2) % 3;
    out.push_back(
        pw::subtract(pw::multiply(part(u, j), part(v, k)), pw::multiply(part(u, k), part(v, j))));
  }
  return give(ops::stack(out, axis));
}

PyObject* einsum(Args& a) {
  Object rest = a.rest() ? Object::borrow(a.rest()) : own(PyTuple_New(0));
  if (PyTuple_GET_SIZE(rest.get()) == 1 && (PyList_Check(PyTuple_GET_ITEM(rest.get(), 0)) ||
                                            PyTuple_Check(PyTuple_GET_ITEM(rest.get(), 0))))
    rest = own(PySequence_Tuple(PyTuple_GET_ITEM(rest.get(), 0)));
  std::vector<Tensor> in;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(rest.get()); ++i)
    in.push_back(tensor_argument(PyTuple_GET_ITEM(rest.get(), i), a.op(), "operands"));
  return give(ops::einsum(a.string("subscripts", ""), in));
}

PyObject* addmm(Args& a) {  // beta * input + alpha * (mat1 @ mat2)
  Tensor p = ops::matmul(a.tensor("mat1"), a.tensor("y"));
  Tensor x = a.tensor("x");
  if (a.given("alpha")) p = pw::multiply(p, a.scalar("alpha"));
  if (a.given("beta")) x = pw::multiply(x, a.scalar("beta"));
  return give(pw::add(x, p));
}

constexpr const char* kTwo = "(x: TensorLike, y: TensorLike) -> Tensor";
constexpr const char* kOther = "(other: TensorLike) -> Tensor";
constexpr const char* kMatmulDoc = R"(The matrix product, of any number of matrices at once: x @ y.

y_ik = sum_j a_ij b_jk

Shapes: x (..., n, k), y (..., k, m) -> (..., n, m), first axes broadcast; a vector is a row on the
left and a column on the right.
dtypes: promoted.

Raises: ShapeError where the shapes do not fit.

Example:
    >>> nnx.matmul(nnx.tensor([[1, 2]]), nnx.tensor([[3], [4]]))
    tensor([[11]])
)";

const Definition kDefinitions[] = {
    {"matmul", kTwo, kMatmulDoc, matmul, Role::function, fast_matmul},
    {"matmul", kOther, kMatmulDoc, matmul, Role::method, fast_matmul},
    {"mm", kTwo, R"(The product of two matrices.

Raises: ShapeError for anything but two matrices that fit.

Example:
    >>> nnx.mm(nnx.ones(1, 2), nnx.ones(2, 1))
    tensor([[2.]])
)",
     ranked<2, 2>},
    {"mm", kOther, "The product with another matrix.", ranked<2, 2>, Role::method},
    {"bmm", kTwo, R"(The products of two lists of matrices.

Raises: ShapeError for anything but (b, n, k) and (b, k, m).

Example:
    >>> nnx.bmm(nnx.ones(3, 1, 2), nnx.ones(3, 2, 1)).shape
    (3, 1, 1)
)",
     ranked<3, 3>},
    {"bmm", kOther, "The products of two lists of matrices.", ranked<3, 3>, Role::method},
    {"mv", kTwo, R"(The product of a matrix and a vector.

Raises: ShapeError for anything but (n, k) and (k).

Example:
    >>> nnx.mv(nnx.ones(2, 3), nnx.ones(3))
    tensor([3., 3.])
)",
     ranked<2, 1>},
    {"mv", kOther, "The product with a vector.", ranked<2, 1>, Role::method},
    {"dot", kTwo, R"(The product of vectors or matrices, as NumPy's dot.

Raises: ShapeError where the shapes do not fit.

Example:
    >>> nnx.dot(nnx.tensor([1, 2]), nnx.tensor([3, 4]))
    tensor(11)
)",
     dot},
    {"dot", kOther, "The product with another vector.", ranked<1, 1>, Role::method},
    {"inner", kTwo, R"(Sums over the last axes of both.

Example:
    >>> nnx.inner(nnx.tensor([1, 2]), nnx.tensor([3, 4]))
    tensor(11)
)",
     inner},
    {"outer", kTwo, R"(All products of two vectors: y_ij = a_i b_j.

Example:
    >>> nnx.outer(nnx.tensor([1, 2]), nnx.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
)",
     outer},
    {"outer", kOther, "All products with another vector.", outer, Role::method},
    {"vecdot", "(x: TensorLike, y: TensorLike, axis: int = -1) -> Tensor",
     R"(The product of vectors along an axis.

Example:
    >>> nnx.vecdot(nnx.ones(2, 3), nnx.ones(3))
    tensor([3., 3.])
)",
     vecdot},
    {"tensordot", "(x: TensorLike, y: TensorLike, axes: Any = 2) -> Tensor",
     R"(Sums over axes of both: the last n of x with the first n of y, or those listed.

Raises: ShapeError where their lengths differ.

Example:
    >>> nnx.tensordot(nnx.ones(2, 3), nnx.ones(3, 4), 1).shape
    (2, 4)
)",
     tensordot},
    {"kron", kTwo, R"(The Kronecker product.

Example:
    >>> nnx.kron(nnx.tensor([1, 10]), nnx.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
)",
     kron},
    {"cross", "(x: TensorLike, y: TensorLike, axis: int = -1) -> Tensor",
     R"(The cross product of vectors of three components.

Raises: ShapeError for other lengths.

Example:
    >>> nnx.cross(nnx.tensor([1, 0, 0]), nnx.tensor([0, 1, 0]))
    tensor([0, 0, 1])
)",
     cross},
    {"einsum", "(subscripts: str, *operands: TensorLike) -> Tensor",
     R"(Sums of products by labels, as NumPy's einsum: 'ij,jk->ik' is the matrix product.

Pairs of operands are contracted by one matrix product each, in the order that costs least: of up
to six operands every order is compared, of more the pair is taken whose product needs least room.

Raises: ArgumentError for labels that do not fit; ShapeError for lengths that differ.

Example:
    >>> nnx.einsum('ij,j->i', nnx.ones(2, 3), nnx.ones(3))
    tensor([3., 3.])
)",
     einsum},
    {"addmm",
     "(x: TensorLike, mat1: TensorLike, mat2: TensorLike, *, beta: Scalar = 1, alpha: Scalar = 1) "
     "-> Tensor",
     R"(beta x + alpha (mat1 @ mat2).

Example:
    >>> nnx.addmm(nnx.ones(1, 1), nnx.ones(1, 2), nnx.ones(2, 1))
    tensor([[3.]])
)",
     addmm},
};

}  // namespace

void declare_products(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
