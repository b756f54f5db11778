// Processors and control groups of this process: see cpu_info.hpp.
#include "runtime/cpu_info.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <thread>

namespace nnx::runtime {
namespace {

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

// Whether `list`, separated by commas, names `item`.
bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == item) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

struct Mount {
  std::string group;   // the group that is mounted
  std::string folder;  // where
  bool found = false;
};

// Mount points of mountinfo: "id parent dev root folder options ... - type source options".
Mount find_mount(const std::string& mountinfo, std::string_view controller, bool v2) {
  std::istringstream in(mountinfo);
  for (std::string line; std::getline(in, line);) {
    const auto w = words(line);
    const auto dash = std::find(w.begin(), w.end(), "-");
    if (w.size() < 6 || w.end() - dash < 4) continue;
    if (dash[1] == (v2 ? "cgroup2" : "cgroup") && (v2 || lists(dash[3], controller)))
      return {w[3], w[4], true};
  }
  return {};
}

// The process's group as a path below the mount: the part of `path` below the mounted group, or the
// mounted group itself where the process is shown outside of it (another namespace).
std::string below(const std::string& path, const std::string& mounted) {
  if (path.compare(0, 3, "/..") == 0) return "";
  if (mounted == "/") return path == "/" ? "" : path;
  if (path == mounted) return "";
  if (path.compare(0, mounted.size() + 1, mounted + "/") == 0) return path.substr(mounted.size());
  return "";
}

}  // namespace

std::string read_small_file(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0 && text.size() < (1u << 20);)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

ControlGroups control_groups(std::string_view controller, const std::string& root) {
  // Lines "id:controllers:path"; version 2 has id 0 and no controllers. A controller that a version
  // 1 hierarchy holds is not in version 2.
  std::string path_v1, path_v2;
  bool has_v1 = false, has_v2 = false;
  std::istringstream in(read_small_file(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (names.empty()) {
      path_v2 = line.substr(second + 1);
      has_v2 = true;
    } else if (lists(names, controller)) {
      path_v1 = line.substr(second + 1);
      has_v1 = true;
    }
  }
  ControlGroups groups;
  if (!has_v1 && !has_v2) return groups;
  const Mount mount =
      find_mount(read_small_file(root + "/proc/self/mountinfo"), controller, !has_v1);
  if (!mount.found) return groups;
  groups.v2 = !has_v1;
  std::string inner = below(has_v1 ? path_v1 : path_v2, mount.group);
  for (;;) {
    groups.folders.push_back(root + mount.folder + inner);
    if (inner.empty()) return groups;
    inner.resize(inner.rfind('/'));
  }
}

double processor_quota(const std::string& root) {
  double least = std::numeric_limits<double>::infinity();
  const ControlGroups groups = control_groups("cpu", root);
  for (const auto& folder : groups.folders) {
    double quota = -1, period = 0;
    if (groups.v2) {  // "max 100000" or "150000 100000"
      const auto w = words(read_small_file(folder + "/cpu.max"));
      if (w.size() < 2 || w[0] == "max") continue;
      quota = std::atof(w[0].c_str());
      period = std::atof(w[1].c_str());
    } else {
      quota = std::atof(read_small_file(folder + "/cpu.cfs_quota_us").c_str());
      period = std::atof(read_small_file(folder + "/cpu.cfs_period_us").c_str());
    }
    if (quota > 0 && period > 0) least = std::min(least, quota / period);
  }
  return least;
}

int usable_processors(const std::string& root) {
  int n = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
#ifdef __linux__
  // The mask may be larger than cpu_set_t on machines of many processors.
  for (int bits = CPU_SETSIZE; bits <= 1 << 18; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(bits));
    if (!set) break;
    const auto bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(bits));
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    if (known) n = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    if (known) break;
  }
#endif
  const double quota = std::ceil(processor_quota(root));
  if (quota < n) n = static_cast<int>(quota);
  return std::max(n, 1);
}

std::string processor_name(const std::string& root) {
  std::istringstream in(read_small_file(root + "/proc/cpuinfo"));
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, 10, "model name") == 0) {
      const auto colon = line.find(':');
      if (colon != std::string::npos && colon + 2 < line.size()) return line.substr(colon + 2);
    }
  return {};
}

}  // namespace nnx::runtime
