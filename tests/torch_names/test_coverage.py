"""Every name, keyword and construct that PyTorch's teaching code uses is there, or has a reason."""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Callable
from typing import Any

import nnx
import nnx.torch as torch
import numpy as np
import pytest

from torch_names import coverage

NAMES = [row.name for row in coverage.names()]
KEYWORDS = [(name, keyword) for name, keyword, _, _ in coverage.keywords()]


def test_the_tables_are_read() -> None:
    assert len(NAMES) > 450 and len(KEYWORDS) > 300
    assert "torch.nn.Linear" in NAMES and ("torch.cat", "dim") in KEYWORDS


@pytest.mark.parametrize("name", NAMES)
def test_name(name: str) -> None:
    there = coverage.find(name) is not None
    assert there != (coverage.reason(name) is not None), (
        "there, and reasons.tsv says why it is not" if there else "neither there nor in reasons.tsv"
    )


@pytest.mark.parametrize(("name", "keyword"), KEYWORDS)
def test_keyword(name: str, keyword: str) -> None:
    found = coverage.find(name)
    if found is None:
        assert coverage.reason(name)
        return
    refused = coverage.reason(f"{name}({keyword})") is not None
    assert coverage.accepts(found, keyword) != refused


def test_reasons_are_for_names_of_the_tables() -> None:
    known = {*NAMES, *(name for name, _ in KEYWORDS), *(f"{n}({k})" for n, k in KEYWORDS)}
    for pattern, why in coverage.reasons().items():
        prefix = pattern.removesuffix("*")
        assert any(
            name == pattern or (prefix != pattern and name.startswith(prefix)) for name in known
        )
        assert len(why) > 15


def test_the_report_says_what_is_missing() -> None:
    text = coverage.report()
    assert "torch.fx.symbolic_trace: nnx has no compiler" in text
    assert "100.0 %" in text


# --- constructs -----------------------------------------------------------------------------------


class Square(torch.nn.Module):
    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        return x * x


class Wide(torch.nn.Linear):
    def __init__(self, width: int) -> None:
        super().__init__(width, width, bias=False)


class Chain(torch.nn.Sequential):
    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        return super().forward(x) + 1


class Pairs(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[nnx.Tensor, int]:
        return torch.full((2,), float(index)), index


class Descent(torch.optim.Optimizer):
    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: nnx.Tensor) -> nnx.Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: nnx.Tensor) -> nnx.Tensor:
        (x,) = ctx.saved_tensors
        return grad * 2 + 0 * x


def a() -> nnx.Tensor:
    return torch.arange(6.0).reshape(2, 3)


def written(key: Any, value: Any) -> list[list[float]]:
    x = a()
    x[key] = value
    return x.tolist()


def augmented() -> list[float]:
    x = torch.ones(2)
    x += 1
    x *= 3
    x /= 2
    x -= 1
    return x.tolist()


def added_at() -> list[list[float]]:
    x = a()
    x[0] += 10
    x[:, 1] *= 2
    return x.tolist()


def loaded() -> list[list[int]]:
    batches = torch.utils.data.DataLoader(Pairs(), batch_size=2)
    return [labels.tolist() for _, labels in batches]


def descended() -> float:
    w = torch.nn.Parameter(torch.ones(1))
    (w * 3).sum().backward()
    Descent([w], lr=0.5).step()
    return w.item()


def doubled() -> list[float]:
    x = torch.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad is not None
    return x.grad.tolist()


def convolved() -> Any:
    layer = type("Thin", (torch.nn.Conv2d,), {})(1, 2, kernel_size=2)
    return layer(torch.zeros(1, 1, 4, 4)).shape


def drawn() -> int:
    plt = importlib.import_module("matplotlib.pyplot")
    figure, axes = plt.subplots()
    axes.plot(a()[0], a()[1])
    axes.imshow(a())
    count = len(axes.lines)
    plt.close(figure)
    return count


def fitted() -> int:
    linear = importlib.import_module("sklearn.linear_model")
    model = linear.LinearRegression().fit(a(), torch.tensor([0.0, 1.0]))
    return len(model.predict(a()))


