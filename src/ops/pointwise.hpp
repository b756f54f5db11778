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
//   loss(declared)  marks a function of an input, a target and at most two numbers that is a loss:
//       it gets a form that is averaged or summed in the same pass.
//   update(name, values)  is an optimiser's step: several results, no derivative.
//
// Lane values have operators, comparisons (giving masks), select(mask, a, b) and members for
// transcendental functions (cpu/vec.hpp, cpu/math.hpp). Expressions have the same operators.
// Rules (which lanes a declaration is compiled for; dtypes are in ops/expr.hpp):
//   numeric, ordered  f32 f64 i64 u64          floating, rounding  f32 f64
//   comparison        f32 f64 i64 u64 b8 -> b8  logical  b8        integral  i64 u64
//   arithmetic, analytic, equality: as numeric, floating, comparison, and c64 c128
//   selection         b8 first, then f32 f64 i64 u64 c64 c128
//   continued         as analytic, in derivatives alone: complex tensors are not taken
//   update            f32 f64, several results; numbers are broadcast arguments; subnormal
//                     numbers count as zero (decaying moments would crawl through them)
// Derivatives are only ever compiled as expressions; call("name", ...) names a declaration that
// stands further down, no_derivative(a, op, argument) raises GradientError when it is asked for.
// Invariant: the position of a declaration is its id in programs; both compilations agree because
// they read the same text. Derivatives are those of holomorphic functions: the gradient of a
// complex argument is the incoming one times the conjugate of the derivative. Conventions at the
// edges (relu'(0) = 0, abs'(0) = 0, clip at its bounds) are PyTorch's.
#pragma once

