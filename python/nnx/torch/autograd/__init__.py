"""torch.autograd: gradients of values, functions with a gradient of their own, Variable.

Example:
    >>> import nnx.torch as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.grad(x**2, x)
    (tensor(6.),)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnx
from nnx._errors import fail
from nnx._nnx import ArgumentError, Function, Tensor, enable_grad, no_grad, set_grad_enabled
from nnx.check import check_grad as gradcheck
from nnx.torch.functions import need_tensor

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "no_grad",
    "set_grad_enabled",
]


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs in inputs, as a tuple; nothing is added to .grad.

    Args: only_inputs: has no effect, as in PyTorch.
    Raises: as nnx.grad, of which this is the form for tensors.

    Example:
        >>> import nnx.torch as torch
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> torch.autograd.grad((x * x).sum(), x)[0].tolist()
        [2.0, 4.0]
    """
    found: tuple[Tensor | None, ...] = nnx.grad(
        outputs,
        inputs,
        grad_outputs,
        retain_graph,
        create_graph,
        materialize_grads if allow_unused is None else allow_unused,
        materialize_grads=materialize_grads,
    )
    return found


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Adds the gradients of the sum of tensors to the .grad of the leaves.

    Raises: as Tensor.backward.

    Example:
        >>> import nnx.torch as torch
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.backward([x * 2, x * x])
        >>> x.grad
        tensor(8.)
    """
    outputs = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    weights = [grad_tensors] if isinstance(grad_tensors, Tensor) else list(grad_tensors or ())
    weights = weights or [None] * len(outputs)
    if not outputs:
        return
    if len(weights) != len(outputs):
        rule = "grad_tensors must be one for each of the tensors, or None"
        received = f"{len(outputs)} tensors, {len(weights)} grad_tensors"
        raise fail(ArgumentError, "backward", rule, received)
    for value in (*outputs, *(w for w in weights if w is not None)):
        need_tensor("autograd.backward", value, "each of them")
    # One walk over all of them, as they may share parts of the graph.
    parts = [_one(y) if w is None else (y * w).sum() for y, w in zip(outputs, weights, strict=True)]
    total = nnx.stack(parts).sum()
    total.backward(retain_graph=retain_graph, create_graph=create_graph)


def _one(y: Tensor) -> Tensor:
    """An output without a weight of its own has one element."""
    if y.numel() != 1:
        y.backward()  # its error says so
    return y.reshape(())


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """The tensor itself, cut from its graph: every tensor is a variable nowadays.

    Args: volatile: has no effect, as in PyTorch; write `with torch.no_grad():`.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
        tensor([1., 1.], requires_grad=True)
    """
    found = nnx.asarray(data).detach()
    return found.requires_grad_() if requires_grad else found


def __getattr__(name: str) -> Any:
    if name == "functional":
        import importlib

        return importlib.import_module("nnx.torch.autograd.functional")
    if name == "detect_anomaly":
        return nnx.detect_anomaly
    raise AttributeError(f"module 'nnx.torch.autograd' has no attribute {name!r}")
