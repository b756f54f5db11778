"""Pooling: the largest element, the mean or the p-norm of windows.

A window moves over the last one, two or three axes. An axis of length L has

    floor((L + 2 padding - dilation (kernel - 1) - 1) / stride) + 1

windows, or with ceil_mode the ceiling of that, without windows that would start behind the input.
Options that are one number stand for all axes; the stride is the kernel unless given. The adaptive
functions cut an axis into a number of parts instead: part i holds the elements from floor(i L / n)
up to ceil((i + 1) L / n).

Shapes: input (N, C, *lengths) or (C, *lengths) -> the same with other lengths. Dtypes: floating.
Raises: ShapeError where windows do not fit the input, ArgumentError for a kernel, stride or
    dilation below 1 or a padding above half the window, DTypeError for integers.

Example:
    >>> x = nnx.arange(16.0).reshape(1, 4, 4)
    >>> nn.functional.max_pool2d(x, 2).tolist(), nn.functional.avg_pool2d(x, 2).tolist()
    ([[[5.0, 7.0], [13.0, 15.0]]], [[[2.5, 4.5], [10.5, 12.5]]])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.nn.functional.arguments import floating

Lengths = int | Sequence[int]
Sizes = int | None | Sequence[int | None]


def each(op: str, name: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """One whole number for each axis, of one for all or one for each.

    Example:
        >>> nn.functional.pooling.each("f", "stride", 3, 2, 1)
        (3, 3)
    """
    several = isinstance(value, Sequence) and not isinstance(value, str)
    given = list(value) if several else [value]
    if len(given) == 1:
        given = given * axes
    if len(given) != axes:
        rule = f"{name} must be one number or {axes}, one for each axis"
        raise fail(ShapeError, op, rule, describe(value, name))
    return tuple(_check.integer(op, name, n, least) for n in given)


# --- the largest element -------------------------------------------------------------------------


def max_pool1d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of windows over the last axis: see max_pool2d.

    Example:
        >>> nn.functional.max_pool1d(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
        [[3.0, 2.0]]
    """
    return ops.max_pool(input, 1, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of windows over the last two axes.

    Padding counts as minus infinity. Of equal elements the first one gets the gradient; NaN is
    larger than all numbers.

    Args:
        return_indices: whether to return (values, indices), the int64 positions in the flattened
            plane, as max_unpool2d takes them.

    Shapes: input (N, C, H, W) or (C, H, W). Dtypes: floating.
    Raises: ShapeError, ArgumentError for windows that do not fit, DTypeError for integers.

    Example:
        >>> x = nnx.tensor([[[1.0, 2.0, 0.0], [4.0, 3.0, 5.0]]])
        >>> values, indices = nn.functional.max_pool2d(x, 2, stride=1, return_indices=True)
        >>> values.tolist(), indices.tolist()
        ([[[4.0, 5.0]]], [[[3, 5]]])
    """
    return ops.max_pool(input, 2, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    dilation: Lengths = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of windows over the last three axes: see max_pool2d.

    Example:
        >>> nn.functional.max_pool3d(nnx.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
        [[[[7.0]]]]
    """
    return ops.max_pool(input, 3, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# --- the mean ------------------------------------------------------------------------------------


def avg_pool1d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of windows over the last axis: see avg_pool2d.

    Example:
        >>> nn.functional.avg_pool1d(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
        [[2.0, 1.0]]
    """
    return ops.avg_pool(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of windows over the last two axes.

    Args:
        count_include_pad: whether the zeros of the padding count as elements.
        divisor_override: what the sum of a window is divided by, instead of its size.

    Shapes: input (N, C, H, W) or (C, H, W). Dtypes: floating.
    Raises: ShapeError, ArgumentError for windows that do not fit, DTypeError for integers.

    Example:
        >>> nn.functional.avg_pool2d(nnx.ones((1, 2, 2)), 2, padding=1).tolist()
        [[[0.25, 0.25], [0.25, 0.25]]]
        >>> nn.functional.avg_pool2d(nnx.ones((1, 2, 2)), 2, divisor_override=1).tolist()
        [[[4.0]]]
    """
    return ops.avg_pool(
        *(input, 2, kernel_size, stride, padding),
        *(ceil_mode, count_include_pad, divisor_override),
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of windows over the last three axes: see avg_pool2d.

    Example:
        >>> nn.functional.avg_pool3d(nnx.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
        [[[[3.5]]]]
    """
    return ops.avg_pool(
        *(input, 3, kernel_size, stride, padding),
        *(ceil_mode, count_include_pad, divisor_override),
    )


# --- parts ---------------------------------------------------------------------------------------


def sizes(op: str, axes: int, output_size: Any) -> tuple[int, ...]:
    """The lengths that are asked for, -1 for one that stays.

    Example:
        >>> nn.functional.pooling.sizes("f", 2, (None, 3))
        (-1, 3)
    """
    single = output_size is None or not isinstance(output_size, Sequence)
    given = [output_size] * axes if single else list(output_size)
    if len(given) == 1:
        given = given * axes
    if len(given) != axes:
        rule = f"output_size must be one number or {axes}, one for each axis"
        raise fail(ShapeError, op, rule, describe(output_size, "output_size"))
    return tuple(-1 if n is None else _check.integer(op, "output_size", n) for n in given)


def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest elements of output_size parts of the last axis: see adaptive_max_pool2d.

    Example:
        >>> nn.functional.adaptive_max_pool1d(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
        [[3.0, 2.0]]
    """
    return ops.adaptive_max_pool(
        input, sizes("adaptive_max_pool1d", 1, output_size), return_indices
    )


def adaptive_max_pool2d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest elements of the parts that the last two axes are cut into.

    Args:
        output_size: the number of parts of both or each axis; None keeps the length.
        return_indices: whether to return (values, indices), the int64 positions in the flattened
            plane.

    Shapes: input (N, C, H, W) or (C, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError, ArgumentError for sizes that do not fit, DTypeError for integers.

    Example:
        >>> x = nnx.arange(6.0).reshape(1, 2, 3)
        >>> nn.functional.adaptive_max_pool2d(x, (None, 1)).tolist()
        [[[2.0], [5.0]]]
    """
    return ops.adaptive_max_pool(
        input, sizes("adaptive_max_pool2d", 2, output_size), return_indices
    )


def adaptive_max_pool3d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """The largest elements of the parts of the last three axes: see adaptive_max_pool2d.

    Example:
        >>> nn.functional.adaptive_max_pool3d(nnx.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
        [[[[7.0]]]]
    """
    return ops.adaptive_max_pool(
        input, sizes("adaptive_max_pool3d", 3, output_size), return_indices
    )


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of output_size parts of the last axis: see adaptive_avg_pool2d.

    Example:
        >>> nn.functional.adaptive_avg_pool1d(nnx.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
        [[2.0, 2.5]]
    """
    return ops.adaptive_avg_pool(input, sizes("adaptive_avg_pool1d", 1, output_size))


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of the parts that the last two axes are cut into: with 1, of each channel.

    Args: output_size: the number of parts of both or each axis; None keeps the length.
    Shapes: input (N, C, H, W) or (C, H, W) -> (..., *output_size). Dtypes: floating.
    Raises: ShapeError, ArgumentError for sizes that do not fit, DTypeError for integers.

    Example:
        >>> nn.functional.adaptive_avg_pool2d(nnx.arange(6.0).reshape(1, 2, 3), 1).tolist()
        [[[2.5]]]
    """
    return ops.adaptive_avg_pool(input, sizes("adaptive_avg_pool2d", 2, output_size))


def adaptive_avg_pool3d(input: Tensor, output_size: Sizes) -> Tensor:
    """The means of the parts of the last three axes: see adaptive_avg_pool2d.

    Example:
        >>> nn.functional.adaptive_avg_pool3d(nnx.arange(8.0).reshape(1, 2, 2, 2), 1).tolist()
        [[[[3.5]]]]
    """
    return ops.adaptive_avg_pool(input, sizes("adaptive_avg_pool3d", 3, output_size))


# --- the p-norm ----------------------------------------------------------------------------------


def lp_pool(
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None,
    ceil_mode: bool,
) -> Tensor:
    """lp_pool1d, lp_pool2d or lp_pool3d.

    Example:
        >>> nn.functional.pooling.lp_pool(1, nnx.tensor([[3.0, 4.0]]), 2, 2, None, False).tolist()
        [[5.0]]
    """
    op = f"lp_pool{axes}d"
    p = _check.real(op, "norm_type", norm_type)
    if p == 0:
        raise fail(ArgumentError, op, "norm_type must not be 0", describe(p, "norm_type"))
    size = kernel_size if isinstance(kernel_size, int) else math.prod(kernel_size)
    count = size**axes if isinstance(kernel_size, int) or len(kernel_size) == 1 else size
    powers = floating(op, "input", input) ** p
    mean = ops.avg_pool(powers, axes, kernel_size, stride, 0, ceil_mode)
    return (ops.sign(mean) * ops.relu(abs(mean)) * count) ** (1 / p)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum x^p)^(1/p) of windows over the last axis, p = norm_type: see lp_pool2d.

    Example:
        >>> nn.functional.lp_pool1d(nnx.tensor([[3.0, 4.0]]), 2, 2).tolist()
        [[5.0]]
    """
    return lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum x^p)^(1/p) of windows over the last two axes, p = norm_type.

    With p = 1 this is the sum of a window, and for large p it goes towards its largest element.
    As PyTorch, x^p and not |x|^p is summed, so an odd p is for inputs that are not negative. A
    window cut by the end of the input (ceil_mode) counts as a whole one.

    Shapes: input (N, C, H, W) or (C, H, W). Dtypes: floating.
    Raises: ShapeError, ArgumentError for windows that do not fit or p = 0, DTypeError for integers.

    Example:
        >>> nn.functional.lp_pool2d(nnx.tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, 2).tolist()
        [[[5.0]]]
    """
    return lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum x^p)^(1/p) of windows over the last three axes, p = norm_type: see lp_pool2d.

    Example:
        >>> nn.functional.lp_pool3d(nnx.ones((1, 2, 2, 2)), 1, 2).tolist()
        [[[[8.0]]]]
    """
    return lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


# --- unpooling -----------------------------------------------------------------------------------


def max_unpool(
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None,
    padding: Lengths,
    output_size: Sequence[int] | None,
) -> Tensor:
    """max_unpool1d, max_unpool2d or max_unpool3d.

    Example:
        >>> y, where = nnx.tensor([[3.0]]), nnx.tensor([[1]])
        >>> nn.functional.pooling.max_unpool(1, y, where, 2, None, 0, None).tolist()
        [[0.0, 3.0]]
    """
    op = f"max_unpool{axes}d"
    x = floating(op, "input", input)
    kernel = each(op, "kernel_size", kernel_size, axes, 1)
    steps = kernel if stride is None else each(op, "stride", stride, axes, 1)
    pads = each(op, "padding", padding, axes, 0)
    lengths = x.shape[-axes:] if x.ndim > axes else (1,) * axes
    usual = tuple(
        (n - 1) * s - 2 * p + k for n, k, s, p in zip(lengths, kernel, steps, pads, strict=True)
    )
    size = usual
    if output_size is not None:
        size = tuple(_check.integer(op, "output_size", n, 1) for n in output_size)[-axes:]
        if len(size) != axes or any(
            not u - s < n < u + s for n, u, s in zip(size, usual, steps, strict=True)
        ):
            rule = f"output_size must be within a stride of {usual}, which the windows cover"
            raise fail(ShapeError, op, rule, describe(tuple(output_size), "output_size"))
    if not isinstance(indices, Tensor):
        raise fail(DTypeError, op, "indices must be a tensor", describe(indices, "indices"))
    return ops.max_unpool(x, indices, size)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with the elements of the input where max_pool1d found them: see max_unpool2d.

    Example:
        >>> x = nnx.tensor([[1.0, 3.0, 2.0, 0.0]])
        >>> y, where = nn.functional.max_pool1d(x, 2, return_indices=True)
        >>> nn.functional.max_unpool1d(y, where, 2).tolist()
        [[0.0, 3.0, 2.0, 0.0]]
    """
    return max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with the elements of the input where max_pool2d found them: its partial inverse.

    Of elements with equal indices the last one stays, and each of them gets the gradient.

    Args:
        indices: as max_pool2d returns them.
        kernel_size, stride, padding: those of the pooling.
        output_size: the size before the pooling, where several pool to one size. Leading axes are
            ignored.

    Shapes: input, indices (N, C, H, W) or (C, H, W); lengths become
        (H - 1) stride - 2 padding + kernel. Dtypes: floating, indices integers.
    Raises: ShapeError for shapes that do not fit, IndexError for indices outside the plane.

    Example:
        >>> x = nnx.tensor([[[1.0, 2.0], [4.0, 3.0]]])
        >>> y, where = nn.functional.max_pool2d(x, 2, return_indices=True)
        >>> nn.functional.max_unpool2d(y, where, 2).tolist()
        [[[0.0, 0.0], [4.0, 0.0]]]
    """
    return max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Lengths,
    stride: Lengths | None = None,
    padding: Lengths = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with the elements of the input where max_pool3d found them: see max_unpool2d.

    Example:
        >>> y, where = nn.functional.max_pool3d(nnx.ones((1, 2, 2, 2)), 2, return_indices=True)
        >>> nn.functional.max_unpool3d(y, where, 2).sum().item()
        1.0
    """
    return max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
