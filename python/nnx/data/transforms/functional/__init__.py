"""Functions on pictures, the parts of which random transforms are made.

Pictures are tensors (..., H, W) or (..., C, H, W), arrays, or PIL images. Where a random transform
needs it, a parameter can be a tensor (N,) in place of a number: one for each picture of a batch.

Example:
    >>> from nnx.data.transforms import functional as F
    >>> F.rotate(nnx.eye(3), 90).tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
"""

from __future__ import annotations

from typing import Any

from nnx._nnx import Tensor, float32
from nnx.data.transforms.functional.colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    erase,
    gaussian_blur,
    gaussian_noise,
    invert,
    rgb_to_grayscale,
)
from nnx.data.transforms.functional.geometry import (
    affine,
    center_crop,
    crop,
    hflip,
    pad,
    resize,
    resized_crop,
    rotate,
    vflip,
)
from nnx.data.transforms.functional.options import InterpolationMode
from nnx.data.transforms.values import Normalize, ToDtype, ToImage, ToTensor

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "crop",
    "erase",
    "gaussian_blur",
    "gaussian_noise",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "to_dtype",
    "to_image",
    "to_tensor",
    "vflip",
]


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(x - mean) / std, with numbers for each channel or one for all.

    Shapes: (C, H, W) or (N, C, H, W) -> the same. Dtypes: floats. Raises: as `Normalize`.

    Example:
        >>> nnx.data.transforms.functional.normalize(nnx.ones(1, 1, 2), 0.5, 0.5).tolist()
        [[[1.0, 1.0]]]
    """
    made: Tensor = Normalize(mean, std, inplace)(tensor)
    return made


def to_tensor(pic: Any) -> Tensor:
    """A picture as a tensor: channels first, bytes as numbers 0 ... 1. See `ToTensor`.

    Example:
        >>> nnx.data.transforms.functional.to_tensor(np.full((1, 2), 255, np.uint8)).tolist()
        [[[1.0, 1.0]]]
    """
    made: Tensor = ToTensor()(pic)
    return made


def to_image(inpt: Any) -> Tensor:
    """A picture as a tensor: channels first, numbers as they are. See `ToImage`.

    Example:
        >>> nnx.data.transforms.functional.to_image(np.zeros((8, 9, 3), np.uint8)).shape
        (3, 8, 9)
    """
    made: Tensor = ToImage()(inpt)
    return made


def to_dtype(inpt: Any, dtype: Any = float32, scale: bool = False) -> Tensor:
    """Numbers as another dtype; with `scale=True` bytes as fractions of 255. See `ToDtype`.

    Example:
        >>> nnx.data.transforms.functional.to_dtype(nnx.tensor([1, 2])).tolist()
        [1.0, 2.0]
    """
    made: Tensor = ToDtype(dtype, scale)(inpt)
    return made
