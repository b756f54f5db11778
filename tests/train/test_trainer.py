"""Trainer: what fit, evaluate and predict take, report and refuse."""

from __future__ import annotations

import io
import math
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.train import Accuracy, History, Metric, accuracy, confusion_matrix
from nnx.train.progress import Progress

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def classifier(**options: Any) -> nnx.Trainer:
    nnx.manual_seed(1)
    model = nn.Sequential(nn.Dense(4, 16), nn.ReLU(), nn.Dense(16, 3))
    opt = optim.Adam(model.parameters(), lr=0.02)
    return nnx.Trainer(model, "cross_entropy", opt, ["accuracy"], **options)


# --- fit ------------------------------------------------------------------------------------------


def test_fit_learns_and_reports() -> None:
    trainer = classifier()
    history = trainer.fit(
        X, LABELS, epochs=30, batch_size=10, validation_data=(X, LABELS), verbose=0
    )
    assert isinstance(history, History) and history is trainer.history is history.history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(v) == 30 for v in history.values()) and history.epoch == list(range(30))
    assert len(history.seconds) == 30 and not history.interrupted
    assert history["loss"][-1] < 0.3 < history["loss"][0] and history["val_accuracy"][-1] > 0.9
    found = trainer.evaluate(X, LABELS)
    assert found["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-6)
    assert found["accuracy"] == history["val_accuracy"][-1]
    scores = trainer.predict(X, batch_size=7)
    assert scores.shape == (60, 3) and not scores.requires_grad
    assert (scores.numpy().argmax(1) == LABELS).mean() == pytest.approx(found["accuracy"])


def test_the_first_figures_are_those_computed_by_hand() -> None:
    nnx.manual_seed(1)
    model = nn.Dense(4, 3)
    w, b = model.weight.detach().numpy().copy(), model.bias.detach().numpy().copy()
    trainer = nnx.Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.0), "accuracy")
    scores = X.astype(np.float64) @ w.T + b
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    loss = -log_p[np.arange(60), LABELS].mean()
    share = (scores.argmax(1) == LABELS).mean()
    history = trainer.fit(X, LABELS, epochs=1, batch_size=7, verbose=0)
    assert history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history["accuracy"][0] == pytest.approx(share)
    assert trainer.evaluate(X, LABELS, batch_size=7) == pytest.approx(
        {"loss": loss, "accuracy": share}, rel=1e-5
    )
    summed = nnx.Trainer(
        model, nn.CrossEntropyLoss(reduction="sum"), optim.SGD(model.parameters(), lr=0.0)
    )
    assert summed.evaluate(X, LABELS, batch_size=7)["loss"] == pytest.approx(loss, rel=1e-5) or (
        summed.evaluate(X, LABELS, batch_size=7)["loss"] == pytest.approx(loss * 60, rel=1e-5)
    )


def by_hand(epochs: int, batch: int) -> list[float]:
    """The loop a student writes."""
    trainer = classifier()
    model, opt = trainer.model, trainer.optimizer
    x, y = nnx.tensor(X), nnx.tensor(LABELS)
    for _ in range(epochs):
        for i in range(0, 60, batch):
            loss = nn.functional.cross_entropy(model(x[i : i + batch]), y[i : i + batch])
            opt.zero_grad()
            loss.backward()
            opt.step()
    return model(x).tolist()


def test_fit_is_the_loop_a_student_writes() -> None:
    trainer = classifier()
    trainer.fit(X, LABELS, epochs=3, batch_size=8, shuffle=False, verbose=0)
    assert trainer.predict(X).tolist() == by_hand(3, 8)


@pytest.mark.parametrize("dtype", [*helpers.INTEGERS])
def test_labels_of_any_integer_dtype(dtype: str) -> None:
    trainer = classifier()
    history = trainer.fit(X, LABELS.astype(dtype), epochs=1, shuffle=False, verbose=0)
    expected = classifier().fit(X, LABELS, epochs=1, shuffle=False, verbose=0)
    assert history["loss"] == expected["loss"]


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x, y),
        lambda x, y: (x.tolist(), y.tolist()),
        lambda x, y: (nnx.tensor(x), nnx.tensor(y)),
        lambda x, y: (x.astype(np.float64), y),
        lambda x, y: (nnx.data.TensorDataset(x, y),),
        lambda x, y: (nnx.data.DataLoader(nnx.data.TensorDataset(x, y), batch_size=20),),
        lambda x, y: ([(a, int(b)) for a, b in zip(x, y, strict=True)] and Pairs(x, y),),
    ],
)
def test_samples_in_every_form(form: Callable[..., tuple[Any, ...]]) -> None:
    data = form(X, LABELS)
    found = classifier().fit(*data, epochs=2, batch_size=20, shuffle=False, verbose=0)
    expected = classifier().fit(X, LABELS, epochs=2, batch_size=20, shuffle=False, verbose=0)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-6)
    assert classifier().evaluate(*data) == pytest.approx(classifier().evaluate(X, LABELS), rel=1e-6)


