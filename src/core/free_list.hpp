// Memory for small objects that come and go with every op (tensors, graph nodes): a per-thread list
// of blocks of one size. Several times faster than malloc where thousands are freed at once.
// Invariants: a block may be given back on another thread than it came from; a thread keeps at most
// kKept blocks of a class, and gives them back to the system when it ends.
#pragma once

#include <cstddef>
#include <new>

namespace nnx::core {

template <class T>
class FreeList {
 public:
  static void* take(std::size_t size) {
    Local& l = local();
    if (l.head && size == sizeof(T)) {
      Block* b = l.head;
      l.head = b->next;
      --l.count;
      return b;
    }
    return ::operator new(size < sizeof(Block) ? sizeof(Block) : size);
  }
  static void give(void* p, std::size_t size) noexcept {
    Local& l = local();
#ifdef __SANITIZE_ADDRESS__
    constexpr bool keep = false;  // the sanitizer is to see every object
#else
    constexpr bool keep = true;
#endif
    if (!keep || l.count >= kKept || size != sizeof(T)) {
      ::operator delete(p);
      return;
    }
    l.head = new (p) Block{l.head};
    ++l.count;
  }

 private:
  static constexpr std::size_t kKept = 16384;
  struct Block {
    Block* next;
  };
  struct Local {
    Block* head = nullptr;
    std::size_t count = 0;
    // A thread that ends gives back what it has; objects freed after that go straight to the
    // system.
    ~Local() {
      while (head) {
        Block* b = head;
        head = b->next;
        ::operator delete(b);
      }
      count = kKept;
    }
  };
  static Local& local() {
    static thread_local Local l;
    return l;
  }
};

}  // namespace nnx::core
