"""Datasets: what a DataLoader reads from, and how they are put together.

Two kinds: map-style (`len(dataset)`, `dataset[i]`) and iterable (`iter(dataset)`). A map-style
dataset that can gather many samples in one go says so with a method `take(index)`, which a
DataLoader then calls once a batch in place of `dataset[i]` once a sample.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    IndexError,
    ShapeError,
    Tensor,
    asarray,
    concatenate,
    take_rows,
)

_Sample = TypeVar("_Sample", covariant=True)


class Dataset(Generic[_Sample]):
    """Base of datasets: `__len__` samples, `dataset[i]` the i-th; `a + b` is a ConcatDataset.

    A dataset may also have `take(index)`, which gathers the samples of a tensor of indices or of
    a slice at once and returns a list of tensors; a DataLoader then uses it.

    Source: the interface of PyTorch's torch.utils.data.Dataset.

    Example:
        >>> class Squares(nnx.data.Dataset):
        ...     def __len__(self):
        ...         return 10
        ...
        ...     def __getitem__(self, i):
        ...         return float(i), float(i * i)
        >>> x, y = next(iter(nnx.data.DataLoader(Squares(), batch_size=3)))
        >>> y.tolist()
        [0.0, 1.0, 4.0]
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has no __len__")

    def __getitem__(self, index: Any) -> _Sample:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __add__(self, other: Any) -> Any:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_Sample]):
    """Base of datasets that are read from start to end: files of records, streams, generators.

    `__iter__` starts anew each time it is called. `a + b` is a ChainDataset. A DataLoader batches
    the samples in the order they come in, and reads one stream whatever its `num_workers`.

    Source: the interface of PyTorch's torch.utils.data.IterableDataset.

    Example:
        >>> class Countdown(nnx.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(5, 0, -1))
        >>> [b.tolist() for b in nnx.data.DataLoader(Countdown(), batch_size=2)]
        [[5, 4], [3, 2], [1]]
    """

    def __iter__(self) -> Iterator[_Sample]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")

    def __len__(self) -> int:
        # A TypeError, so that list(dataset), which asks for a length first, goes on without.
        rule = f"{type(self).__name__} has no length: its samples are known only as they come"
        raise fail(DTypeError, "len", rule, hint="give the class a __len__ if the number is known")

    def __getitem__(self, index: Any) -> _Sample:
        rule = f"the samples of {type(self).__name__} have no index: iterate over it"
        raise fail(DTypeError, "IterableDataset", rule, describe(index, "index"))

    def __add__(self, other: Any) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the rows of tensors of equal length: dataset[i] = (a[i], b[i], ...).

    Args: tensors or arrays; arrays are shared where `nnx.asarray` can share them.
    Raises: ShapeError for unequal lengths or tensors without an axis, ArgumentError for none.
    Source: the interface of PyTorch's torch.utils.data.TensorDataset.

    Example:
        >>> data = nnx.data.TensorDataset(nnx.arange(6).reshape(3, 2), nnx.arange(3))
        >>> len(data), data[1][0].tolist()
        (3, [2, 3])
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise fail(ArgumentError, "TensorDataset", "at least one tensor is needed")
        made = tuple(t if isinstance(t, Tensor) else asarray(t) for t in tensors)
        for tensor in made:
            if tensor.ndim == 0:
                rule = "every tensor must have a first axis of samples"
                raise fail(ShapeError, "TensorDataset", rule, describe(tensor))
        if len({len(tensor) for tensor in made}) > 1:
            raise fail(
                ShapeError,
                "TensorDataset",
                "all tensors must have the same first length",
                ", ".join(describe(tensor) for tensor in made),
            )
        self.tensors: tuple[Tensor, ...] = made

    @property
    def in_memory(self) -> bool:
        """Whether the tensors are the samples; not so where a subclass makes them otherwise.

        Example:
            >>> nnx.data.TensorDataset(nnx.zeros(2)).in_memory
            True
        """
        cls = type(self)
        return cls.take is _TAKE and cls.__getitem__ is _GET

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return (self[i] for i in range(len(self)))

    def take(self, index: Any) -> list[Any]:
        """The rows of a tensor of indices or of a slice, of every tensor.

        Example:
            >>> data = nnx.data.TensorDataset(nnx.arange(5))
            >>> data.take(nnx.tensor([3, 1]))[0].tolist()
            [3, 1]
        """
        if type(index) is slice:
            return [tensor[index] for tensor in self.tensors]
        return [take_rows(tensor, index) for tensor in self.tensors]


_TAKE, _GET = TensorDataset.take, TensorDataset.__getitem__


