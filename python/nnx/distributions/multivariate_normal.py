"""The normal distribution of vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import nnx
from nnx._errors import describe, fail
from nnx._nnx import ShapeError, Tensor
from nnx.distributions import constraints
from nnx.distributions.constraints import Constraint
from nnx.distributions.distribution import (
    HALF_LOG_TWO_PI,
    Distribution,
    one_of,
    require,
    tensor,
)

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """exp(-(x - loc)^T C^-1 (x - loc) / 2) / sqrt((2 pi)^n |C|), of vectors of n numbers.

    C is given as covariance_matrix, as its inverse precision_matrix, or by scale_tril: the lower
    triangular L with a positive diagonal and C = L L^T, with which everything is computed.

    Shapes: loc (..., n), a matrix (..., n, n).
    Raises: ArgumentError unless exactly one matrix is given and is what it says; ShapeError where
        the shapes do not fit.

    Example:
        >>> d = nnx.distributions.MultivariateNormal(nnx.zeros(2), nnx.eye(2))
        >>> round(d.log_prob(nnx.zeros(2)).item(), 4)
        -1.8379
    """

    has_rsample = True
    arg_constraints: ClassVar[dict[str, Constraint]] = {"loc": constraints.real_vector}
    support = constraints.real_vector

    _MATRICES: ClassVar[dict[str, Constraint]] = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        name = "MultivariateNormal"
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        kind = one_of(name, **given)
        mean, matrix = tensor(loc), tensor(given[kind])
        if mean.ndim < 1 or matrix.ndim < 2 or matrix.shape[-2:] != (mean.shape[-1],) * 2:
            rule = f"{kind} must be (..., n, n) for loc (..., n)"
            received = f"{describe(mean, 'loc')}, {describe(matrix, kind)}"
            raise fail(ShapeError, name, rule, received)
        batch = nnx.broadcast_shapes(mean.shape[:-1], matrix.shape[:-2])
        n = mean.shape[-1]
        self.loc = nnx.broadcast_to(mean, (*batch, n))
        checked = self._validate_args if validate_args is None else validate_args
        if checked:
            require(name, kind, matrix, self._MATRICES[kind])
        if kind == "covariance_matrix":
            matrix = nnx.linalg.cholesky(matrix)
        elif kind == "precision_matrix":  # C = L L^T from the factor of the matrix turned round
            turned = nnx.linalg.cholesky(nnx.flip(matrix, (-2, -1)))
            upper = nnx.flip(turned, (-2, -1)).mT
            eye = nnx.broadcast_to(
                nnx.eye(n, dtype=matrix.dtype, device=matrix.device), matrix.shape
            )
            matrix = nnx.linalg.solve_triangular(upper, eye, upper=False)
        self.scale_tril = nnx.broadcast_to(matrix, (*batch, n, n))
        super().__init__(batch, (n,), validate_args)

    @property
    def covariance_matrix(self) -> Tensor:
        """C, which is L L^T.

        Example:
            >>> d = nnx.distributions.MultivariateNormal(nnx.zeros(2), scale_tril=2 * nnx.eye(2))
            >>> d.covariance_matrix.tolist()
            [[4.0, 0.0], [0.0, 4.0]]
        """
        return self.scale_tril @ self.scale_tril.mT

    @property
    def precision_matrix(self) -> Tensor:
        """The inverse of C.

        Example:
            >>> d = nnx.distributions.MultivariateNormal(nnx.zeros(2), scale_tril=2 * nnx.eye(2))
            >>> d.precision_matrix.tolist()
            [[0.25, 0.0], [0.0, 0.25]]
        """
        inverse = nnx.linalg.inv(self.scale_tril)
        return inverse.mT @ inverse

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = nnx.randn(self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        return nnx.log(nnx.diagonal(self.scale_tril, axis1=-2, axis2=-1)).sum(-1)

    def log_prob(self, value: Any) -> Tensor:
        d = self._value(value, self.loc) - self.loc
        shape = (*nnx.broadcast_shapes(d.shape[:-1], self._batch_shape), *self._event_shape)
        root = nnx.broadcast_to(self.scale_tril, (*shape, shape[-1]))
        column = nnx.broadcast_to(d, shape).unsqueeze(-1)
        z = nnx.linalg.solve_triangular(root, column, upper=False).squeeze(-1)
        squares = (z**2).sum(-1)
        out: Tensor = -0.5 * squares - self._half_log_det() - shape[-1] * HALF_LOG_TWO_PI
        return out

    def entropy(self) -> Tensor:
        return self._half_log_det() + self._event_shape[0] * (0.5 + HALF_LOG_TWO_PI)
