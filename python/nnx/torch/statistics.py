"""Spread and sums with PyTorch's arguments: divided by n - 1 unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import nnx
from nnx._nnx import Tensor
from nnx.torch.functions import of_tensors

_T = TypeVar("_T")

__all__ = [
    "nansum",
    "std",
    "std_mean",
    "var",
    "var_mean",
]


def _spread(
    f: Callable[..., _T], input: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: Any
) -> _T:
    if isinstance(dim, bool):  # torch.std(x, False): the second argument may be unbiased, too
        dim, unbiased = None, dim
    n = (1 if unbiased else 0) if correction is None else correction
    return f(input, dim, correction=n, keepdims=keepdim)


@of_tensors
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation, sqrt(sum (x - mean)^2 / (n - correction)), correction 1 if unbiased.

    Example:
        >>> import nnx.torch as torch
        >>> torch.std(torch.tensor([1.0, 3.0]), unbiased=False).item()
        1.0
    """
    return _spread(nnx.std, input, dim, unbiased, keepdim, correction)


@of_tensors
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance, the square of `std`.

    Example:
        >>> import nnx.torch as torch
        >>> torch.var(torch.tensor([1.0, 3.0])).item()
        2.0
    """
    return _spread(nnx.var, input, dim, unbiased, keepdim, correction)


@of_tensors
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`std` and the mean.

    Example:
        >>> import nnx.torch as torch
        >>> [t.item() for t in torch.std_mean(torch.tensor([1.0, 3.0]), unbiased=False)]
        [1.0, 2.0]
    """
    return _spread(nnx.std_mean, input, dim, unbiased, keepdim, correction)


@of_tensors
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`var` and the mean.

    Example:
        >>> import nnx.torch as torch
        >>> [t.item() for t in torch.var_mean(torch.tensor([1.0, 3.0]))]
        [2.0, 2.0]
    """
    return _spread(nnx.var_mean, input, dim, unbiased, keepdim, correction)


@of_tensors
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of the elements that are not NaN.

    Example:
        >>> import nnx.torch as torch
        >>> torch.nansum(torch.tensor([1.0, float("nan")])).item()
        1.0
    """
    return nnx.nansum(input, dim, dtype, keepdims=keepdim)
