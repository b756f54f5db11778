"""Running extremes and log-sums: values, indices and gradients."""

from __future__ import annotations

import helpers
import nnx
import numpy as np
import pytest

SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((7,), 0), ((1,), 0), ((4, 6), 0), ((4, 6), 1), ((2, 3, 5), 1), ((3, 0), 1), ((0, 3), 1),
    ((2, 300), -1), ((), 0),
]  # fmt: skip


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize(("name", "numpys"), [("cummax", np.maximum), ("cummin", np.minimum)])
def test_running_extremes(name: str, numpys: np.ufunc, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape, axis in SHAPES:
        a = rng.integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)
        got = getattr(nnx.tensor(a), name)(axis)
        line = a.reshape(1) if not shape else a
        expected = numpys.accumulate(line, axis).reshape(shape)
        np.testing.assert_array_equal(got.values.numpy(), expected)
        assert got.values.numpy().dtype == a.dtype and got.indices.dtype == nnx.int64
        if shape and a.size:  # the values stand where the indices say, none equal comes later
            at = got.indices.numpy()
            np.testing.assert_array_equal(np.take_along_axis(a, at, axis), expected)
            places = np.arange(a.shape[axis])
            places = places.reshape([-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
            again = (a == expected) * places
            np.testing.assert_array_equal(at, np.maximum.accumulate(again, axis))


def test_nan_stays() -> None:
    x = nnx.tensor([1.0, float("nan"), 5.0, float("nan"), 2.0])
    for f in (nnx.cummax, nnx.cummin):
        values, indices = f(x, 0)
        assert indices.tolist() == [0, 1, 1, 3, 3]
        assert np.isnan(values.numpy()).tolist() == [False, True, True, True, True]


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", helpers.FLOATS)
def test_running_log_sums(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for shape, axis in SHAPES:
        a = (20 * rng.normal(size=shape)).astype(dtype)
        got = nnx.logcumsumexp(nnx.tensor(a), axis)
        line = (a.reshape(1) if not shape else a).astype(np.float64)
        expected = np.logaddexp.accumulate(line, axis).reshape(shape)
        np.testing.assert_allclose(got.numpy(), expected, rtol=8 * np.finfo(dtype).eps)
    inf = float("inf")
    assert nnx.logcumsumexp(nnx.tensor([-inf, -inf, 0.0, inf]), 0).tolist() == [-inf, -inf, 0, inf]


def test_gradients() -> None:
    rng = np.random.default_rng(2)
    a = rng.permutation(24).reshape(2, 3, 4) / 7.0
    for axis in range(3):
        helpers.check_gradients(lambda x, d=axis: x.cummax(d).values, [a])
        helpers.check_gradients(lambda x, d=axis: x.cummin(d).values, [a])
        helpers.check_gradients(lambda x, d=axis: x.logcumsumexp(d), [a])
    lanes = nnx.vmap(lambda row: row.cummax(0).values)(nnx.tensor(a[0]))
    np.testing.assert_array_equal(lanes.numpy(), np.maximum.accumulate(a[0], 1))


def test_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no witness")
    rng = np.random.default_rng(3)
    a = rng.integers(0, 5, (3, 8)).astype(float)
    a[1, 2] = np.nan
    for name in ("cummax", "cummin"):
        x, known = nnx.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        mine, theirs = getattr(x, name)(1), getattr(known, name)(1)
        np.testing.assert_array_equal(mine.values.detach().numpy(), theirs.values.detach().numpy())
        np.testing.assert_array_equal(mine.indices.numpy(), theirs.indices.numpy())
        mine.values.sum().backward()
        theirs.values.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), known.grad.numpy())


def test_errors() -> None:
    with pytest.raises(nnx.DTypeError, match=r"\[logcumsumexp\]"):
        nnx.logcumsumexp(nnx.tensor([1, 2]), 0)
    for name in ("cummax", "cummin", "logcumsumexp"):
        with pytest.raises(IndexError, match=name):
            getattr(nnx, name)(nnx.ones(2, 2), 2)
