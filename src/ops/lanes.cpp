// Lanes: see lanes.hpp.
#include "ops/lanes.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// --- lanes from axes and back --------------------------------------------------------------------

// Inserts a level where it belongs.
void insert(Lanes& to, std::int64_t level, std::int64_t size, std::int64_t stride) {
  int at = 0;
  while (at < to.levels.size() && to.levels[at] < level) ++at;
  to.levels.insert(at, level);
  to.sizes.insert(at, size);
  to.strides.insert(at, stride);
}

Tensor window_in(const Tensor& x, const Shape& shape, const Dims& strides, const Lanes& lanes) {
  Tensor t(x->storage, x->offset, shape, strides, x.dtype());
  if (!lanes.levels.empty()) t->lanes = std::make_unique<const Lanes>(lanes);
  return t;
}
Lanes lanes_of(const Tensor& x) { return x.lanes() ? *x.lanes() : Lanes{}; }

// i[0] = axis, i[1] = level, i[2] = length
void in_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  Lanes l = lanes_of(x);
  insert(l, c.attrs.i[1], x.shape(axis), x.stride(axis));
  Shape shape = x.shape();
  Dims strides = x.strides();
  shape.erase(axis);
  strides.erase(axis);
  c.out[0] = window_in(x, shape, strides, l);
}
void in_backward(Backward& b) {
  b.in[0].grad = lanes_out(b.grad[0], b.attrs.i[0], b.attrs.i[1], b.attrs.i[2]);
}
void view_rule(Call& c, const Lanes&) { c.op.forward(c); }
const Op kIn{.name = "lanes_in",
             .kind = Op::Kind::linear,
             .forward = in_forward,
             .backward = in_backward,
             .view = true,
             .lanes = view_rule};

void out_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  const int axis = static_cast<int>(c.attrs.i[0]);
  Lanes l = lanes_of(x);
  std::int64_t stride = 0;
  if (const int at = l.find(c.attrs.i[1]); at >= 0) {
    stride = l.strides[at];
    l.levels.erase(at);
    l.sizes.erase(at);
    l.strides.erase(at);
  }
  Shape shape = x.shape();
  Dims strides = x.strides();
  shape.insert(axis, c.attrs.i[2]);
  strides.insert(axis, stride);
  c.out[0] = window_in(x, shape, strides, l);
}
void out_backward(Backward& b) {
  // A tensor that was repeated gets the sum.
  b.in[0].grad = b.attrs.flag ? sum(b.grad[0], Dims{b.attrs.i[0]})
                              : lanes_in(b.grad[0], b.attrs.i[0], b.attrs.i[1]);
}
const Op kOut{.name = "lanes_out",
              .kind = Op::Kind::linear,
              .forward = out_forward,
              .backward = out_backward,
              .view = true,
              .lanes = view_rule};

// --- a tensor repeated over lanes ----------------------------------------------------------------
// axes = levels, shape = sizes it gets
void spread_forward(Call& c) {
  const Tensor& x = c.in[0].tensor;
  Lanes l = lanes_of(x);
  for (int i = 0; i < c.attrs.axes.size(); ++i) insert(l, c.attrs.axes[i], c.attrs.shape[i], 0);
  c.out[0] = window_in(x, x.shape(), x.strides(), l);
}
void spread_backward(Backward& b) {
  Tensor g = b.grad[0];
  for (int i = 0; i < b.attrs.axes.size(); ++i)
    g = sum(lanes_out(g, 0, b.attrs.axes[i], b.attrs.shape[i]), Dims{std::int64_t{0}});
  b.in[0].grad = g;
}
const Op kSpread{.name = "lanes_spread",
                 .kind = Op::Kind::linear,
                 .forward = spread_forward,
                 .backward = spread_backward,
                 .view = true,
                 .lanes = view_rule};

// What of `all` x has not.
Attrs missing(const Tensor& x, const Lanes& all) {
  Attrs a;
  for (int i = 0; i < all.levels.size(); ++i)
    if (!x.lanes() || x.lanes()->find(all.levels[i]) < 0) {
      a.axes.push_back(all.levels[i]);
      a.shape.push_back(all.sizes[i]);
    }
  return a;
}

