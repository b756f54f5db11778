"""What comes in: tensors of floats, matrices, and when a singular value counts as 0."""

from __future__ import annotations

from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor

TensorLike = Any


def tensor(x: TensorLike, like: Tensor | None = None) -> Tensor:
    """A tensor, made of an array, a list or a number where it is none: on the device of `like`."""
    if isinstance(x, Tensor):
        return x
    return ops.asarray(x) if like is None else ops.asarray(x, device=like.device)


def several(x: Any) -> tuple[Any, ...]:
    """Axes or lengths, of which one may stand for itself, as a tuple."""
    return (x,) if hasattr(x, "__index__") and not getattr(x, "ndim", 0) else tuple(x)


def floats(x: TensorLike, like: Tensor | None = None) -> Tensor:
    """A `tensor` of floats or complex numbers: integers become the default dtype, as NumPy's become
    float64."""
    t = tensor(x, like)
    known = t.is_floating_point() or t.is_complex()
    return t if known else t.to(ops.get_default_dtype())


def together(a: TensorLike, b: TensorLike) -> tuple[Tensor, Tensor]:
    """Both as `floats`, in the dtype in which they meet."""
    x = floats(a, b if isinstance(b, Tensor) else None)
    y = floats(b, x)
    dtype = ops.promote_types(x.dtype, y.dtype)
    return x.to(dtype), y.to(dtype)


def matrix(op: str, x: TensorLike, square: bool = False) -> Tensor:
    """The floats of matrices, for functions composed of others: errors should name them."""
    m = floats(x)
    if m.ndim < 2:
        raise fail(ShapeError, op, "takes matrices: at least two axes", describe(m))
    if square and m.shape[-1] != m.shape[-2]:
        rule = "the last two axes must have the same length"
        raise fail(ShapeError, op, rule, describe(m))
    return m


def cutoff(x: Tensor, s: Tensor, rcond: Any) -> Tensor:
    """What a singular value of x must be above to count: rcond times the largest of them."""
    if rcond is None:
        rcond = max(x.shape[-2:]) * ops.finfo(x.dtype).eps
    largest = ops.max(s, axis=-1, keepdims=True) if s.shape[-1] else s
    factor = rcond.unsqueeze(-1) if isinstance(rcond, Tensor) else rcond
    return largest.detach() * factor
