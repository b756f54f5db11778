// What the pooling kernels share: the windows of an axis, and rows laid out so that the windows of
// neighbouring outputs lie side by side.
//
// A row is split into phases: phase p holds the columns p, p + stride, p + 2 stride, ... of the
// padded row. Tap t of output j then stands in phase (t dilation) mod stride at place
// j + (t dilation) / stride, so for any kernel, stride, padding and dilation a vector of outputs
// meets a tap as one vector of adjacent numbers. Windows of 2 by 2 at stride 2, the most common,
// are taken straight from memory (Quads).
// Invariant: sums run over the taps of a window in row-major order, on every path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "core/kernels.hpp"
#include "cpu/host.hpp"
#include "cpu/lane_bytes.hpp"
#include "cpu/lanes.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

using core::PoolAxis;
using core::PoolJob;

// The part of an output's window that lies inside the axis.
struct Window {
  std::int64_t first, count;  // inputs
  std::int64_t tap;           // which element of the window the first one is
  std::int64_t size;          // of the window with its padding, as averages count it
};

inline Window window_at(const PoolAxis& a, std::int64_t o) {
  if (a.kernel == 0) {
    const std::int64_t first = o * a.in / a.out, last = ((o + 1) * a.in + a.out - 1) / a.out;
    return {first, last - first, 0, last - first};
  }
  const std::int64_t start = o * a.stride - a.pad;
  const std::int64_t tap = start < 0 ? (a.dilation - 1 - start) / a.dilation : 0;
  const std::int64_t fit = a.in > start ? (a.in - start + a.dilation - 1) / a.dilation : 0;
  return {start + tap * a.dilation, std::max<std::int64_t>(std::min(a.kernel, fit) - tap, 0), tap,
          std::min(start + a.kernel, a.in + a.pad) - start};
}

inline std::int64_t inputs(const PoolJob& j) { return j.axis[0].in * j.axis[1].in * j.axis[2].in; }
inline std::int64_t outputs(const PoolJob& j) {
  return j.axis[0].out * j.axis[1].out * j.axis[2].out;
}
// Elements of a window, padding included, as far as they can be counted; 0 for parts of an axis.
inline std::int64_t volume(const PoolJob& j) {
  std::int64_t n = 1;
  for (const PoolAxis& a : j.axis) n *= std::min<std::int64_t>(a.kernel, 1 << 20);
  return n;
}
// Inputs that the largest window holds.
inline std::int64_t held(const PoolJob& j) {
  std::int64_t n = 1;
  for (const PoolAxis& a : j.axis) n *= std::min(a.kernel ? a.kernel : a.in / a.out + 2, a.in);
  return n;
}

// A row of outputs: its plane, the windows of its depth and height, and where it starts.
struct OutputRow {
  std::int64_t plane;
  Window depth, height;
  std::int64_t at;  // first output
};
inline OutputRow output_row(const PoolJob& j, std::int64_t row) {
  const std::int64_t h = row % j.axis[1].out, d = row / j.axis[1].out % j.axis[0].out;
  return {row / (j.axis[1].out * j.axis[0].out), window_at(j.axis[0], d), window_at(j.axis[1], h),
          row * j.axis[2].out};
}
// f(row) for every row of outputs; `cost` units each.
template <class F>
inline void for_output_rows(const PoolJob& j, std::int64_t cost, F&& f) {
  const std::int64_t rows = j.planes * j.axis[0].out * j.axis[1].out;
  for_ranges(rows, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) f(output_row(j, r));
  });
}
// f(pointer, tap) for every row of inputs that a row of outputs sees; tap is that of column 0.
template <class T, class F>
inline void for_input_rows(const PoolJob& j, const OutputRow& o, T* x, F&& f) {
  const PoolAxis &depth = j.axis[0], &height = j.axis[1], &width = j.axis[2];
  T* plane = x + o.plane * inputs(j);
  for (std::int64_t d = 0; d < o.depth.count; ++d)
    for (std::int64_t h = 0; h < o.height.count; ++h)
      f(plane + ((o.depth.first + d * depth.dilation) * height.in + o.height.first +
                 h * height.dilation) *
                    width.in,
        ((o.depth.tap + d) * height.kernel + o.height.tap + h) * width.kernel);
}

// --- lanes in pairs -----------------------------------------------------------------------------

