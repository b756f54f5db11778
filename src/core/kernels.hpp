// The kernel table: everything a backend does, as C function pointers over plain data.
// A backend (src/cpu once per instruction-set level, src/cuda) is a shared object that exports one
// symbol, nnx_open_backend, which returns its table. The host gives it threads and throws its
// errors. Invariants: kernels check nothing (src/ops did), allocate no tensors, keep no state that
// changes results, and cut their work by shape alone, so results do not depend on the number of
// threads. "lane" arguments name the element type by its lane's own storage (float, double, int64,
// uint64, bool); 16-bit floats and small integers reach these kernels converted. Complex lanes are
// taken by pointwise_function, run, and the products of reduce and scan, of the CPU; elsewhere a
// complex tensor comes as one of its parts or as pairs of real numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/index_rule.hpp"
#include "core/program.hpp"
#include "core/sampling.hpp"

namespace nnx::core {

inline constexpr std::uint32_t kKernelAbi = 3;

enum class Failure : std::uint8_t { device, out_of_memory };

// What the host process offers a backend.
struct Host {
  // body(context, i) for every i in [0, chunks), on any thread, in any order; returns when all are
  // done. Inside a body it runs serially.
  void (*parallel)(std::int64_t chunks, void (*body)(void* context, std::int64_t chunk),
                   void* context);
  // Throws the error of that kind: error_text(op, rule, received, hint).
  void (*fail)(Failure kind, const char* op, const char* rule, const char* received,
               const char* hint);
  // Throws the error of indices that a device found wrong: fail_indices.
  void (*bad_indices)(const IndexFault& fault);
};

// Memory of one device, in bytes.
struct DeviceMemory {
  std::size_t allocated;    // held by storages alive now
  std::size_t reserved;     // taken from the device: allocated and cached
  std::size_t peak;         // largest `allocated` since the start or reset_peak
  std::size_t allocations;  // made since the start
  std::size_t total;        // of the device
};
struct DeviceFacts {
  char name[256];
  int major, minor;  // compute capability
  int multiprocessors;
  std::size_t memory;
  char libraries[64];  // found, of "cuBLASLt, cuDNN, NVRTC"
};

// Where a copy comes from and goes to.
enum class Transfer : std::uint8_t { to_device, to_host, between_devices };

// out[i] = index[i], counted from the front, for each of n that keeps the rule; 0 for one that does
// not, or -1 for a class label. Labels that are `ignored` keep the rule and become -1.
struct IndexCheck {
  IndexRule rule;  // high > 0 unless n = 0
  std::int64_t n;
  const std::int64_t* index;
  std::int64_t* out;
  bool ignores = false;
  std::int64_t ignored = 0;
};

// What a backend for memory of its own has beside kernels. Everything a thread asks for after
// use(index) happens on that device, in the order asked for. Copies to the host and synchronize
// wait for it, and report what has gone wrong there since the last of them.
struct DeviceApi {
  int (*count)(const char** why_none);  // devices that can be used; with 0, what is missing
  void (*facts)(int index, DeviceFacts* facts);
  void (*use)(int index);
  void* (*allocate)(std::size_t bytes);  // aligned to 256; fails with out_of_memory
  void (*release)(int index, void* data) noexcept;
  // When it returns, memory of the host has been read or written; unless it is `early` and reads
  // memory that pin() gave, which must then stay as it is until the device comes to it.
  void (*copy)(Transfer kind, void* to, const void* from, std::size_t bytes, bool early);
  // Memory of the host that devices read by themselves; null when there is none to be had. Given
  // back while a copy still reads it, it is not used again before that is done.
  void* (*pin)(std::size_t bytes);
  void (*unpin)(void* data) noexcept;
  bool (*is_pinned)(const void* data) noexcept;  // by whomever
  // Without waiting: a fault is reported by the next copy to the host or synchronize.
  void (*check_indices)(const IndexCheck& check);
  void (*synchronize)();
  void (*memory)(int index, DeviceMemory* memory);
  void (*reset_peak)(int index);
  void (*empty_cache)(int index);
  // Work of other libraries on the same memory, by their stream: ours waits for theirs, or theirs
  // for ours.
  void (*wait_for)(void* stream);
  void (*make_wait)(void* stream);
};

// c[b] = a[b] @ b[b] (+ c), then + bias, then the activation: float32 or float64 by name.
// Strides in elements; c's columns are adjacent. A and B may have any strides, zero included.
struct GemmJob {
  std::int64_t m, n, k;
  const void* a;
  std::int64_t a_row, a_col;
  const void* b;
  std::int64_t b_row, b_col;
  void* c;
  std::int64_t c_row;
  bool accumulate = false;     // add to what c holds
  const void* bias = nullptr;  // n values added to every row, or null
  int activation = -1;         // unary pointwise function applied last, or -1
  std::int64_t batch = 1, a_batch = 0, b_batch = 0, c_batch = 0;
  bool low_precision = false;  // factors may be rounded to fewer bits (TF32)
};

// Images x (batch, groups * in_channels, in) and y (batch, groups * out_channels, out), weights w
// (groups * out_channels, in_channels, kernel), related by
//   y[n, o, i] = sum over c and k of w[o, c, k] x[n, c, i * stride + k * dilation - before]
// in each of three axes (those an image lacks have length 1); x counts as zero outside.
struct ConvShape {
  std::int64_t batch, groups, in_channels, out_channels;  // channels of one group
  std::int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3];
};
enum class ConvKind : std::uint8_t { forward, transposed, weight };
// forward: out = y of a = x, b = w; transposed, its gradient: out = x of a = y, b = w;
// weight: out = w of a = x, b = y. All contiguous, lanes f32 and f64.
struct ConvJob {
  ConvKind kind;
  Lane lane;
  ConvShape shape;
  const void *a, *b;
  void* out;
  void* workspace;             // conv_workspace bytes
  const void* bias = nullptr;  // one value for each channel of out, or null; not for weight
  int activation = -1;         // unary pointwise function applied last, or -1; not for weight
  bool low_precision = false;  // factors may be rounded to fewer bits (TF32)
};

