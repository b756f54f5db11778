// The caching allocator: see allocator.hpp.
// Every block starts with its Storage (64 bytes), data follows. Three kinds by size of the data:
//   small   <= 4 KiB: carved from slabs of 1 MiB, kept in lists of each thread, which trade batches
//           with the central lists; a slab with no block out is unmapped by empty_cache.
//   medium  <  1 MiB: from malloc, in one of eight size classes per doubling.
//   large:  mapped; with huge pages from 2 MiB on (the first touch of memory costs six times less).
// Freed medium and large blocks are cached up to a bound, beyond which those freed longest ago go
// back to the system. One mutex guards all but the threads' own lists; it is held over fork.
#include "runtime/allocator.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>
#include <string>

#include "core/error.hpp"
#include "runtime/accounting.hpp"
#include "runtime/device.hpp"
#include "runtime/memory_limit.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define NNX_EVERY_BLOCK_FROM_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NNX_EVERY_BLOCK_FROM_MALLOC 1
#endif
#endif

namespace nnx::runtime {
namespace {

using accounting::book;
using accounting::count_allocated;
using accounting::count_allocations;
using accounting::kGiB;
using accounting::kKiB;
using accounting::kMiB;
using accounting::unbook;
using core::Device;
using core::DeviceKind;
using core::Ref;
using core::Storage;

#ifdef NNX_EVERY_BLOCK_FROM_MALLOC  // so that the address sanitizer sees each
constexpr bool kCaching = false;
#else
constexpr bool kCaching = true;
#endif

constexpr std::size_t kHeader = 64;
static_assert(sizeof(Storage) <= kHeader);
constexpr std::size_t kSmall = 4 * kKiB;
constexpr std::size_t kLarge = 1 * kMiB;
constexpr std::size_t kSlab = 1 * kMiB;
constexpr std::size_t kHugePage = 2 * kMiB;
constexpr std::int64_t kFoldStep = 64 * kKiB;  // imprecision of `peak` per thread
constexpr std::size_t kMaxBytes = std::size_t{1} << 62;

// Size classes: multiples of 64 up to 512, then eight to each doubling.
constexpr int class_of(std::size_t bytes) noexcept {
  const std::size_t b = bytes ? bytes - 1 : 0;
  if (b < 512) return static_cast<int>(b / 64);
  const int e = std::bit_width(b) - 1;
  return 8 * (e - 8) + static_cast<int>((b >> (e - 3)) & 7);
}
constexpr std::size_t size_of_class(int c) noexcept {
  if (c < 8) return 64 * static_cast<std::size_t>(c + 1);
  return (static_cast<std::size_t>(c % 8) + 9) << (c / 8 + 5);
}
constexpr int kSmallClasses = class_of(kSmall) + 1;
constexpr int kClasses = class_of(kMaxBytes) + 1;
static_assert(size_of_class(class_of(512)) == 512 && size_of_class(class_of(513)) == 576);
static_assert(size_of_class(class_of(kSmall)) == kSmall && size_of_class(class_of(1)) == 64);
static_assert(size_of_class(class_of(1000000)) == 1048576 && class_of(1048577) % 8 == 0);

constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept {
  return (n + to - 1) / to * to;
}

[[noreturn]] void out_of_memory(std::size_t bytes) {
  accounting::out_of_memory(bytes, memory_stats().allocated);
}

// ---- Blocks from the system ---------------------------------------------------------------------

void* map(std::size_t bytes, std::size_t alignment) noexcept {
  const std::size_t extra = alignment > 4 * kKiB ? alignment : 0;
  void* p =
      mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (!extra) return p;
  auto* first = static_cast<std::byte*>(p);
  const std::size_t before = round_up(reinterpret_cast<std::uintptr_t>(p), alignment) -
                             reinterpret_cast<std::uintptr_t>(p);
  if (before) munmap(first, before);
  if (extra - before) munmap(first + before + bytes, extra - before);
  return first + before;
}

// Bytes of the block for `bytes` of data.
std::size_t block_size(std::size_t bytes) noexcept {
  if (bytes < kLarge) return kHeader + size_of_class(class_of(bytes));
  return round_up(bytes + kHeader, bytes < 16 * kMiB ? 64 * kKiB : kHugePage);
}

void* take_from_system(std::size_t block) noexcept {
  if (block < kLarge) return std::aligned_alloc(64, block);
  const bool huge = block >= kHugePage;
  void* p = map(block, huge ? kHugePage : 4 * kKiB);
#ifdef MADV_HUGEPAGE
  if (p && huge) madvise(p, block, MADV_HUGEPAGE);
#endif
#ifdef MADV_POPULATE_WRITE  // half the cost of a fault for each page
  if (p && !huge) madvise(p, block, MADV_POPULATE_WRITE);
#endif
  return p;
}

void give_to_system(void* p, std::size_t block) noexcept {
  if (block < kLarge) std::free(p);
  else munmap(p, block);
  unbook(block);
}

// ---- The cache of freed medium and large blocks -------------------------------------------------

// What a cached block holds in place of its Storage.
struct Cached {
  Cached *older, *newer;    // by time of freeing
  Cached *previous, *next;  // of its size class
  std::size_t block;
  int size_class;
};
static_assert(sizeof(Cached) <= kHeader);

struct Slab {
  Slab* next;
  std::size_t out;  // blocks not in the central lists
};
static_assert(sizeof(Slab) <= 64);

struct SmallBlock {
  SmallBlock* next;
};

struct ThreadCache;

struct Central {
  std::mutex mutex;
  // Cached blocks.
  Cached* of_class[kClasses] = {};
  Cached *oldest = nullptr, *newest = nullptr;
  std::size_t cached = 0, bound = 0;
  // Small blocks.
  SmallBlock* small[kSmallClasses] = {};
  Slab* slabs = nullptr;
  std::byte *bump = nullptr, *bump_end = nullptr;
  ThreadCache* threads = nullptr;

