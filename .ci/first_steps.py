"""What a user types first: the sine fit of the README, with fewer steps. Exits with 1 if it fails.

Run against the installed wheel with nothing beside it, and checked with mypy.
"""

import sys

import nnx
import numpy as np
from nnx import nn, optim


def main() -> int:
    x = np.linspace(0, 2 * np.pi, 100, dtype=np.float32)[:, None]
    inputs, targets = nnx.asarray(x), nnx.asarray(np.sin(x))
    model = nn.Sequential(nn.Dense(1, 10), nn.Tanh(), nn.Dense(10, 1))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(2000):
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"nnx {nnx.__version__}: loss {losses[0]:.4f} -> {losses[-1]:.6f}")
    return int(not losses[-1] < 0.05)


if __name__ == "__main__":
    sys.exit(main())
