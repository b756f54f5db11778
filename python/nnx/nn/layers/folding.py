"""Windows as columns, and shuffles between channels and pixels, as modules."""

from __future__ import annotations

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.functional.folding import Lengths
from nnx.nn.layers.pooling import lengths
from nnx.nn.module import Module


class Unfold(Module):
    """Every window of an image as a column.

    Args:
        kernel_size: height and width of the window.
        dilation: distance of its elements.
        padding: zeros around the image.
        stride: how far the window moves.

    Shapes: (N, C, H, W) -> (N, C * kernel_size^2, windows), or all without N. Dtypes: any.
    Raises: ShapeError where the window does not fit the padded image.

    Example:
        >>> nn.Unfold(3, padding=1)(nnx.zeros((5, 2, 4, 4))).shape
        (5, 18, 16)
    """

    def __init__(
        self,
        kernel_size: Lengths,
        dilation: Lengths = 1,
        padding: Lengths = 0,
        stride: Lengths = 1,
    ) -> None:
        super().__init__()
        self.kernel_size = lengths("Unfold", "kernel_size", kernel_size, 2, 1)
        self.dilation = lengths("Unfold", "dilation", dilation, 2, 1)
        self.padding = lengths("Unfold", "padding", padding, 2, 0)
        self.stride = lengths("Unfold", "stride", stride, 2, 1)

    def forward(self, input: Tensor) -> Tensor:
        return functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        text = f"kernel_size={self.kernel_size}, dilation={self.dilation}"
        return text + f", padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """The image of which the columns are windows, overlapping elements added: Unfold transposed.

    Args:
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: as in Unfold.

    Shapes: (N, C * kernel_size^2, windows) -> (N, C, *output_size), or both without N. Dtypes: any.
    Raises: ShapeError where the columns are not windows of such an image.

    Example:
        >>> nn.Fold((4, 4), 3, padding=1)(nnx.zeros((5, 18, 16))).shape
        (5, 2, 4, 4)
    """

    def __init__(
        self,
        output_size: Lengths,
        kernel_size: Lengths,
        dilation: Lengths = 1,
        padding: Lengths = 0,
        stride: Lengths = 1,
    ) -> None:
        super().__init__()
        self.output_size = lengths("Fold", "output_size", output_size, 2, 1)
        self.kernel_size = lengths("Fold", "kernel_size", kernel_size, 2, 1)
        self.dilation = lengths("Fold", "dilation", dilation, 2, 1)
        self.padding = lengths("Fold", "padding", padding, 2, 0)
        self.stride = lengths("Fold", "stride", stride, 2, 1)

    def forward(self, input: Tensor) -> Tensor:
        return functional.fold(
            *(input, self.output_size, self.kernel_size),
            *(self.dilation, self.padding, self.stride),
        )

    def extra_repr(self) -> str:
        text = f"output_size={self.output_size}, kernel_size={self.kernel_size}"
        text += f", dilation={self.dilation}, padding={self.padding}"
        return text + f", stride={self.stride}"


class PixelShuffle(Module):
    """Channels in groups of r^2 become r by r pixels each, r = upscale_factor.

    Shapes: (..., C r^2, H, W) -> (..., C, r H, r W). Dtypes: any.
    Raises: ShapeError where r^2 does not divide the channels.
    Source: Shi et al., arXiv:1609.05158.

    Example:
        >>> nn.PixelShuffle(2)(nnx.zeros((1, 8, 3, 3))).shape
        (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = _check.integer("PixelShuffle", "upscale_factor", upscale_factor, 1)

    def forward(self, input: Tensor) -> Tensor:
        return functional.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Squares of r by r pixels become r^2 channels, r = downscale_factor: PixelShuffle undone.

    Shapes: (..., C, r H, r W) -> (..., C r^2, H, W). Dtypes: any.
    Raises: ShapeError where r does not divide height and width.

    Example:
        >>> nn.PixelUnshuffle(2)(nnx.zeros((1, 2, 6, 6))).shape
        (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = _check.integer(
            "PixelUnshuffle", "downscale_factor", downscale_factor, 1
        )

    def forward(self, input: Tensor) -> Tensor:
        return functional.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels dealt out: cut into groups, then the first of each, the second of each, ...

    Shapes: (N, C, ...), the result the same. Dtypes: any.
    Raises: ShapeError where groups does not divide the channels.
    Source: Zhang et al., arXiv:1707.01083.

    Example:
        >>> nn.ChannelShuffle(2)(nnx.arange(4).reshape(1, 4, 1)).flatten().tolist()
        [0, 2, 1, 3]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = _check.integer("ChannelShuffle", "groups", groups, 1)

    def forward(self, input: Tensor) -> Tensor:
        return functional.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold"]
