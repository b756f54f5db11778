"""Figures of an anomaly detector: scores of what is normal and of what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError
from nnx.plot.style import PALETTE, array, legend, names_for, own_axes


def anomaly_scores(
    normal: Any,
    anomalous: Any = None,
    threshold: float | None = None,
    axes: Any = None,
    *,
    quantile: float = 0.95,
    bins: int | None = None,
    names: Sequence[str] = ("normal", "anomalous"),
    log: bool | None = None,
) -> Any:
    """Histograms of the scores of normal and anomalous samples, and the threshold between them.

    The legend says which share of each lies above the threshold: false alarms, and anomalies that
    are found.

    Args:
        normal: (N,) scores of normal samples, such as their reconstruction errors; larger is
            more anomalous.
        anomalous: (M,) scores of anomalies, where there are any.
        threshold: above it a sample counts as anomalous; the quantile of the normal scores unless
            given.
        axes: where to draw; a new figure unless given.
        quantile: of the normal scores.
        bins: of the histograms.
        names: of the two.
        log: whether the scores are on a logarithmic axis; by default where they are positive and
            their medians differ tenfold, or all but the outermost hundredths span more than three
            decades.

    Returns: the axes.
    Raises: ShapeError for no scores, ArgumentError for scores that are not finite.

    Example:
        >>> axes = nnx.plot.anomaly_scores([0.1, 0.2, 0.2], [0.9, 0.5])  # doctest: +SKIP
    """
    op = "anomaly_scores"
    given = [("normal", normal)] + ([] if anomalous is None else [("anomalous", anomalous)])
    groups = []
    for name, values in given:
        scores = array(op, name, values, 1, 2).astype(float).reshape(-1)
        if not scores.size:
            raise fail(
                ShapeError, op, f"{name} must have at least one score", describe(scores, name)
            )
        if not np.isfinite(scores).all():
            raise fail(ArgumentError, op, "every score must be finite", describe(scores, name))
        groups.append(scores)
    texts = names_for(op, list(names)[: len(groups)], len(groups))
    share = _check.real(op, "quantile", quantile, 0, 1)
    cut = float(np.quantile(groups[0], share))
    if threshold is not None:
        cut = _check.real(op, "threshold", threshold)
    everything = np.concatenate(groups)
    low, high = float(everything.min()), float(everything.max())
    if log is None:
        medians = [float(np.median(scores)) for scores in groups]
        inner = np.quantile(everything, [0.01, 0.99])
        log = low > 0 and bool(inner[1] > 1000 * inner[0] or max(medians) > 10 * min(medians))
    if log and low <= 0:
        rule = "scores on a logarithmic axis must be positive"
        raise fail(ArgumentError, op, rule, f"the least is {low:g}", "leave log out")
    many = _check.integer(op, "bins", bins or min(60, max(10, int(2 * len(everything) ** 0.5))), 1)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.geomspace(low, high, many + 1) if log else np.linspace(low, high, many + 1)
    axes = own_axes(axes)
    for k, (scores, text) in enumerate(zip(groups, texts, strict=True)):
        counts = np.histogram(scores, edges)[0] / len(scores)
        above = float((scores > cut).mean())
        label = f"{text}: {100 * above:.3g} % above"
        options = {"color": PALETTE[k], "alpha": 0.45, "fill": True}
        axes.stairs(counts, edges, label=label, **options)
        axes.stairs(counts, edges, color=PALETTE[k], linewidth=2, linestyle=("-", "--")[k])
    source = "" if threshold is not None else f", {100 * share:g} % of {texts[0]} below"
    label = f"threshold {cut:.3g}{source}"
    axes.axvline(cut, color="black", linestyle=":", linewidth=2, label=label)
    if log:
        axes.set_xscale("log")
    axes.set_xlabel("anomaly score")
    axes.set_ylabel("share of samples")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.grid(alpha=0.3)
    legend(axes, loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")
    return axes
