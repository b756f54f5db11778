// Convolution: see ops.hpp.
// Three ops related by one geometry (core/kernels.hpp, ConvShape), each linear in both arguments:
//   forward(x, w) -> y, transposed(y, w) -> x, weight(x, y) -> w.
// The gradient of each is the other two, so derivatives of any order are the same three kernels.
#include "ops/lanes.hpp"
#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// What an application is told: axes = stride, dilation and padding before, one after the other;
// shape = spatial lengths of the result; i[0] = groups, i[1] = activation, i[2] = bias given.
struct Geometry {
  int rank;
  std::int64_t groups;
  Dims stride, dilation, before;
};
Geometry geometry_of(const Attrs& a) {
  Geometry g{a.axes.size() / 3, a.i[0], {}, {}, {}};
  for (int i = 0; i < g.rank; ++i) {
    g.stride.push_back(a.axes[i]);
    g.dilation.push_back(a.axes[g.rank + i]);
    g.before.push_back(a.axes[2 * g.rank + i]);
  }
  return g;
}

// x, y, w: shapes of the three tensors of the relation.
ConvShape conv_shape(const Geometry& g, const Shape& x, const Shape& y, const Shape& w) {
  ConvShape s{};
  s.batch = x[0];
  s.groups = g.groups;
  s.in_channels = w[1];
  s.out_channels = w[0] / g.groups;
  for (int a = 0; a < 3; ++a) {
    s.in[a] = s.out[a] = s.kernel[a] = s.stride[a] = s.dilation[a] = 1;
    const int i = a - (3 - g.rank);
    if (i < 0) continue;
    s.in[a] = x[2 + i];
    s.out[a] = y[2 + i];
    s.kernel[a] = w[2 + i];
    s.stride[a] = g.stride[i];
    s.dilation[a] = g.dilation[i];
    s.before[a] = g.before[i];
  }
  return s;
}

double products(const ConvShape& s) {
  double n = static_cast<double>(s.batch * s.groups * s.in_channels * s.out_channels);
  for (int a = 0; a < 3; ++a) n *= static_cast<double>(s.out[a] * s.kernel[a]);
  return n;
}

// out is contiguous.
void run_into(ConvKind kind, const Geometry& g, const Tensor& a, const Tensor& b, const Tensor& out,
              const Tensor& bias, int activation) {
  if (out.numel() == 0) return;
  if (a.numel() == 0 || b.numel() == 0) {  // sums of nothing
    fill(out, 0);
    if (bias)
      copy_into(reshape(bias,
                        [&] {
                          Shape s = Shape::filled(out.rank() - 1, 1);
                          s[0] = bias.numel();
                          return s;
                        }()),
                out);
    return;
  }
  ConvJob job{};
  job.kind = kind;
  job.lane = lane_of(a.dtype());
  const Shape &sa = a.shape(), &sb = b.shape(), &result = out.shape();
  job.shape = kind == ConvKind::forward      ? conv_shape(g, sa, result, sb)
              : kind == ConvKind::transposed ? conv_shape(g, result, sa, sb)
                                             : conv_shape(g, sa, sb, result);
  const Tensor x = contiguous(a), y = contiguous(b), c = bias ? contiguous(bias) : Tensor();
  job.a = x.bytes();
  job.b = y.bytes();
  job.out = out.bytes();
  job.bias = c ? c.bytes() : nullptr;
  job.activation = activation;
  job.low_precision = low_precision_products();
  const Kernels& k = kernels_of(a);
  const Tensor room = runtime::empty(Shape{k.conv_workspace(job)}, DType::uint8, a.device());
  job.workspace = room.bytes();
  runtime::LongCall release(products(job.shape) * 0.02);
  k.conv(job);
}
Tensor run(ConvKind kind, const Geometry& g, const Tensor& a, const Tensor& b, const Shape& result,
           const Tensor& bias, int activation) {
  const Tensor out = runtime::empty(result, a.dtype(), a.device());
  run_into(kind, g, a, b, out, bias, activation);
  return out;
}

