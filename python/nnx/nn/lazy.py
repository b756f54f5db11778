"""Layers that take the length of their input from the first batch they see.

Until then their parameters are empty; they stay the same objects, so that an optimiser made before
goes on working. With the first batch a LazyLinear becomes a Linear, a LazyConv2d a Conv2d.
"""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, empty, int64, no_grad, ones, zeros
from nnx.nn.functional.arguments import tensor
from nnx.nn.hooks import structure
from nnx.nn.layers.activations import activation_op
from nnx.nn.layers.batch_normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    ChannelNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from nnx.nn.layers.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    Convolution,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from nnx.nn.layers.dense import Dense
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class UninitializedParameter(Parameter):
    """A parameter that has no shape yet.

    Example:
        >>> isinstance(nn.LazyLinear(3).weight, nn.UninitializedParameter)
        True
    """

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        value = empty((0,), dtype=dtype, device=device)
        made: UninitializedParameter = Tensor._make(cls, value, requires_grad)
        return made

    def materialize(self, shape: tuple[int, ...]) -> None:
        """Gives it a shape, and values that are still to be set.

        Example:
            >>> p = nn.UninitializedParameter()
            >>> p.materialize((2, 3))
            >>> p.shape, type(p) is nn.Parameter
            ((2, 3), True)
        """
        self.data = empty(shape, dtype=self.dtype, device=self.device)
        self.__class__ = Parameter  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "UninitializedParameter()"

    __str__ = __repr__


def _become(module: Module, cls: type[Module]) -> None:
    module.__class__ = cls
    structure.version += 1


