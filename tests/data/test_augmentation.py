"""Random transforms: what they draw, that seeds fix it, and that samples of a batch differ."""

from __future__ import annotations

import pickle
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, TensorDataset, TransformedDataset, transforms
from nnx.data.images import ImageDataset
from nnx.data.transforms import functional as F
from nnx.data.transforms import is_random

RNG = np.random.default_rng(2)
FLOATS = nnx.asarray(RNG.random((6, 3, 12, 10), np.float32))
SMALL = ((6, 3, 12, 10), (6, 12, 10, 3), (6, 12, 10))

RANDOM: dict[str, transforms.Transform] = {
    "RandomCrop": transforms.RandomCrop(8, padding=2),
    "RandomCrop reflect": transforms.RandomCrop((8, 9), padding=2, padding_mode="reflect"),
    "RandomCrop grown": transforms.RandomCrop(20, pad_if_needed=True, fill=1),
    "RandomResizedCrop": transforms.RandomResizedCrop(7),
    "RandomHorizontalFlip": transforms.RandomHorizontalFlip(),
    "RandomVerticalFlip": transforms.RandomVerticalFlip(),
    "RandomRotation": transforms.RandomRotation(30),
    "RandomAffine": transforms.RandomAffine(
        20, (0.2, 0.2), (0.8, 1.2), (-5, 5, -5, 5), interpolation="bilinear", fill=1
    ),
    "RandomErasing": transforms.RandomErasing(0.9),
    "RandomErasing noise": transforms.RandomErasing(0.9, value="random"),
    "RandomGrayscale": transforms.RandomGrayscale(0.5),
    "ColorJitter": transforms.ColorJitter(0.3, 0.3, 0.3, 0.1),
    "GaussianBlur": transforms.GaussianBlur(3),
    "GaussianNoise": transforms.GaussianNoise(),
    "RandomApply": transforms.RandomApply([transforms.RandomRotation(30)]),
    "RandomChoice": transforms.RandomChoice(
        [transforms.RandomHorizontalFlip(1), transforms.RandomVerticalFlip(1)]
    ),
    "Compose": transforms.Compose(
        [transforms.RandomAffine(10), transforms.RandomHorizontalFlip(), transforms.RandomErasing()]
    ),
}
FIXED: dict[str, transforms.Transform] = {
    "Resize": transforms.Resize((5, 6)),
    "CenterCrop": transforms.CenterCrop(4),
    "Pad": transforms.Pad((1, 2), padding_mode="edge"),
    "Grayscale": transforms.Grayscale(),
}
ONLY_FLOATS = ("RandomErasing noise", "GaussianNoise")
ONLY_COLOURS = ("RandomGrayscale",)


def draw(f: Any, x: Any, seed: int = 0) -> Any:
    nnx.manual_seed(seed)
    return f.batch(x)


# --- all of them ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*RANDOM, *FIXED])
def test_every_layout_has_the_same_picture(name: str) -> None:
    f = {**RANDOM, **FIXED}[name]
    assert is_random(f) == (name in RANDOM)
    expected = draw(f, FLOATS)
    assert expected.dtype == nnx.float32 and expected.ndim == 4
    if name not in ONLY_FLOATS:
        bytes_ = (FLOATS * 255).round().to(nnx.uint8)
        first = draw(f, bytes_)
        last = draw(f, bytes_.permute(0, 2, 3, 1).contiguous())
        assert first.dtype == nnx.uint8 and nnx.array_equal(last.permute(0, 3, 1, 2), first)
        if "fill" not in name and name not in ("RandomCrop grown", "RandomAffine"):
            # Rounding the input can shift a result by one, and each change of a chain by one more.
            far = (expected * 255 - first.float()).abs().max().item()
            assert far < 4 + 4 * (name == "ColorJitter")
    if name not in ONLY_COLOURS:
        grey = draw(f, FLOATS[:, 0])
        one = draw(f, FLOATS[:, :1])
        assert grey.ndim == 3 and nnx.array_equal(grey, one[:, 0])
    empty = f.batch(FLOATS[:0])
    assert tuple(empty.shape) == (0, *expected.shape[1:])
    nnx.manual_seed(0)
    single = f(FLOATS[0])
    assert single.shape == expected.shape[1:]
    with pytest.raises(nnx.ShapeError, match=r"\(C, H, W\)|\(H, W\)"):
        f(nnx.zeros(5))
    with pytest.raises(nnx.ShapeError, match="H, W, C"):
        f(FLOATS[0].permute(1, 2, 0))


