"""Transforms: what is done to a sample between the dataset and the batch.

A Transform is written once, for a batch: `batch(x)` takes (N, ...) and returns (N, ...). Calling
it with one sample, as PyTorch's datasets do, is a batch of one. Where a dataset is gathered at
once, the whole batch goes through `batch`, so that a chain costs a few kernels a batch in place
of a few Python calls a sample. Any function of one sample can stand between Transforms.

A random transform sets `random = True` and draws from `nnx.data.batch_generator()`, which gives
every batch its own numbers: the same ones for a seed whatever the number of workers.

Example:
    >>> from nnx.data import transforms
    >>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    >>> prepare(np.full((2, 2), 255, np.uint8)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    asarray,
    float32,
    float64,
    get_default_dtype,
    one_hot,
)
from nnx._nnx import bool as bool_
from nnx._nnx import uint8 as uint8_

__all__ = [
    "Compose",
    "Flatten",
    "Lambda",
    "Normalize",
    "OneHot",
    "ToDtype",
    "ToTensor",
    "Transform",
]


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
        return self.batch(_tensor(sample)[None])[0]

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


class ToTensor(Transform):
    """A picture as a tensor: channels first, bytes 0 ... 255 as numbers 0 ... 1.

    Pictures are arrays, tensors or PIL images. Those of other elements than bytes keep their
    numbers and dtype, and only have their axes moved.

    Shapes: (H, W) -> (1, H, W), (H, W, C) -> (C, H, W). Dtypes: uint8 -> the default dtype.
    Units: byte / 255.
    Raises: ShapeError for other numbers of axes.
    Source: the interface of torchvision.transforms.ToTensor.

    Example:
        >>> from nnx.data.transforms import ToTensor
        >>> ToTensor()(np.full((4, 5, 3), 51, np.uint8))[0, 0, :2].tolist()
        [0.20000000298023224, 0.20000000298023224]
    """

    def batch(self, x: Tensor) -> Tensor:
        if x.ndim == 3:
            x = x[:, None]
        elif x.ndim == 4:
            # Bytes are put in order before they become floats, four times as large.
            x = x.permute(0, 3, 1, 2).contiguous()
        else:
            rule = "a picture must have the axes (H, W) or (H, W, C)"
            raise fail(ShapeError, "ToTensor", rule, describe(x[0] if x.ndim else x))
        return _fraction(x)

    def __call__(self, sample: Any) -> Any:
        x = _tensor(sample)
        if x.ndim == 2:  # the commonest case, without making a batch of it
            return _fraction(x[None])
        return self.batch(x[None])[0]


def _fraction(x: Tensor) -> Tensor:
    if x.dtype == uint8_:
        return x / 255
    return x.to(get_default_dtype()) if x.dtype == bool_ else x


class Normalize(Transform):
    """(x - mean) / std, with numbers for each channel or one for all.

    Args:
        mean, std: numbers, or as many as there are channels. For samples (C, H, W) they belong to
            the first axis of a sample, for samples of fewer axes to the last.

    Dtypes: floats. Raises: ArgumentError for a std of 0, DTypeError for integers, ShapeError for
        another number of channels.
    Source: the interface of torchvision.transforms.Normalize.

    Example:
        >>> from nnx.data.transforms import Normalize
        >>> Normalize([1.0, 2.0], [1.0, 2.0])(nnx.tensor([3.0, 3.0])).tolist()
        [2.0, 0.5]
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std = _numbers("mean", mean), _numbers("std", std)
        self.inplace = bool(inplace)
        if any(s == 0 for s in self.std):
            raise fail(ArgumentError, "Normalize", "std must not be 0", describe(std, "std"))
        if len(self.mean) != len(self.std) and 1 not in (len(self.mean), len(self.std)):
            rule = "mean and std must have equally many numbers"
            raise fail(ShapeError, "Normalize", rule, f"{len(self.mean)} and {len(self.std)}")
        self._ready: dict[Any, tuple[Any, Any]] = {}

    def batch(self, x: Tensor) -> Tensor:
        return self._apply(x, x.ndim >= 4)

    def __call__(self, sample: Any) -> Any:
        x = _tensor(sample)
        return self._apply(x, x.ndim >= 3)

    def _apply(self, x: Tensor, picture: bool) -> Tensor:
        ready = self._ready.get((x.dtype, picture))
        if ready is None:
            ready = self._prepare(x, picture)
        mean, std = ready
        try:
            return x.sub_(mean).div_(std) if self.inplace else (x - mean).div_(std)
        except ShapeError as error:
            channels = max(len(self.mean), len(self.std))
            rule = f"there must be {channels} channels, as there are numbers in mean and std"
            raise fail(ShapeError, "Normalize", rule, describe(x)) from error

    def _prepare(self, x: Tensor, picture: bool) -> tuple[Any, Any]:
        if not x.dtype.is_floating_point:
            rule = "the numbers must be floats"
            hint = "put ToTensor() before it, or ToDtype(nnx.float32, scale=True)"
            raise fail(DTypeError, "Normalize", rule, describe(x), hint)
        made: list[Any] = []
        for values in (self.mean, self.std):
            if len(values) == 1:
                made.append(values[0])
            else:
                shape = (len(values), 1, 1) if picture else (len(values),)
                made.append(asarray(values, dtype=float64).reshape(shape).to(x.dtype))
        self._ready[x.dtype, picture] = made[0], made[1]
        return made[0], made[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_ready": {}}

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


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


class Flatten(Transform):
    """A sample as a vector.

    Shapes: (...) -> (product of all lengths,).

    Example:
        >>> nnx.data.transforms.Flatten()(nnx.zeros((2, 3))).shape
        (6,)
    """

    def batch(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), math.prod(x.shape[1:]))


