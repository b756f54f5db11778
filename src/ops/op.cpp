// The dispatch point: see op.hpp.
#include "ops/op.hpp"

#include <optional>

#include "ops/lanes.hpp"

namespace nnx::ops {
namespace {
Listener* g_tape = nullptr;
Observer* g_observer = nullptr;
thread_local bool t_grad_enabled = true;

bool followed(const Call& call) {
  if (!call.op.backward) return false;
  for (const auto& o : call.in)
    if (follows(o.tensor)) return true;
  return follows(call.target);
}

// Once another device is in use. Pointwise ops look for themselves: they take a number from the
// CPU.
void check_devices(const Call& call) {
  if (call.op.kind == Op::Kind::pointwise) return;
  const Tensor* first = call.target ? &call.target : nullptr;
  for (const auto& o : call.in) {
    if (!o.is_tensor()) continue;
    if (!first) first = &o.tensor;
    if (first->device() != o.tensor.device())
      fail<DeviceError>(call.op.name, "all tensors must be on one device",
                        describe(*first) + ", " + describe(o.tensor),
                        "move one of them with .to(device)");
  }
}

void compute(Call& call, bool closely) {
  if (!closely) [[likely]]
    return call.op.forward(call);
  check_devices(call);
  lanes::forward(call);
  if (g_observer) g_observer->computed(call);
}
}  // namespace

bool follows(const Tensor& t) {
  return t && (t.requires_grad() || (t->grad_record && g_tape->follows(t)));
}

void set_tape(Listener* tape) noexcept { g_tape = tape; }
void set_observer(Observer* observer) noexcept {
  static std::optional<Attention> reason;
  if (observer) reason.emplace();
  else reason.reset();
  g_observer = observer;
}
bool grad_enabled() noexcept { return t_grad_enabled; }
void set_grad_enabled(bool on) noexcept { t_grad_enabled = on; }
GradMode::GradMode(bool on) noexcept : before_(t_grad_enabled) { t_grad_enabled = on; }
GradMode::~GradMode() { t_grad_enabled = before_; }

Tensor unobserved_view(const Tensor& x, const Shape& shape, const Dims& strides,
                       std::int64_t offset) {
  if (attention.load(std::memory_order_relaxed) != 0 || (t_grad_enabled && follows(x))) return {};
  Tensor view = x.window(shape, strides, offset);
  g_tape->viewed(x, view);
  return view;
}

void dispatch(Call& call) {
  const bool closely = attention.load(std::memory_order_relaxed) != 0;
  if (closely) [[unlikely]]
    if (lanes::enter(call)) return;
  if (call.target) {
    if (!call.target->storage->writable)
      fail<ArgumentError>(call.op.name, "this tensor shares memory that is read-only",
                          describe(call.target), "write to a copy: t.clone()");
    g_tape->before_write(call);
    compute(call, closely);
    ++call.target->storage->version;
    if (t_grad_enabled && followed(call)) g_tape->called(call);
    return;
  }
  compute(call, closely);
  if ((t_grad_enabled && followed(call)) || call.op.view) g_tape->called(call);
}

Tensor call(const Op& op, std::span<Operand> in, const Attrs& attrs) {
  Call c{op, in, attrs, {}, {}};
  dispatch(c);
  return std::move(c.out[0]);
}

}  // namespace nnx::ops
