// Batch normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, one number of each per
// channel (axis 1).
// in = x[, weight][, bias][, mean, var]; i[0], i[1] = whether weight, bias are there, flag =
// whether mean and var are those of the batch (else they are inputs), f[0] = eps; out = y, and in
// float64 the mean and the biased variance that were used.
#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

// Where the optional inputs stand; -1 where they are not.
struct Places {
  int weight = -1, bias = -1, mean = -1, var = -1;

  explicit Places(const Attrs& a) {
    int next = 1;
    if (a.i[0]) weight = next++;
    if (a.i[1]) bias = next++;
    if (a.flag) return;
    mean = next++;
    var = next;
  }
};

BatchNormJob job_of(const Tensor& x, const Attrs& a, const Tensor& weight, const Tensor& bias,
                    const Tensor& mean, const Tensor& var) {
  const Split s = split_at(x.shape(), 1);
  auto data = [](const Tensor& t) { return t ? t.bytes() : nullptr; };
  return {lane_of(x.dtype()),
          s.outer,
          s.n,
          s.inner,
          a.f[0],
          a.flag,
          x.bytes(),
          data(weight),
          data(bias),
          mean.data<double>(),
          var.data<double>()};
}

void forward(Call& c) {
  GradMode off(false);
  const Places at(c.attrs);
  const Tensor& x = c.in[0].tensor;
  const DType t = row_dtype(x.dtype(), "batch_norm");
  auto input = [&](int i, DType as) {
    return i < 0 ? Tensor() : contiguous(astype(c.in[i].tensor, as));
  };
  const Tensor from = input(0, t), weight = input(at.weight, t), bias = input(at.bias, t);
  const Shape channels{x.shape(1)};
  for (int i : {1, 2})
    c.out[i] = c.attrs.flag ? full(channels, 0, DType::float64, x.device())
                            : input(i == 1 ? at.mean : at.var, DType::float64);
  Tensor y = runtime::empty(x.shape(), t, x.device());
  if (y.numel()) {
    runtime::LongCall release(static_cast<double>(y.numel()));
    kernels_of(x).batch_norm(job_of(from, c.attrs, weight, bias, c.out[1], c.out[2]), y.bytes());
  }
  c.out[0] = astype(y, x.dtype());
}

void backward(Backward& b) {
  GradMode off(false);
  const Places at(b.attrs);
  const Tensor& x = b.in[0].value.tensor;
  const DType t = row_dtype(x.dtype(), "batch_norm");
  const Tensor from = contiguous(astype(x, t)), g = contiguous(astype(b.grad[0], t));
  const Tensor weight =
      at.weight < 0 ? Tensor() : contiguous(astype(b.in[at.weight].value.tensor, t));
  auto room = [&](int i) {
    if (i < 0 || !b.in[i].needed) return Tensor();
    return x.numel() ? runtime::empty(b.in[i].shape, t, x.device())
                     : full(b.in[i].shape, 0, t, x.device());
  };
  const Tensor dx = room(0), dweight = room(at.weight), dbias = room(at.bias);
  auto data = [](const Tensor& to) { return to ? to.bytes() : nullptr; };
  if (x.numel()) {
    runtime::LongCall release(2 * static_cast<double>(x.numel()));
    kernels_of(x).batch_norm_backward(job_of(from, b.attrs, weight, Tensor(), b.out[1], b.out[2]),
                                      g.bytes(), data(dx), data(dweight), data(dbias));
  }
  if (dx) b.in[0].grad = astype(dx, b.in[0].dtype);
  if (dweight) b.in[at.weight].grad = astype(dweight, b.in[at.weight].dtype);
  if (dbias) b.in[at.bias].grad = astype(dbias, b.in[at.bias].dtype);
}

Tensor definition(std::span<const Operand> in, const Attrs& a) {
  const Places at(a);
  const DType t = row_dtype(in[0].tensor.dtype(), "batch_norm");
  const Tensor x = astype(in[0].tensor, t);
  Shape column = Shape::filled(x.rank() - 1, 1);  // how a vector of channels meets x
  column[0] = x.shape(1);
  auto input = [&](int i) { return reshape(astype(in[i].tensor, t), column); };
  Dims axes{0};
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  const Tensor d = subtract(x, a.flag ? mean(x, axes, true) : input(at.mean));
  const Tensor var = a.flag ? mean(square(d), axes, true) : input(at.var);
  Tensor y = multiply(d, rsqrt(add(var, a.f[0])));
  if (a.i[0]) y = multiply(y, input(at.weight));
  if (a.i[1]) y = add(y, input(at.bias));
  return astype(y, in[0].tensor.dtype());
}

const Op kBatchNorm{.name = "batch_norm",
                    .kind = Op::Kind::fused,
                    .forward = forward,
                    .backward = backward,
                    .saves = kSaveInputs | save_out(1) | save_out(2),
                    .results = 3,
                    .definition = definition};

void check(const Tensor& x, std::initializer_list<std::pair<const char*, const Tensor*>> vectors) {
  if (x.rank() < 2)
    fail<ShapeError>("batch_norm", "the input must have the axes (N, C, ...)", describe(x));
  for (const auto& [name, v] : vectors) {
    if (!*v) continue;
    if (v->dtype() != x.dtype())
      fail<DTypeError>(
          "batch_norm", "input must have the dtype of the weights",
          "input " + describe(x) + ", " + name + " " + describe(*v),
          "convert it: input = input.to(nnx." + std::string(name_of(v->dtype())) + ")");
    if (!(v->shape() == Shape{x.shape(1)}))
      fail<ShapeError>("batch_norm",
                       std::string(name) + " must have one number for each of the " +
                           std::to_string(x.shape(1)) + " channels",
                       "input " + describe(x) + ", " + name + " " + describe(*v));
  }
  require_floating(x, "batch_norm");
}

// running <- (1 - momentum) running + momentum * found * factor
void move(const Tensor& running, const Tensor& found, double factor, double momentum) {
  if (!running) return;
  const Tensor kept = multiply(astype(running, DType::float64), 1 - momentum);
  assign(running, add(kept, multiply(found, momentum * factor)));
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum,
                  double eps) {
  check(x, {{"weight", &weight},
            {"bias", &bias},
            {"running_mean", &running_mean},
            {"running_var", &running_var}});
  const std::int64_t values = x.shape(1) ? x.numel() / x.shape(1) : 0;  // of a channel
  if (training && values == 1)
    fail<ShapeError>("batch_norm",
                     "in training each channel needs more than one value: of one, mean and "
                     "variance say nothing",
                     "input " + describe(x),
                     "use a larger batch (DataLoader: drop_last=True), or model.eval()");
  if (!training && (!running_mean || !running_var))
    fail<ShapeError>("batch_norm", "without training there must be running mean and variance");
  std::vector<Operand> in{x};
  Attrs a;
  a.i[0] = static_cast<bool>(weight);
  a.i[1] = static_cast<bool>(bias);
  a.flag = training;
  a.f[0] = eps;
  if (weight) in.emplace_back(weight);
  if (bias) in.emplace_back(bias);
  if (!training) {
    in.emplace_back(detach(running_mean));
    in.emplace_back(detach(running_var));
  }
  Call c{kBatchNorm, in, a, {}, {}};
  dispatch(c);
  if (training && values) {
    GradMode off(false);
    move(running_mean, c.out[1], 1, momentum);
    move(running_var, c.out[2], static_cast<double>(values) / static_cast<double>(values - 1),
         momentum);
  }
  return std::move(c.out[0]);
}

}  // namespace nnx::ops
