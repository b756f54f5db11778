"""Linear algebra: solving, factorising, norms. Matrices stand in the last two axes, so every
function takes stacks of them; all have gradients of any order, except where it is said.

Names and meaning are those of the Python array API standard and of NumPy's numpy.linalg; what
PyTorch calls differently answers to its name, too. Computed by LAPACK in float32 or float64.

Example:
    >>> a = nnx.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> nnx.linalg.solve(a, nnx.tensor([3.0, 4.0])).round(decimals=6).tolist()
    [1.0, 1.0]
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    LinAlgError,
    ShapeError,
    Tensor,
    cross,
    matmul,
    matrix_transpose,
    outer,
    tensordot,
    vecdot,
)

TensorLike = Any


class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors.

    Example:
        >>> nnx.linalg.eigh(nnx.eye(2)).eigenvalues.tolist()
        [1.0, 1.0]
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """Q and R.

    Example:
        >>> nnx.linalg.qr(nnx.ones(3, 2)).R.shape
        (2, 2)
    """

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """U, S and Vh.

    Example:
        >>> nnx.linalg.svd(nnx.eye(2)).S.tolist()
        [1.0, 1.0]
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value.

    Example:
        >>> nnx.linalg.slogdet(nnx.eye(2)).sign.item()
        1.0
    """

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What lstsq found: solution, sums of squared residuals, ranks, singular values.

    Example:
        >>> nnx.linalg.lstsq(nnx.eye(2), nnx.ones(2)).rank.item()
        2
    """

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _tensor(x: TensorLike) -> Tensor:
    return x if isinstance(x, Tensor) else ops.asarray(x)


def _floats(x: TensorLike) -> Tensor:
    """A tensor of floats: integers become the default dtype, as NumPy's become float64."""
    t = _tensor(x)
    return t if t.is_floating_point() else t.to(ops.get_default_dtype())


def _matrix(op: str, x: TensorLike, square: bool = False) -> Tensor:
    m = _floats(x)
    if m.ndim < 2:
        raise fail(ShapeError, op, "takes matrices: at least two axes", describe(m))
    if square and m.shape[-1] != m.shape[-2]:
        rule = "the last two axes must have the same length"
        raise fail(ShapeError, op, rule, describe(m))
    return m


# --- solving ------------------------------------------------------------------------------------


def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The x with a @ x = b.

    Shapes: a (..., n, n), b (n,) or (..., n, k) -> that of b, leading axes broadcast.
    Dtypes: floating, both the same.
    Raises: LinAlgError for a singular matrix, ShapeError.

    Example:
        >>> nnx.linalg.solve(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]), nnx.tensor([2.0, 4.0]))
        tensor([1., 1.])
    """
    a, b = _matrix("solve", a, square=True), _floats(b)
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

    Shapes: a (..., n, n), b (..., n, k). Dtypes: floating, both the same.
    Raises: LinAlgError for a 0 on the diagonal, ShapeError.

    Example:
        >>> a = nnx.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> nnx.linalg.solve_triangular(a, nnx.tensor([[2.0], [3.0]]))
        tensor([[1.],
                [2.]])
    """
    a, b = _matrix("solve_triangular", a, square=True), _floats(b)
    if left:
        return ops.linalg_solve_triangular(a, b, upper, unitriangular)
    return ops.linalg_solve_triangular(a.mT, b.mT, not upper, unitriangular).mT


def inv(x: TensorLike) -> Tensor:
    """The inverse matrix. To solve a system, `solve` is more exact and faster.

    Shapes: (..., n, n) -> the same. Dtypes: floating.
    Raises: LinAlgError for a singular matrix, ShapeError.

    Example:
        >>> nnx.linalg.inv(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5 , 0.  ],
                [0.  , 0.25]])
    """
    x = _matrix("inv", x, square=True)
    return ops.linalg_solve(x, ops.eye(x.shape[-1], dtype=x.dtype).expand(x.shape))


