"""DataLoader: batches of a dataset.

One interface, three speeds: tensors in memory are gathered in C++, one call a batch; datasets
with transforms of `nnx.data.transforms` are gathered so too and transformed a batch at a time;
any other dataset is read sample by sample, ahead of time if there are workers, and collated.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from types import GenericAlias
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    Generator,
    Tensor,
    asarray,
    default_generator,
    devices,
    error_text,
)
from nnx._trees import tree_map
from nnx.data.collate import default_collate, default_convert
from nnx.data.dataset import IterableDataset, can_take, in_memory
from nnx.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from nnx.data.workers import Child, Fetcher, epoch_seed, inline, prefetched, start_children


class DataLoader:
    """Iterates over a dataset in batches, in a new random order each time if asked to.

    The same generator or `manual_seed` gives the same batches, whatever `num_workers` is. (Random
    numbers drawn within the dataset itself: see `nnx.data.batch_generator`.)

    Args:
        dataset: anything with `len` and `[i]`, or an IterableDataset.
        batch_size: samples a batch; None for single samples without collating.
        shuffle: whether each epoch has a new order; the same one after the same `manual_seed`.
        sampler, batch_sampler: iterables of indices, or of lists of indices.
        num_workers: workers that make batches ahead; 0 makes each when it is asked for. They are
            threads, which start at once and share the dataset. Tensors in memory need none.
        collate_fn: makes a batch of a list of samples.
        drop_last: whether a last batch that is not full is left out.
        timeout: seconds within which workers must have a batch ready; 0 for any time.
        worker_init_fn: called with the number of each worker before it begins.
        multiprocessing_context: how worker processes are started: "spawn" unless given.
        generator: an `nnx.Generator` for the order.
        prefetch_factor: how many batches each worker may be ahead; 2 unless given.
        persistent_workers: whether worker processes are kept from one epoch to the next.
        worker_type: "thread", or "process" for datasets whose Python code keeps the interpreter
            busy; those must be importable by other processes.
        pin_memory: whether the tensors of a batch are put where CUDA devices read them by
            themselves, so that `x.to(device, non_blocking=True)` does not wait; without such a
            device they stay where they are.
        pin_memory_device, in_order: accepted, without effect.

    Shapes: a batch is a list of tensors (batch, ...) for samples that are tuples.
    Raises: ArgumentError, DTypeError for options that make no sense. An error in the dataset is
        raised when its batch is due, with a note that names the sample's index.
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
        shuffle: bool | None = False,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        worker_type: str = "thread",
    ) -> None:
        op = "DataLoader"
        self._streams = isinstance(dataset, IterableDataset)
        _check_dataset(dataset)
        self.num_workers = _check.integer(op, "num_workers", num_workers)
        self.worker_type = _check.choice(op, "worker_type", worker_type, ("thread", "process"))
        self.timeout = _check.real(op, "timeout", timeout, 0)
        if prefetch_factor is not None:
            prefetch_factor = _check.integer(op, "prefetch_factor", prefetch_factor, 1)
        for name, f in (("collate_fn", collate_fn), ("worker_init_fn", worker_init_fn)):
            if f is not None and not callable(f):
                raise fail(DTypeError, op, f"{name} must be a function", describe(f, name))
        if generator is not None and not isinstance(generator, Generator):
            rule = "generator must be an nnx.Generator"
            hint = "make one: nnx.Generator().manual_seed(0)"
            raise fail(DTypeError, op, rule, describe(generator), hint)
        if self._streams and (shuffle or sampler is not None or batch_sampler is not None):
            rule = "an IterableDataset has its own order: no shuffle and no sampler"
            hint = "shuffle within its __iter__"
            raise fail(ArgumentError, op, rule, type(dataset).__name__, hint)
        if (sampler is not None or batch_sampler is not None) and shuffle:
            raise _conflict("shuffle and a sampler")
        if batch_sampler is not None and (sampler is not None or drop_last or batch_size != 1):
            raise _conflict("batch_sampler and batch_size, sampler or drop_last")
        if batch_size is None and drop_last:
            raise _conflict("batch_size=None and drop_last")
        self.dataset = dataset
        self.batch_size = (
            None if batch_size is None else _check.integer(op, "batch_size", batch_size, 1)
        )
        self._batches = batch_sampler
        single = self.batch_size is None
        if batch_sampler is not None:
            self.batch_size = None
        self.shuffle = bool(shuffle)
        self.generator = generator
        if sampler is None and not self._streams:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = sampler or SequentialSampler(dataset)
        self.sampler = sampler
        self.collate_fn = collate_fn or (default_convert if single else default_collate)
        self.drop_last = bool(drop_last)
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = bool(persistent_workers)
        self.pin_memory = bool(pin_memory)
        self._idle: list[Child] = []  # processes that are kept between epochs
        if self.drop_last and not self._streams:
            _warn_of_nothing(sampler, self.batch_size)

    @property
    def batch_sampler(self) -> Any:
        """What yields the lists of indices; None where samples are not batched by index.

        Example:
            >>> list(nnx.data.DataLoader([5, 6, 7], batch_size=2).batch_sampler)
            [[0, 1], [2]]
        """
        if self._batches is not None or self.batch_size is None or self._streams:
            return self._batches
        return BatchSampler(self.sampler, self.batch_size, self.drop_last)

    __class_getitem__: Any = classmethod(GenericAlias)  # DataLoader[...] in annotations

    def __len__(self) -> int:
        if self._batches is not None:
            return len(self._batches)
        n = len(self.dataset if self._streams else self.sampler)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        made = self._made()
        if self.pin_memory and any(d["available"] for d in devices() if d["name"] != "cpu"):
            return map(_pinned, made)
        return made

    def _made(self) -> Iterator[Any]:
        batched = self.batch_size is not None or self._batches is not None
        if batched and self.collate_fn is default_collate and can_take(self.dataset):
            if in_memory(self.dataset):
                return map(self.dataset.take, self._index_batches("take"))
            return self._run("take")
        if self._streams:
            return self._run("stream")
        return self._run("samples" if batched else "single")

    def _run(self, mode: str) -> Iterator[Any]:
        before = (self.generator or default_generator).clone_state()
        tasks = itertools.repeat(None) if mode == "stream" else self._index_batches(mode)
        seed = epoch_seed(self.generator, before)
        fetch = Fetcher(self.dataset, self.collate_fn, mode, self.batch_size, self.drop_last)
        workers = min(self.num_workers, 1) if mode == "stream" else self.num_workers
        if not workers:
            return inline(tasks, fetch, seed)
        ahead = workers * (self.prefetch_factor or 2)
        if self.worker_type == "thread":
            init = self.worker_init_fn
            return prefetched(tasks, fetch, seed, workers, ahead, self.timeout, init)
        return self._from_processes(tasks, fetch, seed, workers, ahead)

    def _from_processes(
        self, tasks: Iterator[Any], fetch: Fetcher, seed: int, workers: int, ahead: int
    ) -> Iterator[Any]:
        children, self._idle = self._idle, []
        if not all(child.alive and child.process.is_alive() for child in children) or not children:
            for child in children:
                child.close()
            context = self.multiprocessing_context
            children = start_children(fetch, workers, context, self.worker_init_fn)
        try:
            yield from prefetched(
                tasks, fetch, seed, workers, ahead, self.timeout, children=children
            )
        finally:
            if self.persistent_workers and not self._idle:
                self._idle = children
            else:
                for child in children:
                    child.close()

    def __del__(self) -> None:
        for child in getattr(self, "_idle", ()):
            child.close()

    def _index_batches(self, mode: str) -> Iterator[Any]:
        """Tasks for a Fetcher. Our own samplers draw the whole order here and now."""
        if self._batches is not None:
            return map(_tensor if mode == "take" else list, self._batches)
        size = self.batch_size
        if size is None:
            return iter(self.sampler)
        draw = getattr(self.sampler, "draw", None)
        if draw is None:
            batches = BatchSampler(self.sampler, size, self.drop_last)
            return map(_tensor, batches) if mode == "take" else iter(batches)
        if mode == "take" and type(self.sampler) is SequentialSampler:
            order, n = None, len(self.sampler)
        else:
            order = draw()
            n = len(order)
            if mode != "take":
                order = order.tolist()
        starts = range(0, n - n % size if self.drop_last else n, size)
        if order is None:
            return (slice(start, min(start + size, n)) for start in starts)
        return (order[start : start + size] for start in starts)

    def __repr__(self) -> str:
        order = "shuffled" if self.shuffle else "in order"
        what = type(self.dataset).__name__
        return f"DataLoader({what}, batch_size={self.batch_size}, {order})"


