// Batch normalisation and its gradient: statistics over the samples and positions of a channel.
// Long planes (images) are read where they lie: a channel is `n` runs of `length` elements. Short
// ones (features, the last small images of a network) are columns of a matrix (n, channels *
// length): a vector holds neighbouring columns, and the columns of a channel meet at the end.
// Invariants: mean and variance are kept in double, a mean in work is a pair (rounded, what it
// lacks); work is cut over channels and, where those are few, over fixed ranges of samples, whose
// sums are combined in order.
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/moments.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

using Job = core::BatchNormJob;

// The tensors of a backward call; dx, dweight, dbias may be null.
template <class T>
struct Gradients {
  const T* g;
  T *dx, *dweight, *dbias;
};

// y = ((x - mean) - lack) * scale + bias.
template <class T>
struct Affine {
  T mean, lack, scale, bias;
};
double deviation_scale(const Job& job, std::int64_t c) {
  return 1 / std::sqrt(job.var[c] + job.eps);
}
template <class T>
Affine<T> affine_of(const Job& job, std::int64_t c) {
  const auto [mean, lack] = SplitMean<T>(job.mean[c]);
  const double weight = job.weight ? static_cast<const T*>(job.weight)[c] : 1;
  const T bias = job.bias ? static_cast<const T*>(job.bias)[c] : T(0);
  return {mean, lack, static_cast<T>(deviation_scale(job, c) * weight), bias};
}

// Sums over a channel of g and of g (x - mean).
struct Sums {
  double g = 0, gd = 0;

  void add(const Sums& o) {
    g += o.g;
    gd += o.gd;
  }
};

// dx = (g - mean_g - ((x - mean) - lack) * slope) * scale.
template <class T>
struct Slopes {
  T mean_g, slope;
};
template <class T>
Slopes<T> slopes_of(const Job& job, std::int64_t c, const Sums& sums) {
  if (!job.batch) return {T(0), T(0)};
  const double share = 1 / static_cast<double>(job.n * job.length);
  return {static_cast<T>(sums.g * share), static_cast<T>(sums.gd * share / (job.var[c] + job.eps))};
}
template <class T>
void store_sums(const Job& job, std::int64_t c, const Sums& sums, const Gradients<T>& to) {
  if (to.dweight) to.dweight[c] = static_cast<T>(sums.gd * deviation_scale(job, c));
  if (to.dbias) to.dbias[c] = static_cast<T>(sums.g);
}

// --- long planes --------------------------------------------------------------------------------

template <class T>
struct Planes {
  using V = Vec<T>;
  const Job& job;
  const T* x = static_cast<const T*>(job.x);
  std::int64_t n = job.n, channels = job.channels, length = job.length;
  std::int64_t stride = channels * length;

  // A channel is cut into ranges of samples where channels alone are too few for the threads.
  static constexpr std::int64_t kEnough = 16, kMostParts = 2 * kEnough;
  std::int64_t wanted = n * stride < 1 << 16 ? 1 : (kEnough + channels - 1) / channels;
  std::int64_t samples = (n + wanted - 1) / wanted;
  std::int64_t parts = (n + samples - 1) / samples;

