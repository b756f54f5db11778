// Gathers, scatters and NumPy's indexing: see ops.hpp.
//
// Two pairs of transposes carry everything: take <-> index_add (whole rows along an axis) and
// take_along_axis <-> scatter_add (single elements). Several index arrays become one over the
// product of their axes. Indices are checked before anything is written.
#include <algorithm>
#include <limits>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

// index as contiguous int64 in [0, n), on that device: checked_indices.
Tensor checked_index(const Tensor& index, std::int64_t n, const char* op, Device device) {
  if (!is_integer(index.dtype()))
    fail<IndexError>(op, "indices must be integers (or a bool mask)", describe(index));
  GradMode off(false);
  return checked_indices(to_device(contiguous(astype(index, DType::int64)), device), {op, -n, n});
}

RowsJob rows_job(const Tensor& base, int axis, const Tensor& index) {
  const Split s = split_at(base.shape(), axis);
  return {s.outer, s.n, index.numel(), s.inner, index.data<std::int64_t>()};
}

Shape taken_shape(const Shape& x, int axis, const Shape& index) {
  Shape r;
  for (int i = 0; i < axis; ++i) r.push_back(x[i]);
  for (auto n : index) r.push_back(n);
  for (int i = axis + 1; i < x.size(); ++i) r.push_back(x[i]);
  return r;
}

// --- lanes: of take, index_add, put --------------------------------------------------------------
// in = x, index[, values]; i[0] = axis. An index that all lanes share leaves the axis where it is,
// moved by the lanes. One that differs makes rows of all lanes: the axis goes behind the lanes and
// is joined with them, and every lane's indices count from its own first row.
void rows_lanes(Call& c, const Lanes& all) {
  GradMode off(false);
  const int n = all.levels.size(), axis = static_cast<int>(c.attrs.i[0]);
  const Tensor &x = c.in[0].tensor, &index = c.in[1].tensor;
  const int taken = x.rank() - 1 + index.rank();
  Attrs a = c.attrs;
  std::vector<Operand> in{lanes::plain(x, all), index};
  if (c.in.size() > 2) in.emplace_back(lanes::plain(c.in[2].tensor, all, taken));
  if (!index.lanes()) {
    a.i[0] += n;
    Call p{c.op, in, a, {}, c.target ? lanes::plain(c.target, all) : Tensor()};
    c.op.forward(p);
    c.out[0] = c.target ? c.target : lanes::with_lanes(p.out[0], all);
    return;
  }
  // (lanes, outer, axis, inner) with `width` axes at the axis, to (lanes * axis..., outer, inner).
  const auto to_rows = [&](const Tensor& t, int width) {
    Dims order;
    for (int i = 0; i < n; ++i) order.push_back(i);
    for (int i = 0; i < width; ++i) order.push_back(n + axis + i);
    for (int i = n; i < t.rank(); ++i)
      if (i < n + axis || i >= n + axis + width) order.push_back(i);
    return std::pair{permute(t, order), order};
  };
  const auto joined = [&](const Tensor& t, int axes) {
    Shape s{1};
    for (int i = 0; i < axes; ++i) s[0] *= t.shape(i);
    for (int i = axes; i < t.rank(); ++i) s.push_back(t.shape(i));
    return reshape(t, s);
  };
  const auto [moved, order] = to_rows(in[0].tensor, 1);
  Shape first = all.sizes;
  for (int i = 0; i < index.rank(); ++i) first.push_back(1);
  const Tensor start =
      reshape(multiply(arange(0, all.count(), 1, DType::int64, x.device()), x.shape(axis)), first);
  const Tensor rows = contiguous(add(lanes::plain(index, all), start));
  a.i[0] = 0;
  in[0] = joined(moved, n + 1);
  in[1] = rows;
  if (c.in.size() > 2) {
    Shape full = lanes::in_front(all, taken_shape(x.shape(), axis, index.shape()));
    const Tensor v = to_rows(expand(in[2].tensor, full), index.rank()).first;
    in[1] = reshape(rows, Shape{rows.numel()});
    in[2] = joined(v, n + index.rank());
  }
  Call p{c.op, in, a, {}, {}};
  c.op.forward(p);
  // Back: the lanes apart again, the axes where they were.
  const bool take = c.in.size() == 2;
  Tensor y = take ? p.out[0] : reshape(p.out[0], moved.shape());
  const int width = take ? index.rank() : 1;
  Dims back;
  for (int i = 0; i < n; ++i) back.push_back(i);
  for (int i = 0; i < axis; ++i) back.push_back(n + width + i);
  for (int i = 0; i < width; ++i) back.push_back(n + i);
  for (int i = n + width + axis; i < y.rank(); ++i) back.push_back(i);
  y = permute(y, back);
  if (c.target) copy_into(y, lanes::plain(c.target, all), true);
  c.out[0] = c.target ? c.target : lanes::with_lanes(y, all);
}