class Pairs:
    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        return self.x[i], int(self.y[i])


def test_numbers_are_cast_to_the_model() -> None:
    model = nn.Dense(2, 1, dtype=nnx.float64)
    trainer = nnx.Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    x = np.arange(20).reshape(10, 2)
    history = trainer.fit(x.astype(np.uint8) // 10, x[:, :1] // 10, epochs=2, verbose=0)
    assert math.isfinite(history["loss"][-1])
    for dtype in (np.float32, np.float64, np.float16):
        history = trainer.fit(x.astype(np.float32) / 20, x[:, :1].astype(dtype) / 20, verbose=0)
        assert math.isfinite(history["loss"][0])
    assert trainer.predict(x.astype(np.float16)).dtype == nnx.float64


def test_validation_split_keeps_the_end() -> None:
    trainer = classifier()
    history = trainer.fit(X, LABELS, validation_split=0.25, epochs=1, verbose=0)
    assert history["val_loss"][0] == pytest.approx(
        trainer.evaluate(X[45:], LABELS[45:])["loss"], rel=1e-6
    )
    expected = classifier().fit(X[:45], LABELS[:45], epochs=1, verbose=0)
    assert history["loss"] == expected["loss"]


def test_shuffling_follows_the_seed() -> None:
    found = []
    for seed in (5, 5, 6):
        trainer = classifier()
        nnx.manual_seed(seed)
        found.append(trainer.fit(X, LABELS, epochs=2, batch_size=8, verbose=0)["loss"])
    assert found[0] == found[1] != found[2]
    trainer = classifier()
    g = nnx.Generator().manual_seed(5)
    assert (
        trainer.fit(X, LABELS, epochs=2, batch_size=8, verbose=0, generator=g)["loss"] == found[0]
    )


def test_modes_are_set_and_restored() -> None:
    seen: list[tuple[bool, bool]] = []

    class Watch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(4, 3)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            seen.append((self.training, nnx.is_grad_enabled()))
            return self.layer(x)

    for training in (True, False):
        model = Watch().train(training)
        trainer = nnx.Trainer(model, "cross_entropy")
        seen.clear()
        trainer.fit(X, LABELS, batch_size=60, validation_data=(X, LABELS), verbose=0)
        trainer.evaluate(X, LABELS)
        trainer.predict(X)
        assert seen == [(True, True), (False, False), (False, False), (False, False)]
        assert model.training is training


def test_callbacks() -> None:
    calls: list[Any] = []

    class Log:
        def on_train_begin(self) -> None:
            calls.append("begin")

        def on_epoch_begin(self, epoch: int) -> None:
            calls.append(epoch)

        def on_epoch_end(self, epoch: int, figures: dict[str, float]) -> None:
            calls.append((epoch, sorted(figures)))

        def on_train_end(self) -> None:
            calls.append("end")

    trainer = classifier()

    def stop(epoch: int, figures: dict[str, float]) -> None:
        trainer.stop_training = epoch == 1

    history = trainer.fit(X, LABELS, epochs=10, callbacks=[Log(), stop], verbose=0)
    assert calls == ["begin", 0, (0, ["accuracy", "loss"]), 1, (1, ["accuracy", "loss"]), "end"]
    assert len(history["loss"]) == 2
    trainer.fit(X, LABELS, callbacks=stop, verbose=0)
    with pytest.raises(nnx.DTypeError, match="on_epoch_end"):
        trainer.fit(X, LABELS, callbacks=[3], verbose=0)

    def fails(epoch: int, figures: dict[str, float]) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        trainer.fit(X, LABELS, callbacks=fails, verbose=0)
    assert trainer.fit(X, LABELS, verbose=0)["loss"]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    # A shell starts what it puts into the background with Ctrl-C ignored, and Python keeps that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_returns_the_history(ctrl_c: None) -> None:
    trainer = classifier()

    def interrupt(epoch: int, figures: dict[str, float]) -> None:
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    history = trainer.fit(X, LABELS, epochs=1000, callbacks=interrupt, verbose=0)
    assert history.interrupted and 3 <= len(history["loss"]) < 1000
    assert all(p.grad is None for p in trainer.model.parameters())
    assert trainer.model.training and nnx.is_grad_enabled()
    again = trainer.fit(X, LABELS, epochs=2, verbose=0)
    assert not again.interrupted and len(again["loss"]) == 2


def test_zero_epochs_and_empty_data() -> None:
    assert classifier().fit(X, LABELS, epochs=0, verbose=0) == {}
    history = classifier().fit(X[:0], LABELS[:0], verbose=0)
    assert math.isnan(history["loss"][0])
    assert math.isnan(classifier().evaluate(X[:0], LABELS[:0])["loss"])
    assert classifier().predict(X[:0]).shape == (0, 3)


# --- text -----------------------------------------------------------------------------------------


def test_lines_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    classifier().fit(X, LABELS, epochs=2, verbose=2)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2 loss ") and " s)" in lines[1]
    classifier().fit(X, LABELS, epochs=2, verbose=0)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("with_tqdm", [True, False])
