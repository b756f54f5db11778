"""Linear and custom ops against NumPy and central differences, by iterating a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

RNG = np.random.default_rng(1)
A = RNG.uniform(-2, 2, (3, 4))
B = RNG.uniform(-2, 2, (3, 4))
C = RNG.uniform(-2, 2, (2, 3, 4))
POSITIVE = RNG.uniform(0.5, 2, (3, 4))
INDEX = np.array([[2, 0], [1, 1]])
ALONG = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 1]])


@dataclass
class Case:
    ours: Callable[..., nnx.Tensor]
    numpy: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    differentiable: bool = True
    second: bool = True


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def layer_norm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d**2).mean(-1, keepdims=True) + 1e-5) * w + b


def padded(x: np.ndarray) -> np.ndarray:
    return np.pad(x, ((1, 0), (2, 1)), constant_values=3.0)


CASES: dict[str, Case] = {
    "sum": Case(lambda x: nnx.sum(x), lambda x: x.sum(), (C,)),
    "sum_axis": Case(lambda x: nnx.sum(x, axis=1), lambda x: x.sum(1), (C,)),
    "sum_axes_keepdims": Case(
        lambda x: nnx.sum(x, axis=(0, -1), keepdims=True),
        lambda x: x.sum((0, -1), keepdims=True),
        (C,),
    ),
    "mean": Case(lambda x: nnx.mean(x, axis=0), lambda x: x.mean(0), (C,)),
    "prod": Case(lambda x: nnx.prod(x, axis=1), lambda x: x.prod(1), (A,)),
    "max": Case(lambda x: nnx.max(x, axis=1), lambda x: x.max(1), (A,)),
    "min": Case(lambda x: nnx.min(x), lambda x: x.min(), (A,)),
    "var": Case(lambda x: nnx.var(x, axis=1), lambda x: x.var(1), (A,)),
    "std": Case(lambda x: nnx.std(x, axis=0, correction=1), lambda x: x.std(0, ddof=1), (A,)),
    "logsumexp": Case(
        lambda x: nnx.logsumexp(x, axis=(0, 2)),
        lambda x: np.log(np.exp(x).sum((0, 2))),
        (C,),
    ),
    "softmax": Case(lambda x: nnx.softmax(x, axis=-1), lambda x: softmax(x, -1), (C,)),
    "softmax_first": Case(lambda x: nnx.softmax(x, axis=0), lambda x: softmax(x, 0), (A,)),
    "log_softmax": Case(
        lambda x: nnx.log_softmax(x, axis=1), lambda x: np.log(softmax(x, 1)), (C,)
    ),
    "cumsum": Case(lambda x: nnx.cumsum(x, axis=1), lambda x: x.cumsum(1), (C,)),
    "cumprod": Case(lambda x: nnx.cumprod(x, axis=0), lambda x: x.cumprod(0), (A,)),
    "norm": Case(lambda x: x.norm(), lambda x: np.sqrt((x**2).sum()), (A,)),
    "argmax": Case(
        lambda x: nnx.argmax(x, axis=1), lambda x: x.argmax(1), (A,), differentiable=False
    ),
    "argmin": Case(lambda x: nnx.argmin(x), lambda x: x.argmin(), (A,), differentiable=False),
    "sort": Case(lambda x: nnx.sort(x, axis=0), lambda x: np.sort(x, 0), (A,)),
    "argsort": Case(
        lambda x: nnx.argsort(x, axis=-1), lambda x: x.argsort(-1), (C,), differentiable=False
    ),
    "reshape": Case(lambda x: nnx.reshape(x, (4, 6)), lambda x: x.reshape(4, 6), (C,)),
    "permute": Case(lambda x: nnx.permute_dims(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), (C,)),
    "broadcast_to": Case(
        lambda x: nnx.broadcast_to(x, (5, 3, 4)), lambda x: np.broadcast_to(x, (5, 3, 4)), (A,)
    ),
    "flip": Case(lambda x: nnx.flip(x, axis=1), lambda x: np.flip(x, 1), (A,)),
    "concatenate": Case(
        lambda x, y: nnx.concatenate([x, y], axis=1), lambda x, y: np.concatenate([x, y], 1), (A, B)
    ),
    "stack": Case(lambda x, y: nnx.stack([x, y], axis=1), lambda x, y: np.stack([x, y], 1), (A, B)),
    "pad": Case(lambda x: nnx.pad(x, ((1, 0), (2, 1)), constant_values=3.0), padded, (A,)),
    "take": Case(
        lambda x: nnx.take(x, nnx.tensor(INDEX), axis=1), lambda x: np.take(x, INDEX, 1), (C,)
    ),
    "take_along_axis": Case(
        lambda x: nnx.take_along_axis(x, nnx.tensor(ALONG), axis=1),
        lambda x: np.take_along_axis(x, ALONG, 1),
        (A,),
    ),
    "diagonal": Case(lambda x: nnx.diagonal(x, 1), lambda x: np.diagonal(x, 1), (A,)),
    "tril": Case(lambda x: nnx.tril(x), np.tril, (A,)),
    "matmul": Case(lambda x, y: x @ y.T, lambda x, y: x @ y.T, (A, B)),
    "matmul_vector": Case(lambda x, y: x @ y, lambda x, y: x @ y, (A, B[0])),
    "vector_matmul": Case(lambda x, y: x @ y, lambda x, y: x @ y, (A[:, 0], B)),
    "dot": Case(lambda x, y: x @ y, lambda x, y: x @ y, (A[0], B[0])),
    "matmul_batch": Case(lambda x, y: x @ y.mT, lambda x, y: x @ y.swapaxes(-1, -2), (C, B)),
    "matmul_batches": Case(
        lambda x, y: x @ y.mT, lambda x, y: x @ y.swapaxes(-1, -2), (C, C[::-1].copy())
    ),
    "dense": Case(
        lambda x, w, b: nnx._nnx.dense(x, w, b), lambda x, w, b: x @ w.T + b, (C, B, A[:, 0])
    ),
    "dense_tanh": Case(
        lambda x, w, b: nnx._nnx.dense(x, w, b, "tanh"),
        lambda x, w, b: np.tanh(x @ w.T + b),
        (A, B, A[:, 0]),
    ),
    "layer_norm": Case(
        lambda x, w, b: nnx._nnx.layer_norm(x, (4,), w, b), layer_norm, (C, A[0], A[1])
    ),
    "mse_loss": Case(
        lambda x, y: nnx._nnx.mse_loss(x, y), lambda x, y: ((x - y) ** 2).mean(), (A, B)
    ),
    "bce_with_logits": Case(
        lambda x: nnx._nnx.bce_with_logits(x, nnx.tensor(B > 0), "sum"),
        lambda x: (np.logaddexp(x, 0) - x * (B > 0)).sum(),
        (A,),
    ),
    "cross_entropy": Case(
        lambda x: nnx._nnx.cross_entropy(x, nnx.tensor([1, 3, 0])),
        lambda x: -np.log(softmax(x, 1))[np.arange(3), [1, 3, 0]].mean(),
        (A,),
    ),
    "cross_entropy_ignored": Case(
        lambda x: nnx._nnx.cross_entropy(x, nnx.tensor([1, -100, 0])),
        lambda x: -np.log(softmax(x, 1))[[0, 2], [1, 0]].mean(),
        (A,),
    ),
    "get_slice": Case(lambda x: x[1:, ::-2], lambda x: x[1:, ::-2], (A,)),
    "get_newaxis": Case(lambda x: x[..., None, 1], lambda x: x[..., None, 1], (C,)),
    "get_array": Case(lambda x: x[[2, 0, 2]], lambda x: x[[2, 0, 2]], (A,)),
    "get_arrays": Case(
        lambda x: x[nnx.tensor([0, 1, 1]), :, nnx.tensor([3, 0, 0])],
        lambda x: x[[0, 1, 1], :, [3, 0, 0]],
        (C,),
    ),
    "get_mask": Case(lambda x: x[nnx.tensor(B > 0)], lambda x: x[B > 0], (A,)),
}


@pytest.mark.kernels
@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    case = CASES[name]
    expected = np.asarray(case.numpy(*case.inputs))
    for dtype in helpers.FLOATS:
        got = case.ours(*[nnx.tensor(a.astype(dtype)) for a in case.inputs])
        assert got.shape == expected.shape
        rtol = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(got.numpy(), expected, rtol=rtol, atol=rtol)


@pytest.mark.kernels
@pytest.mark.parametrize("name", CASES)
def test_layouts(name: str) -> None:
    helpers.same_in_all_layouts(CASES[name].ours, CASES[name].inputs, rtol=1e-13)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c.differentiable])
def test_derivatives(name: str) -> None:
    case = CASES[name]
    helpers.check_gradients(case.ours, case.inputs, second=case.second)


@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES, *helpers.INTEGERS, "bool"])
def test_movement_in_every_dtype(dtype: str) -> None:
    x = nnx.tensor(np.arange(24).reshape(2, 3, 4) % 5).to(helpers.dtype(dtype))
    y = nnx.concatenate([nnx.flip(x, axis=2), nnx.permute_dims(x, (0, 1, 2))], axis=1)
    z = nnx.take(y, nnx.tensor([5, 0]), axis=1)
    a = helpers.as_float64(x)
    b = np.concatenate([np.flip(a, 2), a], 1)
    np.testing.assert_array_equal(helpers.as_float64(z), np.take(b, [5, 0], 1))
    assert z.dtype == helpers.dtype(dtype)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), -1])
@pytest.mark.parametrize("dtype", [*helpers.INTEGERS, "bool"])
def test_integer_reductions(dtype: str, axis: Any) -> None:
    a = (np.arange(60).reshape(3, 20) % 7).astype(dtype)
    t = nnx.tensor(a)
    np.testing.assert_array_equal(nnx.sum(t, axis=axis).numpy(), a.sum(axis))
    assert nnx.sum(t, axis=axis).numpy().dtype == a.sum(axis).dtype
    np.testing.assert_array_equal(nnx.max(t, axis=axis).numpy(), a.max(axis))
    np.testing.assert_allclose(nnx.mean(t, axis=axis).numpy(), a.mean(axis), rtol=1e-6)
    np.testing.assert_array_equal(nnx.any(t, axis=axis).numpy(), a.any(axis))
    np.testing.assert_array_equal(nnx.all(t, axis=axis).numpy(), a.all(axis))


def test_products_with_zeros_have_the_right_gradient() -> None:
    for zeros in ([], [1], [1, 3]):
        a = np.array([2.0, 3.0, -1.5, 0.5])
        a[zeros] = 0
        helpers.check_gradients(lambda x: nnx.prod(x), [a], second=False)
        helpers.check_gradients(lambda x: nnx.cumprod(x, axis=0), [a], second=False)


def test_float32_sum_is_accurate_and_the_same_for_any_number_of_threads() -> None:
    x = nnx.rand(3_000_001)
    exact = x.to(nnx.float64).sum().item()
    found = set()
    for threads in (1, 2, 3, 7):
        nnx.set_num_threads(threads)
        found.add(x.sum().item())
    assert len(found) == 1
    assert abs(found.pop() - exact) < 2e-6 * exact


def test_nan_and_infinity_in_reductions() -> None:
    a = np.array([[1.0, np.nan, 2.0], [np.inf, -np.inf, 0.0]])
    t = nnx.tensor(a)
    np.testing.assert_array_equal(nnx.max(t, axis=1).numpy(), a.max(1))
    np.testing.assert_array_equal(nnx.argmax(t, axis=1).numpy(), a.argmax(1))
    np.testing.assert_array_equal(nnx.sort(t, axis=1).numpy(), np.sort(a, 1))
    assert np.isnan(nnx.sum(t).item())


def test_empty_reductions() -> None:
    x = nnx.zeros(0, 3)
    assert nnx.sum(x, axis=0).tolist() == [0, 0, 0]
    assert nnx.prod(x, axis=0).tolist() == [1, 1, 1]
    assert np.isnan(nnx.mean(x, axis=0).numpy()).all()
    with pytest.raises(nnx.ShapeError):
        nnx.max(x, axis=0)
    assert nnx.max(x, axis=1).shape == (0,)
    assert (nnx.zeros(2, 0) @ nnx.zeros(0, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.kernels
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 7), (32, 784, 16), (100, 1, 10), (65, 130, 257), (2, 1000, 3)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "float16", "bfloat16"])
def test_matmul_in_every_orientation(shape: tuple[int, int, int], dtype: str) -> None:
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.integers(-4, 5, (m, k)), rng.integers(-4, 5, (k, n))
    expected = a @ b
    t = helpers.dtype(dtype)
    for x in (nnx.tensor(a).to(t), nnx.tensor(a.T.copy()).to(t).T):
        for y in (nnx.tensor(b).to(t), nnx.tensor(b.T.copy()).to(t).T):
            got = helpers.as_float64(x @ y)
            if dtype in helpers.HALVES:
                np.testing.assert_allclose(got, expected, rtol=1e-2, atol=1)
            else:  # small integers: every order of summation is exact
                np.testing.assert_array_equal(got, expected)


@pytest.mark.kernels
def test_matmul_is_the_same_for_any_number_of_threads() -> None:
    a, b = nnx.randn(300, 500), nnx.randn(500, 310)
    found = set()
    for threads in (1, 2, 3, 5):
        nnx.set_num_threads(threads)
        found.add((a @ b).numpy().tobytes())
    assert len(found) == 1


def test_indexing_writes() -> None:
    rng = np.random.default_rng(4)
    writes: list[tuple[Any, Any]] = [
        (1, 5.0),
        ((slice(None), slice(None, None, -2)), 1.5),
        ((Ellipsis, 0), np.arange(3.0)),
        ([0, 2], 7.0),
        (([0, 1], [1, 3]), np.array([8.0, 9.0])),
        ((slice(1, None), [0, 3]), np.array([[1.0, 2.0]])),
    ]
    for index, value in writes:
        a = rng.uniform(size=(3, 4))
        t = nnx.tensor(a)
        a[index] = value
        t[index] = value if isinstance(value, float) else nnx.tensor(value)
        np.testing.assert_array_equal(t.numpy(), a)
    a = rng.uniform(-1, 1, (3, 4))
    t = nnx.tensor(a)
    t[t < 0] = 0.0
    np.testing.assert_array_equal(t.numpy(), np.maximum(a, 0))
    t[nnx.tensor(a > 0.5)] = nnx.tensor(a[a > 0.5] * 2)
    a = np.where(a > 0.5, a * 2, np.maximum(a, 0))
    np.testing.assert_array_equal(t.numpy(), a)
    t[1:] = t[:-1]  # overlapping memory
    np.testing.assert_array_equal(t.numpy()[1:], a[:-1])


@pytest.mark.parametrize(
    ("f", "error", "text"),
    [
        (lambda: nnx.zeros(32, 784) @ nnx.zeros(10, 784), nnx.ShapeError, r"try a @ b\.T"),
        (lambda: nnx.zeros(2, 3) + nnx.zeros(2, 4), nnx.ShapeError, "do not broadcast"),
        (lambda: nnx.zeros(2, 3).sum(axis=2), nnx.AxisError, r"\[-2, 2\)"),
        (lambda: nnx.zeros(2, 3).reshape(4), nnx.ShapeError, "as many elements"),
        (lambda: nnx.zeros(2, 3)[5], IndexError, "index"),
        (lambda: nnx.zeros(2, 3)[nnx.tensor([0, 7])], nnx.IndexError, "from 0 to 7"),
        (lambda: nnx.zeros(3)[0.5], nnx.DTypeError, "ints or booleans"),
        (lambda: nnx.concatenate([nnx.zeros(2, 3), nnx.zeros(2, 4)]), nnx.ShapeError, "agree"),
        (lambda: nnx._nnx.cross_entropy(nnx.zeros(2, 3), nnx.tensor([0, 3])), IndexError, "labels"),
        (lambda: nnx._nnx.mse_loss(nnx.zeros(5, 1), nnx.zeros(5)), nnx.ShapeError, "same shape"),
        (lambda: nnx._nnx.dense(nnx.zeros(2, 3), nnx.zeros(4, 2)), nnx.ShapeError, "in_features"),
        (
            lambda: nnx._nnx.dense(nnx.zeros(2, 3, dtype=nnx.float64), nnx.zeros(4, 3)),
            nnx.DTypeError,
            r"x\.to\(nnx\.float32\)",
        ),
        (lambda: nnx.zeros(2**31, 2**31, 2**31), nnx.ShapeError, "too many"),
        (lambda: nnx.zeros(2**45), nnx.OutOfMemoryError, "memory"),
        (lambda: nnx.zeros(2, -1), nnx.ShapeError, "negative"),
        (lambda: nnx.tensor([1, 2]) & nnx.tensor([1.0, 2.0]), nnx.DTypeError, "integers or bools"),
        (lambda: nnx.zeros(3).to("cuda:99"), nnx.DeviceError, "cuda"),
        (lambda: nnx.topk(nnx.zeros(3), 4), nnx.ArgumentError, "k must lie"),
    ],
)
def test_errors_teach(f: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        f()
