"""One of n classes: Categorical and OneHotCategorical."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import Distribution, counted, one_of, require, tensor

__all__ = ["Categorical", "OneHotCategorical"]


def shares(name: str, probs: Any, logits: Any, checked: bool) -> tuple[Tensor, Tensor]:
    """Probabilities with the sum 1 in the last axis, and their logarithms."""
    given = tensor(probs if one_of(name, probs=probs, logits=logits) == "probs" else logits)
    if given.ndim < 1:
        rule = "the last axis holds one number for each class"
        raise fail(ShapeError, name, rule, describe(given))
    if probs is None:
        return nnx.softmax(given, -1), given - nnx.logsumexp(given, -1, keepdims=True)
    if checked:
        require(name, "probs", given, constraints.nonnegative)
    p = given / given.sum(-1, keepdim=True)
    return p, nnx.log(p)


class Categorical(Distribution):
    """One of n classes, with probabilities in the last axis: probs, divided by their sum, or the
    softmax of logits.

    Raises: ArgumentError unless exactly one is given, or for negative probs; ShapeError without an
        axis.

    Example:
        >>> d = nnx.distributions.Categorical(probs=[1.0, 3.0])
        >>> d.log_prob(nnx.tensor(1)).exp().item()
        0.75
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {
        "probs": constraints.dependent,
        "logits": constraints.dependent,
    }

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        checked = self._validate_args if validate_args is None else validate_args
        self.probs, self.logits = shares(type(self).__name__, probs, logits, checked)
        super().__init__(self.probs.shape[:-1], (), validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.probs.shape[-1] - 1)

    @property
    def param_shape(self) -> Any:
        """The shape of probs and logits.

        Example:
            >>> nnx.distributions.Categorical(nnx.ones(2, 3)).param_shape
            (2, 3)
        """
        return self.probs.shape

    @property
    def mean(self) -> Tensor:
        return nnx.full_like(self.probs[..., 0], math.nan)

    @property
    def variance(self) -> Tensor:
        return nnx.full_like(self.probs[..., 0], math.nan)

    @property
    def mode(self) -> Tensor:
        return nnx.argmax(self.probs, -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        count = math.prod(sample_shape)
        rows = self.probs.detach().reshape((-1, self.probs.shape[-1]))
        drawn = nnx.multinomial(rows, count, replacement=True).T
        return drawn.reshape(self._shape(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        v = self._class(value)
        shape = nnx.broadcast_shapes(v.shape, self._batch_shape)
        logits = nnx.broadcast_to(self.logits, (*shape, self.logits.shape[-1]))
        index = nnx.broadcast_to(v, shape).unsqueeze(-1)
        return logits.gather(-1, index).squeeze(-1)

    def _class(self, value: Any) -> Tensor:
        """Class numbers as they came, not in the dtype of logits, which may not hold them all."""
        v = nnx.asarray(value, device=None if isinstance(value, Tensor) else self.logits.device)
        if self._validate_args:
            hint = "validate_args=False leaves this check out"
            require(type(self).__name__, "value", v, self.support, hint)
        return v.long()

    def entropy(self) -> Tensor:
        return nnx.entr(self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(nnx.arange(self.probs.shape[-1], device=self.probs.device), expand)


class OneHotCategorical(Categorical):
    """A Categorical whose draws are vectors: 1 at the class that was drawn, else 0.

    Raises: as Categorical.

    Example:
        >>> d = nnx.distributions.OneHotCategorical(probs=[1.0, 3.0])
        >>> d.log_prob(nnx.tensor([0.0, 1.0])).exp().item()
        0.75
    """

    support = constraints.one_hot

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        self._event_shape = tuple(self.probs.shape[-1:])

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        classes = self.probs.shape[-1]
        return nnx.one_hot(nnx.argmax(self.probs, -1), classes).to(self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = Categorical(self.probs.detach(), validate_args=False).sample(sample_shape)
        return nnx.one_hot(drawn, self.probs.shape[-1]).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        v = self._value(value, self.logits)
        return counted(v, self.logits).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        classes = self.probs.shape[-1]
        rows = nnx.eye(classes, dtype=self.probs.dtype, device=self.probs.device)
        rows = rows.reshape((classes, *[1] * len(self._batch_shape), classes))
        shape = (classes, *self._batch_shape, classes)
        return nnx.broadcast_to(rows, shape) if expand else rows
