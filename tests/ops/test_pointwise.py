"""Every pointwise op, by iterating the declarations: values, dtypes, layouts, derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

from ops.pointwise_cases import CASES

DECLARED = {d["name"]: d for d in nnx._nnx.__pointwise__ if d["rule"] != "update"}
FLOATING = [n for n, d in DECLARED.items() if d["rule"] not in ("integral", "logical")]
INTEGRAL = [
    n
    for n, d in DECLARED.items()
    if d["rule"] in ("numeric", "comparison", "integral", "ordered", "selection")
]
# Only defined for floats, or with answers of their own on integers (tested below).
INTEGRAL = [n for n in INTEGRAL if n not in ("isnan", "isinf", "isfinite", "signbit", "power")]


# Losses take arguments of one shape, and inputs that are floats.
LOSSES = [n for n, d in DECLARED.items() if d["loss"]]


# Declarations that are reached through a function with options.
THROUGH: dict[str, Callable[..., nnx.Tensor]] = {
    "gelu_tanh": lambda x: nnx.gelu(x, approximate="tanh"),
    "add_scaled": lambda x, y: nnx.add(x, y, alpha=3),
    "subtract_scaled": lambda x, y: nnx.subtract(x, y, alpha=3),
}


def call(name: str) -> Callable[..., nnx.Tensor]:
    """The declaration as a function of its tensors."""
    if name in THROUGH:
        return THROUGH[name]
    f, numbers = getattr(nnx._nnx, name), CASES[name].numbers
    assert len(numbers) == DECLARED[name]["numbers"]
    if name in LOSSES:
        return lambda *args: f(*args, "none", *numbers)
    return lambda *args: f(*args, *numbers) if numbers else f(*args)


def points(name: str, n: int, seed: int = 0) -> list[np.ndarray]:
    case = CASES[name]
    rng = np.random.default_rng(seed)
    found = []
    for lo, hi in case.domains:
        x = rng.uniform(lo, hi, n)
        for k in case.kinks:
            x = np.where(np.abs(x - k) < 1e-2, x + 0.1, x)
        found.append(x)
    return found


def prepared(name: str, arrays: list[np.ndarray], dtype: str) -> list[nnx.Tensor]:
    tensors = [nnx.tensor(a).to(helpers.dtype(dtype)) for a in arrays]
    if DECLARED[name]["rule"] == "selection":
        tensors[0] = nnx.tensor(arrays[0] >= 1)
    return tensors


def reference(name: str, tensors: list[nnx.Tensor]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return CASES[name].reference(*[helpers.as_float64(t) for t in tensors])


def test_every_declaration_has_a_case() -> None:
    assert set(DECLARED) == set(CASES)


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES])
@pytest.mark.parametrize("name", FLOATING)
def test_value_in_floats(name: str, dtype: str) -> None:
    for n in (1, 7, 64, 1000, 5003):
        tensors = prepared(name, points(name, n), dtype)
        got = call(name)(*tensors)
        expected = reference(name, tensors)
        if DECLARED[name]["rule"] == "comparison":
            assert got.dtype == nnx.bool
            np.testing.assert_array_equal(got.numpy(), expected)
            continue
        assert got.dtype == helpers.dtype(dtype)
        if CASES[name].exact and dtype == "float64":
            np.testing.assert_array_equal(got.numpy(), expected)
        else:
            rtol = 4 * helpers.RTOL[dtype]
            np.testing.assert_allclose(helpers.as_float64(got), expected, rtol=rtol, atol=rtol)


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", helpers.INTEGERS)
@pytest.mark.parametrize("name", INTEGRAL)
def test_value_in_integers(name: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    case = CASES[name]
    lo, hi = (0, 50) if info.min == 0 else (-50, 50)
    arrays = [rng.integers(lo, hi, 100).astype(dtype) for _ in case.domains]
    if "shift" in name:
        arrays[1] = rng.integers(0, 4, 100).astype(dtype)
    if name in ("floor_divide", "remainder", "fmod"):
        arrays[1][arrays[1] == 0] = 1
    arrays[0][0] = info.max
    if name == "where":
        arrays[0] = arrays[0] > 10
    with np.errstate(over="ignore"):
        expected = case.reference(*arrays)
    got = call(name)(*[nnx.tensor(a) for a in arrays])
    np.testing.assert_array_equal(got.numpy(), expected)
    if DECLARED[name]["rule"] != "comparison":
        assert got.numpy().dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "name", [n for n in FLOATING if DECLARED[n]["rule"] == "floating" and n not in LOSSES]
)
def test_integers_become_the_default_float(name: str) -> None:
    arrays = [np.array([1, 2, 3], np.int32) for _ in CASES[name].domains]
    got = call(name)(*[nnx.tensor(a) for a in arrays])
    assert got.dtype == nnx.float32
    with np.errstate(all="ignore"):
        expected = CASES[name].reference(*[a.astype(np.float64) for a in arrays])
    np.testing.assert_allclose(got.numpy(), expected, rtol=4e-6, atol=1e-6)


@pytest.mark.kernels
@pytest.mark.parametrize("name", FLOATING)
def test_same_bits_in_every_layout(name: str) -> None:
    shape = (6, 5)
    for dtype in ("float32", "float64"):
        arrays = [a.reshape(shape).astype(dtype) for a in points(name, 30)]
        if DECLARED[name]["rule"] == "selection":
            arrays[0] = arrays[0] >= 1
        helpers.same_in_all_layouts(call(name), arrays)


@pytest.mark.parametrize("name", [n for n in FLOATING if n not in LOSSES])
def test_broadcast_empty_and_zero_dimensional(name: str) -> None:
    arrays = points(name, 12)
    tensors = prepared(name, [a.reshape(3, 4) for a in arrays], "float64")
    expected = reference(name, tensors)
    # every argument but the first from its first row
    rows = [tensors[0], *[t[0] for t in tensors[1:]]]
    got = call(name)(*rows)
    np.testing.assert_allclose(got.numpy(), reference(name, rows), rtol=1e-13, atol=1e-13)
    empty = call(name)(*[t[:0] for t in tensors])
    assert empty.shape == (0, 4)
    single = call(name)(*[t[1, 2] for t in tensors])
    assert single.shape == ()
    np.testing.assert_allclose(single.numpy(), expected[1, 2], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.differentiable])
def test_derivatives(name: str) -> None:
    case = CASES[name]
    arrays = [a.reshape(2, 3) for a in points(name, 6, seed=5)]
    f = call(name)
    if DECLARED[name]["rule"] == "selection":
        mask = nnx.tensor(arrays[0] >= 1)
        helpers.check_gradients(lambda a, b: f(mask, a, b), arrays[1:])
        return
    helpers.check_gradients(f, arrays, wrt=case.wrt)
    if len(arrays) > 1 and name not in LOSSES:  # gradients through broadcasting
        arrays[1] = arrays[1][:1]
        helpers.check_gradients(f, arrays, wrt=case.wrt)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_reduce_in_the_same_pass(name: str) -> None:
    case = CASES[name]
    arrays = [a.reshape(3, 4) for a in points(name, 12, seed=9)]
    each = case.reference(*arrays)
    f = getattr(nnx._nnx, name)
    for reduction, expected in (("mean", each.mean()), ("sum", each.sum())):
        got = f(*[nnx.tensor(a) for a in arrays], reduction, *case.numbers)
        np.testing.assert_allclose(got.item(), expected, rtol=1e-13)
        helpers.check_gradients(
            lambda *t, how=reduction: f(*t, how, *case.numbers), arrays, wrt=case.wrt
        )
    assert f(nnx.zeros(0), nnx.zeros(0), "sum", *case.numbers).item() == 0
    with pytest.raises(nnx.ShapeError, match="same shape"):
        f(nnx.ones(3, 1), nnx.ones(3))
    with pytest.raises(nnx.ArgumentError, match="reduction"):
        f(nnx.ones(3), nnx.ones(3), "average")


@pytest.mark.kernels
@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.mp is not None])
@pytest.mark.parametrize("dtype", helpers.FLOATS)
def test_accuracy_over_the_whole_range(name: str, dtype: str) -> None:
    """At most 2 ulp from mpmath: random bit patterns, subnormals, the edges of the range."""
    import mpmath

    unsigned = np.uint32 if dtype == "float32" else np.uint64
    rng = np.random.default_rng(42)
    bits = rng.integers(0, np.iinfo(unsigned).max, 600, dtype=unsigned, endpoint=True)
    info = np.finfo(dtype)
    edges = [0.0, 1e-30, 0.5, 1, 2, 20, 45, 88, 88.8, 104, 700, 709.5, 745, 1e4, 1e5, 1e7, 1e22]
    edges += [info.tiny, info.smallest_subnormal, info.max, info.eps, np.pi, np.pi / 2, np.inf]
    x = np.concatenate(
        [
            bits.view(dtype),
            np.array(edges).astype(dtype),
            -np.array(edges).astype(dtype),
            rng.uniform(-20, 20, 300).astype(dtype),
            rng.uniform(-2, 2, 300).astype(dtype),
            [np.nan],
        ]
    ).astype(dtype)
    got = call(name)(nnx.tensor(x)).numpy()
    assert got.dtype == x.dtype
    f = CASES[name].mp
    f = getattr(mpmath, f) if isinstance(f, str) else f
    exact = []
    with mpmath.workprec(200 if dtype == "float32" else 320):
        for v in x:
            exact.append(_exact(f, name, float(v)))
        errors = helpers.ulp_errors(got, exact)
    worst = int(np.argmax(errors))
    assert errors[worst] <= 2, f"{name}({x[worst]!r}) = {got[worst]!r}: {errors[worst]:.2f} ulp"


def _exact(f: Callable[..., Any], name: str, v: float) -> Any:
    import mpmath

    if np.isnan(v):
        return mpmath.nan
    if np.isinf(v):
        limits = {
            "sqrt": (np.nan, np.inf), "rsqrt": (np.nan, 0.0), "exp": (0.0, np.inf),
            "exp2": (0.0, np.inf), "expm1": (-1.0, np.inf), "log": (np.nan, np.inf),
            "log2": (np.nan, np.inf), "log10": (np.nan, np.inf), "log1p": (np.nan, np.inf),
            "sin": (np.nan, np.nan), "cos": (np.nan, np.nan), "tan": (np.nan, np.nan),
            "tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "softplus": (0.0, np.inf),
            "erf": (-1.0, 1.0), "ndtr": (0.0, 1.0), "sinh": (-np.inf, np.inf),
            "cosh": (np.inf, np.inf), "asin": (np.nan, np.nan), "acos": (np.nan, np.nan),
            "atan": (-np.pi / 2, np.pi / 2), "asinh": (-np.inf, np.inf),
            "acosh": (np.nan, np.inf), "atanh": (np.nan, np.nan),
        }  # fmt: skip
        return mpmath.mpf(limits[name][int(v > 0)])
    if name in ("sqrt", "log", "log2", "log10") and v < 0:
        return mpmath.nan
    if name == "rsqrt" and v <= 0:  # as IEEE 754: the inverse of -0 is -inf
        return mpmath.mpf(np.copysign(np.inf, v)) if v == 0 else mpmath.nan
    if name in ("log", "log2", "log10") and v == 0:
        return mpmath.mpf("-inf")
    if name == "log1p" and v <= -1:
        return mpmath.mpf("-inf") if v == -1 else mpmath.nan
    if name in ("sin", "cos", "tan") and abs(v) > 1:
        with mpmath.workprec(1400):
            return f(mpmath.mpf(v))
    if name in (
        "exp",
        "exp2",
        "expm1",
        "sigmoid",
        "softplus",
        "tanh",
        "erf",
        "ndtr",
        "sinh",
        "cosh",
    ):
        # Beyond the range mpmath would spend its time on numbers no float can hold.
        big = 1e4
        if v > big:
            top = {"tanh": 1, "erf": 1, "ndtr": 1, "sigmoid": 1, "softplus": mpmath.mpf(v)}
            return mpmath.mpf(top.get(name, "inf"))
        if v < -big:
            low = {"tanh": -1, "erf": -1, "expm1": -1, "sinh": "-inf", "cosh": "inf"}
            return mpmath.mpf(low.get(name, 0))
    return f(mpmath.mpf(v))


def test_gradient_at_infinities_does_not_leak_through_where() -> None:
    x = nnx.tensor([0.0, 1.0], requires_grad=True)
    y = nnx.where(x > 0, x, nnx.zeros(2))
    y.backward(nnx.tensor([float("inf"), 1.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 1.0])


def test_conventions_at_the_edges() -> None:
    """PyTorch's choices where a derivative is not defined."""

    def slope(f: Callable[..., nnx.Tensor], *values: float) -> list[float]:
        tensors = [nnx.tensor(v, requires_grad=True) for v in values]
        f(*tensors).backward()
        return [t.grad.item() if t.grad is not None else 0.0 for t in tensors]

    assert slope(nnx.relu, 0.0) == [0.0]
    assert slope(nnx.abs, 0.0) == [0.0]
    assert slope(nnx.maximum, 2.0, 2.0) == [0.5, 0.5]
    assert slope(nnx.minimum, 2.0, 2.0) == [0.5, 0.5]
    assert slope(lambda x: nnx.clip(x, 0.0, 1.0), 0.0) == [1.0]
    assert slope(lambda x: nnx.clip(x, 0.0, 1.0), 1.0) == [1.0]
    assert slope(lambda x: x**0, 0.0) == [0.0]
    assert slope(lambda x: x**2, 0.0) == [0.0]
    assert slope(lambda x: nnx.xlogy(x, nnx.tensor(0.0)), 0.0) == [0.0]
    np.testing.assert_allclose(slope(lambda x: nnx.xlog1py(x, nnx.tensor(1.0)), 0.0), [np.log(2)])
    assert slope(nnx.hypot, 0.0, 0.0) == [0.0, 0.0]
    assert slope(lambda x: x.reshape(1).norm(), 0.0) == [0.0]
    assert slope(nnx.hardtanh, 1.0) == [0.0] == slope(nnx.hardtanh, -1.0)
    assert slope(nnx.relu6, 0.0) == [0.0] == slope(nnx.relu6, 6.0)
    assert slope(nnx.hardsigmoid, 3.0) == [0.0] == slope(nnx.hardsigmoid, -3.0)
    assert slope(nnx.hardswish, 3.0) == [1.0] and slope(nnx.hardswish, -3.0) == [0.0]
    assert slope(lambda x: nnx.threshold(x, 0.0, 5.0), 0.0) == [0.0]
    assert slope(lambda x: nnx.softshrink(x), 0.5) == [0.0] == slope(nnx.hardshrink, 0.5)
    assert slope(nnx.elu, 0.0) == slope(nnx.celu, 0.0) == [1.0]
    np.testing.assert_allclose(slope(nnx.selu, 0.0), [1.0507009873554805 * 1.6732632423543772])
    assert slope(lambda x: x.clamp_min(1.0), 1.0) == slope(lambda x: x.clamp_max(1.0), 1.0) == [1.0]
    losses = nnx._nnx
    assert slope(losses.hinge_embedding_loss, 1.0, -1.0) == [-1.0, 0.0]
    assert slope(losses.l1_loss, 2.0, 2.0) == [0.0, 0.0]
    assert slope(lambda x: losses.smooth_l1_loss(x, nnx.tensor(0.0), "sum", 0.0), 2.0) == [1.0]
    # logarithms end at -100, and PyTorch's slope is 1 / 1e-12 there
    bce = losses.binary_cross_entropy
    assert bce(nnx.tensor(0.0), nnx.tensor(1.0)).item() == 100.0
    np.testing.assert_allclose(slope(lambda x: bce(x, nnx.tensor(1.0)), 0.0), [-1e12], rtol=1e-6)


