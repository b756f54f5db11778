"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import GradientError, Tensor, asarray


class Parameter(Tensor):
    """A tensor that belongs to a module and is changed by an optimiser.

    It is a leaf of every graph, requires a gradient unless told otherwise, and shares the memory
    of the tensor it is made from. An attribute of a module that is a Parameter is found by
    `module.parameters()`; results computed from it are plain tensors.

    Args:
        data: the initial value; a tensor, or anything `nnx.asarray` takes.
        requires_grad: whether `backward` fills `.grad`.

    Shapes: any. Dtypes: floating where a gradient is required.
    Raises: GradientError for a gradient of integers.
    Source: PyTorch's torch.nn.Parameter.

    Example:
        >>> p = nn.Parameter(nnx.zeros(3))
        >>> p.requires_grad, isinstance(p, nnx.Tensor), type(p * 2) is nnx.Tensor
        (True, True, True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = []
        value = data if isinstance(data, Tensor) else asarray(data)
        if requires_grad and "float" not in str(value.dtype):
            raise fail(
                GradientError,
                "Parameter",
                "only floating dtypes have gradients",
                describe(value, "data"),
                "give it floats, or requires_grad=False",
            )
        self: Parameter = Tensor._make(cls, value.detach(), requires_grad)
        return self

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    __str__ = __repr__
