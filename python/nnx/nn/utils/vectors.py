"""All parameters as one vector, and back."""

from __future__ import annotations

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, concat, no_grad
from nnx.nn.utils.gradients import Tensors, listed


def parameters_to_vector(parameters: Tensors) -> Tensor:
    """All elements of all parameters, one after the other.

    Shapes: one axis. Raises: ArgumentError for no parameters.

    Example:
        >>> nn.utils.parameters_to_vector([nnx.ones((2, 2)), nnx.zeros(1)]).tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    found = listed("parameters_to_vector", "parameters", parameters)
    if not found:
        raise fail(ArgumentError, "parameters_to_vector", "there are no parameters")
    return concat([p.reshape((-1,)) for p in found])


def vector_to_parameters(vec: Tensor, parameters: Tensors) -> None:
    """Copies the elements of a vector into the parameters, one after the other.

    Raises: ShapeError, before anything is written, where the vector has not one element for each
        of the parameters'.

    Example:
        >>> w = nn.Parameter(nnx.zeros((2, 1)))
        >>> nn.utils.vector_to_parameters(nnx.tensor([1.0, 2.0]), [w])
        >>> w.tolist()
        [[1.0], [2.0]]
    """
    op = "vector_to_parameters"
    (vector,) = listed(op, "vec", vec) or [vec]
    found = listed(op, "parameters", parameters)
    count = sum(p.numel() for p in found)
    if vector.ndim != 1 or vector.numel() != count:
        rule = f"the vector must have one axis and as many elements as the parameters, {count}"
        raise fail(ShapeError, op, rule, describe(vector, "vec"))
    start = 0
    with no_grad():
        for p in found:
            p.copy_(vector[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
