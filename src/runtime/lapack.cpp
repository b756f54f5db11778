// Calling LAPACK: see lapack.hpp.
#include "runtime/lapack.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "runtime/blas.hpp"

namespace nnx::runtime::lapack {
namespace {

using Int = std::int32_t;

template <class T>
inline constexpr bool kComplex = !std::is_same_v<T, Real<T>>;

// A routine by its name without the letter of the type.
template <class F, class T>
F* routine(const char* name) {
  const bool wide = sizeof(Real<T>) == 8;
  const char* letter = kComplex<T> ? (wide ? "z" : "c") : wide ? "d" : "s";
  return reinterpret_cast<F*>(blas_symbol(letter + std::string(name)));
}

Int as_int(std::int64_t n) {
  if (n > 0x7fffffff)
    core::fail<core::ShapeError>("linalg", "a matrix must have less than 2^31 rows and columns",
                                 std::to_string(n));
  return static_cast<Int>(n);
}
// A leading dimension, which LAPACK wants to be 1 at least.
Int leading(std::int64_t n) { return as_int(std::max<std::int64_t>(n, 1)); }

// run(work, length) twice: with length -1 it says how much it needs.
template <class T, class Run>
void with_work(Run run) {
  T wanted = 0;
  run(&wanted, Int{-1});
  std::vector<T> work(static_cast<std::size_t>(std::max(std::real(wanted), Real<T>(1))));
  run(work.data(), static_cast<Int>(work.size()));
}

// A negative value would be a mistake of ours in an argument, except for NaN in the matrix.
int status(Int info) { return info < 0 ? 1 : info; }

}  // namespace

template <class T>
int lu(std::int64_t n, T* a, std::int32_t* pivots) {
  using F = void(const Int*, const Int*, T*, const Int*, Int*, Int*);
  static F* const getrf = routine<F, T>("getrf");
  const Int size = as_int(n), ld = leading(n);
  Int info = 0;
  getrf(&size, &size, a, &ld, pivots, &info);
  return status(info);
}

template <class T>
void slogdet(std::int64_t n, T* a, T* sign, Real<T>* log) {
  std::vector<std::int32_t> pivots(static_cast<std::size_t>(n));
  lu(n, a, pivots.data());  // a singular matrix has a 0 on the diagonal
  *sign = 1;
  *log = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const T d = a[j * n + j];
    if (pivots[static_cast<std::size_t>(j)] != j + 1) *sign = -*sign;
    const Real<T> size = std::abs(d);
    if constexpr (kComplex<T>) *sign = size == 0 ? d : *sign * (d / size);
    else if (!(d > 0)) *sign = d < 0 ? -*sign : d;  // 0 and NaN stay
    *log += std::log(size);
  }
}

template <class T>
void lu_solve(std::int64_t n, std::int64_t k, const T* factors, const std::int32_t* pivots,
              bool transposed, T* x) {
  using F = void(const char*, const Int*, const Int*, const T*, const Int*, const Int*, T*,
                 const Int*, Int*, std::size_t);
  static F* const getrs = routine<F, T>("getrs");
  const Int size = as_int(n), columns = as_int(k), ld = leading(n);
  Int info = 0;
  getrs(transposed ? "N" : "T", &size, &columns, factors, &ld, pivots, x, &ld, &info, 1);
}

