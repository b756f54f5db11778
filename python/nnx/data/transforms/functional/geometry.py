"""Functions on pictures that move pixels: crops, flips, borders, sizes, rotations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    Tensor,
    arange,
    asarray,
    float64,
    int64,
    ones,
    stack,
    uint8,
    where,
)
from nnx._nnx import bool as bool_
from nnx._nnx import pad as pad_constant
from nnx.data.transforms.functional.layout import (
    as_floats,
    column,
    per_picture,
    planes,
    together,
    whole_per_picture,
)
from nnx.data.transforms.functional.options import (
    PAD_MODES,
    InterpolationMode,
    borders,
    fill_values,
    mode_of,
    numbers,
    size_pair,
)
from nnx.data.transforms.functional.sampling import pick, resample


# --- pixels as they are ---------------------------------------------------------------------------
def hflip(img: Any, chosen: Tensor | None = None) -> Tensor:
    """The picture mirrored from left to right.

    Args: chosen: (N,) bool, which pictures of a batch are mirrored; all unless given.
    Shapes: (..., H, W) -> (..., H, W). Dtypes: any.

    Example:
        >>> nnx.data.transforms.functional.hflip(nnx.tensor([[1, 2], [3, 4]])).tolist()
        [[2, 1], [4, 3]]
    """
    return _flip("hflip", img, 3, chosen)


def vflip(img: Any, chosen: Tensor | None = None) -> Tensor:
    """The picture turned upside down.

    Args: chosen: (N,) bool, which pictures of a batch are turned; all unless given.
    Shapes: (..., H, W) -> (..., H, W). Dtypes: any.

    Example:
        >>> nnx.data.transforms.functional.vflip(nnx.tensor([[1, 2], [3, 4]])).tolist()
        [[3, 4], [1, 2]]
    """
    return _flip("vflip", img, 2, chosen)


def _flip(op: str, img: Any, axis: int, chosen: Tensor | None) -> Tensor:
    x, layout = planes(op, img, None if chosen is None else len(chosen))
    flipped = x.flip(axis)
    if chosen is not None:
        flipped = where(chosen.reshape(-1, 1, 1, 1), flipped, x)
    return layout.back(flipped)


def crop(img: Any, top: Any, left: Any, height: int, width: int) -> Tensor:
    """A window of the picture; what lies outside of it is 0.

    Args:
        top, left: the window's first row and column; whole numbers, or tensors (N,) of them with
            one for each picture of a batch.
        height, width: of the window.

    Shapes: (..., H, W) -> (..., height, width). Dtypes: any.
    Raises: ArgumentError for a window without a pixel.

    Example:
        >>> nnx.data.transforms.functional.crop(nnx.arange(9).reshape(3, 3), 1, 0, 2, 2).tolist()
        [[3, 4], [6, 7]]
    """
    op = "crop"
    high, wide = size_pair(op, (height, width))
    (i, n), (j, m) = whole_per_picture(op, "top", top), whole_per_picture(op, "left", left)
    x, layout = planes(op, img, together(op, n, m))
    if n is None and m is None:
        within = i >= 0 and j >= 0 and i + high <= x.shape[2] and j + wide <= x.shape[3]
        if within:
            return layout.back(x[:, :, i : i + high, j : j + wide])
    rows = (column(i).reshape(-1, 1) + arange(high, dtype=float64)).to(int64)
    columns = (column(j).reshape(-1, 1) + arange(wide, dtype=float64)).to(int64)
    at_row, at_column = rows.clamp(0, x.shape[2] - 1), columns.clamp(0, x.shape[3] - 1)
    made = pick(x, at_row, at_column)
    inside = (rows == at_row)[:, :, None] & (columns == at_column)[:, None, :]
    if not bool(inside.all()):
        made = where(inside[:, None], made, asarray(0, dtype=x.dtype))
    return layout.back(made)


def center_crop(img: Any, output_size: Any) -> Tensor:
    """The middle of the picture; a picture that is smaller gets a border of 0.

    Args: output_size: height and width, or a number for both.
    Shapes: (..., H, W) -> (..., *output_size). Dtypes: any.

    Example:
        >>> nnx.data.transforms.functional.center_crop(nnx.arange(9).reshape(3, 3), 1).tolist()
        [[4]]
    """
    op = "center_crop"
    high, wide = size_pair(op, output_size)
    x, layout = planes(op, img)
    top, left = round((x.shape[2] - high) / 2), round((x.shape[3] - wide) / 2)
    if x.shape[2] < high:
        top = -((high - x.shape[2]) // 2)
    if x.shape[3] < wide:
        left = -((wide - x.shape[3]) // 2)
    return layout.back(crop(x, top, left, high, wide))


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Tensor:
    """The picture with a border.

    Args:
        padding: pixels: a number for all sides, (left/right, top/bottom), or (left, top, right,
            bottom).
        fill: the border's number, or one for each channel, with padding_mode "constant".
        padding_mode: "constant"; "edge" repeats the last pixel, "reflect" mirrors without
            repeating it, "symmetric" mirrors with it.

    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ArgumentError for a negative border, and for one that is as large as the picture where
        it is mirrored.

    Example:
        >>> nnx.data.transforms.functional.pad(nnx.tensor([[1, 2]]), (1, 0), 7).tolist()
        [[7, 1, 2, 7]]
    """
    op = "pad"
    left, top, right, bottom = borders(op, padding)
    mode = _check.choice(op, "padding_mode", padding_mode, PAD_MODES)
    x, layout = planes(op, img)
    if mode == "constant":
        colour = fill_values(op, fill, x)
        widths = [(0, 0), (0, 0), (top, bottom), (left, right)]
        if colour.numel() == 1:
            return layout.back(pad_constant(x, widths, constant_values=colour.item()))
        inside = pad_constant(ones(1, 1, *x.shape[2:], dtype=x.dtype), widths) != 0
        return layout.back(where(inside, pad_constant(x, widths), colour))
    rows = _border(op, x.shape[2], top, bottom, mode)
    return layout.back(pick(x, rows, _border(op, x.shape[3], left, right, mode)))


def _border(op: str, length: int, before: int, after: int, mode: str) -> Tensor:
    """(1, before + length + after): which pixel stands at each place."""
    limit = {"edge": math.inf, "reflect": length - 1, "symmetric": length}[mode]
    if max(before, after) > limit:
        rule = f"padding must be at most {limit} where a picture of {length} pixels is mirrored"
        hint = "padding_mode='edge' or 'constant' takes any border"
        raise fail(ArgumentError, op, rule, f"{(before, after)}, {mode!r}", hint)
    place = arange(-before, length + after)
    if mode == "reflect":
        place = (length - 1) - ((length - 1) - place.abs()).abs()
    elif mode == "symmetric":
        place = where(place < 0, -1 - place, where(place >= length, 2 * length - 1 - place, place))
    return place.clamp(0, length - 1)[None]


# --- other sizes ----------------------------------------------------------------------------------
def resize(
    img: Any,
    size: Any,
    interpolation: str = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Tensor:
    """The picture at another size.

    Args:
        size: (height, width), or a number for the shorter side, whose ratio to the longer stays;
            None with max_size.
        interpolation: "nearest", "nearest-exact", "bilinear" or "bicubic".
        max_size: the most for the longer side, where size is a number or None.
        antialias: whether a smaller picture averages over all pixels that fall together.

    Shapes: (..., H, W) -> (..., *size). Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.functional.resize.

    Example:
        >>> nnx.data.transforms.functional.resize(nnx.zeros(3, 40, 20), 10).shape
        (3, 20, 10)
    """
    op = "resize"
    mode = mode_of(op, interpolation, tuple(InterpolationMode))
    x, layout = planes(op, img)
    high, wide = new_size(op, size, max_size, x.shape[2], x.shape[3])
    box = (0, 0, x.shape[2], x.shape[3])
    return layout.back(_resampled(op, x, box, (high, wide), mode, antialias))


def resized_crop(
    img: Any,
    top: Any,
    left: Any,
    height: Any,
    width: Any,
    size: Any,
    interpolation: str = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Tensor:
    """A window of the picture, at another size.

    Args:
        top, left, height, width: of the window, within the picture; numbers, or tensors (N,) with
            one for each picture of a batch.
        size, interpolation, antialias: as `resize`.

    Shapes: (..., H, W) -> (..., *size). Dtypes: any; whole numbers are rounded.
    Raises: ArgumentError for a window that is not within the picture.

    Example:
        >>> f = nnx.data.transforms.functional.resized_crop
        >>> f(nnx.arange(16.0).reshape(4, 4), 0, 0, 2, 2, (1, 1)).tolist()
        [[2.5]]
    """
    op = "resized_crop"
    mode = mode_of(op, interpolation, tuple(InterpolationMode))
    given = {"top": top, "left": left, "height": height, "width": width}
    least = {"top": 0, "left": 0, "height": 1, "width": 1}
    pairs = [whole_per_picture(op, k, v, least[k]) for k, v in given.items()]
    x, layout = planes(op, img, together(op, *(n for _, n in pairs)))
    i, j, rows, columns = (column(v).reshape(-1) for v, _ in pairs)
    if not bool(((i + rows <= x.shape[2]) & (j + columns <= x.shape[3])).all()):
        rule = f"every window must be within the {x.shape[2]} x {x.shape[3]} pixels"
        received = ", ".join(f"{k} {describe(v)}" for k, v in given.items())
        raise fail(ArgumentError, op, rule, received)
    box = (i, j, rows, columns)
    high, wide = size_pair(op, size)
    return layout.back(_resampled(op, x, box, (high, wide), mode, antialias))


def _resampled(
    op: str, x: Tensor, box: Any, size: tuple[int, int], mode: str, antialias: bool | None
) -> Tensor:
    if mode.startswith("nearest"):
        return resample(x, box, size, mode)
    return as_floats(op, x, lambda t: resample(t, box, size, mode, antialias is not False))


def new_size(op: str, size: Any, max_size: int | None, high: int, wide: int) -> tuple[int, int]:
    """The size that `resize` gives a picture of H x W.

    Example:
        >>> from nnx.data.transforms.functional.geometry import new_size
        >>> new_size("resize", 10, None, 40, 20)
        (20, 10)
    """
    single = isinstance(size, Sequence) and len(size) == 1
    if isinstance(size, Sequence) and not single:
        if max_size is not None:
            rule = "max_size goes with a size that is one number"
            raise fail(ArgumentError, op, rule, f"size = {size!r}, max_size = {max_size!r}")
        return size_pair(op, size)
    short, long = min(high, wide), max(high, wide)
    most = None if max_size is None else _check.integer(op, "max_size", max_size, 1)
    if size is None:
        if most is None:
            raise fail(ArgumentError, op, "size=None needs a max_size", "size = None")
        new_short, new_long = int(most * short / long), most
    else:
        new_short = _check.integer(op, "size", size[0] if single else size, 1)
        if most is not None and most <= new_short:
            rule = "max_size must be larger than size, that of the shorter side"
            raise fail(ArgumentError, op, rule, f"size = {size!r}, max_size = {max_size!r}")
        new_long = int(new_short * long / short)
        if most is not None and new_long > most:
            new_short, new_long = int(most * new_short / new_long), most
    new_short = max(new_short, 1)
    return (new_short, new_long) if high <= wide else (new_long, new_short)


# --- rotations and what goes with them ------------------------------------------------------------
def affine(
    img: Any,
    angle: Any,
    translate: Any,
    scale: Any,
    shear: Any,
    interpolation: str = InterpolationMode.NEAREST,
    fill: Any = 0,
    center: Any = None,
) -> Tensor:
    """The picture rotated, moved, scaled and sheared about a point.

    A point of the picture goes to T C R(angle) Shear(shear) scale C^-1, where C moves the origin
    to the centre and T is the translation.

    Args:
        angle: degrees, clockwise.
        translate: pixels (right, down).
        scale: of lengths, above 0.
        shear: degrees (along x, along y), or a number for x alone.
        interpolation: "nearest" or "bilinear".
        fill: the number for what lies outside, or one for each channel.
        center: the point (x, y) in pixels from the upper left corner; the middle unless given.

    Each number may be a tensor (N,) with one for each picture of a batch.
    Shapes: (..., H, W) -> (..., H, W). Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.functional.affine.

    Example:
        >>> x = nnx.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nnx.data.transforms.functional.affine(x, 90, (0, 0), 1, 0).tolist()
        [[3.0, 1.0], [4.0, 2.0]]
    """
    op = "affine"
    mode = mode_of(op, interpolation, ("nearest", "bilinear"))
    if not isinstance(shear, Sequence):
        shear = (shear, 0.0)
    for name, pair in (("translate", translate), ("shear", shear)):
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise fail(ArgumentError, op, f"{name} must be two numbers", describe(pair, name))
    far, least = 1e9, 1e-9
    pairs = [
        per_picture(op, "angle", angle, -far, far),
        *(per_picture(op, "translate", v, -far, far) for v in translate),
        per_picture(op, "scale", scale, least, far),
        *(per_picture(op, "shear", v, -far, far) for v in shear),
    ]
    x, layout = planes(op, img, together(op, *(n for _, n in pairs)))
    high, wide = x.shape[2:]
    middle = _middle(op, center, high, wide)
    matrix = _inverse(middle, *(column(v).reshape(-1) for v, _ in pairs))
    return layout.back(_moved(op, x, matrix, (high, wide), mode, fill))


def rotate(
    img: Any,
    angle: Any,
    interpolation: str = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = 0,
) -> Tensor:
    """The picture rotated about its middle, or another point.

    Args:
        angle: degrees, counter-clockwise; a number, or a tensor (N,) with one for each picture.
        interpolation: "nearest" or "bilinear".
        expand: whether the result is as large as the whole rotated picture.
        center: the point (x, y) in pixels from the upper left corner, without expand.
        fill: the number for what lies outside, or one for each channel.

    Shapes: (..., H, W) -> (..., H, W), larger with expand. Dtypes: any; whole numbers are rounded.
    Raises: ArgumentError for expand with angles that differ.
    Source: the interface of torchvision.transforms.v2.functional.rotate.

    Example:
        >>> x = nnx.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nnx.data.transforms.functional.rotate(x, 90).tolist()
        [[2.0, 4.0], [1.0, 3.0]]
    """
    op, far = "rotate", 1e9
    mode = mode_of(op, interpolation, ("nearest", "bilinear"))
    turn, n = per_picture(op, "angle", angle, -far, far)
    x, layout = planes(op, img, n)
    high, wide = x.shape[2:]
    size = (high, wide)
    if expand:
        if n is not None and n > 1:
            rule = "with expand=True every picture has a size of its own, and a batch has one"
            hint = "rotate them one by one, or leave expand out"
            raise fail(ArgumentError, op, rule, f"{n} angles", hint)
        if center is not None:
            rule = "expand=True keeps the whole picture, whatever the center"
            raise fail(ArgumentError, op, rule, describe(center, "center"), "leave center out")
        size = _expanded(float(turn), high, wide)
    zero, one = column(0.0).reshape(-1), column(1.0).reshape(-1)
    middle = _middle(op, center, high, wide)
    matrix = _inverse(middle, -column(turn).reshape(-1), zero, zero, one, zero, zero)
    return layout.back(_moved(op, x, matrix, size, mode, fill))


def _middle(op: str, center: Any, high: int, wide: int) -> tuple[float, float]:
    """The fixed point, from the middle of the picture."""
    if center is None:
        return 0.0, 0.0
    x, y = numbers(op, "center", center, (2,))
    return x - wide / 2, y - high / 2


def _expanded(angle: float, high: int, wide: int) -> tuple[int, int]:
    """The least number of pixels to add on both sides that holds the rotated corners; a quarter
    turn only swaps height and width."""
    if angle % 90 == 0:
        return (high, wide) if angle % 180 == 0 else (wide, high)
    a = math.radians(angle)
    c, s = abs(math.cos(a)), abs(math.sin(a))

    def grown(old: int, needed: float) -> int:
        # A corner that falls on a pixel's edge but for rounding needs no further pixel.
        return 2 * math.ceil((old + needed) / 2 - 1e-4) - old

    return grown(high, wide * s + high * c), grown(wide, wide * c + high * s)


def _inverse(
    middle: tuple[float, float],
    angle: Tensor,
    right: Tensor,
    down: Tensor,
    scale: Tensor,
    shear_x: Tensor,
    shear_y: Tensor,
) -> Tensor:
    """(N, 2, 3): from a place in the result, from the middle, to one in the picture."""
    rotation, along_x, along_y = (v * (math.pi / 180) for v in (angle, shear_x, shear_y))
    a = (rotation - along_y).cos() / along_y.cos()
    b = -a * along_x.tan() - rotation.sin()
    c = (rotation - along_y).sin() / along_y.cos()
    d = -c * along_x.tan() + rotation.cos()
    a, b, c, d = (v / scale for v in (a, b, c, d))
    x, y = middle
    u, v = -x - right, -y - down
    rows = [d, -b, d * u - b * v + x], [-c, a, -c * u + a * v + y]
    n = max(len(v) for row in rows for v in row)
    return stack([stack([v.expand(n) for v in row], -1) for row in rows], 1)


def _moved(
    op: str, x: Tensor, matrix: Tensor, size: tuple[int, int], mode: str, fill: Any
) -> Tensor:
    """The picture read at the places to which the matrix sends the pixels of the result."""
    from nnx.nn.functional import grid_sample  # networks are not needed for data

    if mode == "nearest" and x.dtype == bool_:
        return _moved(op, x.to(uint8), matrix, size, mode, fill).to(bool_)
    n, _, high, wide = x.shape
    # Fractions of the picture; computed in float64, since the edges of pixels are close calls.
    across = arange(size[1], dtype=float64) - (size[1] - 1) / 2
    down = (arange(size[0], dtype=float64) - (size[0] - 1) / 2)[:, None]
    m = matrix.reshape(-1, 6, 1, 1)
    u = (m[:, 0] * across + m[:, 1] * down + m[:, 2]) / (wide / 2)
    v = (m[:, 3] * across + m[:, 4] * down + m[:, 5]) / (high / 2)
    places = stack([u, v], -1)
    places = places.expand(n, *places.shape[1:])
    colour = fill_values(op, fill, x)
    plain = not bool((colour != 0).any())

    def sampled(t: Tensor) -> Tensor:
        grid = places.to(t.dtype)
        made = grid_sample(t, grid, mode, "zeros", False)
        if plain:
            return made
        cover = grid_sample(ones(n, 1, high, wide, dtype=t.dtype), grid, mode, "zeros", False)
        return made + (1 - cover) * colour.to(t.dtype)

    return as_floats(op, x, sampled)
