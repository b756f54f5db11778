"""Schedules that multiply the learning rate, step by step or after each epoch."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.optim.lr_scheduler.base import LRScheduler, check_optimizer
from nnx.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _Multiplied(LRScheduler):
    """A schedule lr_t = lr_(t-1) ratio(t) that is also base_lr total(t)."""

    def _ratio(self, t: int) -> float:
        raise NotImplementedError

    def _total(self, t: int) -> float:
        raise NotImplementedError

    def _next(self) -> list[float]:
        ratio = self._ratio(self.last_epoch)
        return [lr * ratio for lr in self._present()]

    def _closed_form(self) -> list[float]:
        total = self._total(self.last_epoch)
        return [lr * total for lr in self.base_lrs]


class StepLR(_Multiplied):
    """Multiplies by gamma every step_size epochs.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        step_size: epochs from one change to the next, at least 1.
        gamma: the factor, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.StepLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
        >>> for epoch in range(4):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.5]
        [0.25]
        [0.25]
        [0.125]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        op = type(self).__name__
        self.step_size = _check.integer(op, "step_size", step_size, 1)
        self.gamma = _check.real(op, "gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def _ratio(self, t: int) -> float:
        return self.gamma if t > 0 and t % self.step_size == 0 else 1.0

    def _total(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(_Multiplied):
    """Multiplies by gamma at each of the milestones.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        milestones: epochs; one that stands there twice counts twice.
        gamma: the factor, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.MultiStepLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.MultiStepLR(opt, milestones=[2, 3], gamma=0.5)
        >>> for epoch in range(4):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.5]
        [0.25]
        [0.125]
        [0.125]
    """

    milestones: Counter[int]

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        if not isinstance(milestones, Iterable):
            rule = "milestones must be a list of epochs"
            raise fail(DTypeError, op, rule, describe(milestones, "milestones"))
        self.milestones = Counter(_check.integer(op, "milestones", m) for m in milestones)
        self.gamma = _check.real(op, "gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def _ratio(self, t: int) -> float:
        return self.gamma ** self.milestones[t]

    def _total(self, t: int) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), t)

    def _take(self, state: Mapping[str, Any]) -> None:
        super()._take(state)
        self.milestones = Counter({int(k): int(v) for k, v in self.milestones.items()})


class ConstantLR(_Multiplied):
    """Multiplies by a factor for the first total_iters epochs, and not afterwards.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        factor: in [0, 1].
        total_iters: epochs, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.ConstantLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=2)
        >>> print(scheduler.get_last_lr())
        [0.25]
        >>> for epoch in range(3):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.25]
        [0.5]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.factor = _check.real(op, "factor", factor, 0.0, 1.0)
        self.total_iters = _check.integer(op, "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def _next(self) -> list[float]:
        if self.factor == 0 and self.last_epoch == self.total_iters:
            return self._closed_form()  # from 0 no factor leads back
        return super()._next()

    def _ratio(self, t: int) -> float:
        if t == 0:
            return self.factor
        return 1.0 / self.factor if t == self.total_iters else 1.0

    def _total(self, t: int) -> float:
        return 1.0 if t >= self.total_iters else self.factor


class LinearLR(_Multiplied):
    """Goes from start_factor to end_factor times the initial rate, in equal steps.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: epochs from start to end, at least 1.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.LinearLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.LinearLR(opt, start_factor=0.5, total_iters=2)
        >>> print(scheduler.get_last_lr())
        [0.25]
        >>> for epoch in range(3):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.375]
        [0.5]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.start_factor = _check.real(op, "start_factor", start_factor, 0.0, 1.0)
        if self.start_factor == 0:
            rule = "start_factor must be in (0, 1]"
            raise fail(ArgumentError, op, rule, "0", "a small number such as 1e-3 does the same")
        self.end_factor = _check.real(op, "end_factor", end_factor, 0.0, 1.0)
        self.total_iters = _check.integer(op, "total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def _first(self) -> list[float]:
        return self.get_lr() if self.last_epoch == 0 else self._present()

    def _ratio(self, t: int) -> float:
        if t == 0:
            return self.start_factor
        if t > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (t - 1) * rise)

    def _total(self, t: int) -> float:
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, t) / self.total_iters


