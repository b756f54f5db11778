"""Muon: the orthogonal factor against the singular value decomposition, and its options."""

from __future__ import annotations

import math
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.optim.muon import orthogonal

STANDARD = (3.4445, -4.7750, 2.0315)


@pytest.mark.parametrize("shape", [(6, 6), (3, 8), (12, 4), (1, 5), (5, 1)])
def test_singular_values_are_near_one_and_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal(shape) * 30
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(nnx.asarray(matrix), 5, STANDARD, 1e-7)
    assert found.dtype == nnx.float32 and found.shape == shape
    inner = u.T @ found.numpy() @ vt.T
    strong = s > 0.1 * s[0]  # weak ones need more steps
    assert strong.any()
    assert (np.abs(np.diag(inner)[strong] - 1) < 0.4).all()
    off = inner - np.diag(np.diag(inner))
    assert np.abs(off).max() < 0.05


def exact(matrix: np.ndarray, steps: int) -> np.ndarray:
    """The same polynomial, of the singular values, in float64."""
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    s = s / np.linalg.norm(matrix)
    a, b, c = STANDARD
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return u * s @ vt


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_the_iteration_is_a_polynomial_of_the_singular_values(steps: int) -> None:
    matrix = np.random.default_rng(1).standard_normal((7, 4))
    found = orthogonal(nnx.asarray(matrix), steps, STANDARD, 1e-7).numpy()
    np.testing.assert_allclose(found, exact(matrix, steps), atol=0.03)


@pytest.mark.parametrize(
    ("adjust", "shape", "factor"),
    [
        (None, (8, 2), 2.0),
        ("original", (2, 8), 1.0),
        ("match_rms_adamw", (2, 8), 0.2 * math.sqrt(8)),
    ],
)
def test_one_step(adjust: Any, shape: tuple[int, int], factor: float) -> None:
    rng = np.random.default_rng(2)
    w0, g = rng.standard_normal(shape), rng.standard_normal(shape)
    w = nn.Parameter(nnx.asarray(w0.copy()))
    opt = optim.Muon([w], lr=0.5, weight_decay=0.2, momentum=0.9, adjust_lr_fn=adjust)
    w.grad = nnx.asarray(g)
    opt.step()
    np.testing.assert_allclose(opt.state[w]["momentum_buffer"].numpy(), 0.1 * g, rtol=1e-12)
    expected = w0 * (1 - 0.5 * 0.2) - 0.5 * factor * exact(g, 5)
    np.testing.assert_allclose(w.detach().numpy(), expected, atol=0.03 * factor)


def test_momentum_over_several_steps() -> None:
    rng = np.random.default_rng(3)
    gradients = rng.standard_normal((3, 4, 4))
    for nesterov in (True, False):
        w = nn.Parameter(nnx.zeros(4, 4))
        opt = optim.Muon([w], lr=1.0, weight_decay=0.0, momentum=0.5, nesterov=nesterov)
        m, expected = np.zeros((4, 4)), np.zeros((4, 4))
        for g in gradients:
            m = 0.5 * m + 0.5 * g
            expected -= exact(0.5 * g + 0.5 * m if nesterov else m, 5)
            w.grad = nnx.asarray(g).float()
            opt.step()
        np.testing.assert_allclose(w.detach().numpy(), expected, atol=0.1)


def test_only_matrices() -> None:
    model = nn.Dense(3, 2)
    with pytest.raises(nnx.ShapeError, match="AdamW"):
        optim.Muon(model.parameters())
    opt = optim.Muon([model.weight])
    with pytest.raises(nnx.ShapeError):
        opt.add_param_group({"params": [model.bias]})
    assert len(opt.param_groups) == 1


def test_a_zero_gradient_moves_nothing() -> None:
    w = nn.Parameter(nnx.ones(2, 3))
    opt = optim.Muon([w], weight_decay=0.0)
    w.grad = nnx.zeros(2, 3)
    opt.step()
    assert (w == 1).all()
