"""Shared by the tests: outside witnesses and the one helper that checks an op in full."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import nnx
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
FLOATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

# Relative error allowed for a result computed in a dtype, a few roundings of it.
RTOL = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-6, "float64": 1e-14}


def dtype(name: str) -> nnx.dtype:
    return getattr(nnx, name)


def as_float64(t: nnx.Tensor) -> npt.NDArray[np.float64]:
    return np.asarray(t.detach().to(nnx.float64).numpy(), dtype=np.float64)


def numeric_gradient(
    f: Callable[..., float],
    inputs: Sequence[npt.NDArray[np.float64]],
    which: int,
    eps: float = 1e-6,
) -> npt.NDArray[np.float64]:
    """Central differences of a scalar function, element by element, in float64."""
    x = inputs[which]
    out = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        step = eps * max(1.0, abs(float(x[i])))
        values = []
        for sign in (1, -1):
            moved = [a.copy() for a in inputs]
            moved[which][i] += sign * step
            values.append(f(*moved))
        out[i] = (values[0] - values[1]) / (2 * step)
    return out


def check_gradients(
    f: Callable[..., nnx.Tensor],
    inputs: Sequence[npt.NDArray[np.float64]],
    *,
    second: bool = True,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    wrt: Sequence[int] | None = None,
) -> None:
    """First and, by default, second derivatives of sum(w * f(*inputs)) against differences."""
    wrt = list(range(len(inputs))) if wrt is None else list(wrt)
    shape = f(*[nnx.tensor(a) for a in inputs]).shape
    weight = nnx.tensor(np.random.default_rng(7).uniform(0.5, 1.5, shape))

    def total(*arrays: npt.NDArray[np.float64]) -> float:
        return float((f(*[nnx.tensor(a) for a in arrays]) * weight).sum())

    def gradients(*arrays: npt.NDArray[np.float64], graph: bool) -> list[nnx.Tensor]:
        tensors = [nnx.tensor(a, requires_grad=i in wrt) for i, a in enumerate(arrays)]
        y = (f(*tensors) * weight).sum()
        found = nnx.grad(y, [tensors[i] for i in wrt], create_graph=graph, allow_unused=True)
        return [
            nnx.zeros(arrays[i].shape, dtype=nnx.float64) if g is None else g
            for i, g in zip(wrt, found, strict=True)
        ]

    for i, g in zip(wrt, gradients(*inputs, graph=False), strict=True):
        np.testing.assert_allclose(
            as_float64(g),
            numeric_gradient(total, inputs, i),
            rtol=rtol,
            atol=atol,
            err_msg=f"d/d{i}",
        )
    if not second:
        return
    directions = [np.random.default_rng(11 + i).uniform(0.5, 1.5, inputs[i].shape) for i in wrt]

    def slope(*arrays: npt.NDArray[np.float64]) -> float:
        found = gradients(*arrays, graph=False)
        return float(sum((as_float64(g) * d).sum() for g, d in zip(found, directions, strict=True)))

    tensors = [nnx.tensor(a, requires_grad=i in wrt) for i, a in enumerate(inputs)]
    y = (f(*tensors) * weight).sum()
    first = nnx.grad(y, [tensors[i] for i in wrt], create_graph=True, allow_unused=True)
    s = sum(
        (
            (g * nnx.tensor(d)).sum()
            for g, d in zip(first, directions, strict=True)
            if g is not None
        ),
        start=nnx.tensor(0.0, dtype=nnx.float64),
    )
    if not s.requires_grad:  # linear: the second derivative is zero
        for i in wrt:
            np.testing.assert_allclose(numeric_gradient(slope, inputs, i), 0, atol=1e-6)
        return
    again = nnx.grad(s, [tensors[i] for i in wrt], allow_unused=True)
    for i, g in zip(wrt, again, strict=True):
        found = np.zeros_like(inputs[i]) if g is None else as_float64(g)
        np.testing.assert_allclose(
            found, numeric_gradient(slope, inputs, i), rtol=1e-5, atol=1e-6, err_msg=f"d2/d{i}"
        )


def layouts(a: Array) -> list[tuple[str, nnx.Tensor]]:
    """The same values in every memory layout a tensor can have."""
    found = [("contiguous", nnx.tensor(a))]
    if a.ndim >= 1 and a.shape[0] > 1:
        wide = np.zeros((2 * a.shape[0], *a.shape[1:]), a.dtype)
        wide[::2] = a
        found.append(("strided", nnx.tensor(wide)[::2]))
        found.append(("negative", nnx.tensor(np.ascontiguousarray(a[::-1])).flip(0)))
    if a.ndim >= 2:
        found.append(("transposed", nnx.tensor(np.ascontiguousarray(a.T)).T))
        padded = np.zeros((*a.shape[:-1], a.shape[-1] + 3), a.dtype)
        padded[..., 1:-2] = a
        found.append(("offset", nnx.tensor(padded)[..., 1:-2]))
    return found


def same_in_all_layouts(
    f: Callable[..., nnx.Tensor], arrays: Sequence[Array], *, rtol: float = 0.0
) -> None:
    """f answers the same bits (or within rtol) whatever the memory order of its inputs."""
    expected = np.asarray(f(*[nnx.tensor(a) for a in arrays]).detach())
    for choice in itertools.product(*[layouts(a) for a in arrays]):
        got = np.asarray(f(*[t for _, t in choice]).detach())
        np.testing.assert_allclose(
            got, expected, rtol=rtol, atol=0, err_msg=" x ".join(name for name, _ in choice)
        )


def ulp_errors(got: Array, exact: Sequence[object]) -> npt.NDArray[np.float64]:
    """Distance of each value from mpmath's, in units in the last place of the exact value.

    Infinities and NaN must match exactly: a mismatch counts as an infinite error. An exact value
    beyond the largest finite number may come out as infinity.
    """
    import mpmath

    info = np.finfo(got.dtype)
    errors = np.zeros(len(exact))
    for i, (g, e) in enumerate(zip(got, exact, strict=True)):
        value = float(g)
        if mpmath.isnan(e):
            errors[i] = 0 if np.isnan(value) else np.inf
            continue
        if mpmath.isinf(e):
            errors[i] = 0 if value == float(e) else np.inf
            continue
        if np.isnan(value):
            errors[i] = np.inf
            continue
        top = mpmath.mpf(float(info.max))
        if np.isinf(value):
            errors[i] = 0 if abs(e) >= top and (e > 0) == (value > 0) else np.inf
            continue
        exponent = int(mpmath.floor(mpmath.log(abs(e), 2))) if e != 0 else info.minexp
        ulp = mpmath.mpf(2) ** (max(exponent, int(info.minexp)) - info.nmant)
        errors[i] = float(abs(mpmath.mpf(value) - e) / ulp)
    return errors
