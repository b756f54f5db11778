"""Tests of the CUDA backend: skipped, with the reason, where no device can be used.

Without a GPU they run on the stand-in of tests/cuda/standin (tests/test_cuda_standin.py builds it
and starts them).
"""

from __future__ import annotations

import pathlib

import nnx
import pytest

HERE = pathlib.Path(__file__).parent
CUDA = [d for d in nnx.devices() if d["name"].startswith("cuda")]
AVAILABLE = any(d["available"] for d in CUDA)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in pathlib.Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.cuda)
            if not AVAILABLE:
                item.add_marker(pytest.mark.skip(reason=f"no CUDA device: {CUDA[0]['why_not']}"))


@pytest.fixture
def cuda() -> nnx.device:
    return nnx.device("cuda")
