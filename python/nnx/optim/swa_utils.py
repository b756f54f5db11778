"""Averages of weights over the training: AveragedModel as in PyTorch, and what belongs to it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, int64, no_grad, tensor
from nnx.nn.module import Module
from nnx.optim.lr_scheduler.base import LRScheduler, check_optimizer, for_each_group
from nnx.optim.optimizer import Optimizer

AverageFn = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverageFn = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


class AveragedModel(Module):
    """A copy of a model whose weights are an average of the weights the model had.

    The average is the mean of all calls of `update_parameters`, unless another rule is given; the
    first call copies.

    Args:
        model: the model.
        device: where the copy goes, if elsewhere.
        avg_fn: (average, value, number averaged) -> the new average, for each tensor.
        multi_avg_fn: (averages, values, number averaged), in place, for all of them.
        use_buffers: whether to average buffers too; otherwise they are copied.

    Raises: ArgumentError for both functions.
    Source: Izmailov et al., arXiv:1803.05407; PyTorch's torch.optim.swa_utils.

    Example:
        >>> model = nn.Dense(1, 1, bias=False)
        >>> averaged = optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged(nnx.ones((1, 1))).tolist(), averaged.n_averaged.item()
        ([[3.0]], 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFn | None = None,
        multi_avg_fn: MultiAverageFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        _check_module("AveragedModel", model)
        if avg_fn is not None and multi_avg_fn is not None:
            rule = "give it avg_fn or multi_avg_fn, not both"
            raise fail(ArgumentError, "AveragedModel", rule)
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the present weights of a model into the average.

        Example:
            >>> model = nn.Dense(1, 1)
            >>> averaged = optim.swa_utils.AveragedModel(model)
            >>> averaged.update_parameters(model)
            >>> averaged.n_averaged.item()
            1
        """
        _check_module("AveragedModel.update_parameters", model)
        with no_grad():
            averages = [p.detach() for p in self.module.parameters()]
            values = [p.detach() for p in model.parameters()]
            kept = [b.detach() for b in self.module.buffers()]
            new = [b.detach() for b in model.buffers()]
            shapes = [tuple(t.shape) for t in values + new]
            if [tuple(t.shape) for t in averages + kept] != shapes:
                rule = "the model must have the layers of the one it was made with"
                op = "AveragedModel.update_parameters"
                raise fail(ArgumentError, op, rule, type(model).__name__)
            if self.use_buffers:
                averages, values, kept, new = averages + kept, values + new, [], []
            values = [v.to(a.device) for a, v in zip(averages, values, strict=True)]
            self._average(averages, values)
            for b, value in zip(kept, new, strict=True):
                b.copy_(value)
            self.n_averaged += 1

    def _average(self, averages: list[Tensor], values: list[Tensor]) -> None:
        count = int(self.n_averaged)
        if count == 0:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
        elif self.avg_fn is not None:
            for average, value in zip(averages, values, strict=True):
                average.copy_(self.avg_fn(average, value, self.n_averaged))
        else:
            rule = self.multi_avg_fn or get_swa_multi_avg_fn()
            for kind in {a.dtype: None for a in averages}:
                pairs = [(a, v) for a, v in zip(averages, values, strict=True) if a.dtype == kind]
                rule([a for a, _ in pairs], [v for _, v in pairs], self.n_averaged)


def _check_module(op: str, model: Any) -> None:
    if not isinstance(model, Module):
        raise fail(DTypeError, op, "the model must be a Module", describe(model, "model"))


def _blend(averages: Sequence[Tensor], values: Sequence[Tensor], rate: float) -> None:
    """averages += rate (values - averages), rounded for integers as a copy rounds."""
    if averages and averages[0].dtype.is_floating_point:
        _nnx.ema_update(list(averages), list(values), (), rate)
        return
    with no_grad():
        for average, value in zip(averages, values, strict=True):
            average.copy_(average * (1.0 - rate) + value * rate)


def get_ema_avg_fn(decay: float = 0.999) -> AverageFn:
    """For `AveragedModel(avg_fn=...)`: average = decay average + (1 - decay) value.

    Example:
        >>> f = optim.swa_utils.get_ema_avg_fn(0.75)
        >>> f(nnx.tensor(4.0), nnx.tensor(8.0), 1).item()
        5.0
    """
    keep = _check.real("get_ema_avg_fn", "decay", decay, 0.0, 1.0)

    def average(old: Tensor, value: Tensor, count: Any) -> Tensor:
        return old * keep + value * (1.0 - keep)

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverageFn:
    """For `AveragedModel(multi_avg_fn=...)`: average = decay average + (1 - decay) value, for all
    tensors in one pass.

    Example:
        >>> average = nnx.tensor([4.0])
        >>> optim.swa_utils.get_ema_multi_avg_fn(0.75)([average], [nnx.tensor([8.0])], 1)
        >>> average.tolist()
        [5.0]
    """
    keep = _check.real("get_ema_multi_avg_fn", "decay", decay, 0.0, 1.0)

    def average(old: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        _blend(old, values, 1.0 - keep)

    return average


def get_swa_avg_fn() -> AverageFn:
    """For `AveragedModel(avg_fn=...)`: the mean of all values.

    Example:
        >>> optim.swa_utils.get_swa_avg_fn()(nnx.tensor(4.0), nnx.tensor(7.0), 2).item()
        5.0
    """

    def average(old: Tensor, value: Tensor, count: Any) -> Tensor:
        return old + (value - old) / (int(count) + 1)

    return average


def get_swa_multi_avg_fn() -> MultiAverageFn:
    """For `AveragedModel(multi_avg_fn=...)`: the mean of all values, in one pass.

    Example:
        >>> average = nnx.tensor([4.0])
        >>> optim.swa_utils.get_swa_multi_avg_fn()([average], [nnx.tensor([7.0])], 2)
        >>> average.tolist()
        [5.0]
    """

    def average(old: Sequence[Tensor], values: Sequence[Tensor], count: Any) -> None:
        _blend(old, values, 1.0 / (int(count) + 1))

    return average


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of batch normalisation anew, over all batches of a loader.

    Averaged weights go with other statistics than any of the weights averaged. Of a batch that is
    a tuple the first part is the input.

    Example:
        >>> model = nn.Dense(2, 1)
        >>> optim.swa_utils.update_bn([nnx.ones((4, 2))], model)  # no such layer: nothing to do
    """
    _check_module("update_bn", model)
    layers: list[Any] = [m for m in model.modules() if hasattr(m, "reset_running_stats")]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    training = model.training
    model.train()
    try:
        with no_grad():
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # the mean of all batches
            for batch in loader:
                x = batch[0] if isinstance(batch, list | tuple) else batch
                model(x if device is None else x.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Goes to the learning rate swa_lr in anneal_epochs epochs, and stays there.

    Args:
        optimizer, last_epoch: as for `LRScheduler`.
        swa_lr: a number, or a list with one for each parameter group.
        anneal_epochs: at least 0.
        anneal_strategy: "cos" or "linear".

    Raises: ArgumentError, DTypeError for other values.
    Source: Izmailov et al., arXiv:1803.05407; PyTorch's torch.optim.swa_utils.SWALR.

    Example:
        >>> opt = optim.SGD([nn.Parameter(nnx.ones(1))], lr=0.5)
        >>> scheduler = optim.swa_utils.SWALR(opt, 0.25, anneal_epochs=2, anneal_strategy="linear")
        >>> for epoch in range(3):
        ...     opt.step(); scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.375]
        [0.25]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        op = type(self).__name__
        rates = for_each_group(op, "swa_lr", swa_lr, check_optimizer(op, optimizer))
        self.anneal_epochs = _check.integer(op, "anneal_epochs", anneal_epochs)
        choices = ("cos", "linear")
        self._anneal_strategy = _check.choice(op, "anneal_strategy", anneal_strategy, choices)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def _part(self, step: float) -> float:
        part = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def _next(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates
