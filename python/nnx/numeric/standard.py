"""Functions of the compiled module with more options, those of the Python array API standard.

Source: Python array API standard 2024.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.linalg.arguments import TensorLike, tensor

__all__ = ["astype", "cumulative_prod", "cumulative_sum", "diff", "searchsorted"]


def astype(x: TensorLike, dtype: Any, copy: bool = True, *, device: Any = None) -> Tensor:
    """The elements as another dtype; with copy=False the tensor itself where it has it already.

    Args: device: where the result is to be.
    Raises: DTypeError.

    Example:
        >>> nnx.astype([1.7, -1.7], nnx.int64).tolist()
        [1, -1]
    """
    found = ops.astype(tensor(x), dtype, copy=copy)
    return found if device is None else found.to(device)


def _running(
    f: Callable[..., Tensor], start: int, x: TensorLike, axis: Any, dtype: Any, include: bool
) -> Tensor:
    found = f(tensor(x), axis=axis, dtype=dtype)
    if not include:
        return found
    along = 0 if axis is None else axis
    first = ops.full_like(found.narrow(along, 0, 1), start) if found.size(along) else None
    if first is None:
        shape = list(found.shape)
        shape[along] = 1
        first = ops.full(shape, start, dtype=found.dtype, device=found.device)
    return ops.concatenate([first, found], along)


def cumulative_sum(
    x: TensorLike,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    *,
    dim: int | None = None,
) -> Tensor:
    """Running sums along an axis; an axis is needed unless there is only one.

    Args: include_initial: whether 0, the sum of nothing, stands first.
    Raises: ArgumentError without an axis for several, AxisError.

    Example:
        >>> nnx.cumulative_sum([1, 2, 3], include_initial=True).tolist()
        [0, 1, 3, 6]
    """
    along = axis if dim is None else dim
    return _running(ops.cumulative_sum, 0, x, along, dtype, include_initial)


def cumulative_prod(
    x: TensorLike,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    *,
    dim: int | None = None,
) -> Tensor:
    """Running products along an axis; an axis is needed unless there is only one.

    Args: include_initial: whether 1, the product of nothing, stands first.
    Raises: ArgumentError without an axis for several, AxisError.

    Example:
        >>> nnx.cumulative_prod([2, 3], include_initial=True).tolist()
        [1, 2, 6]
    """
    along = axis if dim is None else dim
    return _running(ops.cumulative_prod, 1, x, along, dtype, include_initial)


def diff(
    x: TensorLike,
    n: int = 1,
    axis: int = -1,
    prepend: Any = None,
    append: Any = None,
    *,
    dim: int | None = None,
) -> Tensor:
    """The differences of neighbours along an axis, n times.

    Args: prepend, append: tensors, or numbers, that are joined to x first, in front and behind.
    Raises: ShapeError where they do not fit, ArgumentError, AxisError.

    Example:
        >>> nnx.diff([1, 4, 9], prepend=0).tolist()
        [1, 3, 5]
    """
    along = axis if dim is None else dim
    v = tensor(x)
    n = _check.integer("diff", "n", n)
    if n == 0 or (prepend is None and append is None):
        return ops.diff(v, n=n, axis=along)
    ends = [None if end is None else _end(v, end, along) for end in (prepend, append)]
    parts = [part for part in (ends[0], v, ends[1]) if part is not None]
    return ops.diff(ops.concatenate(parts, along), n=n, axis=along)


def _end(x: Tensor, end: Any, axis: int) -> Tensor:
    """What is joined to x: numbers fill one position along the axis."""
    dtype = None if hasattr(end, "dtype") else x.dtype
    found = end if isinstance(end, Tensor) else ops.asarray(end, dtype=dtype, device=x.device)
    if found.ndim:
        return found
    return ops.broadcast_to(found, x.narrow(axis, 0, 1).shape)


def searchsorted(
    x: TensorLike,
    v: TensorLike,
    side: str | None = None,
    sorter: TensorLike | None = None,
    *,
    right: bool = False,
) -> Tensor:
    """Where in the sorted x each element of v would stand.

    Args:
        side: "left" in front of equal elements, "right" behind them; right=True is the same.
        sorter: the order that sorts x, where it is not sorted.

    Shapes: (n,), (...) -> (...). Dtypes: int64.
    Raises: ShapeError where x has not one axis, ArgumentError, IndexError.

    Example:
        >>> nnx.searchsorted([10, 20, 30], [20, 25], side="right").tolist()
        [2, 2]
    """
    places = tensor(x, v if isinstance(v, Tensor) else None)
    if sorter is not None:
        places = ops.take(places, tensor(sorter, places), axis=0)
    return ops.searchsorted(places, tensor(v, places), side=side, right=right)
