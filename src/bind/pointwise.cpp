// Functions, methods and in-place methods of the pointwise declarations: see pointwise.hpp.
// Invariant: the list of ops is ops::declarations(); here stand only other names for them and the
// few whose Python signature has options.
#include "bind/pointwise.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "bind/from_python.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;
using ops::Declaration;
using ops::Rule;
namespace pw = nnx::pointwise;

namespace {

// NumPy's and PyTorch's names for ours, for functions and methods alike.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"sub", "subtract"},
    {"mul", "multiply"},
    {"div", "divide"},
    {"true_divide", "divide"},
    {"neg", "negative"},
    {"absolute", "abs"},
    {"pow", "power"},
    {"mod", "remainder"},
    {"eq", "equal"},
    {"ne", "not_equal"},
    {"lt", "less"},
    {"le", "less_equal"},
    {"gt", "greater"},
    {"ge", "greater_equal"},
    {"bitwise_not", "bitwise_invert"},
    {"invert", "bitwise_invert"},
    {"left_shift", "bitwise_left_shift"},
    {"right_shift", "bitwise_right_shift"},
    {"sgn", "sign"},
    {"fix", "trunc"},
    {"clamp", "clip"},
    {"expit", "sigmoid"},
    {"rint", "round"},
    {"swish", "silu"},
    {"conjugate", "conj"},
    {"conj_physical", "conj"},
    {"arcsin", "asin"},
    {"arccos", "acos"},
    {"arctan", "atan"},
    {"arctan2", "atan2"},
    {"arcsinh", "asinh"},
    {"arccosh", "acosh"},
    {"arctanh", "atanh"},
    {"radians", "deg2rad"},
    {"degrees", "rad2deg"},
    {"gammaln", "lgamma"},
    {"psi", "digamma"},
    {"igamma", "gammainc"},
    {"igammac", "gammaincc"},
};
// Parts of other functions, without a name of their own in Python.
constexpr std::string_view kHidden[] = {"gelu_tanh", "add_scaled", "subtract_scaled"};

// Functions alone: t.polygamma(n) takes its arguments the other way round (methods.cpp), the others
// are parts of gradients.
constexpr std::string_view kNoMethod[] = {"polygamma", "relu_backward", "gammainc_slope",
                                          "betainc_slope"};
