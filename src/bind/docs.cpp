// Documentation of the pointwise functions: one line each here, the rest follows from the rule of
// the declaration. Invariant: every example runs and prints what stands below it.
#include <string>

#include "bind/pointwise.hpp"
#include "ops/expr.hpp"

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
    {"squared_difference", "The square of the difference.", "z = (x - y)^2",
     "nnx.squared_difference(nnx.tensor([1.0]), 3.0)", "tensor([4.])"},
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

std::string pointwise_doc(const Definition& d) {
  const ops::Declaration& op = ops::declarations()[static_cast<std::size_t>(d.id)];
  const bool in_place = std::string_view(d.name).ends_with('_');
  std::string out;
  for (const Entry& e : kEntries) {
    if (std::string_view(e.name) != op.name) continue;
    out += e.summary;
    if (in_place) out += " In place: the tensor is overwritten and returned.";
    out += "\n\n";
    if (*e.formula) out.append(e.formula).append("\n\n");
    out += op.arity == 1 ? "Shapes: any -> the same.\n" : "Shapes: any that broadcast to one.\n";
    out.append("dtypes: ").append(dtypes_of(op.rule)).append("\n\nRaises: ");
    out += op.arity == 1
               ? "DTypeError for what is not numbers.\n"
               : "ShapeError where the shapes do not fit; DTypeError for what is not numbers.\n";
    if (in_place) out += "GradientError where gradients could not follow.\n";
    if (*e.source) out.append("\nSource: ").append(e.source).append("\n");
    out.append("\nExample:\n    >>> ")
        .append(e.example)
        .append("\n    ")
        .append(e.result)
        .append("\n");
    return out;
  }
  return std::string(op.name) + ", element by element.\n\ndtypes: " + dtypes_of(op.rule) + "\n";
}

}  // namespace nnx::bind
