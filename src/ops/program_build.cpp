// From pointwise expressions to tile programs and to gradient ops: see pointwise_op.hpp.
#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "ops/pointwise_op.hpp"

namespace nnx::ops {
namespace {

std::mutex g_build;  // making programs and gradients; rare

// Registers are numbered without reuse first, then packed by last use.
class Lowering {
 public:
  Lowering(const PointwiseOp& op, Lane lane) : op_(op), lane_(lane) {}

  std::unique_ptr<const Program> run() {
    for (int i = 0; i < op_.arity; ++i) {
      const Lane l = (op_.masks >> i) & 1 ? Lane::b8 : lane_;
      program_.in_lane[i] = l;
      lanes_.push_back(l);
    }
    program_.inputs = static_cast<std::uint8_t>(op_.arity);
    std::vector<int> roots;
    if (op_.declaration >= 0) {
      // One compiled function, composed ops and updates included.
      std::vector<int> args(op_.arity);
      for (int i = 0; i < op_.arity; ++i) args[i] = i;
      roots = emit(op_.declaration, args, static_cast<int>(op_.roots.size()), lane_);
    } else {
      for (const auto& r : op_.roots) roots.push_back(value(r));
    }
    allocate(roots);
    for (std::size_t i = 0; i < roots.size(); ++i) {
      program_.out_reg[i] = static_cast<std::uint8_t>(place_[roots[i]]);
      program_.out_lane[i] = lanes_[roots[i]];
    }
    program_.outputs = static_cast<std::uint8_t>(roots.size());
    for (Lane l : lanes_)
      program_.width = std::max(program_.width, static_cast<std::uint8_t>(size_of(l)));
    return std::make_unique<const Program>(std::move(program_));
  }

 private:
  struct Step {
    int function;
    Lane lane;
    std::vector<int> src, dst;
  };

  int fresh(Lane l) {
    lanes_.push_back(l);
    return static_cast<int>(lanes_.size()) - 1;
  }

  std::vector<int> emit(int function, const std::vector<int>& src, int results, Lane lane) {
    const Rule rule = declarations()[function].rule;
    const bool to_mask = rule == Rule::comparison || rule == Rule::logical;
    if (rule == Rule::logical) lane = Lane::b8;
    if (rule == Rule::comparison) lane = lanes_[src[0]];
    auto [it, is_new] = seen_.try_emplace({function, src});
    if (is_new) {
      for (int j = 0; j < results; ++j) it->second.push_back(fresh(to_mask ? Lane::b8 : lane));
      steps_.push_back({function, lane, src, it->second});
    }
    return it->second;
  }

  int value(const Expr& e) {
    if (e->kind == ExprNode::Kind::input) return e->index;
    if (e->kind == ExprNode::Kind::constant) {
      auto [it, is_new] = constants_.try_emplace(e->value, 0);
      if (is_new) it->second = fresh(lane_);
      return it->second;
    }
    if (auto it = values_.find(e.get()); it != values_.end()) return it->second;
    std::vector<int> src;
    for (const auto& a : e->args) src.push_back(value(a));
    return values_[e.get()] = emit(e->index, src, 1, lane_)[0];
  }

  void allocate(const std::vector<int>& roots) {
    std::vector<int> last(lanes_.size(), -1);
    for (std::size_t s = 0; s < steps_.size(); ++s)
      for (int r : steps_[s].src) last[r] = static_cast<int>(s);
    for (int r : roots) last[r] = static_cast<int>(steps_.size());
    place_.assign(lanes_.size(), -1);
    int next = 0;
    for (int i = 0; i < op_.arity; ++i) place_[i] = next++;
    for (const auto& [v, r] : constants_) {
      place_[r] = next++;
      program_.constants.push_back({static_cast<std::uint8_t>(place_[r]), lane_, v});
    }
    const int first_temporary = next;
    std::vector<int> free;
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const Step& step = steps_[s];
      Instr instr;
      instr.function = static_cast<std::uint16_t>(step.function);
      instr.lane = instr.to = step.lane;
      instr.arity = static_cast<std::uint8_t>(step.src.size());
      instr.results = static_cast<std::uint8_t>(step.dst.size());
      for (std::size_t i = 0; i < step.src.size(); ++i)
        instr.src[i] = static_cast<std::uint8_t>(place_[step.src[i]]);
      // Results get registers before sources are given back: a function may read a source again
      // after writing its first result.
      for (std::size_t j = 0; j < step.dst.size(); ++j) {
        int reg;
        if (free.empty()) {
          reg = next++;
        } else {
          reg = free.back();
          free.pop_back();
        }
        place_[step.dst[j]] = reg;
        instr.dst[j] = static_cast<std::uint8_t>(reg);
      }
      for (int r : step.src)
        if (last[r] == static_cast<int>(s) && place_[r] >= first_temporary) {
          last[r] = -2;  // once, though it may be read twice
          free.push_back(place_[r]);
        }
      program_.code.push_back(instr);
    }
    if (next > kMaxRegisters)
      fail<Error>(op_.label, "this expression needs more registers than a program has");
    program_.registers = static_cast<std::uint8_t>(next);
  }

