// Work that may take long tells the host language, so that its other threads can run meanwhile.
// Invariant: nothing here knows what the hooks do; without hooks a LongCall does nothing.
#pragma once

#include <atomic>

namespace nnx::runtime {

// Below this estimate the hooks cost more than they give.
inline constexpr double kLongCallNanoseconds = 100e3;

namespace detail {
struct LongCallHooks {
  std::atomic<void* (*)()> enter{nullptr};
  std::atomic<void (*)(void*)> leave{nullptr};
};
extern LongCallHooks long_call_hooks;
}  // namespace detail

// enter() gives a token that leave() gets back on the same thread, or null when there is nothing to
// leave (the thread does not hold the interpreter).
void set_long_call_hooks(void* (*enter)(), void (*leave)(void* token)) noexcept;

class LongCall {
 public:
  explicit LongCall(double estimated_nanoseconds) {
    if (estimated_nanoseconds > kLongCallNanoseconds)
      if (auto* enter = detail::long_call_hooks.enter.load(std::memory_order_acquire))
        token_ = enter();
  }
  ~LongCall() {
    if (token_) detail::long_call_hooks.leave.load(std::memory_order_acquire)(token_);
  }
  LongCall(const LongCall&) = delete;
  LongCall& operator=(const LongCall&) = delete;

 private:
  void* token_ = nullptr;
};

}  // namespace nnx::runtime
