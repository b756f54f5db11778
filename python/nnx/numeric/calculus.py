"""Samples of a function: its integral, its slope, its values between."""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, floats

__all__ = ["gradient", "interp", "trapezoid", "unwrap"]


def trapezoid(
    y: TensorLike,
    x: TensorLike | None = None,
    dx: Any = 1.0,
    axis: int = -1,
    *,
    dim: int | None = None,
) -> Tensor:
    """The integral of samples by the trapezoidal rule, sum (y_i + y_i+1) (x_i+1 - x_i) / 2.

    Args:
        x: where the samples are: one axis, or the shape of y; dx apart unless given.
        axis (or dim): the axis of the samples.

    Shapes: (..., n, ...) -> without the axis. Dtypes: floating; integers become floats.
    Raises: ShapeError where x does not fit, AxisError.

    Example:
        >>> nnx.trapezoid([1.0, 2.0, 3.0], x=[0.0, 1.0, 3.0]).item()
        6.5
    """
    v = floats(y)
    axis = axis if dim is None else dim
    left, right = _ends(v, axis)
    if x is None:
        out: Tensor = (left + right).sum(axis) * (_distance(dx) / 2)
        return out
    at = floats(x)
    if at.ndim == 1:
        if len(at) != v.shape[axis]:
            rule = "x must have as many positions as y has samples"
            raise fail(ShapeError, "trapezoid", rule, f"{describe(v, 'y')}, {describe(at, 'x')}")
        step = (at[1:] - at[:-1]).reshape((-1,) + (1,) * (v.ndim - 1 - axis % v.ndim))
    else:
        before, after = _ends(at, axis)
        step = after - before
    return ((left + right) * step).sum(axis) / 2


def _distance(value: Any) -> Any:
    """A number, which widens nothing, or a tensor."""
    return float(value) if isinstance(value, int | float) else floats(value)


