"""What all figures share: colours, axes of one's own, arrays and predictions as they come in.

Colours are those of Okabe and Ito, told apart with every kind of colour vision; where two things
lie on each other they differ in line style or marker too. Letters are sized for a projector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Error, ShapeError, Tensor, asarray, float32
from nnx._optional import need
from nnx.nn.module import Module
from nnx.nn.tracing import evaluation

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#777777"
_FONT = 13.0
_STYLE = {
    "font.size": _FONT,
    "axes.labelsize": _FONT,
    "axes.titlesize": _FONT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Array = np.ndarray[Any, np.dtype[Any]]


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure of so many inches that needs no display, and that pyplot does not know.

    Raises: MissingPackageError without matplotlib.

    Example:
        >>> figure = nnx.plot.new_figure(4, 3)  # doctest: +SKIP
    """
    figure = need("matplotlib", "plot", "matplotlib.figure")
    return figure.Figure(figsize=(width, height), layout="constrained")


def shown_figure(width: float, height: float) -> Any:
    """A figure of pyplot's, which a notebook shows and `plt.show()` opens; without pyplot's
    backend (no display), one of `new_figure`'s."""
    try:
        pyplot = need("matplotlib", "plot", "matplotlib.pyplot")
        return pyplot.figure(figsize=(width, height), layout="constrained")
    except Exception:  # whatever a window system raises where there is none
        return new_figure(width, height)


def grid(
    rows: int, columns: int, width: float, height: float, *, hidden: bool = False, **options: Any
) -> tuple[Any, list[Any]]:
    """A figure of one's own and its axes, row by row, with letters for a projector."""
    matplotlib = need("matplotlib", "plot")
    # Outside of the context: pyplot, imported here, changes settings for good, such as whether a
    # notebook shows its figures.
    figure = new_figure(width, height) if hidden else shown_figure(width, height)
    with matplotlib.rc_context(_STYLE):
        made = figure.subplots(rows, columns, squeeze=False, **options)
    for axes in made.flat:
        axes.tick_params(labelsize=_FONT - 2)
    return figure, list(made.flat)


def own_axes(axes: Any, width: float = 7, height: float = 4.5) -> Any:
    """The axes given, or those of a new figure."""
    if axes is not None and not hasattr(axes, "imshow"):
        rule, hint = "axes must be matplotlib's", "other arguments go by name, as names=[...]"
        raise fail(ArgumentError, "plot", rule, describe(axes, "axes"), hint)
    return grid(1, 1, width, height)[1][0] if axes is None else axes


def letters(axes: Any, less: float = 1) -> float:
    """The size of letters for texts and legends on these axes."""
    return float(axes.xaxis.label.get_size()) - less


def legend(axes: Any, **options: Any) -> None:
    """The legend, its letters as large as the axes'."""
    options.setdefault("frameon", False)
    axes.legend(fontsize=letters(axes, 2), **options)


def diverging() -> Any:
    """Colours from blue over white to vermilion, for values around a middle."""
    colors = need("matplotlib", "plot", "matplotlib.colors")
    ends = [PALETTE[0], "#FFFFFF", PALETTE[1]]
    return colors.LinearSegmentedColormap.from_list("nnx_diverging", ends)


def array(op: str, name: str, value: Any, *ndims: int) -> Array:
    """The value as an array of numbers, with one of these numbers of axes.

    Raises: DTypeError for what holds no numbers, ShapeError for another number of axes.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    try:
        made = np.asarray(value)
    except ValueError:
        raise fail(ShapeError, op, f"{name} must be an array", describe(value, name)) from None
    if made.dtype.kind not in "biuf":
        raise fail(DTypeError, op, f"{name} must hold numbers", describe(value, name))
    if ndims and made.ndim not in ndims:
        axes = " or ".join(map(str, ndims))
        plural = "axis" if axes == "1" else "axes"
        raise fail(ShapeError, op, f"{name} must have {axes} {plural}", describe(made, name))
    return made


def column(op: str, name: str, value: Any) -> Array:
    """One number for each sample: (N,), or (N, 1) flattened."""
    made = array(op, name, value, 1, 2)
    if made.ndim == 2 and made.shape[1] != 1:
        rule = f"{name} must have one number for each sample, (N,) or (N, 1)"
        raise fail(ShapeError, op, rule, describe(made, name))
    return made.reshape(-1)


def same_length(op: str, a: str, x: Array, b: str, y: Array) -> None:
    """ShapeError unless both have equally many samples, and at least one."""
    if len(x) != len(y):
        received = f"{describe(x, a)}, {describe(y, b)}"
        raise fail(ShapeError, op, f"{a} and {b} must have equally many samples", received)
    if not len(x):
        raise fail(ShapeError, op, "there must be at least one sample", describe(x, a))


def names_for(op: str, names: Any, count: int, name: str = "names") -> list[str]:
    """The names given, or 0, 1, ...; ArgumentError for another number of them."""
    if names is None:
        return [str(i) for i in range(count)]
    found = [str(text) for text in names]
    if len(found) != count:
        rule = f"there must be {count} {name}, one for each"
        raise fail(ArgumentError, op, rule, describe(found, name))
    return found


def as_input(model: Any, x: Any) -> Tensor:
    """Samples as a tensor of the model's dtype, on its device."""
    samples = x.detach() if isinstance(x, Tensor) else asarray(np.ascontiguousarray(x))
    weights = model.parameters() if isinstance(model, Module) else ()
    one = next((p for p in weights if p.dtype.is_floating_point), None)
    if one is None:
        return samples if samples.dtype.is_floating_point else samples.to(float32)
    return samples.to(one.dtype).to(one.device)


def predict(op: str, model: Any, x: Array) -> Array:
    """What a model answers to samples: a Module (in evaluation mode, without gradients), an
    object with predict_proba or predict, or a function of an array or a tensor."""
    if isinstance(model, Module):
        samples = as_input(model, x)
        with evaluation(model):
            return array(op, "the model's output", first(model(samples)))
    for method in ("predict_proba", "predict"):
        if hasattr(model, method):
            return array(op, "the model's output", first(getattr(model, method)(x)))
    if isinstance(model, type) or not callable(model):
        rule = "the model must be a Module, a Trainer or a function"
        hint = "write the class with brackets" if isinstance(model, type) else ""
        raise fail(DTypeError, op, rule, describe(model, "model"), hint)
    return array(op, "the model's output", first(_called(model, x)))


def first(output: Any) -> Any:
    """The first of several outputs: a variational autoencoder gives its picture, then the rest."""
    return output[0] if isinstance(output, tuple | list) and output else output


def _called(function: Callable[..., Any], x: Array) -> Any:
    try:
        return function(x)
    except (TypeError, AttributeError, Error):  # perhaps it is written for tensors
        from nnx._nnx import no_grad

        with no_grad():
            return function(asarray(np.ascontiguousarray(x, dtype=np.float32)))
