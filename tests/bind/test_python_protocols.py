"""Tensors as Python objects: text, numbers, containers, copies, pickles, life and death."""

from __future__ import annotations

import copy
import gc
import io
import math
import pickle
import subprocess
import sys
import threading
import weakref
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

ALL_DTYPES = [*helpers.FLOATS, *helpers.HALVES, *helpers.INTEGERS, "bool"]


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nnx.tensor([1.0, 2.5, -3.0]), "tensor([ 1. ,  2.5, -3. ])"),
        (lambda: nnx.tensor([[1, 2], [3, 40]]), "tensor([[ 1,  2],\n        [ 3, 40]])"),
        (lambda: nnx.tensor(2.5), "tensor(2.5)"),
        (lambda: nnx.tensor(3), "tensor(3)"),
        (lambda: nnx.tensor([True, False]), "tensor([ True, False])"),
        (lambda: nnx.tensor([1, 2], dtype=nnx.int32), "tensor([1, 2], dtype=int32)"),
        (lambda: nnx.tensor([1.0], dtype=nnx.float64), "tensor([1.], dtype=float64)"),
        (lambda: nnx.tensor([1.5]).to(nnx.bfloat16), "tensor([1.5], dtype=bfloat16)"),
        (lambda: nnx.zeros(0), "tensor([])"),
        (lambda: nnx.zeros(2, 0), "tensor([], shape=(2, 0))"),
        (lambda: nnx.tensor([1e-9, 1.0]), "tensor([1.e-09, 1.e+00])"),
        (lambda: nnx.tensor([0.1]), "tensor([0.1])"),
        (lambda: nnx.tensor([np.nan, np.inf, -np.inf, 1.0]), "tensor([ nan,  inf, -inf,   1.])"),
        (lambda: nnx.ones(2, requires_grad=True), "tensor([1., 1.], requires_grad=True)"),
        (
            lambda: nnx.tensor(2**63 + 5, dtype=nnx.uint64),
            "tensor(9223372036854775813, dtype=uint64)",
        ),
    ],
)
def test_repr(make: Any, text: str) -> None:
    assert repr(make()) == text
    assert str(make()) == text


def test_repr_reads_like_numpy() -> None:
    rng = np.random.default_rng(0)
    arrays = [
        rng.uniform(-5, 5, (3, 4)),
        rng.integers(-100, 100, (2, 3, 4)),
        rng.uniform(size=(2, 1)) > 0.5,
        np.arange(2000.0),
        np.arange(2400).reshape(40, 60),
        rng.uniform(size=(4, 30)),
        np.array([[1e10, 1.0]]),
        np.array(-0.0),
    ]
    for a in arrays:
        ours = repr(nnx.tensor(a)).removeprefix("tensor(").split(", dtype=")[0].rstrip(")")
        theirs = np.array2string(a, separator=", ", prefix=" " * len("tensor("), max_line_width=80)
        assert "".join(ours.split()) == "".join(theirs.split())


def test_repr_names_the_op_of_a_result() -> None:
    x = nnx.ones(2, requires_grad=True)
    assert "grad_fn=<multiply>" in repr(x * 2)
    assert (x * 2).grad_fn.name() == "multiply" and x.grad_fn is None


def test_repr_of_views_and_of_large_tensors_is_quick_and_exact() -> None:
    t = nnx.arange(10.0)
    assert repr(t[::-3]) == "tensor([9., 6., 3., 0.])"
    big = nnx.zeros(1).expand(2**40)
    assert repr(big) == "tensor([0., 0., 0., ..., 0., 0., 0.])"


def test_print_options() -> None:
    t = nnx.tensor([1 / 3, 2000.0])
    try:
        nnx.set_printoptions(precision=2)
        assert repr(t) == "tensor([3.33e-01, 2.00e+03])"
        nnx.set_printoptions(precision=2, suppress=True)
        assert repr(t) == "tensor([   0.33, 2000.  ])"
        nnx.set_printoptions(threshold=3, edgeitems=1)
        assert repr(nnx.arange(10)) == "tensor([0, ..., 9])"
        with pytest.raises(ValueError, match="profile"):
            nnx.set_printoptions(profile="loud")
    finally:
        nnx.set_printoptions(profile="default", suppress=False)
        nnx.set_printoptions(sci_mode=None)
    assert "0.33333334" in repr(nnx.tensor([1 / 3]))


