"""Tensors in the hands of einops, pandas, matplotlib, xarray, array-api-compat and of Python."""

from __future__ import annotations

import bisect
import io
import json
import math
import random
import statistics
import subprocess
import sys
from typing import Any

import nnx
import numpy as np
import pytest

RNG = np.random.default_rng(0)
CUBE = RNG.random((2, 3, 4))


def einops() -> Any:
    return pytest.importorskip("einops", reason="einops")


# --- einops --------------------------------------------------------------------------------------

REARRANGED = [
    "a b c -> (a b) c",
    "a b c -> c b a",
    "a b (c d) -> b a d c",
    "a b c -> b 1 (c a)",
    "... c -> c ...",
]
REDUCED = [("a b c -> a c", o) for o in ("mean", "max", "min", "sum", "prod")] + [
    ("a b (c d) -> a c", "mean"),
    ("a b c -> ", "sum"),
]
REPEATED = ["a b c -> a r b c", "a b c -> (a r) b c", "a b c -> a b (c r)"]


@pytest.mark.parametrize("pattern", REARRANGED)
def test_rearrange(pattern: str) -> None:
    e, sizes = einops(), {"d": 2} if "d" in pattern else {}
    t = nnx.tensor(CUBE, requires_grad=True)
    got = e.rearrange(t, pattern, **sizes)
    np.testing.assert_array_equal(got.detach(), e.rearrange(CUBE, pattern, **sizes))
    nnx.check_grad(lambda x: e.rearrange(x, pattern, **sizes) ** 2, t.detach())


@pytest.mark.parametrize(("pattern", "operation"), REDUCED)
def test_reduce(pattern: str, operation: str) -> None:
    e, sizes = einops(), {"d": 2} if "d" in pattern else {}
    got = e.reduce(nnx.tensor(CUBE), pattern, operation, **sizes)
    np.testing.assert_allclose(got, e.reduce(CUBE, pattern, operation, **sizes), rtol=1e-14)
    nnx.check_grad(lambda x: e.reduce(x, pattern, operation, **sizes) ** 2, nnx.tensor(CUBE))


@pytest.mark.parametrize("pattern", REPEATED)
def test_repeat(pattern: str) -> None:
    e = einops()
    np.testing.assert_array_equal(
        e.repeat(nnx.tensor(CUBE), pattern, r=3), e.repeat(CUBE, pattern, r=3)
    )
    nnx.check_grad(lambda x: e.repeat(x, pattern, r=3) ** 2, nnx.tensor(CUBE))


def test_pack_einsum_and_the_array_api_of_einops() -> None:
    e = einops()
    t = nnx.tensor(CUBE)
    packed, shapes = e.pack([t, t[:, 0]], "a * c")
    np.testing.assert_array_equal(packed, e.pack([CUBE, CUBE[:, 0]], "a * c")[0])
    for back, want in zip(e.unpack(packed, shapes, "a * c"), (CUBE, CUBE[:, 0]), strict=True):
        np.testing.assert_array_equal(back, want)
    got = e.einsum(t, t, "a b c, a b d -> a c d")
    np.testing.assert_allclose(got, np.einsum("abc,abd->acd", CUBE, CUBE), rtol=1e-13)
    assert e.parse_shape(t, "a _ c") == {"a": 2, "c": 4}
    assert isinstance(e.asnumpy(t), np.ndarray)
    import einops.array_api as standard

    assert standard.rearrange(t, "a b c -> (a b) c").shape == (6, 4)
    assert standard.reduce(t, "a b c -> a", "sum").tolist() == pytest.approx(CUBE.sum((1, 2)))
    assert standard.repeat(t, "a b c -> a b c r", r=2).shape == (2, 3, 4, 2)


@pytest.mark.parametrize("first", ["nnx", "einops"])
def test_einops_before_and_after_us(first: str) -> None:
    einops()
    second = {"nnx": "einops", "einops": "nnx"}[first]
    code = (
        f"import sys\nimport {first}\nfresh = 'einops' in sys.modules\nimport {second}\n"
        "import gc; gc.collect()\n"
        "print(fresh, einops.rearrange(nnx.ones(2, 3), 'a b -> b a').shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == f"{first == 'einops'} (3, 2)", done.stderr


# --- array-api-compat, xarray --------------------------------------------------------------------


def test_array_api_compat() -> None:
    compat = pytest.importorskip("array_api_compat", reason="array-api-compat")
    t = nnx.tensor(CUBE)
    assert compat.array_namespace(t, t) is nnx
    assert compat.is_array_api_obj(t) and compat.size(t) == 24
    assert compat.to_device(t, compat.device(t)) is t or compat.to_device(t, "cpu").shape == t.shape
    assert not compat.is_torch_array(t) and not compat.is_numpy_array(t)


def test_xarray() -> None:
    xr = pytest.importorskip("xarray", reason="xarray")
    values = np.linspace(0, 1, 5)
    line = xr.DataArray(nnx.tensor(values), dims="x", coords={"x": nnx.tensor(values)})
    assert line.mean().item() == pytest.approx(0.5) and line[1:3].sum().item() == pytest.approx(
        0.75
    )
    table = xr.DataArray(nnx.tensor(CUBE[0]), dims=("a", "b"))
    assert isinstance(table.data, nnx.Tensor) and table.transpose("b", "a").shape == (4, 3)
    np.testing.assert_allclose((table + 1).sum("a").values, (CUBE[0] + 1).sum(0))


# --- pandas --------------------------------------------------------------------------------------


def test_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="pandas")
    t, followed = nnx.arange(3.0), nnx.arange(3.0, requires_grad=True)
    for x in (t, followed):
        s = pd.Series(x)
        assert s.tolist() == [0.0, 1.0, 2.0] and str(s.dtype) == "float32"
    assert pd.DataFrame(nnx.ones(2, 3)).shape == (2, 3)
    frame = pd.DataFrame({"a": nnx.arange(3), "b": t}).assign(c=nnx.tensor([True, False, True]))
    assert [str(d) for d in frame.dtypes] == ["int64", "float32", "bool"]
    assert (pd.Series([1.0, 2.0, 3.0]) * t).tolist() == [0.0, 2.0, 6.0]
    assert list(t * pd.Series([1.0, 2.0, 3.0])) == [0.0, 2.0, 6.0]
    assert pd.Series([1.0, 2.0, 3.0]).iloc[nnx.tensor([0, 2])].tolist() == [1.0, 3.0]
    assert nnx.tensor(frame["a"]).tolist() == [0, 1, 2]
    assert nnx.asarray(frame[["a", "b"]]).shape == (3, 2)
    assert pd.cut(nnx.arange(4.0), 2).codes.tolist() == [0, 0, 1, 1]


