// A stand-in for CUDA's runtime: the parts of its interface that src/cuda uses, carried out by the
// processor. With it the same kernel sources compile as plain C++ and run without a GPU, block by
// block; the threads of a block are fibers that change at barriers and exchanges between lanes.
// It is slow and proves nothing about speed or about races between blocks; it finds wrong indices,
// wrong results, wrong orders of barriers, and lets every error path be taken:
//
//   NNX_STANDIN_FAIL     no-driver, old-driver, no-device, lost (from the next launch on)
//   NNX_STANDIN_MEMORY   bytes of the device, 2e9 unless set
//   NNX_STANDIN_DEVICES  how many there are, 2 unless set
//   NNX_STANDIN_PINNED   bytes of the host that can be pinned, any number unless set
//   NNX_STANDIN_COMPILE  a folder in which the stand-in for NVRTC (nvrtc.cpp) works
//
// Invariants: memory of devices and pinned memory is host memory behind a guard pattern that is
// checked when it is freed; a launch is finished when it returns. Copies from and to pinned memory
// are carried out as late as CUDA allows: when the host waits for them, or something that may use
// their result is queued behind them. So what does not wait finds old values.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <dlfcn.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define NNX_STANDIN 1

// --- types
// ----------------------------------------------------------------------------------------
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorNotPermitted = 800,
};
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaMemoryType {
  cudaMemoryTypeUnregistered = 0,
  cudaMemoryTypeHost = 1,
  cudaMemoryTypeDevice = 2,
  cudaMemoryTypeManaged = 3
};
struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
};
struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  std::size_t totalGlobalMem;
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;
constexpr unsigned cudaHostAllocPortable = 1;
using cudaStream_t = struct StandinStream*;
using cudaEvent_t = struct StandinEvent*;
using cudaLibrary_t = struct StandinLibrary*;
using cudaKernel_t = struct StandinKernel*;

// --- one block of threads
// -------------------------------------------------------------------------
inline thread_local uint3 threadIdx, blockIdx;
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace standin {

constexpr std::size_t kStack = 256 << 10;
constexpr std::size_t kShared = 228 << 10;

struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  uint3 index;
  bool started = false, done = false;
};

// Waits until all of a group have arrived.
struct Barrier {
  unsigned members = 0, arrived = 0, round = 0;
};

struct Block {
  std::vector<Fiber> fibers;
  std::vector<char*> stacks;  // not in use
  std::size_t current = 0, threads = 0;
  void* scheduler = nullptr;
  void (*body)(void*) = nullptr;
  void* arguments = nullptr;
  Barrier all;
  std::vector<Barrier> warps;
  std::vector<std::uint64_t> exchange;
  alignas(128) char shared[kShared];
  ~Block() {
    for (char* s : stacks) std::free(s);
  }
};
inline Block& block() {
  static thread_local Block* b = new Block;
  return *b;
}

