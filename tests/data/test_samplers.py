"""Samplers: what they draw, what they refuse, and that a DataLoader follows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)


def seeded(seed: int = 0) -> nnx.Generator:
    return nnx.Generator().manual_seed(seed)


def test_sequential() -> None:
    assert list(SequentialSampler("abc")) == [0, 1, 2] == SequentialSampler("abc").draw().tolist()
    assert len(SequentialSampler(range(5))) == 5 and list(SequentialSampler([])) == []


def test_random_without_replacement() -> None:
    sampler = RandomSampler(range(20), generator=seeded(1))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert list(RandomSampler(range(20), generator=seeded(1))) == first
    assert first == nnx.randperm(20, generator=seeded(1)).tolist()
    more = list(RandomSampler(range(5), num_samples=13))
    assert len(more) == 13
    for start in (0, 5):
        assert sorted(more[start : start + 5]) == list(range(5))
    assert len(set(more[10:])) == 3
    few = list(RandomSampler(range(50), num_samples=10))
    assert len(few) == len(set(few)) == 10
    assert all(type(i) is int for i in few)


def test_random_with_replacement() -> None:
    sampler = RandomSampler(range(4), replacement=True, num_samples=4000, generator=seeded())
    counts = Counter(sampler)
    assert len(sampler) == 4000 and set(counts) == {0, 1, 2, 3}
    # binomial: 1000 +- 27; five deviations
    assert all(abs(k - 1000) < 140 for k in counts.values())
    assert len(list(RandomSampler(range(7), replacement=True))) == 7


def test_subset_random() -> None:
    for indices in ([9, 4, 7], np.array([9, 4, 7]), nnx.tensor([9, 4, 7]), (9, 4, 7)):
        drawn = {tuple(SubsetRandomSampler(indices)) for _ in range(50)}
        assert len(drawn) > 3 and all(sorted(d) == [4, 7, 9] for d in drawn)
    assert list(SubsetRandomSampler([])) == []
    with pytest.raises(nnx.DTypeError, match="whole"):
        list(SubsetRandomSampler([0.5]))  # type: ignore[list-item]


def test_weighted() -> None:
    drawn = list(WeightedRandomSampler([1, 0, 3], 8000, generator=seeded()))
    counts = Counter(drawn)
    assert counts[1] == 0 and abs(counts[2] - 6000) < 5 * np.sqrt(8000 * 0.75 * 0.25)
    without = list(WeightedRandomSampler(np.array([1.0, 0.0, 3.0, 1e-9]), 3, replacement=False))
    assert sorted(without) == [0, 2, 3]
    assert list(WeightedRandomSampler([2.0, 1.0], 6, generator=seeded(4))) == list(
        WeightedRandomSampler([2.0, 1.0], 6, generator=seeded(4))
    )


def test_weights_that_balance_classes() -> None:
    labels = nnx.tensor([0] * 90 + [1] * 10)
    weights = (1 / labels.bincount())[labels]
    sampler = WeightedRandomSampler(weights, 2000, generator=seeded())
    loader = DataLoader(TensorDataset(nnx.zeros(100), labels), 100, sampler=sampler)
    ones = sum(int(y.sum()) for _, y in loader)
    assert abs(ones - 1000) < 5 * np.sqrt(500) and len(loader) == 20


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: WeightedRandomSampler([1, -1], 2), ValueError),
        (lambda: WeightedRandomSampler([0, 0], 2), ValueError),
        (lambda: WeightedRandomSampler([1, float("nan")], 2), ValueError),
        (lambda: WeightedRandomSampler([1, float("inf")], 2), ValueError),
        (lambda: WeightedRandomSampler([], 2), ValueError),
        (lambda: WeightedRandomSampler([[1, 2]], 2), ValueError),
        (lambda: WeightedRandomSampler([1, 0], 2, replacement=False), ValueError),
        (lambda: WeightedRandomSampler([1, 0], 0), ValueError),
        (lambda: RandomSampler(range(3), num_samples=0), ValueError),
        (lambda: RandomSampler(range(3), replacement=1), TypeError),
        (lambda: list(RandomSampler([], num_samples=2)), ValueError),
        (lambda: BatchSampler([1], 0), ValueError),
        (lambda: BatchSampler([1], 2, drop_last="no"), TypeError),
    ],
)
def test_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    assert isinstance(caught.value, nnx.Error)


@pytest.mark.parametrize("n", [0, 1, 5, 6, 7])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batch_sampler_as_torch(n: int, drop_last: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    theirs = torch.utils.data.BatchSampler(range(n), 3, drop_last)
    ours = BatchSampler(range(n), 3, drop_last)
    assert list(ours) == list(theirs) and len(ours) == len(theirs)
    assert len(DataLoader(range(n), 3, drop_last=drop_last)) == len(theirs)
    if n:  # torch cannot shuffle or load what is empty
        loader = torch.utils.data.DataLoader(range(n), 3, drop_last=drop_last)
        assert [b.tolist() for b in DataLoader(range(n), 3, drop_last=drop_last)] == [
            b.tolist() for b in loader
        ]


def test_random_sampler_lengths_as_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    for n, k, replacement in ((5, None, False), (5, 13, False), (5, 3, False), (5, 8, True)):
        theirs = list(torch.utils.data.RandomSampler(range(n), replacement, k))
        ours = list(RandomSampler(range(n), replacement, k))
        assert len(ours) == len(theirs) and set(ours) <= set(range(n))
        if not replacement:
            assert sorted(Counter(ours).values())[-1] == sorted(Counter(theirs).values())[-1]


def test_batch_sampler_over_an_endless_sampler() -> None:
    import itertools

    batches = BatchSampler(itertools.count(), 2)
    assert list(itertools.islice(batches, 2)) == [[0, 1], [2, 3]]


class Backwards(Sampler[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.n - 1, -1, -1))

    def __len__(self) -> int:
        return self.n


@pytest.mark.parametrize("data", [TensorDataset(nnx.arange(7)), [(i,) for i in range(7)]])
def test_samplers_in_a_loader(data: Any) -> None:
    def order(**options: Any) -> list[list[int]]:
        return [x.tolist() for (x,) in DataLoader(data, **options)]

    assert order(sampler=Backwards(7), batch_size=3) == [[6, 5, 4], [3, 2, 1], [0]]
    assert order(sampler=Backwards(7), batch_size=3, drop_last=True) == [[6, 5, 4], [3, 2, 1]]
    assert order(sampler=[6, 0], batch_size=3) == [[6, 0]]
    assert order(batch_sampler=[(1, 2), np.array([3]), nnx.tensor([4, 5])]) == [[1, 2], [3], [4, 5]]
    assert order(batch_sampler=BatchSampler(Backwards(3), 2)) == [[2, 1], [0]]
    mine = order(sampler=SubsetRandomSampler([1, 3, 5], seeded(2)), batch_size=2)
    assert sorted(i for batch in mine for i in batch) == [1, 3, 5]
    assert mine == order(sampler=SubsetRandomSampler([1, 3, 5], seeded(2)), batch_size=2)
    loader = DataLoader(data, batch_size=3, shuffle=True)
    assert isinstance(loader.sampler, RandomSampler)
    assert sorted(i for batch in loader.batch_sampler for i in batch) == list(range(7))
    assert isinstance(DataLoader(data).sampler, SequentialSampler)
    assert len(DataLoader(data, sampler=RandomSampler(data, num_samples=20), batch_size=6)) == 4


def test_a_sampler_without_length_works_but_has_none() -> None:
    loader = DataLoader(TensorDataset(nnx.arange(5)), 2, sampler=iter([4, 3, 0]))
    with pytest.raises(TypeError):
        len(loader)
    assert [x.tolist() for (x,) in loader] == [[4, 3], [0]]


def test_samplers_without_iter() -> None:
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())
