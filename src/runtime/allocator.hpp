// Memory for tensors: a caching allocator, and storages over memory owned by others.
// Invariants: data is aligned to 64 bytes and not initialised; a storage may be released on any
// thread and after fork; nothing is reserved beyond the memory the process may use
// (OutOfMemoryError, thrown after the cache was emptied). A storage of zero bytes has valid data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.hpp"
#include "core/dims.hpp"
#include "core/dtype.hpp"
#include "core/ref.hpp"
#include "core/storage.hpp"
#include "core/tensor.hpp"

namespace nnx::runtime {

core::Ref<core::Storage> allocate(std::size_t bytes, core::Device device = {});

// A storage over borrowed memory: free(owner) runs when the last reference goes, on whichever
// thread drops it. `free` may be null.
core::Ref<core::Storage> adopt(void* data, std::size_t bytes, core::Device device, void* owner,
                               void (*free)(void* owner), bool writable);

// DTypeError for complex numbers anywhere but on the CPU: no other kernels take them. Whatever
// makes a tensor of memory it has already asks this.
void check_place(core::DType dtype, core::Device device, const char* op = "empty");

core::Tensor empty(const core::Shape& shape, core::DType dtype, core::Device device = {});
// Strides must not be negative; the storage holds exactly what they reach.
core::Tensor empty_strided(const core::Shape& shape, const core::Dims& strides, core::DType dtype,
                           core::Device device = {});

struct MemoryStats {
  std::size_t allocated;    // bytes in storages alive now (rounded up to their block sizes)
  std::size_t reserved;     // bytes taken from the system: allocated and cached
  std::size_t peak;         // largest `allocated` since the start or reset_peak
  std::size_t allocations;  // storages made since the start
  std::size_t limit;        // what `reserved` could grow to now
};
MemoryStats memory_stats();
void reset_peak() noexcept;
// Gives cached memory back to the system.
void empty_cache() noexcept;
// A cap on `reserved` below what the system would give; 0 lifts it.
void set_memory_limit(std::size_t bytes) noexcept;

}  // namespace nnx::runtime
