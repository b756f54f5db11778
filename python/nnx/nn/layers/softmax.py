"""Softmax, its relatives, and the gated linear unit: functions along an axis."""

from __future__ import annotations

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module


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


class Softmin(Softmax):
    """y_i = exp(-x_i) / sum_j exp(-x_j) along one axis.

    Args: dim: the axis; the last one unless told otherwise.
    Shapes: any with that axis. Dtypes: floating.
    Raises: AxisError for an axis that is not there.

    Example:
        >>> nn.Softmin(dim=0)(nnx.tensor([0.0, 1000.0])).tolist()
        [1.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmin(input, self.dim)


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


class GLU(Module):
    """y = a sigmoid(b), a and b the two halves of x along one axis.

    Args: dim: the axis.
    Shapes: x (..., 2n, ...) -> y (..., n, ...). Dtypes: floating.
    Raises: ShapeError where the length of the axis is odd.
    Source: Dauphin et al., arXiv:1612.08083.

    Example:
        >>> nn.GLU()(nnx.tensor([4.0, 0.0])).tolist()
        [2.0]
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = _check.integer("GLU", "dim", dim, -64)

    def forward(self, input: Tensor) -> Tensor:
        return functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


__all__ = ["GLU", "LogSoftmax", "Softmax", "Softmin"]
