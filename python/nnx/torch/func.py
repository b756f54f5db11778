"""torch.func: functions from functions, of nnx.transforms and nnx.function.

Example:
    >>> import nnx.torch as torch
    >>> torch.func.vmap(torch.func.grad(lambda x: x**2))(torch.tensor([1.0, 2.0])).tolist()
    [2.0, 4.0]
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nnx.function import Argnums, grad, value_and_grad
from nnx.lanes import vmap
from nnx.transforms import hessian, jacfwd, jacrev, jvp, vjp

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of func and its value, in this order.

    Raises: as nnx.value_and_grad.

    Example:
        >>> import nnx.torch as torch
        >>> torch.func.grad_and_value(lambda x: x**2)(torch.tensor(3.0))
        (tensor(6.), tensor(9.))
    """
    both = value_and_grad(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args: Any, **keywords: Any) -> Any:
        value, gradient = both(*args, **keywords)
        return gradient, value

    return wrapped
