"""Activations with numbers of their own: slopes, bounds, thresholds, given or learnt."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor, full
from nnx.nn import functional
from nnx.nn.functional.activations import not_zero, slopes_in_order
from nnx.nn.layers.activations import Activation
from nnx.nn.parameter import Parameter


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
        return self._numbers(negative_slope=self.negative_slope)


class PReLU(Activation):
    """y = x for x > 0, weight x otherwise; the weight is learnt.

    Args:
        num_parameters: 1, or the number of channels (axis 1 of x) for one weight each.
        init: the initial weight.
        device, dtype: where and in what it is made.

    Shapes: x (N, C, ...) or any, y the same; weight (num_parameters,).
    Dtypes: floating; x has that of the weight.
    Raises: ShapeError where x has another number of channels, DTypeError for another dtype.
    Source: He et al., arXiv:1502.01852.

    Example:
        >>> nn.PReLU()(nnx.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = _check.integer("PReLU", "num_parameters", num_parameters, 1)
        self.init = _check.real("PReLU", "init", init)
        shape = (self.num_parameters,)
        self.weight = Parameter(full(shape, self.init, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Sets the weight to its initial value.

        Example:
            >>> layer = nn.PReLU(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [0.25, 0.25]
        """
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Activation):
    """y = x for x > 0, a x otherwise; in training a is drawn for each element, uniform in
    [lower, upper), in evaluation a = (lower + upper) / 2.

    Args: lower, upper: the bounds; inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for lower > upper.
    Source: Xu et al., arXiv:1505.00853.

    Example:
        >>> nn.RReLU(0.25, 0.75).eval()(nnx.tensor([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = _check.real("RReLU", "lower", lower)
        self.upper = _check.real("RReLU", "upper", upper)
        slopes_in_order("RReLU", lower, upper)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self._numbers(lower=self.lower, upper=self.upper)


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
        return self._numbers(alpha=self.alpha)


class CELU(Activation):
    """y = max(x, 0) + min(alpha (exp(x / alpha) - 1), 0): smooth at 0 for every alpha.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for alpha 0.
    Source: Barron, arXiv:1704.07483.

    Example:
        >>> nn.CELU(0.5)(nnx.tensor([-100.0, 2.0])).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = _check.real("CELU", "alpha", alpha)
        not_zero("CELU", "alpha", self.alpha)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._numbers(alpha=self.alpha)


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
        not_zero("Softplus", "beta", self.beta)

    def forward(self, input: Tensor) -> Tensor:
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(Activation):
    """y = x - lambd for x > lambd, x + lambd for x < -lambd, else 0.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for lambd below 0.

    Example:
        >>> nn.Softshrink()(nnx.tensor([-2.0, 0.25, 1.0])).tolist()
        [-1.5, 0.0, 0.5]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = _check.real("Softshrink", "lambd", lambd, 0)

    def forward(self, input: Tensor) -> Tensor:
        return functional.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd:g}"


class Hardshrink(Activation):
    """y = x for |x| > lambd, else 0.

    Shapes: any. Dtypes: floating.

    Example:
        >>> nn.Hardshrink()(nnx.tensor([-2.0, 0.25, 1.0])).tolist()
        [-2.0, 0.0, 1.0]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = _check.real("Hardshrink", "lambd", lambd)

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd:g}"


class Hardtanh(Activation):
    """y = min(max(x, min_val), max_val).

    Args: min_val, max_val: the bounds; inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.
    Raises: ArgumentError unless min_val < max_val.

    Example:
        >>> nn.Hardtanh()(nnx.tensor([-2.0, 0.5, 3.0])).tolist()
        [-1.0, 0.5, 1.0]
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = _check.real("Hardtanh", "min_val", min_val)
        self.max_val = _check.real("Hardtanh", "max_val", max_val)
        if not self.min_val < self.max_val:
            received = f"min_val = {min_val}, max_val = {max_val}"
            raise fail(ArgumentError, "Hardtanh", "min_val must be below max_val", received)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._numbers(min_val=self.min_val, max_val=self.max_val)


class Threshold(Activation):
    """y = x for x > threshold, else value.

    Args: threshold, value: those numbers; inplace: whether x itself is overwritten.
    Shapes: any. Dtypes: floating.

    Example:
        >>> nn.Threshold(1.0, -5.0)(nnx.tensor([0.0, 2.0])).tolist()
        [-5.0, 2.0]
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = _check.real("Threshold", "threshold", threshold)
        self.value = _check.real("Threshold", "value", value)
        self._set_inplace(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._numbers(threshold=self.threshold, value=self.value)


__all__ = [
    "CELU",
    "ELU",
    "Hardshrink",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "Softplus",
    "Softshrink",
    "Threshold",
]
