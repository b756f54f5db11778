"""Metrics: figures that are watched and not minimised.

A metric is any function (output, target) -> one number for the batch, averaged over the samples;
a `Metric` can count for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, IndexError, ShapeError, Tensor, asarray


class Metric:
    """A running figure: `update` with each batch, `value` so far, `reset` before an epoch.

    Args:
        name: its name in the history.
        function: (output, target) -> a number for the batch.

    Example:
        >>> m = nnx.train.Metric("bias", lambda y, t: (y - t).mean())
        >>> m.update(nnx.tensor([1.0, 2.0]), nnx.tensor([0.0, 1.0]))
        >>> m.value
        1.0
    """

    def __init__(self, name: str, function: Callable[[Tensor, Tensor], Any]) -> None:
        self.name = name
        self.function = function
        self.reset()

    def reset(self) -> None:
        """Forgets all batches.

        Example:
            >>> nnx.train.Accuracy().reset()
        """
        self.total = 0.0
        self.count = 0

    def update(self, output: Tensor, target: Tensor) -> None:
        """Takes in one batch.

        Example:
            >>> m = nnx.train.Accuracy()
            >>> m.update(nnx.tensor([[2.0, 1.0]]), nnx.tensor([0]))
        """
        n = len(target)
        self.total += float(self.function(output, target)) * n
        self.count += n

    @property
    def value(self) -> float:
        """The mean over all samples; NaN before the first.

        Example:
            >>> nnx.train.Accuracy().value
            nan
        """
        return self.total / self.count if self.count else float("nan")


class Accuracy(Metric):
    """The share of right answers.

    Outputs (N, C) against labels (N,): the largest output must be the label's; against one-hot
    targets (N, C): both largest in the same place. Outputs of one number a sample are logits of
    class 1 against targets 0 and 1: right on the same side (output > 0, target > 1/2).

    Example:
        >>> m = nnx.train.Accuracy()
        >>> m.update(nnx.tensor([[2.0, 1.0], [0.0, 1.0]]), nnx.tensor([0, 0]))
        >>> m.value
        0.5
    """

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(name, accuracy)

    def update(self, output: Tensor, target: Tensor) -> None:
        right = _right(output, target)
        self.total += right.sum().item()
        self.count += right.numel()


def accuracy(output: Tensor, target: Tensor) -> float:
    """The share of right answers; see `Accuracy`.

    Raises: ShapeError for shapes that do not belong together.

    Example:
        >>> nnx.train.accuracy(nnx.tensor([[2.0, 1.0], [0.0, 1.0]]), nnx.tensor([0, 0]))
        0.5
    """
    right = _right(output, target)
    return float(right.sum()) / max(right.numel(), 1)


def _right(output: Tensor, target: Tensor) -> Tensor:
    labelled = tuple(output.shape[:1] + output.shape[2:])
    if output.ndim > 1 and output.shape[1] > 1 and target.shape == labelled:
        return ops.argmax(output, 1) == target
    if output.shape == target.shape:
        if output.ndim > 1 and output.shape[-1] > 1:
            return ops.argmax(output, -1) == ops.argmax(target, -1)
        return (output > 0) == (target > 0.5)
    received = f"{describe(output, 'output')}, {describe(target, 'target')}"
    rule = "targets must be labels (N,) for outputs (N, C), or have the shape of the outputs"
    hint = f"target.reshape({tuple(output.shape)})" if output.numel() == target.numel() else ""
    raise fail(ShapeError, "accuracy", rule, received, hint)


def confusion_matrix(target: Any, predicted: Any, classes: int | None = None) -> Tensor:
    """matrix[i, j]: how many samples of class i were taken for class j.

    Args:
        target, predicted: labels (N,).
        classes: how many there are; the largest label + 1 unless given.

    Shapes: (N,), (N,) -> (classes, classes). Dtypes: integers -> int64.
    Raises: ShapeError for unequal lengths, IndexError for a label outside [0, classes).

    Example:
        >>> nnx.train.confusion_matrix([0, 1, 1], [0, 1, 0]).tolist()
        [[1, 0], [1, 1]]
    """
    op = "confusion_matrix"
    true, got = np.asarray(target), np.asarray(predicted)
    if true.shape != got.shape or true.ndim != 1:
        rule = "targets and predictions must be labels of the same length"
        raise fail(ShapeError, op, rule, f"target {true.shape}, predicted {got.shape}")
    true, got = true.astype(np.int64), got.astype(np.int64)
    largest = int(max(true.max(initial=-1), got.max(initial=-1)))
    n = largest + 1 if classes is None else _check.integer(op, "classes", classes, 1)
    if largest >= n or min(true.min(initial=0), got.min(initial=0)) < 0:
        received = f"labels from {min(true.min(), got.min())} to {largest}"
        raise fail(IndexError, op, f"labels must be in [0, {n})", received)
    counts = np.bincount(true * n + got, minlength=n * n).reshape(n, n)
    return asarray(counts.astype(np.int64))


def as_metric(metric: Any) -> Metric:
    """A Metric of one, of a name ("accuracy", "mse", "mae") or of a function.

    Example:
        >>> nnx.train.metrics.as_metric("mse").name
        'mse'
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        return Accuracy() if metric is accuracy else Metric(name, metric)
    if isinstance(metric, str):
        if metric in ("accuracy", "acc"):
            return Accuracy(metric)
        if metric == "mse":
            return Metric(metric, lambda y, t: ((y - t) * (y - t)).mean())
        if metric == "mae":
            return Metric(metric, lambda y, t: ops.abs(y - t).mean())
    rule = 'a metric must be "accuracy", "mse", "mae", a function or a Metric'
    raise fail(ArgumentError, "Trainer", rule, describe(metric, "metric"))