namespace detail {
template <class T, int kFirst, int... i>
inline Vec<T> picked(Vec<T> a, Vec<T> b, std::integer_sequence<int, i...>) {
  using Index = typename Vec<T>::Int::N;
  return Vec<T>(__builtin_shuffle(a.v, b.v, Index{(kFirst + 2 * i)...}));
}
template <class T, int kFirst, int... i>
inline Vec<T> woven(Vec<T> a, Vec<T> b, std::integer_sequence<int, i...>) {
  using Index = typename Vec<T>::Int::N;
  return Vec<T>(__builtin_shuffle(a.v, b.v, Index{(kFirst + i / 2 + i % 2 * Vec<T>::width)...}));
}
}  // namespace detail

// Every second number of a, b, from the first or from the second on.
template <int kFirst, class T>
inline Vec<T> every_second(Vec<T> a, Vec<T> b) {
  return detail::picked<T, kFirst>(a, b, std::make_integer_sequence<int, Vec<T>::width>{});
}
// a0 b0 a1 b1 ..., its lower and its upper half.
template <bool kUpper, class T>
inline Vec<T> woven(Vec<T> a, Vec<T> b) {
  constexpr int w = Vec<T>::width;
  return detail::woven<T, kUpper ? w / 2 : 0>(a, b, std::make_integer_sequence<int, w>{});
}

// Two vectors of numbers from p on, of which the first `n` are there.
template <class T>
inline std::pair<Vec<T>, Vec<T>> load_two(const T* p, std::int64_t n) {
  constexpr int w = Vec<T>::width;
  if (n >= 2 * w) return {Vec<T>::load(p), Vec<T>::load(p + w)};
  const int low = static_cast<int>(std::min<std::int64_t>(n, w));
  return {Vec<T>::load(p, low), Vec<T>::load(p + w, static_cast<int>(n) - low)};
}
template <class T>
inline void store_two(Vec<T> a, Vec<T> b, T* p, std::int64_t n) {
  constexpr int w = Vec<T>::width;
  if (n >= 2 * w) {
    a.store(p);
    b.store(p + w);
    return;
  }
  const int low = static_cast<int>(std::min<std::int64_t>(n, w));
  a.store(p, low);
  b.store(p + w, static_cast<int>(n) - low);
}

// --- windows of 2 by 2 at stride 2 --------------------------------------------------------------

template <class T>
struct Quads {
  using V = Vec<T>;
  const PoolJob& job;

  static bool fit(const PoolJob& j) {
    const auto two = [](const PoolAxis& a) {
      return a.kernel == 2 && a.stride == 2 && a.pad == 0 && a.dilation == 1 && 2 * a.out <= a.in;
    };
    return j.axis[0].in == 1 && j.axis[0].out == 1 && j.axis[0].kernel == 1 && j.axis[0].pad == 0 &&
           two(j.axis[1]) && two(j.axis[2]);
  }
  // The rows of inputs that a row of outputs sees.
  const T* upper(const T* x, std::int64_t row) const { return x + offset(row); }
  T* upper(T* x, std::int64_t row) const { return x + offset(row); }

  // f(row) for every row of outputs.
  template <class F>
  void for_rows(F&& f) const {
    for_ranges(job.planes * job.axis[1].out, grain_for(8 * job.axis[2].out + 32),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) f(r);
               });
  }
  // Left and right numbers of the windows from output i on.
  static std::pair<V, V> load(const T* row, std::int64_t i, std::int64_t n) {
    const auto [a, b] = load_two(row + 2 * i, 2 * (n - i));
    return {every_second<0>(a, b), every_second<1>(a, b)};
  }
  static void store(V left, V right, T* row, std::int64_t i, std::int64_t n) {
    store_two(woven<false>(left, right), woven<true>(left, right), row + 2 * i, 2 * (n - i));
  }
  // Zeros where no window reaches: behind the last column, and below the last row.
  void clear_rest(T* x, std::int64_t row) const {
    const std::int64_t width = job.axis[2].in, used = 2 * job.axis[2].out;
    T* at = upper(x, row);
    for (int r = 0; r < 2; ++r) std::fill(at + r * width + used, at + (r + 1) * width, T(0));
    if ((row + 1) % job.axis[1].out == 0)
      std::fill_n(at + 2 * width, (job.axis[1].in - 2 * job.axis[1].out) * width, T(0));
  }

 private:
  std::int64_t offset(std::int64_t row) const {
    const std::int64_t plane = row / job.axis[1].out, h = row % job.axis[1].out;
    return (plane * job.axis[1].in + 2 * h) * job.axis[2].in;
  }
};

