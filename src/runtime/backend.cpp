// Opens kernel libraries: see backend.hpp.
#include "runtime/backend.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string_view>

#include "core/error.hpp"
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

constinit const core::Host g_host{&parallel};

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

std::string library_path(std::string_view name) {
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

// Why there is no CUDA; empty when its library and a driver are there.
std::string why_no_cuda() {
  if (!exists(library_path("cuda"))) return "this build has no CUDA kernels";
  // Looked up by name only: the backend opens it itself.
  if (void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    dlclose(driver);
    return {};
  }
  return "no NVIDIA driver was found (libcuda.so.1)";
}

const Kernels& open_cuda(Device device) {
  std::lock_guard lock(g_mutex);
  static const Kernels* table = nullptr;
  if (table) return *table;
  std::string why = why_no_cuda();
  const bool no_kernels = !exists(library_path("cuda"));
  if (why.empty()) {
    table = open_library(library_path("cuda"), why);
    if (table) return *table;
  }
  fail<DeviceError>("device", why, core::to_string(device),
                    no_kernels ? "use the device \"cpu\", or install a build with CUDA"
                               : "install or update the NVIDIA driver, or use the device \"cpu\"");
}

}  // namespace

void set_library_directory(std::string path) {
  std::lock_guard lock(g_mutex);
  directory_setting() = std::move(path);
}

const Kernels& detail::open_kernels(Device device) {
  return device.kind == DeviceKind::cpu ? open_cpu() : open_cuda(device);
}

std::string cpu_level() { return kernels().level; }

bool level_forced() { return wanted_level() != nullptr; }

std::vector<DeviceStatus> devices() {
  std::vector<DeviceStatus> list;
  try {
    kernels();
    list.push_back({Device{}, true, {}});
  } catch (const DeviceError& e) {
    list.push_back({Device{}, false, e.what()});
  }
  const Device cuda{DeviceKind::cuda, 0};
  std::lock_guard lock(g_mutex);
  const std::string why = why_no_cuda();
  list.push_back({cuda, why.empty(), why});
  return list;
}

}  // namespace nnx::runtime
