"""Masks, ramps, triangles, joined parts, one-hot rows, scattered elements: by position."""

from __future__ import annotations

from typing import Any

import nnx
import numpy as np
import pytest


def same(ours: Any, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(ours), theirs)


# --- masks ---------------------------------------------------------------------------------------


@pytest.mark.kernels
@pytest.mark.parametrize(
    "shape", [(), (1,), (40,), (3, 5), (2, 3, 4), (70000,), (300, 250), (5, 0, 2), (2, 33, 1100)]
)
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_masks(shape: tuple[int, ...], share: float) -> None:
    rng = np.random.default_rng(0)
    mask = np.asarray(rng.random(shape) < share)
    x = rng.standard_normal(shape)
    t, m = nnx.tensor(x), nnx.tensor(mask)
    if shape:
        for ours, theirs in zip(nnx.nonzero(m), np.nonzero(mask), strict=True):
            same(ours, theirs)
    same(m.nonzero(), np.argwhere(mask))
    same(nnx.argwhere(m), np.argwhere(mask))
    same(t[m], x[mask])
    same(nnx.any(m), np.any(mask))
    same(nnx.all(m), np.all(mask))
    if len(shape) > 1:
        first = np.asarray(mask.any(axis=tuple(range(1, len(shape)))))
        same(t[nnx.tensor(first)], x[first])
        same(t.mT[m.mT], x.swapaxes(-1, -2)[mask.swapaxes(-1, -2)])
        assert m.any().item() == mask.any() and m.mT.all().item() == mask.all()


def test_gradient_through_a_mask() -> None:
    rng = np.random.default_rng(0)
    x, m = nnx.tensor(rng.standard_normal((4, 5))), nnx.tensor(rng.random((4, 5)) < 0.5)
    nnx.check_grad(lambda t: t[m] ** 2, x)
    nnx.check_grad(lambda t: t[m[:, 0]] ** 2, x)
    with pytest.raises(IndexError, match="mask"):
        x[nnx.ones(3, 5, dtype=bool)]
    with pytest.raises(nnx.VmapError, match="nonzero"):
        nnx.vmap(lambda a, b: a[b])(x, m)
    assert nnx.vmap(lambda a: a[m[0]])(x).shape == (4, int(m[0].sum()))


# --- made by position ----------------------------------------------------------------------------


@pytest.mark.kernels
@pytest.mark.parametrize("n", [0, 1, 2, 3, 100, 70001])
def test_ramps(n: int) -> None:
    same(nnx.arange(n), np.arange(n))
    same(nnx.arange(5, 5 - 3 * n, -3), np.arange(5, 5 - 3 * n, -3))
    same(nnx.arange(0.5, 0.5 + n, dtype=nnx.float64), 0.5 + np.arange(n))
    same(nnx.linspace(-1, 2, n, dtype=nnx.float64), np.linspace(-1, 2, n))
    same(nnx.linspace(-1, 2, n), np.linspace(-1, 2, n).astype(np.float32))
    same(nnx.linspace(3, -2, n, endpoint=False), np.linspace(3, -2, n, False).astype(np.float32))
    for dtype in ("float16", "uint8", "int32"):
        low = np.arange(min(n, 200))
        same(nnx.arange(min(n, 200), dtype=getattr(nnx, dtype)), low.astype(dtype))


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "int64"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (7, 4), (2, 3, 3), (0, 3), (3, 0), (90, 80)])
def test_triangles(dtype: str, shape: tuple[int, ...]) -> None:
    x = np.ones(shape).astype(dtype)
    for k in (-100, -3, -1, 0, 1, 2, 100, 2**62, -(2**62)):
        same(nnx.tril(nnx.tensor(x), k), np.tril(x, max(-1000, min(k, 1000))))
        same(nnx.triu(nnx.tensor(x), k), np.triu(x, max(-1000, min(k, 1000))))
    same(nnx.tril(nnx.tensor(x).mT), np.tril(x.swapaxes(-1, -2)))


def test_gradient_of_triangles() -> None:
    x = nnx.tensor(np.random.default_rng(0).standard_normal((2, 3, 4)))
    nnx.check_grad(lambda t: nnx.tril(t, -1) ** 2, x)
    nnx.check_grad(lambda t: nnx.triu(t, 1) ** 2, x)
    same(nnx.vmap(nnx.tril)(x), np.tril(np.asarray(x)))


@pytest.mark.kernels
def test_joined_parts() -> None:
    rng = np.random.default_rng(0)
    for shape in ((), (3,), (2, 3), (0, 3), (2, 1, 4), (300, 200)):
        parts = [rng.standard_normal(shape) for _ in range(5)]
        mixed = [parts[0], parts[1].astype(np.float32), np.ones(shape, np.int64)]
        turned = [p.T.copy().T for p in parts]
        for arrays in (parts, mixed, turned, parts[:1]):
            tensors = [nnx.tensor(a) if a is not turned[0] else nnx.tensor(a.T).T for a in arrays]
            for axis in range(-len(shape) - 1, len(shape) + 1):
                same(nnx.stack(tensors, axis), np.stack(arrays, axis))
            for axis in range(-len(shape), len(shape)):
                same(nnx.concatenate(tensors, axis), np.concatenate(arrays, axis))
    x = nnx.tensor(rng.standard_normal((2, 3)))
    for axis in (0, 1, 2, -1):
        nnx.check_grad(lambda t, a=axis: nnx.stack([t, t * 2, t], a) ** 2, x)
    lanes = nnx.vmap(lambda a, b: nnx.stack([a, b], 1), in_axes=(0, None))(x, nnx.ones(3))
    assert lanes.shape == (2, 3, 2)
    same(lanes[..., 0], np.asarray(x))
    same(lanes[..., 1], np.ones((2, 3)))
    with pytest.raises(nnx.ShapeError, match="stack"):
        nnx.stack([nnx.ones(2), nnx.ones(3)])
    with pytest.raises(nnx.ShapeError, match="stack"):
        nnx.stack([])


