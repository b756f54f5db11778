"""Transforms that change numbers in place: colours, blur, noise, holes.

The random ones draw numbers of their own for every picture of a batch.
"""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, randn, randperm, where
from nnx.data.transforms import functional as F
from nnx.data.transforms.functional.colour import odd_pair
from nnx.data.transforms.functional.options import listed
from nnx.data.transforms.geometry import PictureTransform, boxes, draws, first_valid, interval
from nnx.data.workers import batch_generator


class Grayscale(PictureTransform):
    """Pictures without colour: 0.2989 red + 0.587 green + 0.114 blue.

    Args: num_output_channels: 1, or 3 for three channels alike.
    Shapes: (3, H, W) or (1, H, W) -> (num_output_channels, H, W).
    Source: the interface of torchvision.transforms.v2.Grayscale.

    Example:
        >>> nnx.data.transforms.Grayscale()(nnx.ones(3, 4, 5)).shape
        (1, 4, 5)
    """

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = _check.choice(
            "Grayscale", "num_output_channels", num_output_channels, (1, 3)
        )

    def planes(self, x: Tensor) -> Tensor:
        return F.rgb_to_grayscale(x, self.num_output_channels)


class RandomGrayscale(PictureTransform):
    """Each picture without its colour with probability p; three channels stay three.

    Shapes: (C, H, W) -> the same.
    Source: the interface of torchvision.transforms.v2.RandomGrayscale.

    Example:
        >>> nnx.data.transforms.RandomGrayscale(p=1)(nnx.ones(3, 4, 5)).shape
        (3, 4, 5)
    """

    random = True
    _shown = ("p",)

    def __init__(self, p: float = 0.1) -> None:
        self.p = _check.real("RandomGrayscale", "p", p, 0, 1)

    def planes(self, x: Tensor) -> Tensor:
        chosen = draws(len(x)) < self.p
        grey = F.rgb_to_grayscale(x, 3 if x.shape[1] == 3 else 1)
        made: Tensor = where(chosen.reshape(-1, 1, 1, 1), grey, x)
        return made


class ColorJitter(PictureTransform):
    """Brightness, contrast, saturation and hue of each picture changed at random.

    Args:
        brightness, contrast, saturation: limits of the factor; a number b is
            (max(0, 1 - b), 1 + b), None leaves them.
        hue: limits of the part of a turn around the colour wheel, within -0.5 ... 0.5; a number h
            is (-h, h).

    The changes come in a random order, which the pictures of a batch share.
    Shapes: (C, H, W) or (H, W) -> the same, C is 1 or 3. Dtypes: floats from 0 to 1, or uint8.
    Raises: ArgumentError for floats outside of 0 ... 1.
    Source: the interface of torchvision.transforms.v2.ColorJitter.

    Example:
        >>> jitter = nnx.data.transforms.ColorJitter(brightness=(2, 2))
        >>> jitter(nnx.full((1, 1, 2), 0.25)).tolist()
        [[[0.5, 0.5]]]
    """

    random = True
    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(
        self, brightness: Any = None, contrast: Any = None, saturation: Any = None, hue: Any = None
    ) -> None:
        self.brightness = _limits("brightness", brightness, 1.0, 0.0, math.inf)
        self.contrast = _limits("contrast", contrast, 1.0, 0.0, math.inf)
        self.saturation = _limits("saturation", saturation, 1.0, 0.0, math.inf)
        self.hue = _limits("hue", hue, 0.0, -0.5, 0.5)

    def planes(self, x: Tensor) -> Tensor:
        changes = (
            (F.adjust_brightness, self.brightness),
            (F.adjust_contrast, self.contrast),
            (F.adjust_saturation, self.saturation),
            (F.adjust_hue, self.hue),
        )
        order = randperm(len(changes), generator=batch_generator()).tolist()
        factors = [None if limits is None else draws(len(x), *limits) for _, limits in changes]
        for k in order:
            if factors[k] is not None:
                x = changes[k][0](x, factors[k])
        return x


def _limits(
    name: str, value: Any, middle: float, low: float, high: float
) -> tuple[float, float] | None:
    op = "ColorJitter"
    if value is None:
        return None
    if len(listed(value)) == 1:
        reach = _check.real(op, name, listed(value)[0], 0, high)
        value = (max(middle - reach, low), middle + reach)
    ends = interval(op, name, value, low, high)
    return None if ends == (middle, middle) else ends


