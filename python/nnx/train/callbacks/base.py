"""Callback: what may be done at certain moments of a run, and how a run calls it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError

Figures = dict[str, Any]

# The moments, and the names of the methods that are called then: ours, then Keras's.
EVENTS: dict[str, tuple[str, ...]] = {
    "fit_begin": ("on_fit_begin", "on_train_begin"),
    "fit_end": ("on_fit_end", "on_train_end"),
    "epoch_begin": ("on_epoch_begin",),
    "epoch_end": ("on_epoch_end",),
    "batch_begin": ("on_batch_begin", "on_train_batch_begin"),
    "batch_end": ("on_batch_end", "on_train_batch_end"),
    "evaluate_begin": ("on_evaluate_begin", "on_test_begin"),
    "evaluate_end": ("on_evaluate_end", "on_test_end"),
    "predict_begin": ("on_predict_begin",),
    "predict_end": ("on_predict_end",),
    "figures": ("add_figures",),
    "close": ("close",),
}


class Callback:
    """Base of callbacks: `trainer` and `model` are set before the first call; override what you
    need. Setting `trainer.stop_training` ends the run after the batch or epoch at hand.

    A callback whose `state_dict` says what it remembers goes on exactly where it was when a run
    is resumed. Methods with Keras's names (`on_train_begin`, `on_train_batch_end`, `on_test_end`)
    are called as well; and a plain function (epoch, figures) is a callback of the end of epochs.

    Source: the interface of Keras's Callback.

    Example:
        >>> class Count(nnx.train.Callback):
        ...     batches = 0
        ...
        ...     def on_batch_end(self, batch, figures):
        ...         self.batches += 1
        >>> count = Count()
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> _ = trainer.fit([[1.0]] * 6, [[1.0]] * 6, batch_size=2, callbacks=count, verbose=0)
        >>> count.batches
        3
    """

    # Callbacks of a higher order are called after those of a lower one: what saves a run does so
    # when all others have done their part.
    order: ClassVar[int] = 0

    trainer: Any = None
    model: Any = None

    def set_trainer(self, trainer: Any) -> None:
        """Called once before a run.

        Example:
            >>> nnx.train.Callback().set_trainer(nnx.Trainer(nn.Dense(1, 1)))
        """
        self.trainer, self.model = trainer, trainer.model

    def on_fit_begin(self) -> None:
        """Before the first epoch.

        Example:
            >>> nnx.train.Callback().on_fit_begin()
        """

    def on_fit_end(self) -> None:
        """After the last epoch, and after Ctrl-C.

        Example:
            >>> nnx.train.Callback().on_fit_end()
        """

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch; the first is 0.

        Example:
            >>> nnx.train.Callback().on_epoch_begin(0)
        """

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        """After an epoch and its validation, with all that goes into the history.

        Example:
            >>> nnx.train.Callback().on_epoch_end(0, {"loss": 0.5})
        """

    def on_batch_begin(self, batch: int) -> None:
        """Before a batch of training; the first of each epoch is 0.

        Example:
            >>> nnx.train.Callback().on_batch_begin(0)
        """

    def on_batch_end(self, batch: int, figures: Figures) -> None:
        """After a batch of training, with {"loss": the loss of this batch}.

        Example:
            >>> nnx.train.Callback().on_batch_end(0, {"loss": 0.5})
        """

    def on_evaluate_begin(self) -> None:
        """Before `evaluate`, and before the validation of an epoch.

        Example:
            >>> nnx.train.Callback().on_evaluate_begin()
        """

    def on_evaluate_end(self, figures: Figures) -> None:
        """After `evaluate`, and after the validation of an epoch.

        Example:
            >>> nnx.train.Callback().on_evaluate_end({"loss": 0.5})
        """

    def on_predict_begin(self) -> None:
        """Before `predict`.

        Example:
            >>> nnx.train.Callback().on_predict_begin()
        """

    def on_predict_end(self) -> None:
        """After `predict`.

        Example:
            >>> nnx.train.Callback().on_predict_end()
        """

    def add_figures(self, figures: Figures) -> None:
        """May put further figures of an epoch into the history.

        Example:
            >>> nnx.train.Callback().add_figures({})
        """

    def close(self) -> None:
        """After a run, however it ended; the place to close files.

        Example:
            >>> nnx.train.Callback().close()
        """

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from epoch to epoch, as numbers, texts, tensors and dicts of them.

        Example:
            >>> nnx.train.Callback().state_dict()
            {}
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Example:
            >>> nnx.train.Callback().load_state_dict({})
        """


class Lambda(Callback):
    """A callback of functions.

    Args: the functions, each with the arguments of the method of that name; `on_train_begin` and
        the other names of Keras are accepted too.
    Raises: ArgumentError for another name, DTypeError for what is no function.
    Source: Keras's LambdaCallback.

    Example:
        >>> say = nnx.train.Lambda(on_epoch_end=lambda epoch, figures: print("epoch", epoch))
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> _ = trainer.fit([[1.0]], [[1.0]], epochs=2, callbacks=say, verbose=0)
        epoch 0
        epoch 1
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        allowed = [name for names in EVENTS.values() for name in names]
        for name, function in functions.items():
            _check.choice("Lambda", "a name", name, allowed)
            if function is None:
                continue
            if not callable(function):
                raise fail(DTypeError, "Lambda", f"{name} must be a function", describe(function))
            setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Ends the run quietly at the first loss that is not finite, where `fit` would raise.

    The batch that gave it changes nothing: the weights are those of the step before.

    Source: Keras's TerminateOnNaN.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> stop = nnx.train.TerminateOnNaN()
        >>> history = trainer.fit([[np.nan]], [[1.0]], epochs=5, callbacks=stop, verbose=0)
        >>> len(history.epoch), "non-finite" in stop.report
        (1, True)
    """

    report: str = ""  # what was found, as the error would have said it

    def on_fit_begin(self) -> None:
        self.report = ""


class Best:
    """The best value of a figure so far: what callbacks with a `monitor` share.

    Args:
        op: the callback's name.
        monitor: the figure to watch.
        mode: "min", "max", or "auto": max for accuracy, AUC, precision, recall, F1 and R2.
        min_delta: what counts as better only from this much on.
        start: the value to beat first.

    Example:
        >>> best = nnx.train.callbacks.Best("EarlyStopping", "val_accuracy")
        >>> [best.better({"val_accuracy": v}) for v in (0.5, 0.7, 0.6)]
        [True, True, False]
    """

    def __init__(
        self,
        op: str,
        monitor: str,
        mode: str = "auto",
        min_delta: float = 0.0,
        start: float | None = None,
    ) -> None:
        if not isinstance(monitor, str):
            raise fail(DTypeError, op, "monitor must be a name", describe(monitor, "monitor"))
        _check.choice(op, "mode", mode, ("auto", "min", "max"))
        if mode == "auto":
            words = ("acc", "auc", "precision", "recall", "f1", "r2", "top")
            mode = "max" if any(word in monitor.lower() for word in words) else "min"
        self.op, self.monitor, self.mode = op, monitor, mode
        self.delta = abs(_check.real(op, "min_delta", min_delta))
        worst = math.inf if mode == "min" else -math.inf
        self.start = worst if start is None else _check.real(op, "start", start)
        self.value = self.start
        self._ahead = operator.lt if mode == "min" else operator.gt

    def read(self, figures: Mapping[str, Any]) -> float:
        """The figure to watch.

        Raises: ArgumentError where the run has no such figure.

        Example:
            >>> nnx.train.callbacks.Best("EarlyStopping", "loss").read({"loss": 0.5})
            0.5
        """
        if self.monitor not in figures:
            rule = f"the run has no figure {self.monitor!r} to monitor"
            hint = ""
            if self.monitor.startswith("val_") and self.monitor[4:] in figures:
                hint = f"give fit validation_data, or monitor={self.monitor[4:]!r}"
            raise fail(ArgumentError, self.op, rule, f"figures: {', '.join(figures)}", hint)
        return float(figures[self.monitor])

    def better(self, figures: Mapping[str, Any]) -> bool:
        """Whether this epoch is the best so far; remembers it if so. NaN never is.

        Example:
            >>> nnx.train.callbacks.Best("EarlyStopping", "loss").better({"loss": 0.5})
            True
        """
        value = self.read(figures)
        shifted = value + self.delta if self.mode == "min" else value - self.delta
        if self._ahead(shifted, self.value):
            self.value = value
            return True
        return False


class Callbacks:
    """The callbacks of one run: for each moment the functions to call then.

    Args:
        callbacks: one or several; schedulers of nnx.optim stand for an LRScheduler.
        trainer: theirs from now on.

    Example:
        >>> calls = nnx.train.callbacks.Callbacks(print, None)
        >>> calls("epoch_end", 0, {"loss": 0.5})
        0 {'loss': 0.5}
    """

    def __init__(self, callbacks: Any, trainer: Any, op: str = "fit") -> None:
        if callbacks is None:
            callbacks = ()
        single = callable(callbacks) or not isinstance(callbacks, Iterable)
        given = [_as_callback(op, c) for c in ([callbacks] if single else callbacks)]
        self.members = sorted(given, key=lambda c: getattr(c, "order", 0))  # stable
        for member in self.members:
            if trainer is not None and hasattr(member, "set_trainer"):
                member.set_trainer(trainer)
        self.calls = {event: self._methods(event) for event in EVENTS}

    def _methods(self, event: str) -> tuple[Callable[..., Any], ...]:
        found: list[Callable[..., Any]] = []
        for member in self.members:
            if event == "epoch_end" and not _is_object(member):
                found.append(member)
                continue
            for name in EVENTS[event]:
                method = getattr(member, name, None)
                own = getattr(method, "__func__", method)
                if callable(method) and own is not getattr(Callback, name, None):
                    found.append(method)
                    break
        return tuple(found)

    def __call__(self, event: str, *args: Any) -> None:
        for method in self.calls[event]:
            method(*args)

    def find(self, kind: type) -> Any:
        """The first callback of a kind, or None.

        Example:
            >>> nnx.train.callbacks.Callbacks((), None).find(nnx.train.EarlyStopping) is None
            True
        """
        return next((m for m in self.members if isinstance(m, kind)), None)

    def state(self) -> list[dict[str, Any]]:
        """What each callback remembers, in their order.

        Example:
            >>> nnx.train.callbacks.Callbacks((), None).state()
            []
        """
        states = []
        for member in self.members:
            state = member.state_dict() if hasattr(member, "state_dict") else {}
            if state:
                states.append({"name": type(member).__name__, "state": state})
        return states

    def load(self, states: list[Mapping[str, Any]]) -> None:
        """Gives each callback what `state` had of it.

        Raises: ArgumentError where the callbacks are others than those that were saved.

        Example:
            >>> nnx.train.callbacks.Callbacks((), None).load([])
        """
        with_state = [m for m in self.members if hasattr(m, "state_dict") and m.state_dict()]
        saved = [entry["name"] for entry in states]
        here = [type(m).__name__ for m in with_state]
        if saved != here:
            rule = "a run must be resumed with the callbacks it was saved with"
            received = f"saved: {', '.join(saved) or 'none'}; now: {', '.join(here) or 'none'}"
            hint = "trainer.load(path) and a fit without resume start a new run from there"
            raise fail(ArgumentError, "fit", rule, received, hint)
        for member, entry in zip(with_state, states, strict=True):
            member.load_state_dict(entry["state"])


def _is_object(member: Any) -> bool:
    return isinstance(member, Callback) or any(
        hasattr(member, name) for names in EVENTS.values() for name in names if name != "close"
    )


def _as_callback(op: str, callback: Any) -> Any:
    if hasattr(callback, "step") and hasattr(callback, "optimizer"):
        from nnx.train.callbacks.schedule import LRScheduler

        return LRScheduler(callback)
    if isinstance(callback, type) and issubclass(callback, Callback):
        rule = "a callback must be an object, not a class"
        hint = f"write {callback.__name__}()"
        raise fail(DTypeError, op, rule, describe(callback), hint)
    if not callable(callback) and not _is_object(callback):
        names = ", ".join(n[0] for n in EVENTS.values() if n[0].startswith("on_"))
        rule = f"a callback must be a function or have one of {names}"
        raise fail(DTypeError, op, rule, describe(callback))
    return callback
