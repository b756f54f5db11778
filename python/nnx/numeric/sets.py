"""Tensors as sets: what is in another, what two have in common. NaN is equal to nothing."""

from __future__ import annotations

from typing import NamedTuple

from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.linalg.arguments import TensorLike, tensor

__all__ = [
    "UniqueAll",
    "UniqueCounts",
    "UniqueInverse",
    "intersect1d",
    "isin",
    "setdiff1d",
    "union1d",
    "unique_all",
    "unique_counts",
    "unique_inverse",
]


class UniqueAll(NamedTuple):
    """What `unique_all` finds.

    Example:
        >>> nnx.unique_all([3, 1, 3]).counts.tolist()
        [1, 2]
    """

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


def unique_all(x: TensorLike) -> UniqueAll:
    """The different elements in rising order, where each stands first, which one every element
    is, and how often each comes.

    Shapes: any -> (n,), (n,), the shape of x, (n,). Source: Python array API standard 2024.12.

    Example:
        >>> found = nnx.unique_all([3, 1, 3])
        >>> found.values.tolist(), found.indices.tolist(), found.inverse_indices.tolist()
        ([1, 3], [1, 0], [1, 0, 1])
    """
    v = tensor(x)
    parts = ops.unique(v.detach(), return_index=True, return_inverse=True, return_counts=True)
    _, indices, inverse, counts = parts
    return UniqueAll(ops.ravel(v)[indices], indices, inverse.reshape(v.shape), counts)


class UniqueCounts(NamedTuple):
    """What `unique_counts` finds.

    Example:
        >>> nnx.unique_counts([3, 1, 3]).counts.tolist()
        [1, 2]
    """

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` finds.

    Example:
        >>> nnx.unique_inverse([3, 1, 3]).inverse_indices.tolist()
        [1, 0, 1]
    """

    values: Tensor
    inverse_indices: Tensor


def unique_counts(x: TensorLike) -> UniqueCounts:
    """The different elements in rising order, and how often each comes.

    Shapes: any -> (n,), (n,). Source: Python array API standard 2024.12.

    Example:
        >>> nnx.unique_counts([3, 1, 3]).values.tolist()
        [1, 3]
    """
    return UniqueCounts(*ops.unique(tensor(x).detach(), return_counts=True))


def unique_inverse(x: TensorLike) -> UniqueInverse:
    """The different elements in rising order, and which one every element is.

    Shapes: any -> (n,), the shape of x. Source: Python array API standard 2024.12.

    Example:
        >>> nnx.unique_inverse([3, 1, 3]).values.tolist()
        [1, 3]
    """
    v = tensor(x)
    values, inverse = ops.unique(v.detach(), return_inverse=True)
    return UniqueInverse(values, inverse.reshape(v.shape))


def isin(
    element: TensorLike,
    test_elements: TensorLike,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Where an element is among test_elements.

    Args:
        assume_unique: has no effect.
        invert: whether to say where it is not.

    Shapes: (...), any -> (...). Dtypes: bool.

    Example:
        >>> nnx.isin([1, 2, 3], [3, 1]).tolist()
        [True, False, True]
    """
    x = tensor(element, test_elements if isinstance(test_elements, Tensor) else None)
    among = ops.unique_values(ops.ravel(tensor(test_elements, x)))
    if not len(among):
        return ops.full(x.shape, invert, dtype=ops.bool, device=x.device)
    dtype = ops.result_type(x, among)
    x, among = x.detach().to(dtype), among.to(dtype)
    at = ops.clip(ops.searchsorted(among, x), 0, len(among) - 1)
    return among[at] != x if invert else among[at] == x


def _different(x: Tensor) -> Tensor:
    """The different elements in rising order; gradients go to where each stands first."""
    flat = ops.ravel(x)
    return flat[ops.unique(flat.detach(), return_index=True)[1]]


def union1d(ar1: TensorLike, ar2: TensorLike) -> Tensor:
    """The different elements of both, in rising order.

    Example:
        >>> nnx.union1d([3, 1], [2, 3]).tolist()
        [1, 2, 3]
    """
    return _different(ops.concatenate([ops.ravel(tensor(a)) for a in (ar1, ar2)]))


def intersect1d(ar1: TensorLike, ar2: TensorLike) -> Tensor:
    """The different elements that are in both, in rising order.

    Example:
        >>> nnx.intersect1d([3, 1, 3], [2, 3]).tolist()
        [3]
    """
    a, b = tensor(ar1), tensor(ar2)
    values = _different(a.to(ops.result_type(a, b)))
    return values[isin(values, b)]


def setdiff1d(ar1: TensorLike, ar2: TensorLike) -> Tensor:
    """The different elements of ar1 that are not in ar2, in rising order.

    Example:
        >>> nnx.setdiff1d([3, 1, 2], [2]).tolist()
        [1, 3]
    """
    values = _different(tensor(ar1))
    return values[isin(values, ar2, invert=True)]
