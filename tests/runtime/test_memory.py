"""Memory: the books, the cache, limits and running out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim

MB = 1 << 20


def stats() -> dict[str, int]:
    gc.collect()
    return nnx.memory_stats()


@pytest.fixture
def limited() -> Iterator[int]:
    """64 MB more than is held now."""
    nnx.empty_cache()
    nnx.set_memory_limit(stats()["reserved"] + 64 * MB)
    yield 64 * MB
    nnx.set_memory_limit(None)


def test_the_books() -> None:
    before = stats()
    assert set(before) == {"allocated", "reserved", "peak", "allocations", "limit"}
    nnx.reset_peak_memory_stats()
    t = nnx.zeros(1000, 1000)
    during = stats()
    held = during["allocated"] - before["allocated"]
    assert 4_000_000 <= held <= 5_100_000
    assert during["reserved"] >= during["allocated"] and during["limit"] > during["reserved"] // 2
    assert during["allocations"] == before["allocations"] + 1
    view = t[3:5]
    del t
    assert stats()["allocated"] == during["allocated"]
    del view
    after = stats()
    assert after["allocated"] == before["allocated"]
    assert abs(after["peak"] - during["allocated"]) < 1 << 17  # threads report in steps
    nnx.reset_peak_memory_stats()
    assert abs(stats()["peak"] - after["allocated"]) < 1 << 17
    shared = nnx.asarray(np.zeros(10_000_000))
    assert stats()["allocated"] == before["allocated"]
    del shared


def test_freed_memory_is_used_again_and_given_back() -> None:
    nnx.empty_cache()
    before = stats()["reserved"]
    for _ in range(50):
        nnx.ones(500, 500)
    assert stats()["reserved"] - before < 8 * MB
    big = nnx.zeros(40 * MB // 4)
    assert stats()["reserved"] - before >= 40 * MB
    del big
    nnx.empty_cache()
    assert stats()["reserved"] - before < 8 * MB


@pytest.mark.parametrize("dtype", [nnx.float32, nnx.int8, nnx.float64])
def test_data_is_aligned(dtype: Any) -> None:
    for n in (1, 3, 17, 1000, 100_001):
        assert nnx.empty(n, dtype=dtype).data_ptr() % 64 == 0


def test_ten_thousand_steps_hold_as_much_as_ten() -> None:
    model = nn.Sequential(
        nn.Dense(8, 16), nn.Tanh(), nn.Dropout(0.1), nn.LayerNorm(16), nn.Dense(16, 3)
    )
    opt = optim.Adam(model.parameters())
    x, y = nnx.randn(10, 8), nnx.randint(3, (10,))

    def steps(n: int) -> None:
        for _ in range(n):
            loss = nn.functional.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            float(loss)

    steps(10)
    before, objects = stats(), len(gc.get_objects())
    steps(10_000)
    after = stats()
    assert after["allocated"] == before["allocated"]
    assert after["reserved"] == before["reserved"]
    assert abs(len(gc.get_objects()) - objects) < 50


def gradient_of(w: nnx.Tensor, x: nnx.Tensor) -> Any:
    (first,) = nnx.grad((w * w * x).sum(), [w], create_graph=True)
    return nnx.grad(first.sum(), [w])


def fails(call: Any) -> None:
    with pytest.raises(nnx.Error):
        call()


LEAKS: dict[str, Any] = {
    "ops": lambda x: (x * 2 + 1).sum(0).sort(),
    "views": lambda x: x[1:, ::2].T.reshape(-1)[None],
    "numpy": lambda x: np.asarray(x).sum() + np.asarray(np.sin(x)).sum(),
    "from numpy": lambda x: nnx.asarray(np.ones((20, 20))) + nnx.tensor([[1.0, 2.0]]).sum(),
    "gradients": lambda x: gradient_of(x.clone().requires_grad_(), x),
    "double": lambda x: nnx.value_and_grad(lambda t: (t * t).sum())(x),
    "graph dropped": lambda x: nnx.ones(20, 20, requires_grad=True).exp().log().sum(),
    "hook": lambda x: nnx.ones(2, requires_grad=True).register_hook(lambda g: x),
    "errors": lambda x: fails(lambda: x @ nnx.ones(3, 3)),
    "index errors": lambda x: fails(lambda: x[nnx.tensor([100])]),
    "dlpack": lambda x: nnx.from_dlpack(x).__dlpack__(),
    "in place": lambda x: x.clone().mul_(2)[0].zero_(),
    "module": lambda x: nn.Sequential(nn.Dense(20, 5), nn.ReLU())(x).sum().backward(),
    "failed backward": lambda x: fails(lambda: (x * 2).backward()),
}


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_stays_behind(name: str) -> None:
    x = nnx.randn(20, 20)
    f = LEAKS[name]
    for _ in range(5):
        f(x)
    before, objects = stats()["allocated"], len(gc.get_objects())
    for _ in range(200):
        f(x)
    assert stats()["allocated"] == before
    assert len(gc.get_objects()) - objects < 40


def test_out_of_memory_is_an_error_and_nothing_else(limited: int) -> None:
    before = stats()
    with pytest.raises(nnx.OutOfMemoryError) as caught:
        nnx.zeros(100 * MB // 4)
    assert (isinstance(caught.value, MemoryError) and "MiB" in str(caught.value)) or "MB" in str(
        caught.value
    )
    assert stats()["allocated"] == before["allocated"]
    assert nnx.ones(10).sum().item() == 10
    kept = nnx.zeros(40 * MB // 4)
    with pytest.raises(nnx.OutOfMemoryError):
        nnx.zeros(40 * MB // 4)
    with pytest.raises(nnx.OutOfMemoryError):
        kept * 2
    del kept
    # the cache gives way to another size
    assert nnx.ones(50 * MB // 4).sum().item() == 50 * MB // 4


def test_out_of_memory_in_the_middle_of_a_backward_walk(limited: int) -> None:
    x = nnx.ones(6 * MB // 4, requires_grad=True)
    y = x
    with pytest.raises(nnx.OutOfMemoryError):
        for _ in range(100):
            y = (y * 1.5).exp().log()
        y.sum().backward()
    del y
    gc.collect()
    (x * 3).sum().backward()
    assert (x.grad == 3).all()


def test_lifting_the_limit() -> None:
    nnx.set_memory_limit(stats()["reserved"] + MB)
    with pytest.raises(nnx.OutOfMemoryError):
        nnx.zeros(100 * MB // 4)
    nnx.set_memory_limit(None)
    assert nnx.zeros(100 * MB // 4).shape == (100 * MB // 4,)
    for bad, error in ((-1, ValueError), ("1 GB", TypeError), (1.5, TypeError)):
        with pytest.raises(error):
            nnx.set_memory_limit(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda: nnx.zeros(2**45),
        lambda: nnx.ones(2**20, 2**20),
        lambda: nnx.ones(1).expand(2**45) + 1,
        lambda: nnx.ones(2**21, 1) @ nnx.ones(1, 2**21),
        lambda: nnx.arange(2**45),
        lambda: nnx.eye(2**22),
        lambda: nnx.randperm(2**42),
        lambda: nnx.randn(2**44),
        lambda: nnx.ones(3).repeat(2**43),
        lambda: nnx.pad(nnx.ones(3), (0, 2**44)),
        lambda: nnx.nn.functional.one_hot(nnx.tensor([0, 2**44])),
        lambda: nnx.ones(1).expand(2**44).tolist,
    ],
)
def test_what_never_fits_is_refused_at_once(call: Any) -> None:
    before = stats()["allocated"]
    try:
        call()
    except (nnx.OutOfMemoryError, nnx.ShapeError) as error:
        assert str(error)
    assert stats()["allocated"] == before
