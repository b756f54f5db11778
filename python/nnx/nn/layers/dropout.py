"""Dropout of elements and of whole channels, and the kind of it that goes with SELU."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module


class Dropping(Module):
    """Base of the dropouts: a probability, and whether to write into the input.

    Example:
        >>> isinstance(nn.Dropout(), nn.layers.dropout.Dropping)
        True
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = _check.real(type(self).__name__, "p", p, 0, 1)
        self.inplace = bool(inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(Dropping):
    """In training, sets each element to 0 with probability p and multiplies the others by
    1/(1-p); in evaluation, y = x.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1].
    Source: Srivastava et al., JMLR 15 (2014) 1929.

    Example:
        >>> nn.Dropout(0.5).eval()(nnx.ones(4)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace:
            return functional.dropout(input, self.p, self.training, True)
        return ops.dropout(input, self.p, self.training)


class Dropout1d(Dropping):
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p); in evaluation, y = x. Neighbours in a channel are alike, so that dropping elements
    alone takes little away.

    Shapes: x (N, C, L), or (C, L) of one sample, y the same. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.Dropout1d()(nnx.ones(5, 4, 3))
        >>> bool((y == y[:, :, :1]).all())
        True
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropping):
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p); in evaluation, y = x. Neighbours in a channel are alike, so that dropping elements
    alone takes little away.

    Shapes: x (N, C, H, W) or (N, C, L), y the same. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.Dropout2d()(nnx.ones(5, 4, 3, 3))
        >>> bool((y == y[:, :, :1, :1]).all())
        True
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(Dropping):
    """In training, sets each channel to 0 with probability p and multiplies the others by
    1/(1-p); in evaluation, y = x. Neighbours in a channel are alike, so that dropping elements
    alone takes little away.

    Shapes: x (N, C, D, H, W), or (C, D, H, W) of one sample, y the same. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for other axes.
    Source: Tompson et al., arXiv:1411.4280.

    Example:
        >>> y = nn.Dropout3d()(nnx.ones(5, 4, 2, 2, 2))
        >>> bool((y == y[:, :, :1, :1, :1]).all())
        True
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(Dropping):
    """In training, sets each element to SELU's floor -1.7581 with probability p, then scales and
    shifts all, so that mean 0 and variance 1 stay so; in evaluation, y = x.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1].
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.AlphaDropout(0.5).eval()(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(Dropping):
    """Alpha dropout of whole channels: in training, each is set to SELU's floor -1.7581 with
    probability p, then all are scaled and shifted; in evaluation, y = x.

    Shapes: x (N, C, ...), y the same. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1], ShapeError for an input without channels.
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.FeatureAlphaDropout(0.5).eval()(nnx.ones(2, 1)).tolist()
        [[1.0], [1.0]]
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.feature_alpha_dropout(input, self.p, self.training, self.inplace)
