"""Normalisation of each channel: over the batch, or over each sample alone."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, int64, no_grad, ones, zeros
from nnx.nn import functional, init
from nnx.nn.functional.arguments import tensor
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class ChannelNorm(Module):
    """What batch and instance normalisation have in common: one weight, bias, running mean and
    running variance for each channel.

    Example:
        >>> isinstance(nn.BatchNorm1d(3), nn.layers.batch_normalization.ChannelNorm)
        True
    """

    _axes: tuple[int, ...] = ()  # how many axes an input may have
    _axes_text = ""
    _samples = True  # whether the first axis is always that of the samples

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        self.num_features = _check.integer(op, "num_features", num_features, 1)
        self.eps = _check.real(op, "eps", eps, 0)
        self.momentum = None if momentum is None else _check.real(op, "momentum", momentum, 0, 1)
        self.affine = bool(affine)
        self.track_running_stats = bool(track_running_stats)
        place = {"dtype": dtype, "device": device}
        self.weight = Parameter(ones(self.num_features, **place)) if affine else None
        self.bias = Parameter(zeros(self.num_features, **place)) if affine and bias else None
        tracked = self.track_running_stats
        mean, var = (f(self.num_features, **place) if tracked else None for f in (zeros, ones))
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        count = zeros((), dtype=int64, device=device) if tracked else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Forgets the batches seen: mean 0, variance 1, count 0.

        Example:
            >>> layer = nn.BatchNorm1d(2)
            >>> _ = layer(nnx.rand(4, 2))
            >>> layer.reset_running_stats()
            >>> layer.running_var.tolist(), layer.num_batches_tracked.item()
            ([1.0, 1.0], 0)
        """
        for kept, value in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if kept is not None:
                kept.fill_(value)

    def reset_parameters(self) -> None:
        """Forgets the batches seen, and sets the weight to 1 and the bias to 0.

        Example:
            >>> layer = nn.BatchNorm1d(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _checked(self, input: Tensor) -> Tensor:
        op = type(self).__name__
        x = tensor(op, "input", input)
        if x.ndim not in self._axes or x.shape[self._channel_axis(x)] != self.num_features:
            rule = f"the input must be {self._axes_text} with C = {self.num_features}"
            hint = ""
            if x.ndim + 1 == self._axes[0] and x.ndim and x.shape[0] == self.num_features:
                hint = "for a single sample add the axis of the batch: x.unsqueeze(0)"
            elif x.ndim in self._axes and x.shape[-1] == self.num_features and x.ndim > 2:
                hint = "the channels look to be last; try x.movedim(-1, 1)"
            raise fail(ShapeError, op, rule, describe(x, "input"), hint)
        return x

    def _channel_axis(self, x: Tensor) -> int:
        return 0 if not self._samples and x.ndim == self._axes[0] else 1

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        return text + f", affine={self.affine}, track_running_stats={self.track_running_stats}"


class BatchNorm(ChannelNorm):
    """Base of the batch normalisations, which differ in the axes of their input.

    Example:
        >>> isinstance(nn.BatchNorm1d(3), nn.layers.batch_normalization.BatchNorm)
        True
    """

    def forward(self, input: Tensor) -> Tensor:
        x = self._checked(input)
        mean, var = self.running_mean, self.running_var
        momentum = self.momentum
        # As PyTorch: without running statistics, evaluation uses those of the batch, too.
        by_batch = self.training or mean is None or var is None
        moves = self.training and mean is not None
        y = functional.batch_norm(
            x,
            mean if moves or not by_batch else None,
            var if moves or not by_batch else None,
            self.weight,
            self.bias,
            by_batch,
            self._share() if moves else momentum or 0.0,
            self.eps,
        )
        if moves and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
        return y

    def _share(self) -> float:
        """How much the batch counts: the momentum, or with None an equal share for each batch."""
        if self.momentum is not None:
            return self.momentum
        seen = self.num_batches_tracked
        return 1.0 / (1 + (0 if seen is None else int(seen)))


class BatchNorm1d(BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each feature (channel).

    In training, mean and (biased) variance are those of the batch, and running_mean and running_var
    move towards the mean and the unbiased variance; in evaluation the running ones are used.

    Args:
        num_features: the number C of features.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b;
            None for the plain average over all batches.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values; without, evaluation normalises by the
            batch, too.
        device, dtype: where and in what they are made.

    Shapes: x (N, C) or (N, C, L), y the same; all others (C,). Dtypes: floating.
    Raises: ShapeError for another number of features, or one value a feature in training.
    Source: Ioffe, Szegedy, arXiv:1502.03167.

    Example:
        >>> layer = nn.BatchNorm1d(1, eps=0.0)
        >>> layer(nnx.tensor([[1.0], [3.0]])).tolist()
        [[-1.0], [1.0]]
        >>> round(layer.running_mean.item(), 6), round(layer.running_var.item(), 6)
        (0.2, 1.1)
    """

    _axes = (2, 3)
    _axes_text = "(N, C) or (N, C, L)"


