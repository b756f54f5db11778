"""Datasets, DataLoader and its options, random_split."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, Dataset, Subset, TensorDataset, default_collate, random_split


class Squares(Dataset[Any]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> tuple[float, int]:
        if not 0 <= i < self.n:
            raise IndexError(i)
        return float(i), i * i


def tensors(n: int = 10) -> TensorDataset:
    return TensorDataset(nnx.arange(3 * n).reshape(n, 3), nnx.arange(n))


def order(loader: Any) -> list[int]:
    return [int(v) for batch in loader for v in batch[1]]


# --- datasets -------------------------------------------------------------------------------------


def test_tensor_dataset() -> None:
    data = tensors()
    assert len(data) == 10
    x, y = data[3]
    assert x.tolist() == [9, 10, 11] and int(y) == 3
    assert data[-1][1].item() == 9 and data[2:4][1].tolist() == [2, 3]
    assert [int(y) for _, y in data] == list(range(10))
    assert data.take(nnx.tensor([7, 0]))[1].tolist() == [7, 0]
    assert data.take(slice(2, 4))[0].tolist() == [[6, 7, 8], [9, 10, 11]]
    shared = np.zeros((4, 2))
    TensorDataset(shared).tensors[0][0, 0] = 5.0
    assert shared[0, 0] == 5
    with pytest.raises(IndexError):
        data[10]
    with pytest.raises(IndexError):
        data.take(nnx.tensor([10]))
    with pytest.raises(nnx.ShapeError, match="same first length"):
        TensorDataset(nnx.zeros(3), nnx.zeros(4))
    with pytest.raises(nnx.ShapeError, match="first axis"):
        TensorDataset(nnx.tensor(1.0))
    with pytest.raises(nnx.ArgumentError):
        TensorDataset()


def test_dataset_needs_len_and_getitem() -> None:
    with pytest.raises(NotImplementedError, match="__len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]


def test_subset() -> None:
    part = Subset(tensors(), [4, -1, 2])
    assert len(part) == 3 and [int(part[i][1]) for i in range(3)] == [4, 9, 2]
    assert order(DataLoader(part, batch_size=2)) == [4, 9, 2]
    assert order(DataLoader(Subset(part, [2, 0]), batch_size=2)) == [2, 4]
    assert order(DataLoader(Subset(Squares(5), [3, 1]), batch_size=2)) == [9, 1]
    for bad in ([10], [-11]):
        with pytest.raises(IndexError):
            Subset(tensors(), bad)
    with pytest.raises(nnx.DTypeError):
        Subset(tensors(), [0.5])  # type: ignore[list-item]


def test_random_split() -> None:
    parts = random_split(tensors(), [7, 3])
    assert [len(p) for p in parts] == [7, 3]
    assert sorted(order(DataLoader(parts[0])) + order(DataLoader(parts[1]))) == list(range(10))
    assert [len(p) for p in random_split(tensors(), [0.8, 0.2])] == [8, 2]
    assert [len(p) for p in random_split(tensors(11), [0.5, 0.5])] == [6, 5]
    assert [len(p) for p in random_split(tensors(10), [1 / 3] * 3)] == [4, 3, 3]
    found = []
    for _ in range(2):
        parts = random_split(Squares(20), [15, 5], nnx.Generator().manual_seed(1))
        found.append(parts[1].indices)
    assert found[0] == found[1] != list(range(15, 20))
    for bad in ([5, 4], [0.5, 0.4], [11], [-1, 11]):
        with pytest.raises(nnx.ArgumentError):
            random_split(tensors(), bad)


# --- DataLoader -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [tensors(), Squares(10), Subset(tensors(), range(10))])
def test_batches(data: Any) -> None:
    loader = DataLoader(data, batch_size=4)
    assert len(loader) == 3
    batches = list(loader)
    assert [len(b[0]) for b in batches] == [4, 4, 2]
    assert isinstance(batches[0], list) and isinstance(batches[0][1], nnx.Tensor)
    assert len(list(loader)) == 3
    loader = DataLoader(data, batch_size=4, drop_last=True)
    assert len(loader) == 2 and [len(b[0]) for b in loader] == [4, 4]
    assert len(list(DataLoader(data))) == 10
    assert [len(b[0]) for b in DataLoader(data, batch_size=100)] == [10]
    single = list(DataLoader(data, batch_size=None))
    assert len(single) == 10 and isinstance(single[0], tuple)


@pytest.mark.parametrize("data", [tensors(100), Squares(100)])
def test_shuffling_is_a_permutation_that_follows_the_seed(data: Any) -> None:
    def epoch(loader: DataLoader) -> list[int]:
        return [int(v) for b in loader for v in b[1]]

    loader = DataLoader(data, batch_size=16, shuffle=True)
    plain = epoch(DataLoader(data, batch_size=16))
    nnx.manual_seed(3)
    first, second = epoch(loader), epoch(loader)
    assert sorted(first) == sorted(second) == plain
    assert first != plain and first != second
    nnx.manual_seed(3)
    assert [epoch(loader), epoch(loader)] == [first, second]
    g = nnx.Generator().manual_seed(3)
    mine = DataLoader(data, batch_size=16, shuffle=True, generator=g)
    assert [epoch(mine), epoch(mine)] == [first, second]
    other = DataLoader(data, batch_size=7, shuffle=True, generator=nnx.Generator().manual_seed(3))
    assert epoch(other) == first  # the order does not depend on the batch size


def test_gathering_and_collating_give_the_same() -> None:
    fast = DataLoader(tensors(50), batch_size=8, shuffle=True)
    slow = DataLoader(
        tensors(50), batch_size=8, shuffle=True, collate_fn=lambda s: default_collate(s)
    )
    found = []
    for loader in (fast, slow):
        nnx.manual_seed(5)
        found.append([[t.tolist() for t in b] for b in loader])
    assert found[0] == found[1]


def test_samplers() -> None:
    assert order(DataLoader(tensors(), batch_size=2, sampler=[3, 1, 2])) == [3, 1, 2]
    loader = DataLoader(tensors(), batch_sampler=[[0, 5], [7]])
    assert len(loader) == 2 and [b[1].tolist() for b in loader] == [[0, 5], [7]]


def test_what_has_no_effect_is_accepted() -> None:
    loader = DataLoader(
        tensors(), batch_size=5, num_workers=8, timeout=3, worker_init_fn=print,
        prefetch_factor=2, persistent_workers=True,
    )  # fmt: skip
    assert loader.num_workers == 8 and order(loader) == list(range(10))


def test_pin_memory_gives_the_same_batches() -> None:
    can = any(d["available"] for d in nnx.devices() if d["name"] != "cpu")
    loader = DataLoader(tensors(), batch_size=5, pin_memory=True)
    assert order(loader) == list(range(10))
    assert all(part.is_pinned() == can for batch in loader for part in batch)
    named = DataLoader([{"x": nnx.ones(2), "name": "a"}], pin_memory=True)
    assert [b["x"].tolist() for b in named] == [[[1, 1]]] and next(iter(named))["name"] == ["a"]


def test_breaking_out_of_a_loop_and_starting_again() -> None:
    loader = DataLoader(tensors(), batch_size=3)
    for batch in loader:
        assert batch[1].tolist() == [0, 1, 2]
        break
    assert order(loader) == list(range(10))
    a, b = iter(loader), iter(loader)
    next(a)
    assert next(b)[1].tolist() == [0, 1, 2]


def test_empty_dataset() -> None:
    empty = TensorDataset(nnx.zeros(0, 3))
    assert list(DataLoader(empty, batch_size=4)) == [] and len(DataLoader(empty, batch_size=4)) == 0
    assert list(DataLoader(empty, batch_size=4, shuffle=True)) == []


def test_batches_do_not_alias_the_data_unless_they_are_slices() -> None:
    data = tensors()
    nnx.manual_seed(0)
    (x, _), *_ = DataLoader(data, batch_size=10, shuffle=True)
    x.zero_()
    assert data.tensors[0].any()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"batch_size": 0}, ValueError),
        ({"batch_size": 2.5}, TypeError),
        ({"batch_size": "8"}, TypeError),
        ({"num_workers": -1}, ValueError),
        ({"collate_fn": 3}, TypeError),
        ({"shuffle": True, "sampler": [0]}, ValueError),
        ({"batch_sampler": [[0]], "batch_size": 4}, ValueError),
        ({"batch_sampler": [[0]], "drop_last": True}, ValueError),
    ],
)
def test_options_are_checked(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        DataLoader(tensors(), **options)
    assert isinstance(caught.value, nnx.Error)


def test_what_is_no_dataset() -> None:
    for bad in (None, 3, iter([1])):
        with pytest.raises(nnx.DTypeError, match="TensorDataset"):
            DataLoader(bad)
    assert [b.tolist() for b in DataLoader([1, 2, 3], batch_size=2)] == [[1, 2], [3]]


# --- collate --------------------------------------------------------------------------------------


def test_default_collate() -> None:
    Point = namedtuple("Point", "x y")
    assert default_collate([1.5, 2.5]).dtype == nnx.float32
    assert default_collate([1, 2]).dtype == nnx.int64
    assert default_collate([True, False]).dtype == nnx.bool
    assert default_collate([nnx.zeros(2), nnx.ones(2)]).tolist() == [[0, 0], [1, 1]]
    assert default_collate([np.zeros(2), np.ones(2)]).dtype == nnx.float64
    assert default_collate([np.float32(1), np.float32(2)]).tolist() == [1, 2]
    assert default_collate(["a", "b"]) == ["a", "b"]
    made = default_collate([{"x": 1, "y": (nnx.zeros(1), "t")}] * 2)
    assert made["x"].tolist() == [1, 1] and made["y"][0].shape == (2, 1)
    assert made["y"][1] == ["t", "t"]
    point = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert isinstance(point, Point) and point.x.tolist() == [1, 3]
    with pytest.raises(nnx.ShapeError, match="collate_fn that pads"):
        default_collate([nnx.zeros(2), nnx.zeros(3)])


def test_a_collate_of_ones_own() -> None:
    loader = DataLoader(Squares(5), batch_size=2, collate_fn=lambda samples: len(samples))
    assert list(loader) == [2, 2, 1]


def test_collate_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    rng = np.random.default_rng(0)
    samples = [
        {
            "x": rng.random((2, 3), np.float32),
            "pair": (i, rng.integers(0, 9, 4)),
            "name": f"sample {i}",
            "scalar": np.float64(i / 3),
            "flag": np.bool_(i % 2),
        }
        for i in range(5)
    ]
    ours, theirs = default_collate(samples), torch.utils.data.default_collate(samples)
    assert list(ours) == list(theirs)
    np.testing.assert_array_equal(ours["x"].numpy(), theirs["x"].numpy())
    assert isinstance(ours["pair"], list) and len(ours["pair"]) == len(theirs["pair"])
    for a, b in zip(ours["pair"], theirs["pair"], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert a.numpy().dtype == b.numpy().dtype
    assert ours["name"] == theirs["name"]
    np.testing.assert_array_equal(ours["scalar"].numpy(), theirs["scalar"].numpy())
    assert ours["scalar"].dtype == nnx.float64 and ours["flag"].dtype == nnx.bool


def test_what_cannot_be_collated() -> None:
    with pytest.raises(nnx.ShapeError, match=r"equally many parts(.|\n)*2, 3"):
        default_collate([(1, 2), (1, 2, 3)])
    with pytest.raises(nnx.ShapeError, match="collate_fn that pads"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(nnx.DTypeError, match="return"):
        default_collate([None, None])
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no picture to make")
    with pytest.raises(nnx.DTypeError, match="ToTensor"):
        default_collate([(image.new("L", (2, 2)), 1)])


def test_single_samples_are_converted() -> None:
    Point = namedtuple("Point", "x y")
    array = np.arange(3.0)
    samples = [(array, "a"), {"k": array}, [array, 1], Point(array, 2), "text", nnx.ones(1), 3.5]
    got = list(DataLoader(samples, batch_size=None))
    assert isinstance(got[0], tuple) and got[0][1] == "a"
    for x in (got[0][0], got[1]["k"], got[2][0], got[3].x):
        assert isinstance(x, nnx.Tensor) and x.tolist() == [0, 1, 2]
    assert isinstance(got[3], Point) and got[4] == "text" and got[6] == 3.5
    strings = np.array(["a", "b"])
    assert nnx.data.default_convert(strings) is strings


def test_the_three_ways_of_one_epoch_agree_with_torch_in_order() -> None:
    """In order, with every drop_last and batch size: torch's batches."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    x = np.arange(22, dtype=np.float32).reshape(11, 2)
    theirs_data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.arange(11))
    ours_data = TensorDataset(x, nnx.arange(11))
    for size in (1, 4, 11, 20, None):
        for drop in (False, True) if size else (False,):
            theirs = torch.utils.data.DataLoader(theirs_data, size, drop_last=drop)
            for data in (ours_data, Subset(ours_data, range(11))):
                ours = DataLoader(data, size, drop_last=drop)
                assert len(ours) == len(theirs)
                for a, b in zip(ours, theirs, strict=True):
                    assert [t.tolist() for t in a] == [t.tolist() for t in b]


def test_repr() -> None:
    assert repr(DataLoader(tensors(), 4, shuffle=True)) == (
        "DataLoader(TensorDataset, batch_size=4, shuffled)"
    )