// out[o, j, :] = src[o, index[j], :]; all contiguous, `row` bytes long rows.
struct RowsJob {
  std::int64_t outer, source_rows, indices, row;
  const std::int64_t* index;  // checked, non-negative
};
// out[o, j, i] = src[o, index[o, j, i], i]; all contiguous.
struct ElementsJob {
  std::int64_t outer, source_length, length, inner;
  const std::int64_t* index;
};

// Windows along one axis: output o takes `kernel` inputs, `dilation` apart, from o * stride - pad
// on; those outside the axis do not count. With kernel 0 the axis is cut into `out` parts: output o
// takes the inputs from floor(o * in / out) up to ceil((o + 1) * in / out).
struct PoolAxis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, pad = 0, dilation = 1;
};
// Windows over (planes, depth, height, width); all contiguous. No window is empty.
struct PoolJob {
  std::int64_t planes = 0;
  PoolAxis axis[3];
  bool count_padding = true;  // averages: padding counts in the size of a window
  double divisor = 0;         // averages: divided by this instead of the size, unless 0
};

// x and y are (n, channels, length), contiguous, in `lane`:
//   y = (x - mean) / sqrt(var + eps) * weight + bias, one number of each per channel.
struct BatchNormJob {
  Lane lane;
  std::int64_t n, channels, length;
  double eps;
  bool batch;  // mean and (biased) variance are the batch's own: batch_norm writes them
  const void* x;
  const void *weight, *bias;  // null: 1 and 0
  double *mean, *var;
};

// y[o, j, :] = sum over k in [start[j], start[j + 1]) of weight[k] x[o, index[k], :]: a sparse
// matrix along the middle axis of x (outer, n_in, inner), y (outer, n_out, inner), both
// contiguous.
struct ResampleJob {
  std::int64_t outer, n_in, n_out, inner;
  const std::int64_t *start, *index;  // checked
  const void* weight;                 // of the lane
};

// Weighted sums of elements picked in planes: x (samples, channels, elements), y (samples,
// channels, places), index and weight (terms, samples, places), all contiguous.
struct PickJob {
  std::int64_t samples, channels, elements, places, terms;
  const std::int64_t* index;  // checked: elements of a plane
};

// x (samples, channels, lengths...) sampled at places of the grid (samples, places, rank), whose
// coordinates start with that of the last axis; y (samples, channels, places). All contiguous.
struct GridJob {
  int rank;  // 2 or 3
  std::int64_t samples, channels, elements, places;
  std::int64_t length[3];  // their product is elements < 2^31
  sampling::Mode mode;
  sampling::Padding padding;
  bool align_corners;
};