@pytest.mark.parametrize("name", RANDOM)
def test_seeds_fix_what_is_drawn(name: str) -> None:
    f = RANDOM[name]
    same = nnx.stack([FLOATS[0]] * 40)
    first = draw(f, same)
    assert nnx.array_equal(draw(f, same), first)
    assert not nnx.array_equal(draw(f, same, 1), first)
    different = {row.tobytes() for row in first.numpy()}
    few = ("Flip", "Choice", "Grayscale")
    assert len(different) == 2 if any(part in name for part in few) else len(different) > 8
    again = pickle.loads(pickle.dumps(f))
    assert nnx.array_equal(draw(again, same), first)
    assert repr(again) == repr(f) and type(f).__name__ in repr(f)
    before = same.clone()
    f.batch(same)
    assert nnx.array_equal(same, before)  # nothing is written to the dataset


@pytest.mark.parametrize("name", RANDOM)
def test_workers_change_nothing(name: str) -> None:
    data = TransformedDataset(TensorDataset(FLOATS, nnx.arange(6)), RANDOM[name])

    def epochs(workers: int) -> list[Any]:
        generator = nnx.Generator().manual_seed(5)
        loader = DataLoader(data, 2, shuffle=True, num_workers=workers, generator=generator)
        return [(x.numpy().tobytes(), y.tolist()) for _ in range(2) for x, y in loader]

    assert epochs(0) == epochs(2)


# --- what is drawn --------------------------------------------------------------------------------
N = 4000


def share(hits: Any, p: float) -> None:
    """The share of hits is p, within five deviations."""
    hits = np.asarray(hits)
    assert abs(hits.mean() - p) < 5 * (p * (1 - p) / hits.size) ** 0.5 + 1e-12


def uniform(values: Any, low: float, high: float) -> None:
    """The values are spread evenly: ends, mean, spread, and tenths."""
    values = np.asarray(values, dtype=float)
    assert values.min() >= low - 1e-6 and values.max() <= high + 1e-6
    tenths = np.histogram(values, 10, (low, high))[0]
    assert (np.abs(tenths - values.size / 10) < 5 * (values.size / 10) ** 0.5).all()


def many(picture: np.ndarray) -> nnx.Tensor:
    return nnx.asarray(picture).expand(N, 1, *picture.shape)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_flips_come_as_often_as_p_says(p: float) -> None:
    x = many(np.array([[1.0, 2.0], [3.0, 4.0]]))
    for cls, flipped in ((transforms.RandomHorizontalFlip, 2), (transforms.RandomVerticalFlip, 3)):
        first = draw(cls(p), x).numpy()[:, 0, 0, 0]
        assert set(first) <= {1, flipped}
        share(first == flipped, p)


def test_crops_are_anywhere() -> None:
    ramp = np.arange(12.0)[:, None] * 100 + np.arange(20.0)
    corner = draw(transforms.RandomCrop((3, 16)), many(ramp)).numpy()[:, 0, 0, 0]
    top, left = np.divmod(corner, 100)
    for place, count in ((top, 10), (left, 5)):
        found, hits = np.unique(place, return_counts=True)
        assert found.tolist() == list(range(count))
        assert (np.abs(hits - N / count) < 5 * (N / count) ** 0.5).all()
    assert abs(np.corrcoef(top, left)[0, 1]) < 5 / N**0.5
    whole = draw(transforms.RandomCrop((12, 20)), many(ramp)).numpy()
    assert (whole[:, 0] == ramp).all()


