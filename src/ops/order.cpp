// Extremes with indices, sorting, running sums and extremes: see ops.hpp.
#include <tuple>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

// i[0] = axis, flag = keepdims
template <bool largest>
void arg_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor dense = contiguous(astype(x, storage_of(lane_of(x.dtype()))));
  const Split s = split_at(x.shape(), axis);
  if (s.n == 0)
    fail<ShapeError>(c.op.name, "there is no largest or smallest of no elements", describe(x));
  Shape shape = x.shape();
  if (c.attrs.flag) shape[axis] = 1;
  else shape.erase(axis);
  c.out[0] = runtime::empty(shape, DType::int64, x.device());
  if (c.out[0].numel() == 0) return;
  runtime::LongCall release(static_cast<double>(x.numel()) * 0.3);
  kernels_of(x).arg_extreme(largest, lane_of(dense.dtype()), s.outer, s.n, s.inner, dense.bytes(),
                            c.out[0].data<std::int64_t>());
}
const Op kArgmax{.name = "argmax", .forward = arg_forward<true>, .lanes = lanes::axis};
const Op kArgmin{.name = "argmin", .forward = arg_forward<false>, .lanes = lanes::axis};

Tensor arg(const Op& op, const Tensor& x, int axis, bool keepdims) {
  check_ordered(x, op.name);
  Attrs a;
  a.i[0] = axis;
  a.flag = keepdims;
  return call(op, x, a);
}

Tensor arg_public(const Op& op, const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  if (!axis) {
    const Tensor r = arg(op, reshape(x, Shape{-1}), 0, false);
    return keepdims ? reshape(r, Dims::filled(x.rank(), 1)) : r;
  }
  if (x.rank() == 0) {
    normal_axis(*axis, 1, op.name);
    return scalar_tensor(0, DType::int64, x.device());
  }
  return arg(op, x, normal_axis(*axis, x.rank(), op.name), keepdims);
}

std::pair<Tensor, Tensor> extreme_pair(const Op& op, const Tensor& x, std::int64_t axis,
                                       bool keepdims) {
  if (x.rank() == 0) {
    normal_axis(axis, 1, op.name);
    return {x, scalar_tensor(0, DType::int64, x.device())};
  }
  const int d = normal_axis(axis, x.rank(), op.name);
  const Tensor index = arg(op, x, d, true);
  const Tensor values = take_along_axis(x, index, d);
  if (keepdims) return {values, index};
  return {squeeze(values, Dims{d}, true), squeeze(index, Dims{d}, true)};
}

// i[0] = axis, flag = descending: indices only
void argsort_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor rows = as_rows(x, axis, storage_of(lane_of(x.dtype())));
  Tensor out = runtime::empty(rows.shape(), DType::int64, x.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()) * 10);
    kernels_of(x).sort(c.attrs.flag, lane_of(rows.dtype()), rows.numel() / rows.shape(-1),
                       rows.shape(-1), rows.bytes(), nullptr, out.data<std::int64_t>());
  }
  c.out[0] = from_rows(out, axis, DType::int64);
}
const Op kArgsort{.name = "argsort", .forward = argsort_forward, .lanes = lanes::axis};

// i[0] = axis, flag = descending: values only, of a tensor without a gradient
void sort_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Tensor rows = as_rows(x, axis, storage_of(lane_of(x.dtype())));
  Tensor out = runtime::empty(rows.shape(), rows.dtype(), x.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()) * 10);
    kernels_of(x).sort(c.attrs.flag, lane_of(rows.dtype()), rows.numel() / rows.shape(-1),
                       rows.shape(-1), rows.bytes(), out.bytes(), nullptr);
  }
  c.out[0] = from_rows(out, axis, x.dtype());
}
const Op kSort{.name = "sort", .forward = sort_forward, .lanes = lanes::axis};

// i = axis, first place, count; flag = descending: indices of those places of the order
void ranked_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  const DType t = x.dtype() == DType::boolean ? DType::int64 : storage_of(lane_of(x.dtype()));
  const Tensor rows = as_rows(x, axis, t);
  Shape shape = rows.shape();
  shape[shape.size() - 1] = c.attrs.i[2];
  Tensor out = runtime::empty(shape, DType::int64, x.device());
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()) * 4);
    kernels_of(x).ranked(c.attrs.flag, lane_of(t), rows.numel() / rows.shape(-1), rows.shape(-1),
                         c.attrs.i[1], c.attrs.i[2], rows.bytes(), out.data<std::int64_t>());
  }
  c.out[0] = from_rows(out, axis, DType::int64);
}
const Op kRanked{.name = "ranked", .forward = ranked_forward, .lanes = lanes::axis};

