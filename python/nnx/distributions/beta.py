"""Distributions of shares: Beta and Dirichlet."""

from __future__ import annotations

from typing import Any, ClassVar

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, tensor, together
from nnx.distributions.gamma import standard_gamma

__all__ = ["Beta", "Dirichlet"]


class Beta(Distribution):
    """The beta distribution, x^(a - 1) (1 - x)^(b - 1) / beta(a, b), a = concentration1,
    b = concentration0.

    Raises: ArgumentError for a concentration that is not above 0.

    Example:
        >>> nnx.distributions.Beta(1.0, 3.0).mean.item()
        0.25
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = together(concentration1, concentration0)
        super().__init__(self.concentration1.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return (self.concentration1 - 1) / (total - 2)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape(sample_shape)
        a = standard_gamma(nnx.broadcast_to(self.concentration1, shape))
        b = standard_gamma(nnx.broadcast_to(self.concentration0, shape))
        return a / (a + b)

    def log_prob(self, value: Any) -> Tensor:
        a, b = self.concentration1, self.concentration0
        v = self._value(value, a)
        return nnx.xlogy(a - 1, v) + nnx.xlog1py(b - 1, -v) - nnx.betaln(a, b)

    def cdf(self, value: Any) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return nnx.betainc(a, b, self._value(value, a))

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        total = a + b
        known = nnx.betaln(a, b) + (total - 2) * nnx.digamma(total)
        return known - (a - 1) * nnx.digamma(a) - (b - 1) * nnx.digamma(b)


class Dirichlet(Distribution):
    """The Dirichlet distribution of n shares with the sum 1, prod_i x_i^(a_i - 1) / B(a).

    Shapes: concentration (..., n).
    Raises: ArgumentError for a concentration that is not above 0; ShapeError without an axis.

    Example:
        >>> nnx.distributions.Dirichlet(nnx.tensor([1.0, 3.0])).mean.tolist()
        [0.25, 0.75]
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {"concentration": constraints.positive}
    support = constraints.simplex

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        self.concentration = tensor(concentration)
        if self.concentration.ndim < 1:
            rule = "the last axis holds one number for each share"
            raise fail(ShapeError, "Dirichlet", rule, describe(self.concentration))
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clip(0)
        return less / less.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        draws = standard_gamma(nnx.broadcast_to(self.concentration, self._shape(sample_shape)))
        return draws / draws.sum(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        a = self.concentration
        logs = nnx.xlogy(a - 1, self._value(value, a)).sum(-1)
        return logs + nnx.lgamma(a.sum(-1)) - nnx.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        known = nnx.lgamma(a).sum(-1) - nnx.lgamma(total)
        rest = (total - a.shape[-1]) * nnx.digamma(total)
        out: Tensor = known + rest - ((a - 1) * nnx.digamma(a)).sum(-1)
        return out