// The result's shape when its channels are known.
Shape result_shape(const Attrs& a, std::int64_t batch, std::int64_t channels) {
  Shape s{batch, channels};
  for (auto n : a.shape) s.push_back(n);
  return s;
}
Dims spatial(const Shape& s) { return Dims(std::span(s.begin() + 2, s.end())); }
Attrs with_result(Attrs a, const Dims& lengths) {
  a.shape = lengths;
  a.i[1] = -1;
  a.i[2] = 0;
  return a;
}

template <ConvKind kKind>
Shape result_of(const Call& c) {
  const Shape &a = c.in[0].tensor.shape(), &b = c.in[1].tensor.shape();
  if constexpr (kKind == ConvKind::forward) return result_shape(c.attrs, a[0], b[0]);
  if constexpr (kKind == ConvKind::transposed)
    return result_shape(c.attrs, a[0], b[1] * c.attrs.i[0]);
  return result_shape(c.attrs, b[1], a[1] / c.attrs.i[0]);
}
Tensor bias_of(const Call& c) { return c.attrs.i[2] ? c.in[2].tensor : Tensor(); }

template <ConvKind kKind>
void forward(Call& c) {
  GradMode off(false);
  c.out[0] = run(kKind, geometry_of(c.attrs), c.in[0].tensor, c.in[1].tensor, result_of<kKind>(c),
                 bias_of(c), static_cast<int>(c.attrs.i[1]));
}

Shape multiplied(const Shape& s, int axis, std::int64_t count) {
  Shape r;
  for (int i = 0; i < s.size(); ++i) r.push_back(i == axis ? s[i] * count : s[i]);
  return r;
}

// The images of all lanes are one batch where they meet the same weights; else lanes are groups.
template <ConvKind kKind>
void in_lanes(Call& c, const Lanes& all) {
  GradMode off(false);
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor, bias = bias_of(c);
  const std::int64_t count = all.count();
  const int activation = static_cast<int>(c.attrs.i[1]);
  const Shape one = result_of<kKind>(c);
  Geometry g = geometry_of(c.attrs);
  const auto with_count = [&](const Shape& s) {
    Shape r{count};
    for (auto n : s) r.push_back(n);
    return r;
  };
  // Lanes in front, merged with the first axis.
  const auto stacked = [&](const Tensor& t) {
    const Tensor whole = expand(lanes::plain(t, all), lanes::in_front(all, t.shape()));
    return reshape(whole, multiplied(t.shape(), 0, count));
  };
  // The channels of all lanes side by side.
  const auto beside = [&](const Tensor& t) {
    const Tensor apart = reshape(stacked(t), with_count(t.shape()));
    return reshape(transpose(apart, 0, 1), multiplied(t.shape(), 1, count));
  };
  Tensor y;
  if (kKind == ConvKind::weight) {
    g.groups *= count;
    y = run(kKind, g, beside(a), beside(b), multiplied(one, 0, count), bias, activation);
  } else if (lanes::shared(b) && (!bias || lanes::shared(bias))) {
    y = run(kKind, g, stacked(a), lanes::lane_of(b), multiplied(one, 0, count),
            bias ? lanes::lane_of(bias) : bias, activation);
  } else {
    g.groups *= count;
    y = run(kKind, g, beside(a), stacked(b), multiplied(one, 1, count), bias ? stacked(bias) : bias,
            activation);
    Shape apart{one[0], count};
    for (int i = 1; i < one.size(); ++i) apart.push_back(one[i]);
    y = transpose(reshape(y, apart), 0, 1);
  }
  c.out[0] = lanes::with_lanes(reshape(y, lanes::in_front(all, one)), all);
}

Tensor call_transposed(const Tensor& y, const Tensor& w, const Attrs& a);
Tensor call_forward(const Tensor& x, const Tensor& w, const Attrs& a);
Tensor call_weight(const Tensor& x, const Tensor& y, const Attrs& a);

