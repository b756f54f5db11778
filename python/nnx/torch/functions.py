"""Functions of shapes, products and distances whose answer in PyTorch is another than nnx's, or
that nnx has not."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import nnx
from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor

_F = TypeVar("_F", bound=Callable[..., Any])

__all__ = [
    "aminmax",
    "block_diag",
    "cartesian_prod",
    "cdist",
    "chain_matmul",
    "combinations",
    "cross",
    "diag_embed",
    "dist",
    "float_power",
    "ger",
    "hsplit",
    "is_nonzero",
    "isin",
    "meshgrid",
    "msort",
    "repeat_interleave",
    "row_stack",
    "scalar_tensor",
    "svd",
    "take_along_dim",
    "tensor_split",
    "tril_indices",
    "triu_indices",
    "vdot",
    "vsplit",
]


def need_tensor(op: str, value: Any, name: str = "input") -> Tensor:
    """The tensor, or a DTypeError: PyTorch's functions take no lists or numbers in its place.

    Example:
        >>> from nnx.torch.functions import need_tensor
        >>> need_tensor("sum", nnx.ones(1)).item()
        1.0
    """
    if not isinstance(value, Tensor):
        rule = f"{name} must be a tensor"
        hint = "torch.tensor(...) makes one of a number, a list or an array"
        raise fail(DTypeError, f"torch.{op}", rule, describe(value, name), hint)
    return value


def of_tensors(f: _F) -> _F:
    """The function, with its arguments that are annotated as tensors checked."""
    names = f.__code__.co_varnames
    wanted = [(i, n) for i, n in enumerate(names) if f.__annotations__.get(n) == "Tensor"]

    @functools.wraps(f)
    def checked(*args: Any, **keywords: Any) -> Any:
        for i, name in wanted:
            if i < len(args) or name in keywords:
                need_tensor(f.__name__, args[i] if i < len(args) else keywords[name], name)
        return f(*args, **keywords)

    return cast(_F, checked)


# --- shapes and order -----------------------------------------------------------------------------


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid: the i-th tensor varies along axis i (nnx.meshgrid swaps the first
    two).

    Args: tensors: one-dimensional, or a list of them.

    Example:
        >>> import nnx.torch as torch
        >>> [t.tolist() for t in torch.meshgrid(torch.arange(2), torch.arange(2))]
        [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return tuple(nnx.meshgrid(*given, indexing=indexing))


def tril_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """The rows and columns of the lower triangle, as a matrix of two rows.

    Example:
        >>> import nnx.torch as torch
        >>> torch.tril_indices(2, 2).tolist()
        [[0, 1, 1], [0, 0, 1]]
    """
    return nnx.stack(nnx.tril_indices(row, offset, col)).to(device or "cpu")


def triu_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """The rows and columns of the upper triangle, as a matrix of two rows.

    Example:
        >>> import nnx.torch as torch
        >>> torch.triu_indices(2, 2).tolist()
        [[0, 0, 1], [0, 1, 1]]
    """
    return nnx.stack(nnx.triu_indices(row, offset, col)).to(device or "cpu")


@of_tensors
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of nearly equal length, or cut where the indices say.

    Example:
        >>> import nnx.torch as torch
        >>> [len(part) for part in torch.tensor_split(torch.arange(7), 3)]
        [3, 2, 2]
    """
    return tuple(nnx.array_split(input, indices_or_sections, dim))


@of_tensors
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the second axis, or the only one.

    Example:
        >>> import nnx.torch as torch
        >>> [part.shape for part in torch.hsplit(torch.zeros(2, 4), 2)]
        [(2, 2), (2, 2)]
    """
    return tensor_split(input, indices_or_sections, 0 if input.ndim == 1 else 1)


@of_tensors
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the first axis.

    Example:
        >>> import nnx.torch as torch
        >>> [part.shape for part in torch.vsplit(torch.zeros(2, 4), 2)]
        [(1, 4), (1, 4)]
    """
    return tensor_split(input, indices_or_sections, 0)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """nnx.vstack.

    Example:
        >>> import nnx.torch as torch
        >>> torch.row_stack([torch.zeros(3), torch.ones(3)]).shape
        (2, 3)
    """
    return nnx.vstack(tensors)


