"""A fitted curve with its residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError
from nnx.plot.style import (
    GREY,
    MARKERS,
    PALETTE,
    Array,
    column,
    grid,
    legend,
    predict,
    same_length,
)

_STYLES = ("-", "--", "-.", ":")


def fit(
    x: Any,
    y: Any,
    model: Any,
    axes: Any = None,
    *,
    yerr: Any = None,
    truth: Any = None,
    x_range: tuple[float, float] | None = None,
    labels: tuple[str, str] = ("x", "y"),
    resolution: int = 500,
) -> Any:
    """Data, the fitted curve, and below them the residuals: data minus curve.

    Args:
        x, y: (N,) or (N, 1) data.
        model: a Module or Trainer of (M, 1) -> (M, 1), a function of an array; or a dict of
            several by name.
        axes: two, for the curve and for the residuals; a new figure unless given.
        yerr: standard deviation of y, one number or (N,); residuals are then in units of it
            (pulls), and the legend says chi-square and number of points.
        truth: a function, drawn as a dotted line.
        x_range: where the curve is drawn, that of the data unless told; what lies beyond the data
            is shaded as extrapolation.
        labels: of the axes, with units: ("t (s)", "U (V)").
        resolution: points of the curve.

    Returns: the pair of axes.
    Raises: ShapeError for lengths that differ, ArgumentError for errors that are not positive.

    Example:
        >>> upper, lower = nnx.plot.fit(x, y, model, labels=("t (s)", "U (V)"))  # doctest: +SKIP
    """
    op = "fit"
    px, py = column(op, "x", x).astype(float), column(op, "y", y).astype(float)
    same_length(op, "x", px, "y", py)
    sigma = None if yerr is None else _errors(op, yerr, py)
    models = dict(model) if isinstance(model, Mapping) else {"fit": model}
    low, high = float(px.min()), float(px.max())
    if not low < high:
        low, high = low - 0.5, high + 0.5
    ends = (low, high)
    if x_range is not None:
        ends = tuple(_check.real(op, "x_range", v) for v in x_range)  # type: ignore[assignment]
        if not ends[0] < ends[1]:
            raise fail(ArgumentError, op, "x_range must grow", describe(x_range, "x_range"))
    line = np.linspace(*ends, _check.integer(op, "resolution", resolution, 2))
    drawn = [(str(n), _curve(op, m, line), _curve(op, m, px)) for n, m in models.items()]
    if axes is None:
        axes = grid(2, 1, 7.2, 5.6, sharex=True, height_ratios=(2.6, 1))[1]
        axes[0].tick_params(labelbottom=False)
    places = list(np.asarray(axes, dtype=object).flat)
    if len(places) != 2:
        rule = "axes must be two: for the curve and for the residuals"
        raise fail(ArgumentError, op, rule, f"{len(places)} axes")
    upper, lower = places
    many = len(px) > 200
    dots = {"linestyle": "none", "marker": "o", "markersize": 2.5 if many else 5, "zorder": 2}
    upper.errorbar(px, py, sigma, color=GREY, label="data", **dots)
    if truth is not None:
        values = _curve(op, truth, line)
        upper.plot(line, values, ":", color=PALETTE[6], linewidth=2.2, label="truth", zorder=3)
    for k, (name, values, at) in enumerate(drawn):
        colour = PALETTE[k % len(PALETTE)]
        residual = py - at
        text = name
        if sigma is not None:
            residual = residual / sigma
            square = float((residual**2).sum())
            text += f": $\\chi^2$ = {square:.1f}, {len(px)} points"
        style = _STYLES[k % len(_STYLES)]
        upper.plot(line, values, style, color=colour, linewidth=2.5, label=text, zorder=4)
        marker = {**dots, "marker": MARKERS[k % len(MARKERS)], "color": colour}
        if sigma is None:
            lower.plot(px, residual, **marker)
        else:
            lower.errorbar(px, residual, 1.0, elinewidth=1, **marker)
    lower.axhline(0, color=PALETTE[6], linewidth=1)
    edges = [(a, b) for a, b in ((ends[0], low), (high, ends[1])) if b - a > 1e-9 * (high - low)]
    for i, (a, b) in enumerate(edges):
        for ax in (upper, lower):
            label = "extrapolation" if ax is upper and not i else None
            ax.axvspan(a, b, color=GREY, alpha=0.15, linewidth=0, label=label)
    if x_range is not None:
        upper.set_xlim(*ends)
        lower.set_xlim(*ends)
    reach = 1.15 * float(np.abs(lower.get_ylim()).max())
    lower.set_ylim(-reach, reach)
    upper.set_ylabel(labels[1])
    lower.set_xlabel(labels[0])
    lower.set_ylabel("residual" if sigma is None else "residual / σ")
    for ax in (upper, lower):
        ax.grid(alpha=0.3)
    handles, texts = upper.get_legend_handles_labels()
    order = sorted(range(len(texts)), key=lambda i: texts[i] != "data")  # the data come first
    chosen = {"handles": [handles[i] for i in order], "labels": [texts[i] for i in order]}
    legend(upper, frameon=True, framealpha=0.85, **chosen)
    return upper, lower


def _curve(op: str, model: Any, x: Array) -> Array:
    """One number for each x: what a network says to a column, or a function to a line."""
    function = callable(model) and not hasattr(model, "parameters") and not hasattr(model, "fit")
    values = predict(op, model, x if function else x[:, None])
    if values.size != len(x):
        rule = "the model must give one number for each x"
        raise fail(ShapeError, op, rule, f"{len(x)} of x, output of shape {values.shape}")
    return values.reshape(-1).astype(float)


def _errors(op: str, value: Any, y: Array) -> Array:
    given = np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=float)
    given = given.reshape(-1)
    if given.size not in (1, len(y)):
        rule = "yerr must be one number, or one for each y"
        raise fail(ShapeError, op, rule, describe(given, "yerr"))
    if not (given > 0).all():
        raise fail(ArgumentError, op, "yerr must be positive", describe(value, "yerr"))
    return np.broadcast_to(given, y.shape).copy()
