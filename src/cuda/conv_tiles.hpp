// Convolution as a product of matrices that are never written down: a block makes a tile of rows by
// columns, and looks up each number of its factors where it stands in the image.
//   gather   rows: channels of the result, columns: its pixels, terms: taps, factors: weights
//   weight   rows: channels of y, columns: taps, terms: pixels of y, factors: y
// Both factors of kTerms terms at a time lie in shared memory; the next ones are on their way in
// registers meanwhile. Every thread holds the sums of a small square.
// Invariants: terms are added in their order; blocks depend on the shape alone. Weights are summed
// over `pieces` ranges of pixels, one result after another.
#pragma once

#include "cuda/conv_geometry.hpp"

namespace nnx::cuda::convolution {

inline constexpr int kTerms = 16;  // of a step
inline constexpr int kSide = 16;   // threads of a block are kSide x kSide
static_assert(kSide * kSide == kThreads && kThreads % kTerms == 0);

template <class T, class I>
struct Task {
  Geometry<I> geometry;
  const T *factors, *source;
  const T* bias;  // of each row, or null
  T* out;
  int64_t factor_group, factor_row;  // strides
  int64_t out_group, out_row, out_piece;
  int64_t row_tiles, column_tiles;
  int64_t pieces;  // of the pixels, or phases
  I piece;         // pixels of a piece

  __host__ __device__ int64_t blocks() const {
    return row_tiles * column_tiles * geometry.groups * pieces;
  }
};

// A few numbers that are read from shared memory at once.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Few {
  T v[kCount];
};

// The numbers of a thread along one side of a tile: groups of up to four neighbours.
template <int kSize>
struct Share {
  static constexpr int count = kSize / kSide, together = count < 4 ? count : 4;
  static_assert(count * kSide == kSize && count % together == 0);
  __device__ static int place(int thread, int k) {
    return k / together * together * kSide + thread * together + k % together;
  }
  template <class T>
  __device__ static void read(const T* line, int thread, T* to) {
    for (int k = 0; k < count; k += together) {
      const auto few = *reinterpret_cast<const Few<T, together>*>(line + place(thread, k));
      for (int i = 0; i < together; ++i) to[k + i] = few.v[i];
    }
  }
};

template <class T, class I, int kRows, int kColumns>
struct alignas(16) Room {
  T factor[kTerms][kRows + 4];  // padded: fewer threads meet in a bank
  T source[kTerms][kColumns + 4];
  Spot<I> column[kColumns], term[kTerms];
  PhaseAxis<I> axis[3];
};

