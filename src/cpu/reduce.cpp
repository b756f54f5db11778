// The entry `reduce`: a program folded over some axes of its space.
// The tree is reduce_fold.hpp's; this file decides how memory is walked for it. Two ways:
//   rows     one output at a time, its values adjacent (or gathered to be)
//   columns  outputs along one kept axis side by side, in a strip
// An input that runs across the walk is turned a rectangle at a time.
// Axes are ordered: kept ones, reduced ones in their logical order, then the columns' axis.
// Invariant: how many lanes the tree has follows from shape, mask and lane alone; ways, pieces and
// threads only choose the order in which its parts are computed.
#include <algorithm>
#include <bit>
#include <cmath>

#include "cpu/kernels_decl.hpp"
#include "cpu/reduce_fold.hpp"
#include "cpu/tile.hpp"

namespace nnx::cpu {
namespace {

using core::Program;
using core::ReduceJob;

// Estimated picoseconds, as in tile_run.cpp.
constexpr std::int64_t kSerial = 25'000'000;
constexpr std::int64_t kGrain = 15'000'000;
constexpr std::int64_t kStripBytes = 16384;      // of one strip's lanes: in the L1 cache
constexpr std::int64_t kWideStripBytes = 65536;  // many lanes, each visited rarely
constexpr std::int64_t kPanelBytes = std::int64_t{1} << 20;
constexpr std::int64_t kShortRow = 32;  // shorter ones are folded side by side

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

// Results of the fold on their way to memory.
struct Emitter {
  Lane lane;
  DType dtype;
  bool native;
  double scale, divisor;  // scale is 1 / divisor exactly rounded: the division is more accurate
  ConvertFn store;

  explicit Emitter(const ReduceJob& job) {
    lane = job.program->out_lane[0];
    dtype = job.out.dtype;
    native = dtype == core::storage_of(lane);
    scale = lane == Lane::f32 || lane == Lane::f64 ? job.scale : 1.0;
    divisor = 0;
    if (scale != 1.0) {
      const double inverse = std::nearbyint(1.0 / scale);
      if (std::isfinite(inverse) && 1.0 / inverse == scale) divisor = inverse;
    }
    store = store_function(lane, dtype);
  }
  template <class T>
  void scale_all(T* x, std::int64_t n) const {
    if (divisor != 0)
      for (std::int64_t i = 0; i < n; ++i)
        x[i] = static_cast<T>(static_cast<double>(x[i]) / divisor);
    else
      for (std::int64_t i = 0; i < n; ++i) x[i] = static_cast<T>(static_cast<double>(x[i]) * scale);
  }
  // n results, overwritten, to places `stride` bytes apart.
  void operator()(void* values, std::int64_t n, char* out, std::int64_t stride) const {
    if (scale != 1.0) {
      if (lane == Lane::f32) scale_all(static_cast<float*>(values), n);
      else scale_all(static_cast<double*>(values), n);
    }
    const std::int64_t size = bytes_of(dtype);
    if (n == 1 || stride == size) return store(n, values, out);
    constexpr std::int64_t piece = 512;
    alignas(64) char converted[piece * core::kMaxElement];
    for (std::int64_t i = 0; i < n; i += piece) {
      const std::int64_t m = std::min(piece, n - i);
      const char* from = static_cast<const char*>(values) + i * bytes_of(lane);
      if (!native) {
        store(m, from, converted);
        from = converted;
      }
      const CopyAxis axis{m, stride, size};
      copy_box(size, out + i * stride, from, &axis, 1);
    }
  }
};

// No instruction: the input itself is folded.
bool is_plain(const ReduceJob& job) {
  const Program& p = *job.program;
  return p.code.empty() && p.inputs > 0 && p.out_reg[0] == 0 && p.in_lane[0] == p.out_lane[0] &&
         job.in[0].dtype == core::storage_of(p.in_lane[0]);
}

class Plan {
 public:
  Plan(const ReduceJob& job, std::int64_t n, std::int64_t width)
      : job_(job),
        kernel_(fold_kernel(job.program->out_lane[0], job.reduction)),
        emit_(job),
        n_(n) {
    const std::int64_t lanes = kernel_.lanes();
    g_ = width == 1      ? lanes
         : width < lanes ? static_cast<std::int64_t>(
                               std::bit_ceil(static_cast<std::uint64_t>(ceil_div(lanes, width))))
                         : 1;
    g_ = std::min(g_, n);
    inputs_ = job.program->inputs;
    tile_ = tile_length(*job.program);
    plain_ = is_plain(job);
    order_axes(width);
    cut();
  }
  void run();

