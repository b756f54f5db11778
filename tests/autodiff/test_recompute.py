"""checkpoint: the same bits with less memory, of any order, and words where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn


def network() -> nn.Sequential:
    nnx.manual_seed(1)
    parts = [[nn.Dense(6, 6), nn.GELU(), nn.LayerNorm(6), nn.Dropout(0.3)] for _ in range(3)]
    return nn.Sequential(*[nn.Sequential(*p) for p in parts])


def gradients(run: Callable[[Any, nnx.Tensor], nnx.Tensor]) -> list[bytes]:
    net = network()
    x = nnx.randn(5, 6, requires_grad=True)
    nnx.manual_seed(9)
    y = run(net, x)
    after = nnx.rand(3)
    (y * y).sum().backward()
    found = [x.grad, *[p.grad for p in net.parameters()], y.detach(), after, nnx.rand(3)]
    return [t.numpy().tobytes() for t in found]


def each_part(net: Any, x: nnx.Tensor) -> nnx.Tensor:
    for part in net:
        x = nnx.checkpoint(part, x)
    return x


def nested(net: Any, x: nnx.Tensor) -> nnx.Tensor:
    return nnx.checkpoint(each_part, net, x, use_reentrant=False)


WAYS = {
    "each": each_part,
    "nested": nested,
    "whole": lambda net, x: nnx.checkpoint(net, x),
    "sequential": lambda net, x: nnx.checkpoint_sequential(net, 2, x),
    "keyword": lambda net, x: nnx.checkpoint(lambda *, pair: net(pair[0]), pair=[x]),
}


@pytest.mark.parametrize("way", WAYS)
def test_gradients_have_the_same_bits(way: str) -> None:
    """Of arguments and of weights the function closes over, with dropout; random state included."""
    assert gradients(WAYS[way]) == gradients(lambda net, x: net(x))


def test_values_inside_are_not_kept() -> None:
    def f(x: nnx.Tensor) -> nnx.Tensor:
        for _ in range(20):
            x = nnx.sin(x).exp()
        return x.sum()

    x = nnx.ones(100_000, requires_grad=True)
    used = []
    for run in (f, lambda x: nnx.checkpoint(f, x)):
        before = nnx.memory_stats()["allocated"]
        y = run(x)
        used.append(nnx.memory_stats()["allocated"] - before)
        y.backward()
        del y
    assert used[0] > 20 * 400_000 and used[1] < 3 * 400_000


def test_higher_orders_and_transforms() -> None:
    def f(x: nnx.Tensor) -> nnx.Tensor:
        return (nnx.exp(nnx.sin(x)) * x**2).sum()

    def kept(x: nnx.Tensor) -> nnx.Tensor:
        return nnx.checkpoint(f, x)

    x = nnx.tensor([0.3, -0.8, 1.2], dtype=nnx.float64)
    for transform in (nnx.grad, nnx.hessian, lambda g: nnx.vmap(nnx.grad(lambda r: g(r * x)))):
        np.testing.assert_allclose(transform(kept)(x), transform(f)(x), rtol=1e-14)
    y = kept(leaf := x.clone().requires_grad_())
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(leaf.grad, 2 * np.asarray(nnx.grad(f)(x)))


def test_only_what_is_asked_for_is_run_again() -> None:
    calls = []

    def f(x: nnx.Tensor) -> tuple[nnx.Tensor, str]:
        calls.append(nnx.is_grad_enabled())
        return nnx.exp(x), "note"

    x = nnx.ones(2, requires_grad=True)
    y, note = nnx.checkpoint(f, x)
    assert (len(calls), note) == (1, "note")
    y.sum().backward()
    assert calls == [True, True]
    with nnx.no_grad():
        nnx.checkpoint(f, x)
    assert calls == [True, True, False]
    nnx.checkpoint(f, nnx.ones(2))  # nothing to differentiate
    assert len(calls) == 4


def test_what_cannot_be_run_again_is_refused() -> None:
    w = nnx.ones(2, requires_grad=True)
    x = nnx.ones(2)
    y = nnx.checkpoint(lambda x: nnx.exp(nnx.sin(w + x)).sum(), x)
    with nnx.no_grad():
        w += 1
    with pytest.raises(nnx.GradientError, match="optimiser"):
        y.backward()
    y = nnx.checkpoint(lambda x: nnx.exp(nnx.sin(w + x)).sum(), x)
    x.add_(1)
    with pytest.raises(nnx.GradientError, match="overwritten"):
        y.backward()
    counter = iter(range(9))
    y = nnx.checkpoint(lambda x: nnx.exp(w * x) if next(counter) else nnx.sin(nnx.exp(w * x)), x)
    with pytest.raises(nnx.GradientError, match="something else"):
        y.sum().backward()
    with pytest.raises(nnx.ArgumentError, match="segments"):
        nnx.checkpoint_sequential([nnx.sin], 2, x)
    with pytest.raises(ZeroDivisionError):
        nnx.checkpoint(lambda x: 1 / 0, x)


def test_random_state_is_left_alone_on_request() -> None:
    x = nnx.ones(50, requires_grad=True)
    y = nnx.checkpoint(lambda x: (x * nnx.rand(50)).exp(), x, preserve_rng_state=False)
    y.sum().backward()
    assert not np.array_equal(x.grad, y.detach() * nnx.log(y.detach()))
    x.grad = None
    y = nnx.checkpoint(lambda x: (x * nnx.rand(50)).exp(), x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, y.detach() * nnx.log(y.detach()), rtol=1e-5)
