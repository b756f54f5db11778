// New values and placements: ramps, triangles, one-hot rows, tensors side by side.
#include "cuda/device.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::RampJob;

template <class T>
__global__ void ramp_kernel(RampJob job, T* out) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < job.count;
       i += int64_t{gridDim.x} * blockDim.x) {
    if constexpr (std::is_same_v<T, std::int64_t>) {
      out[i] = static_cast<T>(static_cast<std::uint64_t>(job.whole_start) +
                              static_cast<std::uint64_t>(i) *
                                  static_cast<std::uint64_t>(job.whole_step));
    } else {
      const bool last = job.closed && job.count > 1 && i == job.count - 1;
      out[i] = static_cast<T>(last ? job.stop : job.start + static_cast<double>(i) * job.step);
    }
  }
}

template <class U>
__global__ void triangle_kernel(bool upper, int64_t total, int64_t rows, int64_t columns, int64_t k,
                                const U* x, U* out) {
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < total;
       t += int64_t{gridDim.x} * blockDim.x) {
    const int64_t column = t % columns, row = t / columns % rows;
    const bool kept = upper ? column - row >= k : column - row <= k;
    out[t] = kept ? x[t] : U(0);
  }
}

__global__ void one_hot_kernel(int64_t n, int64_t classes, const std::int64_t* labels,
                               std::int64_t* out) {
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < n * classes;
       t += int64_t{gridDim.x} * blockDim.x)
    out[t] = labels[t / classes] == t % classes;
}

}  // namespace

void ramp(const RampJob& job) {
  if (job.count == 0) return;
  const auto start = [&]<class T>() {
    launch("arange", ramp_kernel<T>, blocks_for(job.count), dim3(kThreads), 0, job,
           static_cast<T*>(job.out));
  };
  if (job.lane == Lane::i64) start.template operator()<std::int64_t>();
  else with_float(job.lane, start);
}

void triangle(bool upper, std::int64_t size, std::int64_t batch, std::int64_t rows,
              std::int64_t columns, std::int64_t k, const void* x, void* out) {
  const int64_t total = batch * rows * columns;
  if (total == 0) return;
  const auto start = [&]<class U>() {
    launch("tril", triangle_kernel<U>, blocks_for(total), dim3(kThreads), 0, upper, total, rows,
           columns, k, static_cast<const U*>(x), static_cast<U*>(out));
  };
  switch (size) {
    case 1: return start.template operator()<std::uint8_t>();
    case 2: return start.template operator()<std::uint16_t>();
    case 4: return start.template operator()<std::uint32_t>();
    default: return start.template operator()<std::uint64_t>();
  }
}

void one_hot(std::int64_t n, std::int64_t classes, const std::int64_t* labels, std::int64_t* out) {
  if (n * classes == 0) return;
  launch("one_hot", one_hot_kernel, blocks_for(n * classes), dim3(kThreads), 0, n, classes, labels,
         out);
}

void join(const core::JoinJob& job, void* out) {
  std::int64_t whole = 0;
  for (std::int64_t p = 0; p < job.parts; ++p) whole += job.row[p];
  std::int64_t at = 0;
  for (std::int64_t p = 0; p < job.parts; ++p) {
    const auto row = static_cast<std::size_t>(job.row[p]);
    if (row && job.outer)
      check(cudaMemcpy2DAsync(static_cast<char*>(out) + at, static_cast<std::size_t>(whole),
                              job.part[p], row, row, static_cast<std::size_t>(job.outer),
                              cudaMemcpyDefault, stream()),
            "concatenate");
    at += job.row[p];
  }
  launched("concatenate");
}

}  // namespace nnx::cuda
