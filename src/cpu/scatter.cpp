// Writing and adding rows and elements by index: the transposes of gather.cpp, and assignment.
// Invariants: indices are checked by the caller. What meets in one destination is written or added
// in index order, by one thread: work is cut over the outer axis, over columns and over
// destinations, so results do not depend on the cut and no atomics are needed.
#include <cstdint>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

template <class T>
inline void add_to(T& to, T value) {
  to = static_cast<T>(to + value);
}
inline void add_to(bool& to, bool value) { to = to || value; }
inline void add_to(std::int64_t& to, std::int64_t value) {  // wraps
  to =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(to) + static_cast<std::uint64_t>(value));
}

template <class T>
inline void add_span(T* __restrict to, const T* __restrict from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) add_to(to[i], from[i]);
}

// f(o, j) for every o and every j in order, cut by destination: a part takes the indices that are
// equal to it modulo the number of parts. Each part reads all indices, so only rows that are long
// beside an index are cut.
template <class F>
void for_destinations(const core::RowsJob& job, F&& f) {
  constexpr std::int64_t kChunk = 1 << 18;
  const std::int64_t whole = job.indices * (job.row + 16);
  std::int64_t parts = 1;
  while (parts < 16 && parts * 256 <= job.row && parts * kChunk < whole) parts *= 2;
  for_ranges(job.outer * parts, grain_for(whole / parts, kChunk),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t o = i / parts, part = i % parts;
                 for (std::int64_t j = 0; j < job.indices; ++j)
                   if ((job.index[j] & (parts - 1)) == part) f(o, j);
               }
             });
}

template <class T>
void add_rows(const core::RowsJob& job, const T* src, T* dst) {
  const std::int64_t columns = job.row / static_cast<std::int64_t>(sizeof(T));
  const auto add = [&](auto width) {
    for_destinations(job, [&](std::int64_t o, std::int64_t j) {
      add_span(dst + (o * job.source_rows + job.index[j]) * columns,
               src + (o * job.indices + j) * columns, width(columns));
    });
  };
  if (columns == 1) add([](std::int64_t) { return std::int64_t{1}; });
  else add([](std::int64_t n) { return n; });
}

// f(destination, source) for every element, both counted from the start, in the order of indices.
template <class F>
void for_elements(const core::ElementsJob& job, F f) {
  const std::int64_t inner = job.inner;
  for_columns(job.outer, inner, job.length, 8, 16,
              [&](std::int64_t o, std::int64_t first, std::int64_t last) {
                // Copies, which no store through a char pointer can have changed.
                const F write = f;
                const std::int64_t *const index = job.index, length = job.length, n = inner;
                const std::int64_t to = o * job.source_length * n, from = o * length * n;
                if (n == 1) {  // the usual case: nothing to multiply, no inner loop
                  for (std::int64_t j = from; j < from + length; ++j) write(to + index[j], j);
                  return;
                }
                for (std::int64_t j = 0; j < length; ++j)
                  for (std::int64_t i = first, at = from + j * n + first; i < last; ++i, ++at)
                    write(to + index[at] * n + i, at);
              });
}

}  // namespace

void scatter_rows(const core::RowsJob& job, const void* src, void* dst) {
  if (job.outer <= 0 || job.indices <= 0 || job.row <= 0) return;
  with_copy(job.row, [&](auto copy) {
    for_destinations(job, [&](std::int64_t o, std::int64_t j) {
      copy(static_cast<char*>(dst) + (o * job.source_rows + job.index[j]) * job.row,
           static_cast<const char*>(src) + (o * job.indices + j) * job.row, job.row);
    });
  });
}

void scatter_add_rows(const core::RowsJob& job, core::Lane lane, const void* src, void* dst) {
  if (job.outer <= 0 || job.indices <= 0 || job.row <= 0) return;
  with_lane(lane,
            [&]<class T>(T) { add_rows(job, static_cast<const T*>(src), static_cast<T*>(dst)); });
}

void scatter_elements(const core::ElementsJob& job, std::int64_t size, const void* src, void* dst) {
  if (job.outer <= 0 || job.length <= 0 || job.inner <= 0) return;
  with_copy(size, [&](auto copy) {
    for_elements(job, [=](std::int64_t to, std::int64_t from) {
      copy(static_cast<char*>(dst) + to * size, static_cast<const char*>(src) + from * size, size);
    });
  });
}

void scatter_add_elements(const core::ElementsJob& job, core::Lane lane, const void* src,
                          void* dst) {
  if (job.outer <= 0 || job.length <= 0 || job.inner <= 0) return;
  with_lane(lane, [&]<class T>(T) {
    for_elements(job, [=](std::int64_t to, std::int64_t from) {
      add_to(static_cast<T*>(dst)[to], static_cast<const T*>(src)[from]);
    });
  });
}

}  // namespace nnx::cpu
