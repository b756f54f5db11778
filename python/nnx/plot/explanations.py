"""Figures of why a classifier says what it says: which pixels its answer depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, IndexError, ShapeError, Tensor, enable_grad
from nnx.nn.module import Module
from nnx.nn.tracing import evaluation
from nnx.plot.classification import probabilities
from nnx.plot.pictures import as_pictures, limits, mosaic, pixels, tinted
from nnx.plot.style import Array, array, as_input, diverging, first

_BATCH = 256


def saliency(
    model: Module,
    x: Any,
    target: Any = None,
    axes: Any = None,
    *,
    method: str = "gradient",
    steps: int = 32,
    names: Sequence[str] | None = None,
    shape: Sequence[int] | None = None,
) -> Any:
    """Pictures, and below each which pixels the score of a class depends on.

    "gradient": |d score / d pixel|, the largest over the channels. "integrated": the pixel times
    the mean gradient on the way from a picture of zeros to this one, whose sum is the difference
    of the two scores; vermilion speaks for the class, blue against it.

    Args:
        model: a Module, from (N, ...) to scores (N, C), or (N,) or (N, 1) of a single one.
        x: (N, ...) samples, as the model takes them; a column each.
        target: the class, or (N,) one for each sample; the one with the largest score unless
            given.
        axes: where to draw; a new figure unless given.
        method: "gradient" or "integrated".
        steps: of the way, for "integrated".
        names: of the classes.
        shape: of one picture, (H, W) or (C, H, W), where samples are rows of numbers; square unless
            given.

    The model runs in evaluation mode and keeps its mode, and no gradient of a parameter changes.

    Returns: the axes.
    Raises: IndexError for a class that is not there, GradientError for a model that is not
        differentiable.
    Source: Simonyan, Vedaldi, Zisserman, arXiv:1312.6034; Sundararajan, Taly, Yan,
        arXiv:1703.01365.

    Example:
        >>> axes = nnx.plot.saliency(model, test.images[:6])  # doctest: +SKIP
    """
    op = "saliency"
    method = _check.choice(op, "method", method, ("gradient", "integrated"))
    steps = _check.integer(op, "steps", steps, 1)
    samples = _samples(op, model, x)
    with evaluation(model):
        scores = _scores(op, model, samples)
    classes = _classes(op, target, scores)
    if method == "gradient":
        found = np.abs(_slopes(op, model, samples, classes))
    else:
        # The middle of each step: the error falls with the square of their number.
        total = np.zeros(tuple(samples.shape))
        for k in range(steps):
            total += _slopes(op, model, samples * ((k + 0.5) / steps), classes)
        found = total / steps * array(op, "x", samples)
    pictures = as_pictures(op, "x", samples, shape, flat=True)
    marks = as_pictures(op, "saliency", found, shape, flat=True)
    if method == "gradient":
        shown = _strength(marks.max(3) if marks.ndim == 4 else marks)
    else:
        shown = _signed(marks.sum(3) if marks.ndim == 4 else marks)
    rows = np.stack([tinted(pictures, limits(pictures)), shown])
    return mosaic(axes, rows, ["picture", method], _texts(op, classes, scores, names))


def occlusion(
    model: Any,
    x: Any,
    target: Any = None,
    axes: Any = None,
    *,
    size: int | None = None,
    stride: int | None = None,
    value: float = 0.0,
    names: Sequence[str] | None = None,
    shape: Sequence[int] | None = None,
) -> Any:
    """Pictures, and below each by how much the probability of a class falls where a square is
    covered: vermilion where the covered pixels spoke for the class, blue where they spoke against
    it. Each pixel has the mean over the squares that cover it.

    Args:
        model: a Module or a function, from (N, ...) to scores or probabilities (N, C), or (N,) or
            (N, 1) of a single one.
        x: (N, ...) samples, as the model takes them; a column each.
        target: the class, or (N,) one for each sample; the most probable unless given.
        axes: where to draw; a new figure unless given.
        size: of the square, in pixels; a fifth of the picture unless given.
        stride: from one square to the next; half the size unless given.
        value: what covers them.
        names: of the classes.
        shape: of one picture, (H, W) or (C, H, W), where samples are rows of numbers; square unless
            given.

    The model runs in evaluation mode and without gradients, and keeps its mode.

    Returns: the axes.
    Raises: IndexError for a class that is not there.
    Source: Zeiler, Fergus, arXiv:1311.2901.

    Example:
        >>> axes = nnx.plot.occlusion(model, test.images[:6])  # doctest: +SKIP
    """
    op = "occlusion"
    samples = _samples(op, model, x)
    value = _check.real(op, "value", value)
    pictures = as_pictures(op, "x", samples, shape, flat=True)
    high, wide = pictures.shape[1:3]
    side = _check.integer(op, "size", size or max(1, round(min(high, wide) / 5)), 1)
    step = _check.integer(op, "stride", stride or max(1, side // 2), 1)
    with evaluation(model):
        scores = _scores(op, model, samples)
        classes = _classes(op, target, scores)
        covers = _covers(high, wide, min(side, high, wide), step)
        answers = [_answers(op, model, sample, covers, value) for sample in samples]
    # What the outputs are is told from all of them at once.
    chances = _chances(np.stack(answers))[np.arange(len(answers)), :, classes]
    falls = chances[:, :1] - chances[:, 1:]
    times = covers.sum(0)
    maps = np.tensordot(falls, covers, 1) / np.maximum(times, 1)
    rows = np.stack([tinted(pictures, limits(pictures)), _signed(maps)])
    reach = float(np.abs(maps).max())
    name = f"fall of\nprobability\n(±{reach:.2g})"
    return mosaic(axes, rows, ["picture", name], _texts(op, classes, scores, names))


# --- parts ----------------------------------------------------------------------------------------
def _samples(op: str, model: Any, x: Any) -> Tensor:
    if not callable(model) or isinstance(model, type):
        raise fail(DTypeError, op, "the model must be a Module", describe(model, "model"))
    values = pixels(array(op, "x", x))
    if values.ndim < 2 or not len(values):
        rule = "x must be samples (N, ...), at least one"
        raise fail(ShapeError, op, rule, describe(values, "x"), "for a single one write x[None]")
    return as_input(model, values)


def _scores(op: str, model: Any, samples: Tensor) -> Tensor:
    """(N, C)."""
    made = first(model(samples))
    if not isinstance(made, Tensor) or made.ndim not in (1, 2) or len(made) != len(samples):
        rule = "the model must give scores (N, C), or (N,) of a single one"
        raise fail(ShapeError, op, rule, describe(made, "output"))
    return made.reshape(len(samples), -1)


def _classes(op: str, target: Any, scores: Tensor) -> Array:
    many = scores.shape[1]
    if target is None:
        return np.asarray(scores.detach().argmax(1))
    wanted = array(op, "target", target, 0, 1)
    if wanted.dtype.kind not in "iu":
        rule = "target must be whole numbers, the classes"
        raise fail(DTypeError, op, rule, describe(target, "target"))
    if wanted.ndim and len(wanted) != len(scores):
        rule = "target must be one class, or one for each sample"
        raise fail(ShapeError, op, rule, describe(target, "target"))
    if wanted.min() < 0 or wanted.max() >= many:
        rule = f"a class must be within 0 ... {many - 1}"
        raise fail(IndexError, op, rule, describe(target, "target"))
    return np.broadcast_to(wanted, (len(scores),))


def _slopes(op: str, model: Any, samples: Tensor, classes: Array) -> Array:
    """d score / d x of each sample's class."""
    with evaluation(model), enable_grad():
        x = samples.detach().clone().requires_grad_()
        scores = _scores(op, model, x)
        chosen = scores.gather(1, ops.asarray(np.array(classes)).reshape(-1, 1))
        (slope,) = ops.grad(chosen.sum(), [x])
    return array(op, "gradient", slope).astype(float)


