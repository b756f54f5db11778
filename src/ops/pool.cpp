// Pooling: see ops.hpp. Windows lie over the last axes of x, one to three of them; the axes before
// are planes.
//
// Max pooling keeps for its gradient where each largest element stood: one byte, its number within
// the window (a tap), or for windows of more than 256 elements its position in the plane. spread
// and pick are the two linear ops along taps, avg_pool and avg_spread the two of averages; each
// pair is its own transpose, so gradients of any order are these ops again.
#include <algorithm>
#include <limits>

#include "ops/lanes.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

// Attrs of every op here: i[0] = pooled axes r; axes = kernel (r), stride (r); extra = padding (r),
// dilation (r); shape = result. Averages: i[1] = divisor or 0, flag = padding counts. Maxima:
// i[2] = whether a gradient is followed.

// Whether a tap of a window is a byte: not where axes are cut into parts.
bool taps_are_bytes(const Attrs& a) {
  constexpr std::int64_t kMostTaps = 256;
  std::int64_t n = 1;
  for (int i = 0; i < a.i[0]; ++i) n *= std::min(a.axes[i], kMostTaps + 1);
  return n > 0 && n <= kMostTaps;
}

PoolJob job_of(const Attrs& a, const Shape& in, const Shape& out) {
  PoolJob job;
  const int r = static_cast<int>(a.i[0]), lead = in.size() - r;
  job.planes = 1;
  for (int i = 0; i < lead; ++i) job.planes *= in[i];
  for (int i = 0; i < r; ++i)
    job.axis[3 - r + i] = {in[lead + i],  out[lead + i], a.axes[i],
                           a.axes[r + i], a.extra[i],    a.extra[r + i]};
  job.count_padding = a.flag;
  job.divisor = static_cast<double>(a.i[1]);
  return job;
}

double cost(const PoolJob& job, const Tensor& in, const Tensor& out) {
  double taps = 1;
  for (const PoolAxis& a : job.axis)
    taps *= static_cast<double>(a.kernel ? a.kernel : a.in / a.out);
  return static_cast<double>(in.numel()) * 0.2 + static_cast<double>(out.numel()) * taps * 0.1;
}

// Lanes are planes as well.
void planes(Call& c, const Lanes& all) {
  GradMode off(false);
  std::vector<Operand> in;
  for (const Operand& o : c.in)
    in.emplace_back(
        contiguous(expand(lanes::plain(o.tensor, all), lanes::in_front(all, o.tensor.shape()))));
  Attrs a = c.attrs;
  a.shape = lanes::in_front(all, a.shape);
  Call together{c.op, in, a, {}, {}};
  c.op.forward(together);
  for (int j = 0; j < c.op.results; ++j)
    if (together.out[j]) c.out[j] = lanes::with_lanes(together.out[j], all);
}

// A linear op of one tensor, whose kernel takes it in row_dtype.
template <class Run>
Tensor linear(Call& c, bool in_is_pooled, Run run) {
  GradMode off(false);
  const Tensor& x = c.in[0].tensor;
  const DType t = row_dtype(x.dtype(), c.op.name);
  const Tensor from = contiguous(astype(x, t));
  const Tensor to = runtime::empty(c.attrs.shape, t, x.device());
  if (to.numel()) {
    const Tensor &in = in_is_pooled ? to : from, &out = in_is_pooled ? from : to;
    const PoolJob job = job_of(c.attrs, in.shape(), out.shape());
    runtime::LongCall release(cost(job, in, out));
    run(job, lane_of(t), from.bytes(), to.bytes());
  }
  return astype(to, x.dtype());
}

// --- along taps --------------------------------------------------------------------------------