 private:
  void order_axes(std::int64_t width);
  int leading_port() const;
  std::int64_t panel_rows() const;
  void cut();
  std::int64_t cost() const;
  void locate(std::int64_t unit, char** at, std::int64_t& first) const;
  void rows_whole(std::int64_t first, std::int64_t last);
  void tiles_whole(std::int64_t first, std::int64_t last);
  void fold_unit(Runner* runner, char* const* start, std::int64_t width, std::int64_t r0,
                 std::int64_t r1, Strip& strip);
  template <class Visit>
  void runs(char* base, std::int64_t r0, std::int64_t r1, Visit visit) const;
  std::int64_t next_box(std::int64_t r, std::int64_t end, std::int64_t limit, Box& box) const;

  const ReduceJob& job_;
  const FoldKernel& kernel_;
  const Emitter emit_;
  const std::int64_t n_;
  std::int64_t g_, tile_;
  int inputs_;
  bool plain_, columns_ = false;
  Space s_;                  // ports: inputs, then the output
  int kept_, reduced_;       // axes [0, kept_) kept, [kept_, reduced_) reduced, then the columns'
  std::int64_t piece_ = 1;   // outputs side by side, or rows of a box
  std::int64_t pieces_ = 1;  // along the columns' axis, or the last kept axis
  std::int64_t units_ = 1, outer_ = 1;
  std::int64_t panel_ = 0;  // see panel_rows
  bool direct_ = false;     // the input is read where it lies
  bool whole_ = false;      // rows: a box holds whole rows of several outputs
};

// The port with the most memory to walk.
int Plan::leading_port() const {
  int lead = 0, most = -1;
  for (int p = 0; p < inputs_; ++p) {
    int count = 0;
    for (int a = 0; a < s_.rank; ++a) count += s_.axis[a].stride[p] != 0;
    if (count > most) {
      most = count;
      lead = p;
    }
  }
  return lead;
}

void Plan::order_axes(std::int64_t width) {
  const core::Shape& shape = job_.shape;
  s_.ports = 0;
  for (int i = 0; i < inputs_; ++i) s_.add_port(job_.in[i]);
  s_.add_port(job_.out);
  s_.rank = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int a = 0; a < shape.size(); ++a) {
      if (shape[a] == 1 || (job_.reduced >> a & 1) != static_cast<unsigned>(pass)) continue;
      Axis& axis = s_.axis[s_.rank++];
      axis.extent = shape[a];
      for (int i = 0; i < inputs_; ++i)
        axis.stride[i] = job_.in[i].strides[a] * bytes_of(job_.in[i].dtype);
      axis.stride[inputs_] = pass ? 0 : job_.out.strides[a] * bytes_of(job_.out.dtype);
    }
    if (pass == 0) kept_ = s_.rank;
  }
  // Kept axes in the order of the output's memory.
  for (int a = 1; a < kept_; ++a) {
    int b = a;
    const std::int64_t stride = std::abs(s_.axis[a].stride[inputs_]);
    while (b > 0 && std::abs(s_.axis[b - 1].stride[inputs_]) < stride) --b;
    if (b != a) s_.move_axis(a, b);
  }
  const int removed = kept_ - s_.merge(0, kept_);
  kept_ -= removed;
  s_.merge(kept_, s_.rank);
  reduced_ = s_.rank;
  if (kept_ == 0) return;
  const int lead = leading_port();
  int column = -1;
  const auto step = [&](int a) { return std::abs(s_.axis[a].stride[lead]); };
  for (int a = 0; a < kept_; ++a)
    if (step(a) != 0 && (column < 0 || step(a) <= step(column))) column = a;
  if (column < 0) column = kept_ - 1;
  if (reduced_ == kept_) {
    columns_ = true;  // nothing to fold
  } else if (width > 1) {
    columns_ = true;
  } else {
    const std::int64_t inner = step(reduced_ - 1);
    const bool along = inner != 0 && (step(column) == 0 || inner < step(column));
    columns_ = n_ < kShortRow ? s_.axis[column].extent >= 8 : !along && step(column) != 0;
  }
  if (!columns_) return;
  s_.move_axis(column, s_.rank - 1);
  --kept_;
  --reduced_;
}

