"""Tables in: CSV files and data frames as datasets with column names."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nnx import _check
from nnx._errors import FileError, MissingFileError, describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, asarray, float32, int64
from nnx.data.dataset import TensorDataset

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})


class TableDataset(TensorDataset):
    """Rows of a table: features (N, columns), and a target if there is one.

    Attributes:
        columns: names of the features.
        target_columns: names of the target, empty if there is none.
        classes: names of the classes where the target was words: label i stands for classes[i].

    Example:
        >>> data = nnx.data.read_csv(["a,b,kind", "1,2,cat", "3,4,dog"], target="kind")
        >>> data.columns, data.classes, data.x.tolist(), data.y.tolist()
        (['a', 'b'], ('cat', 'dog'), [[1.0, 2.0], [3.0, 4.0]], [0, 1])
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        columns: Sequence[str] = (),
        target_columns: Sequence[str] = (),
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__(*((x,) if y is None else (x, y)))
        self.columns, self.target_columns = list(columns), list(target_columns)
        self.classes = tuple(classes)

    @property
    def x(self) -> Tensor:
        """The features, (N, columns).

        Example:
            >>> nnx.data.Iris().x.shape
            (150, 4)
        """
        return self.tensors[0]

    @property
    def y(self) -> Tensor | None:
        """The target: labels (N,), or numbers (N, target columns); None if there is none.

        Example:
            >>> nnx.data.Iris().y.shape
            (150,)
        """
        return self.tensors[1] if len(self.tensors) > 1 else None

    targets = y  # what a StratifiedSplit looks for

    def __repr__(self) -> str:
        target = f", target {', '.join(self.target_columns)}" if self.target_columns else ""
        return f"{type(self).__name__}({len(self)} rows, {', '.join(self.columns)}{target})"


def read_csv(
    source: Any,
    target: Any = None,
    *,
    header: bool | None = None,
    columns: Sequence[str] | None = None,
    sep: str | None = None,
    decimal: str = ".",
    dtype: Any = None,
    target_dtype: Any = None,
    missing: str = "error",
    encoding: str = "utf-8-sig",
) -> TableDataset:
    """A CSV file as a dataset: rows of numbers, and a target if one is named.

    Args:
        source: a path (`.gz` is unpacked), an open file, or lines.
        target: the column to predict, by name or position, or a list of them; the others are the
            features. None: all columns are features.
        header: whether the first line has the names; None finds out (no number among them).
        columns: names to use instead.
        sep: what stands between values; None takes the comma, semicolon or tab, whichever the
            first line has most of.
        decimal: the decimal sign, "." or ",".
        dtype: of the features; float32 unless given.
        target_dtype: of the target. Unless given, whole numbers are int64 labels (N,), words are
            classes (N,), numbered in the order of the alphabet, and other numbers have the dtype
            of the features and the shape (N, 1), as a layer with one output has.
        missing: "error", or "drop" to leave out rows in which a value is missing.
        encoding: of the file.

    Raises: FileError that names row and column of a value that is missing or no number, or a row
        that has too few or too many; MissingFileError; ArgumentError for a column that is not
        there.

    Example:
        >>> data = nnx.data.read_csv(["x,y", "0.5,1.5", "1.0,2.0"], target="y")
        >>> data[1][0].tolist(), data[1][1].tolist()
        ([1.0], [2.0])
    """
    op = "read_csv"
    _check.choice(op, "missing", missing, ("error", "drop"))
    _check.choice(op, "decimal", decimal, (".", ","))
    name, lines = _lines(op, source, encoding)
    if sep is None and lines:
        sep = max((",", ";", "\t"), key=lines[0].count)
        if decimal == "," and sep == ",":
            sep = ";"
    try:
        rows = [(i, row) for i, row in enumerate(csv.reader(lines, delimiter=sep or ","), 1) if row]
    except (csv.Error, TypeError) as error:
        raise fail(FileError, op, "the file must be a CSV file", f"{name} ({error})") from error
    if header is None:
        header = bool(rows) and not any(_is_number(cell, decimal) for cell in rows[0][1])
    names = [cell.strip() for cell in rows.pop(0)[1]] if header and rows else []
    if columns is not None:
        names = [str(column) for column in columns]
    if not rows:
        raise fail(FileError, op, "there must be at least one row of numbers", name)
    names = names or [f"column {i}" for i in range(len(rows[0][1]))]
    if {len(row) for _, row in rows} != {len(names)}:
        i, row = next((i, row) for i, row in rows if len(row) != len(names))
        rule = f"every row must have the {len(names)} values of {', '.join(names)}"
        raise fail(FileError, op, rule, f"{len(row)} values in row {i} of {name}")
    if missing == "drop":
        rows = [(i, row) for i, row in rows if not any(map(_is_missing, row))]
        if not rows:
            raise fail(FileError, op, "there must be a row without missing values", name)
    labels = [i for i, _ in rows]
    maker = _Maker(op, name, labels, decimal, "missing='drop' leaves such rows out")
    cells = dict(enumerate(zip(*(row for _, row in rows), strict=True)))
    return _dataset(maker, names, cells, target, dtype, target_dtype)


