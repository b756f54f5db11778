// Running pointwise ops: see pointwise_op.hpp.
#include "ops/pointwise_op.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "ops/lanes.hpp"
#include "ops/ops.hpp"
#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/long_call.hpp"

namespace nnx::ops {
namespace {

// What one application computes with.
struct Plan {
  DType dtype = DType::float32;   // operands meet in it
  DType result = DType::float32;  // of the output
  Lane lane = Lane::f32;          // of numeric registers
};

std::string received(std::span<const Operand> in) {
  std::string s;
  for (const auto& o : in) s += (s.empty() ? "" : ", ") + describe(o);
  return s;
}

DType with_numbers(DType t, Scalar::Kind number) {
  if (number == Scalar::Kind::complex)
    return complex_of(is_differentiable(t) ? t : default_dtype());
  if (number == Scalar::Kind::floating && !is_differentiable(t)) return default_dtype();
  if ((number == Scalar::Kind::integer || number == Scalar::Kind::unsigned_integer) &&
      t == DType::boolean)
    return number == Scalar::Kind::integer ? DType::int64 : DType::uint64;
  return t;
}

DType common_of(std::span<const Operand> in, std::uint32_t masks) {
  DType t = DType::boolean;
  bool any_tensor = false;
  Scalar::Kind number = Scalar::Kind::none;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if ((masks >> i) & 1) continue;
    if (in[i].is_tensor()) {
      t = any_tensor ? promote(t, in[i].tensor.dtype()) : in[i].tensor.dtype();
      any_tensor = true;
    } else {
      number = std::max(number, in[i].scalar.kind);
    }
  }
  return with_numbers(t, number);
}

void check_numbers(const PointwiseOp& op, std::span<const Operand> in, Plan& plan) {
  if (!is_integer(plan.dtype)) return;
  for (const auto& o : in) {
    if (o.is_tensor() || fits(o.scalar, plan.dtype)) continue;
    if (op.rule != Rule::comparison)
      fail<ArgumentError>(op.label, "this number does not fit the tensor's dtype", received(in),
                          "widen the tensor first: t.to(nnx.int64)");
    // Comparisons answer truly: in a lane that holds both.
    plan.lane = plan.dtype == DType::uint64 ? Lane::f64 : Lane::i64;
    if (o.scalar.kind == Scalar::Kind::unsigned_integer) plan.lane = Lane::f64;
  }
}

[[noreturn]] void fail_complex(const PointwiseOp& op, std::span<const Operand> in) {
  if (op.rule == Rule::comparison || op.rule == Rule::ordered)
    fail_unordered(op.label, received(in));
  if (op.rule == Rule::integral)
    fail<DTypeError>(op.label, "bitwise operations take integers or bools", received(in));
  fail<DTypeError>(op.label, "complex tensors are not taken", received(in),
                   "apply it to the parts, x.real and x.imag, or to nnx.abs(x)");
}

Plan make_plan(const PointwiseOp& op, std::span<const Operand> in) {
  Plan p;
  p.dtype = common_of(in, op.masks);
  if (is_complex(p.dtype) && !op.complex) [[unlikely]]
    fail_complex(op, in);
  switch (op.rule) {
    case Rule::floating:
    case Rule::update:
      if (!is_differentiable(p.dtype)) p.dtype = default_dtype();
      p.result = p.dtype;
      break;
    case Rule::comparison: p.result = DType::boolean; break;
    case Rule::logical: p.dtype = p.result = DType::boolean; break;
    case Rule::integral:
      if (is_floating(p.dtype)) [[unlikely]]
        fail<DTypeError>(op.label, "bitwise operations take integers or bools", received(in),
                         "put comparisons in brackets: (a > 0) & (a < 2)");
      p.result = p.dtype;
      break;
    case Rule::rounding:
    case Rule::numeric:
    case Rule::ordered:
    case Rule::selection: p.result = p.dtype; break;
  }
  p.lane = lane_of(p.dtype);
  // Arithmetic on bools is done on integers and is true where they are not zero.
  if (p.lane == Lane::b8 && op.rule != Rule::comparison && op.rule != Rule::logical)
    p.lane = Lane::u64;
  check_numbers(op, in, p);
  return p;
}

// A layout for the result: row-major, or that of permuted dense inputs when they all agree, so that
// chains on transposed tensors stay sequential in memory.
Tensor make_result(const Shape& shape, DType dtype, Device device, std::span<const Operand> in) {
  const Dims* strides = nullptr;
  for (const auto& o : in) {
    if (!o.is_tensor() || o.tensor.shape() != shape) continue;
    if (o.tensor.contiguous()) return runtime::empty(shape, dtype, device);
    if (!strides) strides = &o.tensor.strides();
    if (*strides != o.tensor.strides()) return runtime::empty(shape, dtype, device);
  }
  if (!strides) return runtime::empty(shape, dtype, device);
  Dims order;
  for (int i = 0; i < shape.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return (*strides)[static_cast<int>(a)] > (*strides)[static_cast<int>(b)];
  });
  if (strides->empty() || (*strides)[static_cast<int>(order.back())] <= 0)
    return runtime::empty(shape, dtype, device);
  Dims dense = Dims::filled(shape.size(), 0);
  std::int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    const int axis = static_cast<int>(order[i]);
    dense[axis] = step;
    step *= std::max<std::int64_t>(shape[axis], 1);
  }
  return runtime::empty_strided(shape, dense, dtype, device);
}

