"""Complex tensors: every declaration that takes them, their views, conversions and gradients."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest

from ops.pointwise_cases import CASES

DECLARED = {d["name"]: d for d in nnx._nnx.__pointwise__}
TAKEN = [n for n, d in DECLARED.items() if d["complex"]] + ["abs", "sign", "round"]
REFUSED = [
    n
    for n, d in DECLARED.items()
    if n not in (*TAKEN, "gelu_tanh") and d["rule"] not in ("update", "logical") and not d["loss"]
]
ONE = [n for n in TAKEN if DECLARED[n]["arity"] == 1]
SMOOTH = [n for n in TAKEN if CASES[n].differentiable and n not in ("round", "sign")]
RTOL = {"complex64": 4e-6, "complex128": 2e-14}
PARTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 1e-5, 30.0, -100.0, 1e10, 1e30, 1e-30, 300.0]
INFINITE = [np.inf, -np.inf]


def call(name: str) -> Callable[..., nnx.Tensor]:
    through: dict[str, Any] = {
        "add_scaled": lambda x, y: nnx.add(x, y, alpha=3),
        "subtract_scaled": lambda x, y: nnx.subtract(x, y, alpha=3),
    }
    return through.get(name) or getattr(nnx, name)


def points(name: str, n: int, dtype: str, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    z = [
        (rng.uniform(-2, 2, n) + 1j * rng.uniform(-2, 2, n)).astype(dtype)
        for _ in CASES[name].domains
    ]
    if name == "where":
        z[0] = z[0].real > 0
    return z


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("name", TAKEN)
def test_value_against_numpy(name: str, dtype: str) -> None:
    for n in (1, 7, 64, 1000, 5003):
        arrays = points(name, n, dtype)
        found = call(name)(*map(nnx.tensor, arrays))
        with np.errstate(all="ignore"):
            wide = [a if a.dtype == bool else a.astype(np.complex128) for a in arrays]
            expected = CASES[name].reference(*wide)
        real = name == "abs" or np.asarray(expected).dtype == bool
        assert found.dtype == getattr(nnx, dtype) or real
        if found.dtype == nnx.bool:
            np.testing.assert_array_equal(found.numpy(), expected)
            continue
        scale = np.maximum(np.abs(expected), 1e-2)
        assert np.all(np.abs(found.numpy() - expected) <= RTOL[dtype] * scale)


@pytest.mark.kernels
@pytest.mark.parametrize("name", TAKEN)
def test_same_bits_in_every_layout(name: str) -> None:
    for dtype in RTOL:
        arrays = [a.reshape(6, 5) for a in points(name, 30, dtype)]
        plain = call(name)(*map(nnx.tensor, arrays)).numpy()
        for change in (lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a[:, :1]):
            tensors = [change(nnx.tensor(a).numpy()) for a in arrays]
            found = call(name)(*map(nnx.asarray, tensors)).numpy()
            np.testing.assert_array_equal(found, change(plain))
        first, rest = nnx.tensor(arrays[0][:1]), [nnx.tensor(a) for a in arrays[1:]]
        found = call(name)(first, *rest)
        wide = call(name)(first.expand(6, 5).clone() if rest else first, *rest)
        np.testing.assert_array_equal(found.numpy(), wide.numpy())


@pytest.mark.kernels
@pytest.mark.parametrize("name", [n for n in ONE if DECLARED[n]["rule"] != "comparison"])
def test_extreme_numbers_and_branch_cuts(name: str) -> None:
    z = np.array([complex(a, b) for a in PARTS for b in PARTS])
    with np.errstate(all="ignore"):
        expected = np.asarray(CASES[name].reference(z))
    found = call(name)(nnx.tensor(z)).numpy()
    known = np.isfinite(expected)
    if name in ("log1p", "sigmoid"):  # NumPy's formula loses what is small
        known &= (np.abs(z) > 1e-3) & (np.abs(z.real) < 200)
    if name == "round":
        known &= np.abs(z) < 1e15
    with np.errstate(all="ignore"):
        close = np.abs(found - expected) <= 1e-11 * np.maximum(np.abs(expected), 1e-300)
    assert np.all(close[known]), list(zip(z[known & ~close], found[known & ~close], strict=True))


def test_infinities_have_the_values_of_the_standard() -> None:
    inf = np.inf
    cases = {
        nnx.exp: {complex(-inf, inf): 0j, complex(inf, 0): complex(inf, 0)},
        nnx.log: {0j: complex(-inf, 0), complex(-inf, inf): complex(inf, 3 * np.pi / 4)},
        nnx.sqrt: {complex(3, inf): complex(inf, inf), complex(-inf, 1): complex(0, inf)},
        nnx.asinh: {complex(inf, 1): complex(inf, 0), complex(1, inf): complex(inf, np.pi / 2)},
        nnx.acos: {complex(0, inf): complex(np.pi / 2, -inf)},
        nnx.atanh: {complex(1, 0): complex(inf, 0), complex(1, inf): complex(0, np.pi / 2)},
        nnx.tanh: {complex(inf, 1): complex(1, 0), complex(-inf, 1): complex(-1, 0)},
        nnx.abs: {complex(inf, np.nan): inf},
    }
    for f, table in cases.items():
        for z, expected in table.items():
            found = f(nnx.tensor([z], dtype=nnx.complex128)).item()
            assert np.isclose(complex(found), expected, rtol=1e-14, atol=1e-300), (f, z, found)


def test_whole_powers_are_exact() -> None:
    z = nnx.tensor([1 + 2j, -3 + 1j])
    assert (z**2).tolist() == [-3 + 4j, 8 - 6j]
    assert (z**5).tolist() == [41 - 38j, 12 + 316j]
    assert (z**0).tolist() == [1, 1]
    assert nnx.allclose(z ** nnx.tensor([-1, -1]), 1 / z)
    assert (nnx.tensor([0j]) ** nnx.tensor([0.5 + 1j])).item() == 0


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_against_differences(name: str) -> None:
    arrays = points(name, 4, "complex128", seed=3)
    f = call(name)
    assert nnx.check_grad(f, *map(nnx.tensor, arrays), rtol=2e-6, atol=1e-6)

    @nnx.enable_grad()
    def slope(*z: nnx.Tensor) -> Any:
        taken = [t for t in z if t.is_complex()]
        y = f(*z)
        y = nnx.view_as_real(y) if y.is_complex() else y
        return nnx.grad((y * y).sum(), taken, create_graph=True)

    assert nnx.check_grad(slope, *map(nnx.tensor, arrays), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_against_torch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    if name in ("add_scaled", "subtract_scaled"):
        theirs = {"add_scaled": torch.add, "subtract_scaled": torch.sub}[name]
        other: Any = lambda x, y: theirs(x, y, alpha=3)  # noqa: E731
    else:
        other = getattr(torch, {"power": "pow"}.get(name, name))
    for dtype in ("complex128",) if name == "where" else ("complex128", "float64"):
        arrays = points(name, 5, "complex128", seed=4)
        if DECLARED[name]["arity"] == 2:
            arrays[1] = arrays[1].real.astype(dtype) + 0.25 if dtype == "float64" else arrays[1]
        ours = [nnx.tensor(a, requires_grad=a.dtype != bool) for a in arrays]
        their = [torch.tensor(a, requires_grad=a.dtype != bool) for a in arrays]
        y, u = call(name)(*ours), other(*their)
        g = np.asarray(points(name, 5, "complex128", seed=9)[-1])
        g = g if y.is_complex() else g.real
        y.backward(nnx.tensor(g))
        u.backward(torch.tensor(g))
        for a, b in zip(ours, their, strict=True):
            if b.grad is not None:
                assert a.grad is not None and a.grad.dtype == a.dtype
                wanted = b.grad.resolve_conj().numpy()
                np.testing.assert_allclose(a.grad.numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_descent_goes_along_minus_the_gradient() -> None:
    z, goal = nnx.tensor([0j], requires_grad=True), 3 - 2j
    for _ in range(100):
        (abs(z - goal) ** 2).sum().backward()
        with nnx.no_grad():
            z -= 0.1 * z.grad
            z.grad = None
    assert abs(z.item() - goal) < 1e-5


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_complex_meaning_is_refused(name: str) -> None:
    f = getattr(nnx._nnx, name)
    d = DECLARED[name]
    numbers = [1.0] * d["numbers"]
    z = nnx.tensor([1j, 2.0])
    with pytest.raises(nnx.DTypeError, match=r"complex|bitwise"):
        f(*[z] * (d["arity"] - d["numbers"]), *numbers)


def test_complex_numbers_have_no_order() -> None:
    z = nnx.tensor([1j, 2.0])
    for name, arguments in {
        "sort": (), "argsort": (), "argmax": (), "max": (), "min": (), "median": (), "topk": (1,),
        "kthvalue": (1,), "cummax": (0,), "cummin": (0,), "quantile": (0.5,), "maximum": (z,),
        "less": (z,),
    }.items():  # fmt: skip
        with pytest.raises(nnx.DTypeError, match=rf"^\[{name}\] complex numbers have no order"):
            getattr(nnx, name)(z, *arguments)


def test_no_imaginary_part_is_dropped_silently() -> None:
    x, z, i = nnx.zeros(3), nnx.tensor([1j, 2.0]), nnx.tensor([0, 1])
    for f in (
        lambda: x.scatter(0, i, z),
        lambda: x.scatter(0, i, z, reduce="add"),
        lambda: x.scatter_add(0, i, z),
        lambda: x.index_add(0, i, z),
        lambda: x.masked_fill(x == 0, 1j),
        lambda: nnx.pad(x, (1, 1), constant_values=1j),
    ):
        with pytest.raises(nnx.DTypeError, match="complex value"):
            f()
    assert x.tolist() == [0, 0, 0]
    assert nnx.bincount(nnx.tensor([1, 1]), weights=z).tolist() == [0, 2 + 1j]


def test_angle_of_real_numbers() -> None:
    x = np.array([np.inf, -np.inf, np.nan, -1.0, 2.0, 0.0])
    np.testing.assert_array_equal(nnx.angle(nnx.tensor(x)).numpy(), np.angle(x))


def test_sigmoid_far_from_the_origin() -> None:
    z = np.array([-700 + 1j, -40 - 3j, 40 + 3j, 700 - 1j, -0.5 + 2j])
    expected = np.where(z.real < 0, np.exp(np.minimum(z.real, 0) + 1j * z.imag), 1)
    expected[-1] = 1 / (1 + np.exp(-z[-1]))
    found = nnx.sigmoid(nnx.tensor(z)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert nnx.sigmoid(nnx.tensor([-2000 + 1j])).tolist() == [0j]


def test_a_complex_loss_asks_for_a_gradient() -> None:
    z = nnx.tensor([1j], requires_grad=True)
    with pytest.raises(nnx.GradientError, match="real"):
        (z * z).sum().backward()
    (z * z).sum().backward(gradient=nnx.tensor(1 + 0j))
    assert z.grad is not None and z.grad.tolist() == [-2j]  # conj(2 z)


def test_parts_are_views() -> None:
    z = nnx.tensor([[1 + 2j, 3 - 4j]])
    z.real[0, 0] = 7
    z.imag = [[5, 6]]
    assert z.tolist() == [[7 + 5j, 3 + 6j]]
    assert nnx.view_as_real(z).shape == (1, 2, 2)
    assert nnx.view_as_complex(nnx.view_as_real(z)).equal(z)
    assert z.H.tolist() == [[7 - 5j], [3 - 6j]] and z.mH.equal(z.H)
    assert nnx.real(nnx.ones(2)).tolist() == [1, 1] and nnx.imag(nnx.ones(2)).tolist() == [0, 0]
    with pytest.raises(nnx.ShapeError, match="adjacent"):
        nnx.view_as_complex(nnx.ones(2, 2).T[:, :2].T.T)
    with pytest.raises(nnx.DTypeError):
        nnx.view_as_real(nnx.ones(2))


def test_views_carry_gradients_through_writes() -> None:
    z = nnx.tensor([1 + 2j, 3 - 1j], dtype=nnx.complex128, requires_grad=True)

    def written(z: nnx.Tensor) -> nnx.Tensor:
        y = z * 2
        y.real[0] = y.imag[1] * 3
        y.imag.mul_(2)
        return y * y

    assert nnx.check_grad(written, z)
    base = z * 1
    part = base.real
    base.mul_(1j)  # part is -imag now
    part.sum().backward()
    assert z.grad is not None and z.grad.tolist() == [-1j, -1j]


@pytest.mark.parametrize("dtype", RTOL)
def test_reductions(dtype: str) -> None:
    rng = np.random.default_rng(5)
    a = np.exp(rng.normal(size=(7, 130, 3)) * 0.1 + 1j * rng.normal(size=(7, 130, 3))).astype(dtype)
    t = nnx.tensor(a)
    for axis in (None, 0, 1, 2, (0, 2), (0, 1, 2)):
        for f in ("sum", "mean", "prod", "var", "std"):
            found = getattr(nnx, f)(t, axis=axis).numpy()
            expected = getattr(np, f)(a.astype(np.complex128), axis=axis)
            scale = 100 * RTOL[dtype] * np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=100 * RTOL[dtype], atol=scale)
            assert found.dtype == np.dtype(dtype) or f in ("var", "std")
    for f in ("cumsum", "cumprod"):
        found, expected = getattr(nnx, f)(t, 1).numpy(), getattr(np, f)(a, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert nnx.count_nonzero(nnx.tensor([0j, 1j, 2])).item() == 2
    assert nnx.any(nnx.tensor([0j, 1j])).item() and not nnx.all(nnx.tensor([0j, 1j])).item()
    assert nnx.prod(nnx.tensor([complex(np.inf, 0)])).item() == complex(np.inf, 0)
    for f in (nnx.sum, nnx.mean, nnx.prod, nnx.std, lambda z: nnx.cumprod(z, 0), nnx.linalg.norm):
        z = nnx.tensor([1 + 2j, 0.5 - 1j, -1j])
        assert nnx.check_grad(f, z)
    for f in (nnx.prod, lambda z: nnx.cumprod(z, 0)):
        assert nnx.check_grad(f, nnx.tensor([1 + 2j, 0, -1j]))


def test_numbers_and_dtypes_meet() -> None:
    x32, x64, i8 = nnx.ones(1), nnx.ones(1, dtype=nnx.float64), nnx.ones(1, dtype=nnx.int8)
    z64, z128 = nnx.tensor([1j]), nnx.tensor([1j], dtype=nnx.complex128)
    assert (x32 * 1j).dtype == (i8 * 1j).dtype == (z64 * 2.0).dtype == nnx.complex64
    assert (x64 * 1j).dtype == (x64 * z64).dtype == (z64 * z128).dtype == nnx.complex128
    assert (x32 * z128).dtype == nnx.result_type(z128, 1.0) == nnx.complex128
    assert nnx.result_type(i8, 1j) == nnx.result_type(x32, 1j) == nnx.complex64
    assert nnx.can_cast(nnx.float32, nnx.complex64) and not nnx.can_cast(nnx.complex64, nnx.float64)
    assert nnx.finfo(nnx.complex128).eps == nnx.finfo(nnx.float64).eps
    assert nnx.isdtype(nnx.complex64, "complex floating") and nnx.complex64.is_complex
    with pytest.raises(nnx.DTypeError, match="in place"):
        x32 *= 1j
    x = nnx.ones(2)
    for write in (lambda: x.fill_(1j), lambda: x.__setitem__(0, 1j), lambda: x.copy_(z64)):
        with pytest.raises(nnx.DTypeError):
            write()


def test_real_numbers_are_taken_with_a_warning_by_methods_alone() -> None:
    z = nnx.tensor([1 + 2j])
    for f in (lambda: nnx.astype(z, nnx.float32), lambda: nnx.tensor(z, dtype=nnx.float32)):
        with pytest.raises(nnx.DTypeError, match="complex"):
            f()
    with pytest.warns(UserWarning, match="imaginary"):
        assert z.to(nnx.float64).tolist() == [1.0]
    with pytest.warns(UserWarning, match="imaginary"):
        assert z.int().tolist() == [1]
    assert nnx.tensor([0j, 1j]).to(nnx.bool).tolist() == [False, True]
    for name in ("bool", "int8", "uint8", "int64", "uint64", "float16", "bfloat16", "float64"):
        t = nnx.tensor([0, 1, 5]).to(getattr(nnx, name))
        for wide in (nnx.complex64, nnx.complex128):
            assert t.to(wide).tolist() == t.tolist()
            with pytest.warns(UserWarning) if name != "bool" else _nothing():
                assert t.to(wide).to(t.dtype).tolist() == t.tolist()
    assert nnx.tensor([1e200 + 1j], dtype=nnx.complex128).cfloat().item() == complex(np.inf, 1)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_in_and_out_of_python() -> None:
    z = nnx.tensor([[1 + 2j, 3], [0, -1j]])
    assert z.dtype == nnx.complex64 and z.tolist() == [[1 + 2j, 3 + 0j], [0j, -1j]]
    assert complex(z[0, 0]) == z[0, 0].item() == 1 + 2j and bool(z[1, 1]) and not z[1, 0]
    assert complex(nnx.tensor(2)) == 2
    for f in (float, int):
        with pytest.raises(nnx.DTypeError, match="complex"):
            f(z[0, 0])
    for dtype in (np.complex64, np.complex128):
        a = np.arange(6).reshape(2, 3).astype(dtype) * (1 + 2j)
        shared = nnx.asarray(a)
        a[0, 0] = 5j
        assert shared[0, 0].item() == 5j and np.asarray(shared).dtype == dtype
        assert np.shares_memory(np.from_dlpack(shared), a) and nnx.from_dlpack(a).equal(shared)
        assert pickle.loads(pickle.dumps(shared)).equal(shared)
        assert nnx.asarray(dtype(1j)).dtype == shared.dtype
    assert nnx.full((2,), 1j).dtype == nnx.complex64 and nnx.zeros(2, dtype=complex).is_complex()
    assert nnx.linspace(0, 1j, 3).tolist() == [0j, 0.5j, 1j]
    assert nnx.eye(2, dtype=nnx.complex128).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(nnx.DTypeError):
        nnx.full((2,), 1j, dtype=nnx.float32)
    with pytest.raises(nnx.DTypeError):
        nnx.arange(0, 1j)


@pytest.mark.parametrize(
    "values",
    [
        [1 + 2j, 1.5 - 0.25j],
        [[1 + 10j, -1 + 2j], [1e-3j, 12]],
        [1e10 + 1j, 1e-10j],
        [complex(np.nan, np.inf), complex(-np.inf, -1)],
        2j,
    ],
)
def test_printing_is_numpys(values: Any) -> None:
    text = repr(np.array(values, dtype=np.complex64))
    text = text.removeprefix("array(").split(", dtype")[0].replace(",", " ")
    shown = repr(nnx.tensor(values)).removeprefix("tensor(").removesuffix(")")
    assert " ".join(shown.replace("\n", " ").replace(",", " ").split()) == " ".join(text.split())


def test_random_numbers_share_the_variance() -> None:
    nnx.manual_seed(0)
    z = nnx.randn(40000, dtype=nnx.complex64)
    assert abs(z.mean().item()) < 0.02 and abs((abs(z) ** 2).mean().item() - 1) < 0.02
    assert abs(z.real.var().item() - z.imag.var().item()) < 0.02


def test_moving_elements() -> None:
    a = np.arange(24).reshape(2, 3, 4) * (1 - 2j)
    z = nnx.tensor(a)
    index = nnx.tensor([2, 0, 2])
    for found, expected in (
        (z.permute(2, 0, 1), a.transpose(2, 0, 1)),
        (z[:, [2, 0, 2]], a[:, [2, 0, 2]]),
        (z[z.real > 5], a[a.real > 5]),
        (nnx.take(z, index, axis=1), a[:, [2, 0, 2]]),
        (nnx.flip(z, axis=(0, 2)), np.flip(a, (0, 2))),
        (nnx.concatenate([z, z], 1), np.concatenate([a, a], 1)),
        (nnx.pad(z, 1, constant_values=1j), np.pad(a, 1, constant_values=1j)),
        (nnx.pad(z, 1, mode="reflect"), np.pad(a, 1, mode="reflect")),
        (nnx.roll(z, 1, 2), np.roll(a, 1, 2)),
        (nnx.tril(z), np.tril(a)),
        (z.permute(2, 1, 0).contiguous(), np.ascontiguousarray(a.transpose(2, 1, 0))),
        (nnx.where(z.real > 5, z, 1j), np.where(a.real > 5, a, 1j)),
        (nnx.repeat(z, 2, axis=0), np.repeat(a, 2, 0)),
        (nnx.trace(z[0, :, :3]), np.trace(a[0, :, :3])),
    ):
        np.testing.assert_array_equal(found.numpy(), expected)
    flat = nnx.zeros(5, dtype=nnx.complex128)
    flat = flat.scatter_add(0, nnx.tensor([1, 1, 3]), nnx.tensor([1j, 2, 3], dtype=nnx.complex128))
    assert flat.tolist() == [0, 2 + 1j, 0, 3, 0]
    assert nnx.check_grad(lambda z: z[[2, 0, 2]] * z[0], nnx.tensor([1j, 2.0, 3 - 1j]))
    assert nnx.check_grad(lambda z: nnx.pad(z, 2, mode="wrap") ** 2, nnx.tensor([1j, 2.0]))


def test_vmap_and_forward_mode() -> None:
    z = nnx.tensor([[1 + 2j, 3], [0.5j, -1j]])

    def f(z: nnx.Tensor) -> nnx.Tensor:
        return abs(z.conj() * nnx.exp(z)).sum() + (z.real * z.imag).sum()

    rows = nnx.stack([nnx.grad(f)(row) for row in z])
    assert nnx.allclose(nnx.vmap(nnx.grad(f))(z), rows)
    direction = nnx.tensor([1j, 2.0])
    _, slope = nnx.jvp(f, (z[0],), (direction,))
    step = 1e-3
    difference = (f(z[0] + step * direction) - f(z[0] - step * direction)) / (2 * step)
    assert abs(slope.item() - difference.item()) < 1e-2 * abs(slope.item())
    _, slope = nnx.jvp(nnx.exp, (z[0],), (direction,))
    assert nnx.allclose(slope, nnx.exp(z[0]) * direction)
