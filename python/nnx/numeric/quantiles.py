"""Quantiles of the elements that are not NaN."""

from __future__ import annotations

import math
import operator
from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail, offending
from nnx._nnx import ArgumentError, AxisError, DTypeError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, floats, several

__all__ = ["nanmedian", "nanpercentile", "nanquantile"]


def _shares(q: TensorLike) -> Tensor:
    return q.to(ops.float64) if isinstance(q, Tensor) else ops.asarray(q, dtype=ops.float64)


def _axes(x: Tensor, axis: Any) -> list[int]:
    """What nnx.quantile takes axes to be, from 0 on; those of a tensor without any do not count."""
    if axis is None:
        return list(range(x.ndim))
    axes = several(axis) if hasattr(axis, "__iter__") else (axis,)
    found: set[int] = set()
    for one in axes:
        if isinstance(one, bool) or not hasattr(one, "__index__"):
            rule = "axis must be an int or a tuple of ints"
            raise fail(DTypeError, "nanquantile", rule, describe(axis, "axis"))
        if x.ndim and not -x.ndim <= one < x.ndim:
            rule = f"axis must lie in [{-x.ndim}, {x.ndim})"
            received = f"axis {one} for a tensor with {x.ndim} axes"
            raise fail(AxisError, "nanquantile", rule, received)
        if x.ndim:
            found.add(operator.index(one) % x.ndim)
    return sorted(found)


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
    Raises: ArgumentError for a q outside [0, 1]; ShapeError where nothing stands along the axes;
        AxisError; DTypeError for complex numbers.

    Example:
        >>> nnx.nanquantile([1.0, float("nan"), 3.0], 0.5).item()
        2.0
    """
    x, at = floats(a), _shares(q)
    holds = (at >= 0) & (at <= 1)
    if not bool(holds.all()):
        raise fail(ArgumentError, "nanquantile", "q must be in [0, 1]", offending(at, holds, "q"))
    if x.is_complex():
        hint = "order their sizes, nnx.abs(x), or their parts, x.real and x.imag"
        raise fail(DTypeError, "nanquantile", "complex numbers have no order", describe(x), hint)
    kept = list(x.shape)
    chosen = _axes(x, axis if dim is None else dim)
    n = math.prod(kept[i] for i in chosen)
    if n == 0:
        raise fail(ShapeError, "nanquantile", "an empty axis has no quantiles", describe(x))
    rest = [i for i in range(x.ndim) if i not in chosen]
    rows = ops.permute_dims(x, (*rest, *chosen)).reshape((*[x.shape[i] for i in rest], n))
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
