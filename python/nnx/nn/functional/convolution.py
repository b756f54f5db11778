"""Convolutions over one to three spatial axes, and their transposes.

As in every network library, "convolution" is a correlation: the kernel is not turned round.
"""

from __future__ import annotations

from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.nn.functional.arguments import tensor

SPATIAL = {1: "L", 2: "H, W", 3: "D, H, W"}


def _padding(op: str, padding: Any, weight: Tensor, stride: Any, dilation: Any) -> Any:
    """What ops.conv takes for a padding that may be "same" or "valid"."""
    if not isinstance(padding, str):
        return padding
    if padding == "valid":
        return 0
    if padding != "same":
        rule = 'padding must be numbers, "same" or "valid"'
        raise fail(ArgumentError, op, rule, repr(padding))
    rank = weight.ndim - 2
    strides = (stride,) * rank if isinstance(stride, int) else tuple(stride)
    if any(s != 1 for s in strides):
        hint = "pad by numbers, for example kernel_size // 2"
        raise fail(ArgumentError, op, 'padding="same" needs stride 1', f"stride {stride}", hint)
    dilations = (dilation,) * rank if isinstance(dilation, int) else tuple(dilation)
    if len(dilations) == 1:
        dilations *= rank
    pairs: list[int] = []
    for length, step in zip(weight.shape[2:], dilations, strict=False):
        total = step * (length - 1)
        pairs += [total // 2, total - total // 2]
    return tuple(pairs)


def _batched(op: str, input: Any, weight: Any, rank: int) -> tuple[Tensor, Tensor, bool]:
    """Input with the axis of the batch, weight, and whether the axis was added."""
    x, w = tensor(op, "input", input), tensor(op, "weight", weight)
    if w.ndim != rank + 2:
        rule = f"weight must have the axes (O, C / groups, {SPATIAL[rank]})"
        raise fail(ShapeError, op, rule, describe(w, "weight"))
    if x.ndim == rank + 1:
        return x.unsqueeze(0), w, True
    return x, w, False


def _conv(
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    activation: str | None = None,
    max_window: Any = None,
    mean_window: Any = None,
) -> Tensor:
    op = f"conv{rank}d"
    x, w, added = _batched(op, input, weight, rank)
    if isinstance(padding, str):
        padding = _padding(op, padding, w, stride, dilation)
    y = ops.conv(x, w, bias, stride, padding, dilation, groups, activation, max_window, mean_window)
    return y.squeeze(0) if added else y


def _conv_transpose(
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    activation: str | None = None,
) -> Tensor:
    x, w, added = _batched(f"conv_transpose{rank}d", input, weight, rank)
    y = ops.conv_transpose(
        x, w, bias, stride, padding, output_padding, groups, dilation, activation
    )
    return y.squeeze(0) if added else y


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i] = bias[o] + sum_ck weight[o, c, k] input[n, c, i stride + k dilation - padding].

    Outside the input counts as zero. padding is a number, "valid" (none), or "same" (an output as
    long as the input, for stride 1).

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,) -> (N, O, L') or
        (O, L') with L' = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1.
    Dtypes: floating, all the same.
    Raises: ShapeError where they do not fit or the kernel is larger than the padded input,
        DTypeError for different dtypes, ArgumentError for a stride below 1.

    Example:
        >>> x, w = nnx.tensor([[[1.0, 2.0, 4.0]]]), nnx.tensor([[[-1.0, 1.0]]])
        >>> nn.functional.conv1d(x, w).tolist()
        [[[1.0, 2.0]]]
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """As conv1d, over two axes.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,) ->
        (N, O, H', W') or (O, H', W'). stride, padding and dilation are one number or a pair.
    Dtypes, raises: as conv1d.

    Example:
        >>> sobel = nnx.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        >>> step = nnx.tensor([0.0, 0.0, 1.0, 1.0]).expand(4, 4)
        >>> nn.functional.conv2d(step[None, None], sobel[None, None])[0, 0].tolist()
        [[4.0, 4.0], [4.0, 4.0]]
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """As conv1d, over three axes.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O,) ->
        (N, O, D', H', W') or (O, D', H', W').
    Dtypes, raises: as conv1d.

    Example:
        >>> nn.functional.conv3d(nnx.ones((1, 1, 4, 4, 4)), nnx.ones((2, 1, 3, 3, 3))).shape
        (1, 2, 2, 2, 2)
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of conv1d in its input: every number adds its multiple of the kernel.

    output_padding lengthens the output at its far end: the lengths a stride maps to one are told
    apart by it.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,) -> (N, O, L') or
        (O, L') with L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.
    Dtypes: floating, all the same.
    Raises: ShapeError where they do not fit, DTypeError for different dtypes, ArgumentError for
        an output_padding that is not smaller than stride or dilation.

    Example:
        >>> x, w = nnx.tensor([[[1.0, 2.0]]]), nnx.tensor([[[1.0, 10.0]]])
        >>> nn.functional.conv_transpose1d(x, w, stride=2).tolist()
        [[[1.0, 10.0, 2.0, 20.0]]]
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """As conv_transpose1d, over two axes.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,) ->
        (N, O, H', W') or (O, H', W').
    Dtypes, raises: as conv_transpose1d.

    Example:
        >>> x = nnx.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
        >>> nn.functional.conv_transpose2d(x, nnx.ones((1, 1, 2, 2)))[0, 0].tolist()
        [[1.0, 3.0, 2.0], [4.0, 10.0, 6.0], [3.0, 7.0, 4.0]]
    """
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """As conv_transpose1d, over three axes.

    Shapes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, KD, KH, KW), bias (O,)
        -> (N, O, D', H', W') or (O, D', H', W').
    Dtypes, raises: as conv_transpose1d.

    Example:
        >>> x = nnx.ones((1, 1, 2, 2, 2))
        >>> nn.functional.conv_transpose3d(x, nnx.ones((1, 3, 2, 2, 2)), stride=2).shape
        (1, 3, 4, 4, 4)
    """
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
