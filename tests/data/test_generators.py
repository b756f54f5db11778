"""The playground shapes: geometry from their formulas, statistics, seeds."""

from __future__ import annotations

import math
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import (
    make_blobs,
    make_circles,
    make_gaussian_mixture,
    make_moons,
    make_sine,
    make_spirals,
    make_xor,
)

CLASSIFIED = [make_moons, make_circles, make_spirals, make_xor, make_blobs, make_gaussian_mixture]


@pytest.mark.parametrize("make", [*CLASSIFIED, make_sine])
def test_seeds_generators_and_manual_seed(make: Any) -> None:
    noise = {} if make in (make_blobs, make_gaussian_mixture) else {"noise": 0.1}

    def data(**options: Any) -> Any:
        return [t.tolist() for t in make(51, **noise, **options)]

    assert data(seed=4) == data(seed=4) != data(seed=5)
    assert data(seed=4) == data(generator=nnx.Generator().manual_seed(4))
    before = nnx.get_rng_state().tolist()
    data(seed=4)
    assert nnx.get_rng_state().tolist() == before  # a seed leaves the usual numbers alone
    nnx.manual_seed(4)
    assert data() == data(seed=4)
    assert data() != data(seed=4)
    x, y = make(51)
    assert x.dtype == nnx.float32 and len(x) == len(y) == 51
    with pytest.raises(nnx.ArgumentError, match="exclude"):
        make(5, seed=1, generator=nnx.Generator())
    for bad in (0, -1, 2.5, "many"):
        with pytest.raises(nnx.Error):
            make(bad)
    if noise:
        with pytest.raises(nnx.ArgumentError, match="noise"):
            make(5, noise=-1)


@pytest.mark.parametrize("make", [make_moons, make_circles, make_spirals, make_blobs])
def test_order_and_classes(make: Any) -> None:
    _, y = make(101, shuffle=False)
    assert y.dtype == nnx.int64 and y.tolist() == sorted(y.tolist())
    counts = y.bincount().tolist()
    assert sum(counts) == 101 and max(counts) - min(counts) <= 1
    _, shuffled = make(101)
    assert shuffled.tolist() != y.tolist() and shuffled.bincount().tolist() == counts


def test_moons_and_circles_as_scikit_learn() -> None:
    sklearn = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn is not installed: nothing to compare with"
    )
    for n in (100, 101):
        for ours, theirs in (
            (make_moons(n, noise=0, shuffle=False), sklearn.make_moons(n, shuffle=False)),
            (
                make_circles(n, noise=0, factor=0.3, shuffle=False),
                sklearn.make_circles(n, shuffle=False, factor=0.3),
            ),
        ):
            if n == 100:
                np.testing.assert_allclose(ours[0].numpy(), theirs[0], atol=2e-7)
                np.testing.assert_array_equal(ours[1].numpy(), theirs[1])
            assert ours[0].shape == theirs[0].shape


def test_moons_lie_on_half_circles() -> None:
    x, y = (t.numpy() for t in make_moons(200, noise=0))
    radius = np.where(y == 0, np.hypot(*x.T), np.hypot(x[:, 0] - 1, x[:, 1] - 0.5))
    np.testing.assert_allclose(radius, 1, atol=1e-6)
    assert (x[y == 0, 1] >= -1e-6).all() and (x[y == 1, 1] <= 0.5 + 1e-6).all()


def test_spirals() -> None:
    x, y = (t.numpy() for t in make_spirals(300, noise=0, turns=2, classes=3))
    r = np.hypot(*x.T)
    angle = np.arctan2(x[:, 1], x[:, 0])
    expected = 2 * math.pi * (2 * r + y / 3)
    np.testing.assert_allclose(np.exp(1j * angle), np.exp(1j * expected), atol=1e-5)
    assert r.min() == pytest.approx(0.05, abs=1e-6) and r.max() == pytest.approx(1, abs=1e-6)


