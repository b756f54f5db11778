// Sorting, cumulative sums, unique values.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

PyObject* sort(Args& a) {
  Tensor x = a.tensor("x");
  PyObject* axis = a.object("axis");
  if (axis == Py_None) x = ops::reshape(x, Shape{-1});
  return give(
      ops::sort(x, axis && axis != Py_None ? a.integer("axis") : -1, a.flag("descending", false)));
}
PyObject* sort_method(Args& a) {
  auto [values, indices] =
      ops::sort_with_indices(a.self_tensor(), a.integer("axis", -1), a.flag("descending", false));
  return values_and_indices(std::move(values), std::move(indices));
}
PyObject* argsort(Args& a) {
  Tensor x = a.tensor("x");
  PyObject* axis = a.object("axis");
  if (axis == Py_None) x = ops::reshape(x, Shape{-1});
  return give(ops::argsort(x, axis && axis != Py_None ? a.integer("axis") : -1,
                           a.flag("descending", false)));
}
PyObject* topk(Args& a) {
  auto [values, indices] =
      ops::topk(a.tensor("x"), a.integer("k"), a.integer("axis", -1), a.flag("largest", true));
  return values_and_indices(std::move(values), std::move(indices));
}
PyObject* kthvalue(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", -1), x.rank(), a.op());
  const std::int64_t k = a.integer("k");
  if (k < 1 || k > x.shape(axis))
    fail<ArgumentError>(a.op(), "k must be in [1, " + std::to_string(x.shape(axis)) + "]",
                        std::to_string(k));
  auto [values, indices] = ops::ranked(x, axis, k - 1, 1, false, a.op());
  if (!a.flag("keepdims", false)) {
    values = ops::squeeze(values, Dims{axis}, true);
    indices = ops::squeeze(indices, Dims{axis}, true);
  }
  return values_and_indices(values, indices);
}

template <Tensor (*F)(const Tensor&, std::optional<std::int64_t>, std::optional<DType>)>
PyObject* cumulative(Args& a) {
  if (a.definition().role == Role::method && !a.given("axis"))
    throw CallError(
        error_text(a.op(), "the argument dim is missing", {},
                   std::string("nnx.") + a.op() + "(x) runs over the flattened tensor"));
  return give(F(a.tensor("x"), a.integer_or_none("axis"), a.dtype()));
}

template <std::pair<Tensor, Tensor> (*F)(const Tensor&, std::int64_t)>
PyObject* running_extreme(Args& a) {
  auto [values, indices] = F(a.tensor("x"), a.integer("axis"));
  return values_and_indices(std::move(values), std::move(indices));
}
PyObject* logcumsumexp(Args& a) {
  return give(ops::logcumsumexp(a.tensor("x"), a.integer("axis")));
}

PyObject* unique(Args& a) {
  if (a.given("axis"))
    fail<ArgumentError>(a.op(), "unique values along an axis are not there",
                        short_repr(a.object("axis")),
                        "leave the axis out for the values of the whole tensor");
  const bool index = a.flag("return_index", false), inverse = a.flag("return_inverse", false),
             counts = a.flag("return_counts", false);
  const ops::Unique u = ops::unique(a.tensor("x"), !index && !inverse && !counts);
  std::vector<Tensor> out{u.values};
  if (index) out.push_back(u.first);
  if (inverse) out.push_back(u.inverse);
  if (counts) out.push_back(u.counts);
  return out.size() == 1 ? give(out[0]) : give(out);
}
PyObject* unique_values(Args& a) { return give(ops::unique(a.tensor("x"), true).values); }

PyObject* bincount(Args& a) {
  const ops::GradMode off(false);
  const Tensor x = a.tensor("x");
  if (!is_integer(x.dtype()) || x.rank() != 1)
    fail<DTypeError>(a.op(), "x must be integers along one axis", describe(x));
  const std::int64_t least = a.integer("minlength", 0);
  if (least < 0)
    fail<ArgumentError>(a.op(), "minlength must not be negative", std::to_string(least));
  std::int64_t n = least;
  if (x.numel()) {
    const std::int64_t low = scalar_value(ops::min(x)).i, high = scalar_value(ops::max(x)).i;
    if (low < 0) fail<IndexError>(a.op(), "x must not be negative", std::to_string(low));
    if (high == INT64_MAX) fail<IndexError>(a.op(), "x is too large", std::to_string(high));
    n = std::max(n, high + 1);
  }
  if (a.given("weights")) {
    const Tensor w = a.tensor("weights");
    const DType t = is_differentiable(w.dtype()) ? w.dtype() : DType::float64;
    return give(ops::index_add(ops::full({n}, Scalar(0), t, x.device()), 0, x, ops::astype(w, t)));
  }
  return give(ops::index_add(ops::full({n}, Scalar(0), DType::int64, x.device()), 0, x,
                             ops::full({x.numel()}, Scalar(1), DType::int64, x.device())));
}

