"""Transforms: values against NumPy and torchvision's formulas, one sample against a batch."""

from __future__ import annotations

import pickle
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, Dataset, TensorDataset, TransformedDataset, batch_generator
from nnx.data.transforms import (
    Compose,
    Flatten,
    Lambda,
    Normalize,
    OneHot,
    ToDtype,
    ToTensor,
    Transform,
    apply,
    is_random,
)

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 4, 6), np.uint8)
COLOUR = RNG.integers(0, 256, (5, 4, 6, 3), np.uint8)


@pytest.mark.parametrize("pictures", [GREY, COLOUR])
def test_to_tensor(pictures: np.ndarray) -> None:
    expected = pictures[..., None] if pictures.ndim == 3 else pictures
    expected = expected.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    batch = ToTensor().batch(nnx.asarray(pictures))
    assert batch.dtype == nnx.float32 and batch.is_contiguous()
    np.testing.assert_array_equal(batch.numpy(), expected)
    for picture, one in zip(pictures, expected, strict=True):
        for form in (picture, nnx.asarray(picture), np.asfortranarray(picture)):
            np.testing.assert_array_equal(ToTensor()(form).numpy(), one)


def test_to_tensor_of_other_numbers_moves_axes_only() -> None:
    x = RNG.random((4, 6, 3))
    out = ToTensor()(x)
    assert out.dtype == nnx.float64
    np.testing.assert_array_equal(out.numpy(), x.transpose(2, 0, 1))
    ints = ToTensor()(np.array([[300, -1]]))
    assert ints.dtype == nnx.int64 and ints.tolist() == [[[300, -1]]]
    assert ToTensor()(np.array([[True, False]])).tolist() == [[[1.0, 0.0]]]
    for bad in (np.zeros(3), np.zeros((2, 2, 2, 2))):
        with pytest.raises(nnx.ShapeError, match=r"\(H, W, C\)"):
            ToTensor()(bad)


def test_to_tensor_of_pil() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no picture to make")
    for mode, pictures in (("L", GREY), ("RGB", COLOUR)):
        made = ToTensor()(image.fromarray(pictures[0]))
        assert made.shape[0] == (1 if mode == "L" else 3)
        np.testing.assert_array_equal(made.numpy(), ToTensor()(pictures[0]).numpy())


def test_to_tensor_follows_the_default_dtype() -> None:
    nnx.set_default_dtype(nnx.float64)
    try:
        assert ToTensor()(GREY[0]).dtype == nnx.float64
    finally:
        nnx.set_default_dtype(nnx.float32)


