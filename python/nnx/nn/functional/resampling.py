"""Images made larger and smaller, and sampled at any place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, no_grad
from nnx.nn.functional.arguments import floating, full_name, tensor


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
    _check.choice(op, "mode", mode, tuple(_TAPS))
    _check.choice(op, "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    rank = x.ndim - 2
    received = f"{describe(x, 'input')}, {describe(places, 'grid')}"
    if rank not in (2, 3) or places.ndim != x.ndim or places.shape[-1] != rank:
        rule = (
            "input (N, C, H, W) needs a grid (N, h, w, 2), and input (N, C, D, H, W) a grid "
            "(N, d, h, w, 3)"
        )
        raise fail(ShapeError, op, rule, received)
    if places.shape[0] != x.shape[0]:
        raise fail(ShapeError, op, "input and grid must have as many samples", received)
    if places.dtype != x.dtype:
        hint = f"convert the grid: grid.to({full_name(x.dtype)})"
        raise fail(DTypeError, op, "input and grid must have the same dtype", received, hint)
    if min(x.shape[2:]) < 1:
        raise fail(ShapeError, op, "the input must have spatial axes of length 1 or more", received)
    if mode == "bicubic" and rank == 3:
        raise fail(ArgumentError, op, "mode 'bicubic' is there for images alone", received)
    if x.itemsize < 4:
        wide = x.to(ops.float32), places.to(ops.float32)
        return grid_sample(*wide, mode, padding_mode, align_corners).to(x.dtype)
    samples, channels, *lengths = x.shape
    index, weight = None, None  # a first axis for the terms of a sum
    for axis, n in enumerate(lengths):
        c = places[..., rank - 1 - axis]
        at = (c + 1) / 2 * (n - 1) if align_corners else ((c + 1) * n - 1) / 2
        line = _Axis(n, padding_mode, bool(align_corners))
        position, share = line.checked(*_TAPS[mode](at, line))
        if index is None or weight is None:
            index, weight = position, share
        else:  # every tap of this axis with every one of those before
            index = (index.unsqueeze(1) * n + position).flatten(0, 1)
            weight = (weight.unsqueeze(1) * share).flatten(0, 1)
    assert index is not None and weight is not None
    shape = (index.shape[0], samples, math.prod(places.shape[1:-1]))
    planes = x.reshape((samples, channels, math.prod(lengths)))
    y = ops.pick(planes, index.reshape(shape), weight.reshape(shape))
    return y.reshape((samples, channels, *places.shape[1:-1]))


class _Axis(NamedTuple):
    """A length, and what lies outside."""

    length: int
    padding: str
    align_corners: bool

    def inside(self, at: Tensor) -> Tensor:
        """Positions moved inside, but for padding with zeros."""
        if self.padding == "zeros":
            return at
        if self.length == 1:
            return at * 0
        if self.padding == "reflection":
            low = 0.0 if self.align_corners else -0.5
            span = float(self.length - 1 if self.align_corners else self.length)
            far = (at - low).abs()
            rest = ops.fmod(far, span)
            turned = ops.remainder(ops.floor(far / span), 2) == 1
            at = ops.where(turned, span - rest, rest) + low
        return ops.hardtanh(at, 0.0, float(self.length - 1))

    def checked(self, whole: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Whole positions as indices, and weights that are 0 outside."""
        with no_grad():
            most = float(self.length - 1)
            outside = (whole < 0) | (whole > most)
            index = ops.clip(whole, 0.0, most).to(ops.int64)  # NaN becomes 0
        return index, ops.where(outside, 0.0, weight)


# The whole positions about each place, and how much each counts, along a new first axis.


def _steps(at: Tensor, first: float, count: int) -> Tensor:
    steps = ops.arange(first, first + count, dtype=at.dtype, device=at.device)
    return steps.reshape((count, *(1,) * at.ndim))


def _nearest(at: Tensor, axis: _Axis) -> tuple[Tensor, Tensor]:
    at = axis.inside(at).unsqueeze(0)
    return ops.round(at), at * 0 + 1


def _linear(at: Tensor, axis: _Axis) -> tuple[Tensor, Tensor]:
    at = axis.inside(at)
    below = ops.floor(at.detach())
    rest = at - below
    return below + _steps(at, 0, 2), ops.stack([1 - rest, rest])


def _cubic(at: Tensor, axis: _Axis) -> tuple[Tensor, Tensor]:
    """Four neighbours by Keys' kernel with a = -0.75, each moved inside by itself."""
    below = ops.floor(at.detach())
    rest = at - below
    a = -0.75

    def near(d: Tensor) -> Tensor:  # |d| <= 1
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:  # 1 <= |d| <= 2
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    weights = [far(rest + 1), near(rest), near(1 - rest), far(2 - rest)]
    return axis.inside(below + _steps(at, -1, 4)), ops.stack(weights)


_TAPS: dict[str, Callable[[Tensor, _Axis], tuple[Tensor, Tensor]]] = {
    "bilinear": _linear,
    "nearest": _nearest,
    "bicubic": _cubic,
}
