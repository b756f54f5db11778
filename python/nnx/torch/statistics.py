"""Spread, sums, counts and draws with PyTorch's arguments: spreads divide by n - 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import nnx
from nnx._nnx import Tensor
from nnx.torch.functions import of_tensors

_T = TypeVar("_T")

__all__ = [
    "binomial",
    "corrcoef",
    "cov",
    "histc",
    "histogram",
    "mode",
    "nanmedian",
    "nanquantile",
    "nansum",
    "poisson",
    "std",
    "std_mean",
    "unique_consecutive",
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


@of_tensors
def nanquantile(input: Tensor, q: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The quantiles q of the elements that are not NaN.

    Example:
        >>> import nnx.torch as torch
        >>> torch.nanquantile(torch.tensor([1.0, float("nan"), 3.0]), 0.5).item()
        2.0
    """
    return nnx.nanquantile(input, q, dim, keepdim)


@of_tensors
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of the elements that are not NaN, of an even number the lower middle one; along
    an axis (values, indices).

    Example:
        >>> import nnx.torch as torch
        >>> torch.nanmedian(torch.tensor([1.0, float("nan"), 3.0])).item()
        1.0
    """
    if dim is None:
        return nanmedian(input.reshape((-1,)), 0).values
    if input.ndim == 0:
        return nanmedian(input.reshape((1,)), dim)
    ordered, index = input.sort(dim)  # NaN comes last
    there = (~nnx.isnan(input)).sum(dim, True)
    middle = nnx.floor_divide((there - 1).clip(0), 2)
    values, indices = (t.gather(dim, middle) for t in (ordered, index))
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return nnx.ValuesAndIndices((values, indices))


@of_tensors
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along an axis, of several the smallest, and where it is last:
    (values, indices).

    Example:
        >>> import nnx.torch as torch
        >>> torch.mode(torch.tensor([3, 1, 3, 1, 2])).values.item()
        1
    """
    if input.ndim == 0:
        return mode(input.reshape((1,)), dim)
    ordered, index = input.sort(dim)
    n = input.shape[dim]
    along = [1] * input.ndim
    along[dim] = n
    places = nnx.arange(n, device=input.device).reshape(along)
    fresh = nnx.cat(
        [
            nnx.ones_like(ordered.narrow(dim, 0, 1), dtype=nnx.bool),
            ordered.narrow(dim, 1, n - 1) != ordered.narrow(dim, 0, n - 1),
        ],
        dim,
    )
    starts = nnx.where(fresh, places, 0).cummax(dim).values
    at = nnx.argmax(places - starts, dim, keepdims=True)  # where the longest run ends
    values, indices = (t.gather(dim, at) for t in (ordered, index))
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return nnx.ValuesAndIndices((values, indices))


@of_tensors
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Counts in equal bins from min to max (of all elements where both are 0), as floats.

    Example:
        >>> import nnx.torch as torch
        >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=2, min=0.0, max=3.0).tolist()
        [2.0, 1.0]
    """
    span = None if min == max == 0 else (min, max)
    return nnx.histogram(input.detach(), bins, span)[0].to(input.dtype)


@of_tensors
def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Counts in bins, as floats, and the edges of the bins: (hist, bin_edges).

    Example:
        >>> import nnx.torch as torch
        >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 3.0)).hist.tolist()
        [2.0, 1.0]
    """
    x = input.detach()
    counts, edges = nnx.histogram(x, bins, range, density=density, weights=weight)
    return Histogram(counts.to(x.dtype), edges.to(x.dtype))


class Histogram(NamedTuple):
    """What histogram answers.

    Example:
        >>> import nnx.torch as torch
        >>> torch.histogram(torch.ones(3), 2).bin_edges.tolist()
        [0.5, 1.0, 1.5]
    """

    hist: Tensor
    bin_edges: Tensor


@of_tensors
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariance matrix of variables in rows, observed in columns.

    Example:
        >>> import nnx.torch as torch
        >>> torch.cov(torch.tensor([[0.0, 2.0], [1.0, 5.0]])).tolist()
        [[2.0, 4.0], [4.0, 8.0]]
    """
    return nnx.cov(input, ddof=correction, fweights=fweights, aweights=aweights)


@of_tensors
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables in rows, observed in columns.

    Example:
        >>> import nnx.torch as torch
        >>> torch.corrcoef(torch.tensor([[0.0, 2.0], [1.0, 5.0]])).round().tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    return nnx.corrcoef(input)


@of_tensors
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """A Poisson count for each element, its mean number, in its dtype.

    Example:
        >>> import nnx.torch as torch
        >>> torch.poisson(torch.zeros(3)).tolist()
        [0.0, 0.0, 0.0]
    """
    return nnx.random.poisson(input, dtype=input.dtype, generator=generator)


@of_tensors
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """How many of count trials of probability prob succeed, in the dtype of count.

    Example:
        >>> import nnx.torch as torch
        >>> torch.binomial(torch.tensor([3.0]), torch.tensor([1.0])).tolist()
        [3.0]
    """
    return nnx.random.binomial(count, prob, dtype=count.dtype, generator=generator)


@of_tensors
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """The elements, flattened, without those that equal the one before; with options also which
    each became, and how many in a row there were.

    Example:
        >>> import nnx.torch as torch
        >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1])).tolist()
        [1, 2, 1]
    """
    x = input.detach().reshape((-1,))
    fresh = nnx.cat([nnx.ones_like(x[:1], dtype=nnx.bool), x[1:] != x[:-1]])
    starts = nnx.nonzero(fresh)[0]
    found = [x[starts]]
    if return_inverse:
        found.append((nnx.cumsum(fresh, 0, nnx.int64) - 1).reshape(input.shape))
    if return_counts:
        ends = nnx.cat([starts[1:], nnx.full_like(starts[:1], len(x))])
        found.append(ends - starts)
    return found[0] if len(found) == 1 else tuple(found)