namespace nnx::pointwise {

// clang-format off

// --- arithmetic -----------------------------------------------------------------------------
inline const auto add = primitive<2>("add", arithmetic, [](auto a, auto b) { return a + b; },
    [](auto, auto, auto) { return 1; }, [](auto, auto, auto) { return 1; });
inline const auto subtract = primitive<2>("subtract", arithmetic, [](auto a, auto b) { return a - b; },
    [](auto, auto, auto) { return 1; }, [](auto, auto, auto) { return -1; });
inline const auto multiply = primitive<2>("multiply", arithmetic, [](auto a, auto b) { return a * b; },
    [](auto, auto b, auto) { return b; }, [](auto a, auto, auto) { return a; });
inline const auto add_scaled = composed("add_scaled", arithmetic, [](auto a, auto b, auto alpha) { return a + alpha * b; });
inline const auto subtract_scaled = composed("subtract_scaled", arithmetic, [](auto a, auto b, auto alpha) { return a - alpha * b; });
inline const auto divide = primitive<2>("divide", analytic, [](auto a, auto b) { return a / b; },
    [](auto, auto b, auto) { return 1 / b; }, [](auto, auto b, auto y) { return -y / b; });
inline const auto negative = primitive("negative", arithmetic, [](auto a) { return -a; },
    [](auto, auto) { return -1; });
inline const auto reciprocal = primitive("reciprocal", analytic, [](auto a) { return 1 / a; },
    [](auto, auto y) { return -(y * y); });
inline const auto square = primitive("square", arithmetic, [](auto a) { return a * a; },
    [](auto a, auto) { return 2 * a; });
// Of real numbers the number itself. Its gradient is not a multiple of the incoming one:
// ops/complex.cpp.
inline const auto conj = primitive("conj", arithmetic, [](auto a) { return a.conj(); });
inline const auto floor_divide = primitive<2>("floor_divide", numeric, [](auto a, auto b) { return a.floor_divide(b); });
inline const auto remainder = primitive<2>("remainder", numeric, [](auto a, auto b) { return a.remainder(b); },
    [](auto, auto, auto) { return 1; }, [](auto a, auto b, auto) { return -floor_divide(a, b); });
inline const auto fmod = primitive<2>("fmod", numeric, [](auto a, auto b) { return a.fmod(b); },
    [](auto, auto, auto) { return 1; }, [](auto a, auto b, auto y) { return (y - a) / b; });

// --- comparison and logic -------------------------------------------------------------------
inline const auto equal = primitive<2>("equal", equality, [](auto a, auto b) { return a == b; });
inline const auto not_equal = primitive<2>("not_equal", equality, [](auto a, auto b) { return a != b; });
inline const auto less = primitive<2>("less", comparison, [](auto a, auto b) { return a < b; });
inline const auto less_equal = primitive<2>("less_equal", comparison, [](auto a, auto b) { return a <= b; });
inline const auto greater = primitive<2>("greater", comparison, [](auto a, auto b) { return a > b; });
inline const auto greater_equal = primitive<2>("greater_equal", comparison, [](auto a, auto b) { return a >= b; });
inline const auto isnan = primitive("isnan", equality, [](auto a) { return a != a; });
inline const auto isinf = primitive("isinf", equality, [](auto a) { return a.isinf(); });
inline const auto isfinite = primitive("isfinite", equality, [](auto a) { return a.isfinite(); });
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
inline const auto copysign = primitive<2>("copysign", floating, [](auto a, auto b) { return a.copysign(b); },
    [](auto a, auto, auto y) { return sign(a) * sign(y); }, [](auto, auto, auto) { return 0; });
inline const auto nextafter = primitive<2>("nextafter", floating, [](auto a, auto b) { return a.nextafter(b); });
// 0 below 0, 1 above it, b at 0
inline const auto heaviside = composed("heaviside", floating, [](auto a, auto b) {
  return where(a < 0, 0, where(a > 0, 1, where(a == 0, b, a))); });  // NaN stays
inline const auto floor = primitive("floor", rounding, [](auto a) { return a.floor(); });
inline const auto ceil = primitive("ceil", rounding, [](auto a) { return a.ceil(); });
inline const auto trunc = primitive("trunc", rounding, [](auto a) { return a.trunc(); });
inline const auto round = primitive("round", rounding, [](auto a) { return a.round(); });  // half to even

// --- roots, exponentials, logarithms --------------------------------------------------------
inline const auto sqrt = primitive("sqrt", analytic, [](auto a) { return a.sqrt(); },
    [](auto, auto y) { return 0.5 / y; });
inline const auto rsqrt = primitive("rsqrt", analytic, [](auto a) { return a.rsqrt(); },
    [](auto, auto y) { return -0.5 * (y * y * y); });
inline const auto exp = primitive("exp", analytic, [](auto a) { return a.exp(); },
    [](auto, auto y) { return y; });
inline const auto exp2 = primitive("exp2", analytic, [](auto a) { return a.exp2(); },
    [](auto, auto y) { return 0.6931471805599453 * y; });
inline const auto expm1 = primitive("expm1", analytic, [](auto a) { return a.expm1(); },
    [](auto, auto y) { return y + 1; });
inline const auto log = primitive("log", analytic, [](auto a) { return a.log(); },
    [](auto a, auto) { return 1 / a; });
inline const auto log2 = primitive("log2", analytic, [](auto a) { return a.log2(); },
    [](auto a, auto) { return 1 / (a * 0.6931471805599453); });
inline const auto log10 = primitive("log10", analytic, [](auto a) { return a.log10(); },
    [](auto a, auto) { return 1 / (a * 2.302585092994046); });
inline const auto log1p = primitive("log1p", analytic, [](auto a) { return a.log1p(); },
    [](auto a, auto) { return 1 / (1 + a); });
// a * log(b), 0 where a is 0 (unless b is NaN)
inline const auto xlogy = primitive<2>("xlogy", floating, [](auto a, auto b) { return a.xlogy(b); },
    [](auto a, auto b, auto) { return where((a == 0) & (b <= 0), 0, log(b)); },
    [](auto a, auto b, auto) { return a / b; });
// a ** b. The derivative in a is 0 where b is 0; in b it is 0 where a is 0 and b >= 0 (0 ** b is
// finite just there).
inline const auto power = primitive<2>("power", arithmetic, [](auto a, auto b) { return a.pow(b); },
    [](auto a, auto b, auto) { return where(b == 0, 0, b * call("power", a, b - 1)); },
    [](auto a, auto, auto y) { return where((a == 0) & isfinite(y), 0, y * log(a)); });

// --- trigonometric, hyperbolic --------------------------------------------------------------
inline const auto sin = primitive("sin", analytic, [](auto a) { return a.sin(); },
    [](auto a, auto) { return call("cos", a); });
inline const auto cos = primitive("cos", analytic, [](auto a) { return a.cos(); },
    [](auto a, auto) { return -sin(a); });
inline const auto tan = primitive("tan", analytic, [](auto a) { return a.tan(); },
    [](auto, auto y) { return 1 + y * y; });
inline const auto sinh = primitive("sinh", analytic, [](auto a) { return a.sinh(); },
    [](auto a, auto) { return call("cosh", a); });
inline const auto cosh = primitive("cosh", analytic, [](auto a) { return a.cosh(); },
    [](auto a, auto) { return sinh(a); });
inline const auto asin = primitive("asin", analytic, [](auto a) { return a.asin(); },
    [](auto a, auto) { return rsqrt((1 - a) * (1 + a)); });
inline const auto acos = primitive("acos", analytic, [](auto a) { return a.acos(); },
    [](auto a, auto) { return -rsqrt((1 - a) * (1 + a)); });
inline const auto atan = primitive("atan", analytic, [](auto a) { return a.atan(); },
    [](auto a, auto) { return 1 / (1 + a * a); });
inline const auto asinh = primitive("asinh", analytic, [](auto a) { return a.asinh(); },
    [](auto a, auto) { return 1 / call("hypot", a, 1); });
inline const auto acosh = primitive("acosh", analytic, [](auto a) { return a.acosh(); },
    [](auto a, auto) { return rsqrt(a - 1) * rsqrt(a + 1); });
inline const auto atanh = primitive("atanh", analytic, [](auto a) { return a.atanh(); },
    [](auto a, auto) { return 1 / ((1 - a) * (1 + a)); });
// the angle of the point (b, a); 0 at the origin, with no slope there
inline const auto atan2 = primitive<2>("atan2", floating, [](auto a, auto b) { return a.atan2(b); },
    [](auto a, auto b, auto) { return where((a == 0) & (b == 0), 0, b / (a * a + b * b)); },
    [](auto a, auto b, auto) { return where((a == 0) & (b == 0), 0, -a / (a * a + b * b)); });
inline const auto deg2rad = composed("deg2rad", floating, [](auto a) { return a * 0.017453292519943295; });
inline const auto rad2deg = composed("rad2deg", floating, [](auto a) { return a * 57.29577951308232; });
// sin(pi a) / (pi a)
inline const auto sinc = composed("sinc", analytic, [](auto a) {
  auto angle = 3.141592653589793 * a;
  return where(a == 0, 1, sin(angle) / angle); });
inline const auto tanh = primitive("tanh", analytic, [](auto a) { return a.tanh(); },
    [](auto, auto y) { return 1 - y * y; });

// --- of neural networks ---------------------------------------------------------------------
inline const auto sigmoid = primitive("sigmoid", analytic, [](auto a) { return a.sigmoid(); },
    [](auto, auto y) { return y * (1 - y); });
// log(1 + exp(a))
inline const auto softplus = primitive("softplus", floating, [](auto a) { return a.softplus(); },
    [](auto a, auto) { return sigmoid(a); });
// log(exp(a) + exp(b))
inline const auto logaddexp = primitive<2>("logaddexp", floating, [](auto a, auto b) { return a.logaddexp(b); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, sigmoid(a - b)); },
    [](auto a, auto b, auto) { return where(a == b, 0.5, sigmoid(b - a)); });
