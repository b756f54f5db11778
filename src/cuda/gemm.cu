// Matrix products. cuBLASLt does them where it is installed (gemm_library.cu); otherwise, and for
// integers, blocks of 64 x 64 results through tiles in shared memory.
// Invariant: the order of sums depends on k alone.
#include "cuda/device.hpp"
#include "cuda/gemm_library.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::GemmJob;

constexpr int kTile = 64, kDepth = 16, kEach = 4;  // each of 16 x 16 threads has 4 x 4 results

template <class T>
__device__ T multiply_add(T a, T b, T c) {
  if constexpr (std::is_same_v<T, float>) return ::fmaf(a, b, c);
  else if constexpr (std::is_same_v<T, double>) return ::fma(a, b, c);
  else
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) +
                          static_cast<std::uint64_t>(c));
}

template <class T>
__global__ void __launch_bounds__(256) gemm_kernel(GemmJob job) {
  __shared__ T as[kDepth][kTile + 1], bs[kDepth][kTile + 1];
  const int thread = int(threadIdx.x), tx = thread % 16, ty = thread / 16;
  for (int64_t batch = blockIdx.z; batch < job.batch; batch += gridDim.z) {
    const T* a = static_cast<const T*>(job.a) + batch * job.a_batch;
    const T* b = static_cast<const T*>(job.b) + batch * job.b_batch;
    T* c = static_cast<T*>(job.c) + batch * job.c_batch;
    const int64_t rows = ceil_div(job.m, kTile), columns = ceil_div(job.n, kTile);
    for (int64_t block = blockIdx.x; block < rows * columns; block += gridDim.x) {
      const int64_t row0 = block / columns * kTile, column0 = block % columns * kTile;
      T sum[kEach][kEach] = {};
      for (int64_t k0 = 0; k0 < job.k; k0 += kDepth) {
        // Neighbouring threads read what is adjacent in memory.
        for (int e = thread; e < kTile * kDepth; e += 256) {
          const bool by_row = job.a_col == 1;
          const int i = by_row ? e / kDepth : e % kTile, k = by_row ? e % kDepth : e / kTile;
          const int64_t row = row0 + i, depth = k0 + k;
          as[k][i] = row < job.m && depth < job.k ? a[row * job.a_row + depth * job.a_col] : T(0);
        }
        for (int e = thread; e < kTile * kDepth; e += 256) {
          const bool by_row = job.b_row == 1;
          const int j = by_row ? e / kDepth : e % kTile, k = by_row ? e % kDepth : e / kTile;
          const int64_t column = column0 + j, depth = k0 + k;
          bs[k][j] =
              column < job.n && depth < job.k ? b[depth * job.b_row + column * job.b_col] : T(0);
        }
        __syncthreads();
        const int depth = job.k - k0 < kDepth ? int(job.k - k0) : kDepth;
        for (int k = 0; k < depth; ++k) {
          T left[kEach], right[kEach];
          for (int i = 0; i < kEach; ++i) left[i] = as[k][ty + 16 * i];
          for (int j = 0; j < kEach; ++j) right[j] = bs[k][tx + 16 * j];
          for (int i = 0; i < kEach; ++i)
            for (int j = 0; j < kEach; ++j) sum[i][j] = multiply_add(left[i], right[j], sum[i][j]);
        }
        __syncthreads();
      }
      for (int i = 0; i < kEach; ++i)
        for (int j = 0; j < kEach; ++j) {
          const int64_t row = row0 + ty + 16 * i, column = column0 + tx + 16 * j;
          if (row >= job.m || column >= job.n) continue;
          T value = sum[i][j];
          T& to = c[row * job.c_row + column];
          if (job.accumulate) value = value + to;
          if (job.bias) value = value + static_cast<const T*>(job.bias)[column];
          to = value;
        }
    }
  }
}

template <class T>
void multiply(const GemmJob& job) {
  const int64_t blocks = ceil_div(job.m, kTile) * ceil_div(job.n, kTile);
  const dim3 grid(static_cast<unsigned>(blocks < (1 << 30) ? blocks : 1 << 30), 1,
                  static_cast<unsigned>(job.batch < 65535 ? job.batch : 65535));
  launch("matmul", gemm_kernel<T>, grid, dim3(256), 0, job);
}

// job.activation over c in place.
void activate(const GemmJob& job, Lane lane) {
  if (job.activation < 0) return;
  core::Program p;
  p.inputs = p.outputs = 1;
  p.registers = 2;
  p.width = static_cast<std::uint8_t>(core::size_of(lane));
  p.in_lane[0] = p.out_lane[0] = lane;
  p.out_reg[0] = 1;
  core::Instr apply;
  apply.lane = lane;
  apply.function = static_cast<std::uint16_t>(job.activation);
  apply.arity = 1;
  apply.src[0] = 0;
  apply.dst[0] = 1;
  p.code.push_back(apply);
  core::TileJob whole;
  whole.program = &p;
  whole.shape = core::Shape{job.batch, job.m, job.n};
  whole.in[0] =
      whole.out[0] = {job.c, core::storage_of(lane), core::Dims{job.c_batch, job.c_row, 1}};
  run(&whole, 1);
}

template <class T>
void gemm(const GemmJob& job, Lane lane) {
  if (job.m == 0 || job.n == 0 || job.batch == 0) return;
  if (!multiply_by_library(job, lane)) multiply<T>(job);
  activate(job, lane);
}

}  // namespace

void gemm_f32(const GemmJob& job) { gemm<float>(job, Lane::f32); }
void gemm_f64(const GemmJob& job) { gemm<double>(job, Lane::f64); }
void matmul_i64(const GemmJob& job) {
  if (job.m == 0 || job.n == 0 || job.batch == 0) return;
  multiply<std::int64_t>(job);
}

}  // namespace nnx::cuda
