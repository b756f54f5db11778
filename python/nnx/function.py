"""Functions from functions: gradients in JAX's style, and no_grad for generators.

`nnx.grad(f)` and `nnx.value_and_grad(f)` come here; everything else about gradients is compiled.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, GradientError, ShapeError, Tensor

Argnums = int | Sequence[int]

# How many of these gradients are being computed around the current one, in this thread.
_nesting = threading.local()


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes f and its gradient in the arguments that argnums names.

    f returns a tensor of one element; with has_aux, a pair of it and anything else. Lists, tuples
    and dictionaries of tensors are arguments, too: their gradient has the same form.

    Raises: GradientError if f does not depend on tensors; ShapeError if its value is not one
    number.

    Example:
        >>> from nnx.function import value_and_grad
        >>> value_and_grad(lambda a, b: (a * b).sum(), (0, 1))(2.0, 3.0)
        (tensor(6.), (tensor(3.), tensor(2.)))
    """
    several = not isinstance(argnums, int)
    numbers = tuple(argnums) if not isinstance(argnums, int) else (argnums,)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves: list[Tensor] = []
        given = list(args)
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise fail(
                    ArgumentError,
                    "grad",
                    "argnums must name a positional argument of the call",
                    f"argnums {argnums} for {len(args)} arguments",
                )
            given[n] = _followed(args[n], leaves)
        # Inside another gradient, or given values of a graph, the gradient is followed, too.
        depth = getattr(_nesting, "depth", 0)
        outer = depth > 0 or any(not leaf.is_leaf for leaf in leaves)
        with _nnx.enable_grad():
            _nesting.depth = depth + 1
            try:
                result = f(*given, **kwargs)
            finally:
                _nesting.depth = depth
            aux: Any = None
            if has_aux:
                result, aux = result
            value = result if isinstance(result, Tensor) else None
            if value is None:
                raise fail(
                    GradientError, "grad", "the function must return a tensor", describe(result)
                )
            if value.numel() != 1:
                raise fail(
                    ShapeError,
                    "grad",
                    "the function must return one number",
                    describe(value),
                    "sum or average it",
                )
            if value.requires_grad:
                found = _nnx.grad(
                    value.reshape(()), leaves, create_graph=outer, materialize_grads=True
                )
            else:
                found = tuple(_nnx.zeros_like(leaf) for leaf in leaves)
        gradients = iter(found)
        parts = tuple(_rebuilt(given[n], gradients) for n in numbers)
        gradient = parts if several else parts[0]
        if not outer:
            value = value.detach()
        return ((value, aux) if has_aux else value), gradient

    return wrapped


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of f; see value_and_grad.

    Example:
        >>> from nnx.function import grad
        >>> grad(grad(lambda x: x**3))(2.0)
        tensor(12.)
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def _followed(value: Any, leaves: list[Tensor]) -> Any:
    """The argument with every tensor in it followed; they are added to leaves, in order."""
    if isinstance(value, dict):
        return {key: _followed(part, leaves) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_followed(part, leaves) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(_followed(part, leaves) for part in value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    tensor = _nnx.asarray(value)
    if not tensor.is_floating_point():
        raise fail(
            DTypeError,
            "grad",
            "gradients are in floating arguments",
            describe(tensor),
            "name others with argnums, or convert with x.float()",
        )
    # A value of a graph stays part of it; anything else becomes a leaf of its own.
    followed = tensor * 1 if tensor.requires_grad else tensor.detach().requires_grad_()
    leaves.append(followed)
    return followed


def _rebuilt(value: Any, gradients: Any) -> Any:
    """The gradients in the form of the argument."""
    if isinstance(value, dict):
        return {key: _rebuilt(part, gradients) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_rebuilt(part, gradients) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(_rebuilt(part, gradients) for part in value)
    return next(gradients)


def generator_with_grad_mode(f: Callable[..., Any], mode: bool) -> Callable[..., Any]:
    """A generator function (or coroutine) each step of which runs with gradients on or off.

    Example:
        >>> from nnx.function import generator_with_grad_mode
        >>> def steps():
        ...     yield nnx.is_grad_enabled()
        >>> list(generator_with_grad_mode(steps, False)())
        [False]
    """
    import inspect

    if inspect.iscoroutinefunction(f):

        @functools.wraps(f)
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            with _nnx.set_grad_enabled(mode):
                return await f(*args, **kwargs)

        return waiting

    @functools.wraps(f)
    def stepping(*args: Any, **kwargs: Any) -> Any:
        with _nnx.set_grad_enabled(mode):
            running = f(*args, **kwargs)
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                with _nnx.set_grad_enabled(mode):
                    if error is None:
                        value = running.send(answer)
                    else:
                        value = running.throw(error)
            except StopIteration as end:
                return end.value
            error = None
            try:
                answer = yield value
            except GeneratorExit:
                running.close()
                raise
            except BaseException as thrown:
                error = thrown

    return stepping
