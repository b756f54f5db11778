"""Quantiles of the elements that are not NaN."""

from __future__ import annotations

import math
from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, floats

__all__ = ["nanmedian", "nanpercentile", "nanquantile"]


def _shares(q: TensorLike) -> Tensor:
    return q.to(ops.float64) if isinstance(q, Tensor) else ops.asarray(q, dtype=ops.float64)


def nanquantile(
    a: TensorLike,
    q: TensorLike,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dim: Any = None,
) -> Tensor:
    """The quantiles q in [0, 1] of the elements that are not NaN, between two of them linearly;
    NaN where there is none.

    Shapes: q (...) -> (..., *rest), the axes left out as in nnx.quantile.
    Raises: ArgumentError for a q outside [0, 1]; ShapeError for no elements; AxisError.

    Example:
        >>> nnx.nanquantile([1.0, float("nan"), 3.0], 0.5).item()
        2.0
    """
    x, at = floats(a), _shares(q)
    axis = axis if dim is None else dim
    if not bool(((at >= 0) & (at <= 1)).all()):
        raise fail(ArgumentError, "nanquantile", "q must lie in [0, 1]", describe(at, "q"))
    kept = list(x.shape)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    chosen = sorted({i % x.ndim for i in axes}) if x.ndim else []
    ops.all(x, axis=axis)  # AxisError
    rest = [i for i in range(x.ndim) if i not in chosen]
    rows = ops.permute_dims(x, (*rest, *chosen)).reshape((*[x.shape[i] for i in rest], -1))
    if rows.shape[-1] == 0:
        raise fail(ShapeError, "nanquantile", "no elements have no quantiles", describe(x))
    ordered = ops.sort(rows, -1)  # NaN comes last
    count = (~ops.isnan(rows)).sum(-1, True)
    place = at.reshape((-1,)).to(x.device) * (count - 1).clip(0).to(ops.float64)
    low = ops.floor(place)
    first = ops.take_along_axis(ordered, low.to(ops.int64), -1)
    second = ops.take_along_axis(ordered, ops.ceil(place).to(ops.int64), -1)
    share = (place - low).to(x.dtype)
    apart: Tensor = ops.where(share == 0, first, first + (second - first) * share)
    found: Tensor = ops.where(
        count > 0, apart, ops.full((), math.nan, dtype=x.dtype, device=x.device)
    )
    for i in chosen:
        kept[i] = 1
    shape = tuple(kept) if keepdims else tuple(x.shape[i] for i in rest)
    return ops.moveaxis(found, -1, 0).reshape((*at.shape, *shape))


def nanpercentile(
    a: TensorLike,
    q: TensorLike,
    axis: Any = None,
    keepdims: bool = False,
    *,
    dim: Any = None,
) -> Tensor:
    """As nnx.nanquantile, with q in percent.

    Example:
        >>> nnx.nanpercentile([1.0, float("nan"), 3.0], 50).item()
        2.0
    """
    return nanquantile(a, _shares(q) / 100, axis, keepdims, dim=dim)


def nanmedian(
    a: TensorLike, axis: Any = None, keepdims: bool = False, *, dim: Any = None
) -> Tensor:
    """The median of the elements that are not NaN: of an even number the mean of the middle two.

    Raises: ShapeError for no elements; AxisError.

    Example:
        >>> nnx.nanmedian([1.0, float("nan"), 3.0, 7.0]).item()
        3.0
    """
    return nanquantile(a, 0.5, axis, keepdims, dim=dim)
