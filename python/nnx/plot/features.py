"""Figures of what a layer has learnt: its weights as pictures, and what it gives for a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.nn.module import Module
from nnx.nn.tracing import evaluation
from nnx.plot.pictures import mosaic, pixels
from nnx.plot.style import Array, array, as_input, diverging, letters, own_axes


def filters(
    layer: Any,
    axes: Any = None,
    *,
    n: int = 64,
    columns: int | None = None,
    shape: Sequence[int] | None = None,
) -> Any:
    """The weights of a layer as pictures: blue below zero, white at zero, vermilion above.

    Weights of a convolution with three input channels are drawn in their colours, grey at zero.
    Of other numbers of input channels each filter is a row of its channels.

    Args:
        layer: a convolution, with weights (out, in, height, width), a Dense layer, whose inputs are
            pixels, a model, of which the first such layer is taken, or the weights themselves.
        axes: where to draw; a new figure unless given.
        n: how many filters at most, from the first.
        columns: of the grid.
        shape: of the picture that a Dense layer sees, (H, W) or (C, H, W); square unless given.

    Returns: the axes.
    Raises: ArgumentError for a model without such a layer, ShapeError for weights that are no
        pictures.

    Example:
        >>> axes = nnx.plot.filters(model)  # doctest: +SKIP
    """
    op = "filters"
    n = _check.integer(op, "n", n, 1)
    name, weight = _weights(op, layer)
    if weight.ndim == 2:
        weight = _unflattened(op, weight, shape)
    if weight.ndim == 3:  # a convolution along one axis
        weight = weight[:, :, None]
    if weight.ndim != 4 or not weight.size:
        rule = "the weights must be those of a convolution in the plane, or of a Dense layer"
        raise fail(ShapeError, op, rule, describe(weight, "weight"))
    total, channels = weight.shape[:2]
    weight = weight[:n].astype(float)
    finite = np.abs(weight[np.isfinite(weight)])
    reach = max(float(finite.max(initial=0)), 1e-12)
    share = np.nan_to_num(np.clip((weight / reach + 1) / 2, 0, 1))
    count = len(share)
    if channels == 3:
        tiles, blank = np.moveaxis(share, 1, 3), 1.0
    elif channels == 1:
        tiles, blank = diverging()(share[:, 0])[..., :3], 1.0
    else:
        rows = share[: min(count, 16), :16]
        names = [str(k) for k in range(len(rows))]
        axes = mosaic(axes, diverging()(rows)[..., :3], names, [], inch=0.5)
        axes.set_ylabel("filter")
        axes.set_xlabel("input channel")
        return _titled(axes, name, len(rows), total, reach)
    width = _check.integer(op, "columns", columns or min(8, count), 1)
    filled = np.full((math.ceil(count / width) * width, *tiles.shape[1:]), blank)
    filled[:count] = tiles
    axes = mosaic(axes, filled.reshape(-1, width, *tiles.shape[1:]))
    return _titled(axes, name, count, total, reach)


def _titled(axes: Any, name: str, drawn: int, total: int, reach: float) -> Any:
    some = f"{drawn} of {total} filters" if drawn < total else f"{total} filters"
    text = f"{name}: {some}, ±{reach:.2g}" if name else f"{some}, ±{reach:.2g}"
    axes.set_title(text, fontsize=letters(axes, 1))
    return axes


def _weights(op: str, layer: Any) -> tuple[str, Array]:
    """The weights of a layer, of the first one in a model, or the ones given."""
    if not isinstance(layer, Module):
        if isinstance(layer, type) or callable(layer):
            raise fail(DTypeError, op, "layer must be a Module or its weights", describe(layer))
        return "", array(op, "weight", layer)
    for least in (3, 2):  # a convolution, else a Dense layer
        for name, parameter in layer.named_parameters():
            if name.rpartition(".")[2] == "weight" and parameter.ndim >= least:
                return name, array(op, "weight", parameter)
    rule = "the model has no layer with weights that could be pictures"
    raise fail(ArgumentError, op, rule, type(layer).__name__)


def _unflattened(op: str, weight: Array, shape: Sequence[int] | None) -> Array:
    size = weight.shape[1]
    if shape is None:
        side = math.isqrt(size)
        shape = (1, side, side) if side * side == size else ()
        side = math.isqrt(size // 3)
        if not shape and 3 * side * side == size:
            shape = (3, side, side)
    lengths = [_check.integer(op, "shape", v, 1) for v in shape]
    if len(lengths) == 2:
        lengths = [1, *lengths]
    if len(lengths) != 3 or math.prod(lengths) != size:
        rule = f"the layer's {size} inputs must be the pixels of a picture"
        hint = "say which: shape=(H, W)"
        raise fail(ShapeError, op, rule, describe(weight, "weight"), hint)
    return weight.reshape(len(weight), *lengths)


def feature_maps(
    model: Module,
    x: Any,
    layer: Any = None,
    axes: Any = None,
    *,
    n: int = 32,
    columns: int | None = None,
) -> Any:
    """What a layer gives for one picture: a picture for each of its channels.

    All share one scale, from the least number (light) to the largest (dark). A layer without
    channels gives a row of numbers, drawn as bars.

    Args:
        model: a Module.
        x: one sample, as a dataset gives it: (C, H, W), (H, W) or (features,).
        layer: its name in the model, such as "0" or "encoder.2", or the layer; unless given, the
            first one that gives channels, or else the first.
        axes: where to draw; a new figure unless given.
        n: how many channels at most.
        columns: of the grid.

    The model runs in evaluation mode and without gradients, and keeps its mode.

    Returns: the axes.
    Raises: ArgumentError for a layer that is not in the model, or was not used.

    Example:
        >>> axes = nnx.plot.feature_maps(model, test.images[0], "0")  # doctest: +SKIP
    """
    op = "feature_maps"
    if not isinstance(model, Module):
        raise fail(DTypeError, op, "the model must be a Module", describe(model, "model"))
    n = _check.integer(op, "n", n, 1)
    values = pixels(array(op, "x", x))
    if values.ndim < 4:
        values = values[None]
    if len(values) != 1:
        rule = "x must be one sample"
        raise fail(ShapeError, op, rule, describe(values, "x"), "take one: x[0]")
    name, maps = _outputs(op, model, values, layer)
    title = f"{f'layer {name}' if name else type(model).__name__}: {'×'.join(map(str, maps.shape))}"
    if maps.ndim == 1:
        axes = own_axes(axes, 7.5, 2.8)
        axes.bar(np.arange(len(maps)), maps, width=1.0, color=diverging()(1.0))
        axes.set_xlabel("unit")
        axes.set_ylabel("output")
    else:
        axes = _channels(op, maps[:n], axes, columns)
        if len(maps) > n:
            title += f", the first {n}"
    axes.set_title(title, fontsize=letters(axes, 1))
    return axes


def _channels(op: str, maps: Array, axes: Any, columns: int | None) -> Any:
    finite = maps[np.isfinite(maps)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    share = np.nan_to_num((maps - low) / (high - low if high > low else 1.0))
    count = len(maps)
    width = _check.integer(op, "columns", columns or min(8, count), 1)
    filled = np.full((math.ceil(count / width) * width, *maps.shape[1:]), np.nan)
    filled[:count] = 1 - 0.95 * share  # a channel without anything still shows its place
    tiles = np.where(np.isnan(filled), 1.0, filled)[..., None].repeat(3, -1)
    return mosaic(axes, tiles.reshape(-1, width, *maps.shape[1:], 3))


def _outputs(op: str, model: Module, x: Array, layer: Any) -> tuple[str, Array]:
    """The name of the layer, and what it gave for the one sample: (C, h, w) or (units,)."""
    named = {name: module for name, module in model.named_modules() if name or not layer}
    if layer is None:
        chosen = {n: m for n, m in named.items() if not list(m.children())}
    elif isinstance(layer, str):
        if layer not in named:
            _check.choice(op, "layer", layer, tuple(named))  # raises, with the nearest name
        chosen = {layer: named[layer]}
    else:
        chosen = {n: m for n, m in model.named_modules() if m is layer}
        if not chosen:
            rule = "the layer must be one of the model's"
            hint = "give its name: " + ", ".join(repr(n) for n in named)
            raise fail(ArgumentError, op, rule, describe(layer, "layer"), hint)
    seen: dict[str, Array] = {}
    handles = []

    def note(name: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(value, Tensor) and name not in seen:
                seen[name] = array(op, "output", value).copy()

        return hook

    try:
        for name, module in chosen.items():
            handles.append(module.register_forward_hook(note(name)))
        with evaluation(model):
            model(as_input(model, x))
    finally:
        for handle in handles:
            handle.remove()
    maps = {name: _one(value) for name, value in seen.items()}
    best = next((name for name, value in maps.items() if value.ndim == 3), next(iter(maps), None))
    if best is None:
        rule = "the layer was not called, or gave no tensor"
        raise fail(ArgumentError, op, rule, ", ".join(map(repr, chosen)))
    if maps[best].ndim not in (1, 3):
        rule = "the layer must give channels (1, C, H, W), or one row of numbers"
        raise fail(ShapeError, op, rule, describe(seen[best], f"output of {best!r}"))
    return best, maps[best]


def _one(value: Array) -> Array:
    """The sample's part of an output."""
    while value.ndim > 1 and len(value) == 1 and value.ndim != 3:
        value = value[0]
    return value[0] if value.ndim == 3 and value.shape[:2] == (1, 1) else value
