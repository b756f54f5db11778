// Searching: places in sorted rows, elements by rank, where values change, where masks are true.
// What is picked out keeps its order: every element counts those in front of it (a scan), so that
// results are the same every time.
#include "cuda/device.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

// As sorting orders them: NaN behind everything, equal to each other.
template <class T>
__device__ bool in_front(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return b != b ? a == a : a < b;
  else return a < b;
}

template <class T>
__global__ void search_kernel(bool right, int64_t rows, int64_t n, int64_t m, const T* x,
                              const T* values, std::int64_t* out) {
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < rows * m;
       t += int64_t{gridDim.x} * blockDim.x) {
    const T* row = x + t / m * n;
    const T value = values[t];
    int64_t low = 0, high = n;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      const bool further = right ? !in_front(value, row[middle]) : in_front(row[middle], value);
      if (further) low = middle + 1;
      else high = middle;
    }
    out[t] = low;
  }
}

__global__ void columns_kernel(int64_t rows, int64_t n, int64_t first, int64_t count,
                               const std::int64_t* order, std::int64_t* out) {
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < rows * count;
       t += int64_t{gridDim.x} * blockDim.x)
    out[t] = order[t / count * n + first + t % count];
}

template <class T>
__global__ void changes_kernel(int64_t n, const T* x, std::int64_t* flags) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n;
       i += int64_t{gridDim.x} * blockDim.x)
    flags[i] = i == 0 || x[i] != x[i - 1];
}
__global__ void truths_kernel(int64_t n, const bool* mask, std::int64_t* flags) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n;
       i += int64_t{gridDim.x} * blockDim.x)
    flags[i] = mask[i];
}

// Where the coordinates of a picked element go; without axes there is one list of positions.
struct Coordinates {
  int rank;
  int64_t extent[core::kMaxRank];
  std::int64_t* out[core::kMaxRank];
  int64_t step;
};
__global__ void picked_kernel(int64_t n, const std::int64_t* counted, Coordinates c) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n;
       i += int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t before = i ? counted[i - 1] : 0;
    if (counted[i] == before) continue;
    int64_t rest = i;
    for (int a = c.rank - 1; a >= 0; --a) {
      const int64_t q = rest / c.extent[a];
      c.out[a][before * c.step] = rest - q * c.extent[a];
      rest = q;
    }
  }
}

// flags(where) writes n numbers 0 or 1; they are counted in place. Returns how many are 1.
template <class Flags>
std::int64_t count_flags(int64_t n, std::int64_t* counted, const char* op, Flags flags) {
  flags(counted);
  scan(core::Reduction::sum, Lane::i64, 1, n, 1, counted, counted);
  std::int64_t found = 0;
  read_back(&found, counted + n - 1, sizeof found, op);
  return found;
}

}  // namespace

void search(bool right, Lane lane, std::int64_t rows, std::int64_t n, std::int64_t m, const void* x,
            const void* values, std::int64_t* out) {
  if (rows * m == 0) return;
  with_lane(lane, [&]<class T>() {
    launch("searchsorted", search_kernel<T>, blocks_for(rows * m), dim3(kThreads), 0, right, rows,
           n, m, static_cast<const T*>(x), static_cast<const T*>(values), out);
  });
}

void ranked(bool descending, Lane lane, std::int64_t rows, std::int64_t n, std::int64_t first,
            std::int64_t count, const void* x, std::int64_t* indices) {
  if (rows * count == 0) return;
  const Scratch order(static_cast<std::size_t>(rows * n) * 8);
  sort(descending, lane, rows, n, x, nullptr, order.as<std::int64_t>());
  launch("sort", columns_kernel, blocks_for(rows * count), dim3(kThreads), 0, rows, n, first, count,
         static_cast<const std::int64_t*>(order.as<std::int64_t>()), indices);
}

std::int64_t changes(Lane lane, std::int64_t n, const void* x, std::int64_t* out) {
  if (n == 0) return 0;
  const Scratch counted(static_cast<std::size_t>(n) * 8);
  const auto* counts = counted.as<std::int64_t>();
  const std::int64_t found =
      count_flags(n, counted.as<std::int64_t>(), "unique", [&](std::int64_t* flags) {
        with_lane(lane, [&]<class T>() {
          launch("unique", changes_kernel<T>, blocks_for(n), dim3(kThreads), 0, n,
                 static_cast<const T*>(x), flags);
        });
      });
  Coordinates c{1, {n}, {out}, 1};
  launch("unique", picked_kernel, blocks_for(n), dim3(kThreads), 0, n, counts, c);
  return found;
}

std::int64_t nonzero(const core::Shape& shape, const bool* mask, std::int64_t* const* out,
                     std::int64_t step) {
  int64_t n = 1;
  for (const int64_t length : shape) n *= length;
  if (n == 0) return 0;
  const Scratch counted(static_cast<std::size_t>(n) * 8);
  const auto* counts = counted.as<std::int64_t>();
  const std::int64_t found =
      count_flags(n, counted.as<std::int64_t>(), "nonzero", [&](std::int64_t* flags) {
        launch("nonzero", truths_kernel, blocks_for(n), dim3(kThreads), 0, n, mask, flags);
      });
  if (!out || found == 0) return found;
  Coordinates c{};
  c.rank = shape.size();
  c.step = step;
  for (int a = 0; a < c.rank; ++a) {
    c.extent[a] = shape[a];
    c.out[a] = out[a];
  }
  launch("nonzero", picked_kernel, blocks_for(n), dim3(kThreads), 0, n, counts, c);
  return found;
}

}  // namespace nnx::cuda
