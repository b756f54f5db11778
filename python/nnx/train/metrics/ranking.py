"""ROC AUC: how well scores put the positive samples before the negative ones, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, asarray
from nnx.train.metrics.base import Metric, array, by_row, weights_of

_Array = np.ndarray[Any, Any]


class ROCAUC(Metric):
    """The area under the ROC curve: the chance that a positive sample has a higher score than a
    negative one, equal scores counting half.

    It is exact, from the ranks of all scores, and so keeps every score it has seen. With several
    classes it is the mean over the classes of the area of that class against the rest; NaN as
    long as a class has no sample or has all of them.

    Args: name: its name in the history.

    Shapes: output (N,) or (N, 1) scores and targets 0 or 1 of the same shape; or output (N, C)
        and target (N,) labels or (N, C) one-hot. Two columns of output score class 1 by their
        difference, which orders samples as its softmax does.
    Raises: ShapeError for other shapes, ArgumentError for targets that are neither 0 nor 1.
    Source: Hanley, McNeil 1982; scikit-learn's roc_auc_score(multi_class="ovr").

    Example:
        >>> m = nnx.train.ROCAUC()
        >>> m.update(nnx.tensor([0.1, 0.4, 0.35, 0.8]), nnx.tensor([0, 0, 1, 1]))
        >>> m.value
        0.75
    """

    by_sample = True
    costly = True
    sums = ()

    def __init__(self, name: str = "auc") -> None:
        super().__init__(name, lambda output, target: float("nan"))

    def reset(self) -> None:
        self.scores: list[_Array] = []
        self.positive: list[_Array] = []
        self.weights: list[_Array] = []

    def update(self, output: Tensor, target: Tensor, weight: Any = None) -> None:
        y, t = array(output, self.name, "output"), array(target, self.name, "target")
        if y.ndim == 2 and y.shape[1] > 1 and t.shape == y.shape[:1]:
            t = t[:, None] == np.arange(y.shape[1])
        elif y.shape != t.shape or y.ndim not in (1, 2):
            rule = "targets must be labels (N,) for outputs (N, C), or have the outputs' shape"
            received = f"{describe(output, 'output')}, {describe(target, 'target')}"
            raise fail(ShapeError, self.name, rule, received)
        elif not ((t == 0) | (t == 1)).all():
            rule = "targets must be 0 or 1"
            raise fail(ArgumentError, self.name, rule, describe(target, "target"))
        y, t = by_row(y), by_row(t) != 0
        if y.shape[1] == 2:
            y, t = y[:, 1:] - y[:, :1], t[:, 1:]
        w = weights_of(self.name, weight, len(y))
        self.scores.append(y.astype(np.float64))  # copies: what came may change later
        self.positive.append(t.copy())
        self.weights.append(np.ones(len(y)) if w is None else w)

    @property
    def value(self) -> float:
        if not self.scores:
            return float("nan")
        y, t = np.concatenate(self.scores), np.concatenate(self.positive)
        w = np.concatenate(self.weights)
        return float(np.mean([_area(y[:, k], t[:, k], w) for k in range(y.shape[1])]))

    def _add(self, other: ROCAUC) -> None:
        self.scores += other.scores
        self.positive += other.positive
        self.weights += other.weights

    def state_dict(self) -> dict[str, Any]:
        parts = {"scores": self.scores, "positive": self.positive, "weights": self.weights}
        return {k: asarray(np.concatenate(v)) for k, v in parts.items() if v}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.reset()
        if state:
            self.scores = [array(state["scores"]).copy()]
            self.positive = [array(state["positive"]).copy()]
            self.weights = [array(state["weights"]).copy()]


def _area(score: _Array, positive: _Array, weight: _Array) -> float:
    if np.isnan(score).any() or not len(score):
        return float("nan")
    order = np.argsort(score, kind="stable")
    score, positive, weight = score[order], positive[order], weight[order]
    # One entry for each distinct score: the weight of the positive and of the negative ones.
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    above = np.add.reduceat(np.where(positive, weight, 0.0), starts)
    below = np.add.reduceat(np.where(positive, 0.0, weight), starts)
    pairs = above.sum() * below.sum()
    if pairs == 0:
        return float("nan")
    return float(above @ (np.cumsum(below) - below / 2) / pairs)
