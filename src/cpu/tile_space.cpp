// Index spaces: see tile.hpp.
#include "cpu/tile.hpp"

namespace nnx::cpu {

void Space::move_axis(int from, int to) noexcept {
  Axis kept;
  const auto bytes = sizeof(std::int64_t) * static_cast<unsigned>(ports);
  kept.extent = axis[from].extent;
  std::memcpy(kept.stride, axis[from].stride, bytes);
  for (; from > to; --from) copy_axis(from, axis[from - 1]);
  for (; from < to; ++from) copy_axis(from, axis[from + 1]);
  copy_axis(to, kept);
}

void Space::flip() noexcept {
  for (int a = 0; a < rank; ++a) {
    if (axis[a].stride[0] >= 0) continue;
    for (int p = 0; p < ports; ++p) {
      data[p] += (axis[a].extent - 1) * axis[a].stride[p];
      axis[a].stride[p] = -axis[a].stride[p];
    }
  }
}

bool Space::mergeable(int a, int b) const noexcept {
  for (int p = 0; p < ports; ++p)
    if (axis[a].stride[p] != axis[b].extent * axis[b].stride[p]) return false;
  return true;
}

int Space::merge(int first, int last) noexcept {
  if (last - first < 2) return last;
  int to = first;
  for (int a = first + 1; a < last; ++a) {
    if (mergeable(to, a)) {
      const std::int64_t extent = axis[to].extent * axis[a].extent;
      copy_axis(to, axis[a]);
      axis[to].extent = extent;
    } else if (++to != a) {
      copy_axis(to, axis[a]);
    }
  }
  const int end = to + 1;
  for (int a = last, b = end; a < rank; ++a, ++b) copy_axis(b, axis[a]);
  rank -= last - end;
  return end;
}

}  // namespace nnx::cpu
