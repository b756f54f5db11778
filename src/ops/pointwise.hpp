// Every pointwise op, declared once: name, dtypes, value, derivative.
//
// This text is compiled twice. In a backend (cpu/pointwise.hpp before it) a declaration becomes a
// compiled function for each lane: x, y are SIMD vectors. In ops (ops/expr.hpp before it) it
// becomes a node of an expression: derivatives are expressions, from which gradients, fused
// programs and export follow. Bindings, stubs, docs and tests iterate the result.
//
//   primitive<arity>(name, rule, value, derivative...)  has a kernel (arity 1 unless given); one
//       derivative per argument, a function of the arguments followed by the output. Missing
//       derivatives are zero. (The arity cannot be deduced where the value is never compiled.)
//   composed(name, rule, value)  is written in other declarations; its derivative follows.
//
// Lane values have operators, comparisons (giving masks), select(mask, a, b) and members for
// transcendental functions (cpu/vec.hpp, cpu/math.hpp). Expressions have the same operators.
// Rules (which lanes a declaration is compiled for; dtypes are in ops/expr.hpp):
//   numeric, ordered  f32 f64 i64 u64          floating, rounding  f32 f64
//   comparison        f32 f64 i64 u64 b8 -> b8  logical  b8        integral  i64 u64
//   selection         b8 first, then f32 f64 i64 u64
//   update            f32 f64, several results; numbers are broadcast arguments; subnormal
//                     numbers count as zero (decaying moments would crawl through them)
// Derivatives are only ever compiled as expressions; call("name", ...) names a declaration that
// stands further down.
// Invariant: the position of a declaration is its id in programs; both compilations agree because
// they read the same text. Conventions at the edges (relu'(0) = 0, abs'(0) = 0, clip at its
// bounds) are PyTorch's.
#pragma once

namespace nnx::pointwise {

// clang-format off

// --- arithmetic -----------------------------------------------------------------------------
inline const auto add = primitive<2>("add", numeric, [](auto a, auto b) { return a + b; },
    [](auto, auto, auto) { return 1; }, [](auto, auto, auto) { return 1; });
inline const auto subtract = primitive<2>("subtract", numeric, [](auto a, auto b) { return a - b; },
    [](auto, auto, auto) { return 1; }, [](auto, auto, auto) { return -1; });
inline const auto multiply = primitive<2>("multiply", numeric, [](auto a, auto b) { return a * b; },
    [](auto, auto b, auto) { return b; }, [](auto a, auto, auto) { return a; });
inline const auto divide = primitive<2>("divide", floating, [](auto a, auto b) { return a / b; },
    [](auto, auto b, auto) { return 1 / b; }, [](auto, auto b, auto y) { return -y / b; });
inline const auto negative = primitive("negative", numeric, [](auto a) { return -a; },
    [](auto, auto) { return -1; });
inline const auto reciprocal = primitive("reciprocal", floating, [](auto a) { return 1 / a; },
    [](auto, auto y) { return -(y * y); });
inline const auto square = primitive("square", numeric, [](auto a) { return a * a; },
    [](auto a, auto) { return 2 * a; });
inline const auto floor_divide = primitive<2>("floor_divide", numeric, [](auto a, auto b) { return a.floor_divide(b); });
inline const auto remainder = primitive<2>("remainder", numeric, [](auto a, auto b) { return a.remainder(b); },
    [](auto, auto, auto) { return 1; }, [](auto a, auto b, auto) { return -floor_divide(a, b); });
inline const auto fmod = primitive<2>("fmod", numeric, [](auto a, auto b) { return a.fmod(b); },
    [](auto, auto, auto) { return 1; }, [](auto a, auto b, auto y) { return (y - a) / b; });

// --- comparison and logic -------------------------------------------------------------------
inline const auto equal = primitive<2>("equal", comparison, [](auto a, auto b) { return a == b; });
inline const auto not_equal = primitive<2>("not_equal", comparison, [](auto a, auto b) { return a != b; });
inline const auto less = primitive<2>("less", comparison, [](auto a, auto b) { return a < b; });
inline const auto less_equal = primitive<2>("less_equal", comparison, [](auto a, auto b) { return a <= b; });
inline const auto greater = primitive<2>("greater", comparison, [](auto a, auto b) { return a > b; });
inline const auto greater_equal = primitive<2>("greater_equal", comparison, [](auto a, auto b) { return a >= b; });
inline const auto isnan = primitive("isnan", comparison, [](auto a) { return a != a; });
inline const auto isinf = primitive("isinf", comparison, [](auto a) { return a.isinf(); });
inline const auto isfinite = primitive("isfinite", comparison, [](auto a) { return a.isfinite(); });
inline const auto signbit = primitive("signbit", comparison, [](auto a) { return a.signbit(); });
inline const auto logical_and = primitive<2>("logical_and", logical, [](auto a, auto b) { return a & b; });
inline const auto logical_or = primitive<2>("logical_or", logical, [](auto a, auto b) { return a | b; });
inline const auto logical_xor = primitive<2>("logical_xor", logical, [](auto a, auto b) { return a ^ b; });
inline const auto logical_not = primitive("logical_not", logical, [](auto a) { return ~a; });
inline const auto bitwise_and = primitive<2>("bitwise_and", integral, [](auto a, auto b) { return a & b; });
inline const auto bitwise_or = primitive<2>("bitwise_or", integral, [](auto a, auto b) { return a | b; });
inline const auto bitwise_xor = primitive<2>("bitwise_xor", integral, [](auto a, auto b) { return a ^ b; });
inline const auto bitwise_invert = primitive("bitwise_invert", integral, [](auto a) { return ~a; });
inline const auto bitwise_left_shift = primitive<2>("bitwise_left_shift", integral, [](auto a, auto b) { return a.shift_left(b); });
inline const auto bitwise_right_shift = primitive<2>("bitwise_right_shift", integral, [](auto a, auto b) { return a.shift_right(b); });
// where(condition, a, b)
inline const auto where = primitive<3>("where", selection, [](auto c, auto a, auto b) { return select(c, a, b); },
    [](auto, auto, auto, auto) { return 0; },
    [](auto c, auto, auto, auto) { return call("where", c, 1, 0); },
    [](auto c, auto, auto, auto) { return call("where", c, 0, 1); });

// --- extremes, rounding, sign ---------------------------------------------------------------
// Ties share the gradient half and half, as PyTorch's maximum does. NaN propagates.
inline const auto maximum = primitive<2>("maximum", ordered, [](auto a, auto b) { return a.maximum(b); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, where(a > b, 1, 0)); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, where(a > b, 0, 1)); });
inline const auto minimum = primitive<2>("minimum", ordered, [](auto a, auto b) { return a.minimum(b); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, where(a < b, 1, 0)); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, where(a < b, 0, 1)); });
inline const auto sign = primitive("sign", numeric, [](auto a) { return a.sign(); });
inline const auto abs = primitive("abs", numeric, [](auto a) { return a.abs(); },
    [](auto a, auto) { return sign(a); });