// of take_along_axis, scatter_add
void elements_lanes(Call& c, const Lanes& all) {
  GradMode off(false);
  Operand in[] = {c.in[0], c.in[1], c.in.size() > 2 ? c.in[2] : Operand()};
  in[1] = lanes::with_lanes(contiguous(lanes::plain(c.in[1].tensor, all)), all);
  Call p{c.op, {in, c.in.size()}, c.attrs, {}, {}};
  lanes::axis(p, all);
  c.out[0] = p.out[0];
}

// in = x, index (checked); i[0] = axis
void take_forward(Call& c) {
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor);
  const Tensor& index = c.in[1].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  c.out[0] = runtime::empty(taken_shape(x.shape(), axis, index.shape()), x.dtype(), x.device());
  if (c.out[0].numel() == 0) return;
  RowsJob job = rows_job(x, axis, index);
  job.row *= static_cast<std::int64_t>(size_of(x.dtype()));
  runtime::LongCall release(static_cast<double>(c.out[0].numel()) * 0.5);
  kernels_of(x).gather_rows(job, x.bytes(), c.out[0].bytes());
}
void take_backward(Backward& b) {
  const Tensor zeros = full(b.in[0].shape, 0, b.in[0].dtype, b.grad[0].device());
  const Tensor& index = b.in[1].value.tensor;
  // index_add takes a one-dimensional index.
  const int axis = static_cast<int>(b.attrs.i[0]);
  Shape flat = b.in[0].shape;
  flat[axis] = index.numel();
  b.in[0].grad = index_add(zeros, axis, reshape(index, Shape{-1}), reshape(b.grad[0], flat));
}
const Op kTake{.name = "take",
               .kind = Op::Kind::linear,
               .forward = take_forward,
               .backward = take_backward,
               .saves = save_in(1),
               .lanes = rows_lanes};

// in = x, index, values; i[0] = axis: x + values added at rows index
void index_add_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const DType t = storage_of(lane_of(x.dtype()));  // sums of small types are kept wide
  Tensor sum = contiguous(astype(x, t));
  if (sum.is_same(x)) sum = clone(x);
  const Tensor values = contiguous(astype(c.in[2].tensor, t));
  if (values.numel()) {
    RowsJob job = rows_job(x, static_cast<int>(c.attrs.i[0]), c.in[1].tensor);
    job.row *= static_cast<std::int64_t>(size_of(t));
    kernels_of(x).scatter_add_rows(job, real_lane(lane_of(t)), values.bytes(), sum.bytes());
  }
  c.out[0] = astype(sum, x.dtype());
}
void index_add_backward(Backward& b) {
  if (b.in[0].needed) b.in[0].grad = b.grad[0];
  if (b.in[2].needed)
    b.in[2].grad = astype(take(b.grad[0], b.in[1].value.tensor, b.attrs.i[0]), b.in[2].dtype);
}
const Op kIndexAdd{.name = "index_add",
                   .kind = Op::Kind::linear,
                   .forward = index_add_forward,
                   .backward = index_add_backward,
                   .saves = save_in(1),
                   .lanes = rows_lanes};

ElementsJob elements_job(const Tensor& base, int axis, const Tensor& index) {
  const Split s = split_at(index.shape(), axis);
  return {s.outer, base.shape(axis), s.n, s.inner, index.data<std::int64_t>()};
}

