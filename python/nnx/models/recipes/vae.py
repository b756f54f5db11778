"""The dense VAE 784-400-20 on MNIST: a test loss of 106 nats an image after 10 epochs.

Cross-entropy and divergence are summed over pixels and code; batches of 128, Adam with 1e-3: the
training of PyTorch's public example.

Example:
    >>> from nnx.models.recipes import vae
    >>> found = vae.run(epochs=1, limit=256, verbose=False)
    >>> sorted(found)
    ['test_loss', 'train_loss']
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nnx._nnx import manual_seed
from nnx.models.recipes.common import Digits, command, digits, save_picture, train_vae
from nnx.models.vae import VAE, VariationalAutoencoder


def run(
    epochs: int = 10,
    seed: int = 0,
    output: str | None = None,
    limit: int | None = None,
    verbose: bool = True,
) -> dict[str, float]:
    """Trains the dense VAE and tests it.

    Args:
        epochs: how many.
        seed: of weights, order and draws.
        output: a folder for pictures of reconstructions and samples.
        limit: how many training images are used.
        verbose: whether lines are printed.

    Returns: {"train_loss": ..., "test_loss": ...}, nats an image.

    Example:
        >>> from nnx.models.recipes import vae
        >>> vae.run(epochs=10)["test_loss"] < 106.5  # doctest: +SKIP
        True
    """
    manual_seed(seed)
    data, model = digits(limit), VAE()
    found = train_vae(model, data, epochs, verbose=verbose)
    report(model, data, found, output, "vae", verbose)
    return found


def report(
    model: VariationalAutoencoder,
    data: Digits,
    found: dict[str, float],
    output: str | None,
    name: str,
    verbose: bool,
) -> None:
    """Prints the test loss, and draws reconstructions and samples where an output is given.

    Example:
        >>> from nnx.models.recipes.vae import report
        >>> report(nnx.models.VAE(), None, {"test_loss": 105.5}, None, "vae", True)
        test loss: 105.50 nats an image
    """
    if verbose:
        print(f"test loss: {found['test_loss']:.2f} nats an image")
    if output is None:
        return
    from nnx import plot

    shown = data.test_x[:8]
    axes = plot.reconstructions(model.reconstruct(shown), shown)
    save_picture(axes, output, f"{name}_reconstructions")
    axes = plot.images(model.sample(24).reshape(-1, 28, 28))[0]
    save_picture(axes, output, f"{name}_samples")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("vae", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