class BatchNorm2d(BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of images.

    In training, mean and (biased) variance are those of the batch, and running_mean and running_var
    move towards the mean and the unbiased variance; in evaluation the running ones are used.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b;
            None for the plain average over all batches.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values; without, evaluation normalises by the
            batch, too.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, H, W), y the same; all others (C,). Dtypes: floating.
    Raises: ShapeError for another number of channels, or one value a channel in training.
    Source: Ioffe, Szegedy, arXiv:1502.03167.

    Example:
        >>> layer = nn.BatchNorm2d(3)
        >>> layer(nnx.rand(2, 3, 4, 5)).shape, layer.running_mean.shape
        ((2, 3, 4, 5), (3,))
    """

    _axes = (4,)
    _axes_text = "(N, C, H, W)"


class BatchNorm3d(BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of volumes.

    In training, mean and (biased) variance are those of the batch, and running_mean and running_var
    move towards the mean and the unbiased variance; in evaluation the running ones are used.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b;
            None for the plain average over all batches.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values; without, evaluation normalises by the
            batch, too.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, D, H, W), y the same; all others (C,). Dtypes: floating.
    Raises: ShapeError for another number of channels, or one value a channel in training.
    Source: Ioffe, Szegedy, arXiv:1502.03167.

    Example:
        >>> layer = nn.BatchNorm3d(3)
        >>> layer(nnx.rand(2, 3, 2, 4, 5)).shape, layer.running_mean.shape
        ((2, 3, 2, 4, 5), (3,))
    """

    _axes = (5,)
    _axes_text = "(N, C, D, H, W)"


class InstanceNorm(ChannelNorm):
    """Base of the instance normalisations, which differ in the axes of their input.

    Example:
        >>> isinstance(nn.InstanceNorm1d(3), nn.layers.batch_normalization.InstanceNorm)
        True
    """

    _samples = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        x = self._checked(input)
        single = self._channel_axis(x) == 0
        y = functional.instance_norm(
            x.unsqueeze(0) if single else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y.squeeze(0) if single else y


class InstanceNorm1d(InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    Mean and (biased) variance are those of the sample. With running values, these move in training
    towards the means over the batch of the means and unbiased variances, and evaluation uses them.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, L), or (C, L) of one sample, y the same; all others (C,).
    Dtypes: floating.
    Raises: ShapeError for another number of channels, or one value a channel.
    Source: Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.

    Example:
        >>> nn.InstanceNorm1d(3)(nnx.rand(2, 3, 4)).shape
        (2, 3, 4)
    """

    _axes = (2, 3)
    _axes_text = "(N, C, L) or (C, L)"


class InstanceNorm2d(InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    Mean and (biased) variance are those of the sample. With running values, these move in training
    towards the means over the batch of the means and unbiased variances, and evaluation uses them.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, H, W), or (C, H, W) of one sample, y the same; all others (C,).
    Dtypes: floating.
    Raises: ShapeError for another number of channels, or one value a channel.
    Source: Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.

    Example:
        >>> nn.InstanceNorm2d(3)(nnx.rand(2, 3, 4, 5)).shape
        (2, 3, 4, 5)
    """

    _axes = (3, 4)
    _axes_text = "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    Mean and (biased) variance are those of the sample. With running values, these move in training
    towards the means over the batch of the means and unbiased variances, and evaluation uses them.

    Args:
        num_features: the number C of channels.
        eps: added to the variance.
        momentum: how much a batch counts in the running values, r <- (1 - momentum) r + momentum b.
        affine, bias: whether there are weight and bias.
        track_running_stats: whether there are running values.
        device, dtype: where and in what they are made.

    Shapes: x (N, C, D, H, W), or (C, D, H, W) of one sample, y the same; all others (C,).
    Dtypes: floating.
    Raises: ShapeError for another number of channels, or one value a channel.
    Source: Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.

    Example:
        >>> nn.InstanceNorm3d(3)(nnx.rand(2, 3, 2, 4, 5)).shape
        (2, 3, 2, 4, 5)
    """

    _axes = (4, 5)
    _axes_text = "(N, C, D, H, W) or (C, D, H, W)"


__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]
