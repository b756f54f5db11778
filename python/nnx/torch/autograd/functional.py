"""torch.autograd.functional: Jacobians, Hessians and products with them, at given inputs.

Example:
    >>> import nnx.torch as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
from nnx._nnx import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of func at inputs, a tensor or a tuple of them: nnx.jacobian(func, inputs).

    Args: create_graph: has no effect: what inputs need a gradient for is followed anyway. strict,
        vectorize, strategy: have no effect.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.jacobian(torch.exp, torch.zeros(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return nnx.jacobian(func, inputs)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of func, which returns one number, at inputs: nnx.hessian(func, inputs).

    Args: as `jacobian`.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.hessian(lambda x: (x * x).sum(), torch.ones(2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    return nnx.hessian(func, inputs)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _like(found: Any, inputs: Any) -> Any:
    parts = _several(found)
    return parts if isinstance(inputs, tuple | list) else parts[0]


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """func's value, and v J, the product of v with its Jacobian from the left.

    Args: v: like the value; 1 unless given, for a value of one number.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.vjp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    value, pull = nnx.vjp(func, *_several(inputs))
    ones = nnx.ones_like(value) if v is None and isinstance(value, Tensor) else v
    return value, _like(pull(ones), inputs)


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """func's value, and J v, the product of its Jacobian with v.

    Args: v: like inputs; 1 unless given, for an input of one number.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.jvp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    given = _several(inputs)
    tangents = tuple(nnx.ones_like(x) for x in given) if v is None else _several(v)
    found: tuple[Any, Any] = nnx.jvp(func, given, tangents)
    return found


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """func's value, and H v, the product of its Hessian with v.

    Args: v: like inputs; 1 unless given, for an input of one number.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    given = _several(inputs)
    tangents = tuple(nnx.ones_like(x) for x in given) if v is None else _several(v)
    slope = nnx.grad(func, argnums=tuple(range(len(given))))
    _, product = nnx.jvp(slope, given, tangents)
    with nnx.no_grad():
        value = func(*given)
    return value, _like(product, inputs)


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """As `hvp`: Hessians are symmetric.

    Example:
        >>> import nnx.torch as torch
        >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
        (tensor(2.), tensor([6., 6.]))
    """
    return hvp(func, inputs, v, create_graph, strict)
