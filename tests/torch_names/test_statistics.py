"""torch.mode, histc and their like: PyTorch's answers, live and by hand."""

from __future__ import annotations

import nnx.torch as ours
import numpy as np
import pytest


def test_by_hand() -> None:
    x = ours.tensor([[2, 1, 2, 1], [5, 5, 0, 5]])
    values, indices = ours.mode(x)
    assert values.tolist() == [1, 5] and indices.tolist() == [3, 3]
    assert ours.mode(x, 0, keepdim=True).values.tolist() == [[2, 1, 0, 1]]
    nan = float("nan")
    y = ours.tensor([[1.0, nan, 3.0, 2.0], [nan, nan, nan, nan]])
    values, indices = ours.nanmedian(y, 1)
    assert values[0].item() == 2.0 and indices[0].item() == 3 and np.isnan(values[1].item())
    assert ours.histc(ours.tensor([1.0, 2.0, 9.0]), 2, 0, 4).tolist() == [1.0, 1.0]
    assert ours.histogram(ours.tensor([1.0, 2.0]), 2).bin_edges.tolist() == [1.0, 1.5, 2.0]
    inf = float("inf")
    assert ours.isposinf(ours.tensor([inf, -inf])).tolist() == [True, False]
    assert ours.isneginf(ours.tensor([inf, -inf])).tolist() == [False, True]
    assert ours.fmax(ours.tensor([nan]), ours.tensor([2.0])).tolist() == [2.0]
    z = ours.tensor([[3, 3], [4, 3]])
    values, inverse, counts = ours.unique_consecutive(z, True, True)
    assert values.tolist() == [3, 4, 3] and counts.tolist() == [2, 1, 1]
    assert inverse.tolist() == [[0, 0], [1, 2]]
    assert ours.unique_consecutive(ours.zeros(0)).shape == (0,)
    ours.manual_seed(0)
    assert ours.poisson(ours.full((1000,), 3.0)).mean().item() == pytest.approx(3, abs=0.3)
    drawn = ours.binomial(ours.full((1000,), 10.0), ours.full((1000,), 0.3))
    assert drawn.dtype == ours.float32 and drawn.mean().item() == pytest.approx(3, abs=0.3)


def test_of_a_number() -> None:
    for f in (ours.mode, ours.nanmedian):
        found = f(ours.tensor(3.0), dim=0)
        assert found.values.item() == 3 and found.indices.item() == 0
        assert found.values.shape == found.indices.shape == ()
    assert ours.mode(ours.tensor(3.0)).values.item() == 3
    assert ours.mode(ours.tensor(3.0), keepdim=True).values.shape == ()


def test_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no witness")
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, (5, 6, 7))
    a = rng.normal(size=(4, 9))
    holes = np.where(rng.random(a.shape) < 0.3, np.nan, a)
    for dim in (0, 1, 2, -1):
        for keepdim in (False, True):
            got = ours.mode(ours.tensor(counts), dim, keepdim)
            expected = torch.mode(torch.tensor(counts), dim, keepdim)
            np.testing.assert_array_equal(got.values.numpy(), expected.values.numpy())
            np.testing.assert_array_equal(got.indices.numpy(), expected.indices.numpy())
    for dim in (0, 1):
        got = ours.nanmedian(ours.tensor(holes), dim)
        expected = torch.nanmedian(torch.tensor(holes), dim)
        np.testing.assert_array_equal(got.values.numpy(), expected.values.numpy())
        got = ours.nanquantile(ours.tensor(holes), 0.3, dim)
        expected = torch.nanquantile(torch.tensor(holes), 0.3, dim)
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)
    x, there = ours.tensor(a), torch.tensor(a)
    np.testing.assert_allclose(ours.cov(x).numpy(), torch.cov(there).numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours.corrcoef(x).numpy(), torch.corrcoef(there).numpy(), rtol=1e-12)
    np.testing.assert_array_equal(ours.histc(x, 7).numpy(), torch.histc(there, 7).numpy())
    got, expected = ours.histogram(x, 5, density=True), torch.histogram(there, 5, density=True)
    np.testing.assert_allclose(got.hist.numpy(), expected.hist.numpy(), rtol=1e-12)
    np.testing.assert_allclose(got.bin_edges.numpy(), expected.bin_edges.numpy(), rtol=1e-12)
