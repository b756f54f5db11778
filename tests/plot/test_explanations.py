"""Saliency and occlusion against models whose answer depends on known pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, plot

pytestmark = pytest.mark.usefixtures("headless")
RNG = np.random.default_rng(9)


def tile(ax: Any, row: int, column: int, side: int, gap: int = 1) -> np.ndarray:
    ax.figure.draw_without_rendering()
    y, x = row * (side + gap), column * (side + gap)
    shown: np.ndarray = np.asarray(ax.images[0].get_array())[y : y + side, x : x + side]
    return shown


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.get_xticklabels()]


def linear(weight: np.ndarray) -> nn.Module:
    """Scores that are sums of the pixels with these weights (C, pixels)."""
    layer = nn.Dense(weight.shape[1], weight.shape[0], bias=False)
    with nnx.no_grad():
        layer.weight.copy_(nnx.tensor(weight))
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), layer).train()


WEIGHT = RNG.normal(size=(3, 25))
X = RNG.uniform(size=(4, 5, 5)).astype(np.float32)


def test_saliency_is_the_gradient() -> None:
    model = linear(WEIGHT)
    model[2].weight.grad = nnx.ones(3, 25)
    ax = plot.saliency(model, X, target=1)
    expected = 1 - np.abs(WEIGHT[1]).reshape(5, 5) / np.abs(WEIGHT[1]).max()
    for k in range(4):
        np.testing.assert_allclose(tile(ax, 0, k, 5)[..., 0], 1 - X[k], rtol=1e-5)
        np.testing.assert_allclose(tile(ax, 1, k, 5)[..., 0], expected, atol=1e-6)
    assert texts(ax) == ["class 1"] * 4
    assert model.training and model[1].training
    assert nnx.array_equal(model[2].weight.grad, nnx.ones(3, 25))  # as it was


def test_the_class_is_the_one_that_wins() -> None:
    model = linear(WEIGHT)
    wins = (X.reshape(4, 25) @ WEIGHT.T).argmax(1)
    for function in (plot.saliency, plot.occlusion):
        assert texts(function(model, X)) == [f"class {k}" for k in wins]
        named = function(model, nnx.tensor(X), names=["a", "b", "c"])
        assert texts(named) == ["abc"[k] for k in wins]
        assert texts(function(model, X, target=[0, 1, 2, 0])) == [
            f"class {k}" for k in (0, 1, 2, 0)
        ]


def test_integrated_gradients_add_up_to_the_score() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dense(25, 8), nn.Tanh(), nn.Dense(8, 3))
    from nnx.plot.explanations import _slopes  # what is added up, before it becomes colours

    x = nnx.tensor(X)
    classes = np.array([0, 1, 2, 0])
    total = sum(_slopes("saliency", model, x * ((k + 0.5) / 64), classes) for k in range(64)) / 64
    sums = (total * X).reshape(4, -1).sum(1)
    ends = (model(x) - model(0 * x)).detach().numpy()[np.arange(4), classes]
    np.testing.assert_allclose(sums, ends, atol=1e-4)
    ax = plot.saliency(model, X, classes, method="integrated", steps=64)
    shown, share = tile(ax, 1, 2, 5), (total * X)[2]
    clear = np.abs(share) > 0.05 * np.abs(total * X).max()
    assert ((shown[..., 0] > shown[..., 2]) == (share > 0))[clear].all()  # vermilion speaks for it


def test_the_way_of_integrated_gradients() -> None:
    seen: list[float] = []

    def model(x: nnx.Tensor) -> nnx.Tensor:
        seen.append(float(x.detach().max()) / X.max())
        return x.flatten(1)[:, :2]

    plot.saliency(model, X, 0, method="integrated", steps=4)
    np.testing.assert_allclose(seen, [1, 0.125, 0.375, 0.625, 0.875], rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((4, 75), lambda p: p.reshape(4, 75)),
        ((4, 3, 5, 5), lambda p: p),
        ((4, 5, 5, 3), lambda p: p.transpose(0, 2, 3, 1)),
    ],
)
def test_colours_and_rows_of_numbers(shape: Any, to: Callable[[np.ndarray], np.ndarray]) -> None:
    """A model that looks at the green channel of one corner."""
    weight = np.zeros((2, 3, 5, 5))
    weight[1, 1, :2, :2] = 1
    x = RNG.uniform(0.5, 1, (4, 3, 5, 5)).astype(np.float32)
    flat = to(np.broadcast_to(weight[1], (4, 3, 5, 5)))[0].reshape(-1)
    model = linear(np.stack([0 * flat, flat]))
    given = to(x)
    assert given.shape == shape
    for ax in (
        plot.saliency(model, given, 1),
        plot.occlusion(model, given, 1, size=1, stride=1),
        plot.occlusion(lambda v: model.eval()(v), given, 1, size=1, stride=1),
    ):
        marked = (tile(ax, 1, 2, 5) < 0.98).any(-1)
        expected = np.zeros((5, 5), bool)
        expected[:2, :2] = True
        np.testing.assert_array_equal(marked, expected)
        np.testing.assert_allclose(tile(ax, 0, 2, 5), x[2].transpose(1, 2, 0), atol=1e-6)


def test_occlusion_is_the_fall_of_the_probability() -> None:
    model = linear(2 * WEIGHT).eval()
    ax = plot.occlusion(model, X[:1], 2, size=2, stride=2, value=0.5)

    def probability(x: np.ndarray) -> float:
        scores = np.exp(x.reshape(25) @ (2 * WEIGHT).T)
        return float(scores[2] / scores.sum())

    total, times = np.zeros((5, 5)), np.zeros((5, 5))
    for i in (0, 2, 3):  # the last square lies at the edge
        for j in (0, 2, 3):
            covered = X[0].copy()
            covered[i : i + 2, j : j + 2] = 0.5
            total[i : i + 2, j : j + 2] += probability(X[0]) - probability(covered)
            times[i : i + 2, j : j + 2] += 1
    falls = total / times
    shown = tile(ax, 1, 0, 5)
    clear = np.abs(falls) > 0.02 * np.abs(falls).max()
    assert ((shown[..., 0] > shown[..., 2]) == (falls > 0))[clear].all()
    strongest = np.unravel_index(np.abs(falls).argmax(), (5, 5))
    np.testing.assert_allclose(
        shown[strongest],
        np.array([0xD5, 0x5E, 0] if falls[strongest] > 0 else [0, 0x72, 0xB2]) / 255,
        atol=0.01,
    )
    name = ax.get_yticklabels()[1].get_text()
    assert name == f"fall of\nprobability\n(±{np.abs(falls).max():.2g})"


def test_single_scores_and_probabilities() -> None:
    logit = linear(WEIGHT[:1])
    chance = nn.Sequential(logit, nn.Sigmoid(), nn.Flatten(0))
    for model in (logit, chance):
        assert texts(plot.saliency(model, X)) == []
        plot.occlusion(model, X)
    falls = [plot.occlusion(m, X).get_yticklabels()[1].get_text() for m in (logit, chance)]
    assert falls[0] == falls[1]


def test_many_squares_go_in_batches() -> None:
    seen: list[int] = []

    def model(x: nnx.Tensor) -> nnx.Tensor:
        seen.append(len(x))
        return nnx.stack([x.sum((1, 2)), 0 * x.sum((1, 2))], 1)

    plot.occlusion(model, RNG.uniform(size=(1, 20, 20)), 0, size=1, stride=1)
    assert seen == [1, 1, 256, 144]


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (IndexError, {"target": 3}, "0 ... 2"),
        (IndexError, {"target": -1}, "0 ... 2"),
        (nnx.ShapeError, {"target": [0, 1]}, "each sample"),
        (nnx.DTypeError, {"target": 0.5}, "whole numbers"),
        (nnx.ArgumentError, {"names": ["a"]}, "3 names"),
        (nnx.ShapeError, {"x": X[0, 0]}, "write x"),
        (nnx.ShapeError, {"x": X[:0]}, "at least one"),
        (nnx.ShapeError, {"model": lambda x: x}, "scores"),
        (nnx.DTypeError, {"model": 3}, "Module"),
        (nnx.DTypeError, {"model": nn.Dense}, "Module"),
    ],
)
def test_what_does_not_fit(kind: type, options: dict[str, Any], text: str) -> None:
    given = {"model": linear(WEIGHT), "x": X, **options}
    for function in (plot.saliency, plot.occlusion):
        with pytest.raises(kind, match=text):
            function(**given)


def test_options_are_checked() -> None:
    model = linear(WEIGHT)
    for options, text in (
        ({"method": "grad"}, "gradient"),
        ({"method": "integrated", "steps": 0}, "steps"),
    ):
        with pytest.raises(nnx.ArgumentError, match=text):
            plot.saliency(model, X, **options)
    for options, text in (({"size": -1}, "size"), ({"stride": -2}, "stride")):
        with pytest.raises(nnx.ArgumentError, match=text):
            plot.occlusion(model, X, **options)
    with pytest.raises(nnx.GradientError):
        plot.saliency(lambda x: x.detach().flatten(1), X)
