// Devices, their streams, errors and memory: see device.hpp and core::DeviceApi.
// The allocator keeps what is given back, by rounded size. Small blocks are cut from slabs, which
// stay. A block may be taken again at once: its last reader is queued before its next writer.
#include "cuda/device.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cuda/compile.hpp"
#include "cuda/conv_library.hpp"
#include "cuda/copy.hpp"
#include "cuda/faults.hpp"
#include "cuda/gemm_library.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/pinned.hpp"

namespace nnx::cuda {
namespace {

core::Host g_host{};
bool g_forked = false;
const int g_watch_forks = pthread_atfork(nullptr, nullptr, [] { g_forked = true; });

bool asked_for(const char* variable) {
  const char* text = std::getenv(variable);
  return text && *text && *text != '0';
}

[[noreturn]] void fail(core::Failure kind, const char* op, const std::string& rule,
                       const std::string& received, const char* hint) {
  g_host.fail(kind, op, rule.c_str(), received.c_str(), hint);
  std::abort();  // not reached: it throws
}

std::string megabytes(std::size_t bytes) {
  char text[40];
  std::snprintf(text, sizeof text, bytes < 10'000'000 ? "%.3f MB" : "%.1f MB",
                static_cast<double>(bytes) * 1e-6);
  return text;
}

constexpr std::size_t kAlign = 512;
constexpr std::size_t kSmall = std::size_t{1} << 20;  // cut from slabs up to here
constexpr std::size_t kSlab = std::size_t{2} << 20;

// Sizes in steps of an eighth of the power of two below, so at most an eighth is wasted.
std::size_t rounded(std::size_t bytes) {
  if (bytes <= kAlign) return kAlign;
  std::size_t step = kAlign;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

class Memory {
 public:
  void* take(std::size_t bytes, std::size_t total) {
    std::lock_guard lock(mutex_);
    const std::size_t size = rounded(bytes);
    void* data = nullptr;
    if (auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
      data = found->second.back();
      found->second.pop_back();
    } else {
      data = size <= kSmall && caching_ ? cut(size) : from_device(size);
      if (!data) {
        give_back_cached();
        data = from_device(size);
      }
      if (!data) out_of_memory(bytes, total);
    }
    live_.emplace(data, size);
    now_.allocated += size;
    now_.peak = std::max(now_.peak, now_.allocated);
    ++now_.allocations;
    return data;
  }
  void give(void* data) noexcept {
    std::lock_guard lock(mutex_);
    const auto found = live_.find(data);
    if (found == live_.end()) return;
    const std::size_t size = found->second;
    live_.erase(found);
    now_.allocated -= size;
    if (caching_) return free_[size].push_back(data);
    cudaFree(data);  // waits for the device
    now_.reserved -= size;
  }
  void empty() {
    std::lock_guard lock(mutex_);
    give_back_cached();
  }
  core::DeviceMemory stats() {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void reset_peak() {
    std::lock_guard lock(mutex_);
    now_.peak = now_.allocated;
  }

 private:
  void* from_device(std::size_t size) {
    void* data = nullptr;
    const cudaError_t e = cudaMalloc(&data, size);
    if (e == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // not an error any more: the caller decides
      return nullptr;
    }
    check(e, "memory");
    now_.reserved += size;
    return data;
  }
  void* cut(std::size_t size) {
    if (slab_left_ < size) {
      void* slab = from_device(kSlab);
      if (!slab) return nullptr;
      while (slab_left_ >= kAlign) {  // what is left of the last one, in pieces of sizes in use
        const std::size_t piece = largest_class(slab_left_);
        free_[piece].push_back(slab_);
        slab_ += piece;
        slab_left_ -= piece;
      }
      slab_ = static_cast<char*>(slab);
      slab_left_ = kSlab;
    }
    void* data = slab_;
    slab_ += size;
    slab_left_ -= size;
    return data;
  }
  static std::size_t largest_class(std::size_t room) {
    std::size_t size = room / kAlign * kAlign;
    while (rounded(size) > room) size -= kAlign;
    return rounded(size);
  }
  void give_back_cached() {
    for (auto& [size, list] : free_) {
      if (size <= kSmall) continue;  // parts of slabs
      for (void* data : list) cudaFree(data);
      now_.reserved -= size * list.size();
      list.clear();
    }
  }
  [[noreturn]] void out_of_memory(std::size_t bytes, std::size_t total) {
    std::map<std::size_t, std::size_t> counts;
    for (const auto& [data, size] : live_) ++counts[size];
    std::vector<std::pair<std::size_t, std::size_t>> most;  // bytes held, size
    for (const auto& [size, count] : counts) most.emplace_back(size * count, size);
    std::sort(most.rbegin(), most.rend());
    std::string text = megabytes(bytes) + "; the device has " + megabytes(total) +
                       ", tensors hold " + megabytes(now_.allocated);
    for (std::size_t i = 0; i < most.size() && i < 6; ++i)
      text += (i ? ", " : " (") + std::to_string(most[i].first / most[i].second) + " of " +
              megabytes(most[i].second);
    if (!most.empty()) text += most.size() > 6 ? ", ...)" : ")";
    fail(core::Failure::out_of_memory, "memory", "the device has no room for a tensor of this size",
         text, "make the batch smaller, or drop tensors that are no longer needed: del x");
  }

  const bool caching_ = !asked_for("NNX_CUDA_NO_CACHE");
  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  std::unordered_map<void*, std::size_t> live_;
  char* slab_ = nullptr;
  std::size_t slab_left_ = 0;
  core::DeviceMemory now_{};
};

struct Device {
  cudaStream_t stream = nullptr;
  Faults faults;
  core::DeviceFacts facts{};
  Memory memory;
};

struct Devices {
  std::mutex mutex;
  std::vector<Device*> list;
};
// Never destroyed: tensors may be released while the process exits.
Devices& devices() {
  static Devices& all = *new Devices;
  return all;
}

thread_local int t_index = -1;  // of the device this thread has in use
thread_local Device* t_device = nullptr;

int count(const char** why_none) {
  static thread_local std::string why;
  int n = 0;
  const cudaError_t e = g_forked ? cudaErrorNotPermitted : cudaGetDeviceCount(&n);
  if (e == cudaSuccess && n > 0) return n;
  cudaGetLastError();
  switch (e) {
    case cudaErrorInsufficientDriver: {
      int driver = 0, runtime = 0;
      cudaDriverGetVersion(&driver);
      cudaRuntimeGetVersion(&runtime);
      if (driver == 0) {
        why = "no NVIDIA driver was found (libcuda.so.1)";
        break;
      }
      const auto version = [](int v) {
        return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10);
      };
      why = "the NVIDIA driver is too old: it knows CUDA " + version(driver) +
            ", and this build needs " + version(runtime);
      break;
    }
    case cudaErrorNotPermitted: why = "CUDA cannot be used in a process made by fork"; break;
    case cudaSuccess:
    case cudaErrorNoDevice: why = "the NVIDIA driver finds no device"; break;
    default: why = std::string("CUDA does not start: ") + cudaGetErrorString(e);
  }
  *why_none = why.c_str();
  return 0;
}

Device& open_device(int index) {
  check_process("device");
  Devices& all = devices();
  std::lock_guard lock(all.mutex);
  if (all.list.empty()) {
    const char* why = "";
    const int n = count(&why);
    if (n == 0)
      fail(core::Failure::device, "device", why, "cuda:" + std::to_string(index),
           "use the device \"cpu\", or install or update NVIDIA's driver");
    all.list.resize(static_cast<std::size_t>(n));
  }
  const int n = static_cast<int>(all.list.size());
  if (index < 0 || index >= n)
    fail(core::Failure::device, "device", "there is no such device",
         "cuda:" + std::to_string(index), n == 1 ? "the only one is cuda:0" : "see nnx.devices()");
  Device*& d = all.list[static_cast<std::size_t>(index)];
  check(cudaSetDevice(index), "device");
  if (!d) {
    auto* made = new Device;
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, index), "device");
    std::snprintf(made->facts.name, sizeof made->facts.name, "%s", p.name);
    made->facts.major = p.major;
    made->facts.minor = p.minor;
    made->facts.multiprocessors = p.multiProcessorCount;
    made->facts.memory = p.totalGlobalMem;
    check(cudaStreamCreateWithFlags(&made->stream, cudaStreamNonBlocking), "device");
    std::string found;
    for (const auto& [there, name] : {std::pair{library_is_there(), "cuBLASLt"},
                                      {conv_library_is_there(), "cuDNN"},
                                      {compiler_is_there(), "NVRTC"}})
      if (there) found += (found.empty() ? "" : ", ") + std::string(name);
    std::snprintf(made->facts.libraries, sizeof made->facts.libraries, "%s", found.c_str());
    made->faults.open();
    d = made;
  }
  return *d;
}

void use(int index) {
  if (t_index == index && !g_forked) return;
  t_device = &open_device(index);
  t_index = index;
}

Device& device(int index) {
  if (index == t_index) return *t_device;
  const int before = t_index;
  Device& d = open_device(index);
  if (before >= 0) cudaSetDevice(before);
  return d;
}

void* allocate(std::size_t bytes) { return t_device->memory.take(bytes, t_device->facts.memory); }
void release(int index, void* data) noexcept {
  if (g_forked) return;
  Device* d;
  {
    Devices& all = devices();
    std::lock_guard lock(all.mutex);
    d = all.list[static_cast<std::size_t>(index)];
  }
  d->memory.give(data);
}

void synchronize() { wait_and_report("synchronize"); }
void facts(int index, core::DeviceFacts* out) { *out = device(index).facts; }
void memory(int index, core::DeviceMemory* out) {
  Device& d = device(index);
  *out = d.memory.stats();
  out->total = d.facts.memory;
}
void reset_peak(int index) { device(index).memory.reset_peak(); }
void empty_cache(int index) {
  Device& d = device(index);
  check(cudaStreamSynchronize(d.stream), "empty_cache");
  d.memory.empty();
  pinned().empty();
}

// `second` goes on when what `first` has queued is done.
void order(cudaStream_t first, cudaStream_t second) {
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "stream");
  check(cudaEventRecord(event, first), "stream");
  check(cudaStreamWaitEvent(second, event, 0), "stream");
  check(cudaEventDestroy(event), "stream");
}
void wait_for(void* other) { order(static_cast<cudaStream_t>(other), stream()); }
void make_wait(void* other) { order(stream(), static_cast<cudaStream_t>(other)); }

}  // namespace

