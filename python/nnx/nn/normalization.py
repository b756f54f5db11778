"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._nnx import Tensor, layer_norm, ones, zeros
from nnx.nn import init
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


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
        sizes = normalized_shape if isinstance(normalized_shape, Sequence) else [normalized_shape]
        self.normalized_shape = tuple(
            _check.integer("LayerNorm", "normalized_shape", n, 1) for n in sizes
        )
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
