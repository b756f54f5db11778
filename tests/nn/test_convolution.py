"""Layers of convolution: parameters, initialisation, shapes, PyTorch's values and state."""

from __future__ import annotations

import math
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn

SIZES = {1: (9,), 2: (9, 8), 3: (5, 6, 5)}


def options() -> list[dict[str, Any]]:
    return [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "bias": False},
        {"groups": 2, "padding": 2},
        {"padding": "same"},
        {"padding": "valid"},
        {"padding": 1, "padding_mode": "reflect"},
        {"padding": 1, "padding_mode": "replicate"},
        {"padding": 2, "padding_mode": "circular", "stride": 2},
        {"padding": "same", "padding_mode": "circular"},
    ]


def transposed_options() -> list[dict[str, Any]]:
    return [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": 3, "groups": 2, "bias": False},
        {"dilation": 2, "padding": 1},
    ]


def same(layer: nn.Module, theirs: Any, rank: int) -> None:
    """Equal keys and shapes, and with equal weights equal values and gradients."""
    import torch

    ours_state, theirs_state = layer.state_dict(), theirs.state_dict()
    assert {k: tuple(v.shape) for k, v in ours_state.items()} == {
        k: tuple(v.shape) for k, v in theirs_state.items()
    }
    layer.load_state_dict({k: v.numpy() for k, v in theirs_state.items()})
    theirs.zero_grad()
    x = np.random.default_rng(0).normal(size=(3, 4, *SIZES[rank])).astype(np.float32)
    X, T = nnx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, t = layer(X), theirs(T)
    np.testing.assert_allclose(np.asarray(y.detach()), t.detach().numpy(), rtol=0, atol=2e-5)
    y.square().sum().backward()
    t.square().sum().backward()
    np.testing.assert_allclose(np.asarray(X.grad), T.grad.numpy(), rtol=0, atol=2e-4)
    for (name, p), q in zip(layer.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(
            np.asarray(p.grad), q.grad.numpy(), rtol=1e-4, atol=2e-4, err_msg=name
        )


@pytest.mark.parametrize("rank", (1, 2, 3))
@pytest.mark.parametrize("more", options(), ids=str)
def test_conv_against_torch(rank: int, more: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the witness of this test")
    if rank == 3 and more.get("padding_mode") == "reflect":
        more = more | {"padding": 1}
    theirs = getattr(torch.nn, f"Conv{rank}d")(4, 6, 3, **more)
    same(getattr(nn, f"Conv{rank}d")(4, 6, 3, **more), theirs, rank)
    same(nn.Conv(4, 6, 3, rank=rank, **more), theirs, rank)


@pytest.mark.parametrize("rank", (1, 2, 3))
@pytest.mark.parametrize("more", transposed_options(), ids=str)
def test_conv_transpose_against_torch(rank: int, more: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the witness of this test")
    theirs = getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, 3, **more)
    same(getattr(nn, f"ConvTranspose{rank}d")(4, 6, 3, **more), theirs, rank)
    same(nn.ConvTranspose(4, 6, 3, rank=rank, **more), theirs, rank)


@pytest.mark.parametrize("mode", ("reflect", "replicate", "circular"))
def test_padding_modes(mode: str) -> None:
    """What stands outside is what NumPy puts there."""
    layer = nn.Conv2d(2, 3, 3, padding=1, padding_mode=mode)
    x = np.random.default_rng(0).normal(size=(2, 2, 5, 6)).astype(np.float32)
    name = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], mode=name)
    wanted = nn.functional.conv2d(nnx.asarray(padded), layer.weight, layer.bias)
    assert layer(nnx.asarray(x)).tolist() == wanted.tolist()


def test_initialisation() -> None:
    """Uniform in +-1/sqrt(fan_in), from the generator that manual_seed sets."""
    nnx.manual_seed(0)
    layer = nn.Conv2d(8, 64, 5, groups=2)
    bound = 1 / math.sqrt(4 * 25)
    for p in (layer.weight, layer.bias):
        a = np.abs(np.asarray(p.detach()))
        assert a.max() <= bound
        assert a.max() > 0.9 * bound
    assert abs(float(layer.weight.detach().mean())) < 0.05 * bound
    nnx.manual_seed(0)
    assert nn.Conv2d(8, 64, 5, groups=2).weight.tolist() == layer.weight.tolist()


