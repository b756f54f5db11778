// See libraries.hpp.
#include "cuda/libraries.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string>

namespace nnx::cuda {

namespace {
void* open_library(const char* name) {
  const auto open = [](const std::string& path) {
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  };
  if (const char* folder = std::getenv("NNX_CUDA_LIBRARIES"); folder && *folder)
    if (void* found = open(std::string(folder) + "/" + name)) return found;
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&open_library), &info) && info.dli_fname) {
    std::string path = info.dli_fname;  // site-packages/nnx/_lib/_cuda.so
    for (int up = 0; up < 3; ++up) path.erase(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
    for (const char* wheel : {"cu13", "cudnn"})
      if (void* found = open(path + "/nvidia/" + wheel + "/lib/" + name)) return found;
  }
  return open(name);
}
}  // namespace

SharedLibrary::SharedLibrary(const char* name)
    : handle_(open_library(name)), complete_(handle_ != nullptr) {}

void* SharedLibrary::symbol(const char* name) const {
  return handle_ ? dlsym(handle_, name) : nullptr;
}

}  // namespace nnx::cuda