// in = x, index; i[0] = axis; all axes but that one agree
void along_forward(Call& c) {
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor);
  const Tensor& index = c.in[1].tensor;
  c.out[0] = runtime::empty(index.shape(), x.dtype(), x.device());
  if (c.out[0].numel() == 0) return;
  kernels_of(x).gather_elements(elements_job(x, static_cast<int>(c.attrs.i[0]), index),
                                static_cast<std::int64_t>(size_of(x.dtype())), x.bytes(),
                                c.out[0].bytes());
}
void along_backward(Backward& b) {
  const Tensor zeros = full(b.in[0].shape, 0, b.in[0].dtype, b.grad[0].device());
  b.in[0].grad = scatter_add(zeros, b.attrs.i[0], b.in[1].value.tensor, b.grad[0]);
}
const Op kAlong{.name = "take_along_axis",
                .kind = Op::Kind::linear,
                .forward = along_forward,
                .backward = along_backward,
                .saves = save_in(1),
                .lanes = elements_lanes};

void scatter_add_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const DType t = storage_of(lane_of(x.dtype()));
  Tensor sum = contiguous(astype(x, t));
  if (sum.is_same(x)) sum = clone(x);
  const Tensor values = contiguous(astype(c.in[2].tensor, t));
  if (values.numel())
    kernels_of(x).scatter_add_elements(
        elements_job(x, static_cast<int>(c.attrs.i[0]), c.in[1].tensor), lane_of(t), values.bytes(),
        sum.bytes());
  c.out[0] = astype(sum, x.dtype());
}
void scatter_add_backward(Backward& b) {
  if (b.in[0].needed) b.in[0].grad = b.grad[0];
  if (b.in[2].needed)
    b.in[2].grad =
        astype(take_along_axis(b.grad[0], b.in[1].value.tensor, b.attrs.i[0]), b.in[2].dtype);
}
const Op kScatterAdd{.name = "scatter_add",
                     .kind = Op::Kind::linear,
                     .forward = scatter_add_forward,
                     .backward = scatter_add_backward,
                     .saves = save_in(1),
                     .lanes = elements_lanes};

// in = x, index, values; i[0] = axis: rows index of x replaced by values. In place on the target,
// which is x, or a new tensor.
void put_forward(Call& c) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const Tensor& index = c.in[1].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  Tensor out = c.target && x.contiguous() ? c.target : clone(x);
  const Tensor values = contiguous(
      expand(astype(c.in[2].tensor, x.dtype()), taken_shape(x.shape(), axis, index.shape())));
  if (values.numel()) {
    RowsJob job = rows_job(x, axis, index);
    job.row *= static_cast<std::int64_t>(size_of(x.dtype()));
    kernels_of(x).scatter_rows(job, values.bytes(), out.bytes());
  }
  if (c.target && !out.is_same(c.target)) copy_into(out, c.target, true);
  c.out[0] = c.target ? c.target : out;
}
const Op& put_op();
void put_backward(Backward& b) {
  const Tensor& index = b.in[1].value.tensor;
  if (b.in[0].needed) {
    Operand in[] = {b.grad[0], index, scalar_tensor(0, b.in[0].dtype, b.grad[0].device())};
    b.in[0].grad = call(put_op(), in, b.attrs);
  }
  if (b.in[2].needed)
    b.in[2].grad =
        astype(sum_to(take(b.grad[0], index, b.attrs.i[0]), b.in[2].shape), b.in[2].dtype);
}
const Op kPut{.name = "index_put_",
              .kind = Op::Kind::linear,
              .forward = put_forward,
              .backward = put_backward,
              .saves = save_in(1),
              .lanes = rows_lanes};
const Op& put_op() { return kPut; }

// in = x, index, values; i[0] = axis: elements of x replaced, all axes but that one agree. In place
// on the target, which is x, or a new tensor.
void put_along_forward(Call& c) {
  GradMode off(false);
  const Tensor &x = c.in[0].tensor, &index = c.in[1].tensor;
  Tensor out = c.target && x.contiguous() ? c.target : clone(x);
  const Tensor values = contiguous(expand(astype(c.in[2].tensor, x.dtype()), index.shape()));
  if (values.numel())
    kernels_of(x).scatter_elements(elements_job(x, static_cast<int>(c.attrs.i[0]), index),
                                   static_cast<std::int64_t>(size_of(x.dtype())), values.bytes(),
                                   out.bytes());
  if (c.target && !out.is_same(c.target)) copy_into(out, c.target, true);
  c.out[0] = c.target ? c.target : out;
}
const Op& put_along_op();
void put_along_backward(Backward& b) {
  const Tensor& index = b.in[1].value.tensor;
  if (b.in[0].needed) {
    Operand in[] = {b.grad[0], index, scalar_tensor(0, b.in[0].dtype, b.grad[0].device())};
    b.in[0].grad = call(put_along_op(), in, b.attrs);
  }
  if (b.in[2].needed)
    b.in[2].grad = astype(sum_to(take_along_axis(b.grad[0], index, b.attrs.i[0]), b.in[2].shape),
                          b.in[2].dtype);
}
const Op kPutAlong{.name = "scatter_",
                   .kind = Op::Kind::linear,
                   .forward = put_along_forward,
                   .backward = put_along_backward,
                   .saves = save_in(1)};
