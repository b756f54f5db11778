"""LRScheduler: what all schedules of the learning rate share.

A schedule acts on `optimizer.param_groups` only. Where it can, it multiplies the learning rate that
it finds there, so that several schedules, and changes by hand, combine; `_closed_form` is the same
schedule from the initial learning rate, for a jump to a given epoch.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, error_text
from nnx.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedules: sets the learning rate of each parameter group, epoch by epoch.

    A schedule of one's own overrides `get_lr`: it returns the learning rates of `last_epoch`, one
    for each group, and may use `base_lrs` and the present ones in `optimizer.param_groups`.

    Args:
        optimizer: whose learning rates to set; the initial ones go to `group["initial_lr"]`.
        last_epoch: -1 to begin, otherwise the epoch after which to go on.

    Raises: DTypeError for something else than an optimiser, ArgumentError to go on where there is
        no "initial_lr".
    Source: the interface of PyTorch's torch.optim.lr_scheduler.LRScheduler.

    Example:
        >>> class Halved(optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
        >>> scheduler = Halved(opt)
        >>> for epoch in range(2):
        ...     opt.step()
        ...     scheduler.step()
        >>> opt.param_groups[0]["lr"], scheduler.get_last_lr()
        (0.2, [0.2])
    """

    optimizer: Optimizer
    base_lrs: list[float]
    last_epoch: int
    _step_count: int = 0
    _stepping: bool = False  # inside step(), where get_lr() may be called

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        op = type(self).__name__
        self.optimizer = check_optimizer(op, optimizer)
        self.last_epoch = _check.integer(op, "last_epoch", last_epoch, -1)
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise fail(
                    ArgumentError,
                    op,
                    'going on after last_epoch needs "initial_lr" in every parameter group',
                    f"last_epoch = {last_epoch}",
                    "load the optimizer's state first, or leave last_epoch out",
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._steps_before = optimizer._steps
        self._begin()

    def _begin(self) -> None:
        """The learning rate before the first step."""
        self._step_count = 1
        self._to(None, first=True)

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to the one given; call it after `optimizer.step()`.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
            >>> scheduler = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
            >>> opt.step(); scheduler.step()
            >>> scheduler.get_last_lr()
            [0.4]
        """
        if self._step_count == 1 and self.optimizer._steps == self._steps_before:
            text = error_text(
                f"{type(self).__name__}.step",
                "a scheduler's step comes after the optimizer's",
                "scheduler.step() before any optimizer.step(), so that the first learning rate "
                "is never used",
                "call optimizer.step() first, then scheduler.step()",
            )
            warnings.warn(text, UserWarning, stacklevel=2)
        self._step_count += 1
        self._to(epoch)

    def _to(self, epoch: float | None, first: bool = False) -> None:
        """Sets the learning rates of the next epoch, or of the one given."""
        self._stepping = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self._first() if first else self.get_lr()
            else:
                op = f"{type(self).__name__}.step"
                self.last_epoch = _check.integer(op, "epoch", epoch)
                values = self._closed_form()
        finally:
            self._stepping = False
        self._write(values)

    def _write(self, values: list[float]) -> None:
        groups = self.optimizer.param_groups
        if len(values) != len(groups):
            raise fail(
                ArgumentError,
                type(self).__name__,
                f"there must be one learning rate for each of {len(groups)} parameter groups",
                f"{len(values)}",
                "add parameter groups before the scheduler is made",
            )
        for group, value in zip(groups, values, strict=True):
            group["lr"] = value
        self._last_lr = list(values)

    def _present(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """The learning rates of `last_epoch`, for `step` alone: what a schedule of one's own
        overrides. Everybody else wants `get_last_lr`.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
            >>> optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1.0).get_last_lr()
            [0.8]
        """
        if not self._stepping:
            text = error_text(
                f"{type(self).__name__}.get_lr",
                "this computes the next learning rate and is for step() alone",
                "a call from outside",
                "get_last_lr() tells the present one",
            )
            warnings.warn(text, UserWarning, stacklevel=2)
        return self._next()

    def _next(self) -> list[float]:
        """`get_lr` of the built-in schedules."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def _first(self) -> list[float]:
        """The learning rates that the constructor sets."""
        return self.get_lr()

    def _closed_form(self) -> list[float]:
        """The learning rates of `last_epoch`, wherever the optimiser stands."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rates that are set, one for each parameter group.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
            >>> optim.lr_scheduler.StepLR(opt, 10).get_last_lr()
            [0.8]
        """
        return self._last_lr

    # --- state --------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, as a dict without the optimiser.

        Functions given by the user are not part of it.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
            >>> optim.lr_scheduler.StepLR(opt, 10).state_dict()["last_epoch"]
            0
        """
        private = ("optimizer", "_stepping", "_steps_before")
        state = {k: v for k, v in self.__dict__.items() if k not in private}
        return {k: list(v) if isinstance(v, list) else v for k, v in state.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a state, and sets the learning rates that belong to it.

        Raises: DTypeError, ArgumentError for what is no state of such a schedule; nothing is
            changed then.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.8)
            >>> scheduler = optim.lr_scheduler.StepLR(opt, 10)
            >>> scheduler.load_state_dict(scheduler.state_dict() | {"last_epoch": 5})
            >>> scheduler.last_epoch
            5
        """
        self._check_state(f"{type(self).__name__}.load_state_dict", state_dict)
        self._take(state_dict)
        self._restore()

    def _check_state(self, op: str, state: Any) -> None:
        if not isinstance(state, Mapping):
            raise fail(DTypeError, op, "the state must be a dict", describe(state))
        groups = len(self.optimizer.param_groups)
        for name in ("base_lrs", "_last_lr"):
            if name in self.__dict__ and len(_list(op, state, name)) != groups:
                rule = f"{name} must have one entry for each of {groups} parameter groups"
                raise fail(ArgumentError, op, rule, describe(state[name], name))
        if "last_epoch" in self.__dict__:
            _check.integer(op, "last_epoch", state.get("last_epoch"), -1)

    def _take(self, state: Mapping[str, Any]) -> None:
        """Takes over what is known here; other versions and libraries may store more."""
        for name, value in state.items():
            if name in self.__dict__ and name not in ("optimizer", "_stepping", "_steps_before"):
                setattr(self, name, list(value) if isinstance(value, list | tuple) else value)

    def _restore(self) -> None:
        """Sets what the schedule had set in the optimiser when the state was written."""
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr


