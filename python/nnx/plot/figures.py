"""The figures of `nnx.plot`: each draws on axes it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnx._errors import describe, fail
from nnx._nnx import ShapeError
from nnx._optional import need

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure of so many inches that needs no display.

    Raises: MissingPackageError without matplotlib.

    Example:
        >>> figure = nnx.plot.new_figure(4, 3)  # doctest: +SKIP
    """
    figure = need("matplotlib", "plot", "matplotlib.figure")
    return figure.Figure(figsize=(width, height), layout="constrained")


def curves(history: Mapping[str, Sequence[float]], name: str, axes: Any) -> None:
    """A figure of the history against the epoch, with its validation twin.

    Args: name: such as "loss"; "val_" + name is drawn dashed where it is there.

    Example:
        >>> nnx.plot.curves({"loss": [1.0, 0.5]}, "loss", axes)  # doctest: +SKIP
    """
    for key, label, style, colour in (
        (name, "training", "o-", PALETTE[0]),
        ("val_" + name, "validation", "s--", PALETTE[1]),
    ):
        if key in history:
            epochs = np.arange(1, len(history[key]) + 1)
            axes.plot(epochs, history[key], style, color=colour, label=label, markersize=5)
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def confusion(matrix: Any, axes: Any, names: Sequence[str] | None = None) -> None:
    """A confusion matrix with its numbers; the shade is the share of the row's class,
    drawn so that a share of 1 % can be seen.

    Args: matrix: (C, C) counts, row the true class, column the predicted one.

    Example:
        >>> nnx.plot.confusion([[5, 1], [0, 6]], axes)  # doctest: +SKIP
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        rule = "the matrix must be square"
        raise fail(ShapeError, "confusion", rule, describe(counts, "matrix"))
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(share**0.4, cmap="Blues", vmin=0, vmax=1.1)
    classes = list(names) if names else [str(i) for i in range(len(counts))]
    axes.set_xticks(range(len(counts)), classes)
    axes.set_yticks(range(len(counts)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            if n:
                colour = "white" if share[i, j] > 0.25 else "black"
                axes.text(j, i, str(n), ha="center", va="center", fontsize=8, color=colour)


def images(pictures: Any, titles: Sequence[str], axes: Sequence[Any]) -> None:
    """Grey images, dark on light, one to each of the axes.

    Args: pictures: (N, H, W) from 0 to 1.

    Example:
        >>> nnx.plot.images(test.images[:2], ["7", "2"], axes)  # doctest: +SKIP
    """
    for ax in axes:
        ax.set_axis_off()
    for picture, title, ax in zip(np.asarray(pictures), titles, axes, strict=False):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(title, fontsize=9)