@of_tensors
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements that indices name along dim, or in the flattened tensor.

    Example:
        >>> import nnx.torch as torch
        >>> x = torch.tensor([[3, 1, 2]])
        >>> torch.take_along_dim(x, torch.argsort(x, dim=1), dim=1).tolist()
        [[1, 2, 3]]
    """
    if dim is None:
        return nnx.take_along_axis(input.reshape((-1,)), indices.reshape((-1,)), 0)
    return nnx.take_along_axis(input, indices, dim)


@of_tensors
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last axis of input on a diagonal, and 0 elsewhere.

    Example:
        >>> import nnx.torch as torch
        >>> torch.diag_embed(torch.tensor([[1.0, 2.0]])).tolist()
        [[[1.0, 0.0], [0.0, 2.0]]]
    """
    offset = _check.integer("diag_embed", "offset", offset, -(2**31))
    if input.ndim == 0:
        raise fail(ShapeError, "diag_embed", "takes at least one axis", describe(input))
    width = input.shape[-1] + abs(offset)
    rows = nnx.arange(width, device=input.device)
    on = (rows.unsqueeze(0) - rows.unsqueeze(1)) == offset  # column - row
    above = ((max(offset, 0), max(-offset, 0)),)
    spread = nnx.pad(input, ((0, 0),) * (input.ndim - 1) + above)
    found = nnx.where(
        on, spread.unsqueeze(-2), nnx.zeros((), dtype=input.dtype, device=input.device)
    )
    return nnx.moveaxis(found, (-2, -1), (dim1, dim2))


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given ones along its diagonal, and 0 elsewhere.

    Example:
        >>> import nnx.torch as torch
        >>> torch.block_diag(torch.ones(1, 1), torch.ones(1, 2)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    blocks = [nnx.atleast_2d(need_tensor("block_diag", t)) for t in tensors] or [nnx.zeros((1, 0))]
    width = sum(b.shape[1] for b in blocks)
    left, rows = 0, []
    for block in blocks:
        rows.append(nnx.pad(block, ((0, 0), (left, width - left - block.shape[1]))))
        left += block.shape[1]
    return nnx.concatenate(rows, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every combination of one element of each: one a row.

    Example:
        >>> import nnx.torch as torch
        >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([5, 6])).tolist()
        [[1, 5], [1, 6], [2, 5], [2, 6]]
    """
    if len(tensors) == 1:
        return tensors[0]
    return nnx.stack([g.reshape((-1,)) for g in meshgrid(*tensors)], 1)


@of_tensors
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements, in their order: one a row.

    Example:
        >>> import nnx.torch as torch
        >>> torch.combinations(torch.tensor([1, 2, 3])).tolist()
        [[1, 2], [1, 3], [2, 3]]
    """
    r = _check.integer("combinations", "r", r)
    if input.ndim != 1:
        raise fail(ShapeError, "combinations", "takes a tensor of one axis", describe(input))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = [list(row) for row in choose(range(len(input)), r)]
    index = nnx.asarray(rows, dtype=nnx.int64, device=input.device)
    return input[index.reshape((len(rows), r))]


@of_tensors
def msort(input: Tensor) -> Tensor:
    """Sorted along the first axis.

    Example:
        >>> import nnx.torch as torch
        >>> torch.msort(torch.tensor([3, 1, 2])).tolist()
        [1, 2, 3]
    """
    return nnx.sort(input, 0)


@of_tensors
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """The smallest and the largest element.

    Example:
        >>> import nnx.torch as torch
        >>> torch.aminmax(torch.tensor([3, 1, 2]))
        (tensor(1), tensor(3))
    """
    return nnx.amin(input, dim, keepdims=keepdim), nnx.amax(input, dim, keepdims=keepdim)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Where an element is among test_elements.

    Example:
        >>> import nnx.torch as torch
        >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([3, 1])).tolist()
        [True, False, True]
    """
    return nnx.isin(elements, test_elements, assume_unique=assume_unique, invert=invert)


@of_tensors
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element repeats times; of repeats alone, i as often as repeats[i] says.

    Example:
        >>> import nnx.torch as torch
        >>> torch.repeat_interleave(torch.tensor([1, 2])).tolist()
        [0, 1, 1]
    """
    if repeats is None:
        return nnx.arange(len(input), device=input.device).repeat_interleave(input)
    return input.repeat_interleave(repeats, dim)


