// The entry `run`: programs over index spaces.
// A job is one of three things: a single instruction over packed operands (called straight on
// memory), a copy (no instruction, one dtype), or a program over tiles. Each is cut into `boxes`
// by its shape; boxes are what threads share.
// Invariant: an element's value does not depend on the box it falls in, so neither on how boxes are
// shared; that may follow measured time.
#include <algorithm>
#include <chrono>

#include "cpu/kernels_decl.hpp"
#include "cpu/tile.hpp"

namespace nnx::cpu {
namespace {

using core::Instr;
using core::InstrKind;
using core::Port;
using core::Program;
using core::TileJob;

// Estimated cost in picoseconds. Below kSerial threads cost more than they bring, beyond kSurely
// they pay whatever the functions are.
constexpr std::int64_t kSerial = 25'000'000;
constexpr std::int64_t kSurely = 200'000'000;
constexpr std::int64_t kGrain = 15'000'000;  // of one chunk
// Between the two a job is timed: its first elements, against this much for the rest.
constexpr std::int64_t kTrial = 2048;          // elements below which no job is shared
constexpr std::int64_t kSerialTicks = 50'000;  // about 20 us
constexpr std::int64_t kMaxChunks = 512;

constexpr std::int64_t kDirectBox = 1024;  // elements

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

// Of one element.
std::int64_t unit_cost(const TileJob& job) {
  const Program& p = *job.program;
  std::int64_t bytes = 0;
  for (int i = 0; i < p.inputs; ++i) bytes += bytes_of(job.in[i].dtype);
  for (int k = 0; k < p.outputs; ++k) bytes += bytes_of(job.out[k].dtype);
  return 50 + 300 * static_cast<std::int64_t>(p.code.size()) + 25 * bytes;
}

std::int64_t elements(const TileJob& job) {
  std::int64_t n = 1;
  for (const std::int64_t x : job.shape) n *= x;
  return n;
}

// --- one instruction over packed operands -----------------------------------------------------
struct Direct {
  TileFn fn;
  bool stream;
  std::int64_t count;
  int arity, results;
  TileArg arg[core::kMaxInputs];
  std::int64_t size[core::kMaxInputs];
  void* result[core::kMaxResults];
  std::int64_t result_size[core::kMaxResults];
  alignas(64) char copies[core::kMaxInputs][core::kCopiesBytes];
};

// Bit p of the results: whether outputs, then inputs, are row-major over the shape, and whether
// they are one value.
struct Layout {
  std::uint32_t packed, single;
};
Layout layout_of(const TileJob& job, int inputs, int outputs) {
  Layout l{~0u, ~0u};
  std::int64_t n = 1;
  for (int a = job.shape.size() - 1; a >= 0; --a) {
    const std::int64_t extent = job.shape[a];
    if (extent == 1) continue;
    std::uint32_t bit = 1;
    const auto look = [&](const Port& port) {
      const std::int64_t stride = port.strides[a];
      if (stride != n) l.packed &= ~bit;
      if (stride != 0) l.single &= ~bit;
      bit <<= 1;
    };
    for (int k = 0; k < outputs; ++k) look(job.out[k]);
    for (int i = 0; i < inputs; ++i) look(job.in[i]);
    n *= extent;
  }
  return l;
}

bool make_direct(const TileJob& job, Direct& d) {
  const Program& p = *job.program;
  if (p.code.size() != 1) return false;
  const Instr& c = p.code[0];
  if (c.kind != InstrKind::apply || c.results != p.outputs) return false;
  const Layout l = layout_of(job, p.inputs, p.outputs);
  for (int k = 0; k < p.outputs; ++k) {
    const Port& port = job.out[k];
    if (!(l.packed >> k & 1) || port.dtype != core::storage_of(p.out_lane[k])) return false;
    bool found = false;
    for (int r = 0; r < c.results; ++r)
      if (c.dst[r] == p.out_reg[k]) {
        d.result[r] = port.data;
        d.result_size[r] = bytes_of(p.out_lane[k]);
        found = true;
      }
    for (int j = 0; j < k; ++j) found &= p.out_reg[j] != p.out_reg[k];
    if (!found) return false;
  }
  for (int s = 0; s < c.arity; ++s) {
    const int reg = c.src[s];
    TileArg& arg = d.arg[s];
    char value[core::kMaxElement];
    if (reg < p.inputs) {
      const Port& port = job.in[reg];
      const Lane lane = p.in_lane[reg];
      const bool native = port.dtype == core::storage_of(lane);
      const std::uint32_t bit = 1u << (p.outputs + reg);
      d.size[s] = bytes_of(lane);
      if (native && (l.packed & bit)) {
        arg = {port.data, 1};
        continue;
      }
      if (!(l.single & bit)) return false;
      if (native) std::memcpy(value, port.data, static_cast<std::size_t>(d.size[s]));
      else load_function(port.dtype, lane)(1, port.data, value);
    } else {
      const core::Constant* constant = p.constants.data();
      while (constant->reg != reg) ++constant;
      d.size[s] = bytes_of(constant->lane);
      load_function(DType::float64, constant->lane)(1, &constant->value, value);
    }
    splat(d.copies[s], value, d.size[s]);
    arg = {d.copies[s], 0};
  }
  d.fn = pointwise_function(c.function, c.lane);
  d.arity = c.arity;
  d.results = c.results;
  return true;
}

void run_direct(const Direct& d, std::int64_t first, std::int64_t last) {
  const std::int64_t start = first * kDirectBox, end = std::min(last * kDirectBox, d.count);
  if (start == 0 && !d.stream) {
    d.fn(end, d.result, d.arg);
    return;
  }
  TileArg args[core::kMaxInputs];
  void* results[core::kMaxResults];
  const auto piece = [&](std::int64_t from, std::int64_t n) {
    for (int s = 0; s < d.arity; ++s)
      args[s] = {static_cast<const char*>(d.arg[s].data) + d.arg[s].step * from * d.size[s],
                 d.arg[s].step};
    d.fn(n, results, args);
  };
  if (!d.stream) {
    for (int r = 0; r < d.results; ++r)
      results[r] = static_cast<char*>(d.result[r]) + start * d.result_size[r];
    return piece(start, end - start);
  }
  constexpr std::int64_t length = kDirectBox / 2, pitch = length * core::kMaxElement + kRegisterGap;
  char* memory = static_cast<char*>(scratch(core::kMaxResults * pitch, Slot::tile));
  for (int r = 0; r < d.results; ++r) results[r] = memory + r * pitch;
  for (std::int64_t i = start; i < end; i += length) {
    const std::int64_t n = std::min(length, end - i);
    piece(i, n);
    for (int r = 0; r < d.results; ++r)
      stream_copy(static_cast<char*>(d.result[r]) + i * d.result_size[r], results[r],
                  n * d.result_size[r]);
  }
  stream_end();
}

// --- boxes of a space -------------------------------------------------------------------------
struct Tiling {
  int first;                           // boxes vary along axes [first, rank)
  bool crossed;                        // the last two axes are walked the other way round
  bool by_rows;                        // boxes go through the program row by row
  std::int64_t step[core::kMaxRank];   // extent of a full box
  std::int64_t steps[core::kMaxRank];  // boxes along the axis
  std::int64_t boxes;
  std::int64_t length;  // elements of a full box
};

void make_space(const TileJob& job, Space& s) {
  const Program& p = *job.program;
  s.ports = 0;
  for (int k = 0; k < p.outputs; ++k) s.add_port(job.out[k]);
  for (int i = 0; i < p.inputs; ++i) s.add_port(job.in[i]);
  s.rank = 0;
  for (int a = 0; a < job.shape.size(); ++a) {
    if (job.shape[a] == 1) continue;
    Axis& axis = s.axis[s.rank++];
    axis.extent = job.shape[a];
    for (int k = 0; k < p.outputs; ++k)
      axis.stride[k] = job.out[k].strides[a] * bytes_of(job.out[k].dtype);
    for (int i = 0; i < p.inputs; ++i)
      axis.stride[p.outputs + i] = job.in[i].strides[a] * bytes_of(job.in[i].dtype);
  }
  s.flip();
  // Axes in the order of the first output's memory.
  for (int a = 1; a < s.rank; ++a) {
    int b = a;
    while (b > 0 && s.axis[b - 1].stride[0] < s.axis[a].stride[0]) --b;
    if (b != a) s.move_axis(a, b);
  }
  s.merge(0, s.rank);
}

// A port that is better walked along another axis than the last one: that axis, or -1.
int crossing(const Space& s) {
  const Axis& inner = s.axis[s.rank - 1];
  for (int p = 0; p < s.ports; ++p) {
    std::int64_t best = std::abs(inner.stride[p]);
    if (best <= bytes_of(s.dtype[p])) continue;
    int found = -1;
    for (int a = 0; a < s.rank - 1; ++a) {
      const std::int64_t stride = std::abs(s.axis[a].stride[p]);
      if (stride != 0 && stride < best) {
        best = stride;
        found = a;
      }
    }
    if (found >= 0) return found;
  }
  return -1;
}

// Cuts the space into boxes of at most `length` elements; a row may be `row` elements long. Where
// ports run across each other boxes are rectangles of the two axes, for turning.
void make_tiling(Space& s, Tiling& t, std::int64_t length, std::int64_t row, bool copy) {
  const int last = s.rank - 1;
  t.first = std::max(last, 0);
  for (int a = 0; a < s.rank; ++a) t.step[a] = 1;
  const int cross = s.rank > 1 ? crossing(s) : -1;
  t.crossed = cross >= 0;
  t.by_rows = false;
  if (t.crossed) {
    s.move_axis(cross, last - 1);
    const std::int64_t rows = s.axis[last - 1].extent, cols = s.axis[last].extent;
    std::int64_t height = 32;
    if (copy) {
      height = 64;
      length = 64 * 64;
    } else if (cols >= 64) {
      t.by_rows = true;
      height = 64;
      length = 64 * 256;
    }
    std::int64_t r = std::min(rows, height);
    const std::int64_t c = std::min(cols, length / r);
    r = std::min(rows, length / c);
    t.step[last - 1] = r;
    t.step[last] = c;
    t.first = last - 1;
  } else if (s.rank > 0) {
    const std::int64_t extent = s.axis[last].extent;
    if (extent >= length / 2) {
      const std::int64_t pieces = ceil_div(extent, row);
      t.step[last] = std::min(extent, (ceil_div(extent, pieces) + 63) / 64 * 64);
    } else {
      std::int64_t left = length;
      int a = last;
      for (; a >= 0 && left >= s.axis[a].extent; --a) {
        t.step[a] = s.axis[a].extent;
        left /= s.axis[a].extent;
      }
      if (a >= 0 && left > 1) {
        t.step[a] = left;
        --a;
      }
      t.first = a + 1;
    }
  }
  t.boxes = t.length = 1;
  for (int a = 0; a < s.rank; ++a) {
    t.length *= t.step[a];
    t.steps[a] = ceil_div(s.axis[a].extent, t.step[a]);
    t.boxes *= t.steps[a];
  }
}

// Visits boxes [first, last), the last axis fastest (the one before it if crossed):
// visit(box, same extents as before).
template <class Visit>
void walk(const Space& s, const Tiling& t, std::int64_t first, std::int64_t last, Visit visit) {
  std::int64_t index[core::kMaxRank];
  int order[core::kMaxRank];  // fastest last
  for (int a = 0; a < s.rank; ++a) order[a] = a;
  if (t.crossed) std::swap(order[s.rank - 2], order[s.rank - 1]);
  Box box;
  for (int p = 0; p < s.ports; ++p) box.at[p] = s.data[p];
  std::int64_t rest = first;
  box.count = 1;
  for (int k = s.rank - 1; k >= 0; --k) {
    const int a = order[k];
    index[a] = rest % t.steps[a];
    rest /= t.steps[a];
    const std::int64_t start = index[a] * t.step[a];
    for (int p = 0; p < s.ports; ++p) box.at[p] += start * s.axis[a].stride[p];
    box.extent[a] = std::min(t.step[a], s.axis[a].extent - start);
    box.count *= box.extent[a];
  }
  bool same = false;
  for (std::int64_t b = first;;) {
    visit(box, same);
    if (++b >= last) return;
    same = true;
    for (int k = s.rank - 1;; --k) {
      const int a = order[k];
      const Axis& axis = s.axis[a];
      std::int64_t moved = t.step[a];
      const bool wraps = ++index[a] == t.steps[a];
      if (wraps) {
        moved -= t.steps[a] * t.step[a];
        index[a] = 0;
      }
      for (int p = 0; p < s.ports; ++p) box.at[p] += moved * axis.stride[p];
      const std::int64_t extent = std::min(t.step[a], axis.extent - index[a] * t.step[a]);
      if (extent != box.extent[a]) {
        same = false;
        box.count = box.count / box.extent[a] * extent;
        box.extent[a] = extent;
      }
      if (!wraps) break;
    }
  }
}

void copy_boxes(const Space& s, const Tiling& t, bool stream, std::int64_t first,
                std::int64_t last) {
  const std::int64_t size = bytes_of(s.dtype[0]);
  walk(s, t, first, last, [&](const Box& box, bool) {
    CopyAxis axes[core::kMaxRank];
    for (int a = t.first; a < s.rank; ++a)
      axes[a - t.first] = {box.extent[a], s.axis[a].stride[0], s.axis[a].stride[1]};
    copy_box(size, box.at[0], box.at[1], axes, s.rank - t.first, stream);
  });
  if (stream) stream_end();
}

bool is_copy(const TileJob& job) {
  const Program& p = *job.program;
  return p.code.empty() && p.inputs == 1 && p.outputs == 1 && p.out_reg[0] == 0 &&
         job.in[0].dtype == job.out[0].dtype && p.in_lane[0] == home_lane(job.in[0].dtype);
}

// Whether results are worth writing past the caches: they are large, and not there already.
bool streams(const TileJob& job, std::int64_t count, std::int64_t least) {
  std::int64_t bytes = 0;
  for (int k = 0; k < job.program->outputs; ++k) {
    bytes += count * bytes_of(job.out[k].dtype);
    for (int i = 0; i < job.program->inputs; ++i)
      if (job.in[i].data == job.out[k].data) return false;
  }
  return bytes >= least;
}

// Whether a single instruction may run over whole rows of memory.
bool whole_rows(const TileJob& job, const Space& s) {
  const Program& p = *job.program;
  if (s.rank == 0 || p.code.size() != 1 || p.code[0].kind != InstrKind::apply) return false;
  const Axis& inner = s.axis[s.rank - 1];
  for (int k = 0; k < p.outputs; ++k) {
    bool written = false;
    for (int r = 0; r < p.code[0].results; ++r) written |= p.code[0].dst[r] == p.out_reg[k];
    for (int j = 0; j < k; ++j) written &= p.out_reg[j] != p.out_reg[k];
    if (!written || s.dtype[k] != core::storage_of(p.out_lane[k]) ||
        inner.stride[k] != bytes_of(s.dtype[k]))
      return false;
  }
  // Results that are not outputs would need a register.
  if (p.code[0].results != p.outputs) return false;
  for (int i = 0; i < p.inputs; ++i) {
    const int q = p.outputs + i;
    if (inner.stride[q] == 0) continue;
    if (s.dtype[q] != core::storage_of(p.in_lane[i]) || inner.stride[q] != bytes_of(s.dtype[q]))
      return false;
  }
  return true;
}

// --- jobs -------------------------------------------------------------------------------------
// A job ready to be cut: how many boxes it has, and boxes [first, last) of it.
class Work {
 public:
  Work(const TileJob& job, std::int64_t count) : job_(job) {
    if (make_direct(job, direct_)) {
      kind_ = Kind::direct;
      direct_.stream = streams(job, count, kStreamBytes);
      direct_.count = count;
      boxes_ = ceil_div(count, kDirectBox);
      return;
    }
    make_space(job, space_);
    const bool copy = is_copy(job);
    kind_ = copy ? Kind::copy : Kind::tiles;
    stream_ = streams(job, count, kStreamBytes);
    const std::int64_t length = copy ? 4096 : tile_length(*job.program);
    const std::int64_t row = copy || (!stream_ && whole_rows(job, space_)) ? 4096 : length;
    make_tiling(space_, tiling_, length, row, copy);
    if (tiling_.crossed) stream_ = streams(job, count, kStreamTransposedBytes);
    boxes_ = tiling_.boxes;
  }

