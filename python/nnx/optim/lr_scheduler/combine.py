"""Schedules made of schedules: one after the other, all at once, and a warm-up before another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.optim.lr_scheduler.base import LRScheduler, check_optimizer
from nnx.optim.lr_scheduler.decay import ConstantLR, LinearLR
from nnx.optim.lr_scheduler.plateau import ReduceLROnPlateau
from nnx.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """A schedule that has others do the work."""

    _schedulers: list[LRScheduler]

    def _adopt(self, op: str, schedulers: Any, optimizer: Any) -> None:
        if not isinstance(schedulers, list | tuple) or not schedulers:
            rule = "schedulers must be a list of at least one scheduler"
            raise fail(ArgumentError, op, rule, describe(schedulers, "schedulers"))
        for scheduler in schedulers:
            if not isinstance(scheduler, LRScheduler):
                rule = "schedulers must be a list of schedulers"
                raise fail(DTypeError, op, rule, describe(scheduler))
            if isinstance(scheduler, ReduceLROnPlateau):
                rule = "ReduceLROnPlateau cannot be combined: its step needs a value"
                raise fail(ArgumentError, op, rule, hint="step it separately, step(loss)")
            if scheduler.optimizer is not optimizer:
                rule = "all schedulers must belong to one optimizer"
                raise fail(ArgumentError, op, rule, type(scheduler).__name__)
        self._schedulers = list(schedulers)
        self.optimizer = optimizer

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def _check_state(self, op: str, state: Any) -> None:
        super()._check_state(op, state)
        parts = state.get("_schedulers")
        if not isinstance(parts, list | tuple) or len(parts) != len(self._schedulers):
            rule = f'the state must have "_schedulers", a list of {len(self._schedulers)} states'
            raise fail(ArgumentError, op, rule, describe(parts, "_schedulers"))
        for scheduler, part in zip(self._schedulers, parts, strict=True):
            scheduler._check_state(op, part)

    def _take(self, state: Mapping[str, Any]) -> None:
        super()._take({k: v for k, v in state.items() if k != "_schedulers"})
        for scheduler, part in zip(self._schedulers, state["_schedulers"], strict=True):
            scheduler._take(part)


class SequentialLR(_Combined):
    """One schedule after the other: the next one begins at each milestone.

    Args:
        optimizer: the one that all the schedulers belong to.
        schedulers: schedulers, made for it in this order.
        milestones: rising epochs, one fewer than schedulers.
        last_epoch: -1 to begin.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.SequentialLR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> warm = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=9)
        >>> fall = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> scheduler = optim.lr_scheduler.SequentialLR(opt, [warm, fall], milestones=[2])
        >>> for epoch in range(4):
        ...     print(scheduler.get_last_lr())
        ...     opt.step(); scheduler.step()
        [0.25]
        [0.25]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self._adopt(op, schedulers, check_optimizer(op, optimizer))
        points = [_check.integer(op, "milestones", m) for m in milestones]
        if len(points) != len(schedulers) - 1 or points != sorted(points):
            rule = f"milestones must be {len(schedulers) - 1} rising epochs"
            hint = "one fewer than schedulers: where the second begins, the third, ..."
            raise fail(ArgumentError, op, rule, describe(points, "milestones"), hint)
        self._milestones = points
        self.last_epoch = _check.integer(op, "last_epoch", last_epoch, -1) + 1
        # Each scheduler has set its first learning rate when it was made: begin again.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            _undo(scheduler)
        self._active()._begin()
        self._last_lr = self._active().get_last_lr()

    def _active(self) -> LRScheduler:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def _begin(self) -> None:
        self.last_epoch += 1
        self._active()._begin()
        self._last_lr = self._active().get_last_lr()

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
            >>> fall = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
            >>> scheduler = optim.lr_scheduler.SequentialLR(opt, [fall], [])
            >>> opt.step(); scheduler.step()
            >>> scheduler.get_last_lr()
            [0.25]
        """
        _no_epoch(self, epoch)
        self.last_epoch += 1
        active = self._active()
        if self.last_epoch in self._milestones:
            active._to(0)
        else:
            active.step()
        self._last_lr = active.get_last_lr()

    def _to(self, epoch: float | None, first: bool = False) -> None:
        if epoch != 0:
            _no_epoch(self, epoch)
            self.step()
            return
        self.last_epoch = 0
        active = self._active()
        active._to(0)
        self._last_lr = active.get_last_lr()

    def _restore(self) -> None:
        self._active()._restore()
        super()._restore()


class ChainedScheduler(_Combined):
    """Several schedules at once, each acting on what the one before has made.

    Args:
        schedulers: schedulers of one optimizer.
        optimizer: that optimizer; that of the first scheduler if None.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.ChainedScheduler.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> a = optim.lr_scheduler.ConstantLR(opt, factor=0.5, total_iters=1)
        >>> b = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> scheduler = optim.lr_scheduler.ChainedScheduler([a, b])
        >>> for epoch in range(3):
        ...     print(scheduler.get_last_lr())
        ...     opt.step(); scheduler.step()
        [0.25]
        [0.25]
        [0.125]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        first = schedulers[0] if isinstance(schedulers, list | tuple) and schedulers else None
        own = getattr(first, "optimizer", None) if optimizer is None else optimizer
        self._adopt(type(self).__name__, schedulers, own)
        self._last_lr = self._present()

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
            >>> fall = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
            >>> scheduler = optim.lr_scheduler.ChainedScheduler([fall])
            >>> opt.step(); scheduler.step()
            >>> scheduler.get_last_lr()
            [0.25]
        """
        _no_epoch(self, epoch)
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._present()

    def _begin(self) -> None:
        for scheduler in self._schedulers:
            scheduler._begin()
        self._last_lr = self._present()

    def _to(self, epoch: float | None, first: bool = False) -> None:
        if epoch != 0:
            _no_epoch(self, epoch)
            self.step()
            return
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._begin()  # for the first time: until now it stood before its first epoch

    def _restore(self) -> None:
        for scheduler in self._schedulers:
            scheduler._restore()
        super()._restore()


class WarmupLR(SequentialLR):
    """A straight rise from start_factor times the initial learning rate, then another schedule.

    Args:
        optimizer: whose learning rates to set.
        warmup_iters: steps of the rise, at least 1.
        after: the scheduler that follows, made for the same optimizer before; the initial
            learning rate stays if None.
        start_factor: in (0, 1].

    Raises: ArgumentError, DTypeError for other values.
    Source: Goyal et al., arXiv:1706.02677; a `LinearLR` in a `SequentialLR`.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> fall = optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)
        >>> scheduler = optim.lr_scheduler.WarmupLR(opt, 2, fall, start_factor=0.5)
        >>> for epoch in range(4):
        ...     print(scheduler.get_last_lr())
        ...     opt.step(); scheduler.step()
        [0.25]
        [0.375]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_iters: int = 5,
        after: LRScheduler | None = None,
        start_factor: float = 0.01,
    ) -> None:
        op = type(self).__name__
        check_optimizer(op, optimizer)
        steps = _check.integer(op, "warmup_iters", warmup_iters, 1)
        if after is None:
            after = ConstantLR(optimizer, factor=1.0, total_iters=0)
        self._adopt(op, [after], optimizer)
        rise = LinearLR(optimizer, start_factor, 1.0, steps)
        super().__init__(optimizer, [rise, after], [steps])


def _undo(scheduler: LRScheduler) -> None:
    """Takes back the epoch that a scheduler counted when it was made."""
    if isinstance(scheduler, _Combined):
        for part in scheduler._schedulers:
            _undo(part)
    if not isinstance(scheduler, ChainedScheduler):
        scheduler.last_epoch -= 1


def _no_epoch(scheduler: LRScheduler, epoch: Any) -> None:
    if epoch is not None:
        rule = "a combined schedule goes from epoch to epoch only"
        op = f"{type(scheduler).__name__}.step"
        raise fail(ArgumentError, op, rule, describe(epoch, "epoch"), "call step() without epoch")
