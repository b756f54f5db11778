"""CSV files and data frames in: what is read, and what is said of what cannot be."""

from __future__ import annotations

import gzip
import io
import pathlib
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, TableDataset, from_pandas, read_csv

TABLE = """size,rooms,price,town
50.5,2,100.5,Bonn
80,3,210,Ulm
20.25,1,55,Bonn
"""


def test_columns_and_targets() -> None:
    lines = TABLE.splitlines()
    data = read_csv([line.rpartition(",")[0] for line in lines], "price")
    assert isinstance(data, TableDataset) and len(data) == 3
    assert data.columns == ["size", "rooms"] and data.target_columns == ["price"]
    assert data.x.dtype == nnx.float32 and data.x.tolist() == [[50.5, 2], [80, 3], [20.25, 1]]
    assert data.y.shape == (3, 1) and data.y.tolist() == [[100.5], [210], [55]]
    batch = next(iter(DataLoader(data, 2)))
    assert batch[0].shape == (2, 2) and batch[1].shape == (2, 1)
    assert "size, rooms" in repr(data) and "price" in repr(data)


def test_words_as_target_are_classes() -> None:
    data = read_csv(TABLE.splitlines(), "town")
    assert data.classes == ("Bonn", "Ulm") and data.y.tolist() == [0, 1, 0]
    assert data.y.dtype == nnx.int64 and data.columns == ["size", "rooms", "price"]
    later = read_csv(["x,kind", "1,dog", "2,cat"], "kind")  # numbered by the alphabet
    assert later.classes == ("cat", "dog") and later.y.tolist() == [1, 0]


def test_kinds_of_targets() -> None:
    rows = ["a,b,c", "1,0,1.5", "2,1,2"]
    assert read_csv(rows, "b").y.tolist() == [0, 1]  # whole numbers are labels
    assert read_csv(rows, "c").y.tolist() == [[1.5], [2.0]]
    assert read_csv(rows, -1).y.tolist() == [[1.5], [2.0]]
    assert read_csv(rows, 1).columns == ["a", "c"]
    both = read_csv(rows, ["b", "c"])
    assert both.y.tolist() == [[0, 1.5], [1, 2]] and both.target_columns == ["b", "c"]
    assert read_csv(rows, "b", target_dtype=nnx.float32).y.tolist() == [[0.0], [1.0]]
    assert read_csv(rows, "c", target_dtype=nnx.int32).y.tolist() == [1, 2]
    assert read_csv(rows, "c", dtype=nnx.float64).y.dtype == nnx.float64
    none = read_csv(rows)
    assert none.y is None and len(none.tensors) == 1 and none.x.shape == (2, 3)
    assert read_csv(["x", "0.1"], dtype=nnx.float64).x.item() == 0.1  # not through float32


@pytest.mark.parametrize("as_bytes", [False, True])
def test_sources(tmp_path: pathlib.Path, as_bytes: bool) -> None:
    expected = read_csv(TABLE.splitlines(), "town").x.tolist()
    path = tmp_path / "t.csv"
    for text in (
        TABLE,
        TABLE.replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        TABLE + "\n\n",
        TABLE.rstrip(),
    ):
        path.write_bytes(text.encode())
        assert read_csv(path, "town").x.tolist() == expected
        assert read_csv(str(path), "town").columns[0] == "size"
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    assert read_csv(tmp_path / "t.csv.gz", "town").x.tolist() == expected
    file: Any = io.BytesIO(TABLE.encode()) if as_bytes else io.StringIO(TABLE)
    assert read_csv(file, "town").x.tolist() == expected
    with open(path, "rb" if as_bytes else "r") as opened:
        assert read_csv(opened, "town").x.tolist() == expected


def test_headers() -> None:
    assert read_csv(["1,2", "3,4"]).columns == ["column 0", "column 1"]
    assert len(read_csv(["1,2", "3,4"])) == 2
    assert read_csv(["1,2", "3,4"], columns=["a", "b"]).columns == ["a", "b"]
    assert read_csv(["x,y", "3,4"], columns=["a", "b"]).columns == ["a", "b"]
    assert read_csv(["2019,2020", "3,4"], header=True).columns == ["2019", "2020"]
    iris = read_csv(["5.1,3.5,setosa", "6.0,3.0,virginica"], -1)  # no header, words or not
    assert len(iris) == 2 and iris.classes == ("setosa", "virginica")


def test_separators_and_decimal_commas() -> None:
    expected = [[1.5, 2], [3, 4.25]]
    assert read_csv(["a;b", "1.5;2", "3;4.25"]).x.tolist() == expected
    assert read_csv(["a\tb", "1.5\t2", "3\t4.25"]).x.tolist() == expected
    assert read_csv(["a b", "1.5 2", "3 4.25"], sep=" ").x.tolist() == expected
    assert read_csv(["a;b", "1,5;2", "3;4,25"], decimal=",").x.tolist() == expected
    assert read_csv(['"a, b",c', '"1.5",2', "3,4.25"]).columns == ["a, b", "c"]
    assert read_csv(["a, b", " 1.5 , 2", "3, 4.25"]).x.tolist() == expected
    with pytest.raises(nnx.FileError, match='decimal=","'):
        read_csv(["a;b", "1,5;2"])