def from_pandas(
    frame: Any, target: Any = None, *, dtype: Any = None, target_dtype: Any = None
) -> TableDataset:
    """A pandas data frame as a dataset: columns of numbers, and a target if one is named.

    Args:
        target: the column to predict, by name, or a list of them; the others are the features.
        dtype, target_dtype: as for `read_csv`.

    Raises: ArgumentError that names row and column of a missing value, or a column that is not
        there; DTypeError for a column of words or dates among the features.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"a": [1.0, 2.0], "kind": ["dog", "cat"]})
        >>> data = nnx.data.from_pandas(frame, target="kind")
        >>> data.classes, data.y.tolist()
        (('cat', 'dog'), [1, 0])
    """
    op = "from_pandas"
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        raise fail(DTypeError, op, "frame must be a pandas data frame", describe(frame, "frame"))
    names = [str(column) for column in frame.columns]
    if len(set(names)) < len(names):
        raise fail(ArgumentError, op, "columns must have different names", ", ".join(names))
    if not len(frame):
        raise fail(ArgumentError, op, "there must be at least one row", describe(names, "columns"))
    labels = list(frame.index)
    cells: dict[int, Any] = {}
    for i, name in enumerate(names):
        column = frame.iloc[:, i]
        gaps = column.isna().to_numpy()
        if gaps.any():
            rule = (
                f"no value may be missing, as in row {labels[int(gaps.argmax())]}, column {name!r}"
            )
            hint = "frame.dropna() leaves such rows out, frame.fillna(...) fills them"
            raise fail(ArgumentError, op, rule, f"{int(gaps.sum())} missing values", hint)
        values = column.to_numpy()
        if values.dtype.kind not in "biuf":
            values = column.tolist()
            if all(isinstance(v, int | float) for v in values):
                import numpy as np

                values = np.array(values)  # pandas' own integers and booleans
        cells[i] = values
    maker = _Maker(op, "", labels, ".", "frame = pandas.get_dummies(frame) makes numbers of words")
    return _dataset(maker, names, cells, target, dtype, target_dtype)


class _Maker:
    """Makes numbers of columns, and says where it cannot."""

    def __init__(self, op: str, file: str, labels: list[Any], decimal: str, hint: str) -> None:
        self.op, self.file, self.labels = op, file, labels
        self.decimal, self.hint = decimal, hint

    def numbers(self, column: str, values: Any) -> Any:
        """A column as an array of numbers."""
        import numpy as np

        if hasattr(values, "dtype"):
            return values
        try:
            if self.decimal != ".":
                values = [cell.replace(self.decimal, ".") for cell in values]
            made = np.fromiter(map(float, values), np.float64, len(values))
        except (TypeError, ValueError):
            made = None
        if made is not None and not np.isnan(made).any():
            return made
        for label, cell in zip(self.labels, values, strict=True):
            if isinstance(cell, str) and _is_missing(cell):
                rule = f"no value may be missing, as in row {label}, column {column!r}"
                raise fail(FileError, self.op, rule, self._where(cell), self.hint)
            if not isinstance(cell, str) or not _is_number(cell, "."):
                rule = f"every value must be a number, unlike in row {label}, column {column!r}"
                hint = self.hint if not self.file else "leave the column out, or make it the target"
                if isinstance(cell, str) and re.fullmatch(r"\s*-?\d+,\d+\s*", cell):
                    hint = 'decimal="," reads numbers with a decimal comma'
                kind = FileError if self.file else DTypeError
                raise fail(kind, self.op, rule, self._where(cell), hint)
        raise fail(FileError, self.op, "every value must be a number", self.file)

    def _where(self, cell: Any) -> str:
        return f"{cell!r} in {self.file}" if self.file else repr(cell)


