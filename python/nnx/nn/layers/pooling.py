"""Pooling layers: windows over the last one, two or three axes, as in nn.functional.pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor
from nnx.nn import functional
from nnx.nn.functional.pooling import Lengths, Sizes, each, sizes
from nnx.nn.module import Module


def lengths(op: str, name: str, value: Any, axes: int, least: int) -> Any:
    """One whole number for all axes or one for each, as it was given.

    Example:
        >>> nn.layers.pooling.lengths("f", "stride", (1, 2), 2, 1)
        (1, 2)
    """
    found = each(op, name, value, axes, least)
    return found if isinstance(value, Sequence) else found[0]


class _Windows(Module):
    """What layers with windows have in common."""

    _axes = 0

    def __init__(self, kernel_size: Lengths, stride: Lengths | None, padding: Lengths = 0) -> None:
        super().__init__()
        op, axes = type(self).__name__, self._axes
        self.kernel_size = lengths(op, "kernel_size", kernel_size, axes, 1)
        whole = stride is None or (isinstance(stride, Sequence) and not stride)
        self.stride = self.kernel_size if whole else lengths(op, "stride", stride, axes, 1)
        self.padding = lengths(op, "padding", padding, axes, 0)

    def _beside(self) -> bool:
        """Whether the windows lie beside one another, none of them on the padding."""
        return bool(self.stride == self.kernel_size) and self.padding in (0, (0,) * self._axes)


class MaxPool(_Windows):
    """Base of MaxPool1d, MaxPool2d and MaxPool3d.

    Example:
        >>> isinstance(nn.MaxPool2d(2), nn.layers.pooling.MaxPool)
        True
    """

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.dilation = lengths(type(self).__name__, "dilation", dilation, self._axes, 1)
        self.return_indices = bool(return_indices)
        self.ceil_mode = bool(ceil_mode)

    def forward(self, input: Tensor) -> Any:
        return ops.max_pool(
            *(input, self._axes, self.kernel_size, self.stride, self.padding),
            *(self.dilation, self.ceil_mode, self.return_indices),
        )

    def _fused(self) -> dict[str, Any] | None:
        """What a convolution before this is told to pool its result as well, if it can."""
        plain = self.dilation in (1, (1,) * self._axes)
        if not plain or self.ceil_mode or self.return_indices or not self._beside():
            return None
        return {"max_window": self.kernel_size}

    def extra_repr(self) -> str:
        text = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return text + f", dilation={self.dilation}, ceil_mode={self.ceil_mode}"


class MaxPool1d(MaxPool):
    """The largest element of windows over the last axis: as MaxPool2d.

    Shapes: (N, C, L) or (C, L). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.MaxPool1d(2)(nnx.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
        [[3.0, 2.0]]
    """

    _axes = 1


class MaxPool2d(MaxPool):
    """The largest element of windows over the last two axes.

    Args:
        kernel_size: lengths of the window.
        stride: how far it moves; kernel_size unless given.
        padding: elements of minus infinity around the input, at most half the kernel.
        dilation: distance of the elements of a window.
        return_indices: whether forward returns (values, indices), as MaxUnpool2d takes them.
        ceil_mode: whether a last window may reach over the end.

    Shapes: (N, C, H, W) or (C, H, W); a length L becomes
        floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1. Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.MaxPool2d(2)(nnx.zeros((5, 3, 28, 28))).shape
        (5, 3, 14, 14)
        >>> nn.MaxPool2d(3, stride=2, padding=1)
        MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)
    """

    _axes = 2


class MaxPool3d(MaxPool):
    """The largest element of windows over the last three axes: as MaxPool2d.

    Shapes: (N, C, D, H, W) or (C, D, H, W). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.MaxPool3d(2)(nnx.zeros((1, 4, 6, 8))).shape
        (1, 2, 3, 4)
    """

    _axes = 3


class AvgPool(_Windows):
    """Base of AvgPool1d, AvgPool2d and AvgPool3d.

    Example:
        >>> isinstance(nn.AvgPool2d(2), nn.layers.pooling.AvgPool)
        True
    """

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.ceil_mode = bool(ceil_mode)
        self.count_include_pad = bool(count_include_pad)
        self.divisor_override = None
        if divisor_override is not None:
            self.divisor_override = _check.integer(
                type(self).__name__, "divisor_override", divisor_override, 1
            )

    def forward(self, input: Tensor) -> Tensor:
        return ops.avg_pool(
            *(input, self._axes, self.kernel_size, self.stride, self.padding),
            *(self.ceil_mode, self.count_include_pad, self.divisor_override),
        )

    def _fused(self) -> dict[str, Any] | None:
        """What a convolution before this is told to pool its result as well, if it can."""
        if self.ceil_mode or self.divisor_override is not None or not self._beside():
            return None
        return {"mean_window": self.kernel_size}

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(AvgPool):
    """The mean of windows over the last axis: as AvgPool2d.

    Shapes: (N, C, L) or (C, L). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.AvgPool1d(2)(nnx.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
        [[2.0, 1.0]]
    """

    _axes = 1

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(AvgPool):
    """The mean of windows over the last two axes.

    Args:
        kernel_size: lengths of the window.
        stride: how far it moves; kernel_size unless given.
        padding: zeros around the input, at most half the kernel.
        ceil_mode: whether a last window may reach over the end.
        count_include_pad: whether the padding counts as elements.
        divisor_override: what the sum of a window is divided by, instead of its size.

    Shapes: (N, C, H, W) or (C, H, W); a length L becomes
        floor((L + 2 padding - kernel_size) / stride) + 1. Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.AvgPool2d(2)(nnx.arange(4.0).reshape(1, 2, 2)).tolist()
        [[[1.5]]]
    """

    _axes = 2


class AvgPool3d(AvgPool):
    """The mean of windows over the last three axes: as AvgPool2d.

    Shapes: (N, C, D, H, W) or (C, D, H, W). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.AvgPool3d(2)(nnx.arange(8.0).reshape(1, 2, 2, 2)).tolist()
        [[[[3.5]]]]
    """

    _axes = 3


class LPPool(_Windows):
    """Base of LPPool1d, LPPool2d and LPPool3d.

    Example:
        >>> isinstance(nn.LPPool2d(2, 2), nn.layers.pooling.LPPool)
        True
    """

    def __init__(
        self,
        norm_type: float,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride)
        op = type(self).__name__
        self.norm_type = _check.real(op, "norm_type", norm_type)
        if self.norm_type == 0:
            raise fail(ArgumentError, op, "norm_type must not be 0", describe(norm_type))
        self.ceil_mode = bool(ceil_mode)

    def forward(self, input: Tensor) -> Tensor:
        return functional.pooling.lp_pool(
            self._axes, input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        text = f"norm_type={self.norm_type:g}, kernel_size={self.kernel_size}"
        return text + f", stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(LPPool):
    """(sum x^p)^(1/p) of windows over the last axis: as LPPool2d.

    Shapes: (N, C, L) or (C, L). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.LPPool1d(2, 2)(nnx.tensor([[3.0, 4.0]])).tolist()
        [[5.0]]
    """

    _axes = 1


class LPPool2d(LPPool):
    """(sum x^p)^(1/p) of windows over the last two axes.

    Args:
        norm_type: p; 1 for the sum, a large one for nearly the largest element.
        kernel_size: lengths of the window.
        stride: how far it moves; kernel_size unless given.
        ceil_mode: whether a last window may reach over the end.

    Shapes: (N, C, H, W) or (C, H, W). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.LPPool2d(2, 2)(nnx.tensor([[[3.0, 0.0], [0.0, 4.0]]])).tolist()
        [[[5.0]]]
    """

    _axes = 2


class LPPool3d(LPPool):
    """(sum x^p)^(1/p) of windows over the last three axes: as LPPool2d.

    Shapes: (N, C, D, H, W) or (C, D, H, W). Dtypes: floating.
    Raises: ShapeError where a window does not fit the input.

    Example:
        >>> nn.LPPool3d(1, 2)(nnx.ones((1, 2, 2, 2))).tolist()
        [[[[8.0]]]]
    """

    _axes = 3


class MaxUnpool(_Windows):
    """Base of MaxUnpool1d, MaxUnpool2d and MaxUnpool3d.

    Example:
        >>> isinstance(nn.MaxUnpool2d(2), nn.layers.pooling.MaxUnpool)
        True
    """

    def __init__(
        self, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0
    ) -> None:
        super().__init__(kernel_size, stride, padding)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        return functional.pooling.max_unpool(
            *(self._axes, input, indices, self.kernel_size),
            *(self.stride, self.padding, output_size),
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool):
    """Zeros with the elements of the input where MaxPool1d found them: as MaxUnpool2d.

    Shapes: input, indices (N, C, L) or (C, L). Dtypes: floating, indices integers.
    Raises: ShapeError for shapes that do not fit, IndexError for indices outside the result.

    Example:
        >>> y, where = nn.MaxPool1d(2, return_indices=True)(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]))
        >>> nn.MaxUnpool1d(2)(y, where).tolist()
        [[0.0, 3.0, 2.0, 0.0]]
    """

    _axes = 1


class MaxUnpool2d(MaxUnpool):
    """Zeros with the elements of the input where MaxPool2d found them: its partial inverse.

    Args:
        kernel_size, stride, padding: those of the pooling.

    forward(input, indices, output_size=None) takes what MaxPool2d(..., return_indices=True)
    returned, and the size before the pooling where several pool to one.

    Shapes: input, indices (N, C, H, W) or (C, H, W); lengths become
        (H - 1) stride - 2 padding + kernel_size. Dtypes: floating, indices integers.
    Raises: ShapeError for shapes that do not fit, IndexError for indices outside the plane.

    Example:
        >>> x = nnx.tensor([[[1.0, 2.0], [4.0, 3.0]]])
        >>> y, where = nn.MaxPool2d(2, return_indices=True)(x)
        >>> nn.MaxUnpool2d(2)(y, where).tolist()
        [[[0.0, 0.0], [4.0, 0.0]]]
    """

    _axes = 2


class MaxUnpool3d(MaxUnpool):
    """Zeros with the elements of the input where MaxPool3d found them: as MaxUnpool2d.

    Shapes: input, indices (N, C, D, H, W) or (C, D, H, W). Dtypes: floating, indices integers.
    Raises: ShapeError for shapes that do not fit, IndexError for indices outside the volume.

    Example:
        >>> y, where = nn.MaxPool3d(2, return_indices=True)(nnx.ones((1, 2, 2, 2)))
        >>> nn.MaxUnpool3d(2)(y, where).sum().item()
        1.0
    """

    _axes = 3


class AdaptiveMaxPool(Module):
    """Base of AdaptiveMaxPool1d, AdaptiveMaxPool2d and AdaptiveMaxPool3d.

    Example:
        >>> isinstance(nn.AdaptiveMaxPool2d(2), nn.layers.pooling.AdaptiveMaxPool)
        True
    """

    _axes = 0

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__()
        self._sizes = sizes(type(self).__name__, self._axes, output_size)
        self.output_size = output_size
        self.return_indices = bool(return_indices)

    def forward(self, input: Tensor) -> Any:
        return ops.adaptive_max_pool(input, self._sizes, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """The largest elements of output_size parts of the last axis: as AdaptiveMaxPool2d.

    Shapes: (N, C, L) or (C, L) -> (..., output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveMaxPool1d(2)(nnx.tensor([[1.0, 3.0, 2.0, 0.0]])).tolist()
        [[3.0, 2.0]]
    """

    _axes = 1


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """The largest elements of the parts that the last two axes are cut into.

    Args:
        output_size: the number of parts of both or each axis; None keeps a length.
        return_indices: whether forward returns (values, indices).

    Shapes: (N, C, H, W) or (C, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveMaxPool2d((None, 1))(nnx.arange(6.0).reshape(1, 2, 3)).tolist()
        [[[2.0], [5.0]]]
    """

    _axes = 2


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """The largest elements of the parts of the last three axes: as AdaptiveMaxPool2d.

    Shapes: (N, C, D, H, W) or (C, D, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveMaxPool3d(1)(nnx.arange(8.0).reshape(1, 2, 2, 2)).tolist()
        [[[[7.0]]]]
    """

    _axes = 3


class AdaptiveAvgPool(Module):
    """Base of AdaptiveAvgPool1d, AdaptiveAvgPool2d and AdaptiveAvgPool3d.

    Example:
        >>> isinstance(nn.AdaptiveAvgPool2d(2), nn.layers.pooling.AdaptiveAvgPool)
        True
    """

    _axes = 0

    def __init__(self, output_size: Sizes) -> None:
        super().__init__()
        self._sizes = sizes(type(self).__name__, self._axes, output_size)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return ops.adaptive_avg_pool(input, self._sizes)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """The means of output_size parts of the last axis: as AdaptiveAvgPool2d.

    Shapes: (N, C, L) or (C, L) -> (..., output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveAvgPool1d(2)(nnx.tensor([[1.0, 3.0, 2.0]])).tolist()
        [[2.0, 2.5]]
    """

    _axes = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """The means of the parts that the last two axes are cut into: with 1, of each channel.

    Args: output_size: the number of parts of both or each axis; None keeps a length.
    Shapes: (N, C, H, W) or (C, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveAvgPool2d(1)(nnx.arange(6.0).reshape(1, 2, 3)).tolist()
        [[[2.5]]]
    """

    _axes = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """The means of the parts of the last three axes: as AdaptiveAvgPool2d.

    Shapes: (N, C, D, H, W) or (C, D, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError for an input with other axes.

    Example:
        >>> nn.AdaptiveAvgPool3d(1)(nnx.arange(8.0).reshape(1, 2, 2, 2)).tolist()
        [[[[3.5]]]]
    """

    _axes = 3


__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


# The classes whose forward is known: what may run together with a convolution before it.
KNOWN = frozenset((MaxPool1d, MaxPool2d, MaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d))