def test_xor() -> None:
    x, y = (t.numpy() for t in make_xor(2000, gap=0.1, seed=0))
    assert ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int).tolist() == y.tolist()
    assert np.abs(x).min() >= 0.1 - 1e-6 and np.abs(x).max() <= 1
    assert abs(y.mean() - 0.5) < 0.06
    with pytest.raises(nnx.ArgumentError):
        make_xor(5, gap=1)


def test_noise_has_the_deviation_asked_for() -> None:
    still = make_moons(20_000, noise=0, shuffle=False)[0].numpy()
    moved = make_moons(20_000, noise=0.2, shuffle=False, seed=1)[0].numpy()
    d = (moved - still).ravel()
    assert abs(d.std() - 0.2) < 5 * 0.2 / math.sqrt(2 * d.size) and abs(d.mean()) < 0.006


def test_blobs() -> None:
    centers = [[0.0, 0.0, 5.0], [10.0, -10.0, 0.0]]
    x, y = make_blobs(20_000, centers=centers, cluster_std=[0.5, 2.0], seed=0)
    for c, std in ((0, 0.5), (1, 2.0)):
        part = x[y == c].numpy().astype(np.float64)
        np.testing.assert_allclose(part.mean(0), centers[c], atol=5 * std / 100)
        np.testing.assert_allclose(part.std(0), std, rtol=0.04)
    x, y = make_blobs(50, 4, centers=5, center_box=(100, 101), cluster_std=0.0)
    assert x.shape == (50, 4) and len(np.unique(x.numpy(), axis=0)) == 5
    assert ((x >= 100) & (x <= 101)).all()
    with pytest.raises(nnx.ShapeError, match="cluster_std"):
        make_blobs(centers=3, cluster_std=[1.0, 2.0])
    with pytest.raises(nnx.ShapeError, match="centers"):
        make_blobs(centers=[1.0, 2.0])


def test_gaussian_mixture() -> None:
    covariances = np.array([[[2.0, 0.8], [0.8, 1.0]], [[0.1, 0.0], [0.0, 0.3]]])
    means = [[1.0, 2.0], [-5.0, 0.0]]
    x, k = make_gaussian_mixture(
        40_000, weights=[0.25, 0.75], means=means, covariances=covariances, seed=0
    )
    share = float((k == 0).sum()) / 40_000
    assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 40_000)
    for c in (0, 1):
        part = x[k == c].numpy().astype(np.float64)
        np.testing.assert_allclose(part.mean(0), means[c], atol=0.08)
        np.testing.assert_allclose(np.cov(part.T), covariances[c], atol=0.12)
    for options in (
        {"weights": [0.5, 0.6]},
        {"weights": [1.0]},
        {"covariances": np.zeros((2, 3, 3))},
        {"covariances": -np.ones((2, 2, 2))},
        {"covariances": [[[1, 2], [0, 1]]] * 2},
    ):
        with pytest.raises(nnx.Error):
            make_gaussian_mixture(5, **options)  # type: ignore[arg-type]


def test_sine() -> None:
    x, y = make_sine(50, low=-1, high=3, amplitude=2, frequency=3, phase=0.5)
    assert x.shape == y.shape == (50, 1)
    grid = np.linspace(-1, 3, 50)
    np.testing.assert_allclose(x.numpy()[:, 0], grid, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(y.numpy()[:, 0], 2 * np.sin(3 * grid + 0.5), rtol=1e-5, atol=1e-6)
    noisy = make_sine(20_000, noise=0.3, seed=2)[1] - make_sine(20_000)[1]
    assert abs(float(noisy.std()) - 0.3) < 0.01


def test_the_default_dtype_counts() -> None:
    nnx.set_default_dtype(nnx.float64)
    try:
        for make in [*CLASSIFIED, make_sine]:
            assert make(9)[0].dtype == nnx.float64
    finally:
        nnx.set_default_dtype(nnx.float32)
