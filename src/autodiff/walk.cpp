// The backward walk: see autodiff.hpp.
//
// Nodes wait in a heap ordered by creation, newest first; a node is popped when every gradient that
// can reach it has arrived. Gradients wait in slots of the walk, so walks may nest and interleave.
#include <algorithm>
#include <atomic>
#include <queue>

#include "autodiff/node.hpp"
#include "ops/support.hpp"
#include "runtime/interrupt.hpp"

namespace nnx::autodiff {
namespace {

std::atomic<std::uint64_t> g_walks{1};

class Walk {
 public:
  Walk(bool retain_graph, bool create_graph)
      : id_(g_walks.fetch_add(1, std::memory_order_relaxed)),
        retain_(retain_graph),
        create_(create_graph) {}

  void seed(const Tensor& root, Tensor g) {
    Edge e = edge_of(root);
    arrive(e.node, e.output, std::move(g));
  }
  // Only these results are wanted; leaves keep their .grad.
  void capture(const std::vector<Tensor>& inputs) {
    capturing_ = true;
    last_ = ~std::uint64_t{0};
    for (const auto& t : inputs) {
      Edge e = edge_of(t);
      last_ = std::min(last_, e.node->order);
      wanted_.push_back({std::move(e), Tensor()});
    }
  }

  void run() {
    GradMode mode(create_);
    const Quiet quiet;  // results inside gradients; the gradients themselves are checked
    std::uint32_t steps = 0;
    while (!heap_.empty()) {
      const auto [order, slot] = heap_.top();
      if (capturing_ && order < last_) break;
      heap_.pop();
      if ((++steps & 63) == 0) runtime::check_interrupt();
      const Ref<Node> node = std::move(slots_[slot].node);
      std::vector<Tensor> grads = std::move(slots_[slot].grads);
      node->walk = 0;
      visit(*node, grads);
      grads.clear();
      slots_[slot].grads = std::move(grads);
      free_.push_back(slot);
    }
  }

  Tensor captured(std::size_t i) { return wanted_[i].second; }

 private:
  struct Slot {
    Ref<Node> node;
    std::vector<Tensor> grads;
    std::uint64_t owned = 0;  // bit j: grads[j] is a sum made here, which may be added to in place
  };
  // A slot is given back when its node is visited: a chain uses one over and over, list included.

  void arrive(const Ref<Node>& node, std::uint32_t output, Tensor g) {
    if (node->walk != id_) {
      node->walk = id_;
      if (free_.empty()) {
        node->slot = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
      } else {
        node->slot = free_.back();
        free_.pop_back();
      }
      slots_[node->slot].node = node;
      slots_[node->slot].owned = 0;
      heap_.push({node->order, node->slot});
    }
    Slot& s = slots_[node->slot];
    if (s.grads.size() <= output) s.grads.resize(output + 1);
    Tensor& sum = s.grads[output];
    if (!sum) {
      sum = std::move(g);
      return;
    }
    static const int add = find_declaration("add");
    const std::uint64_t bit = output < 64 ? std::uint64_t{1} << output : 0;
    Operand in[] = {sum, g};
    if (!create_ && (s.owned & bit) && !lanes::any(sum, g)) {
      const Tensor target = sum;
      ops::apply_into(target, add, in);
    } else {
      sum = ops::apply(add, in);
      s.owned |= bit;
    }
  }

  void visit(Node& node, std::vector<Tensor>& grads) {
    run_hooks(node, grads);
    for (auto& [e, result] : wanted_)
      if (e.node.get() == &node && e.output < grads.size()) result = grads[e.output];
    if (node.is_leaf()) {
      if (!capturing_ && node.leaf && !grads.empty() && grads[0]) accumulate(node.leaf, grads[0]);
      return;
    }
    if (node.freed)
      fail<GradientError>(
          node.name(),
          "the values kept for this gradient are gone: backward ran through this graph before", {},
          "compute the result again in each step (the loss inside the loop, a state carried on as "
          "h.detach()), or pass retain_graph=True to the first call");
    // A node may be met on the way although nothing behind it is wanted.
    const bool wanted = std::any_of(node.inputs.begin(), node.inputs.end(),
                                    [&](const Node::Input& in) { return leads_on(in); });
    if (wanted && node.forgotten) remember(node);
    grads.resize(std::max<std::size_t>(grads.size(), node.results));
    arrived_ = grads;
    if (wanted) pass_back(node, grads);
    if (!retain_) node.free_saved();
  }

