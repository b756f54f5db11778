"""torch.distributions: probability distributions to draw from, with log-probabilities.

`sample` draws without a gradient; `rsample`, where there is one, follows the parameters, so that a
variational auto-encoder learns through it.

Example:
    >>> import nnx.torch as torch
    >>> d = torch.distributions.Normal(0.0, 1.0)
    >>> round(d.log_prob(torch.tensor(0.0)).item(), 4)
    -0.9189
"""

from __future__ import annotations

import math
from typing import Any

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Normal",
    "Uniform",
    "kl_divergence",
]

Shape = tuple[int, ...]


def _tensor(value: Any) -> Tensor:
    t = nnx.asarray(value)
    return t if t.is_floating_point() else t.to(nnx.get_default_dtype())


def _together(*values: Any) -> list[Tensor]:
    """Parameters in their common shape; plain numbers have the dtype of the tensors."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype = _tensor(tensors[0]).dtype if tensors else nnx.get_default_dtype()
    known = [_tensor(v) if isinstance(v, Tensor) else nnx.asarray(v, dtype=dtype) for v in values]
    return list(nnx.broadcast_tensors(*known))


def _one(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        rule = "takes either probs or logits"
        received = "both" if probs is not None else "neither"
        raise fail(ArgumentError, name, rule, received)


def _check(name: str, holds: Tensor, rule: str, received: Any) -> None:
    if not bool(holds.all()):
        raise fail(ArgumentError, name, rule, describe(received))


class Distribution:
    """What every distribution has: draws, log-probabilities, mean and variance.

    batch_shape: the shape of the parameters, each a distribution of its own; event_shape: the shape
    of one draw of one of them.

    Example:
        >>> nnx.torch.distributions.Normal(nnx.zeros(3), 1.0).batch_shape
        (3,)
    """

    has_rsample = False

    def __init__(self, batch_shape: Any = (), event_shape: Any = ()) -> None:
        self.batch_shape: Shape = tuple(batch_shape)
        self.event_shape: Shape = tuple(event_shape)

    @property
    def mean(self) -> Tensor:
        """The mean, in the batch's shape.

        Example:
            >>> nnx.torch.distributions.Uniform(0.0, 3.0).mean.item()
            1.5
        """
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        """The variance, in the batch's shape.

        Example:
            >>> nnx.torch.distributions.Uniform(0.0, 6.0).variance.item()
            3.0
        """
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance.

        Example:
            >>> nnx.torch.distributions.Normal(0.0, 2.0).stddev.item()
            2.0
        """
        return nnx.sqrt(self.variance)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that follow the parameters' gradients.

        Shapes: -> (*sample_shape, *batch_shape, *event_shape).
        Raises: GradientError where the distribution has none.

        Example:
            >>> mean = nnx.zeros(2, requires_grad=True)
            >>> nnx.torch.distributions.Normal(mean, 1.0).rsample((5,)).sum().backward()
            >>> mean.grad.tolist()
            [5.0, 5.0]
        """
        rule = "draws of this distribution do not follow its parameters"
        hint = "use sample(), and log_prob(...) of it in the loss"
        raise fail(nnx.GradientError, type(self).__name__, rule, "", hint)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, without a gradient.

        Shapes: -> (*sample_shape, *batch_shape, *event_shape).

        Example:
            >>> nnx.torch.distributions.Normal(nnx.zeros(3), 1.0).sample((2,)).shape
            (2, 3)
        """
        with nnx.no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability (density) of a value.

        Shapes: (..., *event_shape) -> the rest, broadcast with batch_shape.

        Example:
            >>> nnx.torch.distributions.Uniform(0.0, 2.0).log_prob(1.0).exp().item()
            0.5
        """
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy, -E[log p].

        Example:
            >>> nnx.torch.distributions.Uniform(0.0, 1.0).entropy().item()
            0.0
        """
        raise NotImplementedError

    def _shape(self, sample_shape: Any) -> Shape:
        return tuple(sample_shape) + self.batch_shape + self.event_shape


