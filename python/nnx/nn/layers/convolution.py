"""Conv and ConvTranspose, of one to three spatial axes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor, empty
from nnx.nn import functional, init
from nnx.nn.functional import convolution
from nnx.nn.layers.activations import activation_op
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter

_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """Base of Conv and ConvTranspose: their options, parameters and text.

    Example:
        >>> isinstance(nn.Conv2d(1, 2, 3), nn.layers.convolution.Convolution)
        True
    """

    _rank: ClassVar[int | None] = None
    _structural = frozenset({"forward", "activation"})

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        rank: int,
        activation: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.rank = self._rank or _check.integer(name, "rank", rank, 1)
        if self.rank > 3:
            raise fail(ArgumentError, name, "rank must be 1, 2 or 3", str(rank))
        self.in_channels = _check.integer(name, "in_channels", in_channels, 1)
        self.out_channels = _check.integer(name, "out_channels", out_channels, 1)
        self.groups = _check.integer(name, "groups", groups, 1)
        for channels in (self.in_channels, self.out_channels):
            if channels % self.groups:
                rule = "in_channels and out_channels must be multiples of groups"
                received = f"{self.in_channels}, {self.out_channels} and groups {self.groups}"
                raise fail(ArgumentError, name, rule, received)
        self.kernel_size = self._each("kernel_size", kernel_size, 1)
        self.stride = self._each("stride", stride, 1)
        self.dilation = self._each("dilation", dilation, 1)
        self.padding: Any = padding
        if not isinstance(padding, str):
            self.padding = self._each("padding", padding, 0)
        self.padding_mode = _check.choice(name, "padding_mode", padding_mode, _MODES)
        self.activation = activation_op(name, activation)
        shape = (*self._channels(), *self.kernel_size)
        self.weight = Parameter(empty(shape, dtype=dtype, device=device))
        outputs = (self.out_channels,)
        self.bias = Parameter(empty(outputs, dtype=dtype, device=device)) if bias else None
        self.reset_parameters()

    def _activated(
        self, input: Tensor, activation: str | None, *args: Any, **options: Any
    ) -> Tensor:
        """What forward gives, with this activation, and pooling, in the same pass."""
        raise NotImplementedError

    def _channels(self) -> tuple[int, int]:
        """The first two axes of the weight."""
        return self.out_channels, self.in_channels // self.groups

    def _each(self, option: str, value: Any, least: int) -> tuple[int, ...]:
        """One number for each spatial axis."""
        name = type(self).__name__
        if isinstance(value, tuple | list):
            if len(value) != self.rank:
                rule = f"{option} must be one number or {self.rank}, one for each spatial axis"
                raise fail(ArgumentError, name, rule, describe(value, option))
            return tuple(_check.integer(name, option, v, least) for v in value)
        return (_check.integer(name, option, value, least),) * self.rank

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, uniform in +-1/sqrt(fan_in).

        Example:
            >>> layer = nn.Conv2d(1, 2, 3)
            >>> layer.reset_parameters()
            >>> bool((layer.weight.detach().abs() <= 1 / 3).all())
            True
        """
        bound = (self.weight.shape[1] * math.prod(self.kernel_size)) ** -0.5
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}"
        text += f", kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.rank:
            text += f", padding={self.padding!r}"
        if self.dilation != (1,) * self.rank:
            text += f", dilation={self.dilation}"
        text += self._more_repr()
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text + (f", activation={self.activation!r}" if self.activation else "")

    def _more_repr(self) -> str:
        return ""


