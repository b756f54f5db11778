"""torch.accelerator: whether a device other than the CPU is there.

Example:
    >>> import nnx.torch as torch
    >>> device = torch.accelerator.current_accelerator() or torch.device("cpu")
"""

from __future__ import annotations

import nnx
from nnx.torch import cuda

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """Whether there is an accelerator: a CUDA device.

    Example:
        >>> nnx.torch.accelerator.is_available() == nnx.torch.cuda.is_available()
        True
    """
    return cuda.is_available()


def device_count() -> int:
    """The number of accelerators.

    Example:
        >>> nnx.torch.accelerator.device_count() == nnx.torch.cuda.device_count()
        True
    """
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> nnx.device | None:
    """The accelerator in use, or None.

    Example:
        >>> found = nnx.torch.accelerator.current_accelerator()
        >>> found is None or found.type == "cuda"
        True
    """
    return nnx.device("cuda") if is_available() else None
