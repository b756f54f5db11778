"""AlexNet, the network that won the ImageNet contest of 2012, and a small one for 32 x 32."""

from __future__ import annotations

from typing import Any, ClassVar

from nnx import _check, nn
from nnx._nnx import Tensor
from nnx.models.parts import images
from nnx.nn.module import Module


class AlexNet(Module):
    """Five convolutions with ReLU, three of them followed by max pooling, then three dense
    layers with dropout; gives logits.

    The layers, their names and their 61,100,840 parameters (1000 classes) are torchvision's, so
    that its weights can be loaded: 64-192-384-256-256 channels with kernels 11, 5, 3, 3, 3.

    Args:
        num_classes: how many logits.
        dropout: the chance with which a number before the first two dense layers is dropped.
        hidden: the width of the two hidden dense layers.

    Shapes: (N, 3, H, W) with H, W of at least 63, by custom 224 -> (N, num_classes).
    Dtypes: floating.
    Raises: ShapeError for images that are smaller or have other channels.
    Source: Krizhevsky, arXiv:1404.5997, the "one weird trick" variant of Krizhevsky, Sutskever,
        Hinton, NIPS 2012, without its local response normalisation.

    Example:
        >>> model = nnx.models.AlexNet(num_classes=10, hidden=64)
        >>> model(nnx.zeros((1, 3, 96, 96))).shape
        (1, 10)
    """

    _least: ClassVar[int] = 63
    _side: ClassVar[int] = 6  # of what the dense layers see
    _first: ClassVar[dict[str, Any]] = {"kernel_size": 11, "stride": 4, "padding": 2}
    _pool: ClassVar[dict[str, Any]] = {"kernel_size": 3, "stride": 2}
    _second: ClassVar[dict[str, Any]] = {"kernel_size": 5, "padding": 2}

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5, hidden: int = 4096) -> None:
        super().__init__()
        op = type(self).__name__
        classes = _check.integer(op, "num_classes", num_classes, 1)
        width = _check.integer(op, "hidden", hidden, 1)
        p = _check.real(op, "dropout", dropout, 0, 1)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, **self._first),
            nn.ReLU(),
            nn.MaxPool2d(**self._pool),
            nn.Conv2d(64, 192, **self._second),
            nn.ReLU(),
            nn.MaxPool2d(**self._pool),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(**self._pool),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((self._side, self._side))
        self.classifier = nn.Sequential(
            nn.Dropout(p),
            nn.Dense(256 * self._side**2, width),
            nn.ReLU(),
            nn.Dropout(p),
            nn.Dense(width, width),
            nn.ReLU(),
            nn.Dense(width, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = images(type(self).__name__, x, 3, None, self._least)
        logits: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return logits


class AlexNet32(AlexNet):
    """AlexNet for images of 32 x 32, such as CIFAR's: 3 x 3 kernels in place of the large first
    ones, 2 x 2 pooling, narrower dense layers. 4,361,034 parameters.

    The maps of 32 x 32 become 16, 8, 4 and 2 pixels wide.

    Args: as AlexNet.
    Shapes: (N, 3, H, W) with H, W of at least 16, by custom 32 -> (N, num_classes).
    Dtypes, raises: as AlexNet.

    Example:
        >>> nnx.models.AlexNet32()(nnx.zeros((1, 3, 32, 32))).shape
        (1, 10)
    """

    _least = 16
    _side = 2
    _first: ClassVar[dict[str, Any]] = {"kernel_size": 3, "stride": 2, "padding": 1}
    _pool: ClassVar[dict[str, Any]] = {"kernel_size": 2, "stride": 2}
    _second: ClassVar[dict[str, Any]] = {"kernel_size": 3, "padding": 1}

    def __init__(self, num_classes: int = 10, dropout: float = 0.5, hidden: int = 1024) -> None:
        super().__init__(num_classes, dropout, hidden)
