// The arithmetic of reductions: one fixed tree for every output.
//
// The n values of an output, in row-major order of the reduced axes, are dealt to g lanes (value r
// to lane r % g). A lane adds kDepth values one after the other to a block sum, blocks are added
// pairwise, and at the end the lanes are folded in halves. g follows from the shape and the lane
// alone, so the result depends neither on strides nor on how the work was cut: a stretch of
// kDepth * g * 2^k values that starts at a multiple of its length is a whole subtree.
// Several outputs whose values are adjacent are folded side by side: value r of output c is
// lane (r % g) * width + c of a Strip.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/program.hpp"
#include "cpu/tile.hpp"

namespace nnx::cpu {

inline constexpr std::int64_t kDepth = 32;       // values of a lane in one block
inline constexpr std::int64_t kLaneBytes = 256;  // g of a single output, in bytes

// The compiled parts, for one lane and reduction.
struct FoldKernel {
  // acc[i] = acc[i] op x[i] over `rows` rows of n lanes, `stride` bytes apart.
  void (*rows)(void* acc, const char* x, std::int64_t stride, std::int64_t rows, std::int64_t n);
  // dst[i] = left[i] op right[i]; dst may be either.
  void (*merge)(void* dst, const void* left, const void* right, std::int64_t n);
  // The whole tree over one block of a single output: 0 < n <= kDepth * g.
  void (*block)(const void* x, std::int64_t n, void* result);
  std::int64_t size;                        // of a lane's element
  std::uint8_t neutral[core::kMaxElement];  // leaves any value as it is (-0 in a floating sum)
  std::uint8_t empty[core::kMaxElement];    // the fold of nothing
  std::int64_t lanes() const noexcept { return kLaneBytes / size; }
};
const FoldKernel& fold_kernel(Lane lane, core::Reduction op) noexcept;

// Folds `width` outputs side by side. Values arrive in order, in any portions.
class Strip {
 public:
  // Bytes of memory a strip of so many lanes needs for n values each.
  static std::size_t memory(const FoldKernel& k, std::int64_t g, std::int64_t width,
                            std::int64_t n) noexcept;
  Strip(const FoldKernel& k, std::int64_t g, std::int64_t width, void* memory) noexcept
      : k_(k),
        g_(g),
        width_(width),
        lanes_(g * width),
        acc_(static_cast<char*>(memory)),
        stack_(acc_ + lanes_ * k.size) {}

  void clear() noexcept {
    at_ = rows_ = 0;
    blocks_ = 0;
  }
  // n values, row-major over (value, output).
  void feed(const char* x, std::int64_t n) noexcept;
  // `rows` values of every output; the outputs of a row adjacent, rows `stride` bytes apart.
  void feed_rows(const char* x, std::int64_t stride, std::int64_t rows) noexcept;
  // A finished stretch of lanes, as `close` of another strip gave it; x is overwritten.
  void push(char* x) noexcept;
  // All lanes, not yet folded.
  char* close() noexcept;
  // Folds lanes to one value for each output.
  void fold_lanes(char* lanes) const noexcept;

 private:
  void feed_full(const char* x, std::int64_t stride, std::int64_t rows) noexcept;
  char* level(int l) const noexcept { return stack_ + l * lanes_ * k_.size; }

  const FoldKernel& k_;
  const std::int64_t g_, width_, lanes_;
  char* acc_;
  char* stack_;
  std::int64_t at_ = 0, rows_ = 0;  // of the open block: lanes into a row, full rows
  std::uint64_t blocks_ = 0;
};

}  // namespace nnx::cpu
