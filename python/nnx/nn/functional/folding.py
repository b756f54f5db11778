"""Windows as columns, and shuffles between channels and pixels."""

from __future__ import annotations

from collections.abc import Sequence

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.nn.functional.arguments import tensor

Lengths = int | Sequence[int]


def unfold(
    input: Tensor,
    kernel_size: Lengths,
    dilation: Lengths = 1,
    padding: Lengths = 0,
    stride: Lengths = 1,
) -> Tensor:
    """Every window of an image as a column: with it, a convolution is a product of matrices.

    Column l holds the elements of window l: channel by channel, in each row by row.

    Args:
        kernel_size: height and width of the window.
        dilation: distance of its elements.
        padding: zeros around the image.
        stride: how far the window moves.

    Shapes: (N, C, H, W) -> (N, C * kernel_size^2, windows), or all without N. Dtypes: any.
    Raises: ShapeError where the window does not fit the padded image, ArgumentError for options
        that are too small.

    Example:
        >>> x = nnx.arange(9.0).reshape(1, 1, 3, 3)
        >>> nn.functional.unfold(x, 2)[0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
        >>> weight = nnx.ones(5, 1, 2, 2)
        >>> (weight.flatten(1) @ nn.functional.unfold(x, 2)).unflatten(-1, (2, 2)).shape
        (1, 5, 2, 2)
    """
    return ops.unfold_windows(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor,
    output_size: Lengths,
    kernel_size: Lengths,
    dilation: Lengths = 1,
    padding: Lengths = 0,
    stride: Lengths = 1,
) -> Tensor:
    """The image of which the columns are windows, overlapping elements added: unfold transposed.

    fold(unfold(x)) is x times the number of windows that hold each element; divide by
    fold(unfold(ones_like(x))) to get x back.

    Args:
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: as in unfold.

    Shapes: (N, C * kernel_size^2, windows) -> (N, C, *output_size), or both without N. Dtypes: any.
    Raises: ShapeError where the columns are not windows of such an image, ArgumentError for options
        that are too small.

    Example:
        >>> columns = nn.functional.unfold(nnx.ones((1, 1, 3, 3)), 2)
        >>> nn.functional.fold(columns, (3, 3), 2)[0, 0].tolist()
        [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]
    """
    return ops.fold(input, output_size, kernel_size, dilation, padding, stride)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels in groups of r^2 become r by r pixels each: how an image is enlarged.

    y[c, r h + i, r w + j] = x[c r^2 + r i + j, h, w] with r = upscale_factor.

    Shapes: (..., C r^2, H, W) -> (..., C, r H, r W). Dtypes: any.
    Raises: ShapeError where r^2 does not divide the channels.
    Source: Shi et al., arXiv:1609.05158.

    Example:
        >>> nn.functional.pixel_shuffle(nnx.arange(4.0).reshape(4, 1, 1), 2).tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]
    """
    op = "pixel_shuffle"
    r = _check.integer(op, "upscale_factor", upscale_factor, 1)
    x = tensor(op, "input", input)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        rule = f"the input must be (..., C, H, W) with C a multiple of upscale_factor^2 = {r * r}"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    *lead, channels, height, width = x.shape
    split = x.reshape((-1, channels // (r * r), r, r, height, width))
    return split.permute(0, 1, 4, 2, 5, 3).reshape(
        (*lead, channels // (r * r), r * height, r * width)
    )


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of r by r pixels become r^2 channels: the inverse of pixel_shuffle.

    Shapes: (..., C, r H, r W) -> (..., C r^2, H, W) with r = downscale_factor. Dtypes: any.
    Raises: ShapeError where r does not divide height and width.

    Example:
        >>> nn.functional.pixel_unshuffle(nnx.arange(4.0).reshape(1, 2, 2), 2).flatten().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    op = "pixel_unshuffle"
    r = _check.integer(op, "downscale_factor", downscale_factor, 1)
    x = tensor(op, "input", input)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        rule = f"the input must be (..., C, H, W) with H and W multiples of downscale_factor = {r}"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    *lead, channels, height, width = x.shape
    split = x.reshape((-1, channels, height // r, r, width // r, r))
    return split.permute(0, 1, 3, 5, 2, 4).reshape(
        (*lead, channels * r * r, height // r, width // r)
    )


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels dealt out: cut into groups, then the first of each, the second of each, ...

    Shapes: (N, C, ...), the result the same. Dtypes: any.
    Raises: ShapeError where groups does not divide the channels.
    Source: Zhang et al., arXiv:1707.01083.

    Example:
        >>> nn.functional.channel_shuffle(nnx.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
        [0, 2, 1, 3]
    """
    op = "channel_shuffle"
    groups = _check.integer(op, "groups", groups, 1)
    x = tensor(op, "input", input)
    if x.ndim < 3 or x.shape[1] % groups:
        rule = f"the input must be (N, C, ...) with C a multiple of groups = {groups}"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    n, channels, *rest = x.shape
    dealt = (
        x.reshape((n, groups, channels // groups, -1))
        if x.numel()
        else x.reshape((n, groups, channels // groups, *rest))
    )
    return dealt.transpose(1, 2).reshape((n, channels, *rest))
