"""Dropout, and the kind of it that goes with SELU."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module


class Dropout(Module):
    """In training, sets each element to 0 with probability p and multiplies the others by
    1/(1-p); in evaluation, y = x.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1].
    Source: Srivastava et al., JMLR 15 (2014) 1929.

    Example:
        >>> nn.Dropout(0.5).eval()(nnx.ones(4)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = _check.real("Dropout", "p", p, 0, 1)
        self.inplace = bool(inplace)

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace:
            return functional.dropout(input, self.p, self.training, True)
        return ops.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class AlphaDropout(Module):
    """In training, sets each element to SELU's floor -1.7581 with probability p, then scales and
    shifts all, so that mean 0 and variance 1 stay so; in evaluation, y = x.

    Shapes: any. Dtypes: floating.
    Raises: ArgumentError for p outside [0, 1].
    Source: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.AlphaDropout(0.5).eval()(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = _check.real("AlphaDropout", "p", p, 0, 1)
        self.inplace = bool(inplace)

    def forward(self, input: Tensor) -> Tensor:
        return functional.alpha_dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
