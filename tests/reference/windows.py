"""Layers and functions of windows and borders, written for either library as in layers.py: a way to
build a function and the arrays to call it with. Values differ enough that no maximum is shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
Entry = tuple[Callable[[Any], Any], Sequence[Array]]


def image(seed: int, *shape: int) -> Array:
    n = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(n).reshape(shape) / n + 0.25


LINE, SQUARE, CUBE = image(1, 2, 3, 11), image(2, 2, 2, 7, 9), image(3, 1, 2, 4, 5, 6)
EVEN = image(4, 2, 2, 6, 12)

LAYERS: dict[str, Entry] = {
    "max_pool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), [LINE]),
    "max_pool2d": (lambda nn: nn.MaxPool2d(2), [EVEN]),
    "max_pool2d_overlapping": (lambda nn: nn.MaxPool2d(3, stride=2, padding=1), [SQUARE]),
    "max_pool2d_dilated": (
        lambda nn: nn.MaxPool2d((2, 3), (1, 2), (1, 0), dilation=(2, 1), ceil_mode=True),
        [SQUARE],
    ),
    "max_pool3d": (lambda nn: nn.MaxPool3d(2, ceil_mode=True), [CUBE]),
    "avg_pool1d": (lambda nn: nn.AvgPool1d(3, 2, 1), [LINE]),
    "avg_pool2d": (lambda nn: nn.AvgPool2d(2), [EVEN]),
    "avg_pool2d_overlapping": (
        lambda nn: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        [SQUARE],
    ),
    "avg_pool2d_divisor": (lambda nn: nn.AvgPool2d((3, 2), 2, divisor_override=5), [SQUARE]),
    "avg_pool3d": (lambda nn: nn.AvgPool3d(2, 1, 1), [CUBE]),
    "adaptive_avg1d": (lambda nn: nn.AdaptiveAvgPool1d(4), [LINE]),
    "adaptive_avg2d": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), [SQUARE]),
    "adaptive_avg2d_whole": (lambda nn: nn.AdaptiveAvgPool2d(1), [SQUARE]),
    "adaptive_avg3d": (lambda nn: nn.AdaptiveAvgPool3d((2, 3, 2)), [CUBE]),
    "adaptive_max1d": (lambda nn: nn.AdaptiveMaxPool1d(4), [LINE]),
    "adaptive_max2d": (lambda nn: nn.AdaptiveMaxPool2d((3, None)), [SQUARE]),
    "adaptive_max3d": (lambda nn: nn.AdaptiveMaxPool3d((2, 3, 2)), [CUBE]),
    "lp_pool1d": (lambda nn: nn.LPPool1d(2, 3), [LINE]),
    "lp_pool2d": (lambda nn: nn.LPPool2d(1.5, 3, stride=2), [SQUARE]),
    "lp_pool3d": (lambda nn: nn.LPPool3d(3, 2, ceil_mode=True), [CUBE]),
    "unfold": (lambda nn: nn.Unfold((3, 2), dilation=(1, 2), padding=1, stride=(2, 1)), [SQUARE]),
    "fold": (lambda nn: nn.Fold((4, 5), 2, padding=1, stride=(2, 1)), [image(5, 2, 8, 18)]),
    "pixel_shuffle": (lambda nn: nn.PixelShuffle(2), [image(6, 1, 8, 2, 3)]),
    "pixel_unshuffle": (lambda nn: nn.PixelUnshuffle(3), [image(6, 1, 2, 3, 6)]),
    "channel_shuffle": (lambda nn: nn.ChannelShuffle(2), [image(6, 1, 6, 2, 3)]),
    "zero_pad1d": (lambda nn: nn.ZeroPad1d((1, 2)), [LINE]),
    "zero_pad2d": (lambda nn: nn.ZeroPad2d((1, -2, 0, 3)), [SQUARE]),
    "zero_pad3d": (lambda nn: nn.ZeroPad3d(1), [CUBE]),
    "constant_pad1d": (lambda nn: nn.ConstantPad1d(2, 3.5), [LINE]),
    "constant_pad2d": (lambda nn: nn.ConstantPad2d((1, 2, 3, 0), -1), [SQUARE]),
    "constant_pad3d": (lambda nn: nn.ConstantPad3d(1, 0.5), [CUBE]),
    "reflection_pad1d": (lambda nn: nn.ReflectionPad1d((10, 3)), [LINE]),
    "reflection_pad2d": (lambda nn: nn.ReflectionPad2d((8, 0, 1, 6)), [SQUARE]),
    "reflection_pad3d": (lambda nn: nn.ReflectionPad3d(2), [CUBE]),
    "replication_pad1d": (lambda nn: nn.ReplicationPad1d((13, 2)), [LINE]),
    "replication_pad2d": (lambda nn: nn.ReplicationPad2d((1, 2, 3, 0)), [SQUARE]),
    "replication_pad3d": (lambda nn: nn.ReplicationPad3d(2), [CUBE]),
    "circular_pad1d": (lambda nn: nn.CircularPad1d((11, 2)), [LINE]),
    "circular_pad2d": (lambda nn: nn.CircularPad2d((1, 2, 3, 0)), [SQUARE]),
    "circular_pad3d": (lambda nn: nn.CircularPad3d(2), [CUBE]),
}


def back(axes: int, *options: Any) -> Callable[[Any], Any]:
    """Pooled and put back."""

    def build(F: Any) -> Any:
        pool, unpool = getattr(F, f"max_pool{axes}d"), getattr(F, f"max_unpool{axes}d")
        return lambda x: unpool(
            *pool(x, *options, return_indices=True), *options, output_size=x.shape
        )

    return build


FUNCTIONS: dict[str, Entry] = {
    "max_unpool1d": (back(1, 2), [LINE]),
    "max_unpool2d": (back(2, 3, 3, 1), [SQUARE]),
    "max_unpool3d": (back(3, 2), [CUBE]),
    "pad_reflect": (lambda F: lambda x: F.pad(x, (2, 1), "reflect"), [LINE]),
    "pad_replicate": (lambda F: lambda x: F.pad(x, (2, 1, 0, 3), "replicate"), [SQUARE]),
    "pad_circular": (lambda F: lambda x: F.pad(x, (2, 1, 0, 3, 1, 1), "circular"), [CUBE]),
    "pad_constant": (lambda F: lambda x: F.pad(x, (-1, 2, 3, -2), value=2.5), [SQUARE]),
}
