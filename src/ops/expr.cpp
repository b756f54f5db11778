// Building, simplifying and differentiating pointwise expressions: see expr.hpp.
#include "ops/expr.hpp"

#include <map>
#include <string>
#include <unordered_map>

namespace nnx::ops {
namespace {

std::vector<Declaration>& table() {
  static std::vector<Declaration> t = [] {
    std::vector<Declaration> v;
    v.reserve(256);
    return v;
  }();
  return t;
}

Expr make(ExprNode node) { return Expr(std::make_shared<const ExprNode>(std::move(node))); }

bool is_call(const Expr& e, int id) { return e->kind == ExprNode::Kind::apply && e->index == id; }

// Ids of the declarations the algebra below knows by meaning.
struct Known {
  int add = find_declaration("add"), subtract = find_declaration("subtract"),
      multiply = find_declaration("multiply"), divide = find_declaration("divide"),
      negative = find_declaration("negative"), where = find_declaration("where");
};
const Known& known() {
  static const Known k;
  return k;
}

// Cheap identities that derivatives are full of. Structural zeros annihilate: a derivative that is
// identically zero stays zero whatever it is multiplied with.
Expr simplified(int id, std::span<const Expr> a) {
  const Known& k = known();
  if (id == k.add) {
    if (a[0].is_constant(0)) return a[1];
    if (a[1].is_constant(0)) return a[0];
  } else if (id == k.subtract) {
    if (a[1].is_constant(0)) return a[0];
    if (a[0].is_constant(0)) return -a[1];
  } else if (id == k.multiply) {
    for (int i : {0, 1}) {
      if (a[i].is_constant(0)) return Expr(0);
      if (a[i].is_constant(1)) return a[1 - i];
      if (a[i].is_constant(-1)) return -a[1 - i];
    }
  } else if (id == k.divide) {
    if (a[0].is_constant(0)) return Expr(0);
    if (a[1].is_constant(1)) return a[0];
  } else if (id == k.negative) {
    if (a[0]->kind == ExprNode::Kind::constant) return Expr(-a[0]->value);
    if (is_call(a[0], k.negative)) return a[0]->args[0];
  } else if (id == k.where) {
    if (a[1]->kind == ExprNode::Kind::constant && a[2].is_constant(a[1]->value)) return a[1];
  }
  return {};
}
}  // namespace

Expr Expr::input(int index) { return make({ExprNode::Kind::input, index, 0, {}}); }
Expr Expr::constant(double value) { return make({ExprNode::Kind::constant, 0, value, {}}); }
bool Expr::is_constant(double value) const {
  return node_->kind == ExprNode::Kind::constant && node_->value == value;
}

Expr Expr::apply(int id, std::span<const Expr> args) {
  const Declaration& d = table()[id];
  if (!d.primitive) return d.define(args)[0];
  if (Expr e = simplified(id, args)) return e;
  return make({ExprNode::Kind::apply, id, 0, {args.begin(), args.end()}});
}

const std::vector<Declaration>& declarations() { return table(); }

int declare(Declaration d) {
  table().push_back(std::move(d));
  return static_cast<int>(table().size()) - 1;
}

void mark_loss(int id) { table()[static_cast<std::size_t>(id)].loss = true; }

int find_declaration(std::string_view name) {
  for (std::size_t i = 0; i < table().size(); ++i)
    if (table()[i].name == name) return static_cast<int>(i);
  return -1;
}

Expr operator+(const Expr& a, const Expr& b) { return call("add", a, b); }
Expr operator-(const Expr& a, const Expr& b) { return call("subtract", a, b); }
Expr operator*(const Expr& a, const Expr& b) { return call("multiply", a, b); }
Expr operator/(const Expr& a, const Expr& b) { return call("divide", a, b); }
Expr operator-(const Expr& a) { return call("negative", a); }
Expr operator==(const Expr& a, const Expr& b) { return call("equal", a, b); }
Expr operator!=(const Expr& a, const Expr& b) { return call("not_equal", a, b); }
Expr operator<(const Expr& a, const Expr& b) { return call("less", a, b); }
Expr operator<=(const Expr& a, const Expr& b) { return call("less_equal", a, b); }
Expr operator>(const Expr& a, const Expr& b) { return call("greater", a, b); }
Expr operator>=(const Expr& a, const Expr& b) { return call("greater_equal", a, b); }
Expr operator&(const Expr& a, const Expr& b) { return call("logical_and", a, b); }
Expr operator|(const Expr& a, const Expr& b) { return call("logical_or", a, b); }

Expr derivative(const Expr& root, int index, const Expr& output) {
  // Forward mode over the DAG, each node once. Expressions are small and written by hand, so
  // recursion is bounded by their depth.
  std::unordered_map<const ExprNode*, Expr> memo;
  auto tangent = [&](auto& self, const Expr& e) -> Expr {
    if (e->kind == ExprNode::Kind::constant) return 0;
    if (e->kind == ExprNode::Kind::input) return e->index == index ? 1 : 0;
    if (auto it = memo.find(e.get()); it != memo.end()) return it->second;
    const Declaration& d = table()[e->index];
    Expr total = 0;
    if (e->index == known().where) {
      const Expr args[] = {e->args[0], self(self, e->args[1]), self(self, e->args[2])};
      total = Expr::apply(e->index, args);
    } else if (!d.derivatives.empty()) {
      std::vector<Expr> args = e->args;
      args.push_back(e.get() == root.get() && output ? output : e);
      for (int i = 0; i < d.arity; ++i) {
        const Expr t = self(self, e->args[i]);
        if (!t.is_constant(0)) total = total + product(t, d.derivatives[i](args));
      }
    }
    return memo[e.get()] = total;
  };
  return tangent(tangent, root);
}

Expr no_derivative(const Expr&, const char* op, const char* argument) {
  core::fail<core::GradientError>(op, std::string("there is no derivative in ") + argument, {},
                                  std::string("use ") + argument + ".detach()");
}

Expr product(const Expr& g, const Expr& d) {
  // 0 and 1 in a branch fold away, so that g * where(c, 1, 0) is where(c, g, 0): an infinite g does
  // not become NaN in the branch that was not taken.
  if (is_call(d, known().where)) {
    const Expr &a = d->args[1], &b = d->args[2];
    if (a->kind == ExprNode::Kind::constant || b->kind == ExprNode::Kind::constant)
      return call("where", d->args[0], product(g, a), product(g, b));
  }
  return g * d;
}

}  // namespace nnx::ops
