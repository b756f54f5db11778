"""What each name means: the README's table row by row, agreement of functions and methods
everywhere else, keywords under all their names, and messages for wrong ones."""

from __future__ import annotations

import inspect
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import nnx
import numpy as np
import pytest

A = np.array([[3.0, 1.0, 2.0, 2.0], [0.5, -1.0, 4.0, 7.0]])
DECLARED: list[dict[str, Any]] = nnx._nnx.__declarations__
FUNCTIONS = {d["name"] for d in DECLARED if d["kind"] == "function"}
METHODS = {d["name"] for d in DECLARED if d["kind"] == "method" and d["owner"] == "Tensor"}


def fresh() -> nnx.Tensor:
    return nnx.tensor(A)


# --- the table of the README ---------------------------------------------------------------------


def rows() -> dict[str, tuple[str, str]]:
    text = (pathlib.Path(__file__).parents[2] / "README.md").read_text("utf-8")
    table = text.split("<!-- names: begin -->")[1].split("<!-- names: end -->")[0]
    lines = [line.strip().strip("|") for line in table.strip().splitlines()[2:]]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return {name: (function, method) for name, function, method in cells}


def pair(found: Any) -> tuple[nnx.Tensor, nnx.Tensor]:
    assert found.values is found[0] and found.indices is found[1] and len(found) == 2
    values, indices = found
    assert indices.dtype == nnx.int64
    return values, indices


def max_axis() -> None:
    x = fresh()
    for name, theirs, where in (("max", A.max, A.argmax), ("min", A.min, A.argmin)):
        f, m = getattr(nnx, name), getattr(x, name)
        np.testing.assert_array_equal(f(x, axis=1), theirs(1))
        np.testing.assert_array_equal(f(x, 1), theirs(1))
        for found in (m(1), m(dim=1)):
            values, indices = pair(found)
            np.testing.assert_array_equal(values, theirs(1))
            np.testing.assert_array_equal(indices, where(1))
        assert f(x).item() == m().item() == theirs()


def max_of_two() -> None:
    x, y = fresh(), fresh().flip(0)
    for name, of_two in (("max", "maximum"), ("min", "minimum")):
        expected = getattr(np, of_two)(A, A[::-1])
        np.testing.assert_array_equal(getattr(x, name)(y), expected)
        np.testing.assert_array_equal(getattr(nnx, of_two)(x, y), expected)
        with pytest.raises(nnx.DTypeError, match=of_two):
            getattr(nnx, name)(x, y)


def median() -> None:
    x = fresh()
    np.testing.assert_array_equal(nnx.median(x, axis=1), np.median(A, 1))
    assert nnx.median(x).item() == np.median(A) == 2.0
    values, indices = pair(x.median(dim=1))
    np.testing.assert_array_equal(values, np.sort(A, 1)[:, 1])
    np.testing.assert_array_equal(
        np.take_along_axis(A, np.asarray(indices)[:, None], 1)[:, 0], values
    )
    assert nnx.tensor([1.0, 2.0, 3.0, 4.0]).median().item() == 2.0


def sort() -> None:
    x = fresh()
    np.testing.assert_array_equal(nnx.sort(x, axis=0), np.sort(A, 0))
    np.testing.assert_array_equal(nnx.sort(x), np.sort(A))
    values, indices = pair(x.sort(1))
    np.testing.assert_array_equal(values, np.sort(A, 1))
    np.testing.assert_array_equal(indices, np.argsort(A, 1, kind="stable"))
    values, _ = pair(x.sort(descending=True))
    np.testing.assert_array_equal(values, -np.sort(-A, 1))


def argsort() -> None:
    many = np.random.default_rng(0).integers(0, 5, 2000)
    t = nnx.tensor(many)
    expected = np.argsort(many, kind="stable")
    for found in (nnx.argsort(t), t.argsort(), t.sort().indices):
        np.testing.assert_array_equal(found, expected)
    back = np.argsort(-many, kind="stable")
    for found in (nnx.argsort(t, descending=True), t.argsort(descending=True)):
        np.testing.assert_array_equal(found, back)


