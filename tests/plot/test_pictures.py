"""Figures of pictures, filters and feature maps hold the numbers they were given."""

from __future__ import annotations

from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, plot
from nnx.data import transforms

pytestmark = pytest.mark.usefixtures("headless")
RNG = np.random.default_rng(8)


def sheet(ax: Any) -> np.ndarray:
    ax.figure.draw_without_rendering()
    return np.asarray(ax.images[0].get_array())


def tile(ax: Any, row: int, column: int, high: int, wide: int, gap: int = 1) -> np.ndarray:
    """A picture of a mosaic."""
    y, x = row * (high + gap), column * (wide + gap)
    return sheet(ax)[y : y + high, x : x + wide]


def ticks(ax: Any) -> tuple[list[str], list[str]]:
    return (
        [t.get_text() for t in ax.get_xticklabels()],
        [t.get_text() for t in ax.get_yticklabels()],
    )


# --- images -------------------------------------------------------------------------------------
def test_images() -> None:
    pictures = RNG.uniform(size=(10, 5, 4))
    places = plot.images(nnx.tensor(pictures), [str(i) for i in range(10)])
    assert len(places) == 16 and [len(ax.images) for ax in places] == [1] * 10 + [0] * 6
    np.testing.assert_array_equal(np.asarray(places[3].images[0].get_array()), pictures[3])
    assert places[3].get_title() == "3"
    assert places[3].images[0].get_clim() == (0, 1)
    assert len(plot.images(pictures, columns=5)) == 10
    for shape in ((2, 1, 6, 5), (2, 3, 6, 5), (2, 6, 5, 3), (2, 6, 5, 1)):
        shown = np.asarray(plot.images(np.zeros(shape))[0].images[0].get_array()).shape
        assert shown == ((6, 5, 3) if 3 in shape else (6, 5))
    bytes_ = plot.images(np.full((1, 2, 2), 255, np.uint8))
    assert np.asarray(bytes_[0].images[0].get_array()).max() == 1


def test_titles_may_be_labels() -> None:
    places = plot.images(nnx.zeros(3, 4, 4), titles=nnx.tensor([7, 2, 1]))
    assert [ax.get_title(loc="left") or ax.get_title() for ax in places[:3]] == ["7", "2", "1"]


def test_images_of_rows_and_of_other_ranges() -> None:
    rows = RNG.uniform(size=(3, 24))
    places = plot.images(rows, shape=(4, 6))
    np.testing.assert_array_equal(
        np.asarray(places[2].images[0].get_array()), rows[2].reshape(4, 6)
    )
    colours = plot.images(rows, shape=(3, 4, 2))
    shown = np.asarray(colours[0].images[0].get_array())
    np.testing.assert_allclose(shown, rows[0].reshape(3, 4, 2).transpose(1, 2, 0))
    wide = np.array([[[-2.0, 0.0], [1.0, 2.0]]])
    assert plot.images(wide)[0].images[0].get_clim() == (-2, 2)
    stretched = plot.images(np.stack([wide] * 3, -1)[0][None])[0]
    np.testing.assert_allclose(sheet(stretched)[..., 0], (wide[0] + 2) / 4)
    sheet(plot.images(np.full((1, 2, 2), np.nan))[0])
    sheet(plot.images(np.full((1, 2, 2, 3), np.nan))[0])


@pytest.mark.parametrize(
    ("pictures", "options"),
    [
        (np.zeros((2, 5, 5, 2)), {}),
        (np.zeros((5, 5)), {}),
        (np.zeros((2, 24)), {"shape": (5, 5)}),
        (np.zeros((2, 24)), {"shape": (24,)}),
        (np.zeros(24), {"shape": (4, 6)}),
    ],
)
def test_images_refuse(pictures: Any, options: Any) -> None:
    with pytest.raises(nnx.ShapeError, match=r"\(N, H, W\)|shape"):
        plot.images(pictures, **options)


# --- reconstructions ----------------------------------------------------------------------------
def test_reconstructions() -> None:
    x = RNG.uniform(0.1, 0.9, (10, 16)).astype(np.float32)
    ax = plot.reconstructions(lambda v: v * 0.5, x, n=3)
    assert sheet(ax).shape == (3 * 4 + 2, 3 * 4 + 2, 3)
    picture = x[1].reshape(4, 4)
    np.testing.assert_allclose(tile(ax, 0, 1, 4, 4)[..., 0], 1 - picture, rtol=1e-6)
    np.testing.assert_allclose(tile(ax, 1, 1, 4, 4)[..., 2], 1 - picture / 2, rtol=1e-6)
    losses, names = ticks(ax)
    assert losses == [f"{v:.2g}" for v in ((x[:3] / 2) ** 2).mean(1)]
    assert names == ["input", "output", f"difference\n(±{x[:3].max() / 2:.2g})"]
    blue = tile(ax, 2, 1, 4, 4)  # the output is below the input everywhere
    assert (blue[..., 2] > blue[..., 0]).all()


def test_reconstructions_of_models_and_outputs() -> None:
    x = RNG.uniform(size=(3, 3, 5, 5))

    class Variational(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(75, 75)

        def forward(self, v: nnx.Tensor) -> Any:
            return self.layer(v.flatten(1)), v.mean(), v.std()

    model = Variational().train()
    ax = plot.reconstructions(model, nnx.tensor(x), error=False)
    assert sheet(ax).shape == (2 * 5 + 1, 3 * 5 + 2, 3) and model.training
    np.testing.assert_allclose(tile(ax, 0, 2, 5, 5), x[2].transpose(1, 2, 0), atol=1e-6)
    known = plot.reconstructions(x[:, ::-1], x)
    np.testing.assert_allclose(tile(known, 1, 0, 5, 5), x[0, ::-1].transpose(1, 2, 0))
    seen: list[float] = []
    bytes_ = np.full((2, 4, 4), 255, np.uint8)
    plot.reconstructions(lambda v: seen.append(float(v.max())) or v, bytes_)
    assert seen == [1]  # as models are given them
    plot.reconstructions(lambda v: v, x[:, :2].reshape(3, -1), shape=(5, 10))


def test_reconstructions_refuse() -> None:
    with pytest.raises(nnx.ShapeError, match="an output for each number"):
        plot.reconstructions(lambda v: v[:, :2], np.zeros((2, 4)))
    with pytest.raises(nnx.ShapeError, match="at least one sample"):
        plot.reconstructions(lambda v: v, np.zeros((0, 4)))
    with pytest.raises(nnx.ShapeError, match=r"shape=\(H, W\)"):
        plot.reconstructions(lambda v: v, np.zeros((2, 5)))
    with pytest.raises(nnx.DTypeError, match="Module"):
        plot.reconstructions(3, np.zeros((2, 4)))


# --- augmentations ------------------------------------------------------------------------------
def test_augmentations() -> None:
    picture = RNG.uniform(size=(8, 8))
    nnx.manual_seed(0)
    flip = transforms.RandomHorizontalFlip()
    places = plot.augmentations(flip, picture, n=11, columns=4)
    assert len(places) == 12 and places[0].get_title() == "original"
    shown = [sheet(ax) for ax in places]
    np.testing.assert_allclose(shown[0], picture)
    flipped = [bool(np.allclose(s, picture[:, ::-1])) for s in shown[1:]]
    assert 0 < sum(flipped) < 11
    nnx.manual_seed(0)
    again = plot.augmentations(flip, picture, n=11)
    assert [np.array_equal(sheet(a), s) for a, s in zip(again, shown, strict=False)] == [True] * 12


def test_augmentations_of_bytes_lists_and_functions() -> None:
    bytes_ = RNG.integers(0, 256, (9, 8, 3), np.uint8)
    chain = [transforms.RandomCrop(6), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
    places = plot.augmentations(chain, bytes_, n=2)
    assert sheet(places[0]).shape == (9, 8, 3) and sheet(places[1]).shape == (6, 6, 3)
    stretched = np.concatenate([sheet(ax) for ax in places[1:3]])
    assert stretched.min() == 0 and stretched.max() == 1
    assert len(plot.augmentations(lambda x: x + 0, nnx.zeros(1, 4, 4), n=1)) == 2
    with pytest.raises(nnx.DTypeError, match="function"):
        plot.augmentations(3, bytes_)


# --- filters ------------------------------------------------------------------------------------
def test_filters_of_a_convolution(convolution: Any) -> None:
    weight = RNG.normal(size=(5, 1, 3, 3))
    weight[2], weight[4, 0, 1, 2] = 0, 9
    model = nn.Sequential(nn.Identity(), convolution(weight), nn.Flatten(), nn.Dense(9, 2))
    ax = plot.filters(model, columns=2)
    assert ax.get_title() == f"1.weight: 5 filters, ±{np.abs(weight).max():.2g}"
    assert sheet(ax).shape == (3 * 3 + 2, 2 * 3 + 1, 3)
    np.testing.assert_allclose(tile(ax, 1, 0, 3, 3), 1, atol=0.01)  # zero is white
    k, i, j = np.unravel_index(weight[:, 0].argmax(), (5, 3, 3))
    darkest = tile(ax, k // 2, k % 2, 3, 3)[i, j]
    np.testing.assert_allclose(darkest, np.array([0xD5, 0x5E, 0]) / 255, atol=0.01)  # vermilion
    few = plot.filters(weight, n=2)
    assert few.get_title() == f"2 of 5 filters, ±{np.abs(weight[:2]).max():.2g}"


def test_filters_in_colours_and_of_many_channels(convolution: Any) -> None:
    weight = RNG.normal(size=(4, 3, 2, 2))
    ax = plot.filters(nnx.tensor(weight))
    reach = np.abs(weight).max()
    np.testing.assert_allclose(
        tile(ax, 0, 3, 2, 2), (weight[3].transpose(1, 2, 0) / reach + 1) / 2, rtol=1e-6
    )
    ax = plot.filters(convolution(RNG.normal(size=(3, 20, 2, 2))))
    assert sheet(ax).shape == (3 * 2 + 2, 16 * 2 + 15, 3)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input channel", "filter")
    assert ticks(ax)[1] == ["0", "1", "2"]
    assert sheet(plot.filters(RNG.normal(size=(3, 1, 7)))).shape[0] == 1  # along one axis
    sheet(plot.filters(np.full((2, 1, 2, 2), np.nan)))
    sheet(plot.filters(np.zeros((2, 1, 2, 2))))


def test_filters_of_dense_layers() -> None:
    layer = nn.Dense(64, 3)
    ax = plot.filters(layer)
    weight = layer.weight.detach().numpy()[1].reshape(8, 8)
    white = (np.abs(weight) < 0.002).sum()
    shown = tile(ax, 0, 1, 8, 8)
    assert ((shown[..., 0] > shown[..., 2]) == (weight > 0)).sum() >= 64 - white
    assert sheet(plot.filters(nn.Dense(12, 2), shape=(3, 4))).shape == (3, 9, 3)
    assert sheet(plot.filters(nn.Dense(48, 2))).shape == (4, 9, 3)  # 3 x 4 x 4


def test_filters_refuse() -> None:
    with pytest.raises(nnx.ShapeError, match=r"shape=\(H, W\)"):
        plot.filters(nn.Dense(7, 2))
    with pytest.raises(nnx.ArgumentError, match="no layer with weights"):
        plot.filters(nn.ReLU())
    with pytest.raises(nnx.DTypeError, match="Module"):
        plot.filters(nn.Dense)
    with pytest.raises(nnx.ShapeError, match="convolution"):
        plot.filters(np.zeros((2, 1, 2, 2, 2)))


# --- feature maps -------------------------------------------------------------------------------
def test_feature_maps(convolution: Any) -> None:
    weight = RNG.normal(size=(5, 1, 3, 3))
    x = RNG.uniform(size=(1, 6, 7)).astype(np.float32)
    layer = convolution(weight)
    model = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Dense(100, 2)).train()
    ax = plot.feature_maps(model, x, columns=3)
    assert ax.get_title() == "layer 0: 5×4×5"
    maps = layer(nnx.tensor(x)[None])[0].detach().numpy()
    share = (maps - maps.min()) / (maps.max() - maps.min())
    np.testing.assert_allclose(tile(ax, 1, 0, 4, 5)[..., 0], 1 - 0.95 * share[3], atol=1e-5)
    assert model.training and not model[0]._hooked
    same = plot.feature_maps(model, x, layer)
    np.testing.assert_array_equal(sheet(plot.feature_maps(model, x[None], "0")), sheet(same))
    after = plot.feature_maps(model, nnx.tensor(x), "1", n=2)
    assert after.get_title() == "layer 1: 5×4×5, the first 2"
    assert tile(after, 0, 0, 4, 5).max() == 1  # zeros of the ReLU are the least


def test_feature_maps_of_dense_layers() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dense(16, 7), nn.Tanh())
    x = RNG.uniform(size=(4, 4)).astype(np.float32)
    ax = plot.feature_maps(model, x, "2")
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, model(nnx.tensor(x)[None])[0].detach().numpy(), rtol=1e-6)
    assert ax.get_title() == "layer 2: 7"
    whole = plot.feature_maps(nn.Dense(3, 2), np.zeros(3))
    assert whole.get_title() == "Dense: 2" and len(whole.patches) == 2


def test_feature_maps_refuse() -> None:
    model = nn.Sequential(nn.Dense(4, 3), nn.ReLU())
    x = np.zeros(4)
    with pytest.raises(nnx.ArgumentError, match="layer must be one of"):
        plot.feature_maps(model, x, "5")
    with pytest.raises(nnx.ArgumentError, match="'0', '1'"):
        plot.feature_maps(model, x, nn.ReLU())
    with pytest.raises(nnx.DTypeError, match="Module"):
        plot.feature_maps(abs, x)
    with pytest.raises(nnx.ShapeError, match="one sample"):
        plot.feature_maps(model, np.zeros((2, 1, 2, 2)))
    idle = nn.Sequential(nn.Dense(4, 3))
    idle.spare = nn.ReLU()
    idle.forward = lambda v: idle[0](v)  # type: ignore[method-assign]
    with pytest.raises(nnx.ArgumentError, match="not called"):
        plot.feature_maps(idle, x, "spare")
    with pytest.raises(nnx.ShapeError):
        plot.feature_maps(model, np.zeros(5))
    assert not model[0]._hooked
