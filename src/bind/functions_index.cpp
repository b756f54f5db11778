// Picking and placing elements: where, take, gather, scatter, masks.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

Tensor condition_of(Args& a, const char* name) {
  const Tensor c = a.tensor(name);
  return c.dtype() == DType::boolean ? c : ops::astype(c, DType::boolean);
}

PyObject* where(Args& a) {
  if (!a.given("x") && !a.given("y")) return give(ops::nonzero(a.tensor("condition")));
  if (!a.given("x") || !a.given("y"))
    throw CallError(error_text(a.op(),
                               "where takes a condition alone, or a condition and two values", {},
                               "nnx.where(c, a, b)"));
  Operand in[] = {condition_of(a, "condition"), a.operand("x"), a.operand("y")};
  return give(ops::apply(pw::where.id, in));
}
PyObject* where_method(Args& a) {  // x.where(condition, y): x where the condition holds
  Operand in[] = {condition_of(a, "condition"), a.self_tensor(), a.operand("y")};
  return give(ops::apply(pw::where.id, in));
}
PyObject* masked_fill(Args& a) {
  Operand in[] = {condition_of(a, "mask"), a.operand("fill_value"), a.self_tensor()};
  ops::check_written(a.self_tensor(), in[1], a.op());
  Tensor y = ops::apply(pw::where.id, in);
  const DType t = a.self_tensor().dtype();
  return give(y.dtype() == t ? y : ops::astype(y, t));
}
PyObject* masked_fill_(Args& a) {
  ops::Index i{};
  i.kind = ops::Index::Kind::tensor;
  i.tensor = ops::expand(condition_of(a, "mask"), a.self_tensor().shape());
  ops::set_item(a.self_tensor(), {i}, a.operand("fill_value"), a.op());
  return Py_NewRef(a.self());
}
PyObject* masked_select(Args& a) {
  const Tensor x = a.tensor("x");
  const Tensor m = condition_of(a, "mask");
  const Shape s = broadcast(x.shape(), m.shape(), a.op());
  ops::Index i{};
  i.kind = ops::Index::Kind::tensor;
  i.tensor = ops::expand(m, s);
  return give(ops::get_item(ops::expand(x, s), {i}));
}

PyObject* take(Args& a) {  // NumPy's: along an axis, or of the flattened tensor
  const Tensor x = a.tensor("x"), i = a.tensor("indices");
  if (!a.given("axis")) return give(ops::take(ops::reshape(x, Shape{-1}), i, 0));
  return give(ops::take(x, i, a.integer("axis")));
}
PyObject* take_method(Args& a) {
  return give(ops::take(ops::reshape(a.self_tensor(), Shape{-1}), a.tensor("indices"), 0));
}
PyObject* index_select(Args& a) {
  const Tensor i = a.tensor("indices");
  if (i.rank() > 1) fail<ShapeError>(a.op(), "index must have one axis", describe(i));
  return give(ops::take(a.tensor("x"), ops::reshape(i, Shape{-1}), a.integer("axis")));
}
PyObject* take_along_axis(Args& a) {
  const Tensor x = a.tensor("x"), i = a.tensor("indices");
  PyObject* axis = a.object("axis");
  if (axis == Py_None)
    return give(ops::take_along_axis(ops::reshape(x, Shape{-1}), ops::reshape(i, Shape{-1}), 0));
  return give(ops::take_along_axis(x, i, axis ? a.integer("axis") : -1));
}
PyObject* gather(Args& a) {
  return give(ops::take_along_axis(a.tensor("x"), a.tensor("indices"), a.integer("axis")));
}

