"""Layers and losses as functions, with PyTorch's names and arguments.

What needs no more than its compiled function is that function itself; the others add what only
PyTorch's spelling has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    mse_loss,
    one_hot,
    sigmoid,
    tanh,
)

_REDUCTIONS = ("mean", "sum", "none")


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = input @ weight.T + bias.

    Shapes: input (..., in), weight (out, in), bias (out,) -> (..., out). Dtypes: floating.
    Raises: ShapeError, DTypeError where they do not fit.

    Example:
        >>> nn.functional.linear(nnx.ones((5, 3)), nnx.ones((2, 3))).shape
        (5, 2)
    """
    return ops.dense(input, weight, bias)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = max(input, 0).

    Example:
        >>> nn.functional.relu(nnx.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return input.relu_() if inplace else ops.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = input for input > 0, negative_slope * input otherwise.

    Example:
        >>> nn.functional.leaky_relu(nnx.tensor([-1.0, 2.0]), 0.5).tolist()
        [-0.5, 2.0]
    """
    return input.leaky_relu_(negative_slope) if inplace else ops.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = input for input > 0, alpha * (exp(input) - 1) otherwise.

    Example:
        >>> nn.functional.elu(nnx.tensor([-100.0, 2.0])).tolist()
        [-1.0, 2.0]
    """
    return input.elu_(alpha) if inplace else ops.elu(input, alpha)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = input * sigmoid(input).

    Example:
        >>> nn.functional.silu(nnx.zeros(1)).tolist()
        [0.0]
    """
    return input.silu_() if inplace else ops.silu(input)


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


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """y_i = exp(x_i) / sum_j exp(x_j) along an axis, the last one unless told otherwise.

    Example:
        >>> nn.functional.softmax(nnx.zeros(4), dim=0).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    x = input if dtype is None else input.to(dtype)
    return ops.softmax(x, -1 if dim is None else dim)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """y_i = x_i - log sum_j exp(x_j) along an axis, the last one unless told otherwise.

    Example:
        >>> round(float(nn.functional.log_softmax(nnx.zeros(4), dim=0)[0]), 4)
        -1.3863
    """
    x = input if dtype is None else input.to(dtype)
    return ops.log_softmax(x, -1 if dim is None else dim)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, 0 with probability p and input / (1 - p) otherwise.

    Example:
        >>> nn.functional.dropout(nnx.ones(2), training=False).tolist()
        [1.0, 1.0]
    """
    y = ops.dropout(input, p, training)
    return input.copy_(y) if inplace else y


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Example:
        >>> nn.functional.layer_norm(nnx.ones((2, 3)), (3,)).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Mean (or sum, or none) of |input - target|.

    Shapes: both the same. Raises: ShapeError for unequal shapes.

    Example:
        >>> float(nn.functional.l1_loss(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        2.0
    """
    _same_shape("l1_loss", input, target)
    return _reduce("l1_loss", ops.abs(input - target), reduction)


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
    _same_shape(op, input, target)
    if pos_weight is None:
        each = ops.bce_with_logits(input, target, "none")
    else:
        # -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x)
        positive = pos_weight * target * ops.softplus(-input)
        each = positive + (1 - target) * ops.softplus(input)
    return _reduce(op, each if weight is None else each * weight, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean of -log softmax(input)_label over the samples.

    Shapes: input (N, C), (C,) or (N, C, ...); target of labels (N,), () or (N, ...), or of
        probabilities in the shape of the input.
    Raises: IndexError for a label outside [0, C), ShapeError, DTypeError.

    Example:
        >>> loss = nn.functional.cross_entropy(nnx.zeros((2, 10)), nnx.tensor([3, 7]))
        >>> round(float(loss), 4)
        2.3026
    """
    try:
        simple = input.ndim <= 2 and target.ndim < input.ndim
    except AttributeError:
        _need_tensors("cross_entropy", input, target)
        raise
    if simple and weight is None and label_smoothing == 0.0:
        return ops.cross_entropy(input, target, ignore_index, reduction)
    return _cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def _cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """The general case, composed of ops: weights, smoothing, probabilities, more axes."""
    op = "cross_entropy"
    _check.choice(op, "reduction", reduction, _REDUCTIONS)
    smoothing = _check.real(op, "label_smoothing", label_smoothing, 0, 1)
    if input.ndim == 0:
        raise fail(ShapeError, op, "input must have an axis of classes", describe(input, "input"))
    axis = 0 if input.ndim == 1 else 1
    classes = input.shape[axis]
    is_labels = "int" in str(target.dtype)
    # Classes last, samples flat.
    rows = ops.moveaxis(input, axis, -1).reshape((-1, classes))
    if weight is not None and tuple(weight.shape) != (classes,):
        rule = f"weight must have one number for each of the {classes} classes"
        raise fail(ShapeError, op, rule, describe(weight, "weight"))
    if not is_labels:
        _same_shape(op, input, target)
        aim = ops.moveaxis(target, axis, -1).reshape((-1, classes))
        if smoothing:
            aim = aim * (1 - smoothing) + smoothing / classes
        if weight is not None:
            aim = aim * weight
        each = -(aim * ops.log_softmax(rows, -1)).sum(-1)
        if reduction == "none":
            return each.reshape(tuple(n for i, n in enumerate(input.shape) if i != axis))
        total = each.sum()
        return total / each.numel() if reduction == "mean" else total
    shape = tuple(n for i, n in enumerate(input.shape) if i != axis)
    if tuple(target.shape) != shape:
        received = f"{describe(input, 'input')}, {describe(target, 'target')}"
        raise fail(ShapeError, op, f"target must have the shape {shape}", received)
    labels = target.reshape((-1,)).to(ops.int64)
    if weight is None and not smoothing:
        flat = ops.cross_entropy(rows, labels, ignore_index, reduction)
        return flat.reshape(shape) if reduction == "none" else flat
    each = ops.cross_entropy(rows, labels, ignore_index, "none")  # checks the labels
    kept = labels != ignore_index
    safe = ops.where(kept, labels, 0)
    share = kept.to(input.dtype) if weight is None else ops.where(kept, weight[safe], 0.0)
    if weight is not None:
        each = each * share
    if smoothing:
        logs = ops.log_softmax(rows, -1)
        spread = -(logs if weight is None else logs * weight).sum(-1)
        spread = ops.where(kept, spread, 0.0)
        each = each * (1 - smoothing) + spread * (smoothing / classes)
    if reduction == "none":
        return each.reshape(shape)
    return each.sum() / share.sum() if reduction == "mean" else each.sum()


def _reduce(op: str, each: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return each.mean()
    if reduction == "sum":
        return each.sum()
    _check.choice(op, "reduction", reduction, _REDUCTIONS)
    return each


def _need_tensors(op: str, input: Any, target: Any) -> None:
    for name, value in (("input", input), ("target", target)):
        if not isinstance(value, Tensor):
            hint = "nnx.asarray(value) makes one"
            raise fail(DTypeError, op, f"{name} must be a tensor", describe(value, name), hint)


def _same_shape(op: str, input: Tensor, target: Tensor) -> None:
    _need_tensors(op, input, target)
    if input.shape != target.shape:
        raise fail(
            ShapeError,
            op,
            "input and target must have the same shape",
            f"{describe(input, 'input')}, {describe(target, 'target')}",
            f"target.reshape({tuple(input.shape)})" if input.numel() == target.numel() else "",
        )


def _nonzero_beta(beta: float) -> None:
    if beta == 0:
        raise fail(ArgumentError, "softplus", "beta must not be 0", describe(beta, "beta"))


__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