inline const auto hypot = primitive<2>("hypot", continued, [](auto a, auto b) { return a.hypot(b); },
    [](auto a, auto, auto y) { return where(y == 0, 0, a / y); },
    [](auto, auto b, auto y) { return where(y == 0, 0, b / y); });
inline const auto erf = primitive("erf", floating, [](auto a) { return a.erf(); },
    [](auto a, auto) { return 1.1283791670955126 * exp(-(a * a)); });
// standard normal distribution function, without cancellation in the left tail
inline const auto ndtr = primitive("ndtr", floating, [](auto a) { return a.ndtr(); },
    [](auto a, auto) { return 0.3989422804014327 * exp(-0.5 * (a * a)); });
inline const auto relu = primitive("relu", ordered, [](auto a) { return a.relu(); },
    [](auto, auto y) { return where(y > 0, 1, 0); });
// relu's gradient from its result, as one function: masks stay in registers
inline const auto relu_backward = composed("relu_backward", floating, [](auto y, auto g) {
  return where(y > 0, g, 0); });
// clip(a, lo, hi): the gradient passes where lo <= a <= hi
inline const auto clip = primitive<3>("clip", ordered, [](auto a, auto lo, auto hi) { return a.maximum(lo).minimum(hi); },
    [](auto a, auto lo, auto hi, auto) { return where((a >= lo) & (a <= hi), 1, 0); },
    [](auto a, auto lo, auto hi, auto) { return where((a < lo) & (lo < hi), 1, 0); },
    [](auto a, auto lo, auto hi, auto) { return where((a > hi) | (lo > hi), 1, 0); });