PyObject* searchsorted(Args& a) {
  const std::string side = a.string("side", a.flag("right", false) ? "right" : "left");
  if (side != "left" && side != "right")
    fail<ArgumentError>(a.op(), "side must be 'left' or 'right'", side);
  return give(ops::searchsorted(a.tensor("x"), a.tensor("y"), side == "right", a.op()));
}
PyObject* bucketize(Args& a) {
  return give(
      ops::searchsorted(a.tensor("boundaries"), a.tensor("x"), a.flag("right", false), a.op()));
}

constexpr const char* kCumDoc =
    R"(Running sums along an axis; without an axis of the flattened tensor.

y_i = sum_{j <= i} x_j

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.cumsum(nnx.tensor([1, 2, 3]))
    tensor([1, 3, 6])
)";
constexpr const char* kCumprodDoc =
    R"(Running products along an axis; without an axis of the flattened tensor.

y_i = prod_{j <= i} x_j

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.cumprod(nnx.tensor([1, 2, 3]))
    tensor([1, 2, 6])
)";
constexpr const char* kCumSignature =
    "(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor";
constexpr const char* kCumMethod =
    "(dim: int | None = None, *, dtype: DTypeLike | None = None) -> Tensor";
constexpr const char* kTopkDoc =
    R"(The k largest (smallest) elements of an axis in order, and where they are.

Raises: ArgumentError for a k outside [0, length].

Example:
    >>> nnx.topk(nnx.tensor([1, 9, 5]), 2).values
    tensor([9, 5])
)";

