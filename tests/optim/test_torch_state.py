"""Optimisers and PyTorch: the state of one goes on in the other; LBFGS and Muon over 50 steps."""

from __future__ import annotations

import copy
import pathlib
import sys
from typing import Any

import nnx
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))

import cases

STORED = np.load(pathlib.Path(__file__).parents[1] / "reference" / "torch.npz")
BOTH = sorted(cases.OPTIMIZERS | cases.DELICATE)
TOLERANCE = {name: 1e-2 if name.startswith("muon") else 1e-11 for name in BOTH}


def start(lib: Any, which: str) -> tuple[Any, Any, Any]:
    model = cases.network(lib, "float64", cases.ACTIVATIONS["tanh"])
    opt = (cases.OPTIMIZERS | cases.DELICATE)[which](lib, model.parameters())
    x = cases.tensor(lib, cases.data(1, 16, 6), "float64")
    y = cases.tensor(lib, cases.data(2, 16, 3), "float64")

    def steps(n: int) -> np.ndarray:
        def closure() -> Any:
            opt.zero_grad()
            value = lib.nn.MSELoss()(model(x), y)
            value.backward()
            return value

        for _ in range(n):
            opt.step(closure)
        return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])

    return model, opt, steps


@pytest.fixture
def float64_by_default() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # in which it keeps step sizes
    yield torch
    torch.set_default_dtype(before)


def weights(lib: Any, model: Any, values: Any) -> None:
    with lib.no_grad():
        for p, value in zip(model.parameters(), values, strict=True):
            p.copy_(lib.tensor(value))


@pytest.mark.parametrize("which", BOTH)
def test_a_state_of_torch_goes_on_here(which: str, float64_by_default: Any) -> None:
    torch = float64_by_default
    theirs, opt, steps = start(torch, which)
    steps(6)
    state = copy.deepcopy(opt.state_dict())
    values = [p.detach().numpy().copy() for p in theirs.parameters()]
    expected = steps(3)
    model, own, go_on = start(nnx, which)
    go_on(2)  # a state to be replaced
    weights(nnx, model, values)
    own.load_state_dict(state)
    np.testing.assert_allclose(go_on(3), expected, rtol=0, atol=TOLERANCE[which])


@pytest.mark.parametrize("which", BOTH)
def test_a_state_from_here_goes_on_in_torch(which: str, float64_by_default: Any) -> None:
    torch = float64_by_default
    model, opt, steps = start(nnx, which)
    steps(6)
    values = [p.detach().numpy().copy() for p in model.parameters()]
    state = in_torch(torch, copy.deepcopy(opt.state_dict()))
    expected = steps(3)
    theirs, their_opt, go_on = start(torch, which)
    weights(torch, theirs, values)
    their_opt.load_state_dict(state)
    np.testing.assert_allclose(go_on(3), expected, rtol=0, atol=TOLERANCE[which])


def in_torch(torch: Any, value: Any) -> Any:
    if isinstance(value, nnx.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, dict):
        return {k: in_torch(torch, v) for k, v in value.items()}
    return [in_torch(torch, v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("which", cases.OPTIMIZERS)
def test_the_state_has_torchs_values(which: str, float64_by_default: Any) -> None:
    torch = float64_by_default
    found = []
    for lib in (nnx, torch):
        _, opt, steps = start(lib, which)
        steps(15)
        state = opt.state_dict()["state"]
        found.append(
            {
                (k, name): np.asarray(v, dtype=float)
                for k, entry in state.items()
                for name, v in entry.items()
                if v is not None
            }
        )
    assert set(found[0]) == set(found[1])
    for key, expected in found[1].items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found[0][key], expected, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize("which", BOTH)
def test_the_state_has_torchs_names(which: str, float64_by_default: Any) -> None:
    torch = float64_by_default
    found = []
    for lib in (nnx, torch):
        _, opt, steps = start(lib, which)
        steps(2)
        state = opt.state_dict()
        # `al` is scratch; what `Performance` lists has no meaning here; SGD's None is nothing.
        entries = {
            k: {name for name, v in entry.items() if v is not None} - {"al"}
            for k, entry in state["state"].items()
        }
        words = {"foreach", "fused", "capturable", "differentiable"}
        options = [set(group) - words for group in state["param_groups"]]
        found.append(({k: v for k, v in entries.items() if v}, options))
    assert found[0] == found[1]


@pytest.mark.parametrize("which", cases.DELICATE)
def test_fifty_steps_of_the_delicate_ones(which: str) -> None:
    """In Muon a bfloat16 that falls to the other side moves a weight by about lr / 256."""
    name, rough = f"optimizer/{which}", which.startswith("muon")
    ours = cases.run(nnx, name, "float64")
    for key, value in ours.items():
        expected = STORED[f"{name}/{key}"]
        allowed = (1e-2 if rough else 1e-10) * np.abs(expected).max()
        assert np.abs(value - expected).max() <= allowed, key
    assert ours["losses"][-1] < 0.5 * ours["losses"][0]
    single = cases.run(nnx, name, "float32")["losses"]
    np.testing.assert_allclose(single[:10], ours["losses"][:10], rtol=1e-2 if rough else 1e-3)
    assert single[-1] < 1.2 * ours["losses"][-1]
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    for key, expected in cases.run(torch, name, "float64").items():
        allowed = (1e-2 if rough else 1e-10) * np.abs(expected).max()
        assert np.abs(ours[key] - expected).max() <= allowed, key