  void insert(Cached* b) noexcept {
    b->older = newest;
    b->newer = nullptr;
    (newest ? newest->newer : oldest) = b;
    newest = b;
    Cached*& head = of_class[b->size_class];
    b->previous = nullptr;
    b->next = head;
    if (head) head->previous = b;
    head = b;
    cached += b->block;
  }
  void remove(Cached* b) noexcept {
    (b->older ? b->older->newer : oldest) = b->newer;
    (b->newer ? b->newer->older : newest) = b->older;
    (b->previous ? b->previous->next : of_class[b->size_class]) = b->next;
    if (b->next) b->next->previous = b->previous;
    cached -= b->block;
  }
  // A cached block of at least `block` bytes and at most about twice as many, or null: what lies
  // unused in it is less than a new block would take.
  Cached* find(std::size_t block, int size_class) noexcept {
    int tries = 8;
    for (Cached* b = of_class[size_class]; b && tries; b = b->next, --tries)
      if (b->block >= block) return b;
    for (int c = size_class + 1; c <= size_class + 8 && c < kClasses; ++c)
      if (of_class[c]) return of_class[c];
    return nullptr;
  }
  // Takes blocks freed longest ago out of the cache until it holds at most `most`; a chain by
  // `next`, to be given back once the mutex is free.
  Cached* evict(std::size_t most) noexcept {
    Cached* chain = nullptr;
    while (cached > most) {
      Cached* b = oldest;
      remove(b);
      b->next = chain;
      chain = b;
    }
    return chain;
  }
};

// Never destroyed: storages may be freed while the process exits.
alignas(Central) std::byte g_central_memory[sizeof(Central)];
Central& central() noexcept { return *std::launder(reinterpret_cast<Central*>(g_central_memory)); }

void give_chain_to_system(Cached* chain) noexcept {
  while (chain) {
    Cached* next = chain->next;
    give_to_system(chain, chain->block);
    chain = next;
  }
}

// A storage of ours has nothing to destroy; its context holds the size of its block.
std::size_t block_of(const Storage* s) noexcept {
  return reinterpret_cast<std::uintptr_t>(s->context);
}
void* as_context(std::size_t n) noexcept { return reinterpret_cast<void*>(n); }

void free_big(Storage* s) noexcept {
  const std::size_t block = block_of(s);
  count_allocated(-static_cast<std::int64_t>(block));
  auto* b = new (static_cast<void*>(s)) Cached;
  b->block = block;
  b->size_class = class_of(block);
  Cached* chain;
  {
    Central& c = central();
    std::lock_guard lock(c.mutex);
    c.insert(b);
    chain = c.evict(c.bound);
  }
  give_chain_to_system(chain);
}

Storage* new_big(std::size_t bytes) {
  const std::size_t block = block_size(bytes);
  Central& c = central();
  void* p = nullptr;
  std::size_t got = block;
  {
    std::lock_guard lock(c.mutex);
    if (Cached* b = c.find(block, class_of(block))) {
      c.remove(b);
      got = b->block;
      p = b;
    }
  }
  if (!p) {
    if (!book(block)) {
      empty_cache();
      if (!book(block)) out_of_memory(bytes);
    }
    p = take_from_system(block);
    if (!p) {
      unbook(block);
      out_of_memory(bytes);
    }
  }
  count_allocated(static_cast<std::int64_t>(got));
  count_allocations(1);
  return new (p)
      Storage(static_cast<std::byte*>(p) + kHeader, bytes, Device{}, free_big, as_context(got));
}

// ---- Small blocks -------------------------------------------------------------------------------

// Counters that only their thread writes and others read.
template <class T>
void add(std::atomic<T>& counter, T x) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + x, std::memory_order_relaxed);
}

