// Running sums, products and extremes over the middle axis of (outer, n, inner).
// Two ways: a block for each line, which goes along it in tiles and carries what it holds, or,
// where neighbouring lines are neighbours in memory, a thread for each. Few long lines are cut into
// pieces: the total of each, a scan of the totals, and the pieces again from where they start.
// Invariants: the order of combination follows from the shape; float32 is accumulated in double and
// rounded at each output; integers wrap; NaN stays. `out` may be `x`.
#include <limits>
#include <type_traits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::Reduction;

template <class T>
struct AccumulatorOf {
  using type = T;
};
template <>
struct AccumulatorOf<float> {
  using type = double;
};
template <>
struct AccumulatorOf<int64_t> {
  using type = std::uint64_t;  // wraps by definition
};
template <class T, Reduction kOp>
using Accumulator = std::conditional_t<kOp == Reduction::sum || kOp == Reduction::prod,
                                       typename AccumulatorOf<T>::type, T>;

// a, then x.
template <Reduction kOp, class A>
__device__ A combine(A a, A x) {
  if constexpr (std::is_same_v<A, bool>)
    return kOp == Reduction::sum || kOp == Reduction::max ? a || x : a && x;
  else if constexpr (kOp == Reduction::sum) return a + x;
  else if constexpr (kOp == Reduction::prod) return a * x;
  else {
    const bool wins = kOp == Reduction::max ? x > a : x < a;
    return (wins || x != x) && a == a ? x : a;
  }
}
// combine(neutral, x) is x, to the sign of a zero.
template <Reduction kOp, class A>
__device__ A neutral() {
  using Limits = std::numeric_limits<A>;
  if constexpr (std::is_same_v<A, bool>) return kOp == Reduction::prod || kOp == Reduction::min;
  else if constexpr (kOp == Reduction::sum) return std::is_floating_point_v<A> ? A(-0.0) : A(0);
  else if constexpr (kOp == Reduction::prod) return A(1);
  else if constexpr (std::is_floating_point_v<A>)
    return kOp == Reduction::max ? -Limits::infinity() : Limits::infinity();
  else return kOp == Reduction::max ? Limits::lowest() : Limits::max();
}

template <class T, class A>
struct Lines {
  const T* x;
  T* out;           // null: totals alone
  A* totals;        // of each piece of each line, or null
  const A* starts;  // running totals up to the end of each piece, or null
  int64_t n, inner, lines;
  int64_t pieces, piece;  // of each line, and elements of one

  __device__ int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
  template <Reduction kOp>
  __device__ A before(int64_t line, int64_t part) const {
    return starts && part > 0 ? starts[line * pieces + part - 1] : neutral<kOp, A>();
  }
};

// What the threads before this one hold, and what all do. `room` is shared memory for 32 values.
template <Reduction kOp, class A>
__device__ A block_scan(A x, A* room, A& total) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int warps = int(blockDim.x) / 32;
  for (int by = 1; by < 32; by *= 2) {
    const A y = __shfl_up_sync(kAllLanes, x, unsigned(by));
    if (lane >= by) x = combine<kOp>(y, x);
  }
  const A previous = __shfl_up_sync(kAllLanes, x, 1u);
  A before = lane > 0 ? previous : neutral<kOp, A>();
  if (lane == 31) room[warp] = x;
  __syncthreads();
  total = neutral<kOp, A>();
  for (int w = 0; w < warps; ++w) {
    if (w == warp) before = combine<kOp>(total, before);
    total = combine<kOp>(total, room[w]);
  }
  __syncthreads();
  return before;
}

constexpr int kTogether = 4;  // elements of a thread, side by side

template <class T, Reduction kOp>
__global__ void scan_rows(Lines<T, Accumulator<T, kOp>> s) {
  using A = Accumulator<T, kOp>;
  __shared__ A room[32];
  const int64_t units = s.lines * s.pieces, tile = int64_t{blockDim.x} * kTogether;
  for (int64_t u = blockIdx.x; u < units; u += gridDim.x) {
    const int64_t line = u / s.pieces, part = u - line * s.pieces, start = s.start(line);
    const int64_t first = part * s.piece;
    const int64_t last = first + s.piece < s.n ? first + s.piece : s.n;
    A carry = s.template before<kOp>(line, part);
    for (int64_t base = first; base < last; base += tile) {
      const int64_t i = base + int64_t{threadIdx.x} * kTogether;
      A a[kTogether];
      for (int k = 0; k < kTogether; ++k)
        a[k] = i + k < last ? static_cast<A>(s.x[start + (i + k) * s.inner]) : neutral<kOp, A>();
      for (int k = 1; k < kTogether; ++k) a[k] = combine<kOp>(a[k - 1], a[k]);
      A total;
      const A before = combine<kOp>(carry, block_scan<kOp>(a[kTogether - 1], room, total));
      if (s.out)
        for (int k = 0; k < kTogether; ++k)
          if (i + k < last)
            s.out[start + (i + k) * s.inner] = static_cast<T>(combine<kOp>(before, a[k]));
      carry = combine<kOp>(carry, total);
    }
    if (s.totals && threadIdx.x == 0) s.totals[u] = carry;
  }
}

