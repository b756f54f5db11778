"""Special functions, by the names of scipy.special and torch.special.

Each is a function of nnx as well (`nnx.lgamma`, `nnx.erfinv`), in float32 and float64, with
derivatives of any order; SciPy's values at the edges. Here are the names that stand for several.

Example:
    >>> nnx.special.gammaln(nnx.tensor([1.0, 5.0]))
    tensor([0.       , 3.1780539])
"""

from __future__ import annotations

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


def beta(a: TensorLike, b: TensorLike) -> Tensor:
    """The beta function of positive numbers, gamma(a) gamma(b) / gamma(a + b).

    Shapes: any that broadcast. dtypes: floating; integers become the default one.

    Example:
        >>> (6 * nnx.special.beta([1.0, 2.0], 2.0)).round().tolist()
        [3.0, 1.0]
    """
    return betaln(floats(a), b).exp()


def binom(x: TensorLike, y: TensorLike) -> Tensor:
    """The binomial coefficient of x >= y >= 0, gamma(x + 1) / (gamma(y + 1) gamma(x - y + 1)).

    Shapes: any that broadcast. dtypes: floating; integers become the default one.

    Example:
        >>> nnx.special.binom([4.0, 5.0], 2.0).round().tolist()
        [6.0, 10.0]
    """
    n, k = floats(x), floats(y)
    return (-betaln(n - k + 1, k + 1)).exp() / (n + 1)
