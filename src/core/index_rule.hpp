// What indices and labels must satisfy, and the error of those that do not: one text, whether the
// values were looked at before the operation (the CPU) or while it ran (a device, which reports the
// fault when it is next waited for).
#pragma once

#include <cstdint>

namespace nnx::core {

struct IndexRule {
  // What the error calls them.
  enum class Of : std::uint8_t { index, label, class_label, place, row };
  const char* op;          // lives as long as the process
  std::int64_t low, high;  // low <= index < high; with low < 0, -1 is the last one
  Of of = Of::index;
};

// Indices a device has found outside of a rule.
struct IndexFault {
  IndexRule rule;
  std::int64_t count, least, most;  // of those outside
  std::int64_t first;               // position of the first of them
  bool late;                        // reported after the call that was given them
};

// IndexError for indices that reach from least to most.
[[noreturn]] void fail_indices(const IndexRule& rule, std::int64_t least, std::int64_t most);
[[noreturn]] void fail_indices(const IndexFault& fault);

}  // namespace nnx::core