def _dataset(
    maker: _Maker,
    names: list[str],
    cells: dict[int, Any],
    target: Any,
    dtype: Any,
    target_dtype: Any,
) -> TableDataset:
    import numpy as np

    chosen = _positions(maker.op, names, target)
    features = [i for i in range(len(names)) if i not in chosen]
    if not features:
        rule = "there must be a column beside the target"
        raise fail(ArgumentError, maker.op, rule, ", ".join(names))
    dtype = float32 if dtype is None else dtype
    x = asarray(np.column_stack([maker.numbers(names[i], cells[i]) for i in features])).to(dtype)
    if not chosen:
        return TableDataset(x, None, names)
    classes: list[str] = []
    if len(chosen) == 1 and _are_words(cells[chosen[0]]):
        words = [str(cell).strip() for cell in cells[chosen[0]]]
        gap = next((i for i, word in enumerate(words) if _is_missing(word)), None)
        if gap is not None:
            maker.numbers(
                names[chosen[0]], [words[gap] if i == gap else "0" for i in range(len(words))]
            )
        classes = sorted(set(words))
        number = {word: i for i, word in enumerate(classes)}
        y = asarray([number[word] for word in words])
    else:
        columns = [maker.numbers(names[i], cells[i]) for i in chosen]
        whole = all(np.array_equal(c, np.round(c)) for c in columns) and all(
            _written_whole(cells[i]) for i in chosen
        )
        table = asarray(np.column_stack(columns).astype(np.float64))
        if target_dtype is None:
            y = table.to(int64)[:, 0] if whole and len(chosen) == 1 else table.to(dtype)
        else:
            y = table.to(target_dtype)
            if len(chosen) == 1 and not y.dtype.is_floating_point:
                y = y[:, 0]
    if classes and target_dtype is not None:
        y = y.to(target_dtype)
    return TableDataset(x, y, [names[i] for i in features], [names[i] for i in chosen], classes)


def _positions(op: str, names: list[str], target: Any) -> list[int]:
    if target is None:
        return []
    wanted = list(target) if isinstance(target, list | tuple) else [target]
    found = []
    for column in wanted:
        if isinstance(column, str):
            if column not in names:
                rule = f"the target must be one of the columns {', '.join(names)}"
                raise fail(ArgumentError, op, rule, describe(column, "target"))
            found.append(names.index(column))
        else:
            i = _check.integer(op, "target", column, -len(names))
            if i >= len(names):
                rule = f"the target must be one of the {len(names)} columns"
                raise fail(ArgumentError, op, rule, describe(column, "target"))
            found.append(i % len(names))
    return found


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, ".") if decimal != "." else cell)
    except ValueError:
        return False
    return True


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING


def _are_words(values: Any) -> bool:
    if hasattr(values, "dtype"):
        return False
    return not any(_is_number(v, ".") for v in map(str, values) if not _is_missing(v))


def _written_whole(values: Any) -> bool:
    if hasattr(values, "dtype"):
        return bool(values.dtype.kind in "biu")
    return all(str(v).strip().lstrip("+-").isdigit() for v in values)


def _lines(op: str, source: Any, encoding: str) -> tuple[str, list[str]]:
    """What to call the source, and its lines."""
    name = str(getattr(source, "name", "the data"))
    try:
        if isinstance(source, str | os.PathLike):
            name = str(source)
            opener = gzip.open if name.endswith(".gz") else open
            with opener(source, "rt", encoding=encoding, newline="") as file:
                return name, _split(file.read())
        if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
            return name, [_text(line, encoding).rstrip("\r\n") for line in _each(op, source)]
        content = source.read()
        return name, _split(_text(content, encoding))
    except FileNotFoundError as error:
        raise fail(MissingFileError, op, "the file does not exist", name) from error
    except UnicodeDecodeError as error:
        hint = 'give the encoding: encoding="latin-1" is frequent'
        raise fail(FileError, op, "the file must be text", f"{name} ({error})", hint) from error
    except (EOFError, OSError) as error:
        raise fail(FileError, op, "the file cannot be read", f"{name} ({error})") from error


def _each(op: str, source: Any) -> Iterator[Any]:
    if not isinstance(source, Iterable):
        rule = "the source must be a path, an open file or lines"
        raise fail(DTypeError, op, rule, describe(source, "source"))
    return iter(source)


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _text(content: Any, encoding: str) -> str:
    return content.decode(encoding) if isinstance(content, bytes) else str(content)
