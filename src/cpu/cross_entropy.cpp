// Cross-entropy of rows of logits against class labels, and its gradient.
// The loss is rest - (x[label] - m) with m + rest the logsumexp (softmax.hpp), exact also for a
// sure and right answer. The gradient is normalised again from the saved logsumexp, which stands
// in for the maximum: rounding of a large logsumexp cancels. At the label it is -(sum of the other
// probabilities), which does not cancel where p - 1 would.
// Invariants: rows with a negative label have loss 0 and gradient 0; dx may be the memory of x.
#include <cstdint>

#include "cpu/kernels_decl.hpp"
#include "cpu/softmax.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kCost = 4;  // of an element, in units of grain_for

// The labels of a block of short rows; -1 where there is none.
template <class T>
Vec<SignedOf<T>> labels_to_lanes(const std::int64_t* labels, int rows) {
  using I = Vec<SignedOf<T>>;
  SignedOf<T> lanes[I::width];
  for (int r = 0; r < I::width; ++r)
    lanes[r] = r < rows && labels[r] >= 0 ? static_cast<SignedOf<T>>(labels[r]) : -1;
  return I::load(lanes);
}

template <class T>
void loss_short_rows(const T* x, std::int64_t n, const std::int64_t* labels, int rows, T* loss,
                     T* lse) {
  using V = Vec<T>;
  using I = typename V::Int;
  constexpr int w = V::width;
  alignas(64) T block[kShortRow * w];
  rows_to_lanes(x, n, rows, block);
  const I label = labels_to_lanes<T>(labels, rows);
  const V m = ShortRows<T>::most(block, n);
  const V rest = ShortRows<T>::log_sum(block, n, m);
  V own(0);
  for (std::int64_t j = 0; j < n; ++j) own = select(label == I(j), V::load(block + j * w), own);
  select(label < I(0), V(0), rest - (own - m)).store(loss, rows);
  (m + rest).store(lse, rows);
}

template <class T>
void loss_row(const T* x, std::int64_t n, std::int64_t label, T* loss, T* lse) {
  const T m = row_max(x, n);
  const T rest = log_sum(x, n, m);
  *loss = label < 0 ? T(0) : rest - (x[label] - m);
  *lse = m + rest;
}

template <class T>
void loss_rows(std::int64_t rows, std::int64_t n, const T* x, const std::int64_t* labels, T* loss,
               T* lse) {
  for_rows(rows, n, kCost, [&](std::int64_t begin, std::int64_t end) {
    if (n <= kShortRow) {
      for_short_rows<T>(begin, end, [&](std::int64_t r, int count) {
        loss_short_rows(x + r * n, n, labels + r, count, loss + r, lse + r);
      });
      return;
    }
    for (std::int64_t r = begin; r < end; ++r) loss_row(x + r * n, n, labels[r], loss + r, lse + r);
  });
}

template <class T>
void gradient_short_rows(const T* x, std::int64_t n, const std::int64_t* labels, int rows,
                         const T* lse, const T* scale, T* dx) {
  using V = Vec<T>;
  using I = typename V::Int;
  constexpr int w = V::width;
  alignas(64) T block[kShortRow * w];
  rows_to_lanes(x, n, rows, block);
  const I label = labels_to_lanes<T>(labels, rows);
  const V shift = V::load(lse, rows);
  V others(0), own(0);
  for (std::int64_t j = 0; j < n; ++j) {
    const V e = (V::load(block + j * w) - shift).exp();
    const auto hit = label == I(j);
    others += select(hit, V(0), e);
    own = select(hit, e, own);
    e.store(block + j * w);
  }
  const V factor = V::load(scale, rows) / (others + own);
  const auto none = label < I(0);
  for (std::int64_t j = 0; j < n; ++j) {
    const V p = select(label == I(j), 0 - others, V::load(block + j * w));
    select(none, V(0), p * factor).store(block + j * w);
  }
  lanes_to_rows(block, n, rows, dx);
}

template <class T>
void gradient_row(const T* x, std::int64_t n, std::int64_t label, T lse, T scale, T* dx) {
  using V = Vec<T>;
  if (label < 0) {
    std::fill(dx, dx + n, T(0));
    return;
  }
  const T own = (V(x[label]) - V(lse)).exp()[0];
  const auto term = [&](std::int64_t i, auto lanes) {
    const V e = (lanes.load(x + i) - V(lse)).exp();
    lanes.store(e, dx + i);
    return lanes.keep(e, V(0));
  };
  const double others = sum_of_pieces(n, [&](std::int64_t begin, std::int64_t end) {
    if (label < begin || label >= end) return sum_terms<T>(begin, end, term);
    return sum_terms<T>(begin, label, term) + sum_terms<T>(label + 1, end, term);
  });
  const double factor = static_cast<double>(scale) / (others + static_cast<double>(own));
  const V times(static_cast<T>(factor));
  for_pieces(n, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for_vectors<T>(end - begin, [&](std::int64_t i, auto lanes) {
      lanes.store(lanes.load(dx + begin + i) * times, dx + begin + i);
    });
  });
  dx[label] = static_cast<T>(0 - others * factor);
}

template <class T>
void gradient_rows(std::int64_t rows, std::int64_t n, const T* x, const std::int64_t* labels,
                   const T* lse, const T* scale, T* dx) {
  for_rows(rows, n, kCost, [&](std::int64_t begin, std::int64_t end) {
    if (n <= kShortRow) {
      for_short_rows<T>(begin, end, [&](std::int64_t r, int count) {
        gradient_short_rows(x + r * n, n, labels + r, count, lse + r, scale + r, dx + r * n);
      });
      return;
    }
    for (std::int64_t r = begin; r < end; ++r)
      gradient_row(x + r * n, n, labels[r], lse[r], scale[r], dx + r * n);
  });
}

}  // namespace

void cross_entropy(core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                   const std::int64_t* labels, void* loss, void* lse) {
  if (rows <= 0 || n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    loss_rows(rows, n, static_cast<const T*>(x), labels, static_cast<T*>(loss),
              static_cast<T*>(lse));
  });
}

void cross_entropy_backward(core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                            const std::int64_t* labels, const void* lse, const void* scale,
                            void* dx) {
  if (rows <= 0 || n <= 0) return;
  with_float(lane, [&]<class T>(T) {
    gradient_rows(rows, n, static_cast<const T*>(x), labels, static_cast<const T*>(lse),
                  static_cast<const T*>(scale), static_cast<T*>(dx));
  });
}

}  // namespace nnx::cpu
