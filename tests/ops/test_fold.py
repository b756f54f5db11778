"""unfold and fold against windows written out in NumPy, as transposes of each other, and against
PyTorch where it is installed; shuffles against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

F = nn.functional
Array = np.ndarray


def columns(x: Array, kernel: int, stride: int, padding: int, dilation: int) -> Array:
    """(N, C * kernel^2, windows), one window after the other."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    extent = dilation * (kernel - 1) + 1
    starts = [range(0, n - extent + 1, stride) for n in x.shape[2:]]
    cut = [
        x[:, :, i : i + extent : dilation, j : j + extent : dilation].reshape(len(x), -1)
        for i, j in itertools.product(*starts)
    ]
    return np.stack(cut, -1)


def grid() -> Iterator[tuple[Array, int, int, int, int]]:
    rng = np.random.default_rng(0)
    for k, s, p, d in itertools.product((1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        for shape in ((2, 3, 6, 7), (1, 1, 5, 5)):
            yield rng.normal(size=shape), k, s, p, d


def test_unfold_and_fold() -> None:
    for x, k, s, p, d in grid():
        expected = columns(x, k, s, p, d)
        found = F.unfold(nnx.tensor(x), k, d, p, s)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(F.unfold(nnx.tensor(x[0]), k, d, p, s), expected[0])
        # the transpose: <unfold(x), y> = <x, fold(y)>
        y = np.random.default_rng(1).normal(size=expected.shape)
        image = F.fold(nnx.tensor(y), x.shape[2:], k, d, p, s)
        assert image.shape == x.shape
        np.testing.assert_allclose((expected * y).sum(), (x * np.asarray(image)).sum(), rtol=1e-10)
        np.testing.assert_array_equal(F.fold(nnx.tensor(y[0]), x.shape[2:], k, d, p, s), image[0])


def test_columns_make_a_convolution() -> None:
    x, weight = nnx.randn(2, 3, 6, 5), nnx.randn(4, 3, 3, 2)
    y = (weight.flatten(1) @ F.unfold(x, (3, 2))).unflatten(-1, (4, 4))
    a, w = np.asarray(x), np.asarray(weight)
    for i, j in itertools.product(range(4), range(4)):
        expected = np.einsum("nchw,ochw->no", a[:, :, i : i + 3, j : j + 2], w)
        np.testing.assert_allclose(y[:, :, i, j], expected, rtol=1e-4, atol=1e-5)


def test_dtypes_layouts_and_derivatives() -> None:
    x = np.random.default_rng(2).normal(size=(2, 2, 5, 4))
    helpers.check_gradients(lambda t: F.unfold(t, (3, 2), 1, (1, 0), (2, 1)).square(), [x])
    y = np.random.default_rng(2).normal(size=(1, 12, 15))
    helpers.check_gradients(lambda t: F.fold(t, (5, 4), (3, 2), 1, (1, 0)).square(), [y])
    helpers.same_in_all_layouts(lambda t: F.unfold(t, 2, padding=1), [x])
    for dtype in ("int8", "int64", "bool", "bfloat16"):
        ones = nnx.ones((1, 1, 3, 3)).to(getattr(nnx, dtype))
        found = F.unfold(ones, 2)
        assert found.dtype == ones.dtype and found.shape == (1, 4, 4) and found.all()
    small = F.fold(nnx.full((1, 4, 4), 50, dtype=nnx.uint8), (3, 3), 2)
    assert small.dtype == nnx.uint8
    assert small[0, 0].tolist() == [[50, 100, 50], [100, 200, 100], [50, 100, 50]]
    assert F.unfold(nnx.zeros(0, 2, 4, 4), 3).shape == (0, 18, 4)
    assert F.fold(nnx.zeros(0, 18, 4), (4, 4), 3).shape == (0, 2, 4, 4)


def test_the_methods_windows() -> None:
    """Tensor.unfold: overlapping views along one axis."""
    x = np.arange(24.0).reshape(2, 12)
    expected = np.lib.stride_tricks.sliding_window_view(x, 4, 1)[:, ::3]
    t = nnx.tensor(x)
    view = t.unfold(1, 4, 3)
    np.testing.assert_array_equal(view, expected)
    np.testing.assert_array_equal(t.unfold(dimension=-1, size=4, step=3), expected)
    t[0, 3] = 100.0
    assert view[0, 0, 3].item() == view[0, 1, 0].item() == 100.0  # shared memory
    helpers.check_gradients(lambda a: a.unfold(1, 4, 3).square(), [x / 10])


def test_shuffles() -> None:
    x = np.random.default_rng(3).normal(size=(2, 12, 3, 4))
    t = nnx.tensor(x)
    y = np.asarray(F.pixel_shuffle(t, 2))
    assert y.shape == (2, 3, 6, 8)
    for c, i, j in itertools.product(range(3), range(6), range(8)):
        from_channel = 4 * c + 2 * (i % 2) + j % 2
        np.testing.assert_array_equal(y[:, c, i, j], x[:, from_channel, i // 2, j // 2])
    np.testing.assert_array_equal(F.pixel_unshuffle(nnx.tensor(y), 2), x)
    np.testing.assert_array_equal(F.pixel_shuffle(t[0], 2), y[0])
    dealt = F.channel_shuffle(t, 3)
    order = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    np.testing.assert_array_equal(dealt, x[:, order])
    for f in (
        lambda a: F.pixel_shuffle(a, 2).square(),
        lambda a: F.channel_shuffle(a, 2).square(),
        lambda a: F.pixel_unshuffle(a, 2).square(),
    ):
        helpers.check_gradients(f, [x[:1, :4, :2, :2]])
    assert F.pixel_shuffle(nnx.zeros(0, 4, 2, 2), 2).shape == (0, 1, 4, 4)
    assert F.channel_shuffle(nnx.zeros(0, 4, 2), 2).shape == (0, 4, 2)
    assert F.pixel_unshuffle(nnx.ones((3, 1, 2, 2), dtype=nnx.int8), 2).shape == (3, 4, 1, 1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: F.unfold(nnx.zeros(4, 4), 2), nnx.ShapeError, "C, H, W"),
        (lambda: F.unfold(nnx.zeros(1, 2, 2), 3), nnx.ShapeError, "must fit"),
        (lambda: F.unfold(nnx.zeros(1, 4, 4), 0), nnx.ArgumentError, "at least 1"),
        (lambda: F.unfold(nnx.zeros(1, 4, 4), 2, padding=-1), nnx.ArgumentError, "at least 0"),
        (lambda: F.unfold(nnx.zeros(1, 4, 4), 2**40), nnx.ArgumentError, "below"),
        (lambda: F.unfold(nnx.zeros(4, 1, 1), 2**31 - 1, 1, 2**30), nnx.Error, "too many"),
        (lambda: F.unfold(nnx.zeros(0, 4, 1, 1), 2**31 - 1, 1, 2**30), nnx.Error, "too many"),
        (lambda: F.fold(nnx.zeros(1, 1, 1), 2**62, 1), nnx.ArgumentError, "below"),
        (lambda: F.fold(nnx.zeros(0, 1, 1), 2**31 - 1, 1), nnx.Error, "too many"),
        (lambda: F.unfold(nnx.zeros(1, 4, 4), 2, padding=2**31 - 1), nnx.Error, "too many"),
        (lambda: F.unfold(nnx.zeros(1, 4, 4), (1, 2, 3)), nnx.ShapeError, "one number or 2"),
        (lambda: F.unfold(nnx.zeros(1, 0, 4), 1), nnx.ShapeError, "must fit"),
        (lambda: F.fold(nnx.zeros(4), 2, 2), nnx.ShapeError, "windows"),
        (lambda: F.fold(nnx.zeros(1, 5, 4), 3, 2), nnx.ShapeError, "multiple of the 4"),
        (lambda: F.fold(nnx.zeros(1, 4, 5), 3, 2), nnx.ShapeError, "2 x 2 = 4"),
        (lambda: F.fold(nnx.zeros(1, 4, 1), 1, 2), nnx.ShapeError, "must fit"),
        (lambda: F.pixel_shuffle(nnx.zeros(6, 2, 2), 2), nnx.ShapeError, "multiple"),
        (lambda: F.pixel_shuffle(nnx.zeros(2, 2), 1), nnx.ShapeError, "C, H, W"),
        (lambda: F.pixel_shuffle(nnx.zeros(4, 2, 2), 0), nnx.ArgumentError, "at least 1"),
        (lambda: F.pixel_shuffle(nnx.zeros(4, 2, 2), 2.0), nnx.DTypeError, "whole"),
        (lambda: F.pixel_unshuffle(nnx.zeros(4, 3, 2), 2), nnx.ShapeError, "multiples"),
        (lambda: F.channel_shuffle(nnx.zeros(1, 3, 2), 2), nnx.ShapeError, "groups = 2"),
        (lambda: nnx.zeros(4).unfold(0, 5, 1), nnx.ArgumentError, "size"),
        (lambda: nnx.zeros(4).unfold(0, 2, 0), nnx.ArgumentError, "step"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        call()
    assert isinstance(caught.value, nnx.Error) and "[" in str(caught.value)


def test_values_and_gradients_are_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    T = torch.nn.functional
    for x, k, s, p, d in grid():
        y = np.random.default_rng(1).normal(size=columns(x, k, s, p, d).shape)
        for name, a, size in (("unfold", x, ()), ("fold", y, (x.shape[2:],))):
            ours, theirs = nnx.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
            found = getattr(F, name)(ours, *size, k, d, p, s)
            expected = getattr(T, name)(theirs, *size, k, d, p, s)
            np.testing.assert_allclose(found.detach(), expected.detach().numpy(), rtol=1e-13)
            found.square().sum().backward()
            expected.square().sum().backward()
            np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-12)
