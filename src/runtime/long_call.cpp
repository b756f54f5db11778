// Hooks around long work: see long_call.hpp.
#include "runtime/long_call.hpp"

namespace nnx::runtime {

namespace detail {
constinit LongCallHooks long_call_hooks;
}

void set_long_call_hooks(void* (*enter)(), void (*leave)(void* token)) noexcept {
  // `leave` first: a thread that sees `enter` finds it.
  detail::long_call_hooks.leave.store(leave, std::memory_order_release);
  detail::long_call_hooks.enter.store(enter, std::memory_order_release);
}

}  // namespace nnx::runtime