def _covers(high: int, wide: int, side: int, step: int) -> Array:
    """(P, H, W): 1 where a square covers the picture; the last ones lie at its edge."""

    def starts(length: int) -> list[int]:
        last = length - side
        return sorted({*range(0, last + 1, step), last})

    rows, columns = np.arange(high)[:, None], np.arange(wide)
    made = [
        (rows >= i) & (rows < i + side) & (columns >= j) & (columns < j + side)
        for i in starts(high)
        for j in starts(wide)
    ]
    return np.stack(made).astype(np.float32)


def _answers(op: str, model: Any, sample: Tensor, covers: Array, value: float) -> Array:
    """(1 + P, C): the scores of a sample, and of it under each cover."""
    squares, shape = ops.asarray(covers), tuple(sample.shape)
    many, high, wide = covers.shape
    if shape[-2:] == (high, wide):
        squares = squares.reshape(many, *(1,) * (len(shape) - 2), high, wide)
    elif shape[:2] == (high, wide):
        squares = squares[..., None]
    else:  # rows of numbers, channel after channel
        channels = sample.numel() // (high * wide)
        squares = squares[:, None].expand(many, channels, high, wide).reshape(many, *shape)
    parts = [_scores(op, model, sample[None])]
    for start in range(0, many, _BATCH):
        covered = ops.where(squares[start : start + _BATCH] > 0, value, sample)
        parts.append(_scores(op, model, covered))
    return array(op, "output", ops.concatenate(parts)).astype(float)


def _chances(scores: Array) -> Array:
    """Probabilities of scores (..., C), of which the last axis is that of the classes."""
    if scores.shape[-1] > 1:
        return probabilities(scores)
    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    made: Array = 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
    return made


def _strength(marks: Array) -> Array:
    """White to dark, each picture up to its own largest."""
    top = marks.max((1, 2), keepdims=True)
    return tinted(marks / np.where(top > 0, top, 1), (0.0, 1.0))


def _signed(marks: Array) -> Array:
    """Blue over white to vermilion, all pictures alike."""
    reach = max(float(np.abs(marks).max(initial=0)), 1e-12)
    made: Array = diverging()((marks / reach + 1) / 2)[..., :3]
    return made


def _texts(op: str, classes: Array, scores: Tensor, names: Sequence[str] | None) -> list[str]:
    if scores.shape[1] == 1:
        return []
    if names is not None and len(names) != scores.shape[1]:
        rule = f"there must be {scores.shape[1]} names, one for each class"
        raise fail(ArgumentError, op, rule, describe(list(names), "names"))
    return [str(names[k]) if names is not None else f"class {k}" for k in classes]
