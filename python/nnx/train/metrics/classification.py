"""Metrics of classes: accuracy, top-k, precision, recall, F1, the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import IndexError, ShapeError, Tensor, asarray
from nnx.train.metrics.base import MeanMetric, Metric, array, by_row, weights_of

_Array = np.ndarray[Any, Any]
_AVERAGES = ("auto", "binary", "micro", "macro", "weighted", "none")


class Accuracy(MeanMetric):
    """The share of right answers.

    Outputs (N, C) against labels (N,): the largest output must be the label's; against one-hot
    targets (N, C): both largest in the same place. Outputs of one number a sample against
    targets 0 and 1: right on the same side (output > threshold, target > 1/2).

    Args:
        name: its name in the history.
        threshold: above it one number means class 1. Unless given it is 0, right for logits; a
            Trainer whose loss or last layer says that outputs are probabilities makes it 1/2.

    Raises: ShapeError for shapes that do not belong together.

    Example:
        >>> m = nnx.train.Accuracy()
        >>> m.update(nnx.tensor([[2.0, 1.0], [0.0, 1.0]]), nnx.tensor([0, 0]))
        >>> m.value
        0.5
    """

    default_threshold = 0.0  # what a Trainer sets where it knows better

    def __init__(self, name: str = "accuracy", threshold: float | None = None) -> None:
        super().__init__(name)
        self.threshold = None if threshold is None else _check.real(name, "threshold", threshold)

    def _cut(self) -> float:
        return self.default_threshold if self.threshold is None else self.threshold

    def values(self, output: Tensor, target: Tensor) -> _Array:
        right = array(_right(output, target, self._cut()))
        return by_row(right).mean(axis=1) if right.ndim > 1 else right

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        if weight is not None:
            super().update(output, target, weight)
            return
        right = _right(output, target, self._cut())
        self.total += right.sum().item()
        self.count += right.numel()


class BinaryAccuracy(Accuracy):
    """The share of right answers among all numbers of the output, each a yes or a no of its own.

    Args:
        name: its name in the history.
        threshold: above it an output means yes; see `Accuracy`.

    Shapes: output and target the same, (N, ...). Raises: ShapeError for unequal shapes.

    Example:
        >>> m = nnx.train.BinaryAccuracy(threshold=0.5)
        >>> m.update(nnx.tensor([[0.9, 0.2], [0.4, 0.1]]), nnx.tensor([[1, 0], [1, 0]]))
        >>> m.value
        0.75
    """

    def __init__(self, name: str = "binary_accuracy", threshold: float | None = None) -> None:
        super().__init__(name, threshold)

    def values(self, output: Tensor, target: Tensor) -> _Array:
        y, t = array(output), array(target)
        if y.shape != t.shape or y.ndim == 0:
            raise _mismatch(self.name, output, target)
        right: _Array = by_row((y > self._cut()) == (t > 0.5)).mean(axis=1)
        return right

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        MeanMetric.update(self, output, target, weight)


class TopKAccuracy(MeanMetric):
    """The share of samples whose label is among the k largest outputs.

    Of equal outputs those of lower classes come first, so that an untrained model that gives the
    same to all does not look perfect.

    Args:
        k: how many guesses count.
        name: its name in the history; "top_<k>_accuracy" unless given.

    Shapes: output (N, C), target (N,) labels or (N, C) one-hot.
    Raises: ShapeError for other shapes, IndexError for a label outside [0, C).

    Example:
        >>> m = nnx.train.TopKAccuracy(2)
        >>> m.update(nnx.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), nnx.tensor([1, 2]))
        >>> m.name, m.value
        ('top_2_accuracy', 0.5)
    """

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        self.k = _check.integer("TopKAccuracy", "k", k, 1)
        super().__init__(name or f"top_{self.k}_accuracy")

    def values(self, output: Tensor, target: Tensor) -> _Array:
        y, t = array(output), array(target)
        if y.ndim == 2 and t.shape == y.shape:
            t = t.argmax(axis=1)
        if y.ndim != 2 or t.shape != y.shape[:1]:
            raise _mismatch(self.name, output, target)
        t = _labels(self.name, t, y.shape[1])
        own = np.take_along_axis(y, t[:, None], 1)
        ahead = (y > own).sum(axis=1)
        ahead += ((y == own) & (np.arange(y.shape[1]) < t[:, None])).sum(axis=1)
        right: _Array = (ahead < self.k) & ~np.isnan(own[:, 0])
        return right


class ConfusionMatrix(Metric):
    """Counts: matrix[i, j] samples of class i were taken for class j. Also the base of precision,
    recall and F1, which follow from it.

    Args:
        classes: how many there are; as many as the outputs have columns (2 for one number a
            sample) unless given.
        name: its name in the history.
        threshold: above it one number means class 1; see `Accuracy`.

    Shapes: output (N, C) and target (N,) labels or (N, C) one-hot; or both (N,) or (N, 1).
    Raises: ShapeError for other shapes, IndexError for a label outside [0, C).

    Example:
        >>> m = nnx.train.ConfusionMatrix()
        >>> m.update(nnx.tensor([[2.0, 1.0], [0.0, 1.0]]), nnx.tensor([0, 0]))
        >>> m.value.tolist()
        [[1, 1], [0, 0]]
    """

    by_sample = True
    default_threshold = 0.0
    sums = ("matrix",)
    matrix: Any

    def __init__(
        self,
        classes: int | None = None,
        name: str = "confusion_matrix",
        threshold: float | None = None,
    ) -> None:
        self.classes = None if classes is None else _check.integer(name, "classes", classes, 1)
        self.threshold = None if threshold is None else _check.real(name, "threshold", threshold)
        super().__init__(name, lambda output, target: float("nan"))

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        cut = self.default_threshold if self.threshold is None else self.threshold
        predicted, true, classes = _decide(self.name, output, target, cut)
        n = max(self.classes or classes, classes)
        true = _labels(self.name, true, n)
        w = weights_of(self.name, weight, len(true))
        found = np.bincount(true * n + predicted, w, n * n).reshape(n, n)
        if np.ndim(self.matrix) and len(self.matrix) != n:
            rule = f"every batch must have the {len(self.matrix)} classes of the first"
            raise fail(ShapeError, self.name, rule, f"a batch of {n} classes")
        self.matrix = self.matrix + found

    def _counts(self) -> _Array:
        n = self.classes or 0
        return self.matrix if np.ndim(self.matrix) else np.zeros((n, n))

    @property
    def value(self) -> Any:
        counts = self._counts()
        whole = counts.astype(np.int64)
        return asarray(whole if (whole == counts).all() else counts)


class _Rates(ConfusionMatrix):
    """Base of what is computed from true positives, false positives and false negatives."""

    def __init__(
        self, average: str | None = "auto", name: str = "rate", threshold: float | None = None
    ) -> None:
        average = "none" if average is None else average
        self.average: str = _check.choice(name, "average", average, _AVERAGES)
        super().__init__(None, name, threshold)

    def _rate(self, hits: _Array, wrong: _Array, missed: _Array) -> _Array:
        raise NotImplementedError

    @property
    def value(self) -> Any:
        counts = self._counts().astype(np.float64)
        if not counts.any():
            return float("nan")
        average = self.average
        if average == "auto":
            average = "binary" if len(counts) == 2 else "macro"
        hits = np.diag(counts)
        wrong, missed = counts.sum(axis=0) - hits, counts.sum(axis=1) - hits
        if average == "binary":
            if len(counts) != 2:
                rule = 'average "binary" needs two classes'
                hint = 'average="macro" is the mean over the classes'
                raise fail(ShapeError, self.name, rule, f"{len(counts)} classes", hint)
            return float(self._rate(hits[1:], wrong[1:], missed[1:])[0])
        if average == "micro":
            sums = [np.atleast_1d(part.sum()) for part in (hits, wrong, missed)]
            return float(self._rate(*sums)[0])
        # Classes that neither occur nor are predicted say nothing and are left out.
        rates = self._rate(hits, wrong, missed)
        if average == "none":
            return asarray(rates)
        seen = hits + wrong + missed > 0
        share = (hits + missed) if average == "weighted" else seen.astype(np.float64)
        return float(rates @ share / share.sum())


def _ratio(above: _Array, below: _Array) -> _Array:
    found: _Array = np.where(below == 0, 0.0, above / np.where(below == 0, 1.0, below))
    return found


class Precision(_Rates):
    """How many of those taken for a class are of it: TP / (TP + FP), 0 where none was taken.

    Args:
        average: "binary" for class 1 of two; "micro" from the counts of all classes together;
            "macro" the mean over the classes that occur; "weighted" that mean by frequency;
            "none" one number a class; "auto" binary for two classes and macro for more.
        name: its name in the history.
        threshold: above it one number means class 1; see `Accuracy`.

    Shapes, raises: as `ConfusionMatrix`. Source: the definitions of scikit-learn.

    Example:
        >>> m = nnx.train.Precision()
        >>> m.update(nnx.tensor([1.0, 1.0, -1.0]), nnx.tensor([1, 0, 1]))
        >>> m.value
        0.5
    """

    def __init__(
        self,
        average: str | None = "auto",
        name: str = "precision",
        threshold: float | None = None,
    ) -> None:
        super().__init__(average, name, threshold)

    def _rate(self, hits: _Array, wrong: _Array, missed: _Array) -> _Array:
        return _ratio(hits, hits + wrong)


class Recall(_Rates):
    """How many of a class were found: TP / (TP + FN), 0 where there is none.

    Args: average, name, threshold: as `Precision`.
    Shapes, raises: as `ConfusionMatrix`. Source: the definitions of scikit-learn.

    Example:
        >>> m = nnx.train.Recall()
        >>> m.update(nnx.tensor([1.0, 1.0, -1.0]), nnx.tensor([1, 0, 1]))
        >>> m.value
        0.5
    """

    def __init__(
        self, average: str | None = "auto", name: str = "recall", threshold: float | None = None
    ) -> None:
        super().__init__(average, name, threshold)

    def _rate(self, hits: _Array, wrong: _Array, missed: _Array) -> _Array:
        return _ratio(hits, hits + missed)


class F1(_Rates):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    Args: average, name, threshold: as `Precision`.
    Shapes, raises: as `ConfusionMatrix`. Source: the definitions of scikit-learn.

    Example:
        >>> m = nnx.train.F1(average="macro")
        >>> m.update(nnx.tensor([1.0, 1.0, -1.0]), nnx.tensor([1, 0, 1]))
        >>> m.value
        0.25
    """

    def __init__(
        self, average: str | None = "auto", name: str = "f1", threshold: float | None = None
    ) -> None:
        super().__init__(average, name, threshold)

    def _rate(self, hits: _Array, wrong: _Array, missed: _Array) -> _Array:
        return _ratio(2 * hits, 2 * hits + wrong + missed)


