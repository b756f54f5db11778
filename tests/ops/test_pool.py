"""Pooling against windows written out in NumPy, against PyTorch where it is installed, and its
gradients against differences; every path of the kernels, every size of the lecture's table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

F = nn.functional
Array = np.ndarray
SIZES = (1, 2, 3, 4, 5, 7, 12, 13, 28, 35)
Options = tuple[int, int, int, int, int, bool]  # size, kernel, stride, padding, dilation, ceil_mode


def windows(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> list[list[int]]:
    """The inputs that each output of an axis sees, found by moving a window over it."""
    extent = dilation * (kernel - 1) + 1
    end = size + padding
    found = []
    start = -padding
    # In ceil_mode a last window may reach over the end, but it starts before the end of the input.
    while start + extent <= end or (ceil_mode and start + extent < end + stride and start < size):
        taps = [start + t * dilation for t in range(kernel)]
        found.append([i for i in taps if 0 <= i < size])
        start += stride
    return found


def fits(options: Options) -> bool:
    _, kernel, _, padding, _, _ = options
    found = windows(*options)
    return padding <= kernel // 2 and bool(found) and all(found)


def grid(sizes: Sequence[int] = SIZES) -> Iterator[Options]:
    choices = itertools.product(sizes, (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2), (False, True))
    return (o for o in choices if fits(o))


def data(shape: Sequence[int], seed: int = 0) -> Array:
    """Few different values, so that many are equal."""
    return np.round(np.random.default_rng(seed).normal(size=shape) * 2) / 2


def pooled(x: Array, axes: Sequence[list[list[int]]], f: Callable[[Array, Array], Any]) -> Array:
    """f(elements, their positions in the plane) for every window over the last axes."""
    lengths = x.shape[-len(axes) :]
    planes = x.reshape(-1, *lengths)
    out = np.empty((len(planes), *(len(a) for a in axes)))
    place = np.arange(np.prod(lengths)).reshape(lengths)
    for i in np.ndindex(*out.shape[1:]):
        at = np.ix_(*(a[j] for a, j in zip(axes, i, strict=True)))
        for p, plane in enumerate(planes):
            out[(p, *i)] = f(plane[at].ravel(), place[at].ravel())
    return out.reshape(*x.shape[: -len(axes)], *out.shape[1:])


def largest(v: Array, place: Array) -> Any:
    return v.max() if not np.isnan(v).any() else np.nan


def where_largest(v: Array, place: Array) -> Any:
    nans = np.flatnonzero(np.isnan(v))
    return place[nans[-1] if len(nans) else v.argmax()]


# --- sizes --------------------------------------------------------------------------------------


def test_output_sizes_are_those_of_the_lecture() -> None:
    """floor((n + 2p - d (k - 1) - 1) / s) + 1, and what the windows themselves say."""
    seen = 0
    for size, kernel, stride, padding, dilation, ceil_mode in grid():
        options = (size, kernel, stride, padding, dilation, ceil_mode)
        n = len(windows(*options))
        if not ceil_mode:
            assert n == (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        y = F.max_pool1d(nnx.zeros(1, size), kernel, stride, padding, dilation, ceil_mode)
        assert y.shape == (1, n), options
        if dilation == 1:
            y = F.avg_pool2d(
                nnx.zeros(1, 3, size), (1, kernel), (1, stride), (0, padding), ceil_mode
            )
            assert y.shape == (1, 3, n), options
        seen += 1
    assert seen > 700


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_max_pool(axes: int, dtype: str) -> None:
    sizes = {1: (1, 2, 5, 13, 28, 35), 2: (2, 5, 12, 35), 3: (2, 5, 12)}[axes]
    checked = 0
    for options in itertools.islice(grid(sizes), 0, None, {1: 1, 2: 3, 3: 11}[axes]):
        size, *rest = options
        # other lengths in the leading axes
        lengths = [min(size + 1, 9)] * (axes - 1) + [size]
        if not all(fits((n, *rest)) for n in lengths):
            continue
        kernel, stride, padding, dilation, ceil_mode = rest
        x = data((2, *lengths)).astype(dtype)
        f = getattr(F, f"max_pool{axes}d")
        t = nnx.tensor(x)
        values, indices = f(t, kernel, stride, padding, dilation, ceil_mode, True)
        plain = f(t, kernel, stride, padding, dilation, ceil_mode)
        followed = f(t.clone().requires_grad_(), kernel, stride, padding, dilation, ceil_mode)
        axis_windows = [windows(n, *rest) for n in lengths]
        expected = pooled(x, axis_windows, largest)
        for found in (values, plain, followed):
            np.testing.assert_array_equal(found.detach(), expected, str(options))
        np.testing.assert_array_equal(indices, pooled(x, axis_windows, where_largest), str(options))
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_avg_pool(axes: int, dtype: str) -> None:
    sizes = {1: (1, 2, 5, 13, 28, 35), 2: (2, 5, 12, 35), 3: (2, 5, 12)}[axes]
    checked = 0
    for options in itertools.islice(grid(sizes), 0, None, {1: 1, 2: 3, 3: 11}[axes]):
        size, kernel, stride, padding, dilation, ceil_mode = options
        lengths = [min(size + 1, 9)] * (axes - 1) + [size]
        if dilation != 1 or not all(fits((n, *options[1:])) for n in lengths):
            continue
        x = data((2, *lengths)).astype(dtype)
        f = getattr(F, f"avg_pool{axes}d")
        axis_windows = [windows(n, *options[1:]) for n in lengths]
        sums = pooled(x, axis_windows, lambda v, _: v.sum())
        inside = pooled(x, axis_windows, lambda v, _: len(v))
        counted = np.ones(())
        for n, found in zip(lengths, axis_windows, strict=True):
            starts = [i * stride - padding for i in range(len(found))]
            counted = counted[..., None] * [min(s + kernel, n + padding) - s for s in starts]
        choices: list[tuple[tuple[Any, ...], Array]] = [((), counted), ((False,), inside)]
        if axes > 1:
            choices.append(((True, 5), np.array(5.0)))
        for given, divisor in choices:
            found = f(nnx.tensor(x), kernel, stride, padding, ceil_mode, *given)
            np.testing.assert_allclose(
                found, sums / divisor, rtol=3e-7, atol=3e-7, err_msg=f"{options} {given}"
            )
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_adaptive_pools(axes: int) -> None:
    for size, out in itertools.product((1, 2, 5, 7, 12, 13), (1, 2, 3, 5, 7, 12)):
        lengths = [min(size + 2, 8)] * (axes - 1) + [size]
        x = data((2, *lengths))
        parts = [
            [list(range(i * n // out, -(-(i + 1) * n // out))) for i in range(out)] for n in lengths
        ]
        t = nnx.tensor(x)
        means = getattr(F, f"adaptive_avg_pool{axes}d")(t, out)
        np.testing.assert_allclose(means, pooled(x, parts, lambda v, _: v.mean()), rtol=1e-14)
        values, indices = getattr(F, f"adaptive_max_pool{axes}d")(t, out, True)
        np.testing.assert_array_equal(values, pooled(x, parts, largest))
        np.testing.assert_array_equal(indices, pooled(x, parts, where_largest))
        plain = getattr(F, f"adaptive_max_pool{axes}d")(t.requires_grad_(), out)
        np.testing.assert_array_equal(plain.detach(), values)


def test_adaptive_sizes_can_keep_a_length() -> None:
    x = nnx.randn(2, 3, 5, 7)
    assert F.adaptive_avg_pool2d(x, None).tolist() == x.tolist()
    assert F.adaptive_avg_pool2d(x, (None, 2)).shape == (2, 3, 5, 2)
    assert F.adaptive_max_pool2d(x, (4, None)).shape == (2, 3, 4, 7)
    assert F.adaptive_avg_pool2d(x, (3,)).shape == (2, 3, 3, 3)
    assert F.adaptive_avg_pool2d(x, 0).shape == (2, 3, 0, 0)
    np.testing.assert_allclose(
        F.adaptive_avg_pool2d(x, 1)[..., 0, 0], x.numpy().mean((2, 3)), rtol=1e-5, atol=1e-6
    )


def test_large_planes_are_cut_into_blocks() -> None:
    x = data((2, 110, 301)).astype(np.float32)
    t = nnx.tensor(x)
    for kernel, stride, padding, dilation in (
        (3, 2, 1, 1),
        (2, 2, 0, 1),
        (5, 1, 2, 2),
        (4, 3, 0, 1),
    ):
        rest = (kernel, stride, padding, dilation, False)
        axis_windows = [windows(n, *rest) for n in (110, 301)]
        values, indices = F.max_pool2d(t, kernel, stride, padding, dilation, return_indices=True)
        np.testing.assert_array_equal(indices, pooled(x, axis_windows, where_largest))
        np.testing.assert_array_equal(values, pooled(x, axis_windows, largest))
        if dilation == 1 and padding == 0:
            means = F.avg_pool2d(t, kernel, stride)
            expected = pooled(x, axis_windows, lambda v, _: v.mean())
            np.testing.assert_allclose(means, expected, rtol=1e-6, atol=1e-6)
    # windows of more than 256 elements, and of one row of outputs
    wide = windows(301, 60, 40, 0, 1, False)
    values, indices = F.max_pool1d(t, 60, 40, return_indices=True)
    np.testing.assert_array_equal(indices, pooled(x, [wide], where_largest))
    t.requires_grad_()
    F.max_pool2d(t, 100, 50).sum().backward()
    assert t.grad.sum().item() == 2 * 1 * 5


def test_windows_far_larger_than_the_input() -> None:
    most = 2**31 - 1
    for f in (F.max_pool1d, F.max_pool2d, F.max_pool3d):
        x = nnx.full((1,) * (int(f.__name__[-2]) + 1), 2.0).requires_grad_()
        y, where = f(x, most, 1, most // 2, return_indices=True)
        assert y.flatten().tolist() == [2.0] and where.flatten().tolist() == [0]
        f(x, most, 1, most // 2).sum().backward()
        assert x.grad.flatten().tolist() == [1.0]
    assert F.avg_pool1d(nnx.tensor([[3.0]]), most, 1, most // 2, False, False).tolist() == [[3.0]]
    assert F.avg_pool1d(nnx.tensor([[3.0]]), most, 1, most // 2)[0, 0].item() < 1e-8


def test_not_a_number_and_infinities() -> None:
    """NaN is the largest, the last one of several; a window of minus infinities has its first."""
    inf, nan = np.inf, np.nan
    tile = np.array(
        [[nan, 1, 2, inf], [3, nan, -inf, -inf], [-inf, -inf, -inf, nan], [-inf, -inf, -0.0, 0.0]]
    )
    for repeats, (kernel, stride, padding) in itertools.product(
        (1, 5), ((2, 2, 0), (3, 1, 1), (3, 2, 1), (2, 1, 0), (4, 4, 0))
    ):
        x = np.tile(tile, (2, repeats, repeats)).astype(np.float32)
        axis_windows = [windows(4 * repeats, kernel, stride, padding, 1, False)] * 2
        t = nnx.tensor(x)
        values, indices = F.max_pool2d(t, kernel, stride, padding, return_indices=True)
        expected = pooled(x, axis_windows, where_largest)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(values, pooled(x, axis_windows, largest))
        np.testing.assert_array_equal(F.max_pool2d(t, kernel, stride, padding), values)
        followed = t.clone().requires_grad_()
        F.max_pool2d(followed, kernel, stride, padding).backward(nnx.ones_like(values))
        counts = np.zeros(x.shape)
        for plane, chosen in zip(counts, expected.reshape(2, -1).astype(int), strict=True):
            np.add.at(plane.reshape(-1), chosen, 1)
        np.testing.assert_array_equal(followed.grad, counts)
    # an infinity stays in its own window, cut into equal parts or not
    x = nnx.tensor([[1.0, 2.0, inf, 4.0, 5.0, 6.0]])
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[1.5, inf, 5.5]]
    assert F.adaptive_avg_pool1d(x[:, :5], 2).tolist() == [[inf, inf]]
    moved = F.adaptive_avg_pool1d(x[:, [0, 1, 3, 4, 2]], 2)
    np.testing.assert_allclose(moved, [[7 / 3, inf]], rtol=1e-6)


def test_memory_orders_threads_and_empty_batches() -> None:
    x = data((3, 4, 11, 20), 3).astype(np.float32)
    functions: list[Callable[[nnx.Tensor], nnx.Tensor]] = [
        lambda t: F.max_pool2d(t, 2),
        lambda t: F.max_pool2d(t, 3, 2, 1),
        lambda t: F.max_pool2d(t, 3, return_indices=True)[1],
        lambda t: F.avg_pool2d(t, 2),
        lambda t: F.avg_pool2d(t, 3, 1, 1, count_include_pad=False),
        lambda t: F.adaptive_avg_pool2d(t, 3),
        lambda t: F.adaptive_max_pool2d(t, (3, 7)),
        lambda t: F.lp_pool2d(t, 2, 2),
    ]
    big = nnx.tensor(np.random.default_rng(1).normal(size=(8, 16, 61, 90)).astype(np.float32))
    for f in functions:
        helpers.same_in_all_layouts(f, [x])
        found = []
        for threads in (1, 2, 5):
            nnx.set_num_threads(threads)
            t = big.clone().requires_grad_()
            y = f(t)
            if y.requires_grad:
                y.square().sum().backward()
                found.append((y.tolist(), t.grad.tolist()))
            else:
                found.append((y.tolist(), None))
        assert found[0] == found[1] == found[2]
        empty = nnx.zeros((0, 4, 11, 20), requires_grad=True)
        y = f(empty)
        assert y.shape == (0, *f(nnx.tensor(x)).shape[1:])
        if y.requires_grad:
            y.sum().backward()
            assert empty.grad.shape == empty.shape


@pytest.mark.parametrize("dtype", helpers.HALVES)
def test_half_types_round_once(dtype: str) -> None:
    x = nnx.randn(2, 3, 9, 12).to(helpers.dtype(dtype))
    for f in (
        lambda t: F.max_pool2d(t, 3, 2, 1),
        lambda t: F.avg_pool2d(t, 3, 2, 1),
        lambda t: F.avg_pool2d(t, 2),
        lambda t: F.adaptive_avg_pool2d(t, 4),
    ):
        half, wide = x.clone().requires_grad_(), x.to(nnx.float32).requires_grad_()
        y, expected = f(half), f(wide)
        assert y.dtype == half.dtype and y.tolist() == expected.to(half.dtype).tolist()
        y.sum().backward()
        expected.sum().backward()
        assert half.grad.tolist() == wide.grad.to(half.dtype).tolist()


# --- gradients ------------------------------------------------------------------------------------

SPREAD = np.random.default_rng(5).permutation(2 * 2 * 7 * 14).reshape(2, 2, 7, 14) * 0.1
DERIVED: dict[str, tuple[Callable[[nnx.Tensor], nnx.Tensor], Array]] = {
    "max_2": (lambda t: F.max_pool2d(t, 2), SPREAD),
    "max_2_odd": (lambda t: F.max_pool2d(t, 2), SPREAD[:1, :1, :, :7]),
    "max_3_2_1": (lambda t: F.max_pool2d(t, 3, 2, 1), SPREAD),
    "max_dilated": (lambda t: F.max_pool2d(t, 3, 1, 1, 2), SPREAD),
    "max_ceil": (lambda t: F.max_pool2d(t, 3, 2, ceil_mode=True), SPREAD),
    "max_indices": (lambda t: F.max_pool2d(t, 3, 2, return_indices=True)[0], SPREAD),
    "max_1d": (lambda t: F.max_pool1d(t, 4, 3), SPREAD[0, 0]),
    "max_3d": (lambda t: F.max_pool3d(t, 2, 1, 1), SPREAD[..., :3]),
    "max_whole": (lambda t: F.adaptive_max_pool2d(t, 1), SPREAD),
    "max_parts": (lambda t: F.adaptive_max_pool2d(t, (3, 5)), SPREAD),
    "avg_2": (lambda t: F.avg_pool2d(t, 2), SPREAD[:1]),
    "avg_2_odd": (lambda t: F.avg_pool2d(t, 2), SPREAD[:1, :1, :, :7]),
    "avg_3_2_1": (lambda t: F.avg_pool2d(t, 3, 2, 1), SPREAD[:1]),
    "avg_3_1_1": (lambda t: F.avg_pool2d(t, 3, 1, 1, count_include_pad=False), SPREAD[:1]),
    "avg_stride_beyond": (lambda t: F.avg_pool2d(t, 1, 3), SPREAD[:1]),
    "avg_ceil": (lambda t: F.avg_pool2d(t, 4, 3, 2, ceil_mode=True), SPREAD[:1]),
    "avg_divisor": (lambda t: F.avg_pool2d(t, 2, divisor_override=3), SPREAD[:1]),
    "avg_1d": (lambda t: F.avg_pool1d(t, 3, 2, 1), SPREAD[0, 0]),
    "avg_3d": (lambda t: F.avg_pool3d(t, 2, 1, 1), SPREAD[:1, ..., :3]),
    "avg_parts": (lambda t: F.adaptive_avg_pool2d(t, (3, 5)), SPREAD[:1]),
    "avg_equal_parts": (lambda t: F.adaptive_avg_pool2d(t, (7, 2)), SPREAD[:1]),
    "lp": (lambda t: F.lp_pool2d(t + 0.2, 3, 2), SPREAD[:1, :1]),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derivatives_against_differences(name: str) -> None:
    f, x = DERIVED[name]
    helpers.check_gradients(lambda t: f(t).square(), [x / 10], atol=1e-6)


def test_a_gradient_of_max_pool_goes_to_the_first_of_equals() -> None:
    for f, shape in (
        (lambda t: F.max_pool2d(t, 2), (1, 4, 32)),
        (lambda t: F.max_pool2d(t, 2, 2, 1), (1, 4, 32)),
        (lambda t: F.max_pool2d(t, 2), (1, 2, 2)),
        (lambda t: F.adaptive_max_pool2d(t, (2, 3)), (1, 4, 8)),
    ):
        x = nnx.zeros(shape, requires_grad=True)
        y = f(x)
        y.sum().backward()
        assert x.grad.sum().item() == y.numel() and x.grad[0, 0, 0].item() == 1.0


# --- unpooling and p-norms ------------------------------------------------------------------------


def test_max_unpool_puts_values_back() -> None:
    for axes in (1, 2, 3):
        x = nnx.randn(2, 3, *(6,) * axes)
        pool, unpool = getattr(F, f"max_pool{axes}d"), getattr(F, f"max_unpool{axes}d")
        y, where = pool(x, 2, return_indices=True)
        back = unpool(y, where, 2)
        assert back.shape == x.shape
        kept = back != 0
        assert kept.sum().item() == y.numel()
        np.testing.assert_array_equal(back[kept], x[kept])
        again, _ = pool(back, 2, return_indices=True)
        np.testing.assert_array_equal(again, nnx.maximum(y, nnx.tensor(0.0)))
        # 7 and 6 pool to one size
        odd = nnx.randn(2, 3, *(7,) * axes)
        y, where = pool(odd, 2, return_indices=True)
        assert unpool(y, where, 2, output_size=odd.shape).shape == odd.shape
    # overlapping windows that chose one element: it comes back once, each gets the gradient
    y = nnx.tensor([[5.0, 5.0]], requires_grad=True)
    back = F.max_unpool1d(y, nnx.tensor([[2, 2]]), 3, 2)
    assert back.tolist() == [[0, 0, 5, 0, 0]]
    (back * nnx.arange(5.0)).sum().backward()
    assert y.grad.tolist() == [[2.0, 2.0]]


def test_lp_pool() -> None:
    x = np.abs(data((1, 4, 6), 2)) + 0.5
    axis_windows = [windows(n, 2, 2, 0, 1, False) for n in (4, 6)]
    for p in (1, 2, 3.5):
        expected = pooled(x, axis_windows, lambda v, _, p=p: (v**p).sum() ** (1 / p))
        np.testing.assert_allclose(F.lp_pool2d(nnx.tensor(x), p, 2), expected, rtol=1e-12)
    expected = pooled(x, axis_windows, largest)
    np.testing.assert_allclose(F.lp_pool2d(nnx.tensor(x), 200, 2), expected, rtol=1e-2)
    assert F.lp_pool1d(nnx.tensor([[3.0, 4.0, 0.0]]), 2, 2, 1).tolist() == [[5.0, 4.0]]
    assert F.lp_pool3d(nnx.ones(1, 2, 4, 2), 1, (2, 4, 2)).tolist() == [[[[16.0]]]]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: F.max_pool2d(nnx.zeros(3, 8), 2), nnx.ShapeError, r"unsqueeze\(0\)"),
        (lambda: F.max_pool2d(nnx.zeros(1, 1, 1, 4, 4), 2), nnx.ShapeError, "H, W"),
        (lambda: F.max_pool1d(nnx.zeros(4), 2), nnx.ShapeError, "max_pool1d"),
        (lambda: F.max_pool2d(nnx.zeros(1, 3, 2, 2), 3), nnx.ShapeError, "fewer poolings"),
        (lambda: F.avg_pool2d(nnx.zeros(1, 3, 2, 2), 3), nnx.ShapeError, r"kernel \(3, 3\)"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 0), nnx.ArgumentError, "at least 1"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2, 0), nnx.ArgumentError, "at least 1"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2, dilation=0), nnx.ArgumentError, "at least"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2, padding=2), nnx.ArgumentError, "kernel / 2"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2, padding=-1), nnx.ArgumentError, "padding"),
        (lambda: F.avg_pool2d(nnx.zeros(1, 4, 4), 3, padding=2), nnx.ArgumentError, "kernel / 2"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2**62), nnx.ArgumentError, "2\\^31"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2**31 - 1), nnx.ShapeError, "must fit"),
        (lambda: F.max_pool1d(nnx.zeros(1, 1), 2, 1, 1, 2), nnx.ShapeError, "every window"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), (2, 2, 2)), nnx.ShapeError, "one number or 2"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4), 2.5), nnx.DTypeError, "kernel_size"),
        (lambda: F.max_pool2d(nnx.zeros(1, 4, 4, dtype=nnx.int64), 2), nnx.DTypeError, "float"),
        (lambda: F.avg_pool2d(nnx.zeros(1, 4, 4, dtype=nnx.bool), 2), nnx.DTypeError, "float"),
        (lambda: F.max_pool2d(nnx.zeros(1, 0, 4, 4), 2), nnx.ShapeError, "batch"),
        (lambda: F.max_pool2d(nnx.zeros(1, 1, 0, 4), 2), nnx.ShapeError, "batch"),
        (lambda: F.max_pool2d("image", 2), nnx.DTypeError, "tensor"),
        (lambda: F.avg_pool2d(nnx.zeros(1, 4, 4), 2, divisor_override=0), nnx.ArgumentError, "0"),
        (lambda: F.lp_pool2d(nnx.zeros(1, 4, 4), 0, 2), nnx.ArgumentError, "norm_type"),
        (lambda: F.adaptive_avg_pool2d(nnx.zeros(1, 4, 4), (1, 2, 3)), nnx.ShapeError, "or 2"),
        (lambda: F.adaptive_avg_pool2d(nnx.zeros(1, 4, 4), -1), nnx.ArgumentError, "at least 0"),
        (lambda: F.adaptive_max_pool2d(nnx.zeros(4, 4), 1), nnx.ShapeError, "H, W"),
        (lambda: F.adaptive_avg_pool1d(nnx.zeros(4, 4), 2**61), nnx.Error, "too many"),
        (
            lambda: F.max_unpool2d(nnx.zeros(1, 2, 2), nnx.full((1, 2, 2), 99), 2),
            nnx.IndexError,
            r"\[0, 16\)",
        ),
        (
            lambda: F.max_unpool2d(nnx.zeros(1, 2, 2), nnx.full((1, 2, 2), -1), 2),
            nnx.IndexError,
            "-1",
        ),
        (
            lambda: F.max_unpool2d(nnx.zeros(1, 2, 2), nnx.zeros(1, 2, 3, dtype=nnx.int64), 2),
            nnx.ShapeError,
            "shape of x",
        ),
        (
            lambda: F.max_unpool2d(nnx.zeros(1, 2, 2), nnx.zeros(1, 2, 2), 2),
            nnx.DTypeError,
            "integers",
        ),
        (
            lambda: F.max_unpool1d(
                nnx.zeros(1, 2), nnx.zeros(1, 2, dtype=nnx.int64), 2, None, 0, [9]
            ),
            nnx.ShapeError,
            "output_size",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        call()
    assert isinstance(caught.value, nnx.Error) and "[" in str(caught.value)


# --- PyTorch --------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_and_gradients_are_torchs(axes: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    torch.set_num_threads(1)
    T = torch.nn.functional
    sizes = {1: SIZES, 2: (2, 5, 12, 29, 34), 3: (2, 7, 12)}[axes]
    checked = 0
    for options in itertools.islice(grid(sizes), 0, None, {1: 3, 2: 4, 3: 11}[axes]):
        size, kernel, stride, padding, dilation, ceil_mode = options
        lengths = [size + 1] * (axes - 1) + [size]
        if not all(fits((n, *options[1:])) for n in lengths):
            continue
        x = data((2, 3, *lengths)).astype(np.float32)
        args: dict[str, Any] = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        calls = [(f"max_pool{axes}d", {"dilation": dilation, "return_indices": True})]
        # PyTorch's average of three axes takes no kernel beyond the unpadded input.
        if dilation == 1 and (axes < 3 or size >= kernel):
            calls += [
                (f"avg_pool{axes}d", {"count_include_pad": inside}) for inside in (True, False)
            ]
        for name, more in calls:
            ours, theirs = nnx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
            results = (getattr(F, name)(ours, kernel, **args, **more),)
            results += (getattr(T, name)(theirs, kernel, **args, **more),)
            found, expected = (y if isinstance(y, tuple) else (y,) for y in results)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(
                    a.detach(), b.detach().numpy(), rtol=1e-6, atol=1e-7, err_msg=str(options)
                )
            weight = np.random.default_rng(3).normal(size=tuple(found[0].shape)).astype(np.float32)
            (found[0] * nnx.tensor(weight)).sum().backward()
            (expected[0] * torch.tensor(weight)).sum().backward()
            np.testing.assert_allclose(
                ours.grad, theirs.grad.numpy(), rtol=1e-5, atol=2e-6, err_msg=str(options)
            )
            checked += 1
    assert checked > 30
