"""A function of one or two parameters as a landscape, and the ways optimisers take through it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Error, ShapeError, asarray, no_grad
from nnx._optional import need
from nnx.plot.style import (
    MARKERS,
    PALETTE,
    Array,
    array,
    grid,
    legend,
    letters,
    own_axes,
)

_STYLES = ("-", "--", "-.", ":")
# On dark and on light ground alike: light colours with a dark edge.
_LINES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
_PATHS = ("#E69F00", "#FFFFFF", "#56B4E9", "#CC79A7", "#D55E00", "#009E73")


def landscape(
    f: Callable[..., Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float] | None = None,
    axes: Any = None,
    *,
    path: Any = None,
    minimum: Any = None,
    labels: Sequence[str] | None = None,
    levels: int = 25,
    log: bool | None = None,
    resolution: int | None = None,
) -> Any:
    """Contours of a loss over two parameters, or its curve over one, with an optimiser's path.

    Args:
        f: of two numbers f(a, b), or of a vector f(p) with p[0], p[1]; with one parameter of one
            number. It is given float64 tensors: whole grids where it computes elementwise, else
            point by point.
        x_range, y_range: what part is drawn; without y_range, f has one parameter.
        axes: where to draw; a new figure unless given.
        path: (T, 2) points, in one dimension (T,); or a dict of them by name.
        minimum: a point to mark.
        labels: of the axes; "$\\theta_1$" and "$\\theta_2$" unless given.
        levels: number of contours.
        log: whether contours are logarithmic, denser near the minimum; by default where a tenth of
            the area lies below 2 % of the height.
        resolution: points along each axis; 121 in the plane, 400 on the line.

    Returns: the axes.
    Raises: ShapeError for paths of another shape, ArgumentError for an empty range.

    Example:
        >>> f = lambda a, b: a**2 + 10 * b**2
        >>> axes = nnx.plot.landscape(f, (-2, 2), (-1, 1), path=[[2, 1], [1, 0]])  # doctest: +SKIP
    """
    op = "landscape"
    _range(op, "x_range", x_range)
    if not callable(f):
        raise fail(DTypeError, op, "f must be a function", describe(f, "f"))
    flat = y_range is None
    paths = _paths(op, path, 1 if flat else 2)
    n = _check.integer(op, "resolution", resolution or (400 if flat else 121), 2)
    x = np.linspace(float(x_range[0]), float(x_range[1]), n)
    theta = ("$\\theta$", "loss") if flat else ("$\\theta_1$", "$\\theta_2$")
    names = theta if labels is None else tuple(labels)
    if y_range is None:
        values = _values(op, f, [x])
        axes = own_axes(axes)
        axes.plot(x, values, color=PALETTE[6], linewidth=2)
        for k, (name, points) in enumerate(paths.items()):
            heights = _values(op, f, [points[:, 0]])
            options = _path_options(k, len(paths), name, _LINES[k % len(_LINES)], len(points))
            options.update(markersize=7, linewidth=1.3)  # the dots tell the path from the curve
            axes.plot(points[:, 0], heights, **options)
        if minimum is not None:
            place = array(op, "minimum", minimum).reshape(-1)[:1].astype(float)
            _star(axes, place, _values(op, f, [place]))
        axes.grid(alpha=0.3)
    else:
        _range(op, "y_range", y_range)
        y = np.linspace(float(y_range[0]), float(y_range[1]), n + 2)
        values = _values(op, f, list(np.meshgrid(x, y)))
        axes = own_axes(axes, 6.8, 5.2)
        _contours(axes, x, y, values, _check.integer(op, "levels", levels, 2), log)
        for k, (name, points) in enumerate(paths.items()):
            options = _path_options(k, len(paths), name, _PATHS[k % len(_PATHS)], len(points))
            axes.plot(*points.T, **options, path_effects=_edge())
            start = {"color": _PATHS[k % len(_PATHS)], "markeredgecolor": "black", "zorder": 5}
            axes.plot(*points[0], marker="o", markersize=9, **start)
        if minimum is not None:
            place = array(op, "minimum", minimum, 1).astype(float)
            _star(axes, place[:1], place[1:2])
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1] if len(names) > 1 else theta[1])
    if (paths and list(paths) != [""]) or minimum is not None:
        options = {"frameon": False} if flat else {"frameon": True, "framealpha": 0.75}
        if not flat:
            options["facecolor"] = "#BBBBBB"
        legend(axes, **options)
    return axes


def animate(
    f: Callable[..., Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float] | None = None,
    *,
    path: Any,
    frames: int = 60,
    interval: int = 80,
    title: str = "step {step}",
    **options: Any,
) -> Any:
    """The path of an optimiser through the landscape as an animation.

    Args:
        f, x_range, y_range, path, **options: as `landscape` takes them; all paths move together.
        frames: at most so many pictures; a longer path is thinned out evenly.
        interval: milliseconds between two pictures.
        title: with the number of the step for {step}.

    Returns: a matplotlib animation: a notebook shows it with controls, `.to_jshtml()` gives the
        HTML text, `.save("path.gif", writer="pillow")` a file.

    Example:
        >>> film = nnx.plot.animate(f, (-2, 2), (-1, 1), path=points)  # doctest: +SKIP
    """
    op = "animate"
    animation: Any = need("matplotlib", "plot", "matplotlib.animation")
    flat = y_range is None
    paths = _paths(op, path, 1 if flat else 2)
    if not paths:
        raise fail(ArgumentError, op, "there must be a path", describe(path, "path"))
    frames = _check.integer(op, "frames", frames, 1)
    interval = _check.integer(op, "interval", interval, 1)
    figure, (axes, *_) = grid(1, 1, 6.4, 4.9, hidden=True)
    figure.set_dpi(80)
    before = 1 if flat else 0  # the curve itself is a line too
    landscape(f, x_range, y_range, axes, path=paths, **options)
    lines = axes.lines[before : before + len(paths) * (1 if flat else 2) : 1 if flat else 2]
    data = [np.array(line.get_xydata()) for line in lines]
    longest = max(map(len, data))
    steps = np.unique(np.linspace(0, longest - 1, min(frames, longest)).round().astype(int))
    heads = [
        axes.plot([], [], marker=MARKERS[0], markersize=9, color=line.get_color(), zorder=6)[0]
        for line in lines
    ]
    for head in heads:
        head.set_markeredgecolor("black")
    heading = axes.set_title(title.format(step=longest - 1))

    def draw(frame: int) -> list[Any]:
        step = int(steps[frame])
        for line, head, points in zip(lines, heads, data, strict=True):
            line.set_data(*points[: step + 1].T)
            head.set_data(*points[min(step, len(points) - 1)][:, None])
        heading.set_text(title.format(step=step))
        return [*lines, *heads, heading]

    base: Any = animation.FuncAnimation

    class Animation(base):  # type: ignore[misc]
        """An animation that a notebook shows when it is the value of a cell."""

        def _repr_html_(self) -> str:
            return str(self.to_jshtml())

    return Animation(figure, draw, frames=len(steps), interval=interval, blit=False)


# --- the function ---------------------------------------------------------------------------------
def _values(op: str, f: Callable[..., Any], coordinates: list[Array]) -> Array:
    """f at many points: all at once where that gives the same as one by one."""
    call = _caller(f, len(coordinates))
    points = np.stack([c.reshape(-1) for c in coordinates], 1)
    with no_grad():
        probes = [0, len(points) // 2, len(points) - 1]
        known = [_number(op, call(list(points[i]))) for i in probes]
        try:
            whole = np.asarray(call(coordinates), dtype=np.float64)
        except (TypeError, ValueError, IndexError, ArithmeticError, Error):
            whole = np.empty(0)
        if whole.shape == coordinates[0].shape:
            found = whole.reshape(-1)[probes]
            if np.allclose(found, known, rtol=1e-9, equal_nan=True):
                return whole
        each = [_number(op, call(list(point))) for point in points]
    return np.array(each).reshape(coordinates[0].shape)


def _caller(f: Callable[..., Any], dimensions: int) -> Callable[[list[Any]], Any]:
    """Calls f with separate numbers or with one vector, whichever it takes."""
    separate = True
    if dimensions > 1:
        try:
            parameters = inspect.signature(f).parameters.values()
            needed = [p for p in parameters if p.default is p.empty or p.kind is p.VAR_POSITIONAL]
            several = any(p.kind is p.VAR_POSITIONAL for p in needed)
            separate = several or len(needed) >= dimensions
        except (TypeError, ValueError):
            separate = True

    def call(coordinates: list[Any]) -> Any:
        tensors = [asarray(np.asarray(c, dtype=np.float64)) for c in coordinates]
        if separate:
            return f(*tensors)
        return f(asarray(np.stack([np.asarray(t) for t in tensors])))

    return call


def _number(op: str, value: Any) -> float:
    found = np.asarray(value, dtype=np.float64)
    if found.size != 1:
        raise fail(ShapeError, op, "f must give one number", describe(found, "f"))
    return float(found.reshape(()))


def _range(op: str, name: str, value: Any) -> None:
    if not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        rule = f"{name} must be two numbers, its ends"
        raise fail(DTypeError, op, rule, describe(value, name))
    low, high = (_check.real(op, name, v) for v in value)
    if not low < high:
        raise fail(ArgumentError, op, f"{name} must grow", describe(value, name))


def _paths(op: str, path: Any, dimensions: int) -> dict[str, Array]:
    if path is None:
        return {}
    named = path if isinstance(path, Mapping) else {"": path}
    found = {}
    for name, points in named.items():
        if isinstance(points, list | tuple):
            points = [np.asarray(_plain(p)) for p in points]
        values = array(op, "path", points, 1, 2).astype(float)
        if dimensions == 1:
            values = values.reshape(len(values), -1)
        if values.ndim != 2 or values.shape[1] != dimensions or not len(values):
            shape = "(T,)" if dimensions == 1 else "(T, 2)"
            raise fail(ShapeError, op, f"a path must be {shape}", describe(values, "path"))
        found[str(name)] = values
    return found


def _plain(value: Any) -> Any:
    return value.detach() if hasattr(value, "detach") else value


# --- drawing --------------------------------------------------------------------------------------
def _path_options(k: int, count: int, name: str, colour: str, length: int) -> dict[str, Any]:
    options = {
        "color": colour,
        "linestyle": _STYLES[k % len(_STYLES)],
        "linewidth": 2,
        "marker": MARKERS[k % len(MARKERS)],
        "markersize": 4,
        "markeredgewidth": 0,
        "markevery": max(1, length // 30),
        "zorder": 4,
    }
    if name or count > 1:
        options["label"] = name
    return options


def _edge() -> list[Any]:
    effects = need("matplotlib", "plot", "matplotlib.patheffects")
    return [effects.withStroke(linewidth=3.2, foreground="black")]


def _star(axes: Any, x: Array, y: Array) -> None:
    options = {"markersize": 16, "color": PALETTE[4], "markeredgecolor": "black", "zorder": 6}
    axes.plot(x, y, "*", linestyle="none", label="minimum", **options)


def _contours(axes: Any, x: Array, y: Array, values: Array, levels: int, log: bool | None) -> None:
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise fail(ArgumentError, "landscape", "f is finite nowhere in the range")
    low, high = float(finite.min()), float(finite.max())
    if high <= low:
        high = low + 1
    if log is None:
        # A bowl has a tenth of its area below a tenth of its height; a canyon lies far lower.
        log = bool(np.quantile(finite, 0.1) - low < 0.02 * (high - low))
    if log:
        # Distances above the minimum in equal ratios, over four decades at most.
        heights = low + np.geomspace(1e-4, 1, levels + 1) * (high - low)
        colour = np.log10(np.maximum(values - low, 1e-4 * (high - low)))
        edges = np.log10(np.maximum(heights - low, 1e-4 * (high - low)))
        shades = axes.contourf(x, y, colour, edges, cmap="viridis", extend="min")
        axes.contour(x, y, colour, edges[1:-1], colors="white", linewidths=0.5, alpha=0.5)
        ticks = np.arange(np.ceil(edges[0]), np.floor(edges[-1]) + 1)
        bar = axes.figure.colorbar(shades, ax=axes, ticks=ticks)
        bar.ax.set_yticklabels([f"$10^{{{int(t)}}}$" for t in ticks])
        base = "loss" if abs(low) < 1e-3 * (high - low) else f"loss − {low:.3g}"
        bar.set_label(base, fontsize=letters(axes))
    else:
        edges = np.linspace(low, high, levels + 1)
        shades = axes.contourf(x, y, values, edges, cmap="viridis")
        axes.contour(x, y, values, edges[1:-1], colors="white", linewidths=0.5, alpha=0.5)
        bar = axes.figure.colorbar(shades, ax=axes)
        bar.set_label("loss", fontsize=letters(axes))
        bar.ax.yaxis.get_major_locator().set_params(nbins=6)
    bar.ax.tick_params(labelsize=letters(axes, 2))
