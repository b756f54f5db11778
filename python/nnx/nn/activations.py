"""Activations: elementwise functions as modules, and softmax.

A class that declares `op`, the name of a unary pointwise op, runs inside the kernel of the Dense
before it (see Sequential).
"""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module


class Activation(Module):
    """Base of the elementwise activations: y has the shape and dtype of x.

    Example:
        >>> isinstance(nn.ReLU(), nn.activations.Activation)
        True
    """

    inplace: bool = False

    def _set_inplace(self, inplace: bool) -> None:
        if inplace:
            self.inplace = True

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


def fused_op(module: Module) -> str | None:
    """The op that a module is, where its very class declares one.

    Example:
        >>> nn.activations.fused_op(nn.Tanh()), nn.activations.fused_op(nn.LeakyReLU())
        ('tanh', None)
    """
    if isinstance(module, Activation) and "op" in vars(type(module)):
        op: str | None = module.op  # type: ignore[attr-defined]
        return op
    return None


class ReLU(Activation):
    """y = max(x, 0); the derivative at 0 is 0.

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: real.
    Source: Nair, Hinton, ICML 2010.

    Example:
        >>> nn.ReLU()(nnx.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    op = "relu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input, True) if self.inplace else ops.relu(input)


class Tanh(Activation):
    """y = tanh(x).

    Shapes: any. Dtypes: floating.

    Example:
        >>> nn.Tanh()(nnx.tensor([0.0, 100.0])).tolist()
        [0.0, 1.0]
    """

    op = "tanh"

    def forward(self, input: Tensor) -> Tensor:
        return ops.tanh(input)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)).

    Shapes: any. Dtypes: floating.

    Example:
        >>> nn.Sigmoid()(nnx.tensor([0.0, 100.0])).tolist()
        [0.5, 1.0]
    """

    op = "sigmoid"

    def forward(self, input: Tensor) -> Tensor:
        return ops.sigmoid(input)


class SiLU(Activation):
    """y = x sigmoid(x), also called swish.

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Hendrycks, Gimpel, arXiv:1606.08415.

    Example:
        >>> nn.SiLU()(nnx.tensor([0.0])).tolist()
        [0.0]
    """

    op = "silu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input, True) if self.inplace else ops.silu(input)


class GELU(Activation):
    """y = x Phi(x), Phi the standard normal distribution function.

    Args: approximate: "none", or "tanh" for
        y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for another `approximate`.
    Source: Hendrycks, Gimpel, arXiv:1606.08415.

    Example:
        >>> round(float(nn.GELU()(nnx.tensor(1.0))), 4)
        0.8413
    """

    _structural = frozenset({"forward", "approximate"})

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate: str = _check.choice("GELU", "approximate", approximate, ("none", "tanh"))

    @property
    def op(self) -> str:
        """The op this is."""
        return "gelu" if self.approximate == "none" else "gelu_tanh"

    def forward(self, input: Tensor) -> Tensor:
        return functional.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class LeakyReLU(Activation):
    """y = x for x > 0, negative_slope x otherwise.

    Shapes: any. Dtypes: floating.
    Source: Maas, Hannun, Ng, ICML 2013.

    Example:
        >>> nn.LeakyReLU(0.5)(nnx.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = _check.real("LeakyReLU", "negative_slope", negative_slope)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope:g}" + (
            ", inplace=True" if self.inplace else ""
        )


class ELU(Activation):
    """y = x for x > 0, alpha (exp(x) - 1) otherwise.

    Shapes: any. Dtypes: floating.
    Source: Clevert, Unterthiner, Hochreiter, arXiv:1511.07289.

    Example:
        >>> nn.ELU()(nnx.tensor([-100.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = _check.real("ELU", "alpha", alpha)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Softplus(Activation):
    """y = log(1 + exp(beta x)) / beta, without overflow for any x.

    Args:
        beta: sharpness; not 0.
        threshold: accepted for PyTorch's sake; the exact function needs none.
    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for beta 0.
    Source: Dugas et al., NIPS 2000.

    Example:
        >>> round(float(nn.Softplus()(nnx.tensor(0.0))), 4)
        0.6931
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = _check.real("Softplus", "beta", beta)
        self.threshold = _check.real("Softplus", "threshold", threshold)
        functional._nonzero_beta(self.beta)

    def forward(self, input: Tensor) -> Tensor:
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) along one axis.

    Args: dim: the axis; the last one unless told otherwise.
    Shapes: any with that axis. Dtypes: floating.
    Raises: AxisError for an axis that is not there.

    Example:
        >>> nn.Softmax(dim=1)(nnx.zeros((1, 4))).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """y_i = x_i - log sum_j exp(x_j) along one axis.

    Args: dim: the axis; the last one unless told otherwise.
    Shapes: any with that axis. Dtypes: floating.
    Raises: AxisError for an axis that is not there.

    Example:
        >>> y = nn.LogSoftmax(dim=1)(nnx.zeros((1, 4)))
        >>> round(float(y[0, 0]), 4)
        -1.3863
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)


def activation_op(op: str, name: Any) -> str | None:
    """The name of the unary op that an `activation=` option means, or None.

    Example:
        >>> nn.activations.activation_op("Dense", "relu")
        'relu'
    """
    if name is None or name == "linear":
        return None
    if isinstance(name, type) and issubclass(name, Activation):
        name = name()
    if isinstance(name, Activation) and fused_op(name) is not None:
        return fused_op(name)
    chosen: str = _check.choice(op, "activation", name, FUSED)
    return chosen


FUSED = ("relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")

__all__ = [
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
