// The ops by name, for C++: what bind offers to Python and what gradients are written in.
// Pointwise ops are the declared objects of ops/pointwise.hpp (nnx::pointwise::multiply(a, b), or
// apply(id, operands)); everything else is a function here, one file per family.
// Axis lists: an empty optional means all axes. Every function checks its arguments.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "core/sampling.hpp"
#include "ops/expr.hpp"
#include "ops/op.hpp"

namespace nnx::runtime {
class Generator;
}

namespace nnx::ops {

using Axes = std::optional<Dims>;

// --- creation (create.cpp): never followed by autodiff ---------------------------------------
Tensor empty(const Shape& shape, DType dtype, Device device = {});
Tensor full(const Shape& shape, Scalar value, DType dtype, Device device = {});
Tensor scalar_tensor(Scalar value, DType dtype, Device device = {});
Tensor arange(Scalar start, Scalar stop, Scalar step, std::optional<DType> dtype,
              Device device = {});
Tensor linspace(double start, double stop, std::int64_t count, bool endpoint, DType dtype,
                Device device = {});
Tensor eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype,
           Device device = {});
Tensor tri_mask(const Tensor& x, std::int64_t k, bool upper);  // tril, triu

// --- copies and casts (copy.cpp) --------------------------------------------------------------
Tensor clone(const Tensor& x);                // a contiguous copy
Tensor contiguous(const Tensor& x);           // x itself when it is
Tensor astype(const Tensor& x, DType dtype);  // x itself when it has the dtype
// `early`: a copy from pinned memory may still be under way; to the host it never is.
Tensor to_device(const Tensor& x, Device device, bool early = false);
Tensor pinned(const Tensor& x);  // a copy in memory that devices read by themselves
// x where the host can read it, without autodiff.
Tensor on_cpu(const Tensor& x);
// target[...] = value, broadcast, cast
void assign(const Tensor& target, const Operand& value, const char* op = "copy_");
void fill(const Tensor& target, Scalar value);
// DTypeError where a complex value meets a target of real numbers, ArgumentError for an integer
// that the target's dtype does not hold.
void check_written(const Tensor& target, const Operand& value, std::string_view op = "copy_");
// DTypeError: complex numbers have no order.
[[noreturn]] void fail_unordered(std::string_view op, std::string_view received);
void check_ordered(const Tensor& x, std::string_view op);

// --- views (view.cpp): share memory ------------------------------------------------------------
Tensor reshape(const Tensor& x, Shape shape);  // one -1 allowed; a copy where no view exists
Tensor view(const Tensor& x, Shape shape);     // ShapeError where no view exists
Tensor permute(const Tensor& x, const Dims& axes);
Tensor transpose(const Tensor& x, std::int64_t a, std::int64_t b);
Tensor expand(const Tensor& x, const Shape& shape);  // broadcast_to; -1 keeps a length
Tensor squeeze(const Tensor& x, const Axes& axes, bool strict);
Tensor unsqueeze(const Tensor& x, std::int64_t axis);
Tensor as_strided(const Tensor& x, const Shape& shape, const Dims& strides, std::int64_t offset);
const Op& as_strided_op();  // what it dispatches: autodiff re-derives views with it
Tensor slice(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t length,
             std::int64_t step);  // start in [0, n], already clipped
Tensor select(const Tensor& x, std::int64_t axis, std::int64_t index);
Tensor diagonal(const Tensor& x, std::int64_t k, std::int64_t axis1, std::int64_t axis2);
Tensor detach(const Tensor& x);                  // shares memory and version, no gradient
Tensor flip(const Tensor& x, const Dims& axes);  // a view with negative strides
Tensor flatten(const Tensor& x, std::int64_t start, std::int64_t end);
Tensor view_dtype(const Tensor& x, DType dtype);  // reinterprets

// --- complex numbers (complex.cpp) --------------------------------------------------------------
Tensor view_as_real(const Tensor& x);     // (...) complex -> (..., 2), shared memory
Tensor view_as_complex(const Tensor& x);  // the inverse
const Op& view_as_real_op();              // what it dispatches: autodiff re-derives views with it
Tensor real(const Tensor& x);             // a view; x itself when it is real
Tensor imag(const Tensor& x);             // a view; zeros when x is real
Tensor conj(const Tensor& x);             // x itself when it is real
Tensor complex(const Tensor& re, const Tensor& im);
Tensor angle(const Tensor& x);

// --- joining (join.cpp) ------------------------------------------------------------------------
Tensor concatenate(const std::vector<Tensor>& parts, std::int64_t axis);
Tensor stack(const std::vector<Tensor>& parts, std::int64_t axis);

// --- borders (pad.cpp) -------------------------------------------------------------------------
Tensor pad(const Tensor& x, const Dims& before, const Dims& after, Scalar value);
// edge: the nearest element. reflect: mirrored without the edge, symmetric with it. wrap: from the
// other end.
enum class Border : std::uint8_t { edge, reflect, symmetric, wrap };
Tensor pad(const Tensor& x, const Dims& before, const Dims& after, Border border);

