"""Layers that take the length of their input from the first batch they see.

Until then their parameters are empty; they stay the same objects, so that an optimiser made before
goes on working. With the first batch a LazyLinear becomes a Linear.
"""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, empty, int64, no_grad, ones, zeros
from nnx.nn.functional.arguments import tensor
from nnx.nn.hooks import structure
from nnx.nn.layers.activations import activation_op
from nnx.nn.layers.dense import Dense
from nnx.nn.layers.normalization import BatchNorm1d
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


class LazyBatchNorm1d(BatchNorm1d):
    """A BatchNorm1d whose num_features is the length of axis 1 of the first input.

    Args: those of BatchNorm1d but the first.
    Shapes, dtypes: as for BatchNorm1d.
    Raises: ShapeError for a first input that is not (N, C) or (N, C, L).
    Source: PyTorch's torch.nn.LazyBatchNorm1d.

    Example:
        >>> layer = nn.LazyBatchNorm1d()
        >>> layer(nnx.rand(5, 3)).shape, layer.num_features
        ((5, 3), 3)
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
        super().__init__(1, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.num_features = 0
        if self.weight is not None:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
        if self.bias is not None:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        x = tensor("LazyBatchNorm1d", "input", input)
        if x.ndim not in self._axes:
            rule = f"the first input must be {self._axes_text}"
            raise fail(ShapeError, "LazyBatchNorm1d", rule, describe(x, "input"))
        self.num_features = x.shape[1]
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
        _become(self, BatchNorm1d)
        with no_grad():
            self.reset_parameters()
        return BatchNorm1d.forward(self, x)


__all__ = ["LazyBatchNorm1d", "LazyLinear", "UninitializedParameter"]
