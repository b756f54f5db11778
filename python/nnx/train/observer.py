"""Looks at a loop that somebody wrote: are its steps there, and in the right order?"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, array_equal, is_grad_enabled
from nnx.nn.module import Module
from nnx.train.mistakes import NO_RATE, Finding, has_modes, some


class observe:
    """Watches the training loop in its block, and prints at its end what is wrong with it:
    zero_grad, backward or step that are missing or in a wrong order, train and eval mode.

    Two or three rounds are enough; then take it away, for it costs time.

    Args: the model and the optimizer of the loop; show: whether the findings are printed.

    Example:
        >>> model = nn.Dense(1, 1)
        >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
        >>> with nnx.train.observe(model, optimizer):
        ...     for _ in range(3):
        ...         loss = (model(nnx.ones((4, 1))) ** 2).mean()
        ...         loss.backward()
        ...         optimizer.step()
        [observe] gradients add up until they are set to zero.
        Received: step 2 with the gradients of the step before still in it.
        Hint: optimizer.zero_grad() before every loss.backward().
    """

    def __init__(self, model: Module, optimizer: Any, *, show: bool = True) -> None:
        if not isinstance(model, Module):
            raise fail(DTypeError, "observe", "the model must be a Module", describe(model))
        if not hasattr(optimizer, "param_groups") or isinstance(optimizer, type):
            rule = "the second argument must be an optimizer"
            raise fail(DTypeError, "observe", rule, describe(optimizer))
        self.model, self.optimizer, self.show = model, optimizer, show
        self.findings: list[Finding] = []
        self.forwards = self.recorded = self.backwards = self.steps = self.empty = 0
        self._used: list[tuple[Tensor, Tensor, Tensor]] = []  # parameters, gradients, copies

    def __enter__(self) -> observe:
        self._handle = self.model.register_forward_hook(self._forward)
        self._step = self.optimizer.step
        self._had = self.optimizer.__dict__.get("step")
        self.optimizer.step = self._stepped
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.remove()
        if self._had is None:
            del self.optimizer.step
        else:
            self.optimizer.step = self._had
        if error is None:
            self._conclude()
            if self.show:
                texts = [finding.text("observe") for finding in self.findings]
                print("\n\n".join(texts) if texts else "observe: nothing found")

    def _note(self, name: str, rule: str, received: str, hint: str) -> None:
        if all(finding.name != name for finding in self.findings):
            self.findings.append(Finding(name, rule, received, hint))

    def _params(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    # --- what happens -------------------------------------------------------------------------
    def _forward(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        self.forwards += 1
        wild = [n or "the model" for n, m in module.named_modules() if m.training and has_modes(m)]
        if not is_grad_enabled():
            if wild:
                self._note(
                    "eval",
                    "a model is tested in evaluation mode",
                    f"{some(wild)} in training mode, where gradients are off",
                    "model.eval() before testing, and model.train() before training again",
                )
            return
        outputs = output if isinstance(output, list | tuple) else [output]
        tracked = [t for t in outputs if isinstance(t, Tensor) and t.requires_grad]
        self.recorded += bool(tracked)
        for tensor in tracked:
            tensor.register_hook(self._backward)

    def _backward(self, gradient: Tensor) -> None:
        self.backwards += 1
        # Compared with copies: a penalty on the weights may have added to some of them already.
        for p, used, was in self._used:
            if p.grad is used and bool((was != 0).any()) and array_equal(used, was):
                self._note(
                    "zero_grad",
                    "gradients add up until they are set to zero",
                    f"step {self.steps + 1} with the gradients of the step before still in it",
                    "optimizer.zero_grad() before every loss.backward()",
                )
                break
        self._used = []
        frozen = [n for n, m in self.model.named_modules() if not m.training and has_modes(m)]
        if frozen:
            self._note(
                "train",
                "a model learns in training mode",
                f"{some(frozen)} in evaluation mode, as model.eval() leaves it",
                "model.train() before the loop that trains",
            )

    def _stepped(self, *args: Any, **options: Any) -> Any:
        params = self._params()
        closure = bool(args or options)
        if not closure and all(p.grad is None for p in params):
            self.empty += 1
        elif not closure:
            self._used = [
                (p, p.grad, p.grad.detach().clone()) for p in params if p.grad is not None
            ]
        self.steps += 1
        return self._step(*args, **options)

    # --- what it means ------------------------------------------------------------------------
    def _conclude(self) -> None:
        if self.empty and (self.empty > 1 or self.steps == 1):
            known = {id(p) for p in self.model.parameters()}
            order = "zero_grad(), loss.backward(), step(): in this order, in every round"
            if not any(id(p) in known for p in self._params()):
                hint = "the optimizer holds other parameters than the model's: make it last"
            elif not self.backwards:
                hint = f"loss.backward() is missing, or comes after step(); {order}"
            else:
                hint = f"gradients are gone, or not there yet, when step() comes; {order}"
            rule = "step() changes parameters by their gradients; without them it does nothing"
            self._note("no_gradient", rule, f"{self.empty} of {self.steps} steps without any", hint)
        if self.backwards and not self.steps:
            rule = "backward() computes gradients; only step() changes the parameters"
            received = f"backward {self.backwards} times, step never"
            self._note("no_step", rule, received, "optimizer.step() after loss.backward()")
        if self.recorded and not self.backwards and not self.steps:
            rule = "a loop that only tests needs no graph: it costs time and memory"
            received = f"{self.recorded} forward passes with gradients on, backward never"
            self._note("no_grad", rule, received, "with nnx.no_grad(): around the loop")
        if self.steps and all(group.get("lr") == 0 for group in self.optimizer.param_groups):
            self._note("learning_rate", *NO_RATE)