def _tensor(batch: Any) -> Tensor:
    return asarray(batch if isinstance(batch, Tensor) else list(batch))


def _pinned(batch: Any) -> Any:
    """The batch with its tensors in pinned memory; those on a device stay there."""

    def leaf(x: Any) -> Any:
        on_device = isinstance(x, Tensor) and x.device.type != "cpu"
        return x if on_device or not hasattr(x, "pin_memory") else x.pin_memory()

    return tree_map(leaf, batch)


def _warn_of_nothing(sampler: Any, size: int | None) -> None:
    """Warns where dropping the last batch drops the only one."""
    if not hasattr(sampler, "__len__") or size is None or not 0 < len(sampler) < size:
        return
    text = error_text(
        "DataLoader",
        "drop_last leaves out a batch that is not full: here there is no batch at all",
        f"{len(sampler)} samples, batch_size = {size}, drop_last = True",
        "take a smaller batch_size, or drop_last=False",
    )
    warnings.warn(text, UserWarning, stacklevel=3)


def _check_dataset(dataset: Any) -> None:
    op = "DataLoader"
    if hasattr(dataset, "iloc"):
        hint = "nnx.data.from_pandas(frame, target=...) makes a dataset of it"
        raise fail(DTypeError, op, "a data frame is no dataset yet", type(dataset).__name__, hint)
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        hint = "nnx.data.TensorDataset(x, y) makes one of tensors"
        if hasattr(dataset, "__iter__"):
            hint += "; for a stream, make a subclass of nnx.data.IterableDataset"
        raise fail(DTypeError, op, "a dataset needs len and [i]", describe(dataset), hint)


def _conflict(options: str) -> Exception:
    return fail(ArgumentError, "DataLoader", f"{options} exclude each other")
