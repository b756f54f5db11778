"""Figures of a classifier: confusion matrix, ROC curve, decision boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError
from nnx._optional import need
from nnx.plot.style import (
    GREY,
    MARKERS,
    PALETTE,
    Array,
    array,
    column,
    diverging,
    legend,
    letters,
    names_for,
    own_axes,
    predict,
    same_length,
)


def confusion(
    matrix: Any,
    axes: Any = None,
    names: Sequence[str] | None = None,
    *,
    normalize: bool = False,
) -> Any:
    """A confusion matrix with its numbers; the shade is the share of the row's class,
    drawn so that a share of 1 % can be seen.

    Args:
        matrix: (C, C) counts, row the true class, column the predicted one.
        axes: where to draw; a new figure unless given.
        names: of the classes.
        normalize: whether the numbers are shares of the row in per cent.

    Returns: the axes.
    Raises: ShapeError for a matrix that is not square, ArgumentError for negative counts or
        another number of names.

    Example:
        >>> axes = nnx.plot.confusion([[5, 1], [0, 6]], names=["cat", "dog"])  # doctest: +SKIP
    """
    op = "confusion"
    counts = array(op, "matrix", matrix, 2)
    if counts.shape[0] != counts.shape[1] or not counts.size:
        raise fail(ShapeError, op, "the matrix must be square", describe(counts, "matrix"))
    if not (counts >= 0).all():
        raise fail(ArgumentError, op, "counts must not be negative", describe(matrix, "matrix"))
    classes = names_for(op, names or None, len(counts))
    n = len(counts)
    side = min(max(4.5, 1.2 + 0.62 * n), 11)
    axes = own_axes(axes, side, side)
    sums = counts.sum(1, keepdims=True)
    share = counts / np.where(sums > 0, sums, 1)
    axes.imshow(share**0.4, cmap="Blues", vmin=0, vmax=1.1)
    for spine in axes.spines.values():
        spine.set_visible(True)
    turned = max(map(len, classes)) * n > 40
    axes.set_xticks(
        range(n), classes, rotation=45 if turned else 0, ha="right" if turned else "center"
    )
    axes.set_yticks(range(n), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if n > 25:
        return axes  # no room for numbers
    written = [
        [_percent(share[i, j]) if normalize else f"{count:.6g}" for j, count in enumerate(row)]
        for i, row in enumerate(counts)
    ]
    # As large as a cell has room for, whose size is in points.
    cell = axes.get_window_extent().width / axes.figure.dpi * 72 / n
    longest = max(len(text) for row in written for text in row)
    fontsize = max(4.0, min(letters(axes, 0), 1.25 * cell / max(longest, 3)))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                colour = "white" if share[i, j] > 0.25 else "black"
                text = written[i][j]
                axes.text(j, i, text, ha="center", va="center", fontsize=fontsize, color=colour)
    return axes


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def roc(
    y_true: Any,
    scores: Any,
    axes: Any = None,
    *,
    names: Sequence[str] | None = None,
) -> Any:
    """ROC curve: the share of positives found against the share of negatives taken for positive,
    over all thresholds of the score; in the legend the area under it (AUC).

    Args:
        y_true: (N,) labels: 0 and 1, or 0 to C-1.
        scores: (N,) or (N, 1) of the positive class, any increasing function of its probability;
            or (N, C), of which each class is drawn against the others.
        names: of the classes.

    Returns: the axes.
    Raises: ShapeError for lengths that differ, ArgumentError where a class has no sample, or
        all of them.
    Source: Fawcett, Pattern Recognition Letters 27, 861 (2006).

    Example:
        >>> axes = nnx.plot.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])  # doctest: +SKIP
    """
    op = "roc"
    labels, values = column(op, "y_true", y_true), array(op, "scores", scores, 1, 2)
    same_length(op, "y_true", labels, "scores", values)
    if np.isnan(values).any():
        raise fail(ArgumentError, op, "no score may be NaN", describe(values, "scores"))
    values = values.reshape(len(values), -1)
    single = values.shape[1] == 1
    highest = 1 if single else values.shape[1] - 1
    if not np.isin(labels, np.arange(highest + 1)).all():
        rule = f"labels must be 0 to {highest}"
        raise fail(ArgumentError, op, rule, describe(np.unique(labels), "labels"))
    names = names_for(op, names, values.shape[1])
    found = []
    for k in range(values.shape[1]):
        positive = labels == (1 if single else k)
        if positive.all() or not positive.any():
            rule = "there must be positive and negative samples of every class"
            raise fail(ArgumentError, op, rule, f"class {1 if single else k}")
        found.append(roc_points(positive, values[:, k]))
    axes = own_axes(axes, 5.6, 5.2)
    axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.5, label="guessing, AUC 0.5")
    for k, (false, true) in enumerate(found):
        auc = float(((false[1:] - false[:-1]) * (true[1:] + true[:-1])).sum() / 2)
        text = f"AUC {auc:.3f}" if single else f"{names[k]}: AUC {auc:.3f}"
        style = ("-", "--", "-.")[k // len(PALETTE) % 3]
        colour = PALETTE[k % len(PALETTE)]
        axes.plot(false, true, style, color=colour, linewidth=2.2, label=text)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.grid(alpha=0.3)
    legend(axes, loc="lower right", frameon=len(found) > 2)
    return axes


def roc_points(positive: Array, scores: Array) -> tuple[Array, Array]:
    """(false, true positive rates), from (0, 0) to (1, 1): one point for each different score."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(hits) - 1)
    true = np.append(0, np.cumsum(hits)[last]) / max(int(hits.sum()), 1)
    false = np.append(0, np.cumsum(~hits)[last]) / max(int((~hits).sum()), 1)
    return false, true