template <class T>
int cholesky(std::int64_t n, T* a) {
  using F = void(const char*, const Int*, T*, const Int*, Int*, std::size_t);
  static F* const potrf = routine<F, T>("potrf");
  const Int size = as_int(n), ld = leading(n);
  Int info = 0;
  potrf("U", &size, a, &ld, &info, 1);
  for (std::int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return status(info);
}

template <class T>
int triangular_solve(std::int64_t n, std::int64_t k, const T* a, bool upper, bool unit, T* x) {
  using F = void(const char*, const char*, const char*, const Int*, const Int*, const T*,
                 const Int*, T*, const Int*, Int*, std::size_t, std::size_t, std::size_t);
  static F* const trtrs = routine<F, T>("trtrs");
  const Int size = as_int(n), columns = as_int(k), ld = leading(n);
  Int info = 0;
  trtrs(upper ? "L" : "U", "T", unit ? "U" : "N", &size, &columns, a, &ld, x, &ld, &info, 1, 1, 1);
  return status(info);
}

template <class T>
int qr(std::int64_t m, std::int64_t n, bool complete, T* a, T* q, T* r) {
  // A^T = L Q' gives A = Q'^T L^T.
  using Factor = void(const Int*, const Int*, T*, const Int*, T*, T*, const Int*, Int*);
  using Make =
      void(const Int*, const Int*, const Int*, T*, const Int*, const T*, T*, const Int*, Int*);
  static Factor* const gelqf = routine<Factor, T>("gelqf");
  static Make* const orglq = routine<Make, T>(kComplex<T> ? "unglq" : "orglq");
  const std::int64_t least = std::min(m, n), k = complete ? m : least;
  const Int rows = as_int(n), columns = as_int(m), ld = leading(n), reflectors = as_int(least),
            wide = as_int(k), q_ld = leading(k);
  std::vector<T> tau(static_cast<std::size_t>(least));
  Int info = 0;
  if (least > 0) {
    with_work<T>([&](T* work, Int length) {
      gelqf(&rows, &columns, a, &ld, tau.data(), work, &length, &info);
    });
  }
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t zeros = std::min(i, n);
    std::fill(r + i * n, r + i * n + zeros, T(0));
    std::copy(a + i * n + zeros, a + (i + 1) * n, r + i * n + zeros);
  }
  if (k == 0) return 0;
  // The first rows of LAPACK's n: as many numbers of every row of ours.
  for (std::int64_t i = 0; i < m; ++i) std::copy(a + i * n, a + i * n + least, q + i * k);
  with_work<T>([&](T* work, Int length) {
    orglq(&wide, &columns, &reflectors, q, &q_ld, tau.data(), work, &length, &info);
  });
  return status(info);
}

template <class T>
int eigh(std::int64_t n, T* a, Real<T>* w, bool vectors) {
  if (n == 0) return 0;
  const Int size = as_int(n), ld = leading(n), ask = -1;
  const char* what = vectors ? "V" : "N";
  Int info = 0, wanted = 0;
  T first = 0;
  const auto length_of = [](auto x) {
    return static_cast<Int>(std::max(std::real(x), Real<T>(1)));
  };
  std::vector<Int> more;
  if constexpr (kComplex<T>) {
    using F = void(const char*, const char*, const Int*, T*, const Int*, Real<T>*, T*, const Int*,
                   Real<T>*, const Int*, Int*, const Int*, Int*, std::size_t, std::size_t);
    static F* const heevd = routine<F, T>("heevd");
    Real<T> rest = 0;
    heevd(what, "U", &size, a, &ld, w, &first, &ask, &rest, &ask, &wanted, &ask, &info, 1, 1);
    const Int length = length_of(first), real_length = length_of(rest),
              more_length = std::max(wanted, 1);
    std::vector<T> work(static_cast<std::size_t>(length));
    std::vector<Real<T>> reals(static_cast<std::size_t>(real_length));
    more.resize(static_cast<std::size_t>(more_length));
    heevd(what, "U", &size, a, &ld, w, work.data(), &length, reals.data(), &real_length,
          more.data(), &more_length, &info, 1, 1);
  } else {
    using F = void(const char*, const char*, const Int*, T*, const Int*, T*, T*, const Int*, Int*,
                   const Int*, Int*, std::size_t, std::size_t);
    static F* const syevd = routine<F, T>("syevd");
    syevd(what, "U", &size, a, &ld, w, &first, &ask, &wanted, &ask, &info, 1, 1);
    const Int length = length_of(first), more_length = std::max(wanted, 1);
    std::vector<T> work(static_cast<std::size_t>(length));
    more.resize(static_cast<std::size_t>(more_length));
    syevd(what, "U", &size, a, &ld, w, work.data(), &length, more.data(), &more_length, &info, 1,
          1);
  }
  return status(info);
}