// in = sorted rows, values; flag = right. Rows are one for all values, or one for each row of them.
void search_forward(Call& c) {
  GradMode off(false);
  const DType t = c.attrs.dtype;
  const Tensor rows = contiguous(astype(c.in[0].tensor, t));
  const Tensor values = contiguous(astype(c.in[1].tensor, t));
  c.out[0] = runtime::empty(values.shape(), DType::int64, values.device());
  if (values.numel() == 0) return;
  const bool shared = rows.rank() == 1;
  const std::int64_t count = shared ? 1 : values.numel() / values.shape(-1);
  runtime::LongCall release(static_cast<double>(values.numel()) * 20);
  kernels_of(rows).search(c.attrs.flag, lane_of(t), count, rows.shape(-1), values.numel() / count,
                          rows.bytes(), values.bytes(), c.out[0].data<std::int64_t>());
}
const Op kSearch{.name = "searchsorted", .forward = search_forward};

// i[0] = axis, dtype = result
template <Reduction op>
void scan_forward(Call& c) {
  GradMode off(false);
  const int axis = static_cast<int>(c.attrs.i[0]);
  const Lane lane = lane_of(c.attrs.dtype);
  const Tensor x = contiguous(astype(c.in[0].tensor, storage_of(lane)));
  Tensor out = runtime::empty(x.shape(), x.dtype(), x.device());
  const Split s = split_at(x.shape(), axis);
  if (out.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()));
    const bool by_parts = op == Reduction::sum && is_complex(lane);
    kernels_of(x).scan(op, by_parts ? real_lane(lane) : lane, s.outer, s.n,
                       by_parts ? 2 * s.inner : s.inner, x.bytes(), out.bytes());
  }
  c.out[0] = astype(out, c.attrs.dtype);
}

Tensor backwards_sum(const Tensor& g, int axis) {
  return flip(cumsum(flip(g, Dims{axis}), axis, g.dtype()), Dims{axis});
}

void cumsum_backward(Backward& b) {
  b.in[0].grad = astype(backwards_sum(b.grad[0], static_cast<int>(b.attrs.i[0])), b.in[0].dtype);
}
const Op kCumsum{.name = "cumsum",
                 .kind = Op::Kind::linear,
                 .forward = scan_forward<Reduction::sum>,
                 .backward = cumsum_backward,
                 .lanes = lanes::axis};

void cumprod_backward(Backward& b) {
  // dx_k = sum over j >= k of g_j y_j / x_k; at the first zero of a row the products are taken with
  // a 1 in its place, behind it nothing arrives.
  const int axis = static_cast<int>(b.attrs.i[0]);
  const Tensor &x = b.in[0].value.tensor, &g = b.grad[0], &y = b.out[0];
  const Tensor zero = equal(x, 0);
  const Tensor first = logical_and(zero, equal(cumsum(zero, axis, DType::int64), 1));
  const Tensor without = conj(cumprod(where(first, 1, x), axis, y.dtype()));
  const Tensor at_zero = where(first, backwards_sum(multiply(g, without), axis), 0);
  const Tensor elsewhere =
      divide(backwards_sum(multiply(g, conj(y)), axis), conj(where(zero, 1, x)));
  b.in[0].grad = astype(where(zero, at_zero, elsewhere), b.in[0].dtype);
}
const Op kCumprod{.name = "cumprod",
                  .forward = scan_forward<Reduction::prod>,
                  .backward = cumprod_backward,
                  .saves = save_in(0) | save_out(0),
                  .lanes = lanes::axis};

const Op kRunningMax{
    .name = "cummax", .forward = scan_forward<Reduction::max>, .lanes = lanes::axis};
const Op kRunningMin{
    .name = "cummin", .forward = scan_forward<Reduction::min>, .lanes = lanes::axis};

// The gradient goes to where an extreme stands: the values are taken from there.
std::pair<Tensor, Tensor> running_extreme(const Op& op, const Tensor& x, std::int64_t axis) {
  check_ordered(x, op.name);
  if (x.rank() == 0) {
    normal_axis(axis, 1, op.name);
    return {clone(x), scalar_tensor(0, DType::int64, x.device())};
  }
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), op.name);
  const int d = static_cast<int>(a.i[0]);
  Tensor index;
  {
    GradMode off(false);
    a.dtype = x.dtype();
    // Of equal elements the last; NaN is the extreme from where it stands, the next NaN too.
    const Tensor here = logical_or(equal(x, call(op, x, a)), not_equal(x, x));
    Shape along(Dims::filled(x.rank(), 1));
    along[d] = x.shape(d);
    const Tensor places = reshape(arange(0, x.shape(d), 1, DType::int64, x.device()), along);
    a.dtype = DType::int64;
    index = call(kRunningMax, where(here, places, 0), a);
  }
  return {take_along_axis(x, index, d), index};
}

