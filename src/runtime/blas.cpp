// Opening and calling OpenBLAS: see blas.hpp.
#include "runtime/blas.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <complex>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>

#include "core/error.hpp"
#include "runtime/backend.hpp"
#include "runtime/pool.hpp"

namespace nnx::runtime {
namespace {

// --- the library ----------------------------------------------------------------------------
enum : int { kRowMajor = 101, kPlain = 111, kTransposed = 112 };

// Complex factors are passed by address.
template <class T>
using Factor = std::conditional_t<std::is_floating_point_v<T>, T, const T*>;
template <class T>
using Gemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, Factor<T> alpha,
                      const T* a, int lda, const T* b, int ldb, Factor<T> beta, T* c, int ldc);
template <class T>
Factor<T> factor(const T& x) {
  if constexpr (std::is_floating_point_v<T>) return x;
  else return &x;
}

struct Library {
  void* handle = nullptr;
  Gemm<double> dgemm = nullptr;
  Gemm<float> sgemm = nullptr;
  Gemm<std::complex<float>> cgemm = nullptr;
  Gemm<std::complex<double>> zgemm = nullptr;
  std::string config;  // or why it is not there
};

std::string& path_setting() {  // never destroyed: threads may ask while the process exits
  static std::string& s = *new std::string;
  return s;
}

// Gives a variable a value for as long as OpenBLAS's constructor runs, and leaves it alone when it
// has that value already.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    if (old && std::strcmp(old, value) == 0) return;
    if (old) before_ = old;
    changed_ = ::setenv(name, value, 1) == 0;
  }
  ~Environment() {
    if (!changed_) return;
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
  bool changed_ = false;
};

// The core type that belongs to a CPU level that was asked for; null when the processor decides.
const char* forced_core() {
  if (!level_forced()) return nullptr;
  const std::string level = cpu_level();
  if (level == "v2") return "Nehalem";
  if (level == "v3") return "Haswell";
  if (level == "v4") return "SkylakeX";
  return nullptr;
}

Library open() {
  Library l;
  if (path_setting().empty()) {
    l.config = "not part of this build";
    return l;
  }
  const char* core_name = forced_core();
  {
    // Read by the library's constructor, which would start a thread for every processor.
    const Environment threads("OPENBLAS_NUM_THREADS", "1");
    std::optional<Environment> core;
    if (core_name) core.emplace("OPENBLAS_CORETYPE", core_name);
    l.handle = dlopen(path_setting().c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (!l.handle) {
    const char* why = dlerror();
    l.config = why ? why : "it cannot be opened";
    return l;
  }
  const auto symbol = [&](const char* name) { return dlsym(l.handle, name); };
  if (const auto set = reinterpret_cast<void (*)(int)>(symbol("scipy_openblas_set_num_threads")))
    set(1);
  l.dgemm = reinterpret_cast<Gemm<double>>(symbol("scipy_cblas_dgemm"));
  l.sgemm = reinterpret_cast<Gemm<float>>(symbol("scipy_cblas_sgemm"));
  l.cgemm = reinterpret_cast<Gemm<std::complex<float>>>(symbol("scipy_cblas_cgemm"));
  l.zgemm = reinterpret_cast<Gemm<std::complex<double>>>(symbol("scipy_cblas_zgemm"));
  if (const auto config =
          reinterpret_cast<const char* (*)()>(symbol("scipy_openblas_get_config"))) {
    l.config = config();
  }
  return l;
}

// The static's guard lets one thread open it while others wait.
const Library& library() {
  static const Library& l = *new Library(open());
  return l;
}

// --- without it -----------------------------------------------------------------------------
template <class T>
void plain(const core::GemmJob& j, const T* a, const T* b, T* c) {
  constexpr std::int64_t kRows = 4, kPanel = 32 / sizeof(T) * 2, kDepth = 256;
  if (!j.accumulate) {
    for (std::int64_t i = 0; i < j.m; ++i) std::fill_n(c + i * j.c_row, j.n, T(0));
  }
  for (std::int64_t p0 = 0; p0 < j.k; p0 += kDepth) {
    const std::int64_t k = std::min(kDepth, j.k - p0);
    for (std::int64_t j0 = 0; j0 < j.n; j0 += kPanel) {
      const std::int64_t columns = std::min(kPanel, j.n - j0);
      alignas(64) T panel[kDepth][kPanel] = {};
      for (std::int64_t p = 0; p < k; ++p) {
        for (std::int64_t q = 0; q < columns; ++q) {
          panel[p][q] = b[(p0 + p) * j.b_row + (j0 + q) * j.b_col];
        }
      }
      for (std::int64_t i0 = 0; i0 < j.m; i0 += kRows) {
        T sum[kRows][kPanel] = {};
        for (std::int64_t p = 0; p < k; ++p) {
          for (std::int64_t r = 0; r < kRows; ++r) {  // rows that are not there repeat the last one
            const T x = a[std::min(i0 + r, j.m - 1) * j.a_row + (p0 + p) * j.a_col];
            for (std::int64_t q = 0; q < kPanel; ++q) sum[r][q] += x * panel[p][q];
          }
        }
        for (std::int64_t r = 0; r < std::min(kRows, j.m - i0); ++r) {
          for (std::int64_t q = 0; q < columns; ++q) c[(i0 + r) * j.c_row + j0 + q] += sum[r][q];
        }
      }
    }
  }
}

// --- with it --------------------------------------------------------------------------------
// A matrix as cblas takes it: one of its strides is 1.
template <class T>
struct Matrix {
  const T* data;
  int trans, ld;
  std::unique_ptr<T[]> copy;

  const T* at_row(std::int64_t i) const { return data + (trans == kPlain ? i * ld : i); }
  const T* at_col(std::int64_t j) const { return data + (trans == kPlain ? j : j * ld); }
};

constexpr std::int64_t kMostInt = 0x7fffffff;

template <class T>
Matrix<T> matrix(const T* p, std::int64_t rows, std::int64_t cols, std::int64_t row,
                 std::int64_t col) {
  if ((col == 1 || cols == 1) && (row >= cols || rows == 1) && row <= kMostInt)
    return {p, kPlain, static_cast<int>(rows == 1 ? cols : row), nullptr};
  if ((row == 1 || rows == 1) && (col >= rows || cols == 1) && col <= kMostInt)
    return {p, kTransposed, static_cast<int>(cols == 1 ? rows : col), nullptr};
  auto copy = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) copy[i * cols + j] = p[i * row + j * col];
  }
  const T* data = copy.get();
  return {data, kPlain, static_cast<int>(cols), std::move(copy)};
}

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// How one product is cut. Every block packs its rows of A and its columns of B again, so blocks are
// few, and as square as they can be.
struct Cut {
  std::int64_t rows, columns;  // of a block

