"""Initial values: the formulas' bounds and moments, and the defaults of layers."""

from __future__ import annotations

import math
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn

N = 400
SHAPES = [(N, 300), (100, 60, 5, 4)]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def moments(t: nnx.Tensor) -> tuple[float, float, float]:
    a = t.numpy().astype(np.float64)
    return a.mean(), a.std(), np.abs(a).max()


def check_uniform(t: nnx.Tensor, bound: float) -> None:
    mean, std, most = moments(t)
    assert most <= bound * (1 + 1e-6) and most > 0.99 * bound
    assert abs(mean) < 5 * bound / math.sqrt(3 * t.numel())
    assert std == pytest.approx(bound / math.sqrt(3), rel=0.02)


def check_normal(t: nnx.Tensor, std: float, mean: float = 0.0) -> None:
    m, s, _ = moments(t)
    assert abs(m - mean) < 5 * std / math.sqrt(t.numel())
    assert s == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_formulas(shape: tuple[int, ...]) -> None:
    fan_in, fan_out = fans(shape)
    t = nnx.empty(shape)
    check_uniform(nn.init.uniform_(t, -2, 2), 2)
    check_normal(nn.init.normal_(t, 3.0, 0.5), 0.5, 3.0)
    check_uniform(nn.init.xavier_uniform_(t), math.sqrt(6 / (fan_in + fan_out)))
    check_uniform(nn.init.xavier_uniform_(t, gain=2), 2 * math.sqrt(6 / (fan_in + fan_out)))
    check_normal(nn.init.xavier_normal_(t), math.sqrt(2 / (fan_in + fan_out)))
    check_uniform(nn.init.kaiming_uniform_(t), math.sqrt(6 / fan_in))
    check_uniform(nn.init.kaiming_uniform_(t, a=math.sqrt(5)), 1 / math.sqrt(fan_in))
    check_normal(nn.init.kaiming_normal_(t, nonlinearity="relu"), math.sqrt(2 / fan_in))
    check_normal(nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="linear"), fan_out**-0.5)
    assert nn.init.constant_(t, 3.5) is t and (t == 3.5).all()
    assert (nn.init.ones_(t) == 1).all() and not nn.init.zeros_(t).any()


def test_eye() -> None:
    t = nnx.full((3, 5), 9.0)
    assert nn.init.eye_(t).tolist() == np.eye(3, 5).tolist()
    with pytest.raises(nnx.ShapeError):
        nn.init.eye_(nnx.zeros(3))


def test_gains() -> None:
    for name, gain in [
        ("linear", 1),
        ("conv2d", 1),
        ("sigmoid", 1),
        ("tanh", 5 / 3),
        ("relu", math.sqrt(2)),
        ("leaky_relu", math.sqrt(2 / (1 + 1e-4))),
        ("selu", 0.75),
    ]:
        assert nn.init.calculate_gain(name) == pytest.approx(gain, rel=1e-12)
    assert nn.init.calculate_gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))
    with pytest.raises(ValueError, match="did you mean 'tanh'"):
        nn.init.calculate_gain("tahn")


FUNCTIONS: dict[str, Any] = {
    n: getattr(nn.init, n) for n in dir(nn.init) if n.endswith("_") and not n.startswith("_")
}


def test_every_function_is_covered() -> None:
    assert set(FUNCTIONS) == {
        "uniform_", "normal_", "constant_", "ones_", "zeros_", "eye_", "xavier_uniform_",
        "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
    }  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_written_in_place_without_a_graph(name: str) -> None:
    f = FUNCTIONS[name]
    args = (0.5,) if name == "constant_" else ()
    p = nn.Parameter(nnx.full((4, 5), 7.0))
    assert f(p, *args) is p
    assert p.is_leaf and p.requires_grad and not (p == 7).all()
    strided = nnx.full((4, 10), 7.0)
    f(strided[:, ::2], *args)
    assert (strided[:, 1::2] == 7).all() and not (strided[:, ::2] == 7).all()
    with pytest.raises((TypeError, AttributeError)):
        f("no tensor", *args)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "uniform" in n or "normal" in n])
def test_generators(name: str) -> None:
    def draw(**options: Any) -> list[Any]:
        return FUNCTIONS[name](nnx.empty(5, 4), **options).tolist()

    g, h = (nnx.Generator().manual_seed(3) for _ in range(2))
    assert draw(generator=g) == draw(generator=h)
    assert draw(generator=g) == draw(generator=h)
    nnx.manual_seed(1)
    a = draw()
    nnx.manual_seed(1)
    assert draw() == a != draw()


def test_options() -> None:
    for f in (nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.kaiming_normal_):
        with pytest.raises(nnx.ShapeError, match="for a bias use"):
            f(nnx.zeros(3))
    with pytest.raises(ValueError, match="std"):
        nn.init.normal_(nnx.zeros(3), std=-1)
    with pytest.raises(ValueError, match="fan_in"):
        nn.init.kaiming_uniform_(nnx.zeros(3, 3), mode="both")
    with pytest.raises(ValueError):
        nn.init.uniform_(nnx.zeros(3), 2, 1)
    with pytest.raises(nnx.DTypeError):
        nn.init.uniform_(nnx.zeros(3, dtype=nnx.int64))


def test_defaults_of_layers() -> None:
    layer = nn.Dense(300, 400)
    check_uniform(layer.weight.detach(), 300**-0.5)
    assert layer.bias.abs().max().item() <= 300**-0.5
    assert layer.bias.detach().std().item() == pytest.approx(300**-0.5 / math.sqrt(3), rel=0.15)
    norm = nn.LayerNorm(4)
    assert norm.weight.tolist() == [1] * 4 and norm.bias.tolist() == [0] * 4
    nnx.manual_seed(7)
    first = nn.Dense(5, 6)
    nnx.manual_seed(7)
    assert nn.Dense(5, 6).weight.tolist() == first.weight.tolist()
    before = first.weight.tolist()
    first.reset_parameters()
    assert first.weight.tolist() != before and first.weight.is_leaf
