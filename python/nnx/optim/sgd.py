"""SGD: gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError, momentum_step, sgd_step
from nnx.optim.optimizer import Bucket, FusedOptimizer, Params, check_flags, check_reals


class SGD(FusedOptimizer):
    """Stochastic gradient descent.

    d = g + weight_decay p; with momentum m = momentum m + (1 - dampening) d (the first m is d);
    p = p - lr d without momentum, p - lr m with it, p - lr (d + momentum m) with Nesterov's.

    Args:
        params: the parameters, or groups of them.
        lr, momentum, dampening, weight_decay: numbers of at least 0.
        nesterov: needs momentum and no dampening.
        maximize: climbs instead of descending.

    Raises: ArgumentError for an option outside its range.
    Source: Sutskever et al., ICML 2013, with PyTorch's formulas.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [1.5]
    """

    counts_steps = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        self._check_options(defaults)
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        check_reals("SGD", group, "lr", "momentum", "weight_decay")
        group["dampening"] = _check.real("SGD", "dampening", group["dampening"])
        check_flags("SGD", group, "nesterov", "maximize")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            rule = "nesterov needs a momentum above 0 and dampening 0"
            received = f"momentum = {group['momentum']}, dampening = {group['dampening']}"
            raise fail(ArgumentError, "SGD", rule, received)

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        lr, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        # Climbing is descending with -g: the sign moves to the numbers that multiply g's term.
        sign = -1.0 if group["maximize"] else 1.0
        if momentum == 0:
            sgd_step(bucket.params, None, sign * lr, sign * decay)
            return
        kept, undamped = momentum, 1.0 - group["dampening"]
        if "momentum_buffer" not in bucket.buffers:
            kept, undamped = 0.0, 1.0
        buffers = bucket.buffer("momentum_buffer")
        step_m, step_d = (lr * momentum, lr) if group["nesterov"] else (lr, 0.0)
        momentum_step(
            bucket.params, None, buffers, sign * decay, kept, sign * undamped, step_m, sign * step_d
        )
