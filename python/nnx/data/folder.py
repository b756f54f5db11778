"""Labelled files in folders, one folder a class, read from disk one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnx._errors import FileError, MissingFileError, describe, fail
from nnx._nnx import ArgumentError, DTypeError
from nnx._optional import need
from nnx.data.dataset import Dataset, transform_sample

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")


def load_image(path: str) -> Any:
    """A picture file as a PIL image of red, green, blue bytes.

    Raises: FileError for a file that is truncated, corrupt or no picture, and for pixels of more
        than 8 bits, which bytes cannot hold; MissingPackageError without Pillow.

    Example:
        >>> from PIL import Image
        >>> Image.new("L", (4, 3), 255).save("white.png")
        >>> nnx.data.folder.load_image("white.png").size
        (4, 3)
    """
    op = "ImageFolder"
    pil = need("pillow", op, "PIL.Image")
    try:
        with open(path, "rb") as file:
            image = pil.open(file)
            if image.mode[0] not in "IF":
                return image.convert("RGB")
            mode = image.mode
    except MemoryError:
        raise
    except Exception as error:  # decoders raise errors of many kinds
        rule = "the file must hold a picture, whole and intact"
        received = f"{path}: {type(error).__name__}: {error}"
        hint = "open it with a viewer; copy it anew, or move it out of the folder"
        raise fail(FileError, op, rule, received, hint) from error
    rule = "the pixels must be bytes: other numbers would be cut off at 255"
    hint = "give loader=... a function of the path that scales them"
    raise fail(FileError, op, rule, f"{path}: pixels of mode {mode}", hint)


class DatasetFolder(Dataset[tuple[Any, Any]]):
    """Files in folders, one folder a class: root/class/.../file. Classes are sorted by name.

    Args:
        root: the folder of the classes' folders.
        loader: makes a sample of a path.
        extensions: the ends of the names of files that are read, such as (".npy",).
        transform: for a sample.
        target_transform: for a label, which it gets as an int.
        is_valid_file: in place of extensions: whether a path is read.
        allow_empty: whether a class may have no file.

    Attributes: classes, the names; class_to_idx, the label of each; samples, pairs of a path and
    a label; targets, the labels.
    Raises: MissingFileError for no such folder, no class, or a class without a file; ArgumentError
        unless either extensions or is_valid_file is given. An error of the loader names the file.
    Source: the interface of torchvision.datasets.DatasetFolder.

    Example:
        >>> import pathlib
        >>> for name in ("noise/1.npy", "signal/2.npy"):
        ...     pathlib.Path(name).parent.mkdir(exist_ok=True)
        ...     np.save(name, np.ones(3))
        >>> data = nnx.data.DatasetFolder(".", np.load, (".npy",))
        >>> data.classes, data[1][1]
        (['noise', 'signal'], 1)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: Sequence[str] | str | None = None,
        transform: Any = None,
        target_transform: Any = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        op = type(self).__name__
        for name, f in (
            ("loader", loader),
            ("transform", transform),
            ("target_transform", target_transform),
            ("is_valid_file", is_valid_file),
        ):
            if (f is not None or name == "loader") and not callable(f):
                raise fail(DTypeError, op, f"{name} must be a function", describe(f, name))
        if (extensions is None) == (is_valid_file is None):
            rule = "give either extensions or is_valid_file"
            raise fail(ArgumentError, op, rule, "both" if extensions else "neither")
        self.root = os.fspath(root)
        self.loader = loader
        self.extensions = (extensions,) if isinstance(extensions, str) else extensions
        self.transform, self.target_transform = transform, target_transform
        self._wanted = is_valid_file or self._by_extension
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self._find(bool(allow_empty))
        self.targets = [label for _, label in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """The classes' names and labels: the folders in a folder, sorted. A subclass may choose.

        Example:
            >>> import os
            >>> for name in ("dog", "cat"):
            ...     os.makedirs(f"pets/{name}")
            >>> nnx.data.ImageFolder("pets", allow_empty=True).find_classes("pets")
            (['cat', 'dog'], {'cat': 0, 'dog': 1})
        """
        op = type(self).__name__
        if not os.path.isdir(directory):
            rule = "root must be a folder with one folder for each class"
            found = "a file" if os.path.exists(directory) else "not there"
            raise fail(
                MissingFileError, op, rule, f"{directory!r}, which is {found}", _near(directory)
            )
        with os.scandir(directory) as entries:
            classes = sorted(entry.name for entry in entries if entry.is_dir())
        if not classes:
            rule = "root must have one folder for each class"
            files = len(os.listdir(directory))
            hint = "move the files into folders: root/cat/1.png, root/dog/2.png"
            raise fail(MissingFileError, op, rule, f"{directory!r} with {files} files", hint)
        return classes, {name: label for label, name in enumerate(classes)}

    def _by_extension(self, path: str) -> bool:
        return path.lower().endswith(tuple(end.lower() for end in self.extensions or ()))

    def _find(self, allow_empty: bool) -> list[tuple[str, int]]:
        samples: list[tuple[str, int]] = []
        empty = []
        for name, label in self.class_to_idx.items():
            before = len(samples)
            for folder, inner, files in os.walk(os.path.join(self.root, name), followlinks=True):
                inner.sort()
                paths = (os.path.join(folder, file) for file in sorted(files))
                samples += [(path, label) for path in paths if self._wanted(path)]
            if len(samples) == before:
                empty.append(name)
        if empty and not allow_empty:
            rule = f"every class must have a file{self._of_what()}"
            hint = "allow_empty=True takes classes without any"
            received = f"none in {', '.join(map(repr, empty[:5]))} of {self.root!r}"
            raise fail(MissingFileError, type(self).__name__, rule, received, hint)
        return samples

    def _of_what(self) -> str:
        return f" that ends with {', '.join(self.extensions)}" if self.extensions else ""

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, label = self.samples[index]
        try:
            sample = self.loader(path)
        except FileError:
            raise
        except Exception as error:
            error.add_note(f"[{type(self).__name__}] raised while reading {path}")
            raise
        made: tuple[Any, Any] = transform_sample(
            (sample, label), self.transform, self.target_transform
        )
        return made

    def __repr__(self) -> str:
        name, n = type(self).__name__, len(self)
        return f"{name}({self.root!r}, {n} samples in {len(self.classes)} classes)"


class ImageFolder(DatasetFolder):
    """Pictures in folders, one folder a class: root/cat/1.png, root/dog/2.png. Needs Pillow.

    A sample is a PIL image of red, green and blue bytes and its label; the transform makes a
    tensor of it, usually through `transforms.Resize` and `transforms.ToTensor`.

    Args:
        root: the folder of the classes' folders.
        transform: for a picture.
        target_transform: for a label, which it gets as an int.
        loader: makes a picture of a path; `nnx.data.folder.load_image` unless given.
        is_valid_file: whether a path is read; unless given, by the end of its name (.jpg, .jpeg,
            .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp, .gif).
        allow_empty: whether a class may have no picture.

    Attributes: classes, class_to_idx, samples, targets as DatasetFolder; imgs is samples.
    Raises: as DatasetFolder; on reading, FileError that names a file which is no picture.
    Source: the interface of torchvision.datasets.ImageFolder.

    Example:
        >>> import os
        >>> from PIL import Image
        >>> for name in ("cat", "dog"):
        ...     os.makedirs(f"pictures/{name}")
        ...     Image.new("RGB", (40, 30)).save(f"pictures/{name}/1.png")
        >>> from nnx.data.transforms import Compose, Resize, ToTensor
        >>> prepare = Compose([Resize((32, 32)), ToTensor()])
        >>> data = nnx.data.ImageFolder("pictures", prepare)
        >>> x, y = next(iter(nnx.data.DataLoader(data, batch_size=2)))
        >>> x.shape, y.tolist(), data.classes
        ((2, 3, 32, 32), [0, 1], ['cat', 'dog'])
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Any = None,
        target_transform: Any = None,
        loader: Callable[[str], Any] = load_image,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        ends = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, ends, transform, target_transform, is_valid_file, allow_empty
        )

    @property
    def imgs(self) -> list[tuple[str, int]]:
        """The pairs of a path and a label.

        Example:
            >>> import os
            >>> os.makedirs("empty/cat")
            >>> nnx.data.ImageFolder("empty", allow_empty=True).imgs
            []
        """
        return self.samples


def _near(directory: str) -> str:
    """Folders beside the one that is missing whose name is like it."""
    import difflib

    parent = Path(directory).resolve().parent
    if not parent.is_dir():
        return ""
    names = [entry.name for entry in parent.iterdir() if entry.is_dir()]
    close = difflib.get_close_matches(Path(directory).name, names, 1)
    return f"did you mean {close[0]!r}?" if close else ""
