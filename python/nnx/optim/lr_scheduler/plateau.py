"""ReduceLROnPlateau: lowers the learning rate when a value stops getting better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.optim.lr_scheduler.base import LRScheduler, check_optimizer, for_each_group
from nnx.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rate by a factor when a value has not got better for a while.

    `step(value)`, after every epoch: a value is better where it is below best (1 - threshold), or
    below best - threshold with threshold_mode "abs"; with mode "max", above best (1 + threshold)
    or best + threshold. NaN is never better.

    Args:
        optimizer: whose learning rates to lower.
        mode: "min" for a loss, "max" for an accuracy.
        factor: in [0, 1).
        patience: epochs without improvement that are allowed.
        threshold, threshold_mode: see above; "rel" or "abs".
        cooldown: epochs after a change in which nothing is counted.
        min_lr: lower bound, or a list with one for each parameter group.
        eps: changes smaller than this are not made.

    Raises: ArgumentError, DTypeError for other values.
    Source: PyTorch's torch.optim.lr_scheduler.ReduceLROnPlateau.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1)
        >>> for loss in (1.0, 0.9, 0.9, 0.9):
        ...     scheduler.step(loss)
        ...     print(scheduler.get_last_lr())
        [0.5]
        [0.5]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        op = type(self).__name__
        self.optimizer = check_optimizer(op, optimizer)
        self.factor = _check.real(op, "factor", factor, 0.0, 1.0, open_high=True)
        self.mode = _check.choice(op, "mode", mode, ("min", "max"))
        self.threshold = _check.real(op, "threshold", threshold, 0.0)
        self.threshold_mode = _check.choice(op, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.patience = _check.integer(op, "patience", patience)
        self.cooldown = _check.integer(op, "cooldown", cooldown)
        self.min_lrs = for_each_group(op, "min_lr", min_lr, optimizer)
        several = isinstance(min_lr, list | tuple)
        self.default_min_lr = None if several else self.min_lrs[0]
        self.eps = _check.real(op, "eps", eps, 0.0)
        self.last_epoch = 0
        self._last_lr = self._present()
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any = None, epoch: int | None = None) -> None:  # type: ignore[override]
        """Judges the value of an epoch.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
            >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(opt, patience=0)
            >>> scheduler.step(nnx.tensor(1.0))
            >>> scheduler.step(nnx.tensor(2.0))
            >>> scheduler.get_last_lr()
            [0.05]
        """
        try:
            value = float(metrics)
        except (TypeError, ValueError, RuntimeError):
            rule = "the value to judge must be one number"
            hint = "scheduler.step(validation_loss)"
            raise fail(
                DTypeError, f"{type(self).__name__}.step", rule, describe(metrics), hint
            ) from None
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._present()

    @property
    def in_cooldown(self) -> bool:
        """Whether a change was made less than `cooldown` epochs ago.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
            >>> optim.lr_scheduler.ReduceLROnPlateau(opt).in_cooldown
            False
        """
        return self.cooldown_counter > 0

    def _is_better(self, value: float) -> bool:
        part = self.threshold if self.threshold_mode == "rel" else 0.0
        least = 0.0 if self.threshold_mode == "rel" else self.threshold
        if self.mode == "min":
            return value < self.best * (1.0 - part) - least
        return value > self.best * (1.0 + part) + least

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                rule = f"min_lr must have one entry for each of {len(groups)} parameter groups"
                op = f"{type(self).__name__}.step"
                raise fail(ArgumentError, op, rule, describe(self.min_lrs, "min_lr"))
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            lower = max(group["lr"] * self.factor, least)
            if group["lr"] - lower > self.eps:
                group["lr"] = lower