# --- matplotlib ----------------------------------------------------------------------------------

T = nnx.linspace(0, 1, 5)
DRAWN: dict[str, Any] = {
    "plot": lambda ax: ax.plot(T, T * 2),
    "plot of one": lambda ax: ax.plot(T),
    "plot of a table": lambda ax: ax.plot(nnx.rand(5, 3)),
    "plot of what has a gradient": lambda ax: ax.plot(nnx.ones(3, requires_grad=True) * 2),
    "plot of a list": lambda ax: ax.plot([nnx.tensor(1.0), nnx.tensor(2.0)]),
    "plot of half": lambda ax: ax.plot(T.half(), T.bfloat16()),
    "scatter": lambda ax: ax.scatter(T, T, c=T, s=T * 10),
    "imshow": lambda ax: ax.imshow(nnx.rand(4, 4)),
    "imshow of colours": lambda ax: ax.imshow(nnx.rand(4, 4, 3)),
    "imshow of a mask": lambda ax: ax.imshow(nnx.rand(4, 4) > 0.5),
    "hist": lambda ax: ax.hist(nnx.rand(100), bins=T),
    "hist2d": lambda ax: ax.hist2d(nnx.rand(20), nnx.rand(20)),
    "bar": lambda ax: ax.bar(nnx.arange(5), T, yerr=T),
    "errorbar": lambda ax: ax.errorbar(T, T, yerr=T, xerr=T[0]),
    "fill_between": lambda ax: ax.fill_between(T, T, T * 2, where=T > 0.3),
    "contourf": lambda ax: ax.contourf(*nnx.meshgrid(T, T), nnx.rand(5, 5), levels=T),
    "pcolormesh": lambda ax: ax.pcolormesh(T, T, nnx.rand(5, 5)),
    "quiver": lambda ax: ax.quiver(T, T, T, T),
    "step": lambda ax: ax.step(T, T),
    "stem": lambda ax: ax.stem(T, T),
    "boxplot": lambda ax: ax.boxplot(nnx.rand(10, 2)),
    "violinplot": lambda ax: ax.violinplot(nnx.rand(20, 2)),
    "text": lambda ax: ax.text(T[0], T[1], f"{T[1]:.2f}"),
    "limits": lambda ax: (ax.set_xlim(T[0], T[-1]), ax.axhline(T[1]), ax.set_xticks(T)),
    "loglog": lambda ax: ax.loglog(T + 1, T + 1),
}


@pytest.mark.parametrize("name", DRAWN)
def test_matplotlib(name: str) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib")
    matplotlib.use("agg")
    figure = new_figure()
    ax = figure.add_subplot()
    assert DRAWN[name](ax) is not None
    figure.canvas.draw()
    if name.startswith("plot"):
        drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
        assert np.isfinite(drawn).all() and len(drawn) >= 2


def new_figure() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    return figure


# --- Python's own --------------------------------------------------------------------------------


def test_python() -> None:
    t = nnx.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    assert statistics.mean(t.tolist()) == 0.5 and math.fsum(t) == 2.5 and sum(t).item() == 2.5
    assert max(t).item() == 1.0 and sorted(t, reverse=True)[0].item() == 1.0
    assert bisect.bisect(t, 0.3) == 2 and random.Random(0).choice(t).item() in t.tolist()
    assert [10, 20][nnx.tensor(1)] == 20 and list(range(nnx.tensor(2))) == [0, 1]
    assert json.loads(json.dumps(t.tolist())) == t.tolist()
    assert np.arange(5)[t > 0.3].tolist() == [2, 3, 4] and np.stack([t, t]).shape == (2, 5)
    file = io.BytesIO()
    np.save(file, t)
    file.seek(0)
    assert np.load(file).tolist() == t.tolist()
    assert len({t[0], t[1]}) == 2 and next(x.item() for x in reversed(t)) == 1.0
