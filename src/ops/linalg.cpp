// Linear algebra on stacks of matrices (..., m, n): see ops.hpp.
// LAPACK computes one matrix; here stand shapes, errors and gradients. Everything else (inv, pinv,
// norms, least squares) is composed of these in python/nnx/linalg.
// Source of the gradients: Giles, An extended collection of matrix derivative results (2008);
// Seeger et al., arXiv:1710.08717; for complex matrices with adjoints in place of transposes, and
// Boeddeker et al., arXiv:1701.00392.
#include <algorithm>
#include <complex>
#include <vector>

#include "ops/support.hpp"
#include "runtime/lapack.hpp"
#include "runtime/pool.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;
namespace lapack = runtime::lapack;

// --- shapes --------------------------------------------------------------------------------------

void require_matrices(const Tensor& x, const char* op, bool square) {
  if (x.rank() < 2)
    fail<ShapeError>(op, "takes matrices: at least two axes", describe(x),
                     x.rank() == 1 ? "x[:, None] makes a column of it" : "");
  if (square && x.shape(-1) != x.shape(-2))
    fail<ShapeError>(op, "the last two axes must have the same length", describe(x));
  if (!is_differentiable(x.dtype()))
    fail<DTypeError>(op, "takes matrices of floats or complex numbers", describe(x),
                     "x.double() or x.float()");
}
// LAPACK is the host's: operands of a device are copied there and results back.
template <void (*kForward)(Call&)>
void on_host(Call& c) {
  const Device device = c.in[0].tensor.device();
  if (device.kind == DeviceKind::cpu) return kForward(c);
  std::vector<Operand> in;
  for (const Operand& o : c.in) in.push_back(o.is_tensor() ? Operand(on_cpu(o.tensor)) : o);
  Call here{c.op, in, c.attrs, {}, {}};
  kForward(here);
  GradMode off(false);
  for (int i = 0; i < c.op.results; ++i)
    if (here.out[i]) c.out[i] = to_device(here.out[i], device);
}
// Halves are computed in float32.
DType lapack_dtype(DType t) { return t == DType::float64 || is_complex(t) ? t : DType::float32; }

Shape with_last(const Shape& x, std::int64_t rows, std::int64_t columns) {
  Shape s = x;
  s[s.size() - 2] = rows;
  s.back() = columns;
  return s;
}
Shape leading(const Shape& x) {
  return Shape(std::span(x.begin(), static_cast<std::size_t>(x.size() - 2)));
}
std::int64_t matrices(const Tensor& x) { return count(leading(x.shape())); }
Tensor mT(const Tensor& x) { return transpose(x, -1, -2); }
Tensor mH(const Tensor& x) { return conj(mT(x)); }
// A copy in rows that LAPACK may overwrite.
Tensor working_copy(const Tensor& x, DType t) {
  Tensor y = runtime::empty(x.shape(), t, x.device());
  copy_into(x, y);
  return y;
}
Tensor made(const Shape& shape, const Tensor& like) {
  return runtime::empty(shape, like.dtype(), like.device());
}
Tensor made_real(const Shape& shape, const Tensor& like) {
  return runtime::empty(shape, real_of(like.dtype()), like.device());
}

