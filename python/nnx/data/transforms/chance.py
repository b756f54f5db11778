"""Transforms that apply others, or not, by chance: to each sample of a batch on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    asarray,
    concatenate,
    float64,
    take_rows,
)
from nnx.data.transforms.base import Transform, apply
from nnx.data.transforms.geometry import draws


class RandomApply(Transform):
    """A chain of transforms applied to each sample with probability p.

    Args:
        transforms: transforms, or functions of one sample; they must keep shape and dtype.
        p: how often.

    Raises: ShapeError, DTypeError where changed and unchanged samples do not fit together.
    Source: the interface of torchvision.transforms.v2.RandomApply.

    Example:
        >>> from nnx.data.transforms import Lambda, RandomApply
        >>> RandomApply([Lambda(lambda x: -x, batched=True)], p=1.0)(nnx.ones(2)).tolist()
        [-1.0, -1.0]
    """

    random = True

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        self.transforms = _functions("RandomApply", transforms)
        self.p = _check.real("RandomApply", "p", p, 0, 1)

    def batch(self, x: Tensor) -> Tensor:
        return _by_choice("RandomApply", x, draws(len(x)) < self.p, ([], self.transforms))

    def __repr__(self) -> str:
        return f"RandomApply({self.transforms}, p={self.p})"


class RandomChoice(Transform):
    """One of several transforms for each sample.

    Args:
        transforms: transforms, or functions of one sample; all must give one shape and dtype.
        p: how often each is chosen, in proportion; equally often unless given.

    Raises: ShapeError, DTypeError where their results do not fit together.
    Source: the interface of torchvision.transforms.v2.RandomChoice.

    Example:
        >>> from nnx.data.transforms import Lambda, RandomChoice
        >>> double, half = Lambda(lambda x: x * 2), Lambda(lambda x: x / 2)
        >>> RandomChoice([double, half], p=[1, 0])(nnx.ones(2)).tolist()
        [2.0, 2.0]
    """

    random = True

    def __init__(self, transforms: Sequence[Any], p: Sequence[float] | None = None) -> None:
        op = "RandomChoice"
        self.transforms = _functions(op, transforms)
        if not self.transforms:
            raise fail(ArgumentError, op, "there must be a transform to choose", "none")
        self.p = [1.0] * len(self.transforms) if p is None else [float(v) for v in p]
        if len(self.p) != len(self.transforms):
            rule = "p must have a number for each transform"
            raise fail(ArgumentError, op, rule, f"{len(self.p)} for {len(self.transforms)}")
        if not (all(v >= 0 for v in self.p) and 0 < sum(self.p) < float("inf")):
            rule = "every number in p must be at least 0, and one above it"
            raise fail(ArgumentError, op, rule, describe(p, "p"))

    def batch(self, x: Tensor) -> Tensor:
        total = sum(self.p)
        ends = asarray([sum(self.p[: k + 1]) / total for k in range(len(self.p) - 1)])
        which = (draws(len(x))[:, None] >= ends.to(float64).reshape(1, -1)).sum(1)
        return _by_choice("RandomChoice", x, which, [[f] for f in self.transforms])

    def __repr__(self) -> str:
        return f"RandomChoice({self.transforms}, p={self.p})"


def _functions(op: str, transforms: Any) -> list[Any]:
    if not isinstance(transforms, Sequence) and not hasattr(transforms, "__iter__"):
        rule = "transforms must be a list of transforms"
        raise fail(DTypeError, op, rule, describe(transforms, "transforms"), "put it in a list")
    listed = list(transforms)
    for f in listed:
        if not callable(f):
            raise fail(DTypeError, op, "every transform must be a function", describe(f))
    return listed


def _by_choice(op: str, x: Tensor, which: Tensor, chains: Any) -> Tensor:
    """Sample i through chain which[i]: the samples of each chain as one batch, then in order."""
    parts, rows = [], []
    for k, chain in enumerate(chains):
        mine = (which == k).nonzero().reshape(-1)
        if not len(mine) and (len(x) or k):
            continue
        part = take_rows(x, mine)
        for f in chain:
            part = apply(f, part)
        parts.append(part)
        rows.append(mine)
    first = parts[0]
    for part in parts[1:]:
        received = f"{describe(first)} and {describe(part)}"
        if part.shape[1:] != first.shape[1:]:
            rule = "all samples of a batch must have one shape, whatever was applied to them"
            raise fail(ShapeError, op, rule, received, "end with Resize or CenterCrop")
        if part.dtype != first.dtype:
            rule = "all samples of a batch must have one dtype, whatever was applied to them"
            raise fail(DTypeError, op, rule, received, "put ToTensor() before it")
    if len(parts) == 1:
        return first
    return take_rows(concatenate(parts), concatenate(rows).argsort())