struct ThreadCache {
  SmallBlock* list[kSmallClasses] = {};
  std::uint16_t count[kSmallClasses] = {};
  std::atomic<std::int64_t> allocated{0};  // not yet folded into g_allocated; may be negative
  std::atomic<std::size_t> allocations{0};
  ThreadCache *previous = nullptr, *next = nullptr;
};

// Blocks of a class that a thread keeps; half of them move at a time.
constexpr int most_kept(int c) noexcept {
  return static_cast<int>(std::clamp<std::size_t>(64 * kKiB / size_of_class(c), 16, 128));
}

thread_local ThreadCache* t_cache = nullptr;
pthread_key_t g_key;

void fold(ThreadCache& t) noexcept {
  count_allocated(t.allocated.exchange(0, std::memory_order_relaxed));
}

Slab* slab_of(void* p) noexcept {
  return reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(p) & ~(kSlab - 1));
}

// Returns all but `keep` blocks of class c. The central mutex is held.
void return_blocks(ThreadCache& t, int c, int keep) noexcept {
  Central& center = central();
  for (; t.count[c] > keep; --t.count[c]) {
    SmallBlock* b = t.list[c];
    t.list[c] = b->next;
    b->next = center.small[c];
    center.small[c] = b;
    --slab_of(b)->out;
  }
}

void end_thread(void* cache) noexcept {
  auto* t = static_cast<ThreadCache*>(cache);
  t_cache = nullptr;  // a later free on this thread makes a new one
  fold(*t);
  count_allocations(t->allocations.load(std::memory_order_relaxed));
  {
    Central& center = central();
    std::lock_guard lock(center.mutex);
    for (int c = 0; c < kSmallClasses; ++c) return_blocks(*t, c, 0);
    (t->previous ? t->previous->next : center.threads) = t->next;
    if (t->next) t->next->previous = t->previous;
  }
  delete t;
}

[[gnu::noinline]] ThreadCache* start_thread() noexcept {
  auto* t = new (std::nothrow) ThreadCache;
  if (!t) return nullptr;
  {
    Central& center = central();
    std::lock_guard lock(center.mutex);
    t->next = center.threads;
    if (t->next) t->next->previous = t;
    center.threads = t;
  }
  pthread_setspecific(g_key, t);
  return t_cache = t;
}

