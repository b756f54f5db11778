"""Muon: momentum whose matrices are made orthogonal."""

from __future__ import annotations

import math
from typing import Any, Unpack

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor, addmm, bfloat16, float32, no_grad
from nnx.optim.fused import Bucket, FusedOptimizer
from nnx.optim.optimizer import Params, Performance, check_flags, check_reals


class Muon(FusedOptimizer):
    """Momentum, orthogonalised: for the weight matrices of hidden layers, and for nothing else.

    m = momentum m + (1 - momentum) g; O = orthogonal(u) with u = m, or with Nesterov's u =
    momentum m + (1 - momentum) g; p = (1 - lr weight_decay) p - lr c O. c is
    sqrt(max(1, rows / columns)), or 0.2 sqrt(max(rows, columns)) where adjust_lr_fn is
    "match_rms_adamw". All singular values of O are near 1; see `orthogonal`.

    Args:
        params: matrices; give biases, embeddings and the last layer to AdamW.
        lr, weight_decay, momentum, eps: numbers of at least 0.
        nesterov: see above.
        ns_coefficients, ns_steps: of the iteration in `orthogonal`; at most 99 steps.
        adjust_lr_fn: None, "original" or "match_rms_adamw".
        performance: PyTorch's, see `optimizer.Performance`.

    Shapes: two axes. dtypes: any floating ones; O is found in bfloat16's precision.
    Raises: ShapeError for a parameter that is no matrix, ArgumentError for an option outside its
        range.
    Source: Jordan et al., <https://kellerjordan.github.io/posts/muon/>; Liu et al.,
        arXiv:2502.16982; PyTorch's torch.optim.Muon.

    Example:
        >>> w = nn.Parameter(nnx.eye(2) * 3)
        >>> opt = optim.Muon([w], lr=0.5, weight_decay=0.0)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> nnx.allclose(w, nnx.eye(2) * 2.5, atol=0.2)
        True
    """

    counts_steps = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        **performance: Unpack[Performance],
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults, performance)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "weight_decay", "momentum", "eps")
        check_flags(op, group, "nesterov")
        try:
            first, second, third = group["ns_coefficients"]
        except (TypeError, ValueError):
            received = describe(group["ns_coefficients"], "ns_coefficients")
            rule = "ns_coefficients must be three numbers"
            raise fail(ArgumentError, op, rule, received) from None
        group["ns_coefficients"] = tuple(
            _check.real(op, "ns_coefficients", c) for c in (first, second, third)
        )
        group["ns_steps"] = _check.integer(op, "ns_steps", group["ns_steps"])
        if group["ns_steps"] >= 100:
            raise fail(ArgumentError, op, "ns_steps must be below 100", str(group["ns_steps"]))
        kinds = (None, "original", "match_rms_adamw")
        _check.choice(op, "adjust_lr_fn", group["adjust_lr_fn"], kinds)
        for p in group.get("params", ()):
            if p.ndim != 2:
                raise fail(
                    ShapeError,
                    op,
                    "the parameters must be matrices",
                    describe(p),
                    "[p for p in model.parameters() if p.ndim == 2] for Muon, the others for AdamW",
                )

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        buffers = bucket.buffer("momentum_buffer")
        gradients = [p.grad.detach() for p in bucket.params if p.grad is not None]
        _nnx.ema_update(buffers, gradients, (), 1.0 - momentum)
        with no_grad():
            for p, g, m in zip(bucket.params, gradients, buffers, strict=True):
                wanted = g.lerp(m, momentum) if group["nesterov"] else m
                found = orthogonal(
                    wanted, group["ns_steps"], group["ns_coefficients"], group["eps"]
                )
                rows, columns = p.shape
                if group["adjust_lr_fn"] == "match_rms_adamw":
                    factor = 0.2 * math.sqrt(max(rows, columns))
                else:
                    factor = math.sqrt(max(1.0, rows / columns))
                p.mul_(1.0 - lr * group["weight_decay"])
                p.add_(found.to(p.dtype), alpha=-lr * factor)


def orthogonal(
    matrix: Tensor, steps: int, coefficients: tuple[float, float, float], eps: float
) -> Tensor:
    """U S' V^T for a matrix U S V^T, with all singular values in S' between about 0.5 and 1.5.

    A Newton-Schulz iteration X = a X + (b A + c A^2) X with A = X X^T, from X = matrix / |matrix|.
    Every result is rounded to bfloat16, as PyTorch's are, and multiplied in float32.

    Shapes: (n, m) -> (n, m). dtypes: float32 out.

    Example:
        >>> from nnx.optim.muon import orthogonal
        >>> x = orthogonal(nnx.eye(3) * 7, 5, (3.4445, -4.7750, 2.0315), 1e-7)
        >>> bool((x.diagonal() - 1).abs().max() < 0.5)
        True
    """
    a, b, c = coefficients
    x = _rounded(matrix)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = _rounded(x / _rounded(x.norm()).clamp(min=eps))
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        x = _rounded(addmm(x, _rounded(addmm(gram, gram, gram, beta=b, alpha=c)), x, beta=a))
    return x.T if tall else x


def _rounded(x: Tensor) -> Tensor:
    return x.to(bfloat16).to(float32)
