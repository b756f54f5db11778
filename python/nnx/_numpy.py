"""NumPy's functions on tensors, where nnx has none of that name: NumPy computes them, on arrays.

What always holds: while gradients are recorded, an answer that should carry one is refused with a
GradientError, never given without it. Answers that hold no floating numbers (shapes, counts,
indices, texts) carry none. Loaded when NumPy first calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnx
from nnx._errors import describe, fail
from nnx._nnx import GradientError, Tensor

# What the methods of a ufunc are called in nnx.
_REDUCED = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ACCUMULATED = {"add": "cumsum", "multiply": "cumprod"}

# Steps of their arguments: the derivative is 0, so nothing is lost.
_FLAT = {"histogram", "histogram2d", "histogram_bin_edges", "histogramdd"}


def function(
    theirs: Callable[..., Any], args: Any, keywords: dict[str, Any], name: str = ""
) -> Any:
    """NumPy's function of arrays in place of the tensors; refused where a gradient would be lost.

    Raises: GradientError where a tensor among the arguments records a gradient and the answer
    holds floating numbers, or goes into an array (`out=`).

    Example:
        >>> from nnx._numpy import function
        >>> float(function(np.cbrt, (nnx.tensor(8.0),), {}))
        2.0
    """
    if theirs is np.select:  # nnx.select is PyTorch's, one index along an axis
        from nnx.numeric.series import select

        return select(*args, **keywords)
    if theirs is np.broadcast_arrays:  # of tensors and of objects that only NumPy takes
        return _broadcast(args)
    recorded = _recorded((args, keywords))
    if recorded is not None and keywords.get("out") is not None:
        raise _lost(name or _name(theirs), recorded, "an array cannot carry the gradient of")
    found = theirs(*_arrays(args), **_arrays(keywords))
    if recorded is not None and theirs.__name__ not in _FLAT and _floating(found):
        raise _lost(
            name or _name(theirs), recorded, "nnx has no such function to carry the gradient of"
        )
    return found


def ufunc(theirs: np.ufunc, method: str, args: Any, keywords: dict[str, Any]) -> Any:
    """A ufunc that nnx has not, or a method of one: np.add.reduce(x) is nnx.sum(x, axis=0).

    Raises: as `function`.

    Example:
        >>> from nnx._numpy import ufunc
        >>> ufunc(np.add, "reduce", (nnx.ones((2, 3)),), {}).tolist()
        [2.0, 2.0, 2.0]
    """
    given = {name: value for name, value in keywords.items() if value is not None}
    if method == "reduce" and set(given) <= {"axis", "keepdims"} and len(args) == 1:
        ours = _REDUCED.get(theirs.__name__)
        if ours:
            axis = keywords.get("axis", 0)  # None is all axes, and no axis is the first
            return getattr(nnx, ours)(args[0], axis=axis, keepdims=given.get("keepdims", False))
    if method == "accumulate" and set(given) <= {"axis"} and len(args) == 1:
        ours = _ACCUMULATED.get(theirs.__name__)
        if ours:
            return getattr(nnx, ours)(args[0], axis=given.get("axis", 0))
    if method == "outer" and not given and len(args) == 2:
        one_by_one = getattr(nnx, theirs.__name__, None)
        if one_by_one:
            a, b = map(nnx.asarray, args)
            return one_by_one(a.reshape(tuple(a.shape) + (1,) * b.ndim), b)
    called = theirs if method == "__call__" else getattr(theirs, method)
    name = f"np.{theirs.__name__}" + ("" if method == "__call__" else f".{method}")
    return function(called, args, keywords, name)


def _broadcast(args: Any) -> tuple[Any, ...]:
    """Everything in the common shape: tensors as tensors, any other object as NumPy has it."""
    shape = np.broadcast_shapes(*(np.shape(part) for part in args))
    return tuple(
        nnx.broadcast_to(part, shape)
        if isinstance(part, Tensor)
        else np.broadcast_to(np.asarray(part), shape)
        for part in args
    )


def _recorded(value: Any, depth: int = 0) -> Tensor | None:
    """The first tensor among the arguments whose gradient is being recorded."""
    if isinstance(value, Tensor):
        return value if value.requires_grad and nnx.is_grad_enabled() else None
    parts = value.values() if isinstance(value, dict) else value
    if depth > 8 or not isinstance(value, dict | list | tuple):
        return None
    found = (_recorded(part, depth + 1) for part in parts)
    return next((tensor for tensor in found if tensor is not None), None)


def _arrays(value: Any, depth: int = 0) -> Any:
    """The arguments with an array in place of every tensor."""
    if isinstance(value, Tensor):
        return np.asarray(value)
    if depth > 8:
        return value
    if type(value) is dict:
        return {name: _arrays(part, depth + 1) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_arrays(part, depth + 1) for part in value)
    return value


def _floating(found: Any) -> bool:
    """Whether an answer holds numbers that have a derivative."""
    if isinstance(found, np.ndarray | np.generic):
        return found.dtype.kind in "fcO"
    if isinstance(found, dict):
        return any(_floating(part) for part in found.values())
    if isinstance(found, list | tuple):
        return any(_floating(part) for part in found)
    return isinstance(found, float | complex)


def _name(theirs: Callable[..., Any]) -> str:
    place = getattr(theirs, "__module__", None) or "numpy"
    return f"{place.replace('numpy', 'np', 1)}.{getattr(theirs, '__name__', 'function')}"


def _lost(name: str, tensor: Tensor, rule: str) -> Exception:
    short = name.removeprefix("np.")
    place, _, own = short.rpartition(".")
    there = place in ("", "linalg", "fft") and hasattr(getattr(nnx, place) if place else nnx, own)
    hint = f"call it with .detach() where no gradient is wanted: {name}(x.detach())"
    if there and "array" not in rule:
        rule = "nnx has this function without these options, and NumPy's loses the gradient of"
        hint = f"leave out options that nnx.{short} does not have, or {hint}"
    return fail(GradientError, name, f"{rule} this tensor", describe(tensor), hint)
