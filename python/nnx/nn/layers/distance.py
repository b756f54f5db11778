"""Distances and similarities of vectors, as modules."""

from __future__ import annotations

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module


class CosineSimilarity(Module):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along one axis.

    Args: dim: the axis; eps: the smallest length that is divided by.
    Shapes: both broadcast together; that axis is gone. Dtypes: floating.
    Raises: AxisError for an axis that is not there, ShapeError for shapes that do not broadcast.

    Example:
        >>> nn.CosineSimilarity()(nnx.tensor([[1.0, 0.0]]), nnx.tensor([[2.0, 0.0]]))
        tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = _check.integer("CosineSimilarity", "dim", dim, -64)
        self.eps = _check.real("CosineSimilarity", "eps", eps, 0)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """|x1 - x2 + eps|_p along the last axis.

    Args:
        p: the order of the norm.
        eps: keeps the gradient finite where x1 = x2.
        keepdim: whether the last axis stays, with length 1.

    Shapes: both broadcast together. Dtypes: floating.
    Raises: ShapeError for shapes that do not broadcast.

    Example:
        >>> nn.PairwiseDistance(eps=0.0)(nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]]))
        tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = _check.real("PairwiseDistance", "p", p)
        self.eps = _check.real("PairwiseDistance", "eps", eps)
        self.keepdim = bool(keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


__all__ = ["CosineSimilarity", "PairwiseDistance"]
