"""MNIST, in the package, and the sets of the same format, through the cache.

The files are the authors' own, in the IDX format: two zero bytes, the element type (8: uint8),
the number of axes, their lengths as big-endian 32-bit integers, the elements.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import string
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from nnx import _check
from nnx._errors import FileError, MissingFileError, describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, asarray, float32
from nnx.data import cache
from nnx.data.images import ImageDataset
from nnx.data.transforms import Compose, Flatten, Normalize, ToDtype

_FOLDER = Path(__file__).parent / "mnist"
MEAN, STD = 0.1307, 0.3081  # of the training pixels in [0, 1]


class MNIST(ImageDataset):
    """Handwritten digits: 60,000 to train with, 10,000 to test with; grey images of 28 x 28.

    The files are in the package; nothing is downloaded.

    Args:
        root: a folder that has them as `MNIST/raw/*-ubyte` (torchvision's place for them); if it
            has not, or none is given, the package's own are read.
        train: the training set, or the test set.
        transform: for an image, as bytes (28, 28); one of `nnx.data.transforms` takes whole
            batches. Without a transform samples are floats from 0 to 1.
        target_transform: for a label.
        download: without effect.
        flatten: images as rows of 784 numbers.
        normalize: (pixel - 0.1307) / 0.3081, mean 0 and standard deviation 1 over the
            training set, in place of pixels in [0, 1].
        folder: where the four `*-ubyte.gz` files (or unpacked ones) are; the package's own
            unless given. Other sets of the same format can be read so.

    Shapes: images (N, 28, 28), or (N, 784); labels (N,). Dtypes: float32, with a transform uint8;
        int64, 0 to 9. Units: pixels from 0 (paper) to 1 (ink).
    Raises: MissingFileError, and FileError for a file that is truncated or corrupt.
    Source: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998) 2278; CC BY-SA 3.0.

    Example:
        >>> test = nnx.data.MNIST(train=False)
        >>> test.images.shape, test.labels[:5].tolist()
        ((10000, 28, 28), [7, 2, 1, 0, 4])
        >>> from nnx.data.transforms import ToTensor
        >>> nnx.data.MNIST("data", train=False, transform=ToTensor())[0][0].shape
        (1, 28, 28)
    """

    classes: tuple[str, ...] = tuple(string.digits)
    _stats: ClassVar[tuple[float, float] | None] = (MEAN, STD)
    _mirrors: ClassVar[tuple[str, ...]] = ()
    _files: ClassVar[dict[str, tuple[str, int]]] = {}  # name: (SHA-256, bytes)
    _floats = True  # whether images without a transform are kept as floats

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = True,
        *,
        flatten: bool = False,
        normalize: bool = False,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        op = type(self).__name__
        if isinstance(root, bool):
            hint = f"write {op}(train={root})"
            raise fail(DTypeError, op, "root must be a folder", describe(root, "root"), hint)
        if transform is not None and (flatten or normalize):
            rule = "flatten and normalize exclude a transform"
            hint = "put transforms.Flatten() or transforms.Normalize(...) into it"
            raise fail(ArgumentError, op, rule, hint=hint)
        self.train, self.root = bool(train), root
        self._download, self._given = bool(download), folder
        eager = self._floats and transform is None
        images, labels = self._read(self.train, np.float32 if eager else np.uint8)
        if labels.max(initial=0) >= len(self.classes):
            rule = f"labels must be 0 to {len(self.classes) - 1}"
            raise fail(FileError, op, rule, str(labels.max()))
        mean, std = self._statistics(images) if normalize else (0.0, 1.0)
        if eager:
            if normalize:
                images -= np.float32(mean)
                images /= np.float32(std)
            if flatten:
                images = images.reshape(len(images), math.prod(images.shape[1:]))
        elif transform is None:
            steps: list[Any] = [ToDtype(float32, scale=True)]
            steps += [Normalize(mean, std)] if normalize else []
            steps += [Flatten()] if flatten else []
            transform = Compose(steps)
        super().__init__(asarray(images), asarray(labels), transform, target_transform)

    def _names(self, train: bool) -> tuple[str, str]:
        part = "train" if train else "t10k"
        return f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"

    def _read(self, train: bool, dtype: Any) -> tuple[Any, Any]:
        """Images and labels of a part, checked against each other."""
        image_name, label_name = self._names(train)
        scale = 255.0 if dtype == np.float32 else None
        with self._open(image_name) as (stream, limit, path):
            images = _read_stream(stream, limit, path, dtype, scale)
        with self._open(label_name) as (stream, limit, path):
            labels = _read_stream(stream, limit, path, np.int64, None)
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            rule = "the files must hold images (N, H, W) and as many labels (N,)"
            received = f"{images.shape} in {image_name}, {labels.shape} in {path}"
            raise fail(FileError, type(self).__name__, rule, received)
        return images, labels

    def _statistics(self, images: Any) -> tuple[float, float]:
        """Mean and standard deviation of the training pixels, in [0, 1]."""
        if self._stats is not None:
            return self._stats
        if not self.train:
            images = self._read(True, np.uint8)[0]
        unit = 255.0 if images.dtype == np.uint8 else 1.0
        return images.mean(dtype=np.float64) / unit, images.std(dtype=np.float64) / unit

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int, str]]:
        """A stream of the file's content, the most bytes it can have, and what to call it."""
        path = self._find(name)
        with _content(path) as (stream, limit):
            yield stream, limit, str(path)

    def _find(self, name: str) -> Path:
        if self._given is not None:
            return _find(Path(self._given), name.removesuffix(".gz"), type(self).__name__)
        place = Path(self.root or cache.folder()) / type(self).__name__ / "raw"
        plain = place / name.removesuffix(".gz")
        if plain.is_file():
            return plain
        if not self._files:  # MNIST itself
            packed = place / name
            return packed if packed.is_file() else _FOLDER / name
        sha256, size = self._files[name]
        urls = tuple(mirror + name for mirror in self._mirrors)
        source = cache.Source(name, urls, sha256, size)
        return cache.fetch(source, place, type(self).__name__, self._download)

    @property
    def images(self) -> Tensor:
        """The images as they are stored, (N, 28, 28) or (N, 784); float32 or uint8.

        Example:
            >>> float(nnx.data.MNIST(train=False).images.max())
            1.0
        """
        return self.data

    @property
    def labels(self) -> Tensor:
        """The labels, (N,) int64.

        Example:
            >>> nnx.data.MNIST(train=False).labels[:3].tolist()
            [7, 2, 1]
        """
        return self.targets

    def __repr__(self) -> str:
        part = "train" if self.train else "test"
        images = describe(self.images, "images")
        return f"{type(self).__name__}({part}, {images}, {len(self)} labels int64)"


