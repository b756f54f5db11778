// Indices are checked where they are: a kernel notes what breaks the rule in a record on the
// device, and puts what does no harm in its place. Nobody waits for it; the record is looked at
// when the host waits anyway, and becomes the host's error then.
// Invariants: the record holds the first check that failed since the last report; until then
// kernels that write by index, or over values, leave everything as it is.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>

#include "core/kernels.hpp"

namespace nnx::cuda {

struct FaultRecord {
  unsigned long long check;  // its number; 0: none has failed
  unsigned long long count;
  long long least, most, first;
  core::IndexRule rule;
};

// Of one device.
class Faults {
 public:
  void open();  // on the device in use
  void check(const core::IndexCheck& check);
  const FaultRecord* record() const { return record_; }

  // Queues the copy of the record, if there is anything to know; then, when the host has waited,
  // throws what it says.
  class Look {
   public:
    explicit Look(Faults& faults);
    ~Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    void report();

   private:
    Faults& faults_;
    FaultRecord* copy_ = nullptr;
    FaultRecord own_;
    struct PinnedBlock* room_ = nullptr;
  };

 private:
  FaultRecord* record_ = nullptr;
  std::atomic<bool> unseen_{false};  // checks were made since the last look
  std::atomic<unsigned long long> reported_{0};
};
Faults& faults();  // of the device in use

// For kernels that write by index: whether they are to leave everything as it is.
struct Stop {
  const FaultRecord* record = faults().record();
  __device__ bool operator()() const { return record->check != 0; }
};

void check_indices(const core::IndexCheck& check);

}  // namespace nnx::cuda
