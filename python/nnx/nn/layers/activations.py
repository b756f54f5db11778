"""Activations without numbers of their own: elementwise functions as modules.

A class that declares `op`, the name of a unary pointwise op, runs inside the kernel of the Dense
or convolution before it (see Sequential). Those with numbers are in parametric.py, softmax in
softmax.py.
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
        >>> isinstance(nn.ReLU(), nn.layers.activations.Activation)
        True
    """

    inplace: bool = False

    def _set_inplace(self, inplace: bool) -> None:
        if inplace:
            self.inplace = True

    def _numbers(self, **numbers: float) -> str:
        """The options as the repr shows them."""
        shown = [f"{name}={value:g}" for name, value in numbers.items()]
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)

    def extra_repr(self) -> str:
        return self._numbers()


def fused_op(module: Module) -> str | None:
    """The op that a module is, where its very class declares one.

    Example:
        >>> from nnx.nn.layers.activations import fused_op
        >>> fused_op(nn.Tanh()), fused_op(nn.LeakyReLU())
        ('tanh', None)
    """
    if isinstance(module, Activation) and "op" in vars(type(module)):
        op: str | None = module.op  # type: ignore[attr-defined]
        return op
    return None


def activation_op(op: str, name: Any) -> str | None:
    """The name of the unary op that an `activation=` option means, or None.

    Example:
        >>> nn.layers.activations.activation_op("Dense", "relu")
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


FUSED = (
    "relu",
    "tanh",
    "sigmoid",
    "silu",
    "gelu",
    "gelu_tanh",
    "softplus",
    "relu6",
    "log_sigmoid",
    "mish",
    "selu",
    "softsign",
    "tanhshrink",
    "hardsigmoid",
    "hardswish",
)


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


class ReLU6(Activation):
    """y = min(max(x, 0), 6).

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Example:
        >>> nn.ReLU6()(nnx.tensor([-1.0, 2.0, 7.0])).tolist()
        [0.0, 2.0, 6.0]
    """

    op = "relu6"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu6(input, self.inplace)


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


class LogSigmoid(Activation):
    """y = log(1 / (1 + exp(-x))), without overflow.

    Shapes: any. Dtypes: floating.

    Example:
        >>> round(float(nn.LogSigmoid()(nnx.tensor(0.0))), 4)
        -0.6931
    """

    op = "log_sigmoid"

    def forward(self, input: Tensor) -> Tensor:
        return functional.logsigmoid(input)


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


class Mish(Activation):
    """y = x tanh(log(1 + exp(x))).

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Misra, arXiv:1908.08681.

    Example:
        >>> round(float(nn.Mish()(nnx.tensor(1.0))), 4)
        0.8651
    """

    op = "mish"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.mish(input, self.inplace)


class SELU(Activation):
    """y = 1.0507 (x for x > 0, 1.6733 (exp(x) - 1) otherwise): keeps mean 0 and variance 1.

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> round(float(nn.SELU()(nnx.tensor(1.0))), 4)
        1.0507
    """

    op = "selu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.selu(input, self.inplace)


class Softsign(Activation):
    """y = x / (1 + |x|).

    Shapes: any. Dtypes: floating.
    Source: Glorot, Bengio, AISTATS 2010.

    Example:
        >>> nn.Softsign()(nnx.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    op = "softsign"

    def forward(self, input: Tensor) -> Tensor:
        return functional.softsign(input)


class Tanhshrink(Activation):
    """y = x - tanh(x).

    Shapes: any. Dtypes: floating.

    Example:
        >>> round(float(nn.Tanhshrink()(nnx.tensor(1.0))), 4)
        0.2384
    """

    op = "tanhshrink"

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanhshrink(input)


class Hardsigmoid(Activation):
    """y = min(max(x / 6 + 1/2, 0), 1).

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Howard et al., arXiv:1905.02244.

    Example:
        >>> nn.Hardsigmoid()(nnx.tensor([-4.0, 0.0, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    op = "hardsigmoid"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardsigmoid(input, self.inplace)


class Hardswish(Activation):
    """y = x min(max(x / 6 + 1/2, 0), 1).

    Args: inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Source: Howard et al., arXiv:1905.02244.

    Example:
        >>> nn.Hardswish()(nnx.tensor([-4.0, 0.0, 3.0])).tolist()
        [0.0, 0.0, 3.0]
    """

    op = "hardswish"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardswish(input, self.inplace)


__all__ = [
    "GELU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "LogSigmoid",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]
