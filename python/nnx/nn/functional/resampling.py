"""Images made larger and smaller, and sampled at any place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.nn.functional.arguments import floating, tensor


class Mode(NamedTuple):
    """How an axis is resampled, of inputs with how many spatial axes."""

    rule: str
    ranks: tuple[int, ...] = (1, 2, 3)
    aligns: bool = False  # whether align_corners means anything
    antialias: str = ""  # the rule with antialias


MODES = {
    "nearest": Mode("nearest"),
    "nearest-exact": Mode("nearest-exact"),
    "linear": Mode("linear", (1,), True),
    "bilinear": Mode("linear", (2,), True, "linear-antialias"),
    "bicubic": Mode("cubic", (2,), True, "cubic-antialias"),
    "trilinear": Mode("linear", (3,), True),
    "area": Mode("area"),
    "lanczos": Mode("", (2,), False, "lanczos-antialias"),
}


def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input with other lengths of its spatial axes.

    Each new position is a weighted sum of old ones: the nearest ("nearest"; "nearest-exact" rounds
    as image libraries do), the neighbours on either side ("linear", "bilinear", "trilinear", for 1,
    2, 3 spatial axes), four on each axis ("bicubic", Keys' kernel with a = -0.75), the mean of all
    that it covers ("area"), or six on each axis ("lanczos", a windowed sinc, with antialias alone).

    Args:
        size: the new lengths, or one for all axes.
        scale_factor: or what lengths are multiplied by, and then rounded down.
        align_corners: whether the middles of the first and last elements are kept, instead of
            their outer edges.
        recompute_scale_factor: whether positions follow the ratio of the lengths instead of
            scale_factor, where that does not give whole lengths.
        antialias: whether "bilinear", "bicubic" and "lanczos" widen their kernels where images get
            smaller.

    Shapes: input (N, C, ...) with 1 to 3 spatial axes. Dtypes: floating; for "nearest" any.
    Raises: ShapeError, ArgumentError for what does not fit.
    Source: Keys, IEEE Trans. ASSP 29 (1981) 1153.

    Example:
        >>> x = nnx.tensor([[[1.0, 2.0]]])
        >>> nn.functional.interpolate(x, scale_factor=2).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
        >>> nn.functional.interpolate(x, 3, mode="linear", align_corners=True).tolist()
        [[[1.0, 1.5, 2.0]]]
    """
    op = "interpolate"
    x = tensor(op, "input", input)
    chosen = MODES[_check.choice(op, "mode", mode, tuple(MODES))]
    rank = x.ndim - 2
    if rank not in chosen.ranks:
        rule = f"mode {mode!r} needs an input with {_listed(r + 2 for r in chosen.ranks)} axes"
        fitting = [m for m, v in MODES.items() if v.rule == chosen.rule and rank in v.ranks]
        hint = f"use mode={fitting[0]!r}" if fitting else "the axes are (N, C, ...)"
        raise fail(ShapeError, op, rule, describe(x, "input"), hint)
    if not chosen.aligns and (align_corners if mode == "lanczos" else align_corners is not None):
        rule = f"align_corners means nothing for mode {mode!r}"
        raise fail(
            ArgumentError, op, rule, describe(align_corners, "align_corners"), "leave it out"
        )
    if antialias and not chosen.antialias:
        rule = "antialias is there for the modes 'bilinear', 'bicubic' and 'lanczos' alone"
        raise fail(ArgumentError, op, rule, describe(mode, "mode"))
    if not antialias and not chosen.rule:
        rule = f"mode {mode!r} needs antialias=True"
        raise fail(ArgumentError, op, rule, describe(antialias, "antialias"))
    lengths, factors = _lengths(op, x, size, scale_factor, recompute_scale_factor)
    rule = chosen.antialias if antialias else chosen.rule
    if rule == "area":
        factors = [0.0] * rank
    if not x.is_floating_point() and not rule.startswith("nearest"):
        hint = "convert it: input = input.float()"
        raise fail(DTypeError, op, f"mode {mode!r} needs floats", describe(x, "input"), hint)
    y = x.to(ops.float32) if x.is_floating_point() and x.itemsize < 4 else x
    # Axes that shrink most come first, so that little is left for the others.
    for i in sorted(range(rank), key=lambda i: (lengths[i] / max(x.shape[i + 2], 1), -i)):
        before, after, factor = x.shape[i + 2], lengths[i], factors[i]
        # Where PyTorch follows the lengths even if the factor is another.
        if rule == "linear" or antialias:
            follows = after == before
        else:
            follows = rule == "nearest" and rank == 2 and after in (before, 2 * before)
        if follows:
            factor = 0.0
        if after != before or factor:
            y = _resampled(y, i + 2, after, rule, bool(align_corners), factor)
    return y.clone() if y is x else y.to(x.dtype)


def _listed(numbers: Any) -> str:
    return " or ".join(map(str, numbers))


def _resampled(
    x: Tensor, axis: int, length: int, rule: str, align_corners: bool, factor: float
) -> Tensor:
    if x.is_floating_point():
        return ops.resample(x, axis, length, rule, align_corners, factor)
    positions = ops.arange(float(x.shape[axis]), dtype=ops.float64, device=x.device)
    index = ops.resample(positions, 0, length, rule, align_corners, factor)
    return ops.take(x, index.to(ops.int64), axis)


