"""Special functions, by the names of scipy.special and torch.special.

Each is a function of nnx as well (`nnx.lgamma`, `nnx.erfinv`), in float32 and float64, with
derivatives of any order; SciPy's values at the edges. Here are the names that stand for several.

Example:
    >>> nnx.special.gammaln(nnx.tensor([1.0, 5.0]))
    tensor([0.       , 3.1780539])
"""

from __future__ import annotations

from math import nan

from nnx._nnx import (
    Tensor,
    betainc,
    betaln,
    cbrt,
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    exp2,
    expit,
    expm1,
    floor,
    gammainc,
    gammaincc,
    gammaln,
    i0,
    i0e,
    i1,
    i1e,
    log1p,
    log_ndtr,
    log_softmax,
    logit,
    logsumexp,
    mvlgamma,
    ndtr,
    ndtri,
    polygamma,
    psi,
    round,
    sinc,
    softmax,
    where,
    xlog1py,
    xlogy,
    zeta,
)
from nnx.linalg.arguments import TensorLike, floats

__all__ = [
    "beta",
    "betainc",
    "betaln",
    "binom",
    "cbrt",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "mvlgamma",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]


multigammaln = mvlgamma


def _beta(a: Tensor, b: Tensor, power: int) -> Tensor:
    """beta(a, b) to the power 1 or -1, with the sign that its logarithm leaves out."""
    size = (power * betaln(a, b)).exp()
    turned = _negative(a) ^ _negative(b) ^ _negative(a + b)
    out: Tensor = where(turned, -size, size)
    return out


def _negative(x: Tensor) -> Tensor:
    """Where gamma(x) is negative: from -1 to 0, from -3 to -2, and so on."""
    below = floor(x)
    return (x < 0) & (x != below) & (below % 2 == 1)


def beta(a: TensorLike, b: TensorLike) -> Tensor:
    """The beta function gamma(a) gamma(b) / gamma(a + b): infinite at the poles of gamma(a) and
    gamma(b), which are 0, -1, -2, ..., and NaN where gamma(a + b) has one, too.

    Shapes: any that broadcast. dtypes: floating; integers become the default one.

    Example:
        >>> (6 * nnx.special.beta([1.0, 2.0], 2.0)).round().tolist()
        [3.0, 1.0]
    """
    x = floats(a, b if isinstance(b, Tensor) else None)
    return _beta(x, floats(b, x), 1)


def binom(x: TensorLike, y: TensorLike) -> Tensor:
    """The binomial coefficient gamma(x + 1) / (gamma(y + 1) gamma(x - y + 1)); NaN for an x that is
    a negative whole number.

    Shapes: any that broadcast. dtypes: floating; integers become the default one.

    Example:
        >>> nnx.special.binom([4.0, 5.0], 2.0).round().tolist()
        [6.0, 10.0]
    """
    n = floats(x, y if isinstance(y, Tensor) else None)
    k = floats(y, n)
    found = _beta(n - k + 1, k + 1, -1) / (n + 1)
    out: Tensor = where((n < 0) & (n == floor(n)), nan, found)
    return out