def test_padding_of_crops() -> None:
    x = nnx.ones(2, 1, 4, 4)
    made = draw(transforms.RandomCrop(12, padding=4, fill=7), x).numpy()
    np.testing.assert_array_equal(made[0, 0], np.pad(np.ones((4, 4)), 4, constant_values=7))
    grown = transforms.RandomCrop((6, 4), pad_if_needed=True)
    assert draw(grown, x).shape == (2, 1, 6, 4)
    bordered = draw(transforms.RandomCrop((4, 8), pad_if_needed=True, fill=7), x).numpy()
    assert set(np.unique(bordered)) == {1, 7} and (bordered == 1).sum((1, 2, 3)).min() >= 4
    with pytest.raises(nnx.ShapeError, match="pad_if_needed"):
        transforms.RandomCrop(6).batch(x)


def test_resized_crops_keep_to_scale_and_ratio() -> None:
    high, wide = 60, 80
    # Linear in both directions: what a window of it shows tells where the window was.
    down, across = np.mgrid[0.0:high, 0.0:wide]
    f = transforms.RandomResizedCrop((2, 2), scale=(0.1, 0.5), ratio=(0.5, 2), antialias=False)
    rows = draw(f, many(down)).numpy()[:, 0, :, 0]
    columns = draw(f, many(across)).numpy()[:, 0, 0, :]
    h, w = 2 * (rows[:, 1] - rows[:, 0]), 2 * (columns[:, 1] - columns[:, 0])
    top, left = rows[:, 0] - h / 4 + 0.5, columns[:, 0] - w / 4 + 0.5
    for value in (h, w, top, left):
        np.testing.assert_allclose(value, np.round(value), atol=1e-6)
    area, ratio = h * w / (high * wide), w / h
    assert 0.09 < area.min() < 0.12 and 0.4 < area.max() < 0.52
    assert 0.47 < ratio.min() < 0.55 and 1.8 < ratio.max() < 2.15
    # Large windows that stick out are drawn anew: the small ones are spread evenly.
    uniform(area[area < 0.25], area[area < 0.25].min(), 0.25)
    assert abs(np.log(ratio[area < 0.25]).mean()) < 0.1
    assert (top >= -1e-6).all() and (top + h <= high + 1e-6).all()
    assert (left >= -1e-6).all() and (left + w <= wide + 1e-6).all()
    uniform(((top + 0.5) / (high - h + 1))[h < 20], 0, 1)
    f = transforms.RandomResizedCrop((2, 2), (0.1, 0.2), (2, 3), antialias=False)
    rows = draw(f, many(down)[:50]).numpy()[:, 0, :, 0]
    columns = draw(f, many(across)[:50]).numpy()[:, 0, 0, :]
    assert (np.diff(columns) > 1.8 * np.diff(rows)).all()  # wider than high


def test_resized_crops_that_cannot_be() -> None:
    down, across = np.mgrid[0.0:10, 0.0:40]
    f = transforms.RandomResizedCrop((10, 10), scale=(1, 1), ratio=(1, 1), interpolation="nearest")
    made = draw(f, many(across)[:3]).numpy()  # the middle, as wide as high
    assert (made[:, 0, 0] == np.arange(15, 25)).all()
    made = draw(f, many(across.T)[:3]).numpy()
    assert (made[:, 0, :, 0] == np.arange(15, 25)).all()
    assert draw(f, many(down)[:3]).shape == (3, 1, 10, 10)


