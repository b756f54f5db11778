"""Every distribution against torch.distributions: the same numbers, gradients and shapes."""

from __future__ import annotations

from typing import Any

import nnx
import numpy as np
import pytest
from nnx import distributions as ours

torch = pytest.importorskip("torch", reason="PyTorch is not installed: no witness")
theirs = torch.distributions

A = np.array([0.7, 1.3, 2.5, 4.0])
B = np.array([1.1, 0.4, 3.0, 2.2])
P = np.array([0.2, 0.5, 0.9, 0.35])
ROWS = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
LOC = np.array([[0.3, -1.0], [2.0, 0.5]])
MATRIX = np.array([[2.0, 0.6], [0.6, 1.0]])
TRIL = np.array([[1.2, 0.0], [-0.4, 0.7]])
ZERO, LINE = np.zeros(4), np.array([-1.5, 0.2, 0.9, 3.0])
COUNTS, UNIT = np.array([0.0, 1.0, 3.0, 2.0]), np.array([0.1, 0.4, 0.8, 0.95])
SHARES = np.array([[0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])

# The name, its arguments, values to try.
CASES: list[tuple[str, dict[str, Any], np.ndarray]] = [
    ("Normal", {"loc": LINE, "scale": A}, LINE[::-1].copy()),
    ("LogNormal", {"loc": LINE, "scale": A}, B),
    ("HalfNormal", {"scale": A}, B),
    ("Uniform", {"low": ZERO, "high": A + B}, A),
    ("Exponential", {"rate": A}, B),
    ("Laplace", {"loc": LINE, "scale": A}, B),
    ("Cauchy", {"loc": LINE, "scale": A}, B),
    ("StudentT", {"df": A + 2, "loc": LINE, "scale": B}, A),
    ("Gumbel", {"loc": LINE, "scale": A}, B),
    ("Gamma", {"concentration": A, "rate": B}, A[::-1].copy()),
    ("Chi2", {"df": A}, B),
    ("Beta", {"concentration1": A, "concentration0": B}, UNIT),
    ("Dirichlet", {"concentration": 3 * ROWS}, SHARES),
    ("Bernoulli", {"probs": P}, np.array([0.0, 1.0, 1.0, 0.0])),
    ("Bernoulli", {"logits": LINE}, np.array([0.0, 1.0, 1.0, 0.0])),
    ("Geometric", {"probs": P}, COUNTS),
    ("Geometric", {"logits": LINE}, COUNTS),
    ("Binomial", {"total_count": 5, "probs": P}, COUNTS),
    ("Binomial", {"total_count": 5, "logits": LINE}, COUNTS),
    ("Poisson", {"rate": A}, COUNTS),
    ("Categorical", {"probs": ROWS}, np.array([2.0, 0.0])),
    ("Categorical", {"logits": np.log(ROWS) + 1}, np.array([1.0, 1.0])),
    ("OneHotCategorical", {"probs": ROWS}, np.array([[0.0, 0, 1], [1, 0, 0]])),
    ("Multinomial", {"total_count": 4, "probs": ROWS}, np.array([[1.0, 1, 2], [4, 0, 0]])),
    ("MultivariateNormal", {"loc": LOC, "covariance_matrix": MATRIX}, LOC + 0.5),
    ("MultivariateNormal", {"loc": LOC, "precision_matrix": MATRIX}, LOC + 0.5),
    ("MultivariateNormal", {"loc": LOC, "scale_tril": TRIL}, LOC + 0.5),
]
IDS = [f"{name}-{list(arguments)[-1]}" for name, arguments, _ in CASES]


def made(name: str, arguments: dict[str, Any]) -> tuple[Any, Any, list[Any], list[Any]]:
    """The distribution here and there, and their parameters, which record gradients."""
    mine, torchs = {}, {}
    for key, value in arguments.items():
        array = isinstance(value, np.ndarray)
        mine[key] = nnx.tensor(value, requires_grad=True) if array else value
        torchs[key] = torch.tensor(value, requires_grad=True) if array else value
    leaves = [k for k in mine if isinstance(mine[k], nnx.Tensor)]
    return (
        getattr(ours, name)(**mine),
        getattr(theirs, name)(**torchs),
        [mine[k] for k in leaves],
        [torchs[k] for k in leaves],
    )


def agree(got: nnx.Tensor, expected: Any, what: str, rtol: float = 1e-11) -> None:
    assert tuple(got.shape) == tuple(expected.shape), what
    mine, there = np.asarray(got.detach()), expected.detach().numpy()
    np.testing.assert_allclose(mine, there, rtol=rtol, atol=1e-12, err_msg=what)


@pytest.mark.parametrize(("name", "arguments", "values"), CASES, ids=IDS)
def test_log_prob_and_gradients(name: str, arguments: dict[str, Any], values: np.ndarray) -> None:
    d, t, leaves, there = made(name, arguments)
    value = nnx.tensor(values, requires_grad=True)
    known = torch.tensor(values, requires_grad=True)
    got, expected = d.log_prob(value), t.log_prob(known)
    agree(got, expected, "log_prob")
    weight = np.random.default_rng(0).uniform(0.5, 1.5, tuple(expected.shape))
    (got * nnx.tensor(weight)).sum().backward()
    (expected * torch.tensor(weight)).sum().backward()
    for mine, other in zip([*leaves, value], [*there, known], strict=True):
        if other.grad is not None and bool(torch.isfinite(other.grad).all()):
            assert mine.grad is not None, name
            agree(mine.grad, other.grad, "gradient of log_prob", rtol=1e-8)


@pytest.mark.parametrize(("name", "arguments", "values"), CASES, ids=IDS)
def test_properties(name: str, arguments: dict[str, Any], values: np.ndarray) -> None:
    d, t, _, _ = made(name, arguments)
    assert tuple(d.batch_shape) == tuple(t.batch_shape)
    assert tuple(d.event_shape) == tuple(t.event_shape)
    assert d.has_enumerate_support == t.has_enumerate_support
    assert d.has_rsample == t.has_rsample or name == "OneHotCategorical"
    for what in ("mean", "variance", "stddev", "mode"):
        try:
            expected = getattr(t, what)
        except NotImplementedError:
            continue
        agree(getattr(d, what), expected, what, rtol=1e-10)
    for what, points in (("cdf", values), ("icdf", UNIT)):
        try:
            expected = getattr(t, what)(torch.tensor(points))
        except NotImplementedError:
            continue
        agree(getattr(d, what)(nnx.tensor(points)), expected, what, rtol=1e-6)
    try:
        expected = t.entropy()
    except NotImplementedError:
        return
    agree(d.entropy(), expected, "entropy", rtol=1e-7)  # theirs is in float32 in part


@pytest.mark.parametrize(("name", "arguments", "values"), CASES, ids=IDS)
def test_expand_and_shapes_of_draws(
    name: str, arguments: dict[str, Any], values: np.ndarray
) -> None:
    d, t, _, _ = made(name, arguments)
    batch = (3, *d.batch_shape)
    wide, there = d.expand(batch), t.expand(batch)
    assert tuple(wide.batch_shape) == tuple(there.batch_shape) == batch
    for shape in ((), (2,), (2, 1)):
        assert d.sample(shape).shape == tuple(t.sample(torch.Size(shape)).shape)
        assert wide.sample(shape).shape == tuple(there.sample(torch.Size(shape)).shape)
        assert not d.sample(shape).requires_grad
    agree(wide.log_prob(nnx.tensor(values)), there.log_prob(torch.tensor(values)), "expanded")
    if d.has_enumerate_support:
        agree(d.enumerate_support(), t.enumerate_support(), "enumerate_support")
        agree(d.enumerate_support(False), t.enumerate_support(False), "enumerate_support")


PAIRS = [
    ("Normal", {"loc": LINE, "scale": A}, {"loc": B, "scale": B}),
    ("LogNormal", {"loc": LINE, "scale": A}, {"loc": B, "scale": B}),
    ("HalfNormal", {"scale": A}, {"scale": B}),
    ("Uniform", {"low": ZERO, "high": A}, {"low": ZERO - 1, "high": B + 2}),
    ("Exponential", {"rate": A}, {"rate": B}),
    ("Laplace", {"loc": LINE, "scale": A}, {"loc": B, "scale": B}),
    ("Cauchy", {"loc": LINE, "scale": A}, {"loc": B, "scale": B}),
    ("Gumbel", {"loc": LINE, "scale": A}, {"loc": B, "scale": B}),
    ("Gamma", {"concentration": A, "rate": B}, {"concentration": B, "rate": A}),
    ("Chi2", {"df": A}, {"df": B}),
    (
        "Beta",
        {"concentration1": A, "concentration0": B},
        {"concentration1": B, "concentration0": B},
    ),
    ("Dirichlet", {"concentration": 3 * ROWS}, {"concentration": 1 + ROWS}),
    ("Bernoulli", {"probs": P}, {"probs": UNIT}),
    ("Geometric", {"probs": P}, {"probs": UNIT}),
    ("Binomial", {"total_count": 5, "probs": P}, {"total_count": 5, "probs": UNIT}),
    ("Poisson", {"rate": A}, {"rate": B}),
    ("Categorical", {"probs": ROWS}, {"probs": SHARES}),
    ("OneHotCategorical", {"probs": ROWS}, {"probs": SHARES}),
    (
        "MultivariateNormal",
        {"loc": LOC, "covariance_matrix": MATRIX},
        {"loc": LOC[::-1].copy(), "scale_tril": TRIL},
    ),
]


@pytest.mark.parametrize(("name", "one", "other"), PAIRS, ids=[p[0] for p in PAIRS])
def test_divergence_and_gradients(name: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    p, tp, leaves, there = made(name, one)
    q, tq, more, others = made(name, other)
    got, expected = ours.kl_divergence(p, q), theirs.kl_divergence(tp, tq)
    agree(got, expected, "kl_divergence", rtol=1e-9)
    got.sum().backward()
    expected.sum().backward()
    for mine, known in zip([*leaves, *more], [*there, *others], strict=True):
        agree(mine.grad, known.grad, "gradient of kl_divergence", rtol=1e-7)


def test_divergence_of_two_kinds() -> None:
    p, tp, _, _ = made("Uniform", {"low": ZERO, "high": A})
    q, tq, _, _ = made("Normal", {"loc": LINE, "scale": B})
    agree(ours.kl_divergence(p, q), theirs.kl_divergence(tp, tq), "Uniform, Normal")
    wrapped = ours.Independent(p, 1), ours.Independent(p, 1)
    assert ours.kl_divergence(*wrapped).item() == 0


def test_mixtures_and_transforms() -> None:
    weights, values = ROWS, np.array([0.3, 1.7])
    loc = np.array([[-1.0, 0.0, 2.0], [1.0, 0.5, 0.2]])
    d = ours.MixtureSameFamily(
        ours.Categorical(nnx.tensor(weights)), ours.Normal(nnx.tensor(loc), 0.7)
    )
    t = theirs.MixtureSameFamily(
        theirs.Categorical(torch.tensor(weights)), theirs.Normal(torch.tensor(loc), 0.7)
    )
    agree(d.log_prob(nnx.tensor(values)), t.log_prob(torch.tensor(values)), "log_prob", 1e-6)
    agree(d.mean, t.mean, "mean")
    agree(d.variance, t.variance, "variance", 1e-6)
    agree(d.cdf(nnx.tensor(values)), t.cdf(torch.tensor(values)), "cdf", 1e-6)
    assert d.sample((5,)).shape == (5, 2) and d.expand((3, 2)).sample((5,)).shape == (5, 3, 2)
    chains = [
        (ours.transforms.AffineTransform(1.0, -2.0), theirs.AffineTransform(1.0, -2.0)),
        (ours.transforms.ExpTransform(), theirs.ExpTransform()),
        (ours.transforms.PowerTransform(0.5), theirs.PowerTransform(torch.tensor(0.5))),
    ]
    d = ours.TransformedDistribution(ours.Normal(nnx.tensor(LINE), 0.5), [c[0] for c in chains])
    t = theirs.TransformedDistribution(
        theirs.Normal(torch.tensor(LINE), 0.5), [c[1] for c in chains]
    )
    agree(d.log_prob(nnx.tensor(A)), t.log_prob(torch.tensor(A)), "transformed", 1e-6)
    agree(d.cdf(nnx.tensor(A)), t.cdf(torch.tensor(A)), "cdf", 1e-6)
    agree(d.icdf(nnx.tensor(UNIT)), t.icdf(torch.tensor(UNIT)), "icdf", 1e-6)
    for mine, other in (
        (ours.SigmoidTransform(), theirs.SigmoidTransform()),
        (ours.TanhTransform(), theirs.TanhTransform()),
    ):
        x, known = nnx.tensor(LINE), torch.tensor(LINE)
        agree(mine(x), other(known), "value")
        agree(mine.inv(mine(x)), known, "inverse", 1e-9)
        slope = other.log_abs_det_jacobian(known, other(known))
        agree(mine.log_abs_det_jacobian(x, mine(x)), slope, "slope")


def test_gradients_of_draws_of_gamma() -> None:
    """Where a draw moves when its shape parameter does, as PyTorch computes it."""
    from nnx.distributions.gamma import standard_gamma

    for a in (0.1, 0.6, 1.0, 3.0, 25.0, 400.0):
        shape = nnx.full((200,), a, dtype=nnx.float64, requires_grad=True)
        nnx.manual_seed(1)
        draws = standard_gamma(shape)
        draws.sum().backward()
        x = torch.tensor(np.asarray(draws.detach()))
        expected = torch._standard_gamma_grad(torch.full_like(x, a), x)
        np.testing.assert_allclose(np.asarray(shape.grad), expected.numpy(), rtol=2e-3)
