"""Complex matrices: products and factorisations against NumPy, gradients against differences."""

from __future__ import annotations

from typing import Any

import nnx
import numpy as np
import pytest

RTOL = {"complex64": 2e-5, "complex128": 1e-12}


def matrices(*shape: int, dtype: str = "complex128", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def positive(n: int, dtype: str = "complex128") -> np.ndarray:
    a = matrices(2, n, n, dtype=dtype)
    return a @ a.conj().mT + np.eye(n, dtype=dtype)


def close(found: nnx.Tensor, expected: Any, dtype: str) -> None:
    expected = np.asarray(expected)
    assert found.numpy().dtype == expected.dtype
    scale = RTOL[dtype] * max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=RTOL[dtype], atol=scale)


@pytest.mark.parametrize("dtype", RTOL)
def test_products(dtype: str) -> None:
    for m, k, n in ((1, 1, 1), (3, 5, 2), (64, 33, 70), (200, 300, 150), (4, 0, 3)):
        a, b = matrices(m, k, dtype=dtype), matrices(k, n, dtype=dtype, seed=1)
        close(nnx.tensor(a) @ nnx.tensor(b), a @ b, dtype)
        close(nnx.tensor(a.T).T @ nnx.tensor(b).conj(), a @ b.conj(), dtype)
        mixed = nnx.tensor(a) @ nnx.tensor(b.real)
        close(mixed, a @ b.real, dtype)
    a, b = matrices(4, 3, 5, dtype=dtype), matrices(5, 2, dtype=dtype)
    x, y = nnx.tensor(a), nnx.tensor(b)
    close(x @ y, a @ b, dtype)
    close(nnx.einsum("bij,jk->bk", x, y), np.einsum("bij,jk->bk", a, b), dtype)
    close(nnx.tensordot(x, y, 1), np.tensordot(a, b, 1), dtype)
    close(nnx.outer(x[0, 0], y[:, 0]), np.outer(a[0, 0], b[:, 0]), dtype)
    close(nnx.vecdot(x[0], x[1]), np.vecdot(a[0], a[1]), dtype)
    close(nnx.vdot(x, x), np.vdot(a, a), dtype)
    close(nnx.kron(x[0], y), np.kron(a[0], b), dtype)
    with nnx.no_grad():
        v = nnx.ones(5, dtype=nnx.complex64)
        assert (v @ v).item() == 5


def test_the_same_bits_for_any_number_of_threads() -> None:
    a = nnx.tensor(matrices(300, 200))
    before = nnx.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        nnx.set_num_threads(threads)
        found.append((a @ a.mH).numpy())
    nnx.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("dtype", RTOL)
def test_against_numpy(dtype: str) -> None:
    a, b = matrices(2, 4, 4, dtype=dtype), matrices(2, 4, 3, dtype=dtype, seed=2)
    x, y = nnx.tensor(a), nnx.tensor(b)
    close(nnx.linalg.solve(x, y), np.linalg.solve(a, b), dtype)
    close(nnx.linalg.inv(x), np.linalg.inv(a), dtype)
    close(nnx.linalg.det(x), np.linalg.det(a), dtype)
    for ours, theirs in zip(nnx.linalg.slogdet(x), np.linalg.slogdet(a), strict=True):
        close(ours, theirs, dtype)
    close(nnx.linalg.matrix_power(x, 3), np.linalg.matrix_power(a, 3), dtype)
    close(nnx.linalg.matrix_power(x, -2), np.linalg.matrix_power(a, -2), dtype)
    close(nnx.linalg.pinv(y), np.linalg.pinv(b), dtype)
    close(nnx.linalg.svdvals(y), np.linalg.svdvals(b), dtype)
    close(nnx.linalg.trace(x), np.trace(a, axis1=1, axis2=2), dtype)
    for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        close(nnx.linalg.norm(x, order, (1, 2)), np.linalg.norm(a, order, (1, 2)), dtype)
    for order in (None, 0, 1, 2, 3, np.inf, -np.inf):
        close(nnx.linalg.vector_norm(x, order or 2, 1), np.linalg.norm(a, order or 2, 1), dtype)
    close(nnx.linalg.lstsq(y[0], x[0]).solution, np.linalg.lstsq(b[0], a[0], None)[0], dtype)
    assert nnx.linalg.matrix_rank(y).tolist() == [3, 3]
    h = positive(4, dtype)
    t = nnx.tensor(h)
    close(nnx.linalg.cholesky(t), np.linalg.cholesky(h), dtype)
    close(nnx.linalg.cholesky(t, upper=True), np.linalg.cholesky(h).conj().mT, dtype)
    for half in ("L", "U"):
        w, v = nnx.linalg.eigh(t, half)
        close(w, np.linalg.eigvalsh(h), dtype)
        close(t @ v, (v * w[:, None].to(v.dtype)).numpy(), dtype)
        close(v.mH @ v, np.broadcast_to(np.eye(4, dtype=dtype), (2, 4, 4)), dtype)
    lower = np.tril(a)
    solved = nnx.linalg.solve_triangular(nnx.tensor(lower), y)
    close(nnx.tensor(lower) @ solved, b, dtype)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (1, 1), (0, 3)])