// Strides of t seen with `shape`, zero along broadcast axes.
void broadcast_strides(const Tensor& t, const Shape& shape, Dims& out) {
  const int shift = shape.size() - t.rank();
  out = Dims();
  for (int i = 0; i < shape.size(); ++i) {
    const int j = i - shift;
    out.push_back(j < 0 || t.shape(j) != shape[i] ? 0 : t.stride(j));
  }
}

// Memory ranges, in bytes from the start of the storage.
std::pair<std::int64_t, std::int64_t> range_of(const Tensor& t) {
  std::int64_t lo = t->offset, hi = t->offset;
  for (int i = 0; i < t.rank(); ++i) {
    if (t.shape(i) == 0) return {0, 0};
    const auto reach = (t.shape(i) - 1) * t.stride(i);
    (reach < 0 ? lo : hi) += reach;
  }
  const auto size = static_cast<std::int64_t>(size_of(t.dtype()));
  return {lo * size, (hi + 1) * size};
}

bool overlaps_otherwise(const Tensor& target, const Tensor& t) {
  if (target->storage.get() != t->storage.get()) return false;
  const bool exact = target->offset == t->offset && target.shape() == t.shape() &&
                     target.strides() == t.strides() && target.dtype() == t.dtype();
  if (exact) return false;
  const auto a = range_of(target), b = range_of(t);
  return a.first < b.second && b.first < a.second;
}

void check_target(const PointwiseOp& op, const Tensor& target, const Shape& shape, DType result,
                  std::span<const Operand> in) {
  if (target.shape() != shape)
    fail<ShapeError>(op.label, "the result of an in-place operation must have the tensor's shape",
                     received(in) + ", result " + to_string(shape));
  const DType t = target.dtype();
  if (kind_of(result) > kind_of(t) && !(is_integer(result) && is_integer(t)))
    fail<DTypeError>(op.label,
                     "a " + std::string(name_of(result)) + " result cannot be stored in a " +
                         std::string(name_of(t)) + " tensor in place",
                     received(in), "write the result to a new tensor, or convert first");
  for (int i = 0; i < target.rank(); ++i)
    if (target.stride(i) == 0 && target.shape(i) > 1)
      fail<ArgumentError>(op.label,
                          "several elements of an expanded tensor share one place in memory, "
                          "so it cannot be written in place",
                          describe(target), "use t.clone() first");
}

