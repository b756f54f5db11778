"""Cutting a dataset into parts that have no sample in common: at random, or class by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor, randperm
from nnx.data.dataset import Subset, TensorDataset


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Parts of a dataset that have no sample in common, drawn at random.

    Args:
        lengths: numbers of samples that sum to len(dataset), or fractions that sum to 1. What
            fractions leave over by rounding down goes to the first parts, one sample each.
        generator: an `nnx.Generator`; the one of `manual_seed` unless given.

    Raises: ArgumentError for lengths that do not sum up.
    Source: the interface of PyTorch's torch.utils.data.random_split.

    Example:
        >>> parts = nnx.data.random_split(nnx.data.TensorDataset(nnx.arange(10)), [0.8, 0.2])
        >>> [len(part) for part in parts]
        [8, 2]
    """
    sizes = sizes_of("random_split", len(dataset), lengths)
    order = randperm(len(dataset), generator=generator).tolist()
    parts, start = [], 0
    for size in sizes:
        parts.append(Subset(dataset, order[start : start + size]))
        start += size
    return parts


def sizes_of(op: str, n: int, lengths: Sequence[float]) -> list[int]:
    """The numbers of samples that lengths or fractions stand for.

    Example:
        >>> nnx.data.split.sizes_of("random_split", 11, [0.5, 0.5])
        [6, 5]
    """
    shares = [_check.real(op, "a length", share, 0) for share in lengths]
    if abs(sum(shares) - 1) < 1e-6:
        sizes = [int(share * n) for share in shares]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(share) for share in shares if share.is_integer()]
    if sum(sizes) != n or len(sizes) != len(shares):
        rule = f"the lengths must sum to the {n} samples of the dataset, or fractions to 1"
        raise fail(ArgumentError, op, rule, describe(list(lengths)))
    return sizes


class StratifiedSplit(Sequence[Subset]):
    """Parts of a dataset in which every class has the share it has in the whole.

    In the split of a dataset in two, the number of samples of each class in each part is the
    exact proportion rounded up or down. Which samples go where, and their order, is drawn.

    Args:
        dataset: anything with a length; unless `labels` are given, one with `targets` or
            `labels`, a TensorDataset that ends in them, or with samples that do.
        lengths: numbers of samples or fractions, as for `random_split`.
        labels: the class of each sample, of any type that can be sorted.
        generator: an `nnx.Generator`; the one of `manual_seed` unless given.

    It is a sequence of Subsets: `train, test = StratifiedSplit(data, [0.8, 0.2])`. `counts` is
    the table of class counts, a dict (class: numbers in each part).

    Raises: ArgumentError for lengths that do not sum up, or labels of another number or kind.
    Source: largest remainders (A. Hamilton's method of apportionment), part by part.

    Example:
        >>> data = nnx.data.TensorDataset(nnx.arange(10), nnx.tensor([0] * 8 + [1] * 2))
        >>> split = nnx.data.StratifiedSplit(data, [0.5, 0.5])
        >>> split.counts
        {0: [4, 4], 1: [1, 1]}
    """

    def __init__(
        self,
        dataset: Any,
        lengths: Sequence[float],
        labels: Any = None,
        generator: Any = None,
    ) -> None:
        import numpy as np

        op = "StratifiedSplit"
        n = len(dataset)
        sizes = sizes_of(op, n, lengths)
        if labels is None:
            labels = _labels(dataset)
        found = np.asarray(labels)
        if found.ndim != 1 or len(found) != n:
            rule = f"there must be one label for each of the {n} samples"
            raise fail(ArgumentError, op, rule, describe(found, "labels"))
        if found.dtype.kind == "f" and not np.array_equal(found, np.round(found)):
            rule = "labels must be classes, not numbers of any value"
            hint = "random_split splits data for regression"
            raise fail(ArgumentError, op, rule, describe(found, "labels"), hint)
        classes, inverse = np.unique(found, return_inverse=True)
        order = randperm(n, generator=generator).numpy()
        left = [order[inverse[order] == c] for c in range(len(classes))]
        self.counts: dict[Any, list[int]] = {c: [] for c in classes.tolist()}
        self._parts: list[Subset] = []
        for size in sizes:
            numbers = _apportion([len(members) for members in left], size)
            for c, k in zip(self.counts, numbers, strict=True):
                self.counts[c].append(k)
            chosen = np.concatenate([m[:k] for m, k in zip(left, numbers, strict=True)] or [order])
            left = [m[k:] for m, k in zip(left, numbers, strict=True)]
            shuffled = chosen[randperm(len(chosen), generator=generator).numpy()]
            self._parts.append(Subset(dataset, shuffled.tolist()))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self._parts[index]

    def __iter__(self) -> Iterator[Subset]:
        return iter(self._parts)

    def __repr__(self) -> str:
        lines = [f"StratifiedSplit of {len(self)} parts: {[len(part) for part in self]}"]
        lines += [f"  class {c}: {numbers}" for c, numbers in self.counts.items()]
        return "\n".join(lines)


def stratified_split(
    dataset: Any, lengths: Sequence[float], labels: Any = None, generator: Any = None
) -> list[Subset]:
    """The parts of a StratifiedSplit as a list: `random_split` with every class's share kept.

    Args, Raises: as StratifiedSplit.

    Example:
        >>> data = nnx.data.TensorDataset(nnx.arange(10), nnx.tensor([0] * 8 + [1] * 2))
        >>> train, test = nnx.data.stratified_split(data, [0.5, 0.5])
        >>> sorted(int(y) for _, y in test)
        [0, 0, 0, 0, 1]
    """
    return list(StratifiedSplit(dataset, lengths, labels, generator))


def _apportion(available: list[int], size: int) -> list[int]:
    """How many of each class make up `size`: proportional, rounded by largest remainders."""
    total = sum(available)
    if not total:
        return [0] * len(available)
    exact = [divmod(k * size, total) for k in available]
    numbers = [whole for whole, _ in exact]
    by_remainder = sorted(range(len(exact)), key=lambda c: -exact[c][1])
    for c in by_remainder[: size - sum(numbers)]:
        numbers[c] += 1
    return numbers


def _labels(dataset: Any) -> Any:
    if isinstance(dataset, Subset):
        inner = _labels(dataset.dataset)
        values = inner.tolist() if hasattr(inner, "tolist") else list(inner)
        return [values[i] for i in dataset.indices]
    for name in ("targets", "labels"):
        if hasattr(dataset, name):
            return getattr(dataset, name)
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[-1]
    found = []
    for i in range(len(dataset)):
        sample = dataset[i]
        if not isinstance(sample, tuple | list) or len(sample) < 2:
            rule = "the labels are not to be found in the samples"
            hint = "give them: labels=[...]"
            raise fail(ArgumentError, "StratifiedSplit", rule, describe(sample, "sample"), hint)
        label = sample[-1]
        found.append(label.item() if isinstance(label, Tensor) else label)
    return found
