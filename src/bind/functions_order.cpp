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
  auto [values, indices] = ops::sort_with_indices(x, axis, false);
  values = ops::slice(values, axis, k - 1, 1, 1);
  indices = ops::slice(indices, axis, k - 1, 1, 1);
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

// Sorted distinct values. Along an axis would need an order of rows; here the tensor is flattened.
// Complex numbers in the order of their real, then of their imaginary parts.
std::pair<Tensor, Tensor> in_order(const Tensor& flat) {
  if (!is_complex(flat.dtype())) return ops::sort_with_indices(flat, 0, false);
  const Tensor first = ops::argsort(ops::imag(flat), 0, false);
  const Tensor then = ops::argsort(ops::take(ops::real(flat), first, 0), 0, false);
  const Tensor order = ops::take(first, then, 0);
  return {ops::take(flat, order, 0), order};
}
struct Unique {
  Tensor values, inverse, counts, first;
};
Unique unique_of(const Tensor& x) {
  const ops::GradMode off(false);
  const Tensor flat = ops::reshape(ops::detach(x), Shape{-1});
  const std::int64_t n = flat.numel();
  if (n == 0) {
    const Tensor none_found = ops::empty({0}, DType::int64);
    return {flat, ops::reshape(none_found, x.shape()), none_found, none_found};
  }
  auto [values, order] = in_order(flat);
  const Tensor differs =
      pw::not_equal(ops::slice(values, 0, 1, n - 1, 1), ops::slice(values, 0, 0, n - 1, 1));
  const Tensor starts =
      ops::concatenate({ops::full({1}, Scalar(true), DType::boolean), differs}, 0);
  const Tensor at = ops::nonzero(starts)[0];
  Unique u;
  u.values = ops::take(values, at, 0);
  u.first = ops::take(order, at, 0);
  const Tensor group = pw::subtract(ops::cumsum(starts, 0, DType::int64), std::int64_t{1});
  Tensor inverse = ops::full({n}, Scalar(0), DType::int64);
  inverse = ops::index_add(inverse, 0, order, group);
  u.inverse = ops::reshape(inverse, x.shape());
  const Tensor ends = ops::concatenate(
      {ops::slice(at, 0, 1, at.numel() - 1, 1), ops::full({1}, Scalar(n), DType::int64)}, 0);
  u.counts = pw::subtract(ends, at);
  return u;
}
PyObject* unique(Args& a) {
  if (a.given("axis"))
    fail<ArgumentError>(a.op(), "unique values along an axis are not there",
                        short_repr(a.object("axis")),
                        "leave the axis out for the values of the whole tensor");
  const Unique u = unique_of(a.tensor("x"));
  std::vector<Tensor> out{u.values};
  if (a.flag("return_index", false)) out.push_back(u.first);
  if (a.flag("return_inverse", false)) out.push_back(u.inverse);
  if (a.flag("return_counts", false)) out.push_back(u.counts);
  return out.size() == 1 ? give(out[0]) : give(out);
}
PyObject* unique_values(Args& a) { return give(unique_of(a.tensor("x")).values); }

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
    const DType t = is_floating(w.dtype()) ? w.dtype() : DType::float64;
    return give(ops::index_add(ops::full({n}, Scalar(0), t), 0, x, ops::astype(w, t)));
  }
  return give(ops::index_add(ops::full({n}, Scalar(0), DType::int64), 0, x,
                             ops::full({x.numel()}, Scalar(1), DType::int64)));
}

// Where values would go in a sorted vector: counted in steps of a binary search on all at once.
Tensor searched(const Tensor& sorted, const Tensor& v, bool right, const char* op) {
  const ops::GradMode off(false);
  if (sorted.rank() != 1)
    fail<ShapeError>(op, "the sorted values must have one axis", describe(sorted));
  const std::int64_t n = sorted.numel();
  Tensor low = ops::full(v.shape(), Scalar(0), DType::int64),
         high = ops::full(v.shape(), Scalar(n), DType::int64);
  for (std::int64_t span = n; span > 0; span /= 2) {
    const Tensor middle = pw::floor_divide(pw::add(low, high), std::int64_t{2});
    const Tensor probe = ops::take(sorted, pw::minimum(middle, n - 1), 0);
    const Tensor open = pw::less(low, high);
    const Tensor before =
        pw::logical_and(open, right ? pw::less_equal(probe, v) : pw::less(probe, v));
    low = pw::where(before, pw::add(middle, std::int64_t{1}), low);
    high = pw::where(pw::logical_and(open, pw::logical_not(before)), middle, high);
  }
  return low;
}
PyObject* searchsorted(Args& a) {
  const std::string side = a.string("side", a.flag("right", false) ? "right" : "left");
  if (side != "left" && side != "right")
    fail<ArgumentError>(a.op(), "side must be 'left' or 'right'", side);
  return give(searched(a.tensor("x"), a.tensor("y"), side == "right", a.op()));
}
PyObject* bucketize(Args& a) {
  return give(searched(a.tensor("boundaries"), a.tensor("x"), a.flag("right", false), a.op()));
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
