"""One trial after another: Bernoulli and Geometric."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, counted, one_of, together

__all__ = ["Bernoulli", "Geometric"]


class OfProbability(Distribution):
    """What a distribution of probs = sigmoid(logits) keeps of either."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        if one_of(type(self).__name__, probs=probs, logits=logits) == "probs":
            (self.probs,) = together(probs)
            self.logits = nnx.logit(self.probs)
        else:
            (self.logits,) = together(logits)
            self.probs = nnx.sigmoid(self.logits)
        super().__init__(self.probs.shape, (), validate_args)


class Bernoulli(OfProbability):
    """1 with probability probs = sigmoid(logits), else 0.

    Raises: ArgumentError unless exactly one of probs and logits is given, or outside [0, 1].

    Example:
        >>> nnx.distributions.Bernoulli(probs=0.25).log_prob(1.0).exp().item()
        0.25
    """

    has_enumerate_support = True
    support = constraints.boolean

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        likely = (self.probs > 0.5).to(self.probs.dtype)
        out: Tensor = nnx.where(self.probs == 0.5, math.nan, likely)
        return out

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach()
        return (nnx.rand(self._shape(sample_shape), dtype=p.dtype, device=p.device) < p).to(p.dtype)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.logits)
        return counted(v, nnx.log_sigmoid(self.logits)) + counted(
            1 - v, nnx.log_sigmoid(-self.logits)
        )

    def cdf(self, value: Any) -> Tensor:
        v = self._value(value, self.probs)
        out: Tensor = nnx.where(v < 0, 0.0, nnx.where(v < 1, 1 - self.probs, 1.0))
        return out

    def entropy(self) -> Tensor:
        return nnx.entr(self.probs) + nnx.entr(1 - self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        either = nnx.arange(2, dtype=self.probs.dtype, device=self.probs.device)
        return self._enumerated(either, expand)


class Geometric(OfProbability):
    """How often a trial of probability probs fails before it succeeds: probs (1 - probs)^k.

    Raises: ArgumentError unless exactly one of probs and logits is given, or outside (0, 1].

    Example:
        >>> nnx.distributions.Geometric(0.5).log_prob(1.0).exp().item()
        0.25
    """

    support = constraints.nonnegative_integer
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.Constraint("in (0, 1]", lambda p: (p > 0) & (p <= 1)),
        "logits": constraints.real,
    }

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return nnx.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach()
        u = nnx.rand(self._shape(sample_shape), dtype=p.dtype, device=p.device)
        waits = nnx.floor(nnx.log1p(-u) / nnx.log1p(-p))
        return waits.clip(0)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.probs)
        return counted(v, nnx.log_sigmoid(-self.logits)) + nnx.log_sigmoid(self.logits)

    def cdf(self, value: Any) -> Tensor:
        v = self._value(value, self.probs)
        return -nnx.expm1(nnx.xlog1py(nnx.floor(v) + 1, -self.probs))

    def entropy(self) -> Tensor:
        p = self.probs
        return (nnx.entr(p) + nnx.entr(1 - p)) / p
