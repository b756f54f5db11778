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
    # numbers behind the tensors, where the declaration takes some
    numbers: tuple[float, ...] = ()
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


def special(name: str) -> Callable[..., Any]:
    """SciPy's function of this name."""

    def f(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return f


def _gammainc_slope(a: Any, x: Any) -> Any:
    """d gammainc / da: in closed form at a = 1, else by mpmath's differences."""
    import scipy.special

    if np.all(a == 1):
        return -np.exp(-x) * (np.log(x) + np.euler_gamma) - scipy.special.exp1(x) + 0 * a

    def each(a: float, x: float) -> float:
        import mpmath

        return float(mpmath.diff(lambda t: mpmath.gammainc(t, 0, x, regularized=True), a))

    return np.vectorize(each, otypes=[float])(a, x)


def _betainc_slope(a: Any, b: Any, x: Any) -> Any:
    """d betainc / da: of x^a at b = 1; beyond x = 1 there is none."""
    assert np.all((b == 1) | (x >= 1))
    return np.where(x > 1, np.nan, x**a * np.log(np.where(x > 1, 1, x)))


def mp_sigmoid(x: Any) -> Any:
    import mpmath

    return 1 / (1 + mpmath.exp(-x)) if x >= 0 else mpmath.exp(x) / (1 + mpmath.exp(x))


def mp_softplus(x: Any) -> Any:
    import mpmath

    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def mp_within(name: str, low: float, high: float) -> Callable[[Any], Any]:
    """mpmath's function in its real domain: outside, mpmath's would be complex."""

    def f(x: Any) -> Any:
        import mpmath

        if not low <= x <= high:
            return mpmath.nan
        if name == "atanh" and abs(x) == 1:
            return mpmath.inf * x
        return getattr(mpmath, name)(x)

    return f


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
    "add_scaled": Case(lambda a, b: a + 3 * b, two(), exact=True),
    "subtract_scaled": Case(lambda a, b: a - 3 * b, two(), exact=True),
    "divide": Case(np.divide, two(ANY, POSITIVE), exact=True),
    "negative": Case(np.negative, exact=True),
    "conj": Case(np.conj, exact=True),
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
    "copysign": Case(np.copysign, two(), kinks=(0.0,), exact=True),
    "nextafter": Case(np.nextafter, two(), differentiable=False, exact=True),
    "heaviside": Case(np.heaviside, two(), kinks=(0.0,), wrt=(0,), exact=True),
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
    "sinh": Case(np.sinh, mp="sinh"),
    "cosh": Case(np.cosh, mp="cosh"),
    "asin": Case(np.arcsin, [(-0.9, 0.9)], mp=mp_within("asin", -1, 1)),
    "acos": Case(np.arccos, [(-0.9, 0.9)], mp=mp_within("acos", -1, 1)),
    "atan": Case(np.arctan, mp="atan"),
    "atan2": Case(np.arctan2, two()),
    "asinh": Case(np.arcsinh, mp="asinh"),
    "acosh": Case(np.arccosh, [(1.2, 4.0)], mp=mp_within("acosh", 1, math.inf)),
    "atanh": Case(np.arctanh, [(-0.9, 0.9)], mp=mp_within("atanh", -1, 1)),
    "deg2rad": Case(np.deg2rad),
    "rad2deg": Case(np.rad2deg),
    "sinc": Case(np.sinc, kinks=(0.0,)),
    "tanh": Case(np.tanh, mp="tanh"),
    "sigmoid": Case(_sigmoid, mp=mp_sigmoid),
    "softplus": Case(_softplus, mp=mp_softplus),
    "logaddexp": Case(np.logaddexp, two()),
    "hypot": Case(np.hypot, two(POSITIVE, POSITIVE)),
    "erf": Case(erf, mp="erf"),
    "ndtr": Case(_ndtr, mp="ncdf"),
    "cbrt": Case(np.cbrt, kinks=(0.0,)),
    "lgamma": Case(special("gammaln"), [(0.1, 12.0)]),
    "digamma": Case(special("psi"), [(0.1, 12.0)]),
    "polygamma": Case(special("polygamma"), two((2.0, 2.0), (0.5, 4.0)), wrt=(1,)),
    "zeta": Case(special("zeta"), two((1.5, 6.0), (0.5, 4.0)), wrt=(1,)),
    "betaln": Case(special("betaln"), two(POSITIVE, POSITIVE)),
    "erfc": Case(special("erfc")),
    "erfcx": Case(special("erfcx")),
    "erfinv": Case(special("erfinv"), [(-0.9, 0.9)]),
    "ndtri": Case(special("ndtri"), [(0.05, 0.95)]),
    "log_ndtr": Case(special("log_ndtr"), [(-12.0, 5.0)]),
    "i0": Case(special("i0"), [(-10.0, 10.0)]),
    "i0e": Case(special("i0e"), [(-10.0, 10.0)], kinks=(0.0,)),
    "i1": Case(special("i1"), [(-10.0, 10.0)]),
    "i1e": Case(special("i1e"), [(-10.0, 10.0)], kinks=(0.0,)),
    "gammainc": Case(special("gammainc"), two(POSITIVE, POSITIVE), wrt=(1,)),
    "gammaincc": Case(special("gammaincc"), two(POSITIVE, POSITIVE), wrt=(1,)),
    "gammainc_slope": Case(_gammainc_slope, two((1.0, 1.0), POSITIVE), wrt=(1,)),
    "betainc": Case(special("betainc"), [POSITIVE, POSITIVE, (0.1, 0.9)], wrt=(2,)),
    "betainc_slope": Case(_betainc_slope, [POSITIVE, (1.0, 1.0), (0.1, 0.9)], wrt=(2,)),
    "entr": Case(special("entr"), [POSITIVE]),
    "xlog1py": Case(special("xlog1py"), two(ANY, (-0.8, 4.0))),
    "relu": Case(lambda a: np.maximum(a, 0), kinks=(0.0,), exact=True),
    "relu_backward": Case(
        lambda y, g: np.where(y > 0, g, 0), two(), kinks=(0.0,), wrt=(1,), exact=True
    ),
    "clip": Case(np.clip, [ANY, (-2.0, -0.5), (0.5, 2.0)], exact=True),
    "silu": Case(lambda a: a * _sigmoid(a)),
    "gelu": Case(lambda a: a * _ndtr(a)),
    "gelu_tanh": Case(
        lambda a: 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)))
    ),
    "mish": Case(lambda a: a * np.tanh(_softplus(a))),
    "log_sigmoid": Case(lambda a: np.log(_sigmoid(a))),
    "leaky_relu": Case(lambda a: np.where(a > 0, a, a * 0.3), kinks=(0.0,), numbers=(0.3,)),
    "prelu": Case(lambda a, w: np.where(a > 0, a, a * w), two(), kinks=(0.0,)),
    "elu": Case(
        lambda a: np.where(a > 0, a, 0.7 * np.expm1(np.minimum(a, 0))), kinks=(0.0,), numbers=(0.7,)
    ),
    "selu": Case(
        lambda a: (
            1.0507009873554804934193349852946
            * np.where(a > 0, a, 1.6732632423543772848170429916717 * (np.exp(a) - 1))
        ),
        kinks=(0.0,),
    ),
    "celu": Case(
        lambda a: np.maximum(a, 0) + np.minimum(0, 0.7 * (np.exp(a / 0.7) - 1)),
        kinks=(0.0,),
        numbers=(0.7,),
    ),
    "softsign": Case(lambda a: a / (1 + np.abs(a)), kinks=(0.0,)),
    "tanhshrink": Case(lambda a: a - np.tanh(a)),
    "softshrink": Case(
        lambda a: np.sign(a) * np.maximum(np.abs(a) - 0.8, 0), kinks=(-0.8, 0.8), numbers=(0.8,)
    ),
    "hardshrink": Case(
        lambda a: np.where(np.abs(a) > 0.8, a, 0), kinks=(-0.8, 0.8), numbers=(0.8,), exact=True
    ),
    "hardtanh": Case(
        lambda a: np.clip(a, -0.5, 2.0), kinks=(-0.5, 2.0), numbers=(-0.5, 2.0), exact=True
    ),
    "relu6": Case(lambda a: np.clip(a, 0, 6), [(-3.0, 9.0)], kinks=(0.0, 6.0), exact=True),
    "hardsigmoid": Case(lambda a: np.clip(a + 3, 0, 6) / 6, [(-5.0, 5.0)], kinks=(-3.0, 3.0)),
    "hardswish": Case(lambda a: a * np.clip(a + 3, 0, 6) / 6, [(-5.0, 5.0)], kinks=(-3.0, 3.0)),
    "threshold": Case(
        lambda a: np.where(a > 0.5, a, -7), kinks=(0.5,), numbers=(0.5, -7.0), exact=True
    ),
    "mse_loss": Case(lambda a, t: (a - t) ** 2, two(), exact=True),
    "l1_loss": Case(lambda a, t: np.abs(a - t), two((0.0, 3.0), (-3.0, -0.1)), exact=True),
    "smooth_l1_loss": Case(
        lambda a, t: np.where(
            np.abs(a - t) < 0.7, 0.5 * (a - t) ** 2 / 0.7, np.abs(a - t) - 0.5 * 0.7
        ),
        two(),
        numbers=(0.7,),
    ),
    "huber_loss": Case(
        lambda a, t: np.where(
            np.abs(a - t) < 0.7, 0.5 * (a - t) ** 2, 0.7 * (np.abs(a - t) - 0.5 * 0.7)
        ),
        two(),
        numbers=(0.7,),
    ),
    "bce_with_logits": Case(lambda a, t: _softplus(a) - a * t, two(ANY, (0.1, 0.9))),
    "binary_cross_entropy": Case(
        lambda a, t: -(t * np.log(a) + (1 - t) * np.log(1 - a)), two((0.1, 0.9), (0.1, 0.9))
    ),
    "kl_div": Case(lambda a, t: t * (np.log(t) - a), two(ANY, (0.1, 0.9))),
    "kl_div_log": Case(lambda a, t: np.exp(t) * (t - a), two()),
    "poisson_nll_loss": Case(lambda a, t: np.exp(a) - t * a, two(ANY, (0.0, 5.0))),
    "hinge_embedding_loss": Case(
        lambda a, t: np.where(t > 0, a, np.maximum(0, 0.8 - a)),
        two(),
        kinks=(0.0, 0.8),
        wrt=(0,),
        numbers=(0.8,),
    ),
    "soft_margin_loss": Case(lambda a, t: np.log1p(np.exp(-t * a)), two()),
}
