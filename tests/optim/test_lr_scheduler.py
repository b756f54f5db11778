"""Schedules of the learning rate: formulas, resuming, warnings, bad input.

What each does over 50 steps is compared with PyTorch in tests/nn (cases.SCHEDULERS).
"""

from __future__ import annotations

import copy
import json
import math
import pathlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.optim import lr_scheduler as s

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))

import cases

OWN: dict[str, Callable[[Any, Any], Any]] = {
    "warmup": lambda s, o: s.WarmupLR(o, 5, s.CosineAnnealingLR(o, 20), start_factor=0.1),
    "warmup_cycle": lambda s, o: s.WarmupLR(o, 4, s.OneCycleLR(o, 0.2, total_steps=60)),
    "warmup_only": lambda s, o: s.WarmupLR(o, 7),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [
            s.ConstantLR(o, 0.5, 3),
            s.SequentialLR(o, [s.StepLR(o, 2, 0.5), s.PolynomialLR(o, 20)], [8]),
        ],
        [6],
    ),
    "swa": lambda s, o: optim.swa_utils.SWALR(o, 0.05, 10),
}
ALL = cases.SCHEDULERS | OWN


def optimizer() -> Any:
    groups = [{"params": [nn.Parameter(nnx.zeros(1))]} for _ in range(2)]
    return optim.SGD([groups[0], groups[1] | {"lr": 0.03}], lr=0.1, momentum=0.9)


def go(opt: Any, scheduler: Any, begin: int, end: int) -> list[Any]:
    """The options of both groups after each step."""
    found = []
    for t in range(begin, end):
        opt.step()
        plateau = isinstance(scheduler, s.ReduceLROnPlateau)
        scheduler.step(*([1.0 / (1 + t % 7)] if plateau else []))
        found.append([(group["lr"], group["momentum"]) for group in opt.param_groups])
        assert scheduler.get_last_lr() == [group["lr"] for group in opt.param_groups]
    return found


def stepped(opt: Any, scheduler: Any, epoch: Any) -> None:
    opt.step()
    scheduler.step(epoch)