def test_special_values_of_functions_of_two_numbers() -> None:
    inf, nan = np.inf, np.nan
    points = [0.0, -0.0, 1.0, -1.0, 1e-320, -1e-320, 1e308, -1.7e308, inf, -inf, nan, 3.0]
    a, b = (np.array(x) for x in zip(*[(p, q) for p in points for q in points], strict=True))
    with np.errstate(all="ignore"):
        for name, f in (("atan2", np.arctan2), ("copysign", np.copysign)):
            for dtype in (np.float64, np.float32):
                x, y = a.astype(dtype), b.astype(dtype)
                got, expected = getattr(nnx, name)(nnx.tensor(x), nnx.tensor(y)).numpy(), f(x, y)
                np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)
                known = ~np.isnan(expected)
                np.testing.assert_array_equal(
                    np.signbit(got)[known], np.signbit(expected)[known], err_msg=name
                )
        got = nnx.nextafter(nnx.tensor(a), nnx.tensor(b)).numpy()
        np.testing.assert_array_equal(got, np.nextafter(a, b))


def test_integer_division_by_zero_does_not_crash() -> None:
    a = nnx.tensor([1, -1, np.iinfo(np.int64).min])
    for f in (nnx.floor_divide, nnx.remainder, nnx.fmod):
        assert f(a, nnx.tensor([0, 0, 0])).tolist() == [0, 0, 0]
        assert f(a, nnx.tensor([-1, -1, -1])).shape == (3,)


def test_numbers_do_not_widen() -> None:
    x = nnx.ones(3)
    for other in (2, 2.5, np.float64(2.5), np.sqrt(2), np.int64(3), True):
        assert (x * other).dtype == nnx.float32
        assert (other * x).dtype == nnx.float32
    assert (nnx.tensor([1, 2]) * 2.5).dtype == nnx.float32
    assert (nnx.tensor([1, 2], dtype=nnx.int8) + 1).dtype == nnx.int8
    assert (nnx.tensor([1]) / nnx.tensor([2])).dtype == nnx.float32
    assert (x * nnx.tensor(2.0, dtype=nnx.float64)).dtype == nnx.float64
    with pytest.raises(nnx.ArgumentError, match="does not fit"):
        nnx.tensor([1], dtype=nnx.uint8) + 300
    assert (nnx.tensor([1], dtype=nnx.uint8) > -1).tolist() == [True]
