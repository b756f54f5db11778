"""Callbacks that stop a run in time, and that save it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from nnx import _check
from nnx._errors import FileError, describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor
from nnx.train.callbacks.base import Best, Callback, Figures


class EarlyStopping(Callback):
    """Ends a run when a figure no longer gets better, and brings back the best weights.

    Args:
        monitor: the figure to watch; "val_loss" needs validation data.
        min_delta: how much better is better.
        patience: how many epochs in a row may pass without that.
        verbose: whether to say when it stops.
        mode: "min", "max" or "auto"; see `callbacks.Best`.
        baseline: a value that has to be beaten from the start.
        restore_best_weights: whether the model has the weights of its best epoch when `fit`
            returns, also when it came to its last epoch or was stopped by Ctrl-C.
        start_from_epoch: how many epochs to let pass before watching.

    After the run `stopped_epoch` says when it stopped (None: not at all), `best_epoch` which one
    was best and `best` what the figure was then.

    Raises: ArgumentError where the run has no such figure.
    Source: Keras's EarlyStopping (whose restore_best_weights is off unless asked for).

    Example:
        >>> x = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.Adam, lr=0.0)
        >>> stop = nnx.train.EarlyStopping(monitor="loss", patience=2)
        >>> len(trainer.fit(x, x, epochs=50, callbacks=stop, shuffle=False, verbose=0).epoch)
        3
        >>> stop.best_epoch, stop.stopped_epoch
        (0, 2)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = True,
        start_from_epoch: int = 0,
    ) -> None:
        op = "EarlyStopping"
        self._best = Best(op, monitor, mode, min_delta, baseline)
        self.patience = _check.integer(op, "patience", patience)
        self.verbose = verbose
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = _check.integer(op, "start_from_epoch", start_from_epoch)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self._best.value = self._best.start
        self._weights: dict[str, Tensor] | None = None

    @property
    def best(self) -> float:
        """The best value so far.

        Example:
            >>> nnx.train.EarlyStopping(monitor="loss").best
            inf
        """
        return self._best.value

    def on_fit_begin(self) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        if epoch < self.start_from_epoch:
            self._best.read(figures)
            return
        if self._best.better(figures):
            self.wait = 0
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._weights = {k: t.clone() for k, t in self.model.state_dict().items()}
            return
        self.wait += 1
        if self.wait >= max(self.patience, 1):
            self.stopped_epoch = epoch
            self.trainer.stop_training = True
            if self.verbose:
                best = f"{self._best.monitor} was best ({self.best:.4g})"
                print(f"stopped after epoch {epoch + 1}: {best} in epoch {_one(self.best_epoch)}")

    def on_fit_end(self) -> None:
        if self._weights is not None:
            self.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {
            "wait": self.wait,
            "best": self._best.value,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "weights": self._weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.wait, self._best.value = state["wait"], state["best"]
        self.best_epoch, self.stopped_epoch = state["best_epoch"], state["stopped_epoch"]
        self._weights = state["weights"]


def _one(epoch: int | None) -> str:
    return "none" if epoch is None else str(epoch + 1)


class _Saver(Callback):
    """Base of what saves every so many epochs or batches."""

    def __init__(self, filepath: Any, save_freq: Any) -> None:
        op = type(self).__name__
        if not isinstance(filepath, str | os.PathLike):
            rule = "filepath must be a string or a Path"
            raise fail(DTypeError, op, rule, describe(filepath, "filepath"))
        self.filepath = os.fspath(filepath)
        self.every = 0  # batches; 0: each epoch
        if save_freq != "epoch":
            self.every = _check.integer(op, "save_freq", save_freq, 1)
        if not self.every:  # no call a batch where there is nothing to do
            self.on_batch_end = Callback().on_batch_end  # type: ignore[method-assign]

    batches = 0

    def on_batch_end(self, batch: int, figures: Figures) -> None:
        self.batches += 1
        if self.batches % self.every == 0:
            self._save(self.trainer.run.epoch, figures)

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        if not self.every:
            self._save(epoch, figures)

    def _save(self, epoch: int, figures: Figures) -> None:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches} if self.every else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.batches = state.get("batches", 0)


