"""Functions of single elements, and products of vectors, that are compositions."""

from __future__ import annotations

import math

from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.linalg.arguments import TensorLike, floats, tensor

__all__ = [
    "fabs",
    "float_power",
    "fmax",
    "fmin",
    "isneginf",
    "isposinf",
    "logaddexp2",
    "matvec",
    "modf",
    "vdot",
    "vecmat",
]


def fabs(x: TensorLike) -> Tensor:
    """The absolute value, as a float.

    Example:
        >>> nnx.fabs([-1, 2]).tolist()
        [1.0, 2.0]
    """
    return ops.abs(floats(x))


def float_power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 to the power of x2, in float64, or in complex128 where one of them is complex.

    Example:
        >>> nnx.float_power([2, 3], 2).tolist()
        [4.0, 9.0]
    """
    a, b = tensor(x1), tensor(x2)
    wide = ops.complex128 if a.is_complex() or b.is_complex() else ops.float64
    return ops.pow(a.to(wide), b.to(wide))


def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log2(2^x1 + 2^x2), without overflow.

    Example:
        >>> nnx.logaddexp2([1000.0], [1000.0]).tolist()
        [1001.0]
    """
    two = math.log(2)
    return ops.logaddexp(floats(x1) * two, floats(x2) * two) / two


def modf(x: TensorLike) -> tuple[Tensor, Tensor]:
    """The fractional and the whole part, both with the sign of x.

    Example:
        >>> [part.tolist() for part in nnx.modf([2.5, -2.5])]
        [[0.5, -0.5], [2.0, -2.0]]
    """
    v = floats(x)
    whole = ops.trunc(v)
    # Of an infinity the fraction is 0 with its sign.
    fraction = ops.where(ops.isinf(v), ops.copysign(ops.zeros_like(v), v), v - whole)
    return fraction, whole


def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger of two; of a number and NaN the number.

    Example:
        >>> nnx.fmax([1.0, float("nan")], [2.0, 3.0]).tolist()
        [2.0, 3.0]
    """
    a, b = tensor(x1), tensor(x2)
    out: Tensor = ops.where(ops.isnan(a), b, ops.where(ops.isnan(b), a, ops.maximum(a, b)))
    return out


def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller of two; of a number and NaN the number.

    Example:
        >>> nnx.fmin([1.0, float("nan")], [2.0, 3.0]).tolist()
        [1.0, 3.0]
    """
    a, b = tensor(x1), tensor(x2)
    out: Tensor = ops.where(ops.isnan(a), b, ops.where(ops.isnan(b), a, ops.minimum(a, b)))
    return out


def isposinf(x: TensorLike) -> Tensor:
    """True where x is infinite and positive.

    Example:
        >>> nnx.isposinf([1.0, float("inf"), -float("inf")]).tolist()
        [False, True, False]
    """
    return ops.equal(tensor(x), math.inf)


def isneginf(x: TensorLike) -> Tensor:
    """True where x is infinite and negative.

    Example:
        >>> nnx.isneginf([1.0, float("inf"), -float("inf")]).tolist()
        [False, False, True]
    """
    return ops.equal(tensor(x), -math.inf)


def vdot(a: TensorLike, b: TensorLike) -> Tensor:
    """The dot product of two tensors, flattened; the conjugate of a complex a is taken.

    Raises: ShapeError where they differ in size.

    Example:
        >>> nnx.vdot([[1.0], [2.0]], [3.0, 4.0]).item()
        11.0
    """
    return ops.dot(ops.conj(ops.ravel(tensor(a))), ops.ravel(tensor(b)))


def matvec(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Matrices times vectors, along the last axes.

    Shapes: (..., m, n), (..., n) -> (..., m). Raises: ShapeError.

    Example:
        >>> nnx.matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0]).tolist()
        [1.0, 3.0]
    """
    return ops.matmul(tensor(x1), tensor(x2)[..., None])[..., 0]


def vecmat(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Vectors, conjugated where they are complex, times matrices, along the last axes.

    Shapes: (..., n), (..., n, m) -> (..., m). Raises: ShapeError.

    Example:
        >>> nnx.vecmat([1.0, 0.0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
        [1.0, 2.0]
    """
    return ops.matmul(ops.conj(tensor(x1))[..., None, :], tensor(x2))[..., 0, :]
