"""Folders of files: classes and order, what a picture becomes, and files that are none."""

from __future__ import annotations

import pathlib
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, DatasetFolder, ImageFolder
from nnx.data.transforms import CenterCrop, Compose, RandomHorizontalFlip, Resize, ToTensor

image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no picture to read")
RNG = np.random.default_rng(4)


@pytest.fixture
def pets(tmp_path: pathlib.Path) -> pathlib.Path:
    """Two dogs and three cats, one of them in a folder of its own; sizes and formats differ."""
    for name, size, mode in [
        ("dog/b.png", (20, 30), "RGB"),
        ("dog/a.PNG", (30, 20), "L"),
        ("cat/3.bmp", (25, 25), "RGB"),
        ("cat/1.png", (25, 25), "RGBA"),
        ("cat/kittens/2.png", (25, 25), "P"),
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
        image.fromarray(pixels).convert(mode).save(path)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "readme.txt").write_text("not a class")
    return tmp_path


def names(data: Any) -> list[str]:
    return [pathlib.Path(path).name for path, _ in data.samples]


def test_classes_and_order(pets: pathlib.Path) -> None:
    data = ImageFolder(pets)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert names(data) == ["1.png", "3.bmp", "2.png", "a.PNG", "b.png"]
    assert data.targets == [0, 0, 0, 1, 1] and data.imgs is data.samples and len(data) == 5
    assert "5 samples in 2 classes" in repr(data)
    picture, label = data[-1]
    assert picture.mode == "RGB" and picture.size == (30, 20) and label == 1
    assert all(data[i][0].mode == "RGB" for i in range(5))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches(pets: pathlib.Path, workers: int) -> None:
    prepare = Compose([Resize(16), CenterCrop(16), RandomHorizontalFlip(), ToTensor()])
    data = ImageFolder(str(pets), prepare, target_transform=lambda label: 10 * label)
    generator = nnx.Generator().manual_seed(0)
    batches = list(DataLoader(data, 3, num_workers=workers, generator=generator))
    assert [tuple(x.shape) for x, _ in batches] == [(3, 3, 16, 16), (2, 3, 16, 16)]
    assert [y.tolist() for _, y in batches] == [[0, 0, 0], [10, 10]]
    generator = nnx.Generator().manual_seed(0)
    again = list(DataLoader(data, 3, generator=generator))
    assert all(nnx.array_equal(a, b) for (a, _), (b, _) in zip(batches, again, strict=True))


def test_pixels_are_those_of_the_file(pets: pathlib.Path) -> None:
    data = ImageFolder(pets, ToTensor())
    stored = np.asarray(image.open(pets / "dog" / "b.png"))
    np.testing.assert_allclose(data[4][0].numpy(), stored.transpose(2, 0, 1) / 255, rtol=1e-6)
    rgba = np.asarray(image.open(pets / "cat" / "1.png"))[..., :3]
    np.testing.assert_allclose(data[0][0].numpy(), rgba.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_pictures_without_a_transform_or_of_many_sizes(pets: pathlib.Path) -> None:
    with pytest.raises(nnx.DTypeError, match="ToTensor"):
        next(iter(DataLoader(ImageFolder(pets), 2)))
    with pytest.raises(nnx.ShapeError, match=r"Resize\(\(height, width\)\)"):
        next(iter(DataLoader(ImageFolder(pets, ToTensor()), 5)))


def test_files_that_are_no_pictures_are_named(pets: pathlib.Path) -> None:
    whole = (pets / "dog" / "b.png").read_bytes()
    for name, content in [
        ("cat/empty.png", b""),
        ("cat/text.jpg", b"no picture at all"),
        ("cat/half.png", whole[: len(whole) // 2]),
        ("cat/broken.png", whole[:60] + bytes(40) + whole[100:]),
    ]:
        (pets / name).write_bytes(content)
        data = ImageFolder(pets, ToTensor())
        place = next(i for i, (path, _) in enumerate(data.samples) if path.endswith(name[4:]))
        with pytest.raises(nnx.FileError, match=name[4:]):
            data[place]
        with pytest.raises(nnx.FileError) as caught:
            list(DataLoader(data, 1, num_workers=2))
        assert name[4:] in str(caught.value)
        (pets / name).unlink()


def test_pixels_of_more_than_bytes_are_refused(pets: pathlib.Path) -> None:
    image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(pets / "cat" / "deep.png")
    data = ImageFolder(pets)
    place = names(data).index("deep.png")
    with pytest.raises(nnx.FileError, match="loader="):
        data[place]
    own = ImageFolder(pets, loader=lambda path: np.asarray(image.open(path)) / 65535)
    assert own[place][0].max() == pytest.approx(40_000 / 65535)


def test_nothing_to_read(tmp_path: pathlib.Path, pets: pathlib.Path) -> None:
    with pytest.raises(nnx.MissingFileError, match="did you mean 'cat'"):
        ImageFolder(pets / "cats")
    with pytest.raises(nnx.MissingFileError, match="a file"):
        ImageFolder(pets / "readme.txt")
    with pytest.raises(nnx.MissingFileError, match=r"root/cat/1\.png"):
        ImageFolder(pets / "dog")
    (pets / "fish").mkdir()
    with pytest.raises(FileNotFoundError, match=r"none in 'fish'"):
        ImageFolder(pets)
    assert ImageFolder(pets, allow_empty=True).classes == ["cat", "dog", "fish"]


def test_files_of_other_kinds(tmp_path: pathlib.Path) -> None:
    for k, name in enumerate(["signal/0.npy", "signal/1.npy", "noise/2.npy", "noise/3.csv"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith("npy"):
            np.save(path, np.full(3, k))
        else:
            path.write_text("1,2,3")
    data = DatasetFolder(tmp_path, np.load, ".npy", transform=lambda x: x / 2)
    x, y = next(iter(DataLoader(data, 3)))
    assert x[:, 0].tolist() == [1, 0, 0.5] and y.tolist() == [0, 1, 1]
    chosen = DatasetFolder(
        tmp_path, str, is_valid_file=lambda path: path.endswith("csv"), allow_empty=True
    )
    assert names(chosen) == ["3.csv"]
    (tmp_path / "noise" / "2.npy").write_bytes(b"broken")
    with pytest.raises(ValueError) as caught:
        data[0]
    assert any("2.npy" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (nnx.ArgumentError, {}, "neither"),
        (nnx.ArgumentError, {"extensions": ".png", "is_valid_file": bool}, "both"),
        (nnx.DTypeError, {"extensions": ".png", "transform": 3}, "transform must be a function"),
        (nnx.DTypeError, {"extensions": ".png", "loader": "PIL"}, "loader must be a function"),
    ],
)
def test_options_are_checked(pets: pathlib.Path, kind: type, options: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        DatasetFolder(pets, **{"loader": str, **options})


def test_without_pillow(pets: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(nnx.MissingPackageError, match="pillow"):
        ImageFolder(pets)[0]
