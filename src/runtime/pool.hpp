// The thread pool: fork and join over numbered chunks of work, without OpenMP.
// Invariants: the caller takes part and returns when every chunk is done; chunks go to whichever
// thread is free, so a body must not depend on who runs it; a call from inside a body, or while
// another thread has the pool, runs serially in its caller (never a deadlock). Worker threads start
// on first use, block all signals and are rebuilt in a forked child.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace nnx::runtime {

// Threads a parallel call may use, the caller included. At first NNX_NUM_THREADS, else the number
// of processors the process may use.
int threads() noexcept;
void set_threads(int n);  // ArgumentError unless 1 <= n <= 1024

// True inside a body that runs on the pool.
bool in_parallel() noexcept;

// body(context, i) for every i in [0, chunks). The first exception of a body is rethrown here,
// after the chunks already begun have ended; chunks not begun by then are left out.
void parallel(std::int64_t chunks, void (*body)(void* context, std::int64_t chunk), void* context);

template <class F>
void parallel_for(std::int64_t chunks, F&& body) {
  if (chunks == 1) {
    body(std::int64_t{0});
    return;
  }
  using Body = std::remove_reference_t<F>;
  parallel(
      chunks, [](void* b, std::int64_t i) { (*static_cast<Body*>(b))(i); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace nnx::runtime