template <class T>
int eig(std::int64_t n, T* a, std::complex<Real<T>>* w, std::complex<Real<T>>* v) {
  using C = std::complex<Real<T>>;
  if (n == 0) return 0;
  const Int size = as_int(n), ld = leading(n), one = 1;
  Int info = 0;
  if constexpr (kComplex<T>) {
    using F = void(const char*, const char*, const Int*, T*, const Int*, T*, T*, const Int*, T*,
                   const Int*, T*, const Int*, Real<T>*, Int*, std::size_t, std::size_t);
    static F* const geev = routine<F, T>("geev");
    std::vector<Real<T>> reals(static_cast<std::size_t>(2 * n));
    with_work<T>([&](T* work, Int length) {
      geev("N", "V", &size, a, &ld, w, nullptr, &one, v, &ld, work, &length, reals.data(), &info, 1,
           1);
    });
  } else {
    using F = void(const char*, const char*, const Int*, T*, const Int*, T*, T*, T*, const Int*, T*,
                   const Int*, T*, const Int*, Int*, std::size_t, std::size_t);
    static F* const geev = routine<F, T>("geev");
    const auto count = static_cast<std::size_t>(n);
    std::vector<T> re(count), im(count), vectors(count * count);
    with_work<T>([&](T* work, Int length) {
      geev("N", "V", &size, a, &ld, re.data(), im.data(), nullptr, &one, vectors.data(), &ld, work,
           &length, &info, 1, 1);
    });
    // Of a pair the first vector holds the real parts, the second the imaginary ones.
    for (std::size_t i = 0; i < count; ++i) {
      w[i] = C(re[i], im[i]);
      const bool second = im[i] < 0;
      const T* x = vectors.data() + (second ? i - 1 : i) * count;
      for (std::size_t k = 0; k < count; ++k)
        v[i * count + k] = im[i] == 0 ? C(x[k]) : C(x[k], second ? -x[count + k] : x[count + k]);
    }
  }
  return status(info);
}

template <class T>
int svd(std::int64_t m, std::int64_t n, bool complete, T* a, T* u, Real<T>* s, T* vh) {
  // A^T = V S U^T: LAPACK's left vectors are our right ones, and lie where we want them.
  const std::int64_t k = std::min(m, n), longer = std::max(m, n);
  const Int rows = as_int(n), columns = as_int(m), ld = leading(n), ld_v = leading(n),
            ld_u = leading(complete ? m : k);
  const char* what = complete ? "A" : "S";
  std::vector<Int> more(static_cast<std::size_t>(8 * k + 1));
  Int info = 0;
  if constexpr (kComplex<T>) {
    using F = void(const char*, const Int*, const Int*, T*, const Int*, Real<T>*, T*, const Int*,
                   T*, const Int*, T*, const Int*, Real<T>*, Int*, Int*, std::size_t);
    static F* const gesdd = routine<F, T>("gesdd");
    const std::int64_t size = k * std::max(5 * k + 7, 2 * longer + 2 * k + 1);
    std::vector<Real<T>> reals(static_cast<std::size_t>(size + 1));
    with_work<T>([&](T* work, Int length) {
      gesdd(what, &rows, &columns, a, &ld, s, vh, &ld_v, u, &ld_u, work, &length, reals.data(),
            more.data(), &info, 1);
    });
  } else {
    using F = void(const char*, const Int*, const Int*, T*, const Int*, T*, T*, const Int*, T*,
                   const Int*, T*, const Int*, Int*, Int*, std::size_t);
    static F* const gesdd = routine<F, T>("gesdd");
    with_work<T>([&](T* work, Int length) {
      gesdd(what, &rows, &columns, a, &ld, s, vh, &ld_v, u, &ld_u, work, &length, more.data(),
            &info, 1);
    });
  }
  return status(info);
}