void Plan::cut() {
  const std::int64_t size = kernel_.size;
  for (int a = 0; a < kept_; ++a) outer_ *= s_.axis[a].extent;
  if (columns_) {
    const Axis& column = s_.axis[reduced_];
    const int lead = leading_port();
    direct_ = plain_ && column.stride[0] == size;
    const std::int64_t room =
        std::max<std::int64_t>(1, (g_ == 1 ? kStripBytes : kWideStripBytes) / (g_ * size));
    piece_ = std::min(column.extent, room);
    if (!direct_) {
      const bool along = std::abs(column.stride[lead]) > bytes_of(s_.dtype[lead]);
      if (along && job_.program->registers <= 4) tile_ = 4096;
      std::int64_t most = tile_;
      if (along && n_ * 16 <= tile_) most = tile_ / n_ / 16 * 16;  // all values in one tile
      else if (along) most = tile_ / 64;                           // rectangles, to be turned
      piece_ = std::min(piece_, most);
    }
    pieces_ = ceil_div(column.extent, piece_);
    units_ = outer_ * pieces_;
    return;
  }
  panel_ = panel_rows();
  direct_ = plain_ && reduced_ > kept_ && s_.axis[reduced_ - 1].stride[0] == size &&
            (reduced_ - kept_ == 1 || s_.axis[reduced_ - 1].extent >= kShortRow);
  units_ = outer_;
  if (n_ <= tile_ && n_ <= kDepth * kernel_.lanes() && !(direct_ && reduced_ - kept_ == 1)) {
    whole_ = true;
    if (kept_ > 0) {
      const std::int64_t extent = s_.axis[kept_ - 1].extent;
      piece_ = std::min(extent, std::max<std::int64_t>(1, tile_ / n_));
      pieces_ = ceil_div(extent, piece_);
      units_ = outer_ / extent * pieces_;
    }
  }
}

// Rows: how many stretches of the innermost axis to turn at once because an input runs across them,
// or 0.
std::int64_t Plan::panel_rows() const {
  if (reduced_ - kept_ < 2) return 0;
  const Axis& outer = s_.axis[reduced_ - 2];
  const Axis& inner = s_.axis[reduced_ - 1];
  for (int p = 0; p < inputs_; ++p) {
    const std::int64_t size = bytes_of(s_.dtype[p]), stride = std::abs(inner.stride[p]);
    if (stride <= size || std::abs(outer.stride[p]) >= stride) continue;
    const std::int64_t row = inner.extent * size;
    if (outer.extent >= 8 && inner.extent >= 8 && row * 16 <= 4 * kPanelBytes)
      return std::min(outer.extent, std::clamp<std::int64_t>(kPanelBytes / row, 16, 64));
  }
  return 0;
}