def test_rotations_are_within_degrees() -> None:
    # The place of a dot far from the middle tells the angle.
    x = np.zeros((41, 41))
    x[18:23, 36:41] = 1
    down, across = np.mgrid[-20.0:21, -20.0:21]

    def angles(f: transforms.Transform) -> np.ndarray:
        made = draw(f, many(x)[:1000]).numpy()[:, 0]
        mass = made.sum((1, 2))
        return np.rad2deg(
            np.arctan2(-(made * down).sum((1, 2)) / mass, (made * across).sum((1, 2)) / mass)
        )

    uniform(angles(transforms.RandomRotation(40, "bilinear")), -41, 41)
    positive = angles(transforms.RandomRotation((10, 50), "bilinear"))
    uniform(positive, 9, 51)
    clockwise = angles(transforms.RandomAffine((10, 50), interpolation="bilinear"))
    np.testing.assert_allclose(clockwise, -positive, atol=0.5)  # the same numbers


def test_affine_moves_scales_and_shears() -> None:
    x = np.zeros((41, 51))
    x[16:25, 21:30] = 1  # a square of 9 in the middle
    down, across = np.mgrid[-20.0:21, -25.0:26]

    def moments(f: transforms.Transform) -> tuple[np.ndarray, ...]:
        made = draw(f, many(x)[:1000]).numpy()[:, 0]
        mass = made.sum((1, 2))
        i, j = (made * down).sum((1, 2)) / mass, (made * across).sum((1, 2)) / mass
        return mass, i, j, (made * down * across).sum((1, 2)) / mass - i * j

    mass, i, j, _ = moments(transforms.RandomAffine(0, translate=(0.2, 0.1)))
    np.testing.assert_allclose(mass, 81)
    assert set(np.round(j)) == set(range(-10, 11)) and set(np.round(i)) == set(range(-4, 5))
    np.testing.assert_allclose(np.stack([i, j]), np.round([i, j]), atol=1e-9)
    square, x = x, np.exp(-(down**2 + across**2) / 18)
    mass, i, j, _ = moments(transforms.RandomAffine(0, scale=(0.5, 1.5), interpolation="bilinear"))
    uniform((mass / x.sum()) ** 0.5, 0.5 - 1e-3, 1.5 + 1e-3)
    x = square
    np.testing.assert_allclose([i, j], 0, atol=1e-9)
    leans = moments(transforms.RandomAffine(0, shear=20, interpolation="bilinear"))[3]
    assert leans.min() < -1 and leans.max() > 1 and abs(np.mean(leans)) < 0.3
    one_way = moments(transforms.RandomAffine(0, shear=(5, 20), interpolation="bilinear"))[3]
    assert (one_way < 0).all()
    both = moments(transforms.RandomAffine(0, shear=(0, 0, 5, 20), interpolation="bilinear"))[3]
    assert (both < 0).all()
    for limits, kept, leaning in (((5, 20), 1, 2), ((0, 0, 5, 20), 2, 1)):
        made = draw(transforms.RandomAffine(0, shear=limits), many(x)[:50]).numpy()[:, 0] > 0
        # Leaning along x leaves every row where it is, leaning along y every column.
        assert (made.any(3 - kept).sum(1) == 9).all() and (made.any(3 - leaning).sum(1) > 9).any()
    about = transforms.RandomAffine((90, 90), center=(0, 0), fill=2)
    assert (draw(about, many(x)[:1]).numpy()[0, 0, :, :-1] == 2).all()  # turned out of sight


def test_holes_have_their_size_and_place() -> None:
    x = nnx.ones(N, 1, 40, 50)
    holes = draw(transforms.RandomErasing(0.7, (0.05, 0.2), (0.5, 2)), x).numpy()[:, 0] == 0
    hit = holes.any((1, 2))
    share(hit, 0.7)
    holes = holes[hit]
    rows, columns = holes.any(2), holes.any(1)
    h, w = rows.sum(1), columns.sum(1)
    assert (holes.sum((1, 2)) == h * w).all()  # rectangles
    assert ((rows.argmax(1) + h) <= 40).all()
    area, ratio = h * w / 2000, h / w
    assert 0.045 < area.min() < 0.06 and 0.18 < area.max() < 0.21
    assert 0.45 < ratio.min() < 0.6 and 1.7 < ratio.max() < 2.2
    high = draw(transforms.RandomErasing(1, (0.1, 0.2), (2, 3)), x[:50]).numpy()[:, 0] == 0
    assert (high.any(2).sum(1) > 1.5 * high.any(1).sum(1)).all()  # higher than wide
    uniform((rows.argmax(1) + RNG.random(len(h))) / (41 - h), 0, 1)
    uniform((columns.argmax(1) + RNG.random(len(h))) / (51 - w), 0, 1)


