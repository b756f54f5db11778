"""Convolution and its transpose against NumPy in float64, central differences and PyTorch."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx.nn import functional as F

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def reference(
    x: np.ndarray,
    w: np.ndarray,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """The definition: for every tap of the kernel, a strided slice of the padded input."""
    rank = w.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    lengths = [
        (x.shape[2 + i] - dilation[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1
        for i in range(rank)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *lengths), x.dtype)
    inputs, outputs = w.shape[1], w.shape[0] // groups
    for g in range(groups):
        part = x[:, g * inputs : (g + 1) * inputs]
        for tap in np.ndindex(*w.shape[2:]):
            at = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, lengths, stride, strict=True)
            )
            taps = w[(slice(g * outputs, (g + 1) * outputs), slice(None), *tap)]
            y[:, g * outputs : (g + 1) * outputs] += np.einsum(
                "nc...,oc->no...", part[(slice(None), slice(None), *at)], taps
            )
    return y


@dataclass
class Case:
    """One application: x (batch, groups * inputs, *size), w (groups * outputs, inputs, *kernel)."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    inputs: int
    outputs: int
    groups: int = 1
    batch: int = 2

    def options(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def arrays(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(self.batch, self.groups * self.inputs, *self.size))
        w = rng.normal(size=(self.groups * self.outputs, self.inputs, *self.kernel))
        return x, w, rng.normal(size=w.shape[0])


def cases() -> list[Case]:
    """Every combination that can take another way through the kernels, and odd ones at random."""
    found = []
    for inputs, outputs in itertools.product((1, 3, 20), (1, 6, 16, 35)):  # vectors, full or not
        found.append(Case((9, 8), (3, 3), (1, 1), (1, 1), (1, 1), inputs, outputs))
        found.append(Case((9, 8), (3, 2), (2, 2), (1, 0), (1, 1), inputs, outputs))
    found += [
        Case((12,), (5,), (3,), (2,), (1,), 2, 3),
        Case((40,), (3,), (1,), (0,), (4,), 4, 18, batch=3),
        Case((4, 5, 6), (2, 3, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2), 2, 17),
        Case((4, 5, 6), (3, 1, 2), (2, 1, 3), (1, 0, 0), (1, 1, 1), 3, 2),
        Case((8, 8), (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, groups=6),  # depthwise
        Case((8, 8), (3, 3), (2, 2), (1, 1), (1, 1), 1, 2, groups=4),
        Case((8, 8), (3, 3), (1, 1), (1, 1), (2, 2), 5, 17, groups=2),
        Case((7, 7), (1, 1), (1, 1), (0, 0), (1, 1), 30, 33),
        Case((5, 5), (5, 5), (1, 1), (0, 0), (1, 1), 4, 20),  # one result a plane
        Case((70, 70), (3, 3), (1, 1), (1, 1), (1, 1), 16, 20, batch=1),  # bands of one image
        Case((6, 6), (3, 3), (1, 1), (1, 1), (1, 1), 200, 40, batch=1),  # the depth in parts
        Case((3, 3), (3, 3), (1, 1), (1, 1), (1, 1), 8, 300, batch=1),  # panels apart
        Case((8, 33), (5, 7), (1, 4), (0, 6), (1, 3), 2, 5, batch=9),
        # few channels, a gradient smaller than the image
        Case((14, 14), (5, 5), (1, 1), (0, 0), (1, 1), 6, 16, batch=3),
        Case((12, 9), (4, 3), (1, 1), (1, 0), (2, 1), 5, 9, groups=2),
        Case((23,), (6,), (1,), (0,), (3,), 16, 11, batch=5),
        Case((5, 5), (5, 5), (1, 1), (0, 0), (1, 1), 3, 8, batch=3),  # of one number
        # 3 x 3 taps of many channels, in tiles of 2 x 2
        Case((6, 8), (3, 3), (1, 1), (1, 1), (1, 1), 32, 48, batch=3),
        Case((7, 5), (3, 3), (1, 1), (0, 2), (1, 1), 45, 33, batch=5),  # odd everywhere
        Case((3, 70), (3, 3), (1, 1), (1, 1), (1, 1), 33, 70, batch=1),
        Case((66, 40), (3, 3), (1, 1), (2, 0), (1, 1), 32, 32, batch=1),  # bands of one image
        Case((8, 8), (3, 3), (1, 1), (1, 1), (1, 1), 130, 40, batch=40),  # sums in parts, blocks
    ]
    rng = np.random.default_rng(5)
    for _ in range(40):
        rank = int(rng.integers(1, 4))
        kernel = tuple(int(k) for k in rng.integers(1, 5, rank))
        dilation = tuple(int(d) for d in rng.integers(1, 3, rank))
        padding = tuple(int(p) for p in rng.integers(0, 3, rank))
        size = tuple(
            max((k - 1) * d + 1 - 2 * p, 1) + int(rng.integers(0, 12 if rank < 3 else 4))
            for k, d, p in zip(kernel, dilation, padding, strict=True)
        )
        stride = tuple(int(s) for s in rng.integers(1, 4, rank))
        inputs, outputs = (int(c) for c in rng.choice([1, 2, 5, 16, 19], 2))
        groups, batch = int(rng.integers(1, 3)), int(rng.integers(1, 5))
        found.append(Case(size, kernel, stride, padding, dilation, inputs, outputs, groups, batch))
    return found


CASES = cases()
IDS = [str(i) for i in range(len(CASES))]


def close(ours: nnx.Tensor, wanted: np.ndarray, dtype: str) -> None:
    """Within some roundings of sums of up to a few thousand products."""
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(
        helpers.as_float64(ours),
        wanted,
        rtol=0,
        atol=tolerance * (1 + np.abs(wanted).max(initial=0)),
    )


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("dtype", helpers.FLOATS)
def test_values_and_gradients(case: Case, dtype: str) -> None:
    x, w, b = case.arrays()
    rank = len(case.size)
    tensors = [nnx.tensor(a.astype(dtype), requires_grad=True) for a in (x, w, b)]
    y = CONV[rank](*tensors, **case.options())
    options = (case.stride, case.padding, case.dilation, case.groups)
    exact = reference(x, w, *options)
    close(y, exact + b.reshape(-1, *(1,) * rank), dtype)

    g = np.random.default_rng(1).normal(size=exact.shape)
    y.backward(nnx.tensor(g.astype(dtype)))
    close(tensors[2].grad, g.sum((0, *range(2, 2 + rank))), dtype)
    # The gradients are the transposes of a bilinear map: <g, conv(x, w)> = <dx, x> = <dw, w> for
    # unit vectors x and w, which is how a few of their numbers are checked one by one.
    rng = np.random.default_rng(2)
    for which, array in enumerate((x, w)):
        grad = helpers.as_float64(tensors[which].grad)
        for _ in range(6):
            at = tuple(int(rng.integers(n)) for n in array.shape)
            unit = np.zeros_like(array)
            unit[at] = 1
            pair = (unit, w) if which == 0 else (x, unit)
            wanted = float((g * reference(*pair, *options)).sum())
            scale = float((np.abs(g) * reference(*map(np.abs, pair), *options)).sum())
            tolerance = 1e-5 if dtype == "float32" else 1e-13
            assert abs(grad[at] - wanted) <= tolerance * (1 + scale), (which, at)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_transpose_is_the_gradient(case: Case) -> None:
    """conv_transpose(y, w) is what conv(x, w) sends back for a gradient y."""
    x, w, _ = case.arrays()
    rank = len(case.size)
    X = nnx.tensor(x, requires_grad=True)
    out = CONV[rank](X, nnx.tensor(w), **case.options())
    g = np.random.default_rng(1).normal(size=out.shape)
    out.backward(nnx.tensor(g))
    least = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, s, p, d, k in zip(
            out.shape[2:], case.stride, case.padding, case.dilation, case.kernel, strict=True
        )
    ]
    more = tuple(n - m for n, m in zip(case.size, least, strict=True))
    if any(m >= max(s, d) for m, s, d in zip(more, case.stride, case.dilation, strict=True)):
        with pytest.raises(nnx.ArgumentError, match="output_padding"):
            TRANSPOSED[rank](nnx.tensor(g), nnx.tensor(w), output_padding=more, **case.options())
        return
    y = TRANSPOSED[rank](nnx.tensor(g), nnx.tensor(w), output_padding=more, **case.options())
    close(y, np.asarray(X.grad), "float64")


@pytest.mark.parametrize(
    ("case", "transposed"),
    [
        (Case((5, 4), (3, 2), (2, 1), (1, 1), (1, 2), 2, 3), False),
        (Case((4, 3), (2, 2), (2, 2), (0, 1), (1, 1), 2, 4, groups=2), True),
        (Case((6,), (3,), (1,), (2,), (1,), 1, 9), False),
        (Case((3, 3, 2), (2, 2, 2), (1, 1, 1), (1, 0, 0), (1, 1, 1), 1, 2), True),
    ],
)
def test_first_and_second_derivatives(case: Case, transposed: bool) -> None:
    x, w, b = case.arrays(3)
    rank = len(case.size)
    if transposed:
        f = TRANSPOSED[rank]
        x = np.random.default_rng(4).normal(size=(2, w.shape[0], *case.size))
        b = b[: case.groups * case.inputs]
    else:
        f = CONV[rank]
    helpers.check_gradients(lambda x, w, b: f(x, w, b, **case.options()), [x, w, b])


def test_against_scipy() -> None:
    """Cross-correlation of whole images, as scipy.signal has it."""
    signal = pytest.importorskip("scipy.signal", reason="a witness for whole images")
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(31, 26)), rng.normal(size=(5, 4))
    for mode, padding in (("valid", (0, 0)), ("full", (4, 3))):
        ours = F.conv2d(
            nnx.tensor(image)[None, None], nnx.tensor(kernel)[None, None], padding=padding
        )
        close(ours[0, 0], signal.correlate2d(image, kernel, mode), "float64")


