"""Systems of equations, inverses, determinants."""

from __future__ import annotations

import math

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, cutoff, floats, matrix, together
from nnx.linalg.results import LstsqResult, SlogdetResult


def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The x with a @ x = b.

    Shapes: a (..., n, n), b (n,) or (..., n, k) -> that of b, leading axes broadcast.
    Dtypes: floating, complex.
    Raises: LinAlgError for a singular matrix, ShapeError.

    Example:
        >>> nnx.linalg.solve(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]), nnx.tensor([2.0, 4.0]))
        tensor([1., 1.])
    """
    a, b = together(a, b)
    if b.ndim == 1:
        return ops.linalg_solve(a, b.unsqueeze(-1)).squeeze(-1)
    return ops.linalg_solve(a, b)


def solve_triangular(
    a: TensorLike,
    b: TensorLike,
    *,
    upper: bool = False,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """The x with a @ x = b, or x @ a = b unless `left`, for a triangular a.

    Args:
        upper: whether a is upper triangular; its other half is not read.
        unitriangular: takes the diagonal for ones.

    Shapes: a (..., n, n), b (..., n, k). Dtypes: floating, complex.
    Raises: LinAlgError for a 0 on the diagonal, ShapeError.

    Example:
        >>> a = nnx.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> nnx.linalg.solve_triangular(a, nnx.tensor([[2.0], [3.0]]))
        tensor([[1.],
                [2.]])
    """
    a, b = together(a, b)
    if left:
        return ops.linalg_solve_triangular(a, b, upper, unitriangular)
    return ops.linalg_solve_triangular(a.mT, b.mT, not upper, unitriangular).mT


def inv(x: TensorLike) -> Tensor:
    """The inverse matrix. To solve a system, `solve` is more exact and faster.

    Shapes: (..., n, n) -> the same. Dtypes: floating, complex.
    Raises: LinAlgError for a singular matrix, ShapeError.

    Example:
        >>> nnx.linalg.inv(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5 , 0.  ],
                [0.  , 0.25]])
    """
    x = matrix("inv", x, square=True)
    eye = ops.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return ops.linalg_solve(x, eye.expand(x.shape))


def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> LstsqResult:
    """The x of least length among those for which |a @ x - b|^2 is least.

    Args: rcond: singular values below rcond times the largest count as 0; max(m, n) times the
        precision unless given.

    Shapes: a (..., m, n), b (m,) or (..., m, k) -> solution (n,) or (..., n, k).
    Dtypes: floating, complex.
    Raises: ShapeError; LinAlgError for NaN.

    Example:
        >>> x = nnx.tensor([0.0, 1.0, 2.0])
        >>> a = nnx.stack([x, nnx.ones(3)], axis=1)
        >>> nnx.linalg.lstsq(a, 2 * x + 1).solution.round(decimals=4).tolist()
        [2.0, 1.0]
    """
    a, b = together(matrix("lstsq", a), b)
    columns = b.unsqueeze(-1) if b.ndim == 1 else b
    if columns.shape[-2] != a.shape[-2]:
        received = f"{describe(a, 'a')}, {describe(b, 'b')}"
        raise fail(ShapeError, "lstsq", "b must have as many rows as a", received)
    u, s, vh = ops.linalg_svd(a)
    kept = s > cutoff(a, s, rcond)
    inverse = ops.where(kept, 1 / ops.where(kept, s, 1.0), 0.0)
    x = vh.mH @ (inverse.unsqueeze(-1) * (u.mH @ columns))
    squares = ops.square(ops.abs(a @ x - columns)).sum(-2)
    if b.ndim == 1:
        x, squares = x.squeeze(-1), squares.squeeze(-1)
    return LstsqResult(x, squares, kept.sum(-1), s)


def pinv(x: TensorLike, rcond: float | None = None, *, rtol: float | None = None) -> Tensor:
    """The Moore-Penrose inverse: of any matrix, also a singular or oblong one.

    Args: rcond or rtol: singular values below it times the largest count as 0; max(m, n) times
        the precision unless given.

    Shapes: (..., m, n) -> (..., n, m). Dtypes: floating, complex.
    Raises: ShapeError; LinAlgError for NaN.

    Example:
        >>> nnx.linalg.pinv(nnx.tensor([[2.0, 0.0], [0.0, 0.0]])).round(decimals=4).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    m = matrix("pinv", x)
    u, s, vh = ops.linalg_svd(m)
    kept = s > cutoff(m, s, rtol if rcond is None else rcond)
    inverse = ops.where(kept, 1 / ops.where(kept, s, 1.0), 0.0)
    found: Tensor = vh.mH @ (inverse.unsqueeze(-1) * u.mH)
    return found


def slogdet(x: TensorLike) -> SlogdetResult:
    """Sign and logarithm of |det x|, where det x itself would overflow; the sign of a complex
    determinant is det x / |det x|.

    Shapes: (..., n, n) -> (...), (...). Dtypes: floating, complex.
    Raises: ShapeError. A singular matrix has sign 0 and logarithm -inf.

    Example:
        >>> nnx.linalg.slogdet(nnx.tensor([[0.0, 1.0], [1.0, 0.0]]))
        SlogdetResult(sign=tensor(-1.), logabsdet=tensor(0.))
    """
    return SlogdetResult(*ops.linalg_slogdet(floats(x)))


def det(x: TensorLike) -> Tensor:
    """The determinant.

    Shapes: (..., n, n) -> (...). Dtypes: floating, complex.
    Raises: ShapeError; LinAlgError for the gradient at a singular matrix.

    Example:
        >>> nnx.linalg.det(nnx.tensor([[2.0, 0.0], [0.0, 4.0]])).round(decimals=4).item()
        8.0
    """
    sign, log = ops.linalg_slogdet(matrix("det", x, square=True))
    return (sign if sign.is_complex() else sign.detach()) * ops.exp(log)


def logdet(x: TensorLike) -> Tensor:
    """The logarithm of the determinant; NaN where a real one is negative.

    Shapes: (..., n, n) -> (...). Dtypes: floating, complex. Raises: ShapeError.

    Example:
        >>> nnx.linalg.logdet(nnx.eye(3)).item()
        0.0
    """
    sign, log = ops.linalg_slogdet(matrix("logdet", x, square=True))
    if sign.is_complex():
        return log + 1j * ops.angle(sign)
    negative = sign.detach() < 0
    found: Tensor = ops.where(negative, math.nan, log)
    return found
