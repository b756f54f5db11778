"""Normal and what follows from it: HalfNormal."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import HALF_LOG_TWO_PI, Distribution, beside, together

__all__ = ["HalfNormal", "Normal"]


class Normal(Distribution):
    """The normal distribution, exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)).

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> nnx.distributions.Normal(1.0, 2.0).mean.item()
        1.0
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
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    @property
    def stddev(self) -> Tensor:
        return self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * nnx.randn(
            self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device
        )

    def log_prob(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return -0.5 * z**2 - nnx.log(self.scale) - HALF_LOG_TWO_PI

    def cdf(self, value: Any) -> Tensor:
        return nnx.ndtr((self._value(value, self.loc) - self.loc) / self.scale)

    def icdf(self, value: Any) -> Tensor:
        return self.loc + self.scale * nnx.ndtri(beside(value, self.loc))

    def entropy(self) -> Tensor:
        return nnx.log(self.scale) + (0.5 + HALF_LOG_TWO_PI)


class HalfNormal(Distribution):
    """|x| of a normal x with mean 0: sqrt(2 / pi) / scale exp(-x^2 / (2 scale^2)) for x >= 0.

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> round(nnx.distributions.HalfNormal(1.0).mean.item(), 4)
        0.7979
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (self.scale,) = together(scale)
        super().__init__(self.scale.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return nnx.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return (
            self.scale
            * nnx.randn(
                self._shape(sample_shape), dtype=self.scale.dtype, device=self.scale.device
            ).abs()
        )

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.scale)
        inside = math.log(2) - HALF_LOG_TWO_PI - nnx.log(self.scale) - 0.5 * (v / self.scale) ** 2
        out: Tensor = nnx.where(v >= 0, inside, -math.inf)
        return out

    def cdf(self, value: Any) -> Tensor:
        return nnx.erf(self._value(value, self.scale) / (self.scale * math.sqrt(2)))

    def icdf(self, value: Any) -> Tensor:
        p = beside(value, self.scale)
        return self.scale * math.sqrt(2) * nnx.erfinv(p)

    def entropy(self) -> Tensor:
        return nnx.log(self.scale) + (0.5 + HALF_LOG_TWO_PI - math.log(2))