def test_normalize_pictures() -> None:
    x = RNG.random((5, 3, 4, 6), np.float32)
    mean, std = [0.5, 0.25, 0.1], [0.2, 1.0, 3.0]
    expected = (x - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    n = Normalize(mean, std)
    np.testing.assert_allclose(n.batch(nnx.asarray(x)).numpy(), expected, rtol=3e-6, atol=1e-7)
    np.testing.assert_allclose(n(x[2]).numpy(), expected[2], rtol=3e-6, atol=1e-7)
    np.testing.assert_allclose(
        Normalize(0.5, 2.0)(x[0]).numpy(), (x[0] - 0.5) / 2, rtol=1e-6, atol=1e-7
    )
    assert n(x[0].astype(np.float64)).dtype == nnx.float64


def test_normalize_features_along_the_last_axis() -> None:
    x = RNG.random((7, 3))
    mean, std = x.mean(0), x.std(0)
    out = Normalize(mean, nnx.asarray(std)).batch(nnx.asarray(x)).numpy()
    np.testing.assert_allclose(out, (x - mean) / std, rtol=1e-12)
    np.testing.assert_allclose(Normalize(mean, std)(x[4]).numpy(), ((x - mean) / std)[4])


def test_normalize_in_place_or_not() -> None:
    x = nnx.ones(2)
    Normalize(1.0, 1.0)(x)
    assert x.tolist() == [1, 1]
    Normalize(1.0, 1.0, inplace=True)(x)
    assert x.tolist() == [0, 0]


def test_normalize_refuses() -> None:
    with pytest.raises(nnx.ArgumentError, match="std must not be 0"):
        Normalize([0.0], [0.0])
    with pytest.raises(nnx.DTypeError, match="ToTensor"):
        Normalize(0.5, 0.5)(GREY[0])
    with pytest.raises(nnx.ShapeError, match="3 channels"):
        Normalize([0.1] * 3, [1.0] * 3)(nnx.zeros((2, 4, 4)))
    with pytest.raises(nnx.ShapeError, match="equally many"):
        Normalize([0.1] * 3, [1.0] * 2)
    for bad in ("ab", [], None):
        with pytest.raises((nnx.Error, TypeError)):
            Normalize(bad, 1.0)


def test_the_usual_chain_equals_torchs_formula() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    chain = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    x = torch.from_numpy(GREY[:, None]).to(torch.float32).div(255)
    x = x.sub_(0.1307).div_(0.3081)
    np.testing.assert_array_equal(chain.batch(nnx.asarray(GREY)).numpy(), x.numpy())
    np.testing.assert_array_equal(chain(GREY[1]).numpy(), x[1].numpy())


def test_compose_with_functions_between() -> None:
    chain = Compose([ToTensor(), lambda t: t.flip(2), Flatten()])
    batch = chain.batch(nnx.asarray(GREY))
    assert batch.shape == (5, 24)
    for one, picture in zip(batch, GREY, strict=True):
        assert one.tolist() == chain(picture).tolist()
    np.testing.assert_allclose(batch.numpy(), GREY[:, :, ::-1].reshape(5, 24) / 255.0, rtol=1e-6)
    assert Compose([])(3) == 3
    assert "ToTensor" in repr(chain)
    with pytest.raises(nnx.DTypeError):
        Compose([3])


def test_to_dtype() -> None:
    assert ToDtype(nnx.float64)(GREY[0]).numpy().tolist() == GREY[0].tolist()
    scaled = ToDtype(nnx.float64, scale=True).batch(nnx.asarray(GREY))
    np.testing.assert_array_equal(scaled.numpy(), GREY / 255)
    back = ToDtype(nnx.uint8, scale=True).batch(scaled)
    assert back.dtype == nnx.uint8
    np.testing.assert_array_equal(back.numpy(), GREY)
    assert ToDtype(nnx.uint8, scale=True)(nnx.tensor([-1.0, 2.0])).tolist() == [0, 255]
    assert ToDtype(nnx.float64, scale=True)(nnx.tensor([0.5])).tolist() == [0.5]
    with pytest.raises(nnx.DTypeError, match="255"):
        ToDtype(nnx.float32, scale=True)(nnx.tensor([1]))


def test_one_hot_and_flatten() -> None:
    assert OneHot(3)(2).tolist() == [0, 0, 1]
    assert OneHot(3).batch(nnx.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert OneHot(2, nnx.float64)(0).dtype == nnx.float64
    with pytest.raises(IndexError):
        OneHot(3)(3)
    assert Flatten()(nnx.zeros(3)).shape == (3,)
    assert Flatten().batch(nnx.zeros((0, 2, 3))).shape == (0, 6)


def test_lambda() -> None:
    calls: list[Any] = []

    def f(x: nnx.Tensor) -> nnx.Tensor:
        calls.append(x.shape)
        return x + 1

    x = nnx.zeros((4, 2))
    assert Lambda(f).batch(x).tolist() == [[1, 1]] * 4 and calls == [(2,)] * 4
    calls.clear()
    assert Lambda(f, batched=True).batch(x).tolist() == [[1, 1]] * 4 and calls == [(4, 2)]
    assert Lambda(f, batched=True)(x[0]).tolist() == [1, 1]
    with pytest.raises(nnx.DTypeError):
        Lambda(3)  # type: ignore[arg-type]


def test_a_transform_of_ones_own() -> None:
    class Invert(Transform):
        def batch(self, x: nnx.Tensor) -> nnx.Tensor:
            return 1 - x

    assert Invert()(nnx.tensor([0.25])).tolist() == [0.75] and repr(Invert()) == "Invert()"
    assert apply(Invert(), nnx.zeros(3)).tolist() == [1, 1, 1]
    with pytest.raises(NotImplementedError, match="batch"):
        Transform()(nnx.zeros(2))


class Jitter(Transform):
    random = True

    def batch(self, x: nnx.Tensor) -> nnx.Tensor:
        return x + nnx.rand(tuple(x.shape), generator=batch_generator())


def test_random_transforms_follow_the_seed_whatever_the_workers() -> None:
    assert is_random(Compose([ToTensor(), Jitter()])) and not is_random(Compose([ToTensor()]))
    data = TransformedDataset(TensorDataset(nnx.zeros((20, 2)), nnx.arange(20)), Jitter())

    def epochs(workers: int, shuffle: bool) -> list[Any]:
        nnx.manual_seed(8)
        loader = DataLoader(data, 4, shuffle=shuffle, num_workers=workers)
        return [[x.tolist() for x, _ in loader] for _ in range(2)]

    for shuffle in (False, True):
        inline = epochs(0, shuffle)
        assert inline == epochs(1, shuffle) == epochs(3, shuffle)
        assert inline[0] != inline[1]
        flat = [tuple(row) for epoch in inline for batch in epoch for row in batch]
        assert len(set(flat)) == 40


def test_transforms_can_be_sent() -> None:
    chain = Compose([ToTensor(), Normalize([0.1], [0.2]), Flatten(), ToDtype(nnx.float64)])
    chain(GREY[0])
    again = pickle.loads(pickle.dumps(chain))
    assert again(GREY[0]).tolist() == chain(GREY[0]).tolist()


def test_gathered_and_sample_by_sample_are_the_same() -> None:
    """The three speeds, one result."""
    chain = Compose([ToTensor(), Normalize(0.3, 0.7)])
    labels = nnx.arange(5)

    class Samples(Dataset[Any]):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i: int) -> Any:
            return chain(GREY[i]), int(labels[i])

    fast = TransformedDataset(TensorDataset(nnx.asarray(GREY), labels), chain)
    ready = TensorDataset(chain.batch(nnx.asarray(GREY)), labels)
    found = []
    for data in (fast, ready, Samples()):
        for workers in (0, 2):
            nnx.manual_seed(1)
            loader = DataLoader(data, 2, shuffle=True, num_workers=workers)
            found.append([(x.tolist(), y.tolist()) for _ in range(2) for x, y in loader])
    assert all(f == found[0] for f in found)
