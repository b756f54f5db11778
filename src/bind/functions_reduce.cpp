// Sums, means, extremes and other reductions. Functions answer as NumPy, methods as PyTorch.
#include <cmath>

#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/lanes.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

bool keep(Args& a) { return a.flag("keepdims", false); }

template <Tensor (*F)(const Tensor&, const ops::Axes&, bool, std::optional<DType>)>
PyObject* fast_sum(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 1 || !is_tensor(args[0])) return nullptr;
  return wrap(F(unwrap(args[0]), std::nullopt, false, std::nullopt));
}
template <Tensor (*F)(const Tensor&, const ops::Axes&, bool, std::optional<DType>)>
PyObject* run_sum(Args& a) {
  return give(F(a.tensor("x"), a.axes(), keep(a), a.dtype()));
}
template <Tensor (*F)(const Tensor&, const ops::Axes&, bool)>
PyObject* run(Args& a) {
  return give(F(a.tensor("x"), a.axes(), keep(a)));
}
template <Tensor (*F)(const Tensor&, const ops::Axes&, bool)>
PyObject* fast(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 1 || !is_tensor(args[0])) return nullptr;
  return wrap(F(unwrap(args[0]), std::nullopt, false));
}

// nnx.var and nnx.std divide by n, x.var() and x.std() by n - 1.
double default_correction(Args& a) { return a.definition().role == Role::method ? 1 : 0; }
// How a call spreads: x.std(False) and x.std(0, False) are PyTorch's ways to say unbiased=False.
template <Tensor (*F)(const Tensor&, const ops::Axes&, double, bool)>
PyObject* spread(Args& a) {
  PyObject* first = a.object("axis");
  if (a.definition().role == Role::method && first && PyBool_Check(first) && !a.object("unbiased"))
    return give(F(a.tensor("x"), std::nullopt, first == Py_True ? 1 : 0, keep(a)));
  return give(F(a.tensor("x"), a.axes(), a.correction(default_correction(a)), keep(a)));
}
PyObject* var_mean(Args& a) {
  const Tensor x = a.tensor("x");
  return give({ops::var(x, a.axes(), a.correction(1), keep(a)), ops::mean(x, a.axes(), keep(a))});
}
PyObject* std_mean(Args& a) {
  const Tensor x = a.tensor("x");
  return give({ops::std(x, a.axes(), a.correction(1), keep(a)), ops::mean(x, a.axes(), keep(a))});
}

PyObject* norm(Args& a) {
  PyObject* p = a.object("order");
  double order = 2;
  if (p && p != Py_None) {
    if (PyUnicode_Check(p)) {
      const std::string_view s = view_text(p);
      if (s == "inf") order = INFINITY;
      else if (s != "fro")
        fail<ArgumentError>(a.op(), "the order must be a number, 'fro' or 'inf'", std::string(s));
    } else {
      order = to_real(p, a.op(), "p");
    }
  }
  Tensor x = a.tensor("x");
  if (a.dtype()) x = ops::astype(x, *a.dtype());
  return give(ops::norm(x, order, a.axes(), keep(a)));
}

PyObject* logsumexp(Args& a) { return give(ops::logsumexp(a.tensor("x"), a.axes(), keep(a))); }

PyObject* argmax(Args& a) {
  return give(ops::argmax(a.tensor("x"), a.integer_or_none("axis"), keep(a)));
}
PyObject* argmin(Args& a) {
  return give(ops::argmin(a.tensor("x"), a.integer_or_none("axis"), keep(a)));
}

// x.max(), x.max(dim) -> (values, indices), x.max(other).
template <bool Max>
PyObject* extreme_method(Args& a) {
  PyObject* dim = a.object("axis");
  if (!dim || dim == Py_None) {
    if (a.given("other") || (dim != Py_None && a.given("y"))) {
      Operand in[] = {a.self_tensor(), a.operand("y")};
      return give(ops::apply(Max ? pw::maximum.id : pw::minimum.id, in));
    }
    return give((Max ? ops::max : ops::min)(a.self_tensor(), std::nullopt, keep(a)));
  }
  if ((is_tensor(dim) && !(unwrap(dim).rank() == 0 && is_integer(unwrap(dim).dtype()))) ||
      is_ndarray(dim)) {
    Operand in[] = {a.self_tensor(), tensor_argument(dim, a.op(), "other")};
    return give(ops::apply(Max ? pw::maximum.id : pw::minimum.id, in));
  }
  auto [values, indices] = (Max ? ops::max_with_indices : ops::min_with_indices)(
      a.self_tensor(), a.integer("axis"), keep(a));
  return values_and_indices(std::move(values), std::move(indices));
}