  const PointwiseOp& op_;
  Lane lane_;
  Program program_;
  std::vector<Lane> lanes_;  // of each virtual register
  std::vector<int> place_;   // its register
  std::vector<Step> steps_;
  std::map<std::pair<int, std::vector<int>>, std::vector<int>> seen_;
  std::map<double, int> constants_;
  std::unordered_map<const ExprNode*, int> values_;
};

// Which inputs an expression reads.
void inputs_of(const Expr& e, std::uint32_t& bits) {
  if (e->kind == ExprNode::Kind::input) bits |= 1u << e->index;
  for (const auto& a : e->args) inputs_of(a, bits);
}

Expr renumbered(const Expr& e, const std::vector<int>& to,
                std::unordered_map<const ExprNode*, Expr>& memo) {
  if (e->kind == ExprNode::Kind::constant) return e;
  if (e->kind == ExprNode::Kind::input) return Expr::input(to[e->index]);
  if (auto it = memo.find(e.get()); it != memo.end()) return it->second;
  std::vector<Expr> args;
  for (const auto& a : e->args) args.push_back(renumbered(a, to, memo));
  return memo[e.get()] = Expr::apply(e->index, args);
}

bool same(const Expr& a, const Expr& b) {
  if (a.get() == b.get()) return true;
  if (a->kind != b->kind || a->index != b->index || a->value != b->value) return false;
  return std::equal(a->args.begin(), a->args.end(), b->args.begin(), b->args.end(), same);
}
// The composed declaration that is this very expression, or -1: it has a kernel.
int declared_as(const Expr& e, int arity) {
  std::vector<Expr> inputs;
  for (int i = 0; i < arity; ++i) inputs.push_back(Expr::input(i));
  for (std::size_t id = 0; id < declarations().size(); ++id) {
    const Declaration& d = declarations()[id];
    if (d.primitive || d.rule != Rule::floating || d.arity != arity) continue;
    if (same(d.define(inputs)[0], e)) return static_cast<int>(id);
  }
  return -1;
}

std::unique_ptr<const PointwiseGradient> make_gradient(const PointwiseOp& op, int input) {
  auto r = std::make_unique<PointwiseGradient>();
  const Expr y = Expr::input(op.arity), g = Expr::input(op.arity + 1);
  const Expr d = (op.masks >> input) & 1 ? Expr(0) : derivative(op.roots[0], input, y);
  if (d.is_constant(0)) {
    r->zero = true;
    return r;
  }
  if (d.is_constant(1)) {
    r->identity = true;
    return r;
  }
  const Expr e = product(g, d);
  auto note = [&](int i) {
    r->uses.push_back(i);
    if (i < op.arity) r->saves |= save_in(i);
    if (i == op.arity) r->saves |= save_out(0);
  };
  // One declared op on inputs: its compiled kernel is the gradient.
  if (e->kind == ExprNode::Kind::apply) {
    bool direct = true;
    for (const auto& a : e->args) direct &= a->kind == ExprNode::Kind::input;
    if (direct) {
      for (const auto& a : e->args) note(a->index);
      r->op = &pointwise_op(e->index);
      return r;
    }
  }
  std::uint32_t bits = 0, masks = 0;
  inputs_of(e, bits);
  std::vector<int> to(op.arity + 2, -1);
  for (int i = 0; i < op.arity + 2; ++i)
    if ((bits >> i) & 1) {
      if (i < op.arity && ((op.masks >> i) & 1)) masks |= 1u << r->uses.size();
      to[i] = static_cast<int>(r->uses.size());
      note(i);
    }
  std::unordered_map<const ExprNode*, Expr> memo;
  const int arity = static_cast<int>(r->uses.size());
  const Expr own = renumbered(e, to, memo);
  if (const int known = masks ? -1 : declared_as(own, arity); known >= 0) {
    r->op = &pointwise_op(known);
    return r;
  }
  r->owned = make_pointwise(op.label + "_backward", Rule::floating, arity, {own}, masks);
  r->op = r->owned.get();
  return r;
}

}  // namespace

const Program& pointwise_program(const PointwiseOp& op, Lane lane) {
  auto& slot = op.programs[static_cast<int>(lane)];
  if (auto* p = slot.load(std::memory_order_acquire)) return *p;
  std::lock_guard lock(g_build);
  if (auto* p = slot.load(std::memory_order_acquire)) return *p;
  const Program* p = Lowering(op, lane).run().release();
  slot.store(p, std::memory_order_release);
  return *p;
}

const PointwiseGradient& pointwise_gradient(const PointwiseOp& op, int input) {
  auto& slot = op.gradients[input];
  if (auto* p = slot.load(std::memory_order_acquire)) return *p;
  std::lock_guard lock(g_build);
  if (auto* p = slot.load(std::memory_order_acquire)) return *p;
  const PointwiseGradient* p = make_gradient(op, input).release();
  slot.store(p, std::memory_order_release);
  return *p;
}

std::uint32_t pointwise_saves(const PointwiseOp& op, std::uint32_t needed) {
  std::uint32_t saves = 0;
  for (int i = 0; i < op.arity; ++i)
    if ((needed >> i) & 1) saves |= pointwise_gradient(op, i).saves;
  return saves;
}

}  // namespace nnx::ops
