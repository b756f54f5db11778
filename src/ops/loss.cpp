// Losses in one pass: see ops.hpp.
#include <algorithm>
#include <iterator>
#include <vector>

#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

// --- a pointwise op summed or averaged: i[0] = its declaration, f = its numbers, flag = mean,
// i[1] = leading axes that are kept (lanes) ----

const PointwiseOp& summand(const Attrs& a) { return pointwise_op(static_cast<int>(a.i[0])); }

void reduced_forward(Call& c) {
  const Tensor &x = c.in[0].tensor, &y = c.in[1].tensor;
  const DType t = x.dtype();
  const PointwiseOp& op = summand(c.attrs);
  const Lane lane = lane_of(t);
  const int kept = static_cast<int>(c.attrs.i[1]);
  Shape shape;
  for (int i = 0; i < kept; ++i) shape.push_back(x.shape(i));
  c.out[0] = runtime::empty(shape, t, x.device());
  if (c.out[0].numel() == 0) return;
  ReduceJob job;
  job.program = &pointwise_program(op, lane);
  job.shape = x.shape();
  job.reduced = axis_mask({}, x.rank(), c.op.name) & ~((1u << kept) - 1);
  job.reduction = Reduction::sum;
  const std::int64_t terms = reduced_count(x.shape(), job.reduced);
  job.scale = c.attrs.flag ? 1.0 / static_cast<double>(terms) : 1.0;
  job.in[0] = {x.bytes(), x.dtype(), x.strides()};
  job.in[1] = {y.bytes(), y.dtype(), y.strides()};
  LaneValue numbers[std::size(Attrs{}.f)];
  for (int i = 2; i < op.arity; ++i) {
    numbers[i - 2] = lane_value(c.attrs.f[i - 2], lane);
    job.in[i] = {numbers[i - 2].bytes, storage_of(lane), Dims::filled(x.rank(), 0), true};
  }
  job.out = {c.out[0].bytes(), t, Dims::filled(x.rank(), 0)};
  for (int i = 0; i < kept; ++i) job.out.strides[i] = c.out[0].stride(i);
  runtime::LongCall release(static_cast<double>(x.numel()));
  kernels_of(x).reduce(job);
}

void reduced_backward(Backward& b) {
  const PointwiseOp& op = summand(b.attrs);
  Operand args[kMaxInputs];
  for (int i = 0; i < 2; ++i) args[i] = b.in[i].value;
  for (int i = 2; i < op.arity; ++i) args[i] = Operand(b.attrs.f[i - 2]);
  Tensor g = b.grad[0];
  if (b.attrs.flag) g = multiply(g, 1.0 / static_cast<double>(count(b.in[0].shape)));
  for (int i : {0, 1}) {
    if (!b.in[i].needed) continue;
    const PointwiseGradient& d = pointwise_gradient(op, i);
    if (d.zero) continue;
    Operand list[kMaxInputs];
    int n = 0;
    for (int u : d.uses) {
      if (u < op.arity) list[n++] = args[u];
      else if (u == op.arity) list[n++] = apply_op(op, {args, static_cast<std::size_t>(op.arity)});
      else list[n++] = g;
    }
    const Tensor r = d.identity ? g : apply_op(*d.op, {list, static_cast<std::size_t>(n)});
    b.in[i].grad = astype(expand(r, b.in[i].shape), b.in[i].dtype);
  }
}
void reduced_lanes(Call& c, const Lanes& all) {
  Attrs a = c.attrs;
  a.i[1] = all.levels.size();
  lanes::run(c, all, a);
}
const Op kReduced{.name = "loss",
                  .kind = Op::Kind::fused,
                  .forward = reduced_forward,
                  .backward = reduced_backward,
                  .saves = kSaveInputs,
                  .lanes = reduced_lanes};

// --- softmax cross-entropy -----------------------------------------------------------------------
// in = x (n, classes), labels (n) int64 with -1 for ignored; i[0] = rows that count, or kCountThere
// where only the device knows; flag = mean.
// out = loss of each row or their sum / mean (i[1]: 0 none, 1 reduced), logsumexp of each row.

constexpr std::int64_t kCountThere = -1;

