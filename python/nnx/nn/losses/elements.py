"""Losses that compare input and target element by element, and what all losses have."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.functional.arguments import REDUCTIONS
from nnx.nn.functional.losses import above_zero
from nnx.nn.module import Module


class Loss(Module):
    """Base of the losses: compares an input with a target.

    Args: reduction: "mean", "sum", or "none" for one number an element.

    Example:
        >>> isinstance(nn.MSELoss(), nn.losses.Loss)
        True
    """

    _reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction: str = _check.choice(
            type(self).__name__, "reduction", reduction, self._reductions
        )

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """Mean of (input - target)^2.

    Shapes: both the same, one number out. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes (nothing is broadcast), ArgumentError for another
        reduction.

    Example:
        >>> float(nn.MSELoss()(nnx.tensor([1.0, 2.0]), nnx.tensor([1.0, 4.0])))
        2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.mse_loss(input, target, self.reduction)


class L1Loss(Loss):
    """Mean of |input - target|.

    Shapes: both the same, one number out. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> float(nn.L1Loss()(nnx.tensor([1.0, 2.0]), nnx.tensor([1.0, 4.0])))
        1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return ops.l1_loss(input, target, self.reduction)


class SmoothL1Loss(Loss):
    """Mean of d^2 / (2 beta) where d = |input - target| < beta, and of d - beta/2 elsewhere.

    Args: beta: where the parabola ends; 0 for the L1 loss. reduction: "mean", "sum" or "none".
    Shapes: both the same, one number out. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes, ArgumentError for beta below 0.
    Source: Girshick, arXiv:1504.08083.

    Example:
        >>> float(nn.SmoothL1Loss()(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        1.5
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = _check.real("SmoothL1Loss", "beta", beta, 0)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(Loss):
    """Mean of d^2 / 2 where d = |input - target| < delta, and of delta (d - delta/2) elsewhere.

    Args: reduction: "mean", "sum" or "none". delta: where the parabola ends.
    Shapes: both the same, one number out. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes, ArgumentError for delta not above 0.
    Source: Huber, Ann. Math. Statist. 35 (1964) 73.

    Example:
        >>> float(nn.HuberLoss()(nnx.zeros(2), nnx.tensor([1.0, -3.0])))
        1.5
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = above_zero("HuberLoss", "delta", delta)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(Loss):
    """Binary cross-entropy of probabilities: mean of -[t log p + (1 - t) log(1 - p)] * weight.

    Logarithms are cut off at -100. BCEWithLogitsLoss, which takes what comes before the sigmoid,
    is more accurate.

    Args: weight: a factor for each element, broadcast. reduction: "mean", "sum" or "none".
    Shapes: input and target the same. Dtypes: floating; input and target in [0, 1].
    Raises: ArgumentError for inputs outside [0, 1], ShapeError for unequal shapes.

    Example:
        >>> round(float(nn.BCELoss()(nnx.full(3, 0.5), nnx.ones(3))), 4)
        0.6931
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits: mean of -[p t log s(x) + (1 - t) log(1 - s(x))], s the
    sigmoid, p the weight of the positive class; without overflow for any x.

    Args:
        weight: a factor for each element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: p, broadcast over the last axes; 1 unless told otherwise.

    Shapes: input and target the same. Dtypes: floating; targets in [0, 1].
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> round(float(nn.BCEWithLogitsLoss()(nnx.zeros(3), nnx.ones(3))), 4)
        0.6931
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        if self.weight is None and self.pos_weight is None:
            return ops.bce_with_logits(input, target, self.reduction)
        return functional.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )


class KLDivLoss(Loss):
    """Kullback-Leibler divergence: mean of t (log t - x), x log-probabilities, t probabilities.

    Args:
        reduction: "mean" over all elements, "batchmean" (the divergence as in mathematics: the sum
            divided by the length of the first axis), "sum" or "none".
        log_target: whether the target is log t.

    Shapes: both the same. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.
    Source: Kullback, Leibler, Ann. Math. Statist. 22 (1951) 79.

    Example:
        >>> p = nnx.tensor([[0.5, 0.5]])
        >>> float(nn.KLDivLoss(reduction="batchmean")(nnx.log(p), p))
        0.0
    """

    _reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = bool(log_target)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.kl_div(input, target, self.reduction, self.log_target)


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts t under a Poisson distribution: mean of exp(x) - t x.

    Args:
        log_input: whether x is the logarithm of the expected number; else the loss is
            x - t log(x + eps).
        full: whether Stirling's t log t - t + log(2 pi t)/2 is added where t > 1.
        eps: keeps the logarithm finite.
        reduction: "mean", "sum" or "none".

    Shapes: both the same. Dtypes: floating, both the same.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> float(nn.PoissonNLLLoss()(nnx.zeros(2), nnx.ones(2)))
        1.0
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input, self.full = bool(log_input), bool(full)
        self.eps = _check.real("PoissonNLLLoss", "eps", eps)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.poisson_nll_loss(
            input, target, self.log_input, self.full, self.eps, self.reduction
        )


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of values under normal distributions: mean of
    [log v + (input - target)^2 / v] / 2, input the mean, v = max(var, eps) the variance.

    Args:
        full: whether log(2 pi)/2 is added.
        eps: the smallest variance; the gradient does not see it.
        reduction: "mean", "sum" or "none".

    Shapes: input and target the same; var the same, or without the last axis, or with one axis of
        length 1, or a number.
    Dtypes: floating, all the same.
    Raises: ShapeError where they do not fit, ArgumentError for a negative variance.
    Source: Nix, Weigend, ICNN 1994.

    Example:
        >>> float(nn.GaussianNLLLoss()(nnx.zeros(2), nnx.ones(2), nnx.ones(2)))
        0.5
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = bool(full)
        self.eps = above_zero("GaussianNLLLoss", "eps", eps)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return functional.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class HingeEmbeddingLoss(Loss):
    """Mean of x where t = 1, and of max(0, margin - x) where t = -1.

    Args: margin: beyond which -1 costs nothing. reduction: "mean", "sum" or "none".
    Shapes: both the same. Dtypes: input floating; target of 1 and -1.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> x = nnx.tensor([0.5, 0.5])
        >>> float(nn.HingeEmbeddingLoss()(x, nnx.tensor([1.0, -1.0])))
        0.5
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = _check.real("HingeEmbeddingLoss", "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.hinge_embedding_loss(input, target, self.margin, self.reduction)


class SoftMarginLoss(Loss):
    """Mean of log(1 + exp(-t x)), t = 1 or -1; without overflow.

    Shapes: both the same. Dtypes: input floating; target of 1 and -1.
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> round(float(nn.SoftMarginLoss()(nnx.zeros(2), nnx.tensor([1.0, -1.0]))), 4)
        0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.soft_margin_loss(input, target, self.reduction)


__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]