class Normal(Distribution):
    """The normal distribution, exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)).

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> nnx.torch.distributions.Normal(1.0, 2.0).mean.item()
        1.0
    """

    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = _together(loc, scale)
        _check("Normal", self.scale > 0, "scale must be above 0", self.scale)
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * nnx.randn(self._shape(sample_shape), dtype=self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        z = (value - self.loc) / self.scale
        out: Tensor = -0.5 * z**2 - nnx.log(self.scale) - 0.5 * math.log(2 * math.pi)
        return out

    def entropy(self) -> Tensor:
        return nnx.log(self.scale) + 0.5 * (1 + math.log(2 * math.pi))

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw below value.

        Example:
            >>> nnx.torch.distributions.Normal(0.0, 1.0).cdf(0.0).item()
            0.5
        """
        return nnx.ndtr((value - self.loc) / self.scale)


class Uniform(Distribution):
    """The uniform distribution on [low, high).

    Raises: ArgumentError unless low < high.

    Example:
        >>> nnx.torch.distributions.Uniform(0.0, 4.0).log_prob(5.0).item()
        -inf
    """

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = _together(low, high)
        _check("Uniform", self.low < self.high, "low must be below high", self.low)
        super().__init__(self.low.shape)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.low.dtype)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Any) -> Tensor:
        v = nnx.asarray(value)
        inside = (v >= self.low) & (v < self.high)
        out: Tensor = nnx.where(inside, -nnx.log(self.high - self.low), -math.inf)
        return out

    def entropy(self) -> Tensor:
        return nnx.log(self.high - self.low)


class Exponential(Distribution):
    """The exponential distribution, rate exp(-rate x) for x >= 0.

    Raises: ArgumentError for a rate that is not above 0.

    Example:
        >>> nnx.torch.distributions.Exponential(2.0).mean.item()
        0.5
    """

    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = _together(rate)
        _check("Exponential", self.rate > 0, "rate must be above 0", self.rate)
        super().__init__(self.rate.shape)

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return 1 / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.rate.dtype)
        return -nnx.log1p(-u) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        v = nnx.asarray(value)
        out: Tensor = nnx.where(v >= 0, nnx.log(self.rate) - self.rate * v, -math.inf)
        return out

    def entropy(self) -> Tensor:
        return 1 - nnx.log(self.rate)


class Bernoulli(Distribution):
    """1 with probability probs = sigmoid(logits), else 0.

    Raises: ArgumentError unless exactly one of probs and logits is given, or outside [0, 1].

    Example:
        >>> nnx.torch.distributions.Bernoulli(probs=0.25).log_prob(1.0).exp().item()
        0.25
    """

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        _one("Bernoulli", probs, logits)
        if probs is not None:
            (self.probs,) = _together(probs)
            valid = (self.probs >= 0) & (self.probs <= 1)
            _check("Bernoulli", valid, "probs must be in [0, 1]", self.probs)
            self.logits = nnx.logit(self.probs)
        else:
            (self.logits,) = _together(logits)
            self.probs = nnx.sigmoid(self.logits)
        super().__init__(self.probs.shape)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach()
        return (nnx.rand(self._shape(sample_shape), dtype=p.dtype) < p).to(p.dtype)

    def log_prob(self, value: Any) -> Tensor:
        v, logits = nnx.broadcast_tensors(nnx.asarray(value).to(self.logits.dtype), self.logits)
        # Of a logit beyond all bounds the one outcome is certain, and 0 * inf is not wanted.
        yes, no = -nnx.softplus(-logits), -nnx.softplus(logits)
        out: Tensor = nnx.where(v == 1, yes, nnx.where(v == 0, no, v * yes + (1 - v) * no))
        return out

    def entropy(self) -> Tensor:
        p = self.probs
        return -(nnx.xlogy(p, p) + nnx.xlogy(1 - p, 1 - p))


class Categorical(Distribution):
    """One of n classes, with probabilities in the last axis: probs, divided by their sum, or the
    softmax of logits.

    Raises: ArgumentError unless exactly one is given, or for negative probs; ShapeError without an
        axis.

    Example:
        >>> d = nnx.torch.distributions.Categorical(probs=[1.0, 3.0])
        >>> d.log_prob(nnx.tensor(1)).exp().item()
        0.75
    """

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        _one("Categorical", probs, logits)
        given = _tensor(probs if probs is not None else logits)
        if given.ndim < 1:
            rule = "the last axis holds one number for each class"
            raise fail(ShapeError, "Categorical", rule, describe(given))
        if probs is not None:
            _check("Categorical", given >= 0, "probs must not be negative", given)
            self.probs = given / given.sum(-1, keepdim=True)
            self.logits = nnx.log(self.probs)
        else:
            self.logits = given - nnx.logsumexp(given, -1, keepdims=True)
            self.probs = nnx.softmax(given, -1)
        super().__init__(given.shape[:-1])

    def sample(self, sample_shape: Any = ()) -> Tensor:
        count = math.prod(sample_shape)
        rows = self.probs.detach().reshape((-1, self.probs.shape[-1]))
        drawn = nnx.multinomial(rows, count, replacement=True).T
        return drawn.reshape(self._shape(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        v = nnx.asarray(value)
        if v.is_floating_point():
            if not bool((v == nnx.floor(v)).all()):
                rule = "a value is the number of a class"
                raise fail(DTypeError, "Categorical", rule, describe(v, "value"))
            v = v.long()
        shape = nnx.broadcast_shapes(v.shape, self.batch_shape)
        logits = nnx.broadcast_to(self.logits, (*shape, self.logits.shape[-1]))
        index = nnx.broadcast_to(v.long(), shape).unsqueeze(-1)
        return logits.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        return -nnx.xlogy(self.probs, self.probs).sum(-1)


class Independent(Distribution):
    """A distribution whose last n batch axes are one draw: their log-probabilities are summed.

    Raises: ArgumentError for more axes than the batch has.

    Example:
        >>> import nnx.torch.distributions as D
        >>> D.Independent(D.Normal(nnx.zeros(5, 3), 1.0), 1).log_prob(nnx.zeros(5, 3)).shape
        (5,)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        base, n = base_distribution, reinterpreted_batch_ndims
        if not 0 <= n <= len(base.batch_shape):
            rule = f"the batch has {len(base.batch_shape)} axes"
            received = describe(n, "reinterpreted_batch_ndims")
            raise fail(ArgumentError, "Independent", rule, received)
        self.base_dist, self.reinterpreted_batch_ndims = base, n
        self.has_rsample = base.has_rsample
        cut = len(base.batch_shape) - n
        super().__init__(base.batch_shape[:cut], base.batch_shape[cut:] + base.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return _sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return _sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)


def _sum_last(x: Tensor, n: int) -> Tensor:
    return x.sum(tuple(range(-n, 0))) if n else x


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E_p[log p - log q], for two distributions of one kind.

    Raises: ArgumentError for kinds without a formula here.

    Example:
        >>> from nnx.torch.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0)).item()
        0.5
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - nnx.log(ratio))
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        parts = nnx.where(p.probs > 0, p.probs * (p.logits - q.logits), 0.0)
        out: Tensor = parts.sum(-1)
        return out
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        yes = nnx.xlogy(p.probs, p.probs) - nnx.xlogy(p.probs, q.probs)
        no = nnx.xlogy(1 - p.probs, 1 - p.probs) - nnx.xlogy(1 - p.probs, 1 - q.probs)
        return yes + no
    if isinstance(p, Exponential) and isinstance(q, Exponential):
        ratio = q.rate / p.rate
        return ratio - 1 - nnx.log(ratio)
    if isinstance(p, Uniform) and isinstance(q, Uniform):
        inside = (p.low >= q.low) & (p.high <= q.high)
        apart: Tensor = nnx.where(inside, nnx.log((q.high - q.low) / (p.high - p.low)), math.inf)
        return apart
    if isinstance(p, Independent) and isinstance(q, Independent):
        n = p.reinterpreted_batch_ndims
        if n == q.reinterpreted_batch_ndims:
            return _sum_last(kl_divergence(p.base_dist, q.base_dist), n)
    kinds = f"{type(p).__name__} and {type(q).__name__}"
    rule = "there is no formula for these two distributions"
    raise fail(ArgumentError, "kl_divergence", rule, kinds, "average p.log_prob - q.log_prob")
