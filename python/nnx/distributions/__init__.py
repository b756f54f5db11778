"""Probability distributions to draw from, with log-probabilities, by PyTorch's names.

`sample` draws without a gradient; `rsample`, where there is one, follows the parameters, so that a
variational auto-encoder learns through it. Draws come from nnx's own random streams: a seed gives
the same numbers every time. Parameters and values are checked; `validate_args=False` leaves that
out.

Example:
    >>> d = nnx.distributions.Normal(0.0, 1.0)
    >>> round(d.log_prob(0.0).item(), 4)
    -0.9189
"""

from __future__ import annotations

from nnx.distributions import constraints, transforms
from nnx.distributions.bernoulli import Bernoulli, Geometric
from nnx.distributions.beta import Beta, Dirichlet
from nnx.distributions.categorical import Categorical, OneHotCategorical
from nnx.distributions.cauchy import Cauchy, Gumbel, StudentT
from nnx.distributions.combined import Independent, MixtureSameFamily
from nnx.distributions.counts import Binomial, Multinomial, Poisson
from nnx.distributions.distribution import Distribution
from nnx.distributions.exponential import Exponential, Laplace
from nnx.distributions.gamma import Chi2, Gamma
from nnx.distributions.kl import kl_divergence, register_kl
from nnx.distributions.multivariate_normal import MultivariateNormal
from nnx.distributions.normal import HalfNormal, Normal
from nnx.distributions.transformed import LogNormal, TransformedDistribution
from nnx.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    TanhTransform,
    Transform,
)
from nnx.distributions.uniform import Uniform

__all__ = [
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "Gamma",
    "Geometric",
    "Gumbel",
    "HalfNormal",
    "Independent",
    "Laplace",
    "LogNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "Normal",
    "OneHotCategorical",
    "Poisson",
    "PowerTransform",
    "SigmoidTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "constraints",
    "kl_divergence",
    "register_kl",
    "transforms",
]
