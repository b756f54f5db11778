// Convolution, its transpose and the gradient of its weights: by cuDNN (conv_library.hpp) where it
// is installed and the shape has channels enough, else by the kernels here. Most shapes are
// products of matrices (conv_tiles.hpp). Few channels for each group, as in depthwise layers, would
// leave most of a tile empty: there a thread makes a number of the result, or a block a weight.
// Gradients of weights are sums over all pixels of all images. They are cut into pieces, whose
// results a second pass adds in order. Invariants: which way a shape takes, and every cut, follow
// from the shape alone; no atomics.
#include <cstddef>

#include "cuda/block.hpp"
#include "cuda/conv_library.hpp"
#include "cuda/conv_tiles.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using namespace convolution;
using core::ConvJob;
using core::ConvKind;

// --- without tiles ------------------------------------------------------------------------------
template <class T, class I>
__global__ void __launch_bounds__(kThreads)
    gather_numbers(Geometry<I> g, const T* source, const T* weights, const T* bias, T* out) {
  const int64_t count = g.dest_image() * g.batch, step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t e = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; e < count; e += step) {
    const int64_t plane = e / g.dest_plane;  // of an image and a channel
    const int64_t group = plane / g.dest_channels % g.groups, channel = plane % g.dest_channels;
    PhaseAxis<I> axis[3];
    I at[3];  // of tap 0 in the source
    I pixel = static_cast<I>(e - plane * g.dest_plane);
    for (int a = 2; a >= 0; --a) {
      const I rest = pixel / g.dest[a], i = pixel - rest * g.dest[a], phases = g.phases(a);
      axis[a] = phase_axis(g, a, phases == 1 ? 0 : i % phases);
      at[a] = (axis[a].step == 1 ? i : i / axis[a].step) * axis[a].source_step + axis[a].delta;
      pixel = rest;
    }
    const T* from = source + plane / g.dest_channels * g.source_channels * g.source_plane;
    const T* w = weights + group * g.w_group + channel * g.w_dest;
    T sum = 0;
    for (I c = 0; c < g.source_channels; ++c, from += g.source_plane, w += g.w_source)
      for (I q0 = 0; q0 < axis[0].taps; ++q0) {
        const I i0 = at[0] + q0 * axis[0].delta_step;
        if (i0 < 0 || i0 >= g.source[0]) continue;
        for (I q1 = 0; q1 < axis[1].taps; ++q1) {
          const I i1 = at[1] + q1 * axis[1].delta_step;
          if (i1 < 0 || i1 >= g.source[1]) continue;
          const T* line = from + (int64_t{i0} * g.source[1] + i1) * g.source[2];
          const T* w_line = w + (int64_t{axis[0].tap + q0 * axis[0].tap_step} * g.kernel[1] +
                                 axis[1].tap + q1 * axis[1].tap_step) *
                                    g.kernel[2];
          for (I q2 = 0; q2 < axis[2].taps; ++q2) {
            const I i2 = at[2] + q2 * axis[2].delta_step;
            if (i2 < 0 || i2 >= g.source[2]) continue;
            sum = fused(w_line[axis[2].tap + q2 * axis[2].tap_step], line[i2], sum);
          }
        }
      }
    out[e] = bias ? sum + bias[group * g.dest_channels + channel] : sum;
  }
}

// Block (weight, piece): out[piece, weight] = sum over the piece's pixels.
template <class T, class I>
__global__ void __launch_bounds__(kThreads)
    weight_numbers(Geometry<I> g, int64_t weights, int64_t pieces, I piece, const T* x, const T* y,
                   T* out) {
  __shared__ T room[32];
  PhaseAxis<I> axis[3];
  for (int a = 0; a < 3; ++a) axis[a] = phase_axis(g, a, I(0));
  const I pixels = static_cast<I>(g.batch * g.dest_plane);
  for (int64_t block = blockIdx.x; block < weights * pieces; block += gridDim.x) {
    const int64_t part = block / weights, w = block - part * weights;
    const int64_t row = w / g.w_dest, group = row / g.dest_channels;  // row: a channel of y
    const Spot<I> tap = tap_spot(g, axis, static_cast<I>(w - row * g.w_dest));
    const T* from = x + group * g.source_channels * g.source_plane + tap.in_source;
    const T* to = y + row * g.dest_plane;
    const I first = static_cast<I>(part) * piece;
    const I last = pixels - first < piece ? pixels : first + piece;
    T sum = 0;
    for (I i = first + static_cast<I>(threadIdx.x); i < last; i += kThreads) {
      const Spot<I> pixel = pixel_spot(g, axis, i);
      if (inside(g, pixel, tap)) sum = fused(to[pixel.itself], from[pixel.in_source], sum);
    }
    sum = block_fold(sum, T(0), room, Sum{});
    if (threadIdx.x == 0) out[block] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    add_pieces(int64_t weights, int64_t pieces, const T* from, T* out) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t w = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; w < weights; w += step) {
    double sum = 0;
    for (int64_t p = 0; p < pieces; ++p) sum += static_cast<double>(from[p * weights + w]);
    out[w] = static_cast<T>(sum);
  }
}

