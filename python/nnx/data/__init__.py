"""Data sets and batches.

Example:
    >>> loader = nnx.data.DataLoader(nnx.data.TensorDataset(nnx.zeros((10, 3))), batch_size=5)
    >>> [x.shape for (x,) in loader]
    [(5, 3), (5, 3)]
"""

from nnx.data.dataset import Dataset, Subset, TensorDataset, random_split
from nnx.data.loader import DataLoader, default_collate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nnx.data.mnist import MNIST

__all__ = [
    "MNIST",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "random_split",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "MNIST":
            import importlib

            return importlib.import_module("nnx.data.mnist").MNIST
        raise AttributeError(f"module 'nnx.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