void set_host(const core::Host& host) noexcept { g_host = host; }

void check(cudaError_t error, const char* op) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  const std::string what = std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
  if (error == cudaErrorMemoryAllocation)
    fail(core::Failure::out_of_memory, op, "the device is out of memory", what,
         "make the batch smaller, or drop tensors that are no longer needed: del x");
  fail(core::Failure::device, op, "the device reported an error, here or in work queued before",
       what,
       waits_for_launches()
           ? "the process must be started again before the device can be used"
           : "start again with NNX_CUDA_SYNC=1 in the environment to see which operation it is");
}

void fail_indices(const core::IndexFault& fault) {
  g_host.bad_indices(fault);
  std::abort();  // not reached: it throws
}

void check_process(const char* op) {
  if (g_forked)
    fail(core::Failure::device, op, "CUDA cannot be used in a process made by fork", {},
         "start worker processes with multiprocessing.set_start_method(\"spawn\")");
}
bool forked() noexcept { return g_forked; }

void refuse(const char* op, const char* rule) {
  fail(core::Failure::device, op, rule, {}, "compute it on the CPU: x.cpu()");
}

cudaStream_t stream() { return t_device->stream; }
int multiprocessors() { return t_device->facts.multiprocessors; }
int device_in_use() { return t_index; }
Faults& faults() { return t_device->faults; }
int capability() { return 10 * t_device->facts.major + t_device->facts.minor; }

