// Batch normalisation and its gradient over (n, channels, length).
// A channel's values are cut into pieces by their number alone; a block takes one, and a thread for
// each channel joins them in order. Mean and variance are double, as on the CPU.
#include "cuda/kernels_decl.hpp"
#include "cuda/moments.hpp"

namespace nnx::cuda {
namespace {

using Job = core::BatchNormJob;

struct Pieces {
  int64_t count, pieces, piece;  // values of a channel
  explicit Pieces(const Job& job) : count(job.n * job.length) {
    pieces = ceil_div(count, 8192) < 64 ? ceil_div(count, 8192) : 64;
    piece = ceil_div(count, pieces);
    pieces = ceil_div(count, piece);
  }
};

// Value e of a channel.
__device__ inline int64_t place_of(const Job& job, int64_t channel, int64_t e) {
  const int64_t sample = e / job.length;
  return (sample * job.channels + channel) * job.length + (e - sample * job.length);
}

template <class T>
__global__ void statistics_kernel(Job job, Pieces p, const T* x, Moments* parts) {
  __shared__ T room[32];
  const int64_t channel = blockIdx.x, first = int64_t{blockIdx.y} * p.piece;
  const int64_t count = first + p.piece < p.count ? p.piece : p.count - first;
  const Row<false> r;
  const Moments m =
      moments_of(r, count, room, [&](int64_t i) { return x[place_of(job, channel, first + i)]; });
  if (threadIdx.x == 0) parts[channel * p.pieces + blockIdx.y] = m;
}
__global__ void join_kernel(Job job, Pieces p, const Moments* parts) {
  const int64_t channel = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (channel >= job.channels) return;
  Moments m{0, 0, 0};
  for (int64_t k = 0; k < p.pieces; ++k) m = joined(m, parts[channel * p.pieces + k]);
  job.mean[channel] = m.mean;
  job.var[channel] = m.m2 / m.count;
}

// What a channel's values are moved and scaled by.
template <class T>
struct Channel {
  T mean, lack;
  double deviation;  // 1 / sqrt(var + eps)
  T scale;
  __device__ Channel(const Job& job, int64_t c)
      : mean(static_cast<T>(job.mean[c])),
        lack(static_cast<T>(job.mean[c] - static_cast<double>(mean))),
        deviation(1.0 / ::sqrt(job.var[c] + job.eps)),
        scale(static_cast<T>(
            deviation *
            (job.weight ? static_cast<double>(static_cast<const T*>(job.weight)[c]) : 1.0))) {}
};

template <class T>
__global__ void apply_kernel(Job job, const T* x, T* y) {
  const int64_t total = job.n * job.channels * job.length;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total;
       i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t c = i / job.length % job.channels;
    const Channel<T> channel(job, c);
    const T bias = job.bias ? static_cast<const T*>(job.bias)[c] : T(0);
    y[i] = ((x[i] - channel.mean) - channel.lack) * channel.scale + bias;
  }
}

struct Sums {
  double g, gd;
};
template <class T>
__global__ void sums_kernel(Job job, Pieces p, const T* x, const T* g, Sums* parts) {
  __shared__ T room[32];
  const int64_t channel = blockIdx.x, first = int64_t{blockIdx.y} * p.piece;
  const int64_t last = first + p.piece < p.count ? first + p.piece : p.count;
  const Channel<T> own(job, channel);
  Compensated<T> sum, with_deviation;
  for (int64_t e = first + threadIdx.x; e < last; e += blockDim.x) {
    const int64_t i = place_of(job, channel, e);
    sum.add(g[i]);
    with_deviation.add(g[i] * ((x[i] - own.mean) - own.lack));
  }
  const T a = block_fold(sum.value(), T(0), room, Sum{});
  const T b = block_fold(with_deviation.value(), T(0), room, Sum{});
  if (threadIdx.x == 0)
    parts[channel * p.pieces + blockIdx.y] = {static_cast<double>(a), static_cast<double>(b)};
}
template <class T>
__global__ void join_sums_kernel(Job job, Pieces p, const Sums* parts, Sums* sums, T* dweight,
                                 T* dbias) {
  const int64_t c = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (c >= job.channels) return;
  Sums s{0, 0};
  for (int64_t k = 0; k < p.pieces; ++k) {
    s.g += parts[c * p.pieces + k].g;
    s.gd += parts[c * p.pieces + k].gd;
  }
  sums[c] = s;
  if (dweight) dweight[c] = static_cast<T>(s.gd / ::sqrt(job.var[c] + job.eps));
  if (dbias) dbias[c] = static_cast<T>(s.g);
}
// dx = (g - mean(g) - (x - mean) mean(g (x - mean)) / (var + eps)) scale
template <class T>
__global__ void input_kernel(Job job, const T* x, const T* g, const Sums* sums, T* dx) {
  const int64_t total = job.n * job.channels * job.length;
  const double share = 1.0 / static_cast<double>(job.n * job.length);
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total;
       i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t c = i / job.length % job.channels;
    const Channel<T> own(job, c);
    T value = g[i];
    if (job.batch) {
      const T mean_g = static_cast<T>(sums[c].g * share);
      const T slope = static_cast<T>(sums[c].gd * share / (job.var[c] + job.eps));
      value = (value - mean_g) - ((x[i] - own.mean) - own.lack) * slope;
    }
    dx[i] = value * own.scale;
  }
}

