"""Losses that compare input and target element by element.

The common ones are fused: one pass over the data, one more for the gradient.
"""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, no_grad
from nnx.nn.functional.arguments import check_reduction, floating, pair, reduced, same_shape


def mse_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Mean (or sum, or none) of (input - target)^2; with weights, the weighted mean.

    Shapes: all the same. Raises: ShapeError for unequal shapes, DTypeError for unequal dtypes.

    Example:
        >>> float(nn.functional.mse_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        5.0
    """
    if weight is None:
        return ops.mse_loss(input, target, reduction)
    each = ops.mse_loss(input, target, "none")
    return reduced("mse_loss", each, reduction, _weights("mse_loss", each, weight))


def l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Mean (or sum, or none) of |input - target|; with weights, the weighted mean.

    Shapes: all the same. Raises: ShapeError for unequal shapes, DTypeError for unequal dtypes.

    Example:
        >>> float(nn.functional.l1_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        2.0
    """
    if weight is None:
        return ops.l1_loss(input, target, reduction)
    each = ops.l1_loss(input, target, "none")
    return reduced("l1_loss", each, reduction, _weights("l1_loss", each, weight))


def _weights(op: str, each: Tensor, weight: Any) -> Tensor:
    found = floating(op, "weight", weight)
    same_shape(op, input=each, weight=found)
    return found


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Mean (or sum, or none) of d^2 / (2 beta) where d = |input - target| < beta, and of
    d - beta/2 elsewhere.

    Shapes: both the same. Raises: ShapeError, DTypeError; ArgumentError for beta below 0.
    Source: Girshick, arXiv:1504.08083.

    Example:
        >>> float(nn.functional.smooth_l1_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        1.5
    """
    beta = _check.real("smooth_l1_loss", "beta", beta, 0)
    if beta == 0:
        return l1_loss(input, target, reduction)
    return ops.smooth_l1_loss(input, target, reduction, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean (or sum, or none) of d^2 / 2 where d = |input - target| < delta, and of
    delta (d - delta/2) elsewhere; with weights, of their product with it.

    Shapes: all the same. Raises: ShapeError, DTypeError; ArgumentError for delta not above 0.
    Source: Huber, Ann. Math. Statist. 35 (1964) 73.

    Example:
        >>> float(nn.functional.huber_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        1.5
    """
    above_zero("huber_loss", "delta", delta)
    if weight is None:
        return ops.huber_loss(input, target, reduction, delta)
    each = ops.huber_loss(input, target, "none", delta)
    return reduced("huber_loss", each * _weights("huber_loss", each, weight), reduction)


def above_zero(op: str, name: str, value: Any) -> float:
    """A number above 0.

    Example:
        >>> nn.functional.losses.above_zero("HuberLoss", "delta", 2)
        2.0
    """
    number = _check.real(op, name, value)
    if not number > 0:
        raise fail(ArgumentError, op, f"{name} must be above 0", describe(value, name))
    return number


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Mean (or sum, or none) of -[t log p + (1 - t) log(1 - p)] * weight, p the input.

    Logarithms are cut off at -100, so that the loss stays finite.

    Shapes: input and target the same; weight broadcasts. Dtypes: floating, all the same.
    Raises: ArgumentError for inputs outside [0, 1], ShapeError for unequal shapes, DTypeError.

    Example:
        >>> loss = nn.functional.binary_cross_entropy(nnx.full(3, 0.5), nnx.ones(3))
        >>> round(float(loss), 4)
        0.6931
    """
    op = "binary_cross_entropy"
    x, t = pair(op, input, target)
    if x.numel():
        low, high = float(x.detach().amin()), float(x.detach().amax())
        if not (low >= 0 and high <= 1):
            raise fail(
                ArgumentError,
                op,
                "the input must be probabilities, between 0 and 1",
                f"{describe(x, 'input')} with values from {low:.6g} to {high:.6g}",
                "for logits use binary_cross_entropy_with_logits (nn.BCEWithLogitsLoss)",
            )
    if weight is None:
        return ops.binary_cross_entropy(x, t, reduction)
    return reduced(op, ops.binary_cross_entropy(x, t, "none") * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Mean of -[pos_weight t log s(x) + (1 - t) log(1 - s(x))] * weight, s the sigmoid.

    Shapes: input and target the same. Raises: ShapeError for unequal shapes.

    Example:
        >>> loss = nn.functional.binary_cross_entropy_with_logits(nnx.zeros(3), nnx.ones(3))
        >>> round(float(loss), 4)
        0.6931
    """
    if weight is None and pos_weight is None:
        return ops.bce_with_logits(input, target, reduction)
    op = "binary_cross_entropy_with_logits"
    x, t = pair(op, input, target)
    if pos_weight is None:
        each = ops.bce_with_logits(x, t, "none")
    else:
        # -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x)
        each = pos_weight * t * ops.softplus(-x) + (1 - t) * ops.softplus(x)
    return reduced(op, each if weight is None else each * weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Divergence t (log t - x) of the log-probabilities x from the probabilities t.

    Args:
        reduction: "mean" over all elements, "batchmean" (the divergence as in mathematics: the sum
            divided by the length of the first axis), "sum" or "none".
        log_target: whether the target is log t.

    Shapes: both the same. Raises: ShapeError for unequal shapes, DTypeError for unequal dtypes.
    Source: Kullback, Leibler, Ann. Math. Statist. 22 (1951) 79.

    Example:
        >>> p = nnx.tensor([[0.5, 0.5]])
        >>> float(nn.functional.kl_div(nnx.log(p), p, reduction="batchmean"))
        0.0
    """
    _check.choice("kl_div", "reduction", reduction, ("mean", "sum", "none", "batchmean"))
    f = ops.kl_div_log if log_target else ops.kl_div
    if reduction != "batchmean":
        return f(input, target, reduction)
    total = f(input, target, "sum")
    return total / input.shape[0] if input.ndim else total


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts t under a Poisson distribution.

    exp(x) - t x of the logarithm x of the expected number, or x - t log(x + eps) of the expected
    number itself; `full` adds Stirling's t log t - t + log(2 pi t)/2 where t > 1.

    Shapes: both the same. Raises: ShapeError for unequal shapes, DTypeError for unequal dtypes.

    Example:
        >>> float(nn.functional.poisson_nll_loss(nnx.zeros(2), nnx.ones(2)))
        1.0
    """
    op = "poisson_nll_loss"
    if log_input and not full:
        return ops.poisson_nll_loss(input, target, reduction)
    x, t = pair(op, input, target)
    each = ops.poisson_nll_loss(x, t, "none") if log_input else x - t * ops.log(x + eps)
    if full:
        many = ops.where(t > 1, t, 1.0)  # keeps the logarithm of small counts out of gradients
        stirling = many * ops.log(many) - many + 0.5 * ops.log(2 * math.pi * many)
        each = each + ops.where(t > 1, stirling, 0.0)
    return reduced(op, each, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood [log v + (input - target)^2 / v] / 2 of values under normal
    distributions with mean input and variance v = max(var, eps); `full` adds log(2 pi)/2.

    The bound eps is not seen by the gradient.

    Shapes: input and target the same; var the same, or without the last axis, or with one axis of
        length 1, or a number.
    Raises: ShapeError where they do not fit, ArgumentError for a negative variance, DTypeError.
    Source: Nix, Weigend, ICNN 1994.

    Example:
        >>> float(nn.functional.gaussian_nll_loss(nnx.zeros(2), nnx.ones(2), nnx.ones(2)))
        0.5
    """
    op = "gaussian_nll_loss"
    check_reduction(op, reduction)
    x, t = pair(op, input, target)
    v = var if isinstance(var, Tensor) else ops.full_like(x.detach(), _check.real(op, "var", var))
    v = floating(op, "var", v)
    if v.shape == x.shape[:-1] and v.ndim < x.ndim:
        v = v.unsqueeze(-1)
    elif v.shape != x.shape:
        unequal = [n for m, n in zip(x.shape, v.shape, strict=False) if m != n]
        if v.ndim != x.ndim or unequal != [1]:
            rule = "var must have the shape of input, or lack its last axis, or have an axis of 1"
            received = f"{describe(x, 'input')}, {describe(v, 'var')}"
            raise fail(ShapeError, op, rule, received)
    if bool((ops._lane_values(v.detach()) < 0).any()):
        hint = "let the network give log(var) and take its exp, or use softplus"
        raise fail(ArgumentError, op, "variances must not be negative", describe(v, "var"), hint)
    v = v.clone()
    with no_grad():
        v.clamp_(min=eps)
    each = 0.5 * (ops.log(v) + ops.square(x - t) / v)
    return reduced(op, each + 0.5 * math.log(2 * math.pi) if full else each, reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Mean (or sum, or none) of x where t = 1, and of max(0, margin - x) where t = -1.

    Shapes: both the same. Raises: ShapeError for unequal shapes.

    Example:
        >>> x = nnx.tensor([0.5, 0.5])
        >>> float(nn.functional.hinge_embedding_loss(x, nnx.tensor([1.0, -1.0])))
        0.5
    """
    x, t = pair("hinge_embedding_loss", input, target)
    return ops.hinge_embedding_loss(x, t.detach(), reduction, margin)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Mean (or sum, or none) of log(1 + exp(-t x)), t = 1 or -1; without overflow.

    Shapes: both the same. Raises: ShapeError for unequal shapes.

    Example:
        >>> loss = nn.functional.soft_margin_loss(nnx.zeros(2), nnx.tensor([1.0, -1.0]))
        >>> round(float(loss), 4)
        0.6931
    """
    x, t = pair("soft_margin_loss", input, target)
    return ops.soft_margin_loss(x, t, reduction)