  // f(channel, first sample, last sample, which of the channel's parts)
  template <class F>
  void for_parts(std::int64_t passes, F&& f) const {
    for_ranges(channels * parts, grain_for(samples * (length + 8) * passes * 2),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t c = i / parts, first = i % parts * samples;
                   f(c, first, std::min(n, first + samples), i);
                 }
               });
  }
  // f(offset, elements, runs) for blocks of runs `stride` apart.
  template <class F>
  void for_blocks(std::int64_t c, std::int64_t first, std::int64_t last, F&& f) const {
    const std::int64_t together = kBlock<T> / length;
    if (together > 1) {
      for (std::int64_t i = first; i < last; i += together)
        f(i * stride + c * length, length, std::min(together, last - i));
      return;
    }
    for (std::int64_t i = first; i < last; ++i)
      for (std::int64_t j = 0; j < length; j += kBlock<T>)
        f(i * stride + c * length + j, std::min(kBlock<T>, length - j), std::int64_t{1});
  }
  template <class F>
  void for_runs(std::int64_t c, std::int64_t first, std::int64_t last, F&& f) const {
    for (std::int64_t i = first; i < last; ++i)
      for_vectors<T>(length, [&, at = i * stride + c * length](std::int64_t j, auto lanes) {
        f(at + j, lanes);
      });
  }

  Moments moments(std::int64_t c, std::int64_t first, std::int64_t last) const {
    Moments found;
    for_blocks(c, first, last, [&](std::int64_t at, std::int64_t elements, std::int64_t runs) {
      found.add(block_moments(Block<T>{x + at, elements, runs, stride}));
    });
    return found;
  }
  void keep(std::int64_t c, const Moments& found) const {
    job.mean[c] = found.mean;
    job.var[c] = found.m2 / found.count;
  }
  void apply(std::int64_t c, std::int64_t first, std::int64_t last, T* y) const {
    const Affine<T> a = affine_of<T>(job, c);
    for_runs(c, first, last, [&](std::int64_t at, auto lanes) {
      const V d = (lanes.load(x + at) - V(a.mean)) - V(a.lack);
      lanes.store(fma(d, V(a.scale), V(a.bias)), y + at);
    });
  }

  void forward(T* y) const {
    if (job.batch && parts > 1) {
      Moments found[kMostParts];
      for_parts(2, [&](std::int64_t c, std::int64_t first, std::int64_t last, std::int64_t i) {
        found[i] = moments(c, first, last);
      });
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t p = 1; p < parts; ++p) found[c * parts].add(found[c * parts + p]);
        keep(c, found[c * parts]);
      }
    }
    for_parts(4, [&](std::int64_t c, std::int64_t first, std::int64_t last, std::int64_t) {
      if (job.batch && parts == 1) keep(c, moments(c, first, last));
      apply(c, first, last, y);
    });
  }

  Sums sums(std::int64_t c, std::int64_t first, std::int64_t last, const T* g) const {
    const Affine<T> a = affine_of<T>(job, c);
    Sums found;
    for_blocks(c, first, last, [&](std::int64_t at, std::int64_t elements, std::int64_t runs) {
      V all[4] = {V(0), V(0), V(0), V(0)}, with[4] = {V(0), V(0), V(0), V(0)};
      Block<T>{x + at, elements, runs, stride}.for_each([&](const T* p, int k, auto lanes) {
        const V grad = lanes.load(g + (p - x));
        const V d = lanes.keep((lanes.load(p) - V(a.mean)) - V(a.lack), V(0));
        all[k] += grad;
        with[k] = fma(grad, d, with[k]);
      });
      found.add({static_cast<double>(fold_sum((all[0] + all[1]) + (all[2] + all[3]))),
                 static_cast<double>(fold_sum((with[0] + with[1]) + (with[2] + with[3])))});
    });
    return found;
  }
  void apply_gradient(std::int64_t c, std::int64_t first, std::int64_t last, const Sums& total,
                      const Gradients<T>& to) const {
    const Affine<T> a = affine_of<T>(job, c);
    const Slopes<T> s = slopes_of<T>(job, c, total);
    for_runs(c, first, last, [&](std::int64_t at, auto lanes) {
      V grad = lanes.load(to.g + at);
      if (job.batch) {
        const V d = (lanes.load(x + at) - V(a.mean)) - V(a.lack);
        grad = (grad - V(s.mean_g)) - d * V(s.slope);
      }
      lanes.store(grad * V(a.scale), to.dx + at);
    });
  }

  void backward(const Gradients<T>& to) const {
    const bool summed = job.batch || to.dweight || to.dbias;
    Sums found[kMostParts];
    if (summed && parts > 1) {
      for_parts(2, [&](std::int64_t c, std::int64_t first, std::int64_t last, std::int64_t i) {
        found[i] = sums(c, first, last, to.g);
      });
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t p = 1; p < parts; ++p) found[c * parts].add(found[c * parts + p]);
        store_sums(job, c, found[c * parts], to);
      }
    }
    if (!to.dx && parts > 1) return;
    for_parts(5, [&](std::int64_t c, std::int64_t first, std::int64_t last, std::int64_t) {
      Sums total;
      if (parts > 1) {
        total = found[c * parts];
      } else if (summed) {
        total = sums(c, first, last, to.g);
        store_sums(job, c, total, to);
      }
      if (to.dx) apply_gradient(c, first, last, total, to);
    });
  }
};

// --- short planes: columns ----------------------------------------------------------------------

constexpr std::int64_t kShortPlane = 32;  // elements; longer planes fill vectors
constexpr std::int64_t kColumns = 512;    // taken together
constexpr std::int64_t kRows = 64;        // additions of a lane before sums go to double

// f(first column, how many vectors, lanes): four vectors at a time, then one, then a part.
template <class T, class F>
void for_column_groups(std::int64_t columns, F&& f) {
  constexpr int w = Vec<T>::width;
  std::int64_t i = 0;
  for (; i + 4 * w <= columns; i += 4 * w) f(i, std::integral_constant<int, 4>{}, Whole<T>{});
  for (; i + w <= columns; i += w) f(i, std::integral_constant<int, 1>{}, Whole<T>{});
  if (i < columns) f(i, std::integral_constant<int, 1>{}, Part<T>{static_cast<int>(columns - i)});
}