void unite(Lanes& all, const Tensor& t, const char* op) {
  if (!t || !t.lanes()) return;
  const Lanes& l = *t.lanes();
  for (int i = 0; i < l.levels.size(); ++i) {
    const int at = all.find(l.levels[i]);
    if (at < 0) insert(all, l.levels[i], l.sizes[i], 0);
    else if (all.sizes[at] != l.sizes[i])
      fail<VmapError>(op, "tensors have different numbers of lanes",
                      std::to_string(all.sizes[at]) + " and " + std::to_string(l.sizes[i]));
  }
}
Lanes united(const Call& call) {
  Lanes all;
  for (const auto& o : call.in) unite(all, o.tensor, call.op.name);
  unite(all, call.target, call.op.name);
  return all;
}

// --- random draws --------------------------------------------------------------------------------

struct Scope {
  std::int64_t level, size;
  bool draws_differ;
};
thread_local std::vector<Scope> t_scopes;
thread_local std::optional<Lanes> t_drawn;  // of t_scopes, those whose draws differ

void refresh() {
  t_drawn.reset();
  for (const Scope& s : t_scopes) {
    if (!s.draws_differ) continue;
    if (!t_drawn) t_drawn.emplace();
    insert(*t_drawn, s.level, s.size, 0);
  }
}

}  // namespace

Tensor lanes_in(const Tensor& x, std::int64_t axis, std::int64_t level) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank(), "vmap");
  a.i[1] = level;
  a.i[2] = x.shape(static_cast<int>(a.i[0]));
  return call(kIn, x, a);
}

Tensor lanes_out(const Tensor& x, std::int64_t axis, std::int64_t level, std::int64_t size) {
  Attrs a;
  a.i[0] = normal_axis(axis, x.rank() + 1, "vmap");
  a.i[1] = level;
  a.i[2] = size;
  a.flag = !x.lanes() || x.lanes()->find(level) < 0;
  return call(kOut, x, a);
}

Tensor spread(const Tensor& x, const Tensor& like) {
  Lanes all;
  if (like) all = lanes_of(like);
  else
    for (const Scope& s : t_scopes) insert(all, s.level, s.size, 0);
  const Attrs a = missing(x, all);
  return a.axes.empty() ? x : call(kSpread, x, a);
}

Tensor own_in_lanes(const Tensor& made, const Tensor& like) {
  if (!like.lanes()) return made;
  GradMode off(false);
  return clone(spread(made, like));
}

namespace lanes {

Shape in_front(const Lanes& all, const Dims& shape) {
  Shape s = all.sizes;
  for (const auto n : shape) s.push_back(n);
  return s;
}

Tensor plain(const Tensor& x, const Lanes& all, int rank) {
  Shape shape = all.sizes;
  Dims strides;
  for (const auto level : all.levels) {
    const int at = x.lanes() ? x.lanes()->find(level) : -1;
    strides.push_back(at < 0 ? 0 : x.lanes()->strides[at]);
  }
  for (int i = x.rank(); i < rank; ++i) {
    shape.push_back(1);
    strides.push_back(0);
  }
  for (int i = 0; i < x.rank(); ++i) {
    shape.push_back(x.shape(i));
    strides.push_back(x.stride(i));
  }
  return Tensor(x->storage, x->offset, shape, strides, x.dtype());
}

bool shared(const Tensor& x) {
  if (!x.lanes()) return true;
  for (const auto s : x.lanes()->strides)
    if (s != 0) return false;
  return true;
}
Tensor lane_of(const Tensor& x) { return x.lanes() ? plain(x, Lanes{}) : x; }

Tensor values(const Tensor& x) { return x.lanes() ? plain(x, *x.lanes()) : x; }

Tensor with_lanes(const Tensor& x, const Lanes& all) {
  Lanes l;
  Shape shape;
  Dims strides;
  const int n = all.levels.size();
  for (int i = 0; i < x.rank(); ++i) {
    if (i < n) {
      l.levels.push_back(all.levels[i]);
      l.sizes.push_back(x.shape(i));
      l.strides.push_back(x.stride(i));
    } else {
      shape.push_back(x.shape(i));
      strides.push_back(x.stride(i));
    }
  }
  return window_in(x, shape, strides, l);
}

void run(Call& call, const Lanes& all, const Attrs& attrs, int rank) {
  GradMode off(false);
  std::vector<Operand> in(call.in.begin(), call.in.end());
  for (auto& o : in)
    if (o.is_tensor()) o.tensor = plain(o.tensor, all, rank);
  Call c{call.op, in, attrs, {}, {}};
  if (call.target) c.target = plain(call.target, all, rank);
  c.op.forward(c);
  if (call.target) call.out[0] = call.target;
  else
    for (int j = 0; j < call.op.results; ++j)
      if (c.out[j]) call.out[j] = with_lanes(c.out[j], all);
}

namespace {
// One lane of x, a tensor without lanes.
Tensor single(const Tensor& x, const Lanes& all, const Dims& at) {
  std::int64_t offset = x->offset;
  for (int i = 0; x.lanes() && i < all.levels.size(); ++i)
    if (const int j = x.lanes()->find(all.levels[i]); j >= 0)
      offset += at[i] * x.lanes()->strides[j];
  return Tensor(x->storage, offset, x.shape(), x.strides(), x.dtype());
}
}  // namespace

void each(Call& call, const Lanes& all) {
  GradMode off(false);
  const std::int64_t count = all.count();
  if (count == 0)
    fail<VmapError>(call.op.name, "what it makes of no lanes at all is not known",
                    describe(call.in.empty() ? Operand(call.target) : call.in[0]));
  std::vector<Operand> in(call.in.begin(), call.in.end());
  Tensor made[std::size(Call{call.op, {}, {}, {}, {}}.out)];
  Dims at = Dims::filled(all.sizes.size(), 0);
  for (std::int64_t lane = 0; lane < count; ++lane) {
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i].is_tensor()) in[i].tensor = single(call.in[i].tensor, all, at);
    Call c{call.op, in, call.attrs, {}, call.target ? single(call.target, all, at) : Tensor()};
    c.op.forward(c);
    for (int j = 0; !call.target && j < call.op.results; ++j) {
      const Tensor& out = c.out[j];
      if (!out) continue;
      if (lane == 0)
        made[j] = runtime::empty(in_front(all, out.shape()), out.dtype(), out.device());
      Dims strides = made[j].strides();
      for (int i = 0; i < all.sizes.size(); ++i) strides.erase(0);
      copy_into(out, made[j].window(out.shape(), strides, made[j]->offset + lane * out.numel()));
    }
    for (int i = at.size() - 1; i >= 0 && ++at[i] == all.sizes[i]; --i) at[i] = 0;
  }
  if (call.target) call.out[0] = call.target;
  for (int j = 0; !call.target && j < call.op.results; ++j)
    if (made[j]) call.out[j] = with_lanes(made[j], all);
}