// one(i, T) for every matrix, shared among threads; the first number that is not 0, of the first
// matrix that has one, or {0, 0}. Matrices without elements have nothing to compute (there may be
// any number of them), unless results are made of nothing.
struct Trouble {
  std::int64_t matrix = 0;
  int where = 0;
};
template <class One>
Trouble each(const Tensor& x, std::int64_t n, double flops, One one, bool of_nothing = false) {
  if (x.numel() == 0 && !of_nothing) return {};
  runtime::LongCall release(static_cast<double>(n) * (flops + 1000));
  std::vector<int> where(static_cast<std::size_t>(n), 0);
  const auto run = [&](std::int64_t i) {
    int& found = where[static_cast<std::size_t>(i)];
    switch (x.dtype()) {
      case DType::float64: found = one(i, double()); break;
      case DType::complex64: found = one(i, std::complex<float>()); break;
      case DType::complex128: found = one(i, std::complex<double>()); break;
      default: found = one(i, float());
    }
  };
  if (n == 1 || flops < 2000) {
    for (std::int64_t i = 0; i < n; ++i) run(i);
  } else {
    runtime::parallel_for(n, run);
  }
  for (std::int64_t i = 0; i < n; ++i)
    if (where[static_cast<std::size_t>(i)]) return {i, where[static_cast<std::size_t>(i)]};
  return {};
}
template <class T>
T* at(const Tensor& x, std::int64_t i) {
  return reinterpret_cast<T*>(x.bytes()) + i * x.shape(-1) * (x.rank() > 1 ? x.shape(-2) : 1);
}
template <class T>
T* row_at(const Tensor& x, std::int64_t i) {  // of (..., k)
  return reinterpret_cast<T*>(x.bytes()) + i * x.shape(-1);
}
double cube(std::int64_t n) { return static_cast<double>(n) * n * n; }

[[noreturn]] void fail_matrix(const char* op, std::string_view rule, const Tensor& x,
                              Trouble trouble, std::string_view hint = {}) {
  std::string received = describe(x);
  if (matrices(x) > 1) received += ", matrix " + std::to_string(trouble.matrix);
  fail<LinAlgError>(op, rule, received, hint);
}

// --- solve: in = a (..., n, n), b (..., n, k) --------------------------------------------------

void solve_forward(Call& c) {
  GradMode off(false);
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor;
  const DType t = lapack_dtype(a.dtype());
  const Tensor factors = working_copy(a, t), x = working_copy(mT(b), t);
  const std::int64_t n = a.shape(-1), k = b.shape(-1);
  const Trouble trouble = each(factors, matrices(a), cube(n), [&]<class T>(std::int64_t i, T) {
    std::vector<std::int32_t> pivots(static_cast<std::size_t>(n));
    const int where = lapack::lu(n, at<T>(factors, i), pivots.data());
    if (!where) lapack::lu_solve(n, k, at<T>(factors, i), pivots.data(), false, at<T>(x, i));
    return where;
  });
  if (trouble.where)
    fail_matrix("solve", "the matrix is singular: its rows depend on each other", a, trouble,
                "nnx.linalg.lstsq or pinv take such matrices");
  c.out[0] = astype(contiguous(mT(x)), a.dtype());
}
void solve_backward(Backward& s) {
  const Tensor &a = s.in[0].value.tensor, &x = s.out[0];
  const Tensor gb = solve(mH(a), s.grad[0]);
  if (s.in[0].needed) s.in[0].grad = negative(matmul(gb, mH(x)));
  if (s.in[1].needed) s.in[1].grad = gb;
}
const Op kSolve{.name = "solve",
                .forward = on_host<solve_forward>,
                .backward = solve_backward,
                .saves = save_in(0) | save_out(0),
                .lanes = lanes::leading};

// flag = upper, i[0] = unit diagonal
void triangular_forward(Call& c) {
  GradMode off(false);
  const Tensor &a = c.in[0].tensor, &b = c.in[1].tensor;
  const DType t = lapack_dtype(a.dtype());
  const Tensor m = contiguous(astype(a, t)), x = working_copy(mT(b), t);
  const std::int64_t n = a.shape(-1), k = b.shape(-1);
  const bool upper = c.attrs.flag, unit = c.attrs.i[0] != 0;
  const Trouble trouble = each(m, matrices(a), cube(n), [&]<class T>(std::int64_t i, T) {
    return lapack::triangular_solve<T>(n, k, at<T>(m, i), upper, unit, at<T>(x, i));
  });
  if (trouble.where)
    fail_matrix("solve_triangular", "the matrix is singular: there is a 0 on its diagonal", a,
                trouble);
  c.out[0] = astype(contiguous(mT(x)), a.dtype());
}
void triangular_backward(Backward& s) {
  const Tensor &a = s.in[0].value.tensor, &x = s.out[0];
  const bool upper = s.attrs.flag, unit = s.attrs.i[0] != 0;
  const Tensor gb = solve_triangular(mH(a), s.grad[0], !upper, unit);
  if (s.in[0].needed) {
    const Tensor full = negative(matmul(gb, mH(x)));
    const std::int64_t k = upper ? (unit ? 1 : 0) : (unit ? -1 : 0);
    s.in[0].grad = tri_mask(full, k, upper);
  }
  if (s.in[1].needed) s.in[1].grad = gb;
}
const Op kTriangular{.name = "solve_triangular",
                     .forward = on_host<triangular_forward>,
                     .backward = triangular_backward,
                     .saves = save_in(0) | save_out(0),
                     .lanes = lanes::leading};

