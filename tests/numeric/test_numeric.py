"""NumPy's functions that are compositions: values against NumPy, gradients against differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

RNG = np.random.default_rng(5)
NAN, INF = np.nan, np.inf
PLACES = np.array([-3.0, -0.5, 0.0, 0.3, 1.0, 1.5, 2.0, 2.5, 7.0, NAN, INF, -INF])
XP, FP = np.array([0.0, 1.0, 2.5]), np.array([1.0, -2.0, 4.0])
M, W = RNG.normal(size=(3, 7)), RNG.uniform(size=7)
OFTEN = np.array([1, 2, 0, 1, 3, 1, 1])
D = RNG.normal(size=100)

REDUCED = ("nanmax", "nanmin", "nanprod", "nanstd", "nanvar")
Case = tuple[str, tuple[Any, ...], dict[str, Any]]


def holes(a: np.ndarray) -> np.ndarray:
    out = a.copy()
    out.flat[::2] = NAN
    return out


def along_axes() -> Iterator[Case]:
    for shape in [(5,), (1,), (2,), (3,), (0,), (3, 4), (2, 3, 4)]:
        y = RNG.normal(size=shape)
        for axis in range(-len(shape), len(shape)):
            places = np.sort(RNG.normal(size=shape[axis]))
            for x in ({}, {"dx": 0.3}, {"x": places}, {"x": RNG.normal(size=shape)}):
                yield "trapezoid", (y,), {"axis": axis, **x}
            for order, h in itertools.product((1, 2), ((), (0.2,), (places,))):
                yield "gradient", (y, *h), {"axis": axis, "edge_order": order}
            for more in ({}, {"discont": 4.0}, {"period": 3.0}):
                yield "unwrap", (y * 5,), {"axis": axis, **more}
        yield "gradient", (y,), {}
        yield "gradient", (y, *([0.5] * len(shape))), {}
        for name in (*REDUCED, "nancumsum", "nancumprod"):
            for axis, values in itertools.product((None, *range(len(shape))), (y, holes(y))):
                yield name, (values,), {"axis": axis}
                if name in REDUCED:
                    yield name, (values,), {"axis": axis, "keepdims": True}
    yield "nanvar", (M,), {"ddof": 1, "axis": 1}
    yield "nanmax", (np.arange(4),), {}
    yield "nanstd", (np.full(3, NAN),), {}


def sequences() -> Iterator[Case]:
    for n, m in itertools.product([1, 2, 3, 4, 5, 8], [1, 2, 3, 4, 5]):
        for mode in ("full", "same", "valid"):
            for name in ("convolve", "correlate"):
                yield name, (RNG.normal(size=n), RNG.normal(size=m), mode), {}
            yield "convolve", (np.arange(n), np.arange(m), mode), {}
    for p in (RNG.normal(size=4), RNG.normal(size=1), np.zeros(0), np.array([1, 2, 3])):
        yield "polyval", (p, M), {}
    for number, rising in itertools.product((None, 0, 1, 5), (False, True)):
        yield "vander", (W, number, rising), {}
        yield "vander", (np.arange(3), number, rising), {}
    yield from polynomials()
    yield from pieces()
    yield "append", (M, M), {}
    yield "append", (M, M, 0), {}
    yield "ediff1d", (M,), {}
    yield "ediff1d", (D,), {"to_end": np.array([1.0, 2.0]), "to_begin": 0.0}
    yield "diagflat", (M, 1), {}
    yield "around", (D, 2), {}
    for name, cut in itertools.product(("hsplit", "vsplit", "dsplit"), (2, [1], 3)):
        for shape in ((2, 4, 6), (2, 4), (4,)):
            yield name, (np.zeros(shape), cut), {}
    yield "piecewise", (D, [D < 0, D > 1], [-1.0, 2.0, 3.0]), {}
    yield "piecewise", (D, [D < 0], [lambda v: v * 2.0]), {}
    yield "piecewise", (D, D < 0, [1.0, 2.0]), {}


def polynomials() -> Iterator[Case]:
    x, y = np.linspace(-1, 3, 9), RNG.normal(size=9)
    for degree in (0, 1, 3, 8):
        yield "polyfit", (x, y, degree), {}
        yield "polyfit", (x, y, degree), {"w": np.linspace(1, 2, 9)}
    yield "polyfit", (1000 + x, RNG.normal(size=(9, 2)), 2), {}
    for p, q in ((W, D[:3]), (np.array([1, 2]), np.array([1, 0, 3])), (W, np.array(2.0))):
        for name in ("polyadd", "polysub", "polymul"):
            yield name, (p, q), {}
    for m in (0, 1, 2, 9):
        yield "polyder", (W, m), {}
        yield "polyint", (W, m), {}
    yield "polyder", (np.array([1, 2, 3]),), {}
    yield "polyint", (W, 2, [1.0, 2.0]), {}
    yield "polyint", (W, 2, 3.0), {}


def pieces() -> Iterator[Case]:
    for axis, where in itertools.product((None, 0, 1, -1), (1, -1, 0, [0, 2], slice(0, 2), [])):
        yield "delete", (M, where), {"axis": axis}
    yield "delete", (M, np.array([True, False, True])), {"axis": 0}
    for gone in (3, -4, [0, 9]):
        yield "delete", (M, gone, 0), {}
    for where, values in ((1, 5.0), (3, 5.0), (-1, 5.0), (1, W), ([0, 2], 5.0), ([2, 0], M[:2])):
        yield "insert", (M, where, values, 0), {}
    yield "insert", (M, [1, 1, 3], np.array([7.0, 8.0, 9.0])), {}
    yield "insert", (M, slice(0, 2), 5.0, 1), {}
    yield "insert", (M, 2, np.array([1.0, 2.0, 3.0]), 1), {}
    yield "insert", (M, [2], np.array([[1.0], [2.0], [3.0]]), 1), {}
    yield "insert", (M, [1], M, 0), {}
    yield "insert", (W, [1], np.array([1.0, 2.0, 3.0])), {}
    yield "insert", (np.arange(3), 1, 2.7), {}
    yield "insert", (M, 4, 5.0, 0), {}
    yield "block", ([[M, M], [M, M]],), {}
    yield "block", ([[W, W], [D[:14]]],), {}
    yield "block", ([W, W],), {}
    yield "block", (M,), {}
    yield "block", ([[M], M],), {}
    yield "block", ([],), {}
    chosen = np.array([True, False, True])
    yield "compress", (chosen, M), {"axis": 0}
    yield "compress", (chosen, M), {}
    yield "compress", (M > 0, M), {}
    yield "extract", (M > 0, M), {}
    for shape in ((2, 2), 5, (), (3, 0), (4, 9)):
        yield "resize", (M, shape), {}
    yield "resize", (np.zeros(0), (2,)), {}
    for axis, start in itertools.product((0, 1, 2, -1, 3), (0, 1, 2, 3, -1)):
        yield "rollaxis", (np.zeros((2, 3, 4)), axis, start), {}


def between() -> Iterator[Case]:
    finite = PLACES[:-3]
    yield "interp", (PLACES, XP, FP), {}
    yield "interp", (PLACES, XP, FP), {"left": -9.0, "right": 9.0}
    yield "interp", (finite, XP, FP), {"period": 3.0}
    yield "interp", (finite, XP[::-1].copy(), FP), {"period": -1.7}
    yield "interp", (finite, XP[:1], FP[:1]), {"left": 0.0, "right": 3.0}
    yield "interp", (finite.reshape(3, 3), XP, FP), {}
    yield "interp", (np.array([0.5, 1.0, 1.5]), np.array([0.0, 1, 1, 2]), np.arange(4.0)), {}
    yield "interp", (1.5, XP, FP), {}
    yield "interp", (finite, XP, FP[:2]), {}
    yield "interp", (finite, XP[:0], FP[:0]), {}
    for x, y in ((PLACES, PLACES[::-1].copy()), (M, M[0])):
        yield "fmax", (x, y), {}
        yield "fmin", (x, y), {}
    yield "fabs", (np.array([-1, 2]),), {}
    yield "modf", (np.array([2.5, -2.5, -0.0, INF, -INF, NAN]),), {}
    yield "float_power", (np.array([2, 3]), 0.5), {}
    yield "logaddexp2", (D[:50] * 1000, D[50:] * 1000), {}
    for name in ("real", "conj", "conjugate"):
        yield name, (M,), {}
    yield "vdot", (M, M), {}
    yield "matvec", (M, M[0]), {}
    yield "matvec", (RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 4))), {}
    yield "vecmat", (M[:, 0], M), {}


def statistics() -> Iterator[Case]:
    for more in (
        *({}, {"bias": True}, {"ddof": 0}, {"ddof": 2}, {"rowvar": False}, {"fweights": OFTEN}),
        *({"aweights": W}, {"fweights": OFTEN, "aweights": W}, {"aweights": W, "ddof": 0}),
    ):
        yield "cov", (M,), more
        yield "cov", (M[0],), more
    yield "cov", (M, M[0]), {}
    yield "cov", (M.T, M[0]), {"rowvar": False}
    yield "cov", (M[None],), {}
    yield "corrcoef", (M,), {}
    yield "corrcoef", (M[0], M[1]), {}
    yield "corrcoef", (M,), {"rowvar": False}
    for more in (
        *({}, {"bins": 7}, {"bins": np.array([-1.0, 0.0, 0.5, 2.0])}, {"range": (-1.0, 1.0)}),
        *({"density": True}, {"weights": np.abs(D)}, {"bins": 0}, {"bins": np.array([1.0, 0.0])}),
        {"weights": D, "range": (-0.5, 0.5)},
        *({"weights": D[:9]}, {"range": (1.0, -1.0)}, {"bins": 5, "weights": D, "density": True}),
    ):
        yield "histogram", (D,), more
    yield "histogram", (np.ones((2, 2)),), {}
    grid = np.linspace(0, 1, 11)  # elements on the edges, as they are rounded
    for bins in (3, 7, 10, 49):
        yield "histogram", (np.concatenate([grid, grid * 0.7, grid / 3]), bins), {}
        yield "histogram", (holes(grid), bins), {"range": (0.1, 0.7)}
    yield "histogram", (np.zeros(0),), {}
    yield "histogram", (np.array([1.0, NAN]),), {}
    yield "histogram", (np.array([1, 2, 2, 5]), 4), {}
    at = np.array([-2, -1, -0.5, 0, 0.5, 1, 2])
    for edges in ([-1.0, 0, 1], [1.0, 0, -1], [0.0, 0, 1], [0.0, 2, 1], [], [1.0]):
        for right in (False, True):
            yield "digitize", (at, np.array(edges), right), {}


def sets() -> Iterator[Case]:
    for a, b in [
        (np.array([3, 1, 2, 3]), np.array([2, 3, 9])),
        (np.array([[1.0, 2.0], [NAN, 4.0]]), np.array([2.0, 5.0])),
        (np.array([1, 2]), np.array([], dtype=np.int64)),
        (np.array([], dtype=np.int64), np.array([1])),
        (np.array([1, 2]), np.array([1.5, 2.0])),
    ]:
        for name in ("isin", "union1d", "intersect1d", "setdiff1d"):
            yield name, (a, b), {}
        yield "isin", (a, b), {"invert": True}
    yield "unique_all", (np.array([[3, 1], [3, 2]]),), {}


CASES = [*along_axes(), *sequences(), *between(), *statistics(), *sets()]


def of_tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return nnx.tensor(value)
    return [of_tensors(v) for v in value] if isinstance(value, list) else value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted({name for name, _, _ in CASES}))
def test_values_are_those_of_numpy(name: str) -> None:
    answered = 0
    for case, args, more in CASES:
        if case != name:
            continue
        ours = [of_tensors(a) for a in args]
        call = lambda: getattr(nnx, name)(*ours, **{k: of_tensors(v) for k, v in more.items()})  # noqa: B023, E731
        try:
            expected = getattr(np, name)(*args, **more)
        except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
            with pytest.raises(nnx.Error):
                call()
            continue
        found = call()
        both = zip(
            found if isinstance(found, tuple | list) else [found],
            expected if isinstance(expected, tuple | list) else [expected],
            strict=True,
        )
        for got, theirs in both:
            assert isinstance(got, nnx.Tensor) and tuple(got.shape) == np.shape(theirs), args
            assert np.asarray(got).dtype.kind == np.asarray(theirs).dtype.kind, args
            same = got.dtype == nnx.float32 and np.asarray(theirs).dtype == np.float64
            rtol = 1e-7 if name == "polyfit" else 1e-12  # of points far from 0: badly conditioned
            rtol = 1e-6 if same else rtol  # integers become floats of the default dtype
            np.testing.assert_allclose(got, theirs, rtol=rtol, atol=1e-13, err_msg=f"{args} {more}")
        answered += 1
    assert answered


def test_every_function_is_reached_through_numpy() -> None:
    for name in {name for name, _, _ in CASES}:
        args, more = next((a, m) for n, a, m in CASES if n == name)
        try:
            found = getattr(np, name)(*[of_tensors(a) for a in args], **more)
        except (ValueError, TypeError):
            continue
        if name not in {"matvec", "vecmat"} or hasattr(np, name):
            parts = found if isinstance(found, tuple | list) else [found]
            assert all(isinstance(part, nnx.Tensor) for part in parts), name


X = np.array([0.3, 1.2, 2.0, 3.7, 5.0])
DIFFERENTIABLE: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "trapezoid": (lambda y, x: nnx.trapezoid(y, x), [D[:5], X]),
    "trapezoid in dx": (lambda y, h: nnx.trapezoid(y, dx=h), [M, np.array(0.4)]),
    "gradient": (lambda y: nnx.gradient(y, 0.5, edge_order=2), [D[:6]]),
    "gradient in positions": (lambda y, x: nnx.gradient(y, x, edge_order=2), [D[:5], X]),
    "gradient along an axis": (lambda y: nnx.gradient(y, axis=0), [M]),
    "interp": (nnx.interp, [np.array([-1.0, 0.7, 1.9, 4.5, 9.0]), X, D[:5]]),
    "unwrap": (nnx.unwrap, [np.array([0.1, 3.0, -3.1, 2.9])]),
    "convolve": (nnx.convolve, [D[:5], D[5:8]]),
    "convolve, same": (lambda a, v: nnx.convolve(a, v, "same"), [D[:3], D[5:9]]),
    "correlate": (lambda a, v: nnx.correlate(a, v, "full"), [D[:5], D[5:8]]),
    "polyval": (nnx.polyval, [D[:4], X]),
    "vander": (lambda x: nnx.vander(x, 4), [X]),
    "polyfit": (lambda x, y: nnx.polyfit(x, y, 2), [X, D[:5]]),
    "polyfit with weights": (lambda y, w: nnx.polyfit(nnx.tensor(X), y, 1, w=w), [D[:5], X]),
    "polyder": (nnx.polyder, [X]),
    "polyint": (lambda p, k: nnx.polyint(p, 2, k), [X, D[:2]]),
    "polymul": (nnx.polymul, [X, D[:3]]),
    "polysub": (nnx.polysub, [X, D[:3]]),
    "delete": (lambda x: nnx.delete(x, [0, 2], 1), [M]),
    "insert": (lambda x, v: nnx.insert(x, 1, v, 0), [M, W]),
    "block": (lambda x: nnx.block([[x, x], [x, x]]), [M]),
    "compress": (lambda x: nnx.compress([True, False, True], x, 0), [M]),
    "resize": (lambda x: nnx.resize(x, (3, 3)), [X]),
    "modf": (lambda x: nnx.modf(x)[0], [X + 0.05]),
    "logaddexp2": (nnx.logaddexp2, [X, D[:5]]),
    "float_power": (nnx.float_power, [X, D[:5]]),
    "nancumprod": (lambda x: nnx.nancumprod(x, 1), [M]),
    "ediff1d": (nnx.ediff1d, [X]),
    "append": (nnx.append, [X, D[:2]]),
    "diagflat": (lambda x: nnx.diagflat(x, 1), [X]),
    "hsplit": (lambda x: nnx.hsplit(x, [2])[1], [M]),
    "piecewise": (lambda x: nnx.piecewise(x, [x < 2.5], [lambda v: v**2, lambda v: v]), [X]),
    "cov": (nnx.cov, [M]),
    "cov with weights": (lambda x, w: nnx.cov(x, aweights=w), [M, W + 0.5]),
    "corrcoef": (nnx.corrcoef, [M]),
    "nanmax": (lambda x: nnx.nanmax(x, 1), [M]),
    "nanprod": (nnx.nanprod, [X]),
    "nancumsum": (lambda x: nnx.nancumsum(x, 1), [M]),
    "nanstd": (lambda x: nnx.nanstd(x, 1), [M]),
    "histogram of weights": (lambda w: nnx.histogram(nnx.tensor(X), 3, weights=w)[0], [D[:5]]),
    "fmax": (nnx.fmax, [D[:4], D[4:8]]),
    "fmin": (nnx.fmin, [D[:4], D[4:8]]),
    "fabs": (nnx.fabs, [D[:4]]),
    "vdot": (nnx.vdot, [M, M[::-1].copy()]),
    "matvec": (nnx.matvec, [M, D[:7]]),
    "vecmat": (nnx.vecmat, [D[:3], M]),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name: str) -> None:
    f, inputs = DIFFERENTIABLE[name]
    helpers.check_gradients(f, inputs)


def test_missing_values_get_no_gradient() -> None:
    for f in (nnx.nanvar, nnx.nanprod, nnx.nanmax):
        x = nnx.tensor([1.0, NAN, 3.0], requires_grad=True)
        f(x).backward()
        assert x.grad is not None and x.grad[1].item() == 0 and bool(x.grad.isfinite().all())


def test_numbers_widen_nothing() -> None:
    x = nnx.tensor(X, dtype=nnx.float32)
    for y in (
        *(nnx.trapezoid(x, dx=0.5), nnx.gradient(x, 0.5), nnx.interp(x, XP.tolist(), FP.tolist())),
        *(nnx.unwrap(x), nnx.polyval(x, x), nnx.cov(x), nnx.nanvar(x), nnx.interp(x, x, x, 0.0)),
    ):
        assert y.dtype == nnx.float32
    assert nnx.trapezoid(nnx.arange(3)).dtype == nnx.float32
    assert nnx.convolve([1, 2], [3]).dtype == nnx.int64


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nnx.trapezoid([1.0, 2.0], x=[1.0]), nnx.ShapeError, "as many positions"),
        (lambda: nnx.trapezoid(1.0), nnx.ShapeError, "at least one axis"),
        (lambda: nnx.trapezoid([1.0], axis=3), nnx.AxisError, "axis"),
        (lambda: nnx.unwrap([1.0], axis=1), nnx.AxisError, "axis"),
        (lambda: nnx.gradient([1.0, 2.0], axis=1), nnx.AxisError, "axis"),
        (lambda: nnx.gradient([1.0]), nnx.ShapeError, "at least 2 samples"),
        (lambda: nnx.gradient([1.0, 2.0], edge_order=2), nnx.ShapeError, "at least 3 samples"),
        (lambda: nnx.gradient([1.0, 2.0], edge_order=3), nnx.ArgumentError, "edge_order"),
        (lambda: nnx.gradient([1.0, 2.0], 1.0, 2.0), nnx.ArgumentError, "one distance"),
        (lambda: nnx.gradient([1.0, 2.0], [1.0]), nnx.ShapeError, "positions"),
        (lambda: nnx.interp([1.0], [1.0], [1.0, 2.0]), nnx.ShapeError, "same length"),
        (lambda: nnx.interp([1.0], [1.0], [1.0], period=0), nnx.ArgumentError, "period"),
        (lambda: nnx.convolve([], [1.0]), nnx.ShapeError, "not empty"),
        (lambda: nnx.convolve([[1.0]], [1.0]), nnx.ShapeError, "one axis"),
        (lambda: nnx.convolve([1.0], [1.0], "ful"), nnx.ArgumentError, "did you mean 'full'"),
        (lambda: nnx.vander([1.0], -1), nnx.ArgumentError, "N must be at least 0"),
        (lambda: nnx.cov([[1.0, 2.0]], fweights=[1.5, 1.0]), nnx.DTypeError, "whole numbers"),
        (lambda: nnx.cov([[1.0, 2.0]], aweights=[1.0]), nnx.ShapeError, "observations"),
        (lambda: nnx.histogram([1.0, INF]), nnx.ArgumentError, "range="),
        (lambda: nnx.histogram([1.0], bins=[2.0, 1.0]), nnx.ArgumentError, "increase"),
        (lambda: nnx.digitize([1.0], [0.0, 2.0, 1.0]), nnx.ArgumentError, "increase or decrease"),
        (lambda: nnx.piecewise([1.0], [[True]], [1, 2, 3]), nnx.ArgumentError, "or one more"),
        (lambda: nnx.polyfit([1.0], [1.0, 2.0], 1), nnx.ShapeError, "a value"),
        (lambda: nnx.polyfit([1.0], [1.0], 1), nnx.ShapeError, "at least 2 points"),
        (lambda: nnx.delete([1.0], 1), nnx.IndexError, "positions"),
        (lambda: nnx.polyint([1.0], 2, [1.0] * 3), nnx.ShapeError, "one constant"),
        (lambda: nnx.block([[1.0], []]), nnx.ShapeError, "not be empty"),
        (lambda: nnx.resize([1.0], -1), nnx.ArgumentError, "at least 0"),
        (lambda: nnx.dsplit([1.0], 1), nnx.ShapeError, "at least 3 axes"),
    ],
)
def test_errors_teach(call: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_what_the_package_offers_is_what_the_files_have() -> None:
    """nnx lists them to load them late; what is in only one of the two cannot be found."""
    import importlib

    for file, names in nnx._NUMERIC.items():
        assert sorted(names.split()) == sorted(
            importlib.import_module(f"nnx.numeric.{file}").__all__
        )