const Op& put_along_op() { return kPutAlong; }

// --- NumPy's indexing --------------------------------------------------------------------------

// The part of an index that is a view, and the index arrays that remain, on axes of that view.
struct Parsed {
  Tensor view;
  std::vector<int> axes;        // of view, increasing
  std::vector<Tensor> indices;  // broadcast to one shape
  bool adjacent = true;         // result axes go where the index arrays stood, else to the front
};

std::int64_t clipped(std::int64_t i, std::int64_t n, std::int64_t lo, std::int64_t hi) {
  if (i < 0) i = i < -n ? -1 : i + n;
  return std::min(std::max(i, lo), hi);
}

Tensor slice_by(const Tensor& x, int axis, const Index& s) {
  const std::int64_t n = x.shape(axis), step = s.step.value_or(1);
  if (step == 0) fail<ArgumentError>("index", "the step of a slice must not be zero");
  std::int64_t start, stop, length = 0;
  if (step > 0) {
    start = s.start ? clipped(*s.start, n, 0, n) : 0;
    stop = s.stop ? clipped(*s.stop, n, 0, n) : n;
    if (stop > start) length = (stop - start - 1) / step + 1;
  } else {
    start = s.start ? clipped(*s.start, n, -1, n - 1) : n - 1;
    stop = s.stop ? clipped(*s.stop, n, -1, n - 1) : -1;
    if (start > stop)
      length =
          step == std::numeric_limits<std::int64_t>::min() ? 1 : (start - stop - 1) / -step + 1;
  }
  if (start == 0 && step == 1 && length == n) return x;
  return slice(x, axis, start, length, length > 1 ? step : 1);
}

Parsed parse(const Tensor& x, const std::vector<Index>& index) {
  int consumed = 0, ellipses = 0;
  bool arrays = false;
  for (const auto& i : index) {
    using K = Index::Kind;
    if (i.kind == K::integer || i.kind == K::slice) ++consumed;
    if (i.kind == K::ellipsis) ++ellipses;
    if (i.kind == K::tensor) {
      arrays = true;
      if (i.tensor.dtype() != DType::boolean && !is_integer(i.tensor.dtype()))
        fail<IndexError>("index", "index tensors must hold integers or bools", describe(i.tensor));
      consumed += i.tensor.dtype() == DType::boolean ? i.tensor.rank() : 1;
    }
  }
  if (ellipses > 1) fail<IndexError>("index", "only one ... can stand in an index");
  if (consumed > x.rank())
    fail<IndexError>("index", "more indices than axes",
                     std::to_string(consumed) + " indices for " + describe(x));
  Parsed p{x, {}, {}, true};
  int axis = 0, last_array = -2;
  auto note_array = [&](int position) {
    if (last_array >= 0 && position != last_array + 1) p.adjacent = false;
    last_array = position;
  };
  int position = 0;
  for (const auto& i : index) {
    switch (i.kind) {
      case Index::Kind::integer:
        if (!arrays) {
          p.view = select(p.view, axis, i.integer);
        } else {
          const std::int64_t n = p.view.shape(axis);
          if (i.integer < -n || i.integer >= n)
            fail<IndexError>(
                "index",
                "index must lie in [-" + std::to_string(n) + ", " + std::to_string(n) + ")",
                "index " + std::to_string(i.integer));
          p.indices.push_back(scalar_tensor(i.integer, DType::int64, x.device()));
          p.axes.push_back(axis++);
          note_array(position);
        }
        break;
      case Index::Kind::slice:
        p.view = slice_by(p.view, axis, i);
        ++axis;
        break;
      case Index::Kind::newaxis:
        p.view = unsqueeze(p.view, axis);
        ++axis;
        break;
      case Index::Kind::ellipsis: axis += x.rank() - consumed; break;
      case Index::Kind::tensor:
        if (i.tensor.dtype() == DType::boolean) {
          for (int k = 0; k < i.tensor.rank(); ++k)  // an axis without elements fits any
            if (i.tensor.shape(k) != 0 && i.tensor.shape(k) != p.view.shape(axis + k))
              fail<IndexError>("index", "a bool mask must have the shape of the axes it picks from",
                               "mask " + describe(i.tensor) + " on " + describe(x));
          if (i.tensor.rank() == 0) {  // True adds an axis of length 1, False one of length 0
            p.view = unsqueeze(p.view, axis);
            p.indices.push_back(
                arange(0, value_of<bool>(i.tensor) ? 1 : 0, 1, DType::int64, x.device()));
            p.axes.push_back(axis++);
          }
          for (auto& n : nonzero(to_device(i.tensor, x.device()))) {
            p.indices.push_back(std::move(n));
            p.axes.push_back(axis++);
          }
        } else {
          p.indices.push_back(i.tensor);
          p.axes.push_back(axis++);
        }
        note_array(position);
        break;
    }
    ++position;
  }
  return p;
}

