"""Every test starts from the same random state; helpers are importable as `helpers`."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import nnx


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    nnx.manual_seed(0)
    threads = nnx.get_num_threads()
    yield
    nnx.set_num_threads(threads)
    assert nnx.is_grad_enabled(), "a test left gradients switched off"