ThreadCache* thread_cache() noexcept {
  ThreadCache* t = t_cache;
  return t ? t : start_thread();
}

// A slab with room for `block` to carve from; false when there is no memory.
bool new_slab(std::size_t block) {
  if (!book(kSlab)) {
    empty_cache();
    if (!book(kSlab)) return false;
  }
  void* p = map(kSlab, kSlab);
  if (!p) {
    unbook(kSlab);
    return false;
  }
  Central& c = central();
  {
    std::lock_guard lock(c.mutex);
    if (static_cast<std::size_t>(c.bump_end - c.bump) < block) {
      c.slabs = new (p) Slab{c.slabs, 0};
      c.bump = static_cast<std::byte*>(p) + kHeader;
      c.bump_end = static_cast<std::byte*>(p) + kSlab;
      return true;
    }
  }
  munmap(p, kSlab);  // another thread was faster
  unbook(kSlab);
  return true;
}

// At least one block for list c, or false.
[[gnu::noinline]] bool refill(ThreadCache& t, int c) {
  const std::size_t block = kHeader + size_of_class(c);
  Central& center = central();
  do {
    std::lock_guard lock(center.mutex);
    const int wanted = most_kept(c) / 2;
    while (t.count[c] < wanted) {
      SmallBlock* b = center.small[c];
      if (b) {
        center.small[c] = b->next;
      } else if (static_cast<std::size_t>(center.bump_end - center.bump) >= block) {
        b = new (center.bump) SmallBlock;
        center.bump += block;
      } else {
        break;
      }
      ++slab_of(b)->out;
      b->next = t.list[c];
      t.list[c] = b;
      ++t.count[c];
    }
    if (t.count[c]) return true;
  } while (new_slab(block));
  return false;
}

[[gnu::noinline]] void return_half(ThreadCache& t, int c) noexcept {
  std::lock_guard lock(central().mutex);
  return_blocks(t, c, most_kept(c) / 2);
}

void free_small(Storage* s) noexcept {
  const int c = static_cast<int>(block_of(s));
  ThreadCache* t = thread_cache();
  auto* b = new (static_cast<void*>(s)) SmallBlock;
  if (!t) [[unlikely]] {  // no memory for a thread's lists
    Central& center = central();
    std::lock_guard lock(center.mutex);
    b->next = center.small[c];
    center.small[c] = b;
    --slab_of(b)->out;
    return;
  }
  b->next = t->list[c];
  t->list[c] = b;
  add(t->allocated, -static_cast<std::int64_t>(kHeader + size_of_class(c)));
  if (t->allocated.load(std::memory_order_relaxed) < -kFoldStep) fold(*t);
  if (++t->count[c] > most_kept(c)) return_half(*t, c);
}

Storage* new_small(std::size_t bytes) {
  const int c = class_of(bytes);
  ThreadCache* t = thread_cache();
  if (!t) [[unlikely]]
    out_of_memory(bytes);
  if (!t->list[c] && !refill(*t, c)) [[unlikely]]
    out_of_memory(bytes);
  SmallBlock* b = t->list[c];
  t->list[c] = b->next;
  --t->count[c];
  add(t->allocations, std::size_t{1});
  add(t->allocated, static_cast<std::int64_t>(kHeader + size_of_class(c)));
  if (t->allocated.load(std::memory_order_relaxed) > kFoldStep) fold(*t);
  void* p = b;
  return new (p) Storage(static_cast<std::byte*>(p) + kHeader, bytes, Device{}, free_small,
                         as_context(static_cast<std::size_t>(c)));
}