Operand scatter_value(Args& a, const Tensor& index) {
  Operand v = a.operand(a.given("values") ? "values" : "fill_value");
  if (v.is_tensor() && v.tensor.rank() == index.rank())
    for (int i = 0; i < index.rank(); ++i)
      if (v.tensor.shape(i) > index.shape(i))
        v.tensor = ops::slice(v.tensor, i, 0, index.shape(i), 1);
  return v;
}
void scatter_into(Args& a, const Tensor& target) {
  const Tensor index = a.tensor("indices");
  const std::string mode = a.string("reduce", "");
  if (index.numel() == 0) return;
  if (mode == "add") {
    Operand v = scatter_value(a, index);
    ops::check_written(target, v, a.op());
    const Tensor values = v.is_tensor()
                              ? v.tensor
                              : ops::full(index.shape(), v.scalar, target.dtype(), target.device());
    ops::assign(target, ops::scatter_add(target, a.integer("axis"), index,
                                         ops::astype(values, target.dtype())));
    return;
  }
  if (!mode.empty()) fail<ArgumentError>(a.op(), "reduce must be None or 'add'", mode);
  ops::put_along_axis(target, a.integer("axis"), index, scatter_value(a, index));
}
PyObject* scatter(Args& a) {
  const Tensor y = ops::clone(a.tensor("x"));
  scatter_into(a, y);
  return give(y);
}
PyObject* scatter_(Args& a) {
  scatter_into(a, a.self_tensor());
  return Py_NewRef(a.self());
}
Tensor added(Args& a, bool rows) {
  const Tensor x = a.tensor("x");
  Tensor v = a.tensor("values");
  if (a.given("alpha")) v = pw::multiply(v, a.scalar("alpha"));
  ops::check_written(x, v, a.op());
  if (v.dtype() != x.dtype()) v = ops::astype(v, x.dtype());
  return rows ? ops::index_add(x, a.integer("axis"), a.tensor("indices"), v)
              : ops::scatter_add(x, a.integer("axis"), a.tensor("indices"), v);
}
PyObject* scatter_add(Args& a) { return give(added(a, false)); }
PyObject* index_add(Args& a) { return give(added(a, true)); }
PyObject* scatter_add_(Args& a) {
  ops::assign(a.self_tensor(), added(a, false));
  return Py_NewRef(a.self());
}
PyObject* index_add_(Args& a) {
  ops::assign(a.self_tensor(), added(a, true));
  return Py_NewRef(a.self());
}
std::vector<ops::Index> row_index(const Tensor& x, std::int64_t axis, const Tensor& index,
                                  const char* op) {
  const int at = normal_axis(axis, x.rank(), op);
  std::vector<ops::Index> list(static_cast<std::size_t>(at + 1));
  for (ops::Index& e : list) e.kind = ops::Index::Kind::slice;
  list.back().kind = ops::Index::Kind::tensor;
  list.back().tensor = index;
  return list;
}
PyObject* index_fill_(Args& a) {
  ops::set_item(a.self_tensor(),
                row_index(a.self_tensor(), a.integer("axis"), a.tensor("indices"), a.op()),
                a.operand("fill_value"), a.op());
  return Py_NewRef(a.self());
}
PyObject* index_copy_(Args& a) {
  ops::set_item(a.self_tensor(),
                row_index(a.self_tensor(), a.integer("axis"), a.tensor("indices"), a.op()),
                a.tensor("values"), a.op());
  return Py_NewRef(a.self());
}

PyObject* nonzero(Args& a) {
  const Tensor x = a.tensor("x");
  if (x.rank() == 0)
    fail<ShapeError>(a.op(), "a tensor without axes has no places to name", describe(x),
                     "use bool(x), or nnx.atleast_1d(x)");
  return give(ops::nonzero(x));
}
PyObject* nonzero_method(Args& a) {
  if (a.flag("as_tuple", false)) return give(ops::nonzero(a.self_tensor()));
  return give(ops::nonzero_matrix(a.self_tensor()));
}
PyObject* argwhere(Args& a) { return give(ops::nonzero_matrix(a.tensor("x"))); }
PyObject* flatnonzero(Args& a) {
  return give(ops::nonzero(ops::reshape(a.tensor("x"), Shape{-1}))[0]);
}

PyObject* tril_indices(Args& a) {
  const bool upper = std::string_view(a.op()) == "triu_indices";
  const std::int64_t rows = a.integer("n"), columns = a.given("m") ? a.integer("m") : rows;
  const Tensor mask = ops::tri_mask(ops::full({rows, columns}, Scalar(true), DType::boolean),
                                    a.integer("k", 0), upper);
  return give(ops::nonzero(mask));
}

constexpr const char* kScatterDoc =
    R"(A copy with values placed along an axis: y[index[i][j]][j] = values[i][j] for axis 0.

Where an index occurs twice, the last value stays.

Raises: IndexError for an index out of range; ShapeError where the shapes do not fit.

