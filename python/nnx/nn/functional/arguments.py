"""What the functions of layers and losses ask of their arguments, and the three reductions.

Arrays are taken as tensors. Each check returns what the caller goes on with, or raises an error
that says how to convert.
"""

from __future__ import annotations

from typing import Any

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, IndexError, ShapeError, Tensor, asarray

REDUCTIONS = ("mean", "sum", "none")


def tensor(op: str, name: str, value: Any) -> Tensor:
    """The value as a tensor: itself, or a tensor of an array.

    Example:
        >>> nn.functional.arguments.tensor("f", "x", np.ones(2)).shape
        (2,)
    """
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return asarray(value)
    hint = "nnx.asarray(value) makes one"
    if value is None:
        hint = "does the function that made it, or a forward, lack its return?"
    raise fail(DTypeError, op, f"{name} must be a tensor", describe(value, name), hint)


def floating(op: str, name: str, value: Any) -> Tensor:
    """The value as a tensor of a floating dtype.

    Example:
        >>> nn.functional.arguments.floating("f", "x", nnx.ones(2)).shape
        (2,)
    """
    found = tensor(op, name, value)
    if not found.is_floating_point():
        rule = f"{name} must be floating"
        hint = f"convert it: {name} = {name}.float()"
        raise fail(DTypeError, op, rule, describe(found, name), hint)
    return found


def like_weights(op: str, input: Any, weight: Tensor | None, name: str = "input") -> Tensor:
    """The input of a layer: floating, and of the dtype of the weights where there are any.

    Example:
        >>> nn.functional.arguments.like_weights("f", nnx.ones(2), nnx.ones(3)).shape
        (2,)
    """
    x = tensor(op, name, input)
    if weight is not None and not isinstance(weight, Tensor):
        raise fail(DTypeError, op, "weight must be a tensor", describe(weight, "weight"))
    if weight is not None and x.dtype != weight.dtype:
        raise fail(
            DTypeError,
            op,
            f"{name} must have the dtype of the weights",
            f"{describe(x, name)}, {describe(weight, 'weight')}",
            f"convert it: {name} = {name}.to({full_name(weight.dtype)})",
        )
    return floating(op, name, x)


def same_shape(op: str, **values: Tensor) -> None:
    """Nothing, where all the tensors have one shape.

    Example:
        >>> nn.functional.arguments.same_shape("f", input=nnx.ones(2), target=nnx.ones(2))
    """
    (name, first), *rest = values.items()
    for other, value in rest:
        if value.shape == first.shape:
            continue
        hint = ""
        if value.numel() == first.numel():
            hint = f"one of them has an axis too many; try {other}.reshape({name}.shape)"
        received = ", ".join(describe(v, n) for n, v in values.items())
        raise fail(
            ShapeError, op, f"{' and '.join(values)} must have the same shape", received, hint
        )


def pair(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Input and target of one shape and one floating dtype; integer targets are converted.

    Example:
        >>> x, t = nn.functional.arguments.pair("f", nnx.ones(2), nnx.tensor([1, -1]))
        >>> t
        tensor([ 1., -1.])
    """
    x, t = floating(op, "input", input), tensor(op, "target", target)
    same_shape(op, input=x, target=t)
    if not t.is_floating_point():
        return x, t.to(x.dtype)
    if x.dtype != t.dtype:
        raise fail(
            DTypeError,
            op,
            "input and target must have the same floating dtype",
            f"{describe(x, 'input')}, {describe(t, 'target')}",
            f"convert the target: target.to({full_name(x.dtype)})",
        )
    return x, t


def labels(op: str, target: Tensor, classes: int, ignore_index: int) -> tuple[Tensor, Tensor]:
    """(which labels count, the labels with 0 in place of ignored ones), checked.

    Raises: IndexError for a label outside [0, classes).

    Example:
        >>> kept, safe = nn.functional.arguments.labels("f", nnx.tensor([2, -100]), 3, -100)
        >>> kept.tolist(), safe.tolist()
        ([True, False], [2, 0])
    """
    kept = target != ignore_index
    safe = kept.to(target.dtype) * target
    every = _nnx._lane_values(safe)
    if every.numel():
        low, high = int(every.min()), int(every.max())
        if low < 0 or high >= classes:
            rule = f"labels must lie in [0, {classes})"
            hint = "labels count from 0" if low == 1 and high == classes else ""
            raise fail(IndexError, op, rule, f"labels from {low} to {high}", hint)
    return kept, safe


def check_reduction(op: str, reduction: Any) -> None:
    """Nothing, where the reduction is "mean", "sum" or "none".

    Example:
        >>> nn.functional.arguments.check_reduction("f", "mean")
    """
    _check.choice(op, "reduction", reduction, REDUCTIONS)


def reduced(op: str, each: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The mean, the sum or all of the losses; with weights, the weighted ones.

    Example:
        >>> nn.functional.arguments.reduced("f", nnx.tensor([1.0, 3.0]), "mean")
        tensor(2.)
    """
    if weight is not None:
        each = each * weight
    if reduction == "mean":
        return each.mean() if weight is None else each.sum() / weight.sum()
    if reduction == "sum":
        return each.sum()
    check_reduction(op, reduction)
    return each


def full_name(dtype: Any) -> str:
    """How a dtype is written in a program.

    Example:
        >>> nn.functional.arguments.full_name(nnx.float32)
        'nnx.float32'
    """
    return "nnx." + str(dtype).rpartition(".")[2]