const Definition kDefinitions[] = {
    {"sort",
     "(x: TensorLike, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> "
     "Tensor",
     R"(A sorted copy along an axis; equal elements keep their order, NaN comes last.

x.sort(dim) gives (values, indices), as PyTorch does.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.sort(nnx.tensor([3, 1, 2]))
    tensor([1, 2, 3])
)",
     sort},
    {"sort",
     "(dim: int = -1, descending: bool = False, *, stable: bool = True) -> ValuesAndIndices",
     "Sorted values and where they were: (values, indices).", sort_method, Role::method},
    {"argsort",
     "(x: TensorLike, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> "
     "Tensor",
     R"(Where the elements of the sorted tensor are.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.argsort(nnx.tensor([3, 1, 2]))
    tensor([1, 2, 0])
)",
     argsort},
    {"argsort", "(dim: int = -1, descending: bool = False, *, stable: bool = True) -> Tensor",
     "Where the elements of the sorted tensor are.", argsort, Role::method},
    {"topk",
     "(x: TensorLike, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> "
     "ValuesAndIndices",
     kTopkDoc, topk},
    {"topk",
     "(k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices",
     kTopkDoc, topk, Role::method},
    {"kthvalue",
     "(x: TensorLike, k: int, axis: int = -1, keepdims: bool = False) -> ValuesAndIndices",
     R"(The k-th smallest element of an axis, counted from 1, and where it is.

Example:
    >>> nnx.kthvalue(nnx.tensor([1, 9, 5]), 2).values
    tensor(5)
)",
     kthvalue},
    {"kthvalue", "(k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices",
     "The k-th smallest element of an axis.", kthvalue, Role::method},
    {"cumsum", kCumSignature, kCumDoc, cumulative<ops::cumsum>},
    {"cumsum", kCumMethod, kCumDoc, cumulative<ops::cumsum>, Role::method},
    {"cumprod", kCumSignature, kCumprodDoc, cumulative<ops::cumprod>},
    {"cumprod", kCumMethod, kCumprodDoc, cumulative<ops::cumprod>, Role::method},
    {"cummax", "(x: TensorLike, axis: int) -> ValuesAndIndices",
     R"(The largest element so far along an axis, and where it is: of equal ones the last.

y_i = max_{j <= i} x_j. NaN stays from where it first stands. The gradient goes to where they are.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.cummax(nnx.tensor([1, 3, 2, 3]), 0).values
    tensor([1, 3, 3, 3])
)",
     running_extreme<ops::cummax>},
    {"cummax", "(dim: int) -> ValuesAndIndices", "The largest element so far, and where it is.",
     running_extreme<ops::cummax>, Role::method},
    {"cummin", "(x: TensorLike, axis: int) -> ValuesAndIndices",
     R"(The smallest element so far along an axis, and where it is: of equal ones the last.

y_i = min_{j <= i} x_j. NaN stays from where it first stands. The gradient goes to where they are.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.cummin(nnx.tensor([3, 1, 2, 1]), 0).indices
    tensor([0, 1, 1, 3])
)",
     running_extreme<ops::cummin>},
    {"cummin", "(dim: int) -> ValuesAndIndices", "The smallest element so far, and where it is.",
     running_extreme<ops::cummin>, Role::method},
    {"logcumsumexp", "(x: TensorLike, axis: int) -> Tensor",
     R"(Running logarithms of sums of exponentials along an axis, without overflow.

y_i = log(sum_{j <= i} exp(x_j))

Shapes: as x. dtypes: floating.

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.logcumsumexp(nnx.tensor([1000.0, 1000.0]), 0)
    tensor([1000.    , 1000.6932])
)",
     logcumsumexp},
    {"logcumsumexp", "(dim: int) -> Tensor", "Running logarithms of sums of exponentials.",
     logcumsumexp, Role::method},
    {"unique",
     "(x: TensorLike, *, return_index: bool = False, return_inverse: bool = False, return_counts: "
     "bool = False, axis: int | None = None, sorted: bool = True) -> Any",
     R"(The distinct values, sorted; with options also where each first stands, which value each element
has, and how often each occurs.

Example:
    >>> nnx.unique(nnx.tensor([3, 1, 3]))
    tensor([1, 3])
)",
     unique},
    {"unique",
     "(sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | "
     "None = None) -> Any",
     "The distinct values, sorted.", unique, Role::method},
    {"unique_values", "(x: TensorLike) -> Tensor", R"(The distinct values, sorted.

Example:
    >>> nnx.unique_values(nnx.tensor([3, 1, 3]))
    tensor([1, 3])
)",
     unique_values},
    {"bincount", "(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0) -> Tensor",
     R"(How often each of 0, 1, 2, ... occurs; with weights their sums.

Raises: IndexError for negative numbers; DTypeError unless integers along one axis.

Example:
    >>> nnx.bincount(nnx.tensor([0, 2, 2]))
    tensor([1, 0, 2])
)",
     bincount},
    {"bincount", "(weights: TensorLike | None = None, minlength: int = 0) -> Tensor",
     "How often each of 0, 1, 2, ... occurs.", bincount, Role::method},
    {"searchsorted",
     "(x: TensorLike, v: TensorLike, side: str | None = None, *, right: bool = False) -> Tensor",
     R"(Where values would be inserted into the sorted x: before equal ones ('left') or behind ('right').

Shapes: x (n), v of any shape; or x (..., n), v (..., m), each row of v in the row of x beside it.

Raises: ShapeError where x and v do not fit; ArgumentError for an unknown side.

Example:
    >>> nnx.searchsorted(nnx.tensor([1, 3, 5]), nnx.tensor([3, 4]))
    tensor([1, 2])
)",
     searchsorted},
    {"bucketize", "(x: TensorLike, boundaries: TensorLike, *, right: bool = False) -> Tensor",
     R"(Between which boundaries each element lies.

Example:
    >>> nnx.bucketize(nnx.tensor([0.5, 2.5]), nnx.tensor([1.0, 2.0]))
    tensor([0, 2])
)",
     bucketize},
};

}  // namespace

void declare_order(PyObject* module) {
  for (const Definition& d : kDefinitions) {
    declare(module, d);
    if (d.role != Role::function) continue;
    if (std::string_view(d.name) == "cumsum") declare(module, d, "cumulative_sum");
    if (std::string_view(d.name) == "cumprod") declare(module, d, "cumulative_prod");
  }
}

}  // namespace nnx::bind
