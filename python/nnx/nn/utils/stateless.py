"""A module as a function of its parameters."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.nn.module import Module


def functional_call(
    module: Module,
    parameters: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """module(*args, **kwargs) with other tensors in the place of its parameters and buffers.

    parameters are dictionaries of names as in `named_parameters()`; what they do not name is the
    module's own. The module is as before afterwards, whatever happens. So a loss becomes a function
    of weights, which function transforms take: gradients of single samples, Hessians, many networks
    at once.

    Raises: ArgumentError for a name that the module has not; ShapeError for a tensor of another
    shape (inside vmap: of one lane).

    Example:
        >>> net = nn.Dense(2, 1)
        >>> weights = dict(net.named_parameters())
        >>> def loss(weights, x, y):
        ...     return (nnx.functional_call(net, weights, x) - y).square().sum()
        >>> x, y = nnx.ones(5, 2), nnx.zeros(5, 1)
        >>> each = nnx.vmap(nnx.grad(loss), in_axes=(None, 0, 0))(weights, x, y)
        >>> each["weight"].shape
        (5, 1, 2)
    """
    op = "functional_call"
    if not isinstance(module, Module):
        raise fail(ArgumentError, op, "the first argument must be a module", describe(module))
    given: dict[str, Tensor] = {}
    for part in [parameters] if isinstance(parameters, Mapping) else parameters:
        given.update(part)
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    new: dict[int, Tensor] = {}  # by the tensor that is replaced: shared ones are everywhere
    for name, value in given.items():
        if name not in own:
            close = difflib.get_close_matches(name, own, 1)
            raise fail(
                ArgumentError,
                op,
                f"the module has no parameter or buffer {name!r}",
                f"it has {', '.join(map(repr, own)) or 'none'}",
                f"did you mean {close[0]!r}?" if close else "",
            )
        if value.shape != own[name].shape:
            raise fail(
                ShapeError,
                op,
                f"{name} must have the shape of the module's",
                f"{describe(value)} for {describe(own[name])}",
                "many networks at once are nnx.vmap of a function that calls this",
            )
        new[id(own[name])] = value
    places = [
        (part.__dict__, key, old)
        for part in module.modules()
        for key, old in part.__dict__.items()
        if id(old) in new
    ]
    inputs = args if isinstance(args, tuple) else (args,)
    try:
        for attributes, key, old in places:
            attributes[key] = new[id(old)]
        return module(*inputs, **(kwargs or {}))
    finally:
        for attributes, key, old in places:
            attributes[key] = old