PyObject* count_nonzero(Args& a) {
  const Tensor x = a.tensor("x");
  return give(ops::sum(pw::not_equal(x, x.dtype() == DType::boolean ? Operand(false) : Operand(0)),
                       a.axes(), keep(a)));
}

PyObject* average(Args& a) {
  const Tensor x = a.tensor("x");
  if (!a.given("weights")) return give(ops::mean(x, a.axes(), keep(a)));
  Tensor w = a.tensor("weights");
  const ops::Axes axes = a.axes();
  if (!(w.shape() == x.shape()) && w.rank() == 1 && axes && axes->size() == 1) {
    const int axis = normal_axis((*axes)[0], x.rank(), a.op());
    Shape s = Dims::filled(x.rank(), 1);
    s[axis] = w.numel();
    w = ops::reshape(w, s);
  }
  w = ops::expand(w, x.shape());
  return give(pw::divide(ops::sum(pw::multiply(x, w), axes, keep(a)), ops::sum(w, axes, keep(a))));
}

PyObject* ptp(Args& a) {
  const Tensor x = a.tensor("x");
  return give(pw::subtract(ops::max(x, a.axes(), keep(a)), ops::min(x, a.axes(), keep(a))));
}

// Sums that leave NaN out.
Tensor without_nan(const Tensor& x, double instead) {
  if (!is_differentiable(x.dtype())) return x;
  return pw::where(pw::isnan(x), instead, x);
}
PyObject* nansum(Args& a) {
  return give(ops::sum(without_nan(a.tensor("x"), 0), a.axes(), keep(a), a.dtype()));
}
PyObject* nanmean(Args& a) {
  const Tensor x = a.tensor("x");
  const Tensor n = ops::sum(pw::logical_not(pw::isnan(x)), a.axes(), keep(a));
  const Tensor total = ops::sum(without_nan(x, 0), a.axes(), keep(a), a.dtype());
  const Tensor mean = pw::divide(total, n);
  return give(a.dtype() ? ops::astype(mean, *a.dtype()) : mean);
}

