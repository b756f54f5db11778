// Generators and permutations: see random.hpp.
#include "runtime/random.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"

namespace nnx::runtime {
namespace {

std::uint64_t system_seed() noexcept {
  std::uint64_t seed = 0;
  if (getentropy(&seed, sizeof seed) != 0)
    seed = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) *
               0x9e3779b97f4a7c15u ^
           static_cast<std::uint64_t>(getpid());
  return seed & ((std::uint64_t{1} << 53) - 1);  // exact as any number a user may print it with
}

}  // namespace

Generator::Generator() : state_{system_seed(), 0} {}

std::uint64_t Generator::seed() noexcept {
  const std::uint64_t s = system_seed();
  manual_seed(s);
  return s;
}

core::RandomStream Generator::reserve(std::int64_t counters) noexcept {
  std::lock_guard lock(mutex_);
  const core::RandomStream stream{state_.seed, state_.offset};
  state_.offset += static_cast<std::uint64_t>(counters);
  return stream;
}

Generator::State Generator::state() const noexcept {
  std::lock_guard lock(mutex_);
  return state_;
}

void Generator::set_state(State s) noexcept {
  std::lock_guard lock(mutex_);
  state_ = s;
}

Generator& default_generator() noexcept {
  static Generator& g = *new Generator;  // never destroyed: daemon threads outlive main
  return g;
}

void manual_seed(std::uint64_t seed) noexcept { default_generator().manual_seed(seed); }

void fill_random(core::Device device, core::RandomJob job, Generator& generator) {
  using core::Distribution;
  const bool narrow = job.kind == Distribution::bernoulli ||
                      (job.lane == core::Lane::f32 &&
                       (job.kind == Distribution::uniform || job.kind == Distribution::normal));
  const auto& table = kernels(device);
  job.stream = generator.reserve(narrow ? counters_32(job.count) : counters_64(job.count));
  table.random(job);
}

core::Tensor random_permutation(std::int64_t n, Generator& generator) {
  core::Tensor result = empty({n}, core::DType::int64);
  auto draws = allocate(static_cast<std::size_t>(n) * sizeof(std::uint64_t));
  core::RandomJob job{};
  job.kind = core::Distribution::bits;
  job.lane = core::Lane::u64;
  job.count = n;
  job.out = draws->data;
  fill_random({}, job, generator);
  // The order of the draws, of equal ones that of their positions.
  if (n)
    kernels({}).sort(false, core::Lane::u64, 1, n, draws->data, nullptr,
                     result.data<std::int64_t>());
  return result;
}

}  // namespace nnx::runtime
