"""What transforms are: the base class, chains of them, and how one is applied to a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, asarray


class Transform:
    """Base of transforms: a subclass has `batch(x)`, from (N, ...) to (N, ...).

    `random` says whether it draws random numbers.

    Example:
        >>> from nnx.data.transforms import Transform
        >>> class Invert(Transform):
        ...     def batch(self, x):
        ...         return 1 - x
        >>> Invert()(nnx.tensor([0.25])).tolist()
        [0.75]
    """

    random = False

    def batch(self, x: Tensor) -> Tensor:
        """The transformed samples of a batch.

        Example:
            >>> nnx.data.transforms.Flatten().batch(nnx.zeros((5, 2, 3))).shape
            (5, 6)
        """
        raise NotImplementedError(f"{type(self).__name__} has no batch")

    def __call__(self, sample: Any) -> Any:
        return self.batch(as_tensor(sample)[None])[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def apply(f: Callable[[Any], Any], x: Any) -> Any:
    """A transform, or any function of one sample, applied to a batch.

    Example:
        >>> nnx.data.transforms.apply(lambda sample: sample + 1, nnx.zeros(2)).tolist()
        [1.0, 1.0]
    """
    if isinstance(f, Transform):
        return f.batch(x)
    from nnx.data.collate import default_collate

    return default_collate([f(sample) for sample in x])


def is_random(f: Any) -> bool:
    """Whether a transform says that it draws random numbers.

    Example:
        >>> nnx.data.transforms.is_random(nnx.data.transforms.ToTensor())
        False
    """
    return bool(getattr(f, "random", False))


class Compose(Transform):
    """Transforms one after the other; functions of one sample may be among them.

    Example:
        >>> from nnx.data.transforms import Compose, Flatten, ToTensor
        >>> Compose([ToTensor(), Flatten()])(np.zeros((28, 28), np.uint8)).shape
        (784,)
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.transforms = list(transforms)
        for f in self.transforms:
            if not callable(f):
                rule = "every transform must be a function"
                raise fail(DTypeError, "Compose", rule, describe(f))

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether one of them draws random numbers.

        Example:
            >>> nnx.data.transforms.Compose([]).random
            False
        """
        return any(is_random(f) for f in self.transforms)

    def batch(self, x: Tensor) -> Tensor:
        for f in self.transforms:
            x = apply(f, x)
        return x

    def __call__(self, sample: Any) -> Any:
        for f in self.transforms:
            sample = f(sample)
        return sample

    def __repr__(self) -> str:
        return f"Compose({self.transforms})"


class Lambda(Transform):
    """Any function as a transform: of one sample, or with `batched=True` of a whole batch.

    Example:
        >>> from nnx.data.transforms import Lambda
        >>> Lambda(lambda x: x * 2, batched=True).batch(nnx.ones((3, 1))).shape
        (3, 1)
    """

    def __init__(self, lambd: Callable[[Any], Any], batched: bool = False) -> None:
        if not callable(lambd):
            raise fail(DTypeError, "Lambda", "lambd must be a function", describe(lambd, "lambd"))
        self.lambd, self.batched = lambd, bool(batched)

    def batch(self, x: Tensor) -> Tensor:
        made: Tensor = self.lambd(x) if self.batched else apply(self.lambd, x)
        return made

    def __call__(self, sample: Any) -> Any:
        return super().__call__(sample) if self.batched else self.lambd(sample)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.lambd, '__name__', self.lambd)})"


def as_tensor(sample: Any) -> Tensor:
    """A sample as a tensor: tensors, arrays, lists of numbers, PIL images.

    Example:
        >>> from nnx.data.transforms.base import as_tensor
        >>> as_tensor([1.0, 2.0]).shape
        (2,)
    """
    if isinstance(sample, Tensor):
        return sample
    # Arrays are asked first: making their __array_interface__ takes longer than the rest.
    if not hasattr(sample, "__array__") and hasattr(sample, "__array_interface__"):
        import numpy as np

        sample = np.array(sample)  # a PIL image
    return asarray(sample)
