"""Gamma and Chi2, and draws whose gradients follow the shape parameter."""

from __future__ import annotations

from typing import Any, ClassVar

import nnx
from nnx import _draws, _nnx, random
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, together

__all__ = ["Chi2", "Gamma"]


def standard_gamma(shape: Tensor) -> Tensor:
    """One draw for each element, with the gradient in the shape a of where that draw lies:
    dx/da = -(dF/da) / f(x) for the distribution function F and density f.

    Source: Figurnov, Mohamed, Mnih, arXiv:1805.08498
    """
    with nnx.no_grad():
        draws = random.standard_gamma(shape, dtype=shape.dtype)
        draws = draws.clip(nnx.finfo(draws.dtype).tiny)
    if not (shape.requires_grad and nnx.is_grad_enabled()):
        return draws
    with nnx.no_grad():
        a, x = shape.to(nnx.float64), draws.to(nnx.float64)
        density = nnx.exp((a - 1) * nnx.log(x) - x - nnx.lgamma(a))
        slope = (-_nnx.gammainc_slope(a, x) / density).to(shape.dtype)
    return draws + slope * (shape - shape.detach())


def log_gamma(shape: Tensor) -> Tensor:
    """Logarithms, in float64, of draws as those of `standard_gamma`, which a small shape a makes
    too small for a number, with their gradient: that of the draw over the draw, and where F(x) is
    x^a / gamma(a + 1) to all digits, (digamma(a + 1) - log x) / a.
    """
    with nnx.no_grad():
        a = shape.to(nnx.float64)
        logs = _draws.log_gammas(a)
    if not (shape.requires_grad and nnx.is_grad_enabled()):
        return logs
    with nnx.no_grad():
        small = logs < -37  # x < 1e-16
        known = nnx.where(small, 0.0, logs)
        density = nnx.exp(a * known - nnx.exp(known) - nnx.lgamma(a))  # of log x
        slope = nnx.where(
            small, (nnx.digamma(a + 1) - logs) / a, -_nnx.gammainc_slope(a, known.exp()) / density
        )
    out: Tensor = logs + slope * (shape - shape.detach()).to(nnx.float64)
    return out


class Gamma(Distribution):
    """The gamma distribution, rate^a x^(a - 1) exp(-rate x) / gamma(a) for a = concentration.

    Before the division by rate, draws below the smallest normal number are that.

    Raises: ArgumentError for a concentration or rate that is not above 0.

    Example:
        >>> nnx.distributions.Gamma(3.0, 2.0).mean.item()
        1.5
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = together(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return (self.concentration - 1).clip(0) / self.rate

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape(sample_shape)
        return standard_gamma(nnx.broadcast_to(self.concentration, shape)) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        v, a = self._value(value, self.rate), self.concentration
        return nnx.xlogy(a, self.rate) + nnx.xlogy(a - 1, v) - self.rate * v - nnx.lgamma(a)

    def cdf(self, value: Any) -> Tensor:
        return nnx.gammainc(self.concentration, self.rate * self._value(value, self.rate))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - nnx.log(self.rate) + nnx.lgamma(a) + (1 - a) * nnx.digamma(a)


class Chi2(Gamma):
    """The chi-squared distribution of df degrees of freedom: the sum of that many squared normals.

    Raises: ArgumentError for a df that is not above 0.

    Example:
        >>> nnx.distributions.Chi2(4.0).mean.item()
        4.0
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (self.df,) = together(df)
        super().__init__(0.5 * self.df, nnx.full_like(self.df, 0.5), validate_args)
