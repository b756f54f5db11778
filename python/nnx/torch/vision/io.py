"""torchvision.io: a picture file as a tensor."""

from __future__ import annotations

import enum
import os

import numpy as np

import nnx
from nnx._errors import FileError, MissingFileError, fail
from nnx._nnx import Tensor
from nnx._optional import need

__all__ = ["ImageReadMode", "read_image"]


class ImageReadMode(enum.Enum):
    """The channels of a picture that is read.

    Example:
        >>> from nnx.torch.vision.io import ImageReadMode
        >>> ImageReadMode.GRAY.value
        'L'
    """

    UNCHANGED = ""
    GRAY = "L"
    GRAY_ALPHA = "LA"
    RGB = "RGB"
    RGB_ALPHA = "RGBA"


def read_image(
    path: str | os.PathLike[str], mode: ImageReadMode = ImageReadMode.UNCHANGED
) -> Tensor:
    """The pixels of a picture file.

    Shapes: -> (channels, height, width). Dtypes: uint8.
    Raises: MissingFileError, FileError for a file that is no picture, MissingPackageError without
        Pillow.

    Example:
        >>> import os, tempfile
        >>> from nnx.torch.vision import io, utils
        >>> path = os.path.join(tempfile.mkdtemp(), "picture.png")
        >>> utils.save_image(nnx.zeros(1, 4, 6), path)
        >>> io.read_image(path, io.ImageReadMode.GRAY).shape
        (1, 4, 6)
    """
    image = need("PIL", "read_image", "PIL.Image")
    try:
        with image.open(path) as opened:
            kind = mode.value or ("RGB" if opened.mode == "P" else opened.mode)
            pixels = np.array(opened.convert(kind), dtype=np.uint8)
    except FileNotFoundError as error:
        raise fail(MissingFileError, "read_image", "the file does not exist", str(path)) from error
    except (OSError, SyntaxError) as error:
        rule = "the file must be a picture"
        raise fail(FileError, "read_image", rule, f"{path} ({error})") from error
    found = nnx.tensor(pixels)
    return found.unsqueeze(0) if found.ndim == 2 else found.permute(2, 0, 1).contiguous()