class ToDtype(Transform):
    """Numbers as another dtype; with `scale=True` bytes as fractions of 255, and back.

    Units: with scale, byte / 255 for floats; round(255 x), within 0 ... 255, for bytes.
    Raises: DTypeError for a scale between two dtypes of which none is uint8.
    Source: the interface of torchvision.transforms.v2.ToDtype.

    Example:
        >>> nnx.data.transforms.ToDtype(nnx.float64)(nnx.tensor([1, 2])).dtype
        nnx.float64
    """

    def __init__(self, dtype: Any = float32, scale: bool = False) -> None:
        self.dtype, self.scale = dtype, bool(scale)

    def batch(self, x: Tensor) -> Tensor:
        made: Tensor = self(x)
        return made

    def __call__(self, sample: Any) -> Any:
        x = _tensor(sample)
        if not self.scale or x.dtype == self.dtype:
            return x.to(self.dtype)
        if x.dtype == uint8_ and self.dtype.is_floating_point:
            return x.to(self.dtype).div_(255)
        if x.dtype.is_floating_point:
            if self.dtype == uint8_:
                return (x * 255).round_().clamp_(0, 255).to(uint8_)
            if self.dtype.is_floating_point:
                return x.to(self.dtype)
        rule = "scale=True stands for bytes 0 ... 255 against fractions 0 ... 1"
        raise fail(DTypeError, "ToDtype", rule, f"{describe(x)} to {self.dtype}")

    def __repr__(self) -> str:
        return f"ToDtype({self.dtype}, scale={self.scale})"


class OneHot(Transform):
    """Labels as vectors with a 1 at the label: a target_transform for losses such as MSE.

    Shapes: () -> (num_classes,). Dtypes: integers -> float32 unless given.
    Raises: IndexError for a label outside 0 ... num_classes - 1.

    Example:
        >>> nnx.data.transforms.OneHot(3)(1).tolist()
        [0.0, 1.0, 0.0]
    """

    def __init__(self, num_classes: int, dtype: Any = float32) -> None:
        self.num_classes = _check.integer("OneHot", "num_classes", num_classes, 1)
        self.dtype = dtype

    def batch(self, x: Tensor) -> Tensor:
        return one_hot(x, self.num_classes).to(self.dtype)

    def __repr__(self) -> str:
        return f"OneHot({self.num_classes})"


def _tensor(sample: Any) -> Tensor:
    if isinstance(sample, Tensor):
        return sample
    # Arrays are asked first: making their __array_interface__ takes longer than the rest.
    if not hasattr(sample, "__array__") and hasattr(sample, "__array_interface__"):
        import numpy as np

        sample = np.array(sample)  # a PIL image
    return asarray(sample)


def _numbers(name: str, values: Any) -> list[float]:
    if isinstance(values, int | float):
        values = [values]
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    listed = listed if isinstance(listed, list) else [listed]
    if not listed:
        raise fail(ArgumentError, "Normalize", f"{name} needs a number", describe(values, name))
    return [_check.real("Normalize", name, value) for value in listed]
