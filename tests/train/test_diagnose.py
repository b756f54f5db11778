"""The first number that is not finite is reported with its layer, its operation and a cure."""

from __future__ import annotations

import math
import warnings
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.zeros((12, 1), np.float32)


class Log(nn.Module):
    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        shifted = x - 100
        y = nnx.log(shifted)  # of something negative
        return y * 2


class Root(nn.Module):
    """sqrt(x - x): the value is 0, the gradient 1 / 0 * 0."""

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        return nnx.sqrt(x * 0) + x


def report(
    trainer: nnx.Trainer, x: Any = X, y: Any = Y, spoilt: bool = False, **options: Any
) -> str:
    with pytest.raises(train.NonFiniteError) as caught:
        trainer.fit(x, y, batch_size=4, shuffle=False, verbose=0, **options)
    assert isinstance(caught.value, ArithmeticError) and isinstance(caught.value, nnx.Error)
    finite = [np.isfinite(t.tolist()).all() for t in trainer.model.state_dict().values()]
    assert all(finite) is not spoilt
    assert not any(m._hooked for m in trainer.model.modules()) and trainer.model.training
    return str(caught.value)


def test_a_layer_and_its_line() -> None:
    model = nn.Sequential(nn.Dense(3, 4), nn.ReLU(), Log(), nn.Dense(4, 1))
    text = report(nnx.Trainer(model, "mse", "sgd"))
    assert "[fit] the loss of batch 1 in epoch 1 is non-finite (nan)" in text
    assert "layer '2' (Log)" in text and "16 NaN among 16 numbers" in text
    assert "test_diagnose.py: y = nnx.log(shifted)" in text
    assert "Hint: " in text and "log or sqrt" in text and "clamp" in text


def test_a_layer_of_ours_and_its_operation() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Dense(3, 2)
            self.second = nn.Dense(2, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.second(self.first(x))

    model = Net()
    with nnx.no_grad():
        model.first.weight.fill_(1e30)
        model.second.weight.fill_(1e30)
    text = report(nnx.Trainer(model, "mse", "sgd"))
    assert "layer 'second' (Dense), operation dense" in text and "infinite" in text
    assert "learning rate" in text and "numbers grew" in text


def test_the_models_own_forward_and_the_loss() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            z = self.layer(x)
            return z / (z - z)

    text = report(nnx.Trainer(Net(), "mse", "sgd"))
    assert "the model's own forward" in text and "return z / (z - z)" in text

    def loss_of(output: nnx.Tensor, target: nnx.Tensor) -> nnx.Tensor:
        return nnx.log(target - output * 0).mean()

    text = report(nnx.Trainer(nn.Dense(3, 1), loss_of, "sgd"))
    assert "the loss loss_of of it is not" in text and "numbers from" in text


@pytest.mark.parametrize(
    ("place", "name"), [(0, "the samples x"), (1, "the targets y"), (2, "weights of the samples")]
)
def test_data_that_is_not_finite(place: int, name: str) -> None:
    data = [X.copy(), Y.copy(), np.ones(12, np.float32)]
    data[place][6] = np.nan
    x, y, w = data
    text = report(nnx.Trainer(nn.Dense(3, 1), "mse", "sgd"), x, y, sample_weight=w)
    assert name in text and "batch 2" in text and "in sample 2 of the batch" in text
    assert "np.isfinite(x).all()" in text


@pytest.mark.parametrize("samples", [12, 4])
def test_weights_that_an_earlier_step_spoilt(samples: int) -> None:
    model = nn.Sequential(nn.Dense(3, 2), Root(), nn.Dense(2, 1))
    text = report(nnx.Trainer(model, "mse", "sgd"), X[:samples], Y[:samples], spoilt=True)
    assert ("batch 2" if samples == 12 else "the weights after the last step are") in text
    assert "the parameter 0.weight holds 6 NaN" in text
    assert "an earlier step spoilt it" in text and "gradient was not finite in 0.weight" in text
    assert "2.weight" not in text


def test_a_gradient_is_traced_where_it_is_measured_anyway() -> None:
    model = nn.Sequential(nn.Dense(3, 2), Root(), nn.Dense(2, 1))
    text = report(nnx.Trainer(model, "mse", "sgd", clip_norm=1.0))
    assert "the gradient is non-finite" in text
    assert "comes out of layer '1' (Root)" in text and "it reaches 0.weight" in text


def test_too_high_a_rate_ends_with_advice() -> None:
    nnx.manual_seed(0)
    model = nn.Dense(3, 1)
    text = report(nnx.Trainer(model, "mse", "sgd", lr=100.0), X * 10, Y + 1, epochs=200)
    assert "find_lr" in text and "smaller learning rate" in text and "(inf)" in text


def test_buffers_and_random_numbers_are_left_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), Log(), nn.Dense(3, 1))
    trainer = nnx.Trainer(model, "mse", "sgd")
    report(trainer)
    after, state = model[0].running_mean.tolist(), nnx.get_rng_state().tolist()
    nnx.manual_seed(0)
    other = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), Log(), nn.Dense(3, 1))
    other(nnx.tensor(X[:4]))
    assert other[0].running_mean.tolist() == after
    assert nnx.get_rng_state().tolist() == state


def test_warn_ignore_and_stop() -> None:
    def trainer() -> nnx.Trainer:
        return nnx.Trainer(nn.Sequential(Log(), nn.Dense(3, 1)), "mse", "sgd")

    with pytest.warns(train.NonFiniteWarning, match="Log") as caught:
        history = trainer().fit(X, Y, epochs=3, batch_size=4, verbose=0, on_nan="warn")
    assert len(caught) == 1 and len(history["loss"]) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = trainer().fit(X, Y, epochs=2, verbose=0, on_nan="ignore")
        assert all(map(math.isnan, history["loss"]))
        stop = train.TerminateOnNaN()
        made = trainer()
        before = made.model[1].weight.tolist()
        history = made.fit(X, Y, epochs=5, verbose=0, callbacks=stop)
    assert len(history["loss"]) == 1 and math.isnan(history["loss"][0])
    assert "(Log)" in stop.report and made.model[1].weight.tolist() == before
    with pytest.raises(train.NonFiniteError):
        trainer().fit_one_batch(X, Y)


def test_steps_that_go_well_install_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **options: Any) -> None:
        raise AssertionError("a hook was installed")

    for name in ("register_forward_hook", "register_forward_pre_hook"):
        monkeypatch.setattr(nn.Module, name, never)
    monkeypatch.setattr(train.diagnose, "explain", never)
    model = nn.Dense(3, 1)
    trainer = nnx.Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.01))
    assert math.isfinite(trainer.fit(X, Y, epochs=2, verbose=0)["loss"][-1])