// --- phases -------------------------------------------------------------------------------------

class Phases {
 public:
  // Rows of one or two outputs gain nothing from vectors; large windows would take too much memory.
  static bool fit(const PoolJob& j) {
    constexpr std::int64_t kLeastOutputs = 3, kMostLines = 64, kMostNumbers = 1 << 17;
    std::int64_t numbers = 1;
    for (const PoolAxis& a : j.axis) {
      const std::int64_t reach = (a.kernel - 1) * a.dilation + 1;
      if (a.kernel == 0 || reach > kMostNumbers) return false;
      numbers *= &a == &j.axis[2] ? a.in + 2 * reach : reach;
      if (numbers > kMostNumbers) return false;
    }
    return j.axis[2].out >= kLeastOutputs && j.axis[0].kernel * j.axis[1].kernel <= kMostLines;
  }

  explicit Phases(const PoolAxis& a) : axis_(a) {
    const std::int64_t reach = (a.kernel - 1) * a.dilation;
    length_ = a.out + reach / a.stride;
    phases_ = std::min(a.stride, reach + 1);
    for (std::int64_t t = 0; t < a.kernel; ++t)
      taps_.push_back(t * a.dilation % a.stride * length_ + t * a.dilation / a.stride);
  }

  // Where tap t of output 0 stands.
  std::int64_t at(std::int64_t t) const { return taps_[static_cast<std::size_t>(t)]; }
  // Numbers a split row takes.
  std::int64_t room() const { return phases_ * length_; }
  // Whether a row is its own phase.
  bool whole() const { return axis_.stride == 1 && axis_.pad == 0 && length_ <= axis_.in; }

  // Writes the row as phases; what lies outside the row is left as it is.
  template <class T>
  void split(const T* row, T* to) const {
    if (axis_.stride == 1) {
      const auto [begin, end] = inside(0);
      std::copy(row + begin - axis_.pad, row + end - axis_.pad, to + begin);
    } else if (axis_.stride == 2 && phases_ == 2) {
      const auto [even, even_count] = columns(0);
      const auto [odd, odd_count] = columns(1);
      constexpr int w = Vec<T>::width;
      const auto put = [](Vec<T> v, T* at, std::int64_t n) {
        if (n >= w) v.store(at);
        else if (n > 0) v.store(at, static_cast<int>(n));
      };
      for (std::int64_t i = 0; i < std::max(even_count, odd_count); i += w) {
        const auto [a, b] = load_two(row + 2 * i, axis_.in - 2 * i);
        put(every_second<0>(a, b), to + even + i, even_count - i);
        put(every_second<1>(a, b), to + odd + i, odd_count - i);
      }
    } else {
      for_columns([&](std::int64_t column, std::int64_t at) { to[at] = row[column]; });
    }
  }

  // The transpose: the row of which `from` are the phases; zeros where there is no phase.
  template <class T>
  void join(const T* from, T* row) const {
    if (axis_.stride == 1) {
      const auto [begin, end] = inside(0);
      std::fill(row, row + begin - axis_.pad, T(0));
      std::copy(from + begin, from + end, row + begin - axis_.pad);
      std::fill(row + end - axis_.pad, row + axis_.in, T(0));
    } else if (axis_.stride == 2 && phases_ == 2) {
      const auto [even, even_count] = columns(0);
      const auto [odd, odd_count] = columns(1);
      constexpr int w = Vec<T>::width;
      const std::int64_t pairs = std::min(even_count, odd_count);
      for (std::int64_t i = 0; i < pairs; i += w) {
        const int n = static_cast<int>(std::min<std::int64_t>(w, pairs - i));
        const Vec<T> a = Vec<T>::load(from + even + i, n), b = Vec<T>::load(from + odd + i, n);
        store_two(woven<false>(a, b), woven<true>(a, b), row + 2 * i, 2 * (pairs - i));
      }
      std::fill(row + 2 * pairs, row + axis_.in, T(0));
      for (std::int64_t i = pairs; i < even_count; ++i) row[2 * i] = from[even + i];
      for (std::int64_t i = pairs; i < odd_count; ++i) row[2 * i + 1] = from[odd + i];
    } else {
      std::fill(row, row + axis_.in, T(0));
      for_columns([&](std::int64_t column, std::int64_t at) { row[column] = from[at]; });
    }
  }

