// The Runner: a program bound to the ports of a space, carried over one box at a time.
// Invariants: slots 0..63 are the program's registers, then one per output, then uniform values
// (64 copies or more of one value, step 0), then one per input (an instruction may reuse the
// register of an input, so the input itself lies elsewhere), then spare ones: a result never goes
// to the memory of an operand, whose elements may be of another size. All loads of a box come
// before its first store, and an output is written in place only where no later instruction reads
// an input at the same address.
#include <algorithm>
#include <utility>

#include "cpu/kernels_decl.hpp"
#include "cpu/tile.hpp"

namespace nnx::cpu {
namespace {

constexpr int kOutputSlot = core::kMaxRegisters;
constexpr int kUniformSlot = core::kMaxRegisters + core::kMaxResults;
constexpr int kUniforms = 64;
static_assert(core::kMaxRegisters <= kUniforms);  // inputs and constants always find room
constexpr int kInputSlot = kUniformSlot + kUniforms;
constexpr int kSpareSlot = kInputSlot + core::kMaxInputs;
constexpr std::int64_t kUniformElements = 64;

}  // namespace

Runner::Runner(const core::Program& program, const Space& space, int stored, int first,
               std::int64_t length, bool stream) noexcept
    : program_(program), space_(space), stored_(stored), first_(first), stream_(stream) {
  length = (length + 63) / 64 * 64;  // keeps everything below aligned
  const std::int64_t pitch = length * program.width + kRegisterGap;
  const std::int64_t temp = length * core::kMaxElement;  // a tile of any dtype
  uniform_bytes_ = kUniformElements * std::max<std::int64_t>(program.width, 8);
  const std::int64_t registers = program.registers + 2 * core::kMaxResults + program.inputs;
  const std::size_t bytes =
      static_cast<std::size_t>(registers * pitch + temp + kUniforms * uniform_bytes_) +
      sizeof(Op) * program.code.size();
  char* memory = static_cast<char*>(scratch(bytes, Slot::tile));
  for (int r = 0; r < program.registers; ++r) {
    slot_[r] = {memory + r * pitch, 1};
    home_[r] = static_cast<std::uint8_t>(r);
  }
  memory += program.registers * pitch;
  for (int k = 0; k < core::kMaxResults; ++k) output_[k].memory = memory + k * pitch;
  memory += core::kMaxResults * pitch;
  for (int i = 0; i < program.inputs; ++i) slot_[kInputSlot + i] = {memory + i * pitch, 1};
  memory += program.inputs * pitch;
  for (int k = 0; k < core::kMaxResults; ++k) slot_[kSpareSlot + k] = {memory + k * pitch, 1};
  memory += core::kMaxResults * pitch;
  temp_ = memory;
  uniform_memory_ = temp_ + temp;
  op_ = reinterpret_cast<Op*>(uniform_memory_ + kUniforms * uniform_bytes_);

  int writer[core::kMaxResults];
  bind_inputs();
  bind_outputs(writer);
  bind_code(writer);
}

// A new uniform value: there must be one left.
int Runner::new_uniform() noexcept {
  const int s = kUniformSlot + uniforms_;
  slot_[s] = {uniform_memory_ + uniforms_ * uniform_bytes_, 0};
  ++uniforms_;
  return s;
}

void Runner::bind_inputs() noexcept {
  for (int i = 0; i < program_.inputs; ++i) {
    Input& in = input_[i];
    const int p = stored_ + i;
    const Lane lane = program_.in_lane[i];
    const DType dtype = space_.dtype[p];
    in.native = dtype == core::storage_of(lane);
    in.size = static_cast<std::uint8_t>(bytes_of(dtype));
    in.lane_size = static_cast<std::uint8_t>(bytes_of(lane));
    in.load = load_function(dtype, lane);
    in.seen = nullptr;
    in.copied = false;
    in.panel = nullptr;
    bool inside = false, outside = false;
    for (int a = 0; a < space_.rank; ++a)
      (a < first_ ? outside : inside) |= space_.axis[a].stride[p] != 0;
    if (inside) {
      in.mode = Mode::vary;
      in.slot = static_cast<std::uint8_t>(kInputSlot + i);
      in.memory = static_cast<char*>(const_cast<void*>(slot_[in.slot].data));
    } else {
      in.mode = outside ? Mode::splat : Mode::fixed;
      in.slot = static_cast<std::uint8_t>(new_uniform());
      in.memory = static_cast<char*>(const_cast<void*>(slot_[in.slot].data));
      if (!outside) {
        char value[core::kMaxElement];
        in.load(1, space_.data[p], value);
        splat(in.memory, value, in.lane_size);
        fixed_ |= std::uint64_t{1} << (in.slot - kUniformSlot);
      }
    }
    current_[i] = in.slot;
  }
}

// writer[k]: the instruction that may write output k where it belongs, or -1.
void Runner::bind_outputs(int* writer) noexcept {
  const int length = static_cast<int>(program_.code.size());
  for (int k = 0; k < stored_; ++k) {
    Output& out = output_[k];
    const Lane lane = program_.out_lane[k];
    const DType dtype = space_.dtype[k];
    out.native = dtype == core::storage_of(lane);
    out.size = static_cast<std::uint8_t>(bytes_of(dtype));
    out.store = store_function(lane, dtype);
    out.renamed = false;
    writer[k] = -1;
    if (!out.native) continue;
    const int reg = program_.out_reg[k];
    int w = length - 1;
    for (; w >= 0; --w) {
      const core::Instr& c = program_.code[static_cast<std::size_t>(w)];
      bool writes = false;
      for (int d = 0; d < c.results; ++d) writes |= c.dst[d] == reg;
      if (writes) break;
    }
    bool safe = w >= 0;
    for (int j = 0; j < k; ++j) safe &= program_.out_reg[j] != reg;
    for (int i = 0; safe && i < program_.inputs; ++i) {
      if (space_.data[stored_ + i] != space_.data[k]) continue;
      for (int j = 0; j < stored_; ++j) safe &= program_.out_reg[j] != i;
      for (int q = w + 1; q < length; ++q) {
        const core::Instr& c = program_.code[static_cast<std::size_t>(q)];
        const int arity = c.kind == core::InstrKind::apply ? c.arity : 1;
        for (int s = 0; s < arity; ++s) safe &= c.src[s] != i;
      }
    }
    if (safe) writer[k] = w;
  }
}

void Runner::bind_code(const int* writer) noexcept {
  for (const core::Constant& c : program_.constants) {
    char value[core::kMaxElement];
    if (c.lane == Lane::f64) std::memcpy(value, &c.value, 8);
    else load_function(DType::float64, c.lane)(1, &c.value, value);
    const int s = new_uniform();
    splat(const_cast<void*>(slot_[s].data), value, bytes_of(c.lane));
    fixed_ |= std::uint64_t{1} << (s - kUniformSlot);
    current_[c.reg] = static_cast<std::uint8_t>(s);
  }
  std::uint8_t spare[core::kMaxResults];
  for (int k = 0; k < core::kMaxResults; ++k) spare[k] = static_cast<std::uint8_t>(kSpareSlot + k);
  const int length = static_cast<int>(program_.code.size());
  for (int q = 0; q < length; ++q) {
    const core::Instr& c = program_.code[static_cast<std::size_t>(q)];
    Op& op = op_[ops_];
    op.kind = c.kind;
    const bool apply = c.kind == core::InstrKind::apply;
    op.arity = apply ? c.arity : 1;
    op.results = apply ? c.results : 1;
    op.to_size = static_cast<std::uint8_t>(bytes_of(c.lane));
    if (apply) {
      op.fn = pointwise_function(c.function, c.lane);
    } else if (c.kind == core::InstrKind::cast) {
      op.convert = cast_function(c.lane, c.to);
      op.to_size = static_cast<std::uint8_t>(bytes_of(c.to));
    } else {
      op.convert = store_function(c.lane, c.dtype);
      op.back = load_function(c.dtype, c.lane);
    }
    bool uniform = true, fixed = true;
    for (int k = 0; k < op.arity; ++k) {
      const int s = current_[c.src[k]];
      op.src[k] = static_cast<std::uint8_t>(s);
      uniform &= slot_[s].step == 0;
      fixed &= slot_[s].step == 0 && (fixed_ >> (s - kUniformSlot) & 1) != 0;
    }
    uniform &= uniforms_ + op.results <= kUniforms;
    op.uniform = uniform;
    for (int d = 0; d < op.results; ++d) {
      int s = home_[c.dst[d]];
      if (uniform) {
        s = new_uniform();
        if (fixed) fixed_ |= std::uint64_t{1} << (s - kUniformSlot);
      } else {
        for (int k = 0; k < stored_; ++k)
          if (writer[k] == q && program_.out_reg[k] == c.dst[d]) {
            s = kOutputSlot + k;
            slot_[s] = {output_[k].memory, 1};
            output_[k].renamed = true;
          }
        for (int k = 0; k < op.arity; ++k)
          if (s == op.src[k]) {  // out of an operand's way; its memory is free afterwards
            std::swap(home_[c.dst[d]], spare[d]);
            s = home_[c.dst[d]];
            break;
          }
      }
      op.dst[d] = static_cast<std::uint8_t>(s);
    }
    for (int d = 0; d < op.results; ++d) current_[c.dst[d]] = op.dst[d];
    if (uniform && fixed) execute(op, 1);
    else ++ops_;
  }
  for (int k = 0; k < stored_; ++k) {
    output_[k].slot = current_[program_.out_reg[k]];
    const int i = output_[k].slot - kInputSlot;
    if (i < 0 || i >= program_.inputs) continue;
    for (int j = 0; j < stored_; ++j)
      input_[i].copied |= j != k && space_.data[j] == space_.data[stored_ + i];
  }
  result_ = current_[program_.out_reg[0]];
  converts_ = stored_ == 1 && program_.inputs == 1 && length == 0 && output_[0].native &&
              output_[0].slot == kInputSlot;
}

void Runner::execute(const Op& op, std::int64_t n) noexcept {
  if (op.kind == core::InstrKind::apply) {
    TileArg args[core::kMaxInputs];
    void* results[core::kMaxResults];
    for (int k = 0; k < op.arity; ++k) args[k] = slot_[op.src[k]];
    for (int k = 0; k < op.results; ++k) results[k] = const_cast<void*>(slot_[op.dst[k]].data);
    op.fn(op.uniform ? kUniformElements : n, results, args);
    return;
  }
  const TileArg& src = slot_[op.src[0]];
  void* dst = const_cast<void*>(slot_[op.dst[0]].data);
  const std::int64_t m = src.step ? n : 1;
  if (op.kind == core::InstrKind::cast) {
    op.convert(m, src.data, dst);
  } else {
    op.convert(m, src.data, temp_);
    op.back(m, temp_, dst);
  }
  if (src.step) return;
  char value[core::kMaxElement];
  std::memcpy(value, dst, op.to_size);
  if (op.uniform) splat(dst, value, op.to_size);
  else fill(dst, value, op.to_size, n);
}

// Whether the port's elements of the box lie packed in memory.
bool Runner::adjacent(const Box& box, int port, std::int64_t size) const noexcept {
  for (int a = space_.rank - 1; a >= first_; --a) {
    if (box.extent[a] == 1) continue;
    if (space_.axis[a].stride[port] != size) return false;
    size *= box.extent[a];
  }
  return true;
}

void Runner::transfer(const Box& box, int port, std::int64_t size, char* packed,
                      bool in) const noexcept {
  CopyAxis axes[core::kMaxRank];
  std::int64_t step = size;
  for (int a = space_.rank - 1; a >= first_; --a) {
    const std::int64_t stride = space_.axis[a].stride[port];
    axes[a - first_] = {box.extent[a], in ? step : stride, in ? stride : step};
    step *= box.extent[a];
  }
  char* at = box.at[port];
  copy_box(size, in ? packed : at, in ? at : packed, axes, space_.rank - first_, stream_ && !in);
}

void Runner::tile(const Box& box, bool same) noexcept {
  const std::int64_t n = box.count;
  for (int i = 0; i < program_.inputs; ++i) {
    Input& in = input_[i];
    if (in.mode == Mode::fixed) continue;
    const int p = stored_ + i;
    char* at = box.at[p];
    if (in.mode == Mode::splat) {
      if (in.seen == at) continue;
      in.seen = at;
      char value[core::kMaxElement];
      if (in.native) std::memcpy(value, at, in.lane_size);
      else in.load(1, at, value);
      splat(in.memory, value, in.lane_size);
      continue;
    }
    const bool packed = in.panel || adjacent(box, p, in.size);
    if (packed && in.native && !in.copied) {
      slot_[in.slot].data = at;
      in.seen = nullptr;
      continue;
    }
    slot_[in.slot].data = in.memory;
    if (same && in.seen == at) continue;
    in.seen = at;
    if (packed) {
      void* to = in.memory;
      if (converts_ && !stream_ && adjacent(box, 0, output_[0].size)) {
        to = box.at[0];
        slot_[in.slot].data = to;
        in.seen = nullptr;
      }
      in.load(n, at, to);
    } else if (in.native) {
      transfer(box, p, in.size, in.memory, true);
    } else {
      transfer(box, p, in.size, temp_, true);
      in.load(n, temp_, in.memory);
    }
  }
  bool direct[core::kMaxResults];
  for (int k = 0; k < stored_; ++k) {
    direct[k] = adjacent(box, k, output_[k].size);
    if (output_[k].renamed)
      slot_[kOutputSlot + k].data = direct[k] && !stream_ ? box.at[k] : output_[k].memory;
  }
  for (int q = 0; q < ops_; ++q) execute(op_[q], n);
  for (int k = 0; k < stored_; ++k) {
    Output& out = output_[k];
    char* at = box.at[k];
    if (out.renamed) {
      if (!direct[k]) transfer(box, k, out.size, out.memory, false);
      else if (stream_) stream_copy(at, out.memory, n * out.size);
      continue;
    }
    TileArg value = slot_[out.slot];
    if (value.step == 0) {  // one value everywhere: convert it once, then spread it
      alignas(16) char one[core::kMaxElement];
      out.store(1, value.data, one);
      fill(direct[k] ? at : temp_, one, out.size, n);
      if (!direct[k]) transfer(box, k, out.size, temp_, false);
    } else if (direct[k] && stream_) {
      out.store(n, value.data, temp_);
      stream_copy(at, temp_, n * out.size);
    } else if (direct[k]) {
      if (value.data != at) out.store(n, value.data, at);
    } else if (out.native) {
      transfer(box, k, out.size, static_cast<char*>(const_cast<void*>(value.data)), false);
    } else {
      out.store(n, value.data, temp_);
      transfer(box, k, out.size, temp_, false);
    }
  }
}

// Inputs that run across the rows are turned, all rows of them, into panels; everything else is
// used where it lies.
void Runner::turn(const Box& box) noexcept {
  const int last = space_.rank - 1;
  turned_ = box;
  const std::int64_t count = box.extent[last - 1] * box.extent[last];
  const auto crosses = [&](int i) {
    const std::int64_t stride = space_.axis[last].stride[stored_ + i];
    return input_[i].mode == Mode::vary && stride != 0 && stride != input_[i].size;
  };
  const auto panel_bytes = [&](int i) {
    return (count * input_[i].size + 63) / 64 * 64 + kRegisterGap;
  };
  std::int64_t bytes = 0;
  for (int i = 0; i < program_.inputs; ++i)
    if (crosses(i)) bytes += panel_bytes(i);
  char* panel = static_cast<char*>(scratch(static_cast<std::size_t>(bytes), Slot::panel));
  for (int i = 0; i < program_.inputs; ++i) {
    Input& in = input_[i];
    in.panel = nullptr;
    if (!crosses(i)) continue;
    transfer(box, stored_ + i, in.size, panel, true);
    in.panel = panel;
    panel += panel_bytes(i);
  }
}

void Runner::row(std::int64_t r, std::int64_t from, std::int64_t count) noexcept {
  const int last = space_.rank - 1;
  const Axis& outer = space_.axis[last - 1];
  const Axis& inner = space_.axis[last];
  Box box;
  box.count = count;
  for (int a = first_; a < last; ++a) box.extent[a] = 1;
  box.extent[last] = count;
  for (int p = 0; p < stored_; ++p)
    box.at[p] = turned_.at[p] + r * outer.stride[p] + from * inner.stride[p];
  for (int i = 0; i < program_.inputs; ++i) {
    const Input& in = input_[i];
    const int p = stored_ + i;
    if (in.panel) {
      box.at[p] = in.panel + (r * turned_.extent[last] + from) * in.size;
      continue;
    }
    box.at[p] = turned_.at[p] + r * outer.stride[p] + from * inner.stride[p];
    // Rows far apart are beyond the processor's own foresight.
    constexpr std::int64_t ahead = 2;
    if (in.mode != Mode::vary || r + ahead >= turned_.extent[last - 1]) continue;
    const char* next = box.at[p] + ahead * outer.stride[p];
    for (std::int64_t k = 0; k < count * in.size; k += 64) __builtin_prefetch(next + k);
  }
  tile(box, false);
}

const void* Runner::result(std::int64_t n) noexcept {
  const TileArg& value = slot_[result_];
  if (value.step) return value.data;
  char one[core::kMaxElement];
  const std::int64_t size = bytes_of(program_.out_lane[0]);
  std::memcpy(one, value.data, static_cast<std::size_t>(size));
  fill(output_[0].memory, one, size, n);
  return output_[0].memory;
}

}  // namespace nnx::cpu
