"""PyTorch's tensor types of old, torch.FloatTensor and its like: they make tensors, name dtypes."""

from __future__ import annotations

from typing import Any

import nnx
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor


class TensorDType:
    """A tensor type of old: called, it makes a tensor; elsewhere it names a dtype.

    `FloatTensor(2, 3)` has that shape, `FloatTensor([2, 3])` those values.

    Raises: DTypeError for a single number that is no size.

    Example:
        >>> import nnx.torch as torch
        >>> torch.LongTensor([2, 3])
        tensor([2, 3])
        >>> torch.ones(2).type(torch.DoubleTensor).dtype
        nnx.float64
        >>> isinstance(torch.ones(2), torch.FloatTensor)
        True
    """

    def __init__(self, name: str, dtype: Any) -> None:
        self.__name__ = name
        self.dtype = dtype
        self.name = str(dtype).rpartition(".")[2]  # by which every dtype= knows it

    def __call__(self, *data: Any) -> Tensor:
        if len(data) == 1 and isinstance(data[0], float):
            rule = "takes sizes, or a list, an array or a tensor"
            hint = f"torch.tensor({data[0]}) makes a tensor of one number"
            raise fail(DTypeError, self.__name__, rule, describe(data[0]), hint)
        if not data or isinstance(data[0], int):
            return nnx.zeros(data or (0,), dtype=self.dtype)
        return nnx.tensor(data[0], dtype=self.dtype)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == self.dtype

    def __repr__(self) -> str:
        return f"<tensor type torch.{self.__name__}>"


BoolTensor = TensorDType("BoolTensor", nnx.bool)
ByteTensor = TensorDType("ByteTensor", nnx.uint8)
CharTensor = TensorDType("CharTensor", nnx.int8)
ShortTensor = TensorDType("ShortTensor", nnx.int16)
IntTensor = TensorDType("IntTensor", nnx.int32)
LongTensor = TensorDType("LongTensor", nnx.int64)
HalfTensor = TensorDType("HalfTensor", nnx.float16)
BFloat16Tensor = TensorDType("BFloat16Tensor", nnx.bfloat16)
FloatTensor = TensorDType("FloatTensor", nnx.float32)
DoubleTensor = TensorDType("DoubleTensor", nnx.float64)


def set_default_tensor_type(t: Any) -> None:
    """Makes the dtype of a floating tensor type the default, as nnx.set_default_dtype.

    Args: t: torch.FloatTensor, torch.DoubleTensor, or the name: "torch.DoubleTensor".
    Raises: DTypeError for anything else.

    Example:
        >>> import nnx.torch as torch
        >>> torch.set_default_tensor_type(torch.DoubleTensor)
        >>> torch.zeros(1).dtype
        nnx.float64
        >>> torch.set_default_tensor_type("torch.FloatTensor")
    """
    found = globals().get(t.removeprefix("torch.")) if isinstance(t, str) else t
    if not isinstance(found, TensorDType):
        rule = "the default is one of the floating tensor types"
        raise fail(DTypeError, "set_default_tensor_type", rule, describe(t, "t"))
    nnx.set_default_dtype(found.dtype)


__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]
