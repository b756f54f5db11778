// Images sampled at the places of a grid, and the gradients of that in the image and in the grid.
// Places are taken in blocks: the elements about them and their weights are computed once, in
// vectors, and serve all channels from the L1 cache.
// Invariants: every result is summed by one thread, in the order of places and terms or of
// channels, so results do not depend on the cut.
#include <cstdint>
#include <type_traits>

#include "core/sampling.hpp"
#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

// What core/sampling.hpp asks of values.
template <class T>
Vec<T> floor(Vec<T> a) {
  return a.floor();
}
template <class T>
Vec<T> round(Vec<T> a) {
  return a.round();
}
template <class T>
Vec<T> abs(Vec<T> a) {
  return a.abs();
}
template <class T>
Vec<T> where(Mask<T> c, Vec<T> a, Vec<T> b) {
  return select(c, a, b);
}

// A value and its derivative in the coordinate.
template <class V>
struct Sloped {
  V value, slope;
  Sloped() = default;
  Sloped(double number) : value(number), slope(0) {}
  Sloped(V v, V s) : value(v), slope(s) {}

  friend Sloped operator+(Sloped a, Sloped b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Sloped operator+(Sloped a, double b) { return {a.value + b, a.slope}; }
  friend Sloped operator-(Sloped a, Sloped b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Sloped operator-(Sloped a, double b) { return {a.value - b, a.slope}; }
  friend Sloped operator-(double a, Sloped b) { return {a - b.value, -b.slope}; }
  friend Sloped operator*(Sloped a, Sloped b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Sloped operator*(Sloped a, double b) { return {a.value * b, a.slope * b}; }
  friend Sloped operator*(double a, Sloped b) { return b * a; }
  friend Sloped operator/(Sloped a, double b) { return {a.value / b, a.slope / b}; }
  friend auto operator<(Sloped a, double b) { return a.value < b; }
  friend auto operator>(Sloped a, double b) { return a.value > b; }
  friend auto operator<=(Sloped a, double b) { return a.value <= b; }
  friend auto operator>=(Sloped a, double b) { return a.value >= b; }
  friend Sloped floor(Sloped a) { return {a.value.floor(), V(0)}; }
  friend Sloped round(Sloped a) { return {a.value.round(), V(0)}; }
  friend Sloped abs(Sloped a) { return {a.value.abs(), a.slope * a.value.sign()}; }
  template <class M>
  friend Sloped where(M c, Sloped a, Sloped b) {
    return {select(c, a.value, b.value), select(c, a.slope, b.slope)};
  }
};

}  // namespace nnx::cpu::inline NNX_LEVEL

namespace nnx::cpu {
namespace {

using core::GridJob;
using core::sampling::Mode;
template <Mode kMode>
using ModeConstant = std::integral_constant<Mode, kMode>;

constexpr int power(int base, int exponent) {
  return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

// A block of places. Term t takes tap t / kTaps^(kRank - 1) of the first axis, and so on.
template <class T, Mode kMode, int kRank>
struct Block {
  using V = Vec<T>;
  using I = typename V::Int;
  using Index = typename I::value_type;
  static constexpr int kTaps = core::sampling::taps_of(kMode);
  static constexpr int kTerms = power(kTaps, kRank);
  static constexpr int kPlaces = kTerms <= 4 ? 512 : 2048 / kTerms;

  int count;
  alignas(64) T coordinate[kRank][kPlaces];
  alignas(64) T weight[kTerms][kPlaces];
  alignas(64) Index index[kTerms][kPlaces];

  Block(const GridJob& job, const T* grid, std::int64_t s, std::int64_t first, std::int64_t last)
      : count(int(last - first)) {
    const T* from = grid + (s * job.places + first) * kRank;
    for (int i = 0; i < count; ++i)
      for (int a = 0; a < kRank; ++a) coordinate[a][i] = from[i * kRank + (kRank - 1 - a)];
    for (int i = count; i % V::width != 0; ++i)
      for (int a = 0; a < kRank; ++a) coordinate[a][i] = 0;
  }

  // f(i, elements, weights) for each vector of places, of values of type W: V, or V with a slope.
  template <class W, class F>
  void for_taps(const GridJob& job, F&& f) {
    core::sampling::Axis axis[kRank];
    for (int a = 0; a < kRank; ++a)
      axis[a] = {static_cast<double>(job.length[a]), job.padding, job.align_corners};
    for (int i = 0; i < count; i += V::width) {
      I element[kRank][kTaps];
      W share[kRank][kTaps];
      for (int a = 0; a < kRank; ++a) {
        W at[kTaps];
        core::sampling::taps<kMode>(start<W>(V::load(coordinate[a] + i)), axis[a], at, share[a]);
        for (int k = 0; k < kTaps; ++k) {
          // max gives its second argument for NaN.
          const V inside = min(max(without_slope(at[k]), V(0)), V(axis[a].length - 1));
          element[a][k] = __builtin_convertvector(inside.v, typename I::N);
        }
      }
      for (int t = 0; t < kTerms; ++t) {
        I position = element[0][tap(t, 0)];
        for (int a = 1; a < kRank; ++a)
          position = position * I(Index(job.length[a])) + element[a][tap(t, a)];
        position.store(index[t] + i);
      }
      f(i, share);
    }
  }

  void weigh(const GridJob& job) {
    for_taps<V>(job, [&](int i, const V(&share)[kRank][kTaps]) {
      for (int t = 0; t < kTerms; ++t) {
        V product = share[0][tap(t, 0)];
        for (int a = 1; a < kRank; ++a) product *= share[a][tap(t, a)];
        product.store(weight[t] + i);
      }
    });
  }

  // What term t of a vector of places picks in a plane.
  V value(const T* plane, int t, std::int64_t i) const {
    return gather(plane, I::load(index[t] + i));
  }

  static constexpr int tap(int term, int axis) {
    return term / power(kTaps, kRank - 1 - axis) % kTaps;
  }

 private:
  template <class W>
  static W start(V c) {
    if constexpr (std::is_same_v<W, V>) return c;
    else return {c, V(1)};
  }
  static V without_slope(V a) { return a; }
  static V without_slope(Sloped<V> a) { return a.value; }
};

// f(type of block) of the job.
template <class T, class F>
void with_block(const GridJob& job, F&& f) {
  const auto with_rank = [&](auto mode) {
    if (job.rank == 2) f(std::type_identity<Block<T, mode, 2>>{});
    else if constexpr (mode != Mode::cubic) f(std::type_identity<Block<T, mode, 3>>{});
  };
  switch (job.mode) {
    case Mode::nearest: return with_rank(ModeConstant<Mode::nearest>{});
    case Mode::linear: return with_rank(ModeConstant<Mode::linear>{});
    case Mode::cubic: return with_rank(ModeConstant<Mode::cubic>{});
  }
}

// f(sample, first place, last place) over blocks of places; a place costs `unit` in each channel.
template <class B, class F>
void for_blocks(const GridJob& job, std::int64_t unit, F&& f) {
  const std::int64_t blocks = (job.places + B::kPlaces - 1) / B::kPlaces;
  const std::int64_t places = std::min<std::int64_t>(job.places, B::kPlaces);
  const std::int64_t cost = places * (job.channels + 1) * B::kTerms * unit;
  for_ranges(job.samples * blocks, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * B::kPlaces;
      f(i / blocks, first, std::min(job.places, first + B::kPlaces));
    }
  });
}

template <class B, class T>
void sample(const GridJob& job, const T* x, const T* grid, T* y) {
  using V = typename B::V;
  for_blocks<B>(job, 4, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
    B block(job, grid, s, first, last);
    block.weigh(job);
    for (std::int64_t plane = s * job.channels; plane < (s + 1) * job.channels; ++plane) {
      const T* __restrict from = x + plane * job.elements;
      T* __restrict to = y + plane * job.places + first;
      for_vectors<T>(block.count, [&](std::int64_t i, auto lanes) {
        V sum(0);
        for (int t = 0; t < B::kTerms; ++t)
          sum = fma(V::load(block.weight[t] + i), block.value(from, t, i), sum);
        lanes.store(sum, to + i);
      });
    }
  });
}

// dx: a thread takes some channels of a sample, and all places.
template <class B, class T>
void spread(const GridJob& job, const T* g, const T* grid, T* dx) {
  constexpr std::int64_t kParts = 16;  // of the work, as far as there are planes
  const std::int64_t parts = std::min(job.channels, (kParts + job.samples - 1) / job.samples);
  const std::int64_t each = (job.channels + parts - 1) / parts;
  const std::int64_t cost = job.places * (each + 1) * B::kTerms * 6;
  for_ranges(job.samples * parts, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t s = i / parts, channel = i % parts * each;
      const std::int64_t planes[] = {s * job.channels + channel,
                                     s * job.channels + std::min(job.channels, channel + each)};
      for (std::int64_t first = 0; first < job.places; first += B::kPlaces) {
        B block(job, grid, s, first, std::min(job.places, first + B::kPlaces));
        block.weigh(job);
        for (std::int64_t plane = planes[0]; plane < planes[1]; ++plane) {
          const T* __restrict from = g + plane * job.places + first;
          T* __restrict to = dx + plane * job.elements;
          for (int p = 0; p < block.count; ++p)
            for (int t = 0; t < B::kTerms; ++t)
              to[block.index[t][p]] += block.weight[t][p] * from[p];
        }
      }
    }
  });
}

