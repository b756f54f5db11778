"""Run: the epochs of one call of `fit`, where it is in them, and how it goes on after a kill."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from time import perf_counter
from typing import Any

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError
from nnx.train.batches import Batches
from nnx.train.callbacks.base import Callbacks, Figures, TerminateOnNaN
from nnx.train.history import History
from nnx.train.lint import Advisor
from nnx.train.progress import Progress
from nnx.train.step import Batch, Step, Stop, modes
from nnx.train.watch import Watch, measure


class Run:
    """One call of `fit`: where it is, what it has added up, and how it goes on.

    `epoch` and `batch` say how many of each are done; callbacks find it as `trainer.run`.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> _ = trainer.fit([[1.0]] * 4, [[1.0]] * 4, epochs=3, batch_size=2, verbose=0)
        >>> trainer.run.epoch, trainer.run.steps
        (3, 2)
    """

    def __init__(
        self,
        trainer: Any,
        batches: Batches,
        validation: Batches | None,
        calls: Callbacks,
        epochs: int,
        first_epoch: int = 0,
        on_nan: str = "raise",
        validation_freq: int = 1,
    ) -> None:
        self.trainer, self.batches, self.validation, self.calls = (
            trainer,
            batches,
            validation,
            calls,
        )
        self.epochs = epochs
        self.validation_freq = validation_freq
        self.step = Step(trainer, on_nan)
        self.step.where = lambda: f"the loss of batch {self.batch + 1} in epoch {self.epoch + 1}"
        self.watch = Watch(trainer.metrics)
        self.steps = batches.steps()
        self.epoch = self.first_epoch = first_epoch
        self.batch = 0
        self.total, self.count = 0.0, 0
        self.resumed = False
        self.ended = False  # whether it was stopped before its last epoch
        self.epoch_random: dict[str, Any] | None = None  # the random state at the epoch's start
        self.bar: Progress | None = None
        self.verbose = 0
        self.printed = -math.inf
        self.advisor = Advisor(trainer) if trainer.hints else None

    # --- going on -------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on from here, the data excepted."""
        step = self.step
        gradients = None
        if step.waiting:
            gradients = {str(i): p.grad for i, p in enumerate(step.params()) if p.grad is not None}
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "steps": self.steps,
            "total": self.total,
            "count": self.count,
            "ended": self.ended or self.trainer.stop_training,
            "epoch_random": self.epoch_random if self.batch else None,
            "watch": self.watch.state_dict() if self.batch else None,
            "waiting": [step.waiting, step.samples],
            "gradients": gradients,
            "callbacks": self.calls.state(),
        }

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Continues a saved run; called before the first epoch.

        Raises: ArgumentError where data, metrics or callbacks are others than those of the run.
        """
        if state["steps"] != self.steps:
            rule = "a run must be resumed with the data and batch_size it was saved with"
            received = f"saved: {state['steps']} batches an epoch; now: {self.steps}"
            raise fail(ArgumentError, "fit", rule, received)
        self.epoch = self.first_epoch = state["epoch"]
        self.batch, self.total, self.count = state["batch"], state["total"], state["count"]
        self.ended = state["ended"]
        self.epoch_random = state["epoch_random"]
        if state["watch"] is not None:
            self.watch.load_state_dict(state["watch"])
        self.step.waiting, self.step.samples = state["waiting"]
        self.resumed = True

    def adopt_gradients(self, state: Mapping[str, Any]) -> None:
        """The gradients that wait for a step; called after the weights are in place."""
        params = self.step.params()
        for i, gradient in (state["gradients"] or {}).items():
            params[int(i)].grad = gradient

    # --- the loop -------------------------------------------------------------------------------
    def go(self, history: History, begin: Callable[[], None] | None = None) -> None:
        """Trains to the last epoch, or until told to stop. `begin` is called before the first."""
        trainer, calls = self.trainer, self.calls
        with modes(trainer.model, True):
            try:
                calls("fit_begin")
                if begin is not None:
                    begin()
                while self.epoch < self.epochs and not self.ended:
                    self._one_epoch(history)
                    stop = getattr(trainer.model, "stop_training", False)  # Keras's place for it
                    if trainer.stop_training or stop:
                        self.ended = True
                self.step.finish()
                if self.advisor is not None:
                    self.advisor.end()
                calls("fit_end")
            except KeyboardInterrupt:
                history.interrupted = True
                trainer.optimizer.zero_grad()
                self.step.waiting = self.step.samples = 0
                if self.bar is not None:
                    whole = len(history.seconds)
                    self.bar.print(f"stopped by the keyboard after {whole} whole epochs")
                calls("fit_end")
            finally:
                if self.bar is not None:
                    self.bar.close()
                calls("close")

    def _one_epoch(self, history: History) -> None:
        calls, epoch = self.calls, self.epoch
        if not self.batch:
            calls("epoch_begin", epoch)
        started = perf_counter()
        try:
            figures = self._train()
        except Stop as stop:
            calls.find(TerminateOnNaN).report = str(stop)
            self.trainer.stop_training = True
            figures = {"loss": math.nan}
            if self.bar is not None:
                self.bar.print(str(stop))
        if self.validation is not None and (epoch + 1) % self.validation_freq == 0:
            for name, value in measure(self.trainer, self.validation, calls).items():
                figures["val_" + name] = value
        calls("figures", figures)
        seconds = perf_counter() - started
        history.add(figures, seconds)
        if self.advisor is not None:
            self.advisor.epoch(self, figures["loss"])
        if self.bar is not None:
            self._show_epoch(figures, seconds)
        self.epoch, self.batch = epoch + 1, 0
        self.epoch_random = None
        calls("epoch_end", epoch, figures)

    def _train(self) -> Figures:
        trainer, watch = self.trainer, self.watch
        model = trainer.model
        if not getattr(model, "training", True):
            model.train(True)  # a callback has left it in evaluation mode
        begins, ends = self.calls.calls["batch_begin"], self.calls.calls["batch_end"]
        if not self.batch:
            self.total, self.count = 0.0, 0
            watch.reset()
            if begins or ends:
                self._remember()
        batches = self._source()
        take, bar = self.step.take, self.bar
        add = watch.add if watch.metrics else None
        scale = 1 if self.step.summed else 0
        before = self.epoch * (self.steps or 0)
        advisor = self.advisor if not self.batch and self.epoch == self.first_epoch else None
        for batch in batches:
            for call in begins:
                call(self.batch)
            value, output = take(batch)
            n = len(batch[1])
            self.count += n
            self.total += value * (scale or n)
            self.batch += 1
            if add is not None:
                add(output, batch[1])
            if advisor is not None:  # the first batch of the run
                advisor.first(self, batch, output)
                advisor = None
            if ends:
                for call in ends:
                    call(self.batch - 1, {"loss": value})
                if trainer.stop_training:
                    break
            if bar is not None and before + self.batch >= bar.due:
                bar.due = bar.update(before + self.batch, self._text())
        self.step.flush()
        watch.flush()
        return {"loss": self._loss(), **watch.figures()}

    def _loss(self) -> float:
        return self.total / self.count if self.count else math.nan

    def _remember(self) -> None:
        from nnx.train.checkpoint import random_state

        self.epoch_random = random_state(self.batches.generators())

    def _source(self) -> Iterator[Batch]:
        """The batches of this epoch that are still to come."""
        if not self.batch or not self.resumed or self.epoch != self.first_epoch:
            return iter(self.batches)
        from nnx.train.checkpoint import random_state, set_random_state

        generators = self.batches.generators()
        now = random_state(generators)
        if self.epoch_random is not None:
            set_random_state(self.epoch_random, generators)
        source = iter(self.batches)
        skipped = sum(1 for _ in islice(source, self.batch))
        if skipped < self.batch:
            rule = "a run must be resumed with the data it was saved with"
            received = f"it was saved after {self.batch} batches; now there are {skipped}"
            raise fail(ArgumentError, "fit", rule, received)
        set_random_state(now, generators)
        return source

    def preview(self) -> Iterator[Batch]:
        """The first batch, without a trace in the random numbers of the run."""
        from nnx.train.checkpoint import random_state, set_random_state

        generators = self.batches.generators()
        now = random_state(generators)
        try:
            yield from islice(iter(self.batches), 1)
        finally:
            set_random_state(now, generators)

    # --- text -----------------------------------------------------------------------------------
    def show(self, verbose: int) -> None:
        """Shows from now on how far the run is: 1 a bar, 2 a bar and a line an epoch."""
        _check.choice("fit", "verbose", int(verbose), (0, 1, 2))
        self.verbose = int(verbose)
        if verbose and self.steps != 0 and self.epochs > self.epoch:
            total = None if self.steps is None else self.steps * self.epochs
            self.bar = Progress(total, leave=verbose == 1)

    def _text(self) -> str:
        watched = self.watch.figures(cheap=True)
        known = {k: v for k, v in watched.items() if v == v}  # not before the first metric is in
        shown = text({"loss": self._loss(), **known})
        return f"epoch {self.epoch + 1}/{self.epochs} {shown}"

    def _show_epoch(self, figures: Figures, seconds: float) -> None:
        bar = self.bar
        assert bar is not None
        last = self.epoch + 1 >= self.epochs
        done = (self.epoch + 1) * (self.steps or 0) if self.steps else bar.done + self.batch
        # Without a bar every epoch gets a line, but a run of thousands not more than one a second.
        now = perf_counter()
        often = self.verbose == 2 or self.epochs <= 20 or last or now - self.printed >= 1
        prints = self.verbose == 2 or (not bar.live and often)
        if done >= bar.due or prints or last:
            line = f"epoch {self.epoch + 1}/{self.epochs} {text(figures)}"
            bar.due = bar.update(done, line)
            if prints:
                bar.print(f"{line} ({seconds:.2f} s)")
                self.printed = now


def text(figures: Figures) -> str:
    """How figures read in a line; what is no number is left out.

    Example:
        >>> nnx.train.loop.text({"loss": 0.5, "accuracy": 0.25})
        'loss 0.5000 accuracy 0.2500'
    """
    parts = []
    for name, value in figures.items():
        if isinstance(value, int | float):
            small = 0 < abs(value) < 1e-3
            parts.append(f"{name} {value:.2e}" if small else f"{name} {value:.4f}")
    return " ".join(parts)
