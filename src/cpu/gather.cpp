// Reading rows and elements by index: embedding lookups, minibatches, take and take_along_axis.
// Invariants: indices are checked by the caller (0 <= index < source length). Output is written
// once, front to back in each chunk, and never read.
#include <cstdint>

#include "cpu/kernels_decl.hpp"
#include "cpu/lanes.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

constexpr std::int64_t kLine = 64;  // bytes of a cache line

// Touches the head of a row that will be copied soon; the hardware follows from there.
inline void prefetch_row(const char* row, std::int64_t size) {
  const std::int64_t bytes = std::min<std::int64_t>(size, 4 * kLine);
  for (std::int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(row + i);
}

// Rows begin..end of the flattened (outer, indices).
template <class Copy>
void gather_span(const core::RowsJob& job, const char* src, char* out, std::int64_t begin,
                 std::int64_t end, Copy copy) {
  const std::int64_t row = job.row;
  // A row, or about 4 KB, ahead of the copy: enough to hide a miss, little enough to stay in L1.
  const std::int64_t ahead = std::clamp<std::int64_t>(4096 / row, 1, 16);
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t o = i / job.indices;
    const std::int64_t count = std::min(end, (o + 1) * job.indices) - i;
    const char* from = src + o * job.source_rows * row;
    const std::int64_t* index = job.index + (i - o * job.indices);
    char* to = out + i * row;
    if (row >= kLine) {
      for (std::int64_t j = 0; j < count; ++j) {
        if (j + ahead < count) prefetch_row(from + index[j + ahead] * row, row);
        copy(to + j * row, from + index[j] * row, row);
      }
    } else {
      for (std::int64_t j = 0; j < count; ++j) copy(to + j * row, from + index[j] * row, row);
    }
    i += count;
  }
}

// Positions begin..end of the flattened (outer, length, inner).
template <class Copy>
void gather_elements_span(const core::ElementsJob& job, std::int64_t size, const char* src,
                          char* out, std::int64_t begin, std::int64_t end, Copy copy) {
  const std::int64_t inner = job.inner, plane = job.length * inner;
  const std::int64_t* index = job.index;
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t o = i / plane;
    const char* base = src + o * job.source_length * inner * size;
    if (inner == 1) {
      const std::int64_t stop = std::min(end, (o + 1) * plane);
      for (; i < stop; ++i) copy(out + i * size, base + index[i] * size, size);
    } else {
      const std::int64_t plane_end = std::min(end, (o + 1) * plane);
      std::int64_t column = i % inner;
      while (i < plane_end) {
        const std::int64_t stop = std::min(plane_end, i + inner - column);
        for (; i < stop; ++i, ++column)
          copy(out + i * size, base + (index[i] * inner + column) * size, size);
        column = 0;
      }
    }
  }
}

}  // namespace

void gather_rows(const core::RowsJob& job, const void* src, void* out) {
  const std::int64_t total = job.outer * job.indices;
  if (total <= 0 || job.row <= 0) return;
  // A row costs its bytes and the latency of reaching it.
  const std::int64_t grain = grain_for(job.row + 16);
  with_copy(job.row, [&](auto copy) {
    for_ranges(total, grain, [&](std::int64_t begin, std::int64_t end) {
      gather_span(job, static_cast<const char*>(src), static_cast<char*>(out), begin, end, copy);
    });
  });
}

void gather_elements(const core::ElementsJob& job, std::int64_t size, const void* src, void* out) {
  const std::int64_t total = job.outer * job.length * job.inner;
  if (total <= 0) return;
  const std::int64_t grain = grain_for(size + 4);
  with_copy(size, [&](auto copy) {
    for_ranges(total, grain, [&](std::int64_t begin, std::int64_t end) {
      gather_elements_span(job, size, static_cast<const char*>(src), static_cast<char*>(out), begin,
                           end, copy);
    });
  });
}

void index_range(std::int64_t n, const std::int64_t* index, std::int64_t* lo, std::int64_t* hi) {
  constexpr std::int64_t kMaxBlocks = 64;
  const std::int64_t grain = std::max<std::int64_t>(1 << 16, (n + kMaxBlocks - 1) / kMaxBlocks);
  const std::int64_t blocks = (n + grain - 1) / grain;
  std::int64_t least[kMaxBlocks] = {}, most[kMaxBlocks] = {};
  for_ranges(n, grain, [&](std::int64_t begin, std::int64_t end) {
    using V = Vec<std::int64_t>;
    const V first(index[begin]);
    V low[4] = {first, first, first, first}, high[4] = {first, first, first, first};
    for_vectors_by_four<std::int64_t>(end - begin, [&](std::int64_t i, int k, auto lanes) {
      const V v = lanes.keep(lanes.load(index + begin + i), first);
      low[k] = min(low[k], v);
      high[k] = max(high[k], v);
    });
    const auto lower = [](V a, V b) { return min(a, b); };
    const auto higher = [](V a, V b) { return max(a, b); };
    least[begin / grain] = fold(lower(lower(low[0], low[1]), lower(low[2], low[3])), lower);
    most[begin / grain] = fold(higher(higher(high[0], high[1]), higher(high[2], high[3])), higher);
  });
  *lo = *std::min_element(least, least + blocks);
  *hi = *std::max_element(most, most + blocks);
}

}  // namespace nnx::cpu
