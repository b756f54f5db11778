"""nnx.linalg against NumPy in float64, gradients against central differences, and bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import linalg

RNG = np.random.default_rng(4)
SQUARE = RNG.normal(size=(2, 3, 4, 4))
SYMMETRIC = SQUARE + SQUARE.swapaxes(-1, -2)
POSITIVE = SQUARE @ SQUARE.swapaxes(-1, -2) + np.eye(4)
TALL, WIDE = RNG.normal(size=(2, 6, 4)), RNG.normal(size=(2, 4, 6))
RIGHT = RNG.normal(size=(2, 3, 4, 2))

# One result each, the same as NumPy's function of that name.
SAME: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "solve": (np.linalg.solve, (SQUARE, RIGHT), {}),
    "inv": (np.linalg.inv, (SQUARE,), {}),
    "det": (np.linalg.det, (SQUARE,), {}),
    "cholesky": (np.linalg.cholesky, (POSITIVE,), {}),
    "eigvalsh": (np.linalg.eigvalsh, (SYMMETRIC,), {}),
    "svdvals": (lambda x: np.linalg.svd(x)[1], (TALL,), {}),
    "pinv": (np.linalg.pinv, (TALL,), {}),
    "matrix_rank": (np.linalg.matrix_rank, (WIDE,), {}),
    "cond": (np.linalg.cond, (SQUARE,), {}),
    "trace": (lambda x: np.trace(x, axis1=-2, axis2=-1), (SQUARE,), {}),
    "diagonal": (lambda x: np.diagonal(x, axis1=-2, axis2=-1), (SQUARE,), {}),
}


@pytest.mark.parametrize("name", SAME)
def test_same_as_numpy(name: str) -> None:
    reference, arrays, options = SAME[name]
    got = getattr(linalg, name)(*[nnx.tensor(a) for a in arrays], **options)
    np.testing.assert_allclose(got.numpy(), reference(*arrays, **options), rtol=1e-10, atol=1e-12)
    single = getattr(linalg, name)(*[nnx.tensor(a).float() for a in arrays], **options)
    if name != "matrix_rank":
        assert single.dtype == nnx.float32
    np.testing.assert_allclose(single.numpy(), reference(*arrays), rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("a", [TALL, WIDE, SQUARE, TALL[:, :0], WIDE[..., :0], SQUARE[:0]])
def test_factors_multiply_to_the_matrix(a: np.ndarray) -> None:
    m, n = a.shape[-2:]
    k = min(m, n)
    x = nnx.tensor(a)
    for complete in (False, True):
        q, r = linalg.qr(x, "complete" if complete else "reduced")
        assert q.shape[-2:] == (m, m if complete else k)
        np.testing.assert_allclose((q @ r).numpy(), a, atol=1e-12)
        columns = q.shape[-1]
        identity = np.broadcast_to(np.eye(columns), (*a.shape[:-2], columns, columns))
        np.testing.assert_allclose((q.mT @ q).numpy(), identity, atol=1e-12)
        np.testing.assert_array_equal(np.tril(r.numpy(), -1), 0)
        u, s, vh = linalg.svd(x, full_matrices=complete)
        assert u.shape[-2:] == (m, m if complete else k)
        assert vh.shape[-2:] == (n if complete else k, n)
        product = u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :]
        np.testing.assert_allclose(product.numpy(), a, atol=1e-12)
        assert (s[..., 1:] <= s[..., :-1]).all()
    np.testing.assert_allclose(s.numpy(), np.linalg.svd(a)[1], rtol=1e-10)


def test_eigh_reads_one_half() -> None:
    half = np.tril(SYMMETRIC) + np.triu(np.full((4, 4), 77.0), 1)
    w, v = linalg.eigh(nnx.tensor(half))
    np.testing.assert_allclose(w.numpy(), np.linalg.eigvalsh(SYMMETRIC), rtol=1e-10)
    np.testing.assert_allclose((v * w.unsqueeze(-2) @ v.mT).numpy(), SYMMETRIC, atol=1e-12)
    other = linalg.eigh(nnx.tensor(half.swapaxes(-1, -2)), UPLO="U").eigenvalues
    np.testing.assert_array_equal(other.numpy(), w.numpy())


def test_triangular_systems() -> None:
    lower = np.tril(SQUARE)
    a, b = nnx.tensor(SQUARE), nnx.tensor(RIGHT)
    x = linalg.solve_triangular(a, b).numpy()
    np.testing.assert_allclose(lower @ x, RIGHT, atol=1e-10)
    x = linalg.solve_triangular(a, b, upper=True, unitriangular=True).numpy()
    np.testing.assert_allclose((np.triu(SQUARE, 1) + np.eye(4)) @ x, RIGHT, atol=1e-10)
    x = linalg.solve_triangular(a, b.mT, left=False).numpy()
    np.testing.assert_allclose(x @ lower, RIGHT.swapaxes(-1, -2), atol=1e-10)


def test_least_squares() -> None:
    b = RNG.normal(size=(6, 3))
    x, residuals, rank, s = np.linalg.lstsq(TALL[0], b)
    got = linalg.lstsq(nnx.tensor(TALL[0]), nnx.tensor(b))
    np.testing.assert_allclose(got.solution.numpy(), x, rtol=1e-10)
    np.testing.assert_allclose(got.residuals.numpy(), residuals, rtol=1e-10)
    assert got.rank.item() == rank
    np.testing.assert_allclose(got.singular_values.numpy(), s, rtol=1e-12)
    one = linalg.lstsq(nnx.tensor(TALL[0]), nnx.tensor(b[:, 0]))
    np.testing.assert_allclose(one.solution.numpy(), x[:, 0], rtol=1e-10)
    # Of rank 1: the shortest of many solutions.
    flat = np.outer(np.arange(1.0, 7), np.arange(1.0, 5))
    got = linalg.lstsq(nnx.tensor(flat), nnx.tensor(b[:, 0]))
    np.testing.assert_allclose(got.solution.numpy(), np.linalg.lstsq(flat, b[:, 0])[0], atol=1e-12)


def test_determinants() -> None:
    sign, log = np.linalg.slogdet(SQUARE)
    got = linalg.slogdet(nnx.tensor(SQUARE))
    np.testing.assert_array_equal(got.sign.numpy(), sign)
    np.testing.assert_allclose(got.logabsdet.numpy(), log, rtol=1e-10)
    singular = linalg.slogdet(nnx.ones(3, 3))
    assert singular.sign.item() == 0 and singular.logabsdet.item() == -math.inf
    assert linalg.det(nnx.ones(3, 3)).item() == 0 and linalg.det(nnx.ones(0, 0)).item() == 1
    assert math.isnan(linalg.logdet(-nnx.eye(3)).item())


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
def test_matrix_norms(ord: Any) -> None:
    x = TALL[0]
    np.testing.assert_allclose(linalg.norm(nnx.tensor(x), ord).item(), np.linalg.norm(x, ord))
    got = linalg.norm(nnx.tensor(SQUARE), ord, axis=(0, 2), keepdims=True)
    expected = np.linalg.norm(SQUARE, ord, axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, math.inf, -math.inf])
def test_vector_norms(ord: float) -> None:
    got = linalg.vector_norm(nnx.tensor(WIDE), ord, axis=1)
    np.testing.assert_allclose(got.numpy(), np.linalg.norm(WIDE, ord, axis=1), rtol=1e-12)
    flat = linalg.vector_norm(nnx.tensor(WIDE), ord)
    np.testing.assert_allclose(flat.item(), np.linalg.norm(WIDE.ravel(), ord), rtol=1e-12)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 7])
def test_matrix_power(n: int) -> None:
    got = linalg.matrix_power(nnx.tensor(SQUARE), n).numpy()
    np.testing.assert_allclose(got, np.linalg.matrix_power(SQUARE, n), rtol=1e-8)
    whole = np.array([[1, 1], [1, 0]])
    if n >= 0:
        expected = np.linalg.matrix_power(whole, n)
        np.testing.assert_array_equal(linalg.matrix_power(nnx.tensor(whole), n).numpy(), expected)


def test_multi_dot() -> None:
    parts = [RNG.normal(size=s) for s in ((9,), (9, 2), (2, 30), (30, 4), (4,))]
    got = linalg.multi_dot([nnx.tensor(p) for p in parts])
    np.testing.assert_allclose(got.item(), np.linalg.multi_dot(parts), rtol=1e-12)


ODD = nnx.tensor(np.arange(1.0, 13).reshape(4, 3))
GRADIENTS: dict[str, tuple[Callable[..., nnx.Tensor], tuple[tuple[int, ...], ...]]] = {
    "solve": (linalg.solve, ((2, 3, 3), (3, 2))),
    "solve of a vector": (linalg.solve, ((3, 3), (3,))),
    "triangular": (linalg.solve_triangular, ((3, 3), (3, 2))),
    "unit triangular": (
        lambda a, b: linalg.solve_triangular(a, b, upper=True, unitriangular=True),
        ((3, 3), (3, 2)),
    ),
    "inv": (linalg.inv, ((3, 3),)),
    "det": (linalg.det, ((2, 3, 3),)),
    "slogdet": (lambda x: linalg.slogdet(x).logabsdet, ((3, 3),)),
    "cholesky": (lambda x: linalg.cholesky(x @ x.mT + nnx.eye(3).double()), ((3, 3),)),
    "qr": (lambda x: (linalg.qr(x).Q * ODD).sum() + (linalg.qr(x).R ** 3).sum(), ((4, 3),)),
    "eigh": (
        lambda x: (
            (linalg.eigvalsh(x + x.mT) ** 3).sum()
            + (linalg.eigh(x + x.mT).eigenvectors ** 4 * ODD[:3]).sum()
        ),
        ((3, 3),),
    ),
    "svd, tall": (
        lambda x: (
            (linalg.svd(x, False).U ** 4 * ODD).sum()
            + (linalg.svd(x, False).Vh ** 4 * ODD[:3]).sum()
        ),
        ((4, 3),),
    ),
    "svd, wide": (
        lambda x: (
            (linalg.svd(x, False).U ** 4 * ODD[:3]).sum() + linalg.svdvals(x)[0]
            + (linalg.svd(x, False).Vh ** 4 * ODD.mT).sum()
        ),
        ((3, 4),),
    ),
    "pinv": (linalg.pinv, ((4, 3),)),
    "lstsq": (lambda a, b: linalg.lstsq(a, b).solution, ((4, 3), (4,))),
    "nuclear norm": (lambda x: linalg.matrix_norm(x, "nuc"), ((3, 2),)),
    "norm 3": (lambda x: linalg.vector_norm(x, 3), ((4,),)),
    "matrix_power": (lambda x: linalg.matrix_power(x, -3), ((3, 3),)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_first_and_second_order(name: str) -> None:
    f, shapes = GRADIENTS[name]
    rng = np.random.default_rng(5)
    arrays = [rng.normal(size=s) + (2 * np.eye(*s[-2:]) if len(s) > 1 else 0) for s in shapes]
    helpers.check_gradients(f, arrays, rtol=3e-6, atol=1e-6)


def test_no_answer_is_an_error_that_says_why() -> None:
    with pytest.raises(nnx.LinAlgError, match=r"solve.*singular"):
        linalg.solve(nnx.ones(2, 2), nnx.ones(2))
    stack = nnx.stack([nnx.eye(3), nnx.zeros(3, 3)])
    with pytest.raises(nnx.LinAlgError, match="matrix 1"):
        linalg.inv(stack)
    with pytest.raises(ValueError, match="not positive definite"):
        linalg.cholesky(-nnx.eye(2))
    bad = nnx.full((3, 3), math.nan)
    for f in (linalg.svdvals, linalg.eigvalsh):
        with pytest.raises(nnx.LinAlgError, match="NaN"):
            f(bad)
    with pytest.raises(nnx.ShapeError, match="same length"):
        linalg.inv(nnx.ones(2, 3))
    with pytest.raises(nnx.ShapeError, match="at least two axes"):
        linalg.qr(nnx.ones(3))
    with pytest.raises(nnx.ShapeError, match="as many rows"):
        linalg.solve(nnx.eye(3), nnx.ones(2, 2))
    with pytest.raises(nnx.DTypeError, match="same dtype"):
        nnx._nnx.linalg_solve(nnx.eye(3), nnx.ones(3, 1).double())
    assert linalg.solve(nnx.eye(3), nnx.ones(3, 1).double()).dtype == nnx.float64
    with pytest.raises(nnx.ArgumentError, match="'fro'"):
        linalg.matrix_norm(nnx.eye(3), 3)
    with pytest.raises(nnx.GradientError, match="reduced"):
        linalg.svd(nnx.ones(3, 2, requires_grad=True)).U.sum().backward()
    with pytest.raises(nnx.ArgumentError, match="at least two"):
        linalg.multi_dot([nnx.eye(2)])


def test_integers_and_lists_are_taken_as_numpy_takes_them() -> None:
    assert linalg.inv([[2, 0], [0, 4]]).tolist() == [[0.5, 0], [0, 0.25]]
    assert linalg.norm([3, 4]).item() == 5
    assert linalg.matrix_rank(nnx.ones(3)).item() == 1


def test_any_number_of_empty_matrices() -> None:
    many = nnx.zeros(2**33, 0, 0)
    assert linalg.cholesky(many).shape == (2**33, 0, 0) == linalg.inv(many).shape
    assert linalg.qr(nnx.zeros(2**33, 3, 0)).Q.shape == (2**33, 3, 0)
    assert linalg.svdvals(many).shape == (2**33, 0)
    assert linalg.det(nnx.zeros(2, 0, 0)).tolist() == [1.0, 1.0]
