"""What functions with several results return."""

from __future__ import annotations

from typing import NamedTuple

from nnx._nnx import Tensor


class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors.

    Example:
        >>> nnx.linalg.eigh(nnx.eye(2)).eigenvalues.tolist()
        [1.0, 1.0]
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """Complex eigenvalues and eigenvectors.

    Example:
        >>> nnx.linalg.eig(nnx.eye(2)).eigenvalues.real.tolist()
        [1.0, 1.0]
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """Q and R.

    Example:
        >>> nnx.linalg.qr(nnx.ones(3, 2)).R.shape
        (2, 2)
    """

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """U, S and Vh.

    Example:
        >>> nnx.linalg.svd(nnx.eye(2)).S.tolist()
        [1.0, 1.0]
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value.

    Example:
        >>> nnx.linalg.slogdet(nnx.eye(2)).sign.item()
        1.0
    """

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What lstsq found: solution, sums of squared residuals, ranks, singular values.

    Example:
        >>> nnx.linalg.lstsq(nnx.eye(2), nnx.ones(2)).rank.item()
        2
    """

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor
