"""Latent spaces and anomaly scores: points, ways and shares against NumPy."""

from __future__ import annotations

from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, plot
from nnx.plot.latent import principal

pytestmark = pytest.mark.usefixtures("headless")
RNG = np.random.default_rng(6)


def legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def sheet(ax: Any) -> np.ndarray:
    ax.figure.draw_without_rendering()
    return np.asarray(ax.images[0].get_array())


# --- scatter ------------------------------------------------------------------------------------
def test_two_coordinates_are_drawn_as_they_are() -> None:
    z, y = RNG.normal(size=(30, 2)), np.repeat([0, 1, 5], 10)
    ax = plot.latent_scatter(nnx.tensor(z), y)
    assert legend(ax) == ["0", "1", "5"] and ax.get_xlabel() == "$z_1$"
    for k, group in enumerate(ax.collections):
        np.testing.assert_allclose(group.get_offsets(), z[10 * k : 10 * k + 10])
    named = plot.latent_scatter(z, y % 2, names=["cat", "dog"])
    assert legend(named) == ["cat", "dog"]
    assert plot.latent_scatter(z, axes=ax) is ax


def test_ten_classes_have_ten_colours() -> None:
    ax = plot.latent_scatter(RNG.normal(size=(50, 2)), np.arange(50) % 10)
    assert len({tuple(group.get_facecolor()[0]) for group in ax.collections}) == 10
    more = plot.latent_scatter(RNG.normal(size=(60, 2)), np.arange(60) % 20)
    looks = {
        (tuple(group.get_facecolor()[0]), len(group.get_paths()[0].vertices))
        for group in more.collections
    }
    assert len(looks) == 20


def test_numbers_are_shades() -> None:
    y = RNG.normal(size=30)
    ax = plot.latent_scatter(RNG.normal(size=(30, 2)), y)
    (points,) = ax.collections
    np.testing.assert_array_equal(points.get_array(), y)
    assert len(ax.figure.axes) == 2
    many = plot.latent_scatter(RNG.normal(size=(90, 2)), np.arange(90))
    np.testing.assert_array_equal(many.collections[0].get_array(), np.arange(90))


def test_more_coordinates_are_turned_into_the_plane() -> None:
    z = RNG.normal(size=(200, 5)) * [0.1, 3, 0.1, 1, 0.1] + 7
    ax = plot.latent_scatter(z)
    points = np.asarray(ax.collections[0].get_offsets())
    covariance = np.cov(z.T)
    power, directions = np.linalg.eigh(covariance)
    expected = (z - z.mean(0)) @ directions[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-9)
    share = power[::-1] / power.sum()
    assert ax.get_xlabel() == f"principal component 1 ({100 * share[0]:.0f} %)"
    assert ax.get_ylabel() == f"principal component 2 ({100 * share[1]:.0f} %)"
    for _ in range(8):  # the sign is fixed: the picture does not flip from run to run
        z = RNG.normal(size=(20, 4))
        loadings = principal(z)[0].T @ (z - z.mean(0))
        assert (loadings[np.arange(2), np.abs(loadings).argmax(1)] > 0).all()
    assert np.isfinite(principal(np.ones((4, 3)))[0]).all()
    assert principal(np.ones((1, 3)))[0].shape == (1, 2)


def test_tsne_keeps_clusters_together() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: no t-SNE")
    y = np.arange(40) % 2
    z = RNG.normal(size=(40, 6)) + 30 * y[:, None]
    ax = plot.latent_scatter(z, y, method="tsne", perplexity=5)
    a, b = (np.asarray(group.get_offsets()) for group in ax.collections)
    between = np.linalg.norm(a.mean(0) - b.mean(0))
    assert between > 2 * max(a.std(), b.std()) and ax.get_xlabel() == "t-SNE 1"


def test_umap_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(nnx.MissingPackageError, match="umap-learn"):
        plot.latent_scatter(RNG.normal(size=(9, 4)), method="umap")

    class UMAP:
        def __init__(self, **options: Any) -> None:
            assert options == {"n_components": 2, "random_state": 0, "n_neighbors": 4}

        def fit_transform(self, x: np.ndarray) -> np.ndarray:
            return x[:, 2:]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    z = RNG.normal(size=(9, 4))
    ax = plot.latent_scatter(z, method="umap", n_neighbors=4)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), z[:, 2:])