// out[i] = start + i * step: in int64 (wrapping) for lane i64, else in float64, rounded to the
// lane. `closed`: the last of several elements is `stop` itself.
struct RampJob {
  Lane lane;  // f32, f64, i64
  std::int64_t count;
  double start, step, stop;
  bool closed;
  std::int64_t whole_start, whole_step;
  void* out;
};

// Parts side by side: row o of out is row o of part 0, of part 1, ...; all contiguous.
struct JoinJob {
  std::int64_t outer, parts;
  const void* const* part;
  const std::int64_t* row;  // bytes of a row of each part
};

struct RandomStream {
  std::uint64_t key;     // seed
  std::uint64_t offset;  // first counter: element i uses Philox4x32-10 block offset + i / 4
                         // (32-bit draws) or offset + i / 2 (64-bit draws)
};
enum class Distribution : std::uint8_t { bits, uniform, normal, integers, bernoulli };
struct RandomJob {
  Distribution kind;
  RandomStream stream;
  Lane lane;  // f32, f64; integers: i64; bits: u64 (64-bit draws); bernoulli: b8
  std::int64_t count;
  double a, b;          // uniform [a, b), normal mean a, deviation b, bernoulli probability a
  std::int64_t lo, hi;  // integers in [lo, hi)
  void* out;
};

struct Kernels {
  std::uint32_t abi;
  const char* level;        // "v2", "v3", "v4", "generic", "cuda"
  const DeviceApi* device;  // null where the host reads the memory itself

  // The compiled function of a declaration in ops/pointwise.hpp, null when it has none in `lane`.
  TileFn (*pointwise_function)(int declaration, Lane lane);
  void (*gemm_f64)(const GemmJob& job);  // null where the host's BLAS does it
  // Null where ops compose them of others. dx and dgrid start as zeros; either may be null.
  void (*grid_sample)(const GridJob& job, Lane lane, const void* x, const void* grid, void* y);
  void (*grid_sample_backward)(const GridJob& job, Lane lane, const void* g, const void* x,
                               const void* grid, void* dx, void* dgrid);

  void (*run)(const TileJob* jobs, std::int64_t count);
  void (*reduce)(const ReduceJob& job);

  void (*gemm_f32)(const GemmJob& job);
  void (*matmul_i64)(const GemmJob& job);  // int64, wrapping; no epilogue

  void (*conv)(const ConvJob& job);
  std::int64_t (*conv_workspace)(const ConvJob& job);  // bytes; data pointers are not read

  // Rows of n adjacent elements. Lanes f32 and f64.
  void (*softmax)(bool log, Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* y);
  void (*softmax_backward)(bool log, Lane lane, std::int64_t rows, std::int64_t n, const void* y,
                           const void* g, void* dx);
  void (*logsumexp)(Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* out);
  // Loss of each row, and its logsumexp for the gradient; a row with a negative label gives 0.
  void (*cross_entropy)(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                        const std::int64_t* labels, void* loss, void* lse);
  // dx = (softmax(x) - onehot(label)) * scale[row]; zeros where the label is negative.
  void (*cross_entropy_backward)(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                                 const std::int64_t* labels, const void* lse, const void* scale,
                                 void* dx);
  // y = (x - mean) * rstd * weight + bias, weight and bias of n elements or null; mean and rstd
  // are written per row.
  void (*layer_norm)(Lane lane, std::int64_t rows, std::int64_t n, double eps, const void* x,
                     const void* weight, const void* bias, void* y, void* mean, void* rstd);
  // Any of dx, dweight, dbias may be null.
  void (*layer_norm_backward)(Lane lane, std::int64_t rows, std::int64_t n, const void* x,
                              const void* weight, const void* mean, const void* rstd, const void* g,
                              void* dx, void* dweight, void* dbias);
  void (*batch_norm)(const BatchNormJob& job, void* y);
  // Any of dx, dweight, dbias may be null. mean and var of the job are those batch_norm used.
  void (*batch_norm_backward)(const BatchNormJob& job, const void* g, void* dx, void* dweight,
                              void* dbias);
  // Mean and population second moment sum (x - mean)^2 of each row.
  void (*moments)(Lane lane, std::int64_t rows, std::int64_t n, const void* x, void* mean,
                  void* m2);