class ConcatDataset(Dataset[Any]):
    """Datasets one after the other, as one.

    Raises: ArgumentError for none, DTypeError for an iterable dataset (see ChainDataset),
        IndexError for an index outside.

    Example:
        >>> part = nnx.data.TensorDataset(nnx.arange(3))
        >>> both = part + part
        >>> len(both), int(both[4][0])
        (6, 1)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets: list[Any] = list(datasets)
        if not self.datasets:
            raise fail(ArgumentError, "ConcatDataset", "at least one dataset is needed")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
                rule = "every dataset must have len and [i]"
                hint = "ChainDataset joins iterable ones"
                raise fail(DTypeError, "ConcatDataset", rule, describe(dataset), hint)
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))
        if all(can_take(dataset) for dataset in self.datasets):
            self.take = self._take

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> Any:
        position = _position("ConcatDataset", index, len(self))
        part = bisect_right(self.cumulative_sizes, position)
        start = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][position - start]

    def _take(self, index: Any) -> list[Any]:
        import numpy as np

        if type(index) is slice:
            wanted = np.arange(*index.indices(len(self)))
        else:
            wanted = np.asarray(index)
            wanted = np.where(wanted < 0, wanted + len(self), wanted)
            for i in np.asarray(index)[(wanted < 0) | (wanted >= len(self))].tolist():
                _position("ConcatDataset", i, len(self))  # raises
        parts = np.searchsorted(self.cumulative_sizes, wanted, side="right")
        pieces, origins = [], []
        for part in np.unique(parts):
            origin = np.flatnonzero(parts == part)
            start = self.cumulative_sizes[part - 1] if part else 0
            pieces.append(self.datasets[part].take(asarray(wanted[origin] - start)))
            origins.append(origin)
        if len(pieces) == 1:
            return list(pieces[0])
        if not pieces:
            return list(self.datasets[0].take(slice(0, 0)))
        back = asarray(np.argsort(np.concatenate(origins)))
        return [take_rows(concatenate(column), back) for column in zip(*pieces, strict=True)]


class ChainDataset(IterableDataset[Any]):
    """Iterable datasets one after the other, as one.

    Raises: DTypeError for what cannot be iterated over.

    Example:
        >>> class Twice(nnx.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter([1, 2])
        >>> list(nnx.data.ChainDataset([Twice(), Twice()]))
        [1, 2, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets: list[Any] = list(datasets)
        for dataset in self.datasets:
            if not hasattr(dataset, "__iter__"):
                rule = "every dataset must be iterable"
                raise fail(DTypeError, "ChainDataset", rule, describe(dataset))

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class StackDataset(Dataset[Any]):
    """Datasets side by side: sample i is the tuple, or the dict, of their samples i.

    Args: datasets of equal length, either all positional or all by name.
    Raises: ArgumentError for none or a mixture, ShapeError for unequal lengths.

    Example:
        >>> a, b = nnx.arange(3), ["red", "green", "blue"]
        >>> nnx.data.StackDataset(number=a, colour=b)[1]["colour"]
        'green'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            rule = "give datasets either all by position or all by name"
            raise fail(ArgumentError, "StackDataset", rule, f"{len(args)} and {len(kwargs)}")
        self.datasets: Any = args or kwargs
        lengths = [len(dataset) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            rule = "all datasets must have the same length"
            raise fail(ShapeError, "StackDataset", rule, str(lengths))
        self._length = lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


class Subset(Dataset[Any]):
    """The samples of another dataset at the given indices.

    Raises: IndexError for an index that is not in the dataset.

    Example:
        >>> part = nnx.data.Subset(nnx.data.TensorDataset(nnx.arange(5)), [4, 2])
        >>> len(part), int(part[0][0])
        (2, 4)
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        n = len(dataset)
        self.indices = whole_numbers("Subset", indices)
        worst = max(self.indices, default=0), min(self.indices, default=0)
        for i in worst if self.indices else ():
            if not -n <= i < n:
                rule = f"every index must be within the {n} samples"
                raise fail(IndexError, "Subset", rule, describe(i, "index"))
        self._positions = asarray([i % n for i in self.indices] if self.indices else [0])
        self._positions = self._positions[: len(self.indices)]  # int64 even where it is empty
        if can_take(dataset):
            self.take = self._take

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def _take(self, index: Any) -> list[Any]:
        taken: list[Any] = self.dataset.take(self._positions[index])
        return taken


class TransformedDataset(Dataset[Any]):
    """Another dataset with a function applied to each sample's first part and to its target.

    Transforms of `nnx.data.transforms` are applied to a whole batch at once where the dataset can
    be gathered at once; any other function is called with one sample after the other.

    Args:
        dataset: samples are pairs (x, target), or x alone.
        transform, target_transform: functions, or None.

    Raises: DTypeError for what cannot be called.

    Example:
        >>> from nnx.data.transforms import Normalize
        >>> data = nnx.data.TensorDataset(nnx.ones((4, 2)), nnx.arange(4))
        >>> data = nnx.data.TransformedDataset(data, Normalize(0.5, 0.5))
        >>> data[3][0].tolist(), int(data[3][1])
        ([1.0, 1.0], 3)
    """

    def __init__(self, dataset: Any, transform: Any = None, target_transform: Any = None) -> None:
        for f in (transform, target_transform):
            if f is not None and not callable(f):
                rule = "a transform must be a function"
                raise fail(DTypeError, "TransformedDataset", rule, describe(f))
        self.dataset = dataset
        self.transform, self.target_transform = transform, target_transform
        if can_take(dataset):
            self.take = self._take

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        return transform_sample(self.dataset[index], self.transform, self.target_transform)

    def _take(self, index: Any) -> list[Any]:
        return transform_batch(self.dataset.take(index), self.transform, self.target_transform)


def can_take(dataset: Any) -> bool:
    """Whether a dataset can gather many samples at once. (Tensors, data frames and others have a
    method `take` that means something else.)

    Example:
        >>> nnx.data.dataset.can_take(nnx.arange(3))
        False
    """
    return isinstance(dataset, Dataset) and hasattr(dataset, "take")


def in_memory(dataset: Any) -> bool:
    """Whether the samples lie in tensors, untransformed: gathering them is a copy in C++, for
    which no worker is needed.

    Example:
        >>> nnx.data.dataset.in_memory(nnx.data.TensorDataset(nnx.zeros(2)))
        True
    """
    if isinstance(dataset, TensorDataset):
        return dataset.in_memory
    if isinstance(dataset, Subset):
        return in_memory(dataset.dataset)
    return isinstance(dataset, ConcatDataset) and all(map(in_memory, dataset.datasets))


def transform_sample(sample: Any, transform: Any, target_transform: Any) -> Any:
    """A sample (x, target, ...) or x with the transforms applied to x and to target.

    Example:
        >>> nnx.data.dataset.transform_sample((2, 3), lambda x: 10 * x, None)
        (20, 3)
    """
    if not isinstance(sample, tuple | list):
        return sample if transform is None else transform(sample)
    x, *rest = sample
    if transform is not None:
        x = transform(x)
    if target_transform is not None and rest:
        rest[0] = target_transform(rest[0])
    return (x, *rest)


def transform_batch(batch: list[Any], transform: Any, target_transform: Any) -> list[Any]:
    """The same for the columns of a batch.

    Example:
        >>> x, y = nnx.data.dataset.transform_batch([nnx.ones(2), nnx.zeros(2)], None, lambda y: 5)
        >>> y.tolist()
        [5, 5]
    """
    from nnx.data.transforms import apply

    made = list(batch)
    for i, f in enumerate((transform, target_transform)[: len(made)]):
        if f is not None:
            made[i] = apply(f, made[i])
    return made


def whole_numbers(op: str, indices: Any) -> list[int]:
    """Indices as a list of ints, whatever they come as.

    Example:
        >>> nnx.data.dataset.whole_numbers("Subset", np.array([3, 1]))
        [3, 1]
    """
    if isinstance(indices, Tensor) or hasattr(indices, "__array__"):
        indices = indices.tolist()
    if type(indices) is range:
        return list(indices)
    made = list(indices)
    if set(map(type, made)) <= {int}:
        return made
    return [_check.integer(op, "index", i, -(2**62)) for i in made]


def _position(op: str, index: Any, n: int) -> int:
    position = _check.integer(op, "index", index, -(2**62))
    if not -n <= position < n:
        rule = f"an index must be within the {n} samples"
        raise fail(IndexError, op, rule, describe(position, "index"))
    return position % n


def rows(values: Any, op: str, name: str) -> Tensor:
    """Samples as a tensor with a first axis; arrays, lists and data frames are converted.

    Example:
        >>> nnx.data.dataset.rows([[1.0], [2.0]], "fit", "x").shape
        (2, 1)
    """
    if not isinstance(values, Tensor):
        given = values
        if hasattr(values, "to_numpy"):
            values = values.to_numpy()
        try:
            values = asarray(values)
        except (TypeError, ValueError, RuntimeError) as error:
            rule = f"{name} must be a tensor, an array or a list of numbers"
            received, hint = describe(values, name), _numbers_instead(given, values, name)
            raise fail(DTypeError, op, rule, received, hint) from error
    if values.ndim == 0:
        rule = f"{name} must have a first axis of samples"
        raise fail(ShapeError, op, rule, describe(values, name))
    tensor: Tensor = values
    return tensor


def _numbers_instead(given: Any, values: Any, name: str) -> str:
    """What to do about samples that are no numbers: words, or columns of them."""
    if hasattr(given, "columns") and hasattr(given, "dtypes"):
        kinds = zip(given.columns, given.dtypes, strict=True)
        words = [repr(column) for column, kind in kinds if getattr(kind, "kind", "O") not in "biuf"]
        if words:
            them = f"column{'s' * (len(words) > 1)} {', '.join(words[:4])}"
            return f"{them} hold no numbers: pandas.get_dummies({name}, dtype=float) makes numbers"
    flat = values.reshape(-1).tolist() if hasattr(values, "reshape") else values
    if isinstance(flat, list | tuple) and flat and all(isinstance(value, str) for value in flat):
        return f"number the words: np.unique({name}, return_inverse=True)[1]"
    return ""
