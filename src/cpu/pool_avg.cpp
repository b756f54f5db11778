// Mean of windows, and its transpose.
// Invariants: a sum runs over its window in row-major order; what the windows of an input hold is
// added in the order of the outputs, by one thread for a plane.
#include "cpu/kernels_decl.hpp"
#include "cpu/pool.hpp"

namespace nnx::cpu {
namespace {

std::int64_t counted(const PoolJob& job, const Window& w) {
  return job.count_padding ? w.size : w.count;
}

// What the sum of a window is divided by: a factor of its row and one of its column.
template <class T>
class Divisors {
 public:
  explicit Divisors(const PoolJob& j) : job_(j) {
    const PoolAxis& width = j.axis[2];
    for (std::int64_t o = 0; o < width.out; ++o)
      columns_.push_back(j.divisor != 0 ? T(1) : static_cast<T>(counted(j, window_at(width, o))));
  }
  T of_row(const Window& depth, const Window& height) const {
    return job_.divisor != 0 ? static_cast<T>(job_.divisor)
                             : static_cast<T>(counted(job_, depth) * counted(job_, height));
  }
  const T* of_columns() const { return columns_.data(); }

 private:
  const PoolJob& job_;
  std::vector<T> columns_;
};

template <class T>
void avg_of_quads(const PoolJob& job, const T* x, T* y) {
  using V = Vec<T>;
  const Quads<T> quads{job};
  const std::int64_t n = job.axis[2].out, width = job.axis[2].in;
  quads.for_rows([&](std::int64_t row) {
    const T* upper = quads.upper(x, row);
    for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
      const auto [v00, v01] = Quads<T>::load(upper, i, n);
      const auto [v10, v11] = Quads<T>::load(upper + width, i, n);
      lanes.store((((v00 + v01) + v10) + v11) * V(0.25), y + row * n + i);
    });
  });
}

template <class T>
void avg_of_phases(const PoolJob& job, const T* x, T* y) {
  using V = Vec<T>;
  const PoolAxis& width = job.axis[2];
  const Phases phases(width);
  const Divisors<T> divisors(job);
  const std::int64_t lines = job.axis[0].kernel * job.axis[1].kernel, n = width.out;
  const std::int64_t cost = 2 * width.in + lines * width.kernel * n + 64;
  for_lines(job, phases, T(0), x, cost, [&](const OutputRow& o, std::span<const Line<T>> seen) {
    const V divisor(divisors.of_row(o.depth, o.height));
    for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
      V sum(0);
      for (const Line<T>& line : seen)
        for (std::int64_t t = 0; t < width.kernel; ++t)
          sum += lanes.load(line.at + phases.at(t) + i);
      lanes.store(sum / (divisor * lanes.load(divisors.of_columns() + i)), y + o.at + i);
    });
  });
}

template <class T>
void avg_of_any(const PoolJob& job, const T* x, T* y) {
  const PoolAxis& width = job.axis[2];
  const Divisors<T> divisors(job);
  for_output_rows(job, 4 * held(job) * width.out + 64, [&](const OutputRow& o) {
    const T divisor = divisors.of_row(o.depth, o.height);
    for (std::int64_t i = 0; i < width.out; ++i) {
      const Window w = window_at(width, i);
      T sum = 0;
      for_input_rows(job, o, x, [&](const T* row, std::int64_t) {
        for (std::int64_t t = 0; t < w.count; ++t) sum += row[w.first + t];
      });
      y[o.at + i] = sum / (divisor * divisors.of_columns()[i]);
    }
  });
}

// --- the transpose ------------------------------------------------------------------------------

// The outputs along an axis whose windows hold input i: [first, last).
std::pair<std::int64_t, std::int64_t> holders(const PoolAxis& a, std::int64_t i) {
  const std::int64_t behind = i + a.pad - a.kernel;  // the first window starts later
  return {behind < 0 ? 0 : behind / a.stride + 1, std::min((i + a.pad) / a.stride + 1, a.out)};
}