Tensor to_bias(Backward& b, const Tensor& g) {
  if (b.attrs.i[2] && b.in[2].needed) {
    Dims axes{0};
    for (int i = 2; i < g.rank(); ++i) axes.push_back(i);
    b.in[2].grad = sum(g, axes);
  }
  return g;
}
// Through the activation first, then to the bias.
Tensor to_linear(Backward& b) {
  const int activation = static_cast<int>(b.attrs.i[1]);
  return to_bias(
      b, activation < 0 ? b.grad[0] : gradient_from_output(activation, b.out[0], b.grad[0]));
}

// The gradient of the result on to x and w.
void to_operands(Backward& b, const Tensor& g) {
  if (b.in[0].needed)
    b.in[0].grad =
        call_transposed(g, b.in[1].value.tensor, with_result(b.attrs, spatial(b.in[0].shape)));
  if (b.in[1].needed)
    b.in[1].grad =
        call_weight(b.in[0].value.tensor, g, with_result(b.attrs, spatial(b.in[1].shape)));
}
void forward_backward(Backward& b) { to_operands(b, to_linear(b)); }
void transposed_backward(Backward& b) {
  const Tensor g = to_linear(b);
  if (b.in[0].needed)
    b.in[0].grad =
        call_forward(g, b.in[1].value.tensor, with_result(b.attrs, spatial(b.in[0].shape)));
  if (b.in[1].needed)
    b.in[1].grad =
        call_weight(g, b.in[0].value.tensor, with_result(b.attrs, spatial(b.in[1].shape)));
}
void weight_backward(Backward& b) {
  const Tensor& g = b.grad[0];
  if (b.in[0].needed)
    b.in[0].grad =
        call_transposed(b.in[1].value.tensor, g, with_result(b.attrs, spatial(b.in[0].shape)));
  if (b.in[1].needed)
    b.in[1].grad =
        call_forward(b.in[0].value.tensor, g, with_result(b.attrs, spatial(b.in[1].shape)));
}

const Op kForward{.name = "conv",
                  .kind = Op::Kind::linear,
                  .forward = forward<ConvKind::forward>,
                  .backward = forward_backward,
                  .saves = kSaveInputs,
                  .lanes = in_lanes<ConvKind::forward>};
const Op kForwardActivated{.name = "conv",
                           .forward = forward<ConvKind::forward>,
                           .backward = forward_backward,
                           .saves = kSaveInputs | save_out(0),
                           .lanes = in_lanes<ConvKind::forward>};
const Op kTransposed{.name = "conv_transpose",
                     .kind = Op::Kind::linear,
                     .forward = forward<ConvKind::transposed>,
                     .backward = transposed_backward,
                     .saves = kSaveInputs,
                     .lanes = in_lanes<ConvKind::transposed>};
const Op kTransposedActivated{.name = "conv_transpose",
                              .forward = forward<ConvKind::transposed>,
                              .backward = transposed_backward,
                              .saves = kSaveInputs | save_out(0),
                              .lanes = in_lanes<ConvKind::transposed>};
const Op kWeight{.name = "conv_weight",
                 .kind = Op::Kind::linear,
                 .forward = forward<ConvKind::weight>,
                 .backward = weight_backward,
                 .saves = kSaveInputs,
                 .lanes = in_lanes<ConvKind::weight>};

// --- followed by pooling -----------------------------------------------------------------------
//
// The windows are whole: beside one another, and all of their elements in the image. A few images
// at a time are convolved and pooled while they are near; what the gradient needs is where the
// largest elements stood, or nothing, so the result of the convolution is never there as a whole.
// extra = window; flag = means, else maxima; f[0] = whether a gradient is followed.

constexpr std::int64_t kNearBytes = 1 << 19;

