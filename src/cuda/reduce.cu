// The entry `reduce`: a program folded over some axes of its space. A program with instructions is
// run into scratch memory first; what is folded is then one array of any dtype and layout.
// Two ways: a block for each output (rows), or a thread for each output (columns: outputs adjacent
// in memory, their values a stride apart). Where there are too few outputs to fill the device the
// values of each are cut into pieces, which a second pass folds.
// Invariants: the tree depends on the shape and strides alone; floating sums carry their rounding
// errors along, so their error does not grow with the number of values.
#include <limits>

#include "cuda/block.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/tile.hpp"

namespace nnx::cuda {
namespace {

using core::Port;
using core::ReduceJob;
using core::Reduction;

template <class T, Reduction kOp>
struct Fold {
  static constexpr bool compensated = kOp == Reduction::sum && std::is_floating_point_v<T>;
  using Accumulator = std::conditional_t<compensated, Compensated<T>, T>;

  __host__ __device__ static T neutral() {
    using Limits = std::numeric_limits<T>;
    if constexpr (kOp == Reduction::sum) return T(0);
    else if constexpr (kOp == Reduction::prod) return T(1);
    else if constexpr (std::is_same_v<T, bool>) return kOp == Reduction::min;
    else if constexpr (std::is_floating_point_v<T>)
      return kOp == Reduction::max ? -Limits::infinity() : Limits::infinity();
    else return kOp == Reduction::max ? Limits::lowest() : Limits::max();
  }
  __device__ static Accumulator start() {
    if constexpr (compensated) return {};
    else return neutral();
  }
  __device__ static T join(T a, T b) {
    if constexpr (std::is_same_v<T, bool>)
      return kOp == Reduction::sum || kOp == Reduction::max ? a || b : a && b;
    else if constexpr (kOp == Reduction::sum) return wrap(a) + wrap(b);
    else if constexpr (kOp == Reduction::prod) return wrap(a) * wrap(b);
    else if constexpr (kOp == Reduction::max) return Max{}(a, b);
    else return Min{}(a, b);
  }
  __device__ static void add(Accumulator& a, T x) {
    if constexpr (compensated) a.add(x);
    else a = join(a, x);
  }
  __device__ static T value(const Accumulator& a) {
    if constexpr (compensated) return a.value();
    else return a;
  }

