// Matrix products and the dense layer: see ops.hpp.
#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"
#include "runtime/blas.hpp"

namespace nnx::ops {
namespace {

// c (..., m, n) = a (..., m, k) @ b (..., k, n): leading axes already broadcast to c's.
void multiply_into(const Tensor& a, const Tensor& b, const Tensor& c, const Tensor* bias,
                   int activation) {
  GemmJob job{};
  job.m = c.shape(-2);
  job.n = c.shape(-1);
  job.k = a.shape(-1);
  job.a_row = a.stride(-2);
  job.a_col = a.stride(-1);
  job.b_row = b.stride(-2);
  job.b_col = b.stride(-1);
  job.c_row = c.stride(-2);
  job.activation = activation;
  job.low_precision = low_precision_products();
  if (c.numel() == 0) return;
  const int lead = c.rank() - 2;
  const auto size = static_cast<std::int64_t>(size_of(c.dtype()));
  // The last leading axis is the kernel's batch; the others are counted out here.
  job.batch = lead ? c.shape(lead - 1) : 1;
  if (lead) {
    job.a_batch = a.stride(lead - 1);
    job.b_batch = b.stride(lead - 1);
    job.c_batch = c.stride(lead - 1);
  }
  if (bias) job.bias = bias->bytes();
  std::int64_t outer = 1;
  for (int i = 0; i + 1 < lead; ++i) outer *= c.shape(i);
  runtime::LongCall release(static_cast<double>(c.numel()) * static_cast<double>(job.k) * 0.02);
  Dims at = Dims::filled(std::max(lead - 1, 0), 0);
  for (std::int64_t o = 0; o < outer; ++o) {
    std::int64_t ao = 0, bo = 0, co = 0;
    for (int i = 0; i < at.size(); ++i) {
      ao += at[i] * a.stride(i);
      bo += at[i] * b.stride(i);
      co += at[i] * c.stride(i);
    }
    job.a = a.bytes() + ao * size;
    job.b = b.bytes() + bo * size;
    job.c = c.bytes() + co * size;
    if (c.dtype() == DType::float32) kernels_of(c).gemm_f32(job);
    else if (c.dtype() == DType::complex64) runtime::cgemm(job);
    else if (c.dtype() == DType::complex128) runtime::zgemm(job);
    else if (c.dtype() != DType::float64) kernels_of(c).matmul_i64(job);
    else if (const auto gemm = kernels_of(c).gemm_f64) gemm(job);
    else runtime::dgemm(job);
    for (int i = at.size() - 1; i >= 0 && ++at[i] == c.shape(i); --i) at[i] = 0;
  }
}

// The dtype products are computed in.
DType compute_dtype(DType t) {
  if (t == DType::float64 || t == DType::float32 || is_complex(t)) return t;
  return is_floating(t) ? DType::float32 : DType::int64;
}

void matmul_forward(Call& c) {
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor;
  const DType t = promote(a.dtype(), b.dtype()), compute = compute_dtype(t);
  Shape shape = c.attrs.shape;
  GradMode off(false);
  Shape sa = shape, sb = shape;
  sa[sa.size() - 2] = a.shape(-2);
  sa.back() = a.shape(-1);
  sb[sb.size() - 2] = b.shape(-2);
  sb.back() = b.shape(-1);
  const Tensor x = expand(astype(a, compute), sa), y = expand(astype(b, compute), sb);
  Tensor out = runtime::empty(shape, compute, a.device());
  multiply_into(x, y, out, nullptr, -1);
  c.out[0] = t == DType::boolean ? pointwise::not_equal(out, 0) : astype(out, t);
}
// Lanes that another operand of the recorded call had and operand i had not: its gradient is summed
// over them.
Lanes lanes_to_sum(const Backward& b, std::size_t i) {
  Lanes found;
  const Lanes* own = b.in[i].value.tensor.lanes();
  for (const auto& other : b.in) {
    const Lanes* l = other.value.tensor.lanes();
    for (int k = 0; l && k < l->levels.size(); ++k)
      if (found.find(l->levels[k]) < 0 && (!own || own->find(l->levels[k]) < 0)) {
        found.levels.push_back(l->levels[k]);
        found.sizes.push_back(l->sizes[k]);
      }
  }
  return found;
}
// t with these lanes as axes in front.
Tensor in_front_of(Tensor t, const Lanes& lanes) {
  for (int k = 0; k < lanes.levels.size(); ++k)
    t = lanes_out(t, 0, lanes.levels[k], lanes.sizes[k]);
  return t;
}
Tensor as_matrix(const Tensor& t) { return t.rank() == 2 ? t : reshape(t, Shape{-1, t.shape(-1)}); }

void matmul_backward(Backward& b) {
  const Tensor &g = b.grad[0], &x = b.in[0].value.tensor, &y = b.in[1].value.tensor;
  if (b.in[0].needed) {
    const Tensor d = in_front_of(matmul(g, conj(transpose(y, -1, -2))), lanes_to_sum(b, 0));
    b.in[0].grad = astype(sum_to(d, b.in[0].shape), b.in[0].dtype);
  }
  if (b.in[1].needed) {
    const Lanes lanes = lanes_to_sum(b, 1);
    Tensor d;
    if (y.rank() == 2 && !lanes.levels.empty()) {  // the rows of all lanes
      const Tensor rows = as_matrix(in_front_of(x, lanes)), gs = as_matrix(in_front_of(g, lanes));
      d = matmul(conj(transpose(rows, 0, 1)), gs);
    } else {
      d = sum_to(in_front_of(matmul(conj(transpose(x, -1, -2)), g), lanes), b.in[1].shape);
    }
    b.in[1].grad = astype(d, b.in[1].dtype);
  }
}
void matmul_lanes(Call& c, const Lanes& all) {
  GradMode off(false);
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor;
  // The rows of all lanes against one matrix are one product.
  if (lanes::shared(b) && b.rank() == 2) {
    Tensor y = matmul(lanes::plain(a, all), lanes::lane_of(b));
    c.out[0] = lanes::with_lanes(y, all);
    return;
  }
  Attrs attrs = c.attrs;
  attrs.shape = lanes::in_front(all, attrs.shape);
  lanes::run(c, all, attrs, c.attrs.shape.size());
}
const Op kMatmul{.name = "matmul",
                 .kind = Op::Kind::linear,
                 .forward = matmul_forward,
                 .backward = matmul_backward,
                 .saves = kSaveInputs,
                 .lanes = matmul_lanes,
                 .sums_lanes = true};

// dense: in = x, weight[, bias]; x has any number of leading axes, i[0] = activation
void dense_forward(Call& c) {
  const Tensor &x = c.in[0].tensor, &w = c.in[1].tensor;
  const bool biased = c.in.size() > 2;
  GradMode off(false);
  Shape shape = x.shape();
  shape.back() = w.shape(0);
  c.out[0] = runtime::empty(shape, x.dtype(), x.device());
  const std::int64_t rows = shape.back() ? c.out[0].numel() / shape.back() : 0;
  if (c.out[0].numel() == 0) return;
  const bool flat = x.rank() == 2 || x.contiguous();
  const Tensor xc = flat ? x : contiguous(x);
  const Tensor a =
      xc.rank() == 2 ? xc : xc.window(Shape{rows, x.shape(-1)}, Dims{x.shape(-1), 1}, xc->offset);
  const Tensor bt =
      w.window(Shape{w.shape(1), w.shape(0)}, Dims{w.stride(1), w.stride(0)}, w->offset);
  const Tensor out =
      c.out[0].window(Shape{rows, shape.back()}, Dims{shape.back(), 1}, c.out[0]->offset);
  const Tensor bias = biased ? contiguous(c.in[2].tensor) : Tensor();
  multiply_into(a, bt, out, biased ? &bias : nullptr, static_cast<int>(c.attrs.i[0]));
}

Tensor dense_definition(std::span<const Operand> in, const Attrs& a) {
  Tensor y = matmul(in[0].tensor, transpose(in[1].tensor, 0, 1));
  if (in.size() > 2) y = pointwise::add(y, in[2].tensor);
  if (a.i[0] < 0) return y;
  Operand list[] = {y};
  return apply(static_cast<int>(a.i[0]), list);
}

void dense_backward(Backward& b) {
  const int activation = static_cast<int>(b.attrs.i[0]);
  const Tensor g =
      activation < 0 ? b.grad[0] : gradient_from_output(activation, b.out[0], b.grad[0]);
  const Tensor &x = b.in[0].value.tensor, &w = b.in[1].value.tensor;
  if (b.in[0].needed)
    b.in[0].grad = sum_to(in_front_of(matmul(g, w), lanes_to_sum(b, 0)), b.in[0].shape);
  if (b.in[1].needed) {
    const Lanes lanes = lanes_to_sum(b, 1);
    const Tensor rows = as_matrix(in_front_of(g, lanes));
    b.in[1].grad = matmul(transpose(rows, 0, 1), as_matrix(in_front_of(x, lanes)));
  }
  if (b.in.size() > 2 && b.in[2].needed)
    b.in[2].grad = sum(as_matrix(in_front_of(g, lanes_to_sum(b, 2))), Dims{std::int64_t{0}});
}
void dense_lanes(Call& c, const Lanes& all) {
  GradMode off(false);
  const Tensor x = lanes::plain(c.in[0].tensor, all), &w = c.in[1].tensor;
  const Tensor bias = c.in.size() > 2 ? c.in[2].tensor : Tensor();
  const int activation = static_cast<int>(c.attrs.i[0]);
  Tensor y;
  if (lanes::shared(w) && (!bias || lanes::shared(bias))) {
    y = dense(x, lanes::lane_of(w), bias ? lanes::lane_of(bias) : bias, activation);
  } else {
    const int rank = c.in[0].tensor.rank();
    y = matmul(x, transpose(lanes::plain(w, all, rank), -1, -2));
    if (bias) y = pointwise::add(y, lanes::plain(bias, all, rank));
    Operand list[] = {y};
    if (activation >= 0) y = apply(activation, list);
  }
  c.out[0] = lanes::with_lanes(y, all);
}
const Op kDense{.name = "dense",
                .kind = Op::Kind::fused,
                .forward = dense_forward,
                .backward = dense_backward,
                .saves = kSaveInputs | save_out(0),
                .lanes = dense_lanes};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0)
    fail_shape("matmul", "takes vectors and matrices, not numbers", a, b, "multiply with *");
  // Vectors become matrices with one row or column, and lose that axis again.
  const Tensor x = a.rank() == 1 ? unsqueeze(a, 0) : a;
  const Tensor y = b.rank() == 1 ? unsqueeze(b, 1) : b;
  if (x.shape(-1) != y.shape(-2)) {
    const bool transposed = b.rank() >= 2 && x.shape(-1) == y.shape(-1);
    fail_shape("matmul",
               b.rank() == 1 ? "the last axis of a must equal the length of b"
                             : "the last axis of a must equal the second-to-last axis of b",
               a, b,
               !transposed     ? ""
               : b.rank() == 2 ? "b looks transposed; try a @ b.T"
                               : "b looks transposed; try a @ b.mT");
  }
  if (!(a.device() == b.device()))
    fail<DeviceError>("matmul", "both tensors must be on one device",
                      describe(a) + ", " + describe(b));
  // Many rows against one matrix are one product.
  if (x.rank() > 2 && y.rank() == 2 && x.contiguous()) {
    Shape shape = x.shape();
    shape.back() = y.shape(1);
    Tensor r = reshape(matmul(reshape(x, Shape{-1, x.shape(-1)}), y), shape);
    return b.rank() == 1 ? squeeze(r, Dims{-1}, true) : r;
  }
  Attrs attrs;
  Shape lead_a(std::span(x.shape().begin(), static_cast<std::size_t>(x.rank() - 2)));
  Shape lead_b(std::span(y.shape().begin(), static_cast<std::size_t>(y.rank() - 2)));
  attrs.shape = broadcast(lead_a, lead_b, "matmul");
  attrs.shape.push_back(x.shape(-2));
  attrs.shape.push_back(y.shape(-1));
  Tensor r = call(kMatmul, x, y, attrs);
  if (a.rank() == 1) r = squeeze(r, Dims{-2}, true);
  if (b.rank() == 1) r = squeeze(r, Dims{-1}, true);
  return r;
}