class ExponentialLR(_Multiplied):
    """Multiplies by gamma after every epoch.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        gamma: the factor, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.ExponentialLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> opt.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = _check.real(type(self).__name__, "gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def _first(self) -> list[float]:
        return self._present()

    def _ratio(self, t: int) -> float:
        return self.gamma

    def _total(self, t: int) -> float:
        return self.gamma**t


class PolynomialLR(_Multiplied):
    """Goes to 0 as (1 - t / total_iters)^power.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        total_iters: epochs until 0, at least 1.
        power: at least 0; 1 is a straight line.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.PolynomialLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.PolynomialLR(opt, total_iters=2)
        >>> for epoch in range(3):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.25]
        [0.0]
        [0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.total_iters = _check.integer(op, "total_iters", total_iters, 1)
        self.power = _check.real(op, "power", power, 0.0)
        super().__init__(optimizer, last_epoch)

    def _first(self) -> list[float]:
        return self._present()

    def _ratio(self, t: int) -> float:
        if t > self.total_iters or t == 0:
            return 1.0
        now, before = 1.0 - t / self.total_iters, 1.0 - (t - 1) / self.total_iters
        ratio: float = (now / before) ** self.power
        return ratio

    def _total(self, t: int) -> float:
        total: float = (1.0 - min(self.total_iters, t) / self.total_iters) ** self.power
        return total


class _Called(LRScheduler):
    """A schedule made of functions of the epoch: one for all groups, or one for each."""

    lr_lambdas: list[Factor]

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        op = type(self).__name__
        groups = len(check_optimizer(op, optimizer).param_groups)
        several = isinstance(lr_lambda, list | tuple)
        functions: list[Any] = list(lr_lambda) if several else [lr_lambda] * groups  # type: ignore[arg-type]
        if len(functions) != groups:
            rule = f"lr_lambda must have one function for each of {groups} parameter groups"
            raise fail(ArgumentError, op, rule, f"{len(functions)} functions")
        for f in functions:
            if not callable(f):
                rule = "lr_lambda must be a function of the epoch"
                raise fail(DTypeError, op, rule, describe(f), "lambda epoch: 0.95**epoch")
        self.lr_lambdas = functions
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        # Functions have no state; objects that can be called have.
        state = super().state_dict()
        state["lr_lambdas"] = [
            None
            if isinstance(f, types.FunctionType)
            else dict(vars(f))
            if hasattr(f, "__dict__")
            else None
            for f in self.lr_lambdas
        ]
        return state

    def _take(self, state: Mapping[str, Any]) -> None:
        super()._take({k: v for k, v in state.items() if k != "lr_lambdas"})
        for f, entry in zip(self.lr_lambdas, state.get("lr_lambdas", ()), strict=False):
            if entry:
                vars(f).update(entry)


class LambdaLR(_Called):
    """The initial learning rate times a function of the epoch.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        lr_lambda: epoch -> factor, or a list with one such function for each parameter group.

    Raises: ArgumentError for another number of functions, DTypeError for what is none.
    Source: PyTorch's torch.optim.lr_scheduler.LambdaLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1 / (1 + epoch))
        >>> opt.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def _next(self) -> list[float]:
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [lr * f(self.last_epoch) for f, lr in pairs]


class MultiplicativeLR(_Called):
    """The learning rate before, times a function of the epoch.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        lr_lambda: epoch -> factor, or a list with one such function for each parameter group.

    Raises: ArgumentError for another number of functions, DTypeError for what is none.
    Source: PyTorch's torch.optim.lr_scheduler.MultiplicativeLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.MultiplicativeLR(opt, lambda epoch: 0.5)
        >>> opt.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def _next(self) -> list[float]:
        pairs = zip(self.lr_lambdas, self._present(), strict=True)
        return [lr * f(self.last_epoch) for f, lr in pairs]

    def _first(self) -> list[float]:
        return self._present()