def test_factors_give_the_matrix_back(shape: tuple[int, int], dtype: str) -> None:
    a = matrices(2, *shape, dtype=dtype)
    x = nnx.tensor(a)
    for full in (False, True):
        u, s, vh = nnx.linalg.svd(x, full)
        k = min(shape)
        assert s.dtype == getattr(
            nnx, dtype.replace("complex64", "float32").replace("complex128", "float64")
        )
        close(u[..., :k] * s[:, None].to(u.dtype) @ vh[..., :k, :], a, dtype)
        close(
            u.mH @ u,
            np.broadcast_to(np.eye(u.shape[-1], dtype=dtype), u.mH.shape[:1] + (u.shape[-1],) * 2),
            dtype,
        )
        q, r = nnx.linalg.qr(x, "complete" if full else "reduced")
        close(q @ r, a, dtype)
        close(
            q.mH @ q,
            np.broadcast_to(np.eye(q.shape[-1], dtype=dtype), (2,) + (q.shape[-1],) * 2),
            dtype,
        )
        close(r, np.triu(r.numpy()), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", *RTOL])
def test_eigenvalues_of_any_matrix(dtype: str) -> None:
    wide = dtype.replace("float32", "complex64").replace("float64", "complex128")
    a = matrices(3, 5, 5)
    a = a.astype(dtype) if "complex" in dtype else a.real.astype(dtype)
    x = nnx.tensor(a)
    w, v = nnx.linalg.eig(x)
    assert w.dtype == v.dtype == getattr(nnx, wide)
    close(x.to(v.dtype) @ v, (v * w[:, None]).numpy(), wide)
    np.testing.assert_allclose(nnx.linalg.vector_norm(v, axis=1).numpy(), 1, rtol=1e-5)
    order = lambda z: np.sort_complex(z.astype(np.complex128).round(3))  # noqa: E731
    np.testing.assert_allclose(order(w.numpy()), order(np.linalg.eigvals(a)), atol=2e-3)
    if dtype == "float64":  # in exact pairs
        assert np.array_equal(order(w.numpy()), order(w.numpy().conj()))
    np.testing.assert_array_equal(nnx.linalg.eigvals(x).numpy(), w.numpy())
    assert nnx.linalg.eig(nnx.zeros(0, 0)).eigenvalues.shape == (0,)
    with pytest.raises(nnx.ShapeError):
        nnx.linalg.eig(nnx.ones(2, 3))
    with pytest.raises(nnx.LinAlgError):
        nnx.linalg.eig(nnx.full((2, 2), float("nan")))


GRADIENTS = {
    "matmul": lambda x, y: x @ y,
    "solve": nnx.linalg.solve,
    "inv": lambda x, y: nnx.linalg.inv(x),
    "det": lambda x, y: nnx.linalg.det(x),
    "slogdet": lambda x, y: nnx.linalg.slogdet(x),
    "logdet": lambda x, y: nnx.linalg.logdet(x),
    "cholesky": lambda x, y: nnx.linalg.cholesky(x @ x.mH + nnx.eye(3)),
    "triangular": lambda x, y: nnx.linalg.solve_triangular(x, y),
    "upper": lambda x, y: nnx.linalg.solve_triangular(x, y, upper=True, unitriangular=True),
    "qr": lambda x, y: nnx.linalg.qr(y),
    "eigvalsh": lambda x, y: nnx.linalg.eigvalsh(x + x.mH),
    "svdvals": lambda x, y: nnx.linalg.svdvals(y),
    "pinv": lambda x, y: nnx.linalg.pinv(y),
    "eigvals": lambda x, y: nnx.linalg.eigvals(x),
    "norm": lambda x, y: nnx.linalg.norm(x),
    "nuclear": lambda x, y: nnx.linalg.matrix_norm(y, "nuc"),
    # What does not depend on the phases of vectors.
    "eigh": lambda x, y: abs(nnx.linalg.eigh(x + x.mH).eigenvectors),
    "svd": lambda x, y: (lambda f: f.U[:, :1] @ f.Vh[:1])(nnx.linalg.svd(y, False)),
    "wide svd": lambda x, y: (lambda f: f.U[:, :1] @ f.Vh[:1])(nnx.linalg.svd(y.mT, False)),
    "eig": lambda x, y: abs(nnx.linalg.eig(x).eigenvectors),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str) -> None:
    x, y = nnx.tensor(matrices(3, 3, seed=3)), nnx.tensor(matrices(3, 2, seed=4))
    assert nnx.check_grad(GRADIENTS[name], x, y)


@pytest.mark.parametrize("name", ["eigvals", "eig"])
def test_gradients_of_real_matrices(name: str) -> None:
    x = nnx.tensor(matrices(3, 3, seed=3).real)
    assert nnx.check_grad(lambda x: GRADIENTS[name](x, x), x)
    x = nnx.tensor(x, requires_grad=True)
    nnx.linalg.eigvals(x).sum().real.backward()
    np.testing.assert_allclose(x.grad.numpy(), np.eye(3), atol=1e-12)  # the trace


def test_second_derivatives() -> None:
    x = nnx.tensor(matrices(2, 2, seed=6))
    for f in (nnx.linalg.det, nnx.linalg.inv, lambda z: z @ z.mH, nnx.linalg.svdvals):

        @nnx.enable_grad()
        def slope(z: nnx.Tensor, f: Any = f) -> Any:
            y = abs(f(z)) ** 2
            return nnx.grad(y.sum(), z, create_graph=True)

        assert nnx.check_grad(slope, x, rtol=1e-4, atol=1e-5)


def test_stacks_by_vmap() -> None:
    a = nnx.tensor(matrices(4, 3, 3))
    assert nnx.allclose(nnx.vmap(nnx.linalg.inv)(a), nnx.linalg.inv(a))
    assert nnx.allclose(nnx.vmap(lambda m: m @ m.mH)(a), a @ a.mH)
    weight = nnx.tensor(matrices(3, 3, seed=8), requires_grad=True)
    (abs(nnx.vmap(lambda m: m @ weight)(a)) ** 2).sum().backward()
    mapped, weight.grad = weight.grad, None
    (abs(a @ weight) ** 2).sum().backward()
    assert nnx.allclose(mapped, weight.grad)