def _lengths(
    op: str,
    x: Tensor,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
    recompute: bool | None,
) -> tuple[list[int], list[float]]:
    """The new lengths, and the factors that positions follow (0: the ratio of the lengths)."""
    rank = x.ndim - 2
    if (size is None) == (scale_factor is None):
        raise fail(ArgumentError, op, "give either size or scale_factor", "both or neither")
    name, given = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    values = list(given) if isinstance(given, list | tuple) else [given] * rank
    if len(values) != rank:
        rule = f"{name} must be one number, or one for each of the {rank} spatial axes"
        raise fail(ArgumentError, op, rule, f"{describe(x, 'input')}, {describe(given, name)}")
    if size is not None:
        if recompute:
            rule = "recompute_scale_factor means nothing with a size"
            raise fail(ArgumentError, op, rule, describe(size, "size"))
        return [_check.integer(op, "size", n, 1) for n in values], [0.0] * rank
    factors = [_check.real(op, "scale_factor", f, 0, math.inf, open_high=True) for f in values]
    lengths = [math.floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
    if min(lengths) < 1 and min(x.shape[2:]) > 0:
        rule = "scale_factor must leave at least one element on each axis"
        raise fail(ShapeError, op, rule, f"{describe(x, 'input')}, {describe(given, name)}")
    return lengths, [0.0] * rank if recompute else factors


# --- sampling at any place ------------------------------------------------------------------------


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where an affine map takes the elements of an image: the grid that grid_sample follows.

    grid[n, ...] = theta[n] @ (x, y, 1) for images, (x, y, z, 1) for volumes. Coordinates run from
    -1 to 1 along each axis: from the outer edge of the first element to that of the last one, or
    with align_corners from middle to middle.

    Args: size: the shape (N, C, H, W) or (N, C, D, H, W) of the output of grid_sample.
    Shapes: theta (N, 2, 3) -> (N, H, W, 2); theta (N, 3, 4) -> (N, D, H, W, 3). Dtypes: floating.
    Raises: ShapeError where theta does not fit the size, ArgumentError for lengths below 1.
    Source: Jaderberg et al., arXiv:1506.02025.

    Example:
        >>> identity = nnx.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> nn.functional.affine_grid(identity, (1, 1, 1, 2)).tolist()
        [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    op = "affine_grid"
    theta = floating(op, "theta", theta)
    shape = [_check.integer(op, "size", n, 1) for n in size]
    rank = len(shape) - 2
    if rank not in (2, 3):
        rule = "size must be (N, C, H, W) or (N, C, D, H, W)"
        raise fail(ShapeError, op, rule, describe(tuple(shape), "size"))
    if tuple(theta.shape) != (shape[0], rank, rank + 1):
        rule = f"theta must have the shape (N, {rank}, {rank + 1}) = {(shape[0], rank, rank + 1)}"
        received = f"{describe(theta, 'theta')}, size = {tuple(shape)}"
        raise fail(ShapeError, op, rule, received)
    place: dict[str, Any] = {"dtype": theta.dtype, "device": theta.device}
    spatial = shape[2:]
    columns = []
    for axis in reversed(range(rank)):  # x first, which runs along the last axis
        n = spatial[axis]
        line = ops.linspace(-1, 1, n, **place) if n > 1 else ops.zeros(1, **place)
        if not align_corners:
            line = line * ((n - 1) / n)
        along = [1] * rank
        along[axis] = n
        columns.append(ops.broadcast_to(line.reshape(along), spatial))
    base = ops.stack([*columns, ops.ones(spatial, **place)], -1).reshape((-1, rank + 1))
    return (base @ theta.mT).reshape((shape[0], *spatial, rank))


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of an image at the places of a grid.

    Args:
        grid: coordinates (x, y) or (x, y, z), where x runs along the last axis; -1 and 1 are the
            outer edges of the first and last elements, or with align_corners their middles.
        mode: "bilinear" (of volumes trilinear), "nearest", or "bicubic" (of images).
        padding_mode: what lies outside: "zeros", the "border", or the image in "reflection".

    Shapes: input (N, C, H, W), grid (N, h, w, 2) -> (N, C, h, w); input (N, C, D, H, W), grid
        (N, d, h, w, 3) -> (N, C, d, h, w). Dtypes: floating, both the same. A place that is NaN
        gives NaN.
    Raises: ShapeError, DTypeError where they do not fit; ArgumentError for an unknown mode.
    Source: Jaderberg et al., arXiv:1506.02025.

    Example:
        >>> image = nnx.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
        >>> nn.functional.grid_sample(image, nnx.zeros((1, 1, 1, 2))).tolist()
        [[[[1.5]]]]
    """
    op = "grid_sample"
    x, places = floating(op, "input", input), floating(op, "grid", grid)
    _check.choice(op, "mode", mode, ("bilinear", "nearest", "bicubic"))
    _check.choice(op, "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    return ops.grid_sample(x, places, mode, padding_mode, bool(align_corners))