// How many rows count, as a number or a tensor of dtype t.
Operand counted(const Tensor& labels, DType t, std::int64_t count) {
  if (count != kCountThere) return static_cast<double>(count);
  return astype(sum(greater_equal(labels, 0)), t);
}

void cross_entropy_forward(Call& c) {
  GradMode off(false);
  const Tensor &x = c.in[0].tensor, &labels = c.in[1].tensor;
  const std::int64_t n = x.shape(0), classes = x.shape(1);
  const DType t = row_dtype(x.dtype(), "cross_entropy");
  const Tensor rows = contiguous(astype(x, t));
  Tensor loss = runtime::empty(Shape{n}, t, x.device());
  c.out[1] = runtime::empty(Shape{n}, t, x.device());
  if (n) {
    runtime::LongCall release(static_cast<double>(x.numel()));
    kernels_of(x).cross_entropy(lane_of(t), n, classes, rows.bytes(), labels.data<std::int64_t>(),
                                loss.bytes(), c.out[1].bytes());
  }
  if (c.attrs.i[1]) {
    loss = sum(loss);
    if (c.attrs.flag) loss = divide(loss, counted(labels, t, c.attrs.i[0]));
  }
  c.out[0] = astype(loss, x.dtype());
}

void cross_entropy_backward(Backward& b) {
  GradMode off(false);
  const Tensor &x = b.in[0].value.tensor, &labels = b.in[1].value.tensor;
  const std::int64_t n = x.shape(0), classes = x.shape(1);
  const DType t = row_dtype(x.dtype(), "cross_entropy");
  Tensor scale = astype(b.grad[0], t);
  if (b.attrs.flag) scale = divide(scale, counted(labels, t, b.attrs.i[0]));
  scale = contiguous(expand(scale, Shape{n}));
  const Tensor rows = contiguous(astype(x, t));
  Tensor dx = runtime::empty(x.shape(), t, x.device());
  if (dx.numel()) {
    runtime::LongCall release(static_cast<double>(x.numel()));
    kernels_of(x).cross_entropy_backward(lane_of(t), n, classes, rows.bytes(),
                                         labels.data<std::int64_t>(), b.out[1].bytes(),
                                         scale.bytes(), dx.bytes());
  }
  b.in[0].grad = astype(dx, b.in[0].dtype);
}

Tensor cross_entropy_definition(std::span<const Operand> in, const Attrs& a) {
  const Tensor& labels = in[1].tensor;
  const Tensor ignored = less(labels, 0);
  const Tensor index = unsqueeze(where(ignored, 0, labels), 1);
  const Tensor picked =
      squeeze(take_along_axis(log_softmax(in[0].tensor, 1), index, 1), Dims{1}, true);
  Tensor loss = where(ignored, 0, negative(picked));
  if (!a.i[1]) return loss;
  loss = sum(loss);
  return a.flag ? divide(loss, counted(labels, loss.dtype(), a.i[0])) : loss;
}

const Op kCrossEntropy{.name = "cross_entropy",
                       .kind = Op::Kind::fused,
                       .forward = cross_entropy_forward,
                       .backward = cross_entropy_backward,
                       .saves = kSaveInputs | save_out(1),
                       .results = 2,
                       .definition = cross_entropy_definition};

}  // namespace

Tensor loss(const char* name, int declaration, const Tensor& x, const Tensor& y,
            std::span<const double> numbers, LossReduction r) {
  if (!(x.shape() == y.shape())) {
    const bool column = x.rank() != y.rank() && x.numel() == y.numel();
    fail<ShapeError>(
        name, "input and target must have the same shape",
        "input " + describe(x) + ", target " + describe(y),
        !column ? ""
        : x.rank() == y.rank() + 1 && x.shape(-1) == 1 && x.shape(0) == y.shape(0)
            ? "one of them has an axis too many; give the target one, too: target[:, None], or "
              "target.reshape(input.shape)"
            : "one of them has an axis too many; try target.reshape(input.shape)");
  }
  if (!(x.device() == y.device()))
    fail<DeviceError>(name, "input and target must be on one device");
  require_floating(x, name);
  if (is_floating(y.dtype()) && x.dtype() != y.dtype())
    fail<DTypeError>(name, "input and target must have the same floating dtype",
                     "input " + describe(x) + ", target " + describe(y),
                     "convert the target: target.to(nnx." + std::string(name_of(x.dtype())) + ")");
  if (is_complex(y.dtype())) fail<DTypeError>(name, "complex tensors are not taken", describe(y));
  if (r == LossReduction::none) {
    std::vector<Operand> in{x, y};
    for (const double number : numbers) in.emplace_back(number);
    return ops::apply(declaration, in);
  }
  Attrs a;
  a.i[0] = declaration;
  a.flag = r == LossReduction::mean;
  if (numbers.size() > std::size(a.f)) fail<ArgumentError>(name, "too many numbers");
  std::copy(numbers.begin(), numbers.end(), a.f);
  return call(kReduced, x, y, a);
}