// --- plans --------------------------------------------------------------------------------------
struct Tile {
  int rows, columns;
  double overhead;  // of a product, for what a thread reads from shared memory
};
constexpr Tile kTiles[] = {{128, 128, 1.0}, {64, 64, 1.1}, {16, 128, 1.4}, {32, 32, 1.6}};
constexpr int kPlain = 1;               // the tile of shapes that need 64 bits
constexpr int64_t kFullDevice = 264;    // blocks that keep a large device busy
constexpr int64_t kWantedPieces = 528;  // pieces times blocks, of weights
constexpr int64_t kLeastTerms = 256;    // of a piece, in tiles
constexpr int64_t kLeastPixels = 4096;  // of a piece, of a block that makes a single weight

struct Plan {
  bool narrow, tiled;
  int tile = 0;  // of kTiles
  int64_t row_tiles = 0, column_tiles = 0, phases = 1;
  int64_t pieces = 1, piece = 0;
  int64_t weights = 0;
};

Plan plan_of(const ConvJob& job) {
  const core::ConvShape& s = job.shape;
  const bool weight = job.kind == ConvKind::weight;
  const auto g = geometry_of<int64_t>(s, job.kind == ConvKind::transposed);
  int64_t pixels = g.batch, reached = 1;  // of a phase, and its taps, at most
  Plan p{};
  for (int a = 0; a < 3; ++a) {
    p.phases *= g.phases(a);
    pixels *= ceil_div(g.dest[a], g.phases(a));
    reached *= ceil_div(g.kernel[a], g.phases(a));
  }
  p.narrow = is_narrow(s);
  p.weights = s.groups * g.w_group;
  const int64_t rows = g.dest_channels, taps = g.source_channels * g.taps();
  const int64_t columns = weight ? taps : pixels;
  p.tiled = rows > 8 || (rows > 2 && (weight ? taps > 16 : reached * g.source_channels > 64));
  int64_t blocks = p.weights;
  if (p.tiled) {
    double least = 0;
    for (int t = 0; t < 4; ++t) {
      if (!p.narrow && t != kPlain) continue;
      const int64_t down = ceil_div(rows, kTiles[t].rows),
                    across = ceil_div(columns, kTiles[t].columns);
      const double made = static_cast<double>(down * kTiles[t].rows) *
                          static_cast<double>(across * kTiles[t].columns) * kTiles[t].overhead;
      const int64_t count = down * across * s.groups * p.phases;
      const double cost = t == 0 && count < kFullDevice ? 2 * made : made;
      if (p.row_tiles > 0 && cost >= least) continue;
      least = cost;
      p.tile = t;
      p.row_tiles = down;
      p.column_tiles = across;
      blocks = count;
    }
  }
  if (weight) {
    const int64_t most = ceil_div(pixels, p.tiled ? kLeastTerms : kLeastPixels);
    const int64_t wanted = ceil_div(kWantedPieces, blocks);
    p.piece = ceil_div(pixels, wanted < most ? wanted : most);
    if (p.tiled) p.piece = ceil_div(p.piece, kTerms) * kTerms;
    p.pieces = ceil_div(pixels, p.piece);
  }
  return p;
}

dim3 grid_of(int64_t blocks) {
  constexpr int64_t most = int64_t{1} << 30;
  return dim3(static_cast<unsigned>(blocks < most ? blocks : most));
}