def accuracy(output: Tensor, target: Tensor) -> float:
    """The share of right answers; see `Accuracy`.

    Raises: ShapeError for shapes that do not belong together.

    Example:
        >>> nnx.train.accuracy(nnx.tensor([[2.0, 1.0], [0.0, 1.0]]), nnx.tensor([0, 0]))
        0.5
    """
    right = _right(output, target)
    return float(right.sum()) / max(right.numel(), 1)


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
    true, got = array(target, op, "target"), array(predicted, op, "predicted")
    if true.shape != got.shape or true.ndim != 1:
        rule = "targets and predictions must be labels of the same length"
        raise fail(ShapeError, op, rule, f"target {true.shape}, predicted {got.shape}")
    largest = int(max(true.max(initial=-1), got.max(initial=-1)))
    n = largest + 1 if classes is None else _check.integer(op, "classes", classes, 1)
    true, got = _labels(op, true, n), _labels(op, got, n)
    return asarray(np.bincount(true * n + got, minlength=n * n).reshape(n, n).astype(np.int64))


def _labels(op: str, labels: _Array, n: int) -> _Array:
    whole = labels.astype(np.int64)
    low, high = int(whole.min(initial=0)), int(whole.max(initial=-1))
    if low < 0 or high >= n:
        raise fail(IndexError, op, f"labels must be in [0, {n})", f"labels from {low} to {high}")
    return whole