def decision_boundary(
    model: Any,
    x: Any,
    y: Any = None,
    axes: Any = None,
    *,
    names: Sequence[str] | None = None,
    threshold: float | None = None,
    resolution: int = 200,
    margin: float = 0.15,
) -> Any:
    """What a classifier says everywhere in the plane, its boundaries, and the samples.

    Args:
        model: a Module, a Trainer, anything with predict_proba or predict, or a function, from
            (M, 2) to one output (two classes) or C outputs.
        x: (N, 2) samples; they also say which part of the plane is drawn.
        y: (N,) labels, or (N, C) one-hot; without them only the points are drawn.
        names: of the classes.
        threshold: of a single output, above which it means class 1. By default outputs in [0, 1]
            are probabilities with threshold 0.5, and all others logits with threshold 0.
        resolution: points of the grid along each axis.
        margin: by what share the drawn range is larger than that of the samples.

    Several outputs are taken as probabilities where they are positive and add up to 1, else
    through softmax. The model runs in evaluation mode and without gradients, and keeps its mode.

    Returns: the axes.
    Raises: ShapeError for samples that are not (N, 2).

    Example:
        >>> axes = nnx.plot.decision_boundary(model, x, y)  # doctest: +SKIP
    """
    op = "decision_boundary"
    points = array(op, "x", x, 2).astype(float)
    if points.shape[1] != 2 or not len(points):
        rule = "x must be (N, 2): only networks with two inputs can be drawn in the plane"
        raise fail(ShapeError, op, rule, describe(points, "x"))
    labels = None
    if y is not None:
        labels = array(op, "y", y, 1, 2)
        if labels.ndim == 2:
            labels = labels.argmax(1) if labels.shape[1] > 1 else labels[:, 0]
        same_length(op, "x", points, "y", labels)
    resolution = _check.integer(op, "resolution", resolution, 2)
    low, high = points.min(0), points.max(0)
    wide = np.where(high > low, high - low, 1.0) * _check.real(op, "margin", margin, 0)
    low, high = low - wide, high + wide
    u, v = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    places = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2)
    answers = predict(op, model, places)
    if answers.ndim == 1:
        answers = answers[:, None]
    if answers.ndim != 2 or len(answers) != len(places):
        rule = "the model must give one row of outputs for each sample"
        raise fail(ShapeError, op, rule, describe(answers, "output"))
    axes = own_axes(axes, 6.6, 5.2)
    outputs = answers.astype(float).reshape(resolution, resolution, -1)
    classes = max(outputs.shape[2], 2)
    if names is not None:
        names = names_for(op, names, classes)
    if classes == 2:
        _two_classes(axes, u, v, outputs, labels, threshold, names)
    else:
        _many_classes(axes, u, v, outputs)
    _samples(axes, points, labels, names, classes)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    return axes


