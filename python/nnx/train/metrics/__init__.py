"""Metrics: figures that are watched and not minimised.

A metric is any function (output, target) -> one number for the batch, averaged over the samples;
a `Metric` can count for itself.

Example:
    >>> metric = nnx.train.metrics.as_metric("top_3")
    >>> metric.update(nnx.tensor([[4.0, 3.0, 2.0, 1.0]]), nnx.tensor([2]))
    >>> metric.value
    1.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.train.metrics import base, classification, ranking, regression
from nnx.train.metrics.base import MeanMetric, Metric, array
from nnx.train.metrics.classification import (
    F1,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    Precision,
    Recall,
    TopKAccuracy,
    accuracy,
    confusion_matrix,
)
from nnx.train.metrics.ranking import ROCAUC
from nnx.train.metrics.regression import (
    R2,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
)

__all__ = [
    "F1",
    "R2",
    "ROCAUC",
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "accuracy",
    "array",
    "as_metric",
    "base",
    "classification",
    "confusion_matrix",
    "ranking",
    "regression",
]

# What a name makes; the metric has that name in the history.
_NAMED: dict[str, Callable[[str], Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "categorical_accuracy": Accuracy,
    "sparse_categorical_accuracy": Accuracy,
    "binary_accuracy": BinaryAccuracy,
    "top_k": lambda name: TopKAccuracy(5, name),
    "top_k_categorical_accuracy": lambda name: TopKAccuracy(5, name),
    "sparse_top_k_categorical_accuracy": lambda name: TopKAccuracy(5, name),
    "precision": lambda name: Precision(name=name),
    "recall": lambda name: Recall(name=name),
    "f1": lambda name: F1(name=name),
    "f1_score": lambda name: F1(name=name),
    "auc": ROCAUC,
    "roc_auc": ROCAUC,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "r2": R2,
    "r2_score": R2,
    "confusion_matrix": lambda name: ConfusionMatrix(name=name),
}


def as_metric(metric: Any) -> Metric:
    """A Metric of one, of its class, of a name ("accuracy", "top_3", "auc", ...) or of a
    function.

    Raises: ArgumentError for an unknown name, for what is none of these.

    Example:
        >>> nnx.train.metrics.as_metric("mse").name
        'mse'
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) and issubclass(metric, Metric):
        if metric is Metric:
            rule = 'a plain Metric needs a function: Metric("name", function)'
            raise fail(ArgumentError, "Trainer", rule)
        made: Metric = metric()  # type: ignore[call-arg]  # the built-in ones need nothing
        return made
    if callable(metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        return Accuracy() if metric is accuracy else Metric(name, metric)
    if isinstance(metric, str):
        top = re.fullmatch(r"top_?(\d+)(_accuracy)?", metric)
        if top and int(top[1]):
            return TopKAccuracy(int(top[1]), metric)
        return _NAMED[_check.choice("Trainer", "metric", metric, tuple(_NAMED))](metric)
    rule = 'a metric must be a name such as "accuracy", a function or a Metric'
    raise fail(ArgumentError, "Trainer", rule, describe(metric, "metric"))


def as_metrics(metrics: Any) -> list[Metric]:
    """A list of Metrics of one or several; names that repeat are an error.

    Example:
        >>> [m.name for m in nnx.train.metrics.as_metrics(["accuracy", "auc"])]
        ['accuracy', 'auc']
    """
    if metrics is None:
        metrics = ()
    if isinstance(metrics, str | Metric | type) or callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        rule = "metrics must be a metric or a list of them"
        raise fail(DTypeError, "Trainer", rule, describe(metrics, "metrics"))
    made = [as_metric(metric) for metric in metrics]
    names = [metric.name for metric in made]
    for name in names:
        if name == "loss" or names.count(name) > 1:
            rule = "every metric must have a name of its own, other than loss"
            hint = 'nnx.train.Metric("name", function) gives one'
            raise fail(ArgumentError, "Trainer", rule, f"name = {name!r}", hint)
    return made
