"""Promotion, Python and NumPy scalars, the default dtype: the rules written out and checked for
every pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

ALL = ["bool", *helpers.INTEGERS, "float16", "bfloat16", *helpers.FLOATS]
SIZE = {d: 1 if d == "bool" else 2 if d == "bfloat16" else np.dtype(d).itemsize for d in ALL}


def is_float(d: str) -> bool:
    return "float" in d


def expected(a: str, b: str) -> str:
    """The table of the array API, and two rules beyond it: any float wins over any integer, and
    what meets nowhere (int64 with uint64, float16 with bfloat16) meets in float32."""
    if a == b:
        return a
    if "bool" in (a, b):
        return b if a == "bool" else a
    if is_float(a) and is_float(b):
        if {a, b} == {"float16", "bfloat16"}:
            return "float32"
        return max(a, b, key=SIZE.__getitem__)
    if is_float(a) or is_float(b):
        return a if is_float(a) else b
    if a[0] == b[0]:
        return max(a, b, key=SIZE.__getitem__)
    signed, unsigned = sorted((a, b))
    if SIZE[signed] > SIZE[unsigned]:
        return signed
    return "float32" if unsigned == "uint64" else f"int{16 * SIZE[unsigned]}"


@pytest.mark.parametrize("a", ALL)
def test_promotion_of_every_pair(a: str) -> None:
    for b in ALL:
        want = helpers.dtype(expected(a, b))
        for x, y in itertools.product(
            (nnx.ones(2).to(helpers.dtype(a)), nnx.tensor(1).to(helpers.dtype(a))),
            (nnx.ones(2).to(helpers.dtype(b)), nnx.tensor(1).to(helpers.dtype(b))),
        ):
            for got in ((x * y), (y * x), nnx.add(x, y), nnx.where(nnx.tensor(True), x, y)):
                assert got.dtype == want, (a, b)
            assert (x == y).dtype == nnx.bool
        assert nnx.result_type(helpers.dtype(a), helpers.dtype(b)) == want
        assert nnx.promote_types(helpers.dtype(a), helpers.dtype(b)) == want
        one = [nnx.ones(2).to(helpers.dtype(d)) for d in (a, b)]
        assert nnx.concatenate(one).dtype == want
        assert nnx.stack(one).dtype == want


def test_agrees_with_numpy_on_integers() -> None:
    for a, b in itertools.product(["bool", *helpers.INTEGERS], repeat=2):
        if {"uint64"} & {a, b} and (a[0] == "i" or b[0] == "i"):
            continue  # NumPy answers float64
        assert expected(a, b) == np.promote_types(a, b).name


OPERATORS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: y + x,
    lambda x, y: x * y,
    lambda x, y: x - y,
    lambda x, y: y - x,
    lambda x, y: nnx.maximum(x, y),
]


@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES])
@pytest.mark.parametrize(
    "scalar",
    [
        2,
        2.5,
        True,
        1e300,
        np.float64(2.5),
        np.float32(2.5),
        np.float16(2.5),
        np.int64(3),
        np.int8(3),
        np.bool_(True),
        np.sqrt(2),
    ],
)
def test_scalars_never_widen_floats(dtype: str, scalar: Any) -> None:
    x = nnx.ones(3).to(helpers.dtype(dtype))
    for f in OPERATORS:
        assert f(x, scalar).dtype == x.dtype
    assert (x / scalar).dtype == (scalar / x).dtype == (x**scalar).dtype == x.dtype
    assert nnx.clip(x, 0, scalar).dtype == x.dtype
    y = x.clone()
    y *= scalar
    assert y.dtype == x.dtype


@pytest.mark.parametrize("dtype", helpers.INTEGERS)
def test_scalars_and_integers(dtype: str) -> None:
    x = nnx.ones(3).to(helpers.dtype(dtype))
    for scalar in (2, True, np.int64(2), np.uint8(2), np.bool_(True)):
        for f in OPERATORS:
            assert f(x, scalar).dtype == x.dtype
    for scalar in (2.5, np.float64(2.5), np.float16(2.5)):
        for f in OPERATORS:
            assert f(x, scalar).dtype == nnx.float32
    assert (x / 2).dtype == (x / x).dtype == (1 / x).dtype == nnx.float32
    assert (x // 2).dtype == (x % 2).dtype == (x**2).dtype == x.dtype
    with pytest.raises(nnx.DTypeError):
        x += 0.5
    assert nnx.mean(x).dtype == nnx.std(x).dtype == nnx.float32
    wide = nnx.uint64 if dtype[0] == "u" else nnx.int64
    assert nnx.sum(x).dtype == nnx.prod(x).dtype == nnx.cumsum(x, axis=0).dtype == wide
    assert nnx.sum(x, dtype=nnx.float64).dtype == nnx.float64
    assert nnx.max(x).dtype == x.dtype


def test_booleans() -> None:
    t = nnx.tensor([True, False])
    assert (t + True).dtype == (t * t).dtype == nnx.bool
    assert (t * 2).dtype == nnx.int64 and (t * 2.0).dtype == nnx.float32
    assert (t / t).dtype == nnx.float32 and t.sum().dtype == nnx.int64
    assert (t & True).dtype == nnx.bool and t.mean().dtype == nnx.float32
    assert t.sum().item() == 1


def test_python_numbers_that_do_not_fit() -> None:
    for dtype in (nnx.int8, nnx.float32):
        with pytest.raises(nnx.ArgumentError, match="64 bits"):
            nnx.ones(2, dtype=dtype) + 2**70
    assert (nnx.ones(2) + 2.0**70).tolist() == [2.0**70] * 2


def test_integers_that_a_dtype_does_not_hold() -> None:
    x = nnx.zeros(2, dtype=nnx.int8)
    first = nnx.tensor([0])
    writes: list[Callable[[], Any]] = [
        lambda: nnx.tensor(-129, dtype=nnx.int8),
        lambda: nnx.tensor([1, 300], dtype=nnx.int8),
        lambda: nnx.tensor([2**63], dtype=nnx.int8),
        lambda: nnx.full((2,), 128, dtype=nnx.int8),
        lambda: nnx.full_like(x, 128),
        lambda: x.new_full((2,), 128),
        lambda: x.fill_(128),
        lambda: x.__setitem__(0, 128),
        lambda: x.__setitem__(first, 128),
        lambda: x.__setitem__(x == 0, 128),
        lambda: x.masked_fill(x == 0, 128),
        lambda: x.scatter(0, first, 128),
        lambda: nnx.pad(x, (1, 1), constant_values=128),
    ]
    for write in writes:
        with pytest.raises(nnx.ArgumentError, match=r"-128 to 127|does not fit"):
            write()
    for number in (128.0, -129.5, 1e30, math.inf, -math.inf, math.nan):
        for write in (
            lambda number=number: nnx.tensor(number, dtype=nnx.int8),
            lambda number=number: nnx.full((2,), number, dtype=nnx.int8),
            lambda number=number: x.fill_(number),
            lambda number=number: x.__setitem__(0, number),
            lambda number=number: nnx.pad(x, (1, 1), constant_values=number),
        ):
            with pytest.raises(nnx.ArgumentError, match="-128 to 127"):
                write()
    for name, f in {"fill_": x.fill_, "masked_fill_": lambda v: x.masked_fill_(x == 0, v)}.items():
        with pytest.raises(nnx.ArgumentError, match=rf"\[({name}|where)\]"):
            f(128)
    assert nnx.tensor(-128.9, dtype=nnx.int8).item() == -128
    assert x.tolist() == [0, 0]
    with pytest.raises(nnx.ArgumentError, match="from 0 to 18446744073709551615"):
        nnx.tensor(-1, dtype=nnx.uint64)
    assert nnx.tensor([-128, 127], dtype=nnx.int8).tolist() == [-128, 127]
    assert nnx.tensor(300).to(nnx.uint8).item() == 44  # a cast wraps around


def test_numbers_are_written_as_they_are() -> None:
    """Through no narrower dtype than the target's."""
    for dtype, value, expected in [
        ("int64", 16777217.0, 16777217),
        ("int64", 2.0**53 - 1, 2**53 - 1),
        ("bool", 1e-60, True),
        ("float64", 0.1, 0.1),
        ("complex128", 0.1, 0.1),
        ("complex128", 0.1j, 0.1j),
        ("uint8", 3.7, 3),
    ]:
        x = nnx.zeros(2, dtype=getattr(nnx, dtype))
        x[:] = value
        assert x.tolist() == [expected] * 2, dtype
        assert nnx.zeros(2, dtype=getattr(nnx, dtype)).fill_(value).tolist() == [expected] * 2


