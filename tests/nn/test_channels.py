"""Layers that normalise or drop whole channels: what they refuse, and their edges. Values and
gradients against PyTorch stand in test_layers_against_torch.py."""

from __future__ import annotations

from typing import Any

import helpers
import nnx
import numpy as np
import numpy.typing as npt
import pytest
from nnx import nn

F = nn.functional
Array = npt.NDArray[Any]


def normalised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d**2).mean(axes, keepdims=True) + eps)


IMAGE = np.random.default_rng(5).normal(size=(3, 6, 5, 4)) * 2 + 3


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm(groups: int) -> None:
    layer = nn.GroupNorm(groups, 6, eps=1e-3).double()
    w, b = np.arange(1.0, 7.0), np.arange(6.0) - 2
    with nnx.no_grad():
        layer.weight.copy_(nnx.tensor(w))
        layer.bias.copy_(nnx.tensor(b))
    flat = normalised(IMAGE.reshape(3, groups, -1), (2,), 1e-3).reshape(IMAGE.shape)
    column = (6, 1, 1)
    expected = flat * w.reshape(column) + b.reshape(column)
    np.testing.assert_allclose(layer(nnx.tensor(IMAGE)).detach().numpy(), expected, rtol=1e-11)
    helpers.same_in_all_layouts(lambda x: layer(x), [IMAGE])
    plain = nn.GroupNorm(groups, 6, eps=1e-3, affine=False)
    assert list(plain.state_dict()) == []
    np.testing.assert_allclose(plain(nnx.tensor(IMAGE)).numpy(), flat, rtol=1e-11, atol=1e-13)
    assert nn.GroupNorm(2, 6, bias=False).bias is None


def test_instance_norm() -> None:
    x = nnx.tensor(IMAGE)
    expected = normalised(IMAGE, (2, 3), 1e-5)
    y = nn.InstanceNorm2d(6)(x).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(nn.InstanceNorm2d(6)(x[0]).numpy(), expected[0], rtol=1e-11)
    layer = nn.InstanceNorm2d(6, track_running_stats=True, momentum=0.25).double()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-11, atol=1e-13)
    mean, var = IMAGE.mean((2, 3)).mean(0), IMAGE.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * var, rtol=1e-12)
    layer.eval()
    before = [t.tolist() for t in layer.buffers()]
    column = (6, 1, 1)
    scale = 1 / np.sqrt(layer.running_var.numpy() + 1e-5).reshape(column)
    aim = (IMAGE - layer.running_mean.numpy().reshape(column)) * scale
    np.testing.assert_allclose(layer(x).numpy(), aim, rtol=1e-11, atol=1e-13)
    assert [t.tolist() for t in layer.buffers()] == before
    assert list(nn.InstanceNorm1d(3).state_dict()) == []


