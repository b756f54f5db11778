// Programs compiled for the device while nnx runs, by NVRTC.
// The text of a kernel is written from the program; what it calls are the declarations themselves
// (declare.hpp, ops/pointwise.hpp), whose text is part of this library. Cubins are kept in memory
// and in the user's cache folder, under a name made of everything they depend on.
// Invariants: a compiled program gives the bits that the machine of tile_run.cu gives; where NVRTC
// is not installed, or a program does not compile, that machine runs it.
#pragma once

#include "cuda/device.hpp"
#include "cuda/tile.hpp"

namespace nnx::cuda {

inline constexpr int kCompiledThreads = 256;

// What a compiled kernel is given. Ports: outputs first, then inputs.
struct CompiledArgs {
  int64_t count;
  const unsigned long long* stop;  // of jobs in place, or null: while not 0, nothing is written
  char* data[kMaxPorts];
  std::uint64_t value[kMaxPorts];  // of inputs that are numbers, in their lane
  Space space;                     // read by kernels for layouts only
};

// How the ports of a job lie: what decides, beside the program, which kernel it needs.
struct Layouts {
  DType dtype[kMaxPorts];
  bool fixed[kMaxPorts];  // a number
  bool flat;              // every other port is packed: element i lies at i
};

// The kernel of that program and layout, or null: not (yet) worth compiling for `count` elements,
// or not possible. A program is compiled when it is large, or asked for again and again.
const void* compiled_kernel(const core::Program& program, const Layouts& layouts, int64_t count);

// The text that compiled_kernel compiles, for tests.
const char* program_text(const core::Program& program, const Layouts& layouts);

bool compiler_is_there();

}  // namespace nnx::cuda
