// Memory of the host that devices read and write by themselves: what pinned tensors hold, and what
// copies of other memory pass through.
// Invariants: a block that was given back is handed out again when the device has done the last
// copy that was marked on it; what the system refuses to pin is done without.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>

namespace nnx::cuda {

struct PinnedBlock {
  char* data;
  std::size_t size;
  cudaEvent_t event = nullptr;  // after the last copy
  int device = -1;              // whose event it is
};

class PinnedPool {
 public:
  // A block of at least so many bytes, or null. For a copy to pass through (`passing`), one that is
  // nearly free is waited for rather than another pinned, once there are many.
  PinnedBlock* take(std::size_t bytes, bool passing);
  void give(PinnedBlock* block) noexcept;
  // The block in use that has this byte, or null.
  PinnedBlock* find(const void* data);
  // Copies queued so far on the stream of the device in use may use the block.
  void mark(PinnedBlock& block);
  void empty() noexcept;  // back to the system, what is not in use

 private:
  static PinnedBlock* make(std::size_t size);
  static bool finished(const PinnedBlock& block);

  std::mutex mutex_;
  std::map<std::size_t, std::deque<PinnedBlock*>>
      idle_;  // by size; the first that is free in front
  std::size_t idle_bytes_ = 0;
  std::map<const char*, PinnedBlock*> in_use_;
};
PinnedPool& pinned();

// A block for as long as this lives.
class Lease {
 public:
  explicit Lease(std::size_t bytes) : block_(pinned().take(bytes, true)) {}
  ~Lease() {
    if (block_) pinned().give(block_);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  explicit operator bool() const { return block_ != nullptr; }
  char* data() const { return block_->data; }
  void mark() const { pinned().mark(*block_); }
  void wait(const char* op) const;  // for what is marked

 private:
  PinnedBlock* block_;
};

// Of core::DeviceApi.
void* pin(std::size_t bytes);
void unpin(void* data) noexcept;
bool is_pinned(const void* data) noexcept;

}  // namespace nnx::cuda
