// The entry `run`: programs over index spaces.
// A job is one of three things: a single instruction over adjacent operands (pointwise_direct.hpp),
// a copy (no instruction), or a program, which a small machine on the device carries out: every
// thread takes kTogether elements through the instructions, with its registers in shared memory.
// Invariants: a thread's registers are its own, so no thread waits for another; an element's value
// does not depend on the thread that computes it.
#include <cstring>
#include <string>

#include "cuda/compile.hpp"
#include "cuda/faults.hpp"
#include "cuda/kernels_decl.hpp"
#include "cuda/pointwise_direct.hpp"
#include "cuda/tile.hpp"

namespace nnx::cuda {
namespace {

using core::Instr;
using core::InstrKind;
using core::Port;
using core::Program;
using core::TileJob;

constexpr int kMaxCode = 160;
constexpr int kTogether = 4;  // elements of a thread that share the finding of an instruction
constexpr std::size_t kSharedBytes = 48 << 10;  // what a block may use without asking

struct PortOnDevice {
  char* data;
  DType dtype;
  bool fixed;  // the value stands here, in the lane's storage
  std::uint64_t value;
};

// core::Program as a parameter of the kernel. Ports: outputs first, then inputs.
struct Code {
  int inputs, outputs, constants, length;
  Lane in_lane[core::kMaxInputs], out_lane[core::kMaxResults];
  std::uint8_t out_reg[core::kMaxResults];
  std::uint8_t constant_reg[core::kMaxRegisters];
  Lane constant_lane[core::kMaxRegisters];
  std::uint64_t constant[core::kMaxRegisters];
  PortOnDevice port[kMaxPorts];
  const unsigned long long* stop;  // in place: while this is not 0, nothing is written
  Instr instr[kMaxCode];
};

// A thread's registers.
struct Frame {
  char* base;
  template <class T>
  __device__ T& at(int reg, int k) const {
    return *reinterpret_cast<T*>(base +
                                 ((reg * kTogether + k) * int(blockDim.x) + int(threadIdx.x)) * 8);
  }
};

// --- instructions -----------------------------------------------------------------------------
using ApplyFn = void (*)(const Frame&, const Instr&);

template <int id, class... A, std::size_t... kArg>
__device__ void apply_to(const Frame& f, const Instr& c, std::type_identity<std::tuple<A...>>,
                         std::index_sequence<kArg...>) {
  using R = decltype(apply<id>(A(0)...));
  for (int k = 0; k < kTogether; ++k) {
    const auto y = apply<id>(A(f.at<typename A::type>(c.src[kArg], k))...);
    [&]<class... V, std::size_t... kResult>(std::type_identity<pointwise::Results<V...>>,
                                            std::index_sequence<kResult...>) {
      ((f.at<typename V::type>(c.dst[kResult], k) = pointwise::get<int(kResult)>(y).v), ...);
    }(std::type_identity<R>{}, std::make_index_sequence<std::size_t(R::count)>{});
  }
}
template <int id, Lane lane>
__device__ void apply_entry(const Frame& f, const Instr& c) {
  using A = Arguments<id, lane>;
  apply_to<id>(f, c, std::type_identity<A>{}, std::make_index_sequence<std::tuple_size_v<A>>{});
}
template <int id, Lane lane>
__device__ constexpr ApplyFn entry() {
  if constexpr (covers<id>(lane)) return &apply_entry<id, lane>;
  else return nullptr;
}
template <Lane lane, int... ids>
__device__ ApplyFn find_entry(int declaration, std::integer_sequence<int, ids...>) {
  static constexpr ApplyFn table[] = {entry<ids, lane>()...};
  return table[declaration];
}
__device__ ApplyFn find_entry(int declaration, Lane lane) {
  constexpr auto all = std::make_integer_sequence<int, kDeclarations>{};
  switch (lane) {
    case Lane::f32: return find_entry<Lane::f32>(declaration, all);
    case Lane::f64: return find_entry<Lane::f64>(declaration, all);
    case Lane::i64: return find_entry<Lane::i64>(declaration, all);
    case Lane::u64: return find_entry<Lane::u64>(declaration, all);
    default: return find_entry<Lane::b8>(declaration, all);
  }
}

template <class F>
__device__ void on_lane(Lane lane, F&& f) {
  switch (lane) {
    case Lane::f32: return f.template operator()<float>();
    case Lane::f64: return f.template operator()<double>();
    case Lane::i64: return f.template operator()<std::int64_t>();
    case Lane::u64: return f.template operator()<std::uint64_t>();
    default: return f.template operator()<bool>();
  }
}

__device__ void execute(const Code& code, const Frame& f) {
  for (int q = 0; q < code.length; ++q) {
    const Instr& c = code.instr[q];
    switch (c.kind) {
      case InstrKind::apply: find_entry(c.function, c.lane)(f, c); break;
      case InstrKind::cast:
        on_lane(c.lane, [&]<class From>() {
          on_lane(c.to, [&]<class To>() {
            for (int k = 0; k < kTogether; ++k)
              f.at<To>(c.dst[0], k) = convert<To>(f.at<From>(c.src[0], k));
          });
        });
        break;
      case InstrKind::round:
        on_lane(c.lane, [&]<class T>() {
          for (int k = 0; k < kTogether; ++k) {
            alignas(8) char stored[8];
            store_as<T>(stored, c.dtype, f.at<T>(c.src[0], k));
            f.at<T>(c.dst[0], k) = load_as<T>(stored, c.dtype);
          }
        });
    }
  }
}

__global__ void __launch_bounds__(128)
    program_kernel(const __grid_constant__ Code code, const __grid_constant__ Space space) {
  if (code.stop && *code.stop) return;
  const Frame f{dynamic_shared()};
  for (int j = 0; j < code.constants; ++j)
    on_lane(code.constant_lane[j], [&]<class T>() {
      T value;
      memcpy(&value, &code.constant[j], sizeof value);
      for (int k = 0; k < kTogether; ++k) f.at<T>(code.constant_reg[j], k) = value;
    });
  for (int i = 0; i < code.inputs; ++i) {
    const PortOnDevice& p = code.port[code.outputs + i];
    if (p.fixed)
      on_lane(code.in_lane[i], [&]<class T>() {
        T value;
        memcpy(&value, &p.value, sizeof value);
        for (int k = 0; k < kTogether; ++k) f.at<T>(i, k) = value;
      });
  }
  // A block takes kTogether rows of threads at a time, so that neighbours read neighbours.
  const int64_t chunk = int64_t{blockDim.x} * kTogether;
  for (int64_t first = int64_t{blockIdx.x} * chunk; first < space.count;
       first += int64_t{gridDim.x} * chunk) {
    int64_t offset[kTogether][kMaxPorts];
    for (int k = 0; k < kTogether; ++k) {
      int64_t i = first + int64_t{k} * blockDim.x + threadIdx.x;
      if (i >= space.count) i = space.count - 1;  // computed, not stored
      for (int p = 0; p < space.ports; ++p) offset[k][p] = 0;
      space.locate(i, offset[k]);
      for (int p = 0; p < code.inputs; ++p) {
        const PortOnDevice& port = code.port[code.outputs + p];
        if (!port.fixed)
          on_lane(code.in_lane[p], [&]<class T>() {
            f.at<T>(p, k) = load_as<T>(port.data + offset[k][code.outputs + p], port.dtype);
          });
      }
    }
    execute(code, f);
    for (int k = 0; k < kTogether; ++k) {
      if (first + int64_t{k} * blockDim.x + threadIdx.x >= space.count) continue;
      for (int p = 0; p < code.outputs; ++p)
        on_lane(code.out_lane[p], [&]<class T>() {
          store_as<T>(code.port[p].data + offset[k][p], code.port[p].dtype,
                      f.at<T>(code.out_reg[p], k));
        });
    }
  }
}

// --- copies -----------------------------------------------------------------------------------
// One input, one output, no instruction.
template <class T>
__global__ void __launch_bounds__(kThreads)
    convert_kernel(const unsigned long long* stop, const __grid_constant__ Space space, char* to,
                   DType to_dtype, const char* from, DType from_dtype) {
  if (stop && *stop) return;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < space.count;
       i += int64_t{gridDim.x} * blockDim.x) {
    int64_t offset[2] = {0, 0};
    space.locate(i, offset);
    store_as<T>(to + offset[0], to_dtype, load_as<T>(from + offset[1], from_dtype));
  }
}
template <class T>
__global__ void __launch_bounds__(kThreads)
    fill_kernel(const unsigned long long* stop, const __grid_constant__ Space space, char* to,
                DType to_dtype, T value) {
  if (stop && *stop) return;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < space.count;
       i += int64_t{gridDim.x} * blockDim.x) {
    int64_t offset[2] = {0, 0};
    space.locate(i, offset);
    store_as<T>(to + offset[0], to_dtype, value);
  }
}
// Elements of one dtype are moved as what they are made of.
struct alignas(16) Pair {
  std::uint64_t first, second;
};
template <class T>
__global__ void __launch_bounds__(kThreads)
    copy_kernel(const unsigned long long* stop, const __grid_constant__ Space space, char* to,
                const char* from) {
  if (stop && *stop) return;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < space.count;
       i += int64_t{gridDim.x} * blockDim.x) {
    int64_t offset[2] = {0, 0};
    space.locate(i, offset);
    *reinterpret_cast<T*>(to + offset[0]) = *reinterpret_cast<const T*>(from + offset[1]);
  }
}

