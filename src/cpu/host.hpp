// What the host process lends the kernels: threads; and what every kernel needs beside them: a
// scratch buffer per thread.
// Invariants: set_host is called once, before any kernel runs; without it parallel_for is serial.
// Bodies never throw and never depend on which thread runs them. A scratch buffer belongs to its
// thread and slot until the next call with the same slot; its content is undefined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include "core/kernels.hpp"

namespace nnx::cpu {

namespace detail {
inline constinit core::Host g_host{nullptr};
}  // namespace detail

inline const core::Host& host() noexcept { return detail::g_host; }
inline void set_host(const core::Host& h) noexcept { detail::g_host = h; }

// body(i) for every i in [0, chunks), on any thread, in any order; returns when all are done.
template <class F>
inline void parallel_for(std::int64_t chunks, F&& body) {
  if (chunks <= 1 || !host().parallel) {
    for (std::int64_t i = 0; i < chunks; ++i) body(i);
    return;
  }
  using Body = std::remove_reference_t<F>;
  host().parallel(
      chunks, [](void* context, std::int64_t i) noexcept { (*static_cast<Body*>(context))(i); },
      const_cast<std::remove_const_t<Body>*>(&body));
}

// Who uses which scratch slot, so that kernels that call each other never share one.
enum class Slot : std::uint8_t { tile, panel, jobs, fold, pack_a, pack_b, work, extra };
inline constexpr int kSlots = 8;

namespace detail {
struct Scratch {
  void* data[kSlots] = {};
  std::size_t size[kSlots] = {};
  ~Scratch() {
    for (void* p : data) std::free(p);
  }
};
inline thread_local Scratch g_scratch;
}  // namespace detail

// At least `bytes` bytes, 64-byte aligned, of this thread. Grows and never shrinks, so it is for
// blocks whose size the kernel bounds (tiles, packed panels), not for whole tensors.
inline void* scratch(std::size_t bytes, Slot slot) noexcept {
  detail::Scratch& s = detail::g_scratch;
  const int i = static_cast<int>(slot);
  if (s.size[i] < bytes) {
    const std::size_t rounded = (bytes + 4095) & ~std::size_t{4095};
    std::free(s.data[i]);
    s.data[i] = std::aligned_alloc(64, rounded);
    s.size[i] = rounded;
    if (!s.data[i]) std::abort();  // a kernel has no way to fail
  }
  return s.data[i];
}

}  // namespace nnx::cpu
