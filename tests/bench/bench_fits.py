"""What a fit asks for: value, gradient and Hessian of a likelihood, the Jacobian of residuals.

A peak on a falling background, 5 parameters, float64 events; the peers are PyTorch's two ways to
the same derivatives, torch.func and torch.autograd.functional.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Case, Step

# fraction of the peak, its place and width, decay length of the background, its flat part
PARAMETERS = np.array([0.3, 5.0, 0.4, 2.5, 0.1])
LENGTH = 10.0


def events(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    peak = rng.normal(5.0, 0.4, int(0.3 * n))
    return np.concatenate([peak, rng.uniform(0, LENGTH, n - len(peak))])


def likelihood(lib: Any, x: Any) -> Callable[[Any], Any]:
    """-log L(p) of the events."""

    def f(p: Any) -> Any:
        t = (x - p[1]) / p[2]
        peak = lib.exp(-0.5 * t * t) / (p[2] * math.sqrt(2 * math.pi))
        falling = lib.exp(-x / p[3]) / (p[3] * (1 - lib.exp(-LENGTH / p[3])))
        background = (1 - p[4]) * falling + p[4] / LENGTH
        return -lib.log(p[0] * peak + (1 - p[0]) * background).sum()

    return f


def residuals(lib: Any, x: Any) -> Callable[[Any], Any]:
    def f(p: Any) -> Any:
        t = (x - p[1]) / p[2]
        return p[0] * lib.exp(-0.5 * t * t) + p[3] - p[4] * x

    return f


def ours(what: str, n: int) -> Step:
    import nnx

    x, p = nnx.tensor(events(n)), nnx.tensor(PARAMETERS)
    f = likelihood(nnx, x)
    if what == "gradient":
        step = nnx.value_and_grad(f)
        return lambda: step(p)
    if what == "hessian":
        first, second = nnx.value_and_grad(f), nnx.hessian(f)
        return lambda: (first(p), second(p))
    if what == "hvp":
        return lambda: nnx.hvp(f, p, p)
    if what == "lanes":
        starts = p * nnx.linspace(0.9, 1.1, 20, dtype=nnx.float64)[:, None]
        many = nnx.vmap(nnx.grad(f))
        return lambda: many(starts)
    jacobian = nnx.jacobian(residuals(nnx, x))
    return lambda: jacobian(p)


def theirs(what: str, n: int, functional: bool) -> Step:
    import torch

    x, p = torch.tensor(events(n)), torch.tensor(PARAMETERS)
    f, r = likelihood(torch, x), residuals(torch, x)
    ways = torch.autograd.functional
    if what == "gradient":
        if not functional:
            step = torch.func.grad_and_value(f)
            return lambda: step(p)

        def by_backward() -> object:
            leaf = p.clone().requires_grad_()
            y = f(leaf)
            return y, torch.autograd.grad(y, leaf)

        return by_backward
    if what == "hessian":
        if functional:
            gradient = theirs("gradient", n, functional)
            return lambda: (gradient(), ways.hessian(f, p, vectorize=True))
        first, second = torch.func.grad_and_value(f), torch.func.hessian(f)
        return lambda: (first(p), second(p))
    if what == "hvp":
        if functional:
            return lambda: ways.hvp(f, p, p)
        return lambda: torch.func.jvp(torch.func.grad(f), (p,), (p,))
    if what == "lanes":
        starts = p * torch.linspace(0.9, 1.1, 20, dtype=torch.float64)[:, None]
        many = torch.func.vmap(torch.func.grad(f))
        return lambda: many(starts)
    if functional:
        return lambda: ways.jacobian(r, p, vectorize=True, strategy="forward-mode")
    jacobian = torch.func.jacfwd(r)
    return lambda: jacobian(p)


NAMES = {
    "gradient": "value and gradient",
    "hessian": "value, gradient and Hessian",
    "hvp": "Hessian times vector",
    "lanes": "gradients at 20 starting points",
    "jacobian": "Jacobian of residuals",
}


def cases(quick: bool) -> list[Case]:
    found = []
    for n in (10_000,) if quick else (100, 10_000, 100_000):
        for what, name in NAMES.items():
            sides: dict[str, Callable[[], Step]] = {
                "nnx": lambda what=what, n=n: ours(what, n),
                "torch/func": lambda what=what, n=n: theirs(what, n, False),
            }
            if what != "lanes":
                sides["torch/functional"] = lambda what=what, n=n: theirs(what, n, True)
            targets = {"best": 1 / 3} if what == "hessian" else {"best": 1.0}
            found.append(Case(f"{name}, 5 parameters, {n} events", sides, targets))
    return found