template <class T, class I, int kRows, int kColumns, bool kWeight>
__global__ void __launch_bounds__(kThreads) conv_tiles(Task<T, I> task) {
  using Down = Share<kRows>;
  using Across = Share<kColumns>;
  constexpr int kFactors = kRows * kTerms / kThreads, kSources = kColumns * kTerms / kThreads;
  static_assert(kFactors * kThreads == kRows * kTerms && kSources * kThreads == kColumns * kTerms);
  __shared__ Room<T, I, kRows, kColumns> room;
  const Geometry<I>& g = task.geometry;
  const int thread = int(threadIdx.x), x = thread % kSide, y = thread / kSide;

  for (int64_t block = blockIdx.x; block < task.blocks(); block += gridDim.x) {
    int64_t rest = block / task.row_tiles;
    const I row = static_cast<I>(block - rest * task.row_tiles) * kRows;
    const I column = static_cast<I>(rest % task.column_tiles) * kColumns;
    rest /= task.column_tiles;
    const int64_t part = rest / g.groups, group = rest - part * g.groups;
    __syncthreads();  // the block before has been read
    if (thread < 3) {
      I phase = kWeight ? 0 : static_cast<I>(part);
      for (int a = 2; a > thread; --a) phase /= g.phases(a);
      room.axis[thread] = phase_axis(g, thread, phase % g.phases(thread));
    }
    __syncthreads();
    I pixels = g.batch, taps = g.source_channels;
    for (int a = 0; a < 3; ++a) {
      pixels *= room.axis[a].count;
      taps *= room.axis[a].taps;
    }
    const I columns = kWeight ? taps : pixels;
    if (column >= columns) continue;  // another phase has more
    const I first = kWeight ? static_cast<I>(part) * task.piece : 0;
    const I last = !kWeight ? taps : pixels - first < task.piece ? pixels : first + task.piece;

    const auto spot_of_column = [&](I i) {
      return i >= columns ? spot_outside<I>()
             : kWeight    ? tap_spot(g, room.axis, i)
                          : pixel_spot(g, room.axis, i);
    };
    const auto spot_of_term = [&](I i) {
      return i >= last ? spot_outside<I>()
             : kWeight ? pixel_spot(g, room.axis, i)
                       : tap_spot(g, room.axis, i);
    };
    const T* factors = task.factors + group * task.factor_group + row * task.factor_row;
    const T* source = task.source + group * g.source_channels * g.source_plane;
    T next_factor[kFactors], next_source[kSources];
    const auto fetch = [&] {
      for (int s = 0; s < kFactors; ++s) {
        const int e = thread + s * kThreads, k = e % kTerms, r = e / kTerms;
        const int64_t at = room.term[k].itself;
        next_factor[s] =
            at >= 0 && row + r < g.dest_channels ? factors[r * task.factor_row + at] : 0;
      }
      for (int s = 0; s < kSources; ++s) {  // neighbours in memory by neighbouring threads
        const int e = thread + s * kThreads;
        const int k = kWeight ? e % kTerms : e / kColumns, c = kWeight ? e / kTerms : e % kColumns;
        const Spot<I>&of_column = room.column[c], &of_term = room.term[k];
        next_source[s] =
            inside(g, of_column, of_term) ? source[of_column.in_source + of_term.in_source] : 0;
      }
    };

    for (int c = thread; c < kColumns; c += kThreads) room.column[c] = spot_of_column(column + c);
    if (thread < kTerms) room.term[thread] = spot_of_term(first + thread);
    T sum[Down::count][Across::count] = {};
    __syncthreads();
    fetch();
    for (I term = first; term < last; term += kTerms) {
      __syncthreads();
      for (int s = 0; s < kFactors; ++s) {
        const int e = thread + s * kThreads;
        room.factor[e % kTerms][e / kTerms] = next_factor[s];
      }
      for (int s = 0; s < kSources; ++s) {
        const int e = thread + s * kThreads;
        if constexpr (kWeight) room.source[e % kTerms][e / kTerms] = next_source[s];
        else room.source[e / kColumns][e % kColumns] = next_source[s];
      }
      if (thread < kTerms) room.term[thread] = spot_of_term(term + kTerms + thread);
      __syncthreads();
      if (term + kTerms < last) fetch();
      for (int k = 0; k < kTerms; ++k) {
        T a[Down::count], b[Across::count];
        Down::read(room.factor[k], y, a);
        Across::read(room.source[k], x, b);
        for (int i = 0; i < Down::count; ++i)
          for (int j = 0; j < Across::count; ++j) sum[i][j] = fused(a[i], b[j], sum[i][j]);
      }
    }

    T* out = task.out + group * task.out_group + (kWeight ? part * task.out_piece : 0);
    for (int i = 0; i < Down::count; ++i) {
      const I r = row + Down::place(y, i);
      if (r >= g.dest_channels) break;
      const T bias = task.bias ? task.bias[group * g.dest_channels + r] : T(0);
      for (int j = 0; j < Across::count; ++j) {
        const int c = Across::place(x, j);
        if (column + c < columns) out[r * task.out_row + room.column[c].itself] = sum[i][j] + bias;
      }
    }
  }
}

}  // namespace nnx::cuda::convolution
