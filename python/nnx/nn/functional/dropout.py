"""Dropout as functions: of elements and of whole channels."""

from __future__ import annotations

import math

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.nn.functional.arguments import floating

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


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p).

    Shapes: input (N, C, L), or (C, L) of one sample. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.functional.dropout1d(nnx.ones(5, 4, 3))
        >>> bool((y == y[:, :, :1]).all())
        True
    """
    return _of_channels("dropout1d", input, {2: 1, 3: 2}, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p).

    Shapes: input (N, C, H, W); (N, C, L) is taken, too, and treated as dropout1d does. Dtypes:
        floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.functional.dropout2d(nnx.ones(5, 4, 3, 3))
        >>> bool((y == y[:, :, :1, :1]).all())
        True
    """
    return _of_channels("dropout2d", input, {3: 2, 4: 2}, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p).

    Shapes: input (N, C, D, H, W), or (C, D, H, W) of one sample. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.functional.dropout3d(nnx.ones(5, 4, 2, 2, 2))
        >>> bool((y == y[:, :, :1, :1, :1]).all())
        True
    """
    return _of_channels("dropout3d", input, {4: 1, 5: 2}, p, training, inplace)


def _of_channels(
    op: str, input: Tensor, axes: dict[int, int], p: float, training: bool, inplace: bool
) -> Tensor:
    """Dropout of slices; `axes`: for each rank, how many leading axes number the slices."""
    p = _check.real(op, "p", p, 0, 1)
    x = floating(op, "input", input)
    if x.ndim not in axes:
        rule = f"the input must have {' or '.join(map(str, axes))} axes"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    if not training or p == 0:
        return x
    y = x * ops.dropout(_one_a_slice(x, axes[x.ndim]), p)
    return input.copy_(y) if inplace else y


def _one_a_slice(x: Tensor, axes: int) -> Tensor:
    """Ones of length 1 in all axes but the first ones."""
    shape = (*x.shape[:axes], *(1,) * (x.ndim - axes))
    return ops.ones(shape, dtype=x.dtype, device=x.device)


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
    x = floating("alpha_dropout", "input", input)
    return _alpha("alpha_dropout", x, x.ndim, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Alpha dropout of whole channels: each is set to SELU's floor -1.7581 with probability p, then
    all are scaled and shifted, so that mean 0 and variance 1 stay so.

    Shapes: input (N, C, ...). Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for an input without channels.
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.functional.feature_alpha_dropout(nnx.ones(2, 1)).tolist()
        [[1.0], [1.0]]
    """
    op = "feature_alpha_dropout"
    x = floating(op, "input", input)
    if x.ndim < 2:
        raise fail(ShapeError, op, "the input must have the axes (N, C, ...)", describe(x, "input"))
    return _alpha(op, x, 2, p, training, inplace)


def _alpha(op: str, x: Tensor, axes: int, p: float, training: bool, inplace: bool) -> Tensor:
    """Alpha dropout of the slices that the first `axes` axes number."""
    p = _check.real(op, "p", p, 0, 1)
    if not training or p == 0:
        return x
    if p == 1:
        y = x * 0
    else:
        scale = 1 / math.sqrt((_SELU_FLOOR**2 * p + 1) * (1 - p))
        shift = -scale * _SELU_FLOOR * p
        kept = ops.dropout(_one_a_slice(x, axes), p) != 0
        y = ops.where(kept, x * scale + shift, _SELU_FLOOR * scale + shift)
    return x.copy_(y) if inplace else y
