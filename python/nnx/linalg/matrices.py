"""Rank, condition, powers, products and parts of matrices."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, cutoff, floats, matrix, tensor
from nnx.linalg.factors import eigvalsh, svdvals
from nnx.linalg.norms import matrix_norm
from nnx.linalg.solving import inv


def matrix_rank(
    x: TensorLike, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Tensor:
    """How many singular values are above tol, or above rtol times the largest.

    Shapes: (..., m, n) -> (...). Dtypes: floating -> int64. Raises: ShapeError.

    Example:
        >>> nnx.linalg.matrix_rank(nnx.ones(3, 3)).item()
        1
    """
    m = floats(x)
    if m.ndim < 2:
        return (m != 0).any().to(ops.int64)
    s = ops.abs(eigvalsh(m)) if hermitian else svdvals(m)
    limit = cutoff(m, s, rtol) if tol is None else tol
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
    x = matrix("cond", x, square=p not in (None, 2, -2))
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
    m = tensor(x)
    power = _check.integer("matrix_power", "n", n, -(2**62))
    if m.ndim < 2 or m.shape[-1] != m.shape[-2]:
        rule = "the last two axes must have the same length"
        raise fail(ShapeError, "matrix_power", rule, describe(m))
    if power == 0:
        return ops.eye(m.shape[-1], dtype=m.dtype, device=m.device).expand(m.shape).clone()
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
    parts = [tensor(m) for m in matrices]
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


def diagonal(x: TensorLike, *, offset: int = 0) -> Tensor:
    """The diagonal of the last two axes.

    Shapes: (..., m, n) -> (..., k).

    Example:
        >>> nnx.linalg.diagonal(nnx.ones(2, 3, 3)).shape
        (2, 3)
    """
    return tensor(x).diagonal(offset, -2, -1)


def trace(x: TensorLike, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of the last two axes.

    Shapes: (..., m, n) -> (...).

    Example:
        >>> nnx.linalg.trace(nnx.eye(3)).item()
        3.0
    """
    return ops.sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)
