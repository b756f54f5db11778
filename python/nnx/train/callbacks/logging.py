"""Callbacks that write the figures of every epoch to a file: CSVLogger, JSONLogger."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from typing import Any

from nnx._errors import FileError, describe, fail
from nnx._nnx import DTypeError, Tensor
from nnx.io import replace_file
from nnx.train.callbacks.base import Callback, Figures


class _FileLogger(Callback):
    """Base of loggers of one line an epoch. Every line is on disk when the epoch is over."""

    order = 1

    def __init__(self, filename: str | os.PathLike[str], append: bool) -> None:
        op = type(self).__name__
        if not isinstance(filename, str | os.PathLike):
            rule = "filename must be a string or a Path"
            raise fail(DTypeError, op, rule, describe(filename, "filename"))
        self.filename = os.fspath(filename)
        self.append = bool(append)

    def on_fit_begin(self) -> None:
        run = self.trainer.run
        try:
            if run.resumed and os.path.exists(self.filename):
                # The lines of epochs that are trained again are written again.
                with open(self.filename, encoding="utf-8", newline="") as file:
                    lines = file.read().splitlines(keepends=True)
                kept = "".join(line for line in lines if self._before(line, run.first_epoch))
                self._replace(kept)
            elif not self.append or not os.path.exists(self.filename):
                self._replace("")
        except OSError as error:
            raise self._failed(error) from error

    def _replace(self, text: str) -> None:
        def write(path: str) -> None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)

        replace_file(type(self).__name__, self.filename, write)

    def _write(self, text: str) -> None:
        try:
            with open(self.filename, "a", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Exception:
        if isinstance(error, FileError):
            return error
        op, rule = type(self).__name__, "the file cannot be written"
        return fail(FileError, op, rule, f"{self.filename} ({error})")

    def _before(self, line: str, epoch: int) -> bool:
        raise NotImplementedError


class CSVLogger(_FileLogger):
    """Writes a table of the figures: a line an epoch, the first column the epoch from 0.

    Args:
        filename: the file; one that is there is replaced.
        separator: what stands between two columns.
        append: whether lines are added to a file that is there.

    A resumed run goes on with its file. What is not a number (a confusion matrix) is left out.

    Raises: FileError where the file cannot be written.
    Source: Keras's CSVLogger.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.SGD, lr=0.0)
        >>> trainer.model.bias.data = nnx.ones(1)
        >>> log = nnx.train.CSVLogger(path)
        >>> _ = trainer.fit([[0.0]], [[0.0]], epochs=2, callbacks=log, verbose=0)
        >>> print(open(path).read())
        epoch,loss
        0,1.0
        1,1.0
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__(filename, append)
        if not isinstance(separator, str) or len(separator) != 1:
            rule = "separator must be one character"
            raise fail(DTypeError, "CSVLogger", rule, describe(separator, "separator"))
        self.separator = separator
        self._columns: list[str] = []

    def on_fit_begin(self) -> None:
        super().on_fit_begin()
        self._columns = []
        with open(self.filename, encoding="utf-8", newline="") as file:
            first = next(csv.reader(file, delimiter=self.separator), None)
        if first:
            self._columns = first[1:]

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.separator, lineterminator="\n")
        if not self._columns:
            self._columns = [k for k, v in figures.items() if isinstance(v, int | float)]
            writer.writerow(["epoch", *self._columns])
        writer.writerow([epoch, *(figures.get(name, "") for name in self._columns)])
        self._write(text.getvalue())

    def _before(self, line: str, epoch: int) -> bool:
        first = line.split(self.separator, 1)[0].strip()
        return first == "epoch" or (line.endswith("\n") and first.isdigit() and int(first) < epoch)


class JSONLogger(_FileLogger):
    """Writes the figures as JSON, one object and one line an epoch ("JSON Lines").

    Args:
        filename: the file; one that is there is replaced.
        append: whether lines are added to a file that is there.

    Numbers that are not finite become null. A resumed run goes on with its file.

    Raises: FileError where the file cannot be written.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "log.jsonl")
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.SGD, lr=0.0)
        >>> trainer.model.bias.data = nnx.ones(1)
        >>> log = nnx.train.JSONLogger(path)
        >>> _ = trainer.fit([[0.0]], [[0.0]], epochs=2, callbacks=log, verbose=0)
        >>> print(open(path).read())
        {"epoch": 0, "loss": 1.0}
        {"epoch": 1, "loss": 1.0}
    """

    def __init__(self, filename: str | os.PathLike[str], append: bool = False) -> None:
        super().__init__(filename, append)

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        row = {"epoch": epoch, **{name: _plain(value) for name, value in figures.items()}}
        self._write(json.dumps(row, allow_nan=False) + "\n")

    def _before(self, line: str, epoch: int) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            return False
        return isinstance(row, dict) and row.get("epoch", epoch) < epoch


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor) or hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