inline const auto silu = composed("silu", floating, [](auto a) { return a * sigmoid(a); });
inline const auto mish = composed("mish", floating, [](auto a) { return a * tanh(softplus(a)); });
inline const auto gelu = composed("gelu", floating, [](auto a) { return a * ndtr(a); });
inline const auto gelu_tanh = composed("gelu_tanh", floating, [](auto a) {
  return 0.5 * a * (1 + tanh(0.7978845608028654 * (a + 0.044715 * (a * a * a)))); });
inline const auto log_sigmoid = composed("log_sigmoid", floating, [](auto a) { return -softplus(-a); });
inline const auto leaky_relu = composed("leaky_relu", floating, [](auto a, auto slope) {
  return where(a > 0, a, a * slope); });
inline const auto prelu = composed("prelu", floating, [](auto a, auto weight) {
  return where(a > 0, a, a * weight); });
inline const auto elu = composed("elu", floating, [](auto a, auto alpha) {
  return where(a > 0, a, alpha * expm1(where(a > 0, 0, a))); });
inline const auto selu = composed("selu", floating, [](auto a) {
  return 1.0507009873554805 * where(a > 0, a, 1.6732632423543772 * expm1(where(a > 0, 0, a))); });
inline const auto celu = composed("celu", floating, [](auto a, auto alpha) {
  return where(a > 0, a, alpha * expm1(where(a > 0, 0, a) / alpha)); });
inline const auto softsign = composed("softsign", floating, [](auto a) { return a / (1 + abs(a)); });
inline const auto tanhshrink = composed("tanhshrink", floating, [](auto a) { return a - tanh(a); });
inline const auto softshrink = composed("softshrink", floating, [](auto a, auto lambd) {
  return where(a > lambd, a - lambd, where(a < -lambd, a + lambd, 0 * a)); });
inline const auto hardshrink = composed("hardshrink", floating, [](auto a, auto lambd) {
  return where((a >= -lambd) & (a <= lambd), 0, a); });
// Outside the bounds, and on them, the gradient is 0.
inline const auto hardtanh = composed("hardtanh", floating, [](auto a, auto lo, auto hi) {
  return where(a <= lo, lo, where(a >= hi, hi, a)); });
inline const auto relu6 = composed("relu6", floating, [](auto a) {
  return where(a <= 0, 0, where(a >= 6, 6, a)); });
inline const auto hardsigmoid = composed("hardsigmoid", floating, [](auto a) {
  return where(a <= -3, 0, where(a >= 3, 1, (a + 3) / 6)); });
inline const auto hardswish = composed("hardswish", floating, [](auto a) {
  return where(a <= -3, 0, where(a >= 3, a, a * ((a + 3) / 6))); });
inline const auto threshold = composed("threshold", floating, [](auto a, auto at_most, auto value) {
  return where(a <= at_most, value, a); });

// --- special functions ----------------------------------------------------------------------
inline const auto cbrt = primitive("cbrt", floating, [](auto a) { return a.cbrt(); },
    [](auto, auto y) { return 1 / (3 * (y * y)); });
// the k-th derivative of digamma, in b; k is a whole number
inline const auto polygamma = primitive<2>("polygamma", floating, [](auto k, auto b) { return k.polygamma(b); },
    [](auto, auto, auto) { return 0; }, [](auto k, auto b, auto) { return call("polygamma", k + 1, b); });
inline const auto digamma = primitive("digamma", floating, [](auto a) { return a.digamma(); },
    [](auto a, auto) { return call("polygamma", 1, a); });