class Conv(Convolution):
    """Convolution (a correlation) of images of `rank` spatial axes, and an activation if named.

    y[o] = bias[o] + sum_c weight[o, c] * x[c], where * slides the kernel over the image.

    Args:
        in_channels, out_channels: lengths of the second axis of x and of y.
        kernel_size, stride, dilation: one number, or one for each spatial axis.
        padding: numbers, "valid" (none) or "same" (y as large as x; stride 1).
        groups: the channels fall into so many groups that do not mix; in_channels of them make
            the layer depthwise.
        bias: whether there is one.
        padding_mode: what stands outside: "zeros", "reflect", "replicate" or "circular".
        device, dtype: where and in what the parameters are made; float32 unless told otherwise.
        rank: number of spatial axes, 1 to 3. Conv1d, Conv2d and Conv3d have it in their name.
        activation: "relu", "tanh" or another of `nn.layers.activations.FUSED`, or None.

    Shapes: x (N, in_channels, *spatial), or without N -> y (N, out_channels, *result), each axis
        of length floor((spatial + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1;
        weight (out_channels, in_channels / groups, *kernel_size), bias (out_channels,).
    Dtypes: floating; x has that of the weight.
    Init: uniform in +-1/sqrt(in_channels / groups * number of taps), as PyTorch's.
    Raises: ArgumentError for options that do not fit, ShapeError where x does not or the kernel is
        larger than the padded image, DTypeError where x is of another dtype than the weight.

    Example:
        >>> nn.Conv(1, 6, 5, padding=2, rank=2)(nnx.zeros((8, 1, 28, 28))).shape
        (8, 6, 28, 28)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        rank: int = 2,
        activation: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            rank,
            activation,
        )
        if isinstance(self.padding, str):
            name = type(self).__name__
            _check.choice(name, "padding", self.padding, ("same", "valid"))
            if self.padding == "same" and any(s != 1 for s in self.stride):
                hint = "pad by numbers, for example kernel_size // 2"
                rule = 'padding="same" needs stride 1'
                raise fail(ArgumentError, name, rule, f"stride {self.stride}", hint)

    def forward(self, input: Tensor) -> Tensor:
        return self._activated(input, self.activation)

    def _activated(
        self,
        input: Tensor,
        activation: str | None,
        max_window: Any = None,
        mean_window: Any = None,
    ) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = functional.pad(input, self._around(), mode=self.padding_mode)
            padding = 0
        return convolution._conv(
            self.rank,
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            self.groups,
            activation,
            max_window,
            mean_window,
        )

    def _around(self) -> list[int]:
        """What functional.pad takes: (before, after) from the last axis to the first."""
        pairs: list[int] = []
        for axis in reversed(range(self.rank)):
            if self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                pairs += [total // 2, total - total // 2]
            else:
                pairs += [0 if self.padding == "valid" else self.padding[axis]] * 2
        return pairs


class Conv1d(Conv):
    """Conv of sequences: x (N, C, L).

    Example:
        >>> nn.Conv1d(2, 4, 3)(nnx.zeros((5, 2, 10))).shape
        (5, 4, 8)
    """

    _rank = 1


class Conv2d(Conv):
    """Conv of images: x (N, C, H, W).

    Example:
        >>> layer = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        >>> layer(nnx.zeros((5, 3, 32, 32))).shape
        (5, 8, 16, 16)
        >>> layer
        Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """

    _rank = 2


class Conv3d(Conv):
    """Conv of volumes: x (N, C, D, H, W).

    Example:
        >>> nn.Conv3d(1, 2, 3, padding="same")(nnx.zeros((1, 1, 4, 5, 6))).shape
        (1, 2, 4, 5, 6)
    """

    _rank = 3


class ConvTranspose(Convolution):
    """The transpose of Conv: enlarges images by its stride, as decoders do.

    Every number of x adds its multiple of the kernel to y.

    Args: as for Conv; output_padding lengthens y at its far end, since a stride maps several
        lengths to one. padding_mode is "zeros".

    Shapes: x (N, in_channels, *spatial), or without N -> y (N, out_channels, *result), each axis of
        length (spatial - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1;
        weight (in_channels, out_channels / groups, *kernel_size), bias (out_channels,).
    Dtypes, init, raises: as Conv; init with the fan of the second axis of the weight, as PyTorch.

    Example:
        >>> layer = nn.ConvTranspose(4, 1, 3, stride=2, padding=1, output_padding=1, rank=2)
        >>> layer(nnx.zeros((5, 4, 7, 7))).shape
        (5, 1, 14, 14)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        rank: int = 2,
        activation: Any = None,
    ) -> None:
        name = type(self).__name__
        _check.choice(name, "padding_mode", padding_mode, ("zeros",))
        if isinstance(padding, str):
            rule = "padding must be numbers"
            hint = "kernel_size // 2 with stride 1 keeps the size"
            raise fail(ArgumentError, name, rule, repr(padding), hint)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            rank,
            activation,
        )
        self.output_padding = self._each("output_padding", output_padding, 0)
        for more, step, spread in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if more >= max(step, spread):
                rule = "output_padding must be smaller than stride or dilation"
                received = f"output_padding {self.output_padding}, stride {self.stride}"
                raise fail(ArgumentError, name, rule, received)

    def _channels(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._activated(input, self.activation, output_size=output_size)

    def _activated(self, input: Tensor, activation: str | None, output_size: Any = None) -> Tensor:
        return convolution._conv_transpose(
            self.rank,
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding if output_size is None else self._more(input, output_size),
            self.groups,
            self.dilation,
            activation,
        )

    def _more(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives an output of this size."""
        name = type(self).__name__
        wanted = tuple(output_size)[-self.rank :]
        more = []
        for axis, length in enumerate(wanted):
            least = (
                (input.shape[axis - self.rank] - 1) * self.stride[axis]
                - 2 * self.padding[axis]
                + self.dilation[axis] * (self.kernel_size[axis] - 1)
                + 1
            )
            if not least <= length < least + max(self.stride[axis], self.dilation[axis]):
                rule = "output_size must be a length that the stride allows"
                last = least + max(self.stride[axis], self.dilation[axis]) - 1
                hint = f"from {least} to {last} in spatial axis {axis}"
                raise fail(ArgumentError, name, rule, str(tuple(output_size)), hint)
            more.append(length - least)
        return tuple(more)

    def _more_repr(self) -> str:
        if self.output_padding == (0,) * self.rank:
            return ""
        return f", output_padding={self.output_padding}"


class ConvTranspose1d(ConvTranspose):
    """ConvTranspose of sequences: x (N, C, L).

    Example:
        >>> nn.ConvTranspose1d(2, 1, 4, stride=2)(nnx.zeros((5, 2, 10))).shape
        (5, 1, 22)
    """

    _rank = 1


class ConvTranspose2d(ConvTranspose):
    """ConvTranspose of images: x (N, C, H, W).

    Example:
        >>> nn.ConvTranspose2d(8, 3, 2, stride=2)(nnx.zeros((5, 8, 16, 16))).shape
        (5, 3, 32, 32)
    """

    _rank = 2


class ConvTranspose3d(ConvTranspose):
    """ConvTranspose of volumes: x (N, C, D, H, W).

    Example:
        >>> nn.ConvTranspose3d(2, 1, 2, stride=2)(nnx.zeros((1, 2, 3, 3, 3))).shape
        (1, 1, 6, 6, 6)
    """

    _rank = 3


# The classes whose forward is known: what may run together with an activation after it, and those
# that may pool their result as well.
POOLED = frozenset((Conv, Conv1d, Conv2d, Conv3d))
KNOWN = POOLED | {ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d}
