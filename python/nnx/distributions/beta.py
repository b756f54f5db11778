"""Distributions of shares: Beta and Dirichlet."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, tensor, together
from nnx.distributions.gamma import log_gamma

__all__ = ["Beta", "Dirichlet"]


def _mode(a: Tensor) -> Tensor:
    """Where prod_i x_i^(a_i - 1) is largest, for shares along the last axis."""
    less = (a - 1).clip(0)
    total = less.sum(-1, keepdim=True)
    corner = nnx.one_hot(nnx.argmax(a, -1), a.shape[-1]).to(a.dtype)
    at_border: Tensor = nnx.where((a == 1).all(-1, True), math.nan, corner)
    out: Tensor = nnx.where(total > 0, less / nnx.where(total > 0, total, 1.0), at_border)
    return out


def _open(draws: Tensor) -> Tensor:
    """Without the ends 0 and 1, which rounding reaches and where densities are not finite."""
    info = nnx.finfo(draws.dtype)
    return draws.clip(info.tiny, 1 - info.eps / 2)


class Beta(Distribution):
    """The beta distribution, x^(a - 1) (1 - x)^(b - 1) / beta(a, b), a = concentration1,
    b = concentration0.

    Draws that would round to 0 or 1 are the nearest normal number inside. The mode is at an end, 0
    or 1, for an a or b of at most 1: where both ends are as high (a = b < 1) it is 1, and NaN
    where all numbers are equally probable (a = b = 1), as in PyTorch.

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
        return _mode(nnx.stack([self.concentration1, self.concentration0], -1))[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape(sample_shape)
        a = log_gamma(nnx.broadcast_to(self.concentration1, shape))
        b = log_gamma(nnx.broadcast_to(self.concentration0, shape))
        return _open(nnx.sigmoid(a - b).to(self.concentration1.dtype))

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

    Shares that would round to 0 are the smallest normal number. The mode has no share for an a_i
    of at most 1; if none is above 1 it is the corner of the largest a_i, the first of
    several, and NaN where all points are equally probable (a = 1), as in PyTorch.

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
        return _mode(self.concentration)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        logs = log_gamma(nnx.broadcast_to(self.concentration, self._shape(sample_shape)))
        shares = nnx.softmax(logs, -1).to(self.concentration.dtype)
        return shares.clip(nnx.finfo(shares.dtype).tiny) if shares.shape[-1] > 1 else shares

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
