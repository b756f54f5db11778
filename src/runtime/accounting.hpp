// The allocator's books: how much memory tensors hold, and whether more may be taken from the
// system. Used by the allocator alone.
// Invariant: what is booked as reserved never exceeds what the process may use at that moment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnx::runtime::accounting {

inline constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

struct Totals {
  std::size_t reserved;
  std::int64_t allocated, peak;  // without what threads have not reported
  std::size_t allocations;
};
Totals totals() noexcept;

// A change of the bytes in living storages; moves the peak.
void count_allocated(std::int64_t bytes) noexcept;
void count_allocations(std::size_t n) noexcept;
void reset_peak() noexcept;

// Books `bytes` as reserved, or returns false when they are more than may be had. Asks the system
// for blocks of 16 MiB and more each time, for others once in 64 MiB.
bool book(std::size_t bytes);
void unbook(std::size_t bytes) noexcept;

// Bytes that could be booked now.
std::size_t room_left();
void set_cap(std::size_t bytes) noexcept;  // on what is reserved; 0: none

// `allocated`: what tensors hold, for the text.
[[noreturn]] void out_of_memory(std::size_t bytes, std::size_t allocated);

// Held over fork.
void lock() noexcept;
void unlock() noexcept;

}  // namespace nnx::runtime::accounting
