"""Counts: Binomial, Multinomial and Poisson."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx import _check, random
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor
from nnx.distributions import constraints
from nnx.distributions.categorical import shares
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, counted, one_of, together

__all__ = ["Binomial", "Multinomial", "Poisson"]


class Binomial(Distribution):
    """How many of total_count trials of probability probs = sigmoid(logits) succeed.

    Raises: ArgumentError unless exactly one of probs and logits is given, for probs outside
        [0, 1], for a total_count that is not a whole number from 0.

    Example:
        >>> nnx.distributions.Binomial(2, probs=0.5).log_prob(1.0).exp().item()
        0.5
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if one_of("Binomial", probs=probs, logits=logits) == "probs":
            self.total_count, self.probs = _count_with(total_count, probs)
            self.logits = nnx.logit(self.probs)
        else:
            self.total_count, self.logits = _count_with(total_count, logits)
            self.probs = nnx.sigmoid(self.logits)
        super().__init__(self.probs.shape, (), validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        most = nnx.floor((self.total_count + 1) * self.probs)
        return nnx.minimum(most, self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape, p = self._shape(sample_shape), self.probs.detach()
        return random.binomial(self.total_count, p, shape, dtype=p.dtype)

    def log_prob(self, value: Any) -> Tensor:
        n = self.total_count
        v = self._value(value, n)
        ways = -nnx.log1p(n) - nnx.betaln(n - v + 1, v + 1)
        seen = counted(v, nnx.log_sigmoid(self.logits))
        return ways + seen + counted(n - v, nnx.log_sigmoid(-self.logits))

    def cdf(self, value: Any) -> Tensor:
        k, n = nnx.floor(self._value(value, self.probs)), self.total_count
        known = nnx.betainc((n - k).clip(1e-6), k + 1, 1 - self.probs)
        out: Tensor = nnx.where(k >= n, 1.0, known)
        return out

    def entropy(self) -> Tensor:
        logs = self.log_prob(self.enumerate_support())
        return -(logs.exp() * logs.clip(-1e30)).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max())
        if bool((self.total_count != most).any()):
            rule = "the values of several total_counts at once cannot be listed"
            raise fail(ArgumentError, "Binomial", rule, describe(self.total_count, "total_count"))
        values = nnx.arange(most + 1, dtype=self.probs.dtype, device=self.probs.device)
        return self._enumerated(values, expand)


def _count_with(total_count: Any, other: Any) -> list[Tensor]:
    (known,) = together(other)
    return together(nnx.asarray(total_count, dtype=known.dtype, device=known.device), known)


class Multinomial(Distribution):
    """How often each of n classes is drawn in total_count draws.

    Raises: ArgumentError unless exactly one of probs and logits is given, for negative probs, for
        a total_count below 0; DTypeError for one that is not a whole number.

    Example:
        >>> d = nnx.distributions.Multinomial(2, probs=[0.5, 0.5])
        >>> round(d.log_prob(nnx.tensor([1.0, 1.0])).exp().item(), 6)
        0.5
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.dependent,
        "logits": constraints.dependent,
    }

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.total_count = _check.integer("Multinomial", "total_count", total_count)
        checked = self._validate_args if validate_args is None else validate_args
        self.probs, self.logits = shares("Multinomial", probs, logits, checked)
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:], validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach()
        return random.multinomial(self.total_count, p, tuple(sample_shape), dtype=p.dtype)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.logits)
        ways = nnx.lgamma(v.sum(-1) + 1) - nnx.lgamma(v + 1).sum(-1)
        return ways + counted(v, self.logits).sum(-1)

    def entropy(self) -> Tensor:
        # Of the draws in order, less the mean logarithm of the number of orders of the counts.
        each = Binomial(self.total_count, self.probs)
        counts = each.enumerate_support()
        orders = (each.log_prob(counts).exp() * nnx.lgamma(counts + 1)).sum(0).sum(-1)
        ways = math.lgamma(self.total_count + 1)
        return self.total_count * nnx.entr(self.probs).sum(-1) - ways + orders


class Poisson(Distribution):
    """Counts of independent events whose mean number is rate, rate^k exp(-rate) / k!.

    Raises: ArgumentError for a rate below 0.

    Example:
        >>> round(nnx.distributions.Poisson(2.0).log_prob(0.0).item(), 4)
        -2.0
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = together(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return nnx.floor(self.rate)

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rate = self.rate.detach()
        return random.poisson(rate, self._shape(sample_shape), dtype=rate.dtype)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.rate)
        return nnx.xlogy(v, self.rate) - self.rate - nnx.lgamma(v + 1)

    def cdf(self, value: Any) -> Tensor:
        return nnx.gammaincc(nnx.floor(self._value(value, self.rate)) + 1, self.rate)
