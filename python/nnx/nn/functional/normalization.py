"""Normalisation and dropout as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, no_grad
from nnx.nn.functional.arguments import floating, like_weights

# SELU(x) for x towards minus infinity: what alpha dropout sets elements to.
_SELU_FLOOR = -1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, 0 with probability p and input / (1 - p) otherwise.

    Example:
        >>> nn.functional.dropout(nnx.ones(2), training=False).tolist()
        [1.0, 1.0]
    """
    y = ops.dropout(input, p, training)
    return input.copy_(y) if inplace else y


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """In training, sets elements to SELU's floor -1.7581 with probability p, then scales and
    shifts all, so that mean 0 and variance 1 stay mean 0 and variance 1.

    Raises: ArgumentError for p outside [0, 1].
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.functional.alpha_dropout(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """
    p = _check.real("alpha_dropout", "p", p, 0, 1)
    x = floating("alpha_dropout", "input", input)
    if not training or p == 0:
        return x
    if p == 1:
        y = x * 0
    else:
        scale = 1 / math.sqrt((_SELU_FLOOR**2 * p + 1) * (1 - p))
        shift = -scale * _SELU_FLOOR * p
        kept = ops.dropout(ops.ones_like(x.detach()), p) != 0
        y = ops.where(kept, x * scale + shift, _SELU_FLOOR * scale + shift)
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


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """input / sqrt(mean(input^2) + eps) * weight over the last axes.

    Args: eps: the distance from 1 to the next number of the dtype, unless given.
    Shapes: input (..., *normalized_shape), weight normalized_shape. Dtypes: floating.
    Raises: ShapeError where they do not fit, DTypeError for another dtype than the weight's.
    Source: Zhang, Sennrich, arXiv:1910.07467.

    Example:
        >>> nn.functional.rms_norm(nnx.tensor([3.0, 3.0]), (2,)).tolist()
        [1.0, 1.0]
    """
    x = like_weights("rms_norm", input, weight)
    shape = tuple(normalized_shape)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        rule = f"the last axes of the input must be {shape}"
        raise fail(ShapeError, "rms_norm", rule, describe(x, "input"))
    if weight is not None and tuple(weight.shape) != shape:
        rule = f"weight must have the shape {shape}"
        raise fail(ShapeError, "rms_norm", rule, describe(weight, "weight"))
    # Squares of half-precision numbers overflow at 256; single precision holds them.
    wide = x.to(ops.float32) if x.itemsize < 4 else x
    eps = ops.finfo(wide.dtype).eps if eps is None else eps
    axes = tuple(range(-len(shape), 0))
    y = (wide * ops.rsqrt(ops.mean(ops.square(wide), axes, keepdims=True) + eps)).to(x.dtype)
    return y if weight is None else y * weight


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias, over all axes but the channels (axis 1).

    In training, mean and (biased) variance are those of the batch, and the running ones move
    towards the mean and the unbiased variance: r <- (1 - momentum) r + momentum b. Otherwise the
    running ones are used.

    Shapes: input (N, C, ...), all others (C,); a batch without samples gives none, and leaves the
        running values. Dtypes: floating, all the same.
    Raises: ShapeError for other shapes, or one value a channel in training; DTypeError.
    Source: Ioffe, Szegedy, arXiv:1502.03167.

    Example:
        >>> x = nnx.tensor([[1.0], [3.0]])
        >>> y = nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
        >>> y.tolist()
        [[-1.0], [1.0]]
    """
    return ops.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