@pytest.mark.parametrize("length", (13, 14))
def test_output_size(length: int) -> None:
    """A stride of 2 maps 13 and 14 to 7; the way back is told which."""
    down = nn.Conv2d(1, 2, 3, stride=2, padding=1)
    up = nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1)
    small = down(nnx.zeros((1, 1, length, length)))
    assert small.shape == (1, 2, 7, 7)
    assert up(small, output_size=(length, length)).shape == (1, 1, length, length)
    with pytest.raises(nnx.ArgumentError, match="from 13 to 14"):
        up(small, output_size=(15, 15))


def test_text() -> None:
    assert str(nn.Conv2d(1, 6, 5, padding=2)) == (
        "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))"
    )
    assert str(nn.Conv1d(4, 8, 3, dilation=2, groups=2, bias=False)) == (
        "Conv1d(4, 8, kernel_size=(3,), stride=(1,), dilation=(2,), groups=2, bias=False)"
    )
    assert str(nn.ConvTranspose2d(4, 1, 3, stride=2, output_padding=1)) == (
        "ConvTranspose2d(4, 1, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))"
    )


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "2, one for each spatial axis"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size must be at least 1"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), "stride must be at least 1"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "multiples of groups"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), "padding must be"),
        (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), "needs stride 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "padding_mode must be"),
        (lambda: nn.Conv(3, 4, 3, rank=4), "rank must be 1, 2 or 3"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1), "must be smaller"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), "padding must be numbers"),
    ],
)
def test_options_that_do_not_fit(make: Any, text: str) -> None:
    with pytest.raises(nnx.ArgumentError, match=text):
        make()


def test_activation() -> None:
    """In one pass with the convolution, and the same numbers."""
    nnx.manual_seed(0)
    fused = nn.Conv2d(3, 20, 3, activation="relu")
    plain = nn.Sequential(nn.Conv2d(3, 20, 3), nn.ReLU())
    plain[0].load_state_dict(fused.state_dict())
    x = nnx.randn(2, 3, 8, 8)
    assert fused(x).tolist() == plain(x).tolist()


@pytest.mark.parametrize("activation", (nn.ReLU, nn.Tanh, nn.SiLU))
def test_activation_after_it_in_a_sequential(activation: type[nn.Module]) -> None:
    """One pass while nobody looks: the same bits and gradients as one after the other."""
    nnx.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1, padding_mode="circular"),
        activation(),
        nn.ConvTranspose2d(5, 3, 2, stride=2),
        activation(),
        nn.Conv2d(3, 4, 1),
    )
    x = nnx.randn(2, 2, 6, 6, requires_grad=True)
    passes: list[nn.Module] = []
    for hooked in (False, True):
        if hooked:
            for module in net:
                module.register_forward_hook(lambda module, args, y: passes.append(module))
        x.grad = None
        net.zero_grad()
        y = net(x)
        y.square().sum().backward()
        tensors = (y.detach(), x.grad, *(p.grad for p in net.parameters()))
        found = [t.tolist() for t in tensors]
        if not hooked:
            fused = found
    assert found == fused
    assert passes == list(net)


def test_lazy_layers() -> None:
    """The channels of the first batch; the same parameters, so that an optimiser holds them."""
    for rank in (1, 2, 3):
        layer = getattr(nn, f"LazyConv{rank}d")(6, 3, padding=1)
        held = layer.weight
        y = layer(nnx.zeros((2, 4, *SIZES[rank])))
        assert y.shape == (2, 6, *SIZES[rank])
        assert type(layer) is getattr(nn, f"Conv{rank}d")
        assert layer.weight is held
        assert held.shape == (6, 4, *(3,) * rank)
        bound = (4 * 3**rank) ** -0.5
        assert float(held.detach().abs().max()) <= bound
        up = getattr(nn, f"LazyConvTranspose{rank}d")(6, 2, stride=2)
        assert up(nnx.zeros((2, 4, *SIZES[rank]))).shape[1] == 6
        assert up.weight.shape == (4, 6, *(2,) * rank)


# --- with the pooling after it -------------------------------------------------------------------


def composed(net: nn.Sequential, x: nnx.Tensor) -> nnx.Tensor:
    """The net's value with each module run by itself."""
    for module in net:
        x = module(x)
    return x


