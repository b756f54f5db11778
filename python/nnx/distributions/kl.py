"""The Kullback-Leibler divergence: a table of formulas by the kinds of the two distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import nnx
from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor
from nnx.distributions.bernoulli import Bernoulli, Geometric
from nnx.distributions.beta import Beta, Dirichlet
from nnx.distributions.categorical import Categorical
from nnx.distributions.cauchy import Cauchy, Gumbel
from nnx.distributions.combined import Independent
from nnx.distributions.counts import Binomial, Poisson
from nnx.distributions.distribution import EULER, HALF_LOG_TWO_PI, Distribution, sum_last
from nnx.distributions.exponential import Exponential, Laplace
from nnx.distributions.gamma import Gamma
from nnx.distributions.multivariate_normal import MultivariateNormal
from nnx.distributions.normal import HalfNormal, Normal
from nnx.distributions.transformed import LogNormal
from nnx.distributions.uniform import Uniform

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Tensor]
F = TypeVar("F", bound=Formula)
_FORMULAS: dict[tuple[type, type], Formula] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[F], F]:
    """A decorator: the function is the divergence of the two kinds, and of their subclasses.

    Example:
        >>> from nnx import distributions as D
        >>> class Point(D.Distribution):
        ...     pass
        >>> @D.register_kl(Point, Point)
        ... def _(p, q):
        ...     return nnx.zeros(())
        >>> D.kl_divergence(Point(), Point()).item()
        0.0
    """

    def decorated(f: F) -> F:
        _FORMULAS[type_p, type_q] = f
        return f

    return decorated


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E_p[log p - log q], for two distributions for which there is a formula.

    Raises: ArgumentError for kinds without a formula here.

    Example:
        >>> from nnx.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0)).item()
        0.5
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _FORMULAS:
                return _FORMULAS[kind_p, kind_q](p, q)
    kinds = f"{type(p).__name__} and {type(q).__name__}"
    rule = "there is no formula for these two distributions"
    raise fail(ArgumentError, "kl_divergence", rule, kinds, "average p.log_prob - q.log_prob")


def _of_probabilities(p: Any, q: Any) -> Tensor:
    """Of yes and no, for logits of both."""
    yes = p.probs * (nnx.log_sigmoid(p.logits) - nnx.log_sigmoid(q.logits))
    no = (1 - p.probs) * (nnx.log_sigmoid(-p.logits) - nnx.log_sigmoid(-q.logits))
    out: Tensor = nnx.where(p.probs == 0, 0.0, yes) + nnx.where(p.probs == 1, 0.0, no)
    return out


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - nnx.log(ratio))


@register_kl(LogNormal, LogNormal)
def _transformed(p: LogNormal, q: LogNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio - 1 - nnx.log(ratio))


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    n = p.event_shape[0]
    shape = nnx.broadcast_shapes(p.batch_shape, q.batch_shape)
    root = nnx.broadcast_to(q.scale_tril, (*shape, n, n))

    def solved(right: Tensor) -> Tensor:
        return nnx.linalg.solve_triangular(root, right, upper=False)

    shapes = (solved(nnx.broadcast_to(p.scale_tril, root.shape)) ** 2).sum((-2, -1))
    apart = nnx.broadcast_to((q.loc - p.loc).unsqueeze(-1), (*shape, n, 1))
    places = (solved(apart) ** 2).sum((-2, -1))
    out: Tensor = q._half_log_det() - p._half_log_det() + 0.5 * (shapes + places - n)
    return out


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    parts = nnx.where(p.probs > 0, p.probs * (p.logits - q.logits), 0.0)
    out: Tensor = parts.sum(-1)
    return out


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return _of_probabilities(p, q)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return _of_probabilities(p, q) / p.probs


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count != q.total_count).any()):
        rule = "two binomials must have the same total_count"
        raise fail(ArgumentError, "kl_divergence", rule, f"{p!r} and {q!r}")
    return p.total_count * _of_probabilities(p, q)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return nnx.xlogy(p.rate, p.rate) - nnx.xlogy(p.rate, q.rate) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - nnx.log(ratio)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    distance = (p.loc - q.loc).abs()
    ratio, apart = p.scale / q.scale, distance / q.scale
    return ratio * nnx.exp(-distance / p.scale) + apart - 1 - nnx.log(ratio)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    apart = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return nnx.log(apart / (4 * p.scale * q.scale))


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc) / q.scale
    grown = nnx.exp(-apart + nnx.lgamma(1 + ratio))
    return -nnx.log(ratio) + EULER * (ratio - 1) + apart + grown - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    shapes = nnx.lgamma(b) - nnx.lgamma(a) + (a - b) * nnx.digamma(a)
    return shapes + b * nnx.log(p.rate / q.rate) + a * (q.rate / p.rate - 1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    known = nnx.betaln(c, d) - nnx.betaln(a, b)
    shares = (a - c) * nnx.digamma(a) + (b - d) * nnx.digamma(b)
    return known + shares + (c - a + d - b) * nnx.digamma(a + b)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    known = nnx.lgamma(total) - nnx.lgamma(b.sum(-1)) + (nnx.lgamma(b) - nnx.lgamma(a)).sum(-1)
    shares = (a - b) * (nnx.digamma(a) - nnx.digamma(total).unsqueeze(-1))
    return known + shares.sum(-1)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    inside = (p.low >= q.low) & (p.high <= q.high)
    apart: Tensor = nnx.where(inside, nnx.log((q.high - q.low) / (p.high - p.low)), math.inf)
    return apart


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    squares = (p.high - p.low) ** 2 / 12 + (p.mean - q.loc) ** 2
    width = nnx.log(q.scale / (p.high - p.low))
    return width + HALF_LOG_TWO_PI + 0.5 * squares / q.scale**2


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    n = p.reinterpreted_batch_ndims
    if n != q.reinterpreted_batch_ndims:
        rule = "two Independent distributions must have the same reinterpreted_batch_ndims"
        received = f"{n} and {q.reinterpreted_batch_ndims}"
        raise fail(ArgumentError, "kl_divergence", rule, received)
    return sum_last(kl_divergence(p.base_dist, q.base_dist), n)
