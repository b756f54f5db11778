// How much memory this process may still take: RAM available and the limits of its control groups.
#pragma once

#include <cstddef>
#include <string>

namespace nnx::runtime {

struct MemoryLimit {
  std::size_t available;  // bytes that can be taken now without being killed or swapping
  std::size_t total;      // RAM, or the smallest limit of a control group when that is less
  bool by_group;          // a control group is what limits `available`
};

// `root` is put before every absolute path (tests). Costs some tens of microseconds.
MemoryLimit memory_limit(const std::string& root = {});

// Private memory of this process that is in RAM, in bytes.
std::size_t resident_memory(const std::string& root = {});

}  // namespace nnx::runtime
