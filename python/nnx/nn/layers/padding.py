"""Padding layers: borders around the last axes, the last axis first."""

from __future__ import annotations

from collections.abc import Sequence

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.functional.padding import lengths
from nnx.nn.module import Module


class Pad(Module):
    """Base of all padding layers, which differ in the mode and the number of axes.

    Example:
        >>> isinstance(nn.ZeroPad2d(1), nn.layers.padding.Pad)
        True
    """

    _axes = 0
    _mode = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = lengths(type(self).__name__, padding, self._axes)

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad(Pad):
    """Base of ConstantPad1d, ConstantPad2d and ConstantPad3d.

    Example:
        >>> isinstance(nn.ConstantPad2d(1, 3.0), nn.layers.padding.ConstantPad)
        True
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = _check.real(type(self).__name__, "value", value)

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad):
    """Borders filled with a number, around the last axis.

    Args: padding: one width for all sides, or (left, right); value: the number.
    Shapes: (..., L) -> (..., left + L + right). Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ConstantPad1d(1, 9.0)(nnx.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[9.0, 1.0, 2.0, 3.0, 9.0]]
    """

    _axes = 1


class ConstantPad2d(ConstantPad):
    """Borders filled with a number, around the last two axes.

    Args: padding: one width for all sides, or (left, right, top, bottom); value: the number.
    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ConstantPad2d((1, 1, 0, 0), 9.0)(nnx.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[9.0, 1.0, 2.0, 3.0, 9.0]]]
    """

    _axes = 2


class ConstantPad3d(ConstantPad):
    """Borders filled with a number, around the last three axes.

    Args:
        padding: one width for all sides, or (left, right, top, bottom, front, back).
        value: the number.

    Shapes: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).
    Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ConstantPad3d(1, 9.0)(nnx.ones((1, 2, 2, 2))).shape
        (1, 4, 4, 4)
    """

    _axes = 3


class ZeroPad1d(Pad):
    """Borders of zeros, around the last axis.

    Args: padding: one width for all sides, or (left, right).
    Shapes: (..., L) -> (..., left + L + right). Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ZeroPad1d(1)(nnx.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[0.0, 1.0, 2.0, 3.0, 0.0]]
    """

    _axes = 1


class ZeroPad2d(Pad):
    """Borders of zeros, around the last two axes.

    Args: padding: one width for all sides, or (left, right, top, bottom).
    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ZeroPad2d((1, 1, 0, 0))(nnx.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[0.0, 1.0, 2.0, 3.0, 0.0]]]
    """

    _axes = 2


class ZeroPad3d(Pad):
    """Borders of zeros, around the last three axes.

    Args: padding: one width for all sides, or (left, right, top, bottom, front, back).
    Shapes: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).
    Dtypes: any.
    Raises: ShapeError for an input with fewer axes.

    Example:
        >>> nn.ZeroPad3d(1)(nnx.ones((1, 2, 2, 2))).shape
        (1, 4, 4, 4)
    """

    _axes = 3


class ReflectionPad1d(Pad):
    """Borders that mirror the input without its edge, around the last axis.

    Args: padding: one width for all sides, or (left, right).
    Shapes: (..., L) -> (..., left + L + right). Dtypes: any.
    Raises: ShapeError for a width that is not below the length of its axis.

    Example:
        >>> nn.ReflectionPad1d(1)(nnx.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(Pad):
    """Borders that mirror the input without its edge, around the last two axes.

    Args: padding: one width for all sides, or (left, right, top, bottom).
    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ShapeError for a width that is not below the length of its axis.

    Example:
        >>> nn.ReflectionPad2d((1, 1, 0, 0))(nnx.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[2.0, 1.0, 2.0, 3.0, 2.0]]]
    """

    _axes = 2
    _mode = "reflect"


class ReflectionPad3d(Pad):
    """Borders that mirror the input without its edge, around the last three axes.

    Args: padding: one width for all sides, or (left, right, top, bottom, front, back).
    Shapes: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).
    Dtypes: any.
    Raises: ShapeError for a width that is not below the length of its axis.

    Example:
        >>> nn.ReflectionPad3d(1)(nnx.ones((1, 2, 2, 2))).shape
        (1, 4, 4, 4)
    """

    _axes = 3
    _mode = "reflect"


class ReplicationPad1d(Pad):
    """Borders that repeat the edge, around the last axis.

    Args: padding: one width for all sides, or (left, right).
    Shapes: (..., L) -> (..., left + L + right). Dtypes: any.
    Raises: ShapeError for an input with an empty axis.

    Example:
        >>> nn.ReplicationPad1d(1)(nnx.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[1.0, 1.0, 2.0, 3.0, 3.0]]
    """

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(Pad):
    """Borders that repeat the edge, around the last two axes.

    Args: padding: one width for all sides, or (left, right, top, bottom).
    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ShapeError for an input with an empty axis.

    Example:
        >>> nn.ReplicationPad2d((1, 1, 0, 0))(nnx.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[1.0, 1.0, 2.0, 3.0, 3.0]]]
    """

    _axes = 2
    _mode = "replicate"


class ReplicationPad3d(Pad):
    """Borders that repeat the edge, around the last three axes.

    Args: padding: one width for all sides, or (left, right, top, bottom, front, back).
    Shapes: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).
    Dtypes: any.
    Raises: ShapeError for an input with an empty axis.

    Example:
        >>> nn.ReplicationPad3d(1)(nnx.ones((1, 2, 2, 2))).shape
        (1, 4, 4, 4)
    """

    _axes = 3
    _mode = "replicate"


class CircularPad1d(Pad):
    """Borders that go on at the other end, around the last axis.

    Args: padding: one width for all sides, or (left, right).
    Shapes: (..., L) -> (..., left + L + right). Dtypes: any.
    Raises: ShapeError for a width above the length of its axis.

    Example:
        >>> nn.CircularPad1d(1)(nnx.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0]]
    """

    _axes = 1
    _mode = "circular"


class CircularPad2d(Pad):
    """Borders that go on at the other end, around the last two axes.

    Args: padding: one width for all sides, or (left, right, top, bottom).
    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right). Dtypes: any.
    Raises: ShapeError for a width above the length of its axis.

    Example:
        >>> nn.CircularPad2d((1, 1, 0, 0))(nnx.tensor([[[1.0, 2.0, 3.0]]])).tolist()
        [[[3.0, 1.0, 2.0, 3.0, 1.0]]]
    """

    _axes = 2
    _mode = "circular"


class CircularPad3d(Pad):
    """Borders that go on at the other end, around the last three axes.

    Args: padding: one width for all sides, or (left, right, top, bottom, front, back).
    Shapes: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).
    Dtypes: any.
    Raises: ShapeError for a width above the length of its axis.

    Example:
        >>> nn.CircularPad3d(1)(nnx.ones((1, 2, 2, 2))).shape
        (1, 4, 4, 4)
    """

    _axes = 3
    _mode = "circular"


__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