def test_one_hot() -> None:
    labels = nnx.tensor([[0, 3], [1, 1]])
    same(nnx.nn.functional.one_hot(labels), np.eye(4, dtype=np.int64)[[[0, 3], [1, 1]]])
    assert nnx.nn.functional.one_hot(labels, 6).shape == (2, 2, 6)
    assert nnx.nn.functional.one_hot(labels[:0], 3).shape == (0, 2, 3)
    with pytest.raises(IndexError, match="labels"):
        nnx.nn.functional.one_hot(labels, 3)
    assert nnx.vmap(lambda row: nnx.nn.functional.one_hot(row, 4))(labels).shape == (2, 2, 4)


# --- scattered -----------------------------------------------------------------------------------


def scattered(x: np.ndarray, axis: int, index: np.ndarray, values: Any) -> np.ndarray:
    """Element by element, in order."""
    out = x.copy()
    values = np.broadcast_to(values, index.shape)
    for at in np.ndindex(index.shape):
        to = list(at)
        to[axis] = index[at]
        out[tuple(to)] = values[at]
    return out


@pytest.mark.kernels
@pytest.mark.parametrize("shape", [(5,), (4, 6), (3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_scatter(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(shape) * 5).astype(dtype)
    for axis in range(-len(shape), len(shape)):
        for shorter in (0, 1, 2):
            extent = tuple(max(n - shorter, 1) for n in shape)
            index = rng.integers(-shape[axis], shape[axis], extent)
            values = (rng.standard_normal(extent) * 5).astype(dtype)
            want = scattered(x, axis, index, values)
            i, v = nnx.tensor(index), nnx.tensor(values)
            same(nnx.tensor(x).scatter(axis, i, v), want)
            same(nnx.scatter(nnx.tensor(x), axis, i, v), want)
            base = nnx.tensor(np.repeat(x, 2, -1))
            base[..., ::2].scatter_(axis, i, v)  # a view
            same(base[..., ::2], want)
            same(base[..., 1::2], x)
            one = x.dtype.type(3)
            same(nnx.tensor(x).scatter_(axis, i, one), scattered(x, axis, index, one))


def test_scatter_is_followed_and_refuses() -> None:
    rng = np.random.default_rng(1)
    x, v = nnx.tensor(rng.standard_normal((3, 4))), nnx.tensor(rng.standard_normal((3, 4)))
    index = nnx.tensor(rng.permuted(np.tile(np.arange(4), (3, 1)), axis=1))
    nnx.check_grad(lambda a, b: (a * 2).scatter_(1, index, b) ** 2, x, v)
    nnx.check_grad(lambda a, b: a.scatter(1, index[:2, :2], b[:2]) ** 2, x, v)
    nnx.check_grad(lambda a: a.scatter(0, index[:, :3] % 3, 5.0) ** 2, x)
    itself = nnx.tensor([2, 0, 1])
    same(itself.scatter_(0, itself, nnx.tensor([5, 6, 7])), np.array([6, 7, 5]))
    moved = nnx.tensor([1.0, 2.0, 3.0])
    same(moved.scatter_(0, nnx.tensor([2, 1, 0]), moved), np.array([3.0, 2.0, 1.0]))
    for bad, error in (
        (lambda: x.clone().scatter_(1, index + 9, v), IndexError),
        (lambda: x.clone().scatter_(1, index[0], v), nnx.ShapeError),
        (lambda: x.clone().scatter_(1, nnx.zeros(5, 1, dtype=nnx.int64), 1.0), nnx.ShapeError),
        (lambda: x.clone().scatter_(1, index, v[:, :3]), nnx.ShapeError),
        (lambda: x.clone().scatter_(2, index, v), IndexError),
    ):
        with pytest.raises(error):
            bad()
    before = x.clone()
    with pytest.raises(IndexError):
        x.scatter_(1, index + 9, v)
    same(x, np.asarray(before))
    got = nnx.vmap(lambda a, i: a.scatter(0, i, 1.0))(x, index[:, :2])
    same(got, scattered(np.asarray(x), 1, np.asarray(index[:, :2]), 1.0))


def test_scatter_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="compares with torch itself")
    rng = np.random.default_rng(2)
    x, v = rng.standard_normal((4, 5)), rng.standard_normal((2, 5))
    index = rng.integers(0, 4, (2, 3))
    want = torch.tensor(x).scatter(0, torch.tensor(index), torch.tensor(v))
    same(nnx.tensor(x).scatter(0, nnx.tensor(index), nnx.tensor(v)), want.numpy())