@pytest.mark.parametrize("gap", ["", "NA", "nan", "NaN", "null", "?", " "])
def test_missing_values_are_named(gap: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(f"day,rain\n1,0.5\n2,{gap}\n3,1\n")
    with pytest.raises(nnx.FileError) as caught:
        read_csv(path, "day")
    text = str(caught.value)
    assert "row 3, column 'rain'" in text and "weather.csv" in text and "missing='drop'" in text
    with pytest.raises(nnx.FileError, match="row 3, column 'rain'"):
        read_csv(path, "rain")
    kept = read_csv(path, "rain", missing="drop")
    assert kept.x.tolist() == [[1], [3]] and kept.y.tolist() == [[0.5], [1]]
    with pytest.raises(nnx.FileError, match="row 3, column 'kind'"):
        read_csv(["x,kind", "1,cat", f"2,{gap}"], "kind")
    with pytest.raises(nnx.FileError, match="without missing"):
        read_csv(["x,y", f"1,{gap}"], missing="drop")


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(
        nnx.FileError, match=r"unlike in row 4, column 'town'(.|\n)*'Bonn'"
    ) as caught:
        read_csv(["a,town", "1,2", "3,4", "5,Bonn"])
    assert "make it the target" in str(caught.value)
    with pytest.raises(
        nnx.FileError, match=r"every row must have the 2 values(.|\n)*3 values in row 3"
    ):
        read_csv(["a,b", "1,2", "1,2,3"])
    assert read_csv(["a", "inf", "-1e400"]).x.tolist() == [[float("inf")], [float("-inf")]]


def test_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(nnx.MissingFileError, match=r"nothing\.csv"):
        read_csv(tmp_path / "nothing.csv")
    with pytest.raises(nnx.FileError):
        read_csv(tmp_path)
    for empty in ([], ["a,b"], [""]):
        with pytest.raises(nnx.FileError, match="at least one row"):
            read_csv(empty)
    with pytest.raises(nnx.ArgumentError, match="one of the columns a, b"):
        read_csv(["a,b", "1,2"], "c")
    for bad in (2, -3):
        with pytest.raises(nnx.ArgumentError):
            read_csv(["a,b", "1,2"], bad)
    with pytest.raises(nnx.ArgumentError, match="beside the target"):
        read_csv(["a", "1"], "a")
    with pytest.raises(nnx.DTypeError):
        read_csv(3)
    with pytest.raises(nnx.ArgumentError, match="missing"):
        read_csv(["a", "1"], missing="guess")
    (tmp_path / "bytes.csv").write_bytes("größe\n1\n".encode("latin-1"))
    with pytest.raises(nnx.FileError, match="latin-1"):
        read_csv(tmp_path / "bytes.csv")
    assert read_csv(tmp_path / "bytes.csv", encoding="latin-1").columns == ["größe"]
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(TABLE.encode())[:-12])
    with pytest.raises(nnx.FileError, match="cannot be read"):
        read_csv(tmp_path / "bad.csv.gz")


def test_against_numpy(tmp_path: pathlib.Path) -> None:
    values = np.random.default_rng(0).standard_normal((500, 6))
    path = tmp_path / "v.csv"
    np.savetxt(path, values, delimiter=",", fmt="%.17g")
    np.testing.assert_array_equal(read_csv(path, dtype=nnx.float64).x.numpy(), values)


# --- pandas ---------------------------------------------------------------------------------------


def test_from_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(
        {
            "size": [50.5, 80.0, 20.25],
            "rooms": [2, 3, 1],
            "new": [True, False, True],
            "price": [100.5, 210.0, 55.0],
            "town": ["Bonn", "Ulm", "Bonn"],
        },
        index=["a", "b", "c"],
    )
    data = from_pandas(frame.drop(columns="town"), "price")
    assert data.columns == ["size", "rooms", "new"] and data.x.dtype == nnx.float32
    assert data.x.tolist() == [[50.5, 2, 1], [80, 3, 0], [20.25, 1, 1]]
    assert data.y.tolist() == [[100.5], [210], [55]]
    towns = from_pandas(frame, "town")
    assert towns.classes == ("Bonn", "Ulm") and towns.y.tolist() == [0, 1, 0]
    assert from_pandas(frame.drop(columns="town"), "rooms").y.tolist() == [2, 3, 1]
    kinds = frame.assign(town=frame.town.astype("category"), rooms=frame.rooms.astype("Int64"))
    assert from_pandas(kinds, "town").classes == ("Bonn", "Ulm")
    assert from_pandas(kinds, "town").x[:, 1].tolist() == [2, 3, 1]
    with pytest.raises(nnx.DTypeError, match=r"row a, column 'town'(.|\n)*get_dummies"):
        from_pandas(frame, "price")
    dates = frame.assign(day=pandas.to_datetime(["2020-01-01"] * 3))
    with pytest.raises(nnx.DTypeError, match="column 'day'"):
        from_pandas(dates.drop(columns="town"))


def test_gaps_in_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for gap in (None, float("nan"), pandas.NA):
        frame = pandas.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, gap, 2]}, index=[7, 8, 9])
        for target in (None, "y"):
            with pytest.raises(nnx.ArgumentError, match="row 8, column 'y'") as caught:
                from_pandas(frame, target)
            assert "dropna" in str(caught.value)
    for bad in ([1, 2], np.zeros(3), pandas.Series([1])):
        with pytest.raises(nnx.DTypeError, match="data frame"):
            from_pandas(bad)
    with pytest.raises(nnx.ArgumentError, match="different names"):
        from_pandas(pandas.DataFrame(np.zeros((2, 2)), columns=["a", "a"]))
    with pytest.raises(nnx.ArgumentError, match="at least one row"):
        from_pandas(pandas.DataFrame({"a": []}))


def test_csv_and_pandas_agree(tmp_path: pathlib.Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    (tmp_path / "t.csv").write_text(TABLE)
    ours, theirs = read_csv(tmp_path / "t.csv", "town"), pandas.read_csv(tmp_path / "t.csv")
    again = from_pandas(theirs, "town")
    assert ours.x.tolist() == again.x.tolist() and ours.y.tolist() == again.y.tolist()
    assert ours.columns == again.columns and ours.classes == again.classes