def _list(op: str, state: Mapping[str, Any], name: str) -> list[Any]:
    value = state.get(name)
    if not isinstance(value, list | tuple):
        rule = f'the state must have a list "{name}"'
        hint = "give it what state_dict() of the same kind of scheduler returned"
        raise fail(ArgumentError, op, rule, describe(value, name), hint)
    return list(value)


def check_optimizer(op: str, optimizer: Any) -> Optimizer:
    """The optimiser, or an error that says where it goes.

    Example:
        >>> opt = optim.SGD([nnx.ones(1, requires_grad=True)])
        >>> optim.lr_scheduler.base.check_optimizer("StepLR", opt) is opt
        True
    """
    if isinstance(optimizer, Optimizer):
        if all("lr" in group for group in optimizer.param_groups):
            return optimizer
        rule = 'the optimizer must have the option "lr"'
        raise fail(ArgumentError, op, rule, type(optimizer).__name__)
    raise fail(
        DTypeError,
        op,
        "the first argument must be an optimizer",
        describe(optimizer, "optimizer"),
        f"opt = optim.SGD(model.parameters(), lr=0.1); {op}(opt, ...)",
    )


def above_zero(op: str, name: str, value: Any) -> float:
    """A number above 0."""
    number = _check.real(op, name, value, 0.0)
    if number == 0:
        raise fail(ArgumentError, op, f"{name} must be above 0", describe(value, name))
    return number


def for_each_group(
    op: str, name: str, value: Any, optimizer: Optimizer, low: float = 0.0
) -> list[float]:
    """One number for each parameter group, from one for all or a list of them.

    Example:
        >>> opt = optim.SGD([nnx.ones(1, requires_grad=True)])
        >>> optim.lr_scheduler.base.for_each_group("OneCycleLR", "max_lr", 0.1, opt)
        [0.1]
    """
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    if len(values) != groups:
        rule = f"{name} must have one entry for each of {groups} parameter groups"
        raise fail(ArgumentError, op, rule, describe(value, name))
    return [_check.real(op, name, v, low) for v in values]