# --- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda o: s.StepLR(o, 3, 0.5), lambda t: 0.5 ** (t // 3)),
        (lambda o: s.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.1 ** ((t >= 2) + (t >= 5))),
        (lambda o: s.ConstantLR(o, 0.25, 4), lambda t: 0.25 if t < 4 else 1),
        (lambda o: s.ConstantLR(o, 0, 4), lambda t: 0 if t < 4 else 1),
        (lambda o: s.LinearLR(o, 0.5, 1, 4), lambda t: min(1, 0.5 + 0.5 * t / 4)),
        (lambda o: s.ExponentialLR(o, 0.9), lambda t: 0.9**t),
        (lambda o: s.PolynomialLR(o, 8, 2), lambda t: max(0, 1 - t / 8) ** 2),
        (lambda o: s.CosineAnnealingLR(o, 10), lambda t: (1 + math.cos(math.pi * t / 10)) / 2),
        (
            lambda o: s.CosineAnnealingWarmRestarts(o, 4, 2),
            lambda t: (
                (
                    1
                    + math.cos(
                        math.pi * (t / 4 if t < 4 else (t - 4) / 8 if t < 12 else (t - 12) / 16)
                    )
                )
                / 2
            ),
        ),
        (lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
        (lambda o: s.MultiplicativeLR(o, lambda t: 0.5), lambda t: 0.5**t),
        (
            lambda o: s.WarmupLR(o, 4, s.ExponentialLR(o, 0.5), start_factor=0.2),
            lambda t: 0.2 + 0.8 * t / 4 if t < 4 else 0.5 ** (t - 4),
        ),
        (lambda o: s.WarmupLR(o, 4, start_factor=0.2), lambda t: min(1, 0.2 + 0.8 * t / 4)),
        (
            lambda o: s.ChainedScheduler([s.ExponentialLR(o, 0.9), s.StepLR(o, 2, 0.5)]),
            lambda t: 0.9**t * 0.5 ** (t // 2),
        ),
        (  # a chain as a part of a sequence begins at the milestone
            lambda o: s.SequentialLR(
                o,
                [
                    s.ConstantLR(o, 0.5, 99),
                    s.ChainedScheduler([s.ConstantLR(o, 0.2, 2), s.ExponentialLR(o, 0.9)]),
                ],
                [3],
            ),
            lambda t: 0.5 if t < 3 else 0.9 ** (t - 3) * (0.2 if t < 5 else 1),
        ),
        (  # and so does a sequence
            OWN["nested"].__get__(s),
            lambda t: (
                (0.5 if t < 3 else 1)
                if t < 6
                else 0.5 ** ((t - 6) // 2)
                if t < 14
                else max(0, 1 - (t - 14) / 20)
            ),
        ),
        (  # the first part may be one too
            lambda o: s.SequentialLR(
                o,
                [
                    s.SequentialLR(o, [s.ConstantLR(o, 0.5, 9), s.ExponentialLR(o, 0.9)], [2]),
                    s.StepLR(o, 3, 0.1),
                ],
                [5],
            ),
            lambda t: 0.5 if t < 2 else 0.9 ** (t - 2) if t < 5 else 0.1 ** ((t - 5) // 3),
        ),
    ],
)
def test_closed_forms(make: Any, formula: Callable[[int], float]) -> None:
    opt = optimizer()
    scheduler = make(opt)
    found = [scheduler.get_last_lr()]
    for _ in range(19):
        opt.step()
        scheduler.step()
        found.append([group["lr"] for group in opt.param_groups])
    expected = [[0.1 * formula(t), 0.03 * formula(t)] for t in range(20)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_fractions_of_an_epoch() -> None:
    opt = optimizer()
    scheduler = s.CosineAnnealingWarmRestarts(opt, 2, 3)
    opt.step()
    for epoch, part in ((0.5, 0.25), (1.5, 0.75), (2.0, 0.0), (5.0, 0.5), (8.0, 0.0), (17.0, 0.5)):
        scheduler.step(epoch)
        expected = 0.1 * (1 + math.cos(math.pi * part)) / 2
        assert opt.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12), epoch


@pytest.mark.parametrize("kind", ["step", "multistep", "linear", "exponential", "cosine", "lambda"])
def test_a_jump_to_an_epoch(kind: str) -> None:
    opt, other = optimizer(), optimizer()
    jumping, walking = cases.SCHEDULERS[kind](s, opt), cases.SCHEDULERS[kind](s, other)
    walked = go(other, walking, 0, 9)[-1]
    opt.step()
    jumping.step(9)
    np.testing.assert_allclose(
        [group["lr"] for group in opt.param_groups], [lr for lr, _ in walked], rtol=1e-12
    )


def test_changes_by_hand_are_kept() -> None:
    opt = optimizer()
    scheduler = s.ExponentialLR(opt, 0.5)
    opt.param_groups[0]["lr"] = 8.0
    opt.step()
    scheduler.step()
    assert opt.param_groups[0]["lr"] == 4.0


def test_one_cycle_moves_adams_beta() -> None:
    opt = optim.AdamW([nn.Parameter(nnx.ones(1))], betas=(0.9, 0.99))
    scheduler = s.OneCycleLR(opt, 1.0, total_steps=10, base_momentum=0.8, max_momentum=0.95)
    seen = []
    for _ in range(9):
        seen.append((opt.param_groups[0]["lr"], *opt.param_groups[0]["betas"]))
        opt.step()
        scheduler.step()
    highest = max(seen)
    assert highest == pytest.approx((1.0, 0.8, 0.99))
    assert seen[0] == pytest.approx((0.04, 0.95, 0.99)) and seen[-1][1] > 0.94


# --- resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deepcopy", "file", "scheduler last"])
@pytest.mark.parametrize("name", ALL)
def test_a_schedule_goes_on_from_its_state(name: str, how: str, tmp_path: Any) -> None:
    opt = optimizer()
    scheduler = ALL[name](s, opt)
    last = go(opt, scheduler, 0, 17)[-1]
    state = {"opt": copy.deepcopy(opt.state_dict()), "sched": scheduler.state_dict()}
    state = copy.deepcopy(state)
    expected = go(opt, scheduler, 17, 40)
    if how == "file":
        nnx.save(state, tmp_path / "state.safetensors")
        state = nnx.load(tmp_path / "state.safetensors")
    fresh = optimizer()
    if how == "scheduler last":  # its constructor changes what the optimiser's state has set
        fresh.load_state_dict(state["opt"])
        again = ALL[name](s, fresh)
    else:
        again = ALL[name](s, fresh)
        fresh.load_state_dict(state["opt"])
    again.load_state_dict(state["sched"])
    assert [(group["lr"], group["momentum"]) for group in fresh.param_groups] == last
    assert again.get_last_lr() == [lr for lr, _ in last]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert go(fresh, again, 17, 40) == expected


def test_options_that_a_schedule_sets_come_back_with_its_state() -> None:
    opt = optimizer()
    scheduler = s.OneCycleLR(opt, 0.3, total_steps=20)
    go(opt, scheduler, 0, 5)
    state = json.loads(json.dumps(scheduler.state_dict()))
    fresh = optimizer()
    again = s.OneCycleLR(fresh, 0.3, total_steps=20)
    again.load_state_dict(state)
    for ours, theirs in zip(fresh.param_groups, opt.param_groups, strict=True):
        assert (ours["lr"], ours["momentum"]) == (theirs["lr"], theirs["momentum"])


@pytest.mark.parametrize("name", sorted(set(cases.SCHEDULERS) - {"lambda"}))
def test_a_state_of_torch_goes_on_here(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    theirs = torch.optim.SGD([groups[0], groups[1] | {"lr": 0.03}], lr=0.1, momentum=0.9)
    scheduler = cases.SCHEDULERS[name](torch.optim.lr_scheduler, theirs)
    value = [0.5] if name.startswith("plateau") else []
    for _ in range(17):
        theirs.step()
        scheduler.step(*value)
    state = copy.deepcopy((theirs.state_dict(), scheduler.state_dict()))
    opt = optimizer()
    own = cases.SCHEDULERS[name](s, opt)
    opt.load_state_dict(state[0])
    own.load_state_dict(state[1])
    for _ in range(20):
        theirs.step()
        opt.step()
        scheduler.step(*value)
        own.step(*value)
        np.testing.assert_allclose(own.get_last_lr(), scheduler.get_last_lr(), rtol=1e-11)


@pytest.mark.parametrize(
    "name", ["step", "linear", "exponential", "polynomial", "cosine", "cyclic"]
)
def test_going_on_after_last_epoch_as_torch_does(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    makers: dict[str, Any] = {
        "step": lambda s, o: s.StepLR(o, 7, 0.5, last_epoch=5),
        "linear": lambda s, o: s.LinearLR(o, 0.1, 0.7, 20, last_epoch=5),
        "exponential": lambda s, o: s.ExponentialLR(o, 0.9, last_epoch=5),
        "polynomial": lambda s, o: s.PolynomialLR(o, 30, last_epoch=5),
        "cosine": lambda s, o: s.CosineAnnealingLR(o, 13, last_epoch=5),
        "cyclic": lambda s, o: s.CyclicLR(o, 0.1, 0.2, 4, cycle_momentum=False, last_epoch=5),
    }
    found = []
    for lib in (nnx, torch):
        w = lib.nn.Parameter(lib.zeros(1))
        opt = lib.optim.SGD([{"params": [w], "initial_lr": 0.4}], lr=0.1)
        scheduler = makers[name](lib.optim.lr_scheduler, opt)
        rates = [opt.param_groups[0]["lr"]]
        for _ in range(20):
            opt.step()
            scheduler.step()
            rates.append(opt.param_groups[0]["lr"])
        found.append(rates)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_functions_are_not_part_of_a_state_but_objects_are() -> None:
    class Factor:
        def __init__(self, base: float) -> None:
            self.base = base

        def __call__(self, t: float) -> float:
            return self.base**t

    opt = optimizer()
    state = s.LambdaLR(opt, [Factor(0.5), lambda t: 1.0]).state_dict()
    assert state["lr_lambdas"] == [{"base": 0.5}, None]
    fresh = s.LambdaLR(optimizer(), [Factor(0.9), lambda t: 1.0])
    fresh.load_state_dict(state)
    assert fresh.lr_lambdas[0](1) == 0.5
    cyclic = s.CyclicLR(opt, 0.1, 0.2, 4, scale_fn=Factor(0.5))
    again = s.CyclicLR(opt, 0.1, 0.2, 4, scale_fn=Factor(0.9))
    again.load_state_dict(cyclic.state_dict())
    assert again.scale_fn(1) == 0.5


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    opt = optimizer()
    scheduler = s.SequentialLR(opt, [s.StepLR(opt, 2), s.ExponentialLR(opt, 0.9)], [4])
    go(opt, scheduler, 0, 3)
    before = repr((scheduler.state_dict(), opt.param_groups))
    good = copy.deepcopy(scheduler.state_dict())
    single = optim.SGD([nn.Parameter(nnx.zeros(1))], lr=0.1)
    foreign = s.SequentialLR(single, [s.StepLR(single, 2), s.StepLR(single, 3)], [4])
    short = copy.deepcopy(good)
    short["_schedulers"] = short["_schedulers"][:1]
    deep = copy.deepcopy(good)
    deep["_schedulers"][1]["last_epoch"] = "seven"
    for bad, error in [
        (None, nnx.DTypeError),
        ({}, nnx.ArgumentError),
        (s.StepLR(optimizer(), 2).state_dict(), nnx.ArgumentError),
        (foreign.state_dict(), nnx.ArgumentError),
        (short, nnx.ArgumentError),
        (deep, nnx.DTypeError),
        (good | {"last_epoch": -3}, nnx.ArgumentError),
    ]:
        with pytest.raises(error):
            scheduler.load_state_dict(bad)  # type: ignore[arg-type]
        assert repr((scheduler.state_dict(), opt.param_groups)) == before


# --- warnings and errors --------------------------------------------------------------------------


def test_a_step_before_the_optimizers_is_pointed_out() -> None:
    opt = optimizer()
    scheduler = s.StepLR(opt, 5)
    with pytest.warns(UserWarning, match=r"call optimizer\.step\(\) first"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()  # once is enough
        later = s.StepLR(opt, 5)
        opt.step()
        later.step()


@pytest.mark.parametrize("kind", ["own", "lbfgs"])
def test_steps_of_every_optimizer_count(kind: str) -> None:
    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            """Its text stays."""

    w = nn.Parameter(nnx.ones(1))
    opt: Any = Own([w], {"lr": 0.1}) if kind == "own" else optim.LBFGS([w])
    assert Own.step.__doc__ == "Its text stays."

    def closure() -> Any:
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    scheduler = s.StepLR(opt, 5)
    opt.step(closure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
    assert scheduler.last_epoch == 1


def test_get_lr_is_not_for_the_user() -> None:
    with pytest.warns(UserWarning, match=r"get_last_lr\(\)"):
        s.ExponentialLR(optimizer(), 0.5).get_lr()


def test_a_schedule_of_ones_own() -> None:
    class Own(s.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    opt = optimizer()
    scheduler = Own(opt)
    assert go(opt, scheduler, 0, 3)[-1][0][0] == 0.1 / 4
    again = Own(optimizer())
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == [0.1 / 4, 0.03 / 4] and s._LRScheduler is s.LRScheduler
    with pytest.raises(NotImplementedError):
        s.LRScheduler(opt)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda o: s.StepLR(nn.Dense(1, 1), 3), TypeError),
        (lambda o: s.StepLR(optim.Optimizer([nn.Parameter(nnx.ones(1))], {}), 3), ValueError),
        (lambda o: s.StepLR(o, 0), ValueError),
        (lambda o: s.StepLR(o, 2.5), TypeError),
        (lambda o: s.StepLR(o, 2, "half"), TypeError),
        (lambda o: s.StepLR(o, 2, -1), ValueError),
        (lambda o: s.StepLR(o, 2, last_epoch=3), ValueError),
        (lambda o: s.MultiStepLR(o, 3), TypeError),
        (lambda o: s.MultiStepLR(o, ["a"]), TypeError),
        (lambda o: s.ConstantLR(o, 1.5), ValueError),
        (lambda o: s.LinearLR(o, 0), ValueError),
        (lambda o: s.LinearLR(o, 0.5, 2), ValueError),
        (lambda o: s.LinearLR(o, total_iters=0), ValueError),
        (lambda o: s.ExponentialLR(o, math.nan), ValueError),
        (lambda o: s.PolynomialLR(o, 0), ValueError),
        (lambda o: s.CosineAnnealingLR(o, 0), ValueError),
        (lambda o: s.CosineAnnealingLR(o, 5, "low"), TypeError),
        (lambda o: s.CosineAnnealingWarmRestarts(o, 0), ValueError),
        (lambda o: s.CosineAnnealingWarmRestarts(o, 5, 1.5), TypeError),
        (lambda o: stepped(o, s.CosineAnnealingWarmRestarts(o, 5), -1), ValueError),
        (lambda o: stepped(o, s.StepLR(o, 5), -1), ValueError),
        (lambda o: stepped(o, s.StepLR(o, 5), nnx.tensor(0.7)), TypeError),
        (lambda o: s.LambdaLR(o, 0.5), TypeError),
        (lambda o: s.LambdaLR(o, [abs]), ValueError),
        (lambda o: s.MultiplicativeLR(o, [abs, 3]), TypeError),
        (lambda o: s.CyclicLR(o, 0.1, [0.2]), ValueError),
        (lambda o: s.CyclicLR(o, 0.1, 0.2, 0), ValueError),
        (lambda o: s.CyclicLR(o, 0.1, 0.2, mode="square"), ValueError),
        (lambda o: s.CyclicLR(o, 0.1, 0.2, scale_fn=3), TypeError),
        (lambda o: s.CyclicLR(optim.Adagrad([nn.Parameter(nnx.ones(1))]), 0.1, 0.2), ValueError),
        (lambda o: s.OneCycleLR(o, 0.1), ValueError),
        (lambda o: s.OneCycleLR(o, 0.1, epochs=3), ValueError),
        (lambda o: s.OneCycleLR(o, 0.1, 10, pct_start=3), ValueError),
        (lambda o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="exp"), ValueError),
        (lambda o: s.OneCycleLR(o, 0.1, 10, div_factor=0), ValueError),
        (lambda o: s.SequentialLR(o, [], []), ValueError),
        (lambda o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]), ValueError),
        (lambda o: s.SequentialLR(o, [s.StepLR(o, 2)] * 3, [4, 3]), ValueError),
        (lambda o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []), ValueError),
        (lambda o: s.SequentialLR(o, [3], []), TypeError),
        (lambda o: s.SequentialLR(o, [s.StepLR(optimizer(), 2)], []), ValueError),
        (lambda o: s.ChainedScheduler([]), ValueError),
        (lambda o: s.ChainedScheduler([s.StepLR(o, 2), s.StepLR(optimizer(), 2)]), ValueError),
        (lambda o: stepped(o, s.ChainedScheduler([s.StepLR(o, 2)]), 3), ValueError),
        (lambda o: s.WarmupLR(o, 0), ValueError),
        (lambda o: s.WarmupLR(o, 3, after="cosine"), TypeError),
        (lambda o: s.ReduceLROnPlateau(o, "least"), ValueError),
        (lambda o: s.ReduceLROnPlateau(o, factor=1.0), ValueError),
        (lambda o: s.ReduceLROnPlateau(o, patience=-1), ValueError),
        (lambda o: s.ReduceLROnPlateau(o, threshold_mode="percent"), ValueError),
        (lambda o: s.ReduceLROnPlateau(o, min_lr=[0.1]), ValueError),
        (lambda o: s.ReduceLROnPlateau(o).step("good"), TypeError),
        (lambda o: s.ReduceLROnPlateau(o).step(), TypeError),
        (lambda o: s.ReduceLROnPlateau(o).step(nnx.ones(2)), TypeError),
        (lambda o: optim.swa_utils.SWALR(o, -1), ValueError),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make(optimizer())
    assert isinstance(caught.value, nnx.Error)


def test_a_cycle_that_is_over() -> None:
    opt = optimizer()
    scheduler = s.OneCycleLR(opt, 0.1, total_steps=3)
    go(opt, scheduler, 0, 3)
    before = copy.deepcopy(opt.param_groups[0]["lr"])
    with pytest.raises(nnx.ArgumentError, match="every batch of every epoch"):
        go(opt, scheduler, 3, 4)
    assert opt.param_groups[0]["lr"] == before


def test_plateau_ignores_nan_and_follows_new_groups() -> None:
    opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=1.0)
    scheduler = s.ReduceLROnPlateau(opt, factor=0.5, patience=1)
    scheduler.step(1.0)
    opt.add_param_group({"params": [nn.Parameter(nnx.ones(1))], "lr": 2.0})
    for _ in range(2):
        scheduler.step(nnx.tensor(math.nan))
    assert scheduler.best == 1.0 and scheduler.get_last_lr() == [0.5, 1.0]
