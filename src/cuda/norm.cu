// Layer normalisation over rows, its gradient, and the moments of rows. The mean is kept as a pair
// (rounded, what it lacks), so data with a large offset lose nothing.
// Invariant: sums over rows (dweight, dbias) are cut into fixed ranges of rows, folded in order.
#include "cuda/kernels_decl.hpp"
#include "cuda/moments.hpp"
#include "cuda/value.hpp"

namespace nnx::cuda {
namespace {

template <bool kWarp, class T>
__global__ void layer_norm_kernel(int64_t rows, int64_t n, double eps, const T* x, const T* weight,
                                  const T* bias, T* y, T* mean, T* rstd) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    T* to = y + row * n;
    const Moments m = moments_of(r, n, room, [&](int64_t i) { return from[i]; });
    const T shift = static_cast<T>(m.mean);
    const T lack = static_cast<T>(m.mean - static_cast<double>(shift));
    const T scale = static_cast<T>(1.0 / ::sqrt(m.m2 / static_cast<double>(n) + eps));
    for (int64_t i = r.at; i < n; i += r.width) {
      T value = ((from[i] - shift) - lack) * scale;
      if (weight) value *= weight[i];
      if (bias) value += bias[i];
      to[i] = value;
    }
    if (r.at == 0) {
      mean[row] = shift;
      rstd[row] = scale;
    }
  }
}

// With h = (x - mean) rstd and u = g weight: dx = rstd (u - mean(u) - h mean(u h)).
template <bool kWarp, class T>
__global__ void input_gradient_kernel(int64_t rows, int64_t n, const T* x, const T* weight,
                                      const T* mean, const T* rstd, const T* g, T* dx) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const int64_t first = row * n;
    const T shift = mean[row], scale = rstd[row];
    T rest = 0;
    for (int64_t i = r.at; i < n; i += r.width) rest += x[first + i] - shift;
    const T lack = r.fold(rest, T(0), room, Sum{}) / static_cast<T>(n);
    Compensated<T> sum_u, sum_uh;
    for (int64_t i = r.at; i < n; i += r.width) {
      const T h = ((x[first + i] - shift) - lack) * scale;
      const T u = weight ? g[first + i] * weight[i] : g[first + i];
      sum_u.add(u);
      sum_uh.add(u * h);
    }
    const T mean_u = r.fold(sum_u.value(), T(0), room, Sum{}) / static_cast<T>(n);
    const T mean_uh = r.fold(sum_uh.value(), T(0), room, Sum{}) / static_cast<T>(n);
    for (int64_t i = r.at; i < n; i += r.width) {
      const T h = ((x[first + i] - shift) - lack) * scale;
      const T u = weight ? g[first + i] * weight[i] : g[first + i];
      dx[first + i] = scale * ((u - mean_u) - h * mean_uh);
    }
  }
}

// What each mean lacks, one warp a row.
template <bool kWarp, class T>
__global__ void lack_kernel(int64_t rows, int64_t n, const T* x, const T* mean, T* lack) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    T rest = 0;
    for (int64_t i = r.at; i < n; i += r.width) rest += x[row * n + i] - mean[row];
    rest = r.fold(rest, T(0), room, Sum{});
    if (r.at == 0) lack[row] = rest / static_cast<T>(n);
  }
}

// Sums of g h and g over the rows of a piece (blockIdx.y), for 32 columns by 8 rows of threads.
template <class T>
__global__ void weight_gradient_kernel(int64_t rows, int64_t n, int64_t piece, const T* x,
                                       const T* mean, const T* lack, const T* rstd, const T* g,
                                       T* dweight, T* dbias) {
  __shared__ T gh[8][33], gs[8][33];
  const int column = int(threadIdx.x) % 32, line = int(threadIdx.x) / 32;
  const int64_t first = int64_t{blockIdx.y} * piece;
  const int64_t last = first + piece < rows ? first + piece : rows;
  for (int64_t base = int64_t{blockIdx.x} * 32; base < n; base += int64_t{gridDim.x} * 32) {
    const int64_t i = base + column;
    Compensated<T> to_weight, to_bias;
    if (i < n)
      for (int64_t row = first + line; row < last; row += 8) {
        const T grad = g[row * n + i];
        to_weight.add(grad * (((x[row * n + i] - mean[row]) - lack[row]) * rstd[row]));
        to_bias.add(grad);
      }
    gh[line][column] = to_weight.value();
    gs[line][column] = to_bias.value();
    __syncthreads();
    if (line == 0 && i < n) {
      T a = gh[0][column], b = gs[0][column];
      for (int k = 1; k < 8; ++k) {
        a += gh[k][column];
        b += gs[k][column];
      }
      dweight[int64_t{blockIdx.y} * n + i] = a;
      dbias[int64_t{blockIdx.y} * n + i] = b;
    }
    __syncthreads();
  }
}
template <class T>
__global__ void fold_pieces_kernel(int64_t pieces, int64_t n, const T* parts, T* out) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n;
       i += int64_t{gridDim.x} * blockDim.x) {
    Compensated<T> sum;
    for (int64_t p = 0; p < pieces; ++p) sum.add(parts[p * n + i]);
    out[i] = sum.value();
  }
}

