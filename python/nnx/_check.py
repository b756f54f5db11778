"""Checks of the options that layers, optimisers and loaders are made with.

Each returns the value as the plain Python type that the caller stores, or raises an
`ArgumentError` (a ValueError) or a `DTypeError` (a TypeError) that names the option.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError


def integer(op: str, name: str, value: Any, least: int = 0) -> int:
    """A whole number of at least `least`.

    Example:
        >>> from nnx._check import integer
        >>> integer("Dense", "in_features", np.int64(3), 1)
        3
    """
    if isinstance(value, bool):
        raise fail(DTypeError, op, f"{name} must be a whole number", describe(value, name))
    try:
        number = operator.index(value)
    except TypeError:
        whole = isinstance(value, float) and value.is_integer()
        hint = f"write {int(value)}" if whole else ""
        raise fail(
            DTypeError, op, f"{name} must be a whole number", describe(value, name), hint
        ) from None
    if number < least:
        raise fail(ArgumentError, op, f"{name} must be at least {least}", describe(value, name))
    return number


def real(
    op: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_high: bool = False,
) -> float:
    """A number in [low, high], or [low, high) with `open_high`. NaN is in no interval.

    Example:
        >>> from nnx._check import real
        >>> real("Dropout", "p", 1, 0, 1)
        1.0
    """
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise fail(DTypeError, op, f"{name} must be a number", describe(value, name)) from None
    if not (low <= number < high if open_high else low <= number <= high):
        ends = f"[{low:g}, {high:g}{')' if open_high else ']'}"
        rule = f"{name} must be in {ends}"
        if high == math.inf:
            rule = f"{name} must be {'finite and ' if open_high else ''}at least {low:g}"
        raise fail(ArgumentError, op, rule, describe(value, name))
    return number


def choice(op: str, name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """One of the allowed values.

    Example:
        >>> from nnx._check import choice
        >>> choice("MSELoss", "reduction", "sum", ("mean", "sum", "none"))
        'sum'
    """
    for option in allowed:
        if type(option) is type(value) and option == value:
            return option
    rule = f"{name} must be one of {', '.join(map(repr, allowed))}"
    raise fail(ArgumentError, op, rule, describe(value, name), _nearest(value, allowed))


def _nearest(value: Any, allowed: Sequence[Any]) -> str:
    if not isinstance(value, str):
        return ""
    import difflib

    close = difflib.get_close_matches(value, [a for a in allowed if isinstance(a, str)], 1)
    return f"did you mean {close[0]!r}?" if close else ""
