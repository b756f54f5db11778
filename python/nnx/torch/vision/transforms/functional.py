"""torchvision.transforms.functional: nnx.data.transforms.functional, and pictures of Pillow."""

from __future__ import annotations

from typing import Any

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ShapeError
from nnx._optional import need
from nnx.data.transforms import functional as _own

__all__ = [*_own.__all__, "to_pil_image"]


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A picture of Pillow: floats in [0, 1] become bytes.

    Args: mode: Pillow's name of the channels; L for one, RGB for three, RGBA for four unless given.
    Shapes: a tensor (channels, height, width) or (height, width); an array (height, width) or
        (height, width, channels).
    Raises: ShapeError for other shapes, MissingPackageError without Pillow.

    Example:
        >>> from nnx.torch.vision.transforms.functional import to_pil_image
        >>> to_pil_image(nnx.ones(1, 4, 6)).getpixel((0, 0))
        255
    """
    image = need("PIL", "to_pil_image", "PIL.Image")
    x = nnx.asarray(pic).detach()
    if x.ndim == 3 and isinstance(pic, nnx.Tensor):
        x = x.permute(1, 2, 0)
    if x.ndim == 2:
        x = x.unsqueeze(-1)
    if x.ndim != 3 or x.shape[-1] not in (1, 2, 3, 4):
        rule = "a picture is a tensor (channels, height, width) of 1 to 4 channels"
        raise fail(ShapeError, "to_pil_image", rule, describe(pic, "pic"))
    if x.is_floating_point():
        x = x * 255
    pixels = nnx.clip(x, 0, 255).to(nnx.uint8).contiguous().cpu().numpy()
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    found = image.fromarray(pixels)
    return found if mode is None else found.convert(mode)


def __getattr__(name: str) -> Any:
    return getattr(_own, name)
