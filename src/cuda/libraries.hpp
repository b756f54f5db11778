// NVIDIA's libraries, opened when first needed: from the folder NNX_CUDA_LIBRARIES, beside this
// package in site-packages (NVIDIA's wheels), or by name.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "cuda/device.hpp"

namespace nnx::cuda {

// A library, and whether it has everything that was looked for in it.
class SharedLibrary {
 public:
  explicit SharedLibrary(const char* name);
  template <class F>
  void find(F& function, const char* name) {
    function = reinterpret_cast<F>(symbol(name));
    complete_ &= function != nullptr;
  }
  bool complete() const noexcept { return complete_; }

 private:
  void* symbol(const char* name) const;
  void* handle_;
  bool complete_;
};

// Of keys that are plain memory without gaps.
template <class Key>
struct HashOfBytes {
  std::size_t operator()(const Key& k) const {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&k), sizeof k});
  }
};

// What there is one of for each device: made where it is first asked for, since a library's handle
// belongs to the device that was in use. It lives as long as the process.
template <class T>
T& of_device_in_use() {
  static std::mutex mutex;
  static auto& all = *new std::unordered_map<int, std::unique_ptr<T>>;
  const std::lock_guard lock(mutex);
  auto& made = all[device_in_use()];
  if (!made) made = std::make_unique<T>();
  return *made;
}

}  // namespace nnx::cuda
