"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, Unpack

from nnx import _nnx
from nnx.optim.fused import Bucket, FusedOptimizer
from nnx.optim.optimizer import Params, Performance, check_flags, check_pair, check_reals


class Adam(FusedOptimizer):
    """Adam: steps of about lr, in the direction of a running mean of the gradient.

    d = g + weight_decay p; m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2;
    p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) after t steps.
    With amsgrad the largest v so far stands in place of v.

    Args:
        params: the parameters, or groups of them.
        lr, eps, weight_decay: numbers of at least 0.
        betas: both in [0, 1).
        amsgrad: see above.
        maximize: climbs instead of descending.
        decoupled_weight_decay: p = p (1 - lr weight_decay) instead of the decay in d (AdamW).
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes, dtypes: any floating ones.
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
        decoupled_weight_decay: bool = False,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "eps", "weight_decay")
        check_pair(op, group, "betas")
        check_flags(op, group, "amsgrad", "maximize", "decoupled_weight_decay")

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        t = bucket.step
        beta1, beta2 = group["betas"]
        decay, keep = weight_decay(group)
        update = _nnx.adam_update
        states = [bucket.buffer("exp_avg"), bucket.buffer("exp_avg_sq")]
        if group["amsgrad"]:
            update = _nnx.amsgrad_update
            states.append(bucket.buffer("max_exp_avg_sq"))
        update(
            bucket.params,
            bucket.gradients(True) if group["maximize"] else None,
            states,
            decay,
            keep,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            (1.0 - beta2**t) ** -0.5,
            group["eps"],
            group["lr"] / (1.0 - beta1**t),
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p = p (1 - lr weight_decay) before a step without decay.

    Args: as Adam; weight_decay is 0.01 unless told otherwise.
    Shapes, dtypes: any floating ones.
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
        **performance: Unpack[Performance],
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, **performance
        )

    def _check_options(self, group: dict[str, Any]) -> None:
        group["decoupled_weight_decay"] = True  # also where Adam's state is loaded
        super()._check_options(group)


def weight_decay(group: dict[str, Any]) -> tuple[float, float]:
    """What of p enters the gradient, and what p itself is multiplied by: one or the other."""
    decay: float = group["weight_decay"]
    if group["decoupled_weight_decay"]:
        return 0.0, 1.0 - group["lr"] * decay
    return decay, 1.0
