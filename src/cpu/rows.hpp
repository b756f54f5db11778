// What the kernels over rows, gathers and scans share: cutting a range of work into chunks, lane
// dispatch, and the small-copy primitives.
// Invariant: the cut depends on sizes alone, never on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/dtype.hpp"
#include "cpu/host.hpp"

namespace nnx::cpu {

// f(begin, end) over pieces of [0, total) of about `grain` items each; one piece runs here at once.
template <class F>
inline void for_ranges(std::int64_t total, std::int64_t grain, F&& f) {
  if (total <= 0) return;
  const std::int64_t chunks = (total + grain - 1) / std::max<std::int64_t>(grain, 1);
  if (chunks <= 1) return f(std::int64_t{0}, total);
  parallel_for(chunks, [&](std::int64_t c) { f(c * grain, std::min(total, (c + 1) * grain)); });
}

// How many items of `cost` units each make a chunk worth a thread's while. A unit is about a
// quarter of a nanosecond: a byte copied, a quarter of an element computed.
inline std::int64_t grain_for(std::int64_t cost, std::int64_t chunk_cost = 1 << 17) {
  return std::max<std::int64_t>(1, chunk_cost / std::max<std::int64_t>(cost, 1));
}

// Cuts (outer, columns) into tiles and calls f(o, first column, last column) for each; a step
// costs `steps * columns * unit` for a whole o.
template <class F>
inline void for_columns(std::int64_t outer, std::int64_t columns, std::int64_t steps,
                        std::int64_t unit, std::int64_t least_columns, F&& f) {
  constexpr std::int64_t kChunk = 1 << 18;
  // As few blocks of columns as keep a chunk at kChunk, at most 16, none narrower than asked.
  const std::int64_t whole = steps * (columns * unit + 8);
  std::int64_t blocks = std::min<std::int64_t>({16, columns / least_columns, whole / kChunk});
  blocks = std::max<std::int64_t>(blocks, 1);
  const std::int64_t width = (columns + blocks - 1) / blocks;
  blocks = (columns + width - 1) / width;
  for_ranges(outer * blocks, grain_for(whole / blocks, kChunk),
             [&](std::int64_t begin, std::int64_t end) {
               for (std::int64_t i = begin; i < end; ++i) {
                 const std::int64_t first = i % blocks * width;
                 f(i / blocks, first, std::min(columns, first + width));
               }
             });
}

// f(T{}) with the element type of the lane.
template <class F>
inline void with_float(core::Lane lane, F&& f) {
  if (lane == core::Lane::f64) return f(double{});
  f(float{});
}
template <class F>
inline void with_lane(core::Lane lane, F&& f) {
  switch (lane) {
    case core::Lane::f32: return f(float{});
    case core::Lane::f64: return f(double{});
    case core::Lane::i64: return f(std::int64_t{});
    case core::Lane::u64: return f(std::uint64_t{});
    default: return f(bool{});
  }
}

// Copies of a size fixed by the type: moves of registers, no call.
template <std::int64_t N>
struct CopyFixed {
  void operator()(char* to, const char* from, std::int64_t) const {
    unsigned char block[N];
    std::memcpy(block, from, N);
    std::memcpy(to, block, N);
  }
};
// N <= size <= 2 N: two copies that may overlap.
template <std::int64_t N>
struct CopyTwice {
  void operator()(char* to, const char* from, std::int64_t size) const {
    unsigned char head[N], tail[N];
    std::memcpy(head, from, N);
    std::memcpy(tail, from + size - N, N);
    std::memcpy(to, head, N);
    std::memcpy(to + size - N, tail, N);
  }
};
struct CopyAny {
  void operator()(char* to, const char* from, std::int64_t size) const {
    std::memcpy(to, from, static_cast<std::size_t>(size));
  }
};

// f(copy) with the copier for rows of `size` > 0 bytes.
template <class F>
inline void with_copy(std::int64_t size, F&& f) {
  switch (size) {
    case 1: return f(CopyFixed<1>{});
    case 2: return f(CopyFixed<2>{});
    case 4: return f(CopyFixed<4>{});
    case 8: return f(CopyFixed<8>{});
    case 16: return f(CopyFixed<16>{});
    case 32: return f(CopyFixed<32>{});
    case 64: return f(CopyFixed<64>{});
    default: break;
  }
  if (size < 4) return f(CopyTwice<2>{});
  if (size < 8) return f(CopyTwice<4>{});
  if (size < 16) return f(CopyTwice<8>{});
  if (size < 32) return f(CopyTwice<16>{});
  if (size < 64) return f(CopyTwice<32>{});
  if (size < 128) return f(CopyTwice<64>{});
  f(CopyAny{});
}

}  // namespace nnx::cpu