inline const auto lgamma = primitive("lgamma", floating, [](auto a) { return a.lgamma(); },
    [](auto a, auto) { return digamma(a); });
// the sum of (b + k)^-a over k >= 0
inline const auto zeta = primitive<2>("zeta", floating, [](auto a, auto b) { return a.zeta(b); },
    [](auto a, auto, auto) { return no_derivative(a, "zeta", "x"); },
    [](auto a, auto b, auto) { return -a * call("zeta", a + 1, b); });
inline const auto betaln = primitive<2>("betaln", floating, [](auto a, auto b) { return a.betaln(b); },
    [](auto a, auto b, auto) { return digamma(a) - digamma(a + b); },
    [](auto a, auto b, auto) { return digamma(b) - digamma(a + b); });
inline const auto erfc = primitive("erfc", floating, [](auto a) { return a.erfc(); },
    [](auto a, auto) { return -1.1283791670955126 * exp(-(a * a)); });
// exp(a^2) erfc(a)
inline const auto erfcx = primitive("erfcx", floating, [](auto a) { return a.erfcx(); },
    [](auto a, auto y) { return 2 * a * y - 1.1283791670955126; });
inline const auto erfinv = primitive("erfinv", floating, [](auto a) { return a.erfinv(); },
    [](auto, auto y) { return 0.886226925452758 * exp(y * y); });
inline const auto ndtri = primitive("ndtri", floating, [](auto a) { return a.ndtri(); },
    [](auto, auto y) { return 2.5066282746310002 * exp(0.5 * (y * y)); });
// log(ndtr(a)); its slope is that of the normal density over ndtr
inline const auto log_ndtr = primitive("log_ndtr", floating, [](auto a) { return a.log_ndtr(); },
    [](auto a, auto) { return 0.7978845608028654 / erfcx(a * -0.7071067811865476); });
inline const auto i0 = primitive("i0", floating, [](auto a) { return a.i0(); },
    [](auto a, auto) { return call("i1", a); });
inline const auto i0e = primitive("i0e", floating, [](auto a) { return a.i0e(); },
    [](auto a, auto y) { return call("i1e", a) - sign(a) * y; });
inline const auto i1 = primitive("i1", floating, [](auto a) { return a.i1(); },
    [](auto a, auto y) { return where(a == 0, 0.5, i0(a) - y / a); });
inline const auto i1e = primitive("i1e", floating, [](auto a) { return a.i1e(); },
    [](auto a, auto y) { return where(a == 0, 0.5, i0e(a) - y * (sign(a) + 1 / a)); });
// Regularised. Their derivatives in a (and b) have no derivatives in a (and b) of their own.
inline const auto gammainc_slope = primitive<2>("gammainc_slope", floating, [](auto a, auto x) { return a.gammainc_slope(x); },
    [](auto a, auto, auto) { return no_derivative(a, "the derivative of gammainc in a", "a"); },
    [](auto a, auto x, auto) { return exp((a - 1) * log(x) - x - lgamma(a)) * (log(x) - digamma(a)); });
inline const auto gammainc = primitive<2>("gammainc", floating, [](auto a, auto x) { return a.gammainc(x); },
    [](auto a, auto x, auto) { return gammainc_slope(a, x); },
    [](auto a, auto x, auto) { return exp(xlogy(a - 1, x) - x - lgamma(a)); });
inline const auto gammaincc = primitive<2>("gammaincc", floating, [](auto a, auto x) { return a.gammaincc(x); },
    [](auto a, auto x, auto) { return -gammainc_slope(a, x); },
    [](auto a, auto x, auto) { return -exp(xlogy(a - 1, x) - x - lgamma(a)); });
inline const auto betainc_slope = primitive<3>("betainc_slope", floating, [](auto a, auto b, auto x) { return a.betainc_slope(b, x); },
    [](auto a, auto, auto, auto) { return no_derivative(a, "the derivative of betainc in a", "a"); },
    [](auto a, auto, auto, auto) { return no_derivative(a, "the derivative of betainc in a", "b"); },
    [](auto a, auto b, auto x, auto) {
      return exp((a - 1) * log(x) + (b - 1) * log1p(-x) - betaln(a, b)) * (log(x) - digamma(a) + digamma(a + b)); });