template <std::size_t n>
bool among(const std::string_view (&list)[n], std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// Numbers that declarations take behind their tensors.
struct Numbers {
  std::string_view declaration;
  Number list[2];
  std::size_t count;
};
constexpr Numbers kNumbers[] = {
    {"leaky_relu", {{"negative_slope", "0.01"}}, 1},
    {"elu", {{"alpha", "1.0"}}, 1},
    {"celu", {{"alpha", "1.0"}}, 1},
    {"softshrink", {{"lambd", "0.5"}}, 1},
    {"hardshrink", {{"lambd", "0.5"}}, 1},
    {"hardtanh", {{"min_val", "-1.0"}, {"max_val", "1.0"}}, 2},
    {"threshold", {{"threshold", nullptr}, {"value", nullptr}}, 2},
    {"smooth_l1_loss", {{"beta", "1.0"}}, 1},
    {"huber_loss", {{"delta", "1.0"}}, 1},
    {"hinge_embedding_loss", {{"margin", "1.0"}}, 1},
};

int boolean_form(int id) {
  if (id == pw::bitwise_and.id) return pw::logical_and.id;
  if (id == pw::bitwise_or.id) return pw::logical_or.id;
  if (id == pw::bitwise_xor.id) return pw::logical_xor.id;
  if (id == pw::bitwise_invert.id) return pw::logical_not.id;
  return id;
}
bool is_bool(const Operand& o) {
  return o.is_tensor() ? o.tensor.dtype() == DType::boolean
                       : o.scalar.kind == Scalar::Kind::boolean;
}
int effective(int id, std::span<Operand> in) {
  const int other = boolean_form(id);
  if (other == id) return id;
  return std::all_of(in.begin(), in.end(), is_bool) ? other : id;
}

template <int N>
PyObject* fast(const Definition& d, PyObject* const* args, Py_ssize_t n) {
  if (n != N) return nullptr;
  Operand in[N];
  bool any = false;
  for (int i = 0; i < N; ++i) {
    if (!operand_of(args[i], in[i])) return nullptr;
    any |= in[i].is_tensor();
  }
  return any ? wrap(apply_pointwise(d.id, in)) : nullptr;
}
template <int N>
PyObject* fast_in_place(const Definition& d, PyObject* const* args, Py_ssize_t n) {
  if (n != N || !is_tensor(args[0])) return nullptr;
  Operand in[N];
  for (int i = 0; i < N; ++i)
    if (!operand_of(args[i], in[i])) return nullptr;
  apply_pointwise_into(in[0].tensor, d.id, in);
  return Py_NewRef(args[0]);
}

// The result of an op, or what `out` then holds.
PyObject* finish(Args& a, int id, std::span<Operand> in) {
  if (!a.given("out")) return wrap(apply_pointwise(id, in));
  PyObject* out = a.object("out");
  if (!is_tensor(out))
    fail<DTypeError>(a.op(), "out must be a tensor", short_repr(out) + " (" + type_name(out) + ")");
  apply_pointwise_into(unwrap(out), id, in);
  return Py_NewRef(out);
}

PyObject* run_1(Args& a) {
  Operand in[] = {a.operand("x")};
  return finish(a, a.definition().id, in);
}
PyObject* run_2(Args& a) {
  Operand in[] = {a.operand("x"), a.operand("y")};
  return finish(a, a.definition().id, in);
}
PyObject* run_3(Args& a) {
  Operand in[] = {a.operand("x"), a.operand("y"), a.operand("z")};
  return finish(a, a.definition().id, in);
}
template <int N>
PyObject* run_in_place(Args& a) {
  Operand in[3] = {a.operand("x")};
  if (N > 1) in[1] = a.operand("y");
  if (N > 2) in[2] = a.operand("z");
  apply_pointwise_into(in[0].tensor, a.definition().id, std::span(in, N));
  return Py_NewRef(a.self());
}

// --- ops whose signature has options -----------------------------------------------------------

// What an op with options comes down to: a declaration and its operands.
struct Plan {
  int id;
  std::vector<Operand> in;
};

Plan plan_scaled(Args& a, int id, int scaled) {  // x + alpha * y
  const Operand x = a.operand("x"), y = a.operand("y");
  if (!a.given("alpha")) return {id, {x, y}};
  return {scaled, {x, y, a.scalar("alpha")}};
}
Plan plan_add(Args& a) { return plan_scaled(a, pw::add.id, pw::add_scaled.id); }
Plan plan_subtract(Args& a) { return plan_scaled(a, pw::subtract.id, pw::subtract_scaled.id); }

Plan plan_divide(Args& a) {
  Operand x = a.operand("x"), y = a.operand("y");
  const std::string mode = a.string("rounding_mode", "");
  if (mode == "floor") return {pw::floor_divide.id, {x, y}};
  if (mode == "trunc") {
    Operand in[] = {x, y};
    return {pw::trunc.id, {apply_pointwise(pw::divide.id, in)}};
  }
  if (!mode.empty())
    fail<ArgumentError>(a.op(), "rounding_mode must be None, 'floor' or 'trunc'", mode);
  return {pw::divide.id, {x, y}};
}

Plan plan_round(Args& a) {
  Operand x = a.operand("x");
  const std::int64_t decimals = a.integer("decimals", 0);
  if (decimals == 0) return {pw::round.id, {x}};
  if (std::abs(decimals) > 300)
    fail<ArgumentError>(a.op(), "decimals must be in [-300, 300]", std::to_string(decimals));
  const double scale = std::pow(10.0, static_cast<double>(std::abs(decimals)));
  Operand scaled[] = {x, scale};
  scaled[0] = apply_pointwise(decimals > 0 ? pw::multiply.id : pw::divide.id, scaled);
  scaled[0] = apply_pointwise(pw::round.id, std::span(scaled, 1));
  return {decimals > 0 ? pw::divide.id : pw::multiply.id, {scaled[0], scale}};
}

// Operands are read one by one into locals: GCC 12 destroys a half-made braced list of conditional
// operands wrongly when one of them throws.
Plan plan_clip(Args& a) {
  const bool low = a.given("min"), high = a.given("max");
  if (!low && !high && a.definition().role == Role::method)
    fail<ArgumentError>(a.op(), "min or max must be given", {}, "for example x.clip(min=0)");
  const Operand x = a.operand("x");
  if (!low && !high && !(x.is_tensor() && is_floating(x.tensor.dtype())))
    return {pw::maximum.id, {x, x}};  // a copy
  constexpr double inf = std::numeric_limits<double>::infinity();
  Operand least = -inf, most = inf;
  if (low) least = a.operand("min");
  if (high) most = a.operand("max");
  const bool floating =
      x.is_tensor() ? is_floating(x.tensor.dtype()) : x.scalar.kind == Scalar::Kind::floating;
  // Without a gradient to keep, an infinity would only change the dtype of integers.
  if (!floating && !high) return {pw::maximum.id, {x, least}};
  if (!floating && !low) return {pw::minimum.id, {x, most}};
  return {pw::clip.id, {x, least, most}};
}

Plan plan_gelu(Args& a) {
  const std::string kind = a.string("approximate", "none");
  if (kind != "none" && kind != "tanh")
    fail<ArgumentError>(a.op(), "approximate must be 'none' or 'tanh'", kind);
  return {kind == "tanh" ? pw::gelu_tanh.id : pw::gelu.id, {a.operand("x")}};
}
Plan plan_numbers(Args& a) {
  const int id = a.definition().id;
  Plan plan{id, {a.operand("x")}};
  for (const Number& number : numbers_of(ops::declarations()[static_cast<std::size_t>(id)].name))
    plan.in.emplace_back(number.real(a));
  return plan;
}
Plan plan_softplus(Args& a) {
  const double beta = a.real("beta", 1.0);
  if (beta == 1) return {pw::softplus.id, {a.operand("x")}};
  if (!(beta != 0)) fail<ArgumentError>(a.op(), "beta must not be 0", std::to_string(beta));
  Operand x[] = {a.operand("x"), beta};
  x[0] = apply_pointwise(pw::multiply.id, x);
  x[0] = apply_pointwise(pw::softplus.id, std::span(x, 1));
  return {pw::divide.id, {x[0], beta}};
}
Plan plan_power(Args& a) { return {pw::power.id, {a.operand("x"), a.operand("y")}}; }

struct Special {
  std::string_view name;
  Plan (*plan)(Args& a);
  int fast;  // operands of a plain call, 0: none
  const char* function;
  const char* method;
};
constexpr Special kSpecial[] = {
    {"add", plan_add, 2,
     "(x: TensorLike, y: TensorLike, *, alpha: Scalar = 1, out: Tensor | None = None) -> Tensor",
     "(other: TensorLike, *, alpha: Scalar = 1) -> Tensor"},
    {"subtract", plan_subtract, 2,
     "(x: TensorLike, y: TensorLike, *, alpha: Scalar = 1, out: Tensor | None = None) -> Tensor",
     "(other: TensorLike, *, alpha: Scalar = 1) -> Tensor"},
    {"divide", plan_divide, 2,
     "(x: TensorLike, y: TensorLike, *, rounding_mode: str | None = None, out: Tensor | None = "
     "None) -> Tensor",
     "(other: TensorLike, *, rounding_mode: str | None = None) -> Tensor"},
    {"power", plan_power, 2,
     "(x: TensorLike, y: TensorLike, *, out: Tensor | None = None) -> Tensor",
     "(exponent: TensorLike) -> Tensor"},
    {"round", plan_round, 1,
     "(x: TensorLike, decimals: int = 0, *, out: Tensor | None = None) -> Tensor",
     "(decimals: int = 0) -> Tensor"},
    {"clip", plan_clip, 3,
     "(x: TensorLike, min: TensorLike | None = None, max: TensorLike | None = None, *, out: Tensor "
     "| None = None) -> Tensor",
     "(min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor"},
    {"gelu", plan_gelu, 1, "(x: TensorLike, approximate: str = 'none') -> Tensor",
     "(approximate: str = 'none') -> Tensor"},
    {"softplus", plan_softplus, 1, "(x: TensorLike, beta: float = 1.0) -> Tensor",
     "(beta: float = 1.0) -> Tensor"},
};
const Special* special(std::string_view name) {
  for (const Special& s : kSpecial)
    if (s.name == name) return &s;
  return nullptr;
}

Plan plan_of(Args& a) {
  const Special* s = special(ops::declarations()[static_cast<std::size_t>(a.definition().id)].name);
  return s ? s->plan(a) : plan_numbers(a);
}
PyObject* run_special(Args& a) {
  Plan p = plan_of(a);
  return finish(a, p.id, p.in);
}
PyObject* run_special_in_place(Args& a) {
  Plan p = plan_of(a);
  apply_pointwise_into(a.self_tensor(), p.id, p.in);
  return Py_NewRef(a.self());
}

PyObject* (*fast_of(int operands))(const Definition&, PyObject* const*, Py_ssize_t) {
  return operands == 1 ? fast<1> : operands == 2 ? fast<2> : operands == 3 ? fast<3> : nullptr;
}
PyObject* (*fast_in_place_of(int operands))(const Definition&, PyObject* const*, Py_ssize_t) {
  return operands == 1   ? fast_in_place<1>
         : operands == 2 ? fast_in_place<2>
         : operands == 3 ? fast_in_place<3>
                         : nullptr;
}

}  // namespace

