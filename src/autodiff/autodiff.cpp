// What autodiff offers about single tensors, and custom gradients: see autodiff.hpp.
#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "autodiff/node.hpp"

namespace nnx::autodiff {

Tensor grad_of(const Tensor& t) {
  const Record* r = record_of(t);
  return r ? r->grad : Tensor();
}

void set_grad(const Tensor& t, const Tensor& g) {
  if (!g) {
    if (Record* r = record_of(t)) r->grad = Tensor();
    return;
  }
  if (!(g.shape() == t.shape()))
    fail<ShapeError>("grad", "the gradient must have the shape of the tensor",
                     "gradient " + describe(g) + ", tensor " + describe(t));
  if (g.dtype() != t.dtype())
    fail<DTypeError>("grad", "the gradient must have the dtype of the tensor",
                     "gradient " + describe(g) + ", tensor " + describe(t));
  if (!(g.device() == t.device()))
    fail<DeviceError>("grad", "the gradient must be on the device of the tensor");
  if (g.is_same(t)) fail<GradientError>("grad", "a tensor cannot be its own gradient");
  ensure_record(t).grad = g;
}

bool is_leaf(const Tensor& t) {
  if (!requires_grad(t)) return true;
  const Record* r = record_of(t);
  if (!r) return true;
  if (r->base) {
    const Record* b = record_of(r->base);
    if (b && b->rebased != r->seen) return false;
  }
  return !r->node || r->node->is_leaf();
}

void set_requires_grad(const Tensor& t, bool on) {
  if (on && !is_differentiable(t.dtype()))
    fail<GradientError>("requires_grad", "only floating tensors can have a gradient", describe(t),
                        "convert with t.float()");
  if (!is_leaf(t)) {
    if (on) return;
    fail<GradientError>("requires_grad",
                        "the result of an operation cannot stop requiring a gradient", describe(t),
                        "use t.detach()");
  }
  t->requires_grad = on;
  if (!on)
    if (Record* r = record_of(t); r && r->node && r->node->leaf == t.impl()) {
      r->node->leaf = nullptr;
      r->node = Ref<Node>();
    }
}

void retain_grad(const Tensor& t) {
  if (!requires_grad(t))
    fail<GradientError>("retain_grad", "only a tensor that requires a gradient can retain it",
                        describe(t));
  if (is_leaf(t)) return;  // leaves do anyway
  Edge e = edge_of(t);
  for (auto& r : e.node->retained)
    if (r.second == t.impl()) return;
  e.node->retained.push_back({e.output, t.impl()});
}

std::string producer(const Tensor& t) { return is_leaf(t) ? "" : edge_of(t).node->name(); }

std::uint64_t add_hook(const Tensor& t, Hook hook, std::shared_ptr<void> payload) {
  static std::atomic<std::uint64_t> ids{1};
  if (!requires_grad(t))
    fail<GradientError>("register_hook", "only a tensor that requires a gradient can have a hook",
                        describe(t));
  Edge e = edge_of(t);
  e.node->hooks.push_back({ids++, e.output, std::move(hook), std::move(payload)});
  return e.node->hooks.back().id;
}

void remove_hook(const Tensor& t, std::uint64_t id) {
  if (!requires_grad(t)) return;
  auto& hooks = edge_of(t).node->hooks;
  const auto it =
      std::find_if(hooks.begin(), hooks.end(), [&](const auto& h) { return h.id == id; });
  if (it == hooks.end()) return;
  const HookEntry gone = std::move(*it);  // destroyed last: it may free Python objects
  hooks.erase(it);
}

void record_custom(const char* name, const std::vector<Tensor>& inputs,
                   const std::vector<Tensor>& outputs, CustomGradient gradient) {
  if (!grad_enabled()) return;
  bool any = false;
  for (const auto& t : inputs) any |= t && requires_grad(t);
  if (!any) return;
  Ref<Node> node(new Node);
  node->custom = std::make_unique<CustomGradient>(std::move(gradient));
  node->custom_name = name;
  node->results = static_cast<std::uint32_t>(outputs.size());
  node->inputs.resize(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]) continue;
    auto& in = node->inputs[i];
    in.shape = inputs[i].shape();
    in.dtype = inputs[i].dtype();
    Edge e = edge_of(inputs[i]);
    in.next = std::move(e.node);
    in.next_output = e.output;
  }
  node->stamp();
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const Tensor& t = outputs[j];
    if (!t || !is_differentiable(t.dtype())) continue;
    Record& r = ensure_record(t);
    r.node = node;
    r.output = static_cast<std::uint32_t>(j);
    t->requires_grad = true;
  }
}

void visit_payloads(const Tensor& t, const std::function<void(void*)>& visit) {
  const Record* r = record_of(t);
  if (!r || !r->node || t->use_count() != 1) return;
  std::vector<Node*> stack;
  std::unordered_set<const Node*> met;
  auto enter = [&](Node* n) {
    if (n && n->use_count() == 1 && met.insert(n).second) stack.push_back(n);
  };
  enter(r->node.get());
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    for (const auto& h : n->hooks)
      if (h.payload && h.payload.use_count() == 1) visit(h.payload.get());
    if (n->custom && n->custom->payload && n->custom->payload.use_count() == 1)
      visit(n->custom->payload.get());
    for (const auto& i : n->inputs) enter(i.next.get());
  }
}

}  // namespace nnx::autodiff
