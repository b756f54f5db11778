"""Exponential and its two-sided form, Laplace."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, beside, together

__all__ = ["Exponential", "Laplace"]


class Exponential(Distribution):
    """The exponential distribution, rate exp(-rate x) for x >= 0.

    Raises: ArgumentError for a rate that is not above 0.

    Example:
        >>> nnx.distributions.Exponential(2.0).mean.item()
        0.5
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = together(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return nnx.zeros_like(self.rate)

    @property
    def variance(self) -> Tensor:
        return 1 / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.rate.dtype, device=self.rate.device)
        return -nnx.log1p(-u) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.rate)
        out: Tensor = nnx.where(v >= 0, nnx.log(self.rate) - self.rate * v, -math.inf)
        return out

    def cdf(self, value: Any) -> Tensor:
        return -nnx.expm1(-self.rate * self._value(value, self.rate))

    def icdf(self, value: Any) -> Tensor:
        return -nnx.log1p(-beside(value, self.rate)) / self.rate

    def entropy(self) -> Tensor:
        return 1 - nnx.log(self.rate)


class Laplace(Distribution):
    """The Laplace distribution, exp(-|x - loc| / scale) / (2 scale).

    Raises: ArgumentError for a scale that is not above 0.

    Example:
        >>> nnx.distributions.Laplace(0.0, 1.0).log_prob(0.0).exp().item()
        0.5
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
        return 2 * self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = (
            2 * nnx.rand(self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
            - 1
        )  # in [-1, 1)
        finite = u.clip(nnx.finfo(u.dtype).eps - 1)
        return self.loc - self.scale * finite.sign() * nnx.log1p(-finite.abs())

    def log_prob(self, value: Any) -> Tensor:
        distance = (self._value(value, self.loc) - self.loc).abs()
        return -distance / self.scale - nnx.log(2 * self.scale)

    def cdf(self, value: Any) -> Tensor:
        z = (self._value(value, self.loc) - self.loc) / self.scale
        return 0.5 - 0.5 * z.sign() * nnx.expm1(-z.abs())

    def icdf(self, value: Any) -> Tensor:
        centred = beside(value, self.loc) - 0.5
        return self.loc - self.scale * centred.sign() * nnx.log1p(-2 * centred.abs())

    def entropy(self) -> Tensor:
        return 1 + nnx.log(2 * self.scale)
