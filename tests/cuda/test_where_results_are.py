"""What is composed in Python answers on the device of its tensors: numbers and lists go there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import nnx.torch as torch
import pytest
from nnx import distributions as D
from nnx import random

Make = Callable[[nnx.Tensor], Any]

DISTRIBUTIONS: dict[str, tuple[Callable[[nnx.Tensor], D.Distribution], Any]] = {
    "Bernoulli": (D.Bernoulli, 1.0),
    "Beta": (lambda v: D.Beta(v, 1.0), 0.5),
    "Binomial": (lambda v: D.Binomial(3, v), 1.0),
    "Categorical": (D.Categorical, 1),
    "Cauchy": (lambda v: D.Cauchy(v, 1.0), 1.0),
    "Chi2": (D.Chi2, 1.0),
    "Dirichlet": (D.Dirichlet, [0.5, 0.5]),
    "Exponential": (D.Exponential, 1.0),
    "Gamma": (lambda v: D.Gamma(v, 1.0), 1.0),
    "Geometric": (D.Geometric, 1.0),
    "Gumbel": (lambda v: D.Gumbel(v, 1.0), 1.0),
    "HalfNormal": (D.HalfNormal, 1.0),
    "Laplace": (lambda v: D.Laplace(v, 1.0), 1.0),
    "LogNormal": (lambda v: D.LogNormal(v, 1.0), 1.0),
    "Multinomial": (lambda v: D.Multinomial(3, v), [1.0, 2.0]),
    "MultivariateNormal": (lambda v: D.MultivariateNormal(v, nnx.diag(v)), [1.0, 2.0]),
    "precision": (lambda v: D.MultivariateNormal(v, precision_matrix=nnx.diag(v)), [1.0, 2.0]),
    "Normal": (lambda v: D.Normal(v, 1.0), 1.0),
    "OneHotCategorical": (D.OneHotCategorical, [0.0, 1.0]),
    "Poisson": (D.Poisson, 1.0),
    "StudentT": (lambda v: D.StudentT(v + 3, v, 1.0), 1.0),
    "Uniform": (lambda v: D.Uniform(0.0, v), 0.1),
    "falling": (
        lambda v: D.TransformedDistribution(D.Normal(v, 1.0), [D.AffineTransform(1.0, -2.0)]),
        1.0,
    ),
}


def everywhere(found: Any) -> set[nnx.device]:
    return {t.device for t in (found if isinstance(found, tuple) else (found,))}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(cuda: nnx.device, name: str) -> None:
    make, value = DISTRIBUTIONS[name]
    d = make(nnx.tensor([0.2, 0.8], device=cuda))
    asked: dict[str, Callable[[], Any]] = {
        "mean": lambda: d.mean,
        "variance": lambda: d.variance,
        "mode": lambda: d.mode,
        "entropy": d.entropy,
        "sample": lambda: d.sample((3,)),
        "log_prob": lambda: d.log_prob(value),
        "cdf": lambda: d.cdf(value),
        "icdf": lambda: d.icdf(0.3),
        "enumerate_support": d.enumerate_support,
    }
    found = {}
    for what, call in asked.items():
        try:
            found[what] = call().device
        except nnx.ArgumentError as error:
            assert "in closed form" in str(error), what
    assert "sample" in found and "log_prob" in found
    assert found == dict.fromkeys(found, cuda)


FUNCTIONS: dict[str, Make] = {
    "beta": lambda v: random.beta(v, 1.0),
    "choice": lambda v: random.choice(v, 3),
    "choice of numbers": lambda v: random.choice(2, 3, p=v),
    "choice once each": lambda v: random.choice(v, 2, False),
    "choice with p": lambda v: random.choice(v, 3, p=[0.2, 0.8]),
    "dirichlet": lambda v: random.dirichlet(v, 3),
    "multinomial": lambda v: random.multinomial(3, v, 5),
    "permutation": lambda v: random.permutation(v),
    "poisson": lambda v: random.poisson(100 * v),
    "torch.mode": lambda v: torch.mode(v),
    "torch.mode of a number": lambda v: torch.mode(v[0]),
    "torch.unique_consecutive": lambda v: torch.unique_consecutive(v, True, True),
    "torch.diag_embed": lambda v: torch.diag_embed(v),
    "torch.repeat_interleave": lambda v: torch.repeat_interleave((3 * v).long()),
    "torch.combinations": lambda v: torch.combinations(v),
    "torch.histc": lambda v: torch.histc(v, 3),
    "append": lambda v: nnx.append(v, 1.0),
    "diff": lambda v: nnx.diff(v, prepend=1.0),
    "digitize": lambda v: nnx.digitize(v, [0.5, 1.0]),
    "ediff1d": lambda v: nnx.ediff1d(v, 1.0, 2.0),
    "histogram": lambda v: nnx.histogram(v, 3),
    "histogram, edges": lambda v: nnx.histogram(v, [0.0, 0.5, 1.0], weights=[1.0, 2.0]),
    "insert": lambda v: nnx.insert(v, 1, 3.0),
    "interp": lambda v: nnx.interp(v, [0.0, 1.0], [2.0, 3.0]),
    "interp, table": lambda v: nnx.interp([0.5], v, v),
    "isin": lambda v: nnx.isin(v, [0.2]),
    "nanquantile": lambda v: nnx.nanquantile(v, [0.2, 0.5]),
    "polyint": lambda v: nnx.polyint(v),
    "searchsorted": lambda v: nnx.searchsorted(v, 0.3),
    "searchsorted, list": lambda v: nnx.searchsorted([0.1, 0.5], v),
    "inv": lambda v: nnx.linalg.inv(nnx.diag(v)),
    "matrix_power": lambda v: nnx.linalg.matrix_power(nnx.diag(v), 0),
    "solve": lambda v: nnx.linalg.solve(nnx.diag(v), [1.0, 2.0]),
    "special.beta": lambda v: nnx.special.beta(2.0, v),
    "special.binom": lambda v: nnx.special.binom(2.0, v),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(cuda: nnx.device, name: str) -> None:
    assert everywhere(FUNCTIONS[name](nnx.tensor([0.2, 0.8], device=cuda))) == {cuda}