def test_pytorchs_names_of_tensor_types() -> None:
    x = nnx.tensor([1, 0])
    for dtype in (nnx.bool, nnx.uint8, nnx.float32, nnx.bfloat16, nnx.complex64, nnx.complex128):
        y = x.to(dtype)
        assert x.to(y.type()).dtype == dtype, y.type()


def test_zero_dimensional_tensors_take_part() -> None:
    x = nnx.ones(3)
    assert (x * nnx.tensor(2.0, dtype=nnx.float64)).dtype == nnx.float64
    assert (nnx.ones(3, dtype=nnx.int8) + nnx.tensor(1)).dtype == nnx.int64
    assert (x * np.array(2.0)).dtype == nnx.float64  # an array, unlike np.float64(2.0)


@pytest.fixture
def float64_default() -> Iterator[None]:
    nnx.set_default_dtype(nnx.float64)
    yield
    nnx.set_default_dtype(nnx.float32)


def test_default_dtype(float64_default: None) -> None:
    assert nnx.get_default_dtype() == nnx.float64
    assert nnx.tensor([1.0]).dtype == nnx.zeros(2).dtype == nnx.rand(2).dtype == nnx.float64
    assert (nnx.tensor([1, 2]) / 2).dtype == nnx.tensor([1]).mean().dtype == nnx.float64
    assert (nnx.ones(2, dtype=nnx.float32) * 2.5).dtype == nnx.float32
    assert nnx.nn.Dense(2, 3).weight.dtype == nnx.float64


