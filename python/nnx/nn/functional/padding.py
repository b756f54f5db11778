"""Padding: borders around the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.nn.functional.arguments import tensor

# PyTorch's modes and what nnx.pad, like NumPy, calls them.
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """The input with borders, the last axis first.

    Args:
        pad: (left, right) of the last axis, then (top, bottom) of the one before, and so on.
            A negative width cuts elements off.
        mode: "constant" fills with value, "reflect" mirrors the input without its edge,
            "replicate" repeats the edge, "circular" goes on at the other end.
        value: the constant, 0 unless given.

    Shapes: (..., H, W) -> (..., top + H + bottom, left + W + right) for four widths. Dtypes: any.
    Raises: ShapeError for more pairs than axes, or widths that are longer than what is mirrored
        (H - 1) or continued (H); ArgumentError for another mode, or a value with one that has none.

    Example:
        >>> nn.functional.pad(nnx.tensor([[1, 2, 3]]), (1, 2)).tolist()
        [[0, 1, 2, 3, 0, 0]]
        >>> nn.functional.pad(nnx.tensor([[1, 2, 3]]), (1, 2), mode="reflect").tolist()
        [[2, 1, 2, 3, 2, 1]]
    """
    op = "pad"
    x = tensor(op, "input", input)
    if mode not in _MODES:
        _check.choice(op, "mode", mode, tuple(_MODES))
    if not isinstance(pad, Sequence) or isinstance(pad, str):
        raise fail(DTypeError, op, "pad must be a tuple of whole numbers", describe(pad, "pad"))
    widths = [_check.integer(op, "pad", n, -(2**40)) for n in pad]
    axes = len(widths) // 2
    if len(widths) % 2 or axes > x.ndim:
        raise _refused("pad must have two widths for each padded axis of the input", x, pad)
    if value is not None and value != 0 and mode != "constant":
        rule = f"only the mode 'constant' has a value, not {mode!r}"
        raise fail(ArgumentError, op, rule, describe(value, "value"))
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    if min(widths, default=0) < 0:
        x = _cut(x, pairs, pad)
        pairs = [(max(before, 0), max(after, 0)) for before, after in pairs]
    if mode in ("reflect", "circular"):
        for length, pair in zip(x.shape[x.ndim - axes :], pairs, strict=True):
            most = max(length - 1, 0) if mode == "reflect" else length
            if max(pair) > most:
                rule = f"mode {mode!r} can add at most {most} to an axis of length {length}"
                raise _refused(rule, x, pad)
    pairs = [(0, 0)] * (x.ndim - axes) + pairs
    if mode == "constant":
        return ops.pad(x, pairs, "constant", 0 if value is None else value)
    return ops.pad(x, pairs, _MODES[mode])


def _cut(x: Tensor, pairs: list[tuple[int, int]], pad: Sequence[int]) -> Tensor:
    """The input without what negative widths cut off."""
    kept = []
    for length, (before, after) in zip(x.shape[x.ndim - len(pairs) :], pairs, strict=True):
        if length + min(before, 0) + min(after, 0) < 0:
            raise _refused("negative widths must not cut off more than there is", x, pad)
        kept.append(slice(max(-before, 0), length + min(after, 0)))
    return x[(..., *kept)]


def _refused(rule: str, x: Tensor, pad: Sequence[int]) -> Exception:
    received = f"{describe(x, 'input')}, {describe(tuple(pad), 'pad')}"
    return fail(ShapeError, "pad", rule, received)


def lengths(op: str, padding: Any, axes: int) -> tuple[int, ...]:
    """One width for all sides, or two for each axis, the last axis first.

    Example:
        >>> nn.functional.padding.lengths("f", 1, 2)
        (1, 1, 1, 1)
    """
    if not isinstance(padding, Sequence) or isinstance(padding, str):
        return (_check.integer(op, "padding", padding, -(2**40)),) * (2 * axes)
    if len(padding) != 2 * axes:
        rule = f"padding must be one number or {2 * axes}, two for each axis"
        raise fail(ShapeError, op, rule, describe(padding, "padding"))
    return tuple(_check.integer(op, "padding", n, -(2**40)) for n in padding)
