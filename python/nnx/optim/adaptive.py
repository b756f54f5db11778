"""RMSprop, Adagrad, Adadelta, Rprop: a step size for each number, from its past gradients."""

from __future__ import annotations

import math
from typing import Any, Unpack

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, no_grad, ones, where
from nnx.optim.fused import Bucket, FusedOptimizer
from nnx.optim.optimizer import Params, Performance, check_flags, check_pair, check_reals


class RMSprop(FusedOptimizer):
    """Gradients divided by the root of their running mean square.

    d = g + weight_decay p; v = alpha v + (1 - alpha) d^2; with `centered` a = alpha a +
    (1 - alpha) d and v - a^2 in place of v; p = p - lr d / (sqrt(v) + eps), or with momentum
    b = momentum b + d / (sqrt(v) + eps); p = p - lr b.

    Args:
        params: the parameters, or groups of them.
        lr, alpha, eps, weight_decay, momentum: numbers of at least 0.
        centered: divides by an estimate of the standard deviation.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Hinton, lecture notes 6e; centered: Graves, arXiv:1308.0850.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.RMSprop([w], lr=0.05)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 4)
        2.5
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "alpha", "eps", "weight_decay", "momentum")
        check_flags(op, group, "centered", "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        alpha, centered, momentum = group["alpha"], group["centered"], group["momentum"]
        update = (
            (_nnx.rmsprop_centered_momentum_update if momentum else _nnx.rmsprop_centered_update)
            if centered
            else (_nnx.rmsprop_momentum_update if momentum else _nnx.rmsprop_update)
        )
        states = [bucket.buffer("square_avg")]
        if centered:
            states.append(bucket.buffer("grad_avg"))
        numbers = [group["weight_decay"], alpha, 1.0 - alpha, group["eps"], group["lr"]]
        if momentum:
            states.append(bucket.buffer("momentum_buffer"))
            numbers.append(momentum)
        update(bucket.params, bucket.gradients(group["maximize"]), states, *numbers)


class Adagrad(FusedOptimizer):
    """Gradients divided by the root of the sum of their squares.

    d = g + weight_decay p; s = s + d^2; p = p - lr / (1 + (t - 1) lr_decay) d / (sqrt(s) + eps)
    in step t.

    Args:
        params: the parameters, or groups of them.
        lr, lr_decay, weight_decay, eps: numbers of at least 0.
        initial_accumulator_value: what s starts from, at least 0.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Duchi, Hazan, Singer, JMLR 12 (2011), 2121.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [2.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        names = ("lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value")
        check_reals(op, group, *names)
        check_flags(op, group, "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        _nnx.adagrad_update(
            bucket.params,
            bucket.gradients(group["maximize"]),
            (bucket.buffer("sum", group["initial_accumulator_value"]),),
            group["weight_decay"],
            group["lr"] / (1.0 + (bucket.step - 1) * group["lr_decay"]),
            group["eps"],
        )


class Adadelta(FusedOptimizer):
    """Steps that have the size of the steps before, whatever the size of the gradients.

    d = g + weight_decay p; s = rho s + (1 - rho) d^2; e = sqrt(a + eps) / sqrt(s + eps) d;
    a = rho a + (1 - rho) e^2; p = p - lr e.

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay: numbers of at least 0.
        rho: in [0, 1].
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Zeiler, arXiv:1212.5701.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.Adadelta([w], rho=0.0, eps=0.25)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 3)
        2.502
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay")
        group["rho"] = _check.real(op, "rho", group["rho"], 0.0, 1.0)
        check_flags(op, group, "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        rho = group["rho"]
        _nnx.adadelta_update(
            bucket.params,
            bucket.gradients(group["maximize"]),
            (bucket.buffer("square_avg"), bucket.buffer("acc_delta")),
            group["weight_decay"],
            rho,
            1.0 - rho,
            group["eps"],
            group["lr"],
        )


class Rprop(FusedOptimizer):
    """Steps along the sign of the gradient, longer while it stays and shorter when it turns.

    For each number: size = clamp(size eta, least, most), with eta = etas[1] where g and the
    gradient before have one sign, etas[0] where they have opposite signs (g counts as 0 then),
    and 1 otherwise; p = p - sign(g) size. For gradients of the whole data set, not of batches.

    Args:
        params: the parameters, or groups of them.
        lr: the first size, at least 0.
        etas: (shrink, grow), 0 < shrink < 1 < grow.
        step_sizes: (least, most) size.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Riedmiller, Braun, ICNN 1993.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0, -4.0]))
        >>> opt = optim.Rprop([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [2.5, -3.5]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr")
        check_pair(op, group, "etas", high=math.inf)
        check_pair(op, group, "step_sizes", high=math.inf)
        check_flags(op, group, "maximize")
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            rule = "etas must be (shrink, grow) with 0 < shrink < 1 < grow"
            raise fail(ArgumentError, op, rule, describe(group["etas"], "etas"))
        if group["step_sizes"][0] > group["step_sizes"][1]:
            rule = "step_sizes must be (least, most)"
            raise fail(ArgumentError, op, rule, describe(group["step_sizes"], "step_sizes"))

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        (shrink, grow), (least, most) = group["etas"], group["step_sizes"]
        sizes = bucket.buffer("step_size", group["lr"])
        before = bucket.buffer("prev")
        sign = 1.0 if group["maximize"] else -1.0
        with no_grad():
            for p, last, size in zip(bucket.params, before, sizes, strict=True):
                g = p.grad
                assert g is not None  # a bucket's parameters all have one
                # The sign of -g is as good as that of g, as long as `prev` is PyTorch's.
                turn = (last * g).mul_(-sign)
                turned = turn < 0
                one = ones((), dtype=p.dtype, device=p.device)
                size.mul_(where(turned, shrink, where(turn > 0, grow, one)))
                size.clamp_(least, most)
                last.copy_(where(turned, 0.0, g if sign < 0 else -g))
                p.addcmul_(last.sign(), size, value=-1.0)