def test_format() -> None:
    loss = nnx.tensor(0.123456)
    assert f"{loss:.4f}" == "0.1235"
    assert f"{loss:8.2e}" == "1.23e-01"
    assert f"{loss}" == f"{loss.item()}"
    assert f"{nnx.tensor([2.5]):.1f}" == "2.5"
    assert f"{nnx.tensor(7):03d}" == "007"
    assert f"{nnx.tensor(True)}" == "True"
    assert f"{loss.requires_grad_():.2f}" == "0.12"
    assert f"{nnx.ones(2)}" == "tensor([1., 1.])"
    with pytest.raises(TypeError, match="one element"):
        f"{nnx.ones(2):.3f}"
    with pytest.raises(ValueError, match=r"[Uu]nknown format|Invalid format"):
        f"{loss:q}"


# --- numbers --------------------------------------------------------------------------------------


def test_conversions_to_python_numbers() -> None:
    t = nnx.tensor([[2.75]], requires_grad=True)
    assert float(t) == 2.75 and int(t) == 2 and complex(t) == 2.75
    assert type(t.item()) is float
    i = nnx.tensor(5)
    assert int(i) == 5 and float(i) == 5.0 and [0] * i == [0] * 5 and range(i)[-1] == 4
    assert type(i.item()) is int and type(nnx.tensor(True).item()) is bool
    assert bool(nnx.tensor(0.0)) is False and bool(nnx.tensor([[3]])) is True
    assert bool(nnx.tensor(math.nan)) is True
    assert int(nnx.tensor(2**64 - 1, dtype=nnx.uint64)) == 2**64 - 1
    assert nnx.tensor(-1).to(nnx.uint8).item() == 255
    assert math.sqrt(nnx.tensor(4.0)) == 2.0
    assert round(nnx.tensor(2.5)).item() == 2.0
    assert round(nnx.tensor([1.256, 3.0]), 1).tolist() == pytest.approx([1.3, 3.0])
    assert divmod(nnx.tensor(7), 2)[0].item() == 3 and divmod(nnx.tensor(7), 2)[1].item() == 1
    assert abs(nnx.tensor(-2.0)).item() == 2 and (-nnx.tensor(2)).item() == -2
    assert (~nnx.tensor([True, False])).tolist() == [False, True]
    assert (2 ** nnx.tensor([1.0, 3.0])).tolist() == [2.0, 8.0]
    assert pow(nnx.tensor(3), 2).item() == 9


@pytest.mark.parametrize("f", [float, int, bool, complex, lambda t: t.item()])
def test_only_one_element_is_a_number(f: Any) -> None:
    for t in (nnx.ones(2), nnx.zeros(0), nnx.ones(1, 3)):
        with pytest.raises(nnx.ShapeError, match="one element"):
            f(t)


def test_bool_of_many_says_what_to_write() -> None:
    with pytest.raises(nnx.ShapeError, match=r"x\.any\(\) or x\.all\(\)"):
        bool(nnx.ones(2) == nnx.ones(2))
    with pytest.raises(nnx.ShapeError, match="numel"):
        bool(nnx.zeros(0))
    with pytest.raises(TypeError, match=r"int\(x\)"):
        [1, 2, 3][nnx.tensor(1.0)]
    assert [1, 2, 3][nnx.tensor(1)] == 2
    with pytest.raises((ValueError, OverflowError)):
        int(nnx.tensor(math.nan))


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_item_and_tolist(dtype: str) -> None:
    a = np.array([[0, 1, 1], [1, 0, 1]])
    t = nnx.tensor(a).to(helpers.dtype(dtype))
    kind = bool if dtype == "bool" else float if "float" in dtype else int
    for x in (t, t.T, t.flip(0), t[:, ::2]):
        flat = np.asarray(x.tolist()).ravel().tolist()
        assert flat == np.asarray(x.to(nnx.float64)).ravel().tolist()
        assert type(x.tolist()[0][0]) is kind
    assert t[0, 1].tolist() == 1 and type(t[0, 1].item()) is kind
    assert nnx.zeros(2, 0).tolist() == [[], []]