// Moves the indexed axes together and joins them: the axis rows are taken along, and the one index.
struct Joined {
  Tensor base;  // permuted, not yet joined
  Shape shape;  // of the joined tensor
  int axis;
  Tensor index;
};

Joined join(const Parsed& p) {
  Joined j;
  j.axis = p.adjacent ? p.axes[0] : 0;
  Dims order;
  for (int i = 0, rest = 0; i <= p.view.rank(); ++i) {
    if (rest == j.axis && order.size() == rest)
      for (int a : p.axes) order.push_back(a);
    if (i == p.view.rank()) break;
    if (std::find(p.axes.begin(), p.axes.end(), i) == p.axes.end()) {
      order.push_back(i);
      ++rest;
    }
  }
  bool sorted = true;
  for (int i = 0; i < order.size(); ++i) sorted &= order[i] == i;
  j.base = sorted ? p.view : permute(p.view, order);
  GradMode off(false);
  Shape common = p.indices[0].shape();
  for (const auto& i : p.indices) common = broadcast(common, i.shape(), "index");
  std::int64_t joined = 1;
  for (std::size_t k = 0; k < p.axes.size(); ++k) {
    const std::int64_t n = p.view.shape(p.axes[k]);
    const Tensor i = checked_index(p.indices[k], n, "index", p.view.device());
    j.index = k == 0 ? i : add(multiply(j.index, n), i);
    joined *= n;
  }
  j.index = contiguous(expand(j.index, common));
  for (int i = 0; i < j.axis; ++i) j.shape.push_back(j.base.shape(i));
  j.shape.push_back(joined);
  for (int i = j.axis + static_cast<int>(p.axes.size()); i < j.base.rank(); ++i)
    j.shape.push_back(j.base.shape(i));
  return j;
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "take");
  return call(kTake, x, checked_index(index, x.shape(static_cast<int>(a.i[0])), "take", x.device()),
              a);
}

Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& values) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "index_add");
  const int d = static_cast<int>(a.i[0]);
  if (index.rank() != 1)
    fail<ShapeError>("index_add", "the index must have one axis", describe(index));
  Shape expected = x.shape();
  expected[d] = index.numel();
  if (!(values.shape() == expected))
    fail<ShapeError>("index_add", "values must have the shape " + to_string(expected),
                     describe(values));
  Operand in[] = {x, checked_index(index, x.shape(d), "index_add", x.device()), values};
  return call(kIndexAdd, in, a);
}

namespace {
// All axes of index but one must fit x's.
void check_along(const Tensor& x, const Tensor& index, int axis, const char* op) {
  bool fits = x.rank() == index.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || index.shape(i) == x.shape(i);
  if (!fits)
    fail<ShapeError>(op, "index must have the tensor's shape but along the axis",
                     "x " + describe(x) + ", index " + describe(index));
}
// PyTorch's gather and scatter read only as far as the index goes.
Tensor cut_to(Tensor x, const Tensor& index, int axis) {
  if (x.rank() == index.rank())
    for (int i = 0; i < x.rank(); ++i)
      if (i != axis && index.shape(i) < x.shape(i)) x = slice(x, i, 0, index.shape(i), 1);
  return x;
}
}  // namespace

