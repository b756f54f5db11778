"""Invertible maps of values, for TransformedDistribution.

Example:
    >>> from nnx.distributions import transforms
    >>> transforms.AffineTransform(1.0, 2.0)(nnx.tensor([3.0])).tolist()
    [7.0]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nnx
from nnx._nnx import Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint

__all__ = [
    "AffineTransform",
    "ComposeTransform",
    "ExpTransform",
    "PowerTransform",
    "SigmoidTransform",
    "TanhTransform",
    "Transform",
]


class Transform:
    """A map y = f(x), element by element, its inverse, and log |dy/dx|.

    codomain: the values it gives; sign: 1 if it rises, -1 if it falls.

    Example:
        >>> t = nnx.distributions.transforms.ExpTransform()
        >>> t.inv(t(nnx.tensor([2.0]))).tolist()
        [2.0]
    """

    codomain: Constraint = constraints.real
    sign: Any = 1

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def inv(self, y: Tensor) -> Tensor:
        """x with f(x) = y.

        Example:
            >>> nnx.distributions.transforms.ExpTransform().inv(nnx.tensor([1.0])).tolist()
            [0.0]
        """
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx| at x, where y is f(x).

        Example:
            >>> t = nnx.distributions.transforms.ExpTransform()
            >>> t.log_abs_det_jacobian(nnx.tensor([2.0]), nnx.tensor([7.389])).tolist()
            [2.0]
        """
        raise NotImplementedError


class ExpTransform(Transform):
    """y = exp(x).

    Example:
        >>> nnx.distributions.transforms.ExpTransform()(nnx.tensor([0.0])).tolist()
        [1.0]
    """

    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return nnx.exp(x)

    def inv(self, y: Tensor) -> Tensor:
        return nnx.log(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class AffineTransform(Transform):
    """y = loc + scale x.

    Example:
        >>> nnx.distributions.transforms.AffineTransform(1.0, 2.0)(nnx.tensor([0.5])).tolist()
        [2.0]
    """

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = loc, scale
        self.sign = nnx.sign(nnx.asarray(scale))

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = self.loc + self.scale * x
        return out

    def inv(self, y: Tensor) -> Tensor:
        out: Tensor = (y - self.loc) / self.scale
        return out

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        size = nnx.abs(nnx.asarray(self.scale, dtype=x.dtype, device=x.device))
        return nnx.broadcast_to(nnx.log(size), x.shape)


class PowerTransform(Transform):
    """y = x^exponent, of numbers above 0.

    Example:
        >>> nnx.distributions.transforms.PowerTransform(2.0)(nnx.tensor([3.0])).tolist()
        [9.0]
    """

    codomain = constraints.positive

    def __init__(self, exponent: Any) -> None:
        self.exponent = exponent
        self.sign = nnx.sign(nnx.asarray(exponent))

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = x**self.exponent
        return out

    def inv(self, y: Tensor) -> Tensor:
        out: Tensor = y ** (1 / self.exponent)
        return out

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return nnx.log(nnx.abs(self.exponent * y / x))


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x)).

    Example:
        >>> nnx.distributions.transforms.SigmoidTransform()(nnx.tensor([0.0])).tolist()
        [0.5]
    """

    codomain = constraints.unit_interval

    def __call__(self, x: Tensor) -> Tensor:
        return nnx.sigmoid(x)

    def inv(self, y: Tensor) -> Tensor:
        return nnx.logit(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -nnx.softplus(-x) - nnx.softplus(x)


class TanhTransform(Transform):
    """y = tanh(x).

    Example:
        >>> nnx.distributions.transforms.TanhTransform()(nnx.tensor([0.0])).tolist()
        [0.0]
    """

    codomain = constraints.interval(-1.0, 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        return nnx.tanh(x)

    def inv(self, y: Tensor) -> Tensor:
        return nnx.atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - nnx.softplus(-2 * x))


class ComposeTransform(Transform):
    """Several, the first one first.

    Example:
        >>> from nnx.distributions import transforms as T
        >>> T.ComposeTransform([T.AffineTransform(1.0, 2.0), T.ExpTransform()]).codomain
        Constraint('above 0')
    """

    def __init__(self, parts: Sequence[Transform]) -> None:
        self.parts = list(parts)
        self.codomain = self.parts[-1].codomain if self.parts else constraints.real
        for part in self.parts:
            self.sign = self.sign * part.sign

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def inv(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total = nnx.zeros_like(x)
        for part in self.parts:
            z = part(x)
            total = total + part.log_abs_det_jacobian(x, z)
            x = z
        return total
