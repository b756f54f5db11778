"""interpolate, Upsample, affine_grid and grid_sample against NumPy, SciPy and Pillow, and at their
edges. Values and gradients against PyTorch stand in test_layers_against_torch.py."""

from __future__ import annotations

from typing import Any

import helpers
import nnx
import numpy as np
import numpy.typing as npt
import pytest
from nnx import nn

F = nn.functional
Array = npt.NDArray[Any]
IMAGE = np.random.default_rng(6).normal(size=(2, 3, 5, 7))


# --- interpolate ----------------------------------------------------------------------------------


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", helpers.FLOATS)
def test_by_hand(dtype: str) -> None:
    x = nnx.tensor([[[0.0, 10.0, 20.0]]]).to(helpers.dtype(dtype))
    for options, expected in [
        ({"size": 6}, [0, 0, 10, 10, 20, 20]),
        ({"size": 2}, [0, 10]),
        ({"size": 2, "mode": "nearest-exact"}, [0, 20]),
        ({"size": 6, "mode": "linear"}, [0, 2.5, 7.5, 12.5, 17.5, 20]),
        ({"size": 5, "mode": "linear", "align_corners": True}, [0, 5, 10, 15, 20]),
        ({"size": 1, "mode": "linear", "align_corners": True}, [0]),
        ({"size": 1, "mode": "area"}, [10]),
        ({"size": 2, "mode": "area"}, [5, 15]),
        ({"scale_factor": 2.5, "mode": "area"}, [0, 0, 5, 10, 15, 20, 20]),
    ]:
        got = F.interpolate(x, **options)
        np.testing.assert_allclose(got.numpy()[0, 0], expected, rtol=1e-6, err_msg=str(options))


