// The poll for pending signals: see interrupt.hpp.
#include "runtime/interrupt.hpp"

namespace nnx::runtime {

namespace detail {
constinit std::atomic<bool (*)()> interrupt_poll{nullptr};
}

void set_interrupt_poll(bool (*poll)()) noexcept {
  detail::interrupt_poll.store(poll, std::memory_order_release);
}

}  // namespace nnx::runtime
