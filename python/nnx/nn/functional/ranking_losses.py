"""Losses of pairs and triplets of vectors: what is alike is to lie together."""

from __future__ import annotations

from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.nn.functional.arguments import floating, reduced, same_shape, tensor
from nnx.nn.functional.distances import pairwise_distance
from nnx.nn.functional.losses import above_zero


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Any,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Mean of 1 - cos(x1, x2) where t = 1, and of max(0, cos(x1, x2) - margin) where t = -1.

    Shapes: inputs (N, D) and target (N,), or (D,) and (). Dtypes: floating; target any.
    Raises: ShapeError, DTypeError where they do not fit.

    Example:
        >>> a, b = nnx.tensor([[1.0, 0.0]]), nnx.tensor([[0.0, 1.0]])
        >>> float(nn.functional.cosine_embedding_loss(a, b, nnx.tensor([1])))
        1.0
    """
    op = "cosine_embedding_loss"
    a, b = floating(op, "input1", input1), floating(op, "input2", input2)
    t = tensor(op, "target", target)
    same_shape(op, input1=a, input2=b)
    if a.ndim not in (1, 2) or t.shape != a.shape[:-1]:
        rule = "inputs must be (N, D) and target (N,), or inputs (D,) and target ()"
        received = f"{describe(a, 'input1')}, {describe(t, 'target')}"
        raise fail(ShapeError, op, rule, received)
    lengths = (ops.square(a).sum(-1) + 1e-12) * (ops.square(b).sum(-1) + 1e-12)
    cosine = (a * b).sum(-1) / ops.sqrt(lengths)
    apart = (cosine - margin).clamp(min=0)
    each = ops.where(t == 1, 1 - cosine, ops.where(t == -1, apart, 0.0))
    return reduced(op, each, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Mean (or sum, or none) of max(0, -t (x1 - x2) + margin): x1 should rank higher where t = 1,
    lower where t = -1.

    Shapes: all the same. Raises: ShapeError for unequal shapes.

    Example:
        >>> one, two = nnx.tensor([2.0]), nnx.tensor([0.5])
        >>> float(nn.functional.margin_ranking_loss(one, two, nnx.tensor([-1.0])))
        1.5
    """
    op = "margin_ranking_loss"
    a, b = floating(op, "input1", input1), floating(op, "input2", input2)
    t = tensor(op, "target", target)
    same_shape(op, input1=a, input2=b, target=t)
    return reduced(op, (-t * (a - b) + margin).clamp(min=0), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), where
    d(x, y) = |x - y + eps|_p.

    With `swap`, d(positive, negative) stands for d(anchor, negative) where it is smaller.

    Shapes: all (N, D) or (D,). Raises: ShapeError for unequal shapes, ArgumentError for a margin
        not above 0.
    Source: Balntas et al., BMVC 2016.

    Example:
        >>> a, b = nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]])
        >>> round(float(nn.functional.triplet_margin_loss(a, b, a)), 3)
        6.0
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(
        "triplet_margin_loss", (anchor, positive, negative), distance, margin, swap, reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own: a function of two tensors.

    Raises: ShapeError for unequal shapes, ArgumentError for a margin not above 0.

    Example:
        >>> a, b = nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]])
        >>> f = nn.functional.triplet_margin_with_distance_loss
        >>> float(f(a, b, a, distance_function=lambda x, y: (x - y).abs().sum(-1)))
        8.0
    """
    distance = pairwise_distance if distance_function is None else distance_function
    op = "triplet_margin_with_distance_loss"
    return _triplet(op, (anchor, positive, negative), distance, margin, swap, reduction)


def _triplet(
    op: str, triple: tuple[Any, Any, Any], distance: Any, margin: float, swap: bool, reduction: str
) -> Tensor:
    above_zero(op, "margin", margin)
    names = ("anchor", "positive", "negative")
    a, b, c = (floating(op, name, x) for name, x in zip(names, triple, strict=True))
    same_shape(op, anchor=a, positive=b, negative=c)
    far = distance(a, c)
    if swap:
        far = ops.minimum(far, distance(b, c))
    return reduced(op, (distance(a, b) - far + margin).clamp(min=0), reduction)