inline const auto floor = primitive("floor", rounding, [](auto a) { return a.floor(); });
inline const auto ceil = primitive("ceil", rounding, [](auto a) { return a.ceil(); });
inline const auto trunc = primitive("trunc", rounding, [](auto a) { return a.trunc(); });
inline const auto round = primitive("round", rounding, [](auto a) { return a.round(); });  // half to even

// --- roots, exponentials, logarithms --------------------------------------------------------
inline const auto sqrt = primitive("sqrt", floating, [](auto a) { return a.sqrt(); },
    [](auto, auto y) { return 0.5 / y; });
inline const auto rsqrt = primitive("rsqrt", floating, [](auto a) { return a.rsqrt(); },
    [](auto, auto y) { return -0.5 * (y * y * y); });
inline const auto exp = primitive("exp", floating, [](auto a) { return a.exp(); },
    [](auto, auto y) { return y; });
inline const auto exp2 = primitive("exp2", floating, [](auto a) { return a.exp2(); },
    [](auto, auto y) { return 0.6931471805599453 * y; });
inline const auto expm1 = primitive("expm1", floating, [](auto a) { return a.expm1(); },
    [](auto, auto y) { return y + 1; });
inline const auto log = primitive("log", floating, [](auto a) { return a.log(); },
    [](auto a, auto) { return 1 / a; });
inline const auto log2 = primitive("log2", floating, [](auto a) { return a.log2(); },
    [](auto a, auto) { return 1 / (a * 0.6931471805599453); });
inline const auto log10 = primitive("log10", floating, [](auto a) { return a.log10(); },
    [](auto a, auto) { return 1 / (a * 2.302585092994046); });
inline const auto log1p = primitive("log1p", floating, [](auto a) { return a.log1p(); },
    [](auto a, auto) { return 1 / (1 + a); });
// a * log(b), 0 where a is 0 (unless b is NaN)
inline const auto xlogy = primitive<2>("xlogy", floating, [](auto a, auto b) { return a.xlogy(b); },
    [](auto a, auto b, auto) { return where((a == 0) & (b <= 0), 0, log(b)); },
    [](auto a, auto b, auto) { return a / b; });
// a ** b. The derivative in a is 0 where b is 0; in b it is 0 where a is 0 and b >= 0.
inline const auto power = primitive<2>("power", numeric, [](auto a, auto b) { return a.pow(b); },
    [](auto a, auto b, auto) { return where(b == 0, 0, b * call("power", a, b - 1)); },
    [](auto a, auto b, auto y) { return where((a == 0) & (b >= 0), 0, y * log(a)); });

// --- trigonometric, hyperbolic --------------------------------------------------------------
inline const auto sin = primitive("sin", floating, [](auto a) { return a.sin(); },
    [](auto a, auto) { return call("cos", a); });
