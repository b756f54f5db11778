"""Callbacks of the learning rate: LRScheduler follows a schedule, LearningRateFinder proposes one
rate to start from."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.train.callbacks.base import Callback, Figures


def learning_rate(optimizer: Any) -> float:
    """The learning rate of an optimiser's first group.

    Example:
        >>> opt = optim.SGD([nnx.ones(1, requires_grad=True)], lr=0.5)
        >>> nnx.train.callbacks.schedule.learning_rate(opt)
        0.5
    """
    return float(optimizer.param_groups[0]["lr"])


def set_learning_rate(optimizer: Any, lr: float) -> None:
    """Gives the first group that learning rate, and the others theirs in the same proportion.

    Example:
        >>> opt = optim.SGD([nnx.ones(1, requires_grad=True)], lr=0.5)
        >>> nnx.train.callbacks.schedule.set_learning_rate(opt, 0.25)
        >>> opt.param_groups[0]["lr"]
        0.25
    """
    first = learning_rate(optimizer)
    for group in optimizer.param_groups:
        group["lr"] = lr * (group["lr"] / first) if first else lr


class LRScheduler(Callback):
    """Changes the learning rate after a schedule, and puts it into the history.

    Args:
        schedule: a scheduler of `nnx.optim.lr_scheduler`, made with the trainer's optimiser; or a
            function (epoch) -> rate or (epoch, rate so far) -> rate, as in Keras.
        by: "epoch", or "step" for a change after every step of the optimiser; a function then
            gets the number of the step.
        monitor: the figure that ReduceLROnPlateau follows.
        verbose: whether to say so when the rate changes between epochs.

    The history has "learning_rate": that of the last step of each epoch.

    Raises: ArgumentError for a scheduler of another optimiser, DTypeError for what is neither a
        scheduler nor a function.
    Source: Keras's LearningRateScheduler.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.SGD, lr=0.5)
        >>> halve = nnx.train.LRScheduler(lambda epoch, lr: lr / 2 if epoch else lr)
        >>> history = trainer.fit([[0.0]], [[0.0]], epochs=3, callbacks=halve, verbose=0)
        >>> history["learning_rate"]
        [0.5, 0.25, 0.125]
    """

    def __init__(
        self, schedule: Any, by: str = "epoch", monitor: str = "val_loss", verbose: int = 0
    ) -> None:
        op = "LRScheduler"
        self.by: str = _check.choice(op, "by", by, ("epoch", "step"))
        self.schedule = schedule
        self.monitor = monitor
        self.verbose = verbose
        self.steps = 0
        self._function: Callable[[int, float], float] | None = None
        self._plateau = False
        if hasattr(schedule, "step") and hasattr(schedule, "optimizer"):
            first = next(iter(inspect.signature(schedule.step).parameters), "")
            self._plateau = first == "metrics"
        elif callable(schedule) and not isinstance(schedule, type):
            count = len(inspect.signature(schedule).parameters)
            self._function = schedule if count > 1 else lambda epoch, lr: schedule(epoch)
        else:
            rule = "the schedule must be a scheduler of nnx.optim or a function (epoch, lr)"
            hint = (
                f"write {schedule.__name__}(optimizer, ...)" if isinstance(schedule, type) else ""
            )
            raise fail(DTypeError, op, rule, describe(schedule, "schedule"), hint)
        if self._plateau and by == "step":
            rule = 'a scheduler that follows a figure needs by="epoch"'
            raise fail(ArgumentError, op, rule, describe(by, "by"))

    def set_trainer(self, trainer: Any) -> None:
        super().set_trainer(trainer)
        if self._function is None and self.schedule.optimizer is not trainer.optimizer:
            rule = "the scheduler must be made with the trainer's optimizer"
            hint = "make the optimizer first, then the scheduler and the Trainer with it"
            raise fail(ArgumentError, "LRScheduler", rule, describe(self.schedule), hint)
        # A run pays for calls a batch only where there is something to do in them.
        if self.by == "epoch":
            self.on_batch_begin = Callback().on_batch_begin  # type: ignore[method-assign]
            self.on_batch_end = Callback().on_batch_end  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int) -> None:
        if self.by == "epoch":
            self._call(epoch)

    def on_batch_begin(self, batch: int) -> None:
        if not self.trainer.run.step.waiting:
            self._call(self.steps)

    def _call(self, position: int) -> None:
        if self._function is None:
            return
        before = learning_rate(self.trainer.optimizer)
        rate = _check.real("LRScheduler", "the rate", self._function(position, before), 0)
        set_learning_rate(self.trainer.optimizer, rate)
        self._say(before, rate)

    def on_batch_end(self, batch: int, figures: Figures) -> None:
        if not self.trainer.run.step.waiting:
            self.steps += 1
            if self._function is None:
                self.schedule.step()

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        if self.by == "step" or self._function is not None:
            return
        before = learning_rate(self.trainer.optimizer)
        if self._plateau:
            if self.monitor not in figures:
                rule = f"the run has no figure {self.monitor!r} to follow"
                hint = 'give fit validation_data, or write LRScheduler(scheduler, monitor="loss")'
                received = f"figures: {', '.join(figures)}"
                raise fail(ArgumentError, "LRScheduler", rule, received, hint)
            self.schedule.step(figures[self.monitor])
        else:
            self.schedule.step()
        self._say(before, learning_rate(self.trainer.optimizer))

    def _say(self, before: float, after: float) -> None:
        if self.verbose and before != after and self.by == "epoch":
            print(f"learning rate {before:.4g} -> {after:.4g}")

    def add_figures(self, figures: Figures) -> None:
        figures["learning_rate"] = learning_rate(self.trainer.optimizer)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"steps": self.steps}
        if self._function is None:
            state["schedule"] = self.schedule.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]
        if self._function is None:
            self.schedule.load_state_dict(state["schedule"])


class LearningRateFinder(Callback):
    """Trains a few steps with a rate that grows from step to step, proposes the rate at which the
    loss had come half-way down to its lowest value, and puts everything back as it was.

    Args:
        min_lr, max_lr: the range; rates grow by the same factor each step.
        steps: how many; the data is gone through again if it has fewer batches.
        smooth: the weight of the past in the running mean of the losses.
        diverge: the search ends once that mean is so many times its smallest value.

    `suggestion` is the proposal, `rates`, `losses` and `smoothed` what was seen. Given to `fit` as
    a callback it searches first, with the data of the run, and sets the optimiser's rate.
    `Trainer.find_lr` searches and leaves the rate alone.

    Source: Smith, arXiv:1506.01186.

    Example:
        >>> _ = nnx.manual_seed(0)
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", "sgd")
        >>> finder = trainer.find_lr(x, 3 * x + 1)
        >>> 1e-3 < finder.suggestion < 1, trainer.optimizer.param_groups[0]["lr"]
        (True, 0.01)
    """

    def __init__(
        self,
        min_lr: float = 1e-6,
        max_lr: float = 10.0,
        steps: int = 100,
        smooth: float = 0.8,
        diverge: float = 4.0,
    ) -> None:
        op = "LearningRateFinder"
        self.min_lr = _check.real(op, "min_lr", min_lr, 0)
        self.max_lr = _check.real(op, "max_lr", max_lr, 0)
        if not 0 < self.min_lr < self.max_lr < math.inf:
            rule = "the rates must be 0 < min_lr < max_lr"
            raise fail(ArgumentError, op, rule, f"min_lr = {min_lr}, max_lr = {max_lr}")
        self.steps = _check.integer(op, "steps", steps, 5)
        self.smooth = _check.real(op, "smooth", smooth, 0, 1, open_high=True)
        self.diverge = _check.real(op, "diverge", diverge, 1)
        self._clear()

    def _clear(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []

    def on_fit_begin(self) -> None:
        run = self.trainer.run
        if not run.resumed:
            self.search(self.trainer, run.batches)
            set_learning_rate(self.trainer.optimizer, self.suggestion)

    def search(self, trainer: Any, batches: Any) -> float:
        """Searches with the batches of a run; returns the suggestion.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", "sgd")
            >>> finder = trainer.find_lr([[0.0]] * 8, [[1.0]] * 8, steps=20)
            >>> 0 < finder.suggestion <= 10
            True
        """
        from nnx.train.checkpoint import restore, snapshot
        from nnx.train.step import Step, modes

        self._clear()
        before = snapshot(trainer, batches.generators())
        factor = (self.max_lr / self.min_lr) ** (1 / (self.steps - 1))
        mean, best = 0.0, math.inf
        with modes(trainer.model, True):
            try:
                step = Step(trainer, "ignore", accumulate=1)
                source = _endless(batches)
                for i in range(self.steps):
                    batch = next(source)
                    rate = self.min_lr * factor**i
                    set_learning_rate(trainer.optimizer, rate)
                    loss, _ = step(batch)
                    if not math.isfinite(loss):
                        break
                    mean = self.smooth * mean + (1 - self.smooth) * loss
                    value = mean / (1 - self.smooth ** (i + 1))
                    self.rates.append(rate)
                    self.losses.append(loss)
                    self.smoothed.append(value)
                    best = min(best, value)
                    if i > 4 and value > self.diverge * abs(best):
                        break
            finally:
                restore(trainer, before, batches.generators())
        return self.suggestion

    @property
    def suggestion(self) -> float:
        """The rate at which the loss had come half-way down; NaN where too little was seen.

        Example:
            >>> nnx.train.LearningRateFinder().suggestion
            nan
        """
        import numpy as np

        n = len(self.rates)
        half = max(1, n // 10)
        if n < 2 * half + 2:
            return float("nan")
        # A moving mean, for losses of batches are noisy; where it crossed the middle between its
        # beginning and its lowest value for the last time before that.
        losses = np.array(self.losses)
        means = np.correlate(losses, np.ones(2 * half + 1) / (2 * half + 1), "valid")
        lowest = int(np.argmin(means))
        middle = (np.median(losses[: max(n // 4, 3)]) + means[lowest]) / 2
        above = np.flatnonzero(means[: lowest + 1] >= middle)
        crossing = int(above[-1]) if len(above) else lowest // 2
        return self.rates[crossing + half]

    def __float__(self) -> float:
        return self.suggestion

    def plot(self, axes: Any = None) -> Any:
        """Draws the losses over the rates, and marks the suggestion. Returns the axes.

        Raises: MissingPackageError without matplotlib.

        Example:
            >>> axes = nnx.train.LearningRateFinder().plot()  # doctest: +SKIP
        """
        from nnx import plot

        proposed = None if math.isnan(self.suggestion) else self.suggestion
        return plot.learning_rates(self.rates, self.losses, proposed, axes, smooth=self.smooth)


def _endless(batches: Any) -> Iterator[Any]:
    """Batches over and over; a last one that is smaller, whose loss says less, is left out."""
    largest = 0
    while True:
        before = largest
        for batch in batches:
            if len(batch[1]) >= largest:
                largest = len(batch[1])
                yield batch
        if largest == before == 0:
            raise fail(ArgumentError, "find_lr", "there must be at least one batch with samples")
