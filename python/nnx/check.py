"""Gradients against central differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from nnx import _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, GradientError, Tensor


def check_grad(
    f: Callable[..., Any],
    *inputs: Any,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> bool:
    """Whether the gradient of f agrees with central differences, in float64.

    Every floating input is taken to float64, every complex one to complex128. With fixed random
    weights w on the outputs, s = sum(w * f(x)); ds/dx_i is compared with
    (s(x + h e_i) - s(x - h e_i)) / (2 h), h = eps * max(1, |x_i|). Of complex numbers the real and
    the imaginary parts are taken for numbers of their own: the gradient is ds/dx + i ds/dy.

    Raises: GradientError that names the input and the element where they disagree.

    Example:
        >>> nnx.check_grad(lambda x, y: x @ y, nnx.rand(2, 3), nnx.rand(3))
        True
    """
    if not eps > 0:
        raise fail(ArgumentError, "check_grad", "eps must be above 0", describe(eps, "eps"))
    arguments: list[Any] = []
    checked: list[tuple[int, Tensor]] = []
    for number, value in enumerate(inputs):
        tensor = value if isinstance(value, Tensor) else None
        if tensor is None and _is_array_of_floats(value):
            tensor = _nnx.asarray(value)
        if tensor is None or not (tensor.is_floating_point() or tensor.is_complex()):
            arguments.append(value)
            continue
        wide = _nnx.complex128 if tensor.is_complex() else _nnx.float64
        copy = tensor.detach().to(wide).clone().requires_grad_()
        arguments.append(copy)
        checked.append((number, copy))
    if not checked:
        raise fail(
            GradientError, "check_grad", "no input is floating or complex", f"{len(inputs)} inputs"
        )

    weights: list[Tensor] = []
    generator = _nnx.Generator().manual_seed(20)

    def weighted() -> Any:
        outputs = f(*arguments)
        outputs = outputs if isinstance(outputs, list | tuple) else (outputs,)
        tensors = [_parts(y) for y in outputs if isinstance(y, Tensor)]
        floats = [y for y in tensors if y.is_floating_point()]
        if not weights:
            weights.extend(
                _nnx.rand(*y.shape, dtype=_nnx.float64, generator=generator) + 0.5 for y in floats
            )
        terms = [(y.to(_nnx.float64) * w).sum() for y, w in zip(floats, weights, strict=True)]
        if not terms:
            raise fail(GradientError, "check_grad", "the function returns no floating tensor")
        return sum(terms[1:], terms[0])

    with _nnx.enable_grad():
        total = weighted()
        if not total.requires_grad:
            raise fail(
                GradientError, "check_grad", "the result does not depend on the inputs by its graph"
            )
        gradients = _nnx.grad(total, [x for _, x in checked], materialize_grads=True)

    with _nnx.no_grad():
        for (number, x), gradient in zip(checked, gradients, strict=True):
            cells, slopes = _parts(x), _parts(gradient)
            for index in itertools.product(*map(range, cells.shape)):
                here = cells[index].item()
                step = eps * max(1.0, abs(here))
                cells[index] = here + step
                above = weighted().item()
                cells[index] = here - step
                below = weighted().item()
                cells[index] = here
                numeric = (above - below) / ((here + step) - (here - step))
                found = slopes[index].item()
                if not abs(found - numeric) <= atol + rtol * max(abs(numeric), abs(found)):
                    place = f"[{', '.join(map(str, index))}]" if index else ""
                    raise fail(
                        GradientError,
                        "check_grad",
                        f"the gradient in input {number}{place} is not what differences give",
                        f"gradient {found:.10g}, central difference {numeric:.10g} at {here:.10g}",
                    )
    return True


def _parts(x: Tensor) -> Tensor:
    """The tensor, or the real and imaginary parts of a complex one along a last axis."""
    return _nnx.view_as_real(x) if x.is_complex() else x


def _is_array_of_floats(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        return getattr(dtype, "kind", "") in ("f", "c")
    return isinstance(value, float | complex)
