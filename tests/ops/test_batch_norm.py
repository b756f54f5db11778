"""The fused batch normalisation against its definition in NumPy's float64 and against PyTorch, over
the shapes that its kernels tell apart: features, short planes, long planes, few channels."""

from __future__ import annotations

from typing import Any

import helpers
import nnx
import numpy as np
import numpy.typing as npt
import pytest
from nnx.nn import functional as F

Array = npt.NDArray[Any]
SHAPES = [
    (4, 3), (2, 1), (32, 16), (70, 33), (130, 70), (300, 600),  # features
    (3, 5, 1), (5, 3, 31), (9, 70, 4), (130, 2, 3, 3), (1, 40, 20),  # short planes
    (5, 3, 32), (3, 2, 49), (40, 3, 8, 8), (2, 20, 33, 5), (1, 4, 6, 7, 2),  # long ones
    (64, 3, 20, 30), (2, 17, 4097), (2, 1, 150, 300),  # a channel in several parts
]  # fmt: skip


def case(shape: tuple[int, ...], offset: float = 5.0) -> dict[str, Array]:
    rng = np.random.default_rng(len(shape) + shape[0])
    channels = shape[1]
    return {
        "x": rng.normal(size=shape) * 3 + offset,
        "weight": rng.normal(size=channels),
        "bias": rng.normal(size=channels),
        "mean": rng.normal(size=channels),
        "var": rng.uniform(0.5, 2, channels),
        "g": rng.normal(size=shape),
    }


def reference(c: dict[str, Array], training: bool, eps: float) -> dict[str, Array]:
    """Values and gradients by the formulas, in float64."""
    x, g = c["x"], c["g"]
    axes = (0, *range(2, x.ndim))
    column = (-1,) + (1,) * (x.ndim - 2)
    mean = x.mean(axes) if training else c["mean"]
    var = x.var(axes) if training else c["var"]
    scale = (1 / np.sqrt(var + eps)).reshape(column)
    h = (x - mean.reshape(column)) * scale
    u = g * c["weight"].reshape(column)
    dx = u * scale
    if training:
        share = [t.mean(axes, keepdims=True)[0] for t in (u, u * h)]
        dx = scale * (u - share[0] - h * share[1])
    found = {
        "y": h * c["weight"].reshape(column) + c["bias"].reshape(column),
        "x": dx,
        "weight": (g * h).sum(axes),
        "bias": g.sum(axes),
    }
    count = x.size // x.shape[1]
    moved = {"mean": mean, "var": var * (count / (count - 1))}
    return found | {k: 0.7 * c[k] + 0.3 * m if training else c[k] for k, m in moved.items()}


def run(lib: Any, c: dict[str, Array], training: bool, eps: float, dtype: str) -> dict[str, Array]:
    t = {k: lib.tensor(v).to(getattr(lib, dtype)) for k, v in c.items()}
    for k in ("x", "weight", "bias"):
        t[k].requires_grad_()
    f = lib.nn.functional.batch_norm
    y = f(t["x"], t["mean"], t["var"], t["weight"], t["bias"], training, 0.3, eps)
    y.backward(t["g"])
    found = {"y": y.detach(), "mean": t["mean"], "var": t["var"]}
    found |= {k: t[k].grad for k in ("x", "weight", "bias")}
    return {k: np.asarray(v.to(lib.float64).numpy()) for k, v in found.items()}