// A thread for each piece of a line, next to those of the neighbouring lines.
template <class T, Reduction kOp>
__global__ void __launch_bounds__(kThreads) scan_columns(Lines<T, Accumulator<T, kOp>> s) {
  using A = Accumulator<T, kOp>;
  const int64_t units = s.lines * s.pieces, step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t u = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; u < units; u += step) {
    const int64_t part = u / s.lines, line = u - part * s.lines, start = s.start(line);
    const int64_t first = part * s.piece;
    const int64_t last = first + s.piece < s.n ? first + s.piece : s.n;
    A a = s.template before<kOp>(line, part);
    for (int64_t j = first; j < last; j += kTogether) {
      A x[kTogether];  // asked for before they are needed
      for (int k = 0; k < kTogether; ++k)
        x[k] = j + k < last ? static_cast<A>(s.x[start + (j + k) * s.inner]) : neutral<kOp, A>();
      for (int k = 0; k < kTogether; ++k) {
        if (j + k >= last) break;
        a = combine<kOp>(a, x[k]);
        if (s.out) s.out[start + (j + k) * s.inner] = static_cast<T>(a);
      }
    }
    if (s.totals) s.totals[line * s.pieces + part] = a;
  }
}

template <class T, Reduction kOp>
void start(const Lines<T, Accumulator<T, kOp>>& s, bool columns) {
  const int64_t units = s.lines * s.pieces, most = int64_t{32} * multiprocessors();
  if (columns) return launch("scan", scan_columns<T, kOp>, blocks_for(units), dim3(kThreads), 0, s);
  launch("scan", scan_rows<T, kOp>, dim3(static_cast<unsigned>(units < most ? units : most)),
         dim3(row_threads(s.piece)), 0, s);
}

template <class T, Reduction kOp>
void scan_all(const T* x, T* out, int64_t outer, int64_t n, int64_t inner) {
  using A = Accumulator<T, kOp>;
  Lines<T, A> s{x, out, nullptr, nullptr, n, inner, outer * inner, 1, n};
  const bool columns = inner >= 8;
  const int64_t least = columns ? 256 : 4096;  // of a piece
  const int64_t wanted = ceil_div(columns ? 2048 * 32 : 2048, s.lines);
  if (n > 4 * least && wanted > 1) {
    const int64_t fit = ceil_div(n, least);
    s.piece = ceil_div(n, fit < wanted ? fit : wanted);
    s.pieces = ceil_div(n, s.piece);
  }
  if (s.pieces == 1) return start<T, kOp>(s, columns);
  const Scratch room(static_cast<std::size_t>(s.lines * s.pieces) * sizeof(A));
  A* totals = room.as<A>();
  Lines<T, A> first = s;
  first.out = nullptr;
  first.totals = totals;
  start<T, kOp>(first, columns);
  start<A, kOp>({totals, totals, nullptr, nullptr, s.pieces, 1, s.lines, 1, s.pieces}, false);
  s.starts = totals;
  start<T, kOp>(s, columns);
}

}  // namespace

void scan(Reduction op, core::Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
          const void* x, void* out) {
  if (outer <= 0 || n <= 0 || inner <= 0) return;
  with_lane(lane, [&]<class T>() {
    const auto* from = static_cast<const T*>(x);
    auto* to = static_cast<T*>(out);
    switch (op) {
      case Reduction::sum: return scan_all<T, Reduction::sum>(from, to, outer, n, inner);
      case Reduction::prod: return scan_all<T, Reduction::prod>(from, to, outer, n, inner);
      case Reduction::max: return scan_all<T, Reduction::max>(from, to, outer, n, inner);
      case Reduction::min: return scan_all<T, Reduction::min>(from, to, outer, n, inner);
    }
  });
}

}  // namespace nnx::cuda