void pooled_forward(Call& c) {
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor), &w = c.in[1].tensor, bias = bias_of(c);
  const Geometry g = geometry_of(c.attrs);
  const Dims& window = c.attrs.extra;
  const bool average = c.attrs.flag, follow = c.attrs.f[0] != 0;
  const std::int64_t batch = x.shape(0), channels = w.shape(0);
  Shape lengths;
  for (int i = 0; i < g.rank; ++i) lengths.push_back(c.attrs.shape[i] / window[i]);
  const auto images = [&](std::int64_t n, const Dims& each) {
    Shape s{n, channels};
    for (auto v : each) s.push_back(v);
    return s;
  };
  const Tensor y = runtime::empty(images(batch, lengths), x.dtype(), x.device());
  if (!average && follow) c.out[1] = runtime::empty(y.shape(), DType::uint8, x.device());
  const auto size = static_cast<std::int64_t>(size_of(x.dtype()));
  const std::int64_t plane = count(c.attrs.shape);
  // Enough at a time that what a convolution prepares of the weights pays.
  const std::int64_t near =
      std::max(kNearBytes / std::max<std::int64_t>(channels * plane * size, 1), 2000 / plane) + 1;
  const std::int64_t most = x.device().kind == DeviceKind::cpu ? std::min(batch, near) : batch;
  const Tensor room = runtime::empty(images(most, c.attrs.shape), x.dtype(), x.device());
  const Kernels& k = kernels_of(x);
  for (std::int64_t n = 0; n < batch; n += most) {
    const std::int64_t some = std::min(most, batch - n);
    const auto part = [&](const Tensor& t, std::int64_t first) {
      Shape s = t.shape();
      s[0] = some;
      return t.window(s, t.strides(), t->offset + first * t.stride(0));
    };
    const Tensor result = part(room, 0), pooled = part(y, n);
    run_into(ConvKind::forward, g, part(x, n), w, result, bias, static_cast<int>(c.attrs.i[1]));
    const PoolJob job = whole_windows(result.shape(), window);
    runtime::LongCall release(static_cast<double>(result.numel()) * 0.3);
    if (average) k.avg_pool(job, lane_of(x.dtype()), result.bytes(), pooled.bytes());
    else
      k.max_pool(job, lane_of(x.dtype()), result.bytes(), pooled.bytes(),
                 follow ? part(c.out[1], n).data<std::uint8_t>() : nullptr, nullptr);
  }
  c.out[0] = y;
}
// g is the gradient of the pooled result before the activation, which at an element is that at the
// window's result: the element is that.
void from_windows(Backward& b, const Tensor& g, const Tensor& taps) {
  const Shape shape = result_shape(b.attrs, b.in[0].shape[0], b.in[1].shape[0]);
  to_operands(b, to_bias(b, spread_windows(g, taps, b.attrs.extra, shape)));
}
const Op kMeanPooled{.name = "conv_pool",
                     .forward = pooled_forward,
                     .backward = [](Backward& b) { from_windows(b, b.grad[0], Tensor()); },
                     .saves = kSaveInputs};
const Op kMaxPooled{.name = "conv_pool",
                    .forward = pooled_forward,
                    .backward = [](Backward& b) { from_windows(b, b.grad[0], b.out[1]); },
                    .saves = kSaveInputs | save_out(1),
                    .results = 2};
// The result may be written to by whoever gets it, as that of a pooling: the gradient has its own.
void activated_pooled_forward(Call& c) {
  pooled_forward(c);
  if (c.attrs.f[0] == 0) return;
  GradMode off(false);
  c.out[2] = clone(c.out[0]);
}
void activated_pooled_backward(Backward& b) {
  const Tensor g = gradient_from_output(static_cast<int>(b.attrs.i[1]), b.out[2], b.grad[0]);
  from_windows(b, g, b.out[1]);
}
Tensor pooled_definition(std::span<const Operand> in, const Attrs& a);
const Op kMaxPooledActivated{.name = "conv_pool",
                             .kind = Op::Kind::fused,
                             .forward = activated_pooled_forward,
                             .backward = activated_pooled_backward,
                             .saves = kSaveInputs | save_out(1) | save_out(2),
                             .results = 3,
                             .definition = pooled_definition};

