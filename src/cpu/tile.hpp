// The tile engine's own vocabulary: conversions between dtypes and lanes, strided copies, an index
// space with the strides of all ports, and the Runner that carries a program over one tile.
// Invariants: strides here are in bytes; nothing allocates per job (registers live in the
// thread's scratch); a register holds a tile.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/half.hpp"
#include "core/kernels.hpp"
#include "cpu/host.hpp"

namespace nnx::cpu {

using core::DType;
using core::Lane;
using core::TileArg;
using core::TileFn;

inline constexpr int kMaxPorts = core::kMaxInputs + core::kMaxResults;
// Registers lie a little more than their length apart: equal offsets in two of them would otherwise
// look like the same address to the processor's store buffer.
inline constexpr std::int64_t kRegisterGap = 128;

// Bytes of the widest vector register of this build.
#if defined(__AVX512F__) && defined(__AVX512BW__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

inline constexpr std::int64_t bytes_of(DType t) noexcept {
  return static_cast<std::int64_t>(core::size_of(t));
}
inline constexpr std::int64_t bytes_of(Lane l) noexcept {
  return static_cast<std::int64_t>(core::size_of(l));
}
// The lane that holds every value of the dtype.
inline constexpr Lane home_lane(DType t) noexcept {
  constexpr Lane table[core::kDTypes] = {Lane::b8,  Lane::i64, Lane::i64, Lane::i64, Lane::i64,
                                         Lane::u64, Lane::u64, Lane::u64, Lane::u64, Lane::f32,
                                         Lane::f32, Lane::f32, Lane::f64, Lane::c64, Lane::c128};
  return table[static_cast<int>(t)];
}

// --- conversions (tile_load.cpp) --------------------------------------------------------------
// n adjacent elements. Floating to integer saturates and takes NaN to 0, integer to narrower
// integer wraps, anything to bool is x != 0, to 16-bit floats rounds once to nearest even, complex
// to real takes the real part.
using ConvertFn = void (*)(std::int64_t n, const void* src, void* dst);
ConvertFn load_function(DType from, Lane to) noexcept;
ConvertFn store_function(Lane from, DType to) noexcept;
inline ConvertFn cast_function(Lane from, Lane to) noexcept {
  return load_function(core::storage_of(from), to);
}

// core::kCopiesBytes of copies of the element of `size` bytes at `value`.
void splat(void* dst, const void* value, std::int64_t size) noexcept;
// n copies of it.
void fill(void* dst, const void* value, std::int64_t size, std::int64_t n) noexcept;

// --- strided copies (tile_copy.cpp) -----------------------------------------------------------
// A box of up to kMaxRank axes, outermost first, from one set of byte strides to another.
struct CopyAxis {
  std::int64_t extent, dst, src;
};
void copy_box(std::int64_t size, void* dst, const void* src, const CopyAxis* axes, int rank,
              bool stream = false) noexcept;
// `stream` writes past the caches where it can: for results larger than they are, which would
// otherwise be read from memory before they are overwritten. Call stream_end on the same thread
// before anyone reads them.
void stream_copy(void* dst, const void* src, std::int64_t bytes) noexcept;
void stream_end() noexcept;
inline constexpr std::int64_t kStreamBytes = std::int64_t{32} << 20;
inline constexpr std::int64_t kStreamTransposedBytes = std::int64_t{8} << 20;

// --- index spaces (tile_space.cpp) ------------------------------------------------------------
struct Axis {
  std::int64_t extent;
  std::int64_t stride[kMaxPorts];
};
// Only the first `rank` axes and `ports` ports of each are ever set.
struct Space {
  int rank, ports;
  char* data[kMaxPorts];
  DType dtype[kMaxPorts];
  Axis axis[core::kMaxRank];

