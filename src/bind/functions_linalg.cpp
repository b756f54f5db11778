// Linear algebra: the factorisations and solvers that nnx.linalg is written with.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"

namespace nnx::bind {

using namespace core;

namespace {

PyObject* solve(Args& a) { return give(ops::solve(a.tensor("x"), a.tensor("y"))); }
PyObject* triangular(Args& a) {
  return give(ops::solve_triangular(a.tensor("x"), a.tensor("y"), a.flag("upper", false),
                                    a.flag("unit", false)));
}
PyObject* cholesky(Args& a) { return give(ops::cholesky(a.tensor("x"))); }
PyObject* slogdet(Args& a) { return give(ops::slogdet(a.tensor("x"))); }
PyObject* qr(Args& a) { return give(ops::qr(a.tensor("x"), a.flag("complete", false))); }
PyObject* eigh(Args& a) { return give(ops::eigh(a.tensor("x"))); }
PyObject* eig(Args& a) { return give(ops::eig(a.tensor("x"))); }
PyObject* svd(Args& a) { return give(ops::svd(a.tensor("x"), a.flag("complete", false))); }

const Definition kDefinitions[] = {
    {"linalg_solve", "(x: TensorLike, y: TensorLike) -> Tensor",
     R"(z with x @ z = y; see nnx.linalg.solve.

Shapes: (..., n, n), (..., n, k) -> (..., n, k). dtypes: floating, both the same.

Raises: LinAlgError for a singular matrix; ShapeError, DTypeError.

Example:
    >>> nnx._nnx.linalg_solve(nnx.tensor([[2.0]]), nnx.tensor([[6.0]]))
    tensor([[3.]])
)",
     solve},
    {"linalg_solve_triangular",
     "(x: TensorLike, y: TensorLike, upper: bool = False, unit: bool = False) -> Tensor",
     R"(The same for a triangular x; see nnx.linalg.solve_triangular.

Example:
    >>> nnx._nnx.linalg_solve_triangular(nnx.tensor([[2.0]]), nnx.tensor([[6.0]]))
    tensor([[3.]])
)",
     triangular},
    {"linalg_cholesky", "(x: TensorLike) -> Tensor",
     R"(The lower factor L of x = L @ L.mT; see nnx.linalg.cholesky.

Example:
    >>> nnx._nnx.linalg_cholesky(nnx.tensor([[4.0]]))
    tensor([[2.]])
)",
     cholesky},
    {"linalg_slogdet", "(x: TensorLike) -> tuple[Tensor, Tensor]",
     R"(Sign and logarithm of the absolute value of the determinant; see nnx.linalg.slogdet.

Example:
    >>> nnx._nnx.linalg_slogdet(nnx.tensor([[-1.0]]))
    (tensor(-1.), tensor(0.))
)",
     slogdet},
    {"linalg_qr", "(x: TensorLike, complete: bool = False) -> tuple[Tensor, Tensor]",
     R"(Q with orthonormal columns and upper triangular R; see nnx.linalg.qr.

Example:
    >>> q, r = nnx._nnx.linalg_qr(nnx.ones(3, 2))
    >>> q.shape, r.shape
    ((3, 2), (2, 2))
)",
     qr},
    {"linalg_eigh", "(x: TensorLike) -> tuple[Tensor, Tensor]",
     R"(Ascending eigenvalues and eigenvectors of symmetric matrices; see nnx.linalg.eigh.

Example:
    >>> nnx._nnx.linalg_eigh(nnx.tensor([[2.0, 0.0], [0.0, 1.0]]))[0]
    tensor([1., 2.])
)",
     eigh},
    {"linalg_eig", "(x: TensorLike) -> tuple[Tensor, Tensor]",
     R"(Complex eigenvalues and eigenvectors of square matrices; see nnx.linalg.eig.

Example:
    >>> nnx._nnx.linalg_eig(nnx.tensor([[0.0, -1.0], [1.0, 0.0]]))[0]
    tensor([0.+1.j, 0.-1.j])
)",
     eig},
    {"linalg_svd", "(x: TensorLike, complete: bool = False) -> tuple[Tensor, Tensor, Tensor]",
     R"(Singular vectors and descending singular values; see nnx.linalg.svd.

Example:
    >>> nnx._nnx.linalg_svd(nnx.tensor([[0.0, 2.0], [1.0, 0.0]]))[1]
    tensor([2., 1.])
)",
     svd},
};

}  // namespace

void declare_linear_algebra(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
