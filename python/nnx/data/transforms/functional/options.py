"""The options of functions on pictures, as the plain values that they compute with."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, asarray, float64


class InterpolationMode(StrEnum):
    """How a picture is read between its pixels; the words themselves do as well.

    Example:
        >>> from nnx.data.transforms import InterpolationMode, Resize
        >>> Resize(8, InterpolationMode.NEAREST)
        Resize(size=8, interpolation='nearest')
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def listed(value: Any) -> list[Any]:
    """A list of one number, or of the numbers of a sequence or an array.

    Example:
        >>> from nnx.data.transforms.functional.options import listed
        >>> listed(3), listed((1, 2))
        ([3], [1, 2])
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    many = isinstance(value, Sequence) and not isinstance(value, str)
    return list(value) if many else [value]


def size_pair(op: str, size: Any) -> tuple[int, int]:
    """Height and width of a size: a number for both, or a pair.

    Example:
        >>> from nnx.data.transforms.functional.options import size_pair
        >>> size_pair("crop", 8)
        (8, 8)
    """
    values = listed(size)
    if len(values) not in (1, 2):
        raise fail(ArgumentError, op, "size must be a number or (height, width)", repr(size))
    high, wide = (_check.integer(op, "size", v, 1) for v in (values[0], values[-1]))
    return high, wide


def borders(op: str, padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right and bottom border of a padding: a number for all, (x, y), or all four.

    Example:
        >>> from nnx.data.transforms.functional.options import borders
        >>> borders("pad", (1, 2))
        (1, 2, 1, 2)
    """
    values = listed(padding)
    if len(values) not in (1, 2, 4):
        rule = "padding must be a number, (left/right, top/bottom) or (left, top, right, bottom)"
        raise fail(ArgumentError, op, rule, repr(padding))
    left, top, right, bottom = (
        _check.integer(op, "padding", v)
        for v in (values * 4 if len(values) == 1 else values * 2)[:4]
    )
    return left, top, right, bottom


def mode_of(op: str, interpolation: Any, allowed: Sequence[str]) -> str:
    """The mode as a word.

    Example:
        >>> from nnx.data.transforms.functional.options import mode_of
        >>> mode_of("resize", "bilinear", ("nearest", "bilinear"))
        'bilinear'
    """
    word = str(interpolation) if isinstance(interpolation, str) else interpolation
    return str(_check.choice(op, "interpolation", word, [str(mode) for mode in allowed]))


def numbers(op: str, name: str, values: Any, counts: Sequence[int]) -> list[float]:
    """As many numbers as one of the counts says.

    Example:
        >>> from nnx.data.transforms.functional.options import numbers
        >>> numbers("affine", "translate", (1, 2), (2,))
        [1.0, 2.0]
    """
    given = listed(values)
    if len(given) not in counts:
        many = " or ".join(map(str, counts))
        raise fail(ArgumentError, op, f"{name} must be {many} numbers", describe(values, name))
    return [_check.real(op, name, v) for v in given]


def fill_values(op: str, fill: Any, x: Tensor) -> Tensor:
    """A colour as (1, C, 1, 1) or (1, 1, 1, 1), in the dtype of the picture.

    Raises: ShapeError for another number of channels, ArgumentError outside of bytes.

    Example:
        >>> from nnx.data.transforms.functional.options import fill_values
        >>> fill_values("pad", (1, 2, 3), nnx.zeros(5, 3, 4, 4)).shape
        (1, 3, 1, 1)
    """
    colour = [0.0 if v is None else _check.real(op, "fill", v) for v in listed(fill)]
    if len(colour) not in (1, x.shape[1]):
        rule = f"fill must be a number, or one for each of the {x.shape[1]} channels"
        raise fail(ShapeError, op, rule, describe(fill, "fill"))
    if not x.dtype.is_floating_point and any(not v.is_integer() for v in colour):
        rule = f"fill must be whole numbers for pixels that are {x.dtype}"
        raise fail(ArgumentError, op, rule, describe(fill, "fill"))
    if x.itemsize == 1 and any(not 0 <= v <= 255 for v in colour):
        raise fail(ArgumentError, op, "fill must be 0 to 255 for bytes", describe(fill, "fill"))
    return asarray(colour, dtype=float64).reshape(1, -1, 1, 1).to(x.dtype)
