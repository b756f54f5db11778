"""Losses of pairs and triplets of vectors: what is alike is to lie together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor
from nnx.nn import functional
from nnx.nn.functional.losses import above_zero
from nnx.nn.losses.elements import Loss


class CosineEmbeddingLoss(Loss):
    """Mean of 1 - cos(x1, x2) where t = 1, and of max(0, cos(x1, x2) - margin) where t = -1.

    Args: margin: the cosine up to which -1 costs nothing. reduction: "mean", "sum" or "none".
    Shapes: inputs (N, D) and target (N,), or (D,) and (). Dtypes: inputs floating.
    Raises: ShapeError where they do not fit, ArgumentError for a margin outside [-1, 1].

    Example:
        >>> a, b = nnx.tensor([[1.0, 0.0]]), nnx.tensor([[0.0, 1.0]])
        >>> float(nn.CosineEmbeddingLoss()(a, b, nnx.tensor([1])))
        1.0
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = _check.real("CosineEmbeddingLoss", "margin", margin, -1, 1)

    def forward(self, input1: Tensor, input2: Tensor, target: Any) -> Tensor:
        return functional.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class MarginRankingLoss(Loss):
    """Mean of max(0, -t (x1 - x2) + margin): x1 should rank higher where t = 1, lower where
    t = -1.

    Args: margin: by how much. reduction: "mean", "sum" or "none".
    Shapes: all the same. Dtypes: inputs floating.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> float(nn.MarginRankingLoss()(nnx.tensor([2.0]), nnx.tensor([0.5]), nnx.tensor([-1.0])))
        1.5
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = _check.real("MarginRankingLoss", "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Any) -> Tensor:
        return functional.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """Mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), where
    d(x, y) = |x - y + eps|_p.

    Args:
        margin: by how much the negative should be further away.
        p: the order of the norm; eps keeps its gradient finite.
        swap: whether d(positive, negative) counts where it is smaller than d(anchor, negative).
        reduction: "mean", "sum" or "none".

    Shapes: all (N, D) or (D,). Dtypes: floating, all the same.
    Raises: ShapeError for unequal shapes, ArgumentError for a margin not above 0.
    Source: Balntas et al., BMVC 2016.

    Example:
        >>> a, b = nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]])
        >>> round(float(nn.TripletMarginLoss()(a, b, a)), 3)
        6.0
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin = above_zero("TripletMarginLoss", "margin", margin)
        self.p = _check.real("TripletMarginLoss", "p", p)
        self.eps = _check.real("TripletMarginLoss", "eps", eps)
        self.swap = bool(swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return functional.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class TripletMarginWithDistanceLoss(Loss):
    """TripletMarginLoss with a distance of your own.

    Args:
        distance_function: of two tensors; the Euclidean distance unless given.
        margin, swap, reduction: as for TripletMarginLoss.

    Shapes: all the same. Dtypes: floating, all the same.
    Raises: ShapeError for unequal shapes, ArgumentError for a margin not above 0.

    Example:
        >>> a, b = nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]])
        >>> distance = lambda x, y: (x - y).abs().sum(-1)
        >>> float(nn.TripletMarginWithDistanceLoss(distance_function=distance)(a, b, a))
        8.0
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        op = "TripletMarginWithDistanceLoss"
        if distance_function is not None and not callable(distance_function):
            rule = "distance_function must be a function of two tensors"
            raise fail(DTypeError, op, rule, describe(distance_function))
        self.distance_function = distance_function
        self.margin = above_zero(op, "margin", margin)
        self.swap = bool(swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return functional.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


__all__ = [
    "CosineEmbeddingLoss",
    "MarginRankingLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]
