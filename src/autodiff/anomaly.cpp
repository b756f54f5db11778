// detect_anomaly: the op, the place in the program and the numbers that made the first NaN.
// Invariant: while it is on, every result is looked at before anything else sees it; looking makes
// no graph and is not itself watched.
#include <string>
#include <unordered_map>
#include <utility>

#include "autodiff/node.hpp"
#include "ops/support.hpp"

namespace nnx::autodiff {
namespace {

thread_local int t_quiet = 0;  // looking, or in the middle of a node's gradient
template <class T>
T only(const Tensor& t) {
  return ops::value_of<T>(ops::contiguous(t));
}

std::string number(const Tensor& t) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", only<double>(ops::astype(t, DType::float64)));
  return text;
}

class Watch final : public Observer {
 public:
  Watch(std::function<std::string()> place, bool nan, bool infinity)
      : place_(std::move(place)), nan_(nan), infinity_(infinity) {}

  void computed(const Call& call) override {
    if (t_quiet || call.op.view) return;
    const Quiet quiet;
    const GradMode off(false);
    for (int j = 0; j < call.op.visible; ++j) {
      const Tensor& out = call.out[j];
      if (!out || !bad(out)) continue;
      for (const auto& o : call.in)
        if (o.is_tensor() && !same_memory(call, o.tensor) && bad(o.tensor))
          fail<NanError>(call.op.name,
                         what() +
                             " came in with an operand: it was made before, or "
                             "is in the data",
                         received(call), "look at " + place_());
      fail<NanError>(call.op.name,
                     "made the first " + what() + ", in " + std::to_string(how_many(out)) + " of " +
                         std::to_string(ops::lanes::values(out).numel()) + " results",
                     received(call), "look at " + place_());
    }
  }

  void note(const Node& node) { places_[node.order] = place_(); }

  void gradient(const Node& node, const Tensor& g, std::span<const Tensor> arrived) {
    const Quiet quiet;
    const GradMode off(false);
    if (!bad(g)) return;
    const char* rule = "its gradient made the first ";
    std::string got;
    for (const auto& a : arrived) {
      if (!a) continue;
      got += (got.empty() ? "" : ", ") + std::string("gradient ") + numbers(a);
      if (bad(a)) rule = "the gradient that arrived already held ";
    }
    const auto at = places_.find(node.order);
    fail<NanError>(node.name(), rule + what(), got,
                   at == places_.end() ? "the forward pass ran outside detect_anomaly"
                                       : "the forward pass was " + at->second);
  }

 private:
  std::string what() const { return infinity_ ? "NaN or infinity" : "NaN"; }
  Tensor mask(const Tensor& t) const {
    const Tensor v = ops::lanes::values(t);
    return infinity_ ? pointwise::logical_not(pointwise::isfinite(v)) : pointwise::isnan(v);
  }
  bool bad(const Tensor& t) const {
    return nan_ && is_floating(t.dtype()) && t.numel() && only<bool>(ops::any(mask(t)));
  }
  std::int64_t how_many(const Tensor& t) const { return only<std::int64_t>(ops::sum(mask(t))); }
  // An in-place result that is an operand has no old values left to look at.
  static bool same_memory(const Call& call, const Tensor& t) {
    return call.target && call.target->storage.get() == t->storage.get();
  }
  static std::string numbers(const Tensor& t) {
    const Tensor v = ops::lanes::values(t);
    if (!is_floating(t.dtype()) || v.numel() == 0) return describe(t);
    return describe(t) + " from " + number(ops::min(v)) + " to " + number(ops::max(v));
  }
  static std::string received(const Call& call) {
    std::string s;
    for (const auto& o : call.in)
      s += (s.empty() ? "" : ", ") +
           (o.is_tensor() && !same_memory(call, o.tensor) ? numbers(o.tensor) : describe(o));
    return s;
  }

  std::function<std::string()> place_;
  bool nan_, infinity_;
  std::unordered_map<std::uint64_t, std::string> places_;
};

std::vector<std::unique_ptr<Watch>> g_watches;  // the last one is on

}  // namespace

Quiet::Quiet() noexcept { ++t_quiet; }
Quiet::~Quiet() { --t_quiet; }

void begin_anomaly(std::function<std::string()> place, bool nan, bool infinity) {
  g_watches.push_back(std::make_unique<Watch>(std::move(place), nan, infinity));
  set_observer(g_watches.back().get());
}
void end_anomaly() noexcept {
  if (!g_watches.empty()) g_watches.pop_back();
  set_observer(g_watches.empty() ? nullptr : g_watches.back().get());
}

bool watching() noexcept { return !g_watches.empty(); }
void note_place(const Node& node) { g_watches.back()->note(node); }
void check_gradient(const Node& node, const Tensor& g, std::span<const Tensor> arrived) {
  g_watches.back()->gradient(node, g, arrived);
}

}  // namespace nnx::autodiff
