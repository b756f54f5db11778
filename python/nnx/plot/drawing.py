"""A network as a drawing: columns of neurons and the lines between them, as SVG of our own."""

from __future__ import annotations

import html
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, float64
from nnx.io import replace_file
from nnx.nn.module import Module
from nnx.plot.style import PALETTE, Array, names_for

_RADIUS = 12.0
_STEP = 34.0  # between neurons of a column
_TOP = 64.0  # room for the names of the layers
_BOTTOM = 30.0
_FONT = "font-family='DejaVu Sans, Verdana, Helvetica, sans-serif'"
_FILLS = ("#FFF3D6", "#E3F1FA", "#DDF3EC")  # inputs, hidden, outputs
_INK, _FAINT = "#222222", "#9A9A9A"


class NetworkDrawing:
    """What `nnx.plot.network` returns: a notebook shows it, `save` writes it, `svg` is its text.

    Example:
        >>> drawing = nnx.plot.network([2, 3, 1])
        >>> drawing
        NetworkDrawing(2-3-1)
        >>> drawing.svg[:4]
        '<svg'
    """

    def __init__(self, svg: str, name: str) -> None:
        self.svg = svg
        self.name = name

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"NetworkDrawing({self.name})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the drawing to an .svg file; a file that is there is replaced in one step.

        Raises: ArgumentError for another ending, FileError where the folder cannot be written to.

        Example:
            >>> nnx.plot.network([2, 3, 1]).save("network.svg")
        """
        place = os.fspath(path)
        if not place.lower().endswith(".svg"):
            rule = "the file must end in .svg"
            hint = "a browser or rsvg-convert turns it into PNG or PDF"
            raise fail(ArgumentError, "save", rule, describe(place, "path"), hint)

        def write(temporary: str) -> None:
            Path(temporary).write_text(self.svg, "utf-8")

        replace_file("save", place, write)


@dataclass
class _Column:
    """A layer of neurons, or a box for a layer that is none."""

    title: str
    size: int = 0  # 0: a box
    notes: list[str] = field(default_factory=list)
    weight: Array | None = None  # from the column before: (size, size before)
    labels: list[str] | None = None
    box: str = ""  # what stands in the box
    x: float = 0.0
    places: list[tuple[int, float]] = field(default_factory=list)  # (neuron, y) of those drawn

    @property
    def half_width(self) -> float:
        """Of its title and notes; letters are at most so wide on average."""
        return max(5.1 * len(self.title), *(4.4 * len(note) for note in [*self.notes, ""]))

    @property
    def margin(self) -> float:
        """From the middle of the first or last column to the edge, with the names beside it."""
        names = 8.8 * max(map(len, self.labels)) + _RADIUS + 14 if self.labels else 0.0
        return max(70.0, self.half_width + 8, names)

    @property
    def elided(self) -> bool:
        return len(self.places) < self.size


def network(
    model: Module | Sequence[int],
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    max_neurons: int = 10,
    weights: bool | None = None,
) -> NetworkDrawing:
    """Draws a network as columns of neurons, without any other program.

    Args:
        model: a Module whose layers are used in the order in which they are defined; or a list of
            sizes, [784, 16, 10].
        inputs, outputs: names of the input and output neurons.
        max_neurons: a wider layer is drawn with its first and last neurons, and dots.
        weights: whether lines show the weights: blue positive, vermilion negative, the wider the
            larger within their layer. By default where no layer is cut short.

    Under each column stand its size, its activation and what else follows it (dropout, norms).
    Layers that are no Dense are boxes. Skipped connections are not seen and not drawn.

    Returns: a `NetworkDrawing`.
    Raises: ArgumentError for a model without layers that have weights.

    Example:
        >>> model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1))
        >>> nnx.plot.network(model, inputs=["x", "y"])
        NetworkDrawing(2-3-1)
    """
    op = "network"
    limit = _check.integer(op, "max_neurons", max_neurons, 3)
    columns = _from_module(op, model) if isinstance(model, Module) else _from_sizes(op, model)
    for names, column, what in ((inputs, columns[0], "inputs"), (outputs, columns[-1], "outputs")):
        if names is not None:
            column.labels = names_for(op, names, column.size, what)
    _place(columns, limit)
    if weights is None:
        weights = not any(column.elided for column in columns)
    name = "-".join(str(c.size) if c.size else c.title for c in columns)
    return NetworkDrawing(_svg(columns, weights, name), name)


# --- from a model -----------------------------------------------------------------------------
def _from_sizes(op: str, sizes: Any) -> list[_Column]:
    if isinstance(sizes, str | type) or not isinstance(sizes, Sequence | np.ndarray):
        rule = "the model must be a Module or a list of sizes"
        raise fail(DTypeError, op, rule, describe(sizes, "model"))
    counts = [_check.integer(op, "a size", n, 1) for n in sizes]
    if len(counts) < 2:
        rule = "a network has at least an input and an output layer"
        raise fail(ArgumentError, op, rule, describe(sizes, "sizes"))
    titles = ["input", *(f"hidden {i}" for i in range(1, len(counts) - 1)), "output"]
    return [_Column(title, n) for title, n in zip(titles, counts, strict=True)]


def _from_module(op: str, model: Module) -> list[_Column]:
    columns: list[_Column] = []
    before: list[str] = []  # what precedes the first layer with weights
    for name, module in model.named_modules():
        if any(True for _ in module.children()):
            continue
        kind = type(module).__name__
        weight = getattr(module, "weight", None)
        matrices = any(p.ndim > 1 for p in module.parameters(recurse=False))
        size_in = getattr(module, "in_features", None)
        size_out = getattr(module, "out_features", None)
        if isinstance(size_in, int) and isinstance(size_out, int) and weight is not None:
            if not columns:
                columns.append(_Column("input", size_in, before))
            values = np.asarray(weight.detach().cpu().to(float64))
            fits = values.shape == (size_out, size_in) and columns[-1].size == size_in
            column = _Column(_titled(name, kind), size_out, weight=values if fits else None)
            activation = getattr(module, "activation", None)
            column.notes += [str(activation)] if activation else []
            columns.append(column)
        elif matrices:
            columns.append(_Column(_titled(name, kind), 0, before, box=_sizes_text(module)))
            before = []
        else:
            note = f"Dropout {module.p:g}" if hasattr(module, "p") and kind == "Dropout" else kind
            (columns[-1].notes if columns else before).append(note)
    if not columns:
        rule = "there must be a layer with weights"
        raise fail(ArgumentError, op, rule, describe(model, "model"))
    # The numbers in a Sequential say less than a layer's place in the network.
    if columns[0].size and all(c.size and c.title[0].isdigit() for c in columns[1:]):
        for column, named in zip(columns, _from_sizes(op, [c.size for c in columns]), strict=True):
            column.title = named.title
    return columns


def _titled(name: str, kind: str) -> str:
    return f"{name} ({kind})" if name else kind


def _sizes_text(module: Module) -> str:
    shapes = [tuple(p.shape) for p in module.parameters(recurse=False) if p.ndim > 1]
    return "×".join(map(str, shapes[0]))


# --- drawing ----------------------------------------------------------------------------------
def _place(columns: list[_Column], limit: int) -> None:
    tallest = max([min(c.size, limit) + (c.size > limit) for c in columns if c.size] or [3])
    middle = _TOP + _RADIUS + (tallest - 1) * _STEP / 2
    x = columns[0].margin
    for i, column in enumerate(columns):
        if i:
            x += max(150.0, column.half_width + columns[i - 1].half_width + 12)
        column.x = x
        shown = min(column.size, limit)
        head = (shown + 1) // 2 if column.size > limit else shown
        rows = shown + (column.size > limit)
        top = middle - (rows - 1) * _STEP / 2
        for row in range(rows if column.size else 0):
            if column.size > limit and row == head:
                continue  # the dots
            neuron = row if row < head else column.size - rows + row
            column.places.append((neuron, top + row * _STEP))
        if not column.size:
            column.places = [(0, middle)]


def _svg(columns: list[_Column], weights: bool, name: str) -> str:
    ys = [y for column in columns for _, y in column.places]
    low = max(ys) + _RADIUS
    notes = max(len(column.notes) for column in columns)
    legend = weights and any(c.weight is not None for c in columns)
    width = columns[-1].x + columns[-1].margin
    height = low + _BOTTOM + 18 * (notes + 1) + (34 if legend else 4)
    if legend and width < 400:  # the legend is wider: the network goes to the middle
        for column in columns:
            column.x += (400 - width) / 2
        width = 400.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" style="max-width:100%;height:auto" role="img">',
        f"<title>Network {html.escape(name)}</title>",
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
    ]
    for a, b in itertools.pairwise(columns):
        parts += _edges(a, b, weights)
    for i, column in enumerate(columns):
        fill = _FILLS[2 if i == len(columns) - 1 else 0 if column.size and not i else 1]
        parts += _neurons(column, fill, first=not i) if column.size else _box(column, fill)
        parts.append(_text(column.x, 30, column.title, 15, weight="bold"))
        y = low + _BOTTOM
        if column.size:
            unit = "neuron" if column.size == 1 else "neurons"
            unit = ("input" if column.size == 1 else "inputs") if not i else unit
            parts.append(_text(column.x, y, f"{column.size:,} {unit}", 14))
        for j, note in enumerate(column.notes):
            parts.append(_text(column.x, y + 18 * (j + 1), note, 14, colour=PALETTE[0]))
    if legend:
        parts += _legend(width / 2, height - 16)
    return "\n".join([*parts, "</svg>"])


def _edges(a: _Column, b: _Column, weights: bool) -> list[str]:
    matrix = b.weight if weights else None
    if not a.size or not b.size:
        # To and from a box go a few lines, as many as the neurons drawn.
        ends = [(ya, yb) for _, ya in a.places for _, yb in b.places]
        x1 = a.x if a.size else a.x + 48
        x2 = b.x if b.size else b.x - 48
        return [_line(x1, y1, x2, y2, _FAINT, 1.2, 0.7) for y1, y2 in ends]
    largest = float(np.abs(matrix).max()) if matrix is not None and matrix.size else 0.0
    many = len(a.places) * len(b.places)
    lines = []
    for j, yb in b.places:
        for i, ya in a.places:
            if matrix is None or not np.isfinite(largest):
                lines.append(
                    (0.0, _line(a.x, ya, b.x, yb, _FAINT, 1.0, 0.75 if many < 60 else 0.5))
                )
                continue
            share = abs(float(matrix[j, i])) / largest if largest else 0.0
            colour = PALETTE[0] if matrix[j, i] >= 0 else PALETTE[1]
            lines.append(
                (share, _line(a.x, ya, b.x, yb, colour, 0.4 + 4 * share, 0.25 + 0.7 * share))
            )
    return [line for _, line in sorted(lines, key=lambda entry: entry[0])]  # the widest on top


def _neurons(column: _Column, fill: str, first: bool) -> list[str]:
    parts = []
    for neuron, y in column.places:
        parts.append(
            f'<circle cx="{column.x:g}" cy="{y:g}" r="{_RADIUS:g}" fill="{fill}" '
            f'stroke="{_INK}" stroke-width="1.5"/>'
        )
        if column.labels:
            side = -_RADIUS - 7 if first else _RADIUS + 7
            anchor = "end" if first else "start"
            label = column.labels[neuron]
            parts.append(_text(column.x + side, y + 5, label, 14, anchor=anchor))
    if column.elided:
        ys = [y for _, y in column.places]
        gap = next(a for a, b in itertools.pairwise(ys) if b - a > 1.5 * _STEP)
        for k in (-8, 0, 8):
            parts.append(
                f'<circle cx="{column.x:g}" cy="{gap + _STEP + k:g}" r="2.2" fill="{_INK}"/>'
            )
    return parts


def _box(column: _Column, fill: str) -> list[str]:
    y = column.places[0][1]
    return [
        f'<rect x="{column.x - 48:g}" y="{y - 40:g}" width="96" height="80" rx="10" '
        f'fill="{fill}" stroke="{_INK}" stroke-width="1.5"/>',
        _text(column.x, y + 5, column.box, 13),
    ]


def _legend(x: float, y: float) -> list[str]:
    parts = []
    for left, colour, text in ((-185, PALETTE[0], "positive"), (-60, PALETTE[1], "negative")):
        parts.append(_line(x + left, y - 5, x + left + 30, y - 5, colour, 4, 0.95))
        parts.append(_text(x + left + 36, y, text, 13, anchor="start"))
    return [*parts, _text(x + 65, y, "width: |weight|", 13, anchor="start")]


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: float, opacity: float
) -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:.4g}" x2="{x2:g}" y2="{y2:.4g}" stroke="{colour}" '
        f'stroke-width="{width:.3g}" stroke-opacity="{opacity:.3g}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    *,
    anchor: str = "middle",
    weight: str = "normal",
    colour: str = _INK,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}" {_FONT}>{html.escape(text)}</text>'
    )