Tensor call_transposed(const Tensor& y, const Tensor& w, const Attrs& a) {
  return call(kTransposed, y, w, a);
}
Tensor call_forward(const Tensor& x, const Tensor& w, const Attrs& a) {
  return call(kForward, x, w, a);
}
Tensor call_weight(const Tensor& x, const Tensor& y, const Attrs& a) {
  return call(kWeight, x, y, a);
}

// --- arguments ----------------------------------------------------------------------------------

std::string received(const Tensor& x, const Tensor& w) {
  return "x " + describe(x) + ", weight " + describe(w);
}

// A list with one entry for each of `rank` axes.
Dims per_axis(const Dims& given, int rank, std::int64_t least, const char* op, const char* name) {
  if (given.size() != 1 && given.size() != rank)
    fail<ShapeError>(op, std::string(name) + " must have one entry, or one for each spatial axis",
                     std::string(name) + " " + to_string(given) + " for " + std::to_string(rank) +
                         " spatial axes");
  for (auto v : given)
    if (v < least || v > 1 << 30)
      fail<ArgumentError>(op, std::string(name) + " must be at least " + std::to_string(least),
                          std::string(name) + " " + to_string(given));
  return given.size() == rank ? given : Dims::filled(rank, given[0]);
}

struct Padding {
  Dims before, after;
};
Padding padding_of(const Dims& given, int rank, const char* op) {
  if (given.size() == 2 * rank && rank > 0) {
    Padding p;
    for (int i = 0; i < rank; ++i) {
      p.before.push_back(given[2 * i]);
      p.after.push_back(given[2 * i + 1]);
    }
    return {per_axis(p.before, rank, 0, op, "padding"), per_axis(p.after, rank, 0, op, "padding")};
  }
  const Dims both = per_axis(given, rank, 0, op, "padding");
  return {both, both};
}

// Which axis order was meant, where the channels stand last.
std::string channel_hint(const Tensor& x, std::int64_t wanted) {
  if (x.rank() >= 3 && x.shape(-1) == wanted && x.shape(1) != wanted)
    return "channels stand last here; channels come first: x.movedim(-1, 1)";
  if (x.rank() == 4 && wanted == 1 && x.shape(1) > 4)
    return "a batch of grey images is (N, 1, H, W): x.unsqueeze(1)";
  return "make the layer for " + std::to_string(x.rank() > 1 ? x.shape(1) : 0) +
         " input channels, or give it " + std::to_string(wanted);
}

// What both directions ask of x, weight and bias; returns the number of spatial axes.
int check(const char* op, const Tensor& x, const Tensor& w, const Tensor& bias, std::int64_t groups,
          std::int64_t channels, std::int64_t results) {
  const int rank = w.rank() - 2;
  if (rank < 1 || rank > 3)
    fail<ShapeError>(op, "weight must have two channel axes and one to three spatial axes",
                     "weight " + describe(w));
  if (x.rank() != w.rank()) {
    const bool grey = x.rank() == w.rank() - 1 && channels == 1 && x.shape(0) != 1;
    fail<ShapeError>(
        op,
        "x must have axes (N, C, " +
            std::string(rank == 1   ? "L"
                        : rank == 2 ? "H, W"
                                    : "D, H, W") +
            ")",
        received(x, w),
        grey ? "a batch of grey images needs the axis of channels: x.unsqueeze(1)" : "");
  }
  if (groups < 1)
    fail<ArgumentError>(op, "groups must be at least 1", "groups " + std::to_string(groups));
  if (w.shape(0) % groups)
    fail<ShapeError>(op, "the first axis of weight must be a multiple of groups",
                     "weight " + describe(w) + ", groups " + std::to_string(groups));
  for (int i = 0; i < rank; ++i)
    if (w.shape(2 + i) < 1)
      fail<ShapeError>(op, "the kernel must not be empty", "weight " + describe(w));
  if (x.shape(1) != channels)
    fail<ShapeError>(op,
                     "x must have " + std::to_string(channels) +
                         " channels (its second axis), as the weight does" +
                         (groups > 1 ? " with groups = " + std::to_string(groups) : std::string()),
                     received(x, w), channel_hint(x, channels));
  if (bias && (bias.rank() != 1 || bias.shape(0) != results))
    fail<ShapeError>(op, "bias must have one value for each output channel",
                     "bias " + describe(bias) + ", weight " + describe(w));
  require_floating(w, op);
  for (const Tensor* t : {&w, &bias})
    if (*t && t->dtype() != x.dtype())
      fail<DTypeError>(
          op, "the input must have the dtype of the weights",
          received(x, w) + (bias ? ", bias " + describe(bias) : ""),
          x.dtype() == DType::uint8
              ? "images of bytes become numbers from 0 to 1: x = x.float() / 255"
              : "convert the input: x = x.to(nnx." + std::string(name_of(w.dtype())) + ")");
  for (const Tensor* t : {&w, &bias})
    if (*t && !(t->device() == x.device()))
      fail<DeviceError>(op, "all tensors must be on one device", received(x, w));
  return rank;
}