Tensor solve_with(const Op& op, const Tensor& a, const Tensor& b, const Attrs& attrs) {
  require_matrices(a, op.name, true);
  require_matrices(b, op.name, false);
  if (a.shape(-1) != b.shape(-2))
    fail_shape(op.name, "b must have as many rows as the matrix a", a, b);
  if (a.dtype() != b.dtype())
    fail<DTypeError>(op.name, "a and b must have the same dtype",
                     "a " + describe(a) + ", b " + describe(b));
  const Shape lead = broadcast(leading(a.shape()), leading(b.shape()), op.name);
  Shape sa = lead, sb = lead;
  for (const std::int64_t n : {a.shape(-2), a.shape(-1)}) sa.push_back(n);
  for (const std::int64_t n : {b.shape(-2), b.shape(-1)}) sb.push_back(n);
  return call(op, expand(a, sa), expand(b, sb), attrs);
}

// --- determinant: out = sign, log of the absolute value ----------------------------------------

void slogdet_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const DType t = lapack_dtype(a.dtype());
  const Tensor factors = working_copy(a, t);
  const std::int64_t n = a.shape(-1);
  const Shape lead = leading(a.shape());
  const Tensor sign = runtime::empty(lead, t, a.device()),
               log = runtime::empty(lead, real_of(t), a.device());
  each(
      factors, matrices(a), cube(n),
      [&]<class T>(std::int64_t i, T) {
        lapack::slogdet(n, at<T>(factors, i), reinterpret_cast<T*>(sign.bytes()) + i,
                        reinterpret_cast<lapack::Real<T>*>(log.bytes()) + i);
        return 0;
      },
      true);
  c.out[0] = astype(sign, a.dtype());
  c.out[1] = astype(log, real_of(a.dtype()));
}
// With t = trace(a^-1 da): d log|det| = Re t, and d sign = i sign Im t of complex matrices.
void slogdet_backward(Backward& s) {
  const Tensor& a = s.in[0].value.tensor;
  Tensor g = s.grad[1];
  if (is_complex(a.dtype()) && s.grad[0]) {
    const Tensor turn = imag(multiply(s.grad[0], conj(s.out[0])));
    const Tensor size = g ? g : multiply(turn, 0);
    g = complex(size, turn);
  }
  if (!g) return;
  g = unsqueeze(unsqueeze(g, -1), -1);
  const Tensor unit = expand(eye(a.shape(-1), a.shape(-1), 0, a.dtype(), a.device()), a.shape());
  s.in[0].grad = multiply(g, mH(solve(a, unit)));
}
const Op kSlogdet{.name = "slogdet",
                  .forward = on_host<slogdet_forward>,
                  .backward = slogdet_backward,
                  .saves = save_in(0) | save_out(0),
                  .results = 2,
                  .visible = 2,
                  .lanes = lanes::leading};

// --- factorisations ----------------------------------------------------------------------------