Tensor cross_entropy(const Tensor& input, const Tensor& labels, std::int64_t ignore_index,
                     LossReduction r) {
  require_floating(input, "cross_entropy");
  if (!is_integer(labels.dtype()))
    fail<DTypeError>(
        "cross_entropy", "labels must be integer class indices", "labels " + describe(labels),
        "convert them with labels.long(); probabilities must have the shape of the input, see "
        "nn.functional.cross_entropy");
  if (input.rank() == 0)
    fail<ShapeError>("cross_entropy", "input must have a class axis: (N, C) or (C,)",
                     describe(input));
  // (N, C, d...) with labels (N, d...) becomes rows of classes.
  const int axis = input.rank() == 1 ? 0 : 1;
  Shape expected = input.shape();
  expected.erase(axis);
  if (!(labels.shape() == expected))
    fail<ShapeError>(
        "cross_entropy", "input (N, C) needs labels (N): one class index for every row",
        "input " + describe(input) + ", labels " + describe(labels),
        labels.rank() == expected.size() + 1 ? "labels have an axis too many; try labels.squeeze(1)"
        : labels.rank() == 0                 ? "give one label for each row: label.reshape(1)"
                                             : "");
  const std::int64_t classes = input.shape(axis);
  Tensor x = input;
  if (input.rank() == 1) x = unsqueeze(input, 0);
  if (input.rank() > 2) {
    Dims order{0};
    for (int i = 2; i < input.rank(); ++i) order.push_back(i);
    order.push_back(1);
    x = reshape(permute(input, order), Shape{labels.numel(), classes});
  }
  Tensor index;
  Attrs a;
  a.i[0] = labels.numel();
  {
    GradMode off(false);
    index = contiguous(reshape(astype(labels, DType::int64), Shape{labels.numel()}));
    const IndexRule rule{"cross_entropy", 0, classes, IndexRule::Of::class_label};
    if (index.device().kind != DeviceKind::cpu && classes > 0) {
      index = checked_on_device(index, rule, ignore_index);
      a.i[0] = kCountThere;
    } else {
      const auto [lo, hi] = index_range(index);
      const bool outside = lo < 0 || hi >= classes;
      if (outside || (ignore_index >= 0 && ignore_index < classes)) {
        const Tensor ignored = equal(index, ignore_index);
        if (outside) {
          const Tensor bad = logical_and(logical_not(ignored),
                                         logical_or(less(index, 0), greater_equal(index, classes)));
          if (value_of<bool>(any(lanes::values(bad)))) fail_indices(rule, lo, hi);
        }
        if (!lanes::any(ignored)) a.i[0] -= value_of<std::int64_t>(sum(ignored));
        index = where(ignored, -1, index);
      }
    }
  }
  if (lanes::any(index) && r == LossReduction::mean) {  // lanes ignore different numbers of rows
    Operand in[] = {x, index};
    const Tensor total = sum(cross_entropy_definition(in, {}));
    return divide(total, astype(sum(greater_equal(index, 0)), total.dtype()));
  }
  a.i[1] = r != LossReduction::none;
  a.flag = r == LossReduction::mean;
  Tensor loss = call(kCrossEntropy, x, index, a);
  return r == LossReduction::none ? reshape(loss, labels.shape()) : loss;
}

}  // namespace nnx::ops