// Where a sorted axis is cut at fraction q, linearly between neighbours.
Tensor quantile_of(const Tensor& x, const Tensor& q, const ops::Axes& axes, bool keepdims,
                   const char* op) {
  {
    const ops::GradMode off(false);
    if (q.numel() &&
        !scalar_value(ops::all(pw::logical_and(pw::greater_equal(q, 0.0), pw::less_equal(q, 1.0))))
             .i)
      fail<ArgumentError>(op, "q must be in [0, 1]", describe(q));
  }
  if (q.rank() > 1) fail<ShapeError>(op, "q must be a number or have one axis", describe(q));
  Dims rest, reduced;
  for (int i = 0; i < x.rank(); ++i) {
    bool is_reduced = !axes;
    if (axes)
      for (const std::int64_t axis : *axes) is_reduced |= normal_axis(axis, x.rank(), op) == i;
    (is_reduced ? reduced : rest).push_back(i);
  }
  Dims order = rest;
  for (const std::int64_t i : reduced) order.push_back(i);
  Shape flat;
  for (const std::int64_t i : rest) flat.push_back(x.shape(static_cast<int>(i)));
  std::int64_t n = 1;
  for (const std::int64_t i : reduced) n *= x.shape(static_cast<int>(i));
  if (n == 0) fail<ShapeError>(op, "an empty axis has no quantiles", describe(x));
  Shape rows = flat;
  rows.push_back(n);
  ops::check_ordered(x, op);
  const DType t = is_floating(x.dtype()) ? x.dtype() : default_dtype();
  const Tensor sorted =
      ops::sort(ops::reshape(ops::permute(ops::astype(x, t), order), rows), -1, false);
  const Tensor at = pw::multiply(
      ops::to_device(ops::astype(ops::reshape(q, Shape{-1}), DType::float64), x.device()),
      static_cast<double>(n - 1));
  const Tensor below = pw::floor(at);
  const Tensor low = ops::take(sorted, ops::astype(below, DType::int64), -1);
  const Tensor high = ops::take(sorted, ops::astype(pw::ceil(at), DType::int64), -1);
  const Tensor part = ops::astype(pw::subtract(at, below), t);
  Tensor out = pw::where(pw::equal(part, 0.0), low,
                         pw::add(low, pw::multiply(pw::subtract(high, low), part)));
  // NaN sorts last and makes the whole row NaN.
  const Tensor last = ops::slice(sorted, -1, n - 1, 1, 1);
  out = pw::where(pw::isnan(last), last, out);
  Dims back;  // the axis of q first
  back.push_back(rest.size());
  for (int i = 0; i < rest.size(); ++i) back.push_back(i);
  out = ops::permute(out, back);
  if (keepdims) {
    Shape kept{q.numel()};
    for (int i = 0; i < x.rank(); ++i) kept.push_back(reduced.contains(i) ? 1 : x.shape(i));
    out = ops::reshape(out, kept);
  }
  return q.rank() == 0 ? ops::select(out, 0, 0) : out;
}
PyObject* quantile(Args& a) {
  return give(quantile_of(a.tensor("x"), a.tensor("q"), a.axes(), keep(a), a.op()));
}
PyObject* percentile(Args& a) {
  return give(quantile_of(
      a.tensor("x"),
      pw::divide(a.operand("q").is_tensor() ? a.operand("q") : Operand(a.tensor("q")), 100.0),
      a.axes(), keep(a), a.op()));
}
// nnx.median is the mean of the middle two; x.median() the lower of them.
PyObject* median(Args& a) {
  return give(quantile_of(a.tensor("x"), ops::scalar_tensor(0.5, DType::float64), a.axes(), keep(a),
                          a.op()));
}
PyObject* median_method(Args& a) {
  const Tensor& x = a.self_tensor();
  const bool flat = !a.given("axis");
  const Tensor rows = flat ? ops::reshape(x, Shape{-1}) : x;
  const std::int64_t axis = flat ? 0 : a.integer("axis");
  if (rows.rank() == 0)
    return flat ? give(x) : values_and_indices(x, ops::scalar_tensor(0, DType::int64, x.device()));
  const int at = normal_axis(axis, rows.rank(), a.op());
  const std::int64_t n = rows.shape(at);
  if (n == 0) fail<ShapeError>(a.op(), "an empty axis has no median", describe(x));
  const auto place = [&](std::int64_t i) { return ops::ranked(rows, at, i, 1, false, a.op()); };
  auto [value, index] = place((n - 1) / 2);
  if (is_floating(x.dtype())) {
    ops::GradMode off(false);
    const Tensor most = ops::max(ops::detach(rows), Dims{at}, true);  // NaN where there is one
    const Tensor hole = pw::isnan(most);
    if (ops::lanes::any(x) || scalar_value(hole.numel() == 1 ? hole : ops::any(hole)).i) {
      index = pw::where(hole, place(n - 1).second, index);
      value = Tensor();
    }
  }
  if (!value) value = ops::take_along_axis(rows, index, at);
  if (flat) return give(ops::reshape(value, Shape{}));
  if (!keep(a)) {
    value = ops::squeeze(value, Dims{at}, true);
    index = ops::squeeze(index, Dims{at}, true);
  }
  return values_and_indices(value, index);
}

constexpr const char* kAxisSignature =
    "(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor";
constexpr const char* kDimSignature = "(dim: Axis = None, keepdim: bool = False) -> Tensor";
constexpr const char* kSumSignature =
    "(x: TensorLike, axis: Axis = None, dtype: DTypeLike | None = None, *, keepdims: bool = False) "
    "-> Tensor";
constexpr const char* kSumMethod =
    "(dim: Axis = None, keepdim: bool = False, *, dtype: DTypeLike | None = None) -> Tensor";
