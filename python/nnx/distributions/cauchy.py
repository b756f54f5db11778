"""Distributions with heavy tails: Cauchy, StudentT, Gumbel."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import EULER, Distribution, beside, together
from nnx.distributions.gamma import standard_gamma

__all__ = ["Cauchy", "Gumbel", "StudentT"]


class Cauchy(Distribution):
    """The Cauchy or Breit-Wigner distribution, 1 / (pi scale (1 + ((x - loc) / scale)^2)).

    Raises: ArgumentError for a scale (half the width at half height) that is not above 0.

    Example:
        >>> round(nnx.distributions.Cauchy(0.0, 1.0).cdf(1.0).item(), 6)
        0.75
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return nnx.full_like(self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return nnx.full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.scale * nnx.tan(math.pi * (u - 0.5))

    def log_prob(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return -math.log(math.pi) - nnx.log(self.scale) - nnx.log1p(z**2)

    def cdf(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return nnx.atan(z) / math.pi + 0.5

    def icdf(self, value: Any) -> Tensor:
        p = beside(value, self.loc)
        return self.loc + self.scale * nnx.tan(math.pi * (p - 0.5))

    def entropy(self) -> Tensor:
        return nnx.log(4 * math.pi * self.scale)


class StudentT(Distribution):
    """Student's t distribution with df degrees of freedom, moved by loc and stretched by scale.

    Raises: ArgumentError for a df or scale that is not above 0.

    Example:
        >>> nnx.distributions.StudentT(4.0).variance.item()
        2.0
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        self.df, self.loc, self.scale = together(df, loc, scale)
        super().__init__(self.df.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        out: Tensor = nnx.where(self.df > 1, self.loc, math.nan)
        return out

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        known = self.df.clip(2)
        finite = self.scale**2 * known / (known - 2)
        out: Tensor = nnx.where(self.df > 1, nnx.where(self.df > 2, finite, math.inf), math.nan)
        return out

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape(sample_shape)
        half = 0.5 * nnx.broadcast_to(self.df, shape)
        z = nnx.randn(shape, dtype=self.df.dtype, device=self.df.device)
        return self.loc + self.scale * z * nnx.sqrt(half / standard_gamma(half))

    def log_prob(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return (
            -0.5 * (self.df + 1) * nnx.log1p(z**2 / self.df)
            - nnx.log(self.scale)
            - 0.5 * nnx.log(self.df)
            - nnx.betaln(0.5 * self.df, 0.5)
        )

    def cdf(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        tail = 0.5 * nnx.betainc(0.5 * self.df, 0.5, self.df / (self.df + z**2))
        out: Tensor = nnx.where(z > 0, 1 - tail, tail)
        return out

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        spread = more * (nnx.digamma(more) - nnx.digamma(half))
        return nnx.log(self.scale) + spread + 0.5 * nnx.log(self.df) + nnx.betaln(half, 0.5)


class Gumbel(Distribution):
    """The Gumbel distribution of largest values, exp(-(z + exp(-z))) / scale for
    z = (x - loc) / scale.

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> round(nnx.distributions.Gumbel(0.0, 1.0).mean.item(), 4)
        0.5772
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (math.pi**2 / 6) * self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        waiting = -nnx.log1p(-u).clip(None, -nnx.finfo(u.dtype).tiny)
        return self.loc - self.scale * nnx.log(waiting)

    def log_prob(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return -(z + nnx.exp(-z)) - nnx.log(self.scale)

    def cdf(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return nnx.exp(-nnx.exp(-z))

    def icdf(self, value: Any) -> Tensor:
        p = beside(value, self.loc)
        return self.loc - self.scale * nnx.log(-nnx.log(p))

    def entropy(self) -> Tensor:
        return nnx.log(self.scale) + (1 + EULER)
