// Opens kernel libraries: see backend.hpp.
#include "runtime/backend.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string_view>

#include "core/error.hpp"
#include "core/tensor.hpp"
#include "runtime/pool.hpp"

namespace nnx::runtime {

namespace detail {
constinit std::atomic<const core::Kernels*> cpu_kernels{nullptr};
}

namespace {

using core::Device;
using core::DeviceError;
using core::DeviceKind;
using core::fail;
using core::Kernels;

constexpr const char* kLevelVariable = "NNX_CPU_LEVEL";

struct Level {
  const char* name;
  bool (*supported)();
};
// Best first.
constexpr Level kLevels[] = {
#if defined(__x86_64__)
    {"v4", [] { return __builtin_cpu_supports("x86-64-v4") != 0; }},
    {"v3", [] { return __builtin_cpu_supports("x86-64-v3") != 0; }},
    {"v2", [] { return __builtin_cpu_supports("x86-64-v2") != 0; }},
#endif
    {"generic", [] { return true; }},
};

std::mutex g_mutex;
std::string&
directory_setting() {  // never destroyed: daemon threads may ask while the process exits
  static std::string& s = *new std::string;
  return s;
}

void fail_for_backend(core::Failure kind, const char* op, const char* rule, const char* received,
                      const char* hint) {
  if (kind == core::Failure::out_of_memory) fail<core::OutOfMemoryError>(op, rule, received, hint);
  fail<DeviceError>(op, rule, received, hint);
}

constinit const core::Host g_host{&parallel, &fail_for_backend, &core::fail_indices};

// Where the libraries lie; beside this one unless set.
std::string directory() {
  if (!directory_setting().empty()) return directory_setting();
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&set_library_directory), &info) && info.dli_fname) {
    const std::string path = info.dli_fname;
    const auto slash = path.rfind('/');
    if (slash != std::string::npos) return path.substr(0, slash);
  }
  return ".";
}

constexpr const char* kCudaVariable = "NNX_CUDA_BACKEND";  // a library in place of ours

std::string library_path(std::string_view name) {
  if (const char* other = std::getenv(kCudaVariable); name == "cuda" && other && *other)
    return other;
  return directory() + "/_" + std::string(name) + ".so";
}
bool exists(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

// The table of the library at `path`, or null and why in `error`.
const Kernels* open_library(const std::string& path, std::string& error) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* text = dlerror();
    error = text ? text : path + " cannot be opened";
    return nullptr;
  }
  auto open = reinterpret_cast<NnxOpenBackend>(dlsym(library, "nnx_open_backend"));
  const Kernels* table = open ? open(&g_host, core::kKernelAbi) : nullptr;
  if (table && table->abi == core::kKernelAbi) return table;
  error = path + " belongs to another version of nnx";
  dlclose(library);
  return nullptr;
}

std::string usable_levels() {
  std::string list;
  for (const Level& level : kLevels)
    if (level.supported() && exists(library_path("cpu_" + std::string(level.name))))
      list += (list.empty() ? "" : ", ") + std::string(level.name);
  return list.empty() ? "none" : list;
}

const char* wanted_level() {
  const char* text = std::getenv(kLevelVariable);
  return text && *text ? text : nullptr;
}

const Kernels& open_cpu() {
  std::lock_guard lock(g_mutex);
  if (auto* table = detail::cpu_kernels.load(std::memory_order_acquire)) return *table;
  const char* wanted = wanted_level();
  std::string errors;
  for (const Level& level : kLevels) {
    if (wanted ? std::string_view(wanted) != level.name : !level.supported()) continue;
    if (!level.supported())
      fail<DeviceError>(kLevelVariable, "this processor does not run the level asked for", wanted,
                        "unset the variable, or choose one of: " + usable_levels());
    const std::string path = library_path("cpu_" + std::string(level.name));
    if (!exists(path)) {
      errors += (errors.empty() ? "" : "; ") + path + " is missing";
      continue;
    }
    std::string error;
    if (auto* table = open_library(path, error)) {
      detail::cpu_kernels.store(table, std::memory_order_release);
      return *table;
    }
    errors += (errors.empty() ? "" : "; ") + error;
  }
  if (wanted)
    fail<DeviceError>(kLevelVariable, "there are no kernels of the level asked for",
                      std::string(wanted) + (errors.empty() ? "" : " (" + errors + ")"),
                      "unset the variable, or choose one of: " + usable_levels());
  fail<DeviceError>(
      "cpu", "no library of CPU kernels could be opened", errors,
      "the installation is damaged or was built for another processor; install again");
}

constexpr const char* kNoKernels =
    "use the device \"cpu\", or build nnx where nvcc is (a CUDA toolkit, or pip install "
    "nvidia-cuda-nvcc nvidia-nvvm nvidia-cuda-crt nvidia-cuda-runtime)";
constexpr const char* kNoDriver =
    "use the device \"cpu\", or install or update NVIDIA's driver: nvidia-smi shows the one in use";

// The table of the CUDA library, or null and why in `why`. g_mutex is held.
const Kernels* open_cuda(std::string& why) {
  static const Kernels* table = nullptr;
  if (table) return table;
  if (!exists(library_path("cuda"))) {
    why = "this build has no CUDA kernels";
    return nullptr;
  }
  return table = open_library(library_path("cuda"), why);
}

constinit std::atomic<const Kernels*> g_cuda{nullptr};  // once a device was asked for

const Kernels& use_cuda(Device device) {
  const Kernels* table = g_cuda.load(std::memory_order_acquire);
  if (!table) {
    std::lock_guard lock(g_mutex);
    std::string why;
    table = open_cuda(why);
    if (!table) fail<DeviceError>("device", why, core::to_string(device), kNoKernels);
    table->device->use(device.index);
    static const core::Attention several_devices;  // ops make sure of them
    g_cuda.store(table, std::memory_order_release);
  }
  table->device->use(device.index);
  return *table;
}

}  // namespace

void set_library_directory(std::string path) {
  std::lock_guard lock(g_mutex);
  directory_setting() = std::move(path);
}

const Kernels& detail::open_kernels(Device device) {
  return device.kind == DeviceKind::cpu ? open_cpu() : use_cuda(device);
}

const Kernels* cuda_in_use() noexcept { return g_cuda.load(std::memory_order_acquire); }

std::string cpu_level() { return kernels().level; }

bool level_forced() { return wanted_level() != nullptr; }

std::vector<DeviceStatus> devices() {
  std::vector<DeviceStatus> list;
  try {
    kernels();
    list.push_back({Device{}, true, {}, {}});
  } catch (const DeviceError& e) {
    list.push_back({Device{}, false, e.what(), {}});
  }
  std::lock_guard lock(g_mutex);
  std::string why;
  const Kernels* cuda = open_cuda(why);
  const char* missing = "";
  const int count = cuda ? cuda->device->count(&missing) : 0;
  for (int i = 0; i < count; ++i)
    list.push_back({Device{DeviceKind::cuda, static_cast<std::int16_t>(i)}, true, {}, {}});
  if (count == 0)
    list.push_back(
        {Device{DeviceKind::cuda, 0}, false, cuda ? missing : why, cuda ? kNoDriver : kNoKernels});
  return list;
}

}  // namespace nnx::runtime
