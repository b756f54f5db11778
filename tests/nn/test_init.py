"""Initial values: the formulas' bounds and moments, and the defaults of layers."""

from __future__ import annotations

import inspect
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


# Arguments without a default, and the shape of a tensor that the function takes.
ARGUMENTS: dict[str, tuple[Any, ...]] = {"constant_": (0.5,), "sparse_": (0.3,)}
SHAPE = {"dirac_": (4, 5, 3)}


def test_every_function_is_covered() -> None:
    assert set(FUNCTIONS) == {
        "uniform_", "normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_", "sparse_",
        "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
        "glorot_uniform_", "glorot_normal_", "he_uniform_", "he_normal_",
        "lecun_uniform_", "lecun_normal_", "trunc_normal_", "orthogonal_",
    }  # fmt: skip


def test_the_names_of_torch_are_there() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    theirs = {n for n in dir(torch.nn.init) if callable(getattr(torch.nn.init, n))}
    theirs = {n for n in theirs if n.endswith("_") and not n.startswith("_")}
    assert theirs | {"calculate_gain"} <= set(dir(nn.init))
    for name in theirs - {"ones_", "zeros_"}:
        assert list(inspect.signature(getattr(nn.init, name)).parameters) == list(
            inspect.signature(getattr(torch.nn.init, name)).parameters
        ), name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_written_in_place_without_a_graph(name: str) -> None:
    f, args, shape = FUNCTIONS[name], ARGUMENTS.get(name, ()), SHAPE.get(name, (4, 5))
    p = nn.Parameter(nnx.full(shape, 7.0))
    assert f(p, *args) is p
    assert p.is_leaf and p.requires_grad and not (p == 7).any()
    strided = nnx.full((*shape[:-1], 2 * shape[-1]), 7.0)
    f(strided[..., ::2], *args)
    assert (strided[..., 1::2] == 7).all() and not (strided[..., ::2] == 7).any()
    assert f(nnx.zeros(shape, dtype=nnx.float64), *args).dtype == nnx.float64
    with pytest.raises((TypeError, AttributeError)):
        f("no tensor", *args)


def test_truncated_normal() -> None:
    scipy_stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    for mean, std, a, b in [
        (0.0, 1.0, -2.0, 2.0),
        (0.5, 0.02, 0.47, 0.6),
        (0.0, 1.0, 3.0, 9.0),
        (0.0, 1.0, -9.0, -5.0),
        (0.0, 1.0, -1e9, 1e9),
        (1.0, 2.0, -math.inf, 1.5),
    ]:
        t = nn.init.trunc_normal_(nnx.empty(20_000, dtype=nnx.float64), mean, std, a, b)
        assert t.min().item() >= a and t.max().item() <= b
        distribution = scipy_stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
        assert scipy_stats.kstest(t.numpy(), distribution.cdf).pvalue > 1e-3, (mean, a, b)
    # each number is the inverse of the distribution function at a uniform one, in the tails too
    cdf, ppf = scipy_stats.norm.cdf, scipy_stats.norm.ppf
    for a, b in ((-2.0, 2.0), (-9.0, -5.0), (-30.0, -20.0)):
        g, h = (nnx.Generator().manual_seed(3) for _ in range(2))
        z = nn.init.trunc_normal_(nnx.empty(500, dtype=nnx.float64), a=a, b=b, generator=g)
        u = nnx.empty(500, dtype=nnx.float64).uniform_(float(cdf(a)), float(cdf(b)), generator=h)
        np.testing.assert_allclose(z.numpy(), ppf(u.numpy()), rtol=1e-11)
    for bad in ({"a": 2.0, "b": 1.0}, {"std": 0.0}, {"std": -1.0}, {"a": math.nan}):
        with pytest.raises(ValueError, match=r"trunc_normal_"):
            nn.init.trunc_normal_(nnx.zeros(3), **bad)


def test_orthogonal() -> None:
    for shape in [(5, 3), (3, 5), (4, 4), (3, 2, 4)]:
        flat = nn.init.orthogonal_(nnx.empty(shape, dtype=nnx.float64), gain=2.0)
        flat = flat.reshape(shape[0], -1).numpy() / 2
        small = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-14)
    # uniform over the rotations: the first entry is as often negative as positive
    signs = [nn.init.orthogonal_(nnx.empty(2, 2))[0, 0].item() > 0 for _ in range(200)]
    assert 60 < sum(signs) < 140
    assert nn.init.orthogonal_(nnx.empty(0, 3)).shape == (0, 3)
    with pytest.raises(nnx.ShapeError):
        nn.init.orthogonal_(nnx.zeros(3))


def test_sparse_and_dirac() -> None:
    t = nn.init.sparse_(nnx.empty(10, 50), sparsity=0.25, std=0.1)
    assert ((t == 0).sum(0) == 3).all()
    assert len({tuple(c) for c in (t == 0).T.tolist()}) > 10  # other rows in each column
    assert t[t != 0].std().item() == pytest.approx(0.1, rel=0.15)
    with pytest.raises(ValueError, match="sparsity"):
        nn.init.sparse_(nnx.zeros(3, 3), 1.5)
    with pytest.raises(nnx.ShapeError):
        nn.init.sparse_(nnx.zeros(3), 0.5)
    kernel = nn.init.dirac_(nnx.empty(4, 2, 3, 5), groups=2).numpy()
    expected = np.zeros((4, 2, 3, 5))
    for i in range(4):
        expected[i, i % 2, 1, 2] = 1
    np.testing.assert_array_equal(kernel, expected)
    for shape, groups in (((3, 3), 1), ((3, 3, 3), 2)):
        with pytest.raises(nnx.ShapeError):
            nn.init.dirac_(nnx.zeros(shape), groups)


def test_against_torch_where_nothing_is_random() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    for name, shape, options in [
        ("eye_", (3, 5), {}),
        ("dirac_", (6, 2, 4), {"groups": 3}),
        ("dirac_", (2, 6, 3, 3, 3), {}),
    ]:
        theirs = getattr(torch.nn.init, name)(torch.empty(shape), **options).numpy()
        ours = getattr(nn.init, name)(nnx.empty(shape), **options).numpy()
        np.testing.assert_array_equal(ours, theirs)
    for t in (nnx.empty(3, 4), nnx.empty(2, 3, 5)):
        theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(tuple(t.shape)))
        assert nn.init._calculate_fan_in_and_fan_out(t) == theirs


def test_lecun_and_aliases() -> None:
    t = nnx.empty(N, 300)
    check_normal(nn.init.lecun_normal_(t), 300**-0.5)
    check_uniform(nn.init.lecun_uniform_(t), math.sqrt(3 / 300))
    assert nn.init.glorot_uniform_ is nn.init.xavier_uniform_
    assert nn.init.he_normal_ is nn.init.kaiming_normal_


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
        assert f(nnx.zeros(0, 0, 3)).shape == (0, 0, 3)
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
