// Random draws: Philox4x32-10 by a thread for every block of four words, and core/draws.hpp's maps.
// Invariant: element i depends on (key, offset, i) alone, in the way runtime/random.hpp states.
#include <cmath>

#include "core/draws.hpp"
#include "cuda/device.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::RandomJob;
namespace draws = core::draws;

struct Words {
  std::uint32_t w[4];
  __device__ std::uint64_t draw(int i) const {
    return w[2 * i] | std::uint64_t{w[2 * i + 1]} << 32;
  }
};
__device__ inline Words philox(std::uint64_t key, std::uint64_t counter) {
  std::uint32_t a = static_cast<std::uint32_t>(counter),
                b = static_cast<std::uint32_t>(counter >> 32);
  std::uint32_t c = 0, d = 0;
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < draws::kRounds; ++round) {
    const std::uint64_t p0 = draws::kMultiplier0 * a, p1 = draws::kMultiplier1 * c;
    a = static_cast<std::uint32_t>(p1 >> 32) ^ b ^ k0;
    b = static_cast<std::uint32_t>(p1);
    c = static_cast<std::uint32_t>(p0 >> 32) ^ d ^ k1;
    d = static_cast<std::uint32_t>(p0);
    k0 += draws::kWeyl0;
    k1 += draws::kWeyl1;
  }
  return {{a, b, c, d}};
}

// map(words, out): four or two elements of a block.
template <class T>
struct Uniform {
  static constexpr int each = sizeof(T) == 4 ? 4 : 2;
  draws::Interval<T> to;
  __device__ void operator()(const Words& words, T* out) const {
    for (int i = 0; i < each; ++i) {
      if constexpr (sizeof(T) == 4)
        out[i] = to(static_cast<float>(static_cast<std::int32_t>(words.w[i] >> 8)) * 0x1p-24f);
      else out[i] = to(draws::to_double(words.draw(i) >> 11) * 0x1p-53);
    }
  }
};
template <class T>
struct Normal {
  static constexpr int each = sizeof(T) == 4 ? 4 : 2;
  T mean, deviation;
  __device__ void operator()(const Words& words, T* out) const {
    if constexpr (sizeof(T) == 4) {
      for (int i = 0; i < 2; ++i) {
        const auto z = draws::normal_pair(words.w[2 * i], words.w[2 * i + 1]);
        out[2 * i] = mean + deviation * z.x;
        out[2 * i + 1] = mean + deviation * z.y;
      }
    } else {
      const auto z = draws::normal_pair(words.draw(0), words.draw(1));
      out[0] = mean + deviation * z.x;
      out[1] = mean + deviation * z.y;
    }
  }
};
struct Integers {
  static constexpr int each = 2;
  std::uint64_t lo, range;
  __device__ void operator()(const Words& words, std::int64_t* out) const {
    for (int i = 0; i < 2; ++i)
      out[i] = static_cast<std::int64_t>(lo + __umul64hi(words.draw(i), range));
  }
};
struct Bernoulli {
  static constexpr int each = 4;
  std::uint32_t below;
  __device__ void operator()(const Words& words, std::uint8_t* out) const {
    for (int i = 0; i < 4; ++i) out[i] = words.w[i] < below;
  }
};
struct Bits {
  static constexpr int each = 2;
  __device__ void operator()(const Words& words, std::uint64_t* out) const {
    for (int i = 0; i < 2; ++i) out[i] = words.draw(i);
  }
};

template <class T, class Map>
__global__ void __launch_bounds__(kThreads)
    fill_kernel(core::RandomStream stream, int64_t count, Map map, T* out) {
  const int64_t blocks = ceil_div(count, Map::each);
  for (int64_t b = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; b < blocks;
       b += int64_t{gridDim.x} * blockDim.x) {
    T values[Map::each];
    map(philox(stream.key, stream.offset + static_cast<std::uint64_t>(b)), values);
    for (int i = 0; i < Map::each; ++i)
      if (b * Map::each + i < count) out[b * Map::each + i] = values[i];
  }
}
template <class T, class Map>
void fill(const RandomJob& job, Map map) {
  launch("random", fill_kernel<T, Map>, blocks_for(ceil_div(job.count, Map::each)), dim3(kThreads),
         0, job.stream, job.count, map, static_cast<T*>(job.out));
}

void bernoulli(const RandomJob& job) {
  const double scaled = std::nearbyint(job.a * 0x1p32);
  if (!(scaled > 0) || scaled >= 0x1p32) {
    check(cudaMemsetAsync(job.out, scaled > 0, static_cast<std::size_t>(job.count), stream()),
          "random");
    return;
  }
  fill<std::uint8_t>(job, Bernoulli{static_cast<std::uint32_t>(scaled)});
}

}  // namespace

void random(const RandomJob& job) {
  using core::Distribution;
  if (job.count == 0) return;
  switch (job.kind) {
    case Distribution::bits: return fill<std::uint64_t>(job, Bits{});
    case Distribution::integers:
      return fill<std::int64_t>(
          job, Integers{static_cast<std::uint64_t>(job.lo),
                        static_cast<std::uint64_t>(job.hi) - static_cast<std::uint64_t>(job.lo)});
    case Distribution::bernoulli: return bernoulli(job);
    case Distribution::uniform:
      return with_float(job.lane, [&]<class T>() { fill<T>(job, Uniform<T>{{job.a, job.b}}); });
    case Distribution::normal:
      return with_float(job.lane, [&]<class T>() {
        fill<T>(job, Normal<T>{static_cast<T>(job.a), static_cast<T>(job.b)});
      });
  }
}

}  // namespace nnx::cuda
