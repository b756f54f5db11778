"""Figures of a network's inside: activations with derivatives, weights, gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, GradientError, ShapeError, Tensor, float64
from nnx.nn.module import Module
from nnx.plot.style import GREY, PALETTE, Array, grid, legend, letters, own_axes

_USUAL = ("Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Softplus")


def activations(
    functions: Any = None,
    limits: tuple[float, float] = (-4.0, 4.0),
    axes: Any = None,
) -> Any:
    """Each activation with its derivative, which automatic differentiation gives.

    Args:
        functions: names ("relu", "Tanh"), modules, classes or functions of a tensor, elementwise;
            or one of them. The usual eight unless given.
        limits: of x.
        axes: one for each function; a new figure unless given.

    Returns: the list of axes.
    Raises: ArgumentError for an unknown name, ShapeError for a function that is not elementwise.

    Example:
        >>> axes = nnx.plot.activations(["relu", "gelu"])  # doctest: +SKIP
    """
    op = "activations"
    if functions is None:
        functions = _USUAL
    elif isinstance(functions, str) or not isinstance(functions, Sequence | set):
        functions = [functions]
    chosen = [_function(op, f) for f in functions]
    low, high = (_check.real(op, "limits", v) for v in limits)
    if not low < high:
        raise fail(ArgumentError, op, "limits must grow", describe(limits, "limits"))
    # An even number of points: none lies on 0, where many derivatives jump.
    x = np.linspace(low, high, 400)
    drawn = [(name, *_with_derivative(op, name, f, x)) for name, f in chosen]
    if axes is None:
        # Up to four in a row, with the fewest places left empty.
        columns = min(range(min(4, len(chosen)), 1, -1), key=lambda c: -len(chosen) % c, default=1)
        rows = math.ceil(len(chosen) / columns)
        figure, places = grid(rows, columns, max(3.3 * columns, 4.5), 2.9 * rows, sharex=True)
        for spare in places[len(chosen) :]:
            spare.set_axis_off()
    else:
        figure = None
        places = [axes] if hasattr(axes, "plot") else list(np.asarray(axes, dtype=object).flat)
    for ax, (name, y, slope) in zip(places, drawn, strict=False):
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.plot(x, y, color=PALETTE[0], linewidth=2.5, label="$f(x)$")
        ax.plot(x, slope, "--", color=PALETTE[1], linewidth=2.2, label="$f\\,'(x)$")
        ax.set_title(name, fontsize=letters(ax, 0))
        ax.grid(alpha=0.3)
        bottom, top = ax.get_ylim()
        ax.set_ylim(min(bottom, -0.25), max(top, 1.15))
        if figure is None or ax in places[max(0, len(chosen) - columns) :]:
            ax.set_xlabel("$x$")
            ax.tick_params(labelbottom=True)
    for ax in places[:1]:
        legend(ax, loc="upper left")
    return places[: len(chosen)]


def _function(op: str, value: Any) -> tuple[str, Any]:
    from nnx import nn

    if isinstance(value, str):
        lower = {name.lower(): name for name in nn.__all__}
        found = lower.get(value.replace("_", "").lower())
        cls = getattr(nn, found) if found else None
        if isinstance(cls, type) and issubclass(cls, Module):
            return found or value, _made(op, cls)
        f = getattr(nn.functional, value, None) or getattr(ops, value, None)
        if not callable(f):
            hint = "for instance " + ", ".join(_USUAL)
            raise fail(ArgumentError, op, f"there is no activation {value!r}", "", hint)
        return value, f
    if isinstance(value, type):
        return value.__name__, _made(op, value)
    if isinstance(value, Module):
        extra = value.extra_repr()
        return type(value).__name__ + (f"({extra})" if extra else ""), value
    if not callable(value):
        rule = "an activation must be a name, a module or a function"
        raise fail(DTypeError, op, rule, describe(value))
    return str(getattr(value, "__name__", type(value).__name__)).replace("<lambda>", "f"), value


def _made(op: str, cls: type) -> Any:
    try:
        return cls()
    except TypeError:
        rule = f"{cls.__name__} cannot be made without options"
        raise fail(ArgumentError, op, rule, "", f"give it made: nn.{cls.__name__}(...)") from None


def _with_derivative(op: str, name: str, f: Any, x: Array) -> tuple[Array, Array]:
    weights = f.parameters() if isinstance(f, Module) else ()
    dtype = next((p.dtype for p in weights if p.dtype.is_floating_point), float64)
    t = ops.tensor(x, dtype=dtype, requires_grad=True)
    y = f(t.clone())  # a copy: it may work in place
    if not isinstance(y, Tensor) or y.shape != t.shape:
        rule = f"{name} must be elementwise: one y for each x"
        raise fail(ShapeError, op, rule, describe(y, "y"))
    slope = ops.grad(y.sum(), [t])[0] if y.requires_grad else ops.zeros(t.shape)
    return np.asarray(y.detach()), np.asarray(slope.detach())


# --- weights and gradients --------------------------------------------------------------------
def weight_histograms(model: Module, *, bins: int | None = None, columns: int | None = None) -> Any:
    """How the values of each parameter are spread.

    Args: model: a Module; bins: of each histogram, by default more for
        more values; columns: of the grid.
    Returns: the list of axes of a new figure, one for each parameter.
    Raises: ArgumentError for a model without parameters.

    Example:
        >>> axes = nnx.plot.weight_histograms(nn.Dense(784, 128))  # doctest: +SKIP
    """
    named = _parameters("weight_histograms", model)
    values = [(name, _plain(p)) for name, p in named]
    return _histograms("weight_histograms", values, bins, columns, PALETTE[0], "weight")


def gradient_histograms(
    model: Module, *, bins: int | None = None, columns: int | None = None
) -> Any:
    """How the gradients of each parameter are spread, after a `backward`.

    Args: model: a Module; bins: of each histogram, by default more for
        more values; columns: of the grid.
    Returns: the list of axes of a new figure, one for each parameter that has a gradient.
    Raises: GradientError where no parameter has one.

    Example:
        >>> axes = nnx.plot.gradient_histograms(model)  # doctest: +SKIP
    """
    op = "gradient_histograms"
    values = _gradients(op, model)
    return _histograms(op, values, bins, columns, PALETTE[1], "gradient")


def _parameters(op: str, model: Any) -> list[tuple[str, Any]]:
    if not isinstance(model, Module):
        raise fail(DTypeError, op, "the model must be a Module", describe(model, "model"))
    named = list(model.named_parameters())
    if not named:
        raise fail(ArgumentError, op, "the model has no parameters", describe(model, "model"))
    return named


def _gradients(op: str, model: Any) -> list[tuple[str, Array]]:
    named = [(n, _plain(p.grad)) for n, p in _parameters(op, model) if p.grad is not None]
    if not named:
        rule = "no parameter has a gradient"
        hint = "call loss.backward() first, and zero_grad() only afterwards"
        raise fail(GradientError, op, rule, "", hint)
    return named


def _plain(value: Tensor) -> Array:
    return np.asarray(value.detach().cpu().to(float64))


def _histograms(
    op: str,
    named: list[tuple[str, Array]],
    bins: int | None,
    columns: int | None,
    colour: str,
    what: str,
) -> Any:
    if bins is not None:
        bins = _check.integer(op, "bins", bins, 1)
    width = _check.integer(op, "columns", columns or min(len(named), 4 if len(named) > 4 else 2), 1)
    rows = math.ceil(len(named) / width)
    _, places = grid(rows, width, max(3.4 * width, 4.5), 2.9 * rows)
    for spare in places[len(named) :]:
        spare.set_axis_off()
    for ax, (name, values) in zip(places, named, strict=False):
        flat = values.reshape(-1)
        finite = flat[np.isfinite(flat)]
        if finite.size:
            usual = min(60, max(10, int(2 * finite.size**0.5)))
            counts, edges = np.histogram(finite, bins=bins or usual)
            ax.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
        ax.axvline(0, color=GREY, linewidth=1, linestyle=":")
        shape = "×".join(map(str, values.shape)) or "1"
        ax.set_title(f"{name}  {shape}", fontsize=letters(ax, 1))
        spread = f"mean {finite.mean():.2g}\nstd {finite.std():.2g}" if finite.size else ""
        lost = flat.size - finite.size
        text = spread + (f"\n{lost:,} not finite" if lost else "")
        top = ax.get_ylim()[1]
        ax.set_ylim(0, 1.35 * top)  # room for the text above the bars
        place = {"transform": ax.transAxes, "ha": "right", "va": "top"}
        ax.text(0.98, 0.98, text.strip(), fontsize=letters(ax, 3), **place)
        ax.set_xlabel(what)
        ax.xaxis.get_major_locator().set_params(nbins=5)
        ax.yaxis.get_major_locator().set_params(nbins=5, integer=True)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(-3, 3))
    for ax in places[::width]:
        ax.set_ylabel("count")
    return places[: len(named)]


def gradient_flow(model: Module, axes: Any = None, *, biases: bool = False) -> Any:
    """Mean and largest absolute gradient of each layer, from the first at the top to the last.

    Where gradients vanish the bars shrink towards the first layer, where they explode they grow;
    the title says by how much.

    Args:
        model: a Module after a `backward`.
        axes: where to draw; a new figure unless given.
        biases: whether parameters with a single axis are drawn too.

    Returns: the axes.
    Raises: GradientError where no parameter has a gradient.

    Example:
        >>> axes = nnx.plot.gradient_flow(model)  # doctest: +SKIP
    """
    op = "gradient_flow"
    named = [(n, np.abs(g)) for n, g in _gradients(op, model) if g.size]
    if not biases and any(g.ndim > 1 for _, g in named):
        named = [(n, g) for n, g in named if g.ndim > 1]
    axes = own_axes(axes, 7.5, min(max(2.2 + 0.5 * len(named), 3.2), 12))
    means = np.array([g.mean() for _, g in named])
    largest = np.array([g.max() for _, g in named])
    rows = np.arange(len(named))
    shown = np.concatenate([means, largest])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    # A bar on a logarithmic axis needs a start: a decade below the smallest.
    start = 10.0 ** np.floor(np.log10(shown.min()) - 0.3) if shown.size else 1e-12
    end = 10.0 ** np.ceil(np.log10(shown.max()) + 0.1) if shown.size else 1.0
    for values, offset, colour, hatch, label in (
        (means, -0.19, PALETTE[0], "", "mean |gradient|"),
        (largest, 0.19, PALETTE[4], "//", "largest |gradient|"),
    ):
        lengths = np.where(np.isfinite(values), np.maximum(values - start, 0), end - start)
        axes.barh(
            rows + offset,
            lengths,
            0.36,
            left=start,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            label=label,
        )
        for row, value in zip(rows, values, strict=True):
            if value == 0 or not np.isfinite(value):
                text = "0" if value == 0 else str(value)
                size = letters(axes, 3)
                axes.text(start, row + offset, f" {text}", va="center", fontsize=size)
    axes.set_xscale("log")
    axes.set_xlim(start, end)
    axes.set_yticks(rows, [name for name, _ in named])
    axes.invert_yaxis()
    axes.set_xlabel("|gradient|")
    axes.set_ylabel("parameter")
    axes.grid(alpha=0.3, axis="x")
    axes.set_title(_verdict(means), fontsize=letters(axes, 0), pad=28)
    legend(axes, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 0.99))
    return axes


def _verdict(means: Array) -> str:
    if not np.isfinite(means).all():
        return "gradients are not finite"
    if (means == 0).any():
        return "some gradients are zero"
    if len(means) < 2:
        return "gradients"
    ratio = float(means[0] / means[-1])
    if 0.01 <= ratio <= 100:
        return f"first / last layer: {ratio:.2g}"
    return f"gradients {'vanish' if ratio < 1 else 'explode'}: first / last layer {ratio:.1e}"
