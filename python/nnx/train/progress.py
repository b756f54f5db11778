"""Progress: one line that shows how far a run is, drawn at most ten times a second."""

from __future__ import annotations

import shutil
import sys
from time import perf_counter
from typing import Any, TextIO

_INTERVAL = 0.1  # seconds between two drawings


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook.

    Example:
        >>> nnx.train.progress.in_notebook()
        False
    """
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Progress:
    """A bar of tqdm where it is installed, a line of our own otherwise, nothing where nobody
    looks (a file, a pipe).

    Args:
        total: steps of the whole run, None where they are not known.
        stream: where to draw; the error stream unless given.
        leave: whether the line stays when the run is over.

    Example:
        >>> bar = nnx.train.progress.Progress(10, stream=None)
        >>> bar.due = bar.update(5, "loss 0.5")
        >>> bar.close()
    """

    def __init__(self, total: int | None, stream: TextIO | None = None, leave: bool = True) -> None:
        # A notebook shows the two streams apart: there the bar goes where the lines go.
        notebook = in_notebook()
        self.stream = stream or (sys.stdout if notebook else sys.stderr)
        self.total = total
        self.leave = leave
        self.live = self.stream.isatty() or notebook
        self.started = self.drawn = perf_counter()
        self.width = 0
        self.done = 0
        self.due = 1
        self.bar: Any = None
        if self.live:
            try:
                from tqdm import tqdm
            except ImportError:
                return
            form = "{percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}] {desc}"
            if total is None:
                form = "{n_fmt} [{elapsed}] {desc}"
            self.bar = tqdm(
                total=total, file=self.stream, bar_format=form, leave=leave, dynamic_ncols=True
            )

    def update(self, done: int, text: str) -> int:
        """Shows that `done` steps are over; returns the step at which to call it again."""
        now = perf_counter()
        self.done = done
        ended = self.total is not None and done >= self.total
        if self.live and (now - self.drawn >= _INTERVAL or ended):
            self.drawn = now
            self._draw(done, text, now)
        rate = done / max(now - self.started, 1e-9)
        return done + max(1, int(rate * _INTERVAL))

    def _draw(self, done: int, text: str, now: float) -> None:
        if self.bar is not None:
            self.bar.set_description_str(text, refresh=False)
            self.bar.n = done
            self.bar.refresh()
            return
        elapsed = now - self.started
        if self.total is None:
            line = f"{done} [{elapsed:.0f}s] {text}"
        else:
            left = elapsed * (self.total - done) / max(done, 1)
            filled = 10 * done // max(self.total, 1)
            share = 100 * done // max(self.total, 1)
            bar = "#" * filled + "-" * (10 - filled)
            line = f"{share:3d}%|{bar}| {done}/{self.total} [{elapsed:.0f}s<{left:.0f}s] {text}"
        line = line[: shutil.get_terminal_size((120, 24)).columns - 1]
        self.stream.write("\r" + line.ljust(self.width))
        self.stream.flush()
        self.width = len(line)

    def print(self, line: str) -> None:
        """Prints a line to the output above the bar."""
        if self.bar is not None:
            self.bar.clear()
        else:
            self._clear()
        print(line, flush=True)
        if self.bar is not None:
            self.bar.refresh()

    def _clear(self) -> None:
        if self.live and self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.stream.flush()

    def close(self) -> None:
        """Ends the line, or takes it away."""
        if self.bar is not None:
            self.bar.close()
        elif not self.leave:
            self._clear()
        elif self.live and self.width:
            self.stream.write("\n")
            self.stream.flush()
