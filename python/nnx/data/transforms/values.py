"""Transforms of the numbers of a sample: their dtype, scale and order of axes."""

from __future__ import annotations

import math
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
from nnx.data.transforms.base import Transform, as_tensor


class ToTensor(Transform):
    """A picture as a tensor: channels first, bytes 0 ... 255 as numbers 0 ... 1.

    Pictures are arrays, tensors or PIL images. Those of other elements than bytes keep their
    numbers and dtype, and only have their axes moved.

    Shapes: (H, W) -> (1, H, W), (H, W, C) -> (C, H, W). Dtypes: uint8 -> the default dtype.
    Units: byte / 255.
    Raises: ShapeError for other numbers of axes, and for a picture whose channels come first.
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
            channels, high, wide = x.shape[1:]
            if channels in (1, 3) and high > 4 and wide > 4:
                rule = "the channels must be the last axis, (H, W, C), as files have them"
                hint = "the axes look like (C, H, W) already: leave ToTensor() out"
                if x.dtype == uint8_:
                    hint += "; ToDtype(nnx.float32, scale=True) makes bytes 0 ... 1"
                raise fail(ShapeError, "ToTensor", rule, describe(x[0] if len(x) else x), hint)
            # Bytes are put in order before they become floats, four times as large.
            x = x.permute(0, 3, 1, 2).contiguous()
        else:
            rule = "a picture must have the axes (H, W) or (H, W, C)"
            raise fail(ShapeError, "ToTensor", rule, describe(x[0] if x.ndim else x))
        return _fraction(x)

    def __call__(self, sample: Any) -> Any:
        x = as_tensor(sample)
        if x.ndim == 2:  # the commonest case, without making a batch of it
            return _fraction(x[None])
        return self.batch(x[None])[0]


def _fraction(x: Tensor) -> Tensor:
    if x.dtype == uint8_:
        return x / 255
    return x.to(get_default_dtype()) if x.dtype == bool_ else x


class ToImage(Transform):
    """A picture as a tensor with channels first; the numbers stay as they are.

    Shapes: (H, W) -> (1, H, W), (H, W, C) -> (C, H, W) for 1, 3 or 4 channels of more than 4 x 4
        pixels; (C, H, W) stays.
    Raises: ShapeError for other numbers of axes.
    Source: the interface of torchvision.transforms.v2.ToImage.

    Example:
        >>> from nnx.data.transforms import Compose, ToDtype, ToImage
        >>> prepare = Compose([ToImage(), ToDtype(nnx.float32, scale=True)])
        >>> prepare(np.zeros((28, 28, 3), np.uint8)).shape
        (3, 28, 28)
    """

    def batch(self, x: Tensor) -> Tensor:
        if x.ndim == 3:
            return x[:, None]
        if x.ndim != 4:
            rule = "a picture must have the axes (H, W) or (H, W, C)"
            raise fail(ShapeError, "ToImage", rule, describe(x[0] if x.ndim else x))
        return x.permute(0, 3, 1, 2).contiguous() if channels_last(x) else x


def channels_last(x: Tensor) -> bool:
    """Whether the axes read as (..., H, W, C): a last length that is one of channels, after two
    that are not.

    Example:
        >>> from nnx.data.transforms.values import channels_last
        >>> channels_last(nnx.zeros(32, 32, 3)), channels_last(nnx.zeros(3, 32, 32))
        (True, False)
    """
    high, wide, deep = x.shape[-3:]
    return deep in (1, 3, 4) and high > 4 and wide > 4


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
        x = as_tensor(sample)
        return self._apply(x, x.ndim >= 3)

    def _apply(self, x: Tensor, picture: bool) -> Tensor:
        ready = self._ready.get((x.dtype, picture))
        if ready is None:
            ready = self._prepare(x, picture)
        channels = max(len(self.mean), len(self.std))
        axis = -3 if picture else -1
        if channels > 1 and (not x.ndim or x.shape[axis] != channels):
            rule = f"there must be {channels} channels, as there are numbers in mean and std"
            hint = ""
            if picture and x.shape[-1] == channels:
                moved = "0, 3, 1, 2" if x.ndim == 4 else "2, 0, 1"
                hint = (
                    f"the axes look like (H, W, C): put ToTensor() before it, or x.permute({moved})"
                )
            raise fail(ShapeError, "Normalize", rule, describe(x), hint)
        mean, std = ready
        return x.sub_(mean).div_(std) if self.inplace else (x - mean).div_(std)

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
        x = as_tensor(sample)
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


def _numbers(name: str, values: Any) -> list[float]:
    if isinstance(values, int | float):
        values = [values]
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    listed = listed if isinstance(listed, list) else [listed]
    if not listed:
        raise fail(ArgumentError, "Normalize", f"{name} needs a number", describe(values, name))
    return [_check.real("Normalize", name, value) for value in listed]
