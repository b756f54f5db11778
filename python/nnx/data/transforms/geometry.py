"""Transforms that move pixels: crops, flips, borders, sizes, rotations.

The random ones draw numbers of their own for every picture of a batch.
"""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, float64, rand, where
from nnx.data.transforms import functional as F
from nnx.data.transforms.base import Transform
from nnx.data.transforms.functional.geometry import new_size
from nnx.data.transforms.functional.layout import batch_planes
from nnx.data.transforms.functional.options import (
    PAD_MODES,
    InterpolationMode,
    borders,
    listed,
    mode_of,
    numbers,
    size_pair,
)
from nnx.data.workers import batch_generator

_TRIES = 10


class PictureTransform(Transform):
    """Base of transforms of pictures: a subclass has `planes(x)`, from (N, C, H, W) to (N, ...).

    Samples may be (H, W), (C, H, W), and bytes also (H, W, C); they keep that order of axes.

    Example:
        >>> from nnx.data.transforms.geometry import PictureTransform
        >>> class Upright(PictureTransform):
        ...     def planes(self, x):
        ...         return x.mT
        >>> Upright()(nnx.zeros(28, 20)).shape
        (20, 28)
    """

    _shown: tuple[str, ...] = ()  # the options in repr

    def planes(self, x: Tensor) -> Tensor:
        """The transformed pictures (N, C, H, W).

        Example:
            >>> nnx.data.transforms.CenterCrop(2).planes(nnx.zeros(1, 1, 4, 4)).shape
            (1, 1, 2, 2)
        """
        raise NotImplementedError(f"{type(self).__name__} has no planes")

    def batch(self, x: Tensor) -> Tensor:
        pictures, layout = batch_planes(type(self).__name__, x)
        return layout.back(self.planes(pictures))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={_plain(getattr(self, name))!r}" for name in self._shown)
        return f"{type(self).__name__}({given})"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def draws(n: int, low: Any = 0.0, high: Any = 1.0, *more: int) -> Tensor:
    """Uniform numbers (n, *more) of the batch, float64.

    Example:
        >>> from nnx.data.transforms.geometry import draws
        >>> draws(3).shape
        (3,)
    """
    u = rand((n, *more), dtype=float64, generator=batch_generator())
    made: Tensor = u * (high - low) + low
    return made


