"""Networks, losses and optimisers give PyTorch's numbers: stored ones always, live ones too where
torch is installed."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import nnx
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))

import cases

STORED = np.load(pathlib.Path(__file__).parents[1] / "reference" / "torch.npz")


def stored(name: str) -> dict[str, Any]:
    head = name + "/"
    return {k[len(head) :]: STORED[k] for k in STORED.files if k.startswith(head)}


@pytest.mark.parametrize("name", cases.NAMES)
def test_float64_within_1e_12_of_stored_values(name: str) -> None:
    ours, theirs = cases.run(nnx, name, "float64"), stored(name)
    assert list(ours) == list(theirs)
    for key, expected in theirs.items():
        np.testing.assert_allclose(ours[key], expected, rtol=1e-11, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", cases.NAMES)
def test_float32_no_further_from_the_truth_than_torch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    truth = stored(name)
    ours, theirs = cases.run(nnx, name, "float32"), cases.run(torch, name, "float32")
    for key, exact in truth.items():
        scale = np.abs(exact).max()
        allowed = 2 * np.abs(theirs[key] - exact).max() + 8 * np.finfo(np.float32).eps * scale
        assert np.abs(ours[key] - exact).max() <= allowed, key
