"""What the tests of figures share: no window opens, every figure is closed, layers to look at."""

from __future__ import annotations

from collections.abc import Iterator

import nnx
import numpy as np
import pytest
from nnx import nn


@pytest.fixture
def headless() -> Iterator[None]:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


class Convolution(nn.Module):
    """A convolution without a border, written with products: a layer with weights of four axes."""

    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(nnx.tensor(weight, dtype=nnx.float32))

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        out, _, high, wide = self.weight.shape
        windows = x.unfold(2, high, 1).unfold(3, wide, 1).permute(0, 2, 3, 1, 4, 5)
        n, rows, columns = windows.shape[:3]
        made = windows.reshape(n, rows, columns, -1) @ self.weight.reshape(out, -1).mT
        return made.permute(0, 3, 1, 2)


@pytest.fixture
def convolution() -> type[Convolution]:
    return Convolution
