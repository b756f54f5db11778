"""Saving a run and going on with it: to the last bit, after any kill, never from a broken file."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

pytest.importorskip("safetensors", reason="safetensors is not installed: there are no checkpoints")

SCRIPT = pathlib.Path(__file__).with_name("killed_run.py")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [2.0], [-1.0]], np.float32)


# --- killed ---------------------------------------------------------------------------------------


def start(folder: pathlib.Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), str(folder / "run.ckpt"), str(folder / "result.json")]
    return subprocess.Popen([*command, *more], stderr=subprocess.PIPE)


def finish(folder: pathlib.Path) -> dict[str, Any]:
    process = start(folder)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    found = finish(folder)
    assert len(found["history"]["loss"]) == 6
    return found, (folder / "run.ckpt.csv").read_text()


def test_a_run_killed_at_random_moments_ends_with_the_same_numbers(
    undisturbed: tuple[dict[str, Any], str], tmp_path: pathlib.Path
) -> None:
    checkpoint = tmp_path / "run.ckpt"
    kills = 0
    for seed in range(4):
        process = start(tmp_path)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:  # until it has got ahead
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns > before:
                break
            time.sleep(0.005)
        time.sleep(random.Random(seed).random() * 0.08)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        process.communicate()
    assert kills >= 2  # on a slow machine the last one may have come too late
    found = finish(tmp_path)
    expected, table = undisturbed
    assert found == expected
    assert (tmp_path / "run.ckpt.csv").read_text() == table


def test_a_run_killed_while_it_saves(
    undisturbed: tuple[dict[str, Any], str], tmp_path: pathlib.Path
) -> None:
    for n in ("1", "4"):
        process = start(tmp_path, n)
        assert process.wait(timeout=120) == -signal.SIGKILL
        process.communicate()
        left = [p for p in tmp_path.iterdir() if p.suffix == ".part"]
        assert len(left) == 1  # written in full, and never put in place
        if n == "1":
            assert not (tmp_path / "run.ckpt").exists()
        else:
            assert nnx.load(tmp_path / "run.ckpt")["kind"] == "nnx.trainer"
    assert finish(tmp_path) == undisturbed[0]
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["result.json", "run.ckpt", "run.ckpt.csv"]  # what was left is cleared away


def test_without_a_checkpoint_it_would_be_another_run(
    undisturbed: tuple[dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers compared above do depend on what a checkpoint keeps."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import killed_run

    trainer, loader, callbacks = killed_run.build()
    trainer.fit(loader, epochs=killed_run.EPOCHS, verbose=0, seed=6, callbacks=callbacks)
    assert killed_run.numbers(trainer)["weights"] != undisturbed[0]["weights"]


# --- resumed in one process -----------------------------------------------------------------------

OPTIMIZERS = ["sgd", "momentum", "adam", "amsgrad", "adamw", "rmsprop", "adagrad", "adadelta"]
OPTIMIZERS += ["nadam", "radam", "adamax", "asgd", "rprop", "lbfgs", "muon"]


def regression(optimizer: Any = "adam", **options: Any) -> nnx.Trainer:
    nnx.manual_seed(2)
    model = nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Dense(8, 1))
    return nnx.Trainer(model, "mse", optimizer, ["mae", "r2"], **options)


class SaveAt(train.Callback):
    order = 9

    def __init__(self, epoch: int, batch: int | None, path: pathlib.Path) -> None:
        self.at, self.batch, self.path = epoch, batch, path

    def on_batch_end(self, batch: int, figures: dict[str, Any]) -> None:
        if self.trainer.run.epoch == self.at and batch == self.batch:
            self.trainer.save(self.path)

    def on_epoch_end(self, epoch: int, figures: dict[str, Any]) -> None:
        if epoch == self.at and self.batch is None:
            self.trainer.save(self.path)


def same(a: nnx.Trainer, b: nnx.Trainer) -> None:
    assert dict(a.history) == dict(b.history)
    theirs = b.model.state_dict()
    for name, tensor in a.model.state_dict().items():
        assert tensor.tolist() == theirs[name].tolist(), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes(optimizer: str, tmp_path: pathlib.Path) -> None:
    def weights_only() -> nnx.Trainer:  # Muon is for matrices
        return nnx.Trainer(nn.Dense(3, 1, bias=False), "mse", "muon", ["mae"])

    check(weights_only if optimizer == "muon" else lambda: regression(optimizer), (1, 2), tmp_path)


@pytest.mark.parametrize("at", [(0, 0), (0, 3), (1, 2), (1, 5), (2, None)])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_resumed_from_any_place(
    at: tuple[int, int | None], accumulate: int, tmp_path: pathlib.Path
) -> None:
    check(lambda: regression(accumulate=accumulate), at, tmp_path)


def check(
    make: Callable[[], nnx.Trainer], at: tuple[int, int | None], tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "a.ckpt"

    def fit(trainer: nnx.Trainer, *callbacks: Any, **options: Any) -> None:
        trainer.fit(
            X, Y, epochs=4, batch_size=8, validation_split=0.1, verbose=0, callbacks=callbacks,
            **options,
        )  # fmt: skip

    nnx.manual_seed(1)
    whole = make()
    fit(whole, SaveAt(*at, path), seed=4)
    nnx.manual_seed(99)
    resumed = make()
    fit(resumed, SaveAt(-1, None, path), seed=77, resume=path)
    same(whole, resumed)
    again = make().load(path)
    fit(again, SaveAt(-1, None, path), resume=True)
    same(whole, again)


def test_a_finished_run_goes_on(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.ckpt"
    whole = regression()
    whole.fit(X, Y, epochs=5, verbose=0, seed=1)
    first = regression()
    first.fit(X, Y, epochs=3, verbose=0, seed=1)
    first.save(path)
    second = regression()
    assert second.fit(X, Y, epochs=3, verbose=0, resume=path).epoch == [0, 1, 2]
    same(first, second)
    third = regression()
    third.fit(X, Y, epochs=5, verbose=0, resume=str(path))
    same(whole, third)


def test_what_stopped_early_stays_stopped(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.ckpt"

    def run() -> tuple[nnx.Trainer, train.EarlyStopping]:
        trainer = regression("sgd", lr=0.0)
        stop = train.EarlyStopping(monitor="mae", patience=2, mode="max")
        trainer.fit(
            X, Y, epochs=30, verbose=0, seed=1, callbacks=[train.BackupAndRestore(path), stop]
        )
        return trainer, stop

    a, first = run()
    b, second = run()
    same(a, b)
    assert len(a.history["loss"]) < 30
    assert first.stopped_epoch == second.stopped_epoch and first.best == second.best
    backup = train.BackupAndRestore(path, delete_checkpoint=True)
    last = regression("sgd", lr=0.0)
    last.fit(X, Y, epochs=1, verbose=0, callbacks=[backup, train.EarlyStopping("mae")])
    assert not path.exists()


def test_logs_have_every_epoch_once(tmp_path: pathlib.Path) -> None:
    path, table, lines = (tmp_path / name for name in ("a.ckpt", "a.csv", "a.jsonl"))

    def fit(at: int, **options: Any) -> tuple[str, str]:
        callbacks = [train.CSVLogger(table), train.JSONLogger(lines), SaveAt(at, 2, path)]
        trainer = regression()
        trainer.fit(X, Y, epochs=4, batch_size=8, callbacks=callbacks, verbose=0, seed=1, **options)
        return table.read_text(), lines.read_text()

    whole = fit(1)  # saved in the second epoch, whose line is then written, as if killed after it
    with open(table, "a") as file:
        file.write("4,0.1")  # cut off in the middle
    with open(lines, "a") as file:
        file.write('{"epoch": 4, "lo')
    assert fit(-1, resume=path) == whole
    assert [row.split(",")[0] for row in whole[0].splitlines()] == ["epoch", "0", "1", "2", "3"]


def test_what_waits_for_a_step_is_in_the_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.ckpt"
    regression(accumulate=3).fit(
        X, Y, batch_size=8, verbose=0, callbacks=SaveAt(0, 1, path), shuffle=False
    )
    state = nnx.load(path)["run"]
    assert state["waiting"] == [2, 16] and state["batch"] == 2
    assert sorted(state["gradients"]) == ["0", "1", "2", "3"]


# --- what does not fit, and what is broken --------------------------------------------------------


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "saved.ckpt"
    regression().fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=SaveAt(1, 3, path))
    return path


def test_a_run_of_other_parts_is_refused(saved: pathlib.Path) -> None:
    keep = SaveAt(-1, None, saved)
    other = nnx.Trainer(nn.Dense(3, 1), "mse", "adam", ["mae", "r2"])
    refused: list[tuple[nnx.Trainer, dict[str, Any], type[Exception], str]] = [
        (regression(), {"batch_size": 10}, nnx.ArgumentError, "batch_size"),
        (regression(), {"callbacks": train.EarlyStopping("loss")}, nnx.ArgumentError, "callbacks"),
        (regression(), {"generator": nnx.Generator()}, nnx.ArgumentError, "generators"),
        (other, {}, nnx.Error, "missing"),
        (regression(), {"resume": 3}, nnx.DTypeError, "resume"),
        (regression(), {"resume": True}, nnx.ArgumentError, "load"),
        (regression(), {"resume": str(saved) + ".no"}, nnx.MissingFileError, "exist"),
    ]
    for trainer, options, error, text in refused:
        before = {k: v.tolist() for k, v in trainer.model.state_dict().items()}
        merged = {"batch_size": 8, "callbacks": keep, "resume": saved, **options}
        with pytest.raises(error, match=text):
            trainer.fit(X, Y, epochs=4, verbose=0, **merged)
        if "callbacks" in options or "generator" in options:
            continue  # these are only found out once the run has begun
        assert {k: v.tolist() for k, v in trainer.model.state_dict().items()} == before
    metrics = nnx.Trainer(regression().model, "mse", "adam", ["mae"])
    with pytest.raises(nnx.ArgumentError, match="metrics"):
        metrics.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=keep, resume=saved)


def test_load_changes_nothing_unless_all_fits(saved: pathlib.Path) -> None:
    nnx.manual_seed(9)
    model = regression().model
    grouped = optim.Adam([{"params": [p]} for p in model.parameters()])
    for optimizer, text in ((grouped, "groups"), (optim.SGD(model.parameters()), "Adam there")):
        trainer = nnx.Trainer(model, "mse", optimizer)
        before = trainer.predict(X).tolist()
        with pytest.raises(nnx.ArgumentError, match=text):
            trainer.load(saved)
        assert trainer.predict(X).tolist() == before
    fresh = regression()
    fresh.save(saved)
    with pytest.raises(nnx.ArgumentError, match="before any fit"):
        regression().fit(X, Y, verbose=0, resume=saved)


def test_every_damage_is_noticed(saved: pathlib.Path) -> None:
    content = saved.read_bytes()
    trainer = regression()
    before = trainer.predict(X).tolist()
    rng = np.random.default_rng(1)
    broken = [content[: rng.integers(len(content))] for _ in range(20)] + [b"", content + b"\0"]
    for _ in range(80):  # a single bit
        flipped = bytearray(content)
        flipped[rng.integers(8, len(content))] ^= 1 << int(rng.integers(8))
        broken.append(bytes(flipped))
    for damaged in broken:
        saved.write_bytes(damaged)
        with pytest.raises(nnx.FileError):
            trainer.load(saved)
    assert trainer.predict(X).tolist() == before
    nnx.save(trainer.model, saved)
    with pytest.raises(nnx.FileError, match="checkpoint of a Trainer"):
        trainer.load(saved)


def no_space(*args: Any, **options: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def read_only(*args: Any, **options: Any) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize(
    ("module", "name", "fault", "text"),
    [
        (os, "fsync", no_space, "disk is full"),
        (os, "replace", no_space, "disk is full"),
        (tempfile, "mkstemp", read_only, "Read-only"),
    ],
)
def test_a_disk_that_fails(
    module: Any, name: str, fault: Any, text: str, saved: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before = saved.read_bytes()
    trainer = regression()
    keep = train.ModelCheckpoint(saved)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fault)
        with pytest.raises(nnx.FileError, match=text) as caught:
            trainer.fit(X, Y, epochs=5, verbose=0, callbacks=keep)
    assert isinstance(caught.value, OSError) and str(saved.name) in str(caught.value)
    assert saved.read_bytes() == before and [p.name for p in saved.parent.iterdir()] == [saved.name]
    assert len(trainer.history["loss"]) == 1  # what had been reached is there
    trainer.save(saved)
    assert regression().load(saved).history["loss"] == trainer.history["loss"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX limits")
def test_a_limit_of_the_system_on_the_size_of_files(saved: pathlib.Path) -> None:
    """A write that really comes to an end half-way."""
    program = f"""
import resource, signal, nnx
from nnx import nn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
trainer = nnx.Trainer(nn.Dense(300, 300), "mse")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    trainer.save({str(saved)!r})
except nnx.FileError as error:
    print("refused:", error)
"""
    before = saved.read_bytes()
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "refused: [save] the file cannot be written" in found.stdout, found.stderr
    assert saved.read_bytes() == before and [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_cannot_be_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for callback in (
        train.ModelCheckpoint(tmp_path / "file" / "below" / "x"),
        train.BackupAndRestore(tmp_path / "file" / "below" / "x"),
        train.CSVLogger(tmp_path / "file" / "log.csv"),
        train.JSONLogger(tmp_path / "none" / "log.jsonl"),
    ):
        with pytest.raises(nnx.FileError):
            regression().fit(X, Y, verbose=0, callbacks=callback)
