"""Figures of a training run: curves by epoch, and the search for a learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.plot.style import GREY, PALETTE, Array, array, legend, own_axes, same_length

# Parts of names of figures of which more is better; of all others less is.
_HIGHER = ("acc", "precision", "recall", "f1", "auc", "r2", "top", "score")


def curves(
    history: Any,
    name: str = "loss",
    axes: Any = None,
    *,
    mark: bool = True,
    log: bool | None = None,
) -> Any:
    """A figure of the history against the epoch, with its validation twin.

    Args:
        history: what `fit` returned, or any mapping of names to numbers, one for each epoch.
        name: such as "loss"; "val_" + name is drawn dashed where it is there.
        axes: where to draw; a new figure unless given.
        mark: whether the epoch at which over-training starts is marked: that of the best
            validation figure, if it did not get better in at least the last tenth of the run (two
            epochs at least) while the training figure did.
        log: whether the vertical axis is logarithmic; by default where the numbers are positive
            and span more than two decades.

    Returns: the axes.
    Raises: ArgumentError for a name that is not in the history.

    Example:
        >>> history = {"loss": [1.0, 0.5, 0.3], "val_loss": [1.0, 0.6, 0.5]}
        >>> axes = nnx.plot.curves(history, "loss")  # doctest: +SKIP
    """
    history = getattr(history, "history", history)
    if not isinstance(history, Mapping):
        rule = "the history must be what fit returns, a mapping of names to numbers"
        raise fail(DTypeError, "curves", rule, describe(history, "history"))
    keys = [key for key in (name, "val_" + name) if key in history]
    if not keys:
        rule = f"the history has no figure {name!r}"
        there = ", ".join(repr(k) for k in history) or "nothing: no epoch has ended"
        raise fail(ArgumentError, "curves", rule, f"name = {name!r}; it has {there}")
    axes = own_axes(axes)
    drawn = []
    for key in keys:
        validation = key != name
        values = array("curves", key, history[key], 1).astype(float)
        drawn.append(values)
        epochs = np.arange(1, len(values) + 1)
        axes.plot(
            epochs,
            values,
            "--" if validation else "-",
            marker=("s" if validation else "o") if len(values) <= 50 else None,
            color=PALETTE[validation],
            label="validation" if validation else "training",
            markersize=5,
            linewidth=2,
        )
    start = overtraining(history, name) if mark else None
    if start is not None:
        end = max(map(len, drawn))
        axes.axvspan(start, end, color=GREY, alpha=0.15, linewidth=0)
        label = f"best epoch: {start}, then over-training"
        axes.axvline(start, color=GREY, linestyle=":", linewidth=2, label=label)
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if log is None:
        log = bool(values.size and values.min() > 0 and values.max() > 100 * values.min())
    if log:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name.replace("_", " "))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    legend(axes)
    return axes


def overtraining(history: Mapping[str, Sequence[float]], name: str = "loss") -> int | None:
    """The epoch (from 1) after which a network only learnt its training samples by heart.

    It is that of the best validation figure, if in at least the last tenth of the run (two epochs
    at least) that figure did not get better while the training figure did, and ended worse by more
    than it jumps from epoch to epoch; else None. Of names with "acc", "auc", "f1" and the like more
    is better, of all others less.

    Example:
        >>> run = {"loss": [1.0, 0.6, 0.4, 0.2], "val_loss": [1.0, 0.7, 0.8, 0.9]}
        >>> nnx.plot.overtraining(run)
        2
    """
    if name not in history or "val_" + name not in history:
        return None
    sign = -1.0 if any(part in name.lower() for part in _HIGHER) else 1.0
    training = sign * np.asarray(history[name], float)
    validation = sign * np.asarray(history["val_" + name], float)
    n = min(len(training), len(validation))
    if not n or np.isnan(validation[:n]).all():
        return None
    best = int(np.nanargmin(validation[:n]))
    tail = max(2, n // 10)
    if n - 1 - best < tail:
        return None
    # Second differences show the jumps and not the rise; 1.65 of their size is one deviation.
    jumps = np.abs(np.diff(validation[best:n], 2))
    noise = 2 * float(np.nanmedian(jumps)) if len(jumps) > 1 else 0.0
    if not np.nanmean(validation[n - tail : n]) > validation[best] + noise:
        return None
    after = training[best + 1 : n]
    return best + 1 if (after[np.isfinite(after)] < training[best]).any() else None


def learning_rates(
    rates: Any,
    losses: Any,
    suggestion: float | None = None,
    axes: Any = None,
    *,
    smooth: float = 0.9,
) -> Any:
    """The loss against the learning rate, of a run in which the rate grew step by step.

    Args:
        rates, losses: (T,) each, one for each step.
        suggestion: a rate to mark.
        smooth: the losses are also drawn as their exponential mean with this factor; 0 for the
            losses alone.

    Returns: the axes.
    Source: Smith, arXiv:1506.01186.

    Example:
        >>> axes = nnx.plot.learning_rates([1e-3, 1e-2, 1e-1], [2.0, 1.0, 5.0])  # doctest: +SKIP
    """
    op = "learning_rates"
    x, y = array(op, "rates", rates, 1), array(op, "losses", losses, 1)
    same_length(op, "rates", x, "losses", y)
    if not (x > 0).all():
        raise fail(ArgumentError, op, "every rate must be positive", describe(rates, "rates"))
    smooth = _check.real(op, "smooth", smooth, 0, 1, open_high=True)
    axes = own_axes(axes)
    if smooth:
        axes.plot(x, y, color=PALETTE[5], linewidth=1, alpha=0.8, label="each step")
        axes.plot(x, _smoothed(y, smooth), color=PALETTE[0], linewidth=2.5, label="smoothed")
    else:
        axes.plot(x, y, color=PALETTE[0], linewidth=2, label="each step")
    axes.set_xscale("log")
    if suggestion is not None:
        rate = _check.real(op, "suggestion", suggestion, 0)
        label = f"suggestion: {rate:.2g}"
        axes.axvline(rate, color=PALETTE[1], linestyle="--", linewidth=2, label=label)
    # The loss explodes at the end: what matters lies below its value at the start.
    finite = y[np.isfinite(y)]
    if finite.size:
        low, start = float(finite.min()), float(np.median(finite[: max(1, len(finite) // 10)]))
        span = max(start - low, 1e-3 * abs(start), 1e-12)
        axes.set_ylim(low - 0.2 * span, min(float(finite.max()), start + span) + 0.1 * span)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    legend(axes)
    return axes


def _smoothed(values: Array, factor: float) -> Array:
    """The exponential mean, corrected for its start as Adam's moments are."""
    out = np.empty(len(values))
    mean = 0.0
    for i, value in enumerate(values):
        mean = factor * mean + (1 - factor) * float(value)
        out[i] = mean / (1 - factor ** (i + 1))
    return out
