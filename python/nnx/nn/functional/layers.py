"""Layers as functions: linear, bilinear, embedding."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, IndexError, ShapeError, Tensor, no_grad
from nnx.nn.functional.arguments import like_weights, tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = input @ weight.T + bias.

    Shapes: input (..., in), weight (out, in), bias (out,) -> (..., out). Dtypes: floating.
    Raises: ShapeError, DTypeError where they do not fit.

    Example:
        >>> nn.functional.linear(nnx.ones((5, 3)), nnx.ones((2, 3))).shape
        (5, 2)
    """
    return ops.dense(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = sum_ij input1_i weight_oij input2_j + bias_o.

    Shapes: input1 (..., in1), input2 (..., in2), weight (out, in1, in2), bias (out,) ->
        (..., out). Dtypes: floating, all the same.
    Raises: ShapeError, DTypeError where they do not fit.

    Example:
        >>> y = nn.functional.bilinear(nnx.ones((5, 3)), nnx.ones((5, 4)), nnx.ones((2, 3, 4)))
        >>> y.shape, float(y[0, 0])
        ((5, 2), 12.0)
    """
    op = "bilinear"
    a = like_weights(op, input1, weight, "input1")
    b = like_weights(op, input2, weight, "input2")
    received = f"{describe(a, 'input1')}, {describe(b, 'input2')}, {describe(weight, 'weight')}"
    if weight.ndim != 3:
        raise fail(ShapeError, op, "weight must have the axes (out, in1, in2)", received)
    out, in1, in2 = weight.shape
    if a.shape[-1:] != (in1,) or b.shape[-1:] != (in2,):
        rule = f"the last axes of the inputs must be {in1} and {in2}"
        raise fail(ShapeError, op, rule, received)
    if a.shape[:-1] != b.shape[:-1]:
        rule = "the inputs must agree in all axes but the last"
        raise fail(ShapeError, op, rule, received)
    products = (a.unsqueeze(-1) * b.unsqueeze(-2)).flatten(-2)
    return ops.dense(products, weight.reshape((out, in1 * in2)), bias)


def embedding(
    input: Any,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Tensor:
    """The rows of weight that the indices name.

    Args:
        padding_idx: an index whose row gets no gradient.
        max_norm: rows in use that are longer are first shortened to it, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it is used.

    Shapes: input any, of integers; weight (rows, width) -> (*input, width).
    Raises: IndexError for an index outside [0, rows), DTypeError for indices that are no integers.

    Example:
        >>> nn.functional.embedding(nnx.tensor([2, 0]), nnx.tensor([[0.0], [1.0], [2.0]])).tolist()
        [[2.0], [0.0]]
    """
    op = "embedding"
    index = tensor(op, "input", input)
    if weight.ndim != 2:
        raise fail(ShapeError, op, "weight must have the axes (rows, width)", describe(weight))
    if "int" not in str(index.dtype):
        rule = "the input must be indices of integer dtype"
        raise fail(DTypeError, op, rule, describe(index, "input"), "convert them: input.long()")
    rows = weight.shape[0]
    index = ops._embedding_rows(index, weight)
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    y = ops.take(weight, index, 0)
    if not y.requires_grad:
        return y
    if scale_grad_by_freq:
        uses = ops.bincount(index.reshape((-1,)).to(ops.int64), minlength=rows)
        share = (1 / ops.take(uses, index, 0)).to(y.dtype).unsqueeze(-1)
        y = y.detach() + (y - y.detach()) * share  # the value as it was, the gradient scaled
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            rule = f"padding_idx must lie in [0, {rows})"
            raise fail(IndexError, op, rule, describe(padding_idx, "padding_idx"))
        is_padding = (index == padding_idx % rows).unsqueeze(-1)
        y = ops.where(is_padding, y.detach(), y)
    return y


def _shorten(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Rows in use whose norm is above max_norm get that norm."""
    most = _check.real("embedding", "max_norm", max_norm, 0)
    with no_grad():
        used = ops.unique_values(index)
        rows = ops.take(weight, used, 0)
        length = ops.norm(rows, norm_type, 1, keepdims=True)
        weight[used] = ops.where(length > most, rows * (most / (length + 1e-7)), rows)
