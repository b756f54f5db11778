// Recording: from calls at the dispatch point to nodes, in-place writes and views included.
//
// A write to a tensor that is not a view replaces its history by the new node. A write to a view
// replaces the history of its base: "the base with this window overwritten"; the view, and every
// other view of that base, then re-derives its own history from the base when next used.
#include <algorithm>

#include "autodiff/node.hpp"
#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::autodiff {
namespace {

// --- the base of a view with a window overwritten ------------------------------------------------
// in = base, value; shape, axes, i[0] = the window's geometry in the memory of the base;
// extra = order of axes in which the base is row-major, i[1] = its offset. Where the window is on
// the parts of a complex base, its geometry and i[1] count parts.

// g laid out as the base is: row-major in the base's order of axes.
Tensor in_layout(const Tensor& g, const Dims& order) {
  return ops::contiguous(ops::permute(g, order));
}
Dims inverse(const Dims& order) {
  Dims r = order;
  for (int i = 0; i < order.size(); ++i) r[static_cast<int>(order[i])] = i;
  return r;
}

void overwrite_backward(Backward& b) {
  const auto& a = b.attrs;
  const bool parts = b.in[0].dtype != b.in[1].dtype;
  Tensor g = in_layout(b.grad[0], a.extra);
  if (parts) g = ops::view_as_real(g);
  const std::int64_t offset = a.i[0] - a.i[1];
  if (b.in[1].needed) b.in[1].grad = ops::as_strided(g, a.shape, a.axes, g->offset + offset);
  if (b.in[0].needed) {
    Tensor mask;
    {
      GradMode off(false);
      mask = ops::full(g.shape(), false, DType::boolean, g.device());
      ops::fill(mask.window(a.shape, a.axes, mask->offset + offset), true);
    }
    Tensor rest = pointwise::where(mask, 0, g);
    if (parts) rest = ops::view_as_complex(rest);
    b.in[0].grad = ops::permute(rest, inverse(a.extra));
  }
}
const Op kOverwrite{.name = "overwrite", .kind = Op::Kind::linear, .backward = overwrite_backward};

// The order of axes in which a dense tensor is row-major; none when it has gaps or overlaps.
std::optional<Dims> dense_order(const Tensor& t) {
  Dims order;
  for (int i = 0; i < t.rank(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) {
    const int i = static_cast<int>(x), j = static_cast<int>(y);
    return t.stride(i) > t.stride(j);
  });
  std::int64_t step = 1;
  for (int i = order.size() - 1; i >= 0; --i) {
    const int axis = static_cast<int>(order[i]);
    if (t.shape(axis) == 1) continue;
    if (t.stride(axis) != step) return std::nullopt;
    step *= t.shape(axis);
  }
  return order;
}

// Whether a view shows the parts of a complex base; the other way round cannot be followed.
bool shows_parts(const Tensor& view, const Tensor& base) {
  if (view.dtype() == base.dtype()) return false;
  if (is_complex(base.dtype())) return true;
  fail<GradientError>(
      "view_as_complex",
      "autodiff cannot follow a write to memory that is seen as real and as complex "
      "numbers by way of a real tensor",
      describe(view) + " of " + describe(base), "write to a copy");
}

bool needs_grad(const Operand& o) {
  return o.is_tensor() && requires_grad(o.tensor) && is_differentiable(o.tensor.dtype());
}

std::uint32_t saved_bits(const Call& call) {
  if (call.op.kind != Op::Kind::pointwise) return call.op.saves;
  std::uint32_t needed = 0;
  for (std::size_t i = 0; i < call.in.size(); ++i)
    if (needs_grad(call.in[i])) needed |= 1u << i;
  return pointwise_saves(static_cast<const PointwiseOp&>(call.op), needed);
}

class Tape final : public Listener {
 public:
  void before_write(Call& call) override {
    if (!grad_enabled()) return;
    const Tensor& target = call.target;
    const Record* r = record_of(target);
    const Tensor& owner = r && r->base ? r->base : target;
    const bool followed_write =
        call.op.backward && std::any_of(call.in.begin(), call.in.end(), needs_grad);
    if (owner.requires_grad() && is_leaf(owner))
      fail<GradientError>(
          call.op.name,
          r && r->base ? "a view of a leaf that requires a gradient cannot be written in place"
                       : "a leaf that requires a gradient cannot be written in place",
          describe(target), "write under nnx.no_grad(), or to a copy");
    if (!followed_write && !requires_grad(target)) return;
    if (!is_differentiable(target.dtype())) return;
    if (r && r->base) static_cast<void>(shows_parts(target, r->base));
    if (r && r->base && !dense_order(r->base))
      fail<GradientError>(
          call.op.name, "autodiff cannot follow a write to a view of a tensor with gaps in memory",
          describe(target), "write to a contiguous copy");
    // A value the gradient needs and the write destroys is kept as a copy.
    const std::uint32_t saves = saved_bits(call);
    for (std::size_t i = 0; i < call.in.size() && i < 16; ++i) {
      Tensor& t = call.in[i].tensor;
      if (!t || !((saves >> i) & 1) || t->storage.get() != target->storage.get()) continue;
      t = ops::clone(t);  // recorded: its gradient passes on to t
    }
  }

  void called(Call& call) override {
    if (call.op.view) viewed(call.in[0].tensor, call.out[0]);
    if (!grad_enabled() || !call.op.backward) return;
    if (call.target && !is_differentiable(call.target.dtype())) return;
    bool any = call.target && requires_grad(call.target);
    for (const auto& o : call.in) any = any || needs_grad(o);
    if (!any) return;
    if (!call.target && !is_differentiable(call.out[0].dtype())) return;
    Ref<Node> node = make_node(call);
    if (call.target) {
      rebase(call.target, std::move(node));
      return;
    }
    for (std::uint32_t j = 0; j < call.op.visible; ++j) {
      const Tensor& out = call.out[j];
      if (!is_differentiable(out.dtype())) continue;
      Record& r = ensure_record(out);
      r.node = node;
      r.output = j;
      out->requires_grad = true;
    }
  }

