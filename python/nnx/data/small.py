"""Small sets to learn with: Iris and Digits, in the package, and two of house prices, through the
cache.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nnx._errors import FileError, fail
from nnx._nnx import Tensor, asarray, float32
from nnx.data import cache
from nnx.data.images import ImageDataset
from nnx.data.mnist import read_idx
from nnx.data.table import TableDataset, read_csv

_FOLDER = Path(__file__).parent / "small"


class Iris(TableDataset):
    """150 flowers of three species of iris: lengths and widths of their leaves.

    In the package; nothing is downloaded.

    Shapes: x (150, 4), y (150,). Dtypes: float32, int64. Units: cm.
    Source: R. A. Fisher, Annals of Eugenics 7 (1936) 179; the numbers of the paper.

    Example:
        >>> iris = nnx.data.Iris()
        >>> iris.columns, iris.classes
        (['sepal length', 'sepal width', 'petal length', 'petal width'],
         ('setosa', 'versicolor', 'virginica'))
    """

    def __init__(self) -> None:
        table = read_csv(_FOLDER / "iris.csv", "species")
        super().__init__(table.x, table.y, table.columns, table.target_columns, table.classes)


class Digits(ImageDataset):
    """1797 handwritten digits of 8 x 8 pixels: small enough for any experiment.

    In the package; nothing is downloaded.

    Args: flatten: images as rows of 64 numbers; transform, target_transform: as MNIST, for
        images of numbers from 0 to 1.
    Shapes: images (1797, 8, 8), or (1797, 64); labels (1797,). Dtypes: float32, int64.
    Units: pixels from 0 (paper) to 1 (ink), in 16 steps.
    Source: Alpaydin, Kaynak, UCI Machine Learning Repository (1998), doi:10.24432/C50P49; the
        test part, as scikit-learn has it; CC BY 4.0.

    Example:
        >>> digits = nnx.data.Digits(flatten=True)
        >>> digits.images.shape, digits.targets[:5].tolist()
        ((1797, 64), [0, 1, 2, 3, 4])
    """

    classes = tuple("0123456789")

    def __init__(
        self, *, flatten: bool = False, transform: Any = None, target_transform: Any = None
    ) -> None:
        images = read_idx(_FOLDER / "digits-images-idx3-ubyte.gz", np.float32, scale=16.0)
        labels = read_idx(_FOLDER / "digits-labels-idx1-ubyte.gz", np.int64)
        if flatten:
            images = images.reshape(len(images), -1)
        super().__init__(asarray(images), asarray(labels), transform, target_transform)

    @property
    def images(self) -> Tensor:
        """The images, (1797, 8, 8) or (1797, 64).

        Example:
            >>> float(nnx.data.Digits().images.max())
            1.0
        """
        return self.data

    def __repr__(self) -> str:
        return f"Digits({tuple(self.images.shape)} float32, {len(self)} labels int64)"


class BostonHousing(TableDataset):
    """Median prices of homes in 506 districts of Boston, 1970, and 13 numbers about each.

    Downloaded on first use (57 kB) into `root`, or into `NNX_DATA_DIR`, or into the user's cache.
    It is a classic of regression, and of what can be wrong with data: the column B was built by
    its authors on the assumption that segregation raises prices. CaliforniaHousing is the better
    choice where nothing else speaks for this one.

    Args: root: the folder for the file; download: False to use only what is there.
    Shapes: x (506, 13), y (506, 1). Dtypes: float32. Units: y in 1000 dollars.
    Raises: MissingFileError that says which file to put where, if it cannot be downloaded;
        FileError for a download that is not the published file, or a folder that is not writable.
    Source: Harrison, Rubinfeld, J. Environ. Economics and Management 5 (1978) 81.

    Example:
        >>> nnx.data.BostonHousing.names[:3]
        ('CRIM', 'ZN', 'INDUS')
    """

    names = (
        "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE",
        "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
    )  # fmt: skip
    _source = cache.Source(
        "boston_housing.npz",
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/boston_housing.npz",
            "https://s3.amazonaws.com/keras-datasets/boston_housing.npz",
        ),
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    )

    def __init__(self, root: str | os.PathLike[str] | None = None, download: bool = True) -> None:
        path = cache.fetch(self._source, _place(root, "BostonHousing"), "BostonHousing", download)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                x, y = arrays["x"], arrays["y"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged("BostonHousing", path, error) from error
        if x.ndim != 2 or x.shape[1] != len(self.names) or y.shape != x.shape[:1]:
            raise _damaged("BostonHousing", path, f"shapes {x.shape}, {y.shape}")
        super().__init__(_column(x), _column(y[:, None]), self.names, ("MEDV",))


class CaliforniaHousing(TableDataset):
    """Median prices of homes in 20,640 districts of California, 1990, and 8 numbers about each.

    Downloaded on first use (0.4 MB) into `root`, or into `NNX_DATA_DIR`, or into the user's cache.

    Args: root: the folder for the file; download: False to use only what is there.
    Shapes: x (20640, 8), y (20640, 1). Dtypes: float32. Units: y in 100,000 dollars, MedInc in
        10,000 dollars, HouseAge in years, latitude and longitude in degrees; rooms, bedrooms and
        occupants are averages over the households.
    Raises: as BostonHousing.
    Source: Pace, Barry, Statistics and Probability Letters 33 (1997) 291.

    Example:
        >>> nnx.data.CaliforniaHousing.names[:3]
        ('MedInc', 'HouseAge', 'AveRooms')
    """

    names = (
        "MedInc", "HouseAge", "AveRooms", "AveBedrms",
        "Population", "AveOccup", "Latitude", "Longitude",
    )  # fmt: skip
    _source = cache.Source(
        "cal_housing.tgz",
        (
            "https://ndownloader.figshare.com/files/5976036",
            "https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.tgz",
        ),
        "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
        441963,
    )

    def __init__(self, root: str | os.PathLike[str] | None = None, download: bool = True) -> None:
        op = "CaliforniaHousing"
        path = cache.fetch(self._source, _place(root, op), op, download)
        (content,) = cache.unpack(path, ("CaliforniaHousing/cal_housing.data",), op)
        try:
            table = np.loadtxt(io.BytesIO(content), delimiter=",", ndmin=2)
        except ValueError as error:
            raise _damaged(op, path, error) from error
        if table.shape[1] != 9:
            raise _damaged(op, path, f"{table.shape[1]} columns")
        east, north, age, rooms, bedrooms, people, households, income, price = table.T
        per = 1 / households
        columns = [income, age, rooms * per, bedrooms * per, people, people * per, north, east]
        x = np.column_stack(columns)
        super().__init__(_column(x), _column(price[:, None] / 1e5), self.names, ("MedHouseVal",))


def _place(root: str | os.PathLike[str] | None, name: str) -> Path:
    return cache.folder() / name if root is None else Path(root)


def _column(values: Any) -> Tensor:
    return asarray(np.ascontiguousarray(values)).to(float32)


def _damaged(op: str, path: Path, why: object) -> Exception:
    return fail(FileError, op, "the file is damaged", f"{path} ({why})", f"delete {path}")
