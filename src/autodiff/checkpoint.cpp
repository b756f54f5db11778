// Values that are freed after the forward pass and computed again in the backward pass.
//
// A part of the graph, made by one function, gives up what nothing else keeps alive. The first of
// its nodes to be visited has the function run again: it makes the same nodes in the same order,
// and every old node takes its values from the new one. Gradients pass through the old nodes, so
// everything that is wanted of the graph (parameters the function closes over, hooks, higher
// orders) is found as if nothing had been freed.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "autodiff/node.hpp"

namespace nnx::autodiff {

struct Forgotten {
  struct Watched {
    Ref<Storage> storage;
    std::uint32_t version;
  };
  std::function<std::vector<Tensor>()> again;
  std::vector<Watched> inputs;  // what the function was given: must be the same when it runs again
  std::vector<const char*> names;  // of its nodes, in order
  std::vector<Ref<Node>> made;     // by the second run
};

namespace {

// The nodes made since `position` that these depend on, in order.
std::vector<Ref<Node>> region(const std::vector<Tensor>& outputs, std::uint64_t position) {
  std::vector<Ref<Node>> found;
  std::unordered_set<const Node*> met;
  const auto enter = [&](const Ref<Node>& n) {
    if (n && n->order > position && !n->is_leaf() && met.insert(n.get()).second) found.push_back(n);
  };
  for (const auto& t : outputs)
    if (t) enter(edge_of(t).node);
  for (std::size_t k = 0; k < found.size(); ++k) {
    const Ref<Node> n = found[k];
    for (const auto& i : n->inputs) enter(i.next);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a->order < b->order; });
  return found;
}

template <class F>
void each_saved(Node& node, F&& f) {
  for (auto& i : node.inputs)
    if (i.saved.is_tensor()) f(i.saved.tensor);
  for (auto& o : node.outputs)
    if (o.saved) f(o.saved);
}

}  // namespace

std::uint64_t graph_position() { return Ref<Node>(new Node)->order; }

void forget(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
            std::uint64_t position, std::function<std::vector<Tensor>()> again) {
  const auto nodes = region(outputs, position);
  if (nodes.empty()) return;
  auto f = std::make_shared<Forgotten>();
  f->again = std::move(again);
  for (const auto& t : inputs) f->inputs.push_back({t->storage, t.version()});
  // Who holds what: a tensor, and a storage, that only these nodes hold can go.
  std::unordered_map<const TensorImpl*, std::uint32_t> held;
  std::unordered_map<const Storage*, std::uint32_t> windows;
  for (const auto& n : nodes) {
    f->names.push_back(n->name());
    for (const auto& i : n->inputs)
      if (i.next && i.next->leaf) {
        const TensorImpl* leaf = i.next->leaf;
        f->inputs.push_back({leaf->storage, leaf->storage->version});
      }
    each_saved(*n, [&](Tensor& t) {
      if (held[t.impl()]++ == 0) ++windows[t->storage.get()];
    });
  }
  std::unordered_map<const Storage*, bool> ours;
  for (const auto& [storage, count] : windows) ours[storage] = storage->use_count() == count;
  for (const auto& n : nodes)
    each_saved(*n, [&](Tensor& t) {
      if (t->use_count() != held[t.impl()]) ours[t->storage.get()] = false;
    });
  std::uint32_t k = 0;
  for (const auto& n : nodes) {
    each_saved(*n, [&](Tensor& t) {
      if (ours[t->storage.get()]) t = Tensor();
    });
    n->forgotten = f;
    n->place = k++;
  }
}

void remember(Node& node) {
  const std::shared_ptr<Forgotten> f = node.forgotten;
  if (f->made.empty()) {
    for (const auto& w : f->inputs)
      if (w.storage->version != w.version)
        fail<GradientError>("checkpoint",
                            "an argument or a parameter was overwritten since the forward pass, so "
                            "it cannot be run again",
                            {}, "call backward before the optimiser's step");
    GradMode on(true);
    const std::uint64_t position = graph_position();
    const std::vector<Tensor> outputs = f->again();
    auto made = region(outputs, position);
    bool same = made.size() == f->names.size();
    for (std::size_t i = 0; same && i < made.size(); ++i)
      same = std::string_view(made[i]->name()) == f->names[i];
    if (!same)
      fail<GradientError>("checkpoint",
                          "the function computed something else when it was run again",
                          std::to_string(f->names.size()) + " operations at first, then " +
                              std::to_string(made.size()),
                          "it must depend on its arguments alone, not on counters or flags that "
                          "change");
    f->made = std::move(made);
  }
  Node& from = *f->made[node.place];
  if (from.forgotten) remember(from);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    auto& to = node.inputs[i];
    if (to.saved.is_tensor() || !from.inputs[i].saved.is_tensor()) continue;
    to.saved = from.inputs[i].saved;
    to.version = from.inputs[i].version;
  }
  for (std::size_t j = 0; j < node.outputs.size(); ++j) {
    auto& to = node.outputs[j];
    if (to.saved || !from.outputs[j].saved) continue;
    to.saved = from.outputs[j].saved;
    to.version = from.outputs[j].version;
  }
  node.forgotten.reset();
}

}  // namespace nnx::autodiff