// --- reductions (reduce.cpp) -------------------------------------------------------------------
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false,
           std::optional<DType> dtype = {});
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false,
            std::optional<DType> dtype = {});
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false,
            std::optional<DType> dtype = {});
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor var(const Tensor& x, const Axes& axes, double correction, bool keepdims);
Tensor std(const Tensor& x, const Axes& axes, double correction, bool keepdims);
Tensor norm(const Tensor& x, double order, const Axes& axes, bool keepdims);
Tensor sum_to(const Tensor& x, const Shape& shape);  // undoes broadcasting

// --- order (order.cpp) -------------------------------------------------------------------------
Tensor argmax(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims);
Tensor argmin(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims);
// Values and int64 indices along an axis, with the gradient to the chosen element.
std::pair<Tensor, Tensor> max_with_indices(const Tensor& x, std::int64_t axis, bool keepdims);
std::pair<Tensor, Tensor> min_with_indices(const Tensor& x, std::int64_t axis, bool keepdims);
std::pair<Tensor, Tensor> sort_with_indices(const Tensor& x, std::int64_t axis, bool descending);
std::pair<Tensor, Tensor> topk(const Tensor& x, std::int64_t k, std::int64_t axis, bool largest);
Tensor sort(const Tensor& x, std::int64_t axis, bool descending);
Tensor argsort(const Tensor& x, std::int64_t axis, bool descending);
// Values and indices at places [first, first + count) of the sorted axis.
std::pair<Tensor, Tensor> ranked(const Tensor& x, std::int64_t axis, std::int64_t first,
                                 std::int64_t count, bool descending, const char* op);
// Where values go in a sorted vector, or in the sorted rows that belong to theirs; right: behind
// equal ones.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right, const char* op);
// The distinct elements, sorted; and unless only they are wanted, for each element which of them it
// is, and for each of them how often it is there and where first.
struct Unique {
  Tensor values, inverse, counts, first;
};
Unique unique(const Tensor& x, bool values_only);
Tensor cumsum(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype);
Tensor cumprod(const Tensor& x, std::optional<std::int64_t> axis, std::optional<DType> dtype);
// Values so far and where they are, of equal ones the last.
std::pair<Tensor, Tensor> cummax(const Tensor& x, std::int64_t axis);
std::pair<Tensor, Tensor> cummin(const Tensor& x, std::int64_t axis);
Tensor logcumsumexp(const Tensor& x, std::int64_t axis);

// --- products (matmul.cpp) ---------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b);
// 'ij,jk->ik', with "..." for axes without labels.
Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& operands);
// activation(x @ weight.T + bias); bias may be none, activation the id of a declaration or -1.
Tensor dense(const Tensor& x, const Tensor& weight, const Tensor& bias, int activation);

// --- convolution (conv.cpp): x (N, groups * C, spatial...), 1 to 3 spatial axes ----------------
// Lists hold one entry per spatial axis, or one for all.
struct ConvOptions {
  Dims stride{1}, dilation{1};
  Dims padding{0};  // also two entries per axis: before, after
  std::int64_t groups = 1;
};
// activation(correlation of x with weight (O, C, kernel...) + bias); activation as in dense.
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
            int activation = -1);
// conv, then the largest element or the mean of windows that lie beside one another.
Tensor conv_pool(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& o,
                 int activation, const Dims& window, bool average);
// The transpose of conv in x: weight (C, O / groups, kernel...); output_padding lengthens the
// result at its far end.
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvOptions& options, const Dims& output_padding, int activation = -1);

// --- linear algebra (linalg.cpp): matrices in the last two axes ---------------------------------
// LinAlgError for matrices without an answer.
Tensor solve(const Tensor& a, const Tensor& b);  // b (..., n, k)
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool unit);
std::vector<Tensor> slogdet(const Tensor& x);  // sign, log |det|
Tensor cholesky(const Tensor& x);              // lower
// q (m, k), r (k, n); complete: k = m
std::vector<Tensor> qr(const Tensor& x, bool complete = false);
std::vector<Tensor> eigh(const Tensor& x);  // ascending values, vectors in columns
std::vector<Tensor> eig(const Tensor& x);   // complex values, unordered, vectors in columns
// u (m, k), descending s, vh (k, n); complete: u (m, m), vh (n, n)
std::vector<Tensor> svd(const Tensor& x, bool complete = false);

// --- indexing (index.cpp) ----------------------------------------------------------------------
Tensor take(const Tensor& x, const Tensor& index, std::int64_t axis);  // index of any shape
Tensor take_along_axis(const Tensor& x, const Tensor& index, std::int64_t axis);
// One entry of x[a, b:c, None, ..., mask, [1, 2]].
struct Index {
  enum class Kind : std::uint8_t { integer, slice, newaxis, ellipsis, tensor };
  Kind kind;
  std::int64_t integer = 0;
  std::optional<std::int64_t> start, stop, step;  // slice
  Tensor tensor;  // integers, or booleans over as many axes as it has
};
Tensor get_item(const Tensor& x, const std::vector<Index>& index);
void set_item(const Tensor& x, const std::vector<Index>& index, const Operand& value,
              const char* op = "index");