template <class T, class I, bool kWeight>
void start_tiles(const Plan& p, const Task<T, I>& task) {
  const auto start = [&]<int kRows, int kColumns>() {
    launch("conv", conv_tiles<T, I, kRows, kColumns, kWeight>, grid_of(task.blocks()),
           dim3(kThreads), 0, task);
  };
  if constexpr (sizeof(I) == 4) {
    switch (p.tile) {
      case 0: return start.template operator()<kTiles[0].rows, kTiles[0].columns>();
      case 2: return start.template operator()<kTiles[2].rows, kTiles[2].columns>();
      case 3: return start.template operator()<kTiles[3].rows, kTiles[3].columns>();
    }
  }
  start.template operator()<kTiles[kPlain].rows, kTiles[kPlain].columns>();
}

template <class T, class I>
void gather(const ConvJob& job, const Plan& p) {
  const auto g = geometry_of<I>(job.shape, job.kind == ConvKind::transposed);
  const auto *source = static_cast<const T*>(job.a), *weights = static_cast<const T*>(job.b);
  const auto* bias = static_cast<const T*>(job.bias);
  auto* out = static_cast<T*>(job.out);
  if (!p.tiled)
    return launch("conv", gather_numbers<T, I>, blocks_for(g.dest_image() * g.batch),
                  dim3(kThreads), 0, g, source, weights, bias, out);
  start_tiles<T, I, false>(
      p, {g, weights, source, bias, out, g.w_group, g.w_dest, g.dest_channels * g.dest_plane,
          g.dest_plane, 0, p.row_tiles, p.column_tiles, p.phases, 0});
}

template <class T, class I>
void weight(const ConvJob& job, const Plan& p) {
  const auto g = geometry_of<I>(job.shape, false);
  const auto *x = static_cast<const T*>(job.a), *y = static_cast<const T*>(job.b);
  auto* out = static_cast<T*>(job.out);
  auto* to = p.pieces > 1 ? static_cast<T*>(job.workspace) : out;
  if (p.tiled)
    start_tiles<T, I, true>(
        p, {g, y, x, nullptr, to, g.dest_channels * g.dest_plane, g.dest_plane, g.w_group, g.w_dest,
            p.weights, p.row_tiles, p.column_tiles, p.pieces, static_cast<I>(p.piece)});
  else
    launch("conv", weight_numbers<T, I>, grid_of(p.weights * p.pieces), dim3(kThreads), 0, g,
           p.weights, p.pieces, static_cast<I>(p.piece), x, y, to);
  if (p.pieces > 1)
    launch("conv", add_pieces<T>, blocks_for(p.weights), dim3(kThreads), 0, p.weights, p.pieces,
           static_cast<const T*>(to), out);
}

void activate(const ConvJob& job, int64_t count) {
  core::Instr apply;
  apply.lane = job.lane;
  apply.function = static_cast<std::uint16_t>(job.activation);
  apply.arity = 1;
  apply.dst[0] = 1;
  core::Program program;
  program.inputs = program.outputs = 1;
  program.registers = 2;
  program.width = static_cast<std::uint8_t>(core::size_of(job.lane));
  program.in_lane[0] = program.out_lane[0] = job.lane;
  program.out_reg[0] = 1;
  program.code.push_back(apply);
  core::TileJob all;
  all.program = &program;
  all.shape = core::Shape{count};
  all.in[0] = all.out[0] = {job.out, core::storage_of(job.lane), core::Dims{1}};
  run(&all, 1);
}

}  // namespace

std::int64_t conv_workspace(const core::ConvJob& job) {
  const Plan p = plan_of(job);
  return p.pieces > 1 ? p.pieces * p.weights * static_cast<int64_t>(core::size_of(job.lane)) : 0;
}

void conv(const core::ConvJob& job) {
  const Plan p = plan_of(job);
  if (!p.tiled || !convolve_by_library(job))
    with_float(job.lane, [&]<class T>() {
      const bool weights = job.kind == ConvKind::weight;
      if (p.narrow) weights ? weight<T, int>(job, p) : gather<T, int>(job, p);
      else weights ? weight<T, int64_t>(job, p) : gather<T, int64_t>(job, p);
    });
  if (job.activation < 0) return;
  const auto g = geometry_of<int64_t>(job.shape, job.kind == ConvKind::transposed);
  activate(job, g.dest_image() * g.batch);
}

}  // namespace nnx::cuda
