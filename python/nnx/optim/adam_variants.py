"""Adamax, NAdam, RAdam: Adam with another norm, with Nesterov's momentum, with a warm-up."""

from __future__ import annotations

import math
from typing import Any, Unpack

from nnx import _nnx
from nnx.optim.adam import weight_decay as _decay_and_keep
from nnx.optim.fused import Bucket, FusedOptimizer
from nnx.optim.optimizer import Params, Performance, check_flags, check_pair, check_reals


class Adamax(FusedOptimizer):
    """Adam with a running maximum in place of the root of the running mean square.

    d = g + weight_decay p; m = beta1 m + (1 - beta1) d; u = max(beta2 u, |d| + eps);
    p = p - lr / (1 - beta1^t) m / u after t steps.

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay: numbers of at least 0.
        betas: both in [0, 1).
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Kingma, Ba, arXiv:1412.6980, section 7.1.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.Adamax([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 4)
        2.5
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay")
        check_pair(op, group, "betas")
        check_flags(op, group, "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        _nnx.adamax_update(
            bucket.params,
            bucket.gradients(group["maximize"]),
            (bucket.buffer("exp_avg"), bucket.buffer("exp_inf")),
            group["weight_decay"],
            1.0 - beta1,
            beta2,
            group["eps"],
            group["lr"] / (1.0 - beta1**bucket.step),
        )


class NAdam(FusedOptimizer):
    """Adam with Nesterov's look ahead, and a momentum that grows at first.

    d = g + weight_decay p; m, v as in Adam; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2);
    p = p - lr (d (1 - mu_t) / (1 - mu_1...mu_t) + m mu_(t+1) / (1 - mu_1...mu_(t+1)))
    / (sqrt(v / (1 - beta2^t)) + eps) after t steps.

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay, momentum_decay: numbers of at least 0.
        betas: both in [0, 1).
        decoupled_weight_decay: p = p (1 - lr weight_decay) instead of the decay in d.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Dozat, ICLR 2016 workshop, with PyTorch's formulas.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.NAdam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> 2.2 < float(w) < 2.5
        True
    """

    number_names = ("mu_product",)

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay", "momentum_decay")
        check_pair(op, group, "betas")
        check_flags(op, group, "decoupled_weight_decay", "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        t, lr = bucket.step, group["lr"]
        beta1, beta2 = group["betas"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * group["momentum_decay"]))
        product = bucket.numbers.get("mu_product", 1.0) * mu
        decay, keep = _decay_and_keep(group)
        _nnx.nadam_update(
            bucket.params,
            bucket.gradients(group["maximize"]),
            (bucket.buffer("exp_avg"), bucket.buffer("exp_avg_sq")),
            decay,
            keep,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            (1.0 - beta2**t) ** -0.5,
            group["eps"],
            lr * (1.0 - mu) / (1.0 - product),
            lr * mu_next / (1.0 - product * mu_next),
        )
        bucket.numbers["mu_product"] = product


class RAdam(FusedOptimizer):
    """Adam that goes by the mean gradient alone until its estimate of the variance is usable.

    d = g + weight_decay p; m, v as in Adam; r = 2 / (1 - beta2) - 1;
    r_t = r - 2 t beta2^t / (1 - beta2^t) after t steps. Where r_t > 5,
    p = p - lr m / (1 - beta1^t) sqrt(1 - beta2^t) / (sqrt(v) + eps)
    sqrt((r_t - 4)(r_t - 2) r / ((r - 4)(r - 2) r_t)); before, p = p - lr m / (1 - beta1^t).

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay: numbers of at least 0.
        betas: both in [0, 1).
        decoupled_weight_decay: p = p (1 - lr weight_decay) instead of the decay in d.
        maximize: climbs instead of descending.
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError for an option outside its range.
    Source: Liu et al., arXiv:1908.03265, with PyTorch's formulas.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 4)
        1.5
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay")
        check_pair(op, group, "betas")
        check_flags(op, group, "decoupled_weight_decay", "maximize")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        t = bucket.step
        beta1, beta2 = group["betas"]
        known = 1.0 - beta2**t
        longest = 2.0 / (1.0 - beta2) - 1.0
        length = longest - 2.0 * t * beta2**t / known
        plain, rectified, eps = group["lr"] / (1.0 - beta1**t), 0.0, group["eps"]
        if length > 5:
            ratio = (length - 4) * (length - 2) * longest
            ratio /= (longest - 4) * (longest - 2) * length
            plain, rectified = 0.0, plain * math.sqrt(known) * math.sqrt(ratio)
        else:
            eps = 1.0  # divides nothing, but must not be 0
        decay, keep = _decay_and_keep(group)
        _nnx.radam_update(
            bucket.params,
            bucket.gradients(group["maximize"]),
            (bucket.buffer("exp_avg"), bucket.buffer("exp_avg_sq")),
            decay,
            keep,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            eps,
            plain,
            rectified,
        )