@pytest.mark.kernels
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape: tuple[int, ...], training: bool) -> None:
    c = case(shape)
    expected = reference(c, training, 1e-3)
    ours = run(nnx, c, training, 1e-3, "float64")
    single = run(nnx, c, training, 1e-3, "float32")
    for key, value in expected.items():
        scale = max(np.abs(value).max(), 1)
        np.testing.assert_allclose(ours[key], value, rtol=1e-11, atol=1e-12 * scale, err_msg=key)
        np.testing.assert_allclose(single[key], value, rtol=2e-5, atol=2e-5 * scale, err_msg=key)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_torch(shape: tuple[int, ...], training: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    c = case(shape)
    exact, ours = (run(lib, c, training, 1e-3, "float64") for lib in (torch, nnx))
    theirs, single = (run(lib, c, training, 1e-3, "float32") for lib in (torch, nnx))
    for key, value in exact.items():
        scale = np.abs(value).max()
        np.testing.assert_allclose(ours[key], value, rtol=1e-11, atol=1e-12 * scale, err_msg=key)
        room = 4 * np.finfo(np.float32).eps * scale
        allowed = 2 * np.abs(theirs[key] - value).max() + room
        assert np.abs(single[key] - value).max() <= allowed, key


@pytest.mark.kernels
@pytest.mark.parametrize("shape", [(64, 5), (16, 4, 3, 3), (8, 3, 9, 11)])
@pytest.mark.parametrize("offset", [1e3, 1e4, 1e5])
def test_a_large_offset_does_not_drown_the_deviations(
    shape: tuple[int, ...], offset: float
) -> None:
    x = case(shape, offset)["x"].astype(np.float32)
    axes, exact = (0, *range(2, x.ndim)), x.astype(np.float64)
    mean, var = exact.mean(axes, keepdims=True), exact.var(axes, keepdims=True)
    y = F.batch_norm(nnx.tensor(x), None, None, training=True).numpy()
    np.testing.assert_allclose(y, (exact - mean) / np.sqrt(var + 1e-5), rtol=1e-5, atol=2e-6)


@pytest.mark.kernels
@pytest.mark.parametrize(
    "shape", [(4, 3), (130, 70), (32, 16, 4, 4), (2, 1, 200, 300), (9, 64, 7, 7)]
)
def test_the_same_bits_for_any_number_of_threads(shape: tuple[int, ...]) -> None:
    c = case(shape)
    found = set()
    for threads in (1, 2, 3, 5):
        nnx.set_num_threads(threads)
        found.add(b"".join(v.tobytes() for v in run(nnx, c, True, 1e-5, "float32").values()))
    assert len(found) == 1


@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 5), (3, 2, 6, 6)])
@pytest.mark.parametrize("training", [True, False])
def test_derivatives(shape: tuple[int, ...], training: bool) -> None:
    c = case(shape)

    def f(x: nnx.Tensor, weight: nnx.Tensor, bias: nnx.Tensor) -> nnx.Tensor:
        mean, var = nnx.tensor(c["mean"]), nnx.tensor(c["var"])
        return F.batch_norm(x, mean, var, weight, bias, training)

    helpers.check_gradients(f, [c["x"], c["weight"], c["bias"]])
    helpers.same_in_all_layouts(f, [c["x"], c["weight"], c["bias"]])


def test_channels_last_strides() -> None:
    c = case((3, 4, 7, 6))
    x = nnx.tensor(np.ascontiguousarray(c["x"].transpose(0, 2, 3, 1))).permute(0, 3, 1, 2)
    assert not x.is_contiguous()
    x.requires_grad_()
    y = F.batch_norm(x, None, None, training=True)
    y.backward(nnx.tensor(c["g"]))
    plain = nnx.tensor(c["x"], requires_grad=True)
    F.batch_norm(plain, None, None, training=True).backward(nnx.tensor(c["g"]))
    assert y.tolist() == F.batch_norm(plain, None, None, training=True).tolist()
    assert x.grad.tolist() == plain.grad.tolist()


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4), (6, 3, 5, 8)])
def test_constant_channels_and_what_is_not_finite(shape: tuple[int, ...]) -> None:
    x = nnx.full(shape, 7.3, requires_grad=True)
    y = F.batch_norm(x, None, None, training=True)
    y.backward(nnx.tensor(case(shape)["g"]).float())
    np.testing.assert_allclose(y.detach().numpy(), 0, atol=1e-6)
    assert np.isfinite(x.grad.numpy()).all()
    for bad in (np.nan, np.inf):
        a = case(shape)["x"]
        a[0, 1] = bad
        y = F.batch_norm(nnx.tensor(a), None, None, training=True).numpy()
        assert np.isnan(y[:, 1]).any() and np.isfinite(y[:, [0, 2]]).all()


