// The allocator's books: see accounting.hpp.
#include "runtime/accounting.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>

#include "core/error.hpp"
#include "runtime/memory_limit.hpp"

namespace nnx::runtime::accounting {
namespace {

constexpr std::size_t kAlwaysAsk = 16 * kMiB;
constexpr std::size_t kAskStep = 64 * kMiB;
constexpr auto relaxed = std::memory_order_relaxed;

std::atomic<std::size_t> g_reserved{0};
std::atomic<std::int64_t> g_allocated{0};
std::atomic<std::int64_t> g_peak{0};
std::atomic<std::size_t> g_allocations{0};
std::atomic<std::size_t> g_cap{0};
std::atomic<std::int64_t> g_credit{0};  // bytes that may be booked without asking the system
std::mutex g_asking;                    // one thread asks and books at a time

struct Room {
  std::size_t left;  // bytes that may be booked
  std::size_t total;
  bool by_group, by_cap;
};

Room room() {
  const MemoryLimit limit = memory_limit();
  const std::size_t reserved = g_reserved.load(relaxed);
  // Reserved memory that was never written still counts as available to the system. What this
  // process has in RAM bounds what was written from above.
  const std::size_t untouched = reserved - std::min(reserved, resident_memory());
  const std::size_t margin = std::min(128 * kMiB, limit.total / 32);  // for all that is not tensors
  Room r{limit.available - std::min(limit.available, untouched + margin), limit.total,
         limit.by_group, false};
  if (const std::size_t cap = g_cap.load(relaxed)) {
    const std::size_t under = cap - std::min(cap, reserved);
    if (under < r.left) r = {under, cap, false, true};
  }
  return r;
}

std::string readable(std::size_t bytes) {
  const bool giga = bytes >= kGiB, mega = bytes >= kMiB;
  const double size = static_cast<double>(bytes) / static_cast<double>(giga   ? kGiB
                                                                       : mega ? kMiB
                                                                              : kKiB);
  char text[48];
  std::snprintf(text, sizeof text, size < 1000 ? "%.3g %s" : "%.0f %s", size,
                giga   ? "GiB"
                : mega ? "MiB"
                       : "KiB");
  return text;
}

}  // namespace

Totals totals() noexcept {
  return {g_reserved.load(relaxed), g_allocated.load(relaxed), g_peak.load(relaxed),
          g_allocations.load(relaxed)};
}

void count_allocated(std::int64_t bytes) noexcept {
  const auto now = g_allocated.fetch_add(bytes, relaxed) + bytes;
  auto peak = g_peak.load(relaxed);
  while (now > peak && !g_peak.compare_exchange_weak(peak, now, relaxed)) {
  }
}

void count_allocations(std::size_t n) noexcept { g_allocations.fetch_add(n, relaxed); }

void reset_peak() noexcept { g_peak.store(g_allocated.load(relaxed), relaxed); }

bool book(std::size_t bytes) {
  const auto n = static_cast<std::int64_t>(bytes);
  if (bytes < kAlwaysAsk && g_credit.fetch_sub(n, relaxed) - n >= 0) {
    g_reserved.fetch_add(bytes, relaxed);
    return true;
  }
  std::lock_guard lock(g_asking);
  const Room r = room();
  if (bytes > r.left) {
    g_credit.store(0, relaxed);
    return false;
  }
  g_credit.store(static_cast<std::int64_t>(std::min(kAskStep, (r.left - bytes) / 8)), relaxed);
  g_reserved.fetch_add(bytes, relaxed);
  return true;
}

void unbook(std::size_t bytes) noexcept { g_reserved.fetch_sub(bytes, relaxed); }

std::size_t room_left() { return room().left; }

void set_cap(std::size_t bytes) noexcept {
  g_cap.store(bytes, relaxed);
  g_credit.store(0, relaxed);
}

void out_of_memory(std::size_t bytes, std::size_t allocated) {
  const Room r = room();
  const std::string limit = r.by_cap     ? "set by set_memory_limit"
                            : r.by_group ? "of this container"
                                         : "of this machine";
  core::fail<core::OutOfMemoryError>(
      "memory", "a tensor does not fit into the memory this process may still take",
      "asked for " + readable(bytes) + "; tensors hold " + readable(allocated) + "; " +
          readable(r.left) + " are left of the " + readable(r.total) + " " + limit,
      "use smaller batches or shapes, drop tensors you no longer need (del), or compute under "
      "no_grad() where no gradients are needed");
}

void lock() noexcept { g_asking.lock(); }
void unlock() noexcept { g_asking.unlock(); }

}  // namespace nnx::runtime::accounting
