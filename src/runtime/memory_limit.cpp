// What memory is left for this process: see memory_limit.hpp.
#include "runtime/memory_limit.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "runtime/cpu_info.hpp"

namespace nnx::runtime {
namespace {

constexpr auto kUnlimited = std::numeric_limits<std::size_t>::max();

// The number after `key` at the start of a line of `text`; `missing` where there is none.
std::size_t field(const std::string& text, const std::string& key, std::size_t missing) {
  std::size_t at = text.compare(0, key.size(), key) == 0 ? 0 : text.find("\n" + key);
  if (at == std::string::npos) return missing;
  if (at != 0 || text[0] == '\n') ++at;
  char* end = nullptr;
  const char* start = text.c_str() + at + key.size();
  const auto value = std::strtoull(start, &end, 10);
  return end == start ? missing : static_cast<std::size_t>(value);
}

std::size_t number(const std::string& text) {
  char* end = nullptr;
  const auto value = std::strtoull(text.c_str(), &end, 10);
  return end == text.c_str() ? kUnlimited : static_cast<std::size_t>(value);  // "max"
}

}  // namespace

MemoryLimit memory_limit(const std::string& root) {
  const std::string info = read_small_file(root + "/proc/meminfo");
  std::size_t total = field(info, "MemTotal:", 0) * 1024;
  std::size_t available = field(info, "MemAvailable:", 0) * 1024;
  if (total == 0) {  // no /proc
    total = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
            static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    available = total;
  }
  const std::size_t ram = total;
  bool by_group = false;
  const ControlGroups groups = control_groups("memory", root);
  for (const auto& folder : groups.folders) {
    std::size_t limit, used, cache;
    if (groups.v2) {
      limit = std::min(number(read_small_file(folder + "/memory.max")),
                       number(read_small_file(folder + "/memory.high")));
    } else {
      limit = number(read_small_file(folder + "/memory.limit_in_bytes"));
    }
    if (limit >= ram) continue;  // "no limit" is a huge number in version 1
    // File pages not in use count as used but are given up before anything is killed.
    const std::string stat = read_small_file(folder + "/memory.stat");
    if (groups.v2) {
      used = number(read_small_file(folder + "/memory.current"));
      cache = field(stat, "inactive_file ", 0);
    } else {
      used = number(read_small_file(folder + "/memory.usage_in_bytes"));
      cache = field(stat, "total_inactive_file ", 0);
    }
    if (used == kUnlimited) used = 0;
    used -= std::min(used, cache);
    total = std::min(total, limit);
    const std::size_t left = limit - std::min(limit, used);
    if (left < available) {
      available = left;
      by_group = true;
    }
  }
  return {available, total, by_group};
}

std::size_t resident_memory(const std::string& root) {
  // "size resident shared ..." in pages; shared counts files and shared mappings.
  const std::string text = read_small_file(root + "/proc/self/statm");
  char* end = nullptr;
  std::strtoull(text.c_str(), &end, 10);
  const auto resident = std::strtoull(end, &end, 10);
  const auto shared = std::strtoull(end, &end, 10);
  if (resident < shared) return 0;
  return static_cast<std::size_t>(resident - shared) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace nnx::runtime