def std_var() -> None:
    x = fresh()
    for name in ("std", "var"):
        theirs = getattr(A, name)
        np.testing.assert_allclose(getattr(nnx, name)(x, axis=1), theirs(1), rtol=1e-12)
        np.testing.assert_allclose(getattr(x, name)(1), theirs(1, ddof=1), rtol=1e-12)
        assert getattr(nnx, name)(x).item() == pytest.approx(theirs())
        assert getattr(x, name)().item() == pytest.approx(theirs(ddof=1))


def size() -> None:
    x = fresh()
    assert x.size == 8 and isinstance(x.size, int) and x.size * 2 == 16 and f"{x.size}" == "8"
    assert x.size() == (2, 4) == x.shape and x.size(0) == 2 and x.size(-1) == 4
    assert x.size(dim=1) == 4 and x.size().numel() == 8
    for bad in (2, -3):
        with pytest.raises(nnx.AxisError):
            x.size(bad)
    assert np.size(x) == 8


def shape() -> None:
    s = fresh().shape
    assert isinstance(s, tuple) and s == (2, 4) and s.numel() == 8 and s[1] == 4
    assert s[:1].numel() == 2 and (s + s).numel() == 64 and repr(s) == "(2, 4)"
    assert {s: 1}[(2, 4)] == 1 and nnx.tensor(1).shape.numel() == 1
    assert nnx.zeros(s).shape == s and nnx.zeros(*s).shape == s


def repeat() -> None:
    x = nnx.tensor([[1, 2], [3, 4]])
    assert nnx.repeat(x, 2).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    np.testing.assert_array_equal(nnx.repeat(x, 2, axis=1), np.repeat(np.asarray(x), 2, 1))
    np.testing.assert_array_equal(
        nnx.repeat(x, nnx.tensor([1, 3]), axis=0), np.repeat(np.asarray(x), [1, 3], 0)
    )
    np.testing.assert_array_equal(x.repeat(2, 3), np.tile(np.asarray(x), (2, 3)))
    assert x.repeat(3, 1, 1).shape == (3, 2, 2)


def split() -> None:
    x = nnx.arange(7)
    assert [p.tolist() for p in nnx.split(x, [2, 5])] == [[0, 1], [2, 3, 4], [5, 6]]
    assert [len(p) for p in nnx.split(nnx.arange(6), 3)] == [2, 2, 2]
    with pytest.raises(nnx.ShapeError):
        nnx.split(x, 3)
    assert [len(p) for p in x.split(3)] == [3, 3, 1]
    assert [len(p) for p in x.split([2, 5])] == [2, 5]
    with pytest.raises(nnx.ShapeError):
        x.split([2, 4])
    assert [p.shape for p in nnx.zeros(2, 6).split(4, dim=1)] == [(2, 4), (2, 2)]


def take() -> None:
    x, i = fresh(), nnx.tensor([1, 0])
    np.testing.assert_array_equal(nnx.take(x, i, axis=1), A[:, [1, 0]])
    np.testing.assert_array_equal(x.take(nnx.tensor([[5, 0]])), A.ravel()[[[5, 0]]])


