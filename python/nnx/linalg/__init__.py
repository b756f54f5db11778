"""Linear algebra: solving, factorising, norms. Matrices stand in the last two axes, so every
function takes stacks of them; all have gradients of any order, except where it is said.

Names and meaning are those of the Python array API standard and of NumPy's numpy.linalg; what
PyTorch calls differently answers to its name, too. Computed by LAPACK in float32, float64,
complex64 or complex128.

Example:
    >>> a = nnx.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> nnx.linalg.solve(a, nnx.tensor([3.0, 4.0])).round(decimals=6).tolist()
    [1.0, 1.0]
"""

from nnx._nnx import LinAlgError, cross, matmul, matrix_transpose, outer, tensordot, vecdot
from nnx.linalg.factors import cholesky, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from nnx.linalg.matrices import (
    cond,
    diagonal,
    matrix_power,
    matrix_rank,
    multi_dot,
    trace,
)
from nnx.linalg.norms import matrix_norm, norm, vector_norm
from nnx.linalg.results import (
    EighResult,
    EigResult,
    LstsqResult,
    QRResult,
    SlogdetResult,
    SVDResult,
)
from nnx.linalg.solving import det, inv, logdet, lstsq, pinv, slogdet, solve, solve_triangular

__all__ = [
    "EigResult",
    "EighResult",
    "LinAlgError",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
