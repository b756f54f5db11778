"""DataLoader: batches of a dataset.

A dataset with `take` (a TensorDataset, its subsets, MNIST) is gathered in C++, one call a batch;
anything else is read sample by sample and collated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, asarray, randperm, stack


def default_collate(samples: list[Any]) -> Any:
    """One batch of a list of samples: numbers, arrays and tensors are stacked, tuples and dicts
    element by element, anything else stays a list.

    Raises: ShapeError for samples of unequal shapes.

    Example:
        >>> x, label = nnx.data.default_collate([(nnx.zeros(2), 3), (nnx.ones(2), 4)])
        >>> x.shape, label.tolist()
        ((2, 2), [3, 4])
    """
    first = samples[0]
    if isinstance(first, Tensor):
        try:
            return stack(samples)
        except ShapeError as error:
            shapes = ", ".join(sorted({str(tuple(s.shape)) for s in samples}))
            rule = "all samples of a batch must have the same shape"
            hint = "give the DataLoader a collate_fn that pads them"
            raise fail(ShapeError, "default_collate", rule, shapes, hint) from error
    if isinstance(first, bool | int | float):
        return asarray(samples)
    if hasattr(first, "__array__"):
        return default_collate([asarray(sample) for sample in samples])
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        columns = zip(*samples, strict=True)
        made = [default_collate(list(column)) for column in columns]
        return type(first)(*made) if hasattr(first, "_fields") else made
    return samples


class DataLoader:
    """Iterates over a dataset in batches, in a new random order each time if asked to.

    Args:
        dataset: anything with `len` and `[i]`.
        batch_size: samples a batch; None for single samples without collating.
        shuffle: whether each epoch has a new order; the same one after the same `manual_seed`.
        sampler, batch_sampler: iterables of indices, or of lists of indices.
        num_workers: accepted; batches are made in this process, which is faster in memory.
        collate_fn: makes a batch of a list of samples.
        drop_last: whether a last batch that is not full is left out.
        generator: an `nnx.Generator` for the order.
        pin_memory, timeout, worker_init_fn, prefetch_factor, persistent_workers: accepted,
            without effect.

    Shapes: a batch is a list of tensors (batch, ...) for samples that are tuples.
    Raises: ArgumentError, DTypeError for options that make no sense.
    Source: the interface of PyTorch's torch.utils.data.DataLoader.

    Example:
        >>> data = nnx.data.TensorDataset(nnx.zeros((10, 3)), nnx.arange(10))
        >>> [len(y) for x, y in nnx.data.DataLoader(data, batch_size=4)]
        [4, 4, 2]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: Any = None,
        persistent_workers: bool = False,
    ) -> None:
        op = "DataLoader"
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            hint = "nnx.data.TensorDataset(x, y) makes one of tensors"
            raise fail(DTypeError, op, "a dataset needs len and [i]", describe(dataset), hint)
        _check.integer(op, "num_workers", num_workers)
        if collate_fn is not None and not callable(collate_fn):
            raise fail(DTypeError, op, "collate_fn must be a function", describe(collate_fn))
        if (sampler is not None or batch_sampler is not None) and shuffle:
            raise _conflict("shuffle and a sampler")
        if batch_sampler is not None and (sampler is not None or drop_last or batch_size != 1):
            raise _conflict("batch_sampler and batch_size, sampler or drop_last")
        self.dataset = dataset
        self.batch_size = (
            None if batch_size is None else _check.integer(op, "batch_size", batch_size, 1)
        )
        if batch_sampler is not None:
            self.batch_size = None
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or default_collate
        self.drop_last = bool(drop_last)
        self.generator = generator

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset) if self.sampler is None else len(self.sampler)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        plain = self.collate_fn is default_collate and self.sampler is None
        if plain and self.batch_size is not None and hasattr(self.dataset, "take"):
            return self._gathered(self.batch_size)
        return self._collated()

    def _gathered(self, size: int) -> Iterator[list[Tensor]]:
        take = self.dataset.take
        n = len(self.dataset)
        end = n - n % size if self.drop_last else n
        if self.shuffle:
            order = randperm(n, generator=self.generator)
            for start in range(0, end, size):
                yield take(order[start : start + size])
        else:
            for start in range(0, end, size):
                yield take(slice(start, min(start + size, n)))

    def _collated(self) -> Iterator[Any]:
        dataset = self.dataset
        for batch in self._index_batches():
            if isinstance(batch, list):
                yield self.collate_fn([dataset[i] for i in batch])
            else:
                yield dataset[batch]

    def _index_batches(self) -> Iterator[Any]:
        if self.batch_sampler is not None:
            for batch in self.batch_sampler:
                yield list(batch)
            return
        if self.sampler is not None:
            order = self.sampler
        elif self.shuffle:
            order = randperm(len(self.dataset), generator=self.generator).tolist()
        else:
            order = range(len(self.dataset))
        size = self.batch_size
        if size is None:
            yield from order
            return
        batch = []
        for i in order:
            batch.append(i)
            if len(batch) == size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch


def _conflict(options: str) -> Exception:
    return fail(ArgumentError, "DataLoader", f"{options} exclude each other")
