"""Polynomials as NumPy has them: coefficients in one tensor, the highest power first."""

from __future__ import annotations

from typing import Any

from nnx import _check, linalg
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, floats, tensor
from nnx.numeric.series import convolve

__all__ = [
    "polyadd",
    "polyder",
    "polyfit",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
    "vander",
]


def _coefficients(op: str, p: TensorLike) -> Tensor:
    c: Tensor = ops.atleast_1d(tensor(p))
    if c.ndim != 1:
        raise fail(ShapeError, op, "a polynomial has one axis", describe(c))
    return c


def polyval(p: TensorLike, x: TensorLike) -> Tensor:
    """The polynomial p_0 x^(n-1) + ... + p_(n-1), by Horner's rule.

    Shapes: p (n,), x any -> the shape of x. Raises: ShapeError where p has not one axis.

    Example:
        >>> nnx.polyval([1.0, 0.0, -2.0], [3.0]).tolist()
        [7.0]
    """
    coefficients, at = tensor(p), tensor(x)
    if coefficients.ndim != 1:
        raise fail(ShapeError, "polyval", "p has one axis", describe(coefficients, "p"))
    y = ops.zeros_like(at)
    for i in range(len(coefficients)):
        y = y * at + coefficients[i]
    return y


def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of x, one a column: x^(N-1), ..., x, 1, or the other way round.

    Args: N: the number of columns, that of the elements of x unless given.
    Shapes: (n,) -> (n, N). Raises: ShapeError where x has not one axis.

    Example:
        >>> nnx.vander([2.0, 3.0], 3).tolist()
        [[4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    """
    v = tensor(x)
    if v.ndim != 1:
        raise fail(ShapeError, "vander", "takes a sequence of one axis", describe(v))
    columns = len(v) if N is None else _check.integer("vander", "N", N)
    if columns == 0:
        return ops.zeros((len(v), 0), dtype=v.dtype, device=v.device)
    factors = ops.broadcast_to(v.unsqueeze(1), (len(v), columns - 1))
    ones = ops.ones((len(v), 1), dtype=v.dtype, device=v.device)
    powers = ops.cumprod(ops.concatenate([ones, factors], 1), 1)
    return powers if increasing else powers.flip(1)


def polyfit(x: TensorLike, y: TensorLike, deg: int, w: TensorLike | None = None) -> Tensor:
    """The polynomial of a degree with the least sum of w^2 (y - p(x))^2.

    Args: w: weights of the points, 1 / sigma for uncertainties sigma.
    Shapes: (n,), (n,) or (n, k) -> (deg + 1,) or (deg + 1, k). Dtypes: floating.
    Raises: ShapeError where x and y differ in length or there are too few points.

    Example:
        >>> p = nnx.polyfit(nnx.tensor([0.0, 1.0, 2.0]), nnx.tensor([1.0, 3.0, 5.0]), 1)
        >>> p.round(decimals=4).tolist()
        [2.0, 1.0]
    """
    op = "polyfit"
    deg = _check.integer(op, "deg", deg)
    at, values = floats(x), floats(y)
    dtype = ops.result_type(at, values)
    at, values = at.to(dtype), values.to(dtype)
    if at.ndim != 1 or values.ndim not in (1, 2) or values.shape[0] != len(at):
        rule = "x has one axis, and y a value (or a row) for each of them"
        raise fail(ShapeError, op, rule, f"{describe(at, 'x')}, {describe(values, 'y')}")
    if len(at) < deg + 1:
        rule = f"degree {deg} takes at least {deg + 1} points"
        raise fail(ShapeError, op, rule, describe(at, "x"))
    a = vander(at, deg + 1)
    b = values if values.ndim == 2 else values.unsqueeze(1)
    if w is not None:
        weights = floats(w).to(dtype)
        if weights.shape != at.shape:
            rule = "w must have a weight for each point"
            raise fail(ShapeError, op, rule, f"{describe(at, 'x')}, {describe(weights, 'w')}")
        a, b = a * weights.unsqueeze(1), b * weights.unsqueeze(1)
    # Columns of length 1: powers differ by orders of magnitude.
    scale = ops.sqrt((a * a).sum(0)).detach()
    found = linalg.lstsq(a / scale, b).solution / scale.unsqueeze(1)
    return found if values.ndim == 2 else found[:, 0]


def polyder(p: TensorLike, m: int = 1) -> Tensor:
    """The m-th derivative of a polynomial.

    Example:
        >>> nnx.polyder([1.0, 2.0, 3.0]).tolist()
        [2.0, 2.0]
    """
    c = _coefficients("polyder", p)
    for _ in range(min(_check.integer("polyder", "m", m), len(c))):
        n = len(c)
        c = c[:-1] * ops.arange(n - 1, 0, -1, dtype=c.dtype, device=c.device)
    return c


def polyint(p: TensorLike, m: int = 1, k: Any = None) -> Tensor:
    """The m-th integral of a polynomial, with the constants k.

    Args: k: one constant for all, or m of them; 0 unless given.
    Raises: ShapeError for another number of constants, ArgumentError for m above 1000.

    Example:
        >>> nnx.polyint([2.0, 2.0]).tolist()
        [1.0, 2.0, 0.0]
    """
    c = floats(_coefficients("polyint", p))
    times = _check.integer("polyint", "m", m)
    if times > 1000:  # 1 / m! is 0 long before
        raise fail(ArgumentError, "polyint", "m must be at most 1000", describe(m, "m"))
    constants = ops.atleast_1d(tensor(0 if k is None else k, c)).to(c.dtype)
    if len(constants) == 1:
        constants = ops.broadcast_to(constants, (times,))
    if constants.shape != (times,):
        rule = f"k must be one constant, or {times}"
        raise fail(ShapeError, "polyint", rule, describe(constants, "k"))
    for i in range(times):
        powers = ops.arange(len(c), 0, -1, dtype=c.dtype, device=c.device)
        c = ops.concatenate([c / powers, constants[i : i + 1]])
    return c


def _same_length(op: str, a1: TensorLike, a2: TensorLike) -> tuple[Tensor, Tensor]:
    a, b = _coefficients(op, a1), _coefficients(op, a2)
    n = max(len(a), len(b))
    return ops.pad(a, ((n - len(a), 0),)), ops.pad(b, ((n - len(b), 0),))


def polyadd(a1: TensorLike, a2: TensorLike) -> Tensor:
    """The sum of two polynomials.

    Example:
        >>> nnx.polyadd([1, 0], [3]).tolist()
        [1, 3]
    """
    a, b = _same_length("polyadd", a1, a2)
    return a + b


def polysub(a1: TensorLike, a2: TensorLike) -> Tensor:
    """The difference of two polynomials.

    Example:
        >>> nnx.polysub([1, 0], [3]).tolist()
        [1, -3]
    """
    a, b = _same_length("polysub", a1, a2)
    return a - b


def polymul(a1: TensorLike, a2: TensorLike) -> Tensor:
    """The product of two polynomials: the convolution of their coefficients.

    Example:
        >>> nnx.polymul([1, 1], [1, -1]).tolist()
        [1, 0, -1]
    """
    return convolve(_coefficients("polymul", a1), _coefficients("polymul", a2))
