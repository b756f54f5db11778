"""Errors of the Python layer that the compiled module has no use for, and how they are worded.

The others (`ShapeError`, `DTypeError`, ...) come from `nnx._nnx`. Every message has one form:
the function, the rule, what was received, what to do.
"""

from __future__ import annotations

from typing import Any

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
