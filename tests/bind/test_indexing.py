"""Subscripts against NumPy: random ones, read, written and differentiated, and those refused."""

from __future__ import annotations

import random
from typing import Any

import nnx
import numpy as np
import pytest


def random_index(rng: random.Random, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Valid entries for the axes of a shape, with None and ... among them."""
    nprng = np.random.default_rng(rng.randrange(2**30))
    common = tuple(rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 2)))
    parts: list[Any] = []
    axis = 0
    while axis < len(shape) and rng.random() < 0.85:
        n = shape[axis]
        kind = rng.random()
        if kind < 0.2 and n:
            parts.append(rng.randrange(-n, n))
        elif kind < 0.55:
            bounds = [rng.choice([None, rng.randint(-n - 2, n + 2)]) for _ in range(2)]
            parts.append(slice(*bounds, rng.choice([None, 1, 2, 3, -1, -2])))
        elif kind < 0.75 and n:
            parts.append(nprng.integers(-n, n, common))
        elif kind < 0.85 and n and not common:  # a mask broadcasts with arrays by its count
            parts.append(nprng.random(n) < 0.5)
        elif (
            kind < 0.95 and 0 not in shape[axis : axis + 2] and axis + 1 < len(shape) and not common
        ):
            parts.append(nprng.random(shape[axis : axis + 2]) < 0.5)
            axis += 1
        else:
            parts.append(None)
            continue
        axis += 1
    if rng.random() < 0.25:
        parts.insert(rng.choice([0, len(parts)]), Ellipsis)
    return tuple(parts)


def ours(index: tuple[Any, ...], rng: random.Random) -> tuple[Any, ...]:
    """The same index, its arrays as tensors, arrays or lists."""
    forms = [
        nnx.tensor,
        lambda a: a,
        lambda a: a.tolist() if a.ndim == 1 and a.size else nnx.tensor(a),
    ]
    return tuple(rng.choice(forms)(p) if isinstance(p, np.ndarray) else p for p in index)


def cases(n: int) -> Any:
    for seed in range(n):
        rng = random.Random(seed)
        shape = tuple(
            rng.choice([0, 1, 2, 3, 4]) if i == 1 else rng.randint(1, 4)
            for i in range(rng.randint(1, 4))
        )
        a = np.arange(float(np.prod(shape))).reshape(shape)
        yield seed, rng, a, random_index(rng, shape)


def test_reading() -> None:
    answered = 0
    for seed, rng, a, index in cases(3000):
        t = nnx.tensor(a)
        if rng.random() < 0.3 and a.ndim > 1:  # another layout of the same values
            t = nnx.asarray(np.asfortranarray(a))
        try:
            expected = a[index]
        except IndexError:
            with pytest.raises((IndexError, nnx.ShapeError)):
                t[ours(index, rng)]
            continue
        got = t[ours(index, rng)]
        assert got.shape == expected.shape, (seed, index, a.shape)
        np.testing.assert_array_equal(got.numpy(), expected, err_msg=f"{seed} {index}")
        if isinstance(expected, np.ndarray) and expected.size and np.shares_memory(expected, a):
            source = nnx.asarray(a)
            assert np.shares_memory(np.asarray(source[index]), a), (seed, index)
        answered += 1
    assert answered > 2000


def test_writing() -> None:
    written = 0
    for seed, rng, a, index in cases(3000):
        t = nnx.tensor(a)
        try:
            shape = a[index].shape
        except IndexError:
            continue
        value: Any = -1.0
        kind = rng.random()
        if kind < 0.5:
            value = -np.arange(1.0, 1 + float(np.prod(shape))).reshape(shape)
        elif kind < 0.7 and shape:
            value = -np.arange(1.0, 1 + shape[-1])
        a[index] = value
        t[ours(index, rng)] = nnx.tensor(value) if rng.random() < 0.5 else value
        np.testing.assert_array_equal(t.numpy(), a, err_msg=f"{seed} {index}")
        written += 1
    assert written > 2000


def test_masks_without_elements() -> None:
    """An axis of length 0 fits any, as in NumPy and the array API."""
    for mask, shape in (((0,), (3,)), ((0,), (3, 2)), ((2, 0), (2, 3)), ((0, 3), (2, 3))):
        x, m = np.ones(shape), np.zeros(mask, bool)
        t = nnx.tensor(x)
        assert t[nnx.tensor(m)].shape == x[m].shape
        t[nnx.tensor(m)] = 5
        assert t.tolist() == x.tolist()
    with pytest.raises(nnx.IndexError, match="shape of the axes"):
        nnx.ones(2, 3)[nnx.zeros(0, 5, dtype=nnx.bool)]


def test_gradients() -> None:
    """d sum(w * x[index]) / dx holds w where the elements came from, and the sum where twice."""
    for seed, rng, a, index in cases(600):
        try:
            positions = np.arange(a.size).reshape(a.shape)[index]
        except IndexError:
            continue
        x = nnx.tensor(a, requires_grad=True)
        weights = np.random.default_rng(seed).integers(1, 9, np.shape(positions)).astype(float)
        (x[ours(index, rng)] * nnx.tensor(weights)).sum().backward()
        expected = np.zeros(a.size)
        np.add.at(expected, np.ravel(positions), np.ravel(weights))
        np.testing.assert_array_equal(x.grad.numpy().ravel(), expected, err_msg=f"{seed} {index}")


@pytest.mark.parametrize(
    "index",
    [
        3, -4, (0, 2), (0, 0, 0), (Ellipsis, Ellipsis), 1.0, "a", {"a": 1}, b"x",
        slice(None, None, 0), slice(1.5), slice("a"),
        [0, 5], [[0], [3]], np.array([True, False]), np.array([0.5]),
        np.array(["x"]), object(), (slice(None), 2), (None,) * 70, 2**70, -(2**70), [True] * 4,
        np.ones((3, 3), bool), print, (0, [1, 0, 1], [0, 1]), 1j,
    ],
)  # fmt: skip
def test_what_is_no_index(index: Any) -> None:
    t = nnx.zeros(3, 2)
    for call in (lambda: t[index], lambda: t.__setitem__(index, 1.0)):
        with pytest.raises((IndexError, TypeError, ValueError)) as caught:
            call()
        assert isinstance(caught.value, nnx.Error) and "[" in str(caught.value)
        assert not t.any()


def test_values_that_do_not_fit() -> None:
    t = nnx.zeros(3, 2)
    for index, value in [
        (0, nnx.ones(3)), (slice(None), nnx.ones(2, 3)), ([0, 1], nnx.ones(3, 2)),
        (nnx.tensor([True, False, True]), nnx.ones(3)), (0, "x"), (0, None), (0, [1.0, 2.0, 3.0]),
    ]:  # fmt: skip
        with pytest.raises(nnx.Error):
            t[index] = value
        assert not t.any()
    t[0] = [1.0, 2.0]
    t[1] = np.array([3, 4])
    t[2, 0] = True
    assert t.tolist() == [[1, 2], [3, 4], [1, 0]]
    t[...] = nnx.ones(2, dtype=nnx.int8)
    assert t.dtype == nnx.float32 and t.sum().item() == 6


def test_in_place_through_an_index() -> None:
    a = np.arange(12.0).reshape(3, 4)
    t = nnx.tensor(a)
    for f in (lambda x: x.__setitem__((slice(None), 1), x[:, 1] * 2),):
        f(a), f(t)
    a[1:, ::2] += 1
    t[1:, ::2] += 1
    a[[0, 2]] *= 3
    t[[0, 2]] *= 3
    a[a > 20] -= 5
    t[t > 20] -= 5
    np.testing.assert_array_equal(t.numpy(), a)
    x = nnx.ones(3, requires_grad=True)
    y = x * 2
    y[0] += 10
    y[1:] *= 3
    y.sum().backward()
    assert x.grad.tolist() == [2, 6, 6]


def test_rows_of_large_tables() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1000, 37)).astype(np.float32)
    i = rng.integers(-1000, 1000, 5000)
    np.testing.assert_array_equal(nnx.tensor(a)[nnx.tensor(i)].numpy(), a[i])
    x = nnx.tensor(a, requires_grad=True)
    x[nnx.tensor(i)].sum().backward()
    counts = np.bincount(i % 1000, minlength=1000)
    np.testing.assert_array_equal(x.grad.numpy(), np.repeat(counts[:, None], 37, 1))