inline const auto cos = primitive("cos", floating, [](auto a) { return a.cos(); },
    [](auto a, auto) { return -sin(a); });
inline const auto tan = primitive("tan", floating, [](auto a) { return a.tan(); },
    [](auto, auto y) { return 1 + y * y; });
inline const auto tanh = primitive("tanh", floating, [](auto a) { return a.tanh(); },
    [](auto, auto y) { return 1 - y * y; });

// --- of neural networks ---------------------------------------------------------------------
inline const auto sigmoid = primitive("sigmoid", floating, [](auto a) { return a.sigmoid(); },
    [](auto, auto y) { return y * (1 - y); });
// log(1 + exp(a))
inline const auto softplus = primitive("softplus", floating, [](auto a) { return a.softplus(); },
    [](auto a, auto) { return sigmoid(a); });
// log(exp(a) + exp(b))
inline const auto logaddexp = primitive<2>("logaddexp", floating, [](auto a, auto b) { return a.logaddexp(b); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, sigmoid(a - b)); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, sigmoid(b - a)); });
inline const auto hypot = primitive<2>("hypot", floating, [](auto a, auto b) { return a.hypot(b); },
    [](auto a, auto, auto y) { return where(y == 0, 0, a / y); },
    [](auto, auto b, auto y) { return where(y == 0, 0, b / y); });
inline const auto erf = primitive("erf", floating, [](auto a) { return a.erf(); },
    [](auto a, auto) { return 1.1283791670955126 * exp(-(a * a)); });
// standard normal distribution function, without cancellation in the left tail
inline const auto ndtr = primitive("ndtr", floating, [](auto a) { return a.ndtr(); },
    [](auto a, auto) { return 0.3989422804014327 * exp(-0.5 * (a * a)); });
inline const auto relu = primitive("relu", ordered, [](auto a) { return a.relu(); },
    [](auto, auto y) { return where(y > 0, 1, 0); });
// clip(a, lo, hi): the gradient passes where lo <= a <= hi
inline const auto clip = primitive<3>("clip", ordered, [](auto a, auto lo, auto hi) { return a.maximum(lo).minimum(hi); },
    [](auto a, auto lo, auto hi, auto) { return where((a >= lo) & (a <= hi), 1, 0); },
    [](auto a, auto lo, auto hi, auto) { return where((a < lo) & (lo < hi), 1, 0); },
    [](auto a, auto lo, auto hi, auto) { return where((a > hi) | (lo > hi), 1, 0); });

inline const auto silu = composed("silu", floating, [](auto a) { return a * sigmoid(a); });
inline const auto gelu = composed("gelu", floating, [](auto a) { return a * ndtr(a); });
inline const auto gelu_tanh = composed("gelu_tanh", floating, [](auto a) {
  return 0.5 * a * (1 + tanh(0.7978845608028654 * (a + 0.044715 * (a * a * a)))); });
inline const auto leaky_relu = composed("leaky_relu", floating, [](auto a, auto slope) {
  return where(a > 0, a, a * slope); });
inline const auto elu = composed("elu", floating, [](auto a, auto alpha) {
  return where(a > 0, a, alpha * expm1(minimum(a, 0))); });
inline const auto squared_difference = composed("squared_difference", floating, [](auto a, auto b) {
  auto d = a - b;
  return d * d; });
// binary cross-entropy of a logit a against a target t in [0, 1], without overflow
inline const auto bce_with_logits = composed("bce_with_logits", floating, [](auto a, auto t) {
  return softplus(a) - a * t; });

// --- optimisers: several results from one pass over a parameter ------------------------------
// Each returns the new values of the parameter and its state; formulas in python/nnx/optim.
inline const auto sgd_update = update("sgd_update", [](auto p, auto g, auto lr, auto decay) {
  return results(p - lr * (g + decay * p)); });
// step_m and step_d weigh the new momentum and the decayed gradient (Nesterov uses both)
inline const auto momentum_update = update("momentum_update",
    [](auto p, auto g, auto m, auto decay, auto momentum, auto undamped, auto step_m, auto step_d) {
  auto d = g + decay * p;
  auto new_m = momentum * m + undamped * d;
  return results(p - (step_m * new_m + step_d * d), new_m); });
// decay enters the gradient (Adam), keep = 1 - lr * decay the weight (AdamW); rate1 = 1 - beta1,
// rate2 = 1 - beta2; step = lr / (1 - beta1^t), scale = 1 / sqrt(1 - beta2^t)
inline const auto adam_update = update("adam_update",
    [](auto p, auto g, auto m, auto v, auto decay, auto keep, auto rate1, auto beta2, auto rate2,
       auto scale, auto eps, auto step) {
  auto d = g + decay * p;
  auto new_m = m + rate1 * (d - m);
  auto new_v = beta2 * v + rate2 * (d * d);
  return results(keep * p - step * (new_m / (sqrt(new_v) * scale + eps)), new_m, new_v); });

// clang-format on

}  // namespace nnx::pointwise
