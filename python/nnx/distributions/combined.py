"""Distributions of distributions: Independent and MixtureSameFamily."""

from __future__ import annotations

from typing import Any, Self

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.distributions.categorical import Categorical
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, sum_last

__all__ = ["Independent", "MixtureSameFamily"]


class Independent(Distribution):
    """A distribution whose last n batch axes are one draw: their log-probabilities are summed.

    Raises: ArgumentError for more axes than the batch has.

    Example:
        >>> from nnx import distributions as D
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
        event = tuple(base.batch_shape[cut:]) + tuple(base.event_shape)
        super().__init__(base.batch_shape[:cut], event, validate_args)

    @property
    def support(self) -> Constraint:
        return self.base_dist.support

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def expand(self, batch_shape: Any) -> Self:
        own = self._event_shape[: self.reinterpreted_batch_ndims]
        base = self.base_dist.expand((*batch_shape, *own))
        return type(self)(base, self.reinterpreted_batch_ndims, self._validate_args)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """A mixture: one of k components, each with its probability. The last batch axis of
    component_distribution holds the components, mixture_distribution is a Categorical over them.

    Raises: ArgumentError for another mixture_distribution; ShapeError where the number of
        components differs.

    Example:
        >>> from nnx import distributions as D
        >>> normals = D.Normal(nnx.tensor([-1.0, 1.0]), 0.5)
        >>> D.MixtureSameFamily(D.Categorical(nnx.ones(2)), normals).mean.item()
        0.0
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        weights, parts = mixture_distribution, component_distribution
        if not isinstance(weights, Categorical):
            rule = "mixture_distribution must be a Categorical"
            raise fail(ArgumentError, "MixtureSameFamily", rule, repr(weights))
        batch = tuple(parts.batch_shape)
        if not batch or weights.probs.shape[-1] != batch[-1]:
            rule = "the last batch axis of the components has one entry for each probability"
            received = f"components {batch}, probs {tuple(weights.probs.shape)}"
            raise fail(ShapeError, "MixtureSameFamily", rule, received)
        self.mixture_distribution, self.component_distribution = weights, parts
        super().__init__(batch[:-1], parts.event_shape, validate_args)

    @property
    def support(self) -> Constraint:
        return self.component_distribution.support

    def _weighted(self, of_parts: Tensor) -> Tensor:
        n = len(self._event_shape)
        weights = self.mixture_distribution.probs.reshape(
            (*self.mixture_distribution.probs.shape, *[1] * n)
        )
        return (weights * of_parts).sum(-1 - n)

    @property
    def mean(self) -> Tensor:
        return self._weighted(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        n, parts = len(self._event_shape), self.component_distribution
        apart = parts.mean - self.mean.unsqueeze(-1 - n)
        return self._weighted(parts.variance + apart**2)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        n = len(self._event_shape)
        with nnx.no_grad():
            draws = self.component_distribution.sample(sample_shape)
            shape = (*sample_shape, *self._batch_shape)
            weights = self.mixture_distribution.expand(self._batch_shape)
            which = weights.sample(sample_shape).reshape((*shape, 1, *[1] * n))
            index = nnx.broadcast_to(which, (*shape, 1, *self._event_shape))
            return draws.gather(-1 - n, index).squeeze(-1 - n)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.mixture_distribution.logits)
        v = v.unsqueeze(-1 - len(self._event_shape))
        logs = self.component_distribution.log_prob(v)
        return nnx.logsumexp(logs + self.mixture_distribution.logits, -1)

    def cdf(self, value: Any) -> Tensor:
        v = self._value(value, self.mixture_distribution.logits).unsqueeze(-1)
        below = self.component_distribution.cdf(v) * self.mixture_distribution.probs
        return below.sum(-1)

    def expand(self, batch_shape: Any) -> Self:
        k = self.component_distribution.batch_shape[-1]
        parts = self.component_distribution.expand((*batch_shape, k))
        weights = self.mixture_distribution.expand(batch_shape)
        return type(self)(weights, parts, self._validate_args)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self.mixture_distribution!r}, {self.component_distribution!r})"