template int lu(std::int64_t, float*, std::int32_t*);
template void slogdet(std::int64_t, float*, float*, Real<float>*);
template void lu_solve(std::int64_t, std::int64_t, const float*, const std::int32_t*, bool, float*);
template int cholesky(std::int64_t, float*);
template int triangular_solve(std::int64_t, std::int64_t, const float*, bool, bool, float*);
template int qr(std::int64_t, std::int64_t, bool, float*, float*, float*);
template int eigh(std::int64_t, float*, Real<float>*, bool);
template int eig(std::int64_t, float*, std::complex<Real<float>>*, std::complex<Real<float>>*);
template int svd(std::int64_t, std::int64_t, bool, float*, float*, Real<float>*, float*);

template int lu(std::int64_t, double*, std::int32_t*);
template void slogdet(std::int64_t, double*, double*, Real<double>*);
template void lu_solve(std::int64_t, std::int64_t, const double*, const std::int32_t*, bool,
                       double*);
template int cholesky(std::int64_t, double*);
template int triangular_solve(std::int64_t, std::int64_t, const double*, bool, bool, double*);
template int qr(std::int64_t, std::int64_t, bool, double*, double*, double*);
template int eigh(std::int64_t, double*, Real<double>*, bool);
template int eig(std::int64_t, double*, std::complex<Real<double>>*, std::complex<Real<double>>*);
template int svd(std::int64_t, std::int64_t, bool, double*, double*, Real<double>*, double*);

template int lu(std::int64_t, std::complex<float>*, std::int32_t*);
template void slogdet(std::int64_t, std::complex<float>*, std::complex<float>*,
                      Real<std::complex<float>>*);
template void lu_solve(std::int64_t, std::int64_t, const std::complex<float>*, const std::int32_t*,
                       bool, std::complex<float>*);
template int cholesky(std::int64_t, std::complex<float>*);
template int triangular_solve(std::int64_t, std::int64_t, const std::complex<float>*, bool, bool,
                              std::complex<float>*);
template int qr(std::int64_t, std::int64_t, bool, std::complex<float>*, std::complex<float>*,
                std::complex<float>*);
template int eigh(std::int64_t, std::complex<float>*, Real<std::complex<float>>*, bool);
template int eig(std::int64_t, std::complex<float>*, std::complex<Real<std::complex<float>>>*,
                 std::complex<Real<std::complex<float>>>*);
template int svd(std::int64_t, std::int64_t, bool, std::complex<float>*, std::complex<float>*,
                 Real<std::complex<float>>*, std::complex<float>*);

template int lu(std::int64_t, std::complex<double>*, std::int32_t*);
template void slogdet(std::int64_t, std::complex<double>*, std::complex<double>*,
                      Real<std::complex<double>>*);
template void lu_solve(std::int64_t, std::int64_t, const std::complex<double>*, const std::int32_t*,
                       bool, std::complex<double>*);
template int cholesky(std::int64_t, std::complex<double>*);
template int triangular_solve(std::int64_t, std::int64_t, const std::complex<double>*, bool, bool,
                              std::complex<double>*);
template int qr(std::int64_t, std::int64_t, bool, std::complex<double>*, std::complex<double>*,
                std::complex<double>*);
template int eigh(std::int64_t, std::complex<double>*, Real<std::complex<double>>*, bool);
template int eig(std::int64_t, std::complex<double>*, std::complex<Real<std::complex<double>>>*,
                 std::complex<Real<std::complex<double>>>*);
template int svd(std::int64_t, std::int64_t, bool, std::complex<double>*, std::complex<double>*,
                 Real<std::complex<double>>*, std::complex<double>*);

}  // namespace nnx::runtime::lapack
