// Arithmetic without subnormal numbers, for as long as an object lives.
// Subnormal operands and results (below 1.2e-38 in float32) cost most processors a hundred times an
// ordinary operation, and the moments of an optimiser decay through them: two thirds of MNIST's
// pixels are dark in most batches, which made Adam three times as slow as on random data.
// Invariant: whatever touches memory between begin and end stays between them (the compiler knows
// nothing of the mode, but it keeps the order of memory accesses across the two).
#pragma once

#include <cstdint>

namespace nnx::cpu {

class FlushSubnormals {
 public:
#if defined(__x86_64__)
  FlushSubnormals() noexcept {
    asm volatile("stmxcsr %0" : "=m"(before_) : : "memory");
    const std::uint32_t flush = before_ | 0x8040;  // results to zero, operands as zero
    asm volatile("ldmxcsr %0" : : "m"(flush) : "memory");
  }
  ~FlushSubnormals() { asm volatile("ldmxcsr %0" : : "m"(before_) : "memory"); }

 private:
  std::uint32_t before_;
#elif defined(__aarch64__)
  FlushSubnormals() noexcept {
    asm volatile("mrs %0, fpcr" : "=r"(before_) : : "memory");
    asm volatile("msr fpcr, %0" : : "r"(before_ | std::uint64_t{1} << 24) : "memory");
  }
  ~FlushSubnormals() { asm volatile("msr fpcr, %0" : : "r"(before_) : "memory"); }

 private:
  std::uint64_t before_;
#else
  FlushSubnormals() noexcept {}
  ~FlushSubnormals() {}

 public:
#endif
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
};

}  // namespace nnx::cpu