def test_against_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the witness of this test")
    rng = np.random.default_rng(9)
    for case in CASES:
        rank = len(case.size)
        x, w, b = (a.astype(np.float32) for a in case.arrays(7))
        theirs_in = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
        ours_in = [nnx.tensor(a, requires_grad=True) for a in (x, w, b)]
        theirs = getattr(torch.nn.functional, f"conv{rank}d")(*theirs_in, **case.options())
        ours = CONV[rank](*ours_in, **case.options())
        g = rng.normal(size=ours.shape).astype(np.float32)
        theirs.backward(torch.tensor(g))
        ours.backward(nnx.tensor(g))
        close(ours, theirs.detach().double().numpy(), "float32")
        for a, b_ in zip(ours_in, theirs_in, strict=True):
            close(a.grad, b_.grad.double().numpy(), "float32")


@pytest.mark.parametrize("size", (1, 2, 5, 8))
@pytest.mark.parametrize("kernel", (1, 2, 3, 5))
@pytest.mark.parametrize("dilation", (1, 2))
def test_padding_by_name(size: int, kernel: int, dilation: int) -> None:
    """ "same" keeps the length, and pads one more behind where it cannot pad evenly."""
    x = np.arange(1.0, size + 1)
    w = np.arange(1.0, kernel + 1)
    total = dilation * (kernel - 1)
    padded = np.pad(x, (total // 2, total - total // 2))
    wanted = [sum(w[k] * padded[i + k * dilation] for k in range(kernel)) for i in range(size)]
    ours = F.conv1d(
        nnx.tensor(x)[None, None], nnx.tensor(w)[None, None], padding="same", dilation=dilation
    )
    assert ours[0, 0].tolist() == wanted


@pytest.mark.parametrize(("inputs", "middle", "stride"), ((6, 24, 2), (40, 33, 1)))
def test_results_do_not_depend_on_threads(inputs: int, middle: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    shapes = (9, inputs, 20, 20), (middle, inputs, 3, 3), (middle, inputs, 3, 3)
    x, w, v = (
        nnx.tensor(rng.normal(size=shape).astype(np.float32), requires_grad=True)
        for shape in shapes
    )
    results = []
    before = nnx.get_num_threads()
    try:
        for threads in (1, 2, 5):
            nnx.set_num_threads(threads)
            x.grad = w.grad = v.grad = None
            y = F.conv_transpose2d(F.conv2d(x, w, stride=stride), v, stride=stride)
            y.square().sum().backward()
            results.append([np.asarray(t.detach()).tobytes() for t in (y, x.grad, w.grad, v.grad)])
    finally:
        nnx.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_strides_and_halves() -> None:
    """Any strides give the numbers of a contiguous copy; half types are computed in float32."""
    rng = np.random.default_rng(0)
    x = nnx.tensor(rng.normal(size=(2, 9, 8, 3)).astype(np.float32)).movedim(-1, 1)
    w = nnx.tensor(rng.normal(size=(3, 3, 3, 5)).astype(np.float32)).permute(3, 0, 2, 1)
    wanted = F.conv2d(x.contiguous(), w.contiguous())
    assert F.conv2d(x, w).tolist() == wanted.tolist()
    for name in helpers.HALVES:
        t = helpers.dtype(name)
        y = F.conv2d(x.to(t), w.to(t))
        exact = F.conv2d(x.to(t).float(), w.to(t).float())
        assert y.dtype == t
        assert y.tolist() == exact.to(t).tolist()


@pytest.mark.parametrize("activation", ("relu", "tanh", "silu"))
def test_activation(activation: str) -> None:
    """With an activation: the same values and gradients as applying it after."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in ((2, 3, 6, 6), (20, 3, 3, 3), (20,))]
    ours = [nnx.tensor(a, requires_grad=True) for a in arrays]
    plain = [nnx.tensor(a, requires_grad=True) for a in arrays]
    y = nnx._nnx.conv(*ours, activation=activation)
    z = getattr(nnx, activation)(F.conv2d(*plain))
    close(y, np.asarray(z.detach()), "float64")
    y.square().sum().backward()
    z.square().sum().backward()
    for a, b in zip(ours, plain, strict=True):
        close(a.grad, np.asarray(b.grad), "float64")


def test_without_a_batch() -> None:
    x, w = nnx.randn(3, 6, 7), nnx.randn(4, 3, 3, 3)
    assert F.conv2d(x, w).tolist() == F.conv2d(x[None], w)[0].tolist()
    v = nnx.randn(3, 2, 2, 2)
    assert F.conv_transpose2d(x, v).tolist() == F.conv_transpose2d(x[None], v)[0].tolist()


def test_empty() -> None:
    """No images, or no channels: results of the right shape, gradients of zeros."""
    w = nnx.ones((4, 3, 3, 3), requires_grad=True)
    b = nnx.ones(4, requires_grad=True)
    y = F.conv2d(nnx.zeros((0, 3, 8, 8)), w, b)
    assert y.shape == (0, 4, 6, 6)
    y.sum().backward()
    assert not w.grad.any()
    assert not b.grad.any()
    y = F.conv2d(nnx.zeros((2, 0, 5, 5)), nnx.zeros((4, 0, 3, 3)), b)
    assert y.shape == (2, 4, 3, 3)
    assert (y == 1).all()


def test_numbers_that_are_none() -> None:
    """NaN and infinity reach the results whose window has them, and no others."""
    bad = np.zeros((9, 9), bool)
    bad[3:6, 3:6] = True
    for number in (float("nan"), float("inf")):
        for channels, outputs, batch in ((1, 2, 1), (1, 20, 1), (32, 32, 2)):
            x = nnx.zeros((batch, channels, 9, 9))
            x[0, 0, 4, 4] = number
            w = nnx.ones((outputs, channels, 3, 3), requires_grad=True)
            y = F.conv2d(x, w, padding=1)
            wanted = np.where(bad, number, 0.0)
            assert (np.asarray(y.detach())[0] == wanted).all() or math.isnan(number)
            assert (np.isfinite(np.asarray(y.detach())[0]) == ~bad).all()
            assert not y[1:].any()
            y.backward(nnx.ones_like(y))
            finite = np.isfinite(np.asarray(w.grad))
            assert not finite[:, 0].any()
            assert finite[:, 1:].all()


def test_numbers_too_large_for_sums_of_two() -> None:
    """What the definition can compute is finite, however far 3 x 3 taps are rearranged."""
    x = nnx.zeros((2, 32, 9, 9))
    x[0, 0, ::2, ::2] = 3e38
    x[0, 0, 1::2, 1::2] = -3e38
    w = nnx.zeros((32, 32, 3, 3))
    w[:, :, 1, 1] = 1
    assert (F.conv2d(x, w, padding=1)[:, 0] == x[:, 0]).all()


def test_rounding_of_many_channels() -> None:
    """3 x 3 taps in tiles: an error of 1.2 to 1.4 times that of PyTorch, 1.9e-7 to 2.7e-7 here."""
    rng = np.random.default_rng(3)
    for channels in (64, 384):
        x = rng.normal(size=(4, channels, 8, 8)).astype(np.float32)
        w = rng.normal(size=(48, channels, 3, 3)).astype(np.float32)
        g = rng.normal(size=(4, 48, 8, 8)).astype(np.float32)
        found = []
        for t in ("float32", "float64"):
            X, W = (nnx.tensor(a.astype(t), requires_grad=True) for a in (x, w))
            y = F.conv2d(X, W, padding=1)
            y.backward(nnx.tensor(g.astype(t)))
            found.append([helpers.as_float64(a.detach()) for a in (y, X.grad, W.grad)])
        for ours, exact in zip(*found, strict=True):
            error = np.sqrt(np.square(ours - exact).mean() / np.square(exact).mean())
            assert error < 4.5e-7


BAD: list[tuple[type[Exception], str, Any]] = [
    (nnx.ShapeError, "must fit into the padded input", lambda: _conv((1, 1, 4, 4), (1, 1, 5, 5))),
    (nnx.ShapeError, "channels stand last", lambda: _conv((2, 8, 8, 3), (4, 3, 3, 3))),
    (nnx.ShapeError, "unsqueeze\\(1\\)", lambda: _conv((64, 28, 28), (6, 1, 5, 5))),
    (nnx.ShapeError, "must have 3 channels", lambda: _conv((2, 4, 8, 8), (4, 3, 3, 3))),
    (nnx.ShapeError, "axes \\(N, C, H, W\\)", lambda: _conv((2, 3, 8, 8, 8), (4, 3, 3, 3))),
    (nnx.ShapeError, "weight must have the axes", lambda: _conv((2, 3, 8, 8), (4, 3, 3))),
    (nnx.ShapeError, "multiple of groups", lambda: _conv((2, 4, 8, 8), (3, 2, 3, 3), groups=2)),
    (nnx.ShapeError, "kernel must not be empty", lambda: _conv((2, 3, 8, 8), (4, 3, 0, 3))),
    (nnx.ArgumentError, "stride must be at least 1", lambda: _conv(stride=0)),
    (nnx.ArgumentError, "padding must be at least 0", lambda: _conv(padding=-1)),
    (nnx.ArgumentError, "dilation must be at least 1", lambda: _conv(dilation=(1, 0))),
    (nnx.ArgumentError, "groups must be at least 1", lambda: _conv(groups=0)),
    (nnx.ShapeError, "one for each spatial axis", lambda: _conv(stride=(1, 1, 1))),
    (nnx.ArgumentError, "needs stride 1", lambda: _conv(padding="same", stride=2)),
    (nnx.ArgumentError, '"same" or "valid"', lambda: _conv(padding="full")),
    (
        nnx.DTypeError,
        "x.float\\(\\) / 255",
        lambda: F.conv2d(nnx.zeros((1, 1, 8, 8), dtype=nnx.uint8), nnx.ones((1, 1, 3, 3))),
    ),
    (
        nnx.DTypeError,
        "dtype of the weights",
        lambda: F.conv2d(nnx.zeros((1, 1, 8, 8), dtype=nnx.float64), nnx.ones((1, 1, 3, 3))),
    ),
    (
        nnx.ShapeError,
        "bias must have one value",
        lambda: F.conv2d(nnx.zeros((1, 1, 8, 8)), nnx.ones((2, 1, 3, 3)), nnx.ones(3)),
    ),
    (
        nnx.ShapeError,
        "result must not be empty",
        lambda: F.conv_transpose2d(nnx.ones((1, 1, 1, 1)), nnx.ones((1, 1, 2, 2)), padding=1),
    ),
    (
        nnx.ArgumentError,
        "output_padding must be smaller",
        lambda: F.conv_transpose2d(
            nnx.ones((1, 1, 2, 2)), nnx.ones((1, 1, 2, 2)), output_padding=1
        ),
    ),
]


def _conv(
    x: tuple[int, ...] = (2, 3, 8, 8), w: tuple[int, ...] = (4, 3, 3, 3), **options: Any
) -> nnx.Tensor:
    return F.conv2d(nnx.zeros(x), nnx.zeros(w), **options)


@pytest.mark.parametrize(("error", "text", "call"), BAD, ids=[t for _, t, _ in BAD])
def test_errors(error: type[Exception], text: str, call: Any) -> None:
    with pytest.raises(error, match=text):
        call()
