// See support.hpp.
#include "ops/support.hpp"

#include <algorithm>
#include <array>

#include "runtime/device.hpp"

namespace nnx::ops {

std::uint32_t axis_mask(const Axes& axes, int rank, const char* op) {
  if (!axes) return rank == 0 ? 0 : (1u << rank) - 1;
  std::uint32_t bits = 0;
  for (auto a : *axes) {
    if (rank == 0 && (a == 0 || a == -1)) continue;  // as PyTorch allows for numbers
    const std::uint32_t bit = 1u << normal_axis(a, rank, op);
    if (bits & bit) fail<AxisError>(op, "an axis is named twice", to_string(*axes));
    bits |= bit;
  }
  return bits;
}

Shape reduced_shape(const Shape& shape, std::uint32_t reduced, bool keepdims) {
  Shape r;
  for (int i = 0; i < shape.size(); ++i) {
    if (!((reduced >> i) & 1)) r.push_back(shape[i]);
    else if (keepdims) r.push_back(1);
  }
  return r;
}

std::int64_t reduced_count(const Shape& shape, std::uint32_t reduced) {
  std::int64_t n = 1;
  for (int i = 0; i < shape.size(); ++i)
    if ((reduced >> i) & 1) n *= shape[i];
  return n;
}

Tensor with_reduced_axes(const Tensor& g, const Shape& shape, std::uint32_t reduced) {
  const Shape kept = reduced_shape(shape, reduced, true);
  return g.shape() == kept ? g : reshape(g, kept);
}

const Program& identity_program(Lane lane) {
  static const auto all = [] {
    std::array<Program, kLanes> p;
    for (int i = 0; i < kLanes; ++i) {
      const Lane l = static_cast<Lane>(i);
      p[i].inputs = p[i].outputs = p[i].registers = 1;
      p[i].width = static_cast<std::uint8_t>(std::max<std::size_t>(size_of(l), 4));
      p[i].in_lane[0] = p[i].out_lane[0] = l;
    }
    return p;
  }();
  return all[static_cast<int>(lane)];
}

void copy_into(const Tensor& source, const Tensor& target, bool overwrites) {
  if (target.numel() == 0) return;
  TileJob job;
  job.program = &identity_program(lane_of(target.dtype()));
  job.shape = target.shape();
  Dims strides = Dims::filled(target.rank(), 0);
  const int shift = target.rank() - source.rank();
  for (int i = 0; i < source.rank(); ++i)
    if (source.shape(i) == target.shape(i + shift)) strides[i + shift] = source.stride(i);
  job.in[0] = {source.bytes(), source.dtype(), strides};
  job.out[0] = {target.bytes(), target.dtype(), target.strides()};
  job.overwrites = overwrites;
  runtime::LongCall release(static_cast<double>(target.numel()) * 0.5);
  kernels_of(target).run(&job, 1);
}

IndexRange index_range(const Tensor& index) {
  GradMode off(false);
  const Tensor all = contiguous(lanes::values(index));
  IndexRange r;
  if (all.numel()) kernels_of(all).index_range(all.numel(), all.data<std::int64_t>(), &r.lo, &r.hi);
  return r;
}

Tensor checked_on_device(const Tensor& index, const IndexRule& rule,
                         std::optional<std::int64_t> ignored) {
  GradMode off(false);
  const Tensor all = contiguous(lanes::values(index));
  const Tensor out = runtime::empty(all.shape(), DType::int64, all.device());
  if (all.numel())
    runtime::check_indices(all.device(),
                           {rule, all.numel(), all.data<std::int64_t>(), out.data<std::int64_t>(),
                            ignored.has_value(), ignored.value_or(0)});
  return index.lanes() ? lanes::with_lanes(out, *index.lanes()) : out;
}

Tensor checked_indices(const Tensor& index, const IndexRule& rule) {
  GradMode off(false);
  const Tensor i = contiguous(astype(index, DType::int64));
  if (i.device().kind != DeviceKind::cpu && rule.high > 0) return checked_on_device(i, rule);
  const auto [least, most] = index_range(i);
  if (least < rule.low || most >= rule.high) fail_indices(rule, least, most);
  return least < 0 ? pointwise::where(pointwise::less(i, 0), pointwise::add(i, rule.high), i) : i;
}

DType row_dtype(DType t, const char* op) {
  if (is_complex(t)) fail<DTypeError>(op, "complex tensors are not taken", std::string(name_of(t)));
  if (!is_floating(t)) t = default_dtype();
  return t == DType::float64 ? t : DType::float32;
}

Tensor as_rows(const Tensor& x, int axis, DType t) {
  Tensor r = axis == x.rank() - 1 ? x : transpose(x, axis, -1);
  return contiguous(astype(r, t));
}

Tensor from_rows(const Tensor& rows, int axis, DType t) {
  Tensor r = axis == rows.rank() - 1 ? rows : contiguous(transpose(rows, axis, -1));
  return astype(r, t);
}

Split split_at(const Shape& shape, int axis) {
  Split s;
  for (int i = 0; i < shape.size(); ++i)
    (i < axis ? s.outer : i == axis ? s.n : s.inner) *= shape[i];
  return s;
}

void fail_shape(const char* op, std::string_view rule, const Tensor& a, const Tensor& b,
                std::string_view hint) {
  fail<ShapeError>(op, rule, "a " + describe(a) + ", b " + describe(b), hint);
}

void require_floating(const Tensor& x, const char* op) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, "takes floating tensors", describe(x), "convert with x.float()");
}

}  // namespace nnx::ops