Tensor take_along_axis(const Tensor& x, const Tensor& index, std::int64_t axis) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "take_along_axis");
  const int d = static_cast<int>(a.i[0]);
  const Tensor cut = cut_to(x, index, d);
  check_along(cut, index, d, "take_along_axis");
  return call(kAlong, cut, checked_index(index, x.shape(d), "take_along_axis", x.device()), a);
}

void put_along_axis(const Tensor& target, std::int64_t axis, const Tensor& index,
                    const Operand& value) {
  check_written(target, value, "scatter");
  Attrs a;
  const int d = normal_axis(axis, target.rank(), "scatter");
  a.i[0] = d;
  const Tensor cut = cut_to(target, index, d);
  check_along(cut, index, d, "scatter");
  Tensor source = value.is_tensor() ? value.tensor
                                    : scalar_tensor(value.scalar, target.dtype(), target.device());
  if (!(broadcast(index.shape(), source.shape(), "scatter") == index.shape()))
    fail<ShapeError>("scatter", "the values must broadcast to the shape of the index",
                     "index " + describe(index) + ", values " + describe(source));
  if (source->storage.get() == target->storage.get()) source = clone(source);
  Tensor places = checked_index(index, target.shape(d), "scatter", target.device());
  if (places->storage.get() == target->storage.get()) places = clone(places);
  Operand in[] = {cut, places, source};
  Call c{kPutAlong, in, a, {}, cut};
  dispatch(c);
}

Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& values) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "scatter_add");
  const int d = static_cast<int>(a.i[0]);
  if (is_complex(x.dtype()))
    return complex(scatter_add(real(x), axis, index, real(values)),
                   scatter_add(imag(x), axis, index, imag(values)));
  check_along(x, index, d, "scatter_add");
  const Tensor cut = cut_to(values, index, -1);
  if (!(cut.shape() == index.shape()))
    fail<ShapeError>("scatter_add", "values must have the shape of the index",
                     "index " + describe(index) + ", values " + describe(values));
  Operand in[] = {x, checked_index(index, x.shape(d), "scatter_add", x.device()), cut};
  return call(kScatterAdd, in, a);
}

namespace {
// x[mask], where the mask covers the first axes: rows of those axes joined.
bool is_one_mask(const Tensor& x, const std::vector<Index>& index) {
  if (index.size() != 1 || index[0].kind != Index::Kind::tensor) return false;
  const Tensor& mask = index[0].tensor;
  bool fits = mask.dtype() == DType::boolean && mask.rank() > 0 && mask.rank() <= x.rank();
  for (int i = 0; fits && i < mask.rank(); ++i) fits = mask.shape(i) == x.shape(i);
  return fits;
}
Tensor masked(const Tensor& x, const Tensor& mask) {
  Shape rows{mask.numel()};
  for (int i = mask.rank(); i < x.rank(); ++i) rows.push_back(x.shape(i));
  return call(kTake, reshape(x, rows), nonzero(reshape(mask, Shape{-1}))[0]);
}
}  // namespace

Tensor get_item(const Tensor& x, const std::vector<Index>& index) {
  if (is_one_mask(x, index)) return masked(x, to_device(index[0].tensor, x.device()));
  Parsed p = parse(x, index);
  if (p.indices.empty()) return p.view.is_same(x) ? reshape(x, x.shape()) : p.view;
  const Joined j = join(p);
  Attrs a;
  a.i[0] = j.axis;
  return call(kTake, reshape(j.base, j.shape), j.index, a);
}

