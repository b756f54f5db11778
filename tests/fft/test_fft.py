"""Fourier transforms: values, dtypes, lengths and scales against NumPy, gradients, vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")
REAL = ("rfft", "ihfft", "rfftn", "rfft2")  # of real numbers
NORMS = (None, "backward", "ortho", "forward")
RTOL = {"float32": 2e-6, "float64": 1e-14}


def data(name: str, shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape).astype(dtype)
    if name in REAL:
        return x
    return x + 1j * rng.normal(size=shape).astype(dtype)


def close(found: nnx.Tensor, expected: np.ndarray, dtype: str = "float64") -> None:
    assert found.numpy().dtype == expected.dtype and tuple(found.shape) == expected.shape
    scale = RTOL[dtype] * max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=10 * scale)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_along_one_axis(name: str, norm: str | None, dtype: str) -> None:
    ours, theirs = getattr(nnx.fft, name), getattr(np.fft, name)
    for n in (1, 2, 3, 8, 15, 64, 101):
        x = data(name, (3, n, 2), dtype)
        for length in (None, 1, 4, n + 3):
            if n == 1 and length is None and name in ("irfft", "hfft"):
                continue  # a result without elements
            found = ours(nnx.tensor(x), length, 1, norm)
            close(found, theirs(x, length, 1, norm), dtype)
            again = ours(nnx.tensor(x), n=length, dim=-2, norm=norm)
            np.testing.assert_array_equal(again.numpy(), found.numpy())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MANY)
def test_along_several_axes(name: str, norm: str | None) -> None:
    ours, theirs = getattr(nnx.fft, name), getattr(np.fft, name)
    x = data(name, (4, 6, 5))
    for s, axes in (
        (None, None),
        (None, (0, 2)),
        ((3, 7), (1, 0)),
        ((4, 4), (-1, -2)),
        (None, (1,)),
    ):
        if axes is None and name.endswith("2"):
            axes = (-2, -1)
        close(ours(nnx.tensor(x), s, axes, norm), theirs(x, s, axes, norm))
    close(nnx.fft.fftn(nnx.tensor(x), s=(3, 2)), np.fft.fftn(x, (3, 2), (-2, -1)))


def test_other_dtypes_and_ranks() -> None:
    assert nnx.fft.fft(nnx.tensor([1, 2])).dtype == nnx.complex64
    assert nnx.fft.rfft(nnx.tensor([True, False])).tolist() == [1, 1]
    assert nnx.fft.fft(nnx.ones(3, dtype=nnx.float16)).dtype == nnx.complex64
    assert nnx.fft.irfft(nnx.tensor([1 + 0j, 1])).dtype == nnx.float32
    assert nnx.fft.fft(nnx.ones(0, 3)).shape == (0, 3)
    assert nnx.fft.fft([1.0, 2.0]).tolist() == [3, -1]
    x = data("fft", (6, 5))
    close(nnx.fft.fft(nnx.tensor(x).T), np.fft.fft(x.T))
    close(nnx.fft.fft(nnx.asarray(x[::2, ::-1])), np.fft.fft(x[::2, ::-1]))


@pytest.mark.parametrize("name", ONE + MANY)
def test_gradients(name: str) -> None:
    f = getattr(nnx.fft, name)
    calls: list[Callable[[nnx.Tensor], nnx.Tensor]] = [f]
    if name in ONE:
        calls += [lambda x: f(x, 5, 0, "ortho"), lambda x: f(x, 2, 0, "forward"), lambda x: f(x, 7)]
    for shape in ((4, 3), (3, 4)):
        x = nnx.tensor(data(name, shape))
        for g in calls:
            assert nnx.check_grad(g, x)

            @nnx.enable_grad()
            def slope(x: nnx.Tensor, g: Any = g) -> nnx.Tensor:
                y = abs(g(x)) ** 2
                return nnx.grad((y * y).sum(), x, create_graph=True)

            assert nnx.check_grad(slope, x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ONE + MANY)
def test_gradients_against_torch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = data(name, (3, 4))
    a, b = nnx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, u = getattr(nnx.fft, name)(a), getattr(torch.fft, name)(b)
    g = data("fft" if y.is_complex() else "rfft", tuple(y.shape), seed=5)
    y.backward(nnx.tensor(g))
    u.backward(torch.tensor(g))
    assert a.grad is not None
    np.testing.assert_allclose(a.grad.numpy(), b.grad.resolve_conj().numpy(), atol=1e-12)


def test_vmap_and_jvp() -> None:
    x = nnx.tensor(data("fft", (5, 3, 4)))
    mapped = nnx.vmap(lambda r: nnx.fft.fft(r, axis=0), in_axes=2, out_axes=2)(x)
    close(mapped, np.fft.fft(x.numpy(), axis=1 - 1))
    rows = nnx.tensor(data("rfft", (5, 8)))

    def energy(r: nnx.Tensor) -> nnx.Tensor:
        return (abs(nnx.fft.rfft(r)) ** 2).sum()

    one_by_one = nnx.stack([nnx.grad(energy)(r) for r in rows])
    assert nnx.allclose(nnx.vmap(nnx.grad(energy))(rows), one_by_one)
    _, slope = nnx.jvp(nnx.fft.fft, (x,), (x * 1j,))
    assert nnx.allclose(slope, nnx.fft.fft(x * 1j))


def test_parseval_and_convolution() -> None:
    x, w = nnx.tensor(data("rfft", (16,))), nnx.tensor(data("rfft", (16,), seed=1))
    assert nnx.isclose((abs(nnx.fft.fft(x)) ** 2).sum() / 16, (x * x).sum()).item()
    circular = nnx.fft.irfft(nnx.fft.rfft(x) * nnx.fft.rfft(w))
    direct = [sum(x[j] * w[(i - j) % 16] for j in range(16)).item() for i in range(16)]
    np.testing.assert_allclose(circular.numpy(), direct, atol=1e-12)


def test_frequencies_and_shifts() -> None:
    for n in (1, 2, 5, 8):
        for d in (1.0, 0.25):
            expected = np.fft.fftfreq(n, d)
            np.testing.assert_array_equal(
                nnx.fft.fftfreq(n, d, dtype=nnx.float64).numpy(), expected
            )
            found = nnx.fft.rfftfreq(n, d)
            assert found.dtype == nnx.float32
            np.testing.assert_allclose(found.numpy(), np.fft.rfftfreq(n, d), rtol=1e-7)
        x = np.arange(3 * n).reshape(3, n)
        for axes in (None, 0, (1,), (0, 1)):
            for f in ("fftshift", "ifftshift"):
                found, expected = (
                    getattr(nnx.fft, f)(nnx.tensor(x), axes),
                    getattr(np.fft, f)(x, axes),
                )
                np.testing.assert_array_equal(found.numpy(), expected)


def test_numpys_functions_reach_them() -> None:
    x = nnx.tensor(data("fft", (8,)), requires_grad=True)
    for name in (*ONE, "fftn", "ifft2"):
        argument = x.real if name in REAL else x
        if name == "ifft2":
            argument = x.reshape(2, 4)
        y = getattr(np.fft, name)(argument)
        assert isinstance(y, nnx.Tensor) and y.requires_grad
    assert isinstance(np.fft.fftshift(x), nnx.Tensor)
    import nnx.torch as torch

    assert torch.fft.fft is nnx.fft.fft


@pytest.mark.filterwarnings("ignore:.*axes.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_lengths_without_axes_are_of_the_last_ones(name: str) -> None:
    a = data("rfft", (4, 3))
    ours, theirs = getattr(nnx.fft, name), getattr(np.fft, name)
    for s in ((2,), (5, 2), (np.int64(3),)):
        close(ours(nnx.tensor(a), s), theirs(a, s))
    close(ours(nnx.tensor(a), np.int64(3)), theirs(a, (3,)))
    close(ours(nnx.tensor(a), axes=np.int64(0)), theirs(a, axes=(0,)))
    for shape, s in (((4,), (2, 2)), ((4, 3), (2, 2, 2)), ((), (2,))):
        with pytest.raises(np.exceptions.AxisError):
            theirs(np.ones(shape), s)
        with pytest.raises(nnx.AxisError, match=rf"\[{name}\] axis must lie in"):
            ours(nnx.ones(shape), s)


def test_what_is_refused() -> None:
    x, z = nnx.ones(4), nnx.tensor([1j, 2.0])
    for call, error in (
        (lambda: nnx.fft.fft(nnx.tensor(1.0)), nnx.ShapeError),
        (lambda: nnx.fft.fft(x, 0), nnx.ShapeError),
        (lambda: nnx.fft.fft(x, -3), nnx.ShapeError),
        (lambda: nnx.fft.fft(nnx.ones(0)), nnx.ShapeError),
        (lambda: nnx.fft.irfft(nnx.ones(1)), nnx.ShapeError),
        (lambda: nnx.fft.fft(x, axis=1), nnx.AxisError),
        (lambda: nnx.fft.fftshift(x, 1), nnx.AxisError),
        (lambda: nnx.fft.ifftshift(x, (0, np.int64(2))), nnx.AxisError),
        (lambda: nnx.fft.fft(x, norm="both"), nnx.ArgumentError),
        (lambda: nnx.fft.rfft(z), nnx.DTypeError),
        (lambda: nnx.fft.rfftn(z), nnx.DTypeError),
        (lambda: nnx.fft.ihfft(z), nnx.DTypeError),
        (lambda: nnx.fft.fftn(x, (1, 2), (0,)), nnx.ArgumentError),
        (lambda: nnx.fft.rfftn(x, axes=()), nnx.ArgumentError),
        (lambda: nnx.fft.fftfreq(0), nnx.ArgumentError),
        (lambda: nnx.fft.fftfreq(4, 0.0), nnx.ArgumentError),
        (lambda: nnx.fft.rfftfreq(4, dtype=nnx.int32), nnx.DTypeError),
    ):
        with pytest.raises(error):
            call()
