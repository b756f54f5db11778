"""Schedules along a curve: cosine, with restarts, up and down, one cycle."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx.optim.lr_scheduler.base import LRScheduler, above_zero, check_optimizer, for_each_group
from nnx.optim.optimizer import Optimizer

Numbers = float | Sequence[float]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial learning rate down to eta_min, in T_max epochs.

    lr = eta_min + (initial - eta_min) (1 + cos(pi t / T_max)) / 2; it rises again after T_max.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        T_max: epochs from top to bottom, above 0.
        eta_min: the learning rate at the bottom, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: Loshchilov, Hutter, arXiv:1608.03983, without restarts.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=2)
        >>> for epoch in range(2):
        ...     opt.step(); scheduler.step()
        ...     print(round(scheduler.get_last_lr()[0], 6))
        0.25
        0.0
    """

    def __init__(
        self, optimizer: Optimizer, T_max: float, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        op = type(self).__name__
        above_zero(op, "T_max", T_max)
        self.T_max = T_max
        self.eta_min = _check.real(op, "eta_min", eta_min, 0.0)
        super().__init__(optimizer, last_epoch)

    def _next(self) -> list[float]:
        low, angle, t = self.eta_min, math.pi / self.T_max, self.last_epoch
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # leaving the bottom: no ratio to follow
            rise = (1 - math.cos(angle)) / 2
            pairs = zip(self._present(), self.base_lrs, strict=True)
            return [lr + (base - low) * rise for lr, base in pairs]
        ratio = (1 + math.cos(angle * t)) / (1 + math.cos(angle * (t - 1)))
        return [low + (lr - low) * ratio for lr in self._present()]

    def _first(self) -> list[float]:
        return self._present()

    def _closed_form(self) -> list[float]:
        low, part = self.eta_min, (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [low + (base - low) * part for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """The cosine of `CosineAnnealingLR` that jumps to the top again whenever it has come down.

    The first fall takes T_0 epochs, and each one T_mult times as long as the one before.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        T_0: epochs, at least 1.
        T_mult: a whole number of at least 1.
        eta_min: the learning rate at the bottom, at least 0.

    Raises: ArgumentError, DTypeError for other values.
    Source: Loshchilov, Hutter, arXiv:1608.03983.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=2)
        >>> for epoch in range(3):
        ...     opt.step(); scheduler.step()
        ...     print(round(scheduler.get_last_lr()[0], 6))
        0.25
        0.5
        0.25
        >>> scheduler.step(2 + 1 / 2)  # within an epoch
        >>> round(scheduler.get_last_lr()[0], 6)
        0.426777
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.T_0 = self.T_i = _check.integer(op, "T_0", T_0, 1)
        self.T_mult = _check.integer(op, "T_mult", T_mult, 1)
        self.eta_min = _check.real(op, "eta_min", eta_min, 0.0)
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def _to(self, epoch: float | None, first: bool = False) -> None:
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = _check.real(f"{type(self).__name__}.step", "epoch", epoch, 0.0)
            self.T_cur, self.T_i = epoch, self.T_0
            if self.T_mult == 1:
                self.T_cur = epoch % self.T_0
            else:
                while self.T_cur >= self.T_i:
                    self.T_cur -= self.T_i
                    self.T_i *= self.T_mult
        super()._to(math.floor(epoch))

    def _next(self) -> list[float]:
        low, part = self.eta_min, (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [low + (base - low) * part for base in self.base_lrs]


class _WithMomentum(LRScheduler):
    """A schedule that moves momentum, or Adam's first beta, against the learning rate."""

    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self, op: str, cycle_momentum: bool) -> None:
        self.cycle_momentum = bool(cycle_momentum)
        if not cycle_momentum:
            return
        defaults = self.optimizer.defaults
        self.use_beta1 = "betas" in defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise fail(
                ArgumentError,
                op,
                "cycle_momentum needs an optimizer with momentum or betas",
                type(self.optimizer).__name__,
                "give the scheduler cycle_momentum=False",
            )

    def _set_momentum(self, values: Sequence[float]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            if self.use_beta1:
                group["betas"] = (value, *group["betas"][1:])
            else:
                group["momentum"] = value

    def _note_momentum(self, least: Sequence[float], most: Sequence[float]) -> None:
        groups = self.optimizer.param_groups
        for group, low, high in zip(groups, least, most, strict=True):
            group["max_momentum"], group["base_momentum"] = high, low
        self._set_momentum(most)

    def _restore(self) -> None:
        if self.last_epoch >= 0:
            self._next()  # for the momentum, which no state keeps
        super()._restore()


class CyclicLR(_WithMomentum):
    """Goes up from base_lr to max_lr and down again, in straight lines, over and over.

    Step it after every batch. Momentum goes the opposite way. The height of a cycle is scaled by
    1 (mode "triangular"), 1 / 2^(cycle - 1) ("triangular2"), or gamma^t ("exp_range").

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        base_lr, max_lr: a number, or a list with one for each parameter group.
        step_size_up, step_size_down: steps up and down, above 0; down as long as up if None.
        mode, gamma: see above.
        scale_fn: a function of one's own in place of the mode's; called with the number of the
            cycle, from 1, or of the step where scale_mode is "iterations".
        scale_mode: "cycle" or "iterations".
        cycle_momentum: whether to move momentum (or the first beta) too.
        base_momentum, max_momentum: its bounds, as base_lr.

    Raises: ArgumentError, DTypeError for other values, or an optimizer without momentum.
    Source: Smith, arXiv:1506.01186.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.1, momentum=0.9)
        >>> scheduler = optim.lr_scheduler.CyclicLR(opt, base_lr=0.25, max_lr=0.75, step_size_up=2)
        >>> for batch in range(4):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.5]
        [0.75]
        [0.5]
        [0.25]
    """

    _FIXED = {  # noqa: RUF012  (never written)
        "triangular": "cycle",
        "triangular2": "cycle",
        "exp_range": "iterations",
    }

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Numbers,
        max_lr: Numbers,
        step_size_up: float = 2000,
        step_size_down: float | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.8,
        max_momentum: Numbers = 0.9,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.optimizer = check_optimizer(op, optimizer)
        base_lrs = for_each_group(op, "base_lr", base_lr, optimizer)
        self.max_lrs = for_each_group(op, "max_lr", max_lr, optimizer)
        up = above_zero(op, "step_size_up", step_size_up)
        down = up if step_size_down is None else above_zero(op, "step_size_down", step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if scale_fn is None:
            _check.choice(op, "mode", mode, tuple(self._FIXED))
            scale_mode = self._FIXED[mode]
        elif not callable(scale_fn):
            rule = "scale_fn must be a function of the cycle or of the step"
            raise fail(DTypeError, op, rule, describe(scale_fn, "scale_fn"))
        self.mode = mode
        self.gamma = _check.real(op, "gamma", gamma, 0.0)
        self.scale_mode = _check.choice(op, "scale_mode", scale_mode, ("cycle", "iterations"))
        self._scale_fn_custom = scale_fn
        self._find_momentum(op, cycle_momentum)
        if cycle_momentum:
            least = for_each_group(op, "base_momentum", base_momentum, optimizer)
            most = for_each_group(op, "max_momentum", max_momentum, optimizer)
            self.base_momentums, self.max_momentums = least, most
            if last_epoch == -1:
                self._note_momentum(least, most)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                group["lr"] = lr
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, as a part of max_lr - base_lr.

        Example:
            >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.1, momentum=0.9)
            >>> scheduler = optim.lr_scheduler.CyclicLR(opt, 0.1, 0.2, mode="triangular2")
            >>> scheduler.scale_fn(3)
            0.25
        """
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        height: float = 0.5 ** (x - 1) if self.mode == "triangular2" else self.gamma**x
        return height

    def _next(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        part = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        part *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            self._set_momentum([most - (most - least) * part for least, most in bounds])
        return [low + (high - low) * part for low, high in self._bounds()]

    def _bounds(self) -> list[tuple[float, float]]:
        return list(zip(self.base_lrs, self.max_lrs, strict=True))

    def state_dict(self) -> dict[str, Any]:
        state, f = super().state_dict(), self._scale_fn_custom
        held = f is not None and not isinstance(f, types.FunctionType) and hasattr(f, "__dict__")
        state["_scale_fn_custom"] = dict(vars(f)) if held else None
        return state

    def _take(self, state: Mapping[str, Any]) -> None:
        super()._take({k: v for k, v in state.items() if k != "_scale_fn_custom"})
        if state.get("_scale_fn_custom") and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(state["_scale_fn_custom"])


class OneCycleLR(_WithMomentum):
    """One rise to max_lr and one long fall to almost nothing, over the whole training.

    Step it after every batch, total_steps times. From max_lr / div_factor it rises to max_lr in
    the first pct_start of the steps, then falls to (max_lr / div_factor) / final_div_factor;
    momentum goes the opposite way.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        max_lr: a number, or a list with one for each parameter group.
        total_steps: all steps; or epochs and steps_per_epoch, whose product it is.
        pct_start: part of the steps spent rising, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether to move momentum (or the first beta) too.
        base_momentum, max_momentum: its bounds, as max_lr.
        div_factor, final_div_factor: see above; above 0.
        three_phase: falls as long as it rose, back to where it began, before the last fall.

    Raises: ArgumentError, DTypeError for other values, an optimizer without momentum, or a step
        after the last.
    Source: Smith, Topin, arXiv:1708.07120.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.1, momentum=0.9)
        >>> scheduler = optim.lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=10)
        >>> rates = []
        >>> for batch in range(9):
        ...     rates += scheduler.get_last_lr()
        ...     opt.step(); scheduler.step()
        >>> [round(rate, 2) for rate in rates]
        [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Numbers,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Numbers = 0.85,
        max_momentum: Numbers = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        self.optimizer = check_optimizer(op, optimizer)
        if total_steps is not None:
            self.total_steps = _check.integer(op, "total_steps", total_steps, 1)
        elif epochs is not None and steps_per_epoch is not None:
            per_epoch = _check.integer(op, "steps_per_epoch", steps_per_epoch, 1)
            self.total_steps = _check.integer(op, "epochs", epochs, 1) * per_epoch
        else:
            raise fail(
                ArgumentError,
                op,
                "it must know the number of all steps",
                f"total_steps = None, epochs = {epochs}, steps_per_epoch = {steps_per_epoch}",
                "total_steps=epochs * len(loader), or epochs=... and steps_per_epoch=len(loader)",
            )
        pct_start = _check.real(op, "pct_start", pct_start, 0.0, 1.0)
        anneal = _check.choice(op, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        self._anneal_func_type: str = anneal
        self._schedule_phases = _phases(self.total_steps, pct_start, bool(three_phase))
        most = for_each_group(op, "max_lr", max_lr, optimizer)
        above_zero(op, "div_factor", div_factor)
        above_zero(op, "final_div_factor", final_div_factor)
        self._find_momentum(op, cycle_momentum)
        if cycle_momentum:
            low = for_each_group(op, "base_momentum", base_momentum, optimizer)
            high = for_each_group(op, "max_momentum", max_momentum, optimizer)
            if last_epoch == -1:
                self._note_momentum(low, high)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, most, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _next(self) -> list[float]:
        t = self.last_epoch
        if t > self.total_steps:
            raise fail(
                ArgumentError,
                f"{type(self).__name__}.step",
                f"the cycle has {self.total_steps} steps and they are done",
                f"step {t}",
                "total_steps must count every batch of every epoch",
            )
        begin = 0.0
        for phase in self._schedule_phases:
            end = float(phase["end_step"])
            if t <= end:
                break
            if phase is not self._schedule_phases[-1]:
                begin = end
        part = (t - begin) / (end - begin) if end != begin else 1.0
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            names = phase["start_momentum"], phase["end_momentum"]
            self._set_momentum([self._between(g[names[0]], g[names[1]], part) for g in groups])
        names = phase["start_lr"], phase["end_lr"]
        return [self._between(g[names[0]], g[names[1]], part) for g in groups]

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2.0 * (1 + math.cos(math.pi * part))


def _phases(steps: int, pct_start: float, three: bool) -> list[dict[str, Any]]:
    """Where each part of one cycle ends, and between which of a group's options it goes."""
    top = float(pct_start * steps) - 1
    rise = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    back = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
    fall = ("max_lr", "min_lr", "base_momentum", "max_momentum")
    rest = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
    ends = [(top, rise)]
    ends += [(float(2 * pct_start * steps) - 2, back), (steps - 1, rest)] if three else []
    ends += [] if three else [(steps - 1, fall)]
    names = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return [{"end_step": end, **dict(zip(names, phase, strict=True))} for end, phase in ends]
