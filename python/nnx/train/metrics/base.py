"""Metric: a figure that is watched and not minimised, and what all metrics share.

A metric takes in batch after batch and keeps sums, never samples (ROC AUC excepted, which cannot
do without). Two metrics of the same kind merge into what one of them would have seen in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor, float64


def array(values: Any, op: str = "metric", name: str = "values") -> np.ndarray[Any, Any]:
    """A tensor, array or list as a NumPy array in host memory, copied only where it has to be.

    Example:
        >>> nnx.train.metrics.base.array(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """
    if isinstance(values, Tensor):
        host = values.detach().to("cpu")
        if "bfloat16" in str(host.dtype):
            host = host.to(float64)
        return np.asarray(host)
    try:
        found = np.asarray(values)
    except (TypeError, ValueError) as error:
        rule = f"{name} must be a tensor, an array or a list of numbers"
        raise fail(DTypeError, op, rule, describe(values, name)) from error
    if found.dtype == object:
        rule = f"{name} must be a tensor, an array or a list of numbers"
        raise fail(DTypeError, op, rule, describe(values, name))
    return found


def by_row(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array (N, ...) as (N, numbers of a sample), also for no samples.

    Example:
        >>> nnx.train.metrics.base.by_row(np.zeros((0, 2, 3))).shape
        (0, 6)
    """
    return values.reshape(len(values), math.prod(values.shape[1:]))


def weights_of(op: str, weight: Any, n: int) -> np.ndarray[Any, Any] | None:
    """The weights of n samples as float64, or None.

    Example:
        >>> nnx.train.metrics.base.weights_of("f1", [1, 2], 2).tolist()
        [1.0, 2.0]
    """
    if weight is None:
        return None
    w = array(weight, op, "weight").astype(np.float64)
    if w.shape != (n,):
        rule = f"weight must hold one number for each of the {n} samples"
        raise fail(ShapeError, op, rule, f"weight {w.shape}")
    return w


class Metric:
    """A running figure: `update` with each batch, `value` so far, `reset` before an epoch.

    Args:
        name: its name in the history.
        function: (output, target) -> a number for the batch; the value is its mean over the
            batches, each weighted by its samples.

    Example:
        >>> m = nnx.train.Metric("bias", lambda y, t: (y - t).mean())
        >>> m.update(nnx.tensor([1.0, 2.0]), nnx.tensor([0.0, 1.0]))
        >>> m.value
        1.0
    """

    # Whether several batches may be given as one: true where the value depends on the samples
    # alone and not on how they were cut into batches.
    by_sample: ClassVar[bool] = False
    costly: ClassVar[bool] = False  # whether the value is too dear to be shown ten times a second
    sums: ClassVar[tuple[str, ...]] = ("total", "count")  # what is kept, and added by merge

    def __init__(self, name: str, function: Callable[[Tensor, Tensor], Any]) -> None:
        self.name = name
        self.function = function
        self.reset()

    def reset(self) -> None:
        """Forgets all batches.

        Example:
            >>> nnx.train.Accuracy().reset()
        """
        for name in self.sums:
            setattr(self, name, 0.0)

    total: Any
    count: Any

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        """Takes in one batch.

        Args:
            output, target: what the model gave, and what is right.
            weight: a number for each sample; all count alike unless given.

        Example:
            >>> m = nnx.train.Accuracy()
            >>> m.update(nnx.tensor([[2.0, 1.0]]), nnx.tensor([0]))
        """
        if weight is not None:
            rule = f"the function {self.name} gives one number a batch, which has no weights"
            raise fail(DTypeError, "Metric", rule, describe(weight, "weight"))
        n = len(target)
        self.total += float(self.function(output, target)) * n
        self.count += n

    @property
    def value(self) -> Any:
        """The figure over all samples so far; NaN before the first.

        Example:
            >>> nnx.train.Accuracy().value
            nan
        """
        return float(self.total / self.count) if self.count else float("nan")

    def merge(self, other: Metric) -> Self:
        """Takes in what another metric of the same kind has seen, and returns itself.

        Raises: DTypeError for a metric of another kind.

        Example:
            >>> a, b = nnx.train.Accuracy(), nnx.train.Accuracy()
            >>> a.update(nnx.tensor([[2.0, 1.0]]), nnx.tensor([0]))
            >>> b.update(nnx.tensor([[2.0, 1.0]]), nnx.tensor([1]))
            >>> a.merge(b).value
            0.5
        """
        if type(other) is not type(self):
            rule = f"only another {type(self).__name__} can be merged into this one"
            raise fail(DTypeError, "merge", rule, describe(other, "other"))
        self._add(other)
        return self

    def _add(self, other: Any) -> None:
        for name in self.sums:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def state_dict(self) -> dict[str, Any]:
        """What it has seen, as numbers and arrays.

        Example:
            >>> nnx.train.Accuracy().state_dict()
            {'total': 0.0, 'count': 0.0}
        """
        return {name: getattr(self, name) for name in self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was called.

        Example:
            >>> m = nnx.train.Accuracy()
            >>> m.load_state_dict({"total": 3.0, "count": 4.0})
            >>> m.value
            0.75
        """
        for name in self.sums:
            value = state[name]
            if isinstance(value, Tensor):
                value = np.asarray(value).copy()
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}={self.value})"


class MeanMetric(Metric):
    """Base of metrics that are a weighted mean of one number a sample.

    A subclass writes `values(output, target)`, which gives an array (N,).

    Example:
        >>> class Above(nnx.train.metrics.MeanMetric):
        ...     def values(self, output, target):
        ...         return nnx.train.metrics.array(output > target).mean(axis=1)
        >>> m = Above("above")
        >>> m.update(nnx.tensor([[1.0], [0.0]]), nnx.tensor([[0.0], [0.0]]))
        >>> m.value
        0.5
    """

    by_sample = True

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda output, target: float("nan"))

    def values(self, output: Tensor, target: Tensor) -> np.ndarray[Any, Any]:
        """One number for each sample.

        Example:
            >>> m = nnx.train.MeanAbsoluteError()
            >>> m.values(nnx.tensor([1.0, 3.0]), nnx.tensor([0.0, 0.0])).tolist()
            [1.0, 3.0]
        """
        raise NotImplementedError(f"{type(self).__name__} has no values")

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        values = self.values(output, target)
        w = weights_of(self.name, weight, len(values))
        if w is None:
            self.total += float(values.sum(dtype=np.float64))
            self.count += len(values)
        else:
            self.total += float(values.astype(np.float64) @ w)
            self.count += float(w.sum())
