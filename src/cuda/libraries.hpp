// NVIDIA's libraries, opened when first needed: from the folder NNX_CUDA_LIBRARIES, beside this
// package in site-packages (NVIDIA's wheels), or by name.
#pragma once

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

}  // namespace nnx::cuda