def test_what_fills_a_hole() -> None:
    x = nnx.zeros(50, 3, 20, 20)
    whole = {"p": 1, "scale": (0.5, 0.5), "ratio": (1, 1)}
    made = draw(transforms.RandomErasing(value=(1, 2, 3), **whole), x).numpy()
    assert [set(np.unique(made[:, c])) for c in range(3)] == [{0, 1}, {0, 2}, {0, 3}]
    made = draw(transforms.RandomErasing(value="random", **whole), x).numpy()
    noise = made[made != 0]
    assert abs(noise.mean()) < 5 / noise.size**0.5 and abs(noise.std() - 1) < 0.05
    impossible = transforms.RandomErasing(1, (1, 1), (1, 1))
    assert (draw(impossible, x + 1) == 1).all()
    with pytest.raises(nnx.DTypeError, match="ToTensor"):
        transforms.RandomErasing(value="random").batch(x.to(nnx.uint8))


def test_jitter_is_within_its_limits() -> None:
    x = many(np.full((2, 2), 0.4))
    factor = draw(transforms.ColorJitter(brightness=0.5), x).numpy()[:, 0, 0, 0] / 0.4
    uniform(factor, 0.5, 1.5)
    x = many(np.array([[0.4, 0.6]]))
    made = draw(transforms.ColorJitter(contrast=(0.5, 2)), x).numpy()[:, 0, 0]
    uniform((made[:, 1] - made[:, 0]) / 0.2, 0.5, 2)
    np.testing.assert_allclose(made.mean(1), 0.5, atol=1e-9)
    grey = transforms.ColorJitter(saturation=0.5, hue=0.2)
    assert nnx.array_equal(draw(grey, x), x)
    colour = nnx.asarray(np.reshape([0.8, 0.2, 0.2], (1, 3, 1, 1))).expand(N, 3, 1, 1)
    made = draw(transforms.ColorJitter(hue=(0.0, 1 / 6)), colour).numpy()[:, :, 0, 0]
    np.testing.assert_allclose(made[:, [0, 2]], [[0.8, 0.2]] * N)
    uniform((made[:, 1] - 0.2) / 0.6, 0, 1)
    # The order changes: brightness and contrast do not commute.
    both = transforms.ColorJitter((2, 2), (0.5, 0.5))
    ends = {draw(both, many(np.array([[0.2, 0.6]]))[:1], seed).sum().item() for seed in range(20)}
    assert len({round(v, 6) for v in ends}) == 2
    assert repr(transforms.ColorJitter()).count("None") == 4


def test_grayscale_blur_and_noise() -> None:
    colour = nnx.asarray(RNG.random((N, 3, 1, 2)))
    made = draw(transforms.RandomGrayscale(0.2), colour)
    grey = (made == F.rgb_to_grayscale(colour, 3)).numpy().all((1, 2, 3))
    kept = (made == colour).numpy().all((1, 2, 3))
    assert (grey ^ kept).all()
    share(grey, 0.2)
    dot = np.zeros((9, 9))
    dot[4, 4] = 1
    peak = draw(transforms.GaussianBlur(5, (0.5, 1.0)), many(dot)).numpy()[:, 0]
    np.testing.assert_allclose(peak.sum((1, 2)), 1)
    sigma = (-0.5 / np.log(peak[:, 4, 3] / peak[:, 4, 4])) ** 0.5  # from neighbours' ratio
    uniform(sigma, 0.5, 1.0)
    noise = draw(transforms.GaussianNoise(0.2, 0.05, clip=False), many(dot)).numpy()[:, 0] - dot
    assert abs(noise.mean() - 0.2) < 5 * 0.05 / noise.size**0.5
    assert abs(noise.std() - 0.05) < 5 * 0.05 / (2 * noise.size) ** 0.5


