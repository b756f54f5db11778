"""Every function of the Python array API standard is there, with the standard's parameters."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest

TABLE = pathlib.Path(__file__).with_name("array_api_names.tsv")
STANDARD = dict(
    line.split("\t") for line in TABLE.read_text("utf-8").splitlines() if not line.startswith("#")
)
CONSTANTS = {"e": np.e, "inf": np.inf, "pi": np.pi, "newaxis": None}
COMPLEX = ("complex64", "complex128")
REAL = ("bool", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
DTYPES = (*REAL, *COMPLEX)
ATTRIBUTES = ("dtype", "device", "mT", "ndim", "shape", "size", "T")
METHODS = (
    *("abs", "add", "and", "array_namespace", "bool", "dlpack", "dlpack_device", "eq", "float"),
    *("floordiv", "ge", "getitem", "gt", "index", "int", "invert", "le", "lshift", "lt", "matmul"),
    *("mod", "mul", "ne", "neg", "or", "pos", "pow", "rshift", "setitem", "sub", "truediv", "xor"),
    *("iadd", "isub", "imul", "itruediv", "ifloordiv", "ipow", "imod", "imatmul", "iand", "ior"),
    *("ixor", "ilshift", "irshift", "radd", "rsub", "rmul", "rtruediv", "rfloordiv", "rpow"),
    *("rmod", "rmatmul", "rand", "ror", "rxor", "rlshift", "rrshift"),
)


def find(name: str) -> Callable[..., Any]:
    place: Any = nnx
    for part in name.split("."):
        place = getattr(place, part)
    return place


def test_the_table_is_the_whole_standard() -> None:
    assert len(STANDARD) > 140
    assert STANDARD["clip"] == "x, /, min, max" and "linalg.pinv" in STANDARD


@pytest.mark.parametrize("name", STANDARD)
def test_function(name: str) -> None:
    """Parameters that may be given by name have the standard's names, in its order."""
    by_position, _, named = STANDARD[name].rpartition("/")
    wanted = [p.strip() for p in named.split(",") if p.strip() not in ("", "*")]
    parameters = inspect.signature(find(name)).parameters
    assert [p for p in wanted if p.lstrip("*") not in parameters] == []
    count = len([p for p in by_position.split(",") if p.strip()])
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    assert sum(p.kind is not keyword_only for p in parameters.values()) >= count or any(
        p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values()
    )


def test_constants_dtypes_and_the_array_object() -> None:
    for name, value in CONSTANTS.items():
        assert getattr(nnx, name) == value
    assert np.isnan(nnx.nan)
    for name in DTYPES:
        assert str(getattr(nnx, name)).endswith(name)
    x = nnx.ones((2, 3))
    assert all(hasattr(x, name) for name in (*ATTRIBUTES, "to_device"))
    assert all(hasattr(x, f"__{name}__") for name in METHODS)


# --- what the functions answer --------------------------------------------------------------------

X = np.array([[3, 1, 2], [1, 3, 0]])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda x: nnx.cumulative_sum(x, axis=1, include_initial=True),
            [[0, 3, 4, 6], [0, 1, 4, 4]],
        ),
        (lambda x: nnx.cumulative_sum(x[0], include_initial=True), [0, 3, 4, 6]),
        (lambda x: nnx.cumulative_prod(x[0], include_initial=True), [1, 3, 3, 6]),
        (lambda x: nnx.diff(x, axis=1, prepend=nnx.zeros((2, 1), dtype=nnx.int64)), None),
        (lambda x: nnx.diff(x[0], append=nnx.asarray([9])), [-2, 1, 7]),
        (lambda x: nnx.diff(x[0], n=2, prepend=nnx.asarray([0]), append=nnx.asarray([9])), None),
        (lambda x: nnx.searchsorted(x[0], nnx.asarray([2]), sorter=nnx.asarray([1, 2, 0])), [1]),
        (lambda x: nnx.unique_all(x).counts, [1, 2, 1, 2]),
        (lambda x: nnx.take_along_axis(x, nnx.argsort(x, axis=1), axis=1), [[1, 2, 3], [0, 1, 3]]),
        (lambda x: nnx.count_nonzero(x, axis=1), [3, 2]),
        (lambda x: nnx.tile(x[0], (2,)), [3, 1, 2, 3, 1, 2]),
        (lambda x: nnx.repeat(x[0], 2), [3, 3, 1, 1, 2, 2]),
        (lambda x: nnx.unstack(x, axis=0)[1], [1, 3, 0]),
        (lambda x: nnx.astype(x[0], nnx.float32, device=nnx.device("cpu")), [3.0, 1.0, 2.0]),
    ],
)
def test_answers(call: Callable[[nnx.Tensor], nnx.Tensor], expected: Any) -> None:
    found = call(nnx.asarray(X))
    if expected is None:  # NumPy's functions have these arguments, too
        expected = np.asarray(call_numpy(call))
    assert found.tolist() == np.asarray(expected).tolist()


def call_numpy(call: Callable[[Any], Any]) -> Any:
    """The same call, of NumPy: its diff has the standard's parameters."""
    wide = np.diff(X, axis=1, prepend=np.zeros((2, 1), dtype=np.int64))
    return wide if call(nnx.asarray(X)).ndim == 2 else np.diff(X[0], n=2, prepend=[0], append=[9])


def test_info() -> None:
    info = nnx.__array_namespace_info__()
    assert nnx.__array_api_version__ == "2024.12"
    rank = info.capabilities()["max dimensions"]
    assert nnx.zeros((1,) * rank).ndim == rank
    with pytest.raises(nnx.ShapeError):
        nnx.zeros((1,) * (rank + 1))
    x = nnx.asarray([1.0, 2.0])
    assert x[x > 1].shape == (1,) and info.capabilities()["boolean indexing"]
    assert info.default_device() == nnx.zeros(1).device and info.default_device() in info.devices()
    defaults = info.default_dtypes()
    assert defaults["real floating"] == nnx.zeros(1).dtype
    assert defaults["integral"] == nnx.asarray(1).dtype
    assert defaults["indexing"] == nnx.argsort(x).dtype
    assert set(info.dtypes()) == set(DTYPES)
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {"bool", *COMPLEX}
    assert defaults["complex floating"] == nnx.asarray(1j).dtype
    for name, dtype in info.dtypes(kind="integral").items():
        assert nnx.isdtype(dtype, "integral") and str(dtype).endswith(name)
    with pytest.raises(nnx.ArgumentError, match="kind"):
        info.dtypes(kind="float")
