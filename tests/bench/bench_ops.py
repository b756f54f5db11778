"""Ops over much data: pointwise chains, reductions, softmax, layer norm, transposed copies.

A chain is one text for all peers, run op by op by each, without gradients. The libraries differ
only in where the functions live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Case, Step

Chain = Callable[[Any, Any, Any, Any], Any]

CHAINS: dict[str, tuple[Chain, bool]] = {  # and whether NumPy has all its functions
    "x * 2 + 1": (lambda f, a, b, c: a * 2 + 1, True),
    "a * b + c": (lambda f, a, b, c: a * b + c, True),
    "exp(-a * a)": (lambda f, a, b, c: f.exp(-a * a), True),
    "tanh(a) * b": (lambda f, a, b, c: f.tanh(a) * b, True),
    "a * sigmoid(a)": (lambda f, a, b, c: a * f.sigmoid(a), False),
    "where(a > b, sqrt(c), log1p(c))": (
        lambda f, a, b, c: f.where(a > b, f.sqrt(c), f.log1p(c)),
        True,
    ),
}


def wrap(peer: str, array: np.ndarray) -> Any:
    if peer == "torch":
        import torch

        return torch.from_numpy(array)
    if peer == "nnx":
        import nnx

        return nnx.asarray(array)
    return array


def functions(peer: str) -> Any:
    return np if peer == "numpy" else __import__(peer)


def chain_side(peer: str, chain: Chain, shape: tuple[int, int], transposed: bool) -> Step:
    f = functions(peer)
    rng = np.random.default_rng(0)
    a, b, c = (wrap(peer, rng.random(shape, np.float32)) for _ in range(3))
    if transposed:
        a = a.T
    if peer == "numpy":
        return lambda: chain(f, a, b, c)

    def step() -> Any:
        with f.no_grad():
            return chain(f, a, b, c)

    return step


def chain_cases(quick: bool) -> list[Case]:
    side = 2048 if quick else 4096
    found = []
    for name, (chain, for_numpy) in CHAINS.items():
        for transposed in (False, True):
            peers = ["nnx", "torch", *(["numpy"] if for_numpy else [])]
            found.append(
                Case(
                    f"{name}{', a transposed' if transposed else ''}",
                    {
                        peer: lambda p=peer, c=chain, t=transposed: chain_side(
                            p, c, (side, side), t
                        )
                        for peer in peers
                    },
                    targets={"torch": 1.0},
                    slow=True,
                    note=f"{side * side / 1e6:.0f}M floats",
                )
            )
    return found


# --- Reductions ----------------------------------------------------------------------------------


def sum_side(peer: str, shape: tuple[int, int], axis: int | None) -> Step:
    x = wrap(peer, np.random.default_rng(0).random(shape, np.float32))
    if axis is None:
        return lambda: x.sum()
    return lambda: x.sum(axis)


def sum_backward_side(peer: str, shape: tuple[int, int]) -> Step:
    x = wrap(peer, np.random.default_rng(0).random(shape, np.float32)).requires_grad_()

    def step() -> None:
        x.grad = None
        x.sum().backward()

    return step


ROWS = (4096, 1024)


def row_side(peer: str, kind: str, backward: bool) -> Step:
    """softmax or layer norm over the last axis; with backward, to the input and the weights."""
    f = functions(peer)
    if peer == "nnx":
        from nnx.nn import functional
    else:
        from torch.nn import functional
    rng = np.random.default_rng(0)
    x = wrap(peer, rng.standard_normal(ROWS, np.float32))
    g = wrap(peer, rng.standard_normal(ROWS, np.float32))
    weight = wrap(peer, np.ones(ROWS[1], np.float32))
    bias = wrap(peer, np.zeros(ROWS[1], np.float32))
    if kind == "softmax":
        inputs = [x]

        def forward() -> Any:
            return functional.softmax(x, -1)
    else:
        inputs = [x, weight, bias]

        def forward() -> Any:
            return functional.layer_norm(x, (ROWS[1],), weight, bias)

    if not backward:

        def step() -> Any:
            with f.no_grad():
                return forward()

        return step
    for tensor in inputs:
        tensor.requires_grad_()

    def both() -> None:
        for tensor in inputs:
            tensor.grad = None
        forward().backward(g)

    return both


def reduction_cases(quick: bool) -> list[Case]:
    shape = (2048, 2048) if quick else (4096, 4096)
    found = []
    for axis in (None, 0, 1):
        found.append(
            Case(
                f"sum of {shape[0]}x{shape[1]}, axis {axis}",
                {p: lambda p=p, a=axis: sum_side(p, shape, a) for p in ("nnx", "torch", "numpy")},
                targets={"torch": 1.0},
                work=(4 * shape[0] * shape[1], "B"),
            )
        )
    found.append(
        Case(
            f"sum of {shape[0]}x{shape[1]}, forward and backward",
            {p: lambda p=p: sum_backward_side(p, shape) for p in ("nnx", "torch")},
            targets={"torch": 1.0},
        )
    )
    for kind in ("softmax", "layer norm"):
        for backward in (False, True):
            found.append(
                Case(
                    f"{kind} 4096x1024{', forward and backward' if backward else ', forward'}",
                    {
                        p: lambda p=p, k=kind, b=backward: row_side(p, k, b)
                        for p in ("nnx", "torch")
                    },
                    targets={"torch": 1.0},
                )
            )
    return found


# --- Copies --------------------------------------------------------------------------------------


def transpose_side(peer: str, n: int) -> Step:
    x = wrap(peer, np.random.default_rng(0).random((n, n), np.float32))
    if peer == "numpy":
        return lambda: np.ascontiguousarray(x.T)
    return lambda: x.T.contiguous()


def cases(quick: bool) -> list[Case]:
    transpose = Case(
        "transpose copy 4096x4096",
        {p: lambda p=p: transpose_side(p, 4096) for p in ("nnx", "torch", "numpy")},
        targets={"torch": 0.5},
        work=(2 * 4 * 4096 * 4096, "B"),
        slow=True,
    )
    return [*chain_cases(quick), *reduction_cases(quick), transpose]
