// Documentation of the pointwise functions: one line each here, the rest follows from the rule of
// the declaration. Invariant: every example runs and prints what stands below it.
#include <string>

#include "bind/pointwise.hpp"
#include "ops/pointwise_op.hpp"

namespace nnx::bind {

namespace {

struct Entry {
  const char* name;
  const char* summary;
  const char* formula;  // may be empty
  const char* example;
  const char* result;
  const char* source = "";
};

constexpr Entry kEntries[] = {
    {"add", "Sum; with alpha, x + alpha y.", "z = x + y", "nnx.add(nnx.tensor([1, 2]), 10)",
     "tensor([11, 12])"},
    {"subtract", "Difference; with alpha, x - alpha y.", "z = x - y",
     "nnx.subtract(nnx.tensor([1, 2]), 1)", "tensor([0, 1])"},
    {"multiply", "Product, element by element.", "z = x y", "nnx.multiply(nnx.tensor([1, 2]), 3)",
     "tensor([3, 6])"},
    {"divide", "Quotient; of integers, too, a float. rounding_mode 'floor' or 'trunc' rounds it.",
     "z = x / y", "nnx.divide(nnx.tensor([1, 2]), 2)", "tensor([0.5, 1. ])"},
    {"negative", "The negative.", "y = -x", "nnx.negative(nnx.tensor([1, -2]))",
     "tensor([-1,  2])"},
    {"reciprocal", "One over x.", "y = 1 / x", "nnx.reciprocal(nnx.tensor([2.0, 4.0]))",
     "tensor([0.5 , 0.25])"},
    {"square", "The square.", "y = x^2", "nnx.square(nnx.tensor([3.0]))", "tensor([9.])"},
    {"conj", "The complex conjugate; of real numbers themselves.", "y = a - ib for x = a + ib",
     "nnx.conj(nnx.tensor([1 + 2j]))", "tensor([1.-2.j])"},
    {"floor_divide", "Quotient rounded down. Integers divided by 0 give 0.", "z = floor(x / y)",
     "nnx.floor_divide(nnx.tensor([7, -7]), 2)", "tensor([ 3, -4])"},
    {"remainder", "What is left of x, with the sign of y.", "z = x - y floor(x / y)",
     "nnx.remainder(nnx.tensor([7, -7]), 3)", "tensor([1, 2])"},
    {"fmod", "What is left of x, with the sign of x.", "z = x - y trunc(x / y)",
     "nnx.fmod(nnx.tensor([7, -7]), 3)", "tensor([ 1, -1])"},
    {"equal", "True where both are equal; NaN equals nothing.", "z = (x == y)",
     "nnx.equal(nnx.tensor([1, 2]), 2)", "tensor([False,  True])"},
    {"not_equal", "True where both differ.", "z = (x != y)", "nnx.not_equal(nnx.tensor([1, 2]), 2)",
     "tensor([ True, False])"},
    {"less", "True where x is less.", "z = (x < y)", "nnx.less(nnx.tensor([1, 2]), 2)",
     "tensor([ True, False])"},
    {"less_equal", "True where x is less or equal.", "z = (x <= y)",
     "nnx.less_equal(nnx.tensor([1, 2, 3]), 2)", "tensor([ True,  True, False])"},
    {"greater", "True where x is greater.", "z = (x > y)", "nnx.greater(nnx.tensor([1, 2, 3]), 2)",
     "tensor([False, False,  True])"},
    {"greater_equal", "True where x is greater or equal.", "z = (x >= y)",
     "nnx.greater_equal(nnx.tensor([1, 2]), 2)", "tensor([False,  True])"},
    {"isnan", "True where x is not a number.", "", "nnx.isnan(nnx.tensor([1.0, float('nan')]))",
     "tensor([False,  True])"},
    {"isinf", "True where x is infinite.", "", "nnx.isinf(nnx.tensor([1.0, float('inf')]))",
     "tensor([False,  True])"},
    {"isfinite", "True where x is neither infinite nor NaN.", "",
     "nnx.isfinite(nnx.tensor([1.0, float('inf')]))", "tensor([ True, False])"},
    {"signbit", "True where the sign is negative, also of -0.", "",
     "nnx.signbit(nnx.tensor([1.0, -0.0]))", "tensor([False,  True])"},
    {"logical_and", "True where both are not 0.", "z = x and y",
     "nnx.logical_and(nnx.tensor([0, 2]), True)", "tensor([False,  True])"},
    {"logical_or", "True where either is not 0.", "z = x or y",
     "nnx.logical_or(nnx.tensor([0, 2]), False)", "tensor([False,  True])"},
    {"logical_xor", "True where just one is not 0.", "z = x xor y",
     "nnx.logical_xor(nnx.tensor([0, 2]), True)", "tensor([ True, False])"},
    {"logical_not", "True where x is 0.", "y = not x", "nnx.logical_not(nnx.tensor([0, 2]))",
     "tensor([ True, False])"},
    {"bitwise_and", "The bits that both have; of bools, x and y.", "z = x & y",
     "nnx.bitwise_and(nnx.tensor([6]), 3)", "tensor([2])"},
    {"bitwise_or", "The bits that either has; of bools, x or y.", "z = x | y",
     "nnx.bitwise_or(nnx.tensor([6]), 3)", "tensor([7])"},
    {"bitwise_xor", "The bits that just one has.", "z = x ^ y",
     "nnx.bitwise_xor(nnx.tensor([6]), 3)", "tensor([5])"},
    {"bitwise_invert", "All bits turned round; of bools, not x.", "y = ~x",
     "nnx.bitwise_invert(nnx.tensor([6]))", "tensor([-7])"},
    {"bitwise_left_shift", "The bits moved up.", "z = x 2^y",
     "nnx.bitwise_left_shift(nnx.tensor([3]), 2)", "tensor([12])"},
    {"bitwise_right_shift", "The bits moved down.", "z = floor(x / 2^y)",
     "nnx.bitwise_right_shift(nnx.tensor([13]), 2)", "tensor([3])"},
    {"maximum", "The larger, element by element. NaN wins; equal elements share the gradient.",
     "z = max(x, y)", "nnx.maximum(nnx.tensor([1, 5]), 3)", "tensor([3, 5])"},
    {"minimum", "The smaller, element by element. NaN wins; equal elements share the gradient.",
     "z = min(x, y)", "nnx.minimum(nnx.tensor([1, 5]), 3)", "tensor([1, 3])"},
    {"sign", "-1, 0 or 1.", "y = x / |x|, 0 at 0", "nnx.sign(nnx.tensor([-2.0, 0.0, 3.0]))",
     "tensor([-1.,  0.,  1.])"},
    {"abs", "The absolute value; its derivative at 0 is 0.", "y = |x|",
     "nnx.abs(nnx.tensor([-2, 3]))", "tensor([2, 3])"},
    {"floor", "The largest whole number not above x.", "", "nnx.floor(nnx.tensor([1.5, -1.5]))",
     "tensor([ 1., -2.])"},
    {"ceil", "The smallest whole number not below x.", "", "nnx.ceil(nnx.tensor([1.5, -1.5]))",
     "tensor([ 2., -1.])"},
    {"trunc", "The whole number next to x towards 0.", "", "nnx.trunc(nnx.tensor([1.5, -1.5]))",
     "tensor([ 1., -1.])"},
    {"round", "The nearest whole number, half to even; decimals: digits kept.", "",
     "nnx.round(nnx.tensor([0.5, 1.5, 2.6]))", "tensor([0., 2., 3.])"},
    {"sqrt", "The square root; NaN below 0.", "y = x^(1/2)", "nnx.sqrt(nnx.tensor([4.0, 9.0]))",
     "tensor([2., 3.])"},
    {"rsqrt", "One over the square root.", "y = x^(-1/2)", "nnx.rsqrt(nnx.tensor([4.0]))",
     "tensor([0.5])"},
    {"exp", "The exponential.", "y = e^x", "nnx.exp(nnx.tensor([0.0]))", "tensor([1.])"},
    {"exp2", "Two to the power of x.", "y = 2^x", "nnx.exp2(nnx.tensor([3.0]))", "tensor([8.])"},
    {"expm1", "exp(x) - 1 without cancellation near 0.", "y = e^x - 1",
     "nnx.expm1(nnx.tensor([0.0]))", "tensor([0.])"},
    {"log", "The natural logarithm; NaN below 0.", "y = ln x", "nnx.log(nnx.tensor([1.0]))",
     "tensor([0.])"},
    {"log2", "The logarithm to base 2.", "y = log2 x", "nnx.log2(nnx.tensor([8.0]))",
     "tensor([3.])"},
    {"log10", "The logarithm to base 10.", "y = log10 x", "nnx.log10(nnx.tensor([100.0]))",
     "tensor([2.])"},
    {"log1p", "log(1 + x) without cancellation near 0.", "y = ln(1 + x)",
     "nnx.log1p(nnx.tensor([0.0]))", "tensor([0.])"},
    {"xlogy", "x log(y), and 0 where x is 0.", "z = x ln y",
     "nnx.xlogy(nnx.tensor([0.0, 2.0]), nnx.tensor([0.0, 1.0]))", "tensor([0., 0.])"},
    {"power", "x to the power of y.", "z = x^y", "nnx.power(nnx.tensor([2.0, 3.0]), 2)",
     "tensor([4., 9.])"},
    {"sin", "The sine of an angle in radians.", "y = sin x", "nnx.sin(nnx.tensor([0.0]))",
     "tensor([0.])"},
    {"cos", "The cosine of an angle in radians.", "y = cos x", "nnx.cos(nnx.tensor([0.0]))",
     "tensor([1.])"},
    {"tan", "The tangent of an angle in radians.", "y = tan x", "nnx.tan(nnx.tensor([0.0]))",
     "tensor([0.])"},
    {"sinh", "The hyperbolic sine.", "y = (e^x - e^-x) / 2", "nnx.sinh(nnx.tensor([0.0]))",
     "tensor([0.])"},
    {"cosh", "The hyperbolic cosine.", "y = (e^x + e^-x) / 2", "nnx.cosh(nnx.tensor([0.0]))",
     "tensor([1.])"},
    {"asin", "The angle whose sine is x, in radians; NaN beyond -1 and 1.", "sin y = x",
     "nnx.asin(nnx.tensor([0.0, 1.0]))", "tensor([0.       , 1.5707964])"},
    {"acos", "The angle whose cosine is x, in radians; NaN beyond -1 and 1.", "cos y = x",
     "nnx.acos(nnx.tensor([1.0, 0.0]))", "tensor([0.       , 1.5707964])"},
    {"atan", "The angle whose tangent is x, in radians.", "tan y = x",
     "nnx.atan(nnx.tensor([0.0, 1.0]))", "tensor([0.       , 0.7853982])"},
    {"atan2", "The angle of the point (y, x) against the second axis, in radians; y comes first.",
     "z = angle of y + i x", "nnx.atan2(nnx.tensor([1.0]), nnx.tensor([-1.0]))",
     "tensor([2.3561945])"},
    {"asinh", "The inverse of sinh.", "sinh y = x", "nnx.asinh(nnx.tensor([0.0]))", "tensor([0.])"},
    {"acosh", "The inverse of cosh; NaN below 1.", "cosh y = x", "nnx.acosh(nnx.tensor([1.0]))",
     "tensor([0.])"},
    {"atanh", "The inverse of tanh; NaN beyond -1 and 1.", "tanh y = x",
     "nnx.atanh(nnx.tensor([0.0]))", "tensor([0.])"},
    {"deg2rad", "Degrees in radians.", "y = x pi / 180", "nnx.deg2rad(nnx.tensor([180.0]))",
     "tensor([3.1415927])"},
    {"rad2deg", "Radians in degrees.", "y = x 180 / pi", "nnx.rad2deg(nnx.tensor([0.0]))",
     "tensor([0.])"},
    {"sinc", "The normalised sinc function, 1 at 0.", "y = sin(pi x) / (pi x)",
     "nnx.sinc(nnx.tensor([0.0]))", "tensor([1.])"},
    {"copysign", "The size of x with the sign of y, also of -0.", "z = |x| sign(y)",
     "nnx.copysign(nnx.tensor([1.0, 2.0]), -1.0)", "tensor([-1., -2.])"},
    {"nextafter", "The next number of the dtype on the way from x to y.", "",
     "nnx.nextafter(nnx.tensor([1.0]), 2.0) > 1", "tensor([True])"},
    {"heaviside", "The step function: 0 below 0, 1 above, y at 0.", "",
     "nnx.heaviside(nnx.tensor([-1.0, 0.0, 2.0]), 0.5)", "tensor([0. , 0.5, 1. ])"},
    {"tanh", "The hyperbolic tangent.", "y = (e^x - e^-x) / (e^x + e^-x)",
     "nnx.tanh(nnx.tensor([0.0]))", "tensor([0.])"},
    {"sigmoid", "The logistic function, without overflow.", "y = 1 / (1 + e^-x)",
     "nnx.sigmoid(nnx.tensor([0.0]))", "tensor([0.5])"},
    {"softplus", "A smooth relu, without overflow.", "y = ln(1 + e^(beta x)) / beta",
     "nnx.softplus(nnx.tensor([0.0]))", "tensor([0.6931472])"},
    {"logaddexp", "The logarithm of a sum of exponentials, without overflow.", "z = ln(e^x + e^y)",
     "nnx.logaddexp(nnx.tensor([0.0]), 0.0)", "tensor([0.6931472])"},
    {"hypot", "The length of a vector (x, y), without overflow.", "z = sqrt(x^2 + y^2)",
     "nnx.hypot(nnx.tensor([3.0]), 4.0)", "tensor([5.])"},
    {"erf", "The error function.", "y = 2 / sqrt(pi) int_0^x e^(-t^2) dt",
     "nnx.erf(nnx.tensor([0.0]))", "tensor([0.])"},
    {"ndtr", "The distribution function of the standard normal.", "y = (1 + erf(x / sqrt 2)) / 2",
     "nnx.ndtr(nnx.tensor([0.0]))", "tensor([0.5])"},
    {"relu", "The positive part; its derivative at 0 is 0.", "y = max(x, 0)",
     "nnx.relu(nnx.tensor([-1.0, 2.0]))", "tensor([0., 2.])"},
    {"clip", "x kept between min and max, either of which may be left out.",
     "y = min(max(x, min), max)", "nnx.clip(nnx.tensor([-1, 5]), 0, 3)", "tensor([0, 3])"},
    {"silu", "The sigmoid linear unit, or swish.", "y = x / (1 + e^-x)",
     "nnx.silu(nnx.tensor([0.0]))", "tensor([0.])", "Elfwing, Uchibe, Doya, arXiv:1702.03118"},
    {"gelu", "The Gaussian error linear unit; approximate='tanh' is its older approximation.",
     "y = x (1 + erf(x / sqrt 2)) / 2", "nnx.gelu(nnx.tensor([0.0]))", "tensor([0.])",
     "Hendrycks and Gimpel, arXiv:1606.08415"},
    {"leaky_relu", "relu with a small slope below 0.", "y = x for x > 0, else negative_slope x",
     "nnx.leaky_relu(nnx.tensor([-1.0, 2.0]), 0.5)", "tensor([-0.5,  2. ])"},
    {"elu", "The exponential linear unit.", "y = x for x > 0, else alpha (e^x - 1)",
     "nnx.elu(nnx.tensor([0.0, 2.0]))", "tensor([0., 2.])",
     "Clevert, Unterthiner, Hochreiter, arXiv:1511.07289"},
    {"mish", "A smooth relu that dips below 0.", "y = x tanh(ln(1 + e^x))",
     "nnx.mish(nnx.tensor([0.0]))", "tensor([0.])", "Misra, arXiv:1908.08681"},
    {"log_sigmoid", "The logarithm of the sigmoid, without overflow.", "y = -ln(1 + e^-x)",
     "nnx.log_sigmoid(nnx.tensor([0.0]))", "tensor([-0.6931472])"},
    {"prelu", "leaky_relu whose slope y is a tensor, which is learnt.", "z = x for x > 0, else x y",
     "nnx.prelu(nnx.tensor([-2.0, 2.0]), nnx.tensor([0.5]))", "tensor([-1.,  2.])",
     "He, Zhang, Ren, Sun, arXiv:1502.01852"},
    {"selu", "The elu whose scale keeps mean 0 and variance 1 from layer to layer.",
     "y = 1.0507 (x for x > 0, else 1.67326 (e^x - 1))", "nnx.selu(nnx.tensor([0.0]))",
     "tensor([0.])", "Klambauer, Unterthiner, Mayr, Hochreiter, arXiv:1706.02515"},
    {"celu", "The elu whose derivative is continuous for every alpha.",
     "y = x for x > 0, else alpha (e^(x / alpha) - 1)", "nnx.celu(nnx.tensor([0.0, 2.0]), 2.0)",
     "tensor([0., 2.])", "Barron, arXiv:1704.07483"},
    {"softsign", "A sigmoid that approaches its limits as slowly as 1 / x.", "y = x / (1 + |x|)",
     "nnx.softsign(nnx.tensor([1.0, -3.0]))", "tensor([ 0.5 , -0.75])"},
    {"tanhshrink", "What tanh takes away.", "y = x - tanh(x)", "nnx.tanhshrink(nnx.tensor([0.0]))",
     "tensor([0.])"},
    {"softshrink", "Moved towards 0 by lambd, no further than 0.",
     "y = sign(x) max(|x| - lambd, 0)", "nnx.softshrink(nnx.tensor([-2.0, 0.25]))",
     "tensor([-1.5,  0. ])"},
    {"hardshrink", "0 where |x| is at most lambd.", "y = x for |x| > lambd, else 0",
     "nnx.hardshrink(nnx.tensor([-2.0, 0.25]))", "tensor([-2.,  0.])"},
    {"hardtanh", "x kept between min_val and max_val; no gradient outside and at the ends.",
     "y = min(max(x, min_val), max_val)", "nnx.hardtanh(nnx.tensor([-2.0, 0.5]))",
     "tensor([-1. ,  0.5])"},
    {"relu6", "relu that ends at 6.", "y = min(max(x, 0), 6)", "nnx.relu6(nnx.tensor([-1.0, 8.0]))",
     "tensor([0., 6.])"},
    {"hardsigmoid", "A sigmoid of three straight pieces.", "y = min(max(x + 3, 0), 6) / 6",
     "nnx.hardsigmoid(nnx.tensor([-4.0, 0.0]))", "tensor([0. , 0.5])"},
    {"hardswish", "A swish of simple pieces.", "y = x min(max(x + 3, 0), 6) / 6",
     "nnx.hardswish(nnx.tensor([-4.0, 3.0]))", "tensor([0., 3.])",
     "Howard et al., arXiv:1905.02244"},
    {"threshold", "value where x is not above the threshold.",
     "y = x for x > threshold, else value", "nnx.threshold(nnx.tensor([0.0, 2.0]), 1.0, -1.0)",
     "tensor([-1.,  2.])"},
    {"mse_loss", "The squared error.", "(input - target)^2",
     "nnx.mse_loss(nnx.tensor([1.0, 2.0]), nnx.tensor([1.0, 4.0]))", "tensor(2.)"},
    {"l1_loss", "The absolute error.", "|input - target|",
     "nnx._nnx.l1_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0]))", "tensor(2.)"},
    {"smooth_l1_loss", "The absolute error, rounded off within beta.",
     "d^2 / (2 beta) for d = |input - target| < beta, else d - beta / 2",
     "nnx._nnx.smooth_l1_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0]))", "tensor(1.5)",
     "Girshick, arXiv:1504.08083"},
    {"huber_loss", "The squared error, a straight line beyond delta.",
     "d^2 / 2 for d = |input - target| < delta, else delta (d - delta / 2)",
     "nnx._nnx.huber_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0]))", "tensor(1.5)",
     "Huber, Ann. Math. Statist. 35 (1964) 73"},
    {"bce_with_logits", "Binary cross-entropy of logits, without overflow.",
     "ln(1 + e^input) - input target", "nnx.bce_with_logits(nnx.tensor([0.0]), nnx.tensor([1.0]))",
     "tensor(0.6931472)"},
    {"binary_cross_entropy", "Binary cross-entropy of probabilities; logarithms end at -100.",
     "-(target ln(input) + (1 - target) ln(1 - input))",
     "nnx._nnx.binary_cross_entropy(nnx.tensor([0.5]), nnx.tensor([1.0]))", "tensor(0.6931472)"},
    {"kl_div", "The Kullback-Leibler divergence of log-probabilities from probabilities.",
     "target (ln(target) - input)", "nnx._nnx.kl_div(nnx.zeros(1), nnx.tensor([1.0]))",
     "tensor(0.)"},
    {"kl_div_log", "The Kullback-Leibler divergence of log-probabilities.",
     "e^target (target - input)", "nnx._nnx.kl_div_log(nnx.zeros(1), nnx.zeros(1))", "tensor(0.)"},
    {"poisson_nll_loss",
     "Counts against the logarithm of their mean, without the term of the count.",
     "e^input - target input", "nnx._nnx.poisson_nll_loss(nnx.zeros(1), nnx.ones(1))",
     "tensor(1.)"},
    {"hinge_embedding_loss", "Distances of pairs: small where target is 1, above margin where -1.",
     "input for target 1, max(0, margin - input) for -1",
     "nnx._nnx.hinge_embedding_loss(nnx.ones(2), nnx.tensor([1.0, -1.0]))", "tensor(0.5)"},
    {"soft_margin_loss", "The logistic loss of targets -1 and 1.", "ln(1 + e^(-target input))",
     "nnx._nnx.soft_margin_loss(nnx.zeros(1), nnx.ones(1))", "tensor(0.6931472)"},
};

const char* dtypes_of(ops::Rule rule) {
  switch (rule) {
    case ops::Rule::floating:
      return "integers and bools are computed in the default floating dtype; floats keep theirs.";
    case ops::Rule::comparison: return "any -> bool.";
    case ops::Rule::logical: return "any (what is not 0 is True) -> bool.";
    case ops::Rule::integral: return "integers and bools.";
    default: return "tensors are promoted; numbers never widen a tensor.";
  }
}

}  // namespace

std::string pointwise_text(const Definition& d, std::string_view name, std::string_view rules) {
  const bool in_place = std::string_view(d.name).ends_with('_');
  for (const Entry& e : kEntries) {
    if (name != e.name) continue;
    std::string out = e.summary;
    if (in_place) out += " In place: the tensor is overwritten and returned.";
    out += "\n\n";
    if (*e.formula) out.append(e.formula).append("\n\n");
    out += rules;
    if (in_place) out += "GradientError where gradients could not follow.\n";
    if (*e.source) out.append("\nSource: ").append(e.source).append("\n");
    out.append("\nExample:\n    >>> ").append(e.example);
    return out.append("\n    ").append(e.result).append("\n");
  }
  return std::string(name) + ", element by element.\n\n" + std::string(rules);
}

std::string pointwise_doc(const Definition& d) {
  const ops::Declaration& op = ops::declarations()[static_cast<std::size_t>(d.id)];
  std::string rules =
      op.arity == 1 ? "Shapes: any -> the same.\n" : "Shapes: any that broadcast to one.\n";
  const ops::PointwiseOp& runs = ops::pointwise_op(d.id);
  const bool complex = runs.complex || runs.complex_form;
  rules.append("dtypes: ").append(dtypes_of(op.rule));
  if (complex) rules += " Complex, too.";
  rules += "\n\nRaises: ";
  if (op.arity != 1) rules += "ShapeError where the shapes do not fit; ";
  rules += complex ? "DTypeError for what is not numbers.\n"
                   : "DTypeError for what is not real numbers.\n";
  return pointwise_text(d, op.name, rules);
}

}  // namespace nnx::bind