  // View (outer, n, inner), contiguous. First of equal values; first NaN wins.
  void (*arg_extreme)(bool max, Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
                      const void* x, std::int64_t* out);
  // Stable, NaN last (also when descending: first); either result may be null.
  void (*sort)(bool descending, Lane lane, std::int64_t rows, std::int64_t n, const void* x,
               void* values, std::int64_t* indices);
  // Positions of the elements that stand at places [first, first + count) of that order, in order.
  // Not for lane b8.
  void (*ranked)(bool descending, Lane lane, std::int64_t rows, std::int64_t n, std::int64_t first,
                 std::int64_t count, const void* x, std::int64_t* indices);
  // Where each of m values goes in each sorted row of n: in front of equal ones, or behind them.
  // NaN goes in front of the NaN that end the row, or behind them.
  void (*search)(bool right, Lane lane, std::int64_t rows, std::int64_t n, std::int64_t m,
                 const void* x, const void* values, std::int64_t* out);
  // Positions of elements that differ from the one in front of them, 0 included; returns their
  // count. `out` has room for n.
  std::int64_t (*changes)(Lane lane, std::int64_t n, const void* x, std::int64_t* out);
  void (*scan)(Reduction op, Lane lane, std::int64_t outer, std::int64_t n, std::int64_t inner,
               const void* x, void* out);

  void (*gather_rows)(const RowsJob& job, const void* src, void* out);
  void (*scatter_rows)(const RowsJob& job, const void* src,
                       void* dst);  // last of equal indices wins
  void (*scatter_add_rows)(const RowsJob& job, Lane lane, const void* src, void* dst);
  void (*gather_elements)(const ElementsJob& job, std::int64_t size, const void* src, void* out);
  void (*scatter_elements)(const ElementsJob& job, std::int64_t size, const void* src, void* dst);
  void (*scatter_add_elements)(const ElementsJob& job, Lane lane, const void* src, void* dst);
  // Coordinates of the true elements of a contiguous mask, in order: that of axis a of the j-th
  // goes to out[a][j * step]. Returns how many there are; out may be null.
  std::int64_t (*nonzero)(const Shape& shape, const bool* mask, std::int64_t* const* out,
                          std::int64_t step);
  void (*join)(const JoinJob& job, void* out);
  // The elements of matrices with column - row >= k (upper) or <= k, zeros elsewhere.
  void (*triangle)(bool upper, std::int64_t size, std::int64_t batch, std::int64_t rows,
                   std::int64_t columns, std::int64_t k, const void* x, void* out);
  void (*one_hot)(std::int64_t n, std::int64_t classes, const std::int64_t* labels,
                  std::int64_t* out);
  void (*ramp)(const RampJob& job);
  void (*resample)(const ResampleJob& job, Lane lane, const void* x, void* y);
  // y[s, c, p] = sum over t of weight[t, s, p] x[s, c, index[t, s, p]]; its transpose in x, which
  // adds to dx; and its transpose in weight.
  void (*pick)(const PickJob& job, Lane lane, const void* x, const void* weight, void* y);
  void (*pick_add)(const PickJob& job, Lane lane, const void* y, const void* weight, void* dx);
  void (*pick_products)(const PickJob& job, Lane lane, const void* y, const void* x, void* dweight);
  // Smallest and largest of n > 0 integers.
  void (*index_range)(std::int64_t n, const std::int64_t* index, std::int64_t* lo,
                      std::int64_t* hi);

  // Largest element of each window, the last NaN if there is one; and where it stood, first of
  // equals: its number within the window (taps: kernels of at most 256 elements, none of them 0)
  // or its position in the plane (index). At most one of the two is asked for.
  void (*max_pool)(const PoolJob& job, Lane lane, const void* x, void* y, std::uint8_t* taps,
                   std::int64_t* index);
  // dx[where tap o stood] += g[o], from zeros; and y[o] = x[where tap o stood]. Lanes f32 and
  // f64.
  void (*max_pool_scatter)(const PoolJob& job, Lane lane, const void* g, const std::uint8_t* taps,
                           void* dx);
  void (*max_pool_gather)(const PoolJob& job, Lane lane, const void* x, const std::uint8_t* taps,
                          void* y);
  // Mean of each window (dilation 1), and the transpose of that.
  void (*avg_pool)(const PoolJob& job, Lane lane, const void* x, void* y);
  void (*avg_pool_scatter)(const PoolJob& job, Lane lane, const void* g, void* dx);

  void (*random)(const RandomJob& job);
};

}  // namespace nnx::core

// The one symbol of a backend; null when `abi` is not its own.
extern "C" {
using NnxOpenBackend = const nnx::core::Kernels* (*)(const nnx::core::Host* host,
                                                     std::uint32_t abi);
}
