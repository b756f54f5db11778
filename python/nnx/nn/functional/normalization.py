"""Normalisation as functions."""

from __future__ import annotations

from collections.abc import Sequence

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, no_grad
from nnx.nn.functional.arguments import floating, like_weights


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Example:
        >>> nn.functional.layer_norm(nnx.ones((2, 3)), (3,)).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """input / sqrt(mean(input^2) + eps) * weight over the last axes.

    Args: eps: the distance from 1 to the next number of the dtype, unless given.
    Shapes: input (..., *normalized_shape), weight normalized_shape. Dtypes: floating.
    Raises: ShapeError where they do not fit, DTypeError for another dtype than the weight's.
    Source: Zhang, Sennrich, arXiv:1910.07467.

    Example:
        >>> nn.functional.rms_norm(nnx.tensor([3.0, 3.0]), (2,)).tolist()
        [1.0, 1.0]
    """
    x = like_weights("rms_norm", input, weight)
    shape = tuple(normalized_shape)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        rule = f"the last axes of the input must be {shape}"
        raise fail(ShapeError, "rms_norm", rule, describe(x, "input"))
    if weight is not None and tuple(weight.shape) != shape:
        rule = f"weight must have the shape {shape}"
        raise fail(ShapeError, "rms_norm", rule, describe(weight, "weight"))
    # Squares of half-precision numbers overflow at 256; single precision holds them.
    wide = x.to(ops.float32) if x.itemsize < 4 else x
    eps = ops.finfo(wide.dtype).eps if eps is None else eps
    axes = tuple(range(-len(shape), 0))
    y = (wide * ops.rsqrt(ops.mean(ops.square(wide), axes, keepdims=True) + eps)).to(x.dtype)
    return y if weight is None else y * weight


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias, over all axes but the channels (axis 1).

    In training, mean and (biased) variance are those of the batch, and the running ones move
    towards the mean and the unbiased variance: r <- (1 - momentum) r + momentum b. Otherwise the
    running ones are used.

    Shapes: input (N, C, ...), all others (C,); a batch without samples gives none, and leaves the
        running values. Dtypes: floating, all the same.
    Raises: ShapeError for other shapes, or one value a channel in training; DTypeError.
    Source: Ioffe, Szegedy, arXiv:1502.03167.

    Example:
        >>> x = nnx.tensor([[1.0], [3.0]])
        >>> y = nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
        >>> y.tolist()
        [[-1.0], [1.0]]
    """
    return ops.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias, mean and (biased) variance of each sample
    over a group of neighbouring channels.

    Args: num_groups: how many groups the channels are cut into.
    Shapes: input (N, C, ...), weight and bias (C,). Dtypes: floating, all the same.
    Raises: ShapeError where num_groups does not divide C or a group has one value; DTypeError.
    Source: Wu, He, arXiv:1803.08494.

    Example:
        >>> x = nnx.tensor([[1.0, 3.0, 10.0, 20.0]])
        >>> nn.functional.group_norm(x, 2, eps=0.0).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """
    op = "group_norm"
    x = like_weights(op, input, weight if weight is not None else bias)
    groups = _check.integer(op, "num_groups", num_groups, 1)
    if x.ndim < 2:
        raise fail(ShapeError, op, "the input must have the axes (N, C, ...)", describe(x, "input"))
    samples, channels = x.shape[:2]
    if channels % groups:
        rule = f"num_groups must divide the number of channels: {channels} is no multiple of it"
        received = f"{describe(x, 'input')}, num_groups = {groups}"
        raise fail(ShapeError, op, rule, received)
    if samples and x.numel() == samples * groups:
        rule = "each group needs more than one value: of one, mean and variance say nothing"
        received = f"{describe(x, 'input')}, num_groups = {groups}"
        raise fail(ShapeError, op, rule, received, "use fewer groups")
    wide = x.to(ops.float32) if x.itemsize < 4 else x
    rows = wide.reshape((1, samples * groups, x.numel() // max(samples * groups, 1)))
    y = ops.batch_norm(rows, None, None, training=True, eps=eps).reshape(x.shape)
    if weight is not None or bias is not None:  # one number for each channel
        mean, var = (f(channels, dtype=y.dtype, device=y.device) for f in (ops.zeros, ops.ones))
        w, b = (None if t is None else t.to(y.dtype) for t in (weight, bias))
        y = ops.batch_norm(y, mean, var, w, b, eps=0.0)
    return y.to(x.dtype)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias, mean and (biased) variance of each channel
    of each sample.

    Args:
        running_mean, running_var: move towards the means, over the batch, of the means and of the
            unbiased variances: r <- (1 - momentum) r + momentum b.
        use_input_stats: False to normalise by the running ones.

    Shapes: input (N, C, ...), all others (C,). Dtypes: floating, all the same.
    Raises: ShapeError for other shapes, or one value a channel; DTypeError.
    Source: Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.

    Example:
        >>> x = nnx.tensor([[[1.0, 3.0], [10.0, 20.0]]])
        >>> nn.functional.instance_norm(x, eps=0.0).tolist()
        [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    op = "instance_norm"
    x = like_weights(op, input, weight if weight is not None else running_mean)
    if not use_input_stats:
        return ops.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    if x.ndim < 3:
        rule = "the input must have the axes (N, C, ...)"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    samples, channels = x.shape[:2]
    if x.numel() and x.numel() == samples * channels:
        rule = "each channel needs more than one value: of one, mean and variance say nothing"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    for name, value in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if value is not None and tuple(value.shape) != (channels,):
            rule = f"{name} must have one number for each of the {channels} channels"
            raise fail(ShapeError, op, rule, f"{describe(x, 'input')}, {describe(value, name)}")
    # Every channel of every sample is a channel of one batch.
    mean, var, w, b = (
        None if t is None else t.repeat(samples) for t in (running_mean, running_var, weight, bias)
    )
    rows = x.reshape((1, samples * channels, *x.shape[2:]))
    y = ops.batch_norm(rows, mean, var, w, b, True, momentum, eps).reshape(x.shape)
    with no_grad():
        for running, moved in ((running_mean, mean), (running_var, var)):
            if running is not None and moved is not None and samples:
                running.copy_(moved.reshape((samples, channels)).mean(0))
    return y


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """input / (k + alpha m)^beta, m the mean of input^2 over `size` neighbouring channels; channels
    that are not there count as 0.

    Shapes: input (N, C, ...), with at least one axis after the channels. Dtypes: floating.
    Raises: ShapeError for fewer axes, DTypeError for integers, ArgumentError for a size below 1.
    Source: Krizhevsky, Sutskever, Hinton, NIPS 25 (2012).

    Example:
        >>> x = nnx.tensor([[[3.0], [4.0]]])
        >>> nn.functional.local_response_norm(x, 1, alpha=1.0, beta=0.5, k=0.0).tolist()
        [[[1.0], [1.0]]]
    """
    op = "local_response_norm"
    x = floating(op, "input", input)
    size = _check.integer(op, "size", size, 1)
    if x.ndim < 3:
        rule = "the input must have the axes (N, C, ...) and at least one after the channels"
        raise fail(ShapeError, op, rule, describe(x, "input"))
    wide = x.to(ops.float32) if x.itemsize < 4 else x
    channels = x.shape[1]
    width = [(0, 0)] * x.ndim
    width[1] = (size // 2, (size - 1) // 2)
    squares = ops.pad(ops.square(wide), width)
    total = squares[:, :channels]
    for j in range(1, size):
        total = total + squares[:, j : j + channels]
    return (wide / (total * (alpha / size) + k) ** beta).to(x.dtype)
