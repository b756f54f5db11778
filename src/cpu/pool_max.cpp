// Max pooling, and the two ways along the elements it chose: gradients back to them, and numbers
// from where they stand.
// The order of comparisons is PyTorch's: taps in row-major order, a larger number replaces the one
// held, and so does every NaN.
// Invariant: a plane, or a row of outputs whose windows overlap no other, is written by one thread.
#include <array>
#include <limits>

#include "cpu/kernels_decl.hpp"
#include "cpu/pool.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kMostTaps = 256;

template <class T>
inline Mask<T> beats(Vec<T> v, Vec<T> held) {
  return (v > held) | (v != v);
}

// Positions in the plane of the taps of a window, relative to where its padded corner stands.
class TapPositions {
 public:
  explicit TapPositions(const PoolJob& j) : job_(j) {
    std::size_t i = 0;
    for (std::int64_t d = 0; d < j.axis[0].kernel; ++d)
      for (std::int64_t h = 0; h < j.axis[1].kernel; ++h)
        for (std::int64_t w = 0; w < j.axis[2].kernel; ++w)
          from_corner_[i++] =
              (d * j.axis[0].dilation * j.axis[1].in + h * j.axis[1].dilation) * j.axis[2].in +
              w * j.axis[2].dilation;
  }
  std::int64_t corner(std::int64_t d, std::int64_t h) const {
    const auto start = [](const PoolAxis& a, std::int64_t o) { return o * a.stride - a.pad; };
    return (start(job_.axis[0], d) * job_.axis[1].in + start(job_.axis[1], h)) * job_.axis[2].in -
           job_.axis[2].pad;
  }
  std::int64_t operator[](std::uint8_t tap) const { return from_corner_[tap]; }

 private:
  const PoolJob& job_;
  std::array<std::int64_t, kMostTaps> from_corner_;
};

// f(o, position) for every output of a plane: where in it the tap of output o stands.
template <class F>
inline void for_taps(const PoolJob& j, const TapPositions& positions, const std::uint8_t* taps,
                     F&& f) {
  std::int64_t o = 0;
  for (std::int64_t d = 0; d < j.axis[0].out; ++d)
    for (std::int64_t h = 0; h < j.axis[1].out; ++h) {
      std::int64_t corner = positions.corner(d, h);
      for (std::int64_t w = 0; w < j.axis[2].out; ++w, ++o, corner += j.axis[2].stride)
        f(o, corner + positions[taps[o]]);
    }
}

template <bool kTaps, class T>
void max_of_quads(const PoolJob& job, const T* x, T* y, std::uint8_t* taps) {
  using V = Vec<T>;
  using I = typename V::Int;
  const Quads<T> quads{job};
  const std::int64_t n = job.axis[2].out, width = job.axis[2].in;
  quads.for_rows([&](std::int64_t row) {
    const T* upper = quads.upper(x, row);
    for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
      const auto [v00, v01] = Quads<T>::load(upper, i, n);
      const auto [v10, v11] = Quads<T>::load(upper + width, i, n);
      if constexpr (kTaps) {
        const auto right0 = beats(v01, v00), right1 = beats(v11, v10);
        const V top = select(right0, v01, v00), bottom = select(right1, v11, v10);
        const auto below = beats(bottom, top);
        lanes.store(select(below, bottom, top), y + row * n + i);
        const I tap = select(below, select(right1, I(3), I(2)), select(right0, I(1), I(0)));
        store_bytes<T>(tap, taps + row * n + i, lanes);
      } else {
        lanes.store(v11.maximum(v10).maximum(v01.maximum(v00)), y + row * n + i);
      }
    });
  });
}

// What a kernel of regular windows needs beside the rows: the first tap of each output of a row.
template <class T>
std::vector<SignedOf<T>> first_taps(const PoolAxis& a) {
  std::vector<SignedOf<T>> taps(static_cast<std::size_t>(a.out));
  for (std::int64_t o = 0; o < a.out; ++o)
    taps[static_cast<std::size_t>(o)] = static_cast<SignedOf<T>>(window_at(a, o).tap);
  return taps;
}

template <bool kTaps, class T>
void max_of_phases(const PoolJob& job, const T* x, T* y, std::uint8_t* taps) {
  using V = Vec<T>;
  using I = typename V::Int;
  const PoolAxis& width = job.axis[2];
  const Phases phases(width);
  const T lowest = -std::numeric_limits<T>::infinity();
  const std::vector<SignedOf<T>> first = kTaps ? first_taps<T>(width) : std::vector<SignedOf<T>>();
  const std::int64_t lines = job.axis[0].kernel * job.axis[1].kernel, n = width.out;
  const std::int64_t cost = 2 * width.in + 2 * lines * width.kernel * n + 64;
  for_lines(job, phases, lowest, x, cost, [&](const OutputRow& o, std::span<const Line<T>> seen) {
    for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
      V best(lowest);
      I tap(0);
      if constexpr (kTaps)
        tap = lanes.load(reinterpret_cast<const T*>(first.data()) + i).as_int() + I(seen[0].tap);
      for (const Line<T>& line : seen)
        for (std::int64_t t = 0; t < width.kernel; ++t) {
          const V v = lanes.load(line.at + phases.at(t) + i);
          if constexpr (kTaps) {
            const auto better = beats(v, best);
            best = select(better, v, best);
            tap = select(better, I(line.tap + t), tap);
          } else {
            best = v.maximum(best);
          }
        }
      lanes.store(best, y + o.at + i);
      if constexpr (kTaps) store_bytes<T>(tap, taps + o.at + i, lanes);
    });
  });
}

