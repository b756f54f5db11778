// The walk through the axes of an index space. Invariant: strides are in bytes.
#pragma once

#include "core/program.hpp"
#include "cuda/convert.hpp"
#include "cuda/device.hpp"

namespace nnx::cuda {

inline constexpr int kMaxPorts = core::kMaxInputs + core::kMaxResults;

// --- index spaces -----------------------------------------------------------------------------
// Division of numbers below 2^31 by a fixed one, as a product.
struct Divisor {
  std::uint32_t d = 1, factor = 1, shift = 0;
  Divisor() = default;
  explicit Divisor(std::int64_t n) : d(static_cast<std::uint32_t>(n)) {
    while ((std::uint64_t{1} << shift) < d) ++shift;
    factor = static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - d) << 32) / d + 1);
  }
  __device__ std::uint32_t divide(std::uint32_t n) const {
    return (__umulhi(n, factor) + n) >> shift;
  }
};

// Axes, innermost first. `wide` spaces have 2^31 elements or more and divide the slow way.
struct Space {
  int rank = 0, ports = 0;
  bool wide = false;
  int64_t count = 1;
  int64_t extent[core::kMaxRank];
  Divisor divisor[core::kMaxRank];
  int64_t stride[core::kMaxRank][kMaxPorts];

  // Offsets of element i in every port, added to `offset`.
  __device__ void locate(int64_t i, int64_t* offset) const {
    for (int a = 0; a < rank; ++a) {
      int64_t at = i;
      if (a + 1 < rank) {
        if (wide) {
          const int64_t q = i / extent[a];
          at = i - q * extent[a];
          i = q;
        } else {
          const std::uint32_t q = divisor[a].divide(static_cast<std::uint32_t>(i));
          at = i - int64_t{q} * extent[a];
          i = q;
        }
      }
      for (int p = 0; p < ports; ++p) offset[p] += at * stride[a][p];
    }
  }
  // An axis outside those there are, with a stride for each port; merged with the last where every
  // port allows it.
  void add(int64_t length, const int64_t* strides) {
    count *= length;
    if (length == 1) return;
    if (rank > 0) {
      bool one = true;
      for (int p = 0; p < ports; ++p) one &= strides[p] == stride[rank - 1][p] * extent[rank - 1];
      if (one) {
        extent[rank - 1] *= length;
        return;
      }
    }
    extent[rank] = length;
    for (int p = 0; p < ports; ++p) stride[rank][p] = strides[p];
    ++rank;
  }
  void finish() {
    wide = count >= (int64_t{1} << 31);
    for (int a = 0; a < rank && !wide && count > 0; ++a) divisor[a] = Divisor(extent[a]);
  }
};

constexpr int64_t bytes_of(DType t) { return static_cast<int64_t>(core::size_of(t)); }

#if defined(NNX_STANDIN)
inline char* dynamic_shared() { return standin::block().shared; }
#else
__device__ inline char* dynamic_shared() {
  extern __shared__ __align__(16) char nnx_shared[];
  return nnx_shared;
}
#endif

}  // namespace nnx::cuda
