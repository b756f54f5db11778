"""Distributions and nnx.random without PyTorch: SciPy, samples against distribution functions,
errors that teach, the same draws from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import distributions as D
from nnx import random

stats = pytest.importorskip("scipy.stats", reason="the witness of distributions")

# The distribution, SciPy's, a value, whether its log_prob and cdf are to be tried.
KNOWN: list[tuple[str, Callable[[], D.Distribution], Any, list[float]]] = [
    ("Normal", lambda: D.Normal(t(0.5), 2.0), stats.norm(0.5, 2), [-1.0, 3.0]),
    ("LogNormal", lambda: D.LogNormal(t(0.5), 0.8), stats.lognorm(0.8, 0, np.exp(0.5)), [0.3, 4.0]),
    ("HalfNormal", lambda: D.HalfNormal(t(2.0)), stats.halfnorm(0, 2), [0.1, 3.0]),
    ("Uniform", lambda: D.Uniform(t(1.0), 4.0), stats.uniform(1, 3), [1.5, 3.0]),
    ("Exponential", lambda: D.Exponential(t(2.0)), stats.expon(0, 0.5), [0.1, 3.0]),
    ("Laplace", lambda: D.Laplace(t(1.0), 2.0), stats.laplace(1, 2), [-4.0, 3.0]),
    ("Cauchy", lambda: D.Cauchy(t(1.0), 2.0), stats.cauchy(1, 2), [-4.0, 3.0]),
    ("StudentT", lambda: D.StudentT(t(3.5), 1.0, 2.0), stats.t(3.5, 1, 2), [-4.0, 3.0]),
    ("Gumbel", lambda: D.Gumbel(t(1.0), 2.0), stats.gumbel_r(1, 2), [-2.0, 3.0]),
    ("Gamma", lambda: D.Gamma(t(2.5), 3.0), stats.gamma(2.5, 0, 1 / 3), [0.2, 3.0]),
    ("Chi2", lambda: D.Chi2(t(3.0)), stats.chi2(3), [0.2, 7.0]),
    ("Beta", lambda: D.Beta(t(0.5), 3.0), stats.beta(0.5, 3), [0.01, 0.6]),
    ("Bernoulli", lambda: D.Bernoulli(t(0.3)), stats.bernoulli(0.3), [0.0, 1.0]),
    ("Geometric", lambda: D.Geometric(t(0.3)), stats.geom(0.3, -1), [0.0, 5.0]),
    ("Binomial", lambda: D.Binomial(9, t(0.3)), stats.binom(9, 0.3), [0.0, 4.0, 9.0]),
    ("Binomial large", lambda: D.Binomial(90, t(0.7)), stats.binom(90, 0.7), [60.0, 70.0]),
    ("Poisson", lambda: D.Poisson(t(3.5)), stats.poisson(3.5), [0.0, 7.0]),
    ("Poisson large", lambda: D.Poisson(t(35.0)), stats.poisson(35), [20.0, 40.0]),
]
NAMES = [k[0] for k in KNOWN]


def t(value: Any) -> nnx.Tensor:
    return nnx.tensor(value, dtype=nnx.float64)


@pytest.mark.parametrize(("name", "make", "known", "values"), KNOWN, ids=NAMES)
def test_against_scipy(
    name: str, make: Callable[[], D.Distribution], known: Any, values: list[float]
) -> None:
    d = make()
    x = t(values)
    density = known.logpmf if d.support.is_discrete else known.logpdf
    np.testing.assert_allclose(d.log_prob(x).numpy(), density(values), rtol=1e-11)
    np.testing.assert_allclose(d.cdf(x).numpy(), known.cdf(values), rtol=1e-11)
    if np.isfinite(known.mean()):
        np.testing.assert_allclose(d.mean.item(), known.mean(), rtol=1e-12)
        np.testing.assert_allclose(d.variance.item(), known.var(), rtol=1e-10)
    if "Poisson" not in name:
        np.testing.assert_allclose(d.entropy().item(), known.entropy(), rtol=1e-6)


@pytest.mark.parametrize(("name", "make", "known", "values"), KNOWN, ids=NAMES)
def test_draws_have_the_distribution(
    name: str, make: Callable[[], D.Distribution], known: Any, values: list[float]
) -> None:
    """Kolmogorov and Smirnov; of counts, their shares within five standard deviations."""
    d = make()
    nnx.manual_seed(3)
    x = d.sample((20_000,)).numpy()
    if not d.support.is_discrete:
        assert stats.kstest(x, known.cdf).pvalue > 1e-3
        return
    for k in np.unique(x):
        p = known.pmf(k)
        assert abs((x == k).mean() - p) < 5 * np.sqrt(p / 20_000), (name, k)


RANDOM: list[tuple[str, Callable[[Any], nnx.Tensor], Any]] = [
    ("random", lambda n: random.random(n), stats.uniform()),
    ("uniform", lambda n: random.uniform(-1.0, 3.0, n), stats.uniform(-1, 4)),
    ("normal", lambda n: random.normal(2.0, 3.0, n), stats.norm(2, 3)),
    ("standard_normal", lambda n: random.standard_normal(n), stats.norm()),
    ("lognormal", lambda n: random.lognormal(0.5, 0.7, n), stats.lognorm(0.7, 0, np.exp(0.5))),
    ("exponential", lambda n: random.exponential(2.0, n), stats.expon(0, 2)),
    ("standard_exponential", lambda n: random.standard_exponential(n), stats.expon()),
    ("laplace", lambda n: random.laplace(1.0, 2.0, n), stats.laplace(1, 2)),
    ("gumbel", lambda n: random.gumbel(1.0, 2.0, n), stats.gumbel_r(1, 2)),
    ("standard_cauchy", lambda n: random.standard_cauchy(n), stats.cauchy()),
    ("standard_gamma", lambda n: random.standard_gamma(0.3, n), stats.gamma(0.3)),
    ("gamma", lambda n: random.gamma(7.0, 2.0, n), stats.gamma(7, 0, 2)),
    ("chisquare", lambda n: random.chisquare(3.0, n), stats.chi2(3)),
    ("standard_t", lambda n: random.standard_t(3.0, n), stats.t(3)),
    ("beta", lambda n: random.beta(2.0, 0.7, n), stats.beta(2, 0.7)),
    ("dirichlet", lambda n: random.dirichlet([2.0, 1.0, 4.0], n)[:, 2], stats.beta(4, 3)),
    ("geometric", lambda n: random.geometric(0.3, n), stats.geom(0.3)),
    ("poisson", lambda n: random.poisson(6.0, n), stats.poisson(6)),
    ("binomial", lambda n: random.binomial(60, 0.9, n), stats.binom(60, 0.9)),
    (
        "multinomial",
        lambda n: random.multinomial(40, [0.2, 0.5, 0.3], n)[:, 2],
        stats.binom(40, 0.3),
    ),
    ("integers", lambda n: random.integers(2, 5, n), stats.randint(2, 5)),
    (
        "choice",
        lambda n: random.choice(3, n, p=[0.1, 0.7, 0.2]),
        stats.rv_discrete(values=([0, 1, 2], [0.1, 0.7, 0.2])),
    ),
]


@pytest.mark.parametrize(("name", "draw", "known"), RANDOM, ids=[r[0] for r in RANDOM])
def test_random_by_numpys_names(name: str, draw: Callable[[Any], nnx.Tensor], known: Any) -> None:
    nnx.manual_seed(11)
    first = draw(10_000)
    nnx.manual_seed(11)
    assert nnx.array_equal(first, draw(10_000))
    x = first.numpy()
    if x.dtype.kind == "f":
        assert first.dtype == nnx.float32
        assert stats.kstest(x, known.cdf).pvalue > 1e-3
        return
    for k in np.unique(x):
        p = known.pmf(k)
        assert abs((x == k).mean() - p) < 5 * np.sqrt(p / 10_000) + 1e-4, (name, k)


def test_generators_shapes_and_dtypes() -> None:
    one, other = nnx.Generator().manual_seed(4), nnx.Generator().manual_seed(4)
    a = random.gamma(nnx.tensor([0.5, 2.0]), 3.0, (4, 2), generator=one)
    assert a.tolist() == random.gamma(nnx.tensor([0.5, 2.0]), 3.0, (4, 2), generator=other).tolist()
    assert random.poisson(nnx.ones(3)).shape == (3,) and random.poisson(2.0).dtype == nnx.int64
    assert random.gamma(t([1.0])).dtype == nnx.float64
    assert random.gamma(2.0, size=(0, 3)).shape == (0, 3)
    assert random.binomial(0, 0.5, 3).tolist() == [0, 0, 0]
    assert random.binomial([5, 50], [1.0, 0.0]).tolist() == [5, 0]
    assert random.poisson(0.0).item() == 0
    assert random.normal(size=np.int64(3)).shape == (3,)
    assert random.dirichlet([1.0, 2.0], np.int64(3)).shape == (3, 2)
    assert random.multinomial(5, [0.5, 0.5], np.int64(3)).shape == (3, 2)
    assert random.integers(np.int64(4), size=(np.int64(2), 3)).shape == (2, 3)
    assert random.multivariate_normal([0.0], [[1.0]], np.int64(3)).shape == (3, 1)
    for four in (np.int64(4), np.array(4), nnx.tensor(4)):
        assert sorted(random.permutation(four).tolist()) == [0, 1, 2, 3]
        assert sorted(random.choice(four, four, replace=False).tolist()) == [0, 1, 2, 3]
    assert random.permutation(np.array([4])).tolist() == [4]
    rows = nnx.arange(6).reshape(3, 2)
    assert sorted(random.permutation(rows).tolist()) == rows.tolist()
    assert sorted(random.choice(rows, 3, replace=False).tolist()) == rows.tolist()
    draws = random.multivariate_normal([1.0, -1.0], [[2.0, 0.6], [0.6, 1.0]], size=20_000)
    np.testing.assert_allclose(np.cov(draws.numpy().T), [[2, 0.6], [0.6, 1]], atol=0.06)


def test_random_errors() -> None:
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: random.gamma(-1.0), nnx.ArgumentError, r"\[standard_gamma\] shape must be"),
        (lambda: random.gamma(float("nan")), nnx.ArgumentError, "finite and above 0"),
        (lambda: random.poisson(-1.0), nnx.ArgumentError, r"\[poisson\] lam must be in"),
        (lambda: random.binomial(2.5, 0.5), nnx.ArgumentError, "whole number"),
        (lambda: random.binomial(2, 1.5), nnx.ArgumentError, r"p must be in \[0, 1\]"),
        (lambda: random.multinomial(2, [0.5, 0.6]), nnx.ArgumentError, "the sum 1"),
        (lambda: random.multinomial(-1, [0.5, 0.5]), nnx.ArgumentError, r"\[multinomial\] n must"),
        (lambda: random.multinomial([2, 3], [0.5, 0.5], 5), nnx.ShapeError, r"\[multinomial\] n"),
        (lambda: random.integers([0, 5], [5, 5]), nnx.ArgumentError, r"with \[5, 5\] at \[1\]"),
        (lambda: random.integers([0.5], 2), nnx.DTypeError, r"\[integers\] bounds must be whole"),
        (lambda: random.integers([-(2**63)], 1), nnx.ArgumentError, r"fewer than 2\*\*63"),
        (lambda: random.integers(0, [2**63]), nnx.ArgumentError, r"below 2\*\*63"),
        (lambda: random.integers([3, 4], size=3), nnx.ShapeError, "broadcast to size"),
        (lambda: random.integers(0, "5"), nnx.DTypeError, "high must be an int"),
        (lambda: random.normal(0.0, -1.0), nnx.ArgumentError, "scale must be at least 0"),
        (lambda: random.normal(nnx.zeros(3), 1.0, (2,)), nnx.ShapeError, "broadcast to size"),
        (lambda: random.choice(2, 3, replace=False), nnx.ArgumentError, "2 to draw from"),
        (lambda: random.choice(2, 3, p=[0.5]), nnx.ArgumentError, "2 probabilities"),
        (lambda: random.geometric(0.0), nnx.ArgumentError, r"\(0, 1\]"),
        (lambda: random.beta(1.0, 0.0), nnx.ArgumentError, r"\[beta\] b must be"),
        (lambda: random.dirichlet([1.0, 0.0]), nnx.ArgumentError, r"\[dirichlet\] alpha must be"),
        (lambda: random.normal(size=2.5), nnx.DTypeError, r"\[normal\] size must be a whole"),
        (lambda: random.choice(3, "2"), nnx.DTypeError, r"\[choice\] size must be a whole"),
        (lambda: random.normal(0.0, -1.0), nnx.ArgumentError, r"Received: -1\.0\."),
        (
            lambda: random.poisson([1.0, -2.5]),
            nnx.ArgumentError,
            r"\(2,\) float32 with -2\.5 at \[1\]",
        ),
        (
            lambda: random.multinomial(3, [[0.5, 0.5], [0.2, 0.9]]),
            nnx.ArgumentError,
            r"\(2, 2\) float32 with \[0\.2, 0\.9\] at \[1\]",
        ),
    ]
    for call, kind, text in cases:
        with pytest.raises(kind, match=text):
            call()


def test_errors_teach() -> None:
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: D.Normal(0.0, -1.0), r"\[Normal\] scale must be above 0"),
        (lambda: D.Normal(0.0, float("nan")), "scale must be above 0"),
        (lambda: D.Gamma(0.0, 1.0), r"\[Gamma\] concentration must be above 0"),
        (lambda: D.Exponential(1.0).log_prob(-1.0), "value must be at least 0"),
        (lambda: D.Normal(0.0, -1.5), r"Received: scale = -1\.5\."),
        (
            lambda: D.Normal(nnx.zeros(3), t([1.0, -0.1, 3.0])),
            r"scale \(3,\) .* with -0\.1 at \[1\]",
        ),
        (lambda: D.Uniform(t([0.0, 2.0]), 1.0), r"low \(2,\) float64 with 2\.0 at \[1\]"),
        (lambda: D.Binomial(t([2.0, 9.0]), 0.5).log_prob(t([1.0, 9.5])), r"in \[0, 2 to 9\]"),
        (lambda: D.Binomial(t([2.0, 9.0]), 0.5).log_prob(t([3.0, 9.0])), r"with 3\.0 at \[0\]"),
        (lambda: D.Dirichlet(nnx.ones(2)).log_prob([0.3, 0.3]), r"value = \[0\.3, 0\.3\]"),
        (lambda: D.MultivariateNormal(nnx.zeros(1), -nnx.eye(1)), r"matrix = \[\[-1\.0\]\]"),
        (lambda: D.Categorical([0.5, -0.5]), r"probs \(2,\) float32 with -0\.5 at \[1\]"),
        (lambda: D.Categorical(nnx.ones(3)).log_prob(3), r"whole number in \[0, 2\]"),
        (lambda: D.Categorical(nnx.ones(3)).log_prob(nnx.tensor(-1)), r"value = -1\."),
        (lambda: D.Categorical(nnx.ones(3)).log_prob(0.5), r"\[Categorical\] value must be"),
        (lambda: D.Multinomial(2.5, [1.0]), r"total_count must be a whole number"),
        (lambda: D.Binomial(t([2.0, 3.0]), 0.5).enumerate_support(), "cannot be listed"),
        (lambda: D.Bernoulli(0.5).log_prob(0.5), r"\[Bernoulli\] value must be 0 or 1"),
        (lambda: D.Uniform(1.0, 0.0), "low must be below high"),
        (lambda: D.Bernoulli(0.5, logits=0.1), "takes either probs or logits"),
        (lambda: D.MultivariateNormal(nnx.zeros(2), -nnx.eye(2)), "positive definite"),
        (lambda: D.MultivariateNormal(nnx.zeros(2), nnx.eye(3)), r"\(\.\.\., n, n\)"),
        (lambda: D.MultivariateNormal(nnx.zeros(2)), "one of covariance_matrix"),
        (lambda: D.kl_divergence(D.Normal(0.0, 1.0), D.Poisson(1.0)), "no formula"),
        (lambda: D.Poisson(1.0).icdf(0.5), "has no icdf"),
        (lambda: D.Binomial(2.5, 0.5), "total_count must be a whole number"),
        (lambda: D.Multinomial(2, [0.5, 0.5]).log_prob(nnx.ones(2) * 3), "whose sum is 2"),
        (lambda: D.Dirichlet(nnx.ones(2)).log_prob(nnx.ones(2)), "a sum of 1"),
        (lambda: D.MixtureSameFamily(D.Categorical(nnx.ones(2)), D.Normal(0.0, 1.0)), "last batch"),
    ]
    for call, text in cases:
        with pytest.raises(nnx.Error, match=text):
            call()
    with pytest.raises(nnx.GradientError, match="do not follow"):
        D.Poisson(1.0).rsample()
    assert D.Exponential(1.0, validate_args=False).log_prob(-1.0).item() == -np.inf
    assert "scale: 2" in repr(D.Normal(0.0, 2.0))


def test_shares_with_small_parameters() -> None:
    """Gamma draws are below the smallest number here; their shares, 0 or 1 to all digits, are not
    NaN, and as often one as the other."""
    n = 4000
    for draw in (
        lambda: random.beta(1e-3, 1e-3, n),
        lambda: random.beta(t(1e-300), 1e-300, n),
        lambda: random.dirichlet([1e-3, 1e-3], n)[:, 0],
        lambda: D.Beta(1e-3, t(1e-3)).sample((n,)),
        lambda: D.Beta(1e-3, 1e-3).sample((n,)),
        lambda: D.Dirichlet(nnx.full((2,), 1e-3)).sample((n,))[:, 0],
    ):
        x = draw().numpy()
        assert np.minimum(x, 1 - x).max() <= 0.5 and (np.minimum(x, 1 - x) < 1e-6).mean() > 0.95
        assert abs((x > 0.5).mean() - 0.5) < 4 * 0.5 / np.sqrt(n)
    for d, most in ((D.Beta(1e-3, 1e-3), 1 - 2**-24), (D.Dirichlet(nnx.full((3,), 1e-3)), 1)):
        x = d.sample((n,))
        assert x.min().item() > 0 and x.max().item() <= most
        assert nnx.isfinite(d.log_prob(x)).all().item()
    a = nnx.full((100_000,), 0.01, dtype=nnx.float64, requires_grad=True)
    D.Beta(a, 0.5).rsample().sum().backward()
    assert a.grad is not None
    spread = a.grad.std().item() / np.sqrt(len(a))
    assert abs(a.grad.mean().item() - 0.5 / 0.51**2) < 4 * spread


def test_modes_at_the_border() -> None:
    for a, b, mode in (
        (0.5, 0.5, 1),
        (0.5, 2, 0),
        (2, 0.5, 1),
        (1, 0.5, 1),
        (1, 2, 0),
        (3, 2, 2 / 3),
    ):
        assert D.Beta(t(a), b).mode.item() == pytest.approx(mode)
    assert np.isnan(D.Beta(1.0, 1.0).mode.item())
    rows = t([[0.5, 2.0, 3.0], [0.9, 0.2, 0.9], [0.5, 1.0, 0.3], [1.0, 1.0, 1.0]])
    expected = [[0, 1 / 3, 2 / 3], [1, 0, 0], [0, 1, 0], [np.nan] * 3]
    np.testing.assert_allclose(D.Dirichlet(rows).mode.numpy(), expected)


def test_certain_outcomes() -> None:
    assert D.Bernoulli(1.0).log_prob(1.0).item() == 0
    assert D.Bernoulli(1.0).log_prob(0.0).item() == -np.inf
    assert D.Binomial(3, 1.0).log_prob(3.0).item() == pytest.approx(0, abs=1e-6)
    assert D.Binomial(3, 0.0).log_prob(1.0).item() == -np.inf
    assert D.Categorical([0.0, 1.0]).entropy().item() == 0
    assert D.Geometric(1.0).sample((5,)).tolist() == [0] * 5
    assert D.Multinomial(2, [0.0, 1.0]).log_prob(nnx.tensor([0.0, 2.0])).item() == 0
    assert D.Poisson(0.0).log_prob(0.0).item() == 0


def test_draws_follow_their_parameters() -> None:
    """Mean gradients of draws against those of the mean, for rsample of every kind."""
    a = nnx.tensor([2.0], dtype=nnx.float64, requires_grad=True)
    cases: list[tuple[Callable[[], D.Distribution], float]] = [
        (lambda: D.Gamma(a, 0.5), 2.0),
        (lambda: D.Beta(a, 2.0), 2 / 16),
        (lambda: D.Chi2(a), 1.0),
        (lambda: D.Normal(a, 1.0), 1.0),
        (lambda: D.Laplace(0.0, a), 0.0),
        (lambda: D.Exponential(a), -0.25),
        (lambda: D.LogNormal(0.0, 0.25 * a), 0.125 * np.exp(0.125)),
        (lambda: D.Dirichlet(nnx.cat([a, 2 * nnx.ones(1, dtype=nnx.float64)])), 2 / 16),
    ]
    for make, slope in cases:
        nnx.manual_seed(5)
        a.grad = None
        draws = make().rsample((40_000,))
        (draws[..., 0] if draws.ndim > 1 else draws).mean().backward()
        assert a.grad.item() == pytest.approx(slope, abs=0.03 * max(1, abs(slope)))


def test_the_trees_of_types() -> None:
    """torch.distributions is this package, and no torch of its own is needed."""
    import nnx.torch as torch

    assert torch.distributions is D
    from nnx.torch.distributions import Normal

    assert Normal is D.Normal
    assert D.transforms.ExpTransform is D.ExpTransform


@pytest.mark.parametrize("dtype", [nnx.float16, nnx.bfloat16], ids=["float16", "bfloat16"])
def test_classes_that_the_dtype_of_logits_cannot_hold(dtype: Any) -> None:
    k = 2049 if dtype == nnx.float16 else 257
    logits = nnx.zeros(3000, dtype=dtype)
    logits[k] = 4.0
    d = D.Categorical(logits=logits)
    own, other = d.logits[k].item(), d.logits[0].item()
    for value in (k, float(k), np.array(k, dtype=np.int16), nnx.tensor(k, dtype=nnx.int32)):
        assert d.log_prob(value).item() == own
    assert d.log_prob([k - 1, k, k + 1]).tolist() == [other, own, other]
    assert d.log_prob(nnx.tensor([5], dtype=nnx.int8)).tolist() == [other]
    last = D.Categorical(logits=nnx.zeros(k - 1, dtype=dtype))
    for outside in (-1, k - 1, float(k - 1), nnx.tensor(k - 1, dtype=dtype), 0.5, np.nan, np.inf):
        with pytest.raises(nnx.ArgumentError, match=rf"whole number in \[0, {k - 2}\]"):
            last.log_prob(outside)


@pytest.mark.parametrize("dtype", [nnx.float16, nnx.bfloat16, nnx.float32, nnx.float64], ids=str)
def test_draws_of_shares_are_in_their_support(dtype: Any) -> None:
    nnx.manual_seed(0)
    for n in (1, 2, 3, 1000):
        for a in (1e-3, 0.1, 1.0, 50.0):
            d = D.Dirichlet(nnx.full((100, n), a, dtype=dtype))
            x = d.sample()
            assert x.dtype == dtype and x.min().item() > 0
            assert d.support.check(x).all().item(), (n, a)
            if n == 1:
                assert (x == 1).all().item() and d.log_prob(x).abs().max().item() == 0
    assert not D.constraints.simplex.check(nnx.tensor([0.5, 0.46], dtype=dtype)).item()


def test_counts_that_broadcast() -> None:
    """n beside the axes of pvals before the last, as NumPy's generators take it."""
    generator = np.random.default_rng(0)
    half = [0.5, 0.5]
    for n, p, size in (
        ([3, 4], half, None),
        ([3, 4], half, (2,)),
        ([3, 4], half, (5, 2)),
        ([3], half, (4,)),
        ([[3], [4]], [half] * 3, None),
        ([], half, None),
    ):
        expected = generator.multinomial(np.array(n, dtype=int), p, size)
        ours = random.multinomial(n, p, size)
        assert ours.shape == expected.shape
        assert ours.sum(-1).tolist() == expected.sum(-1).tolist()
    assert random.multinomial([3, 4], [half] * 2, 5).sum(-1).tolist() == [[3, 4]] * 5
    for dtype in (nnx.float16, nnx.bfloat16):  # whose shares have a sum of 1 only after rounding
        thirds = nnx.tensor([0.1667, 0.3333, 0.5]).to(dtype)
        assert random.multinomial(9, thirds).sum().item() == 9


def test_several_bounds() -> None:
    nnx.manual_seed(2)
    x = random.integers([0, 5], [5, 7], (10_000, 2)).numpy()
    for column, low, high in ((x[:, 0], 0, 5), (x[:, 1], 5, 7)):
        kinds, times = np.unique(column, return_counts=True)
        assert kinds.tolist() == list(range(low, high))
        assert stats.chisquare(times).pvalue > 1e-3
    assert random.integers([0, 5], [0, 5], endpoint=True).tolist() == [0, 5]
    assert random.integers(nnx.tensor([[0], [5]]), np.array([10, 20, 30])).shape == (2, 3)
    assert random.integers([1, 1]).tolist() == [0, 0]
    wide = random.integers([-(2**62)] * 4000, 2**62 - 1)
    assert wide.dtype == nnx.int64 and abs((wide > 0).numpy().mean() - 0.5) < 0.05
    one, other = nnx.Generator().manual_seed(4), nnx.Generator().manual_seed(4)
    a = random.integers([9, 99], generator=one)
    assert nnx.array_equal(a, random.integers([9, 99], generator=other))