def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> LstsqResult:
    """The x of least length among those for which |a @ x - b|^2 is least.

    Args: rcond: singular values below rcond times the largest count as 0; max(m, n) times the
        precision unless given.

    Shapes: a (..., m, n), b (m,) or (..., m, k) -> solution (n,) or (..., n, k).
    Raises: ShapeError; LinAlgError for NaN.

    Example:
        >>> x = nnx.tensor([0.0, 1.0, 2.0])
        >>> a = nnx.stack([x, nnx.ones(3)], axis=1)
        >>> nnx.linalg.lstsq(a, 2 * x + 1).solution.round(decimals=4).tolist()
        [2.0, 1.0]
    """
    a, b = _matrix("lstsq", a), _floats(b)
    columns = b.unsqueeze(-1) if b.ndim == 1 else b
    if columns.shape[-2] != a.shape[-2]:
        received = f"{describe(a, 'a')}, {describe(b, 'b')}"
        raise fail(ShapeError, "lstsq", "b must have as many rows as a", received)
    u, s, vh = ops.linalg_svd(a)
    kept = s > _cutoff(a, s, rcond)
    inverse = ops.where(kept, 1 / ops.where(kept, s, 1.0), 0.0)
    x = vh.mT @ (inverse.unsqueeze(-1) * (u.mT @ columns))
    squares = ops.square(a @ x - columns).sum(-2)
    if b.ndim == 1:
        x, squares = x.squeeze(-1), squares.squeeze(-1)
    return LstsqResult(x, squares, kept.sum(-1), s)


def _cutoff(x: Tensor, s: Tensor, rcond: Any) -> Tensor:
    if rcond is None:
        rcond = max(x.shape[-2:]) * ops.finfo(x.dtype).eps
    largest = ops.max(s, axis=-1, keepdims=True) if s.shape[-1] else s
    factor = rcond.unsqueeze(-1) if isinstance(rcond, Tensor) else rcond
    return largest.detach() * factor


def pinv(x: TensorLike, rcond: float | None = None, *, rtol: float | None = None) -> Tensor:
    """The Moore-Penrose inverse: of any matrix, also a singular or oblong one.

    Args: rcond or rtol: singular values below it times the largest count as 0; max(m, n) times
        the precision unless given.

    Shapes: (..., m, n) -> (..., n, m). Dtypes: floating.
    Raises: ShapeError; LinAlgError for NaN.

    Example:
        >>> nnx.linalg.pinv(nnx.tensor([[2.0, 0.0], [0.0, 0.0]])).round(decimals=4).tolist()
        [[0.5, 0.0], [0.0, 0.0]]
    """
    m = _matrix("pinv", x)
    u, s, vh = ops.linalg_svd(m)
    kept = s > _cutoff(m, s, rtol if rcond is None else rcond)
    inverse = ops.where(kept, 1 / ops.where(kept, s, 1.0), 0.0)
    found: Tensor = vh.mT @ (inverse.unsqueeze(-1) * u.mT)
    return found


# --- determinants -------------------------------------------------------------------------------


def slogdet(x: TensorLike) -> SlogdetResult:
    """Sign and logarithm of |det x|, where det x itself would overflow.

    Shapes: (..., n, n) -> (...), (...). Dtypes: floating.
    Raises: ShapeError. A singular matrix has sign 0 and logarithm -inf.

    Example:
        >>> nnx.linalg.slogdet(nnx.tensor([[0.0, 1.0], [1.0, 0.0]]))
        SlogdetResult(sign=tensor(-1.), logabsdet=tensor(0.))
    """
    return SlogdetResult(*ops.linalg_slogdet(_matrix("slogdet", x, square=True)))


def det(x: TensorLike) -> Tensor:
    """The determinant.

    Shapes: (..., n, n) -> (...). Dtypes: floating.
    Raises: ShapeError; LinAlgError for the gradient at a singular matrix.

    Example:
        >>> nnx.linalg.det(nnx.tensor([[2.0, 0.0], [0.0, 4.0]])).round(decimals=4).item()
        8.0
    """
    sign, log = ops.linalg_slogdet(_matrix("det", x, square=True))
    return sign.detach() * ops.exp(log)