class FashionMNIST(MNIST):
    """Pictures of clothes: 60,000 to train with, 10,000 to test with; grey images of 28 x 28.

    Downloaded on first use (31 MB) into `root`, or into `NNX_DATA_DIR`, or into the user's cache.

    Args: as MNIST; download: False to use only what is there.
    Shapes, dtypes: as MNIST. `normalize` uses mean 0.2860 and deviation 0.3530.
    Raises: MissingFileError that says which file to put where, if it cannot be downloaded;
        FileError for a download that is not the published file, or a folder that is not writable.
    Source: Xiao, Rasul, Vollgraf, arXiv:1708.07747; MIT licence.

    Example:
        >>> nnx.data.FashionMNIST.classes[:3]
        ('T-shirt/top', 'Trouser', 'Pullover')
    """

    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    _stats = (0.2860, 0.3530)
    _mirrors = (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    _files: ClassVar = {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            26421880,
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            29515,
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            4422102,
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            5148,
        ),
    }


class KMNIST(MNIST):
    """Cursive Japanese characters (Kuzushiji): 60,000 and 10,000 grey images of 28 x 28.

    Downloaded on first use (21 MB) into `root`, or into `NNX_DATA_DIR`, or into the user's cache.

    Args: as MNIST; download: False to use only what is there.
    Shapes, dtypes: as MNIST. `normalize` uses the mean and deviation of the training pixels.
    Raises: as FashionMNIST.
    Source: Clanuwat et al., arXiv:1812.01718; CC BY-SA 4.0.

    Example:
        >>> nnx.data.KMNIST.classes[:3]
        ('o', 'ki', 'su')
    """

    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    _stats = None
    _mirrors = (
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    )
    _files: ClassVar = {
        "train-images-idx3-ubyte.gz": (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            18165135,
        ),
        "train-labels-idx1-ubyte.gz": (
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            29497,
        ),
        "t10k-images-idx3-ubyte.gz": (
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            3041136,
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            5120,
        ),
    }


_MERGED = set("cijklmopsuvwxyz")  # small letters that look like their capitals
_LETTERS = tuple(sorted(string.digits + string.ascii_letters))
_MERGED_LETTERS = tuple(c for c in _LETTERS if c not in _MERGED)


