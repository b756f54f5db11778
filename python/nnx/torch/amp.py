"""torch.amp: code for mixed precision runs, in the dtypes that its tensors have.

nnx computes in the dtype of the operands and casts nothing behind their back. A region under
`autocast` therefore computes as one with enabled=False does, and `GradScaler`, which keeps float16
gradients from vanishing, has nothing to scale. Results are those of full precision.

Example:
    >>> import nnx.torch as torch
    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     y = torch.ones(2, 2) @ torch.ones(2, 2)
    >>> y.dtype
    nnx.float32
"""

from __future__ import annotations

import contextlib
from typing import Any

from nnx._nnx import Tensor

__all__ = ["GradScaler", "autocast"]


class autocast(contextlib.ContextDecorator):
    """A region, or a function, of mixed precision: computed in the dtypes that its tensors have.

    Args: all are PyTorch's; none has an effect (see the module).

    Example:
        >>> import nnx.torch as torch
        >>> @torch.autocast(device_type="cpu")
        ... def twice(x):
        ...     return x * 2
        >>> twice(torch.ones(1))
        tensor([2.])
    """

    def __init__(
        self,
        device_type: str = "cpu",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = str(device_type)
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: Any) -> None:
        return None


class GradScaler:
    """Scales nothing: the gradients are of full precision (see the module).

    Args: all are PyTorch's; none has an effect.

    Example:
        >>> import nnx.torch as torch
        >>> w = nn.Parameter(torch.ones(1))
        >>> optimizer, scaler = torch.optim.SGD([w], lr=0.5), torch.amp.GradScaler()
        >>> scaler.scale((w * 2).sum()).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> w.item(), scaler.get_scale()
        (0.0, 1.0)
    """

    def __init__(self, device: str = "cpu", **options: Any) -> None:
        self.device = device

    def scale(self, outputs: Any) -> Any:
        """The loss, or losses, as they are.

        Example:
            >>> nnx.torch.amp.GradScaler().scale(nnx.ones(1)).item()
            1.0
        """
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Leaves the gradients as they are.

        Example:
            >>> nnx.torch.amp.GradScaler().unscale_(None)
        """

    def step(self, optimizer: Any, *args: Any, **keywords: Any) -> Any:
        """optimizer.step().

        Example:
            >>> w = nn.Parameter(nnx.ones(1))
            >>> w.sum().backward()
            >>> nnx.torch.amp.GradScaler().step(optim.SGD([w], lr=1.0))
            >>> w.item()
            0.0
        """
        return optimizer.step(*args, **keywords)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Has nothing to update.

        Example:
            >>> nnx.torch.amp.GradScaler().update()
        """

    def get_scale(self) -> float:
        """1, the scale of nothing scaled.

        Example:
            >>> nnx.torch.amp.GradScaler().get_scale()
            1.0
        """
        return 1.0

    def is_enabled(self) -> bool:
        """False: gradients are not scaled.

        Example:
            >>> nnx.torch.amp.GradScaler().is_enabled()
            False
        """
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as that of a scaler that is not enabled.

        Example:
            >>> nnx.torch.amp.GradScaler().state_dict()
            {}
        """
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Has nothing to load.

        Example:
            >>> nnx.torch.amp.GradScaler().load_state_dict({})
        """
