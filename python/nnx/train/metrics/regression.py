"""Metrics of numbers: mean squared and absolute error, their root, R squared."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.train.metrics.base import MeanMetric, Metric, array, by_row, weights_of

_Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def columns(op: str, output: Any, target: Any) -> _Pair:
    """Outputs and targets as float64 arrays (N, columns).

    Raises: ShapeError for unequal shapes: (N, 1) against (N,) would be broadcast to (N, N).

    Example:
        >>> y, t = nnx.train.metrics.regression.columns("mse", [1.0, 2.0], [0.0, 0.0])
        >>> y.shape
        (2, 1)
    """
    y, t = array(output, op, "output"), array(target, op, "target")
    if y.shape != t.shape or y.ndim == 0:
        rule = "outputs and targets must have the same shape (N, ...)"
        received = f"{describe(y, 'output')}, {describe(t, 'target')}"
        hint = f"target.reshape({y.shape})" if y.size == t.size and y.ndim else ""
        raise fail(ShapeError, op, rule, received, hint)
    return by_row(y).astype(np.float64), by_row(t).astype(np.float64)


class MeanSquaredError(MeanMetric):
    """The mean of (output - target)^2 over samples and columns.

    Shapes: both (N, ...). Dtypes: any numbers; computed in float64.
    Raises: ShapeError for unequal shapes.

    Example:
        >>> m = nnx.train.MeanSquaredError()
        >>> m.update(nnx.tensor([1.0, 3.0]), nnx.tensor([0.0, 0.0]))
        >>> m.value
        5.0
    """

    def __init__(self, name: str = "mse") -> None:
        super().__init__(name)

    def values(self, output: Tensor, target: Tensor) -> np.ndarray[Any, Any]:
        y, t = columns(self.name, output, target)
        error = y - t
        squares: np.ndarray[Any, Any] = (error * error).mean(axis=1)
        return squares


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of (output - target)^2 over all samples.

    Shapes: both (N, ...). Dtypes: any numbers; computed in float64.
    Raises: ShapeError for unequal shapes.

    Example:
        >>> m = nnx.train.RootMeanSquaredError()
        >>> m.update(nnx.tensor([3.0, 4.0, 0.0, 0.0]), nnx.zeros(4))
        >>> m.value
        2.5
    """

    def __init__(self, name: str = "rmse") -> None:
        super().__init__(name)

    @property
    def value(self) -> float:
        return math.sqrt(self.total / self.count) if self.count else float("nan")


class MeanAbsoluteError(MeanMetric):
    """The mean of |output - target| over samples and columns.

    Shapes: both (N, ...). Dtypes: any numbers; computed in float64.
    Raises: ShapeError for unequal shapes.

    Example:
        >>> m = nnx.train.MeanAbsoluteError()
        >>> m.update(nnx.tensor([1.0, -3.0]), nnx.tensor([0.0, 0.0]))
        >>> m.value
        2.0
    """

    def __init__(self, name: str = "mae") -> None:
        super().__init__(name)

    def values(self, output: Tensor, target: Tensor) -> np.ndarray[Any, Any]:
        y, t = columns(self.name, output, target)
        found: np.ndarray[Any, Any] = np.abs(y - t).mean(axis=1)
        return found


class R2(Metric):
    """The coefficient of determination 1 - sum (t - y)^2 / sum (t - mean t)^2, the mean of the
    columns' where there are several.

    1 is a perfect fit, 0 no better than the mean of the targets. A column whose targets are all
    equal counts as 1 where it is met exactly and as 0 elsewhere. Squared deviations are added
    up around a running mean, so that targets far from zero lose nothing.

    Shapes: both (N, ...). Dtypes: any numbers; computed in float64.
    Raises: ShapeError for unequal shapes.
    Source: Chan, Golub, LeVeque 1979 for the merged sums; scikit-learn's r2_score for the value.

    Example:
        >>> m = nnx.train.R2()
        >>> m.update(nnx.tensor([2.5, 0.0, 2.0, 8.0]), nnx.tensor([3.0, -0.5, 2.0, 7.0]))
        >>> round(m.value, 4)
        0.9486
    """

    by_sample = True
    sums = ("weight", "mean", "spread", "residual")
    weight: Any
    mean: Any
    spread: Any
    residual: Any

    def __init__(self, name: str = "r2") -> None:
        super().__init__(name, lambda output, target: float("nan"))

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        y, t = columns(self.name, output, target)
        w = weights_of(self.name, weight, len(t))
        if not len(t):
            return
        w = np.ones(len(t)) if w is None else w
        total = float(w.sum())
        if total == 0:
            return
        mean = w @ t / total
        self._combine(total, mean, w @ (t - mean) ** 2, w @ (t - y) ** 2)

    def _combine(self, n: float, mean: Any, spread: Any, residual: Any) -> None:
        both = self.weight + n
        shift = mean - self.mean
        self.spread = self.spread + spread + shift * shift * (self.weight * n / both)
        self.mean = self.mean + shift * (n / both)
        self.residual = self.residual + residual
        self.weight = both

    def _add(self, other: R2) -> None:
        if other.weight:
            self._combine(other.weight, other.mean, other.spread, other.residual)

    @property
    def value(self) -> float:
        if not self.weight:
            return float("nan")
        spread, residual = np.atleast_1d(self.spread), np.atleast_1d(self.residual)
        flat = spread == 0
        ratio = residual / np.where(flat, 1.0, spread)
        return float(np.where(flat, np.where(residual == 0, 1.0, 0.0), 1.0 - ratio).mean())
