"""Borders: NumPy's modes against NumPy, PyTorch's against worked examples and, where it is
installed, PyTorch itself; gradients against differences."""

from __future__ import annotations

import itertools
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

F = nn.functional
MODES = ("edge", "reflect", "symmetric", "wrap")


@pytest.mark.parametrize("mode", MODES)
def test_numpys_modes(mode: str) -> None:
    rng = np.random.default_rng(0)
    for size, before, after in itertools.product((1, 2, 3, 5), (0, 1, 2, 3, 7, 20), (0, 1, 4, 11)):
        widths = ((before, after), (1, 2))
        for a in (rng.normal(size=(size, 3)), rng.integers(-9, 9, (size, 2)).astype(np.int16)):
            found = nnx.pad(nnx.tensor(a), widths, mode=mode)
            np.testing.assert_array_equal(found, np.pad(a, widths, mode=mode), f"{size} {widths}")
            assert found.numpy().dtype == a.dtype
    cube = rng.normal(size=(2, 3, 4)) > 0
    found = nnx.pad(nnx.tensor(cube), 1, mode=mode)
    np.testing.assert_array_equal(found, np.pad(cube, 1, mode=mode))
    np.testing.assert_array_equal(np.pad(nnx.tensor(cube), 1, mode=mode), found)
    assert nnx.pad(nnx.zeros(0, 3), ((0, 0), (1, 1)), mode=mode).shape == (0, 5)
    long = np.arange(1000.0)
    np.testing.assert_array_equal(
        nnx.pad(nnx.tensor(long), (5000, 3), mode=mode), np.pad(long, (5000, 3), mode=mode)
    )


@pytest.mark.parametrize("mode", MODES)
def test_derivatives(mode: str) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    for widths in (((0, 0), (2, 1), (1, 3)), ((1, 2), (7, 0), (0, 9))):
        helpers.check_gradients(lambda t, w=widths: nnx.pad(t, w, mode=mode).square(), [x])
    helpers.same_in_all_layouts(lambda t: nnx.pad(t, 2, mode=mode), [x])
    half = nnx.tensor(x).to(nnx.bfloat16).requires_grad_()
    y = nnx.pad(half, 3, mode=mode)
    assert y.dtype == nnx.bfloat16
    y.sum().backward()
    assert half.grad.to(nnx.float32).sum().item() == y.numel()  # every count is exact


def test_torchs_modes_on_worked_examples() -> None:
    row = nnx.tensor([[1, 2, 3]])
    for mode, expected in (
        ("constant", [7, 7, 1, 2, 3, 7]),
        ("reflect", [3, 2, 1, 2, 3, 2]),
        ("replicate", [1, 1, 1, 2, 3, 3]),
        ("circular", [2, 3, 1, 2, 3, 1]),
    ):
        given = (7,) if mode == "constant" else ()
        assert F.pad(row, (2, 1), mode, *given).tolist() == [expected], mode
    square = nnx.tensor([[1, 2], [3, 4]])
    # the last axis first: left, right, top, bottom
    assert F.pad(square, (1, 0, 0, 1)).tolist() == [[0, 1, 2], [0, 3, 4], [0, 0, 0]]
    assert F.pad(square, [1, 0, 1, 0], "replicate").tolist() == [[1, 1, 2], [1, 1, 2], [3, 3, 4]]
    assert F.pad(square, (-1, 1)).tolist() == [[2, 0], [4, 0]]
    assert F.pad(square, (-1, -1)).shape == (2, 0)
    assert F.pad(square, (0, -1, 1, -1), value=5).tolist() == [[5], [1]]
    same = F.pad(square, ())
    assert same.tolist() == square.tolist() and same is not square
    assert F.pad(nnx.zeros(0, 2, 3), (1, 1, 2, 2), "replicate").shape == (
        0,
        6,
        5,
    )
    assert F.pad(nnx.tensor([1.5]), (1, 1), value=float("nan"))[1].item() == 1.5


def test_torchs_modes_are_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    rng = np.random.default_rng(1)
    checked = 0
    for mode, axes, size in itertools.product(
        ("constant", "reflect", "replicate", "circular"), (1, 2, 3), (2, 5)
    ):
        firsts = (-2, 0, 1, 4) if mode == "constant" else (0, 1, 4)
        for first, second in itertools.product(firsts, (0, 1)):
            widths = [first, second] + [1, 0] * (axes - 1)
            x = rng.normal(size=(2, 3) + (size,) * axes)
            ours, theirs = nnx.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
            try:
                expected = torch.nn.functional.pad(theirs, widths, mode)
            except RuntimeError:  # wider than what is repeated
                with pytest.raises(nnx.ShapeError, match="at most"):
                    F.pad(ours, widths, mode)
                continue
            found = F.pad(ours, widths, mode)
            np.testing.assert_array_equal(found.detach(), expected.detach().numpy())
            weight = rng.normal(size=tuple(found.shape))
            (found * nnx.tensor(weight)).sum().backward()
            (expected * torch.tensor(weight)).sum().backward()
            np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-13, atol=1e-13)
            checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: nnx.pad(nnx.zeros(2), -1), nnx.ArgumentError, "negative"),
        (lambda: nnx.pad(nnx.zeros(2), -1, mode="edge"), nnx.ArgumentError, "negative"),
        (lambda: nnx.pad(nnx.zeros(2), 1, mode="mirror"), nnx.ArgumentError, "'symmetric'"),
        (lambda: nnx.pad(nnx.zeros(0), 1, mode="edge"), nnx.ShapeError, "nothing to repeat"),
        (lambda: nnx.pad(nnx.zeros(2), 2**62, mode="wrap"), nnx.Error, "too long"),
        (lambda: nnx.pad(nnx.zeros(2, 2), ((1, 1),) * 3, mode="wrap"), nnx.ShapeError, "per axis"),
        (lambda: F.pad(nnx.zeros(2), (1,)), nnx.ShapeError, "two widths"),
        (lambda: F.pad(nnx.zeros(2), (1, 1, 1, 1)), nnx.ShapeError, "two widths"),
        (lambda: F.pad(nnx.zeros(2), (-1, -2)), nnx.ShapeError, "cut off"),
        (lambda: F.pad(nnx.zeros(1, 3), (3, 0), "reflect"), nnx.ShapeError, "at most 2"),
        (lambda: F.pad(nnx.zeros(1, 3), (0, 4), "circular"), nnx.ShapeError, "at most 3"),
        (lambda: F.pad(nnx.zeros(1, 0), (1, 0), "replicate"), nnx.ShapeError, "nothing to repeat"),
        (lambda: F.pad(nnx.zeros(1, 3), (1, 0), "edge"), nnx.ArgumentError, "'replicate'"),
        (lambda: F.pad(nnx.zeros(1, 3), (1, 0), "circular", 3), nnx.ArgumentError, "value"),
        (lambda: F.pad(nnx.zeros(1, 3), (1.5, 0)), nnx.DTypeError, "whole"),
        (lambda: F.pad(nnx.zeros(1, 3), 1), nnx.DTypeError, "tuple"),
        (lambda: F.pad([1], (1, 1)), nnx.DTypeError, "tensor"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        call()
    assert isinstance(caught.value, nnx.Error) and "[pad]" in str(caught.value)