def test_type_conversions() -> None:
    t = nnx.tensor([0.0, 1.75, -2.5])
    assert (t.double().dtype == nnx.float64 and t.float() is t) or t.float().dtype == nnx.float32
    assert t.half().dtype == nnx.float16 and t.bfloat16().dtype == nnx.bfloat16
    assert t.int().dtype == nnx.int32 and t.int().tolist() == [0, 1, -2]
    assert t.long().dtype == nnx.int64 and t.bool().tolist() == [False, True, True]
    assert t.short().dtype == nnx.int16
    assert t.to(nnx.int8).dtype == t.to("int8").dtype == t.to(np.int8).dtype == nnx.int8
    assert t.to(dtype=np.dtype("int8")).dtype == nnx.int8
    assert t.to(float).dtype == nnx.float32 and t.to(int).dtype == nnx.int64
    assert t.to(nnx.ones(1, dtype=nnx.float64)).dtype == nnx.float64
    assert (
        t.to("cpu").dtype == nnx.float32
        and t.to(nnx.device("cpu"), nnx.float64).dtype == nnx.float64
    )
    assert t.type_as(nnx.tensor(1)).dtype == nnx.int64
    assert t.astype(nnx.float64).dtype == nnx.float64
    assert t.to("complex64").dtype == t.to(complex).dtype == t.cfloat().dtype == nnx.complex64
    with pytest.raises(nnx.Error):
        t.to("nonsense")


# --- containers -----------------------------------------------------------------------------------


def test_len_iter_in() -> None:
    t = nnx.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    first, last = t
    assert first.tolist() == [1, 2] and last.tolist() == [3, 4]
    assert list(zip(*t.tolist(), strict=True)) == [(1, 3), (2, 4)]
    assert 3.0 in t and 5 not in t and nnx.tensor(2.0) in t
    assert [r.tolist() for r in reversed(t)] == [[3, 4], [1, 2]]
    assert max(nnx.tensor([1, 5, 2])).item() == 5
    assert sorted(nnx.tensor([3, 1, 2]).tolist()) == [1, 2, 3]
    row = next(iter(t))
    row[0] = 9.0
    assert t[0, 0].item() == 9.0
    for f in (len, iter, list):
        with pytest.raises(TypeError, match="without axes"):
            f(nnx.tensor(1.0))
    with pytest.raises(TypeError, match="deleted"):
        del t[0]
    with pytest.raises(nnx.IndexError, match=r"item\(\)"):
        nnx.tensor(1.0)[0]


def test_iteration_is_followed() -> None:
    x = nnx.tensor([1.0, 2.0, 3.0], requires_grad=True)
    sum(v * v for v in x).backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_hash_and_equality() -> None:
    a, b = nnx.ones(2), nnx.ones(2)
    assert hash(a) != hash(b) or a is b
    assert hash(a) == hash(a)
    assert {a: 1, b: 2}[a] == 1 and len({a, b, a}) == 2
    assert (a == b).tolist() == [True, True] and (a != b).tolist() == [False, False]
    assert (a == 1).all() and (a == "x") is False
    assert (a == None) is False  # noqa: E711
    assert a != "x"
    with pytest.raises(nnx.ShapeError):
        a == nnx.ones(3)  # noqa: B015
    with pytest.raises(TypeError):
        a < "x"  # noqa: B015


# --- copies and pickles ---------------------------------------------------------------------------


