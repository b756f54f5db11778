"""Data sets and batches.

Example:
    >>> loader = nnx.data.DataLoader(nnx.data.TensorDataset(nnx.zeros((10, 3))), batch_size=5)
    >>> [x.shape for (x,) in loader]
    [(5, 3), (5, 3)]
"""

from nnx.data.collate import default_collate, default_convert
from nnx.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    TransformedDataset,
)
from nnx.data.loader import DataLoader
from nnx.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from nnx.data.split import StratifiedSplit, random_split, stratified_split
from nnx.data.workers import batch_generator, get_worker_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nnx.data import transforms
    from nnx.data.cifar import CIFAR10, CIFAR100
    from nnx.data.folder import DatasetFolder, ImageFolder
    from nnx.data.generators import (
        make_blobs,
        make_circles,
        make_gaussian_mixture,
        make_moons,
        make_sine,
        make_spirals,
        make_xor,
    )
    from nnx.data.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
    from nnx.data.small import BostonHousing, CaliforniaHousing, Digits, Iris
    from nnx.data.table import TableDataset, from_pandas, read_csv

# Found in modules of their own, which are imported on first use.
_LATER = {
    "transforms": "nnx.data",
    "CIFAR10": "nnx.data.cifar",
    "CIFAR100": "nnx.data.cifar",
    "DatasetFolder": "nnx.data.folder",
    "ImageFolder": "nnx.data.folder",
    "make_blobs": "nnx.data.generators",
    "make_circles": "nnx.data.generators",
    "make_gaussian_mixture": "nnx.data.generators",
    "make_moons": "nnx.data.generators",
    "make_sine": "nnx.data.generators",
    "make_spirals": "nnx.data.generators",
    "make_xor": "nnx.data.generators",
    "EMNIST": "nnx.data.mnist",
    "FashionMNIST": "nnx.data.mnist",
    "KMNIST": "nnx.data.mnist",
    "MNIST": "nnx.data.mnist",
    "BostonHousing": "nnx.data.small",
    "CaliforniaHousing": "nnx.data.small",
    "Digits": "nnx.data.small",
    "Iris": "nnx.data.small",
    "TableDataset": "nnx.data.table",
    "from_pandas": "nnx.data.table",
    "read_csv": "nnx.data.table",
}

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "BatchSampler",
    "BostonHousing",
    "CaliforniaHousing",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DatasetFolder",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "Iris",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "StratifiedSplit",
    "Subset",
    "SubsetRandomSampler",
    "TableDataset",
    "TensorDataset",
    "TransformedDataset",
    "WeightedRandomSampler",
    "batch_generator",
    "default_collate",
    "default_convert",
    "from_pandas",
    "get_worker_info",
    "make_blobs",
    "make_circles",
    "make_gaussian_mixture",
    "make_moons",
    "make_sine",
    "make_spirals",
    "make_xor",
    "random_split",
    "read_csv",
    "stratified_split",
    "transforms",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        where = _LATER.get(name)
        if where is None:
            raise AttributeError(f"module 'nnx.data' has no attribute {name!r}")
        import importlib

        if where == "nnx.data":
            return importlib.import_module(f"nnx.data.{name}")
        return getattr(importlib.import_module(where), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
