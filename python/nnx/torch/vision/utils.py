"""torchvision.utils: many images in one, and into a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import nnx
from nnx import _check
from nnx._errors import FileError, describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor
from nnx._optional import need

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """One picture of many, nrow in a row, with a border of padding pixels around each.

    Args:
        normalize: whether values are brought to [0, 1]: from value_range, or from the smallest and
            largest of all (of each picture with scale_each).
        pad_value: the value of the border.

    Shapes: (n, c, h, w), a list of (c, h, w), or (h, w) -> (3, rows (h + padding) + padding,
        columns (w + padding) + padding); one channel becomes three. One picture stays as it is.
    Raises: ShapeError for other shapes, ArgumentError.
    Source: the interface of torchvision.utils.make_grid.

    Example:
        >>> from nnx.torch.vision.utils import make_grid
        >>> make_grid(nnx.rand(6, 1, 28, 28), nrow=3).shape
        (3, 62, 92)
    """
    op = "make_grid"
    nrow = _check.integer(op, "nrow", nrow, 1)
    padding = _check.integer(op, "padding", padding)
    if isinstance(tensor, Tensor) or hasattr(tensor, "__array__"):
        x = nnx.asarray(tensor).detach()
    elif not isinstance(tensor, list | tuple):
        rule = "takes a tensor, or a list of pictures"
        raise fail(DTypeError, op, rule, describe(tensor, "tensor"))
    else:
        x = nnx.stack([nnx.asarray(t).detach() for t in tensor])
    if not 2 <= x.ndim <= 4:
        rule = "images have the axes (n, c, h, w), (c, h, w) or (h, w)"
        raise fail(ShapeError, op, rule, describe(x))
    if x.ndim == 2:
        x = x.unsqueeze(0)
    if x.ndim == 3:
        x = x.unsqueeze(0)
    if x.shape[1] == 1:
        x = x.repeat(1, 3, 1, 1)
    if normalize:
        x = _normalized(x, value_range, scale_each)
    count, channels, height, width = x.shape
    if count <= 1:
        return x.squeeze(0)
    columns = min(nrow, count)
    rows = -(-count // columns)
    # Every picture with its border above and to the left, then the frame's right and bottom.
    cell = nnx.full(
        (rows * columns, channels, height + padding, width + padding), pad_value, dtype=x.dtype
    )
    cell[:count, :, padding:, padding:] = x
    cells = cell.reshape((rows, columns, channels, height + padding, width + padding))
    grid = cells.permute(2, 0, 3, 1, 4).reshape(
        (channels, rows * (height + padding), columns * (width + padding))
    )
    return nnx.pad(grid, ((0, 0), (0, padding), (0, padding)), constant_values=pad_value)


def _normalized(x: Tensor, limits: tuple[float, float] | None, each: bool) -> Tensor:
    """Values brought to [0, 1]."""
    if limits is not None:
        low: Any = min(limits)
        high: Any = max(limits)
    elif x.numel() == 0:
        return x
    else:
        axes = (1, 2, 3) if each else (0, 1, 2, 3)
        low, high = nnx.min(x, axes, keepdims=True), nnx.max(x, axes, keepdims=True)
    width = nnx.maximum(nnx.asarray(high, dtype=x.dtype) - low, nnx.asarray(1e-5, dtype=x.dtype))
    out: Tensor = (nnx.clip(x, low, high) - low) / width
    return out


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str],
    format: str | None = None,
    **options: Any,
) -> None:
    """Writes images, as `make_grid` joins them, to a picture file; values in [0, 1].

    Args: options: those of `make_grid`.
    Raises: as `make_grid`; MissingPackageError without Pillow, FileError where it cannot write.

    Example:
        >>> import os, tempfile
        >>> from nnx.torch.vision.utils import save_image
        >>> path = os.path.join(tempfile.mkdtemp(), "grid.png")
        >>> save_image(nnx.rand(4, 1, 8, 8), path, nrow=2)
        >>> os.path.getsize(path) > 0
        True
    """
    image = need("PIL", "save_image", "PIL.Image")
    grid = make_grid(tensor, **options)
    pixels = nnx.clip(grid * 255 + 0.5, 0, 255).to(nnx.uint8).permute(1, 2, 0)
    try:
        image.fromarray(pixels.contiguous().cpu().numpy()).save(fp, format=format)
    except (OSError, ValueError) as error:
        rule = "the picture cannot be written"
        raise fail(FileError, "save_image", rule, f"{fp} ({error})") from error