 private:
  // The places of a phase that are columns of the row.
  std::pair<std::int64_t, std::int64_t> inside(std::int64_t p) const {
    const std::int64_t start = p - axis_.pad, s = axis_.stride;
    const std::int64_t begin = start < 0 ? (s - 1 - start) / s : 0;
    const std::int64_t end = axis_.in > start ? (axis_.in - start + s - 1) / s : 0;
    return {std::min(begin, length_), std::clamp(end, std::min(begin, length_), length_)};
  }

  // At stride 2: where the columns first, first + 2, ... of the row stand, and how many.
  std::pair<std::int64_t, std::int64_t> columns(std::int64_t first) const {
    const std::int64_t p = (first + axis_.pad) % 2;
    const auto [begin, end] = inside(p);
    return {p * length_ + begin, end - begin};
  }
  // f(column, where it stands) for every column that stands in a phase.
  template <class F>
  void for_columns(F&& f) const {
    for (std::int64_t p = 0; p < phases_; ++p) {
      const auto [begin, end] = inside(p);
      for (std::int64_t j = begin; j < end; ++j)
        f(p - axis_.pad + axis_.stride * j, p * length_ + j);
    }
  }

  PoolAxis axis_;
  std::int64_t length_, phases_;
  std::vector<std::int64_t> taps_;
};

// A row of inputs as phases, and the number of its tap in column 0.
template <class T>
struct Line {
  const T* at;
  std::int64_t tap;
};

// f(row of outputs, the lines it sees): for blocks of rows of a plane, of which each row of inputs
// is split once. `fill` stands outside the rows; a row of outputs costs `cost` units.
template <class T, class F>
inline void for_lines(const PoolJob& j, const Phases& phases, T fill, const T* x, std::int64_t cost,
                      F&& f) {
  constexpr std::int64_t kBlock = 1 << 14;  // numbers: they stay in the caches next to the core
  const PoolAxis &depth = j.axis[0], &height = j.axis[1], &width = j.axis[2];
  const std::int64_t reach = (height.kernel - 1) * height.dilation + 1;
  const std::int64_t lines = kBlock / (depth.kernel * phases.room()) - reach;
  const std::int64_t block =
      std::clamp<std::int64_t>(lines < 0 ? 1 : lines / height.stride + 1, 1, height.out);
  const std::int64_t blocks = (height.out + block - 1) / block;
  const std::int64_t most = (block - 1) * height.stride + reach;  // lines of a block
  for_ranges(
      j.planes * depth.out * blocks, grain_for(cost * block),
      [&](std::int64_t begin, std::int64_t end) {
        T* memory = nullptr;
        if (!phases.whole()) {
          const std::int64_t numbers = depth.kernel * most * phases.room();
          memory =
              static_cast<T*>(scratch(static_cast<std::size_t>(numbers) * sizeof(T), Slot::work));
          std::fill(memory, memory + numbers, fill);
        }
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t at = i % blocks * block, row = i / blocks * height.out + at;
          const std::int64_t rows = std::min(block, height.out - at);
          const OutputRow first = output_row(j, row);
          const std::int64_t start = at * height.stride - height.pad;
          const std::int64_t top = std::max<std::int64_t>(start, 0);
          const std::int64_t bottom =
              std::min(start + (rows - 1) * height.stride + reach, height.in);
          const T* plane = x + first.plane * inputs(j);
          const auto line = [&](std::int64_t d, std::int64_t h) {
            const T* input =
                plane + ((first.depth.first + d * depth.dilation) * height.in + h) * width.in;
            T* phase = memory + (d * most + h - top) * phases.room();
            return std::pair(input, phase);
          };
          if (memory)
            for (std::int64_t d = 0; d < first.depth.count; ++d)
              for (std::int64_t h = top; h < bottom; ++h) {
                const auto [input, phase] = line(d, h);
                phases.split(input, phase);
              }
          for (std::int64_t r = 0; r < rows; ++r) {
            const OutputRow o = output_row(j, row + r);
            Line<T> seen[64];
            int n = 0;
            for (std::int64_t d = 0; d < o.depth.count; ++d)
              for (std::int64_t h = 0; h < o.height.count; ++h) {
                const auto [input, phase] = line(d, o.height.first + h * height.dilation);
                seen[n++] = {memory ? phase : input,
                             ((o.depth.tap + d) * height.kernel + o.height.tap + h) * width.kernel};
              }
            f(o, std::span<const Line<T>>(seen, static_cast<std::size_t>(n)));
          }
        }
      });
}

}  // namespace nnx::cpu::inline NNX_LEVEL
