"""MNIST: 70,000 handwritten digits, in the package.

The files are the authors' own, in the IDX format: two zero bytes, the element type (8: uint8),
the number of axes, their lengths as big-endian 32-bit integers, the elements.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nnx._errors import FileError, MissingFileError, fail
from nnx._nnx import Tensor, asarray
from nnx.data.dataset import TensorDataset

_FOLDER = Path(__file__).parent / "mnist"
MEAN, STD = 0.1307, 0.3081  # of the training pixels in [0, 1]


class MNIST(TensorDataset):
    """Handwritten digits: 60,000 to train with, 10,000 to test with; grey images of 28 x 28.

    Args:
        train: the training set, or the test set.
        flatten: images as rows of 784 numbers.
        normalize: (pixel - 0.1307) / 0.3081, mean 0 and standard deviation 1 over the
            training set, in place of pixels in [0, 1].
        folder: where the four `*-ubyte.gz` files (or unpacked ones) are; the package's own
            unless given. Other sets of the same format, such as Fashion-MNIST, can be read so.

    Shapes: images (N, 28, 28), or (N, 784); labels (N,). Dtypes: float32; int64, 0 to 9.
    Units: pixels from 0 (paper) to 1 (ink).
    Raises: MissingFileError, and FileError for a file that is truncated or corrupt.
    Source: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998) 2278; CC BY-SA 3.0.

    Example:
        >>> test = nnx.data.MNIST(train=False)
        >>> test.images.shape, test.labels[:5].tolist()
        ((10000, 28, 28), [7, 2, 1, 0, 4])
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        train: bool = True,
        *,
        flatten: bool = False,
        normalize: bool = False,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        where = _FOLDER if folder is None else Path(folder)
        prefix = "train" if train else "t10k"
        image_file = _find(where, f"{prefix}-images-idx3-ubyte")
        label_file = _find(where, f"{prefix}-labels-idx1-ubyte")
        images = read_idx(image_file, np.float32, scale=255.0)
        labels = read_idx(label_file, np.int64)
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            rule = "the files must hold images (N, H, W) and as many labels (N,)"
            received = f"{images.shape} in {image_file}, {labels.shape} in {label_file}"
            raise fail(FileError, "MNIST", rule, received)
        if labels.max(initial=0) > 9:
            rule = "labels must be 0 to 9"
            raise fail(FileError, "MNIST", rule, f"{labels.max()} in {label_file}")
        if normalize:
            images -= np.float32(MEAN)
            images /= np.float32(STD)
        if flatten:
            images = images.reshape(len(images), math.prod(images.shape[1:]))
        self.train = bool(train)
        super().__init__(asarray(images), asarray(labels))

    @property
    def images(self) -> Tensor:
        """The images, (N, 28, 28) or (N, 784) float32.

        Example:
            >>> float(nnx.data.MNIST(train=False).images.max())
            1.0
        """
        return self.tensors[0]

    @property
    def labels(self) -> Tensor:
        """The labels, (N,) int64.

        Example:
            >>> nnx.data.MNIST(train=False).labels[:3].tolist()
            [7, 2, 1]
        """
        return self.tensors[1]

    data = images  # torchvision's names
    targets = labels

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        return f"MNIST({part}, images {tuple(self.images.shape)} float32, {len(self)} labels int64)"


def read_idx(
    path: str | os.PathLike[str], dtype: Any = np.uint8, scale: float | None = None
) -> np.ndarray[Any, Any]:
    """The numbers in an IDX file of bytes, gzipped or not, as an array of a dtype.

    Args: scale: what they are divided by.

    The file is read piece by piece, so that no more memory is used than the array needs.

    Raises: MissingFileError, and FileError for a file that is truncated or corrupt or has other
        elements than bytes.

    Example:
        >>> from nnx.data.mnist import _FOLDER, read_idx
        >>> read_idx(_FOLDER / "t10k-labels-idx1-ubyte.gz").shape
        (10000,)
    """
    op = "read_idx"
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            if not packed:
                return _read_stream(file, size, str(path), dtype, scale)
            with gzip.GzipFile(fileobj=file) as stream:
                # No deflate stream grows more than 1032 times: a header that claims more lies.
                return _read_stream(stream, 1032 * size + 1024, str(path), dtype, scale)
    except FileNotFoundError as error:
        raise fail(MissingFileError, op, "the file does not exist", str(path)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        hint = "copy or download the file again"
        raise fail(FileError, op, "the gzip file is damaged", f"{path} ({error})", hint) from error
    except FileError:
        raise
    except OSError as error:
        raise fail(FileError, op, "the file cannot be read", f"{path} ({error})") from error


def _read_stream(
    stream: Any, limit: int, path: str, dtype: Any, scale: float | None
) -> np.ndarray[Any, Any]:
    head = stream.read(4)
    if len(head) < 4 or head[:3] != b"\0\0\x08":
        rule = "an IDX file of bytes must begin with 0, 0, 8 and the number of axes"
        raise fail(FileError, "read_idx", rule, f"{list(head)} in {path}")
    lengths = stream.read(4 * head[3])
    shape = tuple(int.from_bytes(lengths[i : i + 4], "big") for i in range(0, len(lengths), 4))
    count = math.prod(shape)
    if len(shape) != head[3] or len(shape) > 8 or count > limit:
        rule = "the header of an IDX file must tell the lengths of its axes"
        raise fail(FileError, "read_idx", rule, f"{head[3]} axes {shape} in {path}")
    values = np.empty(count, dtype)
    done = 0
    while piece := stream.read(_PIECE):
        part = values[done : done + len(piece)]
        if len(part) < len(piece):
            raise _wrong_length(path, shape, "more")
        bytes_ = np.frombuffer(piece, np.uint8)
        if scale is None:
            part[:] = bytes_
        else:
            np.divide(bytes_, values.dtype.type(scale), out=part)
        done += len(piece)
    if done < count:
        raise _wrong_length(path, shape, str(done))
    return values.reshape(shape)


def _wrong_length(path: str, shape: tuple[int, ...], found: str) -> Exception:
    rule = f"the file must have {math.prod(shape)} bytes for the shape {shape}"
    return fail(FileError, "read_idx", rule, f"{found} in {path}", "copy the file again")


_PIECE = 1 << 20  # bytes


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.exists():
            return candidate
    raise fail(MissingFileError, "MNIST", f"there must be a file {name}.gz", f"folder = {folder}")