class GaussianBlur(PictureTransform):
    """Each picture blurred with a Gaussian of random width.

    Args:
        kernel_size: odd numbers of pixels (across, down), or one for both.
        sigma: limits of the width in pixels, or the width.

    Shapes: (..., H, W) -> the same. Dtypes: any; whole numbers are rounded.
    Source: the interface of torchvision.transforms.v2.GaussianBlur.

    Example:
        >>> nnx.data.transforms.GaussianBlur(3)(nnx.ones(1, 8, 8)).shape
        (1, 8, 8)
    """

    random = True
    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        op = "GaussianBlur"
        self.kernel_size = odd_pair(op, kernel_size)
        pair = listed(sigma) * 2 if len(listed(sigma)) == 1 else sigma
        self.sigma = interval(op, "sigma", pair, 1e-6)

    def planes(self, x: Tensor) -> Tensor:
        return F.gaussian_blur(x, self.kernel_size, draws(len(x), *self.sigma))


class GaussianNoise(PictureTransform):
    """A normal random number added to each pixel.

    Args: mean, sigma: of the numbers; clip: whether the result is kept within 0 ... 1.
    Shapes: any picture -> the same. Dtypes: floats, with clip from 0 to 1.
    Raises: DTypeError for whole numbers, ArgumentError for floats outside of 0 ... 1 with clip.
    Source: the interface of torchvision.transforms.v2.GaussianNoise.

    Example:
        >>> noisy = nnx.data.transforms.GaussianNoise(sigma=0.2)(nnx.zeros(1, 8, 8))
        >>> float(noisy.min()), noisy.shape
        (0.0, (1, 8, 8))
    """

    random = True
    _shown = ("mean", "sigma", "clip")

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        self.mean = _check.real("GaussianNoise", "mean", mean)
        self.sigma = _check.real("GaussianNoise", "sigma", sigma, 0)
        self.clip = bool(clip)

    def planes(self, x: Tensor) -> Tensor:
        return F.gaussian_noise(x, self.mean, self.sigma, self.clip, batch_generator())


class RandomErasing(PictureTransform):
    """A random rectangle of each picture erased, with probability p.

    Args:
        p: how often.
        scale: limits of the rectangle's share of the area.
        ratio: limits of height / width, whose logarithm is uniform.
        value: a number, one for each channel, or "random" for a normal number in each pixel.
        inplace: accepted, without effect: the pictures of a dataset are never written to.

    A picture in which ten rectangles in a row do not fit stays.
    Shapes: (..., H, W) -> the same. Dtypes: any; for "random" floats.
    Source: Zhong et al., arXiv:1708.04896; the interface of
        torchvision.transforms.v2.RandomErasing.

    Example:
        >>> erase = nnx.data.transforms.RandomErasing(p=1, scale=(0.25, 0.25), ratio=(1, 1))
        >>> erase(nnx.ones(1, 8, 8)).sum().item()
        48.0
    """

    random = True
    _shown = ("p", "scale", "ratio", "value")

    def __init__(
        self,
        p: float = 0.5,
        scale: Any = (0.02, 0.33),
        ratio: Any = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        op = "RandomErasing"
        self.p = _check.real(op, "p", p, 0, 1)
        self.scale = interval(op, "scale", scale, 0, 1)
        self.ratio = interval(op, "ratio", ratio, 1e-6)
        if isinstance(value, str) and value != "random":
            rule = "value must be a number, one for each channel, or 'random'"
            raise fail(ArgumentError, op, rule, describe(value, "value"))
        self.value, self.inplace = value, bool(inplace)

    def planes(self, x: Tensor) -> Tensor:
        n, (high, wide) = len(x), x.shape[2:]
        chosen = draws(n) < self.p
        areas, ratios, places = boxes(x, self.scale, self.ratio)
        heights, widths = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
        found, h, w = first_valid((heights < high) & (widths < wide), heights, widths)
        top, left = (places[0] * (high - h + 1)).floor(), (places[1] * (wide - w + 1)).floor()
        h = where(chosen & found, h, 0.0)
        value = self.value
        if isinstance(value, str):
            if not x.dtype.is_floating_point:
                rule = "value='random' needs pixels that are floats"
                hint = "put ToTensor() before it"
                raise fail(DTypeError, "RandomErasing", rule, describe(x, "batch"), hint)
            value = randn(x.shape, dtype=x.dtype, generator=batch_generator())
        return F.erase(x, top, left, h, w, value)
