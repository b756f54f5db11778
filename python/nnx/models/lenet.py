"""LeNet5, the convolutional network that read cheques."""

from __future__ import annotations

from typing import Any

from nnx import _check, nn
from nnx._nnx import Tensor
from nnx.models.parts import activation as made
from nnx.models.parts import images
from nnx.nn.module import Module


class LeNet5(Module):
    """Two convolutions with pooling, then three dense layers; gives logits.

    | layer | output |
    |---|---|
    | convolution 5 x 5, padding 2 | 6 x 28 x 28 |
    | pooling 2 x 2 | 6 x 14 x 14 |
    | convolution 5 x 5 | 16 x 10 x 10 |
    | pooling 2 x 2 | 16 x 5 x 5 |
    | dense | 120 |
    | dense | 84 |
    | dense | 10 |

    An activation follows each layer but the poolings and the last. 61,706 parameters.

    Args:
        num_classes: how many logits.
        activation: "tanh" as in the paper, "relu" as today, or another.
        pool: "avg" as in the paper (there with a factor and a bias), or "max".
        in_channels: 1 for grey images, 3 for colours.
        dropout: the chance with which each number of the two hidden dense layers is dropped in
            training.

    Shapes: (N, in_channels, 28, 28), or (N, 28, 28) for grey images -> (N, num_classes).
    Dtypes: floating.
    Raises: ShapeError for images of another size.
    Source: LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998) 2278, with full connections
        between the channels and dense outputs in place of radial ones.

    Example:
        >>> model = nnx.models.LeNet5(activation="relu", pool="max")
        >>> model(nnx.zeros((5, 28, 28))).shape
        (5, 10)
    """

    def __init__(
        self,
        num_classes: int = 10,
        activation: Any = "tanh",
        pool: str = "avg",
        in_channels: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        op = "LeNet5"
        self.in_channels = _check.integer(op, "in_channels", in_channels, 1)
        classes = _check.integer(op, "num_classes", num_classes, 1)
        p = _check.real(op, "dropout", dropout, 0, 1)
        max_pool = _check.choice(op, "pool", pool, ("avg", "max")) == "max"
        pooling = nn.MaxPool2d if max_pool else nn.AvgPool2d
        self.features = nn.Sequential(
            nn.Conv2d(self.in_channels, 6, 5, padding=2),
            made(op, activation),
            pooling(2),
            nn.Conv2d(6, 16, 5),
            made(op, activation),
            pooling(2),
        )
        dense: list[Module] = [nn.Flatten()]
        for before, after in ((400, 120), (120, 84)):
            dense += [nn.Dense(before, after), made(op, activation)]
            dense += [nn.Dropout(p)] if p else []
        self.classifier = nn.Sequential(*dense, nn.Dense(84, classes))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.features(images("LeNet5", x, self.in_channels, 28))
        logits: Tensor = self.classifier(maps)
        return logits
