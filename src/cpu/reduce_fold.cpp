// The arithmetic of reductions: see reduce_fold.hpp.
#include "cpu/reduce_fold.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <type_traits>

namespace nnx::cpu {
namespace {

// Each works on numbers and on vectors of them.
struct Sum {
  template <class V>
  static V of(V a, V b) {
    return a + b;
  }
  template <class T>
  static constexpr T neutral = std::is_floating_point_v<T> ? T(-0.0) : T(0);
  template <class T>
  static constexpr T empty = T(0);
};
struct Prod {
  template <class V>
  static V of(V a, V b) {
    return a * b;
  }
  template <class T>
  static constexpr T neutral = T(1);
  template <class T>
  static constexpr T empty = T(1);
};
// The first NaN wins.
struct Max {
  template <class V>
  static V of(V a, V b) {
    return (a > b) | (a != a) ? a : b;
  }
  template <class T>
  static constexpr T neutral = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::lowest();
  template <class T>
  static constexpr T empty = neutral<T>;
};
struct Min {
  template <class V>
  static V of(V a, V b) {
    return (a < b) | (a != a) ? a : b;
  }
  template <class T>
  static constexpr T neutral = std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::max();
  template <class T>
  static constexpr T empty = neutral<T>;
};
// Of bools: any, all.
struct Any : Max {
  template <class V>
  static V of(V a, V b) {
    return a | b;
  }
  template <class T>
  static constexpr T neutral = T(0);
  template <class T>
  static constexpr T empty = T(0);
};
struct All : Min {
  template <class V>
  static V of(V a, V b) {
    return a & b;
  }
  template <class T>
  static constexpr T neutral = T(1);
  template <class T>
  static constexpr T empty = T(1);
};

template <class T, int n>
struct VectorOf {
  typedef T type __attribute__((vector_size(n * sizeof(T))));
};
template <class T, int n>
using Vector = typename VectorOf<T, n>::type;

template <class V>
inline V load(const void* p) {
  V v;
  std::memcpy(&v, p, sizeof(V));
  return v;
}

// A row of kLaneBytes in registers.
constexpr int kParts = kLaneBytes / kVectorBytes;
template <class T>
using Part = Vector<T, static_cast<int>(kVectorBytes / sizeof(T))>;

// Keeps the compiler from vectorising a loop that only takes the last few elements.
template <class T>
inline T scalar(T v) {
  asm("" : "+m"(v));
  return v;
}

template <class T, class Op>
void merge(void* dst, const void* left, const void* right, std::int64_t n) {
  using V = Part<T>;
  constexpr std::int64_t each = kVectorBytes / std::int64_t{sizeof(T)};
  T* d = static_cast<T*>(dst);
  const T* a = static_cast<const T*>(left);
  const T* b = static_cast<const T*>(right);
  std::int64_t i = 0;
  for (; i + each <= n; i += each) {
    const V v = Op::of(load<V>(a + i), load<V>(b + i));
    std::memcpy(d + i, &v, sizeof(v));
  }
  for (; i < n; ++i) d[i] = Op::of(a[i], scalar(b[i]));
}

template <class T, class Op>
void rows(void* acc, const char* x, std::int64_t stride, std::int64_t rows, std::int64_t n) {
  using V = Part<T>;
  T* a = static_cast<T*>(acc);
  if (n == kLaneBytes / std::int64_t{sizeof(T)}) {
    V v[kParts];
    std::memcpy(v, acc, sizeof(v));
    for (std::int64_t r = 0; r < rows; ++r, x += stride)
      for (int j = 0; j < kParts; ++j) v[j] = Op::of(v[j], load<V>(x + kVectorBytes * j));
    std::memcpy(acc, v, sizeof(v));
    return;
  }
  constexpr std::int64_t each = kVectorBytes / std::int64_t{sizeof(T)};
  const auto cell = [&](std::int64_t r, std::int64_t i) {
    return x + r * stride + i * std::int64_t{sizeof(T)};
  };
  // Four rows at a time, so that the sums are read and written once for them.
  for (; rows >= 4; rows -= 4, x += 4 * stride) {
    std::int64_t i = 0;
    for (; i + each <= n; i += each) {
      V v = load<V>(a + i);
      for (int r = 0; r < 4; ++r) v = Op::of(v, load<V>(cell(r, i)));
      std::memcpy(a + i, &v, sizeof(v));
    }
    for (; i < n; ++i) {
      T v = a[i];
      for (int r = 0; r < 4; ++r) v = Op::of(v, load<T>(cell(r, i)));
      a[i] = scalar(v);
    }
  }
  for (; rows > 0; --rows, x += stride) merge<T, Op>(a, a, x, n);
}

// Halves of a vector onto each other until one element is left.
template <class T, class Op, int n>
inline T fold_vector(Vector<T, n> v) {
  if constexpr (n * sizeof(T) > 16) {
    using H = Vector<T, n / 2>;
    H half[2];
    std::memcpy(half, &v, sizeof(v));
    return fold_vector<T, Op, n / 2>(Op::of(half[0], half[1]));
  } else {
    T e[n];
    std::memcpy(e, &v, sizeof(v));
    for (int half = n / 2; half; half /= 2)
      for (int i = 0; i < half; ++i) e[i] = Op::of(e[i], e[i + half]);
    return e[0];
  }
}

template <class T, class Op>
void block(const void* source, std::int64_t n, void* result) {
  constexpr int lanes = kLaneBytes / sizeof(T), each = lanes / kParts;
  const T* x = static_cast<const T*>(source);
  T* out = static_cast<T*>(result);
  using V = Part<T>;
  V v[kParts];
  if (n < lanes) {  // what is not there is neutral, which leaves the tree's results as they are
    for (int j = 0; j < kParts; ++j) {
      const std::int64_t left = n - j * each;
      if (left >= each) {
        v[j] = load<V>(x + j * each);
        continue;
      }
      T e[2 * each];
      std::fill(e, e + 2 * each, Op::template neutral<T>);
      if (left <= 0) {
        v[j] = load<V>(e);
      } else if (n >= each) {  // the last numbers, moved down by a load
        std::memcpy(e, x + n - each, sizeof(V));
        v[j] = load<V>(e + each - left);
      } else {
        std::memcpy(e, x, static_cast<std::size_t>(n) * sizeof(T));
        v[j] = load<V>(e);
      }
    }
  } else {
    std::memcpy(v, x, sizeof(v));
    std::int64_t i = lanes;
    for (; i + lanes <= n; i += lanes)
      for (int j = 0; j < kParts; ++j) v[j] = Op::of(v[j], load<V>(x + i + j * each));
    if (i < n) {
      T all[lanes];
      std::memcpy(all, v, sizeof(v));
      merge<T, Op>(all, all, x + i, n - i);
      std::memcpy(v, all, sizeof(v));
    }
  }
  for (int half = kParts / 2; half; half /= 2)
    for (int j = 0; j < half; ++j) v[j] = Op::of(v[j], v[j + half]);
  *out = fold_vector<T, Op, each>(v[0]);
}

template <class T, class Op>
constexpr FoldKernel make() {
  FoldKernel k{&rows<T, Op>, &merge<T, Op>, &block<T, Op>, sizeof(T), {}, {}};
  using Bytes = std::array<std::uint8_t, sizeof(T)>;
  const auto neutral = std::bit_cast<Bytes>(Op::template neutral<T>);
  const auto empty = std::bit_cast<Bytes>(Op::template empty<T>);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    k.neutral[i] = neutral[i];
    k.empty[i] = empty[i];
  }
  return k;
}

// --- complex: sums come as sums of their parts, so only the product is here
// -----------------------

template <class T>
struct Complex {
  T re, im;
  friend Complex operator*(Complex a, Complex b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
};
template <class T>
void complex_merge(void* dst, const void* left, const void* right, std::int64_t n) {
  using C = Complex<T>;
  const C *a = static_cast<const C*>(left), *b = static_cast<const C*>(right);
  for (std::int64_t i = 0; i < n; ++i) static_cast<C*>(dst)[i] = a[i] * b[i];
}
template <class T>
void complex_rows(void* acc, const char* x, std::int64_t stride, std::int64_t rows,
                  std::int64_t n) {
  for (; rows > 0; --rows, x += stride) complex_merge<T>(acc, acc, x, n);
}
template <class T>
void complex_block(const void* source, std::int64_t n, void* result) {
  using C = Complex<T>;
  constexpr std::int64_t lanes = kLaneBytes / std::int64_t{sizeof(C)};
  const C* x = static_cast<const C*>(source);
  C v[lanes];
  std::int64_t left = std::min(n, lanes);
  std::copy(x, x + left, v);
  for (std::int64_t i = lanes; i < n; ++i) v[i % lanes] = v[i % lanes] * x[i];
  for (std::int64_t half = lanes / 2; half; half /= 2) {
    if (left > half) complex_merge<T>(v, v, v + half, left - half);
    left = std::min(left, half);
  }
  *static_cast<C*>(result) = v[0];
}
template <class T>
constexpr FoldKernel complex_product() {
  FoldKernel k{&complex_rows<T>, &complex_merge<T>, &complex_block<T>, 2 * sizeof(T), {}, {}};
  const auto one = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(T(1));
  for (std::size_t i = 0; i < sizeof(T); ++i) k.neutral[i] = k.empty[i] = one[i];
  return k;
}
constexpr FoldKernel kComplex[] = {complex_product<float>(), complex_product<double>()};

// Integer sums and products wrap: unsigned arithmetic serves both signs.
constexpr FoldKernel kKernels[core::kRealLanes][4] = {
    {make<float, Sum>(), make<float, Prod>(), make<float, Max>(), make<float, Min>()},
    {make<double, Sum>(), make<double, Prod>(), make<double, Max>(), make<double, Min>()},
    {make<std::uint64_t, Sum>(), make<std::uint64_t, Prod>(), make<std::int64_t, Max>(),
     make<std::int64_t, Min>()},
    {make<std::uint64_t, Sum>(), make<std::uint64_t, Prod>(), make<std::uint64_t, Max>(),
     make<std::uint64_t, Min>()},
    {make<std::uint8_t, Any>(), make<std::uint8_t, All>(), make<std::uint8_t, Any>(),
     make<std::uint8_t, All>()},
};

}  // namespace

const FoldKernel& fold_kernel(Lane lane, core::Reduction op) noexcept {
  if (core::is_complex(lane)) return kComplex[lane == Lane::c128];
  return kKernels[static_cast<int>(lane)][static_cast<int>(op)];
}

std::size_t Strip::memory(const FoldKernel& k, std::int64_t g, std::int64_t width,
                          std::int64_t n) noexcept {
  const std::int64_t blocks = n / (kDepth * g) + 1;
  const std::int64_t levels = 2 + std::bit_width(static_cast<std::uint64_t>(blocks));
  return static_cast<std::size_t>(levels * g * width * k.size);
}

void Strip::feed(const char* x, std::int64_t n) noexcept {
  const std::int64_t size = k_.size;
  while (n > 0) {
    if (at_ == 0 && n >= lanes_) {
      const std::int64_t full = n / lanes_;
      feed_full(x, lanes_ * size, full);
      x += full * lanes_ * size;
      n -= full * lanes_;
      continue;
    }
    const std::int64_t m = n < lanes_ - at_ ? n : lanes_ - at_;
    char* acc = acc_ + at_ * size;
    if (rows_ == 0) std::memcpy(acc, x, static_cast<std::size_t>(m * size));
    else k_.merge(acc, acc, x, m);
    x += m * size;
    n -= m;
    at_ += m;
    if (at_ < lanes_) return;
    at_ = 0;
    if (++rows_ == kDepth) {
      push(acc_);
      rows_ = 0;
    }
  }
}

// Full rows of lanes, none begun.
void Strip::feed_full(const char* x, std::int64_t stride, std::int64_t rows) noexcept {
  while (rows > 0) {
    if (rows_ == 0) {
      std::memcpy(acc_, x, static_cast<std::size_t>(lanes_ * k_.size));
      rows_ = 1;
      x += stride;
      --rows;
    }
    const std::int64_t m = rows < kDepth - rows_ ? rows : kDepth - rows_;
    k_.rows(acc_, x, stride, m, lanes_);
    rows_ += m;
    x += m * stride;
    rows -= m;
    if (rows_ == kDepth) {
      push(acc_);
      rows_ = 0;
    }
  }
}

void Strip::feed_rows(const char* x, std::int64_t stride, std::int64_t rows) noexcept {
  if (stride == width_ * k_.size) return feed(x, rows * width_);
  if (g_ == 1) return feed_full(x, stride, rows);
  for (std::int64_t r = 0; r < rows; ++r) feed(x + r * stride, width_);
}

void Strip::push(char* x) noexcept {
  int l = 0;
  for (; blocks_ >> l & 1; ++l) k_.merge(x, level(l), x, lanes_);
  std::memcpy(level(l), x, static_cast<std::size_t>(lanes_ * k_.size));
  ++blocks_;
}

char* Strip::close() noexcept {
  if (rows_ == 0 && at_ > 0 && at_ < lanes_)
    fill(acc_ + at_ * k_.size, k_.neutral, k_.size, lanes_ - at_);
  bool have = rows_ > 0 || at_ > 0;
  for (int l = 0; blocks_ >> l; ++l) {
    if (!(blocks_ >> l & 1)) continue;
    if (have) k_.merge(acc_, level(l), acc_, lanes_);
    else std::memcpy(acc_, level(l), static_cast<std::size_t>(lanes_ * k_.size));
    have = true;
  }
  return acc_;
}

void Strip::fold_lanes(char* lanes) const noexcept {
  std::int64_t left = g_;
  const std::int64_t row = width_ * k_.size;
  for (std::int64_t half = std::int64_t(std::bit_ceil(std::uint64_t(g_))) / 2; half; half /= 2) {
    k_.merge(lanes, lanes, lanes + half * row, (left - half) * width_);
    left = half;
  }
}

}  // namespace nnx::cpu
