"""Losses of class scores: against labels, probabilities, or several labels at once."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._nnx import Tensor
from nnx.nn import functional
from nnx.nn.losses.elements import Loss


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

    weight: Tensor | None

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
            self.weight,
            self.ignore_index,
            self.reduction,
            self.label_smoothing,
        )


class NLLLoss(Loss):
    """Mean of -weight_label x_label, x log-probabilities: with LogSoftmax before it, the
    cross-entropy.

    Args:
        weight: a factor for each class; the mean is then weighted.
        ignore_index: a label that counts for nothing.
        reduction: "mean", "sum" or "none".

    Shapes: input (N, C), (C,) or (N, C, ...), target (N,), () or (N, ...).
    Dtypes: input floating; labels of any integer dtype.
    Raises: IndexError for a label outside [0, C), ShapeError for shapes that do not belong
        together, DTypeError for labels that are no integers.

    Example:
        >>> logs = nn.LogSoftmax(dim=1)(nnx.zeros((2, 10)))
        >>> round(float(nn.NLLLoss()(logs, nnx.tensor([3, 7]))), 4)
        2.3026
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = _check.integer("NLLLoss", "ignore_index", ignore_index, -(2**62))

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return functional.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class MultiMarginLoss(Loss):
    """Hinge loss of class scores: mean over samples of
    sum_{i != y} weight_y max(0, margin - x_y + x_i)^p / C.

    Args:
        p: 1 or 2.
        margin: by how much the score of the label y should exceed the others.
        weight: a factor for each class.
        reduction: "mean", "sum" or "none".

    Shapes: input (N, C) or (C,), target (N,) or ().
    Dtypes: input floating; labels of any integer dtype.
    Raises: IndexError for a label outside [0, C), ArgumentError for p other than 1 and 2.

    Example:
        >>> float(nn.MultiMarginLoss()(nnx.tensor([0.0, 0.5, 2.0]), nnx.tensor(2)))
        0.0
    """

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.p: int = _check.choice("MultiMarginLoss", "p", p, (1, 2))
        self.margin = _check.real("MultiMarginLoss", "margin", margin)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Any) -> Tensor:
        return functional.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, self.reduction
        )


class MultiLabelSoftMarginLoss(Loss):
    """Several yes-or-no questions: mean over samples of the mean over classes of
    -weight [t log s(x) + (1 - t) log(1 - s(x))], s the sigmoid.

    Args: weight: a factor for each class. reduction: "mean", "sum" or "none".
    Shapes: input and target (..., C). Dtypes: floating; targets in [0, 1].
    Raises: ShapeError for unequal shapes, ArgumentError for another reduction.

    Example:
        >>> loss = nn.MultiLabelSoftMarginLoss()(nnx.zeros((1, 2)), nnx.ones((1, 2)))
        >>> round(float(loss), 4)
        0.6931
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return functional.multilabel_soft_margin_loss(input, target, self.weight, self.reduction)


__all__ = ["CrossEntropyLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss"]
