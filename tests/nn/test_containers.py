"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict as Python containers."""

from __future__ import annotations

import copy
import inspect
import pickle
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
    with pytest.raises(nnx.DTypeError, match=r"nn\.Sequential\(\*layers\)"):
        nn.Sequential([nn.ReLU(), nn.Tanh()])


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


ONE_ARGUMENT = [
    m
    for n in nn.__all__
    if inspect.isclass(m := getattr(nn, n)) and "op" in vars(m) and issubclass(m, nn.Module)
]


def test_all_activations_of_one_argument_are_fused() -> None:
    ops = {nn.layers.activations.fused_op(make()) for make in ONE_ARGUMENT} | {
        "gelu_tanh",
        "softplus",
    }
    assert ops == set(nn.layers.activations.FUSED)


@pytest.mark.parametrize("make", [*ONE_ARGUMENT, lambda: nn.GELU("tanh")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_and_composed_have_the_same_bits_forward_and_backward(make: Any, dtype: str) -> None:
    net = nn.Sequential(nn.Dense(7, 9), make()).to(getattr(nnx, dtype))
    net[0].weight.data.mul_(6)
    x = nnx.randn(5, 7, dtype=getattr(nnx, dtype)).requires_grad_()
    y = net(x)
    fused = nnx.grad((y * y).sum(), [x, *net.parameters()])
    net.register_forward_hook(lambda *a: None)
    net[0].register_forward_hook(lambda *a: None)  # no longer fused
    z = net(x)
    assert y.tolist() == z.tolist()
    composed = nnx.grad((z * z).sum(), [x, *net.parameters()])
    for g, h in zip(fused, composed, strict=True):
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        assert (g - h).abs().max().item() <= tolerance * max(1.0, h.abs().max().item())


# --- dicts, and lists and dicts of parameters ----------------------------------------------------


def test_module_dict() -> None:
    a, b, c = three()
    d = nn.ModuleDict({"a": a, "b": b})
    assert list(d) == d.keys() == ["a", "b"] and d.values() == [a, b] and len(d) == 2
    assert d.items() == [("a", a), ("b", b)] and d["a"] is a is d.a
    assert "a" in d and "c" not in d and 3 not in d
    d["c"] = c
    assert list(d.state_dict()) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    d.update([("b", c)])
    assert d["b"] is c and list(d) == ["a", "b", "c"]
    assert d.pop("b") is c and list(d) == ["a", "c"]
    del d["a"]
    assert list(d) == ["c"] and list(nn.ModuleDict(d)) == ["c"]
    for call in (lambda: d["a"], lambda: d.pop("a"), lambda: d.__delitem__("a")):
        with pytest.raises(KeyError, match="not among"):
            call()
    for name in ("x.y", "", "keys", "forward"):
        with pytest.raises(nnx.ArgumentError):
            d[name] = nn.ReLU()
    for bad in (3, nn.ReLU):
        with pytest.raises(nnx.DTypeError, match="Module"):
            d["bad"] = bad  # type: ignore[assignment]
    assert list(d) == ["c"]
    with pytest.raises(NotImplementedError, match="ModuleDict"):
        d(nnx.ones(1))
    d.clear()
    assert len(d) == 0


def test_parameter_list() -> None:
    p = nn.Parameter(nnx.ones(2))
    q = nn.ParameterList([p, nnx.zeros(3)])
    assert q[0] is p and isinstance(q[1], nn.Parameter) and len(q) == 2 and next(iter(q)) is p
    assert q.append(nnx.ones(1)) is q and [n for n, _ in q.named_parameters()] == ["0", "1", "2"]
    q += [nnx.ones(4)]
    assert isinstance(q, nn.ParameterList) and q[-1].shape == (4,) and len(q[1:3]) == 2
    q[1] = nnx.zeros(5)
    assert q[1].shape == (5,) and list(q.state_dict()) == ["0", "1", "2", "3"]
    for bad in (4, -5):
        with pytest.raises(IndexError, match="4 parameters"):
            q[bad]
    with pytest.raises(nnx.DTypeError):
        q["0"]  # type: ignore[call-overload]
    with pytest.raises(nnx.DTypeError, match="Parameter or a tensor"):
        q.append(3)
    net = nn.Module()
    net.parts = q
    assert len(list(net.parameters())) == 4
    assert repr(nn.ParameterList([p])) == "ParameterList(\n  (0): Parameter (2,) float32\n)"
    assert repr(nn.ParameterList()) == "ParameterList()"


def test_parameter_dict() -> None:
    p = nn.Parameter(nnx.ones(2))
    d = nn.ParameterDict({"a": p, "b": nnx.zeros(3)})
    assert d["a"] is p is d.a and d.keys() == list(d) == ["a", "b"] and "b" in d and len(d) == 2
    assert [n for n, _ in d.named_parameters()] == ["a", "b"] and d.get("c") is None
    assert d.get("a") is p and d.values()[0] is p and d.items()[0] == ("a", p)
    d["c"] = nnx.ones(1)
    assert d.pop("b").shape == (3,) and list(d.state_dict()) == ["a", "c"]
    assert list(nn.ParameterDict(d)) == ["a", "c"] and len(nn.ParameterDict([("x", p)])) == 1
    del d["a"]
    for call in (lambda: d["a"], lambda: d.pop("a"), lambda: d.__delitem__("a")):
        with pytest.raises(KeyError, match="not among"):
            call()
    with pytest.raises(nnx.ArgumentError):
        d["x.y"] = p
    with pytest.raises(nnx.DTypeError):
        d["x"] = 3
    d.clear()
    assert len(d) == 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_containers(copied: Any) -> None:
    net = nn.Module()
    net.a = nn.ModuleDict({"x": nn.Dense(2, 2)})
    net.b = nn.ParameterList([nnx.ones(2)])
    net.c = nn.ParameterDict({"y": nnx.ones(3)})
    other = copied(net)
    assert list(other.state_dict()) == list(net.state_dict())
    assert other.a["x"].weight is not net.a["x"].weight and other.b[0].tolist() == [1, 1]