void cholesky_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const Tensor l = working_copy(a, lapack_dtype(a.dtype()));
  const Trouble trouble = each(l, matrices(a), cube(a.shape(-1)), [&]<class T>(std::int64_t i, T) {
    return lapack::cholesky(a.shape(-1), at<T>(l, i));
  });
  if (trouble.where)
    fail_matrix("cholesky",
                "the matrix is not positive definite: its leading minor of order " +
                    std::to_string(trouble.where) + " is not",
                a, trouble, "adding a small multiple of the identity may help");
  c.out[0] = astype(l, a.dtype());
}
// The lower half, the diagonal halved.
Tensor lower_half(const Tensor& x) {
  const Tensor below = tri_mask(x, -1, false);
  const Tensor unit = eye(x.shape(-1), x.shape(-1), 0, x.dtype(), x.device());
  return add(below, multiply(0.5, multiply(x, unit)));
}
void cholesky_backward(Backward& s) {
  const Tensor& l = s.out[0];
  const Tensor phi = lower_half(matmul(mH(l), s.grad[0]));
  const Tensor left = solve_triangular(mH(l), phi, true, false);
  const Tensor g = mH(solve_triangular(mH(l), mH(left), true, false));
  s.in[0].grad = multiply(0.5, add(g, mH(g)));
}
const Op kCholesky{.name = "cholesky",
                   .forward = on_host<cholesky_forward>,
                   .backward = cholesky_backward,
                   .saves = save_out(0),
                   .lanes = lanes::leading};

void qr_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const bool complete = c.attrs.flag;
  const std::int64_t m = a.shape(-2), n = a.shape(-1), k = complete ? m : std::min(m, n);
  const Tensor work = working_copy(a, lapack_dtype(a.dtype()));
  const Tensor q = made(with_last(a.shape(), m, k), work),
               r = made(with_last(a.shape(), k, n), work);
  each(
      work, matrices(a), 2.0 * static_cast<double>(m * n * k),
      [&]<class T>(std::int64_t i, T) {
        return lapack::qr(m, n, complete, at<T>(work, i), at<T>(q, i), at<T>(r, i));
      },
      complete);
  c.out[0] = astype(q, a.dtype());
  c.out[1] = astype(r, a.dtype());
}
void qr_backward(Backward& s) {
  const Tensor &q = s.out[0], &r = s.out[1];
  if (q.shape(-1) != r.shape(-1))
    fail<GradientError>("qr",
                        "has a gradient only in its reduced form, of matrices with at least as "
                        "many rows as columns",
                        describe(r));
  const Tensor gq = s.grad[0] ? s.grad[0] : multiply(q, 0);
  const Tensor gr = s.grad[1] ? s.grad[1] : multiply(r, 0);
  const Tensor m = subtract(matmul(r, mH(gr)), matmul(mH(gq), q));
  const Tensor low = tri_mask(m, -1, false);
  const Tensor unit = eye(m.shape(-1), m.shape(-1), 0, real_of(m.dtype()), m.device());
  const Tensor symmetric = add(add(low, mH(low)), multiply(real(m), unit));
  const Tensor left = add(gq, matmul(q, symmetric));
  s.in[0].grad = mH(solve_triangular(r, mH(left), true, false));
}
const Op kQr{.name = "qr",
             .forward = on_host<qr_forward>,
             .backward = qr_backward,
             .saves = save_out(0) | save_out(1),
             .results = 2,
             .visible = 2,
             .lanes = lanes::leading};

// 1 / (w_j - w_i), and 0 on the diagonal
Tensor inverse_gaps(const Tensor& w) {
  const Tensor gap = subtract(unsqueeze(w, -2), unsqueeze(w, -1));
  const Tensor diagonal = eye(w.shape(-1), w.shape(-1), 0, DType::boolean, w.device());
  return where(diagonal, 0, reciprocal(where(diagonal, 1, gap)));
}
Tensor on_diagonal(const Tensor& v) {
  return multiply(unsqueeze(v, -1), eye(v.shape(-1), v.shape(-1), 0, v.dtype(), v.device()));
}