inline const auto betainc = primitive<3>("betainc", floating, [](auto a, auto b, auto x) { return a.betainc(b, x); },
    [](auto a, auto b, auto x, auto) { return betainc_slope(a, b, x); },
    [](auto a, auto b, auto x, auto) { return -betainc_slope(b, a, 1 - x); },
    [](auto a, auto b, auto x, auto) { return exp(xlogy(a - 1, x) + (b - 1) * log1p(-x) - betaln(a, b)); });
// -a log(a), -inf below 0
inline const auto entr = composed("entr", floating, [](auto a) {
  return where(a < 0, -__builtin_inf(), xlogy(-a, a)); });
// a * log(1 + b), 0 where a is 0 (unless b is NaN)
inline const auto xlog1py = primitive<2>("xlog1py", floating, [](auto a, auto b) {
      return where((a == 0) & (b == b), 0, a * log1p(b)); },
    [](auto a, auto b, auto) { return where((a == 0) & (b <= -1), 0, log1p(b)); },
    [](auto a, auto b, auto) { return a / (1 + b); });

// --- losses, element by element: of an input a against a target t, and a number --------------
inline const auto mse_loss = loss(composed("mse_loss", floating, [](auto a, auto t) {
  auto d = a - t;
  return d * d; }));
inline const auto l1_loss = loss(composed("l1_loss", floating, [](auto a, auto t) { return abs(a - t); }));
inline const auto smooth_l1_loss = loss(composed("smooth_l1_loss", floating, [](auto a, auto t, auto beta) {
  auto d = abs(a - t);
  return where(d < beta, 0.5 * (d * d) / beta, d - 0.5 * beta); }));
inline const auto huber_loss = loss(composed("huber_loss", floating, [](auto a, auto t, auto delta) {
  auto d = abs(a - t);
  return where(d < delta, 0.5 * (d * d), delta * (d - 0.5 * delta)); }));
// of a logit a against t in [0, 1], without overflow
inline const auto bce_with_logits = loss(composed("bce_with_logits", floating, [](auto a, auto t) {
  return softplus(a) - a * t; }));
// of a probability a; logarithms are cut off at -100, and the slope with them
inline const auto binary_cross_entropy = loss(primitive<2>("binary_cross_entropy", floating,
    [](auto a, auto t) { return -(t * maximum(log(a), -100) + (1 - t) * maximum(log1p(-a), -100)); },
    [](auto a, auto t, auto) { return (a - t) / maximum((1 - a) * a, 1e-12); },
    [](auto a, auto, auto) { return maximum(log1p(-a), -100) - maximum(log(a), -100); }));
// of a log-probability a against a probability t, or against log t
inline const auto kl_div = loss(composed("kl_div", floating, [](auto a, auto t) { return xlogy(t, t) - t * a; }));
inline const auto kl_div_log = loss(composed("kl_div_log", floating, [](auto a, auto t) { return exp(t) * (t - a); }));
inline const auto poisson_nll_loss = loss(composed("poisson_nll_loss", floating, [](auto a, auto t) { return exp(a) - t * a; }));
inline const auto hinge_embedding_loss = loss(composed("hinge_embedding_loss", floating, [](auto a, auto t, auto margin) {
  return where(t > 0, a, where(a <= margin, margin - a, 0)); }));
inline const auto soft_margin_loss = loss(composed("soft_margin_loss", floating, [](auto a, auto t) { return softplus(-(t * a)); }));

// --- optimisers: several results from one pass over a parameter ------------------------------
// Each takes the parameter p, its gradient g, its state, and numbers; it returns the new values of
// p and of the state. Formulas in python/nnx/optim, whose factors are computed there once a step.
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
inline const auto amsgrad_update = update("amsgrad_update",
    [](auto p, auto g, auto m, auto v, auto most, auto decay, auto keep, auto rate1, auto beta2,
       auto rate2, auto scale, auto eps, auto step) {
  auto d = g + decay * p;
  auto new_m = m + rate1 * (d - m);
  auto new_v = beta2 * v + rate2 * (d * d);
  auto top = maximum(most, new_v);
  return results(keep * p - step * (new_m / (sqrt(top) * scale + eps)), new_m, new_v, top); });