// --- on the host ------------------------------------------------------------------------------
// The value at `data` in the storage of `lane`, converted as on the device.
std::uint64_t value_in_lane(const void* data, DType dtype, Lane lane) {
  std::uint64_t bits = 0;
  with_lane(lane, [&]<class T>() {
    const T value = load_as<T>(static_cast<const char*>(data), dtype);
    std::memcpy(&bits, &value, sizeof value);
  });
  return bits;
}

// Whether the port is row-major over the shape.
bool is_packed(const Port& port, const core::Shape& shape) {
  int64_t n = 1;
  for (int a = shape.size() - 1; a >= 0; --a) {
    if (shape[a] == 1) continue;
    if (port.strides[a] != n) return false;
    n *= shape[a];
  }
  return true;
}

int64_t count_of(const core::Shape& shape) {
  int64_t n = 1;
  for (const int64_t x : shape) n *= x;
  return n;
}

// What jobs that write over values look at, so that a step with a wrong index somewhere in it
// leaves parameters and sums as they were; null for others.
const unsigned long long* stop_of(const TileJob& job) {
  if (job.overwrites) return &faults().record()->check;
  for (int k = 0; k < job.program->outputs; ++k)
    for (int i = 0; i < job.program->inputs; ++i)
      if (!job.in[i].host && job.in[i].data == job.out[k].data) return &faults().record()->check;
  return nullptr;
}

