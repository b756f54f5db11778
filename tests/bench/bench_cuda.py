"""The CUDA device against PyTorch on the same one: python tests/bench/bench_cuda.py

Work on a device is asked for and done later, so a step here is many calls and one wait. Both
libraries are in this process, asked in turns; a ratio is the median over the rounds. PyTorch is
left out where it has no CUDA.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np

ROUNDS = 5
LARGE = 1 << 28  # elements: a gigabyte of float32


def timed(step: Callable[[], object], wait: Callable[[], object], calls: int) -> float:
    """Seconds of one call."""
    step()
    wait()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    wait()
    return (time.perf_counter() - start) / calls


def mlp(lib: Any, place: dict[str, Any]) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    x = lib.tensor(rng.normal(size=(64, 784)).astype(np.float32), **place)
    y = lib.tensor(rng.integers(0, 10, 64), **place)
    nn = lib.nn
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers).to("cuda")
    optimiser = lib.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def cases() -> dict[
    str, tuple[Callable[[Any, dict[str, Any]], Callable[[], object]], int, float, str]
]:
    """name: (what makes a step, calls of it, work of one call, its unit)."""

    def on(shape: tuple[int, ...], f: Callable[[Any, Any], object]) -> Any:
        def make(lib: Any, place: dict[str, Any]) -> Callable[[], object]:
            x = lib.ones(shape, **place)
            return lambda: f(lib, x)

        return make

    def product(n: int) -> Any:
        def make(lib: Any, place: dict[str, Any]) -> Callable[[], object]:
            a, b = lib.ones((n, n), **place), lib.ones((n, n), **place)
            return lambda: a @ b

        return make

    flat = (LARGE,)
    rows = (1 << 16, 4096)
    return {
        "copy, 256M": (on(flat, lambda lib, x: x.clone()), 20, 8.0 * LARGE, "B"),
        "x * 2 + 1, 256M": (on(flat, lambda lib, x: x * 2 + 1), 10, 16.0 * LARGE, "B"),
        "tanh, 256M": (on(flat, lambda lib, x: lib.tanh(x)), 20, 8.0 * LARGE, "B"),
        "silu, 256M": (on(flat, lambda lib, x: lib.nn.functional.silu(x)), 20, 8.0 * LARGE, "B"),
        "sum, 256M": (on(flat, lambda lib, x: x.sum()), 20, 4.0 * LARGE, "B"),
        "sum of rows": (on(rows, lambda lib, x: x.sum(1)), 20, 4.0 * LARGE, "B"),
        "sum of columns": (on(rows, lambda lib, x: x.sum(0)), 20, 4.0 * LARGE, "B"),
        "softmax of rows": (
            on(rows, lambda lib, x: lib.nn.functional.softmax(x, -1)),
            10,
            8.0 * LARGE,
            "B",
        ),
        "layer norm of rows": (
            on(rows, lambda lib, x: lib.nn.functional.layer_norm(x, (4096,))),
            10,
            8.0 * LARGE,
            "B",
        ),
        "transpose": (on(rows, lambda lib, x: x.T.contiguous()), 10, 8.0 * LARGE, "B"),
        "float32 product, 4096": (product(4096), 10, 2.0 * 4096**3, "F"),
        "small op, 64": (on((64,), lambda lib, x: x * 2), 1000, 0, ""),
        "MLP 784-128-64-10, batch 64, Adam": (mlp, 200, 0, ""),
    }


def main() -> int:
    if not any(d["available"] for d in nnx.devices() if d["name"] != "cpu"):
        print(f"no CUDA device: {nnx.devices()[-1]['why_not']}", file=sys.stderr)
        return 2
    libraries: dict[str, tuple[Any, Callable[[], object]]] = {
        "nnx": (nnx, lambda: nnx.synchronize("cuda"))
    }
    try:
        import torch

        if torch.cuda.is_available():
            libraries["torch"] = (torch, torch.cuda.synchronize)
    except ImportError:
        pass
    print(nnx.device_properties("cuda"), *(name for name in libraries))
    for name, (make, calls, work, unit) in cases().items():
        steps = {lib: make(module, {"device": "cuda"}) for lib, (module, _) in libraries.items()}
        rounds = [
            {lib: timed(steps[lib], libraries[lib][1], calls) for lib in libraries}
            for _ in range(ROUNDS)
        ]
        ours = statistics.median(r["nnx"] for r in rounds)
        line = f"{name:36}{ours * 1e6:12.1f} us"
        if work:
            line += f"{work / ours * 1e-9:10.0f} G{unit}/s"
        if "torch" in libraries:
            ratio = statistics.median(r["nnx"] / r["torch"] for r in rounds)
            line += f"   x{ratio:.2f} of torch"
        print(line, flush=True)
        del steps
        for lib in libraries.values():
            lib[1]()
        nnx.empty_cache("cuda")
    return 0


if __name__ == "__main__":
    sys.exit(main())
