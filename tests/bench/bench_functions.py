"""The tensor functions that teaching code uses most, at 1, a thousand and a million numbers.

The first sixty of the table are those that most of 1,601 public PyTorch teaching files use
(functions that compute or move something; attributes, devices and files left out), in that order;
the rest are slow in one library or another. Each runs forward, and where it has a gradient also
forward and backward against torch. The target of each is at most 1.5 times the best of the others;
`summary` adds the geometric means, which should be half of torch's time at 1 and 1,000 numbers and
no more than torch's at a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import OURS, Case, Outcome, Step

SHAPES = {1: (1, 1), 1_000: (25, 40), 1_000_000: (1000, 1000)}
SLOWEST = 1.5


@dataclass
class Inputs:
    """What functions are called with; x and y are those with a gradient."""

    x: Any  # normal
    y: Any  # uniform in 0.5 to 1.5
    mask: Any  # half of it true
    integers: Any  # 0 to 99
    labels: Any  # one for each row
    order: Any  # a permutation of each row
    ramp: Any  # sorted, as many as x
    sink: Any  # to write into
    square: Any  # two square matrices of about as many numbers
    f: Any  # the library
    functional: Any  # its networks' functions


Call = Callable[[Inputs], Any]


@dataclass(frozen=True)
class Function:
    """nnx and torch in one text, NumPy in another (None: it has nothing like it)."""

    name: str
    call: Call
    numpy: Call | None
    gradient: bool = False


def both(name: str, call: Call, gradient: bool = True) -> Function:
    """The same text in all three libraries."""
    return Function(name, call, call, gradient)


def numpy_softmax(i: Inputs) -> Any:
    e = np.exp(i.x - i.x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def numpy_topk(i: Inputs) -> Any:
    k = min(5, i.x.shape[1])
    part = np.argpartition(-i.x, k - 1, -1)[:, :k]
    return np.take_along_axis(i.x, part, -1)


RNG = np.random.default_rng(0)
FUNCTIONS = [
    both("sum", lambda i: i.x.sum()),
    Function("view", lambda i: i.x.view(-1), lambda i: i.x.reshape(-1), True),
    both("mean", lambda i: i.x.mean()),
    Function("float", lambda i: i.integers.float(), lambda i: i.integers.astype(np.float32)),
    both("max", lambda i: i.x.max()),
    Function(
        "randn",
        lambda i: i.f.randn(*i.x.shape),
        lambda i: RNG.standard_normal(i.x.shape, np.float32),
    ),
    Function("zeros", lambda i: i.f.zeros(*i.x.shape), lambda i: np.zeros(i.x.shape, np.float32)),
    Function(
        "cat", lambda i: i.f.cat([i.x, i.y], 1), lambda i: np.concatenate([i.x, i.y], 1), True
    ),
    Function("unsqueeze", lambda i: i.x.unsqueeze(0), lambda i: i.x[None], True),
    both("exp", lambda i: i.f.exp(i.x)),
    both("argmax", lambda i: i.x.argmax(1), False),
    both("squeeze", lambda i: i.x.squeeze()),
    Function("ones", lambda i: i.f.ones(*i.x.shape), lambda i: np.ones(i.x.shape, np.float32)),
    both("arange", lambda i: i.f.arange(i.x.shape[0] * i.x.shape[1]), False),
    Function("zero_", lambda i: i.sink.zero_(), lambda i: i.sink.fill(0)),
    both("stack", lambda i: i.f.stack([i.x, i.y])),
    Function("permute", lambda i: i.x.permute(1, 0), lambda i: i.x.transpose(1, 0), True),
    Function("sigmoid", lambda i: i.x.sigmoid(), lambda i: 1 / (1 + np.exp(-i.x)), True),
    Function("rand", lambda i: i.f.rand(*i.x.shape), lambda i: RNG.random(i.x.shape, np.float32)),
    Function("flatten", lambda i: i.x.flatten(), lambda i: i.x.ravel(), True),
    Function(
        "linspace",
        lambda i: i.f.linspace(0, 1, i.x.shape[0] * i.x.shape[1]),
        lambda i: np.linspace(0, 1, i.x.size, dtype=np.float32),
    ),
    Function("clamp", lambda i: i.x.clamp(-0.5, 0.5), lambda i: i.x.clip(-0.5, 0.5), True),
    Function("fill_", lambda i: i.sink.fill_(3.0), lambda i: i.sink.fill(3.0)),
    both("log", lambda i: i.f.log(i.y)),
    Function("transpose", lambda i: i.x.transpose(0, 1), lambda i: i.x.swapaxes(0, 1), True),
    Function("min with axis", lambda i: i.x.min(1), lambda i: (i.x.min(1), i.x.argmin(1)), True),
    Function("std", lambda i: i.x.std(0), lambda i: i.x.std(0, ddof=1), True),
    Function("clone", lambda i: i.x.clone(), lambda i: i.x.copy(), True),
    both("abs", lambda i: i.f.abs(i.x)),
    both("sqrt", lambda i: i.f.sqrt(i.y)),
    Function("softmax", lambda i: i.f.softmax(i.x, -1), numpy_softmax, True),
    both("eq", lambda i: i.x == i.y, False),
    both("pow", lambda i: i.x**2),
    Function(
        "randint",
        lambda i: i.f.randint(0, 10, tuple(i.x.shape)),
        lambda i: RNG.integers(0, 10, i.x.shape),
    ),
    both("matmul", lambda i: i.square[0] @ i.square[1]),
    Function("repeat", lambda i: i.x.repeat(2, 1), lambda i: np.tile(i.x, (2, 1)), True),
    both("sin", lambda i: i.f.sin(i.x)),
    Function(
        "expand",
        lambda i: i.x.unsqueeze(0).expand(3, -1, -1),
        lambda i: np.broadcast_to(i.x[None], (3, *i.x.shape)),
        True,
    ),
    both("tanh", lambda i: i.f.tanh(i.x)),
    both("cos", lambda i: i.f.cos(i.x)),
    Function("copy_", lambda i: i.sink.copy_(i.x), lambda i: np.copyto(i.sink, i.x)),
    Function("norm", lambda i: i.x.norm(), lambda i: np.linalg.norm(i.x), True),
    Function(
        "multinomial",
        lambda i: i.f.multinomial(i.y, 1),
        lambda i: (i.y.cumsum(1) < i.y.sum(1, keepdims=True) * RNG.random()).sum(1),
    ),
    both("mul", lambda i: i.x * i.y),
    both("eye", lambda i: i.f.eye(i.x.shape[1]), False),
    both("unique", lambda i: i.f.unique(i.integers), False),
    both("add", lambda i: i.x + i.y),
    Function("topk", lambda i: i.x.topk(min(5, i.x.shape[1])), numpy_topk, True),
    Function(
        "scatter_",
        lambda i: i.sink.scatter_(1, i.order, i.x),
        lambda i: np.put_along_axis(i.sink, i.order, i.x, 1),
    ),
    both("round", lambda i: i.f.round(i.x), False),
    Function("relu", lambda i: i.f.relu(i.x), lambda i: np.maximum(i.x, 0), True),
    Function(
        "randperm",
        lambda i: i.f.randperm(i.x.shape[0] * i.x.shape[1]),
        lambda i: RNG.permutation(i.x.size),
    ),
    Function(
        "full",
        lambda i: i.f.full(tuple(i.x.shape), 2.5),
        lambda i: np.full(i.x.shape, 2.5, np.float32),
    ),
    both("all", lambda i: i.mask.all(), False),
    both("where", lambda i: i.f.where(i.mask, i.x, i.y)),
    Function(
        "meshgrid",
        lambda i: i.f.meshgrid(i.x[0], i.y[0], indexing="ij"),
        lambda i: np.meshgrid(i.x[0], i.y[0], indexing="ij", copy=False),
        True,
    ),
    Function(
        "masked_fill",
        lambda i: i.x.masked_fill(i.mask, 0.0),
        lambda i: np.where(i.mask, np.float32(0), i.x),
        True,
    ),
    both("div", lambda i: i.x / i.y),
    both("cumprod", lambda i: i.f.cumprod(i.y, 1)),
    both("sign", lambda i: i.f.sign(i.x), False),
    # --- the sixty end here -----------------------------------------------------------------
    both("any", lambda i: (i.mask & False).any(), False),
    both("cumsum", lambda i: i.f.cumsum(i.x, 1)),
    Function("sort", lambda i: i.x.sort(1), lambda i: (np.sort(i.x, 1), np.argsort(i.x, 1)), True),
    both("argsort", lambda i: i.f.argsort(i.x.reshape(-1)), False),
    Function("median", lambda i: i.x.median(), lambda i: np.median(i.x), True),
    both("var", lambda i: i.x.var()),
    both("tril", lambda i: i.f.tril(i.x)),
    Function("logsumexp", lambda i: i.x.logsumexp(1), None, True),
    Function(
        "gather",
        lambda i: i.x.gather(1, i.order),
        lambda i: np.take_along_axis(i.x, i.order, 1),
        True,
    ),
    both("boolean mask", lambda i: i.x[i.mask]),
    Function("nonzero", lambda i: i.mask.nonzero(), lambda i: np.argwhere(i.mask)),
    both("fancy index", lambda i: i.x[i.labels]),
    both("row", lambda i: i.x[0]),
    both("searchsorted", lambda i: i.f.searchsorted(i.ramp, i.x), False),
    Function(
        "one_hot",
        lambda i: i.functional.one_hot(i.labels, i.x.shape[1]),
        lambda i: np.eye(i.x.shape[1], dtype=np.int64)[i.labels],
    ),
    both("einsum", lambda i: i.f.einsum("ij,ij->i", i.x, i.y)),
    Function("stack of 64", lambda i: i.f.stack([i.x[0]] * 64), lambda i: np.stack([i.x[0]] * 64)),
    Function(
        "grid_sample",
        lambda i: i.functional.grid_sample(
            i.x[None, None], i.y[None, :, :, None].expand(-1, -1, -1, 2) - 1, align_corners=False
        ),
        None,
        True,
    ),
]


def prepare(peer: str, size: int) -> Inputs:
    shape = SHAPES[size]
    rng = np.random.default_rng(0)
    side = max(1, round(math.sqrt(size)))
    x = rng.standard_normal(shape, np.float32)
    y = rng.random(shape, np.float32) + np.float32(0.5)
    arrays = {
        "x": x,
        "y": y,
        "mask": rng.random(shape) < 0.5,
        "integers": rng.integers(0, 100, shape),
        "labels": rng.integers(0, min(shape), shape[0]),
        "order": rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1),
        "ramp": np.sort(rng.standard_normal(size, np.float32)),
        "sink": np.zeros(shape, np.float32),
        "square": rng.standard_normal((2, side, side), np.float32),
    }
    if peer == "numpy":
        return Inputs(**arrays, f=np, functional=None)
    f: Any
    functional: Any
    if peer == "torch":
        import torch as f
        from torch.nn import functional

        make = f.from_numpy
    else:
        import nnx as f
        from nnx.nn import functional

        make = f.asarray
    tensors = {name: make(array) for name, array in arrays.items()}
    return Inputs(**tensors, f=f, functional=functional)


def forward_side(peer: str, function: Function, size: int) -> Step:
    inputs = prepare(peer, size)
    call = function.numpy if peer == "numpy" else function.call
    assert call
    return lambda: call(inputs)


def backward_side(peer: str, function: Function, size: int) -> Step:
    inputs = prepare(peer, size)
    leaves = [inputs.x, inputs.y, inputs.square]
    for leaf in leaves:
        leaf.requires_grad_()

    def first() -> Any:
        result = function.call(inputs)
        return result[0] if isinstance(result, (tuple, list)) else result

    seed = inputs.f.ones_like(first())

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        (first() * seed).backward(seed)  # so that a new gradient arrives, as inside a network

    return step


def cases(quick: bool) -> list[Case]:
    found = []
    for size in SHAPES:
        for function in FUNCTIONS:
            peers = ["nnx", "torch", *(["numpy"] if function.numpy else [])]
            found.append(
                Case(
                    f"functions: {function.name} of {size}",
                    {p: lambda p=p, f=function, n=size: forward_side(p, f, n) for p in peers},
                    targets={"best": SLOWEST},
                    share=0.3,
                )
            )
            if function.gradient:
                found.append(
                    Case(
                        f"functions: {function.name} of {size}, forward and backward",
                        {
                            p: lambda p=p, f=function, n=size: backward_side(p, f, n)
                            for p in ("nnx", "torch")
                        },
                        targets={"best": SLOWEST},
                        share=0.3,
                    )
                )
    return found


def summary(outcomes: Sequence[Outcome]) -> str:
    """Geometric means of our time divided by theirs, and what is slowest, from the table above."""
    ours = [o for o in outcomes if o.case.name.startswith("functions: ") and OURS in o.seconds]
    lines = []
    for size in SHAPES:
        for part, ends in (
            ("forward", f" of {size}"),
            ("and back", f" of {size}, forward and backward"),
        ):
            here = [o for o in ours if o.case.name.endswith(ends)]
            means = []
            for peer in ("torch", "numpy"):
                logs = [math.log(o.ratios[peer]) for o in here if peer in o.ratios]
                if logs:
                    means.append(f"x{math.exp(sum(logs) / len(logs)):.2f} of {peer} ({len(logs)})")
            if means:
                lines.append(f"{size:>9} {part}: geometric mean {', '.join(means)}")
    slow = [(o.best() or 0, o) for o in ours if (o.best() or 0) > SLOWEST]
    for ratio, outcome in sorted(slow, key=lambda pair: -pair[0]):
        lines.append(f"  x{ratio:.2f} {outcome.case.name.removeprefix('functions: ')}")
    return "\n".join(lines)
