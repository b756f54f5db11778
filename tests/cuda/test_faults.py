"""Wrong indices and labels: noted on the device, reported when it is next waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import pytest
from nnx import nn
from nnx.nn import functional as F


def _there(*values: int) -> nnx.Tensor:
    return nnx.tensor(list(values), device="cuda")


def _unpool() -> nnx.Tensor:
    x = nnx.ones(1, 1, 2, 2, device="cuda")
    return F.max_unpool2d(x, nnx.full((1, 1, 2, 2), 16, dtype=nnx.int64, device="cuda"), 2)


X = (3, 4)
WRONG: dict[str, tuple[Callable[[nnx.Tensor], object], str]] = {
    "index": (lambda x: x[_there(0, 3)], r"\[index\] indices must lie in \[-3, 3\)"),
    "take": (lambda x: nnx.take(x, _there(0, 1, -4), axis=0), r"\[take\] .*\[-3, 3\)"),
    "take_along_axis": (
        lambda x: nnx.take_along_axis(x, _there(0, 1, 2, 9).reshape(1, 4), 0),
        r"\[take_along_axis\] .*\[-3, 3\)",
    ),
    "gather": (lambda x: x.gather(1, _there(4).reshape(1, 1)), r"\[take_along_axis\] .*\[-4, 4\)"),
    "index_add": (
        lambda x: nnx.index_add(x, 0, _there(5), x[:1]),
        r"\[index_add\] .*\[-3, 3\)",
    ),
    "scatter_add": (
        lambda x: x.scatter_add(0, _there(0, -9, 1, 2).reshape(1, 4), x[:1]),
        r"\[scatter_add\] .*\[-3, 3\)",
    ),
    "cross_entropy": (
        lambda x: F.cross_entropy(x, _there(0, 1, 4)),
        r"\[cross_entropy\] labels must lie in \[0, 4\) or be ignore_index",
    ),
    "one_hot": (lambda x: F.one_hot(_there(0, 5), 5), r"\[one_hot\] labels must lie in \[0, 5\)"),
    "embedding": (lambda x: F.embedding(_there(3), x), r"\[embedding\] .*\[0, 3\), the rows"),
    "max_unpool": (lambda x: _unpool(), r"\[max_unpool2d\] .*the elements of a plane"),
}
WAITS: dict[str, Callable[[nnx.Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "cpu": lambda x: x.cpu(),
    "large": lambda x: nnx.zeros(200_000, device="cuda").cpu(),
    "print": lambda x: repr(x),
    "synchronize": lambda x: nnx.synchronize("cuda"),
    "nonzero": lambda x: nnx.nonzero(x),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_next_wait_says_which_call_it_was(cuda: nnx.device, name: str) -> None:
    call, text = WRONG[name]
    x = nnx.ones(*X, device=cuda)
    with pytest.raises(IndexError, match=text):
        call(x)
        nnx.synchronize(cuda)
    assert x.sum().item() == 12  # once; then everything goes on
    assert nnx.take(x, _there(-1, 2), axis=0).tolist() == [[1] * 4] * 2


@pytest.mark.parametrize("name", WAITS)
def test_every_wait_reports(cuda: nnx.device, name: str) -> None:
    x = nnx.ones(*X, device=cuda)
    with pytest.raises(IndexError, match=r"\[take\]"):
        nnx.take(x, _there(7), axis=0)
        WAITS[name](x)
    WAITS[name](x)


def test_the_error_tells_what_came_and_where(cuda: nnx.device) -> None:
    x = nnx.ones(3, 4, device=cuda)
    with pytest.raises(IndexError) as one:
        nnx.take(x, _there(0, 2, 7, 1), axis=0)
        nnx.synchronize(cuda)
    assert "Received: 7 at position 2." in str(one.value) and "NNX_CUDA_SYNC" in str(one.value)
    with pytest.raises(IndexError) as several:
        nnx.take(x, _there(0, -8, 7, 1, 50), axis=0)
        nnx.synchronize(cuda)
    assert "3 outside of that, from -8 to 50, the first at position 1." in str(several.value)
    with pytest.raises(IndexError, match="subtract 1"):
        F.cross_entropy(x, _there(1, 4, 2))
        nnx.synchronize(cuda)
    with pytest.raises(IndexError, match="ignore_index=-1"):
        F.cross_entropy(x, _there(1, -1, 2))
        nnx.synchronize(cuda)


def test_the_first_of_several_faults_is_reported(cuda: nnx.device) -> None:
    x = nnx.ones(3, 4, device=cuda)
    with pytest.raises(IndexError, match=r"\[take\] .*\n.*3 at position 0"):
        nnx.take(x, _there(3), axis=0)
        F.cross_entropy(x, _there(0, 1, 4))
        nnx.synchronize(cuda)
    nnx.synchronize(cuda)


def test_nothing_is_written_where_an_index_is_wrong(cuda: nnx.device) -> None:
    x = nnx.arange(12.0, device=cuda).reshape(3, 4)
    expected = x.tolist()

    def put() -> None:
        x[_there(1, 3)] = 7

    def scatter() -> None:
        x.scatter_(0, _there(1, 0, 3, 1).reshape(1, 4), 9.0)

    def add() -> None:
        x.index_add_(0, _there(0, -5), nnx.ones(2, 4, device=cuda))

    for write in (put, scatter, add):
        with pytest.raises(IndexError):
            write()
            nnx.synchronize(cuda)
        assert x.tolist() == expected
    x[_there(1, -1)] = 7
    assert x[1:].tolist() == [[7] * 4] * 2


@pytest.mark.parametrize("make", [nnx.optim.SGD, nnx.optim.AdamW])
def test_a_step_with_a_wrong_label_changes_no_parameter(cuda: nnx.device, make: Any) -> None:
    nnx.manual_seed(0)
    net = nn.Sequential(nn.Dense(4, 8), nn.ReLU(), nn.Dense(8, 3)).to(cuda)
    optimizer = make(net.parameters(), lr=0.1)
    x = nnx.randn(5, 4, device=cuda)

    def step(*labels: int) -> nnx.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), _there(*labels))
        loss.backward()
        optimizer.step()
        return loss

    step(0, 1, 2, 0, 1)
    before = [p.tolist() for p in net.parameters()]
    with pytest.raises(IndexError, match="cross_entropy"):
        step(0, 1, 2, 3, 1).item()
    assert [p.tolist() for p in net.parameters()] == before
    assert step(0, 1, 2, 0, 1).item() > 0
    assert [p.tolist() for p in net.parameters()] != before


def test_an_empty_axis_has_no_index(cuda: nnx.device) -> None:
    x = nnx.ones(0, 4, device=cuda)
    with pytest.raises(IndexError):
        nnx.take(x, _there(0), axis=0)
    assert nnx.take(x, nnx.zeros(0, dtype=nnx.int64, device=cuda), axis=0).shape == (0, 4)
    nnx.synchronize(cuda)


@pytest.mark.parametrize("ignore", [-100, -1, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_labels_are_counted_there(cuda: nnx.device, ignore: int, reduction: str) -> None:
    nnx.manual_seed(0)
    x = nnx.randn(6, 5)
    labels = nnx.tensor([0, ignore, 4, 1, ignore, 3])
    results = []
    for device in ("cpu", cuda):
        here = x.to(device).detach().requires_grad_()
        loss = F.cross_entropy(here, labels.to(device), ignore_index=ignore, reduction=reduction)
        (g,) = nnx.grad(loss.sum(), [here], create_graph=True)
        (g * g).sum().backward()
        results.append([t.detach().cpu() for t in (loss, g, here.grad)])
    for a, b in zip(*results, strict=True):
        assert nnx.allclose(a, b, rtol=1e-5, atol=1e-7)
    nothing = F.cross_entropy(x.to(cuda), nnx.full((6,), ignore, device=cuda), ignore_index=ignore)
    assert nothing.isnan().item()


def test_lanes_are_checked_together(cuda: nnx.device) -> None:
    x = nnx.arange(12.0, device=cuda).reshape(3, 4)
    pick = nnx.vmap(lambda row, i: nnx.take(row, i, axis=0))
    good = pick(x, nnx.tensor([[0, -1], [1, 1], [3, 2]], device=cuda))
    assert good.tolist() == [[0, 3], [5, 5], [11, 10]]
    with pytest.raises(IndexError, match=r"4 at position 3"):
        pick(x, nnx.tensor([[0, 1], [1, 4], [3, 2]], device=cuda))
        nnx.synchronize(cuda)


def test_values_in_place_stay_as_they_were(cuda: nnx.device) -> None:
    table = nnx.arange(8.0, device=cuda).reshape(4, 2) + 10
    kept = nnx.zeros(2, 2, device=cuda)
    norm = nn.BatchNorm1d(2).to(cuda)

    def fill() -> None:
        _ = table[_there(1, 9)]
        kept.fill_(3)

    writes: list[Callable[[], object]] = [
        lambda: kept.copy_(table[_there(1, 9)]),
        lambda: kept.__setitem__(0, table[_there(1, 9)][1]),
        lambda: kept.__setitem__(slice(1), table[_there(1, 9)][:1]),
        lambda: kept.add_(table[_there(1, 9)]),
        lambda: norm(table[_there(1, 9)]),
        fill,
    ]
    for write in writes:
        write()
        with pytest.raises(nnx.IndexError):
            nnx.synchronize(cuda)
        assert kept.tolist() == [[0, 0], [0, 0]]
    assert norm.running_mean is not None and norm.running_mean.tolist() == [0, 0]
    kept.fill_(3)
    assert kept.tolist() == [[3, 3], [3, 3]]
