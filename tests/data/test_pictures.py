"""Functions on pictures against SciPy, Pillow, colorsys, PyTorch and numbers worked out by hand."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data.transforms import InterpolationMode
from nnx.data.transforms import functional as F

RNG = np.random.default_rng(7)
GREY = RNG.random((9, 13))
COLOUR = RNG.random((3, 11, 8))
BYTES = RNG.integers(0, 256, (12, 9, 3), np.uint8)  # as a file has them: (H, W, C)

STATISTICS = (0.5, 0.4, 0.3), (1, 1, 1)


def value(t: Any) -> np.ndarray:
    return np.asarray(t.numpy(), dtype=np.float64)


# --- pixels as they are ---------------------------------------------------------------------------
def test_flips() -> None:
    np.testing.assert_array_equal(value(F.hflip(COLOUR)), COLOUR[..., ::-1])
    np.testing.assert_array_equal(value(F.vflip(COLOUR)), COLOUR[:, ::-1])
    some = F.hflip(nnx.asarray(COLOUR), nnx.tensor([True, False, True]))  # three grey pictures
    np.testing.assert_array_equal(value(some[1]), COLOUR[1])
    np.testing.assert_array_equal(value(some[::2]), COLOUR[::2, :, ::-1])


@pytest.mark.parametrize("where", [(0, 0, 9, 13), (2, 3, 4, 5), (-2, 1, 4, 4), (7, 10, 5, 9)])
def test_crop(where: tuple[int, int, int, int]) -> None:
    top, left, high, wide = where
    far = np.pad(GREY, 20)
    expected = far[20 + top :, 20 + left :][:high, :wide]
    np.testing.assert_array_equal(value(F.crop(GREY, *where)), expected)
    one = F.crop(GREY[None], nnx.tensor([top]), nnx.tensor([left]), high, wide)
    np.testing.assert_array_equal(value(one[0]), expected)


def test_center_crop() -> None:
    ramp = np.arange(35.0).reshape(5, 7)
    np.testing.assert_array_equal(value(F.center_crop(ramp, (3, 3))), ramp[1:4, 2:5])
    np.testing.assert_array_equal(value(F.center_crop(ramp, 5)), ramp[:, 1:6])
    np.testing.assert_array_equal(
        value(F.center_crop(ramp, (7, 7))), np.pad(ramp, [(1, 1), (0, 0)])
    )
    # Half a pixel too many: torchvision rounds to the even place.
    np.testing.assert_array_equal(value(F.center_crop(ramp, (2, 4))), ramp[2:4, 2:6])


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [2, (1, 3), (1, 2, 3, 4), 0])
def test_pad(mode: str, padding: Any) -> None:
    left, top, right, bottom = {2: (2,) * 4, 0: (0,) * 4, (1, 3): (1, 3, 1, 3)}.get(
        padding, (1, 2, 3, 4)
    )
    expected = np.pad(COLOUR, [(0, 0), (top, bottom), (left, right)], mode=mode)  # type: ignore[call-overload]
    np.testing.assert_array_equal(value(F.pad(COLOUR, padding, padding_mode=mode)), expected)


def test_pad_with_a_colour() -> None:
    made = value(F.pad(COLOUR, 1, fill=(0.1, 0.2, 0.3)))
    np.testing.assert_array_equal(made[:, 1:-1, 1:-1], COLOUR)
    np.testing.assert_array_equal(made[:, 0, 0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(made[:, -1, 4], [0.1, 0.2, 0.3])
    made = value(F.pad(BYTES, (1, 0), 255))
    assert made.shape == (12, 11, 3) and (made[:, [0, -1]] == 255).all()


def test_erase() -> None:
    expected = COLOUR.copy()
    expected[:, 2:5, 1:3] = 0.5
    np.testing.assert_array_equal(value(F.erase(COLOUR, 2, 1, 3, 2, 0.5)), expected)
    expected[:, 2:5, 1:3] = np.reshape([1, 2, 3], (3, 1, 1))
    np.testing.assert_array_equal(value(F.erase(COLOUR, 2, 1, 3, 2, (1, 2, 3))), expected)
    x = nnx.tensor(COLOUR)
    assert F.erase(x, 2, 1, 3, 2, (1, 2, 3), inplace=True) is x
    np.testing.assert_array_equal(value(x), expected)
    x = F.erase(nnx.asarray(COLOUR), nnx.tensor([0, 1, 2]), 0, 1, nnx.tensor([8, 8, 0]), 9)
    assert [(row == 9).all(-1).tolist() for row in value(x)[:, :3]] == [
        [True, False, False],
        [False, True, False],
        [False, False, False],
    ]


# --- other sizes ----------------------------------------------------------------------------------
SIZES = [(4, 5), (20, 30), (5, 30), (9, 13), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resize_with_averaging_is_pillows(size: tuple[int, int], mode: str) -> None:
    pil = pytest.importorskip(
        "PIL.Image", reason="Pillow is not installed: nothing to compare with"
    )
    x = GREY.astype(np.float32)
    filters = {"bilinear": pil.BILINEAR, "bicubic": pil.BICUBIC}
    expected = np.asarray(pil.fromarray(x).resize(size[::-1], filters[mode]))
    np.testing.assert_allclose(value(F.resize(x, size, mode)), expected, atol=1e-6)
    part = np.asarray(pil.fromarray(x[2:8, 1:12]).resize(size[::-1], filters[mode]))
    np.testing.assert_allclose(value(F.resized_crop(x, 2, 1, 6, 11, size, mode)), part, atol=1e-6)


@pytest.mark.parametrize("factor", [(2, 1.5), (0.7, 0.5), (3, 1)])
def test_resize_without_averaging_is_scipys(factor: tuple[float, float]) -> None:
    nd = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: nothing to compare")
    x = np.pad(GREY, [(0, 1), (0, 7)], mode="wrap")  # (10, 20): whole numbers at every factor
    options = {"mode": "nearest", "grid_mode": True}
    linear = nd.zoom(x, factor, order=1, **options)
    np.testing.assert_allclose(
        value(F.resize(x, linear.shape, antialias=False)), linear, atol=1e-12
    )
    nearest = nd.zoom(x, factor, order=0, **options)
    if factor != (0.7, 0.5):  # halves: a pixel's edge is nearest to both
        np.testing.assert_array_equal(value(F.resize(x, nearest.shape, "nearest-exact")), nearest)
    high, wide = linear.shape
    rows, columns = np.arange(high) * 10 // high, np.arange(wide) * 20 // wide
    np.testing.assert_array_equal(value(F.resize(x, (high, wide), "nearest")), x[rows][:, columns])


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize_is_torchs(mode: str, antialias: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    x = torch.from_numpy(COLOUR[None])
    smooth = mode in ("bilinear", "bicubic")
    for size in SIZES:
        options = {"align_corners": False, "antialias": antialias} if smooth else {}
        expected = torch.nn.functional.interpolate(x, size, mode=mode, **options)[0].numpy()
        made = value(F.resize(COLOUR, size, mode, antialias=antialias))
        np.testing.assert_allclose(made, expected, atol=1e-12)


def test_resize_by_hand() -> None:
    x = np.array([[0.0, 1.0, 2.0, 3.0]])
    # Halved with averaging: a triangle over 2 pixels each side, cut off at the edge.
    np.testing.assert_allclose(
        value(F.resize(x, (1, 2))), [[(3 * 0 + 3 * 1 + 2) / 7, (1 + 3 * 2 + 3 * 3) / 7]]
    )
    np.testing.assert_allclose(value(F.resize(x, (1, 2), antialias=False)), [[0.5, 2.5]])
    np.testing.assert_allclose(value(F.resize(x[:, :2], (1, 4))), [[0, 0.25, 0.75, 1]])
    assert F.resize(np.full((5, 5), 255, np.uint8), (2, 2), "bicubic").tolist() == [[255] * 2] * 2


def test_bytes_do_not_wrap_around() -> None:
    edge = np.repeat([[0, 0, 0, 255, 255, 255]], 4, 0).astype(np.uint8)
    floats = 255 * value(F.resize(edge / 255, (4, 23), "bicubic"))
    assert floats.min() < -5 and floats.max() > 260  # it overshoots at the edge
    expected = np.clip(np.round(floats), 0, 255)
    assert np.abs(value(F.resize(edge, (4, 23), "bicubic")) - expected).max() <= 1


def test_sizes_of_one_number() -> None:
    for shape, size, most, expected in [
        ((40, 20), 10, None, (20, 10)),
        ((20, 41), 10, None, (10, 20)),
        ((40, 20), 10, 15, (15, 7)),
        ((40, 20), None, 8, (8, 4)),
        ((40, 20), [10], None, (20, 10)),
        ((500, 1), None, 100, (100, 1)),
    ]:
        assert F.resize(np.zeros(shape), size, max_size=most).shape == expected


# --- rotations ------------------------------------------------------------------------------------
@pytest.mark.parametrize("angle", [31, -75.5, 200])
@pytest.mark.parametrize("fill", [0, 0.4])
def test_rotate_is_scipys(angle: float, fill: float) -> None:
    nd = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: nothing to compare")
    for order, mode in ((1, "bilinear"), (0, "nearest")):
        options = {"reshape": False, "order": order, "mode": "grid-constant", "cval": fill}
        expected = nd.rotate(GREY, angle, **options)
        np.testing.assert_allclose(
            value(F.rotate(GREY, angle, mode, fill=fill)), expected, atol=1e-12
        )


@pytest.mark.parametrize("quarters", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_quarter_turns_are_numpys(quarters: int, mode: str) -> None:
    for x in (GREY, GREY[:8, :12].astype(np.float32), BYTES[..., 0]):
        made = F.rotate(x, 90 * quarters, mode, expand=True)
        np.testing.assert_allclose(value(made), np.rot90(x, quarters), atol=1e-5)
    square = BYTES[:9]
    np.testing.assert_array_equal(value(F.rotate(square, 90)), np.rot90(square))


def test_expand_holds_the_whole_picture() -> None:
    x = np.ones((4, 8))
    for angle in (10, 33, 45, 80, 135, 290):
        made = value(F.rotate(x, angle, "bilinear", expand=True))
        assert made.sum() == pytest.approx(32, rel=0.05)
        c, s = abs(np.cos(np.deg2rad(angle))), abs(np.sin(np.deg2rad(angle)))
        needed = np.array([8 * s + 4 * c, 8 * c + 4 * s])
        assert (made.shape >= needed - 1e-3).all() and (made.shape < needed + 2).all()


def forward(angle: float, translate: Any, scale: float, shear: Any, centre: Any) -> np.ndarray:
    """T C R Shear S C^-1 as a product of matrices, as torchvision describes it; (x, y, 1)."""
    a, p, q = np.deg2rad([angle, *shear])
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    # Shear along y, then along x, in torchvision's order of signs.
    along_y = np.array([[1, 0], [-np.tan(q), 1]])
    along_x = np.array([[1, -np.tan(p)], [0, 1]])
    m = np.eye(3)
    m[:2, :2] = scale * rotation @ along_y @ along_x
    to, back = np.eye(3), np.eye(3)
    to[:2, 2], back[:2, 2] = np.add(centre, translate), np.negative(centre)
    return to @ m @ back


@pytest.mark.parametrize(
    "given",
    [
        {"angle": 30, "translate": (2, -3), "scale": 1.3, "shear": (12, -7)},
        {"angle": -110.0, "translate": (0, 1.5), "scale": 0.6, "shear": (0, 0)},
        {"angle": 0, "translate": (0, 0), "scale": 1.0, "shear": (25, 15)},
        {"angle": 50, "translate": (0, 0), "scale": 1.0, "shear": (0, 0), "center": (2.5, 4.5)},
    ],
)
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_affine_is_scipys(given: dict[str, Any], fill: float) -> None:
    nd = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: nothing to compare")
    high, wide = GREY.shape
    # The corner of a picture is half a pixel before its first pixel.
    centre = np.subtract(given.get("center", (wide / 2, high / 2)), 0.5)
    parts = {k: v for k, v in given.items() if k != "center"}
    inverse = np.linalg.inv(forward(**parts, centre=centre))
    swapped = inverse[[1, 0]][:, [1, 0, 2]]  # rows first
    for order, mode in ((1, "bilinear"), (0, "nearest")):
        expected = nd.affine_transform(
            GREY, swapped[:, :2], swapped[:, 2], order=order, mode="grid-constant", cval=fill
        )
        made = value(F.affine(GREY, **given, interpolation=mode, fill=fill))
        np.testing.assert_allclose(made, expected, atol=1e-12)


def test_affine_moves_where_it_says() -> None:
    x = nnx.zeros(5, 5)
    x[1, 1] = 1
    assert F.affine(x, 0, (2, 1), 1, 0)[2, 3] == 1  # two to the right, one down
    assert F.affine(x, 90, (0, 0), 1, 0)[1, 3] == 1  # clockwise
    assert F.rotate(x, 90)[3, 1] == 1  # counter-clockwise
    x = nnx.zeros(7, 7)
    x[3, 3] = 1
    assert F.affine(x, 0, (0, 0), 3, 0)[2:5, 2:5].sum() == 9  # larger


def test_masks_and_labels_are_moved_too() -> None:
    mask, labels = GREY > 0.5, (GREY * 2**40).astype(np.int64)
    for x in (mask, labels, labels.astype(np.int32)):
        made = F.rotate(x, 90, expand=True)
        assert made.dtype == nnx.asarray(x).dtype
        np.testing.assert_array_equal(made.numpy(), np.rot90(x))
    half = nnx.asarray(GREY).to(nnx.float16)
    for f in (lambda t: F.rotate(t, 30, "bilinear"), lambda t: F.resize(t, (20, 30))):
        made = f(half)
        assert made.dtype == nnx.float16
        np.testing.assert_allclose(value(made), value(f(half.float())), atol=1e-3)


# --- colours --------------------------------------------------------------------------------------
def test_grayscale_is_pillows() -> None:
    pil = pytest.importorskip(
        "PIL.Image", reason="Pillow is not installed: nothing to compare with"
    )
    expected = np.asarray(pil.fromarray(BYTES).convert("L")).astype(int)
    made = value(F.rgb_to_grayscale(BYTES))
    assert made.shape == (12, 9, 1) and np.abs(made[..., 0] - expected).max() <= 1
    three = value(F.rgb_to_grayscale(COLOUR, 3))
    weights = np.reshape([0.2989, 0.587, 0.114], (3, 1, 1))
    np.testing.assert_allclose(three, np.repeat((COLOUR * weights).sum(0)[None], 3, 0), rtol=1e-6)
    np.testing.assert_array_equal(value(F.rgb_to_grayscale(COLOUR[:1])), COLOUR[:1])


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.8])
def test_brightness_contrast_saturation(factor: float) -> None:
    grey = (COLOUR * np.reshape([0.2989, 0.587, 0.114], (3, 1, 1))).sum(0, keepdims=True)
    for f, other in (
        (F.adjust_brightness, 0.0),
        (F.adjust_contrast, grey.mean()),
        (F.adjust_saturation, grey),
    ):
        expected = np.clip(other + factor * (COLOUR - other), 0, 1)
        np.testing.assert_allclose(value(f(COLOUR, factor)), expected, atol=1e-12)
        bytes_ = np.round(255 * COLOUR).astype(np.uint8)
        made = f(bytes_, factor)
        assert made.dtype == nnx.uint8
        assert np.abs(value(made) - 255 * expected).max() < 1 + 0.5 * factor


@pytest.mark.parametrize("factor", [-0.5, -0.21, 0.0, 0.13, 0.5])
def test_hue_is_that_of_colorsys(factor: float) -> None:
    def turned(r: float, g: float, b: float) -> tuple[float, float, float]:
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb((h + factor) % 1, s, v)

    x = COLOUR.copy()
    x[:, 0, 0] = 0.4  # grey has no hue
    x[:, 0, 1], x[:, 0, 2], x[:, 0, 3] = [1, 0, 0], [0, 1, 0], [0.3, 0.3, 0.1]
    expected = np.apply_along_axis(lambda c: turned(*c), 0, x)
    np.testing.assert_allclose(value(F.adjust_hue(x, factor)), expected, atol=1e-12)
    np.testing.assert_array_equal(value(F.adjust_hue(x[:1], factor)), x[:1])


def test_invert() -> None:
    np.testing.assert_array_equal(value(F.invert(BYTES)), 255 - BYTES.astype(int))
    np.testing.assert_allclose(value(F.invert(COLOUR)), 1 - COLOUR)


@pytest.mark.parametrize(("size", "sigma"), [(3, 0.5), ((5, 7), (0.8, 1.5)), (7, None), (1, 2.0)])
def test_blur_is_scipys(size: Any, sigma: Any) -> None:
    nd = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: nothing to compare")
    across, down = size if isinstance(size, tuple) else (size, size)
    wide, high = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    if sigma is None:
        wide, high = 0.15 * across + 0.35, 0.15 * down + 0.35
    radius = (down // 2, across // 2)
    expected = nd.gaussian_filter(GREY, (high, wide), mode="mirror", radius=radius)
    np.testing.assert_allclose(value(F.gaussian_blur(GREY, size, sigma)), expected, atol=1e-12)


def test_noise() -> None:
    nnx.manual_seed(3)
    x = nnx.full((1, 300, 400), 0.5, dtype=nnx.float64)
    added = value(F.gaussian_noise(x, 0.1, 0.05)) - 0.5
    n = added.size
    assert abs(added.mean() - 0.1) < 5 * 0.05 / n**0.5
    assert abs(added.std() - 0.05) < 5 * 0.05 / (2 * n) ** 0.5
    wide = value(F.gaussian_noise(x, 0, 1))
    assert wide.min() == 0 and wide.max() == 1
    assert value(F.gaussian_noise(x, 0, 1, clip=False)).max() > 3
    again = [F.gaussian_noise(x, generator=nnx.Generator().manual_seed(1)) for _ in range(2)]
    assert nnx.array_equal(*again)


def test_the_functions_of_classes() -> None:
    np.testing.assert_allclose(value(F.to_tensor(BYTES)), BYTES.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert F.to_image(BYTES).numpy().tolist() == BYTES.transpose(2, 0, 1).tolist()
    assert F.to_dtype(F.to_image(BYTES), nnx.float64, scale=True).max() <= 1
    x = F.normalize(nnx.asarray(COLOUR), (0.1, 0.2, 0.3), (1, 2, 4))
    expected = (COLOUR - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))) / np.reshape([1, 2, 4], (3, 1, 1))
    np.testing.assert_allclose(value(x), expected, atol=1e-12)


# --- what all of them have in common --------------------------------------------------------------
ALL: dict[str, Callable[[Any], Any]] = {
    "hflip": F.hflip,
    "vflip": F.vflip,
    "crop": lambda x: F.crop(x, 1, 2, 5, 5),
    "crop outside": lambda x: F.crop(x, -1, 2, 5, 30),
    "center_crop": lambda x: F.center_crop(x, (5, 6)),
    "pad": lambda x: F.pad(x, 2),
    "pad edge": lambda x: F.pad(x, 2, padding_mode="edge"),
    "resize": lambda x: F.resize(x, (6, 7)),
    "resize nearest": lambda x: F.resize(x, (6, 7), InterpolationMode.NEAREST),
    "resized_crop": lambda x: F.resized_crop(x, 1, 2, 6, 5, (7, 8)),
    "affine": lambda x: F.affine(x, 20, (1, 2), 1.1, 5),
    "affine bilinear": lambda x: F.affine(x, 20, (1, 2), 1.1, 5, "bilinear"),
    "affine filled": lambda x: F.affine(x, 20, (1, 2), 1.1, 5, "bilinear", fill=1),
    "affine nearest filled": lambda x: F.affine(x, 20, (1, 2), 1.1, 5, fill=1),
    "rotate": lambda x: F.rotate(x, 20),
    "rotate expanded": lambda x: F.rotate(x, 20, expand=True),
    "blur": lambda x: F.gaussian_blur(x, 3),
    "brightness": lambda x: F.adjust_brightness(x, 0.5),
    "contrast": lambda x: F.adjust_contrast(x, 0.5),
    "saturation": lambda x: F.adjust_saturation(x, 0.5),
    "hue": lambda x: F.adjust_hue(x, 0.2),
    "invert": F.invert,
    "erase": lambda x: F.erase(x, 1, 1, 3, 3, 0),
}


@pytest.mark.parametrize("name", ALL)
def test_every_order_of_axes_gives_the_same(name: str) -> None:
    f = ALL[name]
    first = nnx.tensor(np.ascontiguousarray(BYTES.transpose(2, 0, 1)))
    expected = f(first)
    assert expected.dtype == nnx.uint8 and expected.ndim == 3
    last = f(BYTES)  # (H, W, C)
    assert nnx.array_equal(last.permute(2, 0, 1), expected)
    batch = f(nnx.stack([first, first.flip(2)]))
    assert nnx.array_equal(batch[0], expected)
    stacked = f(np.stack([BYTES, BYTES[:, ::-1]])[None])
    assert nnx.array_equal(stacked[0].permute(0, 3, 1, 2), batch)
    strided = f(nnx.tensor(np.repeat(BYTES, 2, 1))[:, ::2])
    assert nnx.array_equal(strided, last)
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no picture to make")
    assert nnx.array_equal(f(image.fromarray(BYTES)), last)
    # Floats are bytes before they are rounded.
    floats = 255 * value(f(first.to(nnx.float64) / 255))
    rounded = 0.51 if "fill" not in name and name != "erase" else 255
    assert np.abs(floats - value(expected)).max() < rounded
    assert f(first.float() / 255).dtype == nnx.float32


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("saturation", "hue")])
def test_grey_pictures_have_two_axes(name: str) -> None:
    made = ALL[name](GREY)
    assert made.ndim == 2
    assert nnx.array_equal(made, ALL[name](GREY[None])[0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.affine(x, 20, (1, 0.5), 1.1, 5, "bilinear"),
        lambda x: F.resize(x, (3, 6)),
        lambda x: F.resize(x, (7, 3), "bicubic", antialias=False),
        lambda x: F.gaussian_blur(x, 3),
        lambda x: F.pad(x, 2, padding_mode="reflect"),
        lambda x: F.crop(x, -1, 1, 4, 4),
        lambda x: F.adjust_contrast(x, 0.7),
        F.hflip,
    ],
)
def test_gradients_go_through(f: Callable[[Any], Any]) -> None:
    assert nnx.check_grad(f, nnx.tensor(0.2 + 0.6 * GREY[None, :4, :5], requires_grad=True))


PER_PICTURE: dict[str, tuple[Callable[..., Any], tuple[tuple[Any, ...], ...]]] = {
    "crop": (lambda x, i, j: F.crop(x, i, j, 4, 4), ((0, -1, 3), (2, 0, 30))),
    "rotate": (lambda x, a: F.rotate(x, a, "bilinear"), ((10, 200, -7.5),)),
    "affine": (
        lambda x, a, u, v, s, p, q: F.affine(x, a, (u, v), s, (p, q), "bilinear", 0.3),
        ((0, 30, 90), (1, 2, 0), (0, -3, 1), (1, 0.5, 2), (10, 0, -10), (0, 0, 5)),
    ),
    "resized_crop": (
        lambda x, i, j, h, w: F.resized_crop(x, i, j, h, w, (5, 6)),
        ((0, 1, 2), (3, 2, 1), (4, 8, 3), (5, 2, 7)),
    ),
    "resized_crop not smoothed": (
        lambda x, i, j, h, w: F.resized_crop(x, i, j, h, w, (5, 6), "bicubic", False),
        ((0, 1, 2), (3, 2, 1), (4, 8, 3), (5, 2, 7)),
    ),
    "resized_crop nearest": (
        lambda x, i, j, h, w: F.resized_crop(x, i, j, h, w, (5, 6), "nearest"),
        ((0, 1, 2), (3, 2, 1), (4, 8, 3), (5, 2, 7)),
    ),
    "brightness": (F.adjust_brightness, ((0.5, 1.5, 1),)),
    "contrast": (F.adjust_contrast, ((0.5, 1.5, 1),)),
    "saturation": (F.adjust_saturation, ((0.5, 1.5, 1),)),
    "hue": (F.adjust_hue, ((0.5, -0.25, 0),)),
    "blur": (lambda x, s: F.gaussian_blur(x, 5, s), ((0.1, 1, 2),)),
    "erase": (lambda x, i, j, h, w: F.erase(x, i, j, h, w, 0.5), ((0, 1, 2),) * 4),
}


@pytest.mark.parametrize("name", PER_PICTURE)
def test_a_parameter_for_each_picture(name: str) -> None:
    f, columns = PER_PICTURE[name]
    batch = nnx.asarray(RNG.random((3, 3, 9, 9)))
    made = f(batch, *(nnx.tensor(c) for c in columns))
    for k in range(3):
        one = f(batch[k], *(c[k] for c in columns))
        np.testing.assert_allclose(value(made[k]), value(one), atol=1e-12)
    if name not in ("saturation", "hue"):  # grey ones
        made = f(batch[:, 0], *(nnx.tensor(c) for c in columns))
        one = f(batch[1, :1], *(c[1] for c in columns))
        np.testing.assert_allclose(value(made[1]), value(one[0]), atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "call", "text"),
    [
        (nnx.ShapeError, lambda: F.hflip(np.zeros(3)), r"\(C, H, W\)"),
        (nnx.ShapeError, lambda: F.hflip(np.zeros((3, 0, 4))), "one pixel"),
        (nnx.ShapeError, lambda: F.hflip(np.zeros((20, 30, 3))), r"permute\(2, 0, 1\)"),
        (nnx.ShapeError, lambda: F.hflip(np.zeros((2, 20, 30, 3))), r"permute\(0, 3, 1, 2\)"),
        (nnx.ShapeError, lambda: F.rotate(np.zeros((2, 8, 8)), nnx.zeros(3)), "3 pictures"),
        (nnx.ShapeError, lambda: F.rotate(np.zeros((8, 8)), nnx.zeros(3, 1)), r"tensor \(N,\)"),
        (nnx.ShapeError, lambda: F.crop(GREY, nnx.zeros(2), nnx.zeros(3), 1, 1), "one length"),
        (nnx.ArgumentError, lambda: F.rotate(GREY, np.nan), "angle"),
        (nnx.ArgumentError, lambda: F.rotate(GREY[None], nnx.tensor([np.inf])), "angle"),
        (nnx.ArgumentError, lambda: F.rotate(GREY, 10, "bicubic"), "nearest"),
        (nnx.ArgumentError, lambda: F.rotate(GREY, 1, expand=True, center=(1, 1)), "center"),
        (nnx.ArgumentError, lambda: F.rotate(COLOUR, nnx.ones(3), expand=True), "one by one"),
        (nnx.ArgumentError, lambda: F.affine(GREY, 0, 1, 1, 0), "translate must be two"),
        (nnx.ArgumentError, lambda: F.affine(GREY, 0, (0, 0), 0, 0), "scale"),
        (nnx.DTypeError, lambda: F.crop(GREY, 0.5, 0, 2, 2), "whole number"),
        (nnx.ArgumentError, lambda: F.crop(GREY, 0, 0, 0, 2), "at least 1"),
        (nnx.ArgumentError, lambda: F.resized_crop(GREY, 5, 0, 5, 2, 2), "within"),
        (nnx.ArgumentError, lambda: F.resize(GREY, (1, 2, 3)), "height, width"),
        (nnx.ArgumentError, lambda: F.resize(GREY, 8, max_size=8), "larger than size"),
        (nnx.ArgumentError, lambda: F.resize(GREY, (8, 8), max_size=9), "one number"),
        (nnx.ArgumentError, lambda: F.resize(GREY, None), "max_size"),
        (nnx.ArgumentError, lambda: F.resize(GREY, 4, "linear"), "bilinear"),
        (nnx.ArgumentError, lambda: F.pad(GREY, 9, padding_mode="reflect"), "at most 8"),
        (nnx.ArgumentError, lambda: F.pad(GREY, -1), "at least 0"),
        (nnx.ArgumentError, lambda: F.pad(GREY, (1, 2, 3)), "left, top"),
        (nnx.ArgumentError, lambda: F.pad(GREY, 1, padding_mode="wrap"), "symmetric"),
        (nnx.ShapeError, lambda: F.pad(GREY, 1, (1, 2)), "1 channels"),
        (nnx.ArgumentError, lambda: F.pad(BYTES, 1, 256), "0 to 255"),
        (nnx.ArgumentError, lambda: F.pad(BYTES, 1, 0.5), "whole numbers"),
        (nnx.ShapeError, lambda: F.rgb_to_grayscale(np.zeros((4, 8, 8))), "red, green, blue"),
        (nnx.ShapeError, lambda: F.adjust_hue(np.zeros((4, 8, 8)), 0.1), "red, green, blue"),
        (nnx.ArgumentError, lambda: F.adjust_brightness(GREY * 255, 1), "divide them by 255"),
        (nnx.ArgumentError, lambda: F.adjust_contrast(GREY - 0.5, 1), "Normalize"),
        (nnx.ArgumentError, lambda: F.adjust_contrast(GREY, -1), "contrast_factor"),
        (nnx.ArgumentError, lambda: F.adjust_hue(COLOUR, 0.6), "hue_factor"),
        (nnx.DTypeError, lambda: F.invert(np.zeros((4, 4), np.int64)), "bytes"),
        (nnx.DTypeError, lambda: F.resize(np.zeros((4, 4), bool), 2), "ToDtype"),
        (nnx.DTypeError, lambda: F.gaussian_noise(BYTES), "ToTensor"),
        (nnx.ArgumentError, lambda: F.gaussian_noise(GREY - 0.5), "clip=False"),
        (nnx.ArgumentError, lambda: F.gaussian_noise(GREY, sigma=-1), "sigma"),
        (nnx.ArgumentError, lambda: F.gaussian_blur(GREY, 4), "odd"),
        (nnx.ArgumentError, lambda: F.gaussian_blur(GREY, 3, 0), "sigma"),
        (nnx.ArgumentError, lambda: F.gaussian_blur(GREY, 31), "mirrored"),
        (nnx.ShapeError, lambda: F.normalize(np.zeros((20, 30, 3)), *STATISTICS), "H, W, C"),
        (nnx.ShapeError, lambda: F.normalize(np.zeros((1, 8, 8)), *STATISTICS), "3 channels"),
        (nnx.ShapeError, lambda: F.to_tensor(np.zeros((3, 20, 30))), "leave ToTensor"),
        (nnx.ShapeError, lambda: F.to_tensor(np.zeros((3, 20, 30), np.uint8)), "scale=True"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: type, call: Callable[[], Any], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
