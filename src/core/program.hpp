// The tile program: a pointwise chain as plain data, the same for every backend.
// A program runs over an index space in tiles of about a thousand elements: inputs are loaded
// (any dtype, any stride, broadcast) into registers of their lane, instructions compute register
// by register, outputs are converted and stored or reduced.
// Invariants: registers 0..inputs-1 hold the inputs, constants follow, then temporaries;
// every instruction reads registers written before it; a register keeps one lane between writes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/dims.hpp"
#include "core/dtype.hpp"

namespace nnx::core {

inline constexpr int kMaxInputs = 16;  // of a pointwise op
inline constexpr int kMaxResults = 4;  // of a pointwise op
inline constexpr int kMaxRegisters = 64;
inline constexpr int kMaxElement = 16;    // bytes of the largest lane element
inline constexpr int kCopiesBytes = 128;  // of copies of one value: two of the widest vectors

// One operand of a compiled pointwise function over n elements. step 1: an array of n lane
// elements, any alignment. step 0: `data` points to kCopiesBytes filled with copies of one value.
struct TileArg {
  const void* data;
  std::int64_t step;
};
// Computes n elements of every result. A result may be the same memory as an input, never a
// shifted overlap. Nothing beyond element n-1 is read or written.
using TileFn = void (*)(std::int64_t n, void* const* results, const TileArg* args);

enum class InstrKind : std::uint8_t {
  apply,  // a compiled pointwise function
  cast,   // between lanes, as C converts, out of range saturating and NaN to 0; to b8: x != 0
  round,  // through the 16 or 32 bit dtype `dtype` and back, in the same lane
};

struct Instr {
  InstrKind kind = InstrKind::apply;
  Lane lane = Lane::f32;  // apply: the lane it computes in; cast: the lane it comes from
  Lane to = Lane::f32;    // cast: the lane of the result
  DType dtype = DType::float32;
  std::uint16_t function = 0;  // apply: index of the declaration in ops/pointwise.hpp
  std::uint8_t arity = 0;
  std::uint8_t results = 1;
  std::uint8_t src[kMaxInputs] = {};
  std::uint8_t dst[kMaxResults] = {};
};

struct Constant {
  std::uint8_t reg;
  Lane lane;
  double value;
};

struct Program {
  std::uint8_t inputs = 0;
  std::uint8_t outputs = 0;
  std::uint8_t registers = 0;
  std::uint8_t width = 4;  // bytes of the largest register element, 4 at least
  Lane in_lane[kMaxInputs] = {};
  Lane out_lane[kMaxResults] = {};
  std::uint8_t out_reg[kMaxResults] = {};
  std::vector<Constant> constants;
  std::vector<Instr> code;
};

// Where an operand of a job lies. strides are in elements, one per axis of the job's shape; all
// zero means one value for every element (a number is passed that way too, from the host).
struct Port {
  void* data;
  DType dtype;
  Dims strides;
  bool host = false;  // one value in the host's memory, whatever the device
};

// A program over an index space. Outputs may alias inputs exactly or not at all (ops makes sure).
struct TileJob {
  const Program* program;
  Shape shape;
  Port in[kMaxInputs];
  Port out[kMaxResults];
  bool overwrites = false;  // the results go where values were, also where none of them is an input
};

enum class Reduction : std::uint8_t { sum, prod, max, min };

// A program with one output that is folded over the axes whose bit is set in `reduced`. The
// output port has stride 0 there. An empty range gives the identity (0, 1, -inf or lowest, ...).
// max and min propagate NaN. The fold is a fixed tree: it depends on the shape alone.
struct ReduceJob {
  const Program* program;
  Shape shape;
  std::uint32_t reduced;
  Reduction reduction;
  double scale = 1.0;  // multiplied onto a floating result (mean)
  Port in[kMaxInputs];
  Port out;
};

}  // namespace nnx::core