// The job as a single application over adjacent elements, if it is one.
bool make_direct(const TileJob& job, int64_t n, Direct& d) {
  const Program& p = *job.program;
  if (p.code.size() != 1) return false;
  const Instr& c = p.code[0];
  if (c.kind != InstrKind::apply || c.results != p.outputs) return false;
  d = {};
  d.count = n;
  std::uintptr_t addresses = 0;
  for (int k = 0; k < p.outputs; ++k) {
    const Port& port = job.out[k];
    if (port.dtype != core::storage_of(p.out_lane[k]) || !is_packed(port, job.shape)) return false;
    bool found = false;
    for (int r = 0; r < c.results; ++r)
      if (c.dst[r] == p.out_reg[k] && !d.out[r]) {
        d.out[r] = port.data;
        found = true;
        break;
      }
    if (!found) return false;
    addresses |= reinterpret_cast<std::uintptr_t>(port.data);
  }
  for (int s = 0; s < c.arity; ++s) {
    const int reg = c.src[s];
    if (reg < p.inputs) {
      const Port& port = job.in[reg];
      if (port.host) {
        d.value[s] = value_in_lane(port.data, port.dtype, p.in_lane[reg]);
        continue;
      }
      if (port.dtype != core::storage_of(p.in_lane[reg]) || !is_packed(port, job.shape))
        return false;
      d.in[s] = port.data;
      addresses |= reinterpret_cast<std::uintptr_t>(port.data);
      continue;
    }
    bool found = false;
    for (const auto& constant : p.constants)
      if (constant.reg == reg) {
        d.value[s] = value_in_lane(&constant.value, DType::float64, constant.lane);
        found = true;
      }
    if (!found) return false;
  }
  d.aligned = addresses % 16 == 0;
  d.stop = stop_of(job);
  return true;
}

