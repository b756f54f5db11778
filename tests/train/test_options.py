"""What a Trainer is made with and what fit takes: weights, accumulation, clipping, names."""

from __future__ import annotations

import json
import pathlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

RNG = np.random.default_rng(5)
X = RNG.normal(size=(24, 3))
Y = RNG.normal(size=(24, 1))
LABELS = RNG.integers(0, 4, 24)
W = RNG.random(24)


class Line:
    """A linear model of float64 with its gradients written out by hand."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        self.w, self.b = rng.normal(size=(1, 3)), rng.normal(size=1)

    def model(self) -> nn.Dense:
        layer = nn.Dense(3, 1, dtype=nnx.float64)
        layer.load_state_dict({"weight": self.w, "bias": self.b})
        return layer

    def gradient(self, x: Any, y: Any, factor: Any) -> tuple[Any, Any]:
        """Of sum factor (x w + b - y)^2."""
        d = 2 * (x @ self.w.T + self.b - y) * np.asarray(factor).reshape(-1, 1)
        return d.T @ x, d.sum(axis=0)


def after_one_epoch(batch: int, **options: Any) -> tuple[Any, Any]:
    fit = {k: options.pop(k) for k in ("sample_weight",) if k in options}
    model = Line().model()
    trainer = nnx.Trainer(model, "mse", optim.SGD, lr=0.1, **options)
    trainer.fit(X, Y, batch_size=batch, shuffle=False, verbose=0, **fit)
    return np.array(model.weight.tolist()), np.array(model.bias.tolist())


def test_weights_of_samples_by_hand() -> None:
    line = Line()
    gw, gb = line.gradient(X, Y, W / 24)
    w, b = after_one_epoch(24, sample_weight=W)
    np.testing.assert_allclose(w, line.w - 0.1 * gw, rtol=1e-12)
    np.testing.assert_allclose(b, line.b - 0.1 * gb, rtol=1e-12)
    plain = after_one_epoch(7)
    ones = after_one_epoch(7, sample_weight=np.ones((24, 1)))
    np.testing.assert_allclose(plain[0], ones[0], rtol=1e-12)


def test_losses_are_weighted_too() -> None:
    line = Line()
    errors = (X @ line.w.T + line.b - Y)[:, 0] ** 2
    trainer = nnx.Trainer(line.model(), "mse", optim.SGD, lr=0.0)
    for found in (
        trainer.evaluate(X, Y, batch_size=7, sample_weight=W)["loss"],
        trainer.fit(X, Y, batch_size=7, sample_weight=W, verbose=0)["loss"][0],
        trainer.fit(X, Y, validation_data=(X, Y, W), verbose=0)["val_loss"][0],
        trainer.fit_one_batch(X, Y, W)["loss"],
    ):
        assert found == pytest.approx((errors * W).mean(), rel=1e-12)
    loader = nnx.data.DataLoader(nnx.data.TensorDataset(X, Y, W), batch_size=5)
    assert trainer.evaluate(loader)["loss"] == pytest.approx((errors * W).mean(), rel=1e-12)
    split = trainer.fit(X, Y, sample_weight=W, validation_split=0.25, verbose=0)
    assert split["val_loss"][0] == pytest.approx((errors * W)[18:].mean(), rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_class_weights_are_weights_of_samples(reduction: str) -> None:
    nnx.manual_seed(0)
    model = nn.Dense(3, 4)
    loss = nn.CrossEntropyLoss(reduction=reduction)
    trainer = nnx.Trainer(model, loss, optim.SGD, lr=0.0)
    weights = {0: 2.0, 3: 0.5}
    each = np.array([weights.get(int(label), 1.0) for label in LABELS])
    scores = np.asarray(trainer.predict(X), dtype=np.float64)
    own = -(scores - np.log(np.exp(scores).sum(1, keepdims=True)))[np.arange(24), LABELS]
    expected = (own * each).mean()
    for given in (weights, [2.0, 1.0, 1.0, 0.5]):
        found = trainer.fit(X, LABELS, class_weight=given, batch_size=6, verbose=0)["loss"][0]
        assert found == pytest.approx(expected, rel=1e-5)
    both = trainer.fit(X, LABELS, class_weight=weights, sample_weight=W, verbose=0)["loss"][0]
    assert both == pytest.approx((own * each * W).mean(), rel=1e-5)
    pairs = [(a, int(b)) for a, b in zip(X.astype(np.float32), LABELS, strict=True)]
    loader = nnx.data.DataLoader(Listed(pairs), batch_size=6)
    assert trainer.fit(loader, class_weight=weights, verbose=0)["loss"][0] == pytest.approx(
        expected, rel=1e-5
    )


class Listed:
    def __init__(self, pairs: list[Any]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Any:
        return self.pairs[i]


@pytest.mark.parametrize("sizes", [(8, 3), (5, 5), (7, 2)])
def test_accumulated_batches_step_like_one(sizes: tuple[int, int]) -> None:
    batch, times = sizes
    small = after_one_epoch(batch, accumulate=times)
    # The same steps by hand: of the samples of `times` batches each.
    line = Line()
    for start in range(0, 24, batch * times):
        x, y = X[start : start + batch * times], Y[start : start + batch * times]
        gw, gb = line.gradient(x, y, np.full(len(x), 1 / len(x)))
        line.w, line.b = line.w - 0.1 * gw, line.b - 0.1 * gb
    np.testing.assert_allclose(small[0], line.w, rtol=1e-12)
    np.testing.assert_allclose(small[1], line.b, rtol=1e-12)


def test_clipping_by_hand() -> None:
    line = Line()
    gw, gb = line.gradient(X, Y, np.full(24, 1 / 24))
    norm = np.sqrt((gw**2).sum() + (gb**2).sum())
    w, b = after_one_epoch(24, clip_norm=norm / 3)
    np.testing.assert_allclose(w, line.w - 0.1 * gw / 3, rtol=1e-5)
    np.testing.assert_allclose(b, line.b - 0.1 * gb / 3, rtol=1e-5)
    w, b = after_one_epoch(24, clip_norm=norm * 3)
    np.testing.assert_allclose(w, line.w - 0.1 * gw, rtol=1e-12)
    limit = float(np.abs(gw).max()) / 2
    w, b = after_one_epoch(24, clip_value=limit)
    np.testing.assert_allclose(w, line.w - 0.1 * np.clip(gw, -limit, limit), rtol=1e-12)
    np.testing.assert_allclose(b, line.b - 0.1 * np.clip(gb, -limit, limit), rtol=1e-12)


def test_penalties_by_hand() -> None:
    line = Line()
    gw, gb = line.gradient(X, Y, np.full(24, 1 / 24))
    w, b = after_one_epoch(24, l1=0.3, l2=0.2)
    np.testing.assert_allclose(w, line.w - 0.1 * (gw + 0.3 * np.sign(line.w) + 0.4 * line.w))
    np.testing.assert_allclose(b, line.b - 0.1 * gb)  # the bias is free
    loss = ((X @ line.w.T + line.b - Y) ** 2).mean()
    loss += 0.3 * np.abs(line.w).sum() + 0.2 * (line.w**2).sum()
    trainer = nnx.Trainer(line.model(), "mse", optim.SGD, lr=0.0, l1=0.3, l2=0.2)
    assert trainer.evaluate(X, Y, batch_size=5)["loss"] == pytest.approx(loss, rel=1e-12)
    assert trainer.fit(X, Y, batch_size=6, verbose=0)["loss"][0] == pytest.approx(loss, rel=1e-12)
    norm = nn.Sequential(nn.Dense(3, 1), nn.LayerNorm(1))
    assert len(train.step.Penalty(norm, 1.0, 0.0).weights) == 1


def test_lbfgs_finds_the_least_squares_solution() -> None:
    model = nn.Dense(3, 1, dtype=nnx.float64)
    trainer = nnx.Trainer(model, "mse", "lbfgs")
    history = trainer.fit(X, Y, epochs=5, batch_size=24, verbose=0)
    design = np.c_[X, np.ones(24)]
    best, *_ = np.linalg.lstsq(design, Y, rcond=None)
    found = np.r_[np.array(model.weight.tolist())[0], model.bias.tolist()]
    np.testing.assert_allclose(found, best[:, 0], rtol=1e-5)
    assert history["loss"][-1] == pytest.approx(((design @ best - Y) ** 2).mean(), rel=1e-8)
    with pytest.raises(nnx.ArgumentError, match="accumulate"):
        nnx.Trainer(model, "mse", "lbfgs", accumulate=2).fit(X, Y, verbose=0)


def test_fit_one_batch_is_a_step_of_fit() -> None:
    nnx.manual_seed(1)
    a, b = nn.Dense(3, 4), nn.Dense(3, 4)
    b.load_state_dict(a.state_dict())
    one = nnx.Trainer(a, "cross_entropy", "adam", "accuracy")
    two = nnx.Trainer(b, "cross_entropy", "adam", "accuracy")
    figures = one.fit_one_batch(X, LABELS)
    history = two.fit(X, LABELS, batch_size=24, shuffle=False, verbose=0)
    assert figures == {name: values[0] for name, values in history.items()}
    assert a.weight.tolist() == b.weight.tolist()
    assert train.Trainer.train_on_batch is train.Trainer.fit_one_batch


# --- names ----------------------------------------------------------------------------------------

POSITIVE = np.abs(Y) / 4
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, t: ((y - t) ** 2).mean(),
    "mae": lambda y, t: np.abs(y - t).mean(),
    "l1": lambda y, t: np.abs(y - t).mean(),
    "huber": lambda y, t: np.where(np.abs(y - t) < 1, (y - t) ** 2 / 2, np.abs(y - t) - 0.5).mean(),
    "smooth_l1": lambda y, t: np.where(
        np.abs(y - t) < 1, (y - t) ** 2 / 2, np.abs(y - t) - 0.5
    ).mean(),
    "bce_with_logits": lambda y, t: (np.log1p(np.exp(y)) - t * y).mean(),
    "poisson_nll": lambda y, t: (np.exp(y) - t * y).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_name(name: str) -> None:
    line = Line()
    expected = LOSSES[name](X @ line.w.T + line.b, POSITIVE)
    found = nnx.Trainer(line.model(), name, "sgd").evaluate(X, POSITIVE)["loss"]
    assert found == pytest.approx(expected, rel=1e-10)


def test_losses_of_probabilities_by_name() -> None:
    line = Line()
    p = 1 / (1 + np.exp(-(X @ line.w.T + line.b)))
    model = nn.Sequential(line.model(), nn.Sigmoid())
    expected = -(POSITIVE * np.log(p) + (1 - POSITIVE) * np.log(1 - p)).mean()
    for name in ("bce", "binary_crossentropy"):
        found = nnx.Trainer(model, name, "sgd").evaluate(X, POSITIVE)["loss"]
        assert found == pytest.approx(expected, rel=1e-10)
    nnx.manual_seed(0)
    scores = nn.Dense(3, 4)
    plain = nnx.Trainer(scores, "cross_entropy", "sgd").evaluate(X, LABELS)
    logs = nn.Sequential(scores, nn.LogSoftmax(1))
    assert nnx.Trainer(logs, "nll", "sgd").evaluate(X, LABELS) == pytest.approx(plain, rel=1e-5)
    for name in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        assert nnx.Trainer(scores, name, "sgd").evaluate(X, LABELS) == plain


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", optim.SGD), ("momentum", optim.SGD), ("adam", optim.Adam), ("adamw", optim.AdamW),
        ("amsgrad", optim.Adam), ("nadam", optim.NAdam), ("radam", optim.RAdam),
        ("rmsprop", optim.RMSprop), ("adagrad", optim.Adagrad), ("adadelta", optim.Adadelta),
        ("lbfgs", optim.LBFGS), ("adamax", optim.Adamax), ("asgd", optim.ASGD),
        ("rprop", optim.Rprop),
    ],
)  # fmt: skip
def test_optimizers_by_name(name: str, kind: type) -> None:
    trainer = nnx.Trainer(nn.Dense(3, 1), "mse", name)
    assert type(trainer.optimizer) is kind
    before = trainer.evaluate(X, Y)["loss"]
    assert trainer.fit(X, Y, epochs=3, verbose=0)["loss"][-1] < before
    assert nnx.Trainer(nn.Dense(3, 1), "mse", name, lr=0.25).optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"optimizer": "adm"}, nnx.ArgumentError, "did you mean 'adam'"),
        ({"loss": "huuber"}, nnx.ArgumentError, "did you mean 'huber'"),
        ({"accumulate": 0}, nnx.ArgumentError, "accumulate"),
        ({"clip_norm": -1.0}, nnx.ArgumentError, "clip_norm"),
        ({"clip_value": "1"}, nnx.DTypeError, "clip_value"),
        ({"l1": -0.1}, nnx.ArgumentError, "l1"),
        ({"l2": float("nan")}, nnx.ArgumentError, "l2"),
        ({"lr": -1.0}, nnx.ArgumentError, "lr"),
        ({"model": lambda x: x}, nnx.DTypeError, "parameters"),
    ],
)
def test_trainers_that_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        nnx.Trainer(**{"model": nn.Dense(3, 1), **options})
    made = optim.SGD(nn.Dense(3, 1).parameters())
    with pytest.raises(nnx.ArgumentError, match="has its own"):
        nnx.Trainer(nn.Dense(3, 1), "mse", made, lr=0.1)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"sample_weight": W[:-1]}, nnx.ShapeError, "sample_weight"),
        ({"class_weight": 3}, nnx.DTypeError, "class_weight"),
        ({"class_weight": {0: "a"}}, nnx.DTypeError, "class_weight"),
        ({"class_weight": {-1: 1.0}}, nnx.ArgumentError, "class"),
        ({"on_nan": "rais"}, nnx.ArgumentError, "did you mean 'raise'"),
        ({"initial_epoch": -1}, nnx.ArgumentError, "initial_epoch"),
        ({"validation_freq": 0}, nnx.ArgumentError, "validation_freq"),
        ({"seed": "a"}, nnx.DTypeError, "seed"),
    ],
)
def test_fits_that_are_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        nnx.Trainer(nn.Dense(3, 1)).fit(X, Y, verbose=0, **options)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (lambda y, t: (y - t) ** 2, "one number"),
        (lambda y, t: 0.5, "one number"),
        (nn.MSELoss(reduction="none"), "one number"),
    ],
)
def test_losses_that_are_no_number(loss: Any, text: str) -> None:
    with pytest.raises(nnx.DTypeError, match=text):
        nnx.Trainer(nn.Dense(3, 1), loss).fit(X, Y, verbose=0)
    with pytest.raises(nnx.ShapeError, match="one number a sample"):
        nnx.Trainer(nn.Dense(3, 1), lambda y, t: ((y - t) ** 2).mean()).fit(
            X, Y, sample_weight=W, verbose=0
        )


# --- data -----------------------------------------------------------------------------------------


class Stream:
    """Batches without a length, anew each time."""

    def __iter__(self) -> Iterator[Any]:
        for i in range(0, 24, 8):
            yield X[i : i + 8], Y[i : i + 8]


def test_batches_without_a_length(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line()
    a = nnx.Trainer(line.model(), "mse", "sgd")
    b = nnx.Trainer(line.model(), "mse", "sgd")
    assert dict(a.fit(Stream(), epochs=3, verbose=2)) == dict(
        b.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    )
    assert capsys.readouterr().out.count("epoch 3/3") == 1
    assert a.evaluate(Stream()) == pytest.approx(b.evaluate(X, Y), rel=1e-12)
    assert a.predict(Stream()).tolist() == b.predict(X).tolist()
    with pytest.raises(nnx.ArgumentError, match="used up"):
        a.fit(iter(Stream()), verbose=0)


def test_datasets_that_only_iterate() -> None:
    class Rows(nnx.data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return iter(list(zip(X, Y, strict=True)))

    line = Line()
    a = nnx.Trainer(line.model(), "mse", "sgd")
    b = nnx.Trainer(line.model(), "mse", "sgd")
    found = a.fit(Rows(), epochs=3, batch_size=7, verbose=0)["loss"]
    assert found == b.fit(X, Y, epochs=3, batch_size=7, shuffle=False, verbose=0)["loss"]


def test_torchs_loaders_are_loaders() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.data import DataLoader, TensorDataset

    line = Line()
    a = nnx.Trainer(line.model(), "mse", "sgd")
    b = nnx.Trainer(line.model(), "mse", "sgd")
    theirs = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=7)
    found = a.fit(theirs, epochs=2, verbose=0)["loss"]
    assert found == b.fit(X, Y, epochs=2, batch_size=7, shuffle=False, verbose=0)["loss"]


def test_predict_takes_loaders() -> None:
    trainer = nnx.Trainer(Line().model(), "mse", "sgd")
    whole = trainer.predict(X).tolist()
    for dataset in (nnx.data.TensorDataset(X, Y), nnx.data.TensorDataset(X)):
        loader = nnx.data.DataLoader(dataset, batch_size=7)
        np.testing.assert_allclose(trainer.predict(loader).tolist(), whole, rtol=1e-12)

    class Two(nn.Module):
        def forward(self, x: nnx.Tensor) -> Any:
            return x, x * 2

    given = [nnx.ones(1, requires_grad=True)]
    two = nnx.Trainer(Two(), "mse", optim.SGD(given)).predict(X, batch_size=5)
    np.testing.assert_allclose(two[1].tolist(), 2 * X, rtol=1e-6)


def test_integers_stay_for_an_embedding() -> None:
    nnx.manual_seed(0)
    model = nn.Sequential(nn.Embedding(4, 2), nn.Flatten(), nn.Dense(4, 1))
    trainer = nnx.Trainer(model, "mse", "sgd")
    words = RNG.integers(0, 4, (24, 2))
    assert np.isfinite(trainer.fit(words, Y, verbose=0)["loss"][0])
    assert trainer.predict(words).shape == (24, 1)


def test_a_seed_settles_all_random_numbers() -> None:
    class Noise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            noise = random.random() + np.random.random()  # noqa: NPY002
            return nn.functional.dropout(self.layer(x), 0.5) + noise

    found = []
    for seed in (1, 1, 2):
        nnx.manual_seed(0)
        trainer = nnx.Trainer(Noise(), "mse", "sgd")
        nnx.rand(seed)
        found.append(trainer.fit(X, Y, batch_size=5, epochs=2, seed=seed, verbose=0)["loss"])
    assert found[0] == found[1] != found[2]


def test_epochs_and_validation_when_asked() -> None:
    trainer = nnx.Trainer(Line().model(), "mse", "sgd")
    history = trainer.fit(
        X, Y, initial_epoch=3, epochs=8, validation_data=(X, Y), validation_freq=2, verbose=0
    )
    assert history.epoch == [3, 4, 5, 6, 7] and len(history["loss"]) == 5
    assert len(history["val_loss"]) == 3


def test_long_runs_do_not_print_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = nnx.Trainer(Line().model(), "mse", "sgd")
    trainer.fit(X, Y, epochs=20)
    assert len(capsys.readouterr().out.splitlines()) == 20
    trainer.fit(X, Y, epochs=500)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 250 and lines[-1].startswith("epoch 500/500 loss ")


def test_modes_of_single_modules_come_back() -> None:
    model = nn.Sequential(nn.Dense(3, 2), nn.BatchNorm1d(2), nn.Dense(2, 1))
    model[1].eval()
    trainer = nnx.Trainer(model, "mse", "sgd")
    trainer.fit(X, Y, validation_data=(X, Y), verbose=0)
    trainer.predict(X)
    assert [m.training for m in model] == [True, False, True] and model.training


# --- history --------------------------------------------------------------------------------------


def test_history_to_pandas_and_plot(tmp_path: pathlib.Path) -> None:
    trainer = nnx.Trainer(Line().model(), "mse", "sgd", ["mae"])
    history = trainer.fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = history.to_pandas()
    assert list(frame.columns) == ["loss", "mae", "val_loss", "val_mae", "seconds"]
    assert frame.index.tolist() == [0, 1, 2, 3] and frame.index.name == "epoch"
    assert frame["loss"].tolist() == history["loss"]
    assert pandas.isna(frame["val_loss"][0])
    assert json.loads(json.dumps(history))["loss"] == history["loss"]
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    panels = history.plot()
    assert [ax.get_ylabel() for ax in panels] == ["loss", "mae"]
    assert list(panels[0].get_lines()[0].get_ydata()) == history["loss"]
    panels[0].figure.savefig(tmp_path / "history.png")
    one = history.plot("mae")
    assert list(one.get_lines()[0].get_ydata()) == history["mae"]
    assert history.plot("loss", one) is one
    with pytest.raises(nnx.ArgumentError, match="one of the figures"):
        history.plot(axes=one)
    for bad in ("nothing", []):
        with pytest.raises(nnx.ArgumentError, match="figures"):
            history.plot(bad)
    with pytest.raises(nnx.ArgumentError, match="empty"):
        train.History().plot()


def test_missing_packages_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("pandas", "tensorboard", "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(nnx.MissingPackageError, match="pip install"):
        train.History().to_pandas()
    with pytest.raises(nnx.MissingPackageError, match=r"pip install .*(tensorboard|log)"):
        train.TensorBoard("logs")
