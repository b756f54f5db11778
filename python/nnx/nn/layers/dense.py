"""Dense, the affine layer, and Bilinear, the affine layer of two inputs."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._nnx import Tensor, dense, empty
from nnx.nn import functional, init
from nnx.nn.layers.activations import activation_op
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class Dense(Module):
    """Affine map y = x @ weight.T + bias, and an activation of it if one is named.

    Args:
        in_features, out_features: lengths of the last axis of x and of y.
        bias: whether there is one.
        device, dtype: where and in what the parameters are made; float32 unless told otherwise.
        activation: "relu", "tanh" or another of `nn.layers.activations.FUSED`, or None.

    Shapes: x (..., in_features) -> y (..., out_features); weight (out_features, in_features),
        bias (out_features,).
    Dtypes: floating; x has that of the weight.
    Init: uniform in +-1/sqrt(in_features), as PyTorch's Linear.
    Raises: ShapeError where the last axis of x is not in_features, DTypeError where x is of
        another dtype than the weight.

    Example:
        >>> layer = nn.Dense(3, 2)
        >>> layer(nnx.zeros((5, 3))).shape
        (5, 2)
        >>> layer.weight.shape, layer.bias.shape
        ((2, 3), (2,))
    """

    _structural = frozenset({"forward", "activation"})

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        activation: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = _check.integer("Dense", "in_features", in_features, 1)
        self.out_features = _check.integer("Dense", "out_features", out_features, 1)
        self.activation = activation_op("Dense", activation)
        shape = (self.out_features, self.in_features)
        self.weight = Parameter(empty(shape, dtype=dtype, device=device))
        self.bias = Parameter(empty(shape[:1], dtype=dtype, device=device)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, uniform in +-1/sqrt(in_features).

        Example:
            >>> layer = nn.Dense(4, 2)
            >>> layer.reset_parameters()
            >>> bool((layer.weight.detach().abs() <= 0.5).all())
            True
        """
        bound = self.in_features**-0.5
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return dense(input, self.weight, self.bias, self.activation)

    def extra_repr(self) -> str:
        text = f"in_features={self.in_features}, out_features={self.out_features}"
        text += f", bias={self.bias is not None}"
        return text + (f", activation={self.activation!r}" if self.activation else "")


class Bilinear(Module):
    """Bilinear map y_o = sum_ij x1_i weight_oij x2_j + bias_o.

    Args:
        in1_features, in2_features, out_features: lengths of the last axes of x1, x2 and y.
        bias: whether there is one.
        device, dtype: where and in what the parameters are made; float32 unless told otherwise.

    Shapes: x1 (..., in1_features), x2 (..., in2_features) -> y (..., out_features); weight
        (out_features, in1_features, in2_features), bias (out_features,).
    Dtypes: floating; both inputs have that of the weight.
    Init: uniform in +-1/sqrt(in1_features).
    Raises: ShapeError where the inputs do not fit, DTypeError for another dtype.

    Example:
        >>> nn.Bilinear(3, 4, 2)(nnx.zeros((5, 3)), nnx.zeros((5, 4))).shape
        (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = _check.integer("Bilinear", "in1_features", in1_features, 1)
        self.in2_features = _check.integer("Bilinear", "in2_features", in2_features, 1)
        self.out_features = _check.integer("Bilinear", "out_features", out_features, 1)
        shape = (self.out_features, self.in1_features, self.in2_features)
        self.weight = Parameter(empty(shape, dtype=dtype, device=device))
        self.bias = Parameter(empty(shape[:1], dtype=dtype, device=device)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, uniform in +-1/sqrt(in1_features).

        Example:
            >>> layer = nn.Bilinear(4, 3, 2)
            >>> layer.reset_parameters()
            >>> bool((layer.weight.detach().abs() <= 0.5).all())
            True
        """
        bound = self.in1_features**-0.5
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return text + f", out_features={self.out_features}, bias={self.bias is not None}"


Linear = Dense