class ModelCheckpoint(_Saver):
    """Saves the model every so often, or whenever it is the best so far.

    Args:
        filepath: the file; "{epoch:02d}", "{val_loss:.2f}" and the names of other figures in it
            are filled in (the first epoch is 1). Missing folders are made.
        monitor: the figure that says what is best.
        save_best_only: whether only an improvement is saved.
        save_weights_only: True writes the model's tensors, for `nnx.load` and `load_state_dict`;
            False all that is needed to go on, for `Trainer.load` and `fit(resume=...)`.
        mode: "min", "max" or "auto"; see `callbacks.Best`.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that has to be beaten from the start.
        verbose: whether to say so.

    A file is replaced in one step: whatever happens, the old one or the new one is there, whole.

    Raises: ArgumentError for a figure that the run does not have, FileError where a file cannot
        be written.
    Source: Keras's ModelCheckpoint.

    Example:
        >>> import tempfile, os
        >>> folder = tempfile.mkdtemp()
        >>> save = nnx.train.ModelCheckpoint(folder + "/{epoch}-{loss:.0f}.safetensors")
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.SGD, lr=0.0)
        >>> zeros = np.zeros((4, 1))
        >>> trainer.model.bias.data = nnx.ones(1)
        >>> _ = trainer.fit(zeros, zeros, epochs=2, callbacks=save, verbose=0)
        >>> sorted(os.listdir(folder))
        ['1-1.safetensors', '2-1.safetensors']
    """

    order = 1

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(filepath, save_freq)
        self._best = Best("ModelCheckpoint", monitor, mode, 0.0, initial_value_threshold)
        self.save_best_only = bool(save_best_only)
        self.save_weights_only = bool(save_weights_only)
        self.verbose = verbose

    @property
    def best(self) -> float:
        """The best value so far.

        Example:
            >>> nnx.train.ModelCheckpoint("model.safetensors", monitor="accuracy").best
            -inf
        """
        return self._best.value

    def _save(self, epoch: int, figures: Figures) -> None:
        if self.save_best_only and not self._best.better(figures):
            return
        try:
            path = self.filepath.format(epoch=epoch + 1, batch=self.batches, **figures)
        except (KeyError, IndexError, ValueError) as error:
            rule = "filepath may only name figures that the run has"
            received = f"{self.filepath!r} ({type(error).__name__}: {error})"
            known = ", ".join(["epoch", "batch", *figures])
            raise fail(
                ArgumentError, "ModelCheckpoint", rule, received, f"it has {known}"
            ) from None
        _make_folder(path)
        if self.save_weights_only:
            from nnx.io import save

            save(self.model, path)
        else:
            self.trainer.save(path)
        if self.verbose:
            print(f"epoch {epoch + 1}: saved {path}")

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best": self._best.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._best.value = state["best"]


class BackupAndRestore(_Saver):
    """Saves the whole run every so often, and goes on with it where the file is there already.

    A script that was killed and is started again ends with the numbers it would have had, to the
    last bit: see `Trainer.save`.

    Args:
        filepath: the file.
        save_freq: "epoch", or a number of batches.
        delete_checkpoint: whether the file is removed when the run has come to its end. Off
            unless asked for: a finished run that is started again then trains anew.

    Raises: FileError where the file cannot be written, or is not whole; MissingPackageError
        without safetensors.
    Source: Keras's BackupAndRestore.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
        >>> def run(epochs):
        ...     _ = nnx.manual_seed(0)
        ...     trainer = nnx.Trainer(nn.Dense(1, 1), "mse", "adam")
        ...     keep = nnx.train.BackupAndRestore(path)
        ...     x = np.ones((4, 1))
        ...     return trainer.fit(x, x, epochs=epochs, callbacks=keep, verbose=0)
        >>> len(run(2).epoch), len(run(5).epoch)
        (2, 5)
    """

    order = 2

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        save_freq: Any = "epoch",
        delete_checkpoint: bool = False,
    ) -> None:
        super().__init__(filepath, save_freq)
        self.delete_checkpoint = bool(delete_checkpoint)

    def set_trainer(self, trainer: Any) -> None:
        super().set_trainer(trainer)
        _make_folder(self.filepath)

    def _save(self, epoch: int, figures: Figures) -> None:
        self.trainer.save(self.filepath)

    def on_fit_end(self) -> None:
        if self.delete_checkpoint and not self.trainer.history.interrupted:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.filepath)


def _make_folder(path: str) -> None:
    folder = os.path.dirname(path)
    if not folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        rule = "the folder for checkpoints cannot be made"
        raise fail(FileError, "fit", rule, f"{folder} ({error})") from error
