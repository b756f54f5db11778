"""What every distribution has, and what their files share.

Invariants: parameters are tensors in their common shape, of which batch_shape is the leading part;
sample draws under no_grad from nnx's own random streams, so a seed gives the same numbers every
time; rsample, where there is one, follows the parameters' gradients.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import nnx
from nnx._errors import fail, offending
from nnx._nnx import ArgumentError, GradientError, Tensor
from nnx.distributions.constraints import Constraint

__all__ = ["Distribution"]

Shape = tuple[int, ...]
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
EULER = 0.5772156649015329


def tensor(value: Any) -> Tensor:
    """A floating tensor of a number, a list or a tensor; the first two on the default device."""
    t = value if isinstance(value, Tensor) else nnx.asarray(value, device=nnx.get_default_device())
    return t if t.is_floating_point() else t.to(nnx.get_default_dtype())


def together(*values: Any) -> list[Tensor]:
    """Parameters in their common shape; plain numbers have dtype and device of the tensors."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype = tensor(tensors[0]).dtype if tensors else nnx.get_default_dtype()
    device = tensors[0].device if tensors else nnx.get_default_device()
    known = [
        tensor(v) if isinstance(v, Tensor) else nnx.asarray(v, dtype=dtype, device=device)
        for v in values
    ]
    return list(nnx.broadcast_tensors(*known))


def beside(value: Any, like: Tensor) -> Tensor:
    """A floating tensor to compute with another: numbers and lists get its dtype and device."""
    if not isinstance(value, Tensor):
        value = nnx.asarray(value, dtype=like.dtype, device=like.device)
    out: Tensor = value if value.is_floating_point() else value.to(like.dtype)
    return out


def one_of(name: str, **given: Any) -> str:
    """The one of several arguments that is not None."""
    there = [key for key, value in given.items() if value is not None]
    if len(there) != 1:
        listed = " or ".join(given) if len(given) == 2 else "one of " + ", ".join(given)
        received = "neither" if len(given) == 2 else "none of them"
        if there:
            received = "both" if len(given) == 2 else " and ".join(there)
        raise fail(ArgumentError, name, f"takes either {listed}", received)
    return there[0]


def require(op: str, name: str, value: Tensor, constraint: Constraint, hint: str = "") -> None:
    """ArgumentError unless value, by the name it has there, is all that the constraint says."""
    holds = constraint.check(value.detach())
    if not bool(holds.all()):
        rule = f"{name} must be {constraint.text}"
        received = offending(value, holds, name, constraint.event_dim)
        raise fail(ArgumentError, op, rule, received, hint)


def counted(times: Tensor, log: Tensor) -> Tensor:
    """times log, and 0 where what is impossible did not happen."""
    out: Tensor = nnx.where((times == 0) & (log == -math.inf), 0.0, times * log)
    return out


def sum_last(x: Tensor, n: int) -> Tensor:
    """The sum over the last n axes."""
    return x.sum(tuple(range(-n, 0))) if n else x