  Cut(std::int64_t m, std::int64_t n, std::int64_t k) : rows(m), columns(n) {
    constexpr std::int64_t kUnit = 16;  // about the register tiles
    const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    std::int64_t wanted = work < 1e6 ? 1 : work < 2e7 ? 2 : work < 2e8 ? 4 : work < 5e9 ? 8 : 16;
    const std::int64_t least = wanted <= 2 ? 32 : 256;
    for (; wanted > 1; wanted /= 2) {
      std::int64_t& longer = rows >= columns ? rows : columns;
      if (longer <= least) break;
      longer = ceil_div(ceil_div(longer, 2), kUnit) * kUnit;
    }
  }
};

template <class T>
void multiply(Gemm<T> gemm, const core::GemmJob& j) {
  if (j.m <= 0 || j.n <= 0 || j.batch <= 0) return;
  const double work =
      static_cast<double>(j.m) * static_cast<double>(j.n) * static_cast<double>(j.k);
  if (std::max({j.m, j.n, j.k}) > kMostInt || j.k <= 0) gemm = nullptr;
  const int ldc = static_cast<int>(j.m == 1 ? j.n : j.c_row);
  const Cut cut(j.m, j.n, j.k);
  static constexpr T one_of(1), none_of(0);
  const std::int64_t down = ceil_div(j.m, cut.rows), across = ceil_div(j.n, cut.columns);

  const auto one = [&](std::int64_t item) {
    const T* a = static_cast<const T*>(j.a) + item * j.a_batch;
    const T* b = static_cast<const T*>(j.b) + item * j.b_batch;
    T* c = static_cast<T*>(j.c) + item * j.c_batch;
    if (!gemm) return plain(j, a, b, c);
    const Matrix<T> ma = matrix(a, j.m, j.k, j.a_row, j.a_col);
    const Matrix<T> mb = matrix(b, j.k, j.n, j.b_row, j.b_col);
    parallel_for(down * across, [&](std::int64_t block) {
      const std::int64_t i = block % down * cut.rows, q = block / down * cut.columns;
      gemm(kRowMajor, ma.trans, mb.trans, static_cast<int>(std::min(cut.rows, j.m - i)),
           static_cast<int>(std::min(cut.columns, j.n - q)), static_cast<int>(j.k), factor(one_of),
           ma.at_row(i), ma.ld, mb.at_col(q), mb.ld, factor(j.accumulate ? one_of : none_of),
           c + i * j.c_row + q, ldc);
    });
  };
  if (j.batch == 1) return one(0);
  if (down * across > 8) {
    for (std::int64_t i = 0; i < j.batch; ++i) one(i);
    return;
  }
  const std::int64_t group =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(1e6 / (work + 1000)), 1, j.batch);
  parallel_for(ceil_div(j.batch, group), [&](std::int64_t g) {
    for (std::int64_t i = g * group; i < std::min(j.batch, (g + 1) * group); ++i) one(i);
  });
}

}  // namespace

void set_blas_path(std::string path) { path_setting() = std::move(path); }
bool blas_available() { return library().dgemm != nullptr; }
std::string blas_config() { return library().config; }

void* blas_symbol(const std::string& name) {
  const Library& l = library();
  if (void* f = l.handle ? dlsym(l.handle, ("scipy_" + name + "_").c_str()) : nullptr) return f;
  core::fail<core::Error>(
      "blas", "this needs the OpenBLAS library that belongs to the package",
      l.handle ? "a library without " + name : l.config,
      "install the package again from its wheel, pip install --force-reinstall");
}

void dgemm(const core::GemmJob& job) { multiply<double>(library().dgemm, job); }
void sgemm(const core::GemmJob& job) { multiply<float>(library().sgemm, job); }
void cgemm(const core::GemmJob& job) { multiply<std::complex<float>>(library().cgemm, job); }
void zgemm(const core::GemmJob& job) { multiply<std::complex<double>>(library().zgemm, job); }

}  // namespace nnx::runtime
