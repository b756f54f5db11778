"""Memory for time: values that are computed again in the backward pass instead of kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nnx import _nnx
from nnx._check import integer
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor
from nnx._trees import leaves


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), without keeping what is computed inside for the backward pass.

    The backward pass runs the function once more when it comes to it, with the same random numbers
    (unless preserve_rng_state is False). Gradients are the same bits: of arguments, and of weights
    the function closes over; derivatives of higher order are the same to rounding. use_reentrant
    is taken for PyTorch's sake: one way does for both.

    Raises: in the backward pass GradientError if the function computes something else the second
    time, or an argument or weight was overwritten since.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.

    Example:
        >>> x = nnx.ones(3, requires_grad=True)
        >>> y = nnx.checkpoint(lambda x: nnx.exp(nnx.sin(x)).sum(), x)
        >>> y.backward()
        >>> x.grad
        tensor([1.2533807, 1.2533807, 1.2533807])
    """
    if not _nnx.is_grad_enabled():
        return function(*args, **kwargs)
    state = _nnx.get_rng_state() if preserve_rng_state else None
    position = _nnx._graph_position()
    result = function(*args, **kwargs)

    def again() -> list[Tensor]:
        if state is None:
            return _followed(function(*args, **kwargs))
        now = _nnx.get_rng_state()
        _nnx.set_rng_state(state)
        try:
            return _followed(function(*args, **kwargs))
        finally:
            _nnx.set_rng_state(now)

    given = [x for x in leaves((args, kwargs)) if isinstance(x, Tensor)]
    _nnx._forget(_followed(result), given, position, again)
    return result


def _followed(result: Any) -> list[Tensor]:
    return [y for y in leaves(result) if isinstance(y, Tensor) and y.requires_grad]


def checkpoint_sequential(
    functions: Iterable[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Functions one after the other (an nn.Sequential, a list), in segments that are checkpoints.

    Each segment but the last keeps only its input.

    Raises: ArgumentError for more segments than functions.

    Example:
        >>> net = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1))
        >>> x = nnx.ones(5, 2)
        >>> bool((nnx.checkpoint_sequential(net, 2, x) == net(x)).all())
        True
    """
    steps = list(functions)
    segments = integer("checkpoint_sequential", "segments", segments, 1)
    if segments > len(steps):
        raise fail(
            ArgumentError,
            "checkpoint_sequential",
            "there must be a function for every segment",
            f"{describe(segments, 'segments')} for {len(steps)} functions",
        )

    def run(first: int, last: int) -> Callable[[Any], Any]:
        def segment(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return segment

    size = len(steps) // segments
    for k in range(segments - 1):
        input = checkpoint(
            run(k * size, (k + 1) * size), input, preserve_rng_state=preserve_rng_state
        )
    return run((segments - 1) * size, len(steps))(input)