bool run_direct(const Program& p, Batch& batch) {
  const Instr& c = p.code[0];
  switch (c.lane) {
    case Lane::f32: return run_direct_f32(c.function, batch);
    case Lane::f64: return run_direct_f64(c.function, batch);
    default: return run_direct_int(c.function, c.lane, batch);
  }
}

// The job's axes, innermost first, for these ports.
Space space_of(const core::Shape& shape, const Port* const* ports, int count) {
  Space s;
  s.ports = count;
  for (int a = shape.size() - 1; a >= 0; --a) {
    int64_t strides[kMaxPorts];
    for (int p = 0; p < count; ++p)
      strides[p] = ports[p]->host ? 0 : ports[p]->strides[a] * bytes_of(ports[p]->dtype);
    s.add(shape[a], strides);
  }
  s.finish();
  return s;
}

void run_copy(const TileJob& job) {
  const Port &to = job.out[0], &source = job.in[0];
  const Lane lane = job.program->out_lane[0];
  const Port* ports[] = {&to, &source};
  const Space space = space_of(job.shape, ports, 2);
  char* out = static_cast<char*>(to.data);
  const char* in = static_cast<const char*>(source.data);
  const dim3 grid = blocks_for(space.count), block(kThreads);
  const unsigned long long* stop = stop_of(job);
  if (source.host)  // one value everywhere
    return with_lane(lane, [&]<class T>() {
      const T value = load_as<T>(in, source.dtype);
      launch("fill", fill_kernel<T>, grid, block, 0, stop, space, out, to.dtype, value);
    });
  if (to.dtype == source.dtype) {
    const auto move = [&]<class T>() {
      if (!stop && space.rank <= 1 &&
          (space.rank == 0 ||
           (space.stride[0][0] == sizeof(T) && space.stride[0][1] == sizeof(T)))) {
        check(cudaMemcpyAsync(out, in, static_cast<std::size_t>(space.count) * sizeof(T),
                              cudaMemcpyDefault, stream()),
              "copy");
        return;
      }
      launch("copy", copy_kernel<T>, grid, block, 0, stop, space, out, in);
    };
    switch (bytes_of(to.dtype)) {
      case 1: return move.template operator()<std::uint8_t>();
      case 2: return move.template operator()<std::uint16_t>();
      case 4: return move.template operator()<std::uint32_t>();
      case 8: return move.template operator()<std::uint64_t>();
      default: return move.template operator()<Pair>();
    }
  }
  with_lane(lane, [&]<class T>() {
    launch("copy", convert_kernel<T>, grid, block, 0, stop, space, out, to.dtype, in, source.dtype);
  });
}

// By a kernel of its own, where there is one.
bool run_compiled(const Program& p, const Code& code, const Space& space) {
  Layouts l{};
  l.flat = space.rank <= 1;
  for (int k = 0; k < space.ports; ++k) {
    const PortOnDevice& port = code.port[k];
    l.dtype[k] = port.dtype;
    l.fixed[k] = port.fixed;
    if (!port.fixed && space.rank == 1) l.flat &= space.stride[0][k] == bytes_of(port.dtype);
  }
  const void* kernel = compiled_kernel(p, l, space.count);
  if (!kernel) return false;
  CompiledArgs args{};
  args.count = space.count;
  args.stop = code.stop;
  for (int k = 0; k < space.ports; ++k) {
    args.data[k] = code.port[k].data;
    args.value[k] = code.port[k].value;
  }
  args.space = space;
  launch_compiled("program", kernel, blocks_for(ceil_div(space.count, 4), kCompiledThreads),
                  dim3(kCompiledThreads), args);
  return true;
}