const char* stored(std::string s) {
  static std::deque<std::string> list;
  return list.emplace_back(std::move(s)).c_str();
}

std::span<const Number> numbers_of(std::string_view declaration) {
  for (const Numbers& n : kNumbers)
    if (n.declaration == declaration) return {n.list, n.count};
  return {};
}
std::string Number::text() const {
  return std::string(name) + ": float" + (otherwise ? std::string(" = ") + otherwise : "");
}
double Number::real(Args& a) const {
  return otherwise ? a.real(name, std::strtod(otherwise, nullptr)) : a.real(name);
}

Tensor apply_pointwise(int id, std::span<Operand> in) {
  bool any = false;
  for (const Operand& o : in) any |= o.is_tensor();
  if (!any) [[unlikely]]
    in[0].tensor = ops::scalar_tensor(in[0].scalar, in[0].scalar.dtype());
  return ops::apply(effective(id, in), in);
}

void apply_pointwise_into(const Tensor& target, int id, std::span<Operand> in) {
  bool any = false;
  for (const Operand& o : in) any |= o.is_tensor();
  if (!any) in[0].tensor = ops::scalar_tensor(in[0].scalar, in[0].scalar.dtype());
  ops::apply_into(target, effective(id, in), in);
}

Tensor power_of(const Operand& x, const Operand& y) {
  if (!y.is_tensor() && x.is_tensor() && is_differentiable(x.tensor.dtype()) &&
      y.scalar.as_double() == 2 && y.scalar.imag == 0) {
    Operand in[] = {x};
    return ops::apply(pw::square.id, in);
  }
  Operand in[] = {x, y};
  return apply_pointwise(pw::power.id, in);
}

