"""Sequences of numbers: convolution, pieces put together and taken apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, IndexError, ShapeError, Tensor
from nnx.linalg.arguments import TensorLike, tensor

__all__ = [
    "append",
    "around",
    "block",
    "compress",
    "convolve",
    "correlate",
    "delete",
    "diagflat",
    "dsplit",
    "ediff1d",
    "extract",
    "hsplit",
    "insert",
    "piecewise",
    "resize",
    "rollaxis",
    "vsplit",
]


def convolve(a: TensorLike, v: TensorLike, mode: str = "full") -> Tensor:
    """The convolution of two sequences, sum_j a_j v_(i-j).

    Args: mode: "full" (n + m - 1 values), "same" (as many as the longer one) or "valid" (where
        they overlap in full).

    Shapes: (n,), (m,) -> as mode says. Raises: ShapeError for other or empty ones, ArgumentError.

    Example:
        >>> nnx.convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]).tolist()
        [0.0, 1.0, 2.5, 4.0, 1.5]
    """
    x, kernel = _pair("convolve", a, v)
    if len(kernel) > len(x):
        x, kernel = kernel, x
    return _slide("convolve", x, kernel.flip(0), mode)


def correlate(a: TensorLike, v: TensorLike, mode: str = "valid") -> Tensor:
    """The correlation of two sequences, sum_j a_(j+i) v_j.

    Args: mode: as `convolve`.
    Shapes: (n,), (m,) -> as mode says. Raises: as `convolve`.

    Example:
        >>> nnx.correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]).tolist()
        [3.5]
    """
    x, kernel = _pair("correlate", a, v)
    if len(kernel) > len(x):
        return _slide("correlate", kernel, x, mode).flip(0)
    return _slide("correlate", x, kernel, mode)


def _pair(op: str, a: TensorLike, v: TensorLike) -> tuple[Tensor, Tensor]:
    x, y = tensor(a), tensor(v)
    if x.ndim != 1 or y.ndim != 1 or not len(x) or not len(y):
        rule = "takes two sequences of one axis that are not empty"
        raise fail(ShapeError, op, rule, f"{describe(x, 'a')}, {describe(y, 'v')}")
    dtype = ops.result_type(x, y)
    return x.to(dtype), y.to(dtype)


def _slide(op: str, x: Tensor, kernel: Tensor, mode: str) -> Tensor:
    """The products of the kernel, the shorter one, with the windows it slides over."""
    m = len(kernel)
    mode = _check.choice(op, "mode", mode, ("full", "same", "valid"))
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    after = {"full": m - 1, "same": (m - 1) // 2, "valid": 0}[mode]
    if x.is_floating_point():
        return ops.conv(x[None, None], kernel[None, None], None, 1, (before, after))[0, 0]
    return ops.matmul(ops.pad(x, ((before, after),)).unfold(0, m, 1), kernel)


def ediff1d(ary: TensorLike, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """The differences of neighbours in the flattened tensor, with more in front or behind.

    Example:
        >>> nnx.ediff1d([1, 2, 4], to_begin=0).tolist()
        [0, 1, 2]
    """
    v = ops.ravel(tensor(ary))
    parts = [ops.ravel(tensor(to_begin, v)).to(v.dtype)] if to_begin is not None else []
    parts.append(v[1:] - v[:-1])
    if to_end is not None:
        parts.append(ops.ravel(tensor(to_end, v)).to(v.dtype))
    return ops.concatenate(parts)


def append(arr: TensorLike, values: TensorLike, axis: int | None = None) -> Tensor:
    """Values behind arr, along an axis or both flattened.

    Raises: ShapeError where they do not fit. Lists grow faster: append to a list, then
        nnx.stack it.

    Example:
        >>> nnx.append([1, 2], [[3], [4]]).tolist()
        [1, 2, 3, 4]
    """
    x = tensor(arr, values if isinstance(values, Tensor) else None)
    parts = [x, tensor(values, x)]
    if axis is None:
        return ops.concatenate([ops.ravel(part) for part in parts])
    return ops.concatenate(parts, axis)


def block(arrays: Any) -> Tensor:
    """Tensors joined as they stand in nested lists: the innermost along the last axis, and so on.

    Raises: ShapeError where they do not fit or lists are nested unevenly.

    Example:
        >>> nnx.block([[nnx.ones((1, 1)), nnx.zeros((1, 1))], [nnx.full((1, 2), 5.0)]]).tolist()
        [[1.0, 0.0], [5.0, 5.0]]
    """
    depth = _depth(arrays)
    rank = max([depth, *(tensor(part).ndim for part in _leaves(arrays))])

    def joined(value: Any, level: int) -> Tensor:
        if not isinstance(value, list):
            part = tensor(value)
            return part.reshape((1,) * (rank - part.ndim) + tuple(part.shape))
        return ops.concatenate([joined(part, level + 1) for part in value], level - depth)

    return joined(arrays, 0)


def _leaves(value: Any) -> list[Any]:
    return [leaf for v in value for leaf in _leaves(v)] if isinstance(value, list) else [value]


def _depth(value: Any) -> int:
    if not isinstance(value, list):
        return 0
    depths = {_depth(part) for part in value}
    if len(depths) != 1:
        rule = "lists must not be empty, and be nested equally deep everywhere"
        raise fail(ShapeError, "block", rule, describe(value))
    return depths.pop() + 1


def compress(condition: TensorLike, a: TensorLike, axis: int | None = None) -> Tensor:
    """The slices of a along an axis, or its elements, where the condition holds.

    Shapes: condition (n,). Raises: ShapeError for another, IndexError where it is longer than a.

    Example:
        >>> nnx.compress([True, False, True], [1, 2, 3]).tolist()
        [1, 3]
    """
    chosen, x = tensor(condition), tensor(a)
    if chosen.ndim != 1:
        raise fail(ShapeError, "compress", "condition has one axis", describe(chosen, "condition"))
    if axis is None:
        x, axis = ops.ravel(x), 0
    return ops.take(x, ops.nonzero(chosen)[0], axis)


def extract(condition: TensorLike, arr: TensorLike) -> Tensor:
    """The elements of arr where the condition holds, one after the other.

    Example:
        >>> nnx.extract([[True, False]], [[1, 2]]).tolist()
        [1]
    """
    return compress(ops.ravel(tensor(condition)), arr)


def _positions(op: str, obj: Any, n: int) -> list[int]:
    """The positions that an index, a slice, a mask or several indices name."""
    if isinstance(obj, slice):
        return list(range(*obj.indices(n)))
    index = tensor(obj)
    if index.dtype == ops.bool:
        return [int(i) for i in ops.nonzero(ops.ravel(index))[0].tolist()]
    found = [_check.integer(op, "obj", i, -n) for i in ops.ravel(index).tolist()]
    for i in found:
        if i > n or (op == "delete" and i == n):
            rule = f"positions must lie in [{-n}, {n})"
            raise fail(IndexError, op, rule, describe(i, "obj"))
    return [i + n if i < 0 else i for i in found]


def delete(arr: TensorLike, obj: Any, axis: int | None = None) -> Tensor:
    """Without the positions obj along an axis, or of the flattened tensor.

    Args: obj: an int, several, a slice or a mask.
    Raises: IndexError for a position that is not there, AxisError.

    Example:
        >>> nnx.delete([1, 2, 3, 4], [0, 2]).tolist()
        [2, 4]
    """
    x = tensor(arr)
    if axis is None:
        x, axis = ops.ravel(x), 0
    gone = set(_positions("delete", obj, x.size(axis)))
    kept = [i for i in range(x.size(axis)) if i not in gone]
    return ops.take(x, ops.asarray(kept, dtype=ops.int64), axis)


def insert(arr: TensorLike, obj: Any, values: TensorLike, axis: int | None = None) -> Tensor:
    """With values in front of the positions obj along an axis, or of the flattened tensor.

    Args:
        obj: an int, several, a slice or a mask; positions of arr as it is.
        values: broadcast to what is put in.
    Raises: IndexError for a position that is not there, AxisError, ShapeError.

    Example:
        >>> nnx.insert([1, 2, 3], 1, 9).tolist()
        [1, 9, 2, 3]
    """
    x = tensor(arr)
    if axis is None:
        x, axis = ops.ravel(x), 0
    n = x.size(axis)
    x = ops.moveaxis(x, axis, 0)
    at = _positions("insert", obj, n)
    new = tensor(values, x).to(x.dtype)
    if len(at) == 1 and not isinstance(obj, slice):  # it takes as many values as there are
        new = new.reshape((1,) * (x.ndim - new.ndim) + tuple(new.shape))
        if tensor(obj).ndim:  # in a list; of a plain number the first axis of values is put in
            new = ops.moveaxis(new, axis, 0)
        at = at * new.shape[0]
        new = ops.broadcast_to(new, (len(at), *x.shape[1:]))
    else:
        full = list(ops.moveaxis(x, 0, axis).shape)
        full[axis] = len(at)
        new = ops.moveaxis(ops.broadcast_to(new, full), axis, 0)
    order = sorted(range(n + len(at)), key=lambda i: (i, 1) if i < n else (at[i - n], 0))
    joined = ops.take(ops.concatenate([x, new], 0), ops.asarray(order, dtype=ops.int64), 0)
    return ops.moveaxis(joined, 0, axis)


def resize(a: TensorLike, new_shape: Any) -> Tensor:
    """Another shape, filled with the elements over and over.

    Example:
        >>> nnx.resize([1, 2, 3], (2, 2)).tolist()
        [[1, 2], [3, 1]]
    """
    x = ops.ravel(tensor(a))
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    count = math.prod(_check.integer("resize", "new_shape", length) for length in shape)
    if not len(x):
        return ops.zeros(shape, dtype=x.dtype, device=x.device)
    return ops.take(x, ops.arange(count) % len(x), 0).reshape(shape)


def rollaxis(a: TensorLike, axis: int, start: int = 0) -> Tensor:
    """The axis in front of that at start. nnx.moveaxis is easier to read.

    Raises: AxisError.

    Example:
        >>> nnx.rollaxis(nnx.zeros((2, 3, 4)), 2).shape
        (4, 2, 3)
    """
    x = tensor(a)
    axis = _check.integer("rollaxis", "axis", axis, -x.ndim)
    axis = axis + x.ndim if axis < 0 else axis
    start = start + x.ndim if start < 0 else start
    return ops.moveaxis(x, axis, start - 1 if axis < start else start)


def around(a: TensorLike, decimals: int = 0) -> Tensor:
    """nnx.round.

    Example:
        >>> nnx.around([1.25, 2.5], 1).tolist() == nnx.round([1.25, 2.5], 1).tolist()
        True
    """
    return ops.round(tensor(a), decimals)


def diagflat(v: TensorLike, k: int = 0) -> Tensor:
    """A matrix with the flattened v on its k-th diagonal, and 0 elsewhere.

    Example:
        >>> nnx.diagflat([[1, 2]]).tolist()
        [[1, 0], [0, 2]]
    """
    flat = ops.ravel(tensor(v))
    return ops.diag(flat, k).to(flat.dtype)


def _split(op: str, ary: TensorLike, sections: Any, axis: int, least: int) -> list[Tensor]:
    x = tensor(ary)
    if x.ndim < least:
        raise fail(ShapeError, op, f"takes tensors of at least {least} axes", describe(x))
    return list(ops.split(x, sections, axis))


def vsplit(ary: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """nnx.split along the first axis, of at least two.

    Raises: ShapeError.

    Example:
        >>> [part.tolist() for part in nnx.vsplit([[1], [2]], 2)]
        [[[1]], [[2]]]
    """
    return _split("vsplit", ary, indices_or_sections, 0, 2)


def hsplit(ary: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """nnx.split along the second axis, or the only one.

    Raises: ShapeError.

    Example:
        >>> [part.tolist() for part in nnx.hsplit([[1, 2]], 2)]
        [[[1]], [[2]]]
    """
    axis = 0 if tensor(ary).ndim == 1 else 1
    return _split("hsplit", ary, indices_or_sections, axis, 1)


def dsplit(ary: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """nnx.split along the third axis.

    Raises: ShapeError.

    Example:
        >>> [part.shape for part in nnx.dsplit(nnx.zeros((1, 1, 4)), 2)]
        [(1, 1, 2), (1, 1, 2)]
    """
    return _split("dsplit", ary, indices_or_sections, 2, 3)


def piecewise(
    x: TensorLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any
) -> Tensor:
    """Where a condition holds, its function of x (or its number); the last condition that holds
    counts.

    Args:
        condlist: conditions, tensors of booleans in the shape of x.
        funclist: functions or numbers, one for each; one more is for where none holds, else 0.
        args, kw: passed on to the functions.

    Functions are called with the whole of x.
    Raises: ArgumentError where the two lists do not fit.

    Example:
        >>> x = nnx.tensor([-2.0, 3.0])
        >>> nnx.piecewise(x, [x < 0, x >= 0], [lambda v: -v, 0.5]).tolist()
        [2.0, 0.5]
    """
    v = tensor(x)
    if not isinstance(funclist, Sequence):
        rule = "funclist is a list of functions and numbers"
        raise fail(ArgumentError, "piecewise", rule, describe(funclist, "funclist"))
    alone = isinstance(condlist, Tensor) and condlist.ndim == v.ndim
    alone = alone or not isinstance(condlist, Sequence | Tensor)
    conditions = [condlist] if alone else list(condlist)
    choices = list(funclist)
    if len(choices) not in (len(conditions), len(conditions) + 1):
        rule = f"{len(conditions)} conditions take as many functions, or one more"
        raise fail(ArgumentError, "piecewise", rule, f"{len(choices)} functions")

    def value(choice: Callable[..., Any] | Any) -> Tensor:
        found = choice(v, *args, **kw) if callable(choice) else choice
        return tensor(found).to(v.dtype)

    y = value(choices[-1]) if len(choices) > len(conditions) else ops.zeros_like(v)
    for condition, choice in zip(conditions, choices, strict=False):
        y = ops.where(tensor(condition), value(choice), y)
    return ops.broadcast_to(y, v.shape)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """Where the first condition that holds stands, its choice; default where none does.

    This is what np.select of tensors calls (nnx.select takes one index along an axis).

    Raises: ArgumentError where the two lists do not fit.

    Example:
        >>> x = nnx.tensor([1.0, 2.0, 3.0])
        >>> np.select([x > 2, x > 1], [x * 10, x * 100], 0.5).tolist()
        [0.5, 200.0, 30.0]
    """
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices) or not choices:
        rule = "takes as many choices as conditions, and at least one"
        received = f"{len(conditions)} conditions, {len(choices)} choices"
        raise fail(ArgumentError, "select", rule, received)
    y = tensor(default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        y = ops.where(tensor(condition), tensor(choice), y)
    return y
