"""Gradients of functions in JAX's style, and no_grad for generators.

`nnx.grad(f)` and `nnx.value_and_grad(f)` come here; other functions made from functions are in
`nnx.transforms`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, GradientError, ShapeError, Tensor
from nnx._trees import rebuilt, tree_map

Argnums = int | Sequence[int]


class Followed:
    """A call's arguments with those named by argnums followed for gradients.

    `leaves` are the followed tensors, in order; `args` is what f is called with.

    Example:
        >>> from nnx.function import Followed
        >>> Followed("grad", (1.0, 2.0), 1).leaves
        [tensor(2., requires_grad=True)]
    """

    def __init__(self, op: str, args: Sequence[Any], argnums: Argnums) -> None:
        self.single = isinstance(argnums, int)
        self.numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        self.args = list(args)
        self.leaves: list[Tensor] = []
        # A gradient is itself followed where gradients are on and something else wants it.
        self.watched = _nnx.is_grad_enabled()
        for n in self.numbers:
            if not isinstance(n, int) or not -len(args) <= n < len(args):
                raise fail(
                    ArgumentError,
                    op,
                    "argnums must name a positional argument of the call",
                    f"argnums {argnums} for {len(args)} arguments",
                )
        for n in self.numbers:
            self.args[n] = tree_map(functools.partial(self._follow, op), args[n])

    def _follow(self, op: str, value: Any) -> Tensor:
        if isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        tensor = _nnx.asarray(value)
        if not (tensor.is_floating_point() or tensor.is_complex()):
            raise fail(
                DTypeError,
                op,
                "gradients are in floating or complex arguments",
                describe(tensor),
                "name others with argnums, or convert with x.float()",
            )
        # A value of a graph stays part of it; anything else becomes a leaf of its own. Inside vmap
        # every lane has its gradient, also in what all lanes share.
        tensor = _nnx._spread(tensor)
        if tensor.requires_grad and self.watched:
            leaf = tensor * 1
        else:
            leaf = tensor.detach().requires_grad_()
        self.leaves.append(leaf)
        return leaf

    def wanted_outside(self, roots: Sequence[Tensor]) -> bool:
        """Whether roots depend on more than these arguments, so that what is computed from them is
        part of a graph that goes on.

        Example:
            >>> from nnx.function import Followed
            >>> with nnx.enable_grad():
            ...     x = Followed("grad", (1.0,), 0)
            ...     y = x.args[0] * 2
            >>> x.wanted_outside([y])
            False
        """
        return self.watched and _nnx._depends_on_others(list(roots), self.leaves)

    def by_argument(self, values: Sequence[Any]) -> Any:
        """Values for the leaves in the form of the arguments.

        Example:
            >>> from nnx.function import Followed
            >>> Followed("grad", ([1.0, 2.0],), 0).by_argument("ab")
            ['a', 'b']
        """
        following = iter(values)
        parts = tuple(rebuilt(self.args[n], following) for n in self.numbers)
        return parts[0] if self.single else parts


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes f and its gradient in the arguments that argnums names.

    f returns a tensor of one element; with has_aux, a pair of it and anything else. Lists, tuples
    and dictionaries of tensors are arguments, too: their gradient has the same form. Where f also
    depends on other tensors that require a gradient (an outer argument, the weights of a network),
    value and gradient can be differentiated again. In a complex z = x + iy the gradient of a real
    value L is dL/dx + i dL/dy, as PyTorch's: a step against it goes down.

    Raises: GradientError if f does not depend on tensors; ShapeError if its value is not one
    number.

    Example:
        >>> from nnx.function import value_and_grad
        >>> value_and_grad(lambda a, b: (a * b).sum(), (0, 1))(2.0, 3.0)
        (tensor(6.), (tensor(3.), tensor(2.)))
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = Followed("grad", args, argnums)
        with _nnx.enable_grad():
            result = f(*given.args, **kwargs)
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
                    "sum or average it; a gradient for every number is nnx.jacobian",
                )
            outer = given.wanted_outside([value])
            if value.requires_grad:
                found = _nnx.grad(
                    value.reshape(()), given.leaves, create_graph=outer, materialize_grads=True
                )
            else:
                found = tuple(_nnx.zeros_like(leaf) for leaf in given.leaves)
        gradient = given.by_argument(found)
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
