"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, Tensor, adam_step, maximum, no_grad
from nnx.optim.optimizer import Bucket, FusedOptimizer, Params, check_flags, check_reals


class Adam(FusedOptimizer):
    """Adam: steps of about lr, in the direction of a running mean of the gradient.

    g = g + weight_decay p; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) after t steps.
    With amsgrad the largest v so far stands in place of v.

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay: numbers of at least 0.
        betas: both in [0, 1).
        amsgrad, maximize: see above; maximize climbs instead of descending.

    Raises: ArgumentError for an option outside its range.
    Source: Kingma, Ba, arXiv:1412.6980; amsgrad: Reddi, Kale, Kumar, ICLR 2018.

    Example:
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = optim.Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 4)
        2.5
    """

    decoupled: ClassVar[bool] = False  # whether the decay acts on the weight alone (AdamW)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        self._check_options(defaults)
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay")
        check_flags(op, group, "amsgrad", "maximize")
        try:
            first, second = group["betas"]
        except (TypeError, ValueError):
            received = describe(group["betas"], "betas")
            raise fail(ArgumentError, op, "betas must be a pair of numbers", received) from None
        group["betas"] = (
            _check.real(op, "betas[0]", first, 0, 1, open_high=True),
            _check.real(op, "betas[1]", second, 0, 1, open_high=True),
        )

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        t = bucket.step
        beta1, beta2 = group["betas"]
        lr = group["lr"]
        decay = group["weight_decay"]
        buffers = bucket.buffers
        if group["amsgrad"]:
            self._update_amsgrad(bucket, group)
            return
        if "exp_avg" not in buffers:
            bucket.buffer("exp_avg")
            bucket.buffer("exp_avg_sq")
        keep = 1.0
        if self.decoupled:
            keep = 1.0 - lr * decay
            decay = 0.0
        adam_step(
            bucket.params,
            _climbing(bucket) if group["maximize"] else None,
            buffers["exp_avg"],
            buffers["exp_avg_sq"],
            decay,
            keep,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            (1.0 - beta2**t) ** -0.5,
            group["eps"],
            lr / (1.0 - beta1**t),
        )

    def _update_amsgrad(self, bucket: Bucket, group: dict[str, Any]) -> None:
        """The same in ops: rare enough to have no kernel of its own."""
        t, lr, decay = bucket.step, group["lr"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        averages, squares = bucket.buffer("exp_avg"), bucket.buffer("exp_avg_sq")
        largest = bucket.buffer("max_exp_avg_sq")
        with no_grad():
            gradients = _climbing(bucket) if group["maximize"] else _gradients(bucket)
            states = zip(bucket.params, gradients, averages, squares, largest, strict=True)
            for p, g, m, v, most in states:
                if self.decoupled:
                    p.mul_(1.0 - lr * decay)
                elif decay:
                    g = g + decay * p
                m.add_((g - m) * (1.0 - beta1))
                v.mul_(beta2).add_(g * g * (1.0 - beta2))
                most.copy_(maximum(most, v))
                denominator = most.sqrt() / math.sqrt(1.0 - beta2**t) + group["eps"]
                p.sub_(m / denominator * (lr / (1.0 - beta1**t)))


def _gradients(bucket: Bucket) -> list[Tensor]:
    return [p.grad for p in bucket.params if p.grad is not None]  # a bucket's all have one


def _climbing(bucket: Bucket) -> list[Tensor]:
    return [-g for g in _gradients(bucket)]


class AdamW(Adam):
    """Adam with decoupled weight decay: p = p (1 - lr weight_decay) before a step without decay.

    Args: as Adam; weight_decay is 0.01 unless told otherwise.
    Raises: ArgumentError for an option outside its range.
    Source: Loshchilov, Hutter, arXiv:1711.05101.

    Example:
        >>> w = nn.Parameter(nnx.tensor([4.0]))
        >>> opt = optim.AdamW([w], lr=0.5, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> round(float(w), 4)
        2.5
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