#if !defined(__x86_64__)
#error "the stand-in changes fibers with x86-64 instructions"
#endif
// Saves the callee's registers on this stack, notes it in *from, goes on at `to`.
extern "C" void nnx_standin_switch(void** from, void* to);
asm(R"(
.text
.weak nnx_standin_switch
.hidden nnx_standin_switch
.type nnx_standin_switch,@function
nnx_standin_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

inline void to_scheduler() {
  Block& b = block();
  nnx_standin_switch(&b.fibers[b.current].stack_pointer, b.scheduler);
}
inline void run_fiber() {
  Block& b = block();
  b.body(b.arguments);
  b.fibers[b.current].done = true;
  to_scheduler();
  std::abort();  // a finished fiber never runs again
}
inline void start(Fiber& f, Block& b) {
  if (b.stacks.empty()) {
    f.stack = static_cast<char*>(std::aligned_alloc(64, kStack));
  } else {
    f.stack = b.stacks.back();
    b.stacks.pop_back();
  }
  auto** top = reinterpret_cast<void**>(f.stack + kStack - 56);
  *top-- = nullptr;  // where a call would leave its return address: 8 beyond a multiple of 16
  *top-- = reinterpret_cast<void*>(&run_fiber);
  for (int i = 0; i < 6; ++i) *top-- = nullptr;
  f.stack_pointer = top + 1;
  f.started = true;
}

inline void leave(Barrier& barrier) {
  --barrier.members;
  if (barrier.members && barrier.arrived == barrier.members) {
    barrier.arrived = 0;
    ++barrier.round;
  }
}

// Every thread of one block, each until its next barrier, in turn.
inline void run_block(Block& b) {
  b.fibers.assign(b.threads, Fiber{});
  b.all = {static_cast<unsigned>(b.threads)};
  b.warps.assign((b.threads + 31) / 32, Barrier{});
  b.exchange.assign(b.threads, 0);
  std::memset(b.shared, 0xff, sizeof b.shared < 4096 ? sizeof b.shared : 4096);
  for (std::size_t i = 0; i < b.threads; ++i) {
    const unsigned x = blockDim.x, y = blockDim.y;
    const auto t = static_cast<unsigned>(i);
    b.fibers[i].index = {t % x, t / x % y, t / (x * y)};
    ++b.warps[i / 32].members;
  }
  for (std::size_t left = b.threads; left > 0;) {
    for (std::size_t i = 0; i < b.threads; ++i) {
      Fiber& f = b.fibers[i];
      if (f.done) continue;
      if (!f.started) start(f, b);
      b.current = i;
      threadIdx = f.index;
      nnx_standin_switch(&b.scheduler, f.stack_pointer);
      if (!f.done) continue;
      b.stacks.push_back(f.stack);
      --left;
      leave(b.all);
      leave(b.warps[i / 32]);
    }
  }
}

inline void wait(Barrier& barrier) {
  if (++barrier.arrived == barrier.members) {
    barrier.arrived = 0;
    ++barrier.round;
    return;
  }
  for (const unsigned round = barrier.round; barrier.round == round;) to_scheduler();
}

// The value of lane `from` of the caller's warp.
template <class T>
T exchange(T value, unsigned from) {
  static_assert(sizeof(T) <= 8);
  Block& b = block();
  const std::size_t i = b.current, first = i / 32 * 32;
  std::memcpy(&b.exchange[i], &value, sizeof value);
  wait(b.warps[i / 32]);
  T result = value;
  if (from < 32 && first + from < b.threads)
    std::memcpy(&result, &b.exchange[first + from], sizeof result);
  wait(b.warps[i / 32]);
  return result;
}

// --- devices
// --------------------------------------------------------------------------------------
inline const char* setting(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}
inline bool failing(const char* how) { return std::string(setting("NNX_STANDIN_FAIL")) == how; }

struct Guard {
  std::size_t bytes;
  std::uint64_t pattern;
  cudaMemoryType type;
  int device;
};
constexpr std::uint64_t kPattern = 0xfeedfacecafebeef;
constexpr std::size_t kMargin = 256;
inline std::recursive_mutex g_mutex;  // held by whatever touches the devices
using Lock = std::lock_guard<std::recursive_mutex>;
inline std::size_t g_used = 0, g_pinned = 0;
inline cudaError_t g_last = cudaSuccess;
inline std::vector<char*> g_live;
inline thread_local int t_device = 0;

// A copy that has not been carried out yet; they are numbered in the order they were queued.
struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  std::uint64_t number;
};
}  // namespace standin
struct StandinStream {
  std::deque<standin::Copy> waiting;
};
struct StandinEvent {
  cudaStream_t stream = nullptr;
  std::uint64_t after = 0;  // the number of the last copy in front of it
};
namespace standin {
inline std::uint64_t g_copies = 0;
inline StandinStream g_default_stream;
inline StandinStream& stream_of(cudaStream_t s) {
  return reinterpret_cast<std::uintptr_t>(s) > 2 ? *s : g_default_stream;  // 1, 2: names of defaults
}

// What is queued in front of (and with) copy number `last` of a stream.
inline void carry_out(cudaStream_t s, std::uint64_t last = ~std::uint64_t{0}) {
  auto& waiting = stream_of(s).waiting;
  while (!waiting.empty() && waiting.front().number <= last) {
    const Copy c = waiting.front();
    waiting.pop_front();
    std::memmove(c.to, c.from, c.bytes);
  }
}
inline std::vector<cudaStream_t>& streams() {
  static auto& all = *new std::vector<cudaStream_t>{nullptr};
  return all;
}
inline void carry_out_everything() {
  for (const cudaStream_t s : streams()) carry_out(s);
}
inline const Guard* guard_of(const void* data) {
  for (const char* p : g_live) {
    const auto* guard = reinterpret_cast<const Guard*>(p - kMargin);
    if (data >= p && data < p + guard->bytes) return guard;
  }
  return nullptr;
}

inline cudaError_t note(cudaError_t e) {
  if (e != cudaSuccess) g_last = e;
  return e;
}

}  // namespace standin

