"""MNIST and its file format: the real files, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
import pathlib
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data.mnist import read_idx

FILES = {
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}


def idx(a: np.ndarray, kind: int = 8) -> bytes:
    head = bytes([0, 0, kind, a.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in a.shape) + a.astype(np.uint8).tobytes()


def folder_with(path: pathlib.Path, packed: bool = True, **changed: bytes) -> pathlib.Path:
    """A folder of a tiny data set; `changed` replaces the content of a file before packing."""
    rng = np.random.default_rng(0)
    for name, axes in FILES.items():
        n = 6 if name.startswith("train") else 3
        a = rng.integers(0, 256, (n, 4, 5)) if axes == 3 else np.arange(n) % 10
        content = changed.get(name.split("-ubyte")[0].replace("-", "_"), idx(a))
        if packed:
            (path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (path / name).write_bytes(content)
    return path


def test_the_real_thing() -> None:
    train, test = nnx.data.MNIST(), nnx.data.MNIST(train=False)
    assert len(train) == 60_000 and len(test) == 10_000
    assert train.images.shape == (60_000, 28, 28) and train.images.dtype == nnx.float32
    assert train.labels.shape == (60_000,) and train.labels.dtype == nnx.int64
    # published counts of the ten classes, and the usual mean and deviation
    assert np.bincount(train.labels.numpy()).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(test.labels.numpy()).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    pixels = train.images.numpy()
    assert pixels.min() == 0 and pixels.max() == 1
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    assert train.data is train.images and train.targets is train.labels
    assert "10000 labels" in repr(test)
    image, label = test[0]
    assert image.shape == (28, 28) and int(label) == 7


def test_options() -> None:
    flat = nnx.data.MNIST(train=False, flatten=True, normalize=True)
    assert flat.images.shape == (10_000, 784)
    plain = nnx.data.MNIST(train=False)
    np.testing.assert_allclose(
        flat.images[:5].numpy(),
        (plain.images[:5].numpy().reshape(5, 784) - 0.1307) / 0.3081,
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("packed", [True, False])
def test_other_sets_of_the_format(tmp_path: pathlib.Path, packed: bool) -> None:
    folder = folder_with(tmp_path, packed)
    data = nnx.data.MNIST(folder=folder)
    assert data.images.shape == (6, 4, 5) and data.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert nnx.data.MNIST(train=False, folder=str(folder)).labels.tolist() == [0, 1, 2]


IMAGES = idx(np.zeros((6, 4, 5)))
BAD_CONTENT: dict[str, bytes] = {
    "empty": b"",
    "three bytes": b"\0\0\x08",
    "other magic": b"\x01" + IMAGES[1:],
    "floats": idx(np.zeros((6, 4, 5)), 0x0D),
    "header cut": IMAGES[:9],
    "one byte short": IMAGES[:-1],
    "one byte long": IMAGES + b"\0",
    "much longer": IMAGES + bytes(3_000_000),
    "lengths that lie": IMAGES[:4] + b"\xff" * 12 + IMAGES[16:],
    "negative length": IMAGES[:4] + b"\x80\0\0\0" + IMAGES[8:],
    "too many axes": b"\0\0\x08\xff" + IMAGES[4:],
    "text": b"<html>not found</html>",
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", BAD_CONTENT)
def test_damaged_content(name: str, packed: bool, tmp_path: pathlib.Path) -> None:
    folder = folder_with(tmp_path, packed, train_images_idx3=BAD_CONTENT[name])
    with pytest.raises(nnx.FileError, match="train-images-idx3-ubyte"):
        nnx.data.MNIST(folder=folder)
    assert len(nnx.data.MNIST(train=False, folder=folder)) == 3


@pytest.mark.parametrize(
    "damage", ["truncated", "flipped", "header alone", "checksum", "no deflate"]
)
def test_damaged_gzip(damage: str, tmp_path: pathlib.Path) -> None:
    content = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (6, 40, 50))))
    broken = {
        "truncated": content[: len(content) // 2],
        "flipped": content[:200] + bytes([content[200] ^ 0xFF]) + content[201:],
        "header alone": content[:10],
        "checksum": content[:-8] + b"\0\0\0\0" + content[-4:],
        "no deflate": content[:10] + b"\xff" * 100 + content[110:],
    }[damage]
    path = tmp_path / "x.gz"
    path.write_bytes(broken)
    with pytest.raises(nnx.FileError):
        read_idx(path)


def test_missing_and_unreadable(tmp_path: pathlib.Path) -> None:
    with pytest.raises(nnx.MissingFileError, match="train-images") as caught:
        nnx.data.MNIST(folder=tmp_path)
    assert isinstance(caught.value, FileNotFoundError) and str(tmp_path) in str(caught.value)
    with pytest.raises(nnx.MissingFileError):
        read_idx(tmp_path / "nothing")
    with pytest.raises(nnx.FileError):
        read_idx(tmp_path)  # a folder


@pytest.mark.parametrize(
    "changed",
    [
        {"train_labels_idx1": idx(np.arange(5))},
        {"train_labels_idx1": idx(np.zeros((6, 1)))},
        {"train_images_idx3": idx(np.zeros((6, 20)))},
        {"train_labels_idx1": idx(np.array([0, 1, 2, 3, 4, 10]))},
    ],
)
def test_files_that_do_not_belong_together(changed: dict[str, Any], tmp_path: pathlib.Path) -> None:
    with pytest.raises(nnx.FileError):
        nnx.data.MNIST(folder=folder_with(tmp_path, **changed))


def test_a_lying_header_takes_no_memory(tmp_path: pathlib.Path) -> None:
    head = b"\0\0\x08\x03" + (2**31 - 1).to_bytes(4, "big") * 3
    path = tmp_path / "bomb"
    path.write_bytes(head)
    with pytest.raises(nnx.FileError):
        read_idx(path)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(head))
    with pytest.raises(nnx.FileError):
        read_idx(tmp_path / "bomb.gz")
