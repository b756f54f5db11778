"""Batches: whatever a user gives as data, as pairs or triples of tensors of the model's dtype.

Arrays in memory are cast once, before the first batch; loaders and datasets batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Generator, ShapeError, Tensor, asarray, float32
from nnx.data.dataset import IterableDataset, TensorDataset, rows
from nnx.data.loader import DataLoader
from nnx.nn.module import Module
from nnx.train.parts import takes_numbers

_Triple = tuple[Any, Any, Any]  # x, y, weight


class Caster:
    """Turns samples, targets and weights into tensors that the model and the loss can take.

    Samples get the dtype and device of the model's first floating parameter; so do targets that
    are numbers. Integers stay what they are where a model has an Embedding, which looks them up.
    """

    def __init__(self, op: str, model: Any, loss: Any, params: Iterable[Tensor]) -> None:
        self.op = op
        self.dtype = float32
        self.device: Any = "cpu"
        for p in params:
            if "float" in str(p.dtype):
                self.dtype, self.device = p.dtype, p.device
                break
        self.numeric = takes_numbers(loss)
        modules = model.modules() if isinstance(model, Module) else ()
        self.looks_up = any(type(m).__name__.startswith("Embedding") for m in modules)

    def samples(self, x: Any) -> Tensor:
        """x in the model's dtype.

        Example:
            >>> from nnx.train.batches import Caster
            >>> Caster("fit", nn.Dense(1, 1), None, []).samples([[1]]).dtype
            nnx.float32
        """
        found = rows(x, self.op, "x").to(self.device)
        if self.looks_up and "float" not in str(found.dtype):
            return found
        return found.to(self.dtype)

    def targets(self, y: Any) -> Tensor:
        """y, in the model's dtype where it holds numbers and not labels."""
        found = rows(y, self.op, "y").to(self.device)
        if self.numeric or "float" in str(found.dtype):
            return found.to(self.dtype)
        return found

    def weights(self, w: Any, n: int) -> Tensor:
        """One weight for each of n samples."""
        found = rows(w, self.op, "sample_weight").to(self.device).to(self.dtype)
        if found.shape == (n, 1):
            found = found.reshape(n)
        if found.shape != (n,):
            rule = f"sample_weight must hold one number for each of the {n} samples"
            raise fail(ShapeError, self.op, rule, describe(found, "sample_weight"))
        return found


class Batches:
    """What a run iterates over in each epoch: batches [x, y] or [x, y, weight].

    Args:
        caster: see above.
        x, y, weight: arrays; or x a DataLoader, a dataset or any iterable of batches that can be
            gone through again, and y and weight None.
        class_weight: a factor for each class, a dict or a sequence.

    Example:
        >>> from nnx.train.batches import Batches, Caster
        >>> caster = Caster("fit", nn.Dense(2, 1), nn.MSELoss(), [])
        >>> [len(x) for x, y in Batches(caster, np.zeros((5, 2)), np.zeros((5, 1)), batch_size=3)]
        [3, 2]
    """

    def __init__(
        self,
        caster: Caster,
        x: Any,
        y: Any = None,
        weight: Any = None,
        batch_size: int = 32,
        shuffle: bool = False,
        generator: Any = None,
        class_weight: Any = None,
    ) -> None:
        self.caster = caster
        op = caster.op
        size = _check.integer(op, "batch_size", batch_size, 1)
        self.table = None if class_weight is None else _table(op, class_weight)
        plain = isinstance(x, TensorDataset) and len(x.tensors) in (2, 3) and x.in_memory
        if y is None and plain:
            x, y, *rest = x.tensors
            weight = rest[0] if rest else weight
        self.ready = y is not None
        if y is not None:
            self.loader: Any = self._in_memory(x, y, weight, size, shuffle, generator)
            return
        if weight is not None:
            rule = (
                "sample_weight needs x and y; batches of a loader carry their own: (x, y, weight)"
            )
            raise fail(ArgumentError, op, rule, describe(weight, "sample_weight"))
        self.loader = as_loader(op, x, size, shuffle, generator)

    def _in_memory(
        self, x: Any, y: Any, weight: Any, size: int, shuffle: bool, generator: Any
    ) -> DataLoader:
        caster = self.caster
        samples, targets = caster.samples(x), caster.targets(y)
        if len(samples) != len(targets):
            received = f"{describe(samples, 'x')}, {describe(targets, 'y')}"
            rule = "x and y must have equally many samples"
            raise fail(ShapeError, caster.op, rule, received)
        tensors = [samples, targets]
        weights = self._weights(targets, weight)
        if weights is not None:
            tensors.append(weights)
        return DataLoader(TensorDataset(*tensors), size, shuffle, generator=generator)

    def _weights(self, targets: Tensor, weight: Any) -> Tensor | None:
        found = None if weight is None else self.caster.weights(weight, len(targets))
        if self.table is not None:
            factors = self.caster.weights(_factors(self.table, targets), len(targets))
            found = factors if found is None else found * factors
        return found

    def steps(self) -> int | None:
        """The number of batches an epoch, or None where the loader does not know."""
        try:
            return len(self.loader)
        except (TypeError, NotImplementedError):
            return None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader) if self.ready else self._cast()

    def _cast(self) -> Iterator[list[Tensor]]:
        caster = self.caster
        for batch in self.loader:
            pair = isinstance(batch, Sequence) and not isinstance(batch, str)
            if not pair or len(batch) not in (2, 3):
                rule = "every batch must be a pair of samples and targets, or a triple with weights"
                raise fail(ArgumentError, caster.op, rule, describe(batch, "batch"))
            made = [caster.samples(batch[0]), caster.targets(batch[1])]
            weights = self._weights(made[1], batch[2] if len(batch) == 3 else None)
            if weights is not None:
                made.append(weights)
            yield made

    def generators(self) -> list[Any]:
        """The generators of its own that the order of samples is drawn from."""
        found: list[Any] = []
        holders = [self.loader]
        for holder in holders:
            for name in ("generator", "sampler", "batch_sampler"):
                value = getattr(holder, name, None)
                if isinstance(value, Generator):
                    if all(value is not g for g in found):
                        found.append(value)
                elif name != "generator" and value is not None and len(holders) < 8:
                    holders.append(value)
        return found


