"""Averages of weights: AveragedModel, EMA, batch statistics."""

from __future__ import annotations

import copy
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.optim import swa_utils


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Dense(3, 2)
        self.register_buffer("mean", nnx.zeros(2))
        self.register_buffer("count", nnx.tensor(0))

    def forward(self, x: Any) -> Any:
        return self.layer(x) - self.mean


def wander(model: Any, steps: int = 5) -> list[dict[str, np.ndarray]]:
    """Gives the model new weights and yields after each; the weights are the witness."""
    rng = np.random.default_rng(0)
    for _ in range(steps):
        with nnx.no_grad():
            for value in (*model.parameters(), model.mean):
                value.copy_(nnx.asarray(rng.standard_normal(tuple(value.shape))).float())
            model.count += 1
        yield {k: v.detach().numpy().copy() for k, v in model.state_dict().items()}


def averages(seen: list[dict[str, np.ndarray]], decay: float | None, name: str) -> np.ndarray:
    if decay is None:
        return np.mean([s[name] for s in seen], 0)
    value = seen[0][name].astype(np.float64)
    for s in seen[1:]:
        value = decay * value + (1 - decay) * s[name]
    return value


@pytest.mark.parametrize("buffers", [False, True])
@pytest.mark.parametrize("how", ["mean", "swa", "swa all", "ema", "ema all"])
def test_averaged_model(how: str, buffers: bool) -> None:
    options: dict[str, Any] = {
        "mean": {},
        "swa": {"avg_fn": swa_utils.get_swa_avg_fn()},
        "swa all": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
        "ema": {"avg_fn": swa_utils.get_ema_avg_fn(0.9)},
        "ema all": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)},
    }[how]
    model = Net()
    averaged = swa_utils.AveragedModel(model, use_buffers=buffers, **options)
    seen = []
    for state in wander(model):
        averaged.update_parameters(model)
        seen.append(state)
    decay = 0.9 if how.startswith("ema") else None
    found = averaged.state_dict()
    assert found["n_averaged"].item() == 5
    for name in ("layer.weight", "layer.bias"):
        np.testing.assert_allclose(
            found[f"module.{name}"].numpy(), averages(seen, decay, name), rtol=1e-5, atol=1e-6
        )
    mean = averages(seen, decay, "mean") if buffers else seen[-1]["mean"]
    np.testing.assert_allclose(found["module.mean"].numpy(), mean, rtol=1e-5, atol=1e-6)
    assert buffers or found["module.count"].item() == 5
    x = nnx.randn(4, 3)
    w, b = (found[f"module.layer.{name}"].numpy() for name in ("weight", "bias"))
    y = averaged(x).detach().numpy()
    np.testing.assert_allclose(y, x.numpy() @ w.T + b - mean, rtol=1e-4, atol=1e-5)
    weight = model.layer.weight.detach().numpy()
    np.testing.assert_array_equal(weight, seen[-1]["layer.weight"])


@pytest.mark.parametrize("how", ["mean", "ema"])
def test_averaged_model_has_torchs_numbers_and_names(how: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    found = []
    for lib in (nnx, torch):
        utils = lib.optim.swa_utils
        model = lib.nn.Linear(3, 2)
        fn = utils.get_ema_multi_avg_fn(0.8) if how == "ema" else None
        averaged = utils.AveragedModel(model, multi_avg_fn=fn)
        rng = np.random.default_rng(1)
        for _ in range(6):
            with lib.no_grad():
                for p in model.parameters():
                    p.copy_(lib.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32)))
            averaged.update_parameters(model)
        found.append({k: v.detach().numpy() for k, v in averaged.state_dict().items()})
    assert set(found[0]) == set(found[1])
    for name, value in found[1].items():
        np.testing.assert_allclose(found[0][name], value, rtol=1e-6, atol=1e-7)


def test_averaged_model_goes_on_from_its_state() -> None:
    model = Net()
    averaged = swa_utils.AveragedModel(model)
    walk = wander(model)
    for _ in range(3):
        next(walk)
        averaged.update_parameters(model)
    again = swa_utils.AveragedModel(Net())
    again.load_state_dict(copy.deepcopy(averaged.state_dict()))
    next(walk)
    for a in (averaged, again):
        a.update_parameters(model)
    for name, value in averaged.state_dict().items():
        assert (again.state_dict()[name] == value).all(), name


