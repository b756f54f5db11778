"""Torchvision's names: `import nnx.torch.vision as torchvision`.

`datasets` is nnx.data, `transforms` nnx.data.transforms, `models` nnx.models.

Example:
    >>> import nnx.torch.vision as torchvision
    >>> torchvision.datasets.MNIST is nnx.data.MNIST
    True
"""

from typing import Any

__all__ = ["datasets", "io", "models", "transforms", "utils"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nnx.torch.vision' has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"nnx.torch.vision.{name}")
