"""What NumPy in float64 says about every pointwise op, and where to try it.

One entry per declaration; test_pointwise.py fails when one is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Case:
    reference: Callable[..., Any]
    # Ranges that random points are drawn from, one per argument.
    domains: list[tuple[float, float]] = field(default_factory=lambda: [(-3.0, 3.0)])
    # Away from these the function is smooth enough for central differences.
    kinks: tuple[float, ...] = ()
    differentiable: bool = True
    wrt: tuple[int, ...] | None = None
    exact: bool = False  # the result must equal NumPy's to the bit in float64
    # mpmath's function of the same value, for the accuracy test over the whole range
    mp: str | Callable[..., Any] | None = None


ANY = (-3.0, 3.0)
POSITIVE = (0.1, 4.0)
erf = np.vectorize(math.erf, otypes=[float])


def _softplus(a: Any) -> Any:
    return np.logaddexp(a, 0)


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def _ndtr(a: Any) -> Any:
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(a)


def _xlogy(a: Any, b: Any) -> Any:
    return np.where(a == 0, 0, a * np.log(np.where(a == 0, 1, b)))


def mp_sigmoid(x: Any) -> Any:
    import mpmath

    return 1 / (1 + mpmath.exp(-x)) if x >= 0 else mpmath.exp(x) / (1 + mpmath.exp(x))


def mp_softplus(x: Any) -> Any:
    import mpmath

    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def mp_rsqrt(x: Any) -> Any:
    import mpmath

    if x < 0:
        return mpmath.nan
    return 1 / mpmath.sqrt(x)


def two(a: tuple[float, float] = ANY, b: tuple[float, float] = ANY) -> list[tuple[float, float]]:
    return [a, b]


CASES: dict[str, Case] = {
    "add": Case(np.add, two(), exact=True),
    "subtract": Case(np.subtract, two(), exact=True),
    "multiply": Case(np.multiply, two(), exact=True),
    "divide": Case(np.divide, two(ANY, POSITIVE), exact=True),
    "negative": Case(np.negative, exact=True),
    "reciprocal": Case(np.reciprocal, [POSITIVE], exact=True),
    "square": Case(np.square, exact=True),
    "floor_divide": Case(np.floor_divide, two(ANY, POSITIVE), differentiable=False, exact=True),
    "remainder": Case(np.remainder, two(ANY, (2.5, 3.0)), differentiable=False, exact=True),
    "fmod": Case(np.fmod, two(ANY, (3.5, 4.0)), wrt=(0,), exact=True),
    "equal": Case(np.equal, two(), differentiable=False, exact=True),
    "not_equal": Case(np.not_equal, two(), differentiable=False, exact=True),
    "less": Case(np.less, two(), differentiable=False, exact=True),
    "less_equal": Case(np.less_equal, two(), differentiable=False, exact=True),
    "greater": Case(np.greater, two(), differentiable=False, exact=True),
    "greater_equal": Case(np.greater_equal, two(), differentiable=False, exact=True),
    "isnan": Case(np.isnan, differentiable=False, exact=True),
    "isinf": Case(np.isinf, differentiable=False, exact=True),
    "isfinite": Case(np.isfinite, differentiable=False, exact=True),
    "signbit": Case(np.signbit, differentiable=False, exact=True),
    "logical_and": Case(np.logical_and, two(), differentiable=False, exact=True),
    "logical_or": Case(np.logical_or, two(), differentiable=False, exact=True),
    "logical_xor": Case(np.logical_xor, two(), differentiable=False, exact=True),
    "logical_not": Case(np.logical_not, differentiable=False, exact=True),
    "bitwise_and": Case(np.bitwise_and, two(), differentiable=False, exact=True),
    "bitwise_or": Case(np.bitwise_or, two(), differentiable=False, exact=True),
    "bitwise_xor": Case(np.bitwise_xor, two(), differentiable=False, exact=True),
    "bitwise_invert": Case(np.bitwise_not, differentiable=False, exact=True),
    "bitwise_left_shift": Case(np.left_shift, two(ANY, (0, 3)), differentiable=False, exact=True),
    "bitwise_right_shift": Case(np.right_shift, two(ANY, (0, 3)), differentiable=False, exact=True),
    "where": Case(
        lambda c, a, b: np.where(c != 0, a, b), [(0, 2), ANY, ANY], wrt=(1, 2), exact=True
    ),
    "maximum": Case(np.maximum, two(), exact=True),
    "minimum": Case(np.minimum, two(), exact=True),
    "sign": Case(np.sign, kinks=(0.0,), exact=True),
    "abs": Case(np.abs, kinks=(0.0,), exact=True),
    "floor": Case(np.floor, differentiable=False, exact=True),
    "ceil": Case(np.ceil, differentiable=False, exact=True),
    "trunc": Case(np.trunc, differentiable=False, exact=True),
    "round": Case(np.round, differentiable=False, exact=True),
    "sqrt": Case(np.sqrt, [POSITIVE], exact=True, mp="sqrt"),
    "rsqrt": Case(lambda a: 1 / np.sqrt(a), [POSITIVE], mp=mp_rsqrt),
    "exp": Case(np.exp, mp="exp"),
    "exp2": Case(np.exp2, mp=lambda x: __import__("mpmath").mpf(2) ** x),
    "expm1": Case(np.expm1, mp="expm1"),
    "log": Case(np.log, [POSITIVE], mp="log"),
    "log2": Case(np.log2, [POSITIVE], mp=lambda x: __import__("mpmath").log(x, 2)),
    "log10": Case(np.log10, [POSITIVE], mp="log10"),
    "log1p": Case(np.log1p, [(-0.8, 4.0)], mp="log1p"),
    "xlogy": Case(_xlogy, two(ANY, POSITIVE)),
    "power": Case(np.power, two(POSITIVE, (-2.0, 3.0))),
    "sin": Case(np.sin, mp="sin"),
    "cos": Case(np.cos, mp="cos"),
    "tan": Case(np.tan, [(-1.2, 1.2)], mp="tan"),
    "tanh": Case(np.tanh, mp="tanh"),
    "sigmoid": Case(_sigmoid, mp=mp_sigmoid),
    "softplus": Case(_softplus, mp=mp_softplus),
    "logaddexp": Case(np.logaddexp, two()),
    "hypot": Case(np.hypot, two(POSITIVE, POSITIVE)),
    "erf": Case(erf, mp="erf"),
    "ndtr": Case(_ndtr, mp="ncdf"),
    "relu": Case(lambda a: np.maximum(a, 0), kinks=(0.0,), exact=True),
    "clip": Case(np.clip, [ANY, (-2.0, -0.5), (0.5, 2.0)], exact=True),
    "silu": Case(lambda a: a * _sigmoid(a)),
    "gelu": Case(lambda a: a * _ndtr(a)),
    "gelu_tanh": Case(
        lambda a: 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))
    ),
    "leaky_relu": Case(lambda a: np.where(a > 0, a, a * 0.3), kinks=(0.0,)),
    "elu": Case(lambda a: np.where(a > 0, a, 0.7 * np.expm1(np.minimum(a, 0))), kinks=(0.0,)),
    "squared_difference": Case(lambda a, b: (a - b) ** 2, two(), exact=True),
    "bce_with_logits": Case(lambda a, t: _softplus(a) - a * t, two(ANY, (0.1, 0.9))),
}
