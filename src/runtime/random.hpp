// Random streams: where in Philox's counter space each draw lies.
//
// Philox4x32-10 maps (key, counter) to four 32-bit words. The key is the seed (low word first), the
// counter is the 64-bit block number in its two low words, zero above. A generator is a seed and
// the next unused block; a draw of n elements reserves the blocks it needs, and element i takes
//   32-bit draws: word i % 4 of block offset + i / 4         (float32 values, bernoulli)
//   64-bit draws: words 2 (i % 2), 2 (i % 2) + 1, low word first, of block offset + i / 2
//                                                             (float64 values, integers, bits)
// so any device that computes Philox produces the same numbers in any order:
//   uniform float32  a + (w >> 8) 2^-24 (b - a), float64  a + (w >> 11) 2^-53 (b - a); below b
//   bernoulli(p)     w < round(p 2^32)
//   integers         lo + floor(w (hi - lo) / 2^64)
//   normal           Box-Muller on draws 2j and 2j + 1 (see cpu/random.cpp), elements 2j and 2j + 1
//   permutation      elements ordered by their draws (see random_permutation)
#pragma once

#include <cstdint>
#include <mutex>

#include "core/kernels.hpp"
#include "core/tensor.hpp"

namespace nnx::runtime {

class Generator {
 public:
  struct State {
    std::uint64_t seed;
    std::uint64_t offset;  // next unused block
    bool operator==(const State&) const = default;
  };

  Generator();  // seeded by the system
  explicit Generator(std::uint64_t seed) noexcept : state_{seed, 0} {}
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void manual_seed(std::uint64_t seed) noexcept { set_state({seed, 0}); }
  std::uint64_t seed() noexcept;  // a new seed from the system, which is returned
  std::uint64_t initial_seed() const noexcept { return state().seed; }
  // `counters` blocks that nobody else gets. Safe from any thread.
  core::RandomStream reserve(std::int64_t counters) noexcept;
  State state() const noexcept;
  void set_state(State s) noexcept;

 private:
  mutable std::mutex mutex_;
  State state_;
};

// Blocks that n draws of 32 or of 64 bits take.
constexpr std::int64_t counters_32(std::int64_t n) noexcept { return n / 4 + (n % 4 != 0); }
constexpr std::int64_t counters_64(std::int64_t n) noexcept { return n / 2 + n % 2; }

// The generator of calls that name none; seeded by the system until manual_seed.
Generator& default_generator() noexcept;
void manual_seed(std::uint64_t seed) noexcept;

// The kernel call for `job` (its stream is filled in): reserves the blocks its kind and lane need.
void fill_random(core::Device device, core::RandomJob job, Generator& generator);

// 0..n-1 in random order, int64, on the CPU: the order of the 64-bit draws 0..n-1, ties by index.
core::Tensor random_permutation(std::int64_t n, Generator& generator = default_generator());

}  // namespace nnx::runtime