void pick_forward(Call& c) {  // in = x, taps
  c.out[0] = linear(c, false, [&](const PoolJob& job, Lane lane, const void* x, void* y) {
    kernels_of(c.in[0].tensor)
        .max_pool_gather(job, lane, x, c.in[1].tensor.data<std::uint8_t>(), y);
  });
}
void spread_forward(Call& c) {  // in = g, taps
  c.out[0] = linear(c, true, [&](const PoolJob& job, Lane lane, const void* g, void* dx) {
    kernels_of(c.in[0].tensor)
        .max_pool_scatter(job, lane, g, c.in[1].tensor.data<std::uint8_t>(), dx);
  });
}
extern const Op kSpread;
void pick_backward(Backward& b) {
  b.in[0].grad = call(kSpread, b.grad[0], b.in[1].value.tensor, with_shape(b.attrs, b.in[0].shape));
}
const Op kPick{.name = "max_pool_pick",
               .kind = Op::Kind::linear,
               .forward = pick_forward,
               .backward = pick_backward,
               .saves = save_in(1),
               .lanes = planes};
void spread_backward(Backward& b) {
  b.in[0].grad = call(kPick, b.grad[0], b.in[1].value.tensor, with_shape(b.attrs, b.in[0].shape));
}
const Op kSpread{.name = "max_pool_backward",
                 .kind = Op::Kind::linear,
                 .forward = spread_forward,
                 .backward = spread_backward,
                 .saves = save_in(1),
                 .lanes = planes};

// --- along positions in planes -----------------------------------------------------------------

// (planes, elements of one): the last `axes` axes joined, and the axes before.
Shape flat(const Shape& shape, int axes) {
  Shape s{1, 1};
  for (int i = 0; i < shape.size(); ++i) s[i < shape.size() - axes ? 0 : 1] *= shape[i];
  return s;
}

// zeros with g added at the positions
Tensor add_at(const Tensor& g, const Tensor& index, const Shape& shape, int axes) {
  const Tensor zeros = full(flat(shape, axes), 0, g.dtype(), g.device());
  const Shape rows = flat(g.shape(), axes);
  return reshape(scatter_add(zeros, 1, reshape(index, rows), reshape(g, rows)), shape);
}

// --- max ---------------------------------------------------------------------------------------

// out = y, then taps or positions: hidden, and only where a gradient is followed, or visible
// (int64)
void max_forward(Call& c, bool indices) {
  const Tensor& x = c.in[0].tensor;
  GradMode off(false);
  const DType t = row_dtype(x.dtype(), c.op.name);
  const Tensor from = contiguous(astype(x, t));
  const Tensor y = runtime::empty(c.attrs.shape, t, x.device());
  const bool bytes = !indices && taps_are_bytes(c.attrs);
  Tensor& where = c.out[1];
  if (indices || c.attrs.i[2])
    where = runtime::empty(c.attrs.shape, bytes ? DType::uint8 : DType::int64, x.device());
  if (y.numel()) {
    const PoolJob job = job_of(c.attrs, x.shape(), y.shape());
    runtime::LongCall release(cost(job, x, y));
    kernels_of(x).max_pool(job, lane_of(t), from.bytes(), y.bytes(),
                           where && bytes ? where.data<std::uint8_t>() : nullptr,
                           where && !bytes ? where.data<std::int64_t>() : nullptr);
  }
  c.out[0] = astype(y, x.dtype());
}
void max_backward(Backward& b) {
  const Tensor &g = b.grad[0], &where = b.out[1];
  const Shape& shape = b.in[0].shape;
  b.in[0].grad = where.dtype() == DType::uint8
                     ? call(kSpread, g, where, with_shape(b.attrs, shape))
                     : add_at(g, where, shape, static_cast<int>(b.attrs.i[0]));
}
const Op kMaxPool{.name = "max_pool",
                  .forward = [](Call& c) { max_forward(c, false); },
                  .backward = max_backward,
                  .saves = save_out(1),
                  .results = 2,
                  .lanes = planes};
const Op kMaxPoolIndices{.name = "max_pool",
                         .forward = [](Call& c) { max_forward(c, true); },
                         .backward = max_backward,
                         .saves = save_out(1),
                         .results = 2,
                         .visible = 2,
                         .lanes = planes};