 private:
  __device__ static auto wrap(T x) {
    if constexpr (std::is_same_v<T, std::int64_t>) return static_cast<std::uint64_t>(x);
    else return x;
  }
};

// What is folded: port 0 of `kept` is the output, port 1 of `kept` and port 0 of `reduced` the
// input.
struct Source {
  Space kept, reduced;
  const char* in;
  DType in_dtype;
  char* out;
  DType out_dtype;
  double scale, divisor;  // scale is 1 / divisor; dividing is more accurate
  int64_t pieces;         // of the values of each output, written one after another
  int64_t piece;          // values of one
};

template <class T>
__device__ T scaled(T x, const Source& s) {
  if constexpr (std::is_floating_point_v<T>) {
    if (s.divisor != 0) return static_cast<T>(static_cast<double>(x) / s.divisor);
    if (s.scale != 1.0) return static_cast<T>(static_cast<double>(x) * s.scale);
  }
  return x;
}

template <class T, bool kNative>
__device__ T value_at(const Source& s, int64_t base, int64_t r) {
  int64_t offset[1] = {base};
  s.reduced.locate(r, offset);
  if constexpr (kNative) return *reinterpret_cast<const T*>(s.in + offset[0]);
  else return load_as<T>(s.in + offset[0], s.in_dtype);
}

// Unit u of outputs * pieces: output u / pieces, piece u % pieces.
template <class T, Reduction kOp, bool kNative>
__global__ void rows_kernel(const __grid_constant__ Source s) {
  using F = Fold<T, kOp>;
  __shared__ T room[32];
  const int64_t units = s.kept.count * s.pieces;
  for (int64_t u = blockIdx.x; u < units; u += gridDim.x) {
    const int64_t o = u / s.pieces, part = u - o * s.pieces;
    int64_t at[2] = {0, 0};
    s.kept.locate(o, at);
    const int64_t first = part * s.piece;
    const int64_t last = first + s.piece < s.reduced.count ? first + s.piece : s.reduced.count;
    // Four chains hide each other's latency.
    typename F::Accumulator a[4] = {F::start(), F::start(), F::start(), F::start()};
    int64_t r = first + threadIdx.x;
    const int64_t step = blockDim.x;
    for (; r + 3 * step < last; r += 4 * step) {
      T x[4];
      for (int k = 0; k < 4; ++k) x[k] = value_at<T, kNative>(s, at[1], r + k * step);
      for (int k = 0; k < 4; ++k) F::add(a[k], x[k]);
    }
    for (; r < last; r += step) F::add(a[0], value_at<T, kNative>(s, at[1], r));
    T x = F::join(F::join(F::value(a[0]), F::value(a[1])), F::join(F::value(a[2]), F::value(a[3])));
    x = block_fold(x, F::neutral(), room, [](T p, T q) { return F::join(p, q); });
    if (threadIdx.x == 0) {
      if (s.pieces > 1) reinterpret_cast<T*>(s.out)[u] = x;
      else store_as<T>(s.out + at[0], s.out_dtype, scaled(x, s));
    }
  }
}

// Blocks of 32 columns by 8 rows of threads; grid.y counts pieces.
constexpr int kColumns = 32, kRows = 8;
template <class T, Reduction kOp, bool kNative>
__global__ void columns_kernel(const __grid_constant__ Source s) {
  using F = Fold<T, kOp>;
  __shared__ T room[kRows][kColumns];
  const int column = int(threadIdx.x) % kColumns, row = int(threadIdx.x) / kColumns;
  const int64_t part = blockIdx.y;
  const int64_t first = part * s.piece;
  const int64_t last = first + s.piece < s.reduced.count ? first + s.piece : s.reduced.count;
  for (int64_t base = int64_t{blockIdx.x} * kColumns; base < s.kept.count;
       base += int64_t{gridDim.x} * kColumns) {
    const int64_t o = base + column;
    int64_t at[2] = {0, 0};
    auto a = F::start();
    if (o < s.kept.count) {
      s.kept.locate(o, at);
      for (int64_t r = first + row; r < last; r += kRows)
        F::add(a, value_at<T, kNative>(s, at[1], r));
    }
    room[row][column] = F::value(a);
    __syncthreads();
    if (row == 0 && o < s.kept.count) {
      T x = room[0][column];
      for (int k = 1; k < kRows; ++k) x = F::join(x, room[k][column]);
      if (s.pieces > 1) reinterpret_cast<T*>(s.out)[o * s.pieces + part] = x;
      else store_as<T>(s.out + at[0], s.out_dtype, scaled(x, s));
    }
    __syncthreads();
  }
}

template <class T, Reduction kOp>
void start(const Source& s, bool columns) {
  const bool native = s.in_dtype == core::storage_of([] {
                        if constexpr (std::is_same_v<T, float>) return Lane::f32;
                        else if constexpr (std::is_same_v<T, double>) return Lane::f64;
                        else if constexpr (std::is_same_v<T, std::int64_t>) return Lane::i64;
                        else if constexpr (std::is_same_v<T, std::uint64_t>) return Lane::u64;
                        else return Lane::b8;
                      }()) &&
                      !std::is_same_v<T, bool>;
  const auto go = [&](auto native_kernel, auto any_kernel, dim3 grid, unsigned threads) {
    launch("reduce", native ? native_kernel : any_kernel, grid, dim3(threads), 0, s);
  };
  if (columns) {
    dim3 grid = blocks_for(s.kept.count, kColumns);
    grid.y = static_cast<unsigned>(s.pieces);
    return go(columns_kernel<T, kOp, true>, columns_kernel<T, kOp, false>, grid, kColumns * kRows);
  }
  const int64_t units = s.kept.count * s.pieces;
  const int64_t most = int64_t{32} * multiprocessors();
  go(rows_kernel<T, kOp, true>, rows_kernel<T, kOp, false>,
     dim3(static_cast<unsigned>(units < most ? units : most)), row_threads(s.piece));
}

void start(const Source& s, Lane lane, Reduction op, bool columns) {
  with_lane(lane, [&]<class T>() {
    switch (op) {
      case Reduction::sum: return start<T, Reduction::sum>(s, columns);
      case Reduction::prod: return start<T, Reduction::prod>(s, columns);
      case Reduction::max: return start<T, Reduction::max>(s, columns);
      case Reduction::min: return start<T, Reduction::min>(s, columns);
    }
  });
}

constexpr int64_t kPiece = 4096;  // values of an output that are worth a block of their own

void fold(Source s, Lane lane, Reduction op) {
  // Neighbouring outputs next to each other in memory, and the values of one far apart.
  const int64_t size = bytes_of(s.in_dtype);
  const bool columns = s.kept.count > 1 && s.kept.stride[0][1] == size &&
                       (s.reduced.rank == 0 || s.reduced.stride[0][0] != size) &&
                       s.kept.extent[0] >= 8;
  const int64_t n = s.reduced.count;
  s.pieces = 1;
  s.piece = n;
  // By shape alone: enough pieces for a large device, none smaller than kPiece (columns: 256).
  const int64_t least = columns ? 256 : kPiece;
  const int64_t wanted = ceil_div(columns ? 2048 * 32 : 2048, s.kept.count);
  if (n > 2 * least && wanted > 1) {
    const int64_t pieces = ceil_div(n, least) < wanted ? ceil_div(n, least) : wanted;
    s.piece = ceil_div(n, pieces);
    s.pieces = ceil_div(n, s.piece);
  }
  if (s.pieces == 1) return start(s, lane, op, columns);
  const Scratch partial(static_cast<std::size_t>(s.kept.count * s.pieces) * core::size_of(lane));
  Source first = s;
  first.out = partial.as<char>();
  start(first, lane, op, columns);
  Source second = s;
  second.in = partial.as<char>();
  second.in_dtype = core::storage_of(lane);
  const auto width = static_cast<int64_t>(core::size_of(lane));
  Space kept;  // outputs as they were; their partial values adjacent
  kept.ports = 2;
  int64_t stride = s.pieces * width;
  for (int a = 0; a < s.kept.rank; ++a) {
    const int64_t strides[] = {s.kept.stride[a][0], stride};
    kept.add(s.kept.extent[a], strides);
    stride *= s.kept.extent[a];
  }
  kept.finish();
  second.kept = kept;
  second.reduced = Space{};
  second.reduced.ports = 1;
  second.reduced.add(s.pieces, &width);
  second.reduced.finish();
  second.piece = s.pieces;
  second.pieces = 1;
  start(second, lane, op, false);
}

}  // namespace

void reduce(const ReduceJob& job) {
  const core::Program& p = *job.program;
  const Lane lane = p.out_lane[0];
  if (core::is_complex(lane)) refuse("reduce", "complex numbers have no kernels on this device");
  int64_t count = 1;
  for (const int64_t n : job.shape) count *= n;
  Port in = job.in[0];
  const bool plain = p.code.empty() && p.inputs > 0 && p.out_reg[0] == 0 && !in.host;
  const Scratch values(plain ? 0 : static_cast<std::size_t>(count) * core::size_of(lane));
  if (!plain) {
    core::TileJob whole;
    whole.program = job.program;
    whole.shape = job.shape;
    for (int i = 0; i < p.inputs; ++i) whole.in[i] = job.in[i];
    in = {values.as<char>(), core::storage_of(lane), core::Dims::filled(job.shape.size(), 0)};
    int64_t stride = 1;
    for (int a = job.shape.size() - 1; a >= 0; --a) {
      in.strides[a] = stride;
      stride *= job.shape[a];
    }
    whole.out[0] = in;
    if (count > 0) run(&whole, 1);
  }
  Source s{};
  s.kept.ports = 2;
  s.reduced.ports = 1;
  for (int a = job.shape.size() - 1; a >= 0; --a) {
    const int64_t strides[] = {job.out.strides[a] * bytes_of(job.out.dtype),
                               in.strides[a] * bytes_of(in.dtype)};
    if (job.reduced >> a & 1) s.reduced.add(job.shape[a], strides + 1);
    else s.kept.add(job.shape[a], strides);
  }
  s.kept.finish();
  s.reduced.finish();
  s.in = static_cast<const char*>(in.data);
  s.in_dtype = in.dtype;
  s.out = static_cast<char*>(job.out.data);
  s.out_dtype = job.out.dtype;
  s.scale = job.scale;
  s.divisor = 0;
  if (s.scale != 1.0) {
    const double inverse = std::nearbyint(1.0 / s.scale);
    if (std::isfinite(inverse) && 1.0 / inverse == s.scale) s.divisor = inverse;
  }
  if (s.kept.count == 0) return;
  fold(s, lane, job.reduction);
}

}  // namespace nnx::cuda
