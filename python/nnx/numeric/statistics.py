"""Statistics of samples: covariances, histograms, and sums that leave NaN out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, floats, tensor

__all__ = [
    "corrcoef",
    "cov",
    "digitize",
    "histogram",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmin",
    "nanprod",
    "nanstd",
    "nanvar",
]


def cov(
    m: TensorLike,
    y: TensorLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: TensorLike | None = None,
    aweights: TensorLike | None = None,
    *,
    correction: int | None = None,
) -> Tensor:
    """The covariance matrix, sum w (x_i - mean_i)(x_j - mean_j)^* / (sum w - correction).

    The second factor is conjugated where the numbers are complex.

    Args:
        m: observations: a row for each variable, or a column with rowvar=False.
        y: more variables in the same form.
        bias: whether to divide by the sum of the weights. ddof (or correction) says it in numbers.
        fweights: how often each observation counts, integers.
        aweights: how much each observation counts.

    Shapes: (variables, n) -> (variables, variables); one variable gives one number.
    Dtypes: floating; integers become floats.
    Raises: ShapeError for more than two axes or weights that do not fit, ArgumentError.

    Example:
        >>> nnx.cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    op = "cov"
    x = _variables(op, m, rowvar)
    if y is not None:
        x = ops.concatenate([x, _variables(op, y, rowvar)], 0)
    lost = correction if ddof is None else ddof
    if lost is None:
        lost = 0 if bias else 1
    weights = _weights(op, x, fweights, aweights)
    if weights is None:
        total: Any = float(x.shape[1])
        centred = x - x.mean(1, keepdim=True)
        weighted = centred
        taken: Any = float(lost)
    else:
        total = weights.sum()
        centred = x - (x * weights).sum(1, keepdim=True) / total
        weighted = centred * weights
        unequal = aweights is not None
        second = (weights * floats(aweights)).sum() / total if unequal else 1
        taken = lost * second
    found = ops.matmul(weighted, centred.H) / (total - taken)
    out: Tensor = found.reshape(()) if found.shape == (1, 1) else found
    return out


def _variables(op: str, m: TensorLike, rowvar: bool) -> Tensor:
    x = floats(m)
    if x.ndim > 2:
        raise fail(ShapeError, op, "observations have at most two axes", describe(x))
    x = ops.atleast_2d(x)
    out: Tensor = x if rowvar or x.shape[0] == 1 else x.T
    return out


def _weights(op: str, x: Tensor, counts: Any, shares: Any) -> Tensor | None:
    found = None
    for name, given in (("fweights", counts), ("aweights", shares)):
        if given is None:
            continue
        w = tensor(given)
        if w.shape != (x.shape[1],):
            rule = f"{name} must have one number for each of the {x.shape[1]} observations"
            raise fail(ShapeError, op, rule, describe(w, name))
        if name == "fweights" and w.is_floating_point():
            raise fail(DTypeError, op, "fweights must be whole numbers", describe(w, name))
        w = w.to(x.dtype)
        found = w if found is None else found * w
    return found


