"""Variational autoencoders: of dense layers and of convolutions, and their loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from nnx import _check, nn
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, randn, randn_like
from nnx.models.latent import LatentModel
from nnx.models.mlp import MLP
from nnx.models.parts import activation as made
from nnx.models.parts import growing, halvings, images, rows, shrinking, sizes_of
from nnx.nn.functional.vae import LIKELIHOODS, vae_loss
from nnx.nn.losses import Loss
from nnx.nn.tracing import evaluation


class VAELoss(Loss):
    """`vae_loss` of what a variational autoencoder gives: loss((reconstruction, mu, logvar), x).

    With the default "sum" a Trainer's history has the loss of one sample.

    Args: beta, reduction, likelihood, from_logits: as in `nnx.models.vae_loss`.
    Raises: DTypeError where the model gave something else than the three.

    Example:
        >>> model, x = nnx.models.VAE(), nnx.zeros((64, 784))
        >>> trainer = nnx.Trainer(model, nnx.models.VAELoss(), "adam")
        >>> history = trainer.fit(x, x, epochs=3, verbose=0)
        >>> history["loss"][2] < history["loss"][0]
        True
    """

    def __init__(
        self,
        beta: float = 1.0,
        reduction: str = "sum",
        likelihood: str = "bernoulli",
        from_logits: bool = False,
    ) -> None:
        super().__init__(reduction)
        self.beta = _check.real("VAELoss", "beta", beta, 0)
        self.likelihood: str = _check.choice("VAELoss", "likelihood", likelihood, LIKELIHOODS)
        self.from_logits = from_logits

    def forward(self, input: Any, target: Tensor) -> Tensor:
        if not isinstance(input, tuple | list) or len(input) != 3:
            rule = "the model must give (reconstruction, mu, logvar)"
            hint = "return reconstruction, mu, logvar at the end of its forward"
            raise fail(DTypeError, "VAELoss", rule, describe(input, "output"), hint)
        reconstruction, mu, logvar = input
        options = (self.beta, self.reduction, self.likelihood, self.from_logits)
        return vae_loss(reconstruction, target, mu, logvar, *options)

    def extra_repr(self) -> str:
        return f"beta={self.beta:g}, reduction={self.reduction!r}, likelihood={self.likelihood!r}"


class VariationalAutoencoder(LatentModel):
    """Base of the variational autoencoders: a code is drawn from a normal distribution.

    encode gives mu and log sigma^2 of each sample's distribution q(z | x), z = mu + sigma e with e
    normal of variance 1, and decode gives the mean of p(x | z). Trained with
    `vae_loss`: -log p(x | z) + KL(q(z | x) || normal).

    A subclass has `encode` and `decode`.

    Source: Kingma, Welling, arXiv:1312.6114.

    Example:
        >>> issubclass(nnx.models.ConvVAE, nnx.models.VariationalAutoencoder)
        True
    """

    likelihood: str = "bernoulli"

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """A draw z = mu + exp(logvar / 2) e, through which gradients reach mu and logvar.

        Shapes: all the same.

        Example:
            >>> vae = nnx.models.VAE()
            >>> vae.reparameterize(nnx.zeros((5, 20)), nnx.zeros((5, 20))).shape
            (5, 20)
        """
        return mu + (0.5 * logvar).exp() * randn_like(mu)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z).reshape(x.shape), mu, logvar

    def _code(self, x: Tensor) -> Tensor:
        mu: Tensor = self.encode(x)[0]
        return mu

    def sample(self, n: int = 1, generator: Any = None) -> Tensor:
        """Decoded codes drawn from the normal distribution: new samples.

        Args: n: how many; generator: an `nnx.Generator`; the global one unless given.
        Shapes: -> (n, ...), as `decode` gives them.

        Example:
            >>> nnx.models.VAE().sample(3).shape
            (3, 784)
        """
        count = _check.integer("sample", "n", n)
        with evaluation(self):
            weight = next(self.parameters())
            z = randn(
                (count, self.latent), dtype=weight.dtype, device=weight.device, generator=generator
            )
            return self.decode(z)

    def anomaly_score(self, x: Any) -> Tensor:
        """How badly each sample is explained: its `vae_loss` at z = mu. What a model was not
        trained on scores high.

        Shapes: (N, ...) -> (N,).

        Example:
            >>> nnx.models.VAE().anomaly_score(nnx.zeros((5, 784))).shape
            (5,)
        """
        return super().anomaly_score(x)

    def _score(self, x: Tensor) -> Tensor:
        mu, logvar = self.encode(x)
        decoded = self.decode(mu).reshape(x.shape)
        return vae_loss(decoded, x, mu, logvar, 1.0, "none", self.likelihood)


class VAE(VariationalAutoencoder):
    """Dense variational autoencoder; by default 784-400-20, as PyTorch's public example.

    h = relu(W x + b); mu and logvar are affine in h; decoding is the mirror image and ends with a
    sigmoid, so that the reconstruction is a probability for each pixel.

    Args:
        sizes: numbers of inputs, of each hidden layer, and of the code.
        activation: of the hidden layers.
        output_activation: "sigmoid" for pixels in [0, 1]; None for any numbers, with
            likelihood="gaussian" in the loss.

    Shapes: (N, sizes[0]), or images with as many pixels -> (the same, (N, latent), (N, latent)).
    Dtypes: floating.
    Raises: ShapeError for samples of another size.
    Source: Kingma, Welling, arXiv:1312.6114; the architecture of pytorch/examples/vae.

    Example:
        >>> reconstruction, mu, logvar = nnx.models.VAE()(nnx.zeros((5, 28, 28)))
        >>> reconstruction.shape, mu.shape, logvar.shape
        ((5, 28, 28), (5, 20), (5, 20))
    """

    def __init__(
        self,
        sizes: Sequence[int] = (784, 400, 20),
        activation: Any = "relu",
        output_activation: Any = "sigmoid",
    ) -> None:
        super().__init__()
        self.sizes = sizes_of("VAE", "sizes", sizes, 3)
        self.latent = self.sizes[-1]
        self.encoder = MLP(self.sizes[:-1], activation, output_activation=activation)
        self.to_mu = nn.Dense(self.sizes[-2], self.latent)
        self.to_logvar = nn.Dense(self.sizes[-2], self.latent)
        self.decoder = MLP(self.sizes[::-1], activation, output_activation=output_activation)
        self.likelihood = "gaussian" if output_activation is None else "bernoulli"

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(rows("VAE", x, self.sizes[0]))
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x

    def _sample_shape(self) -> tuple[int, ...]:
        return self.sizes[:1]


class ConvVAE(VariationalAutoencoder):
    """Convolutional variational autoencoder with layer normalisation.

    Encoder: 3 x 3 convolutions of stride 2 (1-32-64 channels, 28-14-7 pixels), each followed by
    layer normalisation and an activation; mu and logvar are affine in what comes out. The decoder
    is its mirror image with transposed convolutions, and ends with a sigmoid.

    Args:
        latent: how many numbers a code has.
        channels: of the convolutions.
        in_channels, size: of the images; size must be halved len(channels) times.
        activation: of the hidden layers.
        norm: whether there is layer normalisation (over channels and pixels of each sample).
        output_activation: "sigmoid" for pixels in [0, 1]; None for any numbers, with
            likelihood="gaussian" in the loss.

    Shapes: (N, in_channels, size, size), or (N, size, size) for grey images -> (the same,
        (N, latent), (N, latent)).
    Dtypes: floating.
    Raises: ShapeError for images of another size.
    Source: Kingma, Welling, arXiv:1312.6114; Ba, Kiros, Hinton, arXiv:1607.06450.

    Example:
        >>> model = nnx.models.ConvVAE()
        >>> reconstruction, mu, logvar = model(nnx.zeros((5, 1, 28, 28)))
        >>> reconstruction.shape, mu.shape
        ((5, 1, 28, 28), (5, 16))
    """

    def __init__(
        self,
        latent: int = 16,
        channels: Sequence[int] = (32, 64),
        in_channels: int = 1,
        size: int = 28,
        activation: Any = "relu",
        norm: bool = True,
        output_activation: Any = "sigmoid",
    ) -> None:
        super().__init__()
        op = "ConvVAE"
        widths = sizes_of(op, "channels", channels, 1)
        self.latent = _check.integer(op, "latent", latent, 1)
        self.in_channels = _check.integer(op, "in_channels", in_channels, 1)
        self.size = halvings(op, size, len(widths))
        widths = (self.in_channels, *widths)
        down, side = shrinking(widths, self.size, activation, norm)
        count = widths[-1] * side * side
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.to_mu = nn.Dense(count, self.latent)
        self.to_logvar = nn.Dense(count, self.latent)
        last = [] if output_activation is None else [made(op, output_activation)]
        self.decoder = nn.Sequential(
            nn.Dense(self.latent, count),
            made(op, activation),
            nn.Unflatten(1, (widths[-1], side, side)),
            *growing(widths[::-1], side, activation, norm),
            *last,
        )
        self.likelihood = "gaussian" if output_activation is None else "bernoulli"

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(images("ConvVAE", x, self.in_channels, self.size))
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x

    @classmethod
    def pretrained(cls, device: Any = None) -> Self:
        """The default model with weights from the package, trained on MNIST.

        Made by `python -m nnx.models.recipes.pretrain --epochs 30 --seed 0`; the mean of
        `anomaly_score` over the 10,000 test images is 91.41 nats. Kept in float16 (0.45 MB), loaded
        in float32, in evaluation mode. `nnx.models.vae.pretrained_metadata()` has it all.

        Raises: MissingPackageError without safetensors.

        Example:
            >>> digits = nnx.data.MNIST(train=False).images[:4]
            >>> nnx.models.ConvVAE.pretrained().reconstruct(digits).shape
            (4, 28, 28)
        """
        from nnx.io import load

        model = cls()
        state = {name: value.float() for name, value in load(PRETRAINED).items()}
        model.load_state_dict(state)
        return model.eval() if device is None else model.eval().to(device)

    def _sample_shape(self) -> tuple[int, ...]:
        return self.in_channels, self.size, self.size


PRETRAINED = Path(__file__).parent / "pretrained" / "conv_vae_mnist.safetensors"


def pretrained_metadata() -> dict[str, str]:
    """How the weights of `ConvVAE.pretrained()` were made: command, seed, epochs, test loss.

    Example:
        >>> nnx.models.vae.pretrained_metadata()["data"]
        'MNIST'
    """
    import json

    content = PRETRAINED.read_bytes()
    size = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + size])["__metadata__"]
    return found