Attrs attrs_of(const Dims& stride, const Dims& dilation, const Dims& before, const Dims& lengths,
               std::int64_t groups, const Tensor& bias, int activation) {
  Attrs a;
  for (const Dims* list : {&stride, &dilation, &before})
    for (auto v : *list) a.axes.push_back(v);
  a.shape = lengths;
  a.i[0] = groups;
  a.i[1] = activation;
  a.i[2] = static_cast<bool>(bias);
  return a;
}

// Half types are computed in float32; an activation whose gradient needs more than its result is
// applied after.
Tensor apply_conv(const Op& op, const Op& activated, const Tensor& x, const Tensor& w,
                  const Tensor& bias, Attrs a) {
  const DType t = row_dtype(x.dtype(), op.name);
  const int activation = static_cast<int>(a.i[1]);
  const bool fused = activation >= 0 && gradient_follows_from_output(activation);
  if (!fused) a.i[1] = -1;
  Operand in[] = {astype(x, t), astype(w, t), bias ? astype(bias, t) : Tensor()};
  Tensor y = call(fused ? activated : op, std::span<Operand>(in, bias ? 3u : 2u), a);
  if (activation >= 0 && !fused) {
    Operand list[] = {y};
    y = apply(activation, list);
  }
  return astype(y, x.dtype());
}

Tensor pooled(const Tensor& y, const Dims& window, bool average) {
  const int rank = window.size();
  const PoolWindows windows{window, window, Dims::filled(rank, 0), Dims::filled(rank, 1)};
  return average ? avg_pool(y, windows, true, {}) : max_pool(y, windows, false).first;
}
Tensor pooled_definition(std::span<const Operand> in, const Attrs& a) {
  const Tensor bias = in.size() > 2 ? in[2].tensor : Tensor();
  return pooled(apply_conv(kForward, kForwardActivated, in[0].tensor, in[1].tensor, bias, a),
                a.extra, a.flag);
}

Attrs conv_attrs(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& o,
                 int activation) {
  const char* op = "conv";
  const std::int64_t channels = weight.rank() > 1 ? weight.shape(1) * o.groups : 0;
  const int rank =
      check(op, x, weight, bias, o.groups, channels, weight.rank() ? weight.shape(0) : 0);
  const Dims stride = per_axis(o.stride, rank, 1, op, "stride");
  const Dims dilation = per_axis(o.dilation, rank, 1, op, "dilation");
  const Padding p = padding_of(o.padding, rank, op);
  Dims lengths;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t reach = (weight.shape(2 + i) - 1) * dilation[i] + 1;
    const std::int64_t padded = x.shape(2 + i) + p.before[i] + p.after[i];
    if (padded < reach)
      fail<ShapeError>(op, "the kernel must fit into the padded input",
                       received(x, weight) + ", padding " + to_string(o.padding) + ", dilation " +
                           to_string(dilation),
                       "spatial axis " + std::to_string(i) + ": the kernel reaches over " +
                           std::to_string(reach) + ", the padded input has " +
                           std::to_string(padded) + "; pad more, or use a smaller kernel");
    lengths.push_back((padded - reach) / stride[i] + 1);
  }
  return attrs_of(stride, dilation, p.before, lengths, o.groups, bias, activation);
}
}  // namespace

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& o,
            int activation) {
  return apply_conv(kForward, kForwardActivated, x, weight, bias,
                    conv_attrs(x, weight, bias, o, activation));
}

