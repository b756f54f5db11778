// Ctrl-C in long walks: a poll that the binding installs.
#pragma once

#include <atomic>
#include <exception>

namespace nnx::runtime {

// Unwinds to the binding, which raises what the signal handler left pending. Not a core::Error, so
// that nothing that handles errors swallows it.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

namespace detail {
extern std::atomic<bool (*)()> interrupt_poll;
}

// poll() says whether a signal wants the running call to stop; it may run handlers. It is called on
// any thread and returns false where signals are not handled. Null removes it.
void set_interrupt_poll(bool (*poll)()) noexcept;

inline void check_interrupt() {
  if (auto* poll = detail::interrupt_poll.load(std::memory_order_acquire))
    if (poll()) throw Interrupted();
}

}  // namespace nnx::runtime