Device common_device(const PointwiseOp& op, std::span<const Operand> in) {
  const Tensor* first = nullptr;
  for (const auto& o : in) {
    if (!o.is_tensor()) continue;
    if (!first) first = &o.tensor;
    if (first->device() == o.tensor.device()) continue;
    // A one-element tensor on the CPU goes anywhere.
    if (o.tensor.device().kind == DeviceKind::cpu && o.tensor.rank() == 0) continue;
    if (first->device().kind == DeviceKind::cpu && first->rank() == 0) {
      first = &o.tensor;
      continue;
    }
    fail<DeviceError>(op.label, "all tensors must be on one device", received(in),
                      "move one with .to(device)");
  }
  return first ? first->device() : Device{};
}

void forward_pointwise(Call& call) {
  const auto& op = static_cast<const PointwiseOp&>(call.op);
  const std::span<Operand> in = call.in;
  if (static_cast<int>(in.size()) != op.arity) [[unlikely]]
    fail<ArgumentError>(op.label, "takes " + std::to_string(op.arity) + " operands", received(in));
  const Plan plan = make_plan(op, in);

  // Shape, and whether every operand is simply n lane elements in order or one value.
  Shape shape;
  bool first = true, simple = true;
  const DType storage = storage_of(plan.lane);
  for (int i = 0; i < op.arity; ++i) {
    const Operand& o = in[i];
    if (!o.is_tensor()) continue;
    const Tensor& t = o.tensor;
    if (first) shape = t.shape();
    else if (!(t.shape() == shape)) {
      shape = broadcast(shape, t.shape(), op.label.c_str());
      simple = false;
    }
    first = false;
    simple =
        simple && t.contiguous() && t.dtype() == ((op.masks >> i) & 1 ? DType::boolean : storage);
  }

  if (op.rule == Rule::rounding && !is_floating(plan.dtype)) {  // integers are whole already
    Tensor x = in[0].is_tensor() ? in[0].tensor : scalar_tensor(in[0].scalar, plan.dtype);
    if (!call.target) call.out[0] = clone(x);
    return;
  }
  if (op.rule == Rule::integral && plan.dtype == DType::boolean && op.label == "bitwise_invert") {
    static const PointwiseOp& invert = pointwise_op(find_declaration("logical_not"));
    Call c{invert, in, {}, {}, call.target};
    forward_pointwise(c);
    call.out[0] = c.out[0];
    return;
  }

  Tensor out;
  if (call.target) {
    check_target(op, call.target, shape, plan.result, in);
    for (auto& o : in)
      if (o.is_tensor() && overlaps_otherwise(call.target, o.tensor)) {
        GradMode off(false);
        o.tensor = clone(o.tensor);
      }
    out = call.target;
  } else {
    out = make_result(shape, plan.result, common_device(op, in), in);
  }
  call.out[0] = out;
  const std::int64_t n = out.numel();
  if (n == 0) return;

  const auto& kernels = runtime::kernels(out.device());
  const Lane out_lane =
      op.rule == Rule::comparison || op.rule == Rule::logical ? Lane::b8 : plan.lane;
  if (simple && n <= 8192 && op.declaration >= 0 && out.contiguous() &&
      out.dtype() == storage_of(out_lane)) {
    const Lane compute = op.rule == Rule::logical ? Lane::b8 : plan.lane;
    if (TileFn fn = kernels.pointwise_function(op.declaration, compute)) {
      alignas(64) unsigned char constants[4][kCopiesBytes];
      TileArg args[kMaxInputs];
      bool direct = true;
      int used = 0;
      for (int i = 0; i < op.arity; ++i) {
        if (in[i].is_tensor()) {
          args[i] = {in[i].tensor.bytes(), 1};
        } else if (used < 4) {
          const Lane l = (op.masks >> i) & 1 ? Lane::b8 : compute;
          const LaneValue v = lane_value(in[i].scalar, l);
          replicate(v.bytes, l, constants[used]);
          args[i] = {constants[used++], 0};
        } else {
          direct = false;
        }
      }
      if (direct) {
        void* results[] = {out.bytes()};
        fn(n, results, args);
        return;
      }
    }
  }

  const Program& program = pointwise_program(op, plan.lane);
  TileJob job;
  job.program = &program;
  job.shape = shape;
  LaneValue numbers[kMaxInputs];
  for (int i = 0; i < op.arity; ++i) {
    Port& port = job.in[i];
    if (in[i].is_tensor()) {
      port.data = in[i].tensor.bytes();
      port.dtype = in[i].tensor.dtype();
      broadcast_strides(in[i].tensor, shape, port.strides);
      port.host = in[i].tensor.device() != out.device();  // one value on the CPU
    } else {
      numbers[i] = lane_value(in[i].scalar, program.in_lane[i]);
      port.data = numbers[i].bytes;
      port.dtype = storage_of(program.in_lane[i]);
      port.strides = Dims::filled(shape.size(), 0);
      port.host = true;
    }
  }
  job.out[0] = {out.bytes(), out.dtype(), out.strides()};
  runtime::LongCall release(static_cast<double>(n) *
                            (0.2 + 0.3 * static_cast<double>(program.code.size())));
  kernels.run(&job, 1);
}

