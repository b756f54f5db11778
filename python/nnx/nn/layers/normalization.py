"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor, int64, layer_norm, no_grad, ones, zeros
from nnx.nn import functional, init
from nnx.nn.functional.arguments import tensor
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


def _lengths(op: str, normalized_shape: Any) -> tuple[int, ...]:
    sizes = normalized_shape if isinstance(normalized_shape, Sequence) else [normalized_shape]
    return tuple(_check.integer(op, "normalized_shape", n, 1) for n in sizes)


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and variance over the last axes.

    Args:
        normalized_shape: the lengths of those axes; an int for the last one alone.
        eps: added to the variance (the biased one).
        elementwise_affine, bias: whether there are weight and bias.
        device, dtype: where and in what they are made.

    Shapes: x (..., *normalized_shape), y the same. Dtypes: floating.
    Raises: ShapeError where the last axes of x are not normalized_shape.
    Source: Ba, Kiros, Hinton, arXiv:1607.06450.

    Example:
        >>> y = nn.LayerNorm(4)(nnx.tensor([[1.0, 2.0, 3.0, 4.0]]))
        >>> round(float(y.sum()), 4), round(float(y.detach().square().mean()), 4)
        (0.0, 1.0)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("LayerNorm", normalized_shape)
        self.eps = _check.real("LayerNorm", "eps", eps, 0)
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = self.bias = None
        if elementwise_affine:
            self.weight = Parameter(ones(self.normalized_shape, dtype=dtype, device=device))
            if bias:
                self.bias = Parameter(zeros(self.normalized_shape, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Sets the weight to 1 and the bias to 0.

        Example:
            >>> layer = nn.LayerNorm(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        text += f", elementwise_affine={self.elementwise_affine}"
        return text + (f", bias={self.bias is not None}" if self.elementwise_affine else "")


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, the mean over the last axes.

    Args:
        normalized_shape: the lengths of those axes; an int for the last one alone.
        eps: added to the mean; None for the distance from 1 to the next number of the dtype.
        elementwise_affine: whether there is a weight.
        device, dtype: where and in what it is made.

    Shapes: x (..., *normalized_shape), y the same. Dtypes: floating.
    Raises: ShapeError where the last axes of x are not normalized_shape, DTypeError for another
        dtype than the weight's.
    Source: Zhang, Sennrich, arXiv:1910.07467.

    Example:
        >>> nn.RMSNorm(2)(nnx.tensor([3.0, 3.0])).tolist()
        [1.0, 1.0]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _lengths("RMSNorm", normalized_shape)
        self.eps = None if eps is None else _check.real("RMSNorm", "eps", eps, 0)
        self.elementwise_affine = bool(elementwise_affine)
        self.weight = None
        if elementwise_affine:
            self.weight = Parameter(ones(self.normalized_shape, dtype=dtype, device=device))

    def reset_parameters(self) -> None:
        """Sets the weight to 1.

        Example:
            >>> layer = nn.RMSNorm(2)
            >>> layer.reset_parameters()
            >>> layer.weight.tolist()
            [1.0, 1.0]
        """
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return text + f", elementwise_affine={self.elementwise_affine}"


class BatchNorm(Module):
    """Base of the batch normalisations, which differ in the axes of their input.

    Example:
        >>> isinstance(nn.BatchNorm1d(3), nn.layers.normalization.BatchNorm)
        True
    """

    _axes: tuple[int, ...] = ()  # how many axes an input may have
    _axes_text = ""

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

    def forward(self, input: Tensor) -> Tensor:
        input = tensor(type(self).__name__, "input", input)
        if input.ndim not in self._axes or input.shape[1] != self.num_features:
            rule = f"the input must be {self._axes_text} with C = {self.num_features}"
            hint = ""
            if input.ndim == 1 and tuple(input.shape) == (self.num_features,):
                hint = "for a single sample add the axis of the batch: x.unsqueeze(0)"
            raise fail(ShapeError, type(self).__name__, rule, describe(input, "input"), hint)
        mean, var = self.running_mean, self.running_var
        momentum = self.momentum
        # As PyTorch: without running statistics, evaluation uses those of the batch, too.
        by_batch = self.training or mean is None or var is None
        moves = self.training and mean is not None
        y = functional.batch_norm(
            input,
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

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        return text + f", affine={self.affine}, track_running_stats={self.track_running_stats}"


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


__all__ = ["BatchNorm1d", "LayerNorm", "RMSNorm"]
