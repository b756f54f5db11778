"""torch.utils: `data` is nnx.data, `tensorboard` has the SummaryWriter.

Example:
    >>> from nnx.torch.utils.data import DataLoader
    >>> DataLoader is nnx.data.DataLoader
    True
"""

from typing import Any

__all__ = ["checkpoint", "data", "tensorboard"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nnx.torch.utils' has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"nnx.torch.utils.{name}")