constexpr const char* kVarSignature =
    "(x: TensorLike, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> "
    "Tensor";
constexpr const char* kVarMethod =
    "(dim: Axis | bool = None, unbiased: bool = True, keepdim: bool = False, *, correction: float "
    "= 1.0) -> Tensor";

constexpr const char* kSumDoc = R"(The sum of the elements, over all axes or those named.

y = sum_i x_i, added up in a fixed tree, so that it does not depend on the number of threads.

Shapes: x (...) -> without the axes summed, or with length 1 there (keepdims).
dtypes: small integers and bool are summed in int64 (uint64), half precision in float32.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.sum(nnx.tensor([[1, 2], [3, 4]]), axis=0)
    tensor([4, 6])
)";
constexpr const char* kMeanDoc = R"(The mean of the elements, over all axes or those named.

y = (1 / n) sum_i x_i

Shapes: x (...) -> without the axes averaged, or with length 1 there (keepdims).
dtypes: integers give the default floating dtype.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.mean(nnx.tensor([1.0, 2.0, 6.0]))
    tensor(3.)
)";
constexpr const char* kProdDoc = R"(The product of the elements, over all axes or those named.

y = prod_i x_i; the gradient is right where elements are 0, too.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.prod(nnx.tensor([2, 3, 4]))
    tensor(24)
)";
constexpr const char* kMaxDoc = R"(The largest element, over all axes or those named. NaN wins.

The gradient is shared among equal largest elements. The elementwise maximum of two tensors is
nnx.maximum; x.max(dim) gives values and indices, as PyTorch does.

Raises: AxisError for an axis that is not there; ShapeError for an empty axis.

Example:
    >>> nnx.max(nnx.tensor([[1, 5], [7, 2]]), axis=1)
    tensor([5, 7])
)";
constexpr const char* kMinDoc = R"(The smallest element, over all axes or those named. NaN wins.

The gradient is shared among equal smallest elements. The elementwise minimum of two tensors is
nnx.minimum; x.min(dim) gives values and indices, as PyTorch does.

Raises: AxisError for an axis that is not there; ShapeError for an empty axis.

Example:
    >>> nnx.min(nnx.tensor([[1, 5], [7, 2]]), axis=1)
    tensor([1, 2])
)";
constexpr const char* kVarDoc = R"(The variance, over all axes or those named.

y = sum_i (x_i - mean)^2 / (n - correction), in two passes. correction (also: ddof, unbiased) is 0
for nnx.var, as in NumPy, and 1 for x.var(), as in PyTorch.

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.var(nnx.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor(1.25)
)";
constexpr const char* kStdDoc =
    R"(The standard deviation, over all axes or those named: the root of the variance.

y = sqrt(sum_i (x_i - mean)^2 / (n - correction)); correction (also: ddof, unbiased) is 0 for
nnx.std, as in NumPy, and 1 for x.std(), as in PyTorch.

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.std(nnx.tensor([1.0, 3.0]))
    tensor(1.)
)";
constexpr const char* kAnyDoc = R"(True where any element is not 0, over all axes or those named.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.any(nnx.tensor([False, True]))
    tensor(True)
)";
constexpr const char* kAllDoc = R"(True where no element is 0, over all axes or those named.

Raises: AxisError for an axis that is not there.

Example:
    >>> nnx.all(nnx.tensor([False, True]))
    tensor(False)
)";
constexpr const char* kArgmaxDoc =
    R"(Where the largest element is: the first of equal ones; NaN counts as largest.

Shapes: without axis an index into the flattened tensor. dtype int64.

Raises: AxisError for an axis that is not there; ShapeError for an empty axis.

Example:
    >>> nnx.argmax(nnx.tensor([[1, 5], [7, 2]]), axis=1)
    tensor([1, 0])
)";
constexpr const char* kArgminDoc =
    R"(Where the smallest element is: the first of equal ones; NaN counts as smallest.

Shapes: without axis an index into the flattened tensor. dtype int64.

Raises: AxisError for an axis that is not there; ShapeError for an empty axis.