def corrcoef(x: TensorLike, y: TensorLike | None = None, rowvar: bool = True) -> Tensor:
    """The matrix of correlation coefficients, cov_ij / sqrt(cov_ii cov_jj), kept in [-1, 1].

    Shapes: as `cov`. Raises: as `cov`.

    Example:
        >>> nnx.corrcoef([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]).round(decimals=6).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    spread = ops.sqrt(ops.diagonal(c).real)
    found = c / spread.unsqueeze(1) / spread.unsqueeze(0)
    if found.is_complex():  # each part, as NumPy
        return ops.view_as_complex(ops.clip(ops.view_as_real(found), -1.0, 1.0))
    return ops.clip(found, -1.0, 1.0)


def histogram(
    a: TensorLike,
    bins: Any = 10,
    range: tuple[float, float] | None = None,
    density: bool | None = None,
    weights: TensorLike | None = None,
) -> tuple[Tensor, Tensor]:
    """How many elements lie in each bin, and the edges of the bins.

    A bin holds its left edge; the last one also its right edge. Gradients follow the weights only.

    Args:
        bins: a number of bins of equal width, or their edges.
        range: the first and the last edge; the smallest and largest element unless given.
        density: whether to divide by the sum and the widths, so that the integral is 1.
        weights: what each element counts, instead of 1.

    Shapes: any -> (bins,), (bins + 1,). Dtypes: counts are int64.
    Raises: ArgumentError for edges that decrease or a range that is not finite, ShapeError.

    Example:
        >>> counts, edges = nnx.histogram([1.0, 2.0, 1.0, 4.0], bins=3)
        >>> counts.tolist(), edges.tolist()
        ([2, 1, 1], [1.0, 2.0, 3.0, 4.0])
    """
    op = "histogram"
    x = ops.ravel(tensor(a)).detach()
    edges = _edges(op, x, bins, range)
    n = len(edges) - 1
    count: Tensor
    value = floats(x).to(ops.float64)
    inside = (value >= edges[0]) & (value <= edges[-1])
    if isinstance(bins, int):  # of equal width: where a division puts it, or next to that
        share = (value - edges[0]) * (n / (edges[-1] - edges[0]))
        i = ops.clip(ops.where(inside, share, 0.0), 0, n - 1).to(ops.int64)
        i = i - ((value < edges[i]) & (i > 0))
        i = i + ((value >= edges[i + 1]) & (i < n - 1))
    else:
        i = ops.clip(ops.searchsorted(edges, value, right=True) - 1, 0, n - 1)
    if weights is None:
        count = ops.bincount(i[inside], minlength=n)
    else:
        w = ops.ravel(tensor(weights, x))
        if w.shape != x.shape:
            rule = "weights must have the shape of a"
            raise fail(ShapeError, op, rule, f"{describe(x, 'a')}, {describe(w, 'weights')}")
        kept = ops.where(inside, w, ops.zeros((), dtype=w.dtype, device=w.device))
        count = ops.index_add(ops.zeros((n,), dtype=w.dtype, device=w.device), 0, i, kept)
    out = edges.to(x.dtype if x.is_floating_point() else ops.get_default_dtype())
    if density:
        width = (edges[1:] - edges[:-1]).to(out.dtype)
        count = count / width / count.sum()
    return count, out


def _edges(op: str, x: Tensor, bins: Any, span: Any) -> Tensor:
    """The edges of the bins, in float64."""
    if not isinstance(bins, int):
        edges = tensor(bins, x).detach().to(ops.float64)
        if edges.ndim != 1 or len(edges) < 2:
            rule = "bins must be a number of bins, or at least two edges"
            raise fail(ShapeError, op, rule, describe(edges, "bins"))
        if bool((edges[1:] < edges[:-1]).any()):
            raise fail(ArgumentError, op, "edges must increase", describe(edges, "bins"))
        return edges
    n = _check.integer(op, "bins", bins, 1)
    if span is not None:
        if not isinstance(span, Sequence) or len(span) != 2:
            rule = "range must be the first and the last edge"
            raise fail(ArgumentError, op, rule, describe(span, "range"))
        low, high = (_check.real(op, "range", edge) for edge in span)
    elif x.numel():
        low, high = float(ops.min(x)), float(ops.max(x))
    else:
        low, high = 0.0, 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        rule = "the first and the last edge must be finite"
        hint = "leave out infinite elements and NaN, or give range="
        raise fail(ArgumentError, op, rule, f"from {low} to {high}", hint)
    if low > high:
        rule = "range must be the smaller and the larger edge"
        raise fail(ArgumentError, op, rule, describe(span, "range"))
    if low == high:
        low, high = low - 0.5, high + 0.5
    return ops.linspace(low, high, n + 1, dtype=ops.float64, device=x.device)


def digitize(x: TensorLike, bins: TensorLike, right: bool = False) -> Tensor:
    """The number of the bin of each element: i where bins[i-1] <= x < bins[i].

    Args:
        bins: edges that increase, or decrease (then bins[i-1] > x >= bins[i]).
        right: whether a bin holds its right edge and not its left one.

    Shapes: (...), (n,) -> (...). Dtypes: int64.
    Raises: ShapeError, ArgumentError for edges in no order.

    Example:
        >>> nnx.digitize([0.5, 1.0, 7.0], [0.0, 1.0, 2.0]).tolist()
        [1, 2, 3]
    """
    v = tensor(x, bins if isinstance(bins, Tensor) else None)
    edges = tensor(bins, v)
    if edges.ndim != 1:
        raise fail(ShapeError, "digitize", "bins have one axis", describe(edges, "bins"))
    rising = not bool((edges[1:] < edges[:-1]).any())
    if not rising and bool((edges[1:] > edges[:-1]).any()):
        rule = "bins must increase or decrease"
        raise fail(ArgumentError, "digitize", rule, describe(edges, "bins"))
    if rising:
        return ops.searchsorted(edges, v, right=not right)
    return len(edges) - ops.searchsorted(edges.flip(0), v, right=not right)


# --- without NaN ----------------------------------------------------------------------------------


def _without(a: TensorLike, instead: float) -> tuple[Tensor, Tensor]:
    """The elements with NaN replaced, and where there was one."""
    x = tensor(a)
    if not x.is_floating_point():
        return x, ops.zeros_like(x, dtype=ops.bool)
    missing = ops.isnan(x)
    return ops.where(missing, ops.full((), instead, dtype=x.dtype, device=x.device), x), missing


def _largest(x: Tensor, sign: int, axis: Any, keepdims: bool) -> Tensor:
    filled, missing = _without(x, -sign * math.inf)
    reduce = ops.max if sign > 0 else ops.min
    found = reduce(filled, axis=axis, keepdims=keepdims)
    none = ops.all(missing, axis=axis, keepdims=keepdims)
    if not found.is_floating_point():
        return found
    out: Tensor = ops.where(
        none, ops.full((), math.nan, dtype=found.dtype, device=found.device), found
    )
    return out


def nanmax(a: TensorLike, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Tensor:
    """The largest element that is not NaN; NaN where there is none.

    Raises: AxisError, ShapeError for no elements.

    Example:
        >>> nnx.nanmax([1.0, float("nan"), 3.0]).item()
        3.0
    """
    return _largest(tensor(a), 1, axis if dim is None else dim, keepdims)


def nanmin(a: TensorLike, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Tensor:
    """The smallest element that is not NaN; NaN where there is none.

    Raises: AxisError, ShapeError for no elements.

    Example:
        >>> nnx.nanmin([1.0, float("nan"), 3.0]).item()
        1.0
    """
    return _largest(tensor(a), -1, axis if dim is None else dim, keepdims)


def nanprod(a: TensorLike, axis: Any = None, keepdims: bool = False, *, dim: Any = None) -> Tensor:
    """The product of the elements that are not NaN.

    Example:
        >>> nnx.nanprod([2.0, float("nan"), 3.0]).item()
        6.0
    """
    return ops.prod(_without(a, 1)[0], axis=axis if dim is None else dim, keepdims=keepdims)


def nancumsum(a: TensorLike, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """nnx.cumsum with NaN counted as 0.

    Example:
        >>> nnx.nancumsum([1.0, float("nan"), 3.0]).tolist()
        [1.0, 1.0, 4.0]
    """
    return ops.cumsum(_without(a, 0)[0], axis if dim is None else dim)


def nancumprod(a: TensorLike, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """nnx.cumprod with NaN counted as 1.

    Example:
        >>> nnx.nancumprod([2.0, float("nan"), 3.0]).tolist()
        [2.0, 2.0, 6.0]
    """
    return ops.cumprod(_without(a, 1)[0], axis if dim is None else dim)


def nanvar(
    a: TensorLike,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    dim: Any = None,
    correction: float | None = None,
) -> Tensor:
    """The variance of the elements that are not NaN: sum (x - mean)^2 / (n - ddof); NaN where
    there are no more than ddof.

    Args: ddof (or correction): 0 unless given.

    Example:
        >>> nnx.nanvar([1.0, float("nan"), 3.0]).item()
        1.0
    """
    axis = axis if dim is None else dim
    filled, missing = _without(floats(a), 0)
    n = (~missing).sum(axis, True)
    mean = filled.sum(axis, True) / n
    apart = ops.where(
        missing, ops.zeros((), dtype=filled.dtype, device=filled.device), filled - mean
    )
    left = (~missing).sum(axis, keepdims) - (ddof if correction is None else correction)
    found = (apart * apart).sum(axis, keepdims) / left
    out: Tensor = ops.where(
        left > 0, found, ops.full((), math.nan, dtype=found.dtype, device=found.device)
    )
    return out


def nanstd(
    a: TensorLike,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    dim: Any = None,
    correction: float | None = None,
) -> Tensor:
    """The square root of `nanvar`.

    Example:
        >>> nnx.nanstd([1.0, float("nan"), 3.0]).item()
        1.0
    """
    return ops.sqrt(nanvar(a, axis, ddof, keepdims, dim=dim, correction=correction))
