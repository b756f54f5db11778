// The thread pool: see pool.hpp.
// How a job runs: the caller takes `busy`, writes the job, opens it and advances `epoch`, on which
// idle workers spin and then sleep. A worker first counts itself into `active`, then looks whether
// the job is open; the caller closes the job and then waits for `active` to reach zero. Both orders
// are sequentially consistent, so a worker that is late sees a closed job and leaves, and the
// caller never waits for a thread that has not begun. Job fields change only while the job is
// closed and nobody is active.
#include "runtime/pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <utility>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "core/error.hpp"
#include "runtime/cpu_info.hpp"

namespace nnx::runtime {
namespace {

constexpr int kMaxThreads = 1024;
constexpr std::chrono::microseconds kWorkerSpin{40};   // idle worker, before it sleeps
constexpr std::chrono::microseconds kCallerSpin{100};  // caller, before it sleeps on the last ones

using Word = std::atomic<std::uint32_t>;

// Sleeps while `word` holds `seen`; may return early.
void sleep_on(Word& word, std::uint32_t seen) noexcept {
#ifdef __linux__
  static_assert(sizeof(Word) == 4);
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr,
          nullptr, 0);
#else
  word.wait(seen);
#endif
}

void wake(Word& word, int sleepers) noexcept {
#ifdef __linux__
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, sleepers, nullptr,
          nullptr, 0);
#else
  sleepers == 1 ? word.notify_one() : word.notify_all();
#endif
}

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Spins until done() or for `limit`; the result of the last done().
template <class Done>
bool spin(std::chrono::nanoseconds limit, Done done) noexcept {
  if (done()) return true;
  if (limit.count() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < 16; ++i) {
      pause();
      if (done()) return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// The processor this thread runs on, or -1.
int current_processor() noexcept {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

// Moves the calling thread off `processor`. Where the scheduler knows of no shared cache (virtual
// machines), it wakes a thread on the processor of whoever woke it, and the two take turns there
// for milliseconds while another processor idles.
void step_aside(int processor) noexcept {
#ifdef __linux__
  cpu_set_t allowed;
  if (processor < 0 || processor >= CPU_SETSIZE ||
      sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<std::size_t>(processor), &others);
  if (CPU_COUNT(&others) == 0) return;
  if (sched_setaffinity(0, sizeof others, &others) == 0)
    sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)processor;
#endif
}

thread_local bool t_in_parallel = false;

struct Pool {
  // One line that workers read when a job starts.
  alignas(64) Word epoch{0};
  std::atomic<bool> open{false};
  std::atomic<int> caller_processor{-1};
  void (*body)(void*, std::int64_t) = nullptr;
  void* context = nullptr;
  std::int64_t chunks = 0;

  alignas(64) std::atomic<std::int64_t> next{0};
  alignas(64) Word active{0};
  std::atomic<bool> caller_sleeps{false};
  alignas(64) std::atomic<int> sleepers{0};
  alignas(64) std::atomic<bool> busy{false};
  std::atomic<bool> failed{false};
  std::exception_ptr error;

  int started = 0;             // workers that run, under `busy`
  std::atomic<int> target{0};  // workers wanted: ids at or above it end
  pthread_t handles[kMaxThreads] = {};

  bool try_take() noexcept {
    return !busy.load(std::memory_order_relaxed) && !busy.exchange(true, std::memory_order_acquire);
  }
  void give() noexcept { busy.store(false, std::memory_order_release); }

  void advance(int helpers) noexcept {
    epoch.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers.load(std::memory_order_seq_cst) > 0) wake(epoch, helpers);
  }

  void take_chunks() noexcept {
    const auto n = chunks;
    for (;;) {
      const auto i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= n) return;
      try {
        body(context, i);
      } catch (...) {
        if (!failed.exchange(true, std::memory_order_relaxed)) error = std::current_exception();
        next.store(n, std::memory_order_relaxed);
      }
    }
  }

  void leave() noexcept {
    if (active.fetch_sub(1, std::memory_order_seq_cst) == 1 &&
        caller_sleeps.load(std::memory_order_seq_cst))
      wake(active, 1);
  }

  // A worker's part in the job that may be open. `slept`: it was woken, and wakes others in turn,
  // so that the caller of many threads pays for a few.
  void take_part(bool slept) noexcept {
    if (!open.load(std::memory_order_relaxed)) return;
    const int caller = caller_processor.load(std::memory_order_relaxed);
    if (caller >= 0 && caller == current_processor()) step_aside(caller);
    active.fetch_add(1, std::memory_order_seq_cst);
    if (open.load(std::memory_order_seq_cst)) {
      if (slept && sleepers.load(std::memory_order_relaxed) > 0 &&
          next.load(std::memory_order_relaxed) < chunks)
        wake(epoch, 2);
      take_chunks();
    }
    leave();
  }

  void work(int id) noexcept {
    // The first job may have been opened before this thread ran: look at once.
    std::uint32_t seen = epoch.load(std::memory_order_acquire);
    bool slept = true;
    while (id < target.load(std::memory_order_acquire)) {
      take_part(slept);
      auto changed = [&] { return epoch.load(std::memory_order_acquire) != seen; };
      slept = false;
      if (!spin(spin_limit(), changed)) {
        sleepers.fetch_add(1, std::memory_order_seq_cst);
        while (!changed()) sleep_on(epoch, seen);
        sleepers.fetch_sub(1, std::memory_order_seq_cst);
        slept = true;
      }
      seen = epoch.load(std::memory_order_acquire);
    }
  }

  std::chrono::nanoseconds spin_limit() const noexcept;
  void start_workers(int wanted) noexcept;
  void stop_workers(int wanted) noexcept;
  void run(std::int64_t n, void (*f)(void*, std::int64_t), void* c);
};