def test_bar(with_tqdm: bool, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    if with_tqdm:
        pytest.importorskip("tqdm", reason="tqdm is not installed: there is no such bar")
    else:
        monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    stream = Terminal()
    bar = Progress(10, stream)
    assert (bar.bar is not None) is with_tqdm
    for i in range(1, 11):
        bar.update(i, f"loss {1 / i:.2f}")
    bar.print("a line")
    bar.close()
    text = stream.getvalue()
    assert "100%" in text and "10/10" in text and "loss 0.10" in text
    assert capsys.readouterr().out == "a line\n"


# --- what is refused ------------------------------------------------------------------------------

FITS: dict[str, tuple[Callable[[nnx.Trainer], Any], type[Exception]]] = {
    "lengths": (lambda t: t.fit(X, LABELS[:-1], verbose=0), nnx.ShapeError),
    "no y": (lambda t: t.fit(X, verbose=0), nnx.ArgumentError),
    "epochs": (lambda t: t.fit(X, LABELS, epochs=1.5, verbose=0), nnx.DTypeError),
    "negative epochs": (lambda t: t.fit(X, LABELS, epochs=-1, verbose=0), nnx.ArgumentError),
    "batch size": (lambda t: t.fit(X, LABELS, batch_size=0, verbose=0), nnx.ArgumentError),
    "verbose": (lambda t: t.fit(X, LABELS, verbose=7), nnx.ArgumentError),
    "split": (lambda t: t.fit(X, LABELS, validation_split=1.0, verbose=0), nnx.ArgumentError),
    "split of loader": (
        lambda t: t.fit(nnx.data.DataLoader(Pairs(X, LABELS)), validation_split=0.5, verbose=0),
        nnx.ArgumentError,
    ),
    "both": (
        lambda t: t.fit(X, LABELS, validation_split=0.5, validation_data=(X, LABELS), verbose=0),
        nnx.ArgumentError,
    ),
    "validation": (lambda t: t.fit(X, LABELS, validation_data=(X,), verbose=0), nnx.ArgumentError),
    "samples": (lambda t: t.fit("text", LABELS, verbose=0), nnx.DTypeError),
    "ragged": (lambda t: t.fit([[1.0], [1.0, 2.0]], [0, 1], verbose=0), nnx.DTypeError),
    "width": (lambda t: t.fit(X[:, :3], LABELS, verbose=0), nnx.ShapeError),
    "labels": (lambda t: t.fit(X, LABELS + 5, verbose=0), IndexError),
    "batch": (lambda t: t.fit(nnx.data.DataLoader([1.0, 2.0]), verbose=0), nnx.ArgumentError),
    "keyword": (lambda t: t.fit(X, LABELS, epoch=3), TypeError),
    "predict": (lambda t: t.predict(1.0), nnx.ShapeError),
    "evaluate": (lambda t: t.evaluate(X), nnx.ArgumentError),
}


@pytest.mark.parametrize("name", FITS)
def test_what_does_not_fit(name: str) -> None:
    trainer = classifier()
    before = trainer.predict(X).tolist()
    call, error = FITS[name]
    with pytest.raises(error) as caught:
        call(trainer)
    if name != "keyword":
        assert isinstance(caught.value, nnx.Error)
    assert trainer.predict(X).tolist() == before and nnx.is_grad_enabled()
    assert trainer.model.training


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nnx.Trainer(nn.Dense), nnx.DTypeError),
        (lambda: nnx.Trainer(3), nnx.DTypeError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), "msee"), nnx.ArgumentError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), 3), nnx.DTypeError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), "mse", "adamm"), nnx.ArgumentError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), "mse", 0.1), nnx.DTypeError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), "mse", "sgd", "acuracy"), nnx.ArgumentError),
        (lambda: nnx.Trainer(nn.Dense(1, 1), "mse", "sgd", [3]), nnx.ArgumentError),
        (lambda: nnx.Trainer(nn.ReLU(), "mse"), nnx.ArgumentError),
    ],
)
def test_parts_are_checked(make: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_parts_in_every_form() -> None:
    model = nn.Dense(1, 1)
    x = np.ones((4, 1), np.float32)
    for loss in (
        "mse",
        nn.MSELoss,
        nn.MSELoss(),
        nn.functional.mse_loss,
        lambda y, t: ((y - t) ** 2).mean(),
    ):
        for opt in (
            "sgd",
            "adam",
            "adamw",
            optim.Adam,
            lambda p: optim.SGD(p, lr=0.1),
            optim.SGD(model.parameters()),
        ):
            trainer = nnx.Trainer(model, loss, opt, ["mse", "mae", lambda y, t: (y - t).mean()])
            assert set(trainer.fit(x, x, verbose=0)) == {"loss", "mse", "mae", "<lambda>"}


# --- metrics --------------------------------------------------------------------------------------


def test_accuracy() -> None:
    scores = nnx.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [0.0, 5.0, 1.0], [1.0, 0.0, 0.5]])
    assert accuracy(scores, nnx.tensor([0, 2, 1, 1])) == 0.75
    assert accuracy(scores, nnx.nn.functional.one_hot(nnx.tensor([0, 2, 1, 1]), 3)) == 0.75
    assert accuracy(nnx.tensor([[1.0], [-1.0]]), nnx.tensor([[1.0], [1.0]])) == 0.5
    assert accuracy(nnx.tensor([1.0, -1.0]), nnx.tensor([1, 0])) == 1.0
    for bad in (nnx.zeros(2), nnx.zeros(1), nnx.zeros(4, 2), nnx.tensor(1)):
        with pytest.raises(nnx.ShapeError, match="labels"):
            accuracy(scores, bad)
    metric = Accuracy()
    assert math.isnan(metric.value)
    for part in (slice(0, 1), slice(1, 4)):
        metric.update(scores[part], nnx.tensor([0, 2, 1, 1])[part])
    assert metric.value == 0.75
    metric.reset()
    assert math.isnan(metric.value)
    mean = Metric("m", lambda y, t: y.mean())
    mean.update(nnx.tensor([1.0]), nnx.tensor([0]))
    mean.update(nnx.tensor([4.0, 4.0]), nnx.tensor([0, 0]))
    assert mean.value == 3.0