inline void __syncthreads() { standin::wait(standin::block().all); }
inline void __syncwarp(unsigned = ~0u) {
  auto& b = standin::block();
  standin::wait(b.warps[b.current / 32]);
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned by) {
  const unsigned lane = static_cast<unsigned>(standin::block().current % 32);
  return standin::exchange(value, lane + by);
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned by) {
  const unsigned lane = static_cast<unsigned>(standin::block().current % 32);
  return standin::exchange(value, lane >= by ? lane - by : lane);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, unsigned with) {
  const unsigned lane = static_cast<unsigned>(standin::block().current % 32);
  return standin::exchange(value, lane ^ with);
}
template <class T>
T __shfl_sync(unsigned, T value, unsigned from) {
  return standin::exchange(value, from);
}
inline unsigned __ballot_sync(unsigned, int yes) {
  auto& b = standin::block();
  const std::size_t i = b.current, first = i / 32 * 32;
  b.exchange[i] = yes != 0;
  standin::wait(b.warps[i / 32]);
  unsigned all = 0;
  for (std::size_t k = 0; k < 32 && first + k < b.threads; ++k)
    all |= static_cast<unsigned>(b.exchange[first + k]) << k;
  standin::wait(b.warps[i / 32]);
  return all;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline std::uint32_t __umulhi(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>((std::uint64_t{a} * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(a) * b) >> 64);
}
template <class T>
T atomicAdd(T* at, T x) {
  const T old = *at;
  *at = old + x;
  return old;
}
template <class T>
T atomicCAS(T* at, T expected, T x) {
  const T old = *at;
  if (old == expected) *at = x;
  return old;
}
template <class T>
T atomicMin(T* at, T x) {
  const T old = *at;
  *at = std::min(old, x);
  return old;
}
template <class T>
T atomicMax(T* at, T x) {
  const T old = *at;
  *at = std::max(old, x);
  return old;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
// exp(x^2) erfc(x); far out its asymptotic series.
inline double erfcx(double x) {
  if (!(x > 25)) return std::exp(x * x) * std::erfc(x);
  const double z = 1 / (2 * x * x);
  double sum = 1;
  for (int k = 15; k > 0; k -= 2) sum = 1 - k * z * sum;
  return 0.5641895835477563 / x * sum;
}
inline float erfcxf(float x) { return static_cast<float>(erfcx(static_cast<double>(x))); }

// --- the interface
// --------------------------------------------------------------------------------
inline const char* cudaGetErrorName(cudaError_t e) {
  switch (e) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    default: return "cudaError";
  }
}
inline const char* cudaGetErrorString(cudaError_t e) {
  return e == cudaErrorIllegalAddress ? "an illegal memory access was encountered"
                                      : "an error of the stand-in";
}
inline cudaError_t cudaGetLastError() { return std::exchange(standin::g_last, cudaSuccess); }
inline cudaError_t cudaPeekAtLastError() { return standin::g_last; }
inline cudaError_t cudaDriverGetVersion(int* v) {
  *v = standin::failing("old-driver") ? 12040 : standin::failing("no-driver") ? 0 : 13050;
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* v) {
  *v = 13050;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* n) {
  using namespace standin;
  *n = 0;
  if (failing("no-driver") || failing("old-driver")) return note(cudaErrorInsufficientDriver);
  if (failing("no-device")) return note(cudaErrorNoDevice);
  const char* text = setting("NNX_STANDIN_DEVICES");
  *n = *text ? std::atoi(text) : 2;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  standin::t_device = device;
  return cudaSuccess;
}
inline std::size_t standin_memory() {
  const char* text = standin::setting("NNX_STANDIN_MEMORY");
  return *text ? static_cast<std::size_t>(std::atof(text)) : std::size_t{2'000'000'000};
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  std::strcpy(p->name, "stand-in");
  p->major = 9;
  p->minor = 0;
  p->multiProcessorCount = 2;
  p->totalGlobalMem = standin_memory();
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) {
  const standin::Lock lock(standin::g_mutex);
  standin::streams().push_back(*s = new StandinStream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  using namespace standin;
  if (failing("lost")) return note(cudaErrorIllegalAddress);
  const Lock lock(g_mutex);
  carry_out(s);
  return cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) {
  *e = new StandinEvent;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  const standin::Lock lock(standin::g_mutex);
  *e = {s, standin::g_copies};
  return cudaSuccess;
}
inline cudaError_t cudaEventQuery(cudaEvent_t e) {
  using namespace standin;
  const Lock lock(g_mutex);
  const auto& waiting = stream_of(e->stream).waiting;
  const bool done = waiting.empty() || waiting.front().number > e->after;
  return done ? cudaSuccess : note(cudaErrorNotReady);
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  using namespace standin;
  if (failing("lost")) return note(cudaErrorIllegalAddress);
  const Lock lock(g_mutex);
  carry_out(e->stream, e->after);
  return cudaSuccess;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t e, unsigned) {
  return cudaEventSynchronize(e);
}
inline cudaError_t cudaEventDestroy(cudaEvent_t e) {
  delete e;
  return cudaSuccess;
}

namespace standin {
inline void* guarded(std::size_t bytes, cudaMemoryType type) {
  const std::size_t whole = (bytes + 2 * kMargin + 255) / 256 * 256;
  auto* p = static_cast<char*>(std::aligned_alloc(256, whole));
  new (p) Guard{bytes, kPattern, type, t_device};
  std::memset(p + kMargin, 0xee, bytes);  // never initialised by the real one either
  std::memcpy(p + kMargin + bytes, &kPattern, sizeof kPattern);
  g_live.push_back(p + kMargin);
  return p + kMargin;
}
inline std::size_t give_back(void* data) {
  carry_out_everything();
  char* p = static_cast<char*>(data) - kMargin;
  const auto* guard = reinterpret_cast<const Guard*>(p);
  const std::size_t bytes = guard->bytes;
  std::uint64_t after;
  std::memcpy(&after, p + kMargin + bytes, sizeof after);
  if (guard->pattern != kPattern || after != kPattern) {
    std::fputs("stand-in: a kernel wrote outside its memory\n", stderr);
    std::abort();
  }
  std::erase(g_live, static_cast<char*>(data));
  std::free(p);
  return bytes;
}
}  // namespace standin

inline cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  using namespace standin;
  const Lock lock(g_mutex);
  if (g_used + bytes > standin_memory()) return note(cudaErrorMemoryAllocation);
  g_used += bytes;
  *data = guarded(bytes, cudaMemoryTypeDevice);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* data) {
  const standin::Lock lock(standin::g_mutex);
  if (data) standin::g_used -= standin::give_back(data);
  return cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  using namespace standin;
  const Lock lock(g_mutex);
  const char* most = setting("NNX_STANDIN_PINNED");
  if (*most && static_cast<double>(g_pinned + bytes) > std::atof(most))
    return note(cudaErrorMemoryAllocation);
  g_pinned += bytes;
  *data = guarded(bytes, cudaMemoryTypeHost);
  return cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* data) {
  const standin::Lock lock(standin::g_mutex);
  if (data) standin::g_pinned -= standin::give_back(data);
  return cudaSuccess;
}
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* data) {
  const standin::Lock lock(standin::g_mutex);
  const auto* guard = standin::guard_of(data);
  *a = {guard ? guard->type : cudaMemoryTypeUnregistered, guard ? guard->device : -1};
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t s) {
  using namespace standin;
  if (failing("lost")) return note(cudaErrorIllegalAddress);
  const Lock lock(g_mutex);
  const Guard *at = guard_of(to), *source = guard_of(from);
  const bool late =
      (at && at->type == cudaMemoryTypeHost) || (source && source->type == cudaMemoryTypeHost);
  stream_of(s).waiting.push_back({to, from, bytes, ++g_copies});
  if (!late) carry_out(s);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                                     std::size_t from_pitch, std::size_t width, std::size_t height,
                                     cudaMemcpyKind kind, cudaStream_t stream) {
  for (std::size_t row = 0; row < height; ++row)
    if (const cudaError_t e =
            cudaMemcpyAsync(static_cast<char*>(to) + row * to_pitch,
                            static_cast<const char*>(from) + row * from_pitch, width, kind, stream);
        e != cudaSuccess)
      return e;
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t s) {
  const standin::Lock lock(standin::g_mutex);
  standin::carry_out(s);
  std::memset(to, value, bytes);
  return cudaSuccess;
}
template <class F>
cudaError_t cudaFuncSetAttribute(F*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

template <class... P>
cudaError_t cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 threads, void** arguments,
                             std::size_t shared, cudaStream_t s) {
  using namespace standin;
  if (failing("lost")) return note(cudaErrorIllegalAddress);
  if (shared > kShared || threads.x * threads.y * threads.z > 1024 || grid.x == 0 || grid.y > 65535)
    return note(cudaErrorInvalidValue);
  const Lock lock(g_mutex);
  carry_out(s);
  struct Call {
    void (*kernel)(P...);
    void** arguments;
  } call{kernel, arguments};
  Block& b = block();
  b.body = [](void* c) {
    const auto run = [&]<std::size_t... i>(std::index_sequence<i...>) {
      static_cast<Call*>(c)->kernel(
          *static_cast<std::remove_const_t<P>*>(static_cast<Call*>(c)->arguments[i])...);
    };
    run(std::index_sequence_for<P...>{});
  };
  b.arguments = &call;
  b.threads = threads.x * threads.y * threads.z;
  gridDim = grid;
  blockDim = threads;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block(b);
  return cudaSuccess;
}

// What the stand-in for NVRTC made: a shared object, by its path.
inline cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void* path, void*, void**,
                                       unsigned, void*, void**, unsigned) {
  *library = reinterpret_cast<cudaLibrary_t>(dlopen(static_cast<const char*>(path), RTLD_NOW));
  return *library ? cudaSuccess : cudaErrorInvalidValue;
}
inline cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library,
                                        const char* name) {
  *kernel = reinterpret_cast<cudaKernel_t>(
      dlsym(reinterpret_cast<void*>(library), ("standin_" + std::string(name)).c_str()));
  return *kernel ? cudaSuccess : cudaErrorInvalidValue;
}
inline cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 threads, void** arguments,
                                    std::size_t, cudaStream_t s) {
  if (standin::failing("lost")) return standin::note(cudaErrorIllegalAddress);
  const standin::Lock lock(standin::g_mutex);
  standin::carry_out(s);
  reinterpret_cast<void (*)(void**, unsigned, unsigned)>(const_cast<void*>(kernel))(
      arguments, grid.x, threads.x);
  return cudaSuccess;
}
