"""Callbacks: when they are called, and what the built-in ones do."""

from __future__ import annotations

import csv
import json
import math
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0]], np.float32)


def line(lr: float = 0.1, **options: Any) -> nnx.Trainer:
    nnx.manual_seed(0)
    return nnx.Trainer(nn.Dense(2, 1), "mse", optim.SGD, lr=lr, **options)


# --- when -----------------------------------------------------------------------------------------


class Diary(train.Callback):
    def __init__(self) -> None:
        self.lines: list[Any] = []


for _name in (
    "fit_begin", "fit_end", "epoch_begin", "epoch_end", "batch_begin", "batch_end",
    "evaluate_begin", "evaluate_end", "predict_begin", "predict_end",
):  # fmt: skip

    def _note(self: Diary, *args: Any, name: str = _name) -> None:
        self.lines.append((name, *(sorted(a) if isinstance(a, dict) else a for a in args)))

    setattr(Diary, "on_" + _name, _note)


def test_the_order_of_calls() -> None:
    diary = Diary()
    trainer = line()
    trainer.fit(X, Y, batch_size=10, epochs=2, validation_data=(X, Y), callbacks=diary, verbose=0)
    epoch = [
        ("batch_begin", 0), ("batch_end", 0, ["loss"]),
        ("batch_begin", 1), ("batch_end", 1, ["loss"]),
        ("evaluate_begin",), ("evaluate_end", ["loss"]),
    ]  # fmt: skip
    end = ["loss", "val_loss"]
    assert diary.lines == [
        ("fit_begin",),
        ("epoch_begin", 0), *epoch, ("epoch_end", 0, end),
        ("epoch_begin", 1), *epoch, ("epoch_end", 1, end),
        ("fit_end",),
    ]  # fmt: skip
    diary.lines.clear()
    trainer.evaluate(X, Y, callbacks=diary)
    trainer.predict(X, callbacks=[diary])
    assert [entry[0] for entry in diary.lines] == [
        "evaluate_begin", "evaluate_end", "predict_begin", "predict_end",
    ]  # fmt: skip
    assert diary.trainer is trainer and diary.model is trainer.model