// Unmaps slabs none of whose blocks is out. The central mutex is held.
void release_slabs(Central& center) noexcept {
  Slab* free_slabs = nullptr;
  for (Slab** link = &center.slabs; *link;) {
    Slab* s = *link;
    if (s->out == 0) {
      *link = s->next;
      s->next = free_slabs;
      free_slabs = s;
      s->out = std::numeric_limits<std::size_t>::max();  // marks it for the loop below
    } else {
      link = &s->next;
    }
  }
  if (!free_slabs) return;
  for (SmallBlock*& list : center.small)
    for (SmallBlock** link = &list; *link;)
      if (slab_of(*link)->out == std::numeric_limits<std::size_t>::max()) *link = (*link)->next;
      else link = &(*link)->next;
  if (center.bump && slab_of(center.bump_end - 1)->out == std::numeric_limits<std::size_t>::max())
    center.bump = center.bump_end = nullptr;
  while (free_slabs) {
    Slab* next = free_slabs->next;
    munmap(free_slabs, kSlab);
    unbook(kSlab);
    free_slabs = next;
  }
}

// ---- Without caching ----------------------------------------------------------------------------

void free_plain(Storage* s) noexcept {
  const std::size_t block = block_of(s);
  count_allocated(-static_cast<std::int64_t>(block));
  unbook(block);
  std::free(static_cast<void*>(s));
}

Storage* new_plain(std::size_t bytes) {
  const std::size_t block = kHeader + bytes;  // to the byte
  if (!book(block)) out_of_memory(bytes);
  void* p = nullptr;
  if (posix_memalign(&p, 64, block) != 0) {
    unbook(block);
    out_of_memory(bytes);
  }
  count_allocated(static_cast<std::int64_t>(block));
  count_allocations(1);
  return new (p)
      Storage(static_cast<std::byte*>(p) + kHeader, bytes, Device{}, free_plain, as_context(block));
}

void before_fork() noexcept {
  accounting::lock();
  central().mutex.lock();
}
void after_fork() noexcept {
  central().mutex.unlock();
  accounting::unlock();
}

const bool g_ready = [] {
  auto* c = new (g_central_memory) Central;
  c->bound = std::clamp(memory_limit().total / 8, 64 * kMiB, 4 * kGiB);
  pthread_key_create(&g_key, end_thread);
  pthread_atfork(before_fork, after_fork, after_fork);
  return true;
}();

}  // namespace

Ref<Storage> allocate(std::size_t bytes, Device device) {
  if (device.kind != DeviceKind::cpu) [[unlikely]]
    return allocate_on_device(bytes, device);
  if (bytes > kMaxBytes) [[unlikely]]
    out_of_memory(bytes);
  if constexpr (!kCaching) return Ref<Storage>(new_plain(bytes));
  return Ref<Storage>(bytes <= kSmall ? new_small(bytes) : new_big(bytes));
}

MemoryStats memory_stats() {
  accounting::Totals sum = accounting::totals();
  {
    Central& c = central();
    std::lock_guard lock(c.mutex);
    for (ThreadCache* t = c.threads; t; t = t->next) {
      sum.allocated += t->allocated.load(std::memory_order_relaxed);
      sum.allocations += t->allocations.load(std::memory_order_relaxed);
    }
  }
  const auto allocated = static_cast<std::size_t>(std::max<std::int64_t>(sum.allocated, 0));
  return {allocated, sum.reserved, std::max(allocated, static_cast<std::size_t>(sum.peak)),
          sum.allocations, sum.reserved + accounting::room_left()};
}

void reset_peak() noexcept { accounting::reset_peak(); }

void empty_cache() noexcept {
  Cached* chain;
  {
    Central& c = central();
    std::lock_guard lock(c.mutex);
    chain = c.evict(0);
    if (ThreadCache* t = t_cache)
      for (int i = 0; i < kSmallClasses; ++i) return_blocks(*t, i, 0);
    release_slabs(c);
  }
  give_chain_to_system(chain);
}

void set_memory_limit(std::size_t bytes) noexcept { accounting::set_cap(bytes); }

}  // namespace nnx::runtime