  void add_port(const core::Port& p) noexcept {
    data[ports] = static_cast<char*>(p.data);
    dtype[ports++] = p.dtype;
  }
  void copy_axis(int to, const Axis& from) noexcept {
    axis[to].extent = from.extent;
    std::memcpy(axis[to].stride, from.stride, sizeof(std::int64_t) * static_cast<unsigned>(ports));
  }
  // Moves the axis at `from` to position `to`, the ones between by one.
  void move_axis(int from, int to) noexcept;
  // Reverses axes along which port 0 runs backwards.
  void flip() noexcept;
  // Whether axis a followed by axis b can be walked as one.
  bool mergeable(int a, int b) const noexcept;
  // Merges neighbours in [first, last) where every port allows it; returns the new end.
  int merge(int first, int last) noexcept;
};

// What one box of a space spans, and where each port starts in it.
struct Box {
  std::int64_t count;                   // product of the extents
  std::int64_t extent[core::kMaxRank];  // of every axis of the space
  char* at[kMaxPorts];
};

// --- programs over tiles (tile_runner.cpp) ----------------------------------------------------
inline std::int64_t tile_length(const core::Program& p) noexcept { return 4096 / p.width; }

// A program bound to a space whose boxes vary along axes [first, rank) only. Ports: outputs
// (`stored` of them: 0 in reductions), then inputs. Uses Slot::tile of the thread.
class Runner {
 public:
  // `length` is the largest number of elements of a box (longer ones only where everything is used
  // in place); `stream` writes results past the caches.
  Runner(const core::Program& program, const Space& space, int stored, int first,
         std::int64_t length, bool stream = false) noexcept;
  ~Runner() {
    if (stream_) stream_end();
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  // Loads, computes and stores one box. `same` promises that the extents are those of the call
  // before.
  void tile(const Box& box, bool same) noexcept;
  // The same for a box of the last two axes across which some inputs run: `turn` prepares it, then
  // `row` takes `count` elements of one of its rows, `unturn` ends it.
  void turn(const Box& box) noexcept;
  void row(std::int64_t r, std::int64_t from, std::int64_t count) noexcept;
  void unturn() noexcept {
    for (int i = 0; i < program_.inputs; ++i) input_[i].panel = nullptr;
  }
  // Where result 0 of the last tile lies, as adjacent lane elements (stored == 0).
  const void* result(std::int64_t n) noexcept;

 private:
  struct Op {
    TileFn fn;
    ConvertFn convert, back;
    core::InstrKind kind;
    std::uint8_t arity, results;
    bool uniform;
    std::uint8_t to_size;  // bytes of a result of a cast or round
    std::uint8_t src[core::kMaxInputs];
    std::uint8_t dst[core::kMaxResults];
  };
  enum class Mode : std::uint8_t { fixed, splat, vary };
  struct Input {
    Mode mode;
    std::uint8_t slot;
    bool native;  // its dtype is the lane's storage
    bool copied;  // never used in place: an output is stored over it before it is read
    std::uint8_t size, lane_size;
    ConvertFn load;
    char* memory;      // register
    const char* seen;  // what the register was loaded from
    char* panel;       // the input's part of the turned box, if it runs across
  };
  struct Output {
    std::uint8_t slot;     // of the value
    bool native, renamed;  // renamed: an instruction writes slot `slot` for this output alone
    std::uint8_t size;
    ConvertFn store;
    char* memory;
  };

  int new_uniform() noexcept;
  void bind_inputs() noexcept;
  void bind_outputs(int* writer) noexcept;
  void bind_code(const int* writer) noexcept;
  void execute(const Op& op, std::int64_t n) noexcept;
  bool adjacent(const Box& box, int port, std::int64_t size) const noexcept;
  void transfer(const Box& box, int port, std::int64_t size, char* packed, bool in) const noexcept;

  const core::Program& program_;
  const Space& space_;
  const int stored_, first_;
  const bool stream_;
  bool converts_;  // nothing but a conversion to the lane of the output
  int uniforms_ = 0, ops_ = 0, result_ = 0;
  std::int64_t uniform_bytes_;  // from one uniform value to the next
  std::uint64_t fixed_ = 0;     // uniform values that are the same in every box
  char* temp_;
  char* uniform_memory_;
  Op* op_;
  std::uint8_t current_[core::kMaxRegisters];  // the slot of a register's present value
  std::uint8_t home_[core::kMaxRegisters];     // where a register's next value goes
  TileArg slot_[core::kMaxRegisters + 2 * core::kMaxResults + 64 + core::kMaxInputs];
  Input input_[core::kMaxInputs];
  Output output_[core::kMaxResults];
  Box turned_;
};

}  // namespace nnx::cpu