void eigh_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const std::int64_t n = a.shape(-1);
  const Tensor rows = working_copy(a, lapack_dtype(a.dtype()));
  Shape values = leading(a.shape());
  values.push_back(n);
  const Tensor w = made_real(values, rows);
  const Trouble trouble = each(rows, matrices(a), 10 * cube(n), [&]<class T>(std::int64_t i, T) {
    return lapack::eigh(n, at<T>(rows, i), row_at<lapack::Real<T>>(w, i), true);
  });
  if (trouble.where)
    fail_matrix("eigh", "the eigenvalues did not converge; are there NaN or infinities", a,
                trouble);
  c.out[0] = astype(w, real_of(a.dtype()));
  c.out[1] = astype(contiguous(mH(rows)), a.dtype());
}
void eigh_backward(Backward& s) {
  const Tensor &w = s.out[0], &v = s.out[1];
  Tensor inner;
  if (s.grad[1]) inner = multiply(inverse_gaps(w), matmul(mH(v), s.grad[1]));
  if (s.grad[0]) inner = inner ? add(inner, on_diagonal(s.grad[0])) : on_diagonal(s.grad[0]);
  if (!inner) return;
  const Tensor g = matmul(matmul(v, inner), mH(v));
  s.in[0].grad = multiply(0.5, add(g, mH(g)));
}
const Op kEigh{.name = "eigh",
               .forward = on_host<eigh_forward>,
               .backward = eigh_backward,
               .saves = save_out(0) | save_out(1),
               .results = 2,
               .visible = 2,
               .lanes = lanes::leading};

void svd_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const bool complete = c.attrs.flag;
  const std::int64_t m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  const Tensor work = working_copy(a, lapack_dtype(a.dtype()));
  const Tensor u = made(with_last(a.shape(), m, complete ? m : k), work),
               v = made(with_last(a.shape(), complete ? n : k, n), work);
  Shape values = leading(a.shape());
  values.push_back(k);
  const Tensor w = made_real(values, work);
  const Trouble trouble = each(
      work, matrices(a), 10.0 * static_cast<double>(m * n * k),
      [&]<class T>(std::int64_t i, T) {
        return lapack::svd(m, n, complete, at<T>(work, i), at<T>(u, i),
                           row_at<lapack::Real<T>>(w, i), at<T>(v, i));
      },
      complete);
  if (trouble.where)
    fail_matrix("svd", "the singular values did not converge; are there NaN or infinities", a,
                trouble);
  c.out[0] = astype(u, a.dtype());
  c.out[1] = astype(w, real_of(a.dtype()));
  c.out[2] = astype(v, a.dtype());
}
void svd_backward(Backward& b) {
  const Tensor &u = b.out[0], &s = b.out[1], &vh = b.out[2];
  const Tensor &gu = b.grad[0], &gs = b.grad[1], &gv = b.grad[2];  // gv: of vh
  if (u.shape(-1) != vh.shape(-2))
    fail<GradientError>("svd", "has a gradient only in its reduced form", describe(u),
                        "full_matrices=False");
  const Tensor row = unsqueeze(s, -2), column = unsqueeze(s, -1), v = mH(vh);
  Tensor inner = gs ? on_diagonal(gs) : Tensor();
  const auto include = [&](const Tensor& more) { inner = inner ? add(inner, more) : more; };
  // 1 / (s_j^2 - s_i^2)
  const Tensor gaps = gu || gv ? inverse_gaps(square(s)) : Tensor();
  if (gu) {
    const Tensor x = matmul(mH(u), gu), j = multiply(gaps, x);
    include(multiply(add(j, mH(j)), row));
    // A common phase of a column of u and the row of vh is free; of u alone it is not.
    if (is_complex(u.dtype())) {
      const Tensor phase = divide(imag(diagonal(x, 0, -2, -1)), s);
      include(on_diagonal(complex(multiply(phase, 0), phase)));
    }
  }
  if (gv) {
    const Tensor k = multiply(gaps, matmul(vh, mH(gv)));
    include(multiply(column, add(k, mH(k))));
  }
  if (!inner) return;
  Tensor g = matmul(matmul(u, inner), vh);
  if (gu && u.shape(-2) > u.shape(-1)) {  // what of gu leaves the space of u
    const Tensor x = divide(gu, row);
    g = add(g, matmul(subtract(x, matmul(u, matmul(mH(u), x))), vh));
  }
  if (gv && vh.shape(-1) > vh.shape(-2)) {
    const Tensor x = divide(gv, column);
    g = add(g, matmul(u, subtract(x, matmul(matmul(x, v), vh))));
  }
  b.in[0].grad = g;
}
const Op kSvd{.name = "svd",
              .forward = on_host<svd_forward>,
              .backward = svd_backward,
              .saves = save_out(0) | save_out(1) | save_out(2),
              .results = 3,
              .visible = 3,
              .lanes = lanes::leading};