PyObject* pointwise_list() {
  // In the order of ops::Rule.
  constexpr const char* kRules[] = {"numeric",   "floating", "comparison", "logical", "integral",
                                    "selection", "ordered",  "rounding",   "update"};
  Object list = own(PyList_New(0));
  for (const Declaration& d : ops::declarations()) {
    Object entry = own(Py_BuildValue("{s:s,s:s,s:O,s:i,s:O,s:n}", "name", d.name, "rule",
                                     kRules[static_cast<int>(d.rule)], "complex",
                                     d.complex ? Py_True : Py_False, "arity", d.arity, "loss",
                                     d.loss ? Py_True : Py_False, "numbers",
                                     static_cast<Py_ssize_t>(numbers_of(d.name).size())));
    checked(PyList_Append(list.get(), entry.get()));
  }
  return list.release();
}

void declare_pointwise(PyObject* module) {
  const auto& list = ops::declarations();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Declaration& d = list[i];
    const std::string_view name = d.name;
    if (d.rule == Rule::update || d.loss) continue;  // functions_training.cpp
    if (name == "where") continue;                   // has two meanings: functions_index.cpp
    if (among(kHidden, name)) continue;
    const Special* s = special(name);
    const auto numbers = numbers_of(name);
    const bool plain = !s && numbers.empty();
    const int operands = s ? s->fast : plain ? d.arity : 0;
    std::string options;
    for (const Number& number : numbers) options += (options.empty() ? "" : ", ") + number.text();
    Definition f{.name = d.name, .signature = nullptr, .doc = nullptr, .implementation = nullptr};
    f.id = static_cast<int>(i);
    f.make_doc = pointwise_doc;
    f.signature = s              ? s->function
                  : !plain       ? stored("(x: TensorLike, " + options + ") -> Tensor")
                  : d.arity == 1 ? "(x: TensorLike, *, out: Tensor | None = None) -> Tensor"
                  : d.arity == 2
                      ? "(x: TensorLike, y: TensorLike, *, out: Tensor | None = None) -> Tensor"
                      : "(x: TensorLike, y: TensorLike, z: TensorLike, *, out: Tensor | None = "
                        "None) -> Tensor";
    f.implementation = !plain ? run_special : d.arity == 1 ? run_1 : d.arity == 2 ? run_2 : run_3;
    f.fast = fast_of(operands);
    Definition m = f;
    m.role = Role::method;
    m.signature = s              ? s->method
                  : !plain       ? stored("(" + options + ") -> Tensor")
                  : d.arity == 1 ? "() -> Tensor"
                  : d.arity == 2 ? "(other: TensorLike) -> Tensor"
                                 : "(y: TensorLike, z: TensorLike) -> Tensor";
    Definition w = m;
    w.name = stored(std::string(name) + "_");
    w.implementation = !plain         ? run_special_in_place
                       : d.arity == 1 ? run_in_place<1>
                       : d.arity == 2 ? run_in_place<2>
                                      : run_in_place<3>;
    w.fast = fast_in_place_of(operands);
    const bool alone = among(kNoMethod, name);
    const bool writes = d.rule != Rule::comparison && !alone;
    const bool method_differs = alone || name == "equal";  // t.equal(u) is one bool: methods.cpp
    const Definition &kf = keep(f), &km = keep(m);
    const Definition* kw = writes ? &keep(w) : nullptr;
    declare(module, kf);
    if (!method_differs) declare(module, km);
    if (kw) declare(module, *kw);
    for (const auto& [other, ours] : kOtherNames) {
      if (ours != name) continue;
      declare(module, kf, other);
      declare(module, km, other);
      if (kw) declare(module, *kw, stored(std::string(other) + "_"));
    }
  }
}

}  // namespace nnx::bind
