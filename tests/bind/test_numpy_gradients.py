"""One rule: while a gradient is recorded, NumPy's functions carry it or refuse.

`np.f(x)` is `nnx.f(x)` and followed. Where nnx has no such function, or not with these options, and
the answer would hold floating numbers, GradientError says so. Values leave the graph only where the
program says it: .detach(), .item(), float(x), np.asarray(x) and what reads arrays through it.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import nnx
import numpy as np
import pytest

X = np.array([1.0, 2.0, 4.0])
M = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 4.0]])


def recorded(a: np.ndarray = X) -> nnx.Tensor:
    return nnx.tensor(a, requires_grad=True)


# --- no function of NumPy loses a gradient --------------------------------------------------------

# Whose derivative is 0 wherever it is defined, or that take only the form of their argument.
FLAT = {
    "ceil", "empty_like", "fix", "floor", "floor_divide", "heaviside", "imag", "nextafter",
    "ones_like", "rint", "round", "around", "sign", "trunc", "unique",
    "unique_counts", "unique_inverse", "unique_values", "zeros_like", "histogram",
    "histogram_bin_edges", "histogram2d", "histogramdd", "piecewise", "pinv",
    "vander", "intersect1d", "setdiff1d",  # in some of these arguments
}  # fmt: skip
ARGUMENTS: list[Callable[[Any], tuple[Any, ...]]] = [
    lambda x: (x,),
    lambda x: (x, x),
    lambda x: (x, x, x),
    lambda x: (x, 1),
    lambda x: (x, 0.5),
    lambda x: (x, (3,)),
    lambda x: (x, [0, 1, 2]),
    lambda x: (X, x),
    lambda x: (x, [x > 1], [1.0, 2.0]),
    lambda x: (x[0], x[1]),
    lambda x: (x > 1, x),
]
# These look into lists for tensors. (Others see arrays: NumPy reads the list before it asks.)
JOINS = {
    "append", "apply_along_axis", "apply_over_axes", "block", "column_stack", "concat",
    "concatenate", "dstack", "hstack", "multi_dot", "select", "stack", "vstack",
}  # fmt: skip
LISTS: list[Callable[[Any], tuple[Any, ...]]] = [
    lambda x: ([x, x],),
    lambda x: ([X, x],),
    lambda x: ([x > 1], [x], 0.0),
    lambda x: (lambda v: v, 0, x),
]
# NumPy does not ask nnx where only their option is a tensor.
UNASKED = {"full_like", "polyint", "real_if_close", "roll"}
# They write to files or into their argument, and answer nothing.
SILENT = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask", "save", "savetxt"}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    places = (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
    for prefix, place in places:
        for name in sorted(place.__all__):
            f = getattr(place, name)
            if isinstance(f, np.ufunc):
                yield f"{prefix}.{name}", f
                for method in ("reduce", "accumulate", "outer"):
                    yield f"{prefix}.{name}.{method}", getattr(f, method)
            elif type(f).__name__ == "_ArrayFunctionDispatcher" and name not in SILENT | UNASKED:
                yield f"{prefix}.{name}", f


NUMPY = dict(functions())


def forms(name: str) -> list[Callable[[Any], tuple[Any, ...]]]:
    return ARGUMENTS + (LISTS if name.split(".")[-1] in JOINS else [])


def numbers(found: Any) -> Iterator[Any]:
    """The floating numbers in an answer."""
    if isinstance(found, nnx.Tensor):
        if found.is_floating_point():
            yield found
    elif isinstance(found, np.ndarray | np.generic):
        if found.dtype.kind in "fcO":
            yield found
    elif isinstance(found, list | tuple):
        for part in found:
            yield from numbers(part)
    elif isinstance(found, float | complex):
        yield found


@pytest.fixture
def in_a_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NUMPY)
def test_no_function_of_numpy_loses_a_gradient(name: str, in_a_folder: None) -> None:
    for values in (X, M):
        for arguments in forms(name):
            args = arguments(recorded(values))
            try:
                found = NUMPY[name](*args)
            except Exception:  # other arguments than it takes, or refused
                continue
            answer = list(numbers(found))
            if not FLAT & set(name.split(".")):
                assert all(isinstance(n, nnx.Tensor) for n in answer), (args, found)
                assert not answer or any(n.requires_grad for n in answer), (args, found)


@pytest.mark.filterwarnings("ignore")
def test_most_functions_of_numpy_are_followed() -> None:
    followed = 0
    for name, f in NUMPY.items():
        for arguments in forms(name):
            try:
                found = f(*arguments(recorded()))
            except Exception:
                continue
            if any(isinstance(n, nnx.Tensor) and n.requires_grad for n in numbers(found)):
                followed += 1
                break
    assert followed >= 205


# --- refused, with the way out --------------------------------------------------------------------

REFUSED: dict[str, Callable[[nnx.Tensor], Any]] = {
    "np.spacing": lambda x: np.spacing(x),
    "np.ldexp": lambda x: np.ldexp(x, 2),
    "np.frompyfunc": lambda x: np.frompyfunc(math.sin, 1, 1)(x),
    "np.roots": lambda x: np.roots(x),
    "np.real_if_close": lambda x: np.real_if_close(x),
    "np.linalg.tensorinv": lambda x: np.linalg.tensorinv(nnx.diag(x), 1),
    "np.subtract.reduce": lambda x: np.subtract.reduce(x),
    "np.add.reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "an option that nnx.mean has not": lambda x: np.mean(x, where=[True, False, True]),
    "a keyword argument": lambda x: np.real_if_close(a=x),
    "in a list": lambda x: np.choose([0, 1, 0], [x, x]),
    "out= of a ufunc": lambda x: np.sin(x, out=np.zeros(3)),
    "out= of a function": lambda x: np.sum(x, out=np.zeros(())),
    "array += tensor": lambda x: np.zeros(3).__iadd__(x),
    "nnx.tensor of a list": lambda x: nnx.tensor([x[0], 2.0]),
    "nnx.tensor of nested lists": lambda x: nnx.tensor([[1.0, x[0]], [x[1], 0.0]]),
    "nnx.Tensor of a list": lambda x: nnx.Tensor([x[0], x[1]]),
    "new_tensor of a list": lambda x: x.new_tensor([x[0]]),
    "nnx.full": lambda x: nnx.full((3,), x[0]),
    "nnx.linspace": lambda x: nnx.linspace(x[0], x[1], 3),
    "nnx.arange": lambda x: nnx.arange(0, x[2]),
    "fill_diagonal_": lambda x: nnx.zeros(3, 3).fill_diagonal_(x[0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_while_recorded_and_only_then(name: str) -> None:
    x = recorded()
    with pytest.raises(nnx.GradientError, match="detach"):
        REFUSED[name](x)
    with nnx.no_grad():
        REFUSED[name](x)
    REFUSED[name](x.detach())
    REFUSED[name](nnx.tensor(X))


def test_the_message_names_the_function_and_the_way_out() -> None:
    with pytest.raises(nnx.GradientError) as caught:
        np.spacing(recorded())
    text = str(caught.value)
    assert text.startswith("[np.spacing]") and "(3,) float64" in text
    assert "np.spacing(x.detach())" in text
    with pytest.raises(nnx.GradientError, match=r"leave out options that nnx\.mean does not have"):
        np.mean(recorded(), where=[True, False, True])
    with pytest.raises(nnx.GradientError, match=r"nnx\.stack"):
        nnx.tensor([recorded()[0], recorded()[1]])


def test_nothing_is_written_when_refused() -> None:
    a = np.zeros(3)
    for call in (lambda: np.sin(recorded(), out=a), lambda: np.cumsum(recorded(), out=a)):
        with pytest.raises(nnx.GradientError, match="detach"):
            call()
    with pytest.raises(nnx.GradientError, match="detach"):
        a += recorded()
    assert (a == 0).all()
    ours = nnx.zeros(3, dtype=nnx.float64)
    np.multiply(recorded(), 3, out=ours)  # a tensor can carry it
    assert ours.requires_grad and ours.tolist() == [3, 6, 12]


def test_lists_of_recorded_tensors_are_stacked_by_asarray_and_array() -> None:
    for make in (nnx.asarray, nnx.array):
        x = recorded()
        found = make([x[0] * 2, 5.0, x[2]])
        assert found.dtype == nnx.float64 and found.tolist() == [2, 5, 4]
        found.sum().backward()
        assert x.grad.tolist() == [2, 0, 1]
    x = recorded()
    (nnx.array(x) * 3).sum().backward()  # a copy, as nnx.copy
    assert x.grad.tolist() == [3, 3, 3]
    assert nnx.array(x).data_ptr() != x.data_ptr()
    assert not nnx.tensor(x).requires_grad  # a new leaf, as PyTorch's
    x = recorded()
    nnx.zeros(3).fill_(x[1]).sum().backward()  # an operand, not a plain number
    assert x.grad.tolist() == [0, 3, 0]


# --- silent: no number leaves, or the program says so ---------------------------------------------


# The last ones cannot be told from np.asarray(x): NumPy makes arrays before it asks.
@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.shape(x) == (3,),
        lambda x: np.ndim(x) == 1,
        lambda x: np.size(x) == 3,
        lambda x: np.allclose(x, X),
        lambda x: np.array_equal(x, X),
        lambda x: "1." in np.array_repr(x),
        lambda x: "1." in np.array2string(x),
        lambda x: np.iscomplexobj(x) is False,
        lambda x: np.argpartition(x, 1)[0] == 0,
        lambda x: np.isneginf(x).tolist() == [False] * 3,
        lambda x: np.testing.assert_allclose(x, X) is None,
        lambda x: np.testing.assert_array_equal(x, X) is None,
        lambda x: float(x[0]) == 1 and x[0].item() == 1 and f"{x[0]:.1f}" == "1.0",
        lambda x: np.asarray(x).tolist() == x.tolist() == [1, 2, 4],
        lambda x: np.array([x[0], x[1]]).tolist() == [1, 2],
        lambda x: math.sqrt(x[2]) == 2,
        lambda x: np.vectorize(math.sqrt)(x)[2] == 2,
        lambda x: np.mean([x[0], x[2]]) == 2.5,
    ],
)
def test_silent(call: Callable[[nnx.Tensor], Any]) -> None:
    assert call(recorded())


def test_files_are_written_silently(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "x.npy", recorded())
    np.savetxt(tmp_path / "x.txt", recorded())
    assert np.load(tmp_path / "x.npy").tolist() == np.loadtxt(tmp_path / "x.txt").tolist()


def test_figures_draw_recorded_tensors() -> None:
    plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    figure, axes = plt.subplots()
    x, m = recorded(), recorded(M)
    axes.plot(x, x * 2)
    axes.plot([x[0], x[1]])
    axes.scatter(x, x, c=x, s=x)
    axes.bar(x, x)
    axes.hist(x, bins=3)
    axes.errorbar(x, x, yerr=x)
    axes.fill_between(x, x, x + 1)
    axes.imshow(m)
    axes.contour(m)
    axes.contourf(x, x, m)
    axes.pcolormesh(m)
    axes.quiver(x, x, x, x)
    axes.boxplot(x)
    axes.pie(x)
    axes.stackplot(x, m)
    axes.hist2d(x, x)
    axes.axhline(x[0])
    axes.set_xlim(x[0], x[2])
    axes.text(x[0], x[1], "here")
    axes.step(x, x)
    axes.semilogy(x, x)
    figure.canvas.draw()
    assert axes.lines and axes.images
    plt.close(figure)


# --- methods of ufuncs ----------------------------------------------------------------------------

METHODS: dict[str, tuple[Callable[[Any], Any], Callable[[nnx.Tensor], nnx.Tensor]]] = {
    "add.reduce": (lambda x: np.add.reduce(x), lambda x: x.sum(0)),
    "add.reduce(axis=None)": (lambda x: np.add.reduce(x, axis=None), lambda x: x.sum()),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, axis=1), lambda x: x.prod(1)),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, keepdims=True), lambda x: x.amax(0, True)),
    "minimum.reduce": (lambda x: np.minimum.reduce(x, axis=-1), lambda x: x.amin(-1)),
    "add.accumulate": (lambda x: np.add.accumulate(x), lambda x: x.cumsum(0)),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x, axis=1), lambda x: x.cumprod(1)),
    "subtract.outer": (
        lambda x: np.subtract.outer(x[0], x),
        lambda x: x[0].reshape((3, 1, 1)) - x,
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_ufuncs_are_followed(name: str) -> None:
    theirs, ours = METHODS[name]
    x, y = recorded(M), recorded(M)
    found = theirs(x)
    np.testing.assert_allclose(np.asarray(found), theirs(M), rtol=1e-14)
    w = nnx.asarray(np.random.default_rng(0).uniform(1, 2, found.shape))
    (found * w).sum().backward()
    (ours(y) * w).sum().backward()
    np.testing.assert_allclose(np.asarray(x.grad), np.asarray(y.grad), rtol=1e-14)
