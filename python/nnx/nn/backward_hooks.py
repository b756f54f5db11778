"""Hooks around the gradients of a module.

The inputs and the outputs of a call pass through a function that changes nothing and, in the
backward pass, tells what gradients come by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Function, Tensor

Gradients = tuple[Any, ...]


class Tap(Function):
    """The same tensors, whose gradients `react` sees and may change.

    Example:
        >>> x = nnx.ones(1, requires_grad=True)
        >>> (y,) = nn.backward_hooks.Tap.apply(lambda grads: (grads[0] * 2,), x)
        >>> y.backward()
        >>> x.grad
        tensor([2.])
    """

    @staticmethod
    def forward(ctx: Any, react: Callable[[Gradients], Gradients], *tensors: Tensor) -> Gradients:
        """Copies of the tensors, so that a module may overwrite them."""
        ctx.react = react
        return tuple(tensor.clone() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Gradients:
        """What `react` makes of the gradients."""
        return (None, *ctx.react(grads))


class Watch:
    """The backward hooks of one call of a module.

    Example:
        >>> watch = nn.backward_hooks.Watch(nn.ReLU())
        >>> watch.inputs((nnx.ones(1), 3))
        (tensor([1.]), 3)
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._grad_output: Gradients = ()
        self._tensors = 0  # how many inputs are tensors
        self._tapped: list[int] = []  # which of these have gradients

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the call, those with gradients tapped.

        Example:
            >>> nn.backward_hooks.Watch(nn.ReLU()).inputs((1, 2))
            (1, 2)
        """
        places = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
        self._tensors = len(places)
        self._tapped = [n for n, i in enumerate(places) if args[i].requires_grad]
        if not self._tapped:
            return args
        found = list(args)
        chosen = [places[n] for n in self._tapped]
        for i, value in zip(
            chosen, Tap.apply(self._leave, *(args[i] for i in chosen)), strict=True
        ):
            found[i] = value
        return tuple(found)

    def outputs(self, output: Any) -> Any:
        """The result of the call, tapped: a tensor, or a tuple or list with tensors.

        Example:
            >>> nn.backward_hooks.Watch(nn.ReLU()).outputs(nnx.ones(1))
            tensor([1.])
        """
        values = list(output) if isinstance(output, tuple | list) else [output]
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
        if not places:
            return output
        tapped = Tap.apply(self._enter, *(values[i] for i in places))
        for i, value in zip(places, tapped, strict=True):
            values[i] = value
        if not isinstance(output, tuple | list):
            return values[0]
        if hasattr(output, "_fields"):
            return type(output)(*values)
        return type(output)(values)

    def _enter(self, grads: Gradients) -> Gradients:
        for hook, _, _ in list((self._module._backward_pre_hooks or {}).values()):
            grads = _replaced(hook(self._module, grads), grads)
        self._grad_output = grads
        if not self._tapped:  # the backward pass ends here
            self._run((None,) * self._tensors)
        return grads

    def _leave(self, grads: Gradients) -> Gradients:
        of_inputs: list[Any] = [None] * self._tensors
        for n, grad in zip(self._tapped, grads, strict=True):
            of_inputs[n] = grad
        changed = self._run(tuple(of_inputs))
        return tuple(changed[n] for n in self._tapped)

    def _run(self, grads: Gradients) -> Gradients:
        for hook, _, _ in list((self._module._backward_hooks or {}).values()):
            grads = _replaced(hook(self._module, grads, self._grad_output), grads)
        return grads


def _replaced(answer: Any, grads: Gradients) -> Gradients:
    if answer is None:
        return grads
    found = answer if isinstance(answer, tuple) else (answer,)
    if len(found) != len(grads):
        rule = f"a backward hook returns None or a tuple of {len(grads)} gradients"
        raise fail(DTypeError, "backward hook", rule, describe(answer))
    return found
