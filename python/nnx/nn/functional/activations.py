"""Activations as functions: elementwise ones, gated ones, softmax and what is made of it.

`inplace=True` overwrites the input, through the op's own in-place method where it has one.
"""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.nn.functional.arguments import floating, like_weights


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = max(input, 0).

    Example:
        >>> nn.functional.relu(nnx.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return input.relu_() if inplace else ops.relu(input)


def relu_(input: Tensor) -> Tensor:
    """`relu` that overwrites the input.

    Example:
        >>> nn.functional.relu_(nnx.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return input.relu_()


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(input, 0), 6).

    Example:
        >>> nn.functional.relu6(nnx.tensor([-1.0, 2.0, 7.0])).tolist()
        [0.0, 2.0, 6.0]
    """
    return input.relu6_() if inplace else ops.relu6(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = input for input > 0, negative_slope * input otherwise.

    Example:
        >>> nn.functional.leaky_relu(nnx.tensor([-1.0, 2.0]), 0.5).tolist()
        [-0.5, 2.0]
    """
    return input.leaky_relu_(negative_slope) if inplace else ops.leaky_relu(input, negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """y = input for input > 0, weight * input otherwise; weight one number, or one a channel.

    Shapes: input (N, C, ...) or any; weight (1,), (C,) or (). Dtypes: floating, both the same.
    Raises: ShapeError where the weight has neither one element nor one for each channel.

    Example:
        >>> nn.functional.prelu(nnx.tensor([-1.0, 2.0]), nnx.tensor([0.25])).tolist()
        [-0.25, 2.0]
    """
    x = like_weights("prelu", input, weight)
    if weight.numel() == 1:
        return ops.prelu(x, weight.reshape(()))
    if weight.ndim != 1 or x.ndim < 2 or x.shape[1] != weight.numel():
        rule = "weight must have one element, or one for each channel (axis 1) of the input"
        received = f"{describe(x, 'input')}, {describe(weight, 'weight')}"
        raise fail(ShapeError, "prelu", rule, received)
    return ops.prelu(x, weight.reshape((-1,) + (1,) * (x.ndim - 2)))


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """y = input for input > 0, a * input otherwise; in training a is drawn for each element,
    uniform in [lower, upper), else a = (lower + upper) / 2.

    Raises: ArgumentError for lower > upper.
    Source: Xu et al., arXiv:1505.00853.

    Example:
        >>> nn.functional.rrelu(nnx.tensor([-1.0, 2.0]), 0.25, 0.75).tolist()
        [-0.5, 2.0]
    """
    slopes_in_order("rrelu", lower, upper)
    x = floating("rrelu", "input", input)
    if not training:
        return leaky_relu(x, (lower + upper) / 2, inplace)
    slope = ops.empty_like(x.detach()).uniform_(lower, upper)
    y = ops.prelu(x, slope)
    return input.copy_(y) if inplace else y


def slopes_in_order(op: str, lower: float, upper: float) -> None:
    """Nothing, where lower <= upper.

    Example:
        >>> nn.functional.activations.slopes_in_order("RReLU", 0.1, 0.2)
    """
    if not lower <= upper:
        received = f"lower = {lower}, upper = {upper}"
        raise fail(ArgumentError, op, "lower must not be above upper", received)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = input for input > 0, alpha * (exp(input) - 1) otherwise.

    Example:
        >>> nn.functional.elu(nnx.tensor([-100.0, 2.0])).tolist()
        [-1.0, 2.0]
    """
    return input.elu_(alpha) if inplace else ops.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = 1.0507 * (input for input > 0, 1.6733 (exp(input) - 1) otherwise).

    Example:
        >>> round(float(nn.functional.selu(nnx.tensor(1.0))), 4)
        1.0507
    """
    return input.selu_() if inplace else ops.selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = max(input, 0) + min(alpha * (exp(input / alpha) - 1), 0).

    Raises: ArgumentError for alpha 0.

    Example:
        >>> nn.functional.celu(nnx.tensor([-100.0, 2.0]), 0.5).tolist()
        [-0.5, 2.0]
    """
    not_zero("celu", "alpha", alpha)
    return input.celu_(alpha) if inplace else ops.celu(input, alpha)


def not_zero(op: str, name: str, value: float) -> None:
    """Nothing, where the option is not 0.

    Example:
        >>> nn.functional.activations.not_zero("celu", "alpha", 0.5)
    """
    if value == 0:
        raise fail(ArgumentError, op, f"{name} must not be 0", describe(value, name))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = input * sigmoid(input).

    Example:
        >>> nn.functional.silu(nnx.zeros(1)).tolist()
        [0.0]
    """
    return input.silu_() if inplace else ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = input * tanh(log(1 + exp(input))).

    Example:
        >>> round(float(nn.functional.mish(nnx.tensor(1.0))), 4)
        0.8651
    """
    return input.mish_() if inplace else ops.mish(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """y = input * Phi(input), Phi the standard normal distribution function; "tanh" approximates.

    Example:
        >>> round(float(nn.functional.gelu(nnx.tensor(1.0))), 4)
        0.8413
    """
    return ops.gelu(input, approximate)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = log(1 + exp(beta * input)) / beta; exact, so that the threshold has no effect.

    Example:
        >>> round(float(nn.functional.softplus(nnx.tensor(0.0))), 4)
        0.6931
    """
    return ops.softplus(input, beta)


def softsign(input: Tensor) -> Tensor:
    """y = input / (1 + |input|).

    Example:
        >>> nn.functional.softsign(nnx.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """
    return ops.softsign(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """y = input - lambd for input > lambd, input + lambd for input < -lambd, else 0.

    Raises: ArgumentError for lambd below 0.

    Example:
        >>> nn.functional.softshrink(nnx.tensor([-2.0, 0.25, 1.0])).tolist()
        [-1.5, 0.0, 0.5]
    """
    return ops.softshrink(input, _check.real("softshrink", "lambd", lambd, 0))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """y = input for |input| > lambd, else 0.

    Example:
        >>> nn.functional.hardshrink(nnx.tensor([-2.0, 0.25, 1.0])).tolist()
        [-2.0, 0.0, 1.0]
    """
    return ops.hardshrink(input, lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """y = input - tanh(input).

    Example:
        >>> round(float(nn.functional.tanhshrink(nnx.tensor(1.0))), 4)
        0.2384
    """
    return ops.tanhshrink(input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """y = min(max(input, min_val), max_val).

    Raises: ArgumentError for min_val > max_val.

    Example:
        >>> nn.functional.hardtanh(nnx.tensor([-2.0, 0.5, 3.0])).tolist()
        [-1.0, 0.5, 1.0]
    """
    if not min_val <= max_val:
        received = f"min_val = {min_val}, max_val = {max_val}"
        raise fail(ArgumentError, "hardtanh", "min_val must not be above max_val", received)
    return input.hardtanh_(min_val, max_val) if inplace else ops.hardtanh(input, min_val, max_val)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(input / 6 + 1/2, 0), 1).

    Example:
        >>> nn.functional.hardsigmoid(nnx.tensor([-4.0, 0.0, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return input.hardsigmoid_() if inplace else ops.hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = input * hardsigmoid(input).

    Example:
        >>> nn.functional.hardswish(nnx.tensor([-4.0, 0.0, 3.0])).tolist()
        [0.0, 0.0, 3.0]
    """
    return input.hardswish_() if inplace else ops.hardswish(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """y = input for input > threshold, else value.

    Example:
        >>> nn.functional.threshold(nnx.tensor([0.0, 2.0]), 1.0, -5.0).tolist()
        [-5.0, 2.0]
    """
    return input.threshold_(threshold, value) if inplace else ops.threshold(input, threshold, value)


def logsigmoid(input: Tensor) -> Tensor:
    """y = log(1 / (1 + exp(-input))), without overflow.

    Example:
        >>> round(float(nn.functional.logsigmoid(nnx.tensor(0.0))), 4)
        -0.6931
    """
    return ops.log_sigmoid(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """y = a * sigmoid(b), a and b the two halves of the input along an axis.

    Raises: ShapeError where the length of the axis is odd.
    Source: Dauphin et al., arXiv:1612.08083.

    Example:
        >>> nn.functional.glu(nnx.tensor([4.0, 0.0])).tolist()
        [2.0]
    """
    x = floating("glu", "input", input)
    if x.ndim == 0 or x.shape[dim] % 2:
        rule = f"axis {dim} of the input must have an even length"
        raise fail(ShapeError, "glu", rule, describe(x, "input"))
    half = x.shape[dim] // 2
    return ops.narrow(x, dim, 0, half) * ops.sigmoid(ops.narrow(x, dim, half, half))


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """y_i = exp(x_i) / sum_j exp(x_j) along an axis, the last one unless told otherwise.

    Example:
        >>> nn.functional.softmax(nnx.zeros(4), dim=0).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    x = input if dtype is None else input.to(dtype)
    return ops.softmax(x, -1 if dim is None else dim)


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """y_i = exp(-x_i) / sum_j exp(-x_j) along an axis, the last one unless told otherwise.

    Example:
        >>> nn.functional.softmin(nnx.tensor([0.0, 1000.0]), dim=0).tolist()
        [1.0, 0.0]
    """
    return softmax(-input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """y_i = x_i - log sum_j exp(x_j) along an axis, the last one unless told otherwise.

    Example:
        >>> round(float(nn.functional.log_softmax(nnx.zeros(4), dim=0)[0]), 4)
        -1.3863
    """
    x = input if dtype is None else input.to(dtype)
    return ops.log_softmax(x, -1 if dim is None else dim)


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + g) / tau), g drawn from the standard Gumbel distribution: a sample of the
    distribution of the logits, softened so that it has a gradient.

    With `hard` the result is one-hot, and the gradient that of the soft sample.

    Args: eps: accepted for PyTorch's sake; nothing here can become log(0).
    Raises: ArgumentError for tau not above 0.
    Source: Jang, Gu, Poole, arXiv:1611.01144.

    Example:
        >>> y = nn.functional.gumbel_softmax(nnx.zeros((2, 3)), hard=True)
        >>> y.sum(1).tolist()
        [1.0, 1.0]
    """
    x = floating("gumbel_softmax", "logits", logits)
    if not tau > 0:
        raise fail(ArgumentError, "gumbel_softmax", "tau must be above 0", describe(tau, "tau"))
    gumbel = -ops.log(ops.empty_like(x.detach()).exponential_())
    soft = ops.softmax((x + gumbel) / tau, dim)
    if not hard:
        return soft
    chosen = ops.one_hot(ops.argmax(soft.detach(), dim), x.shape[dim]).to(x.dtype)
    return ops.moveaxis(chosen, -1, dim) - soft.detach() + soft