def _two_classes(
    axes: Any,
    u: Array,
    v: Array,
    outputs: Array,
    labels: Array | None,
    threshold: float | None,
    names: Sequence[str] | None,
) -> None:
    value = outputs[:, :, -1]
    what, middle, ends = f"probability of {names[1] if names else 'class 1'}", 0.5, (0.0, 1.0)
    signs = labels is not None and set(np.unique(labels)) <= {-1, 1} and (labels == -1).any()
    if outputs.shape[2] == 2:
        value = probabilities(outputs)[:, :, 1]
    elif threshold is not None or signs:
        what, middle = "output", 0.0 if threshold is None else float(threshold)
        reach = max(float(np.abs(value - middle).max()), 1e-12)
        reach = min(reach, 1.0) if signs else reach
        ends = (middle - reach, middle + reach)
    elif value.min() < 0 or value.max() > 1:
        value = 1 / (1 + np.exp(-np.clip(value, -700, 700)))
    colours = diverging()
    options = {"origin": "lower", "extent": (u[0], u[-1], v[0], v[-1]), "aspect": "auto"}
    shades = axes.imshow(value, cmap=colours, vmin=ends[0], vmax=ends[1], alpha=0.5, **options)
    if value.min() < middle < value.max():
        axes.contour(u, v, value, [middle], colors="black", linewidths=2)
    bar = axes.figure.colorbar(shades, ax=axes, ticks=np.linspace(*ends, 5))
    bar.set_label(what, fontsize=letters(axes))
    bar.ax.tick_params(labelsize=letters(axes, 2))


def _many_classes(axes: Any, u: Array, v: Array, outputs: Array) -> None:
    colors = need("matplotlib", "plot", "matplotlib.colors")
    p = probabilities(outputs)
    winner = p.argmax(2)
    palette = np.array([colors.to_rgb(PALETTE[k % len(PALETTE)]) for k in range(p.shape[2])])
    strength = (0.15 + 0.45 * p.max(2))[:, :, None]  # the surer, the darker
    picture = 1 - strength * (1 - palette[winner])
    extent = (u[0], u[-1], v[0], v[-1])
    axes.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    for k in range(p.shape[2]):
        if (winner == k).any() and (winner != k).any():
            lead = p[:, :, k] - np.delete(p, k, 2).max(2)
            axes.contour(u, v, lead, [0], colors="black", linewidths=1.2)


def probabilities(outputs: Array) -> Array:
    """Outputs (..., C) that are positive and add up to 1 as they are, all others through softmax.

    Example:
        >>> from nnx.plot.classification import probabilities
        >>> probabilities(np.array([0.0, 0.0]))
        array([0.5, 0.5])
    """
    if (outputs >= 0).all() and np.allclose(outputs.sum(-1), 1, atol=1e-3):
        return outputs
    exponential = np.exp(outputs - outputs.max(-1, keepdims=True))
    normed: Array = exponential / exponential.sum(-1, keepdims=True)
    return normed


def _samples(
    axes: Any,
    points: Array,
    labels: Array | None,
    names: Sequence[str] | None,
    classes: int,
) -> None:
    size = 40 if len(points) <= 300 else 18
    common = {"s": size, "edgecolors": "white", "linewidths": 0.7, "zorder": 3}
    if labels is None:
        axes.scatter(*points.T, color=PALETTE[6], marker="o", **common)
        return
    found = np.unique(labels)
    for k, value in enumerate(found):
        whole = float(value).is_integer() and 0 <= value < max(classes, len(found))
        i = int(value) if whole else k
        text = names[i] if names and i < len(names) else f"class {value:g}"
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        mine = labels == value
        axes.scatter(*points[mine].T, color=colour, marker=marker, label=text, **common)
    options = {"frameon": True, "framealpha": 0.85, "loc": "best"}
    legend(axes, **options)