// target[index[i, j], j] = value[i, j] for axis 0, in place; of equal indices the last stays.
void put_along_axis(const Tensor& target, std::int64_t axis, const Tensor& index,
                    const Operand& value);
Tensor scatter_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& values);
Tensor index_add(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& values);
Tensor embedding_rows(const Tensor& index, const Tensor& weight);  // checked, int64
Tensor one_hot(const Tensor& labels, std::int64_t classes);        // -1: largest label + 1; int64
std::vector<Tensor> nonzero(const Tensor& x);                      // one index array per axis
Tensor nonzero_matrix(const Tensor& x);                            // (n, ndim)

// --- of networks (softmax.cpp, norm.cpp, batch_norm.cpp, resample.cpp, pick.cpp,
// grid_sample.cpp, loss.cpp) ---------------------------------------------------------------------
Tensor softmax(const Tensor& x, std::int64_t axis);
Tensor log_softmax(const Tensor& x, std::int64_t axis);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims);
Tensor layer_norm(const Tensor& x, const Shape& normalized, const Tensor& weight,
                  const Tensor& bias, double eps);
// In training the statistics are the batch's, and the running ones (may be none) move towards them.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum,
                  double eps);
enum class Resampling : std::uint8_t {
  nearest,
  nearest_exact,
  linear,
  cubic,
  area,
  linear_antialias,
  cubic_antialias,
  lanczos_antialias
};
// An axis of another length. `factor` (0: the ratio of the lengths) is what a step of positions is
// taken from.
Tensor resample(const Tensor& x, std::int64_t axis, std::int64_t length, Resampling mode,
                bool align_corners, double factor);
// x (samples, channels, elements), index and weight (terms, samples, places) -> (samples, channels,
// places): sums over the terms of weight times the elements picked, the same in all channels.
Tensor pick(const Tensor& x, const Tensor& index, const Tensor& weight);
// x (N, C, lengths...) at the places of grid (N, places..., 2 or 3), in coordinates from -1 to 1,
// that of the last axis first -> (N, C, places...).
Tensor grid_sample(const Tensor& x, const Tensor& grid, sampling::Mode mode,
                   sampling::Padding padding, bool align_corners);
enum class LossReduction : std::uint8_t { none, mean, sum };
// A declared loss of tensors of one shape, in one pass; `name` is what errors call it.
Tensor loss(const char* name, int declaration, const Tensor& input, const Tensor& target,
            std::span<const double> numbers, LossReduction reduction);
Tensor cross_entropy(const Tensor& input, const Tensor& labels, std::int64_t ignore_index,
                     LossReduction reduction);
Tensor dropout(const Tensor& x, double p, bool training, runtime::Generator& generator);

// --- pooling (pool.cpp): windows over the last axes, as many as `kernel` has entries -------------
struct PoolWindows {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode = false;
};
// Values and, with `indices`, their int64 positions in the flattened plane.
std::pair<Tensor, Tensor> max_pool(const Tensor& x, const PoolWindows& windows, bool indices);
Tensor avg_pool(const Tensor& x, const PoolWindows& windows, bool count_padding,
                std::optional<std::int64_t> divisor);
// Each axis cut into size[i] parts; -1 keeps its length.
std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const Dims& size, bool indices);
Tensor adaptive_avg_pool(const Tensor& x, const Dims& size);
// zeros with x[i] at position index[i] of planes of the shape `size`: undoes max_pool.
Tensor max_unpool(const Tensor& x, const Tensor& index, const Dims& size);

// --- windows as columns (fold.cpp) ---------------------------------------------------------------
// x (N, C, H, W) -> (N, C * kernel, windows), and its transpose, where what overlaps is added.
Tensor unfold(const Tensor& x, const PoolWindows& windows);
Tensor fold(const Tensor& x, const Shape& size, const PoolWindows& windows);

// --- random (random.cpp) -----------------------------------------------------------------------
Tensor random_uniform(const Shape& shape, double lo, double hi, DType dtype, runtime::Generator& g,
                      Device device = {});
Tensor random_normal(const Shape& shape, double mean, double std, DType dtype,
                     runtime::Generator& g, Device device = {});
Tensor random_integers(const Shape& shape, std::int64_t lo, std::int64_t hi, DType dtype,
                       runtime::Generator& g, Device device = {});
Tensor random_bernoulli(const Shape& shape, double p, runtime::Generator& g,
                        Device device = {});  // bool

// --- optimiser updates in place, over many tensors in one pass (update.cpp) ---------------------
// tensors[j] lists the tensors of array argument j (parameter, gradient, state...); numbers follow
// in the order of the declaration. Parameters must be leaves or need no gradient.
void update(int declaration, const std::vector<std::vector<Tensor>>& tensors,
            const std::vector<double>& numbers);

// In place: target = op(operands), where an operand may be the target itself.
void apply_into(const Tensor& target, int declaration, std::span<Operand> in);

}  // namespace nnx::ops
