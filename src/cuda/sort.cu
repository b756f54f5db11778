// Stable sorting of rows: values, positions or both.
// Every element becomes an unsigned key of the same order (NaN above everything, all NaN and both
// zeros alike; complemented when descending). Keys move together with their positions: short rows
// in the shared memory of a block (bitonic, positions break ties), long ones by radix, from the
// last digit on. The values are then read where the positions say. Invariants: a stable order is
// unique, so how the work is cut cannot be seen. x is not the memory of a result.
#include "cuda/sort.hpp"

#include <bit>
#include <limits>
#include <type_traits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

constexpr int kShort = 2048;  // rows up to here fit in a block
constexpr int kDigit = 8;     // bits a pass sorts by
constexpr int kBuckets = 1 << kDigit;
constexpr int kTile = 2048;                  // elements of a block of a pass
constexpr int64_t kRoom = int64_t{1} << 26;  // elements that are sorted at a time

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T>
__device__ KeyOf<T> key_of(T x, bool descending) {
  using Key = KeyOf<T>;
  constexpr Key top = Key(1) << (8 * sizeof(Key) - 1);
  if constexpr (std::is_same_v<T, bool>) {
    return Key(x != descending);
  } else {
    Key key = std::bit_cast<Key>(x);
    if constexpr (std::is_floating_point_v<T>)
      key = x != x ? ~Key(0) : x == T(0) ? top : key & top ? ~key : key | top;
    else if constexpr (std::is_signed_v<T>) key ^= top;
    return descending ? ~key : key;
  }
}
// Bits of a key that tell keys apart.
template <class T>
constexpr int kKeyBits = std::is_same_v<T, bool> ? 1 : 8 * int(sizeof(KeyOf<T>));

// --- short rows ---------------------------------------------------------------------------------
// A block sorts a tile of rows, each padded to a power of two, all in the same steps.
template <class T, int kSize>
__global__ void __launch_bounds__(kThreads)
    sort_short(bool descending, int64_t rows, int n, int padded, const T* x, T* values,
               int64_t* indices) {
  using Key = KeyOf<T>;
  __shared__ Key key[kSize];
  __shared__ std::uint32_t position[kSize];
  const int together = kSize / padded;
  const auto source = [&](int64_t first, int e) {  // place in x, -1 for padding
    const int64_t row = first + e / padded;
    const int i = e % padded;
    return i < n && row < rows ? row * n + i : int64_t{-1};
  };
  for (int64_t first = int64_t{blockIdx.x} * together; first < rows;
       first += int64_t{gridDim.x} * together) {
    for (int e = int(threadIdx.x); e < kSize; e += kThreads) {
      const int64_t from = source(first, e);
      key[e] = from < 0 ? ~Key(0) : key_of(x[from], descending);
      position[e] = std::uint32_t(e % padded);
    }
    __syncthreads();
    for (int width = 2; width <= padded; width *= 2)
      for (int apart = width / 2; apart > 0; apart /= 2) {
        for (int pair = int(threadIdx.x); pair < kSize / 2; pair += kThreads) {
          const int a = 2 * (pair & -apart) + (pair & (apart - 1)), b = a + apart;
          const bool up = (a & width & (padded - 1)) == 0;
          const Key ka = key[a], kb = key[b];
          const std::uint32_t pa = position[a], pb = position[b];
          if ((ka > kb || (ka == kb && pa > pb)) == up) {
            key[a] = kb;
            key[b] = ka;
            position[a] = pb;
            position[b] = pa;
          }
        }
        __syncthreads();
      }
    for (int e = int(threadIdx.x); e < kSize; e += kThreads) {
      const int64_t to = source(first, e);
      if (to < 0) continue;
      if (indices) indices[to] = position[e];
      if (values) values[to] = x[to - e % padded + position[e]];
    }
    __syncthreads();
  }
}

template <class T>
void short_rows(bool descending, int64_t rows, int64_t n, const T* x, T* values, int64_t* indices) {
  int padded = 1;
  while (padded < n) padded *= 2;
  const auto start = [&](auto kernel, int size) {
    launch("sort", kernel, blocks_for(ceil_div(rows, size / padded), 1), dim3(kThreads), 0,
           descending, rows, int(n), padded, x, values, indices);
  };
  if (padded <= 512) start(sort_short<T, 512>, 512);
  else start(sort_short<T, kShort>, kShort);
}

