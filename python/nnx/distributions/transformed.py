"""Distributions of transformed values; LogNormal is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, beside, sum_last
from nnx.distributions.normal import Normal
from nnx.distributions.transforms import ComposeTransform, ExpTransform, Transform

__all__ = ["LogNormal", "TransformedDistribution"]


class TransformedDistribution(Distribution):
    """f(x) of an x from base_distribution, for an invertible f or several, the first one first:
    log p(y) = log p(x) - log |dy/dx|.

    Example:
        >>> from nnx import distributions as D
        >>> d = D.TransformedDistribution(D.Normal(0.0, 1.0), [D.transforms.ExpTransform()])
        >>> round(d.log_prob(1.0).item(), 4)
        -0.9189
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.base_dist = base_distribution
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        self._map = ComposeTransform(self.transforms)
        self.has_rsample = base_distribution.has_rsample
        batch, event = base_distribution.batch_shape, base_distribution.event_shape
        super().__init__(batch, event, validate_args)

    @property
    def support(self) -> Constraint:
        return self._map.codomain if self.transforms else self.base_dist.support

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with nnx.no_grad():
            return self._map(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._map(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        y = self._value(value, self._parameter())
        x = self._map.inv(y)
        stretch = sum_last(self._map.log_abs_det_jacobian(x, y), len(self._event_shape))
        return self.base_dist.log_prob(x) - stretch

    def _parameter(self) -> Tensor:
        """One that says of which dtype and on which device values are."""
        base: Any = self.base_dist
        while "base_dist" in base.__dict__:
            base = base.base_dist
        found = [v for v in base.__dict__.values() if isinstance(v, Tensor)]
        return found[0] if found else nnx.zeros(())

    def _turned(self, p: Tensor) -> Tensor:
        """The probability on the other side where the map falls."""
        out: Tensor = nnx.where(nnx.asarray(self._map.sign, device=p.device) < 0, 1 - p, p)
        return out

    def cdf(self, value: Any) -> Tensor:
        y = self._value(value, self._parameter())
        return self._turned(self.base_dist.cdf(self._map.inv(y)))

    def icdf(self, value: Any) -> Tensor:
        p = beside(value, self._parameter())
        return self._map(self.base_dist.icdf(self._turned(p)))

    def expand(self, batch_shape: Any) -> Self:
        new = super().expand(batch_shape)
        new.base_dist = self.base_dist.expand(batch_shape)
        return new

    def __repr__(self) -> str:
        parts = ", ".join(type(t).__name__ for t in self.transforms)
        return f"{type(self).__name__}({self.base_dist!r}, [{parts}])"


class LogNormal(TransformedDistribution):
    """exp(x) of a normal x with mean loc and standard deviation scale.

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> round(nnx.distributions.LogNormal(0.0, 1.0).mean.item(), 4)
        1.6487
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        super().__init__(base, ExpTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm.

        Example:
            >>> nnx.distributions.LogNormal(0.5, 1.0).loc.item()
            0.5
        """
        found: Tensor = self.base_dist.__dict__["loc"]
        return found

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm.

        Example:
            >>> nnx.distributions.LogNormal(0.5, 1.0).scale.item()
            1.0
        """
        found: Tensor = self.base_dist.__dict__["scale"]
        return found

    @property
    def mean(self) -> Tensor:
        return nnx.exp(self.loc + 0.5 * self.scale**2)

    @property
    def mode(self) -> Tensor:
        return nnx.exp(self.loc - self.scale**2)

    @property
    def variance(self) -> Tensor:
        return nnx.expm1(self.scale**2) * nnx.exp(2 * self.loc + self.scale**2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
