"""torch.cuda: whether a CUDA device is there, and what code asks of it.

Everything that needs a device raises DeviceError with the reason where there is none; what only
seeds, waits for or cleans up after one does nothing then.

Example:
    >>> import nnx.torch as torch
    >>> device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""

from __future__ import annotations

from typing import Any

import nnx
from nnx.torch import amp, legacy

__all__ = [
    "FloatTensor",
    "LongTensor",
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "reset_peak_memory_stats",
    "set_device",
    "synchronize",
]


class CudaTensorDType(legacy.TensorDType):
    """A tensor type of old whose tensors are on the CUDA device.

    Raises: DeviceError where there is none.

    Example:
        >>> nnx.torch.cuda.FloatTensor
        <tensor type torch.cuda.FloatTensor>
    """

    def __call__(self, *data: Any) -> nnx.Tensor:
        nnx.device("cuda")
        return super().__call__(*data).to("cuda")

    def __instancecheck__(self, instance: Any) -> bool:
        return super().__instancecheck__(instance) and bool(instance.is_cuda)


FloatTensor = CudaTensorDType("cuda.FloatTensor", nnx.float32)
LongTensor = CudaTensorDType("cuda.LongTensor", nnx.int64)


def device_count() -> int:
    """The number of CUDA devices that can be used.

    Example:
        >>> nnx.torch.cuda.device_count() >= 0
        True
    """
    return sum(d["available"] and d["name"].startswith("cuda") for d in nnx.devices())


def is_available() -> bool:
    """Whether there is a CUDA device that can be used; `python -m nnx.info` says why not.

    Example:
        >>> nnx.torch.cuda.is_available() == (nnx.torch.cuda.device_count() > 0)
        True
    """
    return device_count() > 0


def _device(device: Any = None) -> Any:
    """The device that is meant, or the DeviceError that says why it is not there."""
    return nnx.device(f"cuda:{device}" if isinstance(device, int) else device or "cuda")


def current_device() -> int:
    """The index of the device in use: 0.

    Raises: DeviceError where there is none.

    Example:
        >>> if nnx.torch.cuda.is_available():
        ...     assert nnx.torch.cuda.current_device() == 0
    """
    return int(_device().index or 0)


def set_device(device: Any) -> None:
    """Checks that the device is there.

    Raises: DeviceError where it is not.

    Example:
        >>> if nnx.torch.cuda.is_available():
        ...     nnx.torch.cuda.set_device(0)
    """
    _device(device)


def get_device_name(device: Any = None) -> str:
    """The name of a device, as its driver has it.

    Raises: DeviceError where it is not there.

    Example:
        >>> if nnx.torch.cuda.is_available():
        ...     assert nnx.torch.cuda.get_device_name(0)
    """
    return str(get_device_properties(device)["name"])


def get_device_properties(device: Any = None) -> dict[str, Any]:
    """What nnx.device_properties says about a device.

    Raises: DeviceError where it is not there.

    Example:
        >>> if nnx.torch.cuda.is_available():
        ...     assert nnx.torch.cuda.get_device_properties(0)["memory"] > 0
    """
    return nnx.device_properties(_device(device))


def manual_seed(seed: int) -> None:
    """Seeds the random numbers of all devices, which are one stream: nnx.manual_seed.

    Example:
        >>> nnx.torch.cuda.manual_seed(3)
    """
    if is_available():
        nnx.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """As `manual_seed`.

    Example:
        >>> nnx.torch.cuda.manual_seed_all(3)
    """
    manual_seed(seed)


def synchronize(device: Any = None) -> None:
    """Waits until a device has done its work. The CPU has, when a call is back.

    Example:
        >>> nnx.torch.cuda.synchronize()
    """
    if is_available():
        nnx.synchronize(_device(device))


def empty_cache() -> None:
    """Gives memory that is kept for reuse back to the system.

    Example:
        >>> nnx.torch.cuda.empty_cache()
    """
    nnx.empty_cache(_device() if is_available() else "cpu")


def memory_allocated(device: Any = None) -> int:
    """Bytes of tensors on a CUDA device; 0 where there is none. See nnx.memory_stats for the CPU.

    Example:
        >>> nnx.torch.cuda.memory_allocated() >= 0
        True
    """
    return nnx.memory_stats(_device(device))["allocated"] if is_available() else 0


def max_memory_allocated(device: Any = None) -> int:
    """The most that `memory_allocated` has been.

    Example:
        >>> nnx.torch.cuda.max_memory_allocated() >= 0
        True
    """
    return nnx.memory_stats(_device(device))["peak"] if is_available() else 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts `max_memory_allocated` again.

    Example:
        >>> nnx.torch.cuda.reset_peak_memory_stats()
    """
    nnx.reset_peak_memory_stats(_device(device) if is_available() else "cpu")