POOLS = {
    "max": lambda: nn.MaxPool2d(2),
    "mean": lambda: nn.AvgPool2d(2),
    "not square": lambda: nn.MaxPool2d((3, 2)),
    "overlapping": lambda: nn.MaxPool2d(3, 2),
    "padded": lambda: nn.MaxPool2d(2, padding=1),
    "partial": lambda: nn.AvgPool2d(2, ceil_mode=True),
    "divided": lambda: nn.AvgPool2d(2, divisor_override=3),
    "whole": lambda: nn.AvgPool2d((29, 28)),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("activation", (nn.ReLU, nn.Tanh, nn.SiLU, None))
@pytest.mark.parametrize("dtype", ("float32", "float64", "bfloat16"))
def test_pooling_after_it_in_a_sequential(
    pool: str, activation: type[nn.Module] | None, dtype: str
) -> None:
    """One pass, a few images at a time, and the same bits, also of the gradients."""
    nnx.manual_seed(0)
    between = [activation()] if activation else []
    net = nn.Sequential(nn.Conv2d(2, 20, 3, padding=1), *between, POOLS[pool]())
    net.to(getattr(nnx, dtype))
    x = nnx.randn(19, 2, 29, 28).to(getattr(nnx, dtype)).requires_grad_()
    results = []
    for f in (net, lambda x: composed(net, x)):
        with nnx.no_grad():
            value = f(x)
        x.grad = None
        net.zero_grad()
        y = f(x)
        assert (y == value).all()
        (y * y).sum().backward()
        results.append([y.detach(), x.grad, *(p.grad for p in net.parameters())])
    if dtype == "bfloat16":  # rounded once, not after the convolution as well
        assert (results[0][0] - results[1][0]).abs().max() <= 0.02
        return
    for fused, plain in zip(*results, strict=True):
        assert (fused == plain).all()


@pytest.mark.parametrize("activation", (nn.ReLU, nn.Tanh, None))
def test_what_pooling_gave_may_be_written_to(activation: type[nn.Module] | None) -> None:
    nnx.manual_seed(0)
    between = [activation()] if activation else []
    net = nn.Sequential(nn.Conv2d(2, 3, 3), *between, nn.MaxPool2d(2))
    x = nnx.randn(4, 2, 10, 10, requires_grad=True)
    for write in (lambda y: nnx.nn.functional.relu_(y), lambda y: y.mul_(2).add_(1)):
        results = []
        for f in (net, lambda x: composed(net, x)):
            y = write(f(x))
            results.append([y.detach(), *nnx.grad((y * y).sum(), [x, *net.parameters()])])
        for fused, plain in zip(*results, strict=True):
            assert (fused == plain).all()


def test_a_result_is_pooled_once() -> None:
    x, w = nnx.zeros(1, 1, 6, 6), nnx.zeros(1, 1, 1, 1)
    with pytest.raises(nnx.ArgumentError, match="pooled once"):
        nnx._nnx.conv(x, w, max_window=2, mean_window=3)


def test_pooling_in_one_pass_is_one_op() -> None:
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    x = nnx.zeros(64, 1, 66, 66)
    net(x)
    nnx.reset_peak_memory_stats()
    before = nnx.memory_stats()["allocated"]
    y = net(x)
    grown = nnx.memory_stats()["peak"] - before
    assert y.shape == (64, 8, 32, 32)
    whole = 64 * 8 * 64 * 64 * 4  # what the convolution's result would take
    assert grown < 0.7 * whole, (grown, whole)


def test_pooling_in_one_pass_under_transforms() -> None:
    nnx.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Tanh(), nn.MaxPool1d(2)).to(nnx.float64)
    x, v = nnx.randn(3, 2, 9, dtype=nnx.float64), nnx.randn(3, 2, 9, dtype=nnx.float64)
    for f, g in (
        (net, lambda x: composed(net, x)),
        (nnx.vmap(net), nnx.vmap(lambda x: composed(net, x))),
    ):
        z = x if f is net else x.unsqueeze(1)
        w = v.reshape(z.shape)
        assert (f(z) == g(z)).all()
        for second in (
            lambda h, z=z, w=w: nnx.jvp(h, (z,), (w,))[1],
            lambda h, z=z, w=w: nnx.hvp(lambda z: (h(z) ** 3).sum(), (z,), (w,))[1],
        ):
            assert nnx.allclose(second(f), second(g), rtol=1e-12, atol=1e-13)


def test_pooling_is_seen_by_hooks_and_settings() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
    x = nnx.randn(1, 1, 10, 10)
    assert net(x).shape == (1, 2, 4, 4)
    net[2].kernel_size = net[2].stride = 4
    assert net(x).shape == (1, 2, 2, 2)
    net[2].stride = 2
    assert net(x).shape == (1, 2, 3, 3)
    seen: list[tuple[int, ...]] = []
    net[2].register_forward_hook(lambda module, args, y: seen.append(args[0].shape))
    net(x)
    assert seen == [(1, 2, 8, 8)]
    with pytest.raises(nnx.ShapeError, match="window must fit"):
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(9))(x)
    assert nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2))(x[:0]).shape == (0, 2, 4, 4)
    assert nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2))(x[0]).shape == (2, 4, 4)