std::pair<Tensor, Tensor> call_max(const Tensor& x, Attrs a, bool indices) {
  a.i[2] = grad_enabled() && follows(x);
  Operand in[] = {x};
  Call c{indices ? kMaxPoolIndices : kMaxPool, in, a, {}, {}};
  dispatch(c);
  return {c.out[0], indices ? c.out[1] : Tensor()};
}

// --- average -----------------------------------------------------------------------------------

void avg_forward(Call& c) {
  c.out[0] = linear(c, false, [&](const PoolJob& job, Lane lane, const void* x, void* y) {
    kernels_of(c.in[0].tensor).avg_pool(job, lane, x, y);
  });
}
void avg_spread_forward(Call& c) {
  c.out[0] = linear(c, true, [&](const PoolJob& job, Lane lane, const void* g, void* dx) {
    kernels_of(c.in[0].tensor).avg_pool_scatter(job, lane, g, dx);
  });
}
extern const Op kAvgSpread;
const Op kAvgPool{.name = "avg_pool",
                  .kind = Op::Kind::linear,
                  .forward = avg_forward,
                  .backward =
                      [](Backward& b) {
                        b.in[0].grad =
                            call(kAvgSpread, b.grad[0], with_shape(b.attrs, b.in[0].shape));
                      },
                  .lanes = planes};
const Op kAvgSpread{.name = "avg_pool_backward",
                    .kind = Op::Kind::linear,
                    .forward = avg_spread_forward,
                    .backward =
                        [](Backward& b) {
                          b.in[0].grad =
                              call(kAvgPool, b.grad[0], with_shape(b.attrs, b.in[0].shape));
                        },
                    .lanes = planes};

// Attrs of windows beside one another.
Attrs beside(const Dims& window, const Shape& shape) {
  const int r = window.size();
  Attrs a;
  a.i[0] = r;
  a.axes = window;
  for (auto n : window) a.axes.push_back(n);
  a.extra = Dims::filled(r, 0);
  for (int i = 0; i < r; ++i) a.extra.push_back(1);
  a.flag = true;
  a.shape = shape;
  return a;
}

// --- unpooling ---------------------------------------------------------------------------------

// in = x (planes, n), index of that shape; i[0] = elements of a plane. Of equal positions the last
// one stays; each of them gets the gradient.
void unpool_forward(Call& c) {
  GradMode off(false);
  const Tensor x = contiguous(c.in[0].tensor);
  const Tensor& index = c.in[1].tensor;
  const std::int64_t planes = x.shape(0), n = x.shape(1);
  c.out[0] = full(Shape{planes, c.attrs.i[0]}, 0, x.dtype(), x.device());
  if (x.numel())
    kernels_of(x).scatter_elements({planes, c.attrs.i[0], n, 1, index.data<std::int64_t>()},
                                   static_cast<std::int64_t>(size_of(x.dtype())), x.bytes(),
                                   c.out[0].bytes());
}
void unpool_backward(Backward& b) {
  b.in[0].grad = take_along_axis(b.grad[0], b.in[1].value.tensor, 1);
}
const Op kUnpool{.name = "max_unpool",
                 .kind = Op::Kind::linear,
                 .forward = unpool_forward,
                 .backward = unpool_backward,
                 .saves = save_in(1)};

// --- arguments ---------------------------------------------------------------------------------

std::string named(const char* what, int axes) {
  return std::string(what) + "_pool" + std::to_string(axes) + "d";
}