  void viewed(const Tensor& x, const Tensor& out) override {
    const Record* r = record_of(x);
    Record& view = ensure_record(out);
    view.base = r && r->base ? r->base : x;
    const Record* base = record_of(view.base);
    view.seen = base ? base->rebased : 0;
  }

  bool follows(const Tensor& view) override { return requires_grad(view); }

 private:
  static Ref<Node> make_node(Call& call) {
    Ref<Node> node(new Node);
    node->op = &call.op;
    node->attrs = call.attrs;
    node->inputs.resize(call.in.size());
    const std::uint32_t saves = saved_bits(call);
    for (std::size_t i = 0; i < call.in.size(); ++i) {
      Operand& o = call.in[i];
      Node::Input& in = node->inputs[i];
      if (o.is_tensor()) {
        in.shape = o.tensor.shape();
        in.dtype = o.tensor.dtype();
        if (needs_grad(o)) {
          Edge e = edge_of(o.tensor);
          in.next = std::move(e.node);
          in.next_output = e.output;
        }
        if (i >= 16 ? (saves & kSaveInputs) == kSaveInputs : (saves >> i) & 1) {
          in.saved = o;
          in.version = o.tensor.version();
        }
      } else {
        in.saved = o;
      }
    }
    node->stamp();
    if (watching()) [[unlikely]]
      note_place(*node);
    node->results = call.op.results;
    if (saves >> 16) {
      node->outputs.resize(call.op.results);
      for (std::uint32_t j = 0; j < call.op.results; ++j)
        if ((saves >> (16 + j)) & 1) {
          node->outputs[j].saved = call.out[j].alias();
          node->outputs[j].version = call.out[j].version();
        }
    }
    return node;
  }

  static void rebase(const Tensor& target, Ref<Node> node) {
    Record& r = ensure_record(target);
    if (!r.base) {
      detach_leaf(r);
      r.node = std::move(node);
      r.output = 0;
      ++r.rebased;
      target->requires_grad = true;
      return;
    }
    const Tensor& base = r.base;
    Record& b = ensure_record(base);
    Ref<Node> write(new Node);
    write->op = &kOverwrite;
    write->attrs.shape = target.shape();
    write->attrs.axes = target.strides();
    write->attrs.i[0] = target->offset;
    write->attrs.extra = *dense_order(base);
    write->attrs.i[1] = shows_parts(target, base) ? 2 * base->offset : base->offset;
    write->inputs.resize(2);
    write->inputs[0].shape = base.shape();
    write->inputs[0].dtype = base.dtype();
    if (base.requires_grad()) {
      Edge e = edge_of(base);
      write->inputs[0].next = std::move(e.node);
      write->inputs[0].next_output = e.output;
    }
    write->inputs[1].shape = target.shape();
    write->inputs[1].dtype = target.dtype();
    write->inputs[1].next = std::move(node);
    write->stamp();
    detach_leaf(b);
    b.node = std::move(write);
    b.output = 0;
    ++b.rebased;
    base->requires_grad = true;
    target->requires_grad = true;  // r.seen != b.rebased: re-derived when next used
  }

  static void detach_leaf(Record& r) {
    if (r.node && r.node->leaf == r.owner) r.node->leaf = nullptr;
  }
};

// The only input of a node.
void take_in(Node& node, const Tensor& t, Edge from) {
  node.inputs.resize(1);
  Node::Input& in = node.inputs[0];
  in.shape = t.shape();
  in.dtype = t.dtype();
  in.next = std::move(from.node);
  in.next_output = from.output;
}

}  // namespace

void install() {
  static Tape tape;
  set_tape(&tape);
}

bool requires_grad(const Tensor& t) {
  if (t.requires_grad()) return true;
  const Record* r = record_of(t);
  if (!r || !r->base || !is_differentiable(t.dtype())) return false;
  const Record* b = record_of(r->base);
  return b && b->rebased != r->seen && r->base.requires_grad();
}

Edge edge_of(const Tensor& t) {
  if (!requires_grad(t)) return {};
  Record& r = ensure_record(t);
  if (r.base) {
    Record& b = ensure_record(r.base);
    if (b.rebased != r.seen) {
      // The base was written since: this view's history is a window on the base's new one.
      Tensor base = r.base;
      Edge e = edge_of(base);
      if (shows_parts(t, base)) {
        Ref<Node> parts(new Node);
        parts->op = &ops::view_as_real_op();
        take_in(*parts, base, std::move(e));
        parts->stamp();
        e = {std::move(parts), 0};
        const GradMode off(false);
        base = ops::view_as_real(ops::detach(base));
      }
      Ref<Node> node(new Node);
      node->op = &ops::as_strided_op();
      node->attrs.shape = t.shape();
      node->attrs.axes = t.strides();
      node->attrs.i[0] = t->offset;
      node->attrs.extra = base.strides();
      node->attrs.i[1] = base->offset;
      take_in(*node, base, std::move(e));
      node->stamp();
      r.node = std::move(node);
      r.output = 0;
      r.seen = b.rebased;
      t->requires_grad = true;
    }
  }
  if (!r.node) {  // a leaf, used for the first time
    r.node = Ref<Node>(new Node);
    r.node->leaf = t.impl();
    r.output = 0;
  }
  return {r.node, r.output};
}

}  // namespace nnx::autodiff