const void* load_kernel(const void* cubin, const char* name) {
  cudaLibrary_t library;
  cudaKernel_t kernel;
  if (cudaLibraryLoadData(&library, cubin, nullptr, nullptr, 0, nullptr, nullptr, 0) ==
          cudaSuccess &&
      cudaLibraryGetKernel(&kernel, library, name) == cudaSuccess)
    return reinterpret_cast<const void*>(kernel);
  cudaGetLastError();
  return nullptr;
}

bool waits_for_launches() {
  static const bool yes = asked_for("NNX_CUDA_SYNC");
  return yes;
}
void launched(const char* op) {
  if (waits_for_launches()) wait_and_report(op);
}

void wait_for_device(int other) {
  if (other == t_index) return;
  const cudaStream_t theirs = device(other).stream;
  cudaEvent_t event;
  check(cudaSetDevice(other), "copy");  // an event belongs to the device whose work it marks
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "copy");
  check(cudaEventRecord(event, theirs), "copy");
  check(cudaSetDevice(t_index), "copy");
  check(cudaStreamWaitEvent(stream(), event, 0), "copy");
  check(cudaEventDestroy(event), "copy");
}
void make_device_wait(int other) {
  if (other != t_index) order(stream(), device(other).stream);
}

void wait_and_report(const char* op) {
  Faults::Look look(faults());
  check(cudaStreamSynchronize(stream()), op);
  look.report();
}

Scratch::Scratch(std::size_t bytes) : index_(t_index), data_(allocate(bytes)) {}
Scratch::~Scratch() { release(index_, data_); }

void read_back(void* to, const void* from, std::size_t bytes, const char* op) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream()), op);
  wait_and_report(op);
}

const core::DeviceApi& api() noexcept {
  static constexpr core::DeviceApi table{.count = count,
                                         .facts = facts,
                                         .use = use,
                                         .allocate = allocate,
                                         .release = release,
                                         .copy = copy,
                                         .pin = pin,
                                         .unpin = unpin,
                                         .is_pinned = is_pinned,
                                         .check_indices = check_indices,
                                         .synchronize = synchronize,
                                         .memory = memory,
                                         .reset_peak = reset_peak,
                                         .empty_cache = empty_cache,
                                         .wait_for = wait_for,
                                         .make_wait = make_wait};
  return table;
}

}  // namespace nnx::cuda
