"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor
from nnx.linalg.arguments import TensorLike, floats, matrix
from nnx.linalg.factors import svdvals


def vector_norm(
    x: TensorLike, ord: Any = 2, axis: Any = None, keepdims: bool = False, *, dim: Any = None
) -> Tensor:
    """(sum |x|^p)^(1/p) for p = ord; the largest and smallest |x| for inf and -inf, the count of
    numbers other than 0 for 0.

    Args: axis (or dim): the axes summed over; all unless given.
    Dtypes: floating. Raises: AxisError.

    Example:
        >>> nnx.linalg.vector_norm(nnx.tensor([3.0, 4.0])).item()
        5.0
    """
    v = floats(x)
    axis = dim if axis is None else axis
    p = _check.real("vector_norm", "ord", ord) if not math.isinf(_number(ord)) else float(ord)
    if p == math.inf:
        return ops.max(ops.abs(v), axis=axis, keepdims=keepdims)
    if p == -math.inf:
        return ops.min(ops.abs(v), axis=axis, keepdims=keepdims)
    if p == 0:
        return (v != 0).to(v.real.dtype).sum(axis, keepdims)
    if p in (1, 2):
        return ops.norm(v, p, axis, keepdims)
    return (ops.abs(v) ** p).sum(axis, keepdims) ** (1 / p)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        rule = "the order of a norm must be a number, inf, -inf, 'fro' or 'nuc'"
        raise fail(ArgumentError, "norm", rule, describe(value, "ord")) from None


def matrix_norm(
    x: TensorLike,
    ord: Any = "fro",
    axis: Sequence[int] = (-2, -1),
    keepdims: bool = False,
    *,
    dim: Any = None,
) -> Tensor:
    """A norm of matrices.

    Args: ord: "fro" sqrt(sum x^2), "nuc" the sum of the singular values, 2 and -2 the largest
        and smallest of them, 1 and -1 of the sums of |x| over columns, inf and -inf over rows.

    Shapes: (..., m, n) -> (...). Dtypes: floating.
    Raises: ArgumentError for another order, ShapeError.

    Example:
        >>> nnx.linalg.matrix_norm(nnx.tensor([[3.0, 0.0], [0.0, 4.0]])).item()
        5.0
    """
    rows, columns = axis if dim is None else dim
    x = ops.moveaxis(matrix("matrix_norm", x), (rows, columns), (-2, -1))
    if ord == "fro":
        found = ops.norm(x, 2, (-2, -1), True)
    elif ord == "nuc":
        found = svdvals(x).sum(-1)[..., None, None]
    elif _number(ord) in (2, -2):
        found = svdvals(x)[..., 0 if ord > 0 else -1][..., None, None]
    elif _number(ord) in (1, -1, math.inf, -math.inf):
        sums = ops.abs(x).sum(-2 if abs(ord) == 1 else -1, True)
        largest = ops.max if ord > 0 else ops.min
        found = largest(sums, axis=(-2, -1), keepdims=True)
    else:
        rule = "ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        raise fail(ArgumentError, "matrix_norm", rule, describe(ord, "ord"))
    return ops.moveaxis(found, (-2, -1), (rows, columns)) if keepdims else found[..., 0, 0]


def norm(
    x: TensorLike, ord: Any = None, axis: Any = None, keepdims: bool = False, *, dim: Any = None
) -> Tensor:
    """The norm of a vector, or of a matrix where two axes are named or x has two and an order.

    Without ord, sqrt(sum x^2) over the axes, or over all.

    Raises: as `vector_norm` and `matrix_norm`.

    Example:
        >>> nnx.linalg.norm(nnx.tensor([[3.0, 0.0], [0.0, 4.0]]), ord=1).item()
        4.0
    """
    axis = dim if axis is None else axis
    if ord is None:
        return ops.norm(floats(x), 2, axis, keepdims)
    if isinstance(axis, Sequence) and len(axis) == 2:
        return matrix_norm(x, ord, axis, keepdims)
    if axis is None and floats(x).ndim == 2:
        return matrix_norm(x, ord, keepdims=keepdims)
    return vector_norm(x, ord, axis, keepdims)