def logdet(x: TensorLike) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative.

    Shapes: (..., n, n) -> (...). Dtypes: floating. Raises: ShapeError.

    Example:
        >>> nnx.linalg.logdet(nnx.eye(3)).item()
        0.0
    """
    sign, log = ops.linalg_slogdet(_matrix("logdet", x, square=True))
    negative = sign.detach() < 0
    found: Tensor = ops.where(negative, math.nan, log)
    return found


# --- factorisations -----------------------------------------------------------------------------


def cholesky(x: TensorLike, *, upper: bool = False) -> Tensor:
    """L with x = L @ L.mT for a symmetric, positive definite x; its lower half is read.

    Args: upper: gives L.mT instead.
    Shapes: (..., n, n) -> the same. Dtypes: floating.
    Raises: LinAlgError for a matrix that is not positive definite, ShapeError.

    Example:
        >>> nnx.linalg.cholesky(nnx.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    lower = ops.linalg_cholesky(_matrix("cholesky", x, square=True))
    return lower.mT if upper else lower


def qr(x: TensorLike, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and upper triangular R with x = Q @ R.

    Args: mode: "reduced", "complete" (square Q, without a gradient), or "r" for R alone.
    Shapes: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n), or m when complete.
    Raises: ShapeError, ArgumentError; GradientError for the gradient where m < n.

    Example:
        >>> Q, R = nnx.linalg.qr(nnx.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> nnx.allclose(Q @ R, nnx.tensor([[3.0, 1.0], [4.0, 2.0]]), atol=1e-5)
        True
    """
    _check.choice("qr", "mode", mode, ("reduced", "complete", "r"))
    q, r = ops.linalg_qr(_matrix("qr", x), mode == "complete")
    return QRResult(q[..., :0] if mode == "r" else q, r)


def eigh(x: TensorLike, UPLO: str = "L") -> EighResult:
    """Ascending eigenvalues and orthonormal eigenvectors, in columns, of symmetric matrices.

    Args: UPLO: the half that is read, "L" or "U".
    Shapes: (..., n, n) -> (..., n), (..., n, n). Dtypes: floating.
    Raises: LinAlgError for NaN, ShapeError. Gradients of eigenvectors need distinct eigenvalues.

    Example:
        >>> nnx.linalg.eigh(nnx.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    _check.choice("eigh", "UPLO", UPLO, ("L", "U"))
    x = _matrix("eigh", x, square=True)
    return EighResult(*ops.linalg_eigh(x if UPLO == "L" else x.mT))


def eigvalsh(x: TensorLike, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; see `eigh`.

    Example:
        >>> nnx.linalg.eigvalsh(nnx.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigh(x, UPLO).eigenvalues


def svd(x: TensorLike, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition x = U @ diag(S) @ Vh, S descending.

    Args: full_matrices: square U and Vh (without a gradient, unless x is square), or k columns
        and rows, k = min(m, n).
    Shapes: (..., m, n) -> (..., m, m), (..., k), (..., n, n), or (..., m, k), (..., k),
        (..., k, n).
    Raises: LinAlgError for NaN, ShapeError; GradientError for gradients of the full form.
        Gradients of U and Vh need distinct singular values.

    Example:
        >>> nnx.linalg.svd(nnx.tensor([[0.0, 2.0], [1.0, 0.0]])).S
        tensor([2., 1.])
    """
    return SVDResult(*ops.linalg_svd(_matrix("svd", x), bool(full_matrices)))


def svdvals(x: TensorLike) -> Tensor:
    """The singular values, descending; see `svd`.

    Example:
        >>> nnx.linalg.svdvals(nnx.tensor([[0.0, 2.0], [1.0, 0.0]]))
        tensor([2., 1.])
    """
    return ops.linalg_svd(_matrix("svdvals", x))[1]


# --- ranks, conditions, powers ------------------------------------------------------------------


def matrix_rank(
    x: TensorLike, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Tensor:
    """How many singular values are above tol, or above rtol times the largest.

    Shapes: (..., m, n) -> (...). Dtypes: floating -> int64. Raises: ShapeError.

    Example:
        >>> nnx.linalg.matrix_rank(nnx.ones(3, 3)).item()
        1
    """
    m = _floats(x)
    if m.ndim < 2:
        return (m != 0).any().to(ops.int64)
    s = ops.abs(eigvalsh(m)) if hermitian else svdvals(m)
    limit = _cutoff(m, s, rtol) if tol is None else tol
    if isinstance(limit, Tensor) and tol is not None:
        limit = limit.unsqueeze(-1)
    return (s > limit).sum(-1)


def cond(x: TensorLike, p: Any = None) -> Tensor:
    """The condition number: how much errors of b grow in the solution of x @ y = b.

    |x| |x^-1| in the norm p of `matrix_norm`; 2 unless given: the largest over the smallest
    singular value.

    Shapes: (..., n, n), for p 2 and -2 (..., m, n) -> (...). Raises: ShapeError.

    Example:
        >>> nnx.linalg.cond(nnx.tensor([[2.0, 0.0], [0.0, 1.0]])).item()
        2.0
    """
    x = _matrix("cond", x, square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


def matrix_power(x: TensorLike, n: int) -> Tensor:
    """x @ x @ ... n times; the inverse for -1, the identity for 0.

    Shapes: (..., n, n) -> the same. Raises: LinAlgError for negative powers of singular matrices.

    Example:
        >>> nnx.linalg.matrix_power(nnx.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
        tensor([[1., 5.],
                [0., 1.]])
    """
    m = _tensor(x)
    power = _check.integer("matrix_power", "n", n, -(2**62))
    if m.ndim < 2 or m.shape[-1] != m.shape[-2]:
        rule = "the last two axes must have the same length"
        raise fail(ShapeError, "matrix_power", rule, describe(m))
    if power == 0:
        return ops.eye(m.shape[-1], dtype=m.dtype).expand(m.shape).clone()
    if power < 0:
        m, power = inv(m), -power
    result: Tensor | None = None
    while True:
        if power & 1:
            result = m if result is None else result @ m
        power >>= 1
        if not power:
            assert result is not None  # the highest bit is set
            return result
        m = m @ m


def multi_dot(matrices: Sequence[TensorLike]) -> Tensor:
    """The product of many matrices, in the order that takes the fewest multiplications.

    Shapes: (m, a), (a, b), ..., (z, n) -> (m, n); the first and the last may be vectors.
    Raises: ArgumentError for fewer than two, ShapeError.
    Source: Cormen et al., Introduction to Algorithms, matrix-chain multiplication.

    Example:
        >>> nnx.linalg.multi_dot([nnx.ones(1, 9), nnx.ones(9, 9), nnx.ones(9, 1)])
        tensor([[81.]])
    """
    parts = [_tensor(m) for m in matrices]
    if len(parts) < 2:
        rule = "takes at least two matrices"
        raise fail(ArgumentError, "multi_dot", rule, f"{len(parts)} of them")
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    if row:
        parts[0] = parts[0].unsqueeze(0)
    if column:
        parts[-1] = parts[-1].unsqueeze(-1)
    for part in parts:
        if part.ndim != 2:
            raise fail(ShapeError, "multi_dot", "takes matrices", describe(part))
    sizes = [part.shape[0] for part in parts] + [parts[-1].shape[1]]

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:  # (multiplications, where to cut)
        if i == j:
            return 0, i
        return min(
            (best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return parts[i]
        k = best(i, j)[1]
        return product(i, k) @ product(k + 1, j)

    result = product(0, len(parts) - 1)
    if row:
        result = result.squeeze(0)
    return result.squeeze(-1) if column else result


# --- norms --------------------------------------------------------------------------------------


def vector_norm(
    x: TensorLike, ord: Any = 2, axis: Any = None, keepdims: bool = False, *, dim: Any = None
) -> Tensor:
    """(sum |x|^p)^(1/p) for p = ord; the largest and smallest |x| for inf and -inf, the count of
    numbers other than 0 for 0.

    Args: axis (or dim): the axes summed over; all unless given.
    Dtypes: floating. Raises: AxisError.

    Example:
        >>> nnx.linalg.vector_norm(nnx.tensor([3.0, 4.0])).item()
        5.0
    """
    v = _floats(x)
    axis = dim if axis is None else axis
    p = _check.real("vector_norm", "ord", ord) if not math.isinf(_number(ord)) else float(ord)
    if p == math.inf:
        return ops.max(ops.abs(v), axis=axis, keepdims=keepdims)
    if p == -math.inf:
        return ops.min(ops.abs(v), axis=axis, keepdims=keepdims)
    if p == 0:
        return (v != 0).to(v.dtype).sum(axis, keepdims)
    if p in (1, 2):
        return ops.norm(v, p, axis, keepdims)
    return (ops.abs(v) ** p).sum(axis, keepdims) ** (1 / p)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        rule = "the order of a norm must be a number, inf, -inf, 'fro' or 'nuc'"
        raise fail(ArgumentError, "norm", rule, describe(value, "ord")) from None


def matrix_norm(
    x: TensorLike,
    ord: Any = "fro",
    axis: Sequence[int] = (-2, -1),
    keepdims: bool = False,
    *,
    dim: Any = None,
) -> Tensor:
    """A norm of matrices.

    Args: ord: "fro" sqrt(sum x^2), "nuc" the sum of the singular values, 2 and -2 the largest
        and smallest of them, 1 and -1 of the sums of |x| over columns, inf and -inf over rows.

    Shapes: (..., m, n) -> (...). Dtypes: floating.
    Raises: ArgumentError for another order, ShapeError.

    Example:
        >>> nnx.linalg.matrix_norm(nnx.tensor([[3.0, 0.0], [0.0, 4.0]])).item()
        5.0
    """
    rows, columns = axis if dim is None else dim
    x = ops.moveaxis(_matrix("matrix_norm", x), (rows, columns), (-2, -1))
    if ord == "fro":
        found = ops.norm(x, 2, (-2, -1), True)
    elif ord == "nuc":
        found = svdvals(x).sum(-1)[..., None, None]
    elif _number(ord) in (2, -2):
        found = svdvals(x)[..., 0 if ord > 0 else -1][..., None, None]
    elif _number(ord) in (1, -1, math.inf, -math.inf):
        sums = ops.abs(x).sum(-2 if abs(ord) == 1 else -1, True)
        largest = ops.max if ord > 0 else ops.min
        found = largest(sums, axis=(-2, -1), keepdims=True)
    else:
        rule = "ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        raise fail(ArgumentError, "matrix_norm", rule, describe(ord, "ord"))
    return ops.moveaxis(found, (-2, -1), (rows, columns)) if keepdims else found[..., 0, 0]


def norm(
    x: TensorLike, ord: Any = None, axis: Any = None, keepdims: bool = False, *, dim: Any = None
) -> Tensor:
    """The norm of a vector, or of a matrix where two axes are named or x has two and an order.

    Without ord, sqrt(sum x^2) over the axes, or over all.

    Raises: as `vector_norm` and `matrix_norm`.

    Example:
        >>> nnx.linalg.norm(nnx.tensor([[3.0, 0.0], [0.0, 4.0]]), ord=1).item()
        4.0
    """
    axis = dim if axis is None else axis
    if ord is None:
        return ops.norm(_floats(x), 2, axis, keepdims)
    if isinstance(axis, Sequence) and len(axis) == 2:
        return matrix_norm(x, ord, axis, keepdims)
    if axis is None and _floats(x).ndim == 2:
        return matrix_norm(x, ord, keepdims=keepdims)
    return vector_norm(x, ord, axis, keepdims)


# --- parts --------------------------------------------------------------------------------------


def diagonal(x: TensorLike, *, offset: int = 0) -> Tensor:
    """The diagonal of the last two axes.

    Shapes: (..., m, n) -> (..., k).

    Example:
        >>> nnx.linalg.diagonal(nnx.ones(2, 3, 3)).shape
        (2, 3)
    """
    return _tensor(x).diagonal(offset, -2, -1)


def trace(x: TensorLike, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of the last two axes.

    Shapes: (..., m, n) -> (...).

    Example:
        >>> nnx.linalg.trace(nnx.eye(3)).item()
        3.0
    """
    return ops.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


__all__ = [
    "EighResult",
    "LinAlgError",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