class Distribution:
    """What every distribution has: draws, log-probabilities, mean and variance.

    batch_shape: the shape of the parameters, each a distribution of its own; event_shape: the shape
    of one draw of one of them. arg_constraints and support say what parameters and values may be;
    validate_args=False leaves those checks out.

    Example:
        >>> nnx.distributions.Normal(nnx.zeros(3), 1.0).batch_shape
        (3,)
    """

    has_rsample: bool = False
    has_enumerate_support: bool = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    _validate_args: bool = True

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape: Shape = tuple(batch_shape)
        self._event_shape: Shape = tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                value = self.__dict__.get(name)
                if isinstance(value, Tensor):
                    require(type(self).__name__, name, value, constraint)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where validate_args does not say.

        Example:
            >>> nnx.distributions.Distribution.set_default_validate_args(True)
        """
        Distribution._validate_args = bool(value)

    @property
    def batch_shape(self) -> Any:
        """The shape of the parameters.

        Example:
            >>> nnx.distributions.Normal(nnx.zeros(3), 1.0).batch_shape
            (3,)
        """
        return nnx.Size(self._batch_shape)

    @property
    def event_shape(self) -> Any:
        """The shape of one draw.

        Example:
            >>> nnx.distributions.Dirichlet(nnx.ones(5, 3)).event_shape
            (3,)
        """
        return nnx.Size(self._event_shape)

    @property
    def support(self) -> Constraint:
        """The values that can be drawn.

        Example:
            >>> nnx.distributions.Exponential(1.0).support
            Constraint('at least 0')
        """
        raise self._without("support")

    @property
    def mean(self) -> Tensor:
        """The mean, in the batch's shape.

        Example:
            >>> nnx.distributions.Uniform(0.0, 3.0).mean.item()
            1.5
        """
        raise self._without("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value.

        Example:
            >>> nnx.distributions.Gamma(3.0, 2.0).mode.item()
            1.0
        """
        raise self._without("mode")

    @property
    def variance(self) -> Tensor:
        """The variance, in the batch's shape.

        Example:
            >>> nnx.distributions.Uniform(0.0, 6.0).variance.item()
            3.0
        """
        raise self._without("variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance.

        Example:
            >>> nnx.distributions.Normal(0.0, 2.0).stddev.item()
            2.0
        """
        return nnx.sqrt(self.variance)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that follow the parameters' gradients.

        Shapes: -> (*sample_shape, *batch_shape, *event_shape).
        Raises: GradientError where the distribution has none.

        Example:
            >>> mean = nnx.zeros(2, requires_grad=True)
            >>> nnx.distributions.Normal(mean, 1.0).rsample((5,)).sum().backward()
            >>> mean.grad.tolist()
            [5.0, 5.0]
        """
        rule = "draws of this distribution do not follow its parameters"
        hint = "use sample(), and log_prob(...) of it in the loss"
        raise fail(GradientError, type(self).__name__, rule, "", hint)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, without a gradient.

        Shapes: -> (*sample_shape, *batch_shape, *event_shape).

        Example:
            >>> nnx.distributions.Normal(nnx.zeros(3), 1.0).sample((2,)).shape
            (2, 3)
        """
        with nnx.no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability (density) of a value.

        Shapes: (..., *event_shape) -> the rest, broadcast with batch_shape.
        Raises: ArgumentError for a value that is not in the support.

        Example:
            >>> nnx.distributions.Uniform(0.0, 2.0).log_prob(1.0).exp().item()
            0.5
        """
        raise self._without("log_prob")

    def cdf(self, value: Any) -> Tensor:
        """The probability of a draw that is not above value.

        Example:
            >>> nnx.distributions.Normal(0.0, 1.0).cdf(0.0).item()
            0.5
        """
        raise self._without("cdf")

    def icdf(self, value: Any) -> Tensor:
        """The quantile: the value below which a draw lies with probability `value`.

        Example:
            >>> nnx.distributions.Normal(0.0, 1.0).icdf(0.5).item()
            0.0
        """
        raise self._without("icdf")

    def entropy(self) -> Tensor:
        """The entropy, -E[log p].

        Example:
            >>> nnx.distributions.Uniform(0.0, 1.0).entropy().item()
            0.0
        """
        raise self._without("entropy")

    def perplexity(self) -> Tensor:
        """The exponential of the entropy.

        Example:
            >>> nnx.distributions.Uniform(0.0, 4.0).perplexity().item()
            4.0
        """
        return nnx.exp(self.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values that can be drawn, in the first axis.

        Example:
            >>> nnx.distributions.Bernoulli(0.5).enumerate_support().tolist()
            [0.0, 1.0]
        """
        raise self._without("enumerate_support")

    def expand(self, batch_shape: Any) -> Self:
        """The same distribution for a larger batch.

        Raises: ShapeError where the batch does not broadcast to it.

        Example:
            >>> nnx.distributions.Normal(0.0, 1.0).expand((2, 3)).batch_shape
            (2, 3)
        """
        new = type(self).__new__(type(self))
        n = len(self._batch_shape)
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor) and value.shape[:n] == self._batch_shape:
                value = nnx.broadcast_to(value, (*batch_shape, *value.shape[n:]))
            new.__dict__[name] = value
        new._batch_shape = tuple(batch_shape)
        return new

    def _shape(self, sample_shape: Any) -> Shape:
        return tuple(sample_shape) + self._batch_shape + self._event_shape

    def _value(self, value: Any, like: Tensor) -> Tensor:
        """A value as a tensor of the parameters' dtype, in the support if that is asked for."""
        v = beside(value, like)
        if self._validate_args:
            hint = "validate_args=False leaves this check out"
            require(type(self).__name__, "value", v, self.support, hint)
        return v

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.reshape((-1, *[1] * len(self._batch_shape)))
        return nnx.broadcast_to(values, (len(values), *self._batch_shape)) if expand else values

    def _without(self, what: str) -> Exception:
        return fail(ArgumentError, type(self).__name__, f"has no {what} in closed form", "")

    def __repr__(self) -> str:
        names = [n for n in self.arg_constraints if isinstance(self.__dict__.get(n), Tensor)]
        shown = []
        for name in names:
            p = self.__dict__[name]
            shown.append(f"{name}: {p.item():g}" if p.numel() == 1 else f"{name}: {p.shape}")
        return f"{type(self).__name__}({', '.join(shown)})"