unsigned blocks_of_channels(const Job& job) {
  return static_cast<unsigned>(ceil_div(job.channels, kThreads));
}

}  // namespace

void batch_norm(const Job& job, void* y) {
  if (job.n * job.channels * job.length == 0) return;
  with_float(job.lane, [&]<class T>() {
    const auto* x = static_cast<const T*>(job.x);
    if (job.batch) {
      const Pieces p(job);
      const Scratch parts(static_cast<std::size_t>(job.channels * p.pieces) * sizeof(Moments));
      launch("batch_norm", statistics_kernel<T>,
             dim3(static_cast<unsigned>(job.channels), static_cast<unsigned>(p.pieces)),
             dim3(row_threads(p.piece)), 0, job, p, x, parts.as<Moments>());
      launch("batch_norm", join_kernel, dim3(blocks_of_channels(job)), dim3(kThreads), 0, job, p,
             static_cast<const Moments*>(parts.as<Moments>()));
    }
    launch("batch_norm", apply_kernel<T>, blocks_for(job.n * job.channels * job.length),
           dim3(kThreads), 0, job, x, static_cast<T*>(y));
  });
}

void batch_norm_backward(const Job& job, const void* g, void* dx, void* dweight, void* dbias) {
  if (job.n * job.channels * job.length == 0) return;
  with_float(job.lane, [&]<class T>() {
    const auto *x = static_cast<const T*>(job.x), *grad = static_cast<const T*>(g);
    const Pieces p(job);
    const Scratch room(static_cast<std::size_t>(job.channels * (p.pieces + 1)) * sizeof(Sums));
    Sums *parts = room.as<Sums>(), *sums = parts + job.channels * p.pieces;
    if (job.batch || dweight || dbias) {
      launch("batch_norm", sums_kernel<T>,
             dim3(static_cast<unsigned>(job.channels), static_cast<unsigned>(p.pieces)),
             dim3(row_threads(p.piece)), 0, job, p, x, grad, parts);
      launch("batch_norm", join_sums_kernel<T>, dim3(blocks_of_channels(job)), dim3(kThreads), 0,
             job, p, static_cast<const Sums*>(parts), sums, static_cast<T*>(dweight),
             static_cast<T*>(dbias));
    }
    if (dx)
      launch("batch_norm", input_kernel<T>, blocks_for(job.n * job.channels * job.length),
             dim3(kThreads), 0, job, x, grad, static_cast<const Sums*>(sums), static_cast<T*>(dx));
  });
}

}  // namespace nnx::cuda
