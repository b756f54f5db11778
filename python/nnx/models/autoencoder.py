"""Autoencoders: of dense layers, of convolutions, and one that learns to remove noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnx import _check, nn
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, randn_like
from nnx.models.latent import LatentModel
from nnx.models.mlp import MLP
from nnx.models.parts import activation as made
from nnx.models.parts import growing, halvings, images, rows, shrinking, sizes_of


class Autoencoder(LatentModel):
    """Dense layers down to a code and, mirrored, up again: z = encoder(x), x' = decoder(z).

    Args:
        sizes: numbers of inputs, of each hidden layer, and of the code.
        activation: of the hidden layers.
        output_activation: of the last one; "sigmoid" for pixels in [0, 1], None for any numbers.

    Shapes: (N, sizes[0]), or images with as many pixels -> the same; codes (N, sizes[-1]).
    Dtypes: floating.
    Raises: ShapeError for samples of another size.
    Source: Hinton, Salakhutdinov, Science 313 (2006) 504.

    Example:
        >>> model = nnx.models.Autoencoder([784, 128, 2])
        >>> model(nnx.zeros((5, 28, 28))).shape, model.encode(nnx.zeros((5, 784))).shape
        ((5, 28, 28), (5, 2))
    """

    def __init__(
        self,
        sizes: Sequence[int] = (784, 128, 64, 16),
        activation: Any = "relu",
        output_activation: Any = "sigmoid",
    ) -> None:
        super().__init__()
        self.sizes = sizes_of("Autoencoder", "sizes", sizes, 2)
        self.latent = self.sizes[-1]
        self.encoder = MLP(self.sizes, activation)
        self.decoder = MLP(self.sizes[::-1], activation, output_activation=output_activation)

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.encoder(rows("Autoencoder", x, self.sizes[0]))
        return z

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x)).reshape(x.shape)

    def _sample_shape(self) -> tuple[int, ...]:
        return self.sizes[:1]


class ConvAutoencoder(LatentModel):
    """Convolutions of stride 2 down to a code and, mirrored, transposed ones up again.

    in_channels -> channels[0] -> ... by 3 x 3 convolutions that halve the side, a dense layer to
    the code, and the way back.

    Args:
        latent: how many numbers a code has.
        channels: of the layers.
        in_channels, size: of the images; size must be halved len(channels) times.
        activation: of the hidden layers.
        norm: whether each convolution is followed by layer normalisation.
        output_activation: "sigmoid" for pixels in [0, 1], None for any numbers.

    Shapes: (N, in_channels, size, size), or (N, size, size) for grey images -> the same; codes
        (N, latent).
    Dtypes: floating.
    Raises: ShapeError for images of another size.
    Source: Masci, Meier, Ciresan, Schmidhuber, ICANN 2011, 52.

    Example:
        >>> model = nnx.models.ConvAutoencoder(latent=8)
        >>> model(nnx.zeros((5, 1, 28, 28))).shape
        (5, 1, 28, 28)
    """

    def __init__(
        self,
        latent: int = 16,
        channels: Sequence[int] = (32, 64),
        in_channels: int = 1,
        size: int = 28,
        activation: Any = "relu",
        norm: bool = False,
        output_activation: Any = "sigmoid",
    ) -> None:
        super().__init__()
        op = "ConvAutoencoder"
        widths = sizes_of(op, "channels", channels, 1)
        self.latent = _check.integer(op, "latent", latent, 1)
        self.in_channels = _check.integer(op, "in_channels", in_channels, 1)
        self.size = halvings(op, size, len(widths))
        widths = (self.in_channels, *widths)
        down, side = shrinking(widths, self.size, activation, norm)
        count = widths[-1] * side * side
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Dense(count, self.latent))
        last = [] if output_activation is None else [made(op, output_activation)]
        self.decoder = nn.Sequential(
            nn.Dense(self.latent, count),
            made(op, activation),
            nn.Unflatten(1, (widths[-1], side, side)),
            *growing(widths[::-1], side, activation, norm),
            *last,
        )

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.encoder(images("ConvAutoencoder", x, self.in_channels, self.size))
        return z

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x)).reshape(x.shape)

    def _sample_shape(self) -> tuple[int, ...]:
        return self.in_channels, self.size, self.size


class DenoisingAutoencoder(LatentModel):
    """An autoencoder that sees x + noise e, e normal with variance 1, in training, and is to give
    x back. In evaluation nothing is added.

    Args:
        model: the autoencoder inside; `Autoencoder()` unless given.
        noise: the standard deviation of what is added.

    Shapes, dtypes, raises: those of the model inside.
    Source: Vincent, Larochelle, Bengio, Manzagol, ICML 2008, 1096.

    Example:
        >>> model = nnx.models.DenoisingAutoencoder(nnx.models.Autoencoder([784, 64]), noise=0.5)
        >>> model(nnx.zeros((5, 784))).shape
        (5, 784)
    """

    def __init__(self, model: LatentModel | None = None, noise: float = 0.3) -> None:
        super().__init__()
        op = "DenoisingAutoencoder"
        inner = Autoencoder() if model is None else model
        if not isinstance(inner, LatentModel):
            rule = "the model inside must be an autoencoder"
            raise fail(DTypeError, op, rule, describe(model, "model"))
        self.model = inner
        self.latent = inner.latent
        self.noise = _check.real(op, "noise", noise, 0)

    def encode(self, x: Tensor) -> Any:
        return self.model.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.model.decode(z)

    def forward(self, x: Tensor) -> Any:
        if self.training and self.noise:
            x = x + self.noise * randn_like(x)
        return self.model(x)

    def extra_repr(self) -> str:
        return f"noise={self.noise:g}"

    def _code(self, x: Tensor) -> Tensor:
        return self.model._code(x)

    def _sample_shape(self) -> tuple[int, ...]:
        return self.model._sample_shape()