void backward_pointwise(Backward& b) {
  const auto& op = static_cast<const PointwiseOp&>(b.op);
  for (int i = 0; i < op.arity; ++i) {
    auto& input = b.in[i];
    if (!input.needed) continue;
    const PointwiseGradient& gradient = pointwise_gradient(op, i);
    if (gradient.zero) continue;
    Tensor g = b.grad[0];
    if (!gradient.identity) {
      // The conjugate of the derivative, as the conjugate of its product with the conjugate.
      const bool turned = is_complex(g.dtype()) && gradient.uses.size() > 1;
      if (turned) g = conj(g);
      Operand list[kMaxInputs];
      int n = 0;
      for (int u : gradient.uses)
        list[n++] = u < op.arity ? b.in[u].value : u == op.arity ? Operand(b.out[0]) : Operand(g);
      g = apply_op(*gradient.op, {list, static_cast<std::size_t>(n)});
      if (turned) g = conj(g);
    }
    if (!(g.shape() == input.shape)) g = sum_to(g, input.shape);
    input.grad = g.dtype() == input.dtype ? std::move(g) : astype(g, input.dtype);
  }
}

}  // namespace

std::unique_ptr<PointwiseOp> make_pointwise(std::string label, Rule rule, int arity,
                                            std::vector<Expr> roots, std::uint32_t masks) {
  auto op = std::make_unique<PointwiseOp>();
  op->label = std::move(label);
  op->name = op->label.c_str();
  op->kind = Op::Kind::pointwise;
  op->forward = forward_pointwise;
  op->lanes = lanes::aligned;
  const bool differentiable = rule == Rule::numeric || rule == Rule::floating ||
                              rule == Rule::ordered || rule == Rule::selection ||
                              rule == Rule::rounding;
  op->backward = differentiable ? backward_pointwise : nullptr;
  op->rule = rule;
  op->arity = arity;
  op->roots = std::move(roots);
  op->masks = masks;
  return op;
}

const PointwiseOp& pointwise_op(int declaration) {
  static const auto all = [] {
    std::vector<std::unique_ptr<PointwiseOp>> v;
    for (std::size_t id = 0; id < declarations().size(); ++id) {
      const Declaration& d = declarations()[id];
      std::vector<Expr> inputs, roots;
      for (int i = 0; i < d.arity; ++i) inputs.push_back(Expr::input(i));
      if (d.primitive) roots.push_back(Expr::apply(static_cast<int>(id), inputs));
      else roots = d.define(inputs);
      v.push_back(make_pointwise(d.name, d.rule, d.arity, std::move(roots),
                                 d.rule == Rule::selection ? 1u : 0u));
      v.back()->declaration = static_cast<int>(id);
      v.back()->complex = d.complex;
      complete_complex(*v.back());
    }
    return v;
  }();
  return *all[declaration];
}

