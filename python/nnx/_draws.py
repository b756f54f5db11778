"""How nnx.random draws: parameters and sizes as they come, rejection, running sums, gammas.

Everything is computed in float64, on the device of the tensors among the parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import nnx
from nnx._errors import describe, fail, offending
from nnx._nnx import ArgumentError, DTypeError, Generator, ShapeError, Tensor

Size = Any


def whole(value: Any) -> int | None:
    """A whole number of Python or NumPy, also a tensor or array without axes; None for others."""
    if getattr(value, "ndim", 0):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def size_of(op: str, size: Size) -> tuple[int, ...]:
    """size as a shape: one whole number is the length of one axis, None no axis."""
    if size is None:
        return ()
    one = whole(size)
    if one is not None:
        return (one,)
    try:
        return tuple(operator.index(n) for n in size)
    except TypeError:
        rule = "size must be a whole number or several"
        raise fail(DTypeError, op, rule, describe(size, "size")) from None


def shape_of(op: str, size: Size, *parameters: Tensor) -> tuple[int, ...]:
    """The shape of the result: size, else that of the parameters, which must broadcast to it."""
    own = tuple(nnx.broadcast_shapes(*[p.shape for p in parameters]))
    if size is None:
        return own
    shape = size_of(op, size)
    if len(own) > len(shape) or any(
        a not in (1, b) for a, b in zip(reversed(own), reversed(shape), strict=False)
    ):
        rule = "the parameters must broadcast to size"
        raise fail(ShapeError, op, rule, f"parameters {own}, size {shape}")
    return shape


def device_of(*values: Any) -> Any:
    """Where the tensors among the parameters are, else the default."""
    return next((v.device for v in values if isinstance(v, Tensor)), nnx.get_default_device())


def known(value: Any, device: Any) -> Tensor:
    """A parameter in float64, apart from any graph; numbers and lists go to the device."""
    if isinstance(value, Tensor):
        return value.detach().to(nnx.float64)
    return nnx.asarray(value, dtype=nnx.float64, device=device)


def ready(op: str, size: Size, *values: Any) -> list[Tensor]:
    """Parameters in float64, broadcast to the shape of the result; numbers go where tensors are."""
    device = device_of(*values)
    parameters = [known(v, device) for v in values]
    shape = shape_of(op, size, *parameters)
    return [nnx.broadcast_to(p, shape) for p in parameters]


def need(op: str, holds: Tensor, rule: str, value: Any, event: int = 0) -> None:
    """ArgumentError with this rule unless it holds everywhere; members have `event` axes."""
    if not bool(holds.all()):
        raise fail(ArgumentError, op, rule, offending(value, holds, event=event))


def dtype_of(dtype: Any, *values: Any) -> Any:
    """The one that is asked for, else that of floating parameters, else the default."""
    if dtype is not None:
        return dtype
    tensors = [v for v in values if isinstance(v, Tensor) and v.is_floating_point()]
    return tensors[0].dtype if tensors else nnx.get_default_dtype()


def accepted(parameters: list[Tensor], draw: Callable[..., tuple[Tensor, Tensor]]) -> Tensor:
    """draw(*parameters) gives proposals and where they are accepted: repeated for the others."""
    shape = parameters[0].shape
    flat = [p.reshape((-1,)) for p in parameters]
    out = nnx.zeros_like(flat[0])
    left = nnx.arange(out.numel(), device=out.device)
    while left.numel():
        values, kept = draw(*[p[left] for p in flat])
        out[left[kept]] = values[kept]
        left = left[~kept]
    return out.reshape(shape)


def bound(value: Any, device: Any) -> Tensor:
    """Whole numbers in int64; DTypeError for others, ArgumentError for those beyond."""
    v = value.detach() if isinstance(value, Tensor) else nnx.asarray(value, device=device)
    if v.is_floating_point() or v.is_complex() or v.dtype == nnx.bool:
        rule, hint = "bounds must be whole numbers", "convert them, for example with .long()"
        raise fail(DTypeError, "integers", rule, describe(value), hint)
    out = v.to(nnx.int64)
    if v.dtype == nnx.uint64:
        need("integers", out >= 0, "bounds must be below 2**63", v)
    return out


def between(low: Any, high: Any, size: Size, endpoint: bool, generator: Generator | None) -> Tensor:
    """Whole numbers in [low, high), or up to high with endpoint, of bounds that broadcast."""
    device = device_of(low, high)
    a, b = bound(low, device), bound(high, device)
    shape = shape_of("integers", size, a, b)
    a, b = nnx.broadcast_to(a, shape), nnx.broadcast_to(b, shape)
    some, sign = (a <= b, "<=") if endpoint else (a < b, "<")
    both = nnx.stack([a, b], -1)
    need("integers", some, f"needs low {sign} high", both, 1)
    n = b - a + int(endpoint)  # at most 2**64, but what int64 cannot hold is below 1
    need("integers", n > 0, "several bounds must have fewer than 2**63 numbers between", both, 1)
    most = 2**63 - 1

    def draw(n: Tensor) -> tuple[Tensor, Tensor]:
        r = nnx.randint(0, most, n.shape, generator=generator, device=n.device)
        k = r % n
        return k, r - k <= most - n  # not in the last part, which has fewer than n

    return a + accepted([n], draw)


def gamma_factors(a: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
    """x and the logarithm of p, whose product x p is a draw with the shape parameter a: p, which
    a small a makes too small for a number, is 1 from a = 1 on."""

    def draw(d: Tensor) -> tuple[Tensor, Tensor]:
        x = nnx.randn(d.shape, dtype=nnx.float64, device=d.device, generator=generator)
        u = nnx.rand(d.shape, dtype=nnx.float64, device=d.device, generator=generator)
        v = (1 + x / nnx.sqrt(9 * d)) ** 3
        bound = 0.5 * x**2 + d - d * v + d * nnx.log(v.clip(1e-300))
        return d * v, (v > 0) & (nnx.log(u) < bound)

    small = a < 1  # x u^(1 / a) of an x for a + 1
    x = accepted([nnx.where(small, a + 1, a) - 1 / 3], draw)
    if not bool(small.any()):
        return x, nnx.zeros_like(a)
    u = nnx.rand(a.shape, dtype=nnx.float64, device=a.device, generator=generator)
    log: Tensor = nnx.where(small, nnx.log1p(-u) / a.clip(1e-300), 0.0)
    return x, log


def log_gammas(a: Tensor, generator: Generator | None = None) -> Tensor:
    """Logarithms of `standard_gamma` with the shape parameters a, in float64: with a small a the
    draws themselves would be 0, and the share of one in a sum 0 / 0.

    Example:
        >>> from nnx._draws import log_gammas
        >>> bool(nnx.isfinite(log_gammas(nnx.tensor([1e-9]))).all())
        True
    """
    x, log = gamma_factors(a.detach().to(nnx.float64), generator)
    return nnx.log(x) + log


def counted(
    first: Tensor, following: Callable[[Tensor, int], Tensor], generator: Generator | None
) -> Tensor:
    """Counts by their probabilities: the first one whose running sum is above a uniform number."""
    u = nnx.rand(first.shape, dtype=nnx.float64, device=first.device, generator=generator)
    p, below, k = first, first, nnx.zeros_like(first)
    for i in range(1, 200):
        beyond = u >= below
        if not bool(beyond.any()):
            break
        k = k + beyond.to(nnx.float64)
        p = following(p, i)
        below = below + p
    return k
