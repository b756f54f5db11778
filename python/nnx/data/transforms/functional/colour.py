"""Functions on pictures that change numbers in place: brightness, colours, blur, noise, holes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    Generator,
    ShapeError,
    Tensor,
    arange,
    concatenate,
    float64,
    maximum,
    minimum,
    randn,
    where,
)
from nnx.data.transforms.functional.geometry import pad
from nnx.data.transforms.functional.layout import (
    as_floats,
    brightest,
    column,
    per_picture,
    planes,
    together,
    whole_per_picture,
)
from nnx.data.transforms.functional.options import fill_values, listed

_INF = math.inf


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Tensor:
    """The picture without colour: 0.2989 red + 0.587 green + 0.114 blue.

    Args: num_output_channels: 1, or 3 for three channels alike.
    Shapes: (..., 3, H, W) or (..., 1, H, W) -> (..., num_output_channels, H, W).
    Dtypes: any; whole numbers are rounded.
    Source: ITU-R BT.601; the interface of torchvision.transforms.v2.functional.rgb_to_grayscale.

    Example:
        >>> nnx.data.transforms.functional.rgb_to_grayscale(nnx.ones(3, 4, 5)).shape
        (1, 4, 5)
    """
    op = "rgb_to_grayscale"
    many = _check.choice(op, "num_output_channels", num_output_channels, (1, 3))
    x, layout = planes(op, img)
    grey = as_floats(op, x, lambda t: _grey(op, t))
    return layout.back(grey.expand(len(x), many, *x.shape[2:]))


def _grey(op: str, x: Tensor) -> Tensor:
    if x.shape[1] == 1:
        return x
    if x.shape[1] != 3:
        rule = "a picture in colours must have the channels red, green, blue"
        raise fail(ShapeError, op, rule, describe(x, "image"))
    return x[:, 0:1] * 0.2989 + x[:, 1:2] * 0.587 + x[:, 2:3] * 0.114


def adjust_brightness(img: Any, brightness_factor: Any) -> Tensor:
    """y = factor x, within the range of pixels.

    Args: brightness_factor: at least 0; a number, or a tensor (N,) with one for each picture.
    Shapes: (..., H, W) -> the same. Dtypes: floats from 0 to 1, or uint8.
    Raises: ArgumentError for floats outside of 0 ... 1.

    Example:
        >>> nnx.data.transforms.functional.adjust_brightness(nnx.full((1, 2), 0.25), 2).tolist()
        [[0.5, 0.5]]
    """
    op = "adjust_brightness"
    return _blended(op, "brightness_factor", img, brightness_factor, lambda x: 0.0)


def adjust_contrast(img: Any, contrast_factor: Any) -> Tensor:
    """y = factor x + (1 - factor) mean, within the range of pixels; mean is that of the grey
    picture.

    Args: contrast_factor: at least 0; a number, or a tensor (N,) with one for each picture.
    Shapes: (..., C, H, W) or (H, W) -> the same; C is 1 or 3. Dtypes: floats from 0 to 1, or uint8.
    Raises: ArgumentError for floats outside of 0 ... 1.

    Example:
        >>> nnx.data.transforms.functional.adjust_contrast(nnx.tensor([[0.25, 0.75]]), 0).tolist()
        [[0.5, 0.5]]
    """
    op = "adjust_contrast"
    return _blended(
        op, "contrast_factor", img, contrast_factor, lambda x: _grey(op, x).mean((1, 2, 3), True)
    )


def adjust_saturation(img: Any, saturation_factor: Any) -> Tensor:
    """y = factor x + (1 - factor) grey, within the range of pixels.

    Args: saturation_factor: at least 0; a number, or a tensor (N,) with one for each picture.
    Shapes: (..., C, H, W) or (H, W) -> the same; C is 1 or 3. Dtypes: floats from 0 to 1, or uint8.
    Raises: ArgumentError for floats outside of 0 ... 1.

    Example:
        >>> red = nnx.tensor([[[1.0]], [[0.0]], [[0.0]]])
        >>> y = nnx.data.transforms.functional.adjust_saturation(red, 0)
        >>> [round(v, 4) for v in y.flatten().tolist()]
        [0.2989, 0.2989, 0.2989]
    """
    op = "adjust_saturation"
    return _blended(op, "saturation_factor", img, saturation_factor, lambda x: _grey(op, x))


def _blended(op: str, name: str, img: Any, factor: Any, other: Callable[[Tensor], Any]) -> Tensor:
    share, n = per_picture(op, name, factor, 0, _INF)
    x, layout = planes(op, img, n)
    top = brightest(op, x)

    def blend(t: Tensor) -> Tensor:
        f, end = column(share).to(t.dtype), other(t)
        # A grey picture has no colour to mix with: it stays bit for bit.
        made: Tensor = t if end is t else (f * t + (1 - f) * end).clamp(0, top)
        return made

    return layout.back(as_floats(op, x, blend))


def adjust_hue(img: Any, hue_factor: Any) -> Tensor:
    """The colours turned around the colour wheel, by a fraction of a turn.

    Args: hue_factor: -0.5 to 0.5; a number, or a tensor (N,) with one for each picture.
    Shapes: (..., C, H, W) or (H, W) -> the same; C is 1 or 3. Dtypes: floats from 0 to 1, or uint8.
    Raises: ArgumentError for floats outside of 0 ... 1.
    Source: A. R. Smith, SIGGRAPH 12, 12 (1978): the hexagon of hue, saturation and value.

    Example:
        >>> red = nnx.tensor([[[1.0]], [[0.0]], [[0.0]]])
        >>> y = nnx.data.transforms.functional.adjust_hue(red, 1 / 3)
        >>> [round(v, 4) for v in y.flatten().tolist()]
        [0.0, 1.0, 0.0]
    """
    op = "adjust_hue"
    turn, n = per_picture(op, "hue_factor", hue_factor, -0.5, 0.5)
    x, layout = planes(op, img, n)
    top = brightest(op, x)
    if x.shape[1] == 1:
        return layout.back(x)

    def turned(t: Tensor) -> Tensor:
        if t.shape[1] != 3:
            _grey(op, t)  # raises
        red, green, blue = t[:, 0:1], t[:, 1:2], t[:, 2:3]
        high = maximum(maximum(red, green), blue)
        low = minimum(minimum(red, green), blue)
        spread = high - low
        safe = where(spread > 0, spread, 1)
        side = where(
            high == red,
            (green - blue) / safe,
            where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
        )
        hue = side + 6 * column(turn).to(t.dtype)
        # Each colour is a trapezium of the hue: k = 5, 3, 1 of Smith's hexagon.
        parts = []
        for k in (5, 3, 1):
            place = (k + hue) % 6
            parts.append(high - spread * minimum(place, 4 - place).clamp(0, 1))
        return concatenate(parts, 1).clamp(0, top)

    return layout.back(as_floats(op, x, turned))


def invert(img: Any) -> Tensor:
    """The negative: 1 - x, or 255 - x of bytes.

    Shapes: any picture -> the same. Dtypes: floats from 0 to 1, or uint8.

    Example:
        >>> nnx.data.transforms.functional.invert(nnx.tensor([[0.25]])).tolist()
        [[0.75]]
    """
    x, layout = planes("invert", img)
    top = brightest("invert", x)
    return layout.back(as_floats("invert", x, lambda t: top - t))


# --- blur and noise -------------------------------------------------------------------------------
def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Tensor:
    """The picture averaged with the weights of a Gaussian; at the edges it is mirrored.

    Args:
        kernel_size: odd numbers of pixels (across, down), or one for both.
        sigma: in pixels: (across, down), one for both, or a tensor (N,) with one for each
            picture; 0.15 kernel_size + 0.35 unless given.

    Shapes: (..., H, W) -> the same. Dtypes: any; whole numbers are rounded.
    Raises: ArgumentError for an even size, and one that is more than twice the picture.
    Source: the interface of torchvision.transforms.v2.functional.gaussian_blur.

    Example:
        >>> nnx.data.transforms.functional.gaussian_blur(nnx.ones(3, 3), 3).sum().item()
        9.0
    """
    op = "gaussian_blur"
    across, down = odd_pair(op, kernel_size)
    if sigma is None:
        given: list[Any] = [0.15 * across + 0.35, 0.15 * down + 0.35]
    else:
        given = list(sigma) if isinstance(sigma, Sequence) else [sigma]
    if len(given) not in (1, 2):
        raise fail(ArgumentError, op, "sigma must be one or two numbers", describe(sigma, "sigma"))
    found = [per_picture(op, "sigma", s, 1e-6, 1e9) for s in given]
    x, layout = planes(op, img, together(op, *(n for _, n in found)))

    def blurred(t: Tensor) -> Tensor:
        t = _along(t, 3, across, found[0][0])
        return _along(t, 2, down, found[-1][0])

    return layout.back(as_floats(op, x, blurred))


def odd_pair(op: str, kernel_size: Any) -> tuple[int, int]:
    """Two odd numbers.

    Example:
        >>> from nnx.data.transforms.functional.colour import odd_pair
        >>> odd_pair("gaussian_blur", 3)
        (3, 3)
    """
    values = listed(kernel_size)
    found = [_check.integer(op, "kernel_size", v, 1) for v in values]
    if len(found) not in (1, 2) or any(v % 2 == 0 for v in found):
        rule = "kernel_size must be one or two odd numbers"
        raise fail(ArgumentError, op, rule, describe(kernel_size, "kernel_size"))
    return found[0], found[-1]


def _along(x: Tensor, axis: int, size: int, sigma: Any) -> Tensor:
    half, length = size // 2, x.shape[axis]
    place = arange(-half, half + 1, dtype=float64) / column(sigma).reshape(-1, 1)
    weights = (place * place * -0.5).exp()
    weights = (weights / weights.sum(1, keepdim=True)).to(x.dtype)
    wider = pad(x, (half, 0) if axis == 3 else (0, half), padding_mode="reflect")
    taps = [wider.narrow(axis, k, length) * weights[:, k].reshape(-1, 1, 1, 1) for k in range(size)]
    total = taps[0]
    for tap in taps[1:]:
        total = total + tap
    return total


def gaussian_noise(
    img: Any,
    mean: float = 0.0,
    sigma: float = 0.1,
    clip: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """The picture with a normal random number added to each pixel.

    Args:
        mean, sigma: of the numbers.
        clip: whether the result is kept within 0 ... 1.
        generator: where the numbers come from; `nnx.manual_seed`'s unless given.

    Shapes: any picture -> the same. Dtypes: floats, with clip from 0 to 1.
    Raises: DTypeError for whole numbers, ArgumentError for floats outside of 0 ... 1 with clip.
    Source: the interface of torchvision.transforms.v2.functional.gaussian_noise.

    Example:
        >>> y = nnx.data.transforms.functional.gaussian_noise(nnx.zeros(8, 8), sigma=0)
        >>> float(y.max())
        0.0
    """
    op = "gaussian_noise"
    mean, sigma = _check.real(op, "mean", mean), _check.real(op, "sigma", sigma, 0)
    x, layout = planes(op, img)
    if not x.dtype.is_floating_point:
        hint = "put ToTensor() before it, or ToDtype(nnx.float32, scale=True)"
        raise fail(DTypeError, op, "the pixels must be floats", describe(x, "image"), hint)
    if clip:
        try:
            brightest(op, x)
        except ArgumentError as error:
            rule = "with clip=True the pixels must be from 0 to 1"
            low, high = float(x.min()), float(x.max())
            received = f"{describe(x, 'image')} from {low:.4g} to {high:.4g}"
            hint = "put Normalize behind it, or write clip=False"
            raise fail(ArgumentError, op, rule, received, hint) from error
    y = x + (randn(x.shape, dtype=x.dtype, generator=generator) * sigma + mean)
    return layout.back(y.clamp(0, 1) if clip else y)


# --- holes ----------------------------------------------------------------------------------------
def erase(img: Any, i: Any, j: Any, h: Any, w: Any, v: Any, inplace: bool = False) -> Tensor:
    """The picture with a rectangle of another number.

    Args:
        i, j: the rectangle's first row and column; h, w: its height and width. Numbers, or
            tensors (N,) with one for each picture of a batch.
        v: a number, one for each channel, or a tensor that broadcasts to the picture.
        inplace: whether the picture itself is written to.

    Shapes: (..., H, W) -> the same. Dtypes: any.

    Example:
        >>> nnx.data.transforms.functional.erase(nnx.ones(2, 3), 0, 1, 1, 2, 0).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    op = "erase"
    given = {"i": i, "j": j, "h": h, "w": w}
    pairs = [whole_per_picture(op, name, value) for name, value in given.items()]
    x, layout = planes(op, img, together(op, *(n for _, n in pairs)))
    top, left, high, wide = (column(value) for value, _ in pairs)
    rows = arange(x.shape[2], dtype=float64)[:, None]
    columns = arange(x.shape[3], dtype=float64)
    hole = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
    filling = v.to(x.dtype) if isinstance(v, Tensor) and v.ndim > 1 else fill_values(op, v, x)
    made: Tensor = where(hole, filling, x)
    if inplace and isinstance(img, Tensor):
        return img.copy_(layout.back(made))
    return layout.back(made)