  void pass_back(Node& node, std::vector<Tensor>& grads) {
    if (node.custom) return visit_custom(node, grads);
    const bool in_lanes =
        std::any_of(grads.begin(), grads.end(), [](const Tensor& g) { return lanes::any(g); });
    if (node.op->definition && (create_ || in_lanes)) return visit_definition(node, grads);
    visit_op(node, grads);
  }

  void visit_op(Node& node, std::vector<Tensor>& grads) {
    InlineVector<Backward::Input, 3> in(node.inputs.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      auto& from = node.inputs[i];
      in[i].value = from.saved;
      if (from.saved.is_tensor()) check_version(node, from.saved.tensor, from.version);
      in[i].shape = from.shape;
      in[i].dtype = from.dtype;
      in[i].needed = leads_on(from);
    }
    Tensor kept[8];
    for (std::size_t j = 0; j < node.outputs.size(); ++j) {
      auto& out = node.outputs[j];
      if (!out.saved) continue;
      check_version(node, out.saved, out.version);
      kept[j] = out.saved;
      if (create_ && j < node.op->visible) {  // its own result, in the graph again
        kept[j] = out.saved.alias();
        Record& r = ensure_record(kept[j]);
        r.node = Ref<Node>(&node);
        r.output = static_cast<std::uint32_t>(j);
        kept[j]->requires_grad = true;
      }
    }
    Backward b{*node.op, node.attrs, in, {kept, 8}, grads};
    node.op->backward(b);
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i].needed && in[i].grad) pass_on(node, i, std::move(in[i].grad));
  }

  // Whether a gradient of this input is of use: what is older than all that is wanted depends on
  // none of it.
  bool leads_on(const Node::Input& in) const {
    return in.next && (!capturing_ || in.next->order >= last_);
  }

  // The same value written in ops, differentiated with a graph; also for gradients in lanes.
  void visit_definition(Node& node, std::vector<Tensor>& grads) {
    std::vector<Operand> in;
    std::vector<Tensor> inputs;
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      auto& from = node.inputs[i];
      if (from.saved.is_tensor()) check_version(node, from.saved.tensor, from.version);
      in.push_back(from.saved);
      if (leads_on(from)) {
        inputs.push_back(from.saved.tensor);
        at.push_back(i);
      }
    }
    GradMode on(true);
    const Tensor y = node.op->definition(in, node.attrs);
    auto r = grad({y}, {grads[0]}, inputs, true, create_, true);
    for (std::size_t k = 0; k < at.size(); ++k)
      if (r[k]) pass_on(node, at[k], std::move(r[k]));
  }

  void visit_custom(Node& node, std::vector<Tensor>& grads) {
    auto r = node.custom->backward(grads);
    if (r.size() != node.inputs.size())
      fail<GradientError>(node.name(),
                          "backward must return one gradient for every input of forward",
                          std::to_string(r.size()) + " gradients for " +
                              std::to_string(node.inputs.size()) + " inputs");
    for (std::size_t i = 0; i < r.size(); ++i) {
      const auto& in = node.inputs[i];
      if (!r[i] || !leads_on(in)) continue;
      if (!(r[i].shape() == in.shape)) {
        if (!(ops::broadcast(r[i].shape(), in.shape, node.name()) == r[i].shape()))
          fail<ShapeError>(node.name(), "the gradient must have the shape of its input",
                           "gradient " + describe(r[i]) + ", input " + to_string(in.shape));
        r[i] = ops::sum_to(r[i], in.shape);
      }
      pass_on(node, i, ops::astype(r[i], in.dtype));
    }
  }

  void pass_on(Node& node, std::size_t i, Tensor g) {
    auto& in = node.inputs[i];
    if (watching()) [[unlikely]]
      check_gradient(node, g, arrived_);
    arrive(in.next, in.next_output, std::move(g));
  }

  void run_hooks(Node& node, std::vector<Tensor>& grads) {
    for (std::size_t k = 0; k < node.hooks.size(); ++k) {
      const HookEntry h = node.hooks[k];  // a hook may remove itself
      if (h.output >= grads.size() || !grads[h.output]) continue;
      if (Tensor r = h.hook(grads[h.output])) {
        if (!(r.shape() == grads[h.output].shape()))
          fail<ShapeError>("hook", "a hook must return a gradient of the same shape",
                           describe(r) + " for " + describe(grads[h.output]));
        grads[h.output] = std::move(r);
      }
    }
    if (!capturing_)
      for (auto& [output, impl] : node.retained)
        if (output < grads.size() && grads[output]) {
          Tensor kept = grads[output];  // it is still needed here
          accumulate(impl, kept);
        }
  }

  void accumulate(TensorImpl* impl, Tensor& g) {
    const Tensor t{Ref<TensorImpl>(impl)};
    Record& r = ensure_record(t);
    if (g.lanes())
      for (const auto level : g.lanes()->levels)
        if (!t.lanes() || t.lanes()->find(level) < 0)
          fail<VmapError>("backward",
                          ".grad of a tensor that all lanes share cannot hold a gradient for each",
                          describe(t), "nnx.vmap(nnx.grad(f)) returns the gradients of all lanes");
    if (r.grad) {
      static const int add = find_declaration("add");
      Operand in[] = {r.grad, g};
      if (create_ || !r.grad->storage->writable || lanes::any(r.grad, g)) {
        r.grad = ops::apply(add, in);
      } else {
        const Tensor target = r.grad;
        GradMode off(false);
        ops::apply_into(target, add, in);
      }
      return;
    }
    // Taken over when nobody else holds it; otherwise a later in-place change would be seen twice.
    const bool ours =
        g->use_count() == 1 && g->storage->use_count() == 1 && g.contiguous() && !g->wrapper;
    r.grad = ours ? std::move(g) : ops::clone(g);
  }

  void check_version(const Node& node, const Tensor& t, std::uint32_t version) {
    if (t.version() == version) return;
    fail<GradientError>(
        node.name(), "a value this gradient needs was overwritten in place",
        describe(t) + " was written " + std::to_string(t.version() - version) + " time(s) since",
        "write to a copy, or compute the result again before backward");
  }

  std::uint64_t id_;
  bool retain_, create_;
  bool capturing_ = false;
  std::uint64_t last_ = 0;           // nothing older than this is wanted
  std::span<const Tensor> arrived_;  // at the node being visited
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<std::pair<std::uint64_t, std::uint32_t>> heap_;
  std::vector<std::pair<Edge, Tensor>> wanted_;
};

