"""Factorisations: Cholesky, QR, eigenvalues, singular values."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.linalg.arguments import TensorLike, floats
from nnx.linalg.results import EighResult, EigResult, QRResult, SVDResult


def cholesky(x: TensorLike, *, upper: bool = False) -> Tensor:
    """L with x = L @ L.mH for a Hermitian (real: symmetric), positive definite x; its lower half is
    read.

    Args: upper: gives L.mH instead.
    Shapes: (..., n, n) -> the same. Dtypes: floating, complex.
    Raises: LinAlgError for a matrix that is not positive definite, ShapeError.

    Example:
        >>> nnx.linalg.cholesky(nnx.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    lower = ops.linalg_cholesky(floats(x))
    return lower.mH if upper else lower


def qr(x: TensorLike, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and upper triangular R with x = Q @ R.

    Args: mode: "reduced", "complete" (square Q, without a gradient), or "r" for R alone.
    Shapes: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n), or m when complete.
    Raises: ShapeError, ArgumentError; GradientError for the gradient where m < n.

    Example:
        >>> Q, R = nnx.linalg.qr(nnx.tensor([[3.0, 1.0], [4.0, 2.0]]))
        >>> nnx.allclose(Q @ R, nnx.tensor([[3.0, 1.0], [4.0, 2.0]]), atol=1e-5)
        True
    """
    _check.choice("qr", "mode", mode, ("reduced", "complete", "r"))
    q, r = ops.linalg_qr(floats(x), mode == "complete")
    return QRResult(q[..., :0] if mode == "r" else q, r)


def eigh(x: TensorLike, UPLO: str = "L") -> EighResult:
    """Ascending real eigenvalues and orthonormal eigenvectors, in columns, of Hermitian matrices,
    which real symmetric ones are.

    Args: UPLO: the half that is read, "L" or "U".
    Shapes: (..., n, n) -> (..., n), (..., n, n). Dtypes: floating, complex.
    Raises: LinAlgError for NaN, ShapeError. Gradients of eigenvectors need distinct eigenvalues.

    Example:
        >>> nnx.linalg.eigh(nnx.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    _check.choice("eigh", "UPLO", UPLO, ("L", "U"))
    x = floats(x)
    return EighResult(*ops.linalg_eigh(x if UPLO == "L" else x.mH))


def eigvalsh(x: TensorLike, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; see `eigh`.

    Example:
        >>> nnx.linalg.eigvalsh(nnx.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigh(x, UPLO).eigenvalues


def eig(x: TensorLike) -> EigResult:
    """Eigenvalues and eigenvectors of length 1, in columns, of any square matrices: both complex.

    They come in no order; those of a real matrix are real or in conjugate pairs.
    Shapes: (..., n, n) -> (..., n), (..., n, n). Dtypes: floating, complex -> complex.
    Raises: LinAlgError for NaN, ShapeError. Gradients of eigenvectors need distinct eigenvalues,
        and a loss that does not depend on the phase of a vector.

    Example:
        >>> nnx.linalg.eig(nnx.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues.tolist()
        [1j, -1j]
    """
    return EigResult(*ops.linalg_eig(floats(x)))


def eigvals(x: TensorLike) -> Tensor:
    """The eigenvalues of square matrices, complex, in no order; see `eig`.

    Example:
        >>> nnx.linalg.eigvals(nnx.tensor([[2.0, 0.0], [0.0, 1.0]])).real.tolist()
        [2.0, 1.0]
    """
    return eig(x).eigenvalues


def svd(x: TensorLike, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition x = U @ diag(S) @ Vh, S descending.

    Args: full_matrices: square U and Vh (without a gradient, unless x is square), or k columns
        and rows, k = min(m, n).
    Shapes: (..., m, n) -> (..., m, m), (..., k), (..., n, n), or (..., m, k), (..., k),
        (..., k, n).
    Raises: LinAlgError for NaN, ShapeError; GradientError for gradients of the full form.
        Gradients of U and Vh need distinct singular values.

    Example:
        >>> nnx.linalg.svd(nnx.tensor([[0.0, 2.0], [1.0, 0.0]])).S
        tensor([2., 1.])
    """
    return SVDResult(*ops.linalg_svd(floats(x), bool(full_matrices)))


def svdvals(x: TensorLike) -> Tensor:
    """The singular values, descending; see `svd`.

    Example:
        >>> nnx.linalg.svdvals(nnx.tensor([[0.0, 2.0], [1.0, 0.0]]))
        tensor([2., 1.])
    """
    return ops.linalg_svd(floats(x))[1]
