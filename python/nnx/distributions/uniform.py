"""The uniform distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, beside, require, together

__all__ = ["Uniform"]


class Uniform(Distribution):
    """The uniform distribution on [low, high).

    Raises: ArgumentError unless low < high.

    Example:
        >>> nnx.distributions.Uniform(0.0, 4.0).log_prob(1.0).exp().item()
        0.25
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "low": constraints.dependent,
        "high": constraints.dependent,
    }

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = together(low, high)
        super().__init__(self.low.shape, (), validate_args)
        if self._validate_args:
            below = constraints.Constraint("below high", lambda low: low < self.high)
            require("Uniform", "low", self.low, below)

    @property
    def support(self) -> Constraint:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Tensor:
        return nnx.full_like(self.low, math.nan)  # all are as probable

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = nnx.rand(self._shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.low)
        inside = (v >= self.low) & (v < self.high)
        out: Tensor = nnx.where(inside, -nnx.log(self.high - self.low), -math.inf)
        return out

    def cdf(self, value: Any) -> Tensor:
        v = self._value(value, self.low)
        return ((v - self.low) / (self.high - self.low)).clip(0, 1)

    def icdf(self, value: Any) -> Tensor:
        return self.low + (self.high - self.low) * beside(value, self.low)

    def entropy(self) -> Tensor:
        return nnx.log(self.high - self.low)