@pytest.mark.parametrize("dtype", helpers.HALVES)
def test_halves_are_computed_in_float32(dtype: str) -> None:
    c = case((8, 3, 6, 6), 100.0)
    c["x"] = helpers.as_float64(nnx.tensor(c["x"]).to(helpers.dtype(dtype)))
    ours = run(nnx, c, True, 1e-3, dtype)
    half = {k: helpers.as_float64(nnx.tensor(v).to(helpers.dtype(dtype))) for k, v in c.items()}
    for key, value in reference(half, True, 1e-3).items():
        room = 2 * helpers.RTOL[dtype]
        np.testing.assert_allclose(ours[key], value, rtol=room, atol=room * np.abs(value).max())


def test_no_samples() -> None:
    mean, var = nnx.ones(3), nnx.ones(3)
    weight = nnx.ones(3, requires_grad=True)
    for training in (True, False):
        y = F.batch_norm(nnx.ones(0, 3, 2), mean, var, weight, training=training)
        assert y.shape == (0, 3, 2)
        y.sum().backward()
        assert weight.grad.tolist() == [0, 0, 0]
    assert mean.tolist() == var.tolist() == [1, 1, 1]
    assert F.batch_norm(nnx.ones(2, 0, 2), None, None, training=True).shape == (2, 0, 2)


def test_running_values_are_buffers() -> None:
    x = nnx.randn(5, 3)
    for mean, var in ((nnx.zeros(3), None), (None, nnx.ones(3))):
        F.batch_norm(x, mean, var, training=True, momentum=1.0)
        if mean is not None:
            np.testing.assert_allclose(mean.numpy(), x.numpy().mean(0), rtol=1e-5)
        if var is not None:
            np.testing.assert_allclose(var.numpy(), x.numpy().var(0, ddof=1), rtol=1e-5)
    followed = nnx.ones(3, requires_grad=True)
    y = F.batch_norm(x, nnx.zeros(3), followed)
    assert not y.requires_grad
    with pytest.raises(nnx.GradientError, match="overwritten"):  # as PyTorch says
        running = nnx.ones(3)
        z = F.batch_norm(x.clone().requires_grad_(), nnx.zeros(3), running)
        running.add_(1)
        z.sum().backward()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.batch_norm(nnx.ones(3), None, None, training=True), nnx.ShapeError, "N, C"),
        (lambda: F.batch_norm(nnx.tensor(1.0), None, None), nnx.ShapeError, "N, C"),
        (lambda: F.batch_norm(nnx.ones(2, 3), None, None), nnx.ShapeError, "running"),
        (lambda: F.batch_norm(nnx.ones(2, 3), nnx.ones(3), None), nnx.ShapeError, "running"),
        (
            lambda: F.batch_norm(nnx.ones(2, 3), nnx.ones(4), nnx.ones(3)),
            nnx.ShapeError,
            "running_mean must have one number for each of the 3 channels",
        ),
        (
            lambda: F.batch_norm(nnx.ones(2, 3), None, None, None, nnx.ones(3, 1), True),
            nnx.ShapeError,
            "bias",
        ),
        (
            lambda: F.batch_norm(nnx.ones(1, 3, 1), None, None, training=True),
            nnx.ShapeError,
            "drop_last=True",
        ),
        (
            lambda: F.batch_norm(nnx.ones(2, 3, dtype=nnx.int64), None, None, training=True),
            nnx.DTypeError,
            "floating",
        ),
        (
            lambda: F.batch_norm(nnx.ones(2, 3).double(), None, None, nnx.ones(3), None, True),
            nnx.DTypeError,
            r"input\.to\(nnx\.float32\)",
        ),
    ],
)
def test_errors_teach(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