def as_loader(
    op: str, x: Any, batch_size: int, shuffle: bool = False, generator: Any = None
) -> Any:
    """What gives the batches of a dataset, of a DataLoader, or of anything that can be walked
    again and again.

    Raises: ArgumentError for what cannot.

    Example:
        >>> data = nnx.data.TensorDataset(nnx.zeros(5, 2), nnx.zeros(5))
        >>> len(nnx.train.batches.as_loader("fit", data, 2))
        3
    """
    if isinstance(x, Iterator):
        rule = "an iterator is used up after one epoch"
        hint = "give a DataLoader, a dataset, or an object whose __iter__ starts anew"
        raise fail(ArgumentError, op, rule, describe(x, "x"), hint)
    if isinstance(x, IterableDataset):
        return DataLoader(x, batch_size)  # it has an order of its own
    if hasattr(x, "__getitem__") and hasattr(x, "__len__") and not is_array(x):
        return DataLoader(x, batch_size, shuffle, generator=generator)
    if isinstance(x, DataLoader) or (hasattr(x, "__iter__") and not is_array(x)):
        return x
    rule = "y may only be left out where x is a DataLoader or a dataset"
    raise fail(ArgumentError, op, rule, describe(x, "x"))


def split(op: str, x: Any, y: Any, weight: Any, share: float) -> tuple[_Triple, _Triple]:
    """(x, y, weight) of the samples to train with, and of the share at the end that is kept.

    Example:
        >>> kept, held_out = nnx.train.batches.split("fit", [[1], [2]], [1, 2], None, 0.5)
        >>> held_out[1].tolist()
        [2]
    """
    if y is None:
        if not isinstance(x, TensorDataset) or len(x.tensors) not in (2, 3):
            rule = "validation_split needs x and y, not a DataLoader"
            hint = "split the data with nnx.data.random_split and give validation_data"
            raise fail(ArgumentError, op, rule, describe(x, "x"), hint)
        x, y, *rest = x.tensors
        weight = rest[0] if rest else weight
    parts = [rows(x, op, "x"), rows(y, op, "y")]
    if weight is not None:
        parts.append(rows(weight, op, "sample_weight"))
    lengths = {len(part) for part in parts}
    if len(lengths) > 1:
        received = ", ".join(describe(part) for part in parts)
        raise fail(ShapeError, op, "x, y and weights must have equally many samples", received)
    n = len(parts[0]) - int(len(parts[0]) * share)
    first, last = [p[:n] for p in parts], [p[n:] for p in parts]
    return (
        (first[0], first[1], first[2] if len(parts) == 3 else None),
        (last[0], last[1], last[2] if len(parts) == 3 else None),
    )


def validation(op: str, data: Any) -> tuple[Any, Any, Any]:
    """(x, y, weight) of what was given as validation_data.

    Example:
        >>> nnx.train.batches.validation("fit", (1, 2))
        (1, 2, None)
    """
    if isinstance(data, tuple | list):
        if len(data) not in (2, 3):
            rule = "validation_data must be (x, y), (x, y, weight), a DataLoader or a dataset"
            raise fail(ArgumentError, op, rule, describe(data))
        return data[0], data[1], data[2] if len(data) == 3 else None
    return data, None, None


def is_array(value: Any) -> bool:
    """Whether a value holds samples itself.

    Example:
        >>> nnx.train.batches.is_array([1, 2])
        True
    """
    return isinstance(value, Tensor | list | tuple) or hasattr(value, "__array__")


def _table(op: str, class_weight: Any) -> np.ndarray[Any, Any]:
    rule = "class_weight must be a dict {class: weight} or a list with a weight for each class"
    try:
        named = isinstance(class_weight, Mapping)
        pairs = list(class_weight.items() if named else enumerate(class_weight))
    except TypeError:
        raise fail(DTypeError, op, rule, describe(class_weight, "class_weight")) from None
    found = {
        _check.integer(op, "a class", k): _check.real(op, "a class_weight", v, 0) for k, v in pairs
    }
    table = np.ones(max(found, default=-1) + 1)
    for k, v in found.items():
        table[k] = v
    return table


def _factors(table: np.ndarray[Any, Any], targets: Tensor) -> Tensor:
    """The weight of each target's class; classes that were not named weigh 1."""
    t = np.asarray(targets.detach().to("cpu").to(float32))
    if t.ndim > 1 and t.shape[-1] > 1:
        t = t.reshape(len(t), -1).argmax(axis=1) if t.ndim == 2 else t
    if t.size != len(t):
        rule = "class_weight needs one label a sample, or one-hot targets (N, C)"
        raise fail(ShapeError, "fit", rule, describe(targets, "y"))
    labels = np.rint(t.reshape(len(t))).astype(np.int64)
    known = (labels >= 0) & (labels < len(table))
    return asarray(np.where(known, np.append(table, 1.0)[np.where(known, labels, -1)], 1.0))
