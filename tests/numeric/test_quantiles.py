"""Quantiles of what is not NaN, against NumPy."""

from __future__ import annotations

from typing import Any

import helpers
import nnx
import numpy as np
import pytest


@pytest.mark.parametrize("dtype", helpers.FLOATS)
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2)])
def test_against_numpy(axis: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 3, 5)).astype(dtype)
    a[rng.random(a.shape) < 0.3] = np.nan
    t, rtol = nnx.tensor(a), 8 * np.finfo(dtype).eps
    for q in (0.0, 0.3, 1.0, [0.25, 0.5]):
        for keepdims in (False, True):
            got = nnx.nanquantile(t, q, axis, keepdims)
            expected = np.nanquantile(a, q, axis=axis, keepdims=keepdims)
            assert got.shape == expected.shape and got.dtype == t.dtype
            np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(nnx.nanmedian(t, axis).numpy(), np.nanmedian(a, axis), rtol, rtol)
    expected = np.nanpercentile(a, 30, axis)
    np.testing.assert_allclose(nnx.nanpercentile(t, 30, axis).numpy(), expected, rtol, rtol)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 3), ()])
@pytest.mark.parametrize(
    "axis", [None, 0, 1, -1, np.int64(1), (0, 1), (np.int64(0),), [1], (), (0, -2), 2, True, 1.0]
)
def test_axes_and_empty_ones_as_quantile(shape: Any, axis: Any) -> None:
    """The same shapes and kinds of errors, which name the function."""
    x = nnx.ones(shape)
    try:
        expected = nnx.quantile(x, 0.5, axis)
    except nnx.Error as error:
        with pytest.raises(type(error), match=r"\[nanquantile\]"):
            nnx.nanquantile(x, 0.5, axis)
    else:
        got = nnx.nanquantile(x, 0.5, axis)
        assert got.shape == expected.shape and got.tolist() == expected.tolist()


def test_edges_and_gradients() -> None:
    nan = float("nan")
    x = nnx.tensor([[nan, nan], [1.0, nan]])
    assert np.isnan(nnx.nanmedian(x, 1).numpy()).tolist() == [True, False]
    assert nnx.nanmedian([3, 1, 2]).item() == 2.0
    assert nnx.nanquantile(nnx.ones(3, 4), [[0.1], [0.9]], 1).shape == (2, 1, 3)
    assert nnx.nanquantile(nnx.tensor([1.0, float("inf")]), 0.0).item() == 1.0
    a = np.random.default_rng(1).normal(size=(2, 5))
    helpers.check_gradients(lambda v: nnx.nanquantile(v, 0.3, 1), [a])
    for call, error in (
        (lambda: nnx.nanquantile(x, 1.5), nnx.ArgumentError),
        (lambda: nnx.nanquantile(x.to(nnx.complex64), 0.5), nnx.DTypeError),
        (lambda: nnx.nanquantile(x, 0.5, 2), IndexError),
        (lambda: nnx.nanmedian(nnx.zeros(0)), nnx.ShapeError),
    ):
        with pytest.raises(error):
            call()
