// argmax and argmin over the middle axis of (outer, n, inner), and the range of integers.
// Two ways, as in reduce.cu: a block for each output, or, where neighbouring outputs are neighbours
// in memory, a thread for each. Few long searches are cut into pieces, whose winners meet in a
// second pass.
// Invariant: of two candidates a NaN wins, then the better value, then the first position; that
// order is total, so how the work is cut cannot be seen.
#include <limits>
#include <type_traits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

constexpr int64_t kNowhere = std::numeric_limits<int64_t>::max();

template <class T>
struct Best {
  T value;
  int64_t index;
};

template <bool kMax, class T>
__device__ Best<T> none() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>)
    return {kMax ? -Limits::infinity() : Limits::infinity(), kNowhere};
  else return {kMax ? Limits::lowest() : Limits::max(), kNowhere};
}

template <bool kMax, class T>
__device__ Best<T> better(Best<T> a, Best<T> b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  const bool a_wins = a_nan ? !b_nan : kMax ? a.value > b.value : a.value < b.value;
  const bool b_wins = b_nan ? !a_nan : kMax ? b.value > a.value : b.value < a.value;
  return a_wins || (!b_wins && a.index < b.index) ? a : b;
}

// The best of the block, in its first warp. `room` is shared memory for 32.
template <bool kMax, class T>
__device__ Best<T> block_best(Best<T> x, Best<T>* room) {
  const auto fold = [](Best<T> a) {
    for (unsigned by = 16; by > 0; by /= 2)
      a = better<kMax>(a, Best<T>{T(__shfl_xor_sync(kAllLanes, a.value, by)),
                                  __shfl_xor_sync(kAllLanes, a.index, by)});
    return a;
  };
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int warps = int(blockDim.x) / 32;
  x = fold(x);
  if (warps == 1) return x;
  if (lane == 0) room[warp] = x;
  __syncthreads();
  x = fold(lane < warps ? room[lane] : none<kMax, T>());
  __syncthreads();
  return x;
}

template <class T>
struct Search {
  const T* x;
  const int64_t* index;  // of each element, or null: its place along the axis
  int64_t n, inner, outputs;
  int64_t pieces, piece;  // of the n of each output, and elements of one
  T* best;                // of each piece, with its position in `out`; null where there is one
  int64_t* out;

  __device__ int64_t start(int64_t o) const { return o / inner * n * inner + o % inner; }
  __device__ Best<T> at(int64_t start, int64_t j) const {
    const int64_t i = start + j * inner;
    return {x[i], index ? index[i] : j};
  }
  __device__ void store(int64_t o, int64_t part, Best<T> b) const {
    const int64_t u = o * pieces + part;
    out[u] = b.index;
    if (best) best[u] = b.value;
  }
};

template <bool kMax, class T>
__global__ void extreme_rows(Search<T> s) {
  __shared__ Best<T> room[32];
  const int64_t units = s.outputs * s.pieces;
  for (int64_t u = blockIdx.x; u < units; u += gridDim.x) {
    const int64_t o = u / s.pieces, part = u - o * s.pieces, start = s.start(o);
    const int64_t first = part * s.piece;
    const int64_t last = first + s.piece < s.n ? first + s.piece : s.n;
    Best<T> b = none<kMax, T>();
    for (int64_t j = first + threadIdx.x; j < last; j += blockDim.x)
      b = better<kMax>(b, s.at(start, j));
    b = block_best<kMax>(b, room);
    if (threadIdx.x == 0) s.store(o, part, b);
  }
}

// Blocks of 32 outputs by 8 rows of threads; grid.y counts pieces.
constexpr int kColumns = 32, kRows = 8;
template <bool kMax, class T>
__global__ void extreme_columns(Search<T> s) {
  __shared__ Best<T> room[kRows][kColumns];
  const int column = int(threadIdx.x) % kColumns, row = int(threadIdx.x) / kColumns;
  const int64_t first = int64_t{blockIdx.y} * s.piece;
  const int64_t last = first + s.piece < s.n ? first + s.piece : s.n;
  for (int64_t base = int64_t{blockIdx.x} * kColumns; base < s.outputs;
       base += int64_t{gridDim.x} * kColumns) {
    const int64_t o = base + column;
    Best<T> b = none<kMax, T>();
    if (o < s.outputs) {
      const int64_t start = s.start(o);
      for (int64_t j = first + row; j < last; j += kRows) b = better<kMax>(b, s.at(start, j));
    }
    room[row][column] = b;
    __syncthreads();
    if (row == 0 && o < s.outputs) {
      for (int k = 1; k < kRows; ++k) b = better<kMax>(b, room[k][column]);
      s.store(o, blockIdx.y, b);
    }
    __syncthreads();
  }
}