Tensor scan(const Op& op, const Tensor& x, std::optional<std::int64_t> axis,
            std::optional<DType> dtype) {
  if (!axis || x.rank() == 0) {
    if (axis) normal_axis(*axis, 1, op.name);
    const Tensor flat = scan(op, reshape(x, Shape{-1}), 0, dtype);
    return axis ? reshape(flat, x.shape()) : flat;
  }
  Attrs a;
  a.i[0] = normal_axis(*axis, x.rank(), op.name);
  const Kind k = kind_of(x.dtype());
  a.dtype = dtype.value_or(k == Kind::floating || k == Kind::complex ? x.dtype()
                           : k == Kind::unsigned_integer             ? DType::uint64
                                                                     : DType::int64);
  if (a.dtype == DType::boolean)
    fail<DTypeError>(op.name, "a running sum or product needs numbers", "dtype bool");
  return call(op, x, a);
}

}  // namespace

Tensor argmax(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_public(kArgmax, x, axis, keepdims);
}
Tensor argmin(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return arg_public(kArgmin, x, axis, keepdims);
}
std::pair<Tensor, Tensor> max_with_indices(const Tensor& x, std::int64_t axis, bool keepdims) {
  return extreme_pair(kArgmax, x, axis, keepdims);
}
std::pair<Tensor, Tensor> min_with_indices(const Tensor& x, std::int64_t axis, bool keepdims) {
  return extreme_pair(kArgmin, x, axis, keepdims);
}

Tensor argsort(const Tensor& x, std::int64_t axis, bool descending) {
  check_ordered(x, "argsort");
  if (x.rank() == 0) {
    normal_axis(axis, 1, "argsort");
    return scalar_tensor(0, DType::int64, x.device());
  }
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "argsort");
  a.flag = descending;
  return call(kArgsort, x, a);
}

std::pair<Tensor, Tensor> sort_with_indices(const Tensor& x, std::int64_t axis, bool descending) {
  check_ordered(x, "sort");
  const Tensor index = argsort(x, axis, descending);
  return {x.rank() ? take_along_axis(x, index, axis) : clone(x), index};
}

Tensor sort(const Tensor& x, std::int64_t axis, bool descending) {
  check_ordered(x, "sort");
  if (x.rank() && !(grad_enabled() && follows(x))) {
    Attrs a;
    a.i[0] = normal_axis(axis, x.rank(), "sort");
    a.flag = descending;
    return call(kSort, x, a);
  }
  return sort_with_indices(x, axis, descending).first;
}

std::pair<Tensor, Tensor> ranked(const Tensor& x, std::int64_t axis, std::int64_t first,
                                 std::int64_t count, bool descending, const char* op) {
  check_ordered(x, op);
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), op);
  const int d = static_cast<int>(a.i[0]);
  a.i[1] = first;
  a.i[2] = count;
  a.flag = descending;
  // Where many places are wanted, finding them is sorting.
  const bool few = count <= 32 || count * 4 <= x.shape(d);
  const Tensor index =
      few ? call(kRanked, x, a) : contiguous(slice(argsort(x, d, descending), d, first, count, 1));
  return {take_along_axis(x, index, d), index};
}

std::pair<Tensor, Tensor> topk(const Tensor& x, std::int64_t k, std::int64_t axis, bool largest) {
  if (x.rank() == 0) return {x, scalar_tensor(0, DType::int64, x.device())};
  const int d = normal_axis(axis, x.rank(), "topk");
  if (k < 0 || k > x.shape(d))
    fail<ArgumentError>(
        "topk", "k must lie in [0, " + std::to_string(x.shape(d)) + "], the length of the axis",
        std::to_string(k));
  return ranked(x, d, 0, k, largest, "topk");
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right, const char* op) {
  const auto received = [&] {
    return "sorted " + describe(sorted) + ", values " + describe(values);
  };
  if (sorted.rank() == 0)
    fail<ShapeError>(op, "the sorted values must have an axis", describe(sorted));
  bool fits = sorted.rank() == 1 || sorted.rank() == values.rank();
  for (int i = 0; fits && sorted.rank() > 1 && i + 1 < sorted.rank(); ++i)
    fits = sorted.shape(i) == values.shape(i);
  if (!fits)
    fail<ShapeError>(
        op,
        "the sorted values must have one axis, or all axes of the values with the same "
        "lengths but for the last",
        received());
  const DType t = promote(sorted.dtype(), values.dtype());
  if (is_complex(t)) fail_unordered(op, received());
  Attrs a;
  a.dtype = storage_of(lane_of(t));
  a.flag = right;
  return call(kSearch, sorted, values, a);
}

