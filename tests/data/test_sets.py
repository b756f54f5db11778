"""The built-in sets: small files in the real formats, served from this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import pathlib
import pickle
import tarfile
import zipfile
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import (
    CIFAR10,
    CIFAR100,
    EMNIST,
    KMNIST,
    MNIST,
    BostonHousing,
    CaliforniaHousing,
    DataLoader,
    Digits,
    FashionMNIST,
    Iris,
    cache,
    transforms,
)
from serving import Server

RNG = np.random.default_rng(5)
IMAGES = {
    train: RNG.integers(0, 256, (n, 28, 28), np.uint8) for train, n in ((True, 12), (False, 4))
}
LABELS = {True: np.arange(12) % 10, False: np.array([9, 0, 3, 3])}


def idx(a: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, a.ndim]) + b"".join(n.to_bytes(4, "big") for n in a.shape)
    return gzip.compress(head + a.astype(np.uint8).tobytes())


def idx_files() -> dict[str, bytes]:
    return {
        f"{part}-{kind}.gz": idx(a[train])
        for part, train in (("train", True), ("t10k", False))
        for kind, a in (("images-idx3-ubyte", IMAGES), ("labels-idx1-ubyte", LABELS))
    }


def serve(
    server: Server, monkeypatch: pytest.MonkeyPatch, cls: Any, files: dict[str, bytes]
) -> None:
    """The class's own table of files, with this server's addresses and contents."""
    server.files |= {f"{cls.__name__}/{name}": content for name, content in files.items()}
    table = {n: (hashlib.sha256(c).hexdigest(), len(c)) for n, c in files.items()}
    monkeypatch.setattr(cls, "_files", table)
    monkeypatch.setattr(cls, "_mirrors", (server.url("gone/"), server.url(f"{cls.__name__}/")))


def archive(server: Server, monkeypatch: pytest.MonkeyPatch, cls: Any, content: bytes) -> None:
    attribute = "_archive" if hasattr(cls, "_archive") else "_source"
    name = getattr(cls, attribute).name
    server.files[name] = content
    digest = hashlib.sha256(content).hexdigest()
    source = cache.Source(name, (server.url(name),), digest, len(content))
    monkeypatch.setattr(cls, attribute, source)


# --- the MNIST family -----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [FashionMNIST, KMNIST])
def test_fetched_like_mnist(
    cls: Any, server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    serve(server, monkeypatch, cls, idx_files())
    test = cls(train=False)
    assert len(test) == 4 and test.targets.tolist() == [9, 0, 3, 3]
    np.testing.assert_allclose(test.data.numpy(), IMAGES[False] / 255, rtol=1e-6)
    assert {path for path, _ in server.requests} == {
        f"{place}/t10k-{kind}.gz"
        for place in ("gone", cls.__name__)
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    }
    place = cache_folder / cls.__name__ / "raw"
    assert (place / "t10k-images-idx3-ubyte.gz").is_file()
    asked = len(server.requests)
    again = cls(train=False, download=False, flatten=True)
    assert again.images.shape == (4, 784) and len(server.requests) == asked
    assert len(cls()) == 12
    assert test.class_to_idx[cls.classes[3]] == 3 and cls.__name__ in repr(test)


def test_normalize_uses_the_training_pixels(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    serve(server, monkeypatch, KMNIST, idx_files())
    pixels = IMAGES[True] / 255
    for train in (False, True):
        got = KMNIST(train=train, normalize=True).images.numpy()
        expected = (IMAGES[train] / 255 - pixels.mean()) / pixels.std()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    serve(server, monkeypatch, FashionMNIST, idx_files())
    got = FashionMNIST(train=False, normalize=True).images.numpy()
    np.testing.assert_allclose(got, (IMAGES[False] / 255 - 0.2860) / 0.3530, rtol=1e-4, atol=1e-5)


def test_pytorchs_arguments(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path, tmp_path: Any
) -> None:
    serve(server, monkeypatch, FashionMNIST, idx_files())
    chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    data = FashionMNIST(str(tmp_path / "data"), True, chain, lambda y: 10 * y, True)
    assert (tmp_path / "data/FashionMNIST/raw/train-images-idx3-ubyte.gz").is_file()
    assert data.data.dtype == nnx.uint8 and data.data.shape == (12, 28, 28)
    x, y = data[3]
    assert x.shape == (1, 28, 28) and y == 30
    expected = (IMAGES[True] / 255 - 0.5) / 0.5
    np.testing.assert_allclose(x.numpy()[0], expected[3], rtol=1e-5, atol=1e-6)
    for workers in (0, 2):
        xs, ys = zip(*DataLoader(data, 5, num_workers=workers), strict=True)
        assert [len(b) for b in xs] == [5, 5, 2] and xs[0].shape == (5, 1, 28, 28)
        got = np.concatenate([b.numpy() for b in xs])[:, 0]
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        assert [v for b in ys for v in b.tolist()] == (10 * LABELS[True]).tolist()
    names = dict(enumerate(FashionMNIST.classes))
    named = FashionMNIST(tmp_path / "data", target_transform=names.__getitem__, download=False)
    assert named[1][1] == "Trouser"  # the label comes as an int
    assert next(iter(DataLoader(named, 2)))[1] == ["T-shirt/top", "Trouser"]


def test_mnist_with_pytorchs_arguments(tmp_path: pathlib.Path) -> None:
    data = MNIST(str(tmp_path), train=False, transform=transforms.ToTensor(), download=True)
    plain = MNIST(train=False)
    assert data.data.dtype == nnx.uint8 and not data.in_memory and plain.in_memory
    x, y = next(iter(DataLoader(data, 64)))
    np.testing.assert_array_equal(x[:, 0].numpy(), plain.images[:64].numpy())
    assert y.tolist() == plain.labels[:64].tolist() and list(tmp_path.iterdir()) == []
    x2, y2 = data[2:4]
    assert x2.shape == (2, 1, 28, 28) and y2.shape == (2,)
    # torchvision's own copy is read where there is one
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files().items():
        (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    assert len(MNIST(tmp_path)) == 12 and len(MNIST(tmp_path, train=False)) == 4
    with pytest.raises(nnx.DTypeError, match=r"MNIST\(train=False\)"):
        MNIST(False)  # type: ignore[arg-type]
    with pytest.raises(nnx.ArgumentError, match="Flatten"):
        MNIST(transform=transforms.ToTensor(), flatten=True)
    with pytest.raises(nnx.DTypeError, match="transform must be a function"):
        MNIST(train=False, transform=3)


def test_the_tensors_are_what_samples_have() -> None:
    chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    data = MNIST(train=False, transform=chain, target_transform=transforms.OneHot(10))
    x, y = data.tensors
    assert x.shape == (10_000, 1, 28, 28) and y.shape == (10_000, 10) and len(data) == 10_000
    for i in (0, 777):
        assert x[i].tolist() == data[i][0].tolist() and y[i].tolist() == data[i][1].tolist()
    plain = MNIST(train=False)
    assert plain.tensors[0] is plain.images and plain.tensors[1] is plain.targets

    class Noise(transforms.Transform):
        random = True

        def batch(self, x: nnx.Tensor) -> nnx.Tensor:
            return x + nnx.rand(tuple(x.shape), generator=nnx.data.batch_generator())

    for options in ({"transform": Noise()}, {"target_transform": str}):
        with pytest.raises(nnx.ArgumentError, match="DataLoader"):
            _, _ = MNIST(train=False, **options).tensors
        assert len(MNIST(train=False, **options).tensors) == 2


def test_a_function_as_transform_gets_one_picture(tmp_path: pathlib.Path) -> None:
    seen = []

    def f(picture: nnx.Tensor) -> nnx.Tensor:
        seen.append((tuple(picture.shape), picture.dtype))
        return picture.float().mean()

    data = MNIST(train=False, transform=f)
    x, _ = next(iter(DataLoader(data, 3)))
    assert x.shape == (3,) and set(seen) == {((28, 28), nnx.uint8)}


def test_offline_names_the_file(
    monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    monkeypatch.setattr(FashionMNIST, "_mirrors", ("http://127.0.0.1:9/",))
    with pytest.raises(nnx.MissingFileError) as caught:
        FashionMNIST()
    text = str(caught.value)
    assert "http://127.0.0.1:9/train-images-idx3-ubyte.gz" in text
    assert str(cache_folder / "FashionMNIST/raw/train-images-idx3-ubyte.gz") in text
    with pytest.raises(nnx.MissingFileError, match="download=False"):
        FashionMNIST(download=False)


def test_a_damaged_download(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    files = idx_files()
    serve(server, monkeypatch, FashionMNIST, files)
    name = "FashionMNIST/train-images-idx3-ubyte.gz"
    server.files[name] = server.files[name][:-1] + b"?"
    with pytest.raises(nnx.FileError, match="another file"):
        FashionMNIST()
    # a file of the right size that went bad on the disk
    place = cache_folder / "FashionMNIST" / "raw"
    whole = files["train-images-idx3-ubyte.gz"]
    (place / "train-images-idx3-ubyte.gz").write_bytes(bytes(len(whole)))
    with pytest.raises(nnx.FileError, match="train-images"):
        FashionMNIST()


def test_the_published_tables_are_complete() -> None:
    for cls in (FashionMNIST, KMNIST):
        assert set(cls._files) == set(idx_files())
        for sha256, size in cls._files.values():
            assert len(bytes.fromhex(sha256)) == 32 and size > 5000
        assert len(cls.classes) == 10
    for cls in (EMNIST, CIFAR10, CIFAR100, BostonHousing, CaliforniaHousing):
        source = getattr(cls, "_archive", None) or cls._source
        assert len(bytes.fromhex(source.sha256)) == 32
        assert all(url.startswith("https://") for url in source.urls)
    assert len(CIFAR100.classes) == len(set(CIFAR100.classes)) == 100
    assert [len(EMNIST._classes[s]) for s in EMNIST.splits] == [62, 47, 47, 27, 10, 10]


def emnist() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as z:
        for split, top in (("letters", 26), ("digits", 10)):
            for part, train in (("train", True), ("test", False)):
                labels = LABELS[train] % top + (split == "letters")
                turned = IMAGES[train].transpose(0, 2, 1)  # as in NIST's files
                z.writestr(f"gzip/emnist-{split}-{part}-images-idx3-ubyte.gz", idx(turned))
                z.writestr(f"gzip/emnist-{split}-{part}-labels-idx1-ubyte.gz", idx(labels))
    return packed.getvalue()


def test_emnist(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    archive(server, monkeypatch, EMNIST, emnist())
    letters = EMNIST(split="letters")
    assert letters.data.dtype == nnx.uint8
    np.testing.assert_array_equal(letters.data.numpy(), IMAGES[True])  # upright
    assert letters.targets.tolist() == (LABELS[True] + 1).tolist()
    assert letters.classes[1] == "a" and MNIST.classes[1] == "1"
    x, _ = next(iter(DataLoader(letters, 6)))
    np.testing.assert_allclose(x.numpy(), IMAGES[True][:6] / 255, rtol=1e-6)
    x, y = EMNIST(split="digits", train=False, normalize=True, flatten=True)[1]
    pixels = IMAGES[True] / 255
    expected = (IMAGES[False][1] / 255 - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(x.numpy(), expected.ravel(), rtol=1e-4, atol=1e-5)
    assert int(y) == 0 and len(server.requests) == 1
    with pytest.raises(nnx.FileError, match=r"gzip\.zip"):
        EMNIST(split="balanced")  # not in this archive
    with pytest.raises(nnx.ArgumentError, match="did you mean 'letters'"):
        EMNIST(split="leters")


def test_emnist_unpacked_by_torchvision(tmp_path: pathlib.Path) -> None:
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, train in (("train", True), ("test", False)):
        for kind, a in (("images-idx3", IMAGES[train]), ("labels-idx1", LABELS[train])):
            path = raw / f"emnist-mnist-{part}-{kind}-ubyte"
            path.write_bytes(gzip.decompress(idx(a)))
    data = EMNIST(tmp_path, "mnist", False, download=False)
    np.testing.assert_array_equal(data.data.numpy(), IMAGES[False].transpose(0, 2, 1))
    folder = EMNIST(split="mnist", folder=raw)
    assert len(folder) == 12


# --- CIFAR ----------------------------------------------------------------------------------------

SIZES = {True: 15, False: 4}
PIXELS = {train: RNG.integers(0, 256, (n, 3, 32, 32), np.uint8) for train, n in SIZES.items()}


def cifar(hundred: bool) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for train in (True, False):
            pixels, n = PIXELS[train], len(PIXELS[train])
            labels = (np.arange(n) * 7) % (100 if hundred else 10)
            columns = [labels[:, None]] if not hundred else [np.full((n, 1), 19), labels[:, None]]
            records = np.concatenate([*columns, pixels.reshape(n, -1)], 1).astype(np.uint8)
            if hundred:
                parts = {f"cifar-100-binary/{'train' if train else 'test'}.bin": records}
            elif train:
                parts = {
                    f"cifar-10-batches-bin/data_batch_{i + 1}.bin": records[3 * i : 3 * i + 3]
                    for i in range(5)
                }
            else:
                parts = {"cifar-10-batches-bin/test_batch.bin": records}
            for name, part in parts.items():
                info = tarfile.TarInfo(name)
                info.size = part.nbytes
                tar.addfile(info, io.BytesIO(part.tobytes()))
    return packed.getvalue()


@pytest.mark.parametrize("cls", [CIFAR10, CIFAR100])
def test_cifar(
    cls: Any, server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    archive(server, monkeypatch, cls, cifar(cls is CIFAR100))
    for train in (True, False):
        data = cls(train=train)
        n = len(PIXELS[train])
        assert len(data) == n and data.data.shape == (n, 32, 32, 3)
        assert data.targets.tolist() == [i * 7 % len(cls.classes) for i in range(n)]
        np.testing.assert_array_equal(data.data.numpy(), PIXELS[train].transpose(0, 2, 3, 1))
        x, y = data[2]
        np.testing.assert_allclose(x.numpy(), PIXELS[train][2] / 255, rtol=1e-6)
        assert int(y) == 14 % len(cls.classes)
    x, _ = next(iter(DataLoader(cls(normalize=True), 4)))
    mean, std = (np.reshape(v, (3, 1, 1)) for v in cls._stats)
    np.testing.assert_allclose(
        x.numpy(), (PIXELS[True][:4] / 255 - mean) / std, rtol=1e-4, atol=1e-5
    )
    assert len(server.requests) == 1 and cls.__name__ in repr(data)
    raw = cls(transform=lambda picture: picture[0, 0])
    assert raw[1][0].tolist() == PIXELS[True][1, :, 0, 0].tolist()
    assert len(pickle.loads(pickle.dumps(data))) == 4


@pytest.mark.parametrize("damage", ["cut", "no member", "length", "label", "text"])
def test_a_damaged_cifar(
    damage: str, server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        name = "other" if damage == "no member" else "cifar-10-batches-bin/test_batch.bin"
        body = bytes(3073 * 2 - (damage == "length"))
        body = b"\x0b" + body[1:] if damage == "label" else body
        info = tarfile.TarInfo(name)
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))
    content = packed.getvalue()
    content = {"cut": content[: len(content) // 2], "text": b"<html>"}.get(damage, content)
    archive(server, monkeypatch, CIFAR10, content)
    with pytest.raises(nnx.FileError, match=r"cifar-10-binary"):
        CIFAR10(train=False)


# --- small sets -----------------------------------------------------------------------------------


def test_iris() -> None:
    iris = Iris()
    assert len(iris) == 150 and iris.y.bincount().tolist() == [50, 50, 50]
    # published means and deviations of the four lengths, in cm
    x = iris.x.numpy().astype(np.float64)
    np.testing.assert_allclose(x.mean(0), [5.84, 3.06, 3.76, 1.20], atol=0.006)
    np.testing.assert_allclose(x.std(0, ddof=1), [0.83, 0.44, 1.77, 0.76], atol=0.006)
    assert iris[34][0].tolist() == pytest.approx([4.9, 3.1, 1.5, 0.2])  # Fisher's, not UCI's
    sklearn = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn is not installed: nothing to compare with"
    )
    theirs = sklearn.load_iris()
    np.testing.assert_array_equal(iris.x.numpy(), theirs.data.astype(np.float32))
    np.testing.assert_array_equal(iris.y.numpy(), theirs.target)
    assert list(iris.classes) == list(theirs.target_names)


def test_digits() -> None:
    digits = Digits()
    assert digits.images.shape == (1797, 8, 8) and len(Digits(flatten=True)[0][0]) == 64
    assert digits.targets.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    sklearn = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn is not installed: nothing to compare with"
    )
    theirs = sklearn.load_digits()
    np.testing.assert_array_equal(digits.images.numpy() * 16, theirs.images)
    np.testing.assert_array_equal(digits.targets.numpy(), theirs.target)


def test_boston(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    x, y = RNG.random((7, 13)), RNG.random(7) * 50
    packed = io.BytesIO()
    np.savez(packed, x=x, y=y)
    archive(server, monkeypatch, BostonHousing, packed.getvalue())
    data = BostonHousing()
    assert data.columns[5] == "RM" and data.target_columns == ["MEDV"]
    np.testing.assert_array_equal(data.x.numpy(), x.astype(np.float32))
    np.testing.assert_array_equal(data.y.numpy(), y.astype(np.float32)[:, None])
    for bad in (b"PK no zip", packed.getvalue()[:300]):
        archive(server, monkeypatch, BostonHousing, bad)
        with pytest.raises(nnx.FileError, match="damaged"):
            BostonHousing(cache_folder / hashlib.sha256(bad).hexdigest())


def test_a_pickle_in_the_archive_is_not_run(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    packed = io.BytesIO()
    np.savez(packed, x=np.array([{"a": 1}], object), y=np.zeros(1))
    archive(server, monkeypatch, BostonHousing, packed.getvalue())
    with pytest.raises(nnx.FileError, match="damaged"):
        BostonHousing()


def test_california(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache_folder: pathlib.Path
) -> None:
    """The first two rows of the published file, and what scikit-learn's guide shows of them."""
    text = (
        b"-122.230000,37.880000,41.000000,880.000000,129.000000,322.000000,126.000000,8.325200,"
        b"452600.000000\n"
        b"-122.220000,37.860000,21.000000,7099.000000,1106.000000,2401.000000,1138.000000,8.301400,"
        b"358500.000000\n"
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    archive(server, monkeypatch, CaliforniaHousing, packed.getvalue())
    data = CaliforniaHousing()
    np.testing.assert_allclose(
        data.x.numpy(),
        [
            [8.3252, 41, 6.984127, 1.02381, 322, 2.555556, 37.88, -122.23],
            [8.3014, 21, 6.238137, 0.97188, 2401, 2.109842, 37.86, -122.22],
        ],
        rtol=1e-5,
    )
    np.testing.assert_allclose(data.y.numpy(), [[4.526], [3.585]], rtol=1e-6)
    assert data.columns[-1] == "Longitude"
    archive(server, monkeypatch, CaliforniaHousing, packed.getvalue()[:-20])
    with pytest.raises(nnx.FileError, match="damaged"):
        CaliforniaHousing(cache_folder / "other")