class EMNIST(MNIST):
    """Handwritten letters and digits, in six selections; grey images of 28 x 28.

    | split | classes | training | test |
    |---|---|---|---|
    | byclass | 62 | 697,932 | 116,323 |
    | bymerge | 47 | 697,932 | 116,323 |
    | balanced | 47 | 112,800 | 18,800 |
    | letters | 26 (labels 1 to 26) | 124,800 | 20,800 |
    | digits | 10 | 240,000 | 40,000 |
    | mnist | 10 | 60,000 | 10,000 |

    Downloaded on first use (562 MB) into `root`, or into `NNX_DATA_DIR`, or into the user's
    cache. The files hold the images with rows and columns exchanged; here they are upright, as
    those of MNIST are (torchvision leaves them as in the file).

    Args:
        split: one of the names above.
        others as MNIST; download: False to use only what is there.

    Shapes, dtypes: as MNIST, but images are stored as bytes and become floats a batch at a time.
    `normalize` uses the mean and deviation of the training pixels.
    Raises: as FashionMNIST.
    Source: Cohen, Afshar, Tapson, van Schaik, arXiv:1702.05373; public domain (NIST).

    Example:
        >>> nnx.data.EMNIST.splits
        ('byclass', 'bymerge', 'balanced', 'letters', 'digits', 'mnist')
    """

    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _classes: ClassVar = {
        "byclass": _LETTERS,
        "bymerge": _MERGED_LETTERS,
        "balanced": _MERGED_LETTERS,
        "letters": ("N/A", *string.ascii_lowercase),
        "digits": tuple(string.digits),
        "mnist": tuple(string.digits),
    }
    _stats = None
    _floats = False
    _archive = cache.Source(
        "gzip.zip",
        (
            "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
        ),
        "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
        561753746,
    )

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        split: str = "balanced",
        train: bool = True,
        transform: Any = None,
        target_transform: Any = None,
        download: bool = True,
        **options: Any,
    ) -> None:
        self.split = _check.choice("EMNIST", "split", split, self.splits)
        self.classes = self._classes[self.split]
        super().__init__(root, train, transform, target_transform, download, **options)

    def _names(self, train: bool) -> tuple[str, str]:
        name = f"emnist-{self.split}-{'train' if train else 'test'}"
        return f"{name}-images-idx3-ubyte.gz", f"{name}-labels-idx1-ubyte.gz"

    def _read(self, train: bool, dtype: Any) -> tuple[Any, Any]:
        images, labels = super()._read(train, dtype)
        return np.ascontiguousarray(images.transpose(0, 2, 1)), labels

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int, str]]:
        place = Path(self.root or cache.folder()) / "EMNIST" / "raw"
        plain = place / name.removesuffix(".gz")
        if self._given is not None or plain.is_file():
            path = plain if self._given is None else super()._find(name)
            with _content(path) as (stream, limit):
                yield stream, limit, str(path)
            return
        archive = cache.fetch(self._archive, place, "EMNIST", self._download)
        with _readable(str(archive)), zipfile.ZipFile(archive) as members:
            size = members.getinfo(f"gzip/{name}").file_size
            with members.open(f"gzip/{name}") as member, gzip.GzipFile(fileobj=member) as stream:
                yield stream, 1032 * size + 1024, f"{archive}/{name}"  # type: ignore[misc]


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
    with _content(path) as (stream, limit):
        return _read_stream(stream, limit, str(path), dtype, scale)


@contextlib.contextmanager
def _content(path: str | os.PathLike[str]) -> Iterator[tuple[Any, int]]:
    """What a file holds, unpacked where it is packed, and the most bytes that can be."""
    with _readable(str(path)), open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        if not packed:
            yield file, size
            return
        with gzip.GzipFile(fileobj=file) as stream:
            # No deflate stream grows more than 1032 times: a header that claims more lies.
            yield stream, 1032 * size + 1024


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Errors of reading a file, as ours."""
    op = "read_idx"
    try:
        yield
    except FileNotFoundError as error:
        if isinstance(error, FileError):
            raise
        raise fail(MissingFileError, op, "the file does not exist", path) from error
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, KeyError) as error:
        hint = f"delete {path} and get it again"
        raise fail(FileError, op, "a packed file is damaged", f"{path} ({error})", hint) from error
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


def _find(folder: Path, name: str, op: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.exists():
            return candidate
    raise fail(MissingFileError, op, f"there must be a file {name}.gz", f"folder = {folder}")