class LazyLinear(Dense):
    """A Linear whose in_features is the length of the last axis of the first input.

    Args:
        out_features: length of the last axis of y.
        bias: whether there is one.
        device, dtype: where and in what the parameters are made; float32 unless told otherwise.
        activation: as for Linear.

    Shapes, dtypes, init: as for Linear.
    Raises: ShapeError for a first input without axes.
    Source: PyTorch's torch.nn.LazyLinear.

    Example:
        >>> layer = nn.LazyLinear(2)
        >>> layer(nnx.zeros((5, 3))).shape
        (5, 2)
        >>> layer
        Dense(in_features=3, out_features=2, bias=True)
    """

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        activation: Any = None,
    ) -> None:
        Module.__init__(self)
        self.in_features = 0
        self.out_features = _check.integer("LazyLinear", "out_features", out_features, 1)
        self.activation = activation_op("LazyLinear", activation)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        size = (self.out_features,)
        self.bias = Parameter(zeros(size, dtype=dtype, device=device)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        x = tensor("LazyLinear", "input", input)
        if x.ndim == 0 or x.shape[-1] == 0:
            rule = "the first input must have a last axis, whose length is in_features"
            raise fail(ShapeError, "LazyLinear", rule, describe(x, "input"))
        self.in_features = x.shape[-1]
        if isinstance(self.weight, UninitializedParameter):
            self.weight.materialize((self.out_features, self.in_features))
        _become(self, Dense)
        with no_grad():
            self.reset_parameters()
        return Dense.forward(self, x)


class LazyConvolution(Convolution):
    """Base of the convolutions whose in_channels is the number of channels of the first input.

    Example:
        >>> isinstance(nn.LazyConv2d(4, 3), nn.lazy.LazyConvolution)
        True
    """

    def _empty(self) -> None:
        """Forgets the channels it was made with."""
        weight = self.weight
        self.in_channels = 0
        self.weight = UninitializedParameter(device=weight.device, dtype=weight.dtype)

    def forward(self, input: Tensor, *args: Any) -> Tensor:
        cls = type(self)
        x = tensor(cls.__name__, "input", input)
        if x.ndim not in (self.rank + 1, self.rank + 2) or x.shape[-self.rank - 1] == 0:
            rule = f"the first input must have channels and {self.rank} spatial axes"
            raise fail(ShapeError, cls.__name__, rule, describe(x, "input"))
        channels = x.shape[-self.rank - 1]
        if channels % self.groups:
            rule = f"the channels of the first input must be a multiple of groups = {self.groups}"
            raise fail(ShapeError, cls.__name__, rule, describe(x, "input"))
        self.in_channels = channels
        if isinstance(self.weight, UninitializedParameter):
            self.weight.materialize((*self._channels(), *self.kernel_size))
        eager: Any = next(c for c in cls.__mro__ if not issubclass(c, LazyConvolution))
        _become(self, eager)
        with no_grad():
            self.reset_parameters()
        made: Tensor = self.forward(x, *args)
        return made


class LazyForward(LazyConvolution):
    """Base of LazyConv1d, LazyConv2d and LazyConv3d.

    Example:
        >>> isinstance(nn.LazyConv2d(4, 3), nn.lazy.LazyForward)
        True
    """

    def __init__(
        self,
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
        activation: Any = None,
    ) -> None:
        cls: Any = super()
        where = (device, dtype)
        options = (stride, padding, dilation, groups, bias, padding_mode)
        cls.__init__(groups, out_channels, kernel_size, *options, *where, activation=activation)
        self._empty()


class LazyTransposed(LazyConvolution):
    """Base of LazyConvTranspose1d, LazyConvTranspose2d and LazyConvTranspose3d.

    Example:
        >>> isinstance(nn.LazyConvTranspose2d(4, 3), nn.lazy.LazyTransposed)
        True
    """

    def __init__(
        self,
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
        activation: Any = None,
    ) -> None:
        cls: Any = super()
        where = (device, dtype)
        options = (stride, padding, output_padding, groups, bias, dilation, padding_mode)
        cls.__init__(groups, out_channels, kernel_size, *options, *where, activation=activation)
        self._empty()


class LazyConv1d(LazyForward, Conv1d):
    """Conv1d whose in_channels is the number of channels of the first input (N, C, L).

    Args: those of Conv1d but in_channels.
    Source: PyTorch's torch.nn.LazyConv1d.

    Example:
        >>> nn.LazyConv1d(4, 3)(nnx.zeros((5, 2, 10))).shape
        (5, 4, 8)
    """


class LazyConvTranspose1d(LazyTransposed, ConvTranspose1d):
    """ConvTranspose1d whose in_channels is the number of channels of the first input.

    Args: those of ConvTranspose1d but in_channels.
    Source: PyTorch's torch.nn.LazyConvTranspose1d.

    Example:
        >>> nn.LazyConvTranspose1d(4, 2, stride=2)(nnx.zeros((5, 2, 10))).shape
        (5, 4, 20)
    """


class LazyConv2d(LazyForward, Conv2d):
    """Conv2d whose in_channels is the number of channels of the first input (N, C, H, W).

    Args: those of Conv2d but in_channels.
    Source: PyTorch's torch.nn.LazyConv2d.

    Example:
        >>> nn.LazyConv2d(4, 3)(nnx.zeros((5, 2, 10, 10))).shape
        (5, 4, 8, 8)
    """


class LazyConvTranspose2d(LazyTransposed, ConvTranspose2d):
    """ConvTranspose2d whose in_channels is the number of channels of the first input.

    Args: those of ConvTranspose2d but in_channels.
    Source: PyTorch's torch.nn.LazyConvTranspose2d.

    Example:
        >>> nn.LazyConvTranspose2d(4, 2, stride=2)(nnx.zeros((5, 2, 10, 10))).shape
        (5, 4, 20, 20)
    """


class LazyConv3d(LazyForward, Conv3d):
    """Conv3d whose in_channels is the number of channels of the first input (N, C, D, H, W).

    Args: those of Conv3d but in_channels.
    Source: PyTorch's torch.nn.LazyConv3d.

    Example:
        >>> nn.LazyConv3d(4, 3)(nnx.zeros((5, 2, 6, 6, 6))).shape
        (5, 4, 4, 4, 4)
    """


class LazyConvTranspose3d(LazyTransposed, ConvTranspose3d):
    """ConvTranspose3d whose in_channels is the number of channels of the first input.

    Args: those of ConvTranspose3d but in_channels.
    Source: PyTorch's torch.nn.LazyConvTranspose3d.

    Example:
        >>> nn.LazyConvTranspose3d(4, 2, stride=2)(nnx.zeros((5, 2, 6, 6, 6))).shape
        (5, 4, 12, 12, 12)
    """


def _ready(lazy: type[ChannelNorm]) -> type[ChannelNorm]:
    """The class that a lazy normalisation becomes."""
    return next(
        c for c in lazy.__mro__ if issubclass(c, ChannelNorm) and not issubclass(c, LazyChannelNorm)
    )


class LazyChannelNorm(ChannelNorm):
    """Base of the normalisations whose num_features is the number of channels of the first input.

    Example:
        >>> isinstance(nn.LazyBatchNorm1d(), nn.lazy.LazyChannelNorm)
        True
    """

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        ChannelNorm.__init__(
            self, 1, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.num_features = 0
        if self.weight is not None:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
        if self.bias is not None:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        cls = type(self)
        x = tensor(cls.__name__, "input", input)
        if x.ndim not in self._axes:
            rule = f"the first input must be {self._axes_text}"
            raise fail(ShapeError, cls.__name__, rule, describe(x, "input"))
        self.num_features = x.shape[self._channel_axis(x)]
        shape = (self.num_features,)
        for parameter in (self.weight, self.bias):
            if isinstance(parameter, UninitializedParameter):
                parameter.materialize(shape)
        for name, make in (("running_mean", zeros), ("running_var", ones)):
            old = self.__dict__[name]
            if old is not None:
                setattr(self, name, make(shape, dtype=old.dtype, device=old.device))
        if self.num_batches_tracked is not None:
            self.num_batches_tracked = zeros((), dtype=int64, device=x.device)
        _become(self, _ready(cls))
        with no_grad():
            self.reset_parameters()
        y: Tensor = self.forward(x)
        return y


class LazyBatchNorm1d(LazyChannelNorm, BatchNorm1d):
    """A BatchNorm1d whose num_features is the number of channels of the first input.

    Args: those of BatchNorm1d but the first.
    Shapes, dtypes: as for BatchNorm1d.
    Raises: ShapeError for a first input that is not (N, C) or (N, C, L).
    Source: PyTorch's torch.nn.LazyBatchNorm1d.

    Example:
        >>> layer = nn.LazyBatchNorm1d()
        >>> layer(nnx.rand(5, 3)).shape, layer.num_features
        ((5, 3), 3)
    """


class LazyBatchNorm2d(LazyChannelNorm, BatchNorm2d):
    """A BatchNorm2d whose num_features is the number of channels of the first input.

    Args: those of BatchNorm2d but the first.
    Shapes, dtypes: as for BatchNorm2d.
    Raises: ShapeError for a first input that is not (N, C, H, W).
    Source: PyTorch's torch.nn.LazyBatchNorm2d.

    Example:
        >>> layer = nn.LazyBatchNorm2d()
        >>> layer(nnx.rand(5, 3, 4, 4)).shape, layer.num_features
        ((5, 3, 4, 4), 3)
    """


class LazyBatchNorm3d(LazyChannelNorm, BatchNorm3d):
    """A BatchNorm3d whose num_features is the number of channels of the first input.

    Args: those of BatchNorm3d but the first.
    Shapes, dtypes: as for BatchNorm3d.
    Raises: ShapeError for a first input that is not (N, C, D, H, W).
    Source: PyTorch's torch.nn.LazyBatchNorm3d.

    Example:
        >>> layer = nn.LazyBatchNorm3d()
        >>> layer(nnx.rand(5, 3, 2, 4, 4)).shape, layer.num_features
        ((5, 3, 2, 4, 4), 3)
    """


class LazyInstanceNorm1d(LazyChannelNorm, InstanceNorm1d):
    """An InstanceNorm1d whose num_features is the number of channels of the first input.

    Args: those of InstanceNorm1d but the first; affine and track_running_stats are True
        unless told otherwise.
    Shapes, dtypes: as for InstanceNorm1d.
    Raises: ShapeError for a first input that is not (N, C, L) or (C, L).
    Source: PyTorch's torch.nn.LazyInstanceNorm1d.

    Example:
        >>> layer = nn.LazyInstanceNorm1d()
        >>> layer(nnx.rand(5, 3, 4)).shape, layer.num_features
        ((5, 3, 4), 3)
    """


class LazyInstanceNorm2d(LazyChannelNorm, InstanceNorm2d):
    """An InstanceNorm2d whose num_features is the number of channels of the first input.

    Args: those of InstanceNorm2d but the first; affine and track_running_stats are True
        unless told otherwise.
    Shapes, dtypes: as for InstanceNorm2d.
    Raises: ShapeError for a first input that is not (N, C, H, W) or (C, H, W).
    Source: PyTorch's torch.nn.LazyInstanceNorm2d.

    Example:
        >>> layer = nn.LazyInstanceNorm2d()
        >>> layer(nnx.rand(5, 3, 4, 4)).shape, layer.num_features
        ((5, 3, 4, 4), 3)
    """


class LazyInstanceNorm3d(LazyChannelNorm, InstanceNorm3d):
    """An InstanceNorm3d whose num_features is the number of channels of the first input.

    Args: those of InstanceNorm3d but the first; affine and track_running_stats are True
        unless told otherwise.
    Shapes, dtypes: as for InstanceNorm3d.
    Raises: ShapeError for a first input that is not (N, C, D, H, W) or (C, D, H, W).
    Source: PyTorch's torch.nn.LazyInstanceNorm3d.

    Example:
        >>> layer = nn.LazyInstanceNorm3d()
        >>> layer(nnx.rand(5, 3, 2, 4, 4)).shape, layer.num_features
        ((5, 3, 2, 4, 4), 3)
    """


__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "UninitializedParameter",
]
