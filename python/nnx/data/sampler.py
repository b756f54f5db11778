"""Samplers: the order in which a DataLoader asks a dataset for its samples.

A sampler is anything that can be iterated over and yields indices. Those here also have
`draw()`, the whole epoch as one tensor, which a DataLoader cuts into batches without making a
Python number of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    Tensor,
    arange,
    asarray,
    concatenate,
    float64,
    multinomial,
    randint,
    randperm,
)

_Index = TypeVar("_Index", covariant=True)


class Sampler(Generic[_Index]):
    """Base of samplers: `__iter__` yields indices (or lists of them), `__len__` says how many.

    Source: the interface of PyTorch's torch.utils.data.Sampler.

    Example:
        >>> class Backwards(nnx.data.Sampler):
        ...     def __init__(self, n):
        ...         self.n = n
        ...
        ...     def __iter__(self):
        ...         return iter(range(self.n - 1, -1, -1))
        >>> data = nnx.data.TensorDataset(nnx.arange(4))
        >>> [x.tolist() for (x,) in nnx.data.DataLoader(data, 2, sampler=Backwards(4))]
        [[3, 2], [1, 0]]
    """

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[_Index]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class _Drawn(Sampler[int]):
    """A sampler whose epoch is one tensor of indices."""

    def draw(self) -> Tensor:
        """The indices of one epoch, int64; drawn anew by each call.

        Example:
            >>> nnx.data.SequentialSampler([5, 6, 7]).draw().tolist()
            [0, 1, 2]
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        yield from self.draw().tolist()


class SequentialSampler(_Drawn):
    """0, 1, ..., len(data_source) - 1.

    Example:
        >>> list(nnx.data.SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def draw(self) -> Tensor:
        """The indices in order.

        Example:
            >>> nnx.data.SequentialSampler("abc").draw().tolist()
            [0, 1, 2]
        """
        return arange(len(self.data_source))

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(_Drawn):
    """The indices in random order, or drawn with replacement.

    Args:
        replacement: whether an index may come more than once.
        num_samples: how many are drawn; len(data_source) unless given. Without replacement more
            than that are whole permutations one after the other.
        generator: an `nnx.Generator`; the one of `manual_seed` unless given.

    Raises: DTypeError, ArgumentError for options that make no sense.
    Source: the interface of PyTorch's torch.utils.data.RandomSampler.

    Example:
        >>> sampler = nnx.data.RandomSampler(range(5), num_samples=7)
        >>> len(list(sampler)), sorted(list(sampler)[:5])
        (7, [0, 1, 2, 3, 4])
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        op = "RandomSampler"
        self.data_source = data_source
        self.replacement = _flag(op, "replacement", replacement)
        if num_samples is not None:
            num_samples = _check.integer(op, "num_samples", num_samples, 1)
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has.

        Example:
            >>> nnx.data.RandomSampler(range(5)).num_samples
            5
        """
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def draw(self) -> Tensor:
        """The indices of one epoch, drawn anew.

        Example:
            >>> sorted(nnx.data.RandomSampler(range(3)).draw().tolist())
            [0, 1, 2]
        """
        n, wanted = len(self.data_source), self.num_samples
        if wanted and not n:
            rule = "samples cannot be drawn from an empty dataset"
            raise fail(ArgumentError, "RandomSampler", rule, describe(wanted, "num_samples"))
        if self.replacement and n:
            return randint(0, n, (wanted,), generator=self.generator)
        if wanted == n:
            return randperm(n, generator=self.generator)
        rounds = -(-wanted // n)
        drawn = [randperm(n, generator=self.generator) for _ in range(rounds)]
        return concatenate(drawn)[:wanted]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Drawn):
    """The given indices in random order.

    Example:
        >>> sorted(nnx.data.SubsetRandomSampler([7, 3, 5]))
        [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def draw(self) -> Tensor:
        """The indices of one epoch, in a new order.

        Example:
            >>> nnx.data.SubsetRandomSampler([7]).draw().tolist()
            [7]
        """
        order = randperm(len(self.indices), generator=self.generator)
        if not len(self.indices):
            return order
        chosen = asarray(self.indices)
        if not str(chosen.dtype).rpartition(".")[2].strip("u").startswith("int"):
            rule = "the indices must be whole numbers"
            raise fail(DTypeError, "SubsetRandomSampler", rule, describe(chosen, "indices"))
        return chosen[order]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Drawn):
    """Indices 0 ... len(weights) - 1, drawn with probabilities in proportion to the weights.

    Weights of 1 / (number of samples of the class) make every class equally frequent.

    Args:
        weights: non-negative numbers, of any sum.
        num_samples: how many indices are drawn.
        replacement: whether an index may come more than once.
        generator: an `nnx.Generator`; the one of `manual_seed` unless given.

    Raises: ArgumentError for weights that are negative, not finite, all zero, or fewer positive
        ones than draws without replacement.
    Source: the interface of PyTorch's torch.utils.data.WeightedRandomSampler.

    Example:
        >>> list(nnx.data.WeightedRandomSampler([0.0, 3.0, 0.0], 4))
        [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        op = "WeightedRandomSampler"
        self.num_samples = _check.integer(op, "num_samples", num_samples, 1)
        self.replacement = _flag(op, "replacement", replacement)
        self.weights = asarray(weights, dtype=float64)
        self.generator = generator
        if self.weights.ndim != 1 or not len(self.weights):
            rule = "weights must be a sequence of numbers"
            raise fail(ArgumentError, op, rule, describe(self.weights, "weights"))
        least, total = float(self.weights.min()), float(self.weights.sum())
        if not (least >= 0 and 0 < total < float("inf")):
            rule = "weights must be finite and not negative, and one of them positive"
            raise fail(ArgumentError, op, rule, describe(list(weights), "weights"))
        positive = int((self.weights > 0).sum())
        if not replacement and positive < self.num_samples:
            rule = f"without replacement there are no more than the {positive} positive weights"
            raise fail(ArgumentError, op, rule, describe(num_samples, "num_samples"))

    def draw(self) -> Tensor:
        """The indices of one epoch, drawn anew.

        Example:
            >>> nnx.data.WeightedRandomSampler([1.0], 2).draw().tolist()
            [0, 0]
        """
        return multinomial(
            self.weights, self.num_samples, replacement=self.replacement, generator=self.generator
        )

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of batch_size indices of another sampler; the last may be shorter.

    Args:
        sampler: any iterable of indices.
        drop_last: whether a last batch that is not full is left out.

    Source: the interface of PyTorch's torch.utils.data.BatchSampler.

    Example:
        >>> list(nnx.data.BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        self.sampler = sampler
        self.batch_size = _check.integer("BatchSampler", "batch_size", batch_size, 1)
        self.drop_last = _flag("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        left = iter(self.sampler)
        while batch := list(itertools.islice(left, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]  # an error where it has no length
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _flag(op: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise fail(DTypeError, op, f"{name} must be True or False", describe(value, name))
    return value