# --- products and distances -----------------------------------------------------------------------


@of_tensors
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along dim; unless given, along the first axis of length 3.

    Raises: ShapeError where no axis has length 3.

    Example:
        >>> import nnx.torch as torch
        >>> torch.cross(torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), dim=0).tolist()
        [0.0, 0.0, 1.0]
    """
    if dim is None:
        lengths = list(input.shape)
        if 3 not in lengths:
            raise fail(ShapeError, "cross", "some axis must have length 3", describe(input))
        dim = lengths.index(3)
    return nnx.cross(input, other, dim)


@of_tensors
def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """nnx.outer.

    Example:
        >>> import nnx.torch as torch
        >>> torch.ger(torch.ones(2), torch.ones(3)).shape
        (2, 3)
    """
    return nnx.outer(input, vec2)


@of_tensors
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The dot product of two vectors, the first conjugated where it is complex.

    Example:
        >>> import nnx.torch as torch
        >>> torch.vdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])).item()
        11.0
    """
    return input.conj().dot(other) if input.is_complex() else input.dot(other)


def float_power(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent, in float64.

    Example:
        >>> import nnx.torch as torch
        >>> torch.float_power(torch.tensor([2, 3]), 2)
        tensor([4., 9.], dtype=float64)
    """
    return nnx.pow(*(nnx.asarray(x).to(nnx.float64) for x in (input, exponent)))


@of_tensors
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other.

    Example:
        >>> import nnx.torch as torch
        >>> torch.dist(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 6.0])).item()
        5.0
    """
    return nnx.linalg.vector_norm(input - other, p)


@of_tensors
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of every row of x1 and every row of x2.

    Computed from the differences, so that close rows have exact distances.

    Shapes: x1 (..., n, d), x2 (..., m, d) -> (..., n, m). Dtypes: floating.
    Raises: ShapeError where rows differ in length.

    Example:
        >>> import nnx.torch as torch
        >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])).tolist()
        [[5.0, 1.0]]
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        rule = "x1 and x2 are matrices of rows of one length"
        received = f"{describe(x1, 'x1')}, {describe(x2, 'x2')}"
        raise fail(ShapeError, "cdist", rule, received)
    return nnx.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


@of_tensors
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> tuple[Tensor, ...]:
    """u, s, v with input = u @ diag(s) @ v.T: v, and not its transpose as nnx.linalg.svd has it.

    Args:
        some: whether u and v have only as many columns as there are singular values.
        compute_uv: False gives zeros for u and v.

    Example:
        >>> import nnx.torch as torch
        >>> u, s, v = torch.svd(torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
        >>> s.tolist()
        [3.0, 2.0]
    """
    if input.ndim < 2:
        raise fail(ShapeError, "svd", "takes matrices: at least two axes", describe(input))
    if not compute_uv:
        m, n = input.shape[-2:]
        stack = tuple(input.shape[:-2])
        empty = [nnx.zeros((*stack, k, k), dtype=input.dtype) for k in (m, n)]
        return empty[0], nnx.linalg.svdvals(input), empty[1]
    u, s, vh = nnx.linalg.svd(input, full_matrices=not some)
    return u, s, vh.mT


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, in the order of fewest multiplications.

    Example:
        >>> import nnx.torch as torch
        >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).tolist()
        [[12.0], [12.0]]
    """
    return matrices[0] if len(matrices) == 1 else nnx.linalg.multi_dot(list(matrices))


# --- single values --------------------------------------------------------------------------------


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of one number, of the default dtype unless another is given.

    Example:
        >>> import nnx.torch as torch
        >>> torch.scalar_tensor(3)
        tensor(3.)
    """
    return nnx.tensor(s, dtype=dtype or nnx.get_default_dtype(), device=device)


@of_tensors
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0.

    Raises: ShapeError for several elements.

    Example:
        >>> import nnx.torch as torch
        >>> torch.is_nonzero(torch.tensor([0.5]))
        True
    """
    return bool(input)
