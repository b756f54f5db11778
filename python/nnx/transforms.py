"""Functions from functions: Jacobians, Hessians and products with them.

All of it follows from two facts. A gradient is made of ops, so it can be differentiated again; and
an op computes many lanes at once as fast as one (`vmap`). A product J v is the transpose of the map
u -> u J, which is linear; a whole Jacobian is one backward pass with a lane for every row, or for
every column where there are fewer of those.

Every transform can stand inside every other. Results can be differentiated again where something
outside asks for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnx import _nnx
from nnx._check import integer
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor, VmapError
from nnx._trees import leaves, rebuilt, tree_map
from nnx.function import Argnums, Followed, grad
from nnx.lanes import check_function, levels

# Lanes of one backward pass for a Jacobian hold at most about this many elements per value: what
# stays in a cache.
_CHUNK_ELEMENTS = 1 << 17


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """f's value, and the function u -> u J, the product with its Jacobian from the left.

    The second of the pair takes a tensor (or a nest of them) like f's value and returns a tuple
    with the gradient in every primal. With has_aux f returns a pair, and its second part comes
    last.

    Raises: ShapeError if u has not the shape of f's value.

    Example:
        >>> y, pull = nnx.vjp(lambda x: x**2, nnx.tensor([1.0, 2.0]))
        >>> pull(nnx.tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    given = Followed("vjp", primals, tuple(range(len(primals))))
    with _nnx.enable_grad():
        result = f(*given.args)
        result, aux = result if has_aux else (result, None)
        outputs = _outputs("vjp", result)
        outer = given.wanted_outside(outputs)

    def pull_back(cotangents: Any) -> tuple[Any, ...]:
        seeds = _like("vjp", cotangents, outputs, "cotangents must be like the value of f")
        roots = [(y, u) for y, u in zip(outputs, seeds, strict=True) if y.requires_grad]
        graph = _nnx.is_grad_enabled() and (outer or any(u.requires_grad for u in seeds))
        found: Sequence[Tensor] = [_nnx.zeros_like(x) for x in given.leaves]
        if roots:
            found = _nnx.grad(
                [y for y, _ in roots],
                given.leaves,
                [u for _, u in roots],
                retain_graph=True,
                create_graph=graph,
                materialize_grads=True,
            )
        return tuple(given.by_argument(found))

    value = result if outer else tree_map(_detached, result)
    return (value, pull_back, aux) if has_aux else (value, pull_back)


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """f's value at primals, and J v, how it changes as they move along tangents.

    Source: the transpose of u -> u J is v -> J v (Townsend, 2017, "A new trick for calculating
    Jacobian vector products").

    Raises: ShapeError if tangents are not like primals.

    Example:
        >>> nnx.jvp(nnx.sin, (nnx.tensor(0.0),), (nnx.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    given = Followed("jvp", tuple(primals), tuple(range(len(primals))))
    along = _like("jvp", tuple(tangents), given.leaves, "tangents must be like primals")
    with _nnx.enable_grad():
        result = f(*given.args)
        result, aux = result if has_aux else (result, None)
        outputs = _outputs("jvp", result)
        outer = given.wanted_outside(outputs) or (
            given.watched and any(v.requires_grad for v in along)
        )
        pulled = _Pulled(outputs, given.leaves)
        found = pulled.transposed(along, graph=outer)
    value = result if outer else tree_map(_detached, result)
    pushed = rebuilt(result, iter(found))
    return (value, pushed, aux) if has_aux else (value, pushed)


class _Pulled:
    """u J as a graph in u, which its transpose is taken from.

    `outputs` that do not depend on `inputs` have no u, and inputs without influence no gradient.
    """

    def __init__(self, outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        self.outputs = outputs
        followed = [y for y in outputs if y.requires_grad]
        # Made after the outputs, so that a walk that looks for u does not enter f's own graph.
        self.seeds = [_nnx._spread(_nnx.zeros_like(y), y).requires_grad_() for y in followed]
        self.products: Sequence[Tensor | None] = [None] * len(inputs)
        if followed:
            self.products = _nnx.grad(
                followed, list(inputs), self.seeds, create_graph=True, allow_unused=True
            )

    def spread(self, found: Sequence[Tensor] | None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Every output with what was found for its seed."""
        following = iter(found or ())
        for y in self.outputs:
            yield y, next(following) if found and y.requires_grad else None

    def transposed(self, along: Sequence[Tensor], *, graph: bool) -> list[Tensor]:
        """J v, for every output."""
        pairs = [
            (g, v)
            for g, v in zip(self.products, along, strict=True)
            if g is not None and g.requires_grad
        ]
        found: Sequence[Tensor] = [_nnx.zeros_like(u) for u in self.seeds]
        if pairs:
            found = _nnx.grad(
                [g for g, _ in pairs],
                self.seeds,
                [v for _, v in pairs],
                create_graph=graph,
                materialize_grads=True,
            )
        return [_nnx.zeros_like(y) if t is None else t for y, t in self.spread(found)]


def jacobian(
    f: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Any:
    """The function that computes the Jacobian of f: J[i..., j...] = d f[i...] / d x[j...].

    argnums says in which arguments (an int or a tuple of ints); nested arguments and values give
    nested Jacobians, value first. Called with tensors in place of argnums, `nnx.jacobian(f, x)` is
    the Jacobian at x. Rows or columns are computed as lanes of one pass, whichever are fewer;
    chunk_size limits how many at a time.

    Shapes: f: x (n...) -> (m...); the Jacobian has (m..., n...).

    Raises: DTypeError for integer arguments; ArgumentError for argnums that name no argument.

    Example:
        >>> def residuals(p):
        ...     return nnx.stack([10 * (p[1] - p[0] ** 2), 1 - p[0]])
        >>> nnx.jacobian(residuals)(nnx.tensor([-1.2, 1.0]))
        tensor([[24., 10.],
                [-1.,  0.]])
    """
    return _jacobian("jacobian", f, argnums, has_aux, chunk_size, None)


def jacrev(
    f: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Any:
    """jacobian row by row: for values of few numbers.

    Example:
        >>> nnx.jacrev(lambda x: x**2)(nnx.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _jacobian("jacrev", f, argnums, has_aux, chunk_size, False)


def jacfwd(
    f: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Any:
    """jacobian column by column: for arguments of few numbers.

    Example:
        >>> nnx.jacfwd(lambda x: x**2)(nnx.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _jacobian("jacfwd", f, argnums, has_aux, chunk_size, True)


def _jacobian(
    op: str,
    f: Callable[..., Any],
    argnums: Any,
    has_aux: bool,
    chunk_size: int | None,
    columns: bool | None,
) -> Any:
    check_function(op, f)
    if chunk_size is not None:
        chunk_size = integer(op, "chunk_size", chunk_size, 1)
    if not _is_argnums(argnums):
        inputs = argnums if isinstance(argnums, tuple) else (argnums,)
        numbers = tuple(range(len(inputs))) if isinstance(argnums, tuple) else 0
        return _jacobian(op, f, numbers, has_aux, chunk_size, columns)(*inputs)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = Followed(op, args, argnums)
        with _nnx.enable_grad():
            result = f(*given.args, **kwargs)
            result, aux = result if has_aux else (result, None)
            outputs = _outputs(op, result)
            outer = given.wanted_outside(outputs)
            inside = sum(x.numel() for x in given.leaves)
            rows = sum(y.numel() for y in outputs)
            # Columns take two passes more, which build the graph of u J.
            by_columns = inside + 2 < rows if columns is None else columns
            if by_columns:
                found = _by_columns(outputs, given.leaves, outer, chunk_size)
            else:
                found = [_by_rows(y, given.leaves, outer, chunk_size) for y in outputs]
        answer = rebuilt(result, iter([given.by_argument(row) for row in found]))
        return (answer, aux) if has_aux else answer

    return wrapped


def _by_rows(y: Tensor, inputs: Sequence[Tensor], graph: bool, chunk: int | None) -> list[Tensor]:
    """d y / d x for every x, of shape (*y.shape, *x.shape)."""
    n = y.numel()
    if n == 0 or not y.requires_grad:
        return [_nnx.zeros((*y.shape, *x.shape), dtype=x.dtype, device=x.device) for x in inputs]
    most = chunk or max(1, _CHUNK_ELEMENTS // _nnx._largest_value([y]))
    try:
        parts = [_some_rows(y, inputs, graph, i, min(i + most, n)) for i in range(0, n, most)]
    except VmapError:  # something in the graph cannot be computed for many rows at once
        if most == 1:
            raise
        parts = [_some_rows(y, inputs, graph, i, i + 1) for i in range(n)]
    columns = zip(*parts, strict=True)
    joined = [rows[0] if len(rows) == 1 else _nnx.concatenate(rows) for rows in columns]
    return [rows.reshape((*y.shape, *x.shape)) for rows, x in zip(joined, inputs, strict=True)]


def _some_rows(
    y: Tensor, inputs: Sequence[Tensor], graph: bool, start: int, stop: int
) -> list[Tensor]:
    count = stop - start
    seeds = _nnx.eye(count, y.numel(), start, dtype=y.dtype, device=y.device).reshape(
        (count, *y.shape)
    )
    level = next(levels)
    seed = seeds[0] if count == 1 else _nnx._lanes_in(seeds, 0, level)
    found = _nnx.grad(
        y, list(inputs), seed, retain_graph=True, create_graph=graph, materialize_grads=True
    )
    return [_nnx._lanes_out(g, 0, level, count) for g in found]


def _by_columns(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], graph: bool, chunk: int | None
) -> list[list[Tensor]]:
    """The same for every output, from rows of the transposed map."""
    pulled = _Pulled(outputs, inputs)
    table: list[list[Tensor]] = [[] for _ in outputs]
    for x, g in zip(inputs, pulled.products, strict=True):
        found: Sequence[Tensor] | None = None
        if g is not None and pulled.seeds:
            found = _by_rows(g, pulled.seeds, graph, chunk)
        for row, (y, t) in zip(table, pulled.spread(found), strict=True):
            if t is None:
                row.append(_nnx.zeros((*y.shape, *x.shape), dtype=x.dtype, device=x.device))
                continue
            order = (*range(x.ndim, x.ndim + y.ndim), *range(x.ndim))
            row.append(_nnx.permute_dims(t, order))
    return table


def hessian(f: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Any:
    """The function that computes the Hessian of f, a function that returns one number.

    H[i..., j...] = d^2 f / d x[i...] d x[j...]. argnums and the form `nnx.hessian(f, x)` are those
    of jacobian.

    Shapes: f: x (n...) -> (); the Hessian has (n..., n...).

    Raises: ShapeError if f does not return one number.

    Example:
        >>> nnx.hessian(lambda p: p[0] ** 2 * p[1])(nnx.tensor([3.0, 5.0]))
        tensor([[10.,  6.],
                [ 6.,  0.]])
    """
    check_function("hessian", f)
    if not _is_argnums(argnums):
        inputs = argnums if isinstance(argnums, tuple) else (argnums,)
        numbers = tuple(range(len(inputs))) if isinstance(argnums, tuple) else 0
        return hessian(f, numbers, has_aux)(*inputs)
    return _jacobian("hessian", grad(f, argnums, has_aux), argnums, has_aux, None, False)


def hvp(f: Callable[..., Any], inputs: Any, v: Any) -> tuple[Any, Any]:
    """f's value and H v, its Hessian times a vector, without the Hessian.

    inputs is a tensor, or a tuple of all arguments of f; v is like inputs.

    Raises: ShapeError if f does not return one number, or v is not like inputs.

    Example:
        >>> nnx.hvp(lambda x: (x**3).sum(), nnx.tensor([1.0, 2.0]), nnx.tensor([1.0, 1.0]))
        (tensor(9.), tensor([ 6., 12.]))
    """
    several = isinstance(inputs, tuple)
    primals, along = (inputs, v) if several else ((inputs,), (v,))

    def slopes(*args: Any) -> Any:
        gradient, value = _with_value(f, tuple(range(len(primals))))(*args)
        return gradient, value

    _, pull, value = vjp(slopes, *primals, has_aux=True)
    found = pull(along)  # the Hessian is symmetric: v H is H v
    return value, found if several else found[0]


def _with_value(f: Callable[..., Any], argnums: Argnums) -> Callable[..., Any]:
    def both(*args: Any) -> Any:
        y = f(*args)
        return y, _detached(y)

    return grad(both, argnums, has_aux=True)


# --- arguments and results -----------------------------------------------------------------------


def _is_argnums(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(isinstance(n, int) for n in value)
    return isinstance(value, int)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _outputs(op: str, result: Any) -> list[Tensor]:
    found = leaves(result)
    for y in found:
        if not isinstance(y, Tensor):
            raise fail(
                DTypeError,
                op,
                "the function must return tensors, or lists, tuples and dictionaries of them",
                describe(y),
                "with has_aux=True it returns a pair, whose second part is anything",
            )
    return found


def _like(op: str, tree: Any, models: Sequence[Tensor], rule: str) -> list[Tensor]:
    """The leaves of tree as tensors like the models."""
    found = leaves(tree)
    if len(found) != len(models):
        raise fail(ShapeError, op, rule, f"{len(found)} tensors for {len(models)}")
    made = []
    for value, model in zip(found, models, strict=True):
        t = _nnx.asarray(value)
        if t.shape != model.shape:
            raise fail(ShapeError, op, rule, f"{describe(t)} for {describe(model)}")
        made.append(t if t.dtype == model.dtype else t.to(model.dtype))
    return made
