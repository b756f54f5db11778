// One declaration over n adjacent elements: the kernel of a single op. Included by the
// pointwise_*.cu files, which split the lanes so that they compile at the same time.
// Every thread takes sixteen bytes of the lane at once where memory is aligned for it.
#pragma once

#include "cuda/device.hpp"
#include "cuda/pointwise.hpp"

namespace nnx::cuda {

struct Direct {
  int64_t count;
  const void* in[core::kMaxInputs];  // null: the value stands in `value`
  std::uint64_t value[core::kMaxInputs];
  void* out[core::kMaxResults];
  bool aligned;                    // all of them to sixteen bytes
  const unsigned long long* stop;  // in place: while this is not 0, nothing is written (faults.hpp)
};

// Several applications of one declaration: what an optimiser does to all parameters. Job j has the
// blocks from first_block[j] on.
inline constexpr int kBatch = 32;
struct Batch {
  int jobs = 0;
  unsigned first_block[kBatch + 1] = {};
  Direct job[kBatch];
};

// Whether the declaration has a kernel in that lane; launches it if it does. A batch of several
// jobs is one launch, for the declarations that are updates.
bool run_direct_f32(int declaration, Batch& batch);
bool run_direct_f64(int declaration, Batch& batch);
bool run_direct_int(int declaration, Lane lane, Batch& batch);
bool is_update(int declaration);

namespace {

template <class V>
using Stored =
    std::conditional_t<std::is_same_v<typename V::type, bool>, std::uint8_t, typename V::type>;

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T v[kCount];
};

template <class T, int kCount>
__device__ Pack<T, kCount> read(const void* p, int64_t i, int n, std::uint64_t value) {
  Pack<T, kCount> x;
  if (!p) {
    T one;
    memcpy(&one, &value, sizeof one);
    for (int k = 0; k < kCount; ++k) x.v[k] = one;
  } else if (n == kCount) {
    x = reinterpret_cast<const Pack<T, kCount>*>(static_cast<const T*>(p) + i)[0];
  } else {
    for (int k = 0; k < kCount; ++k)
      if (k < n) x.v[k] = static_cast<const T*>(p)[i + k];
  }
  return x;
}
template <class T, int kCount>
__device__ void write(void* p, int64_t i, int n, const Pack<T, kCount>& x) {
  if (n == kCount) {
    reinterpret_cast<Pack<T, kCount>*>(static_cast<T*>(p) + i)[0] = x;
  } else {
    for (int k = 0; k < kCount; ++k)
      if (k < n) static_cast<T*>(p)[i + k] = x.v[k];
  }
}

template <int id, int kCount, class... A, std::size_t... kArg>
__device__ void direct_step(const Direct& d, int64_t i, int n, std::type_identity<std::tuple<A...>>,
                            std::index_sequence<kArg...>) {
  const std::tuple<Pack<Stored<A>, kCount>...> in{
      read<Stored<A>, kCount>(d.in[kArg], i, n, d.value[kArg])...};
  using R = decltype(apply<id>(A(0)...));
  const auto results = [&]<class... V, std::size_t... kResult>(
                           std::type_identity<pointwise::Results<V...>>,
                           std::index_sequence<kResult...>) {
    std::tuple<Pack<Stored<V>, kCount>...> out;
    for (int k = 0; k < kCount; ++k) {
      if (k >= n) break;
      const auto y = apply<id>(A(std::get<kArg>(in).v[k])...);
      ((std::get<kResult>(out).v[k] = Stored<V>(pointwise::get<int(kResult)>(y).v)), ...);
    }
    (write<Stored<V>, kCount>(d.out[kResult], i, n, std::get<kResult>(out)), ...);
  };
  results(std::type_identity<R>{}, std::make_index_sequence<std::size_t(R::count)>{});
}

// The part of a job that block `block` of `blocks` takes.
template <int id, Lane lane>
__device__ void direct_walk(const Direct& d, unsigned block, unsigned blocks) {
  if (d.stop && *d.stop) return;
  constexpr int width = 16 / int(sizeof(Element<lane>)) < 4 ? 16 / int(sizeof(Element<lane>)) : 4;
  using A = Arguments<id, lane>;
  constexpr auto each = std::make_index_sequence<std::tuple_size_v<A>>{};
  const int64_t step = int64_t{blocks} * blockDim.x * width;
  int64_t i = (int64_t{block} * blockDim.x + threadIdx.x) * width;
  for (; i < d.count; i += step) {
    const int64_t left = d.count - i;
    if (d.aligned && left >= width) {
      direct_step<id, width>(d, i, width, std::type_identity<A>{}, each);
    } else {
      for (int k = 0; k < width && k < left; ++k)
        direct_step<id, 1>(d, i + k, 1, std::type_identity<A>{}, each);
    }
  }
}
template <int id, Lane lane>
__global__ void __launch_bounds__(kThreads) direct_kernel(const __grid_constant__ Direct d) {
  direct_walk<id, lane>(d, blockIdx.x, gridDim.x);
}
template <int id, Lane lane>
__global__ void __launch_bounds__(kThreads) batch_kernel(const __grid_constant__ Batch batch) {
  int j = 0;
  while (blockIdx.x >= batch.first_block[j + 1]) ++j;
  const unsigned first = batch.first_block[j];
  direct_walk<id, lane>(batch.job[j], blockIdx.x - first, batch.first_block[j + 1] - first);
}

struct DirectKernels {
  void (*one)(Direct) = nullptr;
  void (*batch)(Batch) = nullptr;  // of updates
};
template <Lane lane, int... ids>
DirectKernels find_direct(int declaration, std::integer_sequence<int, ids...>) {
  constexpr auto kernels = []<int id>() -> DirectKernels {
    if constexpr (!covers<id>(lane)) return {};
    else if constexpr (kUpdate<id>) return {&direct_kernel<id, lane>, &batch_kernel<id, lane>};
    else return {&direct_kernel<id, lane>};
  };
  static const DirectKernels table[] = {kernels.template operator()<ids>()...};
  return table[declaration];
}
template <Lane lane>
bool run_direct(int declaration, Batch& batch) {
  const DirectKernels kernels =
      find_direct<lane>(declaration, std::make_integer_sequence<int, kDeclarations>{});
  if (!kernels.one) return false;
  const auto blocks = [](const Direct& d) { return blocks_for(ceil_div(d.count, 4)); };
  if (batch.jobs == 1) {
    launch("pointwise", kernels.one, blocks(batch.job[0]), dim3(kThreads), 0, batch.job[0]);
    return true;
  }
  for (int j = 0; j < batch.jobs; ++j)
    batch.first_block[j + 1] = batch.first_block[j] + blocks(batch.job[j]).x;
  launch("update", kernels.batch, dim3(batch.first_block[batch.jobs]), dim3(kThreads), 0, batch);
  return true;
}

}  // namespace
}  // namespace nnx::cuda