// --- long rows ----------------------------------------------------------------------------------
// Keys and positions of `rows` rows of n, in tiles: tile t of row r is block r * tiles + t.
// Position is as wide as n needs.
template <class Key, class Position>
struct Items {
  Key* key;
  Position* position;
};
struct Rows {
  int64_t rows, n, tiles;
  int64_t* count;  // (rows, kBuckets, tiles): of a digit in a tile; then summed up to there
  int shift;       // the digit's first bit

  __device__ int64_t counter(int64_t block, int digit) const {
    return (block / tiles * kBuckets + digit) * tiles + block % tiles;
  }
  __device__ int64_t start(int64_t block) const {
    return block / tiles * n + block % tiles * kTile;
  }
  __device__ int length(int64_t block) const {
    const int64_t left = n - block % tiles * kTile;
    return int(left < kTile ? left : kTile);
  }
  template <class Key>
  __device__ int digit(Key key) const {
    return int(key >> shift) & (kBuckets - 1);
  }
};

template <class T, class Position>
__global__ void __launch_bounds__(kThreads)
    make_items(bool descending, int64_t rows, int64_t n, const T* x, Items<KeyOf<T>, Position> to) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t e = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; e < rows * n; e += step) {
    to.key[e] = key_of(x[e], descending);
    to.position[e] = static_cast<Position>(e % n);
  }
}

template <class Key>
__global__ void __launch_bounds__(kThreads) count_digits(Rows r, const Key* key) {
  __shared__ int count[kBuckets];
  for (int64_t block = blockIdx.x; block < r.rows * r.tiles; block += gridDim.x) {
    const int length = r.length(block);
    count[threadIdx.x] = 0;
    __syncthreads();
    for (int e = int(threadIdx.x); e < length; e += kThreads)
      atomicAdd(&count[r.digit(key[r.start(block) + e])], 1);
    __syncthreads();
    r.count[r.counter(block, int(threadIdx.x))] = count[threadIdx.x];
    __syncthreads();
  }
}

// The lanes of the warp with the same digit as this one, among those that hold an element.
__device__ unsigned lanes_alike(int digit, bool here) {
  unsigned alike = __ballot_sync(kAllLanes, here);
  for (int bit = 0; bit < kDigit; ++bit) {
    const unsigned set = __ballot_sync(kAllLanes, digit >> bit & 1);
    alike &= digit >> bit & 1 ? set : ~set;
  }
  return alike;
}

// A tile is put in order in shared memory first, so that what goes to one bucket is written side by
// side. Thread d keeps the books of digit d.
template <class Key, class Position>
__global__ void __launch_bounds__(kThreads)
    move_items(Rows r, Items<Key, Position> from, Items<Key, Position> to) {
  constexpr int kWarps = kThreads / 32;
  static_assert(kThreads == kBuckets && kTile % kThreads == 0);
  __shared__ Key key[kTile];
  __shared__ Position position[kTile];
  __shared__ int local[kBuckets];         // first place of a digit in the tile
  __shared__ int next[kWarps][kBuckets];  // of a round: places of a digit in each warp
  __shared__ int64_t target[kBuckets];    // first place of the tile's digit in the row
  __shared__ int room[kWarps];
  const int thread = int(threadIdx.x), warp = thread / 32, lane = thread % 32;
  for (int64_t block = blockIdx.x; block < r.rows * r.tiles; block += gridDim.x) {
    const int64_t start = r.start(block);
    const int length = r.length(block);
    {
      const int64_t at = r.counter(block, thread);
      const int64_t row_first = block / r.tiles * kBuckets * r.tiles;
      const int64_t before = at > row_first ? r.count[at - 1] : 0;
      const int count = int(r.count[at] - before);
      int sum = count;  // up to this digit
      for (int by = 1; by < 32; by *= 2) {
        const int y = __shfl_up_sync(kAllLanes, sum, unsigned(by));
        if (lane >= by) sum += y;
      }
      if (lane == 31) room[warp] = sum;
      __syncthreads();
      for (int w = 0; w < warp; ++w) sum += room[w];
      local[thread] = sum - count;
      target[thread] = before;
    }
    int taken = 0;  // of digit `thread`, in the rounds before
    for (int round = 0; round < kTile; round += kThreads) {
      const int e = round + thread;
      const bool here = e < length;
      const Key k = here ? from.key[start + e] : Key(0);
      const int digit = r.digit(k);
      for (int w = 0; w < kWarps; ++w) next[w][thread] = 0;
      __syncthreads();
      const unsigned alike = lanes_alike(digit, here);
      const int earlier = __popc(alike & ((1u << lane) - 1));
      if (here && earlier == 0) next[warp][digit] = __popc(alike);
      __syncthreads();
      for (int w = 0; w < kWarps; ++w) {
        const int here_too = next[w][thread];
        next[w][thread] = local[thread] + taken;
        taken += here_too;
      }
      __syncthreads();
      if (here) {
        const int place = next[warp][digit] + earlier;
        key[place] = k;
        position[place] = from.position[start + e];
      }
      __syncthreads();
    }
    const int64_t row = block / r.tiles * r.n;
    for (int e = thread; e < length; e += kThreads) {
      const Key k = key[e];
      const int digit = r.digit(k);
      const int64_t place = row + target[digit] + e - local[digit];
      to.key[place] = k;
      to.position[place] = position[e];
    }
    __syncthreads();
  }
}

