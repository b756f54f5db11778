"""The convolutional VAE on MNIST: a lower test loss than the dense one, with a third of its
parameters.

Example:
    >>> from nnx.models.recipes import conv_vae
    >>> found = conv_vae.run(epochs=1, limit=256, verbose=False)
    >>> sorted(found)
    ['test_loss', 'train_loss']
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nnx._nnx import manual_seed
from nnx.models.recipes.common import command, digits, train_vae
from nnx.models.recipes.vae import report
from nnx.models.vae import ConvVAE


def run(
    epochs: int = 10,
    seed: int = 0,
    output: str | None = None,
    limit: int | None = None,
    verbose: bool = True,
) -> dict[str, float]:
    """Trains the convolutional VAE and tests it.

    Args: as of `recipes.vae.run`.
    Returns: {"train_loss": ..., "test_loss": ...}, nats an image.

    Example:
        >>> from nnx.models.recipes import conv_vae
        >>> conv_vae.run(epochs=10)["test_loss"] < 104  # doctest: +SKIP
        True
    """
    manual_seed(seed)
    data, model = digits(limit), ConvVAE()
    found = train_vae(model, data, epochs, verbose=verbose)
    report(model, data, found, output, "conv_vae", verbose)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("conv_vae", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
