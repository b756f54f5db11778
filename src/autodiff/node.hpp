// The graph: nodes that dispatch recorded, and what autodiff keeps with a tensor.
// Invariants: a node's inputs were created before it (`order` grows), except that views are
// re-derived from their base after an in-place write, by a newer node; a node never refers to its
// own results' tensors (kept results are aliases without a record), so there are no cycles;
// dropping the last reference to a chain of nodes frees it iteratively.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "autodiff/autodiff.hpp"
#include "core/free_list.hpp"
#include "core/inline_vector.hpp"

namespace nnx::autodiff {

using namespace ops;

struct HookEntry {
  std::uint64_t id;
  std::uint32_t output;
  Hook hook;
  std::shared_ptr<void> payload;
};

// Of a checkpoint: how values come back.
struct Forgotten;

class Node : public RefCounted {
 public:
  struct Input {
    Ref<Node> next;  // producer; none when no gradient is needed
    std::uint32_t next_output = 0;
    Shape shape;
    DType dtype = DType::float32;
    Operand saved;
    std::uint32_t version = 0;
  };
  struct Output {
    Tensor saved;  // an alias without a record
    std::uint32_t version = 0;
  };

  Node();
  static void* operator new(std::size_t n) { return FreeList<Node>::take(n); }
  static void operator delete(void* p, std::size_t n) noexcept { FreeList<Node>::give(p, n); }
  static void release(Node* n) noexcept;
  // Newer than every node made so far: called once the inputs are known, which may be made late.
  void stamp() noexcept;
  const char* name() const noexcept;
  bool is_leaf() const noexcept { return !op && !custom; }
  // Gives up what was kept for the backward pass.
  void free_saved() noexcept;

  std::uint64_t order;
  const Op* op = nullptr;                  // null for leaves and custom gradients
  std::unique_ptr<CustomGradient> custom;  // of record_custom
  const char* custom_name = "";
  TensorImpl* leaf = nullptr;  // of a leaf; null once the tensor is gone
  Attrs attrs;
  InlineVector<Input, 2> inputs;
  InlineVector<Output, 1> outputs;
  std::vector<HookEntry> hooks;
  std::vector<std::pair<std::uint32_t, TensorImpl*>> retained;  // results that keep .grad
  std::uint32_t results = 1;
  std::shared_ptr<Forgotten> forgotten;  // where freed values come from, when they are needed
  std::uint32_t place = 0;               // its number there
  bool freed = false;
  // The walk that met this node last and where that walk keeps its gradients.
  std::uint64_t walk = 0;
  std::uint32_t slot = 0;

 private:
  ~Node() = default;
};

struct Record final : GradRecord {
  ~Record() override;
  static void* operator new(std::size_t n) { return FreeList<Record>::take(n); }
  static void operator delete(void* p, std::size_t n) noexcept { FreeList<Record>::give(p, n); }

  Ref<Node> node;  // producer, or the leaf's own node once it is used
  std::uint32_t output = 0;
  TensorImpl* owner = nullptr;
  Tensor grad;
  Tensor base;                // of a view: the tensor whose history writes go to
  std::uint32_t rebased = 0;  // in-place writes that changed this tensor's history
  std::uint32_t seen = 0;     // of a view: the base's `rebased` its node was made for
};

Record* record_of(const Tensor& t) noexcept;  // null when there is none
Record& ensure_record(const Tensor& t);

// Brings back what a checkpoint freed.
void remember(Node& node);

// What detect_anomaly does with nodes; nothing while it is off.
bool watching() noexcept;
// While one lives, this thread's results are not looked at.
class Quiet {
 public:
  Quiet() noexcept;
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};
void note_place(const Node& node);
// The gradients that `node` passes back are checked against those it got.
void check_gradient(const Node& node, const Tensor& g, std::span<const Tensor> arrived);

struct Edge {
  Ref<Node> node;
  std::uint32_t output = 0;
};
// Where a gradient of t goes; no node when t needs none.
Edge edge_of(const Tensor& t);

}  // namespace nnx::autodiff
