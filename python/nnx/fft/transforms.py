"""The transforms, along one axis and along several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, AxisError, DTypeError, Tensor
from nnx.linalg.arguments import TensorLike, several, tensor

_FORWARD, _INVERSE, _HALF, _WHOLE = range(4)  # ops::Fourier
_NORMS = ("backward", "ortho", "forward")


def _scale(op: str, norm: str | None, inverse: bool) -> int:
    """What a transform is divided by: 0 nothing, 1 the length, 2 its root (ops::FourierScale)."""
    norm = "backward" if norm is None else norm
    _check.choice(op, "norm", norm, _NORMS)
    return 2 if norm == "ortho" else int((norm == "backward") == inverse)


def _turned(norm: str | None) -> str:
    """The norm of a transform that is computed by one in the other direction."""
    norm = "backward" if norm is None else norm
    return {"backward": "forward", "forward": "backward"}.get(norm, norm)


def _one(op: str, x: Tensor, n: Any, axis: int, norm: str | None, kind: int) -> Tensor:
    if n is None:
        along = x.shape[axis] if x.ndim and -x.ndim <= axis < x.ndim else 1
        n = 2 * (along - 1) if kind == _WHOLE else along
    else:
        n = _check.integer(op, "n", n, -(2**62))
    inverse = kind in (_INVERSE, _WHOLE)
    return ops._fourier(x, n, axis, kind, _scale(op, norm, inverse), op)


def _axis(axis: Any, dim: Any) -> int:
    return int(axis if dim is None else dim)


def fft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """y_k = sum_j x_j exp(-2 pi i j k / n), the discrete Fourier transform.

    Args:
        n: the length; x is cut or filled with zeros. axis (or dim): where x stands.
        norm: what is divided by n: "backward" (unless given) the inverse transform, "forward" this
            one, "ortho" each by sqrt(n).

    Shapes: (..., m, ...) -> (..., n, ...). Dtypes: real or complex -> complex.
    Raises: AxisError, ArgumentError for another norm, ShapeError for n below 1.

    Example:
        >>> nnx.fft.fft(nnx.tensor([1.0, 0.0, 0.0])).tolist()
        [(1+0j), (1+0j), (1+0j)]
    """
    return _one("fft", tensor(x), n, _axis(axis, dim), norm, _FORWARD)


def ifft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """x_j = sum_k y_k exp(2 pi i j k / n) / n, the inverse of `fft`, with its arguments.

    Raises: as `fft`.

    Example:
        >>> nnx.fft.ifft(nnx.tensor([2.0, 0.0])).tolist()
        [(1+0j), (1+0j)]
    """
    return _one("ifft", tensor(x), n, _axis(axis, dim), norm, _INVERSE)


def rfft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """The `fft` of real numbers as far as n / 2: the rest are conjugates of it.

    Shapes: (..., m, ...) -> (..., n // 2 + 1, ...). Dtypes: real -> complex.
    Raises: DTypeError for complex numbers; as `fft`.

    Example:
        >>> nnx.fft.rfft(nnx.tensor([1.0, 2.0, 3.0, 4.0])).tolist()
        [(10+0j), (-2+2j), (-2+0j)]
    """
    return _one("rfft", tensor(x), n, _axis(axis, dim), norm, _HALF)


def irfft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """The inverse of `rfft`: real numbers from half a spectrum. Imaginary parts at frequency 0, and
    at n / 2, count as 0.

    Args: n: the length of the result; 2 (m - 1) unless given, which loses an odd length.
    Shapes: (..., m, ...) -> (..., n, ...). Dtypes: complex or real -> real.
    Raises: as `fft`.

    Example:
        >>> nnx.fft.irfft(nnx.fft.rfft(nnx.tensor([1.0, 2.0, 3.0])), n=3).round(decimals=4).tolist()
        [1.0, 2.0, 3.0]
    """
    return _one("irfft", tensor(x), n, _axis(axis, dim), norm, _WHOLE)


def hfft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """The `fft` of a signal of which half is given, since x_-j is the conjugate of x_j: it is real.

    Args: n: the length of the result; 2 (m - 1) unless given.
    Shapes: (..., m, ...) -> (..., n, ...). Dtypes: complex or real -> real.
    Raises: as `fft`.

    Example:
        >>> nnx.fft.hfft(nnx.tensor([1.0, 2.0, 1.0])).tolist()
        [6.0, 0.0, -2.0, 0.0]
    """
    return _one("hfft", ops.conj(tensor(x)), n, _axis(axis, dim), _turned(norm), _WHOLE)


def ihfft(
    x: TensorLike, n: int | None = None, axis: int = -1, norm: str | None = None, *, dim: Any = None
) -> Tensor:
    """The inverse of `hfft`: half a signal from its real spectrum.

    Shapes: (..., m, ...) -> (..., n // 2 + 1, ...). Dtypes: real -> complex.
    Raises: DTypeError for complex numbers; as `fft`.

    Example:
        >>> nnx.fft.ihfft(nnx.tensor([6.0, 0.0, -2.0, 0.0])).real.tolist()
        [1.0, 2.0, 1.0]
    """
    return ops.conj(_one("ihfft", tensor(x), n, _axis(axis, dim), _turned(norm), _HALF))


def _places(
    op: str, x: Tensor, s: Any, axes: Any, dim: Any, half: bool = False
) -> list[tuple[int | None, int]]:
    """Length and axis of every transform, the lengths None where they are the tensor's own."""
    axes = axes if dim is None else dim
    s = None if s is None else several(s)
    if axes is None:
        axes = range(x.ndim) if s is None else range(-len(s), 0)
    axes = several(axes)
    for axis in axes:
        if not -x.ndim <= axis < x.ndim:
            received = f"axis {axis} for a tensor with {x.ndim} axes"
            raise fail(AxisError, op, f"axis must lie in [{-x.ndim}, {x.ndim})", received)
    if s is None:
        s = (None,) * len(axes)
    if len(s) != len(axes):
        received = f"{describe(s, 's')}, {describe(axes, 'axes')}"
        raise fail(ArgumentError, op, "every axis has one length", received)
    found = [(None if n in (None, -1) else n, a) for n, a in zip(s, axes, strict=True)]
    if half and not found:
        raise fail(ArgumentError, op, "at least one axis must be named", describe(x))
    return found


def _several(op: str, x: Tensor, places: Any, norm: str | None, kind: int) -> Tensor:
    if not x.is_complex():
        x = x.to(ops.complex128 if x.dtype == ops.float64 else ops.complex64)
    for n, axis in reversed(places):
        x = _one(op, x, n, axis, norm, kind)
    return x


def fftn(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The `fft` along several axes, one after the other.

    Args: s: the length along each axis. axes (or dim): all unless given, the last len(s) with s.
    Raises: ArgumentError where s and axes differ in length; AxisError, also for an s with more
        lengths than x has axes; as `fft`.

    Example:
        >>> nnx.fft.fftn(nnx.ones(2, 2)).real.tolist()
        [[4.0, 0.0], [0.0, 0.0]]
    """
    t = tensor(x)
    return _several("fftn", t, _places("fftn", t, s, axes, dim), norm, _FORWARD)


def ifftn(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The inverse of `fftn`, with its arguments.

    Raises: as `fftn`.

    Example:
        >>> nnx.fft.ifftn(nnx.ones(2, 2)).real.tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    t = tensor(x)
    return _several("ifftn", t, _places("ifftn", t, s, axes, dim), norm, _INVERSE)


def rfftn(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The `fftn` of real numbers, along the last of the axes as far as half of it.

    Raises: DTypeError for complex numbers; as `fftn`.

    Example:
        >>> nnx.fft.rfftn(nnx.ones(2, 4)).shape
        (2, 3)
    """
    t = tensor(x)
    if t.is_complex():
        hint = "nnx.fft.fftn takes complex ones"
        raise fail(DTypeError, "rfftn", "takes real numbers", describe(t), hint)
    places = _places("rfftn", t, s, axes, dim, half=True)
    n, axis = places[-1]
    return _several("rfftn", _one("rfftn", t, n, axis, norm, _HALF), places[:-1], norm, _FORWARD)


def irfftn(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The inverse of `rfftn`, with its arguments; s gives lengths of the result.

    Raises: as `fftn`.

    Example:
        >>> nnx.fft.irfftn(nnx.fft.rfftn(nnx.ones(2, 4))).round(decimals=4).tolist()
        [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """
    t = tensor(x)
    places = _places("irfftn", t, s, axes, dim, half=True)
    n, axis = places[-1]
    spread = _several("irfftn", t, places[:-1], norm, _INVERSE)
    return _one("irfftn", spread, n, axis, norm, _WHOLE)


def fft2(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The `fftn` along two axes, the last ones unless given.

    Raises: as `fftn`.

    Example:
        >>> nnx.fft.fft2(nnx.ones(3, 2, 2))[0].real.tolist()
        [[4.0, 0.0], [0.0, 0.0]]
    """
    return fftn(x, s, axes, norm, dim=dim)


def ifft2(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The inverse of `fft2`, with its arguments.

    Raises: as `fftn`.

    Example:
        >>> nnx.fft.ifft2(nnx.ones(2, 2)).real.tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    return ifftn(x, s, axes, norm, dim=dim)


def rfft2(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The `rfftn` along two axes, the last ones unless given.

    Raises: as `rfftn`.

    Example:
        >>> nnx.fft.rfft2(nnx.ones(2, 4)).shape
        (2, 3)
    """
    return rfftn(x, s, axes, norm, dim=dim)


def irfft2(
    x: TensorLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    dim: Any = None,
) -> Tensor:
    """The inverse of `rfft2`, with its arguments.

    Raises: as `fftn`.

    Example:
        >>> nnx.fft.irfft2(nnx.fft.rfft2(nnx.ones(2, 2))).round(decimals=4).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    return irfftn(x, s, axes, norm, dim=dim)