// Any windows, one output after the other.
template <class T>
void max_of_any(const PoolJob& job, const T* x, T* y, std::uint8_t* taps, std::int64_t* index) {
  const PoolAxis& width = job.axis[2];
  for_output_rows(job, 4 * held(job) * width.out + 64, [&](const OutputRow& o) {
    const T* plane = x + o.plane * inputs(job);
    for (std::int64_t i = 0; i < width.out; ++i) {
      const Window w = window_at(width, i);
      T best = -std::numeric_limits<T>::infinity();
      std::int64_t position = -1, tap = 0;
      for_input_rows(job, o, x, [&](const T* row, std::int64_t first) {
        const std::int64_t start = row - plane + w.first;
        if (position < 0) {
          position = start;
          tap = first + w.tap;
        }
        for (std::int64_t t = 0; t < w.count; ++t) {
          const T v = row[w.first + t * width.dilation];
          const bool better = (v > best) | (v != v);
          best = better ? v : best;
          position = better ? start + t * width.dilation : position;
          tap = better ? first + w.tap + t : tap;
        }
      });
      y[o.at + i] = best;
      if (taps) taps[o.at + i] = static_cast<std::uint8_t>(tap);
      if (index) index[o.at + i] = position;
    }
  });
}

}  // namespace

void max_pool(const PoolJob& job, core::Lane lane, const void* x, void* y, std::uint8_t* taps,
              std::int64_t* index) {
  with_float(lane, [&]<class T>(T) {
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    const bool quads = Quads<T>::fit(job);
    if ((!quads && !Phases::fit(job)) || (index && volume(job) > kMostTaps))
      return max_of_any(job, from, to, taps, index);
    const std::int64_t n = outputs(job);
    std::vector<std::uint8_t> found(static_cast<std::size_t>(index ? job.planes * n : 0));
    if (index) taps = found.data();
    const auto run = quads ? (taps ? max_of_quads<true, T> : max_of_quads<false, T>)
                           : (taps ? max_of_phases<true, T> : max_of_phases<false, T>);
    run(job, from, to, taps);
    if (!index) return;
    const TapPositions positions(job);
    for_ranges(job.planes, grain_for(8 * n), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p)
        for_taps(job, positions, taps + p * n,
                 [&](std::int64_t o, std::int64_t position) { index[p * n + o] = position; });
    });
  });
}

void max_pool_scatter(const PoolJob& job, core::Lane lane, const void* g, const std::uint8_t* taps,
                      void* dx) {
  with_float(lane, [&]<class T>(T) {
    const T* from = static_cast<const T*>(g);
    T* to = static_cast<T*>(dx);
    if (Quads<T>::fit(job)) {
      using V = Vec<T>;
      const Quads<T> quads{job};
      const std::int64_t n = job.axis[2].out, width = job.axis[2].in;
      quads.for_rows([&](std::int64_t row) {
        T* upper = quads.upper(to, row);
        for_vectors<T>(n, [&](std::int64_t i, auto lanes) {
          const V v = lanes.load(from + row * n + i);
          const auto tap = load_bytes<T>(taps + row * n + i, lanes);
          const auto part = [&](int t) { return select(tap == t, v, V(0)); };
          Quads<T>::store(part(0), part(1), upper, i, n);
          Quads<T>::store(part(2), part(3), upper + width, i, n);
        });
        quads.clear_rest(to, row);
      });
      return;
    }
    const TapPositions positions(job);
    const std::int64_t n = inputs(job), m = outputs(job);
    for_ranges(job.planes, grain_for(n + 8 * m), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        T* plane = to + p * n;
        std::fill(plane, plane + n, T(0));
        for_taps(job, positions, taps + p * m, [&](std::int64_t o, std::int64_t position) {
          plane[position] += from[p * m + o];
        });
      }
    });
  });
}

void max_pool_gather(const PoolJob& job, core::Lane lane, const void* x, const std::uint8_t* taps,
                     void* y) {
  with_float(lane, [&]<class T>(T) {
    const TapPositions positions(job);
    const std::int64_t n = inputs(job), m = outputs(job);
    for_ranges(job.planes, grain_for(8 * m), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const T* plane = static_cast<const T*>(x) + p * n;
        for_taps(job, positions, taps + p * m, [&](std::int64_t o, std::int64_t position) {
          static_cast<T*>(y)[p * m + o] = plane[position];
        });
      }
    });
  });
}

}  // namespace nnx::cpu