def test_default_dtype_is_floating() -> None:
    with pytest.raises(nnx.DTypeError, match="floating"):
        nnx.set_default_dtype(nnx.int32)
    assert nnx.get_default_dtype() == nnx.float32


def test_dtype_objects() -> None:
    assert str(nnx.float32) == "float32" and repr(nnx.float32) == "nnx.float32"
    for name in ALL:
        d = helpers.dtype(name)
        assert d == getattr(nnx, name) == nnx.dtype(name) and d.name == name
        assert d.itemsize == SIZE[name] and d.is_floating_point == is_float(name)
        if name != "bfloat16":
            assert d == np.dtype(name) and d == getattr(np, name if name != "bool" else "bool_")
            assert hash(d) is not None
        assert d in {d: 1} and d != 3
    assert nnx.float is nnx.float32 and nnx.double is nnx.float64 and nnx.long is nnx.int64
    assert nnx.half is nnx.float16 and nnx.int is nnx.int32 and nnx.short is nnx.int16
    assert nnx.float32 != nnx.float64
    for name in (*helpers.FLOATS, "float16"):
        for key in ("eps", "max", "min", "tiny", "bits"):
            ours = getattr(nnx.finfo(helpers.dtype(name)), key)
            assert ours == getattr(np.finfo(name), key), (name, key)
    assert nnx.finfo(nnx.bfloat16).eps == 2.0**-7
    assert nnx.iinfo(nnx.int8).min == -128 and nnx.iinfo(nnx.uint64).max == 2**64 - 1


@pytest.mark.parametrize("source", ALL)
def test_casts_between_all_dtypes(source: str) -> None:
    values = [0, 1] if source == "bool" else [0, 1, 2, 100]
    t = nnx.tensor(values).to(helpers.dtype(source))
    for target in ALL:
        got = t.to(helpers.dtype(target))
        assert got.dtype == helpers.dtype(target)
        want = [float(bool(v)) for v in values] if target == "bool" else values
        assert helpers.as_float64(got).tolist() == want


def test_integers_wrap_and_floats_truncate() -> None:
    assert nnx.tensor([300, -1]).to(nnx.uint8).tolist() == [44, 255]
    assert nnx.tensor([1.9, -1.9]).to(nnx.int32).tolist() == [1, -1]
    assert (nnx.tensor([200], dtype=nnx.uint8) + 100).tolist() == [44]
    assert (nnx.tensor([127], dtype=nnx.int8) + 1).tolist() == [-128]
    big = nnx.tensor([2**63 - 1])
    assert (big + 1).tolist() == [-(2**63)]
    assert nnx.tensor([2**60 + 1]).sum().item() == 2**60 + 1
    assert nnx.tensor([2**53 + 1, 2]).mean().item() == pytest.approx(2**52, rel=1e-7)
