"""Gradients measured together, and clipped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, GradientError, Tensor, no_grad, norm, stack, tensor
from nnx.nn.tree import is_module

Tensors = Tensor | Iterable[Tensor]


def listed(op: str, name: str, tensors: Any) -> list[Tensor]:
    """One tensor, or all of an iterable, as a list.

    Raises: DTypeError for anything else.

    Example:
        >>> from nnx.nn.utils.gradients import listed
        >>> len(listed("f", "parameters", nn.Dense(3, 2).parameters()))
        2
    """
    if isinstance(tensors, Tensor):
        return [tensors]
    hint = f"{name} = model.parameters()" if is_module(tensors) else ""
    rule = f"{name} must be a tensor or an iterable of tensors"
    if is_module(tensors) or not isinstance(tensors, Iterable):
        raise fail(DTypeError, op, rule, describe(type(tensors).__name__), hint)
    found = list(tensors)
    for value in found:
        if not isinstance(value, Tensor):
            raise fail(DTypeError, op, rule, describe(value), "named_parameters() gives pairs")
    return found


def _gradients(op: str, parameters: Any) -> list[Tensor]:
    found = listed(op, "parameters", parameters)
    return [p.grad.detach() for p in found if p.grad is not None]


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors taken as one vector; 0 for none.

    Args:
        norm_type: its order; inf for the largest absolute value.
        error_if_nonfinite: whether NaN or infinity is an error.
        foreach: accepted for PyTorch's sake.

    Raises: GradientError for a norm that is not finite, where that is asked for.

    Example:
        >>> nn.utils.get_total_norm([nnx.tensor([3.0]), nnx.tensor([0.0, 4.0])])
        tensor(5.)
    """
    op = "get_total_norm"
    return _total(op, listed(op, "tensors", tensors), norm_type, error_if_nonfinite)


def _total(op: str, tensors: list[Tensor], norm_type: Any, error_if_nonfinite: bool) -> Tensor:
    order = _check.real(op, "norm_type", norm_type)
    if not any(t.numel() for t in tensors):
        return tensor(0.0)
    with no_grad():
        norms = [norm(t, order) for t in tensors if t.numel()]
        total = norms[0] if len(norms) == 1 else norm(stack(norms), order)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise fail(
            GradientError,
            op,
            "the norm must be finite",
            f"norm {float(total)} of {len(tensors)} tensors",
            "a smaller learning rate, or error_if_nonfinite=False to go on",
        )
    return total


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Multiplies all gradients by max_norm / (norm + 1e-6) where their common norm is larger than
    max_norm; returns the norm from before.

    Args:
        parameters: those whose gradients are meant; ones without gradient are left out.
        max_norm: the largest norm allowed.
        norm_type: its order; inf for the largest absolute value.
        error_if_nonfinite: whether NaN or infinity is an error.
        foreach: accepted for PyTorch's sake.

    Raises: GradientError for a norm that is not finite, where that is asked for.
    Source: Pascanu, Mikolov, Bengio, ICML 2013.

    Example:
        >>> w = nn.Parameter(nnx.zeros(2))
        >>> w.grad = nnx.tensor([30.0, 40.0])
        >>> nn.utils.clip_grad_norm_([w], max_norm=5.0)
        tensor(50.)
        >>> w.grad
        tensor([3., 4.])
    """
    op = "clip_grad_norm_"
    gradients = _gradients(op, parameters)
    total = _total(op, gradients, norm_type, error_if_nonfinite)
    _scale(op, gradients, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """The second half of `clip_grad_norm_`, with a norm that is known.

    Example:
        >>> w = nn.Parameter(nnx.zeros(2))
        >>> w.grad = nnx.tensor([30.0, 40.0])
        >>> nn.utils.clip_grads_with_norm_([w], 5.0, nnx.tensor(100.0))
        >>> w.grad
        tensor([1.5, 2. ])
    """
    op = "clip_grads_with_norm_"
    _scale(op, _gradients(op, parameters), max_norm, total_norm)


def _scale(op: str, gradients: list[Tensor], max_norm: Any, total: Tensor) -> None:
    factor = _check.real(op, "max_norm", max_norm, 0) / (float(total) + 1e-6)
    if factor >= 1:  # of a NaN all become NaN, so that it is seen
        return
    with no_grad():
        for gradient in gradients:
            gradient.mul_(factor)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Brings every element of all gradients into [-clip_value, clip_value].

    Example:
        >>> w = nn.Parameter(nnx.zeros(2))
        >>> w.grad = nnx.tensor([30.0, -0.5])
        >>> nn.utils.clip_grad_value_([w], 1.0)
        >>> w.grad
        tensor([ 1. , -0.5])
    """
    op = "clip_grad_value_"
    bound = _check.real(op, "clip_value", clip_value, 0)
    with no_grad():
        for gradient in _gradients(op, parameters):
            gradient.clamp_(-bound, bound)
