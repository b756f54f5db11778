// Pointwise expressions: what the declarations of ops/pointwise.hpp become outside the backends.
// Invariants: an expression is an immutable DAG over inputs, constants and primitives (composed
// ops are expanded where they are called); trivial products and sums are folded as it is built,
// so derivatives come out short.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/program.hpp"
#include "ops/op.hpp"

namespace nnx::ops {

struct ExprNode;

class Expr {
 public:
  Expr() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  Expr(T value) : Expr(constant(static_cast<double>(value))) {}
  explicit Expr(std::shared_ptr<const ExprNode> node) : node_(std::move(node)) {}
  static Expr input(int index);
  static Expr constant(double value);
  static Expr apply(int declaration, std::span<const Expr> args);

  const ExprNode* operator->() const { return node_.get(); }
  const ExprNode* get() const { return node_.get(); }
  explicit operator bool() const { return static_cast<bool>(node_); }
  bool is_constant(double value) const;

 private:
  std::shared_ptr<const ExprNode> node_;
};

struct ExprNode {
  enum class Kind : std::uint8_t { input, constant, apply };
  Kind kind;
  int index = 0;  // of the input, or of the declaration
  double value = 0;
  std::vector<Expr> args;
};

enum class Rule : std::uint8_t {
  numeric,
  floating,
  comparison,
  logical,
  integral,
  selection,
  ordered,
  rounding,
  update
};
// What a declaration accepts: its rule, and whether complex tensors are taken beside real ones.
struct Accepts {
  Rule rule;
  bool complex = false;
};

// A declaration of ops/pointwise.hpp.
struct Declaration {
  const char* name;
  Rule rule;
  bool complex;  // tensors are taken
  int arity;
  int results;
  bool primitive;
  std::vector<Expr> (*define)(std::span<const Expr> args);
  // Of a primitive: derivative in argument i as a function of the arguments and the output.
  std::vector<Expr (*)(std::span<const Expr> args_and_output)> derivatives;
  bool loss = false;  // of (input, target, numbers...): also has a form that is averaged or summed
};
// In order of declaration.
const std::vector<Declaration>& declarations();
int find_declaration(std::string_view name);  // -1 when there is none
int declare(Declaration d);
void mark_loss(int id);

// d root / d input `index`; `output`, if given, stands for the value of root itself.
Expr derivative(const Expr& root, int index, const Expr& output);
Expr product(const Expr& g, const Expr& d);  // g * d, g moved into the branches of a where

Tensor apply(int declaration, std::span<Operand> in);

// An expression by the name of its declaration.
template <class... A>
Expr call(std::string_view name, const A&... args) {
  const Expr list[] = {Expr(args)...};
  return Expr::apply(find_declaration(name), list);
}

// The derivative of `op` in `argument`, for which there is no formula: raises GradientError.
Expr no_derivative(const Expr&, const char* op, const char* argument);

}  // namespace nnx::ops

namespace nnx::pointwise {

using core::Operand;
using core::Tensor;
using ops::Expr;
using ops::Rule;

template <class T>
concept Symbolic = std::same_as<std::remove_cvref_t<T>, Expr>;

using ops::Accepts;
inline constexpr Accepts numeric{Rule::numeric}, floating{Rule::floating},
    comparison{Rule::comparison}, logical{Rule::logical}, integral{Rule::integral},
    ordered{Rule::ordered}, rounding{Rule::rounding}, continued{Rule::floating},
    arithmetic{Rule::numeric, true}, analytic{Rule::floating, true},
    equality{Rule::comparison, true}, selection{Rule::selection, true};

template <class... A>
std::vector<Expr> results(const A&... r) {
  return {Expr(r)...};
}

template <class F, std::size_t... I>
auto call_with(const F& f, std::span<const Expr> args, std::index_sequence<I...>) {
  return f(args[I]...);
}

template <class F, int N = 1>
constexpr int arity_of() {
  static_assert(N <= core::kMaxInputs);
  return []<std::size_t... I>(std::index_sequence<I...>) {
    if constexpr (std::is_invocable_v<F, decltype((void)I, std::declval<const Expr&>())...>)
      return N;
    else return arity_of<F, N + 1>();
  }(std::make_index_sequence<N>{});
}

// A declared op: on expressions it builds one, on tensors and numbers it runs.
template <class F>
struct Declared {
  int id;
  int arity;
  bool primitive;