// x (N, C, lengths...) or (C, lengths...), floating.
void check_input(const Tensor& x, int axes, const std::string& op) {
  static constexpr const char* kAxes[] = {"L", "H, W", "D, H, W"};
  if (axes < 1 || axes > 3) fail<ArgumentError>(op, "one to three axes are pooled");
  if (x.rank() != axes + 1 && x.rank() != axes + 2) {
    const std::string lengths = kAxes[axes - 1];
    fail<ShapeError>(op, "x must be (N, C, " + lengths + ") or (C, " + lengths + ")", describe(x),
                     x.rank() == axes       ? "add the axis of the channels: x.unsqueeze(0)"
                     : x.rank() == axes + 3 ? "join the first two axes: x.flatten(0, 1)"
                                            : "");
  }
  require_floating(x, op.c_str());
  for (int i = x.rank() - axes - 1; i < x.rank(); ++i)
    if (x.shape(i) == 0)
      fail<ShapeError>(op, "only the axis of the batch may be empty", describe(x));
}

// Attrs of windows on x, checked.
Attrs windows_on(const Tensor& x, const PoolWindows& w, const std::string& op) {
  const int r = w.kernel.size(), lead = x.rank() - r;
  Attrs a;
  a.i[0] = r;
  a.shape = x.shape();
  const auto received = [&] {
    return "x " + describe(x) + ", kernel " + to_string(w.kernel) + ", stride " +
           to_string(w.stride) + ", padding " + to_string(w.padding) + ", dilation " +
           to_string(w.dilation);
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  for (int i = 0; i < r; ++i) {
    const std::int64_t k = w.kernel[i], s = w.stride[i], p = w.padding[i], d = w.dilation[i];
    const std::int64_t n = x.shape(lead + i);
    if (k < 1 || s < 1 || d < 1)
      fail<ArgumentError>(op, "kernel, stride and dilation must be at least 1", received());
    if (k > kMost || s > kMost || d > kMost || p > kMost)
      fail<ArgumentError>(op, "kernel, stride, padding and dilation must be below 2^31",
                          received());
    const std::int64_t extent = d * (k - 1) + 1;
    if (p < 0 || p > k / 2)
      fail<ArgumentError>(
          op, "padding must lie in [0, kernel / 2], so that no window is all padding", received());
    if (extent > n + 2 * p && !(w.ceil_mode && extent <= n + 2 * p + s - 1))
      fail<ShapeError>(op, "the window must fit into the padded input", received(),
                       n + 2 * p < k ? "a smaller kernel, or fewer poolings before this one" : "");
    // Windows start inside the input or the padding before it.
    std::int64_t out = (n + 2 * p - extent + (w.ceil_mode ? s - 1 : 0)) / s + 1;
    if (w.ceil_mode && (out - 1) * s >= n + p) --out;
    if (out < 1) fail<ShapeError>(op, "the window must fit into the padded input", received());
    // Dilated windows that start in the padding can step over a short input.
    for (std::int64_t o = 0; n < d && o < out && o * s < p; ++o)
      if ((d - (p - o * s) % d) % d >= n)
        fail<ShapeError>(op, "every window must hold an element of the input", received());
    a.shape[lead + i] = out;
  }
  a.axes = w.kernel;
  a.extra = w.padding;
  for (int i = 0; i < r; ++i) a.axes.push_back(w.stride[i]);
  for (int i = 0; i < r; ++i) a.extra.push_back(w.dilation[i]);
  return a;
}

// Attrs of axes cut into parts: windows of one size at a distance of that size where the parts are
// equal.
Attrs parts_of(const Tensor& x, const Dims& size, const std::string& op) {
  const int r = size.size(), lead = x.rank() - r;
  check_input(x, r, op);
  Attrs a;
  a.i[0] = r;
  a.shape = x.shape();
  bool equal = true;
  for (int i = 0; i < r; ++i) {
    if (size[i] < -1)
      fail<ArgumentError>(op, "sizes must not be negative (None keeps a length)", to_string(size));
    if (size[i] != -1) a.shape[lead + i] = size[i];
    equal = equal && a.shape[lead + i] != 0 && x.shape(lead + i) % a.shape[lead + i] == 0;
  }
  for (int copy = 0; copy < 2; ++copy)
    for (int i = lead; i < lead + r; ++i) a.axes.push_back(equal ? x.shape(i) / a.shape[i] : 0);
  a.extra = Dims::filled(r, 0);
  for (int i = 0; i < r; ++i) a.extra.push_back(1);
  static_cast<void>(count(a.shape));
  return a;
}

// One window a plane, over all of it: a mean, which sums in a tree.
bool is_whole(const Attrs& a, const Shape& in) {
  const int r = static_cast<int>(a.i[0]), lead = in.size() - r;
  for (int i = 0; i < r; ++i)
    if (a.shape[lead + i] != 1 || a.axes[i] != in[lead + i] || a.extra[i] != 0) return false;
  return true;
}
Tensor call_avg(const Tensor& x, const Attrs& a) {
  if (a.i[1] != 0 || !is_whole(a, x.shape())) return call(kAvgPool, x, a);
  Dims axes;
  for (int i = x.rank() - static_cast<int>(a.i[0]); i < x.rank(); ++i) axes.push_back(i);
  return mean(x, axes, true);
}

}  // namespace

