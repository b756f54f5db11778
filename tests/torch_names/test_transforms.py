"""torch.func, torch.autograd.functional and torch.utils.checkpoint, against PyTorch and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import nnx.torch as torch
import numpy as np
import pytest

X = np.array([0.5, 1.5, -1.0])
V = np.array([1.0, -2.0, 0.5])


def cube(x: Any) -> Any:
    return (x**3).sum()


CALLS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "functional.jacobian": lambda t, a: t.autograd.functional.jacobian(lambda x: x**2, a(X)),
    "functional.hessian": lambda t, a: t.autograd.functional.hessian(cube, a(X)),
    "functional.hessian of two": lambda t, a: t.autograd.functional.hessian(
        lambda x, y: (x * y * y).sum(), (a(X), a(V))
    ),
    "functional.vjp": lambda t, a: t.autograd.functional.vjp(lambda x: x**2, a(X), a(V)),
    "functional.vjp of a number": lambda t, a: t.autograd.functional.vjp(cube, a(X)),
    "functional.vjp of two": lambda t, a: t.autograd.functional.vjp(
        lambda x, y: x * y, (a(X), a(V)), a(V)
    ),
    "functional.jvp": lambda t, a: t.autograd.functional.jvp(lambda x: x**2, a(X), a(V)),
    "functional.hvp": lambda t, a: t.autograd.functional.hvp(cube, a(X), a(V)),
    "functional.vhp": lambda t, a: t.autograd.functional.vhp(cube, a(X), a(V)),
    "func.grad": lambda t, a: t.func.grad(cube)(a(X)),
    "func.grad_and_value": lambda t, a: t.func.grad_and_value(cube)(a(X)),
    "func.vmap": lambda t, a: t.func.vmap(t.func.grad(lambda x: x**3))(a(X)),
    "func.jacrev": lambda t, a: t.func.jacrev(lambda x: x**2)(a(X)),
    "func.jacfwd": lambda t, a: t.func.jacfwd(lambda x: x**2)(a(X)),
    "func.hessian": lambda t, a: t.func.hessian(cube)(a(X)),
    "func.jvp": lambda t, a: t.func.jvp(lambda x: x**2, (a(X),), (a(V),)),
    "func.vjp": lambda t, a: t.func.vjp(lambda x: x**2, a(X))[1](a(V)),
    "vmap": lambda t, a: t.vmap(lambda x: x * 2)(a(X)),
}
BY_HAND: dict[str, Any] = {
    "functional.jacobian": np.diag(2 * X),
    "functional.hessian": np.diag(6 * X),
    "functional.hvp": ((X**3).sum(), 6 * X * V),
    "functional.vjp": (X**2, 2 * X * V),
    "func.grad_and_value": (3 * X**2, (X**3).sum()),
    "func.vmap": 3 * X**2,
}


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    np.testing.assert_allclose(np.asarray(ours.detach()), np.asarray(theirs), rtol=1e-12)


@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(name: str) -> None:
    same(CALLS[name](torch, nnx.tensor), BY_HAND[name])


@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_pytorch(name: str) -> None:
    theirs = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare to")
    same(CALLS[name](torch, nnx.tensor), CALLS[name](theirs, theirs.tensor))


def test_checkpoint() -> None:
    from nnx.torch.utils.checkpoint import checkpoint

    x = torch.tensor(X, requires_grad=True)
    checkpoint(cube, x, use_reentrant=False).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, 3 * X**2)