template <class T, class Position>
__global__ void __launch_bounds__(kThreads)
    read_sorted(int64_t rows, int64_t n, const Position* position, const T* x, T* values,
                int64_t* indices) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t e = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; e < rows * n; e += step) {
    const auto from = static_cast<int64_t>(position[e]);
    if (indices) indices[e] = from;
    if (values) values[e] = x[e - e % n + from];
  }
}

// Sorts by the first `bits` bits of keys.
template <class T, class Position>
void radix_rows(bool descending, int bits, int64_t rows, int64_t n, const T* x, T* values,
                int64_t* indices) {
  using Key = KeyOf<T>;
  const auto items = static_cast<std::size_t>(rows * n);
  Rows r{rows, n, ceil_div(n, kTile), nullptr, 0};
  const Scratch keys(2 * items * sizeof(Key)), positions(2 * items * sizeof(Position));
  const Scratch counts(static_cast<std::size_t>(rows * r.tiles * kBuckets) * sizeof(int64_t));
  r.count = counts.as<int64_t>();
  Items<Key, Position> a{keys.as<Key>(), positions.as<Position>()};
  Items<Key, Position> b{a.key + items, a.position + items};
  const dim3 each = blocks_for(rows * n), tiled = blocks_for(rows * r.tiles, 1), threads(kThreads);
  launch("sort", make_items<T, Position>, each, threads, 0, descending, rows, n, x, a);
  for (r.shift = 0; r.shift < bits; r.shift += kDigit) {
    launch("sort", count_digits<Key>, tiled, threads, 0, r, static_cast<const Key*>(a.key));
    scan(core::Reduction::sum, Lane::i64, rows, kBuckets * r.tiles, 1, r.count, r.count);
    launch("sort", move_items<Key, Position>, tiled, threads, 0, r, a, b);
    const auto sorted = b;
    b = a;
    a = sorted;
  }
  launch("sort", read_sorted<T, Position>, each, threads, 0, rows, n,
         static_cast<const Position*>(a.position), x, values, indices);
}

template <class T>
void sort_rows(bool descending, int bits, int64_t rows, int64_t n, const T* x, T* values,
               int64_t* indices) {
  if (n <= kShort) return short_rows(descending, rows, n, x, values, indices);
  const int64_t together = n < kRoom ? kRoom / n : 1;
  const bool narrow = n <= int64_t{std::numeric_limits<std::uint32_t>::max()};
  const auto sort = narrow ? radix_rows<T, std::uint32_t> : radix_rows<T, std::uint64_t>;
  for (int64_t first = 0; first < rows; first += together) {
    const int64_t count = rows - first < together ? rows - first : together, at = first * n;
    sort(descending, bits, count, n, x + at, values ? values + at : nullptr,
         indices ? indices + at : nullptr);
  }
}

}  // namespace

void sort(bool descending, core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
          void* values, std::int64_t* indices) {
  if (rows <= 0 || n <= 0 || (!values && !indices)) return;
  with_lane(lane, [&]<class T>() {
    sort_rows(descending, kKeyBits<T>, rows, n, static_cast<const T*>(x), static_cast<T*>(values),
              indices);
  });
}

void order_of(int64_t rows, int64_t n, int64_t limit, const int64_t* numbers, int64_t* order) {
  if (rows <= 0 || n <= 0) return;
  int bits = 1;
  while (bits < 63 && ((limit - 1) >> bits) != 0) ++bits;
  const auto* keys = reinterpret_cast<const std::uint64_t*>(numbers);  // none is negative
  sort_rows<std::uint64_t>(false, bits, rows, n, keys, nullptr, order);
}

}  // namespace nnx::cuda