// Never destroyed: workers may still look at it while the process exits.
alignas(Pool) std::byte g_memory[sizeof(Pool)];
Pool& pool() noexcept { return *std::launder(reinterpret_cast<Pool*>(g_memory)); }

std::atomic<int> g_threads{0};  // 0: not asked for yet
// Whether every thread has a processor: where not, spinning would take time from the work.
std::atomic<bool> g_spinning{true};

std::chrono::nanoseconds Pool::spin_limit() const noexcept {
  return g_spinning.load(std::memory_order_relaxed) ? std::chrono::nanoseconds(kWorkerSpin)
                                                    : std::chrono::nanoseconds(0);
}

void* worker_main(void* id) {
  t_in_parallel = true;
  pool().work(static_cast<int>(reinterpret_cast<std::intptr_t>(id)));
  return nullptr;
}

void Pool::start_workers(int wanted) noexcept {
  if (started >= wanted) return;
  target.store(wanted, std::memory_order_release);
  // Signals are for the threads of the program.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (started < wanted &&
         pthread_create(&handles[started], nullptr, worker_main,
                        reinterpret_cast<void*>(static_cast<std::intptr_t>(started))) == 0)
    ++started;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started < wanted)
    g_threads.store(started + 1, std::memory_order_release);  // no more to be had
}

void Pool::stop_workers(int wanted) noexcept {
  if (started <= wanted) return;
  target.store(wanted, std::memory_order_release);
  epoch.fetch_add(1, std::memory_order_seq_cst);
  wake(epoch, kMaxThreads);
  while (started > wanted) pthread_join(handles[--started], nullptr);
}

void Pool::run(std::int64_t n, void (*f)(void*, std::int64_t), void* c) {
  const int helpers = static_cast<int>(std::min<std::int64_t>(n, threads()) - 1);
  start_workers(threads() - 1);
  body = f;
  context = c;
  chunks = n;
  next.store(0, std::memory_order_relaxed);
  caller_processor.store(current_processor(), std::memory_order_relaxed);
  open.store(true, std::memory_order_seq_cst);
  advance(std::min(helpers, 4));

  t_in_parallel = true;
  take_chunks();
  t_in_parallel = false;

  open.store(false, std::memory_order_seq_cst);
  auto alone = [&] { return active.load(std::memory_order_seq_cst) == 0; };
  const bool spinning = g_spinning.load(std::memory_order_relaxed);
  if (!spin(spinning ? kCallerSpin : kCallerSpin / 10, alone)) {
    caller_sleeps.store(true, std::memory_order_seq_cst);
    while (const auto left = active.load(std::memory_order_seq_cst)) sleep_on(active, left);
    caller_sleeps.store(false, std::memory_order_relaxed);
  }
  std::exception_ptr thrown;
  if (failed.load(std::memory_order_relaxed)) {
    thrown = std::exchange(error, nullptr);
    failed.store(false, std::memory_order_relaxed);
  }
  give();
  if (thrown) std::rethrow_exception(thrown);
}

void choose_threads(int n) noexcept {
  g_spinning.store(n <= usable_processors(), std::memory_order_relaxed);
  g_threads.store(n, std::memory_order_release);
}

int first_threads() noexcept {
  if (const char* text = std::getenv("NNX_NUM_THREADS")) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (end != text && *end == 0 && n >= 1) return static_cast<int>(std::min<long>(n, kMaxThreads));
  }
  return std::min(usable_processors(), kMaxThreads);
}

// The child of a fork has one thread. Whatever the pool was doing belongs to the parent.
void after_fork_in_child() noexcept { new (g_memory) Pool; }

const bool g_ready = [] {
  new (g_memory) Pool;
  pthread_atfork(nullptr, nullptr, after_fork_in_child);
  return true;
}();

void serial(std::int64_t n, void (*body)(void*, std::int64_t), void* context) {
  for (std::int64_t i = 0; i < n; ++i) body(context, i);
}

}  // namespace

int threads() noexcept {
  const int n = g_threads.load(std::memory_order_acquire);
  if (n > 0) [[likely]]
    return n;
  choose_threads(first_threads());
  return g_threads.load(std::memory_order_acquire);
}

void set_threads(int n) {
  if (n < 1 || n > kMaxThreads)
    core::fail<core::ArgumentError>(
        "set_num_threads", "the number of threads must lie in [1, 1024]", std::to_string(n));
  if (t_in_parallel)
    core::fail<core::ArgumentError>("set_num_threads",
                                    "the number of threads cannot change inside parallel work");
  while (!pool().try_take()) sched_yield();
  choose_threads(n);
  pool().stop_workers(n - 1);
  pool().give();
}

bool in_parallel() noexcept { return t_in_parallel; }

void parallel(std::int64_t chunks, void (*body)(void* context, std::int64_t chunk), void* context) {
  if (chunks <= 1 || t_in_parallel || threads() == 1 || !pool().try_take())
    return serial(chunks, body, context);
  pool().run(chunks, body, context);
}

}  // namespace nnx::runtime
