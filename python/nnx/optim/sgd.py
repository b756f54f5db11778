"""SGD and ASGD: gradient descent with momentum, or with an average of the way."""

from __future__ import annotations

from typing import Any, Unpack

from nnx import _check, _nnx
from nnx._errors import fail
from nnx._nnx import ArgumentError, no_grad
from nnx.optim.fused import Bucket, FusedOptimizer
from nnx.optim.optimizer import Params, Performance, check_flags, check_reals


class SGD(FusedOptimizer):
    """Stochastic gradient descent.

    d = g + weight_decay p; with momentum m = momentum m + (1 - dampening) d (the first m is d);
    p = p - lr d without momentum, p - lr m with it, p - lr (d + momentum m) with Nesterov's.

    Args:
        params: the parameters, or groups of them.
        lr, momentum, dampening, weight_decay: numbers of at least 0.
        nesterov: needs momentum and no dampening.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
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
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "momentum", "weight_decay")
        group["dampening"] = _check.real(op, "dampening", group["dampening"])
        check_flags(op, group, "nesterov", "maximize")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            rule = "nesterov needs a momentum above 0 and dampening 0"
            received = f"momentum = {group['momentum']}, dampening = {group['dampening']}"
            raise fail(ArgumentError, op, rule, received)

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        lr, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        # Climbing is descending with -g: the sign moves to the numbers that multiply g's term.
        sign = -1.0 if group["maximize"] else 1.0
        if momentum == 0:
            _nnx.sgd_update(bucket.params, None, (), sign * lr, sign * decay)
            return
        kept, undamped = momentum, 1.0 - group["dampening"]
        if "momentum_buffer" not in bucket.buffers:
            kept, undamped = 0.0, 1.0
        states = (bucket.buffer("momentum_buffer"),)
        step_m, step_d = (lr * momentum, lr) if group["nesterov"] else (lr, 0.0)
        _nnx.momentum_update(
            bucket.params, None, states, sign * decay, kept, sign * undamped, step_m, sign * step_d
        )


class ASGD(FusedOptimizer):
    """Averaged stochastic gradient descent: plain steps that shrink, and the mean of their ends.

    d = g + weight_decay p; p = (1 - lambd eta) p - eta d; ax = ax + mu (p - ax); and for the next
    step eta = lr / (1 + lambd lr t)^alpha, mu = 1 / max(1, t - t0), after t steps. The average
    stands in `state[p]["ax"]`.

    Args:
        params: the parameters, or groups of them.
        lr, lambd, alpha, t0, weight_decay: numbers of at least 0; averaging starts after t0 steps.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992), 838, with PyTorch's formulas.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.ASGD([w], lr=0.25, lambd=0)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist(), opt.state[w]["ax"].tolist()
        ([1.5], [1.5])
    """

    number_names = ("eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "lambd", "alpha", "t0", "weight_decay")
        check_flags(op, group, "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        t, lr, lambd, numbers = bucket.step, group["lr"], group["lambd"], bucket.numbers
        eta, mu = numbers.get("eta", lr), numbers.get("mu", 1.0)
        averages = bucket.buffer("ax")
        sign = -1.0 if group["maximize"] else 1.0
        decay = group["weight_decay"] + lambd  # both act as eta times p
        _nnx.sgd_update(bucket.params, None, (), sign * eta, sign * decay)
        if mu == 1:
            with no_grad():
                for average, p in zip(averages, bucket.params, strict=True):
                    average.copy_(p)
        else:
            _nnx.ema_update(averages, bucket.params, (), mu)
        numbers["eta"] = lr / (1.0 + lambd * lr * t) ** group["alpha"]
        numbers["mu"] = 1.0 / max(1.0, t - group["t0"])
