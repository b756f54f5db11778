// Nodes and records: see node.hpp.
#include "autodiff/node.hpp"

#include <atomic>

namespace nnx::autodiff {
namespace {

std::atomic<std::uint64_t> g_order{1};

// Freeing a node may drop the last reference to the next one: those wait here instead of nesting.
struct Graveyard {
  std::vector<Node*> waiting;
  bool digging = false;
};
Graveyard& graveyard() {
  // Never destroyed: tensors may die after thread-local destructors ran.
  static thread_local Graveyard* g = new Graveyard;
  return *g;
}

}  // namespace

Node::Node() { stamp(); }
void Node::stamp() noexcept { order = g_order.fetch_add(1, std::memory_order_relaxed); }

void Node::release(Node* n) noexcept {
  if (!n->drop()) return;
  Graveyard& g = graveyard();
  if (g.digging) {
    g.waiting.push_back(n);
    return;
  }
  g.digging = true;
  delete n;
  while (!g.waiting.empty()) {
    Node* next = g.waiting.back();
    g.waiting.pop_back();
    delete next;
  }
  g.digging = false;
}

const char* Node::name() const noexcept {
  return op ? op->name : custom ? custom_name : "accumulate_grad";
}

void Node::free_saved() noexcept {
  freed = true;
  forgotten.reset();
  for (auto& i : inputs) i.saved = Operand();
  for (auto& o : outputs) o.saved = Tensor();
  if (custom && custom->release) custom->release();
}

Record::~Record() {
  if (!node) return;
  if (node->leaf == owner) node->leaf = nullptr;
  std::erase_if(node->retained, [&](const auto& r) { return r.second == owner; });
}

Record* record_of(const Tensor& t) noexcept { return static_cast<Record*>(t->grad_record.get()); }

Record& ensure_record(const Tensor& t) {
  if (!t->grad_record) {
    auto r = std::make_unique<Record>();
    r->owner = t.impl();
    t->grad_record = std::move(r);
  }
  return *record_of(t);
}

}  // namespace nnx::autodiff
