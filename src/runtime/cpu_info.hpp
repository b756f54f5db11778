// How many processors this process may use, and how it is confined: affinity mask and the CPU quota
// of its control groups.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nnx::runtime {

// The control groups that bind this process for one controller ("cpu", "memory"), as folders,
// innermost first. Empty when there are none. `root` is put before every absolute path (tests).
struct ControlGroups {
  bool v2 = false;
  std::vector<std::string> folders;
};
ControlGroups control_groups(std::string_view controller, const std::string& root = {});

// The text of a small file; empty when it cannot be read.
std::string read_small_file(const std::string& path);

// Processors worth of CPU time the control groups grant; infinity when unlimited.
double processor_quota(const std::string& root = {});

// min(affinity mask, quota rounded up), at least 1.
int usable_processors(const std::string& root = {});

// "Intel(R) Core(TM) i7-1260P", or "" when unknown.
std::string processor_name(const std::string& root = {});

}  // namespace nnx::runtime
