"""Normalisation by the statistics of each sample alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, layer_norm, ones, zeros
from nnx.nn import functional, init
from nnx.nn.functional.arguments import tensor
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


def _lengths(op: str, normalized_shape: Any) -> tuple[int, ...]:
    sizes = normalized_shape if isinstance(normalized_shape, Sequence) else [normalized_shape]
    return tuple(_check.integer(op, "normalized_shape", n, 1) for n in sizes)


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and variance over the last axes.

    Args:
        normalized_shape: the lengths of those axes; an int for the last one alone.
        eps: added to the variance (the biased one).
        elementwise_affine, bias: whether there are weight and bias.
        device, dtype: where and in what they are made.

    Shapes: x (..., *normalized_shape), y the same. Dtypes: floating.
    Raises: ShapeError where the last axes of x are not normalized_shape.
    Source: Ba, Kiros, Hinton, arXiv:1607.06450.

    Example:
        >>> y = nn.LayerNorm(4)(nnx.tensor([[1.0, 2.0, 3.0, 4.0]]))
        >>> round(float(y.sum()), 4), round(float(y.detach().square().mean()), 4)
        (0.0, 1.0)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("LayerNorm", normalized_shape)
        self.eps = _check.real("LayerNorm", "eps", eps, 0)
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = self.bias = None
        if elementwise_affine:
            self.weight = Parameter(ones(self.normalized_shape, dtype=dtype, device=device))
            if bias:
                self.bias = Parameter(zeros(self.normalized_shape, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Sets the weight to 1 and the bias to 0.

        Example:
            >>> layer = nn.LayerNorm(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        text += f", elementwise_affine={self.elementwise_affine}"
        return text + (f", bias={self.bias is not None}" if self.elementwise_affine else "")


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, the mean over the last axes.

    Args:
        normalized_shape: the lengths of those axes; an int for the last one alone.
        eps: added to the mean; None for the distance from 1 to the next number of the dtype.
        elementwise_affine: whether there is a weight.
        device, dtype: where and in what it is made.

    Shapes: x (..., *normalized_shape), y the same. Dtypes: floating.
    Raises: ShapeError where the last axes of x are not normalized_shape, DTypeError for another
        dtype than the weight's.
    Source: Zhang, Sennrich, arXiv:1910.07467.

    Example:
        >>> nn.RMSNorm(2)(nnx.tensor([3.0, 3.0])).tolist()
        [1.0, 1.0]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("RMSNorm", normalized_shape)
        self.eps = None if eps is None else _check.real("RMSNorm", "eps", eps, 0)
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = None
        if elementwise_affine:
            self.weight = Parameter(ones(self.normalized_shape, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Sets the weight to 1.

        Example:
            >>> layer = nn.RMSNorm(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return text + f", elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and (biased) variance of each sample
    over a group of neighbouring channels.

    Args:
        num_groups: how many groups the channels are cut into.
        num_channels: the number C of channels, a multiple of it.
        eps: added to the variance.
        affine, bias: whether there are weight and bias, one number for each channel.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, ...), y the same. Dtypes: floating.
    Raises: ArgumentError where num_groups does not divide num_channels; ShapeError for another
        number of channels, or one value a group.
    Source: Wu, He, arXiv:1803.08494.

    Example:
        >>> layer = nn.GroupNorm(2, 4, eps=0.0)
        >>> layer(nnx.tensor([[1.0, 3.0, 10.0, 20.0]])).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = _check.integer("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = _check.integer("GroupNorm", "num_channels", num_channels, 1)
        if self.num_channels % self.num_groups:
            rule = "num_channels must be a multiple of num_groups"
            received = f"num_groups = {self.num_groups}, num_channels = {self.num_channels}"
            raise fail(ArgumentError, "GroupNorm", rule, received)
        self.eps = _check.real("GroupNorm", "eps", eps, 0)
        self.affine = bool(affine)
        place = {"dtype": dtype, "device": device}
        self.weight = Parameter(ones(self.num_channels, **place)) if affine else None
        self.bias = Parameter(zeros(self.num_channels, **place)) if affine and bias else None

    def reset_parameters(self) -> None:
        """Sets the weight to 1 and the bias to 0.

        Example:
            >>> layer = nn.GroupNorm(1, 2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = tensor("GroupNorm", "input", input)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            rule = f"the input must be (N, C, ...) with C = {self.num_channels}"
            raise fail(ShapeError, "GroupNorm", rule, describe(x, "input"))
        return functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return text + (f", bias={self.bias is not None}" if self.affine else "")


class LocalResponseNorm(Module):
    """y = x / (k + alpha m)^beta, m the mean of x^2 over `size` neighbouring channels; channels
    that are not there count as 0.

    Args: size: how many channels; alpha, beta, k: the constants above.
    Shapes: x (N, C, ...), with at least one axis after the channels; y the same. Dtypes: floating.
    Raises: ArgumentError for a size below 1; ShapeError for fewer axes.
    Source: Krizhevsky, Sutskever, Hinton, NIPS 25 (2012).

    Example:
        >>> nn.LocalResponseNorm(2)(nnx.ones(1, 3, 4)).shape
        (1, 3, 4)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = _check.integer("LocalResponseNorm", "size", size, 1)
        self.alpha = _check.real("LocalResponseNorm", "alpha", alpha)
        self.beta = _check.real("LocalResponseNorm", "beta", beta)
        self.k = _check.real("LocalResponseNorm", "k", k)

    def forward(self, input: Tensor) -> Tensor:
        return functional.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]