void view(Call& call, const Lanes& all) { view_rule(call, all); }

void leading(Call& call, const Lanes& all) { run(call, all, call.attrs); }

void aligned(Call& call, const Lanes& all) {
  int rank = call.target ? call.target.rank() : 0;
  for (const auto& o : call.in)
    if (o.is_tensor()) rank = std::max(rank, o.tensor.rank());
  run(call, all, call.attrs, rank);
}

void axis(Call& call, const Lanes& all) {
  Attrs a = call.attrs;
  a.i[0] += all.levels.size();
  run(call, all, a);
}

void mask(Call& call, const Lanes& all) {
  Attrs a = call.attrs;
  a.i[0] <<= all.levels.size();
  run(call, all, a);
}

const Lanes* scope() noexcept { return t_drawn ? &*t_drawn : nullptr; }
void enter_scope(std::int64_t level, std::int64_t size, bool draws_differ) {
  t_scopes.push_back({level, size, draws_differ});
  refresh();
}
void leave_scope() noexcept {
  if (!t_scopes.empty()) t_scopes.pop_back();
  refresh();
}

bool enter(Call& call) {
  bool found = any(call.target);
  for (const auto& o : call.in) found = found || any(o.tensor);
  if (!found) return false;
  if (!call.op.lanes && call.op.definition) {
    call.out[0] = call.op.definition(call.in, call.attrs);
    return true;
  }
  const Lanes all = united(call);
  if (call.target && !missing(call.target, all).axes.empty())
    fail<VmapError>(call.op.name,
                    "a tensor that all lanes share cannot be written with values of single lanes",
                    describe(call.target),
                    "make a new one: x = x + y, or start from a tensor that "
                    "depends on the mapped argument");
  if (!grad_enabled() || !call.op.backward || call.op.sums_lanes) return false;
  for (auto& o : call.in) {
    if (!follows(o.tensor)) continue;
    if (const Attrs a = missing(o.tensor, all); !a.axes.empty())
      o.tensor = ops::call(kSpread, o.tensor, a);
  }
  return false;
}

void forward(Call& call) {
  bool found = any(call.target);
  for (const auto& o : call.in) found = found || any(o.tensor);
  if (!found) return call.op.forward(call);
  (call.op.lanes ? call.op.lanes : each)(call, united(call));
}

}  // namespace lanes
}  // namespace nnx::ops
