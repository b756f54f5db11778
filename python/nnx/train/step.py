"""What happens to one batch: forward, loss, backward, and the optimiser's step.

Where nothing special is asked for a step is the loop that a student writes, as a closure over its
parts; weights of samples, accumulation, clipping and penalties cost only those who ask for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, GradientError, Tensor, isfinite, no_grad
from nnx.nn.module import Module
from nnx.train.mistakes import STAYS, no_graph
from nnx.train.parts import needs_closure, weighted

Batch = Any  # [x, y] or [x, y, weight]


@contextmanager
def modes(model: Any, training: bool) -> Iterator[None]:
    """Within the block the model is in training or in evaluation mode; after it every module has
    its own mode again.

    Example:
        >>> model = nn.Sequential(nn.Dropout())
        >>> with nnx.train.step.modes(model, False):
        ...     model[0].training
        False
        >>> model[0].training
        True
    """
    if not isinstance(model, Module):
        yield
        return
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


class Penalty:
    """l1 sum |w| + l2 sum w^2 over the weights: all parameters with at least two axes. Biases, and
    the scales of normalisations, stay free.

    Example:
        >>> layer = nn.Dense(1, 1)
        >>> with nnx.no_grad():
        ...     _ = layer.weight.copy_(nnx.tensor([[-2.0]]))
        >>> nnx.train.step.Penalty(layer, 0.5, 0.25)().item()
        2.0
    """

    def __init__(self, model: Any, l1: float, l2: float) -> None:
        self.l1, self.l2 = l1, l2
        params = model.parameters() if isinstance(model, Module) else ()
        self.weights = [p for p in params if p.ndim > 1 and p.requires_grad]

    def __call__(self) -> Tensor:
        parts: list[Tensor] = []
        for w in self.weights:
            if self.l1:
                parts.append(w.abs().sum() * self.l1)
            if self.l2:
                parts.append((w * w).sum() * self.l2)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def __bool__(self) -> bool:
        return bool(self.weights and (self.l1 or self.l2))


class Step:
    """One batch: forward, loss, backward, and after every `accumulate` batches the optimiser.

    Args:
        trainer: whose model, loss and optimiser.
        on_nan: what a loss that is not finite does: "raise", "warn", "stop" or "ignore".
        accumulate: overrides the trainer's.

    Calling it with a batch returns the loss as a float and the outputs.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> step = nnx.train.step.Step(trainer)
        >>> loss, output = step([nnx.ones((4, 1)), nnx.ones((4, 1))])
        >>> output.shape
        (4, 1)
    """

    def __init__(self, trainer: Any, on_nan: str = "raise", accumulate: int | None = None) -> None:
        self.trainer = trainer
        self.on_nan = on_nan
        self.accumulate: int = trainer.accumulate if accumulate is None else accumulate
        self.penalty = Penalty(trainer.model, trainer.l1, trainer.l2)
        self.summed = getattr(trainer.loss, "reduction", "mean") == "sum"
        self.waiting = 0  # batches whose gradients wait for a step of the optimiser
        self.samples = 0  # their samples
        self.weighted: Any = None
        self.where: Callable[[], str] = lambda: "the loss"
        self.warned = False
        self.clips = trainer.clip_norm is not None or trainer.clip_value is not None
        if self.clips:
            from nnx.nn import utils

            self._norm, self._value = utils.clip_grad_norm_, utils.clip_grad_value_
        closure = needs_closure(trainer.optimizer)
        if closure and self.accumulate > 1:
            rule = "an optimizer that computes the loss anew cannot accumulate gradients"
            raise fail(ArgumentError, "Trainer", rule, type(trainer.optimizer).__name__)
        if closure:
            self.take = self._with_closure
        elif self.accumulate > 1 or self.clips or self.penalty:
            self.take = self._full
        else:
            self.take = self._plain()

    def __call__(self, batch: Batch) -> tuple[float, Any]:
        return self.take(batch)

    take: Callable[[Batch], tuple[float, Any]]

    def _plain(self) -> Callable[[Batch], tuple[float, Any]]:
        model, loss_of, full = self.trainer.model, self.trainer.loss, self._full
        zero_grad, step = self.trainer.optimizer.zero_grad, self.trainer.optimizer.step
        bad = self._bad

        def take(batch: Batch) -> tuple[float, Any]:
            if len(batch) != 2:
                return full(batch)
            x, y = batch
            output = model(x)
            loss = loss_of(output, y)
            try:
                value = loss.item()
            except (AttributeError, RuntimeError, ValueError) as error:
                raise _no_number(loss) from error
            if value - value != 0.0:  # only infinity and NaN
                bad(batch, value)
            zero_grad()
            try:
                loss.backward()
            except GradientError as error:
                _explain_no_graph(output, loss, error)
                raise
            step()
            return value, output

        return take

    def _forward(self, batch: Batch) -> tuple[float, Tensor, Any]:
        x, y = batch[0], batch[1]
        output = self.trainer.model(x)
        if len(batch) > 2:
            if self.weighted is None:
                self.weighted = weighted(self.trainer.loss)
            loss = self.weighted(output, y, batch[2])
        else:
            loss = self.trainer.loss(output, y)
        if self.penalty:
            loss = loss + self.penalty()
        try:
            value = loss.item()
        except (AttributeError, RuntimeError, ValueError) as error:
            raise _no_number(loss) from error
        if value - value != 0.0:
            self._bad(batch, value)
        return value, loss, output

    def _full(self, batch: Batch) -> tuple[float, Any]:
        value, loss, output = self._forward(batch)
        if self.waiting == 0:
            self.trainer.optimizer.zero_grad()
        n = len(batch[1])
        # Each batch counts by its samples; what has come together is divided by their sum.
        scaled = self.accumulate > 1 and not self.summed
        try:
            (loss * float(n) if scaled else loss).backward()
        except GradientError as error:
            _explain_no_graph(output, loss, error)
            raise
        self.waiting += 1
        self.samples += n if self.accumulate > 1 else 0
        if self.waiting >= self.accumulate:
            self.flush(batch)
        return value, output

    def flush(self, batch: Batch = None) -> None:
        """The optimiser's step with the gradients that wait for it.

        Example:
            >>> nnx.train.step.Step(nnx.Trainer(nn.Dense(1, 1), "mse")).flush()
        """
        if not self.waiting:
            return
        params = self.params()
        if self.samples and not self.summed:
            with no_grad():
                for p in params:
                    if p.grad is not None:
                        p.grad.mul_(1.0 / self.samples)
        self._clip(params, batch)
        self.trainer.optimizer.step()
        self.waiting = self.samples = 0

    def params(self) -> list[Tensor]:
        """What the optimiser changes.

        Example:
            >>> len(nnx.train.step.Step(nnx.Trainer(nn.Dense(1, 1), "mse")).params())
            2
        """
        return [p for group in self.trainer.optimizer.param_groups for p in group["params"]]

    def _clip(self, params: list[Tensor], batch: Batch) -> None:
        if not self.clips:
            return
        if self.trainer.clip_value is not None:
            self._value(params, self.trainer.clip_value)
        if self.trainer.clip_norm is not None:
            norm = float(self._norm(params, self.trainer.clip_norm))
            if norm - norm != 0.0:
                self._bad(batch, norm, "the gradient")

    def _with_closure(self, batch: Batch) -> tuple[float, Any]:
        seen: list[tuple[float, Any]] = []

        def closure() -> Tensor:
            value, loss, output = self._forward(batch) if not seen else self._again(batch)
            seen.append((value, output))
            self.trainer.optimizer.zero_grad()
            try:
                loss.backward()
            except GradientError as error:
                _explain_no_graph(output, loss, error)
                raise
            self._clip(self.params(), batch)
            return loss

        self.trainer.optimizer.step(closure)
        return seen[0]

    def _again(self, batch: Batch) -> tuple[float, Tensor, Any]:
        """Forward at a point of a line search, where an infinite loss is nothing unusual."""
        before, self.on_nan = self.on_nan, "ignore"
        try:
            return self._forward(batch)
        finally:
            self.on_nan = before

    def _bad(self, batch: Batch, value: float, what: str = "") -> None:
        """The loss, or the gradient, is not finite: says why, once."""
        if self.on_nan == "ignore" or self.warned:
            return
        from nnx.train.diagnose import NonFiniteWarning, explain

        error = explain(self, batch, value, what or self.where())
        if self.on_nan == "warn":
            import warnings

            self.warned = True
            warnings.warn(str(error), NonFiniteWarning, stacklevel=4)
            return
        self.trainer.optimizer.zero_grad()
        self.waiting = self.samples = 0
        if self.on_nan == "stop":
            raise Stop(str(error))
        raise error

    def finish(self) -> None:
        """After the last step of a run, whose weights no loss has seen yet.

        Raises: NonFiniteError for weights that are not finite.

        Example:
            >>> nnx.train.step.Step(nnx.Trainer(nn.Dense(1, 1), "mse")).finish()
        """
        if self.on_nan in ("raise", "warn") and not self.warned:
            with no_grad():
                finite = all(bool(isfinite(p.detach()).all()) for p in self.params())
            if not finite:
                self._bad([], float("nan"), "the weights after the last step are")


class Stop(Exception):
    """Ends a run quietly, from within a step."""


def _no_number(loss: Any) -> Exception:
    rule = "the loss must be one number, a tensor without axes"
    hint = "take its mean()" if isinstance(loss, Tensor) else STAYS
    return fail(DTypeError, "fit", rule, describe(loss, "loss"), hint)


def _explain_no_graph(output: Any, loss: Any, error: Exception) -> None:
    """Raises what says why a loss has no graph; returns where it has one."""
    found = no_graph(output, loss)
    if found is not None:
        raise fail(GradientError, "fit", *found) from error