std::int64_t Plan::cost() const {
  std::int64_t each = 50 + 300 * static_cast<std::int64_t>(job_.program->code.size());
  for (int i = 0; i < inputs_; ++i) each += 25 * bytes_of(s_.dtype[i]);
  std::int64_t outputs = outer_;
  if (columns_) outputs *= s_.axis[reduced_].extent;
  return outputs * (n_ * each + 10'000);
}

// Where each port stands at the start of a unit; `first` is the index along the axis cut in pieces.
void Plan::locate(std::int64_t unit, char** at, std::int64_t& first) const {
  for (int p = 0; p < s_.ports; ++p) at[p] = s_.data[p];
  const auto move = [&](int a, std::int64_t by) {
    for (int p = 0; p < s_.ports; ++p) at[p] += by * s_.axis[a].stride[p];
  };
  int a = kept_ - 1;
  first = 0;
  if (columns_ || (whole_ && kept_ > 0)) {
    first = unit % pieces_ * piece_;
    unit /= pieces_;
    move(columns_ ? reduced_ : a--, first);
  }
  for (; a >= 0; --a) {
    move(a, unit % s_.axis[a].extent);
    unit /= s_.axis[a].extent;
  }
}

// Stretches of values [r0, r1) along the innermost reduced axis: visit(address, stride, count).
template <class Visit>
void Plan::runs(char* base, std::int64_t r0, std::int64_t r1, Visit visit) const {
  if (reduced_ == kept_) return visit(base, std::int64_t{0}, std::int64_t{1});
  const Axis& inner = s_.axis[reduced_ - 1];
  if (reduced_ - kept_ == 1) return visit(base + r0 * inner.stride[0], inner.stride[0], r1 - r0);
  while (r0 < r1) {
    const std::int64_t i = r0 % inner.extent;
    std::int64_t rest = r0 / inner.extent;
    char* at = base + i * inner.stride[0];
    for (int a = reduced_ - 2; a >= kept_; --a) {
      at += rest % s_.axis[a].extent * s_.axis[a].stride[0];
      rest /= s_.axis[a].extent;
    }
    const std::int64_t m = std::min(inner.extent - i, r1 - r0);
    visit(at, inner.stride[0], m);
    r0 += m;
  }
}

// Sets the extents of the reduced axes of a box that starts at value r and has at most `limit`
// values, all before `end`; returns their count. Moves box.at there, from the unit's start.
std::int64_t Plan::next_box(std::int64_t r, std::int64_t end, std::int64_t limit, Box& box) const {
  std::int64_t unit = 1, left = std::min(limit, end - r);
  bool open = true;
  for (int a = reduced_ - 1; a >= kept_; --a) {
    const Axis& axis = s_.axis[a];
    const std::int64_t i = r % axis.extent;
    r /= axis.extent;
    for (int p = 0; p < inputs_; ++p) box.at[p] += i * axis.stride[p];
    std::int64_t extent = 1;
    if (open) {
      extent = std::min(axis.extent - i, left);
      left /= extent;
      // The next axis may join in only if this one is covered.
      open = extent == axis.extent && left > 0;
    }
    box.extent[a] = extent;
    unit *= extent;
  }
  return unit;
}

// Units [first, last): outputs whose values lie adjacent, one axis of them.
void Plan::rows_whole(std::int64_t first, std::int64_t last) {
  char* at[kMaxPorts];
  std::int64_t ignored;
  if (kept_ == 0) {
    alignas(16) char value[core::kMaxElement];
    kernel_.block(s_.data[0], n_, value);
    return emit_(value, 1, s_.data[inputs_], 0);
  }
  const Axis& axis = s_.axis[kept_ - 1];
  constexpr std::int64_t batch = 64;
  alignas(64) char values[batch * core::kMaxElement];
  for (std::int64_t u = first; u < last;) {
    locate(u, at, ignored);
    const std::int64_t m = std::min({last - u, axis.extent - u % axis.extent, batch});
    for (std::int64_t i = 0; i < m; ++i)
      kernel_.block(at[0] + i * axis.stride[0], n_, values + i * kernel_.size);
    emit_(values, m, at[inputs_], axis.stride[inputs_]);
    u += m;
  }
}

// Units [first, last): boxes of whole rows of several outputs, through the program.
void Plan::tiles_whole(std::int64_t first, std::int64_t last) {
  Runner runner(*job_.program, s_, 0, std::max(kept_ - 1, 0), tile_);
  Box box;
  for (int a = 0; a < s_.rank; ++a) box.extent[a] = a < kept_ ? 1 : s_.axis[a].extent;
  alignas(64) char values[1024 * 8];
  bool same = false;
  for (std::int64_t u = first; u < last; ++u) {
    std::int64_t start;
    locate(u, box.at, start);
    std::int64_t m = 1;
    std::int64_t stride = 0;
    if (kept_ > 0) {
      m = std::min(piece_, s_.axis[kept_ - 1].extent - start);
      same &= box.extent[kept_ - 1] == m;
      box.extent[kept_ - 1] = m;
      stride = s_.axis[kept_ - 1].stride[inputs_];
    }
    box.count = m * n_;
    runner.tile(box, same);
    same = true;
    const char* x = static_cast<const char*>(runner.result(box.count));
    for (std::int64_t i = 0; i < m; ++i)
      kernel_.block(x + i * n_ * kernel_.size, n_, values + i * kernel_.size);
    emit_(values, m, box.at[inputs_], stride);
  }
}

// Feeds values [r0, r1) of the unit at `start` to its strip.
void Plan::fold_unit(Runner* runner, char* const* start, std::int64_t width, std::int64_t r0,
                     std::int64_t r1, Strip& strip) {
  if (direct_) {
    runs(start[0], r0, r1, [&](char* at, std::int64_t stride, std::int64_t count) {
      strip.feed_rows(at, stride, count);
    });
    return;
  }
  Box box;
  for (int a = 0; a < kept_; ++a) box.extent[a] = 1;
  if (columns_) box.extent[reduced_] = width;
  const auto feed = [&](std::int64_t n) {
    strip.feed(static_cast<const char*>(runner->result(n)), n);
  };
  const int last = reduced_ - 1;
  const std::int64_t limit = std::max<std::int64_t>(1, tile_ / width);
  for (std::int64_t r = r0; r < r1;) {
    for (int p = 0; p < inputs_; ++p) box.at[p] = start[p];
    const std::int64_t row = panel_ ? s_.axis[last].extent : 0;
    if (panel_ && r % row == 0 && r1 - r >= row) {
      const std::int64_t m = next_box(r, r1, panel_ * row, box);
      runner->turn(box);
      for (std::int64_t i = 0; i < box.extent[last - 1]; ++i)
        for (std::int64_t from = 0; from < row; from += tile_) {
          const std::int64_t n = std::min(tile_, row - from);
          runner->row(i, from, n);
          feed(n);
        }
      runner->unturn();
      r += m;
      continue;
    }
    const std::int64_t m = next_box(r, r1, limit, box);
    box.count = m * width;
    runner->tile(box, false);
    feed(box.count);
    r += m;
  }
}

void Plan::run() {
  const std::int64_t total = cost();
  const bool parallel = total >= kSerial && host().parallel;
  if (!columns_ &&
      (whole_ || (direct_ && reduced_ - kept_ == 1 && n_ <= kDepth * kernel_.lanes()))) {
    const std::int64_t chunks =
        parallel ? std::min<std::int64_t>({units_, ceil_div(total, kGrain), 512}) : 1;
    const std::int64_t per = ceil_div(units_, chunks);
    parallel_for(ceil_div(units_, per), [&](std::int64_t c) {
      const std::int64_t first = c * per, last = std::min(units_, first + per);
      whole_ ? tiles_whole(first, last) : rows_whole(first, last);
    });
    return;
  }
  // Values are cut where subtrees end, if there are too few units to share.
  const std::int64_t block = kDepth * g_;
  std::int64_t length = n_;
  if (parallel && units_ < 32 && n_ > block) {
    const std::int64_t wanted = std::min(ceil_div(64, units_), ceil_div(total, kGrain * units_));
    length = block * static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(
                         ceil_div(n_, block * std::max<std::int64_t>(wanted, 1)))));
  }
  const std::int64_t cuts = ceil_div(n_, length);
  const std::int64_t widest = columns_ ? piece_ : 1;
  const std::size_t memory = Strip::memory(kernel_, g_, widest, n_);
  const std::int64_t out_stride = columns_ ? s_.axis[reduced_].stride[inputs_] : 0;
  const std::int64_t lane_bytes = g_ * widest * kernel_.size;
  char* partial = nullptr;
  if (cuts > 1)
    partial = static_cast<char*>(
        scratch(static_cast<std::size_t>(units_ * cuts * lane_bytes), Slot::jobs));
  const std::int64_t tasks = units_ * cuts;
  const std::int64_t chunks =
      parallel ? std::min<std::int64_t>({tasks, ceil_div(total, kGrain), 512}) : 1;
  const std::int64_t per = ceil_div(tasks, chunks);
  parallel_for(ceil_div(tasks, per), [&](std::int64_t c) {
    char* room = static_cast<char*>(scratch(memory, Slot::fold));
    const auto work = [&](Runner* runner) {
      for (std::int64_t t = c * per; t < std::min(tasks, (c + 1) * per); ++t) {
        const std::int64_t unit = t / cuts, r0 = t % cuts * length;
        char* at[kMaxPorts];
        std::int64_t first;
        locate(unit, at, first);
        const std::int64_t width =
            columns_ ? std::min(piece_, s_.axis[reduced_].extent - first) : 1;
        Strip strip(kernel_, g_, width, room);
        fold_unit(runner, at, width, r0, std::min(n_, r0 + length), strip);
        char* lanes = strip.close();
        if (partial) {
          std::memcpy(partial + t * lane_bytes, lanes,
                      static_cast<std::size_t>(g_ * width * kernel_.size));
        } else {
          strip.fold_lanes(lanes);
          emit_(lanes, width, at[inputs_], out_stride);
        }
      }
    };
    if (direct_) return work(nullptr);
    Runner runner(*job_.program, s_, 0, kept_, tile_);
    work(&runner);
  });
  if (!partial) return;
  char* room = static_cast<char*>(scratch(memory, Slot::fold));
  for (std::int64_t unit = 0; unit < units_; ++unit) {
    char* at[kMaxPorts];
    std::int64_t first;
    locate(unit, at, first);
    const std::int64_t width = columns_ ? std::min(piece_, s_.axis[reduced_].extent - first) : 1;
    Strip strip(kernel_, g_, width, room);
    for (std::int64_t i = 0; i < cuts; ++i) strip.push(partial + (unit * cuts + i) * lane_bytes);
    char* lanes = strip.close();
    strip.fold_lanes(lanes);
    emit_(lanes, width, at[inputs_], out_stride);
  }
}

