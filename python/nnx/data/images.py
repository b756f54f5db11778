"""Sets of labelled pictures held in memory: what MNIST, its relatives and CIFAR have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, take_rows
from nnx.data.dataset import TensorDataset, transform_batch, transform_sample
from nnx.data.transforms import Transform, apply, is_random


class ImageDataset(TensorDataset):
    """Pictures and labels, with transforms that are applied as samples are read.

    Args:
        data, targets: tensors of N pictures and N labels.
        transform: for a picture as it is stored; a Transform takes a whole batch at once.
        target_transform: for a label, which it gets as an int (a Transform as a tensor).

    Example:
        >>> from nnx.data.images import ImageDataset
        >>> from nnx.data.transforms import ToTensor
        >>> data = ImageDataset(nnx.zeros((4, 8, 8), dtype=nnx.uint8), nnx.arange(4), ToTensor())
        >>> data[2][0].shape, next(iter(nnx.data.DataLoader(data, 4)))[0].shape
        ((1, 8, 8), (4, 1, 8, 8))
    """

    classes: tuple[str, ...] = ()

    def __init__(
        self, data: Any, targets: Any, transform: Any = None, target_transform: Any = None
    ) -> None:
        super().__init__(data, targets)  # checks them
        for f in (transform, target_transform):
            if f is not None and not callable(f):
                rule = "a transform must be a function"
                raise fail(DTypeError, type(self).__name__, rule, describe(f))
        self.transform, self.target_transform = transform, target_transform
        own = isinstance(target_transform, Transform) or target_transform is None
        self._of_target = target_transform if own else _OfInt(target_transform)

    @property
    def tensors(self) -> Any:
        """Pictures and labels as samples have them. With transforms these are a sequence of two
        that makes the tensor of all samples when it is asked for.

        Raises: ArgumentError, when asked, where a transform draws random numbers or makes no
            tensors.

        Example:
            >>> from nnx.data.transforms import ToTensor
            >>> nnx.data.MNIST(train=False, transform=ToTensor()).tensors[0].shape
            (10000, 1, 28, 28)
        """
        return self._stored if self.in_memory else _Columns(self)

    @tensors.setter
    def tensors(self, stored: tuple[Tensor, ...]) -> None:
        self._stored = stored

    @property
    def in_memory(self) -> bool:
        """Whether samples are read as they are stored, without transforms.

        Example:
            >>> nnx.data.MNIST(train=False).in_memory
            True
        """
        return self.transform is None and self.target_transform is None

    @property
    def data(self) -> Tensor:
        """The pictures as they are stored.

        Example:
            >>> nnx.data.MNIST(train=False).data.shape
            (10000, 28, 28)
        """
        return self._stored[0]

    @property
    def targets(self) -> Tensor:
        """The labels, (N,) int64.

        Example:
            >>> nnx.data.MNIST(train=False).targets[:3].tolist()
            [7, 2, 1]
        """
        return self._stored[1]

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class's name.

        Example:
            >>> nnx.data.MNIST(train=False).class_to_idx["7"]
            7
        """
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self._stored[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        sample = tuple(tensor[index] for tensor in self._stored)
        if self.in_memory:
            return sample
        if sample[1].ndim:
            return tuple(transform_batch(list(sample), self.transform, self._of_target))
        made: tuple[Any, ...] = transform_sample(sample, self.transform, self._of_target)
        return made

    def take(self, index: Any) -> list[Any]:
        rows = (lambda t: t[index]) if type(index) is slice else (lambda t: take_rows(t, index))
        taken = [rows(tensor) for tensor in self._stored]
        if self.in_memory:
            return taken
        return transform_batch(taken, self.transform, self._of_target)


class _Columns(Sequence[Tensor]):
    """The transformed tensors of a set, made when they are asked for."""

    def __init__(self, dataset: ImageDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset._stored)

    def __getitem__(self, index: Any) -> Any:
        dataset = self.dataset
        f = (dataset.transform, dataset._of_target)[index]
        made = dataset._stored[index]
        if f is not None:
            made = None if is_random(f) else apply(f, made)
        if not isinstance(made, Tensor):
            rule = "samples of random transforms, or ones that make no tensors, are made one by one"
            hint = "read them with a DataLoader; random_split and stratified_split cut the set"
            raise fail(ArgumentError, type(dataset).__name__, rule, hint=hint)
        return made


class _OfInt:
    """A function of a number, called with a tensor that holds it."""

    def __init__(self, f: Any) -> None:
        self.f = f

    def __call__(self, label: Any) -> Any:
        return self.f(int(label))