// First along the rows, once for each row of outputs, then across them.
template <class T>
void spread_phases(const PoolJob& job, const T* g, T* dx) {
  using V = Vec<T>;
  const PoolAxis &depth = job.axis[0], &height = job.axis[1], &width = job.axis[2];
  const Phases phases(width);
  const Divisors<T> divisors(job);
  const std::int64_t rows = depth.out * height.out, n = width.out, in = width.in;
  const std::int64_t numbers = rows * in + phases.room() + n;
  const std::int64_t cost =
      rows * (in + 3 * width.kernel * n + 64) + inputs(job) * (1 + job.axis[1].kernel);
  for_ranges(job.planes, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    T* along = static_cast<T*>(scratch(static_cast<std::size_t>(numbers) * sizeof(T), Slot::work));
    T* sums = along + rows * in;
    T* share = sums + phases.room();
    for (std::int64_t p = begin; p < end; ++p) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const OutputRow o = output_row(job, p * rows + r);
        const V divisor(divisors.of_row(o.depth, o.height));
        for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
          const V by = divisor * lanes.load(divisors.of_columns() + i);
          lanes.store(lanes.load(g + o.at + i) / by, share + i);
        });
        std::fill(sums, sums + phases.room(), T(0));
        for (std::int64_t t = width.kernel - 1; t >= 0; --t) {
          T* to = sums + phases.at(t);
          for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
            lanes.store(lanes.load(to + i) + lanes.load(share + i), to + i);
          });
        }
        phases.join(sums, along + r * in);
      }
      for (std::int64_t r = 0; r < depth.in * height.in; ++r) {
        const auto [first_d, last_d] = holders(depth, r / height.in);
        const auto [first_h, last_h] = holders(height, r % height.in);
        T* to = dx + p * inputs(job) + r * in;
        for_vectors<T>(in, [&](std::int64_t i, auto lanes) {
          V sum(0);
          for (std::int64_t d = first_d; d < last_d; ++d)
            for (std::int64_t h = first_h; h < last_h; ++h)
              sum += lanes.load(along + (d * height.out + h) * in + i);
          lanes.store(sum, to + i);
        });
      }
    }
  });
}

template <class T>
void spread_any(const PoolJob& job, const T* g, T* dx) {
  const PoolAxis& width = job.axis[2];
  const Divisors<T> divisors(job);
  const std::int64_t n = inputs(job), rows = job.axis[0].out * job.axis[1].out;
  const std::int64_t cost = n + 4 * held(job) * rows * width.out;
  for_ranges(job.planes, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      std::fill(dx + p * n, dx + (p + 1) * n, T(0));
      for (std::int64_t r = p * rows; r < (p + 1) * rows; ++r) {
        const OutputRow o = output_row(job, r);
        const T divisor = divisors.of_row(o.depth, o.height);
        for (std::int64_t i = 0; i < width.out; ++i) {
          const Window w = window_at(width, i);
          const T share = g[o.at + i] / (divisor * divisors.of_columns()[i]);
          for_input_rows(job, o, dx, [&](T* row, std::int64_t) {
            for (std::int64_t t = 0; t < w.count; ++t) row[w.first + t] += share;
          });
        }
      }
    }
  });
}

template <class T>
void spread_quads(const PoolJob& job, const T* g, T* dx) {
  using V = Vec<T>;
  const Quads<T> quads{job};
  const std::int64_t n = job.axis[2].out, width = job.axis[2].in;
  quads.for_rows([&](std::int64_t row) {
    T* upper = quads.upper(dx, row);
    for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
      const V share = lanes.load(g + row * n + i) * V(0.25);
      Quads<T>::store(share, share, upper, i, n);
      Quads<T>::store(share, share, upper + width, i, n);
    });
    quads.clear_rest(dx, row);
  });
}

bool quads_fit(const PoolJob& job) { return job.divisor == 0 && Quads<float>::fit(job); }

}  // namespace

void avg_pool(const PoolJob& job, core::Lane lane, const void* x, void* y) {
  with_float(lane, [&]<class T>(T) {
    const auto run = quads_fit(job)     ? avg_of_quads<T>
                     : Phases::fit(job) ? avg_of_phases<T>
                                        : avg_of_any<T>;
    run(job, static_cast<const T*>(x), static_cast<T*>(y));
  });
}

void avg_pool_scatter(const PoolJob& job, core::Lane lane, const void* g, void* dx) {
  with_float(lane, [&]<class T>(T) {
    constexpr std::int64_t kLeastOutputs = 5;  // of shorter rows the sums cost more than they save
    constexpr std::int64_t kMostNumbers = 1 << 17;
    const bool wide = Phases::fit(job) && job.axis[2].out >= kLeastOutputs &&
                      job.axis[0].out * job.axis[1].out * job.axis[2].in <= kMostNumbers;
    const auto run = quads_fit(job) ? spread_quads<T> : wide ? spread_phases<T> : spread_any<T>;
    run(job, static_cast<const T*>(g), static_cast<T*>(dx));
  });
}

}  // namespace nnx::cpu