def cases() -> dict[str, nnx.Tensor]:
    base = nnx.arange(24.0).reshape(4, 6)
    return {
        "plain": nnx.tensor([1.0, 2.0]),
        "number": nnx.tensor(3.5),
        "empty": nnx.zeros(0, 3),
        "leaf": nnx.ones(2, requires_grad=True),
        "view": base[1:3, 2:4],
        "transposed": base.T,
        "negative": base.flip(1),
        "expanded": nnx.ones(1).expand(3, 5),
        "parameter": nn.Parameter(nnx.arange(3.0)),
        "frozen parameter": nn.Parameter(nnx.arange(3.0), requires_grad=False),
        **{d: nnx.tensor([0, 1, 1]).to(helpers.dtype(d)) for d in ALL_DTYPES},
    }


@pytest.mark.parametrize("name", cases())
def test_pickle_and_deepcopy(name: str) -> None:
    t = cases()[name]
    others = [pickle.loads(pickle.dumps(t, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    others += [copy.deepcopy(t), copy.copy(t)]
    for other in others:
        assert type(other) is type(t)
        assert other.dtype == t.dtype and other.shape == t.shape
        assert other.requires_grad == t.requires_grad and other.is_leaf
        assert other.tolist() == t.tolist()
    for other in others[:-1]:
        if t.numel():
            with nnx.no_grad():
                other.zero_()
            assert t.tolist() == cases()[name].tolist()


def test_pickle_of_a_view_holds_the_view_alone() -> None:
    t = nnx.zeros(1000, 1000)[3, :10]
    assert len(pickle.dumps(t)) < 1000


def test_deepcopy_keeps_gradients_and_identity() -> None:
    x = nnx.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [3, 3] and y.grad is not x.grad
    a, b = copy.deepcopy([x, x])
    assert a is b
    result = x * 2
    with pytest.raises(nnx.GradientError, match="detach"):
        copy.deepcopy(result)


def test_shared_tensors_stay_shared_in_one_pickle() -> None:
    x = nnx.ones(2)
    a, b = pickle.loads(pickle.dumps((x, x)))
    assert a is b


def test_a_damaged_pickle_raises() -> None:
    blob = pickle.dumps(nnx.arange(100.0))
    for cut in (10, len(blob) // 2, len(blob) - 2):
        with pytest.raises((pickle.UnpicklingError, EOFError, nnx.Error, ValueError)):
            pickle.load(io.BytesIO(blob[:cut]))


def test_values_pickle() -> None:
    for value in (nnx.float32, nnx.bfloat16, nnx.device("cpu"), nnx.ones(2, 3).shape):
        for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert other == value and type(other) is type(value)
    assert pickle.loads(pickle.dumps(nnx.float32)) is nnx.float32
    size = nnx.ones(2, 3).size
    assert pickle.loads(pickle.dumps(size)) == 6
    g = nnx.Generator().manual_seed(5)
    nnx.rand(3, generator=g)
    for other in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), copy.copy(g)):
        state = g.get_state()
        expected = nnx.rand(4, generator=g).tolist()
        assert nnx.rand(4, generator=other).tolist() == expected
        g.set_state(state)
    error = pickle.loads(pickle.dumps(nnx.ShapeError("text")))
    assert isinstance(error, nnx.ShapeError) and str(error) == "text"


# --- life and death -------------------------------------------------------------------------------


def test_weak_references() -> None:
    t = nnx.ones(2)
    alive = weakref.ref(t)
    told = []
    weakref.finalize(t, told.append, 1)
    assert alive() is t
    del t
    assert alive() is None and told == [1]
    cache = weakref.WeakKeyDictionary()
    key = nnx.ones(1)
    cache[key] = "x"
    assert cache[key] == "x"
    del key
    assert len(cache) == 0


def test_objects_are_stable_while_somebody_holds_them() -> None:
    x = nnx.ones(2, requires_grad=True)
    x.sum().backward()
    assert x.grad is x.grad
    p = nn.Parameter(nnx.ones(2))
    assert (p if True else None) is p and next(iter(nn.Sequential().parameters()), None) is None


def test_cycles_through_hooks_and_functions_are_collected() -> None:
    class Marker:
        pass

    class Keep(nnx.Function):
        @staticmethod
        def forward(ctx: Any, x: nnx.Tensor, marker: Marker) -> nnx.Tensor:
            ctx.marker = marker
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: nnx.Tensor) -> Any:
            return g * 2, None

    def hook_on_leaf(x: nnx.Tensor, marker: Marker) -> None:
        x.register_hook(lambda g, kept=(x, marker): None)

    def hook_on_result(x: nnx.Tensor, marker: Marker) -> None:
        y = x * 2
        y.register_hook(lambda g, kept=(y, marker): None)

    def context(x: nnx.Tensor, marker: Marker) -> None:
        y = Keep.apply(x, marker)
        marker.back = y  # type: ignore[attr-defined]

    for f in (hook_on_leaf, hook_on_result, context):
        marker = Marker()
        alive = weakref.ref(marker)
        f(nnx.ones(2, requires_grad=True), marker)
        del marker
        gc.collect()
        assert alive() is None, f.__name__


def test_a_cycle_through_a_result_older_than_the_first_hook_is_collected() -> None:
    """In a process of its own: what came before could have had every result watched."""
    code = """
import gc, weakref, nnx
class Marker: pass
def f(marker):
    x = nnx.ones(2, requires_grad=True)
    y = x * 2
    z = (y + 1).exp()
    y.register_hook(lambda g: (z, marker) and None)
marker = Marker()
alive = weakref.ref(marker)
f(marker)
del marker
gc.collect()
assert alive() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Tagged(nnx.Tensor):
    """A tensor with a word to it."""

    def __new__(cls, data: Any, tag: str = "") -> Tagged:
        self = super().__new__(cls, data)
        self.tag = tag
        return self

    def shout(self) -> str:
        return self.tag.upper()


def test_subclasses() -> None:
    t = Tagged([1.0, 2.0], "a")
    assert isinstance(t, nnx.Tensor) and t.tag == "a" and t.shout() == "A"
    assert t.tolist() == [1, 2]
    assert type(t * 2) is nnx.Tensor
    t += 1
    assert type(t) is Tagged and t.tolist() == [2, 3]
    other = pickle.loads(pickle.dumps(t))
    assert type(other) is Tagged and other.tolist() == [2, 3] and other.tag == "a"
    assert type(copy.deepcopy(t)) is Tagged
    cycle = Tagged([1.0])
    cycle.me = cycle  # type: ignore[attr-defined]
    alive = weakref.ref(cycle)
    del cycle
    gc.collect()
    assert alive() is None


def test_attributes_of_plain_tensors_are_fixed() -> None:
    t = nnx.ones(1)
    with pytest.raises(AttributeError):
        t.nonsense = 3  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        t.shape = (1, 1)  # type: ignore[misc]
    with pytest.raises((TypeError, AttributeError)):
        del t.requires_grad


def test_several_python_threads_compute() -> None:
    """Each thread's numbers are those it gets alone, also while all of them share the pool."""

    def work(seed: int) -> list[float]:
        g = nnx.Generator().manual_seed(seed)
        x = nnx.randn(200, 300, generator=g)
        w = nnx.randn(300, 50, generator=g).requires_grad_()
        out = []
        for _ in range(10):
            loss = ((x @ w).tanh() ** 2).mean()
            loss.backward()
            with nnx.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
            out.append(loss.item())
        assert nnx.is_grad_enabled()
        return out

    alone = [work(s) for s in range(4)]
    found: dict[int, list[float]] = {}
    threads = [threading.Thread(target=lambda s=s: found.update({s: work(s)})) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert [found[s] for s in range(4)] == alone


def test_grad_mode_belongs_to_a_thread() -> None:
    inside: list[bool] = []
    with nnx.no_grad():
        thread = threading.Thread(target=lambda: inside.append(nnx.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not nnx.is_grad_enabled()
    assert inside == [True]


def test_backward_from_several_threads_on_shared_leaves() -> None:
    w = nnx.ones(100, requires_grad=True)

    def work() -> None:
        for _ in range(50):
            (w * 2.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert w.grad.tolist() == [400.0] * 100
