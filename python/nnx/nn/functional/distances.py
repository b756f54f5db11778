"""Distances and similarities of vectors."""

from __future__ import annotations

from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn.functional.arguments import floating


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis.

    Shapes: both broadcast together; that axis is gone. Dtypes: floating.
    Raises: AxisError for an axis that is not there, ShapeError for shapes that do not broadcast.

    Example:
        >>> nn.functional.cosine_similarity(nnx.tensor([[1.0, 0.0]]), nnx.tensor([[2.0, 0.0]]))
        tensor([1.])
    """
    a = floating("cosine_similarity", "x1", x1)
    b = floating("cosine_similarity", "x2", x2)
    if a.ndim != b.ndim:  # the axis counts in the common shape
        a, b = ops.broadcast_tensors(a, b)
    length_a = ops.norm(a, 2, dim, keepdims=True).clamp(min=eps)
    length_b = ops.norm(b, 2, dim, keepdims=True).clamp(min=eps)
    return ((a / length_a) * (b / length_b)).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """|x1 - x2 + eps|_p along the last axis.

    Shapes: both broadcast together; the last axis is gone, or of length 1. Dtypes: floating.
    Raises: ShapeError for shapes that do not broadcast.

    Example:
        >>> nn.functional.pairwise_distance(nnx.zeros((1, 2)), nnx.tensor([[3.0, 4.0]]), eps=0.0)
        tensor([5.])
    """
    a = floating("pairwise_distance", "x1", x1)
    return ops.norm(a - floating("pairwise_distance", "x2", x2) + eps, p, -1, keepdims=keepdim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """input / max(|input|_p, eps), the norm taken along an axis.

    Shapes: any with that axis. Dtypes: floating.
    Raises: AxisError for an axis that is not there.

    Example:
        >>> nn.functional.normalize(nnx.tensor([[3.0, 4.0]]))
        tensor([[0.6, 0.8]])
    """
    x = floating("normalize", "input", input)
    return x / ops.norm(x, p, dim, keepdims=True).clamp(min=eps)
