"""Text of tensors: NumPy's layout for random arrays and options, and what notebooks show."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import nnx
import numpy as np
import pytest

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
DTYPES = ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "uint64", "bool")


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    nnx.set_printoptions(profile="default", sci_mode=None, suppress=False)


def drawn(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if np.dtype(dtype).kind != "f":
        limits = np.iinfo(dtype)
        high = min(int(limits.max), 10 ** int(rng.integers(0, 19)))
        low = max(int(limits.min), -high)
        return np.asarray(rng.integers(low, high, shape, dtype=dtype, endpoint=True))
    x = rng.standard_normal(shape)
    kinds = [
        lambda: x,
        lambda: x * 10.0 ** rng.integers(-6, 6),
        lambda: np.round(x * 10),
        lambda: x * 10.0 ** rng.integers(-8, 8, shape),
        lambda: np.round(x, int(rng.integers(0, 4))),
        lambda: np.where(rng.random(shape) < 0.3, rng.choice([np.nan, np.inf, -np.inf]), x),
        lambda: (
            np.where(rng.random(shape) < 0.5, 0.0, -x) * rng.choice([1, 1e9, 1e-5, 1e3, 1e-200])
        ),
        lambda: np.full(shape, rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0])),
    ]
    with np.errstate(all="ignore"):
        return np.asarray(kinds[rng.integers(len(kinds))](), dtype)


def options(rng: np.random.Generator) -> dict[str, Any]:
    every: dict[str, Any] = {
        "precision": int(rng.integers(0, 10)),
        "threshold": int(rng.integers(0, 50)),
        "edgeitems": int(rng.integers(1, 5)),
        "linewidth": int(rng.integers(20, 120)),
        "suppress": bool(rng.integers(2)),
    }
    return {name: value for name, value in every.items() if rng.random() < 0.3}


def body(text: str, rank: int) -> str:
    """What stands in tensor(...), without dtype and the like."""
    inner = text.removeprefix("tensor(")
    return inner[: inner.rfind("]") + 1] if rank else inner.rstrip(")").split(", ")[0]


@pytest.mark.skipif(NUMPY < (2, 3), reason="NumPy 2.3 came to choose the notation by dtype")
@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_is_numpys(dtype: str) -> None:
    rng = np.random.default_rng(7)
    longest = [9, 9, 6, 4, 3]
    for _ in range(150):
        rank = int(rng.integers(0, 5))
        shape = tuple(int(n) for n in rng.integers(1, longest[rank], rank))
        if rank == 1 and rng.random() < 0.4:
            shape = (int(rng.integers(1, 200)),)
        x, chosen = drawn(rng, dtype, shape), options(rng)
        nnx.set_printoptions(profile="default", suppress=False)
        nnx.set_printoptions(**chosen)
        ours = body(repr(nnx.tensor(x)), rank)
        width = chosen.pop("linewidth", 80)
        with np.printoptions(**chosen):
            theirs = np.array2string(x, separator=", ", prefix="tensor(", max_line_width=width)
        assert ours == theirs, (x.dtype, shape, chosen, width)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nnx.tensor([1.5, -2.25]), "tensor([ 1.5 , -2.25])"),
        (lambda: nnx.tensor([0.1, 0.2], dtype=nnx.float16), "tensor([0.1, 0.2], dtype=float16)"),
        (lambda: nnx.tensor([0.1, 3.0]).bfloat16(), "tensor([0.1, 3. ], dtype=bfloat16)"),
        (lambda: nnx.tensor([True, True]), "tensor([ True,  True])"),
        (lambda: nnx.tensor(True), "tensor(True)"),
        (lambda: nnx.tensor([4.867612, 5.4709566e-5]), "tensor([4.8676119e+00, 5.4709566e-05])"),
        (lambda: nnx.tensor([1e300, 1.0]).double(), "tensor([inf,  1.], dtype=float64)"),
        (lambda: nnx.tensor(np.array([1e300, 1.0]))[:1], "tensor([1.e+300], dtype=float64)"),
        (lambda: nnx.tensor([123456.0]), "tensor([123456.])"),
        (lambda: nnx.tensor([1234567.0]), "tensor([1.234567e+06])"),
        (lambda: nnx.arange(3, dtype=nnx.int8), "tensor([0, 1, 2], dtype=int8)"),
        (lambda: nnx.zeros(0, dtype=nnx.int64), "tensor([], dtype=int64)"),
        (lambda: nnx.zeros(2, 0), "tensor([], shape=(2, 0))"),
        (
            lambda: nnx.arange(1200).reshape(2, 600),
            "tensor([[   0,    1,    2, ...,  597,  598,  599],\n"
            "        [ 600,  601,  602, ..., 1197, 1198, 1199]])",
        ),
    ],
)
def test_text(make: Any, text: str) -> None:
    assert repr(make()) == text


def test_suppress_and_sci_mode() -> None:
    t = nnx.tensor([1e-5, 1.0, 2e9], dtype=nnx.float64)
    nnx.set_printoptions(suppress=True)
    assert "2.e+09" in repr(t) and "e" not in repr(t[:2]).removeprefix("tensor").split("dtype")[0]
    nnx.set_printoptions(sci_mode=False)
    assert "2000000000." in repr(t)
    nnx.set_printoptions(sci_mode=True)
    assert repr(nnx.tensor([1.0])) == "tensor([1.e+00])"


# --- notebooks -----------------------------------------------------------------------------------


class Reader(HTMLParser):
    """The text of a page; every tag must be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def shown(t: nnx.Tensor) -> tuple[str, str]:
    """The line above, and the numbers."""
    reader = Reader()
    reader.feed(t._repr_html_())
    assert not reader.open
    return reader.text["small"], reader.text["pre"]


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (lambda: nnx.tensor([1.0, 3.0]), "(2,) float32, min 1, mean 2, max 3"),
        (
            lambda: nnx.tensor([1.0, np.nan, 5.0], dtype=nnx.float64),
            "(3,) float64, min 1, mean 3, max 5, 1 NaN",
        ),
        (lambda: nnx.tensor([np.nan, np.nan]), "(2,) float32, 2 NaN"),
        (lambda: nnx.tensor([np.inf, 1.0]), "(2,) float32, min 1, mean inf, max inf"),
        (lambda: nnx.arange(4), "(4,) int64, min 0, mean 1.5, max 3"),
        (
            lambda: nnx.tensor([2**64 - 1, 0], dtype=nnx.uint64),
            "(2,) uint64, min 0, mean 9.223e+18, max 1.845e+19",
        ),
        (lambda: nnx.tensor([[True, False, True]]), "(1, 3) bool, 2 of 3 true"),
        (lambda: nnx.tensor(2.5), "() float32"),
        (lambda: nnx.zeros(0, 3), "(0, 3) float32"),
        (
            lambda: nnx.full((3,), 60000.0, dtype=nnx.float16),
            "(3,) float16, min 6e+04, mean 6e+04, max 6e+04",
        ),
        (
            lambda: nnx.ones(2, requires_grad=True),
            "(2,) float32, requires_grad, min 1, mean 1, max 1",
        ),
        (
            lambda: nnx.ones(2, requires_grad=True) * 2,
            "(2,) float32, grad_fn multiply, min 2, mean 2, max 2",
        ),
    ],
)
def test_html(make: Any, head: str) -> None:
    t = make()
    above, numbers = shown(t)
    assert above == "tensor " + head
    assert numbers == (body(repr(t), t.ndim).replace("\n       ", "\n") if t.numel() else "[]")


def test_html_of_much_and_of_lanes_is_quick_and_escaped() -> None:
    above, numbers = shown(nnx.zeros(1).expand(2**40))
    assert above == "tensor (1099511627776,) float32" and numbers == "[0., 0., 0., ..., 0., 0., 0.]"
    pages = []

    def f(x: nnx.Tensor) -> nnx.Tensor:
        pages.append(x._repr_html_())
        return x * 2

    nnx.vmap(f)(nnx.ones(2, 3))
    assert "lanes(2 of shape (3,)" in pages[0]

    class Evil(nnx.Function):
        @staticmethod
        def forward(ctx: Any, x: nnx.Tensor) -> nnx.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: nnx.Tensor) -> nnx.Tensor:
            return g

    Evil.__name__ = "<b>&"
    page = Evil.apply(nnx.ones(2, requires_grad=True))._repr_html_()
    assert "<b>" not in page