template <class T>
void weight_gradients(int64_t rows, int64_t n, const T* x, const T* mean, const T* rstd, const T* g,
                      T* dweight, T* dbias) {
  const int64_t pieces = rows < 64 ? 1 : ceil_div(rows, 64) < 128 ? ceil_div(rows, 64) : 128;
  const int64_t piece = ceil_div(rows, pieces);
  const Scratch room(static_cast<std::size_t>(2 * pieces * n + rows) * sizeof(T));
  T *parts_w = room.as<T>(), *parts_b = parts_w + pieces * n, *lack = parts_b + pieces * n;
  launch_rows("layer_norm", lack_kernel<true, T>, lack_kernel<false, T>, rows, n, rows, n, x, mean,
              lack);
  dim3 grid = blocks_for(n, 32);
  grid.y = static_cast<unsigned>(ceil_div(rows, piece));
  launch("layer_norm", weight_gradient_kernel<T>, grid, dim3(256), 0, rows, n, piece, x, mean,
         static_cast<const T*>(lack), rstd, g, parts_w, parts_b);
  const auto fold = [&](const T* parts, T* out) {
    if (out)
      launch("layer_norm", fold_pieces_kernel<T>, blocks_for(n), dim3(kThreads), 0, int64_t{grid.y},
             n, parts, out);
  };
  fold(parts_w, dweight);
  fold(parts_b, dbias);
}

template <bool kWarp, class T>
__global__ void moments_kernel(int64_t rows, int64_t n, const T* x, T* mean, T* m2) {
  __shared__ T room[32];
  const Row<kWarp> r;
  for (int64_t row = r.row; row < rows; row += r.step) {
    const T* from = x + row * n;
    const Moments m = moments_of(r, n, room, [&](int64_t i) { return from[i]; });
    if (r.at == 0) {
      mean[row] = static_cast<T>(m.mean);
      m2[row] = static_cast<T>(m.m2);
    }
  }
}

}  // namespace

void layer_norm(Lane lane, std::int64_t rows, std::int64_t n, double eps, const void* x,
                const void* weight, const void* bias, void* y, void* mean, void* rstd) {
  if (rows == 0 || n == 0) return;
  with_float(lane, [&]<class T>() {
    launch_rows("layer_norm", layer_norm_kernel<true, T>, layer_norm_kernel<false, T>, rows, n,
                rows, n, eps, static_cast<const T*>(x), static_cast<const T*>(weight),
                static_cast<const T*>(bias), static_cast<T*>(y), static_cast<T*>(mean),
                static_cast<T*>(rstd));
  });
}

void layer_norm_backward(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                         const void* weight, const void* mean, const void* rstd, const void* g,
                         void* dx, void* dweight, void* dbias) {
  with_float(lane, [&]<class T>() {
    const auto in = [](const void* p) { return static_cast<const T*>(p); };
    const auto out = [](void* p) { return static_cast<T*>(p); };
    if (rows == 0 || n == 0) {
      for (void* sum : {dweight, dbias})
        if (sum && n)
          check(cudaMemsetAsync(sum, 0, static_cast<std::size_t>(n) * sizeof(T), stream()),
                "layer_norm");
      return;
    }
    if (dx)
      launch_rows("layer_norm", input_gradient_kernel<true, T>, input_gradient_kernel<false, T>,
                  rows, n, rows, n, in(x), in(weight), in(mean), in(rstd), in(g), out(dx));
    if (dweight || dbias)
      weight_gradients(rows, n, in(x), in(mean), in(rstd), in(g), out(dweight), out(dbias));
  });
}

void moments(Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* mean, void* m2) {
  if (rows == 0 || n == 0) return;
  with_float(lane, [&]<class T>() {
    launch_rows("moments", moments_kernel<true, T>, moments_kernel<false, T>, rows, n, rows, n,
                static_cast<const T*>(x), static_cast<T*>(mean), static_cast<T*>(m2));
  });
}

}  // namespace nnx::cuda