DType common_dtype(std::span<const Operand> in, const char*) { return common_of(in, 0); }

LaneValue lane_value(const Scalar& s, Lane lane) {
  LaneValue v{};
  auto put = [&](auto x) { std::memcpy(v.bytes, &x, sizeof x); };
  switch (lane) {
    case Lane::f32: put(static_cast<float>(s.as_double())); break;
    case Lane::f64: put(s.as_double()); break;
    case Lane::b8: put(static_cast<std::uint8_t>(s.is_true())); break;
    case Lane::c64: put(std::complex<float>(s.as_complex())); break;
    case Lane::c128: put(s.as_complex()); break;
    default:
      if (s.kind >= Scalar::Kind::floating) {
        const double x = s.f;  // saturating, as a cast between lanes is
        if (lane == Lane::u64)
          put(x != x || x <= 0 ? std::uint64_t{0}
              : x >= 0x1p64    ? std::numeric_limits<std::uint64_t>::max()
                               : static_cast<std::uint64_t>(x));
        else
          put(x != x         ? std::int64_t{0}
              : x >= 0x1p63  ? std::numeric_limits<std::int64_t>::max()
              : x <= -0x1p63 ? std::numeric_limits<std::int64_t>::min()
                             : static_cast<std::int64_t>(x));
      } else {
        put(s.i);
      }
  }
  return v;
}

void replicate(const void* value, Lane lane, void* copies) {
  const std::size_t size = size_of(lane);
  auto* out = static_cast<unsigned char*>(copies);
  for (std::size_t i = 0; i < kCopiesBytes; i += size) std::memcpy(out + i, value, size);
}

namespace {
bool any_complex(std::span<const Operand> in) {
  for (const auto& o : in)
    if (o.is_tensor() ? is_complex(o.tensor.dtype()) : o.scalar.kind == Scalar::Kind::complex)
      return true;
  return false;
}
}  // namespace

Tensor apply_op(const PointwiseOp& op, std::span<Operand> in) {
  if (op.complex_form && any_complex(in)) [[unlikely]]
    return op.complex_form(in);
  Call c{op, in, {}, {}, {}};
  bool any = false;
  for (auto& o : in) any |= o.is_tensor();
  if (!any && !in.empty())  // numbers alone: one of them becomes a tensor
    in[0] = scalar_tensor(in[0].scalar, in[0].scalar.dtype());
  dispatch(c);
  return std::move(c.out[0]);
}

void apply_op_into(const Tensor& target, const PointwiseOp& op, std::span<Operand> in) {
  if (op.complex_form && any_complex(in)) [[unlikely]]
    return assign(target, op.complex_form(in));
  Call c{op, in, {}, {}, target};
  dispatch(c);
}

Tensor apply(int declaration, std::span<Operand> in) {
  return apply_op(pointwise_op(declaration), in);
}
void apply_into(const Tensor& target, int declaration, std::span<Operand> in) {
  apply_op_into(target, pointwise_op(declaration), in);
}

bool gradient_follows_from_output(int declaration) {
  const PointwiseGradient& d = pointwise_gradient(pointwise_op(declaration), 0);
  for (int u : d.uses)
    if (u == 0) return false;
  return true;
}

Tensor gradient_from_output(int declaration, const Tensor& y, const Tensor& g) {
  const PointwiseGradient& d = pointwise_gradient(pointwise_op(declaration), 0);
  if (d.identity) return g;
  Operand list[2];
  std::size_t n = 0;
  for (int u : d.uses) list[n++] = u == 2 ? g : y;
  return apply_op(*d.op, {list, n});
}

}  // namespace nnx::ops
