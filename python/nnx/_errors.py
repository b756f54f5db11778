"""Errors of the Python layer that the compiled module has no use for, and how they are worded.

The others (`ShapeError`, `DTypeError`, ...) come from `nnx._nnx`. Every message has one form:
the function, the rule, what was received, what to do.
"""

from __future__ import annotations

from typing import Any

from nnx import _nnx as ops
from nnx._nnx import Error, Tensor, error_text


class FileError(Error, OSError):
    """A file that cannot be read as what it should be: truncated, corrupt, of another format.

    Example:
        >>> issubclass(nnx.FileError, OSError) and issubclass(nnx.FileError, nnx.Error)
        True
    """


class MissingFileError(FileError, FileNotFoundError):
    """A file that is not there.

    Example:
        >>> issubclass(nnx.MissingFileError, FileNotFoundError)
        True
    """


class MissingPackageError(Error, ImportError):
    """An optional package that is needed for what was asked and is not installed.

    Example:
        >>> issubclass(nnx.MissingPackageError, ImportError)
        True
    """


def describe(value: Any, name: str = "") -> str:
    """How a value reads in the "Received" part of a message: `x (32, 784) float32`.

    Example:
        >>> from nnx._errors import describe
        >>> describe(nnx.zeros((2, 3)), "x")
        'x (2, 3) float32'
        >>> describe([1, 2], "x")
        'x = [1, 2]'
    """
    if isinstance(value, Tensor):
        return f"{name} {tuple(value.shape)} {str(value.dtype).rpartition('.')[2]}".strip()
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{name} {shape} {dtype}".strip()
    text = repr(value)
    if len(text) > 120:
        text = f"{text[:100]}... ({type(value).__name__})"
    return f"{name} = {text}" if name else text


def offending(value: Any, holds: Tensor, name: str = "", event: int = 0) -> str:
    """How a value reads of which some part breaks a rule: with the first part that does.

    Args: holds: where the rule holds, for each member, which has the last `event` axes of value.

    Example:
        >>> from nnx._errors import offending
        >>> x = nnx.tensor([1.0, -2.5])
        >>> offending(x, x > 0, "scale")
        'scale (2,) float32 with -2.5 at [1]'
        >>> offending(-1.0, nnx.tensor(False), "scale")
        'scale = -1.0'
    """
    v = (value if isinstance(value, Tensor) else ops.asarray(value)).detach().cpu()
    member = v.shape[v.ndim - event :]
    batch = ops.broadcast_shapes(v.shape[: v.ndim - event], holds.shape)
    place = ops.argmin(ops.broadcast_to(holds.cpu(), batch).reshape((-1,)).to(ops.int8)).item()
    found = ops.broadcast_to(v, (*batch, *member)).reshape((-1, *member))[place]
    shown = describe(_short(found.float() if v.dtype == ops.bfloat16 else found))
    if not batch:
        return f"{name} = {shown}" if name else shown
    at: list[int] = []
    for length in reversed(batch):
        place, along = divmod(place, length)
        at.insert(0, along)
    return f"{describe(v, name)} with {shown} at {at}"


def _short(t: Tensor) -> Any:
    """Lists of its numbers, none with more digits than its dtype has."""
    if t.ndim:
        return [_short(row) for row in t]
    return float(str(t.numpy()[()])) if t.is_floating_point() else t.item()


def fail(
    kind: type[Exception], op: str, rule: str, received: str = "", hint: str = ""
) -> Exception:
    """The exception to raise, with its text in the one form of all messages.

    Example:
        >>> from nnx._errors import fail
        >>> print(fail(nnx.ShapeError, "save", "a rule", "x", "do this"))
        [save] a rule.
        Received: x.
        Hint: do this.
    """
    return kind(error_text(op, rule, received, hint))
