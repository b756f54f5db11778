"""Losses of class scores against labels, probabilities or several labels at once."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor
from nnx.nn.functional.arguments import (
    check_reduction,
    floating,
    labels,
    pair,
    reduced,
    tensor,
)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean of -log softmax(input)_label over the samples.

    Shapes: input (N, C), (C,) or (N, C, ...); target of labels (N,), () or (N, ...), or of
        probabilities in the shape of the input.
    Raises: IndexError for a label outside [0, C), ShapeError, DTypeError.

    Example:
        >>> loss = nn.functional.cross_entropy(nnx.zeros((2, 10)), nnx.tensor([3, 7]))
        >>> round(float(loss), 4)
        2.3026
    """
    op = "cross_entropy"
    try:
        simple = input.ndim <= 2 and target.ndim < input.ndim
    except AttributeError:
        tensor(op, "input", input)
        tensor(op, "target", target)
        raise
    if simple and weight is None and label_smoothing == 0.0:
        return ops.cross_entropy(input, target, ignore_index, reduction)
    check_reduction(op, reduction)
    smoothing = _check.real(op, "label_smoothing", label_smoothing, 0, 1)
    x, t = floating(op, "input", input), tensor(op, "target", target)
    axis, classes, rest = _class_axis(op, x, weight)
    # Classes last, samples flat.
    rows = ops.moveaxis(x, axis, -1).reshape((-1, classes))
    if t.is_floating_point():
        x, t = pair(op, x, t)
        aim = ops.moveaxis(t, axis, -1).reshape((-1, classes))
        return _against_probabilities(op, rows, aim, weight, reduction, smoothing, rest)
    t = _check_labels_shape(op, x, t, rest, classes).reshape((-1,)).to(ops.int64)
    if weight is None and not smoothing:
        flat = ops.cross_entropy(rows, t, ignore_index, reduction)
        return flat.reshape(rest) if reduction == "none" else flat
    each = ops.cross_entropy(rows, t, ignore_index, "none")  # checks the labels
    kept = t != ignore_index
    safe = ops.where(kept, t, 0)
    share = kept.to(x.dtype) if weight is None else ops.where(kept, weight[safe], 0.0)
    if weight is not None:
        each = each * share
    if smoothing:
        logs = ops.log_softmax(rows, -1)
        spread = -(logs if weight is None else logs * weight).sum(-1)
        spread = ops.where(kept, spread, 0.0)
        each = each * (1 - smoothing) + spread * (smoothing / classes)
    if reduction == "none":
        return each.reshape(rest)
    return each.sum() / share.sum() if reduction == "mean" else each.sum()


def _class_axis(op: str, x: Tensor, weight: Tensor | None) -> tuple[int, int, tuple[int, ...]]:
    """(axis of the classes, their number, the shape without that axis)."""
    if x.ndim == 0:
        raise fail(ShapeError, op, "input must have an axis of classes", describe(x, "input"))
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    if weight is not None and tuple(weight.shape) != (classes,):
        rule = f"weight must have one number for each of the {classes} classes"
        raise fail(ShapeError, op, rule, describe(weight, "weight"))
    return axis, classes, tuple(n for i, n in enumerate(x.shape) if i != axis)


def _check_labels_shape(
    op: str, x: Tensor, t: Tensor, shape: tuple[int, ...], classes: int
) -> Tensor:
    hot = f"labels look one-hot: target.argmax({0 if x.ndim == 1 else 1}) gives their indices"
    if "int" not in str(t.dtype):
        rule, hint = "labels must be integer class indices", "convert them with target.long()"
        raise fail(DTypeError, op, rule, describe(t, "target"), hot if t.shape == x.shape else hint)
    if tuple(t.shape) == shape:
        return t
    hint = ""
    if t.shape == x.shape:
        hint = hot
    elif x.ndim == 1 and tuple(t.shape) == (1,):
        hint = "input lacks the axis of the batch: input.unsqueeze(0)"
    elif tuple(t.shape) == (*shape, 1):
        hint = "labels have an axis too many: target.squeeze(-1)"
    elif x.ndim > 2 and x.shape[-1] != classes and tuple(t.shape) == tuple(x.shape[:-1]):
        hint = "the classes belong on axis 1: input.movedim(-1, 1)"
    received = f"{describe(x, 'input')}, {describe(t, 'target')}"
    rule = f"target must have the shape {shape}: one label for each sample"
    raise fail(ShapeError, op, rule, received, hint)