def test_confusion_matrix() -> None:
    rng = np.random.default_rng(1)
    t, p = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    m = confusion_matrix(t, nnx.tensor(p))
    assert m.dtype == nnx.int64 and m.shape == (4, 4)
    for i in range(4):
        for j in range(4):
            assert m[i, j].item() == ((t == i) & (p == j)).sum()
    assert confusion_matrix([0], [1], classes=5).shape == (5, 5)
    assert confusion_matrix([], [], classes=2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(nnx.ShapeError):
        confusion_matrix([0, 1], [0])
    for bad in ([5], [-1]):
        with pytest.raises(IndexError):
            confusion_matrix(bad, [0], classes=3)


def test_predict_takes_datasets_as_fit_does() -> None:
    trainer = classifier()
    expected = trainer.predict(X)
    pairs = nnx.data.TensorDataset(X, LABELS)
    for data in (pairs, nnx.data.TensorDataset(X), nnx.data.DataLoader(pairs, 7)):
        np.testing.assert_allclose(trainer.predict(data, batch_size=7), expected, rtol=1e-5)
    part = nnx.data.Subset(pairs, [5, 3, 59])
    np.testing.assert_allclose(trainer.predict(part), trainer.predict(X[[5, 3, 59]]), rtol=1e-5)


def test_lr_for_an_optimizer_that_takes_none() -> None:
    model = nn.Dense(2, 1)
    with pytest.raises(nnx.ArgumentError, match="given by name or by a class that takes lr"):
        nnx.Trainer(model, "mse", lambda params: optim.SGD(params, lr=0.1), lr=0.5)


def test_evaluate_prints_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = nnx.Trainer(nn.Dense(2, 1), "mse", metrics=["mae"])
    x, y = np.zeros((3, 2), np.float32), np.ones((3, 1), np.float32)
    quiet = trainer.evaluate(x, y)
    assert capsys.readouterr().out == ""
    assert trainer.evaluate(x, y, verbose=1) == quiet
    shown = capsys.readouterr().out
    assert shown == f"loss: {quiet['loss']:.4g} - mae: {quiet['mae']:.4g}\n"
    with pytest.raises(nnx.ArgumentError, match="verbose"):
        trainer.evaluate(x, y, verbose=3)
