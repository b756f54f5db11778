"""LBFGS: minima that are known, its line search, what it asks of the closure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.optim.line_search import Point, strong_wolfe


def minimise(f: Callable[[Any], Any], x0: list[float], steps: int = 1, **options: Any) -> Any:
    w = nn.Parameter(nnx.tensor(x0, dtype=nnx.float64))
    opt = optim.LBFGS([w], **options)

    def closure() -> Any:
        opt.zero_grad()
        loss = f(w)
        loss.backward()
        return loss

    for _ in range(steps):
        opt.step(closure)
    return w, opt


def rosenbrock(w: Any) -> Any:
    return ((1 - w[:-1]) ** 2).sum() + (100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def test_a_quadratic() -> None:
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    a = q @ np.diag([1.0, 2.0, 3.0, 5.0, 8.0, 13.0]) @ q.T
    b = rng.standard_normal(6)
    A, B = nnx.asarray(a), nnx.asarray(b)
    w, opt = minimise(
        lambda w: 0.5 * w @ A @ w - B @ w,
        [0.0] * 6,
        max_iter=100,
        max_eval=1000,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )
    np.testing.assert_allclose(w.detach().numpy(), np.linalg.solve(a, b), atol=1e-6)
    assert opt.state[w]["n_iter"] < 30


@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrock(n: int) -> None:
    options = {"max_iter": 100, "tolerance_change": 0.0, "line_search_fn": "strong_wolfe"}
    w, opt = minimise(rosenbrock, [-1.2, 1.0] * (n // 2), steps=3, **options)
    np.testing.assert_allclose(w.detach().numpy(), np.ones(n), atol=1e-6)
    assert opt.state[w]["func_evals"] < 200


# A function of either library's tensors, and the calls and iterations that two steps of torch 2.13
# make from each start with a first length of 20.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], list[tuple[int, int]]]] = {
    "rosenbrock": (rosenbrock, [(31, 10), (32, 11), (31, 9), (32, 12)]),
    "quartic": (lambda w: (w**4 - 8 * w * w + 3 * w).sum(), [(17, 7), (26, 8), (27, 10), (31, 10)]),
    "waves": (
        lambda w: (w.sin() * 3 + 0.1 * w * w).sum(),
        [(15, 7), (15, 7), (21, 8), (27, 11)],
    ),
    "wall": (
        lambda w: (w.exp() - 3 * w).sum() + (w * w).sum() ** 2 * 0.01,
        [(16, 6), (23, 8), (22, 7), (17, 6)],
    ),
    "valley": (
        lambda w: ((w * w).sum() + 1e-3).sqrt() + 0.1 * (w[0] - 1) ** 2,
        [(29, 11), (31, 11), (32, 11), (22, 9)],
    ),
}
STARTS = [[-1.2, 1.0], [3.0, -4.0], [0.3, 6.0], [-5.0, -0.1]]


def two_steps(lib: Any, f: Any, x0: list[float], lr: float) -> tuple[int, int, list[float]]:
    w = lib.nn.Parameter(lib.tensor(x0, dtype=lib.float64))
    opt = lib.optim.LBFGS([w], lr=lr, max_iter=12, line_search_fn="strong_wolfe")

    def closure() -> Any:
        opt.zero_grad()
        loss = f(w)
        loss.backward()
        return loss

    for _ in range(2):
        opt.step(closure)
    state = opt.state[w]
    return state["func_evals"], state["n_iter"], w.tolist()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_goes_the_way_of_torch(name: str) -> None:
    f, counts = FUNCTIONS[name]
    assert [two_steps(nnx, f, x0, 20.0)[:2] for x0 in STARTS] == counts
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    for x0 in STARTS:
        for lr in (0.05, 1.0, 20.0):
            ours, theirs = two_steps(nnx, f, x0, lr), two_steps(torch, f, x0, lr)
            assert ours[:2] == theirs[:2]
            np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-9, atol=1e-9)


def test_the_line_search_survives_a_function_that_is_not_defined_everywhere() -> None:
    """log(w) is NaN where the first trial lands; the search comes back."""
    w, _ = minimise(
        lambda w: (w - w.log()).sum(), [6.0, 3.0], steps=5, lr=50.0, line_search_fn="strong_wolfe"
    )
    np.testing.assert_allclose(w.detach().numpy(), [1, 1], atol=1e-5)


@pytest.mark.parametrize(
    ("f", "slope", "first"),
    [
        (lambda t: (t - 2) ** 2, lambda t: 2 * (t - 2), 1e-3),
        (lambda t: (t - 2) ** 2, lambda t: 2 * (t - 2), 90.0),
        (lambda t: t**4 - 3 * t, lambda t: 4 * t**3 - 3, 5.0),
        (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2, 40.0),
        (lambda t: math.cosh(t - 1), lambda t: math.sinh(t - 1), 200.0),
    ],
)
def test_strong_wolfe_conditions(f: Any, slope: Any, first: float) -> None:
    g = nnx.zeros(1)
    seen = []

    def at(t: float) -> Point:
        seen.append(t)
        return Point(t, f(t), g, slope(t))

    start = Point(0.0, f(0.0), g, slope(0.0))
    found, trials = strong_wolfe(at, start, first, 1.0, 1e-9, 50)
    assert trials == len(seen) <= 30 and found.t in seen
    assert found.f <= start.f + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)


def scripted(*answers: tuple[float, float]) -> tuple[Any, list[float]]:
    """A function that answers (value, slope) one after the other, and where it was asked."""
    asked: list[float] = []
    left = iter(answers)

    def at(t: float) -> Point:
        asked.append(t)
        f, slope = next(left)
        return Point(t, f, nnx.zeros(1), slope)

    return at, asked


START = Point(0.0, 0.0, nnx.zeros(1), -1.0)


def test_a_flat_point_that_is_hardly_lower_is_not_enough() -> None:
    at, asked = scripted((-1e-6, 0.0), (-1.0, 0.0))
    found, _ = strong_wolfe(at, START, 10.0, 1.0, 1e-9, 25)
    assert found.f == -1.0 and asked[1] < 10.0


def test_a_rise_after_two_steps_down_encloses_the_minimum() -> None:
    at, asked = scripted((-1.0, -1.0), (-2.0, -1.0), (-1.9, -1.0), (-2.5, 0.0))
    found, trials = strong_wolfe(at, START, 1.0, 1.0, 1e-9, 25)
    assert found.f == -2.5 and trials == 4
    assert asked[1] < asked[3] < asked[2]


def test_a_value_that_is_not_a_number_is_never_the_lowest() -> None:
    at, asked = scripted((-0.5, 5.0), (math.nan, math.nan), (math.nan, 1.0))
    found, trials = strong_wolfe(at, START, 1.0, 1.0, 1e-9, 2)
    assert (found.t, found.f, trials) == (1.0, -0.5, 3)
    assert 0 < asked[1] < asked[2] < 1
    at, _ = scripted((math.inf, 1.0), (math.nan, 1.0), (-1.0, 0.0))
    assert strong_wolfe(at, START, 1.0, 1.0, 1e-9, 9)[0].f == -1.0


def test_it_needs_a_closure_that_returns_the_loss() -> None:
    w = nn.Parameter(nnx.tensor([3.0]))
    opt = optim.LBFGS([w])
    with pytest.raises(nnx.ArgumentError, match=r"opt\.step\(closure\)"):
        opt.step()
    with pytest.raises(nnx.DTypeError, match="return loss"):
        opt.step(lambda: None)
    with pytest.raises(nnx.DTypeError, match="function"):
        opt.step(w.sum())
    assert w.tolist() == [3.0]


def test_a_closure_that_raises_leaves_the_parameters_as_they_were() -> None:
    w = nn.Parameter(nnx.tensor([3.0]))
    opt = optim.LBFGS([w], line_search_fn="strong_wolfe")
    calls = []

    def closure() -> Any:
        calls.append(w.item())
        if len(calls) == 2:
            raise KeyboardInterrupt
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with pytest.raises(KeyboardInterrupt):
        opt.step(closure)
    assert calls[1] != 3.0 and w.tolist() == [3.0]
    opt.step(closure)
    assert abs(w.item()) < 1e-5


def test_parameters_without_a_gradient_stay() -> None:
    a, b = nn.Parameter(nnx.tensor([3.0])), nn.Parameter(nnx.tensor([[5.0, 6.0]]))
    opt = optim.LBFGS([a, b])

    def closure() -> Any:
        opt.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with nnx.no_grad():
        opt.step(closure)
    assert abs(a.item()) < 1e-5 and b.tolist() == [[5.0, 6.0]]


def test_a_state_of_another_size_is_refused() -> None:
    _, opt = minimise(rosenbrock, [-1.2, 1.0])
    _, other = minimise(rosenbrock, [-1.2, 1.0, 0.0])
    before = repr(other.state_dict())
    with pytest.raises(nnx.ShapeError, match="vector of all 3"):
        other.load_state_dict(opt.state_dict())
    assert repr(other.state_dict()) == before
