// A block of memory on one device, shared by the tensors that view it.
// Invariant: the version grows with every write through autodiff-visible operations; saved values
// compare it to notice that they were overwritten.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.hpp"
#include "core/ref.hpp"

namespace nnx::core {

class Storage : public RefCounted {
 public:
  using Free = void (*)(Storage*) noexcept;  // frees the data and the Storage itself

  Storage(void* data, std::size_t bytes, Device device, Free free, void* context = nullptr) noexcept
      : data(data), bytes(bytes), context(context), device(device), free_(free) {}
  static void release(Storage* s) noexcept {
    if (s->drop()) s->free_(s);
  }

  void* data;
  std::size_t bytes;
  void* context;  // the owner of borrowed memory, for `free`
  Device device;
  bool writable = true;
  std::uint32_t version = 0;

 protected:
  ~Storage() = default;

 private:
  Free free_;
};

}  // namespace nnx::core
