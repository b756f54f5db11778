"""Datasets put together and cut up: Concat, Chain, Stack, Subset, Transformed, the splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    StratifiedSplit,
    Subset,
    TensorDataset,
    TransformedDataset,
    random_split,
    stratified_split,
)
from nnx.data.dataset import can_take, in_memory
from nnx.data.transforms import Lambda, Normalize


class Numbers(Dataset[Any]):
    def __init__(self, low: int, high: int) -> None:
        self.values = list(range(low, high))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, i: int) -> int:
        return self.values[i]


class Stream(IterableDataset[int]):
    def __init__(self, *values: int) -> None:
        self.values = values

    def __iter__(self) -> Iterator[int]:
        return iter(self.values)


def pairs(low: int, high: int) -> TensorDataset:
    y = nnx.arange(low, high)
    return TensorDataset(y[:, None] * nnx.tensor([10.0, 1.0]), y)


# --- together -------------------------------------------------------------------------------------


def test_concat() -> None:
    both = Numbers(0, 3) + Numbers(10, 12)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [both[i] for i in range(-5, 5)] == [0, 1, 2, 10, 11] * 2
    assert both.cumulative_sizes == [3, 5]
    with_empty = ConcatDataset([Numbers(0, 0), Numbers(0, 2), Numbers(0, 0), Numbers(5, 6)])
    assert [with_empty[i] for i in range(3)] == [0, 1, 5]
    for bad in (5, -6):
        with pytest.raises(nnx.IndexError, match="5 samples"):
            both[bad]
    with pytest.raises(nnx.ArgumentError):
        ConcatDataset([])
    with pytest.raises(nnx.DTypeError, match="ChainDataset"):
        ConcatDataset([Stream(1)])
    assert not can_take(both)


def test_concat_gathers_as_it_indexes() -> None:
    parts = [pairs(0, 4), pairs(20, 21), pairs(7, 7), pairs(100, 107)]
    both = ConcatDataset(parts)
    assert can_take(both) and in_memory(both)
    everything = np.concatenate([p.tensors[1].numpy() for p in parts])
    rng = np.random.default_rng(0)
    for index in (rng.integers(0, 12, 30), np.array([3, 3, 11]), np.array([-1, 0]), np.arange(2)):
        x, y = both.take(nnx.asarray(index))
        assert y.tolist() == everything[index].tolist()
        assert x[:, 0].tolist() == (10 * everything[index]).tolist()
    assert both.take(slice(2, 6))[1].tolist() == everything[2:6].tolist()
    assert both.take(slice(3, 3))[0].shape == (0, 2)
    with pytest.raises(nnx.IndexError):
        both.take(nnx.tensor([12]))
    with pytest.raises(nnx.IndexError):
        both.take(nnx.tensor([-13]))
    loader = DataLoader(both, batch_size=5)
    assert [v for _, y in loader for v in y.tolist()] == everything.tolist()


def test_chain_and_iterable() -> None:
    chain = Stream(1, 2) + Stream(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [1, 2, 3] == list(chain)
    with pytest.raises(TypeError, match="has no length"):
        len(Stream(1))
    with pytest.raises(TypeError, match="iterate"):
        Stream(1)[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())
    with pytest.raises(nnx.DTypeError):
        ChainDataset([3])


def test_stack() -> None:
    stacked = StackDataset(Numbers(0, 3), ["a", "b", "c"])
    assert len(stacked) == 3 and stacked[1] == (1, "b")
    named = StackDataset(n=Numbers(0, 3), t=nnx.arange(3) * 2)
    batch = next(iter(DataLoader(named, batch_size=3)))
    assert batch["n"].tolist() == [0, 1, 2] and batch["t"].tolist() == [0, 2, 4]
    with pytest.raises(nnx.ShapeError, match="same length"):
        StackDataset([1], [1, 2])
    for args, kwargs in (((), {}), (([1],), {"a": [1]})):
        with pytest.raises(nnx.ArgumentError):
            StackDataset(*args, **kwargs)


def test_what_has_a_take_of_another_kind_is_not_gathered() -> None:
    """Tensors have `take`, of the flattened numbers; a DataLoader must read their rows."""
    t = nnx.arange(10).reshape(5, 2)
    assert not can_take(t)
    assert [b.tolist() for b in DataLoader(t, batch_size=2)] == [
        [[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9]],
    ]  # fmt: skip
    assert Subset(t, [4, 0])[0].tolist() == [8, 9]
    b = next(iter(DataLoader(np.arange(6.0).reshape(3, 2), batch_size=2)))
    assert b.tolist() == [[0, 1], [2, 3]] and b.dtype == nnx.float64


def test_subset_of_many_forms() -> None:
    for indices in ([2, 0], (2, 0), np.array([2, 0]), nnx.tensor([2, 0]), iter([2, 0])):
        part = Subset(pairs(5, 9), indices)  # type: ignore[arg-type]
        assert part.indices == [2, 0] and [int(part[i][1]) for i in range(2)] == [7, 5]
    assert Subset(pairs(5, 9), range(1, 3)).indices == [1, 2]
    empty = Subset(pairs(0, 4), [])
    assert len(empty) == 0 and list(DataLoader(empty)) == []
    with pytest.raises(nnx.DTypeError):
        Subset(pairs(0, 4), [0.5])  # type: ignore[list-item]
    assert in_memory(part) and not in_memory(Subset(Numbers(0, 2), [0]))


def test_transformed() -> None:
    seen: list[int] = []

    def slow(x: Any) -> Any:
        seen.append(1)
        return x - 1

    base = pairs(0, 6)
    fast = TransformedDataset(base, Normalize(1.0, 2.0), Lambda(lambda y: y * y, batched=True))
    assert can_take(fast) and not in_memory(fast)
    x, y = fast.take(nnx.tensor([3, 1]))
    assert x.tolist() == [[14.5, 1.0], [4.5, 0.0]] and y.tolist() == [9, 1]
    assert fast[3][0].tolist() == [14.5, 1.0] and int(fast[3][1]) == 9
    assert [v for _, y in DataLoader(fast, 4) for v in y.tolist()] == [0, 1, 4, 9, 16, 25]
    plain = TransformedDataset(base, slow)
    got = [x.tolist() for x, _ in DataLoader(plain, 4)]
    assert got[1] == [[39.0, 3.0], [49.0, 4.0]] and len(seen) == 6
    alone = TransformedDataset(Numbers(0, 3), lambda n: n + 0.5)
    assert alone[2] == 2.5 and len(alone) == 3 and not can_take(alone)
    with pytest.raises(nnx.DTypeError):
        TransformedDataset(base, 3)


def test_a_subclass_that_reads_otherwise_is_read_so() -> None:
    class Shifted(TensorDataset):
        def take(self, index: Any) -> list[Any]:
            return [t + 100 for t in super().take(index)]

    data = Shifted(nnx.arange(4))
    assert not in_memory(data) and in_memory(TensorDataset(nnx.arange(4)))
    assert next(iter(DataLoader(data, 2)))[0].tolist() == [100, 101]


# --- apart ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Length of split")
def test_random_split_as_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    for n in (1, 7, 10, 101):
        for shares in ([0.5, 0.5], [0.8, 0.1, 0.1], [1 / 3] * 3, [0.29, 0.71], [1.0]):
            ours = [len(p) for p in random_split(range(n), shares)]
            theirs = [len(p) for p in torch.utils.data.random_split(range(n), shares)]
            assert ours == theirs


def test_random_split_of_nothing_and_of_one() -> None:
    assert [len(p) for p in random_split([], [0.5, 0.5])] == [0, 0]
    assert [len(p) for p in random_split([1], [1, 0])] == [1, 0]
    with pytest.raises(nnx.ArgumentError):
        random_split(range(3), [1.5, 1.5])


LABELS = [0] * 50 + [1] * 30 + [2] * 7 + [5] * 3


def test_stratified_split() -> None:
    data = TensorDataset(nnx.arange(90), nnx.tensor(LABELS))
    split = StratifiedSplit(data, [0.7, 0.2, 0.1])
    assert len(split) == 3 and [len(p) for p in split] == [63, 18, 9]
    indices = [i for part in split for i in part.indices]
    assert sorted(indices) == list(range(90))
    for k, part in enumerate(split):
        counts = Counter(LABELS[i] for i in part.indices)
        assert {c: counts[c] for c in split.counts} == {c: n[k] for c, n in split.counts.items()}
    for c, numbers in split.counts.items():
        assert sum(numbers) == LABELS.count(c)
        assert abs(numbers[0] - 0.7 * LABELS.count(c)) < 1
    assert split[0].indices != sorted(split[0].indices)
    assert "class 5" in repr(split)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.77, 0.99])
def test_two_parts_have_the_exact_proportion_rounded(share: float) -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(6, 200, p=[0.4, 0.3, 0.15, 0.1, 0.04, 0.01])
    split = StratifiedSplit(range(200), [share, 1 - share], labels)
    ends = [len(split[0]), len(split[1])]
    for c, numbers in split.counts.items():
        for size, k in zip(ends, numbers, strict=True):
            assert abs(k - (labels == c).sum() * size / 200) < 1


def test_stratified_against_scikit_learn() -> None:
    sklearn = pytest.importorskip(
        "sklearn.model_selection", reason="scikit-learn is not installed: nothing to compare with"
    )
    _, test = sklearn.train_test_split(np.arange(90), test_size=18, stratify=LABELS, random_state=0)
    theirs = Counter(LABELS[i] for i in test)
    ours = StratifiedSplit(range(90), [72, 18], LABELS).counts
    assert {c: n[1] for c, n in ours.items()} == dict(theirs)


def test_where_labels_come_from() -> None:
    words = ["a", "b"] * 5
    assert StratifiedSplit(range(10), [4, 6], words).counts == {"a": [2, 3], "b": [2, 3]}
    digits = nnx.data.Digits()
    part = Subset(digits, range(100))
    assert [len(p) for p in stratified_split(part, [0.9, 0.1])] == [90, 10]
    iris = nnx.data.Iris()
    assert StratifiedSplit(iris, [0.8, 0.2]).counts == {0: [40, 10], 1: [40, 10], 2: [40, 10]}

    class Samples(Dataset[Any]):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> tuple[float, int]:
            return 0.5, i % 2

    assert StratifiedSplit(Samples(), [0.5, 0.5]).counts == {0: [1, 1], 1: [1, 1]}


def test_stratified_follows_the_generator() -> None:
    found = [
        stratified_split(range(90), [0.5, 0.5], LABELS, nnx.Generator().manual_seed(s))[0].indices
        for s in (3, 3, 4)
    ]
    assert found[0] == found[1] != found[2]


def test_stratified_errors() -> None:
    for labels in ([0, 1], np.zeros((4, 2)), None):
        with pytest.raises(nnx.ArgumentError, match="label"):
            StratifiedSplit(range(4), [2, 2], labels)
    with pytest.raises(nnx.ArgumentError, match="random_split"):
        StratifiedSplit(range(4), [2, 2], [0.1, 0.5, 0.2, 0.3])
    with pytest.raises(nnx.ArgumentError, match="sum"):
        StratifiedSplit(range(4), [2, 3], [0, 1, 0, 1])