// Whether anything, or everything, is true, of packed truth values: the first that decides ends it.
bool is_packed(const ReduceJob& job) {
  std::int64_t step = 1;
  for (int a = job.shape.size() - 1; a >= 0; --a) {
    if (job.shape[a] == 1) continue;
    if (job.in[0].strides[a] != step) return false;
    step *= job.shape[a];
  }
  return true;
}
bool reduce_truth(const ReduceJob& job, std::int64_t n) {
  const bool any = job.reduction == core::Reduction::max;
  if (!is_plain(job) || job.program->out_lane[0] != Lane::b8 || job.out.dtype != DType::boolean ||
      !(any || job.reduction == core::Reduction::min) || !is_packed(job))
    return false;
  const bool found = std::memchr(job.in[0].data, any, static_cast<std::size_t>(n)) != nullptr;
  *static_cast<bool*>(job.out.data) = found == any;
  return true;
}

// A plain fold of everything, packed, of one block: the tiny case without a plan.
bool reduce_small(const ReduceJob& job, std::int64_t n) {
  if (!is_plain(job)) return false;
  const FoldKernel& kernel = fold_kernel(job.program->out_lane[0], job.reduction);
  if (n > kDepth * kernel.lanes() || !is_packed(job)) return false;
  alignas(16) char value[core::kMaxElement];
  kernel.block(job.in[0].data, n, value);
  const Emitter emit(job);
  emit(value, 1, static_cast<char*>(job.out.data), 0);
  return true;
}