// What may have been meant where x does not fit the weight.
static std::string dense_hint(const Tensor& x, const Tensor& weight) {
  const std::int64_t in = weight.shape(1);
  if (x.rank() == 0) return "";
  if (x.rank() >= 3 && x.shape(0) > 0 && x.numel() / x.shape(0) == in)
    return "flatten each sample first: x.flatten(1), or nn.Flatten() before this layer";
  if (x.numel() == in) return "add the axis of the batch: x.reshape(1, -1)";
  if (x.rank() == 2 && x.shape(0) == in) return "samples stand in rows; try x.T";
  return "make the layer with in_features = " + std::to_string(x.shape(-1)) +
         ", or give it rows of " + std::to_string(in);
}

Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias, int activation) {
  if (weight.rank() != 2)
    fail<ShapeError>("dense", "weight must be a matrix (out, in)", describe(weight));
  if (x.rank() == 0 || x.shape(-1) != weight.shape(1))
    fail<ShapeError>("dense",
                     "the last axis of x must equal in_features, the second axis of weight",
                     "x " + describe(x) + ", weight " + describe(weight), dense_hint(x, weight));
  if (bias && (bias.rank() != 1 || bias.shape(0) != weight.shape(0)))
    fail<ShapeError>("dense", "bias must have one value per output",
                     "bias " + describe(bias) + ", weight " + describe(weight));
  for (const Tensor* t : {&weight, &bias})
    if (*t && t->dtype() != x.dtype())
      fail<DTypeError>(
          "dense", "the input must have the dtype of the weights",
          "x " + describe(x) + ", weight " + describe(weight) +
              (bias ? ", bias " + describe(bias) : ""),
          "convert the input: x = x.to(nnx." + std::string(name_of(weight.dtype())) + ")");
  Operand in[] = {x, weight, bias};
  const std::span<Operand> operands(in, bias ? 3u : 2u);
  Attrs a;
  a.i[0] = activation;
  const bool fused = x.dtype() == DType::float32 && x.device() == weight.device() &&
                     (activation < 0 || gradient_follows_from_output(activation));
  if (fused && x.rank() == 1)
    return squeeze(dense(unsqueeze(x, 0), weight, bias, activation), Dims{0}, true);
  return fused ? call(kDense, operands, a) : dense_definition(operands, a);
}

}  // namespace nnx::ops