// The gradient a root starts with.
Tensor start(const Tensor& root, const Tensor* given, const char* op) {
  if (!requires_grad(root))
    fail<GradientError>(
        op, "this tensor does not depend on anything that requires a gradient", describe(root),
        "is it cut off from the parameters by .detach(), .data, .item(), NumPy or no_grad, or are "
        "they all frozen? Inputs need requires_grad=True, and gradients enabled");
  if (given && *given) {
    if (!(given->shape() == root.shape()))
      fail<ShapeError>(op, "the gradient must have the shape of the tensor",
                       "gradient " + describe(*given) + ", tensor " + describe(root));
    if (given->dtype() != root.dtype())
      fail<DTypeError>(op, "the gradient must have the dtype of the tensor",
                       "gradient " + describe(*given) + ", tensor " + describe(root));
    return *given;
  }
  if (root.numel() != 1)
    fail<GradientError>(op, "only a tensor with one element has a gradient without saying of what",
                        describe(root),
                        "reduce it to one number first (loss.mean()), or pass gradient=");
  if (is_complex(root.dtype()))
    fail<GradientError>(op, "a gradient without saying of what is one of a real number",
                        describe(root),
                        "make a real loss of it first (abs(x), x.real), or pass gradient=");
  return ops::full(root.shape(), 1, root.dtype(), root.device());
}

}  // namespace

void backward(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads, bool retain_graph,
              bool create_graph) {
  Walk walk(retain_graph, create_graph);
  for (std::size_t i = 0; i < roots.size(); ++i)
    walk.seed(roots[i], start(roots[i], i < grads.size() ? &grads[i] : nullptr, "backward"));
  walk.run();
}

std::vector<Tensor> grad(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads,
                         const std::vector<Tensor>& inputs, bool retain_graph, bool create_graph,
                         bool allow_unused) {
  for (const auto& t : inputs)
    if (!requires_grad(t))
      fail<GradientError>("grad", "every input must require a gradient", describe(t),
                          "call requires_grad_() on it first");
  Walk walk(retain_graph, create_graph);
  walk.capture(inputs);
  for (std::size_t i = 0; i < roots.size(); ++i)
    walk.seed(roots[i], start(roots[i], i < grads.size() ? &grads[i] : nullptr, "grad"));
  walk.run();
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    out.push_back(walk.captured(i));
    if (!out.back() && !allow_unused)
      fail<GradientError>("grad", "an input does not take part in the result",
                          "input " + std::to_string(i) + ", " + describe(inputs[i]),
                          "pass allow_unused=True to get None for it");
  }
  return out;
}

}  // namespace nnx::autodiff
