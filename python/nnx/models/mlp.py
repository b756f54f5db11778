"""MLP, the multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nnx import _check, nn
from nnx.models.parts import activation as made
from nnx.models.parts import sizes_of
from nnx.nn.module import Module


class MLP(nn.Sequential):
    """Dense layers with an activation between them: h_k = f(W_k h_(k-1) + b_k), y = W_n h + b_n.

    Args:
        sizes: numbers of inputs, of each hidden layer, and of outputs.
        activation: f, by its name ("relu", "tanh", ...), class or module.
        dropout: the chance with which each number of a hidden layer is dropped in training.
        norm: None, "layer" or "batch": a normalisation before each activation.
        bias: whether the layers have one.
        output_activation: what follows the last layer; nothing unless given.

    Shapes: (..., sizes[0]) -> (..., sizes[-1]). With norm="batch" (N, sizes[0]).
    Dtypes: floating.
    Raises: ArgumentError for fewer than two sizes or an unknown activation, ShapeError where the
        last axis of x is not sizes[0].

    Example:
        >>> model = nnx.models.MLP([784, 128, 64, 10], dropout=0.2)
        >>> model(nnx.zeros((5, 784))).shape
        (5, 10)
        >>> nnx.models.MLP([2, 3, 1], "tanh")
        MLP(
          (0): Dense(in_features=2, out_features=3, bias=True)
          (1): Tanh()
          (2): Dense(in_features=3, out_features=1, bias=True)
        )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Any = "relu",
        dropout: float = 0.0,
        norm: str | None = None,
        bias: bool = True,
        output_activation: Any = None,
    ) -> None:
        op = "MLP"
        widths = sizes_of(op, "sizes", sizes, 2)
        p = _check.real(op, "dropout", dropout, 0, 1)
        _check.choice(op, "norm", norm, (None, "layer", "batch"))
        layers: list[Module] = []
        for before, after in pairwise(widths):
            if layers:
                if norm == "layer":
                    layers.append(nn.LayerNorm(before))
                elif norm == "batch":
                    layers.append(nn.BatchNorm1d(before))
                layers.append(made(op, activation))
                if p:
                    layers.append(nn.Dropout(p))
            layers.append(nn.Dense(before, after, bias=bias))
        if output_activation is not None:
            layers.append(made(op, output_activation))
        super().__init__(*layers)