  template <class... A>
    requires(Symbolic<A> || ...)
  Expr operator()(const A&... args) const {
    if constexpr (std::is_void_v<F>) {
      const Expr list[] = {Expr(args)...};
      return Expr::apply(id, list);
    } else {
      return Expr(F{}(Expr(args)...));
    }
  }
  template <class... A>
    requires(!(Symbolic<A> || ...) && (std::constructible_from<Operand, const A&> && ...))
  Tensor operator()(const A&... args) const {
    Operand list[] = {Operand(args)...};
    return ops::apply(id, list);
  }
};

template <int Arity = 1, class F, class... D>
Declared<void> primitive(const char* name, Accepts accepts, F, D...) {
  static_assert(sizeof...(D) == 0 || sizeof...(D) == Arity);
  [[maybe_unused]] constexpr auto symbolic = []<class G>(G) -> Expr (*)(std::span<const Expr>) {
    return [](std::span<const Expr> a) {
      return Expr(call_with(G{}, a, std::make_index_sequence<Arity + 1>{}));
    };
  };
  const int id = ops::declare(
      {name, accepts.rule, accepts.complex, Arity, 1, true, nullptr, {symbolic(D{})...}});
  return {id, Arity, true};
}

template <class F>
Declared<F> composed(const char* name, Accepts accepts, F) {
  constexpr int arity = arity_of<F>();
  const int id = ops::declare({name,
                               accepts.rule,
                               accepts.complex,
                               arity,
                               1,
                               false,
                               [](std::span<const Expr> a) {
                                 return std::vector{
                                     Expr(call_with(F{}, a, std::make_index_sequence<arity>{}))};
                               },
                               {}});
  return {id, arity, false};
}

template <class F>
Declared<F> loss(Declared<F> declared) {
  ops::mark_loss(declared.id);
  return declared;
}

struct Update {
  int id;
};

template <class F>
Update update(const char* name, F) {
  constexpr int arity = arity_of<F>();
  using R = decltype(call_with(F{}, {}, std::make_index_sequence<arity>{}));
  static_assert(std::same_as<R, std::vector<Expr>>);
  std::vector<Expr> inputs;
  for (int i = 0; i < arity; ++i) inputs.push_back(Expr::input(i));
  const int results =
      static_cast<int>(call_with(F{}, inputs, std::make_index_sequence<arity>{}).size());
  return {ops::declare(
      {name,
       Rule::update,
       false,
       arity,
       results,
       false,
       [](std::span<const Expr> a) { return call_with(F{}, a, std::make_index_sequence<arity>{}); },
       {}})};
}

}  // namespace nnx::pointwise

namespace nnx::ops {

// Operators of expressions are the declarations' own.
Expr operator+(const Expr& a, const Expr& b);
Expr operator-(const Expr& a, const Expr& b);
Expr operator*(const Expr& a, const Expr& b);
Expr operator/(const Expr& a, const Expr& b);
Expr operator-(const Expr& a);
Expr operator==(const Expr& a, const Expr& b);
Expr operator!=(const Expr& a, const Expr& b);
Expr operator<(const Expr& a, const Expr& b);
Expr operator<=(const Expr& a, const Expr& b);
Expr operator>(const Expr& a, const Expr& b);
Expr operator>=(const Expr& a, const Expr& b);
Expr operator&(const Expr& a, const Expr& b);
Expr operator|(const Expr& a, const Expr& b);

}  // namespace nnx::ops

#include "ops/pointwise.hpp"
