"""One step of every optimiser on a hundred and on a million parameters, against PyTorch's fastest.

The gradients stand still; the step alone is timed. Where torch has a fused version it is the peer,
otherwise the foreach version, or what there is (LBFGS, Muon).
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from harness import Case, Step

# About 100 and 1,000,000 numbers, in the tensors of a small and of a larger network.
SHAPES = {
    "1e2": [(8, 6), (8,), (4, 8), (4,), (2, 4), (2,)],
    "1e6": [(512, 784), (512,), (1024, 512), (1024,), (64, 1024), (64,)],
}
MATRICES = {"1e2": [(10, 10)], "1e6": [(1000, 1000)]}

# The name, its options, and how torch does it best.
OPTIMISERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "SGD": ("SGD", {}, "fused"),
    "SGD momentum": ("SGD", {"momentum": 0.9}, "fused"),
    "Adam": ("Adam", {}, "fused"),
    "AdamW": ("AdamW", {}, "fused"),
    "AMSGrad": ("Adam", {"amsgrad": True}, "fused"),
    "Adamax": ("Adamax", {}, "foreach"),
    "NAdam": ("NAdam", {}, "foreach"),
    "RAdam": ("RAdam", {}, "foreach"),
    "RMSprop": ("RMSprop", {}, "foreach"),
    "RMSprop centered": ("RMSprop", {"centered": True, "momentum": 0.9}, "foreach"),
    "Adagrad": ("Adagrad", {}, "fused"),
    "Adadelta": ("Adadelta", {}, "foreach"),
    "Rprop": ("Rprop", {}, "foreach"),
    "ASGD": ("ASGD", {}, "foreach"),
    "Muon": ("Muon", {}, ""),
    "LBFGS": (
        "LBFGS",
        {"max_iter": 1, "history_size": 10, "tolerance_grad": 0.0, "tolerance_change": 0.0},
        "",
    ),
}


def side(peer: str, which: str, size: str) -> Step:
    lib = __import__(peer)
    if peer == "nnx":
        from nnx import nn, optim
    else:
        from torch import nn, optim
    name, options, way = OPTIMISERS[which]
    if peer == "torch" and way:
        options = options | {way: True}
    rng = np.random.default_rng(0)
    wrap = lib.asarray if peer == "nnx" else lib.from_numpy
    shapes = (MATRICES if name == "Muon" else SHAPES)[size]
    params = [nn.Parameter(wrap(rng.standard_normal(s, np.float32))) for s in shapes]
    gradients = [[wrap(rng.standard_normal(s, np.float32)) for s in shapes] for _ in range(2)]
    for p, g in zip(params, gradients[0], strict=True):
        p.grad = g
    optimiser = getattr(optim, name)(params, **options)
    if name != "LBFGS":
        return optimiser.step
    turns = cycle(gradients)
    loss = lib.tensor(1.0)

    def closure() -> Any:
        for p, g in zip(params, next(turns), strict=True):
            p.grad = g
        return loss

    return lambda: optimiser.step(closure)


def cases(quick: bool) -> list[Case]:
    found = []
    for which, (_, _, way) in OPTIMISERS.items():
        for size in SHAPES:
            theirs = f"torch/{way}" if way else "torch"
            found.append(
                Case(
                    f"{which} step, {size} parameters",
                    {
                        "nnx": lambda w=which, s=size: side("nnx", w, s),
                        theirs: lambda w=which, s=size: side("torch", w, s),
                    },
                    targets={theirs: 1.0},
                )
            )
    return found