// dgrid: what each term counts, times the slope of its weight.
template <class B, class T>
void follow(const GridJob& job, const T* g, const T* x, const T* grid, T* dgrid) {
  using V = typename B::V;
  constexpr int kRank = std::extent_v<decltype(B::coordinate)>;
  for_blocks<B>(job, 6, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
    B block(job, grid, s, first, last);
    alignas(64) T value[kRank][B::kTaps][B::kPlaces], slope[kRank][B::kTaps][B::kPlaces];
    block.template for_taps<Sloped<V>>(job, [&](int i, const Sloped<V>(&share)[kRank][B::kTaps]) {
      for (int a = 0; a < kRank; ++a)
        for (int k = 0; k < B::kTaps; ++k) {
          share[a][k].value.store(value[a][k] + i);
          share[a][k].slope.store(slope[a][k] + i);
        }
    });
    auto& product = block.weight;  // of the gradient and the element of each term
    for (std::int64_t c = 0; c < job.channels; ++c) {
      const std::int64_t plane = s * job.channels + c;
      const T* __restrict from = x + plane * job.elements;
      const T* __restrict incoming = g + plane * job.places + first;
      for_vectors<T>(block.count, [&](std::int64_t i, auto lanes) {
        const V in = lanes.load(incoming + i);
        for (int t = 0; t < B::kTerms; ++t) {
          const V before = c == 0 ? V(0) : V::load(product[t] + i);
          fma(in, block.value(from, t, i), before).store(product[t] + i);
        }
      });
    }
    for (int i = 0; i < block.count; i += V::width) {
      for (int a = 0; a < kRank; ++a) {
        V sum(0);
        for (int t = 0; t < B::kTerms; ++t) {
          V term = V::load(product[t] + i);
          for (int b = 0; b < kRank; ++b)
            term *= V::load((a == b ? slope : value)[b][B::tap(t, b)] + i);
          sum += term;
        }
        sum.store(block.coordinate[a] + i);
      }
    }
    T* to = dgrid + (s * job.places + first) * kRank;
    for (int i = 0; i < block.count; ++i)
      for (int a = 0; a < kRank; ++a) to[i * kRank + (kRank - 1 - a)] = block.coordinate[a][i];
  });
}

}  // namespace

void grid_sample(const core::GridJob& job, core::Lane lane, const void* x, const void* grid,
                 void* y) {
  with_float(lane, [&]<class T>(T) {
    with_block<T>(job, [&]<class B>(std::type_identity<B>) {
      sample<B>(job, static_cast<const T*>(x), static_cast<const T*>(grid), static_cast<T*>(y));
    });
  });
}

void grid_sample_backward(const core::GridJob& job, core::Lane lane, const void* g, const void* x,
                          const void* grid, void* dx, void* dgrid) {
  with_float(lane, [&]<class T>(T) {
    with_block<T>(job, [&]<class B>(std::type_identity<B>) {
      const T *incoming = static_cast<const T*>(g), *places = static_cast<const T*>(grid);
      if (dx) spread<B>(job, incoming, places, static_cast<T*>(dx));
      // The nearest element stays the nearest: dgrid stays 0.
      if (dgrid && job.mode != Mode::nearest)
        follow<B>(job, incoming, static_cast<const T*>(x), places, static_cast<T*>(dgrid));
    });
  });
}

}  // namespace nnx::cpu
