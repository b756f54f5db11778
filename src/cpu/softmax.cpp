// softmax, log_softmax and logsumexp of rows, and the gradients of the first two.
// Infinities give what PyTorch gives: a row of -inf, or with +inf, has softmax NaN and logsumexp
// -inf or +inf.
// Invariant: an output may be the memory of an input.
#include "cpu/softmax.hpp"

#include <cstdint>

#include "cpu/kernels_decl.hpp"

namespace nnx::cpu {
namespace {

// Elements to a unit of grain_for: an exponential and three passes.
constexpr std::int64_t kCost = 4;

template <class T>
void softmax_row(const T* x, std::int64_t n, T* y) {
  using V = Vec<T>;
  const V m(row_max(x, n));
  const double sum = sum_of_pieces(n, [&](std::int64_t begin, std::int64_t end) {
    return sum_terms<T>(begin, end, [&](std::int64_t i, auto lanes) {
      const V e = (lanes.load(x + i) - m).exp();
      lanes.store(e, y + i);
      return lanes.keep(e, V(0));
    });
  });
  const V scale(static_cast<T>(1 / sum));
  for_pieces(n, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for_vectors<T>(end - begin, [&](std::int64_t i, auto lanes) {
      lanes.store(lanes.load(y + begin + i) * scale, y + begin + i);
    });
  });
}

template <class T>
void log_softmax_row(const T* x, std::int64_t n, T* y) {
  using V = Vec<T>;
  const T m = row_max(x, n);
  const V most(m), rest(log_sum(x, n, m));
  for_pieces(n, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for_vectors<T>(end - begin, [&](std::int64_t i, auto lanes) {
      lanes.store(lanes.load(x + begin + i) - most - rest, y + begin + i);
    });
  });
}

template <bool kLog, class T>
void softmax_short_rows(const T* x, std::int64_t n, int rows, T* y) {
  using V = Vec<T>;
  constexpr int w = V::width;
  alignas(64) T block[kShortRow * w];
  rows_to_lanes(x, n, rows, block);
  const V m = ShortRows<T>::most(block, n);
  if constexpr (kLog) {
    const V rest = ShortRows<T>::log_sum(block, n, m);
    for (std::int64_t j = 0; j < n; ++j) (V::load(block + j * w) - m - rest).store(block + j * w);
  } else {
    V sum(0);
    for (std::int64_t j = 0; j < n; ++j) {
      const V e = (V::load(block + j * w) - m).exp();
      sum += e;
      e.store(block + j * w);
    }
    const V scale = 1 / sum;
    for (std::int64_t j = 0; j < n; ++j) (V::load(block + j * w) * scale).store(block + j * w);
  }
  lanes_to_rows(block, n, rows, y);
}

template <bool kLog, class T>
void softmax_rows(std::int64_t rows, std::int64_t n, const T* x, T* y) {
  for_rows(rows, n, kCost, [&](std::int64_t begin, std::int64_t end) {
    if (n <= kShortRow) {
      for_short_rows<T>(begin, end, [&](std::int64_t r, int count) {
        softmax_short_rows<kLog>(x + r * n, n, count, y + r * n);
      });
      return;
    }
    for (std::int64_t r = begin; r < end; ++r) {
      if constexpr (kLog) log_softmax_row(x + r * n, n, y + r * n);
      else softmax_row(x + r * n, n, y + r * n);
    }
  });
}

// Gradients of rows up to here are taken side by side: without exponentials in every element,
// turning costs more than the folds it saves.
constexpr std::int64_t kShortGradient = 8;