def nonzero() -> None:
    a = np.array([[0, 3], [4, 0], [0, 5]])
    x = nnx.tensor(a)
    found = nnx.nonzero(x)
    assert isinstance(found, tuple)
    for ours, theirs in zip(found, np.nonzero(a), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(x.nonzero(), np.argwhere(a))
    assert [i.tolist() for i in x.nonzero(as_tuple=True)] == [i.tolist() for i in np.nonzero(a)]
    assert x[x.nonzero(as_tuple=True)].tolist() == [3, 4, 5]


def squeeze() -> None:
    x = nnx.zeros(1, 3, 1)
    for f in (nnx.squeeze, lambda t, *a: t.squeeze(*a)):
        assert f(x, 0).shape == (3, 1) and f(x).shape == (3,)
    assert x.squeeze(1).shape == (1, 3, 1) and x.squeeze((0, 1)).shape == (3, 1)
    with pytest.raises(nnx.ShapeError, match="length"):
        nnx.squeeze(x, axis=1)


def equal() -> None:
    x = nnx.tensor([1, 2])
    assert nnx.equal(x, nnx.tensor([1, 3])).tolist() == [True, False]
    assert x.equal(nnx.tensor([1, 2])) is True and x.equal(nnx.tensor([1, 3])) is False
    assert x.equal(nnx.tensor([1, 2, 3])) is False


def meshgrid() -> None:
    a, b = np.arange(2), np.arange(3)
    for ours, theirs in zip(
        nnx.meshgrid(nnx.arange(2), nnx.arange(3)), np.meshgrid(a, b), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    ij = nnx.meshgrid(nnx.arange(2), nnx.arange(3), indexing="ij")
    for ours, theirs in zip(ij, np.meshgrid(a, b, indexing="ij"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if hasattr(nnx.Tensor, "meshgrid"):
        for ours, theirs in zip(nnx.arange(2).meshgrid(nnx.arange(3)), ij, strict=True):
            assert ours.equal(theirs)


def pad() -> None:
    x = fresh()
    np.testing.assert_array_equal(nnx.pad(x, ((1, 0), (0, 2))), np.pad(A, ((1, 0), (0, 2))))
    np.testing.assert_array_equal(
        nnx.pad(x, 1, constant_values=5.0), np.pad(A, 1, constant_values=5)
    )
    if hasattr(nnx.Tensor, "pad"):
        np.testing.assert_array_equal(x.pad((0, 2, 1, 0)), np.pad(A, ((1, 0), (0, 2))))


def diagonal() -> None:
    a = np.arange(24).reshape(2, 3, 4)
    x = nnx.tensor(a)
    for k in (-1, 0, 2):
        np.testing.assert_array_equal(nnx.diagonal(x, k), np.diagonal(a, k))
        np.testing.assert_array_equal(x.diagonal(k), np.diagonal(a, k))
    np.testing.assert_array_equal(x.diagonal(dim1=1, dim2=2), np.diagonal(a, 0, 1, 2))
    np.testing.assert_array_equal(nnx.diagonal(x, axis1=1, axis2=2), np.diagonal(a, 0, 1, 2))
    if hasattr(nnx, "linalg"):
        np.testing.assert_array_equal(nnx.linalg.diagonal(x), np.diagonal(a, 0, 1, 2))


def cumsum() -> None:
    x = fresh()
    np.testing.assert_allclose(nnx.cumsum(x), A.cumsum())
    np.testing.assert_allclose(x.cumsum(0), A.cumsum(0))
    with pytest.raises(TypeError, match="dim"):
        x.cumsum()


def transpose() -> None:
    x = nnx.zeros(2, 3, 4)
    assert nnx.transpose(x).shape == (4, 3, 2)
    assert nnx.transpose(x, (1, 0, 2)).shape == (3, 2, 4)
    assert x.transpose(0, 2).shape == (4, 3, 2) and x.transpose(-1, 1).shape == (2, 4, 3)


def shapes() -> None:
    for f in (nnx.ones, nnx.zeros, nnx.rand, nnx.randn, nnx.empty):
        for found in (f(2, 3), f((2, 3)), f([2, 3]), f(nnx.zeros(2, 3).shape)):
            assert found.shape == (2, 3) and found.dtype == nnx.float32
        assert f(()).shape == f().shape == () and f(4).shape == (4,)


def view_dtype() -> None:
    x = nnx.tensor([1.0, -2.0])
    np.testing.assert_array_equal(x.view(nnx.int32), np.asarray(x).view(np.int32))
    assert x.view(nnx.uint8).shape == (8,) and x.view(nnx.int32).view(nnx.float32).equal(x)
    assert x.view(2, 1).shape == (2, 1) and x.view(-1).shape == (2,)


def transposed_property() -> None:
    x = nnx.zeros(2, 3, 4)
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3)
    assert nnx.zeros(3).T.shape == (3,)


def where() -> None:
    c = nnx.tensor([[True, False], [True, True]])
    for found in (nnx.where(c), nnx.nonzero(c)):
        assert [i.tolist() for i in found] == [[0, 1, 1], [0, 0, 1]]


def only_methods() -> None:
    x = nnx.ones(1, requires_grad=True)
    for name in ("item", "tolist", "numpy", "detach", "data", "grad"):
        assert hasattr(x, name) and name not in FUNCTIONS - {"grad"}
    assert x.item() == 1.0 and x.tolist() == [1.0] and x.detach().numpy()[0] == 1
    assert not x.data.requires_grad and x.grad is None
    x.data += 1
    assert x.item() == 2.0 and x.is_leaf


CHECKS: dict[str, Callable[[], None]] = {
    "`max(axis)`, `min(axis)`": max_axis,
    "`max(a, b)`, `min(a, b)`": max_of_two,
    "`median`": median,
    "`sort`": sort,
    "`argsort`": argsort,
    "`std`, `var`": std_var,
    "`size`": size,
    "`shape`": shape,
    "`repeat`": repeat,
    "`split`": split,
    "`take`": take,
    "`nonzero`": nonzero,
    "`squeeze(axis)`": squeeze,
    "`equal`": equal,
    "`meshgrid`": meshgrid,
    "`pad`": pad,
    "`diagonal`": diagonal,
    "`cumsum()`": cumsum,
    "`transpose`": transpose,
    "`ones`, `zeros`, `rand`, `randn`": shapes,
    "`view(dtype)`": view_dtype,
    "`.T`": transposed_property,
    "`where(c)`": where,
    "`item`, `tolist`, `numpy`, `detach`, `data`, `grad`": only_methods,
}


def test_the_table_has_a_check_for_each_row() -> None:
    assert set(rows()) == set(CHECKS)


@pytest.mark.parametrize("row", CHECKS)
def test_row(row: str) -> None:
    CHECKS[row]()


def test_what_the_table_calls_missing_is_missing() -> None:
    for row, (function, _) in rows().items():
        if function == "none":
            for name in re.findall(r"`\.?(\w+)", row):
                there = name in FUNCTIONS - {"max", "min", "grad"}  # these are for other rows
                assert not there, f"nnx.{name} exists, and the table says it does not"


# --- everything else agrees ----------------------------------------------------------------------

# Named in the table, or not a function of the tensor alone.
DIFFERENT = {
    "max", "min", "median", "sort", "std", "var", "repeat", "split", "take", "nonzero", "squeeze",
    "equal", "pad", "cumsum", "transpose", "where", "polygamma",
}  # fmt: skip
INDEX = nnx.tensor(np.array([[0, 1, 1, 0]]))
ARGUMENTS: list[tuple[Any, ...]] = [
    (), (0,), (1,), (-1,), (0, 1), ((1, 0),), (2.0,), (0.5, 1.5), ((4, 2),), (nnx.float64,),
    (nnx.tensor(A[::-1].copy()),), (nnx.tensor([1, 0]),), (0, nnx.tensor([1, 0])),
    (nnx.tensor(A > 1),), (nnx.tensor(A > 1), 5.0), (0, 1, 1), (0, INDEX),
    (0, INDEX, nnx.tensor(A[:1])), (nnx.tensor([3, 0, 1, 1]),), (1, (2, 2)), ((2, 2, 4),),
    (0, nnx.tensor([1, 0]), nnx.tensor(A)), (nnx.tensor(A.T.copy()),),
    (nnx.tensor(A[None].transpose(0, 2, 1).copy()),),
]  # fmt: skip


def outcome(call: Callable[[], Any]) -> Any:
    try:
        found = call()
    except Exception as error:
        return "raises", isinstance(error, nnx.Error)
    parts = found if isinstance(found, tuple | list) else [found]
    return [(p.dtype, p.shape, p.tolist()) if isinstance(p, nnx.Tensor) else p for p in parts]


def tensors() -> Iterator[nnx.Tensor]:
    yield nnx.tensor(A)
    yield nnx.tensor(np.array([[1, 2, 3, 4], [5, 6, 7, 8]]))
    yield nnx.tensor(A > 1)
    yield nnx.tensor(A[:, :2].copy())
    yield nnx.tensor([3, 0, 1, 1])
    yield nnx.tensor(A[None])
    yield nnx.tensor(2.5)


@pytest.mark.parametrize("name", sorted(FUNCTIONS & METHODS - DIFFERENT))
def test_function_and_method_agree(name: str) -> None:
    answered = False
    for x in tensors():
        for args in ARGUMENTS:
            nnx.manual_seed(0)
            ours = outcome(lambda: getattr(nnx, name)(x.clone(), *args))  # noqa: B023
            nnx.manual_seed(0)
            method = outcome(lambda: getattr(x.clone(), name)(*args))  # noqa: B023
            if "raises" in (ours[0], method[0]):  # one may take more forms than the other
                continue
            assert repr(ours) == repr(method), (name, args)
            answered = True
    assert answered, "no arguments of the list fit"


# --- keywords -------------------------------------------------------------------------------------

# What else a function needs before an axis can be given.
NEEDED: dict[str, tuple[Any, ...]] = {
    "quantile": (0.25,),
    "percentile": (25,),
    "concatenate": (),
    "stack": (),
    "topk": (1,),
    "kthvalue": (1,),
    "take": (nnx.tensor([0, 1]),),
    "take_along_axis": (nnx.tensor([[0, 1], [1, 0]]),),
    "gather": (nnx.tensor([[0, 1], [1, 0]]),),
    "index_select": (nnx.tensor([0, 1]),),
    "repeat": (2,),
    "repeat_interleave": (2,),
    "split": (1,),
    "array_split": (1,),
    "chunk": (2,),
    "tensor_split": (2,),
    "roll": (1,),
    "norm": (),
    "unflatten": ((2, 2),),
    "cross": (),
}


def parameters(d: dict[str, Any]) -> list[str]:
    found = [
        p.split(":")[0].split("=")[0].strip()
        for p in re.split(r",(?![^\[(]*[\])])", d["signature"].split("->")[0].strip().strip("()"))
    ]
    return [p for p in found if p]


def with_axis() -> list[tuple[str, str]]:
    return sorted(
        {(d["kind"], d["name"]) for d in DECLARED if {"axis", "dim"} & set(parameters(d))}
    )


def answers(kind: str, name: str, keywords: dict[str, Any]) -> Any:
    """The answer with keywords, or None where the function needs more than we know here."""
    args = NEEDED.get(name, ())
    joins = name in ("concatenate", "stack", "concat", "cat")
    call: Callable[[], Any]
    if kind == "function":
        first = [fresh(), fresh()] if joins else fresh()
        call = lambda: getattr(nnx, name)(first, *args, **keywords)  # noqa: E731
    else:
        call = lambda: getattr(fresh(), name)(*args, **keywords)  # noqa: E731
    found = outcome(call)
    return None if found[0] == "raises" else found


@pytest.mark.parametrize(("kind", "name"), with_axis())
def test_axis_and_dim_are_one(kind: str, name: str) -> None:
    a, b = answers(kind, name, {"axis": 1}), answers(kind, name, {"dim": 1})
    assert repr(a) == repr(b)


def test_enough_of_them_answered() -> None:
    answered = [n for k, n in with_axis() if answers(k, n, {"axis": 1}) is not None]
    assert len(answered) >= 0.7 * len(with_axis()), sorted(
        {n for _, n in with_axis()} - set(answered)
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    sorted(
        {(d["kind"], d["name"]) for d in DECLARED if {"keepdims", "keepdim"} & set(parameters(d))}
    ),
)
def test_keepdims_and_keepdim_are_one(kind: str, name: str) -> None:
    a = answers(kind, name, {"axis": 1, "keepdims": True})
    assert a is not None and repr(a) == repr(answers(kind, name, {"dim": 1, "keepdim": True}))
    shape = a[0][1]
    assert tuple(shape) == (2, 1)


@pytest.mark.parametrize("name", ["std", "var", "std_mean", "var_mean"])
def test_correction_under_all_its_names(name: str) -> None:
    def answers_of(f: Callable[..., Any], value: int) -> set[str]:
        names = [{"correction": value}, {"ddof": value}, {"unbiased": bool(value)}]
        return {repr(outcome(lambda: f(**k))) for k in names}  # noqa: B023

    calls: list[Callable[..., Any]] = [lambda **k: getattr(nnx, name)(fresh(), **k)]
    if hasattr(nnx.Tensor, name):
        calls.append(lambda **k: getattr(fresh(), name)(**k))
    for f in calls:
        zero, one = answers_of(f, 0), answers_of(f, 1)
        assert len(zero) == len(one) == 1 and zero != one


@pytest.mark.parametrize(
    ("call", "same"),
    [
        (lambda: nnx.add(input=fresh(), other=fresh()), lambda: nnx.add(x1=fresh(), x2=fresh())),
        (lambda: nnx.clip(fresh(), min=0, max=1), lambda: nnx.clip(fresh(), a_min=0, a_max=1)),
        (lambda: nnx.clip(fresh(), 0, 1), lambda: fresh().clamp(min=0, max=1)),
        (lambda: nnx.reshape(fresh(), shape=(4, 2)), lambda: nnx.reshape(fresh(), newshape=(4, 2))),
        (lambda: nnx.full(shape=(2,), fill_value=3.0), lambda: nnx.full(size=(2,), value=3.0)),
        (lambda: nnx.concatenate(arrays=[fresh()]), lambda: nnx.concatenate(tensors=[fresh()])),
        (lambda: nnx.diagonal(fresh(), offset=1), lambda: fresh().diagonal(offset=1)),
        (lambda: nnx.tril(fresh(), diagonal=1), lambda: nnx.tril(fresh(), k=1)),
        (lambda: nnx.arange(0, end=5), lambda: nnx.arange(0, stop=5)),
        (lambda: nnx.linspace(0, 1, num=5), lambda: nnx.linspace(0, 1, steps=5)),
        (
            lambda: nnx.permute_dims(fresh(), axes=(1, 0)),
            lambda: nnx.permute_dims(fresh(), dims=(1, 0)),
        ),
        (lambda: nnx.sum(a=fresh()), lambda: nnx.sum(input=fresh())),
        (lambda: fresh().sum(axis=(0, 1)), lambda: fresh().sum(dim=(0, 1))),
    ],
)
def test_other_names_of_keywords(call: Callable[[], Any], same: Callable[[], Any]) -> None:
    assert call().tolist() == same().tolist()


def test_wrong_keywords_teach() -> None:
    x = fresh()
    for call, name in ((lambda: nnx.sum(x, axes_=1), "axis"), (lambda: x.sum(dimm=1), "dim")):
        with pytest.raises(TypeError, match=rf"did you mean {name}\?"):
            call()
    with pytest.raises(TypeError, match=r"the call is nnx\.sum\("):
        nnx.sum(x, nonsense_of_all_kinds=1)
    with pytest.raises(TypeError, match=r"the call is x\.sum\("):
        x.sum(nonsense_of_all_kinds=1)
    with pytest.raises(TypeError, match="given twice"):
        nnx.sum(x, axis=1, dim=1)
    with pytest.raises(TypeError, match="given twice"):
        nnx.sum(x, 1, axis=1)
    with pytest.raises(TypeError, match="too many arguments"):
        nnx.sin(x, x, x)
    with pytest.raises(TypeError, match="missing"):
        nnx.sum()
    with pytest.raises(TypeError, match=r"x\.sum\(\.\.\.\)|method of a tensor"):
        nnx.Tensor.sum(3)


# --- introspection --------------------------------------------------------------------------------


def test_functions_show_what_they_take() -> None:
    assert str(inspect.signature(nnx.sum)).startswith("(x, axis")
    assert "axis" in inspect.signature(nnx.sum).parameters
    assert str(inspect.signature(nnx.Tensor.sum)).startswith("(self")
    assert nnx.sum.__name__ == "sum" and nnx.sum.__module__ == "nnx"
    assert nnx.sum.__doc__ and repr(nnx.sum) == "<function nnx.sum>"
    assert repr(nnx.Tensor.sum) == "<method Tensor.sum>"
    for name in FUNCTIONS:
        f = getattr(nnx._nnx, name)
        assert inspect.signature(f) is not None and f.__name__


def test_all_is_what_dir_shows() -> None:
    assert set(nnx.__all__) <= set(dir(nnx))
    for name in nnx.__all__:
        assert getattr(nnx, name) is not None or name == "newaxis"
    with pytest.raises(AttributeError, match="nonsense"):
        nnx.nonsense  # noqa: B018
