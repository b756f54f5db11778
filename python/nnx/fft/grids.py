"""Frequencies of transforms, and their order."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor
from nnx.linalg.arguments import TensorLike, several, tensor


def _grid(op: str, start: int, stop: int, n: Any, d: Any, dtype: Any, device: Any) -> Tensor:
    spacing = _check.real(op, "d", d)
    if spacing == 0:
        raise fail(ArgumentError, op, "d, the spacing of samples, must not be 0", describe(d, "d"))
    wanted = ops.dtype(dtype) if dtype is not None else ops.get_default_dtype()
    if not wanted.is_floating_point:
        raise fail(DTypeError, op, "frequencies have a floating dtype", str(wanted))
    steps = ops.arange(start, stop, dtype=ops.float64) / (n * spacing)
    found: Tensor = steps.to(wanted)
    return found if device is None else found.to(device)


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of `fft`: 0, 1, ..., -2, -1, over n d.

    Args: d: the spacing of samples; frequencies are in cycles per unit of it.
    Raises: ArgumentError for n below 1 or d = 0; DTypeError unless floating.

    Example:
        >>> nnx.fft.fftfreq(4).tolist()
        [0.0, 0.25, -0.5, -0.25]
    """
    n = _check.integer("fftfreq", "n", n, 1)
    return ifftshift(_grid("fftfreq", -(n // 2), n - n // 2, n, d, dtype, device))


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of `rfft`: 0, 1, ..., n / 2, over n d.

    Args: d: the spacing of samples; frequencies are in cycles per unit of it.
    Raises: ArgumentError for n below 1 or d = 0; DTypeError unless floating.

    Example:
        >>> nnx.fft.rfftfreq(4).tolist()
        [0.0, 0.25, 0.5]
    """
    n = _check.integer("rfftfreq", "n", n, 1)
    return _grid("rfftfreq", 0, n // 2 + 1, n, d, dtype, device)


def _rolled(x: TensorLike, axes: Any, dim: Any, back: bool) -> Tensor:
    t = tensor(x)
    axes = axes if dim is None else dim
    if axes is None:
        axes = range(t.ndim)
    along = several(axes)
    halves = [t.shape[a] // 2 if -t.ndim <= a < t.ndim else 0 for a in along]  # roll refuses others
    moved = [-h if back else h for h in halves]
    return ops.roll(t, tuple(moved), along) if along else t


def fftshift(x: TensorLike, axes: Any = None, *, dim: Any = None) -> Tensor:
    """The spectrum with frequency 0 in the middle.

    Args: axes (or dim): the axes it stands along; all unless given.
    Raises: AxisError.

    Example:
        >>> nnx.fft.fftshift(nnx.fft.fftfreq(4)).tolist()
        [-0.5, -0.25, 0.0, 0.25]
    """
    return _rolled(x, axes, dim, False)


def ifftshift(x: TensorLike, axes: Any = None, *, dim: Any = None) -> Tensor:
    """Undoes `fftshift`.

    Args: axes (or dim): the axes it stands along; all unless given.
    Raises: AxisError.

    Example:
        >>> nnx.fft.ifftshift(nnx.tensor([-1, 0, 1])).tolist()
        [0, 1, -1]
    """
    return _rolled(x, axes, dim, True)
