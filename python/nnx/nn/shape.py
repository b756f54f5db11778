"""Modules that change a shape and no value."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn.module import Module


class Flatten(Module):
    """Makes one axis of the axes start_dim to end_dim.

    Shapes: (N, A, B, ...) -> (N, A*B*...) with the defaults. Dtypes: any.
    Raises: AxisError for an axis that is not there.

    Example:
        >>> nn.Flatten()(nnx.zeros((5, 28, 28))).shape
        (5, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = _check.integer("Flatten", "start_dim", start_dim, -64)
        self.end_dim = _check.integer("Flatten", "end_dim", end_dim, -64)

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """y = x; takes and ignores any options.

    Shapes, dtypes: any.

    Example:
        >>> nn.Identity()(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input
