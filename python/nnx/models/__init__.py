"""Networks of the lectures, each on a page of its own, and `recipes` that train them.

Example:
    >>> model = nnx.models.LeNet5()
    >>> model(nnx.zeros((2, 1, 28, 28))).shape
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    61706
"""

from nnx.models.alexnet import AlexNet, AlexNet32
from nnx.models.autoencoder import Autoencoder, ConvAutoencoder, DenoisingAutoencoder
from nnx.models.latent import LatentModel
from nnx.models.lenet import LeNet5
from nnx.models.mlp import MLP
from nnx.models.vae import VAE, ConvVAE, VAELoss, VariationalAutoencoder
from nnx.nn.functional.vae import vae_loss

__all__ = [
    "MLP",
    "VAE",
    "AlexNet",
    "AlexNet32",
    "Autoencoder",
    "ConvAutoencoder",
    "ConvVAE",
    "DenoisingAutoencoder",
    "LatentModel",
    "LeNet5",
    "VAELoss",
    "VariationalAutoencoder",
    "vae_loss",
]