def interval(
    op: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """Two numbers that do not fall.

    Example:
        >>> from nnx.data.transforms.geometry import interval
        >>> interval("RandomErasing", "scale", (0.1, 0.3), 0, 1)
        (0.1, 0.3)
    """
    a, b = (_check.real(op, name, v, low, high) for v in numbers(op, name, value, (2,)))
    if not a <= b:
        rule = f"{name} must be (low, high)"
        raise fail(ArgumentError, op, rule, describe(value, name), f"write ({b:g}, {a:g})")
    return a, b


def _around(op: str, name: str, value: Any) -> list[float]:
    """Limits of angles: a number is minus that to that."""
    if len(listed(value)) > 1:
        return numbers(op, name, value, (2, 4) if name == "shear" else (2,))
    reach = _check.real(op, name, listed(value)[0], 0)
    return [-reach, reach]


def boxes(
    x: Tensor, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Areas in pixels and ratios (tries, N) of random rectangles, and uniform numbers (2, N) for
    their places.

    The area is a share of the picture's within `scale`; the logarithm of the ratio is uniform.

    Example:
        >>> from nnx.data.transforms.geometry import boxes
        >>> boxes(nnx.zeros(5, 1, 8, 8), (0.1, 0.2), (1, 1))[0].shape
        (10, 5)
    """
    n, area = len(x), x.shape[2] * x.shape[3]
    areas = draws(_TRIES, scale[0], scale[1], n) * area
    ratios = draws(_TRIES, math.log(ratio[0]), math.log(ratio[1]), n).exp()
    return areas, ratios, draws(2, 0.0, 1.0, n)


def first_valid(fits: Tensor, high: Tensor, wide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of rectangles (tries, N) the first that fits for each picture, and whether there is one.

    Example:
        >>> from nnx.data.transforms.geometry import first_valid
        >>> fits = nnx.tensor([[False], [True]])
        >>> h = nnx.tensor([[9.0], [2.0]])
        >>> [v.tolist() for v in first_valid(fits, h, h)]
        [[True], [2.0], [2.0]]
    """
    first = fits.long().argmax(0)[None]
    return fits.any(0), high.gather(0, first)[0], wide.gather(0, first)[0]


# --- the same for every picture -------------------------------------------------------------------
class Resize(PictureTransform):
    """Pictures at another size.

    Args:
        size: (height, width), or a number for the shorter side, whose ratio to the longer stays;
            None with max_size.
        interpolation: "nearest", "nearest-exact", "bilinear" or "bicubic".
        max_size: the most for the longer side, where size is a number or None.
        antialias: whether a smaller picture averages over all pixels that fall together.

    Shapes: (..., H, W) -> (..., *size). Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.Resize.

    Example:
        >>> nnx.data.transforms.Resize((14, 14))(nnx.zeros(1, 28, 28)).shape
        (1, 14, 14)
    """

    _shown = ("size", "interpolation")

    def __init__(
        self,
        size: Any,
        interpolation: str = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        new_size("Resize", size, max_size, 1, 1)  # checks them
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = mode_of("Resize", interpolation, tuple(InterpolationMode))

    def planes(self, x: Tensor) -> Tensor:
        return F.resize(x, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(PictureTransform):
    """The middle of each picture; one that is smaller gets a border of 0.

    Args: size: (height, width), or a number for both.
    Shapes: (..., H, W) -> (..., *size). Dtypes: any.
    Source: the interface of torchvision.transforms.v2.CenterCrop.

    Example:
        >>> nnx.data.transforms.CenterCrop(1)(nnx.arange(9).reshape(3, 3)).tolist()
        [[4]]
    """

    _shown = ("size",)

    def __init__(self, size: Any) -> None:
        self.size = size_pair("CenterCrop", size)

    def planes(self, x: Tensor) -> Tensor:
        return F.center_crop(x, self.size)


class Pad(PictureTransform):
    """Pictures with a border.

    Args:
        padding: pixels: a number for all sides, (left/right, top/bottom), or (left, top, right,
            bottom).
        fill: the border's number, or one for each channel, with padding_mode "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric"; see `functional.pad`.

    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Source: the interface of torchvision.transforms.v2.Pad.

    Example:
        >>> nnx.data.transforms.Pad(2)(nnx.zeros(1, 28, 28)).shape
        (1, 32, 32)
    """

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill = borders("Pad", padding), fill
        self.padding_mode = _check.choice("Pad", "padding_mode", padding_mode, PAD_MODES)

    def planes(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding, self.fill, self.padding_mode)


# --- random crops and flips -----------------------------------------------------------------------
class RandomCrop(PictureTransform):
    """A window at a random place of each picture.

    Args:
        size: (height, width) of the window, or a number for both.
        padding: a border that is added first; see `Pad`.
        pad_if_needed: whether a picture smaller than the window gets a border.
        fill, padding_mode: of the border; see `Pad`.

    Shapes: (..., H, W) -> (..., *size). Dtypes: any.
    Raises: ShapeError for a window larger than the picture.
    Source: the interface of torchvision.transforms.v2.RandomCrop.

    Example:
        >>> nnx.data.transforms.RandomCrop(32, padding=4)(nnx.zeros(3, 32, 32)).shape
        (3, 32, 32)
    """

    random = True
    _shown = ("size", "padding")

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        op = "RandomCrop"
        self.size = size_pair(op, size)
        self.padding = None if padding is None else borders(op, padding)
        self.pad_if_needed, self.fill = bool(pad_if_needed), fill
        self.padding_mode = _check.choice(op, "padding_mode", padding_mode, PAD_MODES)

    def planes(self, x: Tensor) -> Tensor:
        if self.padding is not None:
            x = F.pad(x, self.padding, self.fill, self.padding_mode)
        high, wide = self.size
        if self.pad_if_needed and (high > x.shape[2] or wide > x.shape[3]):
            more = (max(wide - x.shape[3], 0), max(high - x.shape[2], 0))
            x = F.pad(x, more, self.fill, self.padding_mode)
        if high > x.shape[2] or wide > x.shape[3]:
            rule = f"a picture must be at least {high} x {wide}, as the window"
            hint = "give it padding=..., or pad_if_needed=True"
            raise fail(ShapeError, "RandomCrop", rule, describe(x, "batch"), hint)
        n = len(x)
        top = draws(n, 0, x.shape[2] - high + 1).floor()
        left = draws(n, 0, x.shape[3] - wide + 1).floor()
        return F.crop(x, top, left, high, wide)


class RandomResizedCrop(PictureTransform):
    """A random window of each picture, of random size and ratio, at one size.

    Args:
        size: (height, width) of the result, or a number for both.
        scale: limits of the window's share of the area.
        ratio: limits of width / height, whose logarithm is uniform.
        interpolation, antialias: as `Resize`.

    Where ten windows in a row are larger than the picture, it is the largest one in the middle.
    Shapes: (..., H, W) -> (..., *size). Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.RandomResizedCrop.

    Example:
        >>> nnx.data.transforms.RandomResizedCrop(16)(nnx.zeros(3, 32, 40)).shape
        (3, 16, 16)
    """

    random = True
    _shown = ("size", "scale", "ratio", "interpolation")

    def __init__(
        self,
        size: Any,
        scale: Any = (0.08, 1.0),
        ratio: Any = (3 / 4, 4 / 3),
        interpolation: str = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        op = "RandomResizedCrop"
        self.size = size_pair(op, size)
        self.scale = interval(op, "scale", scale, 0)
        self.ratio = interval(op, "ratio", ratio, 1e-6)
        self.interpolation = mode_of(op, interpolation, tuple(InterpolationMode))
        self.antialias = antialias

    def planes(self, x: Tensor) -> Tensor:
        high, wide = x.shape[2:]
        areas, ratios, places = boxes(x, self.scale, self.ratio)
        widths, heights = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
        fits = (widths > 0) & (widths <= wide) & (heights > 0) & (heights <= high)
        found, h, w = first_valid(fits, heights, widths)
        # The whole picture, or as much of it as the ratio allows.
        low, most = self.ratio
        whole_h = min(high, max(round(wide / low), 1)) if wide / high < low else high
        whole_w = min(wide, max(round(high * most), 1)) if wide / high > most else wide
        h, w = where(found, h, float(whole_h)), where(found, w, float(whole_w))
        top = where(found, (places[0] * (high - h + 1)).floor(), ((high - h) / 2).floor())
        left = where(found, (places[1] * (wide - w + 1)).floor(), ((wide - w) / 2).floor())
        mode, smooth = self.interpolation, self.antialias
        return F.resized_crop(x, top, left, h, w, self.size, mode, smooth)


class _RandomFlip(PictureTransform):
    random = True
    _shown = ("p",)
    _f: Any = None

    def __init__(self, p: float = 0.5) -> None:
        self.p = _check.real(type(self).__name__, "p", p, 0, 1)

    def planes(self, x: Tensor) -> Tensor:
        made: Tensor = type(self)._f(x, draws(len(x)) < self.p)
        return made


class RandomHorizontalFlip(_RandomFlip):
    """Each picture mirrored from left to right with probability p.

    Shapes: (..., H, W) -> the same. Dtypes: any.
    Source: the interface of torchvision.transforms.v2.RandomHorizontalFlip.

    Example:
        >>> nnx.data.transforms.RandomHorizontalFlip(p=1)(nnx.tensor([[1, 2]])).tolist()
        [[2, 1]]
    """

    _f = staticmethod(F.hflip)


class RandomVerticalFlip(_RandomFlip):
    """Each picture turned upside down with probability p.

    Shapes: (..., H, W) -> the same. Dtypes: any.
    Source: the interface of torchvision.transforms.v2.RandomVerticalFlip.

    Example:
        >>> nnx.data.transforms.RandomVerticalFlip(p=1)(nnx.tensor([[1], [2]])).tolist()
        [[2], [1]]
    """

    _f = staticmethod(F.vflip)


# --- random rotations -----------------------------------------------------------------------------
class RandomRotation(PictureTransform):
    """Each picture rotated by a random angle.

    Args:
        degrees: limits of the angle, counter-clockwise; a number d is (-d, d).
        interpolation: "nearest" or "bilinear".
        expand: whether the result is as large as the whole rotated picture; only for pictures one
            by one, since those of a batch have one size.
        center: the fixed point (x, y) in pixels from the upper left corner; the middle unless
            given.
        fill: the number for what lies outside, or one for each channel.

    Shapes: (..., H, W) -> the same. Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.RandomRotation.

    Example:
        >>> nnx.data.transforms.RandomRotation((90, 90))(nnx.tensor([[1, 2], [3, 4]])).tolist()
        [[2, 4], [1, 3]]
    """

    random = True
    _shown = ("degrees", "interpolation")

    def __init__(
        self,
        degrees: Any,
        interpolation: str = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        op = "RandomRotation"
        self.degrees = interval(op, "degrees", _around(op, "degrees", degrees))
        self.interpolation = mode_of(op, interpolation, ("nearest", "bilinear"))
        self.expand, self.fill = bool(expand), fill
        self.center = None if center is None else numbers(op, "center", center, (2,))

    def planes(self, x: Tensor) -> Tensor:
        angle = draws(len(x), *self.degrees)
        return F.rotate(x, angle, self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(PictureTransform):
    """Each picture rotated, moved, scaled and sheared at random, about its middle.

    Args:
        degrees: limits of the angle, clockwise; a number d is (-d, d), 0 for none.
        translate: the most (right, down) or the opposite, as shares of width and height.
        scale: limits of the factor.
        shear: degrees: limits along x, or along x and y; a number s is (-s, s) along x.
        interpolation: "nearest" or "bilinear".
        fill: the number for what lies outside, or one for each channel.
        center: the fixed point (x, y) in pixels from the upper left corner.

    Shapes: (..., H, W) -> the same. Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.RandomAffine.

    Example:
        >>> from nnx.data.transforms import RandomAffine
        >>> move = RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))
        >>> move.batch(nnx.zeros(64, 1, 28, 28)).shape
        (64, 1, 28, 28)
    """

    random = True
    _shown = ("degrees", "translate", "scale", "shear", "interpolation")

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: str = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        op = "RandomAffine"
        self.degrees = interval(op, "degrees", _around(op, "degrees", degrees))
        self.translate = None if translate is None else numbers(op, "translate", translate, (2,))
        for share in self.translate or ():
            _check.real(op, "translate", share, 0, 1)
        self.scale = None if scale is None else interval(op, "scale", scale, 1e-6)
        self.shear = None if shear is None else _around(op, "shear", shear)
        for pair in (self.shear[:2], self.shear[2:]) if self.shear else ():
            if pair:
                interval(op, "shear", pair)
        self.interpolation = mode_of(op, interpolation, ("nearest", "bilinear"))
        self.fill = fill
        self.center = None if center is None else numbers(op, "center", center, (2,))

    def planes(self, x: Tensor) -> Tensor:
        n, (high, wide) = len(x), x.shape[2:]
        angle = draws(n, *self.degrees)
        move: list[Any] = [0.0, 0.0]
        if self.translate is not None:
            reach = self.translate[0] * wide, self.translate[1] * high
            move = [draws(n, -r, r).round() for r in reach]
        factor: Any = 1.0 if self.scale is None else draws(n, *self.scale)
        lean: list[Any] = [0.0, 0.0]
        for k in range(len(self.shear or ()) // 2):
            lean[k] = draws(n, *(self.shear or ())[2 * k : 2 * k + 2])
        mode = self.interpolation
        return F.affine(x, angle, move, factor, lean, mode, self.fill, self.center)
