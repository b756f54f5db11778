"""Random numbers by the names of NumPy's Generator: `nnx.random.gamma(2.0, size=(3,))`.

All draws come from nnx's Philox streams: `nnx.manual_seed(seed)`, or a `generator` of one's own,
gives the same numbers every time, for any number of threads. Parameters are numbers or tensors that
broadcast; `size` is the shape of the result, which is theirs without it. Nothing here follows
gradients: see `nnx.distributions` for draws that do.

Example:
    >>> _ = nnx.manual_seed(0)
    >>> nnx.random.poisson(4.0, size=(2, 3)).shape
    (2, 3)
"""

from __future__ import annotations

import math
from typing import Any

import nnx
from nnx import _draws
from nnx._draws import Size
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Generator, ShapeError, Tensor

__all__ = [
    "beta",
    "binomial",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "gumbel",
    "integers",
    "laplace",
    "lognormal",
    "multinomial",
    "multivariate_normal",
    "normal",
    "permutation",
    "poisson",
    "random",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_normal",
    "standard_t",
    "uniform",
]


def random(size: Size = None, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    """Uniform in [0, 1).

    Example:
        >>> bool((nnx.random.random(5) < 1).all())
        True
    """
    return nnx.rand(
        _draws.size_of("random", size), dtype=_draws.dtype_of(dtype), generator=generator
    )


def uniform(
    low: Any = 0.0,
    high: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in [low, high).

    Raises: ArgumentError unless low <= high.

    Example:
        >>> bool((nnx.random.uniform(2.0, 3.0, 5) >= 2).all())
        True
    """
    a, b = _draws.ready("uniform", size, low, high)
    _draws.need("uniform", a <= b, "low must not be above high", low)
    u = nnx.rand(a.shape, dtype=nnx.float64, device=a.device, generator=generator)
    return (a + (b - a) * u).to(_draws.dtype_of(dtype, low, high))


def integers(
    low: Any,
    high: Any = None,
    size: Size = None,
    *,
    endpoint: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole numbers in [low, high), or up to high with endpoint; from 0 if only one is given.

    Raises: ArgumentError where there are none, or, between two of several bounds, 2**63 or more;
        DTypeError for bounds that are not whole numbers.

    Example:
        >>> bool((nnx.random.integers(1, 6, size=9, endpoint=True) >= 1).all())
        True
    """
    first, last = (0, low) if high is None else (low, high)
    if any(isinstance(v, list | tuple) or getattr(v, "ndim", 0) for v in (first, last)):
        return _draws.between(first, last, size, endpoint, generator)
    end = _draws.whole(last)
    end = last if end is None else end + endpoint
    return nnx.randint(first, end, _draws.size_of("integers", size), generator=generator)


def standard_normal(
    size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """Normal with mean 0 and deviation 1.

    Example:
        >>> nnx.random.standard_normal((2, 3)).shape
        (2, 3)
    """
    return nnx.randn(
        _draws.size_of("standard_normal", size), dtype=_draws.dtype_of(dtype), generator=generator
    )


def normal(
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Normal with mean loc and standard deviation scale.

    Raises: ArgumentError for a scale below 0.

    Example:
        >>> nnx.random.normal(nnx.tensor([0.0, 5.0]), 1.0).shape
        (2,)
    """
    mean, deviation = _draws.ready("normal", size, loc, scale)
    _draws.need("normal", deviation >= 0, "scale must be at least 0", scale)
    z = nnx.randn(mean.shape, dtype=nnx.float64, device=mean.device, generator=generator)
    return (mean + deviation * z).to(_draws.dtype_of(dtype, loc, scale))


def lognormal(
    mean: Any = 0.0,
    sigma: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """exp of a normal with these parameters.

    Raises: ArgumentError for a sigma below 0.

    Example:
        >>> bool((nnx.random.lognormal(size=5) > 0).all())
        True
    """
    return nnx.exp(normal(mean, sigma, size, dtype=dtype, generator=generator))


def multivariate_normal(
    mean: Any,
    cov: Any,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Vectors with this mean (n) and covariance matrix (n, n).

    Shapes: -> (*size, n). Raises: ShapeError; LinAlgError unless cov is positive definite.

    Example:
        >>> nnx.random.multivariate_normal([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]], size=4).shape
        (4, 2)
    """
    device = _draws.device_of(mean, cov)
    m, root = _draws.known(mean, device), nnx.linalg.cholesky(_draws.known(cov, device))
    if m.ndim != 1 or root.shape != (len(m), len(m)):
        received = f"mean {tuple(m.shape)}, cov {tuple(root.shape)}"
        raise fail(ShapeError, "multivariate_normal", "mean is (n) and cov (n, n)", received)
    shape = (*_draws.size_of("multivariate_normal", size), len(m))
    z = nnx.randn(shape, dtype=nnx.float64, device=device, generator=generator)
    return (m + z @ root.mT).to(_draws.dtype_of(dtype, mean, cov))


def standard_exponential(
    size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """Waiting times with mean 1.

    Example:
        >>> bool((nnx.random.standard_exponential(5) >= 0).all())
        True
    """
    return exponential(1.0, size, dtype=dtype, generator=generator)


def exponential(
    scale: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Waiting times with mean scale.

    Raises: ArgumentError for a scale below 0.

    Example:
        >>> bool((nnx.random.exponential(2.0, 5) >= 0).all())
        True
    """
    (mean,) = _draws.ready("exponential", size, scale)
    _draws.need("exponential", mean >= 0, "scale must be at least 0", scale)
    u = nnx.rand(mean.shape, dtype=nnx.float64, device=mean.device, generator=generator)
    return (-mean * nnx.log1p(-u)).to(_draws.dtype_of(dtype, scale))


def laplace(
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Two-sided exponential around loc.

    Raises: ArgumentError for a scale below 0.

    Example:
        >>> nnx.random.laplace(size=5).shape
        (5,)
    """
    middle, width = _draws.ready("laplace", size, loc, scale)
    _draws.need("laplace", width >= 0, "scale must be at least 0", scale)
    u = 2 * nnx.rand(middle.shape, dtype=nnx.float64, device=middle.device, generator=generator) - 1
    u = u.clip(nnx.finfo(nnx.float64).eps - 1)
    return (middle - width * u.sign() * nnx.log1p(-u.abs())).to(_draws.dtype_of(dtype, loc, scale))


def gumbel(
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Largest of many values: loc - scale log(-log u).

    Raises: ArgumentError for a scale below 0.

    Example:
        >>> nnx.random.gumbel(size=5).shape
        (5,)
    """
    middle, width = _draws.ready("gumbel", size, loc, scale)
    _draws.need("gumbel", width >= 0, "scale must be at least 0", scale)
    u = nnx.rand(middle.shape, dtype=nnx.float64, device=middle.device, generator=generator)
    waiting = -nnx.log1p(-u).clip(None, -nnx.finfo(nnx.float64).tiny)
    return (middle - width * nnx.log(waiting)).to(_draws.dtype_of(dtype, loc, scale))


def standard_cauchy(
    size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """The ratio of two normals.

    Example:
        >>> nnx.random.standard_cauchy(5).shape
        (5,)
    """
    u = nnx.rand(_draws.size_of("standard_cauchy", size), dtype=nnx.float64, generator=generator)
    return nnx.tan(math.pi * (u - 0.5)).to(_draws.dtype_of(dtype))


def standard_gamma(
    shape: Any,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Gamma with the density x^(a - 1) exp(-x) / gamma(a) for a = shape.

    Raises: ArgumentError for a shape that is not finite and above 0.
    Source: Marsaglia and Tsang, ACM Trans. Math. Softw. 26 (2000) 363.

    Example:
        >>> bool((nnx.random.standard_gamma(2.0, 5) > 0).all())
        True
    """
    (a,) = _draws.ready("standard_gamma", size, shape)
    valid = (a > 0) & nnx.isfinite(a)
    _draws.need("standard_gamma", valid, "shape must be finite and above 0", shape)
    x, log = _draws.gamma_factors(a, generator)
    return (x * nnx.exp(log)).to(_draws.dtype_of(dtype, shape))


def gamma(
    shape: Any,
    scale: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """standard_gamma times scale: mean shape scale.

    Raises: ArgumentError for a shape that is not above 0, a scale below 0.

    Example:
        >>> nnx.random.gamma(2.0, 3.0, size=(2, 2)).shape
        (2, 2)
    """
    a, width = _draws.ready("gamma", size, shape, scale)
    _draws.need("gamma", width >= 0, "scale must be at least 0", scale)
    return (width * standard_gamma(a, generator=generator)).to(_draws.dtype_of(dtype, shape, scale))


def chisquare(
    df: Any, size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """The sum of df squared normals.

    Raises: ArgumentError for a df that is not above 0.

    Example:
        >>> bool((nnx.random.chisquare(3, 5) > 0).all())
        True
    """
    (n,) = _draws.ready("chisquare", size, df)
    return (2 * standard_gamma(0.5 * n, generator=generator)).to(_draws.dtype_of(dtype, df))


def standard_t(
    df: Any, size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """Student's t with df degrees of freedom.

    Raises: ArgumentError for a df that is not above 0.

    Example:
        >>> nnx.random.standard_t(3, 5).shape
        (5,)
    """
    (n,) = _draws.ready("standard_t", size, df)
    z = nnx.randn(n.shape, dtype=nnx.float64, device=n.device, generator=generator)
    spread = standard_gamma(0.5 * n, generator=generator) / (0.5 * n)
    return (z / nnx.sqrt(spread)).to(_draws.dtype_of(dtype, df))


def beta(
    a: Any,
    b: Any,
    size: Size = None,
    *,
    dtype: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Shares with the density x^(a - 1) (1 - x)^(b - 1) / beta(a, b).

    Raises: ArgumentError for an a or b that is not above 0.

    Example:
        >>> bool((nnx.random.beta(2.0, 3.0, 5) < 1).all())
        True
    """
    p, q = _draws.ready("beta", size, a, b)
    _draws.need("beta", (p > 0) & nnx.isfinite(p), "a must be finite and above 0", a)
    _draws.need("beta", (q > 0) & nnx.isfinite(q), "b must be finite and above 0", b)
    x, y = _draws.log_gammas(p, generator), _draws.log_gammas(q, generator)
    return nnx.sigmoid(x - y).to(_draws.dtype_of(dtype, a, b))


def dirichlet(
    alpha: Any, size: Size = None, *, dtype: Any = None, generator: Generator | None = None
) -> Tensor:
    """Shares with the sum 1 in the last axis.

    Shapes: alpha (..., n) -> (*size, ..., n). Raises: ArgumentError for an alpha not above 0.

    Example:
        >>> nnx.random.dirichlet([1.0, 2.0, 3.0], size=4).shape
        (4, 3)
    """
    a = _draws.known(alpha, _draws.device_of(alpha))
    _draws.need("dirichlet", (a > 0) & nnx.isfinite(a), "alpha must be finite and above 0", alpha)
    logs = _draws.log_gammas(
        nnx.broadcast_to(a, (*_draws.size_of("dirichlet", size), *a.shape)), generator
    )
    return nnx.softmax(logs, -1).to(_draws.dtype_of(dtype, alpha))


def poisson(
    lam: Any = 1.0,
    size: Size = None,
    *,
    dtype: Any = nnx.int64,
    generator: Generator | None = None,
) -> Tensor:
    """Counts of independent events whose mean number is lam.

    Raises: ArgumentError for a lam that is not finite and at least 0, or above 1e15.
    Source: Hoermann, Insurance: Mathematics and Economics 12 (1993) 39 (from lam = 10 on).

    Example:
        >>> nnx.random.poisson(nnx.tensor([1.0, 100.0])).shape
        (2,)
    """
    (mean,) = _draws.ready("poisson", size, lam)
    _draws.need("poisson", (mean >= 0) & (mean <= 1e15), "lam must be in [0, 1e15]", lam)

    def draw(m: Tensor) -> tuple[Tensor, Tensor]:
        b = 0.931 + 2.53 * nnx.sqrt(m)
        a = -0.059 + 0.02483 * b
        u = nnx.rand(m.shape, dtype=nnx.float64, device=m.device, generator=generator) - 0.5
        v = nnx.rand(m.shape, dtype=nnx.float64, device=m.device, generator=generator)
        s = 0.5 - u.abs()
        k = nnx.floor((2 * a / s + b) * u + m + 0.43)
        quick = (s >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        hat = nnx.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / s**2 + b))
        known = k.clip(0)
        slow = (k >= 0) & ~((s < 0.013) & (v > s))
        slow = slow & (hat <= nnx.xlogy(known, m) - m - nnx.lgamma(known + 1))
        return k, quick | slow

    large = mean >= 10
    k = nnx.zeros_like(mean)
    if not bool(large.all()):
        few = nnx.where(large, 0.0, mean)
        k = _draws.counted(nnx.exp(-few), lambda p, i: p * few / i, generator)
    if bool(large.any()):
        k[large] = _draws.accepted([mean[large]], draw)
    return k.to(dtype)


def binomial(
    n: Any,
    p: Any,
    size: Size = None,
    *,
    dtype: Any = nnx.int64,
    generator: Generator | None = None,
) -> Tensor:
    """How many of n trials of probability p succeed.

    Raises: ArgumentError for an n that is not a whole number from 0, a p outside [0, 1].
    Source: Hoermann, J. Stat. Comput. Simul. 46 (1993) 101 (from n p = 10 on).

    Example:
        >>> bool((nnx.random.binomial(10, 0.5, 5) <= 10).all())
        True
    """
    count, chance = _draws.ready("binomial", size, n, p)
    whole = (count >= 0) & (count == nnx.floor(count)) & (count <= 1e15)
    _draws.need("binomial", whole, "n must be a whole number in [0, 1e15]", n)
    _draws.need("binomial", (chance >= 0) & (chance <= 1), "p must be in [0, 1]", p)
    often = chance > 0.5
    rare = nnx.where(often, 1 - chance, chance)

    def draw(m: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        spread = nnx.sqrt(m * q * (1 - q))
        b = 1.15 + 2.53 * spread
        a = -0.0873 + 0.0248 * b + 0.01 * q
        u = nnx.rand(m.shape, dtype=nnx.float64, device=m.device, generator=generator) - 0.5
        v = nnx.rand(m.shape, dtype=nnx.float64, device=m.device, generator=generator)
        s = 0.5 - u.abs()
        k = nnx.floor((2 * a / s + b) * u + m * q + 0.5)
        inside = (k >= 0) & (k <= m)
        quick = (s >= 0.07) & (v <= 0.92 - 4.2 / b)
        mode, known = nnx.floor((m + 1) * q), nnx.where(inside, k, 0.0)
        hat = nnx.log(v * (2.83 + 5.1 / b) * spread / (a / s**2 + b))
        ways = nnx.lgamma(mode + 1) + nnx.lgamma(m - mode + 1)
        ways = ways - nnx.lgamma(known + 1) - nnx.lgamma(m - known + 1)
        return k, inside & (quick | (hat <= ways + (known - mode) * nnx.logit(q)))

    large = count * rare >= 10
    k = nnx.zeros_like(count)
    if not bool(large.all()):
        few, q = nnx.where(large, 0.0, count), nnx.where(large, 0.0, rare)
        odds = q / (1 - q)
        first = nnx.exp(few * nnx.log1p(-q))
        k = _draws.counted(first, lambda at, i: at * odds * (few - i + 1).clip(0) / i, generator)
        k = nnx.minimum(k, few)
    if bool(large.any()):
        k[large] = _draws.accepted([count[large], rare[large]], draw)
    out: Tensor = nnx.where(often, count - k, k).to(dtype)
    return out


def multinomial(
    n: Any,
    pvals: Any,
    size: Size = None,
    *,
    dtype: Any = nnx.int64,
    generator: Generator | None = None,
) -> Tensor:
    """How often each class is drawn in n draws: binomials, class after class, of what is left.

    Shapes: pvals (..., k) -> (*size, ..., k); n broadcasts with the axes before k.
    Raises: ArgumentError for an n that is not a whole number from 0, for pvals that are negative
        or whose sum is not 1; ShapeError.

    Example:
        >>> nnx.random.multinomial(6, [0.5, 0.5], size=3).sum(-1).tolist()
        [6, 6, 6]
    """
    device = _draws.device_of(pvals, n)
    p = _draws.known(pvals, device)
    slack = 1e-5
    if isinstance(pvals, Tensor) and pvals.is_floating_point():
        slack = max(slack, 4 * nnx.finfo(pvals.dtype).eps)
    valid = (p >= 0).all(-1) & ((p.sum(-1) - 1).abs() < slack)
    _draws.need("multinomial", valid, "pvals must be at least 0, with the sum 1", pvals, 1)
    left = _draws.known(n, device)
    whole = (left >= 0) & (left == nnx.floor(left)) & (left <= 1e15)
    _draws.need("multinomial", whole, "n must be a whole number in [0, 1e15]", n)
    before = (*_draws.size_of("multinomial", size), *p.shape[:-1])
    try:
        shape = tuple(nnx.broadcast_shapes(left.shape, before))
    except ShapeError:
        shape = ()
    if shape != before and (size is not None or not shape):
        rule = "n must broadcast with size and the axes of pvals before the last"
        received = f"n {tuple(left.shape)}, pvals {tuple(p.shape)}, size {size}"
        raise fail(ShapeError, "multinomial", rule, received)
    left, p = nnx.broadcast_to(left, shape), nnx.broadcast_to(p, (*shape, p.shape[-1]))
    rest = p.sum(-1)
    counts = []
    for i in range(p.shape[-1] - 1):
        share = (p[..., i] / rest.clip(1e-300)).clip(0, 1)
        k = binomial(left, share, dtype=nnx.float64, generator=generator)
        counts.append(k)
        left, rest = left - k, (rest - p[..., i]).clip(0)
    return nnx.stack([*counts, left], -1).to(dtype)


def geometric(
    p: Any, size: Size = None, *, dtype: Any = nnx.int64, generator: Generator | None = None
) -> Tensor:
    """The number of the first trial of probability p that succeeds, from 1.

    Raises: ArgumentError for a p outside (0, 1].

    Example:
        >>> bool((nnx.random.geometric(0.5, 5) >= 1).all())
        True
    """
    (chance,) = _draws.ready("geometric", size, p)
    _draws.need("geometric", (chance > 0) & (chance <= 1), "p must be in (0, 1]", p)
    u = nnx.rand(chance.shape, dtype=nnx.float64, device=chance.device, generator=generator)
    return (nnx.floor(nnx.log1p(-u) / nnx.log1p(-chance)).clip(0) + 1).to(dtype)


def permutation(x: Any, *, generator: Generator | None = None) -> Tensor:
    """0 to x - 1 in random order, or the rows of a tensor in random order.

    Example:
        >>> sorted(nnx.random.permutation(4).tolist())
        [0, 1, 2, 3]
    """
    n = _draws.whole(x)
    if n is not None:
        return nnx.randperm(n, generator=generator)
    rows = nnx.asarray(x)
    return rows[nnx.randperm(len(rows), generator=generator, device=rows.device)]


def choice(
    a: Any,
    size: Size = None,
    replace: bool = True,
    p: Any = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Rows of a (or numbers below a), drawn with probabilities p, equal ones without it.

    Raises: ArgumentError for more draws without replacement than there are rows, for p that does
        not fit.

    Example:
        >>> sorted(nnx.random.choice(3, 3, replace=False).tolist())
        [0, 1, 2]
    """
    number, device = _draws.whole(a), _draws.device_of(a, p)
    rows = nnx.asarray(a) if number is None else nnx.arange(number, device=device)
    shape = _draws.size_of("choice", size)
    count, n = math.prod(shape), len(rows)
    if n == 0 or (not replace and count > n):
        rule = f"there are {n} to draw from"
        raise fail(ArgumentError, "choice", rule, f"size {shape}, replace {replace}")
    if p is not None:
        weights = _draws.known(p, rows.device)
        if weights.shape != (n,) or abs(weights.sum().item() - 1) > 1e-5:
            rule = f"p holds {n} probabilities with the sum 1"
            raise fail(ArgumentError, "choice", rule, describe(weights, "p"))
        at = nnx.multinomial(weights, count, replacement=replace, generator=generator)
    elif replace:
        at = nnx.randint(0, n, (count,), generator=generator, device=rows.device)
    else:
        at = nnx.randperm(n, generator=generator, device=rows.device)[:count]
    return rows[at.reshape(shape)]
