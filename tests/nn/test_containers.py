"""Sequential and ModuleList as Python sequences."""

from __future__ import annotations

from typing import Any

import nnx
import pytest
from nnx import nn

KINDS = [
    pytest.param(lambda *m: nn.Sequential(*m), id="Sequential"),
    pytest.param(lambda *m: nn.ModuleList(m), id="ModuleList"),
]


def names(c: nn.Module) -> list[str]:
    return [n for n, _ in c.named_children()]


def three() -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1)


@pytest.mark.parametrize("make", KINDS)
def test_reading(make: Any) -> None:
    a, b, c = three()
    s = make(a, b, c)
    assert len(s) == 3 and list(s) == [a, b, c] and b in s and nn.Tanh() not in s
    assert s[0] is a and s[-1] is c and s[nnx.tensor(1)] is b
    part = s[1:]
    assert type(part) is type(s) and list(part) == [b, c] and names(part) == ["0", "1"]
    assert list(s[::-1]) == [c, b, a] and list(s[5:]) == []
    for bad in (3, -4):
        with pytest.raises(IndexError, match="3 modules"):
            s[bad]
    for bad in ("0", 1.0, None):
        with pytest.raises(TypeError):
            s[bad]
    assert names(s) == ["0", "1", "2"]


@pytest.mark.parametrize("make", KINDS)
def test_writing(make: Any) -> None:
    a, b, c = three()
    s = make(a)
    assert s.append(b) is s and s.extend([c]) is s
    assert list(s) == [a, b, c] and names(s) == ["0", "1", "2"]
    d = nn.ReLU()
    s[1] = d
    s[-1] = c
    assert list(s) == [a, d, c]
    s.insert(1, b)
    assert list(s) == [a, b, d, c] and names(s) == ["0", "1", "2", "3"]
    s.insert(4, d)
    assert s.pop() is d and s.pop(0) is a
    del s[0]
    assert list(s) == [d, c] and names(s) == ["0", "1"]
    del s[:1]
    assert list(s) == [c]
    for write in (
        lambda m: s.append(m),
        lambda m: s.extend([nn.ReLU(), m]),
        lambda m: s.insert(0, m),
    ):
        with pytest.raises(nnx.DTypeError, match="Module"):
            write(3)
        with pytest.raises(nnx.DTypeError, match=r"with brackets: nn\.ReLU\(\)"):
            write(nn.ReLU)
        assert list(s) == [c]
    with pytest.raises(nnx.DTypeError, match="wrap the function"):
        make(nnx.tanh)
    assert list(s.state_dict()) == ["0.weight", "0.bias"]


def test_sequential_calls_in_order_and_follows_changes() -> None:
    s = nn.Sequential(nn.Dense(2, 2), nn.ReLU())
    x = nnx.randn(4, 2)
    assert s(x).tolist() == nnx.relu(s[0](x)).tolist()
    s.append(nn.Flatten(0))
    assert s(x).shape == (8,)
    s.pop()
    s[1] = nn.Tanh()
    assert s(x).tolist() == nnx.tanh(s[0](x)).tolist()
    s[0].weight = nn.Parameter(nnx.zeros(2, 2))
    assert s(x).tolist() == [nnx.tanh(s[0].bias).tolist()] * 4
    s[0] = nn.Dense(2, 5)
    assert s(x).shape == (4, 5)
    assert nn.Sequential()(x) is x
    assert list(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh()))[1].__class__ is nn.Tanh
    with pytest.raises(nnx.DTypeError):
        nn.Sequential() + 3


def test_sequential_of_names() -> None:
    s = nn.Sequential({"first": nn.Dense(2, 3), "act": nn.Tanh()})
    assert list(s.state_dict()) == ["first.weight", "first.bias"]
    assert s.act is s[1] and s(nnx.ones(1, 2)).shape == (1, 3)
    assert names(s[1:]) == ["act"]
    for name in ("a.b", "", 3):
        with pytest.raises((nnx.ArgumentError, nnx.DTypeError)):
            nn.Sequential({name: nn.ReLU()})


def test_module_list_operators() -> None:
    a, b, c = three()
    layers = nn.ModuleList([a])
    layers += [b]
    assert list(layers) == [a, b] and isinstance(layers, nn.ModuleList)
    assert list(layers.__add__([c])) == [a, b, c] and len(layers) == 2
    assert len(nn.ModuleList()) == 0


def test_fused_and_composed_have_the_same_bits_forward_and_backward() -> None:
    for make, f in [
        (nn.ReLU, nnx.relu),
        (nn.Tanh, nnx.tanh),
        (nn.Sigmoid, nnx.sigmoid),
        (nn.SiLU, nnx.silu),
        (nn.GELU, nnx.gelu),
        (nn.Softplus, nnx.softplus),
    ]:
        net = nn.Sequential(nn.Dense(7, 9), make())
        x = nnx.randn(5, 7).requires_grad_()
        y = net(x)
        fused = nnx.grad((y * y).sum(), [x, *net.parameters()])
        z = f(net[0](x))
        assert y.tolist() == z.tolist(), make
        composed = nnx.grad((z * z).sum(), [x, *net.parameters()])
        for g, h in zip(fused, composed, strict=True):
            assert (
                g.tolist() == pytest.approx(h.tolist(), rel=1e-5, abs=1e-6)
                if g.ndim == 1
                else ((g - h).abs().max().item() <= 1e-5 * max(1.0, h.abs().max().item()))
            ), make