def test_local_response_norm() -> None:
    for size in (1, 2, 3, 5, 9):
        m = np.zeros_like(IMAGE)
        for c in range(6):
            window = IMAGE[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
            m[:, c] = (window**2).sum(1) / size
        expected = IMAGE / (1.5 + 0.3 * m) ** 0.6
        y = nn.LocalResponseNorm(size, 0.3, 0.6, 1.5)(nnx.tensor(IMAGE)).numpy()
        np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_large_half_numbers() -> None:
    x = (nnx.rand(2, 4, 6) * 100 + 3e4).half()
    for f in (
        lambda t: F.group_norm(t, 2),
        F.instance_norm,
        lambda t: F.local_response_norm(t, 3),
        lambda t: F.batch_norm(t, None, None, training=True),
    ):
        y = f(x)
        assert y.dtype == nnx.float16
        expected = helpers.as_float64(f(x.double()))
        np.testing.assert_allclose(helpers.as_float64(y), expected, rtol=2e-3, atol=2e-3)


CHANNELS: list[tuple[Any, tuple[int, ...], int]] = [  # layer, shape, axes that number the slices
    (nn.Dropout1d, (40, 30, 5), 2),
    (nn.Dropout1d, (900, 5), 1),
    (nn.Dropout2d, (40, 30, 3, 4), 2),
    (nn.Dropout2d, (40, 30, 5), 2),
    (nn.Dropout3d, (40, 30, 2, 3, 2), 2),
    (nn.Dropout3d, (900, 2, 3, 2), 1),
]


@pytest.mark.parametrize(("make", "shape", "axes"), CHANNELS)
def test_dropout_of_channels(make: Any, shape: tuple[int, ...], axes: int) -> None:
    x = nnx.rand(*shape) + 1
    for p in (0.2, 0.5):
        nnx.manual_seed(3)
        y = make(p)(x).numpy()
        ratio = (y / x.numpy()).reshape(*shape[:axes], -1)
        assert (np.ptp(ratio, axis=-1) < 1e-6).all()  # whole slices
        kept = ratio[..., 0] != 0
        if axes == 2:  # by itself in each sample
            assert (kept.any(1) & ~kept.all(1)).mean() > 0.9
        np.testing.assert_allclose(ratio[..., 0][kept], 1 / (1 - p), rtol=1e-6)
        assert abs(1 - kept.mean() - p) < 5 * np.sqrt(p * (1 - p) / kept.size)
        nnx.manual_seed(3)
        assert make(p)(x).tolist() == y.tolist()
    assert make().eval()(x) is x and make(0.0)(x) is x and not make(1.0)(x).any()
    w = x.clone()
    assert make(inplace=True)(w) is w and (w == 0).any()
    leaf = nnx.ones(shape, requires_grad=True)
    z = make(0.3)(leaf)
    z.sum().backward()
    assert leaf.grad.tolist() == z.tolist()
    assert repr(make(0.25)) == f"{make.__name__}(p=0.25, inplace=False)"
    assert make()(x.half()).dtype == nnx.float16


def test_feature_alpha_dropout() -> None:
    x = nnx.randn(300, 40, 6)
    nnx.manual_seed(2)
    y = nn.FeatureAlphaDropout(0.25)(x)
    a = ((1.7580993408473766**2 * 0.25 + 1) * 0.75) ** -0.5
    floor = np.float32(-1.7580993408473766 * a * 0.75)
    dropped = np.abs(y.numpy() - floor) < 1e-6
    whole = dropped.all(2)
    assert (whole == dropped.any(2)).mean() > 0.999
    assert whole.mean() == pytest.approx(0.25, abs=0.02)
    assert abs(y.mean().item()) < 0.05 and y.std().item() == pytest.approx(1, abs=0.05)
    assert nn.FeatureAlphaDropout().eval()(x) is x
    assert not nn.FeatureAlphaDropout(1.0)(x).any()


LAZY: list[tuple[Any, Any, tuple[int, ...]]] = [
    (nn.LazyBatchNorm1d, nn.BatchNorm1d, (5, 3)),
    (nn.LazyBatchNorm2d, nn.BatchNorm2d, (5, 3, 4, 4)),
    (nn.LazyBatchNorm3d, nn.BatchNorm3d, (5, 3, 2, 2, 4)),
    (nn.LazyInstanceNorm1d, nn.InstanceNorm1d, (5, 3, 4)),
    (nn.LazyInstanceNorm2d, nn.InstanceNorm2d, (3, 4, 4)),
    (nn.LazyInstanceNorm3d, nn.InstanceNorm3d, (5, 3, 2, 2, 4)),
]


@pytest.mark.parametrize(("lazy", "made", "shape"), LAZY)
def test_lazy_normalisation(lazy: Any, made: Any, shape: tuple[int, ...]) -> None:
    layer = lazy(eps=1e-3)
    weight = layer.weight
    x = nnx.rand(*shape)
    y = layer(x)
    assert type(layer) is made and layer.num_features == 3 and layer.weight is weight
    assert layer.running_mean.shape == (3,)
    same = made(3, eps=1e-3, affine=True, track_running_stats=True)
    assert same(x).tolist() == y.tolist()
    assert [t.tolist() for t in same.state_dict().values()] == [
        t.tolist() for t in layer.state_dict().values()
    ]
    with pytest.raises(nnx.ShapeError, match="first input"):
        lazy()(nnx.ones(3))


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: nn.GroupNorm(3, 4), ValueError, "multiple of num_groups"),
    (lambda: nn.GroupNorm(0, 4), ValueError, "num_groups"),
    (lambda: nn.GroupNorm(2, 4)(nnx.ones(2, 3, 4)), nnx.ShapeError, "C = 4"),
    (lambda: nn.GroupNorm(2, 4)(nnx.ones(4)), nnx.ShapeError, "C = 4"),
    (lambda: nn.GroupNorm(2, 4)(nnx.ones(2, 4).double()), nnx.DTypeError, r"\.to\(nnx\.float32\)"),
    (lambda: nn.GroupNorm(2, 4)(None), nnx.DTypeError, "must be a tensor"),
    (lambda: F.group_norm(nnx.ones(2, 4), 3), nnx.ShapeError, "divide"),
    (lambda: F.group_norm(nnx.ones(4), 2), nnx.ShapeError, "N, C"),
    (lambda: F.group_norm(nnx.ones(2, 4), 4), nnx.ShapeError, "fewer groups"),
    (lambda: F.group_norm(nnx.ones(2, 4), 2, nnx.ones(3)), nnx.ShapeError, "weight"),
    (lambda: F.instance_norm(nnx.ones(2, 3, 1)), nnx.ShapeError, "more than one value"),
    (lambda: F.instance_norm(nnx.ones(2, 3)), nnx.ShapeError, "N, C"),
    (lambda: F.instance_norm(nnx.ones(2, 3, 4), nnx.ones(2)), nnx.ShapeError, "running_mean"),
    (
        lambda: F.instance_norm(nnx.ones(2, 3, 4), use_input_stats=False),
        nnx.ShapeError,
        "running mean",
    ),
    (lambda: nn.InstanceNorm2d(3)(nnx.ones(2, 4, 4, 3)), nnx.ShapeError, r"movedim\(-1, 1\)"),
    (lambda: nn.BatchNorm2d(3)(nnx.ones(3, 4, 4)), nnx.ShapeError, r"x\.unsqueeze\(0\)"),
    (lambda: nn.BatchNorm2d(3)(nnx.ones(2, 3)), nnx.ShapeError, "N, C, H, W"),
    (lambda: nn.BatchNorm3d(3)(nnx.ones(2, 3, 4, 4)), nnx.ShapeError, "N, C, D, H, W"),
    (lambda: nn.BatchNorm2d(3)(nnx.ones(1, 3, 1, 1)), nnx.ShapeError, "drop_last=True"),
    (lambda: nn.LocalResponseNorm(0), ValueError, "size"),
    (lambda: nn.LocalResponseNorm(2)(nnx.ones(2, 3)), nnx.ShapeError, "after the channels"),
    (lambda: nn.LocalResponseNorm(2)(nnx.ones(2, 3, 1).long()), nnx.DTypeError, r"float\(\)"),
    (lambda: nn.Dropout2d(1.5), ValueError, "p must"),
    (lambda: nn.Dropout1d()(nnx.ones(3)), nnx.ShapeError, "2 or 3 axes"),
    (lambda: nn.Dropout2d()(nnx.ones(3, 4)), nnx.ShapeError, "3 or 4 axes"),
    (lambda: nn.Dropout3d()(nnx.ones(3, 4, 5)), nnx.ShapeError, "4 or 5 axes"),
    (lambda: nn.Dropout2d()(nnx.ones(3, 4, 5).long()), nnx.DTypeError, r"float\(\)"),
    (lambda: nn.FeatureAlphaDropout()(nnx.ones(3)), nnx.ShapeError, "N, C"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_errors_teach(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        call()
    assert isinstance(caught.value, nnx.Error)


def test_no_samples() -> None:
    for layer, shape in [
        (nn.BatchNorm2d(3), (0, 3, 4, 4)),
        (nn.GroupNorm(3, 3), (0, 3, 4, 4)),
        (nn.InstanceNorm1d(3, affine=True, track_running_stats=True), (0, 3, 4)),
        (nn.LocalResponseNorm(2), (0, 3, 4)),
        (nn.Dropout2d(), (0, 3, 4, 4)),
        (nn.FeatureAlphaDropout(), (0, 3)),
    ]:
        before = [t.tolist() for n, t in layer.state_dict().items() if "num" not in n]
        y = layer(nnx.ones(shape, requires_grad=True))
        assert y.shape == shape
        y.sum().backward()
        after = [t.tolist() for n, t in layer.state_dict().items() if "num" not in n]
        assert after == before


def test_a_small_network_with_normalisation_learns() -> None:
    nnx.manual_seed(0)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    x = nnx.tensor((rng.normal(size=(64, 2, 8)) + 40 + 2 * y[:, None, None]).astype(np.float32))
    model = nn.Sequential(
        nn.BatchNorm1d(2), nn.Flatten(), nn.Dense(16, 8), nn.ReLU(), nn.Unflatten(1, (4, 2)),
        nn.GroupNorm(2, 4), nn.Dropout1d(0.1), nn.Flatten(), nn.Dense(8, 2),
    )  # fmt: skip
    optimizer = nnx.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), nnx.tensor(y)).backward()
        optimizer.step()
    accuracy = (model.eval()(x).argmax(1) == nnx.tensor(y)).float().mean().item()
    assert accuracy > 0.95
