"""What parameters and values may be: `constraints.positive.check(x)` tells it element by element.

Each has a text that completes "scale must be ...", which errors say.

Example:
    >>> from nnx.distributions import constraints
    >>> constraints.positive.check(nnx.tensor([1.0, -1.0])).tolist()
    [True, False]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
from nnx._nnx import Tensor

__all__ = [
    "Constraint",
    "boolean",
    "dependent",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "integer_interval",
    "interval",
    "less_than",
    "lower_cholesky",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]


class Constraint:
    """A set of numbers, vectors or matrices.

    text: what must hold; event_dim: how many axes one member has; is_discrete: whole numbers.

    Example:
        >>> from nnx.distributions import constraints
        >>> even = constraints.Constraint("even", lambda v: v % 2 == 0, is_discrete=True)
        >>> even.check(nnx.tensor([1, 2])).tolist()
        [False, True]
    """

    def __init__(
        self,
        text: str | Callable[[], str],
        holds: Callable[[Tensor], Tensor],
        event_dim: int = 0,
        is_discrete: bool = False,
    ) -> None:
        self._text, self._holds = text, holds
        self.event_dim, self.is_discrete = event_dim, is_discrete

    @property
    def text(self) -> str:
        """What must hold, made when it is asked for: it may have to read bounds from a device.

        Example:
            >>> from nnx.distributions import constraints
            >>> constraints.interval(0.0, nnx.tensor([2.0, 3.0])).text
            'in [0, 2 to 3]'
        """
        return self._text if isinstance(self._text, str) else self._text()

    def check(self, value: Tensor) -> Tensor:
        """Where it holds. Shapes: (..., *event) -> (...).

        Example:
            >>> from nnx.distributions import constraints
            >>> constraints.simplex.check(nnx.tensor([[0.5, 0.5], [0.5, 0.0]])).tolist()
            [True, False]
        """
        return self._holds(value)

    def __repr__(self) -> str:
        return f"Constraint({self.text!r})"


def _whole(v: Tensor) -> Tensor:
    return v == nnx.floor(v) if v.is_floating_point() else nnx.isfinite(v)


def _wide(v: Tensor) -> Tensor:
    """The same numbers where none of the bounds that they are compared with is rounded."""
    if v.is_floating_point():
        return v.to(nnx.float64)
    return v if v.dtype == nnx.uint64 else v.to(nnx.int64)


def _simplex(v: Tensor) -> Tensor:
    """Each share may be off by its rounding, or be the smallest normal number in place of 0."""
    n, slack = max(1, v.shape[-1]), 0.0
    if v.is_floating_point():
        info = nnx.finfo(v.dtype)
        v, slack = v.to(nnx.float64), 4 * info.eps + n * info.tiny
    sums: Tensor = nnx.abs(v.sum(-1) - 1) < max(1e-6 * n, slack)
    return _each(v >= 0, 1) & sums


def _each(holds: Tensor, axes: int) -> Tensor:
    return nnx.all(holds, axis=tuple(range(-axes, 0)))


def _lower(v: Tensor) -> Tensor:
    return _each(nnx.tril(v) == v, 2) & _each(nnx.diagonal(v, axis1=-2, axis2=-1) > 0, 1)


def _positive_definite(v: Tensor) -> Tensor:
    symmetric = _each(nnx.isclose(v, v.mT, atol=1e-6), 2)
    return symmetric & _each(nnx.linalg.eigvalsh(0.5 * (v + v.mT)) > 0, 1)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between two numbers or tensors, ends included.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.interval(0.0, 2.0).check(nnx.tensor([2.0, 3.0])).tolist()
        [True, False]
    """
    return Constraint(
        lambda: f"in [{_shown(lower_bound)}, {_shown(upper_bound)}]",
        lambda v: (v >= lower_bound) & (v <= upper_bound),
    )


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between two numbers or tensors, the upper end left out.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.half_open_interval(0.0, 2.0).check(nnx.tensor([0.0, 2.0])).tolist()
        [True, False]
    """
    return Constraint(
        lambda: f"in [{_shown(lower_bound)}, {_shown(upper_bound)})",
        lambda v: (v >= lower_bound) & (v < upper_bound),
    )


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers between two, ends included.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.integer_interval(0, 2).check(nnx.tensor([2.0, 1.5])).tolist()
        [True, False]
    """
    return Constraint(
        lambda: f"a whole number in [{_shown(lower_bound)}, {_shown(upper_bound)}]",
        lambda v: _whole(v) & (_wide(v) >= lower_bound) & (_wide(v) <= upper_bound),
        is_discrete=True,
    )


def greater_than(lower_bound: Any) -> Constraint:
    """Above a number or tensor.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.greater_than(1.0).check(nnx.tensor([1.0, 2.0])).tolist()
        [False, True]
    """
    return Constraint(lambda: f"above {_shown(lower_bound)}", lambda v: v > lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """Not below a number or tensor.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.greater_than_eq(1.0).check(nnx.tensor([1.0, 0.0])).tolist()
        [True, False]
    """
    return Constraint(lambda: f"at least {_shown(lower_bound)}", lambda v: v >= lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below a number or tensor.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.less_than(1.0).check(nnx.tensor([1.0, 0.0])).tolist()
        [False, True]
    """
    return Constraint(lambda: f"below {_shown(upper_bound)}", lambda v: v < upper_bound)


def multinomial(upper_bound: int) -> Constraint:
    """Vectors of counts whose sum is a number.

    Example:
        >>> from nnx.distributions import constraints
        >>> constraints.multinomial(3).check(nnx.tensor([[1.0, 2.0], [1.0, 1.0]])).tolist()
        [True, False]
    """
    return Constraint(
        f"counts whose sum is {upper_bound}",
        lambda v: _each((v >= 0) & _whole(v), 1) & (v.sum(-1) == upper_bound),
        1,
        True,
    )


def _shown(bound: Any) -> str:
    if isinstance(bound, Tensor):
        low, high = bound.detach().min().item(), bound.detach().max().item()
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"{bound:g}"


real = Constraint("a number (no NaN)", lambda v: v == v)
positive = Constraint("above 0", lambda v: v > 0)
nonnegative = Constraint("at least 0", lambda v: v >= 0)
unit_interval = Constraint("in [0, 1]", lambda v: (v >= 0) & (v <= 1))
boolean = Constraint("0 or 1", lambda v: (v == 0) | (v == 1), is_discrete=True)
nonnegative_integer = Constraint(
    "a whole number from 0", lambda v: _whole(v) & (v >= 0), is_discrete=True
)
positive_integer = Constraint(
    "a whole number from 1", lambda v: _whole(v) & (v >= 1), is_discrete=True
)
real_vector = Constraint("numbers (no NaN)", lambda v: _each(v == v, 1), 1)
simplex = Constraint(
    "at least 0, with a sum of 1 in the last axis",
    _simplex,
    1,
)
one_hot = Constraint(
    "0 but for one 1 in the last axis",
    lambda v: _each((v == 0) | (v == 1), 1) & (v.sum(-1) == 1),
    1,
    True,
)
lower_cholesky = Constraint("lower triangular with a positive diagonal", _lower, 2)
positive_definite = Constraint("symmetric and positive definite", _positive_definite, 2)
# Of parameters that are checked together, by the distribution itself.
dependent = Constraint("", lambda v: v == v)