@pytest.mark.parametrize(
    ("kind", "latent", "options", "text"),
    [
        (nnx.ShapeError, np.zeros((5, 1)), {}, "two coordinates"),
        (nnx.ShapeError, np.zeros(5), {}, "2 axes"),
        (nnx.ShapeError, np.zeros((0, 3)), {}, "each sample"),
        (nnx.ShapeError, np.zeros((5, 3)), {"y": np.zeros(4)}, "equally many"),
        (nnx.ArgumentError, np.full((5, 3), np.nan), {}, "finite"),
        (nnx.ArgumentError, np.zeros((5, 3)), {"method": "PCA"}, "pca"),
        (nnx.ArgumentError, np.zeros((5, 3)), {"perplexity": 3}, "tsne"),
        (nnx.ShapeError, np.zeros((3, 3)), {"method": "tsne"}, "four samples"),
        (nnx.ArgumentError, np.zeros((5, 2)), {"y": [0, 1, 2, 0, 1], "names": ["a"]}, "name"),
    ],
)
def test_scatter_refuses(kind: type, latent: Any, options: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.latent_scatter(latent, **options)


# --- ways through the space ---------------------------------------------------------------------
class Recorder:
    """A decoder that remembers its codes and answers with grey squares."""

    def __call__(self, codes: Any) -> np.ndarray:
        self.codes = np.asarray(codes)
        return np.full((len(codes), 4), 0.5)


def test_traversal() -> None:
    decoder = Recorder()
    ax = plot.latent_traversal(decoder, [1.0, 2.0, 3.0], dims=[2, 0], steps=5, limits=(-2, 2))
    codes = decoder.codes.reshape(2, 5, 3)
    np.testing.assert_allclose(codes[0], [[1, 2, v] for v in (-2, -1, 0, 1, 2)])
    np.testing.assert_allclose(codes[1], [[v, 2, 3] for v in (-2, -1, 0, 1, 2)])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["$z_{3}$", "$z_{1}$"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-2", "-1", "0", "1", "2"]
    assert sheet(ax).shape == (2 * 2 + 1, 5 * 2 + 4, 3)
    plot.latent_traversal(decoder, 12)
    assert decoder.codes.shape == (90, 12) and (decoder.codes != 0).sum() == 80


def test_interpolation() -> None:
    decoder, a, b = Recorder(), np.array([1.0, 0, 0]), np.array([0.0, 2, 0])
    t = np.linspace(0, 1, 5)[:, None]
    ax = plot.interpolation(decoder, [a, b], steps=5)
    np.testing.assert_allclose(decoder.codes, (1 - t) * a + t * b, atol=1e-6)
    assert sheet(ax).shape == (2, 5 * 2 + 4, 3)
    plot.interpolation(decoder, np.stack([[a, b], [b, a]]), steps=5)
    np.testing.assert_allclose(decoder.codes[5:], decoder.codes[:5][::-1], atol=1e-6)
    plot.interpolation(decoder, [[0.0, 3], [6, 3], [0, 0], [6, 0]], steps=4)
    x, y = np.meshgrid([0, 2, 4, 6], [3, 2, 1, 0])
    np.testing.assert_allclose(decoder.codes, np.stack([x, y], -1).reshape(-1, 2), atol=1e-6)


def test_spherical_interpolation() -> None:
    decoder, a, b = Recorder(), np.array([3.0, 0, 0]), np.array([0.0, 3, 0])
    plot.interpolation(decoder, [a, b], steps=4, spherical=True)
    angles = np.deg2rad([0, 30, 60, 90])
    expected = 3 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)
    np.testing.assert_allclose(decoder.codes, expected, atol=1e-6)
    for end in (2 * a, -a, 0 * a):  # no circle, or none in particular: straight on
        plot.interpolation(decoder, [a, end], steps=3, spherical=True)
        np.testing.assert_allclose(decoder.codes[1], (a + end) / 2, atol=1e-6)


def test_decoders_of_every_kind() -> None:
    model = nn.Sequential(nn.Dense(2, 32), nn.Sigmoid(), nn.Unflatten(1, (2, 4, 4))).train()
    with pytest.raises(nnx.ShapeError, match="N, H, W"):
        plot.interpolation(model, np.eye(2))
    assert model.training
    colours = nn.Sequential(nn.Dense(2, 12), nn.Sigmoid(), nn.Unflatten(1, (3, 2, 2)))
    ax = plot.interpolation(colours, np.eye(2), steps=3)
    made = colours(nnx.eye(2)).detach().numpy()
    np.testing.assert_allclose(sheet(ax)[:2, :2], made[0].transpose(1, 2, 0), rtol=1e-5)
    np.testing.assert_allclose(sheet(ax)[:2, -2:], made[1].transpose(1, 2, 0), rtol=1e-5)
    rows = plot.latent_traversal(nn.Dense(3, 6), 3, shape=(2, 3))
    assert sheet(rows).shape == (3 * 2 + 2, 9 * 3 + 8, 3)


@pytest.mark.parametrize(
    ("kind", "call", "text"),
    [
        (nnx.ArgumentError, lambda d: plot.latent_traversal(d, 3, dims=[3]), "0 ... 2"),
        (nnx.ArgumentError, lambda d: plot.latent_traversal(d, 3, dims=[]), "0 ... 2"),
        (nnx.ArgumentError, lambda d: plot.latent_traversal(d, 0), "at least 1"),
        (nnx.ArgumentError, lambda d: plot.latent_traversal(d, 3, steps=1), "at least 2"),
        (nnx.ShapeError, lambda d: plot.interpolation(d, np.zeros((3, 2))), r"\(P, 2, D\)"),
        (nnx.ShapeError, lambda d: plot.interpolation(lambda z: z[:1], np.eye(2)), "each code"),
        (nnx.ShapeError, lambda d: plot.interpolation(lambda z: z, np.eye(2)), r"shape=\(H, W\)"),
        (nnx.DTypeError, lambda d: plot.interpolation(3, np.eye(2)), "Module"),
    ],
)
def test_ways_refuse(kind: type, call: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        call(Recorder())


# --- anomaly scores -----------------------------------------------------------------------------
def test_anomaly_scores() -> None:
    normal, odd = RNG.uniform(0, 1, 1000), RNG.uniform(0.5, 2.5, 400)
    ax = plot.anomaly_scores(normal, nnx.tensor(odd)[:, None], 1.0, bins=25)
    found = 100 * (odd > 1).mean()
    assert legend(ax) == ["normal: 0 % above", f"anomalous: {found:.3g} % above", "threshold 1"]
    filled = ax.patches[0].get_data()
    edges = np.linspace(min(normal.min(), odd.min()), max(normal.max(), odd.max()), 26)
    np.testing.assert_allclose(filled.edges, edges)
    np.testing.assert_allclose(filled.values, np.histogram(normal, edges)[0] / 1000)
    np.testing.assert_allclose(ax.patches[2].get_data().values.sum(), 1)
    assert ax.lines[0].get_xdata() == [1, 1] and ax.get_xscale() == "linear"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("anomaly score", "share of samples")


def test_the_threshold_is_a_quantile() -> None:
    normal = np.arange(1, 101.0)
    ax = plot.anomaly_scores(normal, quantile=0.9, names=("known", "new"))
    cut = np.quantile(normal, 0.9)
    assert ax.lines[0].get_xdata() == [cut, cut]
    assert legend(ax) == ["known: 10 % above", f"threshold {cut:.3g}, 90 % of known below"]
    assert len(ax.patches) == 2
    assert plot.anomaly_scores([1.0, 2.0], [100.0, 300.0]).get_xscale() == "log"
    assert plot.anomaly_scores([1.0, 2.0], [100.0], log=False).get_xscale() == "linear"
    plot.anomaly_scores([3.0, 3.0], [3.0]).figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("kind", "scores", "options", "text"),
    [
        (nnx.ShapeError, ([],), {}, "at least one"),
        (nnx.ShapeError, ([1.0], []), {}, "anomalous must have"),
        (nnx.ArgumentError, ([np.nan],), {}, "finite"),
        (nnx.ArgumentError, ([1.0],), {"quantile": 2}, "quantile"),
        (nnx.ArgumentError, ([0.0, 1.0],), {"log": True}, "leave log out"),
        (nnx.ArgumentError, ([1.0], [2.0]), {"names": ["a"]}, "2 names"),
        (nnx.DTypeError, (["a"],), {}, "numbers"),
    ],
)
def test_anomaly_scores_refuse(kind: type, scores: Any, options: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.anomaly_scores(*scores, **options)