void run_program(const TileJob& job) {
  const Program& p = *job.program;
  if (p.code.size() > kMaxCode) refuse("program", "this expression is too long for one kernel");
  static thread_local Code code;  // a few kilobytes
  code.inputs = p.inputs;
  code.outputs = p.outputs;
  code.constants = static_cast<int>(p.constants.size());
  code.length = static_cast<int>(p.code.size());
  code.stop = stop_of(job);
  const Port* ports[kMaxPorts];
  for (int k = 0; k < p.outputs; ++k) {
    ports[k] = &job.out[k];
    code.out_lane[k] = p.out_lane[k];
    code.out_reg[k] = p.out_reg[k];
    code.port[k] = {static_cast<char*>(job.out[k].data), job.out[k].dtype, false, 0};
  }
  for (int i = 0; i < p.inputs; ++i) {
    const Port& port = job.in[i];
    ports[p.outputs + i] = &port;
    code.in_lane[i] = p.in_lane[i];
    code.port[p.outputs + i] = {static_cast<char*>(port.data), port.dtype, port.host,
                                port.host ? value_in_lane(port.data, port.dtype, p.in_lane[i]) : 0};
  }
  for (int j = 0; j < code.constants; ++j) {
    const core::Constant& c = p.constants[static_cast<std::size_t>(j)];
    code.constant_reg[j] = c.reg;
    code.constant_lane[j] = c.lane;
    code.constant[j] = value_in_lane(&c.value, DType::float64, c.lane);
  }
  for (int q = 0; q < code.length; ++q) code.instr[q] = p.code[static_cast<std::size_t>(q)];
  const Space space = space_of(job.shape, ports, p.outputs + p.inputs);
  if (run_compiled(p, code, space)) return;
  const std::size_t per_thread = std::size_t{8} * kTogether * p.registers;
  unsigned threads = 128;
  while (threads > 32 && threads * per_thread > kSharedBytes) threads /= 2;
  if (threads * per_thread > kSharedBytes) {
    static const cudaError_t allowed =
        cudaFuncSetAttribute(program_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             int(32 * 8 * kTogether * core::kMaxRegisters));
    check(allowed, "program");
  }
  launch("program", program_kernel, blocks_for(ceil_div(space.count, kTogether), int(threads)),
         dim3(threads), threads * per_thread, code, space);
}

bool uses_complex(const Program& p) {
  bool found = false;
  for (int i = 0; i < p.inputs; ++i) found |= core::is_complex(p.in_lane[i]);
  for (int k = 0; k < p.outputs; ++k) found |= core::is_complex(p.out_lane[k]);
  return found;
}
// A copy within one dtype asks for no arithmetic.
bool moves_complex(const TileJob& job) {
  return job.program->code.empty() && job.program->inputs == 1 && job.program->outputs == 1 &&
         !job.in[0].host && job.in[0].dtype == job.out[0].dtype;
}

}  // namespace

void run(const TileJob* jobs, std::int64_t count) {
  Batch batch;
  const Program* batched = nullptr;  // of the jobs that wait in it
  const auto flush = [&] {
    if (batch.jobs) run_direct(*batched, batch);
    batch.jobs = 0;
  };
  for (std::int64_t j = 0; j < count; ++j) {
    const TileJob& job = jobs[j];
    const Program& p = *job.program;
    const int64_t n = count_of(job.shape);
    if (n == 0) continue;
    if (uses_complex(p) && !moves_complex(job))
      refuse("run", "complex numbers have no kernels on this device");
    if (batch.jobs && (batched != &p || batch.jobs == kBatch)) flush();
    if (p.code.empty() && p.inputs == 1 && p.outputs == 1) {
      run_copy(job);
    } else if (make_direct(job, n, batch.job[batch.jobs])) {
      ++batch.jobs;
      batched = &p;
      if (is_update(p.code[0].function)) continue;
      const bool done = run_direct(p, batch);
      batch.jobs = 0;
      if (!done) run_program(job);
    } else {
      run_program(job);
    }
  }
  flush();
}

}  // namespace nnx::cuda
