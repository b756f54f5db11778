// Small things several families of ops share: axes, identity programs, lanes for row kernels.
#pragma once

#include <optional>

#include "core/program.hpp"
#include "ops/lanes.hpp"
#include "ops/ops.hpp"
#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/long_call.hpp"

namespace nnx::ops {

inline const Kernels& kernels_of(const Tensor& t) { return runtime::kernels(t.device()); }

// Bit i set for every axis named; all axes when none are. Axes must be distinct.
std::uint32_t axis_mask(const Axes& axes, int rank, const char* op);
// The shape without the reduced axes, or with length 1 there.
Shape reduced_shape(const Shape& shape, std::uint32_t reduced, bool keepdims);
std::int64_t reduced_count(const Shape& shape, std::uint32_t reduced);
// g, the gradient of a result reduced over `reduced`, given length-1 axes back.
Tensor with_reduced_axes(const Tensor& g, const Shape& shape, std::uint32_t reduced);

// The same application to another shape: how a linear op calls its transpose.
inline Attrs with_shape(Attrs a, const Shape& shape) {
  a.shape = shape;
  return a;
}

// A complex tensor's real and imaginary parts as a last axis of length 2, the same memory; no
// autodiff.
Tensor pairs(const Tensor& x);
// Loads and stores, nothing between: copies, casts, plain reductions.
const Program& identity_program(Lane lane);
// target's elements = source's, broadcast and converted; no autodiff, no overlap. overwrites: the
// target had values before.
void copy_into(const Tensor& source, const Tensor& target, bool overwrites = false);

// The one value of t, wherever it is; under vmap there is none (VmapError).
template <class T>
T value_of(const Tensor& t) {
  return on_cpu(t).data<T>()[0];
}
// Smallest and largest of int64 indices, of all lanes; (0, -1) of none.
struct IndexRange {
  std::int64_t lo = 0, hi = -1;
};
IndexRange index_range(const Tensor& index);
// int64 indices, contiguous, as kernels take them: counted from the front. IndexError for one
// outside of the rule: before anything happens on the CPU; from a device when it is next waited
// for, and in its place stands one that does no harm.
Tensor checked_indices(const Tensor& index, const IndexRule& rule);
// The part of that for indices on a device. Those that are `ignored` keep the rule and become -1.
Tensor checked_on_device(const Tensor& index, const IndexRule& rule,
                         std::optional<std::int64_t> ignored = {});
// target's elements = value, in the target's dtype.
void fill_into(const Tensor& target, Scalar value, bool overwrites = false);

// float32 or float64 for kernels on rows: half types are computed in float32.
DType row_dtype(DType t, const char* op);
// x moved so that `axis` is last, contiguous, in dtype t: the (rows, n) a row kernel takes.
Tensor as_rows(const Tensor& x, int axis, DType t);
// The inverse for a result of the same shape.
Tensor from_rows(const Tensor& rows, int axis, DType t);

// (outer, n, inner) around an axis of a contiguous shape.
struct Split {
  std::int64_t outer = 1, n = 1, inner = 1;
};
Split split_at(const Shape& shape, int axis);

// Pooling in windows of `window` that lie beside one another, on the last axes of `in`, and the
// gradient's way back: to the taps of maxima, to all elements of means (no taps).
PoolJob whole_windows(const Shape& in, const Dims& window);
Tensor spread_windows(const Tensor& g, const Tensor& taps, const Dims& window, const Shape& in);

[[noreturn]] void fail_shape(const char* op, std::string_view rule, const Tensor& a,
                             const Tensor& b, std::string_view hint = {});
void require_floating(const Tensor& x, const char* op);

}  // namespace nnx::ops
