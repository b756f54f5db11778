"""Sorting, places of the order, medians, searching: against NumPy for shapes and dtypes."""

from __future__ import annotations

import itertools
from typing import Any

import nnx
import numpy as np
import pytest

DTYPES = ("float32", "float64", "int64", "uint64", "int32", "uint8", "bool")
LENGTHS = (1, 2, 7, 31, 64, 129, 600, 5000)


def rows(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, kind: str) -> np.ndarray:
    """Numbers of one sort: far apart, many ties, few bits that differ, in order, with holes."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    wide = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "f":
        table = {
            "any": wide * 10.0 ** rng.integers(-30, 30, shape),
            "ties": np.round(wide) * np.where(rng.random(shape) < 0.5, 1, -1),
            "near": 1 + wide * 1e-12,
            "ordered": np.sort(wide),
            "holes": np.where(rng.random(shape) < 0.3, np.nan, np.round(wide, 1)),
        }
        return table[kind].astype(dtype)
    span = np.iinfo(dtype)
    low, high = int(span.min), int(span.max)
    small = min(high, 50)
    table = {
        "any": rng.integers(low, high, shape, dtype=dtype, endpoint=True),
        "ties": rng.integers(0, 5, shape).astype(dtype),
        "near": (high - rng.integers(0, small, shape).astype(dtype)).astype(dtype),
        "ordered": np.sort(rng.integers(0, small, shape).astype(dtype)),
        "holes": rng.integers(0, 2, shape).astype(dtype) * np.dtype(dtype).type(high // 2),
    }
    return table[kind]


CASES = [
    (dtype, kind, n)
    for dtype, kind, n in itertools.product(
        DTYPES, ("any", "ties", "near", "ordered", "holes"), LENGTHS
    )
]


def same(ours: Any, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(ours), theirs)


def order_of(x: np.ndarray, descending: bool) -> np.ndarray:
    """The stable order; descending, NaN comes first and ties stay in order."""
    if not descending:
        return np.argsort(x, -1, kind="stable")
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]


@pytest.mark.kernels
@pytest.mark.parametrize(("dtype", "kind", "n"), CASES)
def test_order(dtype: str, kind: str, n: int) -> None:
    rng = np.random.default_rng(n)
    x = rows(rng, (3, n), dtype, kind)
    t = nnx.tensor(x)
    for descending in (False, True):
        order = order_of(x, descending)
        values = np.take_along_axis(x, order, -1)
        same(nnx.argsort(t, descending=descending), order)
        same(nnx.sort(t, descending=descending), values)
        pair = t.sort(descending=descending)
        same(pair.values, values)
        same(pair.indices, order)
        for k in sorted({0, 1, min(5, n), min(40, n), n // 3, n}):
            first = t.topk(k, largest=descending)
            same(first.indices, order[:, :k])
            same(first.values, values[:, :k])
    order = order_of(x, False)
    for k in sorted({1, (n + 1) // 2, n}):
        place = t.kthvalue(k)
        same(place.indices, order[:, k - 1])
        same(place.values, np.take_along_axis(x, order, -1)[:, k - 1])
    if dtype != "bool":
        distinct, first, inverse, counts = np.unique(x, True, True, True, equal_nan=False)
        found = nnx.unique(t, return_index=True, return_inverse=True, return_counts=True)
        for ours, theirs in zip(found, (distinct, first, inverse, counts), strict=True):
            same(ours, theirs)
        same(nnx.unique(t), distinct)


@pytest.mark.kernels
@pytest.mark.parametrize(("dtype", "kind", "n"), CASES)
def test_searchsorted(dtype: str, kind: str, n: int) -> None:
    rng = np.random.default_rng(n)
    x = np.sort(rows(rng, (3, n), dtype, kind), -1)
    for m in (1, 3, 16, 50):
        v = rng.choice(x.ravel(), (3, m))
        v[:, ::2] = rows(rng, (3, m), dtype, kind)[:, ::2]
        for side in ("left", "right"):
            each = np.stack([np.searchsorted(x[i], v[i], side) for i in range(3)])
            same(nnx.searchsorted(nnx.tensor(x), nnx.tensor(v), side=side), each)
            shared = np.searchsorted(x[0], v, side)
            same(nnx.searchsorted(nnx.tensor(x[0]), nnx.tensor(v), side=side), shared)
    same(nnx.searchsorted(nnx.tensor(x[0, :0]), nnx.tensor(x)), np.zeros(x.shape))
    same(nnx.bucketize(nnx.tensor(x[0]), nnx.tensor(x[0])), np.searchsorted(x[0], x[0]))


def test_searchsorted_of_what_does_not_fit() -> None:
    ones = nnx.ones
    for sorted_, values in (
        (ones(2, 3), ones(3, 3)),
        (ones(2, 3), ones(3)),
        (nnx.tensor(1.0), ones(3)),
    ):
        with pytest.raises(nnx.ShapeError, match="searchsorted"):
            nnx.searchsorted(sorted_, values)
    assert nnx.searchsorted(nnx.tensor([1, 3]), 2.5).item() == 1
    assert nnx.vmap(nnx.searchsorted)(
        nnx.tensor([[1.0, 2.0], [3.0, 4.0]]), nnx.tensor([[1.5], [1.5]])
    ).tolist() == [[1], [0]]


@pytest.mark.parametrize("shape", [(7,), (5, 6), (2, 3, 4), (0,), (3, 0), ()])
def test_median(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    if not x.size:
        with pytest.raises(nnx.ShapeError, match="median"):
            nnx.tensor(x).median()
        return
    lower = np.sort(x, None)[(x.size - 1) // 2]
    assert nnx.tensor(x).median().item() == lower
    for axis in range(x.ndim):
        pair = nnx.tensor(x).median(axis)
        want = np.sort(x, axis).take((x.shape[axis] - 1) // 2, axis)
        same(pair.values, want)
        same(
            np.take_along_axis(x, np.expand_dims(np.asarray(pair.indices), axis), axis).squeeze(
                axis
            ),
            want,
        )
    if x.ndim > 1:
        x[0, 0] = np.nan
        assert np.isnan(nnx.tensor(x).median().item())
        values, indices = nnx.tensor(x).median(0)
        at = tuple(np.isnan(x).nonzero()[1:]) if x.ndim == 2 else ()
        if at:
            assert np.isnan(values[at[0][0]].item()) and indices[at[0][0]].item() == 0
            assert np.isnan(np.asarray(values)).sum() == 1


@pytest.mark.parametrize("name", ["median", "topk", "kthvalue", "sort"])
def test_gradients_of_the_order(name: str) -> None:
    x = nnx.tensor(np.random.default_rng(1).permutation(50).reshape(2, 25) / 7.0)
    more: dict[str, tuple[Any, ...]] = {
        "median": (1,),
        "topk": (4, 1),
        "kthvalue": (9, 1),
        "sort": (1,),
    }
    nnx.check_grad(lambda t: getattr(t, name)(*more[name]).values, x)
    if name == "median":
        nnx.check_grad(lambda t: t.median(), x)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_long_rows_do_not_depend_on_threads(threads: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(200_000)
    before = nnx.get_num_threads()
    try:
        nnx.set_num_threads(threads)
        same(nnx.argsort(nnx.tensor(x)), np.argsort(x, kind="stable"))
        same(nnx.sort(nnx.tensor(x)), np.sort(x))
        same(nnx.nonzero(nnx.tensor(x > 0))[0], np.nonzero(x > 0)[0])
        same(nnx.tensor(x).topk(1000).values, np.sort(x)[::-1][:1000])
        same(
            nnx.searchsorted(nnx.tensor(np.sort(x)), nnx.tensor(x)), np.searchsorted(np.sort(x), x)
        )
        same(nnx.linspace(0, 1, 100_001), np.linspace(0, 1, 100_001).astype(np.float32))
    finally:
        nnx.set_num_threads(before)


@pytest.mark.kernels
@pytest.mark.parametrize("kind", ["any", "ties", "near", "ordered", "holes"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_rows(dtype: str, kind: str) -> None:
    for n in (16_385, 70_001):
        x = rows(np.random.default_rng(n), (n,), dtype, kind)
        t = nnx.tensor(x)
        for descending in (False, True):
            order = order_of(x, descending)
            same(nnx.argsort(t, descending=descending), order)
            same(nnx.sort(t, descending=descending), x[order])
            same(t.topk(n // 5, largest=descending).indices, order[: n // 5])
        same(t.kthvalue(n // 3).indices, order_of(x, False)[n // 3 - 1])