// dx = y (g - sum g y); of log_softmax dx = g - exp(y) sum g.
template <bool kLog, class T>
void gradient_row(const T* y, const T* g, std::int64_t n, T* dx) {
  using V = Vec<T>;
  const double sum = sum_of_pieces(n, [&](std::int64_t begin, std::int64_t end) {
    return sum_terms<T>(begin, end, [&](std::int64_t i, auto lanes) {
      const V grad = lanes.load(g + i);
      return kLog ? grad : grad * lanes.load(y + i);
    });
  });
  const V total(static_cast<T>(sum));
  for_pieces(n, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for_vectors<T>(end - begin, [&](std::int64_t step, auto lanes) {
      const std::int64_t i = begin + step;
      const V out = lanes.load(y + i), grad = lanes.load(g + i);
      lanes.store(kLog ? grad - out.exp() * total : (grad - total) * out, dx + i);
    });
  });
}

template <bool kLog, class T>
void gradient_short_rows(const T* y, const T* g, std::int64_t n, int rows, T* dx) {
  using V = Vec<T>;
  constexpr int w = V::width;
  alignas(64) T out[kShortGradient * w], grad[kShortGradient * w];
  rows_to_lanes(y, n, rows, out);
  rows_to_lanes(g, n, rows, grad);
  V total(0);
  for (std::int64_t j = 0; j < n * w; j += w)
    total += kLog ? V::load(grad + j) : V::load(grad + j) * V::load(out + j);
  for (std::int64_t j = 0; j < n * w; j += w) {
    const V v = V::load(out + j), d = V::load(grad + j);
    (kLog ? d - v.exp() * total : (d - total) * v).store(grad + j);
  }
  lanes_to_rows(grad, n, rows, dx);
}

template <bool kLog, class T>
void gradient_rows(std::int64_t rows, std::int64_t n, const T* y, const T* g, T* dx) {
  for_rows(rows, n, kCost, [&](std::int64_t begin, std::int64_t end) {
    if (n <= kShortGradient) {
      for_short_rows<T>(begin, end, [&](std::int64_t r, int count) {
        gradient_short_rows<kLog>(y + r * n, g + r * n, n, count, dx + r * n);
      });
      return;
    }
    for (std::int64_t r = begin; r < end; ++r)
      gradient_row<kLog>(y + r * n, g + r * n, n, dx + r * n);
  });
}

template <class T>
void logsumexp_short_rows(const T* x, std::int64_t n, int rows, T* out) {
  using V = Vec<T>;
  alignas(64) T block[kShortRow * V::width];
  rows_to_lanes(x, n, rows, block);
  const V most = ShortRows<T>::most(block, n);
  const V m = select(most.isfinite(), most, V(0));
  (m + ShortRows<T>::log_sum(block, n, m)).store(out, rows);
}

template <class T>
void logsumexp_rows(std::int64_t rows, std::int64_t n, const T* x, T* out) {
  for_rows(rows, n, kCost, [&](std::int64_t begin, std::int64_t end) {
    if (n <= kShortRow) {
      for_short_rows<T>(begin, end, [&](std::int64_t r, int count) {
        logsumexp_short_rows(x + r * n, n, count, out + r);
      });
      return;
    }
    for (std::int64_t r = begin; r < end; ++r) {
      const T most = row_max(x + r * n, n);
      const T m = most - most == 0 ? most : T(0);
      out[r] = m + log_sum(x + r * n, n, m);
    }
  });
}

}  // namespace

void softmax(bool log, core::Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* y) {
  if (rows <= 0 || n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    const auto run = log ? softmax_rows<true, T> : softmax_rows<false, T>;
    run(rows, n, static_cast<const T*>(x), static_cast<T*>(y));
  });
}

void softmax_backward(bool log, core::Lane lane, std::int64_t rows, std::int64_t n, const void* y,
                      const void* g, void* dx) {
  if (rows <= 0 || n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    const auto run = log ? gradient_rows<true, T> : gradient_rows<false, T>;
    run(rows, n, static_cast<const T*>(y), static_cast<const T*>(g), static_cast<T*>(dx));
  });
}

void logsumexp(core::Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* out) {
  with_float(lane, [&]<class T>(T) {
    T* to = static_cast<T*>(out);
    if (n <= 0) std::fill(to, to + rows, -kInfinity<T>);
    else logsumexp_rows(rows, n, static_cast<const T*>(x), to);
  });
}

}  // namespace nnx::cpu
