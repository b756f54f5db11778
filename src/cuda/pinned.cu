// See pinned.hpp.
#include "cuda/pinned.hpp"

#include <bit>
#include <iterator>

#include "cuda/device.hpp"

namespace nnx::cuda {
namespace {

constexpr std::size_t kSmallest = std::size_t{4} << 10;
constexpr std::size_t kLarge = std::size_t{4} << 20;  // from here on in multiples of this
// Bytes given back, of which copies may still read: how far copies run ahead of the device.
constexpr std::size_t kMany = std::size_t{64} << 20;

std::size_t rounded(std::size_t bytes) {
  if (bytes <= kSmallest) return kSmallest;
  return bytes < kLarge ? std::bit_ceil(bytes) : (bytes + kLarge - 1) / kLarge * kLarge;
}

}  // namespace

// Never destroyed: tensors may be released while the process exits, and the driver gives everything
// back at its end.
PinnedPool& pinned() {
  static PinnedPool& pool = *new PinnedPool;
  return pool;
}

PinnedBlock* PinnedPool::make(std::size_t size) {
  void* data = nullptr;
  if (cudaHostAlloc(&data, size, cudaHostAllocPortable) == cudaSuccess)
    return new PinnedBlock{static_cast<char*>(data), size};
  cudaGetLastError();
  return nullptr;
}

bool PinnedPool::finished(const PinnedBlock& block) {
  if (!block.event) return true;
  const bool done = cudaEventQuery(block.event) != cudaErrorNotReady;
  if (!done) cudaGetLastError();  // no error
  return done;
}

PinnedBlock* PinnedPool::take(std::size_t bytes, bool passing) {
  const std::size_t size = rounded(bytes);
  std::unique_lock lock(mutex_);
  auto& list = idle_[size];
  PinnedBlock* block = nullptr;
  const bool ready = !list.empty() && finished(*list.front());
  if (!ready && (list.empty() || !passing || idle_bytes_ < kMany)) block = make(size);
  if (!block && !list.empty()) {
    block = list.front();
    list.pop_front();
    idle_bytes_ -= size;
    if (!ready) {
      lock.unlock();
      const cudaError_t e = cudaEventSynchronize(block->event);
      lock.lock();
      if (e != cudaSuccess) {
        list.push_front(block);
        idle_bytes_ += size;
        lock.unlock();
        check(e, "copy");
      }
    }
  }
  if (block) in_use_.emplace(block->data, block);
  return block;
}

void PinnedPool::give(PinnedBlock* block) noexcept {
  std::lock_guard lock(mutex_);
  in_use_.erase(block->data);
  auto& list = idle_[block->size];
  if (finished(*block)) list.push_front(block);
  else list.push_back(block);
  idle_bytes_ += block->size;
}

PinnedBlock* PinnedPool::find(const void* data) {
  std::lock_guard lock(mutex_);
  const auto* byte = static_cast<const char*>(data);
  auto next = in_use_.upper_bound(byte);
  if (next == in_use_.begin()) return nullptr;
  PinnedBlock* block = std::prev(next)->second;
  return byte < block->data + block->size ? block : nullptr;
}

void PinnedPool::mark(PinnedBlock& block) {
  std::lock_guard lock(mutex_);
  if (block.event && block.device != device_in_use()) {
    check(cudaEventSynchronize(block.event), "copy");
    check(cudaEventDestroy(block.event), "copy");
    block.event = nullptr;
  }
  if (!block.event) {
    check(cudaEventCreateWithFlags(&block.event, cudaEventDisableTiming), "copy");
    block.device = device_in_use();
  }
  check(cudaEventRecord(block.event, stream()), "copy");
}

void PinnedPool::empty() noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [size, list] : idle_) {
    for (PinnedBlock* block : list) {
      if (block->event) {
        cudaEventSynchronize(block->event);
        cudaEventDestroy(block->event);
      }
      cudaFreeHost(block->data);
      delete block;
    }
    list.clear();
  }
  idle_bytes_ = 0;
}

void Lease::wait(const char* op) const { check(cudaEventSynchronize(block_->event), op); }

void* pin(std::size_t bytes) {
  check_process("pin_memory");
  PinnedBlock* block = pinned().take(bytes, false);
  if (!block) {
    pinned().empty();
    block = pinned().take(bytes, false);
  }
  return block ? block->data : nullptr;
}

void unpin(void* data) noexcept {
  if (forked()) return;
  if (PinnedBlock* block = pinned().find(data)) pinned().give(block);
}

bool is_pinned(const void* data) noexcept {
  if (forked()) return false;
  cudaPointerAttributes where{};
  const bool known = cudaPointerGetAttributes(&where, data) == cudaSuccess;
  if (!known) cudaGetLastError();
  return known && where.type == cudaMemoryTypeHost;
}

}  // namespace nnx::cuda