template <bool kMax, class T>
void start(const Search<T>& s, bool columns) {
  if (columns) {
    dim3 grid = blocks_for(s.outputs, kColumns);
    grid.y = static_cast<unsigned>(s.pieces);
    return launch("argmax", extreme_columns<kMax, T>, grid, dim3(kColumns * kRows), 0, s);
  }
  const int64_t units = s.outputs * s.pieces, most = int64_t{32} * multiprocessors();
  launch("argmax", extreme_rows<kMax, T>, dim3(static_cast<unsigned>(units < most ? units : most)),
         dim3(row_threads(s.piece)), 0, s);
}

template <bool kMax, class T>
void search(Search<T> s) {
  const bool columns = s.inner >= 8;
  const int64_t least = columns ? 256 : 4096;  // of a piece
  const int64_t wanted = ceil_div(columns ? 2048 * kColumns : 2048, s.outputs);
  s.pieces = 1;
  s.piece = s.n;
  if (s.n > 2 * least && wanted > 1) {
    const int64_t fit = ceil_div(s.n, least);
    s.piece = ceil_div(s.n, fit < wanted ? fit : wanted);
    s.pieces = ceil_div(s.n, s.piece);
  }
  if (s.pieces == 1) return start<kMax>(s, columns);
  const auto winners = static_cast<std::size_t>(s.outputs * s.pieces);
  const Scratch values(winners * sizeof(T)), positions(winners * sizeof(int64_t));
  Search<T> first = s;
  first.best = values.as<T>();
  first.out = positions.as<int64_t>();
  start<kMax>(first, columns);
  start<kMax>(Search<T>{first.best, first.out, s.pieces, 1, s.outputs, 1, s.pieces, nullptr, s.out},
              false);
}

// Blocks write the range of what they saw.
__global__ void range_kernel(int64_t n, const int64_t* lows, const int64_t* highs, int64_t* lo,
                             int64_t* hi) {
  __shared__ int64_t room[32];
  int64_t low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) {
    low = Min{}(low, lows[i]);
    high = Max{}(high, highs[i]);
  }
  low = block_fold(low, std::numeric_limits<int64_t>::max(), room, Min{});
  high = block_fold(high, std::numeric_limits<int64_t>::min(), room, Max{});
  if (threadIdx.x == 0) {
    lo[blockIdx.x] = low;
    hi[blockIdx.x] = high;
  }
}

}  // namespace

void arg_extreme(bool max, core::Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
                 const void* x, std::int64_t* out) {
  if (outer <= 0 || n <= 0 || inner <= 0) return;
  with_lane(lane, [&]<class T>() {
    const Search<T> s{
        static_cast<const T*>(x), nullptr, n, inner, outer * inner, 1, n, nullptr, out};
    if (max) search<true>(s);
    else search<false>(s);
  });
}

void index_range(std::int64_t n, const std::int64_t* index, std::int64_t* lo, std::int64_t* hi) {
  const dim3 grid = blocks_for(ceil_div(n, 8)), block(kThreads);
  const auto blocks = int64_t{grid.x};
  const Scratch room(static_cast<std::size_t>(2 * blocks + 2) * sizeof(int64_t));
  int64_t *range = room.as<int64_t>(), *lows = range + 2, *highs = lows + blocks;
  launch("index", range_kernel, grid, block, 0, n, index, index, lows, highs);
  launch("index", range_kernel, dim3(1), block, 0, blocks, static_cast<const int64_t*>(lows),
         static_cast<const int64_t*>(highs), range, range + 1);
  int64_t found[2];
  read_back(found, range, sizeof found, "index");
  *lo = found[0];
  *hi = found[1];
}

}  // namespace nnx::cuda
