"""CIFAR-10 and CIFAR-100: small colour pictures, through the cache.

Read from the authors' binary archives, without unpacking them: records of one label byte (two for
CIFAR-100: coarse, fine) and 3072 pixel bytes, channel by channel. Nothing in them can run code, as
the pickled archives could.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnx._errors import FileError, describe, fail
from nnx._nnx import DTypeError, asarray
from nnx.data import cache
from nnx.data.images import ImageDataset
from nnx.data.transforms import Compose, Normalize, ToTensor


class CIFAR10(ImageDataset):
    """Colour pictures of 32 x 32 in ten classes: 50,000 to train with, 10,000 to test with.

    Downloaded on first use (170 MB) into `root`, or into `NNX_DATA_DIR`, or into the user's cache.

    Args:
        root: the folder for the archive.
        train: the training set, or the test set.
        transform: for a picture, as bytes (32, 32, 3); `transforms.ToTensor()` unless given, so
            that samples are floats (3, 32, 32) from 0 to 1. Those of `nnx.data.transforms` take
            whole batches.
        target_transform: for a label.
        download: False to use only what is there.
        normalize: each channel to mean 0 and standard deviation 1 over the training set.

    Shapes: data (N, 32, 32, 3), samples (3, 32, 32); targets (N,). Dtypes: uint8; int64.
    Raises: MissingFileError that says which file to put where, if it cannot be downloaded;
        FileError for a download that is not the published file, or a folder that is not writable.
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).

    Example:
        >>> nnx.data.CIFAR10.classes[:3]
        ('airplane', 'automobile', 'bird')
    """

    classes: tuple[str, ...] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip
    _stats = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    _archive = cache.Source(
        "cifar-10-binary.tar.gz",
        (
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/"
            "cifar-10-binary.tar.gz",
        ),
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        170052171,
    )
    _members: ClassVar[dict[bool, tuple[str, ...]]] = {
        True: tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
        False: ("cifar-10-batches-bin/test_batch.bin",),
    }
    _label_bytes = 1

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = True,
        *,
        normalize: bool = False,
    ) -> None:
        op = type(self).__name__
        if isinstance(root, bool):
            hint = f"write {op}(train={root})"
            raise fail(DTypeError, op, "root must be a folder", describe(root, "root"), hint)
        self.train, self.root = bool(train), root
        if transform is None:
            transform = ToTensor()
        if normalize:
            transform = Compose([transform, Normalize(*self._stats)])
        place = Path(root) if root is not None else cache.folder() / op
        path = cache.fetch(self._archive, place, op, bool(download))
        images, labels = self._read(path)
        super().__init__(asarray(images), asarray(labels), transform, target_transform)

    def _read(self, path: Path) -> tuple[Any, Any]:
        op, width = type(self).__name__, self._label_bytes + 3072
        contents = cache.unpack(path, self._members[self.train], op)
        parts = [np.frombuffer(content, np.uint8) for content in contents]
        if any(len(part) % width for part in parts):
            rule = f"the archive must hold records of {width} bytes"
            raise fail(FileError, op, rule, f"{[len(part) for part in parts]} bytes in {path}")
        records = np.concatenate(parts).reshape(-1, width)
        labels = records[:, self._label_bytes - 1].astype(np.int64)
        if labels.max(initial=0) >= len(self.classes):
            rule = f"labels must be 0 to {len(self.classes) - 1}"
            raise fail(FileError, op, rule, f"{labels.max()} in {path}")
        pixels = records[:, self._label_bytes :].reshape(-1, 3, 32, 32)
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)), labels

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        return f"{type(self).__name__}({part}, {describe(self.data, 'data')}, {len(self)} labels)"


_HUNDRED = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus "
    "butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach "
    "couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster "
    "house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree "
    "motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear "
    "pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket "
    "rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
    "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip "
    "turtle wardrobe whale willow_tree wolf woman worm"
)


class CIFAR100(CIFAR10):
    """Colour pictures of 32 x 32 in a hundred classes: 50,000 and 10,000.

    Downloaded on first use (169 MB). Args, shapes, dtypes, raises: as CIFAR10.
    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).

    Example:
        >>> len(nnx.data.CIFAR100.classes), nnx.data.CIFAR100.classes[0]
        (100, 'apple')
    """

    classes = tuple(_HUNDRED.split())
    _stats = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
    _archive = cache.Source(
        "cifar-100-binary.tar.gz",
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        168513733,
    )
    _members: ClassVar[dict[bool, tuple[str, ...]]] = {
        True: ("cifar-100-binary/train.bin",),
        False: ("cifar-100-binary/test.bin",),
    }
    _label_bytes = 2
