// The recorded graph seen from outside: see autodiff.hpp.
#include <algorithm>
#include <unordered_set>

#include "autodiff/node.hpp"

namespace nnx::autodiff {
namespace {

// Calls visit(node) once for every node that roots depend on.
template <class F>
void each_node(const std::vector<Tensor>& roots, F&& visit) {
  std::vector<Ref<Node>> stack;
  std::unordered_set<const Node*> met;
  const auto enter = [&](const Ref<Node>& n) {
    if (n && met.insert(n.get()).second) stack.push_back(n);
  };
  for (const auto& t : roots)
    if (t) enter(edge_of(t).node);
  while (!stack.empty()) {
    const Ref<Node> n = std::move(stack.back());
    stack.pop_back();
    visit(*n);
    for (const auto& i : n->inputs) enter(i.next);
  }
}

}  // namespace

std::vector<GraphNode> graph(const std::vector<Tensor>& roots) {
  std::vector<GraphNode> found;
  each_node(roots, [&](Node& n) {
    GraphNode g{n.order, n.name(), {}, {}};
    if (n.leaf) g.leaf = Tensor{Ref<TensorImpl>(n.leaf)};
    for (const auto& i : n.inputs)
      if (i.next) g.inputs.push_back({i.next->order, i.next_output, i.shape, i.dtype});
    found.push_back(std::move(g));
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  return found;
}

std::vector<std::uint64_t> producer_ids(const std::vector<Tensor>& tensors) {
  std::vector<std::uint64_t> ids;
  for (const auto& t : tensors) {
    const Edge e = edge_of(t);
    ids.push_back(e.node ? e.node->order : 0);
  }
  return ids;
}

bool depends_on_others(const std::vector<Tensor>& roots, const std::vector<Tensor>& leaves) {
  std::unordered_set<const Node*> own;
  for (const auto& t : leaves)
    if (const Edge e = edge_of(t); e.node) own.insert(e.node.get());
  bool found = false;
  each_node(roots, [&](const Node& n) { found = found || (n.is_leaf() && !own.contains(&n)); });
  return found;
}

std::int64_t largest_value(const std::vector<Tensor>& roots) {
  std::int64_t n = 1;
  for (const auto& t : roots) n = std::max(n, t.numel());
  each_node(roots, [&](Node& node) {
    for (const auto& i : node.inputs) n = std::max(n, count(i.shape));
  });
  return n;
}

}  // namespace nnx::autodiff