void set_item(const Tensor& x, const std::vector<Index>& index, const Operand& value,
              const char* op) {
  check_written(x, value, op);
  // x[mask] = number: one pass.
  if (index.size() == 1 && index[0].kind == Index::Kind::tensor &&
      index[0].tensor.dtype() == DType::boolean && index[0].tensor.shape() == x.shape() &&
      (!value.is_tensor() || value.tensor.numel() == 1) &&
      (!value.is_tensor() || value.tensor.dtype() == x.dtype())) {
    Operand v =
        value.is_tensor() ? Operand(to_device(reshape(value.tensor, Shape{}), x.device())) : value;
    if (v.is_tensor() || kind_of(v.scalar.dtype()) <= kind_of(x.dtype())) {
      static const int id = find_declaration("where");
      Operand in[] = {to_device(index[0].tensor, x.device()), v, x};
      return apply_into(x, id, in);
    }
  }
  Parsed p = parse(x, index);
  if (p.indices.empty()) return assign(p.view, value, op);
  const Joined j = join(p);
  Tensor source =
      value.is_tensor() ? value.tensor : scalar_tensor(value.scalar, x.dtype(), x.device());
  const Shape taken = taken_shape(j.shape, j.axis, j.index.shape());
  if (!(broadcast(taken, source.shape(), "index") == taken))
    fail<ShapeError>("index",
                     "the value must broadcast to the shape it is written to, " + to_string(taken),
                     describe(source));
  // Where joining axes needs a copy, write into the copy and copy back.
  Tensor base = reshape(j.base, j.shape);
  const bool in_place = base->storage.get() == x->storage.get();
  if (source->storage.get() == x->storage.get()) source = clone(source);
  Operand in[] = {base, j.index, source};
  Attrs a;
  a.i[0] = j.axis;
  Call c{kPut, in, a, {}, in_place ? base : Tensor()};
  dispatch(c);
  if (!in_place) assign(j.base, reshape(c.out[0], j.base.shape()));
}

Tensor embedding_rows(const Tensor& index, const Tensor& weight) {
  return checked_indices(to_device(index, weight.device()),
                         {"embedding", 0, weight.shape(0), IndexRule::Of::row});
}

namespace {
// in = labels (checked); i[0] = classes
void one_hot_forward(Call& c) {
  GradMode off(false);
  const Tensor labels = contiguous(c.in[0].tensor);
  Shape shape = labels.shape();
  shape.push_back(c.attrs.i[0]);
  c.out[0] = runtime::empty(shape, DType::int64, labels.device());
  if (c.out[0].numel() == 0) return;
  runtime::LongCall release(static_cast<double>(c.out[0].numel()) * 0.3);
  kernels_of(labels).one_hot(labels.numel(), c.attrs.i[0], labels.data<std::int64_t>(),
                             c.out[0].data<std::int64_t>());
}
const Op kOneHot{.name = "one_hot", .forward = one_hot_forward, .lanes = lanes::leading};
}  // namespace

Tensor one_hot(const Tensor& labels, std::int64_t classes) {
  if (!is_integer(labels.dtype()))
    fail<DTypeError>("one_hot", "labels must be integers", describe(labels));
  GradMode off(false);
  Tensor i = contiguous(astype(labels, DType::int64));
  if (classes < 0) classes = index_range(i).hi + 1;
  i = checked_indices(i, {"one_hot", 0, classes, IndexRule::Of::label});
  Attrs a;
  a.i[0] = classes;
  return call(kOneHot, i, a);
}

namespace {
// x as a mask a kernel can read, and how many of its elements are true.
std::pair<Tensor, std::int64_t> mask_of(const Tensor& x) {
  if (x.lanes())
    fail<VmapError>("nonzero",
                    "how many elements a bool mask picks differs from lane to lane, so the result "
                    "has no shape",
                    describe(x),
                    "keep the shape: nnx.where(mask, x, 0), or a sum weighted by mask");
  const Tensor mask = contiguous(astype(x, DType::boolean));
  return {mask, kernels_of(x).nonzero(mask.shape(), mask.data<bool>(), nullptr, 1)};
}
}  // namespace

std::vector<Tensor> nonzero(const Tensor& x) {
  GradMode off(false);
  const auto [mask, found] = mask_of(x);
  std::vector<Tensor> out;
  std::int64_t* at[kMaxRank];
  for (int i = 0; i < x.rank(); ++i) {
    out.push_back(runtime::empty(Shape{found}, DType::int64, x.device()));
    at[i] = out.back().data<std::int64_t>();
  }
  if (found) kernels_of(x).nonzero(x.shape(), mask.data<bool>(), at, 1);
  return out;
}

Tensor nonzero_matrix(const Tensor& x) {
  GradMode off(false);
  const auto [mask, found] = mask_of(x);
  Tensor out = runtime::empty(Shape{found, x.rank()}, DType::int64, x.device());
  std::int64_t* at[kMaxRank];
  for (int i = 0; i < x.rank(); ++i) at[i] = out.data<std::int64_t>() + i;
  if (out.numel()) kernels_of(x).nonzero(x.shape(), mask.data<bool>(), at, x.rank());
  return out;
}

}  // namespace nnx::ops
