// Reverse-mode autodiff: the graph that dispatch records, the backward walk, what a tensor keeps.
// Invariants: a graph of any length is walked and freed without recursion; nodes are visited in
// the reverse order of their creation; a value that was overwritten since it was kept is noticed
// (GradientError), never used.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/op.hpp"

namespace nnx::autodiff {

using namespace core;

// Installs the tape at the dispatch point. Once, at start.
void install();

// --- tensors -----------------------------------------------------------------------------------
Tensor grad_of(const Tensor& t);                  // accumulated gradient, or none
void set_grad(const Tensor& t, const Tensor& g);  // none clears; shape and dtype are checked
// The flag as users see it: also true for a view whose base was written with a followed value.
bool requires_grad(const Tensor& t);
void set_requires_grad(const Tensor& t, bool on);  // GradientError on a result or an integer
bool is_leaf(const Tensor& t);
void retain_grad(const Tensor& t);
// Name of the op that made t, "" for a leaf.
std::string producer(const Tensor& t);
// `grad = hook(grad)`; a none result keeps the gradient. Returns an id for remove_hook.
using Hook = std::function<Tensor(const Tensor&)>;
// `payload`: what garbage collectors should know the hook holds.
std::uint64_t add_hook(const Tensor& t, Hook hook, std::shared_ptr<void> payload = {});
void remove_hook(const Tensor& t, std::uint64_t id);

// --- the walk ----------------------------------------------------------------------------------
// Accumulates into .grad of every leaf. grads[i] may be none for a one-element root (ones).
void backward(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads, bool retain_graph,
              bool create_graph);
// d roots / d inputs. A none entry stands for an input that roots do not depend on.
std::vector<Tensor> grad(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads,
                         const std::vector<Tensor>& inputs, bool retain_graph, bool create_graph,
                         bool allow_unused);

// --- functions with a gradient of their own ----------------------------------------------------
// What nnx.Function puts into the graph: `backward` gets the gradients of the outputs (none where
// nothing arrived) and returns one per input (none for zero). `release` runs when the graph is
// freed by a backward walk without retain_graph.
struct CustomGradient {
  std::function<std::vector<Tensor>(std::span<const Tensor>)> backward;
  std::function<void()> release;
  // For garbage collectors: the binding's own objects held by the closures above.
  std::shared_ptr<void> payload;
};
// Connects freshly made outputs to their inputs (no-op while grad mode is off or when no input
// needs a gradient).
void record_custom(const char* name, const std::vector<Tensor>& inputs,
                   const std::vector<Tensor>& outputs, CustomGradient gradient);

// --- the graph as a whole (graph.cpp) ------------------------------------------------------------
struct GraphEdge {
  std::uint64_t source;  // a GraphNode's id
  std::uint32_t output;  // which of its results
  Shape shape;
  DType dtype;
};
struct GraphNode {
  std::uint64_t id;
  std::string name;
  Tensor leaf;  // of a leaf that is still there
  std::vector<GraphEdge> inputs;
};
// Everything that roots depend on and that requires a gradient, newest first.
std::vector<GraphNode> graph(const std::vector<Tensor>& roots);
// Ids of the nodes that made these; 0 for a tensor outside the graph.
std::vector<std::uint64_t> producer_ids(const std::vector<Tensor>& tensors);
// Whether roots depend on a leaf that is none of these.
bool depends_on_others(const std::vector<Tensor>& roots, const std::vector<Tensor>& leaves);
// Elements of the largest value in the graph.
std::int64_t largest_value(const std::vector<Tensor>& roots);

// --- values computed again (checkpoint.cpp) ------------------------------------------------------
// The number that nodes made from now on will be above.
std::uint64_t graph_position();
// Frees what the nodes made since `position` keep and nobody else holds. `again` computes outputs
// once more, in a graph, when the first of those values is needed.
void forget(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
            std::uint64_t position, std::function<std::vector<Tensor>()> again);

// --- the first NaN (anomaly.cpp) -----------------------------------------------------------------
// `place` says where the program is, in words. Ends with end_anomaly.
void begin_anomaly(std::function<std::string()> place, bool nan, bool infinity);
void end_anomaly() noexcept;

// The payloads of hooks and custom gradients reachable from t through nodes that nothing but t
// keeps alive.
void visit_payloads(const Tensor& t, const std::function<void(void*)>& visit);

}  // namespace nnx::autodiff
