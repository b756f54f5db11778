// Folds across the threads of a block or warp, in a fixed tree.
#pragma once

#include "cuda/device.hpp"

namespace nnx::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

template <class T, class Op>
__device__ T warp_fold(T x, Op op) {
  for (unsigned by = 16; by > 0; by /= 2) x = op(x, __shfl_xor_sync(kAllLanes, x, by));
  return x;
}

// The fold of x over all threads, in every one of them. Blocks are whole warps. `room` is shared
// memory for 32 values and may be used again after the call.
template <class T, class Op>
__device__ T block_fold(T x, T neutral, T* room, Op op) {
  x = warp_fold(x, op);
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int warps = int(blockDim.x) / 32;
  if (warps == 1) return x;
  if (lane == 0) room[warp] = x;
  __syncthreads();
  x = lane < warps ? room[lane] : neutral;
  x = warp_fold(x, op);
  __syncthreads();
  return x;
}

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
// NaN propagates.
struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a != a || a > b ? a : b;
  }
};
struct Min {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a != a || a < b ? a : b;
  }
};

// A running sum with what its roundings lost.
template <class T>
struct Compensated {
  T sum = 0, lost = 0;
  __device__ void add(T x) {
    const T s = sum + x, back = s - sum;
    lost += (sum - (s - back)) + (x - back);
    sum = s;
  }
  __device__ T value() const {
    // An infinite sum has no error worth adding.
    const T whole = sum + lost;
    return whole == whole ? whole : sum;
  }
};

// Rows of n elements, each walked by a warp (short ones, eight rows a block) or by a block.
template <bool kWarp>
struct Row {
  int64_t row, step;  // the first one of this thread, and how far its next is
  int at;             // of the elements this thread takes the first; then every `width`th
  int width;
  __device__ Row()
      : row(kWarp ? int64_t{blockIdx.x} * blockDim.y + threadIdx.y : int64_t{blockIdx.x}),
        step(kWarp ? int64_t{gridDim.x} * blockDim.y : int64_t{gridDim.x}),
        at(int(threadIdx.x)),
        width(int(blockDim.x)) {}
  template <class T, class Op>
  __device__ T fold(T x, T neutral, T* room, Op op) const {
    if constexpr (kWarp) return warp_fold(x, op);
    else return block_fold(x, neutral, room, op);
  }
};
inline constexpr int64_t kWarpRow = 1024;  // longest row of a warp

// kernel<kWarp>(args...) over `rows` rows of n elements.
template <class... P, class... A>
void launch_rows(const char* op, void (*warp_kernel)(P...), void (*block_kernel)(P...),
                 int64_t rows, int64_t n, A... args) {
  if (n <= kWarpRow) return launch(op, warp_kernel, blocks_for(rows * 32), dim3(32, 8), 0, args...);
  const int64_t most = int64_t{32} * multiprocessors();
  launch(op, block_kernel, dim3(static_cast<unsigned>(rows < most ? rows : most)), dim3(kThreads),
         0, args...);
}

// Threads for a row of n elements: a power of two of whole warps.
inline unsigned row_threads(int64_t n) {
  unsigned threads = 32;
  while (threads < 256 && threads * 4 < n) threads *= 2;
  return threads;
}

}  // namespace nnx::cuda