  std::int64_t boxes() const { return boxes_; }
  void operator()(std::int64_t first, std::int64_t last) const {
    switch (kind_) {
      case Kind::direct: return run_direct(direct_, first, last);
      case Kind::copy: return copy_boxes(space_, tiling_, stream_, first, last);
      case Kind::tiles: {
        Runner runner(*job_.program, space_, job_.program->outputs, tiling_.first,
                      tiling_.by_rows ? tiling_.step[space_.rank - 1]
                                      : std::min<std::int64_t>(tiling_.length, 4096),
                      stream_);
        return walk(space_, tiling_, first, last, [&](const Box& box, bool same) {
          if (!tiling_.by_rows) return runner.tile(box, same);
          runner.turn(box);
          const int last = space_.rank - 1;
          for (std::int64_t r = 0; r < box.extent[last - 1]; ++r)
            runner.row(r, 0, box.extent[last]);
        });
      }
    }
  }

 private:
  enum class Kind : std::uint8_t { direct, copy, tiles };
  const TileJob& job_;
  Kind kind_;
  std::int64_t boxes_;
  union {
    Direct direct_;
    struct {
      Space space_;
      Tiling tiling_;
      bool stream_;
    };
  };
};

// A clock of about two or three ticks a nanosecond that costs next to nothing to read.
std::uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return 2 *
         static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

void run_one(const TileJob& job, std::int64_t count) {
  const Work work(job, count);
  const std::int64_t boxes = work.boxes();
  if (count < kTrial || boxes < 2 || !host().parallel) return work(0, boxes);
  const std::int64_t cost = count * unit_cost(job);
  std::int64_t first = 0, chunks = ceil_div(cost, kGrain);
  if (cost < kSurely) {
    // What a function costs, or fresh memory, no estimate knows: the first boxes tell.
    first = std::max<std::int64_t>(1, boxes * kTrial / 2 / count);
    const std::uint64_t start = ticks();
    work(0, first);
    const std::uint64_t spent = ticks() - start;
    const std::int64_t left = static_cast<std::int64_t>(spent) / first * (boxes - first);
    if (left < kSerialTicks) return work(first, boxes);
    chunks = ceil_div(left, kSerialTicks / 2);
  }
  chunks = std::min({boxes - first, chunks, kMaxChunks});
  const std::int64_t per = ceil_div(boxes - first, chunks);
  parallel_for(ceil_div(boxes - first, per), [&](std::int64_t c) {
    const std::int64_t from = first + c * per;
    work(from, std::min(boxes, from + per));
  });
}

}  // namespace

void run(const TileJob* jobs, std::int64_t count) {
  if (count == 1) {
    const std::int64_t n = elements(*jobs);
    if (n) run_one(*jobs, n);
    return;
  }
  // Start of each job on one line of estimated cost; chunks are equal pieces of the line.
  auto* start = static_cast<std::int64_t*>(
      scratch(sizeof(std::int64_t) * static_cast<std::size_t>(count + 1), Slot::jobs));
  start[0] = 0;
  for (std::int64_t j = 0; j < count; ++j)
    start[j + 1] = start[j] + elements(jobs[j]) * unit_cost(jobs[j]);
  const std::int64_t total = start[count];
  const std::int64_t chunks = total < kSerial ? 1 : std::min(ceil_div(total, kGrain), kMaxChunks);
  const std::int64_t length = ceil_div(total, chunks);
  parallel_for(chunks, [&](std::int64_t c) {
    const std::int64_t lo = c * length, hi = std::min(total, lo + length);
    std::int64_t j = std::upper_bound(start, start + count + 1, lo) - start - 1;
    for (; j < count && start[j] < hi; ++j) {
      const std::int64_t cost = start[j + 1] - start[j];
      if (cost == 0) continue;
      const Work work(jobs[j], elements(jobs[j]));
      // A box belongs to the chunk in which it starts.
      const auto box_at = [&](std::int64_t x) {
        if (x <= start[j]) return std::int64_t{0};
        if (x >= start[j + 1]) return work.boxes();
        const __int128 num = static_cast<__int128>(x - start[j]) * work.boxes();
        return static_cast<std::int64_t>((num + cost - 1) / cost);
      };
      const std::int64_t first = box_at(lo), last = box_at(hi);
      if (first < last) work(first, last);
    }
  });
}

}  // namespace nnx::cpu
