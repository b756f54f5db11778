// Generators and permutations: see random.hpp.
#include "runtime/random.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
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

namespace {

// A draw's high half and its index in one word: sorted as numbers, they are in order up to draws
// that share their high half.
using Record = std::uint64_t;
constexpr int kDigit = 8;   // bits a pass of the radix sort looks at
constexpr int kPasses = 4;  // at most
constexpr std::size_t kDigits = std::size_t{1} << kDigit;
constexpr std::size_t kFewRecords = 64;  // insertion alone is faster

// out[0..n) = 0..n-1 in the order of draws; n < 2^32. Orders by the high bits, as many digits as
// leave few neighbours out of order, then by insertion, then draws that share their high half.
void order_draws(const std::uint64_t* draws, std::size_t n, std::int64_t* out) {
  const auto space = allocate(2 * n * sizeof(Record));
  auto* records = static_cast<Record*>(space->data);
  auto* other = records + n;
  auto record = [&](std::size_t i) { return (draws[i] & 0xffffffff00000000u) | i; };

  if (n <= kFewRecords) {
    for (std::size_t i = 0; i < n; ++i) records[i] = record(i);
  } else {
    // Four bits more than tell n records apart: one in sixteen shares them with another.
    const int passes =
        std::min(kPasses, (static_cast<int>(std::bit_width(n)) + 4 + kDigit - 1) / kDigit);
    const auto first = 64 - passes * kDigit;
    std::uint32_t start[kPasses][kDigits] = {};
    auto digit = [&](std::uint64_t x, int p) {
      return (x >> (first + p * kDigit)) & (kDigits - 1);
    };
    for (std::size_t i = 0; i < n; ++i)
      for (int p = 0; p < passes; ++p) ++start[p][digit(record(i), p)];
    for (auto& counts : start) {
      std::uint32_t sum = 0;
      for (auto& c : counts) sum += std::exchange(c, sum);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const Record r = record(i);
      records[start[0][digit(r, 0)]++] = r;
    }
    for (int p = 1; p < passes; ++p) {
      for (std::size_t i = 0; i < n; ++i) other[start[p][digit(records[i], p)]++] = records[i];
      std::swap(records, other);
    }
  }
  for (std::size_t i = 1; i < n; ++i) {
    const Record r = records[i];
    std::size_t j = i;
    for (; j > 0 && records[j - 1] > r; --j) records[j] = records[j - 1];
    records[j] = r;
  }
  for (std::size_t i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && (records[j] ^ records[i]) >> 32 == 0;) ++j;
    if (j - i > 1)
      std::stable_sort(records + i, records + j, [&](Record x, Record y) {
        return draws[x & 0xffffffffu] < draws[y & 0xffffffffu];
      });
    for (std::size_t k = i; k < j; ++k)
      out[k] = static_cast<std::int64_t>(records[k] & 0xffffffffu);
  }
}

}  // namespace

core::Tensor random_permutation(std::int64_t n, Generator& generator) {
  core::Tensor result = empty({n}, core::DType::int64);
  auto draws = allocate(static_cast<std::size_t>(n) * sizeof(std::uint64_t));
  core::RandomJob job{};
  job.kind = core::Distribution::bits;
  job.lane = core::Lane::u64;
  job.count = n;
  job.out = draws->data;
  fill_random({}, job, generator);
  const auto* keys = static_cast<const std::uint64_t*>(draws->data);
  auto* out = result.data<std::int64_t>();
  if (n < std::int64_t{1} << 32) {
    order_draws(keys, static_cast<std::size_t>(n), out);
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = i;
    std::stable_sort(out, out + n,
                     [&](std::int64_t x, std::int64_t y) { return keys[x] < keys[y]; });
  }
  return result;
}

}  // namespace nnx::runtime