// --- eigenvalues of any square matrix: complex, whatever the matrix is
// ----------------------------

void eig_forward(Call& c) {
  GradMode off(false);
  const Tensor& a = c.in[0].tensor;
  const std::int64_t n = a.shape(-1);
  const Tensor columns = working_copy(mT(a), lapack_dtype(a.dtype()));
  const DType t = complex_of(columns.dtype());
  Shape values = leading(a.shape());
  values.push_back(n);
  const Tensor w = runtime::empty(values, t, a.device()),
               rows = runtime::empty(a.shape(), t, a.device());
  const Trouble trouble = each(columns, matrices(a), 25 * cube(n), [&]<class T>(std::int64_t i, T) {
    using C = std::complex<lapack::Real<T>>;
    return lapack::eig(n, at<T>(columns, i), row_at<C>(w, i), at<C>(rows, i));
  });
  if (trouble.where)
    fail_matrix("eig", "the eigenvalues did not converge; are there NaN or infinities", a, trouble);
  c.out[0] = w;
  c.out[1] = contiguous(mT(rows));
}
// v^-H (diag(gw) + (v^H gv - v^H v Re diag(v^H gv)) / conj(gaps)) v^H
void eig_backward(Backward& s) {
  const Tensor &w = s.out[0], &v = s.out[1];
  const Tensor adjoint = mH(v);
  Tensor inner;
  if (s.grad[1]) {
    const Tensor x = matmul(adjoint, s.grad[1]);
    const Tensor sizes = unsqueeze(real(diagonal(x, 0, -2, -1)), -2);  // vectors have length 1
    const Tensor free = subtract(x, multiply(matmul(adjoint, v), sizes));
    inner = multiply(conj(inverse_gaps(w)), free);
  }
  if (s.grad[0]) inner = inner ? add(inner, on_diagonal(s.grad[0])) : on_diagonal(s.grad[0]);
  if (!inner) return;
  const Tensor g = solve(adjoint, matmul(inner, adjoint));
  s.in[0].grad = astype(g, s.in[0].dtype);
}
const Op kEig{.name = "eig",
              .forward = eig_forward,
              .backward = eig_backward,
              .saves = save_out(0) | save_out(1),
              .results = 2,
              .visible = 2,
              .lanes = lanes::leading};

// The visible results of an op of one matrix argument.
std::vector<Tensor> results(const Op& op, const Tensor& x, bool square, bool complete = false) {
  require_matrices(x, op.name, square);
  Operand in[] = {x};
  Attrs attrs;
  attrs.flag = complete;
  Call c{op, in, attrs, {}, {}};
  dispatch(c);
  return {c.out, c.out + op.visible};
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) { return solve_with(kSolve, a, b, {}); }
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool unit) {
  Attrs attrs;
  attrs.flag = upper;
  attrs.i[0] = unit;
  return solve_with(kTriangular, a, b, attrs);
}
std::vector<Tensor> slogdet(const Tensor& x) { return results(kSlogdet, x, true); }
Tensor cholesky(const Tensor& x) { return results(kCholesky, x, true)[0]; }
std::vector<Tensor> qr(const Tensor& x, bool complete) { return results(kQr, x, false, complete); }
std::vector<Tensor> eigh(const Tensor& x) { return results(kEigh, x, true); }
std::vector<Tensor> eig(const Tensor& x) { return results(kEig, x, true); }
std::vector<Tensor> svd(const Tensor& x, bool complete) {
  return results(kSvd, x, false, complete);
}

}  // namespace nnx::ops