template <class T>
struct Columns {
  using V = Vec<T>;
  const Job& job;
  const T* x = static_cast<const T*>(job.x);
  std::int64_t n = job.n, length = job.length, stride = job.channels * job.length;

  // What a block of channels is worked with, expanded to one number a column.
  struct Constants {
    T mean[kColumns], lack[kColumns], scale[kColumns], bias[kColumns];
    T mean_g[kColumns], slope[kColumns];
  };

  // f(first channel, last channel) for blocks of at most kColumns columns.
  template <class F>
  void for_channel_blocks(std::int64_t passes, F&& f) const {
    const std::int64_t line = std::max<std::int64_t>(1, kVectorBytes / sizeof(T) / length);
    for_columns(1, job.channels, n, 2 * passes * length, line,
                [&](std::int64_t, std::int64_t first, std::int64_t last) {
                  for (std::int64_t c = first; c < last; c += kColumns / length)
                    f(c, std::min(last, c + kColumns / length));
                });
  }
  // f(row, column, lanes) over the columns of a block, row by row.
  template <class F>
  void for_rows(std::int64_t columns, F&& f) const {
    for (std::int64_t r = 0; r < n; ++r)
      for_vectors<T>(columns, [&](std::int64_t i, auto lanes) { f(r, i, lanes); });
  }
  template <class F>
  void expand(std::int64_t first, std::int64_t last, F&& f) const {
    for (std::int64_t c = first, i = 0; c < last; ++c)
      for (std::int64_t j = 0; j < length; ++j) f(c, i++);
  }
  void load_affine(std::int64_t first, std::int64_t last, Constants& k) const {
    Affine<T> a{};
    expand(first, last, [&](std::int64_t c, std::int64_t i) {
      if (i % length == 0) a = affine_of<T>(job, c);
      k.mean[i] = a.mean;
      k.lack[i] = a.lack;
      k.scale[i] = a.scale;
      k.bias[i] = a.bias;
    });
  }

  // Rows of a group of columns, a block of rows at a time; adds to the columns' moments.
  template <int kVectors>
  void group_moments(const T* from, std::int64_t rows, double before, auto lanes, double* mean,
                     double* m2) const {
    const double count = static_cast<double>(rows), share = 1 / count, total = before + count;
    V sum[kVectors], rest[kVectors], squares[kVectors], about[kVectors];
    for (int k = 0; k < kVectors; ++k) sum[k] = rest[k] = squares[k] = V(0);
    for (std::int64_t r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int k = 0; k < kVectors; ++k) sum[k] += lanes.load(from + r * stride + k * V::width);
    for (int k = 0; k < kVectors; ++k) about[k] = sum[k] * V(share);
    for (std::int64_t r = 0; r < rows; ++r)
#pragma GCC unroll 4
      for (int k = 0; k < kVectors; ++k) {
        const V d = lanes.load(from + r * stride + k * V::width) - about[k];
        rest[k] += d;
        squares[k] = fma(d, d, squares[k]);
      }
    T centre[V::width], left[V::width], all[V::width];
    for (int k = 0; k < kVectors; ++k) {
      lanes.store(about[k], centre);
      lanes.store(rest[k], left);
      lanes.store(squares[k], all);
      const int columns = lanes_of(lanes);
      for (int i = 0; i < columns; ++i) {
        const std::int64_t at = k * V::width + i;
        const double off = static_cast<double>(left[i]) * share;
        const double found = static_cast<double>(centre[i]) + (std::isinf(centre[i]) ? 0.0 : off);
        const double spread = std::max(static_cast<double>(all[i]) - off * off * count, 0.0);
        const double delta = before > 0 ? found - mean[at] : 0;
        mean[at] = before > 0 ? mean[at] + delta * (count / total) : found;
        m2[at] = (before > 0 ? m2[at] : 0) + spread + delta * delta * (before * count / total);
      }
    }
  }
  static int lanes_of(Whole<T>) { return V::width; }
  static int lanes_of(Part<T> part) { return part.n; }

  void keep_moments(std::int64_t first, std::int64_t last) const {
    double mean[kColumns], m2[kColumns];
    for_column_groups<T>((last - first) * length, [&](std::int64_t i, auto vectors, auto lanes) {
      for (std::int64_t r = 0; r < n; r += kRows)
        group_moments<vectors>(x + first * length + r * stride + i, std::min(kRows, n - r),
                               static_cast<double>(r), lanes, mean + i, m2 + i);
    });
    // Columns of equal counts: the mean of means, and what they differ from it.
    for (std::int64_t c = first; c < last; ++c) {
      const double *means = mean + (c - first) * length, *squares = m2 + (c - first) * length;
      double centre = 0, spread = 0;
      for (std::int64_t j = 0; j < length; ++j) centre += means[j];
      centre /= static_cast<double>(length);
      for (std::int64_t j = 0; j < length; ++j) {
        const double d = length > 1 ? means[j] - centre : 0;
        spread += squares[j] + static_cast<double>(n) * (d * d);
      }
      job.mean[c] = centre;
      job.var[c] = spread / static_cast<double>(n * length);
    }
  }