Example:
    >>> nnx.argmin(nnx.tensor([[1, 5], [7, 2]]), axis=1)
    tensor([0, 1])
)";
constexpr const char* kNormDoc =
    R"(The vector norm of order p (also: ord), over all axes or those named.

y = (sum_i |x_i|^p)^(1/p); p = inf is the largest |x_i|, p = 0 counts what is not 0. The gradient
at 0 is 0.

Raises: AxisError for an axis that is not there; ArgumentError for an unknown order.

Example:
    >>> nnx.norm(nnx.tensor([3.0, 4.0]))
    tensor(5.)
)";
constexpr const char* kLogsumexpDoc =
    R"(log(sum_i exp(x_i)) without overflow, over all axes or those named.

y = m + log(sum_i exp(x_i - m)), m = max_i x_i

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.logsumexp(nnx.tensor([1000.0, 1000.0]))
    tensor(1000.6932)
)";
constexpr const char* kCountDoc = R"(How many elements are not 0, over all axes or those named.

Example:
    >>> nnx.count_nonzero(nnx.tensor([0, 3, 0, 5]))
    tensor(2)
)";
constexpr const char* kQuantileDoc =
    R"(The value below which a fraction q of the elements lies, linear between neighbours.

Shapes: q () or (k,); a (k,) puts a first axis of length k.

Raises: ArgumentError for q outside [0, 1]; ShapeError for an empty axis.

Example:
    >>> nnx.quantile(nnx.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5)
)";

using F2 = Tensor (*)(const Tensor&, const ops::Axes&, bool, std::optional<DType>);
using F1 = Tensor (*)(const Tensor&, const ops::Axes&, bool);