@pytest.mark.parametrize("lengths", [(9, 4), (5, 7), (1, 1), (12, 20)])
def test_bilinear_against_numpy(lengths: tuple[int, int]) -> None:
    expected = IMAGE
    for axis, n in zip((2, 3), lengths, strict=True):
        old = expected.shape[axis]
        at = (np.arange(n) + 0.5) * (old / n) - 0.5
        expected = np.apply_along_axis(
            lambda row, at=at, old=old: np.interp(at, np.arange(old), row), axis, expected
        )
    got = F.interpolate(nnx.tensor(IMAGE), lengths, mode="bilinear")
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("lengths", [(3, 2), (4, 9), (10, 3)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_antialias_against_pillow(mode: str, lengths: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: no witness")
    kind = getattr(image.Resampling, mode.upper())
    a = np.random.default_rng(1).uniform(size=(10, 9)).astype(np.float32)
    expected = np.asarray(image.fromarray(a).resize(lengths[::-1], kind))
    got = F.interpolate(nnx.tensor(a)[None, None], lengths, mode=mode, antialias=True)
    np.testing.assert_allclose(got.numpy()[0, 0], expected, rtol=1e-5, atol=1e-6)


def test_area_is_the_mean_of_what_is_covered() -> None:
    x = np.random.default_rng(2).normal(size=(2, 3, 6, 8))
    got = F.interpolate(nnx.tensor(x), (3, 2), mode="area").numpy()
    np.testing.assert_allclose(got, x.reshape(2, 3, 3, 2, 2, 4).mean((3, 5)), rtol=1e-12)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_constants_stay_and_gradients_are_the_transpose(mode: str) -> None:
    # sum(g * f(x)) = sum(f'(g) * x) for a linear f
    for size in ((11, 3), (2, 20)):
        ones = F.interpolate(nnx.ones(1, 1, 5, 7, dtype=nnx.float64), size, mode=mode)
        np.testing.assert_allclose(ones.numpy(), 1, rtol=1e-12)
        x = nnx.tensor(IMAGE, requires_grad=True)
        y = F.interpolate(x, size, mode=mode)
        g = np.random.default_rng(3).normal(size=y.shape)
        y.backward(nnx.tensor(g))
        np.testing.assert_allclose((x.grad.numpy() * IMAGE).sum(), (g * y.detach().numpy()).sum())


@pytest.mark.kernels
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_the_same_bits_for_any_layout_and_number_of_threads(mode: str) -> None:
    helpers.same_in_all_layouts(lambda x: F.interpolate(x, (11, 3), mode=mode), [IMAGE])
    last = nnx.tensor(np.ascontiguousarray(IMAGE.transpose(0, 2, 3, 1))).permute(0, 3, 1, 2)
    plain = F.interpolate(nnx.tensor(IMAGE), scale_factor=2, mode=mode)
    assert F.interpolate(last, scale_factor=2, mode=mode).tolist() == plain.tolist()
    x = np.random.default_rng(4).normal(size=(4, 16, 40, 50)).astype(np.float32)
    found = set()
    for threads in (1, 2, 5):
        nnx.set_num_threads(threads)
        t = nnx.tensor(x, requires_grad=True)
        y = F.interpolate(t, (90, 33), mode=mode)
        (y * y).sum().backward()
        found.add(y.detach().numpy().tobytes() + t.grad.numpy().tobytes())
    assert len(found) == 1


def test_dtypes() -> None:
    labels = np.random.default_rng(5).integers(0, 200, (1, 2, 4, 3))
    for dtype in (*helpers.INTEGERS, *helpers.FLOATS, *helpers.HALVES):
        t = nnx.tensor(labels).to(helpers.dtype(dtype))
        y = F.interpolate(t, (8, 9))
        assert y.dtype == t.dtype
        expected = helpers.as_float64(t).repeat(2, 2).repeat(3, 3)
        np.testing.assert_array_equal(helpers.as_float64(y), expected)
    for dtype in helpers.HALVES:
        t = nnx.tensor(IMAGE).to(helpers.dtype(dtype))
        y = F.interpolate(t, (7, 4), mode="bicubic")
        exact = F.interpolate(t.double(), (7, 4), mode="bicubic")
        room = helpers.RTOL[dtype]
        np.testing.assert_allclose(helpers.as_float64(y), exact.numpy(), rtol=room, atol=room)
    assert (
        F.interpolate(nnx.tensor(labels) > 9, 8) == (F.interpolate(nnx.tensor(labels), 8) > 9)
    ).all()


def test_the_result_is_never_the_input() -> None:
    x = nnx.ones(1, 1, 3)
    y = F.interpolate(x, 3, mode="linear")
    y += 1
    assert x.tolist() == [[[1, 1, 1]]]


def test_nearest_takes_infinities_as_they_are() -> None:
    x = nnx.tensor([[[np.inf, np.nan, 1.0]]])
    y = F.interpolate(x, 6).numpy()[0, 0]
    np.testing.assert_array_equal(y, [np.inf, np.inf, np.nan, np.nan, 1, 1])


def test_upsample() -> None:
    x = nnx.tensor(IMAGE)
    for layer, text, expected in [
        (nn.Upsample(scale_factor=2), "Upsample(scale_factor=2.0, mode='nearest')",
         {"size": (10, 14)}),
        (nn.Upsample((4, 9), mode="bilinear"), "Upsample(size=(4, 9), mode='bilinear')",
         {"size": (4, 9), "mode": "bilinear"}),
        (nn.UpsamplingNearest2d(6), "UpsamplingNearest2d(size=6, mode='nearest')", {"size": 6}),
        (nn.UpsamplingBilinear2d(scale_factor=(2, 1)),
         "UpsamplingBilinear2d(scale_factor=(2.0, 1.0), mode='bilinear')",
         {"size": (10, 7), "mode": "bilinear", "align_corners": True}),
    ]:  # fmt: skip
        assert repr(layer) == text and list(layer.state_dict()) == []
        assert layer(x).tolist() == F.interpolate(x, **expected).tolist()


# --- grids ----------------------------------------------------------------------------------------


def test_the_identity_grid_gives_the_image() -> None:
    theta = nnx.tensor(np.eye(2, 3)[None].repeat(2, 0))
    for corners in (False, True):
        grid = F.affine_grid(theta, IMAGE.shape, corners)
        for mode in ("bilinear", "nearest", "bicubic"):
            y = F.grid_sample(nnx.tensor(IMAGE), grid, mode, align_corners=corners)
            np.testing.assert_allclose(y.numpy(), IMAGE, rtol=1e-12, atol=1e-13)


def test_a_quarter_turn() -> None:
    a = np.random.default_rng(7).normal(size=(1, 2, 4, 4))
    theta = nnx.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]], dtype=nnx.float64)
    y = F.grid_sample(nnx.tensor(a), F.affine_grid(theta, a.shape))
    np.testing.assert_allclose(y.numpy(), np.rot90(a, 1, (2, 3)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize(
    ("padding", "scipy_mode"),
    [("zeros", "constant"), ("border", "nearest"), ("reflection", "mirror")],
)
def test_against_scipy(padding: str, scipy_mode: str, rank: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: no witness")
    rng = np.random.default_rng(8)
    lengths = (5, 6, 4)[:rank]
    image = rng.normal(size=(1, 1, *lengths))
    grid = rng.uniform(-2.2, 2.2, (1, *(3, 5, 2)[:rank], rank))
    # With align_corners a coordinate c stands for the position (c + 1) / 2 (n - 1); "mirror"
    # reflects about the middle of the last element as that does.
    at = [(grid[0, ..., rank - 1 - k] + 1) / 2 * (n - 1) for k, n in enumerate(lengths)]
    inside = np.all([(p >= 0) & (p <= n - 1) for p, n in zip(at, lengths, strict=True)], axis=0)
    expected = ndimage.map_coordinates(image[0, 0], at, order=1, mode=scipy_mode)
    got = F.grid_sample(
        nnx.tensor(image), nnx.tensor(grid), padding_mode=padding, align_corners=True
    )
    if padding == "zeros":  # SciPy's constant starts at once, here half-way pixels fade out
        np.testing.assert_allclose(got.numpy()[0, 0][inside], expected[inside], rtol=1e-10)
    else:
        np.testing.assert_allclose(got.numpy()[0, 0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.kernels
@pytest.mark.parametrize("terms", [0, 1, 3, 4, 8])
@pytest.mark.parametrize("dtype", helpers.FLOATS)
def test_picking_in_planes(terms: int, dtype: str) -> None:
    rng = np.random.default_rng(terms)
    x, w = (
        rng.normal(size=(2, 5, 30)).astype(dtype),
        rng.normal(size=(terms, 2, 1100)).astype(dtype),
    )
    index = rng.integers(0, 30, w.shape)
    picked = np.stack([x[s][:, index[:, s]] for s in range(2)])  # sample, channel, term, place
    y = nnx._nnx.pick(nnx.tensor(x), nnx.tensor(index), nnx.tensor(w))
    expected = np.einsum("sctp,tsp->scp", picked.astype(float), w.astype(float))
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(y.numpy(), expected, rtol=rtol, atol=rtol)


def test_picking_is_differentiable_and_the_same_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 2, 5))
    index = nnx.tensor(rng.integers(0, 4, w.shape))
    helpers.check_gradients(lambda a, b: nnx._nnx.pick(a, index, b), [x, w])
    helpers.check_gradients(lambda a, b: nnx._nnx.pick(a.square(), index, b * b), [x, w])
    image, grid = rng.normal(size=(3, 8, 20, 30)), rng.uniform(-1.3, 1.3, (3, 40, 50, 2))
    found = set()
    for threads in (1, 2, 5):
        nnx.set_num_threads(threads)
        a, g = (nnx.tensor(t).float().requires_grad_() for t in (image, grid))
        y = F.grid_sample(a, g)
        (y * y).sum().backward()
        found.add(b"".join(t.numpy().tobytes() for t in (y.detach(), a.grad, g.grad)))
    assert len(found) == 1


SAMPLING = [
    (rank, mode, padding, corners)
    for rank in (2, 3)
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in ("zeros", "border", "reflection")
    for corners in (False, True)
    if (rank, mode) != (3, "bicubic")
]


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", helpers.FLOATS)
@pytest.mark.parametrize(("rank", "mode", "padding", "corners"), SAMPLING)
def test_sampling_agrees_with_what_it_is_composed_of(
    rank: int, mode: str, padding: str, corners: bool, dtype: str
) -> None:
    """The kernel and its gradients against the ops that lanes and graphs of gradients go through,
    for more places than a block of the kernel holds."""
    rng = np.random.default_rng(10)
    lengths, places = ((4, 5, 6)[:rank], (13, 41, 2)[:rank])
    x = nnx.tensor(rng.normal(size=(2, 3, *lengths)).astype(dtype), requires_grad=True)
    g = rng.uniform(-2.5, 2.5, (2, *places, rank)).astype(dtype)
    grid = nnx.tensor(g, requires_grad=True)

    def sampled(x: nnx.Tensor, grid: nnx.Tensor) -> nnx.Tensor:
        return F.grid_sample(x, grid, mode, padding, corners)

    room = 2e-5 if dtype == "float32" else 1e-12
    y = sampled(x, grid)
    composed = nnx.vmap(lambda x, g: sampled(x[None], g[None])[0])(x.detach(), grid.detach())
    np.testing.assert_allclose(y.detach().numpy(), composed.numpy(), rtol=room, atol=room)
    weight = nnx.tensor(rng.normal(size=y.shape).astype(dtype))
    fused = nnx.grad((y * weight).sum(), [x, grid])
    plain = nnx.grad((sampled(x, grid) * weight).sum(), [x, grid], create_graph=True)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=10 * room, atol=10 * room)


@pytest.mark.parametrize(("rank", "mode", "padding", "corners"), SAMPLING)
def test_sampling_is_differentiable(rank: int, mode: str, padding: str, corners: bool) -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(1, 2, *(3, 4, 2)[:rank]))
    grid = rng.uniform(-1.9, 1.9, (1, *(2, 3, 1)[:rank], rank))
    helpers.check_gradients(lambda x, g: F.grid_sample(x, g, mode, padding, corners), [x, grid])


def test_only_the_gradients_that_are_asked_for() -> None:
    rng = np.random.default_rng(12)
    x, grid = rng.normal(size=(2, 3, 4, 5)), rng.uniform(-1.2, 1.2, (2, 6, 7, 2))
    both = [nnx.tensor(a, requires_grad=True) for a in (x, grid)]
    F.grid_sample(*both).square().sum().backward()
    for i in (0, 1):
        alone = [nnx.tensor(a, requires_grad=i == j) for j, a in enumerate((x, grid))]
        F.grid_sample(*alone).square().sum().backward()
        assert alone[1 - i].grad is None
        np.testing.assert_array_equal(alone[i].grad.numpy(), both[i].grad.numpy())


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_places_that_are_far_or_not_numbers(padding: str) -> None:
    x = nnx.ones(1, 1, 2, 2)
    for value in (1e30, -1e30, 3e9):
        for mode in ("bilinear", "nearest", "bicubic"):
            y = F.grid_sample(x, nnx.full((1, 1, 1, 2), value), mode, padding).item()
            assert y == pytest.approx(0 if padding == "zeros" else 1, abs=1e-6)
    for mode in ("bilinear", "nearest", "bicubic"):
        y = F.grid_sample(x, nnx.full((1, 1, 3, 2), np.nan), mode, padding)
        assert np.isnan(y.numpy()).all()


def test_grids_in_every_layout_and_dtype() -> None:
    grid = np.random.default_rng(9).uniform(-1.2, 1.2, (2, 3, 4, 2))
    helpers.same_in_all_layouts(F.grid_sample, [IMAGE, grid])
    half = nnx.tensor(IMAGE).half(), nnx.tensor(grid).half()
    y = F.grid_sample(*half)
    assert y.dtype == nnx.float16
    exact = F.grid_sample(*(t.double() for t in half)).numpy()
    np.testing.assert_allclose(helpers.as_float64(y), exact, rtol=2e-3, atol=2e-3)


def test_what_is_empty() -> None:
    for shape in ((0, 3, 4, 5), (2, 0, 4, 5)):
        x = nnx.ones(shape, requires_grad=True)
        y = F.interpolate(x, (8, 3), mode="bilinear")
        assert y.shape == (*shape[:2], 8, 3)
        z = F.grid_sample(x, nnx.zeros(shape[0], 2, 6, 2))
        assert z.shape == (*shape[:2], 2, 6)
        (y.sum() + z.sum()).backward()
        assert x.grad.shape == shape
    assert F.grid_sample(nnx.ones(1, 2, 3, 3), nnx.ones(1, 0, 4, 2)).shape == (1, 2, 0, 4)


X = nnx.ones(1, 1, 4)
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda: F.interpolate(X), ValueError, "either size or scale_factor"),
    (lambda: F.interpolate(X, 3, 2.0), ValueError, "either size or scale_factor"),
    (lambda: F.interpolate(X, 0), ValueError, "at least 1"),
    (lambda: F.interpolate(X, 2.5), TypeError, "whole number"),
    (lambda: F.interpolate(X, (3, 3)), ValueError, "1 spatial axes"),
    (lambda: F.interpolate(X, 10**30), ValueError, "64 bits"),
    (lambda: F.interpolate(X, 2**40), nnx.OutOfMemoryError, "memory"),
    (lambda: F.interpolate(X, scale_factor=0.1), nnx.ShapeError, "at least one element"),
    (lambda: F.interpolate(X, scale_factor=-1), ValueError, "scale_factor"),
    (lambda: F.interpolate(X, scale_factor=np.nan), ValueError, "scale_factor"),
    (lambda: F.interpolate(X, scale_factor=np.inf), ValueError, "finite"),
    (lambda: F.interpolate(X, 3, mode="liner"), ValueError, "did you mean 'linear'"),
    (lambda: F.interpolate(X, 3, mode="bilinear"), nnx.ShapeError, "use mode='linear'"),
    (lambda: F.interpolate(nnx.ones(4), 3), nnx.ShapeError, "N, C"),
    (lambda: F.interpolate(X, 3, align_corners=True), ValueError, "align_corners"),
    (lambda: F.interpolate(X, 3, recompute_scale_factor=True), ValueError, "recompute"),
    (lambda: F.interpolate(X, 3, mode="linear", antialias=True), ValueError, "antialias"),
    (lambda: F.interpolate(X[None], 3, mode="lanczos"), ValueError, "antialias=True"),
    (lambda: F.interpolate(X.long(), 3, mode="linear"), nnx.DTypeError, r"input\.float\(\)"),
    (lambda: F.interpolate(nnx.ones(1, 1, 0), 3), nnx.ShapeError, "at least 1"),
    (lambda: F.interpolate(None, 3), nnx.DTypeError, "must be a tensor"),
    (lambda: nnx._nnx.resample(X, 2, 3, "lin"), ValueError, "unknown mode"),
    (lambda: nnx._nnx.resample(X, 3, 3), nnx.AxisError, "axis"),
    (
        lambda: nnx._nnx.pick(X, nnx.zeros(2, 1, 1), nnx.ones(2, 1, 1)),
        nnx.DTypeError,
        "indices must be integers",
    ),
    (
        lambda: nnx._nnx.pick(X, nnx.full((2, 1, 1), 4), nnx.ones(2, 1, 1)),
        IndexError,
        r"\[0, 4\)",
    ),
    (
        lambda: nnx._nnx.pick(X, nnx.full((2, 1, 1), -1), nnx.ones(2, 1, 1)),
        IndexError,
        "values from -1",
    ),
    (
        lambda: nnx._nnx.pick(X, nnx.full((2, 1, 1), 0), nnx.ones(2, 1, 2)),
        nnx.ShapeError,
        "index and weight",
    ),
    (lambda: nn.Upsample(), ValueError, "either size or scale_factor"),
    (lambda: nn.Upsample(2, mode="cubic"), ValueError, "did you mean 'bicubic'"),
    (lambda: F.affine_grid(nnx.ones(1, 2, 3), (1, 1, 0, 3)), ValueError, "at least 1"),
    (lambda: F.affine_grid(nnx.ones(1, 2, 2), (1, 1, 1, 3)), nnx.ShapeError, "theta must have"),
    (lambda: F.affine_grid(nnx.ones(2, 2, 3), (1, 1, 1, 3)), nnx.ShapeError, "theta must have"),
    (lambda: F.affine_grid(nnx.ones(1, 2, 3), (1, 1)), nnx.ShapeError, "N, C, H, W"),
    (lambda: F.affine_grid(nnx.ones(1, 2, 3).long(), (1, 1, 2, 2)), nnx.DTypeError, "floating"),
    (lambda: F.grid_sample(nnx.ones(1, 1, 2, 2), nnx.ones(2, 1, 1, 2)), nnx.ShapeError, "samples"),
    (lambda: F.grid_sample(nnx.ones(1, 1, 2, 2), nnx.ones(1, 1, 1, 3)), nnx.ShapeError, "needs a"),
    (lambda: F.grid_sample(nnx.ones(1, 1, 0, 2), nnx.ones(1, 1, 1, 2)), nnx.ShapeError, "length 1"),
    (
        lambda: F.grid_sample(nnx.ones(1, 1, 2, 2).double(), nnx.ones(1, 1, 1, 2)),
        nnx.DTypeError,
        r"grid\.to\(nnx\.float64\)",
    ),
    (
        lambda: F.grid_sample(nnx.ones(1, 1, 2, 2, 2), nnx.ones(1, 1, 1, 1, 3), "bicubic"),
        ValueError,
        "images alone",
    ),
    (
        lambda: F.grid_sample(nnx.ones(1, 1, 2, 2), nnx.ones(1, 1, 1, 2), padding_mode="zero"),
        ValueError,
        "did you mean 'zeros'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_errors_teach(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        call()
    assert isinstance(caught.value, nnx.Error)


def test_sampling_from_an_axis_longer_than_its_dtype_counts() -> None:
    n = 2**24 + 4
    x = nnx.zeros(1, 2, 1, n)
    x[0, 1, 0, 0] = 7
    grid = nnx.tensor([[[[1.0, 0.0]]]])
    for mode in ("nearest", "bilinear"):
        for padding in ("zeros", "border"):
            y = F.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=True)
            assert y.tolist() == [[[[0.0]], [[0.0]]]]
