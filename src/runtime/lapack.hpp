// LAPACK of the OpenBLAS library, on one matrix in rows: what ops/linalg.cpp makes gradients for.
// A matrix in rows is its transpose to LAPACK, so the routines here are chosen for the transpose
// and nothing is copied on the way. float, double and complex of them.
// Invariants: matrices are contiguous; results of a call are complete or its value is not 0.
#pragma once

#include <complex>
#include <cstdint>
#include <type_traits>

namespace nnx::runtime::lapack {

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<std::complex<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;

// Each returns 0, or the position (from 1) where the matrix proved singular or not positive
// definite, or where an iteration did not converge. Throws core::Error without the library.

// a (n, n) -> its factors: A^T = P L U in LAPACK's packing, with pivots (n).
template <class T>
int lu(std::int64_t n, T* a, std::int32_t* pivots);
// Sign (of size 1, if not 0) and logarithm of the absolute value of the determinant; a is
// destroyed.
template <class T>
void slogdet(std::int64_t n, T* a, T* sign, Real<T>* log);
// x (k, n): every row is a right side b of A x = b (of A^T x = b when transposed), and its
// solution.
template <class T>
void lu_solve(std::int64_t n, std::int64_t k, const T* factors, const std::int32_t* pivots,
              bool transposed, T* x);
// a (n, n) -> L with A = L L^H, zeros above it; only the lower half of a is read.
template <class T>
int cholesky(std::int64_t n, T* a);
// x (k, n): rows as in lu_solve, for a triangular A.
template <class T>
int triangular_solve(std::int64_t n, std::int64_t k, const T* a, bool upper, bool unit, T* x);
// a (m, n) -> q (m, k), r (k, n), k = min(m, n), or k = m when complete.
template <class T>
int qr(std::int64_t m, std::int64_t n, bool complete, T* a, T* q, T* r);
// a (n, n), of which the lower half is read -> ascending w (n), and a: one eigenvector a row,
// conjugated.
template <class T>
int eigh(std::int64_t n, T* a, Real<T>* w, bool vectors);
// a (n, n), which is destroyed: the transpose of A -> eigenvalues w (n) of A, and v: one right
// eigenvector of length 1 a row. Those of real matrices come in conjugate pairs.
template <class T>
int eig(std::int64_t n, T* a, std::complex<Real<T>>* w, std::complex<Real<T>>* v);
// a (m, n), which is destroyed -> u (m, k), descending s (k), vh (k, n), or u (m, m), vh (n, n)
// when complete.
template <class T>
int svd(std::int64_t m, std::int64_t n, bool complete, T* a, T* u, Real<T>* s, T* vh);

}  // namespace nnx::runtime::lapack