def _right(output: Tensor, target: Tensor, cut: float = 0.0) -> Tensor:
    labelled = tuple(output.shape[:1] + output.shape[2:])
    if output.ndim > 1 and output.shape[1] > 1 and target.shape == labelled:
        return ops.argmax(output, 1) == target
    if output.shape == target.shape and output.ndim:
        if output.ndim > 1 and output.shape[-1] > 1:
            return ops.argmax(output, -1) == ops.argmax(target, -1)
        return (output > cut) == (target > 0.5)
    raise _mismatch("accuracy", output, target)


def _decide(op: str, output: Any, target: Any, cut: float) -> tuple[_Array, _Array, int]:
    """Predicted and true labels (N,), and the number of classes."""
    y, t = array(output, op, "output"), array(target, op, "target")
    if y.ndim > 1 and y.shape[1] > 1 and t.shape == y.shape[:1] + y.shape[2:]:
        return y.argmax(axis=1).ravel(), t.ravel(), y.shape[1]
    if y.shape == t.shape and y.ndim:
        if y.ndim > 1 and y.shape[-1] > 1:
            return y.argmax(axis=-1).ravel(), t.argmax(axis=-1).ravel(), y.shape[-1]
        return (y > cut).astype(np.int64).ravel(), (t > 0.5).astype(np.int64).ravel(), 2
    raise _mismatch(op, output, target)


def _mismatch(op: str, output: Any, target: Any) -> Exception:
    received = f"{describe(output, 'output')}, {describe(target, 'target')}"
    rule = "targets must be labels (N,) for outputs (N, C), or have the shape of the outputs"
    same = array(output).size == array(target).size
    hint = f"target.reshape({tuple(output.shape)})" if same else ""
    return fail(ShapeError, op, rule, received, hint)
