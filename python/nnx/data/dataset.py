"""Datasets: what a DataLoader reads from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    randperm,
    take_rows,
)

_Sample = TypeVar("_Sample", covariant=True)


class Dataset(Generic[_Sample]):
    """Base of datasets: `__len__` samples, `dataset[i]` the i-th.

    A dataset may also have `take(index)`, which gathers the samples of a tensor of indices or of
    a slice at once and returns a list of tensors; a DataLoader then uses it.

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


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the rows of tensors of equal length: dataset[i] = (a[i], b[i], ...).

    Args: tensors or arrays; arrays are shared where `nnx.asarray` can share them.
    Raises: ShapeError for unequal lengths or tensors without an axis, ArgumentError for none.

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

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        return (self[i] for i in range(len(self)))

    def take(self, index: Any) -> list[Tensor]:
        """The rows of a tensor of indices or of a slice, of every tensor.

        Example:
            >>> data = nnx.data.TensorDataset(nnx.arange(5))
            >>> data.take(nnx.tensor([3, 1]))[0].tolist()
            [3, 1]
        """
        if type(index) is slice:
            return [tensor[index] for tensor in self.tensors]
        return [take_rows(tensor, index) for tensor in self.tensors]


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
        self.indices = [_check.integer("Subset", "index", i, -(2**62)) for i in indices]
        n = len(dataset)
        for i in self.indices:
            if not -n <= i < n:
                rule = f"every index must be within the {n} samples"
                raise fail(IndexError, "Subset", rule, describe(i, "index"))
        self._positions = asarray([i % n for i in self.indices] if n else [])
        if hasattr(dataset, "take"):
            self.take = self._take

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def _take(self, index: Any) -> list[Tensor]:
        taken: list[Tensor] = self.dataset.take(self._positions[index])
        return taken


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Parts of a dataset that have no sample in common, drawn at random.

    Args:
        lengths: numbers of samples that sum to len(dataset), or fractions that sum to 1.
        generator: an `nnx.Generator`; the one of `manual_seed` unless given.

    Raises: ArgumentError for lengths that do not sum up.

    Example:
        >>> parts = nnx.data.random_split(nnx.data.TensorDataset(nnx.arange(10)), [0.8, 0.2])
        >>> [len(part) for part in parts]
        [8, 2]
    """
    op = "random_split"
    n = len(dataset)
    shares = [_check.real(op, "a length", share, 0) for share in lengths]
    if abs(sum(shares) - 1) < 1e-6:
        sizes = [int(share * n) for share in shares]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(share) for share in shares if share.is_integer()]
    if sum(sizes) != n:
        rule = f"the lengths must sum to the {n} samples of the dataset, or fractions to 1"
        raise fail(ArgumentError, op, rule, describe(list(lengths)))
    order = randperm(n, generator=generator).tolist()
    parts, start = [], 0
    for size in sizes:
        parts.append(Subset(dataset, order[start : start + size]))
        start += size
    return parts


def rows(values: Any, op: str, name: str) -> Tensor:
    """Samples as a tensor with a first axis; arrays, lists and data frames are converted.

    Example:
        >>> nnx.data.dataset.rows([[1.0], [2.0]], "fit", "x").shape
        (2, 1)
    """
    if not isinstance(values, Tensor):
        if hasattr(values, "to_numpy"):
            values = values.to_numpy()
        try:
            values = asarray(values)
        except (TypeError, ValueError, RuntimeError) as error:
            rule = f"{name} must be a tensor, an array or a list of numbers"
            raise fail(DTypeError, op, rule, describe(values, name)) from error
    if values.ndim == 0:
        rule = f"{name} must have a first axis of samples"
        raise fail(ShapeError, op, rule, describe(values, name))
    tensor: Tensor = values
    return tensor