PoolJob whole_windows(const Shape& in, const Dims& window) {
  Shape out = in;
  const int lead = in.size() - window.size();
  for (int i = 0; i < window.size(); ++i) out[lead + i] = in[lead + i] / window[i];
  return job_of(beside(window, out), in, out);
}
Tensor spread_windows(const Tensor& g, const Tensor& taps, const Dims& window, const Shape& in) {
  const Attrs a = beside(window, in);
  return taps ? call(kSpread, g, taps, a) : call(kAvgSpread, g, a);
}

std::pair<Tensor, Tensor> max_pool(const Tensor& x, const PoolWindows& windows, bool indices) {
  const std::string op = named("max", windows.kernel.size());
  check_input(x, windows.kernel.size(), op);
  return call_max(x, windows_on(x, windows, op), indices);
}

Tensor avg_pool(const Tensor& x, const PoolWindows& windows, bool count_padding,
                std::optional<std::int64_t> divisor) {
  const std::string op = named("avg", windows.kernel.size());
  check_input(x, windows.kernel.size(), op);
  if (divisor && *divisor == 0)
    fail<ArgumentError>(op, "divisor_override must not be 0", std::to_string(*divisor));
  Attrs a = windows_on(x, windows, op);
  a.i[1] = divisor.value_or(0);
  a.flag = count_padding;
  return call_avg(x, a);
}

std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const Dims& size, bool indices) {
  return call_max(x, parts_of(x, size, "adaptive_" + named("max", size.size())), indices);
}

Tensor adaptive_avg_pool(const Tensor& x, const Dims& size) {
  return call_avg(x, parts_of(x, size, "adaptive_" + named("avg", size.size())));
}

Tensor max_unpool(const Tensor& x, const Tensor& index, const Dims& size) {
  const int r = size.size();
  const std::string op = "max_unpool" + std::to_string(r) + "d";
  check_input(x, r, op);
  if (!(x.shape() == index.shape()))
    fail<ShapeError>(op, "indices must have the shape of x",
                     "x " + describe(x) + ", indices " + describe(index));
  if (!is_integer(index.dtype()))
    fail<DTypeError>(op, "indices must be integers, as max_pool returns them", describe(index));
  Shape shape = x.shape();
  for (int i = 0; i < r; ++i) shape[x.rank() - r + i] = size[i];
  Attrs a;
  a.i[0] = count(size);
  static_cast<void>(count(shape));
  Tensor flat_index;
  {
    GradMode off(false);
    constexpr const char* names[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};
    flat_index = checked_indices(reshape(index, flat(x.shape(), r)),
                                 {names[r - 1], 0, a.i[0], IndexRule::Of::place});
  }
  return reshape(call(kUnpool, reshape(x, flat(x.shape(), r)), flat_index, a), shape);
}

}  // namespace nnx::ops
