// See faults.hpp.
#include "cuda/faults.hpp"

#include <limits>

#include "cuda/device.hpp"
#include "cuda/pinned.hpp"

namespace nnx::cuda {
namespace {

constexpr FaultRecord kNone{0,
                            0,
                            std::numeric_limits<long long>::max(),
                            std::numeric_limits<long long>::min(),
                            std::numeric_limits<long long>::max(),
                            {}};

__global__ void __launch_bounds__(kThreads)
    check_kernel(core::IndexCheck c, FaultRecord* record, unsigned long long number) {
  const std::int64_t instead = c.rule.of == core::IndexRule::Of::class_label ? -1 : 0;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < c.n;
       t += int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t i = c.index[t];
    const bool ignored = c.ignores && i == c.ignored;
    if (ignored || (i >= c.rule.low && i < c.rule.high)) {
      c.out[t] = ignored ? -1 : i < 0 ? i + c.rule.high : i;
      continue;
    }
    c.out[t] = instead;
    const unsigned long long holder = atomicCAS(&record->check, 0ull, number);
    if (holder != 0 && holder != number) continue;  // an earlier check is to be reported
    if (holder == 0) record->rule = c.rule;
    atomicAdd(&record->count, 1ull);
    atomicMin(&record->least, static_cast<long long>(i));
    atomicMax(&record->most, static_cast<long long>(i));
    atomicMin(&record->first, static_cast<long long>(t));
  }
}

}  // namespace

void Faults::open() {
  cuda::check(cudaMalloc(reinterpret_cast<void**>(&record_), sizeof kNone), "device");
  cuda::check(cudaMemcpyAsync(record_, &kNone, sizeof kNone, cudaMemcpyDefault, nullptr), "device");
  cuda::check(cudaStreamSynchronize(nullptr), "device");
}

void Faults::check(const core::IndexCheck& c) {
  static std::atomic<unsigned long long> checks{0};
  if (c.n == 0) return;
  unseen_.store(true, std::memory_order_release);
  launch(c.rule.op, check_kernel, blocks_for(c.n), dim3(kThreads), 0, c, record_, ++checks);
  // Again: another thread may have looked in between, ahead of the kernel.
  unseen_.store(true, std::memory_order_release);
}

Faults::Look::Look(Faults& faults) : faults_(faults) {
  if (!faults.unseen_.exchange(false, std::memory_order_acq_rel)) return;
  room_ = pinned().take(sizeof own_, true);
  copy_ = room_ ? reinterpret_cast<FaultRecord*>(room_->data) : &own_;
  cuda::check(cudaMemcpyAsync(copy_, faults.record_, sizeof own_, cudaMemcpyDefault, stream()),
              "index");
}
Faults::Look::~Look() {
  if (room_) pinned().give(room_);
}

void Faults::Look::report() {
  if (!copy_ || copy_->check == 0) return;
  const FaultRecord found = *copy_;
  // Of threads that look at the same time, one reports.
  if (faults_.reported_.exchange(found.check) == found.check) return;
  cuda::check(cudaMemcpyAsync(faults_.record_, &kNone, sizeof kNone, cudaMemcpyDefault, stream()),
              "index");
  fail_indices({found.rule, static_cast<std::int64_t>(found.count), found.least, found.most,
                found.first, !waits_for_launches()});
}

void check_indices(const core::IndexCheck& check) { faults().check(check); }

}  // namespace nnx::cuda
