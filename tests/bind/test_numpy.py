"""NumPy in and out: what is shared, what is copied, and NumPy's functions on tensors."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

NUMPY_DTYPES = [*helpers.FLOATS, "float16", *helpers.INTEGERS, "bool"]


def shares(t: nnx.Tensor, a: np.ndarray) -> bool:
    return np.shares_memory(np.asarray(t), a)


# --- asarray and tensor ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_asarray_shares_and_tensor_copies(dtype: str) -> None:
    a = (np.arange(12).reshape(3, 4) % 2).astype(dtype)
    t, copied = nnx.asarray(a), nnx.tensor(a)
    assert t.dtype == copied.dtype == helpers.dtype(dtype)
    assert shares(t, a) and not shares(copied, a)
    a[1, 2] = 1 - a[1, 2]
    assert t[1, 2].item() == a[1, 2] and copied[1, 2].item() != a[1, 2]
    t[0, 0] = 1
    assert a[0, 0] == 1
    assert shares(nnx.from_numpy(a), a)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2],
        lambda a: a[::-1],
        lambda a: a.T,
        lambda a: a[:, 1:-1],
        lambda a: a[1:1],
        lambda a: a[None, :, None],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a[2, 3],
        lambda a: a[2, 3, ...],
        lambda a: np.asfortranarray(a),
    ],
)
def test_every_layout_comes_in_right(view: Callable[[np.ndarray], np.ndarray]) -> None:
    a = view(np.arange(30.0).reshape(5, 6))
    t = nnx.asarray(a)
    assert t.shape == a.shape
    np.testing.assert_array_equal(t.numpy(), a)
    if isinstance(a, np.ndarray) and a.size and a.flags.writeable:
        assert shares(t, a)
        both = zip(t.numpy().strides, a.strides, a.shape, strict=True)
        assert all(ours == theirs for ours, theirs, n in both if n > 1)


def misaligned(a: np.ndarray) -> np.ndarray:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    out = raw[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    assert not out.flags.aligned
    return out


def read_only(a: np.ndarray) -> np.ndarray:
    out = a.copy()
    out.flags.writeable = False
    return out


def odd_strides(a: np.ndarray) -> np.ndarray:
    record = np.zeros(len(a), dtype=[("pad", "u1"), ("x", a.dtype)])
    record["x"] = a
    return record["x"]


UNSHAREABLE: dict[str, Callable[[np.ndarray], Any]] = {
    "byte order": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "read-only": read_only,
    "alignment": misaligned,
    "strides": odd_strides,
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize("name", UNSHAREABLE)
def test_what_cannot_be_shared_is_copied_or_refused(name: str, dtype: str) -> None:
    a = np.arange(5).astype(dtype)
    b = UNSHAREABLE[name](a)
    t = nnx.asarray(b)
    assert t.dtype == helpers.dtype(dtype)
    assert not shares(t, b)
    np.testing.assert_array_equal(t.numpy(), a)
    np.testing.assert_array_equal(nnx.asarray(b, copy=True).numpy(), a)
    np.testing.assert_array_equal(nnx.tensor(b).numpy(), a)
    with pytest.raises(ValueError, match="copy=False"):
        nnx.asarray(b, copy=False)
    t[0] = 9
    assert b[0] == 0


def test_copy_options() -> None:
    a = np.arange(3.0)
    assert shares(nnx.asarray(a, copy=False), a)
    assert shares(nnx.asarray(a, copy=None), a)
    assert not shares(nnx.asarray(a, copy=True), a)
    with pytest.raises(ValueError, match="dtype"):
        nnx.asarray(a, dtype=nnx.float32, copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        nnx.asarray([1.0, 2.0], copy=False)
    t = nnx.ones(3)
    assert nnx.asarray(t) is t
    assert nnx.asarray(t, copy=False) is t
    assert not np.shares_memory(np.asarray(nnx.asarray(t, copy=True)), np.asarray(t))
    assert nnx.asarray(a, dtype=nnx.int32).tolist() == [0, 1, 2]


def test_the_array_stays_alive_as_long_as_the_tensor() -> None:
    a = np.full(1000, 3.0)
    t = nnx.asarray(a)
    view = t[10:20]
    del a, t
    assert view.tolist() == [3.0] * 10
    kept = np.asarray(nnx.full((1000,), 2.0))
    nnx.zeros(1000).fill_(7.0)  # takes the freed memory if it was freed
    assert (kept == 2.0).all()


def test_other_exporters() -> None:
    source = array.array("d", [1.0, 2.0, 3.0])
    t = nnx.asarray(source)
    assert t.dtype == nnx.float64 and t.tolist() == [1.0, 2.0, 3.0]
    source[0] = 5.0
    assert t[0].item() == 5.0
    assert nnx.asarray(bytearray(b"\x01\x02")).tolist() == [1, 2]
    assert nnx.asarray(memoryview(np.arange(4, dtype=np.int16))[::2]).tolist() == [0, 2]

    class HasArray:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.arange(3, dtype=np.int32)

    t = nnx.asarray(HasArray())
    assert t.dtype == nnx.int32 and t.tolist() == [0, 1, 2]
    assert nnx.tensor([HasArray(), HasArray()]).tolist() == [[0, 1, 2]] * 2


def test_lists_and_numbers() -> None:
    for data, dtype in [
        ([1.0, 2], nnx.float32),
        ([1, 2], nnx.int64),
        ([True, False], nnx.bool),
        ([True, 2], nnx.int64),
        ([[1.5], [2]], nnx.float32),
        ([], nnx.float32),
        (2.5, nnx.float32),
        (3, nnx.int64),
        (range(4), nnx.int64),
        ([np.float64(1.0)], nnx.float64),
        ([np.float32(1.0), 2.0], nnx.float32),
        ([np.int8(1), 2], nnx.int8),
        (np.float64(1.0), nnx.float64),
        (np.int16(1), nnx.int16),
        (np.True_, nnx.bool),
        ([np.zeros(2, np.float32), np.ones(2, np.float64)], nnx.float64),
        ([nnx.ones(2, dtype=nnx.int8), nnx.ones(2, dtype=nnx.float16)], nnx.float16),
        ([2**63], nnx.uint64),
    ]:
        t = nnx.tensor(data)
        assert t.dtype == dtype, data
        np.testing.assert_array_equal(np.asarray(t).tolist(), np.asarray(data, float).tolist())
    assert nnx.tensor([2**63 - 1, -(2**63)]).tolist() == [2**63 - 1, -(2**63)]
    assert nnx.tensor([2**64 - 1]).tolist() == [2**64 - 1]
    assert nnx.tensor([[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2], [3]],
        [1, [2]],
        [[1], 2],
        "text",
        ["a"],
        [None],
        {"a": 1},
        {1, 2},
        object(),
        np.array(["a"]),
        np.array([object()]),
        np.zeros(2, "M8[s]"),
        2**64,
        [2**63, -1],
    ],
)
def test_what_is_no_array_of_numbers_is_refused(data: Any) -> None:
    for make in (nnx.tensor, nnx.asarray):
        with pytest.raises((nnx.DTypeError, nnx.ShapeError, nnx.ArgumentError)):
            make(data)


def test_a_list_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(nnx.ShapeError, match="nested"):
        nnx.tensor(loop)


# --- np.asarray(t) --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_asarray_of_a_tensor_never_copies(dtype: str) -> None:
    t = nnx.ones(3, 4).to(helpers.dtype(dtype))
    for x in (t, t.T, t[1:, ::2], t.flip(0), t[0, 0], t[1:1]):
        a = np.asarray(x)
        assert a.dtype == dtype and a.shape == x.shape
        if a.size:
            assert np.shares_memory(a, np.asarray(t))
        assert a.flags.writeable
    np.asarray(t)[1, 1] = 0
    assert t[1, 1].item() == 0
    assert np.array(t).flags.owndata and not np.shares_memory(np.array(t), np.asarray(t))


def test_arrays_are_read_only_while_gradients_are_followed() -> None:
    x = nnx.ones(3, requires_grad=True)
    for t in (x, x * 2, (x * 2)[1:]):
        a = np.asarray(t)
        assert not a.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 1
        with pytest.raises(nnx.GradientError, match="detach"):
            t.numpy()
        assert t.detach().numpy().flags.writeable
        assert t.numpy(force=True).tolist() == t.tolist()
    assert np.shares_memory(np.asarray(x), x.detach().numpy())
    x.requires_grad_(False)
    assert np.asarray(x).flags.writeable


def test_bfloat16_leaves_as_a_float32_copy() -> None:
    t = nnx.tensor([1.5, -2.0, 3.0]).to(nnx.bfloat16)
    a = np.asarray(t)
    assert a.dtype == np.float32
    np.testing.assert_array_equal(a, [1.5, -2, 3])
    a[0] = 7
    assert t[0].item() == 1.5
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(t)


def test_array_method_options() -> None:
    t = nnx.tensor([1.0, 2.0])
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert not np.shares_memory(t.__array__(copy=True), np.asarray(t))
    assert np.shares_memory(t.__array__(copy=False), np.asarray(t))
    with pytest.raises(ValueError, match="copy"):
        t.__array__(np.float64, copy=False)


def test_memoryview() -> None:
    t = nnx.arange(6, dtype=nnx.int32).reshape(2, 3)
    m = memoryview(t)
    assert (m.format, m.itemsize, m.shape, m.ndim, m.nbytes) == ("i", 4, (2, 3), 2, 24)
    assert m.tolist() == t.tolist() and m.c_contiguous and not m.readonly
    m[1, 2] = 50
    assert t[1, 2].item() == 50
    assert memoryview(t.T).tolist() == t.T.tolist() and memoryview(t.T).strides == (4, 12)
    assert bytes(t) == t.numpy().tobytes()
    assert memoryview(nnx.ones(2, requires_grad=True)).readonly
    released = memoryview(t)
    released.release()
    with m:
        del t
        assert m[0, 1] == 1


# --- protocols ------------------------------------------------------------------------------------

X = np.random.default_rng(3).uniform(0.2, 0.9, (3, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["sin", "cos", "exp", "log", "sqrt", "tanh", "negative", "abs", "square", "isnan"]
)
def test_ufuncs_are_ours(name: str) -> None:
    t = nnx.tensor(X)
    got = getattr(np, name)(t)
    assert isinstance(got, nnx.Tensor)
    np.testing.assert_array_equal(got.numpy(), getattr(nnx, name)(t).numpy())
    np.testing.assert_allclose(got.numpy(), getattr(np, name)(X), rtol=1e-6)


def test_ufuncs_are_followed_by_autodiff() -> None:
    t = nnx.tensor(X, requires_grad=True)
    np.sin(t).sum().backward()
    np.testing.assert_allclose(t.grad.numpy(), np.cos(X), rtol=1e-6)


def test_ufunc_options() -> None:
    t = nnx.tensor(X)
    assert np.add(t, 1).dtype == nnx.float32
    assert np.add(1.0, t).tolist() == (t + 1).tolist()
    assert np.maximum(X, t * 2).tolist() == (t * 2).tolist()
    out = np.zeros_like(X)
    assert np.multiply(t, 2, out=out) is out
    np.testing.assert_array_equal(out, X * 2)
    ours = nnx.zeros(3, 4)
    assert np.multiply(t, 3, out=ours) is ours
    np.testing.assert_array_equal(ours.numpy(), X * 3)
    np.testing.assert_array_equal(np.asarray(np.add(t, t, dtype=np.float64)), X + X)
    assert np.add(t, t, dtype=np.float64).dtype == nnx.float64
    # what NumPy alone has is computed by it, on arrays
    np.testing.assert_allclose(np.asarray(np.add.reduce(t)), X.sum(0), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(np.add.outer(t[0], t[0])), np.add.outer(X[0], X[0]))
    np.testing.assert_array_equal(np.asarray(np.spacing(t)), np.spacing(X))


def test_operators_with_arrays() -> None:
    t = nnx.tensor(X)
    for got in (t + X, X + t, X.astype(np.float64) * t, np.float64(2) * t):
        assert isinstance(got, nnx.Tensor)
    assert (X + t).dtype == nnx.float32
    assert (X.astype(np.float64) + t).dtype == nnx.float64
    np.testing.assert_array_equal((X - t * 3).numpy(), X - X * 3)
    np.testing.assert_allclose((X @ t.T).numpy(), X @ X.T, rtol=1e-6)
    assert isinstance(X @ t.T, nnx.Tensor)
    assert isinstance(t == X, nnx.Tensor) and bool((t == X).all())
    assert isinstance(t > X, nnx.Tensor)
    w = nnx.ones(3, 4, requires_grad=True)
    (X * w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), X)


def test_in_place_on_an_array_honours_out() -> None:
    a = X.copy()
    b = a
    b += nnx.ones(3, 4)
    assert b is a and isinstance(b, np.ndarray)
    np.testing.assert_array_equal(a, X + 1)
    a *= nnx.full((3, 4), 2.0)
    np.testing.assert_array_equal(a, (X + 1) * 2)
    ints = np.arange(4)
    with pytest.raises(TypeError):
        ints += nnx.full((4,), 0.5)
    t = nnx.tensor(X)
    u = t
    u += X
    assert u is t
    np.testing.assert_array_equal(t.numpy(), X + X)


@pytest.mark.parametrize(
    ("call", "ours"),
    [
        (lambda x: np.mean(x), True),
        (lambda x: np.mean(x, axis=1, keepdims=True), True),
        (lambda x: np.sum(x, axis=(0, 1)), True),
        (lambda x: np.max(x, axis=0), True),
        (lambda x: np.sort(x, axis=1), True),
        (lambda x: np.std(x), True),
        (lambda x: np.var(x, axis=1, ddof=1), True),
        (lambda x: np.argmax(x, axis=1), True),
        (lambda x: np.concatenate([x, x]), True),
        (lambda x: np.stack([x, x], axis=1), True),
        (lambda x: np.where(x > 0.5, x, 0.0), True),
        (lambda x: np.reshape(x, (4, 3)), True),
        (lambda x: np.transpose(x), True),
        (lambda x: np.transpose(x, (1, 0)), True),
        (lambda x: np.take(x, np.array([1, 0]), axis=1), True),
        (lambda x: np.squeeze(x[None], axis=0), True),
        (lambda x: np.clip(x, 0.3, 0.6), True),
        (lambda x: np.matmul(x, x.T), True),
        (lambda x: np.pad(x, ((1, 0), (0, 2))), True),
        (lambda x: np.repeat(x, 2, axis=0), True),
        (lambda x: np.split(x, 2, axis=1)[1], True),
        (lambda x: np.cumsum(x), True),
        (lambda x: np.zeros_like(x), True),
        (lambda x: np.ones_like(x), True),
        (lambda x: np.median(x, axis=1), False),
        (lambda x: np.percentile(x, 30), False),
        (lambda x: np.histogram(x, 4)[0], False),
        (lambda x: np.interp(np.array([0.5]), np.array([0.0, 1.0]), np.array([0.0, 2.0])), False),
        (lambda x: np.allclose(x, x), False),
    ],
)
def test_array_functions(call: Callable[[Any], Any], ours: bool) -> None:
    got, expected = call(nnx.tensor(X)), call(X)
    if ours:
        assert isinstance(got, nnx.Tensor)
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-6, atol=1e-7)
    assert np.shape(got) == np.shape(expected)


def test_functions_that_numpy_computes_see_arrays() -> None:
    t = nnx.tensor(X)
    assert np.linalg.norm(t) == pytest.approx(np.linalg.norm(X))
    np.testing.assert_array_equal(t, X)
    np.testing.assert_allclose(t, X)
    assert np.shape(t) == (3, 4) and np.ndim(t) == 2
    out = np.zeros(4, np.float32)
    assert np.sum(t, axis=0, out=out) is out
    np.testing.assert_allclose(out, X.sum(0), rtol=1e-6)


def test_array_namespace() -> None:
    assert nnx.ones(1).__array_namespace__() is nnx


def test_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed: nothing to read")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert nnx.asarray(frame).tolist() == [[1, 3], [2, 4]]
    assert nnx.asarray(frame["a"]).dtype == nnx.float64
    assert pd.Series(nnx.ones(3).numpy()).sum() == 3


def test_pillow() -> None:
    image = pytest.importorskip("PIL.Image", reason="PIL is not installed: nothing to read")
    picture = image.new("L", (4, 3), 7)
    t = nnx.asarray(picture)
    assert t.shape == (3, 4) and t.dtype == nnx.uint8 and int(t.sum()) == 84


def test_numpy_linalg_is_ours_and_followed() -> None:
    x = nnx.tensor([3.0, 4.0], requires_grad=True)
    y = (np.linalg.norm(x) * x).sum()
    y.backward()
    np.testing.assert_allclose(x.grad, [9.2, 10.6], rtol=1e-6)
    inverse = np.linalg.inv(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]))
    assert isinstance(inverse, nnx.Tensor) and inverse.tolist() == [[0.5, 0], [0, 0.25]]
    values = np.linalg.eigvals(nnx.tensor([[2.0, 0.0], [0.0, 4.0]]))
    assert isinstance(values, nnx.Tensor) and sorted(values.real.tolist()) == [2.0, 4.0]
    inverse = np.linalg.tensorinv(nnx.eye(4).reshape(2, 2, 2, 2))  # nnx has no such function
    assert isinstance(inverse, np.ndarray) and inverse.shape == (2, 2, 2, 2)


def test_objects_that_only_numpy_takes() -> None:
    a, none = np.broadcast_arrays(nnx.arange(3), None)
    assert a.tolist() == [0, 1, 2] and none.tolist() == [None] * 3


def test_strides_are_in_bytes() -> None:
    t = nnx.ones(2, 3, 4, dtype=nnx.float64)
    assert t.strides == np.asarray(t).strides == (96, 32, 8)
    assert t.T.strides == np.asarray(t).T.strides and nnx.tensor(1.0).strides == ()