Tensor conv_pool(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& o,
                 int activation, const Dims& window, bool average) {
  Attrs a = conv_attrs(x, weight, bias, o, activation);
  const int rank = a.shape.size();
  const Dims kernel = per_axis(window, rank, 1, "conv_pool", "the window");
  const bool follow = grad_enabled() && (follows(x) || follows(weight) || (bias && follows(bias)));
  const bool lanes = lanes::any(x) || lanes::any(weight) || (bias && lanes::any(bias));
  bool fits = !lanes && x.numel() > 0 && weight.numel() > 0 && count(kernel) <= 256 &&
              row_dtype(x.dtype(), "conv_pool") == x.dtype();
  bool whole = true;  // one window, whose mean sums in a tree
  for (int i = 0; i < rank; ++i) {
    fits = fits && kernel[i] <= a.shape[i];
    whole = whole && kernel[i] == a.shape[i];
  }
  fits = fits && !(average && whole);
  // The mean of a window does not tell its elements, which the activation's gradient asks for.
  if (activation >= 0)
    fits = fits && gradient_follows_from_output(activation) && !(average && follow);
  if (!fits) return pooled(conv(x, weight, bias, o, activation), kernel, average);
  a.extra = kernel;
  a.flag = average;
  a.f[0] = follow;
  Operand in[] = {x, weight, bias};
  const Op& op = average                     ? kMeanPooled
                 : activation >= 0 && follow ? kMaxPooledActivated
                                             : kMaxPooled;
  return call(op, std::span<Operand>(in, bias ? 3u : 2u), a);
}

Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvOptions& o, const Dims& output_padding, int activation) {
  const char* op = "conv_transpose";
  const std::int64_t results = weight.rank() > 1 ? weight.shape(1) * o.groups : 0;
  const int rank =
      check(op, x, weight, bias, o.groups, weight.rank() ? weight.shape(0) : 0, results);
  const Dims stride = per_axis(o.stride, rank, 1, op, "stride");
  const Dims dilation = per_axis(o.dilation, rank, 1, op, "dilation");
  const Dims extra = per_axis(output_padding, rank, 0, op, "output_padding");
  const Padding p = padding_of(o.padding, rank, op);
  Dims lengths;
  for (int i = 0; i < rank; ++i) {
    if (extra[i] >= std::max(stride[i], dilation[i]))
      fail<ArgumentError>(op, "output_padding must be smaller than stride or dilation",
                          "output_padding " + to_string(extra) + ", stride " + to_string(stride) +
                              ", dilation " + to_string(dilation));
    const std::int64_t n = (x.shape(2 + i) - 1) * stride[i] - p.before[i] - p.after[i] +
                           dilation[i] * (weight.shape(2 + i) - 1) + extra[i] + 1;
    if (n < 1)
      fail<ShapeError>(op, "the result must not be empty",
                       received(x, weight) + ", padding " + to_string(o.padding),
                       "spatial axis " + std::to_string(i) + " would have length " +
                           std::to_string(n) + "; use less padding");
    lengths.push_back(n);
  }
  return apply_conv(kTransposed, kTransposedActivated, x, weight, bias,
                    attrs_of(stride, dilation, p.before, lengths, o.groups, bias, activation));
}

}  // namespace nnx::ops