const Definition kDefinitions[] = {
    {"sum", kSumSignature, kSumDoc, run_sum<ops::sum>, Role::function, fast_sum<ops::sum>},
    {"sum", kSumMethod, kSumDoc, run_sum<ops::sum>, Role::method, fast_sum<ops::sum>},
    {"mean", kSumSignature, kMeanDoc, run_sum<ops::mean>, Role::function, fast_sum<ops::mean>},
    {"mean", kSumMethod, kMeanDoc, run_sum<ops::mean>, Role::method, fast_sum<ops::mean>},
    {"prod", kSumSignature, kProdDoc, run_sum<ops::prod>, Role::function, fast_sum<ops::prod>},
    {"prod", kSumMethod, kProdDoc, run_sum<ops::prod>, Role::method, fast_sum<ops::prod>},
    {"max", kAxisSignature, kMaxDoc, run<ops::max>, Role::function, fast<ops::max>},
    {"min", kAxisSignature, kMinDoc, run<ops::min>, Role::function, fast<ops::min>},
    {"amax", kAxisSignature, kMaxDoc, run<ops::max>, Role::function, fast<ops::max>},
    {"amin", kAxisSignature, kMinDoc, run<ops::min>, Role::function, fast<ops::min>},
    {"max", "(dim: Any = None, keepdim: bool = False, *, other: TensorLike | None = None) -> Any",
     kMaxDoc, extreme_method<true>, Role::method, fast<ops::max>},
    {"min", "(dim: Any = None, keepdim: bool = False, *, other: TensorLike | None = None) -> Any",
     kMinDoc, extreme_method<false>, Role::method, fast<ops::min>},
    {"amax", kDimSignature, kMaxDoc, run<ops::max>, Role::method, fast<ops::max>},
    {"amin", kDimSignature, kMinDoc, run<ops::min>, Role::method, fast<ops::min>},
    {"any", kAxisSignature, kAnyDoc, run<ops::any>, Role::function, fast<ops::any>},
    {"any", kDimSignature, kAnyDoc, run<ops::any>, Role::method, fast<ops::any>},
    {"all", kAxisSignature, kAllDoc, run<ops::all>, Role::function, fast<ops::all>},
    {"all", kDimSignature, kAllDoc, run<ops::all>, Role::method, fast<ops::all>},
    {"var", kVarSignature, kVarDoc, spread<ops::var>},
    {"var", kVarMethod, kVarDoc, spread<ops::var>, Role::method},
    {"std", kVarSignature, kStdDoc, spread<ops::std>},
    {"std", kVarMethod, kStdDoc, spread<ops::std>, Role::method},
    {"var_mean",
     "(x: TensorLike, axis: Axis = None, *, correction: float = 1.0, keepdims: bool = False) -> "
     "tuple[Tensor, Tensor]",
     R"(Variance (correction 1) and mean.

Example:
    >>> nnx.var_mean(nnx.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
)",
     var_mean},
    {"std_mean",
     "(x: TensorLike, axis: Axis = None, *, correction: float = 1.0, keepdims: bool = False) -> "
     "tuple[Tensor, Tensor]",
     R"(Standard deviation (correction 1) and mean.

Example:
    >>> nnx.std_mean(nnx.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
)",
     std_mean},
    {"argmax", "(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor",
     kArgmaxDoc, argmax},
    {"argmax", "(dim: int | None = None, keepdim: bool = False) -> Tensor", kArgmaxDoc, argmax,
     Role::method},
    {"argmin", "(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor",
     kArgminDoc, argmin},
    {"argmin", "(dim: int | None = None, keepdim: bool = False) -> Tensor", kArgminDoc, argmin,
     Role::method},
    {"norm",
     "(x: TensorLike, p: float | str = 'fro', axis: Axis = None, keepdims: bool = False, dtype: "
     "DTypeLike | None = None) -> Tensor",
     kNormDoc, norm},
    {"norm",
     "(p: float | str = 'fro', dim: Axis = None, keepdim: bool = False, dtype: DTypeLike | None = "
     "None) -> Tensor",
     kNormDoc, norm, Role::method},
    {"logsumexp", kAxisSignature, kLogsumexpDoc, logsumexp},
    {"logsumexp", kDimSignature, kLogsumexpDoc, logsumexp, Role::method},
    {"count_nonzero", kAxisSignature, kCountDoc, count_nonzero},
    {"count_nonzero", kDimSignature, kCountDoc, count_nonzero, Role::method},
    {"average",
     "(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None, *, keepdims: bool = "
     "False) -> Tensor",
     R"(The weighted mean: sum(w x) / sum(w).

Example:
    >>> nnx.average(nnx.tensor([1.0, 4.0]), weights=nnx.tensor([2.0, 1.0]))
    tensor(2.)
)",
     average},
    {"ptp", kAxisSignature,
     R"(Largest minus smallest element.

Example:
    >>> nnx.ptp(nnx.tensor([1, 5, 3]))
    tensor(4)
)",
     ptp},
    {"nansum", kSumSignature,
     R"(The sum without the elements that are NaN.

Example:
    >>> nnx.nansum(nnx.tensor([1.0, float('nan')]))
    tensor(1.)
)",
     nansum},
    {"nanmean",
     "(x: TensorLike, axis: Axis = None, keepdims: bool = False, *, dtype: DTypeLike | None = "
     "None) "
     "-> Tensor",

     R"(The mean without the elements that are NaN.

Example:
    >>> nnx.nanmean(nnx.tensor([1.0, float('nan'), 3.0]))
    tensor(2.)
)",
     nanmean},
    {"quantile",
     "(x: TensorLike, q: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor",
     kQuantileDoc, quantile},
    {"quantile", "(q: TensorLike, dim: Axis = None, keepdim: bool = False) -> Tensor", kQuantileDoc,
     quantile, Role::method},
    {"percentile",
     "(x: TensorLike, q: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor",
     R"(As nnx.quantile, with q in percent.

Example:
    >>> nnx.percentile(nnx.tensor([1.0, 2.0, 3.0]), 50)
    tensor(2.)
)",
     percentile},
    {"median", kAxisSignature,
     R"(The middle of the sorted elements; the mean of the middle two of an even number.

x.median() gives the lower of the two, and x.median(dim) (values, indices), as PyTorch does.

Raises: AxisError for an axis that is not there; ShapeError for an empty axis.

Example:
    >>> nnx.median(nnx.tensor([1.0, 2.0, 4.0, 9.0]))
    tensor(3.)
)",
     median},
    {"median", "(dim: int | None = None, keepdim: bool = False) -> Any",
     "The lower middle element; with dim (values, indices).", median_method, Role::method},
};

}  // namespace

void declare_reductions(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