  void forward(T* y) const {
    for_channel_blocks(4, [&](std::int64_t first, std::int64_t last) {
      if (job.batch) keep_moments(first, last);
      Constants k;
      load_affine(first, last, k);
      const std::int64_t start = first * length;
      for_rows((last - first) * length, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const std::int64_t at = start + r * stride + i;
        const V d = (lanes.load(x + at) - lanes.load(k.mean + i)) - lanes.load(k.lack + i);
        lanes.store(fma(d, lanes.load(k.scale + i), lanes.load(k.bias + i)), y + at);
      });
    });
  }

  // The sums of every column, in double.
  void column_sums(std::int64_t start, std::int64_t columns, const T* g, const Constants& k,
                   Sums* found) const {
    for_column_groups<T>(columns, [&](std::int64_t i, auto count, auto lanes) {
      constexpr int vectors = count;
      V mean[vectors], lack[vectors];
      for (int v = 0; v < vectors; ++v) {
        mean[v] = lanes.load(k.mean + i + v * V::width);
        lack[v] = lanes.load(k.lack + i + v * V::width);
      }
      for (std::int64_t begin = 0; begin < n; begin += kRows) {
        V all[vectors], with[vectors];
        for (int v = 0; v < vectors; ++v) all[v] = with[v] = V(0);
        for (std::int64_t r = begin; r < std::min(n, begin + kRows); ++r)
#pragma GCC unroll 4
          for (int v = 0; v < vectors; ++v) {
            const std::int64_t at = start + r * stride + i + v * V::width;
            const V grad = lanes.load(g + at);
            all[v] += grad;
            with[v] = fma(grad, (lanes.load(x + at) - mean[v]) - lack[v], with[v]);
          }
        T part[V::width], other[V::width];
        for (int v = 0; v < vectors; ++v) {
          lanes.store(all[v], part);
          lanes.store(with[v], other);
          for (int j = 0; j < lanes_of(lanes); ++j)
            found[i + v * V::width + j].add(
                {static_cast<double>(part[j]), static_cast<double>(other[j])});
        }
      }
    });
  }

  void backward(const Gradients<T>& to) const {
    const bool summed = job.batch || to.dweight || to.dbias;
    for_channel_blocks(6, [&](std::int64_t first, std::int64_t last) {
      const std::int64_t start = first * length, columns = (last - first) * length;
      Constants k;
      load_affine(first, last, k);
      Sums found[kColumns] = {}, total;
      if (summed) column_sums(start, columns, to.g, k, found);
      Slopes<T> s{};
      expand(first, last, [&](std::int64_t c, std::int64_t i) {
        if (i % length == 0) {
          total = {};
          for (std::int64_t j = 0; j < length; ++j) total.add(found[i + j]);
          store_sums(job, c, total, to);
          s = slopes_of<T>(job, c, total);
        }
        k.mean_g[i] = s.mean_g;
        k.slope[i] = s.slope;
      });
      if (!to.dx) return;
      for_rows(columns, [&](std::int64_t r, std::int64_t i, auto lanes) {
        const std::int64_t at = start + r * stride + i;
        V grad = lanes.load(to.g + at);
        if (job.batch) {
          const V d = (lanes.load(x + at) - lanes.load(k.mean + i)) - lanes.load(k.lack + i);
          grad = (grad - lanes.load(k.mean_g + i)) - d * lanes.load(k.slope + i);
        }
        lanes.store(grad * lanes.load(k.scale + i), to.dx + at);
      });
    });
  }
};

// f(worker) with the way of working that suits the length of the planes.
template <class F>
void with_worker(const Job& job, F&& f) {
  if (job.n <= 0 || job.channels <= 0 || job.length <= 0) return;
  with_float(job.lane, [&]<class T>(T) {
    if (job.length < kShortPlane) f(Columns<T>{job}, T{});
    else f(Planes<T>{job}, T{});
  });
}

}  // namespace

void batch_norm(const core::BatchNormJob& job, void* y) {
  with_worker(job, [&]<class T>(const auto& worker, T) { worker.forward(static_cast<T*>(y)); });
}

void batch_norm_backward(const core::BatchNormJob& job, const void* g, void* dx, void* dweight,
                         void* dbias) {
  with_worker(job, [&]<class T>(const auto& worker, T) {
    worker.backward({static_cast<const T*>(g), static_cast<T*>(dx), static_cast<T*>(dweight),
                     static_cast<T*>(dbias)});
  });
}

}  // namespace nnx::cpu