namespace {
// By their real, then by their imaginary parts; and where they stood.
std::pair<Tensor, Tensor> complex_in_order(const Tensor& flat) {
  const Tensor first = argsort(imag(flat), 0, false);
  const Tensor then = argsort(take(real(flat), first, 0), 0, false);
  const Tensor order = take(first, then, 0);
  return {take(flat, order, 0), order};
}
// Positions of elements that differ from the one in front of them, 0 included.
Tensor changes_of(const Tensor& sorted) {
  const std::int64_t n = sorted.numel();
  if (is_complex(sorted.dtype()) && n) {
    const Tensor differs = not_equal(slice(sorted, 0, 1, n - 1, 1), slice(sorted, 0, 0, n - 1, 1));
    const Tensor first = full(Shape{1}, true, DType::boolean, sorted.device());
    return nonzero(concatenate({first, differs}, 0))[0];
  }
  const Tensor room = runtime::empty(Shape{n}, DType::int64, sorted.device());
  if (n == 0) return room;
  const DType t = storage_of(lane_of(sorted.dtype()));
  const Tensor wide = contiguous(astype(sorted, t));
  const std::int64_t found =
      kernels_of(sorted).changes(lane_of(t), n, wide.bytes(), room.data<std::int64_t>());
  return slice(room, 0, 0, found, 1);
}
}  // namespace

Unique unique(const Tensor& x, bool values_only) {
  GradMode off(false);
  if (x.lanes())
    fail<VmapError>("unique",
                    "how many values are distinct differs from lane to lane, so the "
                    "result has no shape",
                    describe(x));
  const Tensor flat = reshape(detach(x), Shape{-1});
  const std::int64_t n = flat.numel();
  Unique u;
  Tensor sorted, order;
  if (is_complex(x.dtype())) std::tie(sorted, order) = complex_in_order(flat);
  else if (values_only) sorted = sort(flat, 0, false);
  else std::tie(sorted, order) = sort_with_indices(flat, 0, false);
  const Tensor at = changes_of(sorted);
  const std::int64_t found = at.numel();
  u.values = take(sorted, at, 0);
  if (values_only) return u;
  u.first = take(order, at, 0);
  const Tensor ends = concatenate({slice(at, 0, n ? 1 : 0, n ? found - 1 : 0, 1),
                                   full(Shape{n ? 1 : 0}, n, DType::int64, x.device())},
                                  0);
  u.counts = subtract(ends, at);
  // Group of each place of the order, carried to the positions that stand there.
  const Tensor ones = full(Shape{found}, 1, DType::int64, x.device());
  const Tensor starts = index_add(full(Shape{n}, 0, DType::int64, x.device()), 0, at, ones);
  const Tensor group = subtract(cumsum(starts, 0, DType::int64), 1);
  const Tensor inverse = index_add(full(Shape{n}, 0, DType::int64, x.device()), 0, order, group);
  u.inverse = reshape(inverse, x.shape());
  return u;
}

std::pair<Tensor, Tensor> cummax(const Tensor& x, std::int64_t axis) {
  return running_extreme(kRunningMax, x, axis);
}
std::pair<Tensor, Tensor> cummin(const Tensor& x, std::int64_t axis) {
  return running_extreme(kRunningMin, x, axis);
}

// Each step doubles the number of terms: a tree, like a sum's, of log2(n) passes.
Tensor logcumsumexp(const Tensor& x, std::int64_t axis) {
  require_floating(x, "logcumsumexp");
  if (x.rank() == 0) {
    normal_axis(axis, 1, "logcumsumexp");
    return clone(x);
  }
  const int d = normal_axis(axis, x.rank(), "logcumsumexp");
  const std::int64_t n = x.shape(d);
  Tensor y = n > 1 ? x : clone(x);
  for (std::int64_t k = 1; k < n; k *= 2) {
    const Tensor later = logaddexp(slice(y, d, k, n - k, 1), slice(y, d, 0, n - k, 1));
    y = concatenate({slice(y, d, 0, k, 1), later}, d);
  }
  return y;
}

Tensor cumsum(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype) {
  return scan(kCumsum, x, axis, dtype);
}
Tensor cumprod(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype) {
  return scan(kCumprod, x, axis, dtype);
}

}  // namespace nnx::ops
