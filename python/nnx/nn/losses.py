"""Losses as modules: each is one function of `nn.functional` with its options."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx import _nnx as ops
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.module import Module

_REDUCTIONS = ("mean", "sum", "none")


class Loss(Module):
    """Base of the losses: compares an input with a target.

    Args: reduction: "mean", "sum", or "none" for one number an element.

    Example:
        >>> isinstance(nn.MSELoss(), nn.losses.Loss)
        True
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction: str = _check.choice(
            type(self).__name__, "reduction", reduction, _REDUCTIONS
        )


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
        return functional.l1_loss(input, target, self.reduction)


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
        state = self.__dict__
        if state["weight"] is None and state["pos_weight"] is None:
            return ops.bce_with_logits(input, target, self.reduction)
        return functional.binary_cross_entropy_with_logits(
            input, target, state["weight"], self.reduction, state["pos_weight"]
        )


class CrossEntropyLoss(Loss):
    """Softmax cross-entropy of logits: mean of -log softmax(x)_label.

    Args:
        weight: a factor for each class; the mean is then weighted.
        ignore_index: a label that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: e mixes the target with the uniform distribution, (1-e) t + e/C.

    Shapes: input (N, C), (C,) or (N, C, ...), target (N,), () or (N, ...) of labels, or
        probabilities in the shape of the input.
    Dtypes: input floating; labels of any integer dtype.
    Raises: IndexError for a label outside [0, C), ShapeError for shapes that do not belong
        together, DTypeError for labels that are no integers.

    Example:
        >>> loss = nn.CrossEntropyLoss()(nnx.zeros((2, 10)), nnx.tensor([3, 7]))
        >>> round(float(loss), 4)
        2.3026
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = _check.integer(
            "CrossEntropyLoss", "ignore_index", ignore_index, -(2**62)
        )
        self.label_smoothing = _check.real(
            "CrossEntropyLoss", "label_smoothing", label_smoothing, 0, 1
        )

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return functional.cross_entropy(
            input,
            target,
            self.__dict__["weight"],
            self.ignore_index,
            self.reduction,
            self.label_smoothing,
        )


__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "L1Loss", "MSELoss"]
