"""Special functions: accuracy over their ranges, edges as SciPy's, derivatives in parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath", reason="the witness for the last digits")
scipy_special = pytest.importorskip("scipy.special", reason="the witness for the edges")

RNG = np.random.default_rng(1)
ALL = np.concatenate([RNG.uniform(-30, 30, 150), RNG.uniform(-3, 3, 100)])
SIZES = 10 ** RNG.uniform(-8, 8, 100)
POSITIVE = np.concatenate(
    [RNG.uniform(0, 12, 200), SIZES, *(x + RNG.uniform(-1e-4, 1e-4, 20) for x in (1, 1.46163, 2))]
)


def mp_ndtri(p: Any) -> Any:
    x = mpmath.mpf(float(scipy_special.ndtri(float(p))))
    for _ in range(3):
        x -= (mpmath.ncdf(x) - p) / mpmath.npdf(x)
    return x


def mp_log_ndtr(x: Any) -> Any:
    if x > 0:
        return mpmath.log1p(-mpmath.erfc(x / mpmath.sqrt(2)) / 2)
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


# The function, mpmath's, where to try it, and how many units in the last place it may err there.
RANGES: list[tuple[str, Callable[..., Any], np.ndarray, float]] = [
    ("lgamma", lambda x: mpmath.loggamma(x), POSITIVE, 3),
    ("digamma", lambda x: mpmath.digamma(x), POSITIVE, 3),
    ("cbrt", lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), np.concatenate([ALL, SIZES]), 1),
    ("erfc", lambda x: mpmath.erfc(x), np.clip(ALL, -26, 26), 2),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), np.clip(2 * ALL, -26, 90), 3),
    ("erfinv", lambda x: mpmath.erfinv(x), np.concatenate([ALL / 31, np.tanh(ALL / 4)]), 4),
    ("ndtri", mp_ndtri, np.concatenate([RNG.uniform(0, 1, 100), 10 ** RNG.uniform(-30, 0, 50)]), 4),
    ("log_ndtr", mp_log_ndtr, np.concatenate([ALL, -(10 ** RNG.uniform(0, 5, 20))]), 2),
    ("i0", lambda x: mpmath.besseli(0, x), np.concatenate([ALL, 20 * ALL]), 4),
    ("i1", lambda x: mpmath.besseli(1, x), np.concatenate([ALL, 20 * ALL]), 4),
    ("i0e", lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x), 20 * ALL, 4),
    ("i1e", lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x), 20 * ALL, 4),
]


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", helpers.FLOATS)
@pytest.mark.parametrize(("name", "exact", "points", "ulp"), RANGES, ids=[r[0] for r in RANGES])
def test_last_digits(
    name: str, exact: Callable[..., Any], points: np.ndarray, ulp: float, dtype: str
) -> None:
    x = points.astype(dtype)
    x = x[np.abs(x) < 1] if name == "erfinv" else x
    got = getattr(nnx, name)(nnx.tensor(x)).numpy()
    with mpmath.workprec(400):
        expected = [exact(mpmath.mpf(float(v))) for v in x]
        errors = helpers.ulp_errors(got, expected)
    worst = int(np.argmax(errors))
    bound = ulp if dtype == "float64" else 1  # float32 goes through double
    assert errors[worst] <= bound, f"{name}({x[worst]!r}) = {got[worst]!r}: {errors[worst]:.1f} ulp"


TWO: list[tuple[str, Callable[..., Any], list[np.ndarray]]] = [
    (
        "gammainc",
        lambda a, x: mpmath.gammainc(a, 0, x, regularized=True),
        [10 ** RNG.uniform(-2, 3, 120), np.exp(RNG.normal(0, 0.5, 120))],
    ),
    (
        "gammaincc",
        lambda a, x: mpmath.gammainc(a, x, mpmath.inf, regularized=True),
        [10 ** RNG.uniform(-2, 3, 120), np.exp(RNG.normal(0, 0.5, 120))],
    ),
    (
        "betainc",
        lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
        [10 ** RNG.uniform(-2, 3, 120), 10 ** RNG.uniform(-2, 3, 120), RNG.uniform(0, 1, 120)],
    ),
    (
        "zeta",
        lambda s, q: mpmath.zeta(s, q),
        [RNG.uniform(1.01, 30, 60), RNG.uniform(0.05, 30, 60)],
    ),
    (
        "polygamma",
        lambda n, x: mpmath.polygamma(int(n), x),
        [RNG.integers(0, 9, 90).astype(float), RNG.uniform(-9, 20, 90)],
    ),
    (
        "betaln",
        lambda a, b: mpmath.log(mpmath.beta(a, b)),
        [10 ** RNG.uniform(-2, 5, 90), 10 ** RNG.uniform(-2, 5, 90)],
    ),
]


@pytest.mark.kernels
@pytest.mark.parametrize(("name", "exact", "points"), TWO, ids=[r[0] for r in TWO])
def test_digits_of_functions_of_several_numbers(
    name: str, exact: Callable[..., Any], points: list[np.ndarray]
) -> None:
    if name.startswith("gamma"):
        points = [points[0], points[0] * points[1]]  # around the step from 0 to 1
    got = getattr(nnx, name)(*[nnx.tensor(p) for p in points]).numpy()
    with mpmath.workprec(300):
        expected = [
            float(exact(*map(mpmath.mpf, map(float, p)))) for p in zip(*points, strict=True)
        ]
    kept = np.abs(expected) > 1e-250
    np.testing.assert_allclose(got[kept], np.array(expected)[kept], rtol=2e-13)


def test_reflected_arguments() -> None:
    """Between the poles: as accurate as the largest summand."""
    x = -RNG.uniform(0, 30, 300)
    with mpmath.workprec(300):
        log = [float(mpmath.log(abs(mpmath.gamma(mpmath.mpf(float(v)))))) for v in x]
        slope = [float(mpmath.digamma(mpmath.mpf(float(v)))) for v in x]
    t = nnx.tensor(x)
    np.testing.assert_allclose(nnx.lgamma(t).numpy(), log, rtol=1e-14, atol=2e-14)
    np.testing.assert_allclose(nnx.digamma(t).numpy(), slope, rtol=1e-13, atol=2e-14)


EDGES = [0.0, -0.0, 1.0, -1.0, -2.0, 0.5, 2.0, 1e-310, 1e300, -1e300, np.inf, -np.inf, np.nan]
SCIPY = {"lgamma": "gammaln", "digamma": "psi"}
ONE = ["lgamma", "digamma", *(r[0] for r in RANGES[2:]), "entr"]


@pytest.mark.kernels
@pytest.mark.parametrize("name", ONE)
def test_edges_as_scipy(name: str) -> None:
    x = np.array(EDGES)
    if name == "lgamma":  # here SciPy says -inf, inf and -inf, C's lgamma what is right
        odd = nnx.tensor([-1e300, 1e-310, -np.inf], dtype=nnx.float64)
        np.testing.assert_allclose(odd.lgamma().numpy(), [np.inf, 713.801378702, np.inf])
        x = x[~np.isin(x, odd.numpy())]
    if name in ("i0", "i1"):  # and here NaN
        assert getattr(nnx, name)(nnx.tensor([np.inf])).item() == np.inf
        x = x[~np.isinf(x)]
    with np.errstate(all="ignore"):
        expected = getattr(scipy_special, SCIPY.get(name, name))(x)
    got = getattr(nnx, name)(nnx.tensor(x)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-14, err_msg=f"{name} of {x}")


@pytest.mark.kernels
@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "xlog1py", "betainc"])
def test_edges_of_functions_of_several_numbers_as_scipy(name: str) -> None:
    edges = [0.0, 1.0, 0.5, 3.0, -1.0, 1e-300, 1e5, np.inf, np.nan]
    count = 3 if name == "betainc" else 2
    points = [np.ravel(v) for v in np.meshgrid(*[edges] * count)]
    if name == "betainc":  # SciPy's versions differ elsewhere
        inside = (points[2] <= 1) & np.isfinite(points[0]) & np.isfinite(points[1])
        inside &= (points[0] > 0) & (points[1] > 0)
        points = [p[inside] for p in points]
    with np.errstate(all="ignore"):
        expected = getattr(scipy_special, name)(*points)
    got = getattr(nnx, name)(*[nnx.tensor(p) for p in points]).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300, err_msg=str(points))


def test_derivatives_in_parameters() -> None:
    """Those of the incomplete functions in a and b, which PyTorch and SciPy do not have."""
    rng = np.random.default_rng(3)
    a, x = rng.uniform(0.3, 40, (2, 12))
    for f in (nnx.gammainc, nnx.gammaincc):
        helpers.check_gradients(f, [a, x], second=False, rtol=2e-6)
    a, b = rng.uniform(0.3, 15, (2, 12))
    helpers.check_gradients(nnx.betainc, [a, b, rng.uniform(0.05, 0.95, 12)], second=False)
    helpers.check_gradients(lambda v: nnx.mvlgamma(v, 3), [a + 1])
    helpers.check_gradients(lambda v: v.polygamma(1), [a])


def test_what_has_no_derivative_says_so() -> None:
    a = nnx.tensor([2.0], requires_grad=True)
    y = nnx.gammainc(a, 1.0)
    with pytest.raises(nnx.GradientError, match=r"no derivative in a"):
        nnx.grad(y.sum(), [a], create_graph=True)
    with pytest.raises(nnx.GradientError, match=r"\[zeta\] there is no derivative in x"):
        nnx.zeta(a, 1.0)
    assert nnx.zeta(2.0, a).requires_grad


def test_signs_of_beta_and_binom_as_scipy() -> None:
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed: no witness")
    values = np.array([-3.6, -2.5, -1.3, -0.7, -0.3, 0.5, 1.0, 2.0, 3.5, 7.25])
    a, b = (m.ravel() for m in np.meshgrid(values, values))
    for name in ("beta", "binom"):
        got = getattr(nnx.special, name)(nnx.tensor(a), nnx.tensor(b)).numpy()
        np.testing.assert_allclose(got, getattr(special, name)(a, b), rtol=1e-11, atol=1e-14)
    assert np.isnan(nnx.special.binom([-1.0, -2.0], [2.0, -0.5]).numpy()).all()
    assert nnx.special.beta([-1.0, 0.0], 2.0).tolist() == [np.inf, np.inf]  # the poles
    assert np.isnan(nnx.special.beta(-3.0, 2.0).item())
    assert nnx.special.binom([3.0, 3.0], [5.0, 2.0]).round().tolist() == [0.0, 3.0]
    assert nnx.special.beta(2, nnx.tensor([3], dtype=nnx.int64)).item() == pytest.approx(1 / 12)
    x, y = np.array([-0.5, -1.4, 5.0]), np.array([2.0, 0.3, 3.0])
    helpers.check_gradients(nnx.special.beta, [x, y])
    helpers.check_gradients(nnx.special.binom, [x, y])


def test_pytorch_names() -> None:
    """The same functions by PyTorch's names, as methods and functions."""
    x = nnx.tensor([0.3, 1.7])
    for other, name in (("gammaln", "lgamma"), ("psi", "digamma")):
        assert getattr(nnx, other)(x).tolist() == getattr(x, name)().tolist()
    assert x.igamma(x).tolist() == nnx.gammainc(x, x).tolist()
    assert nnx.igammac(x, x).tolist() == nnx.gammaincc(x, x).tolist()
    assert x.polygamma(2).tolist() == nnx.polygamma(2, x).tolist()
    y = x.clone()
    y.lgamma_()
    assert y.tolist() == x.lgamma().tolist()
    with pytest.raises(nnx.ArgumentError, match="at least 1"):
        x.mvlgamma(0)


def test_against_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: no witness")
    x = np.concatenate([RNG.uniform(0.1, 10, 50), RNG.uniform(0.1, 1, 20)])
    ours, theirs = nnx.tensor(x), torch.tensor(x)
    for name in ("lgamma", "digamma", "erfc", "erfinv", "i0"):
        got, expected = getattr(ours, name)().numpy(), getattr(theirs, name)().numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-11, err_msg=name)
    for name in ("i0e", "i1", "i1e", "erfcx", "log_ndtr", "ndtri", "entr"):
        expected = getattr(torch.special, name)(theirs).numpy()
        np.testing.assert_allclose(getattr(nnx, name)(ours).numpy(), expected, rtol=1e-11)
    for n in range(4):
        expected = theirs.polygamma(n).numpy()
        np.testing.assert_allclose(ours.polygamma(n).numpy(), expected, rtol=1e-8)  # theirs
    expected = (theirs + 2).mvlgamma(3).numpy()
    np.testing.assert_allclose((ours + 2).mvlgamma(3).numpy(), expected, rtol=1e-11)
