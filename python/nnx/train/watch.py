"""What is watched: metrics over the batches of an epoch, and the measuring of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor, concatenate, no_grad
from nnx.train.batches import Batches
from nnx.train.callbacks.base import Callbacks, Figures
from nnx.train.metrics.base import Metric
from nnx.train.parts import weighted
from nnx.train.step import Penalty, modes


class Watch:
    """Metrics over batches. Those that do not mind get several batches at once, always as many:
    values never depend on when somebody looks.

    Example:
        >>> watch = nnx.train.watch.Watch([nnx.train.Accuracy()])
        >>> watch.add(nnx.tensor([[2.0, 1.0]]), nnx.tensor([0]))
        >>> watch.flush()
        >>> watch.figures()
        {'accuracy': 1.0}
    """

    BATCHES, ELEMENTS = 32, 1 << 20  # how much may wait at most

    def __init__(self, metrics: list[Metric]) -> None:
        self.metrics = metrics
        self.now = [m for m in metrics if not m.by_sample]
        self.later = [m for m in metrics if m.by_sample]
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.limit = 0

    def reset(self) -> None:
        """Before an epoch."""
        for metric in self.metrics:
            metric.reset()
        self.outputs, self.targets, self.limit = [], [], 0

    def add(self, output: Any, target: Tensor) -> None:
        """One batch."""
        for metric in self.now:
            metric.update(output, target)
        if not self.later:
            return
        if not isinstance(output, Tensor):
            for metric in self.later:
                metric.update(output, target)
            return
        self.outputs.append(output.detach())
        self.targets.append(target)
        if len(self.outputs) >= self.limit:
            if not self.limit:
                size = max(output.numel(), 1)
                self.limit = max(1, min(self.BATCHES, self.ELEMENTS // size))
                if self.limit > 1:
                    return
            self.flush()

    def flush(self) -> None:
        """Gives the metrics what waits for them."""
        outputs, targets = self.outputs, self.targets
        self.outputs, self.targets = [], []
        if len(outputs) > 1 and _alike(outputs) and _alike(targets):
            outputs, targets = [concatenate(outputs)], [concatenate(targets)]
        for output, target in zip(outputs, targets, strict=True):
            for metric in self.later:
                metric.update(output, target)

    def figures(self, cheap: bool = False) -> Figures:
        """The value of each metric; only of those that are cheap to compute, if asked to."""
        return {m.name: m.value for m in self.metrics if not (cheap and m.costly)}

    def state_dict(self) -> dict[str, Any]:
        """What has been seen, and what still waits."""
        return {
            "metrics": [m.state_dict() for m in self.metrics],
            "names": [m.name for m in self.metrics],
            "outputs": list(self.outputs),
            "targets": list(self.targets),
            "limit": self.limit,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was called."""
        here = [m.name for m in self.metrics]
        if list(state["names"]) != here:
            rule = "a run must be resumed with the metrics it was saved with"
            received = f"saved: {', '.join(state['names']) or 'none'}; now: {', '.join(here)}"
            raise fail(ArgumentError, "fit", rule, received)
        for metric, entry in zip(self.metrics, state["metrics"], strict=True):
            metric.load_state_dict(entry)
        self.outputs, self.targets = list(state["outputs"]), list(state["targets"])
        self.limit = state["limit"]


def _alike(tensors: list[Tensor]) -> bool:
    first = tensors[0].shape[1:]
    return all(t.ndim and t.shape[1:] == first for t in tensors)


def measure(trainer: Any, batches: Batches, calls: Callbacks | None = None) -> Figures:
    """Loss and metrics over batches, in evaluation mode and without gradients.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> sorted(trainer.evaluate([[0.0]], [[0.0]]))
        ['loss']
    """
    model, loss_of = trainer.model, trainer.loss
    watch = Watch(trainer.metrics)
    watch.reset()
    if calls is not None:
        calls("evaluate_begin")
    summed = getattr(loss_of, "reduction", "mean") == "sum"
    with_weights: Any = None
    total, count = 0.0, 0
    with modes(model, False), no_grad():
        for batch in batches:
            x, y = batch[0], batch[1]
            output = model(x)
            n = len(y)
            if len(batch) > 2:
                with_weights = with_weights or weighted(loss_of)
                loss = with_weights(output, y, batch[2])
            else:
                loss = loss_of(output, y)
            count += n
            total += loss.item() * (1 if summed else n)
            watch.add(output, y)
        watch.flush()
        value = total / count if count else math.nan
        penalty = Penalty(model, trainer.l1, trainer.l2)
        if penalty:
            value += penalty().item()
    figures = {"loss": value, **watch.figures()}
    if calls is not None:
        calls("evaluate_end", figures)
    return figures