def test_random_apply_and_choice() -> None:
    x = nnx.arange(N, dtype=nnx.float64).reshape(N, 1)
    one = draw(transforms.RandomApply([lambda v: v + 0.5, lambda v: v * 2], p=0.3), x)
    changed = (one == 2 * x + 1).numpy()[:, 0]
    assert (changed | (one == x).numpy()[:, 0]).all()  # samples keep their place
    share(changed, 0.3)
    assert nnx.array_equal(draw(transforms.RandomApply([lambda v: v + 1], p=0), x), x)
    choice = transforms.RandomChoice([lambda v: v, lambda v: -v, lambda v: v + 0.5], p=[1, 3, 4])
    made = draw(choice, x).numpy()[1:, 0]
    places = x.numpy()[1:, 0]
    for value, p in ((places, 1 / 8), (-places, 3 / 8), (places + 0.5, 4 / 8)):
        share(made == value, p)
    assert choice(nnx.ones(1)).shape == (1,)


def test_results_that_do_not_fit_together() -> None:
    x = nnx.zeros(50, 1, 8, 8)
    with pytest.raises(nnx.ShapeError, match="Resize"):
        draw(transforms.RandomApply([transforms.CenterCrop(4)]), x)
    with pytest.raises(nnx.DTypeError, match="one dtype"):
        draw(transforms.RandomChoice([transforms.ToDtype(nnx.float64), lambda v: v]), x)


@pytest.mark.parametrize(
    ("kind", "make", "text"),
    [
        (nnx.ArgumentError, lambda t: t.RandomCrop((1, 2, 3)), "height, width"),
        (nnx.ArgumentError, lambda t: t.RandomCrop(0), "at least 1"),
        (nnx.DTypeError, lambda t: t.RandomCrop(2.5), "whole number"),
        (nnx.ArgumentError, lambda t: t.RandomCrop(4, padding=(1, 2, 3)), "left, top"),
        (nnx.ArgumentError, lambda t: t.RandomCrop(4, padding_mode="zeros"), "constant"),
        (nnx.ArgumentError, lambda t: t.RandomHorizontalFlip(1.5), r"\[0, 1\]"),
        (nnx.ArgumentError, lambda t: t.RandomHorizontalFlip(np.nan), "p must be"),
        (nnx.ArgumentError, lambda t: t.RandomRotation(-10), "at least 0"),
        (nnx.ArgumentError, lambda t: t.RandomRotation((30, 10)), r"write \(10, 30\)"),
        (nnx.ArgumentError, lambda t: t.RandomRotation(10, "bicubic"), "bilinear"),
        (nnx.DTypeError, lambda t: t.RandomRotation("ten"), "number"),
        (nnx.ArgumentError, lambda t: t.RandomAffine(0, translate=(2, 0)), "translate"),
        (nnx.ArgumentError, lambda t: t.RandomAffine(0, translate=0.1), "2 numbers"),
        (nnx.ArgumentError, lambda t: t.RandomAffine(0, scale=(0, 1)), "scale"),
        (nnx.ArgumentError, lambda t: t.RandomAffine(0, shear=(1, 2, 3)), "2 or 4"),
        (nnx.ArgumentError, lambda t: t.RandomAffine(0, shear=(1, 2, 5, 3)), "shear"),
        (nnx.ArgumentError, lambda t: t.RandomErasing(scale=(0.5, 2)), "scale"),
        (nnx.ArgumentError, lambda t: t.RandomErasing(ratio=(0, 1)), "ratio"),
        (nnx.ArgumentError, lambda t: t.RandomErasing(value="noise"), "random"),
        (nnx.ArgumentError, lambda t: t.RandomResizedCrop(8, scale=(1, 0.1)), "low, high"),
        (nnx.ArgumentError, lambda t: t.ColorJitter(hue=0.7), "hue"),
        (nnx.ArgumentError, lambda t: t.ColorJitter(brightness=-1), "brightness"),
        (nnx.ArgumentError, lambda t: t.ColorJitter(contrast=(2, 1)), "contrast"),
        (nnx.ArgumentError, lambda t: t.GaussianBlur(2), "odd"),
        (nnx.ArgumentError, lambda t: t.GaussianBlur(3, (2, 1)), "sigma"),
        (nnx.ArgumentError, lambda t: t.GaussianNoise(sigma=-0.1), "sigma"),
        (nnx.ArgumentError, lambda t: t.Resize((1, 2, 3)), "height, width"),
        (nnx.ArgumentError, lambda t: t.Resize(8, "linear"), "bilinear"),
        (nnx.ArgumentError, lambda t: t.Resize(8, max_size=4), "max_size"),
        (nnx.ArgumentError, lambda t: t.Grayscale(2), "1, 3"),
        (nnx.DTypeError, lambda t: t.RandomApply(t.Flatten()), "in a list"),
        (nnx.DTypeError, lambda t: t.RandomApply([3]), "function"),
        (nnx.ArgumentError, lambda t: t.RandomChoice([]), "to choose"),
        (nnx.ArgumentError, lambda t: t.RandomChoice([abs], p=[1, 2]), "each transform"),
        (nnx.ArgumentError, lambda t: t.RandomChoice([abs], p=[0]), "above it"),
        (nnx.ArgumentError, lambda t: t.RandomChoice([abs], p=[np.nan]), "above it"),
        (nnx.ArgumentError, lambda t: t.RandomRotation(5, expand=True).batch(FLOATS), "expand"),
    ],
)
def test_options_are_checked(kind: type, make: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        make(transforms)


# --- in a dataset ---------------------------------------------------------------------------------
def test_the_usual_recipe_of_cifar_runs_as_it_is_written() -> None:
    pictures = nnx.asarray(RNG.integers(0, 256, (20, 32, 32, 3), np.uint8))
    recipe = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
        ]
    )
    data = ImageDataset(pictures, nnx.arange(20), recipe)
    x, y = next(iter(DataLoader(data, 20)))
    assert x.shape == (20, 3, 32, 32) and y.tolist() == list(range(20))
    assert data[0][0].shape == (3, 32, 32)
    v2 = transforms.Compose([transforms.ToImage(), transforms.ToDtype(nnx.float32, scale=True)])
    plain = transforms.ToTensor()
    assert nnx.array_equal(v2.batch(pictures), plain.batch(pictures))
    assert nnx.array_equal(v2(pictures[0].numpy()), plain(pictures[0]))


@pytest.mark.parametrize("shape", SMALL)
def test_to_image(shape: tuple[int, ...]) -> None:
    x = nnx.asarray(RNG.integers(0, 256, shape, np.uint8))
    made = transforms.ToImage().batch(x)
    assert made.dtype == nnx.uint8 and made.is_contiguous()
    expected = {
        3: lambda a: a[:, None],
        4: lambda a: a if a.shape[1] == 3 else a.transpose(0, 3, 1, 2),
    }
    np.testing.assert_array_equal(made.numpy(), expected[len(shape)](x.numpy()))


def test_digits_and_mnist_go_through() -> None:
    chain = transforms.Compose([transforms.RandomAffine(10), transforms.ToTensor()])
    for data in (
        nnx.data.MNIST(train=False, transform=chain),
        nnx.data.Digits(transform=chain),
    ):
        x, _ = next(iter(DataLoader(data, 5)))
        side = data.data.shape[1]
        assert x.shape == (5, 1, side, side) and x.dtype == nnx.float32 and 0 < x.max() <= 1
        assert data[3][0].shape == (1, side, side)


def test_a_batch_in_the_place_of_a_picture() -> None:
    with pytest.raises(nnx.ShapeError, match=r"transform\.batch\(x\)"):
        transforms.RandomAffine(10)(nnx.zeros((5, 1, 8, 8)))