def test_kerases_names_are_called_too() -> None:
    calls: list[str] = []

    class Theirs(train.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            calls.append("train begin")

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            calls.append(f"epoch {epoch}")

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append(f"batch {batch} {sorted(logs)}")

        def on_test_end(self, logs: Any = None) -> None:
            calls.append("test end")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    trainer = line()
    trainer.fit(X, Y, epochs=9, validation_split=0.5, batch_size=10, callbacks=Theirs(), verbose=0)
    assert calls == ["train begin", "epoch 0", "batch 0 ['loss']", "test end"]
    assert len(trainer.fit(X, Y, epochs=3, verbose=0).epoch) == 3  # the flag is of one run


def test_the_loss_of_a_batch_and_a_stop_within_an_epoch() -> None:
    losses: list[float] = []

    class Stop(train.Callback):
        def on_batch_end(self, batch: int, figures: dict[str, Any]) -> None:
            losses.append(figures["loss"])
            self.trainer.stop_training = batch == 1

    trainer = line(0.0)
    history = trainer.fit(X, Y, batch_size=5, epochs=4, callbacks=Stop(), shuffle=False, verbose=0)
    error = (np.asarray(trainer.predict(X)) - Y) ** 2
    assert losses == pytest.approx([error[:5].mean(), error[5:10].mean()], rel=1e-5)
    assert history["loss"] == pytest.approx([error[:10].mean()], rel=1e-5)


def test_no_callback_no_call_a_batch() -> None:
    for callbacks in ((), [train.EarlyStopping("loss"), train.ModelCheckpoint("x"), print]):
        calls = train.callbacks.Callbacks(callbacks, line())
        assert calls.calls["batch_begin"] == calls.calls["batch_end"] == ()
    schedule = train.LRScheduler(lambda epoch, lr: lr)
    assert train.callbacks.Callbacks(schedule, line()).calls["batch_end"] == ()


def test_lambda() -> None:
    seen: list[Any] = []
    say = train.Lambda(on_epoch_begin=seen.append, on_train_end=lambda: seen.append("end"))
    line().fit(X, Y, epochs=2, callbacks=say, verbose=0)
    assert seen == [0, 1, "end"]
    with pytest.raises(nnx.ArgumentError, match="did you mean 'on_epoch_end'"):
        train.Lambda(on_epoch_ende=print)
    with pytest.raises(nnx.DTypeError, match="function"):
        train.Lambda(on_epoch_end=3)  # type: ignore[arg-type]
    with pytest.raises(nnx.DTypeError, match=r"write TerminateOnNaN\(\)"):
        line().fit(X, Y, callbacks=train.TerminateOnNaN, verbose=0)


# --- early stopping -------------------------------------------------------------------------------


class Script(train.Callback):
    """Gives the run the figures of a list, and the model a bias that tells the epoch."""

    def __init__(self, values: list[float], name: str = "val_loss") -> None:
        self.values, self.name = values, name

    def add_figures(self, figures: dict[str, Any]) -> None:
        epoch = self.trainer.run.epoch
        figures[self.name] = self.values[epoch]
        self.model.bias.data = nnx.ones(1) * epoch


@pytest.mark.parametrize(
    ("values", "options", "stopped", "best"),
    [
        ([3, 2, 1, 2, 0.5, 1, 1], {"patience": 2}, 6, 4),
        ([3, 2, 1, 2, 2, 0.5, 1], {"patience": 2}, 4, 2),
        ([3, 2, 2, 9], {}, 2, 1),
        ([3, 2.5, 2.4, 2.3, 1.9], {"patience": 2, "min_delta": 0.5}, 4, 2),
        ([1, 2, 3, 2, 1], {"patience": 2, "mode": "max"}, 4, 2),
        ([1, 9, 3, 2, 1, 1], {"patience": 2, "mode": "max", "start_from_epoch": 2}, 4, 2),
        ([5, 4, 3, 9], {"patience": 2, "baseline": 3.5}, 1, None),
        ([1, math.nan, math.nan, 0], {"patience": 2}, 2, 0),
        ([3, 2, 1], {"patience": 2}, None, 2),
    ],
)
def test_early_stopping(
    values: list[float], options: dict[str, Any], stopped: int | None, best: int | None
) -> None:
    stop = train.EarlyStopping(**options)
    trainer = line(0.0)
    history = trainer.fit(X, Y, epochs=len(values), callbacks=[stop, Script(values)], verbose=0)
    assert (stop.stopped_epoch, stop.best_epoch) == (stopped, best)
    last = len(values) - 1 if stopped is None else stopped
    assert len(history["loss"]) == last + 1
    assert trainer.model.bias.item() == (last if best is None else best)
    keep = train.EarlyStopping(restore_best_weights=False, **options)
    trainer.fit(X, Y, epochs=len(values), callbacks=[keep, Script(values)], verbose=0)
    assert trainer.model.bias.item() == last and keep.best_epoch == best


def test_early_stopping_watches_accuracy_upwards_and_names_what_is_there() -> None:
    stop = train.EarlyStopping("val_accuracy", patience=1, verbose=1)
    trainer = line(0.0)
    script = Script([0.1, 0.5, 0.4], "val_accuracy")
    trainer.fit(X, Y, epochs=3, callbacks=[stop, script], verbose=0)
    assert stop.best == 0.5 and stop.best_epoch == 1
    with pytest.raises(nnx.ArgumentError, match="monitor='loss'") as caught:
        line().fit(X, Y, callbacks=train.EarlyStopping(), verbose=0)
    assert "figures: loss" in str(caught.value)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_brings_the_best_weights_back(ctrl_c: None) -> None:
    def interrupt(epoch: int, figures: dict[str, Any]) -> None:
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = line(0.0)
    stop = train.EarlyStopping(patience=50)
    script = Script([3.0, 1.0, 2.0, *[2.0] * 100])
    history = trainer.fit(X, Y, epochs=100, callbacks=[script, stop, interrupt], verbose=0)
    assert history.interrupted and trainer.model.bias.item() == 1


# --- saving ---------------------------------------------------------------------------------------


def test_model_checkpoint(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    script = Script([3.0, 1.0, 2.0, 0.5])
    best = train.ModelCheckpoint(
        tmp_path / "deep" / "er" / "best.safetensors", save_best_only=True, save_weights_only=True
    )
    every = train.ModelCheckpoint(
        str(tmp_path / "{epoch:02d}-{val_loss:.2f}.ckpt"), save_weights_only=False
    )
    seen: list[tuple[int, float]] = []

    def look(epoch: int, figures: dict[str, Any]) -> None:
        if best.trainer is not None and os.path.exists(best.filepath):
            seen.append((epoch, nnx.load(best.filepath)["bias"].item()))

    late = train.Lambda(on_epoch_end=look)
    late.order = 9  # type: ignore[misc]
    line(0.0).fit(X, Y, epochs=4, callbacks=[late, best, every, script], verbose=0)
    assert seen == [(0, 0), (1, 1), (2, 1), (3, 3)]
    names = sorted(p.name for p in tmp_path.glob("*.ckpt"))
    assert names == ["01-3.00.ckpt", "02-1.00.ckpt", "03-2.00.ckpt", "04-0.50.ckpt"]
    assert line().load(tmp_path / names[2]).model.bias.item() == 2
    batches = train.ModelCheckpoint(
        tmp_path / "b{batch}.safetensors", save_freq=3, save_weights_only=True
    )
    line().fit(X, Y, epochs=2, batch_size=5, callbacks=batches, verbose=0)
    assert sorted(p.name for p in tmp_path.glob("b*")) == ["b3.safetensors", "b6.safetensors"]
    with pytest.raises(nnx.ArgumentError, match="it has epoch, batch, loss"):
        line().fit(X, Y, callbacks=train.ModelCheckpoint("{acuracy}.ckpt"), verbose=0)
    with pytest.raises(nnx.DTypeError, match="filepath"):
        train.ModelCheckpoint(3)  # type: ignore[arg-type]


def test_loggers(tmp_path: pathlib.Path) -> None:
    table, lines = tmp_path / "log.csv", tmp_path / "log.jsonl"
    trainer = line(metrics=["mae"])
    callbacks = [train.CSVLogger(table), train.JSONLogger(lines)]
    history = trainer.fit(X, Y, epochs=3, callbacks=callbacks, verbose=0)
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history["loss"]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    found = [json.loads(row) for row in lines.read_text().splitlines()]
    assert [row["mae"] for row in found] == history["mae"]
    trainer.fit(X, Y, epochs=1, callbacks=callbacks, verbose=0)
    assert len(table.read_text().splitlines()) == 2  # a new run, a new file
    more = [train.CSVLogger(table, append=True), train.JSONLogger(lines, append=True)]
    trainer.fit(X, Y, epochs=2, callbacks=more, verbose=0)
    assert [r.split(",")[0] for r in table.read_text().splitlines()] == ["epoch", "0", "0", "1"]
    assert len(lines.read_text().splitlines()) == 3
    script = Script([math.nan, math.inf], "odd")
    trainer.fit(X, Y, epochs=2, callbacks=[script, train.JSONLogger(lines)], verbose=0)
    assert [json.loads(row)["odd"] for row in lines.read_text().splitlines()] == [None, None]
    semicolon = train.CSVLogger(table, separator=";")
    trainer.fit(X, Y, callbacks=semicolon, verbose=0)
    assert table.read_text().startswith("epoch;loss;mae\n0;")


# --- learning rate --------------------------------------------------------------------------------


def test_schedulers_by_epoch_and_by_step() -> None:
    trainer = line(0.8)
    halve = optim.lr_scheduler.StepLR(trainer.optimizer, step_size=2, gamma=0.5)
    history = trainer.fit(X, Y, epochs=5, callbacks=halve, verbose=0)
    assert history["learning_rate"] == [0.8, 0.8, 0.4, 0.4, 0.2]
    trainer = line(0.8)
    decay = optim.lr_scheduler.ExponentialLR(trainer.optimizer, gamma=0.5)
    by_step = train.LRScheduler(decay, by="step")
    history = trainer.fit(X, Y, epochs=2, batch_size=10, callbacks=by_step, verbose=0)
    assert history["learning_rate"] == pytest.approx([0.2, 0.05])
    trainer = line(0.8, accumulate=2)
    decay = optim.lr_scheduler.ExponentialLR(trainer.optimizer, gamma=0.5)
    by_step = train.LRScheduler(decay, by="step")
    history = trainer.fit(X, Y, epochs=2, batch_size=5, callbacks=by_step, verbose=0)
    assert history["learning_rate"] == pytest.approx([0.2, 0.05])  # 2 steps an epoch, of 4 batches


def test_schedule_functions() -> None:
    trainer = line(0.8)
    one = trainer.fit(
        X, Y, epochs=3, callbacks=train.LRScheduler(lambda e: 0.1 * (e + 1)), verbose=0
    )
    assert one["learning_rate"] == pytest.approx([0.1, 0.2, 0.3])
    steps: list[int] = []

    def rate(step: int, lr: float) -> float:
        steps.append(step)
        return 1 / (step + 1)

    both = train.LRScheduler(rate, by="step")
    found = trainer.fit(X, Y, epochs=2, batch_size=10, callbacks=both, verbose=0)
    assert steps == [0, 1, 2, 3] and found["learning_rate"] == [0.5, 0.25]
    groups = optim.SGD(
        [
            {"params": [p], "lr": r}
            for p, r in zip(trainer.model.parameters(), (1.0, 0.1), strict=True)
        ]
    )
    other = nnx.Trainer(trainer.model, "mse", groups)
    other.fit(X, Y, callbacks=train.LRScheduler(lambda e: 0.5), verbose=0)
    assert [g["lr"] for g in groups.param_groups] == pytest.approx([0.5, 0.05])


def test_plateau_follows_its_figure() -> None:
    trainer = line(0.8)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, factor=0.5, patience=1)
    script = Script([3.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    history = trainer.fit(X, Y, epochs=6, callbacks=[plateau, script], verbose=0)
    assert history["learning_rate"] == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4]
    with pytest.raises(nnx.ArgumentError, match='monitor="loss"'):
        trainer.fit(X, Y, callbacks=plateau, verbose=0)
    on_loss = train.LRScheduler(plateau, monitor="loss")
    assert trainer.fit(X, Y, callbacks=on_loss, verbose=0)["learning_rate"]
    with pytest.raises(nnx.ArgumentError, match="epoch"):
        train.LRScheduler(plateau, by="step")
    with pytest.raises(nnx.ArgumentError, match="trainer's optimizer"):
        line().fit(X, Y, callbacks=plateau, verbose=0)
    with pytest.raises(nnx.DTypeError, match=r"StepLR\(optimizer"):
        train.LRScheduler(optim.lr_scheduler.StepLR)
    with pytest.raises(nnx.DTypeError, match="scheduler"):
        train.LRScheduler(0.1)


def test_the_finder_proposes_a_rate_and_leaves_everything_as_it_was() -> None:
    nnx.manual_seed(0)
    model = nn.Sequential(nn.Dense(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Dense(8, 1))
    trainer = nnx.Trainer(model, "mse", "adam", lr=0.003)
    trainer.fit(X, Y, verbose=0)
    kept = {k: t.tolist() for k, t in model.state_dict().items()}
    moments = repr(trainer.optimizer.state_dict())
    state = nnx.get_rng_state().tolist(), np.random.get_state()[1].tolist()  # noqa: NPY002
    history = trainer.history
    finder = trainer.find_lr(X, Y, batch_size=5)
    assert {k: t.tolist() for k, t in model.state_dict().items()} == kept
    assert repr(trainer.optimizer.state_dict()) == moments
    assert (nnx.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == state  # noqa: NPY002
    assert trainer.history is history and all(p.grad is None for p in model.parameters())
    assert finder.rates[0] == 1e-6 and len(finder.rates) == len(finder.losses) > 10
    np.testing.assert_allclose(np.diff(np.log(finder.rates)), np.log(1e7) / 99, rtol=1e-9)
    assert 1e-6 < finder.suggestion == float(finder) < 10


def test_the_proposed_rate_is_near_the_best_for_a_parabola() -> None:
    """Of f = c w^2 / 2 a step multiplies w by 1 - rate c: rates beyond 2 / c diverge."""
    for curvature in (0.1, 1.0, 100.0):
        nnx.manual_seed(0)
        model = nn.Dense(1, 1, bias=False)
        x = np.full((8, 1), math.sqrt(curvature / 2), np.float32)
        finder = nnx.Trainer(model, "mse", "sgd").find_lr(x, 0 * x, min_lr=1e-6, max_lr=1e3)
        assert 0.005 < finder.suggestion * curvature < 2


def test_the_finder_as_a_callback() -> None:
    trainer = line(1e-9)
    finder = train.LearningRateFinder(steps=30)
    history = trainer.fit(X, Y, epochs=30, batch_size=10, callbacks=finder, verbose=0)
    assert trainer.optimizer.param_groups[0]["lr"] == finder.suggestion > 1e-4
    assert history["loss"][-1] < history["loss"][0] / 2
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    axes = finder.plot()
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate"
    for options in ({"min_lr": 0.0}, {"min_lr": 2.0, "max_lr": 1.0}, {"max_lr": math.inf}):
        with pytest.raises(nnx.ArgumentError, match="min_lr"):
            train.LearningRateFinder(**options)
    with pytest.raises(nnx.ArgumentError, match="batch"):
        trainer.find_lr(X[:0], Y[:0])
