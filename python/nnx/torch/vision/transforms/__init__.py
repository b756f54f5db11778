"""torchvision.transforms: nnx.data.transforms, and pictures of Pillow. `v2` is the same module.

Example:
    >>> from nnx.torch.vision import transforms
    >>> transforms.Normalize is nnx.data.transforms.Normalize is transforms.v2.Normalize
    True
"""

from __future__ import annotations

import sys
from typing import Any

from nnx.data import transforms as _own
from nnx.torch.vision.transforms import functional

v2 = sys.modules[__name__]
__all__ = [*_own.__all__, "ToPILImage", "functional", "v2"]


class ToPILImage:
    """`functional.to_pil_image` as a transform.

    Raises: as that function.

    Example:
        >>> from nnx.torch.vision.transforms import ToPILImage
        >>> ToPILImage()(nnx.zeros(3, 4, 6)).size
        (6, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return functional.to_pil_image(pic, self.mode)


def __getattr__(name: str) -> Any:
    return getattr(_own, name)
