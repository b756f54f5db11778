"""vmap: a function of one entry, computed for all entries along an axis at once.

The entries are lanes of the tensors that the function sees (ops/lanes.hpp says how ops compute
them); here stand the arguments: which axis of what is mapped, and where it goes in the results.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _nnx
from nnx._check import choice, integer
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx._trees import leaves, rebuilt, tree_map

# Numbers of the vmaps of this process: an inner one is higher than those around it.
levels = itertools.count(1)


def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    randomness: str = "different",
    chunk_size: int | None = None,
    in_dims: Any = None,
    out_dims: Any = None,
) -> Callable[..., Any]:
    """The function that computes f for every entry along an axis, all at once.

    f is written for one entry (one sample, one starting point, one direction) and sees shapes
    without the axis. in_axes says which axis of every argument that is; None is for an argument
    that all share; a tuple has an entry per argument, a nested argument may have a nested entry.
    out_axes says where the axis stands in the results. Random numbers are drawn for every lane
    (randomness 'different') or once for all ('same'). chunk_size limits how many entries are
    computed at a time. in_dims and out_dims are PyTorch's names for in_axes and out_axes.

    What cannot be the same for all lanes is refused: `if x > 0` (write nnx.where), x.item(), a bool
    mask as an index.

    Raises: VmapError for what cannot be done in lanes; ShapeError if mapped axes differ in length
    or an argument has no such axis.

    Example:
        >>> def energy(k, x):
        ...     return 0.5 * k * (x @ x)
        >>> x = nnx.tensor([[1.0, 0.0], [1.0, 2.0]])
        >>> nnx.vmap(energy, in_axes=(None, 0))(2.0, x)
        tensor([1., 5.])
        >>> nnx.vmap(nnx.grad(energy, 1), (None, 0))(2.0, x)
        tensor([[2., 0.],
                [2., 4.]])
    """
    check_function("vmap", f)
    in_axes = in_axes if in_dims is None else in_dims
    out_axes = out_axes if out_dims is None else out_dims
    choice("vmap", "randomness", randomness, ("different", "same"))
    if chunk_size is not None:
        chunk_size = integer("vmap", "chunk_size", chunk_size, 1)

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = _axes_of(in_axes, args)
        found = [*leaves(args), *leaves(kwargs)]
        axes += [0] * (len(found) - len(axes))  # keywords are mapped along axis 0, as in JAX
        values, size = _mapped_values(found, axes)
        if chunk_size is None or chunk_size >= size:
            return _run_lanes(f, args, kwargs, values, axes, size, out_axes, randomness)
        pieces = []
        for start in range(0, size, chunk_size):
            n = min(chunk_size, size - start)
            part = [
                x if a is None else _nnx.take(x, _nnx.arange(start, start + n), a)
                for x, a in zip(values, axes, strict=True)
            ]
            pieces.append(_run_lanes(f, args, kwargs, part, axes, n, out_axes, randomness))
        places = _axes_of_results(out_axes, pieces[0])
        columns = zip(*map(leaves, pieces), strict=True)
        joined = [_nnx.concatenate(c, a) for c, a in zip(columns, places, strict=True)]
        return rebuilt(pieces[0], iter(joined))

    return mapped


def _run_lanes(
    f: Callable[..., Any],
    args: Any,
    kwargs: Any,
    values: Sequence[Any],
    axes: Sequence[int | None],
    size: int,
    out_axes: Any,
    randomness: str,
) -> Any:
    level = next(levels)
    lanes = iter(
        [x if a is None else _nnx._lanes_in(x, a, level) for x, a in zip(values, axes, strict=True)]
    )
    _nnx._enter_lanes(level, size, randomness == "different")
    try:
        result = f(*rebuilt(args, lanes), **rebuilt(kwargs, lanes))
    finally:
        _nnx._leave_lanes()
    places = iter(_axes_of_results(out_axes, result))

    def out(y: Any) -> Tensor:
        if not isinstance(y, Tensor) and not isinstance(y, bool | int | float):
            raise fail(
                DTypeError,
                "vmap",
                "the function must return tensors, or lists, tuples and dictionaries of them",
                describe(y),
            )
        y = y if isinstance(y, Tensor) else _nnx.asarray(y)
        place = next(places)
        if not -y.ndim - 1 <= place <= y.ndim:
            raise fail(
                ShapeError,
                "vmap",
                "out_axes must name a place in the result",
                f"out_axes {place} for {describe(y)}",
            )
        return _nnx._lanes_out(y, place, level, size)

    return tree_map(out, result)


def _axes_of(axes: Any, args: tuple[Any, ...]) -> list[int | None]:
    """The axis of every leaf of args."""
    if isinstance(axes, list):
        axes = tuple(axes)
    if isinstance(axes, tuple) and len(axes) != len(args):
        raise fail(
            ArgumentError,
            "vmap",
            "in_axes must have one entry per argument",
            f"{len(axes)} entries for {len(args)} arguments",
        )
    found: list[int | None] = []
    _match(axes, args, found, "in_axes")
    return found


def _axes_of_results(axes: Any, result: Any) -> list[int]:
    found: list[int | None] = []
    _match(axes, result, found, "out_axes")
    if any(a is None for a in found):
        raise fail(ArgumentError, "vmap", "out_axes must be ints", describe(axes, "out_axes"))
    return [a for a in found if a is not None]


def _match(axes: Any, tree: Any, found: list[int | None], name: str) -> None:
    """An axis for every leaf of tree: one for all of a container, or a container like it."""
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        found.extend([axes] * len(leaves(tree)))
        return
    parts = list(tree.values()) if isinstance(tree, dict) else tree
    same = isinstance(axes, dict) == isinstance(tree, dict)
    entries = [axes[k] for k in tree] if isinstance(axes, dict) and same else axes
    if (
        not same
        or not isinstance(axes, list | tuple | dict)
        or not isinstance(tree, list | tuple | dict)
        or len(entries) != len(parts)
    ):
        raise fail(
            ArgumentError,
            "vmap",
            f"{name} must be an int, None, or nested as what it describes",
            describe(axes, name),
        )
    for entry, part in zip(entries, parts, strict=True):
        _match(entry, part, found, name)


def _mapped_values(found: Sequence[Any], axes: Sequence[int | None]) -> tuple[list[Any], int]:
    """The leaves, those that are mapped as tensors, and the length they share."""
    values: list[Any] = []
    sizes: dict[int, str] = {}
    for x, a in zip(found, axes, strict=True):
        if a is None:
            values.append(x)
            continue
        if not isinstance(x, Tensor) and not hasattr(x, "__array__"):
            raise fail(
                DTypeError,
                "vmap",
                "mapped arguments must be tensors or arrays",
                f"{describe(x)} with axis {a}",
                "in_axes=None, or an entry None, is for arguments that all lanes share",
            )
        t = _nnx.asarray(x)
        if not -t.ndim <= a < t.ndim:
            raise fail(
                ShapeError,
                "vmap",
                "in_axes must name an axis of the argument",
                f"axis {a} of {describe(t)}",
                "an argument that all lanes share has the entry None",
            )
        values.append(t)
        sizes.setdefault(t.shape[a], f"{t.shape[a]} on axis {a} of {describe(t)}")
    if not sizes:
        raise fail(ArgumentError, "vmap", "at least one argument must be mapped", "in_axes None")
    if len(sizes) > 1:
        raise fail(
            ShapeError,
            "vmap",
            "the mapped axes must have the same length",
            ", ".join(sizes.values()),
            "in_axes says which axis of each argument is mapped, None for one that is shared",
        )
    return values, next(iter(sizes))


def check_function(op: str, f: Any) -> None:
    """Refuses what cannot be called, by the name of the transform.

    Example:
        >>> from nnx.lanes import check_function
        >>> check_function("vmap", abs)
    """
    if not callable(f):
        raise fail(
            DTypeError, op, "the first argument must be a function", describe(f), f"nnx.{op}(f)(x)"
        )