Example:
    >>> nnx.scatter(nnx.zeros(1, 3), 1, nnx.tensor([[2]]), 5.0)
    tensor([[0., 0., 5.]])
)";
constexpr const char* kScatterAddDoc =
    R"(The sum of x and values added along an axis: y[index[i][j]][j] += values[i][j] for axis 0.

Raises: IndexError for an index out of range; ShapeError where the shapes do not fit.

Example:
    >>> nnx.scatter_add(nnx.zeros(2), 0, nnx.tensor([1, 1]), nnx.tensor([2.0, 3.0]))
    tensor([0., 5.])
)";

const Definition kDefinitions[] = {
    {"where",
     "(condition: TensorLike, x: TensorLike | None = None, y: TensorLike | None = None) -> Any",
     R"(x where the condition holds, else y; with the condition alone its nonzero().

Shapes: broadcast. The gradient goes to the value that was chosen, and infinities in the other do
no harm.

Raises: ShapeError where the shapes do not fit.

Example:
    >>> nnx.where(nnx.tensor([True, False]), nnx.tensor([1, 2]), 0)
    tensor([1, 0])
)",
     where},
    {"where", "(condition: TensorLike, other: TensorLike) -> Tensor",
     "This tensor where the condition holds, else the other.", where_method, Role::method},
    {"masked_fill", "(mask: TensorLike, value: TensorLike) -> Tensor",
     "A copy with a value where the mask is True.", masked_fill, Role::method},
    {"masked_fill_", "(mask: TensorLike, value: TensorLike) -> Tensor",
     "Writes a value where the mask is True.", masked_fill_, Role::method},
    {"masked_select", "(x: TensorLike, mask: TensorLike) -> Tensor",
     R"(The elements where the mask is True, along one axis.

Example:
    >>> nnx.masked_select(nnx.tensor([1, 2, 3]), nnx.tensor([True, False, True]))
    tensor([1, 3])
)",
     masked_select},
    {"masked_select", "(mask: TensorLike) -> Tensor",
     "The elements where the mask is True, along one axis.", masked_select, Role::method},
    {"take", "(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor",
     R"(The entries of an axis at indices; without an axis of the flattened tensor.

Shapes: the axis is replaced by the axes of indices.

Raises: IndexError for an index out of range.

Example:
    >>> nnx.take(nnx.tensor([[1, 2], [3, 4]]), nnx.tensor([1, 0]), axis=1)
    tensor([[2, 1],
            [4, 3]])
)",
     take},
    {"take", "(index: TensorLike) -> Tensor", "The elements of the flattened tensor at indices.",
     take_method, Role::method},
    {"index_select", "(x: TensorLike, dim: int, index: TensorLike) -> Tensor",
     R"(The entries of an axis at indices.

Raises: IndexError for an index out of range.

Example:
    >>> nnx.index_select(nnx.tensor([5, 6, 7]), 0, nnx.tensor([2, 0]))
    tensor([7, 5])
)",
     index_select},
    {"index_select", "(dim: int, index: TensorLike) -> Tensor",
     "The entries of an axis at indices.", index_select, Role::method},
    {"take_along_axis", "(x: TensorLike, indices: TensorLike, axis: int | None = -1) -> Tensor",
     R"(One element per index along an axis: y[i][j] = x[i][indices[i][j]] for the last of two.

Raises: IndexError for an index out of range; ShapeError where the shapes do not fit.

Example:
    >>> nnx.take_along_axis(nnx.tensor([[1, 2], [3, 4]]), nnx.tensor([[1], [0]]), 1)
    tensor([[2],
            [3]])
)",
     take_along_axis},
    {"gather", "(x: TensorLike, dim: int, index: TensorLike) -> Tensor",
     R"(One element per index along an axis, as nnx.take_along_axis.

Raises: IndexError for an index out of range; ShapeError where the shapes do not fit.

Example:
    >>> nnx.gather(nnx.tensor([[1, 2], [3, 4]]), 1, nnx.tensor([[1], [0]]))
    tensor([[2],
            [3]])
)",
     gather},
    {"gather", "(dim: int, index: TensorLike) -> Tensor", "One element per index along an axis.",
     gather, Role::method},
    {"scatter",
     "(x: TensorLike, dim: int, index: TensorLike, src: TensorLike | None = None, *, value: Scalar "
     "| None = None, reduce: str | None = None) -> Tensor",
     kScatterDoc, scatter},
    {"scatter",
     "(dim: int, index: TensorLike, src: TensorLike | None = None, *, value: Scalar | None = None, "
     "reduce: str | None = None) -> Tensor",
     kScatterDoc, scatter, Role::method},
    {"scatter_",
     "(dim: int, index: TensorLike, src: TensorLike | None = None, *, value: Scalar | None = None, "
     "reduce: str | None = None) -> Tensor",
     "Places values along an axis, as nnx.scatter.", scatter_, Role::method},
    {"scatter_add", "(x: TensorLike, dim: int, index: TensorLike, src: TensorLike) -> Tensor",
     kScatterAddDoc, scatter_add},
    {"scatter_add", "(dim: int, index: TensorLike, src: TensorLike) -> Tensor", kScatterAddDoc,
     scatter_add, Role::method},
    {"scatter_add_", "(dim: int, index: TensorLike, src: TensorLike) -> Tensor",
     "Adds values along an axis, as nnx.scatter_add.", scatter_add_, Role::method},
    {"index_add",
     "(x: TensorLike, dim: int, index: TensorLike, source: TensorLike, *, alpha: Scalar = 1) -> "
     "Tensor",
     R"(The sum of x and rows added at indices of an axis.

Raises: IndexError for an index out of range; ShapeError where the shapes do not fit.

Example:
    >>> nnx.index_add(nnx.zeros(3), 0, nnx.tensor([0, 2, 0]), nnx.ones(3))
    tensor([2., 0., 1.])
)",
     index_add},
    {"index_add",
     "(dim: int, index: TensorLike, source: TensorLike, *, alpha: Scalar = 1) -> Tensor",
     "The sum with rows added at indices of an axis.", index_add, Role::method},
    {"index_add_",
     "(dim: int, index: TensorLike, source: TensorLike, *, alpha: Scalar = 1) -> Tensor",
     "Adds rows at indices of an axis.", index_add_, Role::method},
    {"index_fill_", "(dim: int, index: TensorLike, value: TensorLike) -> Tensor",
     "Fills the entries of an axis at indices.", index_fill_, Role::method},
    {"index_copy_", "(dim: int, index: TensorLike, source: TensorLike) -> Tensor",
     "Overwrites the entries of an axis at indices.", index_copy_, Role::method},
    {"nonzero", "(x: TensorLike) -> tuple[Tensor, ...]",
     R"(Where the elements are not 0: one index array per axis, as NumPy's.

x.nonzero() gives a matrix, as PyTorch's.

Example:
    >>> nnx.nonzero(nnx.tensor([0, 5, 6]))
    (tensor([1, 2]),)
)",
     nonzero},
    {"nonzero", "(*, as_tuple: bool = False) -> Any",
     "Where the elements are not 0: a matrix (n, axes), or a tuple of index arrays.",
     nonzero_method, Role::method},
    {"argwhere", "(x: TensorLike) -> Tensor",
     R"(Where the elements are not 0: one row of indices per element.

Example:
    >>> nnx.argwhere(nnx.tensor([0, 5, 6]))
    tensor([[1],
            [2]])
)",
     argwhere},
    {"argwhere", "() -> Tensor", "Where the elements are not 0: one row of indices per element.",
     argwhere, Role::method},
    {"flatnonzero", "(x: TensorLike) -> Tensor",
     R"(Where the elements of the flattened tensor are not 0.

Example:
    >>> nnx.flatnonzero(nnx.tensor([[0, 5], [6, 0]]))
    tensor([1, 2])
)",
     flatnonzero},
    {"tril_indices", "(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]",
     R"(Rows and columns of the lower triangle of an (n, m) matrix.

Example:
    >>> nnx.tril_indices(2)
    (tensor([0, 1, 1]), tensor([0, 0, 1]))
)",
     tril_indices},
    {"triu_indices", "(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]",
     R"(Rows and columns of the upper triangle of an (n, m) matrix.

Example:
    >>> nnx.triu_indices(2)
    (tensor([0, 0, 1]), tensor([0, 1, 1]))
)",
     tril_indices},
};

}  // namespace

void declare_indexing(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