CONSTRUCTS: dict[str, tuple[Callable[[], Any], Any]] = {
    "subclass:nn.Module": (lambda: Square()(a()).sum().item(), 55.0),
    "comparison op on tensor": (lambda: (a() > 2).sum().item(), 3),
    "in-place method": (lambda: a().mul_(2).add_(1).sum().item(), 36.0),
    "multi-dim slice": (lambda: a()[:, 1:].tolist(), [[1, 2], [4, 5]]),
    "augassign on tensor": (augmented, [2.0, 2.0]),
    "index_assign": (lambda: written((0, 1), 9.0), [[0, 9, 2], [3, 4, 5]]),
    "builtin len(tensor)": (lambda: len(a()), 2),
    "Dataset subclass": (loaded, [[0, 1], [2, 3]]),
    "bool(tensor) in if/while": (lambda: 1 if a().sum() > 3 else 0, 1),
    "plt.func(tensor)": (drawn, 1),
    "np.func(tensor)": (lambda: float(np.mean(a())), 2.5),
    "f-string of tensor with format spec": (lambda: f"{a().mean():.3f}", "2.500"),
    "f-string of tensor": (lambda: f"{torch.tensor([1, 2])}", "tensor([1, 2])"),
    "operator @": (lambda: (a() @ a().T).tolist(), [[5, 14], [14, 50]]),
    "tensor (fancy) index": (lambda: a()[torch.tensor([1, 0])].tolist(), [[3, 4, 5], [0, 1, 2]]),
    "index augassign": (added_at, [[10, 22, 12], [3, 8, 5]]),
    "None index": (lambda: a()[:, None].shape, (2, 1, 3)),
    "np.func(tensor):np.transpose": (lambda: np.transpose(a()).shape, (3, 2)),
    "bool-mask index": (lambda: a()[a() > 3].tolist(), [4, 5]),
    "list (fancy) index": (lambda: a()[[1]].tolist(), [[3, 4, 5]]),
    "builtin zip(tensor)": (lambda: [int(x * y) for x, y in zip(*a(), strict=True)], [0, 4, 10]),
    "stepped slice": (lambda: a()[:, ::2].tolist(), [[0, 2], [3, 5]]),
    "builtin float(tensor)": (lambda: float(a()[1, 2]), 5.0),
    "autograd.Function subclass": (doubled, [2.0, 2.0]),
    "iterate over tensor": (lambda: [row.sum().item() for row in a()], [3.0, 12.0]),
    "builtin int(tensor)": (lambda: int(a()[1, 2]), 5),
    "Ellipsis index": (lambda: a()[..., 0].tolist(), [0, 3]),
    "~ on tensor": (lambda: (~(a() > 2)).sum().item(), 3),
    "subclass:torch.nn.Linear": (lambda: Wide(3)(a()).shape, (2, 3)),
    "% on tensor": (lambda: (a() % 2).tolist(), [[0, 1, 0], [1, 0, 1]]),
    "builtin isinstance(tensor)": (lambda: isinstance(a(), torch.Tensor), True),
    "sklearn(tensor)": (fitted, 2),
    "subclass:torch.nn.Sequential": (lambda: Chain(Square())(a()).sum().item(), 61.0),
    "bitwise op on tensor": (lambda: ((a() > 1) & (a() < 4) | (a() == 5)).sum().item(), 3),
    "Optimizer subclass": (descended, -0.5),
    "np.func(tensor):np.array": (lambda: np.array(a()).tolist(), [[0, 1, 2], [3, 4, 5]]),
    "math.func(tensor)": (lambda: math.sqrt(torch.tensor(9.0)), 3.0),
    "np.func(tensor):np.squeeze": (lambda: np.squeeze(a()[None]).shape, (2, 3)),
    "subclass:torch.nn.Conv2d": (convolved, (1, 2, 3, 3)),
    "copy.deepcopy(module)": (lambda: copy.deepcopy(Wide(3)).weight.shape, (3, 3)),
    "np.func(tensor):np.atleast_2d": (lambda: np.atleast_2d(a()[0]).shape, (1, 3)),
}


@pytest.mark.parametrize("name", [row.name for row in coverage.constructs()])
def test_construct(name: str) -> None:
    call, expected = CONSTRUCTS[name.removesuffix("?")]
    assert call() == expected


def test_every_construct_is_of_the_table() -> None:
    assert {row.name.removesuffix("?") for row in coverage.constructs()} == set(CONSTRUCTS)