def _ends(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """All samples but the last, and all but the first."""
    if x.ndim == 0:
        raise fail(ShapeError, "trapezoid", "samples have at least one axis", describe(x))
    n = x.size(axis)
    return x.narrow(axis, 0, max(n - 1, 0)), x.narrow(axis, min(n, 1), max(n - 1, 0))


def gradient(
    f: TensorLike, *varargs: Any, axis: Any = None, edge_order: int = 1, dim: Any = None
) -> Tensor | tuple[Tensor, ...]:
    """The slope of samples, by central differences inside and one-sided ones at the ends.

    Args:
        varargs: a distance of the samples for all axes, or for each a distance or the positions.
        axis (or dim): the axis, or several; all unless given.
        edge_order: 1 or 2, the order of the polynomial through the points at an end.

    Shapes: the shape of f, once for each axis: a tuple for several, a tensor for one.
    Dtypes: floating; integers become floats.
    Raises: ShapeError for an axis with too few samples, ArgumentError.
    Source: numpy.gradient; B. Fornberg, Mathematics of Computation 51 (1988) 699.

    Example:
        >>> nnx.gradient([0.0, 1.0, 4.0, 9.0]).tolist()
        [1.0, 2.0, 4.0, 5.0]
    """
    op = "gradient"
    y = floats(f)
    edge_order = _check.choice(op, "edge_order", edge_order, (1, 2))
    axis = axis if dim is None else dim
    axes = [axis] if isinstance(axis, int) else list(range(y.ndim) if axis is None else axis)
    steps = list(varargs) or [1.0]
    if len(steps) == 1 and getattr(_distance(steps[0]), "ndim", 0) == 0:
        steps *= len(axes)
    if len(steps) != len(axes):
        rule = f"takes one distance, or one for each of the {len(axes)} axes"
        raise fail(ArgumentError, op, rule, f"{len(steps)} of them")
    found = tuple(_slope(y, h, a, edge_order) for h, a in zip(steps, axes, strict=True))
    return found[0] if len(axes) == 1 else found


def _slope(y: Tensor, h: Any, axis: int, edge_order: int) -> Tensor:
    """The slope along one axis, worked out with that axis last."""
    rows = ops.moveaxis(y, axis, -1)
    n = rows.shape[-1]
    if n < edge_order + 1:
        rule = f"an axis must have at least {edge_order + 1} samples"
        raise fail(ShapeError, "gradient", rule, f"{describe(y)}, axis {axis}")
    step = _distance(h)
    if getattr(step, "ndim", 0) == 0:
        inner = (rows[..., 2:] - rows[..., :-2]) / (2 * step)
        gaps = [step, step]
    else:
        if step.ndim != 1 or len(step) != n:
            rule = f"positions along an axis of {n} samples are {n} numbers"
            raise fail(ShapeError, "gradient", rule, describe(step))
        gap = step[1:] - step[:-1]
        before, after = gap[:-1], gap[1:]
        inner = (
            rows[..., 2:] * (before / (after * (before + after)))
            + rows[..., 1:-1] * ((after - before) / (before * after))
            - rows[..., :-2] * (after / (before * (before + after)))
        )
        gaps = [gap[0], gap[min(1, n - 2)], gap[max(n - 3, 0)], gap[-1]]
    first = _edge(rows, gaps[0], gaps[1], edge_order, (0, 1, 2))
    last = -_edge(rows, gaps[-1], gaps[-2], edge_order, (-1, -2, -3))
    return ops.moveaxis(ops.concatenate([first, inner, last], -1), -1, axis)


def _edge(y: Tensor, a: Any, b: Any, order: int, at: tuple[int, int, int]) -> Tensor:
    """The slope at an end, from two or three samples going inwards that are a and b apart."""
    y0, y1 = y[..., at[0], None], y[..., at[1], None]
    if order == 1:
        out: Tensor = (y1 - y0) / a
        return out
    y2 = y[..., at[2], None]
    inner = y1 * ((a + b) / (a * b)) - y2 * (a / (b * (a + b)))
    slope: Tensor = inner - y0 * ((2 * a + b) / (a * (a + b)))
    return slope


def interp(
    x: TensorLike,
    xp: TensorLike,
    fp: TensorLike,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Tensor:
    """Values between samples (xp, fp), on straight lines; the end values outside.

    Args:
        x: where; any shape.
        xp: positions of the samples, increasing (any order with period).
        left, right: the values below and above all positions, instead of the end values.
        period: the length after which the samples repeat.

    Shapes: (...), (n,), (n,) -> (...). Dtypes: floating; integers become floats.
    Raises: ShapeError where xp and fp differ, ArgumentError for a period of 0.

    Example:
        >>> nnx.interp([0.5, 9.0], [0.0, 1.0, 2.0], [0.0, 10.0, 5.0]).tolist()
        [5.0, 5.0]
    """
    given = next((t for t in (x, xp, fp) if isinstance(t, Tensor)), None)
    at, places, values = floats(x, given), floats(xp, given), floats(fp, given)
    if places.ndim != 1 or values.shape != places.shape or len(places) == 0:
        rule = "xp and fp have one axis of the same length, of at least 1"
        received = f"{describe(places, 'xp')}, {describe(values, 'fp')}"
        raise fail(ShapeError, "interp", rule, received)
    if period is not None:
        length = abs(_check.real("interp", "period", period))
        if length == 0:
            raise fail(ArgumentError, "interp", "period must not be 0", "period = 0")
        at, places = ops.remainder(at, length), ops.remainder(places, length)
        order = ops.argsort(places)
        places, values = places[order], values[order]
        places = ops.concatenate([places[-1:] - length, places, places[:1] + length])
        values = ops.concatenate([values[-1:], values, values[:1]])
        left = right = None
    n = len(places)
    if n == 1:
        inside = ops.zeros_like(at.detach()) + values[0]
    else:
        # The sample at or before each place; NaN stays NaN through the arithmetic.
        i = ops.clip(ops.searchsorted(places, at.detach(), right=True) - 1, 0, n - 2)
        x0, y0 = places[i], values[i]
        slope = (values[i + 1] - y0) / (places[i + 1] - x0)
        inside = y0 + slope * (ops.clip(at, places[0], places[-1]) - x0)
        inside = ops.where(at >= places[-1], values[-1], inside)
    if left is not None:
        inside = ops.where(at < places[0], left, inside)
    if right is not None:
        inside = ops.where(at > places[-1], right, inside)
    return inside


def unwrap(
    p: TensorLike, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi
) -> Tensor:
    """Angles without jumps: where neighbours are further apart than discont, whole periods are
    added to what follows.

    Args: discont: half a period unless given, or less.
    Dtypes: floating; integers become floats. Raises: AxisError.

    Example:
        >>> nnx.unwrap([0.0, 350.0, 10.0], period=360.0).tolist()
        [0.0, -10.0, 10.0]
    """
    v = floats(p)
    axis = _check.integer("unwrap", "axis", axis, -v.ndim)
    if v.ndim == 0 or v.size(axis) < 2:
        return v
    step = v.narrow(axis, 1, v.size(axis) - 1) - v.narrow(axis, 0, v.size(axis) - 1)
    with ops.no_grad():  # whole periods: steps, with derivative 0
        half = period / 2
        wrapped = ops.remainder(step + half, period) - half
        wrapped = ops.where((wrapped == -half) & (step > 0), half, wrapped)
        least = half if discont is None else _check.real("unwrap", "discont", discont)
        moves = ops.where(ops.abs(step) < least, 0.0, wrapped - step)
        shift = ops.cumsum(moves, axis)
        whole = ops.concatenate([ops.zeros_like(v.narrow(axis, 0, 1)), shift], axis)
    return v + whole
