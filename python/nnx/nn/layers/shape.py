"""Modules that change a shape and no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor
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


class Unflatten(Module):
    """Makes several axes of one: the inverse of Flatten.

    Args:
        dim: the axis.
        unflattened_size: the lengths it becomes; one of them may be -1.

    Shapes: (N, A*B) -> (N, A, B) with dim=1 and (A, B). Dtypes: any.
    Raises: ShapeError where the lengths do not multiply to that of the axis, AxisError for an
        axis that is not there.

    Example:
        >>> nn.Unflatten(1, (28, 28))(nnx.zeros((5, 784))).shape
        (5, 28, 28)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = _check.integer("Unflatten", "dim", dim, -64)
        if not isinstance(unflattened_size, Sequence) or isinstance(unflattened_size, str):
            rule = "unflattened_size must be a tuple of whole numbers"
            raise fail(DTypeError, "Unflatten", rule, describe(unflattened_size))
        self.unflattened_size = tuple(
            _check.integer("Unflatten", "unflattened_size", n, -1) for n in unflattened_size
        )

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


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
