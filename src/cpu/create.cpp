// New content by position: ramps, ones in rows of zeros, triangles, parts side by side.
// Invariant: every element is written once, by its position alone.
#include <cstdint>
#include <cstring>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {

void ramp(const core::RampJob& job) {
  for_ranges(job.count, grain_for(8), [&](std::int64_t begin, std::int64_t end) {
    if (job.lane == core::Lane::i64) {
      auto* out = static_cast<std::uint64_t*>(job.out);
      const auto start = static_cast<std::uint64_t>(job.whole_start);
      const auto step = static_cast<std::uint64_t>(job.whole_step);
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = start + static_cast<std::uint64_t>(i) * step;
      return;
    }
    with_float(job.lane, [&]<class T>(T) {
      auto* out = static_cast<T*>(job.out);
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = static_cast<T>(job.start + static_cast<double>(i) * job.step);
      if (job.closed && end == job.count && end > 1) out[end - 1] = static_cast<T>(job.stop);
    });
  });
}

void one_hot(std::int64_t n, std::int64_t classes, const std::int64_t* labels, std::int64_t* out) {
  for_ranges(n, grain_for(classes * 8), [&](std::int64_t begin, std::int64_t end) {
    std::fill(out + begin * classes, out + end * classes, std::int64_t{0});
    for (std::int64_t i = begin; i < end; ++i) out[i * classes + labels[i]] = 1;
  });
}

void triangle(bool upper, std::int64_t size, std::int64_t batch, std::int64_t rows,
              std::int64_t columns, std::int64_t k, const void* x, void* out) {
  const std::int64_t width = columns * size;
  k = std::clamp(k, -rows - 1, columns + 1);
  for_ranges(batch * rows, grain_for(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const char* from = static_cast<const char*>(x) + r * width;
      char* to = static_cast<char*>(out) + r * width;
      // Elements in front of `cut` are zeros (upper), or kept.
      const std::int64_t cut = std::clamp<std::int64_t>(r % rows + k + !upper, 0, columns) * size;
      const auto head = static_cast<std::size_t>(cut), tail = static_cast<std::size_t>(width - cut);
      if (upper) {
        std::memset(to, 0, head);
        std::memcpy(to + cut, from + cut, tail);
      } else {
        std::memcpy(to, from, head);
        std::memset(to + cut, 0, tail);
      }
    }
  });
}

void join(const core::JoinJob& job, void* out) {
  std::int64_t width = 0;
  for (std::int64_t p = 0; p < job.parts; ++p) width += job.row[p];
  for_ranges(job.outer, grain_for(width), [&](std::int64_t begin, std::int64_t end) {
    char* to = static_cast<char*>(out) + begin * width;
    for (std::int64_t o = begin; o < end; ++o) {
      for (std::int64_t p = 0; p < job.parts; ++p) {
        std::memcpy(to, static_cast<const char*>(job.part[p]) + o * job.row[p],
                    static_cast<std::size_t>(job.row[p]));
        to += job.row[p];
      }
    }
  });
}

}  // namespace nnx::cpu
