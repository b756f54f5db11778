"""What the Trainer costs: fit against the loop a student writes, and what a run shows and counts
against a run that does neither.

Both sides do the same steps on the same data in one process: layers, loss, Adam, shuffling and
gathering of batches are the same calls.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
from harness import Case, Step

SIZES, BATCH = (784, 128, 64, 10), 64
SMALL, SMALL_BATCH = (784, 16, 16, 10), 32


class _Terminal(io.StringIO):
    """Where a bar is drawn as on a screen."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def _parts(sizes: tuple[int, ...], samples: int) -> tuple[Any, Any, Any, Any, Any]:
    import nnx
    from nnx import nn, optim

    rng = np.random.default_rng(0)
    x = nnx.asarray(rng.random((samples, sizes[0]), np.float32))
    y = nnx.asarray(rng.integers(0, sizes[-1], samples))
    layers: list[Any] = []
    for i in range(len(sizes) - 1):
        layers += [nn.Dense(sizes[i], sizes[i + 1]), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    return x, y, model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)


def fit(sizes: tuple[int, ...], batch: int, samples: int, shown: bool = False) -> Step:
    """An epoch of fit; shown: with a bar on a terminal and accuracy."""
    import nnx

    x, y, model, loss, optimiser = _parts(sizes, samples)
    trainer = nnx.Trainer(model, loss, optimiser, ["accuracy"] if shown else ())

    def step() -> None:
        before, sys.stderr = sys.stderr, _Terminal()
        try:
            trainer.fit(x, y, batch_size=batch, verbose=int(shown))
        finally:
            sys.stderr = before

    return step


def loop(sizes: tuple[int, ...], batch: int, samples: int) -> Step:
    """The same epoch as a student writes it, with the loss of the epoch added up."""
    from nnx import data

    x, y, model, loss_of, optimiser = _parts(sizes, samples)
    batches = data.DataLoader(data.TensorDataset(x, y), batch_size=batch, shuffle=True)

    def step() -> None:
        total = 0.0
        for xb, yb in batches:
            loss = loss_of(model(xb), yb)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(yb)

    return step


def cases(quick: bool) -> list[Case]:
    samples = 12_000 if quick else 60_000
    found = []
    for sizes, batch in ((SIZES, BATCH), (SMALL, SMALL_BATCH)):
        name = "-".join(map(str, sizes))
        args = (sizes, batch, samples)
        found += [
            Case(
                f"fit against a loop {name}",
                {"nnx": lambda a=args: fit(*a), "nnx/loop": lambda a=args: loop(*a)},
                targets={"nnx/loop": 1.05},
                slow=True,
                note=f"{samples} samples",
            ),
            Case(
                f"bar, history, accuracy {name}",
                {"nnx": lambda a=args: fit(*a, shown=True), "nnx/bare": lambda a=args: fit(*a)},
                targets={"nnx/bare": 1.03},
                slow=True,
                note=f"{samples} samples",
            ),
        ]
    return found