// The fold of nothing, in every output.
void reduce_nothing(const ReduceJob& job) {
  const FoldKernel& kernel = fold_kernel(job.program->out_lane[0], job.reduction);
  alignas(16) char value[core::kMaxElement], one[core::kMaxElement];
  std::memcpy(value, kernel.empty, sizeof value);
  const std::int64_t size = bytes_of(job.out.dtype);
  const Emitter emit(job);
  emit(value, 1, one, size);
  CopyAxis axes[core::kMaxRank];
  int rank = 0;
  for (int a = 0; a < job.shape.size(); ++a)
    if (!(job.reduced >> a & 1)) axes[rank++] = {job.shape[a], job.out.strides[a] * size, 0};
  copy_box(size, job.out.data, one, axes, rank);
}

}  // namespace

void reduce(const ReduceJob& job) {
  std::int64_t n = 1, kept = 1, width = 1;
  bool inner = true;
  for (int a = job.shape.size() - 1; a >= 0; --a) {
    const std::int64_t extent = job.shape[a];
    if (extent == 1) continue;
    if (job.reduced >> a & 1) {
      n *= extent;
      inner = false;
    } else {
      kept *= extent;
      if (inner) width *= extent;
    }
  }
  if (kept == 0) return;
  if (n == 0) return reduce_nothing(job);
  if (kept == 1 && (reduce_truth(job, n) || reduce_small(job, n))) return;
  Plan(job, n, width).run();
}

}  // namespace nnx::cpu
