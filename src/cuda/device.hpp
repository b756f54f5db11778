// What every CUDA kernel file needs: errors, launches, the stream, scratch memory on the device.
// Invariants: all work of a device goes through its one stream, in the order asked for, so memory
// may be given back while kernels that use it are still queued. Failures become the host's errors.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/kernels.hpp"

namespace nnx::cuda {

using core::Lane;
using std::int64_t;

void set_host(const core::Host& host) noexcept;

// Throws DeviceError for anything but success. `op` is what was asked for when it came up; the
// cause may be a kernel queued before it (NNX_CUDA_SYNC=1 waits after each, so that the two are the
// same).
void check(cudaError_t error, const char* op);

// Throws the host's error for indices that a check on the device found wrong.
[[noreturn]] void fail_indices(const core::IndexFault& fault);

// Throws DeviceError in a process made by fork, where CUDA cannot be used.
void check_process(const char* op);
bool forked() noexcept;

// Throws DeviceError for what is computed on the CPU alone.
[[noreturn]] void refuse(const char* op, const char* rule);

cudaStream_t stream();  // of the device in use
int multiprocessors();  // of it
int device_in_use();
int capability();  // of it: 90 is compute capability 9.0
// A kernel of a cubin, which must stay where it is; null when it does not load.
const void* load_kernel(const void* cubin, const char* name);
void launched(const char* op);  // after every launch
bool waits_for_launches();      // NNX_CUDA_SYNC=1: each is finished, and reported, when it returns

// What the device in use has queued so far comes after all that the other one has, and the other
// way.
void wait_for_device(int other);
void make_device_wait(int other);

// Scratch memory of the device in use, for kernels queued before it goes.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  int index_;
  void* data_;
};

// Waits for the device in use, and throws what went wrong there: every wait whose results are
// looked at is one of these.
void wait_and_report(const char* op);

// Copies to the host and does that.
void read_back(void* to, const void* from, std::size_t bytes, const char* op);

constexpr int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

constexpr int kThreads = 256;  // of a block, unless a kernel has reasons

// Blocks for n threads' worth of work: enough to fill the device a few times over, so that kernels
// walk the rest in strides of the grid.
inline dim3 blocks_for(int64_t n, int threads = kThreads) {
  const int64_t most = int64_t{16} * multiprocessors();
  const int64_t blocks = ceil_div(n, threads);
  return dim3(static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most));
}

template <class... P, class... A>
void launch(const char* op, void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared,
            A... args) {
  const auto start = [&](P... values) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&values))..., nullptr};
    check(cudaLaunchKernel(kernel, grid, block, pointers, shared, stream()), op);
  };
  start(args...);
  launched(op);
}

// f.template operator()<T>() for the element type of a floating lane.
template <class F>
void with_float(Lane lane, F&& f) {
  if (lane == Lane::f64) f.template operator()<double>();
  else f.template operator()<float>();
}
// The same for every real lane.
template <class F>
void with_lane(Lane lane, F&& f) {
  switch (lane) {
    case Lane::f32: return f.template operator()<float>();
    case Lane::f64: return f.template operator()<double>();
    case Lane::i64: return f.template operator()<std::int64_t>();
    case Lane::u64: return f.template operator()<std::uint64_t>();
    default: return f.template operator()<bool>();
  }
}

// The same for a kernel that was compiled while nnx runs: one parameter.
template <class P>
void launch_compiled(const char* op, const void* kernel, dim3 grid, dim3 block, P parameter) {
  void* pointers[] = {&parameter, nullptr};
  check(cudaLaunchKernel(kernel, grid, block, pointers, 0, stream()), op);
  launched(op);
}

}  // namespace nnx::cuda