def _against_probabilities(
    op: str,
    rows: Tensor,
    aim: Tensor,
    weight: Tensor | None,
    reduction: str,
    smoothing: float,
    shape: tuple[int, ...],
) -> Tensor:
    if smoothing:
        aim = aim * (1 - smoothing) + smoothing / rows.shape[1]
    if weight is not None:
        aim = aim * weight
    each = -(aim * ops.log_softmax(rows, -1)).sum(-1)
    return each.reshape(shape) if reduction == "none" else reduced(op, each, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Mean of -weight_label * input_label over the samples, input log-probabilities; with weights
    the mean is weighted.

    Shapes: input (N, C), (C,) or (N, C, ...); target of labels (N,), () or (N, ...).
    Raises: IndexError for a label outside [0, C), ShapeError, DTypeError.

    Example:
        >>> logs = nn.functional.log_softmax(nnx.zeros((2, 10)), dim=1)
        >>> round(float(nn.functional.nll_loss(logs, nnx.tensor([3, 7]))), 4)
        2.3026
    """
    op = "nll_loss"
    check_reduction(op, reduction)
    x, t = floating(op, "input", input), tensor(op, "target", target)
    axis, classes, rest = _class_axis(op, x, weight)
    t = _check_labels_shape(op, x, t, rest, classes)
    kept, safe = labels(op, t, classes, ignore_index)
    safe = safe.to(ops.int64)
    found: Tensor = ops.take_along_axis(x, ops.expand_dims(safe, axis), axis).squeeze(axis)
    share = kept.to(x.dtype) if weight is None else ops.where(kept, ops.take(weight, safe, 0), 0.0)
    each: Tensor = ops.where(kept, -found, 0.0) * share
    if reduction == "none":
        return each
    return each.sum() / share.sum() if reduction == "mean" else each.sum()


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over samples of sum_{i != y} weight_y max(0, margin - x_y + x_i)^p / C.

    Shapes: input (N, C) or (C,), target (N,) or ().
    Raises: IndexError for a label outside [0, C), ArgumentError for p other than 1 and 2,
        ShapeError, DTypeError.

    Example:
        >>> loss = nn.functional.multi_margin_loss(nnx.tensor([0.0, 0.5, 2.0]), nnx.tensor(2))
        >>> float(loss)
        0.0
    """
    op = "multi_margin_loss"
    check_reduction(op, reduction)
    _check.choice(op, "p", p, (1, 2))
    x, t = floating(op, "input", input), tensor(op, "target", target)
    if x.ndim > 2:
        rule = "input must have the axes (N, C) or (C)"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    axis, classes, rest = _class_axis(op, x, weight)
    t = _check_labels_shape(op, x, t, rest, classes)
    _, t = labels(op, t, classes, -1 << 62)
    t = t.to(ops.int64)
    column = ops.expand_dims(t, axis)
    z = ops.relu(margin - ops.take_along_axis(x, column, axis) + x)
    if p == 2:
        z = ops.square(z)
    if weight is not None:
        z = z * ops.expand_dims(ops.take(weight, t, 0), axis)
    others = ops.arange(classes, device=column.device) != column
    return reduced(op, ops.where(others, z, 0.0).sum(axis) / classes, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Mean over samples of the mean over classes of
    -weight [t log s(x) + (1 - t) log(1 - s(x))], s the sigmoid: several yes-or-no questions.

    Shapes: input and target (..., C), weight broadcasts.
    Raises: ShapeError for unequal shapes, DTypeError for unequal dtypes.

    Example:
        >>> loss = nn.functional.multilabel_soft_margin_loss(nnx.zeros((1, 2)), nnx.ones((1, 2)))
        >>> round(float(loss), 4)
        0.6931
    """
    op = "multilabel_soft_margin_loss"
    x, t = pair(op, input, target)
    if x.ndim == 0:
        raise fail(ShapeError, op, "input must have an axis of classes", describe(x, "input"))
    each = ops.bce_with_logits(x, t, "none")
    return reduced(op, (each if weight is None else each * weight).mean(-1), reduction)