inline const auto adamax_update = update("adamax_update",
    [](auto p, auto g, auto m, auto u, auto decay, auto rate1, auto beta2, auto eps, auto step) {
  auto d = g + decay * p;
  auto new_m = m + rate1 * (d - m);
  auto new_u = maximum(beta2 * u, abs(d) + eps);
  return results(p - step * (new_m / new_u), new_m, new_u); });
// step_g and step_m weigh the gradient and the momentum
inline const auto nadam_update = update("nadam_update",
    [](auto p, auto g, auto m, auto v, auto decay, auto keep, auto rate1, auto beta2, auto rate2,
       auto scale, auto eps, auto step_g, auto step_m) {
  auto d = g + decay * p;
  auto new_m = m + rate1 * (d - m);
  auto new_v = beta2 * v + rate2 * (d * d);
  return results(keep * p - (step_g * d + step_m * new_m) / (sqrt(new_v) * scale + eps), new_m, new_v); });
// one of the two steps is 0: the rectified one until the variance of v can be told
inline const auto radam_update = update("radam_update",
    [](auto p, auto g, auto m, auto v, auto decay, auto keep, auto rate1, auto beta2, auto rate2,
       auto eps, auto step_plain, auto step_rectified) {
  auto d = g + decay * p;
  auto new_m = m + rate1 * (d - m);
  auto new_v = beta2 * v + rate2 * (d * d);
  return results(keep * p - new_m * (step_plain + step_rectified / (sqrt(new_v) + eps)), new_m, new_v); });
inline const auto rmsprop_update = update("rmsprop_update",
    [](auto p, auto g, auto v, auto decay, auto alpha, auto rate, auto eps, auto lr) {
  auto d = g + decay * p;
  auto new_v = alpha * v + rate * (d * d);
  return results(p - lr * (d / (sqrt(new_v) + eps)), new_v); });
inline const auto rmsprop_momentum_update = update("rmsprop_momentum_update",
    [](auto p, auto g, auto v, auto b, auto decay, auto alpha, auto rate, auto eps, auto lr, auto momentum) {
  auto d = g + decay * p;
  auto new_v = alpha * v + rate * (d * d);
  auto new_b = momentum * b + d / (sqrt(new_v) + eps);
  return results(p - lr * new_b, new_v, new_b); });
inline const auto rmsprop_centered_update = update("rmsprop_centered_update",
    [](auto p, auto g, auto v, auto a, auto decay, auto alpha, auto rate, auto eps, auto lr) {
  auto d = g + decay * p;
  auto new_v = alpha * v + rate * (d * d);
  auto new_a = a + rate * (d - a);
  return results(p - lr * (d / (sqrt(new_v - new_a * new_a) + eps)), new_v, new_a); });
inline const auto rmsprop_centered_momentum_update = update("rmsprop_centered_momentum_update",
    [](auto p, auto g, auto v, auto a, auto b, auto decay, auto alpha, auto rate, auto eps, auto lr,
       auto momentum) {
  auto d = g + decay * p;
  auto new_v = alpha * v + rate * (d * d);
  auto new_a = a + rate * (d - a);
  auto new_b = momentum * b + d / (sqrt(new_v - new_a * new_a) + eps);
  return results(p - lr * new_b, new_v, new_a, new_b); });
inline const auto adagrad_update = update("adagrad_update",
    [](auto p, auto g, auto s, auto decay, auto lr, auto eps) {
  auto d = g + decay * p;
  auto new_s = s + d * d;
  return results(p - lr * (d / (sqrt(new_s) + eps)), new_s); });
inline const auto adadelta_update = update("adadelta_update",
    [](auto p, auto g, auto s, auto a, auto decay, auto rho, auto rate, auto eps, auto lr) {
  auto d = g + decay * p;
  auto new_s = rho * s + rate * (d * d);
  auto e = sqrt(a + eps) / sqrt(new_s + eps) * d;
  return results(p - lr * e, new_s, rho * a + rate * (e * e)); });
// a moving average p of values g
inline const auto ema_update = update("ema_update", [](auto p, auto g, auto rate) {
  return results(p + rate * (g - p)); });

// clang-format on

}  // namespace nnx::pointwise