def test_ema() -> None:
    model = Net()
    walk = wander(model)
    seen = [next(walk)]
    ema = optim.EMA(model, 0.9)
    for state in walk:
        ema.update()
        seen.append(state)
    own = copy.deepcopy(model.state_dict())
    memory = np.asarray(model.layer.weight.detach())
    with ema.apply() as same:
        assert same is model and np.shares_memory(memory, np.asarray(model.layer.weight.detach()))
        for name in ("layer.weight", "layer.bias", "mean"):
            np.testing.assert_allclose(
                model.state_dict()[name].numpy(), averages(seen, 0.9, name), rtol=1e-5, atol=1e-6
            )
        assert model.count.item() == 5
        with pytest.raises(nnx.ArgumentError, match="leave the"):
            ema.update()
        with pytest.raises(nnx.ArgumentError, match="already"), ema.apply():
            raise AssertionError("not reached")
    assert all((model.state_dict()[k] == v).all() for k, v in own.items())
    with pytest.raises(nnx.ArgumentError, match="already"):
        ema.restore()
    averaged = ema.apply().model.layer.bias.tolist()  # without a block
    ema.restore()
    assert averaged != model.layer.bias.tolist() == own["layer.bias"].tolist()
    assert all(p.requires_grad and p.is_leaf for p in model.parameters())


def test_ema_gives_the_weights_back_after_an_error() -> None:
    model = Net()
    ema = optim.EMA(model, 0.5)
    next(wander(model))
    own = model.layer.weight.detach().clone()
    with pytest.raises(KeyboardInterrupt), ema.apply():
        assert (model.layer.weight != own).any()
        raise KeyboardInterrupt
    assert (model.layer.weight == own).all()


def test_ema_goes_on_from_its_state(tmp_path: Any) -> None:
    model = Net()
    ema = optim.EMA(model, 0.9)
    walk = wander(model)
    next(walk)
    ema.update()
    nnx.save(ema.state_dict(), tmp_path / "ema.safetensors")
    again = optim.EMA(model, 0.1)
    again.load_state_dict(nnx.load(tmp_path / "ema.safetensors"))
    next(walk)
    for e in (ema, again):
        e.update()
    for name, value in ema.state_dict()["averages"].items():
        assert (again.state_dict()["averages"][name] == value).all(), name
    before = repr(again.state_dict())
    for bad in (None, {}, {"averages": {}}, optim.EMA(nn.Dense(3, 2)).state_dict()):
        with pytest.raises(nnx.Error):
            again.load_state_dict(bad)  # type: ignore[arg-type]
        assert repr(again.state_dict()) == before


def test_ema_of_another_model() -> None:
    model = nn.Sequential(nn.Dense(2, 2))
    ema = optim.EMA(model)
    model.append(nn.Dense(2, 2))
    with pytest.raises(nnx.ArgumentError, match="make a new EMA"):
        ema.update()


def test_update_bn() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Tanh()).eval()
    with nnx.no_grad():
        model[0].running_mean.fill_(7.0)
    batches = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    swa_utils.update_bn([(nnx.asarray(batch), nnx.zeros(5)) for batch in batches], model)
    mean, var = batches.mean((0, 1)), batches.var(1, ddof=1).mean(0)
    np.testing.assert_allclose(model[0].running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model[0].running_var.numpy(), var, rtol=1e-5)
    assert model[0].momentum == 0.1 and not model.training
    with pytest.raises(ZeroDivisionError):
        swa_utils.update_bn((1 / 0 for _ in range(2)), model)
    assert model[0].momentum == 0.1 and not model.training and nnx.is_grad_enabled()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: optim.EMA(nn.Dense(1, 1), 1.5), ValueError),
        (lambda: optim.EMA([nnx.ones(1)]), TypeError),
        (lambda: swa_utils.AveragedModel(3), TypeError),
        (lambda: swa_utils.AveragedModel(nn.Dense(1, 1), avg_fn=max, multi_avg_fn=max), ValueError),
        (
            lambda: swa_utils.AveragedModel(nn.Dense(1, 1)).update_parameters(nn.Dense(2, 1)),
            ValueError,
        ),
        (lambda: swa_utils.get_ema_avg_fn(-1), ValueError),
        (lambda: swa_utils.get_ema_multi_avg_fn("much"), TypeError),
        (lambda: swa_utils.update_bn([], "model"), TypeError),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    assert isinstance(caught.value, nnx.Error)
